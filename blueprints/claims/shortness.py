"""Questions about shifts that are short of people: which ones, what was answered, and who could help."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import contains_eager, joinedload

from blueprints.claims import queries
from blueprints.claims.models import CLOSING, Claim, ClaimState, Shortfall, ShortfallAnswer
from blueprints.identity.models import Account, Volunteer, VolunteerState
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import OFFERING, Organization
from blueprints.posts.models import MOST_CUT_OFF_HOURS, Post, PostState, Shift, ShiftState
from core.db import db

FURTHEST = timedelta(hours=MOST_CUT_OFF_HOURS)
MOST_TARGETS, MOST_NEIGHBOURS = 30, 40
MOST_INVITED, MOST_LOOKED_AT = 50, 400


def held(shift_id: int) -> int:
    """How many people hold a place for certain."""
    count = select(func.count()).where(Claim.shift_id == shift_id, Claim.state == ClaimState.HELD)
    return db.session.scalar(count) or 0


def due(now: datetime) -> list[int]:
    """The shifts past their cut-off with fewer people than they need, about which nobody was asked yet."""
    asked = select(Shortfall.id).where(Shortfall.shift_id == Shift.id, Shortfall.for_start == Shift.starts_at)
    number = select(func.count()).where(Claim.shift_id == Shift.id, Claim.state == ClaimState.HELD)
    short = (
        select(Shift)
        .where(Shift.state == ShiftState.OPEN, Shift.starts_at > now, Shift.starts_at <= now + FURTHEST)
        .where(Shift.minimum.is_not(None), ~asked.exists(), Shift.minimum > number.scalar_subquery())
    )
    found = db.session.scalars(short.order_by(Shift.id))
    return [shift.id for shift in found if shift.cut_off_at and shift.cut_off_at <= now]


def question(shift: Shift) -> Shortfall | None:
    """What was asked about the shift as it is planned now, with the answers so far."""
    asked = select(Shortfall).where(Shortfall.shift_id == shift.id, Shortfall.for_start == shift.starts_at)
    answers = joinedload(Shortfall.answers).joinedload(ShortfallAnswer.by)
    return db.session.scalars(asked.options(answers)).unique().one_or_none()


def is_open(asked: Shortfall) -> bool:
    """Whether somebody still has to decide; help that was asked for decides nothing."""
    return not any(answer.remedy in CLOSING for answer in asked.answers)


def open_questions(paths: Iterable[str], now: datetime) -> list[Shortfall]:
    """What waits for a decision within these subtrees and is still short, the soonest shift first."""
    shift = contains_eager(Shortfall.shift)
    whole = shift.contains_eager(Shift.post).contains_eager(Post.organization)
    closed = select(ShortfallAnswer.id).where(
        ShortfallAnswer.shortfall_id == Shortfall.id, ShortfallAnswer.remedy.in_(CLOSING)
    )
    number = select(func.count()).where(Claim.shift_id == Shift.id, Claim.state == ClaimState.HELD)
    asked = select(Shortfall).join(Shortfall.shift).join(Shift.post).join(Post.organization).options(whole)
    here = asked.where(organizations.under(paths), Shift.state == ShiftState.OPEN, Shift.starts_at > now)
    short = here.where(
        Shortfall.for_start == Shift.starts_at, Shift.minimum > number.correlate(Shift).scalar_subquery()
    )
    return list(db.session.scalars(short.where(~closed.exists()).order_by(Shift.starts_at, Shift.id)))


def targets(shift: Shift, post: Post, now: datetime) -> list[Shift]:
    """The shifts it could be merged into: of the same post, or of the same organization at the same place."""
    others = select(Shift).join(Shift.post).options(contains_eager(Shift.post))
    here = others.where(Post.organization_id == post.organization_id, Shift.id != shift.id)
    same = here.where((Post.id == post.id) | ((Post.division_id == post.division_id) & (Post.place == post.place)))
    coming = same.where(Shift.state == ShiftState.OPEN, Post.state == PostState.PUBLISHED, Shift.starts_at > now)
    return list(db.session.scalars(coming.order_by(Shift.starts_at, Shift.id).limit(MOST_TARGETS)))


def neighbours(organization: Organization) -> list[Organization]:
    """The stations and teams beside an organization, under the same roof."""
    beside = select(Organization).where(
        Organization.parent_id == organization.parent_id, Organization.id != organization.id
    )
    open_ones = beside.where(Organization.kind.in_(OFFERING), Organization.closed_at.is_(None))
    return list(db.session.scalars(open_ones.order_by(Organization.name).limit(MOST_NEIGHBOURS)))


def helpers(shift: Shift, post: Post, organization: Organization) -> Sequence[Volunteer]:
    """Volunteers of an organization who wish for this kind of service and may and could serve on the shift."""
    there = select(Volunteer).join(Volunteer.registered_with).join(Volunteer.account)
    active = there.where(organizations.under([organization.path]), Volunteer.state == VolunteerState.ACTIVE)
    own = active.where(Account.claimed_at.is_not(None), Account.closed_at.is_(None))
    people = db.session.scalars(
        own.order_by(Volunteer.id.desc()).limit(MOST_LOOKED_AT).options(joinedload(Volunteer.account))
    )
    wishing = [person for person in people if post.category in person.categories]
    free = [person for person in wishing if not _barred(shift, post, person)]
    return free[:MOST_INVITED]


def _barred(shift: Shift, post: Post, person: Volunteer) -> bool:
    live = queries.live_claim(shift.id, person.id)
    return live is not None or queries.unfit_because(shift, post, person) is not None
