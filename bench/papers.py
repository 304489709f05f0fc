"""Certificates: how long one takes, how large it is, and what checking one costs: `python -m bench.papers`.

On a database of its own (SQLite) in a temporary folder. Times are CPU time of this process, for the machine may have
other work; the check is measured inside the process against the floor of bench/floor.py in turns, as a ratio.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from bench import load, people
from bench.run import seeded
from blueprints.certificates import actions, keys, paper, routes
from blueprints.certificates.queries import Span
from blueprints.identity.models import Account, Volunteer
from blueprints.records.models import LedgerEntry
from core import clock
from core.brake import Brake
from core.db import db, reading
from core.web import App

VOLUNTEERS, SHIFTS, RECORDS, PAPERS, LOOKS, ROUNDS = 2_000, 200, 40_000, 30, 200, 5
WHOLE = Span(date(2000, 1, 1), date(2100, 1, 1))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="rengang-papers-") as folder:
        environment = os.environ | {"INSTANCE_PATH": folder, "WORKER": "off", "LOG": os.devnull, "DATABASE_URL": ""}
        seeded(environment, VOLUNTEERS, SHIFTS, RECORDS)
        app = people.application(environment)
        with app.app_context():
            code = papers()
        checks(app, code, Path(folder) / "rengang.db")


def papers() -> str:
    """Certificates of the busiest people; returns the code of one."""
    keys.make("嘉兴市志愿服务指导中心", now=clock.now())
    db.session.commit()
    taken: dict[str, list[float]] = {"set": [], "set and signed, rows read": []}
    sizes, rows, code = [], [], ""
    paper.set_ = _timed(taken["set"])  # type: ignore[assignment]
    for volunteer_id in _busiest():
        with reading():
            began = time.process_time()
            draft = actions.draft_own(volunteer_id, WHOLE, address="https://gang.example.org", now=clock.now())
            taken["set and signed, rows read"].append(time.process_time() - began)
        code = actions.issue_own(draft, now=clock.now()).code
        db.session.commit()
        sizes.append(len(draft.pdf))
        rows.append(len(draft.lines))
    for what, seconds in taken.items():
        print(f"certificate {what}: median {median(seconds) * 1000:.0f} ms, longest {max(seconds) * 1000:.0f} ms")
    print(
        f"size: median {median(sizes) / 1000:.0f} KB, largest {max(sizes) / 1000:.0f} KB, {min(rows)}-{max(rows)} rows"
    )
    return code


def _busiest() -> list[int]:
    counted = select(LedgerEntry.volunteer_id).join(Volunteer, Volunteer.id == LedgerEntry.volunteer_id)
    counted = counted.join(Account, Account.id == Volunteer.account_id).where(Account.claimed_at.is_not(None))
    ordered = counted.group_by(LedgerEntry.volunteer_id).order_by(func.count().desc(), LedgerEntry.volunteer_id)
    return list(db.session.scalars(ordered.limit(PAPERS)))


def _timed(taken: list[float]) -> Callable[[paper.Facts], bytes]:
    """Setting alone, as the product does it within the whole."""
    whole = paper.set_

    def set_(facts: paper.Facts) -> bytes:
        began = time.process_time()
        pdf = whole(facts)
        taken.append(time.process_time() - began)
        return pdf

    return set_


def checks(app: App, code: str, database: Path) -> None:
    """One check against one page of the floor, in turns."""
    routes.brake = Brake(10**9)
    sys.argv[1:] = [str(database)]
    from bench.floor import app as floor  # noqa: PLC0415 - it reads where its database is

    ways: dict[str, Callable[[], float]] = {
        "floor": lambda: _cost(floor, "/"),
        "check": lambda: _cost(app, f"/verify/{code}"),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for name in load.in_turns(ROUNDS, list(ways)):
        found[name].append(ways[name]())
    floor_ms, check_ms = (median(found[name]) for name in ways)
    print(f"check of one: {check_ms:.2f} ms of CPU, {floor_ms / check_ms:.2f} × floor ({floor_ms:.2f} ms)")


def _cost(app: Flask, path: str) -> float:
    """Milliseconds of CPU for one page through the whole application, without a server."""
    client: Any = app.test_client()
    client.get(path)
    began = time.process_time()
    for _n in range(LOOKS):
        assert client.get(path).status_code == 200
    return (time.process_time() - began) * 1000 / LOOKS


if __name__ == "__main__":
    main()
