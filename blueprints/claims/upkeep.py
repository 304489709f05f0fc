"""What the clock alone does to claims: the worker asks each question, and acts where there is something to do."""

from collections.abc import Callable
from datetime import datetime

from blueprints.claims import actions, handovers, queries, seeking, shortfalls, shortness

# A question that only reads, and the verb that settles what it found; each in a transaction of its own.
STEPS: tuple[tuple[Callable[[datetime], bool], Callable[[datetime], int]], ...] = (
    (lambda now: bool(queries.unanswered_shift_ids(now)), actions.end_requests),
    (queries.has_untold_watches, actions.tell_watchers),
    (lambda now: bool(seeking.due(now)), handovers.end_due),
    (lambda now: bool(shortness.due(now)), shortfalls.ask_due),
)
