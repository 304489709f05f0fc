"""The form of a rhythm, with its rows of hours, and the small ones of a single date; all work without JavaScript."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from wtforms import (
    BooleanField,
    FormField,
    HiddenField,
    RadioField,
    SelectChoice,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import ValidationError
from wtforms.widgets import HiddenInput

from blueprints.posts.forms import CLOCK, Boxes, Choice, Day, Given, Hour, Radios, Revised, Rows, Whole, Within
from blueprints.posts.models import MOST_PLACES
from blueprints.series.models import HolidayRule, Rhythm, Series, Slot
from blueprints.series.words import ORDINALS, WEEKDAYS, WORDS
from core import vault
from core.forms import AtMost, Form
from core.i18n import _, lazy

MOST_ROWS = 10
MINUTES = 60
OVERNIGHT = lazy("An end earlier than the start means the next day.")


def minutes(hour: time) -> int:
    """Minutes after midnight by the clock on the wall."""
    return hour.hour * MINUTES + hour.minute


class HoursForm(Form):
    """Start and end on the wall, how many people, and the break; an end before the start lies on the next day."""

    starts = Hour(lazy("Start"), [Given(lazy("Please enter the start."))], format=CLOCK)
    ends = Hour(lazy("End"), [Given(lazy("Please enter the end."))], format=CLOCK)
    places = Whole(lazy("Places"), [Given(lazy("Please say how many people you need.")), Within(1, MOST_PLACES)])
    break_minutes = Whole(lazy("Break in minutes"), [Within(0, 720)])

    @property
    def is_overnight(self) -> bool:
        return bool(self.starts.data and self.ends.data and self.ends.data < self.starts.data)

    def validate_ends(self, field: Any) -> None:
        if field.data and field.data == self.starts.data:
            raise ValidationError(_("A shift must end after it starts."))

    def hours(self) -> dict[str, Any]:
        """The hours as the actions take them."""
        span = {"starts": minutes(self.starts.data), "ends": minutes(self.ends.data)}
        return span | {"places": self.places.data, "break_minutes": self.break_minutes.data or 0}


class RowForm(HoursForm):
    """Hours on some weekdays."""

    class Meta(Form.Meta):
        csrf = False  # the form around it carries the token

    weekdays = Boxes(
        lazy("Weekdays"),
        [Given(lazy("Please choose at least one weekday."))],
        coerce=int,
        choices=lambda: [SelectChoice(number, word) for number, word in WEEKDAYS.items()],
    )
    slot_id = Whole(widget=HiddenInput())

    def row(self) -> dict[str, Any]:
        return self.hours() | {"weekdays": self.weekdays.data, "slot_id": self.slot_id.data}


def row_data(slot: Slot) -> dict[str, Any]:
    """Hours as the form shows them."""
    numbers = {"places": slot.places, "break_minutes": slot.break_minutes, "slot_id": slot.id}
    return {"weekdays": slot.weekdays, "starts": slot.start_hour, "ends": slot.end_hour, **numbers}


class RhythmForm(Revised):
    """When a post takes place again and again."""

    rhythm = Radios(
        lazy("How it repeats"),
        choices=lambda: [SelectChoice(one.value, WORDS[one]) for one in Rhythm],
        default=Rhythm.WEEKLY.value,
    )
    every = Whole(lazy("Every"), [Within(1, 12)], default=1, description=lazy("1 means each week or month."))
    ordinal = Choice(
        lazy("Which of the month"),
        choices=lambda: [SelectChoice(str(number), word) for number, word in ORDINALS.items()],
        default="1",
    )
    until_day = Day(lazy("Last day"), [Given(lazy("Please choose the last day."))])
    holidays = RadioField(
        lazy("Public holidays"),
        choices=lambda: [SelectChoice(one.value, WORDS[one]) for one in HolidayRule],
        default=HolidayRule.SKIP.value,
    )
    rows = Rows(FormField(RowForm), min_entries=1)
    # The buttons: show the dates, add a row, remove one by its number.
    go = StringField()
    more = Whole()
    remove = Whole()

    @property
    def only_rearranges(self) -> bool:
        return self.more.data is not None or self.remove.data is not None

    @property
    def only_shows(self) -> bool:
        """Whether the dates are to be shown, and nothing saved yet."""
        return self.only_rearranges or self.go.data == "preview"

    def rearrange(self) -> None:
        """Add or remove a row; everything typed stays."""
        if self.remove.data is not None and 0 <= self.remove.data < len(self.rows) and len(self.rows) > 1:
            self.rows.pop_entry(self.remove.data)
        if self.more.data is not None and len(self.rows) < MOST_ROWS:
            last = dict(self.rows[-1].form.data) if len(self.rows) else {}
            self.rows.append_entry(last | {"slot_id": None, "weekdays": []})

    def rows_as_sent(self) -> list[dict[str, Any]]:
        """The hours as the actions take them."""
        return [entry.form.row() for entry in self.rows]

    def rhythm_values(self) -> dict[str, Any]:
        """The rhythm as the actions take it."""
        rhythm = Rhythm(self.rhythm.data)
        ordinal = int(self.ordinal.data) if rhythm is Rhythm.MONTHLY else None
        every, holidays = self.every.data or 1, HolidayRule(self.holidays.data)
        return {
            "rhythm": rhythm,
            "every": every,
            "ordinal": ordinal,
            "until_day": self.until_day.data,
            "holidays": holidays,
        }


class SeriesForm(RhythmForm):
    """A new series; what is ticked in the preview is left out."""

    from_day = Day(lazy("First day"), [Given(lazy("Please choose the first day."))])
    leave_out = SelectMultipleField(lazy("Leave out"), validate_choice=False)
    form_key = HiddenField(validators=[AtMost(64)], default=vault.token)

    def values(self) -> dict[str, Any]:
        first = self.from_day.data
        return self.rhythm_values() | {"from_day": first, "start": first, "form_key": self.form_key.data}

    def skips(self) -> list[dict[str, Any]]:
        """Row and day of what is left out; strange values are passed over."""
        return [skip for text in self.leave_out.data or () if (skip := self._skip(text))]

    def _skip(self, text: str) -> dict[str, Any] | None:
        number, _dot, day = text.partition(".")
        try:
            row, wanted = int(number), date.fromisoformat(day)
        except ValueError:
            return None
        return {"row": row, "day": wanted} if 0 <= row < len(self.rows) else None


class RevisionForm(RhythmForm):
    """Another rhythm from a day on."""

    start = Day(lazy("Holds from"), [Given(lazy("Please choose from which day on this holds."))])
    reason = TextAreaField(lazy("Reason for the change"), [AtMost(200)])

    def values(self) -> dict[str, Any]:
        return self.rhythm_values() | {"start": self.start.data}


def rhythm_data(series: Series, slots: Sequence[Slot]) -> dict[str, Any]:
    """A series as the form shows it."""
    return {
        "rhythm": series.rhythm.value,
        "every": series.every,
        "ordinal": str(series.ordinal or 1),
        "until_day": series.until_day,
        "holidays": series.holidays.value,
        "rows": [row_data(slot) for slot in slots],
        "revision": series.revision,
    }


class DateForm(Revised, HoursForm):
    """One more date of a series."""

    day = Day(lazy("Day"), [Given(lazy("Please choose the day."))])

    def values(self) -> dict[str, Any]:
        return self.hours() | {"day": self.day.data}


SCOPES = {
    "this": lazy("Only this date"),
    "following": lazy("This and all following"),
    "all": lazy("All still to come"),
}


def _scopes() -> list[SelectChoice]:
    return [SelectChoice(value, word) for value, word in SCOPES.items()]


class DateChangeForm(DateForm):
    """Other hours for one date, and how far that reaches."""

    scope = Radios(lazy("How far it reaches"), choices=_scopes, default="this")
    reason = TextAreaField(lazy("Reason for the change"), [AtMost(200)])


class DateOffForm(Revised):
    """Why a date, or what follows it, will not take place."""

    scope = Radios(lazy("How far it reaches"), choices=_scopes, default="this")
    reason = TextAreaField(lazy("Reason"), [Given(lazy("Please say why: everyone who claimed is told.")), AtMost(200)])


MOST_TICKS = 200


def _numbers(ticked: Sequence[str] | None) -> list[int]:
    """The numbers that rows can have."""
    plain = [text for text in ticked or () if text.isascii() and text.isdigit() and len(text) < 11]
    return [int(text) for text in plain if int(text) < 2**31][:MOST_TICKS]


class TicksForm(Form):
    """Several dates of a series, ticked."""

    shifts = SelectMultipleField(lazy("Dates"), coerce=str, validate_choice=False)

    def ids(self) -> list[int]:
        return _numbers(self.shifts.data)


class GiveUpForm(Form):
    """Several own claims, and the reason that late ones need."""

    own = SelectMultipleField(lazy("Dates"), coerce=str, validate_choice=False)

    def ids(self) -> list[int]:
        return _numbers(self.own.data)

    reason = StringField(lazy("Reason"), [AtMost(200)])


class MonthRow(HoursForm):
    """A shift of the month to come, proposed after one of the month before."""

    class Meta(Form.Meta):
        csrf = False  # the form around it carries the token

    take = BooleanField(lazy("Offer it"))
    source = Whole(widget=HiddenInput())
    day = Day(lazy("Day"), [Given(lazy("Please choose the day."))])

    def validate(self, extra_validators: Any = None) -> bool:
        """What is not taken may say what it likes."""
        return not self.take.data or bool(super().validate(extra_validators))

    @property
    def begins(self) -> datetime | None:
        """Its start by the clock on the wall, as far as it was typed."""
        timed = self.day.data and self.starts.data
        return datetime.combine(self.day.data, self.starts.data) if timed else None

    def values(self) -> dict[str, Any]:
        return self.hours() | {"day": self.day.data, "source": self.source.data or 0}


class MonthRows(Rows):
    """Many sub-forms, as a busy month needs."""

    most = 160


class MonthForm(Form):
    """The shifts of the month to come."""

    rows = MonthRows(FormField(MonthRow))

    def days(self) -> list[date]:
        return [row.form.day.data for row in self.rows if row.form.day.data]

    def plan(self) -> list[dict[str, Any]]:
        """What is to be offered, as the action takes it."""
        return [row.form.values() for row in self.rows if row.form.take.data]
