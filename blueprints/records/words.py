"""What the states of an entry and its marks are called."""

from enum import StrEnum
from typing import Any

from blueprints.records.models import CorrectionState, Deed, EntryKind, Mark, RecordState, Sealed
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    RecordState.PENDING: lazy("To be confirmed"),
    RecordState.APPROVAL: lazy("To be approved"),
    RecordState.EFFECTIVE: lazy("Effective"),
    RecordState.RETURNED: lazy("Returned"),
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
    Sealed.LEDGER: lazy("Ledger"),
    Sealed.AUDIT: lazy("Audit"),
}
