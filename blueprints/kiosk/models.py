"""The station's tablet, and what it leaves behind an observation: how it was made, and what is odd about it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, Float, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.claims.models import Claim, Punch
from blueprints.identity.models import Account, Volunteer
from blueprints.organizations.models import Organization
from core.db import Base


class Tablet(Base):
    """A device of a station, paired once by a code. Its cookie holds a token, the database only the keyed hash."""

    __tablename__ = "tablet"
    __table_args__ = (
        CheckConstraint("(code_hash IS NULL) = (code_ends_at IS NULL)", name="codes_have_an_end"),
        CheckConstraint("(token_hash IS NULL) = (paired_at IS NULL)", name="paired_ones_have_a_token"),
        CheckConstraint(
            "cut_off_at IS NULL OR (token_hash IS NULL AND code_hash IS NULL)", name="cut_off_ones_get_in_no_more"
        ),
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    name: Mapped[str] = mapped_column(String(40))
    exit_pin_hash: Mapped[str] = mapped_column(String(200))  # what a clerk types to leave the kiosk
    made_at: Mapped[datetime]
    made_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    code_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    code_ends_at: Mapped[datetime | None]
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    paired_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    cut_off_at: Mapped[datetime | None]
    cut_off_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))

    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")


class Method(StrEnum):
    """How somebody checked in or out at the station."""

    SCAN = "scan"  # the code on the tablet, with the own phone
    PIN = "pin"  # volunteer number and PIN on the tablet
    CARD = "card"  # the printed card held to the tablet


class Origin(Base):
    """How an observation was made; the ledger of observations itself never changes its shape for this."""

    __tablename__ = "origin"

    punch_id: Mapped[int] = mapped_column(ForeignKey("punch.id"), unique=True)
    method: Mapped[Method]
    tablet_id: Mapped[int | None] = mapped_column(ForeignKey("tablet.id"), index=True)
    receipt_hash: Mapped[str | None] = mapped_column(String(64), unique=True)  # a scan is used once
    device_hash: Mapped[str | None] = mapped_column(String(64), index=True)  # of the phone, by a cookie of its own

    punch: Mapped[Punch] = relationship(lazy="raise_on_sql")
    tablet: Mapped[Tablet | None] = relationship(lazy="raise_on_sql")


class Pin(Base):
    """Six digits that somebody without a phone types at the tablet. A clerk's reset gives one to begin with only."""

    __tablename__ = "pin"

    volunteer_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"), unique=True)
    pin_hash: Mapped[str] = mapped_column(String(200))
    is_first: Mapped[bool]  # made by a clerk's reset: the person chooses their own at once
    set_at: Mapped[datetime]
    reset_at: Mapped[datetime | None]  # when a clerk last did that
    reset_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))


LIVE_CARD = text("revoked_at IS NULL")


class Card(Base):
    """A printed card. Its code is signed, so that a tablet without a network can tell a real one."""

    __tablename__ = "card"
    __table_args__ = (
        UniqueConstraint("volunteer_id", "serial"),
        Index("uq_card_live", "volunteer_id", unique=True, sqlite_where=LIVE_CARD, postgresql_where=LIVE_CARD),
    )

    volunteer_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"))
    serial: Mapped[int]
    issued_at: Mapped[datetime]
    issued_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    revoked_at: Mapped[datetime | None]

    volunteer: Mapped[Volunteer] = relationship(lazy="raise_on_sql")


class FlagKind(StrEnum):
    """What is odd about an attendance. It is shown to people, and blocks nothing."""

    SHARED_DEVICE = "shared_device"  # one phone checked in several people
    TWO_PLACES = "two_places"  # one person at two places at once
    FAR_AWAY = "far_away"  # the phone was far from the station


class Flag(Base):
    """One oddity of one attendance, until somebody has looked at it. `details` holds numbers, nothing personal."""

    __tablename__ = "attendance_flag"
    __table_args__ = (
        UniqueConstraint("claim_id", "kind"),
        CheckConstraint("(looked_at IS NULL) = (looked_by_id IS NULL)", name="whoever_looked_is_known"),
    )

    claim_id: Mapped[int] = mapped_column(ForeignKey("claim.id"))
    punch_id: Mapped[int | None] = mapped_column(ForeignKey("punch.id"))
    kind: Mapped[FlagKind]
    details: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    raised_at: Mapped[datetime]
    looked_at: Mapped[datetime | None]
    looked_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))

    claim: Mapped[Claim] = relationship(lazy="raise_on_sql")
    looked_by: Mapped[Account | None] = relationship(lazy="raise_on_sql")


class Spot(Base):
    """Where a station is, so that a phone's distance from it can be told."""

    __tablename__ = "spot"
    __table_args__ = (
        CheckConstraint("latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name="lies_on_earth"),
        CheckConstraint("radius_m BETWEEN 50 AND 20000", name="radius_makes_sense"),
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), unique=True)
    latitude: Mapped[float] = mapped_column(Float)
    longitude: Mapped[float] = mapped_column(Float)
    radius_m: Mapped[int]
    set_at: Mapped[datetime]
    set_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))


class Sighting(Base):
    """How far from the station a phone was. The coordinates go after some days, the distance stays."""

    __tablename__ = "sighting"
    __table_args__ = (
        CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="coordinates_stay_or_go_together"),
        CheckConstraint("distance_m >= 0", name="distance_is_no_direction"),
    )

    punch_id: Mapped[int] = mapped_column(ForeignKey("punch.id"), unique=True)
    at: Mapped[datetime] = mapped_column(index=True)
    distance_m: Mapped[int]
    accuracy_m: Mapped[int]
    is_near: Mapped[bool]
    latitude: Mapped[float | None] = mapped_column(Float)
    longitude: Mapped[float | None] = mapped_column(Float)
