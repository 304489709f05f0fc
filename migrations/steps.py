"""Steps that several migrations share. What stands here is never changed, only added to: old migrations use it, too."""

import re
from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

Guard = tuple[
    str, str, str, str, str
]  # name, table, when it fires, condition on the row, query whose first row refuses


def make_guards(guards: Iterable[Guard]) -> None:
    """Triggers by which the database refuses; see GUARDS of migration 0002 for their form."""
    make = _guard_on_sqlite if op.get_bind().dialect.name == "sqlite" else _guard_on_postgresql
    for guard in guards:
        make(*guard)


def drop_guards(guards: Iterable[Guard]) -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for name, table, *_ in guards:
        op.execute(f"DROP TRIGGER {name}" + (f" ON {table}" if postgresql else ""))
        if postgresql:
            op.execute(f"DROP FUNCTION {name}()")


def _guard_on_sqlite(name: str, table: str, event: str, condition: str, query: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {condition} "
        f"BEGIN SELECT RAISE(ABORT, '{name}') WHERE EXISTS ({query}); END"
    )


def _guard_on_postgresql(name: str, table: str, event: str, condition: str, query: str) -> None:
    row = "OLD" if event == "DELETE" else "NEW"
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF EXISTS ({query}) THEN RAISE EXCEPTION '{name}' USING ERRCODE = 'integrity_constraint_violation'; END IF; "
        f"RETURN {row}; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {name}()"
    )


def allow(constraint: str, table: str, column: str, values: Iterable[str]) -> None:
    """Let an enum column hold these values besides those it holds already; `constraint` is the name of its CHECK.

    On SQLite the text of the table is edited in place, as its documentation describes for a wider CHECK: no table is
    rebuilt, so no trigger and no row of a ledger is touched.
    """
    known = allowed(constraint, table)
    check = _list_of(column, [*known, *(value for value in values if value not in known)])
    replace_check(constraint, table, check)


def disallow(constraint: str, table: str, column: str, values: Iterable[str]) -> None:
    """The way back of `allow`; the rows must not hold these values any more."""
    gone = set(values)
    check = _list_of(column, [value for value in allowed(constraint, table) if value not in gone])
    replace_check(constraint, table, check)


def allowed(constraint: str, table: str) -> list[str]:
    """The values that the CHECK of an enum column lets through."""
    checks = sa.inspect(op.get_bind()).get_check_constraints(table)
    text = next(check["sqltext"] for check in checks if check["name"] == constraint)
    return re.findall(r"'([^']*)'", text)


def replace_check(constraint: str, table: str, condition: str) -> None:
    """Give a named CHECK another condition, without rebuilding the table; every row must fulfil it already."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({condition})")
        return
    _edit_on_sqlite(constraint, table, condition)


def add_check(constraint: str, table: str, condition: str) -> None:
    """Give a table another named CHECK, without rebuilding it; every row must fulfil it already."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({condition})")
        return
    written = _written(table)
    body, end = written[: written.rindex(")")].rstrip(), written[written.rindex(")") :]
    _rewrite_on_sqlite(table, f"{body}, \n\tCONSTRAINT {constraint} CHECK ({condition})\n{end}")


def drop_check(constraint: str, table: str) -> None:
    """The way back of `add_check`."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        return
    written = _written(table)
    start = re.search(rf",\s*CONSTRAINT \"?{constraint}\"? CHECK \(", written)
    if start is None:
        raise RuntimeError(f"{table} has no constraint {constraint}")
    _rewrite_on_sqlite(table, written[: start.start()] + written[_closing(written, start.end()) + 1 :])


def let_be_empty(table: str, column: str) -> None:
    """Take NOT NULL from a column, without rebuilding the table: its rows, triggers and indexes are not touched."""
    _nullable(table, column, rf"(\b{column}\"? [A-Z]+(?:\(\d+\))?) NOT NULL", r"\1", "DROP")


def must_be_filled(table: str, column: str) -> None:
    """The way back of `let_be_empty`; no row may be empty there."""
    _nullable(table, column, rf"(\b{column}\"? [A-Z]+(?:\(\d+\))?)(?! NOT NULL)", r"\1 NOT NULL", "SET")


def _nullable(table: str, column: str, pattern: str, fresh: str, verb: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} {verb} NOT NULL")
        return
    written, count = re.subn(pattern, fresh, _written(table), count=1)
    if not count:
        raise RuntimeError(f"{table}.{column} is not written as expected")
    _rewrite_on_sqlite(table, written)


def _list_of(column: str, values: Iterable[str]) -> str:
    quoted = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({quoted})"


def _edit_on_sqlite(constraint: str, table: str, condition: str) -> None:
    written = _written(table)
    start = re.search(rf"CONSTRAINT \"?{constraint}\"? CHECK \(", written)
    if start is None:
        raise RuntimeError(f"{table} has no constraint {constraint}")
    end = _closing(written, start.end())
    _rewrite_on_sqlite(table, written[: start.end()] + condition + written[end:])


def _written(table: str) -> str:
    named = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :t")
    return str(op.get_bind().scalar(named, {"t": table}))


def _rewrite_on_sqlite(table: str, fresh: str) -> None:
    """Another text for a table whose stored rows stay as they are."""
    bind = op.get_bind()
    version = bind.scalar(sa.text("PRAGMA schema_version"))
    bind.exec_driver_sql("PRAGMA writable_schema = ON")
    bind.execute(
        sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :t"), {"sql": fresh, "t": table}
    )
    bind.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    bind.exec_driver_sql("PRAGMA writable_schema = OFF")
    if (found := bind.scalar(sa.text("PRAGMA quick_check"))) != "ok":
        raise RuntimeError(f"{table} could not be changed: {found}")


def _closing(text: str, start: int) -> int:
    """Where the parenthesis that was opened just before `start` is closed; brackets in quotes do not count."""
    depth, quoted = 1, False
    for position in range(start, len(text)):
        character = text[position]
        quoted ^= character == "'"
        depth += 0 if quoted else (character == "(") - (character == ")")
        if not depth:
            return position
    raise RuntimeError("A CHECK is never closed.")
