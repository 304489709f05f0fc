"""Browsers for a load test: people of the seed who are signed in already, each with a token for forms.

A load test of claims must not measure how a password is hashed, so the sessions are opened here, by the product's own
code; what the browsers send and what the server checks is the same as after the form.
"""

import os
import random
import re
import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection

from sqlalchemy import insert, select, update

from app import create_app
from blueprints.claims import queries
from blueprints.claims.models import Claim, ClaimState, Source
from blueprints.identity.models import Account, Session, Volunteer
from blueprints.posts.models import Shift, ShiftState
from core import clock, vault
from core.db import db
from core.security import CSRF, SessionCookie
from core.web import App

ON_A_SHIFT = 20


@dataclass(frozen=True, slots=True)
class Browser:
    """A Cookie header, the token that its forms bring back, and who it is."""

    cookie: str
    token: str
    volunteer_id: int


def application(environment: dict[str, str] | None = None) -> App:
    """The product on the database of the environment, without its server."""
    os.environ.pop("DATABASE_URL", None)
    os.environ.update(environment or {})
    return create_app()


def browsers(app: App, count: int, first: int = 0) -> list[Browser]:
    """So many volunteers of the seed from the first one on; those of the first half hold nothing."""
    with app.app_context():
        people = select(Account.id, Volunteer.id).join(Volunteer, Volunteer.account_id == Account.id)
        rows = db.session.execute(people.order_by(Volunteer.id).offset(first).limit(count)).all()
        tokens, now = [vault.token() for _row in rows], clock.now()
        life = {"device": "", "created_at": now, "expires_at": now + clock.DAY}
        owners = zip(rows, tokens, strict=True)
        opened = [{"account_id": row[0], "token_hash": vault.digest(token), **life} for row, token in owners]
        db.session.execute(insert(Session), opened)
        db.session.commit()
        return [_browser(app, token, row[1]) for row, token in zip(rows, tokens, strict=True)]


def _browser(app: App, token: str, volunteer_id: int) -> Browser:
    signers, csrf = app.session_interface, secrets.token_hex(20)
    assert isinstance(signers, SessionCookie)
    signer = signers.get_signing_serializer(app)
    assert signer is not None
    kept = signer.dumps({"_permanent": True, "token": token, CSRF: csrf})
    return Browser(f"{app.config['SESSION_COOKIE_NAME']}={kept}", str(signers.token(csrf)), volunteer_id)


def tag_of_list(port: int) -> str:
    """The tag that a poll of the list brings back."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/")
    found = re.search(rb'hx-ptag="([^"]+)"', connection.getresponse().read())
    connection.close()
    return found[1].decode() if found else ""


# --- what they send -------------------------------------------------------------------------------------------


def claims(app: App, crowd: list[Browser]) -> list[tuple[str, Browser]]:
    """A form for each, on shifts of the next weeks that begin after the deadline for cancelling."""
    with app.app_context():
        later = Shift.starts_at > clock.now() + timedelta(days=2)
        ids = db.session.scalars(select(Shift.id).where(Shift.state == ShiftState.OPEN, later).order_by(Shift.id)).all()
    chance = random.Random(4)
    return [(f"/shifts/{chance.choice(ids)}/claims", browser) for browser in crowd]


def arrivals(app: App, crowd: list[Browser]) -> list[tuple[str, Browser, str]]:
    """A form for each, on shifts that began just now and on which all of them hold a place."""
    with app.app_context():
        now, codes, places = clock.now(), {}, []
        ids = _empty_shifts(-(-len(crowd) // ON_A_SHIFT))
        at = {"starts_at": now - timedelta(minutes=5), "ends_at": now + timedelta(hours=2), "places": ON_A_SHIFT}
        db.session.execute(update(Shift).where(Shift.id.in_(ids)).values(**at))
        for number, browser in enumerate(crowd):
            shift_id, place = ids[number // ON_A_SHIFT], number % ON_A_SHIFT + 1
            codes[shift_id] = queries.day_code(shift_id, now)
            held = {"shift_id": shift_id, "volunteer_id": browser.volunteer_id, "place": place, "places": ON_A_SHIFT}
            places.append(held | {"state": ClaimState.HELD, "source": Source.OWN, "claimed_at": now - clock.DAY})
        db.session.execute(insert(Claim), places)
        db.session.commit()
        mine = select(Claim.volunteer_id, Claim.id, Claim.shift_id).where(Claim.shift_id.in_(ids))
        held_by = {person: (claim_id, codes[shift_id]) for person, claim_id, shift_id in db.session.execute(mine)}
    return [(f"/claims/{held_by[b.volunteer_id][0]}/arrival", b, held_by[b.volunteer_id][1]) for b in crowd]


def _empty_shifts(count: int) -> list[int]:
    """Open shifts at the end of the list that nobody holds."""
    nobody = ~select(Claim.id).where(Claim.shift_id == Shift.id).exists()
    empty = select(Shift.id).where(Shift.state == ShiftState.OPEN, Shift.starts_at > clock.now(), nobody)
    return list(db.session.scalars(empty.order_by(Shift.starts_at.desc()).limit(count)))


def shift_of_ten(app: App) -> int:
    """A coming shift that nobody holds, cut to ten places; the product is not asked, so that nothing is warm."""
    with app.app_context():
        (shift_id,) = _empty_shifts(1)
        db.session.execute(update(Shift).where(Shift.id == shift_id).values(places=10, revision=Shift.revision + 1))
        db.session.commit()
        return shift_id


def standing(app: App, shift_id: int) -> str:
    """How many hold, and how many wait."""
    with app.app_context():
        states = Counter(db.session.scalars(select(Claim.state).where(Claim.shift_id == shift_id)))
        return ", ".join(f"{count} {state.value}" for state, count in states.items())


def change_first(app: App) -> None:
    """Change what every open list shows, as a claim does."""
    with app.app_context():
        first = select(Shift.id).where(Shift.state == ShiftState.OPEN, Shift.starts_at > clock.now())
        soonest = db.session.scalar(first.order_by(Shift.starts_at, Shift.id).limit(1))
        db.session.execute(update(Shift).where(Shift.id == soonest).values(revision=Shift.revision + 1))
        db.session.commit()
