"""The same pages, larger, darker and narrower: nothing is cut off, and axe-core has nothing to say."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

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
Windows = Callable[[str, dict[str, Any]], dict[str, Page]]
Place = tuple[str, str, list[int]]  # who opens it, the path, and the widths at which axe-core judges it
NOW = START + 3 * HOUR
HEIGHTS = {390: 844, 1024: 768, 1440: 900}
PHONE, ALL = [390], list(HEIGHTS)
LOOKS = [("normal.light", ALL), ("normal.dark", ALL), ("elder.light", ALL), ("elder.dark", PHONE)]
NARROW = {"viewport": {"width": 320, "height": 640}}
# Who sticks out, so that a failure says where to look.
WIDEST = """() => [...document.querySelectorAll("body *")]
    .filter((it) => it.getBoundingClientRect().right > innerWidth + 1)
    .map((it) => `${it.tagName}.${it.className}`).slice(0, 5).join(" ")"""


@pytest.fixture
def places(world: World, at: Callable[[datetime], None]) -> list[Place]:
    """The pages of the journeys with something on them: one shift is over, one runs, one is to come."""
    over, runs = offered(world, "楼门敲门岗"), offered(world, "护河巡查岗", starts_at=START + 2.5 * HOUR)
    coming = offered(world, LIBRARY, starts_at=START + 120 * HOUR)
    done, _running, _held = [claimed(shift, world.lin) for shift in (over, runs, coming)]
    record = _served(world, over, done)
    at(NOW)
    return [
        ("visitor", "/", ALL),
        ("visitor", "/sign-in", PHONE),
        ("visitor", "/registration", PHONE),
        ("visitor", "/registration?division=330402010028", ALL),
        ("lin", f"/shifts/{coming}", ALL),
        ("lin", "/me", PHONE),
        ("lin", "/me/schedule", ALL),
        ("lin", "/me/records", ALL),
        ("lin", "/check-in", PHONE),
        ("lin", "/me/inbox", PHONE),
        ("chen", "/desk", PHONE),
        ("chen", "/desk/posts/new", ALL),
        ("chen", f"/desk/shifts/{runs}/roster", ALL),
        ("chen", f"/desk/shifts/{over}/hand-in", PHONE),
        ("wu", "/desk/records", ALL),
        ("wu", f"/desk/records/{record}", ALL),
    ]


def _served(world: World, shift: int, claim: int) -> int:
    """Lin was there and the times wait for the confirmer; returns the record's id."""
    with prepared():
        claims.punch(claim, Act.IN, world.chen, now=START)
        claims.punch(claim, Act.OUT, world.chen, now=START + 2 * HOUR)
        return records.hand_in(shift, world.chen, now=START + 2 * HOUR + timedelta(minutes=1))[0].id


@pytest.fixture
def windows(world: World, comes: Comes) -> Windows:
    """Everybody's page with the look they chose."""
    accounts = {"visitor": None, "lin": world.lin.account_id, "chen": world.chen.account_id, "wu": world.wu.account_id}
    return lambda look, device: {name: comes(device, account, look).page for name, account in accounts.items()}


def opens(page: Page, path: str) -> None:
    """Open the page itself: whoever is sent elsewhere would look at something else."""
    page.goto(path)
    assert page.url.endswith(path), page.url


@pytest.mark.parametrize(("look", "allowed"), LOOKS, ids=[look for look, _allowed in LOOKS])
def test_no_barrier_on_phone_tablet_and_desktop(
    places: list[Place], windows: Windows, look: str, allowed: list[int]
) -> None:
    found: list[str] = []
    pages = windows(look, {})
    for who, path, widths in places:
        opens(pages[who], path)
        for width in sorted({*widths} & {*allowed}):
            pages[who].set_viewport_size({"width": width, "height": HEIGHTS[width]})
            found += [f"{width}: {barrier}" for barrier in barriers(pages[who])]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("look", ["normal.auto", "elder.auto"])
def test_nothing_is_wider_than_a_narrow_screen_even_with_large_text(
    places: list[Place], windows: Windows, look: str
) -> None:
    found: list[str] = []
    pages = windows(look, NARROW)
    for who, path, _widths in places:
        opens(pages[who], path)
        found += overflow(pages[who])
        pages[who].evaluate("document.documentElement.style.fontSize = '212.5%'")  # twice the usual 106.25 %
        found += overflow(pages[who])
    assert not found, "\n".join(found)


def overflow(page: Page) -> list[str]:
    """By how much the page must be pushed sideways to read it all, and what sticks out."""
    over = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    return [f"{page.url} is {over} px too wide: {page.evaluate(WIDEST)}"] if over > 0 else []
