"""Files of other platforms: tried first, decided by another person above, entered whole, once, and class D."""

import io
import threading
from datetime import UTC, datetime, timedelta

import pytest
import xlsxwriter
from sqlalchemy import func, select

from blueprints.admin import tasks
from blueprints.claims.models import EvidenceClass
from blueprints.exchange import actions, entering, queries, rules
from blueprints.exchange.models import (
    NEXT_IMPORT_STATES,
    ImportBatch,
    ImportKind,
    ImportRow,
    ImportState,
    RowState,
)
from blueprints.identity.models import Account, Category, Consent, Volunteer, VolunteerState
from blueprints.jobs import queries as jobs
from blueprints.jobs.models import ChunkSide, Job, JobChunk, JobState
from blueprints.messages.models import Notice, NoticeKind
from blueprints.records import actions as records
from blueprints.records.actions import Facts
from blueprints.records.models import LedgerEntry, Recorder, RecordSource, RecordState, ServiceRecord
from core import clock, spreadsheets, vault
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from tests.counting import counted
from tests.exchange.files import HOURS_HEADS, PEOPLE_HEADS, book, hours, person
from tests.factories import START, give, make_staff, make_volunteer, make_world, sign_in

S, R = ImportState, RowState
NOW = START + timedelta(days=30)
ID = "330402207003051225"


@pytest.fixture
def world():
    made = make_world()
    db.session.execute(db.update(Account).values(lang="en"))
    db.session.commit()
    return made


def speaks_english(actor):
    db.session.get_one(Account, actor.account_id).lang = "en"
    db.session.commit()
    return actor


@pytest.fixture(autouse=True)
def today(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(tasks, "LONGEST_PAUSE", 0)


@pytest.fixture
def city(world):
    """Who confirms above the county."""
    return speaks_english(make_staff(Role.CONFIRMER, world.city, "市确认"))


@pytest.fixture
def chief(world):
    """Who runs the city."""
    return make_staff(Role.ADMINISTRATOR, world.city, "市主任")


def take_in(world, data, kind=ImportKind.HOURS, actor=None, platform="志愿汇"):
    file = io.BytesIO(data)
    heads = entering.first_line(file)
    made = actions.upload(
        kind,
        world.county.id,
        actor or world.qian,
        platform=platform,
        file_name="三月.xlsx",
        heads=heads,
        data=[file.read()],
        now=NOW,
    )
    db.session.commit()
    return made


def work():
    done = tasks.work_all("here")
    db.session.expire_all()
    return done


def tried(world, data, kind=ImportKind.HOURS, **values):
    batch = take_in(world, data, kind, **values)
    work()
    actions.name_columns(batch.id, world.qian, mapping=batch.mapping, category="water", now=NOW)
    db.session.commit()
    work()
    return batch


def approved(world, data, decider, kind=ImportKind.HOURS):
    batch = tried(world, data, kind)
    actions.submit(batch.id, world.qian, now=NOW)
    db.session.commit()
    actions.approve(batch.id, decider, now=NOW)
    db.session.commit()
    return batch


def rows(batch):
    return list(db.session.scalars(select(ImportRow).where(ImportRow.batch_id == batch.id).order_by(ImportRow.number)))


def phone(volunteer):
    return db.session.get_one(Account, volunteer.account_id).phone


def hours_of(world, *whom, **values):
    people = whom or (world.lin, world.zhou)
    names = {person.id: db.session.get_one(Account, person.account_id).name for person in people}
    lines = [hours(names[p.id], phone(p), f"R{n}", **values) for n, p in enumerate(people)]
    return book(HOURS_HEADS, *lines)


def entries():
    return list(db.session.scalars(select(ServiceRecord).order_by(ServiceRecord.id)))


# --- reading and trying -----------------------------------------------------------------------------------------


def test_the_columns_are_guessed_by_their_usual_words_and_kept_for_the_next_file(world):
    batch = take_in(world, hours_of(world))
    assert batch.mapping == ["name", "phone", "title", "day", "start", "end", "hours", "external_id"]
    work()
    mapping = ["name", "phone", "title", "day", "start", "end", "", "external_id"]
    actions.name_columns(batch.id, world.qian, mapping=mapping, category="water", now=NOW)
    assert take_in(world, hours_of(world)).mapping == mapping
    assert take_in(world, hours_of(world), platform="别处").mapping[6] == "hours"


def test_trying_changes_nothing_and_says_what_would_happen(world):
    data = book(
        HOURS_HEADS,
        hours("林小满", phone(world.lin)),
        hours("林小满", phone(world.lin)),
        hours("林小满", "123", "R3", day="昨天"),
        hours("王不在", "13911112222", "R4"),
        hours("周小航", phone(world.zhou), "R5"),
        hours("周晓航", phone(world.zhou), "R6", length="3"),
        hours("沈一诺", phone(world.shen), "R7", day="2099-09-09"),
    )
    batch = tried(world, data)
    found = rows(batch)
    assert [row.state for row in found] == [R.READY, *[R.WRONG] * 6]
    told = [entering.reasons(row) for row in found[1:]]
    assert told[0] == "The same stands in row 2 already."
    assert told[1].startswith("手机号：This is not a telephone number")
    assert "服务日期：This is not a date" in told[1]
    assert told[2].startswith("Your organization knows nobody with this number")
    assert "another name" in told[3]
    assert "more minutes than" in told[4]
    assert "not over yet" in told[5]
    assert (entries(), batch.state) == ([], S.CHECKED)
    assert db.session.scalar(select(func.count()).select_from(Notice)) == 2  # of the tasks alone


SECOND = "Rows 2 and 3: the same person cannot serve twice at one time."


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ({"starts": "10:59", "ends": "12:00", "length": "1"}, SECOND),
        ({"starts": "08:00", "ends": "09:01", "length": "1"}, SECOND),
        ({"starts": "09:30", "ends": "10:00", "length": "0.5"}, SECOND),
        ({"starts": "08:00", "ends": "12:00", "length": "4"}, SECOND),
        ({}, SECOND),  # the very same time under another number
        ({"starts": "11:00", "ends": "12:00", "length": "1"}, ""),
        ({"starts": "08:00", "ends": "09:00", "length": "1"}, ""),
        ({"day": "2099-03-06"}, ""),
    ],
)
@pytest.mark.parametrize("at_once", [1, 500])
def test_rows_of_one_person_that_overlap_are_told_with_both_their_numbers(
    world, monkeypatch, at_once, second, sentence
):
    """Whether or not both are tried in the same step."""
    monkeypatch.setattr(entering, "TRY_AT_ONCE", at_once)
    lin = phone(world.lin)
    data = book(HOURS_HEADS, hours("林小满", lin, "R1"), hours("林小满", lin, "R2", **second))
    first, other = rows(tried(world, data))
    assert (first.state, entering.reasons(first)) == (R.READY, "")
    assert (other.state, entering.reasons(other)) == (R.WRONG if sentence else R.READY, sentence)


@pytest.mark.parametrize("at_once", [1, 500])
def test_a_row_that_is_out_keeps_no_other_out(world, monkeypatch, at_once):
    """The third row overlaps only with the second, which stays out because of the first."""
    monkeypatch.setattr(entering, "TRY_AT_ONCE", at_once)
    lin = phone(world.lin)
    times = [("09:00", "10:00"), ("09:30", "10:30"), ("10:00", "11:00")]
    lines = [hours("林小满", lin, f"R{n}", starts=a, ends=b, length="1") for n, (a, b) in enumerate(times)]
    assert [row.state for row in rows(tried(world, book(HOURS_HEADS, *lines)))] == [R.READY, R.WRONG, R.READY]


def test_two_people_may_serve_at_one_time_and_over_midnight_is_seen(world):
    lin, zhou = phone(world.lin), phone(world.zhou)
    night = {"starts": "22:00", "ends": "02:00", "length": "4"}
    data = book(
        HOURS_HEADS,
        hours("林小满", lin, "R1", **night),
        hours("周小航", zhou, "R2", **night),
        hours("林小满", lin, "R3", day="2099-03-06", starts="01:30", ends="03:00", length="1"),
    )
    found = rows(tried(world, data))
    assert [row.state for row in found if row.volunteer_id == world.lin.id] == [R.READY, R.WRONG]
    assert entering.reasons(found[2]).startswith("Rows 2 and 4")


def test_time_that_an_entry_covers_is_seen_when_a_file_is_tried(world):
    enter_by_hand(world, starts=timedelta(hours=10, minutes=59))
    found = rows(tried(world, hours_of(world)))
    assert (found[0].state, entering.reasons(found[0])) == (R.WRONG, "Some of this time is recorded already.")
    assert found[1].state is not R.WRONG or "recorded" not in entering.reasons(found[1])
    actions.discard(found[0].batch_id, world.qian, now=NOW)
    record = entries()[0]
    records.take_back(record.id, world.chen.account_id, reason="误记", now=NOW)
    db.session.commit()
    assert rows(tried(world, hours_of(world)))[0].state is R.READY, "what was returned covers nothing"


def test_what_a_file_says_is_sealed_and_the_file_is_dropped(world):
    batch = take_in(world, book(PEOPLE_HEADS, person(id=ID)), ImportKind.REGISTRATIONS)
    assert jobs.size(batch.job_id, ChunkSide.INPUT)
    work()
    row = rows(batch)[0]
    assert db.session.scalar(select(func.count()).select_from(JobChunk)) == 0
    assert "方" not in row.sealed
    assert ID not in row.sealed
    actions.name_columns(batch.id, world.qian, mapping=batch.mapping, category="", now=NOW)
    db.session.commit()
    work()
    assert queries.content(rows(batch)[0])["values"]["id_number"] == vault.digest(ID)


def test_columns_that_are_needed_must_be_named_once(world):
    batch = take_in(world, hours_of(world))
    with pytest.raises(Refusal, match="still being read"):
        actions.name_columns(batch.id, world.qian, mapping=batch.mapping, category="water", now=NOW)
    db.session.rollback()
    work()
    for mapping, sentence in (
        (["name", *[""] * 7], "No column holds"),
        (["name", "name", *[""] * 6], "Two columns"),
        (["name", "", "title", "day", "start", "end", "", ""], "Phone number or ID number"),
        (["name", "phone", "title", "day", "start", "", "", ""], "End or hours"),
    ):
        with pytest.raises(Refusal, match=sentence):
            actions.name_columns(batch.id, world.qian, mapping=mapping, category="water", now=NOW)
    with pytest.raises(Refusal, match="category"):
        actions.name_columns(batch.id, world.qian, mapping=batch.mapping, category="", now=NOW)


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2099-03-05", 5),
        ("2099/3/5", 5),
        ("2099年3月5日", 5),
        ("20990305", 5),
        ("2099.03.05 09:30:00", 5),
        ("45000", None),
    ],
)
def test_dates_are_read_as_they_are_written(app, cell, day):
    found = rules._date(cell)
    assert (found.year, found.month, found.day) == ((2099, 3, day) if day else (2023, 3, 15))


@pytest.mark.parametrize(
    "cell",
    ["2099-13-01", "x", "", "99999999", "0", "-4", "2099-02-30", "inf", "nan", "1e1600000", "9999-12-31", "0001-01-01"],
)
def test_other_dates_are_told(app, cell):
    with pytest.raises(rules.WrongCell):
        rules._date(cell)


@pytest.mark.parametrize(
    ("cell", "time"),
    [("9:30", "09:30:00"), ("09:30:15", "09:30:00"), ("0.5", "12:00:00"), ("2099-03-05 8:05", "08:05:00")],
)
def test_times_are_read_as_they_are_written(app, cell, time):
    assert rules._clock(cell) == time


def test_over_midnight_the_end_is_on_the_next_day(app):
    heads = ["姓名", "手机", "活动名称", "日期", "开始时间", "结束时间"]
    mapping = rules.guessed(ImportKind.HOURS, heads, {})
    cells = ["林", "13900001234", "夜巡", "2099-03-05", "22:30", "00:30"]
    values, problems = rules.read_row(ImportKind.HOURS, heads, mapping, cells)
    assert (problems, values["credited"]) == ([], 120)


@pytest.mark.parametrize("cell", ["9e1600000", "nan", "inf", "-0.5", "25:00", "x"])
def test_other_times_are_told(app, cell):
    with pytest.raises(rules.WrongCell):
        rules._clock(cell)


def test_small_parts_of_a_day_are_times(app):
    assert rules._clock("3.4722222222222224E-2") == "00:50:00"
    assert rules._clock("45000.395833333336") == "09:30:00"


def test_no_cell_stops_a_whole_file(world):
    odd = [{"length": "nan"}, {"length": "inf"}, {"length": "1e1600000"}, {"day": "inf"}, {"starts": "1e1600000"}]
    odd += [{"day": "9999-12-31", "starts": "23:00", "ends": "08:00"}, {"day": "0001-01-01", "starts": "00:01"}]
    lin, zhou = phone(world.lin), phone(world.zhou)
    wrong = [hours("林小满", lin, f"X{number}", **each) for number, each in enumerate(odd)]
    found = rows(tried(world, book(HOURS_HEADS, *wrong, hours("周小航", zhou, "R9"))))
    assert [row.state for row in found] == [*[R.WRONG] * len(odd), found[-1].state]
    assert all("This is not a" in entering.reasons(row) for row in found[:-1])


def test_what_nobody_foresaw_in_a_cell_is_told_at_that_cell(world, monkeypatch):
    def read(cell):
        raise OverflowError(cell)

    problems = []
    rules._read_into({}, problems, "时长", rules.ImportField("hours", "Hours", (), read), "2")
    assert problems == [("时长", "This cell cannot be read. Please check what it says.")]


@pytest.mark.parametrize("cell", ["0", "-1", "25", "1.001", "x", "nan", "inf", "1e99", "1e1600000"])
def test_odd_hours_are_told(app, cell):
    with pytest.raises(rules.WrongCell):
        rules._minutes_of(60)(cell)


def test_only_who_handed_in_names_the_columns_and_hands_up(world):
    batch = tried(world, hours_of(world))
    colleague = make_staff(Role.CLERK, world.county, "许同事")
    with pytest.raises(Refusal, match="Only 钱主任"):
        actions.name_columns(batch.id, colleague, mapping=batch.mapping, category="water", now=NOW)
    with pytest.raises(Refusal, match="Only 钱主任"):
        actions.submit(batch.id, colleague, now=NOW)
    assert batch.state is S.CHECKED
    actions.discard(batch.id, colleague, now=NOW)


def test_the_file_of_rows_to_mend_has_a_name_that_fits(world):
    batch = tried(world, book(HOURS_HEADS, hours("王不在", "13911112222")))
    batch.file_name = "三" * 115 + ".xlsx"
    job_id = actions.ask_for_errors(batch.id, world.qian, now=NOW)
    db.session.commit()
    work()
    job = db.session.get(Job, job_id)
    assert (job.state, len(job.file_name) <= 120) == (JobState.DONE, True)


def test_trying_a_file_tells_nothing_of_people_elsewhere(world):
    """A number that is unknown and one that belongs to somebody of another county are told alike."""
    other = make_volunteer("高云", world.other_station, id_hash=vault.digest(ID), id_sealed="x", id_last4=ID[-4:])
    lines = [hours("高云", phone(other), "R1"), hours("某人", phone(other), "R2"), hours("某人", "13911112222", "R3")]
    found = rows(tried(world, book(HOURS_HEADS, *lines)))
    assert len({entering.reasons(row) for row in found}) == 1
    people = [person("高云", phone(other).removeprefix("+86"), "P1"), person("某人", "13911112222", "P2", id=ID)]
    found = rows(tried(world, book(PEOPLE_HEADS, *people), ImportKind.REGISTRATIONS))
    assert [(row.state, row.volunteer_id) for row in found] == [(R.READY, None)] * 2


def test_nobody_is_registered_twice_by_a_file_that_does_not_know_them(world, chief):
    other = make_volunteer("高云", world.other_station, id_hash=vault.digest(ID), id_sealed="x", id_last4=ID[-4:])
    people = [person("高云", phone(other).removeprefix("+86"), "P1"), person("高云", "13911112222", "P2", id=ID)]
    before = db.session.scalar(select(func.count(Volunteer.id)))
    batch = approved(world, book(PEOPLE_HEADS, *people), chief, ImportKind.REGISTRATIONS)
    work()
    assert [row.state for row in rows(batch)] == [R.WRONG] * 2
    assert "another organization" in entering.reasons(rows(batch)[1])
    assert db.session.scalar(select(func.count(Volunteer.id))) == before


def test_a_row_whose_entry_was_returned_may_come_again(world, city):
    first = approved(world, hours_of(world, world.lin), city)
    work()
    (record,) = entries()
    if record.state is RecordState.NOTICE:
        records.overturn(record.id, city.account_id, reason="时间不对", now=NOW)
    else:
        records.send_back(record.id, city, reason="时间不对", now=NOW)
    db.session.commit()
    second = approved(world, hours_of(world, world.lin, ends="10:00", length="1"), city)
    assert [row.state for row in rows(second)] == [R.READY]
    work()
    assert ([row.state for row in rows(first)], [row.state for row in rows(second)]) == ([R.UNDONE], [R.APPLIED])
    assert [each.minutes for each in entries()] == [120, 60]
    third = tried(world, hours_of(world, world.lin, ends="10:00", length="1"))
    assert [row.state for row in rows(third)] == [R.KNOWN]


# --- entering ---------------------------------------------------------------------------------------------------


def test_hours_become_entries_of_class_d_confirmed_by_who_approved(world, city):
    batch = approved(world, hours_of(world), city)
    work()
    assert batch.state is S.APPLIED
    for record in entries():
        assert (record.source, record.evidence, record.minutes) == (RecordSource.IMPORT, EvidenceClass.D, 120)
        assert record.state is not RecordState.PENDING
        assert (record.handed_in_by_id, record.confirmed_by_id) == (world.qian.account_id, city.account_id)
        assert record.category == "water"
    assert {row.state for row in rows(batch)} == {R.APPLIED}
    assert {row.sealed for row in rows(batch)} == {""}
    recorded = set(db.session.scalars(select(Recorder.account_id)))
    assert recorded == {world.qian.account_id}
    kinds = set(db.session.scalars(select(Notice.kind).where(Notice.account_id == world.lin.account_id)))
    assert NoticeKind.RECORD_ENTERED in kinds
    assert NoticeKind.IMPORT_ENTERED in set(
        db.session.scalars(select(Notice.kind).where(Notice.account_id == world.qian.account_id))
    )


def test_whoever_handed_in_does_not_decide_nor_does_their_second_account(world, city):
    batch = tried(world, hours_of(world))
    actions.submit(batch.id, world.qian, now=NOW)
    give(db.session.get_one(Account, world.qian.account_id), Role.CONFIRMER, world.city)
    both = queries.actor_by_account(world.qian.account_id)
    twin = make_staff(Role.CONFIRMER, world.city, "钱主任")
    for actor in (both, twin):
        with pytest.raises(Refusal, match="another person decides"):
            actions.approve(batch.id, actor, now=NOW)
        with pytest.raises(Refusal, match="another person decides"):
            actions.decline(batch.id, actor, reason="x", now=NOW)
    assert entries() == []


def test_who_may_not_decide_reads_why_instead_of_a_button(client, world, city):
    batch = tried(world, hours_of(world))
    actions.submit(batch.id, world.qian, now=NOW)
    db.session.commit()
    twin = make_staff(Role.CONFIRMER, world.city, "钱主任")
    sign_in(client, twin.account_id)
    page = client.get(f"/desk/imports/{batch.id}").text
    assert "You handed this in, or somebody of the same name or mail address; another person decides." in page
    assert ("Approve and enter" in page, f"/desk/imports/{batch.id}/refusal" in page) == (False, False)
    sign_in(client, city.account_id)
    page = client.get(f"/desk/imports/{batch.id}").text
    assert ("Approve and enter" in page, "another person decides." in page) == (True, False)


def test_only_the_level_above_decides(world):
    batch = tried(world, hours_of(world))
    actions.submit(batch.id, world.qian, now=NOW)
    same_level = make_staff(Role.CONFIRMER, world.county, "区确认")
    above_without_the_role = make_staff(Role.ADMINISTRATOR, world.city, "市主任")
    for actor in (same_level, above_without_the_role, world.pan, world.chen):
        with pytest.raises(Refusal, match="level above"):
            actions.approve(batch.id, actor, now=NOW)


def test_the_same_file_again_enters_nothing_twice(world, city):
    approved(world, hours_of(world), city)
    work()
    again = tried(world, hours_of(world))
    assert {row.state for row in rows(again)} == {R.KNOWN}
    with pytest.raises(Refusal, match="No row is ready"):
        actions.submit(again.id, world.qian, now=NOW)
    assert len(entries()) == 2


def test_two_files_with_the_same_rows_that_wait_together_enter_them_once(world, city):
    first, second = tried(world, hours_of(world)), tried(world, hours_of(world))
    for batch in (first, second):
        actions.submit(batch.id, world.qian, now=NOW)
        actions.approve(batch.id, city, now=NOW)
        db.session.commit()
    work()
    assert len(entries()) == 2
    assert {row.state for row in rows(second)} == {R.KNOWN}


def test_rows_that_a_rule_refuses_stay_out_and_are_told(world, city):
    """Since it was tried, the same time has come by another way."""
    batch = approved(world, hours_of(world), city)
    lin = enter_by_hand(world, starts=timedelta(hours=9, minutes=30))
    work()
    assert [row.state for row in rows(batch)] == [R.WRONG, R.APPLIED]
    assert "is recorded already" in entering.reasons(rows(batch)[0])
    assert [record.id for record in entries() if record.volunteer_id == world.lin.id] == [lin.id]


DAY = datetime(2099, 3, 5, tzinfo=UTC) - timedelta(hours=8)  # midnight in Jiaxing


def enter_by_hand(world, starts, length=60):
    """An hour of Lin on the day of the files, by another file."""
    facts = Facts(
        volunteer_id=world.lin.id,
        organization_id=world.station.id,
        title="夜巡",
        category=Category.WATER,
        content="巡查",
        place="南湖",
        responsible_name="陈站长",
        started_at=DAY + starts,
        ended_at=DAY + starts + timedelta(minutes=length),
        minutes=length,
    )
    by = world.chen.account_id
    made = records.enter(facts, RecordSource.IMPORT, stated_by=by, recorders=[by], now=NOW)
    db.session.commit()
    return made


def test_no_entry_is_decided_before_the_last_one_was_entered(world, city, monkeypatch):
    monkeypatch.setattr(entering, "ENTER_AT_ONCE", 1)
    batch = approved(world, hours_of(world, world.lin, world.zhou, world.shen), city)
    stop = threading.Event()
    stop.set()
    tasks.work_on_next("first", stop)  # one step, and the process ends
    db.session.expire_all()
    assert [record.state for record in entries()] == [RecordState.PENDING]
    with pytest.raises(Refusal, match="not complete yet"):
        records.confirm([entries()[0].id], city, now=NOW)
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(LedgerEntry)) == 0
    work()
    assert len(entries()) == 3
    assert batch.state is S.APPLIED
    assert RecordState.PENDING not in {record.state for record in entries()}


def test_a_worker_killed_in_the_middle_doubles_nothing(world, city, monkeypatch):
    monkeypatch.setattr(entering, "ENTER_AT_ONCE", 1)
    approved(world, hours_of(world, world.lin, world.zhou, world.shen), city)
    dead = actions.jobs.take("dead", now=NOW, real=clock.real())
    db.session.commit()
    steps = actions.jobs.KINDS[dead.kind].handler(dead)
    assert tasks._step(steps, dead, "en")
    next(steps)  # the second row is written, and the process is gone before it is committed
    db.session.rollback()
    assert len(entries()) == 1
    later = clock.real() + actions.jobs.LEASE * 2
    monkeypatch.setattr(clock, "real", lambda: later)
    work()
    assert len(entries()) == 3


def test_a_task_that_broke_off_can_go_on(world, city):
    batch = approved(world, hours_of(world), city)
    job = db.session.get_one(Job, batch.job_id)
    job.state, job.ended_at, job.held_until = JobState.FAILED, NOW, None
    db.session.commit()
    actions.resume(batch.id, city, now=NOW)
    db.session.commit()
    with pytest.raises(Refusal, match="at work"):
        actions.resume(batch.id, city, now=NOW)
    work()
    assert (batch.state, len(entries())) == (S.APPLIED, 2)


# --- registrations ----------------------------------------------------------------------------------------------


def test_registrations_become_accounts_that_nobody_has_taken_over_and_no_consent_is_made_up(world, chief):
    batch = approved(world, book(PEOPLE_HEADS, person(id=ID)), chief, ImportKind.REGISTRATIONS)
    work()
    account = db.session.scalar(select(Account).where(Account.phone == "+8613900001234"))
    volunteer = db.session.scalar(select(Volunteer).where(Volunteer.account_id == account.id))
    assert (account.claimed_at, account.created_by_id) == (None, world.qian.account_id)
    assert (volunteer.state, volunteer.decided_by_id) == (VolunteerState.ACTIVE, chief.account_id)
    assert volunteer.id_hash is None
    assert db.session.scalar(select(Consent).where(Consent.account_id == account.id)) is None
    assert rows(batch)[0].volunteer_id == volunteer.id


def test_people_who_are_here_are_matched_by_phone_and_id_number_and_never_doubled(world, chief):
    known = make_volunteer("方小北", world.station, id_hash=vault.digest(ID), id_sealed="x", id_last4=ID[-4:])
    lin = phone(world.lin).removeprefix("+86")
    data = book(
        PEOPLE_HEADS,
        person("林小满", lin, "A1"),
        person("方小北", "13900009999", "A2", id=ID),
        person("方小北", lin, "A3", id=ID),
        person("别人", lin, "A4"),
        person("小娃", "13900007777", "A5", birth="2095-01-01"),
        person("新人", "13900006666", "A6"),
    )
    batch = tried(world, data, ImportKind.REGISTRATIONS)
    found = rows(batch)
    assert [row.state for row in found] == [R.KNOWN, R.KNOWN, R.WRONG, R.WRONG, R.WRONG, R.READY]
    assert [row.volunteer_id for row in found[:2]] == [world.lin.id, known.id]
    assert "two different people" in entering.reasons(found[2])
    before = db.session.scalar(select(func.count()).select_from(Account))
    actions.submit(batch.id, world.qian, now=NOW)
    actions.approve(batch.id, chief, now=NOW)
    db.session.commit()
    work()
    assert db.session.scalar(select(func.count()).select_from(Account)) == before + 1


# --- the way back -----------------------------------------------------------------------------------------------


def test_a_batch_of_registrations_is_taken_back_but_not_from_who_has_come(world, chief):
    data = book(PEOPLE_HEADS, person(), person("方小南", "13900004321", "ZJ002"))
    batch = approved(world, data, chief, ImportKind.REGISTRATIONS)
    work()
    came = db.session.scalar(select(Account).where(Account.phone == "+8613900004321"))
    came.claimed_at = NOW
    actions.undo(batch.id, chief, reason="传错文件", now=NOW)
    db.session.commit()
    work()
    assert batch.state is S.UNDONE
    assert [row.state for row in rows(batch)] == [R.UNDONE, R.APPLIED]
    assert db.session.scalar(select(Account).where(Account.phone == "+8613900001234")) is None
    assert came.closed_at is None


def test_hours_are_taken_back_whole_as_long_as_their_notice_lasts(world, city):
    batch = approved(world, hours_of(world), city)
    work()
    actions.undo(batch.id, world.qian, reason="传错文件", now=NOW)
    db.session.commit()
    work()
    assert batch.state is S.UNDONE
    assert {record.state for record in entries()} == {RecordState.RETURNED}
    assert records.end_notices(NOW + timedelta(days=30)) == 0
    again = tried(world, hours_of(world))
    assert {row.state for row in rows(again)} == {R.READY}


def test_hours_that_count_are_not_taken_back_in_bulk(world, city):
    batch = approved(world, hours_of(world), city)
    work()
    assert {record.state for record in entries()} == {RecordState.NOTICE}  # nobody here saw these minutes
    assert db.session.scalar(select(func.count()).select_from(LedgerEntry)) == 0
    assert records.end_notices(NOW + timedelta(days=30)) == 2
    db.session.commit()
    assert queries.effective_count(batch.id) == 2
    assert {entry.evidence for entry in db.session.scalars(select(LedgerEntry))} == {EvidenceClass.D}
    with pytest.raises(Refusal, match="count already"):
        actions.undo(batch.id, world.qian, reason="x", now=NOW)


def test_a_declined_batch_says_why_and_enters_nothing(world, city):
    batch = tried(world, hours_of(world))
    actions.submit(batch.id, world.qian, now=NOW)
    with pytest.raises(Refusal, match="say why"):
        actions.decline(batch.id, city, reason="", now=NOW)
    actions.decline(batch.id, city, reason="缺少名单盖章", now=NOW)
    db.session.commit()
    assert (work(), entries()) == (0, [])
    assert batch.state is S.DECLINED
    with pytest.raises(Refusal, match="meanwhile"):
        actions.approve(batch.id, city, now=NOW)


def test_what_files_said_is_dropped_after_a_month(world):
    batch = tried(world, book(HOURS_HEADS, hours("王不在", "13911112222"), hours("林小满", phone(world.lin), "R2")))
    assert actions.erase_old(NOW + timedelta(days=29)) == 0
    assert actions.erase_old(NOW + timedelta(days=31)) == 1
    db.session.commit()
    assert (batch.state, [row.sealed for row in rows(batch)]) == (S.DISCARDED, [""])
    assert actions.erase_old(NOW + timedelta(days=31)) == 0


@pytest.mark.parametrize("state", list(ImportState))
def test_every_state_goes_on_only_as_the_table_says(world, state):
    for target in ImportState:
        batch = ImportBatch(state=state)
        if target in NEXT_IMPORT_STATES[state]:
            actions._move(batch, target)
            assert batch.state is target
        else:
            with pytest.raises(Refusal, match="meanwhile"):
                actions._move(batch, target)


# --- the error file ---------------------------------------------------------------------------------------------


def test_the_error_file_is_mended_and_handed_in_again(world, city):
    lin, zhou = phone(world.lin), phone(world.zhou)
    data = book(HOURS_HEADS, hours("林小满", lin, "R1"), hours("周晓航", zhou, "R2", day="=1+1"))
    batch = approved(world, data, city)
    work()
    job_id = actions.ask_for_errors(batch.id, world.qian, now=NOW)
    db.session.commit()
    work()
    file = io.BytesIO(b"".join(jobs.pieces(job_id, ChunkSide.RESULT)))
    lines = [row.cells for row in spreadsheets.rows(file)]
    assert lines[0] == [*HOURS_HEADS, "Row", "Reasons"]
    assert lines[1][3] == "=1+1"
    assert lines[1][8] == "3"
    assert "not a date" in lines[1][9]
    mended = tried(world, book(lines[0], [*lines[1][:3], "2099-03-05", *lines[1][4:]]))
    assert [row.state for row in rows(mended)] == [R.READY]


# --- pages ------------------------------------------------------------------------------------------------------


def send(client, world, data, name="三月.xlsx", **values):
    form = {"kind": "hours", "organization": str(world.county.id), "platform": "志愿汇", **values}
    return client.post("/desk/imports", data={**form, "file": (io.BytesIO(data), name)})


def test_the_whole_way_on_its_pages(client, world, city):
    sign_in(client, world.qian.account_id)
    answer = send(client, world, hours_of(world))
    assert answer.status_code == 303
    place = answer.headers["Location"]
    assert "Being read" in client.get(place).text
    work()
    page = client.get(place).text
    assert "What each column holds" in page
    batch = db.session.scalar(select(ImportBatch))
    columns = {f"column_{n}": name for n, name in enumerate(batch.mapping)}
    assert client.post(f"{place}/mapping", data={**columns, "category": ""}).status_code == 409
    assert client.post(f"{place}/mapping", data={**columns, "category": "water"}).status_code == 303
    work()
    assert "Ready to be entered" in client.get(place).text
    assert client.post(f"{place}/submission").status_code == 303
    assert "Approve and enter" not in client.get(place).text
    sign_in(client, city.account_id)
    assert "Approve and enter" in client.get(place).text
    assert client.post(f"{place}/approval").status_code == 303
    work()
    assert "Row entered" in client.get(place).text
    assert "三月.xlsx" in client.get("/desk/imports").text


HOSTILE = {
    "a renamed program": (b"MZ\x90\x00" + bytes(300), "no XLSX or CSV"),
    "a truncated one": (book(["姓名", "手机"], ["林", "1"])[:900], "no XLSX or CSV"),
    "one with a password": (spreadsheets.OLE + bytes(5000), "password"),
    "an empty one": (b"", "is empty"),
    "one without heads": (b"x\n", "fewer than two"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_bad_file_gets_one_clear_sentence_and_changes_nothing(client, world, what):
    data, sentence = HOSTILE[what]
    sign_in(client, world.qian.account_id)
    answer = send(client, world, data)
    assert (answer.status_code, sentence in answer.text, "志愿汇" in answer.text) == (409, True, True)
    assert db.session.scalar(select(func.count()).select_from(ImportBatch)) == 0
    assert db.session.scalar(select(func.count()).select_from(Job)) == 0


def test_fifty_megabytes_are_refused_by_their_size(client, world):
    sign_in(client, world.qian.account_id)
    form = {"content_type": "multipart/form-data; boundary=x", "data": b"x" * 50 * 1024 * 1024}
    answer = client.post("/desk/imports", **form)
    assert (answer.status_code, "larger than 20 MB" in answer.text) == (413, True)


def test_a_formula_far_below_ends_the_reading_with_its_sentence(world):
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, HOURS_HEADS)
        for number in range(1, 3000):
            sheet.write_row(number, 0, hours("林小满", phone(world.lin), f"R{number}"))
        sheet.write_formula(3000, 1, "=1+1")
    batch = take_in(world, made.getvalue())
    work()
    assert batch.state is S.DISCARDED
    assert "B3001 holds a formula" in db.session.get_one(Job, batch.job_id).failure


def test_a_batch_of_another_county_does_not_exist(client, world):
    batch = tried(world, hours_of(world))
    for actor in (world.gu, world.pan, world.he):
        sign_in(client, actor.account_id)
        assert client.get(f"/desk/imports/{batch.id}").status_code == 404
        for noun in (
            "mapping",
            "submission",
            "disposal",
            "approval",
            "refusal",
            "withdrawal",
            "errors",
            "continuation",
        ):
            answer = client.post(f"/desk/imports/{batch.id}/{noun}", data={"reason": "x"})
            assert answer.status_code in (403, 404), noun
        assert "三月" not in client.get("/desk/imports").text
    sign_in(client, world.lin.account_id)
    assert client.get(f"/desk/imports/{batch.id}").status_code == 403


def test_nobody_hands_in_for_another_county(client, world):
    sign_in(client, world.he.account_id)
    assert send(client, world, hours_of(world)).status_code == 404


def test_the_pages_ask_as_often_for_ten_rows_as_for_a_hundred(client, world):
    sign_in(client, world.qian.account_id)
    found = []
    for size in (10, 100):
        lines = [hours("王不在", "13911112222", f"{size}-{n}") for n in range(size)]
        batch = tried(world, book(HOURS_HEADS, *lines))
        with counted() as statements:
            client.get(f"/desk/imports/{batch.id}")
        found.append(len(statements))
    assert found[0] == found[1] <= 9
    with counted() as statements:
        client.get("/desk/imports")
    assert len(statements) <= 9
