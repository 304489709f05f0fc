"""A browser that runs no scripts gets the same pages, and every act works."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from blueprints.claims import actions as claims
from blueprints.claims.models import Act
from blueprints.records import actions as records
from tests.browser.person import Person, zh
from tests.browser.scenes import LIBRARY, PASSWORD, PHONE, claimed, offered, prepared, with_password
from tests.factories import HOUR, START, World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
At = Callable[[datetime], None]
PLAIN = {**PHONE, "java_script_enabled": False}


def test_a_volunteer_signs_in_claims_and_cancels_late_with_a_reason(world: World, comes: Comes, at: At) -> None:
    shift, phone = offered(world), with_password(world.lin.account_id)
    at(START - 3 * HOUR)
    lin = comes(PLAIN)
    lin.opens(f"/shifts/{shift}")
    lin.follows("Sign in to claim")
    lin.signs_in(phone, PASSWORD)
    lin.is_at(f"/shifts/{shift}")
    lin.taps("Claim")
    lin.is_told("You hold place %(place)d.", place=1)
    lin.unfolds("Cancel my place")
    lin.taps("Yes, cancel")
    lin.is_refused("It is less than %(hours)d hours to the start. Please give a reason.", hours=24)
    lin.unfolds("Cancel my place")
    lin.types("Reason", "家里有急事")
    lin.taps("Yes, cancel")
    lin.is_told("Cancelled, and marked as late.")
    lin.goes_to("Schedule")
    expect(lin.main).to_contain_text(zh("Cancelled late"))
    expect(lin.main).to_contain_text("家里有急事")


def test_the_list_is_filtered_searched_and_claimed_from(world: World, comes: Comes) -> None:
    offered(world)
    offered(world, "为老人送餐")
    lin = comes(PLAIN, world.lin.account_id)
    lin.opens("/")
    lin.page.locator("#q").fill("餐")
    lin.taps("Search")
    expect(lin.main.get_by_role("article")).to_have_count(1)
    lin.taps("Claim: %(title)s", title="为老人送餐")
    lin.is_at(r"/shifts/\d+")
    lin.is_told("You hold place %(place)d.", place=1)


def test_a_volunteer_reads_the_record(world: World, comes: Comes) -> None:
    served(world)
    lin = comes(PLAIN, world.lin.account_id)
    lin.opens("/me/records")
    entry = lin.main.get_by_role("listitem").filter(has_text=LIBRARY)
    for words in (zh("Effective"), zh("B · roll-call on the spot"), "2 小时"):
        expect(entry).to_contain_text(words)
    lin.follows(LIBRARY, entry)
    lin.reads("How these minutes come about")


def served(world: World) -> None:
    """Lin was there for the whole shift; the clerk handed it in and the confirmer confirmed."""
    shift = offered(world)
    claim = claimed(shift, world.lin)
    with prepared():
        claims.punch(claim, Act.IN, world.chen, now=START)
        claims.punch(claim, Act.OUT, world.chen, now=START + 2 * HOUR)
        entries = records.hand_in(shift, world.chen, now=START + 2 * HOUR + timedelta(minutes=5))
        records.confirm([entries[0].id], world.wu, now=START + 3 * HOUR)
