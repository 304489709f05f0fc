"""The database: one session, one declarative base, the types every area shares, and who may write when."""

import base64
import datetime as dt
import enum
import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import accumulate, pairwise
from typing import Any, TypeVar, cast

from flask import has_request_context, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    Enum,
    Insert,
    MetaData,
    Pool,
    Select,
    String,
    Table,
    Text,
    TypeDecorator,
    Update,
    bindparam,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Mapped, make_transient_to_detached, mapped_column
from sqlalchemy.orm.attributes import instance_dict, instance_state, set_committed_value
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import NotFound

from core import clock, turns

db = SQLAlchemy()

SQLITE_PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "NORMAL",
    "busy_timeout": "15000",
    "foreign_keys": "ON",
    "cache_size": "-2048",
    "mmap_size": "67108864",
    "temp_store": "MEMORY",
    "journal_size_limit": "67108864",
}
IN_HAND, USED_AT = "in hand", "used at"
FRESH = math.inf  # never used yet
TRUSTED = 1.0  # seconds after which a connection that lay idle is asked whether it lives
_reading: ContextVar[bool] = ContextVar("reading", default=False)


class UtcDateTime(TypeDecorator[dt.datetime]):
    """Always aware, always UTC. SQLite alone would hand back naive datetimes."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, _dialect: Any) -> dt.datetime | None:
        return value.astimezone(dt.UTC) if value else None

    def process_result_value(self, value: dt.datetime | None, _dialect: Any) -> dt.datetime | None:
        if value is None:
            return None
        return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)


class Blob(TypeDecorator[bytes]):
    """Bytes, kept as base64: so a backup is text on both databases and moves from one to the other."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: bytes | None, _dialect: Any) -> str | None:
        return base64.b64encode(value).decode() if value is not None else None

    def process_result_value(self, value: str | None, _dialect: Any) -> bytes | None:
        return base64.b64decode(value) if value is not None else None


def ascii_text(length: int) -> String:
    """Text that sorts by its bytes on both databases, so that a prefix is an index range."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        dt.datetime: UtcDateTime,
        # A VARCHAR holding the member's value, with a CHECK: the same on both databases.
        enum.Enum: Enum(
            enum.Enum,
            native_enum=False,
            create_constraint=True,
            length=24,
            values_callable=lambda kind: [member.value for member in kind],
        ),
    }

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


M = TypeVar("M", bound=Base)
T = TypeVar("T")


def lock(model: type[M], id: int) -> M:
    """Load one row and keep every other writer away from it until this transaction ends; 404 if it is gone.

    PostgreSQL takes a row lock (SELECT … FOR UPDATE). SQLite has none and ignores the clause;
    there the transaction is already the only writer, because it began with BEGIN IMMEDIATE.
    """
    for (row,) in _locking(model).objects(row=id):
        return cast("M", row)
    raise NotFound


@cache
def _locking(model: type[Base]) -> "Rows":
    one = select(model.__table__).where(model.__table__.c.id == bindparam("row"))
    return Rows([model], one.with_for_update(of=model.__table__))


@contextmanager
def reading() -> Iterator[None]:
    """Read in a transaction that ends here, so that what follows (hashing, sending) holds no lock."""
    token = _reading.set(True)
    try:
        yield
    finally:
        if db.session.registry.has():  # else nobody asked anything
            db.session.rollback()
        _reading.reset(token)


def only_reads() -> bool:
    """Whether the transaction that begins now is known to write nothing."""
    return _reading.get() or (has_request_context() and request.method in ("GET", "HEAD", "OPTIONS"))


def once(name: str, read: Callable[[], T]) -> T:
    """What `read` says, asked once in a request that only reads; one that writes asks anew each time."""
    if not (has_request_context() and only_reads()):
        return read()
    if name not in request.environ:
        request.environ[name] = read()
    known: T = request.environ[name]
    return known


@event.listens_for(Engine, "connect")
def _set_up_sqlite(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.isolation_level = None  # SQLAlchemy says BEGIN, not the driver
        for name, value in SQLITE_PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}")
        connection.create_function("local_hour", 1, _local_hour)


def _local_hour(moment: str) -> int:
    """What SQLite, which knows no zones, is told of the clock on the wall: the hour at this UTC moment."""
    return clock.local(dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)).hour


@event.listens_for(Pool, "checkin")
def _remember_the_use(_connection: Any, record: Any) -> None:
    record.info[USED_AT] = time.monotonic()


@event.listens_for(Pool, "checkout")
def _look_whether_it_lives(connection: Any, record: Any, _lent: Any) -> None:
    """The server may have gone away since a connection was used; to ask before each use costs as much as a query does.

    A file does not go away. If one connection is dead, all of them are made anew.
    """
    if isinstance(connection, sqlite3.Connection) or time.monotonic() - record.info.get(USED_AT, FRESH) < TRUSTED:
        return
    dialect = db.engine.dialect
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error


@event.listens_for(Engine, "begin")
def _begin_on_sqlite(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    if only_reads():
        connection.connection.driver_connection.execute("BEGIN")  # type: ignore[union-attr] # takes no lock, cannot fail
    else:
        if has_request_context():
            turns.wait(connection)
        connection.exec_driver_sql("BEGIN IMMEDIATE")


# --- what is asked all the time -------------------------------------------------------------------------------


@contextmanager
def lent() -> Iterator[Any]:
    """A connection of the driver, from the pool and back to it, for a query that needs no transaction.

    A query of its own sees one moment anyway; to begin and to roll back would be two more ways to PostgreSQL.
    """
    connection = db.engine.raw_connection()
    try:
        with _without_transaction(connection, db.engine.dialect):
            yield connection
    finally:
        connection.close()


@contextmanager
def _without_transaction(connection: Any, dialect: Dialect) -> Iterator[None]:
    """SQLite begins none by itself; a connection that broke meanwhile has nothing to be set back."""
    if dialect.name != "postgresql":
        yield
        return
    driver = connection.driver_connection
    driver.autocommit = True
    try:
        yield
    finally:
        if not driver.closed:
            driver.autocommit = False


class Question:
    """A query of the busiest paths, written out once and put to the driver itself.

    SQLAlchemy composes it, and knows how each value is stored; what it does anew for each execution costs five times
    the answer. For reading only.
    """

    def __init__(self, query: Select[Any]) -> None:
        self.query = query
        self._written: dict[str, _Written] = {}

    def answer(self, **values: Any) -> list[tuple[Any, ...]]:
        """The rows as they are now, by a connection of its own: no transaction is begun for this one query."""
        dialect = db.engine.dialect
        with _in_the_words_of_sqlalchemy(dialect), lent() as connection:
            return self._in(dialect).ask(connection, values)

    def within(self, **values: Any) -> list[tuple[Any, ...]]:
        """The rows as the transaction in hand sees them, with what it has written itself."""
        db.session.flush()
        connection = _in_hand()
        with _in_the_words_of_sqlalchemy(connection.dialect):
            return self._in(connection.dialect).ask(connection.connection, values)

    def _in(self, dialect: Dialect) -> "_Written":
        if dialect.name not in self._written:
            self._written[dialect.name] = _Written(self.query, dialect)
        return self._written[dialect.name]


class Rows(Question):
    """The same for whole rows: the objects of the session, as the transaction in hand sees them at this moment."""

    def __init__(self, models: Sequence[type[Base]], query: Select[Any]) -> None:
        """`query` selects the tables of the models, in this order."""
        super().__init__(query)
        ends = list(accumulate((len(model.__table__.columns) for model in models), initial=0))
        self._parts = [(model, slice(*span)) for model, span in zip(models, pairwise(ends), strict=True)]

    def objects(self, **values: Any) -> list[tuple[Any, ...]]:
        """One object for each model in each row; one that the session has already says from now on what was read."""
        return [
            tuple(_known(model, dict(zip(_names(model), row[part], strict=True))) for model, part in self._parts)
            for row in self.within(**values)
        ]


def put(row: Base) -> None:
    """Write a new row at once, as adding it to the session and flushing does for a fifth of the price.

    What it refers to, it names by ids; from here on it is an object of the session like any other.
    """
    if db.session.new:
        db.session.flush()
    kept, unsaid = instance_dict(row), _unsaid(type(row))
    values = {name: kept[name] if name in kept else unsaid[name] for name in _names(type(row)) if name != "id"}
    kept.update(values, id=_execute(_putting(type(row)), values, made=True))
    make_transient_to_detached(row)
    db.session.add(row)


def amend(row: Base, **values: Any) -> None:
    """Change some columns of a row at once, as setting them and flushing does."""
    if instance_state(row).modified:
        db.session.flush()
    if not _execute(_amending(type(row), tuple(values)), values | {"row": row.id}):
        raise StaleDataError(f"This row of {row.__tablename__} is gone.")
    for name, value in values.items():
        set_committed_value(row, name, value)


def _in_hand() -> Connection:
    """The connection of the transaction in hand; the session is asked for it once in each, not for each statement."""
    session = db.session()
    begun, connection = session.info.get(IN_HAND, (None, None))
    if connection is None or begun is not session.get_transaction():
        connection = session.connection()
        session.info[IN_HAND] = session.get_transaction(), connection
    found: Connection = connection
    return found


def _execute(change: "_Change", values: dict[str, Any], *, made: bool = False) -> int:
    """The id of the row that was made, or how many were changed."""
    connection = _in_hand()
    dialect = connection.dialect
    if dialect.name not in change.written:
        change.written[dialect.name] = _Written(change.statement, dialect)
    with _in_the_words_of_sqlalchemy(dialect), closing(connection.connection.cursor()) as cursor:
        change.written[dialect.name].put_to(cursor, values)
        if not made:
            return int(cursor.rowcount)
        return int(cursor.lastrowid if dialect.name == "sqlite" else cursor.fetchall()[0][0])


class _Change:
    """An INSERT or UPDATE of one row, written out once for each dialect."""

    def __init__(self, statement: Insert | Update) -> None:
        self.statement = statement
        self.written: dict[str, _Written] = {}


@cache
def _putting(model: type[Base]) -> _Change:
    table = cast("Table", model.__table__)
    columns = inspect(model).columns
    values = {columns[name]: bindparam(name, type_=columns[name].type) for name in _names(model) if name != "id"}
    statement = insert(table).values(values)
    return _Change(statement.returning(table.c.id) if db.engine.dialect.name == "postgresql" else statement)


@cache
def _amending(model: type[Base], names: tuple[str, ...]) -> _Change:
    table, columns = cast("Table", model.__table__), inspect(model).columns
    values = {columns[name]: bindparam(name, type_=columns[name].type) for name in names}
    return _Change(update(table).where(table.c.id == bindparam("row")).values(values))


@cache
def _names(model: type[Base]) -> tuple[str, ...]:
    """What the attributes are called, in the order of the table's columns."""
    return tuple(inspect(model).get_property_by_column(column).key for column in model.__table__.columns)


@cache
def _unsaid(model: type[Base]) -> dict[str, Any]:
    """What an attribute is of a new row that does not say it; what a function would have to make must be said."""
    columns = {name: inspect(model).columns[name] for name in _names(model)}
    return {
        name: getattr(column.default, "arg", None)
        for name, column in columns.items()
        if column.default is None or column.default.is_scalar
    }


def _known(model: type[Base], values: dict[str, Any]) -> Base:
    """The object of the session for this row."""
    key = inspect(model).identity_key_from_primary_key((values["id"],))
    known: Base | None = db.session.identity_map.get(key)
    if known is None:
        made: Base = inspect(model).class_manager.new_instance()
        instance_dict(made).update(values)
        make_transient_to_detached(made)
        db.session.add(made)
        return made
    for name, value in values.items():
        set_committed_value(known, name, value)
    if led_to := inspect(model).relationships.keys() & instance_dict(known).keys():
        db.session.expire(known, led_to)
    return known


class _Written:
    """The words of a statement in one dialect, and how its values go in and come out."""

    def __init__(self, statement: Select[Any] | Insert | Update, dialect: Dialect) -> None:
        words = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self._text, self._order, self._fixed = words.string, words.positiontup, words.params
        kinds = {name: words.binds[name].type.dialect_impl(dialect) for name in words.params}
        self._into = [(name, way) for name, kind in kinds.items() if (way := kind.bind_processor(dialect))]
        columns = statement.selected_columns if isinstance(statement, Select) else ()
        answers = enumerate(column.type.dialect_impl(dialect) for column in columns)
        self._out_of = [(n, way) for n, kind in answers if (way := kind.result_processor(dialect, None))]

    def ask(self, connection: Any, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        with closing(connection.cursor()) as cursor:
            self.put_to(cursor, values)
            rows = cursor.fetchall()
        return [self._read(row) for row in rows]

    def _read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """Most values are what the driver gives; only the others are looked at."""
        values = list(row)
        for place, way in self._out_of:
            values[place] = way(values[place])
        return tuple(values)

    def put_to(self, cursor: Any, values: dict[str, Any]) -> None:
        given = self._fixed | values
        for name, way in self._into:
            given[name] = way(given[name])
        cursor.execute(self._text, [given[name] for name in self._order] if self._order else given)


@contextmanager
def _in_the_words_of_sqlalchemy(dialect: Dialect) -> Iterator[None]:
    """Let an error of the driver be what it is everywhere else, so that a database that is away is no crash."""
    driver = dialect.loaded_dbapi
    try:
        yield
    except driver.Error as error:
        raise DBAPIError.instance(None, None, error, driver.Error, dialect=dialect) from error
