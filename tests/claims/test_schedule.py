"""The schedule of a volunteer, its calendar, and the own check-in."""

import re
from datetime import timedelta

import pytest
from icalendar import Calendar

from blueprints.claims import actions, queries, schedule
from blueprints.claims.models import Act, Claim, EvidenceClass, Punch
from blueprints.posts.models import ShiftState
from core.db import db
from tests.claims.test_attendance import mark
from tests.claims.test_claiming import actor_of, claim
from tests.counting import counted
from tests.factories import BEFORE, HOUR, START, make_post, make_shift, make_world, sign_in

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
END = START + 2 * HOUR


@pytest.fixture(autouse=True)
def saturday(at):
    at(BEFORE)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station), places=1)


@pytest.fixture
def lin(client, world):
    sign_in(client, world.lin.account_id)
    return world.lin


@pytest.fixture
def held(shift, lin):
    return claim(shift, lin)


def page_of(client, path="/me/schedule"):
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.text


# --- the list -----------------------------------------------------------------------------------------------------


def test_an_empty_schedule_says_what_will_be_here_and_offers_the_list(client, lin):
    page = page_of(client)
    assert "Nothing planned yet" in page
    assert 'href="/">Find something to do' in page


def test_what_comes_stands_under_its_days_with_all_one_needs(client, world, shift, lin):
    claim(shift, lin)
    early = make_shift(make_post(world.station, title="护河巡查岗"), starts_at=BEFORE + 3 * HOUR, places=1)
    claim(early, world.zhou)
    claim(early, lin)
    page = page_of(client)
    assert re.findall(r'<h2 class="day-head" id="day-[\d-]+">(.*?)</h2>', page) == ["today", "Mon 4 May"]
    for words in (
        *("社区图书角管理岗", "09:00", "–11:00", "烟雨社区党群服务中心一楼", "Place 1", "陈站长 0573-00000000"),
        *("Cancel freely until tomorrow 09:00", "护河巡查岗", "Number 1 in line", f'href="/shifts/{shift.id}"'),
    ):
        assert words in page


def test_when_cancelling_has_become_late_the_schedule_says_so(client, shift, lin, at):
    claim(shift, lin)
    at(START - HOUR)
    assert "Cancelling now needs a reason and is marked as late." in page_of(client)


@pytest.mark.parametrize(
    ("punches", "words"),
    [
        ([], "No check-in was recorded. If you were there, please tell the station."),
        ([(Act.IN, 2)], "checked in 09:02, not checked out: the station settles the time with you"),
        ([(Act.IN, 2), (Act.OUT, 118)], "checked in 09:02, checked out 10:58"),
    ],
)
def test_what_is_past_tells_the_attendance_in_words(client, world, held, at, punches, words):
    for act, minute in punches:
        punch(held, world.chen, act, START + minute * MINUTE)
    at(END + DAY)
    page = page_of(client)
    assert words in page
    assert "Nothing planned yet" in page


def punch(made, actor, act, at):
    row = Punch(claim_id=made.id, act=act, at=at, recorded_at=at, recorded_by_id=actor.account_id)
    row.evidence = EvidenceClass.B
    db.session.add(row)
    db.session.commit()


def test_what_was_given_up_or_called_off_stands_with_its_state(client, world, shift, lin, at):
    late, off = claim(shift, lin), claim(make_shift(make_post(world.station), starts_at=START + DAY), lin)
    actions.cancel(late.id, actor_of(lin), reason="发烧了", now=START - HOUR)
    actions.cancel_shift(off.shift_id, world.chen, reason="台风", now=BEFORE)
    db.session.commit()
    page = page_of(client)
    for words in ("Cancelled late", "发烧了", "Called off", "台风"):
        assert words in page


def test_the_past_is_paged_and_leaves_nothing_out(client, world, lin, at):
    post = make_post(world.station)
    for number in range(schedule.PAGE):
        shift = make_shift(post, starts_at=START + number * HOUR, hours=1)
        given_up = claim(shift, lin)
        actions.cancel(given_up.id, actor_of(lin), reason="", now=BEFORE)
        claim(shift, lin)
    at(START + 100 * DAY)
    first = page_of(client)
    older = re.search(r'href="(/me/schedule\?before=[^"]+)"', first)[1]
    second = page_of(client, older)
    seen = re.findall(r'id="claim-(\d+)"', first + second)
    assert len(seen) == len(set(seen)) == db.session.query(Claim).count()
    assert 'href="/me/schedule" rel="prev"' in second


@pytest.mark.parametrize("before", ["x", "1", "-1", "99999999999999999999-1", "1-99999999999", "٣-1"])
def test_a_strange_page_is_the_first_page(client, shift, lin, before):
    claim(shift, lin)
    assert "社区图书角管理岗" in page_of(client, f"/me/schedule?before={before}")


def test_nobody_sees_the_schedule_of_others(client, world, shift, lin):
    claim(shift, world.zhou)
    assert "社区图书角管理岗" not in page_of(client)


def test_the_schedule_asks_the_same_for_one_claim_and_for_many(client, world, lin):
    post = make_post(world.station)
    claim(make_shift(post), lin)
    with counted() as few:
        page_of(client)
    for number in range(1, 30):
        claim(make_shift(post, starts_at=START + number * DAY), lin)
    with counted() as many:
        page_of(client)
    assert len(many) == len(few) <= 8


@pytest.mark.parametrize("path", ["/me/schedule", "/me/schedule.ics", "/check-in"])
def test_only_volunteers_have_a_schedule(client, world, path):
    assert client.get(path).headers["Location"].startswith("/sign-in?next=")
    sign_in(client, world.chen.account_id)
    assert client.get(path).status_code == 403


# --- the calendar -----------------------------------------------------------------------------------------------------


def feed_path(client):
    client.post("/me/calendar/address")
    return re.search(r"http://localhost(/calendar/[^<]+\.ics)", page_of(client))[1]


def events(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.mimetype == "text/calendar"
    return {str(event["summary"]): event for event in Calendar.from_ical(answer.text).walk("VEVENT")}


def test_a_calendar_program_subscribes_without_a_cookie(app, client, shift, lin):
    claim(shift, lin)
    event = events(app.test_client(), feed_path(client))["社区图书角管理岗"]
    assert event["dtstart"].dt == START
    assert event["dtend"].dt == END
    assert str(event["status"]) == "CONFIRMED"
    assert str(event["location"]) == "南湖区 南湖街道 烟雨社区 烟雨社区党群服务中心一楼"
    assert "陈站长，0573-00000000" in str(event["description"])
    assert str(event["url"]) == f"http://localhost/shifts/{shift.id}"
    assert int(event["sequence"]) > 0


def test_a_place_in_line_is_tentative_and_what_was_given_up_is_cancelled(client, world, shift, lin):
    claim(shift, world.zhou)
    waiting = claim(shift, lin)
    assert str(events(client, "/me/schedule.ics")["In line: 社区图书角管理岗"]["status"]) == "TENTATIVE"
    before = events(client, "/me/schedule.ics")["In line: 社区图书角管理岗"]
    actions.cancel(waiting.id, actor_of(lin), reason="", now=BEFORE)
    db.session.commit()
    after = events(client, "/me/schedule.ics")["Cancelled: 社区图书角管理岗"]
    assert str(after["status"]) == "CANCELLED"
    assert after["uid"] == before["uid"]
    assert int(after["sequence"]) > int(before["sequence"])


def test_who_claims_again_has_one_entry_and_it_holds(client, shift, lin):
    first = claim(shift, lin)
    actions.cancel(first.id, actor_of(lin), reason="", now=BEFORE)
    claim(shift, lin)
    assert client.get("/me/schedule.ics").text.count("BEGIN:VEVENT") == 1
    assert str(events(client, "/me/schedule.ics")["社区图书角管理岗"]["status"]) == "CONFIRMED"


def test_a_shift_that_was_called_off_is_cancelled_in_the_calendar(client, world, shift, lin):
    claim(shift, lin)
    actions.cancel_shift(shift.id, world.chen, reason="台风", now=BEFORE)
    db.session.commit()
    assert str(events(client, "/me/schedule.ics")["Cancelled: 社区图书角管理岗"]["status"]) == "CANCELLED"


def test_an_unchanged_calendar_is_not_sent_again(client, shift, lin, at):
    claim(shift, lin)
    first = client.get("/me/schedule.ics")
    at(BEFORE + HOUR)
    assert client.get("/me/schedule.ics", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_the_far_past_is_left_out_of_the_calendar(client, shift, lin, at):
    claim(shift, lin)
    at(END + 91 * DAY)
    assert events(client, "/me/schedule.ics") == {}


def test_text_of_a_post_cannot_add_lines_to_the_calendar(client, world, lin):
    shift = make_shift(make_post(world.station, place="一楼\r\nATTENDEE:mailto:x@example.org"))
    claim(shift, lin)
    assert "\r\nATTENDEE" not in client.get("/me/schedule.ics").text


# --- the own check-in -----------------------------------------------------------------------------------------------


def code(shift, moment):
    return queries.day_code(shift.id, moment)


def punches(made):
    db.session.expire_all()
    return [(p.act, p.at, p.evidence) for p in queries.history(made.id)]


def test_before_the_window_the_page_says_when_it_opens(client, shift, lin):
    claim(shift, lin)
    page = page_of(client, "/check-in")
    assert "No check-in is open now" in page
    assert "Check-in of “社区图书角管理岗” opens Mon 4 May 08:30." in page


def test_without_a_place_the_page_leads_to_the_list(client, lin):
    assert 'href="/">Find something to do' in page_of(client, "/check-in")


def test_one_checks_in_and_out_with_the_code_of_the_moment(client, shift, lin, at):
    made = claim(shift, lin)
    at(START - 10 * MINUTE)
    page = page_of(client, "/check-in")
    assert f'action="/claims/{made.id}/arrival"' in page
    assert 'inputmode="numeric"' in page
    answer = client.post(f"/claims/{made.id}/arrival", data={"code": code(shift, START - 10 * MINUTE)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/check-in")
    page = page_of(client, "/check-in")
    assert "Checked in at 08:50. Please check out when you leave." in page
    assert f'action="/claims/{made.id}/departure"' in page
    at(END)
    spaced = f"{code(shift, END)[:3]} {code(shift, END)[3:]}"
    page = client.post(f"/claims/{made.id}/departure", data={"code": spaced}, follow_redirects=True).text
    assert "Checked out at 11:00. Thank you for your time." in page
    own = EvidenceClass.A
    assert punches(made) == [(Act.IN, START - 10 * MINUTE, own), (Act.OUT, END, own)]


@pytest.mark.parametrize("typed", ["000000", "12", "abc", "<script>alert(1)</script>", "１２３４５６"])
def test_a_wrong_code_is_refused_beside_the_field(client, shift, lin, at, typed):
    made = claim(shift, lin)
    at(START)
    assert typed != code(shift, START)
    answer = client.post(f"/claims/{made.id}/arrival", data={"code": typed})
    assert answer.status_code in (409, 422)
    assert 'aria-invalid="true"' in answer.text
    assert "<script>alert" not in answer.text
    assert punches(made) == []


@pytest.mark.parametrize("typed", ["", "   ", "1" * 21])
def test_a_code_that_cannot_be_one_is_a_422_with_a_sentence(client, shift, lin, at, typed):
    made = claim(shift, lin)
    at(START)
    answer = client.post(f"/claims/{made.id}/arrival", data={"code": typed})
    assert answer.status_code == 422
    assert re.search(r"Please type the six digits|Please use at most 20", answer.text)


@pytest.mark.parametrize(
    ("moment", "act", "sentence"),
    [
        (START - 31 * MINUTE, "arrival", "Check-in opens at today 08:30."),
        (START, "departure", "Not checked in, so there is nothing to check out from."),
        (END + MINUTE, "arrival", "That ended at today 11:00."),
    ],
)
def test_outside_of_the_window_the_page_says_why_not(client, held, at, moment, act, sentence):
    at(moment)
    answer = client.post(f"/claims/{held.id}/{act}", data={"code": queries.day_code(held.shift_id, moment)})
    assert answer.status_code == 409
    assert sentence in answer.text
    assert punches(held) == []


def test_checking_in_twice_says_since_when(client, world, shift, lin, at):
    made = claim(shift, lin)
    mark(made, Act.IN, world.chen, START)
    at(START + MINUTE)
    answer = client.post(f"/claims/{made.id}/arrival", data={"code": code(shift, START + MINUTE)})
    assert answer.status_code == 409
    assert "Already checked in at 09:00." in answer.text


def test_two_shifts_of_the_same_hour_have_a_field_each(client, world, lin, at):
    post = make_post(world.station)
    for number in range(2):
        claim(make_shift(post, starts_at=START + number * HOUR / 2, hours=0.5), lin)
    at(START + 20 * MINUTE)
    page = page_of(client, "/check-in")
    ids = re.findall(r'id="(code-\d+)"', page)
    assert len(ids) == len(set(ids)) == 2


def test_after_the_window_the_page_says_who_enters_the_times(client, shift, lin, at):
    claim(shift, lin)
    at(END + 10 * MINUTE)
    assert "Check-in ended at 11:00. If you were there, the clerk enters the times" in page_of(client, "/check-in")


def test_a_cancelled_shift_asks_nobody_to_check_in(client, world, shift, lin, at):
    made = claim(shift, lin)
    shift.state, shift.cancelled_at = ShiftState.CANCELLED, BEFORE
    db.session.commit()
    at(START)
    assert "No check-in is open now" in page_of(client, "/check-in")
    answer = client.post(f"/claims/{made.id}/arrival", data={"code": code(shift, START)})
    assert answer.status_code == 409
    assert punches(made) == []


def test_what_was_called_off_stands_under_its_day_until_that_is_over(client, world, shift, held, at):
    actions.cancel_shift(shift.id, world.chen, reason="台风预警", now=BEFORE)
    db.session.commit()
    days, _heading, past = page_of(client).partition('id="past"')
    assert f'id="claim-{held.id}"' in days
    assert "This shift will not take place." in days
    assert "台风预警" in days
    assert f'id="claim-{held.id}"' not in past
    at(END)
    days, _heading, past = page_of(client).partition('id="past"')
    assert f'id="claim-{held.id}"' not in days
    assert f'id="claim-{held.id}"' in past
