"""A tablet is paired once by a code, sees its own station only, and is cut off at once."""

import re
from datetime import timedelta

import pytest

from blueprints.claims.models import Punch
from blueprints.identity import tries
from blueprints.identity.models import Account
from blueprints.kiosk import actions, queries
from blueprints.kiosk.models import Tablet
from core import clock
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import claim
from tests.factories import BEFORE, START, actor_for, make_post, make_shift, sign_in
from tests.kiosk.conftest import EXIT_PIN, add_tablet, as_tablet, browser

MINUTE = clock.MINUTE


@pytest.fixture
def morning(at):
    at(START)


def test_a_code_pairs_one_tablet_and_is_then_used_up(app, tablet, at):
    at(BEFORE)
    device = browser(app)
    assert device.post("/kiosk/pairing", data={"code": tablet[1].lower()}).headers["Location"] == "/kiosk"
    assert device.get("/kiosk").status_code == 200
    other = browser(app)
    assert other.post("/kiosk/pairing", data={"code": tablet[1]}).status_code == 409
    assert other.get("/kiosk").headers["Location"] == "/kiosk/pairing"


def test_the_list_leads_a_paired_tablet_back_to_work_until_somebody_signs_in(app, world, tablet, at):
    at(BEFORE)
    device = browser(app)
    assert device.get("/").status_code == 200
    device.post("/kiosk/pairing", data={"code": tablet[1]})
    assert device.get("/").headers["Location"] == "/kiosk"
    assert device.get("/", headers={"HX-PTag": ""}).headers["Location"] == "/kiosk"
    assert device.get("/verify").status_code == 200
    sign_in(device, world.chen.account_id)
    assert device.get("/").status_code == 200


def test_the_list_of_a_tablet_that_was_cut_off_is_the_list_again(app, world, tablet, at):
    at(BEFORE)
    device = browser(app)
    device.post("/kiosk/pairing", data={"code": tablet[1]})
    actions.cut_off(tablet[0].id, world.chen, now=BEFORE)
    db.session.commit()
    assert device.get("/").headers["Location"] == "/kiosk"
    assert device.get("/kiosk").headers["Location"] == "/kiosk/pairing"
    assert device.get("/").status_code == 200


def test_the_cookie_is_the_tablets_own_and_only_its_hash_is_kept(app, tablet, at):
    at(BEFORE)
    answer = browser(app).post("/kiosk/pairing", data={"code": tablet[1]})
    cookie = next(value for value in answer.headers.getlist("Set-Cookie") if value.startswith("tablet="))
    assert "Path=/kiosk" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    token = cookie.partition("=")[2].partition(";")[0]
    row = db.session.get(Tablet, tablet[0].id)
    assert token not in (row.token_hash or "")
    assert queries.paired(token).id == row.id


def test_a_code_ends_after_ten_minutes(tablet):
    with pytest.raises(Refusal, match="has ended"):
        actions.pair(tablet[1], now=BEFORE + 10 * MINUTE)
    actions.pair(tablet[1], now=BEFORE + 9 * MINUTE)


def test_guessing_codes_is_throttled_by_address_but_not_for_good(app, tablet, at):
    at(BEFORE)
    device = browser(app)
    wrong = [device.post("/kiosk/pairing", data={"code": "2222-2222"}).status_code for _ in range(tries.PAIRINGS + 1)]
    assert wrong == [409] * tries.PAIRINGS + [429]
    assert device.post("/kiosk/pairing", data={"code": tablet[1]}).status_code == 429
    at(BEFORE + tries.WINDOW)
    fresh = actions.renew_code(tablet[0].id, _maker(tablet), now=BEFORE + tries.WINDOW)[1]
    db.session.commit()
    assert device.post("/kiosk/pairing", data={"code": fresh}).status_code == 303


def _maker(tablet):
    return actor_for(db.session.get(Account, tablet[0].made_by_id))


def test_a_new_code_lets_a_new_device_in_and_the_old_one_out(app, world, tablet, morning):
    old = as_tablet(app, tablet[1])
    code = actions.renew_code(tablet[0].id, world.chen, now=BEFORE)[1]
    assert old.get("/kiosk").status_code == 200
    new = as_tablet(app, code)
    assert new.get("/kiosk").status_code == 200
    assert old.get("/kiosk").headers["Location"] == "/kiosk/pairing"


def test_a_tablet_that_is_cut_off_sees_nothing_from_its_next_request_on(client, world, tablet, kiosk, shift, morning):
    assert "社区图书角管理岗" in kiosk.get("/kiosk").text
    sign_in(client, world.chen.account_id)
    assert client.post(f"/desk/tablets/{tablet[0].id}/cut-off").status_code == 303
    assert kiosk.get("/kiosk").headers["Location"] == "/kiosk/pairing"
    poll = kiosk.get("/kiosk", headers={"HX-Request-Type": "partial", "HX-PTag": "x"})
    assert (poll.headers["HX-Redirect"], poll.data) == ("/kiosk/pairing", b"")
    assert kiosk.post("/kiosk/entry", data={"who": "1", "pin": "123456"}).headers["Location"] == "/kiosk/pairing"
    with pytest.raises(Refusal, match="cut off already"):
        actions.cut_off(tablet[0].id, world.chen, now=START)
    with pytest.raises(Refusal, match="Add it anew"):
        actions.renew_code(tablet[0].id, world.chen, now=START)


@pytest.mark.usefixtures("morning")
def test_the_codes_a_lost_tablet_has_shown_are_worthless_at_once(world, tablet, shift, shown, phone):
    claim(shift, world.lin)
    code, lin = shown(), phone(world.lin)
    receipt = lin.receipt(code)
    actions.cut_off(tablet[0].id, world.chen, now=START)
    db.session.commit()
    assert lin.scans(code).status_code == 410
    answer = lin.sends(receipt)
    assert answer.status_code == 409
    assert "no longer in use" in answer.text
    assert db.session.scalars(db.select(Punch)).all() == []


def test_a_tablet_shows_its_own_station_only(app, world, morning):
    ours = make_shift(make_post(world.station, title="图书角"))
    theirs = make_shift(make_post(world.other_station, title="古镇讲解"))
    foreign = as_tablet(app, add_tablet(world, world.gu, world.other_station)[1])
    page = foreign.get(f"/kiosk?shift={ours.id}").text
    assert "古镇讲解" in page
    assert "图书角" not in page
    assert theirs.id != ours.id


def test_clerks_of_elsewhere_neither_see_nor_touch_it(client, world, tablet):
    sign_in(client, world.gu.account_id)
    assert tablet[0].name not in client.get("/desk/tablets").text
    for address in ("", "/codes", "/cut-off"):
        ask = client.post if address else client.get
        assert ask(f"/desk/tablets/{tablet[0].id}{address}").status_code == 404
    with pytest.raises(Refusal, match="does not cover"):
        actions.cut_off(tablet[0].id, world.gu, now=BEFORE)
    with pytest.raises(Refusal, match="does not cover"):
        add_tablet(world, world.gu)


def test_the_clerk_adds_a_tablet_and_sees_the_code_once(client, world, at):
    at(BEFORE)
    sign_in(client, world.chen.account_id)
    form = {"organization_id": world.station.id, "name": "门口", "exit_pin": "13579"}
    page = client.get(client.post("/desk/tablets", data=form).headers["Location"])
    code = page.text.partition('<p class="code">')[2][:9]
    assert actions.pair(code, now=BEFORE)
    tablet = db.session.scalars(db.select(Tablet)).one()
    assert code not in client.get(f"/desk/tablets/{tablet.id}").text
    assert "In use" in client.get("/desk/tablets").text


def test_what_is_wrong_in_the_form_is_said_and_kept(client, world):
    sign_in(client, world.chen.account_id)
    answer = client.post(
        "/desk/tablets", data={"organization_id": world.other_station.id, "name": "门口", "exit_pin": "1x"}
    )
    assert answer.status_code == 422
    assert "4 to 8 digits" in answer.text
    assert "门口" in answer.text
    assert db.session.scalars(db.select(Tablet)).all() == []


def test_the_desk_shows_when_a_tablet_was_last_seen(client, world, kiosk, at):
    at(START)
    assert kiosk.post("/kiosk/presence").status_code == 204
    sign_in(client, world.chen.account_id)
    assert "last seen today 09:00" in client.get("/desk/tablets").text


def test_there_is_no_way_out_of_the_kiosk_without_the_clerks_pin(kiosk, shift, at):
    at(START)
    for page in ("/kiosk", "/kiosk?all=1", "/kiosk/entry", "/kiosk/exit"):
        links = set(re.findall(r'(?:href|action)="(/[^"]*)"', kiosk.get(page).text))
        assert {link for link in links if not link.startswith(("/kiosk", "/assets"))} == set(), page
    assert kiosk.post("/kiosk/exit", data={"pin": "9999"}).status_code == 409
    assert kiosk.post("/kiosk/exit", data={"pin": EXIT_PIN}).headers["Location"] == "/sign-in?next=/desk/tablets"


def test_guessing_the_way_out_is_throttled_but_not_for_good(kiosk, at):
    at(START)
    assert [kiosk.post("/kiosk/exit", data={"pin": "9999"}).status_code for _ in range(6)] == [409] * 5 + [429]
    assert kiosk.post("/kiosk/exit", data={"pin": EXIT_PIN}).status_code == 429
    at(START + tries.WINDOW)
    assert kiosk.post("/kiosk/exit", data={"pin": EXIT_PIN}).status_code == 303


def test_the_kiosk_stays_shut_while_somebody_is_signed_in_on_it(world, kiosk, shift, at):
    at(START)
    sign_in(kiosk, world.chen.account_id)
    assert kiosk.get("/kiosk").headers["Location"] == "/kiosk/guard"
    assert "陈站长 is signed in" in kiosk.get("/kiosk/guard").text
    assert kiosk.post("/kiosk/guard").headers["Location"] == "/kiosk"
    assert "社区图书角管理岗" in kiosk.get("/kiosk").text
    assert kiosk.get("/desk").status_code == 303


def test_every_step_leaves_a_trace(world, tablet):
    actions.pair(tablet[1], now=BEFORE)
    actions.cut_off(tablet[0].id, world.chen, now=BEFORE + timedelta(minutes=1))
    found = db.session.execute(db.select(AuditEntry.action, AuditEntry.actor_id)).all()
    chen = world.chen.account_id
    assert set(found) >= {("tablet added", chen), ("tablet paired", None), ("tablet cut off", chen)}
