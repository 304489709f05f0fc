"""What stands before the application: what one visitor asks must not decide what the next one sees."""

import re

import pytest
from flask import g

from blueprints.claims import actions
from blueprints.claims.front import Front
from blueprints.identity.models import Session
from core.db import db
from core.prefs import COOKIE
from tests.claims.conftest import SWAP
from tests.claims.test_claiming import actor_of
from tests.factories import BEFORE, make_organization, make_post, make_shift, make_volunteer, sign_in


@pytest.fixture(autouse=True)
def open_shift(at):
    at(BEFORE)
    return make_shift(make_post(make_organization()))


def test_a_poll_with_an_empty_tag_is_not_kept_as_the_page_of_everybody(client):
    client.get("/", headers={"HX-PTag": ""})
    assert "<html" in client.get("/").text
    client.get("/?q=x", headers={**SWAP, "HX-PTag": ""})
    assert 'id="flash"' in client.get("/?q=x", headers=SWAP).text


@pytest.fixture
def lin(client):
    volunteer = make_volunteer("林小满", make_organization())
    sign_in(client, volunteer.account_id)
    client.get("/me")  # from now on the session has a token for forms
    return volunteer


@pytest.fixture
def joined(monkeypatch):
    """Whether each list was joined from what is kept, in the order they were asked for."""
    told, join = [], Front._joined

    def tell(front, environ):
        answer = join(front, environ)
        told.append(answer is not None)
        return answer

    monkeypatch.setattr(Front, "_joined", tell)
    return told


def test_a_list_that_is_joined_is_the_one_that_was_made(client, lin, joined):
    first, second = client.get("/"), client.get("/")
    assert joined == [False, True]
    assert second.text == first.text
    assert dict(second.headers) == dict(first.headers)


def test_nothing_of_a_person_is_joined_into_the_list_of_another(app, client, lin, joined, open_shift):
    actions.claim(open_shift.id, actor_of(lin), now=BEFORE)
    db.session.commit()
    mine = [client.get("/").text for _ in range(2)]
    zhou = app.test_client()
    zhou.set_cookie(COOKIE, "en.normal.auto")
    sign_in(zhou, make_volunteer("周晓航", make_organization()).account_id)
    g.pop("csrf_token")  # the tests of one request after another share it
    zhou.get("/me")
    theirs = [zhou.get("/").text for _ in range(2)]
    assert joined == [False, True, False, True]
    assert all("Place 1 is yours" in page for page in mine)
    assert not any("Place 1 is yours" in page for page in theirs)
    tokens = [set(re.findall(r'name="csrf_token" value="([^"]+)"', page)) for page in (mine[1], theirs[1])]
    assert [len(each) for each in tokens] == [1, 1]
    assert tokens[0] != tokens[1]


def test_a_session_that_was_ended_joins_nothing_more(client, lin, joined):
    client.get("/")
    db.session.execute(db.update(Session).values(revoked_at=BEFORE))
    db.session.commit()
    assert "Sign out" not in client.get("/").text
    assert joined == [False, False]


def test_the_token_in_a_joined_list_opens_its_forms(app, client, lin, joined, open_shift):
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        client.get("/")
        token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/").text)[1]
        assert joined == [False, True]
        assert client.post(f"/shifts/{open_shift.id}/claims", data={"csrf_token": "another"}).status_code == 400
        assert client.post(f"/shifts/{open_shift.id}/claims", data={"csrf_token": token}).status_code == 303
    finally:
        app.config["WTF_CSRF_ENABLED"] = False


@pytest.mark.parametrize("query", ["?theme=dark", "?mode=elder", "?lang=en&q=x"])
def test_a_change_of_the_view_goes_the_usual_way(client, lin, joined, query):
    client.get("/")
    assert client.get(f"/{query}").status_code == 303
    assert joined == [False, False]


def test_a_message_is_shown_once_and_then_the_list_is_joined_again(client, lin, joined, open_shift):
    for _ in range(2):
        client.get("/")
    with client.session_transaction() as session:
        session["_flashes"] = [("success", "Well done")]
    pages = [client.get("/").text for _ in range(2)]
    assert joined == [False, True, False, True]
    assert ["Well done" in page for page in pages] == [True, False]


def test_an_open_list_of_somebody_signed_in_gets_its_news_joined(client, lin, joined, open_shift):
    tag = re.search(r'hx-ptag="([^"]+)"', client.get("/").text)[1]
    zhou = make_volunteer("周晓航", make_organization())
    actions.claim(open_shift.id, actor_of(zhou), now=BEFORE)
    db.session.commit()
    client.get("/")
    answer = client.get("/", headers={**SWAP, "HX-PTag": tag})
    assert joined == [False, False, True]
    assert answer.text.startswith("<div")
    assert "<b>1</b> of 2 places free" in answer.text


def test_a_page_is_kept_for_the_host_it_was_made_for(app):
    visitor = app.test_client()
    asked = []
    inner = app.wsgi_app.inner
    app.wsgi_app.inner = lambda environ, start: (asked.append(environ["HTTP_HOST"]), inner(environ, start))[1]
    try:
        for host in ("one.example", "two.example", "one.example"):
            visitor.get("/", base_url=f"http://{host}")
    finally:
        app.wsgi_app.inner = inner
    assert asked == ["one.example", "two.example"]


@pytest.fixture
def made(app, monkeypatch):
    """How often the application itself was asked."""
    asked, inner = [], app.wsgi_app.inner
    monkeypatch.setattr(app.wsgi_app, "inner", lambda environ, start: (asked.append(environ), inner(environ, start))[1])
    return asked


def tag_of(page):
    return re.search(r'hx-ptag="([^"]+)"', page)[1]


def claimed_by_zhou(shift):
    actions.claim(shift.id, actor_of(make_volunteer("周晓航", make_organization())), now=BEFORE)
    db.session.commit()


def test_the_news_of_visitors_are_made_once_for_all_who_see_the_same(client, made, open_shift):
    tag = tag_of(client.get("/").text)
    claimed_by_zhou(open_shift)
    first, second = (client.get("/", headers={**SWAP, "HX-PTag": tag}) for _ in range(2))
    assert len(made) == 2
    assert first.text == second.text
    assert "<b>1</b> of 2 places free" in second.text
    assert client.get("/", headers={**SWAP, "HX-PTag": tag_of(second.text)}).status_code == 304


def test_a_list_that_shows_something_else_gets_its_own_answer(client, made, open_shift):
    before = tag_of(client.get("/").text)
    claimed_by_zhou(open_shift)
    now = tag_of(client.get("/").text)
    stale = f"board-000000000000.{now.partition('.')[2]}"  # what is shown is right, only the version is an older one
    answers = [client.get("/", headers={**SWAP, "HX-PTag": tag}) for tag in (before, stale, before, stale)]
    assert [answer.status_code for answer in answers] == [200, 304, 200, 304]
    assert [answers[n].headers["HX-PTag"] for n in (1, 3)] == [now, now]
    assert len(made) == 4
