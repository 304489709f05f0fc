"""Two registrations of one person as the desk, the level above and the person meet them on their pages."""

from functools import partial

import pytest
from sqlalchemy import select

from blueprints.identity.models import Account
from blueprints.mergers import upkeep
from blueprints.mergers.models import Likeness, Merger, MergerState
from core import clock, passwords
from core.db import db
from tests.attacks.conftest import words
from tests.counting import queries_of
from tests.factories import browser_of, make_volunteer, saved
from tests.mergers.conftest import LATER, WHY, merged, propose, served_and_confirmed
from tests.records.test_ledger import total

PASSWORD = "sehr-geheim-2099"


@pytest.fixture
def as_(app, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: LATER)
    return partial(browser_of, app)


def only():
    db.session.expire_all()
    return db.session.scalars(select(Merger)).one()


def test_from_a_pair_that_looks_alike_to_one_registration(as_, twins):
    upkeep.look(LATER)
    db.session.commit()
    sun, qian = as_(twins.sun), as_(twins.qian)
    listed = words(sun.get("/desk/duplicates").text)
    assert "Same name and date of birth" in listed
    assert twins.twin.number in listed
    page = sun.get(f"/desk/people/{twins.lin.id}/merger?away={twins.twin.id}")
    assert "It cannot be undone" in words(page.text)
    assert "4 h" in words(page.text)
    sent = sun.post(f"/desk/people/{twins.lin.id}/mergers/{twins.twin.id}", data={"reason": WHY})
    assert sent.status_code == 303
    here = f"/desk/mergers/{only().id}"
    assert "You proposed this" in words(sun.get(here).text)
    assert sun.post(f"{here}/approval", data={"answer": "看过"}).status_code == 409
    assert "Registered twice 1" in " ".join(qian.get("/desk").text.split()) or "1" in qian.get("/desk/duplicates").text
    assert qian.post(f"{here}/approval", data={"answer": ""}).status_code == 422
    assert qian.post(f"{here}/approval", data={"answer": "看过身份证"}).status_code == 303
    assert only().state is MergerState.APPROVED
    assert total(twins.lin) == 240
    assert "Merged" in words(qian.get(here).text)
    assert "No two registrations look alike" in words(sun.get("/desk/duplicates").text)
    shown = words(as_(twins.lin).get("/me/records").text)
    assert "4 h" in shown
    assert as_(twins.lin).get(f"/me/records/{twins.of_twin.id}").status_code == 200
    assert as_(twins.lin).get(f"/me/records/{twins.of_twin.id}/form").status_code == 200
    note = words(qian.get(f"/desk/people/{twins.twin.id}").text)
    assert "merged into another one of the same person" in note


def test_what_stands_in_the_way_is_shown_before_anybody_proposes(as_, twins):
    other = make_volunteer("林小满", twins.world.station)
    served_and_confirmed(twins.world, other, twins.of_lin.started_at)
    sun = as_(twins.sun)
    page = words(sun.get(f"/desk/people/{twins.lin.id}/merger?away={other.id}").text)
    assert "One hour counts once" in page or "one hour counts once" in page
    assert "Propose it" not in page
    sent = sun.post(f"/desk/people/{twins.lin.id}/mergers/{other.id}", data={"reason": WHY})
    assert sent.status_code == 409
    assert WHY not in words(sent.text)  # there is no form any more
    assert db.session.scalars(select(Merger)).all() == []


def test_another_registration_is_found_by_its_number_within_reach(as_, twins):
    sun = as_(twins.sun)
    here = f"/desk/people/{twins.lin.id}/merger"
    assert "Volunteer number of the other" in sun.get(here).text
    found = sun.post(f"{here}-lookup", data={"number": twins.twin.number.lower()})
    assert found.headers["Location"].endswith(f"?away={twins.twin.id}")
    far = make_volunteer("林小满", twins.world.other_station)
    assert sun.post(f"{here}-lookup", data={"number": far.number}).status_code == 409
    assert sun.get(f"{here}?away={far.id}").status_code == 404
    assert sun.post(f"/desk/people/{twins.lin.id}/mergers/{far.id}", data={"reason": WHY}).status_code == 404


def test_two_people_are_told_apart_with_a_reason(as_, twins):
    upkeep.look(LATER)
    pair = db.session.scalars(select(Likeness)).one()
    db.session.commit()
    sun = as_(twins.sun)
    assert as_(twins.world.he).post(f"/desk/duplicates/{pair.id}/dismissal", data={"why": "双胞胎"}).status_code == 404
    again = sun.post(f"/desk/duplicates/{pair.id}/dismissal", data={"why": ""})
    assert again.status_code == 422
    assert "Please say how you know" in again.text
    assert sun.post(f"/desk/duplicates/{pair.id}/dismissal", data={"why": "双胞胎"}).status_code == 303
    assert twins.twin.number not in sun.get("/desk/duplicates").text


def test_a_clerk_and_the_other_county_see_nothing_of_it(as_, twins):
    here = f"/desk/mergers/{propose(twins).id}"
    assert as_(twins.world.chen).get("/desk/duplicates").status_code == 403
    assert as_(twins.world.he).get(here).status_code == 404
    assert twins.twin.number not in as_(twins.world.he).get("/desk/duplicates").text
    assert as_(twins.world.he).post(f"{here}/approval", data={"answer": "x1"}).status_code == 404
    qian = as_(twins.qian)
    assert qian.post(f"{here}/refusal", data={"answer": "看不出是同一人"}).status_code == 303
    assert only().state is MergerState.DECLINED


def with_password(volunteer):
    account = db.session.get_one(Account, volunteer.account_id)
    account.password_hash = passwords.hashed(PASSWORD)
    db.session.commit()
    return account.phone


def test_the_person_asks_with_the_password_of_the_other_one(as_, twins):
    phone = with_password(twins.twin)
    lin = as_(twins.lin)
    typed = {"phone": phone, "password": "wrong-2099", "code": "", "reason": "换了手机"}
    wrong = lin.post("/me/mergers", data=typed)
    assert (wrong.status_code, "Phone number or password is wrong" in wrong.text) == (409, True)
    assert "换了手机" in wrong.text
    assert lin.post("/me/mergers", data=typed | {"password": ""}).status_code == 422
    assert lin.post("/me/mergers", data=typed | {"password": PASSWORD}).status_code == 303
    assert (only().keep_id, only().asked_by_id) == (twins.lin.id, twins.lin.account_id)
    assert "Merger proposed" in words(lin.get("/me/mergers").text)
    other = as_(twins.twin)
    assert "The other one is not mine" in other.get("/me/mergers").text
    assert as_(twins.world.zhou).post(f"/me/mergers/{only().id}/objection").status_code == 404
    assert other.post(f"/me/mergers/{only().id}/objection").status_code == 303
    assert only().state is MergerState.OBJECTED


def test_five_wrong_passwords_end_the_guessing(as_, twins):
    lin = as_(twins.lin)
    typed = {"phone": with_password(twins.twin), "password": "wrong-2099", "code": "", "reason": "换了手机"}
    answers = [lin.post("/me/mergers", data=typed).status_code for _n in range(6)]
    assert answers == [409] * 5 + [429]


def test_a_slip_that_does_not_fit_is_refused_in_the_same_words_as_everywhere(as_, twins):
    phone = with_password(twins.twin)
    typed = {"phone": phone, "password": "", "code": "ABCD-2345-WXYZ", "reason": "换了手机"}
    answer = as_(twins.lin).post("/me/mergers", data=typed)
    assert (answer.status_code, "do not fit" in answer.text) == (409, True)


def test_whoever_signs_in_to_the_merged_one_is_told_which_to_use(app, as_, twins):
    phone = with_password(twins.twin)
    merged(twins)
    browser = app.test_client()
    told = browser.post("/sign-in?lang=en", data={"phone": phone, "password": PASSWORD})
    assert told.status_code == 409
    kept = db.session.get_one(Account, twins.lin.account_id).phone
    assert kept[-4:] in told.text
    assert kept not in told.text
    wrong = browser.post("/sign-in", data={"phone": phone, "password": "wrong-2099"})
    assert kept[-4:] not in wrong.text


def test_the_list_asks_the_same_for_one_pair_and_for_many(as_, twins):
    upkeep.look(LATER)
    db.session.commit()
    sun = as_(twins.sun)
    few = queries_of(lambda: sun.get("/desk/duplicates"))
    for number in range(12):
        made = make_volunteer(f"甲{number}", twins.world.station)
        again = make_volunteer(f"甲{number}", twins.world.station)
        saved(Likeness(first_id=made.id, second_id=again.id, signs=["mail"], found_at=LATER, reason=""))
    db.session.commit()
    assert queries_of(lambda: sun.get("/desk/duplicates")) == few <= 8


def test_the_page_of_a_proposal_asks_eight_times_at_most(as_, twins):
    qian, sun = as_(twins.qian), as_(twins.sun)
    new = f"/desk/people/{twins.lin.id}/merger?away={twins.twin.id}"
    assert queries_of(lambda: sun.get(new)) <= 8
    here = f"/desk/mergers/{propose(twins).id}"
    assert queries_of(lambda: qian.get(here)) <= 8
