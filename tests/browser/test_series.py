"""What repeats: a clerk lays it out, a volunteer takes several dates, and both see what a change does."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person, zh
from tests.browser.scenes import DESKTOP, LIBRARY, PHONE, offered
from tests.factories import World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]


def test_a_post_repeats_is_claimed_several_times_and_moves(world: World, comes: Comes) -> None:
    offered(world)
    chen, lin = comes(DESKTOP, world.chen.account_id), comes(PHONE, world.lin.account_id)
    lays_out(chen)
    takes_three(lin)
    moves_what_follows(chen)
    lin.opens("/")
    lin.reads_messages()
    expect(lin.main).to_contain_text("14:00–16:00")
    expect(lin.main).to_contain_text("上午要消毒")


def lays_out(chen: Person) -> None:
    """The dates stand there and change with the form before anything is saved."""
    chen.opens("/desk/posts")
    chen.main.get_by_role("link", name=LIBRARY).click()
    chen.follows("Let it repeat")
    chen.finds_no_barrier()
    chen.types("First day", "2099-05-04")
    chen.types("Last day", "2099-06-15")
    chen.field("Last day").press("Tab")
    expect(chen.page.locator("#preview")).to_contain_text(zh("%(num)d date.", "%(num)d dates.", num=7))
    chen.page.locator("#preview").get_by_role("checkbox").nth(1).check()
    expect(chen.page.locator("#preview")).to_contain_text(zh("%(num)d date.", "%(num)d dates.", num=6))
    chen.finds_no_barrier()
    chen.taps("Save and offer")
    chen.reads("Dates to come")
    expect(chen.main.get_by_text(zh("Left out"), exact=True)).to_have_count(1)
    chen.finds_no_barrier()


def takes_three(lin: Person) -> None:
    lin.opens("/")
    lin.main.get_by_role("link", name=LIBRARY).first.click()
    lin.main.get_by_role(
        "link", name=zh("It repeats: %(num)d date to come", "It repeats: %(num)d dates to come", num=6)
    ).click()
    lin.is_at(r"/series/\d+")
    lin.finds_no_barrier()
    boxes = lin.main.locator('input[name="shifts"]')
    for number in range(3):
        boxes.nth(number).check()
    lin.taps("Claim what is ticked")
    lin.is_told("You hold a place on %(num)d date.", "You hold places on %(num)d dates.", num=3)
    expect(lin.main.get_by_text(zh("Place %(place)d", place=1))).to_have_count(3)
    lin.finds_no_barrier()


def moves_what_follows(chen: Person) -> None:
    second = "周一 5月18日 09:00–11:00"
    chen.page.reload()
    chen.follows("Change %(when)s", when=second)
    chen.finds_no_barrier()
    chen.ticks("This and all following")
    chen.types("Start", "14:00")
    chen.types("End", "16:00")
    chen.types("Reason for the change", "上午要消毒")
    chen.taps("Save the change")
    chen.is_told("%(num)d date changed.", "%(num)d dates changed.", num=5)
    expect(chen.main.get_by_text("09:00–11:00")).not_to_have_count(0)
