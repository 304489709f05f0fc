"""Working on tasks in the background: one step is one transaction, and between two of them others may write.

A task is held for a minute at a time. If its worker is killed, the next one goes on behind the last committed step.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import timedelta
from typing import Any

from blueprints.jobs import actions, queries
from blueprints.jobs.actions import Work
from core import clock
from core.db import db, reading
from core.i18n import speaking
from core.refusal import Refusal

REST = timedelta(minutes=1)  # after a step that broke
SHARE = 0.25  # of the time of a step is left to others: writers on SQLite, and requests of the same process
LONGEST_PAUSE = 0.2  # seconds
log = logging.getLogger("rengang.tasks")


def work_on_next(holder: str, stop: threading.Event) -> bool:
    """Work on one task until it is over or `stop` is set; False if there was none."""
    with reading():
        if not queries.is_due(clock.real()):
            return False
    work = actions.take(holder, now=clock.now(), real=clock.real())
    db.session.commit()
    if work:
        _work_on(work, stop)
    return True


def _work_on(work: Work, stop: threading.Event) -> None:
    """All steps of one task, in the language of whoever asked for it."""
    with reading():
        language = actions.language_of(work.owner_id)
    try:
        with closing(actions.KINDS[work.kind].handler(work)) as steps:
            while _step(steps, work, language) and not _rests(stop, work):
                pass
    except Refusal as refusal:
        db.session.rollback()
        actions.fail_work(work, str(refusal), now=clock.now())
        db.session.commit()
    except Exception:
        log.exception("a step of task %d (%s) broke", work.job_id, work.kind)
        db.session.rollback()
        actions.put_off(work, until=clock.real() + REST)
        db.session.commit()


def _step(steps: Generator[None], work: Work, language: str) -> bool:
    """One step; False when there is no other one to do here."""
    began = time.monotonic()
    with speaking(language):
        is_over = next(steps, OVER) is OVER
    goes_on = not is_over and actions.note_step(work, real=clock.real())
    if goes_on or (is_over and actions.finish(work, now=clock.now())):
        db.session.commit()
    else:  # stopped meanwhile, or taken over by another worker: what this step wrote does not count
        db.session.rollback()
    work.took = time.monotonic() - began
    return goes_on


OVER: Any = object()


def _rests(stop: threading.Event, work: Work) -> bool:
    """Leave others their turn; True if this process is to end, so that another may go on at once."""
    if not stop.wait(min(LONGEST_PAUSE, work.took * SHARE)):
        return False
    actions.let_go(work, real=clock.real())
    db.session.commit()
    return True


def work_all(holder: str, keep_time: Callable[[], None] = lambda: None) -> int:
    """Work until nothing is due; returns on how many tasks."""
    count, never = 0, threading.Event()
    while work_on_next(holder, never):
        keep_time()
        count += 1
    return count
