"""Issuing certificates: free, of effective entries only, and never more than the ledger says (办法 art. 14, 15)."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from sqlalchemy import delete, select

from blueprints.certificates import keys, paper, queries
from blueprints.certificates.models import (
    NEXT_STATES,
    Certificate,
    CertificateFile,
    CertificateKind,
    CertificateRow,
    CertificateState,
    SigningKey,
)
from blueprints.certificates.queries import Line, Span
from blueprints.identity import actions as identity
from blueprints.identity import queries as people
from blueprints.identity.actions import Departure
from blueprints.identity.models import Account, Leaving, Volunteer
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.organizations.models import Organization
from blueprints.posts.models import Category
from blueprints.records import corrections
from blueprints.records import queries as records
from core import audit, clock, masks, vault
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _, speaking
from core.refusal import Refusal, is_said
from core.words import say

CODE_GROUPS = 4  # of four characters: 77 bits
PAPERS = "zh_Hans"  # whatever language the page has: schools and offices read the paper


def code() -> str:
    """A code that nobody guesses and that can be read from paper."""
    return vault.tidy("".join(secrets.choice(vault.ALPHABET) for _n in range(4 * CODE_GROUPS)))


# --- drafting: slow, and before anything is locked ------------------------------------------------------------


class Draft:
    """A paper that was made and signed, and the rows it was made of; nothing is written yet."""

    def __init__(self, certificate: Certificate, lines: Sequence[Line], pdf: bytes, key_id: int) -> None:
        self.certificate, self.lines, self.pdf, self.key_id = certificate, list(lines), pdf, key_id


def draft_own(volunteer_id: int, span: Span, *, address: str, now: datetime) -> Draft:
    """The paper of somebody who prints it themself."""
    volunteer, account, lines = _told(volunteer_id, span)
    made = _begun(volunteer, account, span, CertificateKind.OWN, now)
    return _drafted(made, _facts(made, volunteer, account, address, now), lines)


def draft_stamped(certificate_id: int, actor: Actor, *, address: str, now: datetime) -> Draft:
    """The paper that an organization issues, with its block for the seal; `actor` issues it."""
    asked = db.session.get_one(Certificate, certificate_id)
    _require_decider(asked, actor, Role.CONFIRMER)  # nothing is signed for whoever may not issue it
    return draft_checked(asked, actor.name, address=address, now=now)


def draft_checked(asked: Certificate, issuer: str, *, address: str, now: datetime) -> Draft:
    """The paper of what somebody checked, naming who does and who did."""
    span = Span(asked.from_on, asked.until_on, asked.category, asked.organization_id)
    volunteer, account, lines = _told(asked.volunteer_id, span)
    organization = db.session.get_one(Organization, asked.organization_id)
    checker = db.session.get(Account, asked.checked_by_id or 0)
    people = _("Checked by %(checker)s, issued by %(issuer)s", checker=checker.name if checker else "", issuer=issuer)
    stamp = {"organization": organization.name, "people": str(people)}
    return _drafted(asked, replace(_facts(asked, volunteer, account, address, now), stamp=stamp), lines)


def begun_in_batch(volunteer_id: int, span: Span, *, now: datetime) -> Certificate:
    """A certificate for one person of a list that an organization put together; nothing is written yet."""
    volunteer, account, _lines = _told(volunteer_id, span)
    return _begun(volunteer, account, span, CertificateKind.STAMPED, now)


def _told(volunteer_id: int, span: Span) -> tuple[Volunteer, Account, list[Line]]:
    volunteer = db.session.get_one(Volunteer, volunteer_id)
    account = db.session.get_one(Account, volunteer.account_id)
    if account.claimed_at is None:
        raise Refusal(_("This account is not claimed yet, so its minutes count nowhere. Claim it with a slip first."))
    lines = queries.lines(volunteer_id, span)
    if not lines:
        raise Refusal(_("In this period nothing is effective. Choose another period or category."), "from_on")
    if len(lines) > queries.MOST_ROWS:
        raise Refusal(_("That is more than one paper holds. Choose a shorter period."), "from_on")
    return volunteer, account, lines


def _begun(volunteer: Volunteer, account: Account, span: Span, kind: CertificateKind, now: datetime) -> Certificate:
    made = Certificate(volunteer_id=volunteer.id, kind=kind, requested_at=now, organization_id=span.organization_id)
    made.from_on, made.until_on, made.category = span.from_on, span.until_on, span.category
    made.number, made.code, made.holder = _number(now), code(), masks.name(account.name)
    made.state, made.reason = CertificateState.REQUESTED, ""
    return made


def _number(now: datetime) -> str:
    return f"RG{clock.today(now):%Y%m%d}{secrets.randbelow(10**8):08d}"


def _facts(made: Certificate, volunteer: Volunteer, account: Account, address: str, now: datetime) -> paper.Facts:
    return paper.Facts(
        number=made.number,
        code=made.code,
        address=f"{address}/verify/{made.code}",
        issued_at=now,
        name=account.name,
        volunteer_number=volunteer.number,
        from_on=made.from_on,
        until_on=made.until_on,
        category=_in_chinese(made.category) if made.category else None,
    )


def _in_chinese(category: Category) -> str:
    with speaking(PAPERS):
        return str(say(category))


def _drafted(made: Certificate, facts: paper.Facts, lines: Sequence[Line]) -> Draft:
    key = _key()
    with speaking(PAPERS):
        pdf, reason = paper.set_(replace(facts, blocks=_blocks(lines))), str(_("Record of volunteer service"))
    return Draft(made, lines, paper.sign(pdf, *keys.opened(key), reason=reason), key.id)


def require_key() -> None:
    """Refuse before the work is begun, not with the first paper."""
    _key()


def _key() -> SigningKey:
    key = keys.current()
    if key is None:
        raise Refusal(_("Papers cannot be signed yet. The office makes the key with the command “keys make”."))
    return key


def _blocks(lines: Sequence[Line]) -> list[paper.Block]:
    return [
        paper.Block(
            organization,
            [paper.Served(ln.served_on, _title(ln), str(say(ln.category)), ln.evidence, ln.minutes) for ln in some],
        )
        for organization, some in groupby(lines, key=lambda line: line.organization)
    ]


def _title(line: Line) -> str:
    """What was done; a paper does not keep back that its own holder says it is not right."""
    return str(_("%(title)s (in dispute)", title=line.title)) if line.is_disputed else line.title


# --- issuing --------------------------------------------------------------------------------------------------


def issue_own(draft: Draft, *, now: datetime) -> Certificate:
    """Write down a paper that its holder prints; what it says must still be so."""
    made = draft.certificate
    lock(Volunteer, made.volunteer_id)
    _refuse_changed(draft)
    db.session.add(made)
    return _issued(made, draft, None, now)


def issue_stamped(draft: Draft, actor: Actor, *, now: datetime) -> Certificate:
    """A second person of the organization issues what the first one checked."""
    lock(Volunteer, draft.certificate.volunteer_id)
    asked = _decided(draft.certificate.id, actor, Role.CONFIRMER)
    if people.is_one_of(actor.account_id, {asked.checked_by_id or 0}):
        raise Refusal(_("You checked this one, so another person issues it."))
    _refuse_changed(draft)
    return _issued(asked, draft, actor, now)


def issue_in_batch(draft: Draft, actor: Actor, *, now: datetime) -> Certificate:
    """Write down one paper of a batch that a second person decided to issue."""
    made = draft.certificate
    lock(Volunteer, made.volunteer_id)
    _refuse_changed(draft)
    db.session.add(made)
    return _issued(made, draft, actor, now)


def _refuse_changed(draft: Draft) -> None:
    made = draft.certificate
    span = Span(made.from_on, made.until_on, made.category, made.organization_id)
    if queries.lines(made.volunteer_id, span) != draft.lines:
        raise Refusal(_("The record changed at this moment. Please try again."))


def _issued(made: Certificate, draft: Draft, actor: Actor | None, now: datetime) -> Certificate:
    if actor:
        _move(made, CertificateState.ISSUED)
    made.state, made.issued_at, made.key_id = CertificateState.ISSUED, now, draft.key_id
    made.issued_by_id = actor.account_id if actor else None
    db.session.flush()
    rows = [
        CertificateRow(
            certificate_id=made.id,
            record_id=line.record_id,
            organization_id=line.organization_id,
            evidence=line.evidence,
            minutes=line.minutes,
        )
        for line in draft.lines
    ]
    db.session.add_all(
        [*rows, CertificateFile(certificate_id=made.id, sha256=paper.digest(draft.pdf), content=draft.pdf)]
    )
    _supersede(made, now)
    _trace("certificate issued", made, actor, now)
    if actor:
        _tell(made, NoticeKind.CERTIFICATE_ISSUED, now)
    return made


def _supersede(made: Certificate, now: datetime) -> None:
    """Older papers of the same kind, span and organization are told to be replaced."""
    alike = select(Certificate).where(
        records.of_person(Certificate, made.volunteer_id),
        Certificate.kind == made.kind,
        Certificate.from_on == made.from_on,
        Certificate.until_on == made.until_on,
        Certificate.category.is_not_distinct_from(made.category),
        Certificate.organization_id.is_not_distinct_from(made.organization_id),
        Certificate.state == CertificateState.ISSUED,
        Certificate.id != made.id,
    )
    for old in db.session.scalars(alike.with_for_update()).all():
        _move(old, CertificateState.SUPERSEDED)
        old.ended_at, old.superseded_by_id = now, made.id


# --- the way of a stamped one ---------------------------------------------------------------------------------


def request_stamped(volunteer_id: int, span: Span, *, now: datetime) -> Certificate:
    """Ask an organization to issue and seal a certificate of what it recorded (办法 art. 14: free of charge)."""
    volunteer, account, _lines = _told(volunteer_id, span)
    lock(Volunteer, volunteer.id)
    if span.organization_id is None:
        raise Refusal(_("Choose the organization that shall stamp the paper."), "organization")
    waits = select(Certificate.id).where(
        Certificate.volunteer_id == volunteer_id,
        Certificate.organization_id == span.organization_id,
        Certificate.state.in_((CertificateState.REQUESTED, CertificateState.CHECKED)),
    )
    if db.session.scalar(waits.limit(1)):
        raise Refusal(_("You asked this organization already, and it has not answered yet."))
    made = _begun(volunteer, account, span, CertificateKind.STAMPED, now)
    db.session.add(made)
    db.session.flush()
    _trace("certificate requested", made, None, now)
    return made


def check(certificate_id: int, actor: Actor, *, now: datetime) -> Certificate:
    """A clerk of the organization has looked at the entries; another person issues the paper."""
    asked = _decided(certificate_id, actor, Role.CLERK)
    _move(asked, CertificateState.CHECKED)
    asked.checked_at, asked.checked_by_id = now, actor.account_id
    _trace("certificate checked", asked, actor, now)
    return asked


def decline(certificate_id: int, actor: Actor, *, reason: str, now: datetime) -> Certificate:
    """Say no to a request, and why."""
    if not is_said(reason):
        raise Refusal(_("Please say why, so that the person can do something about it."), "reason")
    asked = _decided(certificate_id, actor, Role.CLERK, Role.CONFIRMER)
    _move(asked, CertificateState.DECLINED)
    asked.ended_at, asked.reason = now, reason
    _trace("certificate declined", asked, actor, now)
    _tell(asked, NoticeKind.CERTIFICATE_DECLINED, now, reason=reason)
    return asked


def revoke(certificate_id: int, actor: Actor, *, reason: str, now: datetime) -> Certificate:
    """Take back what the organization issued; whoever checks the paper is told so from this moment."""
    if not is_said(reason):
        raise Refusal(_("Please say why the paper is taken back."), "reason")
    issued = _decided(certificate_id, actor, Role.CONFIRMER)
    _move(issued, CertificateState.REVOKED)
    issued.ended_at, issued.reason = now, reason
    _trace("certificate revoked", issued, actor, now)
    _tell(issued, NoticeKind.CERTIFICATE_REVOKED, now, reason=reason)
    return issued


def _decided(certificate_id: int, actor: Actor, *roles: Role) -> Certificate:
    """The certificate, locked, if this person decides for its organization and it is not their own."""
    asked = lock(Certificate, certificate_id)
    _require_decider(asked, actor, *roles)
    return asked


def _require_decider(asked: Certificate, actor: Actor, *roles: Role) -> None:
    organization = db.session.get_one(Organization, asked.organization_id)
    if not any(actor.may(role, organization.path) for role in roles):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    if people.is_theirs(asked.volunteer_id, actor.volunteer_id):
        raise Refusal(_("This is your own certificate, so others decide on it."))


def _move(certificate: Certificate, state: CertificateState) -> None:
    if state not in NEXT_STATES[certificate.state]:
        raise Refusal(_("Somebody decided this meanwhile. Reload the page to see how."))
    certificate.state = state


# --- what happens elsewhere -----------------------------------------------------------------------------------


def _tell_holders(record_id: int, now: datetime) -> None:
    """An entry was corrected: whoever holds a paper with it is told that the paper says something else now."""
    for certificate, account_id in queries.holding(record_id):
        path = f"/me/certificates/{certificate.id}"
        tell(account_id, NoticeKind.CERTIFICATE_CHANGED, now=now, path=path, number=certificate.number)


corrections.ON_CORRECTED.append(_tell_holders)


def _forget(leaving: Departure) -> None:
    """The papers of somebody who leaves and wants all erased; what a stranger checks names nobody any more."""
    if leaving.volunteer_id is None or leaving.data is not Leaving.ERASE:
        return
    mine = select(Certificate.id).where(Certificate.volunteer_id == leaving.volunteer_id)
    db.session.execute(delete(CertificateFile).where(CertificateFile.certificate_id.in_(mine)))
    theirs = db.update(Certificate).where(Certificate.volunteer_id == leaving.volunteer_id)
    db.session.execute(theirs.values(holder="*"))


identity.ON_LEAVE.append(_forget)


def _tell(certificate: Certificate, kind: NoticeKind, now: datetime, **values: str) -> None:
    owner = people.account_of(certificate.volunteer_id)
    tell(owner, kind, now=now, path=f"/me/certificates/{certificate.id}", number=certificate.number, **values)


def _trace(what: str, certificate: Certificate, actor: Actor | None, now: datetime) -> None:
    owner = people.account_of(certificate.volunteer_id)
    audit.note(
        what,
        certificate,
        actor_id=actor.account_id if actor else owner,
        now=now,
        organization_id=certificate.organization_id,
        about_id=owner,
    )
