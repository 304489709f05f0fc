"""What is typed at the tablet, on one's own page, and at the desk for either."""

import unicodedata
from typing import Any

from wtforms import FloatField, HiddenField, IntegerField, PasswordField, SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired, NumberRange, Optional, ValidationError

from blueprints.claims.models import Act
from blueprints.organizations.models import Organization
from core.forms import AtMost, Filled, Form
from core.i18n import _, lazy


class Digits:
    """Digits only, so many of them; a Chinese keyboard's full-width ones count, too."""

    def __init__(self, fewest: int, most: int) -> None:
        self.fewest, self.most = fewest, most
        self.field_flags = {"maxlength": most, "inputmode": "numeric"}

    def __call__(self, _form: Form, field: PasswordField) -> None:
        field.data = unicodedata.normalize("NFKC", field.data or "").strip()
        plain = field.data.isascii() and field.data.isdecimal()
        if field.data and not (plain and self.fewest <= len(field.data) <= self.most):
            if self.fewest == self.most:
                raise ValidationError(_("Please type %(count)d digits.", count=self.most))
            raise ValidationError(_("Please type %(low)d to %(high)d digits.", low=self.fewest, high=self.most))


class PairingForm(Form):
    code = StringField(
        lazy("Code from the desk"), [Filled(lazy("Please type the code that the clerk sees at the desk.")), AtMost(20)]
    )


class EntryForm(Form):
    """Somebody without a phone: a number with the PIN, or a card."""

    who = StringField(
        lazy("Volunteer number or card"),
        [Filled(lazy("Please type your volunteer number, or hold your card to the camera.")), AtMost(200)],
    )
    pin = PasswordField(lazy("PIN"), [Digits(6, 6)], description=lazy("Six digits. Not needed with a card."))


class NewPinForm(Form):
    pin = PasswordField(
        lazy("New PIN"),
        [Filled(lazy("Please choose six digits.")), Digits(6, 6)],
        description=lazy("Six digits that others do not guess. Please do not take the PIN of your bank card."),
    )
    again = PasswordField(lazy("The same PIN again"), [Filled(lazy("Please type the PIN once more."))])

    def validate_again(self, field: PasswordField) -> None:
        field.data = unicodedata.normalize("NFKC", field.data or "").strip()
        if field.data != self.pin.data:
            raise ValidationError(_("The two are not the same. Please type both again."))


class ExitForm(Form):
    pin = PasswordField(lazy("The clerk's PIN for this tablet"), [Filled(lazy("Please type the PIN.")), Digits(4, 8)])


class ReceiptForm(Form):
    receipt = HiddenField(validators=[Filled(), AtMost(200)])
    act = SelectField(choices=[SelectChoice(Act.IN.value), SelectChoice(Act.OUT.value)])


class LocationForm(Form):
    """What the phone says of its place; sent by a script, and only by those who agreed."""

    latitude = FloatField(validators=[InputRequired(), NumberRange(-90, 90)])
    longitude = FloatField(validators=[InputRequired(), NumberRange(-180, 180)])
    accuracy = FloatField(validators=[Optional(), NumberRange(0, 10**7)])


class TabletForm(Form):
    organization_id = SelectField(lazy("Station"), coerce=int)
    name = StringField(
        lazy("What the tablet is called"),
        [Filled(lazy("Please give it a name, such as “Front desk”.")), AtMost(40)],
    )
    exit_pin = PasswordField(
        lazy("PIN for leaving the kiosk"),
        [Filled(lazy("Please choose a PIN.")), Digits(4, 8)],
        description=lazy("Four to eight digits. Clerks type it on the tablet to get to other pages."),
    )

    def offer(self, stations: list[Organization]) -> None:
        self.organization_id.choices = [SelectChoice(station.id, station.name) for station in stations]


class SpotForm(Form):
    latitude = FloatField(
        lazy("Latitude"),
        [InputRequired(lazy("Please enter a number such as 30.7462.")), NumberRange(-90, 90)],
    )
    longitude = FloatField(
        lazy("Longitude"),
        [InputRequired(lazy("Please enter a number such as 120.7555.")), NumberRange(-180, 180)],
    )
    radius = IntegerField(
        lazy("Counts as near (metres)"),
        [InputRequired(lazy("Please enter a number of metres.")), NumberRange(50, 20_000)],
        default=1_000,
        description=lazy("Chinese maps shift every place by some hundred metres, so do not choose it too small."),
    )


def digits_of(text: str) -> str:
    """A volunteer number as it was typed: without spaces, full-width digits made plain, letters upper case."""
    plain: Any = unicodedata.normalize("NFKC", text)
    return "".join(plain.split()).upper()[:12]
