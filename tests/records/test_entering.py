"""Entries that no shift stands behind: stated afterwards or brought from elsewhere, and never more than is true."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from blueprints.claims import queries as attendance
from blueprints.claims.models import EvidenceClass
from blueprints.identity.models import Account, VolunteerState
from blueprints.messages.models import NoticeKind
from blueprints.posts.models import Category
from blueprints.records import actions, corrections, preview, proof, queries, waiting
from blueprints.records.actions import Facts
from blueprints.records.models import LedgerEntry, Recorder, RecordSource, RecordState, ServiceRecord
from core import clock
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import kinds
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
    make_world,
)
from tests.records.test_ledger import DONE, hand_in, served, total

NEXT_DAY = START + timedelta(days=1)
NOW = START + timedelta(days=5)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def zhu(world):
    """A confirmer of the town beside Wu, a level above the station."""
    return make_staff(Role.CONFIRMER, world.town, "朱确认")


def facts(world, starts=NEXT_DAY, minutes=90, length=2 * HOUR, **values):
    return Facts(
        **{
            "volunteer_id": world.lin.id,
            "organization_id": world.station.id,
            "title": "台风夜安置点值守",
            "category": Category.EMERGENCY,
            "content": "登记入住，分发物资。",
            "place": "烟雨小学体育馆",
            "responsible_name": "陈站长",
            "started_at": starts,
            "ended_at": starts + length,
            "minutes": minutes,
            **values,
        }
    )


def enter(world, what=None, source=RecordSource.SUPPLEMENT, now=NOW, **values):
    """As the world's clerk states it, unless somebody else does."""
    values = {"stated_by": world.chen.account_id, "recorders": [], **values}
    made = actions.enter(what or facts(world), source, now=now, **values)
    db.session.commit()
    return made


def approve(record, by, now=NOW):
    """Approved above, and nobody objects until its public notice is over."""
    actions.approve(record.id, by, now=now)
    over(record)


def over(record):
    assert record.state is RecordState.NOTICE
    actions.end_notices(record.notice_ends_at)
    assert record.state is RecordState.EFFECTIVE


def vouched(world, what=None, **values):
    by = make_staff(Role.CLERK, world.station, "蒋站务").account_id
    return enter(world, what, vouched_by=by, **values)


# --- no hour counts twice -----------------------------------------------------------------------------------


def imported(world, starts=START, length=2 * HOUR, minutes=120):
    """An import or a supplement that was there before anybody was seen on the shift."""
    return enter(world, facts(world, starts, minutes, length), RecordSource.IMPORT, NOW)


def test_a_shift_is_not_handed_in_for_whom_another_entry_stands_at_that_time(world, zhu):
    shift = make_shift(make_post(world.station), places=3)
    other = imported(world)
    served(world, shift, world.lin)
    with pytest.raises(Refusal, match="林小满: this time is recorded already: “台风夜安置点值守”"):
        hand_in(shift, world.chen, now=NOW)
    actions.confirm([other.id], zhu, now=NOW)
    over(other)
    assert total(world.lin) == 120
    with pytest.raises(Refusal, match="It counts once"):
        hand_in(shift, world.chen, now=NOW)
    mei = make_volunteer("梅一", world.station)
    served(world, shift, mei)
    view = preview.preview(attendance.shift_within(shift.id, [world.station.path]), world.chen, NOW)
    assert [claim.volunteer_id for claim, _other in view.twice] == [world.lin.id]
    assert [line.claim.volunteer_id for line in view.lines] == [mei.id]
    assert [made.volunteer_id for made in hand_in(shift, world.chen, now=NOW)] == [mei.id], "nobody else waits for it"
    assert attendance.live_claim(shift.id, world.lin.id).handed_in_at is None


def test_the_shift_is_handed_in_once_the_other_entry_stands_for_nothing(world, zhu):
    shift = make_shift(make_post(world.station))
    other = imported(world)
    served(world, shift, world.lin)
    actions.send_back(other.id, zhu, reason="本平台已有", now=NOW)
    [made] = hand_in(shift, world.chen, now=NOW)
    actions.confirm([made.id], world.wu, now=NOW)
    assert total(world.lin) == 120


def test_only_the_time_within_the_plan_is_compared(world):
    """Who comes early and leaves late meets what came before and after, and neither counts twice."""
    shift = make_shift(make_post(world.station))
    imported(world, START - HOUR, HOUR, 60)
    imported(world, START + 2 * HOUR, HOUR, 60)
    served(world, shift, world.lin, start=-20, end=140)
    [made] = hand_in(shift, world.chen, now=NOW)
    actions.confirm([made.id], world.wu, now=NOW)
    assert (made.state, made.minutes) == (RecordState.EFFECTIVE, 120)


def test_two_entries_for_one_time_that_came_about_all_the_same_do_not_both_count(world, zhu, monkeypatch):
    shift = make_shift(make_post(world.station))
    served(world, shift, world.lin)
    [made] = hand_in(shift, world.chen, now=NOW)
    monkeypatch.setattr(queries, "overlapping", lambda *_: None)  # as it was before anybody asked
    other = imported(world)
    with pytest.raises(Refusal, match="Return one of them"):
        actions.confirm([made.id], world.wu, now=NOW)
    with pytest.raises(Refusal, match="another entry stands for some of this time"):
        actions.confirm([other.id], zhu, now=NOW)
    actions.send_back(other.id, zhu, reason="重复", now=NOW)
    actions.confirm([made.id], world.wu, now=NOW)
    assert total(world.lin) == 120


def test_a_voided_entry_is_not_raised_again_once_another_stands_for_its_time(world, zhu):
    shift = make_shift(make_post(world.station))
    other = imported(world)
    served(world, shift, world.lin)
    actions.confirm([other.id], zhu, now=NOW)
    over(other)
    higher = make_staff(Role.CONFIRMER, world.county, "许确认")
    corrections.approve(corrections.propose(other.id, 0, zhu, reason="重复", now=NOW).id, higher, now=NOW)
    [made] = hand_in(shift, world.chen, now=NOW)
    actions.confirm([made.id], world.wu, now=NOW)
    assert total(world.lin) == 120
    raised = corrections.propose(other.id, 120, zhu, reason="恢复", now=NOW)
    with pytest.raises(Refusal, match="another entry stands for some of this time"):
        corrections.approve(raised.id, higher, now=NOW)
    assert total(world.lin) == 120


# --- what is made -------------------------------------------------------------------------------------------


def test_a_supplement_is_class_c_for_ever_and_waits_for_the_level_above(world, zhu):
    record = vouched(world)
    assert (record.state, record.evidence, record.levels_up) == (RecordState.APPROVAL, EvidenceClass.C, 1)
    assert (record.claim_id, record.planned_minutes, record.served_on) == (None, 120, date(2099, 5, 5))
    assert total(world.lin) == 0
    approve(record, zhu)
    corrections.approve(
        corrections.propose(record.id, 60, world.wu, reason="早退", now=NOW).id,
        make_staff(Role.CONFIRMER, world.county, "许确认"),
        now=NOW,
    )
    assert queries.totals(world.lin.id)[EvidenceClass.C] == total(world.lin) == 60


def test_an_import_is_class_d_and_nobody_at_the_station_lets_it_count(world, zhu):
    record = enter(world, source=RecordSource.IMPORT)
    own = make_staff(Role.CONFIRMER, world.station, "徐确认")
    assert (record.state, record.evidence) == (RecordState.PENDING, EvidenceClass.D)
    with pytest.raises(Refusal, match="above the station"):
        actions.confirm([record.id], own, now=NOW)
    assert queries.confirming_organization(record).id == world.town.id
    actions.confirm([record.id], zhu, now=NOW)
    over(record)
    assert queries.totals(world.lin.id)[EvidenceClass.D] == 90


def test_an_import_of_a_long_day_needs_two_more_people(world, zhu):
    record = enter(world, facts(world, minutes=9 * 60, length=10 * HOUR), RecordSource.IMPORT)
    actions.confirm_marked(record.id, zhu, reason="核对过台账", now=NOW)
    assert record.state is RecordState.APPROVAL
    with pytest.raises(Refusal, match="You confirmed"):
        actions.approve(record.id, zhu, now=NOW)
    approve(record, world.wu)
    assert total(world.lin) == 540


def test_everybody_who_touched_it_is_kept_and_decides_nothing(world):
    town_clerk = give(db.session.get(Account, world.wu.account_id), Role.CLERK, world.town)
    record = vouched(world, recorders=[town_clerk.account_id])
    kept = set(db.session.scalars(select(Recorder.account_id).where(Recorder.record_id == record.id)))
    assert kept == {world.chen.account_id, town_clerk.account_id}
    with pytest.raises(Refusal, match="You recorded"):
        actions.approve(record.id, town_clerk, now=NOW)


@pytest.mark.parametrize("who", ["stated", "owner", "recorder"])
def test_nobody_vouches_for_what_they_stated_themselves_or_for_their_own(world, who):
    other = make_account("许多").id
    by = {"stated": world.chen.account_id, "owner": world.lin.account_id, "recorder": other}[who]
    with pytest.raises(Refusal, match="another person vouches"):
        enter(world, recorders=[other], vouched_by=by)


def test_whoever_vouched_never_approves(world):
    by = make_staff(Role.CONFIRMER, world.town, "蒋确认")
    record = enter(world, vouched_by=by.account_id)
    with pytest.raises(Refusal, match="You confirmed"):
        actions.approve(record.id, by, now=NOW)


def test_the_owner_is_told_and_can_say_that_it_was_somebody_else(world):
    enter(world)
    assert kinds(world.lin)[-1] is NoticeKind.RECORD_ENTERED


def test_an_unclaimed_account_keeps_its_minutes_and_counts_none(world, zhu):
    account = db.session.get(Account, world.lin.account_id)
    account.claimed_at, account.created_by_id = None, world.chen.account_id
    approve(vouched(world), zhu)
    assert total(world.lin) == 0
    account.claimed_at = NOW
    db.session.commit()
    assert total(world.lin) == 90


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"starts": NOW - HOUR}, "not over yet"),
        ({"length": timedelta(0)}, "after the beginning"),
        ({"minutes": 0}, "Between 1 minute"),
        ({"minutes": 121}, "Between 1 minute"),
        ({"starts": BEFORE - timedelta(days=1)}, "registration dates from"),
    ],
)
def test_what_cannot_be_true_is_refused_with_the_reason(world, values, words):
    with pytest.raises(Refusal, match=words):
        enter(world, facts(world, **values))


def test_up_to_this_very_moment_is_served(world):
    assert enter(world, facts(world, starts=NOW - 2 * HOUR)).state is RecordState.PENDING


@pytest.mark.parametrize("state", sorted({*VolunteerState} - {VolunteerState.ACTIVE, VolunteerState.MERGED}))
def test_only_who_is_registered_has_minutes(world, state):
    world.lin.state = state
    db.session.commit()
    with pytest.raises(Refusal, match="not registered"):
        enter(world)


def test_a_child_has_no_minutes_before_the_age(world):
    world.lin.birth_date = date(2085, 5, 6)
    db.session.commit()
    with pytest.raises(Refusal, match="younger than 14"):
        enter(world)
    assert enter(world, facts(world, starts=NEXT_DAY + timedelta(days=1))).minutes == 90


def test_time_that_stands_already_is_named(world, zhu):
    shift = make_shift(make_post(world.station))
    served(world, shift, world.lin)
    with pytest.raises(Refusal, match="社区图书角管理岗"):
        enter(world, facts(world, starts=START + HOUR))  # seen there, not handed in yet
    handed = hand_in(shift, world.chen)[0]
    with pytest.raises(Refusal, match=r"社区图书角管理岗.*09:00"):
        enter(world, facts(world, starts=START + HOUR))
    assert enter(world, facts(world, starts=START + 2 * HOUR)).minutes == 90  # from its end on nothing overlaps
    actions.send_back(handed.id, world.wu, reason="日期不对", now=DONE)
    db.session.commit()
    with pytest.raises(Refusal, match="台风夜安置点值守"):
        enter(world, facts(world, starts=START + 3 * HOUR))


def test_a_voided_entry_keeps_no_time(world, zhu):
    record = vouched(world)
    approve(record, zhu)
    void = corrections.propose(record.id, 0, world.wu, reason="查无此事", now=NOW)
    corrections.approve(void.id, make_staff(Role.CONFIRMER, world.county, "许确认"), now=NOW)
    assert enter(world).minutes == 90


def test_a_day_has_twenty_four_hours(world):
    enter(world, facts(world, starts=NEXT_DAY - HOUR, minutes=20 * 60, length=22 * HOUR))
    with pytest.raises(Refusal, match="more than 24 hours"):
        enter(world, facts(world, starts=NEXT_DAY - 9 * HOUR, minutes=5 * 60, length=6 * HOUR))


@pytest.mark.parametrize(
    ("starts", "day"),
    [
        (datetime(2099, 5, 31, 15, 0, tzinfo=UTC), date(2099, 5, 31)),  # over midnight and the end of the month
        (datetime(2099, 12, 31, 15, 0, tzinfo=UTC), date(2099, 12, 31)),  # over the end of the year
        (datetime(2100, 2, 28, 15, 59, tzinfo=UTC), date(2100, 2, 28)),  # no leap year
        (datetime(2104, 2, 28, 15, 0, tzinfo=UTC), date(2104, 2, 28)),  # over midnight into 29 February
        (datetime(2104, 2, 29, 15, 0, tzinfo=UTC), date(2104, 2, 29)),  # and out of it
        (datetime(2099, 12, 31, 16, 0, tzinfo=UTC), date(2100, 1, 1)),  # midnight here
    ],
)
def test_minutes_over_midnight_belong_to_the_day_they_began(world, zhu, starts, day):
    now = starts + timedelta(days=3)
    record = vouched(world, facts(world, starts=starts), now=now)
    assert (record.served_on, record.minutes) == (day, 90)
    approve(record, zhu, now)
    assert sum(queries.totals(world.lin.id, year=day.year).values()) == 90


def test_a_long_day_is_reckoned_with_what_stands(world):
    enter(world, facts(world, minutes=7 * 60, length=8 * HOUR))
    assert vouched(world, facts(world, starts=NEXT_DAY + 8 * HOUR, minutes=61)).levels_up == 1
    third = vouched(world, facts(world, starts=NEXT_DAY + 10 * HOUR, minutes=240, length=4 * HOUR))
    assert third.levels_up == 2


# --- what is shown, and what the database keeps ---------------------------------------------------------------


def test_the_queue_shows_each_of_them_beside_the_shifts(world, zhu):
    shift = make_shift(make_post(world.station))
    served(world, shift, world.zhou)
    hand_in(shift, world.chen)
    vouched(world)
    enter(world, facts(world, starts=NEXT_DAY + 4 * HOUR), RecordSource.IMPORT)
    groups, more = waiting.groups(zhu, [world.town.path], clock.today(NOW))
    assert [group.shift and group.shift.id for group in groups].count(None) == 2
    assert [len(group.entries) for group in groups] == [1, 1, 1]
    assert not more
    assert len({group.key for group in groups}) == 3


def test_the_ledger_binds_where_an_entry_came_from(world, zhu):
    record = vouched(world)
    approve(record, zhu)
    db.session.commit()
    assert not [fault for fault in proof.prove() if "service record" in fault.where]
    assert db.session.scalar(select(func.count()).select_from(LedgerEntry)) == 1


@pytest.mark.parametrize(
    "change",
    [
        "source = 'shift'",
        "evidence = 'B'",
        "evidence = 'D'",
        "state = 'effective', confirmed_by_id = :other, confirmed_at = handed_in_at",
    ],
)
def test_the_database_keeps_source_evidence_and_the_two_decisions_together(world, change):
    enter(world)
    with pytest.raises(IntegrityError):
        db.session.execute(text(f"UPDATE service_record SET {change.replace(':other', str(world.wu.account_id))}"))


def test_no_shift_gives_class_d(world):
    shift = make_shift(make_post(world.station))
    served(world, shift, world.lin)
    record = hand_in(shift, world.chen)[0]
    assert record.source is RecordSource.SHIFT
    with pytest.raises(IntegrityError):
        db.session.execute(text("UPDATE service_record SET evidence = 'D'"))


def test_nothing_follows_an_entry_of_no_claim(world):
    first, second = enter(world), enter(world, facts(world, starts=NEXT_DAY + 3 * HOUR))
    assert first.id < second.id
    assert queries.follower(db.session.get(ServiceRecord, first.id)) is None
