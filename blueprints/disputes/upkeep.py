"""What the clock alone does to disputes: the worker asks the question, and acts where there is something to do."""

from collections.abc import Callable
from datetime import datetime

from blueprints.disputes import actions, queries, reported, reporting
from core.db import db


def has_old_proofs(now: datetime) -> bool:
    return db.session.scalar(queries.old_proofs(now).limit(1)) is not None


def has_old_reports(now: datetime) -> bool:
    return db.session.scalar(reported.old_reports(now).limit(1)) is not None


STEPS: tuple[tuple[Callable[[datetime], bool], Callable[[datetime], int]], ...] = (
    (has_old_proofs, actions.erase_old_proofs),
    (has_old_reports, reporting.erase_old),
)
