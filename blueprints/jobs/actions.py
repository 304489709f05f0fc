"""Asking for a task, working on it step by step, and letting go of it.

A handler is a generator: what it wrote before each `yield` is committed together with how far it is, and nothing else
is. So a task whose worker was killed goes on behind its last step, and no step is done twice. Between two steps it
holds plain values only, for each step has a session of its own; what takes long is done in `core.db.reading`.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, update

from blueprints.identity import actions as identity
from blueprints.identity.models import Account
from blueprints.jobs import queries
from blueprints.jobs.models import LIVE, NEXT_STATES, ChunkSide, Job, JobChunk, JobState
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from core import audit
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _, speaking
from core.refusal import Refusal

PIECE = 1024 * 1024  # bytes
LEASE = timedelta(seconds=60)  # a step must take less
LONG_LEASE = timedelta(minutes=10)  # or this, if it was announced
MOST_TRIES = 10  # of workers that broke or died at it
MOST_LIVE = 5  # tasks of one person
LONGEST_FAILURE = 400


class Work:
    """What a handler has in hand: what was asked, how far it is, and where its result goes."""

    def __init__(self, job: Job) -> None:
        self.job_id, self.owner_id, self.organization_id = job.id, job.owner_id, job.organization_id
        self.holder, self.given, self.kept = job.held_by, dict(job.given), dict(job.kept)
        self.kind, self.done, self.total = job.kind, job.done, job.total
        self.took = 0.0  # seconds of the last step
        self.file_name, self.file_type = job.file_name, job.file_type
        self.lease = LEASE
        self._open = bytearray()

    def expect(self, total: int) -> None:
        """Say how much there is to do in all."""
        self.total = total

    def advance(self, count: int = 1) -> None:
        """Say that so much more is done; it holds from the next `yield` on."""
        self.done += count

    def needs_long(self) -> None:
        """Say before a `yield` that the step after it takes minutes: no other worker takes the task meanwhile."""
        self.lease = LONG_LEASE

    def read(self) -> Iterator[bytes]:
        """What was handed in with the task, piece by piece; ends the transaction, so nothing may be unwritten."""
        return queries.pieces(self.job_id, ChunkSide.INPUT)

    def begin_file(self, name: str, content_type: str) -> None:
        """Begin the result that people download, from nothing: for what cannot be gone on with after a crash."""
        db.session.execute(_chunks(self.job_id, ChunkSide.RESULT))
        self.file_name, self.file_type, self.done = name, content_type, 0
        self._open.clear()

    def write(self, data: bytes) -> None:
        """Add to the result; what is written before a `yield` is kept with it."""
        self._open += data
        while len(self._open) >= PIECE:
            self._keep(bytes(self._open[:PIECE]))
            del self._open[:PIECE]

    def store(self, path: Path) -> Iterator[None]:
        """Add a whole file to the result, one step for each piece: `yield from work.store(path)`."""
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                self.write(piece)
                yield

    def _keep(self, piece: bytes) -> None:
        position = queries.next_position(self.job_id, ChunkSide.RESULT)
        db.session.add(_chunk(self.job_id, ChunkSide.RESULT, position, piece))
        db.session.flush()

    def flush(self) -> None:
        if self._open:
            self._keep(bytes(self._open))
            self._open.clear()


Handler = Callable[[Work], Generator[None]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of task as an area registers it: `title` is what people call it.

    With `roles`, its tasks are seen by whoever holds one of these on the task's organization; without, by the owner
    alone. `ended` is told in the transaction in which a task ends, however that is.
    """

    name: str
    title: Any
    handler: Handler
    roles: tuple[Role, ...] = ()
    can_be_cancelled: bool = True
    path: str = ""  # the page that is shown instead of the task's own when it is over, with {} for values of `given`
    ended: Callable[[Job, datetime], None] = field(default=lambda _job, _now: None)


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Let the worker know a kind; areas call it when they are imported."""
    KINDS[kind.name] = kind
    return kind


def shared() -> dict[str, tuple[Role, ...]]:
    """The kinds that are not their owner's alone, and whose they are."""
    return {kind.name: kind.roles for kind in KINDS.values() if kind.roles}


def title_of(job: Job) -> str:
    """What the task is called, also if the area that knew it is gone."""
    kind = KINDS.get(job.kind)
    return str(kind.title) if kind else job.kind


# --- asking ---------------------------------------------------------------------------------------------------


def enqueue(
    kind: Kind,
    owner_id: int,
    *,
    now: datetime,
    organization_id: int | None = None,
    given: dict[str, Any] | None = None,
    data: Iterable[bytes] = (),
) -> Job:
    """Ask for a task; `given` must be JSON, `data` is handed to it in pieces. The same one asked twice is one."""
    lock(Account, owner_id)
    waits = queries.live(kind.name, owner_id)
    same = next((job for job in waits if job.given == (given or {}) and job.organization_id == organization_id), None)
    if same:
        return same
    if queries.live_count(owner_id) >= MOST_LIVE:
        raise Refusal(_("%(count)d of your tasks are still at work. Please wait until one is done.", count=MOST_LIVE))
    job = Job(kind=kind.name, owner_id=owner_id, organization_id=organization_id, created_at=now, given=given or {})
    db.session.add(job)
    db.session.flush()
    for position, piece in enumerate(_pieces(data)):
        db.session.add(_chunk(job.id, ChunkSide.INPUT, position, piece))
        db.session.flush()
    audit.note("task asked", job, actor_id=owner_id, now=now, organization_id=organization_id, kind=kind.name)
    return job


def _pieces(data: Iterable[bytes]) -> Iterator[bytes]:
    for block in data:
        yield from (block[start : start + PIECE] for start in range(0, len(block), PIECE))


def _chunk(job_id: int, side: ChunkSide, position: int, content: bytes) -> JobChunk:
    return JobChunk(job_id=job_id, side=side, position=position, size=len(content), content=content)


def cancel(job_id: int, actor: Actor, *, now: datetime) -> Job:
    """Stop a task; what its finished steps wrote is the business of its kind, its own result is dropped."""
    job = lock(Job, job_id)
    kind = KINDS.get(job.kind)
    if kind and not kind.can_be_cancelled:
        raise Refusal(_("This task cannot be stopped half-way. Please let it come to its end."))
    _end(job, JobState.CANCELLED, now)
    _erase(job, now)
    about = job.owner_id if job.owner_id != actor.account_id else None
    audit.note(
        "task cancelled",
        job,
        actor_id=actor.account_id,
        now=now,
        organization_id=job.organization_id,
        about_id=about,
        kind=job.kind,
    )
    return job


# --- working --------------------------------------------------------------------------------------------------


def take(holder: str, *, now: datetime, real: datetime) -> Work | None:
    """Take up the next task that nobody holds; None if there is none. One that kills its workers is given up."""
    job = db.session.scalar(queries.due(real).limit(1).with_for_update(skip_locked=True))
    if job is None:
        return None
    if job.kind not in KINDS or job.tries >= MOST_TRIES:
        fail(job, "", now=now)
        return None
    if job.state is JobState.QUEUED:
        _move(job, JobState.RUNNING)
        job.started_at = now
    job.held_by, job.held_until, job.tries = holder, real + LEASE, job.tries + 1
    db.session.flush()
    return Work(job)


def note_step(work: Work, *, real: datetime) -> bool:
    """Keep how far a task is, with what its step wrote; False if it was cancelled or somebody else has it now."""
    work.flush()
    values: dict[str, Any] = {"done": work.done, "total": work.total, "kept": work.kept}
    values |= {"file_name": work.file_name, "file_type": work.file_type, "held_until": real + work.lease}
    noted = update(Job).where(Job.id == work.job_id, Job.state == JobState.RUNNING, Job.held_by == work.holder)
    return db.session.scalar(noted.values(values).returning(Job.id)) is not None


def let_go(work: Work, *, real: datetime) -> None:
    """Whoever works must stop: another may take the task up at once, and it was no failure."""
    mine = update(Job).where(Job.id == work.job_id, Job.state == JobState.RUNNING, Job.held_by == work.holder)
    db.session.execute(mine.values(held_until=real, tries=Job.tries - 1))


def put_off(work: Work, *, until: datetime) -> None:
    """A step broke: the task rests until then, and counts one more try."""
    mine = update(Job).where(Job.id == work.job_id, Job.state == JobState.RUNNING, Job.held_by == work.holder)
    db.session.execute(mine.values(held_until=until))


def finish(work: Work, *, now: datetime) -> bool:
    """The handler came to its end; False if that no longer counts."""
    work.flush()
    job = lock(Job, work.job_id)
    if job.state is not JobState.RUNNING or job.held_by != work.holder:
        return False
    job.done, job.total, job.kept = work.done, work.done if work.total is None else work.total, work.kept
    job.file_name, job.file_type = work.file_name, work.file_type
    _end(job, JobState.DONE, now)
    _tell(job, NoticeKind.JOB_DONE, now)
    return True


def fail_work(work: Work, words: str, *, now: datetime) -> None:
    """A rule said no in the middle; `words` say why, in the owner's language."""
    job = lock(Job, work.job_id)
    if job.state is JobState.RUNNING and job.held_by == work.holder:
        fail(job, words, now=now)


def fail(job: Job, words: str, *, now: datetime) -> None:
    """End a task that did not come to its end; half a result is dropped."""
    _end(job, JobState.FAILED, now)
    job.failure = words[:LONGEST_FAILURE]
    db.session.execute(_chunks(job.id, ChunkSide.RESULT))
    _tell(job, NoticeKind.JOB_FAILED, now)


def language_of(account_id: int) -> str:
    """In which language a task speaks: its owner's."""
    return db.session.scalar(select(Account.lang).where(Account.id == account_id)) or ""


def _end(job: Job, state: JobState, now: datetime) -> None:
    _move(job, state)
    job.ended_at, job.held_by, job.held_until = now, "", None
    db.session.flush()
    if kind := KINDS.get(job.kind):
        kind.ended(job, now)


def _move(job: Job, state: JobState) -> None:
    if state not in NEXT_STATES[job.state]:
        raise Refusal(_("This task is over already. Reload the page to see how it ended."))
    job.state = state


def _tell(job: Job, kind: NoticeKind, now: datetime) -> None:
    with speaking(language_of(job.owner_id)):
        tell(job.owner_id, kind, now=now, path=f"/jobs/{job.id}", title=title_of(job))


# --- letting go -----------------------------------------------------------------------------------------------


def erase_old(now: datetime) -> int:
    """Drop what went into tasks and came out of them a week after they ended; returns of how many."""
    some = db.session.scalars(queries.old(now).limit(20).with_for_update()).all()
    for job in some:
        _erase(job, now)
    return len(some)


def _erase(job: Job, now: datetime) -> None:
    for side in ChunkSide:
        db.session.execute(_chunks(job.id, side))
    job.given, job.kept, job.file_name, job.erased_at = {}, {}, "", now


def _chunks(job_id: int, side: ChunkSide) -> Any:
    return delete(JobChunk).where(JobChunk.job_id == job_id, JobChunk.side == side)


def _forget(leaving: identity.Departure) -> None:
    """Somebody leaves: what they asked for is stopped, and what came out of it is dropped."""
    theirs = select(Job).where(Job.owner_id == leaving.account_id, Job.erased_at.is_(None)).order_by(Job.id)
    for job in db.session.scalars(theirs.with_for_update()).all():
        if job.state in LIVE:
            _end(job, JobState.CANCELLED, leaving.now)
        _erase(job, leaving.now)


identity.ON_LEAVE.append(_forget)
