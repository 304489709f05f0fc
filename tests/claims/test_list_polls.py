"""How an open list keeps up: what a poll costs, when it gets news, and what it never does."""

import re
from datetime import timedelta

import pytest
from flask import g
from sqlalchemy.exc import OperationalError

from blueprints.claims import actions, board
from blueprints.claims.models import ClaimState
from blueprints.posts.models import Post, ShiftState
from core.db import db
from core.prefs import COOKIE
from tests.claims.conftest import SWAP
from tests.claims.test_claiming import claim
from tests.counting import counted
from tests.factories import BEFORE, HOUR, START, make_organization, make_post, make_shift, make_volunteer, sign_in


@pytest.fixture(autouse=True)
def saturday(at):
    at(BEFORE)


@pytest.fixture
def station():
    return make_organization()


@pytest.fixture
def shift(station):
    return make_shift(make_post(station), places=2)


@pytest.fixture
def lin(client, station):
    volunteer = make_volunteer("林小满", station)
    sign_in(client, volunteer.account_id)
    return volunteer


def tag_of(page):
    return re.search(r'hx-ptag="([^"]+)"', page.text)[1]


def poll(client, tag, path="/"):
    return client.get(path, headers={**SWAP, "HX-PTag": tag})


@pytest.fixture
def tag(client, shift, lin):
    return tag_of(client.get("/"))


# --- nothing new ------------------------------------------------------------------------------------------------


def test_a_poll_without_news_is_304_and_brings_nothing(client, tag):
    answer = poll(client, tag)
    assert answer.status_code == 304
    assert answer.data == b""
    assert answer.headers["HX-PTag"] == tag
    assert "Set-Cookie" not in answer.headers


def test_a_poll_without_news_asks_the_database_nothing_while_the_version_is_fresh(app, client, shift):
    app.extensions["board"] = board.Memory(seconds=60)
    tag = tag_of(client.get("/"))
    with counted() as asked:
        assert [poll(client, tag).status_code for _ in range(20)] == [304] * 20
    assert asked == []


def test_a_poll_without_news_loads_no_session(app, client, tag, monkeypatch):
    monkeypatch.setattr(app.session_interface, "open_session", lambda *_: pytest.fail("the session was opened"))
    assert poll(client, tag).status_code == 304


def test_the_version_is_read_at_most_once_a_second(app):
    times, clock = [], [100.0]
    version = board.Lately(lambda: times.append(clock[0]) or str(clock[0]), 1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(board.time, "monotonic", lambda: clock[0])
        for _ in range(40):
            version.answer()
            clock[0] += 0.1
    assert len(times) == 4


def test_a_version_that_grows_old_while_it_is_given_asks_nobody(app, client, tag, monkeypatch):
    """The front asks without an application at hand only for what is still fresh: it once looked twice at the clock."""
    passing = iter(range(10_000))
    monkeypatch.setattr(board.time, "monotonic", lambda: float(next(passing)))
    assert poll(client, tag).status_code == 304
    version = board.memory(app).version
    version._until = next(passing) + 2.0
    monkeypatch.setattr(version, "_ask", lambda: pytest.fail("nobody is at hand to ask"))
    assert version.fresh == tag.partition(".")[0]
    assert version.fresh is None


def test_the_tag_of_another_page_is_no_shortcut(client, shift):
    assert poll(client, "roster-1").status_code == 200
    assert poll(client, "board-000000000000.x").status_code == 200
    assert poll(client, "board-").status_code == 200


def test_a_post_is_never_answered_by_the_tag(client, tag, shift):
    answer = client.post(f"/shifts/{shift.id}/claims", headers={"HX-PTag": tag})
    assert answer.status_code == 303


def test_when_the_database_is_away_the_usual_way_says_so(app, client, tag, monkeypatch):
    def away():
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(app.extensions["board"].version, "_ask", away)
    assert poll(client, tag).status_code == 503


# --- news -------------------------------------------------------------------------------------------------------


def test_a_place_taken_elsewhere_is_news(client, tag, shift, station):
    claim(shift, make_volunteer("周晓航", station))
    answer = poll(client, tag)
    assert answer.status_code == 200
    assert "<b>1</b> of 2 places free" in answer.text
    assert tag_of(answer) != tag


def test_news_is_the_list_alone_so_that_nobody_loses_what_they_type(client, tag, shift, station):
    claim(shift, make_volunteer("周晓航", station))
    answer = poll(client, tag).text
    assert answer.lstrip().startswith("<div")
    assert answer.count('id="board"') == 1
    assert 'name="q"' not in answer
    assert 'id="flash"' not in answer


@pytest.mark.parametrize("what", ["new", "cancelled", "moved", "text", "own", "started", "midnight"])
def test_everything_that_a_list_shows_is_news(client, tag, shift, lin, at, what):
    post = db.session.get(Post, shift.post_id)
    if what == "new":
        make_shift(post, starts_at=START + HOUR)
    if what == "cancelled":
        shift.state, shift.cancelled_at, shift.revision = ShiftState.CANCELLED, BEFORE, shift.revision + 1
    if what == "moved":
        shift.starts_at, shift.revision = START - HOUR, shift.revision + 1
    if what == "text":
        post.title, shift.revision = "别的", shift.revision + 1
    if what == "own":
        claim(shift, lin)
    if what == "started":
        at(START)
    if what == "midnight":
        at(BEFORE + timedelta(hours=16))
        g.pop("today", None)
    db.session.commit()
    assert poll(client, tag).status_code == 200


def test_a_shift_that_starts_leaves_an_open_list(client, tag, shift, at):
    at(START)
    assert f'id="shift-{shift.id}"' not in poll(client, tag).text


def test_one_that_leaves_and_one_that_comes_are_not_taken_for_nothing_new(client, station, shift):
    post = db.session.get(Post, shift.post_id)
    other = make_shift(post, starts_at=START + HOUR, state=ShiftState.DRAFT)
    tag = tag_of(client.get("/"))
    shift.state, shift.cancelled_at, other.state = ShiftState.CANCELLED, BEFORE, ShiftState.OPEN
    db.session.commit()
    assert poll(client, tag).status_code == 200


def test_a_change_outside_of_the_search_is_no_news_but_a_new_tag(client, lin, station, shift):
    later = make_shift(db.session.get(Post, shift.post_id), starts_at=START + 48 * HOUR)
    tag = tag_of(client.get("/?on=2099-05-04"))
    claim(later, make_volunteer("周晓航", station))
    answer = poll(client, tag, "/?on=2099-05-04")
    assert answer.status_code == 304
    assert answer.headers["HX-PTag"] != tag
    with counted() as asked:
        assert poll(client, answer.headers["HX-PTag"], "/?on=2099-05-04").status_code == 304
    assert len(asked) == 1  # the version


def test_an_old_tag_of_somebody_else_brings_the_own_list(app, client, tag, shift, lin, station):
    claim(shift, lin)
    theirs = tag_of(poll(client, tag))
    zhou = app.test_client()
    zhou.set_cookie(COOKIE, "en.normal.auto")
    sign_in(zhou, make_volunteer("周晓航", station).account_id)
    make_shift(db.session.get(Post, shift.post_id), starts_at=START + HOUR)
    answer = poll(zhou, theirs)
    assert answer.status_code == 200
    assert "Place 1 is yours" not in answer.text


def test_a_poll_leaves_a_message_for_the_page_that_shows_it(client, tag, shift, station):
    with client.session_transaction() as session:
        session["_flashes"] = [("success", "Well done")]
    claim(shift, make_volunteer("周晓航", station))
    assert "Well done" not in poll(client, tag).text
    assert "Well done" in client.get("/").text


def test_what_this_process_changes_is_seen_at_once(app, client, lin, shift):
    app.extensions["board"] = board.Memory(seconds=60)
    assert "<b>2</b> of 2 places free" in client.get("/").text
    assert client.post(f"/shifts/{shift.id}/claims").status_code == 303
    assert "<b>1</b> of 2 places free" in client.get("/").text


def test_the_poll_asks_for_what_is_shown(client, shift):
    page = client.get("/?q=%E5%9B%BE%E4%B9%A6&free=1&show=60").text
    assert 'hx-get="/?q=%E5%9B%BE%E4%B9%A6&amp;free=1&amp;show=60"' in page
    assert 'hx-trigger="every 3s, visibilitychange from:document"' in page
    assert 'hx-swap="outerMorph"' in page


def test_readers_are_told_politely_what_changed(client, tag, shift, station):
    assert 'data-announce="1 shift, 2 places free"' in client.get("/").text
    claim(shift, make_volunteer("周晓航", station))
    assert 'data-announce="1 shift, 1 place free"' in poll(client, tag).text


# --- visitors ---------------------------------------------------------------------------------------------------


def test_the_page_for_visitors_is_kept_until_something_changes(app, client, shift, station):
    app.extensions["board"] = board.Memory(seconds=60)
    first = client.get("/")
    with counted() as asked:
        assert client.get("/").data == first.data
    assert asked == []
    app.extensions["board"].version.forget()
    claim(shift, make_volunteer("周晓航", station))
    assert "<b>1</b> of 2 places free" in client.get("/").text


def test_the_page_for_visitors_carries_every_header_of_safety_also_when_kept(client, shift):
    first, second = client.get("/"), client.get("/")
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Vary", "Cache-Control"):
        assert first.headers[name] == second.headers[name]


def test_visitors_with_other_preferences_get_other_pages(app, shift):
    pages = set()
    for prefs in ("en.normal.auto", "zh_Hans.normal.auto", "zh_Hans.elder.auto", "zh_Hans.normal.dark"):
        visitor = app.test_client()
        visitor.set_cookie(COOKIE, prefs)
        pages.add(visitor.get("/").text)
    assert len(pages) == 4


def test_choosing_a_language_is_not_kept_for_others(client, shift):
    assert client.get("/?lang=zh_Hans").status_code == 303
    client.set_cookie(COOKIE, "en.normal.auto")
    assert 'lang="en"' in client.get("/").text


# --- the page of a shift ------------------------------------------------------------------------------------------


def test_the_page_of_a_shift_keeps_up_in_the_same_way(client, lin, shift, station):
    page = client.get(f"/shifts/{shift.id}")
    path, tag = f"/shifts/{shift.id}", tag_of(page)
    assert poll(client, tag, path).status_code == 304
    claim(shift, make_volunteer("周晓航", station))
    answer = poll(client, tag, path)
    assert "<b>1</b> of 2 places free" in answer.text
    assert answer.text.lstrip().startswith("<article")
    assert poll(client, tag_of(answer), path).status_code == 304


def test_a_shift_that_has_begun_is_asked_for_no_more(client, lin, shift, at):
    tag = tag_of(client.get(f"/shifts/{shift.id}"))
    at(START)
    answer = poll(client, tag, f"/shifts/{shift.id}")
    assert "This shift is on now" in answer.text
    assert "hx-trigger" not in answer.text


def test_an_offer_that_lapses_is_news_for_the_one_it_was_made_to(client, lin, shift, at):
    offered = claim(shift, lin)
    offered.state, offered.offered_until, shift.revision = ClaimState.OFFERED, BEFORE + HOUR, shift.revision + 1
    db.session.commit()
    path = f"/shifts/{shift.id}"
    tag = tag_of(client.get(path))
    at(BEFORE + HOUR)
    actions.settle_offers(BEFORE + HOUR)
    db.session.commit()
    assert "Your earlier claim: Offer lapsed" in poll(client, tag, path).text
