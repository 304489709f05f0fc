"""What is overdue below an organization: the level above sees it, and asks there, takes it over or helps.

Overdue is what waits on the day after its last one: ten working days to record and confirm (办法 art. 11), others for
disputes, objections, reports and evidence. The organization itself has the same things in its own queues.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    Select,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)

from blueprints.claims import absences
from blueprints.claims.models import IS_TO_HAND_IN, Absence, Claim, ClaimState
from blueprints.disputes.models import REPORT_WAITS, Dispute, IdentityReport
from blueprints.disputes.models import WAITS as UNDECIDED
from blueprints.inspections.models import CheckRequest, CheckState, Late, SpotCheck
from blueprints.inspections.queries import above, inspecting
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.posts.models import Post, Shift, ShiftState
from blueprints.public_notices.models import Objection, ObjectionState
from blueprints.records import queries as records
from blueprints.records.models import WAITS, RecordState, ServiceRecord
from core import clock, workdays
from core.db import db

PAGE = 30
MOST_NAMED = 100
COLUMNS = ("kind", "id", "organization_id", "title", "people", "since", "due_on", "opens")


@dataclass(frozen=True, slots=True)
class Overdue:
    """One thing that is late: whose it is, since when it waits, its last day, and how many working days ago that was.

    `id` is that of the shift, the dispute and so on; of an entry that no shift stands behind it is the negative one.
    """

    kind: Late
    id: int
    organization: Organization
    title: str
    people: int
    since: datetime
    due_on: date
    days: int
    opens: bool  # whether those who look may open the spot check that asks


@dataclass(frozen=True, slots=True)
class Tally:
    """How much is overdue in one organization."""

    organization_id: int
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Span:
    """What is overdue at a moment; with `first` only what became so on that day or later."""

    now: datetime
    working_days: int
    first: date | None = None

    @property
    def today(self) -> date:
        return clock.today(self.now)

    def covers(self, due_on: Any) -> ColumnElement[bool]:
        """Whether this last day is past."""
        return and_(due_on < self.today, due_on >= self.first) if self.first else due_on < self.today

    def over(self, ends_at: Any) -> ColumnElement[bool]:
        """The same for a shift that ended then: its last day follows from the calendar."""
        over = ends_at < self._over_before(self.today)
        return and_(over, ends_at >= self._over_before(self.first)) if self.first else over

    def _over_before(self, day: date) -> datetime:
        """The moment before which a shift must have ended for its last day to lie before this one."""
        return clock.day_span(workdays.over_before(day, self.working_days))[1]


def at(now: datetime, first: date | None = None) -> Span:
    return Span(now, organizations.limit(Limit.CONFIRM_WORKING_DAYS), first)


# --- what the pages ask -----------------------------------------------------------------------------------------


def lines(paths: Sequence[str], span: Span, number: int = 1, only: int | None = None) -> tuple[list[Overdue], bool]:
    """A page of what is overdue below these organizations, or of `only` one of them, the oldest first; and whether
    another page follows."""
    late = _late(_mine(paths, only), paths, span)
    oldest = select(Organization, late).join(late, late.c.organization_id == Organization.id)
    oldest = oldest.order_by(late.c.since, late.c.kind, late.c.id)
    rows = db.session.execute(oldest.offset((number - 1) * PAGE).limit(PAGE + 1)).all()
    return [_overdue(row, span) for row in rows[:PAGE]], len(rows) > PAGE


def _overdue(row: Any, span: Span) -> Overdue:
    due = row.due_on or workdays.after(clock.today(row.since), span.working_days)
    told = (Late(row.kind), row.id, row.Organization, row.title, row.people, row.since, due)
    return Overdue(*told, workdays.between(due, span.today), bool(row.opens))


def tallies(paths: Sequence[str], span: Span) -> list[Tally]:
    """The organizations below these in which something is overdue, by their names."""
    late = _late(_mine(paths), paths, span)
    named = select(Organization.id, Organization.name, func.count(late.c.id))
    counted = named.join(late, late.c.organization_id == Organization.id).group_by(Organization.id)
    return [Tally(*row) for row in db.session.execute(counted.order_by(Organization.name).limit(MOST_NAMED))]


def ids(paths: Sequence[str], span: Span) -> Select[int]:
    """A row for each thing that is overdue below these organizations, to be counted with other things."""
    return select(_late(_mine(paths), paths, span).c.id)


def organization_below(organization_id: int, paths: Sequence[str]) -> Organization | None:
    """The organization, if these look at it."""
    return db.session.scalar(select(Organization).where(_mine(paths, organization_id)))


def by_organization(span: Span) -> dict[int, int]:
    """How much became overdue in each organization."""
    late = _late(true(), (), span)
    counted = select(late.c.organization_id, func.count(late.c.id)).group_by(late.c.organization_id)
    return dict(db.session.execute(counted).all())


def _mine(paths: Sequence[str], only: int | None = None) -> ColumnElement[bool]:
    return and_(above(paths), Organization.id == only) if only else above(paths)


# --- what is late -----------------------------------------------------------------------------------------------


def _late(mine: ColumnElement[bool], paths: Sequence[str], span: Span) -> Subquery:
    """Everything that is overdue in these organizations, a row for each thing, in one question."""
    arms = (
        _shifts(mine, span),
        _entries(mine, span),
        _disputes(mine, span),
        _objections(mine, span),
        _reports(mine, span),
        _evidence(mine, paths, span),
    )
    every: CompoundSelect[Any] = union_all(*arms)
    return every.subquery("late")


def _row(kind: Any, *told: Any, opens: ColumnElement[bool] | None = None) -> Select[Any]:
    """One arm of the question: what every row says, under the same names."""
    kind = literal(kind.value) if isinstance(kind, Late) else kind
    values = (kind, *told, true() if opens is None else opens)
    return select(*(value.label(name) for name, value in zip(COLUMNS, values, strict=True)))


def _shifts(mine: ColumnElement[bool], span: Span) -> Select[Any]:
    """Shifts with people who were seen; and those of which nobody said anything, as long as it can still be said who
    did not come. The question begins with the places, of which an index holds only those to be handed in."""
    was_seen = case((_there_is(absences.observations()), 1), else_=0)
    counts = (func.count(Claim.id).label("held"), func.sum(was_seen).label("seen"))
    waiting = select(Claim.shift_id, *counts).where(IS_TO_HAND_IN).group_by(Claim.shift_id).subquery()
    is_seen = waiting.c.seen > 0
    kind = case((is_seen, Late.NOT_HANDED_IN.value), else_=Late.NOT_MARKED.value)
    people = case((is_seen, waiting.c.seen), else_=waiting.c.held)
    told = (Shift.id, Post.organization_id, Post.title, people, Shift.ends_at, cast(null(), Date))
    over = _row(kind, *told).select_from(waiting).join(Shift, Shift.id == waiting.c.shift_id)
    late = over.join(Shift.post).join(Post.organization).where(mine, Shift.state == ShiftState.OPEN)
    silent = and_(Shift.starts_at >= span.now - absences.NOTED_WITHIN, ~_there_is(_said_of_shift()))
    return late.where(span.over(Shift.ends_at), or_(is_seen, silent))


def _said_of_shift() -> Select[int]:
    """Places of a shift of which it is known whether their people came."""
    noted = select(Absence.id).where(Absence.claim_id == Claim.id, Absence.undone_at.is_(None))
    known = or_(Claim.handed_in_at.is_not(None), _there_is(absences.observations()), _there_is(noted))
    return select(Claim.id).where(Claim.shift_id == Shift.id, Claim.state == ClaimState.HELD, known)


def _there_is(rows: Select[int]) -> ColumnElement[bool]:
    """As EXISTS, but looked up for each row: within OR and CASE PostgreSQL may read the whole table once instead, and
    of observations there are millions."""
    return rows.limit(1).scalar_subquery().is_not(None)


def _entries(mine: ColumnElement[bool], span: Span) -> Select[Any]:
    """Entries that wait for a decision, those of a shift together; not those that are disputed, which wait for that."""
    belongs = func.coalesce(Claim.shift_id, -ServiceRecord.id)
    of_shift = ServiceRecord.claim_id.is_not(None)
    since = func.min(case((of_shift, ServiceRecord.ended_at), else_=ServiceRecord.handed_in_at))
    pending = ServiceRecord.state == RecordState.PENDING
    kind = case((pending, Late.NOT_CONFIRMED.value), else_=Late.NOT_APPROVED.value)
    told = (belongs, ServiceRecord.organization_id, func.min(ServiceRecord.title), func.count(ServiceRecord.id))
    waits = _row(kind, *told, since, func.min(ServiceRecord.due_on)).select_from(ServiceRecord)
    waits = waits.outerjoin(Claim, Claim.id == ServiceRecord.claim_id).join(ServiceRecord.organization)
    late = waits.where(mine, ServiceRecord.state.in_(WAITS), span.covers(ServiceRecord.due_on), ~records.is_disputed())
    return late.group_by(ServiceRecord.state, belongs, ServiceRecord.organization_id)


def _disputes(mine: ColumnElement[bool], span: Span) -> Select[Any]:
    since = func.coalesce(Dispute.appealed_at, Dispute.filed_at)
    told = (Dispute.id, ServiceRecord.organization_id, ServiceRecord.title, literal(1), since, Dispute.due_on)
    waits = _row(Late.DISPUTE, *told).select_from(Dispute).join(Dispute.record).join(ServiceRecord.organization)
    return waits.where(mine, Dispute.state.in_(UNDECIDED), span.covers(Dispute.due_on))


def _objections(mine: ColumnElement[bool], span: Span) -> Select[Any]:
    told = (Objection.id, ServiceRecord.organization_id, ServiceRecord.title, literal(1), Objection.at)
    waits = _row(Late.OBJECTION, *told, Objection.due_on).select_from(Objection)
    waits = waits.join(Objection.record).join(ServiceRecord.organization)
    return waits.where(mine, Objection.state == ObjectionState.OPEN, span.covers(Objection.due_on))


def _reports(mine: ColumnElement[bool], span: Span) -> Select[Any]:
    told = (IdentityReport.id, IdentityReport.organization_id, literal(""), literal(1), IdentityReport.filed_at)
    waits = _row(Late.REPORT, *told, IdentityReport.due_on).select_from(IdentityReport)
    waits = waits.join(IdentityReport.organization)
    return waits.where(mine, IdentityReport.state.in_(REPORT_WAITS), span.covers(IdentityReport.due_on))


def _evidence(mine: ColumnElement[bool], paths: Sequence[str], span: Span) -> Select[Any]:
    theirs = select(SpotCheck.id).join(SpotCheck.organization).where(inspecting(paths)).correlate(None)
    told = (CheckRequest.check_id, CheckRequest.organization_id, literal(""), literal(1), SpotCheck.drawn_at)
    waits = _row(Late.EVIDENCE, *told, SpotCheck.due_on, opens=SpotCheck.id.in_(theirs)).select_from(CheckRequest)
    waits = waits.join(CheckRequest.check).join(CheckRequest.organization)
    asked = waits.where(mine, CheckRequest.answered_at.is_(None), SpotCheck.state == CheckState.OPEN)
    return asked.where(span.covers(SpotCheck.due_on))
