"""Writing a post that nobody else sees yet."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from blueprints.organizations.models import OrganizationKind
from blueprints.posts import actions, queries
from blueprints.posts.models import Hazard, Post, PostState, RiskLevel, Shift, ShiftState
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.factories import JIAXING, XITANG, make_organization, make_world
from tests.posts.samples import BEFORE, DAY, HOUR, START, drafted, good, published, slot


@pytest.fixture
def world():
    return make_world()


def shifts_of(post):
    return queries.standing_shifts(post.id)


def revise(world, post, values, shifts, revision=1, actor=None):
    return actions.revise_draft(
        post.id, values, shifts, revision=revision, actor=actor or world.chen, now=BEFORE + HOUR
    )


def test_a_draft_keeps_what_was_typed_and_opens_nothing(world):
    post = drafted(world, slot(), slot(START + DAY, rest=15))
    assert (post.state, post.revision, post.published_at) == (PostState.DRAFT, 1, None)
    assert [shift.state for shift in shifts_of(post)] == [ShiftState.DRAFT] * 2
    assert shifts_of(post)[1].planned_minutes == 105


def test_a_draft_needs_no_more_than_a_title_and_a_category(world):
    half = {name: good()[name] for name in ("title", "category")}
    post = actions.draft(world.station.id, half, [], world.chen, BEFORE)
    assert (post.content, post.division_id, post.min_age) == ("", world.station.division_id, 14)


def test_the_clerk_of_the_office_above_may_write_for_a_station_and_the_one_beside_may_not(world):
    with pytest.raises(Refusal, match="not yours"):
        drafted(world, actor=world.gu)
    with pytest.raises(Refusal, match="not yours"):
        drafted(world, actor=world.qian)  # an administrator is no clerk


def test_a_league_branch_offers_no_posts(world):
    branch = make_organization("烟雨社区团支部", OrganizationKind.BRANCH, world.station)
    with pytest.raises(Refusal, match="does not offer posts"):
        actions.draft(branch.id, good(), [], world.chen, BEFORE)


def test_the_same_form_sent_twice_makes_one_post_and_the_last_text_stays(world):
    first = drafted(world, form_key="k")
    again = drafted(world, form_key="k", title="社区图书角值班岗")
    assert (again.id, again.title) == (first.id, "社区图书角值班岗")
    assert db.session.scalar(select(func.count()).select_from(Post)) == 1
    assert len(shifts_of(first)) == 1


def test_a_form_whose_post_is_published_cannot_be_sent_again(world):
    published(world, form_key="k")
    with pytest.raises(Refusal, match="sent already"):
        drafted(world, form_key="k")


def test_revising_writes_text_and_shifts_anew(world):
    post = drafted(world, slot(), slot(START + DAY))
    kept = shifts_of(post)[0].id
    revise(world, post, good(title="护河巡查岗"), [slot(START + 2 * DAY, places=7)])
    assert (post.title, post.revision) == ("护河巡查岗", 2)
    assert [(shift.id, shift.places) for shift in shifts_of(post)] == [(kept, 7)]


def test_a_stale_revision_is_refused_and_the_same_text_twice_is_one_change(world):
    post = drafted(world)
    revise(world, post, good(title="护河巡查岗"), [slot()])
    revise(world, post, good(title="护河巡查岗"), [slot()])
    assert post.revision == 2
    with pytest.raises(Refusal, match="meanwhile"):
        revise(world, post, good(title="另一个标题"), [slot()])
    assert post.title == "护河巡查岗"


def test_only_a_draft_can_be_revised(world):
    post = published(world)
    with pytest.raises(Refusal, match="published already"):
        revise(world, post, good(), [slot()], revision=post.revision)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"ends_at": START}, "end after it starts"),
        ({"ends_at": START - HOUR}, "end after it starts"),
        ({"ends_at": START + timedelta(hours=24, minutes=1)}, "at most 24 hours"),
        ({"break_minutes": 120}, "break must be shorter"),
        ({"break_minutes": -1}, "break must be shorter"),
        ({"places": 0}, "1 to 500"),
        ({"places": 501}, "1 to 500"),
    ],
)
def test_a_shift_that_could_not_take_place_is_refused(world, changed, sentence):
    with pytest.raises(Refusal, match=sentence):
        drafted(world, slot() | changed)


def test_a_shift_of_exactly_24_hours_with_500_places_is_fine(world):
    assert shifts_of(drafted(world, slot(hours=24, places=500)))[0].places == 500


def test_shifts_may_run_side_by_side_but_61_are_too_many(world):
    assert len(shifts_of(drafted(world, *[slot()] * 60))) == 60
    with pytest.raises(Refusal, match="at most 60 shifts"):
        drafted(world, *[slot()] * 61)


@pytest.mark.parametrize("danger", [{"risk_level": RiskLevel.HIGH}, {"hazards": [Hazard.WATER]}])
def test_danger_bars_minors(world, danger):
    with pytest.raises(Refusal, match="lowest age is 18"):
        drafted(world, min_age=17, **danger)
    assert drafted(world, min_age=18, **danger).dangerous


def test_ages_must_be_in_order(world):
    with pytest.raises(Refusal, match="must not be above"):
        drafted(world, min_age=60, max_age=59)


def test_the_place_lies_in_the_county_of_the_organization(world):
    with pytest.raises(Refusal, match="area of"):
        drafted(world, division_id=XITANG)
    with pytest.raises(Refusal, match="area of"):
        drafted(world, division_id=330402999999)
    city = queries.scope(world.city)
    assert (XITANG in city, JIAXING - 1 in city) == (True, False)


def test_copying_takes_everything_over_but_the_times(world):
    post = published(world, skill=None, hazards=[Hazard.TRAFFIC], min_age=18)
    copied = actions.copy(post.id)
    again = actions.draft(world.station.id, copied, [], world.chen, BEFORE)
    assert (again.title, again.hazards, again.state) == (post.title, [Hazard.TRAFFIC], PostState.DRAFT)
    assert shifts_of(again) == []


def test_a_draft_can_be_thrown_away_and_a_published_post_cannot(world):
    post, shown = drafted(world), published(world)
    actions.discard(post.id, actor=world.chen, now=BEFORE)
    db.session.commit()
    assert db.session.get(Post, post.id) is None
    assert db.session.scalar(select(func.count()).select_from(Shift).where(Shift.post_id == post.id)) == 0
    with pytest.raises(Refusal, match="published already"):
        actions.discard(shown.id, actor=world.chen, now=BEFORE)


def test_every_step_leaves_a_trace(world):
    post = published(world)
    actions_of = select(AuditEntry.action).where(AuditEntry.subject == "post", AuditEntry.subject_id == post.id)
    assert list(db.session.scalars(actions_of.order_by(AuditEntry.id))) == ["post drafted", "post published"]


@pytest.mark.commits
def test_eight_taps_at_once_make_one_post(app):
    world = make_world()
    station_id, chen = world.station.id, world.chen
    db.session.rollback()  # reading the id has begun a transaction, which would keep the others out

    def tap(_number):
        with app.app_context():
            made = actions.draft(station_id, good(form_key="k"), [slot()], chen, BEFORE)
            db.session.commit()
            return made.id

    with ThreadPoolExecutor(8) as crowd:
        assert len(set(crowd.map(tap, range(8)))) == 1
    assert db.session.scalar(select(func.count()).select_from(Post)) == 1
    assert db.session.scalar(select(func.count()).select_from(Shift)) == 1
