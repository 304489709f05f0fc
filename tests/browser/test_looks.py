"""The same pages, larger, darker and narrower: nothing is cut off, and axe-core has nothing to say."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page

from blueprints.claims import actions as claims
from blueprints.claims.models import Act
from blueprints.records import actions as records
from tests.browser.person import Person, barriers
from tests.browser.scenes import LIBRARY, claimed, offered, prepared
from tests.factories import HOUR, START, World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
Paths = dict[str, list[str]]
NOW = START + 3 * HOUR
HEIGHTS = {390: 844, 1024: 768, 1440: 900}
PHONE, ALL = [390], list(HEIGHTS)
LOOKS = [("normal.light", ALL), ("normal.dark", ALL), ("elder.light", ALL), ("elder.dark", PHONE)]
NARROW = {"viewport": {"width": 320, "height": 640}}
# Who sticks out, so that a failure says where to look.
WIDEST = """() => [...document.querySelectorAll("body *")].filter((it) => it.getBoundingClientRect().right > innerWidth + 1)
    .map((it) => `${it.tagName}.${it.className}`).slice(0, 5).join(" ")"""


@pytest.fixture
def paths(world: World, at: Callable[[datetime], None]) -> Paths:
    """The main pages with something on them, by who opens them: one shift is over, one runs, one is to come."""
    over, runs = offered(world, "楼门敲门岗"), offered(world, "护河巡查岗", starts_at=START + 2.5 * HOUR)
    coming = offered(world, LIBRARY, starts_at=START + 120 * HOUR)
    done, _running, _held = [claimed(shift, world.lin) for shift in (over, runs, coming)]
    record = _served(world, over, done)
    at(NOW)
    return {
        "visitor": ["/", "/sign-in", "/registration", "/registration?division=330402010028"],
        "lin": [f"/shifts/{coming}", "/me", "/me/schedule", "/me/records", "/check-in", "/me/inbox"],
        "chen": ["/desk", "/desk/posts/new", f"/desk/shifts/{runs}/roster", f"/desk/shifts/{over}/hand-in"],
        "wu": ["/desk/records", f"/desk/records/{record}"],
    }


def _served(world: World, shift: int, claim: int) -> int:
    """Lin was there and the times wait for the confirmer; returns the record's id."""
    with prepared():
        claims.punch(claim, Act.IN, world.chen, now=START)
        claims.punch(claim, Act.OUT, world.chen, now=START + 2 * HOUR)
        return records.hand_in(shift, world.chen, now=START + 2 * HOUR + timedelta(minutes=1))[0].id


def visits(world: World, comes: Comes, paths: Paths, look: str, device: dict) -> list[tuple[Page, str]]:
    """Everybody's page with the look they chose, and the paths they open in it."""
    accounts = {"lin": world.lin.account_id, "chen": world.chen.account_id, "wu": world.wu.account_id}
    pages = {name: comes(device, accounts.get(name), look).page for name in paths}
    return [(pages[name], path) for name in paths for path in paths[name]]


def opens(page: Page, path: str) -> None:
    """Open the page itself: whoever is sent elsewhere would look at something else."""
    page.goto(path)
    assert page.url.endswith(path), page.url


@pytest.mark.parametrize(("look", "widths"), LOOKS, ids=[look for look, _widths in LOOKS])
def test_no_barrier_on_phone_tablet_and_desktop(
    world: World, comes: Comes, paths: Paths, look: str, widths: list[int]
) -> None:
    found: list[str] = []
    for page, path in visits(world, comes, paths, look, {}):
        opens(page, path)
        for width in widths:
            page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
            found += [f"{width}: {barrier}" for barrier in barriers(page)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("look", ["normal.auto", "elder.auto"])
def test_nothing_is_wider_than_a_narrow_screen_even_with_large_text(
    world: World, comes: Comes, paths: Paths, look: str
) -> None:
    found: list[str] = []
    for page, path in visits(world, comes, paths, look, NARROW):
        opens(page, path)
        found += overflow(page)
        page.evaluate("document.documentElement.style.fontSize = '212.5%'")  # twice the usual 106.25 %
        found += overflow(page)
    assert not found, "\n".join(found)


def overflow(page: Page) -> list[str]:
    """By how much the page must be pushed sideways to read it all, and what sticks out."""
    over = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    return [f"{page.url} is {over} px too wide: {page.evaluate(WIDEST)}"] if over > 0 else []
