"""A backup holds one moment of everything, either database reads it, and nothing half is ever restored."""

import json
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskCliRunner
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import DBAPIError

from app import create_app
from blueprints.admin import backup, doctor
from blueprints.admin.backup import Manifest
from blueprints.claims.models import Claim, ClaimState
from blueprints.identity.models import Account, Session
from blueprints.organizations.models import Setting
from blueprints.rollcall import actions as rollcall
from blueprints.rollcall.models import Evidence
from core import clock
from core.db import db
from core.refusal import Refusal
from core.web import App
from tests.factories import BEFORE, FOREVER, HOUR, START, make_account, make_post, make_shift, make_world, saved

pytestmark = pytest.mark.commits
PICTURES = [bytes(range(256)) * 500, b"\xff\xd8\xff"]
KEYS = {"SECRET_KEY": "secret-of-the-sessions", "DATA_KEY": "secret-of-the-data"}


def silent(_line: str) -> None:
    return None


def write(file: Path) -> Manifest:
    return backup.write(file, db.engine, now=BEFORE, say=silent)


def checksums(manifest: Manifest) -> dict[str, tuple[int, str]]:
    return {part.table: (part.rows, part.sha256) for part in manifest.tables}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A backup of the small world, with a post, a shift, a picture, and something in JSON and in Chinese."""
    world = make_world()
    shift = make_shift(make_post(world.station, hazards=["water", "night"], dangerous=True, min_age=18))
    for picture in PICTURES:
        rollcall.keep_picture(shift.id, picture, world.chen, now=BEFORE)
    db.session.commit()
    target = tmp_path / "rengang.zip"
    write(target)
    return target


@contextmanager
def installation(folder: Path, url: str) -> Iterator[App]:
    """Another installation with a database of its own, and the keys of the first."""
    folder.mkdir(exist_ok=True)
    app = create_app(TESTING=True, SQLALCHEMY_DATABASE_URI=url, INSTANCE=folder, MAIL_URL="", **KEYS)
    yield app
    with app.app_context():
        db.engine.dispose()


@contextmanager
def new_sqlite(folder: Path, name: str = "other") -> Iterator[App]:
    with installation(folder / name, f"sqlite:///{folder / name}.db") as app:
        yield app


@contextmanager
def new_database(folder: Path, name: str = "another") -> Iterator[App]:
    """An empty database of the kind that these tests run on."""
    here = os.environ.get("TEST_DATABASE_URL", "")
    if not here.startswith("postgresql"):
        with new_sqlite(folder, name) as app:
            yield app
        return
    server = create_engine(here, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS restored_{os.getpid()}"))
        connection.execute(text(f"CREATE DATABASE restored_{os.getpid()} TEMPLATE template0"))
    with installation(folder / name, server.url.set(database=f"restored_{os.getpid()}").render_as_string(False)) as app:
        yield app
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE restored_{os.getpid()}"))
    server.dispose()


def restored(app: App, file: Path) -> str:
    result = FlaskCliRunner(app).invoke(args=["restore", str(file)])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_backup_comes_back_the_same_on_either_database(file, tmp_path):
    made = backup.read_manifest(file)
    with new_sqlite(tmp_path) as sqlite, sqlite.app_context():
        restored(sqlite, file)
        second = write(tmp_path / "second.zip")
    with new_database(tmp_path) as back, back.app_context():
        restored(back, tmp_path / "second.zip")
        third = write(tmp_path / "third.zip")
    assert checksums(made) == checksums(second) == checksums(third)
    assert made.tables[0].rows > 0


def test_a_picture_comes_back_byte_by_byte(file, tmp_path):
    with new_database(tmp_path) as app, app.app_context():
        restored(app, file)
        content = select(Evidence.content).order_by(Evidence.id)
        assert list(db.session.scalars(content)) == PICTURES


def test_a_restored_database_is_guarded_and_goes_on_counting(file, tmp_path):
    with new_database(tmp_path) as app, app.app_context():
        restored(app, file)
        look = doctor.Installation({}, clock.now())
        wrong = [name for name, check in doctor.RULES.items() if check(look).verdict is not doctor.Verdict.OK]
        assert wrong == []
        highest = db.session.scalar(select(func.max(Account.id)))
        assert make_account().id == highest + 1
        db.session.rollback()
        with pytest.raises(DBAPIError, match="audit_entry_is_append_only"):
            db.session.execute(text("UPDATE audit_entry SET action = 'other'"))


def test_rows_that_a_guard_would_refuse_today_come_back_too(tmp_path):
    """After a marked change of time two live claims of one person may overlap."""
    world = make_world()
    post = make_post(world.station)
    shifts = [make_shift(post), make_shift(post, starts_at=START + 3 * HOUR)]
    for shift in shifts:
        claim = Claim(shift_id=shift.id, volunteer_id=world.lin.id, place=1, places=shift.places, claimed_at=BEFORE)
        claim.state = ClaimState.HELD
        saved(claim)
    shifts[1].starts_at, shifts[1].moved_at = START + HOUR, BEFORE
    db.session.commit()
    made = write(tmp_path / "made.zip")
    with new_sqlite(tmp_path) as sqlite, sqlite.app_context():
        restored(sqlite, tmp_path / "made.zip")
        assert checksums(write(tmp_path / "again.zip")) == checksums(made)


def test_a_database_without_tables_is_nothing_to_back_up(tmp_path):
    with new_sqlite(tmp_path) as app, app.app_context():
        result = FlaskCliRunner(app).invoke(args=["backup", str(tmp_path / "b.zip")])
    assert (result.exit_code, "nothing to back up" in result.output) == (1, True)


def test_the_keys_are_not_in_it_and_it_says_so(app, tmp_path):
    make_world()
    result = app.test_cli_runner().invoke(args=["backup", str(tmp_path / "b.zip")])
    assert result.exit_code == 0, result.output
    assert "The keys are not in this file" in result.output
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert "林小满".encode() in everything
    assert f'"{app.config["DATA_KEY"]}"'.encode() not in everything


def test_restoring_with_another_key_is_said(file, tmp_path):
    with new_sqlite(tmp_path) as app, app.app_context():
        assert "DATA_KEY here is another one" in restored(app, file)


def test_only_this_user_reads_a_backup(file):
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_people_may_go_on_writing_and_the_backup_is_of_one_moment(tmp_path):
    world = make_world()

    def meanwhile(line: str) -> None:
        if line.startswith("account "):
            values = {"token_hash": "b" * 64, "device": "", "created_at": BEFORE, "expires_at": FOREVER}
            with db.engine.begin() as other:
                other.execute(db.insert(Session.__table__).values(account_id=world.chen.account_id, **values))

    before = db.session.scalar(select(func.count()).select_from(Session))
    db.session.rollback()
    manifest = backup.write(tmp_path / "b.zip", db.engine, now=BEFORE, say=meanwhile)
    assert checksums(manifest)["session"][0] == before
    assert db.session.scalar(select(func.count()).select_from(Session)) == before + 1


def test_a_backup_is_never_overwritten(file):
    with pytest.raises(Refusal, match="never overwritten"):
        write(file)


def test_a_backup_that_fails_leaves_nothing_behind(tmp_path):
    def fail(_line: str) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        backup.write(tmp_path / "b.zip", db.engine, now=BEFORE, say=fail)
    assert list(tmp_path.iterdir()) == []


# --- what must not be restored ----------------------------------------------------------------------------


def altered(file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The backup with something else in it."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def manifest_with(**values: object) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps({**json.loads(members["manifest.json"]), **values}).encode()

    return change


def rename(members: dict[str, bytes]) -> None:
    members["tables/account.jsonl"] = members["tables/account.jsonl"].replace("林小满".encode(), "林小瞒".encode())


def lose_a_row(members: dict[str, bytes]) -> None:
    members["tables/session.jsonl"] = b"".join(members["tables/session.jsonl"].splitlines(True)[1:])


def lose_a_table(members: dict[str, bytes]) -> None:
    del members["tables/session.jsonl"]


def garble(members: dict[str, bytes]) -> None:
    members["tables/session.jsonl"] = b"[1, 2\n"


DAMAGES = {
    "a changed word": (rename, "damaged"),
    "a lost row": (lose_a_row, "damaged"),
    "a lost table": (lose_a_table, "damaged"),
    "a garbled table": (garble, "damaged"),
    "a table we do not know": (
        manifest_with(tables=[{"table": "account; DROP TABLE account", "columns": ["id"], "rows": 0, "sha256": ""}]),
        "does not know",
    ),
    "a later format": (manifest_with(format=9), "later version"),
    "a later revision": (manifest_with(revision="9999"), "newer version"),
    "no manifest": (lambda members: members.pop("manifest.json"), "not a backup"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_backup_is_refused_and_nothing_is_written(file, tmp_path, damage):
    change, words = DAMAGES[damage]
    altered(file, change)
    with new_sqlite(tmp_path) as app, app.app_context():
        result = FlaskCliRunner(app).invoke(args=["restore", str(file)])
        assert result.exit_code == 1
        assert words in result.output
        there = db.session.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'account'"))
        assert not there or db.session.scalar(text("SELECT count(*) FROM account")) == 0


def test_a_torn_file_is_refused(file, tmp_path):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with new_sqlite(tmp_path) as app, app.app_context():
        result = FlaskCliRunner(app).invoke(args=["restore", str(file)])
    assert (result.exit_code, "not a backup" in result.output) == (1, True)


def test_nothing_is_restored_over_what_is_there(file, tmp_path):
    with new_sqlite(tmp_path) as app, app.app_context():
        restored(app, file)
        saved(Setting(name="kept", value=1, changed_at=BEFORE))
        result = FlaskCliRunner(app).invoke(args=["restore", str(file)])
        assert result.exit_code == 1
        assert "not empty" in result.output
        assert db.session.scalar(select(Setting.value).where(Setting.name == "kept")) == 1
