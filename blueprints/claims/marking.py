"""How somebody comes to be noted as not there, says that it is not right, and a second person decides.

Only a person marks, never the clock. Locks as everywhere: the claim, then what hangs on it.
"""

from datetime import datetime
from typing import Any

from blueprints.claims import absences, queries
from blueprints.claims.models import Absence, AbsenceKind, AbsenceOutcome, Claim, ClaimState
from blueprints.identity import actions as identity
from blueprints.identity.actions import Departure
from blueprints.identity.models import Leaving, Volunteer
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.organizations.models import Organization
from blueprints.posts.models import Post, Shift, ShiftState
from core import audit, clock, display
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Refusal, is_said

DECIDERS = (Role.CLERK, Role.CONFIRMER)
OWN_PAGE = "/me/absences"


def note(claim_id: int, kind: AbsenceKind, actor: Actor, *, reason: str = "", now: datetime) -> Absence:
    """A clerk notes that somebody held a place and did not come, or that there was a reason; the person is told."""
    claimed = lock(Claim, claim_id)
    shift = db.session.get_one(Shift, claimed.shift_id)
    organization = _require(actor, shift, Role.CLERK)
    _refuse_unfit(claimed, shift, now)
    _refuse_own(claimed, actor)
    made = Absence(claim_id=claimed.id, kind=kind, marked_at=now, marked_by_id=actor.account_id, reason=reason)
    made.fades_at = absences.fades_at(now) if kind is AbsenceKind.NO_SHOW else None
    db.session.add(made)
    db.session.flush()
    _trace("absence noted", made, claimed, actor, organization, now)
    if made.fades_at:
        until = clock.today(made.fades_at)
        _told(claimed, shift, NoticeKind.NO_SHOW_NOTED, now, organization=organization.name, until=until)
    else:
        _told(claimed, shift, NoticeKind.ABSENCE_EXCUSED, now, organization=organization.name)
    return made


def _refuse_unfit(claimed: Claim, shift: Shift, now: datetime) -> None:
    if shift.state is not ShiftState.OPEN or claimed.state is not ClaimState.HELD:
        raise Refusal(_("This person holds no place on the shift, so nothing is noted."))
    if now < shift.ends_at:
        raise Refusal(
            _(
                "The shift ends at %(moment)s. Who did not come is noted after that.",
                moment=display.moment(shift.ends_at),
            )
        )
    if now > absences.noted_until(shift):
        raise Refusal(_("That is too long ago to note anything fairly, so nothing is noted any more."))
    if claimed.handed_in_at or queries.attendance(claimed.id).spans:
        raise Refusal(_("This person was seen on the shift. If that is wrong, undo it on the roster first."))
    if absences.standing_note(claimed.id):
        raise Refusal(_("This is noted already. Take the note back first if it should say something else."))


def _refuse_own(claimed: Claim, actor: Actor) -> None:
    if claimed.volunteer_id == actor.volunteer_id:
        raise Refusal(_("This is your own claim. Another clerk notes who did not come."))


def take_back(absence_id: int, actor: Actor, *, now: datetime) -> Absence:
    """A clerk takes a note back, a slip of the finger or better knowledge; the person is told."""
    noted, claimed, shift = _locked(absence_id)
    organization = _require(actor, shift, Role.CLERK)
    _refuse_own(claimed, actor)
    if noted.undone_at:
        raise Refusal(_("This note was taken back already."))
    if noted.decided_at:
        raise Refusal(_("A second person has decided about this note, so it stays as it is."))
    noted.undone_at, noted.undone_by_id = now, actor.account_id
    _trace("absence undone", noted, claimed, actor, organization, now)
    if noted.kind is AbsenceKind.NO_SHOW:
        _told(claimed, shift, NoticeKind.NO_SHOW_UNDONE, now, organization=organization.name)
    return noted


def dispute(absence_id: int, words: str, actor: Actor, *, now: datetime) -> Absence:
    """The person says that it is not right; until somebody else has decided the mark counts nowhere."""
    noted, claimed, shift = _locked(absence_id)
    if claimed.volunteer_id != actor.volunteer_id:
        raise Refusal(_("This is about somebody else. What is about you stands on your own page."))
    if not is_said(words):
        raise Refusal(_("Please say what is not right."), "words")
    if noted.undone_at or noted.fades_at is None or noted.fades_at <= now:
        raise Refusal(_("This note does not stand any more, so there is nothing to object to."))
    if noted.disputed_at:
        raise Refusal(_("You have objected to this already. The answer comes to your messages."))
    noted.disputed_at, noted.dispute = now, words
    tell(
        noted.marked_by_id,
        NoticeKind.NO_SHOW_DISPUTED,
        now=now,
        path=f"/desk/absences/{noted.id}",
        title=db.session.get_one(Post, shift.post_id).title,
        starts=shift.starts_at,
        ends=shift.ends_at,
    )
    return noted


def decide(absence_id: int, outcome: AbsenceOutcome, reason: str, actor: Actor, *, now: datetime) -> Absence:
    """Somebody else than whoever marked decides about the objection, with a reason that the person reads."""
    noted, claimed, shift = _locked(absence_id)
    organization = _require(actor, shift, *DECIDERS)
    if not noted.waits:
        raise Refusal(_("There is no objection that waits. Reload the page to see what was decided."))
    if sentence := barred_because(noted, claimed, actor):
        raise Refusal(sentence)
    if not is_said(reason):
        raise Refusal(_("Please give a reason: the person reads it."), "reason")
    noted.decided_at, noted.decided_by_id = now, actor.account_id
    noted.outcome, noted.decision = outcome, reason
    _trace("absence decided", noted, claimed, actor, organization, now)
    if outcome is AbsenceOutcome.OVERTURNED or noted.fades_at is None:
        _told(claimed, shift, NoticeKind.NO_SHOW_OVERTURNED, now, reason=reason)
    else:
        _told(claimed, shift, NoticeKind.NO_SHOW_UPHELD, now, reason=reason, until=clock.today(noted.fades_at))
    return noted


def barred_because(noted: Absence, claimed: Claim, actor: Actor) -> str | None:
    """Why this person may not decide about the objection; None if they may."""
    if noted.marked_by_id == actor.account_id:
        return _("You noted this yourself, so another person decides.")
    if claimed.volunteer_id == actor.volunteer_id:
        return _("This is about you, so another person decides.")
    return None


def _forget_words(leaving: Departure) -> None:
    """What somebody wrote and what was written about them goes with their data; the bare fact fades by itself."""
    if leaving.volunteer_id is None or leaving.data is not Leaving.ERASE:
        return
    mine = db.select(Claim.id).where(Claim.volunteer_id == leaving.volunteer_id)
    theirs = db.update(Absence).where(Absence.claim_id.in_(mine)).execution_options(synchronize_session=False)
    db.session.execute(theirs.where(Absence.dispute != "").values(dispute="-"))
    db.session.execute(theirs.where(Absence.decision != "").values(decision="-"))
    db.session.execute(theirs.where(Absence.reason != "").values(reason=""))


identity.ON_LEAVE.append(_forget_words)


# --- what the verbs above share -----------------------------------------------------------------------------


def _locked(absence_id: int) -> tuple[Absence, Claim, Shift]:
    claimed = lock(Claim, db.get_or_404(Absence, absence_id).claim_id)
    return lock(Absence, absence_id), claimed, db.session.get_one(Shift, claimed.shift_id)


def _require(actor: Actor, shift: Shift, *roles: Role) -> Organization:
    organization = queries.organization_of(shift)
    if not any(actor.may(role, organization.path) for role in roles):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    return organization


def _told(claimed: Claim, shift: Shift, kind: NoticeKind, now: datetime, **values: Any) -> None:
    account_id = db.session.get_one(Volunteer, claimed.volunteer_id).account_id
    values |= {"title": db.session.get_one(Post, shift.post_id).title}
    tell(account_id, kind, now=now, path=OWN_PAGE, starts=shift.starts_at, ends=shift.ends_at, **values)


def _trace(what: str, noted: Absence, claimed: Claim, actor: Actor, organization: Organization, now: datetime) -> None:
    person = db.session.get_one(Volunteer, claimed.volunteer_id).account_id
    audit.note(what, noted, actor_id=actor.account_id, now=now, organization_id=organization.id, about_id=person)
