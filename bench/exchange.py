"""How long large files take and how much memory they need: `python -m bench.exchange --import 100000 --export 1000000`.

Each in a process of its own on a fresh SQLite database, so that the most memory it held is its own: a file of hours is
read and tried, and with `--enter` approved and entered; a file of registrations is let in (`--register`), and its last
step is told apart, for it alone keeps other writers waiting; entries that count are written to a file (`--export`);
and so many people get a stamped certificate in one batch (`--certificates`).
"""

import argparse
import io
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import people
from bench.servers import ROOT


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.exchange", description=__doc__)
    parser.add_argument("--import", dest="rows", type=int, default=0, help="rows of a file of hours")
    parser.add_argument("--enter", type=int, default=0, help="rows of a file of hours that are entered as well")
    parser.add_argument("--register", type=int, default=0, help="rows of a file of registrations")
    parser.add_argument("--export", type=int, default=0, help="entries that count")
    parser.add_argument("--certificates", type=int, default=0, help="people of one batch, 1,000 at most")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        inside(given.inside, given.rows)
        return
    for task in TASKS:
        if count := given.rows if task == "import" else getattr(given, task):
            measured(task, count)


def measured(task: str, count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="rengang-exchange-") as folder:
        environment = os.environ | {"INSTANCE_PATH": folder, "WORKER": "off", "LOG": os.devnull, "DATABASE_URL": ""}
        records = str({"export": count, "certificates": 20 * count}.get(task, 1000))
        volunteers = str(count if task == "certificates" else 20_000)
        seed = ["seed", "--volunteers", volunteers, "--shifts", "10", "--records", records]
        flask = [sys.executable, "-m", "flask", "--app", "app"]
        subprocess.run([*flask, *seed], cwd=ROOT, env=environment, check=True, capture_output=True)
        agree(Path(folder) / "rengang.db")
        inner = [sys.executable, "-m", "bench.exchange", "--inside", task, "--import", str(count)]
        subprocess.run(inner, cwd=ROOT, env=environment, check=True)


def agree(database: Path) -> None:
    """Everybody lets their record be handed over."""
    with sqlite3.connect(database) as connection:
        connection.execute(
            "INSERT INTO consent (account_id, purpose, text_version, given_at) "
            "SELECT account_id, 'handover', '1', '2026-01-01 00:00:00' FROM volunteer"
        )


def inside(task: str, count: int) -> None:
    application = people.application(dict(os.environ))
    with application.app_context():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        began = time.perf_counter()
        said = TASKS[task](count)
        took = time.perf_counter() - began
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{task} of {count:,}: {said}; {took:.0f} s, at most {most} MiB (application alone {before} MiB)", flush=True)


def import_hours(count: int) -> str:
    from blueprints.exchange.models import ImportKind  # noqa: PLC0415 (after the settings are known)

    file = hours_file(count)
    batch_id, read, tried = _tried(ImportKind.HOURS, file)
    return f"{len(file) / 1e6:.1f} MB, read in {read:.0f} s, tried in {tried:.0f} s, {_told(batch_id)}"


def enter_hours(count: int) -> str:
    from blueprints.exchange.models import ImportKind  # noqa: PLC0415

    file = hours_file(count)
    batch_id, read, tried = _tried(ImportKind.HOURS, file)
    steps = _entered(batch_id)
    return f"read in {read:.0f} s, tried in {tried:.0f} s, entered in {sum(steps):.0f} s, {_told(batch_id)}"


def register_people(count: int) -> str:
    from blueprints.exchange.models import ImportKind  # noqa: PLC0415
    from core.tables import Xlsx  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        table = Xlsx(Path(folder) / "p.xlsx", ["姓名", "手机号码", "志愿者编号"])
        for number in range(count):
            table.write(["方小北", f"138{number:08d}", f"Z{number}"])
        table.close()
        file = (Path(folder) / "p.xlsx").read_bytes()
    batch_id, _read, _tried_in = _tried(ImportKind.REGISTRATIONS, file)
    steps = _entered(batch_id)
    return f"entered in {sum(steps):.0f} s, the step that lets all in {steps[-1]:.1f} s, {_told(batch_id)}"


def _tried(kind: Any, file: bytes) -> tuple[int, float, float]:
    """A file that was read, and every row tried: its batch, and the seconds of both."""
    from sqlalchemy import select  # noqa: PLC0415

    from blueprints.admin import tasks  # noqa: PLC0415
    from blueprints.exchange import actions, entering  # noqa: PLC0415
    from core import clock  # noqa: PLC0415
    from core.db import db  # noqa: PLC0415

    heads = entering.first_line(io.BytesIO(file))
    actor, organization_id = administrator(select, db)
    values: Any = {"platform": "p", "file_name": "h.xlsx", "heads": heads, "data": [file]}
    batch = actions.upload(kind, organization_id, actor, now=clock.now(), **values)
    db.session.commit()
    began = time.perf_counter()
    tasks.work_all("bench")
    read = time.perf_counter() - began
    batch = db.session.merge(batch)
    actions.name_columns(batch.id, actor, mapping=list(batch.mapping), category="water", now=clock.now())
    batch_id = batch.id
    db.session.commit()
    began = time.perf_counter()
    tasks.work_all("bench")
    return batch_id, read, time.perf_counter() - began


def _entered(batch_id: int) -> list[float]:
    """The file is handed up, approved by somebody else and entered: the seconds of each step."""
    from sqlalchemy import select  # noqa: PLC0415

    from blueprints.admin import tasks  # noqa: PLC0415
    from blueprints.exchange import actions, queries  # noqa: PLC0415
    from blueprints.exchange.models import ImportBatch  # noqa: PLC0415
    from core import clock  # noqa: PLC0415
    from core.actor import Role  # noqa: PLC0415
    from core.db import db  # noqa: PLC0415

    maker, _organization = administrator(select, db)
    batch = db.session.get_one(ImportBatch, batch_id)
    decider_id = another(batch.organization_id, (Role.CONFIRMER, Role.ADMINISTRATOR))
    actions.submit(batch_id, maker, now=clock.now())
    actions.approve(batch_id, queries.actor_by_account(decider_id), now=clock.now())
    db.session.commit()
    seconds: list[float] = []
    step = tasks._step

    def timed(*told: Any) -> bool:
        began = time.perf_counter()
        goes_on = step(*told)
        seconds.append(time.perf_counter() - began)
        return goes_on

    tasks._step = timed  # type: ignore[assignment]
    tasks.work_all("bench")
    return seconds


def another(organization_id: int, roles: Any) -> int:
    """Somebody new who holds these roles there."""
    from blueprints.identity.models import Account, Grant  # noqa: PLC0415
    from core import clock  # noqa: PLC0415
    from core.db import db  # noqa: PLC0415

    now = clock.now()
    account = Account(name=f"第{len(roles)}人", phone=f"+86166{len(roles):08d}", created_at=now, claimed_at=now)
    db.session.add(account)
    db.session.flush()
    for role in roles:
        db.session.add(Grant(account_id=account.id, role=role, organization_id=organization_id, granted_at=now))
    db.session.commit()
    return account.id


def _told(batch_id: int) -> dict[str, int]:
    from blueprints.exchange import queries  # noqa: PLC0415

    return {state.value: number for state, number in queries.counts(batch_id).items()}


def certificates(count: int) -> str:
    """A batch of certificates for so many people, each with their own rows, as two people of an organization do it."""
    from datetime import date  # noqa: PLC0415

    from sqlalchemy import func, select  # noqa: PLC0415

    from blueprints.admin import tasks  # noqa: PLC0415
    from blueprints.certificates import batches, keys  # noqa: PLC0415
    from blueprints.certificates.models import CertificateFile  # noqa: PLC0415
    from blueprints.certificates.queries import Span  # noqa: PLC0415
    from blueprints.exchange.queries import actor_by_account  # noqa: PLC0415
    from blueprints.identity.models import Volunteer  # noqa: PLC0415
    from blueprints.records.models import LedgerEntry  # noqa: PLC0415
    from core import clock  # noqa: PLC0415
    from core.actor import Role  # noqa: PLC0415
    from core.db import db  # noqa: PLC0415

    keys.make("嘉兴市志愿服务指导中心", now=clock.now())
    most = select(LedgerEntry.organization_id).group_by(LedgerEntry.organization_id).order_by(func.count().desc())
    organization_id = db.session.scalars(most.limit(1)).one()
    served = select(LedgerEntry.volunteer_id).where(LedgerEntry.organization_id == organization_id).distinct()
    numbers = list(db.session.scalars(select(Volunteer.number).where(Volunteer.id.in_(served)).limit(count)))
    clerk, confirmer = (another(organization_id, roles) for roles in ((Role.CLERK,), (Role.CONFIRMER, Role.CLERK)))
    span = Span(date(2000, 1, 1), date(2100, 1, 1), organization_id=organization_id)
    batch = batches.prepare(span, numbers, actor_by_account(clerk), now=clock.now())
    batches.issue(batch.id, actor_by_account(confirmer), address="https://gang.example.org", now=clock.now())
    db.session.commit()
    began = time.perf_counter()
    tasks.work_all("bench")
    took = time.perf_counter() - began
    made, size = db.session.execute(
        select(func.count(CertificateFile.id), func.avg(func.length(CertificateFile.content)) * 3 / 4)
    ).one()
    return f"{made} of {len(numbers)} made in {took:.0f} s, {float(size) / 1000:.0f} KB each"


def hours_file(count: int) -> bytes:
    """Each row another day or hour of one of the seeded volunteers."""
    from sqlalchemy import select  # noqa: PLC0415

    from blueprints.identity.models import Account, Volunteer  # noqa: PLC0415
    from core.db import db  # noqa: PLC0415
    from core.tables import Xlsx  # noqa: PLC0415

    found = select(Account.name, Account.phone).join(Volunteer, Volunteer.account_id == Account.id).limit(10_000)
    whom = [(name, str(phone).removeprefix("+86")) for name, phone in db.session.execute(found)]
    db.session.rollback()
    with tempfile.TemporaryDirectory() as folder:
        table = Xlsx(
            Path(folder) / "h.xlsx", ["姓名", "手机号", "活动名称", "服务日期", "开始时间", "结束时间", "记录编号"]
        )
        for number in range(count):
            name, phone = whom[number % len(whom)]
            day = f"2020-{1 + number // len(whom) % 12:02d}-{1 + number // len(whom) // 12 % 28:02d}"
            table.write([name, phone, "河道巡查", day, "09:00", "11:00", f"R{number}"])
        table.close()
        return (Path(folder) / "h.xlsx").read_bytes()


def export_hours(_count: int) -> str:
    from sqlalchemy import select  # noqa: PLC0415

    from blueprints.admin import tasks  # noqa: PLC0415
    from blueprints.exchange import sending  # noqa: PLC0415
    from blueprints.exchange.models import HandoverFormat, HandoverKind  # noqa: PLC0415
    from blueprints.jobs import queries  # noqa: PLC0415
    from blueprints.jobs.models import ChunkSide  # noqa: PLC0415
    from core import clock  # noqa: PLC0415
    from core.db import db  # noqa: PLC0415

    actor, organization_id = administrator(select, db)
    values: Any = {"with_id_numbers": False, "reason": "", "now": clock.now()}
    batch = sending.make(HandoverKind.SERVICE, HandoverFormat.XLSX, organization_id, actor, **values)
    db.session.commit()
    tasks.work_all("bench")
    db.session.expire_all()
    return f"{batch.count:,} rows, XLSX of {queries.size(batch.job_id or 0, ChunkSide.RESULT) / 1e6:.0f} MB"


def administrator(select: Any, db: Any) -> Any:
    """Who runs the top of what was seeded."""
    from blueprints.exchange.queries import actor_by_account  # noqa: PLC0415
    from blueprints.identity.models import Grant  # noqa: PLC0415

    held = select(Grant.account_id).where(Grant.role == "administrator").order_by(Grant.organization_id)
    actor = actor_by_account(db.session.scalar(held.limit(1)))
    db.session.rollback()
    return actor, actor.held[0].organization_id


TASKS = {
    "import": import_hours,
    "enter": enter_hours,
    "register": register_people,
    "export": export_hours,
    "certificates": certificates,
}

if __name__ == "__main__":
    main()
