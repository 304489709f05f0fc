"""What somebody objects, what is answered, and who sees notices."""

from wtforms import BooleanField, RadioField, SelectChoice, StringField, TextAreaField

from blueprints.identity.forms import PhoneField
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


class OutsideObjectionForm(ObjectionForm):
    """The same of somebody without an account; the answer never tells whether the phone number is known."""

    name = StringField(lazy("Your name"), [Filled(lazy("Please type your name.")), AtMost(40)])
    phone = PhoneField(
        lazy("Your phone number"),
        [Filled(lazy("Please type your phone number.")), AtMost(30)],
        description=lazy("Name and number are kept encrypted. Only who decides can open them, and each look is noted."),
    )


class CodeForm(Form):
    code = StringField(
        lazy("Code of the objection"),
        [Filled(lazy("Please type the code that you got when you objected.")), AtMost(40)],
    )


class DecisionForm(Form):
    answer = StringField(
        lazy("Reason"),
        [Filled(lazy("Please give a reason: whoever objected reads it.")), AtMost(200)],
        description=lazy("Whoever objected reads it; if the objection is right, the person of the entry, too."),
    )
    together = BooleanField(
        lazy("The entry is right: dismiss all open objections of people without an account together, with this reason")
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
