"""A claim is one volunteer's hold on one shift: a numbered place, or a wait for one. Attendance hangs on it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    and_,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.identity.models import Account, Volunteer
from blueprints.posts.models import Shift
from core.db import Base


class ClaimState(StrEnum):
    HELD = "held"  # a numbered place
    OFFERED = "offered"  # a numbered place, kept until offered_until
    WAITING = "waiting"  # in line
    REQUESTED = "requested"  # no place yet: the organizer decides
    CANCELLED = "cancelled"  # given up in time, or unmarked
    LATE = "late"  # given up after the deadline
    LAPSED = "lapsed"  # the offer was not taken up
    CALLED_OFF = "called_off"  # the shift was cancelled, or the rules changed
    DECLINED = "declined"  # the organizer said no, with a reason
    PASSED_ON = "passed_on"  # somebody else took over the place
    UNANSWERED = "unanswered"  # nobody had answered the request when the shift began


LIVE_STATES = (ClaimState.HELD, ClaimState.OFFERED, ClaimState.WAITING, ClaimState.REQUESTED)
ENDED = (
    ClaimState.CANCELLED,
    ClaimState.LATE,
    ClaimState.LAPSED,
    ClaimState.CALLED_OFF,
    ClaimState.DECLINED,
    ClaimState.UNANSWERED,
    ClaimState.PASSED_ON,
)
NEXT_STATES: dict[ClaimState, tuple[ClaimState, ...]] = {
    ClaimState.REQUESTED: (
        ClaimState.HELD,
        ClaimState.WAITING,
        ClaimState.DECLINED,
        ClaimState.UNANSWERED,
        ClaimState.CANCELLED,
        ClaimState.CALLED_OFF,
    ),
    ClaimState.WAITING: (ClaimState.HELD, ClaimState.OFFERED, ClaimState.CANCELLED, ClaimState.CALLED_OFF),
    ClaimState.OFFERED: (ClaimState.HELD, ClaimState.LAPSED, ClaimState.CANCELLED, ClaimState.CALLED_OFF),
    ClaimState.HELD: (ClaimState.CANCELLED, ClaimState.LATE, ClaimState.CALLED_OFF, ClaimState.PASSED_ON),
    **dict.fromkeys(ENDED, ()),
}
LIVE = text("state IN ('held', 'offered', 'waiting', 'requested')")
# In the words of a query and not as values: nothing has to be written anew for each execution.
LIVE_WORDS: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in LIVE_STATES]
IN_LINE: list[ColumnElement[str]] = [literal_column(f"'{ClaimState.WAITING}'")]
TO_HAND_IN = text("state = 'held' AND handed_in_at IS NULL")


class Source(StrEnum):
    """How the claim came about."""

    OWN = "own"
    DESK = "desk"  # a clerk claimed for somebody who called or came by
    WALK_IN = "walk_in"
    STAND_IN = "stand_in"  # took over somebody's place
    SWAP = "swap"  # exchanged places with somebody
    MOVED = "moved"  # from a shift that was merged into this one
    GROUP = "group"  # named by somebody of the same branch, family or team, and asked to agree


class Claim(Base):
    """`place` and `places` follow the shift: no path can give out a place the shift does not have."""

    __tablename__ = "claim"
    __table_args__ = (
        UniqueConstraint("shift_id", "place"),  # so no shift is ever oversold
        ForeignKeyConstraint(
            ["shift_id", "places"],
            ["shift.id", "shift.places"],
            onupdate="CASCADE",
            name="fk_claim_shift_places",
        ),
        CheckConstraint("place IS NULL OR place BETWEEN 1 AND places", name="holds_a_place_that_exists"),
        CheckConstraint("(place IS NOT NULL) = (state IN ('held', 'offered'))", name="holds_a_place_while_live"),
        CheckConstraint("(state = 'offered') = (offered_until IS NOT NULL)", name="offers_have_an_end"),
        CheckConstraint("state NOT IN ('late', 'declined') OR reason <> ''", name="late_ones_give_a_reason"),
        Index("uq_claim_live", "shift_id", "volunteer_id", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
        Index("ix_claim_line", "shift_id", "state", "id"),
        # Few beside all that were ever made: what was handed in is no more to be looked for.
        Index("ix_claim_to_hand_in", "shift_id", sqlite_where=TO_HAND_IN, postgresql_where=TO_HAND_IN),
        Index(None, "volunteer_id", "shift_id"),  # what somebody holds of these shifts, whatever they did in years
    )

    shift_id: Mapped[int] = mapped_column(ForeignKey("shift.id"))
    volunteer_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"))
    state: Mapped[ClaimState]
    place: Mapped[int | None]
    places: Mapped[int]
    source: Mapped[Source] = mapped_column(default=Source.OWN)
    claimed_at: Mapped[datetime]
    offered_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    handed_in_at: Mapped[datetime | None]  # from then on attendance is closed, until the entry is returned
    reason: Mapped[str] = mapped_column(String(200), default="")

    shift: Mapped[Shift] = relationship(foreign_keys=[shift_id], lazy="raise_on_sql", overlaps="claims")
    volunteer: Mapped[Volunteer] = relationship(lazy="raise_on_sql")


# The same as the condition of its index, in the words of a query.
IS_TO_HAND_IN = and_(Claim.state == literal_column(f"'{ClaimState.HELD}'"), Claim.handed_in_at.is_(None))


class HandoverState(StrEnum):
    OPEN = "open"
    AGREED = "agreed"  # somebody agreed, and the organizer of an approval post decides
    DONE = "done"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"  # by the person who was asked
    ENDED = "ended"  # the shift began or changed, or the place is no longer held


class Audience(StrEnum):
    """Who may take over a place."""

    PERSON = "person"  # one person, named
    LINK = "link"  # whoever is given the link
    ANYBODY = "anybody"  # it is shown on the list; a swap is shown to everyone on the wanted shift


RUNNING = (HandoverState.OPEN, HandoverState.AGREED)
STILL_RUNNING = text("state IN ('open', 'agreed')")


class Handover(Base):
    """The holder of a place looks for a stand-in, or for a swap with `wanted_shift_id`; until then they hold it."""

    __tablename__ = "handover"
    __table_args__ = (
        CheckConstraint("(audience = 'person') = (asked_id IS NOT NULL)", name="a_person_is_named"),
        CheckConstraint("(state IN ('open', 'agreed')) = (ended_at IS NULL)", name="ended_ones_say_when"),
        CheckConstraint("(state IN ('agreed', 'done')) = (taken_id IS NOT NULL)", name="taken_ones_say_by_whom"),
        Index(
            "uq_handover_running", "claim_id", unique=True, sqlite_where=STILL_RUNNING, postgresql_where=STILL_RUNNING
        ),
    )

    claim_id: Mapped[int] = mapped_column(ForeignKey("claim.id"), index=True)
    wanted_shift_id: Mapped[int | None] = mapped_column(ForeignKey("shift.id"), index=True)
    audience: Mapped[Audience]
    asked_id: Mapped[int | None] = mapped_column(ForeignKey("volunteer.id"), index=True)
    state: Mapped[HandoverState] = mapped_column(default=HandoverState.OPEN)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    taken_id: Mapped[int | None] = mapped_column(ForeignKey("claim.id"), index=True)  # the claim of who agreed

    claim: Mapped[Claim] = relationship(foreign_keys=[claim_id], lazy="raise_on_sql")
    wanted_shift: Mapped[Shift | None] = relationship(lazy="raise_on_sql")


class Party(Base):
    """Somebody claims several places at once for people they name; nobody is on a shift without agreeing."""

    __tablename__ = "party"

    shift_id: Mapped[int] = mapped_column(ForeignKey("shift.id"), index=True)
    named_by_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"), index=True)
    created_at: Mapped[datetime]

    members: Mapped[list["Member"]] = relationship(lazy="raise_on_sql")


class Member(Base):
    """One person of a party, with the claim that waits for their word; on an approval post they ask themselves."""

    __tablename__ = "party_member"
    __table_args__ = (UniqueConstraint("party_id", "volunteer_id"),)

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"))
    volunteer_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"), index=True)
    claim_id: Mapped[int | None] = mapped_column(ForeignKey("claim.id"), index=True)

    claim: Mapped[Claim | None] = relationship(lazy="raise_on_sql")


class Remedy(StrEnum):
    """What a clerk decides when too few people come."""

    KEEP = "keep"
    CANCEL = "cancel"
    MERGE = "merge"
    BORROW = "borrow"


CLOSING = (Remedy.KEEP, Remedy.CANCEL, Remedy.MERGE)  # help that was asked for decides nothing


class Shortfall(Base):
    """A shift had fewer people than it needs at its cut-off, so its clerks were asked; once for each plan."""

    __tablename__ = "shortfall"
    __table_args__ = (
        UniqueConstraint("shift_id", "for_start"),
        CheckConstraint("held < minimum", name="is_short"),
    )

    shift_id: Mapped[int] = mapped_column(ForeignKey("shift.id"))
    for_start: Mapped[datetime]  # a shift that moves is counted again
    asked_at: Mapped[datetime]
    held: Mapped[int]
    minimum: Mapped[int]

    shift: Mapped[Shift] = relationship(lazy="raise_on_sql")
    answers: Mapped[list["ShortfallAnswer"]] = relationship(lazy="raise_on_sql", order_by="ShortfallAnswer.id")


class ShortfallAnswer(Base):
    """Who decided what, when and why."""

    __tablename__ = "shortfall_answer"
    __table_args__ = (CheckConstraint("reason <> ''", name="says_why"),)

    shortfall_id: Mapped[int] = mapped_column(ForeignKey("shortfall.id"), index=True)
    remedy: Mapped[Remedy]
    reason: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]
    by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    target_shift_id: Mapped[int | None] = mapped_column(ForeignKey("shift.id"))
    organization_id: Mapped[int | None] = mapped_column(ForeignKey("organization.id"))
    told: Mapped[int] = mapped_column(default=0)

    by: Mapped[Account] = relationship(lazy="raise_on_sql")


class Watch(Base):
    """Somebody wants to be told when claiming opens."""

    __tablename__ = "opening_watch"
    __table_args__ = (UniqueConstraint("shift_id", "volunteer_id"),)

    shift_id: Mapped[int] = mapped_column(ForeignKey("shift.id"))
    volunteer_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"), index=True)
    asked_at: Mapped[datetime]
    told_at: Mapped[datetime | None]

    shift: Mapped[Shift] = relationship(lazy="raise_on_sql")
    volunteer: Mapped[Volunteer] = relationship(lazy="raise_on_sql")


class LinkKind(StrEnum):
    """What a secret address opens."""

    SCHEDULE = "schedule"  # a volunteer's own calendar
    STATION = "station"  # the calendar of a station
    WALL = "wall"  # the screen of a station


class SecretLink(Base):
    """An address that opens without signing in. Only its hash is looked for; sealed, it can be shown once more."""

    __tablename__ = "secret_link"
    __table_args__ = (
        CheckConstraint("(volunteer_id IS NOT NULL) = (kind = 'schedule')", name="schedules_are_of_volunteers"),
        CheckConstraint("(organization_id IS NULL) = (kind = 'schedule')", name="others_are_of_organizations"),
        UniqueConstraint("kind", "organization_id"),
    )

    kind: Mapped[LinkKind]
    volunteer_id: Mapped[int | None] = mapped_column(ForeignKey("volunteer.id"), unique=True)
    organization_id: Mapped[int | None] = mapped_column(ForeignKey("organization.id"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    token_sealed: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]
    made_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))


class AbsenceKind(StrEnum):
    """What a person says of somebody who was not seen on a shift they held a place on."""

    NO_SHOW = "no_show"  # a mark, which can be disputed and fades
    EXCUSED = "excused"  # no mark: there was a reason


class AbsenceOutcome(StrEnum):
    """What a second person decided about a mark that was disputed."""

    UPHELD = "upheld"
    OVERTURNED = "overturned"


NOT_UNDONE = text("undone_at IS NULL")


class Absence(Base):
    """That somebody did not come, as a clerk noted it. Never made by itself; the place stays held by the claim."""

    __tablename__ = "absence"
    __table_args__ = (
        CheckConstraint("(kind = 'no_show') = (fades_at IS NOT NULL)", name="marks_fade"),
        CheckConstraint("(disputed_at IS NOT NULL) = (dispute <> '')", name="disputes_have_words"),
        CheckConstraint("disputed_at IS NULL OR kind = 'no_show'", name="only_marks_are_disputed"),
        CheckConstraint(
            "(decided_at IS NULL) = (decided_by_id IS NULL) AND (decided_at IS NULL) = (outcome IS NULL)",
            name="decisions_are_whole",
        ),
        CheckConstraint("decided_at IS NULL OR (disputed_at IS NOT NULL AND decision <> '')", name="disputes_decided"),
        CheckConstraint("decided_by_id IS NULL OR decided_by_id <> marked_by_id", name="another_one_decides"),
        CheckConstraint("(undone_at IS NULL) = (undone_by_id IS NULL)", name="undone_ones_say_by_whom"),
        Index("uq_absence_standing", "claim_id", unique=True, sqlite_where=NOT_UNDONE, postgresql_where=NOT_UNDONE),
    )

    claim_id: Mapped[int] = mapped_column(ForeignKey("claim.id"))
    kind: Mapped[AbsenceKind]
    marked_at: Mapped[datetime]
    marked_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    reason: Mapped[str] = mapped_column(String(200), default="")
    fades_at: Mapped[datetime | None]  # from then on it is shown to nobody and counts nowhere
    disputed_at: Mapped[datetime | None]
    dispute: Mapped[str] = mapped_column(String(400), default="")
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    outcome: Mapped[AbsenceOutcome | None]
    decision: Mapped[str] = mapped_column(String(200), default="")
    undone_at: Mapped[datetime | None]
    undone_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))

    claim: Mapped[Claim] = relationship(lazy="raise_on_sql")

    @property
    def waits(self) -> bool:
        """Whether somebody still has to decide about a dispute."""
        return self.disputed_at is not None and self.decided_at is None and self.undone_at is None


class Act(StrEnum):
    """What was observed, or that an observation was a slip of the finger."""

    IN = "in"
    OUT = "out"
    UNDO = "undo"


class EvidenceClass(StrEnum):
    """How well a minute is proven; kept apart in every total."""

    A = "A"  # the person's own act, timed by the system
    B = "B"  # stated by the leader or a clerk at the time
    C = "C"  # entered after the shift was closed
    D = "D"  # imported


class Punch(Base):
    """One observation of attendance. Append-only: a wrong one is undone by another row, never changed."""

    __tablename__ = "punch"
    __table_args__ = (
        CheckConstraint("(act = 'undo') = (undoes_id IS NOT NULL)", name="undo_names_what_it_undoes"),
        CheckConstraint("at <= recorded_at", name="nothing_is_recorded_before_it_happens"),
        UniqueConstraint("undoes_id"),
        Index(None, "claim_id", "id"),
    )

    claim_id: Mapped[int] = mapped_column(ForeignKey("claim.id"))
    act: Mapped[Act]
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    evidence: Mapped[EvidenceClass]
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("punch.id"))

    claim: Mapped[Claim] = relationship(lazy="raise_on_sql")
    remark: Mapped["PunchNote | None"] = relationship(lazy="select")

    @property
    def note(self) -> str:
        """How a person knew a time that was stated; empty for what was observed, or once it was erased."""
        return self.remark.text if self.remark else ""

    @note.setter
    def note(self, text: str) -> None:
        self.remark = PunchNote(text=text)


class PunchNote(Base):
    """What somebody wrote beside an observation. It may speak of a person, so unlike that it can be erased."""

    __tablename__ = "punch_note"

    punch_id: Mapped[int] = mapped_column(ForeignKey("punch.id"), unique=True)
    text: Mapped[str] = mapped_column(String(200))
