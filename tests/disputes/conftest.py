"""An entry of Lin's that the station recorded and the town confirmed, and everybody who could decide on it."""

from dataclasses import dataclass

import pytest

from blueprints.disputes import actions
from blueprints.disputes.models import Dispute, DisputeKind
from blueprints.records import actions as records
from blueprints.records.models import ServiceRecord
from core.actor import Actor, Role
from core.db import db
from tests.claims.test_claiming import actor_of
from tests.factories import HOUR, World, make_post, make_shift, make_staff, make_world
from tests.records.test_ledger import DONE, hand_in, served

LATER = DONE + HOUR


@pytest.fixture
def world() -> World:
    return make_world()


@dataclass
class Deciders:
    """Confirmers at each level: Xu at the station, Wu and Feng of the town, Zhu and Jiang of the county, Mei above."""

    xu: Actor
    wu: Actor
    feng: Actor
    zhu: Actor
    jiang: Actor
    mei: Actor


@pytest.fixture
def deciders(world: World) -> Deciders:
    names = {
        "徐确认": world.station,
        "冯确认": world.town,
        "朱确认": world.county,
        "江确认": world.county,
        "梅确认": world.city,
    }
    xu, feng, zhu, jiang, mei = (make_staff(Role.CONFIRMER, place, name) for name, place in names.items())
    return Deciders(xu, world.wu, feng, zhu, jiang, mei)


def recorded(world: World, volunteer=None, *, confirmed: bool = True) -> ServiceRecord:
    """Two hours that Chen recorded and, if so wanted, Wu confirmed."""
    shift = make_shift(make_post(world.station))
    served(world, shift, volunteer or world.lin)
    made = hand_in(shift, world.chen)[0]
    if confirmed:
        records.confirm([made.id], world.wu, now=DONE)
    db.session.commit()
    return made


@pytest.fixture
def record(world: World) -> ServiceRecord:
    return recorded(world)


@pytest.fixture
def pending(world: World) -> ServiceRecord:
    return recorded(world, confirmed=False)


def disputed(record: ServiceRecord, volunteer, kind=DisputeKind.WRONG, now=LATER, **said) -> Dispute:
    """The owner disputes the entry."""
    said = {"words": "我只做到十点半。"} | said
    made = actions.file(record.id, kind, actor_of(volunteer), **said, now=now)
    db.session.commit()
    return made
