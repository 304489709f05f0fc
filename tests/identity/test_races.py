"""Two at once: one phone number, one ID number, one slip."""

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from app import create_app
from blueprints.identity import actions
from blueprints.identity.models import Account, Session, SlipPurpose, Volunteer
from core import clock
from core.db import db
from core.refusal import Refusal
from tests.factories import make_organization, make_world
from tests.identity.people import E164, HASH, NOW, OLD, account_of, details, id_number

pytestmark = pytest.mark.commits
KEPT = ("SQLALCHEMY_DATABASE_URI", "SECRET_KEY", "DATA_KEY", "INSTANCE", "TESTING", "MAIL_URL")
AT_ONCE = 6
_app: Any = None


def start(config: dict[str, Any]) -> None:
    """Each process has its own application and its own connections."""
    global _app  # noqa: PLW0603
    _app = create_app(**config)


def attempt(verb: str, *args: Any) -> str:
    with _app.app_context():
        try:
            VERBS[verb](*args)
            db.session.commit()
        except Refusal:
            db.session.rollback()
            return "refused"
        return "done"


def register(phone: str, number: str | None) -> None:
    birth = {"birth_date": OLD} if number else {}
    actions.register(details(id_number=number, **birth), phone=phone, password_hash=HASH, lang="en", now=NOW)


def reset(slip_id: int) -> None:
    actions.reset_password(slip_id, HASH, device="", now=clock.now())


VERBS = {"register": register, "reset": reset}


@pytest.fixture
def race(app):
    context = multiprocessing.get_context("spawn")
    config = {name: app.config[name] for name in KEPT}

    def run(jobs):
        db.session.remove()
        with ProcessPoolExecutor(3, mp_context=context, initializer=start, initargs=(config,)) as pool:
            return Counter(future.result() for future in [pool.submit(attempt, *job) for job in jobs])

    return run


def test_one_phone_number_gets_one_account(race):
    make_organization()
    assert race([("register", E164, None)] * AT_ONCE) == {"done": 1, "refused": AT_ONCE - 1}
    assert db.session.scalar(select(func.count(Account.id)).where(Account.phone == E164)) == 1


def test_one_id_number_gets_one_registration(race):
    make_organization()
    jobs = [("register", f"+861990000910{n}", id_number()) for n in range(AT_ONCE)]
    assert race(jobs) == {"done": 1, "refused": AT_ONCE - 1}
    assert db.session.scalar(select(func.count(Volunteer.id))) == 1


def test_one_slip_is_used_once(race):
    world = make_world()
    account = account_of(world.lin)
    issued = {"actor": world.chen, "organization_id": world.station.id, "now": clock.now()}
    slip, _code = actions.issue_slip(account.id, SlipPurpose.PASSWORD, **issued)
    db.session.commit()
    account_id, before = account.id, db.session.scalar(select(func.count(Session.id)))
    assert race([("reset", slip.id)] * AT_ONCE) == {"done": 1, "refused": AT_ONCE - 1}
    mine = select(func.count(Session.id)).where(Session.account_id == account_id, Session.revoked_at.is_(None))
    assert db.session.scalar(mine) == 1
    assert db.session.scalar(select(func.count(Session.id))) == before + 1
