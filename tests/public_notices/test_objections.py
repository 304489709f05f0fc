"""Public notices: masked, seen inside the organization, gone by themselves, stopped by whoever objects."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from blueprints.identity.models import Account
from blueprints.messages.models import NoticeKind
from blueprints.public_notices import actions
from blueprints.public_notices.models import Objection, ObjectionState
from blueprints.records import actions as records
from blueprints.records.models import Bar, RecordState, RefusedAttempt, Tried
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import actor_of, kinds
from tests.counting import counted
from tests.factories import HOUR, START, give, make_staff, make_volunteer
from tests.public_notices.conftest import NOW, object_to
from tests.records.test_entering import facts, vouched
from tests.records.test_ledger import total

# --- objecting ------------------------------------------------------------------------------------------------


def test_an_objection_stops_the_clock_until_it_is_decided(world, noticed):
    said = object_to(noticed, actor_of(world.zhou))
    late = noticed.notice_ends_at + timedelta(days=9)
    assert records.end_notices(late) == 0
    actions.dismiss(said.id, world.wu, answer="值守记录在案", now=late)
    assert kinds(world.zhou)[-1] is NoticeKind.OBJECTION_DISMISSED
    assert (records.end_notices(late), total(world.lin)) == (1, 90)


def test_an_objection_that_is_right_returns_the_entry_and_settles_the_others(world, noticed):
    first, second = object_to(noticed, actor_of(world.zhou)), object_to(noticed, actor_of(world.shen))
    actions.uphold(first.id, world.wu, answer="当晚确实没有安置点", now=NOW)
    assert (noticed.state, noticed.reason) == (RecordState.RETURNED, "当晚确实没有安置点")
    assert (first.state, second.state) == (ObjectionState.UPHELD, ObjectionState.UPHELD)
    assert kinds(world.zhou)[-1] is kinds(world.shen)[-1] is NoticeKind.OBJECTION_UPHELD
    assert kinds(world.lin)[-1] is NoticeKind.RECORD_RETURNED
    assert (records.end_notices(noticed.notice_ends_at), total(world.lin)) == (0, 0)


def test_an_objection_is_right_although_the_entry_went_back_by_another_way(world, noticed, zhu):
    said = object_to(noticed, actor_of(world.zhou))
    records.take_back(noticed.id, zhu.account_id, reason="登记作废", now=NOW)
    actions.uphold(said.id, world.wu, answer="属实", now=NOW)
    assert (said.state, noticed.reason) == (ObjectionState.UPHELD, "登记作废")
    assert kinds(world.zhou)[-1] is NoticeKind.OBJECTION_UPHELD


def test_two_people_who_decide_the_same_are_told_apart(world, noticed):
    said = object_to(noticed, actor_of(world.zhou))
    actions.dismiss(said.id, world.wu, answer="属实", now=NOW)
    above = make_staff(Role.CONFIRMER, world.county, "许确认")
    with pytest.raises(Refusal, match="meanwhile"):
        actions.uphold(said.id, above, answer="不属实", now=NOW)


PARTS = ["recorder", "voucher", "approver", "objector", "owner"]


@pytest.mark.parametrize("who", [*PARTS, *(f"second account of the {part}" for part in PARTS), "station", "clerk"])
def test_nobody_with_a_part_in_it_decides(world, zhu, who):
    voucher = make_staff(Role.CONFIRMER, world.town, "蒋确认")
    record = records.enter(
        facts(world), records.RecordSource.SUPPLEMENT, stated_by=world.chen.account_id, recorders=[],
        vouched_by=voucher.account_id, now=NOW,
    )  # fmt: skip
    records.approve(record.id, zhu, now=NOW)
    said = object_to(record, world.wu)
    able = {
        "recorder": give_above(world, world.chen),
        "voucher": voucher,
        "approver": zhu,
        "objector": world.wu,
        "owner": give_above(world, actor_of(world.lin)),
        "station": make_staff(Role.CONFIRMER, world.station, "徐确认"),
        "clerk": make_staff(Role.CLERK, world.county, "办公室"),
    }[who.removeprefix("second account of the ")]
    if who.startswith("second"):
        able = make_staff(Role.CONFIRMER, world.county, able.name)
    with pytest.raises(Refusal):
        actions.uphold(said.id, able, answer="x", now=NOW)
    with pytest.raises(Refusal):
        actions.dismiss(said.id, able, answer="x", now=NOW)
    assert said.state is ObjectionState.OPEN


def test_who_may_not_decide_leaves_a_trace(as_, world, noticed, zhu):
    said = object_to(noticed, actor_of(world.zhou))
    for who, status in ((zhu, 409), (world.pan, 404), (world.chen, 403)):
        answer = as_(who).post(f"/desk/objections/{said.id}/dismissal", data={"answer": "不属实"})
        assert answer.status_code == status
    db.session.expire_all()
    kept = db.session.scalars(db.select(RefusedAttempt).order_by(RefusedAttempt.id)).all()
    assert [(each.tried, each.bar, each.subject_id) for each in kept] == [
        (Tried.SETTLE, bar, noticed.id) for bar in (Bar.INVOLVED, Bar.OUT_OF_REACH, Bar.NO_ROLE)
    ]


def give_above(world, actor):
    return give(db.session.get(Account, actor.account_id), Role.CONFIRMER, world.county)


@pytest.mark.parametrize(
    ("who", "words", "later", "sentence"),
    [
        ("lin", "不对", timedelta(0), "your own entry"),
        ("zhou", "", timedelta(0), "what is not true"),
        ("zhou", "不对", timedelta(days=30), "is over"),
    ],
)
def test_what_is_no_objection_is_refused(world, noticed, who, words, later, sentence):
    with pytest.raises(Refusal, match=sentence):
        object_to(noticed, actor_of(getattr(world, who)), words, NOW + later)


def test_nobody_objects_twice(world, noticed):
    object_to(noticed, actor_of(world.zhou))
    with pytest.raises(Refusal, match="already"):
        object_to(noticed, actor_of(world.zhou))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE service_record SET state = 'effective', effective_at = notice_ends_at WHERE state = 'notice'",
        "UPDATE objection SET state = 'dismissed', answer = 'x', decided_at = at, decided_by_id = by_id",
        "UPDATE objection SET state = 'dismissed', answer = 'x', decided_at = at, decided_by_id = "
        "(SELECT approved_by_id FROM service_record WHERE state = 'notice')",
        "DELETE FROM objection",
    ],
)
def test_the_database_lets_nothing_pass_an_objection(world, noticed, change):
    object_to(noticed, actor_of(world.zhou))
    with pytest.raises(DBAPIError):
        db.session.execute(text(change))


# --- the pages ------------------------------------------------------------------------------------------------


def test_names_are_masked_and_only_the_organization_sees_it(as_, world, noticed):
    stranger = make_volunteer("外人", world.other_station)
    page = as_(world.zhou).get("/notices").text
    assert ("台风夜安置点值守" in page, "林小满" in page, "林" in page) == (True, False, True)
    assert "台风夜安置点值守" in as_(world.qian).get("/notices").text
    for outside in (stranger, world.gu, world.he):
        client = as_(outside)
        assert "台风夜安置点值守" not in client.get("/notices").text
        assert client.get(f"/notices/{noticed.id}").status_code == 404
        assert client.post(f"/notices/{noticed.id}/objections", data={"words": "x"}).status_code == 404


def test_it_is_gone_when_it_is_over(as_, world, noticed, moment):
    client = as_(world.zhou)
    moment[0] = noticed.notice_ends_at
    assert "台风夜安置点值守" not in client.get("/notices").text
    assert client.get(f"/notices/{noticed.id}").status_code == 404


def test_from_the_objection_to_the_answer(as_, world, noticed):
    zhou, wu = as_(world.zhou), as_(world.wu)
    assert zhou.post(f"/notices/{noticed.id}/objections", data={"words": ""}).status_code == 422
    assert zhou.post(f"/notices/{noticed.id}/objections", data={"words": "那晚没有开门"}).status_code == 303
    assert "You objected" in zhou.get("/notices").text
    said = db.session.scalars(db.select(Objection)).one()
    assert "林小满" in wu.get("/desk/objections").text
    assert "那晚没有开门" in wu.get(f"/desk/objections/{said.id}").text
    assert wu.post(f"/desk/objections/{said.id}/acceptance", data={"answer": ""}).status_code == 422
    assert wu.post(f"/desk/objections/{said.id}/acceptance", data={"answer": "属实"}).status_code == 303
    db.session.expire_all()
    assert noticed.state is RecordState.RETURNED
    assert as_(world.pan).get(f"/desk/objections/{said.id}").status_code == 404


def test_a_long_list_asks_the_database_no_more_often(as_, world, zhu, noticed):
    client = as_(world.zhou)
    with counted() as few:
        client.get("/notices")
    for number in range(1, 8):
        record = vouched(
            world, facts(world, starts=START + timedelta(days=1) + number * 2 * HOUR, minutes=10, length=HOUR)
        )
        records.approve(record.id, zhu, now=NOW)
        db.session.commit()
    with counted() as many:
        client.get("/notices")
    assert len(many) == len(few) <= 8
