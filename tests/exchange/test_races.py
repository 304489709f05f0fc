"""Two who decide at the same moment, in processes of their own: one does, and the other is told."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from app import create_app
from blueprints.admin import tasks
from blueprints.exchange import actions, queries
from blueprints.exchange.models import ImportBatch, ImportState
from blueprints.identity.models import Account
from blueprints.jobs.models import Job
from blueprints.records import actions as records
from blueprints.records.models import RecordState, ServiceRecord
from blueprints.supplements import actions as supplements
from blueprints.supplements.models import Supplement, SupplementState
from core import clock
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.i18n import speaking
from core.refusal import Refusal
from tests.exchange.test_imports import NOW, hours_of, tried
from tests.factories import make_staff, make_world
from tests.identity.test_races import KEPT
from tests.supplements.test_supplements import NOW as ASKED
from tests.supplements.test_supplements import ask

pytestmark = pytest.mark.commits
ROUNDS = 2
_app: Any = None
_gate: Any = None


def start(config: dict[str, Any], gate: Any) -> None:
    """Each process has its own application and its own connections, and waits for the others before it decides."""
    global _app, _gate
    _app, _gate = create_app(**config), gate


def decide(verb: str, id: int, account_id: int) -> str:
    """What the person is told; nothing if it was them who decided."""
    with _app.app_context(), speaking("en"):
        actor = queries.actor_by_account(account_id)
        db.session.rollback()
        _gate.wait(60)
        try:
            VERBS[verb](id, actor)
            db.session.commit()
        except Refusal as refusal:
            db.session.rollback()
            return str(refusal)
        return ""


VERBS: dict[str, Any] = {
    "approve import": lambda id, actor: actions.approve(id, actor, now=NOW),
    "decline import": lambda id, actor: actions.decline(id, actor, reason="名单缺盖章", now=NOW),
    "vouch": lambda id, actor: supplements.vouch(id, actor, now=ASKED),
    "decline": lambda id, actor: supplements.decline(id, actor, reason="无人在场", now=ASKED),
    "approve": lambda id, actor: records.approve(id, actor, now=ASKED),
}


@pytest.fixture
def world():
    made = make_world()
    db.session.execute(db.update(Account).values(lang="en"))
    db.session.commit()
    return made


@pytest.fixture
def race(app):
    context = multiprocessing.get_context("spawn")
    config = {name: app.config[name] for name in KEPT}
    gate = context.Barrier(2)
    db.session.remove()
    with ProcessPoolExecutor(2, mp_context=context, initializer=start, initargs=(config, gate)) as pool:

        def run(*pairs):
            db.session.commit()
            told = [future.result() for future in [pool.submit(decide, *pair) for pair in pairs]]
            db.session.expire_all()
            return told

        yield run


def one_was_told(told, sentence):
    assert sorted(map(bool, told)) == [False, True], told
    assert sentence in "".join(told)


@pytest.fixture
def above(world):
    """Two who may decide on an import of the county."""
    return [make_staff(Role.CONFIRMER, world.city, name).account_id for name in ("市确认", "郑确认")]


@pytest.fixture
def submitted(world, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(tasks, "LONGEST_PAUSE", 0)

    def hand_up(number):
        batch = tried(world, hours_of(world, day=f"2099-03-{number + 1:02d}"), platform=f"p{number}")
        actions.submit(batch.id, world.qian, now=NOW)
        db.session.commit()
        return batch.id

    return hand_up


def applying(batch_id):
    """How many files are to be entered in all, and what was decided about this one."""
    entered = select(func.count()).where(Job.kind == "import_apply")
    traces = select(AuditEntry.action).where(AuditEntry.subject == "import_batch", AuditEntry.subject_id == batch_id)
    decisions = traces.where(AuditEntry.action.in_(["import approved", "import declined"]))
    return db.session.scalar(entered), list(db.session.scalars(decisions))


def test_two_who_approve_one_import_enter_it_once(race, above, submitted):
    for number in range(ROUNDS):
        batch_id = submitted(number)
        told = race(*(("approve import", batch_id, account_id) for account_id in above))
        one_was_told(told, "Somebody went on with this import meanwhile")
        assert applying(batch_id) == (number + 1, ["import approved"])


def test_one_who_approves_and_one_who_declines_an_import_do_not_both(race, above, submitted):
    for number in range(ROUNDS):
        batch_id = submitted(number)
        before = applying(batch_id)[0]
        told = race(("approve import", batch_id, above[0]), ("decline import", batch_id, above[1]))
        one_was_told(told, "Somebody went on with this import meanwhile")
        batch = db.session.get_one(ImportBatch, batch_id)
        approved = batch.state is ImportState.APPLYING
        assert (batch.decided_by_id, batch.reason) == ((above[0], "") if approved else (above[1], "名单缺盖章"))
        assert applying(batch_id) == (
            before + approved,
            ["import approved" if approved else "import declined"],
        )


def stood(race, world, first, second):
    """One request for time outside a shift, and what two clerks were told who decided on it at once."""
    jiang = make_staff(Role.CLERK, world.station, "蒋站务")
    asked = ask(world).id
    told = race((first, asked, world.chen.account_id), (second, asked, jiang.account_id))
    one_was_told(told, "Somebody decided this meanwhile")
    return db.session.get_one(Supplement, asked)


def entries():
    return db.session.scalars(select(ServiceRecord)).all()


def test_two_who_vouch_for_one_supplement_make_one_entry(race, world):
    supplement = stood(race, world, "vouch", "vouch")
    assert supplement.state is SupplementState.VOUCHED
    assert [each.id for each in entries()] == [supplement.record_id]


def test_one_who_vouches_and_one_who_declines_a_supplement_do_not_both(race, world):
    supplement = stood(race, world, "vouch", "decline")
    vouched = supplement.state is SupplementState.VOUCHED
    assert len(entries()) == vouched
    assert (supplement.reason == "无人在场") is not vouched


def test_two_of_the_level_above_who_approve_one_supplement_let_it_onto_notice_once(race, world):
    record_id = supplements.vouch(ask(world).id, world.chen, now=ASKED).record_id
    other = make_staff(Role.CONFIRMER, world.county, "朱确认")
    told = race(("approve", record_id, world.wu.account_id), ("approve", record_id, other.account_id))
    one_was_told(told, "somebody decided this meanwhile")
    assert [each.state for each in entries()] == [RecordState.NOTICE]
