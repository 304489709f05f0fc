"""What is offered: a post says what, where and under which conditions; its shifts say when."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.identity.models import THEMES, Category, Skill, Theme
from blueprints.organizations.models import Division, Organization
from core.db import Base

__all__ = ["THEMES", "Category", "Theme"]  # what people wish to do and what is offered are of the same kinds

MOST_PLACES = 500
MOST_CUT_OFF_HOURS = 336
LONGEST = timedelta(hours=24)
OPENS_LATER = text("opens_at IS NOT NULL")


class RiskLevel(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Hazard(StrEnum):
    """Dangers that bar minors (浙江省志愿服务条例; domain f3)."""

    WATER = "water"
    HEIGHT = "height"
    TRAFFIC = "traffic"
    NIGHT = "night"
    ALONE = "alone"
    RESCUE = "rescue"


class PostState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    CANCELLED = "cancelled"


class Post(Base):
    """What an organization asks people to do, with everything the law wants said when recruiting (条例 art. 12)."""

    __tablename__ = "post"
    __table_args__ = (
        CheckConstraint("min_age <= max_age", name="ages_are_in_order"),
        CheckConstraint("risk_level <> 'high' OR dangerous", name="high_risk_is_dangerous"),
        CheckConstraint("NOT dangerous OR min_age >= 18", name="minors_are_barred_from_danger"),
        CheckConstraint("(state = 'draft') = (published_at IS NULL)", name="published_ones_say_when"),
        CheckConstraint("(state = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_ones_say_when"),
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    title: Mapped[str] = mapped_column(String(40))
    category: Mapped[Category]
    division_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("division.id"))
    place: Mapped[str] = mapped_column(String(120))
    content: Mapped[str] = mapped_column(Text)
    conditions: Mapped[str] = mapped_column(String(400))
    sign_up: Mapped[str] = mapped_column(String(200))
    risk_level: Mapped[RiskLevel]
    hazards: Mapped[list[str]] = mapped_column(JSON, default=list)
    dangerous: Mapped[bool] = mapped_column(default=False)
    risks: Mapped[str] = mapped_column(String(400))
    safeguards: Mapped[str] = mapped_column(String(400))
    responsible_name: Mapped[str] = mapped_column(String(40))
    responsible_phone: Mapped[str] = mapped_column(String(30))
    min_age: Mapped[int]
    max_age: Mapped[int]
    skill: Mapped[Skill | None]
    approves: Mapped[bool] = mapped_column(default=False, server_default=false())  # each claim waits for a clerk's word
    state: Mapped[PostState] = mapped_column(default=PostState.DRAFT)
    created_at: Mapped[datetime]
    created_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    published_at: Mapped[datetime | None]
    published_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str] = mapped_column(String(200), default="")
    revision: Mapped[int] = mapped_column(default=1)
    search_text: Mapped[str] = mapped_column(Text)
    form_key: Mapped[str | None] = mapped_column(String(64), unique=True)  # a form sent twice makes one post

    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")
    division: Mapped[Division] = relationship(lazy="raise_on_sql")
    shifts: Mapped[list["Shift"]] = relationship(
        back_populates="post", lazy="raise_on_sql", order_by="Shift.starts_at, Shift.id"
    )

    @property
    def dangers(self) -> list[Hazard]:
        """The hazards as what they are, not as the strings that JSON keeps."""
        return [Hazard(hazard) for hazard in self.hazards]


class ShiftState(StrEnum):
    DRAFT = "draft"  # its post is not published yet
    OPEN = "open"
    CANCELLED = "cancelled"


class Shift(Base):
    """A dated slot of a post with numbered places. `revision` grows with everything that a list shows of it."""

    __tablename__ = "shift"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_it_starts"),
        CheckConstraint(f"places BETWEEN 1 AND {MOST_PLACES}", name="has_places"),
        CheckConstraint("break_minutes BETWEEN 0 AND 720", name="breaks_are_not_negative"),
        CheckConstraint("(state = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_ones_say_when"),
        CheckConstraint("opens_at < starts_at", name="opens_before_it_starts"),
        CheckConstraint("minimum BETWEEN 1 AND places", name="minimum_fits_the_places"),
        CheckConstraint(
            "(minimum IS NULL) = (cut_off_hours IS NULL) "
            f"AND (cut_off_hours IS NULL OR cut_off_hours BETWEEN 1 AND {MOST_CUT_OFF_HOURS})",
            name="minimum_has_a_cut_off",
        ),
        UniqueConstraint("id", "places"),  # claims refer to both, so that places follow a change
        Index("ix_shift_board", "state", "starts_at", "id", "revision"),
        Index(None, "post_id", "starts_at"),
        Index("ix_shift_opening", "opens_at", sqlite_where=OPENS_LATER, postgresql_where=OPENS_LATER),
    )

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    places: Mapped[int]
    break_minutes: Mapped[int] = mapped_column(default=0)
    opens_at: Mapped[datetime | None]  # claims before are refused; None: from the moment it is published
    minimum: Mapped[int | None]  # with fewer people at the cut-off the clerk is asked what to do
    cut_off_hours: Mapped[int | None]  # before the start
    state: Mapped[ShiftState] = mapped_column(default=ShiftState.DRAFT)
    moved_at: Mapped[datetime | None]  # when time or place last changed after it was published
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str] = mapped_column(String(200), default="")
    revision: Mapped[int] = mapped_column(default=1)

    post: Mapped[Post] = relationship(back_populates="shifts", lazy="raise_on_sql")

    @property
    def cut_off_at(self) -> datetime | None:
        """When the number of people is held against the minimum."""
        return self.starts_at - timedelta(hours=self.cut_off_hours) if self.cut_off_hours else None

    @property
    def planned_minutes(self) -> int:
        """What a full attendance is worth: the planned time without the break."""
        return int((self.ends_at - self.starts_at).total_seconds()) // 60 - self.break_minutes


class Template(Base):
    """What an organization keeps of a post to start from it again; its usual hours are minutes after midnight."""

    __tablename__ = "post_template"
    __table_args__ = (
        UniqueConstraint("organization_id", "name"),
        CheckConstraint("starts BETWEEN 0 AND 1439 AND ends BETWEEN 0 AND 1439", name="hours_are_of_a_day"),
        CheckConstraint(f"places BETWEEN 1 AND {MOST_PLACES}", name="has_places"),
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    name: Mapped[str] = mapped_column(String(40))
    text: Mapped[dict[str, object]] = mapped_column(JSON)
    weekdays: Mapped[list[int]] = mapped_column(JSON)
    starts: Mapped[int]
    ends: Mapped[int]
    places: Mapped[int]
    kept_at: Mapped[datetime]
    kept_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
