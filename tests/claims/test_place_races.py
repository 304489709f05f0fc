"""Races for places beyond the plain claim, with real processes and real transactions, on both databases."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from blueprints.claims import actions
from blueprints.claims.models import Claim, ClaimState
from core.actor import Actor, Held, Role
from core.db import db
from core.refusal import Refusal
from tests.claims import test_races
from tests.claims.test_races import crowd, people
from tests.factories import BEFORE, make_post, make_shift, make_world

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


VERBS: dict[str, Any] = {"claim": do_claim, "approve": do_approve, "cancel": do_cancel}


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
