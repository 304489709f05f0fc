"""What is filled in to open an honour, to propose somebody, and to say why."""

from wtforms import DateField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import ValidationError

from core.forms import AtMost, Filled, Form
from core.i18n import _, lazy


class HonourForm(Form):
    organization = SelectField(lazy("Who gives it"), coerce=int, validate_choice=False)
    title = StringField(
        lazy("What it is called"),
        [Filled(lazy("Please say what it is called.")), AtMost(40)],
        description=lazy("For example: Volunteer of the year"),
    )
    criteria = TextAreaField(
        lazy("What it is given for"),
        [Filled(lazy("Please say what it is given for.")), AtMost(1000)],
        description=lazy("Everybody who is proposed reads this. It cannot be changed once the honour is opened."),
    )
    first = DateField(lazy("From"), [Filled(lazy("Please choose the first day."))])
    last = DateField(lazy("Until"), [Filled(lazy("Please choose the last day."))])

    def offer(self, organizations: list[tuple[int, str]]) -> "HonourForm":
        """Who can give one here."""
        self.organization.choices = organizations
        return self

    def validate_last(self, field: DateField) -> None:
        if self.first.data and field.data and field.data < self.first.data:
            raise ValidationError(_("The last day lies before the first."))


class ReasonForm(Form):
    reason = TextAreaField(
        lazy("Why this person"),
        [
            Filled(lazy("Please say why: the person reads it, and so does everybody who sees the notice.")),
            AtMost(400),
        ],
        description=lazy(
            "In facts, without a name. The person reads it, and so does everybody who sees the public notice."
        ),
    )


class ApprovalForm(Form):
    seen = HiddenField(validators=[AtMost(100)])  # the sheet that was read


class AnswerForm(Form):
    answer = StringField(
        lazy("Reason"),
        [Filled(lazy("Please say why: the person reads it.")), AtMost(200)],
        description=lazy("The person reads it, and whoever objected."),
    )


class WordsForm(Form):
    words = TextAreaField(
        lazy("What is not right?"),
        [Filled(lazy("Please say what is not right and how you know it.")), AtMost(400)],
        description=lazy("Only those who decide on it read this and see who you are."),
    )
