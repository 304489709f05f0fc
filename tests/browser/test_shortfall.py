"""A clerk answers the question of a shift that is short of people; only the fields of the chosen remedy are there."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from blueprints.admin import worker
from core.db import db
from tests.browser.person import Person
from tests.browser.scenes import PHONE, claimed, prepared
from tests.factories import HOUR, START, World, make_post, make_shift

pytestmark = [pytest.mark.browser, pytest.mark.commits]


def short(world: World) -> int:
    with prepared():
        shift_id = make_shift(make_post(world.station), places=4, minimum=2, cut_off_hours=24).id
        db.session.commit()
    claimed(shift_id, world.lin)
    with prepared():
        assert worker.keep_places(now=START - 24 * HOUR) == 1
        db.session.commit()
    return shift_id


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_fields_of_a_remedy_show_once_it_is_chosen(world: World, comes: Callable[..., Person], scripts: bool) -> None:
    shift_id = short(world)
    chen = comes(PHONE | {"java_script_enabled": scripts}, world.chen.account_id)
    chen.opens(f"/desk/shifts/{shift_id}/shortfall")
    target, lender = chen.page.locator("[name=target]"), chen.page.locator("[name=organization]")
    for field in (target, lender):
        expect(field).to_be_hidden() if scripts else expect(field).to_be_visible()
    chen.page.locator("[value=borrow]").click()
    expect(lender).to_be_visible()
    expect(target).to_be_hidden() if scripts else expect(target).to_be_visible()
