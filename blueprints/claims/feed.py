"""Calendars (RFC 5545), to download once or to subscribe to by a secret address: one's own schedule, and a station's.

An entry keeps its UID for ever and its SEQUENCE only grows, so that a change reaches every calendar; what was given up
or called off says so for a while and is then left out. DTSTAMP is when the entry last changed, not when it was asked
for: an unchanged calendar is the same bytes, and is not sent again.
"""

from datetime import datetime, timedelta

from icalendar import Calendar, Event
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from blueprints.claims import board
from blueprints.claims.board import Seen
from blueprints.claims.models import LIVE_STATES, Claim, ClaimState
from blueprints.claims.schedule import Stage, stage
from blueprints.organizations.models import Organization
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from core import clock
from core.db import db
from core.i18n import _, ngettext

KEPT = timedelta(days=90)  # how far back a feed reaches
SAID = timedelta(days=30)  # how long a feed says that something was called off
MOST = 1_000  # entries of a station; far more than it offers in that time
HOUR = timedelta(hours=1)


def own(volunteer_id: int, now: datetime, base_url: str) -> bytes:
    """The volunteer's claims from 90 days ago on."""
    entries = [_own_event(claim, now, base_url) for claim in _claims(volunteer_id, now)]
    return _calendar(_("My service"), entries)


def station(organization: Organization, now: datetime, base_url: str) -> bytes:
    """What the organization offers, with how many people are missing and without anybody's name."""
    entries = [_shift_event(seen, now, base_url) for seen in _shifts(organization.id, now)]
    return _calendar(organization.name, entries)


def _calendar(name: str, entries: list[Event]) -> bytes:
    made = Calendar()
    made.add("prodid", "-//Rengang//Schedule//ZH")
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", name)
    made.add("x-wr-timezone", clock.zone().key)
    made.add("refresh-interval", HOUR, parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", HOUR, parameters={"VALUE": "DURATION"})
    for entry in entries:
        made.add_component(entry)
    return bytes(made.to_ical())


# --- one's own ----------------------------------------------------------------------------------------------


def _claims(volunteer_id: int, now: datetime) -> list[Claim]:
    """The newest claim on each shift; one that ended long ago is left out."""
    whole = joinedload(Claim.shift, innerjoin=True).joinedload(Shift.post, innerjoin=True)
    mine = select(Claim).join(Claim.shift).where(Claim.volunteer_id == volunteer_id, Shift.ends_at > now - KEPT)
    newest = {claim.shift_id: claim for claim in db.session.scalars(mine.order_by(Claim.id).options(whole))}
    said = [claim for claim in newest.values() if claim.ended_at is None or claim.ended_at > now - SAID]
    return sorted(said, key=lambda claim: (claim.shift.starts_at, claim.id))


def _own_event(claim: Claim, now: datetime, base_url: str) -> Event:
    shift, post = claim.shift, claim.shift.post
    holds = claim.state in LIVE_STATES and stage(shift, post, now) is not Stage.CANCELLED
    changed = max(filter(None, (claim.claimed_at, claim.ended_at, _changed(shift))))
    event = _event(f"shift-{shift.id}-volunteer-{claim.volunteer_id}@rengang", shift, changed, base_url)
    event.add("summary", _own_summary(claim, post) if holds else _("Cancelled: %(title)s", title=post.title))
    event.add("status", _own_status(claim) if holds else "CANCELLED")
    event.add("transp", "OPAQUE" if holds else "TRANSPARENT")
    event.add("description", _own_description(claim, post))
    return event


def _own_summary(claim: Claim, post: Post) -> str:
    if claim.state is ClaimState.WAITING:
        return _("In line: %(title)s", title=post.title)
    if claim.state is ClaimState.REQUESTED:
        return _("Asked for a place: %(title)s", title=post.title)
    if claim.state is ClaimState.OFFERED:
        return _("Place offered: %(title)s", title=post.title)
    return post.title


def _own_status(claim: Claim) -> str:
    return "CONFIRMED" if claim.state is ClaimState.HELD else "TENTATIVE"


def _own_description(claim: Claim, post: Post) -> str:
    person = _("Person in charge: %(name)s, %(phone)s", name=post.responsible_name, phone=post.responsible_phone)
    place = _("You hold place %(place)d.", place=claim.place) if claim.place else ""
    return "\n".join(filter(None, (place, person)))


# --- a station's --------------------------------------------------------------------------------------------


def _shifts(organization_id: int, now: datetime) -> list[Seen]:
    """The published shifts of the organization that are not long past; one called off long ago is left out."""
    published = select(Shift.id).join(Shift.post).where(Post.organization_id == organization_id)
    shown = published.where(Shift.state != ShiftState.DRAFT, Post.state != PostState.DRAFT, Shift.ends_at > now - KEPT)
    recent = func.coalesce(Shift.cancelled_at, now) > now - SAID
    ids = list(db.session.scalars(shown.where(recent).order_by(Shift.starts_at, Shift.id).limit(MOST)))
    found = board.seen(ids)
    return [found[id] for id in ids]


def _shift_event(seen: Seen, now: datetime, base_url: str) -> Event:
    shift, post = seen.shift, seen.post
    event = _event(f"shift-{shift.id}@rengang", shift, _changed(shift), base_url)
    if stage(shift, post, now) is Stage.CANCELLED:
        event.add("summary", _("Cancelled: %(title)s", title=post.title))
        event.add("status", "CANCELLED")
    else:
        event.add("summary", _station_summary(seen, now))
        event.add("status", "CONFIRMED")
    event.add("transp", "TRANSPARENT")  # a station is not busy because something happens there
    event.add("description", _("%(held)d of %(places)d places held", held=seen.taken, places=shift.places))
    return event


def _station_summary(seen: Seen, now: datetime) -> str:
    """The title, and how many are missing as long as somebody can still come."""
    title = f"{seen.post.title} {seen.taken}/{seen.shift.places}"
    if not seen.free or now >= seen.shift.ends_at:
        return title
    return f"{title} · " + ngettext("%(num)d missing", "%(num)d missing", seen.free)


# --- what both say ------------------------------------------------------------------------------------------


def _event(uid: str, shift: Shift, changed: datetime, base_url: str) -> Event:
    event, post = Event(), shift.post
    event.add("uid", uid)
    event.add("dtstamp", changed)
    event.add("last-modified", changed)
    event.add("sequence", shift.revision + post.revision)  # both only grow
    event.add("dtstart", shift.starts_at)  # in UTC: a local hour means two moments in the night when clocks go back
    event.add("dtend", shift.ends_at)
    event.add("location", _location(post))
    event.add("url", f"{base_url}/shifts/{shift.id}")
    return event


def _changed(shift: Shift) -> datetime:
    """When the shift was last moved or called off, as far as that is written down."""
    post = shift.post
    return max(
        filter(None, (post.published_at, post.created_at, shift.moved_at, shift.cancelled_at, post.cancelled_at))
    )


def _location(post: Post) -> str:
    return " ".join([*board.memory().tree.answer().lineage(post.division_id), post.place])
