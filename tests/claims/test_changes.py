"""A shift that changes or is cancelled under the people who claimed it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from blueprints.claims import actions
from blueprints.claims.models import Claim, ClaimState
from blueprints.messages.models import NoticeKind
from blueprints.posts.models import PostState, ShiftState
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.claims.test_cancelling import LATE
from tests.claims.test_claiming import actor_of, claim, kinds, post_of
from tests.factories import BEFORE, HOUR, START, make_post, make_shift, make_volunteer, make_world


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station), places=3)


def values(shift, **changed):
    names = ("starts_at", "ends_at", "places", "break_minutes")
    return {name: getattr(shift, name) for name in names} | changed


def change(shift, actor, reason="场地临时调整", **changed):
    revision = post_of(shift).revision
    actions.change_shift(shift.id, values(shift, **changed), actor, revision=revision, reason=reason, now=BEFORE + HOUR)
    db.session.commit()


def test_a_new_time_is_told_with_its_reason_and_lets_holders_leave_unmarked(world, shift):
    made = claim(shift, world.lin)
    change(shift, world.chen, starts_at=START + HOUR, ends_at=START + 3 * HOUR)
    assert kinds(world.lin)[-1] is NoticeKind.SHIFT_CHANGED
    left = actions.cancel(made.id, actor_of(world.lin), now=LATE + HOUR)
    assert left.state is ClaimState.CANCELLED


def test_whoever_claims_after_the_change_has_the_ordinary_deadline(world, shift):
    change(shift, world.chen, starts_at=START + HOUR, ends_at=START + 3 * HOUR)
    made = claim(shift, world.lin, BEFORE + 2 * HOUR)
    with pytest.raises(Refusal, match="give a reason"):
        actions.cancel(made.id, actor_of(world.lin), now=LATE + HOUR)


def test_a_change_that_makes_claims_overlap_ends_the_claim_and_says_why(world, shift):
    later = make_shift(make_post(world.station, title="护河巡查岗"), starts_at=START + 2 * HOUR)
    claim(later, world.lin)
    made = claim(shift, world.lin)
    change(shift, world.chen, starts_at=START + HOUR, ends_at=START + 3 * HOUR)
    assert made.state is ClaimState.CALLED_OFF
    assert "护河巡查岗" in made.reason
    assert kinds(world.lin)[-1] is NoticeKind.CLAIM_RULES_CHANGED


def test_a_change_of_time_needs_a_reason_once_somebody_has_claimed(world, shift):
    change(shift, world.chen, reason="", starts_at=START + HOUR, ends_at=START + 3 * HOUR)
    claim(shift, world.lin)
    with pytest.raises(Refusal, match="reason"):
        change(shift, world.chen, reason="", starts_at=START, ends_at=START + HOUR)


def test_lowering_the_places_below_the_holders_is_refused_with_their_names(world, shift):
    claim(shift, world.lin), claim(shift, world.zhou)
    with pytest.raises(Refusal, match="林小满、周晓航"):
        change(shift, world.chen, places=1)


def test_lowering_the_places_moves_higher_numbers_down(world, shift):
    first, second, third = (claim(shift, person) for person in (world.lin, world.zhou, world.shen))
    actions.cancel(first.id, actor_of(world.lin), now=BEFORE)
    change(shift, world.chen, places=2)
    assert sorted([second.place, third.place]) == [1, 2]
    assert set(db.session.scalars(select(Claim.places))) == {2}


def test_raising_the_places_serves_the_line(world, shift):
    change(shift, world.chen, places=1)
    claim(shift, world.lin)
    waiting = claim(shift, world.zhou)
    change(shift, world.chen, places=2)
    assert (waiting.state, waiting.place) == (ClaimState.HELD, 2)
    assert kinds(world.zhou)[-1] is NoticeKind.PLACE_MOVED_UP


def test_a_change_made_on_an_old_form_is_refused(world, shift):
    with pytest.raises(Refusal, match="meanwhile"):
        actions.change_shift(shift.id, values(shift), world.chen, revision=0, reason="", now=BEFORE)


def test_a_clerk_of_another_county_changes_nothing(world, shift):
    with pytest.raises(Refusal, match="does not cover"):
        change(shift, world.gu, places=5)


def test_a_cancelled_shift_tells_everyone_who_claimed_and_leaves_a_trace(world, shift):
    change(shift, world.chen, places=1)
    held, waiting = claim(shift, world.lin), claim(shift, world.zhou)
    actions.cancel_shift(shift.id, world.chen, reason="台风预警", now=BEFORE)
    assert shift.state is ShiftState.CANCELLED
    assert {held.state, waiting.state} == {ClaimState.CALLED_OFF}
    assert kinds(world.lin)[-1] is kinds(world.zhou)[-1] is NoticeKind.SHIFT_CANCELLED
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "shift cancelled")).one()
    assert (entry.actor_id, "台风预警" in entry.details) == (world.chen.account_id, True)


def test_cancelling_needs_a_reason_and_happens_once_and_before_the_start(world, shift):
    with pytest.raises(Refusal, match="say why"):
        actions.cancel_shift(shift.id, world.chen, reason="", now=BEFORE)
    with pytest.raises(Refusal, match="has started"):
        actions.cancel_shift(shift.id, world.chen, reason="下雨", now=START)
    actions.cancel_shift(shift.id, world.chen, reason="下雨", now=BEFORE)
    with pytest.raises(Refusal, match="already"):
        actions.cancel_shift(shift.id, world.chen, reason="下雨", now=BEFORE)


def test_cancelling_a_post_spares_what_has_already_started(world, shift):
    running = make_shift(post_of(shift), starts_at=START - timedelta(days=3))
    claim(shift, world.lin)
    actions.cancel_post(shift.post_id, world.chen, reason="项目结束", now=BEFORE)
    assert (shift.state, running.state) == (ShiftState.CANCELLED, ShiftState.OPEN)
    assert post_of(shift).state is PostState.CANCELLED
    assert kinds(world.lin)[-1] is NoticeKind.SHIFT_CANCELLED


def test_a_new_place_of_a_post_is_told_to_everyone_on_coming_shifts(world, shift):
    claim(shift, world.lin)
    post = post_of(shift)
    changed = {"place": "烟雨社区东门广场", "min_age": 14}
    with pytest.raises(Refusal, match="reason"):
        actions.change_post(post.id, changed, world.chen, revision=post.revision, reason="", now=BEFORE)
    actions.change_post(post.id, changed, world.chen, revision=post.revision, reason="装修", now=BEFORE)
    assert kinds(world.lin)[-1] is NoticeKind.SHIFT_CHANGED


def test_a_stricter_post_ends_claims_of_people_who_no_longer_fit(world, shift):
    made = claim(shift, make_volunteer("钱多", world.station))
    post = post_of(shift)
    actions.change_post(post.id, {"min_age": 60}, world.chen, revision=post.revision, reason="改岗", now=BEFORE)
    assert made.state is ClaimState.CALLED_OFF


def test_a_longer_break_is_told_like_a_new_time_because_it_costs_minutes(world, shift):
    claim(shift, world.lin)
    with pytest.raises(Refusal, match="reason"):
        change(shift, world.chen, reason="", break_minutes=60)
    change(shift, world.chen, break_minutes=60)
    assert kinds(world.lin)[-1] is NoticeKind.SHIFT_CHANGED
