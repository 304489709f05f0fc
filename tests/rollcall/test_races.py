"""The same queue sent by several at once, with real transactions: a tablet with two windows, a retry on its way."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from blueprints.claims.models import Punch
from blueprints.rollcall.models import OfflineAct
from core.db import db
from tests.claims.test_claiming import claim
from tests.factories import HOUR, START, make_post, make_shift, make_world
from tests.rollcall.queues import Tablet, states

pytestmark = pytest.mark.commits
NOW = START + 2 * HOUR


def test_a_queue_that_arrives_five_times_at_once_is_entered_once(app):
    world = make_world()
    shift = make_shift(make_post(world.station), places=2)
    tablet, claims = Tablet(shift, world.chen), [claim(shift, person) for person in (world.lin, world.zhou)]
    queue = [tablet.marks(held, act, START + n * HOUR) for held in claims for n, act in enumerate(("in", "out"))]
    db.session.commit()

    def send(_number):
        with app.app_context():
            try:
                return states(tablet.sends(queue, world.chen, NOW))
            except IntegrityError:  # told to try again, as a person would be
                db.session.rollback()
                return ["collided"]

    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(send, range(5)))
    assert ["entered"] * 4 in answers
    assert all(answer in (["entered"] * 4, ["collided"]) for answer in answers)
    assert send(0) == ["entered"] * 4
    counted = [db.session.scalar(select(func.count(model.id))) for model in (OfflineAct, Punch)]
    assert counted == [4, 4]
