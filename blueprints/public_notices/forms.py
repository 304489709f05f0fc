"""What somebody objects, and what is answered."""

from wtforms import StringField, TextAreaField

from core.forms import AtMost, Filled, Form
from core.i18n import lazy


class ObjectionForm(Form):
    words = TextAreaField(
        lazy("What is not true?"),
        [Filled(lazy("Please say what is not true and how you know it.")), AtMost(400)],
        description=lazy("Only those who decide on it read this and see who you are."),
    )


class DecisionForm(Form):
    answer = StringField(
        lazy("Reason"),
        [Filled(lazy("Please give a reason: whoever objected reads it.")), AtMost(200)],
        description=lazy("Whoever objected reads it; if the objection is right, the person of the entry, too."),
    )
