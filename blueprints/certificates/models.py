"""Certificates: what the ledger said of somebody on a day, on paper that a stranger can check (办法 art. 14–17)."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.claims.models import EvidenceClass
from blueprints.identity.models import Volunteer
from blueprints.jobs.models import Job
from blueprints.organizations.models import Organization
from blueprints.posts.models import Category
from core.db import Base, Blob


class CertificateKind(StrEnum):
    OWN = "own"  # printed by the holder at once
    STAMPED = "stamped"  # looked at and issued by the organization that recorded


class CertificateState(StrEnum):
    REQUESTED = "requested"
    CHECKED = "checked"  # somebody of the organization looked at it; another one issues it
    ISSUED = "issued"
    DECLINED = "declined"
    SUPERSEDED = "superseded"  # a newer one of the same kind and span took its place
    REVOKED = "revoked"


NEXT_STATES: dict[CertificateState, tuple[CertificateState, ...]] = {
    CertificateState.REQUESTED: (CertificateState.CHECKED, CertificateState.DECLINED),
    CertificateState.CHECKED: (CertificateState.ISSUED, CertificateState.DECLINED),
    CertificateState.ISSUED: (CertificateState.SUPERSEDED, CertificateState.REVOKED),
    CertificateState.DECLINED: (),
    CertificateState.SUPERSEDED: (),
    CertificateState.REVOKED: (),
}
WAITS = (CertificateState.REQUESTED, CertificateState.CHECKED)


class SigningKey(Base):
    """The key of this installation for signing papers. A retired one signs nothing more, and still verifies."""

    __tablename__ = "signing_key"
    __table_args__ = (
        CheckConstraint("(is_current IS NULL) = (retired_at IS NOT NULL)", name="one_signs_or_is_retired"),
    )

    made_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    is_current: Mapped[bool | None] = mapped_column(unique=True)  # true for one, null for the others
    certificate: Mapped[str] = mapped_column(Text)  # PEM; public
    private_key: Mapped[str] = mapped_column(Text)  # PEM, sealed with DATA_KEY
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 of the certificate


class Certificate(Base):
    """What somebody asked to be certified, and how far that is. `code` opens the page where anybody checks it."""

    __tablename__ = "certificate"
    __table_args__ = (
        CheckConstraint("until_on >= from_on", name="ends_after_it_begins"),
        CheckConstraint("(kind = 'stamped') = (organization_id IS NOT NULL)", name="stamped_ones_name_who_stamps"),
        CheckConstraint(
            "(state IN ('issued', 'superseded', 'revoked')) = (issued_at IS NOT NULL)", name="issued_ones_say_when"
        ),
        CheckConstraint("kind = 'own' OR issued_at IS NULL OR issued_by_id IS NOT NULL", name="stamped_by_somebody"),
        CheckConstraint("issued_by_id IS NULL OR issued_by_id <> checked_by_id", name="two_people_stamp"),
        CheckConstraint("state NOT IN ('declined', 'revoked') OR reason <> ''", name="refusals_give_a_reason"),
        Index(None, "volunteer_id", "id"),
        Index(None, "organization_id", "state"),
    )

    number: Mapped[str] = mapped_column(String(20), unique=True)
    code: Mapped[str] = mapped_column(String(24), unique=True)
    volunteer_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"))
    kind: Mapped[CertificateKind]
    organization_id: Mapped[int | None] = mapped_column(ForeignKey("organization.id"))
    state: Mapped[CertificateState]
    from_on: Mapped[date]
    until_on: Mapped[date]
    category: Mapped[Category | None]
    holder: Mapped[str] = mapped_column(String(40))  # masked, for whoever checks
    requested_at: Mapped[datetime]
    checked_at: Mapped[datetime | None]
    checked_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    issued_at: Mapped[datetime | None]
    issued_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    ended_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(String(200), default="")  # why declined or revoked
    key_id: Mapped[int | None] = mapped_column(ForeignKey("signing_key.id"))
    superseded_by_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"))

    volunteer: Mapped[Volunteer] = relationship(lazy="raise_on_sql")
    organization: Mapped[Organization | None] = relationship(lazy="raise_on_sql")


class CertificateRow(Base):
    """One entry as it was worth when the certificate was issued."""

    __tablename__ = "certificate_row"
    __table_args__ = (
        UniqueConstraint("certificate_id", "record_id"),
        CheckConstraint("minutes > 0", name="rows_are_worth_something"),
        Index(None, "record_id"),
    )

    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id"))
    record_id: Mapped[int] = mapped_column(ForeignKey("service_record.id"))
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    evidence: Mapped[EvidenceClass]
    minutes: Mapped[int]


class CertificateFile(Base):
    """The paper itself, signed. It holds the whole name, so it goes when the holder's data is erased."""

    __tablename__ = "certificate_file"

    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id"), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes] = mapped_column(Blob, deferred=True)


class BatchState(StrEnum):
    """A batch of stamped certificates: put together by one person, issued by another."""

    PREPARED = "prepared"
    ISSUING = "issuing"  # decided; a task issues one after the other
    ISSUED = "issued"
    DECLINED = "declined"


NEXT_BATCH_STATES: dict[BatchState, tuple[BatchState, ...]] = {
    BatchState.PREPARED: (BatchState.ISSUING, BatchState.DECLINED),
    BatchState.ISSUING: (BatchState.ISSUED,),
    BatchState.ISSUED: (),
    BatchState.DECLINED: (),
}


class Outcome(StrEnum):
    """What became of one person of a batch."""

    WAITING = "waiting"
    ISSUED = "issued"
    EMPTY = "empty"  # nothing effective in the period
    UNCLAIMED = "unclaimed"  # nobody took over the account
    OWN = "own"  # of whoever prepared or issued the batch: others decide on theirs
    TOO_MANY = "too_many"  # more entries than one paper holds


class CertificateBatch(Base):
    """Stamped certificates of one organization for many people at once, of one period and category."""

    __tablename__ = "certificate_batch"
    __table_args__ = (
        CheckConstraint("until_on >= from_on", name="ends_after_it_begins"),
        CheckConstraint("(state = 'prepared') = (decided_at IS NULL)", name="decided_ones_say_when"),
        CheckConstraint("(decided_at IS NULL) = (decided_by_id IS NULL)", name="decided_ones_say_by_whom"),
        CheckConstraint("state = 'declined' OR decided_by_id <> prepared_by_id", name="two_people_stamp"),
        CheckConstraint("(state = 'declined') = (reason <> '')", name="refusals_give_a_reason"),
        Index(None, "organization_id", "id"),
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    from_on: Mapped[date]
    until_on: Mapped[date]
    category: Mapped[Category | None]
    state: Mapped[BatchState] = mapped_column(default=BatchState.PREPARED)
    prepared_at: Mapped[datetime]
    prepared_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    reason: Mapped[str] = mapped_column(String(200), default="")
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))

    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")
    job: Mapped[Job | None] = relationship(lazy="raise_on_sql")


class BatchMember(Base):
    """One person of a batch, and the certificate that was issued to them."""

    __tablename__ = "certificate_batch_member"
    __table_args__ = (
        UniqueConstraint("batch_id", "volunteer_id"),
        CheckConstraint("(outcome = 'issued') = (certificate_id IS NOT NULL)", name="issued_ones_have_a_certificate"),
    )

    batch_id: Mapped[int] = mapped_column(ForeignKey("certificate_batch.id"))
    volunteer_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"))
    outcome: Mapped[Outcome] = mapped_column(default=Outcome.WAITING)
    certificate_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"), unique=True)

    volunteer: Mapped[Volunteer] = relationship(lazy="raise_on_sql")
    certificate: Mapped[Certificate | None] = relationship(lazy="raise_on_sql")
