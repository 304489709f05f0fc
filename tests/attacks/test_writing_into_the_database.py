"""The clerk knows somebody who can write into the database. What the rules refuse, the database refuses, too; and who
sets its guards aside is found by `audit verify`, against the roots that are kept outside."""

import pytest
from sqlalchemy import select, text

from blueprints.records import actions, proof, seals
from blueprints.records.models import LedgerEntry, RefusedAttempt
from core.db import db
from tests.attacks.conftest import DAY, DONE, counting
from tests.factories import make_post, make_shift, make_world
from tests.honours.conftest import NOW, open_honour, open_office, propose
from tests.records.test_ledger import hand_in, served
from tests.records.test_seals import faults, seal, tamper

pytestmark = pytest.mark.commits


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def waits(world):
    """An entry of the clerk's that nobody confirmed."""
    shift = make_shift(make_post(world.station))
    served(world, shift, world.lin)
    return hand_in(shift, world.chen)[0]


@pytest.fixture
def sealed(world):
    """Minutes that two people let count, sealed under the root of their day."""
    shift = make_shift(make_post(world.station), places=3)
    served(world, shift, world.zhou)
    actions.confirm([hand_in(shift, world.chen)[0].id], world.wu, now=DONE)
    db.session.commit()
    seal(DONE)
    root = seals.make_root(now=DONE + DAY)
    db.session.commit()
    return root


def refused(statement, match, **values):
    with pytest.raises(Exception, match=match):
        db.session.execute(text(statement), values)
    db.session.rollback()


def test_an_entry_is_made_effective_by_its_recorder(world, waits):
    made = "UPDATE service_record SET state = 'effective', confirmed_by_id = :by, confirmed_at = handed_in_at"
    refused(made, r"two_people_confirm|confirmed_by_another", by=world.chen.account_id)
    refused(made, r"confirmed_by_another", by=world.lin.account_id)
    refused("UPDATE service_record SET state = 'effective'", r"counts_only_when_confirmed")
    assert counting(world.lin) == 0


def test_an_entry_made_effective_in_a_confirmers_name_still_counts_nothing(world, waits):
    """The ledger alone counts, and the state of an entry is not the ledger."""
    made = "UPDATE service_record SET state = 'effective', confirmed_by_id = :by, confirmed_at = handed_in_at"
    db.session.execute(text(made), {"by": world.wu.account_id})
    db.session.commit()
    assert counting(world.lin) == 0
    db.session.expire_all()
    assert db.session.scalar(select(LedgerEntry.id)) is None


def test_a_friend_is_written_down_as_honoured(world):
    office = open_office(world)
    one = propose(office, open_honour(office))
    values = {"by": world.qian.account_id, "other": office.zheng.account_id, "now": NOW, "ends": NOW + 9 * DAY}
    approved = "approved_at = :now, notice_ends_at = :ends, granted_at = :ends, approved_by_id"
    refused(f"UPDATE nomination SET state = 'granted', {approved} = :other", "goes_its_way", **values)
    refused(f"UPDATE nomination SET state = 'granted', {approved} = :by", "goes_its_way|another_one_approves", **values)
    columns = "honour_id, volunteer_id, reason, answer, proposed_at, proposed_by_id, state"
    copied = f"INSERT INTO nomination ({columns}, approved_at, notice_ends_at, approved_by_id)"
    told = "SELECT honour_id, :friend, reason, answer, proposed_at, proposed_by_id, 'notice', :now, :ends, :other"
    refused(f"{copied} {told} FROM nomination", "begins_as_a_proposal", friend=world.zhou.id, **values)
    db.session.refresh(one)
    assert one.state == "proposed"


def test_a_row_is_written_into_the_ledger(world, waits):
    credit = """INSERT INTO ledger_entry (volunteer_id, record_id, organization_id, kind, minutes, evidence, category,
        served_on, at, author_id, approver_id) SELECT volunteer_id, id, organization_id, 'credit', minutes, evidence,
        category, served_on, handed_in_at, handed_in_by_id, :by FROM service_record"""
    refused(credit, r"was_confirmed", by=world.wu.account_id)
    refused(credit, r"two_people_stand|was_confirmed", by=world.chen.account_id)
    assert counting(world.lin) == 0


def test_minutes_that_count_are_raised(sealed):
    refused("UPDATE ledger_entry SET minutes = 600", r"append_only")
    refused("UPDATE service_record SET minutes = planned_minutes, planned_minutes = 600", r"never_changes")


def test_a_recorder_is_taken_off_an_entry_to_confirm_it(waits):
    refused("DELETE FROM recorder", r"never_deleted")
    refused("UPDATE recorder SET account_id = 1", r"append_only")


def test_traces_are_deleted(world, waits):
    refused("DELETE FROM audit_entry", r"never_deleted")
    refused("UPDATE audit_entry SET actor_id = NULL", r"append_only")
    db.session.add(
        RefusedAttempt(
            at=DONE, actor_id=world.chen.account_id, tried="confirm", bar="no_role", subject="service_record",
            subject_id=waits.id,
        )
    )  # fmt: skip
    db.session.commit()
    refused("DELETE FROM refused_attempt", r"never_deleted")
    refused("UPDATE refused_attempt SET actor_id = actor_id + 1", r"append_only")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET minutes = 600",
        "UPDATE ledger_entry SET author_id = approver_id, approver_id = author_id",
        "UPDATE audit_entry SET actor_id = NULL WHERE action = 'handed in'",
        "DELETE FROM audit_entry WHERE action = 'confirmed'",
    ],
)
def test_the_guards_are_set_aside_and_verify_finds_it(sealed, statement):
    assert faults() == []
    tamper(statement)
    assert faults() != []


def test_a_row_is_slipped_in_behind_a_root_that_is_kept_outside(world, sealed):
    """With all seals and roots made anew, the root that somebody printed, mailed or published no longer fits."""
    kept = seals.Published(sealed.day, "0" * 64, sealed.last_seal_id)
    assert any("not the one that was published" in fault for fault in faults(kept))
    assert list(proof.prove([seals.Published(sealed.day, sealed.hash, sealed.last_seal_id)])) == []


def test_an_older_backup_is_restored_to_undo_a_reversal(sealed):
    later = seals.Published(sealed.day + DAY, "1" * 64, sealed.last_seal_id + 9)
    assert any("restored backup" in fault for fault in faults(later))
