"""A connection that is lent for one question comes back as it was, also when the question fails."""

import pytest
from sqlalchemy import text

from core.db import db, lent

pytestmark = pytest.mark.commits


def modes() -> set[bool]:
    """Whether the connections of the pool commit by themselves; only those of PostgreSQL have this switch."""
    with db.engine.connect() as first, db.engine.connect() as second:
        drivers = [each.connection.driver_connection for each in (first, second)]
        return {bool(getattr(driver, "autocommit", False)) for driver in drivers} if _is_postgresql() else {False}


def _is_postgresql() -> bool:
    return db.engine.dialect.name == "postgresql"


def test_it_answers_and_comes_back(app):
    with lent() as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        assert cursor.fetchone()[0] == 1
    assert modes() == {False}


def test_after_a_question_that_fails_it_serves_the_next(app):
    with pytest.raises(Exception, match="no_such_table"), lent() as connection:
        connection.cursor().execute("SELECT 1 FROM no_such_table")
    assert modes() == {False}
    with db.engine.begin() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1


def test_after_the_server_let_go_of_it_another_is_found(app):
    if not _is_postgresql():
        return  # a file does not go away
    with pytest.raises(Exception, match=r"(?i)terminat|closed"), lent() as connection:
        connection.cursor().execute("SELECT pg_terminate_backend(pg_backend_pid())")
    db.engine.dispose()
    with lent() as connection:
        connection.cursor().execute("SELECT 1")
    assert modes() == {False}
