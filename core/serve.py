"""`manage.py serve`: bring the database up to date, say where the site is, and answer until told to stop."""

import argparse
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask

from app import create_app
from core import logs
from core.db import db
from core.schema import NewerDatabaseError, bring_up_to_date

WINDOWS = sys.platform == "win32"


class AddressTakenError(Exception):
    """The server cannot listen where it was told to."""


def main() -> None:
    asked = _arguments()
    try:
        serve(asked.host, asked.port, demo_if_new=asked.demo_if_new)
    except (AddressTakenError, NewerDatabaseError) as error:
        sys.exit(str(error))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("manage.py serve", description="Serve the site until stopped.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", default=8000, type=int, help="port to listen at (default: %(default)s)")
    parser.add_argument("--demo-if-new", action="store_true", help="load the demo if nobody has an account yet")
    return parser.parse_args()


def serve(host: str, port: int, *, demo_if_new: bool) -> None:
    """Make the application once, before the processes of the server are forked from this one."""
    require_free(host, port)
    app = create_app()
    logs.configure(os.environ.get("LOG") or str(app.config["INSTANCE"] / "log" / "rengang.jsonl"))
    with app.app_context():
        prepare(app, demo_if_new=demo_if_new)
        warm_up(app)
        db.engine.dispose()  # a connection must not be shared with the processes forked from this one
    logs.init_app(app)  # now that the next request is somebody's
    embedded = None if os.environ.get("WORKER") == "off" else _hook(app, "start_embedded_worker")
    listen = _run_waitress if WINDOWS else _run_gunicorn
    listen(app, host, port, when_ready=partial(greet, app, host, port), embedded=embedded)


def require_free(host: str, port: int) -> None:
    """With SO_REUSEPORT a second server would start as well and take half of the visitors."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        if not WINDOWS:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            words = f"Cannot listen at {host}:{port}: {error.strerror}. Choose another port with --port."
            raise AddressTakenError(words) from error


def prepare(app: Flask, *, demo_if_new: bool) -> None:
    """Migrate, and fill an empty database with the demo if that was asked for."""
    if bring_up_to_date():
        print("The database is up to date now.", flush=True)
    if demo_if_new and not _hook(app, "has_accounts")():
        print("Loading the demo; this happens once.", flush=True)
        _hook(app, "load_demo")()


def warm_up(app: Flask) -> None:
    """Show the list once, so that what every process needs for it is made before the fork and shared by all of them."""
    app.test_client().get("/")


def greet(app: Flask, host: str, port: int) -> None:
    """Say where the site is and who can sign in."""
    with app.app_context():
        lines: list[str] = _hook(app, "welcome")() or []
    name = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    address = f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
    print("\n".join([f"Rengang is at {address}", *lines, "Stop it with Ctrl+C."]), flush=True)


def _hook(app: Flask, name: str) -> Callable[[], Any]:
    """What the areas do for the server, since core must not import them; without them a bare server runs too."""
    hook: Callable[[], Any] = app.extensions.get("rengang", {}).get(name, lambda: None)
    return hook


def _run_gunicorn(app: Flask, host: str, port: int, **hooks: Any) -> None:
    from core import gunicorn_server  # noqa: PLC0415 - not installed on Windows

    gunicorn_server.run(app, host, port, **hooks)


def _run_waitress(app: Flask, host: str, port: int, *, when_ready: Callable[[], object], embedded: Any) -> None:
    import waitress  # noqa: PLC0415 - installed on Windows only

    server = waitress.create_server(app, host=host, port=port, **waitress_settings(app))
    when_ready()
    if embedded:
        embedded()
    server.run()


def waitress_settings(app: Flask) -> dict[str, Any]:
    return {
        "threads": int(os.environ.get("WEB_THREADS", "8")),
        "connection_limit": 450,  # an open list keeps its connection; select() on Windows takes 512
        # Who is in front may say who the visitor is; how many may is TRUSTED_PROXIES, and app.py keeps to it.
        "clear_untrusted_proxy_headers": not app.config["TRUSTED_PROXIES"],
    }


if __name__ == "__main__":
    main()
