"""The pages around a queue: the tablet's copy, what it sends, and what a clerk settles."""

import json
import re
from datetime import timedelta

import pytest

from blueprints.rollcall.models import OfflineAct
from core import clock
from core.db import db
from tests.factories import HOUR, START, make_post, make_shift, sign_in
from tests.rollcall.queues import Tablet, seen, times

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
ACTS = "/desk/offline-acts"


def send(client, text):
    return client.post(ACTS, data=text, content_type="application/json")


def test_a_roster_of_today_carries_its_pass_and_others_do_not(chen, at, shift, held):
    assert 'id="watch"' in chen.get(f"/desk/shifts/{shift.id}/roster").text
    for other in (START - DAY, START + DAY):
        at(other)
        assert 'id="watch"' not in chen.get(f"/desk/shifts/{shift.id}/roster").text
        assert chen.get(f"/desk/shifts/{shift.id}/roster/offline").status_code == 404


def test_a_shift_over_midnight_is_kept_until_the_next_evening(chen, at, world):
    night = make_shift(make_post(world.station), starts_at=START + 13 * HOUR, hours=4)
    for moment in (START + 13 * HOUR, START + 16 * HOUR, START + 20 * HOUR):
        at(moment)
        assert chen.get(f"/desk/shifts/{night.id}/roster/offline").status_code == 200
    at(START + 2 * DAY)
    assert chen.get(f"/desk/shifts/{night.id}/roster/offline").status_code == 404


def test_the_copy_works_by_the_same_forms_and_says_when_it_was_made(chen, shift, held):
    page = chen.get(f"/desk/shifts/{shift.id}/roster/offline")
    assert page.headers["Cache-Control"] == "no-store"
    assert f'action="/desk/claims/{held.id}/punches"' in page.text
    assert "copy of today 09:00" in page.text
    assert 'data-seen="none"' in page.text


def test_the_copy_uses_up_no_message_of_the_page(chen, shift, held):
    chen.post(f"/desk/claims/{held.id}/punches", data={"act": "in"})
    chen.get(f"/desk/shifts/{shift.id}/roster/offline")
    assert "checked in at 09:00" in chen.get(f"/desk/shifts/{shift.id}/roster").text


def test_a_tablet_sends_what_the_roster_gave_it(chen, at, shift, held):
    page = chen.get(f"/desk/shifts/{shift.id}/roster").text
    sealed = re.search(r'data-pass="([^"]+)"', page)[1]
    at(START + HOUR)
    tablet = Tablet.__new__(Tablet)
    tablet.wrong, tablet.met_at, tablet.sealed = DAY, START + DAY, sealed
    act = tablet.marks(held, "in", START + MINUTE)
    told = send(chen, tablet.queue([act], START + HOUR)).json
    assert told == {"answers": [{"key": act["key"], "outcome": "done", "sentence": ""}], "conflicts": 0}
    assert send(chen, tablet.queue([act], START + HOUR)).json == told
    assert times(held) == [(START + MINUTE, None)]


def test_a_page_without_fetch_sends_the_same_by_a_form(chen, at, tablet, held):
    at(START + HOUR)
    queue = tablet.queue(
        [tablet.marks(held, "in", START + MINUTE), tablet.marks(held, "in", START + 5 * HOUR)], START + HOUR
    )
    answer = chen.post(ACTS, data={"acts": queue}, follow_redirects=True)
    assert "2 entries have arrived." in answer.text
    assert "One of them is to be settled." in answer.text
    assert "lies in the future" in answer.text


@pytest.mark.parametrize("text", ["", "{", '{"sent_at": 1, "acts": [' + "1," * 300 + "1]}"])
def test_what_cannot_be_read_is_answered_with_a_sentence(chen, text):
    told = send(chen, text)
    assert told.status_code == 422
    assert told.json["sentence"]
    assert chen.post(ACTS, data={"acts": text}).status_code == 422


def test_ten_thousand_events_are_too_much_at_once_and_say_so(chen, tablet, held):
    many = [tablet.marks(held, "in", START)] * 10_000
    answer = send(chen, tablet.queue(many, START))
    assert answer.status_code == 413
    assert "larger than 1 MB" in answer.text
    assert db.session.query(OfflineAct).count() == 0


def test_the_token_is_that_of_the_session_of_this_moment(chen):
    answer = chen.get(f"{ACTS}/token")
    assert answer.json["token"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_without_a_session_the_token_asks_who_it_is(client):
    answer = client.get(f"{ACTS}/token")
    assert (answer.status_code, answer.location) == (303, f"/sign-in?next={ACTS.replace('/', '%2F')}%2Ftoken")


@pytest.fixture
def moved(chen, at, tablet, held):
    """Two acts of a tablet whose clock was moved, waiting for the clerk."""
    queue = [tablet.marks(held, "in", START + MINUTE), tablet.marks(held, "out", START + HOUR)]
    tablet.wrong = DAY
    at(START + 2 * HOUR)
    assert send(chen, tablet.queue(queue, START + 2 * HOUR)).json["conflicts"] == 2
    return db.session.scalars(db.select(OfflineAct)).first()


def test_what_waits_stands_on_the_desk_and_on_the_hand_in(chen, shift, moved):
    desk = chen.get("/desk").text
    assert re.search(r'href="/desk/offline-acts".{0,300}Entries from tablets.{0,200}>2<', desk, re.DOTALL)
    assert "The clock of the tablet was moved" in chen.get(ACTS).text
    assert "2 entries of tablets are not settled yet." in chen.get(f"/desk/shifts/{shift.id}/hand-in").text
    page = chen.get(f"{ACTS}/{moved.id}").text
    assert "林小满" in page
    assert "陈站长" in page


def test_the_clerk_enters_the_times_with_a_note(chen, held, moved):
    typed = {"started": "09:01", "ended": "10:00", "note": ""}
    refused = chen.post(f"{ACTS}/{moved.id}/settlement", data=typed)
    assert refused.status_code == 422
    assert 'value="09:01"' in refused.text
    assert chen.post(f"{ACTS}/{moved.id}/settlement", data=typed | {"note": "负责人看到"}).status_code == 303
    assert times(held) == [(START + MINUTE, START + HOUR)]
    assert "Nothing is to be settled" in chen.get(ACTS).text
    assert "负责人看到" in chen.get(ACTS).text


def test_times_that_cannot_be_are_refused_beside_the_fields(chen, held, moved):
    typed = {"started": "10:00", "ended": "09:00", "note": "x"}
    assert chen.post(f"{ACTS}/{moved.id}/settlement", data=typed).status_code == 409
    assert seen(held).spans == ()


def test_the_clerk_dismisses_with_a_reason(chen, moved):
    assert "Please say why" in chen.post(f"{ACTS}/{moved.id}/dismissal", data={"reason": " "}).text
    assert chen.post(f"{ACTS}/{moved.id}/dismissal", data={"reason": "重复"}).status_code == 303
    assert "重复" in chen.get(ACTS).text


def test_an_act_that_belongs_to_nobody_can_be_looked_at_and_dismissed(chen, at):
    at(START)
    send(chen, json.dumps({"sent_at": 5, "acts": ["?"]}))
    act = db.session.scalars(db.select(OfflineAct)).one()
    assert "Belongs to no roster" in chen.get(f"{ACTS}/{act.id}").text
    typed = {"started": "09:00", "ended": "10:00", "note": "x"}
    assert "belongs to no roster" in chen.post(f"{ACTS}/{act.id}/settlement", data=typed).text
    assert chen.post(f"{ACTS}/{act.id}/dismissal", data={"reason": "不明"}).status_code == 303


def test_nobody_of_elsewhere_sees_it(client, moved, world):
    sign_in(client, world.gu.account_id)
    assert client.get(f"{ACTS}/{moved.id}").status_code == 404
    assert "林小满" not in client.get(ACTS).text


def test_the_worker_stands_at_the_top_and_is_asked_for_anew(client):
    worker = client.get("/service-worker.js")
    assert worker.headers["Cache-Control"] == "no-cache"
    assert worker.mimetype == "text/javascript"
    kept = json.loads(re.match(r"const ASSETS = (.*);", worker.text)[1])
    assert [client.get(name).status_code for name in kept] == [200] * 4


def test_the_page_for_no_network_names_nobody(chen):
    page = chen.get("/offline").text
    assert "There is no network" in page
    assert "陈站长" not in page
    assert clock.now() == START
