"""Questions about flags: only for those above the organization that recorded, and never for its own staff."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import aliased, contains_eager, joinedload

from blueprints.identity.models import Account, Volunteer
from blueprints.inspections.models import FlagState, RiskFlag, RiskRow, Rule, Subject
from blueprints.organizations.models import Organization
from blueprints.posts.models import Post, Shift
from blueprints.records import queries as records
from blueprints.records.models import Recorder, RefusedAttempt, ServiceRecord
from blueprints.records.queries import Refused
from core.db import db

PAGE = 30
SHOWN = 50
TOP = 2  # slashes in the path of an organization that stands under nothing


def above(paths: Iterable[str]) -> ColumnElement[bool]:
    """The condition that an organization lies below one of these, or is the top, which nothing stands above."""
    spans = [
        and_(
            Organization.path < path[:-1] + "0",
            Organization.path >= path if path.count("/") == TOP else Organization.path > path,
        )
        for path in paths
    ]
    return or_(false(), *spans)


@dataclass(frozen=True, slots=True)
class Line:
    """A flag with what it is about in words."""

    flag: RiskFlag
    person: str  # whose entry, or which member of staff
    title: str  # of the entry or the shift


def flags(paths: Sequence[str], state: FlagState, rule: Rule | None = None, before: int | None = None) -> list[Line]:
    """The flags of a state below these organizations, the newest first, and one more than a page holds."""
    wanted = _lines().where(above(paths), RiskFlag.state == state)
    if rule:
        wanted = wanted.where(RiskFlag.rule == rule)
    if before:
        wanted = wanted.where(RiskFlag.id < before)
    return [_line(row) for row in db.session.execute(wanted.order_by(RiskFlag.id.desc()).limit(PAGE + 1))]


def flag_within(flag_id: int, paths: Sequence[str]) -> Line | None:
    """The flag, if it lies below one of these organizations."""
    row = db.session.execute(_lines().where(RiskFlag.id == flag_id, above(paths))).first()
    return _line(row) if row else None


def _lines() -> Any:
    """Flags with their organization and with what their subject is called."""
    staff, owner = aliased(Account), aliased(Account)
    about = RiskFlag.subject
    return (
        select(RiskFlag, staff.name, owner.name, ServiceRecord.title, Post.title)
        .join(RiskFlag.organization)
        .outerjoin(staff, and_(about == Subject.PERSON, staff.id == RiskFlag.subject_id))
        .outerjoin(ServiceRecord, and_(about == Subject.RECORD, ServiceRecord.id == RiskFlag.subject_id))
        .outerjoin(Volunteer, Volunteer.id == ServiceRecord.volunteer_id)
        .outerjoin(owner, owner.id == Volunteer.account_id)
        .outerjoin(Shift, and_(about == Subject.SHIFT, Shift.id == RiskFlag.subject_id))
        .outerjoin(Post, Post.id == Shift.post_id)
        .options(contains_eager(RiskFlag.organization))
    )


def _line(row: Any) -> Line:
    flag, staff, owner, entry, shift = row
    return Line(flag, staff or owner or "", entry or shift or "")


def rows_of(flag_id: int) -> list[ServiceRecord]:
    """The entries that a flag rests on, the newest first."""
    its = select(ServiceRecord).join(RiskRow, RiskRow.record_id == ServiceRecord.id).where(RiskRow.flag_id == flag_id)
    whole = its.options(records.PERSON, joinedload(ServiceRecord.organization, innerjoin=True))
    return list(db.session.scalars(whole.order_by(ServiceRecord.id.desc()).limit(SHOWN)))


def refused_to(account_id: int) -> list[Refused]:
    """What somebody tried and might not, the latest first."""
    told = select(RefusedAttempt, Account.name).join(Account, Account.id == RefusedAttempt.actor_id)
    theirs = told.where(RefusedAttempt.actor_id == account_id).order_by(RefusedAttempt.at.desc()).limit(SHOWN)
    return [Refused(*row) for row in db.session.execute(theirs)]


def registered_by(account_id: int) -> list[Volunteer]:
    """Whom somebody registered, the latest first."""
    made = select(Volunteer).join(Account, Account.id == Volunteer.account_id)
    theirs = made.where(Account.created_by_id == account_id).order_by(Account.created_at.desc()).limit(SHOWN)
    return list(db.session.scalars(theirs.options(contains_eager(Volunteer.account))))


def involved(flag: RiskFlag) -> set[int]:
    """The accounts that took part in what the flag is about: none of them decides on it."""
    theirs = select(ServiceRecord.id).join(RiskRow, RiskRow.record_id == ServiceRecord.id)
    ids = list(db.session.scalars(theirs.where(RiskRow.flag_id == flag.id)))
    return taking_part(ids) | ({flag.subject_id} if flag.subject is Subject.PERSON else set())


def taking_part(record_ids: Sequence[int]) -> set[int]:
    """Owners, recorders and judges of these entries."""
    record = ServiceRecord
    parts = select(Volunteer.account_id, record.handed_in_by_id, record.confirmed_by_id, record.approved_by_id)
    people = parts.join(Volunteer, Volunteer.id == record.volunteer_id).where(record.id.in_(record_ids))
    touched = select(Recorder.account_id).where(Recorder.record_id.in_(record_ids))
    found = {id for row in db.session.execute(people) for id in row if id}
    return found | set(db.session.scalars(touched))
