"""Volunteer number and PIN, or a printed card, on the station's tablet."""

from datetime import timedelta

import pytest

from blueprints.claims import actions as claims
from blueprints.claims import queries as attendance
from blueprints.claims.models import Act, EvidenceClass
from blueprints.identity import actions as identity
from blueprints.identity import tries
from blueprints.identity.models import Leaving
from blueprints.kiosk import actions, queries, signs
from blueprints.kiosk.models import Card, Origin, Pin
from blueprints.messages.models import Notice, NoticeKind
from core import passwords
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import claim
from tests.factories import BEFORE, HOUR, START, actor_for, make_post, make_shift, sign_in
from tests.kiosk.conftest import add_tablet, as_tablet

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
PIN = "739251"


@pytest.fixture
def held(world, shift, at):
    at(START)
    return claim(shift, world.lin)


def with_pin(volunteer, pin=PIN):
    actions.set_pin(volunteer.id, passwords.hashed(pin), now=BEFORE)
    db.session.commit()
    return volunteer.number


def with_card(world, volunteer):
    card = actions.issue_card(volunteer, world.chen, world.station.id, now=BEFORE)
    db.session.commit()
    return signs.card(volunteer, card.serial)


def enter(kiosk, who, pin=""):
    return kiosk.post("/kiosk/entry", data={"who": who, "pin": pin})


def punches(held):
    return [(p.act, p.evidence) for p in attendance.history(held.id)]


def account_of(volunteer):
    return actor_for(db.session.get(queries.Account, volunteer.account_id))


# --- number and PIN ---------------------------------------------------------------------------------------------


def test_number_and_pin_check_in_and_out_as_ones_own_act(world, kiosk, held, at):
    number = with_pin(world.lin)
    assert enter(kiosk, f" {number[:5]} {number[5:]} ".lower(), PIN).headers["Location"] == "/kiosk"
    page = kiosk.get("/kiosk").text
    assert "林*, place 1: checked in at 09:00" in page
    assert "林小满" not in page
    at(START + HOUR)
    enter(kiosk, number, PIN)
    assert punches(held) == [(Act.IN, EvidenceClass.A), (Act.OUT, EvidenceClass.A)]
    assert {o.method for o in db.session.scalars(db.select(Origin))} == {"pin"}


@pytest.mark.usefixtures("held")
def test_full_width_digits_of_a_chinese_keyboard_are_digits(world, kiosk):
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    number = with_pin(world.lin)
    assert enter(kiosk, number.translate(wide), PIN.translate(wide)).status_code == 303


def test_a_wrong_pin_and_a_number_that_does_not_exist_get_the_same_answer(world, kiosk, held):
    number = with_pin(world.lin)
    wrong, unknown = enter(kiosk, number, "111112"), enter(kiosk, "T999999999", "111112")
    assert (wrong.status_code, unknown.status_code) == (409, 409)
    assert "Number or PIN is wrong" in wrong.text
    assert "Number or PIN is wrong" in unknown.text
    assert "111112" not in wrong.text
    assert number in wrong.text  # what was typed stays, the PIN does not
    assert punches(held) == []


@pytest.mark.parametrize("pin", ["1234", "12345678", "😀"])
def test_what_cannot_be_a_pin_is_told_as_the_page_told_it_before(world, kiosk, held, pin):
    answer = enter(kiosk, world.lin.number, pin)
    assert answer.status_code == 422
    assert "Please type 6 digits." in answer.text
    assert "Six digits. Not needed with a card." in answer.text


def test_a_pin_tried_a_thousand_times_neither_succeeds_nor_locks_out_for_good(world, kiosk, held, at, monkeypatch):
    number, tried = with_pin(world.lin), []
    fits = passwords.fits
    monkeypatch.setattr(passwords, "fits", lambda pin, kept: tried.append(pin) or fits(pin, kept))
    answers = []
    for n in range(1_000):  # once a second; from the sixth on even the right one is not looked at
        at(START + n * SECOND / 2)
        answers.append(enter(kiosk, number, PIN if n > tries.PINS else f"{n:06d}").status_code)
    assert answers == [409] * tries.PINS + [429] * (1_000 - tries.PINS)
    assert len(tried) == tries.PINS
    at(START + tries.WINDOW + 3 * SECOND)
    assert enter(kiosk, number, PIN).status_code == 303
    assert punches(held) == [(Act.IN, EvidenceClass.A)]


def test_guessing_for_many_people_is_stopped_at_the_tablet(world, kiosk, held):
    number = with_pin(world.lin)
    answers = [enter(kiosk, f"T{n:09d}", "000001").status_code for n in range(tries.TABLET + 1)]
    assert answers == [409] * tries.TABLET + [429]
    assert enter(kiosk, number, PIN).status_code == 429


def test_the_clerks_reset_lifts_the_wait_of_the_person(world, kiosk, held):
    number = with_pin(world.lin)
    for _ in range(tries.PINS):
        enter(kiosk, number, "000001")
    actions.reset_pin(world.lin, passwords.hashed("246813"), world.station.id, world.chen, now=START)
    db.session.commit()
    assert enter(kiosk, number, "246813").headers["Location"] == "/kiosk/entry/pin"


@pytest.mark.parametrize("pin", ["000000", "123456", "654321", "112112", "12345", "1234567", "12a456"])
def test_a_pin_that_anybody_tries_first_is_refused(client, world, pin):
    sign_in(client, world.lin.account_id)
    assert client.post("/me/pin", data={"pin": pin, "again": pin}).status_code in (409, 422)
    assert db.session.scalars(db.select(Pin)).all() == []


def test_one_sets_the_own_pin_on_the_own_page_and_only_its_hash_is_kept(client, world, kiosk, held):
    sign_in(client, world.lin.account_id)
    assert client.post("/me/pin", data={"pin": PIN, "again": "739252"}).status_code == 422
    assert client.post("/me/pin", data={"pin": PIN, "again": PIN}).status_code == 303
    assert db.session.scalars(db.select(Pin)).one().pin_hash.startswith("$argon2id$")
    assert enter(kiosk, world.lin.number, PIN).status_code == 303


def first_pin_from_the_desk(client, world):
    sign_in(client, world.chen.account_id)
    page = client.get(client.post(f"/desk/people/{world.lin.id}/pin").headers["Location"])
    return page.text.partition('<p class="code">')[2].partition("</p>")[0].replace(" ", "")


def test_a_pin_from_the_desk_is_replaced_at_the_tablet_before_it_counts(client, world, kiosk, held):
    given = first_pin_from_the_desk(client, world)
    assert given not in client.get(f"/desk/people/{world.lin.id}/kiosk").text  # shown once
    assert enter(kiosk, world.lin.number, given).headers["Location"] == "/kiosk/entry/pin"
    assert punches(held) == []
    assert kiosk.post("/kiosk/entry/pin", data={"pin": given, "again": given}).status_code == 409
    assert kiosk.post("/kiosk/entry/pin", data={"pin": PIN, "again": PIN}).headers["Location"] == "/kiosk"
    # For a day somebody else has known the way in, so it is the clerk's word as much as the person's own act.
    assert punches(held) == [(Act.IN, EvidenceClass.B)]
    assert db.session.scalars(db.select(Notice.kind)).all().count(NoticeKind.PIN_RESET) == 1
    assert kiosk.get("/kiosk/entry/pin").headers["Location"] == "/kiosk/entry"


def test_the_day_after_a_reset_the_own_pin_is_class_a_again(world, kiosk):
    later = START + timedelta(days=2)
    pin = actions.reset_pin(world.lin, "x", world.station.id, world.chen, now=START)
    actions.set_pin(world.lin.id, "y", now=START)
    assert actions.evidence_of(pin, START + HOUR) is EvidenceClass.B
    assert actions.evidence_of(pin, later) is EvidenceClass.A


def test_choosing_the_own_pin_must_not_wait(client, world, kiosk, held, at):
    enter(kiosk, world.lin.number, first_pin_from_the_desk(client, world))
    at(START + 4 * MINUTE)
    assert kiosk.post("/kiosk/entry/pin", data={"pin": PIN, "again": PIN}).headers["Location"] == "/kiosk/entry"
    assert db.session.scalars(db.select(Pin)).one().is_first


def test_clerks_reset_neither_their_own_pin_nor_that_of_other_stations_people(client, world):
    sign_in(client, world.gu.account_id)
    assert client.post(f"/desk/people/{world.lin.id}/pin").status_code == 404
    with pytest.raises(Refusal, match="does not cover"):
        actions.reset_pin(world.lin, "x", world.station.id, world.gu, now=START)
    mine = world.zhou
    mine.account_id = world.chen.account_id
    with pytest.raises(Refusal, match="own PIN"):
        actions.reset_pin(mine, "x", world.station.id, world.chen, now=START)


def test_somebody_from_elsewhere_who_serves_here_gets_a_pin_here(client, world, at):
    at(START)
    here = claim(make_shift(make_post(world.other_station)), world.lin)
    sign_in(client, world.gu.account_id)
    assert client.get(f"/desk/claims/{here.id}").status_code == 200
    assert client.post(f"/desk/people/{world.lin.id}/pin").status_code == 303


# --- what can be done at the tablet ------------------------------------------------------------------------------


def test_without_a_place_at_this_station_the_sentence_sends_to_the_clerk(app, world, kiosk, held):
    number = with_pin(world.zhou)
    assert "You hold no place here today" in enter(kiosk, number, PIN).text
    with_pin(world.lin)
    foreign = as_tablet(app, add_tablet(world, world.gu, world.other_station)[1])
    assert "You hold no place here today" in enter(foreign, world.lin.number, PIN).text
    assert punches(held) == []


def test_before_and_after_the_window_it_says_when(world, kiosk, held, at):
    number = with_pin(world.lin)
    for moment, words in ((START - HOUR, "Check-in opens"), (START + 2 * HOUR + MINUTE, "That ended")):
        at(moment)
        answer = enter(kiosk, number, PIN)
        assert answer.status_code == 409
        assert words in answer.text


def test_typed_twice_in_a_row_it_counts_once_and_a_third_time_asks_for_the_clerk(world, kiosk, held, at):
    number = with_pin(world.lin)
    for moment in (START, START + MINUTE, START + HOUR, START + HOUR + MINUTE):
        at(moment)
        assert enter(kiosk, number, PIN).status_code == 303
    assert [act for act, _ in punches(held)] == [Act.IN, Act.OUT]
    at(START + HOUR + 5 * MINUTE)
    assert "If you stay on, please ask the clerk" in enter(kiosk, number, PIN).text


def test_out_of_the_shift_that_ends_comes_before_into_the_one_that_begins(world, kiosk, held, at):
    later = claim(make_shift(make_post(world.station), starts_at=START + 2 * HOUR), world.lin)
    number = with_pin(world.lin)
    enter(kiosk, number, PIN)
    for moment in (START + 2 * HOUR, START + 2 * HOUR + MINUTE):
        at(moment)
        enter(kiosk, number, PIN)
    assert [act for act, _ in punches(held)] == [Act.IN, Act.OUT]
    assert [act for act, _ in punches(later)] == [Act.IN]


def test_a_cancelled_shift_is_no_place(world, kiosk, held, at):
    number = with_pin(world.lin)
    at(START - MINUTE)
    claims.cancel_shift(held.shift_id, world.chen, reason="台风", now=START - MINUTE)
    db.session.commit()
    assert "You hold no place here today" in enter(kiosk, number, PIN).text


# --- cards -------------------------------------------------------------------------------------------------------


def test_a_card_checks_in_as_class_b_and_with_the_pin_as_class_a(world, kiosk, held, at):
    card = with_card(world, world.lin)
    assert enter(kiosk, card).status_code == 303
    with_pin(world.lin)
    at(START + HOUR)
    assert enter(kiosk, card, PIN).status_code == 303
    assert punches(held) == [(Act.IN, EvidenceClass.B), (Act.OUT, EvidenceClass.A)]
    assert [o.method for o in db.session.scalars(db.select(Origin).order_by(Origin.id))] == ["card", "pin"]


@pytest.mark.parametrize("change", [0, 1, 2, 3])
def test_a_forged_card_is_a_number_without_a_pin(world, kiosk, held, change):
    parts = with_card(world, world.lin).split(".")
    parts[change] = {0: "RG2", 1: world.zhou.number, 2: "2", 3: parts[3][::-1]}[change]
    answer = enter(kiosk, ".".join(parts))
    assert answer.status_code == 409
    assert "Please type your PIN as well" in answer.text
    assert punches(held) == []


def test_a_reissued_or_revoked_card_opens_nothing(world, kiosk, held):
    old = with_card(world, world.lin)
    new = with_card(world, world.lin)
    assert "no longer good" in enter(kiosk, old).text
    assert [card.serial for card in db.session.scalars(db.select(Card).order_by(Card.id))] == [1, 2]
    actions.revoke_card(world.lin.id, world.chen, world.station.id, now=START)
    db.session.commit()
    assert "no longer good" in enter(kiosk, new).text
    assert punches(held) == []


def test_the_desk_prints_a_card_and_its_code_is_the_persons(client, world, monkeypatch):
    squares = []
    monkeypatch.setattr(signs, "square", lambda text: squares.append(text) or "data:,")
    sign_in(client, world.chen.account_id)
    assert client.get(f"/desk/people/{world.lin.id}/card").status_code == 404
    page = client.get(client.post(f"/desk/people/{world.lin.id}/card").headers["Location"])
    assert "林小满" in page.text
    assert signs.card_of(squares[-1]) == (world.lin.number, 1)
    assert client.post(f"/desk/people/{world.lin.id}/card/revocation").status_code == 303
    assert client.get(f"/desk/people/{world.lin.id}/card").status_code == 404


def test_one_makes_the_own_card_and_nobody_elses(client, world):
    sign_in(client, world.lin.account_id)
    assert "You have no card yet" in client.get("/me/card").text
    client.post("/me/card")
    assert "Card 1" in client.get("/me/card").text
    with pytest.raises(Refusal, match="Only the person"):
        actions.issue_card(world.zhou, account_of(world.lin), None, now=START)


def test_whoever_leaves_takes_pin_and_card_along(world, kiosk, held):
    card = with_card(world, world.lin)
    with_pin(world.lin)
    identity.leave(world.lin.account_id, Leaving.ERASE, now=START)
    db.session.commit()
    assert db.session.scalars(db.select(Pin)).all() == []
    assert "no longer good" in enter(kiosk, card).text
    assert "Number or PIN is wrong" in enter(kiosk, world.lin.number, PIN).text


# --- the page itself ---------------------------------------------------------------------------------------------


def test_the_camera_is_allowed_on_this_page_and_on_no_other(kiosk, client):
    assert kiosk.get("/kiosk/entry").headers["Permissions-Policy"] == "camera=(self), microphone=(), geolocation=()"
    for other in (kiosk.get("/kiosk"), client.get("/"), client.get("/sign-in")):
        assert "camera=()" in other.headers["Permissions-Policy"]


def test_nothing_of_people_is_in_the_page_and_nothing_is_remembered(world, kiosk, held):
    page = kiosk.get("/kiosk/entry").text
    assert world.lin.number not in page
    assert page.count('autocomplete="off"') >= 3


def test_only_the_station_takes_a_card_back_and_it_is_traced(world, kiosk, held):
    with_card(world, world.lin)
    with pytest.raises(Refusal):
        actions.revoke_card(world.lin.id, world.gu, world.station.id, now=START)
    actions.revoke_card(world.lin.id, world.chen, world.station.id, now=START)
    traced = db.session.scalars(db.select(AuditEntry).where(AuditEntry.action == "card taken back")).one()
    assert (traced.actor_id, traced.about_id) == (world.chen.account_id, world.lin.account_id)


def test_a_clerk_gives_strangers_neither_pin_nor_card_whichever_way_is_taken(world):
    for act in (
        lambda: actions.reset_pin(world.lin, "x", world.other_station.id, world.gu, now=START),
        lambda: actions.issue_card(world.lin, world.gu, world.other_station.id, now=START),
        lambda: actions.revoke_card(world.lin.id, world.gu, world.other_station.id, now=START),
    ):
        with pytest.raises(Refusal, match="does not cover"):
            act()
    assert not db.session.scalars(db.select(Pin)).all()
