"""A volunteer's own record: totals, what waits and for whom, and what was not handed in yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select, tuple_

from blueprints.claims.models import Claim, EvidenceClass
from blueprints.claims.queries import Attendance
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.posts.models import Category
from blueprints.records import queries
from blueprints.records.models import NOT_YET, WAITS, RecordState, ServiceRecord
from core.actor import Actor
from core.db import db

PAGE = 50


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person wants to see of the record; None means all."""

    year: int | None = None
    category: Category | None = None
    evidence: EvidenceClass | None = None
    before: int | None = None  # continue after this entry

    @property
    def is_filtered(self) -> bool:
        return bool(self.year or self.category or self.evidence)


@dataclass(frozen=True, slots=True)
class Untold:
    """Attendance that no entry was made of yet, and by when one is due."""

    claim: Claim
    seen: Attendance
    due_on: date
    is_open: bool  # in, and too late to check out: somebody has to state the times


@dataclass(frozen=True, slots=True)
class Mine:
    totals: Mapping[EvidenceClass, int]
    pending: int  # minutes handed in that do not count yet
    years: list[int]
    categories: list[Category]
    records: list[ServiceRecord]
    deciders: Mapping[int, Organization | None]
    untold: list[Untold]
    worth: Mapping[int, int]  # what each effective entry counts today
    disputed: frozenset[int]  # entries that the person disputes
    more: int | None  # the entry to continue after

    @property
    def effective(self) -> int:
        return sum(self.totals.values())


def mine(actor: Actor, choice: Choice, now: datetime) -> Mine:
    """Read the page of the record that was chosen."""
    volunteer_id = actor.volunteer_id or 0
    sums, found = queries.sums(volunteer_id), _records(volunteer_id, choice)
    records = [row[0] for row in found]
    shown = records[:PAGE]
    return Mine(
        queries.totals_of(sums, choice.year, choice.category),
        sum(each.minutes for each in sums if each.state in NOT_YET),
        sorted({each.year for each in sums}, reverse=True),
        sorted({each.category for each in sums}, key=list(Category).index),
        shown,
        queries.deciding_organizations(record for record in shown if record.state in WAITS),
        _untold(volunteer_id, now) if not choice.is_filtered and not choice.before else [],
        worth={record.id: worth for record, worth, _disputed in found if record.state is RecordState.EFFECTIVE},
        disputed=frozenset(record.id for record, _worth, disputed in found if disputed),
        more=shown[-1].id if len(records) > PAGE else None,
    )


def _records(volunteer_id: int, choice: Choice) -> list[tuple[ServiceRecord, int, bool]]:
    """The entries of the page, each with what it counts and whether it is disputed."""
    wanted = queries.of_volunteer(volunteer_id)
    if choice.year:
        wanted = wanted.where(ServiceRecord.served_on.between(date(choice.year, 1, 1), date(choice.year, 12, 31)))
    if choice.category:
        wanted = wanted.where(ServiceRecord.category == choice.category)
    if choice.evidence:
        wanted = wanted.where(ServiceRecord.evidence == choice.evidence)
    if choice.before:
        last = select(ServiceRecord.served_on, ServiceRecord.id).where(ServiceRecord.id == choice.before)
        here = tuple_(ServiceRecord.served_on, ServiceRecord.id)
        wanted = wanted.where(here < last.scalar_subquery())
    told = wanted.add_columns(queries.worth_of_record(), queries.is_disputed())
    return list(db.session.execute(told.limit(PAGE + 1)).all())


def _untold(volunteer_id: int, now: datetime) -> list[Untold]:
    found = queries.unhanded(volunteer_id)
    limits = organizations.limits() if found else {}
    return [
        Untold(claim, seen, queries.due_on(claim.shift, limits), seen.is_present and now > _last(claim, limits))
        for claim, seen in found
    ]


def _last(claim: Claim, limits: Mapping[Limit, int]) -> datetime:
    return claim.shift.ends_at + timedelta(minutes=limits[Limit.CHECK_OUT_AFTER_MINUTES])
