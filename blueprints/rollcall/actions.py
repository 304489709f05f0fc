"""What was seen without a network is entered when it arrives, once, in the order it happened, through the same rules
as a tap online; what does not fit is kept for a person to decide. Claims are locked by id before anything else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from blueprints.claims import actions as claims
from blueprints.claims import queries as attendance
from blueprints.claims.models import Act, Claim, Punch
from blueprints.identity import actions as identity
from blueprints.identity.actions import Departure
from blueprints.identity.models import Leaving
from blueprints.organizations.models import Organization
from blueprints.posts.models import Shift
from blueprints.rollcall import queries, rules
from blueprints.rollcall.forms import Mark, fingerprint
from blueprints.rollcall.models import Evidence, OfflineAct, OfflineState
from core import audit, pictures
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Refusal, is_said

MOST_PICTURES = 10  # of one shift

# --- what tablets send --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one act, for the tablet that sent it."""

    key: str
    state: OfflineState
    sentence: str


def receive(marks: Sequence[Mark], actor: Actor, *, sent_at: datetime, now: datetime) -> list[Answer]:
    """Enter what a tablet saw while it had no network; returns an answer for each, in the order they came.

    `sent_at` is the tablet's clock at this moment. What was received before is answered again and changes nothing.
    """
    known_claims = _lock_claims(marks, actor)
    rows = queries.acts_by_key({mark.key for mark in marks} | {mark.undoes for mark in marks})
    kept: dict[int, OfflineAct] = {}
    for mark in sorted(marks, key=lambda mark: mark.number):
        own, claim = _under_its_own_key(mark, rows), known_claims.get(mark.claim_id or 0)
        if own.key not in rows:
            rows[own.key] = _kept(own, claim, rows, actor, sent_at, now)
        kept[id(mark)] = rows[own.key]
    return [Answer(mark.key, kept[id(mark)].state, kept[id(mark)].why) for mark in marks]


def _under_its_own_key(mark: Mark, rows: dict[str, OfflineAct]) -> Mark:
    """The act itself; or, if another one was received under its key, one that says no more than what was sent."""
    known = rows.get(mark.key)
    if known is None or known.sent == mark.sent:
        return mark
    changed = Mark(fingerprint(mark.sent), mark.sent, claim_id=mark.claim_id, watch=mark.watch)
    rows |= queries.acts_by_key([changed.key])
    return changed


def _lock_claims(marks: Iterable[Mark], actor: Actor) -> dict[int, Claim]:
    """The claims that are the sender's to mark, or that a pass vouches for, locked by id."""
    said = [mark for mark in marks if mark.claim_id]
    paths = queries.paths_of({mark.claim_id for mark in said if mark.claim_id})
    vouched = {(mark.claim_id, mark.watch.shift_id) for mark in said if mark.watch}
    ours = [id for id, (shift, path) in paths.items() if actor.may(Role.CLERK, path) or (id, shift) in vouched]
    locked = select(Claim).where(Claim.id.in_(ours)).order_by(Claim.id).with_for_update(of=Claim)
    return {claim.id: claim for claim in db.session.scalars(locked.execution_options(populate_existing=True))}


def _kept(
    mark: Mark, claim: Claim | None, rows: dict[str, OfflineAct], actor: Actor, sent_at: datetime, now: datetime
) -> OfflineAct:
    """The row of an act that is new, entered if it can be."""
    row = OfflineAct(key=mark.key, sent=mark.sent, claim_id=claim.id if claim else None, act=mark.act)
    row.tablet_at, row.tablet_sent_at, row.received_at = mark.at, sent_at, now
    row.observed_by_id = mark.watch.account_id if mark.watch else None
    row.sent_by_id, row.why = actor.account_id, ""
    try:
        row.at = _moment(mark, claim, sent_at, now)
        with db.session.begin_nested():
            row.state, row.punch_id = _entered(mark, claim, row.at, rows, actor, now)
    except Refusal as refusal:
        row.state, row.why = OfflineState.OPEN, str(refusal)[:300]
    except IntegrityError:
        row.state, row.why = OfflineState.OPEN, _("Somebody else entered something at the same moment.")
    db.session.add(row)
    db.session.flush()
    return row


def _moment(mark: Mark, claim: Claim | None, sent_at: datetime, now: datetime) -> datetime:
    """When it was seen; refuses what is not whole, not ours, or comes too late."""
    if mark.act is None or mark.at is None or mark.met_at is None:
        raise Refusal(_("This entry cannot be read: it was altered on the tablet, or it arrived damaged."))
    if claim is None:
        raise Refusal(_("This entry belongs to no roster within your role."))
    if mark.watch is None or mark.watch.shift_id != claim.shift_id:
        raise Refusal(_("This entry does not come from a roster of this shift, or it was altered on the tablet."))
    at = rules.moment(mark.at, mark.met_at, mark.watch, sent_at=sent_at, now=now)
    if now > attendance.closes_at(db.session.get_one(Shift, claim.shift_id)) + rules.LATEST:
        raise Refusal(_("It arrived more than a day after the shift was closed. Please enter the times with a note."))
    return at


def _entered(
    mark: Mark, claim: Claim | None, at: datetime, rows: dict[str, OfflineAct], actor: Actor, now: datetime
) -> tuple[OfflineState, int | None]:
    if claim is None or mark.act is None:
        raise Refusal(_("This entry belongs to no roster within your role."))
    if mark.act is Act.UNDO:
        return _taken_back(mark, claim, rows, actor, now)
    if queries.says_the_same(claim.id, mark.act, at):
        return OfflineState.KNOWN, None
    made = claims.punch_at(claim.id, mark.act, actor, at=at, now=now)
    db.session.flush()
    return OfflineState.ENTERED, made.id


def _taken_back(
    mark: Mark, claim: Claim, rows: dict[str, OfflineAct], actor: Actor, now: datetime
) -> tuple[OfflineState, int | None]:
    """A slip of the finger, undone on the tablet: of an act in the same queue, or of an earlier observation."""
    earlier = rows.get(mark.undoes)
    if earlier and earlier.claim_id == claim.id and earlier.punch_id is None:
        if earlier.state in (OfflineState.KNOWN, OfflineState.SETTLED):
            raise Refusal(_("What was to be undone was entered by another person meanwhile, and still stands."))
        if earlier.state is OfflineState.OPEN:
            _decide(earlier, OfflineState.DISMISSED, _("Taken back on the tablet."), actor, now)
        return OfflineState.ENTERED, None
    wrong = db.session.get(Punch, (earlier.punch_id if earlier else mark.punch_id) or 0)
    if wrong is None or wrong.claim_id != claim.id:
        raise Refusal(_("What was to be undone is not on this roster."))
    made = claims.undo(wrong.id, actor, now=now)
    db.session.flush()
    return OfflineState.ENTERED, made.id


# --- what people decide -------------------------------------------------------------------------------------


def settle(act_id: int, actor: Actor, *, started_at: datetime, ended_at: datetime, note: str, now: datetime) -> None:
    """State the times of the person with a note; every act of theirs that waited is settled with it."""
    act = _waiting(act_id, actor)
    if act.claim_id is None:
        raise Refusal(_("This entry belongs to no roster, so no times can follow from it. Dismiss it with a reason."))
    claims.settle(act.claim_id, actor, started_at=started_at, ended_at=ended_at, note=note, now=now)
    for each in _open_of(act.claim_id):
        _decide(each, OfflineState.SETTLED, note, actor, now)


def dismiss(act_id: int, actor: Actor, *, reason: str, now: datetime) -> OfflineAct:
    """Decide that the act counts for nothing, and say why; it stays to be seen."""
    act = _waiting(act_id, actor)
    if not is_said(reason):
        raise Refusal(_("Please say why this does not count."), "reason")
    return _decide(act, OfflineState.DISMISSED, reason, actor, now)


def _waiting(act_id: int, actor: Actor) -> OfflineAct:
    """An act that waits and that this person may decide on, locked after its claim."""
    told = db.get_or_404(OfflineAct, act_id)
    if told.claim_id:
        lock(Claim, told.claim_id)
    act = lock(OfflineAct, act_id)
    organization = _organization_of(act)
    mine = actor.account_id in (act.sent_by_id, act.observed_by_id)
    if not (actor.may(Role.CLERK, organization.path) if organization else mine):
        raise Refusal(_("Your role does not cover this. Ask your office."))
    if act.state is not OfflineState.OPEN:
        raise Refusal(_("Somebody decided this meanwhile. Reload the page to see how."))
    return act


def _open_of(claim_id: int) -> list[OfflineAct]:
    waiting = select(OfflineAct).where(OfflineAct.claim_id == claim_id, OfflineAct.state == OfflineState.OPEN)
    return list(db.session.scalars(waiting.order_by(OfflineAct.id).with_for_update()))


def _decide(act: OfflineAct, state: OfflineState, reason: str, actor: Actor, now: datetime) -> OfflineAct:
    act.state, act.reason = state, reason[:200]
    act.decided_at, act.decided_by_id = now, actor.account_id
    organization = _organization_of(act)
    audit.note(
        f"offline act {state}",
        act,
        actor_id=actor.account_id,
        now=now,
        organization_id=organization.id if organization else None,
    )
    return act


def _organization_of(act: OfflineAct) -> Organization | None:
    claim = db.session.get(Claim, act.claim_id) if act.claim_id else None
    return attendance.organization_of(db.session.get_one(Shift, claim.shift_id)) if claim else None


# --- the paper sheet ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a paper sheet as it was typed in."""

    code: str
    claim_id: int
    started_at: datetime
    ended_at: datetime


class RowsRefused(Refusal):
    """Some rows of a sheet cannot be; `rows` says why, by the number of the line. Nothing was entered."""

    def __init__(self, rows: dict[int, str]) -> None:
        super().__init__(_("Nothing was entered yet. Please look at the marked rows."))
        self.rows = rows


def keep_picture(shift_id: int, picture: bytes, actor: Actor, *, now: datetime) -> Evidence:
    """Keep a picture of a shift's paper sheet; the same one sent twice is kept once."""
    shift = lock(Shift, shift_id)
    organization = _require(actor, shift)
    kept = queries.evidence_on([shift.id]).get(shift.id, [])
    made = pictures.keep(Evidence(shift_id=shift.id), picture, kept, MOST_PICTURES, actor.account_id, now=now)
    if made in kept:
        return made
    audit.note("picture kept", made, actor_id=actor.account_id, now=now, organization_id=organization.id)
    return made


def erase_old_pictures(now: datetime) -> int:
    """Pictures have served when the records they prove are long settled; returns how many were erased."""
    old = db.session.scalars(queries.old_pictures(now)).all()
    db.session.execute(update(Evidence).where(Evidence.id.in_(old)).values(content=None, erased_at=now))
    return len(old)


def enter_sheet(shift_id: int, lines: Sequence[Line], actor: Actor, *, now: datetime) -> None:
    """Enter the times of a paper sheet, all rows or none: class B until the shift is closed, then class C."""
    shift = lock(Shift, shift_id)
    _require(actor, shift)
    if not any(not each.erased_at for each in queries.evidence_on([shift.id]).get(shift.id, [])):
        raise Refusal(_("Please add a photo of the sheet first: it is the proof for whoever confirms."))
    if not lines:
        raise Refusal(_("No row is filled in yet. Type the code of a row and its times."))
    ids = sorted(line.claim_id for line in lines)
    db.session.scalars(select(Claim).where(Claim.id.in_(ids)).order_by(Claim.id).with_for_update(of=Claim)).all()
    sheet, refused = attendance.sheet_number(shift.id), {}
    for number, line in enumerate(lines):
        try:
            note = _("Paper sheet %(sheet)s, row %(code)s", sheet=sheet, code=line.code)
            _enter_line(line, note, shift, actor, now)
        except Refusal as refusal:
            refused[number] = str(refusal)
    if refused:
        raise RowsRefused(refused)


def _enter_line(line: Line, note: str, shift: Shift, actor: Actor, now: datetime) -> None:
    claim = db.session.get(Claim, line.claim_id)
    if claim is None or claim.shift_id != shift.id:
        raise Refusal(_("This code is not on the sheet of this shift."))
    times = {"started_at": line.started_at, "ended_at": line.ended_at}
    claims.settle(line.claim_id, actor, **times, note=note, now=now)


def _require(actor: Actor, shift: Shift) -> Organization:
    organization = attendance.organization_of(shift)
    if not actor.may(Role.CLERK, organization.path):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    return organization


# --- leaving ------------------------------------------------------------------------------------------------


def _forget(leaving: Departure) -> None:
    """What clerks wrote about somebody's queue, and pictures of sheets with the person on them, go with their data."""
    if leaving.volunteer_id is None or leaving.data is not Leaving.ERASE:
        return
    own = select(Claim.id).where(Claim.volunteer_id == leaving.volunteer_id)
    noted = update(OfflineAct).where(OfflineAct.claim_id.in_(own), OfflineAct.reason != "")
    db.session.execute(noted.values(reason="-"))
    served = select(Claim.shift_id).where(Claim.volunteer_id == leaving.volunteer_id)
    shown = update(Evidence).where(Evidence.shift_id.in_(served), Evidence.erased_at.is_(None))
    db.session.execute(shown.values(content=None, erased_at=leaving.now))


identity.ON_LEAVE.append(_forget)
