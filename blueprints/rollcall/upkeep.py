"""What the clock alone does to evidence: the worker asks the question, and acts where there is something to do."""

from collections.abc import Callable
from datetime import datetime

from blueprints.rollcall import actions, queries
from core.db import db


def has_old_pictures(now: datetime) -> bool:
    return db.session.scalar(queries.old_pictures(now).limit(1)) is not None


STEPS: tuple[tuple[Callable[[datetime], bool], Callable[[datetime], int]], ...] = (
    (has_old_pictures, actions.erase_old_pictures),
)
