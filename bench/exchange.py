"""How long large files take and how much memory they need: `python -m bench.exchange --import 100000 --export 1000000`.

Each in a process of its own on a fresh SQLite database, so that the most memory it held is its own: a file of hours is
read and tried (entering is one call of `records.actions.enter` a row), and entries that count are written to a file.
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
    parser.add_argument("--export", dest="records", type=int, default=0, help="entries that count")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        inside(given.inside, given.rows)
    for task, count in (("import", given.rows), ("export", given.records)):
        if count and not given.inside:
            measured(task, count)


def measured(task: str, count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="rengang-exchange-") as folder:
        environment = os.environ | {"INSTANCE_PATH": folder, "WORKER": "off", "LOG": os.devnull, "DATABASE_URL": ""}
        records = str(count if task == "export" else 1000)
        seed = ["seed", "--volunteers", "20000", "--shifts", "10", "--records", records]
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
        said = (import_hours if task == "import" else export_hours)(count)
        took = time.perf_counter() - began
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{task} of {count:,}: {said}; {took:.0f} s, at most {most} MiB (application alone {before} MiB)", flush=True)


def import_hours(count: int) -> str:
    from sqlalchemy import select  # noqa: PLC0415 (after the settings are known)

    from blueprints.admin import tasks  # noqa: PLC0415
    from blueprints.exchange import actions, entering, queries  # noqa: PLC0415
    from blueprints.exchange.models import ImportKind  # noqa: PLC0415
    from core import clock  # noqa: PLC0415
    from core.db import db  # noqa: PLC0415

    file = hours_file(count)
    heads = entering.first_line(io.BytesIO(file))
    actor, organization_id = administrator(select, db)
    values: Any = {"platform": "p", "file_name": "h.xlsx", "heads": heads, "data": [file]}
    batch = actions.upload(ImportKind.HOURS, organization_id, actor, now=clock.now(), **values)
    db.session.commit()
    began = time.perf_counter()
    tasks.work_all("bench")
    read = time.perf_counter() - began
    actions.name_columns(batch.id, actor, mapping=list(batch.mapping), category="water", now=clock.now())
    db.session.commit()
    tasks.work_all("bench")
    told = {state.value: number for state, number in queries.counts(batch.id).items()}
    return f"{len(file) / 1e6:.1f} MB, read in {read:.0f} s, {told}"


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


if __name__ == "__main__":
    main()
