"""What fades and what is of today, by the clock on the wall: in a zone without summer time and in zones with it."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from blueprints.claims import absences, board, wall
from blueprints.claims.forms import moment_of
from blueprints.claims.search import DayPart, Search
from core import clock
from core.db import db
from tests.factories import HOUR, make_post, make_shift, make_world

ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York"]


@pytest.fixture(params=ZONES)
def zone(request, app, monkeypatch):
    monkeypatch.setitem(app.config, "TIME_ZONE", request.param)
    db.engine.engine.clear_compiled_cache()  # the zone stands in the SQL; no installation changes it while it runs
    yield request.param
    db.engine.engine.clear_compiled_cache()


# In Berlin clocks go forward on 28 March 2027 and back on 25 October 2026; in New York on 14 March and 1 November.
@pytest.mark.parametrize("day", [date(2026, 9, 28), date(2026, 9, 14), date(2026, 4, 25), date(2026, 5, 1)])
@pytest.mark.parametrize("hour", [time(0, 15), time(10), time(23, 45)])
def test_a_mark_fades_at_the_same_local_hour_whatever_the_clocks_did_in_between(zone, day, hour):
    fades = clock.local(absences.fades_at(clock.at(day, hour)))
    assert (fades.day, (fades.month - day.month) % 12, fades.time()) == (day.day, 6, hour)


def test_a_mark_whose_hour_does_not_exist_on_its_last_day_still_fades_on_that_day(zone):
    fades = clock.local(absences.fades_at(clock.at(date(2026, 9, 28), time(2, 30))))
    assert fades.date() == date(2027, 3, 28)
    assert fades.time() == (time(3, 30) if zone == "Europe/Berlin" else time(2, 30))


def test_looking_back_meets_looking_ahead(zone):
    moment = datetime(2026, 5, 4, 1, 0, tzinfo=UTC)
    assert absences.faded_before(absences.fades_at(moment)) == moment


@pytest.mark.parametrize("day", [date(2026, 10, 25), date(2026, 11, 1), date(2027, 3, 14), date(2027, 3, 28)])
def test_today_on_the_wall_is_the_local_day_also_when_it_has_23_or_25_hours(zone, day):
    world = make_world()
    post = make_post(world.station)
    late = make_shift(post, starts_at=clock.at(day, time(23, 30)))
    make_shift(post, starts_at=clock.at(day + timedelta(days=1), time(0, 15)))
    early = make_shift(post, starts_at=clock.at(day, time(0, 30)), hours=1)
    assert [line.id for line in wall.wall(world.station, clock.at(day, time(0, 0))).today] == [early.id, late.id]
    shown = wall.wall(world.station, clock.at(day, time(8))).today
    assert [line.id for line in shown] == [late.id]


CHANGES = [date(2026, 10, 25), date(2026, 11, 1), date(2027, 3, 14), date(2027, 3, 28)]


@pytest.mark.parametrize("day", CHANGES)
def test_the_mornings_of_the_list_are_mornings_on_both_sides_of_the_change(zone, day):
    """Looked at days before, while the other half of the year still is."""
    post = make_post(make_world().station)
    found = {}
    for part, hour in [("morning", time(11, 30)), ("afternoon", time(12, 0)), ("evening", time(18, 0))]:
        for days in (-2, 0, 2):
            shift = make_shift(post, starts_at=clock.at(day + days * clock.DAY, hour))
            found.setdefault(part, []).append(shift.id)
    now = clock.at(day - 5 * clock.DAY, time(9))
    for part, wanted in found.items():
        seen = board.look(Search(part=DayPart(part)), now)
        assert [id for id, _revision, _later in seen.rows] == wanted


@pytest.mark.parametrize("day", CHANGES)
def test_times_typed_after_a_night_are_those_on_the_wall_and_last_as_long_as_the_night_did(zone, day):
    opens, last = clock.at(day - clock.DAY, time(22)), clock.at(day, time(6))
    came = moment_of(time(23), opens, last)
    left = moment_of(time(5), came, last)
    assert [clock.local(moment).time() for moment in (came, left)] == [time(23), time(5)]
    longer = clock.local(opens).utcoffset() - clock.local(last).utcoffset()
    assert left - came == 6 * HOUR + longer


def test_an_hour_that_comes_twice_can_be_typed_twice(app, monkeypatch):
    monkeypatch.setitem(app.config, "TIME_ZONE", "Europe/Berlin")
    opens, last = clock.at(date(2026, 10, 24), time(22)), clock.at(date(2026, 10, 25), time(6))
    came = moment_of(time(2, 40), opens, last)
    assert moment_of(time(2, 20), came, last) - came == timedelta(minutes=40)
