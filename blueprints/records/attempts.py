"""Refused attempts to let minutes count leave a trace that the owner and the level above see.

The request that was refused is rolled back, so the trace is written in a transaction of its own (records/witness.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from blueprints.claims import queries as attendance
from blueprints.claims.models import Claim
from blueprints.identity import queries as identity
from blueprints.identity.models import Account, Volunteer
from blueprints.organizations.models import Organization
from blueprints.posts.models import Shift
from blueprints.records.models import ATTENDANCE, ENTRY, Bar, Correction, RefusedAttempt, ServiceRecord, Tried
from core import audit
from core.actor import Actor
from core.db import db

AGAIN = timedelta(minutes=10)  # the same try within it says nothing new
MOST_A_DAY = 200  # of one person: beyond that the traces that are there say enough
SHIFT, ACCOUNT, VOLUNTEER, ORGANIZATION = "shift", "account", "volunteer", "organization"
Subject = tuple[str, int]


@dataclass(frozen=True, slots=True)
class About:
    """Whose minutes or account an attempt was about, and where they are recorded."""

    account_id: int | None
    organization_id: int | None


def keep(tried: Tried, bar: Bar, subject: Subject, actor: Actor, *, now: datetime) -> RefusedAttempt | None:
    """Keep the trace of an attempt; None if it was about nothing, or says nothing new."""
    subject = _entry_of(subject)
    about = FINDERS[subject[0]](subject[1]) if subject[0] in FINDERS else None
    if about is None or _is_known(tried, bar, subject, actor, now):
        return None
    if bar is Bar.HANDED_IN and about.account_id == actor.account_id:
        return None  # somebody who checks out too late tries nothing
    kept = RefusedAttempt(at=now, actor_id=actor.account_id, tried=tried, bar=bar)
    kept.subject, kept.subject_id = subject
    kept.about_id, kept.organization_id = about.account_id, about.organization_id
    db.session.add(kept)
    where = {"organization_id": about.organization_id, "about_id": about.account_id}
    audit.note("attempt refused", kept, actor_id=actor.account_id, now=now, **where, tried=tried, bar=bar)
    return kept


def _entry_of(subject: Subject) -> Subject:
    """What is about an entry, such as a correction, is kept with it."""
    model = ABOUT_ENTRIES.get(subject[0])
    if model is None:
        return subject
    row = db.session.get(model, subject[1])
    return ENTRY, row.record_id if row else 0


def _is_known(tried: Tried, bar: Bar, subject: Subject, actor: Actor, now: datetime) -> bool:
    mine = select(func.count(RefusedAttempt.id)).where(RefusedAttempt.actor_id == actor.account_id)
    same = mine.where(RefusedAttempt.tried == tried, RefusedAttempt.bar == bar, RefusedAttempt.at > now - AGAIN)
    same = same.where(RefusedAttempt.subject == subject[0], RefusedAttempt.subject_id == subject[1])
    today = mine.where(RefusedAttempt.at > now - timedelta(days=1))
    just_now, lately = db.session.execute(select(same.scalar_subquery(), today.scalar_subquery())).one()
    return bool(just_now) or lately >= MOST_A_DAY


def _about_entry(record_id: int) -> About | None:
    record = db.session.get(ServiceRecord, record_id)
    return About(identity.account_of(record.volunteer_id), record.organization_id) if record else None


def _about_attendance(claim_id: int) -> About | None:
    claim = db.session.get(Claim, claim_id)
    if claim is None:
        return None
    owner = db.session.get_one(Volunteer, claim.volunteer_id).account_id
    return About(owner, attendance.organization_of(db.session.get_one(Shift, claim.shift_id)).id)


def _about_shift(shift_id: int) -> About | None:
    shift = db.session.get(Shift, shift_id)
    return About(None, attendance.organization_of(shift).id) if shift else None


def _about_account(account_id: int) -> About | None:
    """Somebody's account, with the organization they registered with, if they did."""
    registered = select(Account.id, Volunteer.registered_with_id)
    found = registered.outerjoin(Volunteer, Volunteer.account_id == Account.id).where(Account.id == account_id)
    row = db.session.execute(found).first()
    return About(*row) if row else None


def _about_volunteer(volunteer_id: int) -> About | None:
    volunteer = db.session.get(Volunteer, volunteer_id)
    return About(volunteer.account_id, volunteer.registered_with_id) if volunteer else None


def _about_organization(organization_id: int) -> About | None:
    return About(None, organization_id) if db.session.get(Organization, organization_id) else None


# Rows with a record_id, by table; areas to the right add theirs, here and below.
ABOUT_ENTRIES: dict[str, Any] = {Correction.__tablename__: Correction}
FINDERS: dict[str, Callable[[int], About | None]] = {
    ENTRY: _about_entry,
    ATTENDANCE: _about_attendance,
    SHIFT: _about_shift,
    ACCOUNT: _about_account,
    VOLUNTEER: _about_volunteer,
    ORGANIZATION: _about_organization,
}
