"""kill -9 of a real worker while it enters a file: the next one goes on behind the last step, no row is doubled."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO

from sqlalchemy import func, select, text

from blueprints.admin import tasks
from blueprints.exchange import actions, entering, queries
from blueprints.exchange.models import ImportBatch, ImportKind
from blueprints.identity.models import Account, Grant, Volunteer
from blueprints.jobs.models import Job
from blueprints.organizations.models import Organization
from core import clock
from core.actor import Role
from core.config import ROOT
from core.db import db
from tests import postgres
from tests.reliability.house import KEYS, LONG_AGO, SECONDS_TO_START, House, Station

HEADS = {
    ImportKind.HOURS: "姓名,手机号,活动名称,服务日期,开始时间,结束时间,记录编号",
    ImportKind.REGISTRATIONS: "姓名,手机号码,志愿者编号",
}
MOST_SECONDS = 120  # for what a worker is to do meanwhile


def staff(station: Station) -> tuple[int, int]:
    """Who hands files in at the station, and who decides on them in the office above."""
    here = db.session.get_one(Organization, station.id)
    found = []
    for name, number, role in (("钱主任", 1, Role.ADMINISTRATOR), ("朱确认", 2, Role.CONFIRMER)):
        account = Account(name=name, phone=f"+86198{number:08d}", created_at=LONG_AGO, claimed_at=LONG_AGO)
        db.session.add(account)
        db.session.flush()
        where = station.id if role is Role.ADMINISTRATOR else here.parent_id
        held = [Role.ADMINISTRATOR] if role is Role.ADMINISTRATOR else [Role.CONFIRMER, Role.ADMINISTRATOR]
        for each in held:
            db.session.add(Grant(account_id=account.id, role=each, organization_id=where, granted_at=LONG_AGO))
        found.append(account.id)
    db.session.commit()
    return found[0], found[1]


def hours_of(people: list[Volunteer], days: int) -> list[str]:
    """Two hours of each on each of so many days of last year."""
    named = select(Account.id, Account.name, Account.phone).where(Account.id.in_([p.account_id for p in people]))
    whom = [(name, str(phone).removeprefix("+86")) for _id, name, phone in db.session.execute(named)]
    db.session.rollback()
    first = datetime.now(UTC).date() - timedelta(days=400)
    return [
        f"{name},{phone},河道巡查,{first + timedelta(days=day)},09:00,11:00,R{number}-{day}"
        for number, (name, phone) in enumerate(whom)
        for day in range(days)
    ]


def registrations(count: int) -> list[str]:
    return [f"方小北,138{number:08d},Z{number}" for number in range(count)]


def approved(kind: ImportKind, lines: list[str], station: Station, maker_id: int, decider_id: int) -> int:
    """A file that was tried and approved, so that a worker is to enter it."""
    maker, decider = queries.actor_by_account(maker_id), queries.actor_by_account(decider_id)
    written = StringIO("\n".join([HEADS[kind], *lines])).read().encode()
    heads = HEADS[kind].split(",")
    told = {"platform": "p", "file_name": "h.csv", "heads": heads, "data": [written]}
    batch = actions.upload(kind, station.id, maker, now=clock.now(), **told)  # type: ignore[arg-type]
    db.session.commit()
    tasks.work_all("here")
    db.session.expire_all()
    actions.name_columns(batch.id, maker, mapping=list(batch.mapping), category="water", now=clock.now())
    db.session.commit()
    tasks.work_all("here")
    actions.submit(batch.id, maker, now=clock.now())
    actions.approve(batch.id, decider, now=clock.now())
    db.session.commit()
    batch_id = batch.id
    db.session.remove()
    assert entering.S.APPLYING is state_of(batch_id)
    return batch_id


def state_of(batch_id: int) -> object:
    found = db.session.scalar(select(ImportBatch.state).where(ImportBatch.id == batch_id))
    db.session.rollback()
    return found


def how_far(batch_id: int) -> tuple[int, str]:
    """What the task of the batch says of itself: rows done, and its state."""
    job = select(Job.done, Job.state).join(ImportBatch, ImportBatch.job_id == Job.id).where(ImportBatch.id == batch_id)
    done, state = db.session.execute(job).one()
    db.session.rollback()
    return done, state


def wait(until: Callable[[], bool], most: float = MOST_SECONDS) -> None:
    give_up = time.monotonic() + most
    while not until():
        assert time.monotonic() < give_up, "the worker did not come to it"
        time.sleep(0.02)


@contextmanager
def worker(home: House):  # type: ignore[no-untyped-def]
    """A real worker as an administrator starts it, in a process group of its own."""
    environment = os.environ | KEYS | {"INSTANCE_PATH": str(home.folder), "DATABASE_URL": home.url}
    environment |= {"LOG": str(home.folder / "log"), "MAIL_URL": ""}
    with (home.folder / "worker").open("ab") as output:
        process = subprocess.Popen(
            postgres.dying_with_parent([sys.executable, "-m", "flask", "--app", "app", "worker"], "KILL"),
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        strike(process)


def strike(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to every process of the worker, without a word to it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(SECONDS_TO_START)


def lapse() -> None:
    """A minute passes: what the dead worker held is free for the next one."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    db.session.execute(db.update(Job).where(Job.held_until.is_not(None)).values(held_until=past))
    db.session.execute(text("DELETE FROM lease"))
    db.session.commit()


def count(model: type) -> int:
    found = db.session.scalar(select(func.count()).select_from(model)) or 0
    db.session.rollback()
    return found
