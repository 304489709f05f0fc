"""Work that takes longer than a request: what was asked, how far it is, and what came out of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.identity.models import Account
from blueprints.organizations.models import Organization
from core.db import Base, Blob


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


NEXT_STATES: dict[JobState, tuple[JobState, ...]] = {
    JobState.QUEUED: (JobState.RUNNING, JobState.CANCELLED, JobState.FAILED),
    JobState.RUNNING: (JobState.DONE, JobState.FAILED, JobState.CANCELLED),
    JobState.DONE: (),
    JobState.FAILED: (),
    JobState.CANCELLED: (),
}
LIVE = (JobState.QUEUED, JobState.RUNNING)


class Job(Base):
    """One task in the background. Whoever works on it holds it for a time; if they die, another goes on.

    `given` is what was asked, `kept` what the handler needs to go on where the last committed step ended.
    """

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("(state IN ('done', 'failed', 'cancelled')) = (ended_at IS NOT NULL)", name="ended_say_when"),
        CheckConstraint("state <> 'running' OR held_until IS NOT NULL", name="running_ones_are_held"),
        CheckConstraint("done >= 0 AND (total IS NULL OR total >= 0)", name="counts_are_not_negative"),
        CheckConstraint("state = 'failed' OR failure = ''", name="only_failed_ones_say_why"),
        Index(None, "state", "id"),
        Index(None, "owner_id", "id"),
    )

    kind: Mapped[str] = mapped_column(String(40))  # by which an area registered its handler
    state: Mapped[JobState] = mapped_column(default=JobState.QUEUED)
    owner_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    organization_id: Mapped[int | None] = mapped_column(ForeignKey("organization.id"))
    given: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    kept: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]  # unknown until the handler has counted
    failure: Mapped[str] = mapped_column(String(400), default="")  # in the owner's language
    held_by: Mapped[str] = mapped_column(String(80), default="")
    held_until: Mapped[datetime | None]  # by the machine's own clock
    tries: Mapped[int] = mapped_column(default=0)  # how often a worker took it up
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    file_name: Mapped[str] = mapped_column(String(120), default="")  # of the result, if there is one to download
    file_type: Mapped[str] = mapped_column(String(100), default="")
    erased_at: Mapped[datetime | None]  # what went in and came out is gone since then

    owner: Mapped[Account] = relationship(lazy="raise_on_sql")
    organization: Mapped[Organization | None] = relationship(lazy="raise_on_sql")


class ChunkSide(StrEnum):
    INPUT = "input"
    RESULT = "result"


class JobChunk(Base):
    """A piece of what went into a task or came out of it, small enough to be held in memory."""

    __tablename__ = "job_chunk"
    __table_args__ = (
        UniqueConstraint("job_id", "side", "position"),
        CheckConstraint("size BETWEEN 1 AND 1048576", name="pieces_are_small"),
    )

    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"))
    side: Mapped[ChunkSide]
    position: Mapped[int]
    size: Mapped[int]  # bytes
    content: Mapped[bytes] = mapped_column(Blob, deferred=True)
