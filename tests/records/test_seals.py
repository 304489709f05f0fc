"""A database that somebody tampers with: every change, removal, insertion and new order is found."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from blueprints.admin import worker
from blueprints.records import actions, corrections, proof, seals
from blueprints.records.models import LedgerEntry, Root, Seal
from core import clock
from core.db import db
from tests.factories import make_post, make_shift, make_world
from tests.records.test_ledger import DONE, hand_in, served

pytestmark = pytest.mark.commits
DAY = timedelta(days=1)


@pytest.fixture
def sealed(app, monkeypatch):
    """Three people's minutes, sealed, and the root of that day."""
    world = make_world()
    shift = make_shift(make_post(world.station), places=3)
    for volunteer in (world.lin, world.zhou, world.shen):
        served(world, shift, volunteer)
    actions.confirm([record.id for record in hand_in(shift, world.chen)], world.wu, now=DONE)
    db.session.commit()
    seal(DONE)
    assert seals.make_root(now=DONE + DAY)
    db.session.commit()
    return world


def seal(now) -> int:
    count = seals.seal(now=now)
    db.session.commit()
    return count


def faults(*outside):
    db.session.expire_all()
    found = [str(fault) for fault in proof.prove(outside)]
    db.session.rollback()
    return found


def tamper(statement, **values):
    """As somebody does who owns the database: the guards are set aside, and stand again afterwards."""
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(statement), values)
            return
        guards = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for name, _sql in guards:
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(statement), values)
        for _name, sql in guards:
            connection.exec_driver_sql(sql)


def test_what_is_untouched_is_proven(sealed):
    assert faults() == []
    assert proof.counted() == {"sealed": db.session.query(Seal).count(), "unsealed": 0}


def test_sealing_again_seals_nothing_twice(sealed):
    assert seal(DONE + DAY) == 0
    assert seals.make_root(now=DONE + DAY) is None


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE ledger_entry SET minutes = minutes + 60 WHERE id = :id", "was changed after it was sealed"),
        ("UPDATE ledger_entry SET evidence = 'A' WHERE id = :id", "was changed after it was sealed"),
        ("UPDATE ledger_entry SET volunteer_id = volunteer_id + 1 WHERE id = :id", "was changed"),
        ("DELETE FROM ledger_entry WHERE id = :id", "the row was removed"),
        ("DELETE FROM seal WHERE kind = 'ledger' AND row_id = :id", "is gone"),
        ("UPDATE audit_entry SET actor_id = NULL WHERE action = 'confirmed'", "was changed"),
        ("UPDATE audit_entry SET details = '{}' WHERE action = 'confirmed'", "was changed"),
        ("DELETE FROM audit_entry WHERE action = 'handed in'", "the row was removed"),
        ("UPDATE root SET hash = mark", "its hash does not fit"),
        ("UPDATE root_head SET hash = reverse(hash)", "does not fit"),
        ("UPDATE service_record SET title = '别的岗位'", "what it says is not what was confirmed"),
    ],
)
def test_each_way_of_tampering_is_found(sealed, statement, words):
    entry = db.session.scalar(select(LedgerEntry.id).order_by(LedgerEntry.id).offset(1))
    db.session.rollback()
    if db.engine.dialect.name == "sqlite":
        statement = statement.replace("reverse(hash)", "substr(hash, 2) || substr(hash, 1, 1)")
    tamper(statement, id=entry) if ":id" in statement else tamper(statement)
    assert any(words in fault for fault in faults()), faults()


def test_two_rows_that_change_places_are_found(sealed):
    first, second = db.session.scalars(select(LedgerEntry.id).order_by(LedgerEntry.id).limit(2))
    db.session.rollback()
    crossed = "UPDATE seal SET row_id = CASE row_id WHEN :a THEN -:b ELSE -:a END "
    tamper(crossed + "WHERE kind = 'ledger' AND row_id IN (:a, :b)", a=first, b=second)
    tamper("UPDATE seal SET row_id = -row_id WHERE row_id < 0")
    assert any("its place was changed" in fault for fault in faults())


INSERTED = """INSERT INTO ledger_entry (volunteer_id, record_id, organization_id, kind, minutes, evidence, category,
    served_on, at, author_id, approver_id, correction_id)
    SELECT volunteer_id, record_id, organization_id, 'credit', 600, evidence, category, served_on, at, author_id,
    approver_id, NULL FROM ledger_entry WHERE id = :id"""


def test_minutes_that_are_put_in_later_and_dated_back_are_found(sealed):
    entry = db.session.scalar(select(LedgerEntry.id))
    db.session.rollback()
    tamper("DROP INDEX uq_ledger_entry_first")
    tamper(INSERTED, id=entry)
    seal(DONE + DAY + DAY)
    found = faults()
    tamper("DELETE FROM ledger_entry WHERE minutes = 600")
    tamper("CREATE UNIQUE INDEX uq_ledger_entry_first ON ledger_entry (record_id) WHERE correction_id IS NULL")
    assert any("put in later" in fault for fault in found), found


def test_a_chain_that_is_forged_from_its_beginning_does_not_fit_the_root(sealed):
    """Somebody rewrites a row and every seal after it; the root was mailed, and carries the key's mark."""
    root = db.session.scalar(select(Root))
    kept = seals.published(seals.line_of(root))
    db.session.rollback()
    tamper("UPDATE ledger_entry SET minutes = 600 WHERE id = (SELECT max(id) FROM ledger_entry)")
    tamper("DELETE FROM seal")
    tamper("DELETE FROM root_head")
    tamper("DELETE FROM root")
    seal(DONE + DAY)
    seals.make_root(now=DONE + DAY + timedelta(minutes=1))
    db.session.commit()
    assert faults() == [], "without a root kept elsewhere a whole forged past cannot be told from a true one"
    assert faults(kept) == [f"root of {kept.day}: it is not the one that was published"]


def test_a_root_made_without_the_key_of_the_installation_is_found(sealed):
    tamper("UPDATE root SET mark = hash")
    assert any("key of this installation" in fault for fault in faults())


def test_a_restored_backup_is_known_by_the_roots_it_lacks(sealed):
    later = seals.Published(clock.today(DONE + 3 * DAY), "0" * 64, 99)
    assert any("restored backup" in fault for fault in faults(later))


def test_erased_words_leave_a_chain_that_verifies(sealed):
    record = db.session.scalar(select(LedgerEntry.record_id))
    made = corrections.propose(record, 60, sealed.wu, reason="记错了人名林某", now=DONE + DAY)
    db.session.commit()
    assert "林某" in db.session.execute(text("SELECT reason FROM correction_text")).scalar_one()
    db.session.execute(text("DELETE FROM correction_text WHERE correction_id = :id"), {"id": made.id})
    db.session.commit()
    seal(DONE + DAY)
    assert faults() == []


def test_words_that_were_changed_are_found(sealed):
    record = db.session.scalar(select(LedgerEntry.record_id))
    corrections.propose(record, 60, sealed.wu, reason="多记了一小时", now=DONE + DAY)
    db.session.commit()
    tamper("UPDATE correction_text SET reason = '本人要求'")
    assert any("its words" in fault for fault in faults())


def test_many_rows_are_sealed_in_batches_and_in_order(sealed, monkeypatch):
    monkeypatch.setattr(proof, "AT_ONCE", 3)
    assert faults() == []
    tamper("DELETE FROM seal WHERE id = (SELECT max(id) FROM seal)")
    assert any("gone" in fault for fault in faults())


def test_the_worker_seals_makes_the_root_and_keeps_it_outside(sealed, app, monkeypatch, tmp_path):
    make_shift(make_post(sealed.station))
    monkeypatch.setattr(clock, "now", lambda: DONE + 5 * DAY)
    monkeypatch.setitem(app.config, "INSTANCE", tmp_path)  # roots of other tests are of other databases
    corrections.propose(
        db.session.scalar(select(LedgerEntry.record_id)), 60, sealed.wu, reason="多记", now=DONE + 4 * DAY
    )
    db.session.commit()
    assert worker.keep_seals(now=DONE + 5 * DAY) > 0
    kept = (app.config["INSTANCE"] / worker.ROOTS).read_text().splitlines()
    assert len(kept) == 1
    assert seals.published(kept[-1]).day == clock.today(DONE + 4 * DAY)
    result = app.test_cli_runner().invoke(args=["audit", "verify"])
    assert result.exit_code == 0, result.output
    tamper("UPDATE ledger_entry SET minutes = minutes + 1")
    result = app.test_cli_runner().invoke(args=["audit", "verify"])
    assert (result.exit_code, "was changed" in result.output) == (1, True)


def test_the_roots_are_printed_to_be_kept_elsewhere(sealed, app):
    result = app.test_cli_runner().invoke(args=["audit", "roots"])
    assert seals.published(result.output.strip()).hash == db.session.scalar(select(Root.hash))
