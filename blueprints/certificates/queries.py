"""Questions about certificates: what one would say today, and whether an old one still says the truth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, String, Subquery, bindparam, cast, func, select
from sqlalchemy.orm import aliased, joinedload

from blueprints.certificates.models import WAITS, Certificate, CertificateRow, CertificateState
from blueprints.claims.models import EvidenceClass
from blueprints.identity import queries as people
from blueprints.identity.models import Account, Volunteer
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from blueprints.posts.models import Category
from blueprints.records import queries as records
from blueprints.records.models import EntryKind, LedgerEntry, ServiceRecord
from core.db import Question, db

MOST_ROWS = 2_000
PAGE = 50


@dataclass(frozen=True, slots=True)
class Span:
    """What a certificate is asked to tell of: a period, one category or all, one organization or all."""

    from_on: date
    until_on: date
    category: Category | None = None
    organization_id: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One entry that counts, with what it is worth today."""

    record_id: int
    organization_id: int
    organization: str
    title: str
    category: Category
    served_on: date
    evidence: EvidenceClass
    minutes: int
    is_disputed: bool  # its owner says that it is not right, and nobody has decided on that


def lines(volunteer_id: int, span: Span) -> list[Line]:
    """The effective entries of a person within the span, by organization and day; corrected ones as they count now."""
    worth, credit = (
        _worth(volunteer_id, span),
        select(LedgerEntry).where(LedgerEntry.kind == EntryKind.CREDIT).subquery(),
    )
    told = (Organization.id, Organization.name, ServiceRecord.title, ServiceRecord.category, ServiceRecord.served_on)
    found = (
        select(ServiceRecord.id, *told, credit.c.evidence, worth.c.minutes, records.is_disputed())
        .join(worth, worth.c.record_id == ServiceRecord.id)
        .join(credit, (credit.c.record_id == ServiceRecord.id) & (credit.c.id == worth.c.last))
        .join(Organization, Organization.id == ServiceRecord.organization_id)
        .where(worth.c.minutes > 0)
        .order_by(Organization.id, ServiceRecord.served_on, ServiceRecord.id)
    )
    rows = db.session.execute(_narrowed(found, span).limit(MOST_ROWS + 1))
    return [Line(*row) for row in rows]


def _worth(volunteer_id: int, span: Span) -> Subquery:
    """What each entry of the period counts, and the last thing the ledger says of it."""
    total, last = func.sum(LedgerEntry.minutes).label("minutes"), func.max(LedgerEntry.id).label("last")
    mine = select(LedgerEntry.record_id, total, last).where(records.of_person(LedgerEntry, volunteer_id))
    period = mine.where(LedgerEntry.served_on.between(span.from_on, span.until_on))
    return period.group_by(LedgerEntry.record_id).subquery()


def _narrowed(found: Select[Any], span: Span) -> Select[Any]:
    if span.category:
        found = found.where(ServiceRecord.category == span.category)
    if span.organization_id:
        found = found.where(ServiceRecord.organization_id == span.organization_id)
    return found


def recorded_by(volunteer_id: int) -> list[Organization]:
    """The organizations that recorded something of this person."""
    mine = select(LedgerEntry.organization_id).where(records.of_person(LedgerEntry, volunteer_id))
    return list(db.session.scalars(select(Organization).where(Organization.id.in_(mine)).order_by(Organization.id)))


# --- what there is --------------------------------------------------------------------------------------------


def of_volunteer(volunteer_id: int) -> list[Certificate]:
    """All certificates of a person, the newest first; those of a registration that was merged into theirs, too."""
    mine = select(Certificate).where(records.of_person(Certificate, volunteer_id))
    return list(
        db.session.scalars(
            mine.order_by(Certificate.id.desc()).limit(100).options(joinedload(Certificate.organization))
        )
    )


def own(certificate_id: int, volunteer_id: int) -> Certificate | None:
    mine = select(Certificate).options(joinedload(Certificate.organization))
    theirs = records.of_person(Certificate, volunteer_id)
    return db.session.scalar(mine.where(Certificate.id == certificate_id, theirs))


def _whole() -> Select[Certificate]:
    person = joinedload(Certificate.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
    return select(Certificate).join(Certificate.organization).options(joinedload(Certificate.organization), person)


def waiting(paths: Iterable[str]) -> list[Certificate]:
    """Requests for a stamped certificate that wait within these subtrees, the oldest first."""
    waits = _whole().where(organizations.under(paths), Certificate.state.in_(WAITS))
    return list(db.session.scalars(waits.order_by(Certificate.id).limit(200)))


def within(certificate_id: int, paths: Iterable[str]) -> Certificate | None:
    """A stamped certificate, or a request for one, within these subtrees."""
    return db.session.scalar(_whole().where(Certificate.id == certificate_id, organizations.under(paths)))


@dataclass(frozen=True, slots=True)
class Entered:
    """An entry of a certificate: what it was worth when the paper was issued, and what it is worth today."""

    row: CertificateRow
    title: str
    served_on: date
    organization: str
    worth: int


def entries_of(certificate_id: int, evidence: EvidenceClass | None = None, after: int = 0) -> list[Entered]:
    """The rows that the numbers of a certificate add up, a page of them and one more."""
    worth = (
        select(func.coalesce(func.sum(LedgerEntry.minutes), 0))
        .where(LedgerEntry.record_id == CertificateRow.record_id)
        .correlate(CertificateRow)
        .scalar_subquery()
    )
    mine = (
        select(CertificateRow, ServiceRecord.title, ServiceRecord.served_on, Organization.name, worth)
        .join(ServiceRecord, ServiceRecord.id == CertificateRow.record_id)
        .join(Organization, Organization.id == CertificateRow.organization_id)
        .where(CertificateRow.certificate_id == certificate_id, CertificateRow.id > after)
        .order_by(CertificateRow.id)
        .limit(PAGE + 1)
    )
    if evidence:
        mine = mine.where(CertificateRow.evidence == evidence)
    return [Entered(*row) for row in db.session.execute(mine)]


# --- checking -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """What anybody is told of a certificate: no more than stands on the paper, and the name masked."""

    certificate: Certificate
    totals: dict[EvidenceClass, int]
    organizations: tuple[str, ...]
    is_changed: bool  # an entry in it is worth something else today

    @property
    def is_valid(self) -> bool:
        return self.certificate.state is CertificateState.ISSUED and not self.is_changed


def _standing() -> Any:
    """Everything on which the page of a check depends, in one row for each organization and class."""
    worth = select(func.coalesce(func.sum(LedgerEntry.minutes), 0)).where(
        LedgerEntry.record_id == CertificateRow.record_id
    )
    differs = select(CertificateRow.id).where(CertificateRow.certificate_id == Certificate.id)
    differs = differs.where(worth.correlate(CertificateRow).scalar_subquery() != CertificateRow.minutes)
    row = aliased(CertificateRow)
    facts = (Certificate.id, cast(Certificate.state, String), Certificate.holder, Organization.name)
    return (
        select(*facts, cast(row.evidence, String), func.sum(row.minutes), differs.exists())
        .join(row, row.certificate_id == Certificate.id)
        .join(Organization, Organization.id == row.organization_id)
        .where(Certificate.code == bindparam("code"), Certificate.issued_at.is_not(None))
        .group_by(*facts, Organization.id, row.evidence)
        .order_by(Organization.id, row.evidence)
    )


STANDING = Question(_standing())


def standing(code: str) -> tuple[tuple[Any, ...], ...]:
    """What stands behind a code at this moment, to compare; empty if there is no such certificate."""
    return tuple(STANDING.answer(code=code))


def checked(code: str) -> Checked | None:
    """What stands behind a code; None if there is no such certificate."""
    return checked_all([code]).get(code)


def checked_all(codes: Sequence[str]) -> dict[str, Checked]:
    """The same for many codes, in as many questions as for one."""
    asked = select(Certificate).where(Certificate.code.in_(codes), Certificate.issued_at.is_not(None))
    found = {one.id: one for one in db.session.scalars(asked)}
    sums: dict[int, list[tuple[str, EvidenceClass, int]]] = {id: [] for id in found}
    for id, name, evidence, minutes in db.session.execute(_sums(found)):
        sums[id].append((name, evidence, minutes))
    changed = set(db.session.scalars(_changed(found)))
    return {one.code: _told(one, sums[one.id], one.id in changed) for one in found.values()}


def _sums(ids: Iterable[int]) -> Select[int, str, EvidenceClass, int]:
    row = CertificateRow
    return (
        select(row.certificate_id, Organization.name, row.evidence, func.sum(row.minutes))
        .join(Organization, Organization.id == row.organization_id)
        .where(row.certificate_id.in_(list(ids)))
        .group_by(row.certificate_id, Organization.id, Organization.name, row.evidence)
        .order_by(row.certificate_id, Organization.id, row.evidence)
    )


def _changed(ids: Iterable[int]) -> Select[int]:
    """Certificates with an entry that is not worth what they say."""
    worth = (
        select(func.coalesce(func.sum(LedgerEntry.minutes), 0))
        .where(LedgerEntry.record_id == CertificateRow.record_id)
        .correlate(CertificateRow)
        .scalar_subquery()
    )
    mine = select(CertificateRow.certificate_id).where(CertificateRow.certificate_id.in_(list(ids)))
    return mine.where(worth != CertificateRow.minutes).distinct()


def _told(one: Certificate, sums: Sequence[tuple[str, EvidenceClass, int]], changed: bool) -> Checked:
    totals = {each: sum(minutes for _n, evidence, minutes in sums if evidence is each) for each in EvidenceClass}
    names = tuple(dict.fromkeys(name for name, _evidence, _minutes in sums))
    return Checked(one, {evidence: minutes for evidence, minutes in totals.items() if minutes}, names, changed)


def holding(record_id: int) -> list[tuple[Certificate, int]]:
    """Valid certificates that hold this entry, each with the account of its holder."""
    named = aliased(Volunteer)
    found = (
        select(Certificate, Account.id)
        .join(CertificateRow, CertificateRow.certificate_id == Certificate.id)
        .join(named, named.id == Certificate.volunteer_id)
        .join(Volunteer, Volunteer.id == people.person_of(named))
        .join(Account, Account.id == Volunteer.account_id)
        .where(CertificateRow.record_id == record_id, Certificate.state == CertificateState.ISSUED)
    )
    return [(certificate, account) for certificate, account in db.session.execute(found)]
