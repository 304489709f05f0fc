"""What rhythms, states and special days are called."""

from enum import StrEnum
from typing import Any

from blueprints.series.models import MAKE_UP, HolidayRule, Rhythm, Series, SeriesState, Slot
from core.i18n import _, lazy
from core.workdays import DayKind

WEEKDAYS: dict[int, Any] = {
    1: lazy("Monday"),
    2: lazy("Tuesday"),
    3: lazy("Wednesday"),
    4: lazy("Thursday"),
    5: lazy("Friday"),
    6: lazy("Saturday"),
    7: lazy("Sunday"),
    MAKE_UP: lazy("Make-up days"),
}
ORDINALS: dict[int, Any] = {
    1: lazy("the first"),
    2: lazy("the second"),
    3: lazy("the third"),
    4: lazy("the fourth"),
    -1: lazy("the last"),
}
WORDS: dict[StrEnum, Any] = {
    Rhythm.WEEKLY: lazy("Every so many weeks"),
    Rhythm.MONTHLY: lazy("On a weekday of the month"),
    HolidayRule.SKIP: lazy("Not on public holidays"),
    HolidayRule.USUAL: lazy("On holidays as usual"),
    SeriesState.RUNNING: lazy("Repeats"),
    SeriesState.ENDED: lazy("Ended"),
    DayKind.HOLIDAY: lazy("Public holiday"),
    DayKind.WORKDAY: lazy("Make-up working day"),
}


def rhythm(series: Series) -> str:
    """Every week, every 2 weeks, every month, every 3 months."""
    every = {"every": series.every}
    if series.rhythm is Rhythm.WEEKLY:
        return _("Every week") if series.every == 1 else _("Every %(every)d weeks", **every)
    return _("Every month") if series.every == 1 else _("Every %(every)d months", **every)


def hours(series: Series, slot: Slot) -> str:
    """周六 09:00–11:00, or 第二个周日 09:00–11:30."""
    span = f"{slot.start_hour:%H:%M}–{slot.end_hour:%H:%M}"
    weekdays = _(", ").join(str(WEEKDAYS[number]) for number in slot.weekdays)
    if series.rhythm is Rhythm.MONTHLY and series.ordinal:
        return _("%(which)s %(weekday)s %(span)s", which=ORDINALS[series.ordinal], weekday=weekdays, span=span)
    return f"{weekdays} {span}"
