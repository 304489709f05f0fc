"""What repeats: a series says on which days a post takes place, and remembers which shift was made for which day."""

from datetime import date, datetime, time
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.posts.models import MOST_PLACES, Post, Shift
from core.db import Base

MAKE_UP = 8  # beside the weekdays 1 to 7: a day on which people work to make up for a holiday
HOUR = 60


class Rhythm(StrEnum):
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class HolidayRule(StrEnum):
    """What becomes of a date that falls on a public holiday."""

    SKIP = "skip"
    USUAL = "usual"


class SeriesState(StrEnum):
    RUNNING = "running"
    ENDED = "ended"  # by a clerk, before its time


class Series(Base):
    """A rhythm on which a post takes place. `every` counts weeks or months from `from_day`, which never changes.

    `made_until` is the last local day for which all shifts were made; `failed_at` says when that last went wrong.
    """

    __tablename__ = "series"
    __table_args__ = (
        CheckConstraint("every BETWEEN 1 AND 12", name="repeats_within_a_year"),
        CheckConstraint("(rhythm = 'monthly') = (ordinal IS NOT NULL)", name="monthly_ones_say_which_week"),
        CheckConstraint("ordinal IN (-1, 1, 2, 3, 4)", name="counts_the_weeks_of_a_month"),
        CheckConstraint("until_day >= from_day", name="ends_after_it_begins"),
        CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_ones_say_when"),
        Index("ix_series_due", "state", "made_until"),
    )

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), index=True)
    rhythm: Mapped[Rhythm]
    every: Mapped[int] = mapped_column(default=1)
    ordinal: Mapped[int | None]  # the first, second … or last (-1) such weekday of a month
    from_day: Mapped[date]
    until_day: Mapped[date]
    holidays: Mapped[HolidayRule]
    state: Mapped[SeriesState] = mapped_column(default=SeriesState.RUNNING)
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str] = mapped_column(String(200), default="")
    made_until: Mapped[date | None]
    failed_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    created_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    form_key: Mapped[str | None] = mapped_column(String(64), unique=True)  # a form sent twice makes one series

    post: Mapped[Post] = relationship(lazy="raise_on_sql")
    slots: Mapped[list["Slot"]] = relationship(lazy="raise_on_sql", order_by="Slot.id", back_populates="series")
    skips: Mapped[list["Skip"]] = relationship(lazy="raise_on_sql", order_by="Skip.day")


class Slot(Base):
    """Hours that hold on some weekdays for some time, or on one single day that was added by hand.

    Local hours are minutes after midnight; an end that is not later than the start lies on the next day.
    """

    __tablename__ = "series_slot"
    __table_args__ = (
        CheckConstraint("starts BETWEEN 0 AND 1439 AND ends BETWEEN 0 AND 1439", name="hours_are_of_a_day"),
        CheckConstraint("starts <> ends", name="ends_after_it_starts"),
        CheckConstraint("until_day >= from_day", name="holds_for_some_time"),
        CheckConstraint("NOT single OR from_day = until_day", name="single_ones_hold_one_day"),
        CheckConstraint(f"places BETWEEN 1 AND {MOST_PLACES}", name="has_places"),
        CheckConstraint("break_minutes BETWEEN 0 AND 720", name="breaks_are_not_negative"),
    )

    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"), index=True)
    weekdays: Mapped[list[int]] = mapped_column(JSON)
    single: Mapped[bool] = mapped_column(default=False)
    from_day: Mapped[date]
    until_day: Mapped[date]
    starts: Mapped[int]
    ends: Mapped[int]
    places: Mapped[int]
    break_minutes: Mapped[int] = mapped_column(default=0)

    series: Mapped[Series] = relationship(lazy="raise_on_sql", back_populates="slots")

    @property
    def start_hour(self) -> time:
        return time(*divmod(self.starts, HOUR))

    @property
    def end_hour(self) -> time:
        return time(*divmod(self.ends, HOUR))

    @property
    def is_overnight(self) -> bool:
        return self.ends <= self.starts


class Skip(Base):
    """A day that is left out of the rhythm."""

    __tablename__ = "series_skip"
    __table_args__ = (UniqueConstraint("series_id", "day", "slot_id"),)

    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"))
    slot_id: Mapped[int] = mapped_column(ForeignKey("series_slot.id"), index=True)
    day: Mapped[date]


class Occurrence(Base):
    """The shift that was made for a day of a series. The row stays when the shift is moved or cancelled, so that
    nothing is ever made twice."""

    __tablename__ = "series_occurrence"
    __table_args__ = (UniqueConstraint("series_id", "day", "slot_id"),)

    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"))
    slot_id: Mapped[int] = mapped_column(ForeignKey("series_slot.id"), index=True)
    day: Mapped[date]
    shift_id: Mapped[int] = mapped_column(ForeignKey("shift.id"), unique=True)

    shift: Mapped[Shift] = relationship(lazy="raise_on_sql")
    slot: Mapped[Slot] = relationship(lazy="raise_on_sql")
