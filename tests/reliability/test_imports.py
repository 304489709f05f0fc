"""kill -9 of the worker in the middle of a file: it is entered to its end, once, the sums are right, `doctor` clean."""

import pytest
from sqlalchemy import func, select

from blueprints.exchange.models import ImportKind, ImportState, Newcomer
from blueprints.identity.models import Account, Volunteer
from blueprints.records import actions as records
from blueprints.records import queries as recorded
from blueprints.records.models import LedgerEntry, RecordState, ServiceRecord
from core.db import db
from tests.reliability.crashes import broken_rules
from tests.reliability.house import database, furnish, house, people
from tests.reliability.imports import (
    approved,
    count,
    hours_of,
    how_far,
    lapse,
    registrations,
    staff,
    state_of,
    strike,
    wait,
    worker,
)

pytestmark = [pytest.mark.commits, pytest.mark.slow]
PEOPLE, DAYS = 40, 6
NEW = 1500


@pytest.fixture
def home(tmp_path):
    with database("import") as url, house(tmp_path / "home", url or f"sqlite:///{tmp_path / 'rengang.db'}") as built:
        built.station = furnish()
        db.session.commit()
        built.maker, built.decider = staff(built.station)
        yield built


def struck(home, batch_id, at):
    """Workers that are killed as soon as so many rows are done, one after the other; the last one may finish."""
    for rows in at:
        with worker(home) as process:
            wait(lambda rows=rows: how_far(batch_id)[0] >= rows)
            strike(process)
        done, state = how_far(batch_id)
        assert (done >= rows, state) == (True, "running"), "it was struck in the middle"
        lapse()
    with worker(home):
        wait(lambda: how_far(batch_id)[1] == "done")
    assert state_of(batch_id) is ImportState.APPLIED


def test_a_worker_killed_while_it_enters_hours_leaves_each_of_them_once(home):
    lines = hours_of(people(home.station, PEOPLE, 1), DAYS)
    batch_id = approved(ImportKind.HOURS, lines, home.station, home.maker, home.decider)
    struck(home, batch_id, (len(lines) // 3, 2 * len(lines) // 3))
    assert count(ServiceRecord) == PEOPLE * DAYS
    each = select(ServiceRecord.volunteer_id, func.count(), func.sum(ServiceRecord.minutes))
    found = db.session.execute(each.group_by(ServiceRecord.volunteer_id)).all()
    assert {(rows, minutes) for _id, rows, minutes in found} == {(DAYS, 120 * DAYS)}
    assert len(found) == PEOPLE
    states = set(db.session.scalars(select(ServiceRecord.state).distinct()))
    assert states == {RecordState.NOTICE}, "every one was confirmed, and none counts before its notice ends"
    assert count(LedgerEntry) == 0
    after = db.session.scalar(select(func.max(ServiceRecord.notice_ends_at)))
    while records.end_notices(after):
        db.session.commit()
    assert count(LedgerEntry) == PEOPLE * DAYS
    assert {sum(recorded.totals(id).values()) for id, _rows, _minutes in found} == {120 * DAYS}
    db.session.commit()
    assert broken_rules() == []


def test_a_worker_killed_while_it_registers_people_lets_nobody_in_and_then_each_once(home):
    before = count(Account), count(Volunteer)
    batch_id = approved(ImportKind.REGISTRATIONS, registrations(NEW), home.station, home.maker, home.decider)
    with worker(home) as process:
        wait(lambda: how_far(batch_id)[0] >= NEW // 3)
        strike(process)
    assert 0 < how_far(batch_id)[0] < NEW
    assert (count(Account), count(Volunteer)) == before
    assert count(Newcomer) == how_far(batch_id)[0]
    lapse()
    with worker(home):
        wait(lambda: how_far(batch_id)[1] == "done")
    assert state_of(batch_id) is ImportState.APPLIED
    assert (count(Account), count(Volunteer)) == (before[0] + NEW, before[1] + NEW)
    assert count(Newcomer) == 0
    assert db.session.scalar(select(func.count(func.distinct(Volunteer.number)))) == before[1] + NEW
    assert broken_rules() == []
