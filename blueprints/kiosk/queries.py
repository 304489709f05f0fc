"""Questions about tablets, about what they show, and about what is odd. Nothing here writes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, contains_eager, joinedload

from blueprints.claims import queries as claims
from blueprints.claims.models import LIVE_STATES, Act, Claim, ClaimState, Punch
from blueprints.claims.queries import Attendance, Told
from blueprints.identity.models import Account, Consent, Purpose, Volunteer, VolunteerState
from blueprints.kiosk.models import Card, Flag, FlagKind, Origin, Pin, Sighting, Spot, Tablet
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import OFFERING, Organization
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from blueprints.rollcall.models import Evidence
from core import clock, vault
from core.actor import Actor, Role
from core.db import db
from core.i18n import _

TWICE = timedelta(minutes=2)  # a second scan within it is a slip of the hand
SHARED_WITHIN = timedelta(hours=12)
EARTH_M = 6_371_000
FRESH_RESET = timedelta(hours=24)


# --- tablets ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Paired:
    """The tablet behind a request, read once and never changed by it."""

    id: int
    name: str
    organization_id: int
    organization_name: str
    path: str
    made_by_id: int


def paired(token: str) -> Paired | None:
    """The tablet whose cookie holds this token, unless it was cut off or its station is closed."""
    found = select(Tablet).join(Tablet.organization).options(contains_eager(Tablet.organization))
    mine = found.where(Tablet.token_hash == vault.digest(token), Organization.closed_at.is_(None))
    tablet = db.session.scalar(mine)
    if tablet is None:
        return None
    station = tablet.organization
    return Paired(tablet.id, tablet.name, station.id, station.name, station.path, tablet.made_by_id)


def path_of(tablet_id: int) -> str | None:
    """The station's path of a tablet that is in use."""
    used = select(Organization.path).join(Tablet, Tablet.organization_id == Organization.id)
    return db.session.scalar(used.where(Tablet.id == tablet_id, Tablet.token_hash.is_not(None)))


def pairing(code: str, now: datetime) -> Tablet | None:
    """The tablet that this code pairs, if the code is good."""
    return db.session.scalar(
        select(Tablet)
        .join(Tablet.organization)
        .where(Tablet.code_hash == vault.digest(vault.tidy(code)), Tablet.code_ends_at > now)
        .where(Organization.closed_at.is_(None))
    )


def tablets(paths: Sequence[str]) -> list[Tablet]:
    """Every tablet within these subtrees, those in use first."""
    within = select(Tablet).join(Tablet.organization).where(organizations.under(paths))
    ordered = within.order_by(Tablet.cut_off_at.is_not(None), Organization.name, Tablet.id)
    return list(db.session.scalars(ordered.options(contains_eager(Tablet.organization))))


def tablet_within(tablet_id: int, paths: Sequence[str]) -> Tablet | None:
    """The tablet with its station, if it lies within these subtrees."""
    within = select(Tablet).join(Tablet.organization).where(Tablet.id == tablet_id, organizations.under(paths))
    return db.session.scalar(within.options(contains_eager(Tablet.organization)))


def stations(paths: Sequence[str]) -> list[Organization]:
    """Where a tablet can stand: what offers posts within these subtrees."""
    offering = select(Organization).where(
        organizations.under(paths), Organization.kind.in_(OFFERING), Organization.closed_at.is_(None)
    )
    return list(db.session.scalars(offering.order_by(Organization.path)))


def spots(organization_ids: Iterable[int]) -> dict[int, Spot]:
    """Where these stations are, as far as it is known."""
    known = select(Spot).where(Spot.organization_id.in_(list(organization_ids)))
    return {spot.organization_id: spot for spot in db.session.scalars(known)}


# --- what the tablet shows ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody who came, as everybody at the tablet may see it."""

    place: int
    name: str
    attendance: Attendance


@dataclass(frozen=True, slots=True)
class Showing:
    """One shift of today on the tablet."""

    shift: Shift
    opens: datetime
    last: datetime
    held: int
    came: tuple[Present, ...]

    def is_due(self, now: datetime) -> bool:
        """Whether people check in or out at this moment."""
        return self.opens <= now <= self.last

    @property
    def version(self) -> str:
        """Changes with everything that the tablet shows of it besides the code."""
        newest = max((p.id for each in self.came for p in _punches(each.attendance)), default=0)
        return f"{self.shift.id}-{self.shift.revision}-{self.held}-{len(self.came)}-{newest}"


def _punches(seen: Attendance) -> list[Punch]:
    return [p for span in seen.spans for p in (span.entered, span.left) if p]


def todays(path: str, now: datetime) -> list[Showing]:
    """The shifts of the station that are due now or begin later today."""
    _first, tomorrow = clock.day_span(clock.today(now))
    coming = _shifts(path).where(Shift.ends_at >= now - clock.DAY, Shift.starts_at < tomorrow)
    shown = [showing(shift) for shift in db.session.scalars(coming.order_by(Shift.starts_at, Shift.id))]
    return [each for each in shown if each.last >= now]


def shift_here(shift_id: int, path: str) -> Shift | None:
    """The shift, if it belongs to the station of the tablet and people can be told of it."""
    return db.session.scalar(_shifts(path).where(Shift.id == shift_id))


def _shifts(path: str) -> Select[Shift]:
    whole = contains_eager(Shift.post).contains_eager(Post.organization)
    found = select(Shift).join(Shift.post).join(Post.organization).options(whole)
    public = Shift.state != ShiftState.DRAFT, Post.state != PostState.DRAFT
    return found.where(organizations.under([path]), *public)


def showing(shift: Shift) -> Showing:
    """Who holds a place on the shift and who of them came, the latest first."""
    opens, _closes, last = claims.window(shift)
    held = [claim for claim in claims.roster(shift.id) if claim.state is ClaimState.HELD]
    seen = claims.attendances(claim.id for claim in held)
    came = [Present(c.place or 0, c.volunteer.account.name, seen[c.id]) for c in held if seen[c.id].spans]
    came.sort(key=lambda each: -max(punch.id for punch in _punches(each.attendance)))
    return Showing(shift, opens, last, len(held), tuple(came))


# --- what somebody at the tablet can do ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Due:
    """A held place and the next act on it; `act` is None right after the last one, when a second tap is a slip."""

    claim: Claim
    seen: Attendance
    act: Act | None

    @property
    def is_again(self) -> bool:
        """Whether the person has been in and out already."""
        return self.act is Act.IN and self.seen.is_complete


def due(claim: Claim, now: datetime) -> Due:
    """First in, then out; in again only if somebody says so."""
    seen = claims.attendance(claim.id)
    recent = seen.last is not None and seen.last.act is not Act.UNDO and now - seen.last.at < TWICE
    act = Act.OUT if seen.is_present else Act.IN
    return Due(claim, seen, None if recent else act)


def claim_on(shift_id: int, volunteer_id: int | None) -> Claim | None:
    """The person's live claim on the shift, with the shift."""
    mine = select(Claim).where(Claim.shift_id == shift_id, Claim.volunteer_id == volunteer_id)
    live = mine.where(Claim.state.in_(LIVE_STATES))
    return db.session.scalar(live.options(joinedload(Claim.shift, innerjoin=True)))


def claim_here(volunteer_id: int, path: str, now: datetime) -> Claim | None:
    """The place at this station that the person checks in to or out from now: out where they are in, else the next."""
    held = (
        select(Claim)
        .join(Claim.shift)
        .join(Shift.post)
        .join(Post.organization)
        .where(Claim.volunteer_id == volunteer_id, Claim.state == ClaimState.HELD, organizations.under([path]))
        .where(Shift.state == ShiftState.OPEN, Shift.starts_at < now + clock.DAY, Shift.ends_at > now - clock.DAY)
        .options(contains_eager(Claim.shift))
        .order_by(Shift.starts_at)
    )
    found = list(db.session.scalars(held))
    seen = claims.attendances(claim.id for claim in found)
    windows = {claim.id: claims.window(claim.shift) for claim in found}
    inside = [claim for claim in found if windows[claim.id][0] <= now <= windows[claim.id][2]]
    present = [claim for claim in inside if seen[claim.id].is_present]
    ahead = [claim for claim in inside if not seen[claim.id].spans and now <= claim.shift.ends_at]
    return next(iter([*present, *ahead, *inside, *found]), None)


def held_here(numbers: Iterable[str], path: str, now: datetime) -> list[int]:
    """The places at this station, of some weeks, that the people with these numbers hold."""
    held = select(Claim.id).join(Claim.shift).join(Shift.post).join(Post.organization).join(Claim.volunteer)
    theirs = held.where(Volunteer.number.in_(list(numbers)), organizations.under([path]))
    return list(db.session.scalars(theirs.where(Shift.ends_at > now - 60 * clock.DAY, Claim.state == ClaimState.HELD)))


def no_claim() -> str:
    """What somebody is told who comes without a place."""
    return _("You hold no place on this shift. Please ask the clerk, who can add people who simply come.")


def volunteer_numbered(number: str) -> Volunteer | None:
    """The registered person with this volunteer number, with the account."""
    found = select(Volunteer).join(Volunteer.account).options(contains_eager(Volunteer.account))
    active = found.where(Volunteer.state == VolunteerState.ACTIVE, Account.closed_at.is_(None))
    return db.session.scalar(active.where(Volunteer.number == number))


def person(volunteer_id: int) -> Volunteer:
    """The person with the account."""
    found = select(Volunteer).join(Volunteer.account).options(contains_eager(Volunteer.account))
    return db.session.scalars(found.where(Volunteer.id == volunteer_id)).one()


def station_of(volunteer_id: int) -> Organization:
    """Where the person is registered."""
    registered = select(Organization).join(Volunteer, Volunteer.registered_with_id == Organization.id)
    return db.session.scalars(registered.where(Volunteer.id == volunteer_id)).one()


def pin_of(volunteer_id: int) -> Pin | None:
    return db.session.scalar(select(Pin).where(Pin.volunteer_id == volunteer_id))


def card_of(volunteer_id: int) -> Card | None:
    """The card that is good."""
    return db.session.scalar(select(Card).where(Card.volunteer_id == volunteer_id, Card.revoked_at.is_(None)))


def last_serial(volunteer_id: int) -> int:
    return db.session.scalar(select(func.max(Card.serial)).where(Card.volunteer_id == volunteer_id)) or 0


def person_at_desk(volunteer_id: int, actor: Actor, now: datetime) -> Volunteer | None:
    """Whom a clerk may give a PIN or a card: the station's own, and whoever holds a place there."""
    paths = actor.reach(Role.CLERK)
    here = (
        select(Claim.id)
        .join(Claim.shift)
        .join(Shift.post)
        .join(Organization, Organization.id == Post.organization_id)
        .where(Claim.volunteer_id == Volunteer.id, Claim.state == ClaimState.HELD, organizations.under(paths))
        .where(Shift.ends_at > now - clock.DAY)
    )
    own = select(Organization.id).where(Organization.id == Volunteer.registered_with_id, organizations.under(paths))
    found = select(Volunteer).join(Volunteer.account).options(contains_eager(Volunteer.account))
    near = found.where(Volunteer.id == volunteer_id, Account.closed_at.is_(None), or_(own.exists(), here.exists()))
    return db.session.scalar(near)


# --- what is odd --------------------------------------------------------------------------------------------


def flags(claim_ids: Iterable[int]) -> dict[int, list[Flag]]:
    """What is odd about each of these attendances, in one query; claims without a flag are not there."""
    wanted = select(Flag).where(Flag.claim_id.in_(list(claim_ids))).order_by(Flag.id)
    found: dict[int, list[Flag]] = {}
    for flag in db.session.scalars(wanted.options(joinedload(Flag.looked_by))):
        found.setdefault(flag.claim_id, []).append(flag)
    return found


def is_flagged(claim_id: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]) -> ColumnElement[bool]:
    """Whether the claim of a row has a flag, as a column of a larger question."""
    return select(Flag.id).where(Flag.claim_id == claim_id).exists()


def flag_within(flag_id: int, paths: Sequence[str]) -> Flag | None:
    """The flag with its claim, if the shift lies within these subtrees."""
    within = select(Flag).join(Flag.claim).join(Claim.shift).join(Shift.post).join(Post.organization)
    mine = within.where(Flag.id == flag_id, organizations.under(paths))
    return db.session.scalar(mine.options(contains_eager(Flag.claim)))


def origins(claim_id: int) -> dict[int, Origin]:
    """By observation: how it was made, for those that a tablet saw."""
    made = select(Origin).join(Origin.punch).where(Punch.claim_id == claim_id).options(joinedload(Origin.tablet))
    return {origin.punch_id: origin for origin in db.session.scalars(made)}


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of a claim, and what stands beside it."""

    told: list[Told]
    origins: dict[int, Origin]  # how they were made, by observation
    flags: list[Flag]
    pictures: list[Evidence]  # of the shift's paper sheet, without their content


def observed(claim: Claim | None) -> Observed:
    """All of it in one question: an observation comes again beside each flag and each picture, which are few."""
    if claim is None:
        return Observed([], {}, [], [])
    beside = claims.recorded(claim.id).outerjoin(Origin, Origin.punch_id == Punch.id)
    beside = beside.outerjoin(Flag, Flag.claim_id == Punch.claim_id)
    beside = beside.outerjoin(Evidence, Evidence.shift_id == claim.shift_id).add_columns(Origin, Flag, Evidence)
    seen: dict[int, tuple[Punch, str]] = {}
    made: dict[int, Origin] = {}
    flags_: dict[int, Flag] = {}
    pictures: dict[int, Evidence] = {}
    asked: Any = db.session.execute(beside.options(joinedload(Origin.tablet), joinedload(Flag.looked_by)))
    for punch, name, origin, flag, picture in asked:
        seen[punch.id] = punch, name
        for kept, key, row in ((made, punch, origin), (flags_, flag, flag), (pictures, picture, picture)):
            if row:
                kept[key.id] = row
    oldest_first = [flags_[id] for id in sorted(flags_)], [pictures[id] for id in sorted(pictures)]
    return Observed(claims.told(seen.values()), made, *oldest_first)


def used(receipt_hash: str) -> Punch | None:
    """What was recorded with this receipt, with the claim."""
    made = select(Punch).join(Origin, Origin.punch_id == Punch.id).where(Origin.receipt_hash == receipt_hash)
    return db.session.scalar(made.options(joinedload(Punch.claim, innerjoin=True)))


def shares(device_hash: str, volunteer_id: int, now: datetime) -> dict[int, int]:
    """By claim: the people whom the same phone checked in within half a day, besides this one."""
    same = (
        select(Punch.claim_id, Claim.volunteer_id)
        .join(Origin, Origin.punch_id == Punch.id)
        .join(Claim, Claim.id == Punch.claim_id)
        .where(Origin.device_hash == device_hash, Punch.at > now - SHARED_WITHIN)
        .where(Claim.volunteer_id != volunteer_id)
    )
    return dict(db.session.execute(same).all())


def elsewhere(attended: Sequence[Claim]) -> list[tuple[int, int]]:
    """Pairs of claims of one person whose observed stays overlap; two stays that touch do not."""
    of = {claim.volunteer_id: claim for claim in attended}
    mine, near = select(Shift.starts_at).where(Shift.id.in_([c.shift_id for c in attended])), clock.DAY
    starts = list(db.session.scalars(mine))
    if not starts:
        return []
    others = select(Claim.id, Claim.volunteer_id).join(Claim.shift).where(Claim.volunteer_id.in_(of))
    close = others.where(Shift.starts_at.between(min(starts) - near, max(starts) + near))
    found = [(id, of[who]) for id, who in db.session.execute(close) if id != of[who].id]
    seen = claims.attendances([*(id for id, _one in found), *(claim.id for claim in attended)])
    return [(one.id, id) for id, one in found if _overlap(_stays(seen[one.id]), _stays(seen[id]))]


Stay = tuple[datetime, datetime]


def _stays(seen: Attendance) -> list[Stay]:
    """In and out; somebody who was not seen to leave was there at least at the moment they came."""
    return [(s.entered.at, s.left.at if s.left else s.entered.at + clock.MINUTE) for s in seen.spans]


def _overlap(some: list[Stay], others: list[Stay]) -> bool:
    return any(one[0] < two[1] and two[0] < one[1] for one in some for two in others)


# --- where somebody was -------------------------------------------------------------------------------------


def agreed_to_location(account_id: int) -> bool:
    """Whether the person agreed, on its own and not taken back, that a phone's place may be asked for."""
    given = select(Consent.id).where(
        Consent.account_id == account_id, Consent.purpose == Purpose.LOCATION, Consent.withdrawn_at.is_(None)
    )
    return db.session.scalar(given.limit(1)) is not None


def spot_of(shift_id: int) -> Spot | None:
    """Where the station of the shift is."""
    offered_by = select(Post.organization_id).join(Shift, Shift.post_id == Post.id).where(Shift.id == shift_id)
    return db.session.scalar(select(Spot).where(Spot.organization_id == offered_by.scalar_subquery()))


def distance_m(latitude: float, longitude: float, spot: Spot) -> int:
    """Metres between two places on the globe (haversine)."""
    one, two = math.radians(latitude), math.radians(spot.latitude)
    high = math.sin((two - one) / 2) ** 2
    wide = math.sin(math.radians(spot.longitude - longitude) / 2) ** 2
    return round(2 * EARTH_M * math.asin(min(1, math.sqrt(high + math.cos(one) * math.cos(two) * wide))))


def own_punch(punch_id: int, volunteer_id: int | None) -> Punch | None:
    """What the person recorded with their own phone, with claim and shift."""
    own = select(Punch).join(Punch.claim).join(Origin, Origin.punch_id == Punch.id)
    mine = own.where(Punch.id == punch_id, Claim.volunteer_id == volunteer_id)
    whole = contains_eager(Punch.claim).joinedload(Claim.shift, innerjoin=True).joinedload(Shift.post, innerjoin=True)
    return db.session.scalar(mine.options(whole))


def oldest_coordinates() -> datetime | None:
    """When the oldest coordinates that are still kept were noted."""
    return db.session.scalar(select(func.min(Sighting.at)).where(Sighting.latitude.is_not(None)))


def sighting_of(punch_id: int) -> Sighting | None:
    return db.session.scalar(select(Sighting).where(Sighting.punch_id == punch_id))


def flag_of(claim_id: int, kind: FlagKind) -> Flag | None:
    return db.session.scalar(select(Flag).where(Flag.claim_id == claim_id, Flag.kind == kind))
