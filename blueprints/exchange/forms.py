"""What somebody fills in to hand in a file of another platform, to name its columns, and to decide on it."""

from typing import Any

from flask_wtf.file import FileField
from wtforms import SelectField, StringField, ValidationError

from blueprints.exchange.models import ImportBatch, ImportKind
from blueprints.exchange.rules import FIELDS
from blueprints.identity.models import Category
from core.forms import AtMost, Filled, Form
from core.i18n import _, lazy
from core.words import say

LONGEST_NAME = 120


class ImportForm(Form):
    kind = SelectField(lazy("What the file holds"))
    organization = SelectField(lazy("For which organization"), coerce=int, validate_choice=False)
    platform = StringField(
        lazy("Which platform it comes from"),
        [Filled(lazy("Please name the platform; its rows are recognised by it later.")), AtMost(40)],
    )
    file = FileField(lazy("File"), description=lazy("XLSX or CSV, at most 20 MB and 100,000 rows."))

    def offer(self, organizations: list[tuple[int, str]]) -> "ImportForm":
        """What can be chosen here and now."""
        self.kind.choices = [(kind.value, say(kind)) for kind in ImportKind]
        self.organization.choices = organizations
        return self

    def validate_file(self, field: FileField) -> None:
        if not field.data or not field.data.filename:
            raise ValidationError(_("Please choose a file."))

    @property
    def file_name(self) -> str:
        return str(self.file.data.filename)[-LONGEST_NAME:]


class MappingForm(Form):
    category = SelectField(lazy("Category of hours whose row names none"), validate_choice=False)

    @property
    def columns(self) -> list[Any]:
        return [field for name, field in self._fields.items() if name.startswith("column_")]

    @property
    def mapping(self) -> list[str]:
        return [field.data or "" for field in self.columns]


def mapping_form(batch: ImportBatch, **given: Any) -> MappingForm:
    """One choice for each column of the file, as it is named so far."""
    columns = {
        f"column_{number}": SelectField(head or _("Column %(number)d", number=number + 1), default=name)
        for number, (head, name) in enumerate(zip(batch.heads, batch.mapping, strict=True))
    }
    form: MappingForm = type("NamedColumns", (MappingForm,), columns)(**given)
    for column in form.columns:
        column.choices = [("", _("not taken over")), *((each.name, str(each.label)) for each in FIELDS[batch.kind])]
    form.category.choices = [("", _("Please choose")), *((each.value, say(each)) for each in Category)]
    if not form.category.raw_data:
        form.category.data = batch.category
    return form


class ReasonForm(Form):
    reason = StringField(lazy("Reason"), [Filled(lazy("Please say why.")), AtMost(200)])
