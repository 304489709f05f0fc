"""What was refused leaves a trace that its owner and the level above see, and that nobody takes away."""

import pytest
from flask import g
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from blueprints.identity.models import Account
from blueprints.records import attempts, witness
from blueprints.records.attempts import AGAIN, MOST_A_DAY
from blueprints.records.models import ENTRY, Bar, RefusedAttempt, Tried
from core import web
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from tests.attacks.conftest import DONE, words
from tests.attacks.conftest import attempts as kept
from tests.counting import counted
from tests.factories import give
from tests.records.test_ledger import hand_in, served


@pytest.fixture
def record(world, shift):
    served(world, shift, world.lin)
    return hand_in(shift, world.chen)[0]


def confirm(browser, record):
    return browser.post(f"/desk/records/{record.id}/confirmation")


def test_a_recorder_who_confirms_is_refused_and_the_owner_sees_it(world, as_, seen, record):
    both = give(account_of(world.chen), Role.CONFIRMER, world.station)
    assert confirm(as_(both), record).status_code == 409
    assert kept() == [("confirm", "recorder", world.chen.account_id)]
    for page in seen.of(record):
        assert "陈站长 wanted to confirm this entry Refused: they recorded part of it themselves." in page


def account_of(actor):
    return db.session.get(Account, actor.account_id)


def test_who_has_no_role_or_no_reach_leaves_a_trace_too(world, as_, record):
    assert confirm(as_(world.chen), record).status_code == 403
    assert confirm(as_(world.pan), record).status_code == 404
    many = as_(world.pan).post("/desk/records/confirmations", data={"these": f"{record.id},{2**31 - 1},x"})
    assert many.status_code == 404
    assert kept() == [("confirm", "no_role", world.chen.account_id), ("confirm", "out_of_reach", world.pan.account_id)]


def test_what_is_allowed_and_what_only_looks_leaves_none(world, as_, record):
    as_(world.chen).get("/desk/records")
    as_(world.pan).get(f"/desk/records/{record.id}")
    assert confirm(as_(world.wu), record).status_code == 303
    assert as_(world.wu).post(f"/desk/records/{record.id}/corrections", data={"minutes": "x"}).status_code == 422
    assert kept() == []


def test_the_same_try_again_within_minutes_says_nothing_new(world, as_, at, record):
    browser = as_(world.chen)
    for _time in range(3):
        confirm(browser, record)
    at(DONE + AGAIN)
    confirm(browser, record)
    assert len(kept()) == 2


def test_nobody_fills_the_table(world, record):
    for number in range(MOST_A_DAY + 5):
        attempts.keep(Tried.CONFIRM, Bar.NO_ROLE, (ENTRY, record.id), world.chen, now=DONE + number * AGAIN / 100)
    assert len(kept()) <= MOST_A_DAY


def test_a_trace_about_nothing_is_not_kept(world, as_):
    assert as_(world.chen).post("/desk/records/2147483647/confirmation").status_code == 403
    assert kept() == []


def test_a_trace_is_never_changed_or_deleted(world, as_, record):
    confirm(as_(world.chen), record)
    for statement in ("UPDATE refused_attempt SET bar = 'owner'", "DELETE FROM refused_attempt"):
        with pytest.raises(Exception, match=r"append_only|never_deleted"):
            db.session.execute(text(statement))
        db.session.rollback()


def test_a_trace_is_in_the_audit_that_is_sealed(world, as_, record):
    confirm(as_(world.chen), record)
    entry = db.session.scalar(select(AuditEntry).where(AuditEntry.action == "attempt refused"))
    assert (entry.actor_id, entry.about_id) == (world.chen.account_id, world.lin.account_id)
    assert entry.organization_id == world.station.id
    page = words(as_(world.qian).get("/desk/audit").text)
    assert "tried something that was refused · wanted to confirm this entry" in page


def test_what_the_database_refuses_leaves_a_trace(app, world, record):
    """The rules come first, so a guard is met only by who is faster than a rule, or past it."""
    with app.test_request_context(f"/desk/records/{record.id}/confirmation", method="POST"):
        g.viewer, g.afterwards = world.chen, []
        with pytest.raises(IntegrityError) as refused:
            db.session.execute(
                text(
                    "UPDATE service_record SET state = 'effective', confirmed_by_id = :by, confirmed_at = handed_in_at"
                ),
                {"by": world.chen.account_id},
            )
        db.session.rollback()
        witness.notice(refused.value)
        web._run_afterwards()
    assert kept() == [("confirm", "guard", world.chen.account_id)]


def test_an_own_check_out_that_comes_too_late_is_no_attempt(world, as_, record):
    assert as_(world.lin).post(f"/claims/{record.claim_id}/departure", data={"code": "000000"}).status_code == 409
    assert kept() == []


def test_stating_times_after_they_were_handed_in_leaves_a_trace_at_the_entry(world, as_, seen, record):
    answer = as_(world.chen).post(f"/desk/claims/{record.claim_id}/punches", data={"act": "in"})
    assert answer.status_code == 409
    assert kept() == [("record", "handed_in", world.chen.account_id)]
    assert all("wanted to enter or change times" in page for page in seen.of(record))


def test_the_page_of_an_entry_asks_as_often_for_many_traces_as_for_one(world, as_, at, record):
    asked = []
    for tries in (1, 20):
        for number in range(tries):
            at(DONE + number * AGAIN * 2 + tries * AGAIN)
            attempts.keep(Tried.CONFIRM, Bar.NO_ROLE, (ENTRY, record.id), world.chen, now=DONE + number * AGAIN * 2)
        db.session.commit()
        browser = as_(world.wu)
        g.pop("unread", None)
        with counted() as statements:
            assert browser.get(f"/desk/records/{record.id}").status_code == 200
        asked.append(len(statements))
    assert asked[0] == asked[1]
    assert db.session.scalar(select(func.count(RefusedAttempt.id))) > 10
