"""The clerk's pages: writing a post with several shifts in one form, looking at it, publishing it."""

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import event, func, select

from blueprints.posts import actions, queries
from blueprints.posts.models import Post, PostState, Shift
from core import clock
from core.actor import Role
from core.db import db
from tests.factories import make_organization, make_staff, make_world, sign_in
from tests.posts.samples import drafted, good, slot

NOW = "2099-05-02T00:00:00+00:00"
WORDS = {
    "title": "社区图书角管理岗",
    "category": "convenience",
    "content": "整理图书，办理借还，陪孩子安静阅读。",
    "division_id": "330402010028",
    "place": "烟雨社区党群服务中心一楼",
    "min_age": "16",
    "max_age": "75",
    "skill": "",
    "conditions": "有耐心，爱看书。",
    "sign_up": "在本页认领，或到站点登记。",
    "risk_level": "low",
    "risks": "久坐，无明显风险。",
    "safeguards": "意外险、饮用水。",
    "responsible_name": "陈站长",
    "responsible_phone": "0573-00000000",
    "go": "preview",
}


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def desk(client, world):
    """A browser of Chen, the clerk of the station."""
    sign_in(client, world.chen.account_id)
    return client


def row(number=0, day="2099-05-04", starts="09:00", ends="11:00", places="2", rest=""):
    typed = {"day": day, "starts": starts, "ends": ends, "places": places, "break_minutes": rest}
    return {f"shifts-{number}-{name}": value for name, value in typed.items()}


def typed(**changed):
    return WORDS | row() | changed


def new_url(world):
    return f"/desk/posts/new?organization={world.station.id}"


def send(desk, world, **changed):
    return desk.post(new_url(world), data=typed(**changed))


def only_post():
    return db.session.scalars(select(Post)).one()


def count(model):
    return db.session.scalar(select(func.count()).select_from(model))


def value_of(page, name):
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page.text)
    value = tag and re.search(r'value="([^"]*)"', tag[0])
    return unescape(value[1]) if value else None


def rows_of(page):
    return [
        value_of(page, f"shifts-{number}-day") for number in range(70) if f'name="shifts-{number}-day"' in page.text
    ]


# --- from a blank form to a published post ------------------------------------------------------------------


def test_a_clerk_writes_looks_and_publishes(desk, world):
    assert desk.get("/desk/posts/new").status_code == 200  # the only organization in reach is chosen
    sent = send(desk, world, **row(1, "2099-05-05", "22:00", "02:00", "3", "15"))
    post = only_post()
    assert (sent.status_code, sent.location) == (303, f"/desk/posts/{post.id}/preview")
    shown = desk.get(sent.location).text
    assert "3 h 45 min" in shown
    assert "22:00 – " in shown  # over midnight both days are named
    done = desk.post(f"/desk/posts/{post.id}/publication", data={"declared": "y", "revision": post.revision})
    assert (done.status_code, done.location) == (303, f"/desk/posts/{post.id}")
    assert only_post().state is PostState.PUBLISHED


def test_the_end_of_a_shift_over_midnight_lies_on_the_next_day(desk, world):
    send(desk, world, **row(0, "2099-05-05", "22:00", "02:00"))
    shift = db.session.scalars(select(Shift)).one()
    assert shift.ends_at - shift.starts_at == timedelta(hours=4)
    assert clock.local(shift.starts_at).isoformat() == "2099-05-05T22:00:00+08:00"


def test_an_example_fills_the_form_in(desk, world):
    page = desk.get(new_url(world) + "&starter=crossing")
    assert value_of(page, "title") == "斑马线文明引导岗"
    assert len(rows_of(page)) == 5
    assert value_of(page, "responsible_name") == "陈站长"
    assert desk.get(new_url(world) + "&starter=unknown").status_code == 200


def test_a_copy_takes_over_the_text_and_no_times(desk, world):
    post = drafted(world, title="护河巡查岗")
    page = desk.get(f"/desk/posts/new?copy={post.id}")
    assert (value_of(page, "title"), rows_of(page)) == ("护河巡查岗", [""])


# --- several shifts in one form -----------------------------------------------------------------------------


def test_one_more_shift_comes_back_with_everything_typed_and_saves_nothing(desk, world):
    page = send(desk, world, more="7", title="还没写完", content="")
    assert page.status_code == 200
    assert rows_of(page) == ["2099-05-04", "2099-05-11"]
    assert (value_of(page, "title"), value_of(page, "shifts-1-starts")) == ("还没写完", "09:00")
    assert count(Post) == 0


def test_a_removed_shift_takes_only_itself_away(desk, world):
    page = send(desk, world, **row(1, "2099-05-05"), **row(2, "2099-05-06"), remove="1")
    assert rows_of(page) == ["2099-05-04", "2099-05-06"]
    assert send(desk, world, remove="0").status_code == 200  # the last one leaves an empty row
    assert rows_of(send(desk, world, remove="99")) == ["2099-05-04"]


def test_a_half_typed_shift_survives_another_row(desk, world):
    page = send(desk, world, **row(0, "2099-13-45", "nine", "", "many"), more="1")
    assert [value_of(page, f"shifts-0-{name}") for name in ("day", "starts", "places")] == [
        "2099-13-45",
        "nine",
        "many",
    ]
    assert page.status_code == 200


def test_sixty_shifts_are_enough(desk, world):
    rows = {name: value for number in range(60) for name, value in row(number).items()}
    assert "at most 60 shifts" in send(desk, world, **rows, more="1").text
    sixty_one = send(desk, world, **rows, **row(60))
    assert (sixty_one.status_code, "at most 60 shifts" in sixty_one.text) == (422, True)
    assert send(desk, world, **rows).status_code == 303


def test_strange_row_numbers_are_passed_over(desk, world):
    strange = {f"shifts-{number}-day": "2099-05-04" for number in ("²", "9" * 5000, "-1", "x")}
    assert send(desk, world, **strange).status_code == 303
    assert count(Shift) == 1


def test_empty_rows_are_no_shifts(desk, world):
    send(desk, world, **row(1, "", "", "", "2"))
    assert count(Shift) == 1


# --- drafts -------------------------------------------------------------------------------------------------


def test_a_draft_may_be_kept_half_written(desk, world):
    sent = desk.post(
        new_url(world),
        data={
            "title": "还没写完",
            "category": "water",
            "division_id": "330402010028",
            "risk_level": "low",
            "go": "save",
        },
    )
    assert (sent.status_code, sent.location) == (303, f"/desk/posts/{only_post().id}/draft")
    assert value_of(desk.get(sent.location), "title") == "还没写完"


def test_publishing_needs_what_the_preview_says_is_missing(desk, world):
    post = drafted(world, place="烟雨社区", title="十月补录", risks="")
    page = desk.get(f"/desk/posts/{post.id}/preview").text
    assert "3 things are still in the way" in page
    assert "补录" in page
    refused = desk.post(f"/desk/posts/{post.id}/publication", data={"declared": "y", "revision": "1"})
    assert refused.status_code == 409
    assert only_post().state is PostState.DRAFT


def test_the_declaration_must_be_ticked_and_doubtful_wording_acknowledged(desk, world):
    post = drafted(world, conditions="全体团员务必参加。")
    url, ticked = f"/desk/posts/{post.id}/publication", {"declared": "y", "revision": "1"}
    assert "务必参加" in desk.get(f"/desk/posts/{post.id}/preview").text
    assert desk.post(url, data={"revision": "1"}).status_code == 422
    assert desk.post(url, data=ticked).status_code == 409
    assert desk.post(url, data=ticked | {"acknowledged": "y"}).status_code == 303


def test_what_a_colleague_changed_meanwhile_is_not_published_unseen(desk, world):
    post = drafted(world)
    actions.revise_draft(post.id, good(), [slot(places=9)], revision=1, actor=world.chen, now=clock.now())
    db.session.commit()
    url = f"/desk/posts/{post.id}/publication"
    refused = desk.post(url, data={"declared": "y", "revision": "1"})
    assert (refused.status_code, value_of(refused, "revision")) == (409, "2")


def test_a_stale_form_is_refused_with_everything_typed_and_can_then_be_sent(desk, world):
    post = drafted(world)
    actions.revise_draft(post.id, good(title="同事的标题"), [slot()], revision=1, actor=world.chen, now=clock.now())
    db.session.commit()
    url = f"/desk/posts/{post.id}/draft"
    refused = desk.post(url, data=typed(title="我的标题", revision="1"))
    assert (refused.status_code, value_of(refused, "title")) == (409, "我的标题")
    assert "meanwhile" in refused.text
    assert desk.post(url, data=typed(title="我的标题", revision=value_of(refused, "revision"))).status_code == 303
    assert only_post().title == "我的标题"


def test_a_double_tap_on_a_draft_is_one_change(desk, world):
    post = drafted(world)
    url = f"/desk/posts/{post.id}/draft"
    answers = [desk.post(url, data=typed(title="新的标题", revision="1")).status_code for _ in range(2)]
    assert (answers, only_post().revision) == ([303, 303], 2)


def test_a_double_tap_makes_one_post(desk, world):
    key = value_of(desk.get(new_url(world)), "form_key")
    places = [send(desk, world, form_key=key).location for _ in range(2)]
    assert places[0] == places[1]
    assert (count(Post), count(Shift)) == (1, 1)


def test_a_draft_is_thrown_away_for_good(desk, world):
    post = drafted(world)
    assert desk.post(f"/desk/posts/{post.id}/removal").location == "/desk/posts?tab=drafts"
    assert desk.get(f"/desk/posts/{post.id}/preview").status_code == 404


def test_a_published_post_leads_from_its_draft_pages_to_its_own(desk, world):
    post = drafted(world)
    actions.publish(post.id, actor=world.chen, now=clock.now(), declared=True)
    db.session.commit()
    for page in ("draft", "preview"):
        assert desk.get(f"/desk/posts/{post.id}/{page}").location == f"/desk/posts/{post.id}"
    assert desk.get(f"/desk/posts/{post.id}").status_code == 200
    assert desk.post(f"/desk/posts/{post.id}/draft", data=typed(revision="2")).status_code == 409


# --- bad input ----------------------------------------------------------------------------------------------


def test_an_empty_form_says_what_is_missing_beside_each_field(desk, world):
    page = desk.post(new_url(world), data={"go": "preview"})
    assert page.status_code == 422
    for sentence in ("give the post a title", "choose the day", "what can happen", "kind of service"):
        assert sentence in page.text


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"title": "岗" * 41}, "at most 40 characters"),
        ({"content": "字" * 2001}, "at most 2000 characters"),
        ({"place": "处" * 121}, "at most 120 characters"),
        ({"risks": "险" * 401}, "at most 400 characters"),
        ({"responsible_phone": "0" * 31}, "at most 30 characters"),
        ({"category": "study_tour"}, "choose one of the list"),
        ({"category": ""}, "kind of service"),
        ({"division_id": "330421103000"}, "choose one of the list"),
        ({"division_id": ""}, "community or town"),
        ({"risk_level": "none"}, "choose one of the list"),
        ({"hazards": "dragons"}, "choose from the list"),
        ({"skill": "magic"}, "choose one of the list"),
        ({"min_age": "old"}, "whole number"),
        ({"min_age": "-1"}, "from 0 to 120"),
        ({"max_age": "9" * 400}, "from 0 to 120"),
        (row(day="2099-02-30"), "choose a day"),
        (row(day="0001-01-01"), "choose a day of these years"),
        (row(day="9999-12-31"), "choose a day of these years"),
        (row(starts="25:00"), "enter a time"),
        (row(ends=""), "enter the end"),
        (row(ends="09:00"), "must end after it starts"),
        (row(places="0"), "from 1 to 500"),
        (row(places="501"), "from 1 to 500"),
        (row(places="1.5"), "whole number"),
        (row(rest="120"), "break must be shorter"),
        (row(rest="-5"), "from 0 to 720"),
    ],
)
def test_each_wrong_field_gets_its_sentence_and_keeps_what_was_typed(desk, world, changed, sentence):
    page = send(desk, world, **changed)
    assert page.status_code == 422
    assert sentence in page.text
    assert value_of(page, "conditions") is None  # a text area
    assert "有耐心，爱看书。" in page.text
    assert count(Post) == 0


def test_a_rule_that_says_no_keeps_what_was_typed(desk, world):
    page = send(desk, world, hazards="water", min_age="16")
    assert page.status_code == 409
    assert "lowest age is 18" in page.text
    assert value_of(page, "title") == WORDS["title"]


def test_script_tags_are_shown_as_text_and_emoji_stay(desk, world):
    send(desk, world, title="<script>alert(1)</script>", content="整理图书，办理借还 📚，陪孩子<b>安静</b>阅读。")
    post = only_post()
    shown = desk.get(f"/desk/posts/{post.id}/preview").text
    assert "<script>alert" not in shown
    assert "&lt;script&gt;" in shown
    assert "📚" in shown


def test_control_characters_are_dropped(desk, world):
    send(desk, world, title="社区\x00图书\x1b角\u202e管理岗\r\n", place="烟雨社区党群服务中心\x08一楼")
    assert only_post().place == "烟雨社区党群服务中心一楼"
    assert "\x00" not in only_post().title


def test_unknown_numbers_are_not_found(desk):
    for number in ("0", "999", "99999999999999999999"):
        assert desk.get(f"/desk/posts/new?organization={number}").status_code == 404
        assert desk.get(f"/desk/posts/new?copy={number}").status_code == 404
        assert desk.post(f"/desk/posts/new?organization={number}", data=typed()).status_code == 404
        assert desk.get(f"/desk/posts/{number}/preview").status_code == 404
    assert desk.get("/desk/posts/new?organization=abc").status_code == 404


def test_the_county_beside_does_not_exist(client, world):
    post = drafted(world)
    sign_in(client, world.gu.account_id)
    for page in ("draft", "preview", "change", "shifts/new", "cancellation"):
        assert client.get(f"/desk/posts/{post.id}/{page}").status_code == 404
    for act in ("draft", "publication", "removal", "change", "shifts/new", "cancellation"):
        assert client.post(f"/desk/posts/{post.id}/{act}", data=typed(revision="1")).status_code == 404
    assert client.get(f"/desk/posts/new?copy={post.id}").status_code == 404
    assert client.post(new_url(world), data=typed()).status_code == 404
    assert only_post().state is PostState.DRAFT


def test_only_clerks_write_and_administrators_read(client, world):
    post = drafted(world)
    sign_in(client, world.qian.account_id)
    assert client.get("/desk/posts").status_code == 200
    assert "still writing" in client.get(f"/desk/posts/{post.id}/preview").text
    assert client.get("/desk/posts/new").status_code == 403
    assert client.post(f"/desk/posts/{post.id}/publication", data={"declared": "y"}).status_code == 403
    sign_in(client, world.wu.account_id)
    assert client.get("/desk/posts").status_code == 403


def test_a_visitor_is_asked_to_sign_in(client, world):
    assert client.get("/desk/posts").status_code in (303, 401)
    assert client.post(new_url(world), data=typed()).status_code in (303, 401)


# --- the list -----------------------------------------------------------------------------------------------


def test_the_list_shows_each_kind_under_its_heading(desk, world):
    drafted(world, title="草稿中的岗位")
    assert "草稿中的岗位" not in desk.get("/desk/posts").text
    assert "草稿中的岗位" in desk.get("/desk/posts?tab=drafts").text
    assert "草稿中的岗位" in desk.get("/desk/posts?tab=drafts&q=草稿").text
    assert "Nothing found" in desk.get("/desk/posts?tab=drafts&q=护河").text
    for odd in ("tab=x&page=0", "page=abc", "page=-3", "q=%00%25", "page=" + "9" * 30):
        assert desk.get(f"/desk/posts?{odd}").status_code == 200


def test_the_list_is_turned_page_by_page(desk, world):
    for number in range(queries.PAGE + 1):
        drafted(world, title=f"草稿第{number}号")
    first, second = (desk.get(f"/desk/posts?tab=drafts&page={page}").text for page in (1, 2))
    assert ("草稿第20号" in first, "草稿第0号" in first) == (True, False)
    assert ("草稿第20号" in second, "草稿第0号" in second) == (False, True)
    assert 'rel="next"' in first
    assert 'rel="prev"' in second


def test_a_clerk_of_many_stations_chooses_one_by_name(client, world):
    for number in range(3):
        make_organization(f"桂苑社区志愿服务站{number}", parent=world.town)
    clerk = make_staff(Role.CLERK, world.town, "徐干事")
    sign_in(client, clerk.account_id)
    assert "Who offers the post?" in client.get("/desk/posts/new").text
    found = client.get("/desk/posts/new?q=桂苑社区志愿服务站2").text
    assert ("志愿服务站2" in found, "志愿服务站1" in found) == (True, False)


@pytest.mark.parametrize(
    "page", ["/desk/posts?tab=drafts", "/desk/posts", "/desk/posts/new?organization={station}", "preview"]
)
def test_a_page_asks_no_more_for_more_rows(desk, world, page):
    post = drafted(world, *[slot()] * 3)
    url = f"/desk/posts/{post.id}/preview" if page == "preview" else page.format(station=world.station.id)
    desk.get(url)
    few = statements(desk, url)
    for number in range(9):
        drafted(world, title=f"草稿第{number}号")
    assert statements(desk, url) == few
    assert few <= 8


def statements(desk, url):
    seen = []
    listen = lambda *args: seen.append(args[2])  # noqa: E731
    db.session.expire_all()
    event.listen(db.session.get_bind(), "before_cursor_execute", listen)
    try:
        assert desk.get(url).status_code == 200
    finally:
        event.remove(db.session.get_bind(), "before_cursor_execute", listen)
    return len([text for text in seen if text.lstrip().upper().startswith("SELECT")])
