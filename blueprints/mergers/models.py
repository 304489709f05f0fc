"""Two registrations of one person: pairs that look alike, and what became of the proposal to make one of them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.identity.models import Account, Volunteer
from blueprints.organizations.models import Organization
from core.db import Base


class LikeSign(StrEnum):
    """Why two registrations look like one person's; each is a reason to look, never a proof."""

    NAME_AND_BIRTH = "name_and_birth"
    MAIL = "mail"
    PHONE = "phone"  # the one asked to be moved to the phone number of the other
    ID_TAIL = "id_tail"  # the same name, and ID numbers that end alike


IS_OPEN = text("dismissed_at IS NULL")


class Likeness(Base):
    """Two registrations that may be one person's, the lower number first; `reason` says why they are not."""

    __tablename__ = "likeness"
    __table_args__ = (
        CheckConstraint("first_id < second_id", name="the_lower_number_first"),
        CheckConstraint("(dismissed_at IS NULL) = (dismissed_by_id IS NULL)", name="dismissed_ones_say_by_whom"),
        CheckConstraint("dismissed_at IS NULL OR reason <> ''", name="dismissed_ones_say_why"),
        UniqueConstraint("first_id", "second_id"),
        Index("ix_likeness_open", "id", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
    )

    first_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"))
    second_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"), index=True)
    signs: Mapped[list[str]] = mapped_column(JSON, default=list)
    found_at: Mapped[datetime]
    dismissed_at: Mapped[datetime | None]
    dismissed_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    reason: Mapped[str] = mapped_column(String(200), default="")

    @property
    def kinds(self) -> list[LikeSign]:
        return [LikeSign(sign) for sign in self.signs]

    first: Mapped[Volunteer] = relationship(foreign_keys=first_id, lazy="raise_on_sql")
    second: Mapped[Volunteer] = relationship(foreign_keys=second_id, lazy="raise_on_sql")


class MergerState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"  # done: both ledgers count as one person's
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    OBJECTED = "objected"  # one of the two says that it is not theirs


NEXT_STATES: dict[MergerState, tuple[MergerState, ...]] = {
    MergerState.PROPOSED: (
        MergerState.APPROVED,
        MergerState.DECLINED,
        MergerState.WITHDRAWN,
        MergerState.OBJECTED,
    ),
    MergerState.APPROVED: (),
    MergerState.DECLINED: (),
    MergerState.WITHDRAWN: (),
    MergerState.OBJECTED: (),
}
IS_PROPOSED, IS_APPROVED = text("state = 'proposed'"), text("state = 'approved'")


class Merger(Base):
    """That the registration `away` shall go on as `keep`: asked for by one person, decided by another above both.

    `organization` is the nearest one that both registered under. The words may be erased; the course stays.
    """

    __tablename__ = "merger"
    __table_args__ = (
        CheckConstraint("away_id <> keep_id", name="two_registrations"),
        CheckConstraint("reason <> ''", name="says_why"),
        CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="decided_ones_say_when"),
        CheckConstraint("(decided_at IS NULL) = (decided_by_id IS NULL)", name="decided_ones_say_by_whom"),
        CheckConstraint("state <> 'approved' OR decided_by_id <> asked_by_id", name="another_person_approves"),
        CheckConstraint("state NOT IN ('approved', 'declined') OR answer <> ''", name="decided_ones_say_why"),
        Index("uq_merger_proposed", "away_id", unique=True, sqlite_where=IS_PROPOSED, postgresql_where=IS_PROPOSED),
        Index("uq_merger_approved", "away_id", unique=True, sqlite_where=IS_APPROVED, postgresql_where=IS_APPROVED),
        Index(None, "organization_id", "state"),
    )

    away_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"))
    keep_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"), index=True)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    state: Mapped[MergerState] = mapped_column(default=MergerState.PROPOSED)
    asked_at: Mapped[datetime]
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    reason: Mapped[str] = mapped_column(String(200))
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    answer: Mapped[str] = mapped_column(String(200), default="")

    away: Mapped[Volunteer] = relationship(foreign_keys=away_id, lazy="raise_on_sql")
    keep: Mapped[Volunteer] = relationship(foreign_keys=keep_id, lazy="raise_on_sql")
    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")
    asked_by: Mapped[Account] = relationship(foreign_keys=asked_by_id, lazy="raise_on_sql")
    decided_by: Mapped[Account | None] = relationship(foreign_keys=decided_by_id, lazy="raise_on_sql")
