"""What every form shares: text is tidied before it is judged, and words of its own language."""

import unicodedata
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import Field, PasswordField, StringField, TextAreaField
from wtforms.validators import StopValidation, ValidationError

from core import drafts
from core.i18n import _
from core.refusal import is_said

LINE_BREAKS = "\n\t"


def tidy(text: str | None) -> str | None:
    """NFC, without control characters, without white space around it."""
    if text is None:
        return None
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(c for c in text if c in LINE_BREAKS or unicodedata.category(c) not in ("Cc", "Cs")).strip()


class Form(FlaskForm):
    """The base of every form: errors in the reader's language, text fields tidied."""

    class Meta(FlaskForm.Meta):
        def bind_field(self, form: Any, unbound_field: Any, options: dict[str, Any]) -> Field:
            filters = list(unbound_field.kwargs.get("filters", ()))
            if issubclass(unbound_field.field_class, StringField | TextAreaField) and not issubclass(
                unbound_field.field_class, PasswordField
            ):
                filters.append(tidy)
            return unbound_field.bind(form=form, filters=filters, **options)

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """What was sent as a form, never JSON; else what was typed here before the session ran out."""
            if not (formdata is None or hasattr(formdata, "getlist")) and request.method == "POST" and request.is_json:
                return request.form
            given = super().wrap_formdata(form, formdata)
            return drafts.kept() if given is None else given


class Filled:
    """The field is needed; the sentence says what to type."""

    field_flags = {"required": True}

    def __init__(self, message: Any = None) -> None:
        self.message = message

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        if field.data is None or field.data == [] or (isinstance(field.data, str) and not _is_filled(field)):
            field.errors = list(field.errors)
            raise StopValidation(str(self.message or _("Please fill this in.")))


def _is_filled(field: Field) -> bool:
    """A password may consist of marks alone, what others read may not."""
    return bool(field.data.strip()) if isinstance(field, PasswordField) else is_said(field.data)


class AtMost:
    """No longer than a column holds."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.field_flags = {"maxlength": length}

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        if field.data and len(field.data) > self.length:
            raise ValidationError(_("Please use at most %(count)d characters.", count=self.length))
