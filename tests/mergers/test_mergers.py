"""Two registrations become one by two people, no row is touched, and no minute counts twice or is lost."""

from datetime import date

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from blueprints.admin import doctor
from blueprints.certificates import actions as certificates
from blueprints.certificates import keys
from blueprints.certificates import queries as certified
from blueprints.claims import actions as claims
from blueprints.claims.models import Act
from blueprints.disputes import actions as disputes
from blueprints.disputes.models import Dispute, DisputeKind
from blueprints.exchange import outgoing
from blueprints.exchange.models import HandoverKind
from blueprints.honours import actions as honours
from blueprints.honours import queries as honoured
from blueprints.identity import actions as identity
from blueprints.identity import queries as people
from blueprints.identity.models import Account, Consent, Grant, Leaving, Purpose, SlipPurpose, Volunteer, VolunteerState
from blueprints.mergers import actions, queries, upkeep
from blueprints.mergers.models import NEXT_STATES, Likeness, LikeSign, Merger, MergerState
from blueprints.mergers.preview import preview
from blueprints.messages.models import Notice, NoticeKind
from blueprints.records import actions as records
from blueprints.records import corrections, mine, proof, seals
from blueprints.records import queries as recorded
from blueprints.records.models import Bar, LedgerEntry, RecordSource, ServiceRecord, Tried
from blueprints.records.sums import Asked, opened
from core import clock
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.refusal import Barred, Refusal
from tests.claims.test_claiming import actor_of, claim, kinds
from tests.copies.test_copies import copy_of, everything
from tests.factories import (
    HOUR,
    START,
    give,
    make_account,
    make_organization,
    make_post,
    make_shift,
    make_staff,
    make_volunteer,
    saved,
)
from tests.mergers.conftest import DAY, LATER, WHOLE, approve, merged, propose, served_and_confirmed
from tests.records.test_entering import enter, facts
from tests.records.test_ledger import total

LEDGER, RECORD = LedgerEntry.__table__, ServiceRecord.__table__


def everything_recorded():
    """Every entry and every row of the ledger, as it stands in the database."""
    return [
        [tuple(row) for row in db.session.execute(select(table).order_by(table.c.id))] for table in (LEDGER, RECORD)
    ]


def looked_at(away, keep, **asked):
    for one in (away, keep):
        db.session.refresh(one, ["account"])
    return preview(away, keep, now=LATER, **asked)


def tried():
    return db.session.scalars(select(AuditEntry.action).where(AuditEntry.action.like("merger%"))).all()


# --- what it does ---------------------------------------------------------------------------------------------


def test_the_hours_of_both_count_as_one_persons_and_no_row_is_touched(twins):
    before = everything_recorded()
    assert (total(twins.lin), total(twins.twin)) == (120, 120)
    merged(twins)
    assert everything_recorded() == before
    assert (total(twins.lin), total(twins.twin)) == (240, 0)
    page = opened(twins.lin.id, Asked())
    assert (page.total, page.shown, len(page.counted)) == (240, 240, 2)
    assert opened(twins.twin.id, Asked()).counted == []
    assert [line.minutes for line in certified.lines(twins.lin.id, WHOLE)] == [120, 120]
    assert certified.lines(twins.twin.id, WHOLE) == []


def test_one_list_holds_the_entries_of_both_and_opens_each(twins):
    merged(twins)
    lin = actor_of(twins.lin)
    view = mine.mine(lin, mine.Choice(), LATER)
    assert {record.id for record in view.records} == {twins.of_lin.id, twins.of_twin.id}
    assert view.effective == 240
    assert recorded.own_record(twins.of_twin.id, twins.lin.id).id == twins.of_twin.id
    assert recorded.own_record(twins.of_twin.id, twins.twin.id) is None


def test_the_registration_is_closed_and_says_into_which_it_was_merged(twins):
    token = identity.open_session(twins.twin.account_id, device="手机", now=LATER)
    db.session.commit()
    merged(twins)
    twin = db.session.get_one(Volunteer, twins.twin.id)
    assert (twin.state, twin.merged_into_id) == (VolunteerState.MERGED, twins.lin.id)
    assert people.actor_of(token, LATER) is None
    assert db.session.get_one(Account, twin.account_id).closed_at == LATER


def test_both_are_told_when_it_is_proposed_and_when_it_is_done(twins):
    made = propose(twins)
    assert NoticeKind.REGISTRATION_MERGING in kinds(twins.lin)
    assert NoticeKind.REGISTRATION_MERGING in kinds(twins.twin)
    waits = select(Notice.account_id).where(Notice.kind == NoticeKind.MERGER_WAITS)
    assert db.session.scalars(waits).all() == [twins.qian.account_id]
    approve(made, twins.qian)
    assert NoticeKind.REGISTRATION_MERGED in kinds(twins.lin)
    assert NoticeKind.REGISTRATION_MERGED in kinds(twins.twin)
    assert {"merger proposed", "merger approved"} <= set(tried())


def test_an_account_that_nobody_took_over_counts_from_then_on(world, twins):
    account = make_account("林小满", claimed_at=None, password_hash=None, created_by_id=world.chen.account_id)
    made = make_volunteer("林小满", world.station, account=account)
    served_and_confirmed(world, made, START + 4 * DAY)
    assert total(made) == 0
    view = looked_at(made, twins.lin)
    assert (view.away.keeps, view.after["A"] + view.after["B"]) == (120, 240)
    approve(propose(twins, away=made), twins.qian)
    assert total(twins.lin) == 240


def test_what_was_certified_before_stays_valid_and_a_new_paper_holds_both(world, twins):
    keys.make("嘉兴市志愿服务指导中心", now=START)
    draft = certificates.draft_own(twins.twin.id, WHOLE, address="https://x.example", now=LATER)
    old = certificates.issue_own(draft, now=LATER)
    db.session.commit()
    merged(twins)
    assert certified.checked(old.code).is_valid
    assert [each.id for each in certified.of_volunteer(twins.lin.id)] == [old.id]
    assert certified.own(old.id, twins.lin.id)
    draft = certificates.draft_own(twins.lin.id, WHOLE, address="https://x.example", now=LATER)
    fresh = certificates.issue_own(draft, now=LATER)
    db.session.commit()
    told = certified.checked(fresh.code)
    assert (sum(told.totals.values()), told.is_valid) == (240, True)
    with pytest.raises(Refusal, match="nothing is effective"):
        certificates.draft_own(twins.twin.id, WHOLE, address="https://x.example", now=LATER)


def test_a_correction_of_a_merged_entry_reaches_the_person_their_total_and_their_papers(world, twins):
    keys.make("嘉兴市志愿服务指导中心", now=START)
    old = certificates.issue_own(
        certificates.draft_own(twins.twin.id, WHOLE, address="https://x.example", now=LATER), now=LATER
    )
    db.session.commit()
    merged(twins)
    zhu = make_staff(Role.CONFIRMER, world.county, "朱确认")
    made = corrections.propose(twins.of_twin.id, 60, world.wu, reason="早退", now=LATER)
    corrections.approve(made.id, zhu, now=LATER)
    db.session.commit()
    assert total(twins.lin) == 180
    assert {NoticeKind.RECORD_CORRECTED, NoticeKind.CERTIFICATE_CHANGED} <= set(kinds(twins.lin))
    assert not certified.checked(old.code).is_valid


def test_the_person_disputes_what_was_recorded_of_the_merged_one(twins):
    lin = actor_of(twins.lin)
    with pytest.raises(Refusal, match="Only the person whose entry"):
        disputes.file(twins.of_twin.id, DisputeKind.NOT_ME, lin, now=LATER)
    merged(twins)
    disputes.file(twins.of_twin.id, DisputeKind.NOT_ME, lin, now=LATER)
    db.session.commit()
    assert db.session.scalar(select(Dispute.filed_by_id)) == lin.account_id


def test_nobody_corrects_what_was_merged_into_their_own_registration(world, twins):
    merged(twins)
    account = db.session.get_one(Account, twins.lin.account_id)
    lin = give(account, Role.CONFIRMER, world.county)
    with pytest.raises(Barred, match="your own minutes") as barred:
        corrections.propose(twins.of_twin.id, 60, lin, reason="自己改", now=LATER)
    assert barred.value.bar is Bar.OWNER
    made = corrections.propose(twins.of_twin.id, 60, world.wu, reason="早退", now=LATER)
    db.session.commit()
    with pytest.raises(Barred) as barred:
        corrections.approve(made.id, lin, now=LATER)
    assert barred.value.bar is Bar.OWNER
    with pytest.raises(IntegrityError, match="merged_owner_corrects_nothing"):
        db.session.execute(
            text("UPDATE correction SET state = 'approved', approver_id = :me, decided_at = :now WHERE id = :id"),
            {"me": lin.account_id, "now": "2099-05-20 00:00:00+00", "id": made.id},
        )
    db.session.rollback()


def test_the_copy_of_everything_holds_both(twins):
    merged(twins)
    box = copy_of(twins.lin.account_id)
    assert twins.twin.number in everything(box)


def test_what_was_handed_over_before_is_not_sent_again_and_the_rest_goes_out_as_the_persons(world, twins):
    for one in (twins.lin, twins.twin):
        given = Consent(account_id=one.account_id, purpose=Purpose.HANDOVER, text_version="1", given_at=START)
        saved(given)
    before = {s.id: s for s in outgoing.subjects(HandoverKind.SERVICE, "/", 0, 100_000)}
    merged(twins)
    after = {s.id: s for s in outgoing.subjects(HandoverKind.SERVICE, "/", 0, 100_000)}
    assert set(after) == {twins.of_lin.id, twins.of_twin.id}
    of_twin = after[twins.of_twin.id]
    assert of_twin.values["number"] == twins.lin.number
    assert outgoing.fingerprint(of_twin.values) == outgoing.fingerprint(before[twins.of_twin.id].values)
    told = [each.values["number"] for each in outgoing.subjects(HandoverKind.VOLUNTEERS, "/", 0, 100_000)]
    assert told == [twins.lin.number]


def test_the_doctor_and_the_proof_of_the_ledger_find_nothing(twins, app):
    merged(twins)
    seals.seal(now=LATER)
    db.session.commit()
    assert [str(fault) for fault in proof.prove()] == []
    assert "2 people" not in doctor.totals(None).words
    assert doctor.totals(None).verdict is doctor.Verdict.OK


# --- no hour counts twice --------------------------------------------------------------------------------------


def test_entries_for_the_same_time_are_named_and_keep_the_two_apart_until_one_is_corrected(world, twins):
    other = make_volunteer("林小满", world.station)
    overlapping = served_and_confirmed(world, other, START + HOUR)
    with pytest.raises(Refusal, match=r"One hour counts once: “.+”, .+, and “.+”"):
        propose(twins, away=other)
    zhu = make_staff(Role.CONFIRMER, world.county, "朱确认")
    made = corrections.propose(overlapping.id, 0, world.wu, reason="重复", now=LATER)
    corrections.approve(made.id, zhu, now=LATER)
    approve(propose(twins, away=other), twins.qian)
    assert total(twins.lin) == 120


def test_what_came_to_overlap_after_the_proposal_keeps_it_from_being_done(world, twins):
    made = propose(twins)
    zhu = make_staff(Role.CONFIRMER, world.county, "朱确认")
    entry = enter(world, facts(world, START + 2 * DAY, 60), RecordSource.IMPORT, LATER)
    records.confirm([entry.id], zhu, now=LATER)
    db.session.commit()
    with pytest.raises(Refusal, match="One hour counts once"):
        approve(made, twins.qian)


def test_afterwards_the_time_of_either_is_taken_for_the_person(world, twins):
    merged(twins)
    with pytest.raises(Refusal, match="Some of this time is recorded already"):
        enter(world, facts(world, START + 2 * DAY, 60), RecordSource.IMPORT, LATER)


def test_a_shift_that_was_served_at_the_time_of_a_merged_entry_is_not_handed_in(world, twins):
    shift = make_shift(make_post(world.station), starts_at=START + 2 * DAY)
    held = claim(shift, twins.lin, now=START)
    claims.punch(held.id, Act.IN, world.chen, now=shift.starts_at)
    claims.punch(held.id, Act.OUT, world.chen, now=shift.ends_at)
    db.session.commit()
    merged(twins)
    with pytest.raises(Refusal, match="this time is recorded already"):
        records.hand_in(shift.id, world.chen, now=LATER)


def test_the_limits_of_a_day_look_at_both(twins):
    merged(twins)
    assert recorded.minutes_on(twins.lin.id, clock.today(START + 2 * DAY)) == 120
    assert recorded.minutes_on(twins.twin.id, clock.today(START + 2 * DAY)) == 0


# --- who may ---------------------------------------------------------------------------------------------------


def test_whoever_proposed_it_does_not_decide_nor_does_a_second_account_of_theirs(world, twins):
    made = propose(twins, twins.qian)
    with pytest.raises(Barred, match="another person decides") as barred:
        approve(made, twins.qian)
    assert (barred.value.tried, barred.value.bar) == (Tried.MERGE, Bar.PROPOSER)
    second = make_staff(Role.ADMINISTRATOR, world.city, "钱主任")
    with pytest.raises(Barred) as barred:
        approve(made, second)
    assert barred.value.bar is Bar.PROPOSER


def test_whose_registration_it_is_neither_proposes_at_the_desk_nor_decides(world, twins):
    account = db.session.get_one(Account, twins.lin.account_id)
    lin = give(account, Role.ADMINISTRATOR, world.city)
    with pytest.raises(Barred, match="One of the two is yours"):
        propose(twins, lin)
    made = propose(twins)
    with pytest.raises(Barred) as barred:
        approve(made, lin)
    assert barred.value.bar is Bar.OWNER
    with pytest.raises(IntegrityError, match="nobody_decides_their_own_merger"):
        db.session.execute(
            update(Merger).values(state="approved", decided_by_id=lin.account_id, decided_at=LATER, answer="x")
        )
    db.session.rollback()


def test_an_administrator_above_both_decides(world, twins):
    made = propose(twins, twins.qian)
    with pytest.raises(Barred, match="above 烟雨社区志愿服务站") as barred:
        approve(made, make_staff(Role.ADMINISTRATOR, world.station, "站主任"))
    assert barred.value.bar is Bar.TOO_LOW
    with pytest.raises(Barred):
        approve(made, world.he)  # the other county
    assert approve(made, twins.sun).state is MergerState.APPROVED


def test_two_stations_are_merged_by_who_stands_above_both(world, twins):
    other = make_organization("月河社区志愿服务站", parent=world.town)
    far = make_volunteer("林小满", other)
    station_only = make_staff(Role.ADMINISTRATOR, world.station, "站主任")
    with pytest.raises(Barred, match="does not cover 南湖街道团工委"):
        propose(twins, station_only, away=far)
    made = propose(twins, away=far)
    assert made.organization_id == world.town.id
    approve(made, twins.qian)


def test_no_reason_and_no_answer_are_no_proposal_and_no_decision(twins):
    with pytest.raises(Refusal, match="say how you know"):
        propose(twins, reason="。")
    with pytest.raises(Refusal, match="say what you looked at"):
        approve(propose(twins), twins.qian, answer="!!")


# --- what stands in the way ------------------------------------------------------------------------------------


def hold(world, twins):
    claim(make_shift(make_post(world.station), starts_at=LATER + DAY), twins.twin, now=LATER)
    return "holds places"


def serve(world, twins):
    shift = make_shift(make_post(world.station), starts_at=LATER - DAY)
    held = claim(shift, twins.twin, now=LATER - 2 * DAY)
    claims.punch(held.id, Act.IN, world.chen, now=shift.starts_at)
    db.session.commit()
    return "not handed in yet"


def wait(world, twins):
    enter(world, facts(world, LATER - DAY, 60, volunteer_id=twins.twin.id), RecordSource.IMPORT, LATER)
    return "wait for a decision"


def work(world, twins):
    give(db.session.get_one(Account, twins.twin.account_id), Role.CLERK, world.station)
    return "a registration with a role is never merged away"


def dispute(_world, twins):
    disputes.file(twins.of_twin.id, DisputeKind.NOT_ME, actor_of(twins.twin), now=LATER)
    return "in dispute"


def correct(world, twins):
    corrections.propose(twins.of_twin.id, 60, world.wu, reason="早退", now=LATER)
    return "A correction"


def certify(world, twins):
    certificates.request_stamped(
        twins.twin.id, certified.Span(WHOLE.from_on, WHOLE.until_on, None, world.station.id), now=LATER
    )
    return "A certificate is asked for"


def give_id(_world, twins):
    for who, number in ((twins.lin, "a"), (twins.twin, "b")):
        who.id_hash, who.id_sealed, who.id_last4 = number * 64, "x", "1234"
    return "these are two people"


def rename(_world, twins):
    db.session.get_one(Account, twins.twin.account_id).name = "王五"
    twins.twin.birth_date = None
    return "nothing says that these are one person"


@pytest.mark.parametrize("happens", [hold, serve, wait, work, dispute, correct, certify, give_id, rename])
def test_what_is_open_is_settled_first(world, twins, happens):
    made = propose(twins)
    words = happens(world, twins)
    db.session.commit()
    with pytest.raises(Refusal, match=words):
        approve(made, twins.qian)
    db.session.rollback()
    assert total(twins.lin) == 120


@pytest.mark.parametrize("goes_on", [True, False])
def test_nobody_comes_to_own_minutes_on_which_they_decided(world, twins, goes_on):
    """A confirmer is the second account of somebody whose name is another one, and asks for the merger afterwards."""
    wu = make_volunteer("吴确认", world.station, account=db.session.get_one(Account, world.wu.account_id))
    if not goes_on:
        db.session.execute(update(Grant).where(Grant.account_id == wu.account_id).values(revoked_at=LATER))
    pair = {"keep": wu, "away": twins.twin} if goes_on else {"keep": twins.twin, "away": wu}
    with pytest.raises(Refusal, match="confirmed, approved or corrected by the account of the other"):
        propose(twins, **pair)


def test_there_are_no_chains(world, twins):
    third = make_volunteer("林小满", world.station)
    merged(twins)
    with pytest.raises(Refusal, match="over already"):
        propose(twins, away=twins.twin, keep=third)
    with pytest.raises(Refusal, match="approved registration to go on"):
        propose(twins, away=third, keep=twins.twin)
    with pytest.raises(Refusal, match="was merged into this one before"):
        propose(twins, away=twins.lin, keep=third)
    approve(propose(twins, away=third), twins.qian)
    assert {v.id for v in people.merged_into(twins.lin.id)} == {twins.twin.id, third.id}


# --- what the database refuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guard", "statement"),
    [
        ("registration_is_merged_by_two", "UPDATE volunteer SET merged_into_id = {lin}, state = 'merged' {other}"),
        ("merged_registration_stays_merged", "UPDATE volunteer SET merged_into_id = NULL, state = 'active' {twin}"),
        ("merged_registration_stays_merged", "UPDATE volunteer SET merged_into_id = {lin} + 1 {twin}"),
        ("merger_is_never_deleted", "DELETE FROM merger"),
        ("decided_merger_only_loses_its_words", "UPDATE merger SET state = 'declined'"),
        ("decided_merger_only_loses_its_words", "UPDATE merger SET reason = 'another'"),
        ("merger_names_stay", "UPDATE merger SET keep_id = away_id + 1"),
    ],
)
def test_the_database_refuses_what_no_rule_lets_through(world, twins, guard, statement):
    merged(twins)
    ids = {"lin": twins.lin.id, "twin": f"WHERE id = {twins.twin.id}", "other": f"WHERE id = {world.zhou.id}"}
    with pytest.raises(IntegrityError, match=guard):
        db.session.execute(text(statement.format(**ids)))
    db.session.rollback()


def test_the_database_keeps_entries_from_a_registration_that_was_merged(twins):
    merged(twins)
    (row,) = db.session.execute(select(RECORD).where(RECORD.c.id == twins.of_twin.id)).mappings()
    again = {name: value for name, value in row.items() if name not in ("id", "claim_id")}
    again |= {"source": "import", "evidence": "D", "state": "pending"}
    with pytest.raises(IntegrityError, match="merged_registration_gets_no_entry"):
        db.session.execute(RECORD.insert().values(again))
    db.session.rollback()


def test_every_state_follows_the_table():
    assert set(NEXT_STATES) == set(MergerState)
    assert all(not NEXT_STATES[state] for state in MergerState if state is not MergerState.PROPOSED)


# --- by the person ---------------------------------------------------------------------------------------------


def test_the_person_asks_with_a_slip_for_the_other_and_an_administrator_above_decides(world, twins):
    slip, _code = identity.issue_slip(
        twins.twin.account_id, SlipPurpose.PASSWORD, actor=world.chen, organization_id=world.station.id, now=LATER
    )
    db.session.commit()
    made = actions.ask_with_slip(slip.id, actor_of(twins.lin), reason="换了号码", now=LATER)
    db.session.commit()
    assert slip.used_at == LATER
    approve(made, twins.qian)
    assert total(twins.lin) == 240
    with pytest.raises(Refusal, match="do not fit"):
        actions.ask_with_slip(slip.id, actor_of(twins.lin), reason="再来", now=LATER)


def test_whoever_says_that_the_other_is_not_theirs_ends_it(twins):
    made = propose(twins)
    with pytest.raises(Refusal, match="Only whoever proposed this"):
        actions.refuse(made.id, actor_of(twins.world.zhou), now=LATER)
    actions.refuse(made.id, actor_of(twins.twin), now=LATER)
    db.session.commit()
    assert made.state is MergerState.OBJECTED
    assert NoticeKind.REGISTRATION_STAYS in kinds(twins.lin)
    told = select(Notice.kind).where(Notice.account_id == twins.sun.account_id)
    assert NoticeKind.MERGER_DECLINED in db.session.scalars(told).all()
    with pytest.raises(Refusal, match="meanwhile"):
        approve(made, twins.qian)


def test_a_proposal_is_taken_back_and_made_anew(twins):
    made = propose(twins)
    with pytest.raises(Refusal, match="proposed already"):
        propose(twins, twins.qian)
    actions.refuse(made.id, twins.sun, now=LATER)
    db.session.commit()
    assert made.state is MergerState.WITHDRAWN
    actions.decline(propose(twins).id, twins.qian, answer="看不出是同一人", now=LATER)
    db.session.commit()
    assert total(twins.lin) == 120


# --- afterwards ------------------------------------------------------------------------------------------------


def test_the_phone_number_of_the_merged_one_can_become_the_persons(world, twins):
    number = db.session.get_one(Account, twins.twin.account_id).phone
    merged(twins)
    with pytest.raises(Refusal, match="has an account of its own"):
        issue(world, world.zhou, number)
    slip = issue(world, twins.lin, number)
    identity.change_phone(slip.id, now=LATER)
    db.session.commit()
    assert people.account_by_phone(number).id == twins.lin.account_id


def issue(world, whom, number):
    values = {"actor": world.chen, "organization_id": world.station.id, "now": LATER, "new_phone": number}
    slip, _code = identity.issue_slip(whom.account_id, SlipPurpose.PHONE, **values)
    db.session.commit()
    return slip


def test_who_leaves_and_wants_all_erased_is_erased_in_both(twins):
    made = merged(twins)
    identity.leave(twins.lin.account_id, Leaving.ERASE, now=LATER)
    db.session.commit()
    db.session.expire_all()
    twin = db.session.get_one(Volunteer, twins.twin.id)
    account = db.session.get_one(Account, twin.account_id)
    assert (twin.state, twin.birth_date, account.phone, account.name) == (VolunteerState.MERGED, None, None, "已注销")
    assert (made.reason, made.answer) == ("*", "*")
    assert sum(row.minutes for row in db.session.scalars(select(LedgerEntry))) == 240


# --- what looks alike ------------------------------------------------------------------------------------------


def found():
    upkeep.look(LATER)
    db.session.commit()
    return {(each.first_id, each.second_id): set(each.kinds) for each in db.session.scalars(select(Likeness))}


def test_the_worker_finds_who_has_name_and_birth_mail_or_phone_in_common(world, twins):
    mail = db.session.get_one(Account, world.zhou.account_id)
    mail.email = "zhou@example.com"
    same_mail = make_volunteer("周小航", world.station, account=make_account("周小航", email="Zhou@example.com"))
    issue(world, world.shen, "+8613912345678")
    by_phone = make_volunteer("沈二", world.station, account=make_account("沈二", phone="+8613912345678"))
    make_volunteer("林小满", world.station, birth_date=clock.today(START - 9000 * DAY))  # another person's birthday
    db.session.commit()
    assert upkeep.is_due(LATER)
    assert found() == {
        (twins.lin.id, twins.twin.id): {LikeSign.NAME_AND_BIRTH},
        (world.zhou.id, same_mail.id): {LikeSign.MAIL},
        (world.shen.id, by_phone.id): {LikeSign.PHONE},
    }
    assert not upkeep.is_due(LATER) or upkeep.look(LATER) == 0


def test_a_mail_address_that_changes_later_is_found_too(world):
    found()
    mail = "same@example.com"
    for who in (world.zhou, world.shen):
        identity.change_contact(who.account_id, email=mail, lang="zh_Hans", now=LATER)
    db.session.commit()
    assert found() == {(world.zhou.id, world.shen.id): {LikeSign.MAIL}}


def test_a_pair_is_listed_within_reach_until_somebody_says_that_they_are_two(world, twins):
    found()
    (pair,) = queries.likenesses(twins.sun.reach(Role.ADMINISTRATOR))
    assert queries.likenesses(world.he.reach(Role.ADMINISTRATOR)) == []
    with pytest.raises(Refusal, match="does not cover"):
        actions.dismiss(pair.likeness.id, world.he, reason="双胞胎", now=LATER)
    actions.dismiss(pair.likeness.id, twins.sun, reason="双胞胎", now=LATER)
    db.session.commit()
    assert queries.likenesses(twins.sun.reach(Role.ADMINISTRATOR)) == []
    upkeep.look(LATER)
    assert queries.likenesses(twins.sun.reach(Role.ADMINISTRATOR)) == []


def test_merged_ones_are_no_longer_listed(twins):
    found()
    merged(twins)
    assert queries.likenesses(twins.sun.reach(Role.ADMINISTRATOR)) == []


def test_what_the_one_who_decides_looks_at_twice(world, twins):
    twins.twin.gender = None
    twins.twin.birth_date = None
    view = looked_at(twins.twin, twins.lin, asker=world.zhou.account_id)
    assert view.doubts == ("The dates of birth differ, or one is missing.",)
    assert not view.barred
    assert looked_at(twins.twin, twins.lin, asker=twins.lin.account_id).barred


def test_an_honour_looks_at_what_both_served(world, twins):
    plan = honours.Plan(world.county.id, "五月之星", "服务稳定。", date(2099, 5, 1), date(2099, 5, 12))
    honour = honours.open_honour(plan, twins.qian, now=LATER)
    db.session.commit()
    before = honoured.sheets([twins.lin.id, twins.twin.id], honour, LATER)
    assert [sum(sheet.minutes) for sheet in before.values()] == [120, 120]
    merged(twins)
    after = honoured.sheets([twins.lin.id, twins.twin.id], honour, LATER)
    assert [sum(sheet.minutes) for sheet in after.values()] == [240, 0]
