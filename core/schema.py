"""How the database gets the structure this code expects."""

from collections.abc import Iterator
from contextlib import contextmanager

import flask_migrate
from alembic.script import ScriptDirectory
from sqlalchemy import text

from core.config import ROOT
from core.db import db, reading
from core.health import revisions

MIGRATIONS = str(ROOT / "migrations")
LOCK = 7_364_264  # any number, the same for every host that shares a database


class NewerDatabaseError(Exception):
    """A newer version of the program has already migrated this database."""


def bring_up_to_date() -> bool:
    """Migrate if the database is behind, one process at a time; says whether anything was done."""
    if not _behind():
        return False
    with _alone():
        behind = _behind()
        if behind:
            flask_migrate.upgrade(directory=MIGRATIONS)
    return behind


def _behind() -> bool:
    with reading():
        has, wants = revisions()
    if has == wants:
        return False
    known = {script.revision for script in ScriptDirectory(MIGRATIONS).walk_revisions()}
    if has and has not in known:
        raise NewerDatabaseError(
            f"The database is at revision {has}, which this version does not know: a newer version made it. "
            "Start that version, or restore the backup made before the upgrade."
        )
    return True


@contextmanager
def _alone() -> Iterator[None]:
    """On PostgreSQL several hosts may start at once; SQLite has one host and its own lock."""
    if db.engine.dialect.name != "postgresql":
        yield
        return
    with db.engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        yield  # the end of this connection's transaction gives the lock back
