"""Races with real processes and real transactions, on both databases."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from app import create_app
from blueprints.claims import actions, queries
from blueprints.claims.models import Act, Claim, ClaimState
from blueprints.identity.models import Volunteer
from blueprints.records import actions as records
from core.actor import Actor, Held, Role
from core.db import db
from core.refusal import Refusal
from core.web import App
from tests.factories import BEFORE, HOUR, START, make_organization, make_post, make_shift, make_volunteer, make_world

pytestmark = pytest.mark.commits
KEPT = ("SQLALCHEMY_DATABASE_URI", "SECRET_KEY", "DATA_KEY", "INSTANCE", "TESTING", "MAIL_URL")
Race = Callable[[list[tuple[Any, ...]]], Counter[str]]
_app: Any = None


def start(config: dict[str, Any]) -> None:
    """Each process has its own application and its own connections."""
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


def do_claim(shift_id: int, volunteer_id: int) -> str:
    actor = Actor(0, "", volunteer_id=volunteer_id)
    return actions.claim(shift_id, actor, now=BEFORE).state.value


def do_cancel(claim_id: int, volunteer_id: int) -> str:
    return actions.cancel(claim_id, Actor(0, "", volunteer_id=volunteer_id), now=BEFORE).state.value


def do_confirm(record_id: int, account_id: int, path: str) -> str:
    actor = Actor(account_id, "", held=(Held(Role.CONFIRMER, 0, path),))
    return records.confirm([record_id], actor, now=START + 3 * HOUR)[0].state.value


def do_places(shift_id: int, places: int, account_id: int, path: str) -> str:
    actor = Actor(account_id, "", held=(Held(Role.CLERK, 0, path),))
    values = {"starts_at": START, "ends_at": START + 2 * HOUR, "places": places, "break_minutes": 0}
    actions.change_shift(shift_id, values, actor, revision=1, reason="调整", now=BEFORE)
    return "changed"


def do_walk_in(shift_id: int, volunteer_id: int, account_id: int, path: str) -> str:
    actor = Actor(account_id, "", held=(Held(Role.CLERK, 0, path),))
    return actions.walk_in(shift_id, volunteer_id, actor, now=START).state.value


def do_leave(volunteer_id: int) -> str:
    actions.release_all(volunteer_id, now=BEFORE)
    return "left"


def do_cancel_post(post_id: int, account_id: int, path: str) -> str:
    actor = Actor(account_id, "", held=(Held(Role.CLERK, 0, path),))
    return actions.cancel_post(post_id, actor, reason="项目结束", now=BEFORE).state.value


VERBS: dict[str, Any] = {
    "leave": do_leave,
    "cancel_post": do_cancel_post,
    "claim": do_claim,
    "cancel": do_cancel,
    "confirm": do_confirm,
    "places": do_places,
    "walk_in": do_walk_in,
}


@pytest.fixture(scope="module")
def crowd(app: App) -> Iterator[ProcessPoolExecutor]:
    """Four processes, started once for all races."""
    config = {name: app.config[name] for name in KEPT}
    with ProcessPoolExecutor(4, multiprocessing.get_context("spawn"), start, (config,)) as processes:
        yield processes


@pytest.fixture
def race(crowd: ProcessPoolExecutor) -> Race:
    def run(jobs: list[tuple[Any, ...]]) -> Counter[str]:
        """Run all jobs from four processes at once; a crash of any is a failure."""
        db.session.commit()
        futures = [crowd.submit(attempt, *job) for job in jobs]
        outcome = Counter(future.result(120) for future in futures)
        db.session.expire_all()
        return outcome

    return run


def people(count: int) -> list[int]:
    station = make_organization("烟雨站")
    return [make_volunteer(f"志愿者{n}", station).id for n in range(count)]


def test_forty_people_reach_for_five_places(race):
    shift_id = make_shift(places=5).id
    outcome = race([("claim", shift_id, volunteer_id) for volunteer_id in people(40)])
    assert outcome == {"held": 5, "waiting": 35}
    places = db.session.scalars(select(Claim.place).where(Claim.place.is_not(None)))
    assert sorted(places) == [1, 2, 3, 4, 5]


def test_one_person_taps_twelve_times(race):
    shift_id, (lin,) = make_shift(places=5).id, people(1)
    assert race([("claim", shift_id, lin)] * 12) == {"held": 1, "refused": 11}


def test_one_person_reaches_for_eight_overlapping_shifts_at_once(race):
    post = make_post(make_organization())
    shifts = [make_shift(post, starts_at=START + HOUR * n / 8).id for n in range(8)]
    (lin,) = people(1)
    assert race([("claim", shift_id, lin) for shift_id in shifts]) == {"held": 1, "refused": 7}


def test_people_leave_and_come_at_once_and_no_place_is_lost_or_doubled(race):
    shift = make_shift(places=3)
    guests = people(12)
    with_claims = [do_claim_now(shift.id, person) for person in guests[:6]]
    leaving = [("cancel", claim_id, person) for claim_id, person in zip(with_claims, guests[:6], strict=True)]
    coming = [("claim", shift.id, person) for person in guests[6:]]
    outcome = race([job for pair in zip(leaving, coming, strict=True) for job in pair])
    assert outcome["cancelled"] == 6
    held = list(db.session.scalars(select(Claim).where(Claim.state == ClaimState.HELD)))
    assert sorted(claim.place for claim in held) == [1, 2, 3]


def do_claim_now(shift_id: int, volunteer_id: int) -> int:
    made = actions.claim(shift_id, Actor(0, "", volunteer_id=volunteer_id), now=BEFORE)
    db.session.commit()
    return made.id


def test_lowering_the_places_while_people_claim_strands_nobody(race):
    world = make_world()
    shift = make_shift(make_post(world.station), places=10)
    jobs: list[tuple[Any, ...]] = [("claim", shift.id, person) for person in people(20)]
    jobs.insert(10, ("places", shift.id, 4, world.chen.account_id, world.station.path))
    race(jobs)
    held = db.session.scalars(select(Claim.place).where(Claim.state == ClaimState.HELD))
    assert sorted(held) == list(range(1, shift.places + 1))


def test_walk_ins_at_two_tablets_never_exceed_the_places(race):
    world = make_world()
    shift = make_shift(make_post(world.station), places=3)
    chen, path = world.chen.account_id, world.station.path
    outcome = race([("walk_in", shift.id, person, chen, path) for person in people(9)])
    assert outcome == {"held": 3, "refused": 6}


def test_two_confirmers_decide_the_same_entry_and_the_second_is_told(race):
    world = make_world()
    shift = make_shift(make_post(world.station))
    held = db.session.get_one(Claim, do_claim_now(shift.id, world.lin.id))
    for act, at in ((Act.IN, START), (Act.OUT, START + 2 * HOUR)):
        actions.punch(held.id, act, world.chen, now=at)
        db.session.flush()
    record = records.hand_in(shift.id, world.chen, now=START + 3 * HOUR)[0]
    judges = [(world.wu.account_id, world.town.path), (world.pan.account_id, world.county.path)]
    outcome = race([("confirm", record.id, *judge) for judge in judges * 3])
    assert outcome == {"effective": 1, "refused": 5}


def test_the_line_keeps_the_order_in_which_people_came(race):
    shift_id = make_shift(places=1).id
    guests = people(10)
    race([("claim", shift_id, person) for person in guests])
    assert [queries.position(claim) for claim in queries.line(shift_id)] == list(range(1, 10))
    assert db.session.get_one(Volunteer, guests[0]).id == guests[0]


def test_people_leave_and_claim_across_several_shifts_without_waiting_in_a_circle(race):
    post = make_post(make_organization())
    shifts = [make_shift(post, places=1, starts_at=START + n * 3 * HOUR).id for n in range(4)]
    guests = people(8)
    for guest in guests[:6]:
        for shift_id in shifts:
            do_claim_now(shift_id, guest)
    jobs: list[tuple[Any, ...]] = [("leave", guest) for guest in guests[:6]]
    jobs += [("claim", shift_id, guest) for guest in guests[6:] for shift_id in reversed(shifts)]
    outcome = race(jobs)
    assert outcome["left"] == 6
    held = db.session.scalars(select(Claim.shift_id).where(Claim.state == ClaimState.HELD))
    assert sorted(held) == sorted(shifts)


def test_two_posts_with_the_same_people_are_cancelled_at_once(race):
    world = make_world()
    posts = [make_post(world.station), make_post(world.station)]
    guests = people(6)
    for number in range(6):
        for which, post in enumerate(posts):
            shift_id = make_shift(post, places=6, starts_at=START + (number * 2 + which) * 3 * HOUR).id
            for guest in guests if (number + which) % 2 else reversed(guests):
                do_claim_now(shift_id, guest)
    outcome = race([("cancel_post", post.id, world.chen.account_id, world.station.path) for post in posts])
    assert outcome == {"cancelled": 2}
