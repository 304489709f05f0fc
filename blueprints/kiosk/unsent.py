"""Cards that the tablet saw without a network: entered when they arrive, through the rules of the roll-call's queue.

The tablet knew the signature and its clock, nothing else. Whose card it is, whether it still counts, and what the
person did at that moment is found out here; what does not fit waits for a clerk, and nothing is dropped.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from blueprints.claims import queries as attendance
from blueprints.claims.models import Act, Claim
from blueprints.claims.queries import Attendance
from blueprints.identity.models import Volunteer
from blueprints.kiosk import actions, queries, signs
from blueprints.kiosk.models import Method, Origin
from blueprints.kiosk.queries import TWICE, Paired
from blueprints.rollcall import actions as rollcall
from blueprints.rollcall import queries as received
from blueprints.rollcall.actions import Answer
from blueprints.rollcall.forms import Batch, Mark
from blueprints.rollcall.models import OfflineAct, OfflineState
from core.actor import Actor, Held, Role
from core.db import db
from core.i18n import _
from core.refusal import Refusal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_SHIFT = 0  # a tablet's pass is for no roster


def receive(batch: Batch, tablet: Paired, *, now: datetime) -> list[Answer]:
    """Enter what the tablet kept, in the order it was seen; what was received before is answered again."""
    _lock_claims(batch, tablet, now)
    marks = sorted(batch.marks, key=lambda mark: mark.number)
    return [_received(mark, tablet, batch.sent_at, now) for mark in marks]


def _received(mark: Mark, tablet: Paired, sent_at: datetime, now: datetime) -> Answer:
    if known := received.acts_by_key([mark.key]).get(mark.key):
        return Answer(mark.key, known.state, known.why)
    try:
        volunteer = _holder(mark)
        claim, act = _did(mark, volunteer, tablet, now - sent_at)
    except Refusal as refusal:
        return _waits(mark, tablet, str(refusal), sent_at, now)
    watch = replace(mark.watch, shift_id=claim.shift_id) if mark.watch else None
    whole = replace(mark, claim_id=claim.id, act=act, watch=watch)
    (answer,) = rollcall.receive([whole], _as(volunteer, tablet), sent_at=sent_at, now=now)
    _note_origin(mark.key, tablet)
    return answer


def _card(mark: Mark) -> tuple[str, int] | None:
    try:
        card = json.loads(mark.sent).get("card")
    except (ValueError, AttributeError):
        return None
    return signs.card_of(card) if isinstance(card, str) else None


def _holder(mark: Mark) -> Volunteer:
    card = _card(mark)
    if card is None or mark.watch is None or mark.watch.shift_id != NO_SHIFT or not mark.at:
        raise Refusal(_("This entry cannot be read: it was altered on the tablet, or it arrived damaged."))
    return actions.holder(*card)


def _did(mark: Mark, volunteer: Volunteer, tablet: Paired, ahead: timedelta) -> tuple[Claim, Act]:
    """What somebody who showed the card at that moment meant: in, or out where they were in."""
    at = (mark.at or EPOCH) + ahead
    claim = queries.claim_here(volunteer.id, tablet.path, at)
    if claim is None:
        name = volunteer.account.name
        raise Refusal(_("%(name)s showed a card at the tablet and held no place here at that time.", name=name))
    return claim, _next_act(attendance.attendance(claim.id), at)


def _next_act(seen: Attendance, at: datetime) -> Act:
    """Shown twice in a row it means the same; after the last check-out a third one is asked about by a person."""
    punches = [p for span in seen.spans for p in (span.entered, span.left) if p and p.at <= at]
    if not punches:
        return Act.IN
    last = punches[-1]
    return last.act if at - last.at < TWICE else Act.OUT


def _as(volunteer: Volunteer, tablet: Paired) -> Actor:
    """The person, with the authority of the station whose tablet saw the card."""
    held = Held(Role.CLERK, tablet.organization_id, tablet.path)
    return Actor(volunteer.account_id, volunteer.account.name, volunteer_id=volunteer.id, held=(held,))


def _waits(mark: Mark, tablet: Paired, why: str, sent_at: datetime, now: datetime) -> Answer:
    """Kept for the clerk who added the tablet."""
    act = OfflineAct(key=mark.key, sent=mark.sent, tablet_at=mark.at, tablet_sent_at=sent_at, received_at=now)
    act.sent_by_id, act.state, act.why = tablet.made_by_id, OfflineState.OPEN, why[:300]
    db.session.add(act)
    db.session.flush()
    return Answer(mark.key, act.state, act.why)


def _note_origin(key: str, tablet: Paired) -> None:
    made = received.acts_by_key([key]).get(key)
    if made and made.punch_id and made.state is OfflineState.ENTERED:
        db.session.add(Origin(punch_id=made.punch_id, method=Method.CARD, tablet_id=tablet.id))
        db.session.flush()


def _lock_claims(batch: Batch, tablet: Paired, now: datetime) -> None:
    """All at once and by id, so that two tablets that send at the same time never wait in a circle."""
    numbers = {card[0] for mark in batch.marks if (card := _card(mark))}
    ids: Sequence[int] = queries.held_here(numbers, tablet.path, now)
    locked = select(Claim.id).where(Claim.id.in_(ids)).order_by(Claim.id).with_for_update()
    db.session.execute(locked).all()
