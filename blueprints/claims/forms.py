"""What the clerk fills in at the roll-call."""

from datetime import datetime, time
from typing import Any

from wtforms import (
    BooleanField,
    HiddenField,
    IntegerField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.validators import NumberRange, ValidationError

from blueprints.claims.models import Act, Audience, Remedy
from blueprints.claims.words import WORDS
from blueprints.posts.forms import Choice, Radios
from core import clock
from core.forms import AtMost, Filled, Form
from core.i18n import _, lazy

CLOCK = ["%H:%M", "%H:%M:%S"]


class PunchForm(Form):
    act = SelectField(lazy("What was seen"), choices=[SelectChoice(Act.IN.value), SelectChoice(Act.OUT.value)])


class WalkInForm(Form):
    volunteer = IntegerField(
        lazy("Person"),
        [Filled(lazy("Please choose a person from the list.")), NumberRange(1, 2**31 - 1)],
    )
    phone = HiddenField(validators=[AtMost(40)])  # as it was typed, for somebody from elsewhere


class ReleaseForm(Form):
    reason = StringField(lazy("Reason"), [Filled(lazy("Please give a reason: the person is told.")), AtMost(200)])


class DeclineForm(Form):
    reason = StringField(lazy("Reason"), [Filled(lazy("Please give a reason: the person reads it.")), AtMost(200)])


def _audiences() -> list[SelectChoice]:
    return [SelectChoice(each.value, WORDS[each]) for each in (Audience.ANYBODY, Audience.PERSON, Audience.LINK)]


class SearchPersonForm(Form):
    """Whom to ask; a person is named by name and number together."""

    audience = Radios(lazy("Whom do you ask?"), choices=_audiences, default=Audience.ANYBODY.value)
    name = StringField(lazy("Name"), [AtMost(40)])
    contact = StringField(
        lazy("Phone or volunteer number"),
        [AtMost(40)],
        description=lazy("Only for somebody you know: both must fit."),
    )

    def validate_name(self, field: Any) -> None:
        if self.audience.data == Audience.PERSON and not field.data:
            raise ValidationError(_("Please enter the name."))

    def validate_contact(self, field: Any) -> None:
        if self.audience.data == Audience.PERSON and not field.data:
            raise ValidationError(_("Please enter the phone or the volunteer number."))

    def wanted_id(self) -> int | None:
        """The shift wanted in return, if it is a swap."""
        return None


class StandInForm(SearchPersonForm):
    """Whom the holder asks to take over the place."""


class SwapForm(SearchPersonForm):
    """The shift one would rather serve on, and who of its holders is asked."""

    audience = Radios(
        lazy("Whom do you ask?"),
        choices=lambda: [
            SelectChoice(Audience.ANYBODY.value, lazy("Everyone on that shift")),
            SelectChoice(Audience.PERSON.value, WORDS[Audience.PERSON]),
        ],
        default=Audience.ANYBODY.value,
    )
    wanted = Choice(lazy("Shift you would rather serve on"), [Filled(lazy("Please choose a shift."))], choices=[])

    def wanted_id(self) -> int | None:
        return int(self.wanted.data)


class PartyForm(Form):
    """Who comes along, each on a line, and what happens if not all of them fit."""

    people = TextAreaField(
        lazy("Who comes along"),
        [Filled(lazy("Please name at least one other person, each on a line.")), AtMost(1000)],
        description=lazy("One person on each line: the name, then phone or volunteer number."),
    )
    comes = BooleanField(lazy("I come, too"), default=True)
    whole = Radios(
        lazy("If not all of them fit"),
        choices=lambda: [
            SelectChoice("whole", lazy("All of us, or nobody")),
            SelectChoice("fit", lazy("As many as fit")),
        ],
        default="whole",
    )

    @property
    def is_whole(self) -> bool:
        return bool(self.whole.data == "whole")

    def lines(self) -> list[str]:
        """Each line once, without the empty ones."""
        return list(dict.fromkeys(line.strip() for line in (self.people.data or "").splitlines() if line.strip()))


class ShortfallForm(Form):
    """What becomes of a shift that is short of people; the other fields belong to one of the choices."""

    remedy = Radios(
        lazy("What is to happen?"),
        [],
        choices=lambda: [
            SelectChoice(each.value, WORDS[each]) for each in (Remedy.BORROW, Remedy.MERGE, Remedy.CANCEL, Remedy.KEEP)
        ],
    )
    organization = Choice(lazy("Borrow from"), choices=[], default="")
    target = Choice(lazy("Merge into"), choices=[], default="")
    reason = TextAreaField(lazy("Reason"), [Filled(lazy("Please say why: it is kept with the decision.")), AtMost(200)])

    def validate_organization(self, field: Any) -> None:
        if self.remedy.data == Remedy.BORROW and not field.data:
            raise ValidationError(_("Please choose from whom."))

    def validate_target(self, field: Any) -> None:
        if self.remedy.data == Remedy.MERGE and not field.data:
            raise ValidationError(_("Please choose the other shift."))


class SettlementForm(Form):
    """Times as somebody states them, by the clock on the wall."""

    started = TimeField(lazy("Came at"), [Filled(lazy("Please enter a time like 09:00."))], format=CLOCK)
    ended = TimeField(lazy("Left at"), [Filled(lazy("Please enter a time like 11:00."))], format=CLOCK)
    note = StringField(
        lazy("How do you know these times?"),
        [Filled(lazy("Please note how you know these times.")), AtMost(200)],
        description=lazy("For example: from the paper sheet, or the person in charge saw them leave."),
    )

    def moments(self, opens: datetime, last: datetime) -> tuple[datetime, datetime]:
        """Both times as moments; over midnight the day is the one on which the shift can have been attended."""
        started = moment_of(self.started.data, opens - clock.MINUTE, last)
        return started, moment_of(self.ended.data, started, last)


def moment_of(hour: time, after: datetime, last: datetime) -> datetime:
    """The first moment after `after` at which the clock on the wall shows the hour; the first day, if none fits."""
    day, moments = clock.today(after), []
    while day <= clock.today(last):
        moments += [clock.at(day, hour.replace(fold=fold)) for fold in (0, 1)]  # an hour that comes twice counts twice
        day += clock.DAY
    return next((moment for moment in moments if after < moment <= last), moments[0])


class CancellationForm(Form):
    """The reason is asked for only when it is late; the rule knows when that is."""

    reason = StringField(lazy("Reason"), [AtMost(200)])


class CodeForm(Form):
    """The code of the moment, which the person in charge reads out or shows."""

    code = StringField(
        lazy("Code"),
        [Filled(lazy("Please type the six digits that the person in charge reads out.")), AtMost(20)],
    )
