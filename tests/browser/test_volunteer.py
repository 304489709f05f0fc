"""From looking around to holding a place."""

from collections.abc import Callable
from datetime import date

import pytest
from playwright.sync_api import expect

from blueprints.posts.models import Category
from tests.browser.person import Person, zh
from tests.browser.scenes import DESKTOP, LIBRARY, PASSWORD, PHONE, offered
from tests.factories import NANHU, NANHU_TOWN, YANYU, World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
MEALS = "为老人送餐"


def test_a_visitor_filters_searches_with_one_or_two_characters_and_opens_a_post(world: World, comes: Comes) -> None:
    offered(world)
    offered(world, MEALS, category=Category.ELDERS)
    visitor = comes(PHONE)
    visitor.opens("/")
    visitor.finds_no_barrier()
    sees(visitor, LIBRARY, MEALS)
    for typed in ("餐", "送餐"):
        searches(visitor, typed)
        sees(visitor, MEALS)
    searches(visitor, "")
    visitor.unfolds("Filters")
    visitor.field("Kind of service").select_option(Category.CONVENIENCE)
    sees(visitor, LIBRARY)
    visitor.finds_no_barrier()
    visitor.page.get_by_role("link", name=LIBRARY, exact=True).click()
    visitor.is_at(r"/shifts/\d+")
    visitor.reads("Person in charge")
    visitor.finds_no_barrier()
    visitor.follows("Sign in to claim")
    visitor.is_at(r"/sign-in\?next=/shifts/\d+")
    visitor.finds_no_barrier()


def searches(person: Person, words: str) -> None:
    person.page.locator("#q").fill(words)
    person.taps("Search")


def sees(person: Person, *titles: str) -> None:
    """The list shows these posts and no others."""
    expect(person.main.get_by_role("article").get_by_role("heading")).to_have_text(titles)


def test_a_newcomer_registers_waits_is_approved_and_claims(world: World, comes: Comes) -> None:
    offered(world)
    newcomer = comes(PHONE)
    registers(newcomer)
    newcomer.is_at("/me")
    newcomer.is_told("Your registration is sent. This page shows what comes next.")
    newcomer.reads("The station approves")
    newcomer.finds_no_barrier()
    newcomer.opens("/")
    expect(newcomer.button("Claim: %(title)s", title=LIBRARY)).to_have_count(0)
    approves(comes(DESKTOP, world.qian.account_id), "方小雨")
    newcomer.reads_messages()
    newcomer.reads("%(organization)s approved your registration. You can now claim.", organization="烟雨社区志愿服务站")
    newcomer.finds_no_barrier()
    newcomer.opens("/")
    newcomer.taps("Claim: %(title)s", title=LIBRARY)
    newcomer.is_told("You hold place %(place)d.", place=1)


def registers(newcomer: Person) -> None:
    newcomer.opens("/registration")
    newcomer.field("County or district").select_option(str(NANHU))
    newcomer.field("Town or subdistrict").select_option(str(NANHU_TOWN))
    newcomer.field("Community or village").select_option(str(YANYU))
    newcomer.reads("Your station: %(name)s", name="烟雨社区志愿服务站")
    newcomer.finds_no_barrier()
    newcomer.taps("Continue")
    newcomer.types("Name", "方小雨")
    newcomer.ticks("Female")
    newcomer.types("Date of birth", date(2070, 5, 20).isoformat())
    newcomer.types("Phone number", "199 0000 9001")
    newcomer.types("New password", PASSWORD)
    newcomer.types("The same password again", PASSWORD)
    newcomer.ticks("I make this pledge.")
    newcomer.ticks("I have read how my data are used, and I agree.")
    newcomer.finds_no_barrier()
    newcomer.taps("Register")


def approves(administrator: Person, name: str) -> None:
    administrator.opens("/desk/registrations")
    administrator.finds_no_barrier()
    administrator.main.get_by_role("link", name=name).click()
    administrator.finds_no_barrier()
    administrator.taps("Approve the registration")
    administrator.is_told("The registration is approved and the person is told.")


def test_a_volunteer_claims_in_one_tap_cancels_and_claims_again(world: World, comes: Comes) -> None:
    offered(world)
    lin = comes(PHONE, world.lin.account_id)
    lin.opens("/")
    expect(lin.page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(lin.main.get_by_role("button", name=LIBRARY)).to_have_text("认领")
    lin.taps("Claim: %(title)s", title=LIBRARY)
    lin.is_told("You hold place %(place)d.", place=1)
    lin.reads("Place %(place)d is yours", place=1)
    lin.finds_no_barrier()
    looks_at_the_schedule(lin)
    lin.follows(LIBRARY)
    lin.finds_no_barrier()
    lin.unfolds("Cancel my place")
    lin.finds_no_barrier()
    lin.taps("Yes, cancel")
    lin.is_told("Cancelled.")
    lin.pauses()
    lin.taps("Claim")
    lin.is_told("You hold place %(place)d.", place=1)


def looks_at_the_schedule(person: Person) -> None:
    person.goes_to("Schedule")
    person.is_at("/me/schedule")
    person.reads("Place %(place)d", place=1)
    person.finds_no_barrier()
    person.taps("Make an address")
    subscription = person.main.get_by_role("link", name=zh("Subscribe"))
    address = (subscription.get_attribute("href") or "").replace("webcal://", "http://")
    answer = person.page.request.get(address)
    assert answer.headers["content-type"].startswith("text/calendar")
    assert "DTSTART:20990504T010000Z" in answer.text()


def test_who_comes_late_waits_in_line_and_moves_up(world: World, comes: Comes) -> None:
    shift = offered(world, places=1)
    lin, zhou = comes(PHONE, world.lin.account_id), comes(PHONE, world.zhou.account_id)
    lin.opens(f"/shifts/{shift}")
    lin.taps("Claim")
    zhou.opens(f"/shifts/{shift}")
    zhou.taps("Wait in line")
    zhou.is_told("All places are held. You are number %(position)d in line.", position=1)
    zhou.finds_no_barrier()
    lin.unfolds("Cancel my place")
    lin.taps("Yes, cancel")
    zhou.reads("Place %(place)d is yours", place=1)
