"""Things that happen while many people are at work: an upgrade, a backup."""

import zipfile
from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from blueprints.admin import backup
from blueprints.claims.models import LIVE_STATES, Claim
from core import clock
from core.db import db
from tests.reliability.crashes import broken_rules
from tests.reliability.house import Crowd, Task, coming, database, furnish, house, people

pytestmark = [pytest.mark.commits, pytest.mark.slow]
PEOPLE = 150


@pytest.fixture
def home(tmp_path):
    with database("rush") as url, house(tmp_path / "home", url or f"sqlite:///{tmp_path / 'rengang.db'}") as built:
        built.station = furnish()
        built.start()
        yield built


def rush_of(home) -> list[Task]:
    """Everybody wants one of ten places."""
    shift = coming(home.station, 2, 10, datetime.now(UTC))
    crowd = people(home.station, PEOPLE, 1)
    tasks = [
        Task(f"/shifts/{shift.id}/claims", home.cookie(person.account_id), home.form(), (shift.id, person.id))
        for person in crowd
    ]
    db.session.commit()
    return tasks


def standing() -> Counter[str]:
    rows = db.session.execute(
        select(Claim.state, func.count()).where(Claim.state.in_(LIVE_STATES)).group_by(Claim.state)
    ).all()
    db.session.rollback()
    return Counter({state.value: count for state, count in rows})


def test_a_new_version_comes_during_the_rush_and_everybody_is_served(home):
    """Who meets the closed door for a moment knocks again, as people and browsers do."""

    def deploy():
        home.stop()
        home.start()

    tasks = rush_of(home)
    answers = Crowd(home.port, tasks, deploy, after=40, patient=True).rush()
    assert Counter(answers.values()).keys() <= {303, 409}, "nobody sees an error"
    assert len(answers) == PEOPLE
    assert standing() == {"held": 10, "waiting": PEOPLE - 10}
    assert broken_rules() == []


def test_a_backup_during_the_rush_is_one_moment_that_can_be_restored(home, tmp_path):
    file = tmp_path / "during.zip"

    def write():
        with home.app.app_context():
            backup.write(file, db.engine, now=clock.now(), say=lambda _line: None)

    Crowd(home.port, rush_of(home), write, after=40).rush()
    with zipfile.ZipFile(file) as archive:
        kept = archive.read("tables/claim.jsonl").count(b"\n")
    assert 40 <= kept <= PEOPLE
    with house(tmp_path / "other", f"sqlite:///{tmp_path / 'other.db'}", empty=True) as other:
        manifest = backup.read_manifest(file)
        with db.engine.begin() as connection:
            backup.restore(file, manifest, connection, say=lambda _line: None)
        assert sum(standing().values()) == kept
        assert broken_rules() == []
        assert other.app.config["DATA_KEY"] == home.app.config["DATA_KEY"]
