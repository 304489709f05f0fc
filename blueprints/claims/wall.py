"""What the screen of a station shows: who serves today, and what is short. Names stay short, 林 3J7K, unless agreed."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import segno
from markupsafe import Markup
from sqlalchemy import Select, select
from sqlalchemy.orm import contains_eager, joinedload

from blueprints.claims import board, queries
from blueprints.claims.models import Claim, ClaimState
from blueprints.identity import queries as people
from blueprints.identity.models import Account, Purpose, Volunteer
from blueprints.organizations.models import Organization
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from core import clock
from core.db import db

AHEAD = timedelta(days=7)  # how far what is short is looked for
TODAY, SHORT = 3, 3  # how many of each one page of the screen has room for
MOST_TODAY, MOST_SHORT = 40, 15
MOST_NAMES = 8  # a shift with more says how many others there are
NUMBER = 4  # characters of the volunteer number
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who holds a place, as far as a screen says it."""

    name: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A shift of today that is not over."""

    id: int
    title: str
    place: str
    starts_at: datetime
    ends_at: datetime
    places: int
    people: tuple[Person, ...]
    runs: bool

    @property
    def here(self) -> int:
        return sum(person.is_here for person in self.people)

    @property
    def others(self) -> int:
        return max(0, len(self.people) - MOST_NAMES)


@dataclass(frozen=True, slots=True)
class Gap:
    """A shift that still wants people."""

    id: int
    title: str
    starts_at: datetime
    ends_at: datetime
    free: int


@dataclass(frozen=True, slots=True)
class Page:
    """As much as fits without scrolling."""

    today: tuple[Line, ...]
    short: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Wall:
    organization: Organization
    today: tuple[Line, ...]
    short: tuple[Gap, ...]

    @property
    def turns_today(self) -> bool:
        """Whether it is today's shifts for which pages are turned, and not only what is short."""
        return len(self.today) > TODAY

    @property
    def pages(self) -> list[Page]:
        """What is shown one after the other; there is always one page."""
        count = max(1, -(-len(self.today) // TODAY), -(-len(self.short) // SHORT))
        return [Page(_part(self.today, n, TODAY), _part(self.short, n, SHORT)) for n in range(count)]

    def tag(self, now: datetime, *seen_as: str) -> str:
        """Changes with everything that the screen shows, the date included."""
        return board.fingerprint(self.organization.name, self.today, self.short, clock.today(now), *seen_as)


def _part(rows: tuple[R, ...], number: int, size: int) -> tuple[R, ...]:
    """A page of the rows; the shorter of two lists begins again, so that no page is half empty."""
    if not rows:
        return ()
    start = number * size % (-(-len(rows) // size) * size)
    return rows[start : start + size]


def wall(organization: Organization, now: datetime) -> Wall:
    """Everything the screen shows at this moment."""
    shifts = _today(organization.id, now)
    serving = _serving(_held([shift.id for shift in shifts]), now)
    lines = tuple(_line(shift, serving.get(shift.id, []), now) for shift in shifts)
    return Wall(organization, lines, _short(organization.id, now))


def _offered(organization_id: int) -> Select[Shift]:
    mine = select(Shift).join(Shift.post).where(Post.organization_id == organization_id)
    return mine.where(Shift.state == ShiftState.OPEN, Post.state == PostState.PUBLISHED)


def _today(organization_id: int, now: datetime) -> list[Shift]:
    """What runs now or begins today, in the order of time."""
    _midnight, end = clock.day_span(clock.today(now))
    mine = _offered(organization_id).where(Shift.ends_at > now, Shift.starts_at < end)
    rows = mine.order_by(Shift.starts_at, Shift.id).limit(MOST_TODAY).options(contains_eager(Shift.post))
    return list(db.session.scalars(rows))


def _held(shift_ids: list[int]) -> dict[int, Claim]:
    """Who holds a place on these shifts, by claim, in the order of the places."""
    held = select(Claim).where(Claim.shift_id.in_(shift_ids), Claim.state == ClaimState.HELD)
    whole = joinedload(Claim.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
    return {claim.id: claim for claim in db.session.scalars(held.order_by(Claim.place).options(whole))}


def _serving(held: dict[int, Claim], now: datetime) -> dict[int, list[Person]]:
    """Who is shown, by shift: those who are here first, then in the order of the places."""
    here = {id for id, seen in queries.attendances(held).items() if seen.is_present}
    agreed = people.named_in_full([claim.volunteer.account_id for claim in held.values()], Purpose.WALL, now)
    serving: dict[int, list[Person]] = defaultdict(list)
    for claim in held.values():
        in_full = claim.volunteer.account_id in agreed
        name = claim.volunteer.account.name if in_full else short_name(claim.volunteer, claim.volunteer.account)
        serving[claim.shift_id].append(Person(name, claim.id in here))
    return {shift_id: sorted(those, key=_absent) for shift_id, those in serving.items()}


def _line(shift: Shift, serving: list[Person], now: datetime) -> Line:
    post, runs = shift.post, shift.starts_at <= now
    return Line(shift.id, post.title, post.place, shift.starts_at, shift.ends_at, shift.places, tuple(serving), runs)


def _absent(person: Person) -> bool:
    return not person.is_here


def short_name(volunteer: Volunteer, account: Account) -> str:
    """The surname and the end of the volunteer number: those who serve know themselves, nobody else does."""
    return f"{account.name[:1]} {volunteer.number[-NUMBER:]}"


def _short(organization_id: int, now: datetime) -> tuple[Gap, ...]:
    """The coming shifts that anybody could still claim, soonest first."""
    coming = _offered(organization_id).where(Shift.starts_at > now, Shift.starts_at < now + AHEAD)
    ids = coming.where(Shift.places > board._taken(Shift.id)).with_only_columns(Shift.id)
    found = board.seen(db.session.scalars(ids.order_by(Shift.starts_at, Shift.id).limit(MOST_SHORT)))
    rows = sorted(found.values(), key=lambda seen: (seen.shift.starts_at, seen.shift.id))
    return tuple(Gap(s.shift.id, s.post.title, s.shift.starts_at, s.shift.ends_at, s.free) for s in rows)


def qr(address: str) -> Markup:
    """The address as a picture that a phone's camera opens; dark on light in every theme, or no camera reads it."""
    code = segno.make(address, error="m", micro=False)
    drawn = code.svg_inline(border=2, light="#fff", dark="#000", omitsize=True, svgclass="qr", lineclass=None)
    return Markup(drawn)
