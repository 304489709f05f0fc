"""What looks odd about entries and the people who made them, for the level above: a reason to look, never a verdict."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.organizations.models import Organization
from blueprints.records.models import ServiceRecord
from core.db import Base, Blob
from core.pictures import CONTENT_TYPE


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


class Late(StrEnum):
    """What an organization, or whoever decides on something of its, did not do in its time."""

    NOT_HANDED_IN = "not_handed_in"  # people were seen on a shift, and their times wait
    NOT_MARKED = "not_marked"  # people held places on a shift, and nobody said whether they came
    NOT_CONFIRMED = "not_confirmed"
    NOT_APPROVED = "not_approved"
    DISPUTE = "dispute"
    OBJECTION = "objection"
    REPORT = "report"
    EVIDENCE = "evidence"


class Lookout(Base):
    """How far the worker has looked: the number of the last row it has seen of each kind."""

    __tablename__ = "lookout"

    name: Mapped[str] = mapped_column(String(20), unique=True)
    last_id: Mapped[int]


# --- spot checks ------------------------------------------------------------------------------------------------


class CheckState(StrEnum):
    OPEN = "open"  # drawn, and evidence asked for
    CLOSED = "closed"  # every entry has its finding
    PUBLISHED = "published"


NEXT_CHECK_STATES: dict[CheckState, tuple[CheckState, ...]] = {
    CheckState.OPEN: (CheckState.CLOSED,),
    CheckState.CLOSED: (CheckState.PUBLISHED,),
    CheckState.PUBLISHED: (),
}


class Finding(StrEnum):
    """What an inspector found of one entry."""

    OK = "ok"
    FAULT = "fault"  # a correction follows, by two people
    NOT_PROVEN = "not_proven"


class Drawn(StrEnum):
    """How an entry came into a check."""

    CHANCE = "chance"
    RISK = "risk"


class SpotCheck(Base):
    """A sample of what counts, drawn so that anybody can draw it again: the population is the first credits of the
    ledger up to `last_entry_id`, of services from `first` to `last`, recorded below `organization` (or by it, too).

    Each is ranked by the hash of `seed` and its entry's number, and the lowest `permille` are taken, at least one.
    """

    __tablename__ = "spot_check"
    __table_args__ = (
        CheckConstraint("last >= first", name="ends_after_it_starts"),
        CheckConstraint("permille BETWEEN 1 AND 1000", name="draws_a_share"),
        CheckConstraint("population > 0", name="draws_from_something"),
        CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_ones_say_when"),
        CheckConstraint("(closed_at IS NULL) = (closed_by_id IS NULL)", name="closed_ones_say_by_whom"),
        CheckConstraint("(state = 'published') = (published_at IS NOT NULL)", name="published_ones_say_when"),
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    including: Mapped[bool]  # whether its own entries are looked at, and not only those below it
    first: Mapped[date]
    last: Mapped[date]
    permille: Mapped[int]
    with_risks: Mapped[bool]
    seed: Mapped[str] = mapped_column(String(32))
    last_entry_id: Mapped[int]
    population: Mapped[int]
    drawn_at: Mapped[datetime]
    drawn_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    due_on: Mapped[date]
    state: Mapped[CheckState] = mapped_column(default=CheckState.OPEN)
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    published_at: Mapped[datetime | None]

    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")


class CheckItem(Base):
    """One entry that was drawn, and what was found of it."""

    __tablename__ = "check_item"
    __table_args__ = (
        UniqueConstraint("check_id", "record_id"),
        CheckConstraint("(finding IS NULL) = (found_at IS NULL)", name="findings_say_when"),
        CheckConstraint("(finding IS NULL) = (found_by_id IS NULL)", name="findings_say_by_whom"),
        CheckConstraint("finding IS NULL OR finding = 'ok' OR note <> ''", name="faults_say_what"),
    )

    check_id: Mapped[int] = mapped_column(ForeignKey("spot_check.id"))
    record_id: Mapped[int] = mapped_column(ForeignKey("service_record.id"), index=True)
    drawn: Mapped[Drawn]
    finding: Mapped[Finding | None]
    note: Mapped[str] = mapped_column(String(400), default="")
    found_at: Mapped[datetime | None]
    found_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))

    record: Mapped[ServiceRecord] = relationship(lazy="raise_on_sql")


class CheckRequest(Base):
    """One organization is asked for evidence of its entries in a check."""

    __tablename__ = "check_request"
    __table_args__ = (UniqueConstraint("check_id", "organization_id"),)

    check_id: Mapped[int] = mapped_column(ForeignKey("spot_check.id"))
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    answered_at: Mapped[datetime | None]  # the first time

    check: Mapped[SpotCheck] = relationship(lazy="raise_on_sql")
    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")
    answers: Mapped[list["CheckAnswer"]] = relationship(lazy="raise_on_sql", order_by="CheckAnswer.id")


class CheckAnswer(Base):
    """What an organization says, with a picture or a PDF if it has one. Pictures are made anew, PDFs looked through."""

    __tablename__ = "check_answer"
    __table_args__ = (
        CheckConstraint("words <> '' OR size > 0", name="says_or_shows_something"),
        CheckConstraint("content_type IN ('image/jpeg', 'application/pdf')", name="is_of_a_known_type"),
    )

    request_id: Mapped[int] = mapped_column(ForeignKey("check_request.id"), index=True)
    words: Mapped[str] = mapped_column(String(1000), default="")
    size: Mapped[int] = mapped_column(default=0)  # bytes of the picture or PDF
    content_type: Mapped[str] = mapped_column(String(40), default=CONTENT_TYPE, server_default=CONTENT_TYPE)
    picture: Mapped[bytes | None] = mapped_column(Blob, deferred=True, deferred_raiseload=True)
    at: Mapped[datetime]
    by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
