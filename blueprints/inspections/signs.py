"""Each rule as a question about the newest entries. Indexes answer all of them, whatever else the table holds."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import aliased

from blueprints.claims.models import Absence, AbsenceOutcome, Act, Claim, EvidenceClass, Punch, PunchNote
from blueprints.identity.models import Account, Volunteer
from blueprints.inspections.models import Rule, Subject
from blueprints.kiosk.models import Flag, FlagKind
from blueprints.organizations.models import Limit
from blueprints.posts.models import Category, Post, Shift
from blueprints.records.models import RecordState, RefusedAttempt, ServiceRecord
from blueprints.rollcall.models import Evidence
from core import clock
from core.db import db

# Service at somebody's door or bedside, where nobody is expected at night.
AT_DOORS = (Category.ELDERS, Category.DISABLED, Category.HARDSHIP, Category.NEIGHBOURS)
OVERLAP = timedelta(minutes=30)  # a check-in before the start and a check-out after the end are no second place
BOTH_WAYS = 5  # entries that each confirmed of the other's
YOUNG, HUNDRED, HOUR = 16, 100, 60
Limits = Mapping[Limit, int]


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that a rule found, with the entries it rests on."""

    rule: Rule
    subject: Subject
    subject_id: int
    organization_id: int
    month: date
    details: dict[str, int] = field(default_factory=dict)
    record_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """The newest entries with what the rules ask of them, and the numbers that hold."""

    rows: Sequence[Any]
    limits: Limits
    now: datetime

    @property
    def since(self) -> datetime:
        """From when on a person's entries are held against each other."""
        return self.now - clock.DAY * self.limits[Limit.RISK_DAYS]

    @property
    def recorders(self) -> list[int]:
        return sorted({row.handed_in_by_id for row in self.rows})

    @property
    def by_claim(self) -> dict[int, Any]:
        return {row.claim_id: row for row in self.rows if row.claim_id}


def batch(after: int, most: int, limits: Limits, now: datetime) -> Batch:
    """The entries that follow this one, by number."""
    record = ServiceRecord
    found = (
        select(
            *(record.id, record.volunteer_id, record.claim_id, record.organization_id, record.category),
            *(record.served_on, record.started_at, record.ended_at, record.planned_minutes, record.minutes),
            *(record.evidence, record.handed_in_at, record.handed_in_by_id),
            *(Account.created_at, Claim.shift_id, Shift.ends_at, Post.published_at),
        )
        .join(Volunteer, Volunteer.id == record.volunteer_id)
        .join(Account, Account.id == Volunteer.account_id)
        .outerjoin(Claim, Claim.id == record.claim_id)
        .outerjoin(Shift, Shift.id == Claim.shift_id)
        .outerjoin(Post, Post.id == Shift.post_id)
        .where(record.id > after)
        .order_by(record.id)
        .limit(most)
    )
    return Batch(db.session.execute(found).all(), limits, now)


def of_records(entries: Batch) -> Iterator[Sign]:
    """Everything that the rules find about these entries."""
    for ask in RULES:
        yield from ask(entries)


def _of_record(rule: Rule, row: Any, **details: int) -> Sign:
    month = row.served_on.replace(day=1)
    return Sign(rule, Subject.RECORD, row.id, row.organization_id, month, details, (row.id,))


def _of_person(rule: Rule, account_id: int, rows: Sequence[Any], month: date, **details: int) -> Sign:
    where, ids = rows[0].organization_id, tuple(row.id for row in rows)
    return Sign(rule, Subject.PERSON, account_id, where, month.replace(day=1), details, ids)


# --- one entry by itself --------------------------------------------------------------------------------------


def fresh_accounts(entries: Batch) -> Iterator[Sign]:
    """Handed in minutes after the person's account was made."""
    most = clock.MINUTE * entries.limits[Limit.RISK_FRESH_MINUTES]
    for row in entries.rows:
        age = row.handed_in_at - row.created_at
        if timedelta(0) <= age < most:
            yield _of_record(Rule.FRESH_ACCOUNT, row, minutes=age // clock.MINUTE)


def fresh_posts(entries: Batch) -> Iterator[Sign]:
    """The post was published minutes before the service began, or after."""
    most = clock.MINUTE * entries.limits[Limit.RISK_FRESH_MINUTES]
    for row in entries.rows:
        if row.published_at and row.started_at - row.published_at < most:
            yield _of_record(Rule.FRESH_POST, row, minutes=max(0, (row.started_at - row.published_at) // clock.MINUTE))


def at_night(entries: Batch) -> Iterator[Sign]:
    """Service at somebody's door in the hours in which people sleep."""
    first, last = entries.limits[Limit.QUIET_FROM_HOUR], entries.limits[Limit.QUIET_UNTIL_HOUR]
    for row in entries.rows:
        if row.category in AT_DOORS and _touches_night(row.started_at, row.ended_at, first, last):
            yield _of_record(Rule.AT_NIGHT, row)


def _touches_night(start: datetime, end: datetime, first: int, last: int) -> bool:
    """Whether any hour of the stay is one of the night's; `first` may be before or after midnight."""
    night = {hour % 24 for hour in range(first, last + (24 if last < first else 0))}
    hours = int((end - start) / timedelta(hours=1)) + 1
    moments = [*(start + timedelta(hours=n) for n in range(hours)), max(start, end - clock.MINUTE)]
    return any(clock.local(moment).hour in night for moment in moments)


def shared_devices(entries: Batch) -> Iterator[Sign]:
    """One phone checked in more people than a family has."""
    by_claim = entries.by_claim
    seen = select(Flag.claim_id, Flag.details).where(Flag.claim_id.in_(by_claim), Flag.kind == FlagKind.SHARED_DEVICE)
    for claim_id, details in db.session.execute(seen):
        people = details.get("others", 0) + 1
        if people > entries.limits[Limit.RISK_DEVICE_PEOPLE]:
            yield _of_record(Rule.SHARED_DEVICE, by_claim[claim_id], people=people)


def two_places(entries: Batch) -> Iterator[Sign]:
    """The person served elsewhere at the same time, by another entry."""
    one, other = aliased(ServiceRecord), aliased(ServiceRecord)
    known = {row.id: row for row in entries.rows}
    both = (
        select(one.id, other.id, one.started_at, one.ended_at, other.started_at, other.ended_at)
        .join(other, (other.volunteer_id == one.volunteer_id) & (other.served_on == one.served_on))
        .where(one.id.in_(known), other.id != one.id)
        .where(one.state != RecordState.RETURNED, other.state != RecordState.RETURNED)
        .where(one.started_at < other.ended_at, other.started_at < one.ended_at)
    )
    for mine, theirs, start, end, began, ended in db.session.execute(both):
        length = min(end, ended) - max(start, began)
        if length > OVERLAP:
            found = _of_record(Rule.TWO_PLACES, known[mine], minutes=length // clock.MINUTE)
            yield Sign(**{**_fields(found), "record_ids": (mine, theirs)})


def _fields(sign: Sign) -> dict[str, Any]:
    return {name: getattr(sign, name) for name in Sign.__slots__}


def absent(entries: Batch) -> Iterator[Sign]:
    """A day on which the person was noted as absent or excused from another shift."""
    people = {row.volunteer_id for row in entries.rows}
    days = [row.served_on for row in entries.rows]
    if not days:
        return
    first, last = clock.day_span(min(days))[0], clock.day_span(max(days))[1]
    noted = (
        select(Claim.volunteer_id, Shift.starts_at, Claim.id)
        .join(Absence, Absence.claim_id == Claim.id)
        .join(Shift, Shift.id == Claim.shift_id)
        .where(Claim.volunteer_id.in_(people), Shift.starts_at >= first, Shift.starts_at < last)
        .where(Absence.undone_at.is_(None), func.coalesce(Absence.outcome, "") != AbsenceOutcome.OVERTURNED)
    )
    away = {(who, clock.today(start)): claim_id for who, start, claim_id in db.session.execute(noted)}
    for row in entries.rows:
        claim_id = away.get((row.volunteer_id, row.served_on))
        if claim_id and claim_id != row.claim_id:
            yield _of_record(Rule.ABSENT, row)


def late_marks(entries: Batch) -> Iterator[Sign]:
    """Attendance that was marked long after the shift, without a photo of a sheet."""
    by_claim, hours = entries.by_claim, entries.limits[Limit.RISK_LATE_HOURS]
    proven = _photographed(entries)
    latest = select(Punch.claim_id, func.max(Punch.recorded_at)).where(Punch.claim_id.in_(by_claim))
    found = latest.where(Punch.act != Act.UNDO).group_by(Punch.claim_id)
    for claim_id, recorded_at in db.session.execute(found):
        row = by_claim[claim_id]
        if row.shift_id not in proven and recorded_at > row.ends_at + timedelta(hours=hours):
            yield _of_record(Rule.LATE_MARKS, row, hours=int((recorded_at - row.ends_at) / timedelta(hours=1)))


def _photographed(entries: Batch) -> set[int]:
    """The shifts with a photo of the paper sheet: to be typed in afterwards is what it is for."""
    shifts = {row.shift_id for row in entries.rows if row.shift_id}
    return set(db.session.scalars(select(Evidence.shift_id).where(Evidence.shift_id.in_(shifts))))


# --- a crowd of them ------------------------------------------------------------------------------------------


def identical(entries: Batch) -> Iterator[Sign]:
    """Many people with the same minutes, handed in by one on one day.

    The whole of a shift's plan is what everybody has who stayed to the end, so it counts only when it was entered
    afterwards.
    """
    for (by, day, minutes), rows in _groups(entries).items():
        if len({row.volunteer_id for row in rows}) >= entries.limits[Limit.RISK_CROWD]:
            yield _of_person(Rule.IDENTICAL, by, rows, day, people=len(rows), minutes=minutes)


def _groups(entries: Batch) -> dict[tuple[int, date, int], list[Any]]:
    """What the recorders of these entries handed in on the same days, by recorder, day and minutes; only lately, so
    that a first look at years of entries stays as short as any other."""
    days = {clock.today(row.handed_in_at) for row in entries.rows if row.handed_in_at > entries.since}
    if not days:
        return {}
    record = ServiceRecord
    columns = (record.id, record.volunteer_id, record.organization_id, record.handed_in_by_id, record.handed_in_at)
    handed_in = select(*columns, record.minutes, record.planned_minutes, record.evidence).where(
        record.handed_in_by_id.in_(entries.recorders),
        record.handed_in_at >= clock.day_span(min(days))[0],
        record.handed_in_at < clock.day_span(max(days))[1],
        record.state != RecordState.RETURNED,
        record.evidence != EvidenceClass.A,
        (record.minutes != record.planned_minutes) | (record.evidence == EvidenceClass.C),
    )
    groups: dict[tuple[int, date, int], list[Any]] = defaultdict(list)
    for row in db.session.execute(handed_in):
        groups[row.handed_in_by_id, clock.today(row.handed_in_at), row.minutes].append(row)
    return {key: rows for key, rows in groups.items() if key[1] in days and key[2]}


def all_at_desk(entries: Batch) -> Iterator[Sign]:
    """Everybody of a shift has exactly the planned time, and nobody checked in by themselves."""
    shifts = {row.shift_id: row for row in entries.rows if row.shift_id}
    whole = func.sum(case((ServiceRecord.minutes == ServiceRecord.planned_minutes, 1), else_=0))
    own = func.sum(case((ServiceRecord.evidence == EvidenceClass.A, 1), else_=0))
    counted = (
        select(Claim.shift_id, func.count(ServiceRecord.id), whole, own)
        .join(ServiceRecord, (ServiceRecord.claim_id == Claim.id) & (ServiceRecord.state != RecordState.RETURNED))
        .where(Claim.shift_id.in_(shifts))
        .group_by(Claim.shift_id)
    )
    for shift_id, people, full, by_themselves in db.session.execute(counted):
        if people >= entries.limits[Limit.RISK_CROWD] and full == people and not by_themselves:
            row = shifts[shift_id]
            ids = tuple(each.id for each in entries.rows if each.shift_id == shift_id)
            month = row.served_on.replace(day=1)
            details = {"people": people}
            yield Sign(Rule.ALL_AT_DESK, Subject.SHIFT, shift_id, row.organization_id, month, details, ids)


def typed_fast(entries: Batch) -> Iterator[Sign]:
    """Hours of several people stated by one person within minutes, without a photo of a sheet."""
    by_claim, proven = entries.by_claim, _photographed(entries)
    stated = (
        select(Punch.recorded_by_id, Punch.recorded_at, Punch.claim_id)
        .join(PunchNote, PunchNote.punch_id == Punch.id)
        .where(Punch.claim_id.in_([id for id, row in by_claim.items() if row.shift_id not in proven]))
        .where(Punch.act == Act.OUT)
        .order_by(Punch.recorded_by_id, Punch.recorded_at)
    )
    by_person: dict[int, list[tuple[datetime, Any]]] = defaultdict(list)
    for by, at, claim_id in db.session.execute(stated):
        by_person[by].append((at, by_claim[claim_id]))
    for by, typed in by_person.items():
        rows = _most_within(typed, clock.MINUTE * entries.limits[Limit.RISK_TYPED_MINUTES])
        minutes = sum(row.minutes for row in rows)
        if len(rows) > 1 and minutes >= entries.limits[Limit.RISK_TYPED_HOURS] * HOUR:
            yield _of_person(Rule.TYPED_FAST, by, rows, rows[0].served_on, minutes=minutes, people=len(rows))


def _most_within(typed: Sequence[tuple[datetime, Any]], length: timedelta) -> list[Any]:
    """The entries of the span of this length in which most minutes were stated."""
    best: list[Any] = []
    for start, (moment, _row) in enumerate(typed):
        here = {row.id: row for at, row in typed[start:] if at - moment <= length}
        if sum(row.minutes for row in here.values()) > sum(row.minutes for row in best):
            best = list(here.values())
    return best


# --- one person's entries over some weeks -----------------------------------------------------------------------


def afterwards(entries: Batch) -> Iterator[Sign]:
    """A recorder of whose entries more than a share were entered afterwards."""
    late = {row.handed_in_by_id: row for row in entries.rows if row.evidence is EvidenceClass.C}
    class_c = func.sum(case((ServiceRecord.evidence == EvidenceClass.C, 1), else_=0))
    counted = (
        select(ServiceRecord.handed_in_by_id, func.count(ServiceRecord.id), class_c)
        .where(ServiceRecord.handed_in_by_id.in_(late), ServiceRecord.handed_in_at > entries.since)
        .group_by(ServiceRecord.handed_in_by_id)
    )
    for by, count, marked in db.session.execute(counted):
        percent = marked * HUNDRED // count
        if count >= entries.limits[Limit.RISK_CROWD] and percent > entries.limits[Limit.RISK_AFTERWARDS_PERCENT]:
            rows = [row for row in entries.rows if row.handed_in_by_id == by and row.evidence is EvidenceClass.C]
            told = {"percent": percent, "entries": count}
            yield _of_person(Rule.AFTERWARDS, by, rows, clock.today(entries.now), **told)


def rings(entries: Batch) -> Iterator[Sign]:
    """Two who confirm each other's entries, and a pair whose entries go to the same few people."""
    pairs = _pairs(entries)
    least, share = entries.limits[Limit.RISK_CROWD], entries.limits[Limit.RISK_PAIR_PERCENT]
    for (recorder, confirmer), people in pairs.items():
        rows = [row for row in entries.rows if row.handed_in_by_id == recorder]
        back = sum(pairs.get((confirmer, recorder), {}).values())
        there, most = sum(people.values()), max(people.values())
        month = clock.today(entries.now)
        if min(there, back) >= BOTH_WAYS and rows:
            yield _of_person(Rule.MUTUAL, recorder, rows, month, there=there, back=back)
        if there >= least and most * HUNDRED > there * share and rows:
            friend = next(who for who, count in people.items() if count == most)
            theirs = [row for row in rows if row.volunteer_id == friend] or rows
            told = {"percent": most * HUNDRED // there, "entries": there}
            yield _of_person(Rule.FRIENDS, recorder, theirs, month, **told)


def _pairs(entries: Batch) -> dict[tuple[int, int], dict[int, int]]:
    """How many entries of whom each pair of recorder and confirmer let count lately."""
    record = ServiceRecord
    lately = select(record.handed_in_by_id, record.confirmed_by_id, record.volunteer_id, func.count(record.id))
    alike = (record.handed_in_by_id, record.confirmed_by_id, record.volunteer_id)
    let = lately.where(record.state == RecordState.EFFECTIVE, record.handed_in_at > entries.since).group_by(*alike)
    found = list(db.session.execute(let.where(record.handed_in_by_id.in_(entries.recorders))).all())
    confirmers = {row[1] for row in found} - set(entries.recorders)
    found += db.session.execute(let.where(record.handed_in_by_id.in_(confirmers))).all()
    pairs: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
    for recorder, confirmer, who, count in found:
        pairs[recorder, confirmer or 0][who] = count
    return pairs


RULES: tuple[Callable[[Batch], Iterable[Sign]], ...] = (
    *(fresh_accounts, fresh_posts, at_night, shared_devices, two_places, absent, late_marks),
    *(identical, all_at_desk, typed_fast, afterwards, rings),
)


# --- what is no entry -------------------------------------------------------------------------------------------


def of_accounts(ids: Sequence[int], limits: Limits, now: datetime) -> Iterator[Sign]:
    """Crowds of very young or very old people whom one person registered: their data are what insiders use."""
    since, today = now - clock.DAY * limits[Limit.RISK_DAYS], clock.today(now)
    makers = select(Account.created_by_id).where(Account.id.in_(ids), Account.created_by_id.is_not(None))
    made = (
        select(Account.created_by_id, Volunteer.birth_date, Volunteer.registered_with_id)
        .join(Volunteer, Volunteer.account_id == Account.id)
        .where(Account.created_by_id.in_(makers), Account.created_at > since, Volunteer.birth_date.is_not(None))
    )
    crowds: dict[int, list[Any]] = defaultdict(list)
    for row in db.session.execute(made):
        age = clock.age_on(row.birth_date, today)
        if age < YOUNG or age >= limits[Limit.RISK_OLD_YEARS]:
            crowds[row.created_by_id].append(row)
    for by, rows in crowds.items():
        if len(rows) >= limits[Limit.RISK_AGE_CROWD]:
            where = rows[-1].registered_with_id
            yield Sign(Rule.AGES, Subject.PERSON, by, where, today.replace(day=1), {"people": len(rows)})


def of_attempts(ids: Sequence[int], limits: Limits, now: datetime) -> Iterator[Sign]:
    """People who were refused again and again."""
    since = now - clock.DAY * limits[Limit.RISK_DAYS]
    actors = select(RefusedAttempt.actor_id).where(RefusedAttempt.id.in_(ids))
    where = func.max(RefusedAttempt.organization_id)
    counted = (
        select(RefusedAttempt.actor_id, func.count(RefusedAttempt.id), where)
        .where(RefusedAttempt.actor_id.in_(actors), RefusedAttempt.at > since)
        .group_by(RefusedAttempt.actor_id)
        .having(func.count(RefusedAttempt.id) >= limits[Limit.RISK_ATTEMPTS], where.is_not(None))
    )
    for actor_id, count, organization_id in db.session.execute(counted):
        month, told = clock.today(now).replace(day=1), {"count": count}
        yield Sign(Rule.ATTEMPTS, Subject.PERSON, actor_id, organization_id or 0, month, told)
