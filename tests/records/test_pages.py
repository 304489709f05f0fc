"""From the roll-call to minutes that count, as clerk, confirmer and volunteer meet it."""

import re
from datetime import timedelta
from functools import partial

import pytest
from flask import g
from sqlalchemy import select

from blueprints.claims import queries as attendance
from blueprints.claims.models import Act, EvidenceClass
from blueprints.identity.models import Account
from blueprints.posts.models import Category
from blueprints.records import actions, queries
from blueprints.records.models import HeadCount, Mark, RecordState, ServiceRecord
from core import clock
from core.actor import Role
from core.db import db
from tests.claims.test_attendance import END, MINUTE, mark, settle
from tests.claims.test_claiming import claim
from tests.counting import counted
from tests.factories import (
    HOUR,
    START,
    browser_of,
    give,
    make_account,
    make_post,
    make_shift,
    make_volunteer,
    make_world,
)
from tests.records.test_ledger import hand_in

DONE = END + 5 * MINUTE
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station), places=4)


@pytest.fixture
def at(monkeypatch):
    """Moves the clock of the application."""

    def move(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    move(DONE)
    return move


@pytest.fixture
def as_(app, at):
    """A browser in which somebody is signed in."""

    at(DONE)
    return partial(browser_of, app)


def served(world, shift, volunteer, start=0, end=120, by=None):
    held = claim(shift, volunteer)
    mark(held, Act.IN, by or world.chen, START + start * MINUTE)
    if end is not None:
        mark(held, Act.OUT, by or world.chen, START + end * MINUTE)
    return held


@pytest.fixture
def record(world, shift):
    served(world, shift, world.lin)
    return hand_in(shift, world.chen)[0]


def state(record):
    db.session.expire_all()
    return db.session.get(ServiceRecord, record.id).state


def records_of(volunteer):
    db.session.expire_all()
    return list(db.session.scalars(select(ServiceRecord).where(ServiceRecord.volunteer_id == volunteer.id)))


def text(html):
    """The words of a page, as somebody reads them."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


# --- the whole way ---------------------------------------------------------------------------------------------


def test_from_the_first_tap_to_minutes_in_the_volunteers_record(as_, at, world, shift):
    held, chen, wu, lin = claim(shift, world.lin), as_(world.chen), as_(world.wu), as_(world.lin)
    for act, minute in (("in", -2), ("out", 126)):
        at(START + minute * MINUTE)
        assert chen.post(f"/desk/claims/{held.id}/punches", data={"act": act}).status_code == 303
    at(DONE)
    preview = text(chen.get(f"/desk/shifts/{shift.id}/hand-in").text)
    assert "08:58–11:06 2 h B · roll-call on the spot nothing" in preview
    assert "南湖街道团工委, by Mon 18 May" in preview
    assert chen.post(f"/desk/shifts/{shift.id}/hand-in").status_code == 303
    [record] = records_of(world.lin)
    assert "南湖街道团工委 confirms it by Mon 18 May" in text(lin.get("/me/records").text)
    assert wu.post("/desk/records/confirmations", data={"record": record.id}).status_code == 303
    page = text(lin.get("/me/records").text)
    assert "Effective, all together 2 h" in page
    assert "B · roll-call on the spot 2 h" in page
    assert "not effective yet" not in page


# --- handing in ------------------------------------------------------------------------------------------------


def test_the_clerk_sees_beforehand_what_will_be_recorded_and_who_stays_out(as_, world, shift):
    served(world, shift, world.lin, 0, 60)
    served(world, shift, world.zhou, 0, None)
    claim(shift, world.shen)
    page = text(as_(world.chen).get(f"/desk/shifts/{shift.id}/hand-in").text)
    assert "One person will be handed in" in page
    assert "09:00–10:00 1 h B · roll-call on the spot There for less than the minimum" in page
    assert "周晓航 Not checked out Enter times" in page
    assert "No minutes are recorded for them: 沈一诺." in page


def test_only_the_complete_are_handed_in_and_the_open_punch_stays_to_be_settled(as_, world, shift):
    served(world, shift, world.lin), served(world, shift, world.zhou, 0, None)
    chen = as_(world.chen)
    answer = chen.post(f"/desk/shifts/{shift.id}/hand-in", data={"counted": "2"}, follow_redirects=True)
    assert "The times of one person are handed in." in answer.text
    assert (len(records_of(world.lin)), records_of(world.zhou)) == (1, [])
    assert "周晓航 Not checked out" in text(answer.text)


def test_a_double_tap_hands_in_once_and_says_so(as_, world, shift):
    served(world, shift, world.lin)
    chen = as_(world.chen)
    answers = [chen.post(f"/desk/shifts/{shift.id}/hand-in") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 409]
    assert "all was handed in already" in answers[1].text
    assert len(records_of(world.lin)) == 1


def test_before_the_end_nothing_is_handed_in(as_, at, world, shift):
    served(world, shift, world.lin, 0, 30)
    at(START + HOUR)
    chen = as_(world.chen)
    at(START + HOUR)
    assert (
        "<button" not in chen.get(f"/desk/shifts/{shift.id}/hand-in").text.split('id="lines"')[1].split("</section>")[0]
    )
    answer = chen.post(f"/desk/shifts/{shift.id}/hand-in")
    assert (answer.status_code, "Hand in the times after that." in answer.text) == (409, True)


def test_a_station_whose_only_confirmer_took_part_is_told_that_nobody_can_confirm(as_, world, shift):
    account = db.session.get(Account, world.wu.account_id)
    both = give(account, Role.CLERK, world.station)
    held = claim(shift, world.lin)
    mark(held, Act.IN, both, START), mark(held, Act.OUT, both, END)
    page = text(as_(world.chen).get(f"/desk/shifts/{shift.id}/hand-in").text)
    assert "Nobody here or above can confirm this yet" in page


def test_minutes_of_an_unclaimed_account_are_marked_when_they_are_handed_in(as_, world, shift):
    served(world, shift, world.lin)
    account = db.session.get(Account, world.lin.account_id)
    account.created_by_id, account.claimed_at = world.chen.account_id, None
    db.session.commit()
    page = text(as_(world.chen).get(f"/desk/shifts/{shift.id}/hand-in").text)
    assert "Account not claimed: does not count until it is" in page


def test_what_was_returned_stands_before_the_clerk_with_its_reason_and_the_way_to_mend_it(
    as_, at, world, shift, record
):
    wu, chen = as_(world.wu), as_(world.chen)
    assert wu.post(f"/desk/records/{record.id}/return", data={"why": f"签退不符 {SCRIPT}"}).status_code == 303
    for page in (chen.get("/desk/hand-ins").text, chen.get(f"/desk/records/{record.id}").text):
        assert ("签退不符" in page, SCRIPT in page) == (True, False)
        assert f'href="/desk/claims/{record.claim_id}/settlement"' in page
    at(DONE + HOUR)
    times = {"started": "09:00", "ended": "10:50", "note": "核对照片"}
    assert chen.post(f"/desk/claims/{record.claim_id}/settlement", data=times).status_code == 303
    assert chen.post(f"/desk/shifts/{shift.id}/hand-in").status_code == 303
    [old, new] = records_of(world.lin)
    assert (old.state, new.state, new.minutes) == (RecordState.RETURNED, RecordState.PENDING, 110)
    assert "签退不符" not in chen.get("/desk/hand-ins").text
    assert f'href="/desk/records/{new.id}"' in chen.get(f"/desk/records/{old.id}").text
    old_page = text(as_(world.lin).get(f"/me/records/{old.id}").text)
    assert "Seen In 09:00 · Out 11:00" in old_page, "the old entry still explains its own minutes"


def test_the_list_of_hand_ins_tells_what_is_due(as_, at, world, shift):
    served(world, shift, world.lin)
    chen = as_(world.chen)
    assert "To hand in 社区图书角管理岗 today 09:00–11:00 due Mon 18 May" in text(chen.get("/desk/hand-ins").text)
    for days, tone in ((0, "info"), (7, "pending"), (14, "danger")):
        at(DONE + timedelta(days=days))
        assert f'class="badge badge--{tone}"' in chen.get("/desk/hand-ins").text


# --- the head count ------------------------------------------------------------------------------------------------


def latest_count(shift):
    return db.session.scalar(select(HeadCount).where(HeadCount.shift_id == shift.id).order_by(HeadCount.id.desc()))


def send(client, shift, **data):
    return client.post(f"/desk/shifts/{shift.id}/hand-in", data=data)


def test_whoever_hands_in_two_people_states_how_many_they_counted(as_, world, shift):
    served(world, shift, world.lin), served(world, shift, world.zhou)
    chen = as_(world.chen)
    page = chen.get(f"/desk/shifts/{shift.id}/hand-in").text
    assert "The system has 2 people: 林小满、周晓航." in page
    assert 'name="sure"' not in page
    refused = send(chen, shift)
    assert (refused.status_code, records_of(world.lin)) == (409, [])
    assert "Please enter how many people you counted on the spot." in refused.text
    assert send(chen, shift, counted="2").status_code == 303
    assert latest_count(shift).in_system == 2


def test_one_person_alone_needs_no_counting(as_, world, shift):
    served(world, shift, world.lin)
    assert send(as_(world.chen), shift).status_code == 303
    assert latest_count(shift) is None


@pytest.mark.parametrize("counted", ["-1", "10000", "zwölf", "1e3", "9" * 40])
def test_a_count_that_is_no_number_of_people_is_refused_and_kept(as_, world, shift, counted):
    served(world, shift, world.lin), served(world, shift, world.zhou)
    refused = send(as_(world.chen), shift, counted=counted)
    assert (refused.status_code, records_of(world.lin)) == (422, [])
    assert f'value="{counted}"' in refused.text


def test_a_difference_is_shown_before_it_is_sent_and_marks_every_entry_of_the_shift(as_, world, shift):
    served(world, shift, world.lin), served(world, shift, world.zhou)
    chen, wu = as_(world.chen), as_(world.wu)
    refused = send(chen, shift, counted="3")
    assert (refused.status_code, records_of(world.lin)) == (409, [])
    assert "You counted 3, the system has 2." in refused.text
    assert 'name="sure"' in refused.text
    assert send(chen, shift, counted="3", sure="y").status_code == 303
    (first,), (second,) = records_of(world.lin), records_of(world.zhou)
    queue = wu.get("/desk/records").text
    assert 'name="these"' not in queue
    assert "Counted on the spot: 3. In the system: 2." in queue
    refused = wu.post("/desk/records/confirmations", data={"record": [first.id, second.id]})
    assert (refused.status_code, state(first)) == (409, RecordState.PENDING)
    assert "Counted on the spot: 3. In the system: 2." in wu.get(f"/desk/records/{first.id}").text
    wu.post(f"/desk/records/{first.id}/confirmation", data={"reason": "家长也在，未登记。"})
    assert state(first) is RecordState.EFFECTIVE


def test_a_later_count_that_agrees_takes_the_mark_off(as_, world, shift):
    held = served(world, shift, world.lin, 0, None)
    served(world, shift, world.zhou)
    missing = claim(shift, world.shen)
    records = hand_in(shift, world.chen, counted=3, sure=True)
    assert queries.marks_of(records[0]) == (Mark.HEAD_COUNT,)
    for late in (held, missing):
        settle(late, world.chen, START, END, DONE)
    hand_in(shift, world.chen, DONE + HOUR)
    assert queries.marks_of(records[0]) == ()
    assert latest_count(shift).in_system == 3


# --- confirming --------------------------------------------------------------------------------------------------


def test_unremarkable_entries_are_confirmed_together_by_ticks_or_by_the_button_of_the_shift(as_, world, shift):
    for volunteer in (world.lin, world.zhou, world.shen):
        served(world, shift, volunteer)
    first, second, third = hand_in(shift, world.chen)
    wu = as_(world.wu)
    page = wu.get("/desk/records").text
    assert f'name="these" value="{first.id},{second.id},{third.id}"' in page
    answer = wu.post("/desk/records/confirmations", data={"record": [first.id, second.id]}, follow_redirects=True)
    assert "2 entries are confirmed. Together 4 h." in answer.text
    assert state(third) is RecordState.PENDING
    wu.post("/desk/records/confirmations", data={"these": str(third.id)})
    assert state(third) is RecordState.EFFECTIVE


def test_marked_entries_stand_apart_and_are_confirmed_one_by_one_with_a_reason(as_, world, shift):
    served(world, shift, world.lin, 0, 60)
    record = hand_in(shift, world.chen)[0]
    wu = as_(world.wu)
    page = wu.get("/desk/records").text
    assert ('type="checkbox"' in page, "There for less than the minimum" in page) == (False, True)
    together = wu.post("/desk/records/confirmations", data={"record": record.id})
    assert (together.status_code, "look at the mark and give a reason." in together.text) == (409, True)
    empty = wu.post(f"/desk/records/{record.id}/confirmation", data={"reason": " "})
    assert (empty.status_code, "Please say why" in empty.text) == (422, True)
    assert wu.post(f"/desk/records/{record.id}/confirmation", data={"reason": "中途送医，属实"}).status_code == 303
    assert state(record) is RecordState.EFFECTIVE


def test_times_entered_afterwards_are_never_ticked(as_, at, world, shift):
    held = claim(shift, world.lin)
    at(END + 5 * HOUR)
    chen, wu = as_(world.chen), as_(world.wu)
    at(END + 5 * HOUR)
    times = {"started": "09:00", "ended": "11:00", "note": "纸质签到表"}
    chen.post(f"/desk/claims/{held.id}/settlement", data=times)
    chen.post(f"/desk/shifts/{shift.id}/hand-in")
    [record] = records_of(world.lin)
    page = wu.get("/desk/records").text
    assert (record.evidence, 'type="checkbox"' in page) == (EvidenceClass.C, False)
    assert "Entered afterwards" in page
    assert "纸质签到表" in wu.get(f"/desk/records/{record.id}").text


def test_a_long_day_is_confirmed_here_and_approved_above(as_, at, world):
    shift = make_shift(make_post(world.town), places=2, hours=10)
    clerk = give(make_account("镇站务员"), Role.CLERK, world.town)
    served(world, shift, world.lin, 0, 600, by=clerk)
    record = hand_in(shift, clerk, START + 11 * HOUR)[0]
    above = give(make_account("区确认人"), Role.CONFIRMER, world.county)
    at(START + 11 * HOUR)
    wu, boss, lin = as_(world.wu), as_(above), as_(world.lin)
    wu.post(f"/desk/records/{record.id}/confirmation", data={"reason": "全天活动"})
    assert state(record) is RecordState.APPROVAL
    assert "another person approves it." in wu.get("/desk/records").text
    assert "南湖区志愿服务指导中心 approves it too" in lin.get("/me/records").text
    assert "Approve" in boss.get(f"/desk/records/{record.id}").text
    assert boss.post(f"/desk/records/{record.id}/approval").status_code == 303
    assert state(record) is RecordState.EFFECTIVE


def test_a_recorder_sees_the_reason_instead_of_a_button_and_is_refused(as_, world, record):
    both = give(db.session.get(Account, world.chen.account_id), Role.CONFIRMER, world.station)
    chen = as_(both)
    sentence = "You recorded part of this attendance, or somebody of your name or mail address did"
    page = chen.get("/desk/records").text
    assert (sentence in page, "checkbox" in page, "Confirm the ticked" in page) == (True, False, False)
    answer = chen.post("/desk/records/confirmations", data={"record": record.id})
    assert (answer.status_code, sentence in answer.text) == (409, True)
    answer = chen.post(f"/desk/records/{record.id}/confirmation")
    assert (answer.status_code, sentence in answer.text) == (409, True)
    assert state(record) is RecordState.PENDING


def test_nobody_confirms_their_own_minutes_not_even_with_the_role(as_, world, record):
    give(db.session.get(Account, world.lin.account_id), Role.CONFIRMER, world.town)
    lin = as_(world.lin)
    assert "These are your own minutes" in lin.get("/desk/records").text
    assert lin.post(f"/desk/records/{record.id}/confirmation").status_code == 409
    assert state(record) is RecordState.PENDING


DECISIONS = ["/desk/records/{}/confirmation", "/desk/records/{}/return", "/desk/records/{}/approval"]


@pytest.mark.parametrize("address", [*DECISIONS, "/desk/records/confirmations"])
def test_who_is_no_confirmer_here_decides_nothing(as_, world, record, address):
    data = {"reason": "x", "why": "x", "record": record.id}
    for who, status in ((world.lin, 403), (world.chen, 403), (world.qian, 403), (world.pan, 404)):
        assert as_(who).post(address.format(record.id), data=data).status_code == status
    assert state(record) is RecordState.PENDING


def test_another_county_sees_neither_the_entry_nor_the_shift(as_, world, shift, record):
    gu, pan = as_(world.gu), as_(world.pan)
    assert "林小满" not in pan.get("/desk/records").text + gu.get("/desk/hand-ins").text
    assert pan.get(f"/desk/records/{record.id}").status_code == 404
    assert [gu.get(f"/desk/shifts/{shift.id}/hand-in").status_code] * 2 == [404, 404]
    assert gu.post(f"/desk/shifts/{shift.id}/hand-in").status_code == 404


def test_a_stale_queue_says_that_somebody_decided_and_keeps_the_other_ticks(as_, world, shift):
    served(world, shift, world.lin), served(world, shift, world.zhou)
    first, second = hand_in(shift, world.chen)
    actions.send_back(first.id, world.wu, reason="不符", now=DONE)
    db.session.commit()
    answer = as_(world.wu).post("/desk/records/confirmations", data={"record": [first.id, second.id]})
    assert (answer.status_code, "somebody decided this meanwhile" in answer.text) == (409, True)
    assert f'value="{second.id}" checked' in answer.text
    assert state(second) is RecordState.PENDING


@pytest.mark.parametrize("address", DECISIONS)
def test_a_stale_entry_says_that_somebody_decided(as_, world, record, address):
    actions.confirm([record.id], world.wu, now=DONE)
    db.session.commit()
    answer = as_(world.wu).post(address.format(record.id), data={"why": "我的理由"})
    assert (answer.status_code, "somebody decided this meanwhile" in answer.text) == (409, True)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({}, 409),
        ({"record": "abc"}, 422),
        ({"these": SCRIPT}, 409),
        ({"these": "9" * 40}, 409),
        ({"record": "2147483647"}, 404),
        ({"these": "1," * 4000}, 422),
    ],
)
def test_a_forged_choice_is_refused_without_a_crash(as_, world, record, data, status):
    assert as_(world.wu).post("/desk/records/confirmations", data=data).status_code == status
    assert state(record) is RecordState.PENDING


def test_the_page_of_an_entry_tells_everything_behind_it(as_, world):
    shift = make_shift(make_post(world.station), break_minutes=15)
    served(world, shift, world.lin, -5, 121)
    record = hand_in(shift, world.chen)[0]
    page = text(as_(world.wu).get(f"/desk/records/{record.id}").text)
    for words in (
        "Planned today 09:00–11:00 , with a break of 15 min",
        "Seen In 08:55 · Out 11:01",
        "Within the plan 09:00–11:00, 2 h",
        "Break − 15 min",
        "Minutes 1 h 45 min of 1 h 45 min planned",
        "recorded by 陈站长",
        "Handed in · 陈站长",
    ):
        assert words.replace(" ,", ",") in page.replace(" ,", ",")


def test_the_queue_is_sorted_by_urgency_and_paged_by_shift(as_, at, world, monkeypatch):
    monkeypatch.setattr("blueprints.records.waiting.SHIFTS_A_PAGE", 2)
    post = make_post(world.station)
    for day in (2, 0, 1):
        shift = make_shift(post, starts_at=START + timedelta(days=day))
        held = claim(shift, world.lin)
        mark(held, Act.IN, world.chen, shift.starts_at), mark(held, Act.OUT, world.chen, shift.ends_at)
        hand_in(shift, world.chen, shift.ends_at)
    wu = as_(world.wu)
    at(START + timedelta(days=3))
    pages = [wu.get(f"/desk/records?page={number}").text for number in (1, 2)]
    dues = [re.findall(r"due (\w+ \d+ \w+)", page) for page in pages]
    assert dues == [["Mon 18 May", "Tue 19 May"], ["Wed 20 May"]]


@pytest.mark.parametrize("address", ["/desk/records?page=0", "/desk/records?page=x", "/desk/records?page=" + "9" * 30])
def test_a_page_number_that_makes_no_sense_is_no_crash(as_, world, address):
    assert as_(world.wu).get(address).status_code == 200


# --- the volunteer ---------------------------------------------------------------------------------------------------


def test_attendance_without_a_check_out_says_what_is_missing_and_nothing_is_assumed(as_, at, world, shift):
    served(world, shift, world.lin, 0, None)
    lin = as_(world.lin)
    at(START + HOUR)
    assert "You are checked in. Please check out when you leave." in lin.get("/me/records").text
    at(END + HOUR)
    assert "Not checked out. The station has to establish when you left" in lin.get("/me/records").text


def test_attendance_that_was_undone_is_not_told_as_attendance(as_, world, shift):
    held = served(world, shift, world.lin, 0, None)
    as_(world.chen).post(f"/desk/punches/{attendance.attendance(held.id).last.id}/reversal")
    assert "Your first minutes will stand here" in as_(world.lin).get("/me/records").text


def test_totals_are_kept_apart_by_class_and_follow_the_filter(as_, world):
    cases = [(0, Category.ELDERS), (400, Category.WATER)]
    for days, category in cases:
        shift = make_shift(make_post(world.station, category=category), starts_at=START + timedelta(days=days))
        held = claim(shift, world.lin)
        mark(held, Act.IN, world.chen, shift.starts_at), mark(held, Act.OUT, world.chen, shift.ends_at)
        actions.confirm([hand_in(shift, world.chen, shift.ends_at)[0].id], world.wu, now=shift.ends_at)
        db.session.commit()
    lin = as_(world.lin)
    assert "Effective, all together 4 h" in text(lin.get("/me/records").text)
    for query, words in (
        ("year=2099", "Effective, all together 2 h"),
        ("year=2100&category=water", "Effective, all together 2 h"),
        ("year=2100&category=elders", "Nothing fits this choice"),
        ("evidence=A", "Nothing fits this choice"),
        ("year=x&category=<script>&evidence=Z&before=0", "Effective, all together 4 h"),
        ("before=" + "9" * 30, "Effective, all together 4 h"),
    ):
        assert words in text(lin.get(f"/me/records?{query}").text)
    assert sum(queries.totals(world.lin.id).values()) == 240


def test_a_long_record_goes_on_where_the_page_ended(as_, at, world, monkeypatch):
    monkeypatch.setattr("blueprints.records.mine.PAGE", 2)
    post = make_post(world.station)
    for day in range(3):
        shift = make_shift(post, starts_at=START + timedelta(days=day))
        held = claim(shift, world.lin)
        mark(held, Act.IN, world.chen, shift.starts_at), mark(held, Act.OUT, world.chen, shift.ends_at)
        hand_in(shift, world.chen, shift.ends_at)
    lin = as_(world.lin)
    at(START + timedelta(days=4))
    shown = re.findall(r'href="/me/records/(\d+)"', lin.get("/me/records").text)
    rest = re.findall(r'href="/me/records/(\d+)"', lin.get(f"/me/records?before={shown[-1]}").text)
    newest_first = [str(record.id) for record in reversed(records_of(world.lin))]
    assert (shown, rest) == (newest_first[:2], newest_first[2:])


def test_my_entry_shows_its_way_and_other_peoples_entries_do_not_exist(as_, world, record):
    page = text(as_(world.lin).get(f"/me/records/{record.id}").text)
    assert "Handed in today. 南湖街道团工委 confirms it by Mon 18 May." in page
    assert "recorded by 陈站长" in page
    assert as_(world.zhou).get(f"/me/records/{record.id}").status_code == 404
    assert as_(world.chen).get(f"/me/records/{record.id}").status_code == 403


def test_a_short_presence_is_explained_to_the_person(as_, world, shift):
    served(world, shift, world.lin, 0, 30)
    record = hand_in(shift, world.chen)[0]
    assert "less than the minimum" in as_(world.lin).get(f"/me/records/{record.id}").text


# --- how often the database is asked --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("/desk/records", "wu"),
        ("/desk/hand-ins", "chen"),
        ("/desk/shifts/{shift}/hand-in", "chen"),
        ("/me/records", "lin"),
    ],
)
def test_each_page_asks_the_database_as_often_for_two_rows_as_for_twelve(as_, at, world, address, who):
    client = as_(getattr(world, who))

    def asked(people):
        post = make_post(world.station)
        for n in range(people):
            day = START + timedelta(days=people + n)
            shift = make_shift(post, places=people, starts_at=day)
            names = [world.lin] + [make_volunteer(f"第{n}人", world.station) for _ in range(2 if n else people - 1)]
            for volunteer in names[:people]:
                held = claim(shift, volunteer)
                mark(held, Act.IN, world.chen, day), mark(held, Act.OUT, world.chen, shift.ends_at)
            if n:
                hand_in(shift, world.chen, shift.ends_at)
                continue
            first = shift
        at(START + timedelta(days=40))
        g.pop("unread", None)  # the requests of one test share their context, those of a server do not
        page = address.format(shift=first.id)
        with counted() as statements:
            assert client.get(page).status_code == 200
        return len(statements)

    few, many = asked(2), asked(8)
    assert few == many <= 8
