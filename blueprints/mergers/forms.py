"""What somebody fills in to have two registrations of theirs merged, or to propose or decide it."""

from wtforms import PasswordField, StringField, ValidationError

from blueprints.identity.forms import PhoneField
from core.forms import AtMost, Filled, Form
from core.i18n import _, lazy
from core.passwords import LONGEST


class NumberForm(Form):
    number = StringField(
        lazy("Volunteer number of the other registration"),
        [Filled(lazy("Please enter the number.")), AtMost(12)],
        description=lazy("The one that is closed; this one goes on."),
    )


class ProposalForm(Form):
    reason = StringField(
        lazy("Why are these one person?"),
        [Filled(lazy("Please say how you know, so that whoever decides can look into it.")), AtMost(200)],
        description=lazy("Whoever decides reads it, and the person."),
    )


class AnswerForm(Form):
    answer = StringField(
        lazy("What did you look at?"),
        [Filled(lazy("Please say what you looked at, or why not.")), AtMost(200)],
        description=lazy("It stays with the merger, and the person reads it."),
    )


class DismissalForm(Form):
    why = StringField(
        lazy("Why are these two people?"),
        [Filled(lazy("Please say how you know.")), AtMost(200)],
    )


class OwnForm(Form):
    """Somebody proves that another registration is theirs, too: by its password, or by a slip from the station."""

    phone = PhoneField(
        lazy("Phone number of the other registration"), [Filled(lazy("Please enter the phone number.")), AtMost(30)]
    )
    password = PasswordField(lazy("Its password"), [AtMost(LONGEST)])
    code = StringField(
        lazy("Or the code of a slip for it"),
        [AtMost(40)],
        description=lazy("If you do not know the password, the station gives you a slip when you show your ID card."),
    )
    reason = StringField(
        lazy("Why do you have two?"),
        [Filled(lazy("Please say it in a few words; whoever decides reads it.")), AtMost(200)],
    )

    def validate_password(self, field: PasswordField) -> None:
        if not field.data and not self.code.data:
            raise ValidationError(_("Please enter the password of the other registration, or the code of a slip."))
