"""gunicorn with threads, started by our own command and never by its own."""

import fcntl
import gc
import os
import resource
import threading
from collections.abc import Callable
from tempfile import TemporaryFile
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

Hook = Callable[[], object]
OPEN_FILES = 65_536


class Server(BaseApplication):
    def __init__(self, app: Flask, settings: dict[str, Any]) -> None:
        self.app, self.settings = app, settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.app


class SharedLogger(Logger):
    """Leaves the words of gunicorn to core.logs, which takes addresses out of them."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.propagate = True


def run(app: Flask, host: str, port: int, *, when_ready: Hook, embedded: Hook | None) -> None:
    """Serve until told to stop; `when_ready` is called once, `embedded` in one of the processes."""
    _allow_many_connections()
    gc.collect()
    gc.freeze()  # what is there before the fork stays shared: the collector would write into every page of it
    Server(app, settings(host, port) | {"post_worker_init": _beginning(when_ready, embedded)}).run()


def settings(host: str, port: int) -> dict[str, Any]:
    return {
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "workers": int(os.environ.get("WEB_WORKERS", "2")),
        "threads": int(os.environ.get("WEB_THREADS", "4")),
        "worker_class": "gthread",
        "preload_app": True,
        "reuse_port": True,  # without it one worker gets nearly all connections of a proxy
        "limit_request_line": 8190,  # a longer one is answered by gunicorn itself, without our words
        "keepalive": 75,  # an open list asks every few seconds, and each keeps its connection
        "worker_connections": 6000,
        "graceful_timeout": 20,
        "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
        "control_socket_disable": True,
        "logger_class": SharedLogger,
        "proc_name": "rengang",
    }


def _beginning(when_ready: Hook, embedded: Hook | None) -> Callable[[Any], None]:
    """What a process of the server does before its first request."""
    token = TemporaryFile()  # noqa: SIM115 - open as long as the processes live: they share a lock on it

    def begin(worker: Any) -> None:
        if worker.age == 1:
            when_ready()
        if embedded:
            threading.Thread(target=_in_one_process, args=(token.fileno(), embedded), daemon=True).start()

    return begin


def _in_one_process(token: int, act: Hook) -> None:
    """Wait for the lock; if the process that holds it dies, the next one goes on."""
    fcntl.lockf(token, fcntl.LOCK_EX)
    act()


def _allow_many_connections() -> None:
    """Every connection is an open file, and the usual limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
