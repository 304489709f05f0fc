"""Questions about the record of service. Every total that anybody sees is summed here, and only here."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    String,
    Subquery,
    and_,
    case,
    cast,
    extract,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased, contains_eager, joinedload

from blueprints.claims import absences
from blueprints.claims import queries as attendance
from blueprints.claims.models import IS_TO_HAND_IN, Claim, ClaimState, EvidenceClass, Punch
from blueprints.claims.queries import Attendance
from blueprints.identity import queries as identity
from blueprints.identity.models import Account, Grant, Volunteer
from blueprints.kiosk import queries as kiosk
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import DEFAULTS, Limit, Organization
from blueprints.posts.models import Category, Post, Shift, ShiftState
from blueprints.records.models import (
    ATTENDANCE,
    ENTRY,
    NOT_YET,
    WAITS,
    Bar,
    Correction,
    CorrectionState,
    CorrectionText,
    HeadCount,
    LedgerEntry,
    Mark,
    Part,
    Recorder,
    RecordSource,
    RecordState,
    RefusedAttempt,
    Root,
    ServiceRecord,
)
from blueprints.rollcall import queries as rollcall
from core import clock, workdays
from core.actor import Actor, Role
from core.db import db
from core.i18n import _
from core.workdays import Calendar

Confirmers = dict[int, tuple[Organization, set[int]]]  # the organizations that have confirmers, with their accounts
LEAST_NOTICE = DEFAULTS[Limit.NOTICE_WORKING_DAYS][1]  # working days
SECONDS = 60
HOUR = 60
MOST_REFUSED = 50  # attempts shown of one entry
# What areas to the right hold an entry back for: a condition on its id.
HOLDS: list[Callable[[Any], ColumnElement[bool]]] = []
OBJECTIONS: list[Callable[[Any], ColumnElement[bool]]] = []  # the same, raised by others while it is on public notice
PERSON = joinedload(ServiceRecord.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
SHIFT = joinedload(ServiceRecord.claim).joinedload(Claim.shift, innerjoin=True)
WHOLE = (PERSON, SHIFT, joinedload(ServiceRecord.organization, innerjoin=True))
DOERS = (
    joinedload(ServiceRecord.handed_in_by, innerjoin=True),
    joinedload(ServiceRecord.confirmed_by),
    joinedload(ServiceRecord.approved_by),
    joinedload(ServiceRecord.returned_by),
)


@dataclass(frozen=True, slots=True)
class Reckoning:
    """How the minutes of an attendance come about, so that a page can show each step."""

    stays: tuple[tuple[datetime, datetime], ...]  # clipped to the planned time
    present: timedelta
    pause: timedelta  # what is left of the break after the time spent away

    @property
    def minutes(self) -> int:
        return max(0, int((self.present - self.pause).total_seconds()) // SECONDS)


def minutes_of(seen: Attendance, shift: Shift) -> int:
    """Whole minutes served: clipped to the planned time, without the break, seconds dropped once."""
    return reckoning(seen, shift).minutes


def reckoning(seen: Attendance, shift: Shift) -> Reckoning:
    """Time spent away between two stays counts towards the break; 2012 办法: travel never counts."""
    stays = [_clipped(span.entered.at, span.left.at, shift) for span in seen.spans if span.left]
    present = sum(((end - start) for start, end in stays), timedelta())
    away = sum((later[0] - earlier[1] for earlier, later in pairwise(stays)), timedelta())
    pause = max(timedelta(), timedelta(minutes=shift.break_minutes) - away)
    return Reckoning(tuple(stays), present, pause)


def _clipped(start: datetime, end: datetime, shift: Shift) -> tuple[datetime, datetime]:
    start = min(max(start, shift.starts_at), shift.ends_at)
    return start, max(start, min(end, shift.ends_at))


def is_below_presence(minutes: int, shift: Shift, percent: int) -> bool:
    """Whether somebody was there for less than the minimum share of the planned time."""
    return minutes * 100 < shift.planned_minutes * percent


def to_hand_in(shift_id: int) -> list[Claim]:
    """Held claims of the shift whose attendance was not handed in yet, by place."""
    held = select(Claim).where(Claim.shift_id == shift_id, Claim.state == ClaimState.HELD, Claim.handed_in_at.is_(None))
    person = joinedload(Claim.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
    return list(db.session.scalars(held.order_by(Claim.place).options(person)))


def recorders_of(claim_id: int) -> set[int]:
    """The accounts of everyone who touched the attendance of a claim, or saw it on a tablet without a network."""
    recorded = select(Punch.recorded_by_id).where(Punch.claim_id == claim_id)
    return set(db.session.scalars(recorded)) | rollcall.observers_of(claim_id)


def minutes_on(volunteer_id: int, day: date) -> int:
    """Everything that stands for the person on a local day, effective or not: what the daily limits look at."""
    waiting_, counting = standing_on(volunteer_id, day)
    return db.session.scalar(select(waiting_ + counting)) or 0


def standing_on(volunteer_id: Any, day: date) -> tuple[ScalarSelect[int], ScalarSelect[int]]:
    """The same as two questions for a larger query: what waits, and what counts."""
    record, entry, whose, its = aliased(ServiceRecord), aliased(LedgerEntry), aliased(Volunteer), aliased(Volunteer)
    waits = select(func.coalesce(func.sum(record.minutes), 0)).join(whose, whose.id == record.volunteer_id)
    waits = waits.where(identity.belongs(whose, volunteer_id), record.served_on == day, record.state.in_(NOT_YET))
    counts = select(func.coalesce(func.sum(entry.minutes), 0)).join(its, its.id == entry.volunteer_id)
    counts = counts.where(identity.belongs(its, volunteer_id), entry.served_on == day)
    return waits.scalar_subquery(), counts.scalar_subquery()


def worth(record_ids: Iterable[int]) -> dict[int, int]:
    """What each of these entries counts today: the sum of what the ledger says of it."""
    ids = list(record_ids)
    total = select(LedgerEntry.record_id, func.sum(LedgerEntry.minutes)).where(LedgerEntry.record_id.in_(ids))
    return dict.fromkeys(ids, 0) | dict(db.session.execute(total.group_by(LedgerEntry.record_id)).all())


def worth_of_record(record: Any = ServiceRecord) -> ScalarSelect[int]:
    """The same for each row of a query for entries."""
    total = select(func.coalesce(func.sum(LedgerEntry.minutes), 0)).where(LedgerEntry.record_id == record.id)
    return total.correlate(record).scalar_subquery()


def proposal(record_id: int) -> Correction | None:
    """The correction of an entry that waits for a decision."""
    mine = select(Correction).where(Correction.record_id == record_id, Correction.state == CorrectionState.PROPOSED)
    return db.session.scalar(mine)


def proposals_within(paths: Iterable[str]) -> list[Correction]:
    """Corrections that wait for a decision in these subtrees, the oldest first."""
    waits = (
        select(Correction)
        .join(Correction.record)
        .join(ServiceRecord.organization)
        .where(organizations.under(paths), Correction.state == CorrectionState.PROPOSED)
        .order_by(Correction.id)
        .limit(100)
    )
    whole = joinedload(Correction.record, innerjoin=True).options(PERSON, joinedload(ServiceRecord.organization))
    return list(db.session.scalars(waits.options(whole)))


@dataclass(frozen=True, slots=True)
class Sum:
    """Minutes of one person that are alike in everything a total can ask for."""

    counts: bool  # effective, and of somebody who took over their account
    state: RecordState
    evidence: EvidenceClass
    category: Category
    year: int
    organization_id: int
    minutes: int

    @property
    def part(self) -> Part:
        if self.state is RecordState.RETURNED:
            return Part.RETURNED
        if self.state is not RecordState.EFFECTIVE:
            return Part.WAITING
        return Part.COUNTING if self.counts else Part.UNCLAIMED


def of_person(table: Any, volunteer_id: int) -> ColumnElement[bool]:
    """Whose rows these are: the person's own, and those of every registration that was merged into theirs. Every
    list, total and paper of a person asks this, so that nothing counts twice and nothing is left out."""
    condition: ColumnElement[bool] = table.volunteer_id.in_(identity.one_person(volunteer_id))
    return condition


def sums(volunteer_id: int) -> list[Sum]:
    """All minutes of a person, summed once; every total of theirs adds these up.

    What counts is the sum of the ledger, corrections included; what does not count yet stands in the entries.
    """
    state = cast(ServiceRecord.state, String).label("state")
    waits = _alike(ServiceRecord, state).where(ServiceRecord.state != RecordState.EFFECTIVE).group_by(state)
    counts = _alike(LedgerEntry, literal(RecordState.EFFECTIVE.value))
    both = union_all(
        waits.where(of_person(ServiceRecord, volunteer_id)), counts.where(of_person(LedgerEntry, volunteer_id))
    ).subquery()
    claimed = (
        select(Account.claimed_at.is_not(None))
        .join(Volunteer, Volunteer.account_id == Account.id)
        .where(Volunteer.id == volunteer_id)
    )
    found = db.session.execute(select(claimed.scalar_subquery(), both)).all()
    return [
        Sum(
            bool(is_claimed) and state == RecordState.EFFECTIVE,
            RecordState(state),
            EvidenceClass(evidence),
            Category(category),
            int(served),
            organization_id,
            minutes,
        )
        for is_claimed, state, evidence, category, served, organization_id, minutes in found
    ]


def _alike(table: Any, state: Any) -> Select[Any]:
    """Minutes that are alike in everything a total can ask for."""
    year = extract("year", table.served_on)
    alike = (cast(table.evidence, String), cast(table.category, String), year, table.organization_id)
    return select(state, *alike, func.sum(table.minutes)).group_by(*alike)


def totals(volunteer_id: int, year: int | None = None, category: str | None = None) -> dict[EvidenceClass, int]:
    """Effective minutes by evidence class; A, B, C and D are never added up silently."""
    return totals_of(sums(volunteer_id), year, category)


def totals_of(mine: Iterable[Sum], year: int | None = None, category: str | None = None) -> dict[EvidenceClass, int]:
    """The same from sums that were read already."""
    counting = [s for s in mine if s.counts and year in (None, s.year) and category in (None, s.category)]
    return {each: sum(s.minutes for s in counting if s.evidence is each) for each in EvidenceClass}


def counted_between(volunteer_ids: Collection[int], first: date, last: date) -> Select[int, str, int, int]:
    """What counts of these people for services of these days, as a question by itself or for a larger one: each
    person and evidence class with how many entries and how many minutes."""
    whose = aliased(Volunteer)  # one of their registrations
    of_entry = (Volunteer.id, LedgerEntry.record_id, LedgerEntry.evidence)
    each = (
        select(*of_entry, func.sum(LedgerEntry.minutes).label("minutes"))
        .join(whose, whose.id == LedgerEntry.volunteer_id)
        .join(Volunteer, Volunteer.id == identity.person_of(whose))
        .join(Account, Account.id == Volunteer.account_id)
        .where(whose.id.in_(volunteer_ids) | whose.merged_into_id.in_(volunteer_ids), Volunteer.id.in_(volunteer_ids))
        .where(LedgerEntry.served_on.between(first, last), Account.claimed_at.is_not(None))
        .group_by(*of_entry)
        .subquery()
    )
    counting, minutes = func.count(case((each.c.minutes > 0, 1))), func.sum(each.c.minutes)
    by_class = each.c.id, cast(each.c.evidence, String), counting, minutes
    return select(*by_class).group_by(each.c.id, each.c.evidence)


def of_volunteer(volunteer_id: int) -> Select[ServiceRecord]:
    """Every entry of a person, newest first, the returned ones too."""
    mine = own(volunteer_id)
    newest = mine.order_by(ServiceRecord.served_on.desc(), ServiceRecord.id.desc())
    joined = (
        joinedload(ServiceRecord.organization, innerjoin=True),
        joinedload(ServiceRecord.volunteer, innerjoin=True),
    )
    return newest.options(*joined)


def waiting(paths: Iterable[str]) -> Select[ServiceRecord]:
    """What waits for a confirmer or for a higher approval in these subtrees, the most urgent first."""
    person = joinedload(ServiceRecord.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
    return (
        select(ServiceRecord)
        .join(Organization, Organization.id == ServiceRecord.organization_id)
        .where(organizations.under(paths), ServiceRecord.state.in_(WAITS))
        .order_by(ServiceRecord.due_on, ServiceRecord.started_at, ServiceRecord.id)
        .options(person, joinedload(ServiceRecord.organization, innerjoin=True))
    )


def shifts_to_hand_in(paths: Iterable[str], now: datetime) -> list[Shift]:
    """Shifts that are over with somebody on the roster whose times were not handed in, the oldest first."""
    untold = select(Claim.id).where(Claim.shift_id == Shift.id, IS_TO_HAND_IN)
    over = (
        select(Shift)
        .join(Post, Post.id == Shift.post_id)
        .join(Organization, Organization.id == Post.organization_id)
        .where(organizations.under(paths), Shift.state == ShiftState.OPEN, Shift.ends_at <= now)
        .where(untold.where(absences.was_seen()).exists())
        .order_by(Shift.ends_at)
        .options(joinedload(Shift.post, innerjoin=True))
    )
    return list(db.session.scalars(over))


def judged_by_nobody_because(record: ServiceRecord, actor: Actor, known: "Known") -> str | None:
    """Why this person may neither confirm nor approve this entry; None if they may."""
    bar = bar_to_judging(record, actor, known)
    sentences = {
        Bar.RECORDER: _(
            "You recorded part of this attendance, or somebody of your name or mail address did, so another person "
            "confirms it."
        ),
        Bar.OWNER: _("These are your own minutes, so another person confirms them."),
        Bar.TWICE: _(
            "You confirmed this entry, or somebody of your name or mail address did; another person approves it."
        ),
        Bar.INVOLVED: _(
            "Your account has the name or mail address of the owner of this entry, so another person decides."
        ),
        Bar.TOO_LOW: _too_low(record),
    }
    return sentences[bar] if bar else None


def bar_to_judging(record: ServiceRecord, actor: Actor, known: "Known") -> Bar | None:
    """The rule that keeps this person from confirming or approving this entry; `known` was read for this person."""
    if known.is_recorder:
        return Bar.RECORDER
    if actor.volunteer_id == record.volunteer_id:
        return Bar.OWNER
    if record.state is RecordState.APPROVAL and (known.is_twice or record.confirmed_by_id == actor.account_id):
        return Bar.TWICE
    if known.is_second:
        return Bar.INVOLVED
    if not reaches_down(actor, record.organization, levels_to_decide(record, record.organization)):
        return Bar.TOO_LOW
    return None


def _too_low(record: ServiceRecord) -> str:
    levels = levels_to_decide(record, record.organization)
    if record.source is RecordSource.SHIFT:
        return _("The day is long: a confirmer %(count)d level(s) above the station approves it.", count=levels)
    return _("No shift stands behind it: a confirmer %(count)d level(s) above the station decides.", count=levels)


def levels_to_decide(record: ServiceRecord, organization: Organization) -> int:
    """How far above the organization the next decision is made: nobody lets an import count without the level above."""
    if record.state is RecordState.APPROVAL:
        return record.levels_up
    return min(1, len(organization.ancestors)) if record.source is RecordSource.IMPORT else 0


def last_day_of_notice(noticed_at: datetime, days: int | None, known: Calendar | None = None) -> date:
    """The last working day of a notice, by the calendar as it is now; the day it began does not count."""
    return workdays.after(clock.today(noticed_at), days or LEAST_NOTICE, known)


def notices_cut_short(now: datetime) -> list[int]:
    """Entries whose notice runs and would end later by the calendar as it is now, or that stand beside such a one."""
    row = ServiceRecord
    runs = row.state == RecordState.NOTICE, row.notice_ends_at > now
    kinds = select(row.notice_ends_at, row.notice_days, func.max(row.noticed_at)).where(*runs)
    known, short = workdays.calendar(), []
    for ends, days, latest in db.session.execute(kinds.group_by(row.notice_ends_at, row.notice_days)):
        if latest and ends and clock.day_span(last_day_of_notice(latest, days, known))[1] > ends:
            short.append((row.notice_ends_at == ends) & row.notice_days.is_not_distinct_from(days))
    if not short:
        return []
    return list(db.session.scalars(select(row.id).where(*runs, or_(*short)).order_by(row.id).limit(500)))


def notices_over(now: datetime, most: int = 500) -> list[int]:
    """Entries whose public notice has lasted its time with nothing undecided against them, the oldest first."""
    due = select(ServiceRecord.id).where(
        ServiceRecord.state == RecordState.NOTICE, ServiceRecord.notice_ends_at <= now, ~is_held()
    )
    return list(db.session.scalars(due.order_by(ServiceRecord.notice_ends_at, ServiceRecord.id).limit(most)))


def overlapping(volunteer_id: int, started_at: datetime, ended_at: datetime) -> ServiceRecord | None:
    """An entry of the person that stands for some of the same time; one that a correction voided stands for none."""
    mine = _standing(volunteer_id).where(ServiceRecord.started_at < ended_at, ServiceRecord.ended_at > started_at)
    return db.session.scalar(mine.limit(1))


def standing_twice(shift: Shift, seen: Mapping[Claim, Attendance]) -> dict[int, ServiceRecord]:
    """For each of these claims an entry outside of shifts that stands for some of the same time, within the plan."""
    whose, ids = aliased(Volunteer), [claim.volunteer_id for claim in seen]
    theirs = whose.id.in_(ids) | whose.merged_into_id.in_(ids)
    mine = select(ServiceRecord, identity.person_of(whose)).join(whose, whose.id == ServiceRecord.volunteer_id)
    stated = mine.where(theirs, _is_stated_within(shift, ServiceRecord, whose))
    found: dict[int, ServiceRecord] = {}
    for other, person_id in db.session.execute(stated.order_by(ServiceRecord.started_at, ServiceRecord.id)):
        for claim, attended in seen.items():
            if claim.volunteer_id == person_id and _meets(reckoning(attended, shift).stays, other):
                found.setdefault(claim.id, other)
    return found


def _is_stated_within(shift: Shift, record: Any, whose: Any) -> ColumnElement[bool]:
    """Whether an entry that no shift of this registration stands behind stands for time within the plan of this one."""
    meets = and_(record.started_at < shift.ends_at, record.ended_at > shift.starts_at)
    elsewhere = (record.source != RecordSource.SHIFT) | whose.merged_into_id.is_not(None)
    return and_(elsewhere, meets, _stands(record))


def _stands(record: Any) -> ColumnElement[bool]:
    """Whether an entry stands for time: not a returned one, nor one that a correction voided."""
    counts = (record.state != RecordState.EFFECTIVE) | (worth_of_record(record) > 0)
    return and_(record.state != RecordState.RETURNED, counts)


def _standing(volunteer_id: int) -> Select[ServiceRecord]:
    """The entries of a person that stand for time, the earliest first."""
    mine = own(volunteer_id).where(_stands(ServiceRecord))
    return mine.order_by(ServiceRecord.started_at, ServiceRecord.id)


def _meets(stays: Iterable[tuple[datetime, datetime]], other: ServiceRecord) -> bool:
    return any(_crosses(stay, (other.started_at, other.ended_at)) for stay in stays)


def counting_twice(record: ServiceRecord) -> ServiceRecord | None:
    """Another entry that stands for some of the time of this one, unless both are of shifts: those raise a flag. No
    two registrations that were merged have claims that were held against each other, so theirs are no exception."""
    others = _standing(identity.person(record.volunteer_id)).where(
        ServiceRecord.id != record.id,
        ServiceRecord.started_at < record.ended_at,
        ServiceRecord.ended_at > record.started_at,
        literal(record.source is not RecordSource.SHIFT)
        | (ServiceRecord.source != RecordSource.SHIFT)
        | (ServiceRecord.volunteer_id != record.volunteer_id),
    )
    mine = _planned(record)
    return next((other for other in db.session.scalars(others) if _crosses(mine, _planned(other))), None)


def standing_in_both(one_id: int, other_id: int, most: int = 20) -> list[tuple[ServiceRecord, ServiceRecord]]:
    """Entries of two registrations that stand for some of the same time, the earliest first."""
    one, other = aliased(ServiceRecord), aliased(ServiceRecord)
    meets = and_(one.started_at < other.ended_at, one.ended_at > other.started_at)
    both = select(one, other).join(other, meets).where(_stands(one), _stands(other))
    both = both.where(of_person(one, one_id), of_person(other, other_id)).order_by(one.started_at, one.id, other.id)
    plan = (joinedload(each.claim).joinedload(Claim.shift) for each in (one, other))
    found = db.session.execute(both.limit(most).options(*plan))
    return [(mine, theirs) for mine, theirs in found if _crosses(_planned(mine), _planned(theirs))]


def _planned(record: ServiceRecord) -> tuple[datetime, datetime]:
    """The time that an entry stands for: of a shift only what was planned."""
    if record.claim_id is None:
        return record.started_at, record.ended_at
    shift = db.session.get_one(Shift, db.session.get_one(Claim, record.claim_id).shift_id)
    return _clipped(record.started_at, record.ended_at, shift)


def _crosses(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> bool:
    return max(one[0], other[0]) < min(one[1], other[1])


def attended_meanwhile(volunteer_id: int, started_at: datetime, ended_at: datetime) -> Shift | None:
    """A shift at some of the same time on which the person was seen, and whose times are not handed in yet."""
    seen = (
        select(Shift)
        .join(Claim, Claim.shift_id == Shift.id)
        .where(Claim.volunteer_id == volunteer_id, Claim.state == ClaimState.HELD, Claim.handed_in_at.is_(None))
        .where(Shift.starts_at < ended_at, Shift.ends_at > started_at)
        .where(select(Punch.id).where(Punch.claim_id == Claim.id).exists())
    )
    return db.session.scalar(seen.order_by(Shift.starts_at).limit(1).options(joinedload(Shift.post, innerjoin=True)))


def is_disputed() -> ColumnElement[bool]:
    """Whether somebody says that the entry is not right and nobody has decided on that, within a query for entries."""
    return or_(false(), *(hold(ServiceRecord.id) for hold in HOLDS))


def is_held() -> ColumnElement[bool]:
    """The same, or somebody else objects to it while it stands on public notice."""
    return or_(is_disputed(), *(objected(ServiceRecord.id) for objected in OBJECTIONS))


def held_among(record_ids: Iterable[int]) -> set[int]:
    """Which of these entries wait until something that was raised against them is decided."""
    some = select(ServiceRecord.id).where(ServiceRecord.id.in_(list(record_ids)), is_held())
    return set(db.session.scalars(some))


def disputed_words() -> str:
    """Why nobody confirms or returns an entry that is disputed."""
    return _("In dispute: the person says that this is not right. Decide on the dispute first.")


def reaches_down(actor: Actor, organization: Organization, levels: int) -> bool:
    """Whether the actor is a confirmer of an organization at least so many levels above."""
    depth = organization.path.count("/")
    return any(
        held.role is Role.CONFIRMER
        and organization.path.startswith(held.path)
        and depth - held.path.count("/") >= levels
        for held in actor.held
    )


# --- what the pages tell ------------------------------------------------------------------------------------


def marks(
    below_presence: bool,
    evidence: EvidenceClass | None,
    levels_up: int,
    is_flagged: bool = False,
    differs: bool = False,
) -> tuple[Mark, ...]:
    """What is remarkable about an entry; the unremarkable ones may be confirmed together."""
    found = {
        Mark.HEAD_COUNT: differs,
        Mark.BELOW_PRESENCE: below_presence,
        Mark.AFTERWARDS: evidence is EvidenceClass.C,
        Mark.LONG_DAY: levels_up == 1,
        Mark.LONGER_DAY: levels_up > 1,
        Mark.FLAGGED: is_flagged,
    }
    return tuple(mark for mark, holds in found.items() if holds)


@dataclass(frozen=True, slots=True)
class Known:
    """What a decision about an entry looks at beside the entry."""

    is_recorder: bool  # whether who asks, or an account that may be their second one, recorded part of it
    is_second: bool  # whether who asks may be its owner by a second account
    is_twice: bool  # whether who asks may be who confirmed it by a second account
    is_flagged: bool
    count: HeadCount | None  # what was counted on the spot, if it differs
    is_disputed: bool
    was_tried: bool  # whether something about it was refused


def judging(records: Select[ServiceRecord], account_id: int = 0) -> Select[Any]:
    """The same entries, each with what belongs to Known, in one question."""
    later, claim = aliased(HeadCount), aliased(Claim)
    latest = select(func.max(later.id)).where(later.shift_id == claim.shift_id).scalar_subquery()
    confirmed = func.coalesce(ServiceRecord.confirmed_by_id.in_(identity.second_accounts_of(account_id)), false())
    beside = (by_them(account_id), is_owners(account_id), confirmed, kiosk.is_flagged(ServiceRecord.claim_id))
    return (
        records.outerjoin(claim, claim.id == ServiceRecord.claim_id)
        .outerjoin(HeadCount, (HeadCount.id == latest) & (HeadCount.counted != HeadCount.in_system))
        .add_columns(*beside, HeadCount, is_disputed(), was_refused())
    )


def by_them(account_id: int) -> ColumnElement[bool]:
    """Whether this account, or one that may be the same person's, recorded part of an entry of the question."""
    one_person = or_(
        Recorder.account_id == account_id, Recorder.account_id.in_(identity.second_accounts_of(account_id))
    )
    recorded = select(Recorder.id).where(Recorder.record_id == ServiceRecord.id, one_person)
    return recorded.correlate(ServiceRecord).exists()


def is_owners(account_id: int) -> ColumnElement[bool]:
    """Whether this may be a second account of the owner of an entry of the question, or the one into which the
    registration of the entry was merged."""
    mine, kept = aliased(Volunteer), aliased(Volunteer)
    second = identity.second_accounts_of(account_id)
    same = kept.account_id.in_(second) | (kept.account_id == account_id)
    owner = select(mine.id).outerjoin(kept, kept.id == mine.merged_into_id)
    return ServiceRecord.volunteer_id.in_(owner.where(mine.account_id.in_(second) | same))


def marks_of(record: ServiceRecord, known: Known | None = None) -> tuple[Mark, ...]:
    """The marks of an entry; `known` was read already for a whole list."""
    beside = known or known_of(record)
    return marks(record.below_presence, record.evidence, record.levels_up, beside.is_flagged, beside.count is not None)


def known_of(record: ServiceRecord, account_id: int = 0) -> Known:
    asked = db.session.execute(judging(select(ServiceRecord).where(ServiceRecord.id == record.id), account_id))
    return next(Known(*known) for _record, *known in asked)


def handed_in_before(shift_id: int) -> int:
    """How many people of the shift were handed in already."""
    done = select(func.count(Claim.id)).where(Claim.shift_id == shift_id, Claim.state == ClaimState.HELD)
    return db.session.scalar(done.where(Claim.handed_in_at.is_not(None))) or 0


def levels_up(minutes: int, organization: Organization, limits: Mapping[Limit, int]) -> int:
    """How many levels above must approve a day of so many minutes: over 8 h one, over 12 h two (domain c5)."""
    over = [name for name in (Limit.DAILY_HOURS, Limit.DAILY_HOURS_HIGHER) if minutes > limits[name] * HOUR]
    return min(len(over), len(organization.ancestors))


def due_on(shift: Shift, limits: Mapping[Limit, int]) -> date:
    """The last day for recording and confirming: ten working days after the end (办法 art. 11)."""
    return workdays.after(clock.today(shift.ends_at), limits[Limit.CONFIRM_WORKING_DAYS])


def record_within(record_id: int, paths: Iterable[str]) -> ServiceRecord | None:
    """The entry with its person, shift and organization, if it lies within these subtrees."""
    return db.session.scalar(within(paths).where(ServiceRecord.id == record_id))


def within(paths: Iterable[str]) -> Select[ServiceRecord]:
    """The entries of these subtrees, each with its person, shift and organization."""
    return select(ServiceRecord).join(ServiceRecord.organization).where(organizations.under(paths)).options(*WHOLE)


def own_record(record_id: int, volunteer_id: int) -> ServiceRecord | None:
    """The entry, if it is this person's."""
    return db.session.scalar(own(volunteer_id).where(ServiceRecord.id == record_id).options(*WHOLE, *DOERS))


def own(volunteer_id: int) -> Select[ServiceRecord]:
    """The entries of this person."""
    return select(ServiceRecord).where(of_person(ServiceRecord, volunteer_id))


def are_within(record_ids: Iterable[int], paths: Iterable[str]) -> bool:
    """Whether all these entries exist within the subtrees."""
    ids = set(record_ids)
    known = select(func.count()).select_from(ServiceRecord).join(ServiceRecord.organization)
    return db.session.scalar(known.where(ServiceRecord.id.in_(ids), organizations.under(paths))) == len(ids)


@dataclass(frozen=True, slots=True)
class Held:
    """A held place with everything that handing in asks of it; the last two are the same for the whole shift."""

    claim: Claim
    record: ServiceRecord | None  # the latest entry
    day: int  # minutes that stand for the person on that day
    is_flagged: bool
    count: HeadCount | None  # what was counted on the shift, the last time somebody handed in
    from_tablets: int  # acts of the shift that wait for a person
    stated: list[ServiceRecord]  # entries outside of shifts that stand for time within the plan

    def twice(self, reckoned: Reckoning) -> ServiceRecord | None:
        """One that stands for some of the time that was reckoned."""
        return next((other for other in self.stated if _meets(reckoned.stays, other)), None)


def with_records(shift: Shift) -> list[Held]:
    """The held places of the shift by number, in one question."""
    later, earlier = aliased(ServiceRecord), aliased(HeadCount)
    newest = select(func.max(later.id)).where(later.claim_id == Claim.id).scalar_subquery()
    latest = select(func.max(earlier.id)).where(earlier.shift_id == shift.id).scalar_subquery()
    waits, counts = standing_on(Claim.volunteer_id, clock.today(shift.starts_at))
    flagged, unsettled = kiosk.is_flagged(Claim.id), rollcall.open_on(shift.id)
    stated, whose = aliased(ServiceRecord), aliased(Volunteer)
    found = (
        select(Claim, ServiceRecord, waits + counts, flagged, HeadCount, unsettled, stated)
        .select_from(Claim)
        .outerjoin(ServiceRecord, ServiceRecord.id == newest)
        .outerjoin(HeadCount, HeadCount.id == latest)
        .join(whose, (whose.id == Claim.volunteer_id) | (whose.merged_into_id == Claim.volunteer_id))
        .outerjoin(stated, (stated.volunteer_id == whose.id) & _is_stated_within(shift, stated, whose))
        .where(Claim.shift_id == shift.id, Claim.state == ClaimState.HELD)
        .order_by(Claim.place, stated.started_at, stated.id)
        .options(attendance.NAMED)
    )
    rows: dict[int, Held] = {}
    for claim, record, day, is_flagged, count, from_tablets, other in db.session.execute(found):
        held = rows.setdefault(claim.id, Held(claim, record, day, is_flagged, count, from_tablets, []))
        held.stated.extend([other] if other else [])
    return list(rows.values())


def returned_within(paths: Iterable[str]) -> list[ServiceRecord]:
    """Returned entries of shifts in these subtrees that no other followed yet, the latest first."""
    again = aliased(ServiceRecord)
    followed_by = select(again.id).where(again.claim_id == ServiceRecord.claim_id, again.id > ServiceRecord.id)
    mine = select(ServiceRecord).join(ServiceRecord.organization).join(ServiceRecord.claim)
    found = mine.where(
        organizations.under(paths),
        ServiceRecord.state == RecordState.RETURNED,
        Claim.state == ClaimState.HELD,
        Claim.handed_in_at.is_(None),  # else it was closed for good: somebody else had served, or nobody
        ~followed_by.exists(),
    )
    return list(db.session.scalars(found.order_by(ServiceRecord.returned_at.desc()).limit(100).options(*WHOLE)))


def names(account_ids: Iterable[int | None]) -> dict[int, str]:
    """What the people behind these accounts are called."""
    wanted = select(Account.id, Account.name).where(Account.id.in_({id for id in account_ids if id}))
    return dict(db.session.execute(wanted).all())


def deciding_organizations(records: Iterable[ServiceRecord]) -> dict[int, Organization | None]:
    """For each entry the nearest organization with somebody who may decide on it; None if nobody may yet."""
    waiting = list(records)
    if not waiting:
        return {}
    able, barred = _confirmers([_owner(record) for record in waiting], [record.id for record in waiting])
    took_part = {record.id: barred.get(record.id, set()) | {record.confirmed_by_id or 0} for record in waiting}
    return {record.id: _deciding(record, took_part[record.id], able) for record in waiting}


def _deciding(record: ServiceRecord, took_part: set[int], able: Confirmers) -> Organization | None:
    return nearest(_owner(record), levels_to_decide(record, _owner(record)), took_part, able)


def _owner(record: ServiceRecord) -> Organization:
    return db.session.get_one(Organization, record.organization_id)


def confirming_organization(record: ServiceRecord) -> Organization | None:
    """The nearest organization with somebody who may act on the entry; None if nobody may yet."""
    return deciding_organizations([record])[record.id]


def nearest(organization: Organization, levels: int, barred: set[int], able: Confirmers) -> Organization | None:
    """The first organization at least so many levels up with a confirmer who is not barred."""
    for id in [organization.id, *organization.ancestors][levels:]:
        found, accounts = able.get(id, (organization, set()))
        if accounts - barred:
            return found
    return None


def confirmers_of(organization: Organization) -> Confirmers:
    """The organizations at and above this one that have confirmers, with their accounts."""
    return confirmers([organization])


def confirmers(below: Iterable[Organization]) -> Confirmers:
    """The same for several organizations in one question."""
    return _confirmers(below)[0]


def _confirmers(
    below: Iterable[Organization], record_ids: Collection[int] = ()
) -> tuple[Confirmers, dict[int, set[int]]]:
    """Who could decide on what lies below, and for each of these entries which of them recorded or served it."""
    served = _owners(record_ids)
    ids = {id for organization in below for id in [organization.id, *organization.ancestors]}
    held = (
        select(Organization, Grant.account_id, Recorder.record_id, served.c.record_id)
        .join(Grant, Grant.organization_id == Organization.id)
        .join(Account, Account.id == Grant.account_id)
        .outerjoin(Recorder, (Recorder.account_id == Account.id) & Recorder.record_id.in_(record_ids))
        .outerjoin(served, served.c.account_id == Account.id)
        .where(Organization.id.in_(ids), Grant.role == Role.CONFIRMER, Grant.revoked_at.is_(None))
        .where(Organization.closed_at.is_(None), Account.closed_at.is_(None))
    )
    found: Confirmers = {}
    barred: dict[int, set[int]] = {}
    for organization, account_id, recorded, own in db.session.execute(held):
        found.setdefault(organization.id, (organization, set()))[1].add(account_id)
        barred.setdefault(recorded, set()).add(account_id)
        barred.setdefault(own, set()).add(account_id)
    return found, barred


def _owners(record_ids: Collection[int]) -> Subquery:
    """The account of whoever served each of these entries, as the person that they go on as."""
    mine, goes_on = aliased(Volunteer), aliased(Volunteer)
    found = (
        select(ServiceRecord.id.label("record_id"), goes_on.account_id.label("account_id"))
        .join(mine, mine.id == ServiceRecord.volunteer_id)
        .join(goes_on, goes_on.id == identity.person_of(mine))
    )
    return found.where(ServiceRecord.id.in_(record_ids)).subquery()


def follower(record: ServiceRecord) -> int | None:
    """The entry that was made for the same attendance after this one was returned."""
    if record.claim_id is None:
        return None
    later = select(func.max(ServiceRecord.id)).where(ServiceRecord.claim_id == record.claim_id)
    return db.session.scalar(later.where(ServiceRecord.id > record.id))


def unhanded(volunteer_id: int) -> list[tuple[Claim, Attendance]]:
    """Attendance of the person that no entry was made of yet, the latest first."""
    entered = select(ServiceRecord.id).where(ServiceRecord.claim_id == Claim.id)
    offered_by = contains_eager(Punch.claim).contains_eager(Claim.shift).contains_eager(Shift.post)
    observed = (
        attendance.standing_punches().join(Punch.claim).join(Claim.shift).join(Shift.post).join(Post.organization)
    )
    mine = observed.where(Claim.volunteer_id == volunteer_id, Claim.state == ClaimState.HELD, ~entered.exists())
    punches = list(db.session.scalars(mine.options(offered_by.contains_eager(Post.organization))))
    claims = {punch.claim_id: punch.claim for punch in punches}
    found = [(claims[id], seen) for id, seen in attendance.paired(punches).items()]
    return sorted(found, key=lambda pair: pair[0].shift.starts_at, reverse=True)


# --- what the ledger says -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the ledger with the people behind it, and why it was written."""

    entry: LedgerEntry
    author: str
    approver: str
    reason: str


@dataclass(frozen=True, slots=True)
class Proposed:
    """A correction with its words and who asked for it or decided."""

    correction: Correction
    author: str
    decider: str
    reason: str
    answer: str


def ledger_of(record: ServiceRecord) -> tuple[list[Line], list[Proposed]]:
    """What the ledger says of an entry, in the order it was written, and every correction that was ever proposed.

    One question for both: the first credit comes again beside each correction.
    """
    if record.state is not RecordState.EFFECTIVE:
        return [], []
    lines: dict[int, Line] = {}
    proposed: dict[int, Proposed] = {}
    for entry, author, approver, correction, by, decider, words in db.session.execute(_ledger(record.id)):
        reason = words.reason if words else ""
        if entry:
            lines[entry.id] = Line(entry, author, approver, reason if entry.correction_id else "")
        if correction:
            proposed[correction.id] = Proposed(correction, by, decider or "", reason, words.answer if words else "")
    return [lines[id] for id in sorted(lines)], [proposed[id] for id in sorted(proposed)]


def _ledger(record_id: int) -> Any:
    author, approver, by, decider = (aliased(Account) for _each in range(4))
    of_correction = (LedgerEntry.correction_id == Correction.id) | LedgerEntry.correction_id.is_(None)
    return (
        select(LedgerEntry, author.name, approver.name, Correction, by.name, decider.name, CorrectionText)
        .select_from(ServiceRecord)
        .outerjoin(Correction, Correction.record_id == ServiceRecord.id)
        .outerjoin(CorrectionText, CorrectionText.correction_id == Correction.id)
        .outerjoin(LedgerEntry, (LedgerEntry.record_id == ServiceRecord.id) & of_correction)
        .outerjoin(author, author.id == LedgerEntry.author_id)
        .outerjoin(approver, approver.id == LedgerEntry.approver_id)
        .outerjoin(by, by.id == Correction.author_id)
        .outerjoin(decider, decider.id == Correction.approver_id)
        .where(ServiceRecord.id == record_id)
    )


@dataclass(frozen=True, slots=True)
class Filled:
    """One entry as the record form shows it."""

    record: ServiceRecord
    recorders: tuple[str, ...]  # what everyone who recorded part of it is called
    worth: int  # what it counts today, corrections included
    corrections: tuple[Proposed, ...]  # those that were agreed to

    @property
    def head(self) -> tuple[str, ...]:
        """What entries have in common that stand on one form."""
        of = self.record
        return of.title, of.category, of.content, of.place, of.responsible_name, of.organization.name


def filled(wanted: Select[ServiceRecord]) -> list[Filled]:
    """These entries with all that the record form says of them; five questions for any number.

    Which ones is asked first, and who did something with them apart: all of it in one question is more than a planner
    of PostgreSQL sees through.
    """
    ids = list(db.session.scalars(wanted.with_only_columns(ServiceRecord.id)))
    whole = select(ServiceRecord).where(ServiceRecord.id.in_(ids)).options(*WHOLE)
    found = sorted(db.session.scalars(whole), key=lambda record: ids.index(record.id))
    counts, recorded, corrected = worth(ids), _recorder_names(found), _agreed(ids)
    return [
        Filled(
            record,
            tuple(recorded.get(record.id, [record.handed_in_by.name])),
            counts[record.id] if record.state is RecordState.EFFECTIVE else record.minutes,
            tuple(corrected.get(record.id, [])),
        )
        for record in found
    ]


def standing_of_shift(shift_id: int) -> Select[ServiceRecord]:
    """The entries of a shift that were not returned, by their numbered places."""
    mine = select(ServiceRecord).join(ServiceRecord.claim).where(Claim.shift_id == shift_id)
    return mine.where(ServiceRecord.state != RecordState.RETURNED).order_by(Claim.place, ServiceRecord.id)


def _recorder_names(records: Sequence[ServiceRecord]) -> dict[int, list[str]]:
    """The names of who recorded each of these entries. Everybody else who did something with them is read along, so
    that an entry finds them in the session."""
    mine = (Recorder.account_id == Account.id) & Recorder.record_id.in_([of.id for of in records])
    doers = [(of.handed_in_by_id, of.confirmed_by_id, of.approved_by_id, of.returned_by_id) for of in records]
    named = select(Account, Recorder.record_id).outerjoin(Recorder, mine).order_by(Recorder.id)
    wanted = named.where(or_(Recorder.id.is_not(None), Account.id.in_({id for ids in doers for id in ids if id})))
    found: dict[int, list[str]] = {}
    known = db.session.execute(wanted).all()
    for account, record_id in known:
        if record_id:
            found.setdefault(record_id, []).append(account.name)
    for of in records:  # while all of them are held
        _doers = of.handed_in_by, of.confirmed_by, of.approved_by, of.returned_by
    return found


def _agreed(record_ids: Sequence[int]) -> dict[int, list[Proposed]]:
    """The corrections of these entries that were agreed to, in the order in which they were."""
    author, approver = aliased(Account), aliased(Account)
    agreed = (
        select(Correction, author.name, approver.name, CorrectionText.reason)
        .join(author, author.id == Correction.author_id)
        .join(approver, approver.id == Correction.approver_id)
        .outerjoin(CorrectionText, CorrectionText.correction_id == Correction.id)
        .where(Correction.record_id.in_(record_ids), Correction.state == CorrectionState.APPROVED)
        .order_by(Correction.decided_at, Correction.id)
    )
    found: dict[int, list[Proposed]] = {}
    for correction, by, decider, reason in db.session.execute(agreed):
        found.setdefault(correction.record_id, []).append(Proposed(correction, by, decider, reason or "", ""))
    return found


def newest_roots(count: int) -> list[Root]:
    """The roots of the last days, the newest last."""
    return list(db.session.scalars(select(Root).order_by(Root.id.desc()).limit(count)))[::-1]


# --- what was refused ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refused:
    """An attempt with the name of who tried."""

    attempt: RefusedAttempt
    by: str


def was_refused() -> ColumnElement[bool]:
    """Whether there is something for `refused_on`, as a column of a question for entries."""
    its = (RefusedAttempt.subject == ENTRY) & (RefusedAttempt.subject_id == ServiceRecord.id)
    before = (RefusedAttempt.subject == ATTENDANCE) & (RefusedAttempt.subject_id == ServiceRecord.claim_id)
    tried = select(RefusedAttempt.id)
    return or_(tried.where(its).exists(), tried.where(before).exists())


def refused_on(record: ServiceRecord) -> list[Refused]:
    """What was refused about an entry and the attendance behind it, the latest first."""
    its = (RefusedAttempt.subject == ENTRY) & (RefusedAttempt.subject_id == record.id)
    before = (RefusedAttempt.subject == ATTENDANCE) & (RefusedAttempt.subject_id == record.claim_id)
    told = select(RefusedAttempt, Account.name).join(Account, Account.id == RefusedAttempt.actor_id)
    newest = told.where(or_(its, before)).order_by(RefusedAttempt.id.desc()).limit(MOST_REFUSED)
    return [Refused(*row) for row in db.session.execute(newest)]


def refused_about(account_id: int) -> list[Refused]:
    """What was refused about somebody's minutes or account, the latest first."""
    told = select(RefusedAttempt, Account.name).join(Account, Account.id == RefusedAttempt.actor_id)
    mine = told.where(RefusedAttempt.about_id == account_id)
    return [Refused(*row) for row in db.session.execute(mine.order_by(RefusedAttempt.id.desc()).limit(MOST_REFUSED))]
