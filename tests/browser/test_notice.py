"""A notice that everybody sees: somebody without an account objects on a phone, and reads the decision by a code."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from blueprints.identity import actions as people
from blueprints.identity.models import Purpose
from blueprints.organizations.models import Organization
from blueprints.public_notices import actions as notices
from blueprints.public_notices.models import SeenBy
from blueprints.records import actions as records
from blueprints.records.models import RecordSource, RecordState, ServiceRecord
from core.actor import Role
from core.db import db
from tests.browser.person import Person, zh
from tests.browser.scenes import DESKTOP, PHONE, found, prepared
from tests.factories import START, World, make_staff
from tests.records.test_entering import facts

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
NOW = START + timedelta(days=5)
NAMES = ("朱确认", "蒋站务")


def on_notice(world: World) -> int:
    """Time of Lin's that Chen stated and the level above agreed to; the station shows its notices to everybody."""
    station, town, lin = world.station.id, world.station.ancestors[0], world.lin.account_id
    what, chen, qian = facts(world), world.chen.account_id, world.qian
    with prepared():
        zhu, jiang = (make_staff(Role.CONFIRMER, db.session.get_one(Organization, town), name) for name in NAMES)
        source, told = RecordSource.SUPPLEMENT, {"stated_by": chen, "vouched_by": jiang.account_id}
        made = records.enter(what, source, recorders=[], now=NOW, **told)
        records.approve(made.id, zhu, now=NOW)
        people.agree_to(Purpose.NOTICE_NAME, lin, now=NOW)
        notices.show_to(station, SeenBy.EVERYBODY, qian, now=NOW)
        return made.id


def test_a_stranger_objects_without_an_account_and_reads_the_decision(
    world: World, comes: Comes, at: Callable[[datetime], None]
) -> None:
    record = on_notice(world)
    at(NOW)
    stranger = comes(PHONE)
    stranger.opens("/public-notices")
    stranger.finds_no_barrier()
    stranger.follows("林小满 · 台风夜安置点值守")
    stranger.finds_no_barrier()
    stranger.types("What is not true?", "那晚站点没有开门。")
    stranger.types("Your name", "隔壁老王")
    stranger.types("Your phone number", "19912345678")
    stranger.taps("Object")
    stranger.is_told("Your objection is kept. Please keep the code: with it you can look up the decision here.")
    stranger.finds_no_barrier()
    code = stranger.main.locator(".cert-code").inner_text()

    lin = comes(PHONE, world.lin.account_id)
    lin.opens("/me/consents")
    lin.main.locator(".confirm summary").first.click()
    lin.main.locator(".confirm[open] form button").click()
    masked = zh("From now on your name is masked on public notices.")
    lin.is_told("Your consent is withdrawn. %(consequence)s", consequence=masked)
    stranger.opens(f"/public-notices/{record}")
    stranger.reads("林*")

    wu = comes(DESKTOP, world.wu.account_id)
    wu.opens("/desk/objections")
    wu.main.get_by_role("link", name="林小满").click()
    wu.taps("Show name and phone number")
    wu.reads("隔壁老王")
    wu.finds_no_barrier()
    wu.types("Reason", "核实属实，当晚没有开门。")
    wu.taps("The objection is right")
    wu.is_told("Upheld: the entry goes back and counts nothing.")
    assert found(lambda: db.session.get(ServiceRecord, record).state) is RecordState.RETURNED
    wu.opens("/desk/notices?ended=1")
    wu.reads("Objection upheld")
    wu.finds_no_barrier()

    stranger.opens("/notice-objections")
    stranger.types("Code of the objection", code.lower())
    stranger.taps("Look it up")
    stranger.reads("核实属实，当晚没有开门。")
    stranger.opens("/public-notices")
    stranger.reads("Nothing is on public notice")
