"""A world in which an entry of Lin's stands on public notice."""

from datetime import timedelta
from functools import partial

import pytest

from blueprints.public_notices import actions
from blueprints.records import actions as records
from core import clock
from core.actor import Role
from core.db import db
from tests.factories import START, browser_of, make_staff, make_world
from tests.records.test_entering import vouched

NOW = START + timedelta(days=5)  # Saturday, 9 May 2099; the notice ends with Wednesday


def object_to(record, who, words="那晚站点没有开门", now=NOW):
    made = actions.object_to(record.id, who, words=words, now=now)
    db.session.commit()
    return made


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def zhu(world):
    return make_staff(Role.CONFIRMER, world.town, "朱确认")


@pytest.fixture
def noticed(world, zhu):
    record = vouched(world)
    records.approve(record.id, zhu, now=NOW)
    db.session.commit()
    return record


@pytest.fixture
def moment(monkeypatch):
    """What time it is; a test may set it on."""
    shown = [NOW]
    monkeypatch.setattr(clock, "now", lambda: shown[0])
    return shown


@pytest.fixture
def as_(app, moment):
    return partial(browser_of, app)


@pytest.fixture
def visitor(app, moment):
    """A browser of somebody without an account; it reads English."""
    client = app.test_client()
    client.set_cookie("prefs", "en.normal.auto")
    return client
