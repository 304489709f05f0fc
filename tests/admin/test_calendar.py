"""The table of holidays: who keeps it, what it decides, and its page."""

from datetime import date

import pytest
from sqlalchemy import func, select

from blueprints.organizations import actions
from core import workdays
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from core.workdays import CalendarDay, DayKind
from tests.factories import BEFORE, give, make_account, sign_in

MONDAY, SATURDAY = date(2099, 5, 4), date(2099, 5, 9)
DRAGON_BOAT = date(2026, 6, 19)


@pytest.fixture
def top(world):
    return give(make_account("市主任"), Role.ADMINISTRATOR, world.city)


@pytest.fixture
def desk(client, top):
    sign_in(client, top.account_id)
    return client


def set_day(top, day, kind=DayKind.HOLIDAY, name="劳动节"):
    return actions.set_day(day, kind, name, actor=top, now=BEFORE)


def test_the_table_decides_and_the_package_is_asked_for_years_without_a_row(top):
    assert workdays.is_workday(MONDAY)
    assert not workdays.is_workday(DRAGON_BOAT)
    set_day(top, MONDAY)
    set_day(top, SATURDAY, DayKind.WORKDAY)
    assert not workdays.is_workday(MONDAY)
    assert workdays.is_workday(SATURDAY)
    set_day(top, date(2026, 12, 31), name="试点")
    assert workdays.is_workday(DRAGON_BOAT)  # from now on the table knows 2026, and this day is not in it


def test_a_term_of_working_days_passes_over_holidays_and_counts_make_up_days(top):
    assert workdays.after(date(2099, 5, 1), 5) == date(2099, 5, 8)
    set_day(top, MONDAY)
    assert workdays.after(date(2099, 5, 1), 5) == date(2099, 5, 11)
    set_day(top, SATURDAY, DayKind.WORKDAY)
    assert workdays.after(date(2099, 5, 1), 5) == SATURDAY


def test_the_announced_days_are_entered_once_and_keep_what_somebody_set(top):
    set_day(top, date(2026, 10, 1), name="国庆")
    made = actions.fill_calendar(2026, actor=top, now=BEFORE)
    assert made > 30
    assert actions.fill_calendar(2026, actor=None, now=BEFORE) == 0
    names = dict(db.session.execute(select(CalendarDay.day, CalendarDay.name)).all())
    assert (names[date(2026, 10, 1)], names[date(2026, 10, 2)]) == ("国庆", "国庆节")
    assert not workdays.is_workday(DRAGON_BOAT)
    with pytest.raises(Refusal, match="not known to this version"):
        actions.fill_calendar(2099, actor=top, now=BEFORE)


def test_only_the_top_keeps_the_calendar(client, world):
    with pytest.raises(Refusal, match="top organization"):
        set_day(world.qian, MONDAY)
    row = CalendarDay(day=MONDAY, kind=DayKind.HOLIDAY, name="劳动节", changed_at=BEFORE)
    db.session.add(row)
    db.session.commit()
    sign_in(client, world.qian.account_id)
    assert client.get("/desk/calendar").status_code == 404
    assert client.post(f"/desk/calendar/{row.id}/removal").status_code == 404
    sign_in(client, world.chen.account_id)
    assert client.get("/desk/calendar").status_code == 403


def test_days_are_entered_replaced_and_removed_on_the_page(desk):
    sent = {"day": "2099-05-04", "kind": "holiday", "name": "劳动节"}
    assert "劳动节" in desk.post("/desk/calendar", data=sent, follow_redirects=True).text
    desk.post("/desk/calendar", data=sent | {"kind": "workday"})
    row = db.session.scalars(select(CalendarDay)).one()
    assert row.kind is DayKind.WORKDAY
    gone = desk.post(f"/desk/calendar/{row.id}/removal", follow_redirects=True)
    assert "No day is entered for this year" in gone.text
    assert "were not announced when this version was made" in gone.text


def test_a_year_is_filled_by_a_button_and_bad_input_says_what_to_do(desk):
    page = desk.get("/desk/calendar?year=2026").text
    assert "announced days of 2026 are not in the table" in page
    assert "days are entered" in desk.post("/desk/calendar/filling", data={"year": "2026"}, follow_redirects=True).text
    assert db.session.scalar(select(func.count(CalendarDay.id))) > 30
    assert desk.post("/desk/calendar/filling", data={"year": "2098"}).status_code == 409
    assert desk.post("/desk/calendar/filling", data={"year": "x"}).status_code == 422
    wrong = desk.post("/desk/calendar", data={"day": "2099-02-29", "kind": "holiday", "name": "补假"})
    assert (wrong.status_code, "choose a day" in wrong.text, "补假" in wrong.text) == (422, True, True)
    assert desk.get("/desk/calendar?year=99999").status_code == 200
