"""Somebody cannot come, looks for a stand-in on the list, and somebody else takes over the very place."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from blueprints.claims.models import Claim, ClaimState
from blueprints.identity.models import Volunteer
from core.db import db
from tests.browser.person import Person
from tests.browser.scenes import PHONE, claimed, found, offered
from tests.factories import World

pytestmark = [pytest.mark.browser, pytest.mark.commits]


def test_a_place_goes_from_who_cannot_come_to_who_takes_over(world: World, comes: Callable[..., Person]) -> None:
    shift_id = offered(world, places=1)
    claim_id = claimed(shift_id, found(lambda: db.session.get_one(Volunteer, world.lin.id)))
    lin = comes(PHONE, world.lin.account_id)
    lin.opens(f"/shifts/{shift_id}")
    lin.follows("Find a stand-in")
    lin.is_at(rf"/claims/{claim_id}/stand-in")
    lin.finds_no_barrier()
    lin.taps("Look for a stand-in")
    lin.is_at(rf"/shifts/{shift_id}")
    lin.reads("You are looking for a stand-in")
    lin.finds_no_barrier()
    zhou = comes(PHONE, world.zhou.account_id)
    zhou.opens("/")
    zhou.reads("%(num)d stand-in wanted", "%(num)d stand-ins wanted", num=1)
    zhou.page.locator(f"#shift-{shift_id} .card__foot a").click()
    zhou.is_at(rf"/shifts/{shift_id}")
    zhou.follows("Stand in")
    zhou.finds_no_barrier()
    zhou.taps("Take over the place")
    zhou.is_at(rf"/shifts/{shift_id}")
    zhou.reads("Place %(place)d is yours", place=1)
    lin.reads("Passed on to a stand-in")
    states = found(lambda: dict(db.session.execute(select(Claim.volunteer_id, Claim.state)).all()))
    assert states == {world.lin.id: ClaimState.PASSED_ON, world.zhou.id: ClaimState.HELD}
