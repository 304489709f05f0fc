"""Public notice: what nobody saw counts only when people had their working days to object, and the database says so."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from blueprints.admin.worker import keep_places
from blueprints.claims import queries as attendance
from blueprints.claims.models import EvidenceClass
from blueprints.disputes import actions as disputes
from blueprints.disputes.models import DisputeKind
from blueprints.messages.models import NoticeKind
from blueprints.organizations.models import Limit, Setting
from blueprints.records import actions, queries, waiting
from blueprints.records.models import RecordSource, RecordState
from core import clock, workdays
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from core.workdays import DayKind
from tests.claims.test_attendance import settle
from tests.claims.test_claiming import actor_of, claim, kinds
from tests.factories import BEFORE, HOUR, START, make_post, make_shift, make_staff, make_world, saved
from tests.records.test_entering import enter, facts, vouched
from tests.records.test_ledger import DONE, hand_in, served, total

NOW = START + timedelta(days=5)  # Saturday, 9 May 2099
SECOND = timedelta(seconds=1)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def zhu(world):
    return make_staff(Role.CONFIRMER, world.town, "朱确认")


@pytest.fixture
def noticed(world, zhu):
    record = vouched(world)
    actions.approve(record.id, zhu, now=NOW)
    db.session.commit()
    return record


def stated_afterwards(world):
    shift = make_shift(make_post(world.station))
    settle(claim(shift, world.lin), world.chen, START, START + HOUR, DONE + 3 * HOUR)
    return hand_in(shift, world.chen, DONE + 3 * HOUR)[0]


def test_it_counts_at_the_end_of_the_third_working_day_and_not_a_second_before(world, noticed):
    assert clock.local(noticed.notice_ends_at).isoformat() == "2099-05-14T00:00:00+08:00"  # Wednesday is the third
    assert actions.end_notices(noticed.notice_ends_at - SECOND) == 0
    assert (noticed.state, total(world.lin)) == (RecordState.NOTICE, 0)
    assert actions.end_notices(noticed.notice_ends_at) == 1
    assert (noticed.state, noticed.effective_at) == (RecordState.EFFECTIVE, noticed.notice_ends_at)
    assert queries.totals(world.lin.id)[EvidenceClass.C] == total(world.lin) == 90
    assert actions.end_notices(noticed.notice_ends_at) == 0


def test_the_owner_is_told_of_the_notice_and_of_its_end(world, noticed):
    assert kinds(world.lin)[-1] is NoticeKind.RECORD_ON_NOTICE
    actions.end_notices(noticed.notice_ends_at)
    assert kinds(world.lin)[-1] is NoticeKind.RECORD_EFFECTIVE


@pytest.mark.parametrize(
    ("agreed", "last"),
    [
        (datetime(2026, 2, 13, 2, 0, tzinfo=UTC), date(2026, 2, 25)),  # Spring Festival: Saturday 14 is worked
        (datetime(2026, 9, 29, 2, 0, tzinfo=UTC), date(2026, 10, 9)),  # over the National Day
        (datetime(2026, 12, 31, 15, 59, tzinfo=UTC), date(2027, 1, 6)),  # over the end of the year
    ],
)
def test_holidays_and_make_up_days_are_those_of_the_calendar(agreed, last):
    def special(first, count, kind):
        for number in range(count):
            day = first + timedelta(days=number)
            saved(workdays.CalendarDay(day=day, kind=kind, name="假", changed_at=BEFORE))

    special(date(2026, 2, 15), 9, DayKind.HOLIDAY), special(date(2026, 2, 14), 1, DayKind.WORKDAY)
    special(date(2026, 10, 1), 7, DayKind.HOLIDAY), special(date(2027, 1, 1), 1, DayKind.HOLIDAY)
    assert workdays.after(clock.today(agreed), 3) == last


def test_the_city_sets_the_days_and_never_less_than_three(world, zhu):
    saved(Setting(name=Limit.NOTICE_WORKING_DAYS, value=7, changed_at=BEFORE))
    record = vouched(world)
    actions.approve(record.id, zhu, now=NOW)
    assert clock.today(record.notice_ends_at - SECOND) == date(2099, 5, 19)


def test_times_stated_afterwards_go_on_notice_too_and_those_seen_do_not(world):
    late = stated_afterwards(world)
    actions.confirm_marked(late.id, world.wu, reason="与名册一致", now=NOW)
    assert (late.evidence, late.state) == (EvidenceClass.C, RecordState.NOTICE)
    seen = make_shift(make_post(world.station))
    served(world, seen, world.zhou)
    other = hand_in(seen, world.chen)[0]
    actions.confirm([other.id], world.wu, now=NOW)
    assert (other.evidence, other.state, other.effective_at) == (EvidenceClass.B, RecordState.EFFECTIVE, NOW)


def test_an_import_goes_on_notice(world, zhu):
    record = enter(world, source=RecordSource.IMPORT)
    actions.confirm([record.id], zhu, now=NOW)
    assert record.state is RecordState.NOTICE


def test_what_is_on_notice_fills_the_day_and_waits_for_nobody(world, zhu, noticed):
    assert queries.minutes_on(world.lin.id, noticed.served_on) == 90
    assert waiting.groups(zhu, [world.town.path], clock.today(NOW)) == ([], False)
    with pytest.raises(Refusal, match="recorded already"):
        enter(world, facts(world))
    for decide in (
        lambda: actions.approve(noticed.id, zhu, now=NOW),
        lambda: actions.confirm([noticed.id], zhu, now=NOW),
    ):
        with pytest.raises(Refusal, match="meanwhile"):
            decide()


def test_what_is_overturned_counts_nothing_and_its_attendance_is_open_again(world):
    late = stated_afterwards(world)
    actions.confirm_marked(late.id, world.wu, reason="与名册一致", now=NOW)
    actions.overturn(late.id, world.wu.account_id, reason="当天站点关门", now=NOW)
    assert (late.state, total(world.lin)) == (RecordState.RETURNED, 0)
    assert attendance.live_claim(attendance_shift(late), world.lin.id).handed_in_at is None
    assert actions.end_notices(late.notice_ends_at) == 0


def test_what_its_owner_disputes_waits_however_late_it_is(world, noticed):
    owner = actor_of(world.lin)
    said = disputes.file(noticed.id, DisputeKind.NOT_ME, owner, words="", now=NOW)
    late = noticed.notice_ends_at + timedelta(days=30)
    assert actions.end_notices(late) == 0
    with pytest.raises(DBAPIError, match="disputed_record_waits"), db.session.begin_nested():
        db.session.execute(text("UPDATE service_record SET state = 'effective', effective_at = notice_ends_at"))
    disputes.withdraw(said.id, owner, now=late)
    assert actions.end_notices(late) == 1
    assert noticed.effective_at == late


def attendance_shift(record):
    return db.session.scalar(text("SELECT shift_id FROM claim WHERE id = :id"), {"id": record.claim_id})


def test_the_worker_ends_notices(world, noticed, monkeypatch):
    assert keep_places(now=noticed.notice_ends_at - SECOND) == 0
    assert keep_places(now=noticed.notice_ends_at) == 1
    db.session.expire_all()
    assert noticed.state is RecordState.EFFECTIVE


# --- what the database refuses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "state = 'effective'",
        "state = 'effective', effective_at = noticed_at",
        "state = 'effective', effective_at = noticed_at, notice_ends_at = noticed_at",
        "notice_ends_at = '2099-05-11 00:00:00+00:00'",
        "noticed_at = '2099-01-01 00:00:00+00:00'",
        "minutes = 91",
        "minutes = 120, state = 'effective', effective_at = notice_ends_at",
        "evidence = 'A', source = 'shift'",
    ],
)
def test_no_path_leads_around_a_notice(noticed, change):
    with pytest.raises(DBAPIError):
        db.session.execute(text(f"UPDATE service_record SET {change} WHERE state = 'notice'"))


@pytest.mark.parametrize("state", ["pending", "approval"])
def test_nothing_unseen_becomes_effective_without_a_notice(world, state):
    record = vouched(world) if state == "approval" else enter(world, source=RecordSource.IMPORT)
    assert record.state == state
    wu, qian = world.wu.account_id, world.qian.account_id
    decided = f"confirmed_by_id = {wu}, confirmed_at = handed_in_at, approved_by_id = {qian}"
    with pytest.raises(DBAPIError):
        db.session.execute(
            text(
                f"UPDATE service_record SET state = 'effective', effective_at = handed_in_at, {decided}, "
                "noticed_at = '2099-01-01 00:00:00+00:00', notice_ends_at = '2099-01-05 00:00:00+00:00'"
            )
        )
