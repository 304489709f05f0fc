"""What the tests of the roll-call without a network share: everybody, a shift, and a clock that can be moved."""

import pytest

from core import clock
from tests.claims.test_claiming import claim
from tests.factories import START, make_post, make_shift, make_world, sign_in
from tests.rollcall.queues import Tablet


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station))


@pytest.fixture
def held(shift, world):
    return claim(shift, world.lin)


@pytest.fixture
def tablet(shift, world):
    return Tablet(shift, world.chen)


@pytest.fixture
def at(monkeypatch):
    """Moves the clock of the application."""

    def move(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    return move


@pytest.fixture
def chen(client, world, at):
    """The clerk's tablet during the shift."""
    at(START)
    sign_in(client, world.chen.account_id)
    return client
