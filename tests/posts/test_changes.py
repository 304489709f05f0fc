"""What a published post and its shifts may still become, and what lists notice of it."""

from datetime import timedelta

import pytest

from blueprints.posts import actions, queries, rules
from blueprints.posts.models import Category, Hazard, PostState, ShiftState
from core.db import db
from core.refusal import Refusal
from tests.factories import make_world
from tests.posts.samples import BEFORE, DAY, HOUR, START, drafted, good, published, slot


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def post(world):
    return published(world, slot(), slot(START + DAY))


def shifts_of(post):
    return queries.standing_shifts(post.id)


def change(post, now=BEFORE + HOUR, **values):
    actions.apply_change(post, values, now)
    db.session.commit()


def move(shift, now=BEFORE + HOUR, **values):
    actions.apply_shift_change(shift, values, now)
    db.session.commit()


def test_a_changed_text_is_noticed_on_every_shift(post):
    before = [shift.revision for shift in shifts_of(post)]
    revision = post.revision
    change(post, title="社区书屋管理岗")
    assert post.revision == revision + 1
    assert [shift.revision for shift in shifts_of(post)] == [number + 1 for number in before]
    assert [shift.moved_at for shift in shifts_of(post)] == [None, None]


def test_a_new_place_marks_the_shifts_to_come_as_moved_and_not_those_that_have_begun(post):
    now = START + HOUR
    change(post, now, place="烟雨社区东门广场")
    assert [shift.moved_at for shift in shifts_of(post)] == [None, now]


def test_what_is_searched_follows_the_change(post):
    change(post, title="护河巡查岗", category=Category.WATER)
    assert "护河巡查岗" in post.search_text
    assert "clean water" in post.search_text
    assert "图书角" not in post.search_text


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"content": "服务服务服务服务服务服务"}, "repeats"),
        ({"title": "补录时长"}, "times to come"),
        ({"place": "烟雨社区"}, "exact place"),
        ({"risks": ""}, "what can happen"),
        ({"hazards": [Hazard.NIGHT]}, "lowest age is 18"),
        ({"min_age": 90}, "must not be above"),
    ],
)
def test_the_rules_of_publishing_hold_for_changes(post, values, sentence):
    with pytest.raises(Refusal, match=sentence):
        change(post, **values)


def test_new_doubtful_wording_must_be_acknowledged_and_old_wording_only_once(world):
    post = published(world, conditions="务必按时到岗。")
    change(post, title="社区书屋管理岗")
    with pytest.raises(Refusal, match="不得请假"):
        change(post, conditions="务必按时到岗，不得请假。")
    change(post, conditions="务必按时到岗，不得请假。", acknowledged=True)
    assert post.conditions == "务必按时到岗，不得请假。"


def test_a_post_that_is_over_stays_as_it_was(post):
    with pytest.raises(Refusal, match="is over"):
        change(post, START + 2 * DAY, title="社区书屋管理岗")


def test_neither_drafts_nor_cancelled_posts_are_changed_here(world, post):
    with pytest.raises(Refusal, match="not published yet"):
        change(drafted(world), title="社区书屋管理岗")
    actions.mark_cancelled(post, "场地停用", BEFORE)
    with pytest.raises(Refusal, match="was cancelled"):
        change(post, title="社区书屋管理岗")


def test_a_new_time_moves_the_shift_and_more_places_do_not(post):
    first, second = shifts_of(post)
    move(first, ends_at=first.ends_at + HOUR)
    move(second, places=9)
    assert (first.moved_at, second.moved_at) == (BEFORE + HOUR, None)
    assert second.places == 9


def test_every_change_of_a_shift_makes_older_forms_stale(post):
    revision, shift = post.revision, shifts_of(post)[0]
    noticed = shift.revision
    move(shift, places=9)
    assert (post.revision, shift.revision) == (revision + 1, noticed + 1)
    with pytest.raises(Refusal, match="meanwhile"):
        actions.refuse_stale(post, revision)


def test_a_shift_does_not_move_into_the_past(post):
    with pytest.raises(Refusal, match="time to come"):
        move(shifts_of(post)[0], starts_at=BEFORE, ends_at=BEFORE + HOUR)


def test_a_running_shift_keeps_its_start_but_may_get_more_places_and_time(post):
    shift = shifts_of(post)[0]
    with pytest.raises(Refusal, match="start stays"):
        move(shift, START + HOUR, starts_at=START + HOUR)
    db.session.rollback()
    move(shift, START + HOUR, places=5, ends_at=START + 3 * HOUR)
    with pytest.raises(Refusal, match="time to come"):
        move(shift, START + HOUR, ends_at=START + timedelta(minutes=30))


def test_a_shift_that_is_over_or_cancelled_stays_as_it_was(post):
    first, second = shifts_of(post)
    with pytest.raises(Refusal, match="is over"):
        move(first, first.ends_at, places=9)
    actions.mark_cancelled(second, "下雨", BEFORE)
    with pytest.raises(Refusal, match="was cancelled"):
        move(second, places=9)


def test_a_moved_shift_obeys_the_rules_of_shifts_and_of_the_year(post):
    shift = shifts_of(post)[0]
    for values, sentence in (
        ({"ends_at": START + 25 * HOUR}, "24 hours"),
        ({"break_minutes": 120}, "break"),
        ({"places": 501}, "1 to 500"),
        ({"starts_at": START + 400 * DAY, "ends_at": START + 400 * DAY + HOUR}, "one year"),
    ):
        with pytest.raises(Refusal, match=sentence):
            move(shift, **values)
        db.session.rollback()


def test_a_shift_can_be_added_while_the_post_stands(world, post):
    revision = post.revision
    added = actions.add_shift(post.id, slot(), world.chen, revision=revision, now=BEFORE)
    assert (added.state, post.revision) == (ShiftState.OPEN, revision + 1)
    with pytest.raises(Refusal, match="meanwhile"):  # the same form sent twice adds one shift
        actions.add_shift(post.id, slot(), world.chen, revision=revision, now=BEFORE)


def test_an_added_shift_obeys_the_rules(world, post, monkeypatch):
    def add(values, actor=world.chen):
        actions.add_shift(post.id, values, actor, revision=post.revision, now=BEFORE)

    with pytest.raises(Refusal, match="time to come"):
        add(slot(BEFORE))
    with pytest.raises(Refusal, match="one year"):
        add(slot(START + 400 * DAY))
    db.session.rollback()
    with pytest.raises(Refusal, match="24 hours"):
        add(slot(hours=25))
    with pytest.raises(Refusal, match="not yours"):
        add(slot(), world.gu)
    monkeypatch.setattr(rules, "MOST_STANDING", 2)
    full = published(world, slot(), slot())
    with pytest.raises(Refusal, match="at most 2 shifts in its year"):
        actions.add_shift(full.id, slot(), world.chen, revision=full.revision, now=BEFORE)


def test_nothing_is_added_or_published_under_a_closed_organization(world, post):
    waiting = drafted(world, slot())
    world.station.closed_at = BEFORE
    db.session.commit()
    with pytest.raises(Refusal, match="does not offer posts"):
        actions.add_shift(post.id, slot(), world.chen, revision=post.revision, now=BEFORE)
    with pytest.raises(Refusal, match="does not offer posts"):
        actions.publish(waiting.id, declared=True, actor=world.chen, now=BEFORE)
    assert (len(shifts_of(post)), waiting.state) == (2, PostState.DRAFT)


def test_calling_off_is_written_down_with_its_reason(post):
    shift = shifts_of(post)[0]
    noticed = shift.revision
    actions.mark_cancelled(shift, "台风预警", BEFORE)
    actions.mark_cancelled(post, "场地停用", BEFORE)
    db.session.commit()
    assert (shift.state, shift.cancel_reason, shift.revision) == (ShiftState.CANCELLED, "台风预警", noticed + 1)
    assert (post.state, post.cancelled_at, post.cancel_reason) == (PostState.CANCELLED, BEFORE, "场地停用")


def test_values_nobody_asked_for_are_not_written(post):
    change(post, state=PostState.CANCELLED, organization_id=1, **good())
    assert post.state is PostState.PUBLISHED
