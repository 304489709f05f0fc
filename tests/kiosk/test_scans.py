"""A scan gives a receipt, the receipt checks somebody in: once, in one browser, for a few minutes."""

import re
from datetime import timedelta

import pytest

from blueprints.claims import actions as claims
from blueprints.claims import queries as attendance
from blueprints.claims.models import Act, Claim, EvidenceClass, Punch
from blueprints.kiosk import signs
from blueprints.kiosk.models import Origin
from core.db import db
from tests.claims.test_claiming import claim
from tests.factories import HOUR, START, make_post, make_shift, sign_in
from tests.kiosk.conftest import add_tablet, as_tablet

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def held(world, shift):
    return claim(shift, world.lin)


@pytest.fixture
def morning(at):
    at(START)


def punches(held):
    return [(p.act, p.evidence) for p in attendance.history(held.id)]


def test_the_first_scan_checks_in_and_the_second_checks_out_as_class_a(world, held, shown, phone, at):
    at(START)
    lin = phone(world.lin)
    answer = lin.checks(shown())
    page = lin.client.get(answer.headers["Location"])
    assert "Checked in at 09:00" in page.text
    at(START + HOUR)
    answer = lin.checks(shown(), "out")
    assert "Checked out at 10:00" in lin.client.get(answer.headers["Location"]).text
    assert punches(held) == [(Act.IN, EvidenceClass.A), (Act.OUT, EvidenceClass.A)]
    assert attendance.history(held.id)[0].recorded_by_id == world.lin.account_id


@pytest.mark.usefixtures("morning", "held")
def test_the_page_of_a_scan_hands_in_by_itself_and_has_a_button_for_who_has_no_script(world, shown, phone):
    lin = phone(world.lin)
    page = lin.opens(lin.receipt(shown())).text
    assert re.search(r'action="/scans/attendance" data-goes-by-itself', page)
    assert re.search(r'<button class="button button--wide">.*Check in</button>', page, re.DOTALL)


def test_a_scan_writes_nothing_until_it_is_sent(world, held, shown, phone, morning):
    lin = phone(world.lin)
    lin.opens(lin.receipt(shown()))
    assert punches(held) == []


def test_a_receipt_survives_signing_in_and_counts_from_the_scan(world, held, shown, phone, at):
    at(START)
    lin = phone()
    receipt = lin.receipt(shown())
    sent_away = lin.opens(receipt)
    assert sent_away.headers["Location"] == f"/sign-in?next=%2Fscans%2Freceipts%2F{receipt}"
    at(START + 9 * MINUTE)
    sign_in(lin.client, world.lin.account_id)
    assert lin.opens(receipt).status_code == 200
    assert lin.sends(receipt).status_code == 303
    punch = attendance.history(held.id)[0]
    assert (punch.at, punch.recorded_at) == (START, START + 9 * MINUTE)


def test_a_receipt_ends_after_ten_minutes(world, held, shown, phone, at):
    at(START)
    lin = phone(world.lin)
    receipt = lin.receipt(shown())
    at(START + 10 * MINUTE + SECOND)
    assert lin.opens(receipt).status_code == 410
    assert lin.sends(receipt).status_code == 410
    assert punches(held) == []


def test_a_forwarded_receipt_is_worth_nothing_in_another_browser(world, held, shown, phone, morning):
    receipt = phone(world.zhou).receipt(shown())
    lin = phone(world.lin)
    assert lin.opens(receipt).status_code == 410
    assert lin.sends(receipt).status_code == 410
    lin.scans(shown())  # now this browser has a secret of its own, and it is another one
    assert lin.sends(receipt).status_code == 410
    assert punches(held) == []


@pytest.mark.parametrize(("seconds", "status"), [(0, 303), (29, 303), (30, 303), (59, 303), (60, 410), (3600, 410)])
@pytest.mark.usefixtures("held")
def test_a_photographed_code_is_good_for_its_step_and_one_more(world, shown, phone, at, seconds, status):
    at(START)  # a step begins here
    code = shown()
    at(START + seconds * SECOND)
    assert phone(world.lin).scans(code).status_code == status


@pytest.mark.usefixtures("morning", "held")
@pytest.mark.parametrize("change", ["tablet", "shift", "step", "mac", "cut", "words"])
def test_a_forged_code_is_nobodys(world, shown, phone, shift, change):
    tablet, number, step, mac = shown().split(".")
    forged = {
        "tablet": f"{int(tablet) + 1}.{number}.{step}.{mac}",
        "shift": f"{tablet}.{int(number) + 1}.{step}.{mac}",
        "step": f"{tablet}.{number}.{int(step) + 1}.{mac}",
        "mac": f"{tablet}.{number}.{step}.{mac[::-1]}",
        "cut": f"{tablet}.{number}.{step}.{mac[:-1]}",
        "words": "九点钟的码",
    }[change]
    assert phone(world.lin).scans(forged).status_code == 404


@pytest.mark.usefixtures("morning", "held")
@pytest.mark.parametrize("forge", [lambda r: r[:-1], lambda r: r[-24:], lambda r: r[:0], lambda r: r + "0"])
def test_a_forged_receipt_checks_nobody_in(world, held, shown, phone, forge):
    lin = phone(world.lin)
    receipt = lin.receipt(shown())
    assert lin.sends(forge(receipt)).status_code in (410, 422)
    assert punches(held) == []


def test_the_same_receipt_sent_twice_counts_once_and_never_checks_out(world, held, shown, phone, at):
    at(START)
    lin = phone(world.lin)
    receipt = lin.receipt(shown())
    first = lin.sends(receipt)
    at(START + 5 * MINUTE)
    for act in ("in", "out"):
        again = lin.sends(receipt, act)
        assert again.headers["Location"] == first.headers["Location"]
    assert "recorded already" in lin.client.get(again.headers["Location"]).text
    assert punches(held) == [(Act.IN, EvidenceClass.A)]


def test_one_phone_cannot_use_one_scan_for_two_people(world, held, shift, shown, phone, at):
    at(START)
    zhous = claim(shift, world.zhou)
    lin = phone(world.lin)
    receipt = lin.receipt(shown())
    lin.sends(receipt)
    sign_in(lin.client, world.zhou.account_id)
    answer = lin.sends(receipt)
    assert answer.status_code == 409
    assert punches(zhous) == []


def test_a_second_scan_right_after_the_first_is_a_slip(world, held, shown, phone, at):
    at(START)
    lin = phone(world.lin)
    lin.checks(shown())
    at(START + 90 * SECOND)
    answer = lin.checks(shown(), "out")
    assert "Checked in at 09:00" in lin.client.get(answer.headers["Location"]).text
    assert punches(held) == [(Act.IN, EvidenceClass.A)]


def test_a_third_scan_asks_before_it_checks_in_again(world, held, shown, phone, at):
    lin = phone(world.lin)
    for minutes, act in ((0, "in"), (60, "out")):
        at(START + minutes * MINUTE)
        lin.checks(shown(), act)
    at(START + 70 * MINUTE)
    receipt = lin.receipt(shown())
    page = lin.opens(receipt).text
    assert "Only tap if you have come back" in page
    assert "data-goes-by-itself" not in page
    assert lin.sends(receipt).status_code == 303
    assert [act for act, _ in punches(held)] == [Act.IN, Act.OUT, Act.IN]


def test_without_a_claim_one_is_told_to_ask_the_clerk(world, shift, shown, phone, morning):
    lin = phone(world.shen)
    receipt = lin.receipt(shown())
    assert "Please ask the clerk, who can add people who simply come" in lin.opens(receipt).text
    assert lin.sends(receipt).status_code == 409
    assert db.session.scalars(db.select(Claim)).all() == []


@pytest.mark.usefixtures("morning")
def test_whoever_waits_in_line_is_told_so(world, shown, phone):
    full = make_shift(make_post(world.station), places=1)
    claim(full, world.lin)
    claim(full, world.zhou)
    zhou = phone(world.zhou)
    assert "You wait in line" in zhou.opens(zhou.receipt(shown())).text


def test_before_the_window_and_after_it_the_sentence_says_when(world, tablet, kiosk, held, phone, at):
    lin = phone(world.lin)
    for moment, words in ((START - HOUR, "Check-in opens"), (START + 2 * HOUR + MINUTE, "That ended")):
        at(moment)
        answer = lin.checks(signs.code(tablet[0].id, held.shift_id, moment).text)
        assert answer.status_code == 409
        assert words in answer.text
    assert punches(held) == []


def test_a_cancelled_shift_checks_nobody_in(world, tablet, kiosk, held, phone, at):
    at(START - HOUR)
    claims.cancel_shift(held.shift_id, world.chen, reason="台风", now=START - HOUR)
    db.session.commit()
    lin = phone(world.lin)
    page = lin.opens(lin.receipt(signs.code(tablet[0].id, held.shift_id, START - HOUR).text)).text
    assert "This shift was cancelled" in page
    assert punches(held) == []


def test_the_tablet_of_another_station_has_no_code_for_the_shift(app, world, held, phone, morning):
    foreign = add_tablet(world, world.gu, world.other_station)
    as_tablet(app, foreign[1])
    code = signs.code(foreign[0].id, held.shift_id, START).text  # as if somebody had made one
    assert phone(world.lin).scans(code).status_code == 410
    assert punches(held) == []


def test_the_tablet_shows_who_came_masked_and_with_the_place(world, kiosk, held, shown, phone, morning):
    phone(world.lin).checks(shown())
    page = kiosk.get("/kiosk").text
    assert "林*" in page
    assert "林小满" not in page
    assert "1/1" in page


def test_a_poll_that_finds_nothing_new_gets_304_and_an_arrival_is_new(world, kiosk, held, shown, phone, morning):
    tag = kiosk.get("/kiosk").headers["HX-PTag"]
    poll = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-PTag": tag}
    assert kiosk.get("/kiosk", headers=poll).status_code == 304
    phone(world.lin).checks(shown())
    answer = kiosk.get("/kiosk", headers=poll)
    assert answer.status_code == 200
    assert "<html" not in answer.text


def test_another_step_is_another_code_and_the_page_says_how_long_it_is_good(kiosk, held, shown, at):
    at(START)
    first = shown()
    assert 'data-good-for="60"' in kiosk.get("/kiosk").text
    at(START + 20 * SECOND)
    assert shown() == first
    assert 'data-good-for="40"' in kiosk.get("/kiosk").text
    at(START + 30 * SECOND)
    assert shown() != first


@pytest.mark.usefixtures("morning")
def test_how_it_was_made_is_kept_beside_the_ledger_and_told_in_the_history(client, world, tablet, held, shown, phone):
    phone(world.lin).checks(shown())
    origin = db.session.scalars(db.select(Origin)).one()
    assert (origin.method, origin.tablet_id) == ("scan", tablet[0].id)
    assert db.session.scalars(db.select(Punch)).one().id == origin.punch_id
    sign_in(client, world.chen.account_id)
    assert "scanned the tablet&#39;s code · 前台" in client.get(f"/desk/claims/{held.id}").text


def test_somebody_who_is_no_volunteer_cannot_use_a_receipt(world, held, shown, phone, morning):
    chen = phone()
    sign_in(chen.client, world.chen.account_id)
    assert chen.checks(shown()).status_code == 403
    assert punches(held) == []


def test_the_clerks_roll_call_and_a_scan_do_not_count_twice(world, held, shown, phone, at):
    at(START)
    lin = phone(world.lin)
    receipt = lin.receipt(shown())
    claims.punch(held.id, Act.IN, world.chen, now=START + SECOND)
    db.session.commit()
    at(START + 5 * MINUTE)
    answer = lin.sends(receipt)
    assert answer.status_code == 409
    assert punches(held) == [(Act.IN, EvidenceClass.B)]
