"""The world of somebody who sells hours: the station's clerk, everybody's browsers, and a clock that can be moved."""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from blueprints.records import queries
from blueprints.records.models import LedgerEntry, RefusedAttempt, ServiceRecord
from core import clock
from core.actor import Role
from core.db import db
from tests.claims.test_attendance import END, MINUTE
from tests.factories import START, World, browser_of, make_post, make_shift, make_staff, make_world

DONE = END + 5 * MINUTE


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def zhu(world):
    """The level above: a confirmer of the county."""
    return make_staff(Role.CONFIRMER, world.county, "朱确认")


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station), places=6)


@pytest.fixture
def at(monkeypatch):
    """Moves the clock of the application."""

    def move(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    move(DONE)
    return move


@pytest.fixture
def as_(app, at):
    """A browser in which somebody is signed in; it reads English."""

    return partial(browser_of, app)


@dataclass
class Seen:
    """What is left behind by an attack, as the pages tell it."""

    as_: object
    owner: object
    above: object

    def of(self, record) -> tuple[str, str]:
        """The words of the entry's page, for its owner and for the level above."""
        own = self.as_(self.owner).get(f"/me/records/{record.id}")
        desk = self.as_(self.above).get(f"/desk/records/{record.id}")
        assert (own.status_code, desk.status_code) == (200, 200)
        return words(own.text), words(desk.text)


@pytest.fixture
def seen(as_, world, zhu):
    return Seen(as_, world.lin, zhu)


def words(html: str) -> str:
    """The words of a page, as somebody reads them."""
    main = html[html.index("<main") : html.index("</main>")]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def counting(*volunteers) -> int:
    """The minutes that count of these people, and that the ledger holds of them at all."""
    db.session.expire_all()
    shown = sum(sum(queries.totals(each.id).values()) for each in volunteers)
    ids = [each.id for each in volunteers]
    kept = db.session.scalars(select(LedgerEntry.minutes).where(LedgerEntry.volunteer_id.in_(ids)))
    return shown + sum(kept)


def attempts() -> list[tuple[str, str, int]]:
    """Every trace: what was tried, why it was refused, and by whom."""
    db.session.expire_all()
    kept = db.session.scalars(select(RefusedAttempt).order_by(RefusedAttempt.id))
    return [(each.tried.value, each.bar.value, each.actor_id) for each in kept]


def entries() -> list[ServiceRecord]:
    db.session.expire_all()
    return list(db.session.scalars(select(ServiceRecord).order_by(ServiceRecord.id)))


def local(moment) -> str:
    """A moment as a form wants it."""
    return clock.local(moment).strftime("%Y-%m-%dT%H:%M")


DAY = timedelta(days=1)
BEGAN = START
