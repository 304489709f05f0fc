"""The database: one session, one declarative base, the types every area shares, and who may write when."""

import datetime as dt
import enum
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from flask import has_request_context, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, DateTime, Engine, Enum, MetaData, String, TypeDecorator, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

db = SQLAlchemy()

SQLITE_PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "NORMAL",
    "busy_timeout": "15000",
    "foreign_keys": "ON",
    "cache_size": "-4096",
    "mmap_size": "67108864",
    "temp_store": "MEMORY",
    "journal_size_limit": "67108864",
}
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


def lock(model: type[M], id: int) -> M:
    """Load one row and keep every other writer away from it until this transaction ends; 404 if it is gone.

    PostgreSQL takes a row lock (SELECT … FOR UPDATE). SQLite has none and ignores the clause;
    there the transaction is already the only writer, because it began with BEGIN IMMEDIATE.
    """
    return db.get_or_404(model, id, with_for_update={"of": model}, populate_existing=True)


@contextmanager
def reading() -> Iterator[None]:
    """Read in a transaction that ends here, so that what follows (hashing, sending) holds no lock."""
    token = _reading.set(True)
    try:
        yield
    finally:
        db.session.rollback()
        _reading.reset(token)


def only_reads() -> bool:
    """Whether the transaction that begins now is known to write nothing."""
    return _reading.get() or (has_request_context() and request.method in ("GET", "HEAD", "OPTIONS"))


@event.listens_for(Engine, "connect")
def _set_up_sqlite(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.isolation_level = None  # SQLAlchemy says BEGIN, not the driver
        for name, value in SQLITE_PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}")


@event.listens_for(Engine, "begin")
def _begin_on_sqlite(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    if only_reads():
        connection.connection.driver_connection.execute("BEGIN")  # type: ignore[union-attr] # takes no lock, cannot fail
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
