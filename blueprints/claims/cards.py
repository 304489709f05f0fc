"""The live list as HTML. What is the same for many is rendered once and kept: cards, whole boards, and the frame.

A card depends on its shift's revision, on the language, on the local day (“today”), and on what the viewer may do
or already holds; a board on its cards; the frame around it on the address, the preferences and the kind of viewer.
Nothing that is kept tells who the viewer is: the token of a form and the tag of a poll are marks that are replaced
on the way out. To join what is kept costs a twentieth of rendering it.
"""

import datetime as dt
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from flask import current_app, g, render_template, request
from markupsafe import Markup
from wtforms import SelectChoice

from blueprints.claims import board, queries
from blueprints.claims import search as searching
from blueprints.claims.board import Asking, Found, Mine, Pieces, Seen, fingerprint
from blueprints.claims.search import MOST, PAGE, Search, SearchForm
from blueprints.identity.models import VolunteerState
from blueprints.messages import queries as messages
from blueprints.posts.models import THEMES, Theme
from core import clock, display
from core.actor import Actor
from core.i18n import _, language
from core.security import csrf_token

TOKEN_MARK, TAG_MARK, BOARD_MARK = MARKS = tuple(secrets.token_hex(16) for _mark in range(3))
AT_MARKS = re.compile(f"({'|'.join(MARKS)})".encode())
TOKEN_IN_BYTES, TAG_IN_BYTES, BOARD_IN_BYTES = (mark.encode() for mark in MARKS)
INDENT = re.compile(r"\s*\n\s*")
SHORT = 80  # characters of risks or safeguards that a card shows whole


class Viewing(StrEnum):
    """What somebody who holds nothing on a shift may do from its card."""

    VISITOR = "visitor"
    VOLUNTEER = "volunteer"
    ONLOOKER = "onlooker"  # signed in, but not (yet) a volunteer who may claim


def viewing(viewer: Actor | None) -> Viewing:
    if viewer is None:
        return Viewing.VISITOR
    return Viewing.VOLUNTEER if viewer.volunteer_state == VolunteerState.ACTIVE else Viewing.ONLOOKER


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it was rendered, and what the list around it must know."""

    html: str
    heading: tuple[str, str]
    free: int
    cursor: str


@dataclass(frozen=True, slots=True)
class Day:
    heading: str
    date: str  # where the heading only says “today” or “tomorrow”
    cards: Markup


@dataclass(frozen=True, slots=True)
class Board:
    """The list as its template writes it down."""

    search: Search
    days: list[Day]
    count: int
    free: int
    more: str  # the address that shows more, if there is more

    @property
    def url(self) -> str:
        return self.search.url(after=self.search.after, show=self.search.show)


@dataclass(frozen=True, slots=True)
class View:
    """One look at the list: what is asked for and found, at which version, in which language, on which day."""

    search: Search
    found: Found
    version: str
    language: str
    today: dt.date

    def shown(self, viewer: Actor | None) -> str:
        """What this list shows to this person: the same again, and there is no news."""
        return fingerprint(viewer.account_id if viewer else 0, self.language, self.found, self.today)

    def board_key(self, asking: Asking) -> tuple[Any, ...]:
        return (self.search, self.found, self.language, self.today, viewing(asking.viewer), asking.mine)

    def frame_key(self, asking: Asking) -> tuple[Any, ...]:
        return (g.prefs, request.query_string, anybody(asking.viewer), asking.unread)


def view(args: Mapping[str, str], now: dt.datetime) -> View:
    """The version is read before what is shown, so that a tag is never newer than its list."""
    version = board.memory().version.answer()
    wanted = board.memory().tree.answer().settle(searching.read(args))
    return View(wanted, board.found(wanted, version, now), version, language(), clock.today(now))


def board_of(seen: View, asking: Asking, tag: str) -> bytes:
    """The board of these shifts for this viewer."""
    kept, key = board.memory().boards, seen.board_key(asking)
    pieces = kept.get(key) or kept.keep(key, _cut(_rendered_board(seen, asking)))
    return _filled(pieces, asking.viewer, tag=tag)


def page_of(seen: View, asking: Asking, tag: str) -> bytes:
    """The whole page, for anybody without a message of their own to read."""
    kept, key = board.memory().frames, seen.frame_key(asking)
    frame = kept.get(key) or kept.keep(key, _cut(_rendered_frame(seen, asking)))
    return _filled(frame, asking.viewer, inner=board_of(seen, asking, tag))


def is_kept(seen: View, asking: Asking, *, whole: bool) -> bool:
    """Whether the board, or the whole page, needs nothing but joining."""
    boards, frames = board.memory().boards, board.memory().frames
    return seen.board_key(asking) in boards and (not whole or seen.frame_key(asking) in frames)


def _cut(html: str) -> Pieces:
    """The HTML without indentation, a sixth of all bytes, and cut at its marks."""
    return tuple(AT_MARKS.split(INDENT.sub("\n", html.strip()).encode()))


def _filled(pieces: Pieces, viewer: Actor | None, *, tag: str = "", inner: bytes = b"") -> bytes:
    """The pieces with what belongs in the place of each mark."""
    token = csrf_token() if viewer else ""
    fillings = {TOKEN_IN_BYTES: token.encode(), TAG_IN_BYTES: tag.encode(), BOARD_IN_BYTES: inner}
    return b"".join([fillings.get(piece, piece) for piece in pieces])


def _rendered_board(seen: View, asking: Asking) -> str:
    search, found, kind = seen.search, seen.found, viewing(asking.viewer)
    cards = _cards(found, dict(asking.mine), kind, seen.today)
    days = [
        Day(day, date, Markup("".join(card.html for card in group)))
        for (day, date), group in groupby(cards, key=lambda card: card.heading)
    ]
    more = _more(search, cards[-1].cursor) if found.more and cards else ""
    laid_out = Board(search, days, len(cards), sum(card.free for card in cards), more)
    ways_out = [] if cards else chosen(search)
    return render_template("claims/_board.html", board=laid_out, chosen=ways_out, viewing=kind, tag=TAG_MARK)


def _more(search: Search, last: str) -> str:
    """Thirty more under these, and when the page is long, a new page that begins behind them."""
    if search.show + PAGE <= MOST:
        return search.url(after=search.after, show=search.show + PAGE)
    return search.url(after=last)


def _cards(found: Found, own: dict[int, Mine], kind: Viewing, today: dt.date) -> list[Card]:
    kept, about = board.memory().cards, (language(), today)
    keys = {row[0]: (*row, *about, own.get(row[0], kind)) for row in found.rows}
    cards = {id: kept.get(key) for id, key in keys.items()}
    missing = [id for id, card in cards.items() if card is None]
    for id, seen in board.seen(missing).items() if missing else ():
        cards[id] = kept.keep(keys[id], _rendered(seen, own.get(id), kind))
    return [card for card in cards.values() if card]


def _rendered(seen: Seen, mine: Mine | None, kind: Viewing) -> Card:
    starts_at = seen.shift.starts_at
    html = render_template("claims/_card.html", **face(seen, mine, kind), token=TOKEN_MARK)
    cursor = f"{int(starts_at.timestamp())}-{seen.shift.id}"
    return Card(f"<li>{html}</li>", heading(starts_at), seen.free, cursor)


def face(seen: Seen, mine: Mine | None, kind: Viewing) -> dict[str, Any]:
    """What the template of a card wants to know."""
    post = seen.post
    told_whole = len(post.risks) <= SHORT and len(post.safeguards) <= SHORT and not post.dangerous
    lineage = board.memory().tree.answer().lineage(post.division_id)
    opens_at = queries.opens_later(seen.shift, clock.now())
    about = {"lineage": lineage, "told_whole": told_whole, "opens_at": opens_at}
    return {"seen": seen, "mine": mine, "viewing": kind, **about}


def heading(starts_at: dt.datetime) -> tuple[str, str]:
    """What stands over the shifts of a day: 今天 and the date, or 周六 11月28日 alone."""
    near = clock.today(starts_at) - clock.today(clock.now()) <= clock.DAY
    return display.day(starts_at), display.full_date(starts_at) if near else ""


# --- the frame ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Anybody:
    """All that the frame may know of a signed-in viewer; a name in it would be kept for others."""

    is_staff: bool
    is_volunteer: bool


def anybody(viewer: Actor | None) -> Anybody | None:
    return Anybody(viewer.is_staff, viewer.is_volunteer) if viewer else None


def _rendered_frame(seen: View, asking: Asking) -> str:
    request.environ[messages.KNOWN] = asking.unread
    with _marked_token():
        return render_template(
            "claims/list.html",
            viewer=anybody(asking.viewer),
            filters=filters(seen.search),
            board=BOARD_MARK,
            help_phone=None,
        )


@contextmanager
def _marked_token() -> Iterator[None]:
    """Meanwhile every form gets the mark; Flask-WTF keeps the token of a request in `g`."""
    real = g.pop("csrf_token", None)
    g.csrf_token = TOKEN_MARK
    try:
        yield
    finally:
        g.pop("csrf_token")
        if real:
            g.csrf_token = real


# --- the filters --------------------------------------------------------------------------------------------


def filters(search: Search) -> Markup:
    """The search, the filters and the chips: the same for everybody who asks the same, so kept as well."""
    kept, key = board.memory().filters, (language(), search.url(), search.misread)
    return kept.get(key) or kept.keep(key, Markup(_rendered_filters(search)))


def _rendered_filters(search: Search) -> str:
    return render_template("claims/_filters.html", form=_form(search), search=search, chips=_chips(search))


def _form(search: Search) -> SearchForm:
    on = dt.date.fromisoformat(search.on) if search.on else None
    said = {name: str(getattr(search, name) or "") for name in ("q", "county", "town", "community", "category")}
    form = SearchForm(formdata=None, date=search.date, on=on, part=search.part, free=search.free, **said)
    tree = board.memory().tree.answer()
    form.county.choices = _places(_("All counties"), tree.counties())
    form.town.choices = _places(_("All towns"), tree.towns(search.county) if search.county else [])
    form.community.choices = _places(_("All communities"), tree.communities(search.town) if search.town else [])
    form.category.choices = _categories()
    # New towns come with a new county: a new element, so that the browser does not keep the old choice in it.
    form.town.id, form.community.id = f"town-{search.county}", f"community-{search.town}"
    return form


def _places(everywhere: str, places: list[tuple[int, str]]) -> list[SelectChoice]:
    return [SelectChoice("", everywhere), *(SelectChoice(str(code), name) for code, name in places)]


def _categories() -> list[SelectChoice]:
    """All categories under their themes, and each theme as a whole."""
    choices = [SelectChoice("", _("Every kind"))]
    for theme, inside in THEMES.items():
        group = word(theme)
        choices.append(SelectChoice(theme.value, _("%(theme)s: all", theme=group), optgroup=group))
        choices += [SelectChoice(kind.value, word(kind), optgroup=group) for kind in inside]
    return choices


def _chips(search: Search) -> list[tuple[str, str, bool]]:
    """What is asked for most, as links: label, address, and whether it is on. One that is on leads to off."""
    days = {"today": _("Today"), "tomorrow": _("Tomorrow"), "weekend": _("This weekend")}
    chips = [(_("All"), "/", search.is_open)]
    for value, label in days.items():
        on = search.date == value and not search.on
        chips.append((label, search.url(date="" if on else value, on=""), on))
    chips.append((_("With free places"), search.url(free=not search.free), search.free))
    for theme in Theme:
        on = search.category == theme
        chips.append((word(theme), search.url(category="" if on else theme.value), on))
    return chips


def chosen(search: Search) -> list[tuple[str, str]]:
    """Every condition in words, with the address of the same search without it: the ways out when nothing is found."""
    names = board.memory().tree.answer().names
    form = _form(search)
    place = search.community or search.town or search.county
    words: list[tuple[str, dict[str, Any]]] = [
        (search.q, {"q": ""}),
        (names.get(place, ""), {"county": 0, "town": 0, "community": 0}),
        (search.category and _label(form.category), {"category": ""}),
        (display.day(dt.date.fromisoformat(search.on)) if search.on else "", {"on": ""}),
        (_label(form.date) if search.date and not search.on else "", {"date": ""}),
        (search.part and _label(form.part), {"part": ""}),
        (_("With free places") if search.free else "", {"free": False}),
    ]
    return [(str(label), search.url(**without)) for label, without in words if label]


def _label(field: Any) -> str:
    return next(str(choice[1]) for choice in field.iter_choices() if choice[0] == field.data)


def word(value: StrEnum) -> str:
    """The word of a category or theme, as every template says it."""
    return str(current_app.jinja_env.filters["word"](value))
