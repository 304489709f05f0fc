"""What people fill in about themselves, and what keeps a typed phone, name or password from being nonsense."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from flask_wtf import FlaskForm
from stdnum.cn import ric
from stdnum.exceptions import InvalidComponent
from wtforms import (
    BooleanField,
    DateField,
    Field,
    HiddenField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TelField,
)
from wtforms.fields.choices import SelectChoice, enum_choices, enum_coerce
from wtforms.validators import StopValidation, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from blueprints.identity.models import SLOTS, Category, Gender, Leaving, Skill
from blueprints.identity.words import WORDS
from core import clock
from core.forms import AtMost, Filled, Form
from core.i18n import LANGUAGES, _, lazy
from core.passwords import LONGEST, SHORTEST

REGION = "CN"
EARLIEST = date(1900, 1, 1)
DIGITS, RECOVERY_DIGITS = 6, 10  # of a code that the phone makes, and of a printed one
RUN = 4  # that many equal or sequential characters are too easy to guess
NAME = re.compile(r"[^\W\d_]+(?:[ ·.’'-]+[^\W\d_]+)*\.?")


# ── fields ──


class PhoneField(TelField):
    """A telephone number as people write it; `number` is the same in E.164."""

    @property
    def number(self) -> str:
        return e164(self.data)

    def pre_validate(self, _form: FlaskForm) -> None:
        if self.data and not self.number:
            raise StopValidation(_("This is not a telephone number. Please check its digits."))


def e164(text: str | None) -> str:
    """The number as the database has it, e.g. +8619900000001; empty for anything else."""
    parsed = _parsed(text)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) if parsed else ""


def _parsed(text: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text or "", REGION)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) and not number.extension else None


class SecretField(StringField):
    """Text that a page never shows again, so that it is typed anew after a mistake."""

    def _value(self) -> str:
        return ""


class DayField(DateField):
    """A date from the native picker, or typed as 1990-05-20 where there is none."""

    data: Any

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if any(valuelist):
            try:
                super().process_formdata(valuelist)
            except ValueError:
                raise ValueError(_("Please enter the date like 1990-05-20.")) from None

    def pre_validate(self, _form: FlaskForm) -> None:
        if self.process_errors:
            raise StopValidation


class _Listed:
    """Judges a choice with one sentence of ours."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)  # type: ignore[misc]
        except ValueError:
            raise ValueError(_("Please choose from the list.")) from None

    def pre_validate(self, form: FlaskForm) -> None:
        if self.process_errors:  # type: ignore[attr-defined]
            raise StopValidation
        try:
            super().pre_validate(form)  # type: ignore[misc]
        except ValidationError:
            raise StopValidation(_("Please choose from the list.")) from None


class OneField(_Listed, RadioField):
    pass


class DropField(_Listed, SelectField):
    pass


class SeveralField(_Listed, SelectMultipleField):
    """Boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


def options_of(kind: type[Any]) -> list[SelectChoice]:
    """The members of an enumeration as choices, each by its word if this area knows it."""
    return list(enum_choices(kind, label=lambda member: WORDS.get(member, member.value)))


# ── validators ──


class PersonName:
    """Letters of any script, as on an identity card; `account.name` holds 40 characters."""

    field_flags = {"required": True, "maxlength": 40}

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        if not NAME.fullmatch(field.data or ""):
            raise ValidationError(_("Please write the name in letters or characters only."))


class MailAddress:
    """An address that a mail could reach, by its form."""

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        try:
            if field.data:
                validate_email(field.data, check_deliverability=False, allow_smtputf8=False)
        except EmailNotValidError:
            raise ValidationError(_("This is not a mail address. Please check it, or leave it empty.")) from None


class NewPassword:
    """Long enough, letters and digits, and no run that everybody tries first."""

    field_flags = {"required": True, "minlength": SHORTEST, "maxlength": LONGEST}

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        password = field.data or ""
        if len(password) < SHORTEST:
            raise StopValidation(_("Please use at least %(count)d characters.", count=SHORTEST))
        if len(password) > LONGEST:
            raise StopValidation(_("Please use at most %(count)d characters.", count=LONGEST))
        if not (re.search(r"[^\W\d_]", password) and re.search(r"\d", password)):
            raise StopValidation(_("Please use letters and digits together."))
        if has_run(password):
            raise StopValidation(_("Please avoid four equal or sequential characters, such as 1111 or abcd."))


def has_run(password: str) -> bool:
    """Whether four neighbours are equal, or follow one another up or down."""
    codes = [ord(c) for c in password.lower()]
    steps = [b - a for a, b in pairwise(codes)]
    windows = (steps[i : i + RUN - 1] for i in range(len(steps) - RUN + 2))
    return any(len(set(window)) == 1 and window[0] in (-1, 0, 1) for window in windows)


class SameAs:
    """The same text as another field."""

    def __init__(self, other: str) -> None:
        self.other = other
        self.field_flags = {"required": True}

    def __call__(self, form: FlaskForm, field: Field) -> None:
        if field.data != form[self.other].data:
            raise ValidationError(_("The two passwords differ. Please type both again."))


class Agreed:
    """A box that must be ticked."""

    field_flags = {"required": True}

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        if not field.data:
            raise ValidationError(_("Please read this and tick the box. Without it we may not keep your data."))


class AgreedIf:
    """A box that must be ticked when the other field is filled: such data need a consent of their own."""

    def __init__(self, other: str) -> None:
        self.other = other

    def __call__(self, form: FlaskForm, field: Field) -> None:
        if form[self.other].data and not field.data:
            raise ValidationError(_("Please tick this box too, or leave the field above empty."))


class Birthday:
    """A day on which somebody alive can have been born."""

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        if field.data and not EARLIEST <= field.data <= clock.today(clock.now()):
            raise ValidationError(_("Please check the year: this date cannot be a date of birth."))


class IdNumber:
    """A resident identity number whose check digit and date exist."""

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        if field.data and not is_id_number(field.data):
            message = _("This is not a valid ID number. Please type all 18 places again, or leave it empty.")
            raise ValidationError(message)


def is_id_number(text: str) -> bool:
    """Whether the number can be one (GB 11643), by the parts of stdnum that hold for everybody.

    `ric.validate` also asks that the county of its first digits existed in the year of birth, and knows the
    counties only since 1983: it would refuse most people who are older than that.
    """
    number = ric.compact(text)
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number) or number[-1] != ric.calc_check_digit(number):
        return False
    try:
        return bool(ric.get_birth_date(number))
    except InvalidComponent:
        return False


class CodeDigits:
    """As many digits as a code of the phone has, or as a printed one."""

    def __init__(self, *, printed: bool = True) -> None:
        self.lengths = (DIGITS, RECOVERY_DIGITS) if printed else (DIGITS,)
        self.message = (
            lazy("Please type the 6 digits that the phone shows, or the 10 digits of a recovery code.")
            if printed
            else lazy("Please type the 6 digits that the phone shows.")
        )

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        plain = code_digits(field.data or "")
        if len(plain) not in self.lengths or re.search(r"[^\W\d_]", field.data or ""):
            raise ValidationError(str(self.message))


def code_digits(typed: str) -> str:
    """The digits of what was typed, also of full width, without the spaces and dashes between them."""
    return "".join(str(unicodedata.decimal(c)) for c in typed if c.isdecimal())


# ── forms ──


def _phone(label: Any = None) -> PhoneField:
    return PhoneField(label or lazy("Phone number"), [Filled(lazy("Please enter the phone number.")), AtMost(30)])


def _password(label: Any = None) -> PasswordField:
    return PasswordField(label or lazy("Password"), [Filled(lazy("Please enter your password.")), AtMost(LONGEST)])


def _new_password() -> PasswordField:
    hint = lazy("At least 8 characters, letters and digits together, no 1111 and no abcd.")
    return PasswordField(lazy("New password"), [NewPassword()], description=hint)


def _again() -> PasswordField:
    return PasswordField(lazy("The same password again"), [SameAs("new_password")])


def _email() -> StringField:
    hint = lazy("For news about your shifts, and for a link when you forget the password.")
    return StringField(lazy("Mail address"), [AtMost(120), MailAddress()], description=hint)


def _skills() -> SeveralField:
    return SeveralField(lazy("What I am good at"), choices=options_of(Skill), coerce=enum_coerce(Skill))


def _categories() -> SeveralField:
    kinds = options_of(Category)
    return SeveralField(lazy("What I would like to do"), choices=kinds, coerce=enum_coerce(Category))


def _availability() -> SeveralField:
    return SeveralField(lazy("When I usually have time"), choices=[SelectChoice(slot) for slot in SLOTS])


def _branch() -> DropField:
    return DropField(lazy("League branch"), coerce=lambda value: int(value) if value else None)


def _league() -> BooleanField:
    words = lazy("My League branch may see that I am registered and what I have served.")
    return BooleanField(words, [AgreedIf("branch_id")])


def _id_consent() -> BooleanField:
    words = lazy("You may keep my ID number, encrypted, so that nobody is registered twice.")
    return BooleanField(words, [AgreedIf("id_number")])


class BranchForm(Form):
    """Any form with a League branch: which ones can be chosen depends on where the person lives."""

    def offer_branches(self, branches: Iterable[tuple[int, str]]) -> None:
        """Let one of these branches be chosen, or none."""
        none = SelectChoice("", _("None"))
        self["branch_id"].choices = [none, *(SelectChoice(str(id), name) for id, name in branches)]


class Person(BranchForm):
    """Who somebody is: what 办法 art. 5 asks for, and what the law leaves to the person."""

    division_id = HiddenField()
    name = StringField(lazy("Name"), [Filled(lazy("Please enter the name.")), AtMost(40), PersonName()])
    gender = OneField(lazy("Gender"), [Filled()], choices=options_of(Gender), coerce=enum_coerce(Gender))
    birth_date = DayField(lazy("Date of birth"), [Filled(lazy("Please enter the date of birth.")), Birthday()])
    email = _email()
    skills = _skills()
    categories = _categories()
    availability = _availability()
    branch_id = _branch()
    league = _league()
    id_number = SecretField(lazy("ID number"), [AtMost(30), IdNumber()])
    id_consent = _id_consent()


class EnrolmentForm(Person):
    """For somebody who has an account but is no volunteer yet."""

    pledge = BooleanField(lazy("I make this pledge."), [Agreed()])
    registration = BooleanField(lazy("I have read how my data are used, and I agree."), [Agreed()])


class RegistrationForm(EnrolmentForm):
    """For somebody who has no account."""

    phone = _phone()
    new_password = _new_password()
    password_again = _again()


class SignInForm(Form):
    phone = _phone()
    password = _password()
    next = HiddenField()


class ForgottenForm(Form):
    phone = _phone()


class SlipForm(Form):
    phone = _phone()
    code = StringField(
        lazy("Code on the slip"),
        [Filled(lazy("Please enter the code.")), AtMost(40)],
        description=lazy("Three groups of four, such as ABCD-2345-WXYZ."),
    )


class NewPasswordForm(Form):
    new_password = _new_password()
    password_again = _again()


class TakeOverForm(NewPasswordForm):
    """For the owner of an account that a clerk made: until now nobody agreed to anything."""

    pledge = BooleanField(lazy("I make this pledge."), [Agreed()])
    registration = BooleanField(lazy("I have read how my data are used, and I agree."), [Agreed()])


class ProfileForm(BranchForm):
    """What one may change about oneself at any time, without anybody's approval."""

    email = _email()
    password = PasswordField(
        lazy("Current password"), [AtMost(LONGEST)], description=lazy("Needed only when you change the mail address.")
    )
    lang = DropField(lazy("Language of pages and mails"), choices=[SelectChoice(*item) for item in LANGUAGES.items()])


class VolunteerProfileForm(ProfileForm):
    skills = _skills()
    categories = _categories()
    availability = _availability()
    branch_id = _branch()
    league = _league()


class ResidenceForm(Form):
    division_id = HiddenField()


class OwnPasswordForm(Form):
    password = _password()


class CodeForm(Form):
    """A code of the phone, or a printed one."""

    code = SecretField(
        lazy("Code of the phone, or recovery code"), [Filled(lazy("Please enter the code.")), AtMost(40), CodeDigits()]
    )


class ProofForm(Form):
    """Who changes the way in shows once more who they are, unless they have just done so."""

    password = PasswordField(
        lazy("Your password, or a code of the second step"),
        [Filled(lazy("Please enter your password or a code.")), AtMost(LONGEST)],
    )

    def trust(self, has_proved: bool) -> "ProofForm":
        """Do not ask who has shown it just now."""
        if has_proved and "password" in self:
            del self["password"]
        return self


class SecondStepForm(ProofForm):
    """The first code of a phone, which shows that it has the secret."""

    code = SecretField(
        lazy("Code that the phone shows"),
        [Filled(lazy("Please enter the code.")), AtMost(40), CodeDigits(printed=False)],
    )
    next = HiddenField()


class PasswordForm(NewPasswordForm):
    password = _password(lazy("Old password"))


class PhoneForm(Form):
    phone = _phone(lazy("New phone number"))
    password = _password()


class IdNumberForm(Form):
    id_number = SecretField(lazy("ID number"), [Filled(lazy("Please enter the ID number.")), AtMost(30), IdNumber()])
    id_consent = _id_consent()


class LeavingForm(Form):
    """What becomes of the personal data of somebody who leaves."""

    personal_data = OneField(
        lazy("Personal data"), [Filled()], choices=options_of(Leaving), coerce=enum_coerce(Leaving)
    )


class DepartureForm(LeavingForm):
    password = _password()
