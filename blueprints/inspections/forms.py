"""What whoever looks fills in."""

from wtforms import TextAreaField

from core.forms import AtMost, Filled, Form
from core.i18n import lazy


class FindingForm(Form):
    finding = TextAreaField(
        lazy("What did you find?"),
        [Filled(lazy("Please write what you looked at and what you found.")), AtMost(400)],
        description=lazy("For example: the photo of the sheet fits, or the station was asked and corrects it."),
    )
