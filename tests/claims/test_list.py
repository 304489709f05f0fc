"""The live list: what it shows of a shift, and what it can be asked."""

import re
from datetime import date, timedelta

import pytest
from flask import g

from blueprints.claims import board
from blueprints.claims.models import Claim, ClaimState
from blueprints.claims.search import MOST, PAGE, Search, read
from blueprints.identity.models import Skill, VolunteerState
from blueprints.organizations.models import OrganizationKind
from blueprints.posts.models import Category, Post, PostState, RiskLevel, ShiftState
from core.db import db
from core.prefs import COOKIE
from tests.claims.conftest import SWAP
from tests.claims.test_claiming import claim
from tests.counting import counted
from tests.factories import (
    BEFORE,
    HOUR,
    NANHU,
    NANHU_TOWN,
    START,
    XITANG,
    YANYU,
    make_organization,
    make_post,
    make_shift,
    make_volunteer,
    make_world,
    sign_in,
)

DAY = timedelta(days=1)
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def saturday(at):
    at(BEFORE)


@pytest.fixture
def station():
    return make_organization()


def offer(station, title="社区图书角管理岗", places=2, starts_at=START, hours=2, **values):
    values.setdefault("search_text", f"{title} 整理图书".casefold())
    return make_shift(make_post(station, title=title, **values), places, starts_at, hours)


def titles(page):
    return re.findall(r'card__title"><a href="/shifts/\d+">([^<]*)</a>', page.text)


def found(client, query):
    page = client.get(f"/?{query}")
    assert page.status_code == 200
    return titles(page)


# --- what a card says -----------------------------------------------------------------------------------------


def test_a_visitor_sees_everything_the_law_wants_told_when_recruiting(client, station):
    offer(station, skill=Skill.TUTORING, min_age=16, max_age=70)
    page = client.get("/").text
    for words in (
        *("社区图书角管理岗", "Handy services", "南湖区 · 南湖街道 · 烟雨社区", "烟雨社区党群服务中心一楼"),
        *("Mon 4 May 09:00–11:00", "2 h", "<b>2</b> of 2 places free", "Age 16 to 70", "skill: Tutoring"),
        *("有耐心，爱看书。", "Risks: 久坐，无明显风险。", "Safeguards: 意外险、饮水。"),
    ):
        assert words in page


def test_what_is_not_open_is_not_on_the_list(client, station):
    offer(station, "草稿", state=PostState.DRAFT, published_at=None)
    make_shift(make_post(station, title="取消"), state=ShiftState.CANCELLED, cancelled_at=BEFORE)
    offer(station, "开始了", starts_at=BEFORE)
    offer(station, "还有一会儿", starts_at=BEFORE + timedelta(minutes=1))
    assert titles(client.get("/")) == ["还有一会儿"]


def test_the_soonest_stands_first_under_its_day(client, station):
    offer(station, "周一", starts_at=START)
    offer(station, "明天晚", starts_at=BEFORE + DAY + 3 * HOUR)
    offer(station, "明天早", starts_at=BEFORE + DAY)
    offer(station, "今天", starts_at=BEFORE + HOUR)
    page = client.get("/")
    assert titles(page) == ["今天", "明天早", "明天晚", "周一"]
    days = re.findall(r'<h2 class="day-head">(.*?)</h2>', page.text)
    assert days == ["today <small>2 May 2099</small>", "tomorrow <small>3 May 2099</small>", "Mon 4 May"]


def test_a_card_counts_places_and_the_line(client, station):
    shift = offer(station, places=1)
    claim(shift, make_volunteer("周晓航", station))
    claim(shift, make_volunteer("沈一诺", station))
    assert "Full, 1 in line" in client.get("/").text


def test_a_visitor_is_led_to_the_sign_in_that_leads_back_to_the_shift(client, station):
    shift = offer(station)
    page = client.get("/").text
    assert f'href="/sign-in?next=/shifts/{shift.id}"' in page
    assert f'action="/shifts/{shift.id}/claims"' not in page


def test_a_volunteer_claims_from_the_card_and_reads_the_own_state_on_it(client, station):
    lin = make_volunteer("林小满", station)
    free, full, kept = offer(station), offer(station, "满的", places=1), offer(station, "保留的", starts_at=START + DAY)
    claim(full, make_volunteer("周晓航", station))
    sign_in(client, lin.account_id)
    page = client.get("/").text
    assert f'action="/shifts/{free.id}/claims"' in page
    assert 'aria-label="Wait in line: 满的"' in page
    claim(free, lin)
    offered = claim(kept, lin)
    offered.state, offered.offered_until = ClaimState.OFFERED, BEFORE + HOUR
    free.revision, kept.revision = free.revision + 1, kept.revision + 1
    db.session.commit()
    page = client.get("/").text
    assert "Place 1 is yours" in page
    assert "Kept for you until 10:00" in page
    assert f'action="/claims/{offered.id}/acceptance"' in page


def test_somebody_in_line_reads_the_position(client, station):
    shift, lin = offer(station, places=1), make_volunteer("林小满", station)
    for person in (make_volunteer("周晓航", station), make_volunteer("沈一诺", station), lin):
        claim(shift, person)
    sign_in(client, lin.account_id)
    assert "You are number 2 in line" in client.get("/").text


@pytest.mark.parametrize(
    "values",
    [
        {"risks": "水" * 81},
        {"safeguards": "险" * 81},
        {"dangerous": True, "risk_level": RiskLevel.HIGH, "min_age": 18},
    ],
)
def test_risks_that_a_card_cannot_show_whole_are_read_before_claiming(client, station, values):
    shift = offer(station, **values)
    sign_in(client, make_volunteer("林小满", station).account_id)
    page = client.get("/").text
    assert f'action="/shifts/{shift.id}/claims"' not in page
    assert 'aria-label="Look at the details: 社区图书角管理岗"' in page


def test_who_may_not_claim_yet_is_not_invited_to_tap(client, station):
    shift = offer(station)
    sign_in(client, make_volunteer("林小满", station, state=VolunteerState.SUBMITTED).account_id)
    assert f'action="/shifts/{shift.id}/claims"' not in client.get("/").text


def test_words_of_a_post_never_become_markup(client, station):
    offer(station, SCRIPT, place=SCRIPT, conditions=SCRIPT, risks=SCRIPT, safeguards=SCRIPT)
    page = client.get("/").text
    assert SCRIPT not in page
    assert page.count("&lt;script&gt;alert(1)") == 6  # the title stands in a label, too


def test_a_change_of_the_post_shows_at_once(client, station):
    shift = offer(station)
    assert titles(client.get("/")) == ["社区图书角管理岗"]
    db.session.get(Post, shift.post_id).title, shift.revision = "图书角", shift.revision + 1
    db.session.commit()
    assert titles(client.get("/")) == ["图书角"]


def test_today_becomes_yesterdays_word_at_midnight(client, station, at):
    offer(station)
    at(START - 10 * HOUR)
    assert ">tomorrow <small>" in client.get("/").text
    at(START - 8 * HOUR)
    g.pop("today")  # the test is one context around all requests, which in life are apart
    page = client.get("/").text
    assert ">today <small>" in page
    assert ">tomorrow" not in page


# --- filters --------------------------------------------------------------------------------------------------


@pytest.fixture
def many(station):
    """Shifts that differ in one thing each."""
    xitang = make_organization("西塘镇志愿服务站", OrganizationKind.STATION, None, XITANG)
    offer(station, "今天上午", starts_at=BEFORE + HOUR, category=Category.ELDERS)
    offer(station, "今天下午", starts_at=BEFORE + 4 * HOUR)
    offer(station, "明天晚上", starts_at=BEFORE + DAY + 9 * HOUR + 30 * timedelta(minutes=1))
    offer(station, "周一河边", category=Category.WATER, division_id=NANHU_TOWN)
    offer(xitang, "下周西塘", starts_at=START + 7 * DAY, category=Category.WATER)
    full = offer(station, "周二满员", places=1, starts_at=START + DAY)
    claim(full, make_volunteer("周晓航", station))


ALL = ["今天上午", "今天下午", "明天晚上", "周一河边", "周二满员", "下周西塘"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ALL),
        (f"county={NANHU}", ALL[:5]),
        (f"county={NANHU}&town={NANHU_TOWN}", ALL[:5]),
        (f"county={NANHU}&town={NANHU_TOWN}&community={YANYU}", ["今天上午", "今天下午", "明天晚上", "周二满员"]),
        ("county=330421000000", ["下周西塘"]),
        ("category=water", ["周一河边", "下周西塘"]),
        ("category=people", ["今天上午", "今天下午", "明天晚上", "周二满员"]),
        ("date=today", ["今天上午", "今天下午"]),
        ("date=tomorrow", ["明天晚上"]),
        ("date=weekend", ["今天上午", "今天下午", "明天晚上"]),
        ("date=week", ALL[:5]),
        ("on=2099-05-05", ["周二满员"]),
        ("on=2099-05-05&date=today", ["周二满员"]),
        ("part=morning", ["今天上午", "周一河边", "周二满员", "下周西塘"]),
        ("part=afternoon", ["今天下午"]),
        ("part=evening", ["明天晚上"]),
        ("free=1", ["今天上午", "今天下午", "明天晚上", "周一河边", "下周西塘"]),
        ("date=today&part=morning&category=elders&free=1", ["今天上午"]),
        ("date=today&category=water", []),
    ],
)
@pytest.mark.usefixtures("many")
def test_filters_narrow_the_list_and_add_up(client, query, expected):
    assert found(client, query) == expected


@pytest.mark.parametrize(("today", "first"), [(4, 9), (8, 9), (9, 9), (10, 10)])
def test_the_weekend_is_what_is_left_of_it(today, first):
    days = Search(date="weekend").days(date(2099, 5, today))
    assert days == (date(2099, 5, first), date(2099, 5, 10))


def test_a_chosen_county_brings_its_towns_and_a_town_its_communities(client, station):
    offer(station)
    page = client.get(f"/?county={NANHU}&town={NANHU_TOWN}").text
    assert f'<option selected value="{NANHU_TOWN}">南湖街道</option>' in page
    assert f'<option value="{YANYU}">烟雨社区</option>' in page
    assert ">西塘镇<" not in page


def test_a_town_left_over_from_another_county_goes_without_a_word(client, station):
    offer(station)
    page = client.get(f"/?county={NANHU}&town={XITANG}")
    assert titles(page) == ["社区图书角管理岗"]
    assert "could not be understood" not in page.text


@pytest.mark.parametrize(
    "query",
    [
        *("county=1", "county=330499000000", "county=abc", "county=٣٣٠٤٠٢٠٠٠٠٠٠", "county=-330402000000"),
        *("category=cooking", "date=someday", "on=2099-13-45", "on=0000-00-00", "on=99999-01-01", "part=night"),
        *("free=yes", "after=x", "after=1-2-3", "after=99999999999999999-1", "after=1-99999999999", "after=²-1"),
        *("show=1", "show=1000000", "show=-30", f"county={'9' * 400}", "date=today%00", "category=%F0%9F%98%80"),
    ],
)
def test_what_cannot_be_understood_is_left_out_and_said(client, station, query):
    offer(station)
    page = client.get(f"/?{query}")
    assert page.status_code == 200
    assert titles(page) == ["社区图书角管理岗"]
    assert "could not be understood" in page.text


def test_parameters_nobody_knows_do_not_matter(client, station):
    offer(station)
    page = client.get("/?utm_source=x&misread=1&cursor=1")
    assert titles(page) == ["社区图书角管理岗"]
    assert "could not be understood" not in page.text


def test_the_address_says_only_what_was_chosen():
    search = read({"q": " 图书 ", "county": "", "date": "today", "free": "1", "show": "60"})
    assert search.url() == "/?q=%E5%9B%BE%E4%B9%A6&date=today&free=1"
    assert search.url(date="", free=False, q="") == "/"
    assert read({"county": "", "q": ""}).is_open


def test_when_nothing_fits_the_page_says_so_and_shows_ways_out(client, station):
    offer(station)
    page = client.get("/?q=%E4%B9%A6&county=330421000000&category=water&date=today&part=evening&free=1").text
    assert "Nothing fits all of this" in page
    for words in ("书", "嘉善县", "Clean water", "Today", "Evening, from 18:00", "With free places"):
        assert f"Without {words}" in page
    assert 'href="/"' in page


def test_when_nothing_is_open_the_page_says_what_will_be_here(client):
    assert "Nothing is open at the moment" in client.get("/").text


def test_chips_switch_one_filter_and_keep_the_others(client, station):
    offer(station)
    page = client.get("/?date=today&free=1").text
    assert '<a href="/?free=1" data-keep-scroll aria-current="true">Today</a>' in page
    assert '<a href="/?date=tomorrow&amp;free=1" data-keep-scroll>Tomorrow</a>' in page
    assert '<a href="/?date=today" data-keep-scroll aria-current="true">With free places</a>' in page


# --- search -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("书", ["社区图书角管理岗"]),
        ("图书", ["社区图书角管理岗"]),
        ("图书 管理", ["社区图书角管理岗"]),
        ("图书 河", []),
        ("河", ["护河巡查岗"]),
        ("管理岗位", []),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("' OR 1=1 --", []),
        ("ＩＴ", ["it 课堂"]),
        ("   ", ["社区图书角管理岗", "护河巡查岗", "it 课堂"]),
    ],
)
def test_search_finds_words_of_any_length(client, station, words, expected):
    offer(station)
    offer(station, "护河巡查岗", search_text="护河巡查岗 沿河捡拾垃圾", starts_at=START + HOUR)
    offer(station, "it 课堂", starts_at=START + 2 * HOUR, search_text="it 课堂")
    assert titles(client.get("/", query_string={"q": words})) == expected


@pytest.mark.parametrize("words", [SCRIPT, '"><img src=x onerror=alert(1)>', "a\0b", "书" * 500, "😀", "\u202e"])
def test_whatever_is_typed_into_the_search_comes_back_as_text(client, words):
    page = client.get("/", query_string={"q": words})
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<img" not in page.text


# --- pages --------------------------------------------------------------------------------------------------------


def fill(station, count):
    post = make_post(station)
    for number in range(count):
        make_shift(post, starts_at=START + number * HOUR, hours=1)


def test_a_page_shows_thirty_and_more_are_added_below(client, station):
    fill(station, PAGE + 5)
    first = client.get("/")
    assert len(titles(first)) == PAGE
    assert 'href="/?show=60"' in first.text
    assert len(titles(client.get("/?show=60"))) == PAGE + 5


def test_a_long_list_goes_on_behind_the_last_one_and_leaves_nothing_out(client, station):
    fill(station, MOST + 3)
    page = client.get(f"/?show={MOST}&free=1").text
    more = re.search(r'id="more" href="([^"]+)"', page)[1].replace("&amp;", "&")
    assert "after=" in more
    assert "free=1" in more
    seen = re.findall(r'id="shift-(\d+)"', page) + re.findall(r'id="shift-(\d+)"', client.get(more).text)
    assert len(seen) == len(set(seen)) == MOST + 3
    assert "Back to the soonest" in client.get(more).text


def test_shifts_that_begin_together_are_not_lost_between_pages(client, station):
    post = make_post(station)
    ids = [make_shift(post).id for _ in range(5)]
    page = client.get(f"/?after={int(START.timestamp())}-{ids[2]}")
    assert [int(id) for id in re.findall(r'id="shift-(\d+)"', page.text)] == ids[3:]


@pytest.mark.parametrize("show", [PAGE, MOST])
def test_the_number_of_questions_does_not_grow_with_the_list(client, station, show):
    fill(station, 10)
    sign_in(client, make_volunteer("林小满", station).account_id)
    client.get("/me")  # from now on the session has a token for forms
    few = questions(client, show)
    fill(station, 100)
    assert questions(client, show) == few
    assert few <= 8
    with counted() as again:
        client.get(f"/?show={show}")
    assert len(again) <= 3


def questions(client, show):
    client.application.extensions["board"] = board.Memory(seconds=0)
    with counted() as asked:
        assert client.get(f"/?show={show}").status_code == 200
    return len(asked)


# --- what is kept belongs to nobody ---------------------------------------------------------------------------------


def token_in(page):
    return set(re.findall(r'name="csrf_token" value="([^"]*)"', page.text))


def test_two_people_get_their_own_tokens_and_their_own_state(app, station):
    shift = offer(station)
    people = [make_volunteer(name, station) for name in ("林小满", "周晓航")]
    claim(shift, people[0])
    pages = []
    for person in people:
        browser = app.test_client()
        browser.set_cookie(COOKIE, "en.normal.auto")
        sign_in(browser, person.account_id)
        pages.append(browser.get("/"))
        g.pop("csrf_token")  # the test is one context around all requests, which in life are apart
    assert "Place 1 is yours" in pages[0].text
    assert "Place 1 is yours" not in pages[1].text
    mine, theirs = map(token_in, pages)
    assert len(mine) == len(theirs) == 1
    assert mine != theirs
    for page in pages:
        assert not re.search(r"\b[0-9a-f]{32}\b", page.text), "a mark was left in the page"


def test_a_visitor_gets_no_cookie_and_no_token(client, station):
    offer(station)
    page = client.get("/")
    assert "Set-Cookie" not in page.headers
    assert token_in(page) == set()


def test_a_visitor_after_somebody_who_is_signed_in_sees_nothing_of_them(app, client, station):
    offer(station)
    lin = app.test_client()
    sign_in(lin, make_volunteer("林小满", station).account_id)
    lin.get("/")
    page = client.get("/").text
    assert "Sign out" not in page
    assert "csrf" not in page.lower()


def test_what_is_kept_is_bounded():
    kept = board.Bounded(3)
    for number in range(10):
        kept.keep(number, number)
    assert [kept.get(number) for number in (6, 7, 8, 9)] == [None, 7, 8, 9]


def test_a_message_is_read_on_the_list_and_only_once(client, station):
    sign_in(client, make_volunteer("林小满", station).account_id)
    with client.session_transaction() as session:
        session["_flashes"] = [("success", "Well done")]
    assert "Well done" in client.get("/").text
    assert "Well done" not in client.get("/").text


def test_easy_view_shows_four_large_buttons_and_the_phone_of_the_own_station(client, station):
    offer(station)
    station.phone = "0573-12345678"
    db.session.commit()
    client.set_cookie(COOKIE, "en.elder.auto")
    assert "elder-menu" in client.get("/").text
    sign_in(client, make_volunteer("顾阿婆", station).account_id)
    assert 'href="tel:0573-12345678"' in client.get("/").text


def test_a_new_search_swaps_filters_and_list_but_not_the_page(client, station):
    offer(station)
    part = client.get("/?date=week", headers=SWAP).text
    assert part.count('id="list"') == part.count('id="board"') == 1
    assert "<html" not in part
    assert 'id="flash"' in part


def test_shifts_of_a_cancelled_post_are_gone_even_if_nobody_touched_them(client, station):
    shift = offer(station)
    post = db.session.get(Post, shift.post_id)
    post.state, post.cancelled_at = PostState.CANCELLED, BEFORE
    db.session.commit()
    assert titles(client.get("/")) == []


def test_no_get_of_these_pages_writes(client):
    world = make_world()
    shift = make_shift(make_post(world.station))
    held = claim(shift, world.lin)
    sign_in(client, world.lin.account_id)
    pages = ["/", "/?q=x&free=1", f"/shifts/{shift.id}", f"/shifts/{shift.id}/card", "/me/schedule", "/check-in"]
    with counted() as asked:
        for page in [*pages, "/me/schedule.ics"]:
            assert client.get(page).status_code == 200
    assert [statement for statement in asked if not statement.lstrip().startswith("SELECT")] == []
    assert db.session.get(Claim, held.id).state is ClaimState.HELD
