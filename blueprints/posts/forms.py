"""The form of a post, split by meaning, with several shifts in it; it works the same without JavaScript."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from wtforms import (
    BooleanField,
    DateField,
    FieldList,
    FormField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.validators import StopValidation, ValidationError
from wtforms.widgets import CheckboxInput, HiddenInput, ListWidget

from blueprints.identity.models import Skill
from blueprints.identity.words import WORDS as SKILLS
from blueprints.organizations.models import Division, Level
from blueprints.posts import rules
from blueprints.posts.models import MOST_CUT_OFF_HOURS, MOST_PLACES, THEMES, Category, Hazard, RiskLevel, Shift
from blueprints.posts.wording import Finding, doubtful_cases
from blueprints.posts.words import CATEGORIES, HAZARDS, RISK_LEVELS
from blueprints.posts.words import THEMES as THEME_WORDS
from core import clock, vault
from core.forms import AtMost, Filled, Form
from core.i18n import _, lazy

LONGEST_TEXT = 2000
YEARS = range(2000, 3000)
CLOCK = ["%H:%M", "%H:%M:%S"]
SAVE = "save"
TEXTS = ("place", "content", "conditions", "sign_up", "risks", "safeguards", "responsible_name", "responsible_phone")


class Given(Filled):
    """Filled, unless what was typed could not be read: then that error says enough."""

    def __call__(self, form: Any, field: Any) -> None:
        if field.process_errors:
            raise StopValidation
        super().__call__(form, field)


class Needed(Given):
    """Needed to publish; a draft may still lack it."""

    def __call__(self, form: Any, field: Any) -> None:
        if not form.is_draft:
            super().__call__(form, field)


class Ticked(Given):
    """The box must be ticked."""

    def __call__(self, _form: Any, field: Any) -> None:
        if not field.data:
            raise StopValidation(str(self.message))


class Within:
    """A number in a span; the same bounds as the CHECK behind the column."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high
        self.field_flags = {"min": low, "max": high}

    def __call__(self, _form: Any, field: Any) -> None:
        if field.data is not None and not self.low <= field.data <= self.high:
            raise ValidationError(_("Please enter a number from %(low)d to %(high)d.", low=self.low, high=self.high))


class Whole(IntegerField):
    """A whole number; left empty it is simply not given."""

    data: Any

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if valuelist and valuelist[0].strip():
            self.invalid_value_message = _("Please enter a whole number.")
            super().process_formdata([valuelist[0][:12]])


class Day(DateField):
    """A day that a calendar shows."""

    data: Any

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if valuelist and valuelist[0].strip():
            self.invalid_value_message = _("Please choose a day, such as %(day)s.", day="2026-11-28")
            super().process_formdata(valuelist)

    def post_process(self, formdata: Any = None) -> None:
        """A year of another age is no answer, and would not fit the clock."""
        super().post_process(formdata)
        if self.data and self.data.year not in YEARS:
            self.data = None
            self.process_errors = [_("Please choose a day of these years.")]


class Hour(TimeField):
    """A time on the clock on the wall."""

    data: Any

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if valuelist and valuelist[0].strip():
            self.invalid_value_message = _("Please enter a time, such as %(time)s.", time="09:00")
            super().process_formdata(valuelist)


class Rows(FieldList):
    """Sub-forms whose numbers come from the request: strange ones are passed over, and too many cut off."""

    most = rules.MOST_SHIFTS

    def _extract_indices(self, prefix: str, formdata: Iterable[str]) -> list[int]:
        start = len(prefix) + 1
        numbers = (key[start:].split("-", 1)[0] for key in formdata if key.startswith(f"{prefix}-"))
        known = {int(number) for number in numbers if number.isascii() and number.isdigit() and len(number) < 5}
        return sorted(known)[: self.most + 1]


class Choice(SelectField):
    """One of a list."""

    def pre_validate(self, form: Any) -> None:
        self.invalid_choice_message = _("Please choose one of the list.")
        super().pre_validate(form)


class Radios(RadioField):
    """One of a few, all in view."""

    def pre_validate(self, form: Any) -> None:
        self.invalid_choice_message = _("Please choose one of the list.")
        super().pre_validate(form)


class Boxes(SelectMultipleField):
    """Several of a list, each with its own box."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def pre_validate(self, form: Any) -> None:
        self.invalid_choice_message = _("Please choose from the list.")
        super().pre_validate(form)


def _categories() -> list[SelectChoice]:
    themed = [(theme, category) for theme, categories in THEMES.items() for category in categories]
    choices = [SelectChoice(c.value, CATEGORIES[c], optgroup=str(THEME_WORDS[theme])) for theme, c in themed]
    return [SelectChoice("", _("Please choose")), *choices]


def _skills() -> list[SelectChoice]:
    return [SelectChoice("", _("No special skill")), *(SelectChoice(s.value, SKILLS[s]) for s in Skill)]


class Revised(Form):
    """A form that knows which version of the post it was made from."""

    revision = Whole(widget=HiddenInput(), default=0)

    def show_newest(self, revision: int) -> None:
        """After a refusal because of a newer version: sending this form again means to write over that one."""
        if self.revision.errors:
            self.revision.data, self.revision.raw_data = revision, None


class ShiftForm(Form):
    """One shift by the clock on the wall; an end earlier than the start lies on the next day."""

    day = Day(lazy("Day"), [Given(lazy("Please choose the day."))])
    starts = Hour(lazy("Start"), [Given(lazy("Please enter the start."))], format=CLOCK)
    ends = Hour(lazy("End"), [Given(lazy("Please enter the end."))], format=CLOCK)
    places = Whole(lazy("Places"), [Given(lazy("Please say how many people you need.")), Within(1, MOST_PLACES)])
    break_minutes = Whole(lazy("Break in minutes"), [Within(0, 720)])
    opens_day = Day(lazy("Open for claims from"))
    opens_time = Hour(lazy("At"), format=CLOCK)
    minimum = Whole(lazy("People needed at the least"), [Within(1, MOST_PLACES)])
    cut_off_hours = Whole(lazy("Counted so many hours before the start"), [Within(1, MOST_CUT_OFF_HOURS)])

    @property
    def has_options(self) -> bool:
        """Whether anything of what may be left out was typed or is wrong."""
        options = (self.opens_day, self.opens_time, self.minimum, self.cut_off_hours)
        return any(field.data is not None or field.errors or field.process_errors for field in options)

    @property
    def is_overnight(self) -> bool:
        return bool(self.starts.data and self.ends.data and self.ends.data < self.starts.data)

    def validate_ends(self, field: Any) -> None:
        if field.data and field.data == self.starts.data:
            raise ValidationError(_("A shift must end after it starts."))

    def validate_break_minutes(self, field: Any) -> None:
        timed = all(known.data is not None for known in (self.day, self.starts, self.ends))
        if field.data and timed and timedelta(minutes=field.data) >= self.ends_at() - self.starts_at():
            raise ValidationError(_("The break must be shorter than the shift."))

    def validate_opens_day(self, field: Any) -> None:
        timed = self.day.data and self.starts.data
        if field.data and timed and (self.opens_at() or self.starts_at()) >= self.starts_at():
            raise ValidationError(_("Claims must open before the shift starts. Choose an earlier moment."))

    def validate_opens_time(self, field: Any) -> None:
        if (field.data is None) != (self.opens_day.data is None) and not self.opens_day.process_errors:
            raise ValidationError(_("Please give both the day and the time at which claims open, or neither."))

    def validate_minimum(self, field: Any) -> None:
        if field.data is not None and self.places.data is not None and field.data > self.places.data:
            raise ValidationError(_("The people needed at the least cannot be more than the places."))

    def validate_cut_off_hours(self, field: Any) -> None:
        if (field.data is None) != (self.minimum.data is None) and not self.minimum.process_errors:
            raise ValidationError(
                _("A minimum of people needs the hours at which they are counted, and the other way round.")
            )

    def opens_at(self) -> datetime | None:
        """When claiming opens; None if at once."""
        given = self.opens_day.data is not None and self.opens_time.data is not None
        return clock.at(self.opens_day.data, self.opens_time.data) if given else None

    def starts_at(self) -> datetime:
        return clock.at(self.day.data, self.starts.data)

    def ends_at(self) -> datetime:
        return clock.at(self.day.data + clock.DAY * self.is_overnight, self.ends.data)

    def values(self) -> dict[str, Any]:
        """The shift as the actions take it, in moments."""
        numbers = {"places": self.places.data, "break_minutes": self.break_minutes.data or 0}
        least = {"minimum": self.minimum.data, "cut_off_hours": self.cut_off_hours.data}
        times = {"starts_at": self.starts_at(), "ends_at": self.ends_at(), "opens_at": self.opens_at()}
        return {**times, **numbers, **least}


def shift_data(shift: Shift) -> dict[str, Any]:
    """A shift as the form shows it, by the clock on the wall."""
    start, end = clock.local(shift.starts_at), clock.local(shift.ends_at)
    opens = clock.local(shift.opens_at) if shift.opens_at else None
    numbers = {"places": shift.places, "break_minutes": shift.break_minutes}
    least = {"minimum": shift.minimum, "cut_off_hours": shift.cut_off_hours}
    opening = {"opens_day": opens and opens.date(), "opens_time": opens and opens.time()}
    return {"day": start.date(), "starts": start.time(), "ends": end.time(), **numbers, **least, **opening}


class ShiftRow(ShiftForm):
    """A shift among others; a row in which nothing was typed is no shift."""

    is_needed = False

    class Meta(Form.Meta):
        csrf = False  # the form around it carries the token

    @property
    def is_empty(self) -> bool:
        """Whether no time was typed; places and break may have been filled in beforehand."""
        return not any(field.raw_data and field.raw_data[0].strip() for field in (self.day, self.starts, self.ends))

    def validate(self, extra_validators: Any = None) -> bool:
        return (self.is_empty and not self.is_needed) or bool(super().validate(extra_validators))


class PostForm(Revised):
    """What a post says, with everything the law wants said when recruiting; its shifts are not in it."""

    is_draft = False

    title = StringField(
        lazy("Title"),
        [Given(lazy("Please give the post a title.")), AtMost(40)],
        description=lazy("Up to 40 characters"),
    )
    category = Choice(lazy("Kind of service"), [Given(lazy("Please choose the kind of service."))], choices=_categories)
    content = TextAreaField(
        lazy("What people do"),
        [Needed(rules.REQUIRED["content"]), AtMost(LONGEST_TEXT)],
        description=lazy("Step by step, so that a newcomer knows what to expect."),
    )
    division_id = Choice(lazy("Community or town"), [Given(lazy("Please choose the community or town."))])
    place = StringField(
        lazy("Exact place"),
        [Needed(rules.REQUIRED["place"]), AtMost(120)],
        description=lazy("Where people meet: building, gate or crossing."),
    )
    min_age = Whole(lazy("From the age of"), [Needed(lazy("Please give the lowest age.")), Within(0, rules.OLDEST)])
    max_age = Whole(lazy("Up to the age of"), [Needed(lazy("Please give the highest age.")), Within(0, rules.OLDEST)])
    skill = Choice(lazy("Skill needed"), coerce=lambda value: str(value or ""), choices=_skills, default="")
    conditions = TextAreaField(
        lazy("Who can take part"),
        [Needed(rules.REQUIRED["conditions"]), AtMost(400)],
        description=lazy("What people should bring or be able to do; if nothing special, say so."),
    )
    sign_up = StringField(lazy("How to sign up"), [Needed(rules.REQUIRED["sign_up"]), AtMost(200)])
    approves = BooleanField(
        lazy("The organizer approves each claim"),
        description=lazy("People ask for a place; a clerk says yes, or no with a reason, before the start."),
    )
    risk_level = Radios(
        lazy("Risk"),
        choices=lambda: [SelectChoice(level.value, RISK_LEVELS[level]) for level in RiskLevel],
        default=RiskLevel.LOW,
    )
    hazards = Boxes(
        lazy("Dangers"),
        choices=lambda: [SelectChoice(hazard.value, HAZARDS[hazard]) for hazard in Hazard],
        default=(),
        description=lazy("With any of these, or a high risk, the lowest age is 18."),
    )
    risks = TextAreaField(
        lazy("What can happen"),
        [Needed(rules.REQUIRED["risks"]), AtMost(400)],
        description=lazy("The law wants people to know before they come (条例 art. 12)."),
    )
    safeguards = TextAreaField(
        lazy("What is provided"),
        [Needed(rules.REQUIRED["safeguards"]), AtMost(400)],
        description=lazy("Insurance, water, gloves, a meal, the way there …"),
    )
    responsible_name = StringField(lazy("Person in charge"), [Needed(rules.REQUIRED["responsible_name"]), AtMost(40)])
    responsible_phone = StringField(lazy("Phone"), [Needed(rules.REQUIRED["responsible_phone"]), AtMost(30)])

    def offer(self, divisions: Sequence[Division]) -> None:
        """Offer these divisions to choose from, the communities under their town."""
        towns = {d.id: d.name for d in divisions if d.level is not Level.VILLAGE}
        self.division_id.choices = [
            SelectChoice("", _("Please choose")),
            *(SelectChoice(str(d.id), d.name, optgroup=towns.get(d.id // 1000 * 1000)) for d in divisions),
        ]

    def doubts(self) -> list[Finding]:
        """The wording to look at again."""
        return doubtful_cases(*(self[name].data or "" for name in rules.DOUBTED))

    def values(self) -> dict[str, Any]:
        """The post as the actions take it; what was left out of a draft is not in it."""
        texts = {name: self[name].data or "" for name in ("title", *TEXTS)}
        ages = {name: self[name].data for name in ("min_age", "max_age") if self[name].data is not None}
        return (
            texts
            | ages
            | {
                "category": Category(self.category.data),
                "division_id": int(self.division_id.data),
                "skill": Skill(self.skill.data) if self.skill.data else None,
                "approves": bool(self.approves.data),
                "risk_level": RiskLevel(self.risk_level.data),
                "hazards": sorted(set(self.hazards.data or ())),
            }
        )


class DraftForm(PostForm):
    """A post with its shifts, before it is published."""

    shifts = Rows(FormField(ShiftRow), min_entries=1)
    form_key = HiddenField(validators=[AtMost(64)], default=vault.token)
    # The buttons: keep the draft, add a row so many days after the last one, remove a row by its number.
    go = StringField()
    more = Whole()
    remove = Whole()

    @property
    def is_draft(self) -> bool:  # type: ignore[override]
        return bool(self.go.data == SAVE)

    @property
    def only_rearranges(self) -> bool:
        return self.more.data is not None or self.remove.data is not None

    def rearrange(self) -> None:
        """Add or remove a row; everything typed stays."""
        if self.remove.data is not None and 0 <= self.remove.data < len(self.shifts):
            self.shifts.pop_entry(self.remove.data)
        if self.more.data is not None or not len(self.shifts):
            self._add_row(self.more.data or 0)

    def _add_row(self, days: int) -> None:
        if len(self.shifts) >= rules.MOST_SHIFTS:
            self.form_errors.append(rules.too_many())
            return
        row = dict(self.shifts[-1].form.data) if len(self.shifts) else {}
        for name in ("day", "opens_day"):
            if row.get(name):
                row[name] += timedelta(days=min(max(days, 0), 366))
        self.shifts.append_entry(row)

    def validate(self, extra_validators: Any = None) -> bool:
        rows = [row.form for row in self.shifts]
        if rows:
            rows[0].is_needed = not self.is_draft and all(row.is_empty for row in rows)
        if len(rows) > rules.MOST_SHIFTS:
            self.form_errors.append(rules.too_many())
        return bool(super().validate(extra_validators)) and not self.form_errors

    def shift_values(self) -> list[dict[str, Any]]:
        """The shifts as the actions take them, without the empty rows."""
        return [row.form.values() for row in self.shifts if not row.form.is_empty]


class PublicationForm(Revised):
    """What a clerk states before a post is shown to everyone."""

    declared = BooleanField(
        lazy("I have checked: this is a service for others and none of these things."),
        [Ticked(lazy("Please state that this is volunteering and none of the things in the list."))],
    )
    acknowledged = BooleanField(lazy("I have looked at this wording again, and it is meant so."))


class TemplateForm(Form):
    """What a template is called among those of its organization."""

    name = StringField(lazy("Name of the template"), [Given(lazy("Please give the template a name.")), AtMost(40)])
