"""The schedule as a calendar (RFC 5545), to download once or to subscribe to by a secret address."""

import hmac
from datetime import datetime, timedelta

from icalendar import Calendar, Event
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from blueprints.claims import board
from blueprints.claims.models import LIVE_STATES, Claim, ClaimState
from blueprints.claims.schedule import Stage, stage
from blueprints.identity.models import Account, Volunteer
from blueprints.posts.models import Post, Shift
from core import clock, vault
from core.db import db
from core.forms import tidy
from core.i18n import _

KEPT = timedelta(days=90)  # how far back a feed reaches
EDITION = 1  # another number would make all addresses anew
SECRET = 32


def token(volunteer: Volunteer) -> str:
    """The secret part of a volunteer's calendar address. It opens nothing but that calendar."""
    return f"{volunteer.number}-{_secret(volunteer)}"


def _secret(volunteer: Volunteer) -> str:
    return vault.digest(f"calendar/{volunteer.id}/{EDITION}")[:SECRET]


def volunteer_of(given: str) -> Volunteer | None:
    """Whose calendar the address opens; None if nobody's, or the account is closed."""
    number, _dash, secret = given.rpartition("-")
    known = select(Volunteer).join(Account, Account.id == Volunteer.account_id)
    volunteer = db.session.scalar(known.where(Volunteer.number == tidy(number), Account.closed_at.is_(None)))
    fits = volunteer is not None and hmac.compare_digest(_secret(volunteer).encode(), secret.encode())
    return volunteer if fits else None


def calendar(volunteer_id: int, now: datetime, base_url: str) -> bytes:
    """The volunteer's claims from 90 days ago on; those given up or called off say so, so that calendars drop them."""
    own = Calendar()
    own.add("prodid", "-//Rengang//Schedule//ZH")
    own.add("version", "2.0")
    own.add("x-wr-calname", _("My service"))
    own.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    for claim in _claims(volunteer_id, now):
        own.add_component(_event(claim, now, base_url))
    own.add_missing_timezones()
    return bytes(own.to_ical())


def _claims(volunteer_id: int, now: datetime) -> list[Claim]:
    """The newest claim on each shift."""
    whole = joinedload(Claim.shift, innerjoin=True).joinedload(Shift.post, innerjoin=True)
    own = select(Claim).join(Claim.shift).where(Claim.volunteer_id == volunteer_id, Shift.ends_at > now - KEPT)
    newest = {claim.shift_id: claim for claim in db.session.scalars(own.order_by(Claim.id).options(whole))}
    return sorted(newest.values(), key=lambda claim: claim.shift.starts_at)


def _event(claim: Claim, now: datetime, base_url: str) -> Event:
    shift, post, event = claim.shift, claim.shift.post, Event()
    event.add("uid", f"shift-{shift.id}-volunteer-{claim.volunteer_id}@rengang")
    event.add("dtstamp", max(filter(None, (claim.claimed_at, claim.ended_at, shift.moved_at))))
    event.add("sequence", shift.revision)
    event.add("dtstart", clock.local(shift.starts_at))
    event.add("dtend", clock.local(shift.ends_at))
    event.add("summary", _summary(claim, post))
    event.add("status", _status(claim, stage(shift, post, now)))
    event.add("location", _location(post))
    event.add("description", _description(claim, post))
    event.add("url", f"{base_url}/shifts/{shift.id}")
    return event


def _summary(claim: Claim, post: Post) -> str:
    if claim.state is ClaimState.WAITING:
        return _("In line: %(title)s", title=post.title)
    if claim.state is ClaimState.REQUESTED:
        return _("Asked for a place: %(title)s", title=post.title)
    if claim.state is ClaimState.OFFERED:
        return _("Place offered: %(title)s", title=post.title)
    return post.title


def _status(claim: Claim, at: Stage) -> str:
    if claim.state not in LIVE_STATES or at is Stage.CANCELLED:
        return "CANCELLED"
    return "CONFIRMED" if claim.state is ClaimState.HELD else "TENTATIVE"


def _location(post: Post) -> str:
    return " ".join([*board.memory().tree.answer().lineage(post.division_id), post.place])


def _description(claim: Claim, post: Post) -> str:
    person = _("Person in charge: %(name)s, %(phone)s", name=post.responsible_name, phone=post.responsible_phone)
    place = _("You hold place %(place)d.", place=claim.place) if claim.place else ""
    return "\n".join(filter(None, (place, person)))
