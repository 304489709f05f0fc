"""Where everything happens and who runs it: the divisions of the state, and the tree of organizations on them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, ascii_text


class Level(StrEnum):
    """The levels of administration (统计用区划代码)."""

    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    TOWN = "town"
    VILLAGE = "village"


# How many codes lie under a division of each level: its 12-digit code ends with that many zeros.
SPAN = {
    Level.PROVINCE: 10**10,
    Level.CITY: 10**8,
    Level.COUNTY: 10**6,
    Level.TOWN: 10**3,
    Level.VILLAGE: 1,
}


class Division(Base):
    """One place of the administrative tree; the id is its official 12-digit code."""

    __tablename__ = "division"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, sort_order=-1)
    parent_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("division.id"), index=True)
    level: Mapped[Level]
    kind: Mapped[str] = mapped_column(String(20))
    official_name: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(60))

    parent: Mapped["Division | None"] = relationship(remote_side="Division.id", lazy="raise_on_sql")

    @property
    def codes(self) -> range:
        """The codes of this division and everything under it."""
        return range(self.id, self.id + SPAN[self.level])


class OrganizationKind(StrEnum):
    OFFICE = "office"  # 文明办, 社工部: a district office
    LEAGUE = "league"  # 团委, 团工委
    BRANCH = "branch"  # 团支部, 团总支
    ASSOCIATION = "association"  # 志愿者协会
    COMMUNITY = "community"  # 社区居委会, 村委会
    STATION = "station"  # 社区志愿服务站
    TEAM = "team"  # 志愿服务队
    SCHOOL = "school"
    UNIT = "unit"  # 机关, 企事业单位, 窗口单位


# What offers posts and records service; the others only guide.
OFFERING = (
    OrganizationKind.STATION,
    OrganizationKind.TEAM,
    OrganizationKind.ASSOCIATION,
    OrganizationKind.LEAGUE,
    OrganizationKind.COMMUNITY,
    OrganizationKind.OFFICE,
    OrganizationKind.SCHOOL,
    OrganizationKind.UNIT,
)


class Organization(Base):
    """Anything that can own work. `path` is /root/…/own id/, so that a subtree is one index range."""

    __tablename__ = "organization"
    __table_args__ = (CheckConstraint("parent_id IS NULL OR parent_id <> id", name="is_not_its_own_parent"),)

    name: Mapped[str] = mapped_column(String(60))
    kind: Mapped[OrganizationKind]
    division_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("division.id"), index=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("organization.id"), index=True)
    path: Mapped[str] = mapped_column(ascii_text(200), unique=True)
    phone: Mapped[str] = mapped_column(String(30), default="")
    address: Mapped[str] = mapped_column(String(120), default="")
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    division: Mapped[Division] = relationship(lazy="raise_on_sql")
    parent: Mapped["Organization | None"] = relationship(remote_side="Organization.id", lazy="raise_on_sql")

    @property
    def ancestors(self) -> list[int]:
        """The ids above this organization, nearest first."""
        return [int(step) for step in self.path.strip("/").split("/")[-2::-1]]


class Limit(StrEnum):
    """The numbers of the rules that a city may set; minutes, hours, percent or days as the name says."""

    CANCEL_HOURS = "cancel_hours"
    OFFER_MINUTES = "offer_minutes"
    CHECK_IN_BEFORE_MINUTES = "check_in_before_minutes"
    CHECK_OUT_AFTER_MINUTES = "check_out_after_minutes"
    CLOSE_AFTER_MINUTES = "close_after_minutes"
    MINIMUM_PRESENCE_PERCENT = "minimum_presence_percent"
    MINIMUM_AGE_YEARS = "minimum_age_years"
    DAILY_HOURS = "daily_hours"
    DAILY_HOURS_HIGHER = "daily_hours_higher"
    CONFIRM_WORKING_DAYS = "confirm_working_days"
    LOCATION_DAYS = "location_days"
    SERIES_WEEKS = "series_weeks"
    SECOND_STEP_CLERK = "second_step_clerk"
    SECOND_STEP_CONFIRMER = "second_step_confirmer"
    SECOND_STEP_ADMINISTRATOR = "second_step_administrator"
    REMIND_HOURS = "remind_hours"
    REMIND_NEAR_HOURS = "remind_near_hours"
    QUIET_FROM_HOUR = "quiet_from_hour"
    QUIET_UNTIL_HOUR = "quiet_until_hour"
    NO_SHOW_MONTHS = "no_show_months"
    DISPUTE_WORKING_DAYS = "dispute_working_days"
    DISPUTE_WORKING_DAYS_HIGHER = "dispute_working_days_higher"
    APPEAL_WORKING_DAYS = "appeal_working_days"
    RISK_FRESH_MINUTES = "risk_fresh_minutes"
    RISK_AFTERWARDS_PERCENT = "risk_afterwards_percent"
    RISK_DEVICE_PEOPLE = "risk_device_people"
    RISK_CROWD = "risk_crowd"
    RISK_LATE_HOURS = "risk_late_hours"
    RISK_TYPED_MINUTES = "risk_typed_minutes"
    RISK_TYPED_HOURS = "risk_typed_hours"
    RISK_PAIR_PERCENT = "risk_pair_percent"
    RISK_OLD_YEARS = "risk_old_years"
    RISK_AGE_CROWD = "risk_age_crowd"
    RISK_ATTEMPTS = "risk_attempts"
    RISK_DAYS = "risk_days"
    NOTICE_WORKING_DAYS = "notice_working_days"
    REPORT_DAYS = "report_days"
    OBJECTION_DAYS = "objection_days"
    EVIDENCE_WORKING_DAYS = "evidence_working_days"
    SUPPLEMENT_DAYS = "supplement_days"


# Defaults and their allowed span. Sources: 办法 art. 11 (10 working days); the others are practice, see docs/decisions.
DEFAULTS: dict[Limit, tuple[int, int, int]] = {
    Limit.CANCEL_HOURS: (24, 0, 168),
    Limit.OFFER_MINUTES: (30, 5, 1440),
    Limit.CHECK_IN_BEFORE_MINUTES: (30, 0, 240),
    Limit.CHECK_OUT_AFTER_MINUTES: (30, 0, 240),
    Limit.CLOSE_AFTER_MINUTES: (120, 30, 1440),
    Limit.MINIMUM_PRESENCE_PERCENT: (60, 0, 100),
    Limit.MINIMUM_AGE_YEARS: (14, 14, 18),
    Limit.DAILY_HOURS: (8, 1, 24),
    Limit.DAILY_HOURS_HIGHER: (12, 1, 24),
    Limit.CONFIRM_WORKING_DAYS: (10, 1, 60),
    Limit.LOCATION_DAYS: (30, 1, 180),
    Limit.SERIES_WEEKS: (8, 1, 26),
    Limit.SECOND_STEP_CLERK: (0, 0, 1),
    Limit.SECOND_STEP_CONFIRMER: (0, 0, 1),
    Limit.SECOND_STEP_ADMINISTRATOR: (1, 0, 1),
    Limit.REMIND_HOURS: (24, 6, 72),
    Limit.REMIND_NEAR_HOURS: (2, 0, 5),
    Limit.QUIET_FROM_HOUR: (22, 0, 23),
    Limit.QUIET_UNTIL_HOUR: (7, 0, 23),
    Limit.NO_SHOW_MONTHS: (6, 1, 24),
    Limit.DISPUTE_WORKING_DAYS: (10, 1, 10),
    Limit.DISPUTE_WORKING_DAYS_HIGHER: (15, 1, 15),
    Limit.APPEAL_WORKING_DAYS: (15, 5, 60),
    Limit.RISK_FRESH_MINUTES: (10, 1, 1440),
    Limit.RISK_AFTERWARDS_PERCENT: (30, 1, 100),
    Limit.RISK_DEVICE_PEOPLE: (3, 1, 100),
    Limit.RISK_CROWD: (10, 3, 1000),
    Limit.RISK_LATE_HOURS: (24, 1, 720),
    Limit.RISK_TYPED_MINUTES: (2, 1, 60),
    Limit.RISK_TYPED_HOURS: (5, 1, 200),
    Limit.RISK_PAIR_PERCENT: (40, 10, 100),
    Limit.RISK_OLD_YEARS: (80, 60, 110),
    Limit.RISK_AGE_CROWD: (5, 2, 1000),
    Limit.RISK_ATTEMPTS: (3, 2, 100),
    Limit.RISK_DAYS: (30, 7, 365),
    Limit.SUPPLEMENT_DAYS: (30, 1, 365),
    Limit.NOTICE_WORKING_DAYS: (3, 3, 20),  # 2012 办法: at least three working days
    Limit.REPORT_DAYS: (180, 30, 1095),
    Limit.OBJECTION_DAYS: (90, 30, 1095),
    Limit.EVIDENCE_WORKING_DAYS: (5, 1, 30),
}
# These are no numbers but a yes (1) or a no (0).
SWITCHES = (Limit.SECOND_STEP_CLERK, Limit.SECOND_STEP_CONFIRMER, Limit.SECOND_STEP_ADMINISTRATOR)


class Setting(Base):
    """One number that a city set otherwise than the default, and who did it when."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(40), unique=True)
    value: Mapped[int]
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
