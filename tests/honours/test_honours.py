"""Honours: two people, neither of them the person; what the system knows beside it; a notice; and the way back."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from blueprints.admin.worker import keep_places
from blueprints.claims import actions as claims
from blueprints.claims import marking
from blueprints.claims.models import AbsenceKind, Act
from blueprints.disputes import actions as disputes
from blueprints.disputes.models import DisputeKind
from blueprints.honours import actions, queries
from blueprints.honours.models import (
    NEXT_STATES,
    DoubtState,
    Nomination,
    NominationState,
    RevocationState,
)
from blueprints.identity import actions as people
from blueprints.identity.models import Account, Leaving
from blueprints.messages.models import Notice, NoticeKind
from blueprints.organizations.models import Limit, Setting
from blueprints.records import actions as records
from blueprints.records import corrections, sums
from blueprints.records.models import Bar, RefusedAttempt, Tried
from core import clock
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.refusal import Barred, Refusal
from core.workdays import CalendarDay, DayKind
from tests.claims.test_claiming import actor_of, claim, kinds
from tests.counting import counted
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
from tests.honours.conftest import FIRST, LAST, NOW, REASON, approve, grant, mark_of, open_honour, propose
from tests.records.test_ledger import hand_in

State = NominationState
DAY = timedelta(days=1)


def object_to(nomination, who, words="她那几天不在站里", now=NOW):
    made = actions.object_to(nomination.id, who, words=words, now=now)
    db.session.commit()
    return made


def correct(office, minutes, record=None, now=NOW):
    """An entry is lowered by two people."""
    record = record or office.record
    above = make_staff(Role.CONFIRMER, office.world.county, "朱确认")
    proposed = corrections.propose(record.id, minutes, office.world.wu, reason="多记", now=now)
    corrections.approve(proposed.id, above, now=now)
    db.session.commit()


# --- the way ------------------------------------------------------------------------------------------------


def test_from_the_proposal_over_the_notice_to_the_honour(office, nomination):
    lin = office.world.lin
    assert (nomination.state, kinds(lin)[-1]) == (State.PROPOSED, NoticeKind.HONOUR_PROPOSED)
    approve(office, nomination)
    assert (nomination.state, kinds(lin)[-1]) == (State.NOTICE, NoticeKind.HONOUR_ON_NOTICE)
    assert actions.end_notices(nomination.notice_ends_at - timedelta(seconds=1)) == 0
    grant(nomination)
    assert (nomination.state, kinds(lin)[-1]) == (State.GRANTED, NoticeKind.HONOUR_GRANTED)
    done = db.session.scalars(db.select(AuditEntry.action).where(AuditEntry.subject == "nomination")).all()
    assert done == ["honour proposed", "honour approved", "honour granted"]


def test_the_worker_grants_when_the_notice_is_over(office, noticed):
    keep_places(now=noticed.notice_ends_at - timedelta(seconds=1))
    db.session.refresh(noticed)
    assert noticed.state is State.NOTICE
    keep_places(now=noticed.notice_ends_at)
    db.session.refresh(noticed)
    assert (noticed.state, noticed.granted_at) == (State.GRANTED, noticed.notice_ends_at)


@pytest.mark.parametrize(
    ("approved", "last"),
    [
        (datetime(2099, 5, 9, 1, tzinfo=UTC), date(2099, 5, 15)),  # a Saturday: Monday to Friday
        (datetime(2026, 2, 13, 2, tzinfo=UTC), date(2026, 2, 27)),  # Spring Festival; Saturday 14 and 28 are worked
        (datetime(2026, 9, 30, 2, tzinfo=UTC), date(2026, 10, 13)),  # the national holidays; Saturday 10 is worked
    ],
)
def test_the_notice_lasts_five_working_days(office, approved, last):
    honour = saved_honour(office, date(2026, 1, 1), date(2026, 1, 31))
    made = actions.propose(honour.id, office.world.lin.id, office.qian, reason=REASON, now=approved)
    actions.approve(made.id, office.zheng, seen=mark_of(made, approved), now=approved)
    assert made.notice_ends_at == clock.day_span(last)[1]


def saved_honour(office, first, last):
    told = actions.Plan(office.world.station.id, "年度优秀志愿者", "全年服务稳定。", first, last)
    return actions.open_honour(told, office.qian, now=NOW)


def test_a_city_that_has_longer_notices_has_them_here_too(office, nomination):
    saved(Setting(name=Limit.NOTICE_WORKING_DAYS, value=8, changed_at=BEFORE))
    approve(office, nomination)
    assert nomination.notice_ends_at == clock.day_span(date(2099, 5, 20))[1]


def test_a_day_that_becomes_a_holiday_meanwhile_is_given_back(office, noticed):
    assert noticed.notice_ends_at == clock.day_span(date(2099, 5, 15))[1]
    saved(CalendarDay(day=date(2099, 5, 11), kind=DayKind.HOLIDAY, name="放假", changed_at=BEFORE))
    keep_places(now=NOW)
    db.session.refresh(noticed)
    assert noticed.notice_ends_at == clock.day_span(date(2099, 5, 18))[1]
    assert kinds(office.world.lin)[-2:] == [NoticeKind.HONOUR_ON_NOTICE] * 2
    assert not actions.is_cut_short(NOW)


def test_each_running_notice_is_looked_at_and_the_calendar_is_read_once(office, honour, noticed):
    whole = approve(office, propose(office, honour, office.world.zhou))
    short = approve(office, propose(office, honour, office.world.shen))
    saved(CalendarDay(day=date(2099, 5, 13), kind=DayKind.HOLIDAY, name="假", changed_at=BEFORE))
    for each in (noticed, whole):
        each.notice_ends_at += 9 * DAY  # a city that promised more
    db.session.commit()
    only = [short.id]
    with counted() as statements:
        assert list(queries.cut_short(NOW, 5, most=1)) == only
    assert len(statements) == 2


def test_a_notice_never_ends_earlier_than_was_said(noticed):
    saved(CalendarDay(day=date(2099, 5, 10), kind=DayKind.WORKDAY, name="调休", changed_at=BEFORE))
    assert actions.lengthen_notices(NOW) == 0
    assert noticed.notice_ends_at == clock.day_span(date(2099, 5, 15))[1]


# --- what the system knows ----------------------------------------------------------------------------------


def test_the_sheet_adds_up_what_counts_in_the_period_by_class(office, honour):
    world, lin = office.world, office.world.lin
    later = make_shift(make_post(world.station), starts_at=START + 48 * HOUR)
    held = claim(later, lin)
    serve(world, held, later)
    sheet = queries.sheets([lin.id, world.zhou.id], honour, NOW)
    assert sheet[lin.id].minutes == (0, 120, 0, 0)  # the shift after the last day is not in it
    assert (sheet[lin.id].entries, sheet[world.zhou.id]) == (1, queries.Sheet())
    longer = open_honour(office, title="更长", last=date(2099, 5, 9))
    both = queries.sheets([lin.id], longer, NOW)[lin.id]
    assert (both.minutes, both.entries) == ((0, 240, 0, 0), 2)
    opened = sums.opened(lin.id, sums.Asked(year=2099))
    assert sum(both.minutes) == opened.total == sum(row.entry.minutes for row in opened.counted)


def serve(world, held, shift):
    claims.punch(held.id, Act.IN, world.chen, now=shift.starts_at)
    claims.punch(held.id, Act.OUT, world.chen, now=shift.ends_at)
    made = hand_in(shift, world.chen, now=shift.ends_at + HOUR)[0]
    records.confirm([made.id], world.wu, now=shift.ends_at + 2 * HOUR)
    db.session.commit()
    return made


def test_marks_that_stand_and_disputes_are_on_the_sheet(office, honour):
    world, lin = office.world, office.world.lin
    missed = claim(make_shift(make_post(world.station), starts_at=START + 3 * HOUR), lin)
    noted = marking.note(missed.id, AbsenceKind.NO_SHOW, world.chen, now=START + 6 * HOUR)
    assert sheet(honour, lin).no_shows == 1
    marking.dispute(noted.id, "我到了。", actor_of(lin), now=START + 7 * HOUR)
    assert sheet(honour, lin).no_shows == 0
    disputes.file(office.record.id, DisputeKind.WRONG, actor_of(lin), words="多了", minutes=60, now=NOW)
    assert sheet(honour, lin).disputed == 1
    assert sheet(honour, lin, noted.fades_at).no_shows == 0


def test_a_mark_fades_from_the_sheet_and_one_made_elsewhere_is_not_on_it(office, honour):
    world, lin = office.world, office.world.lin
    missed = claim(make_shift(make_post(world.other_station), starts_at=START + 3 * HOUR), lin)
    marking.note(missed.id, AbsenceKind.NO_SHOW, world.gu, now=START + 6 * HOUR)
    assert sheet(honour, lin).no_shows == 0
    missed = claim(make_shift(make_post(world.station), starts_at=START + 6 * HOUR), lin)
    noted = marking.note(missed.id, AbsenceKind.NO_SHOW, world.chen, now=START + 9 * HOUR)
    assert (sheet(honour, lin).no_shows, sheet(honour, lin, noted.fades_at).no_shows) == (1, 0)


def sheet(honour, volunteer, now=NOW):
    return queries.sheets([volunteer.id], honour, now)[volunteer.id]


def test_whoever_approves_by_a_sheet_that_changed_meanwhile_looks_again(office, nomination):
    seen = mark_of(nomination)
    correct(office, 60)
    with pytest.raises(Refusal, match="changed after you opened"):
        actions.approve(nomination.id, office.zheng, seen=seen, now=NOW)


def test_a_reversal_after_the_decision_is_seen_and_told_to_whoever_approved(office, granted):
    correct(office, 0)
    kept = queries.kept_sheets([granted.id])[granted.id]
    today = queries.sheet_of(queries.whole(granted.id), NOW)
    assert (kept.minutes, today.minutes) == ((0, 120, 0, 0), (0, 0, 0, 0))
    assert queries.has_shrunk(kept, today)
    assert told(office.zheng)[-1] is NoticeKind.HONOUR_CHANGED


def told(actor):
    mine = db.select(Notice.kind).where(Notice.account_id == actor.account_id).order_by(Notice.id)
    return list(db.session.scalars(mine))


def test_what_lost_its_minutes_waits_until_a_second_person_has_held_that_it_stands(office, noticed):
    correct(office, 60)
    over = noticed.notice_ends_at
    assert actions.end_notices(over) == 0
    with pytest.raises(Refusal, match="You proposed"):
        actions.affirm(noticed.id, office.qian, seen=mark_of(noticed), now=over)
    actions.affirm(noticed.id, office.zheng, seen=mark_of(noticed), now=over)
    db.session.commit()
    assert (actions.end_notices(over), noticed.state) == (1, State.GRANTED)


def test_there_is_nothing_to_affirm_while_nothing_shrank(office, noticed):
    with pytest.raises(Refusal, match="nothing to decide"):
        actions.affirm(noticed.id, office.zheng, seen=mark_of(noticed), now=NOW)


# --- who proposes and who decides -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"title": "…"}, "what it is called"),
        ({"criteria": ""}, "what it is given for"),
        ({"first": date(2099, 5, 5)}, "lies before"),
        ({"first": date(2099, 6, 1), "last": date(2099, 6, 2)}, "has not begun"),
    ],
)
def test_what_is_no_honour_is_refused(office, change, sentence):
    with pytest.raises(Refusal, match=sentence):
        open_honour(office, **change)


@pytest.mark.parametrize("who", ["chen", "wu", "he"])
def test_only_an_administrator_of_the_organization_opens_proposes_and_withdraws(office, nomination, who):
    actor = getattr(office.world, who)
    plan = actions.Plan(office.world.station.id, "x", "y", FIRST, LAST)
    with pytest.raises(Refusal):
        actions.open_honour(plan, actor, now=NOW)
    with pytest.raises(Refusal):
        actions.propose(nomination.honour_id, office.world.zhou.id, actor, reason="好", now=NOW)
    with pytest.raises(Barred):
        actions.withdraw(nomination.id, actor, answer="好", now=NOW)
    with pytest.raises(Barred):
        actions.approve(nomination.id, actor, seen=mark_of(nomination), now=NOW)


def test_nobody_proposes_themselves_nor_their_second_account(office, honour):
    own = make_volunteer("钱主任", office.world.station, account=account(office.qian))
    second = make_volunteer("钱主任", office.world.station)
    for volunteer in (own, second):
        with pytest.raises(Barred, match="This is you"):
            propose(office, honour, volunteer)


def account(actor):
    return db.session.get(Account, actor.account_id)


def test_only_somebody_who_can_see_it_is_proposed(office, honour):
    unclaimed = make_account("顾秀珍", claimed_at=None, created_by_id=office.world.chen.account_id)
    people_ = [make_volunteer("顾秀珍", office.world.station, account=unclaimed)]
    people_ += [make_volunteer("顾秀珍", office.world.station, state=s) for s in ("submitted", "resigned")]
    for volunteer in people_:
        with pytest.raises(Refusal, match="account of their own"):
            propose(office, honour, volunteer)


def test_only_people_of_the_organization_are_proposed(office, honour):
    with pytest.raises(Refusal, match="registered here"):
        propose(office, honour, make_volunteer("外人", office.world.other_station))


def test_nobody_is_proposed_twice_nor_after_they_declined(office, nomination):
    honour = queries.whole(nomination.id).honour
    with pytest.raises(Refusal, match="already"):
        propose(office, honour)
    actions.withdraw(nomination.id, office.qian, answer="写错了", now=NOW)
    again = propose(office, honour)
    actions.decline(again.id, actor_of(office.world.lin), now=NOW)
    with pytest.raises(Refusal, match="do not want"):
        propose(office, honour)


DECIDERS = ["proposer", "second account of the proposer", "person", "second account of the person"]


@pytest.mark.parametrize("who", DECIDERS)
def test_a_second_person_approves_and_neither_is_the_one_who_is_honoured(office, nomination, who):
    county = office.world.county
    able = {
        "proposer": lambda: office.qian,
        "second account of the proposer": lambda: make_staff(Role.ADMINISTRATOR, county, "钱主任"),
        "person": lambda: give(account(actor_of(office.world.lin)), Role.ADMINISTRATOR, county),
        "second account of the person": lambda: make_staff(Role.ADMINISTRATOR, county, "林小满"),
    }[who]()
    for verb in (actions.approve, actions.reject):
        last = {"seen": mark_of(nomination)} if verb is actions.approve else {"answer": "不够"}
        with pytest.raises(Barred):
            verb(nomination.id, able, **last, now=NOW)
    assert nomination.state is State.PROPOSED


def test_a_second_account_by_its_mail_address_is_known_too(office, nomination):
    friend = make_staff(Role.ADMINISTRATOR, office.world.county, "别名")
    account(friend).email = account(office.qian).email = "qian@example.org"
    db.session.commit()
    with pytest.raises(Barred, match="You proposed"):
        approve(office, nomination, friend)


def test_the_second_person_may_say_no_with_a_reason(office, nomination):
    with pytest.raises(Refusal, match="say why"):
        actions.reject(nomination.id, office.zheng, answer="。", now=NOW)
    actions.reject(nomination.id, office.zheng, answer="时间太短", now=NOW)
    assert (nomination.state, nomination.answer) == (State.REJECTED, "时间太短")
    assert kinds(office.world.lin)[-1] is NoticeKind.HONOUR_WITHDRAWN


def test_the_person_declines_at_any_time_before_it_is_granted(office, noticed):
    with pytest.raises(Refusal, match="whoever is proposed"):
        actions.decline(noticed.id, actor_of(office.world.zhou), now=NOW)
    actions.decline(noticed.id, actor_of(office.world.lin), now=NOW)
    assert noticed.state is State.DECLINED
    assert actions.end_notices(noticed.notice_ends_at) == 0


# --- what is said against it ------------------------------------------------------------------------------------


def test_an_objection_stops_the_clock_until_it_is_decided(office, noticed):
    said = object_to(noticed, actor_of(office.world.zhou))
    late = noticed.notice_ends_at + 9 * DAY
    assert actions.end_notices(late) == 0
    actions.dismiss(said.id, office.lu, answer="查无此事", now=late)
    assert kinds(office.world.zhou)[-1] is NoticeKind.HONOUR_DOUBT_DISMISSED
    assert (actions.end_notices(late), noticed.state) == (1, State.GRANTED)


def test_an_objection_that_is_right_ends_it_and_the_others_with_it(office, noticed):
    first, second = object_to(noticed, actor_of(office.world.zhou)), object_to(noticed, actor_of(office.world.shen))
    actions.uphold(first.id, office.lu, answer="属实", now=NOW)
    db.session.refresh(second)
    assert (noticed.state, first.state, second.state) == (State.WITHDRAWN, DoubtState.UPHELD, DoubtState.LAPSED)
    assert kinds(office.world.lin)[-1] is NoticeKind.HONOUR_WITHDRAWN
    assert kinds(office.world.zhou)[-1] is NoticeKind.HONOUR_DOUBT_UPHELD
    assert kinds(office.world.shen)[-1] is NoticeKind.HONOUR_DOUBT_LAPSED


def test_whoever_objected_decides_on_no_other_objection_either(office, noticed):
    own, other = object_to(noticed, office.lu), object_to(noticed, actor_of(office.world.zhou))
    for verb in (actions.uphold, actions.dismiss):
        with pytest.raises(Barred) as barred:
            verb(other.id, office.lu, answer="属实", now=NOW)
        assert barred.value.bar is Bar.INVOLVED
    assert (own.state, other.state) == (DoubtState.OPEN, DoubtState.OPEN)


def test_taking_a_nomination_back_and_making_it_anew_drops_no_objection_in_silence(office, honour, noticed):
    said, own = object_to(noticed, actor_of(office.world.zhou)), object_to(noticed, actor_of(office.world.lin))
    actions.withdraw(noticed.id, office.qian, answer="写错了", now=NOW)
    db.session.commit()
    anew = approve(office, propose(office, honour))
    assert (said.state, own.state) == (DoubtState.LAPSED, DoubtState.LAPSED)
    assert kinds(office.world.zhou)[-1] is NoticeKind.HONOUR_DOUBT_LAPSED
    assert NoticeKind.HONOUR_DOUBT_LAPSED not in kinds(office.world.lin)  # who was told of the end itself
    assert object_to(anew, actor_of(office.world.zhou)).state is DoubtState.OPEN


@pytest.mark.parametrize("days", [(date(1, 1, 1), LAST), (FIRST, date(9999, 12, 31))])
def test_days_that_no_clock_knows_are_no_period(office, days):
    with pytest.raises(Refusal, match="the year"):
        open_honour(office, first=days[0], last=days[1])


def test_the_person_contests_their_own_and_nobody_approves_before_that_is_decided(office, nomination):
    said = object_to(nomination, actor_of(office.world.lin), "我没有带过新人")
    with pytest.raises(Refusal, match="decided first"):
        approve(office, nomination)
    actions.dismiss(said.id, office.lu, answer="指四月的新人", now=NOW)
    approve(office, nomination)
    assert nomination.state is State.NOTICE


@pytest.mark.parametrize(
    ("who", "words", "later", "sentence"),
    [
        ("zhou", "", timedelta(0), "what is not right"),
        ("zhou", "不对", timedelta(days=30), "is over"),
    ],
)
def test_what_is_no_objection_is_refused(office, noticed, who, words, later, sentence):
    with pytest.raises(Refusal, match=sentence):
        object_to(noticed, actor_of(getattr(office.world, who)), words, NOW + later)


def test_others_object_only_while_it_is_on_notice_and_only_once(office, nomination):
    zhou = actor_of(office.world.zhou)
    with pytest.raises(Refusal, match="is over"):
        object_to(nomination, zhou)
    approve(office, nomination)
    object_to(nomination, zhou)
    with pytest.raises(Refusal, match="already"):
        object_to(nomination, zhou)


PARTS = ["proposer", "approver", "objector", "person"]
UNFIT = [*PARTS, *(f"second account of the {part}" for part in PARTS), "clerk", "confirmer", "same level"]


@pytest.mark.parametrize("who", UNFIT)
def test_nobody_with_a_part_in_it_decides_what_is_said(office, who):
    world = office.world
    honour = open_honour(office, organization_id=world.county.id)
    nomination = approve(office, propose(office, honour), office.zheng)
    objector = make_staff(Role.CLERK, world.county, "方站务")
    said = object_to(nomination, objector)
    part = who.removeprefix("second account of the ")
    names = {"proposer": "钱主任", "approver": "郑主任", "objector": "方站务", "person": "林小满"}
    if who.startswith("second"):
        able = make_staff(Role.ADMINISTRATOR, world.city, names[part])
    elif part in PARTS:
        ids = {"proposer": office.qian, "approver": office.zheng, "objector": objector, "person": actor_of(world.lin)}
        able = give(account(ids[part]), Role.ADMINISTRATOR, world.city)
    else:
        able = {
            "clerk": lambda: make_staff(Role.CLERK, world.city, "办公室"),
            "confirmer": lambda: make_staff(Role.CONFIRMER, world.city, "许确认"),
            "same level": lambda: make_staff(Role.ADMINISTRATOR, world.county, "许主任"),
        }[part]()
    for verb in (actions.uphold, actions.dismiss):
        with pytest.raises(Barred):
            verb(said.id, able, answer="不属实", now=NOW)
    assert said.state is DoubtState.OPEN
    actions.dismiss(said.id, office.lu, answer="不属实", now=NOW)


def test_two_people_who_decide_the_same_are_told_apart(office, noticed):
    said = object_to(noticed, actor_of(office.world.zhou))
    actions.dismiss(said.id, office.lu, answer="不属实", now=NOW)
    with pytest.raises(Refusal, match="meanwhile"):
        actions.uphold(said.id, make_staff(Role.ADMINISTRATOR, office.world.city, "许主任"), answer="属实", now=NOW)


# --- taking it back -----------------------------------------------------------------------------------------------


def test_a_granted_honour_is_taken_back_by_two(office, granted):
    later = granted.granted_at + DAY
    asked = actions.ask_revocation(granted.id, office.qian, reason="时长已作废", now=later)
    with pytest.raises(Refusal, match="already"):
        actions.ask_revocation(granted.id, office.zheng, reason="时长已作废", now=later)
    second = make_staff(Role.ADMINISTRATOR, office.world.county, "钱主任")
    person = give(account(actor_of(office.world.lin)), Role.ADMINISTRATOR, office.world.county)
    for able in (office.qian, second, person, office.world.chen):
        with pytest.raises(Barred):
            actions.agree_to_revocation(asked.id, able, now=later)
    actions.agree_to_revocation(asked.id, office.zheng, now=later)
    assert (granted.state, granted.answer, asked.state) == (State.REVOKED, "时长已作废", RevocationState.AGREED)
    assert kinds(office.world.lin)[-1] is NoticeKind.HONOUR_REVOKED


def test_whoever_asked_may_take_that_back_and_it_can_be_asked_again(office, granted):
    asked = actions.ask_revocation(granted.id, office.qian, reason="时长已作废", now=NOW)
    actions.refuse_revocation(asked.id, office.qian, now=NOW)
    assert (granted.state, asked.state) == (State.GRANTED, RevocationState.REFUSED)
    again = actions.ask_revocation(granted.id, office.zheng, reason="时长已作废", now=NOW)
    actions.refuse_revocation(again.id, office.qian, now=NOW)
    assert granted.state is State.GRANTED


def test_only_what_is_granted_is_revoked_and_only_with_a_reason(office, noticed):
    with pytest.raises(Refusal, match="granted honour"):
        actions.ask_revocation(noticed.id, office.qian, reason="x", now=NOW)
    grant(noticed)
    with pytest.raises(Refusal, match="say why"):
        actions.ask_revocation(noticed.id, office.qian, reason="…", now=NOW)


# --- the table of states, in the code and in the database ---------------------------------------------------------

VERBS = {
    "approve": lambda office, one: actions.approve(one.id, office.zheng, seen=mark_of(one), now=NOW),
    "reject": lambda office, one: actions.reject(one.id, office.zheng, answer="不够", now=NOW),
    "withdraw": lambda office, one: actions.withdraw(one.id, office.qian, answer="写错", now=NOW),
    "decline": lambda office, one: actions.decline(one.id, actor_of(office.world.lin), now=NOW),
    "grant": lambda _office, one: actions.end_notices(one.notice_ends_at or NOW) or refuse(),
    "revoke": lambda office, one: actions.agree_to_revocation(
        actions.ask_revocation(one.id, office.qian, reason="作废", now=NOW).id, office.zheng, now=NOW
    ),
}
GOALS = {
    "approve": State.NOTICE, "reject": State.REJECTED, "withdraw": State.WITHDRAWN, "decline": State.DECLINED,
    "grant": State.GRANTED, "revoke": State.REVOKED,
}  # fmt: skip
WAYS = {
    State.PROPOSED: [], State.NOTICE: ["approve"], State.GRANTED: ["approve", "grant"], State.REJECTED: ["reject"],
    State.WITHDRAWN: ["withdraw"], State.DECLINED: ["decline"], State.REVOKED: ["approve", "grant", "revoke"],
}  # fmt: skip


def refuse():
    raise Refusal("nothing is due")


def test_every_state_has_its_next_ones():
    assert set(NEXT_STATES) == set(State) == set(WAYS)


@pytest.mark.parametrize(("state", "verb"), list(itertools.product(State, VERBS)))
def test_a_verb_does_what_the_table_allows_and_nothing_else(office, nomination, state, verb):
    for step in WAYS[state]:
        VERBS[step](office, nomination)
        db.session.commit()
    assert nomination.state is state
    if GOALS[verb] in NEXT_STATES[state]:
        VERBS[verb](office, nomination)
        assert nomination.state is GOALS[verb]
    else:
        with pytest.raises(Refusal):
            VERBS[verb](office, nomination)
        assert nomination.state is state


@pytest.mark.parametrize(("state", "other"), [pair for pair in itertools.product(State, State) if pair[0] != pair[1]])
def test_the_database_lets_a_nomination_go_only_its_way(office, nomination, state, other):
    """Everything that a CHECK wants is written along, so that only the order of states can refuse."""
    if other in NEXT_STATES[state]:
        return
    for step in WAYS[state]:
        VERBS[step](office, nomination)
    db.session.commit()
    filled = "approved_at = COALESCE(approved_at, proposed_at), approved_by_id = COALESCE(approved_by_id, :by)"
    ends = "notice_ends_at = COALESCE(notice_ends_at, :ends)"
    granted = "COALESCE(granted_at, :ends)" if other in (State.GRANTED, State.REVOKED) else "NULL"
    over = other in (State.REJECTED, State.WITHDRAWN, State.DECLINED, State.REVOKED)
    ended = "COALESCE(ended_at, :ends)" if over else "NULL"
    change = f"UPDATE nomination SET state = :state, {filled}, {ends}, granted_at = {granted}, ended_at = {ended}, "
    values = {"state": other.value, "by": office.zheng.account_id, "ends": NOW + 9 * DAY, "id": nomination.id}
    with pytest.raises(DBAPIError, match=r"nomination_goes_its_way|what_was_proposed"):
        db.session.execute(text(change + "answer = '*' WHERE id = :id"), values)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE honour SET criteria = '和我熟'",
        "DELETE FROM honour",
        "DELETE FROM nomination",
        "UPDATE nomination SET volunteer_id = volunteer_id + 1",
        "UPDATE nomination SET reason = '别的'",
        "UPDATE nomination SET proposed_by_id = approved_by_id, approved_by_id = proposed_by_id",
        "UPDATE nomination SET approved_by_id = proposed_by_id",
        "UPDATE nomination SET notice_ends_at = approved_at",
        "UPDATE nomination SET state = 'granted', granted_at = approved_at",
        "UPDATE nomination SET state = 'granted', granted_at = notice_ends_at",
        "UPDATE nomination_sheet SET minutes_b = 6000",
        "DELETE FROM nomination_sheet",
        "UPDATE doubt SET state = 'dismissed', answer = 'x', decided_at = at, decided_by_id = by_id",
        "UPDATE doubt SET state = 'dismissed', answer = 'x', decided_at = at, decided_by_id ="
        " (SELECT approved_by_id FROM nomination)",
        "UPDATE doubt SET state = 'dismissed', answer = 'x', decided_at = at, decided_by_id ="
        " (SELECT v.account_id FROM nomination n JOIN volunteer v ON v.id = n.volunteer_id)",
        "DELETE FROM doubt",
    ],
)
def test_the_database_keeps_what_was_decided(office, noticed, change):
    object_to(noticed, actor_of(office.world.zhou))
    with pytest.raises(DBAPIError):
        db.session.execute(text(change))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE nomination SET state = 'revoked', ended_at = granted_at, answer = 'x'",
        "UPDATE revocation SET state = 'agreed', decided_at = asked_at, decided_by_id = asked_by_id",
        "UPDATE revocation SET state = 'agreed', decided_at = asked_at, decided_by_id ="
        " (SELECT v.account_id FROM nomination n JOIN volunteer v ON v.id = n.volunteer_id)",
        "DELETE FROM revocation",
    ],
)
def test_the_database_lets_nobody_revoke_alone(office, granted, change):
    actions.ask_revocation(granted.id, office.qian, reason="作废", now=NOW)
    db.session.commit()
    with pytest.raises(DBAPIError):
        db.session.execute(text(change))


def test_the_database_lets_nobody_be_proposed_by_themselves_or_begin_as_granted(office, nomination):
    values = {
        "honour_id": nomination.honour_id, "reason": "x", "answer": "", "proposed_at": NOW,
        "volunteer_id": office.world.zhou.id, "proposed_by_id": office.world.zhou.account_id, "state": State.PROPOSED,
    }  # fmt: skip
    with pytest.raises(DBAPIError, match="nobody_proposes_themselves"), db.session.begin_nested():
        db.session.execute(db.insert(Nomination).values(**values))
    values |= {
        "proposed_by_id": office.qian.account_id, "approved_by_id": office.zheng.account_id, "approved_at": NOW,
        "notice_ends_at": NOW + DAY, "granted_at": NOW + DAY, "state": State.GRANTED,
    }  # fmt: skip
    with pytest.raises(DBAPIError, match="begins_as_a_proposal"), db.session.begin_nested():
        db.session.execute(db.insert(Nomination).values(**values))


# --- leaving ------------------------------------------------------------------------------------------------------


def test_whoever_leaves_has_no_nomination_under_way(office, noticed):
    said = object_to(noticed, actor_of(office.world.zhou))
    people.leave(office.world.lin.account_id, Leaving.KEEP, now=NOW)
    db.session.refresh(noticed)
    db.session.refresh(said)
    assert (noticed.state, noticed.reason, said.state) == (State.DECLINED, REASON, DoubtState.LAPSED)
    assert noticed.ended_by_id is None


def test_no_word_about_somebody_who_wants_all_erased_stays(office, granted):
    actions.ask_revocation(granted.id, office.qian, reason="作废", now=NOW)
    people.leave(office.world.lin.account_id, Leaving.ERASE, now=NOW)
    db.session.refresh(granted)
    assert (granted.state, granted.reason, granted.answer) == (State.GRANTED, "*", "*")
    assert [asked.revocation.reason for asked in queries.revocations_of(granted.id)] == ["*"]


def test_what_somebody_said_who_leaves_is_erased_and_that_they_did_stays(office, noticed):
    said = object_to(noticed, actor_of(office.world.zhou))
    people.leave(office.world.zhou.account_id, Leaving.ERASE, now=NOW)
    db.session.refresh(said)
    assert (said.words, said.state) == ("*", DoubtState.OPEN)


# --- attempts -----------------------------------------------------------------------------------------------------


def test_who_may_not_decide_leaves_a_trace(as_, office, nomination):
    address = f"/desk/nominations/{nomination.id}/approval"
    second = make_staff(Role.ADMINISTRATOR, office.world.county, "钱主任")
    tries = ((office.qian, 409), (second, 409), (office.world.he, 404), (office.world.chen, 403))
    for who, status in tries:
        assert as_(who).post(address, data={"seen": mark_of(nomination)}).status_code == status
    db.session.expire_all()
    kept = db.session.scalars(db.select(RefusedAttempt).order_by(RefusedAttempt.id)).all()
    assert [each.bar for each in kept] == [Bar.PROPOSER, Bar.PROPOSER, Bar.OUT_OF_REACH, Bar.NO_ROLE]
    assert {(each.tried, each.about_id) for each in kept} == {(Tried.HONOUR, office.world.lin.account_id)}
    page = as_(office.zheng).get(f"/desk/nominations/{nomination.id}").text
    assert "wanted to decide on an honour" in page
