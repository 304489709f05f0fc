"""People who act at the same moment, in processes of their own with real transactions: `race = race_of(__name__)`."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from typing import Any

import pytest
from flask import g

from app import create_app
from blueprints.identity.models import Account
from core.db import db
from core.refusal import Refusal
from tests.conftest import ENGLISH
from tests.factories import actor_for

KEPT = ("SQLALCHEMY_DATABASE_URI", "SECRET_KEY", "DATA_KEY", "INSTANCE", "TESTING", "MAIL_URL")
CLOSED = "meanwhile closed"  # nobody is signed in to such an account any more
_app: Any = None


def start(config: dict[str, Any]) -> None:
    """Each process has its own application and its own connections."""
    global _app  # noqa: PLW0603
    _app = create_app(**config)


def attempt(module: str, verb: str, ids: Any, account_id: int) -> str:
    """What somebody is told who does a verb of that module's VERBS: “done”, or why not. Number 0 is the worker."""
    with _app.app_context():
        g.prefs = ENGLISH
        account = db.session.get_one(Account, account_id) if account_id else None
        if account and account.closed_at:
            return CLOSED
        try:
            import_module(module).VERBS[verb](ids, actor_for(account) if account else None)
            db.session.commit()
        except Refusal as refusal:
            db.session.rollback()
            return str(refusal)
        return "done"


def race_of(module: str) -> Any:
    """A fixture: all jobs, each a verb, what it is about, and the account of whoever does it, at once."""

    @pytest.fixture
    def race(app: Any) -> Callable[[list[tuple[str, Any, int]]], list[str]]:
        context = multiprocessing.get_context("spawn")
        config = {name: app.config[name] for name in KEPT}

        def run(jobs: list[tuple[str, Any, int]]) -> list[str]:
            db.session.rollback()
            with ProcessPoolExecutor(len(jobs), context, start, (config,)) as pool:
                outcomes = [job.result() for job in [pool.submit(attempt, module, *job) for job in jobs]]
            db.session.expire_all()
            return outcomes

        return run

    return race
