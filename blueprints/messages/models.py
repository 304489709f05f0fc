"""What people are told: an inbox row for everyone, and a delivery for each other channel."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.identity.models import Account
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
    SHIFT_SOON = "shift_soon"
    REGISTRATION_RECEIVED = "registration_received"
    REGISTRATION_APPROVED = "registration_approved"
    REGISTRATION_RETURNED = "registration_returned"
    REGISTRATION_REJECTED = "registration_rejected"
    RECORD_HANDED_IN = "record_handed_in"
    RECORD_EFFECTIVE = "record_effective"
    RECORD_RETURNED = "record_returned"
    RECORD_AWAITS_APPROVAL = "record_awaits_approval"
    CORRECTION_PROPOSED = "correction_proposed"
    RECORD_CORRECTED = "record_corrected"
    CORRECTION_DECLINED = "correction_declined"
    ATTENDANCE_SETTLED = "attendance_settled"
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


class DeliveryState(StrEnum):
    DUE = "due"
    SENT = "sent"
    FAILED = "failed"


class Delivery(Base):
    """The outbox: one notice on its way to one address, sent after the commit, each once."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index(None, "state", "due_at"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_ones_say_when"),
    )

    notice_id: Mapped[int] = mapped_column(ForeignKey("notice.id"), unique=True)
    address: Mapped[str] = mapped_column(String(120))
    state: Mapped[DeliveryState] = mapped_column(default=DeliveryState.DUE)
    due_at: Mapped[datetime]
    taken_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(200), default="")
    sent_at: Mapped[datetime | None]

    notice: Mapped[Notice] = relationship(lazy="raise_on_sql")
