"""The rules of what repeats: making the shifts once, changing what is to come, and claiming several dates at once."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from blueprints.claims import actions as claims
from blueprints.claims.models import Claim, ClaimState
from blueprints.messages.models import Notice, NoticeKind
from blueprints.organizations import actions as organizations
from blueprints.organizations.models import Limit
from blueprints.posts import rules
from blueprints.posts.models import PostState, Shift, ShiftState
from blueprints.posts.queries import standing_shifts
from blueprints.series import actions, queries
from blueprints.series.actions import Scope
from blueprints.series.models import Occurrence, Rhythm, Series, SeriesState
from core import clock
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from core.workdays import DayKind
from tests.claims.test_claiming import actor_of
from tests.factories import HOUR, give, make_account, make_post, make_shift, make_world
from tests.posts.samples import published, slot
from tests.series.samples import BEFORE, DAY, MONDAY, START, WEEK, made, rhythm, row


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def post(world):
    return make_post(world.station)


@pytest.fixture
def series(world, post):
    """Every Monday from 9 to 11; nine dates lie within the eight weeks ahead."""
    return made(world, post)


def starts(series, now=BEFORE):
    return [clock.local(shift.starts_at).replace(tzinfo=None) for shift in queries.coming_shifts(series.id, now)]


def days(series, now=BEFORE):
    return [moment.date() for moment in starts(series, now)]


def key(series, day, number=0):
    """The date of the series on a day, as a form names it."""
    queries.refresh(series)
    entries = queries.entries(series, BEFORE)
    return next((e.slot.id, e.day) for e in entries if e.day == day and e.left_out is None)


def hours(starts, ends, **more):
    return {"starts": starts * 60, "ends": ends * 60, "places": 2, "break_minutes": 0} | more


def change(world, series, day, scope, values, *, now=BEFORE, **more):
    more = {"revision": series.revision, "reason": "场地调整"} | more
    outcome = actions.change_date(series.id, key(series, day), scope, values, world.chen, now=now, **more)
    db.session.commit()
    return outcome


def cancel(world, series, day, scope, *, now=BEFORE, **more):
    more = {"revision": series.revision, "reason": "台风", "now": now} | more
    outcome = actions.cancel_date(series.id, key(series, day), scope, world.chen, **more)
    db.session.commit()
    return outcome


def generate(series, now=BEFORE):
    count = actions.generate(series.id, now=now)
    db.session.commit()
    return count


def claim(world, series, day, who=None):
    shift = next(s for s in queries.coming_shifts(series.id, BEFORE) if clock.today(s.starts_at) == day)
    made = claims.claim(shift.id, actor_of(who or world.lin), now=BEFORE)
    db.session.commit()
    return made


def told(person):
    mine = select(Notice.kind).where(Notice.account_id == person.account_id).order_by(Notice.id)
    return list(db.session.scalars(mine))


# --- making the shifts --------------------------------------------------------------------------------------


def test_shifts_are_made_for_the_weeks_that_the_city_has_set_and_follow_day_by_day(world, series):
    assert days(series) == [MONDAY + number * WEEK for number in range(8)]
    assert series.made_until == clock.today(BEFORE) + 8 * WEEK
    assert generate(series, BEFORE + 3 * DAY) == 1
    organizations.set_limit(Limit.SERIES_WEEKS, 26, actor=world.qian, now=BEFORE)
    generate(series)
    assert days(series)[-1] == MONDAY + 84 * DAY
    assert series.made_until == series.until_day


def test_made_twice_is_made_once(series):
    assert [generate(series), generate(series)] == [0, 0]
    assert len(days(series)) == len(set(days(series))) == 8


def test_a_form_sent_twice_makes_one_series(world, post):
    values = rhythm(form_key="abc")
    first, second = (actions.create(post.id, values, [row()], world.chen, BEFORE)[0] for _ in range(2))
    assert first.id == second.id
    assert len(days(first)) == 8


def test_a_shift_that_the_post_has_at_that_time_belongs_to_the_series(world):
    post = published(world, slot())
    by_hand = standing_shifts(post.id)[0].id
    series = made(world, post)
    assert len(days(series)) == 8
    assert queries.siblings(by_hand, BEFORE)[0] == series.id
    count = select(db.func.count()).where(Shift.post_id == post.id)
    assert db.session.scalar(count) == 8


def test_a_date_that_was_cancelled_or_moved_by_hand_is_never_made_again(world, post, series):
    first, second = queries.coming_shifts(series.id, BEFORE)[:2]
    claims.cancel_shift(first.id, world.chen, reason="下雨", now=BEFORE)
    values = slot(second.starts_at + 2 * DAY)
    claims.change_shift(second.id, values, world.chen, revision=post.revision, reason="", now=BEFORE)
    db.session.commit()
    assert generate(series) == 0
    assert days(series)[:2] == [MONDAY + 9 * DAY, MONDAY + 14 * DAY]


def test_nothing_is_made_for_times_that_have_begun(world, post):
    series = made(world, post, row(6, starts=8 * 60), from_day=clock.today(BEFORE))
    assert days(series)[0] == clock.today(BEFORE) + WEEK  # BEFORE is that Saturday at nine


def test_a_holiday_of_the_table_is_left_out_and_comes_back_when_the_table_changes(world, post):
    qian = city_administrator(world)
    day = organizations.set_day(MONDAY + WEEK, DayKind.HOLIDAY, "劳动节", actor=qian, now=BEFORE)
    series = made(world, post)
    assert MONDAY + WEEK not in days(series)
    organizations.remove_day(day.id, actor=qian, now=BEFORE)
    assert generate(series) == 1
    assert MONDAY + WEEK in days(series)


def city_administrator(world):
    return give(make_account("市主任"), Role.ADMINISTRATOR, world.city)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"from_day": MONDAY - 7 * DAY}, "only for days to come"),
        ({"until_day": MONDAY - DAY}, "before the first"),
        ({"until_day": MONDAY + 365 * DAY}, "at most one year"),
        ({"until_day": MONDAY, "from_day": MONDAY, "rows": [row(2)]}, "No date falls"),
        ({"rows": [row(), row()]}, "same hours"),
        ({"rows": [row(places=501)]}, "1 to 500"),
        ({"rows": [row(break_minutes=120)]}, "break must be shorter"),
        ({"rows": []}, "at least one weekday"),
        ({"rows": [row(8)], "rhythm": Rhythm.MONTHLY, "ordinal": 1}, "Make-up days follow the week"),
    ],
)
def test_a_rhythm_that_cannot_be_is_refused_with_what_to_do(world, post, changed, sentence):
    rows = changed.pop("rows", [row()])
    with pytest.raises(Refusal, match=sentence):
        actions.create(post.id, rhythm(**changed), rows, world.chen, BEFORE)


def test_only_a_clerk_of_the_station_lets_its_published_posts_repeat(world, post):
    with pytest.raises(Refusal, match="does not cover"):
        actions.create(post.id, rhythm(), [row()], world.gu, BEFORE)
    draft = make_post(world.station, state=PostState.DRAFT, published_at=None, published_by_id=None)
    with pytest.raises(Refusal, match="Publish it first"):
        actions.create(draft.id, rhythm(), [row()], world.chen, BEFORE)


def test_more_shifts_than_a_post_may_have_are_refused_at_once(world, post, monkeypatch):
    monkeypatch.setattr(rules, "MOST_STANDING", 12)
    with pytest.raises(Refusal, match="at most 12 shifts"):
        actions.create(post.id, rhythm(), [row()], world.chen, BEFORE)


def test_a_series_says_why_it_stands_still(world, post, series):
    series = queries.shown(series.id)
    assert queries.halted_because(series, BEFORE) is None
    assert queries.stalled_ids(BEFORE) == []
    assert queries.stalled_ids(BEFORE + 5 * DAY) == [series.id]  # no worker came by for five days
    actions.note_failure(series.id, now=BEFORE)
    assert "failed" in queries.halted_because(series, BEFORE)
    generate(series, BEFORE + 5 * DAY)
    assert queries.stalled_ids(BEFORE + 5 * DAY) == []
    assert queries.halted_because(series, BEFORE) is None
    assert "is over" in queries.halted_because(series, START + 200 * DAY)
    claims.cancel_post(post.id, world.chen, reason="场地停用", now=BEFORE)
    db.session.commit()
    assert "cancelled" in queries.halted_because(queries.shown(series.id), BEFORE)
    assert queries.due_ids(BEFORE + 9 * DAY) == []


# --- changing what is to come -------------------------------------------------------------------------------


def test_only_this_date_changes_and_its_people_are_told(world, series):
    held = claim(world, series, MONDAY)
    change(world, series, MONDAY, Scope.THIS, hours(14, 16, day=MONDAY + DAY))
    assert starts(series)[0].isoformat() == "2099-05-05T14:00:00"
    assert [moment.hour for moment in starts(series)[1:]] == [9] * 7
    assert (told(world.lin)[-1], held.state) == (NoticeKind.SHIFT_CHANGED, ClaimState.HELD)
    assert generate(series) == 0


def test_this_and_all_following_change_and_what_was_moved_by_hand_stays(world, post, series):
    third = queries.coming_shifts(series.id, BEFORE)[2]
    claims.change_shift(
        third.id, slot(third.starts_at + DAY), world.chen, revision=post.revision, reason="", now=BEFORE
    )
    db.session.commit()
    claim(world, series, MONDAY), claim(world, series, MONDAY + 4 * WEEK, world.zhou)
    outcome = change(world, series, MONDAY + WEEK, Scope.FOLLOWING, hours(14, 16, places=5))
    assert (outcome.changed, outcome.kept, outcome.cancelled, outcome.made) == (6, 1, 0, 0)
    assert [moment.hour for moment in starts(series)] == [9, 14, 9, 14, 14, 14, 14, 14]
    assert told(world.zhou)[-1] is NoticeKind.SHIFT_CHANGED
    assert told(world.lin)[-1] is NoticeKind.CLAIM_HELD
    assert generate(series, BEFORE + 40 * DAY) == 5
    assert starts(series)[-1].hour == 14


def test_all_still_to_come_change_and_the_past_never(world, series):
    now = START + WEEK + HOUR  # the second Monday has begun
    outcome = change(world, series, MONDAY + 4 * WEEK, Scope.ALL, hours(10, 12), now=now)
    assert (outcome.changed, outcome.made) == (6, 2)  # the horizon has moved on meanwhile, too
    begun = list(db.session.scalars(select(Shift).order_by(Shift.starts_at).limit(2)))
    assert [clock.local(shift.starts_at).hour for shift in begun] == [9, 9]
    assert {moment.hour for moment in starts(series, now)} == {10}
    assert generate(series, now) == 0
    assert MONDAY + WEEK not in days(series, now)


def test_a_later_hour_today_makes_no_second_shift_today(world, series):
    now = START + HOUR
    change(world, series, MONDAY + WEEK, Scope.ALL, hours(14, 16), now=now)
    assert days(series, now)[0] == MONDAY + WEEK


def test_a_change_that_strands_somebody_is_refused_with_the_day_and_changes_nothing(world, series):
    for person in (world.lin, world.zhou):
        claim(world, series, MONDAY + WEEK, person)
    with pytest.raises(Refusal, match=r"11 May.*林小满、周晓航"):
        change(world, series, MONDAY, Scope.FOLLOWING, hours(9, 11, places=1))
    db.session.rollback()
    assert {shift.places for shift in queries.coming_shifts(series.id, BEFORE)} == {2}


def test_people_who_would_serve_twice_at_once_lose_the_changed_date_and_are_told_why(world, series):
    claim(world, series, MONDAY)
    claims.claim(make_other_shift(world, START + 5 * HOUR), actor_of(world.lin), now=BEFORE)
    db.session.commit()
    change(world, series, MONDAY, Scope.ALL, hours(14, 16))
    assert told(world.lin)[-1] is NoticeKind.CLAIM_RULES_CHANGED


def make_other_shift(world, starts_at):
    return make_shift(make_post(world.station), starts_at=starts_at).id


def test_a_date_that_is_not_made_yet_can_be_moved_or_left_out(world, series):
    far = MONDAY + 10 * WEEK
    change(world, series, far, Scope.THIS, hours(15, 17, day=far + DAY))
    cancel(world, series, far - WEEK, Scope.THIS)
    generate(series, BEFORE + 30 * DAY)
    late = [moment for moment in starts(series) if moment.date() > MONDAY + 8 * WEEK]
    assert [moment.isoformat() for moment in late][:2] == ["2099-07-14T15:00:00", "2099-07-20T09:00:00"]


def test_one_more_date_can_be_added_once_and_only_within_the_series(world, series):
    values = hours(9, 11, day=MONDAY + 2 * DAY)
    outcome = actions.add_date(series.id, values, world.chen, revision=series.revision, now=BEFORE)
    assert outcome.made == 1
    assert days(series)[:2] == [MONDAY, MONDAY + 2 * DAY]
    for wrong, sentence in (
        (values, "at that time already"),
        (values | {"day": MONDAY - 30 * DAY}, "time to come"),
        (values | {"day": MONDAY + 300 * DAY}, "day of the series"),
    ):
        with pytest.raises(Refusal, match=sentence):
            actions.add_date(series.id, wrong, world.chen, revision=series.revision, now=BEFORE)
    with pytest.raises(Refusal, match="only this date"):
        change(world, series, MONDAY + 2 * DAY, Scope.ALL, hours(10, 12))


# --- cancelling ---------------------------------------------------------------------------------------------


def test_one_date_is_called_off_with_the_reason(world, series):
    held = claim(world, series, MONDAY)
    assert cancel(world, series, MONDAY, Scope.THIS).told == 1
    assert (held.state, told(world.lin)[-1]) == (ClaimState.CALLED_OFF, NoticeKind.SHIFT_CANCELLED)
    assert days(series)[0] == MONDAY + WEEK
    with pytest.raises(Refusal, match="past, cancelled or left out"):
        cancel(world, series, MONDAY, Scope.THIS)


def test_this_and_all_following_are_called_off_and_nothing_follows(world, series):
    claim(world, series, MONDAY), claim(world, series, MONDAY + 5 * WEEK, world.zhou)
    outcome = cancel(world, series, MONDAY + 2 * WEEK, Scope.FOLLOWING)
    assert (outcome.cancelled, outcome.told) == (6, 1)
    assert days(series) == [MONDAY, MONDAY + WEEK]
    assert generate(series, BEFORE + 60 * DAY) == 0
    assert told(world.lin)[-1] is NoticeKind.CLAIM_HELD


def test_all_still_to_come_are_called_off_and_the_series_is_ended(world, series):
    now = START + WEEK + HOUR
    outcome = cancel(world, series, MONDAY + 3 * WEEK, Scope.ALL, now=now, reason="项目结束")
    assert outcome.cancelled == 6
    assert (series.state, series.end_reason) == (SeriesState.ENDED, "项目结束")
    kept = list(db.session.scalars(select(Shift.state).order_by(Shift.starts_at).limit(2)))
    assert kept == [ShiftState.OPEN, ShiftState.OPEN]
    with pytest.raises(Refusal, match="was ended"):
        actions.add_date(series.id, hours(9, 11, day=MONDAY), world.chen, revision=series.revision, now=now)


def test_calling_off_needs_a_reason_and_the_right_clerk(world, series):
    with pytest.raises(Refusal, match="say why"):
        cancel(world, series, MONDAY, Scope.ALL, reason="")
    with pytest.raises(Refusal, match="does not cover"):
        actions.cancel_date(series.id, key(series, MONDAY), Scope.ALL, world.gu, revision=1, reason="无", now=BEFORE)


# --- another rhythm -----------------------------------------------------------------------------------------


def revise(world, series, *rows, start=MONDAY, reason="换一天", now=BEFORE, **changed):
    values = rhythm(start=start, **changed)
    outcome = actions.revise(series.id, values, rows, world.chen, revision=series.revision, reason=reason, now=now)
    db.session.commit()
    return outcome


def test_a_second_weekday_is_added_and_the_first_keeps_its_people(world, series):
    held = claim(world, series, MONDAY)
    mine = queries.shown(series.id).slots[0].id
    outcome = revise(world, series, row(1, slot_id=mine), row(4))
    assert (outcome.made, outcome.changed, outcome.cancelled) == (8, 0, 0)
    assert (held.state, len(days(series))) == (ClaimState.HELD, 16)


def test_another_weekday_cancels_the_old_dates_from_then_on(world, series):
    held, late = claim(world, series, MONDAY), claim(world, series, MONDAY + 3 * WEEK, world.zhou)
    mine = queries.shown(series.id).slots[0].id
    outcome = revise(world, series, row(2, slot_id=mine), start=MONDAY + 2 * WEEK)
    assert (outcome.cancelled, outcome.told, outcome.made) == (6, 1, 6)
    assert (held.state, late.state) == (ClaimState.HELD, ClaimState.CALLED_OFF)
    assert days(series)[:3] == [MONDAY, MONDAY + WEEK, MONDAY + 2 * WEEK + DAY]


def test_another_end_cancels_what_lies_behind_it(world, series):
    mine = queries.shown(series.id).slots[0].id
    outcome = revise(world, series, row(1, slot_id=mine), until_day=MONDAY + 2 * WEEK)
    assert outcome.cancelled == 5
    assert days(series) == [MONDAY, MONDAY + WEEK, MONDAY + 2 * WEEK]
    longer = revise(world, series, row(1, slot_id=mine), until_day=MONDAY + 200 * DAY)
    assert longer.cancelled == 0
    assert days(series)[3:4] == []  # what was cancelled by hand is not made again
    generate(series, BEFORE + 60 * DAY)
    assert days(series)[-1] > MONDAY + 8 * WEEK


def test_two_clerks_who_change_one_series_do_not_overwrite_each_other(world, series):
    seen = series.revision
    change(world, series, MONDAY, Scope.ALL, hours(10, 12), revision=seen)
    for again in (
        lambda: change(world, series, MONDAY, Scope.ALL, hours(14, 16), revision=seen),
        lambda: cancel(world, series, MONDAY, Scope.ALL, revision=seen),
    ):
        with pytest.raises(Refusal, match="Somebody changed this series meanwhile"):
            again()
        db.session.rollback()
    assert {moment.hour for moment in starts(series)} == {10}


# --- claiming several at once -------------------------------------------------------------------------------


def ids(series, *numbers):
    coming = queries.coming_shifts(series.id, BEFORE)
    return [coming[number].id for number in numbers]


def test_several_dates_are_claimed_at_once_and_each_says_what_became_of_it(world, series):
    claim(world, series, MONDAY, world.zhou), claim(world, series, MONDAY, world.shen)  # full
    claims.claim(make_other_shift(world, START + WEEK), actor_of(world.lin), now=BEFORE)  # busy
    wanted = ids(series, 2, 1, 0)
    answers = actions.claim_several(series.id, wanted, actor_of(world.lin), now=BEFORE)
    db.session.commit()
    assert [answer.shift_id for answer in answers] == wanted[::-1]
    waits, busy, holds = answers
    assert (waits.claim.state, waits.position) == (ClaimState.WAITING, 1)
    assert "At that time you already claim" in busy.refusal
    assert (holds.claim.state, holds.claim.place) == (ClaimState.HELD, 1)
    assert told(world.lin).count(NoticeKind.CLAIM_HELD) == 2


def test_only_dates_of_the_series_can_be_claimed_through_it(world, series):
    stranger = make_other_shift(world, START + 90 * DAY)
    with pytest.raises(Refusal, match="tick at least one"):
        actions.claim_several(series.id, [stranger, 0, 2**31 - 1], actor_of(world.lin), now=BEFORE)
    with pytest.raises(Refusal, match="register"):
        actions.claim_several(series.id, ids(series, 0), world.chen, now=BEFORE)


def test_several_claims_are_given_up_at_once_and_a_late_one_needs_a_reason(world, series):
    lin = actor_of(world.lin)
    actions.claim_several(series.id, ids(series, 0, 1, 2), lin, now=BEFORE)
    db.session.commit()
    near = START - 3 * HOUR
    late, free, never = actions.give_up_several(series.id, ids(series, 0, 1, 5), lin, reason="", now=near)
    assert "give a reason" in late.refusal
    assert free.claim.state is ClaimState.CANCELLED
    assert "already ended" in never.refusal
    states = list(db.session.scalars(select(Claim.state).order_by(Claim.shift_id)))
    assert states == [ClaimState.HELD, ClaimState.CANCELLED, ClaimState.HELD]


def test_a_series_over_new_year_makes_each_date_once(world, post):
    late = date(2099, 12, 20)
    series = made(world, post, row(4), from_day=late, until_day=late + 40 * DAY)
    generate(series, clock.at(late - DAY, (START + timedelta()).time()))
    assert days(series) == [date(2099, 12, 24), date(2099, 12, 31), *(date(2100, 1, day) for day in (7, 14, 21, 28))]
    assert db.session.scalar(select(db.func.count(Occurrence.id))) == 6
    assert db.session.get(Series, series.id).made_until == late + 40 * DAY
