"""What the clock alone does to honours: a notice that is over grants them, one that lost days gets them back."""

from collections.abc import Callable
from datetime import datetime

from blueprints.honours import actions, queries

# A question that only reads, and the verb that settles what it found; each in a transaction of its own.
STEPS: tuple[tuple[Callable[[datetime], bool], Callable[[datetime], int]], ...] = (
    (actions.is_cut_short, actions.lengthen_notices),
    (lambda now: bool(queries.due(now, most=1)), actions.end_notices),
)
