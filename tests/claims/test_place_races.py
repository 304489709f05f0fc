"""Races for places beyond the plain claim, with real processes and real transactions, on both databases."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from blueprints.claims import actions, handovers, parties
from blueprints.claims.models import Audience, Claim, ClaimState, Handover, HandoverState
from core.actor import Actor, Held, Role
from core.db import db
from core.refusal import Refusal
from tests.claims import test_races
from tests.claims.test_races import crowd, people
from tests.factories import BEFORE, HOUR, START, make_post, make_shift, make_world

pytestmark = pytest.mark.commits
__all__ = ["crowd"]
Race = Callable[[list[tuple[Any, ...]]], Counter[str]]


def attempt(verb: str, *args: Any) -> str:
    """Do one thing in a transaction of its own and say how it ended."""
    with test_races._app.app_context():
        try:
            outcome = VERBS[verb](*args)
            db.session.commit()
        except Refusal:
            db.session.rollback()
            return "refused"
        return str(outcome)


def volunteer(volunteer_id: int) -> Actor:
    return Actor(0, "", volunteer_id=volunteer_id)


def clerk(account_id: int, path: str) -> Actor:
    return Actor(account_id, "", held=(Held(Role.CLERK, 0, path),))


def do_claim(shift_id: int, volunteer_id: int) -> str:
    return actions.claim(shift_id, volunteer(volunteer_id), now=BEFORE).state.value


def do_approve(claim_id: int, account_id: int, path: str) -> str:
    return actions.approve(claim_id, clerk(account_id, path), now=BEFORE).state.value


def do_cancel(claim_id: int, volunteer_id: int) -> str:
    return actions.cancel(claim_id, volunteer(volunteer_id), now=BEFORE).state.value


def do_agree(handover_id: int, volunteer_id: int) -> str:
    return handovers.agree(handover_id, volunteer(volunteer_id), now=BEFORE).state.value


def do_call_off(shift_id: int, account_id: int, path: str) -> str:
    return actions.cancel_shift(shift_id, clerk(account_id, path), reason="下雨", now=BEFORE).state.value


def do_name(shift_id: int, leader_id: int, *named: int) -> str:
    made = parties.name_people(shift_id, named, volunteer(leader_id), comes=True, whole=True, now=BEFORE)
    return f"asked {len(made.asked)}"


VERBS: dict[str, Any] = {
    "name": do_name,
    "claim": do_claim,
    "approve": do_approve,
    "cancel": do_cancel,
    "agree": do_agree,
    "call_off": do_call_off,
}


@pytest.fixture
def race(crowd: ProcessPoolExecutor) -> Iterator[Race]:
    def run(jobs: list[tuple[Any, ...]]) -> Counter[str]:
        db.session.commit()
        futures = [crowd.submit(attempt, *job) for job in jobs]
        outcome = Counter(future.result(120) for future in futures)
        db.session.expire_all()
        return outcome

    return run


def held_places(shift_id: int) -> list[int]:
    held = select(Claim.place).where(Claim.shift_id == shift_id, Claim.place.is_not(None))
    return sorted(place for place in db.session.scalars(held) if place)


def claimed(shift_id: int, volunteer_id: int) -> int:
    made = actions.claim(shift_id, volunteer(volunteer_id), now=BEFORE)
    db.session.commit()
    return made.id


def test_two_clerks_approve_at_once_and_no_place_is_given_twice(race):
    world = make_world()
    shift = make_shift(make_post(world.station, approves=True), places=3)
    asked = [claimed(shift.id, person) for person in people(10)]
    outcome = race([("approve", id, world.chen.account_id, world.station.path) for id in asked * 2])
    assert outcome == {"held": 3, "waiting": 7, "refused": 10}
    assert held_places(shift.id) == [1, 2, 3]


def test_a_request_is_approved_or_taken_back_but_never_both(race):
    world = make_world()
    shift = make_shift(make_post(world.station, approves=True), places=6)
    guests = people(6)
    asked = [claimed(shift.id, person) for person in guests]
    jobs: list[tuple[Any, ...]] = []
    for id, person in zip(asked, guests, strict=True):
        jobs += [("approve", id, world.chen.account_id, world.station.path), ("cancel", id, person)]
    race(jobs)
    states = set(db.session.scalars(select(Claim.state).where(Claim.shift_id == shift.id)))
    assert states == {ClaimState.CANCELLED}  # whoever was approved first has then given the place back
    assert held_places(shift.id) == []


def sought(claim_id: int, volunteer_id: int, wanted_shift_id: int | None = None) -> int:
    who = volunteer(volunteer_id)
    made = handovers.seek(claim_id, who, audience=Audience.ANYBODY, wanted_shift_id=wanted_shift_id, now=BEFORE)
    db.session.commit()
    return made.id


def test_eight_people_take_over_one_place_and_one_gets_it(race):
    world = make_world()
    shift = make_shift(make_post(world.station), places=1)
    handover = sought(claimed(shift.id, world.lin.id), world.lin.id)
    outcome = race([("agree", handover, person) for person in people(8)])
    assert outcome == {"held": 1, "refused": 7}
    assert held_places(shift.id) == [1]


def test_a_place_is_taken_over_or_given_up_but_never_both(race):
    world = make_world()
    post = make_post(world.station)
    jobs: list[tuple[Any, ...]] = []
    shifts = [make_shift(post, places=1, starts_at=START + n * 3 * HOUR).id for n in range(6)]
    for shift_id, person in zip(shifts, people(6), strict=True):
        held = claimed(shift_id, world.lin.id)
        jobs += [("agree", sought(held, world.lin.id), person), ("cancel", held, world.lin.id)]
    outcome = race(jobs)
    assert outcome["held"] + outcome["cancelled"] == len(shifts)
    done = db.session.scalars(select(Handover.state).where(Handover.state == HandoverState.DONE)).all()
    assert len(done) == outcome["held"]


def test_swaps_both_ways_round_at_once_end_with_one_place_for_each_and_no_circle(race):
    world = make_world()
    post = make_post(world.station)
    first, second = (make_shift(post, places=2, starts_at=START + n * 3 * HOUR).id for n in range(2))
    here, there = people(2), people(2)
    on_first = [claimed(first, person) for person in here]
    on_second = [claimed(second, person) for person in there]
    wishes = [sought(claim, who, second) for claim, who in zip(on_first, here, strict=True)]
    back = [sought(claim, who, first) for claim, who in zip(on_second, there, strict=True)]
    jobs: list[tuple[Any, ...]] = [("agree", wish, person) for wish in wishes for person in there]
    jobs += [("agree", wish, person) for wish in back for person in here]
    race(jobs)
    assert held_places(first) == held_places(second) == [1, 2]
    live = db.session.scalars(select(Claim.volunteer_id).where(Claim.state == ClaimState.HELD)).all()
    assert sorted(live) == sorted([*here, *there])


def test_swapping_while_a_shift_is_called_off_leaves_nobody_with_two_places_or_half_a_swap(race):
    world = make_world()
    post = make_post(world.station)
    jobs: list[tuple[Any, ...]] = []
    for number, (one, other) in enumerate(zip(people(4), people(4), strict=True)):
        first, second = (make_shift(post, places=1, starts_at=START + (number * 2 + n) * 3 * HOUR).id for n in range(2))
        mine = claimed(first, one)
        claimed(second, other)
        wish = sought(mine, one, second)
        jobs += [("agree", wish, other), ("call_off", second, world.chen.account_id, world.station.path)]
    outcome = race(jobs)
    assert outcome["cancelled"] == 4
    passed = db.session.query(Claim).filter(Claim.state == ClaimState.PASSED_ON).count()
    assert passed == 2 * outcome["held"]


def test_parties_and_single_people_reach_for_the_last_places_and_no_party_is_torn_apart(race):
    world = make_world()
    shift = make_shift(make_post(world.station), places=7)
    crowd_ids = people(12)
    jobs: list[tuple[Any, ...]] = [("name", shift.id, *crowd_ids[n : n + 3]) for n in (0, 3, 6)]
    jobs += [("claim", shift.id, person) for person in crowd_ids[9:]]
    outcome = race(jobs)
    whole = outcome["asked 2"]
    assert held_places(shift.id) == list(range(1, len(held_places(shift.id)) + 1))
    kept = db.session.query(Claim).filter(Claim.state == ClaimState.OFFERED).count()
    assert kept == 2 * whole
    assert len(held_places(shift.id)) == 3 * whole + outcome["held"] <= 7
