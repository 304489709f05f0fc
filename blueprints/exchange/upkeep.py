"""What the clock alone does to batches: the worker asks the question, and acts where there is something to do."""

from collections.abc import Callable
from datetime import datetime

from blueprints.exchange import actions, queries
from core.db import db


def has_old(now: datetime) -> bool:
    return db.session.scalar(queries.old(now - actions.KEPT_FOR).limit(1)) is not None


STEPS: tuple[tuple[Callable[[datetime], bool], Callable[[datetime], int]], ...] = ((has_old, actions.erase_old),)
