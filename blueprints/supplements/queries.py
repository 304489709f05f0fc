"""Questions about supplements: whose they are, who has to look at them, and what proves them."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import joinedload

from blueprints.claims.models import Claim
from blueprints.identity.models import Volunteer
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import OFFERING, Organization
from blueprints.posts.models import Post, Shift
from blueprints.supplements.models import OPEN, Supplement, SupplementPicture, SupplementState
from core.db import db

PAGE = 50
MOST_CHOICES = 50  # organizations somebody can turn to
PERSON = joinedload(Supplement.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
WHOLE = (PERSON, joinedload(Supplement.organization, innerjoin=True), joinedload(Supplement.record))


def of_volunteer(volunteer_id: int) -> Select[Supplement]:
    """Everything a person has stated or was stated for them, the latest first."""
    return select(Supplement).where(Supplement.volunteer_id == volunteer_id).order_by(Supplement.id.desc())


def within(paths: Iterable[str]) -> Select[Supplement]:
    """Everything in these subtrees: what waits for a decision first, and of that the oldest."""
    waits = Supplement.state == SupplementState.REQUESTED
    mine = select(Supplement).join(Supplement.organization).where(organizations.under(paths))
    return mine.order_by(waits.desc(), Supplement.id.desc())


def page_of(wanted: Select[Supplement], number: int) -> tuple[list[Supplement], bool]:
    """The rows of a page, and whether there are more."""
    some = wanted.options(*WHOLE).offset((number - 1) * PAGE).limit(PAGE + 1)
    found = list(db.session.scalars(some))
    return found[:PAGE], len(found) > PAGE


def one_of(supplement_id: int, wanted: Select[Supplement]) -> Supplement | None:
    """The supplement, if it is one of these."""
    return db.session.scalar(wanted.where(Supplement.id == supplement_id).options(*WHOLE))


def of_record(record_id: int) -> Supplement | None:
    """What an entry was made of."""
    return db.session.scalar(select(Supplement).where(Supplement.record_id == record_id))


def pictures(supplement_id: int) -> list[SupplementPicture]:
    """What proves it, without the content, the oldest first."""
    kept = select(SupplementPicture).where(SupplementPicture.supplement_id == supplement_id)
    return list(db.session.scalars(kept.order_by(SupplementPicture.id)))


def picture_of(picture_id: int, wanted: Select[Supplement]) -> bytes | None:
    """One picture, if it proves one of these and was not erased."""
    theirs = wanted.order_by(None).with_only_columns(Supplement.id)
    kept = select(SupplementPicture.content).where(SupplementPicture.id == picture_id)
    return db.session.scalar(kept.where(SupplementPicture.supplement_id.in_(theirs)))


def open_meanwhile(volunteer_id: int, started_at: datetime, ended_at: datetime) -> Supplement | None:
    """A supplement of the person for some of the same time that is not decided yet."""
    mine = select(Supplement).where(Supplement.volunteer_id == volunteer_id, Supplement.state.in_(OPEN))
    return db.session.scalar(mine.where(Supplement.started_at < ended_at, Supplement.ended_at > started_at).limit(1))


def known_to(volunteer: Volunteer) -> list[Organization]:
    """The organizations somebody belongs to or has claimed shifts of: one of them has to vouch."""
    claimed = (
        select(Post.organization_id)
        .join(Shift, Shift.post_id == Post.id)
        .join(Claim, Claim.shift_id == Shift.id)
        .where(Claim.volunteer_id == volunteer.id)
    )
    own = [id for id in (volunteer.registered_with_id, volunteer.branch_id) if id]
    known = select(Organization).where(
        or_(Organization.id.in_(own), Organization.id.in_(claimed)),
        Organization.closed_at.is_(None),
        Organization.kind.in_(OFFERING),
    )
    return list(db.session.scalars(known.order_by(Organization.name, Organization.id).limit(MOST_CHOICES)))


def person_within(volunteer_id: int, paths: Iterable[str]) -> Volunteer | None:
    """Somebody who is registered in these subtrees."""
    mine = select(Volunteer).join(Organization, Organization.id == Volunteer.registered_with_id)
    found = mine.where(Volunteer.id == volunteer_id, organizations.under(paths))
    return db.session.scalar(found.options(joinedload(Volunteer.account, innerjoin=True)))
