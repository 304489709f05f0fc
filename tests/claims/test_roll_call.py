"""The roster and the roll-call, as a clerk with a tablet meets them."""

import re
from datetime import timedelta

import pytest
from flask import g
from sqlalchemy import select

from blueprints.claims import queries
from blueprints.claims import roster as rosters
from blueprints.claims.models import Act, Claim, ClaimState, EvidenceClass, Punch, Source
from blueprints.identity.models import Account, VolunteerState
from core import clock
from core.db import db
from tests.claims.test_attendance import END, MINUTE, mark
from tests.claims.test_claiming import claim
from tests.counting import counted
from tests.factories import HOUR, START, make_post, make_shift, make_volunteer, make_world, sign_in

ROW = {"HX-Request": "true", "HX-Request-Type": "partial"}
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station))


@pytest.fixture
def held(shift, world):
    return claim(shift, world.lin)


@pytest.fixture
def at(monkeypatch):
    """Moves the clock of the application."""

    def move(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    return move


@pytest.fixture
def chen(client, world, at):
    """The clerk's tablet during the shift."""
    at(START)
    sign_in(client, world.chen.account_id)
    return client


def roster(shift):
    return f"/desk/shifts/{shift.id}/roster"


def search(client, page, text):
    return client.post(f"{page}/searches", data={"q": text}, follow_redirects=True).text


def tap(client, claim, act, **headers):
    return client.post(f"/desk/claims/{claim.id}/punches", data={"act": act}, headers=headers)


def seen(claim):
    db.session.expire_all()
    return queries.attendance(claim.id)


@pytest.mark.usefixtures("held")
def test_the_roster_shows_place_name_and_phone_of_everybody(chen, world, shift):
    claim(shift, world.zhou), claim(shift, world.shen)
    page = chen.get(roster(shift)).text
    phone = db.session.get(Account, world.lin.account_id).phone
    assert f'href="tel:{phone}"' in page
    assert "林小满" in page
    assert page.index("周晓航") < page.index("In line") < page.index("沈一诺")
    assert "0/2</b> checked in" in page


def test_one_tap_checks_in_and_the_next_one_out(chen, at, shift, held):
    answer = tap(chen, held, "in")
    assert (answer.status_code, answer.location) == (303, f"{roster(shift)}?claim={held.id}#claim-{held.id}")
    at(START + 126 * MINUTE)
    assert tap(chen, held, "out").status_code == 303
    page = chen.get(roster(shift)).text
    assert [words for words in ("In 09:00", "Out 11:06", "2 h 6 min", "1/1</b> checked in") if words not in page] == []
    assert seen(held).evidence is EvidenceClass.B


def test_htmx_swaps_only_the_row_and_the_count(chen, held):
    answer = chen.post(f"/desk/claims/{held.id}/punches", data={"act": "in"}, headers=ROW, follow_redirects=True)
    assert answer.text.lstrip().startswith(f'<li class="roster__row roster__row--in" id="claim-{held.id}"')
    assert "<html" not in answer.text
    assert '<p class="roster-count" id="roster-count" hx-swap-oob="true"><b>1/1</b>' in answer.text


def test_a_second_tap_is_refused_beside_the_row_that_shows_what_is(chen, held):
    tap(chen, held, "in")
    again = tap(chen, held, "in", **ROW)
    assert again.status_code == 409
    assert "Already checked in at 09:00." in again.text
    assert "Undo check-in 09:00" in again.text
    assert len(queries.history(held.id)) == 1


def test_without_javascript_a_refused_tap_names_the_person_on_the_whole_roster(chen, held):
    answer = tap(chen, held, "out")
    assert answer.status_code == 409
    assert "林小满: Not checked in" in answer.text
    assert "<html" in answer.text


def test_an_act_nobody_knows_is_422_and_writes_nothing(chen, held):
    assert tap(chen, held, "undo").status_code == 422
    assert tap(chen, held, SCRIPT).status_code == 422
    assert queries.history(held.id) == []


def test_a_slip_of_the_finger_says_what_it_undoes_and_goes_back_one_step(chen, held):
    tap(chen, held, "in"), tap(chen, held, "out")
    out = queries.attendance(held.id).last
    assert "Undo check-out 09:00" in chen.get(f"/desk/shifts/{held.shift_id}/roster").text
    assert chen.post(f"/desk/punches/{out.id}/reversal").status_code == 303
    assert seen(held).is_present
    assert len(queries.history(held.id)) == 3
    twice = chen.post(f"/desk/punches/{out.id}/reversal")
    assert (twice.status_code, "Only the latest entry" in twice.text) == (409, True)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (START - 31 * MINUTE, "Roll-call opens"),
        (END + MINUTE, "Please check everyone out until 11:30"),
        (END + HOUR, "The roll-call has ended."),
    ],
)
def test_out_of_the_window_the_page_says_so_and_offers_no_check_in(chen, at, held, moment, words):
    at(moment)
    page = chen.get(f"/desk/shifts/{held.shift_id}/roster").text
    assert words in page
    assert 'name="act" value="in"' not in page
    assert tap(chen, held, "in").status_code == 409


@pytest.mark.usefixtures("held")
def test_the_code_is_shown_only_while_people_can_use_it(chen, at, shift):
    code = queries.day_code(shift.id, START)
    assert f"{code[:3]} {code[3:]}" in chen.get(roster(shift)).text
    at(END + HOUR)
    assert "day-code" not in chen.get(roster(shift)).text


def tag_of(client, shift):
    return re.search(r'hx-ptag="([^"]+)"', client.get(roster(shift)).text)[1]


def test_a_poll_without_news_has_no_body_and_with_news_keeps_the_message(chen, shift, held):
    tag = tag_of(chen, shift)
    poll = chen.get(roster(shift), headers={**ROW, "HX-PTag": tag})
    assert (poll.status_code, poll.data) == (304, b"")
    tap(chen, held, "in")
    news = chen.get(roster(shift), headers={**ROW, "HX-PTag": tag})
    assert news.headers["HX-PTag"] != tag
    assert (news.status_code, 'id="roll-call"' in news.text, 'id="flash"' in news.text) == (200, True, False)
    assert "checked in at 09:00." in chen.get(roster(shift)).text


def test_a_search_and_a_tap_take_no_tag_with_them(chen, shift, held):
    searched = chen.post(f"{roster(shift)}/searches", data={"q": "林"}, headers=ROW).headers["Location"]
    answers = [chen.get(address, headers=ROW) for address in (searched, f"{roster(shift)}?claim={held.id}")]
    assert ["HX-PTag" in answer.headers for answer in answers] == [False, False]


@pytest.mark.usefixtures("held")
def test_the_poll_brings_a_new_code_and_the_end_of_the_shift(chen, at, shift):
    tags = set()
    for moment in (START - HOUR, START, START + 5 * MINUTE, END + MINUTE):
        at(moment)
        tags.add(tag_of(chen, shift))
    assert len(tags) == 4
    at(END + HOUR)
    assert "hx-trigger" not in chen.get(roster(shift)).text, "when all is over, nobody asks any more"


def test_nobody_is_offered_to_be_added_once_the_shift_has_ended(chen, at, world, shift):
    assert "/walk-ins" in chen.get(roster(shift)).text
    at(END + MINUTE)
    assert "/walk-ins" not in chen.get(roster(shift)).text
    page = found(chen, shift, "周晓航")
    assert "until a shift ends" in page
    assert "周晓航" not in page


def test_a_long_roster_is_searched_by_name_phone_or_place(chen, world):
    shift = make_shift(make_post(world.station), places=30)
    claims = [claim(shift, make_volunteer(f"测试{n}号", world.station)) for n in range(21)]
    phone = rosters.sheet(shift, START).rows[7].claim.volunteer.account.phone

    def shown(text):
        page = search(chen, roster(shift), text)
        return set(map(int, re.findall(r'id="claim-(\d+)"', page)))

    assert 'id="roster-q"' in chen.get(roster(shift)).text
    assert shown("测试3号") == {claims[3].id}
    assert claims[7].id in shown(phone[-4:])
    assert shown("21") >= {claims[20].id}
    assert shown(SCRIPT) == set()
    assert SCRIPT not in search(chen, roster(shift), SCRIPT)


def test_the_roster_asks_the_database_as_often_for_two_people_as_for_twenty(chen, world):
    def asked(places):
        g.pop("unread", None)  # the requests of one test share their context, those of a server do not
        shift = make_shift(make_post(world.station), places=places)
        for n in range(places):
            mark(claim(shift, make_volunteer(f"第{n}人", world.station)), Act.IN, world.chen, START)
        with counted() as statements:
            assert chen.get(roster(shift)).status_code == 200
        return len(statements)

    assert asked(2) == asked(20) <= 8


@pytest.mark.usefixtures("held")
def test_the_sheet_for_paper_masks_phones_and_keeps_lines_for_walk_ins(chen, shift, world):
    claim(shift, world.zhou), claim(shift, world.shen)
    page = chen.get(f"{roster(shift)}/print").text
    phone = db.session.get(Account, world.lin.account_id).phone
    assert (phone[-8:] in page, f"199****{phone[-4:]}" in page) == (False, True)
    assert "沈一诺" not in page  # only in line
    assert page.count("<tr><td></td>") == 6


# --- people who simply come -----------------------------------------------------------------------------------


def found(client, shift, text):
    return search(client, f"/desk/shifts/{shift.id}/walk-ins", text)


def test_people_of_the_area_are_found_by_name_number_and_the_end_of_the_phone(chen, world, shift):
    phone = db.session.get(Account, world.lin.account_id).phone
    for text in ("林小", world.lin.number, world.lin.number.lower(), phone[-4:]):
        assert world.lin.number in found(chen, shift, text)
    assert "Nobody found" in found(chen, shift, "%")


def test_people_from_elsewhere_are_found_only_by_the_whole_phone_and_stay_masked(chen, world, shift):
    stranger = make_volunteer("欧阳明", world.other_station)
    phone = db.session.get(Account, stranger.account_id).phone
    assert stranger.number not in found(chen, shift, "欧阳")
    assert stranger.number not in found(chen, shift, phone[-4:])
    page = found(chen, shift, phone.removeprefix("+86"))
    assert (stranger.number in page, "欧阳明" in page, "欧*" in page) == (True, False, True)


@pytest.mark.usefixtures("held")
def test_whoever_walks_in_gets_a_place_and_is_checked_in_with_one_tap(chen, world, shift):
    answer = chen.post(f"/desk/shifts/{shift.id}/walk-ins", data={"volunteer": world.zhou.id})
    assert answer.status_code == 303
    came = db.session.scalars(select(Claim).where(Claim.volunteer_id == world.zhou.id)).one()
    assert (came.place, came.source, seen(came).is_present) == (2, Source.WALK_IN, True)


@pytest.mark.parametrize(
    ("volunteer", "status"), [("", 422), ("abc", 422), (SCRIPT, 422), ("9" * 30, 422), ("-1", 422), ("2147483647", 404)]
)
def test_a_walk_in_who_is_nobody_is_refused(chen, shift, volunteer, status):
    assert chen.post(f"/desk/shifts/{shift.id}/walk-ins", data={"volunteer": volunteer}).status_code == status


@pytest.mark.usefixtures("held")
def test_a_walk_in_finds_no_place_on_a_full_shift_and_nothing_is_written(chen, world, shift):
    claim(shift, world.zhou)
    answer = chen.post(f"/desk/shifts/{shift.id}/walk-ins", data={"volunteer": world.shen.id})
    assert (answer.status_code, "All places are held." in answer.text) == (409, True)
    assert db.session.scalars(select(Punch)).all() == []


def test_the_rules_of_claiming_hold_for_walk_ins(chen, world, shift):
    minor = make_volunteer("小周", world.station, birth_date=clock.today(START) - timedelta(days=16 * 365))
    waiting = make_volunteer("待审", world.station, state=VolunteerState.SUBMITTED)
    for volunteer, name in ((minor, "小周"), (waiting, "待审")):
        page = chen.post(f"/desk/shifts/{shift.id}/walk-ins/searches", data={"q": name}).headers["Location"]
        answer = chen.post(page, data={"volunteer": volunteer.id})
        assert answer.status_code == 409
        assert re.search(rf'id="form-errors-title">{name}: ', answer.text)


@pytest.mark.usefixtures("held")
def test_before_check_in_opens_the_clerk_claims_for_whoever_calls(chen, at, world, shift):
    at(START - 24 * HOUR)
    assert "Claim for them" in found(chen, shift, "周晓航")
    assert chen.post(f"/desk/shifts/{shift.id}/claims", data={"volunteer": world.zhou.id}).status_code == 303
    made = db.session.scalars(select(Claim).where(Claim.volunteer_id == world.zhou.id)).one()
    assert (made.place, made.source) == (2, Source.DESK)


@pytest.mark.parametrize("way", ["walk-ins", "claims"])
def test_an_id_alone_brings_nobody_from_elsewhere_onto_the_roster(chen, at, world, shift, way):
    at(START if way == "walk-ins" else START - 24 * HOUR)
    stranger = make_volunteer("欧阳明", world.other_station)
    lin = db.session.get(Account, world.lin.account_id).phone
    for phone in (None, "", "欧阳", lin, db.session.get(Account, stranger.account_id).phone[-4:]):
        data = {"volunteer": stranger.id, "phone": phone}
        assert chen.post(f"/desk/shifts/{shift.id}/{way}", data=data).status_code == 404
    assert db.session.scalars(select(Claim)).all() == []


@pytest.mark.parametrize("way", ["walk-ins", "claims"])
def test_whoever_is_found_by_the_whole_phone_is_added_with_what_the_page_passes_on(chen, at, world, shift, way):
    at(START if way == "walk-ins" else START - 24 * HOUR)
    stranger = make_volunteer("欧阳明", world.other_station)
    typed = db.session.get(Account, stranger.account_id).phone.removeprefix("+86")
    assert f'name="phone" value="{typed}"' in found(chen, shift, typed)
    assert 'name="phone"' not in found(chen, shift, "周晓航")
    for data in ({"volunteer": stranger.id, "phone": typed}, {"volunteer": world.zhou.id}):
        assert chen.post(f"/desk/shifts/{shift.id}/{way}", data=data).status_code == 303
    on_it = set(db.session.scalars(select(Claim.volunteer_id)))
    assert on_it == {stranger.id, world.zhou.id}


# --- times that nobody observed --------------------------------------------------------------------------------


def settle(client, claim, started="09:00", ended="10:30", note="纸质签到表"):
    values = {"started": started, "ended": ended, "note": note}
    return client.post(f"/desk/claims/{claim.id}/settlement", data=values)


@pytest.mark.parametrize(("later", "evidence"), [(HOUR, "B"), (3 * HOUR, "C")])
def test_an_open_punch_is_settled_and_the_page_says_which_class_it_becomes(chen, at, world, held, later, evidence):
    mark(held, Act.IN, world.chen, START)
    at(END + later)
    assert "not checked out, times needed" in chen.get(f"/desk/shifts/{held.shift_id}/roster").text
    page = chen.get(f"/desk/claims/{held.id}/settlement").text
    assert f"class {evidence}" in page
    assert 'value="09:00"' in page
    assert re.search(r'<input class="input" id="ended" name="ended"[^>]*value=""', page), "no end is ever suggested"
    assert settle(chen, held).status_code == 303
    assert (seen(held).is_complete, seen(held).evidence) == (True, EvidenceClass(evidence))


@pytest.mark.parametrize(
    ("typed", "status", "words"),
    [
        ({"started": ""}, 422, "Please enter a time like 09:00."),
        ({"started": "quarter past"}, 422, "Please enter a time like 09:00."),
        ({"ended": "25:00"}, 422, "Please enter a time like 11:00."),
        ({"note": "  "}, 422, "Please note how you know these times."),
        ({"note": "长" * 201}, 422, "at most 200 characters"),
        ({"started": "10:30", "ended": "10:30"}, 409, "The end must be after the beginning."),
        ({"started": "10:30", "ended": "09:30"}, 409, "The end must be after the beginning."),
        ({"started": "07:00"}, 409, "Please enter times between"),
        ({"ended": "11:45"}, 409, "Please enter times between"),
    ],
)
def test_impossible_times_are_refused_and_what_was_typed_stays(chen, at, held, typed, status, words):
    at(END + HOUR)
    answer = settle(chen, held, **typed)
    assert (answer.status_code, words in answer.text) == (status, True)
    if "note" not in typed:
        assert "纸质签到表" in answer.text
    assert queries.history(held.id) == []


def test_times_over_midnight_find_their_day(chen, at, world):
    shift = make_shift(make_post(world.station), starts_at=START + 13 * HOUR, hours=4)  # 22:00 to 02:00
    held = claim(shift, world.lin)
    at(START + 18 * HOUR)
    assert settle(chen, held, "22:05", "01:50").status_code == 303
    [span] = seen(held).spans
    assert [span.entered.at - START, span.left.at - START] == [13 * HOUR + 5 * MINUTE, 16 * HOUR + 50 * MINUTE]


def test_script_tags_in_notes_and_reasons_are_shown_as_text(chen, at, held):
    at(END + HOUR)
    settle(chen, held, note=SCRIPT)
    page = chen.get(f"/desk/claims/{held.id}").text
    assert (SCRIPT in page, "&lt;script&gt;" in page) == (False, True)


# --- one person, and whom all this concerns ------------------------------------------------------------------------


def test_the_place_of_somebody_who_did_not_come_is_freed_with_a_reason(chen, held):
    assert chen.post(f"/desk/claims/{held.id}/release", data={"reason": ""}).status_code == 422
    assert chen.post(f"/desk/claims/{held.id}/release", data={"reason": "电话取消"}).status_code == 303
    db.session.expire_all()
    assert (held.state, held.place) == (ClaimState.CALLED_OFF, None)


def test_whoever_was_checked_in_is_not_released_from_a_stale_page(chen, held):
    tap(chen, held, "in")
    answer = chen.post(f"/desk/claims/{held.id}/release", data={"reason": "未到"})
    assert (answer.status_code, "was checked in" in answer.text) == (409, True)


def test_the_page_of_a_person_tells_every_observation_the_undone_ones_too(chen, held):
    tap(chen, held, "in")
    chen.post(f"/desk/punches/{queries.attendance(held.id).last.id}/reversal")
    page = chen.get(f"/desk/claims/{held.id}").text
    assert "<s>Check-in 09:00</s> undone" in page
    assert "recorded by 陈站长" in page


def test_an_unclaimed_account_is_told_not_to_count_yet(chen, world, held):
    account = db.session.get(Account, world.lin.account_id)
    account.created_by_id, account.claimed_at = world.chen.account_id, None
    db.session.commit()
    assert "count only once the person has claimed it" in chen.get(f"/desk/claims/{held.id}").text


ADDRESSES = [
    ("GET", "/desk/shifts/{shift}/roster"),
    ("GET", "/desk/shifts/{shift}/roster/print"),
    ("GET", "/desk/shifts/{shift}/walk-ins"),
    ("POST", "/desk/shifts/{shift}/walk-ins"),
    ("POST", "/desk/shifts/{shift}/claims"),
    ("GET", "/desk/claims/{claim}"),
    ("POST", "/desk/claims/{claim}/punches"),
    ("POST", "/desk/claims/{claim}/release"),
    ("GET", "/desk/claims/{claim}/settlement"),
    ("POST", "/desk/claims/{claim}/settlement"),
    ("POST", "/desk/punches/{punch}/reversal"),
]


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
def test_a_clerk_of_another_county_finds_nothing_and_others_have_no_key(client, at, world, held, method, address):
    at(START)
    punch = mark(held, Act.IN, world.chen, START)
    where = address.format(shift=held.shift_id, claim=held.id, punch=punch.id)
    data = {"act": "out", "volunteer": world.zhou.id, "reason": "x", "started": "09:00", "ended": "10:00", "note": "x"}
    for who, status in ((world.gu, 404), (world.wu, 403), (world.qian, 403), (world.lin, 403)):
        sign_in(client, who.account_id)
        assert client.open(where, method=method, data=data).status_code == status
    assert len(queries.history(held.id)) == 1
