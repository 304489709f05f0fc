"""Writing many rows past the ORM: COPY on PostgreSQL, executemany on SQLite.

Values travel as SQLite stores them, which PostgreSQL reads as well: moments as UTC text without a zone,
dates and JSON as text, truth as 0 or 1.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy import Connection, text

Value = str | int | None
Row = Sequence[Value]
BATCH = 20_000
HEAVY = {"evidence": 20}  # rows that hold a picture: no more than so many are in memory at a time
MEMORY = {True: -131_072, False: -4_096}  # KiB of page cache while many rows are written, and otherwise

GUARDS_ON_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
GUARDED_ON_POSTGRESQL = """
    SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND n.nspname = current_schema() ORDER BY c.relname"""
VERY_MANY = 100_000
# How each foreign key and each index that is no constraint is taken away and built again: keys go first and come last.
BUILT_AFTERWARDS = """
    SELECT take_away, build FROM (
        SELECT 2 AS turn, c.conname AS name,
            format('ALTER TABLE %I DROP CONSTRAINT %I', r.relname, c.conname) AS take_away,
            format('ALTER TABLE %I ADD CONSTRAINT %I %s', r.relname, c.conname, pg_get_constraintdef(c.oid)) AS build
        FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
        WHERE c.contype = 'f' AND r.relnamespace = current_schema()::regnamespace AND r.relname = ANY(:tables)
        UNION ALL
        SELECT 1, i.relname, format('DROP INDEX %I', i.relname), pg_get_indexdef(i.oid)
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class r ON r.oid = x.indrelid
        WHERE r.relnamespace = current_schema()::regnamespace AND r.relname = ANY(:tables)
        AND NOT x.indisunique
    ) AS parts ORDER BY turn, name"""


def stored(moment: datetime) -> str:
    """A moment as both databases take it: 2026-11-28 01:00:00.000000."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def pour(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Write the rows and return how many they were; no more than a batch is in memory at a time."""
    if connection.dialect.name == "postgresql":
        return _copy(connection, table, columns, rows)
    names, marks = ", ".join(map(_quoted, columns)), ", ".join("?" * len(columns))
    statement = f"INSERT INTO {_quoted(table)} ({names}) VALUES ({marks})"
    count, source, at_once = 0, iter(rows), HEAVY.get(table, BATCH)
    with closing(connection.connection.cursor()) as cursor:
        while batch := list(islice(source, at_once)):
            cursor.executemany(statement, batch)
            count += len(batch)
    return count


def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """One statement for the whole table, so that rows may refer to later ones of the same table."""
    names, count = ", ".join(map(_quoted, columns)), 0
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        with cursor.copy(f"COPY {_quoted(table)} ({names}) FROM STDIN") as sink:
            for row in rows:
                sink.write_row(row)
                count += 1
    return count


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def in_bulk(connection: Connection, counts: Mapping[str, int]) -> Iterator[None]:
    """Set the guards of the database aside within this transaction; they stand again before it can end.

    `counts` says about how many rows which table will get. On PostgreSQL a table of very many gets its indexes and
    foreign keys again when all rows are there, which checks every row and takes half of the time.
    """
    if connection.dialect.name == "postgresql":
        yield from _unguarded_postgresql(connection, [table for table, count in counts.items() if count >= VERY_MANY])
    else:
        yield from _unguarded_sqlite(connection)


def _unguarded_postgresql(connection: Connection, heavy: list[str]) -> Iterator[None]:
    guarded = connection.execute(text(GUARDED_ON_POSTGRESQL)).scalars().all()
    for table in guarded:
        connection.execute(text(f"ALTER TABLE {_quoted(table)} DISABLE TRIGGER USER"))
    aside = connection.execute(text(BUILT_AFTERWARDS), {"tables": heavy}).all()
    for take_away, _build in aside:
        connection.execute(text(take_away))
    yield
    for _take_away, build in aside:
        connection.exec_driver_sql(build)
    for table in guarded:
        connection.execute(text(f"ALTER TABLE {_quoted(table)} ENABLE TRIGGER USER"))


def _unguarded_sqlite(connection: Connection) -> Iterator[None]:
    guards = connection.execute(text(GUARDS_ON_SQLITE)).all()
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")  # until the commit
    connection.exec_driver_sql(f"PRAGMA cache_size = {MEMORY[True]}")
    for name, _sql in guards:
        connection.exec_driver_sql(f"DROP TRIGGER {_quoted(name)}")
    yield
    for _name, sql in guards:
        connection.exec_driver_sql(sql)
    connection.exec_driver_sql(f"PRAGMA cache_size = {MEMORY[False]}")


def next_id(connection: Connection, table: str) -> int:
    """The lowest id above every one that the table has."""
    highest: int | None = connection.execute(text(f"SELECT max(id) FROM {_quoted(table)}")).scalar()
    return (highest or 0) + 1


def settle(connection: Connection, tables: Collection[str]) -> None:
    """Let the next row of each table get an id above all that were poured in; only PostgreSQL has to be told."""
    look_at(connection, tables)
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        counter = connection.execute(text("SELECT pg_get_serial_sequence(:t, 'id')"), {"t": _quoted(table)})
        if name := counter.scalar():
            set_to = f"SELECT setval(:name, coalesce(max(id), 1), count(*) > 0) FROM {_quoted(table)}"
            connection.execute(text(set_to), {"name": name})


def look_at(connection: Connection, tables: Iterable[str]) -> None:
    """Let PostgreSQL count what is in the tables now: by itself it does so later, and plans badly until then."""
    if connection.dialect.name == "postgresql":
        for table in tables:
            connection.execute(text(f"ANALYZE {_quoted(table)}"))
