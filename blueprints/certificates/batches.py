"""Stamped certificates for many people at once: one person puts the list together, another issues it by a task.

Each certificate is issued in a step of its own. So a task that was stopped or killed goes on behind the last one, and
nobody gets two; people without rows are named in the result and hold nobody up.
"""

import io
import tempfile
from collections.abc import Generator, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import aliased, joinedload

from blueprints.certificates import actions, queries
from blueprints.certificates.models import (
    NEXT_BATCH_STATES,
    BatchMember,
    BatchState,
    CertificateBatch,
    CertificateFile,
    CertificateKind,
    CertificateState,
    Outcome,
)
from blueprints.certificates.queries import Span
from blueprints.identity import queries as people
from blueprints.identity.models import Account, Volunteer
from blueprints.jobs import actions as jobs
from blueprints.jobs.actions import Kind, Work
from blueprints.jobs.models import LIVE, Job
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from blueprints.records.models import LedgerEntry
from core import audit, clock
from core.actor import Actor, Role
from core.db import db, lock, reading
from core.i18n import _, lazy
from core.refusal import Refusal, is_said
from core.tables import Csv
from core.words import say

MOST = 1_000  # people of one batch
LONGEST_NAMED = 10  # numbers that a refusal names
PAGE = 50


# --- what there is --------------------------------------------------------------------------------------------


def within(paths: Iterable[str], most: int = 50) -> list[CertificateBatch]:
    """The newest batches of these subtrees."""
    found = _whole().where(organizations.under(paths)).order_by(CertificateBatch.id.desc())
    return list(db.session.scalars(found.limit(most)))


def batch_within(batch_id: int, paths: Iterable[str]) -> CertificateBatch | None:
    return db.session.scalar(_whole().where(CertificateBatch.id == batch_id, organizations.under(paths)))


def _whole() -> Select[CertificateBatch]:
    told = (joinedload(CertificateBatch.organization), joinedload(CertificateBatch.job))
    return select(CertificateBatch).join(CertificateBatch.organization).options(*told)


def counts(batch_id: int) -> dict[Outcome, int]:
    """How many people have come to which end."""
    found = select(BatchMember.outcome, func.count()).where(BatchMember.batch_id == batch_id)
    counted = {outcome: count for outcome, count in db.session.execute(found.group_by(BatchMember.outcome))}  # noqa: C416
    return {outcome: counted[outcome] for outcome in Outcome if outcome in counted}


def members(batch_id: int, after: int = 0) -> list[BatchMember]:
    """A page of the people of a batch and one more, in the order of the list."""
    person = joinedload(BatchMember.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
    found = select(BatchMember).where(BatchMember.batch_id == batch_id, BatchMember.id > after)
    found = found.order_by(BatchMember.id).limit(PAGE + 1)
    return list(db.session.scalars(found.options(person, joinedload(BatchMember.certificate))))


def recording(paths: Iterable[str]) -> list[Organization]:
    """The organizations of these subtrees that recorded something."""
    recorded = select(LedgerEntry.id).where(LedgerEntry.organization_id == Organization.id)
    found = select(Organization).where(organizations.under(paths), Organization.closed_at.is_(None), recorded.exists())
    return list(db.session.scalars(found.order_by(Organization.path).limit(300)))


def _served(span: Span) -> ColumnElement[bool]:
    rows = _entries().where(
        LedgerEntry.organization_id == span.organization_id,
        LedgerEntry.served_on.between(span.from_on, span.until_on),
    )
    return (rows.where(LedgerEntry.category == span.category) if span.category else rows).exists()


def _entries() -> Select[int]:
    """What the ledger says of each person of a question, and of the registrations that were merged into theirs."""
    whose = aliased(Volunteer)
    rows = select(LedgerEntry.id).join(whose, whose.id == LedgerEntry.volunteer_id)
    return rows.where(people.belongs(whose, Volunteer.id))


def _known(organization: Organization) -> ColumnElement[bool]:
    """People whom the organization knows: it recorded something of them, or they are registered with it or below."""
    recorded = _entries().where(LedgerEntry.organization_id == organization.id)
    here = select(Organization.id).where(organizations.under([organization.path]))
    return or_(recorded.exists(), Volunteer.registered_with_id.in_(here))


# --- putting together, and deciding ---------------------------------------------------------------------------


def prepare(span: Span, numbers: Sequence[str], actor: Actor, *, now: datetime) -> CertificateBatch:
    """Put a list together: these volunteer numbers, or everybody of whom something was recorded in the period."""
    organization = db.session.get_one(Organization, span.organization_id)
    _require(actor, Role.CLERK, organization)
    ids = _numbered(numbers, organization) if numbers else list(db.session.scalars(_ordered(_served(span))))
    if not ids:
        raise Refusal(_("In this period nothing is effective. Choose another period or category."), "from_on")
    if len(ids) > MOST:
        raise Refusal(_("A batch holds %(most)d people at most. Choose a shorter period.", most=MOST), "from_on")
    made = CertificateBatch(organization_id=organization.id, prepared_at=now, prepared_by_id=actor.account_id)
    made.from_on, made.until_on, made.category, made.reason = span.from_on, span.until_on, span.category, ""
    db.session.add(made)
    db.session.flush()
    db.session.add_all(BatchMember(batch_id=made.id, volunteer_id=id) for id in ids)
    _trace("certificates prepared", made, actor, now, people=len(ids))
    return made


def _ordered(wanted: ColumnElement[bool]) -> Select[int]:
    return select(Volunteer.id).where(wanted).order_by(Volunteer.number).limit(MOST + 1)


def _numbered(numbers: Sequence[str], organization: Organization) -> list[int]:
    typed = list(dict.fromkeys(numbers))
    if len(typed) > MOST:
        raise Refusal(_("A batch holds %(most)d people at most.", most=MOST), "numbers")
    found = select(Volunteer.number, Volunteer.id).where(Volunteer.number.in_(typed), _known(organization))
    known = {number: id for number, id in db.session.execute(found)}  # noqa: C416 - rows are no pairs for mypy
    if strange := [number for number in typed if number not in known]:
        named = "、".join(strange[:LONGEST_NAMED])
        raise Refusal(
            _("%(name)s knows nobody with the number %(numbers)s.", name=organization.name, numbers=named), "numbers"
        )
    return [known[number] for number in typed]


def issue(batch_id: int, actor: Actor, *, address: str, now: datetime) -> CertificateBatch:
    """A second person decides that all of them are issued; the task begins."""
    batch = _decided(batch_id, actor, now, BatchState.ISSUING)
    if people.is_one_of(actor.account_id, {batch.prepared_by_id}):
        raise Refusal(_("You put this list together, so another person issues it."))
    actions.require_key()
    batch.job_id = _task(batch, actor, address, now).id
    _trace("certificates issued", batch, actor, now)
    return batch


def decline(batch_id: int, actor: Actor, *, reason: str, now: datetime) -> CertificateBatch:
    """Issue none of them, and say why; whoever put the list together may take it back like this, too."""
    if not is_said(reason):
        raise Refusal(_("Please say why, so that whoever put the list together can do something about it."), "reason")
    batch = _decided(batch_id, actor, now, BatchState.DECLINED, Role.CLERK)
    batch.reason = reason
    _trace("certificates declined", batch, actor, now)
    return batch


def go_on(batch_id: int, actor: Actor, *, address: str, now: datetime) -> CertificateBatch:
    """Take the task up again that was stopped or broke; what was issued stays issued."""
    batch = lock(CertificateBatch, batch_id)
    _require(actor, Role.CONFIRMER, db.session.get_one(Organization, batch.organization_id))
    if batch.state is not BatchState.ISSUING:
        raise Refusal(_("Somebody decided this meanwhile. Reload the page to see how."))
    if batch.job_id and lock(Job, batch.job_id).state in LIVE:
        raise Refusal(_("The certificates are being issued at this moment. Reload the page to see how far it is."))
    batch.job_id = _task(batch, actor, address, now).id
    return batch


def _task(batch: CertificateBatch, actor: Actor, address: str, now: datetime) -> Job:
    db.session.flush()
    given = {"batch_id": batch.id, "address": address}
    return jobs.enqueue(BATCH, actor.account_id, now=now, organization_id=batch.organization_id, given=given)


def _decided(batch_id: int, actor: Actor, now: datetime, state: BatchState, *more: Role) -> CertificateBatch:
    batch = lock(CertificateBatch, batch_id)
    _require(actor, Role.CONFIRMER, db.session.get_one(Organization, batch.organization_id), *more)
    _move(batch, state)
    batch.decided_at, batch.decided_by_id = now, actor.account_id
    return batch


def _move(batch: CertificateBatch, state: BatchState) -> None:
    if state not in NEXT_BATCH_STATES[batch.state]:
        raise Refusal(_("Somebody decided this meanwhile. Reload the page to see how."))
    batch.state = state


def _require(actor: Actor, role: Role, organization: Organization, *more: Role) -> None:
    if not any(actor.may(each, organization.path) for each in (role, *more)):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))


def _trace(what: str, batch: CertificateBatch, actor: Actor, now: datetime, **details: int) -> None:
    audit.note(what, batch, actor_id=actor.account_id, now=now, organization_id=batch.organization_id, **details)


# --- the task -------------------------------------------------------------------------------------------------


def work_through(work: Work) -> Generator[None]:
    """One certificate a step; then all of them in one ZIP with a list of who got which, and who got none and why."""
    batch_id, address = int(work.given["batch_id"]), str(work.given["address"])
    work.begin_file(f"certificates-{batch_id}.zip", "application/zip")
    done = counts(batch_id)
    work.expect(sum(done.values()))
    work.advance(sum(done.values()) - done.get(Outcome.WAITING, 0))
    yield
    while (member_id := _next(batch_id)) is not None:
        work.advance(_one(member_id, address))
        yield
    with tempfile.TemporaryDirectory(prefix="rengang-batch-") as folder:
        path = Path(folder) / "batch.zip"
        _packed(batch_id, path)
        yield from work.store(path)
    batch = lock(CertificateBatch, batch_id)
    if batch.state is not BatchState.ISSUED:  # another task of the same batch may have been faster
        _move(batch, BatchState.ISSUED)


def _next(batch_id: int) -> int | None:
    waits = select(BatchMember.id).where(BatchMember.batch_id == batch_id, BatchMember.outcome == Outcome.WAITING)
    with reading():
        return db.session.scalar(waits.order_by(BatchMember.id).limit(1))


def _one(member_id: int, address: str) -> int:
    """Draft in a transaction that reads, and write it down if it is still so; else say why there is none.

    Returns 0 if the record changed between the two: the same person's turn comes again; or if another task was faster.
    """
    now = clock.now()
    with reading():
        member = db.session.get_one(BatchMember, member_id)
        batch = db.session.get_one(CertificateBatch, member.batch_id)
        issuer = db.session.get_one(Account, batch.decided_by_id)
        outcome = _barred(member, batch)
        draft = None if outcome else _draft(member, batch, address, now)
        actor = Actor(issuer.id, issuer.name)
    member = lock(BatchMember, member_id)
    if member.outcome is not Outcome.WAITING:
        return 0
    if draft is None:
        member.outcome = outcome or Outcome.EMPTY
        return 1
    try:
        made = actions.issue_in_batch(draft, actor, now=now)
    except Refusal:
        return 0
    member.outcome, member.certificate_id = Outcome.ISSUED, made.id
    return 1


def _barred(member: BatchMember, batch: CertificateBatch) -> Outcome | None:
    """Why this person gets none, in spite of what was recorded."""
    account = db.session.get_one(Account, db.session.get_one(Volunteer, member.volunteer_id).account_id)
    if account.id in (batch.prepared_by_id, batch.decided_by_id):
        return Outcome.OWN
    if account.claimed_at is None:
        return Outcome.UNCLAIMED
    count = len(queries.lines(member.volunteer_id, _span(batch)))
    return Outcome.EMPTY if not count else Outcome.TOO_MANY if count > queries.MOST_ROWS else None


def _span(batch: CertificateBatch) -> Span:
    return Span(batch.from_on, batch.until_on, batch.category, batch.organization_id)


def _draft(member: BatchMember, batch: CertificateBatch, address: str, now: datetime) -> actions.Draft:
    span = _span(batch)
    made = actions.begun_in_batch(member.volunteer_id, span, now=now)
    made.state, made.kind = CertificateState.CHECKED, CertificateKind.STAMPED
    made.checked_at, made.checked_by_id = batch.prepared_at, batch.prepared_by_id
    return actions.draft_checked(made, db.session.get_one(Account, batch.decided_by_id).name, address=address, now=now)


def _packed(batch_id: int, path: Path) -> None:
    """All certificates of the batch as files, and the list; one paper in memory at a time."""
    person = joinedload(BatchMember.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
    of_batch = select(BatchMember).where(BatchMember.batch_id == batch_id).order_by(BatchMember.id)
    out = io.StringIO()
    sheet = Csv(out, [_("Name"), _("Volunteer number"), _("Certificate number"), _("Check code"), _("State")])
    names: list[tuple[int, str]] = []
    with reading():
        for each in db.session.scalars(of_batch.options(person, joinedload(BatchMember.certificate))):
            paper, whose = each.certificate, each.volunteer
            told = [paper.number, paper.code] if paper else ["", ""]
            sheet.write([whose.account.name, whose.number, *told, say(each.outcome)])
            if paper:
                names.append((paper.id, f"{whose.number}-{paper.number}.pdf"))
    with ZipFile(path, "w", ZIP_STORED) as box:  # papers are packed already
        box.writestr("list.csv", out.getvalue())
        for certificate_id, name in names:
            kept = select(CertificateFile.content).where(CertificateFile.certificate_id == certificate_id)
            with reading():
                box.writestr(name, db.session.scalar(kept) or b"")


BATCH = jobs.register(
    Kind(
        "certificates",
        lazy("Certificates for many at once"),
        work_through,
        roles=(Role.CLERK, Role.CONFIRMER),
        path="/desk/certificate-batches/{batch_id}",
    )
)
