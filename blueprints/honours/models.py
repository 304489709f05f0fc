"""Honours: who is proposed for one, what the system knows of them, what is said against it, and what came of it."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.identity.models import Account, Volunteer
from blueprints.organizations.models import Organization
from core.db import Base


class Honour(Base):
    """What an organization means to honour people for, in its own words; it never changes once it is opened."""

    __tablename__ = "honour"
    __table_args__ = (
        CheckConstraint("last >= first", name="ends_after_it_starts"),
        CheckConstraint("title <> '' AND criteria <> ''", name="says_what_for"),
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    title: Mapped[str] = mapped_column(String(40))
    criteria: Mapped[str] = mapped_column(String(1000))
    first: Mapped[date]
    last: Mapped[date]
    opened_at: Mapped[datetime]
    opened_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))

    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")


class NominationState(StrEnum):
    PROPOSED = "proposed"  # a second person decides
    NOTICE = "notice"  # approved, and open to objections
    GRANTED = "granted"
    REJECTED = "rejected"  # the second person said no
    WITHDRAWN = "withdrawn"  # taken back, or an objection was right
    DECLINED = "declined"  # the person does not want it
    REVOKED = "revoked"  # taken back by two people after it was granted


NEXT_STATES: dict[NominationState, tuple[NominationState, ...]] = {
    NominationState.PROPOSED: (
        NominationState.NOTICE,
        NominationState.REJECTED,
        NominationState.WITHDRAWN,
        NominationState.DECLINED,
    ),
    NominationState.NOTICE: (NominationState.GRANTED, NominationState.WITHDRAWN, NominationState.DECLINED),
    NominationState.GRANTED: (NominationState.REVOKED,),
    NominationState.REJECTED: (),
    NominationState.WITHDRAWN: (),
    NominationState.DECLINED: (),
    NominationState.REVOKED: (),
}
UNDER_WAY = (NominationState.PROPOSED, NominationState.NOTICE)
STANDS = text("state IN ('proposed', 'notice', 'granted')")


class Nomination(Base):
    """One person proposed for an honour, with the reason; two others stand behind it before it is granted."""

    __tablename__ = "nomination"
    __table_args__ = (
        CheckConstraint("reason <> ''", name="says_why"),
        CheckConstraint("approved_by_id IS NULL OR approved_by_id <> proposed_by_id", name="another_one_approves"),
        CheckConstraint("(approved_at IS NULL) = (approved_by_id IS NULL)", name="approved_ones_say_by_whom"),
        CheckConstraint("(approved_at IS NULL) = (notice_ends_at IS NULL)", name="approved_ones_are_noticed"),
        CheckConstraint("notice_ends_at IS NULL OR notice_ends_at > approved_at", name="notices_have_an_end"),
        CheckConstraint(
            "state NOT IN ('notice', 'granted', 'revoked') OR approved_at IS NOT NULL", name="stands_only_when_approved"
        ),
        CheckConstraint("(granted_at IS NOT NULL) = (state IN ('granted', 'revoked'))", name="granted_ones_say_when"),
        CheckConstraint("granted_at IS NULL OR granted_at >= notice_ends_at", name="granted_after_the_notice"),
        CheckConstraint(
            "(ended_at IS NOT NULL) = (state IN ('rejected', 'withdrawn', 'declined', 'revoked'))",
            name="ended_ones_say_when",
        ),
        CheckConstraint("state NOT IN ('rejected', 'withdrawn', 'revoked') OR answer <> ''", name="ended_ones_say_why"),
        Index(
            "uq_nomination_standing",
            "honour_id",
            "volunteer_id",
            unique=True,
            sqlite_where=STANDS,
            postgresql_where=STANDS,
        ),
        Index(None, "honour_id", "state"),
        Index(None, "volunteer_id", "state"),
        Index(None, "state", "notice_ends_at"),
    )

    honour_id: Mapped[int] = mapped_column(ForeignKey("honour.id"))
    volunteer_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"))
    reason: Mapped[str] = mapped_column(String(400))
    state: Mapped[NominationState] = mapped_column(default=NominationState.PROPOSED)
    proposed_at: Mapped[datetime]
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    approved_at: Mapped[datetime | None]
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    notice_ends_at: Mapped[datetime | None]
    granted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # None: the person left
    answer: Mapped[str] = mapped_column(String(400), default="")  # why it ended

    honour: Mapped[Honour] = relationship(lazy="raise_on_sql")
    volunteer: Mapped[Volunteer] = relationship(lazy="raise_on_sql")
    proposed_by: Mapped[Account] = relationship(foreign_keys=proposed_by_id, lazy="raise_on_sql")
    approved_by: Mapped[Account | None] = relationship(foreign_keys=approved_by_id, lazy="raise_on_sql")


class NominationSheet(Base):
    """What the system knew of the person when somebody decided on it; append-only, so it can be held against today."""

    __tablename__ = "nomination_sheet"
    __table_args__ = (Index(None, "nomination_id", "id"),)

    nomination_id: Mapped[int] = mapped_column(ForeignKey("nomination.id"))
    at: Mapped[datetime]
    by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    minutes_a: Mapped[int]
    minutes_b: Mapped[int]
    minutes_c: Mapped[int]
    minutes_d: Mapped[int]
    entries: Mapped[int]
    no_shows: Mapped[int]
    disputed: Mapped[int]


class DoubtState(StrEnum):
    OPEN = "open"
    UPHELD = "upheld"  # it is right: the nomination is taken back
    DISMISSED = "dismissed"  # the nomination goes on
    LAPSED = "lapsed"  # the nomination ended before anybody decided


NEXT_DOUBT_STATES: dict[DoubtState, tuple[DoubtState, ...]] = {
    DoubtState.OPEN: (DoubtState.UPHELD, DoubtState.DISMISSED, DoubtState.LAPSED),
    DoubtState.UPHELD: (),
    DoubtState.DISMISSED: (),
    DoubtState.LAPSED: (),
}
IS_OPEN = text("state = 'open'")


class Doubt(Base):
    """Somebody says that a nomination is not right: whoever sees its notice, or the person proposed."""

    __tablename__ = "doubt"
    __table_args__ = (
        CheckConstraint("words <> ''", name="says_why"),
        CheckConstraint("(state IN ('upheld', 'dismissed')) = (decided_by_id IS NOT NULL)", name="decided_by_somebody"),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided_ones_say_when"),
        CheckConstraint("decided_by_id IS NULL OR answer <> ''", name="decided_ones_give_a_reason"),
        CheckConstraint("decided_by_id IS NULL OR decided_by_id <> by_id", name="another_one_decides"),
        Index("uq_doubt_open", "nomination_id", "by_id", unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
        Index(None, "nomination_id", "state"),
        Index(None, "state", "due_on"),
    )

    nomination_id: Mapped[int] = mapped_column(ForeignKey("nomination.id"))
    by_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    at: Mapped[datetime]
    words: Mapped[str] = mapped_column(String(400))
    due_on: Mapped[date]
    state: Mapped[DoubtState] = mapped_column(default=DoubtState.OPEN)
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    answer: Mapped[str] = mapped_column(String(200), default="")

    nomination: Mapped[Nomination] = relationship(lazy="raise_on_sql")


class RevocationState(StrEnum):
    ASKED = "asked"
    AGREED = "agreed"
    REFUSED = "refused"


NEXT_REVOCATION_STATES: dict[RevocationState, tuple[RevocationState, ...]] = {
    RevocationState.ASKED: (RevocationState.AGREED, RevocationState.REFUSED),
    RevocationState.AGREED: (),
    RevocationState.REFUSED: (),
}
IS_ASKED = text("state = 'asked'")


class Revocation(Base):
    """One person asks to take a granted honour back, another one decides."""

    __tablename__ = "revocation"
    __table_args__ = (
        CheckConstraint("reason <> ''", name="says_why"),
        CheckConstraint("(state = 'asked') = (decided_at IS NULL)", name="decided_ones_say_when"),
        CheckConstraint("(decided_at IS NULL) = (decided_by_id IS NULL)", name="decided_ones_say_by_whom"),
        CheckConstraint("state <> 'agreed' OR decided_by_id <> asked_by_id", name="another_one_agrees"),
        Index("uq_revocation_asked", "nomination_id", unique=True, sqlite_where=IS_ASKED, postgresql_where=IS_ASKED),
        Index(None, "nomination_id", "id"),
    )

    nomination_id: Mapped[int] = mapped_column(ForeignKey("nomination.id"))
    reason: Mapped[str] = mapped_column(String(400))
    state: Mapped[RevocationState] = mapped_column(default=RevocationState.ASKED)
    asked_at: Mapped[datetime]
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))

    nomination: Mapped[Nomination] = relationship(lazy="raise_on_sql")
