"""What the clerk fills in at the roll-call."""

from datetime import datetime, time

from wtforms import HiddenField, IntegerField, SelectChoice, SelectField, StringField, TimeField
from wtforms.validators import NumberRange

from blueprints.claims.models import Act
from core import clock
from core.forms import AtMost, Filled, Form
from core.i18n import lazy

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
        started = _moment(self.started.data, opens - clock.MINUTE, last)
        return started, _moment(self.ended.data, started, last)


def _moment(hour: time, after: datetime, last: datetime) -> datetime:
    day, moments = clock.today(after), []
    while day <= clock.today(last):
        moments.append(clock.at(day, hour))
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
