"""From attendance to minutes that count: two people, no minute invented, every total the sum of its rows."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blueprints.claims import actions as claims
from blueprints.claims import queries as attendance
from blueprints.claims.models import Act, EvidenceClass, Punch
from blueprints.claims.queries import Attendance, Span
from blueprints.identity.models import Account
from blueprints.messages.models import NoticeKind
from blueprints.posts.models import Shift
from blueprints.records import actions, queries
from blueprints.records.models import RecordState, ServiceRecord
from core import clock
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from tests.claims.test_attendance import END, MINUTE, mark, settle
from tests.claims.test_claiming import actor_of, claim, kinds
from tests.factories import HOUR, START, give, make_post, make_shift, make_staff, make_world, recorders_of

DONE = END + 5 * MINUTE


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station))


def served(world, shift, volunteer, start=0, end=120):
    held = claim(shift, volunteer)
    mark(held, Act.IN, world.chen, START + start * MINUTE)
    mark(held, Act.OUT, world.chen, START + end * MINUTE)
    return held


def seen_on(shift):
    """How many people an honest leader counts: those whom the system has seen."""
    held = attendance.roster(shift.id)
    return sum(bool(seen.spans) for seen in attendance.attendances(claim.id for claim in held).values())


def hand_in(shift, actor, now=DONE, counted=None, sure=False):
    counted = seen_on(shift) if counted is None else counted
    records = actions.hand_in(shift.id, actor, now=now, counted=counted, sure=sure)
    db.session.commit()
    return records


@pytest.fixture
def record(world, shift):
    served(world, shift, world.lin)
    return hand_in(shift, world.chen)[0]


def total(volunteer):
    return sum(queries.totals(volunteer.id).values())


def test_handed_in_minutes_wait_and_count_only_when_a_second_person_confirms(world, record):
    assert (record.minutes, record.state, total(world.lin)) == (120, RecordState.PENDING, 0)
    actions.confirm([record.id], world.wu, now=DONE)
    assert (record.state, total(world.lin)) == (RecordState.EFFECTIVE, 120)
    assert queries.totals(world.lin.id)[EvidenceClass.B] == 120


NIGHTS = {  # at 23:00 in Jiaxing
    "a midnight": datetime(2099, 5, 6, 15, tzinfo=UTC),
    "the end of a month": datetime(2099, 5, 31, 15, tzinfo=UTC),
    "the end of the year": datetime(2099, 12, 31, 15, tzinfo=UTC),
    "into 29 February": datetime(2104, 2, 28, 15, tzinfo=UTC),
    "out of 29 February": datetime(2104, 2, 29, 15, tzinfo=UTC),
}


@pytest.mark.parametrize("starts", NIGHTS.values(), ids=NIGHTS)
def test_a_night_shift_is_one_entry_of_the_day_on_which_it_began(world, starts):
    shift = make_shift(make_post(world.station), starts_at=starts, hours=3)
    held = claim(shift, world.lin, starts - 24 * HOUR)
    mark(held, Act.IN, world.chen, starts - 10 * MINUTE)
    mark(held, Act.OUT, world.chen, starts + 3 * HOUR)
    record = hand_in(shift, world.chen, starts + 4 * HOUR)[0]
    actions.confirm([record.id], world.wu, now=starts + 5 * HOUR)
    began = clock.today(starts)
    assert (record.served_on, record.minutes) == (began, 180)
    assert record.due_on > began
    by_year = [sum(queries.totals(world.lin.id, year).values()) for year in (began.year, began.year + 1)]
    assert by_year == [180, 0]


def test_the_owner_is_told_of_the_entry_and_of_its_confirmation(world, record):
    actions.confirm([record.id], world.wu, now=DONE)
    assert kinds(world.lin)[-2:] == [NoticeKind.RECORD_HANDED_IN, NoticeKind.RECORD_EFFECTIVE]


def test_the_entry_is_due_ten_working_days_after_the_shift(record):
    assert record.due_on == date(2099, 5, 18)


def test_nobody_who_touched_the_attendance_or_handed_it_in_confirms(world, shift):
    other_clerk = make_staff(Role.CLERK, world.station, "徐站员")
    held = claim(shift, world.lin)
    mark(held, Act.IN, other_clerk, START)
    mark(held, Act.OUT, world.chen, END)
    record = hand_in(shift, world.chen)[0]
    for recorder in (other_clerk, world.chen):
        both = give(db.session.get(Account, recorder.account_id), Role.CONFIRMER, world.station)
        with pytest.raises(Refusal, match="You recorded"):
            actions.confirm([record.id], both, now=DONE)
    assert actions.confirm([record.id], world.wu, now=DONE)


def test_an_undone_tap_counts_as_touching_too(world, shift):
    other_clerk = make_staff(Role.CLERK, world.station, "徐站员")
    held = claim(shift, world.lin)
    wrong = mark(held, Act.IN, other_clerk, START)
    claims.undo(wrong.id, world.chen, now=START)
    mark(held, Act.IN, world.chen, START)
    mark(held, Act.OUT, world.chen, END)
    record = hand_in(shift, world.chen)[0]
    both = give(db.session.get(Account, other_clerk.account_id), Role.CONFIRMER, world.station)
    with pytest.raises(Refusal, match="You recorded"):
        actions.confirm([record.id], both, now=DONE)


def test_nobody_confirms_their_own_minutes(world, record):
    lin = give(db.session.get(Account, world.lin.account_id), Role.CONFIRMER, world.station)
    with pytest.raises(Refusal, match="your own minutes"):
        actions.confirm([record.id], lin, now=DONE)


def test_the_database_refuses_a_recorder_and_the_owner_as_confirmer(world, record):
    for account_id in (world.chen.account_id, world.lin.account_id):
        with pytest.raises(Exception, match=r"(?i)confirmed_by_another|two_people"):
            db.session.execute(
                db.update(ServiceRecord).values(state="effective", confirmed_by_id=account_id, confirmed_at=DONE)
            )
        db.session.rollback()


def test_roles_are_separate_and_end_at_the_border(world, record):
    for actor in (world.qian, world.chen, world.pan):
        with pytest.raises(Refusal):
            actions.confirm([record.id], actor, now=DONE)
    assert record.state is RecordState.PENDING


def test_an_effective_entry_is_changed_and_deleted_by_nobody(world, record):
    actions.confirm([record.id], world.wu, now=DONE)
    db.session.commit()
    for attempt in (db.update(ServiceRecord).values(minutes=1), db.delete(ServiceRecord)):
        with pytest.raises(Exception, match="never"):
            db.session.execute(attempt)
        db.session.rollback()


def test_who_decides_second_is_told(world, record):
    actions.confirm([record.id], world.wu, now=DONE)
    with pytest.raises(Refusal, match="meanwhile"):
        actions.confirm([record.id], world.wu, now=DONE)
    with pytest.raises(Refusal, match="meanwhile"):
        actions.send_back(record.id, world.wu, reason="不对", now=DONE)


def test_a_returned_entry_goes_back_with_its_reason_and_a_new_one_follows(world, shift, record):
    with pytest.raises(Refusal, match="what is wrong"):
        actions.send_back(record.id, world.wu, reason="", now=DONE)
    actions.send_back(record.id, world.wu, reason="签退时间有误", now=DONE)
    assert kinds(world.lin)[-1] is NoticeKind.RECORD_RETURNED
    held = attendance.live_claim(shift.id, world.lin.id)
    settle(held, world.chen, START, START + HOUR + 30 * MINUTE, DONE + 3 * HOUR)
    mended = hand_in(shift, world.chen, DONE + 3 * HOUR)[0]
    assert (mended.minutes, mended.evidence, record.state) == (90, EvidenceClass.C, RecordState.RETURNED)
    with pytest.raises(Refusal, match="marked"):
        actions.confirm([mended.id], world.wu, now=DONE + 3 * HOUR)
    actions.confirm_marked(mended.id, world.wu, reason="与纸质名册一致", now=DONE + 3 * HOUR)
    assert (mended.state, total(world.lin)) == (RecordState.NOTICE, 0)
    actions.end_notices(mended.notice_ends_at)
    assert queries.totals(world.lin.id)[EvidenceClass.C] == total(world.lin) == 90


def test_after_the_hand_in_times_stand_until_they_are_returned(world, shift, record):
    held = attendance.live_claim(shift.id, world.lin.id)
    with pytest.raises(Refusal, match="handed in already"):
        settle(held, world.chen, START, END, DONE)


def test_a_missing_check_out_is_never_handed_in(world, shift):
    mark(claim(shift, world.lin), Act.IN, world.chen, START)
    with pytest.raises(Refusal, match="林小满"):
        hand_in(shift, world.chen)
    served(world, shift, world.zhou)
    assert [record.volunteer_id for record in hand_in(shift, world.chen)] == [world.zhou.id]


def test_nothing_is_handed_in_before_the_end_twice_or_by_a_stranger(world, shift):
    served(world, shift, world.lin)
    with pytest.raises(Refusal, match="ends at"):
        hand_in(shift, world.chen, END - MINUTE)
    with pytest.raises(Refusal, match="does not cover"):
        hand_in(shift, world.gu)
    hand_in(shift, world.chen)
    with pytest.raises(Refusal, match="no times"):
        hand_in(shift, world.chen)


@pytest.mark.parametrize(("end", "below"), [(71, True), (72, False)])
def test_below_sixty_percent_the_time_is_marked_not_zero(world, shift, end, below):
    served(world, shift, world.lin, 0, end)
    record = hand_in(shift, world.chen)[0]
    assert (record.minutes, record.below_presence) == (end, below)


def test_a_marked_entry_is_confirmed_alone_and_with_a_reason(world, shift):
    served(world, shift, world.lin, 0, 30)
    record = hand_in(shift, world.chen)[0]
    with pytest.raises(Refusal, match="marked"):
        actions.confirm([record.id], world.wu, now=DONE)
    with pytest.raises(Refusal, match="say why"):
        actions.confirm_marked(record.id, world.wu, reason="", now=DONE)
    actions.confirm_marked(record.id, world.wu, reason="临时安排提前结束", now=DONE)
    assert total(world.lin) == 30


def long_day(world, hours):
    shift = make_shift(make_post(world.station), hours=hours)
    held = claim(shift, world.lin)
    mark(held, Act.IN, world.chen, START)
    mark(held, Act.OUT, world.chen, START + hours * HOUR)
    return hand_in(shift, world.chen, START + hours * HOUR)[0]


@pytest.mark.parametrize(("hours", "levels"), [(8, 0), (9, 1), (13, 2)])
def test_long_days_need_the_levels_above(world, hours, levels):
    assert long_day(world, hours).levels_up == levels


def test_a_day_over_eight_hours_counts_after_another_person_above_approved(world):
    record = long_day(world, 9)
    with pytest.raises(Refusal, match="marked"):
        actions.confirm([record.id], world.wu, now=START + 10 * HOUR)
    actions.confirm_marked(record.id, world.wu, reason="全天活动", now=START + 10 * HOUR)
    assert (record.state, total(world.lin)) == (RecordState.APPROVAL, 0)
    with pytest.raises(Refusal, match="You confirmed"):
        actions.approve(record.id, world.wu, now=START + 10 * HOUR)
    station_confirmer = make_staff(Role.CONFIRMER, world.station, "徐确认")
    with pytest.raises(Refusal, match="above the station"):
        actions.approve(record.id, station_confirmer, now=START + 10 * HOUR)
    county_confirmer = make_staff(Role.CONFIRMER, world.county, "朱确认")
    actions.approve(record.id, county_confirmer, now=START + 10 * HOUR)
    assert (record.state, total(world.lin)) == (RecordState.EFFECTIVE, 540)


def test_two_shifts_of_one_day_add_up_to_a_long_day(world):
    long_day(world, 5)
    second = make_shift(make_post(world.station), starts_at=START + 6 * HOUR, hours=4)
    held = claim(second, world.lin)
    mark(held, Act.IN, world.chen, START + 6 * HOUR)
    mark(held, Act.OUT, world.chen, START + 10 * HOUR)
    assert hand_in(second, world.chen, START + 10 * HOUR)[0].levels_up == 1


def test_minutes_of_unclaimed_accounts_count_nowhere_until_the_person_claims(world, record):
    actions.confirm([record.id], world.wu, now=DONE)
    account = db.session.get(Account, world.lin.account_id)
    claimed_at, account.claimed_at = account.claimed_at, None
    account.created_by_id = world.chen.account_id
    db.session.flush()
    assert total(world.lin) == 0
    account.claimed_at = claimed_at
    db.session.flush()
    assert total(world.lin) == 120


def test_the_nearest_organization_that_can_confirm_is_named(world, record):
    assert queries.confirming_organization(record).id == world.town.id


def shift_of(minutes, pause=0):
    return Shift(starts_at=START, ends_at=START + minutes * MINUTE, places=1, break_minutes=pause)


def stay(start, end):
    return Span(Punch(act=Act.IN, at=START + start), Punch(act=Act.OUT, at=START + end))


def count(shift, *spans):
    return queries.minutes_of(Attendance(tuple(spans), None), shift)


def test_minutes_are_clipped_to_the_plan_and_breaks_are_deducted_once():
    assert count(shift_of(120), stay(-30 * MINUTE, 150 * MINUTE)) == 120
    assert count(shift_of(120, 30), stay(0 * MINUTE, 120 * MINUTE)) == 90
    assert count(shift_of(120, 30), stay(0 * MINUTE, 50 * MINUTE), stay(70 * MINUTE, 120 * MINUTE)) == 90
    assert count(shift_of(120, 30), stay(0 * MINUTE, 10 * MINUTE)) == 0


def test_seconds_are_dropped_once_and_not_for_each_stay():
    half = timedelta(seconds=30)
    assert count(shift_of(120), stay(0 * half, 1 * half), stay(2 * half, 3 * half)) == 1


stays = st.lists(st.integers(-3600, 12000), min_size=2, max_size=8, unique=True).map(sorted)


@given(stays, st.integers(1, 600), st.integers(0, 60))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_attendance_is_ever_worth_more_than_was_observed_or_planned(moments, planned, pause):
    shift = shift_of(planned + pause, pause)
    pairs = zip(moments[::2], moments[1::2], strict=False)
    spans = [stay(timedelta(seconds=a), timedelta(seconds=b)) for a, b in pairs]
    observed = sum((span.left.at - span.entered.at).total_seconds() for span in spans)
    minutes = count(shift, *spans)
    assert 0 <= minutes <= min(shift.planned_minutes, observed / 60)


def test_people_who_touch_are_people_who_are_named(world, record):
    assert recorders_of(record.id) == {world.chen.account_id}
    assert queries.recorders_of(record.claim_id) == {world.chen.account_id}
    assert actor_of(world.lin).volunteer_id == record.volunteer_id
