"""When a notice ends: at midnight after its last working day, by a calendar that an office edits while it runs."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from blueprints.admin.worker import keep_places
from blueprints.messages.models import NoticeKind
from blueprints.organizations import actions as organizations
from blueprints.organizations.models import Limit, Setting
from blueprints.public_notices import actions
from blueprints.records import actions as records
from blueprints.records import queries as recorded
from blueprints.records.models import RecordSource, RecordState
from core import clock, workdays
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.workdays import DayKind
from tests.claims.test_claiming import actor_of, kinds
from tests.factories import BEFORE, HOUR, make_staff, saved
from tests.public_notices.conftest import NOW, object_to
from tests.records.test_entering import enter, facts, vouched
from tests.records.test_ledger import total

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
HOLIDAY, WORKDAY = DayKind.HOLIDAY, DayKind.WORKDAY
# 2026 as the State Council announced it; 2027 as an office may type it in (New Year is 6 February).
FESTIVALS = [
    (date(2026, 1, 1), 3, HOLIDAY), (date(2026, 1, 4), 1, WORKDAY),
    (date(2026, 2, 14), 1, WORKDAY), (date(2026, 2, 15), 9, HOLIDAY), (date(2026, 2, 28), 1, WORKDAY),
    (date(2027, 1, 1), 3, HOLIDAY),
    (date(2027, 1, 31), 1, WORKDAY), (date(2027, 2, 5), 7, HOLIDAY), (date(2027, 2, 13), 1, WORKDAY),
]  # fmt: skip


@pytest.fixture
def festivals(world):
    """The calendar of those years, in which Lin is grown up and registered."""
    world.lin.birth_date, long_ago = date(1990, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)
    world.lin.submitted_at = world.lin.decided_at = long_ago
    for first, count, kind in FESTIVALS:
        for number in range(count):
            day = first + number * DAY
            saved(workdays.CalendarDay(day=day, kind=kind, name="假", changed_at=BEFORE))


@pytest.fixture
def top(world):
    return make_staff(Role.ADMINISTRATOR, world.city, "市主任")


def on_notice(world, by, source, agreed):
    """An entry of class C or D on which the last decision falls at that moment."""
    what = facts(world, starts=agreed - 3 * DAY, length=2 * HOUR)
    if source is RecordSource.SUPPLEMENT:
        record = vouched(world, what, now=agreed - HOUR)
        records.approve(record.id, by, now=agreed)
    else:
        record = enter(world, what, source, now=agreed - HOUR)
        records.confirm([record.id], by, now=agreed)
    db.session.commit()
    assert record.state is RecordState.NOTICE
    return record


@pytest.mark.parametrize("source", [RecordSource.SUPPLEMENT, RecordSource.IMPORT])
@pytest.mark.parametrize(
    ("agreed", "last"),
    [
        ("2026-02-13 10:00", "2026-02-25"),  # Friday; Saturday 14 is worked, then nine days are free
        ("2026-02-14 10:00", "2026-02-26"),  # on the make-up day itself, which does not count as its own
        ("2026-02-18 10:00", "2026-02-26"),  # on New Year's second day
        ("2026-02-26 10:00", "2026-03-02"),  # Friday, the worked Saturday 28, and Monday
        ("2027-01-29 10:00", "2027-02-02"),  # the worked Sunday 31 counts, Saturday 30 does not
        ("2027-02-03 10:00", "2027-02-13"),  # Thursday, then Friday 12 and the worked Saturday 13
        ("2027-02-04 23:59", "2027-02-15"),  # a minute before the holiday begins
        ("2027-02-05 00:00", "2027-02-15"),  # and with it
        ("2026-12-31 23:59", "2027-01-06"),  # over the end of the year
    ],
)
def test_over_spring_festival_it_ends_at_midnight_after_the_last_working_day(
    world, zhu, festivals, source, agreed, last
):
    moment = datetime.fromisoformat(agreed)
    record = on_notice(world, zhu, source, clock.at(moment.date(), moment.time()))
    assert record.notice_ends_at == clock.at(date.fromisoformat(last) + DAY, time.min)
    assert records.end_notices(record.notice_ends_at - SECOND) == 0
    assert total(world.lin) == 0
    assert records.end_notices(record.notice_ends_at) == 1
    assert (record.state, record.effective_at, total(world.lin)) == (RecordState.EFFECTIVE, record.notice_ends_at, 90)


# --- the calendar is changed while it runs ----------------------------------------------------------------------


def set_day(day, kind, top, now=NOW + HOUR):
    organizations.set_day(day, kind, "调休", actor=top, now=now)
    db.session.commit()


WEDNESDAY = date(2099, 5, 13)


def test_a_holiday_that_is_entered_later_moves_the_end_and_says_so(as_, world, top, noticed, moment):
    promised = noticed.notice_ends_at
    set_day(WEDNESDAY, HOLIDAY, top)
    assert keep_places(now=NOW + 2 * HOUR) == 1
    assert noticed.notice_ends_at == promised + DAY
    assert kinds(world.lin)[-1] is NoticeKind.RECORD_ON_NOTICE
    trace = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "notice lengthened")).one()
    assert (trace.subject_id, trace.actor_id) == (noticed.id, None)
    moment[0] = promised
    assert as_(world.zhou).get(f"/notices/{noticed.id}").status_code == 200
    object_to(noticed, actor_of(world.zhou), now=promised)  # the day more is there to object
    assert keep_places(now=NOW + 3 * HOUR) == 0  # once


def test_days_that_are_given_back_never_bring_the_end_forward(world, top, noticed):
    promised = noticed.notice_ends_at
    for day in (date(2099, 5, 10), date(2099, 5, 9)):  # Sunday, and the Saturday on which it was agreed
        set_day(day, WORKDAY, top)
    assert keep_places(now=NOW + 2 * HOUR) == 0
    assert noticed.notice_ends_at == promised
    assert records.end_notices(promised - SECOND) == 0
    assert records.end_notices(promised) == 1


def test_a_holiday_that_is_removed_again_leaves_the_later_end(world, top, noticed):
    promised = noticed.notice_ends_at
    set_day(WEDNESDAY, HOLIDAY, top)
    records.lengthen_notices(NOW + 2 * HOUR)
    row = db.session.scalars(select(workdays.CalendarDay).where(workdays.CalendarDay.day == WEDNESDAY)).one()
    organizations.remove_day(row.id, actor=top, now=NOW + 3 * HOUR)
    assert records.lengthen_notices(NOW + 4 * HOUR) == 0
    assert noticed.notice_ends_at == promised + DAY
    with pytest.raises(DBAPIError):
        db.session.execute(text("UPDATE service_record SET notice_ends_at = noticed_at WHERE state = 'notice'"))


def test_a_change_in_the_last_minute_is_seen_before_anything_counts(world, top, noticed):
    promised = noticed.notice_ends_at
    set_day(WEDNESDAY, HOLIDAY, top, now=promised - SECOND)
    assert records.end_notices(promised) == 0
    assert (noticed.state, noticed.notice_ends_at) == (RecordState.NOTICE, promised + DAY)
    assert records.end_notices(promised + DAY) == 1


def test_what_is_over_is_not_opened_again(world, top, noticed):
    promised = noticed.notice_ends_at
    said = object_to(noticed, actor_of(world.zhou))
    late = promised + 9 * DAY
    set_day(WEDNESDAY, HOLIDAY, top, now=late)
    assert records.lengthen_notices(late) == 0
    actions.dismiss(said.id, world.wu, answer="值守记录在案", now=late)
    assert records.end_notices(late) == 1
    assert (noticed.notice_ends_at, noticed.effective_at) == (promised, late)
    assert records.lengthen_notices(late) == 0


def test_only_those_that_lost_a_day_are_moved(world, zhu, top, noticed):
    """Agreed on Saturday and on Sunday, both end with Wednesday; the Sunday that becomes a holiday takes nothing."""
    later = facts(world, starts=NOW - 2 * DAY)
    other = vouched(world, later, now=NOW)
    records.approve(other.id, zhu, now=NOW + DAY)
    db.session.commit()
    assert other.notice_ends_at == noticed.notice_ends_at
    set_day(date(2099, 5, 10), WORKDAY, top)
    set_day(date(2099, 5, 12), HOLIDAY, top)  # the Sunday makes up for the Tuesday, for the one that was there by then
    assert recorded.notices_cut_short(NOW + 2 * DAY) == [noticed.id, other.id]
    assert records.lengthen_notices(NOW + 2 * DAY) == 1
    assert (noticed.notice_ends_at, other.notice_ends_at) == (
        clock.at(date(2099, 5, 14), time.min), clock.at(date(2099, 5, 15), time.min)
    )  # fmt: skip
    assert recorded.notices_cut_short(NOW + 2 * DAY) == []


def test_another_number_of_days_holds_for_those_that_begin_then(world, zhu, noticed):
    promised = noticed.notice_ends_at
    saved(Setting(name=Limit.NOTICE_WORKING_DAYS, value=7, changed_at=NOW))
    assert records.lengthen_notices(NOW + HOUR) == 0
    assert (noticed.notice_days, noticed.notice_ends_at) == (3, promised)
    later = vouched(world, facts(world, starts=NOW - 2 * DAY), now=NOW)
    records.approve(later.id, zhu, now=NOW)
    assert later.notice_days == 7


def test_one_from_before_the_days_were_kept_has_the_least_of_them(world, top, noticed):
    noticed.notice_days = None
    set_day(WEDNESDAY, HOLIDAY, top)
    promised = noticed.notice_ends_at
    assert records.lengthen_notices(NOW + HOUR) == 1
    assert noticed.notice_ends_at == promised + DAY


def test_the_database_knows_no_shorter_notice(noticed):
    with pytest.raises(DBAPIError):
        db.session.execute(text("UPDATE service_record SET notice_days = 2 WHERE state = 'notice'"))
