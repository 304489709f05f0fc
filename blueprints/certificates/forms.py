"""What somebody fills in to get a certificate, to decide on one, and to check one."""

from wtforms import DateField, SelectField, StringField, TextAreaField
from wtforms.validators import ValidationError

from blueprints.posts.models import Category
from core.forms import AtMost, Filled, Form
from core.i18n import _, lazy
from core.words import say

MOST_CODES = 200


class CertificateForm(Form):
    from_on = DateField(lazy("From"), [Filled(lazy("Please choose the first day."))])
    until_on = DateField(lazy("Until"), [Filled(lazy("Please choose the last day."))])
    category = SelectField(lazy("Category"), validate_choice=False)
    organization = SelectField(lazy("Who issues it"), coerce=int, validate_choice=False, default=0)

    def offer(self, organizations: list[tuple[int, str]]) -> "CertificateForm":
        """What can be chosen here and now."""
        self.category.choices = [("", _("All categories")), *((c.value, say(c)) for c in Category)]
        self.organization.choices = [(0, _("I print it myself, at once")), *organizations]
        return self

    def validate_until_on(self, field: DateField) -> None:
        if self.from_on.data and field.data and field.data < self.from_on.data:
            raise ValidationError(_("The last day lies before the first."))

    @property
    def chosen(self) -> Category | None:
        value = self.category.data or ""
        return Category(value) if value in set(Category) else None


class BatchForm(Form):
    from_on = DateField(lazy("From"), [Filled(lazy("Please choose the first day."))])
    until_on = DateField(lazy("Until"), [Filled(lazy("Please choose the last day."))])
    category = SelectField(lazy("Category"), validate_choice=False)
    organization = SelectField(lazy("Organization"), coerce=int, validate_choice=False, default=0)
    numbers = TextAreaField(
        lazy("Volunteer numbers, one a line"),
        [AtMost(20_000)],
        description=lazy("Leave it empty for everybody of whom something was recorded in this period."),
    )

    def offer(self, organizations: list[tuple[int, str]]) -> "BatchForm":
        """What can be chosen here and now."""
        self.category.choices = [("", _("All categories")), *((c.value, say(c)) for c in Category)]
        self.organization.choices = organizations
        return self

    def validate_until_on(self, field: DateField) -> None:
        if self.from_on.data and field.data and field.data < self.from_on.data:
            raise ValidationError(_("The last day lies before the first."))

    @property
    def chosen(self) -> Category | None:
        value = self.category.data or ""
        return Category(value) if value in set(Category) else None

    @property
    def typed(self) -> list[str]:
        return (self.numbers.data or "").upper().replace(",", " ").replace("、", " ").split()


class ReasonForm(Form):
    reason = StringField(
        lazy("Reason"),
        [Filled(lazy("Please say why, so that the person can do something about it.")), AtMost(200)],
    )


class CodeForm(Form):
    class Meta(Form.Meta):
        csrf = False  # nothing is changed: it only leads to a page that anybody may open

    code = StringField(lazy("Check code"), [Filled(lazy("Please type the code that stands on the paper.")), AtMost(40)])


class ManyCodesForm(Form):
    class Meta(Form.Meta):
        csrf = False

    codes = TextAreaField(
        lazy("Check codes, one a line"), [Filled(lazy("Please paste at least one code.")), AtMost(5_000)]
    )
