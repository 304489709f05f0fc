"""Every page that a role can reach by clicking, on the demonstration data, in Chinese and in English: what it says,
how it is built, and how often it asks the database."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import pytest
from sqlalchemy import Engine, event, select

from blueprints.admin import demo
from blueprints.identity.models import Account
from core.db import db
from core.i18n import DEFAULT_LANGUAGE, speaking
from core.prefs import COOKIE
from tests.counting import counted
from tests.factories import sign_in
from tests.site.pages import Page

MOST = 260
WRITES = re.compile(r"^\s*(INSERT|UPDATE|DELETE|REPLACE)", re.IGNORECASE)
# Each kind of address is opened a few times, not for every row of the demonstration.
SAMPLES = 3
# So many questions a page may ask, whatever stands on it. A demonstration asks one more each time: where its clock is.
QUERIES = 8
CLOCK = 1


def kind_of(path: str) -> str:
    """The address without its numbers and codes."""
    parts = urlsplit(path)
    keys = "&".join(sorted({pair.split("=")[0] for pair in parts.query.split("&")}))
    return re.sub(r"\d+|[A-Za-z0-9_-]{24,}", "N", parts.path) + "?" + keys


@contextmanager
def no_writes(flaws: list[str], path: str) -> Iterator[None]:
    def look(_conn, _cursor, statement, *_rest):
        if WRITES.match(statement):
            flaws.append(f"{path}: a GET writes: {statement[:60]}")

    event.listen(Engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", look)


def visit(client, path: str, flaws: list[str]) -> list[str]:
    """Open a page, note what is wrong, and return the addresses it links to.

    A context of its own, as a server gives each request: nothing that another page has read or said is known here.
    """
    with client.application.app_context(), no_writes(flaws, path), counted() as asked:
        answer = client.get(path)
    if len(asked) > QUERIES + CLOCK:
        flaws.append(f"{path}: {len(asked) - CLOCK} queries, which is more than {QUERIES}")
    if answer.status_code in (302, 303):
        return [answer.headers["Location"]]
    if answer.status_code != 200:
        flaws.append(f"{path}: {answer.status_code}")
        return []
    if answer.mimetype != "text/html":
        return []
    page = Page(answer.text)
    flaws += [f"{path}: {flaw}" for flaw in page.flaws()]
    return [urljoin(path, link) for link in page.links]


def crawl(client) -> tuple[set[str], list[str]]:
    """Every kind of page that can be reached by clicking from the list and from one's own page."""
    flaws: list[str] = []
    seen: dict[str, int] = {}
    opened: set[str] = set()
    todo = ["/", "/me", "/desk"] if client.get("/me").status_code == 200 else ["/"]
    if "/desk" in todo and client.get("/desk").status_code != 200:
        todo.remove("/desk")
    while todo and len(opened) < MOST:
        path = todo.pop(0)
        parts = urlsplit(path)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        skip = parts.netloc or parts.scheme not in ("", "http") or not parts.path.startswith("/")
        if (
            skip
            or path in opened
            or seen.get(kind_of(path), 0) >= SAMPLES
            or re.search(r"[?&](lang|mode|theme)=", path)
        ):
            continue
        seen[kind_of(path)] = seen.get(kind_of(path), 0) + 1
        opened.add(path)
        todo += visit(client, path, flaws)
    return opened, flaws


def people() -> dict[str, int | None]:
    """One account of each role in the demonstration, by its phone number."""
    accounts = dict(db.session.execute(select(Account.phone, Account.id)).all())
    return {"visitor": None} | {who.role: accounts[who.phone] for who in demo.ROLES}


@pytest.mark.slow
def test_every_page_that_anybody_can_reach_is_sound(app):
    with speaking(DEFAULT_LANGUAGE):
        demo.load()
    app.extensions["demo"] = True  # its pages and its clock are looked at, too
    problems: dict[str, list[str]] = {}
    kinds: set[str] = set()
    for role, account_id in people().items():
        for lang in ("zh_Hans", "en") if role != "visitor" else ("zh_Hans",):
            client = app.test_client()
            client.set_cookie(COOKIE, f"{lang}.normal.auto")
            if account_id:
                sign_in(client, account_id)
            opened, flaws = crawl(client)
            kinds |= {kind_of(path).split("?")[0] for path in opened}
            problems[f"{role} {lang}"] = flaws
    assert {who: flaws for who, flaws in problems.items() if flaws} == {}
    assert len(kinds) > 40, sorted(kinds)
