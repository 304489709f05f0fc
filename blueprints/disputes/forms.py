"""What is said of an entry that is not right: by its owner, and by whoever decides."""

import re

from flask_wtf.file import FileField
from wtforms import IntegerField, RadioField, SelectChoice, StringField, TextAreaField
from wtforms.validators import NumberRange, Optional, ValidationError

from blueprints.disputes.models import DisputeKind
from blueprints.identity.forms import PhoneField
from core.forms import AtMost, Filled, Form
from core.i18n import _, lazy

FOUR = re.compile(r"[0-9]{3}[0-9Xx]")

MOST_MINUTES = 1440


class DisputeForm(Form):
    kind = RadioField(
        lazy("What is not right?"),
        [Filled(lazy("Please choose one of the two."))],
        choices=[
            SelectChoice(DisputeKind.NOT_ME.value, lazy("Not me: I did not do this. The level above looks into it.")),
            SelectChoice(DisputeKind.WRONG.value, lazy("Wrong: I did it, but not like this.")),
        ],
    )
    words = TextAreaField(
        lazy("What happened?"),
        [AtMost(400)],
        description=lazy("For example: I was at work that day; or: I stayed until five, Zhou was with me."),
    )
    minutes = IntegerField(
        lazy("Right number of minutes"),
        [Optional(), NumberRange(0, MOST_MINUTES, lazy("Please type whole minutes between 0 and 1440."))],
        description=lazy("Only for “wrong”, and only if you know it."),
    )
    photo = FileField(
        lazy("Picture or PDF as proof"),
        description=lazy("Where and with what a picture was taken is not kept. Only you and those who decide see it."),
    )


class ProofForm(Form):
    photo = FileField(
        lazy("Picture or PDF as proof"),
        description=lazy("Where and with what a picture was taken is not kept. Only you and those who decide see it."),
    )

    def validate_photo(self, field: FileField) -> None:
        if not field.data or not field.data.filename:
            raise ValidationError(_("Please choose a picture or PDF."))


class AppealForm(Form):
    words = TextAreaField(
        lazy("Why is the answer not right?"), [Filled(lazy("Please say why the answer is not right.")), AtMost(400)]
    )


class AcceptanceForm(Form):
    minutes = IntegerField(
        lazy("What the entry shall count (minutes)"),
        [Optional(), NumberRange(0, MOST_MINUTES, lazy("Please type whole minutes between 0 and 1440."))],
    )
    words = StringField(lazy("Note"), [AtMost(200)], description=lazy("The person reads it."))


class RejectionForm(Form):
    reason = StringField(
        lazy("Why does the entry stay as it is?"),
        [Filled(lazy("Please say why the entry stays as it is.")), AtMost(200)],
        description=lazy("The person reads it, and can appeal."),
    )


# --- registrations that one knows nothing of ------------------------------------------------------------------


class ReportForm(Form):
    """What somebody types who has no account; nothing of the answer tells whether anything fits."""

    phone = PhoneField(lazy("Your phone number"), [Filled(lazy("Please type your phone number.")), AtMost(30)])
    last_four = StringField(
        lazy("Last four characters of your ID number"),
        [Filled(lazy("Please type the last four characters of your ID number.")), AtMost(4)],
        description=lazy("Digits, or X at the end."),
    )
    birthday = StringField(
        lazy("Month and day of birth, as four digits"),
        [Filled(lazy("Please type month and day of birth, such as 0301.")), AtMost(4)],
        description=lazy("Such as 0301. It is looked at if the registration has no ID number."),
    )
    words = TextAreaField(
        lazy("What has happened?"),
        [Filled(lazy("Please say what you have seen or heard.")), AtMost(1000)],
        description=lazy("For example: a friend saw my name on a list of the station; I never registered."),
    )
    contact = StringField(
        lazy("How can you be reached?"),
        [Filled(lazy("Please say how you can be reached.")), AtMost(120)],
        description=lazy("A phone number or a mail address. Only those who handle the report see it."),
    )

    def validate_last_four(self, field: StringField) -> None:
        if not FOUR.fullmatch(field.data or ""):
            raise ValidationError(_("Please type the last four characters: digits, or X at the end."))

    def validate_birthday(self, field: StringField) -> None:
        if not re.fullmatch(r"(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])", field.data or ""):
            raise ValidationError(_("Please type month and day of birth, such as 0301."))


class FollowForm(Form):
    code = StringField(
        lazy("Check code"), [Filled(lazy("Please type the code that you got with your report.")), AtMost(40)]
    )


class FindingForm(Form):
    answer = TextAreaField(
        lazy("What did you find?"),
        [Filled(lazy("Please say what you found; whoever reported it reads this.")), AtMost(400)],
        description=lazy("Whoever reported it reads this. Please write nothing about other people."),
    )
