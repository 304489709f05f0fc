"""Two who decide on one objection at once, in processes of their own with real transactions."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from flask import g
from sqlalchemy import select

from app import create_app
from blueprints.identity.models import Account
from blueprints.public_notices import actions
from blueprints.public_notices.models import Objection, ObjectionState
from blueprints.records import actions as records
from blueprints.records.models import RecordState, ServiceRecord
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import actor_of
from tests.conftest import ENGLISH
from tests.factories import actor_for, make_staff, make_world
from tests.public_notices.conftest import NOW, object_to
from tests.records.test_entering import vouched

pytestmark = pytest.mark.commits
KEPT = ("SQLALCHEMY_DATABASE_URI", "SECRET_KEY", "DATA_KEY", "INSTANCE", "TESTING", "MAIL_URL")
_app: Any = None


def start(config: dict[str, Any]) -> None:
    """Each process has its own application and its own connections."""
    global _app  # noqa: PLW0603
    _app = create_app(**config)


def attempt(verb: str, id: int, account_id: int) -> str:
    with _app.app_context():
        g.prefs = ENGLISH
        try:
            VERBS[verb](id, account_id)
            db.session.commit()
        except Refusal as refusal:
            db.session.rollback()
            return str(refusal)
        return "done"


def acting(account_id: int) -> Any:
    return actor_for(db.session.get_one(Account, account_id))


def ended(record_id: int, _account_id: int) -> None:
    """What the worker does when the time of the notice is over."""
    over = db.session.get_one(ServiceRecord, record_id).notice_ends_at
    if not records.end_notices(over):
        raise Refusal("held")


VERBS: dict[str, Any] = {
    "uphold": lambda id, who: actions.uphold(id, acting(who), answer="属实", now=NOW),
    "dismiss": lambda id, who: actions.dismiss(id, acting(who), answer="不属实", now=NOW),
    "object": lambda id, who: actions.object_to(id, acting(who), words="没有开门", now=NOW),
    "end": ended,
}


@pytest.fixture
def race(app):
    context = multiprocessing.get_context("spawn")
    config = {name: app.config[name] for name in KEPT}

    def run(jobs):
        with ProcessPoolExecutor(len(jobs), context, start, (config,)) as pool:
            return [job.result() for job in [pool.submit(attempt, *job) for job in jobs]]

    return run


def on_notice(world):
    record = vouched(world)
    records.approve(record.id, make_staff(Role.CONFIRMER, world.town, "朱确认"), now=NOW)
    db.session.commit()
    return record


def test_one_of_two_deciders_decides_and_the_other_is_told(race):
    world = make_world()
    feng, fang = (make_staff(Role.CONFIRMER, world.town, name) for name in ("冯确认", "方确认"))
    said = object_to(on_notice(world), actor_of(world.zhou))
    jobs = [("uphold", said.id, feng.account_id), ("dismiss", said.id, fang.account_id)] * 2
    db.session.rollback()
    outcomes = race(jobs)
    assert sorted(outcome == "done" for outcome in outcomes) == [False, False, False, True]
    assert all(outcome == "done" or "meanwhile" in outcome for outcome in outcomes)
    db.session.expire_all()
    after, record = db.session.scalars(select(Objection)).one(), db.session.scalars(select(ServiceRecord)).one()
    upheld = after.state is ObjectionState.UPHELD
    assert record.state is (RecordState.RETURNED if upheld else RecordState.NOTICE)
    assert after.decided_by_id == (feng if upheld else fang).account_id
    decided = select(AuditEntry).where(AuditEntry.action.in_(["objection upheld", "objection dismissed"]))
    assert len(db.session.scalars(decided).all()) == 1


def test_two_who_decide_on_two_objections_to_one_entry_do_not_wait_in_a_circle(race):
    world = make_world()
    feng, fang = (make_staff(Role.CONFIRMER, world.town, name) for name in ("冯确认", "方确认"))
    record = on_notice(world)
    first, second = object_to(record, actor_of(world.zhou)), object_to(record, actor_of(world.shen))
    jobs = [("uphold", first.id, feng.account_id), ("uphold", second.id, fang.account_id)]
    db.session.rollback()
    outcomes = race(jobs)
    assert sorted(outcome == "done" for outcome in outcomes) == [False, True]
    assert any("meanwhile" in outcome for outcome in outcomes)
    db.session.expire_all()
    assert {each.state for each in db.session.scalars(select(Objection))} == {ObjectionState.UPHELD}


def test_two_taps_object_once(race):
    world = make_world()
    record = on_notice(world)
    jobs = [("object", record.id, world.zhou.account_id)] * 3
    db.session.rollback()
    assert sorted(outcome == "done" for outcome in race(jobs)) == [False, False, True]
    assert len(db.session.scalars(select(Objection)).all()) == 1


def test_an_entry_counts_or_is_objected_to_and_never_both(race):
    world = make_world()
    record = on_notice(world)
    jobs = [("object", record.id, world.zhou.account_id), ("end", record.id, 0)]
    db.session.rollback()
    objected, counted = race(jobs)
    db.session.expire_all()
    state = db.session.scalars(select(ServiceRecord.state)).one()
    assert (objected == "done") is (state is RecordState.NOTICE)
    assert (counted == "done") is (state is RecordState.EFFECTIVE)
