"""What a tablet saw without a network and sent later, and pictures that prove what was entered from paper."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.claims.models import Act, Claim
from blueprints.posts.models import Shift
from core.db import Base
from core.pictures import Picture


class OfflineState(StrEnum):
    """What became of something that was marked without a network."""

    ENTERED = "entered"  # it became an observation, or took one back
    KNOWN = "known"  # somebody else had marked the same at about the same time
    OPEN = "open"  # it could not be entered, so a person looks at it
    SETTLED = "settled"  # a person stated the times with a note
    DISMISSED = "dismissed"  # a person decided that it counts for nothing, and said why


DECIDED = (OfflineState.SETTLED, OfflineState.DISMISSED)


class OfflineAct(Base):
    """One act marked on a tablet without a network. Both clocks are kept; `key` was made on the tablet, so that what
    is sent twice is entered once. What is kept here is decided on, and never deleted."""

    __tablename__ = "offline_act"
    __table_args__ = (
        CheckConstraint("state <> 'open' OR why <> ''", name="open_ones_say_why"),
        CheckConstraint("(state IN ('settled', 'dismissed')) = (decided_at IS NOT NULL)", name="decided_ones_say_when"),
        CheckConstraint("state <> 'dismissed' OR reason <> ''", name="dismissed_ones_give_a_reason"),
        CheckConstraint("punch_id IS NULL OR claim_id IS NOT NULL", name="entered_ones_name_the_claim"),
        Index("ix_offline_act_state_claim", "state", "claim_id"),
    )

    key: Mapped[str] = mapped_column(String(64), unique=True)
    sent: Mapped[str] = mapped_column(String(600))  # as it arrived, for what could not be read
    claim_id: Mapped[int | None] = mapped_column(ForeignKey("claim.id"), index=True)
    act: Mapped[Act | None]
    tablet_at: Mapped[datetime | None]  # the act by the tablet's clock
    tablet_sent_at: Mapped[datetime]  # the sending by the tablet's clock
    received_at: Mapped[datetime]  # the same moment by the server's
    at: Mapped[datetime | None]  # the act by the server's clock, as the two clocks tell
    observed_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # proven by the roster's pass
    sent_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    punch_id: Mapped[int | None] = mapped_column(ForeignKey("punch.id"), unique=True)
    state: Mapped[OfflineState]
    why: Mapped[str] = mapped_column(String(300), default="")  # why it could not be entered as it is
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    reason: Mapped[str] = mapped_column(String(200), default="")

    claim: Mapped[Claim | None] = relationship(lazy="raise_on_sql")


class Evidence(Picture, Base):
    """A picture that proves something entered afterwards. Its content can be erased; that it was there stays."""

    __tablename__ = "evidence"

    shift_id: Mapped[int] = mapped_column(ForeignKey("shift.id"), index=True)

    shift: Mapped[Shift] = relationship(lazy="raise_on_sql")
