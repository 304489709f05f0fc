"""The desk is looked at two days before the shift of the small world."""

from datetime import UTC, datetime

import pytest

from core.web import App
from tests.factories import BEFORE, World, make_world


@pytest.fixture(autouse=True)
def clock(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages read the same time that the rules of these tests are given."""
    monkeypatch.setitem(app.extensions, "clock_ahead", BEFORE - datetime.now(UTC))


@pytest.fixture
def world() -> World:
    return make_world()
