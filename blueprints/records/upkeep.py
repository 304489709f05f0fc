"""What the clock alone does to entries: a public notice that is over without an objection lets them count."""

from collections.abc import Callable
from datetime import datetime

from blueprints.records import actions, queries

# A question that only reads, and the verb that settles what it found; each in a transaction of its own.
STEPS: tuple[tuple[Callable[[datetime], bool], Callable[[datetime], int]], ...] = (
    (lambda now: bool(queries.notices_over(now, most=1)), actions.end_notices),
)
