"""What the states of an entry and its marks are called."""

from enum import StrEnum
from typing import Any

from blueprints.records.models import (
    Bar,
    CorrectionState,
    Deed,
    EntryKind,
    Mark,
    Part,
    RecordSource,
    RecordState,
    Sealed,
    Tried,
)
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    RecordState.PENDING: lazy("To be confirmed"),
    RecordState.APPROVAL: lazy("To be approved"),
    RecordState.NOTICE: lazy("On public notice"),
    RecordState.EFFECTIVE: lazy("Effective"),
    RecordState.RETURNED: lazy("Returned"),
    RecordSource.SHIFT: lazy("From a shift"),
    RecordSource.SUPPLEMENT: lazy("Supplement: time outside a shift"),
    RecordSource.IMPORT: lazy("From another platform"),
    Deed.HANDED_IN: lazy("Handed in"),
    Deed.CONFIRMED: lazy("Confirmed"),
    Deed.APPROVED: lazy("Approved above"),
    Deed.SENT_BACK: lazy("Returned"),
    Mark.BELOW_PRESENCE: lazy("There for less than the minimum"),
    Mark.AFTERWARDS: lazy("Entered afterwards"),
    Mark.LONG_DAY: lazy("Long day, one level above approves"),
    Mark.LONGER_DAY: lazy("Very long day, two levels above approve"),
    Mark.FLAGGED: lazy("Something looks odd"),
    Mark.HEAD_COUNT: lazy("Head count differs"),
}
# Apart, because members of two enums with the same value are the same key.
LEDGER_WORDS: dict[StrEnum, Any] = {
    EntryKind.CREDIT: lazy("Credited"),
    EntryKind.REVERSAL: lazy("Taken back"),
    CorrectionState.PROPOSED: lazy("To be decided"),
    CorrectionState.APPROVED: lazy("Correction approved"),
    CorrectionState.DECLINED: lazy("Correction declined"),
    Part.COUNTING: lazy("Counts"),
    Part.WAITING: lazy("Does not count yet"),
    Part.RETURNED: lazy("Returned, does not count"),
    Part.UNCLAIMED: lazy("Kept until the account is claimed"),
    Sealed.LEDGER: lazy("Ledger"),
    Sealed.AUDIT: lazy("Audit"),
}

# What somebody tried that was refused, and why.
ATTEMPT_WORDS: dict[StrEnum, Any] = {
    Tried.CONFIRM: lazy("wanted to confirm this entry"),
    Tried.APPROVE: lazy("wanted to approve this entry"),
    Tried.SEND_BACK: lazy("wanted to return this entry"),
    Tried.HAND_IN: lazy("wanted to hand in the times of this shift"),
    Tried.RECORD: lazy("wanted to enter or change times"),
    Tried.PROPOSE: lazy("wanted to propose a correction"),
    Tried.CORRECT: lazy("wanted to decide on a correction"),
    Tried.SUPPLEMENT: lazy("wanted to let time outside a shift count"),
    Tried.SETTLE: lazy("wanted to decide on a dispute"),
    Tried.IMPORT: lazy("wanted to bring in hours from elsewhere"),
    Tried.TAKE_OVER: lazy("wanted a slip that opens this account"),
    Tried.RESHAPE: lazy("wanted to change a shift that was served"),
    Tried.MAKE_UP: lazy("wanted to add a shift afterwards"),
    Tried.REGISTER: lazy("wanted to register a child"),
    Tried.ADMIT: lazy("wanted to approve a registration"),
    Tried.GIVE_ROLE: lazy("wanted to give somebody a role"),
    Tried.MERGE: lazy("wanted to let one registration go on as another"),
    Tried.DISMISS: lazy("wanted to decide on a risk flag"),
    Tried.HONOUR: lazy("wanted to decide on an honour"),
    Bar.RECORDER: lazy("they recorded part of it themselves"),
    Bar.OWNER: lazy("these are their own minutes"),
    Bar.TWICE: lazy("they had confirmed it already, and another person approves"),
    Bar.PROPOSER: lazy("they proposed it themselves"),
    Bar.TOO_LOW: lazy("the level above decides"),
    Bar.HANDED_IN: lazy("the times were handed in already"),
    Bar.NO_ROLE: lazy("they do not hold the role for it"),
    Bar.OUT_OF_REACH: lazy("it lies outside their organizations"),
    Bar.OWN_ACCOUNT: lazy("it is their own account"),
    Bar.STAFF: lazy("only an administrator above may open the account of staff"),
    Bar.INVOLVED: lazy("they took part in what is decided"),
    Bar.OVER: lazy("the shift was over"),
    Bar.PAST: lazy("its time had passed"),
    Bar.TOO_YOUNG: lazy("they are too young to be registered"),
    Bar.GUARD: lazy("the database refused it"),
}
