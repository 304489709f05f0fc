"""What somebody states of time outside a shift, and what those say who look at it."""

from datetime import date, datetime, time, timedelta

from flask_wtf.file import FileField
from wtforms import DateField, IntegerField, SelectField, StringField, TextAreaField, TimeField
from wtforms.validators import NumberRange, Optional, ValidationError

from blueprints.organizations.models import Organization
from blueprints.posts.models import Category
from blueprints.records.actions import Facts
from core import clock
from core.forms import AtMost, Filled, Form
from core.i18n import _, lazy
from core.words import say

CLOCK = ["%H:%M", "%H:%M:%S"]
DAY = timedelta(days=1)
MOST_MINUTES = 1440
YEARS = range(1900, 2101)


class SupplementForm(Form):
    organization = SelectField(
        lazy("Which organization was it for?"), coerce=int, description=lazy("Somebody there has to vouch for it.")
    )
    title = StringField(lazy("What did you do?"), [Filled(lazy("Please name it in a few words.")), AtMost(40)])
    category = SelectField(lazy("Category"))
    content = TextAreaField(lazy("Content"), [Filled(lazy("Please say what exactly was done.")), AtMost(400)])
    place = StringField(lazy("Place"), [Filled(lazy("Please say where it was.")), AtMost(120)])
    day = DateField(lazy("Day"), [Filled(lazy("Please choose the day."))])
    starts = TimeField(lazy("From"), [Filled(lazy("Please enter a time like 09:00."))], format=CLOCK)
    ends = TimeField(
        lazy("Until"),
        [Filled(lazy("Please enter a time like 11:00."))],
        format=CLOCK,
        description=lazy("Earlier than the beginning means the next day."),
    )
    minutes = IntegerField(
        lazy("Minutes served"),
        [Optional(), NumberRange(1, MOST_MINUTES, lazy("Please type whole minutes between 1 and 1440."))],
        description=lazy("Only if there were breaks; else the whole time counts."),
    )
    voucher = StringField(
        lazy("Who was in charge and can vouch?"), [Filled(lazy("Please name somebody who was there.")), AtMost(40)]
    )
    why = StringField(lazy("Why was there no shift?"), [Filled(lazy("Please say why.")), AtMost(200)])
    photo = FileField(
        lazy("Picture or PDF as proof"),
        description=lazy("Where and with what a picture was taken is not kept. Only you and those who decide see it."),
    )

    def offer(self, organizations: list[Organization]) -> "SupplementForm":
        """What can be chosen here and now."""
        self.organization.choices = [(each.id, each.name) for each in organizations]
        self.category.choices = [(each.value, say(each)) for each in Category]
        return self

    def validate_day(self, field: DateField) -> None:
        if field.data and field.data.year not in YEARS:
            raise ValidationError(_("Please check the year."))

    def validate_photo(self, field: FileField) -> None:
        if not field.data or not field.data.filename:
            raise ValidationError(_("Please add a picture or PDF that proves it: of the place, a sheet, a message."))

    def facts(self, volunteer_id: int) -> Facts:
        starts, ends = span(self.day.data, self.starts.data, self.ends.data)
        length = int((ends - starts).total_seconds()) // 60
        return Facts(
            volunteer_id=volunteer_id,
            organization_id=self.organization.data,
            title=self.title.data or "",
            category=Category(self.category.data),
            content=self.content.data or "",
            place=self.place.data or "",
            responsible_name=self.voucher.data or "",
            started_at=starts,
            ended_at=ends,
            minutes=self.minutes.data or length,
        )


def span(day: date, starts: time, ends: time) -> tuple[datetime, datetime]:
    """From one time to another; what ends before it began, or at the same time, ends on the next day."""
    return clock.at(day, starts), clock.at(day + (DAY if ends <= starts else timedelta(0)), ends)


class AnswerForm(Form):
    words = TextAreaField(lazy("Your answer"), [Filled(lazy("Please answer the question.")), AtMost(400)])
    photo = FileField(
        lazy("Another picture or PDF"),
        description=lazy("Where and with what a picture was taken is not kept. Only you and those who decide see it."),
    )


class QuestionForm(Form):
    words = StringField(
        lazy("What is missing?"), [Filled(lazy("Please say what is missing.")), AtMost(200)],
        description=lazy("The person reads it and answers."), id="question",
    )  # fmt: skip


class DeclineForm(Form):
    words = StringField(
        lazy("Why not?"), [Filled(lazy("Please say why, so that the person can understand it.")), AtMost(200)],
        description=lazy("The person reads it."), id="refusal",
    )  # fmt: skip
