"""A station with a paired tablet, and ways to stand before it or to scan it with a phone."""

import re
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient

from blueprints.kiosk import actions
from blueprints.kiosk.access import COOKIE, FOLDER
from core import clock, passwords
from core.db import db
from core.prefs import COOKIE as PREFS
from tests.factories import BEFORE, make_post, make_shift, make_world, sign_in

EXIT_PIN = "2468"


@pytest.fixture
def at(monkeypatch):
    """Moves the clock of the application."""

    def move(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    return move


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station), places=5)


def add_tablet(world, actor=None, organization=None, now=BEFORE):
    station = organization or world.station
    made = actions.add_tablet(station.id, "前台", passwords.hashed(EXIT_PIN), actor or world.chen, now=now)
    db.session.commit()
    return made


@pytest.fixture
def tablet(world):
    return add_tablet(world)


def browser(app) -> FlaskClient:
    made = app.test_client()
    made.set_cookie(PREFS, "en.normal.auto")
    return made


def as_tablet(app, code, now=BEFORE) -> FlaskClient:
    """A browser that was paired with this code."""
    token = actions.pair(code, now=now)
    db.session.commit()
    made = browser(app)
    made.set_cookie(COOKIE, token, path=FOLDER)
    return made


@pytest.fixture
def kiosk(app, tablet) -> FlaskClient:
    return as_tablet(app, tablet[1])


@dataclass
class Phone:
    """Somebody's phone: signed in or not."""

    client: FlaskClient

    def scans(self, code: str):
        """The answer to opening the scanned address, after the redirect to the receipt."""
        return self.client.get(f"/scans/{code}", follow_redirects=False)

    def receipt(self, code: str) -> str:
        return self.scans(code).headers["Location"].rpartition("/")[2]

    def opens(self, receipt: str):
        return self.client.get(f"/scans/receipts/{receipt}")

    def sends(self, receipt: str, act: str = "in"):
        return self.client.post("/scans/attendance", data={"receipt": receipt, "act": act})

    def checks(self, code: str, act: str = "in"):
        return self.sends(self.receipt(code), act)


@pytest.fixture
def phone(app):
    """`phone(volunteer)` is the phone of somebody who is signed in, `phone()` of somebody who is not."""

    def make(volunteer=None) -> Phone:
        client = browser(app)
        if volunteer:
            sign_in(client, volunteer.account_id)
        return Phone(client)

    return make


@pytest.fixture
def shown(monkeypatch, kiosk):
    """`shown()` is what the square on the tablet says at this moment."""
    seen = []

    def square(text):
        seen.append(text)
        return "data:,"

    monkeypatch.setattr("blueprints.kiosk.signs.square", square)

    def read() -> str:
        kiosk.get("/kiosk")
        return re.sub(r"^.*/scans/", "", seen[-1])

    return read
