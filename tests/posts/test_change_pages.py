"""The clerk's pages of a published post: its numbers, and changing or cancelling what people have claimed."""

import pytest
from sqlalchemy import select

from blueprints.claims import actions as claims
from blueprints.claims.models import Claim, ClaimState
from blueprints.messages.models import Notice, NoticeKind
from blueprints.posts import queries
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from core import clock
from core.actor import Actor
from core.db import db
from tests.factories import make_world, sign_in
from tests.posts.samples import BEFORE, DAY, HOUR, START, drafted, published, slot
from tests.posts.test_desk import WORDS, count, statements, value_of

TYPED = {"day": "2099-05-04", "starts": "09:00", "ends": "11:00", "places": "2", "break_minutes": "0"}


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def post(world):
    """Two shifts of two places each; Lin and Zhou hold the first, Shen waits for it."""
    post = published(world, slot(), slot(START + DAY))
    for person in (world.lin, world.zhou, world.shen):
        asking = Actor(person.account_id, "", 0, person.id, person.state)
        claims.claim(first_shift(post).id, asking, now=BEFORE)
    db.session.commit()
    return post


@pytest.fixture
def desk(client, world):
    sign_in(client, world.chen.account_id)
    return client


def first_shift(post):
    return queries.standing_shifts(post.id)[0]


def told(person):
    mine = select(Notice.kind).where(Notice.account_id == person.account_id).order_by(Notice.id)
    return list(db.session.scalars(mine))


def text(post, **changed):
    return WORDS | {"revision": str(post.revision), "reason": "大厅装修"} | changed


def times(post, **changed):
    return TYPED | {"revision": str(post.revision), "reason": "大厅装修"} | changed


# --- the page of the post -----------------------------------------------------------------------------------


def test_the_page_shows_each_shift_with_its_numbers_and_what_can_be_done(desk, post):
    page = desk.get(f"/desk/posts/{post.id}").text
    assert "Full, 1 in line" in page
    assert "<b>2</b> of 2 places free" in page
    assert f"/desk/shifts/{first_shift(post).id}/roster" in page
    assert "Cancel the post" in page


def test_an_administrator_reads_the_page_and_finds_nothing_to_press(client, world, post):
    sign_in(client, world.qian.account_id)
    page = client.get(f"/desk/posts/{post.id}").text
    assert "Full, 1 in line" in page
    assert "Cancel the post" not in page
    assert client.get(f"/desk/posts/{post.id}/change").status_code == 403
    assert client.post(f"/desk/shifts/{first_shift(post).id}/cancellation", data={"reason": "x"}).status_code == 403


def test_the_county_beside_finds_no_shift(client, world, post):
    sign_in(client, world.gu.account_id)
    shift = first_shift(post)
    assert client.get(f"/desk/posts/{post.id}").status_code == 404
    for page in ("change", "cancellation"):
        assert client.get(f"/desk/shifts/{shift.id}/{page}").status_code == 404
        assert client.post(f"/desk/shifts/{shift.id}/{page}", data=times(post)).status_code == 404
    assert shift.state is ShiftState.OPEN


def test_the_page_asks_no_more_for_more_shifts(desk, world, post):
    url = f"/desk/posts/{post.id}"
    desk.get(url)
    few = statements(desk, url)
    many = published(world, *[slot()] * 30)
    assert statements(desk, f"/desk/posts/{many.id}") == few
    assert few <= 8


# --- changing -----------------------------------------------------------------------------------------------


def test_the_form_says_who_is_told_before_anything_changes(desk, post):
    for url in (f"/desk/posts/{post.id}/change", f"/desk/shifts/{first_shift(post).id}/change"):
        page = desk.get(url).text
        assert "3 people have claimed this" in page
        assert "With a place: 林小满, 周晓航" in page
        assert "In line: 沈一诺" in page


def test_a_new_place_is_told_with_the_reason(desk, world, post):
    done = desk.post(f"/desk/posts/{post.id}/change", data=text(post, place="烟雨社区东门广场"), follow_redirects=True)
    assert "3 people are told" in done.text
    assert "烟雨社区东门广场" in done.text
    assert told(world.lin)[-1] is told(world.shen)[-1] is NoticeKind.SHIFT_CHANGED


def test_a_reason_is_needed_while_people_hold_places_and_the_text_stays(desk, post):
    page = desk.post(f"/desk/posts/{post.id}/change", data=text(post, title="新的标题", reason=" "))
    assert page.status_code == 409
    assert "reason for the change" in page.text
    assert value_of(page, "title") == "新的标题"


def test_commanding_words_in_a_change_must_be_acknowledged(desk, post):
    url = f"/desk/posts/{post.id}/change"
    page = desk.post(url, data=text(post, conditions="全体团员务必参加。"))
    assert (page.status_code, "“务必参加”" in page.text) == (409, True)
    assert desk.post(url, data=text(post, conditions="全体团员务必参加。", acknowledged="y")).status_code == 303


def test_a_stale_change_is_refused_with_the_typed_text_and_can_be_sent_again(desk, post):
    url = f"/desk/posts/{post.id}/change"
    page = desk.post(url, data=text(post, title="新的标题", revision="1"))
    assert (page.status_code, value_of(page, "title")) == (409, "新的标题")
    assert value_of(page, "revision") == str(post.revision)
    assert desk.post(url, data=text(post, title="新的标题")).status_code == 303


def test_an_incomplete_change_says_what_is_missing(desk, post):
    page = desk.post(f"/desk/posts/{post.id}/change", data=text(post, risks="", content=""))
    assert page.status_code == 422
    assert "what can happen" in page.text


def test_a_new_time_is_told_and_lets_people_leave(desk, world, post):
    shift = first_shift(post)
    done = desk.post(f"/desk/shifts/{shift.id}/change", data=times(post, starts="10:00", ends="12:00"))
    assert (done.status_code, done.location) == (303, f"/desk/posts/{post.id}")
    moved = db.session.get(Shift, shift.id)
    assert (moved.starts_at, moved.moved_at is None) == (START + HOUR, False)
    assert told(world.lin)[-1] is NoticeKind.SHIFT_CHANGED


def test_fewer_places_than_people_is_refused_with_their_names(desk, post):
    page = desk.post(f"/desk/shifts/{first_shift(post).id}/change", data=times(post, places="1"))
    assert page.status_code == 409
    assert "林小满、周晓航" in page.text
    assert value_of(page, "places") == "1"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"day": "2001-01-01"}, 409),
        ({"day": ""}, 422),
        ({"places": "0"}, 422),
        ({"ends": "09:00"}, 422),
        ({"revision": "0"}, 409),
    ],
)
def test_a_wrong_time_changes_nothing(desk, post, changed, status):
    shift = first_shift(post)
    assert desk.post(f"/desk/shifts/{shift.id}/change", data=times(post, **changed)).status_code == status
    assert db.session.get(Shift, shift.id).starts_at == START


def test_a_shift_can_be_added_once_by_a_double_tap(desk, post):
    url, sent = f"/desk/posts/{post.id}/shifts/new", times(post, day="2099-05-09")
    assert value_of(desk.get(url), "starts") == "09:00"
    assert [desk.post(url, data=sent).status_code for _ in range(2)] == [303, 409]
    assert count(Shift) == 3


# --- cancelling ---------------------------------------------------------------------------------------------


def test_cancelling_a_shift_says_the_consequence_and_needs_a_reason(desk, world, post):
    shift = first_shift(post)
    url = f"/desk/shifts/{shift.id}/cancellation"
    assert "3 people have claimed this" in desk.get(url).text
    assert desk.post(url, data={"reason": "  "}).status_code == 422
    done = desk.post(url, data={"reason": "台风预警"}, follow_redirects=True)
    assert "3 people are told" in done.text
    assert "台风预警" in done.text
    assert told(world.shen)[-1] is NoticeKind.SHIFT_CANCELLED
    assert desk.post(url, data={"reason": "再来一次"}).status_code == 409


def test_cancelling_the_post_ends_every_claim(desk, post):
    url = f"/desk/posts/{post.id}/cancellation"
    assert "These 2 shifts will not take place" in desk.get(url).text
    done = desk.post(url, data={"reason": "场地停用"}, follow_redirects=True)
    assert "场地停用" in done.text
    assert db.session.get(Post, post.id).state is PostState.CANCELLED
    assert set(db.session.scalars(select(Claim.state))) == {ClaimState.CALLED_OFF}
    assert desk.get(url).location == f"/desk/posts/{post.id}"
    assert desk.get(f"/desk/posts/{post.id}/change").location == f"/desk/posts/{post.id}"


def test_a_reason_of_script_is_shown_as_text_and_a_long_one_refused(desk, post):
    url = f"/desk/posts/{post.id}/cancellation"
    assert desk.post(url, data={"reason": "长" * 201}).status_code == 422
    shown = desk.post(url, data={"reason": "<script>alert(1)</script>"}, follow_redirects=True).text
    assert "<script>alert" not in shown


def test_a_draft_leads_to_its_preview_and_a_past_post_offers_only_a_copy(desk, world, monkeypatch):
    draft, over = drafted(world), published(world)
    assert desk.get(f"/desk/posts/{draft.id}").location == f"/desk/posts/{draft.id}/preview"
    monkeypatch.setattr(clock, "now", lambda: START + DAY)
    page = desk.get(f"/desk/posts/{over.id}").text
    assert "Copy to a new post" in page
    assert "Cancel the post" not in page
    assert "Change the text" not in page
    assert desk.get(f"/desk/posts/{over.id}/cancellation").location == f"/desk/posts/{over.id}"
    assert desk.get(f"/desk/shifts/{first_shift(over).id}/change").location == f"/desk/posts/{over.id}"
