"""What whoever looks fills in, and what an organization answers."""

from flask_wtf.file import FileField
from wtforms import BooleanField, DateField, IntegerField, SelectField, TextAreaField
from wtforms.validators import NumberRange, Optional

from blueprints.inspections.models import Finding
from core.forms import AtMost, Filled, Form
from core.i18n import lazy
from core.words import say

MOST_MINUTES = 1440


class FindingForm(Form):
    finding = TextAreaField(
        lazy("What did you find?"),
        [Filled(lazy("Please write what you looked at and what you found.")), AtMost(400)],
        description=lazy("For example: the photo of the sheet fits, or the station was asked and corrects it."),
    )


class DrawForm(Form):
    organization = SelectField(lazy("Where"), coerce=int, validate_choice=False)
    first = DateField(lazy("Services from"), [Filled(lazy("Please choose the first day."))])
    last = DateField(lazy("Until"), [Filled(lazy("Please choose the last day."))])
    permille = IntegerField(
        lazy("Share drawn by chance (‰)"),
        [Filled(lazy("Please type a number from 1 to 1000.")), NumberRange(1, 1000, lazy("From 1 to 1000, please."))],
        description=lazy("10 ‰ of 1,000 entries are 10 entries; at least one is drawn."),
        default=10,
    )
    risks = BooleanField(lazy("Also every entry that an open risk flag rests on"))

    def offer(self, organizations: list[tuple[int, str]]) -> "DrawForm":
        """Where this person may draw."""
        self.organization.choices = organizations
        return self


class ItemForm(Form):
    result = SelectField(lazy("Finding"), validate_choice=True)
    note = TextAreaField(lazy("What was looked at, and what is wrong"), [AtMost(400)])
    minutes = IntegerField(
        lazy("Right number of minutes"),
        [Optional(), NumberRange(0, MOST_MINUTES, lazy("Please type whole minutes between 0 and 1440."))],
        description=lazy("Only for a fault: a correction is proposed, and another person decides on it."),
    )

    def offer(self) -> "ItemForm":
        """The findings there are, in the reader's words."""
        self.result.choices = [(each.value, say(each)) for each in Finding]
        return self


class AnswerForm(Form):
    words = TextAreaField(
        lazy("What proves these entries?"),
        [AtMost(1000)],
        description=lazy("For example: who was in charge, who was helped, where the sheet is kept."),
    )
    photo = FileField(
        lazy("Picture or PDF"),
        description=lazy(
            "A sheet, a photo of the service, a list. Where and with what a picture was taken is not kept; "
            "a PDF of at most 5 MB is kept as it is."
        ),
    )
