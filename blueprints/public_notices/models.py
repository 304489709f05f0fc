"""Who sees what stands on public notice, and what is raised against it."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.organizations.models import Organization
from blueprints.records.models import ServiceRecord
from core.db import Base


class SeenBy(StrEnum):
    """Who sees the notices of an organization; never more of a name than its person agreed to."""

    ORGANIZATION = "organization"  # people registered with it, of its branch, with a place there, or with a role
    SIGNED_IN = "signed_in"
    EVERYBODY = "everybody"  # without an account, too


class NoticeSetting(Base):
    """Who sees the notices of an organization, and of those below it that set nothing themselves."""

    __tablename__ = "notice_setting"

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), unique=True)
    seen_by: Mapped[SeenBy | None]  # None: as the organization above has it
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))

    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")


class ObjectionState(StrEnum):
    OPEN = "open"
    UPHELD = "upheld"  # it is right: the entry goes back
    DISMISSED = "dismissed"  # the entry goes on


NEXT_STATES: dict[ObjectionState, tuple[ObjectionState, ...]] = {
    ObjectionState.OPEN: (ObjectionState.UPHELD, ObjectionState.DISMISSED),
    ObjectionState.UPHELD: (),
    ObjectionState.DISMISSED: (),
}
IS_OPEN = text("state = 'open'")


class Objection(Base):
    """Somebody says that an entry on public notice is not true. Until the level above decides, it does not count.

    Whoever has no account is known by the hash of their code; what they typed of themself is sealed, and erased with
    their words some time after the decision.
    """

    __tablename__ = "objection"
    __table_args__ = (
        CheckConstraint("words <> ''", name="says_why"),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided_ones_say_when"),
        CheckConstraint("(decided_at IS NULL) = (decided_by_id IS NULL)", name="decided_ones_say_by_whom"),
        CheckConstraint("state = 'open' OR answer <> ''", name="decided_ones_give_a_reason"),
        CheckConstraint("decided_by_id IS NULL OR decided_by_id <> by_id", name="another_one_decides"),
        CheckConstraint("(by_id IS NULL) = (code_hash IS NOT NULL)", name="is_somebodys_or_has_a_code"),
        CheckConstraint(
            "(name_sealed IS NOT NULL) = (code_hash IS NOT NULL AND erased_at IS NULL) "
            "AND (phone_sealed IS NOT NULL) = (code_hash IS NOT NULL AND erased_at IS NULL)",
            name="outsiders_are_known_until_erased",
        ),
        CheckConstraint(
            "erased_at IS NULL OR (code_hash IS NOT NULL AND decided_at IS NOT NULL AND words = '*' "
            "AND phone_of_id IS NULL)",
            name="erased_when_decided_and_wholly",
        ),
        CheckConstraint("phone_of_id IS NULL OR by_id IS NULL", name="phone_of_an_outsider"),
        Index("uq_objection_open", "record_id", "by_id", unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
        Index(None, "record_id", "state"),
        Index(None, "state", "due_on"),
    )

    record_id: Mapped[int] = mapped_column(ForeignKey("service_record.id"))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)  # None: they have no account
    code_hash: Mapped[str | None] = mapped_column(String(64), index=True, unique=True)
    name_sealed: Mapped[str | None] = mapped_column(String(400))
    phone_sealed: Mapped[str | None] = mapped_column(String(200))
    phone_of_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # whose number it was when it was typed
    erased_at: Mapped[datetime | None]
    at: Mapped[datetime]
    words: Mapped[str] = mapped_column(String(400))
    due_on: Mapped[date]
    state: Mapped[ObjectionState] = mapped_column(default=ObjectionState.OPEN)
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    answer: Mapped[str] = mapped_column(String(200), default="")

    record: Mapped[ServiceRecord] = relationship(lazy="raise_on_sql")
