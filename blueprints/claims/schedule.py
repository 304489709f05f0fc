"""How a volunteer stands to shifts: to one of them, to those that come, those that are past, and those of this hour."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import Select, bindparam, or_, select
from sqlalchemy.orm import contains_eager

from blueprints.claims import board, company, queries, seeking
from blueprints.claims.board import Seen
from blueprints.claims.company import Companion
from blueprints.claims.models import LIVE_STATES, Claim, ClaimState
from blueprints.claims.queries import Attendance, Papers
from blueprints.claims.seeking import NOTHING_SOUGHT, Sought
from blueprints.identity.models import Volunteer
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from core import clock
from core.actor import Actor
from core.db import Question, db

PAGE = 20
MOST_COMING = 200
HOUR = timedelta(hours=1)
_AHEAD = (*LIVE_STATES, ClaimState.CALLED_OFF)


class Stage(StrEnum):
    """Where a shift is in its life, for those who look at it."""

    OPEN = "open"
    RUNNING = "running"
    OVER = "over"
    CANCELLED = "cancelled"


def stage(shift: Shift, post: Post, now: datetime) -> Stage:
    if shift.state is ShiftState.CANCELLED or post.state is PostState.CANCELLED:
        return Stage.CANCELLED
    if now >= shift.ends_at:
        return Stage.OVER
    return Stage.RUNNING if now >= shift.starts_at else Stage.OPEN


@dataclass(frozen=True, slots=True)
class Standing:
    """One person before one shift."""

    seen: Seen
    stage: Stage
    lineage: list[str]
    claim: Claim | None  # the latest one, ended ones too
    position: int
    why_not: str | None
    deadline: datetime | None
    late: bool
    attendance: Attendance | None
    opens_at: datetime | None = None  # when claiming opens, if that is still to come
    is_watched: bool = False  # whether the viewer is told then
    sought: Sought = NOTHING_SOUGHT  # stand-ins and swaps
    party: tuple[Companion, ...] = ()  # whom the viewer has named, or who has named them

    @property
    def cancel_hours(self) -> int:
        """How many hours before the start a claim can be given up without a mark."""
        return int((self.seen.shift.starts_at - self.deadline) / HOUR) if self.deadline else 0

    @property
    def holds(self) -> bool:
        return self.claim is not None and self.claim.state in LIVE_STATES


def standing(shift_id: int, viewer: Actor | None, now: datetime) -> Standing | None:
    """How the viewer stands to the shift; None if there is nothing to see yet."""
    seen = board.seen([shift_id]).get(shift_id)
    if seen is None or seen.shift.state is ShiftState.DRAFT or seen.post.state is PostState.DRAFT:
        return None
    at, own = stage(seen.shift, seen.post, now), _own(seen, viewer)
    claim, live = own.claim, own.claim if own.claim and own.claim.state in LIVE_STATES else None
    begun = live if live and at in (Stage.RUNNING, Stage.OVER) else None
    coming = live if at is Stage.OPEN else None
    return Standing(
        seen=seen,
        stage=at,
        lineage=board.memory().tree.answer().lineage(seen.post.division_id),
        claim=claim,
        position=own.position,
        why_not=None if live or viewer is None else _why_not(seen, at, own, now),
        deadline=queries.cancel_deadline(seen.shift) if coming else None,
        late=coming is not None and not queries.leaves_unmarked(coming, seen.shift, now),
        attendance=queries.attendance(begun.id) if begun else None,
        **_opening(seen.shift, viewer, now),
        sought=_sought(shift_id, live, viewer) if at is Stage.OPEN else NOTHING_SOUGHT,
        party=company.around(shift_id, viewer.volunteer_id) if viewer and at is Stage.OPEN else (),
    )


def _sought(shift_id: int, live: Claim | None, viewer: Actor | None) -> Sought:
    return seeking.sought_on(shift_id, live, viewer.volunteer_id if viewer else None)


def _opening(shift: Shift, viewer: Actor | None, now: datetime) -> dict[str, Any]:
    """When claiming opens, and whether the viewer wants to be told; nothing if it is open."""
    opens_at = queries.opens_later(shift, now)
    watched = bool(opens_at and viewer and queries.watching(shift.id, viewer.volunteer_id))
    return {"opens_at": opens_at, "is_watched": watched}


@dataclass(frozen=True, slots=True)
class Own:
    """Whoever looks at a shift: their registration, their newest claim, and what else the post may ask of them."""

    volunteer: Volunteer | None = None
    claim: Claim | None = None  # a live one is always the newest, since there is at most one
    position: int = 0
    papers: Papers | None = None


def _own(seen: Seen, viewer: Actor | None) -> Own:
    """All of it in one question."""
    if viewer is None or viewer.volunteer_id is None:
        return Own()
    on_it = (Claim.volunteer_id == Volunteer.id) & (Claim.shift_id == seen.shift.id)
    me = select(Volunteer, Claim, board.POSITION).outerjoin(Claim, on_it).where(Volunteer.id == viewer.volunteer_id)
    newest = queries.with_papers(me, seen.post).order_by(Claim.id.desc()).limit(1)
    volunteer, claim, position, *papers = db.session.execute(newest).one()
    return Own(volunteer, claim, position, Papers(*papers))


def _why_not(seen: Seen, at: Stage, own: Own, now: datetime) -> str | None:
    if at is not Stage.OPEN:
        return queries.closed_because(seen.shift, seen.post, now)
    return queries.obstacle(seen.shift, seen.post, own.volunteer, now, own.papers)


_claim = Claim.__table__.c
OWN_SHIFT = Question(
    select(_claim.shift_id).where(_claim.id == bindparam("claim"), _claim.volunteer_id == bindparam("volunteer"))
)


def own_shift_id(claim_id: int, viewer: Actor) -> int | None:
    """The shift of a claim, if the claim is the viewer's own; else it does not exist for them."""
    return next((id for (id,) in OWN_SHIFT.answer(claim=claim_id, volunteer=viewer.volunteer_id)), None)


# --- the schedule -----------------------------------------------------------------------------------------------


def coming(volunteer_id: int, now: datetime) -> dict[Claim, int]:
    """What the volunteer holds or waits for and is not over, soonest first, each with the position in line.

    What was called off stands here too until its time is over: that is where somebody looks who means to go there.
    """
    live = _claims(volunteer_id).where(Claim.state.in_(_AHEAD), Shift.ends_at > now)
    soonest = live.order_by(Shift.starts_at, Claim.id).limit(MOST_COMING).add_columns(board.POSITION)
    return {claim: position for claim, position in db.session.execute(soonest)}  # noqa: C416 - rows are no pairs for mypy


def by_day(claims: Iterable[Claim]) -> list[tuple[date, list[Claim]]]:
    """The claims under the local days on which their shifts begin."""
    days = groupby(claims, key=lambda claim: clock.today(claim.shift.starts_at))
    return [(day, list(group)) for day, group in days]


def cancel_hours() -> timedelta:
    """How long before the start a place can be given up without a mark."""
    return timedelta(hours=organizations.limit(Limit.CANCEL_HOURS))


def past(volunteer_id: int, now: datetime, before: tuple[datetime, int] | None) -> list[Claim]:
    """What is over or was given up, the newest first; one row more than a page, if there are more."""
    ended = _claims(volunteer_id).where(or_(Claim.state.not_in(_AHEAD), Shift.ends_at <= now))
    if before:
        starts_at, id = before
        ended = ended.where(or_(Shift.starts_at < starts_at, (Shift.starts_at == starts_at) & (Claim.id < id)))
    return list(db.session.scalars(ended.order_by(Shift.starts_at.desc(), Claim.id.desc()).limit(PAGE + 1)))


def mark(claim: Claim) -> str:
    """Where the next page of the past goes on, for an address; search.cursor reads it."""
    return f"{int(claim.shift.starts_at.timestamp())}-{claim.id}"


def _claims(volunteer_id: int) -> Select[Claim]:
    shift = contains_eager(Claim.shift)
    whole = shift.joinedload(Shift.post, innerjoin=True).joinedload(Post.organization, innerjoin=True)
    return select(Claim).join(Claim.shift).where(Claim.volunteer_id == volunteer_id).options(whole)


# --- the own check-in -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Due:
    """A held place on a shift whose check-in is open now, and what was seen so far."""

    claim: Claim
    attendance: Attendance
    ends: datetime  # until then one can check in, or check out once in


def due(volunteer_id: int, now: datetime) -> list[Due]:
    """Where the volunteer can check in or out at this moment."""
    before, after = _margins()
    held = _claims(volunteer_id).where(Claim.state == ClaimState.HELD, Shift.state == ShiftState.OPEN)
    inside = held.where(Shift.starts_at <= now + before, Shift.ends_at >= now - after)
    claims = list(db.session.scalars(inside.order_by(Shift.starts_at)))
    seen = queries.attendances(claim.id for claim in claims)
    return [_due(claim, seen[claim.id], after) for claim in claims]


def _due(claim: Claim, attendance: Attendance, after: timedelta) -> Due:
    return Due(claim, attendance, claim.shift.ends_at + (after if attendance.is_present else timedelta()))


def next_due(volunteer_id: int, now: datetime) -> tuple[Claim, datetime] | None:
    """The next held place, and when its check-in opens."""
    before, _after = _margins()
    held = _claims(volunteer_id).where(Claim.state == ClaimState.HELD, Shift.state == ShiftState.OPEN)
    later = held.where(Shift.starts_at > now + before).order_by(Shift.starts_at).limit(1)
    claim = db.session.scalar(later)
    return (claim, claim.shift.starts_at - before) if claim else None


def _margins() -> tuple[timedelta, timedelta]:
    before = organizations.limit(Limit.CHECK_IN_BEFORE_MINUTES)
    after = organizations.limit(Limit.CHECK_OUT_AFTER_MINUTES)
    return before * clock.MINUTE, after * clock.MINUTE
