"""Logs say what happened and never to whom."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response
from sqlalchemy import create_engine, text

from core import logs

PRIVATE = "林小满 13812345678 lin@example.com 203.0.113.9 2001:db8::7 /invitations/kJ3hG7sD9fQ2wE5r?phone=138"


@pytest.fixture(autouse=True)
def configured(tmp_path: Path) -> Iterator[Path]:
    """Everything is logged to this file; afterwards logging is as it was."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    for handler in before:  # `configure` would close them
        root.removeHandler(handler)
    logs.configure(str(tmp_path / "log" / "rengang.jsonl"))
    yield tmp_path / "log" / "rengang.jsonl"
    logging.basicConfig(level=level, handlers=[], force=True)
    for handler in before:
        root.addHandler(handler)


@pytest.fixture
def site() -> Flask:
    app = Flask("site")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.add_url_rule("/shifts/<int:id>/<token>", "shift", lambda id, token: f"{id} {token}")
    app.add_url_rule("/same", "same", lambda: Response(status=304))
    app.add_url_rule("/crash", "crash", crash)
    logs.init_app(app)
    return app


def crash() -> str:
    raise ValueError(PRIVATE)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_request_is_logged_by_its_route_with_numbers_only(site: Flask, configured: Path) -> None:
    site.test_client().get("/shifts/7/a-secret?phone=13812345678", headers={"Cookie": "session=x"})
    (line,) = lines(configured)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/shifts/7/<token>", 200)
    assert line["ms"] >= 0
    assert set(line) == {"time", "level", "logger", "message", "request", "method", "path", "status", "ms"}


def test_an_unknown_address_is_not_written_down(site: Flask, configured: Path) -> None:
    site.test_client().get("/林小满/13812345678")
    (line,) = lines(configured)
    assert (line["path"], line["status"]) == (None, 404)


def test_an_answer_without_news_is_not_logged(site: Flask, configured: Path) -> None:
    site.test_client().get("/same")
    assert lines(configured) == []


def test_a_crash_tells_what_and_where_but_not_who(
    site: Flask, configured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.test_client().get("/crash")
    error, answered = lines(configured)
    assert error["error"]["type"] == "ValueError"
    assert re.fullmatch(r"tests/machinery/test_logs\.py:\d+ crash", error["error"]["at"][-1])
    assert answered["status"] == 500
    assert error["request"] == answered["request"]
    for written in (configured.read_text(), capsys.readouterr().err):
        for secret in ("林", "13812345678", "lin@", "203.0.113", "db8", "kJ3hG7"):
            assert secret not in written


def test_a_refused_row_is_not_written_down(configured: Path) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE person (phone TEXT CHECK (phone = ''))"))
        try:
            connection.execute(text("INSERT INTO person VALUES (:phone)"), {"phone": "secret"})
        except Exception:
            logging.getLogger("rengang").exception("refused")
    engine.dispose()
    (line,) = lines(configured)
    assert line["error"]["type"] == "IntegrityError"
    assert "CHECK constraint failed" in line["error"]["message"]
    assert "secret" not in configured.read_text()


def test_a_full_file_is_put_aside_and_one_is_kept(configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FULL", 1000)
    for number in range(100):
        logging.getLogger("rengang").info("line %s", number)
    files = sorted(configured.parent.glob("rengang.jsonl*"))
    assert {file.name.removeprefix("rengang.jsonl") for file in files} <= {"", ".1", ".lock"}
    assert sum(file.stat().st_size for file in files) < 3 * 1000
    assert any("line 99" in file.read_text() for file in files)
