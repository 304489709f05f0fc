"""Hours that nobody saw stand on public notice before they count: the ways around it, and what they leave behind."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from blueprints.admin.worker import keep_places
from blueprints.identity import tries
from blueprints.identity.models import Account
from blueprints.public_notices import actions as notices
from blueprints.public_notices.models import Objection, ObjectionState, SeenBy
from blueprints.records import actions as records
from blueprints.records.models import RecordState
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from tests.attacks.conftest import attempts, counting, entries, words
from tests.claims.test_claiming import actor_of
from tests.factories import give, make_account, make_staff
from tests.public_notices.conftest import NOW
from tests.records.test_entering import vouched


@pytest.fixture
def on_notice(world, at, zhu):
    """Minutes of Lin's that the clerk stated and somebody vouched for, on a notice that everybody sees."""
    at(NOW)
    record = vouched(world)
    records.approve(record.id, zhu, now=NOW)
    notices.show_to(world.station.id, SeenBy.EVERYBODY, world.qian, now=NOW)
    db.session.commit()
    return record


@pytest.fixture
def outside(app):
    """A browser of somebody without an account; it reads English."""
    client = app.test_client()
    client.set_cookie("prefs", "en.normal.auto")
    return client


def objects(browser, record, phone, words="没有这回事"):
    data = {"words": words, "name": "路人", "phone": phone}
    return browser.post(f"/public-notices/{record.id}/objections", data=data)


def test_a_clerk_drowns_a_true_objection_in_made_up_ones(outside, world, on_notice, as_):
    """The decider is to lose sight of the one that is true; it is answered on its own, and holds the entry."""
    true = notices.object_to(on_notice.id, actor_of(world.zhou), words="那晚没有开门", now=NOW)
    db.session.commit()
    sent = [objects(outside, on_notice, f"1991234{n:04d}").status_code for n in range(tries.OBJECTIONS + 5)]
    assert sent == [303] * tries.OBJECTIONS + [429] * 5
    made_up = db.session.scalars(select(Objection.id).where(Objection.by_id.is_(None))).all()
    wu = as_(world.wu)
    data = {"answer": "核实无此情况", "together": "y"}
    assert wu.post(f"/desk/objections/{made_up[0]}/dismissal", data=data).status_code == 303
    records.end_notices(on_notice.notice_ends_at)
    assert (entries()[0].state, counting(world.lin)) == (RecordState.NOTICE, 0)
    page = words(wu.get("/desk/objections").text)
    assert page.count("林小满") == 1
    assert wu.post(f"/desk/objections/{true.id}/acceptance", data={"answer": "属实"}).status_code == 303
    assert (entries()[0].state, counting(world.lin)) == (RecordState.RETURNED, 0)
    left = select(func.count(AuditEntry.id)).where(AuditEntry.action == "objection raised from outside")
    assert db.session.scalar(left) == tries.OBJECTIONS


def test_somebody_objects_from_their_own_phone_and_decides_on_it(outside, world, on_notice, as_, seen):
    """A confirmer above, to void what they do not like: neither they nor their second account decides."""
    above = make_staff(Role.CONFIRMER, world.county, "许确认")
    account = db.session.get(Account, above.account_id)
    account.email = "xu@example.org"
    twin = give(make_account("某某", email="Xu@example.org"), Role.CONFIRMER, world.county)
    db.session.commit()
    assert objects(outside, on_notice, account.phone.removeprefix("+86")).status_code == 303
    said = db.session.scalars(select(Objection)).one()
    for who in (above, twin):
        browser, address = as_(who), f"/desk/objections/{said.id}"
        assert "have a part in this entry" in browser.get(address).text
        assert browser.post(f"{address}/acceptance", data={"answer": "属实"}).status_code == 409
        assert browser.post(f"{address}/contact").status_code == 409
    db.session.expire_all()
    assert (said.state, entries()[0].state) == (ObjectionState.OPEN, RecordState.NOTICE)
    assert attempts() == [("settle", "involved", who.account_id) for who in (above, twin)]
    assert all("they took part in what is decided" in page for page in seen.of(on_notice))
    assert as_(world.wu).post(f"/desk/objections/{said.id}/dismissal", data={"answer": "在案"}).status_code == 303


def test_a_notice_is_hidden_from_those_who_would_object(outside, world, on_notice, as_):
    """It cannot be hidden from the organization; that it was shown to fewer is kept before the level above."""
    assert as_(world.chen).post(f"/desk/organizations/{world.station.id}/notices").status_code == 403
    address = f"/desk/organizations/{world.station.id}/notices"
    assert as_(world.qian).post(address, data={"seen_by": "organization"}).status_code == 303
    assert outside.get(f"/public-notices/{on_notice.id}").status_code == 404
    assert as_(world.zhou).get(f"/notices/{on_notice.id}").status_code == 200
    top = make_staff(Role.ADMINISTRATOR, world.city, "市主任")
    assert "set who sees public notices" in words(as_(top).get("/desk/audit").text)
    assert counting(world.lin) == 0


def test_the_calendar_is_bent_to_end_a_notice_early(world, on_notice, as_):
    """A Sunday is made a working day; the end that was promised stays, by rule and by a guard of the database."""
    top = make_staff(Role.ADMINISTRATOR, world.city, "市主任")
    promised = on_notice.notice_ends_at
    day = {"day": "2099-05-10", "kind": "workday", "name": "调休上班"}
    assert as_(top).post("/desk/calendar", data=day).status_code == 303
    assert keep_places(now=promised - timedelta(seconds=1)) == 0
    assert (entries()[0].notice_ends_at, counting(world.lin)) == (promised, 0)
    with pytest.raises(DBAPIError):
        db.session.execute(text("UPDATE service_record SET notice_ends_at = noticed_at WHERE state = 'notice'"))
    db.session.rollback()
    assert "set a day of the calendar" in words(as_(top).get("/desk/audit").text)
