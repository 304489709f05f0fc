"""What somebody may ask of the live list, read from an address and written back into one."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from wtforms import BooleanField, DateField, SearchField, SelectChoice, SelectField

from blueprints.posts.models import Category, Theme
from core import clock
from core.forms import Form, tidy
from core.i18n import lazy

PAGE = 30
MOST = 120
LONGEST = 60
COUNTY, TOWN, VILLAGE = 10**6, 10**3, 1  # how many codes lie under a division of each level
CITY = 10**8
KINDS = frozenset([*Theme, *Category])
SATURDAY = 5


class When(StrEnum):
    TODAY = "today"
    TOMORROW = "tomorrow"
    WEEKEND = "weekend"
    WEEK = "week"


class DayPart(StrEnum):
    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


# Local hours: from the first, before the second.
HOURS = {DayPart.MORNING: (0, 12), DayPart.AFTERNOON: (12, 18), DayPart.EVENING: (18, 24)}


@dataclass(frozen=True, slots=True)
class Search:
    """What somebody looks for. What could not be read is left out, and `misread` says so."""

    q: str = ""
    county: int = 0
    town: int = 0
    community: int = 0
    category: str = ""  # a theme or a category
    date: str = ""
    on: str = ""  # a day in ISO form; goes before `date`
    part: str = ""
    free: bool = False
    after: str = ""  # where the page begins: the start of the last shift before it, and its id
    show: int = PAGE
    misread: bool = False

    @property
    def place(self) -> range:
        """The codes of the chosen division and all under it; an empty range means everywhere."""
        for code, span in ((self.community, VILLAGE), (self.town, TOWN), (self.county, COUNTY)):
            if code:
                return range(code, code + span)
        return range(0)

    @property
    def is_open(self) -> bool:
        """Whether nothing narrows the list."""
        return self.filters == 0 and not self.q

    @property
    def filters(self) -> int:
        """How many filters are set, the search not counted."""
        chosen = (self.county, self.category, self.on or self.date, self.part, self.free)
        return sum(map(bool, chosen))

    def url(self, **changes: Any) -> str:
        """The address of this search with some answers changed; it begins at the top of the list again."""
        wanted = replace(self, **{"after": "", "show": PAGE, **changes})
        pairs = {f.name: getattr(wanted, f.name) for f in fields(wanted) if f.name != "misread"}
        said = {name: _said(value) for name, value in pairs.items() if value and (name, value) != ("show", PAGE)}
        return f"/?{urlencode(said)}" if said else "/"

    def days(self, today: dt.date) -> tuple[dt.date, dt.date] | None:
        """The first and the last local day that is wanted."""
        if self.on:
            day = dt.date.fromisoformat(self.on)
            return day, day
        saturday = max(today, today + dt.timedelta(days=SATURDAY - today.weekday()))
        spans = {
            When.TODAY: (today, today),
            When.TOMORROW: (today + clock.DAY, today + clock.DAY),
            When.WEEKEND: (saturday, today + dt.timedelta(days=6 - today.weekday())),
            When.WEEK: (today, today + dt.timedelta(days=6)),
        }
        return spans[When(self.date)] if self.date else None


def _said(value: Any) -> str:
    return "1" if value is True else str(value)


EVERYTHING = Search()


def read(args: Mapping[str, str]) -> Search:
    """The search of an address. Nothing in it can be wrong enough for an error."""
    if not args:
        return EVERYTHING
    asked = {f.name: args[f.name].strip() for f in fields(Search) if f.name in args and f.name != "misread"}
    understood = {name: READERS[name](text) for name, text in asked.items() if text}
    clear = {name: value for name, value in understood.items() if value is not None}
    return _nested(Search(**clear, misread=len(clear) < len(understood)))


def _nested(search: Search) -> Search:
    """A town outside the chosen county was left over in the form from another county: it goes without a word."""
    if search.town // COUNTY != search.county // COUNTY:
        search = replace(search, town=0, community=0)
    if search.community // TOWN != search.town // TOWN:
        search = replace(search, community=0)
    return search


def _words(text: str) -> str:
    return (tidy(text) or "")[:LONGEST]


def _code(span: int, above: int) -> Any:
    """A reader of the codes of one level: a county's ends with six zeros, a town's with three."""

    def read_code(text: str) -> int | None:
        code = int(text) if text.isascii() and text.isdigit() and len(text) == 12 else 0
        return code if code and code % span == 0 and code % above else None

    return read_code


def _one_of(kinds: Any) -> Any:
    known = frozenset(str(kind) for kind in kinds)
    return lambda text: text if text in known else None


def _day(text: str) -> str | None:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return day.isoformat() if 2000 <= day.year <= 2999 else None


def cursor(text: str) -> tuple[dt.datetime, int] | None:
    """A place in a list that is sorted by time and id, as `1795827600-57`; None if it is no such thing."""
    seconds, dash, id = text.partition("-")
    well = dash and all(part.isascii() and part.isdigit() and len(part) <= 11 for part in (seconds, id))
    return (dt.datetime.fromtimestamp(int(seconds), dt.UTC), int(id)) if well and int(id) < 2**31 else None


def _count(text: str) -> int | None:
    well = text.isascii() and text.isdigit() and len(text) <= 3 and PAGE <= int(text) <= MOST
    return int(text) if well else None


READERS: dict[str, Any] = {
    "q": _words,
    "county": _code(COUNTY, CITY),
    "town": _code(TOWN, COUNTY),
    "community": _code(VILLAGE, TOWN),
    "category": _one_of(KINDS),
    "date": _one_of(When),
    "on": _day,
    "part": _one_of(DayPart),
    "free": lambda text: True if text == "1" else None,
    "after": lambda text: text if cursor(text) else None,
    "show": _count,
}


WHEN = [
    SelectChoice("", lazy("Any day")),
    SelectChoice(When.TODAY.value, lazy("Today")),
    SelectChoice(When.TOMORROW.value, lazy("Tomorrow")),
    SelectChoice(When.WEEKEND.value, lazy("This weekend")),
    SelectChoice(When.WEEK.value, lazy("The next 7 days")),
]
DAY_PARTS = [
    SelectChoice("", lazy("Any time of day")),
    SelectChoice(DayPart.MORNING.value, lazy("Morning, before 12:00")),
    SelectChoice(DayPart.AFTERNOON.value, lazy("Afternoon, 12:00 to 18:00")),
    SelectChoice(DayPart.EVENING.value, lazy("Evening, from 18:00")),
]


class SearchForm(Form):
    """The filters as they are shown; `read` understands what comes back."""

    class Meta(Form.Meta):
        csrf = False

    q = SearchField(lazy("Search"))
    county = SelectField(lazy("County"))
    town = SelectField(lazy("Town or street"))
    community = SelectField(lazy("Community or village"))
    category = SelectField(lazy("Kind of service"))
    date = SelectField(lazy("Date"), choices=WHEN)
    on = DateField(lazy("On this day"))
    part = SelectField(lazy("Time of day"), choices=DAY_PARTS)
    free = BooleanField(lazy("Only with free places"))
