"""Two who decide on registrations at once, in processes of their own with real transactions."""

from typing import Any

import pytest
from sqlalchemy import func, select

from blueprints.claims import actions as claims
from blueprints.identity.models import Volunteer, VolunteerState
from blueprints.mergers import actions
from blueprints.mergers.models import Merger, MergerState
from blueprints.records.models import LedgerEntry
from core.actor import Role
from core.db import db
from tests.claims.test_claiming import actor_of
from tests.factories import make_post, make_shift, make_staff
from tests.mergers.conftest import DAY, LATER, LOOKED, Twins, propose
from tests.racing import race_of
from tests.records.test_ledger import total

pytestmark = pytest.mark.commits
race = race_of(__name__)


VERBS: dict[str, Any] = {
    "approve": lambda id, actor: actions.approve(id, actor, answer=LOOKED, now=LATER),
    "decline": lambda id, actor: actions.decline(id, actor, answer=LOOKED, now=LATER),
    "object": lambda id, actor: actions.refuse(id, actor, now=LATER),
    "claim": lambda id, actor: claims.claim(id, actor, now=LATER),
}


def test_one_of_those_who_decide_decides_and_the_others_are_told(race, twins: Twins):
    second = make_staff(Role.ADMINISTRATOR, twins.world.county, "方主任")
    made = propose(twins)
    jobs = [("approve", made.id, twins.qian.account_id), ("decline", made.id, second.account_id)]
    jobs.append(("object", made.id, twins.twin.account_id))
    outcomes = race(jobs)
    assert outcomes.count("done") == 1, outcomes
    assert all(outcome == "done" or "meanwhile" in outcome for outcome in outcomes), outcomes
    state = db.session.scalars(select(Merger.state)).one()
    assert total(twins.lin) == (240 if state is MergerState.APPROVED else 120)
    assert db.session.scalar(select(func.sum(LedgerEntry.minutes))) == 240


def test_each_into_the_other_at_once_ends_in_one_direction(race, twins: Twins):
    there, back = propose(twins), propose(twins, away=twins.lin, keep=twins.twin)
    second = make_staff(Role.ADMINISTRATOR, twins.world.county, "方主任")
    outcomes = race([("approve", there.id, twins.qian.account_id), ("approve", back.id, second.account_id)])
    assert outcomes.count("done") == 1, outcomes
    merged = db.session.scalars(select(Volunteer).where(Volunteer.merged_into_id.is_not(None))).all()
    assert len(merged) == 1
    assert total(twins.lin) + total(twins.twin) == 240


def test_a_place_that_is_claimed_meanwhile_keeps_them_apart_or_is_not_given(race, twins: Twins):
    shift = make_shift(make_post(twins.world.station), starts_at=LATER + 3 * DAY)
    made = propose(twins)
    actor = actor_of(twins.twin)
    outcomes = race([("approve", made.id, twins.qian.account_id), ("claim", shift.id, actor.account_id)])
    assert outcomes.count("done") == 1, outcomes
    state = db.session.scalars(select(Volunteer.state).where(Volunteer.id == twins.twin.id)).one()
    assert (state is VolunteerState.MERGED) == (outcomes[0] == "done")
