"""Who holds a place is reminded: the day before, and shortly before the start; and group chats hear what is on today.

A reminder falls due at its moment and stays due until the next one or the start, whenever a worker next runs: three
days without a worker lose none that still helps. What is over is not told at all: nobody can act on it, and the
schedule shows it. Who claimed after the moment of a reminder was told the time just then.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import islice
from typing import TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload

from blueprints.admin.models import Lease
from blueprints.claims.models import Claim, ClaimState
from blueprints.messages import queries, rules
from blueprints.messages.actions import announce, tell
from blueprints.messages.models import Bulletin, BulletinKind, Notice, NoticeKind
from blueprints.messages.rules import QuietHours
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit
from blueprints.posts.models import Post, Shift, ShiftState
from core import clock, display
from core.db import db, reading

WORKER = "worker"  # the lease of the process that works
BATCH = 200
MORNING = (time(6), time(12))
MOST_LINES = 12
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """When reminders fall due in this city."""

    first: timedelta
    near: timedelta
    quiet: QuietHours

    @property
    def widest(self) -> timedelta:
        """How long before a start the earliest of its reminders can fall due."""
        return max(self.first, self.near + timedelta(hours=25))

    def due(self, starts_at: datetime, now: datetime) -> tuple[NoticeKind, datetime] | None:
        """The reminder that is due at the moment, and since when; an earlier one that was missed is left out."""
        near_at = rules.near_reminder_at(starts_at, self.near, self.quiet) if self.near else starts_at
        if near_at <= now < starts_at:
            return NoticeKind.SHIFT_NEAR, near_at
        first_at = starts_at - self.first
        return (NoticeKind.SHIFT_SOON, first_at) if first_at <= now < near_at else None


def plan() -> Plan:
    numbers = organizations.limits()
    hours = {name: timedelta(hours=numbers[name]) for name in (Limit.REMIND_HOURS, Limit.REMIND_NEAR_HOURS)}
    quiet = QuietHours(numbers[Limit.QUIET_FROM_HOUR], numbers[Limit.QUIET_UNTIL_HOUR])
    return Plan(hours[Limit.REMIND_HOURS], hours[Limit.REMIND_NEAR_HOURS], quiet)


def remind(*, now: datetime) -> int:
    """Write every reminder that is due, each once; returns how many."""
    with reading():
        planned = plan()
        due = _unreminded(planned, now)
    return sum(_remind(planned, some, now) for some in batched(due, BATCH))


def _unreminded(planned: Plan, now: datetime, *only: int) -> dict[int, NoticeKind]:
    """The ids of the claims whose reminder is due and not yet written."""
    soon = _soon(now, planned.widest)
    soon = soon.where(Claim.id.in_(only)) if only else soon
    keys: dict[str, tuple[int, NoticeKind]] = {}
    for id, starts_at, claimed_at in db.session.execute(soon):
        kind, since = planned.due(starts_at, now) or (None, now)
        if kind and claimed_at <= since:
            keys[_key(kind, id, starts_at)] = id, kind
    for some in batched(keys, BATCH):
        for key in db.session.scalars(select(Notice.key).where(Notice.key.in_(some))).all():
            keys.pop(key or "")
    return dict(keys.values())


def _soon(now: datetime, ahead: timedelta) -> Select[int, datetime, datetime]:
    """Held claims on shifts that start soon."""
    held = select(Claim.id, Shift.starts_at, Claim.claimed_at).join(Shift, Shift.id == Claim.shift_id)
    soon = held.where(Shift.state == ShiftState.OPEN, Shift.starts_at > now, Shift.starts_at <= now + ahead)
    return soon.where(Claim.state == ClaimState.HELD).order_by(Shift.starts_at, Claim.id)


def batched(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """The items in tuples of at most so many."""
    source = iter(list(items))
    while some := tuple(islice(source, size)):
        yield some


def _key(kind: NoticeKind, claim_id: int, starts_at: datetime) -> str:
    """Once for a claim: the first again if the shift moves to another day, the second if it moves at all."""
    if kind is NoticeKind.SHIFT_SOON:
        return f"soon:{claim_id}:{clock.today(starts_at)}"
    return f"near:{claim_id}:{int(starts_at.timestamp())}"


def _remind(planned: Plan, ids: Sequence[int], now: datetime) -> int:
    """Write the reminders that are still due; two workers do it one after the other, on the row of the lease."""
    hold_the_pen()
    due = _unreminded(planned, now, *ids)
    still = select(Claim).where(Claim.id.in_(due)).order_by(Claim.id)
    whole = joinedload(Claim.shift, innerjoin=True).joinedload(Shift.post, innerjoin=True)
    locked = still.with_for_update(of=Claim).options(whole, joinedload(Claim.volunteer, innerjoin=True))
    for claim in db.session.scalars(locked.execution_options(populate_existing=True)).all():
        _tell(due[claim.id], claim, now)
    db.session.commit()
    return len(due)


def hold_the_pen() -> None:
    """Wait until no other worker writes reminders or bulletins."""
    db.session.scalars(select(Lease).where(Lease.name == WORKER).with_for_update()).all()


def _tell(kind: NoticeKind, claim: Claim, now: datetime) -> None:
    shift, post = claim.shift, claim.shift.post
    tell(
        claim.volunteer.account_id,
        kind,
        now=now,
        path=f"/shifts/{shift.id}",
        key=_key(kind, claim.id, shift.starts_at),
        title=post.title,
        where=post.place,
        place=claim.place or 0,
        starts=shift.starts_at,
        ends=shift.ends_at,
    )


# --- what is on today ---------------------------------------------------------------------------------------


def announce_today(*, now: datetime) -> int:
    """Tell group chats, once in the morning, which shifts their organization has today; returns how many were told."""
    with reading():
        due = _without_today(now)
    for organization_id in due:
        hold_the_pen()
        if organization_id in _without_today(now):
            _announce_today(organization_id, now)
        db.session.commit()
    return len(due)


def _without_today(now: datetime) -> list[int]:
    """Organizations with a group chat and shifts today that have not been told yet; none outside of the morning."""
    wall = clock.local(now).time()
    if queries.quiet_hours().end_after(now) or not MORNING[0] <= wall < MORNING[1]:
        return []
    told = {f"today:{id}:{clock.today(now)}": id for id in queries.organizations_with_robots()}
    for key in db.session.scalars(select(Bulletin.key).where(Bulletin.key.in_(told))):
        told.pop(key or "")
    first, after = clock.day_span(clock.today(now))
    busy = select(Post.organization_id).join(Shift, Shift.post_id == Post.id).where(Shift.state == ShiftState.OPEN)
    busy = busy.where(Post.organization_id.in_(told.values()), Shift.starts_at >= first, Shift.starts_at < after)
    return sorted(set(db.session.scalars(busy.distinct())))


def _announce_today(organization_id: int, now: datetime) -> None:
    first, after = clock.day_span(clock.today(now))
    held = func.count(Claim.id).filter(Claim.state == ClaimState.HELD)
    today = select(Shift.starts_at, Shift.ends_at, Post.title, Shift.places, held).join(Post, Post.id == Shift.post_id)
    today = today.outerjoin(Claim, Claim.shift_id == Shift.id).where(Post.organization_id == organization_id)
    today = today.where(Shift.state == ShiftState.OPEN, Shift.starts_at >= first, Shift.starts_at < after)
    today = today.group_by(Shift.id, Post.title).order_by(Shift.starts_at, Shift.id)
    rows = db.session.execute(today).all()
    lines = [f"{display.hour(s)}–{display.hour(e)} {title} {taken}/{places}" for s, e, title, places, taken in rows]
    lines = [*lines[:MOST_LINES], "…"] if len(lines) > MOST_LINES else lines
    key = f"today:{organization_id}:{clock.today(now)}"
    text = "\n".join(lines)
    announce(organization_id, BulletinKind.TODAY, now=now, path="/desk", key=key, count=len(rows), lines=text)
