"""What is asked of somebody who wants a copy of everything about them."""

from wtforms import PasswordField

from core.forms import AtMost, Filled, Form
from core.i18n import lazy


class CopyForm(Form):
    password = PasswordField(lazy("Password"), [Filled(lazy("Please enter your password.")), AtMost(200)])
