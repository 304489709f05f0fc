"""Time served outside a shift, as somebody states it afterwards, until the organization vouches for it or declines."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.identity.models import Volunteer
from blueprints.organizations.models import Organization
from blueprints.posts.models import Category
from blueprints.records.models import ServiceRecord
from core.db import Base
from core.pictures import Picture


class SupplementState(StrEnum):
    PROPOSED = "proposed"  # a clerk stated it for somebody, who has to agree
    REQUESTED = "requested"  # the organization has to look at it
    ASKED = "asked"  # the organization wants to know more
    VOUCHED = "vouched"  # the organization stands behind it; the rest is the entry's
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


S = SupplementState
NEXT_STATES: dict[SupplementState, tuple[SupplementState, ...]] = {
    S.PROPOSED: (S.REQUESTED, S.WITHDRAWN),
    S.REQUESTED: (S.ASKED, S.VOUCHED, S.DECLINED, S.WITHDRAWN),
    S.ASKED: (S.REQUESTED, S.DECLINED, S.WITHDRAWN),
    S.VOUCHED: (),
    S.DECLINED: (),
    S.WITHDRAWN: (),
}
OPEN = (S.PROPOSED, S.REQUESTED, S.ASKED)


class Supplement(Base):
    """What, where, when and why outside a shift. Whoever states it never decides; its pictures stand apart.

    `voucher_name` is who was there and can say so; `reason` is why it was declined or withdrawn.
    """

    __tablename__ = "supplement"
    __table_args__ = (
        CheckConstraint("ended_at > started_at", name="ends_after_it_starts"),
        CheckConstraint("minutes > 0", name="has_minutes"),
        CheckConstraint("(state = 'vouched') = (record_id IS NOT NULL)", name="vouched_ones_have_an_entry"),
        CheckConstraint(
            "(state IN ('vouched', 'declined', 'withdrawn')) = (decided_at IS NOT NULL)", name="ended_ones_say_when"
        ),
        CheckConstraint("(decided_at IS NULL) = (decided_by_id IS NULL)", name="ended_ones_say_by_whom"),
        CheckConstraint("state <> 'vouched' OR decided_by_id <> stated_by_id", name="nobody_vouches_for_their_own"),
        CheckConstraint("state <> 'declined' OR reason <> ''", name="declined_ones_say_why"),
        Index(None, "volunteer_id", "id"),
        Index(None, "organization_id", "state"),
    )

    volunteer_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"))
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    title: Mapped[str] = mapped_column(String(40))
    category: Mapped[Category]
    content: Mapped[str] = mapped_column(String(400))
    place: Mapped[str] = mapped_column(String(120))
    voucher_name: Mapped[str] = mapped_column(String(40))
    why: Mapped[str] = mapped_column(String(200))  # why it was no shift
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    minutes: Mapped[int]
    state: Mapped[SupplementState] = mapped_column(default=SupplementState.REQUESTED)
    stated_at: Mapped[datetime]
    stated_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    question: Mapped[str] = mapped_column(String(200), default="")
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    answer: Mapped[str] = mapped_column(String(400), default="")
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    reason: Mapped[str] = mapped_column(String(200), default="")
    record_id: Mapped[int | None] = mapped_column(ForeignKey("service_record.id"), unique=True)

    volunteer: Mapped[Volunteer] = relationship(lazy="raise_on_sql")
    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")
    record: Mapped[ServiceRecord | None] = relationship(lazy="raise_on_sql")


class SupplementPicture(Picture, Base):
    """A picture that proves it. Its content can be erased; that it was there stays."""

    __tablename__ = "supplement_picture"

    supplement_id: Mapped[int] = mapped_column(ForeignKey("supplement.id"), index=True)
