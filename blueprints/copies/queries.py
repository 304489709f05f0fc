"""Reading everything about one person, section by section, without the names of others."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Table, select

from blueprints.certificates.models import Certificate, CertificateFile
from blueprints.copies.sections import Person, Section
from blueprints.disputes.models import Proof
from blueprints.exchange.models import HandoverBatch, HandoverState
from blueprints.exchange.sending import ID_NUMBER_WENT
from blueprints.identity.models import Account, Volunteer
from blueprints.messages import words as messages
from blueprints.messages.models import Notice
from blueprints.organizations.models import Division, Organization
from blueprints.supplements.models import SupplementPicture
from core import masks
from core.audit import AuditEntry
from core.db import Base, db

Row = dict[str, Any]
SHOWN = 50
PEOPLE = {"account": Account.id, "volunteer": Volunteer.id}
PLACES: dict[str, Any] = {"organization": Organization.name, "division": Division.name}


def person_of(account_id: int) -> Person:
    """Whose copy it is, by their account."""
    mine = select(Volunteer.id).where(Volunteer.account_id == account_id)
    return Person(account_id, db.session.scalar(mine) or 0)


def columns(section: Section) -> list[str]:
    """What is told of each row, in order: never a secret, and no number that stands for the reader."""
    hidden = set(section.hidden)
    own = [column.name for column in _table(section).columns if column.name not in hidden]
    return [*own, *section.more, *(["said"] if section.model is Notice else [])]


def rows(section: Section, person: Person) -> list[Row]:
    """The rows of a section; people are named masked, but for the reader, and organizations by their names."""
    found = _found(section, person)
    for row in found:
        row |= {name: mask(row[name]) for name, mask in section.masked.items()}
    for column in _table(section).columns:
        if target := _target(column):
            names = _names(target, {row[column.name] for row in found if column.name in row}, person)
            for row in found:
                if column.name in row:
                    row[column.name] = names.get(row[column.name])
    return found


def _found(section: Section, person: Person) -> list[Row]:
    if section.model is Notice:
        return [_notice(notice, section) for notice in db.session.scalars(_ordered(select(Notice), section, person))]
    hidden = set(section.hidden)
    own = [column for column in _table(section).columns if column.name not in hidden]
    wanted = section.joins(
        select(*own, *(value.label(name) for name, value in section.more.items())).select_from(section.model)
    )
    return [dict(row._mapping) for row in db.session.execute(_ordered(wanted, section, person))]


def _ordered(wanted: Any, section: Section, person: Person) -> Any:
    return wanted.where(section.whose(person)).order_by(section.model.id)


def _notice(notice: Notice, section: Section) -> Row:
    """A message as its reader read it."""
    told = {name: getattr(notice, name) for name in columns(section) if name != "said"}
    return told | {"said": messages.shown(notice)}


def _table(section: Section) -> Table:
    table = section.model.__table__
    assert isinstance(table, Table)
    return table


def _target(column: Column[Any]) -> str | None:
    """The table of people or places that a column refers to."""
    tables = {key.column.table.name for key in column.foreign_keys}
    return next((name for name in (*PEOPLE, *PLACES) if name in tables), None)


def _names(target: str, ids: Iterable[int | None], person: Person) -> dict[int | None, str]:
    wanted = {id for id in ids if id is not None}
    if target in PLACES:
        model: type[Base] = Organization if target == "organization" else Division
        found = select(model.id, PLACES[target]).where(model.id.in_(wanted))
        return {id: name for id, name in db.session.execute(found)}  # noqa: C416 - rows are no pairs for mypy
    people = select(PEOPLE[target], Account.id, Account.name)
    people = people.join(Volunteer, Volunteer.account_id == Account.id) if target == "volunteer" else people
    named = db.session.execute(people.where(PEOPLE[target].in_(wanted))).all()
    return {id: name if account == person.account_id else masks.name(name) for id, account, name in named}


@dataclass(frozen=True, slots=True)
class GivenAway:
    """Once that somebody's ID number was written into a file for the national system."""

    at: datetime
    organization: str
    reason: str
    state: HandoverState


def given_away(person: Person) -> list[GivenAway]:
    """When, by which organization and why the person's ID number went out, the latest first."""
    told = select(AuditEntry.at, Organization.name, HandoverBatch.reason, HandoverBatch.state)
    mine = told.join(HandoverBatch, HandoverBatch.id == AuditEntry.subject_id).join(HandoverBatch.organization)
    mine = mine.where(AuditEntry.about_id.in_(person.accounts), AuditEntry.action == ID_NUMBER_WENT)
    return [GivenAway(*row) for row in db.session.execute(mine.order_by(AuditEntry.id.desc()).limit(SHOWN))]


def files(person: Person) -> list[tuple[str, Any, int]]:
    """What lies beside the tables, as it is: where in the copy, and the column and row of its content."""
    papers = select(CertificateFile.id, Certificate.number)
    papers = papers.join(Certificate, Certificate.id == CertificateFile.certificate_id)
    papers = papers.where(Certificate.volunteer_id.in_(person.registrations)).order_by(CertificateFile.id)
    proofs = select(Proof.id, Proof.content_type).where(Proof.dispute_id.in_(person.disputes))
    proofs = proofs.where(Proof.content.is_not(None)).order_by(Proof.id)
    found = [(f"certificates/{number}.pdf", CertificateFile.content, id) for id, number in db.session.execute(papers)]
    pictures = [
        (f"disputes/{id}.{kind.rpartition('/')[2]}", Proof.content, id) for id, kind in db.session.execute(proofs)
    ]
    proving = select(SupplementPicture.id, SupplementPicture.content_type).where(
        SupplementPicture.supplement_id.in_(person.supplements), SupplementPicture.content.is_not(None)
    )
    pictures += [
        (f"supplements/{id}.{kind.rpartition('/')[2]}", SupplementPicture.content, id)
        for id, kind in db.session.execute(proving.order_by(SupplementPicture.id))
    ]
    return [*found, *pictures]


def content(column: Any, id: int) -> bytes:
    """One such file."""
    return db.session.scalar(select(column).where(column.class_.id == id)) or b""


# --- as files -------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """A value as JSON says it: moments in UTC, states by their identifiers."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def schema(section: Section, labels: dict[str, str]) -> dict[str, Any]:
    """What each row of a section is, as JSON Schema."""
    table = _table(section)
    known: dict[str, Any] = {column.name: _kind(column) for column in table.columns}
    known |= {name: {"type": ["string", "null"]} for name in (*section.more, "said")}
    told = {name: known[name] | {"description": labels.get(name, name)} for name in columns(section)}
    return {"type": "array", "items": {"type": "object", "properties": told, "required": list(told)}}


def _kind(column: Column[Any]) -> dict[str, Any]:
    if _target(column):
        return {"type": ["string", "null"]}
    if isinstance(column.type, JSON):
        return {"type": ["object", "array", "null"]}
    enum = getattr(column.type, "enum_class", None)
    if enum is not None:
        return {"type": ["string", "null"], "enum": [*(member.value for member in enum), None]}
    python = getattr(column.type, "impl_instance", column.type).python_type
    if issubclass(python, date):
        return {"type": ["string", "null"], "format": "date-time" if issubclass(python, datetime) else "date"}
    kinds: dict[type, str] = {bool: "boolean", int: "integer", float: "number"}
    return {"type": [kinds.get(python, "string"), "null"]}
