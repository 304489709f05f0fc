"""A real server and a real Chromium; every person has a window of their own on them.

The server speaks to the same database as the tests, so a test must let go of what it has read before it waits
for a page: `scenes.prepared()` and `scenes.found()` do. Time is the product's own clock, moved by `at()`.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from app import create_app
from blueprints.identity.access import TOKEN
from core import clock
from core.db import db
from core.prefs import COOKIE
from core.web import App
from tests import chromium as installed
from tests.browser.person import Person
from tests.browser.scenes import prepared
from tests.factories import BEFORE, World, make_world, open_session

PATIENCE = 15_000  # milliseconds, on a machine that is busy
expect.set_options(timeout=PATIENCE)


class Quiet(WSGIRequestHandler):
    """Answers like the server of Werkzeug, without a line for each request."""

    def log_request(self, *_args: Any) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="session")
def site(app: App) -> Iterator[App]:
    """The application as people meet it: errors become pages, and forms need their token."""
    same = {name: app.config[name] for name in ("SQLALCHEMY_DATABASE_URI", "INSTANCE", "SECRET_KEY", "DATA_KEY")}
    site = create_app(**same, MAIL_URL="", PUBLIC_URL="")
    yield site
    with site.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def address(site: App) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, site, threaded=True, request_handler=Quiet)
    server.daemon_threads = True  # a connection that a browser keeps open must not keep the tests
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=installed.ensure(), args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture(autouse=True)
def _forgetful(site: App) -> None:
    """What the server remembers of the list belongs to rows that are gone."""
    site.extensions.pop("board", None)


@pytest.fixture
def at(site: App, _forgetful: None) -> Callable[[datetime], None]:
    """Move the clock of the product; it goes on from there."""

    def move(moment: datetime) -> None:
        site.extensions["clock_ahead"] = moment - clock.real()

    move(BEFORE)
    return move


@pytest.fixture
def world(at: Callable[[datetime], None]) -> World:
    """Everybody of the named world, two days before the first shift."""
    with prepared():
        world = make_world()
        for person in (world.lin, world.zhou, world.shen, world.station):
            db.session.refresh(person)
            db.session.expunge(person)
    return world


@pytest.fixture
def comes(site: App, address: str, chromium: Browser) -> Iterator[Callable[..., Person]]:
    """Somebody comes: `comes(PHONE)` a visitor, `comes(TABLET, account_id)` somebody who is signed in; they may
    have chosen a look, such as `elder.dark`.

    Whatever their browser complained about in the meantime fails the test.
    """
    people: list[Person] = []

    def come(device: dict[str, Any], account_id: int | None = None, look: str = "normal.auto") -> Person:
        context = chromium.new_context(**device, base_url=address, locale="zh-CN", reduced_motion="reduce")
        context.set_default_timeout(PATIENCE)
        context.add_cookies([{"name": COOKIE, "value": f"zh_Hans.{look}", "url": address}])
        if account_id:
            _sign_in(site, context, account_id, address)
        people.append(Person(context.new_page()))
        return people[-1]

    yield come
    for person in people:
        person.page.context.close()
    assert [complaint for person in people for complaint in person.complaints] == []


def _sign_in(site: App, context: BrowserContext, account_id: int, address: str) -> None:
    """Put the cookie of a new session into the browser."""
    with prepared():
        token = open_session(account_id)
    signer = site.session_interface.get_signing_serializer(site)
    cookie = {"name": site.config["SESSION_COOKIE_NAME"], "value": signer.dumps({TOKEN: token, "_permanent": True})}
    context.add_cookies([{**cookie, "url": address}])
