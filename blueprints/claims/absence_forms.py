"""What is said of somebody who did not come: by the clerk, by the person, and by whoever decides."""

from wtforms import RadioField, SelectChoice, SelectField, StringField, TextAreaField

from blueprints.claims.models import AbsenceKind, AbsenceOutcome
from core.forms import AtMost, Filled, Form
from core.i18n import lazy


class AbsenceForm(Form):
    """One tap says what it was; a note is optional."""

    kind = SelectField(lazy("What it was"), choices=[SelectChoice(kind.value) for kind in AbsenceKind], coerce=str)
    reason = StringField(lazy("Note"), [AtMost(200)])


class DisputeForm(Form):
    words = TextAreaField(
        lazy("What is not right?"),
        [Filled(lazy("Please say what is not right.")), AtMost(400)],
        description=lazy(
            "For example: I was there from nine on, Chen let me in; or: I cancelled by phone the day before."
        ),
    )


class DecisionForm(Form):
    outcome = RadioField(
        lazy("Decision"),
        [Filled(lazy("Please choose one of the two."))],
        choices=[
            SelectChoice(AbsenceOutcome.OVERTURNED.value, lazy("The person is right: take the note off")),
            SelectChoice(AbsenceOutcome.UPHELD.value, lazy("The note stays")),
        ],
    )
    reason = StringField(lazy("Reason"), [Filled(lazy("Please give a reason: the person reads it.")), AtMost(200)])
