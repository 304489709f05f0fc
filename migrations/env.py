"""Run migrations on the engine and the metadata of the application itself."""

from typing import Any, Literal

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

from core.db import Base, Blob, UtcDateTime


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Keep code of the application out of migrations: they must still run when it has changed."""
    if kind != "type":
        return False
    written = {UtcDateTime: "sa.DateTime(timezone=True)", Blob: "sa.Text()"}
    return written.get(type(item), False)


def run(connection: Connection) -> None:
    """One transaction for each run; on SQLite without foreign keys meanwhile, and checked at the end."""
    sqlite = connection.dialect.name == "sqlite"
    context.configure(connection=connection, target_metadata=Base.metadata, render_item=render_item, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
        if sqlite and connection.execute(text("PRAGMA foreign_key_check")).first():
            raise RuntimeError("A migration left rows that refer to nothing.")


engine = current_app.extensions["migrate"].db.engine
with engine.connect() as connection:
    if engine.dialect.name == "sqlite":
        connection.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")
    try:
        run(connection)
    finally:
        connection.rollback()  # the pragma is ignored inside a transaction
        connection.invalidate()  # so that no connection without foreign keys goes back to the pool
