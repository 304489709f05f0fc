"""Fewer people than a shift needs at its cut-off: the clerks are asked, and each answer is a row with its reason."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from blueprints.claims import actions, queries, seeking, shortness
from blueprints.claims.models import ClaimState, Remedy, Shortfall, ShortfallAnswer, Source
from blueprints.claims.parties import answer_by
from blueprints.identity.models import Volunteer
from blueprints.messages.actions import tell
from blueprints.messages.models import BulletinKind, Notice, NoticeKind
from blueprints.organizations.models import Organization
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from core.actor import Actor, Role
from core.db import db
from core.i18n import _
from core.refusal import Refusal, is_said


def ask_due(now: datetime) -> int:
    """Ask the clerks about every shift that is short at its cut-off, once for each plan; returns how many."""
    asked = 0
    for shift in actions._lock_with_people(shortness.due(now)):
        if shift.id not in shortness.due(now):
            continue
        row = Shortfall(shift_id=shift.id, for_start=shift.starts_at, asked_at=now, minimum=shift.minimum or 0)
        row.held = shortness.held(shift.id)
        db.session.add(row)
        db.session.flush()
        path = f"/desk/shifts/{shift.id}/shortfall"
        numbers = {"held": row.held, "minimum": row.minimum}
        actions.tell_clerks(shift, NoticeKind.SHIFT_SHORT, now, path=path, **numbers)
        actions.announce_shift(shift, BulletinKind.SHIFT_SHORT, now, count=row.held, needed=row.minimum)
        asked += 1
    return asked


def keep(shift_id: int, actor: Actor, *, reason: str, now: datetime) -> ShortfallAnswer:
    """It takes place with fewer people: a named person decides that, and says why."""
    (shift,) = actions._lock_with_people([shift_id])
    return _answered(shift, Remedy.KEEP, actor, reason, now)


def cancel(shift_id: int, actor: Actor, *, reason: str, now: datetime) -> ShortfallAnswer:
    """It does not take place; everybody on it is told the reason."""
    (shift,) = actions._lock_with_people([shift_id])
    answer = _answered(shift, Remedy.CANCEL, actor, reason, now)
    actions._call_off(shift, reason, now)
    return answer


def merge(shift_id: int, target_id: int, actor: Actor, *, reason: str, now: datetime) -> ShortfallAnswer:
    """It is called off in favour of another shift, where a place is kept for everybody who fits.

    Nobody is moved to another hour without being asked: only at the very same time the place is theirs at once.
    """
    locked = {shift.id: shift for shift in actions._lock_with_people([shift_id, target_id])}
    shift, target = locked[shift_id], locked.get(target_id)
    answer = _answered(shift, Remedy.MERGE, actor, reason, now)
    if target is None or target.id not in {one.id for one in shortness.targets(shift, _post(shift), now)}:
        raise Refusal(_("Please choose a coming shift of the same post or place."), "target")
    coming = sorted(actions._live_claims(shift.id), key=lambda claim: (claim.place is None, claim.place, claim.id))
    people = [(claim.volunteer, claim.state is ClaimState.HELD) for claim in coming]
    actions._call_off(shift, reason, now)
    db.session.flush()
    for person, was_held in people:
        answer.told += _move(person, was_held, shift, target, now)
    answer.target_shift_id = target.id
    return answer


def _move(person: Volunteer, was_held: bool, shift: Shift, target: Shift, now: datetime) -> bool:
    """Give or keep a place on the other shift; returns whether there is one for this person."""
    place = next(iter(queries.free_places(target)), None)
    barred = queries.live_claim(target.id, person.id) or queries.unfit_because(target, _post(target), person)
    if barred or not place or not was_held:
        _tell_merged(NoticeKind.MERGED_ELSEWHERE, person, shift, target, now)
        return False
    if (shift.starts_at, shift.ends_at, _post(shift).place) == (target.starts_at, target.ends_at, _post(target).place):
        moved = actions._new_claim(target, person, ClaimState.HELD, place, Source.MOVED, now)
        actions._told(moved, target, NoticeKind.CLAIM_HELD, now, place=place)
        return True
    until = answer_by(target, now)
    actions._new_claim(target, person, ClaimState.OFFERED, place, Source.MOVED, now, until=until)
    _tell_merged(NoticeKind.MERGED_KEPT, person, shift, target, now, place=place, until=until)
    return True


def _tell_merged(kind: NoticeKind, person: Volunteer, shift: Shift, target: Shift, now: datetime, **more: Any) -> None:
    values: dict[str, Any] = _about(target) | more
    values |= {"other_title": _post(shift).title, "other_starts": shift.starts_at, "other_ends": shift.ends_at}
    tell(person.account_id, kind, now=now, path=f"/shifts/{target.id}", **values)


def borrow(shift_id: int, organization_id: int | None, actor: Actor, *, reason: str, now: datetime) -> ShortfallAnswer:
    """Invite suitable volunteers of a neighbour, or ask the level above; the question stays open meanwhile."""
    (shift,) = actions._lock_with_people([shift_id])
    answer = _answered(shift, Remedy.BORROW, actor, reason, now)
    own = queries.organization_of(shift)
    if organization_id is None:
        answer.told = _ask_above(shift, own, now)
    else:
        neighbour = next((one for one in shortness.neighbours(own) if one.id == organization_id), None)
        if neighbour is None:
            raise Refusal(_("Please choose one of the neighbours in the list."), "organization")
        answer.organization_id = neighbour.id
        answer.told = _invite(shift, own, neighbour, now)
    if not answer.told:
        raise Refusal(_("Nobody suitable is found there. Choose another one, or ask the level above."), "organization")
    return answer


def _invite(shift: Shift, own: Organization, neighbour: Organization, now: datetime) -> int:
    """Tell those who wish for this kind of service and are free then; nobody twice about one shift."""
    people = shortness.helpers(shift, _post(shift), neighbour)
    keys = {f"help:{shift.id}:{person.account_id}": person.account_id for person in people}
    known = set(db.session.scalars(select(Notice.key).where(Notice.key.in_(keys))))
    for key in keys.keys() - known:
        path = f"/shifts/{shift.id}"
        tell(keys[key], NoticeKind.HELP_WANTED, now=now, path=path, key=key, organization=own.name, **_about(shift))
    return len(keys.keys() - known)


def _ask_above(shift: Shift, own: Organization, now: datetime) -> int:
    """Tell whoever runs the level above; they know whom to send."""
    above = db.session.get(Organization, own.parent_id) if own.parent_id else None
    accounts = seeking.staff_of(above, Role.CLERK) or seeking.staff_of(above, Role.ADMINISTRATOR) if above else []
    values: dict[str, Any] = _about(shift) | {"organization": own.name}
    values |= {"held": shortness.held(shift.id), "minimum": shift.minimum or 0}
    for account_id in accounts:
        tell(account_id, NoticeKind.HELP_ASKED, now=now, path=f"/shifts/{shift.id}", **values)
    return len(accounts)


def _about(shift: Shift) -> dict[str, Any]:
    return {"title": _post(shift).title, "starts": shift.starts_at, "ends": shift.ends_at}


def _post(shift: Shift) -> Post:
    return db.session.get_one(Post, shift.post_id)


def _answered(shift: Shift, remedy: Remedy, actor: Actor, reason: str, now: datetime) -> ShortfallAnswer:
    """Write down who decided what and why, if there is something to decide."""
    organization = actions._require(actor, Role.CLERK, shift)
    asked = shortness.question(shift)
    if asked is None or not shortness.is_open(asked):
        raise Refusal(_("Nothing is asked about this shift, or somebody has decided already. Reload the page."))
    if shift.state is not ShiftState.OPEN or _post(shift).state is not PostState.PUBLISHED or now >= shift.starts_at:
        raise Refusal(_("This shift has started or was cancelled, so there is nothing to decide any more."))
    if not is_said(reason):
        raise Refusal(_("Please say why: it is kept with the decision."), "reason")
    answer = ShortfallAnswer(shortfall_id=asked.id, remedy=remedy, reason=reason, at=now, by_id=actor.account_id)
    answer.told = 0
    db.session.add(answer)
    actions._trace(f"short shift: {remedy}", shift, actor, organization, now, reason=reason)
    return answer
