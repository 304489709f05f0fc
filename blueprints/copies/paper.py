"""The part of a copy that is read by people: a PDF with what matters of each section."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from blueprints.copies.words import label
from core import clock, display
from core.i18n import _, ngettext
from core.paper import typeset
from core.words import say

TEMPLATE = Path(__file__).with_name("paper.typ")
MOST_ROWS = 1_000  # of one section; the tables beside hold all
PAGE, PAGES = "{page}", "{pages}"  # typst knows these numbers


@dataclass(frozen=True, slots=True)
class Printed:
    """A section as it stands on the paper: some of its columns, or only how many rows there are."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    count: int


def words_of(value: Any) -> str:
    """A value as people read it, in local time."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, StrEnum):
        return _called(value)
    if isinstance(value, datetime):
        return clock.local(value).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, list):
        return "、".join(words_of(each) for each in value)
    return "" if value is None else str(value)


def _called(member: StrEnum) -> str:
    try:
        return say(member)
    except KeyError:  # a few states are never shown on a page, and have no word
        return member.value


def paper(
    name: str, facts: Sequence[tuple[str, str]], printed: Sequence[Printed], left_out: Sequence[str], now: datetime
) -> bytes:
    """The PDF, set anew each time."""
    return typeset(TEMPLATE, {
        "words": _words(name, now),
        "facts": list(facts),
        "sections": [_section(each) for each in printed if each.count],
        "left_out": list(left_out),
    })  # fmt: skip


def _words(name: str, now: datetime) -> dict[str, str]:
    return {
        "title": _("Everything about me"),
        "made": f"{name} · {display.full_date(now)}",
        "about": _(
            "A copy of what this system holds about you, for you alone (Personal Information Protection Law, art. 45). "
            "The tables and the JSON beside it hold every row; here stands what matters of them."
        ),
        "footer": _("For %(name)s alone. Whoever finds this paper, please destroy it.", name=name),
        "page_of": _("Page %(page)s of %(pages)s", page=PAGE, pages=PAGES),
        "left_out": _("What is not in it, and why"),
    }


def _section(printed: Printed) -> dict[str, Any]:
    rows = [[words_of(row[column]) for column in printed.columns] for row in printed.rows[:MOST_ROWS]]
    count = ngettext("one row", "%(num)d rows", printed.count)
    if printed.columns and printed.count > MOST_ROWS:
        count += " · " + _("the first %(count)d are shown", count=MOST_ROWS)
    heads = [label(column) for column in printed.columns]
    return {"title": printed.title, "heads": heads, "rows": rows if heads else [], "count": count}
