"""What comes from other platforms and what goes to the national one: batches, and how each of their rows fared."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.identity.models import Account, Gender
from blueprints.jobs.models import Job
from blueprints.organizations.models import Organization
from core.db import Base

# --- what comes -----------------------------------------------------------------------------------------------


class ImportKind(StrEnum):
    REGISTRATIONS = "registrations"
    HOURS = "hours"


class ImportState(StrEnum):
    READING = "reading"  # a task takes the rows out of the file
    READ = "read"  # waits for its columns to be named
    CHECKING = "checking"  # a task tries every row, and changes nothing
    CHECKED = "checked"
    SUBMITTED = "submitted"  # the level above decides
    APPLYING = "applying"  # a task enters the rows
    APPLIED = "applied"
    UNDOING = "undoing"
    UNDONE = "undone"
    DECLINED = "declined"
    DISCARDED = "discarded"


NEXT_IMPORT_STATES: dict[ImportState, tuple[ImportState, ...]] = {
    ImportState.READING: (ImportState.READ, ImportState.DISCARDED),
    ImportState.READ: (ImportState.CHECKING, ImportState.DISCARDED),
    ImportState.CHECKING: (ImportState.CHECKED, ImportState.READ),
    ImportState.CHECKED: (ImportState.CHECKING, ImportState.SUBMITTED, ImportState.DISCARDED),
    ImportState.SUBMITTED: (ImportState.APPLYING, ImportState.DECLINED),
    ImportState.APPLYING: (ImportState.APPLIED, ImportState.UNDOING),  # taken back when its task broke off for good
    ImportState.APPLIED: (ImportState.UNDOING,),
    ImportState.UNDOING: (ImportState.UNDONE,),
    ImportState.UNDONE: (),
    ImportState.DECLINED: (),
    ImportState.DISCARDED: (),
}


class ImportBatch(Base):
    """One file of another platform on its way into the record: by one person, decided by another one above.

    `mapping` names the field of each column, in the order of `heads`; its rows become part of the record together.
    """

    __tablename__ = "import_batch"
    __table_args__ = (
        CheckConstraint("decided_by_id IS NULL OR decided_by_id <> uploaded_by_id", name="another_person_decides"),
        CheckConstraint("(decided_by_id IS NULL) = (decided_at IS NULL)", name="decided_ones_say_when"),
        CheckConstraint(
            "state NOT IN ('applying', 'applied', 'undoing', 'undone', 'declined') OR decided_by_id IS NOT NULL",
            name="nothing_is_entered_undecided",
        ),
        CheckConstraint("state NOT IN ('declined', 'undone', 'undoing') OR reason <> ''", name="refusals_say_why"),
        Index(None, "organization_id", "id"),
    )

    kind: Mapped[ImportKind]
    state: Mapped[ImportState] = mapped_column(default=ImportState.READING)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    platform: Mapped[str] = mapped_column(String(40))
    file_name: Mapped[str] = mapped_column(String(120))
    heads: Mapped[list[str]] = mapped_column(JSON, default=list)
    mapping: Mapped[list[str]] = mapped_column(JSON, default=list)
    category: Mapped[str] = mapped_column(String(24), default="")  # of hours whose row names none
    uploaded_at: Mapped[datetime]
    uploaded_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    submitted_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    reason: Mapped[str] = mapped_column(String(200), default="")  # why declined or undone
    applied_at: Mapped[datetime | None]
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))  # the task at work, or the last one
    erased_at: Mapped[datetime | None]

    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")
    uploaded_by: Mapped[Account] = relationship(foreign_keys=[uploaded_by_id], lazy="raise_on_sql")
    decided_by: Mapped[Account | None] = relationship(foreign_keys=[decided_by_id], lazy="raise_on_sql")
    job: Mapped[Job | None] = relationship(lazy="raise_on_sql")


class RowState(StrEnum):
    RAW = "raw"  # as it stood in the file
    READY = "ready"
    WRONG = "wrong"  # `problems` says why
    KNOWN = "known"  # entered before, or matched with somebody who is here: nothing to do
    APPLIED = "applied"
    UNDONE = "undone"


APPLIED = text("state = 'applied'")


class ImportRow(Base):
    """One row of a file. `key` recognises it in every later file of the same platform, so that it is entered once.

    What the file says stands sealed, for it may hold ID numbers; it is dropped as soon as the row is entered.
    """

    __tablename__ = "import_row"
    __table_args__ = (
        UniqueConstraint("batch_id", "number"),
        CheckConstraint(
            "state <> 'applied' OR (volunteer_id IS NOT NULL AND key IS NOT NULL)", name="applied_is_whole"
        ),
        Index("uq_import_row_applied", "key", unique=True, sqlite_where=APPLIED, postgresql_where=APPLIED),
        Index(None, "batch_id", "state", "id"),
        Index(None, "batch_id", "volunteer_id", "starts_at"),
        Index(None, "key"),
        Index(None, "record_id"),
    )

    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batch.id"))
    number: Mapped[int]  # as the sheet shows it
    state: Mapped[RowState] = mapped_column(default=RowState.RAW)
    key: Mapped[str | None] = mapped_column(String(64))
    sealed: Mapped[str] = mapped_column(Text)
    problems: Mapped[list[Any]] = mapped_column(JSON, default=list)  # pairs of a column and a sentence
    volunteer_id: Mapped[int | None] = mapped_column(ForeignKey("volunteer.id"), index=True)
    record_id: Mapped[int | None] = mapped_column(ForeignKey("service_record.id"))
    starts_at: Mapped[datetime | None]  # of hours, to see which rows of one person overlap
    ends_at: Mapped[datetime | None]


class Newcomer(Base):
    """Somebody whom a batch registers, kept apart until the whole batch is in: no account, so nobody sees them."""

    __tablename__ = "newcomer"
    __table_args__ = (UniqueConstraint("batch_id", "phone"),)

    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batch.id"))
    row_id: Mapped[int] = mapped_column(ForeignKey("import_row.id"), unique=True)
    name: Mapped[str] = mapped_column(String(40))
    phone: Mapped[str] = mapped_column(String(20), index=True)
    number: Mapped[str] = mapped_column(String(12), unique=True)  # of the volunteer to be
    gender: Mapped[Gender | None]
    birth_date: Mapped[date | None]
    id_hash: Mapped[str | None] = mapped_column(String(64))  # to look once more who is here; it is not kept


class ImportTemplate(Base):
    """Which field a column of a platform's file holds, as an organization named it last."""

    __tablename__ = "import_template"
    __table_args__ = (UniqueConstraint("organization_id", "kind", "platform"),)

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    kind: Mapped[ImportKind]
    platform: Mapped[str] = mapped_column(String(40))
    fields: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)  # by the words of the column's head
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))


# --- what goes ------------------------------------------------------------------------------------------------


class HandoverKind(StrEnum):
    """What the national system takes (条例 art. 19, 办法 art. 4)."""

    VOLUNTEERS = "volunteers"
    ORGANIZATIONS = "organizations"
    PROJECTS = "projects"
    SERVICE = "service"


class HandoverFormat(StrEnum):
    XLSX = "xlsx"
    CSV = "csv"


class HandoverState(StrEnum):
    MAKING = "making"
    MADE = "made"
    DROPPED = "dropped"  # it was not handed over after all: its rows count as not sent


NEXT_HANDOVER_STATES: dict[HandoverState, tuple[HandoverState, ...]] = {
    HandoverState.MAKING: (HandoverState.MADE, HandoverState.DROPPED),
    HandoverState.MADE: (HandoverState.DROPPED,),
    HandoverState.DROPPED: (),
}


class HandoverBatch(Base):
    """One file for the national system: what of a subtree is new there, was changed since, or was refused."""

    __tablename__ = "handover_batch"
    __table_args__ = (
        CheckConstraint("NOT with_id_numbers OR reason <> ''", name="id_numbers_need_a_reason"),
        CheckConstraint("count >= 0 AND unknown >= 0", name="counts_are_not_negative"),
        Index(None, "organization_id", "id"),
    )

    kind: Mapped[HandoverKind]
    format: Mapped[HandoverFormat]
    state: Mapped[HandoverState] = mapped_column(default=HandoverState.MAKING)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    with_id_numbers: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(String(200), default="")
    count: Mapped[int] = mapped_column(default=0)
    unknown: Mapped[int] = mapped_column(default=0)  # rows of answers that belong to nothing in here
    made_at: Mapped[datetime]
    made_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))

    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")
    made_by: Mapped[Account] = relationship(lazy="raise_on_sql")
    job: Mapped[Job | None] = relationship(lazy="raise_on_sql")


class ItemState(StrEnum):
    """How a row fared; one without an item was never sent."""

    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"


NEXT_ITEM_STATES: dict[ItemState, tuple[ItemState, ...]] = {
    ItemState.SENT: (ItemState.ACCEPTED, ItemState.REFUSED),
    ItemState.ACCEPTED: (ItemState.REFUSED, ItemState.SENT),  # told otherwise later, or sent again because it changed
    ItemState.REFUSED: (ItemState.ACCEPTED, ItemState.SENT),
}


class HandoverItem(Base):
    """What the national system last heard of one volunteer, organization, project or entry.

    `fingerprint` is a keyed hash of what was sent, so that what changed since is sent again.
    """

    __tablename__ = "handover_item"
    __table_args__ = (
        UniqueConstraint("kind", "subject_id"),
        CheckConstraint("state <> 'refused' OR reason <> ''", name="refusals_say_why"),
        Index(None, "batch_id", "state", "id"),
    )

    kind: Mapped[HandoverKind]
    subject_id: Mapped[int]
    batch_id: Mapped[int] = mapped_column(ForeignKey("handover_batch.id"))
    state: Mapped[ItemState] = mapped_column(default=ItemState.SENT)
    was_changed: Mapped[bool] = mapped_column(default=False)  # it had been sent before, and said something else
    with_id_number: Mapped[bool] = mapped_column(default=False, server_default=false())  # the last time it was sent
    fingerprint: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime]


class HandoverMapping(Base):
    """The columns of a file as an organization, and what lies under it, hands them over."""

    __tablename__ = "handover_mapping"
    __table_args__ = (UniqueConstraint("organization_id", "kind"),)

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    kind: Mapped[HandoverKind]
    columns: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)  # name, field, fixed, codes
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
