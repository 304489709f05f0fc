"""The pages of what repeats: the form with its preview, a clerk's changes, and a volunteer's several dates at once."""

import re

import pytest
from sqlalchemy import select

from blueprints.claims.models import Claim, ClaimState
from blueprints.posts.models import Shift
from blueprints.series import actions, queries
from blueprints.series.models import Series, SeriesState
from core import clock
from core.db import db
from tests.claims.conftest import SWAP
from tests.claims.test_claiming import actor_of
from tests.counting import counted
from tests.factories import BEFORE, START, make_post, make_world, sign_in
from tests.posts.samples import published, slot
from tests.posts.test_desk import value_of
from tests.series.samples import DAY, MONDAY, WEEK, made, row

TYPED = {
    "rhythm": "weekly",
    "every": "1",
    "ordinal": "1",
    "from_day": "2099-05-04",
    "until_day": "2099-06-30",
    "holidays": "skip",
    "rows-0-weekdays": ["1", "3"],
    "rows-0-starts": "09:00",
    "rows-0-ends": "11:00",
    "rows-0-places": "2",
    "form_key": "k1",
    "go": "save",
}


@pytest.fixture(autouse=True)
def saturday(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: BEFORE)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def post(world):
    return make_post(world.station)


@pytest.fixture
def desk(client, world):
    sign_in(client, world.chen.account_id)
    return client


@pytest.fixture
def series(world, post):
    return made(world, post)


def new(post):
    return f"/desk/posts/{post.id}/series/new"


def date_url(series, day, what):
    queries.refresh(series)
    slot = next(e.slot.id for e in queries.entries(series, BEFORE) if e.day == day)
    return f"/desk/series/{series.id}/dates/{slot}/{day.isoformat()}/{what}"


# --- the form -----------------------------------------------------------------------------------------------


def test_the_form_begins_with_the_weekdays_that_the_post_has(desk, world):
    page = desk.get(new(published(world, slot(), slot(START + 2 * DAY)))).text
    ticked = re.findall(r'<input checked[^>]*name="rows-0-weekdays"[^>]*value="(\d)"', page)
    assert ticked == ["1", "3"]
    assert 'value="09:00"' in page
    assert "26 dates." in page


def test_the_preview_shows_every_date_with_its_holiday_before_anything_is_saved(desk, post):
    url = f"/desk/posts/{post.id}/series/preview"
    asked = TYPED | {"from_day": "2026-09-28", "until_day": "2026-10-11"}
    part = desk.get(url, query_string=TYPED, headers=SWAP).text
    assert 'id="preview"' in part[:200]
    assert "17 dates." in part
    assert "May 2099" in part
    assert "csrf" not in part
    assert "only for days to come" in desk.get(url, query_string=asked, headers=SWAP).text
    assert db.session.scalar(select(Series.id)) is None


def test_the_preview_marks_and_leaves_out_holidays(desk, post, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: clock.at(MONDAY.replace(year=2026), START.time()))
    url = f"/desk/posts/{post.id}/series/preview"
    asked = TYPED | {"from_day": "2026-09-28", "until_day": "2026-10-11", "leave_out": "0.2026-09-30"}
    part = desk.get(url, query_string=asked, headers=SWAP).text
    assert "国庆节" in part
    assert "1 date." in part  # Monday 28 September; the others are holidays, or left out by hand
    assert 'value="0.2026-09-30" checked' in part


def test_without_javascript_a_button_shows_the_dates_and_adds_rows(desk, post):
    shown = desk.post(new(post), data=TYPED | {"go": "preview"})
    assert (shown.status_code, "17 dates." in shown.text) == (200, True)
    more = desk.post(new(post), data=TYPED | {"go": "", "more": "1"})
    assert 'name="rows-1-starts"' in more.text
    fewer = desk.post(new(post), data=TYPED | {"rows-1-starts": "10:00", "go": "", "remove": "0"})
    assert value_of(fewer, "rows-0-starts") == "10:00"
    assert db.session.scalar(select(Series.id)) is None


def test_saving_makes_the_shifts_once_and_leaves_out_what_was_ticked(desk, post):
    sent = TYPED | {"leave_out": ["0.2099-05-04", "9.2099-05-06", "x", "0.nonsense"]}
    for _twice in range(2):
        done = desk.post(new(post), data=sent)
        assert done.status_code == 303
    assert db.session.scalar(select(db.func.count(Series.id))) == 1
    days = [clock.today(at) for at in db.session.scalars(select(Shift.starts_at).order_by(Shift.starts_at))]
    assert (days[0], len(days)) == (MONDAY + 2 * DAY, 15)
    page = desk.get(done.location).text
    assert "Every week · Monday, Wednesday 09:00–11:00" in page
    assert "1 further date, not offered yet" in page
    assert "It repeats" in desk.get(f"/desk/posts/{post.id}").text


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"until_day": ""}, "choose the last day"),
        ({"rows-0-weekdays": []}, "at least one weekday"),
        ({"rows-0-starts": "25:00"}, "enter a time"),
        ({"rows-0-ends": "09:00"}, "end after it starts"),
        ({"rows-0-places": "0"}, "from 1 to 500"),
        ({"every": "13"}, "from 1 to 12"),
        ({"rhythm": "daily"}, "one of the list"),
        ({"until_day": "2100-05-05"}, "at most one year"),
        ({"until_day": "2099-05-03"}, "before the first"),
        ({"from_day": "2099-02-29"}, "choose a day"),
    ],
)
def test_a_wrong_form_says_what_to_do_and_keeps_what_was_typed(desk, post, changed, sentence):
    page = desk.post(new(post), data=TYPED | {"rows-0-break_minutes": "15"} | changed)
    assert page.status_code in (409, 422)
    assert sentence in page.text
    assert value_of(page, "rows-0-break_minutes") == "15"
    assert db.session.scalar(select(Series.id)) is None


def test_another_county_finds_no_series(client, world, series):
    sign_in(client, world.gu.account_id)
    for url in (f"/desk/series/{series.id}", date_url(series, MONDAY, "change")):
        assert client.get(url).status_code == 404
    assert client.post(date_url(series, MONDAY, "cancellation"), data={"reason": "x"}).status_code == 404


# --- one series ---------------------------------------------------------------------------------------------


def test_the_page_asks_no_more_for_a_hundred_dates_than_for_ten(desk, world, post):
    few = made(world, post, from_day=MONDAY, until_day=MONDAY + 9 * WEEK)
    many = made(world, make_post(world.station), row(1, 2, 3, 4, 5), until_day=MONDAY + 140 * DAY)
    assert (len(queries.entries(shown(few), BEFORE)), len(queries.entries(shown(many), BEFORE))) == (10, 100 + 1)
    asked = []
    for one in (few, many):
        for url in (f"/desk/series/{one.id}", f"/series/{one.id}"):
            desk.get(url)
            with counted() as statements:
                assert desk.get(url).status_code == 200
            asked.append(len(statements))
    assert asked[0] == asked[2] <= 14
    assert asked[1] == asked[3] <= 14


def shown(series):
    return queries.shown(series.id)


def times(series, **changed):
    typed = {"day": "2099-05-04", "starts": "14:00", "ends": "16:00", "places": "2", "scope": "this"}
    return typed | {"revision": str(series.revision), "reason": "大厅装修"} | changed


def test_one_date_and_all_following_are_changed_from_the_page(desk, series):
    url = date_url(series, MONDAY, "change")
    assert "8 offered dates" in desk.get(url).text
    done = desk.post(url, data=times(series, scope="following"), follow_redirects=True)
    assert "8 dates changed." in done.text
    assert {clock.local(shift.starts_at).hour for shift in queries.coming_shifts(series.id, BEFORE)} == {14}


def test_the_second_of_two_clerks_is_told_and_keeps_what_was_typed(desk, world, series):
    url, seen = date_url(series, MONDAY, "change"), series.revision
    assert desk.post(url, data=times(series, scope="all")).status_code == 303
    late = desk.post(url, data=times(series, starts="18:00", ends="20:00", scope="all", revision=str(seen)))
    assert late.status_code == 409
    assert "Somebody changed this series meanwhile" in late.text
    assert value_of(late, "starts") == "18:00"
    fresh = db.session.get(Series, series.id).revision
    assert value_of(late, "revision") == str(fresh)
    onward = re.search(r'action="(/desk/series/\d+/dates/\d+/2099-05-04/change)"', late.text)[1]
    again = times(series, starts="18:00", ends="20:00", scope="all", revision=str(fresh))
    assert desk.post(onward, data=again).status_code == 303  # whoever insists after comparing goes on


def test_ending_a_series_says_whom_it_touches_and_needs_a_reason(desk, world, series):
    actions.claim_several(series.id, coming(series), actor_of(world.lin), now=BEFORE)
    db.session.commit()
    url = date_url(series, MONDAY, "cancellation")
    assert "1 person" in desk.get(url + "?scope=all").text
    typed = {"scope": "all", "revision": str(series.revision), "reason": " "}
    assert desk.post(url, data=typed).status_code == 422
    done = desk.post(url, data=typed | {"reason": "项目结束"}, follow_redirects=True)
    assert "8 dates cancelled." in done.text
    assert db.session.get(Series, series.id).state is SeriesState.ENDED
    assert "A clerk ended this series" in done.text
    assert set(db.session.scalars(select(Claim.state))) == {ClaimState.CALLED_OFF}


def test_another_rhythm_shows_what_it_would_do_and_does_it(desk, series):
    page = desk.get(f"/desk/series/{series.id}/change").text
    mine = re.search(r'name="rows-0-slot_id"[^>]*value="(\d+)"', page)[1]
    sent = TYPED | {"start": "2099-05-04", "rows-0-weekdays": ["2"], "rows-0-slot_id": mine, "reason": "换到周二"}
    sent |= {"revision": str(series.revision), "until_day": "2099-08-02"}
    seen = desk.get(f"/desk/series/{series.id}/preview", query_string=sent, headers=SWAP).text
    assert seen.count("will be cancelled") == 8
    assert "have claimed dates" not in seen
    done = desk.post(f"/desk/series/{series.id}/change", data=sent, follow_redirects=True)
    assert "8 dates cancelled." in done.text
    assert {clock.today(s.starts_at).isoweekday() for s in queries.coming_shifts(series.id, BEFORE)} == {2}


def test_a_date_is_added_from_the_page(desk, series):
    url = f"/desk/series/{series.id}/dates/new"
    typed = {"day": "2099-05-06", "starts": "09:00", "ends": "11:00", "places": "3", "revision": str(series.revision)}
    assert desk.get(url).status_code == 200
    assert [desk.post(url, data=typed).status_code for _twice in range(2)] == [303, 409]
    assert "added by hand" in desk.get(f"/desk/series/{series.id}").text


@pytest.mark.parametrize("day", ["2099-13-01", "tomorrow", "2099-05-05"])
def test_a_day_that_is_no_date_of_the_series_is_not_found(desk, series, day):
    slot = queries.shown(series.id).slots[0].id
    assert desk.get(f"/desk/series/{series.id}/dates/{slot}/{day}/change").status_code == 404


# --- the volunteer's side -----------------------------------------------------------------------------------


@pytest.fixture
def phone(client, world):
    sign_in(client, world.lin.account_id)
    return client


def coming(series):
    return [shift.id for shift in queries.coming_shifts(series.id, BEFORE)]


def test_a_shift_leads_to_all_its_dates(client, series):
    page = client.get(f"/shifts/{coming(series)[0]}").text
    assert "It repeats: 8 dates to come" in page
    dates = client.get(f"/series/{series.id}").text
    assert "Sign in to claim" in dates
    assert dates.count("places free") == 8


def test_ticked_dates_are_claimed_with_one_tap_and_each_says_what_became_of_it(phone, world, series):
    ids = coming(series)
    for person in (world.zhou, world.shen):
        actions.claim_several(series.id, ids[:1], actor_of(person), now=BEFORE)
    db.session.commit()
    done = phone.post(f"/series/{series.id}/claims", data={"shifts": ids[:3]}, follow_redirects=True)
    assert "You hold places on 2 dates." in done.text
    assert "is full: you are number 1 in line." in done.text
    assert "Number 1 in line" in done.text
    assert done.text.count("Place 1") == 2


def test_what_cannot_be_had_says_why_and_does_not_spoil_the_rest(phone, world, series):
    other = made(world, make_post(world.station, title="斑马线文明引导岗"), until_day=MONDAY)
    actions.claim_several(other.id, coming(other), actor_of(world.lin), now=BEFORE)
    db.session.commit()
    page = phone.get(f"/series/{series.id}").text
    assert page.count("At that time you already claim") == 1
    done = phone.post(f"/series/{series.id}/claims", data={"shifts": coming(series)[:2]}, follow_redirects=True)
    assert "You hold a place on 1 date." in done.text
    assert "At that time you already claim “斑马线文明引导岗”" in done.text


def test_nothing_ticked_and_strange_numbers_are_told_so(phone, series):
    for ticked in ({}, {"shifts": ["x", "99999999999999", "0"]}):
        page = phone.post(f"/series/{series.id}/claims", data=ticked)
        assert (page.status_code, "tick at least one date" in page.text) == (409, True)
    assert phone.post("/series/999999/claims", data={"shifts": "1"}).status_code == 404
    assert phone.get("/series/999999").status_code == 404


def test_ticked_claims_are_given_up_and_a_late_one_asks_for_a_reason(phone, world, series, monkeypatch):
    ids = coming(series)
    phone.post(f"/series/{series.id}/claims", data={"shifts": ids[:3]})
    monkeypatch.setattr(clock, "now", lambda: START - 3 * (START - BEFORE) / 48)
    url = f"/series/{series.id}/cancellations"
    some = phone.post(url, data={"own": ids[:2]}, follow_redirects=True)
    assert "1 date is given up." in some.text
    assert "Please give a reason" in some.text
    late = phone.post(url, data={"own": ids[:1], "reason": "生病了"}, follow_redirects=True)
    assert "Marked as late: 1." in late.text


def test_who_may_not_claim_reads_one_sentence(client, world, series):
    sign_in(client, world.chen.account_id)
    page = client.get(f"/series/{series.id}").text
    assert page.count("Please register as a volunteer first.") == 1
    assert "checkbox" not in page
