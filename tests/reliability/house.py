"""A whole installation that can be struck down: a server of its own, a database of its own, and a crowd at its door.

Everything is real: the server is the one of `manage.py serve`, the answers come through HTTP with sessions and CSRF,
and a crash is SIGKILL to every process at once.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode

from flask_migrate import upgrade
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import create_engine, text

from app import create_app
from blueprints.claims.models import Claim, ClaimState
from blueprints.identity.access import TOKEN
from blueprints.identity.models import Account, Gender, Grant, Session, Volunteer, VolunteerState
from blueprints.organizations import actions as organizations
from blueprints.posts.models import Post, Shift
from core import vault
from core.actor import Role
from core.config import ROOT
from core.db import db
from core.web import App
from tests import postgres
from tests.factories import FOREVER, NANHU, YANYU, OrganizationKind, make_post, make_shift

KEYS = {"SECRET_KEY": "reliability-sessions", "DATA_KEY": "reliability-data"}
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECONDS_TO_START = 60
FORM_TOKEN = "a-token-of-the-form"


@dataclass(frozen=True, eq=False)
class Task:
    """One form that somebody sends, and what it is about."""

    path: str
    cookie: str
    form: dict[str, str]
    about: tuple[int, ...]


@dataclass
class House:
    """The installation; `start` and `kill` are the server's, the database is asked directly."""

    app: App
    folder: Path
    url: str
    port: int
    server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = os.environ | KEYS | {"INSTANCE_PATH": str(self.folder), "DATABASE_URL": self.url}
        environment |= {"LOG": str(self.folder / "log"), "WEB_WORKERS": "2", "WEB_THREADS": "4"}
        with (self.folder / "output").open("ab") as output:
            self.server = subprocess.Popen(
                postgres.dying_with_parent([sys.executable, "-m", "core.serve", "--port", str(self.port)], "KILL"),
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._wait()

    def _wait(self) -> None:
        give_up = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < give_up:
            try:
                if self.get("/healthz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError((self.folder / "output").read_text())

    def kill(self) -> None:
        """End every process of the server at once, without a word to it."""
        assert self.server
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait(20)

    def stop(self) -> None:
        """Ask the server to stop, as an upgrade does: it finishes what it has begun."""
        assert self.server
        self.server.terminate()
        assert self.server.wait(30) == 0

    def get(self, path: str, cookie: str = "") -> tuple[int, str]:
        browser = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            browser.request("GET", path, headers={"Cookie": cookie})
            answer = browser.getresponse()
            return answer.status, answer.read().decode()
        finally:
            browser.close()

    def cookie(self, account_id: int) -> str:
        """The cookie of a new session, with a token for its forms."""
        token = vault.token()
        held = Session(account_id=account_id, token_hash=vault.digest(token), created_at=LONG_AGO, expires_at=FOREVER)
        db.session.add(held)
        signer = self.app.session_interface.get_signing_serializer(self.app)
        value = signer.dumps({TOKEN: token, "_permanent": True, "csrf_token": FORM_TOKEN})
        return f"{self.app.config['SESSION_COOKIE_NAME']}={value}"

    def form(self, **fields: str) -> dict[str, str]:
        signer = URLSafeTimedSerializer(self.app.secret_key, salt="wtf-csrf-token")
        return {"csrf_token": signer.dumps(FORM_TOKEN), **fields}


@contextmanager
def house(folder: Path, url: str, *, empty: bool = False) -> Iterator[House]:
    """A new installation at this database, which must be empty; `empty` leaves it without the divisions, too."""
    folder.mkdir(parents=True, exist_ok=True)
    app = create_app(SQLALCHEMY_DATABASE_URI=url, INSTANCE=folder, MAIL_URL="", PUBLIC_URL="", **KEYS)
    built = House(app, folder, url, _free_port())
    with app.app_context():
        upgrade()
        if not empty:
            organizations.load_divisions()
            db.session.commit()
        try:
            yield built
        finally:
            db.session.remove()
            db.engine.dispose()
            if built.server and built.server.poll() is None:
                built.kill()


@contextmanager
def database(name: str) -> Iterator[str]:
    """A new database beside the one the tests run on, or a file: its address."""
    here = os.environ.get("TEST_DATABASE_URL", "")
    if not here.startswith("postgresql"):
        yield ""
        return
    server = create_engine(here, isolation_level="AUTOCOMMIT")
    name = f"{name}_{os.getpid()}"
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    yield server.url.set(database=name).render_as_string(False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


# --- who lives there ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Station:
    """A post with a clerk."""

    id: int
    post_id: int
    clerk_id: int


def furnish() -> Station:
    """An office with a station under it, its clerk, and a post."""
    office = organizations.found(
        "南湖区指导中心", OrganizationKind.OFFICE, division_id=NANHU, parent=None, now=LONG_AGO
    )
    station = organizations.found(
        "烟雨社区志愿服务站", OrganizationKind.STATION, division_id=YANYU, parent=office, now=LONG_AGO
    )
    clerk = _account("陈站长", 9_999_999)
    db.session.add(clerk)
    db.session.flush()
    db.session.add(Grant(account_id=clerk.id, role=Role.CLERK, organization_id=station.id, granted_at=LONG_AGO))
    post = make_post(station, clerk, published_at=LONG_AGO)
    return Station(station.id, post.id, clerk.id)


def people(station: Station, count: int, first: int) -> list[Volunteer]:
    """So many registered volunteers; `first` is the number of the first, so that nobody is made twice."""
    accounts = [_account("林小满", first + number) for number in range(count)]
    db.session.add_all(accounts)
    db.session.flush()
    found = []
    for number, account in enumerate(accounts):
        values = {"gender": Gender.FEMALE, "birth_date": date(2000, 3, 1), "division_id": YANYU}
        values |= {"state": VolunteerState.ACTIVE, "submitted_at": LONG_AGO, "number": f"R{first + number:09d}"}
        found.append(Volunteer(account_id=account.id, registered_with_id=station.id, **values))
    db.session.add_all(found)
    db.session.commit()
    return found


def _account(name: str, number: int) -> Account:
    return Account(name=name, phone=f"+86199{number:08d}", created_at=LONG_AGO, claimed_at=LONG_AGO)


def coming(station: Station, days: int, places: int, now: datetime) -> Shift:
    """A shift that people can claim."""
    return make_shift(db.session.get_one(Post, station.post_id), places, now + timedelta(days=days), 2)


def running(station: Station, holders: Sequence[Volunteer], now: datetime) -> list[Claim]:
    """A shift of this hour, all of whose places are held: who may be marked in."""
    shift = make_shift(db.session.get_one(Post, station.post_id), len(holders), now - HOUR / 2, 3)
    claims = [
        Claim(
            shift_id=shift.id,
            volunteer_id=volunteer.id,
            state=ClaimState.HELD,
            place=place,
            places=shift.places,
            claimed_at=LONG_AGO,
        )
        for place, volunteer in enumerate(holders, 1)
    ]
    db.session.add_all(claims)
    db.session.commit()
    return claims


# --- the crowd ------------------------------------------------------------------------------------------------


class Crowd:
    """Many people at once; every answer is counted, and `strike` is called once when so many have come."""

    def __init__(
        self,
        port: int,
        tasks: Sequence[Task],
        strike: Callable[[], None] | None = None,
        after: int = 0,
        *,
        patient: bool = False,
    ) -> None:
        self.port, self.strike, self.after, self.patient = port, strike, after, patient
        self.answers: dict[Task, int] = {}
        self._waiting = iter(tasks)
        self._lock = threading.Lock()

    def rush(self, threads: int = 24) -> dict[Task, int]:
        """Send everything; returns the status of each that was answered."""
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _n: self._go_on(), range(threads)))
        return self.answers

    def _go_on(self) -> None:
        while (task := self._next()) is not None:
            status = self._sent(task)
            if status:
                self._note(task, status)

    def _sent(self, task: Task) -> int:
        """Patient people knock again until they are answered."""
        give_up = time.monotonic() + SECONDS_TO_START
        while not (status := send(self.port, task)) and self.patient and time.monotonic() < give_up:
            time.sleep(0.1)
        return status

    def _next(self) -> Task | None:
        with self._lock:
            return next(self._waiting, None)

    def _note(self, task: Task, status: int) -> None:
        with self._lock:
            self.answers[task] = status
            strike = self.strike if len(self.answers) >= self.after else None
            if strike:
                self.strike = None
        if strike:
            strike()


def send(port: int, task: Task) -> int:
    """The status, or 0 if there was no answer."""
    browser = HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Cookie": task.cookie, "Content-Type": "application/x-www-form-urlencoded"}
    try:
        browser.request("POST", task.path, urlencode(task.form), headers)
        answer = browser.getresponse()
        answer.read()
    except (OSError, HTTPException):
        return 0
    finally:
        browser.close()
    return answer.status
