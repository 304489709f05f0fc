"""Somebody with a friend gives them an honour, alone: by another role, by a second account, or past what is said."""

import pytest
from sqlalchemy import select

from blueprints.honours.models import Doubt, Nomination, NominationState
from core.actor import Role
from core.db import db
from tests.attacks.conftest import attempts, words
from tests.factories import make_staff, make_volunteer
from tests.honours import conftest as honours
from tests.honours.conftest import NOW, mark_of, open_office


@pytest.fixture
def office(world, at):
    made = open_office(world)
    at(NOW)
    return made


@pytest.fixture
def nomination(office):
    return honours.propose(office, honours.open_honour(office))


def approve(browser, nomination):
    return browser.post(f"/desk/nominations/{nomination.id}/approval", data={"seen": mark_of(nomination)})


def states():
    db.session.expire_all()
    return list(db.session.scalars(select(Nomination.state).order_by(Nomination.id)))


def test_a_clerk_gives_an_honour_to_a_friend(world, office, nomination, as_):
    chen = as_(world.chen)
    assert chen.get("/desk/honours").status_code == 403
    assert chen.post(f"/desk/honours/{nomination.honour_id}/candidates/{world.zhou.id}").status_code == 403
    assert approve(chen, nomination).status_code == 403
    assert approve(as_(world.he), nomination).status_code == 404
    assert states() == [NominationState.PROPOSED]
    assert ("honour", "no_role", world.chen.account_id) in attempts()
    assert ("honour", "out_of_reach", world.he.account_id) in attempts()
    for page in (
        as_(world.lin).get("/me/refusals"),
        as_(office.zheng).get(f"/desk/nominations/{nomination.id}"),
    ):
        assert "wanted to decide on an honour" in words(page.text)


def test_a_clerk_who_is_an_administrator_gives_an_honour_to_a_friend_alone(world, office, as_):
    both = make_staff(Role.ADMINISTRATOR, world.county, "方站务")
    again = make_staff(Role.ADMINISTRATOR, world.county, "方站务")
    honour = honours.open_honour(office)
    address = f"/desk/honours/{honour.id}/candidates/{world.zhou.id}"
    assert as_(both).post(address, data={"reason": "老朋友，一直很热心。"}).status_code == 303
    made = db.session.scalars(select(Nomination)).one()
    for who in (both, again):
        assert approve(as_(who), made).status_code == 409
    assert states() == [NominationState.PROPOSED]
    assert attempts() == [("honour", "proposer", who.account_id) for who in (both, again)]


def test_an_administrator_gives_an_honour_to_themselves(world, office, as_):
    honour = honours.open_honour(office)
    twin = make_volunteer("钱主任", world.station)
    address = f"/desk/honours/{honour.id}/candidates/{twin.id}"
    assert as_(office.qian).post(address, data={"reason": "工作突出。"}).status_code == 409
    assert states() == []
    assert attempts() == [("honour", "owner", office.qian.account_id)]


def test_an_administrator_dismisses_what_is_said_against_their_proposal(world, office, nomination, as_):
    honours.approve(office, nomination)
    zhou = as_(world.zhou)
    assert zhou.post(f"/notices/honours/{nomination.id}/objections", data={"words": "她没有来过"}).status_code == 303
    said = db.session.scalars(select(Doubt)).one()
    for who in (office.qian, office.zheng):
        answer = as_(who).post(f"/desk/honour-objections/{said.id}/dismissal", data={"answer": "不属实"})
        assert answer.status_code == 409
    assert as_(world.chen).post(f"/desk/honour-objections/{said.id}/dismissal").status_code == 403
    assert [each[:2] for each in attempts()] == [("honour", "involved")] * 2 + [("honour", "no_role")]
    assert states() == [NominationState.NOTICE]
