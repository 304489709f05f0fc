"""The server as a person starts it: one answers, a second is refused, and a stop lets requests end."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from core import serve
from core.config import ROOT

HOOKS = {"has_accounts", "load_demo", "welcome", "start_embedded_worker"}
SECONDS_TO_START = 60


@dataclass(frozen=True)
class Site:
    port: int
    instance: Path
    process: subprocess.Popen[str]

    def get(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body


def start(port: int, instance: Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "LOG")}
    return subprocess.Popen(
        [sys.executable, "-m", "core.serve", "--port", str(port)],
        cwd=ROOT,
        env=environment | {"INSTANCE_PATH": str(instance), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    port = free_port()
    with start(port, tmp_path) as process:
        yield Site(port, tmp_path, process)
        process.terminate()


def said_until(process: subprocess.Popen[str], words: str) -> str:
    """What the server has printed up to the line with these words."""
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    pytest.fail(f"The server ended without saying {words!r}:\n{said}")


def test_a_new_installation_migrates_serves_logs_and_stops(site: Site) -> None:
    said = said_until(site.process, "Stop it with Ctrl+C")
    assert f"Rengang is at http://127.0.0.1:{site.port}" in said
    status, body = site.get("/healthz?phone=13812345678")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert site.get("/no-such-page?phone=13812345678")[0] == 404
    site.process.send_signal(signal.SIGTERM)
    assert site.process.wait(20) == 0
    log = (site.instance / "log" / "rengang.jsonl").read_text()
    assert [json.loads(line)["status"] for line in log.splitlines()] == [404]
    assert "13812345678" not in log


def test_whoever_sends_ten_megabytes_reads_why_that_is_too_much(site: Site) -> None:
    said_until(site.process, "Stop it with Ctrl+C")
    connection = HTTPConnection("127.0.0.1", site.port, timeout=30)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/sign-in", "/no-such-page"):
        connection.request("POST", path, b"phone=" + b"1" * 10_000_000, form)
        answer = connection.getresponse()
        assert answer.status in (413, 404)
        assert b"</html>" in answer.read()
    connection.close()


def test_a_second_server_at_the_same_address_is_refused(site: Site, tmp_path: Path) -> None:
    said_until(site.process, "Stop it with Ctrl+C")
    second = start(site.port, tmp_path / "second")
    said, _ = second.communicate(timeout=SECONDS_TO_START)
    assert second.returncode == 1
    assert said.startswith(f"Cannot listen at 127.0.0.1:{site.port}: ")


def test_a_killed_process_of_the_server_is_replaced(site: Site) -> None:
    said_until(site.process, "Stop it with Ctrl+C")
    killed = wait_for_two(site.process.pid)[0]
    os.kill(killed, signal.SIGKILL)
    assert killed not in wait_for_two(site.process.pid, without=killed)
    assert site.get("/healthz")[0] == 200


def wait_for_two(server: int, without: int = 0) -> list[int]:
    """The two processes of the server, as soon as both are there."""
    give_up = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < give_up:
        found = children(server)
        if len(found) == 2 and without not in found:
            return found
        time.sleep(0.05)
    pytest.fail(f"The server has {len(children(server))} processes instead of 2.")


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_newer_database_is_refused_with_what_to_do(tmp_path: Path) -> None:
    before = start(free_port(), tmp_path)
    said_until(before, "Stop it with Ctrl+C")
    before.terminate()
    before.communicate(timeout=SECONDS_TO_START)
    pretend_newer(tmp_path / "rengang.db")
    after = start(free_port(), tmp_path)
    said, _ = after.communicate(timeout=SECONDS_TO_START)
    assert after.returncode == 1
    assert "a newer version made it" in said


def pretend_newer(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()


def test_the_areas_give_the_server_what_it_needs() -> None:
    assert set(create_app().extensions["rengang"]) == HOOKS


@pytest.mark.parametrize(("proxies", "cleared"), [(0, True), (1, False)])
def test_on_windows_too_a_trusted_proxy_may_say_who_the_visitor_is(proxies, cleared):
    app = Flask("windows")
    app.config["TRUSTED_PROXIES"] = proxies
    assert serve.waitress_settings(app)["clear_untrusted_proxy_headers"] is cleared
