"""What somebody objects, what is answered, and who sees notices."""

from wtforms import RadioField, SelectChoice, StringField, TextAreaField

from blueprints.public_notices.models import SeenBy
from blueprints.public_notices.words import WORDS
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


class SeenByForm(Form):
    seen_by = RadioField(
        lazy("Who sees the notices?"),
        [Filled(lazy("Please choose who sees the notices."))],
        choices=[
            SelectChoice("above", lazy("As the organization above has it")),
            *(SelectChoice(each.value, WORDS[each]) for each in SeenBy),
        ],
    )

    @property
    def chosen(self) -> SeenBy | None:
        return None if self.seen_by.data == "above" else SeenBy(self.seen_by.data)
