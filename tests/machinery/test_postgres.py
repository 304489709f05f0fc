"""The throw-away PostgreSQL: gone with its owner, and durable when asked."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests import postgres


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def test_a_durable_server_keeps_what_it_acknowledged_when_it_is_killed() -> None:
    with postgres.server(durable=True) as server:
        with connect(server.url()) as connection:
            connection.execute("CREATE TABLE kept (n integer)")
            connection.execute("INSERT INTO kept VALUES (7)")
            server.kill()
        server.start()
        with connect(server.url()) as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(7,)]


def test_nothing_is_left_when_the_owner_is_killed() -> None:
    owner = subprocess.Popen([sys.executable, "-m", "tests.postgres"], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout
        folder = Path(owner.stdout.readline().partition("host=")[2].strip())
        server = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        owner.send_signal(signal.SIGKILL)
    assert gone_within(10, Path(f"/proc/{server}"))
    postgres.remove_left_over()
    assert not folder.exists()


def gone_within(seconds: float, path: Path) -> bool:
    give_up = time.monotonic() + seconds
    while path.exists() and time.monotonic() < give_up:
        time.sleep(0.05)
    return not path.exists()


def test_missing_programs_are_a_failure_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", "/nowhere")
    with (
        pytest.raises(postgres.PostgresError, match=r"manage\.py test.*PG_BIN.*/nowhere"),
        postgres.running(),
    ):
        pass
