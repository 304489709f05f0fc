"""The way of a file of another platform into the record: handed in by one, tried row by row, decided by another above.

What the tasks do with its rows stands in `entering`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, update

from blueprints.exchange import queries, rules
from blueprints.exchange.models import (
    NEXT_IMPORT_STATES,
    ImportBatch,
    ImportKind,
    ImportRow,
    ImportState,
    ImportTemplate,
    RowState,
)
from blueprints.identity import queries as people
from blueprints.identity.models import Account
from blueprints.jobs import actions as jobs
from blueprints.jobs.actions import Kind
from blueprints.jobs.models import LIVE, Job
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.organizations.models import Organization
from blueprints.records import attempts
from blueprints.records.attempts import About
from blueprints.records.models import Bar, Tried
from core import audit
from core.actor import Actor
from core.db import db, lock
from core.i18n import _
from core.refusal import Barred, Refusal, is_said

S = ImportState
KEPT_FOR = timedelta(days=30)
UNDO_WITHIN = timedelta(days=14)  # registrations; hours as long as none of them counts

# The tasks of a batch, by name; `entering` puts them here, because it stands above these verbs.
TASKS: dict[str, Kind] = {}


def upload(
    kind: ImportKind,
    organization_id: int,
    actor: Actor,
    *,
    platform: str,
    file_name: str,
    heads: Sequence[str],
    data: Iterable[bytes],
    now: datetime,
) -> ImportBatch:
    """Take a file in and have its rows read; `heads` are the words of its first line."""
    organization = lock(Organization, organization_id)
    if not queries.may_make(actor, organization):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    if organization.closed_at:
        raise Refusal(_("%(name)s was closed. Choose another organization.", name=organization.name))
    kept = queries.template(organization.id, kind, platform)
    batch = ImportBatch(kind=kind, organization_id=organization.id, platform=platform, file_name=file_name)
    batch.heads, batch.mapping = list(heads), rules.guessed(kind, heads, kept.fields if kept else {})
    batch.uploaded_at, batch.uploaded_by_id = now, actor.account_id
    db.session.add(batch)
    db.session.flush()
    _begin(batch, "read", actor.account_id, now, data)
    _trace("import uploaded", batch, actor, now)
    return batch


def name_columns(batch_id: int, actor: Actor, *, mapping: Sequence[str], category: str, now: datetime) -> ImportBatch:
    """Say which field each column holds, keep that for the next file, and have every row tried."""
    batch = _own(batch_id, actor)
    if batch.state is S.READING:
        raise Refusal(_("The file is still being read. Please wait a moment and try again."))
    named = [name for name in mapping if name]
    if len(named) != len(set(named)):
        raise Refusal(_("Two columns hold the same field. Please choose one of them."))
    if lacking := rules.missing(batch.kind, mapping):
        raise Refusal(_("No column holds: %(fields)s. Please choose one.", fields="、".join(map(str, lacking))))
    if batch.kind is ImportKind.HOURS and not category and "category" not in mapping:
        raise Refusal(_("Please choose the category of these hours."), "category")
    batch.mapping, batch.category = list(mapping), category
    _keep_template(batch, actor, now)
    _move(batch, S.CHECKING)
    _begin(batch, "check", actor.account_id, now)
    return batch


def _keep_template(batch: ImportBatch, actor: Actor, now: datetime) -> None:
    kept = queries.template(batch.organization_id, batch.kind, batch.platform)
    kept = kept or ImportTemplate(organization_id=batch.organization_id, kind=batch.kind, platform=batch.platform)
    kept.fields = dict(zip(batch.heads, batch.mapping, strict=True))
    kept.changed_at, kept.changed_by_id = now, actor.account_id
    db.session.add(kept)


def submit(batch_id: int, actor: Actor, *, now: datetime) -> ImportBatch:
    """Ask the level above to let the rows that are ready become part of the record."""
    batch = _own(batch_id, actor)
    if not queries.count(batch.id, RowState.READY):
        raise Refusal(_("No row is ready to be entered. Mend the file and hand it in anew."))
    _move(batch, S.SUBMITTED)
    batch.submitted_at = now
    _trace("import submitted", batch, actor, now, ready=queries.count(batch.id, RowState.READY))
    return batch


def discard(batch_id: int, actor: Actor, *, now: datetime) -> ImportBatch:
    """Drop a file that was not submitted."""
    batch, _organization = _made(batch_id, actor)
    _move(batch, S.DISCARDED)
    _drop_words(batch, now)
    _trace("import discarded", batch, actor, now)
    return batch


def approve(batch_id: int, actor: Actor, *, now: datetime) -> ImportBatch:
    """Let the rows in: another person than the one who handed in, of the level above."""
    batch = _decided(batch_id, actor)
    _move(batch, S.APPLYING)
    batch.decided_at, batch.decided_by_id = now, actor.account_id
    _begin(batch, "apply", actor.account_id, now)
    _trace("import approved", batch, actor, now)
    return batch


def decline(batch_id: int, actor: Actor, *, reason: str, now: datetime) -> ImportBatch:
    """Say no to the whole file, and why."""
    if not is_said(reason):
        raise Refusal(_("Please say why, so that whoever handed it in can mend it."), "reason")
    batch = _decided(batch_id, actor)
    _move(batch, S.DECLINED)
    batch.decided_at, batch.decided_by_id, batch.reason = now, actor.account_id, reason
    _trace("import declined", batch, actor, now)
    tell_maker(batch, NoticeKind.IMPORT_DECLINED, now, reason=reason)
    return batch


def undo(batch_id: int, actor: Actor, *, reason: str, now: datetime) -> ImportBatch:
    """Take a whole batch back, also one whose task broke off, as long as none of its hours counts; afterwards entries
    are corrected one by one."""
    if not is_said(reason):
        raise Refusal(_("Please say why the import is taken back."), "reason")
    batch = lock(ImportBatch, batch_id)
    organization = db.session.get_one(Organization, batch.organization_id)
    if not (queries.may_make(actor, organization) or queries.may_decide(actor, batch, organization)):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    _refuse_late(batch, now)
    _move(batch, S.UNDOING)
    batch.reason = reason
    _begin(batch, "undo", actor.account_id, now)
    _trace("import taken back", batch, actor, now)
    return batch


def _refuse_late(batch: ImportBatch, now: datetime) -> None:
    if batch.state is not S.APPLIED and not (batch.state is S.APPLYING and broke_off(batch)):
        raise Refusal(_("Only an import that was entered can be taken back."))
    if batch.kind is ImportKind.HOURS and queries.effective_count(batch.id):
        raise Refusal(_("Some of these hours count already, so each wrong entry is corrected on its own."))
    if batch.kind is ImportKind.REGISTRATIONS and batch.applied_at and now > batch.applied_at + UNDO_WITHIN:
        raise Refusal(_("This was entered more than %(days)d days ago and stays.", days=UNDO_WITHIN.days))


def broke_off(batch: ImportBatch) -> bool:
    """Whether nobody works on the batch although it is not at its end."""
    job = db.session.get(Job, batch.job_id) if batch.job_id else None
    return job is None or job.state not in LIVE


def resume(batch_id: int, actor: Actor, *, now: datetime) -> ImportBatch:
    """Go on with a batch whose task broke off; what it had entered stays entered."""
    batch = lock(ImportBatch, batch_id)
    organization = db.session.get_one(Organization, batch.organization_id)
    if not queries.may_decide(actor, batch, organization):
        sentence = _("The level above %(name)s decides on this import.", name=organization.name)
        raise Barred(sentence, Tried.IMPORT, Bar.TOO_LOW, batch)
    task = {S.APPLYING: "apply", S.UNDOING: "undo"}.get(batch.state)
    if task is None or not broke_off(batch):
        raise Refusal(_("This import is at work, or over. Reload the page to see how."))
    _begin(batch, task, batch.decided_by_id or actor.account_id, now)
    _trace("import resumed", batch, actor, now)
    return batch


def ask_for_errors(batch_id: int, actor: Actor, *, now: datetime) -> int:
    """Have the rows that are wrong written into a file that can be mended and handed in again; returns the task."""
    batch = lock(ImportBatch, batch_id)
    job = jobs.enqueue(
        TASKS["errors"],
        actor.account_id,
        now=now,
        organization_id=batch.organization_id,
        given={"batch_id": batch.id},
    )
    return job.id


# --- what all of them do --------------------------------------------------------------------------------------


def _made(batch_id: int, actor: Actor) -> tuple[ImportBatch, Organization]:
    """The batch, locked, if this person may make one there."""
    batch = lock(ImportBatch, batch_id)
    organization = db.session.get_one(Organization, batch.organization_id)
    if not queries.may_make(actor, organization):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    return batch, organization


def _own(batch_id: int, actor: Actor) -> ImportBatch:
    """Only who handed a file in says what it holds: so nobody has a part in it whom the deciding rule does not know."""
    batch, _organization = _made(batch_id, actor)
    if batch.uploaded_by_id != actor.account_id:
        maker = db.session.get_one(Account, batch.uploaded_by_id)
        raise Refusal(_("Only %(name)s, who handed it in, names its columns and hands it up.", name=maker.name))
    return batch


def _decided(batch_id: int, actor: Actor) -> ImportBatch:
    batch = lock(ImportBatch, batch_id)
    organization = db.session.get_one(Organization, batch.organization_id)
    if not queries.may_decide(actor, batch, organization):
        sentence = _("The level above %(name)s decides on this import.", name=organization.name)
        raise Barred(sentence, Tried.IMPORT, Bar.TOO_LOW, batch)
    if barred := barred_because(batch, actor):
        raise Barred(barred, Tried.IMPORT, Bar.RECORDER, batch)
    return batch


def barred_because(batch: ImportBatch, actor: Actor) -> str | None:
    """Why this person may not decide on the import, though their role covers it."""
    if people.is_one_of(actor.account_id, {batch.uploaded_by_id}):
        return _("You handed this in, or somebody of the same name or mail address; another person decides.")
    return None


def _about_batch(batch_id: int) -> About | None:
    batch = db.session.get(ImportBatch, batch_id)
    return About(None, batch.organization_id) if batch else None


attempts.FINDERS[ImportBatch.__tablename__] = _about_batch


def _begin(batch: ImportBatch, task: str, owner_id: int, now: datetime, data: Iterable[bytes] = ()) -> None:
    given = {"batch_id": batch.id}
    job = jobs.enqueue(TASKS[task], owner_id, now=now, organization_id=batch.organization_id, given=given, data=data)
    batch.job_id = job.id
    db.session.flush()


def _move(batch: ImportBatch, state: ImportState) -> None:
    if state not in NEXT_IMPORT_STATES[batch.state]:
        raise Refusal(_("Somebody went on with this import meanwhile. Reload the page to see how."))
    batch.state = state


def move_on(batch_id: int, state: ImportState) -> ImportBatch:
    """A task of the batch has come to its end, or did not."""
    batch = lock(ImportBatch, batch_id)
    _move(batch, state)
    db.session.flush()
    return batch


def tell_maker(batch: ImportBatch, kind: NoticeKind, now: datetime, **values: Any) -> None:
    """Tell whoever handed the file in."""
    tell(batch.uploaded_by_id, kind, now=now, path=f"/desk/imports/{batch.id}", title=batch.file_name, **values)


def _trace(what: str, batch: ImportBatch, actor: Actor, now: datetime, **details: int) -> None:
    audit.note(what, batch, actor_id=actor.account_id, now=now, organization_id=batch.organization_id, **details)


def _drop_words(batch: ImportBatch, now: datetime) -> None:
    """What the rows of a file said is dropped; by their keys they are still recognised."""
    db.session.execute(update(ImportRow).where(ImportRow.batch_id == batch.id).values(sealed="", problems=[]))
    unused = delete(ImportRow).where(
        ImportRow.batch_id == batch.id, ImportRow.state.in_([RowState.RAW, RowState.WRONG])
    )
    db.session.execute(unused)
    batch.erased_at = now


def erase_old(now: datetime) -> int:
    """Drop what files said a month after they were handed in; returns of how many."""
    some = db.session.scalars(queries.old(now - KEPT_FOR).limit(1).with_for_update()).all()
    for batch in some:
        if batch.state in (S.READ, S.CHECKED):
            _move(batch, S.DISCARDED)
        _drop_words(batch, now)
    return len(some)
