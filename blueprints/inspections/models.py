"""What looks odd about entries and the people who made them, for the level above: a reason to look, never a verdict."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.organizations.models import Organization
from core.db import Base


class Rule(StrEnum):
    """Why somebody looks (domain b5); each has its sentence in words.py and its question in signs.py."""

    FRESH_ACCOUNT = "fresh_account"
    FRESH_POST = "fresh_post"
    AFTERWARDS = "afterwards"
    SHARED_DEVICE = "shared_device"
    IDENTICAL = "identical"
    TWO_PLACES = "two_places"
    AT_NIGHT = "at_night"
    MUTUAL = "mutual"
    FRIENDS = "friends"
    AGES = "ages"
    ABSENT = "absent"
    LATE_MARKS = "late_marks"
    ALL_AT_DESK = "all_at_desk"
    TYPED_FAST = "typed_fast"
    ATTEMPTS = "attempts"


class Subject(StrEnum):
    """What a flag is about."""

    RECORD = "record"
    SHIFT = "shift"
    PERSON = "person"  # an account of staff


class FlagState(StrEnum):
    OPEN = "open"
    DRAWN = "drawn"  # its entries are looked at in a spot check
    LOOKED_AT = "looked_at"


NEXT_FLAG_STATES: dict[FlagState, tuple[FlagState, ...]] = {
    FlagState.OPEN: (FlagState.LOOKED_AT, FlagState.DRAWN),
    FlagState.DRAWN: (FlagState.LOOKED_AT,),
    FlagState.LOOKED_AT: (),
}


class RiskFlag(Base):
    """One reason to look, once for each rule, subject and month. `details` holds numbers, nothing personal."""

    __tablename__ = "risk_flag"
    __table_args__ = (
        UniqueConstraint("subject", "subject_id", "rule", "month"),
        CheckConstraint("(state = 'looked_at') = (looked_at IS NOT NULL)", name="looked_at_says_when"),
        CheckConstraint("(looked_at IS NULL) = (looked_by_id IS NULL)", name="looked_at_says_by_whom"),
        CheckConstraint("state <> 'looked_at' OR finding <> ''", name="looked_at_says_what_was_found"),
        Index(None, "organization_id", "state"),
    )

    rule: Mapped[Rule]
    subject: Mapped[Subject]
    subject_id: Mapped[int]
    month: Mapped[date]  # its first day
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))  # the recording one
    details: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    raised_at: Mapped[datetime]
    state: Mapped[FlagState] = mapped_column(default=FlagState.OPEN)
    looked_at: Mapped[datetime | None]
    looked_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    finding: Mapped[str] = mapped_column(String(400), default="")

    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")


class RiskRow(Base):
    """One entry that a flag rests on."""

    __tablename__ = "risk_row"
    __table_args__ = (UniqueConstraint("flag_id", "record_id"),)

    flag_id: Mapped[int] = mapped_column(ForeignKey("risk_flag.id"))
    record_id: Mapped[int] = mapped_column(ForeignKey("service_record.id"), index=True)


class Lookout(Base):
    """How far the worker has looked: the number of the last row it has seen of each kind."""

    __tablename__ = "lookout"

    name: Mapped[str] = mapped_column(String(20), unique=True)
    last_id: Mapped[int]
