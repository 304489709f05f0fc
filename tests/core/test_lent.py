"""A connection that is lent for one question comes back as it was, also when the question fails."""

import psycopg
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


@pytest.fixture
def asked(monkeypatch):
    """How often a connection was asked whether it lives."""
    told, ping = [], db.engine.dialect.do_ping
    monkeypatch.setattr(db.engine.dialect, "do_ping", lambda connection: (told.append(1), ping(connection))[1])
    return told


def test_a_connection_that_was_just_used_is_not_asked_whether_it_lives(app, asked):
    for _ in range(3):
        with lent() as connection:
            connection.cursor().execute("SELECT 1")
    assert asked == []


def test_one_that_lay_idle_is_asked_and_another_is_made_if_it_is_dead(app, asked, monkeypatch):
    if not _is_postgresql():
        return  # a file does not go away
    with lent() as connection, db.engine.connect() as other:
        pid = connection.cursor().execute("SELECT pg_backend_pid()").fetchone()[0]
        other.execute(text("SELECT 1"))
    with psycopg.connect(_plain_url(), autocommit=True) as stranger:
        stranger.execute("SELECT pg_terminate_backend(%s)", [pid])
    monkeypatch.setattr("core.db.TRUSTED", 0.0)
    for _ in range(3):
        with lent() as connection:
            assert connection.cursor().execute("SELECT pg_backend_pid()").fetchone()[0] != pid
    assert asked


def _plain_url() -> str:
    return db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
