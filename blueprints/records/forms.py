"""What a confirmer fills in."""

from wtforms import HiddenField, SelectMultipleField, StringField

from core.forms import AtMost, Filled, Form
from core.i18n import lazy

MOST_AT_ONCE = 500


class ConfirmationForm(Form):
    """Entries ticked one by one, or all that a button names: `these` holds the ids that stood under it."""

    record = SelectMultipleField(lazy("Entries"), coerce=int, validate_choice=False)
    these = HiddenField(lazy("Entries"), [AtMost(MOST_AT_ONCE * 12)])

    @property
    def record_ids(self) -> list[int]:
        named = [int(id) for id in (self.these.data or "").split(",") if id.isascii() and id.isdigit()]
        return sorted({id for id in named or self.record.data or [] if 0 < id < 2**31})


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
