"""What somebody fills in to hand in a file of another platform, to name its columns, and to decide on it."""

import re
from collections.abc import Sequence
from typing import Any

from flask_wtf.file import FileField
from wtforms import BooleanField, FieldList, FormField, IntegerField, SelectField, StringField, ValidationError
from wtforms import Form as PlainForm
from wtforms.validators import Optional

from blueprints.exchange.columns import FIELDS as FIELDS_OUT
from blueprints.exchange.columns import MOST_COLUMNS, Column
from blueprints.exchange.models import HandoverFormat, HandoverKind, ImportBatch, ImportKind, ItemState
from blueprints.exchange.rules import FIELDS
from blueprints.identity.models import Category
from core.forms import AtMost, Filled, Form, tidy
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


# --- hand-over ------------------------------------------------------------------------------------------------

SPARE_COLUMNS = 2
CODE = "="


class HandoverForm(Form):
    kind = SelectField(lazy("What the file holds"))
    format = SelectField(lazy("Format"), default=HandoverFormat.XLSX.value)
    organization = SelectField(lazy("Of which organization and what lies under it"), coerce=int, validate_choice=False)
    refused_again = BooleanField(lazy("Send refused rows again, too"))
    with_id_numbers = BooleanField(lazy("With ID numbers"))
    reason = StringField(
        lazy("Why ID numbers are needed"),
        [AtMost(200)],
        description=lazy("Only for a file with ID numbers. Each person whose number goes along can read it."),
    )

    def offer(self, organizations: list[tuple[int, str]]) -> "HandoverForm":
        """What can be chosen here and now."""
        self.kind.choices = [(kind.value, say(kind)) for kind in HandoverKind]
        self.format.choices = [(each.value, say(each)) for each in HandoverFormat]
        self.organization.choices = organizations
        return self


class AnswerForm(Form):
    file = FileField(lazy("Answer of the national system"), description=lazy("XLSX or CSV: 数据编号, 结果, 原因."))

    def validate_file(self, field: FileField) -> None:
        if not field.data or not field.data.filename:
            raise ValidationError(_("Please choose a file."))


class ItemForm(Form):
    state = SelectField(lazy("State"))
    reason = StringField(lazy("Reason"), [AtMost(200)])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.state.choices = [(each.value, say(each)) for each in (ItemState.ACCEPTED, ItemState.REFUSED)]


class ColumnForm(PlainForm):
    order = IntegerField(lazy("Order"), [Optional()])
    name = StringField(lazy("Name of the column"), [AtMost(40)], filters=[tidy])
    field = SelectField(lazy("Field"), validate_choice=False)
    fixed = StringField(lazy("Always, or when empty"), [AtMost(60)], filters=[tidy])
    codes = StringField(lazy("Codes"), [AtMost(600)], filters=[tidy])


class ColumnsForm(Form):
    columns = FieldList(FormField(ColumnForm), max_entries=MOST_COLUMNS)

    def offer(self, kind: HandoverKind) -> "ColumnsForm":
        """What a column can hold, and some empty lines for more."""
        for _spare in range(min(SPARE_COLUMNS, MOST_COLUMNS - len(self.columns))):
            self.columns.append_entry()
        choices = [("", _("always the same")), *((name, str(label)) for name, label in FIELDS_OUT[kind].items())]
        for line in self.columns:
            line.form.field.choices = choices
        return self

    def validate_columns(self, _field: FieldList) -> None:
        for line in self.columns:
            if line.form.codes.data and _codes(line.form.codes.data) is None:
                line.form.codes.errors = [_("Please write codes like female=2, male=1.")]
                raise ValidationError(_("Please write codes like female=2, male=1."))

    @property
    def chosen(self) -> list[Column]:
        """The columns in their order; a line without a name is none."""
        lines = [line.form for line in self.columns if line.form.name.data]
        lines.sort(key=lambda line: MOST_COLUMNS if line.order.data is None else line.order.data)
        return [
            Column(line.name.data, line.field.data or "", line.fixed.data or "", _codes(line.codes.data or "") or {})
            for line in lines
        ]


def columns_form(columns: Sequence[Column], kind: HandoverKind) -> ColumnsForm:
    """The columns as they stand, to be changed."""
    form = ColumnsForm(formdata=None)
    for number, each in enumerate(columns, start=1):
        codes = "，".join(f"{value}{CODE}{code}" for value, code in each.codes.items())
        form.columns.append_entry(
            {"order": number, "name": each.name, "field": each.field, "fixed": each.fixed, "codes": codes}
        )
    return form.offer(kind)


def _codes(text: str) -> dict[str, str] | None:
    pairs = [pair.partition(CODE) for pair in re.split(r"[,，;；\n]+", text) if pair.strip()]
    if any(not equals or not value.strip() for value, equals, _code in pairs):
        return None
    return {value.strip(): code.strip() for value, _equals, code in pairs}
