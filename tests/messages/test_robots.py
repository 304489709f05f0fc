"""Group robots at the desk: connected by an administrator, never at an address of our own house, never shown again."""

import pytest
from sqlalchemy import select

from blueprints.messages import actions
from blueprints.messages.models import Bulletin, BulletinKind, Delivery, DeliveryState, Robot, RobotKind
from core import vault
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.factories import BEFORE, make_world, sign_in

WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7xxx"
DINGTALK = "https://oapi.dingtalk.com/robot/send?access_token=566cc69da782ec"


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def desk(client, world):
    sign_in(client, world.qian.account_id)
    return f"/desk/organizations/{world.station.id}/robots"


def typed(**values):
    return {"kind": "wecom", "name": "值班群", "url": WECOM, "lang": "zh_Hans", **values}


def robots() -> list[Robot]:
    return list(db.session.scalars(select(Robot).order_by(Robot.id)))


@pytest.mark.parametrize(("kind", "url"), [("wecom", WECOM), ("dingtalk", DINGTALK)])
def test_an_administrator_connects_a_group_and_its_address_is_never_shown(client, desk, world, kind, url):
    assert client.post(desk, data=typed(kind=kind, url=url, secret="SEC1")).status_code == 303
    (made,) = robots()
    assert (made.kind, made.organization_id) == (kind, world.station.id)
    assert "key=" not in made.sealed
    assert url in vault.unseal(made.sealed)
    page = client.get(desk).text
    assert "值班群" in page
    assert "693a91f6" not in page
    assert "566cc69da782ec" not in page
    assert "SEC1" not in page


@pytest.mark.parametrize(
    "url",
    [
        "", "key", "http://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=1", DINGTALK,
        "https://qyapi.weixin.qq.com.evil.example/cgi-bin/webhook/send?key=1",
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send", "https://qyapi.weixin.qq.com/cgi-bin/gettoken?key=1",
        "https://qyapi.weixin.qq.com:8443/cgi-bin/webhook/send?key=1",
        "https://x@qyapi.weixin.qq.com/cgi-bin/webhook/send?key=1",
        "https://qyapi.weixin.qq.com@127.0.0.1/cgi-bin/webhook/send?key=1",
        "https://127.0.0.1/cgi-bin/webhook/send?key=1", "https://169.254.169.254/cgi-bin/webhook/send?key=1",
        WECOM + "#x", "https://[::1/cgi-bin/webhook/send?key=1", WECOM + "x" * 400,
    ],
)  # fmt: skip
def test_no_other_address_is_taken_and_the_rest_stays_typed(client, desk, url):
    answer = client.post(desk, data=typed(url=url))
    assert answer.status_code == 422
    assert "Please copy the whole address from the group" in answer.text
    assert 'value="值班群"' in answer.text
    assert robots() == []


@pytest.mark.parametrize("wrong", [{"kind": "telegram"}, {"name": ""}, {"name": "群" * 41}, {"lang": "fr"}])
def test_what_else_is_wrong_is_said_at_its_field(client, desk, wrong):
    assert client.post(desk, data=typed(**wrong)).status_code == 422
    assert robots() == []


def test_another_host_is_taken_only_if_the_installation_names_it(client, desk, app, monkeypatch):
    inside = typed(url="http://robot.internal:8080/cgi-bin/webhook/send?key=1")
    assert client.post(desk, data=inside).status_code == 422
    monkeypatch.setitem(app.config, "REACHABLE_HOSTS", ["robot.internal:8080"])
    assert client.post(desk, data=inside).status_code == 303


def test_a_test_message_is_sent_once_a_minute_and_the_page_says_what_became_of_it(client, desk):
    client.post(desk, data=typed())
    (robot,) = robots()
    assert "It has said nothing yet." in client.get(desk).text
    assert client.post(f"/desk/robots/{robot.id}/trial").status_code == 303
    again = client.post(f"/desk/robots/{robot.id}/trial")
    assert (again.status_code, "wait a minute" in again.text) == (409, True)
    (delivery,) = db.session.scalars(select(Delivery)).all()
    assert not delivery.quiet
    delivery.state, delivery.error = DeliveryState.FAILED, "errcode 93000"
    db.session.commit()
    page = client.get(desk).text
    assert "The last message was not taken" in page
    assert "errcode 93000" in page


def test_removing_a_robot_erases_its_address_and_leaves_a_trace(client, desk, world):
    client.post(desk, data=typed())
    (robot,) = robots()
    assert client.post(f"/desk/robots/{robot.id}/removal").status_code == 303
    db.session.refresh(robot)
    assert (robot.removed_at is not None, robot.sealed) == (True, "")
    client.get(desk)  # which says what was done
    assert "值班群" not in client.get(desk).text
    assert client.post(f"/desk/robots/{robot.id}/trial").status_code == 404
    traces = db.session.scalars(select(AuditEntry.action).where(AuditEntry.organization_id == world.station.id))
    assert {"robot added", "robot removed"} <= set(traces)


def test_five_robots_are_enough(client, desk):
    for number in range(5):
        client.post(desk, data=typed(name=f"群{number}"))
    answer = client.post(desk, data=typed())
    assert (answer.status_code, len(robots())) == (409, 5)


@pytest.mark.parametrize("who", ["chen", "wu", "gu", "he"])
def test_nobody_but_the_administrator_may(client, world, who):
    sign_in(client, getattr(world, who).account_id)
    assert client.post(f"/desk/organizations/{world.station.id}/robots", data=typed()).status_code in (403, 404)
    values = {"name": "x", "url": WECOM, "secret": "", "lang": "en", "now": BEFORE}
    with pytest.raises(Refusal):
        actions.add_robot(world.station.id, RobotKind.WECOM, getattr(world, who), **values)


def test_an_organization_without_a_group_writes_no_bulletin(world):
    assert actions.announce(world.station.id, BulletinKind.TRIAL, now=BEFORE, organization="x") is None
    assert db.session.scalars(select(Bulletin)).all() == []
