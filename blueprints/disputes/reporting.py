"""Reporting a registration that one knows nothing of, without an account; and what the level above decides on it.

Nobody voids a registration alone: one person finds it to be so, a second one agrees, and neither had a hand in it.
Locks: the report, its entries by id, then what closing an account locks: whoever lets an entry count comes from the
entry to its person, too.
"""

import secrets
from datetime import datetime

from sqlalchemy import select

from blueprints.claims import actions as claims
from blueprints.claims.models import Claim, ClaimState
from blueprints.disputes import reported
from blueprints.disputes.actions import close_for
from blueprints.disputes.models import NEXT_REPORT_STATES, IdentityReport, ReportState
from blueprints.identity import actions as identity
from blueprints.identity import queries as people
from blueprints.identity.models import Account, Volunteer
from blueprints.messages.actions import tell, tell_departed
from blueprints.messages.models import Notice, NoticeKind
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.records import actions as records
from blueprints.records import corrections
from blueprints.records import queries as recorded
from blueprints.records.models import RecordState, ServiceRecord
from core import audit, clock, vault, workdays
from core.actor import Actor
from core.db import db, lock
from core.i18n import _
from core.refusal import Refusal, is_said


def file(
    *, phone: str, last_four: str, birthday: str, words: str, contact: str, now: datetime
) -> tuple[IdentityReport, str]:
    """Take in a report; returns it with the code by which its course is followed, which is kept nowhere."""
    fit = reported.fit(phone, last_four, birthday)
    code = vault.reference()
    made = IdentityReport(number=f"SM{clock.today(now):%Y%m%d}{secrets.randbelow(10**6):06d}", filed_at=now)
    made.code_hash, made.state = vault.digest(code), ReportState.FILED
    made.organization_id, made.volunteer_id = fit.organization_id, fit.volunteer_id
    made.due_on = workdays.after(clock.today(now), organizations.limit(Limit.DISPUTE_WORKING_DAYS_HIGHER))
    made.phone_sealed = vault.seal(f"{phone} {last_four} {birthday}".rstrip())
    made.words_sealed, made.contact_sealed = vault.seal(words), vault.seal(contact)
    db.session.add(made)
    db.session.flush()
    audit.note("identity reported", made, actor_id=None, now=now, organization_id=made.organization_id)
    for account_id in fit.handlers:
        path = f"/desk/identity-reports/{made.id}"
        tell(account_id, NoticeKind.IDENTITY_REPORTED, now=now, path=path, until=made.due_on)
    return made, code


# --- whoever handles it -------------------------------------------------------------------------------------


def find(report_id: int, actor: Actor, *, answer: str, now: datetime) -> IdentityReport:
    """One person finds that the registration was made without its person's knowledge; a second one has to agree."""
    report = _judged(report_id, actor, ReportState.FILED)
    if report.volunteer_id is None:
        raise Refusal(_("No registration fits this phone number and these digits, so there is nothing to void."))
    _require_words(answer)
    _move(report, ReportState.FOUND)
    report.found_at, report.found_by_id, report.answer_sealed = now, actor.account_id, vault.seal(answer)
    _trace("identity report found", report, actor, now)
    for account_id in _seconds(report, actor):
        tell(account_id, NoticeKind.IDENTITY_FOUND, now=now, path=f"/desk/identity-reports/{report.id}")
    _warn_owner(report, now)
    return report


def _warn_owner(report: IdentityReport, now: datetime) -> None:
    """Whoever uses the account learns of it while they can still object."""
    account, place = _owner(report), db.session.get_one(Organization, report.organization_id)
    if account.claimed_at:
        key = f"{_warning(report)}{int(now.timestamp())}"
        tell(account.id, NoticeKind.REGISTRATION_DOUBTED, now=now, key=key, organization=place.name)


def _warning(report: IdentityReport) -> str:
    """How the keys of the warnings of a report begin; it may be found, doubted and found once more."""
    return f"doubted:{report.id}:"


def _reassure_owner(report: IdentityReport, now: datetime) -> None:
    """Whoever was warned because of this report learns that nothing comes of it."""
    if report.volunteer_id is None:
        return
    account = _owner(report)
    warned = select(Notice.id).where(Notice.account_id == account.id, Notice.key.startswith(_warning(report)))
    if db.session.scalar(warned.limit(1)):
        tell(account.id, NoticeKind.REGISTRATION_KEPT, now=now)


def _owner(report: IdentityReport) -> Account:
    return db.session.get_one(Account, db.session.get_one(Volunteer, report.volunteer_id).account_id)


def reopen(report_id: int, actor: Actor, *, now: datetime) -> IdentityReport:
    """The second person does not agree, or the first one changed their mind: it is looked into anew."""
    report = _judged(report_id, actor, ReportState.FOUND, own=True)
    _move(report, ReportState.FILED)
    report.found_at = report.found_by_id = report.answer_sealed = None
    _trace("identity report reopened", report, actor, now)
    return report


def dismiss(report_id: int, actor: Actor, *, answer: str, now: datetime) -> IdentityReport:
    """The report is unfounded; whoever made it reads why, and whoever was warned because of it is told."""
    report = _judged(report_id, actor, ReportState.FILED)
    _require_words(answer)
    _move(report, ReportState.UNFOUNDED)
    report.answer_sealed, report.decided_at, report.decided_by_id = vault.seal(answer), now, actor.account_id
    _trace("identity report unfounded", report, actor, now)
    _reassure_owner(report, now)
    return report


def confirm(report_id: int, actor: Actor, *, now: datetime) -> IdentityReport:
    """A second person agrees: the account is closed, and its minutes count nowhere any more."""
    report = _judged(report_id, actor, ReportState.FOUND)
    volunteer = db.session.get_one(Volunteer, report.volunteer_id)
    behind = reported.involved(volunteer.id, [])
    _move(report, ReportState.CONFIRMED)
    report.decided_at, report.decided_by_id = now, actor.account_id
    db.session.flush()
    for record_id in reported.standing_entries(volunteer.id):
        lock(ServiceRecord, record_id)
    _close_account(report, actor, now)
    for record_id in reported.standing_entries(volunteer.id):
        _take_back(record_id, report, actor, now)
    _close_attendance(volunteer.id, now)
    _trace("identity report confirmed", report, actor, now)
    for account_id in sorted(behind - {0, volunteer.account_id}):
        tell(account_id, NoticeKind.REGISTRATION_VOIDED, now=now)
    return report


def _close_account(report: IdentityReport, actor: Actor, now: datetime) -> None:
    """Nobody gets in any more; whoever used it is told where they can still say that it was theirs."""
    account, place = _owner(report), db.session.get_one(Organization, report.organization_id)
    email, told = account.email, {"organization": place.name, "number": report.number}
    identity.void(account.id, actor, now=now)
    if account.claimed_at:
        tell_departed(account.id, email, NoticeKind.REGISTRATION_CLOSED, now=now, **told)


def _take_back(record_id: int, report: IdentityReport, actor: Actor, now: datetime) -> None:
    """What counts is reversed, by the two who found and agreed; what waits goes back and is never handed in again."""
    reason = _("The registration is void: its person knew nothing of it (%(number)s).", number=report.number)
    corrections.set_aside(record_id, actor, reason=reason, now=now)
    close_for(record_id, actor, now=now)
    record = lock(ServiceRecord, record_id)
    if record.state is not RecordState.EFFECTIVE:
        records.give_back(record_id, actor, reason=reason, now=now)
    elif recorded.worth([record_id])[record_id]:
        corrections.lower(record_id, 0, report.found_by_id or 0, actor, reason=reason, now=now)


def _close_attendance(volunteer_id: int, now: datetime) -> None:
    """Nothing of what was marked in this name is handed in once more."""
    held = select(Claim).where(Claim.volunteer_id == volunteer_id, Claim.state == ClaimState.HELD)
    for claim in db.session.scalars(held.where(Claim.handed_in_at.is_(None)).order_by(Claim.id).with_for_update()):
        claims.close_attendance(claim, now=now)


def _judged(report_id: int, actor: Actor, state: ReportState, own: bool = False) -> IdentityReport:
    """A report in this state, locked, and that this person may decide on."""
    report = lock(IdentityReport, report_id)
    organization = db.session.get_one(Organization, report.organization_id)
    if not any(actor.may(role, organization.path) for role in reported.HANDLERS):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    if report.state is not state:
        raise Refusal(_overtaken())
    barred = reported.barred_because(report, actor)
    if barred and not (own and report.found_by_id == actor.account_id):
        raise Refusal(barred)
    return report


def _require_words(answer: str) -> None:
    if not is_said(answer):
        raise Refusal(_("Please say what you found; whoever reported it reads this."), "answer")


def _move(report: IdentityReport, state: ReportState) -> None:
    if state not in NEXT_REPORT_STATES[report.state]:
        raise Refusal(_overtaken())
    report.state = state


def _overtaken() -> str:
    return _("Somebody decided on this report meanwhile. Reload the page to see how.")


def _seconds(report: IdentityReport, actor: Actor) -> list[int]:
    """Who may agree at the same place."""
    organization = db.session.get_one(Organization, report.organization_id)
    able = recorded.confirmers_of(organization)
    accounts = {account for place in able.values() for account in place[1]} | reported.administrators_of(organization)
    barred = reported.involved(report.volunteer_id or 0, sorted(accounts)) | {actor.account_id}
    barred |= people.same_people([actor.account_id], accounts).get(actor.account_id, set())
    return sorted(accounts - barred)


def _trace(what: str, report: IdentityReport, actor: Actor, now: datetime) -> None:
    volunteer = db.session.get(Volunteer, report.volunteer_id) if report.volunteer_id else None
    audit.note(
        what,
        report,
        actor_id=actor.account_id,
        now=now,
        organization_id=report.organization_id,
        about_id=volunteer.account_id if volunteer else None,
    )


# --- what goes in time --------------------------------------------------------------------------------------


def erase_old(now: datetime) -> int:
    """Erase what was typed in reports that ended long ago, and the data of registrations that are void."""
    old = db.session.scalars(reported.old_reports(now)).all()
    for report_id in sorted(old):
        report = lock(IdentityReport, report_id)
        report.phone_sealed = report.words_sealed = report.contact_sealed = report.answer_sealed = None
        report.erased_at = now
        db.session.flush()
        if report.state is ReportState.CONFIRMED:
            owner = select(Account.id).join(Volunteer, Volunteer.account_id == Account.id)
            identity.erase_voided(db.session.scalars(owner.where(Volunteer.id == report.volunteer_id)).one(), now=now)
    return len(old)
