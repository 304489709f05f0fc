"""The tablet's today is the local day, also when it has 23 or 25 hours."""

from datetime import date, time

import pytest

from blueprints.kiosk import queries
from core import clock
from tests.factories import make_post, make_shift


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("day", [date(2026, 10, 25), date(2026, 11, 1), date(2027, 3, 14), date(2027, 3, 28)])
def test_the_tablet_shows_what_begins_on_this_day_by_the_clock_on_the_wall(app, monkeypatch, world, zone, day):
    monkeypatch.setitem(app.config, "TIME_ZONE", zone)
    post = make_post(world.station)
    early = make_shift(post, starts_at=clock.at(day, time(0, 30)), hours=1)
    late = make_shift(post, starts_at=clock.at(day, time(23, 30)))
    make_shift(post, starts_at=clock.at(day + clock.DAY, time(0, 15)))
    seen = [each.shift.id for each in queries.todays(world.station.path, clock.at(day, time.min))]
    assert seen == [early.id, late.id]
