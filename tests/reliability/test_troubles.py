"""A full disk, a database that cannot be written or is away, a clock that goes back: clear words, and nothing lost."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, select, text

from blueprints.admin import worker
from blueprints.claims import actions as claims
from blueprints.claims.models import Act, Claim, ClaimState
from blueprints.identity.models import Account, Attempt
from blueprints.kiosk import actions as kiosk
from blueprints.kiosk.access import COOKIE as TABLET
from blueprints.messages.models import Notice, NoticeKind
from blueprints.records import proof
from core import clock, passwords
from core.db import db
from core.prefs import COOKIE
from core.refusal import Refusal
from tests import postgres
from tests.browser.person import zh
from tests.claims.test_claiming import actor_of
from tests.factories import HOUR, START, actor_for, make_post, make_shift, make_world, sign_in
from tests.reliability.house import Station, Task, coming, database, furnish, house, people, send

pytestmark = pytest.mark.commits
NOT_SAVED = "Nothing was saved"


@pytest.fixture
def home(tmp_path):
    with database("trouble") as url, house(tmp_path / "home", url or f"sqlite:///{tmp_path / 'rengang.db'}") as built:
        built.station = furnish()
        yield built


@pytest.fixture
def claimer(home):
    """A browser of somebody who may claim, and the shift to be claimed."""
    home.app.config.update(WTF_CSRF_ENABLED=False)
    volunteer = people(home.station, 1, 1)[0]
    shift = coming(home.station, 2, 5, datetime.now(UTC))
    browser = home.app.test_client()
    browser.set_cookie(COOKIE, "en.normal.auto")
    sign_in(browser, volunteer.account_id)
    address = f"/shifts/{shift.id}"
    db.session.remove()
    return browser, address


def count_claims() -> int:
    found = db.session.scalar(select(func.count()).select_from(Claim))
    db.session.rollback()
    return found


def trouble(engine, make):
    """While this is listened to, every transaction of the engine meets it."""
    event.listen(engine, "begin", make)
    return lambda: event.remove(engine, "begin", make)


def read_only(connection) -> None:
    """From now on this transaction, and on SQLite this connection, writes nothing."""
    sqlite = connection.dialect.name == "sqlite"
    connection.exec_driver_sql("PRAGMA query_only = ON" if sqlite else "SET TRANSACTION READ ONLY")


def test_a_database_that_cannot_be_written_is_said_in_words_and_reading_goes_on(home, claimer):
    browser, address = claimer
    end = trouble(db.engine, read_only)
    answer = browser.post(f"{address}/claims")
    assert (answer.status_code, NOT_SAVED in answer.text) == (503, True)
    assert answer.headers["Retry-After"]
    assert browser.get(address).status_code == 200
    assert browser.get("/").status_code == 200
    end()
    if db.engine.dialect.name == "sqlite":
        db.engine.dispose()  # the switch is the connection's
    assert count_claims() == 0
    assert browser.post(f"{address}/claims").status_code == 303
    assert count_claims() == 1


def test_the_tablet_and_the_sign_in_say_so_as_well_and_nobody_counts_a_try_that_was_not_tried(home, claimer):
    """A wrong password and a wrong PIN are written down after the answer: even that must not end in a crash."""
    token = paired(home.station)
    tablet, visitor = home.app.test_client(), home.app.test_client()
    tablet.set_cookie(TABLET, token, path="/kiosk")
    for browser in (tablet, visitor):
        browser.set_cookie(COOKIE, "en.normal.auto")
    end = trouble(db.engine, read_only)
    assert tablet.get("/kiosk").status_code == 200
    assert tablet.get("/kiosk/entry").status_code == 200
    tries = [
        tablet.post("/kiosk/entry", data={"who": "7000000001", "pin": "739251"}),
        visitor.post("/sign-in", data={"phone": "19900000001", "password": "wrong-password"}),
    ]
    end()
    if db.engine.dialect.name == "sqlite":
        db.engine.dispose()
    assert [(answer.status_code, NOT_SAVED in answer.text) for answer in tries] == [(503, True), (503, True)]
    assert db.session.scalar(select(func.count()).select_from(Attempt)) == 0
    db.session.rollback()
    assert tablet.post("/kiosk/entry", data={"who": "7000000001", "pin": "739251"}).status_code == 409


def paired(station: Station) -> str:
    """A tablet of the station; returns the token that stands in its cookie."""
    clerk = actor_for(db.session.get_one(Account, station.clerk_id))
    _tablet, code = kiosk.add_tablet(station.id, "前台", passwords.hashed("2468"), clerk, now=clock.real())
    token = kiosk.pair(code, now=clock.real())
    db.session.commit()
    db.session.remove()
    return token


FULL_ON_POSTGRESQL = (
    "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
    "CREATE TRIGGER full_disk BEFORE INSERT ON claim FOR EACH ROW EXECUTE FUNCTION full_disk()",
)


def test_a_full_disk_is_said_in_words_and_nothing_is_half_saved(home, claimer):
    browser, address = claimer
    if db.engine.dialect.name == "sqlite":
        end = trouble(
            db.engine, lambda c: c.exec_driver_sql("PRAGMA max_page_count = 1")
        )  # no page more than there are
    else:
        end = by_trigger()
    answers = [claim_and_cancel(browser, address) for _ in range(40)]
    assert answers[-1] == (503, True), "once the last page is full, every write is refused in words"
    assert {status for status, _said in answers} <= {303, 503}
    assert browser.get(address).status_code == 200
    saved = sum(status == 303 for status, _said in answers)
    assert count_claims() in (saved, saved + 1)  # one more if only the cancelling did not fit any more
    end()
    db.engine.dispose()
    assert browser.post(f"{address}/claims").status_code in (303, 409)


def by_trigger():
    """What PostgreSQL raises when it cannot extend a file."""
    with db.engine.begin() as connection:
        for statement in FULL_ON_POSTGRESQL:
            connection.exec_driver_sql(statement)
    return lambda: _run("DROP TRIGGER full_disk ON claim")


def _run(statement: str) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql(statement)


def claim_and_cancel(browser, address) -> tuple[int, bool]:
    """Both leave rows, so that a disk fills."""
    answer = browser.post(f"{address}/claims")
    if answer.status_code == 303:
        newest = db.session.scalar(select(func.max(Claim.id)))
        db.session.rollback()
        browser.post(f"/claims/{newest}/cancellation")
    return answer.status_code, NOT_SAVED in answer.text


def test_a_database_that_is_away_is_said_in_words_and_found_again(tmp_path):
    """PostgreSQL is gone for a while; the pages say so, the monitor too, and nobody has to start anything anew."""
    with postgres.server() as server, house(tmp_path, server.url()) as home:
        station = furnish()
        person = people(station, 1, 1)[0]
        shift = coming(station, 2, 5, datetime.now(UTC))
        address = f"/shifts/{shift.id}"
        task = Task(f"{address}/claims", home.cookie(person.account_id), home.form(), ())
        db.session.commit()
        home.start()
        assert home.get("/")[0] == 200
        server.kill()
        for path, cookie in (("/", task.cookie), ("/desk", task.cookie), ("/me", task.cookie), (address, task.cookie)):
            status, page = home.get(path, cookie)
            assert (path, status) == (path, 503)
            assert zh("Busy at the moment") in page, path
        assert home.get("/healthz")[0] == 503
        assert send(home.port, task) == 503
        server.start()
        assert home.get("/healthz")[0] == 200
        assert home.get("/", task.cookie)[0] == 200
        assert send(home.port, task) == 303


def test_a_database_that_somebody_else_keeps_locked_is_busy_and_not_broken(home, claimer):
    browser, address = claimer
    with db.engine.connect() as other:
        if other.dialect.name == "sqlite":
            event.listen(db.engine, "begin", impatient)
            other.execute(text("UPDATE shift SET revision = revision"))
        else:
            event.listen(db.engine, "begin", impatient)
            other.execute(text("SELECT id FROM shift FOR UPDATE"))
        answer = browser.post(f"{address}/claims")
        other.rollback()
    event.remove(db.engine, "begin", impatient)
    assert (answer.status_code, NOT_SAVED in answer.text) == (503, True)
    db.engine.dispose()
    assert browser.post(f"{address}/claims").status_code == 303


def impatient(connection) -> None:
    """Waits a moment instead of a quarter of a minute."""
    sqlite = connection.dialect.name == "sqlite"
    connection.exec_driver_sql("PRAGMA busy_timeout = 50" if sqlite else "SET LOCAL lock_timeout = '50ms'")


# --- the clock ----------------------------------------------------------------------------------------------


@pytest.fixture
def world(app):
    return make_world()


def test_nobody_is_checked_out_before_they_came(world):
    """A clock set back between coming and leaving: the times would be nonsense, so nothing is written."""
    shift = make_shift(make_post(world.station))
    held = claims.claim_for(shift.id, world.lin.id, world.chen, now=START - 48 * HOUR)
    claims.punch(held.id, Act.IN, world.chen, now=START + HOUR)
    with pytest.raises(Refusal, match="clock"):
        claims.punch(held.id, Act.OUT, world.chen, now=START + HOUR / 2)
    claims.punch(held.id, Act.OUT, world.chen, now=START + 2 * HOUR)


BACK_AND_FORTH = (-24.5, -23.5, -24.5, -23.5, -3, -1.5, -2.5, -1.5, -0.5, -1.5, -0.5)  # hours, as the clock tells them


def test_a_worker_whose_clock_goes_back_an_hour_doubles_nothing_and_loses_nothing(app, world):
    """Four times the clock of the machine is set back by an hour: each reminder is written once all the same."""
    shift = make_shift(make_post(world.station), places=2)
    for person in (world.lin, world.zhou):
        claims.claim_for(shift.id, person.id, world.chen, now=START - 48 * HOUR)
    db.session.commit()
    for hours in BACK_AND_FORTH:
        works(app, START + hours * HOUR)
    told = db.session.execute(
        select(Notice.account_id, Notice.kind).where(Notice.kind.in_([NoticeKind.SHIFT_SOON, NoticeKind.SHIFT_NEAR]))
    ).all()
    everybody = [world.lin.account_id, world.zhou.account_id]
    wanted = [(account, kind) for account in everybody for kind in (NoticeKind.SHIFT_SOON, NoticeKind.SHIFT_NEAR)]
    assert sorted(map(tuple, told)) == sorted(wanted)
    assert list(proof.prove()) == []


def test_a_place_that_went_on_does_not_come_back_when_the_clock_does(app, world):
    shift = make_shift(make_post(world.station), places=1)
    held, second, third = (
        claims.claim_for(shift.id, person.id, world.chen, now=START - 48 * HOUR)
        for person in (world.lin, world.zhou, world.shen)
    )
    claims.cancel(held.id, actor_of(world.lin), reason="临时有事", now=START - 10 * HOUR)  # now it is Zhou's to take
    db.session.commit()
    works(app, START - 9 * HOUR)  # Zhou did not answer: now it is Shen's
    works(app, START - 10 * HOUR)
    assert (second.state, third.state) == (ClaimState.LAPSED, ClaimState.OFFERED)
    with pytest.raises(Refusal):
        claims.accept(second.id, actor_of(world.zhou), now=START - 10 * HOUR)
    db.session.rollback()
    claims.accept(third.id, actor_of(world.shen), now=START - 10 * HOUR)
    db.session.commit()
    works(app, START - 9 * HOUR)
    assert (third.state, third.place) == (ClaimState.HELD, 1)


def works(app, moment: datetime) -> None:
    """One round of the worker at this moment of the machine's clock."""
    app.extensions["clock_ahead"] = moment - clock.real()
    try:
        assert worker.work().crashes == 0
    finally:
        app.extensions.pop("clock_ahead")
    db.session.expire_all()


def test_a_lease_from_the_future_keeps_nobody_from_working(app):
    """A worker died, and the clock was set back an hour: the next one does not wait for that hour."""
    now = clock.real()
    assert worker.hold("the dead one", now=now + timedelta(hours=1))
    assert worker.hold("the next one", now=now)


def test_people_stay_signed_in_when_the_clock_goes_back(app, client, world):
    sign_in(client, world.lin.account_id)
    app.extensions["clock_ahead"] = timedelta(hours=-1)
    try:
        assert client.get("/me/schedule").status_code == 200
        assert client.get("/me/records").status_code == 200
    finally:
        app.extensions.pop("clock_ahead")
