"""The tasks of a batch: reading its file, trying its rows, entering them, taking them back, writing what is wrong.

Each goes on behind its last step after a crash. Trying changes nothing but the rows of the batch itself.
"""

import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import delete, insert

from blueprints.exchange import actions, newcomers, queries, rules
from blueprints.exchange.models import NEXT_IMPORT_STATES, ImportBatch, ImportKind, ImportRow, ImportState, RowState
from blueprints.jobs.actions import Kind, Work, language_of, register
from blueprints.jobs.models import ChunkSide, Job, JobChunk, JobState
from blueprints.messages.models import NoticeKind
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.posts.models import Category
from blueprints.records import actions as records
from blueprints.records.actions import Facts
from blueprints.records.models import RecordSource, ServiceRecord
from core import clock, spreadsheets
from core.actor import Actor, Role
from core.db import db, lock, reading
from core.i18n import _, lazy, speaking
from core.refusal import Refusal
from core.tables import XLSX, Xlsx

Steps = Generator[None]
READ_AT_ONCE, TRY_AT_ONCE, ENTER_AT_ONCE, PEOPLE_AT_ONCE = 500, 500, 10, 200
STEM = 80  # of a name that more is put behind: a task keeps 120 characters
S, R = ImportState, RowState


# --- reading the file -----------------------------------------------------------------------------------------


def first_line(file: IO[bytes]) -> list[str]:
    """The heads of a file that somebody sends; a Refusal says what is wrong with the file."""
    for row in spreadsheets.rows(file):
        file.seek(0)
        if sum(bool(cell) for cell in row.cells) < 2:
            raise Refusal(_("The first line must name the columns. This one names fewer than two."), spreadsheets.FIELD)
        return [cell[:60] for cell in row.cells]
    raise Refusal(_("There is nothing in the first sheet of this file."), spreadsheets.FIELD)


def read(work: Work) -> Steps:
    """Every row as it stands, sealed; the file itself is dropped at the end."""
    batch_id: int = work.given["batch_id"]
    with _file(work) as file:
        lines = spreadsheets.rows(file)
        next(lines)
        some: list[dict[str, Any]] = []
        for count, row in enumerate(lines, start=1):
            if count > work.done:
                some.append({"batch_id": batch_id, "number": row.number, "sealed": queries.sealed(row.cells)})
            if len(some) == READ_AT_ONCE:
                _add(work, some)
                yield
                some = []
        _add(work, some)
    db.session.execute(delete(JobChunk).where(JobChunk.job_id == work.job_id, JobChunk.side == ChunkSide.INPUT))
    if not work.done:
        raise Refusal(_("Below its first line the table is empty."))


def _add(work: Work, some: list[dict[str, Any]]) -> None:
    if some:
        db.session.execute(insert(ImportRow), [{"state": R.RAW, "problems": [], **row} for row in some])
    work.advance(len(some))


@contextmanager
def _file(work: Work) -> Generator[IO[bytes]]:
    """The file that was handed in, on the disk of this host for as long as it is read."""
    with tempfile.TemporaryFile() as file:
        for piece in work.read():
            file.write(piece)
        file.seek(0)
        yield file


# --- trying the rows ------------------------------------------------------------------------------------------


def check(work: Work) -> Steps:
    """What each row would do, in words where it can do nothing."""
    batch_id: int = work.given["batch_id"]
    with reading():
        work.expect(queries.count(batch_id))
    while True:
        batch = db.session.get_one(ImportBatch, batch_id)
        some = queries.rows(batch_id, tuple(R), work.kept.get("after", 0), TRY_AT_ONCE)
        if not some:
            return
        _try(batch, some)
        work.kept["after"] = some[-1].id
        work.advance(len(some))
        yield


def _try(batch: ImportBatch, some: Sequence[ImportRow]) -> None:
    told = {row.id: queries.content(row) for row in some}
    for row in some:
        values, problems = rules.read_row(batch.kind, batch.heads, batch.mapping, told[row.id]["cells"])
        told[row.id]["values"], row.problems, row.key = values, problems, None
        row.state, row.volunteer_id, row.starts_at, row.ends_at = R.WRONG if problems else R.READY, None, None, None
        if not problems:
            row.key = rules.key_of(batch.kind, batch.platform, values)
    _recognise(batch, some)
    _match(batch, [row for row in some if row.state is R.READY], {id: each["values"] for id, each in told.items()})
    if batch.kind is ImportKind.HOURS:
        _compare_times(batch, some)
    for row in some:
        row.sealed = queries.sealed(told[row.id]["cells"], told[row.id]["values"])
    db.session.flush()


def _recognise(batch: ImportBatch, some: Sequence[ImportRow]) -> None:
    """Rows that were entered before, and rows that stand twice in the file."""
    db.session.flush()
    known = queries.known_keys([row.key or "" for row in some], batch.id)
    for row in some:
        if row.state is not R.READY or (row.key or "") not in known:
            continue
        where, number = known[row.key or ""]
        if where != batch.id:
            row.state, row.problems = R.KNOWN, [["", _("Entered before, with an earlier file.")]]
        elif number < row.number:
            row.state, row.problems = R.WRONG, [["", _("The same stands in row %(number)d already.", number=number)]]


def _match(batch: ImportBatch, some: Sequence[ImportRow], told: dict[int, dict[str, Any]]) -> None:
    """Whom each row speaks of: by phone number and ID number, never by name alone."""
    here = db.session.get_one(Organization, batch.organization_id)
    phones = queries.people_by_phone((v["phone"] for row in some if "phone" in (v := told[row.id])), here)
    hashes = queries.people_by_id((v["id_number"] for row in some if "id_number" in (v := told[row.id])), here)
    for row in some:
        values = told[row.id]
        found = {p for p in (phones.get(values.get("phone", "")), hashes.get(values.get("id_number", ""))) if p}
        sentence = _mismatch(found, values["name"])
        judge = _judge_hours if batch.kind is ImportKind.HOURS else _judge_registration
        if sentence := sentence or judge(row, next(iter(found), None), values):
            row.state, row.problems = R.WRONG, [["", sentence]]


Person = tuple[int, int | None, str, bool]


def _mismatch(found: set[Person], name: str) -> str:
    if len(found) > 1:
        return _("The phone number and the ID number belong to two different people here.")
    if found and next(iter(found))[2] != name:
        return _("Somebody of another name has this phone number or ID number here.")
    if found and not next(iter(found))[3]:
        return _("The account of this person was closed.")
    return ""


def _judge_registration(row: ImportRow, person: Person | None, values: dict[str, Any]) -> str:
    if person:
        row.volunteer_id = person[1]
        row.state, row.problems = R.KNOWN, [["", _("Has an account here already; nothing is changed.")]]
        return ""
    birth = values.get("birth_date")
    least = organizations.limit(Limit.MINIMUM_AGE_YEARS)
    if birth and clock.age_on(date.fromisoformat(birth), clock.today(clock.now())) < least:
        return _("Younger than %(age)d years: nobody registers that young.", age=least)
    return ""


def _judge_hours(row: ImportRow, person: Person | None, values: dict[str, Any]) -> str:
    if person is None or person[1] is None:
        return _("Your organization knows nobody with this number. Check it, or import the registration first.")
    row.volunteer_id = person[1]
    row.starts_at, row.ends_at = rules.starts_of(values), datetime.fromisoformat(values["ends"])
    return _("That time is not over yet.") if row.ends_at > clock.now() else ""


def _compare_times(batch: ImportBatch, some: Sequence[ImportRow]) -> None:
    """Time of a person that an entry covers, or an earlier row of the same file: nobody serves twice at once."""
    db.session.flush()
    recorded = queries.recorded_already(batch.id, some)
    by_id = {row.id: row for row in some}
    for id in recorded:
        by_id[id].state, by_id[id].problems = R.WRONG, [["", _("Some of this time is recorded already.")]]
    db.session.flush()
    for id, other, first in queries.overlaps_inside(batch.id, some):
        row, earlier = by_id[id], by_id.get(other)
        if row.state is R.READY and (earlier is None or earlier.state is R.READY):
            values = {"first": first, "second": row.number}
            sentence = _("Rows %(first)d and %(second)d: the same person cannot serve twice at one time.", **values)
            row.state, row.problems = R.WRONG, [["", sentence]]


# --- entering them --------------------------------------------------------------------------------------------


def apply(work: Work) -> Steps:
    """Enter the rows that are ready. People are let in together, behind the last row; hours are then confirmed in the
    name of who approved the batch: not one of them before the last one was entered."""
    batch_id: int = work.given["batch_id"]
    with reading():
        kind = db.session.get_one(ImportBatch, batch_id).kind
        work.expect(work.done + queries.ready_behind(batch_id, work.kept.get("after", 0)))
    if kind is ImportKind.REGISTRATIONS:
        yield from _let_people_in(work, batch_id)
        return
    yield from _enter_hours_of(work, batch_id)
    yield from _confirm(work, batch_id)


def _let_people_in(work: Work, batch_id: int) -> Steps:
    """Set down row by row who is to come, and make all of them people in the last step."""
    if "after" not in work.kept:  # of an earlier task that broke off for good: this one begins anew
        newcomers.forget(batch_id)
        work.kept["after"] = 0
    while some := queries.rows(batch_id, (R.READY,), work.kept["after"], PEOPLE_AT_ONCE):
        newcomers.set_down(db.session.get_one(ImportBatch, batch_id), some)
        work.kept["after"] = some[-1].id
        work.advance(len(some))
        yield
    work.needs_long()
    yield
    newcomers.let_in(batch_id)
    _all_entered(batch_id)


def _enter_hours_of(work: Work, batch_id: int) -> Steps:
    while not work.kept.get("entered"):
        batch = db.session.get_one(ImportBatch, batch_id)
        some = queries.rows(batch_id, (R.READY,), 0, ENTER_AT_ONCE)
        for row in some:
            _enter_row(batch, row)
        work.advance(len(some))
        if not some:
            _all_entered(batch_id)
            work.kept["entered"] = True
        yield


def _enter_row(batch: ImportBatch, row: ImportRow) -> None:
    """One row of hours; what a rule refuses stays in the file of what is wrong, and the others go in."""
    values = queries.content(row)["values"]
    if row.key and queries.known_keys([row.key], batch.id).get(row.key, (batch.id, 0))[0] != batch.id:
        row.state, row.problems = R.KNOWN, [["", _("Entered before, with an earlier file.")]]
        return
    try:
        with db.session.begin_nested(), speaking(language_of(batch.uploaded_by_id)):  # who mends what is wrong
            for earlier in queries.returned_rows(row.key or ""):
                earlier.state = R.UNDONE  # its entry counts nothing; this one takes its place
            db.session.flush()
            _enter_hours(batch, row, values)
            row.state, row.sealed = R.APPLIED, ""
            db.session.flush()
    except Refusal as refusal:
        db.session.refresh(row)
        row.state, row.problems = R.WRONG, [["", str(refusal)]]


def _enter_hours(batch: ImportBatch, row: ImportRow, values: dict[str, Any]) -> None:
    facts = Facts(
        volunteer_id=row.volunteer_id or 0,
        organization_id=batch.organization_id,
        title=values["title"],
        category=Category(values.get("category") or batch.category),
        content=values.get("content") or values["title"],
        place=values.get("place") or batch.platform,
        responsible_name=values.get("responsible") or batch.platform,
        started_at=rules.starts_of(values),
        ended_at=datetime.fromisoformat(values["ends"]),
        minutes=values["credited"],
    )
    made = records.enter(
        facts, RecordSource.IMPORT, stated_by=batch.uploaded_by_id, recorders=[batch.uploaded_by_id], now=clock.now()
    )
    row.record_id = made.id


def _all_entered(batch_id: int) -> None:
    batch = actions.move_on(batch_id, S.APPLIED)
    batch.applied_at = clock.now()
    told = queries.counts(batch_id)
    actions.tell_maker(batch, NoticeKind.IMPORT_ENTERED, clock.now(), count=told.get(R.APPLIED, 0))


def _confirm(work: Work, batch_id: int) -> Steps:
    """Whoever approved the batch confirms its entries; one that is marked waits to be looked at on its own."""
    while True:
        with reading():
            some = queries.unconfirmed(batch_id, work.kept.get("confirmed", 0), ENTER_AT_ONCE)
            decider = queries.actor_by_account(work.owner_id)
        if not some:
            return
        for row_id, record_id in some:
            _confirm_one(record_id, decider)
            work.kept["confirmed"] = row_id
        yield


def _confirm_one(record_id: int, decider: Actor) -> None:
    try:
        with db.session.begin_nested():
            records.confirm([record_id], decider, now=clock.now())
    except Refusal:
        return  # it stays in the queue of those who confirm, who are told why there


def _held_back(record: ServiceRecord) -> str | None:
    """No entry of a batch is decided before the last one was entered, and none while it is taken back."""
    if record.source is not RecordSource.IMPORT:
        return None
    state = queries.batch_state_of(record.id)
    if state in (S.APPLYING, S.UNDOING):
        return _("“%(title)s” belongs to an import that is not complete yet. Please wait.", title=record.title)
    return None


records.HELD_BACK.append(_held_back)


# --- taking them back -----------------------------------------------------------------------------------------


def undo(work: Work) -> Steps:
    """Everything that a batch entered is taken back, as if it had not come; that it came stays on record."""
    batch_id: int = work.given["batch_id"]
    with reading():
        kind = db.session.get_one(ImportBatch, batch_id).kind
        work.expect(work.done + queries.count(batch_id, R.APPLIED))
    if kind is ImportKind.REGISTRATIONS:
        work.advance(newcomers.send_back(batch_id, work.owner_id))
        return
    while True:
        batch = db.session.get_one(ImportBatch, batch_id)
        some = queries.rows(batch_id, (R.APPLIED,), work.kept.get("after", 0), ENTER_AT_ONCE)
        if not some:
            return
        for row in some:
            with suppress(Refusal), db.session.begin_nested():  # one that counts since a moment ago stays
                _undo_row(batch, row, work.owner_id)
        work.kept["after"] = some[-1].id
        work.advance(len(some))
        yield


def _undo_row(batch: ImportBatch, row: ImportRow, by: int) -> None:
    if row.record_id:
        records.take_back(row.record_id, by, reason=batch.reason, now=clock.now())
        row.state = R.UNDONE
    db.session.flush()


# --- what is wrong --------------------------------------------------------------------------------------------


def write_errors(work: Work) -> Steps:
    """The rows that could not be entered, as they came, each with its reasons: to be mended and handed in again."""
    batch_id: int = work.given["batch_id"]
    with reading():
        batch = db.session.get_one(ImportBatch, batch_id)
        heads, name = list(batch.heads), _("%(file)s, to mend", file=Path(batch.file_name).stem[:STEM])
        work.expect(queries.count(batch_id, R.WRONG))
    work.begin_file(f"{name}.xlsx", XLSX)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "errors.xlsx"
        table, after = Xlsx(path, [*heads, _("Row"), _("Reasons")]), 0
        while some := _wrong(batch_id, after):
            for row_id, cells in some:
                table.write([*cells[: len(heads)], *[""] * (len(heads) - len(cells)), *cells[len(heads) :][-2:]])
                after = row_id
            work.advance(len(some))
            yield
        table.close()
        yield from work.store(path)


def _wrong(batch_id: int, after: int) -> list[tuple[int, list[str]]]:
    """The next wrong rows: their cells, their number in the file, and what is wrong."""
    with reading():
        some = queries.rows(batch_id, (R.WRONG,), after, READ_AT_ONCE)
        width = len(db.session.get_one(ImportBatch, batch_id).heads)
        return [
            (row.id, [*(queries.content(row)["cells"] + [""] * width)[:width], str(row.number), reasons(row)])
            for row in some
        ]


def reasons(row: ImportRow) -> str:
    """What is wrong with a row, in one line."""
    return "；".join(f"{head}：{sentence}" if head else sentence for head, sentence in row.problems)


# --- the tasks ------------------------------------------------------------------------------------------------

PATH = "/desk/imports/{batch_id}"


def _ended(well: ImportState, badly: ImportState | None) -> Any:
    """What becomes of the batch when its task ends; one that was discarded meanwhile stays so."""

    def end(job: Job, _now: datetime) -> None:
        state = well if job.state is JobState.DONE else badly
        batch = lock(ImportBatch, job.given["batch_id"])
        if state and state is not batch.state and state in NEXT_IMPORT_STATES[batch.state]:
            actions.move_on(batch.id, state)

    return end


def _kind(task: str, title: Any, handler: Any, ended: Any = None, *, cancel: bool = True) -> None:
    kind = Kind(
        f"import_{task}",
        title,
        handler,
        roles=(*queries.MAKERS, Role.CONFIRMER),
        can_be_cancelled=cancel,
        path=PATH,
        ended=ended or (lambda _job, _now: None),
    )
    actions.TASKS[task] = register(kind)


_kind("read", lazy("Read the file"), read, _ended(S.READ, S.DISCARDED))
_kind("check", lazy("Try the rows"), check, _ended(S.CHECKED, S.READ))
_kind("apply", lazy("Enter the rows"), apply, _ended(S.APPLIED, None), cancel=False)
_kind("undo", lazy("Take an import back"), undo, _ended(S.UNDONE, None), cancel=False)
_kind("errors", lazy("Rows to mend"), write_errors)
