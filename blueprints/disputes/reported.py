"""Questions about reports of registrations that their person knows nothing of."""

import hmac
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, Select, func, select
from sqlalchemy.orm import aliased, contains_eager, joinedload

from blueprints.disputes.models import REPORT_WAITS, IdentityReport, ReportState
from blueprints.disputes.queries import stands_behind
from blueprints.identity import queries as identity
from blueprints.identity.models import Account, Consent, Grant, Session, Volunteer
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.records import queries as records
from blueprints.records.models import LedgerEntry, ServiceRecord
from core import vault
from core.actor import Actor, Role
from core.db import db
from core.i18n import _

HANDLERS = (Role.ADMINISTRATOR, Role.CONFIRMER)
PAGE = 30
MOST_ENTRIES = 100


# --- when somebody reports ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fit:
    """The registration that fits what was typed, if there is one; found by the same questions whether there is."""

    volunteer_id: int | None
    organization_id: int  # where it is handled
    handlers: tuple[int, ...]


def fit(phone: str, last_four: str, birthday: str) -> Fit:
    """Look for the registration of a phone number, and for the organization above everybody who had a hand in it.

    Every question is asked whether or not the number is known, so that nobody learns that from the clock.
    """
    registered = (
        select(Volunteer, Account, Organization)
        .join(Account, Account.id == Volunteer.account_id)
        .join(Organization, Organization.id == Volunteer.registered_with_id)
        .where(Account.phone == phone, Account.closed_at.is_(None))
    )
    found, top = db.session.execute(registered).first(), _top()
    if found is None or not _fits(found[0], last_four, birthday):
        return Fit(None, *_seat(top, [], set()))
    volunteer, account, home = found
    makers = [id for id in (account.created_by_id, volunteer.decided_by_id) if id]
    return Fit(volunteer.id, *_seat(home, makers, {*makers, account.id}))


def _fits(volunteer: Volunteer, last_four: str, birthday: str) -> bool:
    """The last four of the ID number; where none is kept, month and day of birth."""
    if volunteer.id_last4:
        return hmac.compare_digest(volunteer.id_last4.upper(), last_four.upper())
    born = f"{volunteer.birth_date:%m%d}" if volunteer.birth_date else ""
    return bool(born) and hmac.compare_digest(born, birthday)


def _top() -> Organization:
    top = select(Organization).where(Organization.parent_id.is_(None), Organization.closed_at.is_(None))
    return db.session.scalars(top.order_by(Organization.id).limit(1)).one()


def _seat(home: Organization, makers: Sequence[int], barred: set[int]) -> tuple[int, tuple[int, ...]]:
    """The nearest organization above everybody who made or approved it, with who can handle it there; else the top."""
    above = [home.id, *home.ancestors]
    held = (
        select(Grant.organization_id, Grant.account_id, Grant.revoked_at)
        .join(Account, Account.id == Grant.account_id)
        .where(Grant.organization_id.in_(above), Grant.role.in_(HANDLERS) | Grant.account_id.in_(makers))
        .where(Account.closed_at.is_(None))
    )
    rows = db.session.execute(held).all()
    highest = max((_nearest(rows, above, maker) for maker in makers), default=0)
    live: dict[int, set[int]] = {}
    for place, account, ended in rows:
        if ended is None and account not in barred:
            live.setdefault(place, set()).add(account)
    seat = next((place for place in above[highest + 1 :] if live.get(place)), above[-1])
    return seat, tuple(sorted(live.get(seat, ())))


def _nearest(rows: Iterable[Any], above: list[int], maker: int) -> int:
    """How far above the organization this person acted when they made or approved it: where they hold a role."""
    return min((above.index(place) for place, account, _end in rows if account == maker), default=0)


def by_code(code: str) -> IdentityReport | None:
    """The report that somebody follows by its code."""
    return db.session.scalar(select(IdentityReport).where(IdentityReport.code_hash == vault.digest(code)))


# --- whoever handles it -------------------------------------------------------------------------------------


def within(paths: Iterable[str], number: int = 1) -> tuple[list[IdentityReport], bool]:
    """A page of the reports that are handled in these subtrees, those that wait first, and whether more follow."""
    mine = select(IdentityReport).join(IdentityReport.organization).where(organizations.under(paths))
    ordered = mine.order_by(
        IdentityReport.state.in_(REPORT_WAITS).desc(), IdentityReport.due_on, IdentityReport.id
    ).options(contains_eager(IdentityReport.organization))
    rows = list(db.session.scalars(ordered.offset((number - 1) * PAGE).limit(PAGE + 1)))
    return rows[:PAGE], len(rows) > PAGE


def waiting(actor: Actor) -> Select[int]:
    """The ids of reports that wait where this person handles them."""
    mine = select(IdentityReport.id).join(IdentityReport.organization)
    waits = mine.where(organizations.under(actor.reach(*HANDLERS)), IdentityReport.state.in_(REPORT_WAITS))
    return waits.where(IdentityReport.found_by_id.is_distinct_from(actor.account_id))


def report_within(report_id: int, paths: Iterable[str]) -> IdentityReport | None:
    mine = select(IdentityReport).join(IdentityReport.organization).where(IdentityReport.id == report_id)
    return db.session.scalar(
        mine.where(organizations.under(paths)).options(contains_eager(IdentityReport.organization))
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the registration, with what it counts today and who is behind it."""

    record: ServiceRecord
    worth: int
    handed_in_by: str
    confirmed_by: str


@dataclass(frozen=True, slots=True)
class Responsible:
    """Somebody who had a hand in it, and in how many entries."""

    account_id: int
    name: str
    made: bool
    approved: bool
    entries: int


@dataclass(frozen=True, slots=True)
class Origin:
    """How a registration came about: who made and approved it, whether anybody uses it, and what was recorded."""

    volunteer: Volunteer
    made_by: str | None
    approved_by: str | None
    consents_by_clerk: int
    last_seen_at: datetime | None
    entries: list[Entry]
    responsible: list[Responsible]


def origin(volunteer_id: int) -> Origin:
    """Everything a handler needs to judge a registration that fits a report."""
    person = joinedload(Volunteer.account, innerjoin=True), joinedload(Volunteer.registered_with, innerjoin=True)
    told = select(Volunteer, *_used()).where(Volunteer.id == volunteer_id).options(*person)
    volunteer, clerks, seen = db.session.execute(told).one()
    entries, account = _entries(volunteer_id), volunteer.account
    behind = stands_behind([entry.record for entry in entries])
    counted = Counter(who for accounts in behind.values() for who in accounts)
    hands = {id for id in (account.created_by_id, volunteer.decided_by_id) if id} | set(counted)
    names = records.names(hands)
    responsible = [
        Responsible(id, names[id], id == account.created_by_id, id == volunteer.decided_by_id, counted[id])
        for id in sorted(hands - {account.id})
    ]
    made, approved = names.get(account.created_by_id or 0), names.get(volunteer.decided_by_id or 0)
    return Origin(volunteer, made, approved, clerks, seen, entries, responsible)


def _used() -> tuple[ScalarSelect[int], ScalarSelect[datetime]]:
    """How many of a person's consents a clerk wrote down, and when the account was used last."""
    clerks = select(func.count(Consent.id)).where(
        Consent.account_id == Volunteer.account_id, Consent.recorded_by_id.is_not(None)
    )
    seen = select(func.max(func.coalesce(Session.last_seen_at, Session.created_at))).where(
        Session.account_id == Volunteer.account_id
    )
    return clerks.correlate(Volunteer).scalar_subquery(), seen.correlate(Volunteer).scalar_subquery()


def _entries(volunteer_id: int) -> list[Entry]:
    by, confirmer = aliased(Account), aliased(Account)
    told = (
        select(ServiceRecord, records.worth_of_record(), by.name, func.coalesce(confirmer.name, ""))
        .join(by, by.id == ServiceRecord.handed_in_by_id)
        .outerjoin(confirmer, confirmer.id == ServiceRecord.confirmed_by_id)
        .where(records.of_person(ServiceRecord, volunteer_id))
        .order_by(ServiceRecord.served_on.desc(), ServiceRecord.id.desc())
        .limit(MOST_ENTRIES)
        .options(joinedload(ServiceRecord.organization, innerjoin=True))
    )
    return [Entry(*row) for row in db.session.execute(told)]


def involved(volunteer_id: int, among: Sequence[int]) -> set[int]:
    """Everybody who had a hand in the registration or its entries, and second accounts of its own `among` these."""
    volunteer = db.session.get_one(Volunteer, volunteer_id)
    account = db.session.get_one(Account, volunteer.account_id)
    mine = list(db.session.scalars(records.own(volunteer_id)))
    behind = {who for accounts in stands_behind(mine).values() for who in accounts}
    hands = {account.id, account.created_by_id or 0, volunteer.decided_by_id or 0}
    return hands | behind | identity.same_people([account.id], among).get(account.id, set())


def barred_because(report: IdentityReport, actor: Actor, seen: Origin | None = None) -> str | None:
    """Why this person may not decide on the report; None if they may. `seen` is what a page has read already."""
    if report.state is ReportState.FOUND and report.found_by_id == actor.account_id:
        return _("You found it to be so, and a second person has to agree.")
    if report.state is ReportState.FOUND and identity.same_people([report.found_by_id or 0], [actor.account_id]):
        return _("Somebody of your name or mail address found it to be so, and a second person has to agree.")
    if report.volunteer_id and _has_a_hand(report.volunteer_id, actor, seen):
        return _("You had a hand in this registration or its entries, so others decide.")
    return None


def _has_a_hand(volunteer_id: int, actor: Actor, seen: Origin | None) -> bool:
    if seen is None:
        return actor.account_id in involved(volunteer_id, [actor.account_id])
    own = seen.volunteer.account_id
    responsible = {who.account_id for who in seen.responsible}
    return actor.account_id in responsible or identity.is_one_of(actor.account_id, {own})


def administrators_of(organization: Organization) -> set[int]:
    """The accounts that administer the organization or one above it."""
    held = select(Grant.account_id).join(Account, Account.id == Grant.account_id)
    live = held.where(Grant.organization_id.in_([organization.id, *organization.ancestors]), Grant.revoked_at.is_(None))
    return set(db.session.scalars(live.where(Grant.role == Role.ADMINISTRATOR, Account.closed_at.is_(None))))


def standing_entries(volunteer_id: int) -> list[int]:
    """The entries of a person that wait or count, in the order of their ids."""
    counts = select(func.sum(LedgerEntry.minutes)).where(LedgerEntry.record_id == ServiceRecord.id).scalar_subquery()
    mine = select(ServiceRecord.id).where(records.of_person(ServiceRecord, volunteer_id))
    standing = (ServiceRecord.state.not_in(("effective", "returned"))) | (counts > 0)
    return list(db.session.scalars(mine.where(standing).order_by(ServiceRecord.id)))


# --- what is kept too long ----------------------------------------------------------------------------------


def old_reports(now: datetime) -> Select[int]:
    """The ids of reports that ended longer ago than what was typed is kept."""
    kept = timedelta(days=organizations.limit(Limit.REPORT_DAYS))
    ended = select(IdentityReport.id).where(IdentityReport.erased_at.is_(None))
    return ended.where(IdentityReport.decided_at < now - kept)
