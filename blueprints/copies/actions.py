"""Making a copy of everything about oneself: a task in the background, one at a time, for its owner alone.

个人信息保护法 art. 45: people may look at and copy what is held about them, in a form that can be taken elsewhere.
"""

import io
import json
import tempfile
from collections.abc import Generator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from blueprints.copies import queries
from blueprints.copies.paper import Printed, paper, words_of
from blueprints.copies.sections import LEFT_OUT, SECTIONS, Person, Section
from blueprints.copies.words import label
from blueprints.identity.models import Account
from blueprints.jobs import actions as jobs
from blueprints.jobs.actions import Kind, Work
from blueprints.jobs.models import Job
from blueprints.records import queries as records
from core import clock, display
from core.actor import Actor
from core.db import db, reading
from core.i18n import _, lazy
from core.tables import Csv
from core.words import say

VERSION = 1  # of the JSON; its schema lies beside it
NAME = "rengang-{day:%Y%m%d}.zip"


def ask(actor: Actor, *, now: datetime) -> Job:
    """Ask for a copy; while one is made, the same one is meant. Whoever asks has just typed their password."""
    return jobs.enqueue(COPY, actor.account_id, now=now)


def assemble(work: Work) -> Generator[None]:
    """Everything into one ZIP, a section at a time; begun anew if the worker dies."""
    now = clock.now()
    work.begin_file(NAME.format(day=clock.today(now)), "application/zip")
    work.expect(len(SECTIONS) + 1)
    yield
    with tempfile.TemporaryDirectory(prefix="rengang-copy-") as folder:
        path = Path(folder) / "copy.zip"
        with ZipFile(path, "w", ZIP_DEFLATED) as box:
            for _step in _filled(box, work.owner_id, now):
                work.advance()
                yield
        yield from work.store(path)


def _filled(box: ZipFile, account_id: int, now: datetime) -> Iterator[None]:
    """Read and put away section after section, then what is made of all of them."""
    with reading():
        person = queries.person_of(account_id)
        name, totals = db.session.get_one(Account, account_id).name, records.totals(person.volunteer_id)
    told: dict[str, Any] = {}
    printed = []
    for section in SECTIONS:
        with reading():
            rows = queries.rows(section, person)
        box.writestr(f"csv/{section.name}.csv", table(section, rows))
        told[section.name] = [{column: queries.plain(value) for column, value in row.items()} for row in rows]
        shown = list(section.printed)
        kept = [{column: row[column] for column in shown} for row in rows]
        printed.append(Printed(str(section.title), shown, kept, len(rows)))
        yield
    whole = {"version": VERSION, "made_at": now.isoformat(), "minutes": totals, "sections": told}
    box.writestr("data.json", json.dumps(whole, ensure_ascii=False, indent=1))
    box.writestr("schema.json", json.dumps(schema(), ensure_ascii=False, indent=1))
    box.writestr("README.txt", readme())
    facts = [(str(say(each)), display.minutes(minutes)) for each, minutes in totals.items()]
    box.writestr("me.pdf", paper(name, facts, printed, _left_out(), now))
    _put_files(box, person)
    yield


def _put_files(box: ZipFile, person: Person) -> None:
    """The signed certificates as they were issued, and the pictures one gave, one in memory at a time."""
    with reading():
        files = queries.files(person)
    for name, column, id in files:
        with reading():
            content = queries.content(column, id)
        box.writestr(name, content)


def table(section: Section, rows: list[dict[str, Any]]) -> str:
    """A section for table programs: heads and states in words, and no cell that is a formula."""
    out, names = io.StringIO(), queries.columns(section)
    sheet = Csv(out, [label(name) for name in names])
    for row in rows:
        sheet.write([_cell(row[name]) for name in names])
    return out.getvalue()


def _cell(value: Any) -> str | int:
    return value if isinstance(value, int) and not isinstance(value, bool) else words_of(value)


def schema() -> dict[str, Any]:
    """What `data.json` is, as JSON Schema."""
    labels = {name: label(name) for section in SECTIONS for name in queries.columns(section)}
    parts = {
        section.name: queries.schema(section, labels) | {"description": str(section.title)} for section in SECTIONS
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["version", "made_at", "minutes", "sections"],
        "properties": {
            "version": {"const": VERSION},
            "made_at": {"type": "string", "format": "date-time"},
            "minutes": {"type": "object", "additionalProperties": {"type": "integer"}},
            "sections": {"type": "object", "required": list(parts), "properties": parts},
        },
    }


def readme() -> str:
    """What lies in the copy, and what does not."""
    lines = [
        _("A copy of everything that this system holds about you. It is for you alone; keep it in a safe place."),
        "",
        _("me.pdf: to be read. data.json: for programs; what each field is stands in schema.json, times are UTC."),
        _("csv: one table for each kind of thing, for table programs, in local time. certificates: your papers."),
        _("Other people are named by their surname only. Passwords, codes and keys are never handed out."),
        _("Your ID number is kept sealed; of it only the last four characters are here."),
        "",
        *(f"csv/{section.name}.csv: {section.title}" for section in SECTIONS),
        "",
        _("What is not in it, and why"),
        *_left_out(),
    ]
    return "\n".join(map(str, lines)) + "\n"


def _left_out() -> list[str]:
    return [f"{', '.join(names)}: {why}" for why, names in _by_reason().items()]


def _by_reason() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, why in LEFT_OUT.items():
        found.setdefault(str(why), []).append(name)
    return found


COPY = jobs.register(Kind("copy", lazy("A copy of everything about me"), assemble))
