"""An entry that its owner did not do: not me, the level above, the ledger, and a certificate that turned meanwhile."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from blueprints.certificates import keys
from blueprints.certificates.models import Certificate
from blueprints.claims import actions as claims
from blueprints.claims.models import Act
from blueprints.organizations.models import Organization
from blueprints.records import actions as records
from blueprints.records import queries
from core.actor import Role
from core.db import db
from tests.browser.person import Person, zh
from tests.browser.scenes import DESKTOP, LIBRARY, PHONE, claimed, found, offered, prepared
from tests.factories import HOUR, START, World, make_staff

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
NOW = START + 4 * HOUR


def recorded(world: World) -> int:
    """Chen recorded two hours of Lin's, Wu confirmed them; returns the entry's id."""
    shift = offered(world, LIBRARY)
    claim = claimed(shift, world.lin)
    with prepared():
        claims.punch(claim, Act.IN, world.chen, now=START)
        claims.punch(claim, Act.OUT, world.chen, now=START + 2 * HOUR)
        made = records.hand_in(shift, world.chen, now=START + 2 * HOUR + timedelta(minutes=1))[0].id
    with prepared():
        records.confirm([made], world.wu, now=START + 3 * HOUR)
        keys.make("嘉兴市志愿服务指导中心", now=START)
    return made


def test_not_me_takes_the_entry_back_and_the_certificate_turns(
    world: World, comes: Comes, at: Callable[[datetime], None]
) -> None:
    record = recorded(world)
    with prepared():
        county = db.session.get_one(Organization, world.station.ancestors[1])
        zhu = make_staff(Role.CONFIRMER, county, "朱确认").account_id
    at(NOW)
    lin = comes(PHONE, world.lin.account_id)
    lin.opens("/me/certificates")
    lin.taps("Make the certificate")
    code = found(lambda: db.session.scalars(select(Certificate.code)).one())
    stranger = comes(DESKTOP)
    stranger.opens(f"/verify/{code}")
    stranger.reads("This certificate is valid")

    lin.opens(f"/me/records/{record}")
    lin.follows("Not me")
    expect(lin.main.locator("input[value=not_me]")).to_be_checked()
    lin.finds_no_barrier()
    lin.types("What happened?", "那天我在杭州出差。")
    lin.taps("Dispute this entry")
    lin.is_told("Your dispute is filed. This page shows who decides and by when.")
    lin.finds_no_barrier()
    lin.opens("/me/records")
    lin.reads("In dispute")

    above = comes(DESKTOP, zhu)
    above.opens("/desk")
    above.main.get_by_role("link", name=zh("Disputes to decide")).click()
    above.main.get_by_role("link", name="林小满").first.click()
    above.reads("The person is right")
    above.finds_no_barrier()
    above.taps("The person is right")
    above.is_told("Accepted. The person is told, and so is everybody who recorded or confirmed the entry.")
    assert found(lambda: queries.worth([record]))[record] == 0

    lin.opens(f"/me/records/{record}")
    lin.reads("Taken back")
    lin.opens("/me/certificates")
    stranger.opens(f"/verify/{code}")
    stranger.reads("The content was corrected after it was issued")
    lin.reads_messages()
    expect(lin.main).to_contain_text(LIBRARY)
