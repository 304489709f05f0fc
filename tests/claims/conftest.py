"""What the tests of the volunteer's pages share: a clock that can be moved, and the way a part is asked for."""

import pytest

from core import clock

SWAP = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def at(monkeypatch):
    """Moves the clock of the application."""

    def move(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    return move
