"""Questions about stand-ins and swaps: who looks for somebody, and who may take over."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import aliased, contains_eager, joinedload

from blueprints.claims.models import RUNNING, Audience, Claim, ClaimState, Handover, HandoverState
from blueprints.identity.models import Account, Grant, Volunteer, VolunteerState
from blueprints.organizations.models import Organization
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from core import vault
from core.actor import Role
from core.db import db

SECRET = 32
MOST_SHIFTS = 60
DIGITS = 11  # of a mobile number


def token(handover: Handover) -> str:
    """The secret part of the address at which somebody takes over; whoever has it may look at what is asked."""
    return f"{handover.id}-{_secret(handover.id)}"


def _secret(id: int) -> str:
    return vault.digest(f"handover/{id}")[:SECRET]


def by_token(given: str, volunteer_id: int | None) -> Handover | None:
    """The handover behind an address; one for a named person exists only for them and for the one who asks."""
    id, _dash, secret = given.partition("-")
    if not (id.isascii() and id.isdecimal() and len(id) < 10):
        return None
    if not hmac.compare_digest(_secret(int(id)).encode(), secret.encode()):
        return None
    found = db.session.scalar(_whole().where(Handover.id == int(id)))
    private = found and found.audience is Audience.PERSON
    if found and private and volunteer_id not in (found.asked_id, found.claim.volunteer_id):
        return None
    return found


def _whole() -> Select[Handover]:
    """With the claim, who holds it, both shifts and their posts."""
    claim = joinedload(Handover.claim, innerjoin=True)
    person = claim.joinedload(Claim.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
    post = claim.joinedload(Claim.shift, innerjoin=True).joinedload(Shift.post, innerjoin=True)
    wanted = joinedload(Handover.wanted_shift).joinedload(Shift.post)
    return select(Handover).options(person, post.joinedload(Post.organization, innerjoin=True), wanted)


def running_for(claim_id: int) -> Handover | None:
    """What the holder of this claim looks for at the moment."""
    mine = select(Handover).where(Handover.claim_id == claim_id, Handover.state.in_(RUNNING))
    return db.session.scalar(mine)


def running_of(claim_ids: Iterable[int]) -> dict[int, Handover]:
    """By claim: what its holder looks for at the moment, in one query."""
    wanted = select(Handover).where(Handover.claim_id.in_(list(claim_ids)), Handover.state.in_(RUNNING))
    return {found.claim_id: found for found in db.session.scalars(wanted)}


def agreed_for(request_id: int) -> Handover | None:
    """The handover that this request of an approval post would complete."""
    agreed = select(Handover).where(Handover.taken_id == request_id, Handover.state.in_(RUNNING))
    return db.session.scalar(agreed)


@dataclass(frozen=True, slots=True)
class Sought:
    """What the page of a shift says: what the viewer looks for, and what others on it look for openly."""

    own: Handover | None
    stand_ins: tuple[Handover, ...]
    swaps: tuple[Handover, ...]

    @property
    def version(self) -> tuple[tuple[int, str], ...]:
        """Changes with everything that the page shows of it."""
        own = (self.own,) if self.own else ()
        return tuple((each.id, each.state.value) for each in (*own, *self.stand_ins, *self.swaps))


NOTHING_SOUGHT = Sought(None, (), ())


def sought_on(shift_id: int, own_claim: Claim | None, asking_id: int | None) -> Sought:
    """Everything about handovers on the shift that concerns the viewer, in one query."""
    claim = aliased(Claim)
    touching = (
        _whole()
        .join(claim, claim.id == Handover.claim_id)
        .where(Handover.state.in_(RUNNING), or_(claim.shift_id == shift_id, Handover.wanted_shift_id == shift_id))
    )
    mine = own_claim.id if own_claim else 0
    visible = or_(Handover.audience == Audience.ANYBODY, Handover.asked_id == asking_id, Handover.claim_id == mine)
    found = list(db.session.scalars(touching.where(visible).order_by(Handover.id)))
    found.sort(key=lambda each: each.asked_id is None)  # whoever was asked by name answers that first
    others = [each for each in found if each.claim_id != mine and each.state is HandoverState.OPEN]
    holds = own_claim is not None and own_claim.state is ClaimState.HELD
    return Sought(
        next((each for each in found if each.claim_id == mine), None),
        tuple(each for each in others if each.wanted_shift_id is None and not (own_claim and own_claim.place)),
        tuple(each for each in others if holds and each.wanted_shift_id == shift_id),
    )


def person(name: str, contact: str) -> Volunteer | None:
    """The active volunteer with exactly this name and this phone or volunteer number; one alone finds nobody."""
    digits = "".join(c for c in contact if c.isdigit())
    phone = Account.phone == f"+86{digits[-DIGITS:]}" if len(digits) >= DIGITS else Account.id.is_(None)
    known = select(Volunteer).join(Volunteer.account).options(contains_eager(Volunteer.account))
    fits: ColumnElement[bool] = or_(Volunteer.number == contact.replace(" ", "").upper(), phone)
    open_ones = and_(Account.closed_at.is_(None), Volunteer.state == VolunteerState.ACTIVE)
    return db.session.scalar(known.where(fits, open_ones, Account.name == name))


def swappable(claim: Claim, organization_id: int, now: datetime) -> list[Shift]:
    """The coming shifts of the same organization for which a place could be swapped."""
    shifts = select(Shift).join(Shift.post).options(contains_eager(Shift.post))
    here = shifts.where(Post.organization_id == organization_id, Shift.id != claim.shift_id, ~Post.approves)
    coming = here.where(Shift.starts_at > now, Shift.state == ShiftState.OPEN, Post.state == PostState.PUBLISHED)
    return list(db.session.scalars(coming.order_by(Shift.starts_at, Shift.id).limit(MOST_SHIFTS)))


def holders_of(shift_id: int) -> list[int]:
    """The accounts of everyone who holds a place of the shift."""
    held = select(Volunteer.account_id).join(Claim, Claim.volunteer_id == Volunteer.id)
    return list(db.session.scalars(held.where(Claim.shift_id == shift_id, Claim.state == ClaimState.HELD)))


def staff_of(organization: Organization, role: Role) -> list[int]:
    """The accounts that hold the role there; if nobody does, those of the nearest organization above."""
    line = [organization.id, *organization.ancestors]
    rows = db.session.execute(
        select(Grant.organization_id, Grant.account_id)
        .join(Grant.account)
        .where(Grant.role == role, Grant.revoked_at.is_(None), Grant.organization_id.in_(line))
        .where(Account.closed_at.is_(None))
    ).all()
    for id in line:
        if found := [account for where, account in rows if where == id]:
            return sorted(set(found))
    return []


def due(now: datetime) -> list[int]:
    """The running handovers whose shift, or wanted shift, has begun."""
    own, wanted = aliased(Shift), aliased(Shift)
    begun = (
        select(Handover.id)
        .join(Claim, Claim.id == Handover.claim_id)
        .join(own, own.id == Claim.shift_id)
        .outerjoin(wanted, wanted.id == Handover.wanted_shift_id)
    )
    late = begun.where(Handover.state.in_(RUNNING), or_(own.starts_at <= now, wanted.starts_at <= now))
    return sorted(db.session.scalars(late))


def touching(shift_id: int) -> list[Handover]:
    """The running handovers that give or want a place of the shift."""
    about = select(Handover).join(Handover.claim).options(contains_eager(Handover.claim))
    either = or_(Claim.shift_id == shift_id, Handover.wanted_shift_id == shift_id)
    return list(db.session.scalars(about.where(Handover.state.in_(RUNNING), either).order_by(Handover.id)))
