"""Questions about public notices: who sees which, and which objections wait for whom."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import contains_eager, joinedload

from blueprints.claims.models import Claim
from blueprints.identity.models import Volunteer
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from blueprints.posts.models import Post, Shift
from blueprints.public_notices.models import Objection, ObjectionState
from blueprints.records import queries as records
from blueprints.records.models import RecordState, ServiceRecord
from core.actor import Actor, Role
from core.db import db

PAGE = 50
WHOLE = (records.PERSON, joinedload(ServiceRecord.organization, innerjoin=True))


def running(actor: Actor, now: datetime) -> Select[ServiceRecord]:
    """The notices that this person may see: of organizations they belong to, serve with or hold a role in.

    They are gone for everybody here at the moment they end.
    """
    mine = select(ServiceRecord).join(Organization, Organization.id == ServiceRecord.organization_id)
    seen = mine.where(
        ServiceRecord.state == RecordState.NOTICE,
        ServiceRecord.notice_ends_at > now,
        or_(ServiceRecord.organization_id.in_(_own(actor)), organizations.under(actor.reach(*Role))),
    )
    return seen.order_by(ServiceRecord.notice_ends_at, ServiceRecord.id)


def _own(actor: Actor) -> Select[int]:
    """The organizations somebody is registered with, is a member of or has claimed shifts of."""
    me = Volunteer.id == (actor.volunteer_id or 0)
    claimed = select(Post.organization_id).join(Shift, Shift.post_id == Post.id).join(Claim, Claim.shift_id == Shift.id)
    every = select(Volunteer.registered_with_id).where(me).union(
        select(Volunteer.branch_id).where(me, Volunteer.branch_id.is_not(None)),
        claimed.where(Claim.volunteer_id == (actor.volunteer_id or 0)),
    )  # fmt: skip
    return select(every.subquery().c[0])


def page_of(wanted: Select[ServiceRecord], number: int) -> tuple[list[ServiceRecord], bool]:
    """The rows of a page, and whether there are more."""
    found = list(db.session.scalars(wanted.options(*WHOLE).offset((number - 1) * PAGE).limit(PAGE + 1)))
    return found[:PAGE], len(found) > PAGE


def one_of(record_id: int, wanted: Select[ServiceRecord]) -> ServiceRecord | None:
    """The entry, if it is one of these."""
    return db.session.scalar(wanted.where(ServiceRecord.id == record_id).options(*WHOLE))


def objected_by(account_id: int, record_ids: Iterable[int]) -> set[int]:
    """The entries of these that this person objects to."""
    mine = select(Objection.record_id).where(Objection.by_id == account_id, Objection.record_id.in_(list(record_ids)))
    return set(db.session.scalars(mine))


def waiting(paths: Iterable[str]) -> Select[Objection]:
    """Objections in these subtrees that nobody has decided, the most urgent first."""
    found = select(Objection).join(Objection.record).join(ServiceRecord.organization)
    waits = found.where(organizations.under(paths), Objection.state == ObjectionState.OPEN)
    return waits.order_by(Objection.due_on, Objection.id)


def listed(paths: Iterable[str]) -> list[Objection]:
    """The first page of them, with their entries."""
    whole = contains_eager(Objection.record).options(records.PERSON, contains_eager(ServiceRecord.organization))
    return list(db.session.scalars(waiting(paths).options(whole).limit(PAGE)))


def objection_within(objection_id: int, paths: Iterable[str]) -> Objection | None:
    """The objection, if its entry lies within these subtrees."""
    found = select(Objection).join(Objection.record).join(ServiceRecord.organization)
    whole = contains_eager(Objection.record).options(records.PERSON, contains_eager(ServiceRecord.organization))
    return db.session.scalar(found.where(Objection.id == objection_id, organizations.under(paths)).options(whole))
