"""From an entry that its owner does not believe to a paper that a stranger believes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from blueprints.certificates import keys
from blueprints.claims import actions as claims
from blueprints.claims.models import Act
from blueprints.disputes.models import Dispute
from blueprints.organizations.models import Organization
from blueprints.records import actions as records
from core.actor import Role
from core.db import db
from tests.browser.person import Person
from tests.browser.scenes import DESKTOP, PHONE, claimed, found, offered, prepared
from tests.factories import HOUR, START, World, make_staff

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
At = Callable[[datetime], None]


def effective(world: World) -> int:
    """Two hours that one person recorded and another confirmed."""
    shift = offered(world)
    claim = claimed(shift, world.lin)
    with prepared():
        keys.make("嘉兴市志愿服务指导中心", now=START)
        claims.punch(claim, Act.IN, world.chen, now=START)
        claims.punch(claim, Act.OUT, world.chen, now=START + 2 * HOUR)
        made = records.hand_in(shift, world.chen, now=START + 3 * HOUR)[0]
        records.confirm([made.id], world.wu, now=START + 3 * HOUR)
        return made.id


def test_record_dispute_correct_certificate_verify(world: World, comes: Comes, at: At) -> None:
    with prepared():
        county = db.session.scalar(db.select(Organization).where(Organization.name == "南湖区志愿服务指导中心"))
        zhu = make_staff(Role.CONFIRMER, county, "朱确认")
    record = effective(world)
    at(START + 5 * HOUR)
    lin, decider = comes(PHONE, world.lin.account_id), comes(DESKTOP, zhu.account_id)
    stranger: Person = comes(PHONE)
    lin.opens(f"/me/records/{record}/dispute?kind=wrong")
    lin.types("What happened?", "我只服务了一个小时")
    lin.types("Right number of minutes", "60")
    lin.taps("Dispute this entry")
    lin.is_told("Your dispute is filed. This page shows who decides and by when.")
    dispute: Any = found(lambda: db.session.scalar(db.select(Dispute.id)))
    decider.opens(f"/desk/disputes/{dispute}")
    decider.finds_no_barrier()
    decider.types("What the entry shall count (minutes)", "60")
    decider.taps("The person is right")
    lin.opens("/me/records")
    lin.follows("Why this number")
    lin.reads("The rows")
    lin.finds_no_barrier()
    lin.opens("/me/certificates")
    lin.taps("Make the certificate")
    lin.is_told("The certificate is ready.")
    lin.finds_no_barrier()
    code = lin.page.locator(".cert-code").inner_text()
    stranger.opens("/verify")
    stranger.types("Check code", code.lower())
    stranger.taps("Check")
    stranger.reads("This certificate is valid")
    stranger.reads("林*")
    stranger.reads("1 小时")
    assert "林小满" not in stranger.page.content()
    stranger.finds_no_barrier()
