"""Disputing an entry: who may say so, who decides and by when, and what follows."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from werkzeug.exceptions import NotFound

from blueprints.certificates.models import Certificate, CertificateKind, CertificateRow, CertificateState
from blueprints.certificates.queries import checked_all
from blueprints.claims import actions as claims
from blueprints.claims.models import Claim, EvidenceClass
from blueprints.disputes import actions, queries
from blueprints.disputes.models import NEXT_STATES, Dispute, DisputeKind, DisputeState, DisputeStep, Proof, Step
from blueprints.disputes.upkeep import STEPS
from blueprints.identity import actions as identity
from blueprints.identity.models import Account, Leaving
from blueprints.messages.models import Notice, NoticeKind
from blueprints.organizations.models import Limit, Setting
from blueprints.records import actions as records
from blueprints.records import corrections
from blueprints.records import queries as recorded_queries
from blueprints.records.models import EntryKind, LedgerEntry, RecordState
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from core.workdays import CalendarDay, DayKind
from tests.claims.test_attendance import END
from tests.claims.test_claiming import actor_of, claim, kinds
from tests.disputes.conftest import LATER, disputed, recorded
from tests.factories import (
    BEFORE,
    HOUR,
    START,
    give,
    make_account,
    make_post,
    make_shift,
    make_staff,
    make_volunteer,
    saved,
)
from tests.records.test_ledger import DONE, hand_in, total

NOT_ME, WRONG = DisputeKind.NOT_ME, DisputeKind.WRONG
DAY = timedelta(days=1)


def accept(dispute, actor, now=LATER, **said):
    done = actions.accept(dispute.id, actor, **said, now=now)
    db.session.commit()
    return done


def reject(dispute, actor, reason="名册和监控都记着。", now=LATER):
    done = actions.reject(dispute.id, actor, reason=reason, now=now)
    db.session.commit()
    return done


def appeal(dispute, volunteer, words="监控不是那天的。", now=LATER):
    done = actions.appeal(dispute.id, actor_of(volunteer), words=words, now=now)
    db.session.commit()
    return done


def lines(record):
    rows = db.session.scalars(select(LedgerEntry).where(LedgerEntry.record_id == record.id).order_by(LedgerEntry.id))
    return [(row.kind, row.minutes, row.evidence) for row in rows]


def told(actor):
    found = select(Notice.kind).where(Notice.account_id == actor.account_id).order_by(Notice.id)
    return list(db.session.scalars(found))


def course(dispute):
    return [taken.step.step for taken in queries.course(dispute.id)]


# --- saying so ------------------------------------------------------------------------------------------------


def test_the_owner_is_told_who_decides_and_by_when_and_those_who_decide_that_it_waits(world, deciders, record):
    made = disputed(record, world.lin)
    assert (made.state, made.due_on) == (DisputeState.FILED, date(2099, 5, 18))
    notice = db.session.scalars(select(Notice).where(Notice.kind == NoticeKind.DISPUTE_RECEIVED)).one()
    assert (notice.account_id, notice.values["organization"]) == (world.lin.account_id, world.station.name)
    assert NoticeKind.DISPUTE_WAITS in told(deciders.xu)
    assert NoticeKind.DISPUTE_WAITS not in told(deciders.wu) + told(deciders.zhu) + told(world.chen)


def test_only_the_owner_disputes_an_entry(world, record):
    for other in (actor_of(world.zhou), world.chen, world.wu):
        with pytest.raises(Refusal, match="Only the person whose entry"):
            actions.file(record.id, NOT_ME, other, now=LATER)


def test_the_database_takes_a_dispute_from_the_owner_alone(world, record):
    made = Dispute(record_id=record.id, kind=NOT_ME, levels=1, filed_at=LATER, filed_by_id=world.chen.account_id)
    made.due_on = LATER.date()
    db.session.add(made)
    with pytest.raises(Exception, match="dispute_is_its_owners"):
        db.session.flush()


def test_one_dispute_stands_at_a_time(world, record):
    disputed(record, world.lin)
    with pytest.raises(Refusal, match="said so already"):
        disputed(record, world.lin, NOT_ME)


def test_the_database_lets_one_dispute_stand_on_an_entry(world, record):
    made = disputed(record, world.lin)
    second = Dispute(record_id=record.id, kind=NOT_ME, levels=1, filed_at=LATER, filed_by_id=made.filed_by_id)
    second.due_on = LATER.date()
    db.session.add(second)
    with pytest.raises(Exception, match=r"(?i)unique"):
        db.session.flush()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"words": ""}, "what is wrong"),
        ({"minutes": 121}, "what was planned"),
        ({"minutes": -1}, "Between 0"),
        ({"minutes": 120}, "says exactly that"),
    ],
)
def test_what_says_nothing_is_refused(world, record, said, words):
    with pytest.raises(Refusal, match=words):
        disputed(record, world.lin, **said)


def test_not_me_needs_no_words(world, record):
    assert disputed(record, world.lin, NOT_ME, words="").state is DisputeState.FILED


def test_what_counts_nothing_is_not_disputed(world, deciders, record):
    accept(disputed(record, world.lin, NOT_ME), deciders.feng)
    with pytest.raises(Refusal, match="counts nothing"):
        disputed(record, world.lin)
    waits = recorded(world, world.zhou, confirmed=False)
    records.send_back(waits.id, world.wu, reason="时间不符", now=LATER)
    with pytest.raises(Refusal, match="returned to the station already"):
        disputed(waits, world.zhou)


def test_the_owner_takes_it_back_and_may_say_it_again(world, record):
    made = disputed(record, world.lin)
    actions.withdraw(made.id, actor_of(world.lin), now=LATER)
    assert (made.state, course(made)) == (DisputeState.WITHDRAWN, [DisputeStep.FILED, DisputeStep.WITHDRAWN])
    assert disputed(record, world.lin).state is DisputeState.FILED
    with pytest.raises(Refusal, match="Only the person"):
        actions.withdraw(made.id, world.wu, now=LATER)


# --- who decides ----------------------------------------------------------------------------------------------


def test_not_me_skips_the_organization(world, deciders, record):
    made = disputed(record, world.lin, NOT_ME)
    with pytest.raises(Refusal, match="level above decides"):
        accept(made, deciders.xu)
    assert accept(made, deciders.feng).state is DisputeState.ACCEPTED


def test_nobody_who_stands_behind_the_entry_decides(world, deciders, record):
    made = disputed(record, world.lin, NOT_ME)
    recorder = give(db.session.get(Account, world.chen.account_id), Role.CONFIRMER, world.county)
    for actor in (recorder, deciders.wu):
        with pytest.raises(Refusal, match="recorded, confirmed or corrected"):
            accept(made, actor)
        with pytest.raises(Refusal, match="recorded, confirmed or corrected"):
            reject(made, actor)


def test_the_database_lets_nobody_who_recorded_or_confirmed_decide(world, deciders, record):
    made = disputed(record, world.lin, NOT_ME)
    for account_id in (world.chen.account_id, deciders.wu.account_id):
        values = {"by": account_id, "id": made.id, "at": "2099-05-04 05:00:00+00:00"}
        change = "UPDATE dispute SET state = 'dismissed', decided_at = :at, decided_by_id = :by WHERE id = :id"
        with pytest.raises(Exception, match="dispute_is_decided_by_another"), db.session.begin_nested():
            db.session.execute(text(change), values)


def test_the_owner_does_not_decide_with_a_role_of_their_own(world, record):
    made = disputed(record, world.lin, NOT_ME)
    owner = give(db.session.get(Account, world.lin.account_id), Role.CONFIRMER, world.county)
    with pytest.raises(Refusal, match="your own entry"):
        accept(made, owner)


def test_the_owner_does_not_decide_through_a_second_account(world, deciders, record):
    made = disputed(record, world.lin, NOT_ME)
    same_name = make_staff(Role.CONFIRMER, world.town, "林小满")
    by_mail = give(make_account("林二", email="Lin@example.org"), Role.CONFIRMER, world.town)
    db.session.get(Account, world.lin.account_id).email = "lin@example.org"
    for actor in (same_name, by_mail):
        with pytest.raises(Refusal, match="in common with the owner"):
            accept(made, actor)
    namesake = make_volunteer("林小满", world.station, birth_date=date(2050, 1, 1))
    other = give(db.session.get(Account, namesake.account_id), Role.CONFIRMER, world.town)
    assert accept(made, other).state is DisputeState.ACCEPTED


def test_the_level_above_waits_until_it_is_overdue_and_then_takes_it_over(world, deciders, record):
    made = disputed(record, world.lin)
    with pytest.raises(Refusal, match="Once it is overdue"):
        reject(made, deciders.zhu)
    late = LATER + 15 * DAY
    done = reject(made, deciders.zhu, now=late)
    assert (done.state, course(made)[1:]) == (DisputeState.DISMISSED, [DisputeStep.OVERDUE, DisputeStep.DISMISSED])


def test_without_a_confirmer_at_the_station_the_nearest_one_who_has_no_part_in_it_decides(world, record):
    zhu = make_staff(Role.CONFIRMER, world.county, "朱确认")
    made = disputed(record, world.lin)  # Wu of the town confirmed it
    assert queries.seats([queries.whole(made.id)])[made.id].organization.id == world.county.id
    assert reject(made, zhu).state is DisputeState.REJECTED


def test_strangers_decide_nothing(world, deciders, record):
    made = disputed(record, world.lin)
    for actor in (world.pan, world.gu, world.he, world.qian, actor_of(world.zhou)):
        with pytest.raises(Refusal, match="A confirmer decides"):
            accept(made, actor)


# --- accepting ------------------------------------------------------------------------------------------------


def test_not_me_takes_the_whole_entry_back_and_owner_and_recorders_are_told(world, deciders, record):
    made = accept(disputed(record, world.lin, NOT_ME), deciders.feng)
    credit, reversal = lines(record)
    assert (credit[1], reversal) == (120, (EntryKind.REVERSAL, -120, EvidenceClass.B))
    assert (made.state, total(world.lin)) == (DisputeState.ACCEPTED, 0)
    assert kinds(world.lin)[-2:] == [NoticeKind.RECORD_CORRECTED, NoticeKind.DISPUTE_ACCEPTED]
    assert NoticeKind.DISPUTE_AGAINST in told(world.chen)
    assert NoticeKind.DISPUTE_AGAINST in told(world.wu)
    assert NoticeKind.DISPUTE_AGAINST not in told(deciders.feng)


def test_a_lower_number_of_the_owner_is_written_at_once_by_the_two(world, deciders, record):
    made = accept(disputed(record, world.lin, minutes=90), deciders.xu, minutes=90)
    entry = db.session.scalars(select(LedgerEntry).order_by(LedgerEntry.id.desc()).limit(1)).one()
    assert (made.state, entry.minutes, entry.evidence) == (DisputeState.ACCEPTED, 90, EvidenceClass.B)
    assert (entry.author_id, entry.approver_id) == (world.lin.account_id, deciders.xu.account_id)
    assert total(world.lin) == 90


def test_a_number_of_the_deciders_own_waits_for_a_second_person(world, deciders, record):
    made = accept(disputed(record, world.lin, minutes=90), deciders.xu, minutes=60)
    assert (made.state, total(world.lin)) == (DisputeState.CORRECTING, 120)
    with pytest.raises(Refusal, match="You proposed"):
        corrections.approve(made.correction_id, deciders.xu, now=LATER)
    with pytest.raises(Refusal, match="have a part in this entry"):
        corrections.approve(made.correction_id, deciders.wu, now=LATER)
    corrections.approve(made.correction_id, deciders.feng, now=LATER)
    assert (made.state, total(world.lin)) == (DisputeState.ACCEPTED, 60)
    assert course(made)[-1] is DisputeStep.CORRECTED


def test_more_minutes_are_class_c_and_need_two_of_staff_one_of_them_above(world, deciders, record):
    lowered = corrections.propose(record.id, 60, deciders.jiang, reason="漏看", now=LATER)
    corrections.approve(lowered.id, deciders.mei, now=LATER)
    made = accept(disputed(record, world.lin, minutes=110), deciders.xu, minutes=110)
    assert (made.state, total(world.lin)) == (DisputeState.CORRECTING, 60)
    other = make_staff(Role.CONFIRMER, world.station, "许确认")
    with pytest.raises(Refusal, match="above the station"):
        corrections.approve(made.correction_id, other, now=LATER)
    corrections.approve(made.correction_id, deciders.zhu, now=LATER)
    assert lines(record)[-1] == (EntryKind.CREDIT, 110, EvidenceClass.C)


def test_a_correction_that_the_second_person_declines_opens_the_dispute_again(world, deciders, record):
    made = accept(disputed(record, world.lin, minutes=90), deciders.xu, minutes=60)
    corrections.decline(made.correction_id, deciders.feng, reason="没有依据", now=LATER)
    assert (made.state, course(made)[-1]) == (DisputeState.FILED, DisputeStep.REOPENED)
    assert total(world.lin) == 120
    assert accept(made, deciders.xu, minutes=90).state is DisputeState.ACCEPTED


def test_the_owner_is_no_author_of_more_minutes_even_in_the_database(world, deciders, record):
    made = corrections._proposed(record, 120, "多记", world.lin.account_id, LATER)
    change = "UPDATE correction SET state = 'approved', decided_at = :at, approver_id = :by WHERE id = :id"
    values = {"at": "2099-05-04 05:00:00+00:00", "by": deciders.zhu.account_id, "id": made.id}
    with pytest.raises(Exception, match="correction_is_approved_by_another"), db.session.begin_nested():
        db.session.execute(text(change), values)


def test_lowering_never_raises(world, deciders, record):
    with pytest.raises(Refusal, match="no more than that"):
        corrections.lower(record.id, 120, world.lin.account_id, deciders.zhu, reason="x", now=LATER)


def test_an_entry_that_is_not_effective_goes_back_to_the_station(world, deciders, pending):
    made = accept(disputed(pending, world.lin), deciders.xu, words="确实没有到十一点。")
    assert (made.state, pending.state) == (DisputeState.ACCEPTED, RecordState.RETURNED)
    assert pending.reason == "确实没有到十一点。"
    assert db.session.get(Claim, pending.claim_id).handed_in_at is None


def test_what_was_not_me_is_not_handed_in_for_me_once_more(world, deciders, pending):
    accept(disputed(pending, world.lin, NOT_ME), deciders.feng)
    assert pending.state is RecordState.RETURNED
    held = db.session.get(Claim, pending.claim_id)
    with pytest.raises(Refusal, match="no times to hand in"):
        records.hand_in(held.shift_id, world.chen, now=LATER)
    assert recorded_queries.returned_within([world.station.path]) == []


@pytest.mark.parametrize("kind", [NOT_ME, DisputeKind.WRONG])
def test_a_dispute_about_an_entry_that_was_taken_back_meanwhile_is_settled(world, deciders, kind):
    noticed = stated_late(world)
    made = disputed(noticed, world.lin, kind)
    records.overturn(noticed.id, deciders.zhu.account_id, reason="那天没有人", now=LATER)
    accept(made, deciders.feng if kind is NOT_ME else deciders.xu)
    assert (made.state, noticed.state) == (DisputeState.ACCEPTED, RecordState.RETURNED)
    assert (noticed.returned_by_id, total(world.lin)) == (deciders.zhu.account_id, 0)
    assert NoticeKind.DISPUTE_ACCEPTED in kinds(world.lin)
    held = db.session.get(Claim, noticed.claim_id)
    assert (held.handed_in_at is None) == (kind is DisputeKind.WRONG), "not me is not handed in for them once more"


def test_accepting_needs_a_number_where_one_counts(world, deciders, record):
    with pytest.raises(Refusal, match="right number of minutes"):
        accept(disputed(record, world.lin), deciders.xu)


def test_an_entry_in_dispute_is_neither_confirmed_nor_approved_nor_returned_beside_it(world, deciders, pending):
    made = disputed(pending, world.lin)
    with pytest.raises(Refusal, match="Decide on the dispute first"):
        records.confirm([pending.id], world.wu, now=LATER)
    with pytest.raises(Refusal, match="Decide on the dispute first"):
        records.send_back(pending.id, world.wu, reason="x", now=LATER)
    reject(made, deciders.xu)
    records.confirm([pending.id], world.wu, now=LATER)
    assert pending.state is RecordState.EFFECTIVE


def test_a_disputed_entry_on_public_notice_does_not_come_to_count_when_the_notice_ends(world, deciders):
    noticed = stated_late(world)
    assert noticed.state is RecordState.NOTICE
    made = disputed(noticed, world.lin, NOT_ME)
    late = LATER + 60 * DAY
    assert records.end_notices(late) == 0
    assert (noticed.state, total(world.lin)) == (RecordState.NOTICE, 0)
    accept(made, deciders.feng)
    assert noticed.state is RecordState.RETURNED


def stated_late(world):
    """Times that Chen stated long after the shift: class C, confirmed, and open to objections."""
    shift = make_shift(make_post(world.station))
    held = claim(shift, world.lin)
    claims.settle(held.id, world.chen, started_at=START, ended_at=END, note="补记", now=DONE + 5 * HOUR)
    made = hand_in(shift, world.chen, now=DONE + 6 * HOUR)[0]
    records.confirm_marked(made.id, world.wu, reason="已核实", now=DONE + 7 * HOUR)
    db.session.commit()
    return made


def test_the_database_lets_no_disputed_entry_count(world, pending):
    disputed(pending, world.lin)
    change = "UPDATE service_record SET state = 'effective', confirmed_at = :at, confirmed_by_id = :by WHERE id = :id"
    values = {"at": "2099-05-04 05:00:00+00:00", "by": world.wu.account_id, "id": pending.id}
    with pytest.raises(Exception, match="disputed_record_waits"), db.session.begin_nested():
        db.session.execute(text(change), values)


def test_a_certificate_that_holds_the_entry_turns_and_its_holder_is_told(world, deciders, record):
    paper = Certificate(number="RG2099", code="ABCD-ABCD-ABCD-ABCD", volunteer_id=world.lin.id, requested_at=DONE)
    paper.kind, paper.state, paper.issued_at, paper.holder = CertificateKind.OWN, CertificateState.ISSUED, DONE, "林*"
    paper.from_on, paper.until_on, paper.reason = date(2099, 1, 1), date(2099, 12, 31), ""
    saved(paper)
    row = CertificateRow(certificate_id=paper.id, record_id=record.id, organization_id=world.station.id, minutes=120)
    row.evidence = record.evidence
    saved(row)
    made = disputed(record, world.lin, NOT_ME)
    assert checked_all([paper.code])[paper.code].is_valid
    accept(made, deciders.feng)
    assert checked_all([paper.code])[paper.code].is_changed
    assert NoticeKind.CERTIFICATE_CHANGED in kinds(world.lin)


# --- rejecting and appealing ----------------------------------------------------------------------------------


def test_a_rejection_is_appealed_to_the_level_above_whoever_rejected_and_that_is_final(world, deciders, record):
    made = reject(disputed(record, world.lin), deciders.xu)
    assert (made.state, made.appeal_until) == (DisputeState.REJECTED, date(2099, 5, 25))
    appeal(made, world.lin)
    assert (made.state, made.levels, made.due_on) == (DisputeState.APPEALED, 1, date(2099, 5, 25))
    with pytest.raises(Refusal, match="You rejected"):
        reject(made, give(db.session.get(Account, deciders.xu.account_id), Role.CONFIRMER, world.county))
    reject(made, deciders.feng)
    assert made.state is DisputeState.DISMISSED
    with pytest.raises(Refusal, match="decided for good"):
        disputed(record, world.lin)
    assert kinds(world.lin)[-1] is NoticeKind.DISPUTE_DISMISSED


def test_what_the_county_rejected_is_appealed_above_the_county(world, deciders, record):
    for grant in ("xu", "feng"):
        actor = getattr(deciders, grant)
        db.session.execute(
            text("UPDATE role_grant SET revoked_at = granted_at WHERE account_id = :id"), {"id": actor.account_id}
        )
    made = appeal(reject(disputed(record, world.lin), deciders.zhu), world.lin)
    assert made.levels == 3
    with pytest.raises(Refusal, match="level above decides"):
        accept(made, deciders.jiang, minutes=0)
    assert accept(made, deciders.mei, minutes=60).state is DisputeState.CORRECTING


def test_not_me_that_the_level_above_rejects_is_final(world, deciders, record):
    made = reject(disputed(record, world.lin, NOT_ME), deciders.feng)
    assert made.state is DisputeState.DISMISSED
    with pytest.raises(Refusal, match="meanwhile"):
        appeal(made, world.lin)


def test_an_appeal_comes_in_time_or_not_at_all(world, deciders, record):
    made = reject(disputed(record, world.lin), deciders.xu)
    with pytest.raises(Refusal, match="Please appeal"):
        disputed(record, world.lin)
    with pytest.raises(Refusal, match="time to appeal has ended"):
        appeal(made, world.lin, now=LATER + 25 * DAY)
    with pytest.raises(Refusal, match="decided for good"):
        disputed(record, world.lin, now=LATER + 25 * DAY)
    assert appeal(made, world.lin, now=LATER + 21 * DAY).state is DisputeState.APPEALED


@pytest.mark.parametrize("state", ["filed", "correcting", "accepted", "dismissed"])
def test_only_what_was_rejected_is_appealed(world, deciders, record, state):
    made = disputed(record, world.lin, minutes=90)
    if state in ("correcting", "accepted"):
        accept(made, deciders.xu, minutes=60 if state == "correcting" else 90)
    if state == "dismissed":
        reject(appeal(reject(made, deciders.xu), world.lin), deciders.feng)
    assert made.state == state
    with pytest.raises(Refusal, match="meanwhile"):
        appeal(made, world.lin)
    assert made.state == state


def test_a_corrected_entry_says_something_new_and_may_be_disputed_again(world, deciders, record):
    made = reject(disputed(record, world.lin, NOT_ME), deciders.feng)
    proposed = corrections.propose(record.id, 60, deciders.zhu, reason="复核", now=LATER + HOUR)
    corrections.approve(proposed.id, deciders.jiang, now=LATER + HOUR)
    again = disputed(record, world.lin, NOT_ME, now=LATER + 2 * HOUR)
    assert (made.state, again.state) == (DisputeState.DISMISSED, DisputeState.FILED)


def test_reasons_are_needed(world, deciders, record):
    made = disputed(record, world.lin)
    with pytest.raises(Refusal, match="say why"):
        reject(made, deciders.xu, reason="")
    with pytest.raises(Refusal, match="say why"):
        appeal(reject(made, deciders.xu), world.lin, words="")


def test_the_second_of_two_who_decide_is_told(world, deciders, record):
    made = disputed(record, world.lin, NOT_ME)
    accept(made, deciders.feng)
    with pytest.raises(Refusal, match="decided this dispute meanwhile"):
        reject(made, make_staff(Role.CONFIRMER, world.town, "方确认"))


def test_every_step_leaves_a_trace(world, deciders, record):
    made = reject(disputed(record, world.lin, minutes=60), deciders.xu)
    accept(appeal(made, world.lin), deciders.feng, minutes=60)
    found = select(AuditEntry).where(AuditEntry.subject == "dispute").order_by(AuditEntry.id)
    traces = [(entry.action, entry.actor_id) for entry in db.session.scalars(found)]
    lin, xu, feng = world.lin.account_id, deciders.xu.account_id, deciders.feng.account_id
    names = [("filed", lin), ("rejected", xu), ("appealed", lin), ("accepted", feng)]
    assert traces == [(f"dispute {name}", actor) for name, actor in names]


def test_only_the_next_states_of_the_table_are_possible(world, deciders, record):
    made = disputed(record, world.lin)
    for before in DisputeState:
        for after in set(DisputeState) - set(NEXT_STATES[before]):
            made.state = before
            with db.session.no_autoflush, pytest.raises(Refusal, match="meanwhile"):
                actions._move(made, after)
    db.session.rollback()


# --- deadlines ------------------------------------------------------------------------------------------------


def test_deadlines_follow_the_calendar_over_spring_festival_and_make_up_days(world, deciders, record):
    """Filed on Friday, 8 January 2100; the office has entered nine days of holiday and two Saturdays of work."""
    filed = datetime(2100, 1, 29, 2, tzinfo=UTC)
    holidays = [date(2100, 2, day) for day in range(8, 15)]
    for day in holidays:
        saved(CalendarDay(day=day, kind=DayKind.HOLIDAY, name="春节", changed_at=BEFORE))
    for day in (date(2100, 2, 6), date(2100, 2, 20)):
        saved(CalendarDay(day=day, kind=DayKind.WORKDAY, name="春节调休", changed_at=BEFORE))
    made = disputed(record, world.lin, now=filed)
    # 1–5 February, Saturday the 6th to make up, then 15–18 after the festival: ten working days.
    assert made.due_on == date(2100, 2, 18)
    assert not queries.is_overdue(made, made.due_on)
    assert queries.is_overdue(made, made.due_on + DAY)
    reject(made, deciders.xu, now=filed)
    # fifteen working days: six before the festival, 15–19, Saturday the 20th, 22–24.
    assert appeal(made, world.lin, now=filed).due_on == date(2100, 2, 24)


def test_the_city_may_set_shorter_terms(world, record):
    for name, value in ((Limit.DISPUTE_WORKING_DAYS, 3), (Limit.DISPUTE_WORKING_DAYS_HIGHER, 5)):
        saved(Setting(name=name, value=value, changed_at=BEFORE))
    assert disputed(record, world.lin).due_on == date(2099, 5, 7)
    other = recorded(world, world.zhou)
    assert disputed(other, world.zhou, NOT_ME).due_on == date(2099, 5, 11)


# --- proof ----------------------------------------------------------------------------------------------------


def test_pictures_are_added_while_it_is_open_and_go_when_it_is_long_over(world, deciders, record):
    made = disputed(record, world.lin, picture=b"one")
    owner = actor_of(world.lin)
    assert actions.add_proof(made.id, b"one", owner, now=LATER).id == queries.proofs(made.id)[0].id
    for number in range(2, 6):
        actions.add_proof(made.id, b"%d" % number, owner, now=LATER)
    with pytest.raises(Refusal, match="that is enough"):
        actions.add_proof(made.id, b"six", owner, now=LATER)
    accept(made, deciders.xu, minutes=60)
    corrections.approve(made.correction_id, deciders.feng, now=LATER)
    with pytest.raises(Refusal, match="This is decided"):
        actions.add_proof(made.id, b"seven", owner, now=LATER)
    (has_old, erase), late = STEPS[0], LATER + 366 * DAY
    assert (has_old(LATER + 364 * DAY), has_old(late), erase(late), has_old(late)) == (False, True, 5, False)


def test_words_and_pictures_of_somebody_who_leaves_are_erased_and_the_course_stays(world, deciders, record):
    made = reject(disputed(record, world.lin, picture=b"one"), deciders.xu)
    identity.leave(world.lin.account_id, Leaving.ERASE, now=LATER)
    db.session.commit()
    assert set(db.session.scalars(select(Step.words))) == {"*"}
    assert db.session.scalar(select(func.count()).where(Proof.erased_at.is_(None))) == 0
    assert course(made) == [DisputeStep.FILED, DisputeStep.REJECTED]
    with pytest.raises(Exception, match="dispute_step_only_loses_its_words"), db.session.begin_nested():
        db.session.execute(text("UPDATE dispute_step SET words = 'x'"))


# --- what no path may do --------------------------------------------------------------------------------------

STEP = st.tuples(
    st.sampled_from(["file", "not me", "accept", "reject", "appeal", "withdraw", "second"]), st.integers(0, 12)
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=1, max_size=7))
def test_no_sequence_of_disputes_makes_minutes_by_one_person_alone(world, deciders, record, steps):
    """Whatever owner, decider and second person do: every row of the ledger has two people behind it, the owner is
    never one of them where minutes grow, nothing counts unseen, and the sum is what the rows say."""
    owner, lin = actor_of(world.lin), world.lin.account_id
    for number, (deed, minutes) in enumerate(steps):
        _try(deed, minutes * 10, record, owner, deciders, LATER + number * HOUR)
        rows = db.session.scalars(
            select(LedgerEntry).where(LedgerEntry.record_id == record.id).order_by(LedgerEntry.id)
        ).all()
        worth = 0
        for row in rows:
            assert row.author_id != row.approver_id
            if row.kind is EntryKind.CREDIT and row.correction_id:
                same = (-r.minutes for r in rows if r.correction_id == row.correction_id and r.minutes < 0)
                before = next(same, 0)
                grows = row.minutes > before
                assert not grows or (lin not in (row.author_id, row.approver_id) and row.evidence is EvidenceClass.C)
            worth += row.minutes
        assert worth == total(world.lin)
    db.session.rollback()


def _try(deed, minutes, record, owner, deciders, now):
    last = queries.latest_on(record.id)
    waits = last.id if last else 0
    deeds = {
        "file": lambda: actions.file(record.id, WRONG, owner, words="不对", minutes=minutes, now=now),
        "not me": lambda: actions.file(record.id, NOT_ME, owner, now=now),
        "accept": lambda: actions.accept(waits, deciders.feng, minutes=minutes, now=now + 60 * DAY),
        "reject": lambda: actions.reject(waits, deciders.xu, reason="不成立", now=now),
        "appeal": lambda: actions.appeal(waits, owner, words="不服", now=now),
        "withdraw": lambda: actions.withdraw(waits, owner, now=now),
        "second": lambda: corrections.approve(last.correction_id or 0, deciders.zhu, now=now),
    }
    if not waits and deed not in ("file", "not me"):
        return
    with suppress(Refusal, NotFound), db.session.begin_nested():
        deeds[deed]()
