"""The inbox: newest first, read by a button, and nobody else's."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from blueprints.messages.actions import tell
from blueprints.messages.models import Notice, NoticeKind
from core.db import db
from tests.factories import make_account, sign_in
from tests.identity.people import NOW


@pytest.fixture
def lin(client):
    account = make_account()
    sign_in(client, account.id)
    return account


def told(account, count=1):
    for number in range(count):
        name = f"第{number}个站点"
        tell(
            account.id,
            NoticeKind.REGISTRATION_RECEIVED,
            now=NOW + number * timedelta(minutes=1),
            path="/me",
            organization=name,
        )
    db.session.commit()


def unread(account):
    return [n for n in db.session.scalars(select(Notice).where(Notice.account_id == account.id)) if not n.read_at]


@pytest.mark.usefixtures("lin")
def test_an_empty_inbox_says_what_would_be_here(client):
    assert "No messages yet" in client.get("/me/inbox").text


def test_the_newest_comes_first_with_a_link_to_the_thing(client, lin):
    told(lin, 2)
    page = client.get("/me/inbox").text
    assert page.index("第1个站点") < page.index("第0个站点")
    assert 'href="/me"' in page


def test_opening_the_page_writes_nothing_and_the_button_reads_all(client, lin):
    told(lin, 3)
    client.get("/me/inbox")
    assert len(unread(lin)) == 3
    assert client.post("/me/inbox/reading").status_code == 303
    db.session.expire_all()
    assert unread(lin) == []
    assert "Mark all as read" not in client.get("/me/inbox").text


def test_the_bell_counts_what_is_unread_on_every_page(client, lin):
    told(lin, 4)
    assert '<span class="count">4<' in client.get("/me").text


def test_a_long_inbox_is_paged_without_loss(client, lin):
    told(lin, 65)
    seen, pages, address = [], 0, "/me/inbox"
    while address:
        page, pages = client.get(address).text, pages + 1
        seen += [number for number in range(65) if f"第{number}个站点" in page]
        following = re.search(r'href="([^"]+)" rel="next"', page)
        address = following[1] if following else None
    assert pages == 3
    assert sorted(seen) == list(range(65))


@pytest.mark.parametrize("nonsense", ["abc", "-1", "9" * 40, "", "١"])
def test_a_forged_page_number_is_the_first_page(client, lin, nonsense):
    told(lin)
    assert "第0个站点" in client.get("/me/inbox", query_string={"before": nonsense}).text or nonsense == "9" * 40


@pytest.mark.usefixtures("lin")
def test_nobody_sees_or_reads_the_messages_of_another(client):
    other = make_account("周晓航")
    told(other)
    assert "第0个站点" not in client.get("/me/inbox").text
    client.post("/me/inbox/reading")
    assert len(unread(other)) == 1


def test_words_of_others_are_shown_as_words(client, lin):
    tell(lin.id, NoticeKind.REGISTRATION_RECEIVED, now=NOW, organization="<script>alert(1)</script>")
    db.session.commit()
    page = client.get("/me/inbox").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
