"""On which days a series takes place: weeks, months, holidays, midnight, and clocks that change."""

from datetime import UTC, date, datetime, timedelta

import pytest

from blueprints.series import pattern
from blueprints.series.models import MAKE_UP, HolidayRule, Rhythm
from blueprints.series.pattern import LeftOut
from blueprints.series.rules import sketch
from core import clock
from core.workdays import Calendar, DayKind
from tests.series.samples import rhythm, row

NOTHING = Calendar({})
DAY = timedelta(days=1)
AUTUMN = Calendar(
    {
        **{date(2099, 10, day): (DayKind.HOLIDAY, "国庆节") for day in range(1, 8)},
        date(2099, 10, 10): (DayKind.WORKDAY, "国庆节"),
    }
)


def plan(values, *rows, calendar=NOTHING, skips=()):
    series, slots = sketch(values, rows)
    return pattern.plan(series, slots, [(slots[number], day) for number, day in skips], calendar, *span(values))


def span(values):
    return values["from_day"], values["until_day"]


def days(hits):
    return [hit.day for hit in hits if hit.left_out is None]


def between(first, last, **changed):
    return rhythm(from_day=first, until_day=last, **changed)


def test_several_weekdays_each_with_hours_of_their_own():
    hits = plan(between(date(2099, 5, 4), date(2099, 5, 17)), row(1, 3), row(6, starts=14 * 60, ends=16 * 60))
    assert [(hit.day.isoweekday(), clock.local(hit.starts_at).hour) for hit in hits] == [
        *[(1, 9), (3, 9), (6, 14)] * 2,
    ]


def test_every_second_week_counts_from_the_week_it_begins_in():
    hits = plan(between(date(2099, 5, 6), date(2099, 6, 10), every=2), row(1, 3))
    assert days(hits) == [date(2099, 5, 6), date(2099, 5, 18), date(2099, 5, 20), date(2099, 6, 1), date(2099, 6, 3)]


def test_every_second_sunday_and_the_last_friday_of_the_month():
    monthly = {"rhythm": Rhythm.MONTHLY}
    second = plan(between(date(2026, 12, 1), date(2027, 3, 31), ordinal=2, **monthly), row(7))
    assert days(second) == [date(2026, 12, 13), date(2027, 1, 10), date(2027, 2, 14), date(2027, 3, 14)]
    last = plan(between(date(2027, 1, 30), date(2027, 4, 30), ordinal=-1, **monthly), row(5))
    assert days(last) == [date(2027, 2, 26), date(2027, 3, 26), date(2027, 4, 30)]


def test_a_series_runs_over_the_end_of_the_year_and_29_february():
    hits = plan(between(date(2027, 12, 30), date(2028, 3, 2)), row(2, 4))
    assert {date(2027, 12, 30), date(2028, 1, 4), date(2028, 2, 29), date(2028, 3, 2)} <= set(days(hits))
    assert len(hits) == 19
    assert pattern.last_day(date(2028, 2, 29)) == date(2029, 2, 27)


def test_hours_over_midnight_end_on_the_next_day_also_at_the_end_of_a_month():
    hits = plan(between(date(2099, 8, 31), date(2099, 8, 31)), row(1, starts=22 * 60, ends=2 * 60))
    assert (hits[0].starts_at, hits[0].ends_at) == (
        datetime(2099, 8, 31, 14, tzinfo=UTC),
        datetime(2099, 8, 31, 18, tzinfo=UTC),
    )


def test_holidays_are_left_out_by_name_or_kept_as_usual():
    week = between(date(2099, 9, 28), date(2099, 10, 11))
    skipping = plan(week, row(1, 2, 3, 4, 5), calendar=AUTUMN)
    assert days(skipping) == [
        date(2099, 9, 28),
        date(2099, 9, 29),
        date(2099, 9, 30),
        date(2099, 10, 8),
        date(2099, 10, 9),
    ]
    assert {(hit.left_out, hit.special) for hit in skipping if hit.left_out} == {(LeftOut.HOLIDAY, "国庆节")}
    usual = plan(week | {"holidays": HolidayRule.USUAL}, row(1, 2, 3, 4, 5), calendar=AUTUMN)
    assert len(days(usual)) == 10
    assert usual[3].special == "国庆节"


def test_make_up_days_take_place_where_the_row_says_so():
    week = between(date(2099, 9, 28), date(2099, 10, 11))
    both = plan(week, row(1, MAKE_UP), calendar=AUTUMN)
    assert days(both) == [date(2099, 9, 28), date(2099, 10, 10)]
    assert both[-1].kind is DayKind.WORKDAY
    assert days(plan(week, row(1), calendar=AUTUMN)) == [date(2099, 9, 28)]
    once = plan(week, row(6, MAKE_UP), calendar=AUTUMN)  # a Saturday that is a make-up day is one date, not two
    assert days(once) == [date(2099, 10, 10)]


def test_make_up_days_keep_to_the_weeks_that_count():
    fortnight = between(date(2099, 9, 28), date(2099, 10, 18), every=2)
    assert days(plan(fortnight, row(1, MAKE_UP), calendar=AUTUMN)) == [date(2099, 9, 28), date(2099, 10, 12)]


def test_days_that_were_left_out_by_hand_stay_visible_as_such():
    hits = plan(between(date(2099, 5, 4), date(2099, 5, 18)), row(1), skips=[(0, date(2099, 5, 11))])
    assert [(hit.day.day, hit.left_out) for hit in hits] == [(4, None), (11, LeftOut.SKIPPED), (18, None)]


@pytest.mark.parametrize(
    ("zone", "offsets"),
    [("Asia/Shanghai", {8}), ("Europe/Berlin", {1, 2}), ("America/New_York", {-4, -5})],
)
def test_the_hours_on_the_wall_stay_through_summer_time(app, monkeypatch, zone, offsets):
    monkeypatch.setitem(app.config, "TIME_ZONE", zone)
    hits = plan(between(date(2027, 1, 1), date(2027, 12, 31)), row(7))
    local = [clock.local(hit.starts_at) for hit in hits]
    assert {(moment.hour, moment.minute) for moment in local} == {(9, 0)}
    assert {moment.utcoffset() // timedelta(hours=1) for moment in local} == offsets
    assert {hit.ends_at - hit.starts_at for hit in hits} == {timedelta(hours=2)}


def test_a_night_on_which_the_clock_changes_keeps_its_hours_or_is_left_out(app, monkeypatch):
    monkeypatch.setitem(app.config, "TIME_ZONE", "Europe/Berlin")
    spring = between(date(2027, 3, 27), date(2027, 3, 28))
    night = plan(spring, row(6, starts=22 * 60, ends=6 * 60))
    assert night[0].ends_at - night[0].starts_at == timedelta(hours=7)
    swallowed = plan(spring, row(7, starts=150, ends=180))
    assert [hit.left_out for hit in swallowed] == [LeftOut.CLOCK]
