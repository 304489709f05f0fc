"""Several workers, clerks and volunteers at one series, with real processes and real transactions."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from app import create_app
from blueprints.claims.models import Claim, ClaimState
from blueprints.posts.models import Shift, ShiftState
from blueprints.series import actions, queries
from blueprints.series.actions import Scope
from blueprints.series.models import Occurrence
from core import clock
from core.actor import Actor, Held, Role
from core.db import db
from core.refusal import Refusal
from core.web import App
from tests.claims.test_races import KEPT, people
from tests.factories import make_post, make_world
from tests.series.samples import BEFORE, DAY, MONDAY, WEEK, made, row

pytestmark = pytest.mark.commits
Race = Callable[[list[tuple[Any, ...]]], Counter[str]]
_app: Any = None


def start(config: dict[str, Any]) -> None:
    global _app  # noqa: PLW0603
    _app = create_app(**config)


def attempt(verb: str, *args: Any) -> str:
    """Do one thing in a transaction of its own and say how it ended."""
    with _app.app_context():
        try:
            outcome = VERBS[verb](*args)
            db.session.commit()
        except Refusal:
            db.session.rollback()
            return "refused"
        return str(outcome)


def clerk(account_id: int, path: str) -> Actor:
    return Actor(account_id, "", held=(Held(Role.CLERK, 0, path),))


def do_generate(series_id: int) -> str:
    return str(actions.generate(series_id, now=BEFORE + 21 * DAY))


def do_change(series_id: int, slot_id: int, hour: int, *who: Any) -> str:
    values = {"starts": hour * 60, "ends": hour * 60 + 60, "places": 2, "break_minutes": 0}
    key = (slot_id, MONDAY + 2 * WEEK)
    actions.change_date(series_id, key, Scope.FOLLOWING, values, clerk(*who), revision=1, reason="换时间", now=BEFORE)
    return "changed"


def do_claim(series_id: int, ids: list[int], volunteer_id: int) -> str:
    answers = actions.claim_several(series_id, ids, Actor(0, "", volunteer_id=volunteer_id), now=BEFORE)
    return "answered" if len(answers) == len(ids) and not any(a.refusal for a in answers) else "some refused"


def do_end(series_id: int, slot_id: int, *who: Any) -> str:
    key = (slot_id, MONDAY)
    actions.cancel_date(series_id, key, Scope.ALL, clerk(*who), revision=1, reason="项目结束", now=BEFORE)
    return "ended"


VERBS: dict[str, Any] = {"generate": do_generate, "change": do_change, "claim": do_claim, "end": do_end}


@pytest.fixture(scope="module")
def crowd(app: App) -> Iterator[ProcessPoolExecutor]:
    config = {name: app.config[name] for name in KEPT}
    with ProcessPoolExecutor(3, multiprocessing.get_context("spawn"), start, (config,)) as processes:
        yield processes


@pytest.fixture
def race(crowd: ProcessPoolExecutor) -> Race:
    def run(jobs: list[tuple[Any, ...]]) -> Counter[str]:
        db.session.commit()
        outcome = Counter(future.result(120) for future in [crowd.submit(attempt, *job) for job in jobs])
        db.session.expire_all()
        return outcome

    return run


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def series(world):
    return made(world, make_post(world.station), row(1, 4))


def slot_of(series):
    return queries.shown(series.id).slots[0].id


def coming(series):
    return [shift.id for shift in queries.coming_shifts(series.id, BEFORE)]


def who(world):
    return world.chen.account_id, world.station.path


def test_six_workers_make_each_date_once(race, series):
    before = len(coming(series))
    outcome = race([("generate", series.id)] * 6)
    assert outcome == {"6": 1, "0": 5}  # three more weeks of two dates each
    dates = db.session.execute(select(Occurrence.day, Occurrence.slot_id)).all()
    assert len(dates) == len(set(dates)) == before + 6
    assert db.session.scalar(select(func.count(Shift.id))) == len(dates)


def test_of_two_clerks_who_change_one_series_the_second_is_told(race, world, series):
    slot = slot_of(series)
    assert race([("change", series.id, slot, hour, *who(world)) for hour in (14, 18)]) == {"changed": 1, "refused": 1}
    late = [s for s in queries.coming_shifts(series.id, BEFORE) if clock.today(s.starts_at) >= MONDAY + 2 * WEEK]
    assert len({clock.local(shift.starts_at).hour for shift in late}) == 1


def test_twelve_people_claim_all_dates_at_once_and_nobody_waits_in_a_circle(race, series):
    ids = coming(series)[:4]
    jobs = [("claim", series.id, ids[::-1] if number % 2 else ids, one) for number, one in enumerate(people(12))]
    assert race(jobs) == {"answered": 12}
    for shift_id in ids:
        mine = select(Claim.state, Claim.place).where(Claim.shift_id == shift_id)
        states = Counter(state for state, _place in db.session.execute(mine))
        assert states == {ClaimState.HELD: 2, ClaimState.WAITING: 10}


def test_a_series_ends_while_people_claim_it_and_workers_make_it(race, world, series):
    ids, guests = coming(series)[:5], people(8)
    jobs: list[tuple[Any, ...]] = [("claim", series.id, ids, one) for one in guests]
    jobs[4:4] = [("end", series.id, slot_of(series), *who(world)), ("generate", series.id)]
    outcome = race(jobs)
    assert outcome["ended"] == 1
    assert db.session.scalar(select(func.count(Shift.id)).where(Shift.state == ShiftState.OPEN)) == 0
    assert set(db.session.scalars(select(Claim.state))) <= {ClaimState.CALLED_OFF}
