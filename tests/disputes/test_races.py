"""Two who decide on one dispute at once, in processes of their own with real transactions."""

import time
from typing import Any

import pytest
from sqlalchemy import func, select

from blueprints.disputes import actions, reporting
from blueprints.disputes.models import Dispute, DisputeKind, DisputeState, Step
from blueprints.identity.models import Account
from blueprints.records import actions as records
from blueprints.records.models import LedgerEntry, RecordState, ServiceRecord
from core.actor import Role
from core.db import db, lock
from tests.claims.test_claiming import actor_of
from tests.disputes.conftest import LATER, disputed, recorded
from tests.factories import make_staff, make_world
from tests.racing import race_of

pytestmark = pytest.mark.commits
race = race_of(__name__)


def confirm_slowly(record_id: int, actor: Any) -> None:
    """Hold the entry for a while, and then let it count: a row of the ledger that names its person."""
    lock(ServiceRecord, record_id)
    time.sleep(2)
    records.confirm([record_id], actor, now=LATER)


def void(report_id: int, actor: Any) -> None:
    time.sleep(0.7)
    reporting.confirm(report_id, actor, now=LATER)


VERBS: dict[str, Any] = {
    "accept": lambda id, actor: actions.accept(id, actor, now=LATER),
    "reject": lambda id, actor: actions.reject(id, actor, reason="名册可证", now=LATER),
    "confirm": lambda id, actor: records.confirm([id], actor, now=LATER),
    "confirm slowly": confirm_slowly,
    "void": void,
    "not me": lambda id, actor: actions.file(id, DisputeKind.NOT_ME, actor, now=LATER),
}


def test_one_of_two_deciders_decides_and_the_other_is_told(race):
    world = make_world()
    feng, fang = (make_staff(Role.CONFIRMER, world.town, name) for name in ("冯确认", "方确认"))
    made = disputed(recorded(world), world.lin, DisputeKind.NOT_ME)
    jobs = [("accept", made.id, feng.account_id), ("reject", made.id, fang.account_id)] * 2
    db.session.rollback()
    outcomes = race(jobs)
    assert sorted(outcome == "done" for outcome in outcomes) == [False, False, False, True]
    assert all(outcome == "done" or "meanwhile" in outcome for outcome in outcomes)
    db.session.expire_all()
    after = db.session.scalars(select(Dispute)).one()
    assert after.state in (DisputeState.ACCEPTED, DisputeState.DISMISSED)
    assert db.session.scalar(select(func.count(Step.id))) == 2
    worth = db.session.scalar(select(func.sum(LedgerEntry.minutes)))
    assert worth == (0 if after.state is DisputeState.ACCEPTED else 120)


def test_an_entry_is_confirmed_or_disputed_and_never_both_unseen(race):
    world = make_world()
    pending = recorded(world, confirmed=False)
    owner = actor_of(world.lin)
    jobs = [("not me", pending.id, owner.account_id), ("confirm", pending.id, world.wu.account_id)]
    db.session.rollback()
    filed, confirmed = race(jobs)
    db.session.expire_all()
    assert filed == "done"  # what counts can be disputed, too
    state = db.session.scalars(select(ServiceRecord.state)).one()
    if confirmed == "done":
        assert state is RecordState.EFFECTIVE
    else:
        assert "In dispute" in confirmed
        assert state is RecordState.PENDING


def test_a_registration_is_voided_while_its_entry_is_confirmed_and_neither_waits_for_the_other(race):
    """Both come from the entry to its person; the other way round, PostgreSQL ends one of them as a deadlock."""
    world = make_world()
    pending = recorded(world, confirmed=False)
    lu, jiang = (make_staff(Role.ADMINISTRATOR, world.city, name) for name in ("陆主任", "蒋主任"))
    world.lin.id_last4, world.lin.id_hash, world.lin.id_sealed = "123X", "h" * 64, "s"
    phone = db.session.get_one(Account, world.lin.account_id).phone
    typed = {"phone": phone, "last_four": "123X", "birthday": "0101", "words": "不知情", "contact": "13800000000"}
    made, _code = reporting.file(**typed, now=LATER)
    reporting.find(made.id, lu, answer="属实", now=LATER)
    db.session.commit()
    jobs = [("confirm slowly", pending.id, world.wu.account_id), ("void", made.id, jiang.account_id)]
    db.session.rollback()
    outcomes = race(jobs)
    assert outcomes[1] == "done", outcomes
    assert not db.session.scalar(select(func.sum(LedgerEntry.minutes)))


def test_two_taps_file_one_dispute(race):
    world = make_world()
    made = recorded(world)
    jobs = [("not me", made.id, world.lin.account_id)] * 3
    db.session.rollback()
    outcomes = race(jobs)
    assert sorted(outcome == "done" for outcome in outcomes) == [False, False, True]
    assert db.session.scalar(select(func.count(Dispute.id))) == 1
