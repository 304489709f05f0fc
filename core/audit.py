"""Who did what to whom, when: one append-only row for every change that touches another person."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Select, String, Text, insert, literal, select, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, db


class AuditEntry(Base):
    """One change. `subject` and `subject_id` name the row that changed; nothing here is personal text."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index(None, "organization_id", "id"), Index(None, "about_id", "id"))

    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(30))
    subject_id: Mapped[int]
    organization_id: Mapped[int | None] = mapped_column(ForeignKey("organization.id"))
    about_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    details: Mapped[str] = mapped_column(Text, default="{}")


def note(
    action: str,
    subject: Base,
    *,
    actor_id: int | None,
    now: datetime,
    organization_id: int | None = None,
    about_id: int | None = None,
    **details: Any,
) -> None:
    """Keep a trace of a change in the same transaction; `actor_id` None means the system itself."""
    if subject.id is None:
        db.session.flush()
    entry = AuditEntry(at=now, actor_id=actor_id, action=action, about_id=about_id)
    entry.subject, entry.subject_id = subject.__tablename__, subject.id
    entry.organization_id = organization_id
    entry.details = _written(details)
    db.session.add(entry)


def note_each(
    action: str,
    subject: type[Base],
    rows: Select[Any],
    *,
    actor_id: int | None,
    now: datetime,
    organization_id: int | None = None,
    **details: Any,
) -> None:
    """The same trace of many rows at once, none of which is loaded: `rows` selects the id of each and whom it is about.

    Sealing takes numbers that are far below the newest for settled, so nobody else is given one before all of these are
    committed; on SQLite that is so anyway.
    """
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("LOCK TABLE audit_entry IN SHARE ROW EXCLUSIVE MODE"))
    table, found = AuditEntry.__table__, rows.subquery()
    same = {"at": now, "actor_id": actor_id, "action": action, "subject": subject.__tablename__}
    same |= {"organization_id": organization_id, "details": _written(details)}
    told = [literal(value, table.c[name].type) for name, value in same.items()]
    each = select(*told, found.c[0], found.c[1]).order_by(found.c[0])
    db.session.execute(insert(table).from_select([*same, "subject_id", "about_id"], each))  # type: ignore[arg-type]


def _written(details: dict[str, Any]) -> str:
    return json.dumps(details, ensure_ascii=False, default=str, sort_keys=True)
