"""The screen on the wall, and a note about somebody who did not come, each with the people it takes."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import expect

from blueprints.claims import actions as claims
from blueprints.claims import linking, links
from blueprints.claims.models import Act, LinkKind
from tests.browser.person import Person, zh
from tests.browser.scenes import DESKTOP, PHONE, TABLET, claimed, offered, prepared
from tests.factories import BEFORE, HOUR, START, World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
At = Callable[[datetime], None]
TELEVISION: dict[str, Any] = {"viewport": {"width": 1920, "height": 1080}}


def wall_of(world: World) -> str:
    with prepared():
        return "/wall/" + links.token(linking.renew(world.station.id, LinkKind.WALL, world.chen, now=BEFORE))


def passes(screen: Person, seconds: int) -> None:
    screen.page.clock.run_for(seconds * 1000)


def is_in_state(screen: Person, state: str) -> None:
    expect(screen.page.locator("html")).to_have_attribute("data-state", state)


def test_the_wall_lives_says_when_it_hears_nothing_and_ends_with_its_address(
    world: World, comes: Comes, at: At
) -> None:
    claim, path = claimed(offered(world), world.lin), wall_of(world)
    at(START)
    screen = comes(TELEVISION)
    screen.page.clock.install()
    screen.opens(path)
    here = screen.page.locator(".wall__here")
    expect(here).to_have_count(0)
    screen.finds_no_barrier()
    with prepared():
        claims.punch(claim, Act.IN, world.chen, now=START)
    passes(screen, 6)
    expect(here).to_contain_text(f"林 {world.lin.number[-4:]}")
    assert screen.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    screen.page.context.set_offline(True)
    passes(screen, 27)
    is_in_state(screen, "lost")
    screen.reads("No connection. This is how it was at")
    passes(screen, 16 * 60)
    is_in_state(screen, "blank")
    expect(here).to_have_count(0)
    screen.page.context.set_offline(False)
    passes(screen, 6)
    expect(here).to_have_count(1)
    is_in_state(screen, "live")
    wall_of(world)
    passes(screen, 6)
    is_in_state(screen, "gone")
    expect(here).to_have_count(0)
    screen.complaints[:] = [said for said in screen.complaints if "ERR_INTERNET_DISCONNECTED" not in said]


def test_whoever_agrees_is_named_on_the_wall_at_its_next_refresh_and_no_longer_when_it_is_taken_back(
    world: World, comes: Comes, at: At
) -> None:
    claimed(offered(world), world.lin)
    path, short = wall_of(world), f"林 {world.lin.number[-4:]}"
    at(START - HOUR)
    screen, lin = comes(TELEVISION), comes(PHONE, world.lin.account_id)
    screen.opens(path)
    people = screen.page.locator(".wall__people")
    expect(people).to_have_text(short)
    lin.opens("/me/consents")
    lin.unfolds("Showing my full name on the screens of stations where I serve")
    lin.finds_no_barrier()
    lin.page.locator('form[action="/me/consents/wall"] button').click()
    lin.is_told("Thank you. From their next refresh on screens show your full name on the days you serve.")
    expect(people).to_have_text("林小满")
    screen.finds_no_barrier()
    lin.unfolds("Withdraw")
    lin.page.locator(".confirm__box").get_by_role("button", name=zh("Withdraw")).click()
    lin.is_told(
        "Your consent is withdrawn. %(consequence)s",
        consequence=zh("From its next refresh on a screen shows your short name again."),
    )
    expect(people).to_have_text(short)


def test_a_note_is_objected_to_and_taken_off_by_another_person(world: World, comes: Comes, at: At) -> None:
    shift = offered(world)
    claimed(shift, world.lin)
    at(START + 3 * HOUR)
    chen, lin = comes(TABLET, world.chen.account_id), comes(PHONE, world.lin.account_id)
    chen.opens(f"/desk/shifts/{shift}/roster")
    chen.follows("Who did not come")
    chen.finds_no_barrier()
    chen.taps("Did not come", exact=False)
    chen.is_told("%(name)s: noted as not there. They are told and can object.", name="林小满")
    chen.finds_no_barrier()
    lin.opens("/me/absences")
    lin.finds_no_barrier()
    lin.unfolds("This is not right")
    lin.types("What is not right?", "我九点就到了，在二楼。")
    lin.finds_no_barrier()
    lin.taps("Send the objection")
    lin.is_told("Your objection is sent. Another person looks at it; until then the note counts nowhere.")
    wu = comes(DESKTOP, world.wu.account_id)
    wu.opens("/desk")
    desk = wu.page.get_by_role("navigation", name=zh("Desk"))
    desk.get_by_role("link", name=re.compile(rf"^\s*{zh('Absence objections')}")).click()  # not those to records
    wu.finds_no_barrier()
    wu.follows("林小满", exact=False)
    wu.finds_no_barrier()
    wu.ticks("The person is right: take the note off")
    wu.types("Reason", "同组志愿者证实。")
    wu.taps("Decide")
    wu.is_told("The note is taken off. The person is told.")
    lin.opens("/me/absences")
    lin.reads("Nothing is noted about you")
