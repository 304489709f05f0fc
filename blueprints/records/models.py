"""The record of service: entries of minutes, each with its evidence, its recorders and its confirmer."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprints.claims.models import Claim, EvidenceClass
from blueprints.identity.models import Account, Volunteer
from blueprints.organizations.models import Organization
from blueprints.posts.models import Category
from core.db import Base


class RecordState(StrEnum):
    PENDING = "pending"  # handed in, waits for a second person
    APPROVAL = "approval"  # confirmed, waits for the level above
    NOTICE = "notice"  # decided, and open to objections: nobody saw these minutes
    EFFECTIVE = "effective"  # counts
    RETURNED = "returned"  # sent back with a reason; a new entry follows


NEXT_STATES: dict[RecordState, tuple[RecordState, ...]] = {
    RecordState.PENDING: (RecordState.APPROVAL, RecordState.NOTICE, RecordState.EFFECTIVE, RecordState.RETURNED),
    RecordState.APPROVAL: (RecordState.NOTICE, RecordState.EFFECTIVE, RecordState.RETURNED),
    RecordState.NOTICE: (RecordState.EFFECTIVE, RecordState.RETURNED),
    RecordState.EFFECTIVE: (),
    RecordState.RETURNED: (),
}
WAITS = (RecordState.PENDING, RecordState.APPROVAL)  # somebody still has to decide
NOT_YET = (*WAITS, RecordState.NOTICE)  # stands, and does not count yet
ON_NOTICE = (EvidenceClass.C, EvidenceClass.D)  # what nobody saw counts only after a public notice
STANDING = text("state <> 'returned'")


class RecordSource(StrEnum):
    """Where an entry comes from."""

    SHIFT = "shift"  # an attendance that was handed in
    SUPPLEMENT = "supplement"  # time outside a shift, asked for afterwards
    IMPORT = "import"  # another platform


class Mark(StrEnum):
    """Why an entry is looked at on its own before it is confirmed."""

    BELOW_PRESENCE = "below_presence"
    AFTERWARDS = "afterwards"
    LONG_DAY = "long_day"
    LONGER_DAY = "longer_day"
    FLAGGED = "flagged"
    HEAD_COUNT = "head_count"


class Deed(StrEnum):
    """What was done with the entry."""

    HANDED_IN = "handed_in"
    CONFIRMED = "confirmed"
    APPROVED = "approved"
    SENT_BACK = "sent_back"


class Part(StrEnum):
    """What becomes of a minute: each stands in one of these sums."""

    COUNTING = "counting"
    WAITING = "waiting"  # handed in; somebody still has to decide
    RETURNED = "returned"
    UNCLAIMED = "unclaimed"  # confirmed, but nobody took over the account yet


class ServiceRecord(Base):
    """One person's minutes of one service, with what 办法 art. 7 wants recorded, as it stood when handed in.

    Most belong to a claim on a shift; a supplement and an import belong to none. `minutes` are whole, within the
    planned time and without the break. An effective row never changes:
    a trigger in the database refuses, on both databases.
    """

    __tablename__ = "service_record"
    __table_args__ = (
        CheckConstraint("minutes >= 0 AND minutes <= planned_minutes", name="minutes_lie_within_the_plan"),
        CheckConstraint("ended_at >= started_at", name="ends_after_it_starts"),
        CheckConstraint("levels_up BETWEEN 0 AND 2", name="levels_are_known"),
        CheckConstraint(
            "state NOT IN ('approval', 'notice', 'effective') OR confirmed_by_id IS NOT NULL",
            name="counts_only_when_confirmed",
        ),
        CheckConstraint(
            "state NOT IN ('notice', 'effective') OR (levels_up = 0 AND source <> 'supplement')"
            " OR approved_by_id IS NOT NULL",
            name="long_days_are_approved",
        ),
        CheckConstraint(
            "state <> 'notice' OR (noticed_at IS NOT NULL AND notice_ends_at > noticed_at)", name="notices_have_an_end"
        ),
        CheckConstraint("notice_days IS NULL OR notice_days >= 3", name="notices_last_three_working_days"),
        CheckConstraint("(source = 'shift') = (claim_id IS NOT NULL)", name="only_shifts_have_a_claim"),
        CheckConstraint(
            "(source <> 'supplement' OR evidence = 'C') AND (source = 'import') = (evidence = 'D')",
            name="evidence_follows_the_source",
        ),
        CheckConstraint("confirmed_by_id IS NULL OR confirmed_by_id <> handed_in_by_id", name="two_people_confirm"),
        CheckConstraint("approved_by_id IS NULL OR approved_by_id <> confirmed_by_id", name="another_one_approves"),
        CheckConstraint("state <> 'returned' OR reason <> ''", name="returned_ones_give_a_reason"),
        Index(
            "uq_service_record_standing",
            "claim_id",
            unique=True,
            sqlite_where=STANDING,
            postgresql_where=STANDING,
        ),
        Index(None, "volunteer_id", "served_on"),
        Index(None, "organization_id", "state"),
        Index(None, "handed_in_by_id", "handed_in_at"),  # one person's entries, held against each other
    )

    volunteer_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"))
    claim_id: Mapped[int | None] = mapped_column(ForeignKey("claim.id"))
    source: Mapped[RecordSource] = mapped_column(default=RecordSource.SHIFT, server_default=RecordSource.SHIFT)
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    title: Mapped[str] = mapped_column(String(40))
    category: Mapped[Category]
    content: Mapped[str] = mapped_column(String(400))
    place: Mapped[str] = mapped_column(String(120))
    responsible_name: Mapped[str] = mapped_column(String(40))
    served_on: Mapped[date]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    planned_minutes: Mapped[int]
    minutes: Mapped[int]
    evidence: Mapped[EvidenceClass]
    below_presence: Mapped[bool] = mapped_column(default=False)  # below the minimum presence: confirmed one by one
    levels_up: Mapped[int] = mapped_column(default=0)  # 1: a day over 8 h or no shift behind it, 2: over 12 h
    state: Mapped[RecordState] = mapped_column(default=RecordState.PENDING)
    handed_in_at: Mapped[datetime]
    handed_in_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    due_on: Mapped[date]
    confirmed_at: Mapped[datetime | None]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    approved_at: Mapped[datetime | None]
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    noticed_at: Mapped[datetime | None]
    notice_ends_at: Mapped[datetime | None] = mapped_column(index=True)
    notice_days: Mapped[int | None]  # working days it was promised; None for those from before this was kept
    effective_at: Mapped[datetime | None]  # None: not yet, or before this was written down
    returned_at: Mapped[datetime | None]
    returned_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    reason: Mapped[str] = mapped_column(String(200), default="")  # why returned, or why confirmed in spite of a mark

    volunteer: Mapped[Volunteer] = relationship(lazy="raise_on_sql")
    claim: Mapped[Claim | None] = relationship(lazy="raise_on_sql")
    organization: Mapped[Organization] = relationship(lazy="raise_on_sql")
    handed_in_by: Mapped[Account] = relationship(foreign_keys=handed_in_by_id, lazy="raise_on_sql")
    confirmed_by: Mapped[Account | None] = relationship(foreign_keys=confirmed_by_id, lazy="raise_on_sql")
    approved_by: Mapped[Account | None] = relationship(foreign_keys=approved_by_id, lazy="raise_on_sql")
    returned_by: Mapped[Account | None] = relationship(foreign_keys=returned_by_id, lazy="raise_on_sql")


class HeadCount(Base):
    """How many people whoever hands in counted on the spot, beside what the system said at that moment. The latest
    one of a shift holds; one that differs marks its entries."""

    __tablename__ = "head_count"
    __table_args__ = (
        CheckConstraint("counted BETWEEN 0 AND 9999 AND in_system >= 0", name="counts_people"),
        Index(None, "shift_id", "id"),
    )

    shift_id: Mapped[int] = mapped_column(ForeignKey("shift.id"))
    counted: Mapped[int]
    in_system: Mapped[int]
    at: Mapped[datetime]
    by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))

    @property
    def differs(self) -> bool:
        return self.counted != self.in_system


class Recorder(Base):
    """Everyone who touched the attendance behind an entry or handed it in: none of them may confirm it."""

    __tablename__ = "recorder"
    __table_args__ = (UniqueConstraint("record_id", "account_id"),)

    record_id: Mapped[int] = mapped_column(ForeignKey("service_record.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))


# --- the ledger ---------------------------------------------------------------------------------------------


class EntryKind(StrEnum):
    """What a row of the ledger does."""

    CREDIT = "credit"
    REVERSAL = "reversal"  # takes a whole credit back


class LedgerEntry(Base):
    """Signed minutes that count. Append-only: guards refuse every change, so a total is the sum of what ever happened.

    `text_hash` binds what stands elsewhere: the document of a first credit, the words of a correction. Nothing here
    is personal text, so that a person can be erased and the chain of hashes still verifies.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        CheckConstraint("(kind = 'reversal') = (reverses_id IS NOT NULL)", name="reversals_name_what_they_reverse"),
        CheckConstraint(
            "(kind = 'credit' AND minutes >= 0) OR (kind = 'reversal' AND minutes <= 0)", name="signs_follow_the_kind"
        ),
        CheckConstraint("kind = 'credit' OR correction_id IS NOT NULL", name="reversals_come_from_a_correction"),
        CheckConstraint("author_id <> approver_id", name="two_people_stand_behind_it"),
        UniqueConstraint("reverses_id"),
        UniqueConstraint("correction_id", "kind"),
        Index(
            "uq_ledger_entry_first",
            "record_id",
            unique=True,
            sqlite_where=text("correction_id IS NULL"),
            postgresql_where=text("correction_id IS NULL"),
        ),
        Index(None, "volunteer_id", "served_on"),
        Index(None, "organization_id", "served_on"),  # what a spot check draws from
        Index(None, "record_id"),
    )

    volunteer_id: Mapped[int] = mapped_column(ForeignKey("volunteer.id"))
    record_id: Mapped[int] = mapped_column(ForeignKey("service_record.id"))
    organization_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    kind: Mapped[EntryKind]
    minutes: Mapped[int]
    evidence: Mapped[EvidenceClass]
    category: Mapped[Category]
    served_on: Mapped[date]
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_entry.id"))
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("correction.id"))
    at: Mapped[datetime]
    author_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    approver_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    text_hash: Mapped[str | None] = mapped_column(String(64))


class CorrectionState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    DECLINED = "declined"


NEXT_CORRECTION_STATES: dict[CorrectionState, tuple[CorrectionState, ...]] = {
    CorrectionState.PROPOSED: (CorrectionState.APPROVED, CorrectionState.DECLINED),
    CorrectionState.APPROVED: (),
    CorrectionState.DECLINED: (),
}
PROPOSED = text("state = 'proposed'")


class Correction(Base):
    """A proposal to change what an effective entry is worth: by one person, decided by another (办法 art. 13).

    `minutes` is what the entry shall be worth from then on; 0 voids it. Its words stand in CorrectionText, which can be
    erased; `text_hash` is their salted hash.
    """

    __tablename__ = "correction"
    __table_args__ = (
        CheckConstraint("minutes >= 0", name="minutes_are_not_negative"),
        CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="decided_ones_say_when"),
        CheckConstraint("(decided_at IS NULL) = (approver_id IS NULL)", name="decided_ones_say_by_whom"),
        CheckConstraint("state <> 'approved' OR approver_id <> author_id", name="another_person_approves"),
        Index("uq_correction_proposed", "record_id", unique=True, sqlite_where=PROPOSED, postgresql_where=PROPOSED),
        Index(None, "record_id", "id"),
    )

    record_id: Mapped[int] = mapped_column(ForeignKey("service_record.id"))
    minutes: Mapped[int]
    state: Mapped[CorrectionState] = mapped_column(default=CorrectionState.PROPOSED)
    author_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    proposed_at: Mapped[datetime]
    approver_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None]
    text_hash: Mapped[str] = mapped_column(String(64))

    record: Mapped[ServiceRecord] = relationship(lazy="raise_on_sql")


class CorrectionText(Base):
    """The words of a correction, with the salt of their hash. They may be erased; the hash then proves nothing more."""

    __tablename__ = "correction_text"

    correction_id: Mapped[int] = mapped_column(ForeignKey("correction.id"), unique=True)
    salt: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(200))
    answer: Mapped[str] = mapped_column(String(200), default="")  # why it was declined


# --- the seals ----------------------------------------------------------------------------------------------


class Sealed(StrEnum):
    """What kinds of rows are sealed."""

    LEDGER = "ledger"
    AUDIT = "audit"


class Seal(Base):
    """One committed row in the chain of its organization: `hash` covers the row and the hash before it.

    `chain` is the id of the organization, 0 for what concerns none.
    """

    __tablename__ = "seal"
    __table_args__ = (UniqueConstraint("chain", "position"), UniqueConstraint("kind", "row_id"))

    chain: Mapped[int]
    position: Mapped[int]
    kind: Mapped[Sealed]
    row_id: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime]


class Root(Base):
    """One hash over all chains as they stood when the day was over, and over the root before it.

    `mark` is the same under the key of the installation: who can write the database alone cannot make one.
    """

    __tablename__ = "root"

    day: Mapped[date] = mapped_column(unique=True)
    made_at: Mapped[datetime]
    last_seal_id: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))
    mark: Mapped[str] = mapped_column(String(64))


class RootHead(Base):
    """The head of one chain that grew since the root before."""

    __tablename__ = "root_head"
    __table_args__ = (UniqueConstraint("root_id", "chain"),)

    root_id: Mapped[int] = mapped_column(ForeignKey("root.id"))
    chain: Mapped[int]
    position: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


# --- what was refused ---------------------------------------------------------------------------------------


class Tried(StrEnum):
    """What somebody wanted to do when a rule, their role or the database said no."""

    CONFIRM = "confirm"
    APPROVE = "approve"
    SEND_BACK = "send_back"
    HAND_IN = "hand_in"
    RECORD = "record"  # mark or state somebody's times
    PROPOSE = "propose"  # a correction
    CORRECT = "correct"  # decide on a correction
    SUPPLEMENT = "supplement"  # let time outside a shift count
    SETTLE = "settle"  # decide on a dispute
    IMPORT = "import"
    TAKE_OVER = "take_over"  # get at somebody's account
    RESHAPE = "reshape"  # change a shift that was served
    MAKE_UP = "make_up"  # offer a shift that is over
    REGISTER = "register"  # somebody who may not be
    ADMIT = "admit"  # approve a registration
    GIVE_ROLE = "give_role"
    DISMISS = "dismiss"  # decide on a risk flag
    HONOUR = "honour"  # give somebody an honour, or decide what is said against it
    MERGE = "merge"  # let one registration go on as another


class Bar(StrEnum):
    """Why it was refused."""

    RECORDER = "recorder"
    OWNER = "owner"
    TWICE = "twice"
    PROPOSER = "proposer"
    TOO_LOW = "too_low"
    HANDED_IN = "handed_in"
    NO_ROLE = "no_role"
    OUT_OF_REACH = "out_of_reach"
    OWN_ACCOUNT = "own_account"
    STAFF = "staff"
    INVOLVED = "involved"
    OVER = "over"
    PAST = "past"
    TOO_YOUNG = "too_young"
    GUARD = "guard"


ENTRY, ATTENDANCE = "service_record", "claim"  # the tables that most attempts are about


class RefusedAttempt(Base):
    """Somebody tried what would have made minutes count, or changed them, and may not. Append-only, and ids only.

    `subject` and `subject_id` name the row it was about: an entry, an attendance, a shift, an account.
    """

    __tablename__ = "refused_attempt"
    __table_args__ = (
        Index(None, "subject", "subject_id"),
        Index(None, "about_id", "id"),
        Index(None, "actor_id", "at"),
        Index(None, "organization_id", "at"),
    )

    at: Mapped[datetime]
    actor_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    tried: Mapped[Tried]
    bar: Mapped[Bar]
    subject: Mapped[str] = mapped_column(String(30))
    subject_id: Mapped[int]
    about_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # whose minutes or account it was
    organization_id: Mapped[int | None] = mapped_column(ForeignKey("organization.id"))
