"""The list and the page of a shift tell news by themselves, and disturb nobody."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person, zh
from tests.browser.scenes import DESKTOP, LIBRARY, PHONE, offered
from tests.factories import HOUR, START, World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
SECONDS = 5


def test_a_place_taken_elsewhere_shows_within_five_seconds_and_disturbs_nothing(world: World, comes: Comes) -> None:
    shifts = [offered(world, f"{LIBRARY}{hour}", starts_at=START + hour * HOUR, hours=1) for hour in range(6)]
    lin, zhou = comes(PHONE, world.lin.account_id), comes(PHONE, world.zhou.account_id)
    lin.opens("/")
    lin.page.locator("#q").press_sequentially("图书")
    lin.page.evaluate("scrollTo(0, 300)")
    lin.page.evaluate("document.stays = true")
    zhou.opens(f"/shifts/{shifts[2]}")
    zhou.taps("Claim")
    zhou.is_told("You hold place %(place)d.", place=1)
    told = zh("<b>%(free)s</b> of %(total)s places free", free=1, total=2).replace("<b>", "").replace("</b>", "")
    expect(lin.page.locator(f"#shift-{shifts[2]}")).to_contain_text(told, timeout=SECONDS * 1000)
    kept = "[document.stays, scrollY, document.activeElement.id, document.querySelector('#q').value]"
    assert lin.page.evaluate(kept) == [True, 300, "q", "图书"]


def test_a_filter_stays_while_news_comes_in(world: World, comes: Comes) -> None:
    shift = offered(world, places=1)
    lin, zhou = comes(DESKTOP, world.lin.account_id), comes(PHONE, world.zhou.account_id)
    lin.opens("/?free=1")
    expect(lin.page.locator(f"#shift-{shift}")).to_be_visible()
    zhou.opens(f"/shifts/{shift}")
    zhou.taps("Claim")
    zhou.is_told("You hold place %(place)d.", place=1)
    expect(lin.page.locator(f"#shift-{shift}")).to_have_count(0, timeout=SECONDS * 1000)
    lin.reads("Nothing fits all of this")
    lin.is_at(r"/\?free=1")
    expect(lin.field("Only with free places")).to_be_checked()
    lin.finds_no_barrier()


def test_a_shift_that_is_published_now_appears_in_an_open_list(world: World, comes: Comes) -> None:
    visitor = comes(PHONE)
    visitor.opens("/")
    visitor.reads("Nothing is open at the moment")
    visitor.finds_no_barrier()
    offered(world)
    expect(visitor.main.get_by_role("heading", name=LIBRARY)).to_be_visible(timeout=SECONDS * 1000)
