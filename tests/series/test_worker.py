"""Shifts that are made without a visitor, and what is seen when they are not."""

import pytest

from blueprints.admin import doctor, worker
from blueprints.admin.doctor import Installation, Verdict
from blueprints.series import actions, queries
from blueprints.series.models import Series
from core import clock
from core.db import db
from tests.factories import BEFORE, make_post, make_world, sign_in
from tests.series.samples import DAY, made

LATER = BEFORE + 30 * DAY


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def series(world):
    return made(world, make_post(world.station, title="图书角"))


@pytest.fixture
def at(monkeypatch):
    return lambda moment: monkeypatch.setattr(clock, "now", lambda: moment)


def finding(tmp_path, now):
    return doctor.series_go_on(Installation({"INSTANCE": tmp_path}, now))


def test_a_round_makes_what_is_due_and_the_next_one_nothing(series):
    assert worker.repeat(now=LATER) == 5
    assert worker.repeat(now=LATER) == 0
    assert worker.repeat(now=BEFORE) == 0  # a clock that was set back takes nothing away


def test_a_month_without_a_worker_loses_nothing_but_what_is_past(series):
    assert worker.repeat(now=BEFORE + 80 * DAY) == 1  # of three months; the dates between have gone by


def test_one_series_that_fails_does_not_keep_the_others_from_theirs(world, series, monkeypatch):
    other = made(world, make_post(world.station))
    make = actions.generate

    def fails(series_id, *, now):
        if series_id == series.id:
            raise RuntimeError("broken")
        return make(series_id, now=now)

    monkeypatch.setattr(actions, "generate", fails)
    assert worker.repeat(now=LATER) == 5
    assert db.session.get(Series, series.id).failed_at == LATER
    assert db.session.get(Series, other.id).failed_at is None
    assert queries.due_ids(LATER) == []  # it is tried again after a while
    assert queries.due_ids(LATER + DAY / 24)[0] == series.id
    monkeypatch.setattr(actions, "generate", make)
    worker.repeat(now=LATER + DAY / 24)
    assert db.session.get(Series, series.id).failed_at is None


def test_the_doctor_finds_a_series_that_stands_still(series, tmp_path):
    assert finding(tmp_path, BEFORE).verdict is Verdict.OK
    stalled = finding(tmp_path, LATER)
    assert (stalled.verdict, str(series.id) in stalled.words) == (Verdict.PROBLEM, True)
    worker.repeat(now=LATER)
    assert finding(tmp_path, LATER).verdict is Verdict.OK


def test_the_desk_names_what_stands_still_or_ends_soon(client, world, series, at):
    sign_in(client, world.chen.account_id)
    at(BEFORE)
    assert "Series to look at" not in client.get("/desk").text
    at(LATER)
    assert "the worker may be standing still" in client.get("/desk").text
    worker.repeat(now=LATER)
    assert "Series to look at" not in client.get("/desk").text
    at(BEFORE + 70 * DAY)
    worker.repeat(now=BEFORE + 70 * DAY)
    assert "Think of what comes after it" in client.get("/desk").text
    at(BEFORE + 100 * DAY)
    assert "The series is over" in client.get("/desk").text
    sign_in(client, world.gu.account_id)
    assert "Series to look at" not in client.get("/desk").text
