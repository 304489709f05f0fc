"""Browsers for a load test: people of the seed who are signed in already, each with a token for forms.

A load test of claims must not measure how a password is hashed, so the sessions are opened here, by the product's own
code; what the browsers send and what the server checks is the same as after the form.
"""

import os
import secrets
from dataclasses import dataclass

from sqlalchemy import insert, select

from app import create_app
from blueprints.identity.models import Account, Session, Volunteer
from core import clock, vault
from core.db import db
from core.security import CSRF, SessionCookie
from core.web import App


@dataclass(frozen=True, slots=True)
class Browser:
    """A Cookie header, the token that its forms bring back, and who it is."""

    cookie: str
    token: str
    volunteer_id: int


def application() -> App:
    """The product as the environment sets it, without its server."""
    os.environ.setdefault("LOG", os.devnull)
    return create_app()


def browsers(app: App, count: int, first: int = 0) -> list[Browser]:
    """So many volunteers of the seed from the first one on; those of the first half hold nothing."""
    with app.app_context():
        people = select(Account.id, Volunteer.id).join(Volunteer, Volunteer.account_id == Account.id)
        rows = db.session.execute(people.order_by(Volunteer.id).offset(first).limit(count)).all()
        tokens = [vault.token() for _row in rows]
        now = clock.now()
        opened = [
            {
                "account_id": account_id,
                "token_hash": vault.digest(token),
                "device": "",
                "created_at": now,
                "expires_at": now + clock.DAY,
            }
            for (account_id, _volunteer_id), token in zip(rows, tokens, strict=True)
        ]
        db.session.execute(insert(Session), opened)
        db.session.commit()
        pairs = zip(rows, tokens, strict=True)
        return [_browser(app, token, volunteer_id) for (_account, volunteer_id), token in pairs]


def _browser(app: App, token: str, volunteer_id: int) -> Browser:
    signers, csrf = app.session_interface, secrets.token_hex(20)
    assert isinstance(signers, SessionCookie)
    signer = signers.get_signing_serializer(app)
    assert signer is not None
    kept = signer.dumps({"_permanent": True, "token": token, CSRF: csrf})
    return Browser(f"{app.config['SESSION_COOKIE_NAME']}={kept}", str(signers.token(csrf)), volunteer_id)
