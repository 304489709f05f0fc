"""Two who decide on one objection at once, in processes of their own with real transactions."""

from typing import Any

import pytest
from sqlalchemy import select

from blueprints.public_notices import actions
from blueprints.public_notices.models import Objection, ObjectionState
from blueprints.records import actions as records
from blueprints.records.models import RecordState, ServiceRecord
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import actor_of
from tests.factories import make_staff, make_world
from tests.public_notices.conftest import NOW, object_to
from tests.racing import race_of
from tests.records.test_entering import vouched

pytestmark = pytest.mark.commits
race = race_of(__name__)


def ended(record_id: int, _actor: Any) -> None:
    """What the worker does when the time of the notice is over."""
    over = db.session.get_one(ServiceRecord, record_id).notice_ends_at
    if not records.end_notices(over):
        raise Refusal("held")


VERBS: dict[str, Any] = {
    "uphold": lambda id, actor: actions.uphold(id, actor, answer="属实", now=NOW),
    "dismiss": lambda id, actor: actions.dismiss(id, actor, answer="不属实", now=NOW),
    "object": lambda id, actor: actions.object_to(id, actor, words="没有开门", now=NOW),
    "end": ended,
}


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
