"""What the clock alone does to notices: who objected without an account is forgotten some time after the decision."""

from collections.abc import Callable
from datetime import datetime

from blueprints.public_notices import actions, queries
from core.db import db


def has_outsiders_to_erase(now: datetime) -> bool:
    return db.session.scalar(queries.to_erase(now).limit(1)) is not None


STEPS: tuple[tuple[Callable[[datetime], bool], Callable[[datetime], int]], ...] = (
    (has_outsiders_to_erase, actions.erase_outsiders),
)
