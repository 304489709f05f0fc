"""Posts that stations offer again and again, ready to be adapted; their texts are data in the city's own language."""

import json
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from blueprints.posts.models import Template

FILE = Path(__file__).with_name("starters.json")
WEEK = 7


@dataclass(frozen=True, slots=True)
class Starter:
    """What a form is filled in with, and when such a post usually takes place."""

    key: str
    weekdays: tuple[int, ...]  # 1 is Monday
    starts: time
    ends: time
    places: int
    values: dict[str, Any]

    def rows(self, today: date) -> list[dict[str, Any]]:
        """A shift on each of its weekdays within the seven days after today."""
        days = [today + timedelta(days=ahead) for ahead in range(1, WEEK + 1)]
        hours = {"starts": self.starts, "ends": self.ends, "places": self.places}
        return [{"day": day, **hours} for day in days if day.isoweekday() in self.weekdays]


def of_template(kept: Template) -> Starter:
    """What an organization kept, in the form of a starter."""
    hours = [time(*divmod(minute, 60)) for minute in (kept.starts, kept.ends)]
    return Starter(str(kept.id), tuple(kept.weekdays), hours[0], hours[1], kept.places, kept.text)


@cache
def starters() -> dict[str, Starter]:
    """All of them by key, in the order of the file."""
    return {kept["key"]: _starter(**kept) for kept in json.loads(FILE.read_text(encoding="utf-8"))}


def _starter(key: str, weekdays: list[int], starts: str, ends: str, places: int, **values: Any) -> Starter:
    return Starter(key, tuple(weekdays), time.fromisoformat(starts), time.fromisoformat(ends), places, values)
