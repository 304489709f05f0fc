"""On which days a series takes place, counted by the clock on the wall. Nothing here reads or writes a row."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from dateutil.rrule import MONTHLY, WEEKLY, rrule, weekday

from blueprints.series.models import MAKE_UP, HolidayRule, Rhythm, Series, Slot
from core import clock
from core.workdays import Calendar, DayKind

WEEK = timedelta(days=7)
YEAR = 365 * clock.DAY


class LeftOut(StrEnum):
    """Why a day that the rhythm hits makes no shift."""

    HOLIDAY = "holiday"
    SKIPPED = "skipped"
    CLOCK = "clock"  # the clock is put forward over these hours


@dataclass(frozen=True, slots=True)
class Planned:
    """One day and hours that a series hits, and what is special about the day."""

    slot: Slot
    day: date
    starts_at: datetime
    ends_at: datetime
    special: str = ""  # the name of the holiday, or of the one that is made up for
    kind: DayKind | None = None
    left_out: LeftOut | None = None


def last_day(from_day: date) -> date:
    """The last day that a series may have: it lasts 365 days at most, as its post does a year (domain c4)."""
    return from_day + YEAR - clock.DAY


def plan(
    series: Series, slots: Sequence[Slot], skips: Iterable[tuple[Slot, date]], days: Calendar, first: date, last: date
) -> list[Planned]:
    """Everything that the series hits from the first to the last day, in the order of time."""
    skipped = {(id(slot), day) for slot, day in skips}
    hits = [_planned(slot, day, skipped, days) for slot in slots for day in _days(series, slot, days, first, last)]
    return sorted((_judged(series, hit) for hit in hits), key=lambda hit: (hit.starts_at, hit.slot.id or 0))


def _planned(slot: Slot, day: date, skipped: set[tuple[int, date]], days: Calendar) -> Planned:
    starts_at, ends_at = moments(slot, day)
    kind, name = days.special(day) or (None, "")
    left_out = LeftOut.CLOCK if ends_at <= starts_at else None
    if (id(slot), day) in skipped:
        left_out = LeftOut.SKIPPED
    return Planned(slot, day, starts_at, ends_at, name, kind, left_out)


def moments(slot: Slot, day: date) -> tuple[datetime, datetime]:
    """The slot on a day: its hours stay what they are, whatever the distance to UTC is that day."""
    starts_at = clock.at(day, slot.start_hour)
    return starts_at, clock.at(day + clock.DAY * slot.is_overnight, slot.end_hour)


def _judged(series: Series, hit: Planned) -> Planned:
    silent = series.holidays is HolidayRule.SKIP and hit.kind is DayKind.HOLIDAY and not hit.slot.single
    if not silent or hit.left_out:
        return hit
    return Planned(hit.slot, hit.day, hit.starts_at, hit.ends_at, hit.special, hit.kind, LeftOut.HOLIDAY)


def _days(series: Series, slot: Slot, days: Calendar, first: date, last: date) -> list[date]:
    """The days between, both included, on which the slot holds, whatever is special about them."""
    first, last = max(first, slot.from_day), min(last, slot.until_day)
    if slot.single:
        return [slot.from_day] if first <= slot.from_day <= last else []
    hit = {day for day in _rhythm(series, slot, last) if day >= first}
    if MAKE_UP in slot.weekdays:
        hit.update(_make_up_days(series, days, first, last))
    return sorted(hit)


def _rhythm(series: Series, slot: Slot, last: date) -> Iterator[date]:
    wanted = [number for number in slot.weekdays if number != MAKE_UP]
    if not wanted or last < series.from_day:
        return
    until = datetime.combine(last, time.max)
    if series.rhythm is Rhythm.WEEKLY:
        begin, by, frequency = _monday(series.from_day), [weekday(n - 1) for n in wanted], WEEKLY
    else:
        begin, frequency = series.from_day.replace(day=1), MONTHLY
        by = [weekday(n - 1, series.ordinal) for n in wanted]
    start = datetime.combine(begin, time.min)
    for hit in rrule(frequency, dtstart=start, interval=series.every, byweekday=by, wkst=weekday(0), until=until):
        yield hit.date()


def _make_up_days(series: Series, days: Calendar, first: date, last: date) -> Iterator[date]:
    """Days on which people work in exchange, in the weeks that the rhythm counts."""
    day, begin = max(first, series.from_day), _monday(series.from_day)
    while day <= last:
        special = days.special(day)
        if special and special[0] is DayKind.WORKDAY and (_monday(day) - begin) // WEEK % series.every == 0:
            yield day
        day += clock.DAY


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
