"""What people are told: an inbox row for everyone, and a delivery for each other channel."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.identity.models import Account
from blueprints.organizations.models import Organization
from core.db import Base


class NoticeKind(StrEnum):
    """Why somebody is told something; messages.words holds the sentence of each."""

    CLAIM_HELD = "claim_held"
    CLAIM_WAITING = "claim_waiting"
    CLAIM_OFFERED = "claim_offered"
    OFFER_LAPSED = "offer_lapsed"
    PLACE_MOVED_UP = "place_moved_up"
    CLAIM_CANCELLED = "claim_cancelled"
    SHIFT_CHANGED = "shift_changed"
    SHIFT_CANCELLED = "shift_cancelled"
    CLAIM_RULES_CHANGED = "claim_rules_changed"
    CLAIM_RELEASED = "claim_released"
    REQUEST_RECEIVED = "request_received"
    REQUEST_DECLINED = "request_declined"
    REQUEST_UNANSWERED = "request_unanswered"
    CLAIMS_OPEN = "claims_open"
    STAND_IN_ASKED = "stand_in_asked"
    STAND_IN_WAITS = "stand_in_waits"
    SWAP_ASKED = "swap_asked"
    SWAP_DONE = "swap_done"
    PLACE_TAKEN = "place_taken"
    PLACE_PASSED_ON = "place_passed_on"
    PLACES_SWAPPED = "places_swapped"
    HANDOVER_REFUSED = "handover_refused"
    HANDOVER_ENDED = "handover_ended"
    GROUP_NAMED = "group_named"
    GROUP_ASKED = "group_asked"
    GROUP_DECLINED = "group_declined"
    SHIFT_SHORT = "shift_short"
    MERGED_KEPT = "merged_kept"
    MERGED_ELSEWHERE = "merged_elsewhere"
    HELP_WANTED = "help_wanted"
    HELP_ASKED = "help_asked"
    RECORD_CHECK_ASKED = "record_check_asked"
    RECORD_OVERDUE = "record_overdue"  # below whoever is told
    SHIFT_SOON = "shift_soon"  # the day before
    SHIFT_NEAR = "shift_near"  # two hours before
    TRIAL = "trial"
    REGISTRATION_RECEIVED = "registration_received"
    REGISTRATION_APPROVED = "registration_approved"
    REGISTRATION_RETURNED = "registration_returned"
    REGISTRATION_REJECTED = "registration_rejected"
    RECORD_HANDED_IN = "record_handed_in"
    RECORD_ENTERED = "record_entered"
    OBJECTION_UPHELD = "objection_upheld"
    OBJECTION_DISMISSED = "objection_dismissed"
    SUPPLEMENT_PROPOSED = "supplement_proposed"
    SUPPLEMENT_REFUSED = "supplement_refused"
    SUPPLEMENT_VOUCHED = "supplement_vouched"
    SUPPLEMENT_QUESTION = "supplement_question"
    SUPPLEMENT_DECLINED = "supplement_declined"
    RECORD_ON_NOTICE = "record_on_notice"
    RECORD_EFFECTIVE = "record_effective"
    RECORD_RETURNED = "record_returned"
    RECORD_AWAITS_APPROVAL = "record_awaits_approval"
    CORRECTION_PROPOSED = "correction_proposed"
    RECORD_CORRECTED = "record_corrected"
    CORRECTION_DECLINED = "correction_declined"
    DISPUTE_RECEIVED = "dispute_received"
    DISPUTE_WAITS = "dispute_waits"
    DISPUTE_REJECTED = "dispute_rejected"
    DISPUTE_DISMISSED = "dispute_dismissed"
    DISPUTE_ACCEPTED = "dispute_accepted"
    DISPUTE_AGAINST = "dispute_against"
    IDENTITY_REPORTED = "identity_reported"
    IDENTITY_FOUND = "identity_found"
    REGISTRATION_VOIDED = "registration_voided"
    REGISTRATION_DOUBTED = "registration_doubted"
    REGISTRATION_CLOSED = "registration_closed"
    REGISTRATION_KEPT = "registration_kept"  # what was doubted is not
    REGISTRATION_MERGING = "registration_merging"
    REGISTRATION_MERGED = "registration_merged"
    REGISTRATION_STAYS = "registration_stays"
    MERGER_WAITS = "merger_waits"
    MERGER_DECLINED = "merger_declined"
    CERTIFICATE_ISSUED = "certificate_issued"
    CERTIFICATE_DECLINED = "certificate_declined"
    CERTIFICATE_REVOKED = "certificate_revoked"
    CERTIFICATE_CHANGED = "certificate_changed"
    IMPORT_ENTERED = "import_entered"
    IMPORT_DECLINED = "import_declined"
    HONOUR_PROPOSED = "honour_proposed"
    HONOUR_ON_NOTICE = "honour_on_notice"
    HONOUR_GRANTED = "honour_granted"
    HONOUR_WITHDRAWN = "honour_withdrawn"
    HONOUR_REVOKED = "honour_revoked"
    HONOUR_CHANGED = "honour_changed"
    HONOUR_DOUBT_UPHELD = "honour_doubt_upheld"
    HONOUR_DOUBT_DISMISSED = "honour_doubt_dismissed"
    HONOUR_DOUBT_LAPSED = "honour_doubt_lapsed"
    JOB_DONE = "job_done"
    JOB_FAILED = "job_failed"
    ATTENDANCE_SETTLED = "attendance_settled"
    NO_SHOW_NOTED = "no_show_noted"
    NO_SHOW_UNDONE = "no_show_undone"
    NO_SHOW_DISPUTED = "no_show_disputed"
    NO_SHOW_UPHELD = "no_show_upheld"
    NO_SHOW_OVERTURNED = "no_show_overturned"
    ABSENCE_EXCUSED = "absence_excused"
    GRANT_GIVEN = "grant_given"
    GRANT_TAKEN = "grant_taken"
    SLIP_ISSUED = "slip_issued"
    SLIP_BY_MAIL = "slip_by_mail"
    PASSWORD_CHANGED = "password_changed"
    PHONE_CHANGED = "phone_changed"
    EMAIL_CHANGED = "email_changed"
    ACCOUNT_CLAIMED = "account_claimed"
    GUARDIAN_RECORDED = "guardian_recorded"
    GUARDIAN_WITHDRAWN = "guardian_withdrawn"
    CHECK_IN_UNDONE = "check_in_undone"
    CHECK_OUT_UNDONE = "check_out_undone"
    SKILL_VERIFIED = "skill_verified"
    PIN_RESET = "pin_reset"
    SECOND_STEP_SET_UP = "second_step_set_up"
    SECOND_STEP_REMOVED = "second_step_removed"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"


class Notice(Base):
    """One thing somebody is told; written down in their language only when it is shown."""

    __tablename__ = "notice"
    __table_args__ = (Index(None, "account_id", "read_at"), Index(None, "account_id", "id"))

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[NoticeKind]
    values: Mapped[dict[str, str | int]] = mapped_column(JSON, default=dict)
    path: Mapped[str] = mapped_column(String(120), default="")  # where to go, e.g. /shifts/7
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    key: Mapped[str | None] = mapped_column(String(60), unique=True)  # the same thing is told once

    account: Mapped[Account] = relationship(lazy="raise_on_sql")


class Topic(StrEnum):
    """What people choose channels for; messages.rules says which kind of notice belongs to which."""

    REMINDERS = "reminders"
    CHANGES = "changes"
    OFFERS = "offers"
    CLAIMS = "claims"
    RECORDS = "records"
    ACCOUNT = "account"


class Channel(StrEnum):
    """The ways out of the house; the inbox is no channel, since everything stands there anyway."""

    MAIL = "mail"
    PUSH = "push"
    SMS = "sms"
    ROBOT = "robot"


class Preference(Base):
    """What somebody chose otherwise than the defaults: for a topic the names of its channels."""

    __tablename__ = "message_preference"
    __table_args__ = (
        CheckConstraint("(sms_agreed_at IS NULL) = (sms_text_version = '')", name="consent_to_sms_names_its_text"),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), unique=True)
    choices: Mapped[dict[str, list[str]]] = mapped_column(JSON, default=dict)
    quiet: Mapped[bool] = mapped_column(default=True)  # nothing loud in quiet hours
    quiet_mail: Mapped[bool] = mapped_column(default=False)  # no mail either
    sms_agreed_at: Mapped[datetime | None]  # the phone number may be handed to the SMS operator since then
    sms_text_version: Mapped[str] = mapped_column(String(20), default="")


class PushSubscription(Base):
    """A browser that shows notifications, as long as the person stays signed in there."""

    __tablename__ = "push_subscription"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id", ondelete="CASCADE"), index=True)
    endpoint_hash: Mapped[str] = mapped_column(String(64), unique=True)
    sealed: Mapped[str] = mapped_column(Text)  # endpoint and keys: whoever knows them can send to this browser
    device: Mapped[str] = mapped_column(String(120), default="")
    created_at: Mapped[datetime]


class RobotKind(StrEnum):
    WECOM = "wecom"
    DINGTALK = "dingtalk"


class Robot(Base):
    """A robot in the group chat of an organization, which says what concerns its shifts and names nobody."""

    __tablename__ = "robot"

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    kind: Mapped[RobotKind]
    name: Mapped[str] = mapped_column(String(40))
    lang: Mapped[str] = mapped_column(String(10), default="zh_Hans")
    sealed: Mapped[str] = mapped_column(Text)  # the webhook and its secret
    created_at: Mapped[datetime]
    created_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    removed_at: Mapped[datetime | None]

    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")


class BulletinKind(StrEnum):
    """What a group chat is told; messages.words holds the sentence of each."""

    SHIFT_CHANGED = "shift_changed"
    SHIFT_CANCELLED = "shift_cancelled"
    SHIFT_SHORT = "shift_short"
    TODAY = "today"
    TRIAL = "trial"


class Bulletin(Base):
    """One thing the group chats of an organization are told; nothing in it is about a person."""

    __tablename__ = "bulletin"

    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"), index=True)
    kind: Mapped[BulletinKind]
    values: Mapped[dict[str, str | int]] = mapped_column(JSON, default=dict)
    path: Mapped[str] = mapped_column(String(120), default="")
    at: Mapped[datetime]
    key: Mapped[str | None] = mapped_column(String(60), unique=True)  # the same thing is told once


class DeliveryState(StrEnum):
    DUE = "due"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"  # too late to be of use, or no longer true


class Delivery(Base):
    """The outbox: one notice or bulletin on its way through one channel, sent after the commit, each once.

    `target` is a mail address, a phone number in E.164, or the id of a subscription or a robot.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        Index(None, "state", "due_at"),
        Index(None, "channel", "target"),
        UniqueConstraint("notice_id", "channel", "target"),
        UniqueConstraint("bulletin_id", "target"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_ones_say_when"),
        CheckConstraint("(notice_id IS NULL) <> (bulletin_id IS NULL)", name="carries_one_thing"),
        CheckConstraint("(channel = 'robot') = (notice_id IS NULL)", name="robots_carry_bulletins"),
    )

    notice_id: Mapped[int | None] = mapped_column(ForeignKey("notice.id"))
    bulletin_id: Mapped[int | None] = mapped_column(ForeignKey("bulletin.id"))
    channel: Mapped[Channel]
    target: Mapped[str] = mapped_column(String(120))
    state: Mapped[DeliveryState] = mapped_column(default=DeliveryState.DUE)
    due_at: Mapped[datetime]
    quiet: Mapped[bool] = mapped_column(default=False)  # waits for the end of quiet hours
    useful_until: Mapped[datetime | None]  # afterwards it would only confuse
    taken_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(200), default="")
    sent_at: Mapped[datetime | None]

    notice: Mapped[Notice | None] = relationship(lazy="raise_on_sql")
    bulletin: Mapped[Bulletin | None] = relationship(lazy="raise_on_sql")
