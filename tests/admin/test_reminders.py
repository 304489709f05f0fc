"""When people are reminded: twice, each once, never after the fact, and not in the middle of the night."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from blueprints.admin import reminders, worker
from blueprints.messages.models import Notice, NoticeKind
from blueprints.messages.rules import QuietHours, near_reminder_at
from blueprints.organizations.models import Limit, Setting
from core import clock
from core.db import db
from tests.admin.test_commands_worker import hold_place, together
from tests.counting import queries_of
from tests.factories import BEFORE, HOUR, START, make_post, make_shift, saved

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
SOON, NEAR = NoticeKind.SHIFT_SOON, NoticeKind.SHIFT_NEAR
QUIET = QuietHours(22, 7)
ZONES = ["Asia/Shanghai", "Europe/Berlin", "Asia/Kolkata"]


def told() -> list[NoticeKind]:
    written = select(Notice.kind).where(Notice.kind.in_([SOON, NEAR])).order_by(Notice.id)
    return list(db.session.scalars(written))


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station))


def test_everybody_is_reminded_the_day_before_and_two_hours_before_each_once(world, shift):
    hold_place(shift, world.lin)
    moment, every = START - 30 * HOUR, 20 * MINUTE
    while moment < START + HOUR:
        worker.remind(now=moment)
        moment += every
    assert told() == [SOON, NEAR]


def test_after_three_days_without_a_worker_only_the_reminder_that_still_helps_is_sent_and_once(world, shift):
    over = make_shift(make_post(world.station), starts_at=START - 2 * DAY)
    hold_place(over, world.lin, at=BEFORE - DAY)
    hold_place(shift, world.lin)
    hold_place(make_shift(make_post(world.station), starts_at=START + 8 * HOUR), world.zhou)
    now = START - HOUR  # the first was due 23 hours ago, the second one hour ago
    assert worker.remind(now=now) == 2
    assert told() == [NEAR, SOON]
    assert worker.remind(now=now + MINUTE) == 0


def test_who_claimed_between_the_two_gets_the_second_only(world, shift):
    hold_place(shift, world.lin, at=START - 5 * HOUR)
    hold_place(shift, world.zhou, 2, at=START - HOUR)
    worker.remind(now=START - 4 * HOUR)
    worker.remind(now=START - HOUR)
    assert told() == [NEAR]


def test_a_shift_that_moved_within_the_day_is_reminded_of_again_shortly_before(world, shift):
    hold_place(shift, world.lin)
    worker.remind(now=START - HOUR)
    shift.starts_at, shift.ends_at = START + 5 * HOUR, START + 7 * HOUR
    db.session.commit()
    worker.remind(now=START + 4 * HOUR)
    assert told() == [NEAR, NEAR]


def test_a_city_sets_both_moments_and_may_do_without_the_second(world, shift):
    saved(Setting(name=Limit.REMIND_HOURS, value=48, changed_at=BEFORE))
    saved(Setting(name=Limit.REMIND_NEAR_HOURS, value=0, changed_at=BEFORE))
    hold_place(shift, world.lin, at=START - 5 * DAY)
    assert worker.remind(now=START - 48 * HOUR) == 1
    assert worker.remind(now=START - HOUR) == 0
    assert told() == [SOON]


@pytest.mark.commits
def test_two_workers_at_once_write_the_second_reminder_once(app, world):
    shift = make_shift(make_post(world.station), places=9)
    for place, person in enumerate([world.lin, world.zhou, world.shen], 1):
        hold_place(shift, person, place)
    together(app, 3, lambda: worker.remind(now=START - HOUR))
    assert told() == [NEAR] * 3


def test_a_round_asks_the_same_number_of_questions_however_many_claims_there_are(world):
    post = make_post(world.station)
    hold_place(make_shift(post), world.lin)
    few = queries_of(lambda: reminders._unreminded(reminders.plan(), START - HOUR))
    for number in range(12):
        shift = make_shift(post, starts_at=START + number * MINUTE, hours=0.01)
        hold_place(shift, world.zhou), hold_place(shift, world.shen, 2)
    assert queries_of(lambda: reminders._unreminded(reminders.plan(), START - HOUR)) == few


# --- the clock on the wall ----------------------------------------------------------------------------------


@pytest.fixture(params=ZONES)
def zone(app, request, monkeypatch) -> str:
    monkeypatch.setitem(app.config, "TIME_ZONE", request.param)
    return request.param


def wall(day: date, hour: int, minute: int = 0) -> datetime:
    return clock.at(day, time(hour, minute))


# In Berlin: the night to 29 March has no 02:30, that to 25 October has it twice.
NIGHTS = [date(2026, 3, 28), date(2026, 10, 24), date(2026, 12, 31), date(2028, 2, 28)]


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("evening", NIGHTS, ids=str)
def test_quiet_hours_end_at_seven_on_the_wall_also_when_the_clock_is_changed(evening):
    morning = evening + DAY
    end = wall(morning, 7)
    assert QUIET.end_after(wall(evening, 21, 59)) is None
    moment = wall(evening, 22)
    while moment < end:  # every real quarter of an hour of the night
        assert QUIET.end_after(moment) == end
        moment += 15 * MINUTE
    assert QUIET.end_after(end) is None
    assert QUIET.begin_before(end) == wall(evening, 22)


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)], ids=str)
def test_quiet_hours_within_one_day_and_none_at_all(day):
    siesta = QuietHours(1, 5)
    moment, end = wall(day, 1), wall(day, 5)
    while moment < end:
        assert siesta.end_after(moment) == end
        moment += 15 * MINUTE
    assert siesta.end_after(end) is None
    assert siesta.begin_before(end) == wall(day, 1)
    assert QuietHours(7, 7).end_after(wall(day, 7)) is None


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("evening", NIGHTS, ids=str)
@pytest.mark.parametrize(
    ("start", "due"),
    [
        ((9, 0), (7, 0)),  # two hours before
        ((8, 0), (6, 0)),  # in quiet hours: written then, sent at seven
        ((7, 30), None),  # seven would be too short before: an hour before quiet hours begin
        ((6, 30), None),
        ((5, 0), None),
    ],
)
def test_before_an_early_shift_the_second_reminder_comes_in_the_evening(evening, start, due):
    day = evening + DAY
    wanted = wall(day, *due) if due else wall(evening, 21)
    assert near_reminder_at(wall(day, *start), 2 * HOUR, QUIET) == wanted


@pytest.mark.usefixtures("zone")
def test_on_the_night_of_the_change_each_reminder_still_comes_once(world):
    day = date(2099, 3, 29)  # Berlin: 02:00 becomes 03:00
    shift = make_shift(make_post(world.station), starts_at=wall(day, 6, 30))
    hold_place(shift, world.lin, at=wall(day - 5 * DAY, 12))
    moment = wall(day - 3 * DAY, 0)
    while moment < wall(day, 8):
        worker.remind(now=moment)
        moment += 30 * MINUTE
    assert told() == [SOON, NEAR]
    at = db.session.scalars(select(Notice.at).where(Notice.kind == NEAR)).one()
    assert at.astimezone(UTC) == wall(day - DAY, 21)
