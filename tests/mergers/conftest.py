"""Lin, registered a second time by the station: two hours stand on each registration, and who may make one of them."""

from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from blueprints.certificates.queries import Span
from blueprints.claims.models import Act
from blueprints.identity.models import Volunteer
from blueprints.mergers import actions
from blueprints.records import actions as records
from blueprints.records.models import ServiceRecord
from core.actor import Actor, Role
from core.db import db
from tests.claims.test_attendance import mark
from tests.claims.test_claiming import claim
from tests.factories import HOUR, START, World, make_post, make_shift, make_staff, make_volunteer, make_world

DAY = timedelta(days=1)
LATER = START + 10 * DAY
WHOLE = Span(date(2099, 1, 1), date(2101, 12, 31))
WHY = "同一身份证，换了手机号"
LOOKED = "看过身份证和两份登记"


@dataclass
class Twins:
    """Two registrations with an effective entry each; Sun proposes, Qian decides."""

    world: World
    sun: Actor
    qian: Actor
    lin: Volunteer
    twin: Volunteer
    of_lin: ServiceRecord
    of_twin: ServiceRecord


@pytest.fixture
def world() -> World:
    return make_world()


def served_and_confirmed(world: World, volunteer: Volunteer, starts=START) -> ServiceRecord:
    """Two hours that Chen recorded and Wu confirmed."""
    shift = make_shift(make_post(world.station), starts_at=starts)
    held = claim(shift, volunteer, now=starts - DAY)
    mark(held, Act.IN, world.chen, starts)
    mark(held, Act.OUT, world.chen, starts + 2 * HOUR)
    made = records.hand_in(shift.id, world.chen, now=shift.ends_at + HOUR)[0]
    records.confirm([made.id], world.wu, now=shift.ends_at + HOUR)
    db.session.commit()
    return made


@pytest.fixture
def twins(world) -> Twins:
    sun = make_staff(Role.ADMINISTRATOR, world.town, "孙主任")
    twin = make_volunteer("林小满", world.station)
    of_lin = served_and_confirmed(world, world.lin)
    of_twin = served_and_confirmed(world, twin, START + 2 * DAY)
    return Twins(world, sun, world.qian, world.lin, twin, of_lin, of_twin)


def propose(twins, actor=None, *, away=None, keep=None, reason=WHY, now=LATER):
    made = actions.propose((away or twins.twin).id, (keep or twins.lin).id, actor or twins.sun, reason=reason, now=now)
    db.session.commit()
    return made


def approve(merger, actor, *, answer=LOOKED, now=LATER):
    done = actions.approve(merger.id, actor, answer=answer, now=now)
    db.session.commit()
    return done


def merged(twins):
    """The twin goes on as Lin."""
    done = approve(propose(twins), twins.qian)
    db.session.expire_all()
    return done
