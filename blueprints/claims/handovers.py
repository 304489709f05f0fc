"""Finding a stand-in, and swapping places. Until somebody agrees the holder holds; then the place goes over at once.

Locks as everywhere: shifts by id, volunteers by id, claims; and the handover itself last.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from blueprints.claims import actions, queries, seeking
from blueprints.claims.models import (
    RUNNING,
    Audience,
    Claim,
    ClaimState,
    Handover,
    HandoverState,
    Source,
)
from blueprints.identity.models import Account, Volunteer
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from core import masks
from core.actor import Actor
from core.db import db, lock
from core.i18n import _
from core.refusal import Refusal

# --- looking for somebody -------------------------------------------------------------------------------------


def seek(
    claim_id: int,
    actor: Actor,
    *,
    audience: Audience,
    asked: Volunteer | None = None,
    wanted_shift_id: int | None = None,
    now: datetime,
) -> Handover:
    """Look for a stand-in, or for a swap with a place of `wanted_shift_id`; the holder keeps the place meanwhile."""
    shifts = _locked_shifts(db.get_or_404(Claim, claim_id).shift_id, wanted_shift_id)
    own = lock(Claim, claim_id)
    if own.volunteer_id != actor.volunteer_id:
        raise Refusal(_("This is somebody else's claim. Your own stand in your schedule."))
    shift, wanted = shifts[own.shift_id], shifts.get(wanted_shift_id or 0)
    _refuse_unfit_place(own, shift, now)
    _refuse_unfit_search(own, asked, actor)
    if wanted:
        _refuse_unfit_swap(shift, wanted, now)
    handover = Handover(claim_id=own.id, wanted_shift_id=wanted_shift_id, audience=audience, created_at=now)
    handover.asked_id = asked.id if asked else None
    db.session.add(handover)
    for shown in shifts.values():
        shown.revision += audience is Audience.ANYBODY
    db.session.flush()
    _ask(handover, own, shift, wanted, asked, now)
    return handover


def _locked_shifts(*shift_ids: int | None) -> dict[int, Shift]:
    """The shifts with everybody on them, by id."""
    found = {shift.id: shift for shift in actions._lock_with_people([id for id in shift_ids if id])}
    for id in shift_ids:
        if id and id not in found:
            raise Refusal(_("This shift does not exist. Choose one from the list."), "wanted")
    return found


def _refuse_unfit_place(own: Claim, shift: Shift, now: datetime) -> None:
    """Only a held place of a shift to come can go over, and only while its holder has not been checked in."""
    if own.state is not ClaimState.HELD:
        raise Refusal(_("There is no place to pass on: it is not held any more. Your schedule shows what you hold."))
    _refuse_begun(shift, now)
    if own.handed_in_at or queries.attendance(own.id).spans:
        raise Refusal(_("This person is checked in already, so the place stays as it is."))


def _refuse_begun(shift: Shift, now: datetime) -> None:
    if shift.state is not ShiftState.OPEN or db.session.get_one(Post, shift.post_id).state is not PostState.PUBLISHED:
        raise Refusal(_("This shift was cancelled. Please choose another one from the list."))
    if now >= shift.starts_at:
        raise Refusal(_("The shift has started. Please tell the person in charge on the spot."))


def _refuse_unfit_search(own: Claim, asked: Volunteer | None, actor: Actor) -> None:
    if seeking.running_for(own.id):
        raise Refusal(_("You are looking for somebody already. Take that back before you ask anew."))
    if asked and asked.id == actor.volunteer_id:
        raise Refusal(_("This is yourself. Please name somebody else."), "contact")


def _refuse_unfit_swap(shift: Shift, wanted: Shift, now: datetime) -> None:
    _refuse_begun(wanted, now)
    if wanted.id == shift.id:
        raise Refusal(_("This is the same shift. Please choose another one."), "wanted")
    for each in (shift, wanted):
        if db.session.get_one(Post, each.post_id).approves:
            raise Refusal(_("The organizer approves each person on this post, so its places are not swapped."))


def _ask(
    handover: Handover, own: Claim, shift: Shift, wanted: Shift | None, asked: Volunteer | None, now: datetime
) -> None:
    """Tell whoever can answer: the person named, or everyone on the wanted shift. Anybody else finds it on the list."""
    values = _about(shift) | {"person": _name(own.volunteer_id)} | _other(wanted)
    kind = NoticeKind.SWAP_ASKED if wanted else NoticeKind.STAND_IN_ASKED
    accounts = [asked.account_id] if asked else []
    if wanted and handover.audience is Audience.ANYBODY:
        accounts = seeking.holders_of(wanted.id)
    for account_id in accounts:
        tell(account_id, kind, now=now, path=f"/handovers/{seeking.token(handover)}", **values)


def _about(shift: Shift) -> dict[str, Any]:
    title = db.session.get_one(Post, shift.post_id).title
    return {"title": title, "starts": shift.starts_at, "ends": shift.ends_at}


def _other(wanted: Shift | None) -> dict[str, Any]:
    return {f"other_{name}": value for name, value in _about(wanted).items()} if wanted else {}


def _name(volunteer_id: int) -> str:
    """Enough of a name for a message; the page says it whole."""
    account_id = db.session.get_one(Volunteer, volunteer_id).account_id
    return masks.name(db.session.get_one(Account, account_id).name)


def withdraw(handover_id: int, actor: Actor, *, now: datetime) -> Handover:
    """Stop looking; the holder keeps the place."""
    handover, given, shift = _held(handover_id)
    if given.volunteer_id != actor.volunteer_id:
        raise Refusal(_("This is somebody else's claim. Your own stand in your schedule."))
    _require_running(handover)
    handover.state, handover.ended_at, handover.taken_id = HandoverState.WITHDRAWN, now, None
    shift.revision += 1
    return handover


def refuse(handover_id: int, actor: Actor, *, now: datetime) -> Handover:
    """The person who was named cannot; the holder is told and can ask somebody else."""
    handover, _given, _shift = _held(handover_id)
    if handover.asked_id is None or handover.asked_id != actor.volunteer_id:
        raise Refusal(_("Nobody asked you by name, so there is nothing to decline."))
    _require_running(handover)
    actions.end_handover(handover, NoticeKind.HANDOVER_REFUSED, HandoverState.REFUSED, now)
    return handover


def _held(handover_id: int) -> tuple[Handover, Claim, Shift]:
    found = db.get_or_404(Handover, handover_id)
    shift_id = db.session.get_one(Claim, found.claim_id).shift_id
    shift = _locked_shifts(shift_id)[shift_id]
    given = lock(Claim, found.claim_id)
    return lock(Handover, handover_id), given, shift


def _require_running(handover: Handover) -> None:
    if handover.state is HandoverState.OPEN:
        return
    sentences = {
        HandoverState.AGREED: _("Somebody has agreed already, and the organizer decides now."),
        HandoverState.DONE: _("Somebody else has taken this place over already. Thank you all the same."),
    }
    raise Refusal(sentences.get(handover.state, _("This search has ended. Thank you all the same.")))


# --- agreeing -------------------------------------------------------------------------------------------------


def agree(handover_id: int, actor: Actor, *, now: datetime) -> Claim:
    """Take over the place, or swap; all rules of claiming hold for everyone who gets a place."""
    found = db.get_or_404(Handover, handover_id)
    if actor.volunteer_id is None:
        raise Refusal(_("Please register as a volunteer first."))
    shift_id = db.session.get_one(Claim, found.claim_id).shift_id
    locked = actions._lock_with_people([id for id in (shift_id, found.wanted_shift_id) if id], actor.volunteer_id)
    shifts = {shift.id: shift for shift in locked}
    given, handover = lock(Claim, found.claim_id), lock(Handover, handover_id)
    _refuse_agreeing(handover, given, shifts[shift_id], actor, now)
    if handover.wanted_shift_id:
        return _swap(handover, given, shifts[shift_id], shifts[handover.wanted_shift_id], actor, now)
    return _stand_in(handover, given, shifts[shift_id], actor.volunteer_id, now)


def _refuse_agreeing(handover: Handover, given: Claim, shift: Shift, actor: Actor, now: datetime) -> None:
    _require_running(handover)
    _refuse_unfit_place(given, shift, now)
    if given.volunteer_id == actor.volunteer_id:
        raise Refusal(_("This is your own place. You hold it until somebody else agrees."))
    if handover.asked_id and handover.asked_id != actor.volunteer_id:
        raise Refusal(_("Somebody else was asked by name. Look at the list for other places."))


def _stand_in(handover: Handover, given: Claim, shift: Shift, volunteer_id: int, now: datetime) -> Claim:
    post, taker = db.session.get_one(Post, shift.post_id), db.session.get_one(Volunteer, volunteer_id)
    mine = queries.live_claim(shift.id, taker.id)
    if mine and mine.place:
        raise Refusal(_("You hold place %(place)d of this shift yourself.", place=mine.place))
    if sentence := queries.unfit_because(shift, post, taker):
        raise Refusal(sentence)
    approved = mine is not None and mine.state is ClaimState.WAITING
    if post.approves and not approved:
        return _await_the_organizer(handover, given, mine, shift, taker, now)
    return actions.pass_on(handover, taker, shift, now)


def _await_the_organizer(
    handover: Handover, given: Claim, mine: Claim | None, shift: Shift, taker: Volunteer, now: datetime
) -> Claim:
    """On an approval post nobody gets a place without the organizer's word, a stand-in neither."""
    request = mine or actions._ask(shift, taker, source=Source.STAND_IN, now=now)
    db.session.flush()
    handover.state, handover.taken_id = HandoverState.AGREED, request.id
    shift.revision += 1
    giver = db.session.get_one(Volunteer, given.volunteer_id)
    values = _about(shift) | {"person": _name(taker.id)}
    tell(giver.account_id, NoticeKind.STAND_IN_WAITS, now=now, path=f"/shifts/{shift.id}", **values)
    return request


def _swap(handover: Handover, given: Claim, shift: Shift, wanted: Shift, actor: Actor, now: datetime) -> Claim:
    """Both places go over in one step: both claims end first, so that neither stands in the way of the other."""
    _refuse_unfit_swap(shift, wanted, now)
    live = queries.live_claim(wanted.id, actor.volunteer_id or 0)
    if live is None:
        raise Refusal(_("You hold no place on the shift that is wanted, so there is nothing to swap."))
    theirs = lock(Claim, live.id)
    _refuse_unfit_place(theirs, wanted, now)
    first, second = (db.session.get_one(Volunteer, claim.volunteer_id) for claim in (given, theirs))
    places = given.place or 0, theirs.place or 0
    for claim, on in ((given, shift), (theirs, wanted)):
        actions._end(claim, on, ClaimState.PASSED_ON, reason="", now=now)
    db.session.flush()
    _refuse_unfit_pair(shift, wanted, first, second)
    got = actions.receive(wanted, first, places[1], Source.SWAP, now)
    mine = actions.receive(shift, second, places[0], Source.SWAP, now)
    handover.state, handover.taken_id, handover.ended_at = HandoverState.DONE, mine.id, now
    _tell_swapped(shift, wanted, got, mine, now)
    return mine


def _refuse_unfit_pair(shift: Shift, wanted: Shift, first: Volunteer, second: Volunteer) -> None:
    for volunteer, on in ((first, wanted), (second, shift)):
        live = queries.live_claim(on.id, volunteer.id)
        sentence = queries.unfit_because(on, db.session.get_one(Post, on.post_id), volunteer)
        if live and live.place:
            sentence = _("You hold place %(place)d of this shift yourself.", place=live.place)
        if sentence and volunteer is first:  # why is nobody's business but theirs
            raise Refusal(_("The other person can no longer serve on your shift, so this swap is not possible."))
        if sentence:
            raise Refusal(sentence)


def _tell_swapped(shift: Shift, wanted: Shift, got: Claim, mine: Claim, now: datetime) -> None:
    """Both people, and the clerks of both shifts."""
    names = {"giver": _name(got.volunteer_id), "person": _name(mine.volunteer_id)}
    for claim, to, other in ((got, wanted, shift), (mine, shift, wanted)):
        account_id = db.session.get_one(Volunteer, claim.volunteer_id).account_id
        values = _about(to) | _other(other) | {"place": claim.place or 0}
        tell(account_id, NoticeKind.SWAP_DONE, now=now, path=f"/shifts/{to.id}", **values)
        actions.tell_clerks(to, NoticeKind.PLACES_SWAPPED, now, **names, **_other(other))


# --- what ends by itself --------------------------------------------------------------------------------------


def end_due(now: datetime) -> int:
    """End the searches whose shift has begun; returns how many."""
    wanted = select(Handover).where(Handover.id.in_(seeking.due(now)), Handover.state.in_(RUNNING))
    late = db.session.scalars(wanted.order_by(Handover.id).with_for_update(of=Handover, skip_locked=True)).all()
    for handover in late:
        actions.end_handover(handover, NoticeKind.HANDOVER_ENDED, HandoverState.ENDED, now)
    return len(late)
