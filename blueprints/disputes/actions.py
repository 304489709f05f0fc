"""Saying that an entry is not right, and deciding on it: by somebody who has no part in it, in time (办法 art. 13).

Locks: the entry first, then the dispute; two people who decide are served one after the other.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update

from blueprints.claims import actions as claims
from blueprints.claims.models import Claim
from blueprints.disputes import queries
from blueprints.disputes.models import (
    ERASED,
    NEXT_STATES,
    Dispute,
    DisputeKind,
    DisputeState,
    DisputeStep,
    Proof,
    Step,
)
from blueprints.disputes.queries import Case
from blueprints.identity import actions as identity
from blueprints.identity import queries as identities
from blueprints.identity.actions import Departure
from blueprints.identity.models import Leaving
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.records import actions as records
from blueprints.records import attempts, corrections
from blueprints.records import queries as recorded
from blueprints.records.models import Bar, Correction, CorrectionState, RecordState, ServiceRecord, Tried
from core import audit, clock, display, pictures, workdays
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Barred, Refusal, is_said

FINAL = (DisputeState.ACCEPTED, DisputeState.DISMISSED, DisputeState.WITHDRAWN)


# --- the owner ----------------------------------------------------------------------------------------------


def file(
    record_id: int,
    kind: DisputeKind,
    actor: Actor,
    *,
    words: str = "",
    minutes: int | None = None,
    picture: bytes | None = None,
    now: datetime,
) -> Dispute:
    """Say that an entry is not mine, or not right. `minutes` is what would be right; nobody has to know it."""
    record = lock(ServiceRecord, record_id)
    if not identities.is_theirs(record.volunteer_id, actor.volunteer_id):
        raise Refusal(_("Only the person whose entry this is can dispute it."))
    _refuse_pointless(record, kind, clock.today(now))
    if kind is DisputeKind.WRONG:
        _refuse_unclear(record, words, minutes)
    made = Dispute(record_id=record.id, kind=kind, filed_at=now, filed_by_id=actor.account_id)
    made.state, made.minutes = DisputeState.FILED, minutes if kind is DisputeKind.WRONG else None
    made.levels = _levels(record, 1 if kind is DisputeKind.NOT_ME else 0)
    made.due_on = _due_on(kind is DisputeKind.NOT_ME, now)
    db.session.add(made)
    _step(made, DisputeStep.FILED, actor, words, now)
    if picture:
        _keep(made, picture, actor, now)
    _trace("dispute filed", made, record, actor, now, kind=kind)
    _tell_received(made, record, now)
    return made


def _refuse_pointless(record: ServiceRecord, kind: DisputeKind, today: date) -> None:
    if record.state is RecordState.RETURNED:
        raise Refusal(_("This entry was returned to the station already, so it counts nowhere."))
    if record.state is RecordState.EFFECTIVE and not recorded.worth([record.id])[record.id]:
        raise Refusal(_("This entry was corrected and counts nothing any more."))
    last = queries.latest_on(record.id)
    if last and last.is_open:
        raise Refusal(_("You have said so already, and it is being decided. Your disputes show how far it is."))
    if last and last.state is DisputeState.REJECTED and today <= (last.appeal_until or today):
        raise Refusal(_("This was rejected. Please appeal on the page of that dispute; the level above decides then."))
    if last and last.kind is kind and _stands(last):
        raise Refusal(_("The same was decided for good already. Your disputes show how and why."))


def _stands(last: Dispute) -> bool:
    """Whether a rejection still speaks of what the entry says today."""
    ended = last.decided_at or last.rejected_at
    rejected = last.state in (DisputeState.DISMISSED, DisputeState.REJECTED)
    return rejected and ended is not None and not queries.was_corrected_after(last.record_id, ended)


def _refuse_unclear(record: ServiceRecord, words: str, minutes: int | None) -> None:
    if not is_said(words):
        raise Refusal(_("Please say what is wrong, so that whoever decides can look into it."), "words")
    if minutes is None:
        return
    if not 0 <= minutes <= record.planned_minutes:
        planned = display.minutes(record.planned_minutes)
        raise Refusal(_("Between 0 and %(planned)s, which is what was planned.", planned=planned), "minutes")
    counts = recorded.worth([record.id])[record.id] if record.state is RecordState.EFFECTIVE else record.minutes
    if minutes == counts:
        raise Refusal(_("The entry says exactly that. Leave this empty if something else is wrong."), "minutes")


def withdraw(dispute_id: int, actor: Actor, *, now: datetime) -> Dispute:
    """The owner no longer says so; the entry goes its way again."""
    dispute, record = _own(dispute_id, actor)
    _move(dispute, DisputeState.WITHDRAWN)
    _end(dispute, actor, now)
    _step(dispute, DisputeStep.WITHDRAWN, actor, "", now)
    _trace("dispute withdrawn", dispute, record, actor, now)
    return dispute


def appeal(dispute_id: int, actor: Actor, *, words: str, now: datetime) -> Dispute:
    """The owner does not accept a rejection: the level above whoever rejected decides, and for good."""
    dispute, record = _own(dispute_id, actor)
    if not is_said(words):
        raise Refusal(_("Please say why the answer is not right."), "words")
    if dispute.state is not DisputeState.REJECTED:
        raise Refusal(_overtaken())
    if clock.today(now) > (dispute.appeal_until or clock.today(now)):
        raise Refusal(_("The time to appeal has ended. If something new has come up, please ask the level above."))
    if record.state is RecordState.RETURNED:
        raise Refusal(_("This entry was returned to the station already, so it counts nowhere."))
    levels, due = _levels(record, dispute.levels + 1), _due_on(True, now)
    _move(dispute, DisputeState.APPEALED)
    dispute.levels, dispute.due_on, dispute.appealed_at = levels, due, now
    _step(dispute, DisputeStep.APPEALED, actor, words, now)
    _trace("dispute appealed", dispute, record, actor, now)
    _tell_received(dispute, record, now)
    return dispute


def add_proof(dispute_id: int, picture: bytes, actor: Actor, *, now: datetime) -> Proof:
    """Add a picture while somebody still has to decide; the same one sent twice is kept once."""
    dispute, _record = _own(dispute_id, actor)
    if not dispute.waits:
        raise Refusal(_("This is decided, so nothing can be added. If you appeal, you can add pictures again."))
    return _keep(dispute, picture, actor, now)


def _keep(dispute: Dispute, picture: bytes, actor: Actor, now: datetime) -> Proof:
    made, kept = Proof(dispute_id=dispute.id), queries.proofs(dispute.id)
    return pictures.keep(made, picture, kept, queries.MOST_PROOFS, actor.account_id, now=now)


def _own(dispute_id: int, actor: Actor) -> tuple[Dispute, ServiceRecord]:
    dispute, record = _locked(dispute_id)
    if dispute.filed_by_id != actor.account_id:
        raise Refusal(_("Only the person whose entry this is can do that."))
    return dispute, record


# --- whoever decides ----------------------------------------------------------------------------------------


def accept(dispute_id: int, actor: Actor, *, minutes: int | None = None, words: str = "", now: datetime) -> Dispute:
    """The owner is right: an entry that waits goes back to the station, an effective one is corrected.

    `minutes` is what it shall count; for “not me” that is nothing. The owner's own number, if it is a lower one, is
    written at once: the owner and the actor stand behind it. Any other number a second person has to agree to.
    """
    dispute, record, case = _judged(dispute_id, actor, now)
    reason = words or _words_of(dispute)
    if record.state is not RecordState.EFFECTIVE:
        _give_back(dispute, record, actor, reason[:200], now)
        return _accepted(dispute, record, case, actor, words, now)
    wanted = 0 if dispute.kind is DisputeKind.NOT_ME else minutes
    if wanted is None:
        raise Refusal(_("Please type the right number of minutes; 0 voids the entry."), "minutes")
    if wanted < recorded.worth([record.id])[record.id] and wanted == _asked_for(dispute):
        made = corrections.lower(record.id, wanted, dispute.filed_by_id, actor, reason=reason[:200], now=now)
        dispute.correction_id = made.id
        return _accepted(dispute, record, case, actor, words, now)
    _taken_over(dispute, case, actor, now)
    return _proposed(dispute, record, wanted, reason[:200], actor, now)


def _give_back(dispute: Dispute, record: ServiceRecord, actor: Actor, reason: str, now: datetime) -> None:
    """What was taken back while the dispute was open is where it belongs already."""
    if record.state is not RecordState.RETURNED:
        records.give_back(record.id, actor, reason=reason, now=now)
    if dispute.kind is DisputeKind.NOT_ME and record.claim_id:
        claims.close_attendance(lock(Claim, record.claim_id), now=now)  # it is not handed in for them once more


def _asked_for(dispute: Dispute) -> int | None:
    return 0 if dispute.kind is DisputeKind.NOT_ME else dispute.minutes


def _words_of(dispute: Dispute) -> str:
    said = queries.first_words(dispute.id)
    if said and said != ERASED:
        return said
    return _("The owner of the entry did not do this.")


def _accepted(dispute: Dispute, record: ServiceRecord, case: Case, actor: Actor, words: str, now: datetime) -> Dispute:
    _taken_over(dispute, case, actor, now)
    _move(dispute, DisputeState.ACCEPTED)
    _end(dispute, actor, now)
    _step(dispute, DisputeStep.ACCEPTED, actor, words, now)
    _trace("dispute accepted", dispute, record, actor, now)
    _tell_accepted(dispute, record, {actor.account_id}, now)
    return dispute


def _proposed(
    dispute: Dispute, record: ServiceRecord, minutes: int, reason: str, actor: Actor, now: datetime
) -> Dispute:
    """The number is the actor's: a second person decides on it, for more minutes one of the level above."""
    made = corrections.propose(record.id, minutes, actor, reason=reason, now=now)
    _move(dispute, DisputeState.CORRECTING)
    dispute.correction_id = made.id
    _step(dispute, DisputeStep.ACCEPTED, actor, reason, now)
    _trace("dispute accepted", dispute, record, actor, now, minutes=minutes)
    return dispute


def reject(dispute_id: int, actor: Actor, *, reason: str, now: datetime) -> Dispute:
    """The entry stays as it is, and the owner is told why; what the level above says is the last word."""
    if not is_said(reason):
        raise Refusal(_("Please say why the entry stays as it is."), "reason")
    dispute, record, case = _judged(dispute_id, actor, now)
    _taken_over(dispute, case, actor, now)
    if case.is_final:
        return _dismissed(dispute, record, actor, reason, now)
    until = workdays.after(clock.today(now), organizations.limit(Limit.APPEAL_WORKING_DAYS))
    _move(dispute, DisputeState.REJECTED)
    dispute.levels, dispute.appeal_until = case.distance or 0, until
    dispute.rejected_at, dispute.rejected_by_id = now, actor.account_id
    _step(dispute, DisputeStep.REJECTED, actor, reason, now)
    _trace("dispute rejected", dispute, record, actor, now)
    _tell_owner(dispute, record, NoticeKind.DISPUTE_REJECTED, now, reason=reason, until=until)
    return dispute


def _dismissed(dispute: Dispute, record: ServiceRecord, actor: Actor, reason: str, now: datetime) -> Dispute:
    _move(dispute, DisputeState.DISMISSED)
    _end(dispute, actor, now)
    _step(dispute, DisputeStep.DISMISSED, actor, reason, now)
    _trace("dispute dismissed", dispute, record, actor, now)
    _tell_owner(dispute, record, NoticeKind.DISPUTE_DISMISSED, now, reason=reason)
    return dispute


def _taken_over(dispute: Dispute, case: Case, actor: Actor, now: datetime) -> None:
    if case.takes_over:
        _step(dispute, DisputeStep.OVERDUE, actor, "", now)


def _judged(dispute_id: int, actor: Actor, now: datetime) -> tuple[Dispute, ServiceRecord, Case]:
    """A dispute that waits, locked, and that this person may decide on."""
    dispute, record = _locked(dispute_id)
    whole = queries.whole(dispute.id)
    case = queries.case(whole, queries.seats([whole])[whole.id], actor, clock.today(now))
    if not dispute.waits:
        raise Refusal(_overtaken())
    if case.barred:
        raise Barred(case.barred, Tried.SETTLE, _bar(case, actor, record), record)
    return dispute, record, case


def _bar(case: Case, actor: Actor, record: ServiceRecord) -> Bar:
    if case.dispute.filed_by_id == actor.account_id:
        return Bar.OWNER
    if case.is_involved:
        return Bar.INVOLVED
    covers = actor.may(Role.CONFIRMER, _organization(record).path)
    return Bar.TOO_LOW if covers else Bar.NO_ROLE


# --- the second person's decision on a correction -----------------------------------------------------------


def _follow(correction: Correction, actor: Actor, now: datetime) -> None:
    """Somebody decided on the correction that a dispute waits for."""
    found = queries.correcting(correction.id)
    if found is None:
        return
    dispute, record = _locked(found.id)
    if correction.state is CorrectionState.APPROVED:
        _move(dispute, DisputeState.ACCEPTED)
        dispute.decided_at, dispute.decided_by_id = now, correction.author_id
        _step(dispute, DisputeStep.CORRECTED, actor, "", now)
        _tell_accepted(dispute, record, {actor.account_id, correction.author_id}, now)
    else:
        _move(dispute, DisputeState.APPEALED if dispute.appealed_at else DisputeState.FILED)
        _step(dispute, DisputeStep.REOPENED, actor, _("The correction was not approved."), now)
    _trace("dispute followed", dispute, record, actor, now)


corrections.ON_DECIDED.append(_follow)
corrections.BARS.append(queries.is_barred_from_correcting)


def close_for(record_id: int, actor: Actor, *, now: datetime) -> None:
    """The entry is taken back anyway: the dispute that stands on it is accepted with that."""
    standing = queries.open_on([record_id]).get(record_id)
    if standing is None:
        return
    dispute, record = _locked(standing.id)
    _move(dispute, DisputeState.ACCEPTED)
    _end(dispute, actor, now)
    _step(dispute, DisputeStep.ACCEPTED, actor, "", now)
    _trace("dispute accepted", dispute, record, actor, now)


# --- what the verbs above share -----------------------------------------------------------------------------


def _locked(dispute_id: int) -> tuple[Dispute, ServiceRecord]:
    record = lock(ServiceRecord, db.get_or_404(Dispute, dispute_id).record_id)
    return lock(Dispute, dispute_id), record


def _move(dispute: Dispute, state: DisputeState) -> None:
    if state not in NEXT_STATES[dispute.state]:
        raise Refusal(_overtaken())
    dispute.state = state


def _overtaken() -> str:
    return _("Somebody decided this dispute meanwhile. Reload the page to see how.")


def _end(dispute: Dispute, actor: Actor, now: datetime) -> None:
    dispute.decided_at, dispute.decided_by_id = now, actor.account_id


def _levels(record: ServiceRecord, wanted: int) -> int:
    """So many levels above the station, or as many as there are."""
    return min(wanted, len(_organization(record).ancestors))


def _due_on(above: bool, now: datetime) -> date:
    limit = Limit.DISPUTE_WORKING_DAYS_HIGHER if above else Limit.DISPUTE_WORKING_DAYS
    return workdays.after(clock.today(now), organizations.limit(limit))


def _organization(record: ServiceRecord) -> Organization:
    return db.session.get_one(Organization, record.organization_id)


def _step(dispute: Dispute, step: DisputeStep, actor: Actor, words: str, now: datetime) -> None:
    db.session.flush()
    db.session.add(Step(dispute_id=dispute.id, step=step, at=now, by_id=actor.account_id, words=words))
    db.session.flush()


def _tell_received(dispute: Dispute, record: ServiceRecord, now: datetime) -> None:
    """The owner is told who decides and by when, and those who may decide that it waits for them."""
    seat = queries.seats([queries.whole(dispute.id)])[dispute.id]
    name = seat.organization.name if seat.organization else organizations.top_name()
    _tell_owner(dispute, record, NoticeKind.DISPUTE_RECEIVED, now, organization=name, until=dispute.due_on)
    for account_id in sorted(seat.accounts):
        _tell(account_id, dispute, record, NoticeKind.DISPUTE_WAITS, now, until=dispute.due_on)


def _tell_accepted(dispute: Dispute, record: ServiceRecord, but: set[int], now: datetime) -> None:
    """The owner, and everybody who stands behind the entry, without those who decided."""
    _tell_owner(dispute, record, NoticeKind.DISPUTE_ACCEPTED, now)
    behind = queries.stands_behind([record])[record.id] - but - {dispute.filed_by_id}
    for account_id in sorted(behind):
        path = f"/desk/records/{record.id}"
        tell(account_id, NoticeKind.DISPUTE_AGAINST, now=now, path=path, **_values(record))


def _tell_owner(dispute: Dispute, record: ServiceRecord, kind: NoticeKind, now: datetime, **values: Any) -> None:
    tell(dispute.filed_by_id, kind, now=now, path=f"/me/disputes/{dispute.id}", **_values(record), **values)


def _tell(
    account_id: int, dispute: Dispute, record: ServiceRecord, kind: NoticeKind, now: datetime, **values: Any
) -> None:
    tell(account_id, kind, now=now, path=f"/desk/disputes/{dispute.id}", **_values(record), **values)


def _values(record: ServiceRecord) -> dict[str, Any]:
    return {"title": record.title, "starts": record.started_at, "ends": record.ended_at}


def _trace(
    what: str, dispute: Dispute, record: ServiceRecord, actor: Actor, now: datetime, **details: str | int
) -> None:
    owner = identities.account_of(record.volunteer_id)
    audit.note(
        what,
        dispute,
        actor_id=actor.account_id,
        now=now,
        organization_id=record.organization_id,
        about_id=owner,
        **details,
    )


# --- what goes in time --------------------------------------------------------------------------------------


def erase_old_proofs(now: datetime) -> int:
    """Pictures have served when the dispute is long over; returns how many were erased."""
    return _erase_proofs(db.session.scalars(queries.old_proofs(now)).all(), now)


def _erase_proofs(ids: Iterable[int], now: datetime) -> int:
    some = list(ids)
    db.session.execute(update(Proof).where(Proof.id.in_(some)).values(content=None, erased_at=now))
    return len(some)


def _forget(leaving: Departure) -> None:
    """The words and pictures of somebody who leaves and wants all erased; how it was decided stays."""
    if leaving.data is not Leaving.ERASE:
        return
    theirs = select(Dispute.id).where(Dispute.filed_by_id == leaving.account_id)
    said = update(Step).where(Step.dispute_id.in_(theirs), Step.words != "")
    db.session.execute(said.values(words=ERASED))
    kept = select(Proof.id).where(Proof.dispute_id.in_(theirs), Proof.erased_at.is_(None))
    _erase_proofs(db.session.scalars(kept).all(), leaving.now)


identity.ON_LEAVE.append(_forget)
attempts.ABOUT_ENTRIES[Dispute.__tablename__] = Dispute
