"""The live list as a question: which shifts are open, what a card says of each, and whether anything is new.

Everything kept between requests is here, and bounded: it belongs to the process and to the application.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2s
from typing import Any, Generic, TypeVar

from flask import Flask, current_app
from markupsafe import Markup
from sqlalchemy import BigInteger, ColumnElement, and_, bindparam, case, cast, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import aliased, joinedload
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Integer

from blueprints.claims.models import LIVE_WORDS, Audience, Claim, ClaimState, Handover, HandoverState
from blueprints.claims.search import COUNTY, HOURS, TOWN, DayPart, Search, cursor
from blueprints.identity import queries as identity
from blueprints.identity.models import Volunteer
from blueprints.messages import queries as messages
from blueprints.organizations.models import Division, Level, Organization
from blueprints.posts import queries as posts
from blueprints.posts.models import THEMES, Post, PostState, Shift, ShiftState, Theme
from core import clock
from core.actor import Actor
from core.db import Question, UtcDateTime, db

VERSION_SECONDS = 0.5
TREE_SECONDS = 600.0
TAG = "board-"

shift, post, claim = Shift.__table__.c, Post.__table__.c, Claim.__table__.c
NOW = bindparam("now", type_=UtcDateTime())
V = TypeVar("V")
Pieces = tuple[bytes, ...]  # HTML cut at its marks


# --- what is open -------------------------------------------------------------------------------------------

# Tables instead of entities, and built once: half the cost of the query goes away.
OPEN = (
    select(shift.id, shift.revision, case((shift.opens_at > NOW, 1), else_=0))
    .join_from(Shift.__table__, Post.__table__, post.id == shift.post_id)
    .where(shift.state == ShiftState.OPEN, shift.starts_at > NOW, post.state == PostState.PUBLISHED)
    .order_by(shift.starts_at, shift.id)
)


@dataclass(frozen=True, slots=True)
class Found:
    """One page of the list: the shifts with their revisions, each with 1 if claiming opens later, and whether others
    follow."""

    rows: tuple[tuple[int, int, int], ...]
    more: bool


def found(search: Search, version: str, now: datetime) -> Found:
    """The open shifts that are searched for, as they were at this version: at most half a second ago."""
    kept, key = memory().found, (search, version)
    return kept.get(key) or kept.keep(key, look(search, now))


def look(search: Search, now: datetime) -> Found:
    """The open shifts that are searched for, soonest first, in one query."""
    wanted = OPEN.limit(search.show + 1)
    for condition in _conditions(search, now):
        wanted = wanted.where(condition)
    rows = tuple((id, revision, later) for id, revision, later in db.session.execute(wanted, {"now": now}))
    return Found(rows[: search.show], len(rows) > search.show)


def _conditions(search: Search, now: datetime) -> Iterable[ColumnElement[bool]]:
    if search.place:
        yield post.division_id.between(search.place.start, search.place.stop - 1)
    if search.category:
        yield post.category.in_(_categories(search.category))
    if days := search.days(clock.today(now)):
        yield shift.starts_at >= clock.day_span(days[0])[0]
        yield shift.starts_at < clock.day_span(days[1])[1]
    if search.part:
        first, end = HOURS[DayPart(search.part)]
        yield local_hour(shift.starts_at).between(first, end - 1)
    if search.free:
        yield shift.places > _taken(shift.id)
    if search.q:
        yield posts.matching(search.q)
    if last := cursor(search.after):
        yield or_(shift.starts_at > last[0], (shift.starts_at == last[0]) & (shift.id > last[1]))


def _categories(kind: str) -> Sequence[str]:
    return THEMES[Theme(kind)] if kind in set(Theme) else [kind]


def _taken(shift_id: Any) -> Any:
    """How many places of a shift are held or kept for somebody."""
    held = select(func.count()).where(claim.shift_id == shift_id, claim.place.is_not(None))
    return held.scalar_subquery()


class local_hour(FunctionElement[int]):  # noqa: N801 - reads like any other function of SQL
    """The hour that the clock on the wall shows at a moment."""

    inherit_cache = True
    type = Integer()


@compiles(local_hour, "postgresql")
def _hour_on_postgresql(element: Any, compiler: Any, **words: Any) -> str:
    moment = compiler.process(element.clauses, **words)
    return f"CAST(EXTRACT(HOUR FROM {moment} AT TIME ZONE '{clock.zone().key}') AS INTEGER)"


@compiles(local_hour)
def _hour_on_sqlite(element: Any, compiler: Any, **words: Any) -> str:
    """SQLite knows no zones; core.db gives it this function."""
    return f"local_hour({compiler.process(element.clauses, **words)})"


# --- what a card says -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """A shift with its post and organization, and how many hold a place and wait."""

    shift: Shift
    taken: int
    waiting: int
    seeking: int = 0  # how many places look openly for a stand-in

    @property
    def post(self) -> Post:
        return self.shift.post

    @property
    def free(self) -> int:
        return max(0, self.shift.places - self.taken)


def seen(ids: Iterable[int]) -> dict[int, Seen]:
    """The shifts as a card or a page shows them, in one query."""
    waiting = select(func.count()).where(Claim.shift_id == Shift.id, Claim.state == ClaimState.WAITING)
    columns = (Shift, _taken(Shift.id), waiting.scalar_subquery(), _seeking(Shift.id))
    wanted = select(*columns).where(Shift.id.in_(list(ids)))
    whole = joinedload(Shift.post, innerjoin=True).joinedload(Post.organization, innerjoin=True)
    rows = db.session.execute(wanted.options(whole))
    return {shown.id: Seen(shown, *numbers) for shown, *numbers in rows}


def _seeking(shift_id: Any) -> Any:
    """How many holders of a shift look openly for a stand-in."""
    given = aliased(Claim)
    sought = select(func.count(Handover.id)).join(given, given.id == Handover.claim_id)
    anybody = sought.where(Handover.audience == Audience.ANYBODY, Handover.wanted_shift_id.is_(None))
    running = anybody.where(given.shift_id == shift_id, Handover.state == HandoverState.OPEN)
    return running.correlate(Shift).scalar_subquery()


@dataclass(frozen=True, slots=True)
class Mine:
    """The viewer's own hold on a shift; `position` counts only for those in line."""

    id: int
    state: ClaimState
    place: int | None
    position: int
    until: datetime | None


def mine(volunteer_id: int | None, shift_ids: Sequence[int]) -> dict[int, Mine]:
    """What the volunteer holds of these shifts, with the position in line, in one query."""
    if volunteer_id is None or not shift_ids:
        return {}
    between = {"volunteer": volunteer_id, "first": min(shift_ids), "last": max(shift_ids)}
    wanted = set(shift_ids)
    return {id: Mine(*own) for id, *own in db.session.execute(MINE, between) if id in wanted}


_ahead = aliased(Claim.__table__).c
_line = (
    select(func.count())
    .where(_ahead.shift_id == claim.shift_id, _ahead.state == ClaimState.WAITING, _ahead.id <= claim.id)
    .scalar_subquery()
)
POSITION = case((claim.state == ClaimState.WAITING, _line), else_=0)
HELD = (claim.shift_id, claim.id, claim.state, claim.place, POSITION, claim.offered_until)


def _live(volunteer_id: ColumnElement[int]) -> ColumnElement[bool]:
    between = claim.shift_id.between(bindparam("first"), bindparam("last"))
    return and_(claim.volunteer_id == volunteer_id, claim.state.in_(LIVE_WORDS), between)


MINE = select(*HELD).where(_live(bindparam("volunteer")))


@dataclass(frozen=True, slots=True)
class Asking:
    """Who looks at the list, and all that it shows of them alone: messages not read, claims on these shifts."""

    viewer: Actor | None
    unread: int = 0
    mine: tuple[tuple[int, Mine], ...] = ()


def asking(viewer: Actor | None, found: Found) -> Asking:
    """The viewer who is known already, with what is theirs."""
    if viewer is None:
        return Asking(None)
    held = mine(viewer.volunteer_id, [row[0] for row in found.rows])
    return Asking(viewer, messages.unread(viewer.account_id), tuple(held.items()))


def asking_by(token: str, found: Found, now: datetime) -> Asking:
    """The same by the token of a session, all in one question."""
    ids = [row[0] for row in found.rows] or [0]
    wanted = identity.signed_in_with(token, now) | {"first": min(ids), "last": max(ids)}
    rows = WHO.answer(**wanted)
    viewer, kept = identity.actor_in(rows), set(ids)
    held = dict.fromkeys((row[WIDTH + 1], Mine(*row[WIDTH + 2 :])) for row in rows if row[WIDTH + 1] in kept)
    return Asking(viewer, rows[0][WIDTH] if rows else 0, tuple(held))


_who = identity.SIGNED_IN.subquery()
WIDTH = len(_who.c)
WHO = Question(
    select(*_who.c, messages.unread_of(_who.c.account_id).scalar_subquery(), *HELD).select_from(
        _who.outerjoin(Claim.__table__, _live(_who.c.volunteer_id))
    )
)


def help_phone(volunteer_id: int) -> Organization | None:
    """The station a volunteer is registered with, if it has a phone: who to call in easy view."""
    station = select(Organization).join(Volunteer, Volunteer.registered_with_id == Organization.id)
    return db.session.scalar(station.where(Volunteer.id == volunteer_id, Organization.phone != ""))


# --- what is kept between requests ------------------------------------------------------------------------------


class Bounded(Generic[V]):
    """A memory that forgets its oldest entry when it is full."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: dict[Any, V] = {}
        self._lock = threading.Lock()

    def get(self, key: Any) -> V | None:
        return self._kept.get(key)

    def keep(self, key: Any, value: V) -> V:
        with self._lock:
            while len(self._kept) >= self._size:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = value
        return value

    def __contains__(self, key: Any) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)


class Lately(Generic[V]):
    """An answer that may be somewhat old: asked again only when its time is over, by one thread."""

    def __init__(self, ask: Callable[[], V], seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._lock = threading.Lock()
        self._until = 0.0
        self._answer: V | None = None

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._until

    @property
    def fresh(self) -> V | None:
        """The answer if nobody has to ask for it; it may grow old while it is given."""
        return None if self.is_due else self._answer

    def forget(self) -> None:
        """Ask again next time."""
        self._until = 0.0

    def answer(self) -> V:
        if self._answer is None or self.is_due:
            with self._lock:
                if self._answer is None or self.is_due:
                    self._answer = self._ask()
                    self._until = time.monotonic() + self._seconds
        return self._answer


class Memory:
    """What one process remembers of the list: some twenty megabytes when everything is full."""

    def __init__(self, seconds: float = VERSION_SECONDS) -> None:
        self.version: Lately[str] = Lately(_version, seconds)
        self.tree: Lately[Tree] = Lately(_tree, TREE_SECONDS)
        self.found: Bounded[Found] = Bounded(300)
        self.cards: Bounded[Any] = Bounded(6_000)  # of about one kilobyte
        self.boards: Bounded[Pieces] = Bounded(100)  # of about forty
        self.frames: Bounded[Pieces] = Bounded(200)  # of about fifteen
        self.filters: Bounded[Markup] = Bounded(200)
        self.pages: Bounded[tuple[str, list[tuple[str, str]], bytes]] = Bounded(200)


def memory(app: Flask | None = None) -> Memory:
    """The memory of the application, this one if none is named."""
    kept: dict[str, Memory] = (app or current_app).extensions
    return kept["board"] if "board" in kept else kept.setdefault("board", Memory())


# A claim opens by the clock alone, without a change of any row; few shifts open later, and an index knows them.
_later = Shift.__table__.alias("later").c
LATER = select(func.count()).select_from(_later.id.table).where(_later.opens_at > NOW).scalar_subquery()
VERSION = select(
    LATER,
    func.count(),
    func.sum(shift.id),
    func.sum(shift.revision),
    func.sum(cast(shift.id, BigInteger) * shift.revision),
).where(shift.state == ShiftState.OPEN, shift.starts_at > NOW)


def _version() -> str:
    """What all open shifts add up to. It changes with every claim, with each new shift, and when one starts
    or opens for claims; and at midnight, because cards say “today”."""
    now = clock.now()
    sums = db.session.execute(VERSION, {"now": now}).one()
    return TAG + fingerprint(*sums, clock.today(now))


def fingerprint(*values: Any) -> str:
    """Twelve hex digits that differ when any of the values does."""
    return blake2s(repr(values).encode(), digest_size=6).hexdigest()


# --- places -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tree:
    """The names of all divisions below the city, by code; a command changes them, not a click."""

    names: dict[int, str]

    def lineage(self, code: int) -> list[str]:
        """County, town and community of a place, as far as it has them."""
        codes = dict.fromkeys((code // COUNTY * COUNTY, code // TOWN * TOWN, code))
        return [self.names[code] for code in codes if code in self.names]

    def counties(self) -> list[tuple[int, str]]:
        return [(code, name) for code, name in self.names.items() if code % COUNTY == 0]

    def towns(self, county: int) -> list[tuple[int, str]]:
        inside = range(county + 1, county + COUNTY)
        return [(code, name) for code, name in self.names.items() if code in inside and code % TOWN == 0]

    def communities(self, town: int) -> list[tuple[int, str]]:
        inside = range(town + 1, town + TOWN)
        return [(code, name) for code, name in self.names.items() if code in inside]

    def settle(self, search: Search) -> Search:
        """The search without places that do not exist."""
        if all(code in self.names for code in (search.county, search.town, search.community) if code):
            return search
        return replace(search, county=0, town=0, community=0, misread=True)


def _tree() -> Tree:
    below = select(Division.id, Division.name).where(Division.level.not_in([Level.PROVINCE, Level.CITY]))
    # Rows are no pairs for mypy, so dict() would not do.
    names = {code: name for code, name in db.session.execute(below.order_by(Division.id))}  # noqa: C416
    return Tree(names)
