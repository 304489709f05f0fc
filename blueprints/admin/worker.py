"""What happens without a visitor: lapsed offers go on, reminders are written, messages are sent.

No request ends here, so besides core.web this is the place that commits, with reminders.py and sending.py: short
transactions, and none while another server is talked to. Several processes may work at once; each thing is done once.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from flask import current_app
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from blueprints.admin.models import Lease
from blueprints.admin.reminders import WORKER, announce_today, remind
from blueprints.admin.sending import BATCH, Sent, deliver
from blueprints.claims import actions as claims
from blueprints.claims import queries as claimed
from blueprints.claims import upkeep
from blueprints.disputes import upkeep as disputes
from blueprints.exchange import upkeep as batches
from blueprints.honours import upkeep as honours
from blueprints.inspections import upkeep as inspections
from blueprints.jobs import upkeep as tasks_upkeep
from blueprints.kiosk import actions as kiosk
from blueprints.kiosk import queries as kiosk_queries
from blueprints.mergers import upkeep as mergers
from blueprints.public_notices import upkeep as noticed
from blueprints.records import seals
from blueprints.records import upkeep as entries
from blueprints.rollcall import upkeep as evidence
from blueprints.series import actions as series
from blueprints.series import queries as repeated
from core import clock, mail
from core.db import db, reading

ROOTS = "roots.txt"  # in the instance folder: every root, one a line
LEASE = timedelta(seconds=90)
log = logging.getLogger("rengang.worker")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """What one round did: shifts whose offers went on, reminders, bulletins, messages sent and not taken."""

    offers: int
    reminders: int
    bulletins: int
    crashes: int
    shifts: int = 0
    messages: Sent = field(default_factory=lambda: Sent(Counter(), Counter()))

    @property
    def is_partial(self) -> bool:
        """Whether messages were left for the next round."""
        return sum(self.messages.total) >= BATCH


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
    bulletins = _step(lambda: announce_today(now=now))
    sealed = _step(lambda: keep_seals(now=now))
    looked = _step(lambda: look_for_risks(now=now))
    sent = _step(deliver)
    steps = (offers, kept, reminders, shifts, bulletins, sealed, looked, sent, _step(lambda: forget(now=now)))
    crashes = sum(step is None for step in steps)
    messages = sent or Sent(Counter(), Counter())
    return Done(offers or 0, reminders or 0, bulletins or 0, crashes, shifts or 0, messages)


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
    """Whatever the clock alone does to claims and to evidence; returns how many things were done. What fails in one
    area is told when all others have had their turn."""
    count, failed = 0, []
    for steps in (upkeep, evidence, entries, tasks_upkeep, disputes, noticed, batches, honours):
        for is_due, act in steps.STEPS:
            try:
                count += _keep(is_due, act, now)
            except Exception as error:
                db.session.rollback()
                failed.append(error)
    if failed:
        raise failed[0]
    return count


def look_for_risks(*, now: datetime) -> int:
    """Look at what is new for the level above, a batch a round; returns how many flags were raised and pairs of
    registrations found."""
    return sum(_keep(is_due, act, now) for steps in (inspections, mergers) for is_due, act in steps.STEPS)


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
