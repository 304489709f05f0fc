"""The day itself: in, out, a slip of the finger, somebody who simply came, and times that nobody observed."""

from datetime import timedelta

import pytest

from blueprints.claims import actions, queries
from blueprints.claims.models import Act, ClaimState, EvidenceClass, Punch, Source
from blueprints.messages.models import Notice
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import actor_of, claim, post_of
from tests.factories import BEFORE, HOUR, START, make_post, make_shift, make_volunteer, make_world

END = START + 2 * HOUR
MINUTE = timedelta(minutes=1)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station))


@pytest.fixture
def held(world, shift):
    return claim(shift, world.lin)


def mark(held, act, actor, now):
    made = actions.punch(held.id, act, actor, now=now)
    db.session.commit()
    return made


def seen(held):
    return queries.attendance(held.id)


def test_the_roll_call_takes_one_tap_in_and_one_out_and_is_class_b(world, held):
    mark(held, Act.IN, world.chen, START)
    assert seen(held).is_present
    mark(held, Act.OUT, world.chen, END)
    assert seen(held).is_complete
    assert seen(held).evidence is EvidenceClass.B


@pytest.mark.parametrize("now", [START - 31 * MINUTE, END + MINUTE])
def test_checking_in_out_of_the_window_is_refused_with_the_time(world, held, now):
    with pytest.raises(Refusal, match=r"opens at|ended at"):
        mark(held, Act.IN, world.chen, now)


@pytest.mark.parametrize("now", [START - 30 * MINUTE, END])
def test_the_window_includes_its_edges(world, held, now):
    mark(held, Act.IN, world.chen, now)
    assert seen(held).is_present


def test_checking_out_ends_half_an_hour_after_the_shift(world, held):
    mark(held, Act.IN, world.chen, START)
    with pytest.raises(Refusal, match="ended at"):
        mark(held, Act.OUT, world.chen, END + 31 * MINUTE)
    assert not seen(held).is_complete


def test_nobody_is_checked_in_twice_or_out_without_being_in(world, held):
    with pytest.raises(Refusal, match="Not checked in"):
        mark(held, Act.OUT, world.chen, START)
    mark(held, Act.IN, world.chen, START)
    with pytest.raises(Refusal, match="Already checked in at 09:00"):
        mark(held, Act.IN, world.chen, START + MINUTE)


def test_somebody_may_leave_and_come_back(world, held):
    for act, at in ((Act.IN, 0), (Act.OUT, 30), (Act.IN, 50), (Act.OUT, 120)):
        mark(held, act, world.chen, START + at * MINUTE)
    assert len(seen(held).spans) == 2


def test_only_the_latest_entry_is_undone_and_both_rows_stay(world, held):
    first = mark(held, Act.IN, world.chen, START)
    wrong = mark(held, Act.OUT, world.chen, START + MINUTE)
    with pytest.raises(Refusal, match="latest"):
        actions.undo(first.id, world.chen, now=START + 2 * MINUTE)
    actions.undo(wrong.id, world.chen, now=START + 2 * MINUTE)
    assert seen(held).is_present
    with pytest.raises(Refusal, match="latest"):
        actions.undo(wrong.id, world.chen, now=START + 3 * MINUTE)
    assert [punch.act for punch in queries.history(held.id)] == [Act.IN, Act.OUT, Act.UNDO]


@pytest.mark.parametrize("act", ["in", "out"])
def test_whoever_checked_in_alone_is_told_when_a_clerk_undoes_it(world, held, act):
    lin = actor_of(world.lin)
    last = actions.check_in(held.id, queries.day_code(held.shift_id, START), lin, now=START)
    if act == "out":
        last = actions.check_out(held.id, queries.day_code(held.shift_id, START + HOUR), lin, now=START + HOUR)
    db.session.flush()
    actions.undo(last.id, world.chen, now=START + HOUR)
    kinds = db.session.scalars(db.select(Notice.kind).where(Notice.account_id == world.lin.account_id))
    assert list(kinds)[-1].value == f"check_{act}_undone"


def test_a_slip_of_the_clerks_own_finger_is_nobodys_news(world, held):
    wrong = mark(held, Act.IN, world.chen, START)
    before = db.session.scalar(db.select(db.func.count(Notice.id)))
    actions.undo(wrong.id, world.chen, now=START + MINUTE)
    assert db.session.scalar(db.select(db.func.count(Notice.id))) == before


def test_a_clerk_of_another_station_marks_nobody(world, held):
    with pytest.raises(Refusal, match="does not cover"):
        mark(held, Act.IN, world.gu, START)


def test_administrators_and_confirmers_are_no_clerks(world, held):
    for actor in (world.qian, world.wu):
        with pytest.raises(Refusal, match="does not cover"):
            mark(held, Act.IN, actor, START)


def test_only_holders_are_marked(world, shift, held):
    claim(shift, world.zhou)
    waiting = claim(shift, world.shen)
    with pytest.raises(Refusal, match="holds no place"):
        mark(waiting, Act.IN, world.chen, START)


def test_the_own_act_with_the_code_of_the_day_is_class_a(world, shift, held):
    lin = actor_of(world.lin)
    actions.check_in(held.id, queries.day_code(shift.id, START), lin, now=START)
    actions.check_out(held.id, queries.day_code(shift.id, END), lin, now=END)
    assert (seen(held).is_complete, seen(held).evidence) == (True, EvidenceClass.A)


def test_a_code_is_good_for_one_more_step_and_then_useless(world, shift, held):
    code = queries.day_code(shift.id, START)
    lin = actor_of(world.lin)
    with pytest.raises(Refusal, match="not the one"):
        actions.check_in(held.id, code, lin, now=START + timedelta(minutes=11))
    actions.check_in(held.id, code, lin, now=START + timedelta(minutes=5))
    assert seen(held).is_present


def test_the_code_of_another_shift_and_somebody_elses_claim_are_refused(world, shift, held):
    other = make_shift(post_of(shift), starts_at=START)
    with pytest.raises(Refusal, match="not the one"):
        actions.check_in(held.id, queries.day_code(other.id, START), actor_of(world.lin), now=START)
    with pytest.raises(Refusal, match="somebody else"):
        actions.check_in(held.id, queries.day_code(shift.id, START), actor_of(world.zhou), now=START)


def test_one_stated_time_makes_the_whole_a_stated_time(world, shift, held):
    actions.check_in(held.id, queries.day_code(shift.id, START), actor_of(world.lin), now=START)
    mark(held, Act.OUT, world.chen, END)
    assert seen(held).evidence is EvidenceClass.B


def test_a_walk_in_gets_a_free_place_after_the_start(world, shift):
    came = actions.walk_in(shift.id, world.lin.id, world.chen, now=START + 20 * MINUTE)
    assert (came.state, came.place, came.source) == (ClaimState.HELD, 1, Source.WALK_IN)


def test_a_walk_in_never_exceeds_the_places_and_meets_the_same_rules(world, shift):
    claim(shift, world.lin), claim(shift, world.zhou)
    with pytest.raises(Refusal, match="All places are held"):
        actions.walk_in(shift.id, world.shen.id, world.chen, now=START)
    other = make_shift(make_post(world.station), starts_at=START + HOUR)
    with pytest.raises(Refusal, match="already claim"):
        actions.walk_in(other.id, world.lin.id, world.chen, now=START + HOUR)
    old_only = make_shift(make_post(world.station, min_age=60))
    with pytest.raises(Refusal, match="60"):
        actions.walk_in(old_only.id, world.shen.id, world.chen, now=START)


def test_somebody_in_line_who_comes_gets_the_place_of_somebody_who_did_not(world, shift):
    first = claim(shift, world.lin)
    claim(shift, world.zhou)
    waiting = claim(shift, world.shen)
    actions.release(first.id, world.chen, reason="没有来", now=START + 10 * MINUTE)
    came = actions.walk_in(shift.id, world.shen.id, world.chen, now=START + 11 * MINUTE)
    assert (came.id, came.place, came.state) == (waiting.id, 1, ClaimState.HELD)


def test_whoever_is_on_the_roster_is_no_walk_in(world, shift, held):
    with pytest.raises(Refusal, match="on the roster already, with place 1"):
        actions.walk_in(shift.id, world.lin.id, world.chen, now=START)


def test_walk_ins_come_while_the_window_is_open(world, shift):
    with pytest.raises(Refusal, match="opens at"):
        actions.walk_in(shift.id, world.lin.id, world.chen, now=START - HOUR)
    with pytest.raises(Refusal, match="ended at"):
        actions.walk_in(shift.id, world.lin.id, world.chen, now=END + MINUTE)


def settle(held, actor, start, end, now, note="负责人电话确认"):
    actions.settle(held.id, actor, started_at=start, ended_at=end, note=note, now=now)
    db.session.commit()


def test_a_missing_check_out_stays_open_until_a_person_states_it(world, held):
    mark(held, Act.IN, world.chen, START)
    assert queries.open_punches(world.chen.reach("clerk"), END + HOUR) == [held]
    assert not seen(held).is_complete
    settle(held, world.chen, START, END, END + HOUR)
    assert seen(held).is_complete
    assert queries.open_punches(world.chen.reach("clerk"), END + HOUR) == []


def test_stated_times_keep_what_was_observed_and_agrees(world, held):
    observed = mark(held, Act.IN, world.chen, START + timedelta(seconds=20))
    settle(held, world.chen, START, END, END + HOUR)
    assert seen(held).spans[0].entered.id == observed.id


def test_stated_times_undo_what_contradicts_them_and_keep_every_row(world, held):
    mark(held, Act.IN, world.chen, START)
    settle(held, world.chen, START + 30 * MINUTE, END, END + HOUR)
    assert seen(held).spans[0].entered.at == START + 30 * MINUTE
    assert [p.act for p in queries.history(held.id)] == [Act.IN, Act.UNDO, Act.IN, Act.OUT]


@pytest.mark.parametrize(("after", "evidence"), [(2 * HOUR, EvidenceClass.B), (2 * HOUR + MINUTE, EvidenceClass.C)])
def test_times_stated_after_the_shift_was_closed_are_class_c(world, held, after, evidence):
    settle(held, world.chen, START, END, END + after)
    assert seen(held).evidence is evidence


def test_stated_times_need_a_note_an_order_and_a_place_in_the_shift(world, held):
    late = END + HOUR
    with pytest.raises(Refusal, match="note"):
        settle(held, world.chen, START, END, late, note="")
    with pytest.raises(Refusal, match="after the beginning"):
        settle(held, world.chen, END, START, late)
    with pytest.raises(Refusal, match="between"):
        settle(held, world.chen, START - 2 * HOUR, END, late)
    with pytest.raises(Refusal, match="future"):
        settle(held, world.chen, START, END, START + HOUR)


def test_the_database_lets_no_observation_be_changed_or_deleted(world, held):
    made = mark(held, Act.IN, world.chen, START)
    for attempt in (db.update(Punch).values(at=BEFORE), db.delete(Punch)):
        with pytest.raises(Exception, match=r"append_only|never_deleted"):
            db.session.execute(attempt.where(Punch.id == made.id))
        db.session.rollback()


def test_a_volunteer_who_left_no_trace_is_simply_absent(held):
    assert (seen(held).spans, seen(held).evidence, seen(held).is_present) == ((), None, False)


def test_a_place_freed_after_the_start_is_offered_to_nobody(world, shift):
    first = claim(shift, world.lin)
    claim(shift, world.zhou)
    waiting = claim(shift, make_volunteer("钱多", world.station))
    actions.release(first.id, world.chen, reason="没有来", now=START)
    assert waiting.state is ClaimState.WAITING


def test_nobody_loses_a_place_once_checked_in(world, shift, held):
    mark(held, Act.IN, world.chen, START - 10 * MINUTE)
    early = START - 5 * MINUTE
    with pytest.raises(Refusal, match="checked in"):
        actions.cancel(held.id, actor_of(world.lin), reason="有事", now=early)
    with pytest.raises(Refusal, match="checked in"):
        actions.cancel_shift(shift.id, world.chen, reason="下雨", now=early)
    actions.release_all(world.lin.id, now=early)
    assert held.state is ClaimState.HELD


def test_a_change_that_would_end_the_claim_of_somebody_checked_in_is_refused_with_the_reason(world, shift, held):
    claim(make_shift(make_post(world.station, title="护河巡查岗"), starts_at=END), world.lin)
    mark(held, Act.IN, world.chen, START)
    longer = {"starts_at": START, "ends_at": END + HOUR, "places": 2, "break_minutes": 0}
    revision = post_of(shift).revision
    with pytest.raises(Refusal, match="护河巡查岗"):
        actions.change_shift(shift.id, longer, world.chen, revision=revision, reason="延长", now=START + 10 * MINUTE)


@pytest.mark.parametrize("typed", ["full width", "with a space"])
def test_a_code_is_read_as_people_type_it(world, shift, held, typed):
    code = queries.day_code(shift.id, START)
    shown = {
        "full width": code.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
        "with a space": f"{code[:3]} {code[3:]}",
    }
    actions.check_in(held.id, shown[typed], actor_of(world.lin), now=START)
    assert seen(held).is_present
