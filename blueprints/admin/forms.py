"""What an office fills in about organizations, roles, registrations and people."""

import re
from datetime import datetime
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, HiddenField, IntegerField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice, enum_coerce
from wtforms.validators import StopValidation, ValidationError

from blueprints.admin.words import ACTIONS, WORDS
from blueprints.identity.forms import (
    Agreed,
    DayField,
    DropField,
    EnrolmentForm,
    NewPasswordForm,
    OneField,
    PersonName,
    PhoneField,
    options_of,
)
from blueprints.identity.models import GuardianMethod, SlipPurpose
from blueprints.organizations.models import DEFAULTS, SWITCHES, Limit, OrganizationKind
from blueprints.posts.forms import Day, Given, Whole, Within
from blueprints.series.words import WORDS as DAYS
from core.actor import Role
from core.forms import AtMost, Filled, Form
from core.i18n import _, lazy
from core.workdays import DayKind

ANY_PHONE = re.compile(r"[0-9+()（） 转,，/-]{5,30}")


def _moment(text: str) -> datetime:
    """An aware moment as a page wrote it down; raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found


class MomentField(HiddenField):
    """The moment of what the page showed, so that a decision on an older version is noticed."""

    @property
    def moment(self) -> datetime:
        return _moment(str(self.data))

    def process_data(self, value: datetime | None) -> None:
        self.data = value.isoformat() if value else None

    def pre_validate(self, _form: FlaskForm) -> None:
        try:
            _moment(self.data or "")
        except ValueError:
            raise StopValidation(_("This page is out of date. Reload it and decide again.")) from None


class SeenField(SelectMultipleField):
    """Ticked rows, each as its id and the moment of what the page showed of it: 7@2026-11-23T01:00:00+00:00."""

    @property
    def seen(self) -> dict[int, datetime]:
        pairs = (text.partition("@") for text in self.data or ())
        return {int(id): _moment(shown) for id, _at, shown in pairs}

    def pre_validate(self, _form: FlaskForm) -> None:
        try:
            self.seen  # noqa: B018
        except ValueError:
            raise StopValidation(_("This page is out of date. Reload it and decide again.")) from None


class PlaceField(HiddenField):
    """The code of a division, chosen in a step of its own."""

    @property
    def number(self) -> int:
        return (
            int(self.data) if self.data and self.data.isascii() and self.data.isdigit() and len(self.data) == 12 else 0
        )


class NumberField(IntegerField):
    """A whole number, refused with one sentence of ours."""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if any(valuelist):
            try:
                self.data = int(valuelist[0])
            except ValueError:
                raise ValueError(_("Please enter a whole number.")) from None

    def pre_validate(self, _form: FlaskForm) -> None:
        if self.process_errors:
            raise StopValidation


class CallablePhone:
    """Anything one can dial, landlines and extensions too."""

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        if field.data and not ANY_PHONE.fullmatch(field.data):
            raise ValidationError(_("This is not a telephone number. Please check its digits."))


class OrganizationForm(Form):
    """Name, phone and address of an organization."""

    name = StringField(
        lazy("Name of the organization"), [Filled(lazy("Please give the organization a name.")), AtMost(60)]
    )
    phone = StringField(lazy("Phone"), [AtMost(30), CallablePhone()], description=lazy("Shown to volunteers."))
    address = StringField(lazy("Address"), [AtMost(120)])


class NewOrganizationForm(OrganizationForm):
    division_id = PlaceField()
    kind = DropField(
        lazy("Kind"),
        [Filled()],
        choices=[SelectChoice(kind.value, WORDS[kind]) for kind in OrganizationKind],
        coerce=enum_coerce(OrganizationKind),
        default=OrganizationKind.STATION,
    )


class InvitationForm(Form):
    name = StringField(lazy("Name"), [Filled(lazy("Please enter the name of the person you invite.")), AtMost(40)])
    role = OneField(
        lazy("Role"),
        [Filled(lazy("Please choose a role."))],
        choices=options_of(Role),
        coerce=enum_coerce(Role),
    )


class NewcomerForm(NewPasswordForm):
    """An account for staff: it comes with the role, not with a registration as a volunteer."""

    name = StringField(lazy("Name"), [Filled(lazy("Please enter your name.")), AtMost(40), PersonName()])
    phone = PhoneField(lazy("Phone number"), [Filled(lazy("Please enter your phone number.")), AtMost(30)])


class SeenForm(Form):
    """A decision on what the page showed."""

    seen = MomentField()


class ReasonForm(SeenForm):
    reason = TextAreaField(
        lazy("Reason"),
        [Filled(lazy("Please give the reason: the person reads it.")), AtMost(200)],
        description=lazy("The person reads this sentence. Say what to do next."),
    )


class ApprovalsForm(Form):
    """The ticked rows of the queue."""

    registration = SeenField(validators=[Filled(lazy("Please tick at least one registration."))])


class GuardianForm(Form):
    name = StringField(lazy("Guardian's name"), [Filled(lazy("Please enter the name.")), AtMost(40), PersonName()])
    relation = StringField(
        lazy("Relation"),
        [Filled(lazy("Please say how they are related.")), AtMost(20)],
        description=lazy("Such as mother, father, grandmother."),
    )
    phone = PhoneField(lazy("Guardian's phone"), [Filled(lazy("Please enter a phone number.")), AtMost(30)])
    method = OneField(
        lazy("How they agreed"),
        [Filled(lazy("Please choose how they agreed."))],
        choices=options_of(GuardianMethod),
        coerce=enum_coerce(GuardianMethod),
    )


class LimitForm(Form):
    value = NumberField(lazy("New number"), [Filled(lazy("Please enter a number."))])

    def __init__(self, limit: Limit, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _default, self.lowest, self.highest = DEFAULTS[limit]

    @property
    def number(self) -> int:
        return int(self.value.data or 0)

    def validate_value(self, field: Field) -> None:
        if not self.lowest <= field.data <= self.highest:
            raise ValidationError(
                _("Please choose a number from %(low)d to %(high)d.", low=self.lowest, high=self.highest)
            )


class SwitchForm(LimitForm):
    """A rule that holds or does not."""

    value = OneField(
        lazy("Rule"),
        choices=[SelectChoice("1", lazy("required")), SelectChoice("0", lazy("up to each person"))],
        coerce=int,
        validators=[Filled(lazy("Please choose one."))],
    )


def limit_form(limit: Limit, **values: Any) -> LimitForm:
    """The form that fits the rule: a number, or a choice."""
    return (SwitchForm if limit in SWITCHES else LimitForm)(limit, **values)


class ProxyForm(EnrolmentForm):
    """What a clerk writes down for somebody who has no phone at hand; both agreements are spoken."""

    phone = PhoneField(
        lazy("Phone number"),
        [Filled(lazy("Please enter the phone number.")), AtMost(30)],
        description=lazy("Their own, or that of a relative who passes messages on. One number serves one account."),
    )
    pledge = BooleanField(lazy("I read the pledge to the person, and they make it."), [Agreed()])
    registration = BooleanField(lazy("I read to the person how their data are used, and they agree."), [Agreed()])


class SlipForm(Form):
    """What a slip is for; a new number only if it moves the account."""

    purpose = OneField(
        lazy("What for"),
        [Filled(lazy("Please choose what the slip is for."))],
        choices=options_of(SlipPurpose),
        coerce=enum_coerce(SlipPurpose),
    )
    new_phone = PhoneField(
        lazy("New phone number"), [AtMost(30)], description=lazy("Only to move the account to another number.")
    )

    @property
    def wanted_phone(self) -> str | None:
        """The new number in E.164, if that is what the slip is for."""
        return self.new_phone.number or None if self.purpose.data is SlipPurpose.PHONE else None

    def offer(self, *, claimed: bool, second_step: bool) -> None:
        """Leave only what makes sense for the account: whether it was taken over, whether it has a second step."""
        fitting = CLAIMED if claimed else UNCLAIMED
        fitting += (SlipPurpose.SECOND_STEP,) if second_step else ()
        self.purpose.choices = [choice for choice in options_of(SlipPurpose) if choice.value in fitting]


CLAIMED: tuple[SlipPurpose, ...] = (SlipPurpose.PASSWORD, SlipPurpose.PHONE, SlipPurpose.LEAVE)
UNCLAIMED: tuple[SlipPurpose, ...] = (SlipPurpose.CLAIM, SlipPurpose.PHONE, SlipPurpose.LEAVE)


class TraceForm(Form):
    """Which traces of changes are wanted; asked by GET, so without a token."""

    class Meta(Form.Meta):
        csrf = False

    person = StringField(lazy("Person"), [AtMost(40)])
    action = DropField(
        lazy("Change"),
        choices=[SelectChoice("", lazy("All changes")), *(SelectChoice(key, word) for key, word in ACTIONS.items())],
        default="",
    )
    first = DayField(lazy("From day"))
    last = DayField(lazy("Until day"))

    def understood(self) -> dict[str, Any]:
        """What was asked for, without what makes no sense."""
        self.validate()
        return {field.name: field.data for field in self if field.data and not field.errors}


class CalendarDayForm(Form):
    """One day of the calendar: a holiday, or a working day in exchange for one."""

    day = Day(lazy("Day"), [Given(lazy("Please choose the day."))])
    kind = DropField(
        lazy("What it is"),
        choices=[SelectChoice(kind.value, DAYS[kind]) for kind in DayKind],
        default=DayKind.HOLIDAY.value,
    )
    name = StringField(lazy("Name of the holiday"), [Filled(lazy("Please say what the day is called.")), AtMost(40)])

    @property
    def year(self) -> int | None:
        return self.day.data.year if self.day.data else None


class YearForm(Form):
    """The year whose announced days are entered at once."""

    year = Whole(lazy("Year"), [Given(lazy("Please choose the year.")), Within(2000, 2999)])
