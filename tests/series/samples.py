"""A series of the station's post, and the parts that tests change."""

from datetime import date, timedelta
from typing import Any

from blueprints.series import actions
from blueprints.series.models import HolidayRule, Rhythm
from core.db import db
from tests.factories import BEFORE, START, World

MONDAY = date(2099, 5, 4)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


def rhythm(**changed: Any) -> dict[str, Any]:
    """Every week for three months from the Monday of the small world on."""
    values = {"rhythm": Rhythm.WEEKLY, "every": 1, "ordinal": None, "holidays": HolidayRule.SKIP}
    return values | {"from_day": MONDAY, "until_day": MONDAY + 90 * DAY} | changed


def row(*weekdays: int, starts: int = 9 * 60, ends: int = 11 * 60, places: int = 2, **more: Any) -> dict[str, Any]:
    return {"weekdays": list(weekdays) or [1], "starts": starts, "ends": ends, "places": places} | {
        "break_minutes": 0,
        **more,
    }


def made(world: World, post: Any, *rows: dict[str, Any], now: Any = BEFORE, **changed: Any) -> Any:
    """A series with its first shifts, committed."""
    series, _outcome = actions.create(post.id, rhythm(**changed), rows or [row()], world.chen, now)
    db.session.commit()
    return series


__all__ = ["BEFORE", "DAY", "MONDAY", "START", "WEEK", "made", "rhythm", "row"]
