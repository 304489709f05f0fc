"""Making one of two registrations of a person: asked for by one, decided by another above, and nothing recorded is
touched (decision 0030)."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from blueprints.claims import actions as claims
from blueprints.claims.models import Claim, ClaimState
from blueprints.identity import actions as identity
from blueprints.identity import queries as people
from blueprints.identity.actions import Departure
from blueprints.identity.models import Leaving, SlipPurpose, Volunteer
from blueprints.mergers import queries
from blueprints.mergers.models import NEXT_STATES, Likeness, Merger, MergerState
from blueprints.mergers.preview import preview
from blueprints.messages.actions import tell, tell_departed
from blueprints.messages.models import NoticeKind
from blueprints.organizations.models import Organization
from blueprints.records import attempts
from blueprints.records.attempts import About
from blueprints.records.models import Bar, Tried
from core import audit
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Barred, Refusal, is_said

PROVES = (SlipPurpose.CLAIM, SlipPurpose.PASSWORD)  # slips that show whose an account is

# --- asking ---------------------------------------------------------------------------------------------------


def propose(away_id: int, keep_id: int, actor: Actor, *, reason: str, now: datetime) -> Merger:
    """An administrator of both proposes that the one goes on as the other."""
    away, keep = _both(away_id, keep_id)
    organization = _in_common(away, keep)
    if not actor.may(Role.ADMINISTRATOR, organization.path):
        sentence = _("Your role does not cover %(name)s. Ask your office.", name=organization.name)
        raise Barred(sentence, Tried.MERGE, Bar.NO_ROLE, keep)
    if actor.account_id in (away.account_id, keep.account_id):
        sentence = _("One of the two is yours. Ask for it on your own page; others decide.")
        raise Barred(sentence, Tried.MERGE, Bar.OWNER, keep)
    made = _proposed(away, keep, organization, actor, reason, now)
    for account_id in (keep.account_id, away.account_id):
        told = {"organization": organization.name, "number": keep.number}
        tell(account_id, NoticeKind.REGISTRATION_MERGING, now=now, path="/me/mergers", **told)
    return made


def ask(away_id: int, actor: Actor, *, reason: str, now: datetime) -> Merger:
    """The person asks for it themself. Whoever calls this has seen that they know the password of the other one."""
    away, keep = _both(away_id, actor.volunteer_id or 0)
    organization = _in_common(away, keep)
    made = _proposed(away, keep, organization, actor, reason, now)
    told = {"organization": organization.name, "number": keep.number}
    tell(away.account_id, NoticeKind.REGISTRATION_MERGING, now=now, path="/me/mergers", **told)
    return made


def ask_with_slip(slip_id: int, actor: Actor, *, reason: str, now: datetime) -> Merger:
    """The same with a slip that the station handed over for the other registration; it is used up."""
    slip = people.slip_in_hand(slip_id, now)
    other = people.volunteer_of(slip.account_id) if slip and slip.purpose in PROVES else None
    if slip is None or other is None:
        raise Refusal(identity.unusable(), "code")
    made = ask(other.id, actor, reason=reason, now=now)
    identity.use_slip(slip_id, slip.purpose, now)
    return made


def _both(away_id: int, keep_id: int) -> tuple[Volunteer, Volunteer]:
    """The two registrations, locked in the order of their ids, with their accounts."""
    locked = {id: lock(Volunteer, id) for id in sorted({away_id, keep_id})}
    for volunteer in locked.values():
        db.session.refresh(volunteer, ["account", "registered_with"])
    return locked[away_id], locked[keep_id]


def _in_common(away: Volunteer, keep: Volunteer) -> Organization:
    return db.session.get_one(Organization, queries.in_common(away.registered_with, keep.registered_with))


def _proposed(
    away: Volunteer, keep: Volunteer, organization: Organization, actor: Actor, reason: str, now: datetime
) -> Merger:
    if not is_said(reason):
        raise Refusal(_("Please say how you know, so that whoever decides can look into it."), "reason")
    waits = select(Merger.id).where(Merger.away_id == away.id, Merger.state == MergerState.PROPOSED)
    if db.session.scalar(waits):
        raise Refusal(_("That this registration be merged is proposed already, and waits for a decision."))
    _refuse_obstacles(away, keep, now)
    made = Merger(away_id=away.id, keep_id=keep.id, organization_id=organization.id, state=MergerState.PROPOSED)
    made.asked_at, made.asked_by_id, made.reason, made.answer = now, actor.account_id, reason, ""
    db.session.add(made)
    _trace("merger proposed", made, keep, actor.account_id, now, away=away.id)
    for account_id in queries.deciders(organization, {actor.account_id, away.account_id, keep.account_id}):
        tell(account_id, NoticeKind.MERGER_WAITS, now=now, path=f"/desk/mergers/{made.id}")
    return made


def _refuse_obstacles(away: Volunteer, keep: Volunteer, now: datetime) -> None:
    in_the_way = preview(away, keep, now=now).sentences
    if in_the_way:
        raise Refusal(" ".join(in_the_way))


# --- deciding -------------------------------------------------------------------------------------------------


def approve(merger_id: int, actor: Actor, *, answer: str, now: datetime) -> Merger:
    """Another person, above both, agrees: from now on everything that is recorded of either counts as one person's.

    No entry and no row of the ledger is changed.
    """
    merger, away, keep = _judged(merger_id, actor, answer)
    _refuse_obstacles(away, keep, now)
    _decide(merger, MergerState.APPROVED, actor.account_id, answer, now)
    email = away.account.email
    identity.merge(away.id, keep.id, actor, now=now)
    _close_attendance(away.id, now)
    _trace("merger approved", merger, keep, actor.account_id, now, away=away.id)
    tell(keep.account_id, NoticeKind.REGISTRATION_MERGED, now=now, path="/me/records", number=keep.number)
    tell_departed(away.account_id, email, NoticeKind.REGISTRATION_MERGED, now=now, number=keep.number)
    return merger


def _close_attendance(volunteer_id: int, now: datetime) -> None:
    """Nothing is handed in for a registration that is over."""
    held = select(Claim).where(Claim.volunteer_id == volunteer_id, Claim.state == ClaimState.HELD)
    for claim in db.session.scalars(held.where(Claim.handed_in_at.is_(None)).order_by(Claim.id).with_for_update()):
        claims.close_attendance(claim, now=now)


def decline(merger_id: int, actor: Actor, *, answer: str, now: datetime) -> Merger:
    """Say no, and why; both go on as before."""
    merger, away, keep = _judged(merger_id, actor, answer)
    _decide(merger, MergerState.DECLINED, actor.account_id, answer, now)
    _trace("merger declined", merger, keep, actor.account_id, now, away=away.id)
    _tell_ended(merger, away, keep, answer, now)
    return merger


def refuse(merger_id: int, actor: Actor, *, now: datetime) -> Merger:
    """Whoever proposed it takes it back, or one of the two says that the other is not theirs."""
    merger, away, keep = _locked(merger_id)
    by_owner = actor.account_id in (away.account_id, keep.account_id)
    if actor.account_id != merger.asked_by_id and not by_owner:
        raise Refusal(_("Only whoever proposed this, or whose registration it is, takes it back."))
    withdrawn = actor.account_id == merger.asked_by_id
    state = MergerState.WITHDRAWN if withdrawn else MergerState.OBJECTED
    _decide(merger, state, actor.account_id, "", now)
    _trace("merger withdrawn" if withdrawn else "merger objected to", merger, keep, actor.account_id, now)
    why = _("It was taken back.") if withdrawn else _("The person says that the other registration is not theirs.")
    _tell_ended(merger, away, keep, why, now)
    return merger


def _judged(merger_id: int, actor: Actor, answer: str) -> tuple[Merger, Volunteer, Volunteer]:
    """A proposal that waits, locked, and that this person may decide on."""
    merger, away, keep = _locked(merger_id)
    organization = db.session.get_one(Organization, merger.organization_id)
    if not queries.may_decide(actor, organization):
        sentence = _("An administrator above %(name)s decides on this.", name=organization.name)
        raise Barred(sentence, Tried.MERGE, Bar.TOO_LOW, merger)
    if people.is_one_of(actor.account_id, {merger.asked_by_id}):
        sentence = _("You proposed this, or somebody of your name or mail address did; another person decides.")
        raise Barred(sentence, Tried.MERGE, Bar.PROPOSER, merger)
    if people.is_one_of(actor.account_id, {away.account_id, keep.account_id}):
        sentence = _("One of the two is yours, or your account has its name or mail address; another person decides.")
        raise Barred(sentence, Tried.MERGE, Bar.OWNER, merger)
    if not is_said(answer):
        raise Refusal(_("Please say what you looked at, or why not."), "answer")
    return merger, away, keep


def _locked(merger_id: int) -> tuple[Merger, Volunteer, Volunteer]:
    known = db.get_or_404(Merger, merger_id)
    away, keep = _both(known.away_id, known.keep_id)
    merger = lock(Merger, merger_id)
    if merger.state is not MergerState.PROPOSED:
        raise Refusal(_("Somebody decided on this merger meanwhile. Reload the page to see how."))
    return merger, away, keep


def _decide(merger: Merger, state: MergerState, by_id: int, answer: str, now: datetime) -> None:
    if state not in NEXT_STATES[merger.state]:
        raise Refusal(_("Somebody decided on this merger meanwhile. Reload the page to see how."))
    merger.state, merger.decided_at, merger.decided_by_id, merger.answer = state, now, by_id, answer
    db.session.flush()


def _tell_ended(merger: Merger, away: Volunteer, keep: Volunteer, why: str, now: datetime) -> None:
    for account_id in (keep.account_id, away.account_id):
        if account_id != merger.decided_by_id:
            tell(account_id, NoticeKind.REGISTRATION_STAYS, now=now, path="/me/mergers", reason=why)
    if merger.asked_by_id not in (merger.decided_by_id, keep.account_id, away.account_id):
        path = f"/desk/mergers/{merger.id}"
        tell(merger.asked_by_id, NoticeKind.MERGER_DECLINED, now=now, path=path, reason=why)


# --- pairs that look alike --------------------------------------------------------------------------------------


def dismiss(likeness_id: int, actor: Actor, *, reason: str, now: datetime) -> Likeness:
    """Write down that two registrations which look alike are two people's."""
    if not is_said(reason):
        raise Refusal(_("Please say how you know."), "why")
    pair = lock(Likeness, likeness_id)
    away, keep = _both(pair.first_id, pair.second_id)
    organization = _in_common(away, keep)
    if not actor.may(Role.ADMINISTRATOR, organization.path):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    if pair.dismissed_at:
        raise Refusal(_("Somebody looked at this meanwhile."))
    pair.dismissed_at, pair.dismissed_by_id, pair.reason = now, actor.account_id, reason
    _trace("likeness dismissed", pair, keep, actor.account_id, now, other=away.id)
    return pair


# --- what all of them do ----------------------------------------------------------------------------------------


def _trace(what: str, subject: Any, keep: Volunteer, by_id: int, now: datetime, **details: int) -> None:
    audit.note(
        what,
        subject,
        actor_id=by_id,
        now=now,
        organization_id=keep.registered_with_id,
        about_id=keep.account_id,
        **details,
    )


def _about_merger(merger_id: int) -> About | None:
    merger = db.session.get(Merger, merger_id)
    return About(people.account_of(merger.keep_id), merger.organization_id) if merger else None


attempts.FINDERS[Merger.__tablename__] = _about_merger


def _let_go(leaving: Departure) -> None:
    """A proposal about somebody who leaves is over; if all is to be erased, so are the words of earlier ones."""
    if leaving.volunteer_id is None:
        return
    theirs = (Merger.away_id == leaving.volunteer_id) | (Merger.keep_id == leaving.volunteer_id)
    ended = {"state": MergerState.WITHDRAWN, "decided_at": leaving.now, "decided_by_id": leaving.account_id}
    db.session.execute(update(Merger).where(theirs, Merger.state == MergerState.PROPOSED).values(ended))
    if leaving.data is Leaving.ERASE:
        db.session.execute(update(Merger).where(theirs).values(reason="*"))
        db.session.execute(update(Merger).where(theirs, Merger.answer != "").values(answer="*"))
        alike = (Likeness.first_id == leaving.volunteer_id) | (Likeness.second_id == leaving.volunteer_id)
        db.session.execute(update(Likeness).where(alike, Likeness.reason != "").values(reason="*"))


identity.ON_LEAVE.append(_let_go)
