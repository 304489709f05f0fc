"""The outbox: what is due is taken, sent without holding a transaction, and marked; once, by any number of workers.

A worker that dies between sending and marking sends again after its hold has ended; mail, push and text messages
carry a name by which the other side knows them.
"""

import logging
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, or_, select, update

from blueprints.claims.models import Claim, ClaimState
from blueprints.identity.models import Account
from blueprints.messages import channels, queries, rules
from blueprints.messages.channels import Letter
from blueprints.messages.models import Bulletin, Channel, Delivery, DeliveryState, Notice, NoticeKind, Robot
from blueprints.posts.models import Shift, ShiftState
from core import clock, outside
from core.db import db, reading
from core.outside import Unsent

BATCH = 200
MOST_PUT_OFF = 1_000
ROUND = 45  # seconds after which a round leaves the rest to the next one, so that offers and reminders get their turn
TAKEN_FOR = timedelta(minutes=10)  # what was taken and never marked is tried again after that
PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240, 720, 1440))
MOST_TRIES = len(PAUSES) + 1
log = logging.getLogger("rengang.worker")


@dataclass(frozen=True, slots=True)
class Sent:
    """How many of each channel were taken by the other side, and how many were not."""

    sent: Counter[Channel]
    unsent: Counter[Channel]

    @property
    def total(self) -> tuple[int, int]:
        return self.sent.total(), self.unsent.total()


def deliver() -> Sent:
    """Send what is due, at most a batch and for less than a minute."""
    done, until = Sent(Counter(), Counter()), time.monotonic() + ROUND
    with outside.remembering_silence():
        while sum(done.total) < BATCH and time.monotonic() < until and (letter := take(clock.now())):
            error = _try(letter)
            _mark(letter, error, clock.now())
            (done.unsent if error else done.sent)[letter.channel] += 1
    return done


def _try(letter: Letter) -> Unsent | None:
    """Send it; returns what went wrong, if anything did."""
    try:
        channels.send(letter)
    except Unsent as unsent:
        return unsent
    except Exception as error:  # whatever it is, the others go on, and this one is tried again
        log.exception("a message was not sent")
        db.session.rollback()
        return Unsent(type(error).__name__)
    return None


# --- taking -------------------------------------------------------------------------------------------------


def take(now: datetime) -> Letter | None:
    """Take the oldest delivery that is due and that nobody else has taken; put off or end those it is not time for.

    None also after many of those: at the beginning of quiet hours there may be more than fit into one round.
    """
    for _ in range(MOST_PUT_OFF):
        with reading():
            if db.session.scalar(_due(now)) is None:
                return None
        delivery = db.session.scalar(_due(now).with_for_update(of=Delivery, skip_locked=True))
        if delivery is None:
            return None
        letter = _taken_or_ended(delivery, now)
        db.session.commit()
        if letter:
            return letter
    return None


def _taken_or_ended(delivery: Delivery, now: datetime) -> Letter | None:
    """One that cannot even be looked at must not keep all others waiting for ever."""
    id = delivery.id
    try:
        return _taken(delivery, now)
    except Exception as error:
        log.exception("a message could not be read")
        db.session.rollback()
        broken = {"state": DeliveryState.FAILED, "error": type(error).__name__, "taken_until": None}
        db.session.execute(update(Delivery).where(Delivery.id == id).values(**broken))
        return None


def _due(now: datetime) -> Select[Delivery]:
    free = or_(Delivery.taken_until.is_(None), Delivery.taken_until <= now)
    due = select(Delivery).where(Delivery.state == DeliveryState.DUE, Delivery.due_at <= now, free)
    due = due.where(Delivery.channel.in_(channels.ready()))
    return due.order_by(Delivery.due_at, Delivery.id).limit(1)


def _taken(delivery: Delivery, now: datetime) -> Letter | None:
    """The letter to send now; None if it waits for the end of quiet hours, or came too late."""
    notice = db.session.get_one(Notice, delivery.notice_id) if delivery.notice_id else None
    bulletin = db.session.get_one(Bulletin, delivery.bulletin_id) if delivery.bulletin_id else None
    if _is_too_late(delivery, notice, now):
        delivery.state, delivery.taken_until = DeliveryState.EXPIRED, None
        return None
    if until := _waits_until(delivery, notice or bulletin, now):
        delivery.due_at = until
        return None
    delivery.taken_until, delivery.tries = now + TAKEN_FOR, delivery.tries + 1
    letter = Letter(
        delivery.id, now, delivery.taken_until, delivery.tries, delivery.channel, delivery.target,
        _language(delivery, notice), notice, bulletin, delivery.useful_until,
    )  # fmt: skip
    db.session.flush()
    db.session.expunge(notice or bulletin)
    return letter


def _language(delivery: Delivery, notice: Notice | None) -> str:
    if notice:
        return db.session.get_one(Account, notice.account_id).lang
    robot = db.session.get(Robot, int(delivery.target))
    return robot.lang if robot else ""


def _waits_until(delivery: Delivery, told: Notice | Bulletin | None, now: datetime) -> datetime | None:
    """The end of the quiet hours, if it can wait so long."""
    end = queries.quiet_hours().end_after(now) if delivery.quiet else None
    return None if end is None or told is None or rules.presses(told.values, end) else end


def _is_too_late(delivery: Delivery, notice: Notice | None, now: datetime) -> bool:
    """Whether it would only confuse: what it tells of is over, or a reminder is no longer true."""
    if delivery.useful_until and delivery.useful_until <= now:
        return True
    return notice is not None and notice.kind in REMINDERS and not _still_holds(notice)


REMINDERS = (NoticeKind.SHIFT_SOON, NoticeKind.SHIFT_NEAR)


def _still_holds(reminder: Notice) -> bool:
    """Whether the place is still held, and the shift still begins when the reminder says."""
    claim_id = int((reminder.key or "::").split(":")[1] or 0)
    held = select(Shift.starts_at).join(Claim, Claim.shift_id == Shift.id)
    held = held.where(Claim.id == claim_id, Claim.state == ClaimState.HELD, Shift.state == ShiftState.OPEN)
    starts_at = db.session.scalar(held)
    return starts_at is not None and starts_at == datetime.fromisoformat(str(reminder.values["starts"]))


# --- marking ------------------------------------------------------------------------------------------------


def _mark(letter: Letter, error: Unsent | None, now: datetime) -> None:
    """Write down what became of it, unless it was taken from us meanwhile."""
    ours = update(Delivery).where(Delivery.id == letter.id, Delivery.taken_until == letter.taken_until)
    db.session.execute(ours.values(taken_until=None, **_outcome(letter, error, now)))
    db.session.commit()


def _outcome(letter: Letter, error: Unsent | None, now: datetime) -> dict[str, Any]:
    if error is None:
        return {"state": DeliveryState.SENT, "sent_at": now, "error": ""}
    if error.permanent or letter.tries >= MOST_TRIES:
        return {"state": DeliveryState.FAILED, "error": error.code[:200]}
    return {"due_at": now + PAUSES[letter.tries - 1], "error": error.code[:200]}
