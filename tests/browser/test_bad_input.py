"""Impatient fingers, stale pages, lost sessions: one clear sentence, nothing done twice, nothing typed lost."""

from collections.abc import Callable
from datetime import datetime

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select, update

from blueprints.claims import actions as claims
from blueprints.claims.models import Claim
from blueprints.identity.models import Session
from core.db import db
from tests.browser.person import Person
from tests.browser.scenes import LIBRARY, PASSWORD, PHONE, TABLET, claimed, found, offered, prepared, with_password
from tests.factories import BEFORE, HOUR, START, World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
PLAIN = {**PHONE, "java_script_enabled": False}
ALREADY = "You have already claimed this shift. You find it in your schedule."


def loses_the_session(now: datetime) -> None:
    """Every session is over, as after a long pause."""
    with prepared():
        db.session.execute(update(Session).values(expires_at=now))


def number_of_claims() -> int:
    return found(lambda: db.session.scalar(select(func.count()).select_from(Claim)) or 0)


@pytest.mark.parametrize("device", [PHONE, PLAIN], ids=["with scripts", "without"])
def test_a_double_tap_claims_once_and_says_so_in_one_sentence(world: World, comes: Comes, device: dict) -> None:
    shift = offered(world)
    lin = comes(device, world.lin.account_id)
    lin.opens(f"/shifts/{shift}")
    lin.button("Claim").dblclick(no_wait_after=True)
    lin.reads("Place %(place)d is yours", place=1)
    sentences = lin.page.locator("#flash p, .form-errors h2")
    expect(sentences).to_have_count(1)
    assert number_of_claims() == 1


def test_a_shift_called_off_while_its_page_was_open_is_refused_with_the_reason(world: World, comes: Comes) -> None:
    shift = offered(world)
    lin = comes(PHONE, world.lin.account_id)
    lin.hears_nothing()
    lin.opens(f"/shifts/{shift}")
    with prepared():
        claims.cancel_shift(shift, world.chen, reason="台风预警", now=BEFORE)
    lin.taps("Claim")
    lin.reads("This shift was cancelled. Please choose another one from the list.")
    expect(lin.main).to_contain_text("台风预警")
    assert number_of_claims() == 0
    lin.finds_no_barrier()


def test_a_card_that_filled_while_the_list_was_open_puts_the_person_in_line_and_says_so(
    world: World, comes: Comes
) -> None:
    shift = offered(world, places=1)
    lin = comes(PHONE, world.lin.account_id)
    lin.hears_nothing()
    lin.opens("/")
    claimed(shift, world.zhou)
    lin.page.locator(f"#shift-{shift}").get_by_role("button").click()
    lin.is_told("All places are held. You are number %(position)d in line.", position=1)
    lin.reads("You are number %(position)d in line", position=1)


def test_a_refusal_is_read_on_the_card_that_was_tapped(world: World, comes: Comes) -> None:
    claimed(offered(world), world.lin)
    for number in range(8):
        offered(world, f"第 {number} 岗", starts_at=START + HOUR)
    lin = comes(PHONE, world.lin.account_id)
    lin.opens("/")
    lin.taps("Claim: %(title)s", title="第 7 岗")
    sentence = lin.page.get_by_role("alert")
    expect(sentence).to_be_in_viewport()
    expect(sentence).to_contain_text(LIBRARY)
    lin.finds_no_barrier()


def test_a_claim_without_a_connection_says_that_nothing_was_sent(world: World, comes: Comes) -> None:
    shift = offered(world)
    lin = comes(PHONE, world.lin.account_id)
    lin.opens(f"/shifts/{shift}")
    lin.page.context.set_offline(True)
    lin.taps("Claim")
    lin.is_told("There is no connection, so nothing was sent. Please try again in a moment.")
    lin.page.context.set_offline(False)
    lin.complaints.clear()  # the browser's own, about the connection
    lin.taps("Claim")
    lin.is_told("You hold place %(place)d.", place=1)


def test_a_shift_that_began_while_its_page_was_open_is_refused(
    world: World, comes: Comes, at: Callable[[datetime], None]
) -> None:
    shift = offered(world)
    lin = comes(PLAIN, world.lin.account_id)
    lin.opens(f"/shifts/{shift}")
    at(START)
    lin.taps("Claim")
    lin.reads("This shift has already started. Please choose a later one, or ask at the station.")
    assert number_of_claims() == 0


def test_going_back_and_forward_and_reloading_after_a_claim_sends_nothing_again(world: World, comes: Comes) -> None:
    shift = offered(world)
    lin = comes(PLAIN, world.lin.account_id)
    lin.opens("/")
    lin.opens(f"/shifts/{shift}")
    lin.taps("Claim")
    lin.is_told("You hold place %(place)d.", place=1)
    lin.page.go_back()
    lin.page.go_back()
    lin.is_at("/")
    lin.page.go_forward()
    lin.reads("Place %(place)d is yours", place=1)
    lin.page.reload()
    lin.reads("Place %(place)d is yours", place=1)
    assert number_of_claims() == 1


def test_a_second_window_that_is_stale_is_told_that_the_claim_exists(world: World, comes: Comes) -> None:
    shift = offered(world)
    lin, twin = comes(PHONE, world.lin.account_id), comes(PHONE, world.lin.account_id)
    twin.hears_nothing()
    for window in (lin, twin):
        window.opens(f"/shifts/{shift}")
    lin.taps("Claim")
    lin.is_told("You hold place %(place)d.", place=1)
    twin.taps("Claim")
    twin.is_refused(ALREADY)
    twin.finds_no_barrier()
    assert number_of_claims() == 1


def test_what_was_typed_into_a_long_form_waits_while_the_session_is_renewed(world: World, comes: Comes) -> None:
    phone, chen = with_password(world.chen.account_id), comes(TABLET, world.chen.account_id)
    chen.opens("/desk/posts/new")
    chen.types("Title", "河岸清理岗")
    chen.types("What people do", "沿河岸步道捡拾垃圾，登记排口。")
    chen.types("Places", "7")
    loses_the_session(BEFORE)
    chen.taps("Keep as a draft")
    chen.is_at(r"/sign-in\?next=.*")
    chen.reads("What you typed is kept until then.")
    chen.finds_no_barrier()
    chen.signs_in(phone, PASSWORD)
    chen.is_at("/desk/posts/new.*")
    expect(chen.field("Title")).to_have_value("河岸清理岗")
    expect(chen.field("What people do")).to_have_value("沿河岸步道捡拾垃圾，登记排口。")
    expect(chen.field("Places")).to_have_value("7")


def test_a_claim_with_a_lost_session_asks_to_sign_in_and_comes_back_to_the_shift(world: World, comes: Comes) -> None:
    shift, phone = offered(world), with_password(world.lin.account_id)
    lin = comes(PHONE, world.lin.account_id)
    lin.hears_nothing()
    lin.opens(f"/shifts/{shift}")
    loses_the_session(BEFORE)
    lin.taps("Claim")
    lin.signs_in(phone, PASSWORD)
    lin.is_at(f"/shifts/{shift}")
    lin.taps("Claim")
    lin.is_told("You hold place %(place)d.", place=1)


def test_a_form_with_mistakes_names_them_and_keeps_what_was_typed(world: World, comes: Comes) -> None:
    visitor = comes(PHONE)
    visitor.opens("/registration?county=330402000000&town=330402010000&division=330402010028")
    visitor.types("Name", "<script>alert(1)</script>")
    visitor.types("Phone number", "12")
    visitor.taps("Register")
    visitor.is_refused("Please correct what is marked below.")
    expect(visitor.field("Name")).to_be_focused()
    expect(visitor.field("Name")).to_have_value("<script>alert(1)</script>")
    expect(visitor.field("Phone number")).to_have_value("12")
    visitor.reads("This is not a telephone number. Please check its digits.")
    visitor.finds_no_barrier()
