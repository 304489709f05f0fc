"""An administrator is led to the second step, sets it up, prints the codes, and signs in with phone and paper."""

from collections.abc import Callable

import pyotp
import pytest
from playwright.sync_api import expect

from blueprints.identity import queries
from core import clock
from core.db import db
from tests.browser.person import Person, zh
from tests.browser.scenes import PASSWORD, PHONE, prepared, with_password
from tests.factories import World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_an_administrator_sets_the_second_step_up_and_signs_in_with_it(
    world: World, comes: Comes, scripts: bool
) -> None:
    phone = with_password(world.qian.account_id)
    with prepared():
        db.session.delete(queries.second_factor(world.qian.account_id))
    device = {**PHONE, "java_script_enabled": scripts}
    qian = comes(device)
    qian.opens("/desk/roles")
    qian.signs_in(phone, PASSWORD)
    qian.is_at(r"/me/second-step/new\?.*")
    if scripts:
        qian.finds_no_barrier()
    secret = (qian.main.locator(".key").text_content() or "").replace(" ", "")
    qian.types("Code that the phone shows", "12345")
    qian.taps("Finish the set-up")
    qian.types("Code that the phone shows", pyotp.TOTP(secret).at(clock.real()))
    qian.taps("Finish the set-up")
    codes = qian.main.locator(".codes .num")
    expect(codes).to_have_count(10)
    printed = codes.first.inner_text()
    qian.follows("I have kept them, go on")
    qian.is_at("/desk/roles")
    again = comes(device)
    again.opens("/sign-in")
    again.signs_in(phone, PASSWORD)
    again.is_at("/sign-in/code")
    again.opens("/me")
    again.is_at(r"/sign-in\?.*")
    again.opens("/sign-in/code")
    again.types("Code of the phone, or recovery code", printed)
    again.taps("Sign in")
    again.is_at("/desk")
    again.opens("/me/second-step")
    expect(again.main).to_contain_text(zh("%(count)s of 10 recovery codes are left.", count=9))
