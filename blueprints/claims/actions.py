"""What can happen to a claim and to attendance. Locks are always taken in one order: shifts by id, then
volunteers by id, then claims; so two people reaching for the last place are served one after the other,
and nobody waits in a circle."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import joinedload
from werkzeug.exceptions import NotFound

from blueprints.claims import queries, seeking
from blueprints.claims.models import (
    LIVE_STATES,
    NEXT_STATES,
    RUNNING,
    Act,
    Claim,
    ClaimState,
    EvidenceClass,
    Handover,
    HandoverState,
    Member,
    Party,
    Punch,
    PunchNote,
    Source,
    Watch,
)
from blueprints.identity import actions as identity
from blueprints.identity.actions import Departure
from blueprints.identity.models import Account, Leaving, Volunteer
from blueprints.messages.actions import announce, tell
from blueprints.messages.models import BulletinKind, NoticeKind
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.posts import actions as posts
from blueprints.posts.models import Post, Shift, ShiftState
from core import audit, display, masks
from core.actor import Actor, Role
from core.db import Rows, amend, db, lock, put
from core.i18n import _
from core.refusal import Barred, Refusal, is_said

# Whoever a clerk puts on a shift is approved by that very act.
BY_THE_ORGANIZER = (Source.DESK, Source.WALK_IN)

# --- claiming ---------------------------------------------------------------------------------------------


def claim(shift_id: int, actor: Actor, *, now: datetime) -> Claim:
    """Give the actor the lowest free place on the shift, or a place in line when it is full."""
    shift, post = _locked(shift_id)
    return _enter(shift, post, _volunteer(actor.volunteer_id), source=Source.OWN, now=now)


def claim_for(shift_id: int, volunteer_id: int, actor: Actor, *, now: datetime) -> Claim:
    """A clerk claims for somebody who called or came by; the same rules hold, and the person is told."""
    shift, post = _locked(shift_id)
    organization = _require(actor, Role.CLERK, shift)
    entered = _enter(shift, post, _volunteer(volunteer_id), source=Source.DESK, now=now)
    _trace("claimed for", entered, actor, organization, now)
    return entered


def _enter(shift: Shift, post: Post, volunteer: Volunteer, *, source: Source, now: datetime) -> Claim:
    occupied = queries.occupied(shift, volunteer.id, now)
    if occupied.by_this_person:
        raise Refusal(_("You have already claimed this shift. You find it in your schedule."))
    if sentence := queries.obstacle(shift, post, volunteer, now):
        raise Refusal(sentence)
    if occupied.lapsed:
        _lapse(shift, now)
        occupied = queries.occupied(shift, volunteer.id, now)
    if post.approves and source not in BY_THE_ORGANIZER:
        return _ask(shift, volunteer, source=source, now=now)
    return _place(shift, volunteer, occupied, source=source, now=now)


def _ask(shift: Shift, volunteer: Volunteer, *, source: Source, now: datetime) -> Claim:
    """A request keeps nobody out: the organizer gives the place, or says why not."""
    asked = _new_claim(shift, volunteer, ClaimState.REQUESTED, None, source, now)
    _told(asked, shift, NoticeKind.REQUEST_RECEIVED, now)
    return asked


def _new_claim(
    shift: Shift,
    volunteer: Volunteer,
    state: ClaimState,
    place: int | None,
    source: Source,
    now: datetime,
    *,
    until: datetime | None = None,
) -> Claim:
    entered = Claim(shift_id=shift.id, volunteer_id=volunteer.id, state=state, place=place, places=shift.places)
    entered.source, entered.claimed_at, entered.offered_until = source, now, until
    put(entered)
    amend(shift, revision=shift.revision + 1)
    return entered


def _place(shift: Shift, volunteer: Volunteer, occupied: queries.Occupied, *, source: Source, now: datetime) -> Claim:
    """The lowest free number, or the end of the line."""
    state = ClaimState.HELD if occupied.free else ClaimState.WAITING
    entered = _new_claim(shift, volunteer, state, occupied.free, source, now)
    _tell_where(entered, shift, occupied.waiting + 1, now)
    return entered


def _tell_where(entered: Claim, shift: Shift, position: int, now: datetime) -> None:
    """The place, or the position in line."""
    if place := entered.place:
        _told(entered, shift, NoticeKind.CLAIM_HELD, now, place=place)
    else:
        _told(entered, shift, NoticeKind.CLAIM_WAITING, now, position=position)


def accept(claim_id: int, actor: Actor, *, now: datetime) -> Claim:
    """Take up the place that was offered."""
    offered, shift = _own_claim(claim_id, actor)
    if offered.state is ClaimState.HELD:
        raise Refusal(_("You already hold place %(place)d.", place=offered.place))
    if offered.state is not ClaimState.OFFERED or offered.offered_until is None or now >= offered.offered_until:
        raise Refusal(_("The offer has ended and the place went on. You can claim again and wait in line."))
    _move(offered, ClaimState.HELD, offered.place)
    shift.revision += 1
    _told(offered, shift, NoticeKind.CLAIM_HELD, now, place=offered.place or 0)
    return offered


def cancel(claim_id: int, actor: Actor, *, reason: str = "", now: datetime) -> Claim:
    """Give up one's own claim: freely until the deadline, later with a reason and marked late."""
    own, shift = _own_claim(claim_id, actor)
    _refuse_late_cancelling(own, shift, now)
    if _attended_ids([own]):
        raise Refusal(_("You are checked in. Please ask the clerk to undo that first."))
    late = not queries.leaves_unmarked(own, shift, now)
    if late and not reason:
        raise Refusal(
            _("It is less than %(hours)d hours to the start. Please give a reason.", hours=_cancel_hours()),
            "reason",
        )
    _end(own, shift, ClaimState.LATE if late else ClaimState.CANCELLED, reason=reason, now=now)
    _told(own, shift, NoticeKind.CLAIM_CANCELLED, now)
    _fill(shift, now)
    return own


def _refuse_late_cancelling(own: Claim, shift: Shift, now: datetime) -> None:
    if own.state not in LIVE_STATES:
        raise Refusal(_("This claim has already ended. Your schedule shows what you hold."))
    if own.place and now >= shift.starts_at:
        raise Refusal(_("The shift has started. Please tell the person in charge on the spot."))


def release(claim_id: int, actor: Actor, *, reason: str, now: datetime) -> Claim:
    """A clerk frees a place, for somebody who called or did not come; the person is told why."""
    shift, released = _claim_and_shift(claim_id)
    organization = _require(actor, Role.CLERK, shift)
    if released.state not in LIVE_STATES:
        raise Refusal(_("This claim has already ended."))
    if _attended_ids([released]):
        raise Refusal(_("This person was checked in. Undo that first if it was a mistake."))
    _end(released, shift, ClaimState.CALLED_OFF, reason=reason, now=now)
    _trace("released", released, actor, organization, now)
    _told(released, shift, NoticeKind.CLAIM_RELEASED, now, reason=reason)
    _fill(shift, now)
    return released


def release_all(volunteer_id: int, *, now: datetime) -> None:
    """Give up everything that is still to come, because the person leaves or may no longer serve."""
    ids = [own.shift_id for own in queries.future_live_claims(volunteer_id, now)]
    shifts = {shift.id: shift for shift in _lock_with_people(ids, volunteer_id)}
    held = [own for own in queries.future_live_claims(volunteer_id, now) if own.shift_id in shifts]
    attended = _attended_ids(held)
    for own in held:
        if own.id not in attended:
            _end(own, shifts[own.shift_id], ClaimState.CANCELLED, reason="", now=now)
            _fill(shifts[own.shift_id], now)


def _let_go(leaving: Departure) -> None:
    if leaving.volunteer_id is not None:
        release_all(leaving.volunteer_id, now=leaving.now)
        _no_longer_asked(leaving.volunteer_id, leaving.now)
        if leaving.data is Leaving.ERASE:
            _forget_words(leaving.volunteer_id)


def _forget_words(volunteer_id: int) -> None:
    """What the person wrote when cancelling goes with their data; a late one keeps its mark without the words.

    So does what a clerk wrote beside their times: the times stay, append-only, the words do not.
    """
    mine = db.update(Claim).where(Claim.volunteer_id == volunteer_id, Claim.reason != "")
    db.session.execute(mine.values(reason="-"))
    punches = db.select(Punch.id).join(Claim, Claim.id == Punch.claim_id).where(Claim.volunteer_id == volunteer_id)
    db.session.execute(db.delete(PunchNote).where(PunchNote.punch_id.in_(punches)))


identity.ON_LEAVE.append(_let_go)


# --- posts where the organizer approves each claim ----------------------------------------------------------


def approve(claim_id: int, actor: Actor, *, now: datetime) -> Claim:
    """A clerk says yes: the lowest free place, or the end of the line when all are held."""
    asked, shift, organization = _asked(claim_id, actor, now)
    post, volunteer = db.session.get_one(Post, shift.post_id), db.session.get_one(Volunteer, asked.volunteer_id)
    if sentence := queries.unfit_because(shift, post, volunteer):
        raise Refusal(sentence)
    _trace("request approved", asked, actor, organization, now)
    if handover := seeking.agreed_for(asked.id):
        return pass_on(handover, volunteer, shift, now)
    _lapse(shift, now)
    place = next(iter(queries.free_places(shift)), None)
    _move(asked, ClaimState.HELD if place else ClaimState.WAITING, place)
    shift.revision += 1
    db.session.flush()
    _tell_where(asked, shift, queries.position(asked), now)
    return asked


def decline(claim_id: int, actor: Actor, *, reason: str, now: datetime) -> Claim:
    """A clerk says no and why; the person is told."""
    asked, shift, organization = _asked(claim_id, actor, now)
    if not is_said(reason):
        raise Refusal(_("Please give a reason: the person reads it."), "reason")
    _end(asked, shift, ClaimState.DECLINED, reason=reason, now=now)
    _trace("request declined", asked, actor, organization, now, reason=reason)
    _told(asked, shift, NoticeKind.REQUEST_DECLINED, now, reason=reason)
    return asked


def _asked(claim_id: int, actor: Actor, now: datetime) -> tuple[Claim, Shift, Organization]:
    """A request that can still be answered, by whoever may, locked with its shift and people."""
    shift, asked = _claim_and_shift(claim_id)
    organization = _require(actor, Role.CLERK, shift)
    if asked.state is not ClaimState.REQUESTED:
        raise Refusal(_("This request was answered or taken back meanwhile. Reload the page."))
    if now >= shift.starts_at or shift.state is not ShiftState.OPEN:
        raise Refusal(_("The shift has started. Whoever came can be added on its roster."))
    return asked, shift, organization


def end_requests(now: datetime) -> int:
    """End the requests nobody had answered when their shift began; returns how many shifts had one."""
    shifts = _lock_with_people(queries.unanswered_shift_ids(now))
    for shift in shifts:
        for asked in queries.requests(shift.id):
            _end(asked, shift, ClaimState.UNANSWERED, reason="", now=now)
            _told(asked, shift, NoticeKind.REQUEST_UNANSWERED, now)
    return len(shifts)


# --- a place goes over to somebody else ----------------------------------------------------------------------


def pass_on(handover: Handover, taker: Volunteer, shift: Shift, now: datetime) -> Claim:
    """Give the numbered place of the one who looks for a stand-in to the one who takes over; all is locked."""
    given = lock(Claim, handover.claim_id)
    place, giver = given.place or 0, db.session.get_one(Volunteer, given.volunteer_id)
    if _attended_ids([given]):
        raise Refusal(_("This person is checked in already, so the place stays as it is."))
    _end(given, shift, ClaimState.PASSED_ON, reason="", now=now)
    taken = receive(shift, taker, place, Source.STAND_IN, now)
    handover.state, handover.taken_id, handover.ended_at = HandoverState.DONE, taken.id, now
    db.session.flush()
    _told(taken, shift, NoticeKind.CLAIM_HELD, now, place=place)
    person = masks.name(db.session.get_one(Account, taker.account_id).name)
    _told(given, shift, NoticeKind.PLACE_TAKEN, now, person=person)
    names = {"giver": masks.name(db.session.get_one(Account, giver.account_id).name), "person": person}
    tell_clerks(shift, NoticeKind.PLACE_PASSED_ON, now, place=place, **names)
    return taken


def receive(shift: Shift, volunteer: Volunteer, place: int, source: Source, now: datetime) -> Claim:
    """Hold this very place from now on; whoever waited or had asked goes on from there."""
    db.session.flush()  # the place must be free before the next claim can hold it
    mine = queries.live_claim(shift.id, volunteer.id)
    if mine is None:
        mine = _new_claim(shift, volunteer, ClaimState.HELD, place, source, now)
    else:
        _move(mine, ClaimState.HELD, place)
        mine.source = source
        shift.revision += 1
    db.session.flush()  # whoever asked for this refers to the claim by its id
    return mine


def tell_clerks(shift: Shift, kind: NoticeKind, now: datetime, *, path: str = "", **values: Any) -> None:
    """Tell the clerks of the organization that offers the shift; the link leads to its roster if to nothing else."""
    post = db.session.get_one(Post, shift.post_id)
    values |= {"title": post.title, "starts": shift.starts_at, "ends": shift.ends_at}
    for account_id in seeking.staff_of(queries.organization_of(shift), Role.CLERK):
        tell(account_id, kind, now=now, path=path or f"/desk/shifts/{shift.id}/roster", **values)


def _loosen_handovers(ended: Claim, now: datetime) -> None:
    """The search of somebody who gave up the place is over; whoever had agreed and steps back leaves it open."""
    about = or_(Handover.claim_id == ended.id, Handover.taken_id == ended.id)
    running = select(Handover).where(about, Handover.state.in_(RUNNING))
    for handover in db.session.scalars(running.with_for_update(of=Handover)).all():
        handover.taken_id = None
        if handover.claim_id == ended.id:
            handover.state, handover.ended_at = HandoverState.ENDED, now
        else:
            handover.state = HandoverState.OPEN


def _end_handovers(shift: Shift, now: datetime) -> None:
    """What people agreed about belonged to the shift as it was; whoever still holds a place is told."""
    for handover in seeking.touching(shift.id):
        end_handover(handover, NoticeKind.HANDOVER_ENDED, HandoverState.ENDED, now)


def end_handover(handover: Handover, kind: NoticeKind, state: HandoverState, now: datetime) -> None:
    """End a search without success and tell the holder, who keeps the place."""
    handover.state, handover.ended_at, handover.taken_id = state, now, None
    given = db.session.get_one(Claim, handover.claim_id)
    if given.state is ClaimState.HELD:
        _told(given, db.session.get_one(Shift, given.shift_id), kind, now)


def _no_longer_asked(volunteer_id: int, now: datetime) -> None:
    """Somebody who leaves stands in for nobody; whoever asked them is told."""
    asked = select(Handover).where(Handover.asked_id == volunteer_id, Handover.state.in_(RUNNING))
    for handover in db.session.scalars(asked.with_for_update(of=Handover)).all():
        end_handover(handover, NoticeKind.HANDOVER_REFUSED, HandoverState.REFUSED, now)


# --- claiming opens later ------------------------------------------------------------------------------------


def watch(shift_id: int, actor: Actor, *, now: datetime) -> None:
    """Remember that the actor wants to be told when claiming opens; asking twice is asking once."""
    shift = lock(Shift, shift_id)
    if actor.volunteer_id is None:
        raise Refusal(_("Please register as a volunteer first."))
    if queries.opens_later(shift, now) is None or shift.state is not ShiftState.OPEN:
        raise Refusal(_("This shift does not wait to be opened. Look at it again: it may be open already."))
    if not queries.watching(shift.id, actor.volunteer_id):
        db.session.add(Watch(shift_id=shift.id, volunteer_id=actor.volunteer_id, asked_at=now))


def tell_watchers(now: datetime) -> int:
    """Tell everyone who asked that claiming has opened, each once; returns how many."""
    due = db.session.scalars(queries.untold_watches(now).with_for_update(of=Watch, skip_locked=True)).all()
    for watched in due:
        watched.told_at = now
        shift, post = watched.shift, watched.shift.post
        tell(
            watched.volunteer.account_id,
            NoticeKind.CLAIMS_OPEN,
            now=now,
            path=f"/shifts/{shift.id}",
            key=f"opens:{watched.id}",
            title=post.title,
            starts=shift.starts_at,
            ends=shift.ends_at,
        )
    return len(due)


# --- the line ---------------------------------------------------------------------------------------------


def settle_offers(now: datetime) -> int:
    """Pass on every offer that ended unanswered; returns how many shifts were looked at."""
    shifts = _lock_with_people(queries.lapsed_shift_ids(now))
    for shift in shifts:
        _lapse(shift, now)
        _fill(shift, now)
    return len(shifts)


def _lapse(shift: Shift, now: datetime) -> None:
    """End the offers that were not accepted in time."""
    for offered in map(partial(lock, Claim), queries.lapsed(shift.id, now)):
        _end(offered, shift, ClaimState.LAPSED, reason="", now=now)
        _told(offered, shift, NoticeKind.OFFER_LAPSED, now)


def _fill(shift: Shift, now: datetime) -> None:
    """Hand free places to the line: by itself while there is time, later as an offer that is kept for a while."""
    db.session.flush()  # the place must be free before the next claim can hold it
    if now >= shift.starts_at or shift.state is not ShiftState.OPEN:
        return
    post = db.session.get_one(Post, shift.post_id)
    free = queries.free_places(shift)
    for waiting in queries.line(shift.id) if free else ():
        if free and queries.unfit_because(shift, post, waiting.volunteer) is None:
            _promote(waiting, shift, free.pop(0), now)


def _promote(waiting: Claim, shift: Shift, place: int, now: datetime) -> None:
    shift.revision += 1
    if now <= queries.cancel_deadline(shift):
        _move(waiting, ClaimState.HELD, place)
        _told(waiting, shift, NoticeKind.PLACE_MOVED_UP, now, place=place)
    else:
        until = min(now + _minutes(Limit.OFFER_MINUTES), shift.starts_at)
        _move(waiting, ClaimState.OFFERED, place, until)
        _told(waiting, shift, NoticeKind.CLAIM_OFFERED, now, until=until)
    db.session.flush()


# --- changes of the shift under its claims ------------------------------------------------------------------


def change_shift(
    shift_id: int, values: dict[str, Any], actor: Actor, *, revision: int, reason: str, now: datetime
) -> Shift:
    """Change time, places or break of a shift; whoever claims it is told, and the rules are checked again.

    `values` holds starts_at, ends_at, places, break_minutes; `revision` is that of the post when the form was made.
    """
    shift, post = _locked(shift_id)
    _lock_with_people([shift.id])
    organization = _require(actor, Role.CLERK, shift)
    posts.refuse_stale(post, revision)
    told = ("starts_at", "ends_at", "break_minutes")  # what people on the shift must know of
    before = {name: getattr(shift, name) for name in (*told, "places")}
    moved = any(values[name] != before[name] for name in told)
    if moved:
        _require_reason(shift.id, reason)
    _make_room(shift, values["places"])
    posts.apply_shift_change(shift, values, now=now)
    db.session.flush()
    _trace("shift changed", shift, actor, organization, now, reason=reason, before=before, after=values)
    _recheck([shift], post, now, reason if moved else "", was=before["starts_at"])
    if moved:
        _announce(shift, post, BulletinKind.SHIFT_CHANGED, now, where=post.place, was=before["starts_at"])
    return shift


def change_post(
    post_id: int, values: dict[str, Any], actor: Actor, *, revision: int, reason: str, now: datetime
) -> Post:
    """Change what a post says; whoever claims a coming shift of it is told, and the rules are checked again."""
    shifts = _lock_with_people(queries.coming_shift_ids(post_id, now))
    post = lock(Post, post_id)
    organization = db.session.get_one(Organization, post.organization_id)
    _require_on(actor, Role.CLERK, organization)
    posts.refuse_stale(post, revision)
    for shift in shifts:
        _require_reason(shift.id, reason)
    posts.apply_change(post, values, now=now)
    db.session.flush()
    _trace("post changed", post, actor, organization, now, reason=reason)
    _recheck(shifts, post, now, reason)
    return post


def cancel_shift(shift_id: int, actor: Actor, *, reason: str, now: datetime) -> Shift:
    """Call a shift off; everyone who claimed it is told why."""
    shift, _post = _locked(shift_id)
    _lock_with_people([shift.id])
    organization = _require(actor, Role.CLERK, shift)
    if not is_said(reason):
        raise Refusal(_("Please say why: everyone who claimed is told."), "reason")
    _call_off(shift, reason, now)
    _trace("shift cancelled", shift, actor, organization, now, reason=reason)
    return shift


def cancel_post(post_id: int, actor: Actor, *, reason: str, now: datetime) -> Post:
    """Call off a post with every shift of it that has not started; everyone who claimed is told why."""
    shifts = _lock_with_people(queries.coming_shift_ids(post_id, now))
    post = lock(Post, post_id)
    organization = db.session.get_one(Organization, post.organization_id)
    _require_on(actor, Role.CLERK, organization)
    if not is_said(reason):
        raise Refusal(_("Please say why: everyone who claimed is told."), "reason")
    for shift in shifts:
        _call_off(shift, reason, now)
    posts.mark_cancelled(post, reason, now=now)
    _trace("post cancelled", post, actor, organization, now, reason=reason)
    return post


def _call_off(shift: Shift, reason: str, now: datetime) -> None:
    if shift.state is ShiftState.CANCELLED:
        raise Refusal(_("This shift was cancelled already."))
    if now >= shift.starts_at:
        raise Refusal(_("This shift has started. What happened is settled on its roster."))
    claims = _live_claims(shift.id)
    if attended := _attended_ids(claims):
        raise Refusal(
            _("%(count)d people are checked in already. Undo that first if it was a mistake.", count=len(attended))
        )
    for claimed in claims:
        _end(claimed, shift, ClaimState.CALLED_OFF, reason=reason, now=now)
        _told(claimed, shift, NoticeKind.SHIFT_CANCELLED, now, reason=reason)
    _end_handovers(shift, now)  # of people elsewhere who wanted to come here
    posts.mark_cancelled(shift, reason, now=now)
    announce_shift(shift, BulletinKind.SHIFT_CANCELLED, now)


def _require_reason(shift_id: int, reason: str) -> None:
    if not is_said(reason) and _live_claims(shift_id):
        raise Refusal(_("People have claimed this. Please give the reason for the change: they are told."), "reason")


def _make_room(shift: Shift, places: int) -> None:
    """Move holders to lower numbers before the number of places shrinks; refuse to strand anybody."""
    holders = queries.roster(shift.id)
    if len(holders) > places:
        names = "、".join(holder.volunteer.account.name for holder in holders)
        raise Refusal(
            _(
                "%(count)d people hold places: %(names)s. Choose at least that many places.",
                count=len(holders),
                names=names,
            ),
            "places",
        )
    taken = {holder.place for holder in holders}
    free = iter(number for number in range(1, places + 1) if number not in taken)
    for holder in holders:
        if holder.place and holder.place > places:
            holder.place = next(free)
    db.session.flush()


def _recheck(shifts: Sequence[Shift], post: Post, now: datetime, reason: str, was: datetime | None = None) -> None:
    """After a change: whoever no longer fits loses the place and is told why, the others are told what changed."""
    for shift in shifts:
        db.session.expire_all()  # the number of places was cascaded by the database
        claims = _live_claims(shift.id)
        attended = _attended_ids(claims)
        for claimed in claims:
            sentence = queries.unfit_because(shift, post, claimed.volunteer)
            if sentence and claimed.id in attended:
                raise Refusal(_("Somebody who is checked in would no longer fit: %(reason)s", reason=sentence))
            _kept_or_ended(claimed, shift, post, sentence, reason, now=now, was=was or shift.starts_at)
        if reason:
            _end_handovers(shift, now)
        _fill(shift, now)


def _kept_or_ended(
    claimed: Claim, shift: Shift, post: Post, sentence: str | None, reason: str, *, now: datetime, was: datetime
) -> None:
    if sentence:
        _end(claimed, shift, ClaimState.CALLED_OFF, reason=sentence[:200], now=now)
        _told(claimed, shift, NoticeKind.CLAIM_RULES_CHANGED, now, reason=sentence, was=was)
    elif reason:
        _told(claimed, shift, NoticeKind.SHIFT_CHANGED, now, where=post.place, reason=reason, was=was)


def _attended_ids(claims: Sequence[Claim]) -> set[int]:
    """Which of these were checked in or handed in: nobody takes a place from under somebody who came."""
    seen = queries.attendances(claim.id for claim in claims)
    return {claim.id for claim in claims if claim.handed_in_at or seen[claim.id].spans}


def _live_claims(shift_id: int) -> list[Claim]:
    """Everyone on the shift, locked."""
    live = select(Claim).where(Claim.shift_id == shift_id, Claim.state.in_(LIVE_STATES)).order_by(Claim.id)
    whole = live.options(joinedload(Claim.volunteer, innerjoin=True)).with_for_update(of=Claim)
    return list(db.session.scalars(whole.execution_options(populate_existing=True)))


# --- attendance -------------------------------------------------------------------------------------------


def walk_in(shift_id: int, volunteer_id: int, actor: Actor, *, now: datetime) -> Claim:
    """Give a free place to somebody who simply came; the rules of claiming hold, only the start has passed."""
    shift, post = _locked(shift_id)
    organization = _require(actor, Role.CLERK, shift)
    opens, closes, _last = queries.window(shift)
    _refuse_outside(opens, closes, now)
    volunteer = _volunteer(volunteer_id)
    _refuse_unfit_walk_in(shift, post, volunteer, now)
    _lapse(shift, now)
    came = queries.live_claim(shift.id, volunteer.id) or None
    if came and came.place:
        raise Refusal(_("This person is on the roster already, with place %(place)d.", place=came.place))
    place = next(iter(queries.free_places(shift)), None)
    if place is None:
        raise Refusal(
            _("All places are held. Raise the number of places, or free the place of somebody who did not come.")
        )
    came = _hold(came, shift, volunteer, place, now)
    _trace("walk-in added", came, actor, organization, now)
    return came


def _refuse_unfit_walk_in(shift: Shift, post: Post, volunteer: Volunteer, now: datetime) -> None:
    if shift.state is not ShiftState.OPEN:
        raise Refusal(_("This shift was cancelled. Please choose another one from the list."))
    if sentence := queries.too_early_because(shift, now) or queries.unfit_because(shift, post, volunteer):
        raise Refusal(sentence)


def _hold(came: Claim | None, shift: Shift, volunteer: Volunteer, place: int, now: datetime) -> Claim:
    if came is None:
        came = _new_claim(shift, volunteer, ClaimState.HELD, place, Source.WALK_IN, now)
    else:
        _move(came, ClaimState.HELD, place)
        shift.revision += 1
    _told(came, shift, NoticeKind.CLAIM_HELD, now, place=place)
    return came


def punch(claim_id: int, act: Act, actor: Actor, *, now: datetime) -> Punch:
    """A clerk marks somebody in or out in the roll-call, at this moment: class B."""
    claimed, shift = _attended(claim_id)
    organization = _require(actor, Role.CLERK, shift)
    made = _observe(claimed, shift, act, actor, EvidenceClass.B, now)
    _trace(f"checked {act}", made, actor, organization, now, about=claimed)
    return made


def punch_at(claim_id: int, act: Act, actor: Actor, *, at: datetime, now: datetime) -> Punch:
    """Somebody was marked in or out at a moment that has passed, on a tablet without a network: class B.

    The window is that of the moment itself, and it must fit between what was observed before and after it.
    """
    claimed, shift = _attended(claim_id)
    organization = _require(actor, Role.CLERK, shift)
    opens, closes, last = queries.window(shift)
    _refuse_outside(opens, closes if act is Act.IN else last, at)
    _refuse_misfit(claimed, act, at)
    made = Punch(claim_id=claimed.id, act=act, at=at, recorded_at=now, recorded_by_id=actor.account_id)
    made.evidence = EvidenceClass.B
    db.session.add(made)
    _trace(f"checked {act}", made, actor, organization, now, about=claimed, at=at)
    return made


def _refuse_misfit(claimed: Claim, act: Act, at: datetime) -> None:
    """In and out take turns, also for what is entered between two observations."""
    seen = db.session.scalars(queries.standing_punches().where(Punch.claim_id == claimed.id)).all()
    before = [punch.act for punch in seen if punch.at <= at][-1:]
    after = [punch.act for punch in seen if punch.at > at][:1]
    if (act is Act.IN and before == [Act.IN]) or (act is Act.IN and after == [Act.IN]):
        raise Refusal(_("A check-in at another time is entered already. Please look which one is right."))
    if act is Act.OUT and before != [Act.IN]:
        raise Refusal(_("No check-in before this check-out is entered. Please state both times."))
    if act is Act.OUT and after == [Act.OUT]:
        raise Refusal(_("A later check-out is entered already. Please look which one is right."))


def check_in(claim_id: int, code: str, actor: Actor, *, now: datetime) -> Punch:
    """The volunteer's own act with the code shown at the place: class A."""
    return _own_act(claim_id, Act.IN, code, actor, now)


def check_out(claim_id: int, code: str, actor: Actor, *, now: datetime) -> Punch:
    """The volunteer's own act with the code shown at the place: class A."""
    return _own_act(claim_id, Act.OUT, code, actor, now)


def check_oneself(
    claim_id: int, act: Act, actor: Actor, *, evidence: EvidenceClass, at: datetime, now: datetime
) -> Punch:
    """The volunteer's own act, after the kiosk has seen the proof: a scan or a PIN is class A, a mere card B.

    `at` is when the proof was seen, at most minutes before `now`: somebody may have to sign in first.
    """
    claimed, shift = _attended_oneself(claim_id, actor)
    return _observe(claimed, shift, act, actor, evidence, at, recorded_at=now)


def _own_act(claim_id: int, act: Act, code: str, actor: Actor, now: datetime) -> Punch:
    claimed, shift = _attended_oneself(claim_id, actor)
    if not queries.code_fits(shift.id, code, now):
        raise Refusal(
            _("This code is not the one shown at the station now. Please look again or ask the clerk."),
            "code",
        )
    return _observe(claimed, shift, act, actor, EvidenceClass.A, now)


def _attended_oneself(claim_id: int, actor: Actor) -> tuple[Claim, Shift]:
    claimed, shift = _attended(claim_id)
    if claimed.volunteer_id != actor.volunteer_id:
        raise Refusal(_("This is somebody else's claim. Your own stand in your schedule."))
    return claimed, shift


def _observe(
    claimed: Claim,
    shift: Shift,
    act: Act,
    actor: Actor,
    evidence: EvidenceClass,
    now: datetime,
    *,
    recorded_at: datetime | None = None,
) -> Punch:
    opens, closes, last = queries.window(shift)
    seen = queries.attendance(claimed.id)
    if act is Act.IN and seen.is_present:
        raise Refusal(_("Already checked in at %(time)s.", time=queries.local_time(seen.spans[-1].entered.at)))
    if act is Act.OUT and not seen.is_present:
        raise Refusal(_("Not checked in, so there is nothing to check out from. Check in first."))
    _refuse_outside(opens, closes if act is Act.IN else last, now)
    if seen.last and now < seen.last.at:
        raise Refusal(
            _(
                "The clock says it is earlier than the last entry, %(time)s, so it must have been set back. Note the "
                "time on paper and tell your office.",
                time=queries.local_time(seen.last.at),
            )
        )
    made = Punch(claim_id=claimed.id, act=act, at=now, recorded_at=recorded_at or now, recorded_by_id=actor.account_id)
    made.evidence = evidence
    put(made)
    return made


def _refuse_outside(opens: datetime, closes: datetime, now: datetime) -> None:
    if now < opens:
        raise Refusal(_("Check-in opens at %(moment)s. Please come back then.", moment=display.moment(opens)))
    if now > closes:
        raise Refusal(
            _(
                "That ended at %(moment)s. The clerk enters the times with a note instead.",
                moment=display.moment(closes),
            )
        )


def undo(punch_id: int, actor: Actor, *, now: datetime) -> Punch:
    """Take back the latest observation of a claim, a slip of the finger; both rows stay."""
    wrong = db.get_or_404(Punch, punch_id)
    claimed, shift = _attended(wrong.claim_id)
    organization = _require(actor, Role.CLERK, shift)
    last = queries.attendance(claimed.id).last
    if last is None or last.id != wrong.id:
        raise Refusal(_("Only the latest entry can be undone. Reload the roster to see it."))
    made = _taken_back(wrong, actor, now)
    _trace("undone", made, actor, organization, now, about=claimed)
    if wrong.evidence is EvidenceClass.A and actor.volunteer_id != claimed.volunteer_id:
        kind = NoticeKind.CHECK_IN_UNDONE if wrong.act is Act.IN else NoticeKind.CHECK_OUT_UNDONE
        _told(claimed, shift, kind, now, organization=organization.name)
    return made


def _taken_back(wrong: Punch, actor: Actor, now: datetime) -> Punch:
    made = Punch(claim_id=wrong.claim_id, act=Act.UNDO, at=now, recorded_at=now, recorded_by_id=actor.account_id)
    made.evidence, made.undoes_id = wrong.evidence, wrong.id
    db.session.add(made)
    return made


def settle(claim_id: int, actor: Actor, *, started_at: datetime, ended_at: datetime, note: str, now: datetime) -> None:
    """A clerk states the times of somebody, with a note: class B until the shift is closed, then class C.

    What was observed before and agrees with it stays; the rest is undone, and nothing is deleted.
    """
    claimed, shift = _attended(claim_id)
    organization = _require(actor, Role.CLERK, shift)
    if not is_said(note):
        raise Refusal(_("Please note how you know these times."), "note")
    _refuse_impossible(shift, started_at, ended_at, now)
    evidence = EvidenceClass.B if now <= queries.closes_at(shift) else EvidenceClass.C
    for act, at in _missing(claimed, started_at, ended_at, actor, now):
        made = Punch(claim_id=claimed.id, act=act, at=at, recorded_at=now, recorded_by_id=actor.account_id)
        made.evidence, made.note = evidence, note
        db.session.add(made)
        db.session.flush()
    _trace("times stated", claimed, actor, organization, now, started=started_at, ended=ended_at)
    _told(claimed, shift, NoticeKind.ATTENDANCE_SETTLED, now, organization=organization.name, reason=note)


def _refuse_impossible(shift: Shift, started_at: datetime, ended_at: datetime, now: datetime) -> None:
    opens, _closes, last = queries.window(shift)
    if ended_at <= started_at:
        raise Refusal(_("The end must be after the beginning."), "ended_at")
    if ended_at > now:
        raise Refusal(_("These times lie in the future. Enter them when the person has left."), "ended_at")
    if started_at < opens or ended_at > last:
        raise Refusal(
            _(
                "Please enter times between %(opens)s and %(closes)s, the time of this shift.",
                opens=display.moment(opens),
                closes=display.moment(last),
            ),
            "started_at",
        )


def _missing(
    claimed: Claim, started_at: datetime, ended_at: datetime, actor: Actor, now: datetime
) -> list[tuple[Act, datetime]]:
    """What must be stated beyond what was observed; what contradicts it is undone first."""
    seen = queries.attendance(claimed.id)
    agrees = len(seen.spans) == 1 and _same_minute(seen.spans[0].entered.at, started_at)
    for span in seen.spans:
        for wrong in (span.entered, span.left):
            if wrong and not (agrees and wrong is span.entered):
                _taken_back(wrong, actor, now)
    out = (Act.OUT, ended_at)
    return [out] if agrees else [(Act.IN, started_at), out]


def _same_minute(observed: datetime, stated: datetime) -> bool:
    return observed.replace(second=0, microsecond=0) == stated.replace(second=0, microsecond=0)


def close_attendance(claimed: Claim, *, now: datetime) -> None:
    """Attendance was handed in: it changes no more unless the entry is returned."""
    claimed.handed_in_at = now


def reopen_attendance(claim_id: int) -> None:
    """The entry was returned: times can be stated again."""
    lock(Claim, claim_id).handed_in_at = None


# --- what the verbs above share -----------------------------------------------------------------------------


def lock_shifts(shift_ids: Sequence[int], *volunteer_ids: int) -> list[Shift]:
    """Lock everything that several of these verbs in one transaction will touch, in the order that everybody keeps."""
    return _lock_with_people(shift_ids, *volunteer_ids)


def _locked(shift_id: int) -> tuple[Shift, Post]:
    """The shift, locked, and what it belongs to, in one question."""
    for shift, post in LOCKED.objects(shift=shift_id):
        return shift, post
    raise NotFound


_claim, _shift, _post = Claim.__table__, Shift.__table__, Post.__table__
LOCKED = Rows(
    [Shift, Post],
    select(_shift, _post)
    .join(_post, _post.c.id == _shift.c.post_id)
    .where(_shift.c.id == bindparam("shift"))
    .with_for_update(of=_shift),
)


def _lock_with_people(shift_ids: Sequence[int], *volunteer_ids: int) -> list[Shift]:
    """Lock shifts, then everyone with a live claim on any of them (and the people named), each by id at once:
    so two of these that meet never wait for each other in a circle."""
    ids = sorted(set(shift_ids))
    shifts = select(Shift).where(Shift.id.in_(ids)).order_by(Shift.id).with_for_update(of=Shift)
    locked = list(db.session.scalars(shifts.execution_options(populate_existing=True)))
    living = select(Claim.volunteer_id).where(Claim.shift_id.in_(ids), Claim.state.in_(LIVE_STATES))
    people = sorted({*db.session.scalars(living), *volunteer_ids})
    rows = select(Volunteer).where(Volunteer.id.in_(people)).order_by(Volunteer.id).with_for_update(of=Volunteer)
    db.session.scalars(rows.execution_options(populate_existing=True)).all()
    return locked


def _volunteer(volunteer_id: int | None) -> Volunteer:
    if volunteer_id is None:
        raise Refusal(_("Please register as a volunteer first."))
    return lock(Volunteer, volunteer_id)


def _claim_and_shift(claim_id: int) -> tuple[Shift, Claim]:
    """Lock the shift with its people, then the claim on it; a claim never changes its shift."""
    (shift,) = _lock_with_people([db.get_or_404(Claim, claim_id).shift_id])
    return shift, lock(Claim, claim_id)


def _own_claim(claim_id: int, actor: Actor) -> tuple[Claim, Shift]:
    shift, own = _claim_and_shift(claim_id)
    if own.volunteer_id != actor.volunteer_id:
        raise Refusal(_("This is somebody else's claim. Your own stand in your schedule."))
    return own, shift


def _attended(claim_id: int) -> tuple[Claim, Shift]:
    """A held claim whose attendance is still open, locked."""
    for claimed, shift in ATTENDED.objects(claim=claim_id):
        return _open_attendance(claimed, shift)
    raise NotFound


ATTENDED = Rows(
    [Claim, Shift],
    select(_claim, _shift)
    .join(_shift, _shift.c.id == _claim.c.shift_id)
    .where(_claim.c.id == bindparam("claim"))
    .with_for_update(of=_claim),
)


def _open_attendance(claimed: Claim, shift: Shift) -> tuple[Claim, Shift]:
    if claimed.state is not ClaimState.HELD:
        raise Refusal(_("This person holds no place on the shift. Add them as a walk-in first."))
    if shift.state is not ShiftState.OPEN:
        raise Refusal(_("This shift was cancelled, so there is no attendance."))
    if claimed.handed_in_at:
        sentence = _("These times were handed in already. The confirmer can return them for correction.")
        raise Barred(sentence, "record", "handed_in", claimed)
    return claimed, shift


def _require(actor: Actor, role: Role, shift: Shift) -> Organization:
    organization = queries.organization_of(shift)
    _require_on(actor, role, organization)
    return organization


def _require_on(actor: Actor, role: Role, organization: Organization) -> None:
    if not actor.may(role, organization.path):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))


def _move(moved: Claim, state: ClaimState, place: int | None = None, until: datetime | None = None) -> None:
    """Go on to a state that may follow, with the place and the end of an offer that belong to it."""
    if state not in NEXT_STATES[moved.state]:
        raise Refusal(_("This is no longer possible: the claim has changed meanwhile. Reload the page."))
    moved.state, moved.place, moved.offered_until = state, place, until


def _end(ended: Claim, shift: Shift, state: ClaimState, *, reason: str, now: datetime) -> None:
    was = ended.state
    _loosen_handovers(ended, now)
    _move(ended, state)
    ended.ended_at, ended.reason = now, reason
    shift.revision += 1
    if was is ClaimState.OFFERED and ended.source is Source.GROUP:
        _tell_who_named(ended, shift, now)


def _tell_who_named(ended: Claim, shift: Shift, now: datetime) -> None:
    """Whoever named somebody learns that they do not come along; why is theirs to tell."""
    naming = select(Party).join(Party.members).where(Member.claim_id == ended.id)
    party = db.session.scalar(naming)
    if party is None or ended.state is ClaimState.CALLED_OFF:
        return
    leader = db.session.get_one(Volunteer, party.named_by_id)
    account = db.session.get_one(Account, db.session.get_one(Volunteer, ended.volunteer_id).account_id)
    post = db.session.get_one(Post, shift.post_id)
    values: dict[str, Any] = {"person": masks.name(account.name), "title": post.title}
    values |= {"starts": shift.starts_at, "ends": shift.ends_at}
    tell(leader.account_id, NoticeKind.GROUP_DECLINED, now=now, path=f"/shifts/{shift.id}", **values)


def _told(claimed: Claim, shift: Shift, kind: NoticeKind, now: datetime, **values: Any) -> None:
    volunteer = db.session.get_one(Volunteer, claimed.volunteer_id)
    post = db.session.get_one(Post, shift.post_id)
    values |= {"title": post.title, "starts": shift.starts_at, "ends": shift.ends_at}
    tell(volunteer.account_id, kind, now=now, path=f"/shifts/{shift.id}", **values)


def announce_shift(shift: Shift, kind: BulletinKind, now: datetime, **values: Any) -> None:
    """Tell the group chats of the station about a shift; nothing about a person may be among the values."""
    _announce(shift, db.session.get_one(Post, shift.post_id), kind, now, **values)


def _announce(shift: Shift, post: Post, kind: BulletinKind, now: datetime, **values: Any) -> None:
    """Tell the group chats of the station; the reason is somebody's own words and stays inside."""
    values |= {"title": post.title, "starts": shift.starts_at, "ends": shift.ends_at}
    announce(post.organization_id, kind, now=now, path=f"/shifts/{shift.id}", **values)


def _trace(
    what: str,
    row: Any,
    actor: Actor,
    organization: Organization,
    now: datetime,
    about: Claim | None = None,
    **details: Any,
) -> None:
    """An audit entry for a change that touches somebody else."""
    touched = about or (row if isinstance(row, Claim) else None)
    person = db.session.get_one(Volunteer, touched.volunteer_id).account_id if touched else None
    audit.note(
        what,
        row,
        actor_id=actor.account_id,
        now=now,
        organization_id=organization.id,
        about_id=person,
        **details,
    )


def _minutes(limit: Limit) -> timedelta:
    return timedelta(minutes=organizations.limit(limit))


def _cancel_hours() -> int:
    return organizations.limit(Limit.CANCEL_HOURS)
