"""One line of JSON for each thing worth knowing, and no personal data in it.

A request is logged by its route with the numbers filled in (`/shifts/7`); words and secrets in an address
stay as the name of their place (`/invitations/<token>`). No query, no cookie, no address of the visitor.
Answers without news (304), files and health checks are not logged: an open page asks every few seconds.
"""

import datetime as dt
import json
import logging
import os
import re
import secrets
import sys
import time
import traceback
from logging.handlers import RotatingFileHandler, WatchedFileHandler
from pathlib import Path
from typing import Any

from flask import Flask, Response, has_request_context, request, request_finished, request_started

from core.config import ROOT

if sys.platform != "win32":
    import fcntl

FULL = 20 * 1024 * 1024
LONGEST_MESSAGE = 300
QUIET_ENDPOINTS = {"static", "assets", "health.healthz"}
REQUEST_ID = "rengang.request_id"
BEGAN = "rengang.began"
PRIVATE = re.compile(
    r"""\?\S+                               # a query
      | (?<=/)[\w-]{16,}                    # a secret in an address
      | \b[2-9A-Z]{4}(?:-[2-9A-Z]{4}){2}\b  # a code that is typed by hand
      | \b\d{1,3}(?:\.\d{1,3}){3}\b         # an IPv4 address
      | [0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,} # an IPv6 address
      | \+?\d{6,}                           # a phone or identity number
      | [\w.+-]+@[\w.-]+                    # a mail address
      | [\u3400-\u9fff]+                    # our own messages are English: this was typed by someone
    """,
    re.VERBOSE | re.IGNORECASE,
)
log = logging.getLogger("rengang.request")


def init_app(app: Flask) -> None:
    """Log every request of this application."""
    request_started.connect(_begin, app)
    request_finished.connect(_record, app)


def configure(destination: str) -> None:
    """Log to a file, which starts anew at 20 MB and keeps one before it, or to standard output (`-`)."""
    handlers = [_handler(destination, JsonLine())]
    if destination != "-":
        handlers.append(_handler("stderr", PlainLine()))
        handlers[-1].setLevel(logging.ERROR)
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    logging.getLogger("rengang").setLevel(logging.INFO)


def _handler(destination: str, formatter: logging.Formatter) -> logging.Handler:
    streams = {"-": sys.stdout, "stderr": sys.stderr}
    handler: logging.Handler
    if destination in streams:
        handler = logging.StreamHandler(streams[destination])
    else:
        Path(destination).parent.mkdir(parents=True, exist_ok=True)
        handler = _file(destination)
    handler.setFormatter(formatter)
    return handler


def _file(path: str) -> logging.Handler:
    if sys.platform == "win32":  # one process, and an open file cannot be renamed there
        return RotatingFileHandler(path, maxBytes=FULL, backupCount=1, encoding="utf-8")
    return SharedFile(path, encoding="utf-8")


if sys.platform != "win32":

    class SharedFile(WatchedFileHandler):
        """A file that several processes append to; whoever finds it full puts it aside."""

        def emit(self, record: logging.LogRecord) -> None:
            super().emit(record)
            if self.stream and self.stream.tell() > FULL:
                self._put_aside()

        def _put_aside(self) -> None:
            """Under a lock and only if it is still full, so that two processes do not do it twice."""
            with open(f"{self.baseFilename}.lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if os.stat(self.baseFilename).st_size > FULL:
                    os.replace(self.baseFilename, f"{self.baseFilename}.1")


class JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        if has_request_context():
            line |= _about_the_request()
        line |= getattr(record, "details", {})
        if record.exc_info and record.exc_info[1]:
            line["error"] = describe(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


class PlainLine(logging.Formatter):
    """The same for the terminal, so that a crash is seen by who started the server by hand."""

    def format(self, record: logging.LogRecord) -> str:
        words = f"{record.levelname}: {clean(record.getMessage())}"
        if not (record.exc_info and record.exc_info[1]):
            return words
        error = describe(record.exc_info[1])
        return "\n    ".join([f"{words}: {error['type']}: {error['message']}", *error["at"]])


def clean(message: str) -> str:
    """The message without what could tell who somebody is."""
    return PRIVATE.sub("…", message)[:LONGEST_MESSAGE]


def describe(error: BaseException) -> dict[str, Any]:
    """What broke and where, without the values of a statement or the row a database complains of."""
    words = str(getattr(error, "orig", None) or error).partition("\n")[0]
    return {"type": type(error).__name__, "message": clean(words), "at": _places(error)}


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{f.filename.removeprefix(f'{ROOT}{os.sep}')}:{f.lineno} {f.name}" for f in frames[-20:]]


def _about_the_request() -> dict[str, Any]:
    return {"request": request.environ.get(REQUEST_ID), "method": request.method, "path": _route()}


def _route() -> str | None:
    """The route with its numbers filled in; None if there is no such route."""
    values = request.view_args or {}
    if request.url_rule is None:
        return None
    return re.sub(r"<[^<>]*?(\w+)>", lambda place: _filled(place[1], values), request.url_rule.rule)


def _filled(name: str, values: dict[str, Any]) -> str:
    value = values.get(name)
    return str(value) if isinstance(value, int) else f"<{name}>"


def _begin(_app: Flask) -> None:
    request.environ |= {REQUEST_ID: secrets.token_hex(4), BEGAN: time.perf_counter()}


def _record(_app: Flask, response: Response) -> None:
    if response.status_code == 304 or request.endpoint in QUIET_ENDPOINTS:
        return
    milliseconds = round((time.perf_counter() - request.environ[BEGAN]) * 1000, 1)
    log.info("answered", extra={"details": {"status": response.status_code, "ms": milliseconds}})
