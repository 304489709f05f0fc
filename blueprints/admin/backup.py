"""The whole database in one file that either database can read: a zip of one JSON-lines file for each table.

The keys of the installation (SECRET_KEY, DATA_KEY) are left out on purpose: whoever finds a lost backup must
not be able to open the ID numbers sealed in it, nor to sign in with the hashes of sessions.
"""

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Connection, Date, DateTime, Engine, MetaData, Table, inspect, text

from blueprints.admin.bulk import HEAVY, Row, in_bulk, pour, settle
from core import vault
from core.db import reading
from core.refusal import Refusal

FORMAT = 1
MANIFEST = "manifest.json"
# The revision stands in the manifest; who works at this moment is nothing to restore.
LEFT_OUT = {"alembic_version", "lease"}
ROWS_AT_ONCE = 2_000
ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Part:
    """One table in the file: its columns in the order of the values, how many rows, and their checksum."""

    table: str
    columns: list[str]
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the file says of itself. `data_key` is a keyed hash that shows which DATA_KEY belongs to it."""

    format: int
    revision: str
    made_at: str
    data_key: str
    tables: list[Part]


def tables(connection: Connection) -> list[Table]:
    """Every table to keep as this database has it, whatever its revision; parents before what refers to them."""
    there = MetaData()
    there.reflect(connection)
    return [table for table in there.sorted_tables if table.name not in LEFT_OUT]


# --- writing ----------------------------------------------------------------------------------------------


def write(file: Path, engine: Engine, *, now: datetime, say: Say) -> Manifest:
    """Write one consistent moment of the database to a new file, while people go on working."""
    if file.exists():
        raise Refusal(f"{file} exists already. Choose another name: a backup is never overwritten.")
    unfinished = file.with_name(file.name + ".part")
    try:
        with _one_moment(engine) as connection, _private(unfinished) as archive:
            revision = _revision(connection)
            parts = [_write_table(archive, connection, table, say) for table in tables(connection)]
            manifest = Manifest(FORMAT, revision, now.isoformat(), fingerprint(), parts)
            archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=1))
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)
    return manifest


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        raise Refusal(
            "There is nothing to back up: this database has no tables. Is DATABASE_URL or INSTANCE_PATH right?"
        )
    revision: str = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    return revision


def fingerprint() -> str:
    """Tells one DATA_KEY from another, and nothing else about it."""
    return vault.digest("which data key belongs to a backup")[:16]


@contextmanager
def _one_moment(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the database as it was at its first look, and keeps no writer waiting."""
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with reading(), engine.connect() as connection:
        yield connection.execution_options(stream_results=True)


@contextmanager
def _private(file: Path) -> Iterator[zipfile.ZipFile]:
    """A new archive that only this user can read, on the disk for good when it is closed."""
    descriptor = os.open(file, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
    with os.fdopen(descriptor, "w+b") as raw:
        with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            yield archive
        raw.flush()
        os.fsync(raw.fileno())


def _write_table(archive: zipfile.ZipFile, connection: Connection, table: Table, say: Say) -> Part:
    checksum, count, at_once = hashlib.sha256(), 0, HEAVY.get(table.name, ROWS_AT_ONCE)
    with archive.open(_member(table.name), "w", force_zip64=True) as raw:
        for rows in connection.execute(text(_query(table, connection.dialect.name))).partitions(at_once):
            lines = "".join(ENCODE(list(row)) + "\n" for row in rows).encode()
            raw.write(lines)
            checksum.update(lines)
            count += len(rows)
    say(f"{table.name:<16}{count:>10,}")
    return Part(table.name, [column.name for column in table.columns], count, checksum.hexdigest())


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"


def _query(table: Table, dialect: str) -> str:
    told = _told_by_postgresql if dialect == "postgresql" else _told_by_sqlite
    columns = ", ".join(told(column) for column in table.columns)
    return f'SELECT {columns} FROM "{table.name}" ORDER BY id'


def _told_by_sqlite(column: Column[Any]) -> str:
    """As it is stored; that is what `bulk` takes. Naming the column as text keeps SQLAlchemy from reading it."""
    return f'"{column.name}"'


def _told_by_postgresql(column: Column[Any]) -> str:
    """The same values in the same form."""
    name = f'"{column.name}"'
    if isinstance(column.type, DateTime):
        return f"to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    if isinstance(column.type, Date | JSON):
        return f"{name}::text"
    return f"{name}::int" if isinstance(column.type, Boolean) else name


# --- reading ----------------------------------------------------------------------------------------------


def read_manifest(file: Path) -> Manifest:
    """What a file says of itself; refuses what is no backup, or one of a later format."""
    try:
        with zipfile.ZipFile(file) as archive:
            told = json.loads(archive.read(MANIFEST))
            manifest = Manifest(**{**told, "tables": [Part(**part) for part in told["tables"]]})
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise Refusal(f"{file} is not a backup of Rengang, or it is damaged: {error}") from error
    if manifest.format != FORMAT:
        raise Refusal(f"{file} was made by a later version. Restore it with that version.")
    return manifest


def restore(file: Path, manifest: Manifest, connection: Connection, *, say: Say) -> None:
    """Fill an empty database of the same revision, in the one transaction of this connection."""
    refuse_filled(connection)
    _refuse_unknown(manifest, connection)
    counts = {part.table: part.rows for part in manifest.tables}
    with zipfile.ZipFile(file) as archive, in_bulk(connection, counts):
        for part in manifest.tables:
            _restore_table(archive, connection, part, say)
    settle(connection, [part.table for part in manifest.tables])


def refuse_filled(connection: Connection) -> None:
    """Nothing is ever restored over what is there."""
    for table in inspect(connection).get_table_names():
        if table not in LEFT_OUT and _has_rows(connection, table):
            raise Refusal(
                f"The database is not empty ({table} has rows). Restore into a new one: set DATABASE_URL to an empty "
                "database, or INSTANCE_PATH to a new folder."
            )


def _has_rows(connection: Connection, table: str) -> bool:
    return connection.execute(text(f'SELECT 1 FROM "{table}" LIMIT 1')).first() is not None


def _refuse_unknown(manifest: Manifest, connection: Connection) -> None:
    """The names in the file go into statements, so they must be those of the database."""
    known = inspect(connection)
    there = set(known.get_table_names())
    for part in manifest.tables:
        columns = {column["name"] for column in known.get_columns(part.table)} if part.table in there else set()
        if not set(part.columns) <= columns:
            raise Refusal(f"The backup holds something this database does not know: {part.table}.")


def _restore_table(archive: zipfile.ZipFile, connection: Connection, part: Part, say: Say) -> None:
    checksum = hashlib.sha256()
    try:
        with archive.open(_member(part.table)) as raw:
            pour(connection, part.table, part.columns, _rows(raw, checksum))
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, OSError) as error:
        raise Refusal(f"The backup is damaged in {part.table}: {error}") from error
    count = connection.execute(text(f'SELECT count(*) FROM "{part.table}"')).scalar()
    if (count, checksum.hexdigest()) != (part.rows, part.sha256):
        raise Refusal(f"The backup is damaged: {part.table} has {count} rows and should have {part.rows}.")
    say(f"{part.table:<16}{count:>10,}")


def _rows(raw: Any, checksum: Any) -> Iterator[Row]:
    for line in io.BufferedReader(raw, 1 << 20):
        checksum.update(line)
        yield json.loads(line)
