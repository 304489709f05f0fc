"""What a rhythm must be before anything is made of it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from blueprints.posts import rules
from blueprints.series import pattern
from blueprints.series.models import MAKE_UP, Rhythm, Series, Slot
from core import clock, display
from core.i18n import _
from core.refusal import Refusal

MOST_ROWS = 10
TIMES = ("starts", "ends", "places", "break_minutes")
Values = dict[str, Any]


def sketch(values: Values, rows: Sequence[Values]) -> tuple[Series, list[Slot]]:
    """A series as a form describes it, with its hours; nothing is saved."""
    names = ("rhythm", "every", "ordinal", "from_day", "until_day", "holidays")
    series = Series(**{name: values[name] for name in names})
    if series.rhythm is Rhythm.WEEKLY:
        series.ordinal = None
    series.slots = [slot_of(row, values.get("start") or series.from_day, series.until_day) for row in rows]
    return series, list(series.slots)


def slot_of(row: Values, first: date, last: date) -> Slot:
    """Hours as a form sends them, holding between two days; nothing is saved."""
    weekdays = sorted(set(row["weekdays"]))
    times = {name: row[name] for name in TIMES}
    return Slot(weekdays=weekdays, single=False, from_day=first, until_day=last, **times)


def refuse_unsound(series: Series, slots: Sequence[Slot], now: datetime) -> None:
    """Refuse what could not take place or would last too long (domain c4: a year at most)."""
    if series.from_day < clock.today(now):
        raise Refusal(_("A series is only for days to come. Choose today or a later day."), "from_day")
    refuse_unsound_rhythm(series, slots)


def refuse_unsound_rhythm(series: Series, slots: Sequence[Slot]) -> None:
    """The same for a series that runs already."""
    if series.until_day < series.from_day:
        raise Refusal(_("The last day must not lie before the first."), "until_day")
    if series.until_day > pattern.last_day(series.from_day):
        last = display.full_date(pattern.last_day(series.from_day))
        raise Refusal(_("A series lasts at most one year, so until %(day)s.", day=last), "until_day")
    if not slots or not all(slot.weekdays for slot in slots):
        raise Refusal(_("Please choose at least one weekday."), "rows")
    if len(slots) > MOST_ROWS:
        raise Refusal(_("At most %(most)d rows of hours. Make a second series for the rest.", most=MOST_ROWS), "rows")
    if series.rhythm is Rhythm.MONTHLY and any(MAKE_UP in slot.weekdays for slot in slots):
        raise Refusal(_("Make-up days follow the week. In a monthly rhythm choose weekdays only."), "rows")
    _refuse_doubles(slots)
    for slot in slots:
        starts_at, ends_at = pattern.moments(slot, series.from_day)
        length = ends_at - starts_at if ends_at > starts_at else timedelta(hours=1)  # a clock put forward is no fault
        rules.refuse_unsound_shift({**numbers_of(slot), "starts_at": starts_at, "ends_at": starts_at + length})


def _refuse_doubles(slots: Sequence[Slot]) -> None:
    taken = [(weekday, slot.starts, slot.ends) for slot in slots for weekday in slot.weekdays]
    if len(set(taken)) < len(taken):
        raise Refusal(
            _("Two rows say the same hours on the same weekday. Offer more places in one row instead."), "rows"
        )


def numbers_of(slot: Slot) -> Values:
    """Places and break, as a shift takes them."""
    return {"places": slot.places, "break_minutes": slot.break_minutes}
