"""The unified record form: what it says of an entry and of a whole shift, and who may print it."""

from functools import partial

import pytest

from blueprints.records import actions, corrections
from blueprints.records.models import RecordSource
from core import clock
from core.actor import Role
from core.db import db
from tests.counting import counted
from tests.factories import browser_of, make_post, make_shift, make_staff, make_volunteer, make_world
from tests.records.test_entering import enter
from tests.records.test_ledger import DONE, hand_in, served
from tests.records.test_pages import text


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: DONE)
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station), places=120)


@pytest.fixture
def record(world, shift):
    served(world, shift, world.lin)
    return hand_in(shift, world.chen)[0]


@pytest.fixture
def as_(app, world):
    return partial(browser_of, app)


def test_the_form_says_everything_that_the_rules_want_recorded(as_, world, record):
    page = text(as_(world.chen).get(f"/desk/records/{record.id}/form").text)
    said = [world.lin.number, "林小满", record.title, record.content, record.place, record.responsible_name]
    said += [world.station.name, "09:00–11:00", "2 h", "B · roll-call on the spot", "To be confirmed", "陈站长"]
    said += ["From a shift", "Signature", "Printed"]
    assert [word for word in said if word not in page] == []


def test_the_form_of_a_corrected_entry_says_what_it_counts_and_why(as_, world, record):
    actions.confirm([record.id], world.wu, now=DONE)
    zhu = make_staff(Role.CONFIRMER, world.county, "朱确认")
    corrections.approve(corrections.propose(record.id, 90, world.chen, reason="多记了", now=DONE).id, zhu, now=DONE)
    db.session.commit()
    for who, address in ((world.wu, f"/desk/records/{record.id}/form"), (world.lin, f"/me/records/{record.id}/form")):
        page = text(as_(who).get(address).text)
        assert "1 h 30 min" in page
        assert "confirmed by 吴确认" in page
        assert "proposed by 陈站长, decided by 朱确认 “多记了”" in page


@pytest.mark.parametrize(
    ("source", "words"),
    [(RecordSource.SUPPLEMENT, "Supplement: time outside a shift"), (RecordSource.IMPORT, "From another platform")],
)
def test_what_no_shift_stands_behind_has_its_form_too(as_, world, source, words):
    made = enter(world, source=source)
    page = text(as_(world.lin).get(f"/me/records/{made.id}/form").text)
    assert words in page
    assert "台风夜安置点值守" in page


def test_the_sheet_of_a_shift_has_everybody_and_leaves_out_what_was_returned(as_, world, shift):
    served(world, shift, world.lin)
    served(world, shift, world.zhou)
    mine, other = hand_in(shift, world.chen)
    actions.send_back(other.id, world.wu, reason="时间有误", now=DONE)
    db.session.commit()
    page = text(as_(world.chen).get(f"/desk/shifts/{shift.id}/record-sheet").text)
    assert mine.volunteer.number in page
    assert other.volunteer.number not in page


def test_before_anything_is_handed_in_the_sheet_says_so(as_, world, shift):
    page = as_(world.chen).get(f"/desk/shifts/{shift.id}/record-sheet").text
    assert "Nothing to print yet" in page
    assert page.count("<h1") == 1


def test_nobody_prints_what_is_not_theirs(as_, world, shift, record):
    for address in (f"/desk/records/{record.id}/form", f"/desk/shifts/{shift.id}/record-sheet"):
        assert as_(world.gu).get(address).status_code == 404
        assert as_(world.pan).get(address).status_code == 404
        assert as_(world.wu).get(address).status_code == 200
        assert as_(world.lin).get(address).status_code == 403
    assert as_(world.zhou).get(f"/me/records/{record.id}/form").status_code == 404


def test_the_sheet_asks_the_database_as_often_for_a_hundred_as_for_ten(as_, world, shift):
    asked, clerk = [], as_(world.chen)
    for count in (10, 90):
        for number in range(count):
            served(world, shift, make_volunteer(f"志愿者{count}{number}", world.station))
        hand_in(shift, world.chen, counted=count, sure=True)
        with counted() as sent:
            page = clerk.get(f"/desk/shifts/{shift.id}/record-sheet").text
        asked.append(len(sent))
    assert page.count('scope="row"') == 100
    assert asked[0] == asked[1] <= 8
