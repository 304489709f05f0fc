"""Tab and Enter are enough, and one always sees where one is."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person, zh
from tests.browser.scenes import DESKTOP, LIBRARY, offered
from tests.factories import World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
MOST = 60
NAME = "(it) => it.ariaLabel || it.innerText.trim()"
# The link of a card draws the ring around the whole card.
RING = """(it) => [getComputedStyle(it), getComputedStyle(it, "::after")].some(
    (look) => look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2)"""


def focused(person: Person, question: str) -> str | bool:
    """What is true of the element that has the focus."""
    answer: str | bool = person.page.locator(":focus").evaluate(question)
    return answer


def tabs_to(person: Person, name: str) -> None:
    """Tab until the focus is on what has this name; everything on the way shows that it has the focus."""
    for _step in range(MOST):
        person.page.keyboard.press("Tab")
        here = focused(person, NAME)
        assert focused(person, RING), f"{here} does not show the focus"
        if here == name:
            return
    pytest.fail(f"{name} cannot be reached")


def test_the_first_tab_stop_leads_over_the_header_to_the_content(world: World, comes: Comes) -> None:
    offered(world)
    visitor = comes(DESKTOP)
    visitor.opens("/")
    visitor.page.keyboard.press("Tab")
    skip = visitor.page.get_by_role("link", name=zh("Skip to the content"))
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    visitor.page.keyboard.press("Enter")
    expect(visitor.main).to_be_focused()
    visitor.page.keyboard.press("Tab")
    assert visitor.page.evaluate("document.querySelector('#main').contains(document.activeElement)")


def test_a_shift_is_found_claimed_and_cancelled_with_the_keyboard_alone(world: World, comes: Comes) -> None:
    offered(world)
    lin = comes(DESKTOP, world.lin.account_id)
    lin.opens("/")
    tabs_to(lin, LIBRARY)
    lin.page.keyboard.press("Enter")
    lin.is_at(r"/shifts/\d+")
    tabs_to(lin, zh("Claim"))
    lin.page.keyboard.press("Enter")
    lin.is_told("You hold place %(place)d.", place=1)
    expect(lin.page.locator("#shift")).to_be_focused()  # its button is gone
    tabs_to(lin, zh("My schedule"))
    tabs_to(lin, zh("Cancel my place"))
    lin.page.keyboard.press("Enter")
    tabs_to(lin, zh("Yes, cancel"))
    lin.pauses()
    lin.page.keyboard.press("Enter")
    lin.is_told("Cancelled.")


def test_a_shift_is_claimed_from_its_card_with_the_keyboard_alone(world: World, comes: Comes) -> None:
    offered(world)
    lin = comes(DESKTOP, world.lin.account_id)
    lin.opens("/")
    tabs_to(lin, zh("Claim: %(title)s", title=LIBRARY))
    lin.page.keyboard.press("Enter")
    lin.is_told("You hold place %(place)d.", place=1)
