"""Correcting an effective entry: by two people, beside what was written and never over it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from blueprints.claims.models import EvidenceClass
from blueprints.identity.models import Account, Leaving
from blueprints.messages.models import NoticeKind
from blueprints.records import actions, corrections, queries
from blueprints.records.models import Correction, CorrectionState, CorrectionText, EntryKind, LedgerEntry
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import actor_of, kinds
from tests.factories import HOUR, give, make_post, make_shift, make_staff, make_world, sign_in
from tests.records.test_ledger import DONE, hand_in, served, total

LATER = DONE + HOUR


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def zhu(world):
    """A confirmer of the county, a level above the town."""
    return make_staff(Role.CONFIRMER, world.county, "朱确认")


@pytest.fixture
def record(world):
    shift = make_shift(make_post(world.station))
    served(world, shift, world.lin)
    made = hand_in(shift, world.chen)[0]
    actions.confirm([made.id], world.wu, now=DONE)
    db.session.commit()
    return made


def propose(record, minutes, actor, reason="多记了半小时"):
    made = corrections.propose(record.id, minutes, actor, reason=reason, now=LATER)
    db.session.commit()
    return made


def lines(record):
    rows = db.session.scalars(select(LedgerEntry).where(LedgerEntry.record_id == record.id).order_by(LedgerEntry.id))
    return [(row.kind, row.minutes, row.evidence) for row in rows]


@pytest.mark.parametrize("reason", ["", "👍👍", "……！", "——"])
def test_a_reason_is_words_and_not_marks_or_pictures(client, world, record, reason):
    with pytest.raises(Refusal, match="Please say why"):
        corrections.propose(record.id, 90, world.chen, reason=reason, now=LATER)
    sign_in(client, world.chen.account_id)
    typed = {"minutes": "90", "reason": reason, "standing": "120"}
    answer = client.post(f"/desk/records/{record.id}/corrections", data=typed)
    assert (answer.status_code, "Please say why" in answer.text) == (422, True)
    assert queries.proposal(record.id) is None
    propose(record, 90, world.chen, "👍 好")


def test_what_becomes_effective_is_credited_once_by_the_two_who_stand_behind_it(world, record):
    entry = db.session.scalar(select(LedgerEntry))
    assert (entry.minutes, entry.kind, entry.evidence) == (120, EntryKind.CREDIT, EvidenceClass.B)
    assert (entry.author_id, entry.approver_id) == (world.chen.account_id, world.wu.account_id)
    assert total(world.lin) == 120


def test_a_correction_is_a_reversal_and_a_new_credit_and_the_first_stays_readable(world, zhu, record):
    made = propose(record, 90, world.wu)
    assert total(world.lin) == 120
    corrections.approve(made.id, zhu, now=LATER)
    assert lines(record) == [
        (EntryKind.CREDIT, 120, EvidenceClass.B),
        (EntryKind.REVERSAL, -120, EvidenceClass.B),
        (EntryKind.CREDIT, 90, EvidenceClass.B),
    ]
    assert total(world.lin) == 90
    assert record.minutes == 120


def test_more_minutes_are_class_c_and_decided_a_level_above(world, zhu, record):
    first = propose(record, 60, world.wu)
    corrections.approve(first.id, zhu, now=LATER)
    second = propose(record, 100, world.wu, "当时漏记")
    other = make_staff(Role.CONFIRMER, world.station, "徐确认")
    with pytest.raises(Refusal, match="above the station"):
        corrections.approve(second.id, other, now=LATER)
    corrections.approve(second.id, zhu, now=LATER)
    assert lines(record)[-1] == (EntryKind.CREDIT, 100, EvidenceClass.C)
    assert queries.totals(world.lin.id)[EvidenceClass.C] == 100
    assert queries.totals(world.lin.id)[EvidenceClass.B] == 0


def test_an_entry_is_voided_and_can_be_taken_up_again_from_above(world, zhu, record):
    corrections.approve(propose(record, 0, world.wu, "人没有来").id, zhu, now=LATER)
    assert total(world.lin) == 0
    assert queries.minutes_on(world.lin.id, record.served_on) == 0
    corrections.approve(propose(record, 120, world.wu, "人来了，照片为证").id, zhu, now=LATER)
    assert total(world.lin) == 120


def test_nobody_decides_on_a_correction_of_their_own(world, record):
    made = propose(record, 90, world.wu)
    with pytest.raises(Refusal, match="You proposed"):
        corrections.approve(made.id, world.wu, now=LATER)


def test_the_owner_neither_proposes_nor_decides(world, record):
    owner = give(db.session.get(Account, world.lin.account_id), Role.CONFIRMER, world.station)
    with pytest.raises(Refusal, match="your own minutes"):
        propose(record, 90, owner)
    made = propose(record, 90, world.wu)
    with pytest.raises(Refusal, match="your own minutes"):
        corrections.approve(made.id, owner, now=LATER)


def test_who_recorded_does_not_decide(world, record):
    made = propose(record, 90, world.wu)
    recorder = give(db.session.get(Account, world.chen.account_id), Role.CONFIRMER, world.county)
    with pytest.raises(Refusal, match="You recorded"):
        corrections.approve(made.id, recorder, now=LATER)


@pytest.mark.parametrize(("minutes", "words"), [(120, "exactly that"), (121, "which is what was planned"), (-1, "0")])
def test_odd_minutes_are_refused(world, record, minutes, words):
    with pytest.raises(Refusal, match=words):
        propose(record, minutes, world.wu)


def test_one_correction_waits_at_a_time_and_a_stale_form_is_refused(world, zhu, record):
    made = propose(record, 90, world.wu)
    with pytest.raises(Refusal, match="waits for a decision already"):
        propose(record, 80, world.wu)
    corrections.approve(made.id, zhu, now=LATER)
    with pytest.raises(Refusal, match="meanwhile"):
        corrections.propose(record.id, 100, world.wu, reason="再改", standing=120, now=LATER)


def test_the_second_of_two_who_decide_is_told(world, zhu, record):
    made = propose(record, 90, world.wu)
    corrections.decline(made.id, zhu, reason="名册可证", now=LATER)
    assert made.state is CorrectionState.DECLINED
    with pytest.raises(Refusal, match="decided this correction meanwhile"):
        corrections.approve(made.id, zhu, now=LATER)
    assert total(world.lin) == 120


def test_who_proposed_may_take_it_back(world, record):
    made = propose(record, 90, world.wu)
    corrections.decline(made.id, world.wu, reason="看错了", now=LATER)
    assert made.state is CorrectionState.DECLINED


def test_the_owner_is_told_of_the_proposal_and_of_the_outcome(world, zhu, record):
    corrections.approve(propose(record, 90, world.wu).id, zhu, now=LATER)
    assert kinds(world.lin)[-2:] == [NoticeKind.CORRECTION_PROPOSED, NoticeKind.RECORD_CORRECTED]


def test_another_office_can_do_nothing(world, record):
    for actor in (world.pan, world.gu, world.he, world.qian):
        with pytest.raises(Refusal, match="does not cover"):
            propose(record, 90, actor)


def test_an_entry_that_still_waits_is_returned_and_not_corrected(world):
    shift = make_shift(make_post(world.station))
    served(world, shift, world.zhou)
    waits = hand_in(shift, world.chen)[0]
    with pytest.raises(Refusal, match="can still be returned"):
        propose(waits, 90, world.wu)


def test_the_words_of_somebody_who_leaves_are_erased_and_the_rows_stay(world, zhu, record):
    from blueprints.identity import actions as identity  # noqa: PLC0415 - only here

    corrections.approve(propose(record, 90, world.wu).id, zhu, now=LATER)
    departure = identity.Departure(world.lin.account_id, world.lin.id, Leaving.ERASE, LATER)
    for forget in identity.ON_LEAVE:
        forget(departure)
    assert db.session.scalar(select(func.count()).select_from(CorrectionText)) == 0
    assert len(lines(record)) == 3


# --- the database refuses, too --------------------------------------------------------------------------------


def refused(statement, match, **values):
    with pytest.raises(Exception, match=match):
        db.session.execute(text(statement), values)
    db.session.rollback()


COLUMNS = "volunteer_id, record_id, organization_id, kind, minutes, evidence, category, served_on, at"
INSERT = f"""INSERT INTO ledger_entry ({COLUMNS}, author_id, approver_id, correction_id, reverses_id)
    SELECT {COLUMNS}, :author, :approver, :correction, :reverses FROM (
        SELECT volunteer_id, record_id, organization_id, :kind AS kind, :minutes AS minutes, evidence, category,
            served_on, at FROM ledger_entry WHERE correction_id IS NULL) AS first"""


def test_no_row_of_the_ledger_is_ever_changed_or_deleted(record):
    refused("UPDATE ledger_entry SET minutes = 600", "append_only")
    refused("DELETE FROM ledger_entry", "never_deleted")


def test_no_minutes_are_written_that_nobody_confirmed(world, record):
    values = {"author": world.chen.account_id, "approver": world.wu.account_id, "reverses": None, "correction": None}
    refused(
        INSERT, "one_credit_stands|was_confirmed|uq_ledger_entry_first|UNIQUE", kind="credit", minutes=600, **values
    )
    values |= {"reverses": db.session.scalar(select(LedgerEntry.id))}
    refused(INSERT, "come_from_a_correction|CHECK", kind="reversal", minutes=-120, **values)


def test_no_correction_counts_that_was_not_approved(world, zhu, record):
    made = propose(record, 90, world.wu)
    reverses = db.session.scalar(select(LedgerEntry.id))
    values = {"author": world.wu.account_id, "approver": zhu.account_id, "correction": made.id, "reverses": reverses}
    refused(INSERT, "corrected_entry_was_approved", kind="reversal", minutes=-120, **values)


def test_the_owner_and_a_recorder_cannot_approve_past_the_rules(world, record):
    made = propose(record, 90, world.wu)
    for account_id in (world.lin.account_id, world.chen.account_id):
        refused(
            "UPDATE correction SET state = 'approved', approver_id = :by, decided_at = proposed_at WHERE id = :id",
            "approved_by_another",
            by=account_id,
            id=made.id,
        )


def test_a_decided_correction_never_changes(world, zhu, record):
    made = propose(record, 90, world.wu)
    corrections.approve(made.id, zhu, now=LATER)
    db.session.commit()
    refused("UPDATE correction SET minutes = 120", "never_changes")
    refused("DELETE FROM correction", "never_deleted|foreign key|FOREIGN KEY")


# --- properties -----------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 120), st.booleans()), max_size=6))
def test_whatever_happens_the_total_is_the_sum_of_the_ledger_and_no_row_vanishes(world, zhu, record, steps):
    worth, before = queries.worth([record.id])[record.id], len(lines(record))
    for minutes, approved in steps:
        if minutes == worth:
            continue
        made = propose(record, minutes, world.wu)
        if approved:
            corrections.approve(made.id, zhu, now=LATER)
            worth = minutes
        else:
            corrections.decline(made.id, zhu, reason="不改", now=LATER)
        after = lines(record)
        assert sum(line[1] for line in after) == worth == total(world.lin)
        assert len(after) >= before
        before = len(after)
    assert db.session.scalar(select(func.count()).where(Correction.state == CorrectionState.PROPOSED)) == 0


# --- pages ----------------------------------------------------------------------------------------------------


def test_the_desk_proposes_and_decides_on_the_page(client, world, zhu, record):
    sign_in(client, world.wu.account_id)
    page = client.get(f"/desk/records/{record.id}")
    assert "Propose the correction" in page.text
    wrong = client.post(f"/desk/records/{record.id}/corrections", data={"minutes": "abc", "reason": "多记了"})
    assert (wrong.status_code, "多记了" in wrong.text) == (422, True)
    form = {"minutes": "90", "reason": "多记了半小时", "standing": "120"}
    assert client.post(f"/desk/records/{record.id}/corrections", data=form).status_code == 303
    page = client.get(f"/desk/records/{record.id}")
    assert "another person decides" in page.text
    sign_in(client, zhu.account_id)
    assert "Corrections to decide" in client.get("/desk/records").text
    made = db.session.scalar(select(Correction.id))
    assert client.post(f"/desk/corrections/{made}/approval").status_code == 303
    sign_in(client, world.lin.account_id)
    assert "多记了半小时" in client.get(f"/me/records/{record.id}").text
    assert "1 h 30 min" in client.get("/me/records").text


def test_a_refused_correction_says_why_and_the_page_keeps_the_words(client, world, zhu, record):
    made = propose(record, 90, world.wu)
    sign_in(client, zhu.account_id)
    assert client.post(f"/desk/corrections/{made.id}/refusal", data={"answer": ""}).status_code == 422
    assert client.post(f"/desk/corrections/{made.id}/refusal", data={"answer": "名册可证"}).status_code == 303
    assert "名册可证" in client.get(f"/desk/records/{record.id}").text


def test_somebody_elses_office_gets_404(client, world, record):
    made = propose(record, 90, world.wu)
    sign_in(client, world.pan.account_id)
    assert client.post(f"/desk/corrections/{made.id}/approval").status_code == 404
    assert client.post(f"/desk/records/{record.id}/corrections").status_code == 404


def test_actor_of_the_owner_is_no_clerk(world, record):
    with pytest.raises(Refusal, match="does not cover"):
        propose(record, 90, actor_of(world.lin))
