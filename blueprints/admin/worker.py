"""What happens without a visitor: lapsed offers go on, reminders are written, mail is sent.

No request ends here, so besides core.web this is the place that commits: short transactions, and none while
a mail server is talked to. Several processes may work at once; each thing is done once.
"""

import logging
import smtplib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from flask import current_app
from sqlalchemy import Select, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from blueprints.admin.models import Lease
from blueprints.claims import actions as claims
from blueprints.claims import queries as claimed
from blueprints.claims import upkeep
from blueprints.claims.models import Claim, ClaimState
from blueprints.identity.models import Account, Volunteer
from blueprints.kiosk import actions as kiosk
from blueprints.kiosk import queries as kiosk_queries
from blueprints.messages import words
from blueprints.messages.actions import tell
from blueprints.messages.models import Delivery, DeliveryState, Notice, NoticeKind
from blueprints.posts.models import Post, Shift, ShiftState
from blueprints.records import seals
from blueprints.series import actions as series
from blueprints.series import queries as repeated
from core import clock, mail
from core.db import db, reading
from core.i18n import _, speaking

ROOTS = "roots.txt"  # in the instance folder: every root, one a line
WORKER = "worker"  # the lease of the process that works
LEASE = timedelta(seconds=90)
AHEAD = timedelta(hours=24)  # how long before a shift its holders are reminded
BATCH = 200
TAKEN_FOR = timedelta(minutes=10)  # a mail that was taken and never marked is tried again after that
PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240, 720, 1440))
MOST_TRIES = len(PAUSES) + 1
log = logging.getLogger("rengang.worker")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """What one round did: shifts whose offers went on, reminders, mails that were sent and that were not taken."""

    offers: int
    reminders: int
    mails: tuple[int, int]
    crashes: int
    shifts: int = 0

    @property
    def is_partial(self) -> bool:
        """Whether mail was left for the next round."""
        return sum(self.mails) >= BATCH


def hold(holder: str, *, now: datetime) -> bool:
    """Take or renew the worker's lease; False while another process holds it. `now` is the machine's own time."""
    lease = db.session.scalar(select(Lease).where(Lease.name == WORKER).with_for_update())
    if lease is None:
        lease = Lease(name=WORKER, holder=holder, held_until=now)
        db.session.add(lease)
    ours_by_time = lease.held_until <= now or lease.held_until > now + LEASE  # the latter: a clock was set back
    mine = lease.holder == holder or ours_by_time
    if mine:
        lease.holder, lease.held_until = holder, now + LEASE
    return mine and _committed()


def _committed() -> bool:
    """Whether what was written stands; not if another process wrote the first row at the same moment."""
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return False
    return True


def work() -> Done:
    """One round: everything that is due now. A step that fails is logged and does not keep the others from theirs."""
    now = clock.now()
    offers = _step(lambda: settle(now=now))
    kept = _step(lambda: keep_places(now=now))
    reminders = _step(lambda: remind(now=now))
    shifts = _step(lambda: repeat(now=now))
    sealed = _step(lambda: keep_seals(now=now))
    sent = _step(deliver)
    steps = (offers, kept, reminders, shifts, sealed, sent, _step(lambda: forget(now=now)))
    crashes = sum(step is None for step in steps)
    return Done(offers or 0, reminders or 0, sent or (0, 0), crashes=crashes, shifts=shifts or 0)


def _step(act: Callable[[], T]) -> T | None:
    try:
        return act()
    except Exception:
        log.exception("a step of the worker failed")
        db.session.rollback()
        return None


def settle(*, now: datetime) -> int:
    """Pass on the offers that ended unanswered; returns how many shifts had one."""
    with reading():
        lapsed = claimed.lapsed_shift_ids(now)
    if not lapsed:
        return 0
    count = claims.settle_offers(now)
    db.session.commit()
    return count


def keep_places(*, now: datetime) -> int:
    """Whatever the clock alone does to claims; returns how many things were done."""
    return sum(_keep(is_due, act, now) for is_due, act in upkeep.STEPS)


def _keep(is_due: Callable[[datetime], bool], act: Callable[[datetime], int], now: datetime) -> int:
    with reading():
        due = is_due(now)
    if not due:
        return 0
    count = act(now)
    db.session.commit()
    return count


def keep_seals(*, now: datetime) -> int:
    """Seal what was written to the ledger and the audit, and make the root of a day that is over; returns how many."""
    count = 0
    while some := seals.seal(now=now):
        db.session.commit()
        count += some
    root = seals.make_root(now=now)
    db.session.commit()
    if root:
        _publish(seals.line_of(root))
    return count


def _publish(line: str) -> None:
    """Keep the root outside the database, and mail it to whoever is named for that."""
    with (current_app.config["INSTANCE"] / ROOTS).open("a") as file:
        file.write(line + "\n")
    address = current_app.config["ROOTS_MAIL"]
    if address and mail.is_set():
        mail.send(address, "Rengang root", line)


def forget(*, now: datetime) -> int:
    """Drop the coordinates of check-ins that are older than the rules allow; returns how many."""
    with reading():
        oldest = kiosk_queries.oldest_coordinates()
        if oldest is None or oldest >= kiosk.coordinates_end(now):
            return 0
    count = kiosk.forget_coordinates(now=now)
    db.session.commit()
    return count


def repeat(*, now: datetime) -> int:
    """Make the next shifts of every series that is due, each in a transaction of its own; returns how many."""
    with reading():
        due = repeated.due_ids(now)
    return sum(_repeat(series_id, now) for series_id in due)


def _repeat(series_id: int, now: datetime) -> int:
    """One series; what goes wrong is written down on it, and does not keep the others from theirs."""
    try:
        made = series.generate(series_id, now=now)
        db.session.commit()
    except Exception:
        log.exception("the shifts of series %d were not made", series_id)
        db.session.rollback()
        series.note_failure(series_id, now=now)
        db.session.commit()
        return 0
    return made


# --- reminders --------------------------------------------------------------------------------------------


def remind(*, now: datetime) -> int:
    """Remind everyone who holds a place of a shift within the next 24 hours, once; returns how many.

    A reminder falls due 24 hours before the start and stays due until the start, whenever a worker next runs.
    Who claimed later than that was told the time just then.
    """
    with reading():
        due = _unreminded(now)
    for some in batched(due, BATCH):
        _remind(some, now)
    return len(due)


def _unreminded(now: datetime, *only: int) -> list[int]:
    """The ids of the claims whose reminder is due and not yet written."""
    soon = _soon(now).where(Claim.id.in_(only)) if only else _soon(now)
    keys = {_key(id, start): id for id, start, since in db.session.execute(soon) if since <= start - AHEAD}
    for some in batched(keys, BATCH):
        for key in db.session.scalars(select(Notice.key).where(Notice.key.in_(some))).all():
            keys.pop(key or "")
    return list(keys.values())


def _soon(now: datetime) -> Select[int, datetime, datetime]:
    """Held claims on shifts that start within the next 24 hours."""
    held = select(Claim.id, Shift.starts_at, Claim.claimed_at).join(Shift, Shift.id == Claim.shift_id)
    soon = held.where(Shift.state == ShiftState.OPEN, Shift.starts_at > now, Shift.starts_at <= now + AHEAD)
    return soon.where(Claim.state == ClaimState.HELD).order_by(Shift.starts_at, Claim.id)


def batched(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """The items in tuples of at most so many."""
    source = iter(list(items))
    while some := tuple(islice(source, size)):
        yield some


def _key(claim_id: int, starts_at: datetime) -> str:
    """Once for a claim, and once more if the shift moves to another day."""
    return f"soon:{claim_id}:{clock.today(starts_at)}"


def _remind(ids: Sequence[int], now: datetime) -> None:
    """Write the reminders that are still due; two workers do it one after the other, on the row of the lease."""
    db.session.scalars(select(Lease).where(Lease.name == WORKER).with_for_update()).all()
    still = select(Claim).where(Claim.id.in_(_unreminded(now, *ids))).order_by(Claim.id)
    whole = joinedload(Claim.shift, innerjoin=True).joinedload(Shift.post, innerjoin=True)
    locked = still.with_for_update(of=Claim).options(whole, joinedload(Claim.volunteer, innerjoin=True))
    for claim in db.session.scalars(locked.execution_options(populate_existing=True)).all():
        _tell_soon(claim, claim.shift, claim.shift.post, claim.volunteer, now)
    db.session.commit()


def _tell_soon(claim: Claim, shift: Shift, post: Post, volunteer: Volunteer, now: datetime) -> None:
    when = {"starts": shift.starts_at, "ends": shift.ends_at}
    tell(
        volunteer.account_id,
        NoticeKind.SHIFT_SOON,
        now=now,
        path=f"/shifts/{shift.id}",
        key=_key(claim.id, shift.starts_at),
        title=post.title,
        where=post.place,
        place=claim.place or 0,
        **when,
    )


# --- mail -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery that this process took, with all that is needed to send it."""

    id: int
    taken_until: datetime
    tries: int
    address: str
    lang: str
    notice: Notice


def deliver() -> tuple[int, int]:
    """Send what is due, at most a batch; returns how many mails were sent and how many were not taken."""
    outcomes: list[bool] = []
    while mail.is_set() and len(outcomes) < BATCH and (letter := _take(clock.now())):
        error = _sent(letter)
        _mark(letter, error, clock.now())
        outcomes.append(not error)
    return sum(outcomes), len(outcomes) - sum(outcomes)


def _take(now: datetime) -> Letter | None:
    """Take the oldest delivery that is due and that nobody else has taken."""
    with reading():
        if db.session.scalar(_due(now)) is None:
            return None
    delivery = db.session.scalar(_due(now).with_for_update(of=Delivery, skip_locked=True))
    if delivery is None:
        return None
    delivery.taken_until, delivery.tries = now + TAKEN_FOR, delivery.tries + 1
    notice = db.session.get_one(Notice, delivery.notice_id)
    lang = db.session.get_one(Account, notice.account_id).lang
    letter = Letter(delivery.id, delivery.taken_until, delivery.tries, delivery.address, lang, notice)
    db.session.flush()
    db.session.expunge(notice)
    db.session.commit()
    return letter


def _due(now: datetime) -> Select[Delivery]:
    free = or_(Delivery.taken_until.is_(None), Delivery.taken_until <= now)
    due = select(Delivery).where(Delivery.state == DeliveryState.DUE, Delivery.due_at <= now, free)
    return due.order_by(Delivery.due_at, Delivery.id).limit(1)


def _sent(letter: Letter) -> str:
    """Send it, in the receiver's language; returns what went wrong, without the address, or nothing."""
    try:
        with speaking(letter.lang):
            subject, body = compose(letter.notice)
        mail.send(letter.address, subject, body)
    except Exception as error:  # whatever it is, the other mails go on, and this one is tried again
        log.warning("a mail was not sent", exc_info=not isinstance(error, smtplib.SMTPException | OSError))
        return f"{type(error).__name__} {getattr(error, 'smtp_code', '')}".strip()
    return ""


def compose(notice: Notice) -> tuple[str, str]:
    """Subject and body of the mail, in the language that is being spoken."""
    link = mail.link(notice.path) if notice.path else ""
    closing = _("You receive this because you gave this address in Rengang. You can take it back on your page.")
    return _("A message for you from Rengang"), "\n\n".join(filter(None, [words.sentence(notice), link, closing]))


def _mark(letter: Letter, error: str, now: datetime) -> None:
    """Write down what became of it, unless it was taken from us meanwhile."""
    if not error:
        outcome = {"state": DeliveryState.SENT, "sent_at": now, "error": ""}
    elif letter.tries >= MOST_TRIES:
        outcome = {"state": DeliveryState.FAILED, "error": error[:200]}
    else:
        outcome = {"due_at": now + PAUSES[letter.tries - 1], "error": error[:200]}
    ours = update(Delivery).where(Delivery.id == letter.id, Delivery.taken_until == letter.taken_until)
    db.session.execute(ours.values(taken_until=None, **outcome))
    db.session.commit()
