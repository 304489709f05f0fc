"""What the clock alone does to entries: a notice that is over lets them count, one that lost days gets them back."""

from collections.abc import Callable
from datetime import datetime

from blueprints.records import actions, queries

# A question that only reads, and the verb that settles what it found; each in a transaction of its own.
STEPS: tuple[tuple[Callable[[datetime], bool], Callable[[datetime], int]], ...] = (
    (lambda now: bool(queries.notices_cut_short(now)), actions.lengthen_notices),
    (lambda now: bool(queries.notices_over(now, most=1)), actions.end_notices),
)
