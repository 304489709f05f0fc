"""What a clerk writes beside stated times: it can be erased, the times cannot."""

from contextlib import contextmanager

import flask_migrate
import pytest
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError

from app import create_app
from blueprints.claims import actions, queries
from blueprints.claims.models import Punch, PunchNote
from blueprints.identity import actions as people
from blueprints.identity.models import Leaving
from blueprints.organizations import actions as organizations
from core import clock
from core.db import db
from core.schema import MIGRATIONS
from tests.claims.test_claiming import claim
from tests.factories import HOUR, START, make_post, make_shift, make_world

NOTE = "他母亲打电话来说的"


def settled(world):
    held = claim(make_shift(make_post(world.station)), world.lin)
    actions.settle(held.id, world.chen, started_at=START, ended_at=START + HOUR, note=NOTE, now=START + 2 * HOUR)
    db.session.commit()
    return held


def test_the_note_stands_beside_each_time_it_explains():
    held = settled(make_world())
    assert [told.punch.note for told in queries.told_history(held.id)] == [NOTE, NOTE]


def test_it_goes_with_the_data_of_whoever_wants_all_erased_and_the_times_stay():
    world = make_world()
    held = settled(world)
    people.leave(world.lin.account_id, Leaving.ERASE, now=clock.now())
    db.session.commit()
    db.session.expire_all()
    assert db.session.scalars(select(PunchNote)).all() == []
    assert [told.punch.note for told in queries.told_history(held.id)] == ["", ""]
    assert len(db.session.scalars(select(Punch)).all()) == 2


def test_it_stays_with_whoever_keeps_their_data():
    world = make_world()
    settled(world)
    people.leave(world.lin.account_id, Leaving.KEEP, now=clock.now())
    assert len(db.session.scalars(select(PunchNote)).all()) == 2


@contextmanager
def database_of_its_own(folder):
    """Built by all migrations, with one settled claim in it."""
    app = create_app(TESTING=True, SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/own.db", DATA_KEY="test")
    with app.app_context():
        flask_migrate.upgrade(directory=MIGRATIONS)
        organizations.load_divisions()
        yield settled(make_world()).id
        db.session.remove()
        db.engine.dispose()


def test_notes_of_before_are_moved_out_of_the_ledger_and_its_guard_still_stands(tmp_path):
    with database_of_its_own(tmp_path) as claim_id:
        db.session.remove()
        flask_migrate.downgrade(directory=MIGRATIONS, revision="second_step")
        columns = "claim_id, act, at, recorded_at, recorded_by_id, evidence, note"
        moments = "'2099-05-04 09:00:00.000000', '2099-05-04 09:00:00.000000'"
        db.session.execute(
            text(f"INSERT INTO punch ({columns}) VALUES ({claim_id}, 'in', {moments}, 1, 'B', '{NOTE}')")
        )
        db.session.commit()
        flask_migrate.upgrade(directory=MIGRATIONS)
        assert db.session.scalars(select(PunchNote.text)).all() == [NOTE]
        assert "note" not in {column["name"] for column in inspect(db.session.connection()).get_columns("punch")}
        with pytest.raises(IntegrityError, match="punch_is_append_only"):
            db.session.execute(text("UPDATE punch SET evidence = 'A'"))
