"""Questions about honours: who can be proposed, what the system knows of them, and what waits for whom."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, union_all
from sqlalchemy.orm import aliased, contains_eager, joinedload

from blueprints.claims import absences
from blueprints.claims.models import Absence, AbsenceOutcome, Claim, EvidenceClass
from blueprints.honours.models import (
    UNDER_WAY,
    Doubt,
    DoubtState,
    Honour,
    Nomination,
    NominationSheet,
    NominationState,
    Revocation,
    RevocationState,
)
from blueprints.identity import queries as identity
from blueprints.identity.models import Account, Volunteer, VolunteerState
from blueprints.inspections import queries as inspections
from blueprints.inspections.models import FlagState, RiskFlag, RiskRow
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from blueprints.posts.models import Post, Shift
from blueprints.public_notices import queries as notices
from blueprints.public_notices.models import SeenBy
from blueprints.records import queries as records
from blueprints.records.models import RefusedAttempt, ServiceRecord
from blueprints.records.queries import Refused
from core import clock, workdays
from core.actor import Actor, Role
from core.db import db

PAGE, CANDIDATES = 50, 20
MISSED, DISPUTED = "missed", "disputed"
STANDING = (*UNDER_WAY, NominationState.GRANTED)
PERSON = joinedload(Nomination.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
WHOLE = (
    PERSON,
    joinedload(Nomination.honour, innerjoin=True).joinedload(Honour.organization, innerjoin=True),
    joinedload(Nomination.proposed_by, innerjoin=True),
    joinedload(Nomination.approved_by),
)


# --- what the system knows --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands for and against somebody in a period. It is evidence for people who decide, and no mark."""

    minutes: tuple[int, ...] = (0, 0, 0, 0)  # that count, by evidence class
    entries: int = 0  # that they come from
    no_shows: int = 0  # that stand and have not faded, where the honour is given
    disputed: int = 0  # entries that the person says are not right, and nobody has decided on

    @property
    def by_class(self) -> dict[EvidenceClass, int]:
        return dict(zip(EvidenceClass, self.minutes, strict=True))

    @property
    def mark(self) -> str:
        """The same as one word, for a form that must not be sent about another sheet than the one that was read."""
        return "-".join(map(str, (*self.minutes, self.entries, self.no_shows, self.disputed)))


def sheets(volunteer_ids: Collection[int], honour: Honour, now: datetime) -> dict[int, Sheet]:
    """The sheet of each of these people for the period of the honour, in one question."""
    found: dict[int, dict[str, tuple[int, int]]] = {id: {} for id in volunteer_ids}
    if found:
        for volunteer_id, what, count, minutes in db.session.execute(_facts(list(found), honour, now)):
            found[volunteer_id][what] = count, int(minutes)
    return {id: _sheet(facts) for id, facts in found.items()}


def _sheet(facts: dict[str, tuple[int, int]]) -> Sheet:
    served = [facts.get(each.value, (0, 0)) for each in EvidenceClass]
    (missed, _m), (disputed, _d) = facts.get(MISSED, (0, 0)), facts.get(DISPUTED, (0, 0))
    return Sheet(tuple(minutes for _count, minutes in served), sum(count for count, _m in served), missed, disputed)


def _facts(ids: list[int], honour: Honour, now: datetime) -> Any:
    agreed = or_(Absence.disputed_at.is_(None), Absence.outcome == AbsenceOutcome.UPHELD)
    begins, ends = clock.day_span(honour.first)[0], clock.day_span(honour.last)[1]
    missed = (
        select(Claim.volunteer_id, literal(MISSED), func.count(Absence.id), literal(0))
        .join(Absence, Absence.claim_id == Claim.id)
        .join(Shift, Shift.id == Claim.shift_id)
        .join(Post, Post.id == Shift.post_id)
        .join(Organization, Organization.id == Post.organization_id)
        .where(absences.is_shown(now), agreed, Claim.volunteer_id.in_(ids))
        .where(Shift.starts_at >= begins, Shift.starts_at < ends)
        .where(organizations.under([honour.organization.path]))
        .group_by(Claim.volunteer_id)
    )
    whose = aliased(Volunteer)  # one of their registrations
    person = identity.person_of(whose)
    disputed = (
        select(person, literal(DISPUTED), func.count(ServiceRecord.id), literal(0))
        .join(whose, whose.id == ServiceRecord.volunteer_id)
        .where(person.in_(ids), whose.id.in_(ids) | whose.merged_into_id.in_(ids))
        .where(ServiceRecord.served_on.between(honour.first, honour.last), records.is_disputed())
        .group_by(person)
    )
    return union_all(records.counted_between(ids, honour.first, honour.last), missed, disputed)


def sheet_of(nomination: Nomination, now: datetime) -> Sheet:
    """The sheet as it is today."""
    person_id = nomination.volunteer.goes_on_as
    return sheets([person_id], nomination.honour, now)[person_id]


def kept_sheets(nomination_ids: Iterable[int]) -> dict[int, Sheet]:
    """The sheet by which each of these was last decided on; those that nobody decided on have none."""
    mine = select(NominationSheet).where(NominationSheet.nomination_id.in_(list(nomination_ids)))
    return {row.nomination_id: _as_kept(row) for row in db.session.scalars(mine.order_by(NominationSheet.id))}


def _as_kept(row: NominationSheet) -> Sheet:
    minutes = (row.minutes_a, row.minutes_b, row.minutes_c, row.minutes_d)
    return Sheet(minutes, row.entries, row.no_shows, row.disputed)


def has_shrunk(kept: Sheet | None, now: Sheet) -> bool:
    """Whether minutes that a decision rested on do not count any more."""
    return kept is not None and any(was > is_ for was, is_ in zip(kept.minutes, now.minutes, strict=True))


def _open_flags(paths: Sequence[str]) -> ColumnElement[int]:
    """How many risk flags rest on entries of a person in the period, as far as whoever asks looks at such flags; within
    a question for nominations and their honours."""
    looked_at = select(Organization.id).where(inspections.above(paths)).correlate(None)
    whose = aliased(Volunteer)
    rests = (
        select(func.count(func.distinct(RiskFlag.id)))
        .join(RiskRow, RiskRow.flag_id == RiskFlag.id)
        .join(ServiceRecord, ServiceRecord.id == RiskRow.record_id)
        .join(whose, whose.id == ServiceRecord.volunteer_id)
        .where(identity.belongs(whose, Nomination.volunteer_id), RiskFlag.state != FlagState.LOOKED_AT)
        .where(ServiceRecord.served_on.between(Honour.first, Honour.last))
        .where(RiskFlag.organization_id.in_(looked_at))
    )
    return rests.correlate(Nomination, Honour).scalar_subquery()


# --- honours and who is proposed for them ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """An honour, with how many people are where on their way to it."""

    honour: Honour
    proposed: int
    on_notice: int
    granted: int


def tallies(paths: Iterable[str], before: int | None = None) -> list[Tally]:
    """The honours of these subtrees, the newest first, a page of them and one more."""
    states = (NominationState.PROPOSED, NominationState.NOTICE, NominationState.GRANTED)
    found: Any = (
        select(Honour, *map(_count, states))
        .join(Honour.organization)
        .where(organizations.under(paths))
        .order_by(Honour.id.desc())
        .limit(PAGE + 1)
        .options(contains_eager(Honour.organization))
    )
    rows = db.session.execute(found.where(Honour.id < before) if before else found)
    return [Tally(*row) for row in rows]


def _count(state: NominationState) -> ColumnElement[int]:
    inside = select(func.count(Nomination.id)).where(Nomination.honour_id == Honour.id, Nomination.state == state)
    return inside.correlate(Honour).scalar_subquery()


def honour_within(honour_id: int, paths: Iterable[str]) -> Honour | None:
    """The honour, if its organization lies within these subtrees."""
    found = select(Honour).join(Honour.organization).options(contains_eager(Honour.organization))
    return db.session.scalar(found.where(Honour.id == honour_id, organizations.under(paths)))


def nominations_of(honour_id: int, number: int) -> tuple[list[Nomination], bool]:
    """A page of those proposed for an honour, in the order in which they were, and whether there are more."""
    mine = select(Nomination).where(Nomination.honour_id == honour_id).order_by(Nomination.id).options(PERSON)
    found = list(db.session.scalars(mine.offset((number - 1) * PAGE).limit(PAGE + 1)))
    return found[:PAGE], len(found) > PAGE


def _within(paths: Iterable[str]) -> Select[Nomination]:
    inside = select(Nomination).join(Honour, Honour.id == Nomination.honour_id)
    return inside.join(Organization, Organization.id == Honour.organization_id).where(organizations.under(paths))


def nomination_within(nomination_id: int, paths: Iterable[str]) -> Nomination | None:
    """The nomination with everybody on it, if the organization of its honour lies within these subtrees."""
    return db.session.scalar(_within(paths).where(Nomination.id == nomination_id).options(*WHOLE))


@dataclass(frozen=True, slots=True)
class Seen:
    """A nomination as the desk sees it."""

    nomination: Nomination
    kept: Sheet | None  # the sheet by which it was last decided on
    flags: int  # risk flags that rest on what the person served, as far as the viewer looks at such flags


def seen_within(nomination_id: int, paths: Sequence[str]) -> Seen | None:
    """The same with what it was decided by, and what looks odd; in one question."""
    latest = select(func.max(NominationSheet.id)).where(NominationSheet.nomination_id == nomination_id)
    found = _within(paths).where(Nomination.id == nomination_id).options(*WHOLE)
    found = found.outerjoin(NominationSheet, NominationSheet.id == latest.scalar_subquery())
    row = db.session.execute(found.add_columns(NominationSheet, _open_flags(paths))).first()
    return Seen(row[0], _as_kept(row[1]) if row[1] else None, row[2]) if row else None


def whole(nomination_id: int) -> Nomination:
    """A nomination with everybody on it."""
    return db.session.scalars(select(Nomination).where(Nomination.id == nomination_id).options(*WHOLE)).one()


def people(honour: Honour, sought: str = "", after: int = 0) -> tuple[list[Volunteer], bool]:
    """Whom the organization may propose: registered with it or below it, on an account that is theirs; a page."""
    below = select(Organization.id).where(organizations.under([honour.organization.path]))
    found = (
        select(Volunteer)
        .join(Volunteer.account)
        .where(or_(Volunteer.registered_with_id.in_(below), Volunteer.branch_id.in_(below)), _can_be_proposed())
        .where(Volunteer.id > after)
        .order_by(Volunteer.id)
        .limit(CANDIDATES + 1)
        .options(contains_eager(Volunteer.account), joinedload(Volunteer.registered_with, innerjoin=True))
    )
    if sought:
        found = found.where(or_(Account.name.startswith(sought, autoescape=True), Volunteer.number == sought.upper()))
    rows = list(db.session.scalars(found))
    return rows[:CANDIDATES], len(rows) > CANDIDATES


def person(honour: Honour, volunteer_id: int) -> Volunteer | None:
    """The same for one person."""
    found, _more = people(honour, after=volunteer_id - 1)
    return found[0] if found and found[0].id == volunteer_id else None


def _can_be_proposed() -> ColumnElement[bool]:
    return and_(Volunteer.state == VolunteerState.ACTIVE, Account.claimed_at.is_not(None), Account.closed_at.is_(None))


def standing(honour_id: int, volunteer_ids: Iterable[int]) -> dict[int, Nomination]:
    """The nomination of each of these people that stands, or that they declined: neither is made again."""
    mine = select(Nomination).where(Nomination.honour_id == honour_id, Nomination.volunteer_id.in_(list(volunteer_ids)))
    kept = mine.where(Nomination.state.in_((*STANDING, NominationState.DECLINED)))
    return {one.volunteer_id: one for one in db.session.scalars(kept.order_by(Nomination.id))}


# --- what is said against one, and what waits -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says against a nomination, with the names of who said and who decided it."""

    doubt: Doubt
    by: str
    decider: str


def said_against(nomination_id: int) -> list[Said]:
    """Everything that was said against a nomination, in its order."""
    by, decider = aliased(Account), aliased(Account)
    told = select(Doubt, by.name, func.coalesce(decider.name, "")).join(by, by.id == Doubt.by_id)
    mine = told.outerjoin(decider, decider.id == Doubt.decided_by_id).where(Doubt.nomination_id == nomination_id)
    return [Said(*row) for row in db.session.execute(mine.order_by(Doubt.id).limit(PAGE))]


def doubt_within(doubt_id: int, paths: Iterable[str]) -> Doubt | None:
    """The objection, if the honour it is about lies within these subtrees."""
    return db.session.scalar(
        select(Doubt).where(
            Doubt.id == doubt_id, Doubt.nomination_id.in_(_within(paths).with_only_columns(Nomination.id))
        )
    )


def has_open_doubt(nomination_id: Any = Nomination.id) -> ColumnElement[bool]:
    """Whether something is said against a nomination that nobody has decided, within a question for nominations."""
    return select(Doubt.id).where(Doubt.nomination_id == nomination_id, Doubt.state == DoubtState.OPEN).exists()


def objected_to(nomination_id: int) -> bool:
    """Whether something is said against this nomination that nobody has decided."""
    return bool(db.session.scalar(select(has_open_doubt(nomination_id))))


def objectors(nomination_id: int) -> list[int]:
    """The accounts of everybody who said something against it, whatever became of that."""
    return list(db.session.scalars(select(Doubt.by_id).where(Doubt.nomination_id == nomination_id).distinct()))


def objected_by(account_id: int, nomination_ids: Iterable[int]) -> set[int]:
    """Those of these that this person objected to, and nobody has decided."""
    mine = select(Doubt.nomination_id).where(Doubt.by_id == account_id, Doubt.state == DoubtState.OPEN)
    return set(db.session.scalars(mine.where(Doubt.nomination_id.in_(list(nomination_ids)))))


@dataclass(frozen=True, slots=True)
class Asked:
    """A revocation with the names of who asked for it and who decided."""

    revocation: Revocation
    by: str
    decider: str


def revocations_of(nomination_id: int) -> list[Asked]:
    """Every time somebody asked to take the honour back."""
    by, decider = aliased(Account), aliased(Account)
    told = select(Revocation, by.name, func.coalesce(decider.name, "")).join(by, by.id == Revocation.asked_by_id)
    told = told.outerjoin(decider, decider.id == Revocation.decided_by_id)
    mine = told.where(Revocation.nomination_id == nomination_id)
    return [Asked(*row) for row in db.session.execute(mine.order_by(Revocation.id).limit(PAGE))]


def revocation_within(revocation_id: int, paths: Iterable[str]) -> Revocation | None:
    """The revocation, if the honour it is about lies within these subtrees."""
    inside = _within(paths).with_only_columns(Nomination.id)
    return db.session.scalar(
        select(Revocation).where(Revocation.id == revocation_id, Revocation.nomination_id.in_(inside))
    )


def waiting(actor: Actor, now: datetime) -> Select[Nomination]:
    """Nominations where this person's organizations have something to decide that they did not ask for themselves."""
    asks = select(Revocation.id).where(
        Revocation.nomination_id == Nomination.id,
        Revocation.state == RevocationState.ASKED,
        Revocation.asked_by_id != actor.account_id,
    )
    proposed = and_(Nomination.state == NominationState.PROPOSED, Nomination.proposed_by_id != actor.account_id)
    held_back = and_(Nomination.state == NominationState.NOTICE, Nomination.notice_ends_at <= now)
    found = _within(actor.reach(Role.ADMINISTRATOR)).where(Nomination.volunteer_id != (actor.volunteer_id or 0))
    return found.where(or_(proposed, held_back, has_open_doubt(), asks.exists())).order_by(Nomination.id)


@dataclass(frozen=True, slots=True)
class Waits:
    """A nomination with something to decide, and whether that is what somebody says against it."""

    nomination: Nomination
    is_doubted: bool


def listed(wanted: Select[Nomination]) -> list[Waits]:
    """The first page of these with everybody on them."""
    found = wanted.add_columns(has_open_doubt()).options(*WHOLE).limit(PAGE)
    return [Waits(*row) for row in db.session.execute(found)]


def refused_on(nomination_id: int) -> list[Refused]:
    """Who tried to decide on it and might not, the latest first."""
    told = select(RefusedAttempt, Account.name).join(Account, Account.id == RefusedAttempt.actor_id)
    mine = told.where(RefusedAttempt.subject == Nomination.__tablename__, RefusedAttempt.subject_id == nomination_id)
    return [Refused(*row) for row in db.session.execute(mine.order_by(RefusedAttempt.id.desc()).limit(PAGE))]


# --- one's own, and what others see ---------------------------------------------------------------------------


def of_volunteer(volunteer_id: int, number: int) -> tuple[list[Nomination], bool]:
    """The nominations of a person, the newest first, a page of them, and whether there are more."""
    mine = select(Nomination).where(records.of_person(Nomination, volunteer_id)).order_by(Nomination.id.desc())
    found = list(db.session.scalars(mine.options(*WHOLE).offset((number - 1) * PAGE).limit(PAGE + 1)))
    return found[:PAGE], len(found) > PAGE


def own(nomination_id: int, volunteer_id: int) -> Nomination | None:
    mine = select(Nomination).where(Nomination.id == nomination_id, records.of_person(Nomination, volunteer_id))
    return db.session.scalar(mine.options(*WHOLE))


def running(actor: Actor | None, now: datetime) -> Select[Nomination]:
    """The nominations on public notice that this person may see: those of organizations that they belong to, serve
    with or hold a role in, of all above these, and of those that show theirs to more people; without an account, of
    those that show theirs to everybody. They are gone for everybody here at the moment they end."""
    seen = select(Nomination).join(Honour, Honour.id == Nomination.honour_id)
    seen = seen.join(Organization, Organization.id == Honour.organization_id)
    shown = (
        or_(notices.belongs_below(actor), notices.seen_by() != SeenBy.ORGANIZATION)
        if actor
        else notices.seen_by() == SeenBy.EVERYBODY
    )
    on_notice = and_(Nomination.state == NominationState.NOTICE, Nomination.notice_ends_at > now)
    return seen.where(on_notice, shown).order_by(Nomination.notice_ends_at, Nomination.id)


@dataclass(frozen=True, slots=True)
class Shown:
    """A nomination on notice as people see it: with the name that its person lets be seen."""

    nomination: Nomination
    name: str
    seen_by: SeenBy


def shown(wanted: Select[Nomination]) -> list[Shown]:
    """The first page of these."""
    rows = db.session.execute(wanted.add_columns(notices.seen_by()).options(*WHOLE).limit(PAGE)).all()
    names = identity.public_names(one.volunteer.account for one, _seen in rows) if rows else {}
    return [Shown(one, names[one.volunteer.account_id], seen) for one, seen in rows]


def cut_short(now: datetime, days: int, most: int = 500) -> dict[int, datetime]:
    """Running notices that lost working days to a change of the calendar, each with the end that gives them back."""
    runs = select(Nomination.id, Nomination.approved_at, Nomination.notice_ends_at)
    runs = runs.where(Nomination.state == NominationState.NOTICE, Nomination.notice_ends_at > now)
    known = workdays.calendar()
    found: dict[int, datetime] = {}
    for id, approved_at, ends in db.session.execute(runs.order_by(Nomination.id)):
        right = clock.day_span(workdays.after(clock.today(approved_at or now), days, known))[1]
        if ends and right > ends and len(found) < most:
            found[id] = right
    return found


def due(now: datetime, most: int = 500) -> list[int]:
    """Nominations whose public notice has lasted its time with nothing undecided against them.

    The newest first: those that are held back because minutes do not count any more never stand before others.
    """
    over = select(Nomination.id).where(
        Nomination.state == NominationState.NOTICE, Nomination.notice_ends_at <= now, ~has_open_doubt()
    )
    return list(db.session.scalars(over.order_by(Nomination.notice_ends_at.desc(), Nomination.id.desc()).limit(most)))


def resting_on(record: ServiceRecord) -> list[Nomination]:
    """Nominations that were approved by what the person served in a period in which this entry lies."""
    rests = select(Nomination).join(Honour, Honour.id == Nomination.honour_id)
    registrations = {record.volunteer_id, identity.person(record.volunteer_id)}  # an honour may rest on either
    mine = rests.where(Nomination.volunteer_id.in_(registrations), Honour.first <= record.served_on)
    after = mine.where(Honour.last >= record.served_on, Nomination.approved_at.is_not(None))
    approved = after.where(Nomination.state.in_((NominationState.NOTICE, NominationState.GRANTED)))
    return list(db.session.scalars(approved.options(*WHOLE)))


def organizations_of(paths: Iterable[str]) -> list[tuple[int, str]]:
    """The organizations that can give an honour, for a choice."""
    return [(one.id, one.name) for one in db.session.scalars(organizations.organizations_under(paths).limit(500))]
