"""From a new post to minutes that count: clerk, volunteer and confirmer, each at their own screen."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.person import Person, zh
from tests.browser.scenes import DESKTOP, LIBRARY, PASSWORD, PHONE, TABLET, claimed, offered, with_password
from tests.factories import HOUR, START, World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
At = Callable[[datetime], None]
MINUTE = timedelta(minutes=1)


def test_a_clerk_signs_in_creates_a_post_with_two_shifts_and_publishes_it(world: World, comes: Comes) -> None:
    phone, chen = with_password(world.chen.account_id), comes(TABLET)
    chen.opens("/desk")
    chen.signs_in(phone, PASSWORD)
    chen.is_at("/desk")
    chen.finds_no_barrier()
    chen.follows("New post")
    chen.finds_no_barrier()
    chen.follows(LIBRARY)
    shift = chen.page.get_by_role("group", name=zh("Shift %(number)d", number=1))
    for label, text in (("Day", "2099-05-04"), ("Start", "09:00"), ("End", "11:00"), ("Places", "2")):
        chen.types(label, text, shift)
    chen.taps("One more shift, a day later")
    expect(chen.field("Day").nth(1)).to_have_value("2099-05-05")
    chen.types("Exact place", "烟雨社区党群服务中心一楼")
    chen.types("Phone", "0573-82000000")
    chen.finds_no_barrier()
    chen.taps("Save and preview")
    chen.finds_no_barrier()
    chen.ticks("I have checked: this is a service for others and none of these things.")
    chen.taps("Publish")
    chen.is_told("Published. Volunteers can claim from now on.")
    chen.finds_no_barrier()
    visitor = comes(PHONE)
    visitor.opens("/")
    expect(visitor.main.get_by_role("article")).to_have_count(2)


def test_who_holds_a_place_is_told_when_the_clerk_changes_the_time(world: World, comes: Comes) -> None:
    shift = offered(world)
    claimed(shift, world.lin)
    chen, lin = comes(TABLET, world.chen.account_id), comes(PHONE, world.lin.account_id)
    chen.opens("/desk/posts")
    chen.finds_no_barrier()
    chen.main.get_by_role("link", name=LIBRARY).click()
    chen.finds_no_barrier()
    chen.follows("Change %(when)s", when="周一 5月4日 09:00–11:00")
    chen.reads("With a place: %(names)s", names="林小满")
    chen.finds_no_barrier()
    chen.types("Start", "10:00")
    chen.types("End", "12:00")
    chen.taps("Save the change")
    chen.is_refused("People have claimed this. Please give the reason for the change: they are told.")
    chen.finds_no_barrier()
    chen.types("Reason for the change", "图书角上午消毒")
    chen.taps("Save the change")
    lin.opens("/")
    lin.reads_messages()
    expect(lin.main).to_contain_text("10:00–12:00")
    expect(lin.main).to_contain_text("图书角上午消毒")


def test_roll_call_hand_in_and_confirmation_make_minutes_that_count(world: World, comes: Comes, at: At) -> None:
    shift = offered(world)
    claimed(shift, world.lin)
    at(START - 5 * MINUTE)
    chen = comes(TABLET, world.chen.account_id)
    chen.opens(f"/desk/shifts/{shift}/roster")
    calls_the_roll(chen, row(chen, "林小满"))
    adds_a_walk_in(chen, "周晓航")
    at(START + 2 * HOUR - 10 * MINUTE)
    checks_out(chen, "林小满")
    checks_out(chen, "周晓航")
    at(START + 2 * HOUR + MINUTE)
    hands_in(chen, shift)
    confirms(comes(DESKTOP, world.wu.account_id))
    sees_the_minutes(comes(PHONE, world.lin.account_id))


def test_a_double_tap_in_the_roll_call_does_not_check_out_at_once(world: World, comes: Comes, at: At) -> None:
    shift = offered(world)
    claimed(shift, world.lin)
    claimed(shift, world.zhou)
    at(START)
    chen = comes(TABLET, world.chen.account_id)
    chen.opens(f"/desk/shifts/{shift}/roster")
    chen.taps("Check in", row(chen, "周晓航"), exact=False)
    chen.is_told("%(name)s: checked in at %(time)s.", name="周晓航", time="09:00")
    lin = row(chen, "林小满")
    spot = chen.button("Check in", lin, exact=False).bounding_box() or {}
    tap = (spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)
    chen.page.mouse.click(*tap)
    chen.is_told("%(name)s: checked in at %(time)s.", name="林小满", time="09:00")
    chen.page.mouse.click(*tap)
    chen.pauses()
    expect(chen.button("Check out", lin, exact=False)).to_be_visible()


def test_a_volunteer_checks_in_with_the_code_that_the_clerk_shows(world: World, comes: Comes, at: At) -> None:
    shift = offered(world)
    claimed(shift, world.lin)
    at(START - 5 * MINUTE)
    chen, lin = comes(TABLET, world.chen.account_id), comes(PHONE, world.lin.account_id)
    chen.opens(f"/desk/shifts/{shift}/roster")
    code = chen.page.locator("#day-code").inner_text()
    lin.opens("/")
    lin.goes_to("Check in")
    lin.finds_no_barrier()
    lin.types("Code", "000 000")
    lin.taps("Check in")
    lin.is_refused("This code is not the one shown at the station now. Please look again or ask the clerk.")
    lin.types("Code", code)
    lin.taps("Check in")
    lin.is_told("Checked in at %(time)s. Please check out when you leave.", time="08:55")
    lin.finds_no_barrier()
    expect(row(chen, "林小满")).to_contain_text(
        zh("In %(time)s", time="08:55"),
    )


def row(person: Person, name: str) -> Locator:
    return person.main.get_by_role("listitem").filter(has=person.page.get_by_role("link", name=name))


def calls_the_roll(clerk: Person, who: Locator) -> None:
    """In, a slip of the finger taken back, and in again: each with one tap."""
    clerk.finds_no_barrier()
    clerk.taps("Check in", who, exact=False)
    clerk.is_told("%(name)s: checked in at %(time)s.", name="林小满", time="08:55")
    clerk.finds_no_barrier()
    clerk.pauses()
    clerk.taps("Undo %(what)s", who, exact=False, what=zh("check-in %(time)s", time="08:55"))
    clerk.is_told("%(name)s: the last entry is undone.", name="林小满")
    clerk.pauses()
    clerk.taps("Check in", who, exact=False)
    expect(clerk.button("Check out", who, exact=False)).to_be_visible()


def adds_a_walk_in(clerk: Person, name: str) -> None:
    clerk.follows("Add somebody")
    clerk.page.locator("#q").fill(name)
    clerk.taps("Search")
    clerk.finds_no_barrier()
    clerk.taps("Add and check in", exact=False)
    clerk.is_told("Added with place %(place)d and checked in.", place=2)


def checks_out(clerk: Person, name: str) -> None:
    clerk.taps("Check out", row(clerk, name), exact=False)
    clerk.is_told("%(name)s: checked out at %(time)s.", name=name, time="10:50")


def hands_in(clerk: Person, shift: int) -> None:
    clerk.opens(f"/desk/shifts/{shift}/roster")
    clerk.follows("Hand in the times")
    clerk.finds_no_barrier()
    clerk.types("How many people did you count on the spot?", "3")
    clerk.taps("Hand in")
    clerk.finds_no_barrier()
    clerk.types("How many people did you count on the spot?", "2")
    clerk.taps("Hand in")
    clerk.is_told("The times of one person are handed in.", "The times of %(num)d people are handed in.", num=2)
    clerk.finds_no_barrier()


def confirms(confirmer: Person) -> None:
    confirmer.opens("/desk")
    confirmer.finds_no_barrier()
    confirmer.opens("/desk/records")
    confirmer.finds_no_barrier()
    confirmer.main.get_by_role("link", name="林小满").click()
    confirmer.finds_no_barrier()
    confirmer.taps("Confirm")
    confirmer.is_told("Effective: %(minutes)s now count.", minutes="1 小时 50 分")


def sees_the_minutes(volunteer: Person) -> None:
    volunteer.opens("/")
    volunteer.goes_to("Records")
    entry = volunteer.main.get_by_role("listitem").filter(has_text=LIBRARY)
    for words in (zh("Effective"), zh("B · roll-call on the spot"), "1 小时 50 分"):
        expect(entry).to_contain_text(words)
    volunteer.finds_no_barrier()
    volunteer.follows(LIBRARY, entry)
    volunteer.finds_no_barrier()
