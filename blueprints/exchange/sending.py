"""Handing over to the national system (条例 art. 19, 办法 art. 4): files of what is new or changed, and its answers."""

import tempfile
from collections.abc import Generator, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import insert, update

from blueprints.exchange import outgoing
from blueprints.exchange.columns import FIELDS, Column, read, ref, subject_of, written
from blueprints.exchange.models import (
    NEXT_HANDOVER_STATES,
    NEXT_ITEM_STATES,
    HandoverBatch,
    HandoverFormat,
    HandoverItem,
    HandoverKind,
    HandoverMapping,
    HandoverState,
    ItemState,
)
from blueprints.exchange.outgoing import Subject
from blueprints.jobs import actions as jobs
from blueprints.jobs.actions import Kind, Work, register
from blueprints.jobs.models import Job, JobState
from blueprints.organizations.models import Organization
from core import audit, clock, spreadsheets
from core.actor import Actor, Role
from core.db import db, lock, reading
from core.i18n import _, lazy
from core.refusal import Refusal
from core.tables import CSV, XLSX, Csv, Xlsx
from core.words import say

Steps = Generator[None]
AT_ONCE = 1000  # rows of a step, of which some are not of the subtree
S, I = HandoverState, ItemState  # noqa: E741
LONGEST_REASON = 200
ID_NUMBER_WENT = "ID number handed over"  # in the audit, about each whose number it was
RESULTS = ("结果", "状态", "反馈结果", "处理结果", "校验结果", "导入结果", "result", "state")
REASONS = ("原因", "失败原因", "备注", "错误信息", "说明", "reason")
GOOD = ("成功", "通过", "接受", "已接受", "已入库", "是", "accepted", "ok", "success", "1")
BAD = ("失败", "不通过", "退回", "拒绝", "已退回", "否", "refused", "error", "fail", "failed", "0")


# --- what an administrator says -------------------------------------------------------------------------------


def make(
    kind: HandoverKind,
    file_format: HandoverFormat,
    organization_id: int,
    actor: Actor,
    *,
    with_id_numbers: bool,
    reason: str,
    refused_again: bool = False,
    now: datetime,
) -> HandoverBatch:
    """Have a file made of what is new, and of what says something else than what was sent."""
    organization = lock(Organization, organization_id)
    _require(actor, organization)
    if with_id_numbers and not reason:
        raise Refusal(_("Please say why the ID numbers are needed; it is written down."), "reason")
    if outgoing.making(organization.id, kind):
        raise Refusal(_("Such a file is being made already. Please wait until it is done."))
    batch = HandoverBatch(kind=kind, format=file_format, organization_id=organization.id, reason=reason)
    batch.with_id_numbers, batch.made_at, batch.made_by_id = with_id_numbers, now, actor.account_id
    db.session.add(batch)
    db.session.flush()
    given = {"batch_id": batch.id, "again": refused_again, "columns": written(outgoing.mapping(organization, kind))}
    batch.job_id = _task(MAKE, batch, actor, now, given)
    _trace("hand-over asked", batch, actor, now, id_numbers=with_id_numbers, reason=reason)
    return batch


def drop(batch_id: int, actor: Actor, *, now: datetime) -> HandoverBatch:
    """Say that a file was not handed over after all: its rows count as not sent."""
    batch = _locked(batch_id, actor)
    job = db.session.get(Job, batch.job_id) if batch.job_id else None
    if batch.state is S.MAKING and job and job.ended_at is None:
        raise Refusal(_("The file is being made. Stop its task first."))
    _move(batch, S.DROPPED)
    _trace("hand-over dropped", batch, actor, now)
    return batch


def answer(batch_id: int, actor: Actor, *, heads: Sequence[str], data: Iterable[bytes], now: datetime) -> HandoverBatch:
    """Take in the answer of the national system, a table with the number of each row and its result."""
    batch = _locked(batch_id, actor)
    if batch.state is not S.MADE:
        raise Refusal(_("Only a file that was made can have an answer."))
    organization = db.session.get_one(Organization, batch.organization_id)
    places = _places(heads, outgoing.mapping(organization, batch.kind))
    batch.job_id = _task(ANSWER, batch, actor, now, {"batch_id": batch.id, "places": places}, data)
    _trace("hand-over answered", batch, actor, now)
    return batch


def _places(heads: Sequence[str], columns: Sequence[Column]) -> list[int]:
    """In which columns the number of a row, its result and the reason stand; -1 for a reason that is not there."""
    refs = {"ref", "数据编号", *(column.name.lower() for column in columns if column.field == "ref")}
    plain = [head.strip().lower() for head in heads]
    found = [next((n for n, head in enumerate(plain) if head in words), -1) for words in (refs, RESULTS, REASONS)]
    if -1 in found[:2]:
        raise Refusal(
            _("The answer needs a column with the number of the row (数据编号) and one with the result (结果)."), "file"
        )
    return found


def decide(item_id: int, batch_id: int, actor: Actor, *, state: ItemState, reason: str, now: datetime) -> HandoverItem:
    """Set by hand how the national system took a row."""
    batch = _locked(batch_id, actor)
    item = lock(HandoverItem, item_id)
    if item.batch_id != batch.id:
        raise Refusal(_("This row went with another file. Open that one."))
    _take(item, state, reason, now)
    _trace("hand-over row decided", batch, actor, now, row=ref(item.kind, item.subject_id), state=state)
    return item


def _take(item: HandoverItem, state: ItemState, reason: str, now: datetime) -> None:
    if state is I.REFUSED and not reason:
        raise Refusal(_("Please say why it was refused, so that somebody can mend it."), "reason")
    if state is item.state:
        item.reason = reason[:LONGEST_REASON]
        return
    if state not in NEXT_ITEM_STATES[item.state] or state is I.SENT:
        raise Refusal(_("A row that was sent is accepted or refused."))
    item.state, item.reason, item.at = state, reason[:LONGEST_REASON] if state is I.REFUSED else "", now


def set_columns(
    organization_id: int, kind: HandoverKind, actor: Actor, *, columns: Sequence[Column], now: datetime
) -> HandoverMapping:
    """Set how an organization, and what lies under it, writes such a file."""
    organization = lock(Organization, organization_id)
    _require(actor, organization)
    _refuse_columns(kind, columns)
    kept = outgoing.own_mapping(organization.id, kind) or HandoverMapping(organization_id=organization.id, kind=kind)
    kept.columns, kept.changed_at, kept.changed_by_id = written(columns), now, actor.account_id
    db.session.add(kept)
    audit.note("hand-over columns set", kept, actor_id=actor.account_id, now=now, organization_id=organization.id)
    return kept


def _refuse_columns(kind: HandoverKind, columns: Sequence[Column]) -> None:
    names = [column.name for column in columns]
    if len(names) != len(set(names)):
        raise Refusal(_("Two columns have the same name."))
    if any(column.field and column.field not in FIELDS[kind] for column in columns):
        raise Refusal(_("There is no such field in this file."))
    if not any(column.field == "ref" for column in columns):
        raise Refusal(_("One column must hold the number of the row, so that an answer can be read."))


def _require(actor: Actor, organization: Organization) -> None:
    if not actor.may(Role.ADMINISTRATOR, organization.path):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))


def _locked(batch_id: int, actor: Actor) -> HandoverBatch:
    batch = lock(HandoverBatch, batch_id)
    _require(actor, db.session.get_one(Organization, batch.organization_id))
    return batch


def _move(batch: HandoverBatch, state: HandoverState) -> None:
    if state not in NEXT_HANDOVER_STATES[batch.state]:
        raise Refusal(_("Somebody went on with this hand-over meanwhile. Reload the page to see how."))
    batch.state = state
    db.session.flush()


def _task(
    kind: Kind, batch: HandoverBatch, actor: Actor, now: datetime, given: dict[str, Any], data: Iterable[bytes] = ()
) -> int:
    where = batch.organization_id
    return jobs.enqueue(kind, actor.account_id, now=now, organization_id=where, given=given, data=data).id


def _trace(what: str, batch: HandoverBatch, actor: Actor, now: datetime, **details: Any) -> None:
    audit.note(what, batch, actor_id=actor.account_id, now=now, organization_id=batch.organization_id, **details)


# --- making the file ------------------------------------------------------------------------------------------


def write(work: Work) -> Steps:
    """The file, some hundred rows a step; after a crash it is begun anew, and its rows are the same."""
    batch_id, columns = work.given["batch_id"], read(work.given["columns"])
    with reading():
        batch = db.session.get_one(HandoverBatch, batch_id)
        organization = db.session.get_one(Organization, batch.organization_id)
        kind, path, with_ids, file_format = batch.kind, organization.path, batch.with_id_numbers, batch.format
        name = f"{organization.name}-{say(kind)}-{clock.today(batch.made_at):%Y%m%d}.{file_format}"
        total, last = outgoing.count(kind, path), outgoing.last(kind)
    work.begin_file(name, XLSX if file_format is HandoverFormat.XLSX else CSV)
    work.expect(total)
    yield
    with (
        tempfile.TemporaryDirectory() as folder,
        (Path(folder) / "table").open("w+", encoding="utf-8", newline="") as file,
    ):
        table, count = _table(Path(folder) / "table.xlsx", file, file_format, columns), 0
        for after in range(0, last, AT_ONCE):
            with reading():
                some = outgoing.subjects(kind, path, after, after + AT_ONCE, with_id_numbers=with_ids)
            sent = [each for each in some if _goes(each, work.given["again"])]
            for each in sent:
                table.write([column.cell(each.values | {"change": _change(each)}) for column in columns])
            _note_sent(batch_id, kind, sent, with_ids=_shows_id_numbers(columns))
            count += len(sent)
            work.advance(len(some))
            yield
        yield from work.store(Path(folder) / _closed(table, file))
    _end(batch_id, count)


def _end(batch_id: int, count: int) -> None:
    """The file is whole. Each person whose ID number stands in it finds that among what was done about them."""
    batch = db.session.get_one(HandoverBatch, batch_id)
    batch.count = count
    if batch.with_id_numbers and batch.kind in (HandoverKind.VOLUNTEERS, HandoverKind.SERVICE):
        told: dict[str, Any] = {
            "actor_id": batch.made_by_id,
            "now": clock.now(),
            "organization_id": batch.organization_id,
        }
        audit.note_each(ID_NUMBER_WENT, HandoverBatch, outgoing.given_away(batch), **told)


def _shows_id_numbers(columns: Sequence[Column]) -> bool:
    return any(column.field == "id_number" for column in columns)


def _table(path: Path, file: IO[str], file_format: HandoverFormat, columns: Sequence[Column]) -> Xlsx | Csv:
    head = [column.name for column in columns]
    return Xlsx(path, head) if file_format is HandoverFormat.XLSX else Csv(file, head)  # type: ignore[arg-type]


def _closed(table: Xlsx | Csv, file: IO[str]) -> str:
    """The name of the file that now holds the whole table."""
    if isinstance(table, Xlsx):
        table.close()
        return "table.xlsx"
    file.flush()
    return "table"


def _goes(subject: Subject, refused_again: bool) -> bool:
    """Whether there is something to tell: it was never sent, or it says something else now."""
    if not subject.stands:
        return subject.values.get("minutes") != 0
    if subject.state is I.REFUSED and refused_again:
        return True
    return outgoing.fingerprint(subject.values) != subject.fingerprint


def _change(subject: Subject) -> str:
    if not subject.stands:
        return "changed" if subject.was_changed else "new"
    return "again" if outgoing.fingerprint(subject.values) == subject.fingerprint else "changed"


def _note_sent(batch_id: int, kind: HandoverKind, sent: Sequence[Subject], *, with_ids: bool) -> None:
    now = clock.now()

    def told(each: Subject) -> dict[str, Any]:
        fresh = {"batch_id": batch_id, "state": I.SENT, "reason": "", "at": now}
        fresh |= {"with_id_number": with_ids and bool(each.values.get("id_number"))}
        return fresh | {"fingerprint": outgoing.fingerprint(each.values), "was_changed": _change(each) != "new"}

    if new := [{"kind": kind, "subject_id": each.id, **told(each)} for each in sent if each.item_id is None]:
        db.session.execute(insert(HandoverItem), new)
    if old := [{"id": each.item_id, **told(each)} for each in sent if each.item_id is not None]:
        db.session.execute(update(HandoverItem), old)


# --- reading the answer ---------------------------------------------------------------------------------------


def take_answer(work: Work) -> Steps:
    """How each row was taken; what belongs to no row of the file is counted."""
    places = work.given["places"]
    with tempfile.TemporaryFile() as file:
        for piece in work.read():
            file.write(piece)
        file.seek(0)
        lines = spreadsheets.rows(file)
        next(lines)
        some: list[list[str]] = []
        for count, row in enumerate(lines, start=1):
            if count > work.done:
                some.append([row.cells[n] if 0 <= n < len(row.cells) else "" for n in places])
            if len(some) == AT_ONCE:
                _take_some(work, some)
                yield
                some = []
        _take_some(work, some)


def _take_some(work: Work, some: Sequence[Sequence[str]]) -> None:
    batch = lock(HandoverBatch, work.given["batch_id"])
    named = [subject_of(batch.kind, number) for number, _result, _reason in some]
    known = outgoing.items_of(batch.kind, batch.id, [id for id in named if id])
    for subject_id, (_number, result, reason) in zip(named, some, strict=True):
        item, state = known.get(subject_id or 0), _state_of(result)
        if item is None or state is None:
            batch.unknown += 1
        else:
            _take(item, state, reason or (result if state is I.REFUSED else ""), clock.now())
    work.advance(len(some))
    db.session.flush()


def _state_of(result: str) -> ItemState | None:
    word = result.strip().lower()
    return I.ACCEPTED if word in GOOD else I.REFUSED if word in BAD or word.startswith(("失败", "不通过")) else None


# --- the tasks ------------------------------------------------------------------------------------------------


def _made(job: Job, _now: datetime) -> None:
    batch = lock(HandoverBatch, job.given["batch_id"])
    if batch.state is S.MAKING:
        _move(batch, S.MADE if job.state is JobState.DONE else S.DROPPED)


ADMINISTRATORS, PATH = (Role.ADMINISTRATOR,), "/desk/hand-overs/{batch_id}"
MAKE = register(Kind("hand_over", lazy("File for the national system"), write, ADMINISTRATORS, path=PATH, ended=_made))
ANSWER = register(Kind("answer", lazy("Answer of the national system"), take_answer, ADMINISTRATORS, path=PATH))
