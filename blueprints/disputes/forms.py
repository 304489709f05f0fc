"""What is said of an entry that is not right: by its owner, and by whoever decides."""

from flask_wtf.file import FileField
from wtforms import IntegerField, RadioField, SelectChoice, StringField, TextAreaField
from wtforms.validators import NumberRange, Optional, ValidationError

from blueprints.disputes.models import DisputeKind
from core.forms import AtMost, Filled, Form
from core.i18n import _, lazy

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
        lazy("Picture as proof"),
        description=lazy("Where and with what it was taken is not kept. Only you and those who decide see it."),
    )


class ProofForm(Form):
    photo = FileField(
        lazy("Picture as proof"),
        description=lazy("Where and with what it was taken is not kept. Only you and those who decide see it."),
    )

    def validate_photo(self, field: FileField) -> None:
        if not field.data or not field.data.filename:
            raise ValidationError(_("Please choose a picture."))


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
