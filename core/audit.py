"""Who did what to whom, when: one append-only row for every change that touches another person."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
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
    entry.details = json.dumps(details, ensure_ascii=False, default=str, sort_keys=True)
    db.session.add(entry)
