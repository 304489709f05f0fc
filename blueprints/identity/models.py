"""Who takes part: accounts to sign in with, volunteers, their consents, and the roles of staff."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from blueprints.organizations.models import Division, Organization
from core import clock
from core.actor import Role
from core.db import Base


class Account(Base):
    """A person's way in. One made by a clerk for somebody else stays unclaimed until that person takes it over."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("claimed_at IS NOT NULL OR created_by_id IS NOT NULL", name="unclaimed_ones_have_a_maker"),
        CheckConstraint("closed_at IS NOT NULL OR phone IS NOT NULL", name="open_ones_have_a_phone"),
        CheckConstraint("claimed_at IS NOT NULL OR password_hash IS NULL", name="unclaimed_ones_have_no_password"),
        Index(None, "created_by_id", "created_at"),
    )

    name: Mapped[str] = mapped_column(String(40), index=True)
    phone: Mapped[str | None] = mapped_column(String(20), unique=True)  # E.164, e.g. +8619900000001
    email: Mapped[str | None] = mapped_column(String(120), index=True)  # in small letters: it also tells one person
    password_hash: Mapped[str | None] = mapped_column(String(200))
    lang: Mapped[str] = mapped_column(String(10), default="zh_Hans")
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    claimed_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

    @validates("email")
    def _in_small_letters(self, _key: str, email: str | None) -> str | None:
        return email.lower() if email else email


class Session(Base):
    """One signed-in browser. The cookie holds the token, the database only its keyed hash."""

    __tablename__ = "session"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    device: Mapped[str] = mapped_column(String(120), default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]  # to some minutes; None until the first time it is written down


class SecondFactor(Base):
    """The phone that makes the codes of an account's second step (RFC 6238); only its sealed secret is kept."""

    __tablename__ = "second_factor"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), unique=True)
    sealed: Mapped[str] = mapped_column(String(200))
    last_step: Mapped[int]  # of the last code that was used: it and all earlier ones are good no more
    set_up_at: Mapped[datetime]


class RecoveryCode(Base):
    """A printed code for the day the phone is not at hand; good once, kept as a keyed hash."""

    __tablename__ = "recovery_code"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Gender(StrEnum):
    FEMALE = "female"
    MALE = "male"


class VolunteerState(StrEnum):
    SUBMITTED = "submitted"
    RETURNED = "returned"
    ACTIVE = "active"
    REJECTED = "rejected"
    RESIGNED = "resigned"
    MERGED = "merged"  # another registration of the same person is the one that goes on


# Who is registered may go on to these states and to no other.
NEXT_STATES: dict[VolunteerState, tuple[VolunteerState, ...]] = {
    VolunteerState.SUBMITTED: (
        VolunteerState.ACTIVE,
        VolunteerState.RETURNED,
        VolunteerState.REJECTED,
        VolunteerState.RESIGNED,
        VolunteerState.MERGED,
    ),
    VolunteerState.RETURNED: (VolunteerState.SUBMITTED, VolunteerState.RESIGNED, VolunteerState.MERGED),
    VolunteerState.ACTIVE: (VolunteerState.RESIGNED, VolunteerState.MERGED),
    VolunteerState.REJECTED: (VolunteerState.SUBMITTED, VolunteerState.RESIGNED),
    VolunteerState.RESIGNED: (),
    VolunteerState.MERGED: (),
}


class Volunteer(Base):
    """A person who serves, with the fields of 办法 (民政部令67) art. 5: the area of residence, never the address."""

    __tablename__ = "volunteer"
    __table_args__ = (
        CheckConstraint(
            "(id_hash IS NULL) = (id_sealed IS NULL) AND (id_hash IS NULL) = (id_last4 IS NULL)",
            name="id_number_is_kept_whole_or_not_at_all",
        ),
        CheckConstraint("(state = 'merged') = (merged_into_id IS NOT NULL)", name="merged_ones_say_into_whom"),
        CheckConstraint("merged_into_id <> id", name="nobody_is_merged_into_themself"),
        Index(
            "uq_volunteer_id_hash",
            "id_hash",
            unique=True,
            sqlite_where=text("id_hash IS NOT NULL"),
            postgresql_where=text("id_hash IS NOT NULL"),
        ),
        Index(None, "registered_with_id", "state"),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), unique=True)
    number: Mapped[str] = mapped_column(String(12), unique=True)  # random, never the ID number
    gender: Mapped[Gender | None]
    birth_date: Mapped[date | None]
    division_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("division.id"), index=True)
    registered_with_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    branch_id: Mapped[int | None] = mapped_column(ForeignKey("organization.id"), index=True)
    categories: Mapped[list[str]] = mapped_column(JSON, default=list)
    availability: Mapped[list[str]] = mapped_column(JSON, default=list)  # e.g. "sat-morning"
    id_hash: Mapped[str | None] = mapped_column(String(64))
    id_sealed: Mapped[str | None] = mapped_column(String(200))
    id_last4: Mapped[str | None] = mapped_column(String(4))
    state: Mapped[VolunteerState] = mapped_column(default=VolunteerState.SUBMITTED)
    submitted_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decision_reason: Mapped[str] = mapped_column(String(200), default="")
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("volunteer.id"), index=True)  # guarded: for good

    @property
    def goes_on_as(self) -> int:
        """The id of the registration as which this one goes on: its own, or the one that it was merged into."""
        return self.merged_into_id or self.id

    account: Mapped[Account] = relationship(foreign_keys=[account_id], lazy="raise_on_sql")
    division: Mapped[Division | None] = relationship(lazy="raise_on_sql")
    registered_with: Mapped[Organization] = relationship(foreign_keys=[registered_with_id], lazy="raise_on_sql")
    branch: Mapped[Organization | None] = relationship(foreign_keys=[branch_id], lazy="raise_on_sql")
    skills: Mapped[list["VolunteerSkill"]] = relationship(lazy="raise_on_sql", cascade="all, delete-orphan")

    def age(self, moment: datetime) -> int:
        """Full years on the local day of the moment; a volunteer whose data were erased counts as 0."""
        return clock.age_on(self.birth_date, clock.today(moment)) if self.birth_date else 0


class Skill(StrEnum):
    """What people can offer (domain f3)."""

    APPLIANCES = "appliances"
    HAIRCUT = "haircut"
    SEWING = "sewing"
    NURSING = "nursing"
    FIRST_AID = "first_aid"
    COUNSELLING = "counselling"
    LAW = "law"
    TUTORING = "tutoring"
    CALLIGRAPHY = "calligraphy"
    MUSIC = "music"
    PHOTOGRAPHY = "photography"
    DIGITAL = "digital"
    TRANSLATION = "translation"
    SIGN_LANGUAGE = "sign_language"
    DIALECT = "dialect"
    DRIVING = "driving"
    WATER_TESTING = "water_testing"
    HOSTING = "hosting"
    WRITING = "writing"
    PROJECTS = "projects"


# Skills for which the law asks for a qualification (条例 art. 16): a clerk must have seen the proof.
PROVEN_SKILLS = (Skill.NURSING, Skill.FIRST_AID, Skill.COUNSELLING, Skill.LAW)


class Theme(StrEnum):
    """The three cares of the 2014 policy (2.1–2.3)."""

    PEOPLE = "people"
    SOCIETY = "society"
    NATURE = "nature"


class Category(StrEnum):
    """Kinds of service (domain f3)."""

    ELDERS = "elders"
    DISABLED = "disabled"
    HARDSHIP = "hardship"
    CONVENIENCE = "convenience"
    CHILDREN = "children"
    NEW_RESIDENTS = "new_residents"
    NEIGHBOURS = "neighbours"
    CIVILITY = "civility"
    TRAFFIC = "traffic"
    ONLINE = "online"
    WINDOW = "window"
    GOVERNANCE = "governance"
    EVENTS = "events"
    EMERGENCY = "emergency"
    WATER = "water"
    GREENING = "greening"
    CLEANING = "cleaning"
    CYCLING = "cycling"
    SORTING = "sorting"


THEMES: dict[Theme, tuple[Category, ...]] = {
    Theme.PEOPLE: tuple(Category)[:7],
    Theme.SOCIETY: tuple(Category)[7:14],
    Theme.NATURE: tuple(Category)[14:],
}


class Weekday(StrEnum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class Daytime(StrEnum):
    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


# The squares of the week in which somebody may have time.
SLOTS: tuple[str, ...] = tuple(f"{day}-{time}" for day in Weekday for time in Daytime)


class VolunteerSkill(Base):
    """A skill somebody declared; `verified_*` once a clerk has seen the proof."""

    __tablename__ = "volunteer_skill"
    __table_args__ = (UniqueConstraint("volunteer_id", "skill"),)

    volunteer_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"))
    skill: Mapped[Skill]
    verified_at: Mapped[datetime | None]
    verified_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))


ADULT = 18  # full years


class Purpose(StrEnum):
    """What somebody agreed to; each is asked for on its own (PIPL 14, 17, 25, 29)."""

    PLEDGE = "pledge"
    REGISTRATION = "registration"
    ID_NUMBER = "id_number"
    LEAGUE = "league"
    LOCATION = "location"
    HANDOVER = "handover"
    NOTICE_NAME = "notice_name"
    WALL = "wall"


# What a volunteer is free to agree to on the page of consents; all else is asked for where it is needed.
OFFERED = (Purpose.HANDOVER, Purpose.NOTICE_NAME, Purpose.WALL)
# What shows a full name to others: nobody under age agrees to that.
NAMING = (Purpose.NOTICE_NAME, Purpose.WALL)


class Consent(Base):
    """Who agreed to which version of which text, and through which channel."""

    __tablename__ = "consent"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    purpose: Mapped[Purpose]
    text_version: Mapped[str] = mapped_column(String(20))
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    recorded_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # None: the person's own click


class Leaving(StrEnum):
    """What becomes of the personal data of somebody who leaves (PIPL 47)."""

    KEEP = "keep"
    ERASE = "erase"


class GuardianMethod(StrEnum):
    IN_PERSON = "in_person"
    SIGNED_PAPER = "signed_paper"


class Guardianship(Base):
    """A guardian's consent for someone under 18, as a clerk recorded it (未成年人网络保护条例 31; CYL 办法)."""

    __tablename__ = "guardianship"

    volunteer_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"), index=True)
    guardian_name: Mapped[str] = mapped_column(String(40))
    relation: Mapped[str] = mapped_column(String(20))
    guardian_phone: Mapped[str] = mapped_column(String(20))
    method: Mapped[GuardianMethod]
    given_at: Mapped[datetime]
    recorded_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    revoked_at: Mapped[datetime | None]


LIVE_GRANT = text("revoked_at IS NULL")


class Grant(Base):
    """A role on an organization and everything under it, until it is taken back."""

    __tablename__ = "role_grant"
    __table_args__ = (
        Index(
            "uq_role_grant_live",
            "account_id",
            "role",
            "organization_id",
            unique=True,
            sqlite_where=LIVE_GRANT,
            postgresql_where=LIVE_GRANT,
        ),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    role: Mapped[Role]
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    granted_at: Mapped[datetime]
    granted_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # None: the set-up command
    revoked_at: Mapped[datetime | None]
    revoked_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))

    account: Mapped[Account] = relationship(foreign_keys=[account_id], lazy="raise_on_sql")
    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")


class Invitation(Base):
    """A one-time link that gives a role to whoever opens it signed in; the database knows only its hash."""

    __tablename__ = "invitation"

    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(40))  # for whom, as the inviter wrote it
    role: Mapped[Role]
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    invited_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # None: the set-up command
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    revoked_at: Mapped[datetime | None]

    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")


class SlipPurpose(StrEnum):
    """What a one-time slip lets its bearer do."""

    CLAIM = "claim"  # take over an account that a clerk made
    PASSWORD = "password"  # set a new password
    PHONE = "phone"  # move the account to a new phone number
    LEAVE = "leave"  # close the account
    SECOND_STEP = "second_step"  # take a second step away whose phone and codes are lost


class Slip(Base):
    """A one-time code handed over in person at the station, or sent by mail; only its hash is kept."""

    __tablename__ = "slip"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    purpose: Mapped[SlipPurpose]
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    new_phone: Mapped[str | None] = mapped_column(String(20), index=True)
    issued_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # None: sent by mail
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    account: Mapped[Account] = relationship(foreign_keys=[account_id], lazy="raise_on_sql")


class Attempt(Base):
    """A failed try to get in: by sign-in, slip or invitation. Keys are hashes, kept only as long as they count."""

    __tablename__ = "attempt"
    __table_args__ = (Index(None, "key", "at"),)

    key: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
