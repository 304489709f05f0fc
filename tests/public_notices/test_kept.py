"""The list for staff: what runs, what ended within thirty days and how it was decided; then nothing any more."""

from datetime import timedelta

from blueprints.public_notices import actions
from blueprints.public_notices.queries import KEPT
from blueprints.records import actions as records
from core.db import db
from tests.claims.test_claiming import actor_of
from tests.counting import counted
from tests.factories import HOUR, START
from tests.public_notices.conftest import NOW, object_to
from tests.records.test_entering import facts, vouched

TITLE = "台风夜安置点值守"


def test_the_organization_and_those_above_see_what_runs_and_nobody_else(as_, world, noticed):
    for who in (world.chen, world.wu, world.qian):
        page = as_(who).get("/desk/notices").text
        assert TITLE in page
        assert "Runs" in page
        assert TITLE not in as_(who).get("/desk/notices?ended=1").text
    for who in (world.gu, world.pan, world.he):
        assert TITLE not in as_(who).get("/desk/notices").text
    assert as_(world.lin).get("/desk/notices").status_code == 403


def test_what_is_held_says_so_without_the_words_of_whoever_objected(as_, world, noticed, moment):
    object_to(noticed, actor_of(world.zhou))
    moment[0] = noticed.notice_ends_at + KEPT + timedelta(days=1)
    page = as_(world.chen).get("/desk/notices").text
    assert "Waits for a decision" in page  # however late it is
    assert "Objection to be decided" in page
    assert ("那晚站点没有开门" in page, "周晓航" in page) == (False, False)


def test_an_ended_one_says_how_it_was_decided_and_is_gone_after_thirty_days(as_, world, noticed, moment):
    said = object_to(noticed, actor_of(world.zhou))
    actions.dismiss(said.id, world.wu, answer="值守记录在案", now=NOW)
    records.end_notices(noticed.notice_ends_at)
    db.session.commit()
    chen = as_(world.chen)
    moment[0] = noticed.notice_ends_at + KEPT - timedelta(seconds=1)
    page = chen.get("/desk/notices?ended=1").text
    assert TITLE in page
    assert "Objection dismissed" in page
    assert "值守记录在案" in page
    assert TITLE not in chen.get("/desk/notices").text
    moment[0] = noticed.notice_ends_at + KEPT
    assert TITLE not in chen.get("/desk/notices?ended=1").text


def test_what_was_returned_is_an_ended_one(as_, world, noticed):
    said = object_to(noticed, actor_of(world.zhou))
    actions.uphold(said.id, world.wu, answer="当晚确实没有安置点", now=NOW)
    db.session.commit()
    page = as_(world.chen).get("/desk/notices?ended=1").text
    assert "Objection upheld" in page
    assert TITLE not in as_(world.chen).get("/desk/notices").text


def test_the_list_asks_the_database_no_more_often_when_it_is_long(as_, world, zhu, noticed):
    object_to(noticed, actor_of(world.zhou))
    client = as_(world.wu)
    with counted() as few:
        client.get("/desk/notices")
    for number in range(1, 8):
        later = START + timedelta(days=1) + number * 2 * HOUR
        record = vouched(world, facts(world, starts=later, minutes=10, length=HOUR))
        records.approve(record.id, zhu, now=NOW)
        db.session.commit()
        object_to(record, actor_of(world.zhou))
    with counted() as many:
        page = client.get("/desk/notices")
    assert page.text.count("Waits for a decision") == 8
    assert len(many) == len(few) <= 8
