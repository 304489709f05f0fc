"""Disputes: what somebody says against an entry on their own record, and how that is decided (办法 art. 13)."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.identity.models import Volunteer
from blueprints.organizations.models import Organization
from blueprints.records.models import Correction, ServiceRecord
from core.db import Base
from core.pictures import Picture


class DisputeKind(StrEnum):
    NOT_ME = "not_me"  # I did not do this: the level above decides, and the organization that recorded does not
    WRONG = "wrong"  # I did it, but not like this


class DisputeState(StrEnum):
    FILED = "filed"  # waits for whoever decides first
    APPEALED = "appealed"  # rejected once, waits for the level above
    CORRECTING = "correcting"  # accepted; a second person decides on the correction
    REJECTED = "rejected"  # with a reason; can be appealed
    ACCEPTED = "accepted"  # corrected, or returned to the station
    DISMISSED = "dismissed"  # rejected by the level above: final
    WITHDRAWN = "withdrawn"


NEXT_STATES: dict[DisputeState, tuple[DisputeState, ...]] = {
    DisputeState.FILED: (
        DisputeState.CORRECTING,
        DisputeState.REJECTED,
        DisputeState.ACCEPTED,
        DisputeState.DISMISSED,
        DisputeState.WITHDRAWN,
    ),
    DisputeState.APPEALED: (
        DisputeState.CORRECTING,
        DisputeState.ACCEPTED,
        DisputeState.DISMISSED,
        DisputeState.WITHDRAWN,
    ),
    DisputeState.CORRECTING: (DisputeState.ACCEPTED, DisputeState.FILED, DisputeState.APPEALED),
    DisputeState.REJECTED: (DisputeState.APPEALED,),
    DisputeState.ACCEPTED: (),
    DisputeState.DISMISSED: (),
    DisputeState.WITHDRAWN: (),
}
WAITS = (DisputeState.FILED, DisputeState.APPEALED)  # somebody has to decide on it
OPEN = (*WAITS, DisputeState.CORRECTING)  # it holds the entry back, and marks it
IS_OPEN = text("state IN ('filed', 'appealed', 'correcting')")


class Dispute(Base):
    """What the owner says against one entry. Its words and those of the answers stand in the steps, its proof in the
    pictures; both can be erased.

    `levels` is how many levels above the recording organization somebody has to stand to decide.
    """

    __tablename__ = "dispute"
    __table_args__ = (
        CheckConstraint("levels >= 0", name="levels_are_not_negative"),
        CheckConstraint("minutes IS NULL OR minutes >= 0", name="minutes_are_not_negative"),
        CheckConstraint(
            "(state IN ('accepted', 'dismissed', 'withdrawn')) = (decided_at IS NOT NULL)", name="ended_ones_say_when"
        ),
        CheckConstraint("(decided_at IS NULL) = (decided_by_id IS NULL)", name="ended_ones_say_by_whom"),
        CheckConstraint("(rejected_at IS NULL) = (rejected_by_id IS NULL)", name="rejected_ones_say_by_whom"),
        CheckConstraint("(rejected_at IS NULL) = (appeal_until IS NULL)", name="rejected_ones_can_be_appealed"),
        CheckConstraint("state <> 'rejected' OR rejected_at IS NOT NULL", name="rejected_ones_say_when"),
        CheckConstraint("appealed_at IS NULL OR rejected_at IS NOT NULL", name="only_rejected_ones_are_appealed"),
        CheckConstraint("state <> 'appealed' OR appealed_at IS NOT NULL", name="appealed_ones_say_when"),
        CheckConstraint(
            "(state = 'withdrawn') = (decided_by_id IS NOT NULL AND decided_by_id = filed_by_id)",
            name="only_the_owner_withdraws_and_nothing_else",
        ),
        CheckConstraint("rejected_by_id IS NULL OR rejected_by_id <> filed_by_id", name="the_owner_rejects_nothing"),
        CheckConstraint(
            "decided_by_id IS NULL OR rejected_by_id IS NULL OR decided_by_id <> rejected_by_id",
            name="another_one_decides_the_appeal",
        ),
        CheckConstraint("state <> 'correcting' OR correction_id IS NOT NULL", name="correcting_ones_name_it"),
        Index("uq_dispute_open", "record_id", unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
        Index(None, "record_id", "id"),
        Index(None, "state", "due_on"),
        Index(None, "filed_by_id", "id"),
    )

    record_id: Mapped[int] = mapped_column(ForeignKey("service_record.id"))
    kind: Mapped[DisputeKind]
    state: Mapped[DisputeState] = mapped_column(default=DisputeState.FILED)
    minutes: Mapped[int | None]  # what the owner says is right, if they say it
    levels: Mapped[int]
    filed_at: Mapped[datetime]
    filed_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    due_on: Mapped[date]  # by when it has to be decided
    rejected_at: Mapped[datetime | None]
    rejected_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    appeal_until: Mapped[date | None]
    appealed_at: Mapped[datetime | None]
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("correction.id"), index=True)
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))

    record: Mapped[ServiceRecord] = relationship(lazy="raise_on_sql")
    correction: Mapped[Correction | None] = relationship(lazy="raise_on_sql")

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def waits(self) -> bool:
        return self.state in WAITS


class DisputeStep(StrEnum):
    """What happened to a dispute."""

    FILED = "filed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    APPEALED = "appealed"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"
    CORRECTED = "corrected"  # the second person agreed
    REOPENED = "reopened"  # the second person did not
    OVERDUE = "overdue"  # the level above took it over


ERASED = "*"  # stands where somebody's words stood who took their data along


class Step(Base):
    """One step of a dispute's course. Append-only; only its words may be erased."""

    __tablename__ = "dispute_step"
    __table_args__ = (
        CheckConstraint(
            "step NOT IN ('rejected', 'dismissed', 'appealed', 'reopened') OR words <> ''", name="says_why_not"
        ),
    )

    dispute_id: Mapped[int] = mapped_column(ForeignKey("dispute.id"), index=True)
    step: Mapped[DisputeStep]
    at: Mapped[datetime]
    by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    words: Mapped[str] = mapped_column(String(400), default="")


class Proof(Picture, Base):
    """A picture that the owner gives for a dispute. Its content can be erased; that it was there stays."""

    __tablename__ = "dispute_proof"

    dispute_id: Mapped[int] = mapped_column(ForeignKey("dispute.id"), index=True)


# --- registrations that their person knows nothing of -----------------------------------------------------------


class ReportState(StrEnum):
    FILED = "filed"
    FOUND = "found"  # one person found it to be so; a second one has to agree
    CONFIRMED = "confirmed"  # the registration is void
    UNFOUNDED = "unfounded"


NEXT_REPORT_STATES: dict[ReportState, tuple[ReportState, ...]] = {
    ReportState.FILED: (ReportState.FOUND, ReportState.UNFOUNDED),
    ReportState.FOUND: (ReportState.CONFIRMED, ReportState.FILED),
    ReportState.CONFIRMED: (),
    ReportState.UNFOUNDED: (),
}
REPORT_WAITS = (ReportState.FILED, ReportState.FOUND)


class IdentityReport(Base):
    """Somebody without an account says that they were registered without knowing it.

    What they typed is sealed and erased some time after the end. `organization_id` is where it is handled: above
    everybody who made or approved the registration, if there is one that fits.
    """

    __tablename__ = "identity_report"
    __table_args__ = (
        CheckConstraint("(state IN ('confirmed', 'unfounded')) = (decided_at IS NOT NULL)", name="ended_ones_say_when"),
        CheckConstraint("(decided_at IS NULL) = (decided_by_id IS NULL)", name="ended_ones_say_by_whom"),
        CheckConstraint("(found_at IS NULL) = (found_by_id IS NULL)", name="found_ones_say_by_whom"),
        CheckConstraint("state NOT IN ('found', 'confirmed') OR found_at IS NOT NULL", name="found_ones_say_when"),
        CheckConstraint("state <> 'confirmed' OR decided_by_id <> found_by_id", name="two_people_confirm"),
        CheckConstraint("state NOT IN ('found', 'confirmed') OR volunteer_id IS NOT NULL", name="void_what_there_is"),
        CheckConstraint(
            "(phone_sealed IS NULL) = (erased_at IS NOT NULL) AND (words_sealed IS NULL) = (erased_at IS NOT NULL) "
            "AND (contact_sealed IS NULL) = (erased_at IS NOT NULL)",
            name="is_there_until_it_is_erased",
        ),
        Index(None, "organization_id", "state"),
        Index(None, "state", "decided_at"),
    )

    number: Mapped[str] = mapped_column(String(20), unique=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    state: Mapped[ReportState] = mapped_column(default=ReportState.FILED)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    volunteer_id: Mapped[int | None] = mapped_column(ForeignKey("volunteer.id"), index=True)  # if one fits
    filed_at: Mapped[datetime]
    due_on: Mapped[date]
    phone_sealed: Mapped[str | None] = mapped_column(String(200))
    words_sealed: Mapped[str | None] = mapped_column(Text)
    contact_sealed: Mapped[str | None] = mapped_column(String(1000))
    found_at: Mapped[datetime | None]
    found_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    answer_sealed: Mapped[str | None] = mapped_column(Text)  # what the reporter reads
    erased_at: Mapped[datetime | None]

    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")
    volunteer: Mapped[Volunteer | None] = relationship(lazy="raise_on_sql")

    @property
    def waits(self) -> bool:
        return self.state in REPORT_WAITS
