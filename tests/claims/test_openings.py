"""Shown now, open for claims later."""

from datetime import timedelta

import pytest

from blueprints.admin import worker
from blueprints.claims import actions, board
from blueprints.claims.models import Watch
from blueprints.messages.models import NoticeKind
from core.db import db
from core.refusal import Refusal
from tests.claims.conftest import SWAP
from tests.claims.test_claiming import actor_of, claim, kinds
from tests.factories import BEFORE, HOUR, START, make_post, make_shift, make_world, sign_in

OPENS = START - timedelta(hours=20)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station), opens_at=OPENS)


def test_a_claim_before_is_refused_with_the_moment(world, shift):
    with pytest.raises(Refusal, match=r"Claims open at .*13:00"):
        claim(shift, world.lin)
    assert claim(shift, world.lin, now=OPENS).place == 1


def test_the_clerk_cannot_get_round_it(world, shift):
    with pytest.raises(Refusal, match="Claims open at"):
        actions.claim_for(shift.id, world.lin.id, world.chen, now=BEFORE)
    late = make_shift(make_post(world.station), opens_at=START - HOUR / 6, starts_at=START)
    with pytest.raises(Refusal, match="Claims open at"):
        actions.walk_in(late.id, world.lin.id, world.chen, now=START - HOUR / 3)


def test_the_list_says_when_it_opens_and_offers_no_claim(client, at, world, shift):
    at(BEFORE)
    sign_in(client, world.lin.account_id)
    card = client.get(f"/shifts/{shift.id}/card", headers=SWAP).text
    assert "Opens" in card
    assert "13:00" in card
    assert "Look at the details" in card
    assert f'action="/shifts/{shift.id}/claims"' not in client.get("/").text
    assert f'action="/shifts/{shift.id}/claims"' not in client.get(f"/shifts/{shift.id}").text


def test_an_open_list_learns_that_claiming_has_opened_though_no_row_changed(client, at, world, shift):
    at(OPENS - timedelta(seconds=1))
    before, page = board._version(), client.get("/").text
    assert "Opens" in page
    at(OPENS)
    assert board._version() != before
    sign_in(client, world.lin.account_id)
    assert f'action="/shifts/{shift.id}/claims"' in client.get("/").text
    assert 'class="badge badge--info"' not in client.get("/").text


def test_an_open_shift_page_learns_it_too(client, at, world, shift):
    at(OPENS - timedelta(seconds=1))
    shown = client.get(f"/shifts/{shift.id}", headers=SWAP).text
    tag = shown.split('hx-ptag="')[1].split('"')[0]
    assert client.get(f"/shifts/{shift.id}", headers=SWAP | {"HX-PTag": tag}).status_code == 304
    at(OPENS)
    fresh = client.get(f"/shifts/{shift.id}", headers=SWAP | {"HX-PTag": tag})
    assert fresh.status_code == 200
    assert "Opens" not in fresh.text


def test_whoever_asked_is_told_once_when_it_opens(client, at, world, shift):
    at(BEFORE)
    sign_in(client, world.lin.account_id)
    page = client.post(f"/shifts/{shift.id}/watches", follow_redirects=True).text
    assert "You are told when it opens" in page
    actions.watch(shift.id, actor_of(world.lin), now=BEFORE)
    assert db.session.query(Watch).count() == 1
    assert worker.keep_places(now=OPENS - HOUR) == 0
    assert worker.keep_places(now=OPENS) == 1
    assert worker.keep_places(now=OPENS) == 0
    assert kinds(world.lin) == [NoticeKind.CLAIMS_OPEN]


def test_nobody_is_told_of_a_shift_that_was_cancelled_meanwhile(world, shift):
    actions.watch(shift.id, actor_of(world.lin), now=BEFORE)
    actions.cancel_shift(shift.id, world.chen, reason="下雨", now=BEFORE)
    db.session.commit()
    assert worker.keep_places(now=OPENS) == 0


def test_an_open_shift_cannot_be_watched(world):
    with pytest.raises(Refusal, match="does not wait to be opened"):
        actions.watch(make_shift(make_post(world.station)).id, actor_of(world.lin), now=BEFORE)


def values(**changed):
    times = {"starts_at": START, "ends_at": START + 2 * HOUR, "places": 2, "break_minutes": 0}
    return times | {"opens_at": None, "minimum": None, "cut_off_hours": None} | changed


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"opens_at": START}, "before the shift starts"),
        ({"minimum": 3, "cut_off_hours": 5}, "cannot be more than the places"),
        ({"minimum": 2}, "needs the hours"),
        ({"cut_off_hours": 5}, "needs the hours"),
    ],
)
def test_options_that_make_no_sense_are_refused(world, changed, sentence):
    shift = make_shift(make_post(world.station))
    with pytest.raises(Refusal, match=sentence):
        actions.change_shift(shift.id, values(**changed), world.chen, revision=1, reason="", now=BEFORE)


def test_the_clerk_sets_and_clears_the_moment_in_the_form(client, at, world, shift):
    at(BEFORE)
    sign_in(client, world.chen.account_id)
    url, post = f"/desk/shifts/{shift.id}/change", db.session.get_one(type(shift), shift.id)
    assert 'value="2099-05-03"' in client.get(url).text
    sent = {"day": "2099-05-04", "starts": "09:00", "ends": "11:00", "places": "2", "revision": "1"}
    half = client.post(url, data=sent | {"opens_day": "2099-05-03"})
    assert half.status_code == 422
    assert "both the day and the time" in half.text
    late = client.post(url, data=sent | {"opens_day": "2099-05-04", "opens_time": "09:00"})
    assert late.status_code == 422
    assert "before the shift starts" in late.text
    assert client.post(url, data=sent | {"minimum": "2", "cut_off_hours": "24"}).status_code == 303
    db.session.expire_all()
    assert (post.opens_at, post.minimum, post.cut_off_hours) == (None, 2, 24)
