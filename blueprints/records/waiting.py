"""What waits to be confirmed or approved, as one staff member sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload

from blueprints.claims.models import Claim
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from blueprints.posts.models import Shift
from blueprints.records import queries
from blueprints.records.models import WAITS, HeadCount, Mark, RecordState, ServiceRecord
from core import clock, workdays
from core.actor import Actor, Role
from core.db import db
from core.i18n import _

SHIFTS_A_PAGE = 20
MOST_LISTED = 100
BY = joinedload(ServiceRecord.handed_in_by, innerjoin=True)
BELONGS = func.coalesce(Claim.shift_id, -ServiceRecord.id)
SOON = 5  # working days before the due date from which it is said in amber


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, and what this person may do with it."""

    record: ServiceRecord
    marks: tuple[Mark, ...]
    barred: str | None  # why this person may not decide on it
    count: HeadCount | None = None  # what was counted on the spot, if it differs
    is_disputed: bool = False
    was_tried: bool = False  # whether something about it was refused

    @property
    def is_plain(self) -> bool:
        """Whether it may be confirmed together with others."""
        return not self.barred and not self.marks and self.record.state is RecordState.PENDING


@dataclass(frozen=True, slots=True)
class Group:
    """The entries of one shift, or one that belongs to no shift."""

    shift: Shift | None  # none for an entry that stands for itself
    organization: Organization
    entries: tuple[Entry, ...]
    handed_in_by: str
    due_on: date
    due_tone: str
    count: HeadCount | None  # what was counted on the spot, if it differs

    @property
    def key(self) -> str:
        """What the group is called on its page."""
        return f"shift-{self.shift.id}" if self.shift else f"entry-{self.entries[0].record.id}"

    @property
    def span(self) -> tuple[datetime, datetime]:
        first = self.entries[0].record
        return (self.shift.starts_at, self.shift.ends_at) if self.shift else (first.started_at, first.ended_at)

    @property
    def plain_ids(self) -> list[int]:
        return [entry.record.id for entry in self.entries if entry.is_plain]


@dataclass(frozen=True, slots=True)
class Due:
    """A shift whose times are to be handed in or confirmed, by when, and for how many people."""

    shift: Shift
    due_on: date
    tone: str
    people: int = 0


def groups(actor: Actor, paths: Sequence[str], today: date, page: int = 1) -> tuple[list[Group], bool]:
    """The shifts with entries that wait, the most urgent first, and whether there are more."""
    waiting = queries.waiting(paths).outerjoin(Claim, Claim.id == ServiceRecord.claim_id).options(queries.SHIFT, BY)
    by_shift: dict[int, list[Entry]] = {}
    for entry in _entries(waiting.where(BELONGS.in_(_together(paths, page))), actor):
        by_shift.setdefault(_belongs(entry.record), []).append(entry)
    ids = sorted(by_shift, key=lambda id: (min(entry.record.due_on for entry in by_shift[id]), id))
    return [_group(by_shift[id], today) for id in ids[:SHIFTS_A_PAGE]], len(ids) > SHIFTS_A_PAGE


def _belongs(record: ServiceRecord) -> int:
    """What the entry is shown with: its shift, or nothing but itself."""
    return record.claim.shift_id if record.claim else -record.id


def _together(paths: Sequence[str], page: int) -> Select[int]:
    """The groups of a page and the first of the next one, which tells that there is a next one."""
    urgent = (
        select(BELONGS.label("belongs"))
        .select_from(ServiceRecord)
        .outerjoin(Claim, Claim.id == ServiceRecord.claim_id)
        .join(ServiceRecord.organization)
        .where(organizations.under(paths), ServiceRecord.state.in_(WAITS))
        .group_by(BELONGS)
        .order_by(func.min(ServiceRecord.due_on), BELONGS)
    )
    start = (page - 1) * SHIFTS_A_PAGE
    some = urgent.offset(start).limit(SHIFTS_A_PAGE + 1).subquery()
    return select(some.c.belongs)


def opened(record_id: int, paths: Sequence[str], actor: Actor) -> Entry | None:
    """One entry within these subtrees, with everybody who did something with it."""
    found = queries.within(paths).where(ServiceRecord.id == record_id).options(*queries.DOERS)
    return next(iter(_entries(found, actor)), None)


def _entries(records: Select[ServiceRecord], actor: Actor) -> list[Entry]:
    """What this person may do with each of these entries."""
    return [
        _entry(record, queries.Known(*known), actor)
        for record, *known in db.session.execute(queries.judging(records, actor.account_id))
    ]


def _entry(record: ServiceRecord, known: queries.Known, actor: Actor) -> Entry:
    barred = barred_because(record, actor, known)
    barred = barred or (queries.disputed_words() if known.is_disputed else None)
    return Entry(record, queries.marks_of(record, known), barred, known.count, known.is_disputed, known.was_tried)


def barred_because(record: ServiceRecord, actor: Actor, known: queries.Known) -> str | None:
    """Why this person may not decide on the entry: the rule's reason, or that it is not their role."""
    if not actor.may(Role.CONFIRMER, record.organization.path):
        return str(_("A confirmer decides on this."))
    return queries.judged_by_nobody_because(record, actor, known)


def _group(entries: list[Entry], today: date) -> Group:
    first = entries[0].record
    due = min(entry.record.due_on for entry in entries)
    placed = sorted(entries, key=lambda entry: (entry.record.claim.place if entry.record.claim else None) or 0)
    by, count = first.handed_in_by.name, entries[0].count
    shift = first.claim.shift if first.claim else None
    return Group(shift, first.organization, tuple(placed), by, due, due_tone(due, today), count)


def dues(paths: Sequence[str], now: datetime) -> list[Due]:
    """The shifts that are over and were not handed in, the oldest first."""
    limits, today = organizations.limits(), clock.today(now)
    found = [(shift, queries.due_on(shift, limits)) for shift in queries.shifts_to_hand_in(paths, now)]
    return [Due(shift, due, due_tone(due, today)) for shift, due in found]


def handed_in(paths: Sequence[str], today: date) -> list[Due]:
    """The shifts with entries that wait for a second person, the most urgent first."""
    due = func.min(ServiceRecord.due_on)
    found = (
        select(Shift, due, func.count(ServiceRecord.id))
        .join(Claim, Claim.shift_id == Shift.id)
        .join(ServiceRecord, ServiceRecord.claim_id == Claim.id)
        .join(ServiceRecord.organization)
        .where(organizations.under(paths), ServiceRecord.state.in_(WAITS))
        .group_by(Shift.id)
        .order_by(due, Shift.id)
        .limit(MOST_LISTED)
        .options(selectinload(Shift.post))
    )
    return [Due(shift, day, due_tone(day, today), people) for shift, day, people in db.session.execute(found)]


def due_tone(due: date, today: date) -> str:
    """Red on the last day and after it, amber in the five working days before (domain c1)."""
    if today >= due:
        return "danger"
    return "pending" if workdays.after(today, SOON) >= due else "info"
