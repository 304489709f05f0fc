"""How long `audit verify` takes and how much memory it needs: `python -m bench.proof 1000000 4000000`.

For each number a database of its own (SQLite) is filled with so many sealed rows, three of the audit for one of the
ledger as in a real station, each of the latter with its document; then the command is run as anybody runs it.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from bench import people
from bench.servers import ROOT
from blueprints.admin.bulk import stored
from blueprints.posts.models import Category
from blueprints.records import ledger, seals
from blueprints.records.models import RecordState, Sealed, ServiceRecord

CHAINS, LEDGER_IN, DAYS, BATCH = 200, 4, 90, 20_000
BEGAN = datetime(2026, 1, 5, 1, tzinfo=UTC)
NOW = stored(BEGAN)
ENTRY = ("credit", 120, "B", Category.CONVENIENCE.value, BEGAN.date().isoformat(), None, None)


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.proof", description=__doc__)
    parser.add_argument("counts", type=int, nargs="+", help="how many sealed rows")
    for count in parser.parse_args().counts:
        with tempfile.TemporaryDirectory(prefix="rengang-proof-") as folder:
            print(measured(Path(folder), count), flush=True)


def measured(folder: Path, count: int) -> str:
    """One line: what was proven, in how long, with how much memory at most."""
    environment = os.environ | {"INSTANCE_PATH": str(folder), "WORKER": "off", "LOG": os.devnull, "DATABASE_URL": ""}
    flask = [sys.executable, "-m", "flask", "--app", "app"]
    subprocess.run([*flask, "db", "upgrade"], cwd=ROOT, env=environment, check=True, capture_output=True)
    began = time.perf_counter()
    with people.application(environment).app_context():
        filled(folder / "rengang.db", count)
    seeded = time.perf_counter()
    process = subprocess.Popen(
        [*flask, "audit", "verify"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    said = process.stdout.read().splitlines()[-1] if process.stdout else ""
    _pid, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - seeded
    return (
        f"{count:,} rows: {said}; exit {os.waitstatus_to_exitcode(status)}, {took:.0f} s "
        f"({usage.ru_utime + usage.ru_stime:.0f} s of CPU), at most {usage.ru_maxrss // 1024} MiB; "
        f"filled in {seeded - began:.0f} s"
    )


def filled(database: Path, count: int) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    Chains(connection, count).write()
    connection.close()


class Chains:
    """The rows, their seals and a root for each day, written as they would have come in."""

    def __init__(self, connection: sqlite3.Connection, count: int) -> None:
        self.connection, self.count = connection, count
        self.heads: dict[int, tuple[int, str]] = {}
        self.grown: set[int] = set()
        self.root, self.roots = "", 0
        self.day = count // DAYS + 1

    def write(self) -> None:
        document = ledger.document_hash(record(1))
        rows, at_once = iter(range(1, self.count + 1)), min(BATCH, self.day)
        while batch := list(islice(rows, at_once)):
            self.connection.execute("BEGIN")
            self._poured(batch, document)
            if batch[-1] // self.day > (batch[0] - 1) // self.day or batch[-1] == self.count:
                self._rooted(batch[-1])
            self.connection.execute("COMMIT")

    def _poured(self, batch: list[int], document: str) -> None:
        entries, notes, sealed = [], [], []
        for number in batch:
            chain, row_id = number % CHAINS + 1, number // LEDGER_IN + 1
            kind = Sealed.AUDIT if number % LEDGER_IN else Sealed.LEDGER
            if kind is Sealed.LEDGER:
                row: tuple[Any, ...] = (row_id, 1, row_id, chain, *ENTRY, self._at(number), 1, 2, document)
                entries.append((*row[:11], stored(row[11]), *row[12:]))
            else:
                row = (number, self._at(number), 1, "confirmed", "service_record", row_id, chain, 2, '{"minutes": 120}')
                notes.append((row[0], stored(row[1]), *row[2:]))
            sealed.append(self._sealed(number, chain, kind, row))
        pour(self.connection, "service_record", RECORD, (document_row(entry[0]) for entry in entries))
        pour(self.connection, "ledger_entry", seals.COLUMNS[Sealed.LEDGER], entries)
        pour(self.connection, "audit_entry", seals.COLUMNS[Sealed.AUDIT], notes)
        pour(self.connection, "seal", ("id", "chain", "position", "kind", "row_id", "hash", "sealed_at"), sealed)

    def _at(self, number: int) -> datetime:
        return BEGAN + timedelta(days=number // self.day)

    def _sealed(self, number: int, chain: int, kind: Sealed, row: tuple[Any, ...]) -> tuple[Any, ...]:
        position, before = self.heads.get(chain, (0, seals.FIRST))
        hash = seals.seal_hash(chain, position + 1, before, kind, row)  # type: ignore[arg-type] # as a row it is read
        self.heads[chain] = (position + 1, hash)
        self.grown.add(chain)
        return (number, chain, position + 1, kind.value, row[0], hash, NOW)

    def _rooted(self, last: int) -> None:
        day = (BEGAN + timedelta(days=self.roots)).date()
        heads = [(chain, *self.heads[chain]) for chain in sorted(self.grown)]
        self.root = seals.root_hash(self.root, day, last, heads)
        made = stored(datetime(day.year, day.month, day.day, tzinfo=UTC))
        told = (day.isoformat(), made, last, self.root, seals.mark_of(self.root))
        columns = "day, made_at, last_seal_id, hash, mark"
        root_id = self.connection.execute(f"INSERT INTO root ({columns}) VALUES (?, ?, ?, ?, ?)", told).lastrowid
        named = [(root_id, *head) for head in heads]
        pour(self.connection, "root_head", ("root_id", "chain", "position", "hash"), named)
        self.grown.clear()
        self.roots += 1


def record(id: int) -> ServiceRecord:
    """A document as handing in writes it."""
    return ServiceRecord(
        id=id,
        volunteer_id=1,
        claim_id=id,
        organization_id=1,
        title="社区图书角管理岗",
        category=Category.CONVENIENCE,
        content="整理图书，办理借还，陪孩子阅读。",
        place="烟雨社区党群服务中心一楼",
        responsible_name="陈站长",
        served_on=BEGAN.date(),
        started_at=BEGAN,
        ended_at=BEGAN + timedelta(hours=2),
        planned_minutes=120,
        minutes=120,
        evidence="B",
        below_presence=False,
        levels_up=0,
        state=RecordState.EFFECTIVE,
        handed_in_at=BEGAN,
        handed_in_by_id=1,
        due_on=BEGAN.date(),
        confirmed_at=BEGAN,
        confirmed_by_id=2,
        reason="",
    )


WRITTEN = {name: getattr(record(1), name) for name in record(1).__dict__ if not name.startswith("_")}
RECORD = tuple(WRITTEN)
KEPT = [stored(value) if isinstance(value, datetime) else value for value in WRITTEN.values()]
OWN = [RECORD.index("id"), RECORD.index("claim_id")]


def document_row(id: int) -> list[Any]:
    row = [value.isoformat() if hasattr(value, "isoformat") else value for value in KEPT]
    for place in OWN:
        row[place] = id
    return row


def pour(connection: sqlite3.Connection, table: str, columns: Iterable[str], rows: Iterable[Any]) -> None:
    names = [f'"{name}"' for name in columns]
    marks = ", ".join("?" * len(names))
    connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", _each(rows))


def _each(rows: Iterable[Any]) -> Iterator[Any]:
    yield from rows


if __name__ == "__main__":
    main()
