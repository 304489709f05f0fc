"""What a confirmer fills in."""

from wtforms import BooleanField, HiddenField, IntegerField, SelectMultipleField, StringField
from wtforms.validators import NumberRange, Optional

from core.forms import AtMost, Filled, Form
from core.i18n import lazy

MOST_AT_ONCE = 500
MOST_COUNTED = 9999


class ConfirmationForm(Form):
    """Entries ticked one by one, or all that a button names: `these` holds the ids that stood under it."""

    record = SelectMultipleField(lazy("Entries"), coerce=int, validate_choice=False)
    these = HiddenField(lazy("Entries"), [AtMost(MOST_AT_ONCE * 12)])

    @property
    def record_ids(self) -> list[int]:
        named = [int(id) for id in (self.these.data or "").split(",") if id.isascii() and id.isdigit()]
        return sorted({id for id in named or self.record.data or [] if 0 < id < 2**31})


class HandInForm(Form):
    """What the leader counted with their own eyes, held against what the system knows."""

    counted = IntegerField(
        lazy("How many people did you count on the spot?"),
        [
            Optional(),
            NumberRange(0, MOST_COUNTED, lazy("Please enter a number from 0 to 9999.")),
        ],
        description=lazy("Everybody who served on this shift, also those who left early."),
    )
    sure = BooleanField(lazy("I counted again: the number is right, and the system differs"))


class MarkedForm(Form):
    reason = StringField(
        lazy("Why are these minutes right?"),
        [Filled(lazy("Please say why these minutes are right in spite of the mark.")), AtMost(200)],
    )


class ReturnForm(Form):
    why = StringField(
        lazy("What is wrong?"),
        [Filled(lazy("Please say what is wrong, so that the station can mend it.")), AtMost(200)],
    )


class CorrectionForm(Form):
    """What an effective entry shall be worth, and why; `standing` is what it was worth when the form was shown."""

    minutes = IntegerField(
        lazy("Right number of minutes"),
        [
            Filled(lazy("Please type the right number of minutes; 0 voids the entry.")),
            NumberRange(0, 1440, lazy("Please type whole minutes between 0 and 1440.")),
        ],
        description=lazy("0 voids the entry. What was recorded before stays readable for ever."),
    )
    reason = StringField(
        lazy("Why is it wrong?"),
        [
            Filled(lazy("Please say why, so that the person and whoever decides can understand it.")),
            AtMost(200),
        ],
    )
    standing = HiddenField(validators=[AtMost(6)])

    @property
    def shown(self) -> int | None:
        typed = self.standing.data or ""
        return int(typed) if typed.isascii() and typed.isdigit() else None


class AnswerForm(Form):
    answer = StringField(
        lazy("Why does the entry stay as it is?"),
        [Filled(lazy("Please say why the entry stays as it is.")), AtMost(200)],
    )
