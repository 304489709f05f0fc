"""One database built by the migrations for the whole run; every test leaves it as it found it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import g
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import Connection, text

from app import create_app
from blueprints.claims.board import Memory
from blueprints.organizations import actions as organizations
from core.db import Base, db
from core.prefs import COOKIE, Prefs
from core.web import App

ENGLISH = Prefs("en", "normal", "auto")
KEPT = {"division"}  # the real tree is loaded once


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("instance")
    url = os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{folder}/test.db"
    app = create_app(
        TESTING=True,
        WTF_CSRF_ENABLED=False,
        SQLALCHEMY_DATABASE_URI=url,
        INSTANCE=Path(folder),
        SECRET_KEY="test",
        DATA_KEY="test",
        MAIL_URL="",
        PUBLIC_URL="",
    )
    with app.app_context():
        upgrade()
        organizations.load_divisions()
        db.session.commit()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(autouse=True)
def database(app: App, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo everything the test did: by rolling back, or by emptying the tables if it `commits`."""
    app.extensions["demo"] = False  # what the process remembers of the database of another test
    app.extensions["board"] = Memory(seconds=0)
    app.extensions.pop("seen", None)
    if request.node.get_closest_marker("commits"):
        yield from _emptied(app)
    else:
        yield from _rolled_back(app, monkeypatch)


def _rolled_back(app: App, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with app.app_context(), db.engine.connect() as connection:
        transaction = connection.begin()
        monkeypatch.setitem(db.engines, None, connection)  # every session of the test joins this transaction
        monkeypatch.setattr("core.db.lent", partial(_lent, connection))
        db.session.configure(join_transaction_mode="create_savepoint")
        g.prefs = ENGLISH
        yield
        db.session.remove()
        transaction.rollback()
        db.session.configure(join_transaction_mode="conditional_savepoint")


@contextmanager
def _lent(connection: Connection) -> Iterator[Any]:
    db.session.flush()
    yield connection.connection


def _emptied(app: App) -> Iterator[None]:
    with app.app_context():
        g.prefs = ENGLISH
        yield
        db.session.remove()
        empty()


def empty() -> None:
    """Take every row away but the divisions; the guards that forbid it are set aside meanwhile."""
    tables = [table for table in reversed(Base.metadata.sorted_tables) if table.name not in KEPT]
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"TRUNCATE {', '.join(t.name for t in tables)} RESTART IDENTITY CASCADE"))
            return
        guards = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
        for name, _sql in guards:
            connection.execute(text(f"DROP TRIGGER {name}"))
        for table in tables:
            connection.execute(table.delete())
        for _name, sql in guards:
            connection.exec_driver_sql(sql)


@pytest.fixture
def client(app: App) -> FlaskClient:
    """A browser that reads English, so that tests quote the words of the code."""
    browser = app.test_client()
    browser.set_cookie(COOKIE, "en.normal.auto")
    return browser
