"""The desk is looked at two days before the shift of the small world."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import g
from sqlalchemy import Engine, event

from core.web import App
from tests.factories import BEFORE, World, make_world


@pytest.fixture(autouse=True)
def clock(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages read the same time that the rules of these tests are given."""
    monkeypatch.setitem(app.extensions, "clock_ahead", BEFORE - datetime.now(UTC))


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def count_queries() -> Callable[[Callable[[], object]], int]:
    """How many statements an act sends to the database."""

    def counted(act: Callable[[], object]) -> int:
        sent: list[str] = []
        g.pop("unread", None)  # the requests of one test share their context, those of a server do not

        def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
            if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")):
                sent.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            act()
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        return len(sent)

    return counted
