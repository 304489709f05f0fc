"""Who did not come, as the clerk, the person and whoever decides meet it."""

from functools import partial

import pytest

from blueprints.claims.models import Absence, AbsenceKind, AbsenceOutcome
from core import clock
from core.db import db
from tests.claims.test_absences import DAY, dispute, note
from tests.claims.test_attendance import END, MINUTE
from tests.claims.test_claiming import claim
from tests.counting import counted
from tests.factories import HOUR, START, browser_of, make_post, make_shift, make_volunteer, make_world

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station), places=9)


@pytest.fixture
def held(shift, world):
    return claim(shift, world.lin)


@pytest.fixture
def at(monkeypatch):
    def move(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    move(END + HOUR)
    return move


@pytest.fixture
def as_(app, at):
    return partial(browser_of, app)


def noted(held):
    db.session.expire_all()
    return db.session.scalars(db.select(Absence).where(Absence.claim_id == held.id)).all()


def looked_for(client, shift):
    address = f"/desk/shifts/{shift.id}/walk-ins/searches"
    return client.post(address, data={"q": "林小满"}, follow_redirects=True).text


def list_of(shift):
    return f"/desk/shifts/{shift.id}/absences"


def test_one_tap_notes_another_takes_back_and_a_third_excuses(as_, world, shift, held):
    chen, name = as_(world.chen), "林小满"
    assert list_of(shift) in chen.get(f"/desk/shifts/{shift.id}/roster").text
    assert name in chen.get(list_of(shift)).text
    answer = chen.post(f"/desk/claims/{held.id}/absence", data={"kind": "no_show", "reason": SCRIPT})
    assert (answer.status_code, answer.location) == (303, f"{list_of(shift)}#claim-{held.id}")
    page = chen.get(list_of(shift)).text
    assert "They are told and can object." in page
    assert SCRIPT not in page
    (mark,) = noted(held)
    assert chen.post(f"/desk/absences/{mark.id}/withdrawal").status_code == 303
    chen.post(f"/desk/claims/{held.id}/absence", data={"kind": "excused"})
    assert [each.kind for each in noted(held)] == [AbsenceKind.NO_SHOW, AbsenceKind.EXCUSED]
    lin = as_(world.lin)
    assert "Excused" in lin.get("/me/schedule").text
    assert "Nothing is noted about you" in lin.get("/me/absences").text


def test_a_refused_tap_shows_the_list_with_its_sentence_and_keeps_the_note(as_, at, world, shift, held):
    chen = as_(world.chen)
    chen.post(f"/desk/claims/{held.id}/absence", data={"kind": "no_show"})
    again = chen.post(f"/desk/claims/{held.id}/absence", data={"kind": "no_show"})
    assert again.status_code == 409
    assert "noted already" in again.text
    zhou = claim(shift, world.zhou)
    wrong = chen.post(f"/desk/claims/{zhou.id}/absence", data={"kind": "vanished", "reason": "没接电话"})
    assert (wrong.status_code, noted(zhou)) == (422, [])
    assert 'value="没接电话"' in wrong.text
    too_long = chen.post(f"/desk/claims/{zhou.id}/absence", data={"kind": "no_show", "reason": "长" * 201})
    assert (too_long.status_code, noted(zhou)) == (422, [])


def test_before_the_end_and_after_a_month_there_is_no_button(as_, at, world, shift, held):
    chen = as_(world.chen)
    for moment, words in ((START, "not over yet"), (END + 31 * DAY, "林小满")):
        at(moment)
        page = chen.get(list_of(shift)).text
        assert words in page
        assert 'value="no_show"' not in page


def test_the_person_sees_the_mark_says_no_and_another_takes_it_off(as_, world, shift, held):
    mark = note(held, world.chen)
    lin, wu, chen = as_(world.lin), as_(world.wu), as_(world.chen)
    inbox = lin.get("/me/inbox").text
    assert "noted that you did not come" in inbox
    assert 'href="/me/absences"' in inbox
    assert "4 Nov 2099" in lin.get("/me/absences").text
    empty = lin.post(f"/me/absences/{mark.id}/dispute", data={"words": "  "})
    assert (empty.status_code, noted(held)[0].disputed_at) == (422, None)
    assert lin.post(f"/me/absences/{mark.id}/dispute", data={"words": SCRIPT}).status_code == 303
    assert "Objection is looked at" in lin.get("/me/absences").text
    assert "/desk/absences" not in chen.get("/desk").text
    assert '"/desk/absences"' in wu.get("/desk").text
    assert "You noted this yourself" in chen.get(f"/desk/absences/{mark.id}").text
    page = wu.get(f"/desk/absences/{mark.id}").text
    assert "&lt;script&gt;" in page
    assert SCRIPT not in page
    address = f"/desk/absences/{mark.id}/decision"
    assert wu.post(address, data={"reason": "查过了"}).status_code == 422
    assert wu.post(address, data={"outcome": "overturned"}).status_code == 422
    assert wu.post(address, data={"outcome": "overturned", "reason": "当时在二楼。"}).status_code == 303
    assert noted(held)[0].outcome is AbsenceOutcome.OVERTURNED
    assert "当时在二楼。" in lin.get("/me/inbox").text
    assert "Nothing is noted about you" in lin.get("/me/absences").text
    assert wu.get(f"/desk/absences/{mark.id}").status_code == 404


def test_a_mark_is_no_page_of_its_own_until_somebody_objects_and_never_of_a_stranger(as_, world, held):
    mark = note(held, world.chen)
    assert as_(world.wu).get(f"/desk/absences/{mark.id}").status_code == 404
    dispute(mark, world.lin)
    for who in (world.gu, world.pan):
        stranger = as_(who)
        assert stranger.get(f"/desk/absences/{mark.id}").status_code == 404
        assert "林小满" not in stranger.get("/desk/absences").text
    assert as_(world.zhou).post(f"/me/absences/{mark.id}/dispute", data={"words": "x"}).status_code == 404


def test_a_kind_word_before_somebody_is_put_on_a_roster(as_, at, world, held):
    for day in (1, 2):
        missed = claim(make_shift(make_post(world.station), starts_at=START + day * DAY), world.lin)
        note(missed, world.chen, now=START + day * DAY + 2 * HOUR)
    at(START + 3 * DAY)
    coming = make_shift(make_post(world.station), starts_at=START + 9 * DAY)
    elsewhere = make_shift(make_post(world.other_station), starts_at=START + 9 * DAY)
    words = "Could not come 2 times lately."
    page = looked_for(as_(world.chen), coming)
    assert "林小满" in page
    assert words in page
    assert words not in looked_for(as_(world.gu), elsewhere)
    assert words not in as_(world.zhou).get(f"/shifts/{coming.id}").text


@pytest.mark.parametrize("address", ["/desk/shifts/{shift}/absences", "/desk/absences", "/me/absences"])
def test_each_page_asks_as_often_for_two_as_for_eight(as_, world, shift, address):
    def asked(people):
        for n in range(people):
            volunteer = make_volunteer(f"第{n}人", world.station)
            dispute(note(claim(shift, volunteer), world.chen, now=END + n * MINUTE), volunteer)
        with counted() as statements:
            assert client.get(address.format(shift=shift.id)).status_code == 200
        return len(statements)

    client = as_(world.lin if "/me/" in address else world.chen)
    assert asked(2) == asked(6)
