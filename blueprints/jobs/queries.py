"""Questions about tasks: whose they are, how far they are, and what came out of them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, false, func, or_, select
from sqlalchemy.orm import joinedload

from blueprints.jobs.models import LIVE, ChunkSide, Job, JobChunk, JobState
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from core.actor import Actor, Role
from core.db import db, reading

KEPT_FOR = timedelta(days=7)
PAGE = 20

# For each kind the roles whose holders may see its tasks within their reach; of all others only the owner's own.
Shared = Mapping[str, Sequence[Role]]


def visible(job_id: int, actor: Actor, shared: Shared) -> Job | None:
    """The task, if it is this person's to see: a shared one asks for the role even from whoever began it."""
    return db.session.scalar(_visible(actor, shared).where(Job.id == job_id))


def listed(actor: Actor, shared: Shared, before: int | None = None) -> list[Job]:
    """A page of what one may see, the newest first; one row more than the page says that there is another."""
    found = _visible(actor, shared).order_by(Job.id.desc()).limit(PAGE + 1)
    return list(db.session.scalars(found.where(Job.id < before) if before else found))


def _visible(actor: Actor, shared: Shared) -> Select[Job]:
    own = and_(Job.owner_id == actor.account_id, Job.kind.not_in(list(shared)))
    reached = [_reached(kind, actor, roles) for kind, roles in shared.items()]
    told = (joinedload(Job.organization), joinedload(Job.owner))
    return select(Job).outerjoin(Organization, Organization.id == Job.organization_id).where(
        or_(false(), own, *reached)
    ).options(*told)  # fmt: skip


def _reached(kind: str, actor: Actor, roles: Sequence[Role]):  # type: ignore[no-untyped-def] # a condition
    return and_(Job.kind == kind, organizations.under(actor.reach(*roles)))


def live_count(account_id: int) -> int:
    """How many tasks of this person wait or run."""
    mine = select(func.count()).select_from(Job).where(Job.owner_id == account_id, Job.state.in_(LIVE))
    return db.session.scalar(mine) or 0


def live(kind: str, account_id: int) -> list[Job]:
    """The tasks of this kind that this person has waiting or running."""
    mine = select(Job).where(Job.kind == kind, Job.owner_id == account_id, Job.state.in_(LIVE))
    return list(db.session.scalars(mine.order_by(Job.id)))


def of_kind(kind: str, account_id: int, most: int = 5) -> list[Job]:
    """The newest tasks of this kind that this person asked for."""
    mine = select(Job).where(Job.kind == kind, Job.owner_id == account_id)
    return list(db.session.scalars(mine.order_by(Job.id.desc()).limit(most)))


def due(real: datetime) -> Select[Job]:
    """What can be worked on now: what nobody has begun, and what somebody began and no longer holds."""
    left = and_(Job.state == JobState.RUNNING, Job.held_until <= real)
    return select(Job).where(or_(Job.state == JobState.QUEUED, left)).order_by(Job.id)


def is_due(real: datetime) -> bool:
    return db.session.scalar(due(real).with_only_columns(Job.id).limit(1)) is not None


def size(job_id: int, side: ChunkSide) -> int:
    """Bytes of what went in or came out."""
    total = select(func.coalesce(func.sum(JobChunk.size), 0))
    return db.session.scalar(total.where(JobChunk.job_id == job_id, JobChunk.side == side)) or 0


def pieces(job_id: int, side: ChunkSide) -> Iterator[bytes]:
    """What went in or came out, piece by piece; nothing is locked between two of them."""
    position = 0
    while (piece := _piece(job_id, side, position)) is not None:
        yield piece
        position += 1


def _piece(job_id: int, side: ChunkSide, position: int) -> bytes | None:
    wanted = select(JobChunk.content).where(JobChunk.job_id == job_id, JobChunk.side == side)
    with reading():
        return db.session.scalar(wanted.where(JobChunk.position == position))


def next_position(job_id: int, side: ChunkSide) -> int:
    last = select(func.max(JobChunk.position)).where(JobChunk.job_id == job_id, JobChunk.side == side)
    found = db.session.scalar(last)
    return 0 if found is None else found + 1


def old(now: datetime) -> Select[Job]:
    """Tasks whose input and result have been kept long enough."""
    return select(Job).where(Job.ended_at <= now - KEPT_FOR, Job.erased_at.is_(None)).order_by(Job.id)
