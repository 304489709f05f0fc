"""Lin has served two hours that count; Qian proposes, Zheng approves, Lu of the city decides on objections."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest

from blueprints.honours import actions, queries
from blueprints.honours.actions import Plan
from blueprints.honours.models import Honour, Nomination
from blueprints.identity.models import Volunteer
from blueprints.records import actions as records
from blueprints.records.models import ServiceRecord
from core import clock
from core.actor import Actor, Role
from core.db import db
from tests.factories import START, World, browser_of, make_post, make_shift, make_staff, make_world
from tests.records.test_ledger import DONE, hand_in, served

NOW = START + timedelta(days=5)  # Saturday, 9 May 2099
FIRST, LAST = date(2099, 1, 1), date(2099, 5, 4)
REASON = "每周来整理图书，带新人。"


@dataclass
class Office:
    """Who gives honours in this world."""

    world: World
    qian: Actor  # administrator of the county
    zheng: Actor  # another one
    lu: Actor  # administrator of the city
    record: ServiceRecord  # what Lin has served


@pytest.fixture
def world() -> World:
    return make_world()


def open_office(world: World) -> Office:
    shift = make_shift(make_post(world.station), places=9)
    served(world, shift, world.lin)
    record = hand_in(shift, world.chen)[0]
    records.confirm([record.id], world.wu, now=DONE)
    db.session.commit()
    zheng, lu = (
        make_staff(Role.ADMINISTRATOR, where, name)
        for where, name in ((world.county, "郑主任"), (world.city, "陆主任"))
    )
    return Office(world, world.qian, zheng, lu, record)


@pytest.fixture
def office(world) -> Office:
    return open_office(world)


def open_honour(office: Office, **values: Any) -> Honour:
    told = {"organization_id": office.world.station.id, "title": "年度优秀志愿者", "criteria": "全年服务稳定、认真。"}
    told |= {"first": FIRST, "last": LAST, **values}
    made = actions.open_honour(Plan(**told), office.qian, now=NOW)
    db.session.commit()
    return made


@pytest.fixture
def honour(office) -> Honour:
    return open_honour(office)


def propose(office: Office, honour: Honour, volunteer: Volunteer | None = None, now=NOW) -> Nomination:
    volunteer = volunteer or office.world.lin
    made = actions.propose(honour.id, volunteer.id, office.qian, reason=REASON, now=now)
    db.session.commit()
    return made


@pytest.fixture
def nomination(office, honour) -> Nomination:
    return propose(office, honour)


def mark_of(nomination: Nomination, now=NOW) -> str:
    """What the form of whoever approves carries."""
    return queries.sheet_of(queries.whole(nomination.id), now).mark


def approve(office: Office, nomination: Nomination, who: Actor | None = None, now=NOW) -> Nomination:
    made = actions.approve(nomination.id, who or office.zheng, seen=mark_of(nomination, now), now=now)
    db.session.commit()
    return made


@pytest.fixture
def noticed(office, nomination) -> Nomination:
    return approve(office, nomination)


def grant(nomination: Nomination) -> Nomination:
    assert actions.end_notices(nomination.notice_ends_at) == 1
    db.session.commit()
    return nomination


@pytest.fixture
def granted(noticed) -> Nomination:
    return grant(noticed)


@pytest.fixture
def at(monkeypatch):
    """Moves the clock of the application."""

    def move(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    move(NOW)
    return move


@pytest.fixture
def as_(app, at):
    """A browser in which somebody is signed in; it reads English."""
    return partial(browser_of, app)
