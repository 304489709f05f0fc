"""What the kinds and states of batches and their rows are called."""

from enum import StrEnum
from typing import Any

from blueprints.exchange.models import (
    HandoverFormat,
    HandoverKind,
    HandoverState,
    ImportKind,
    ImportState,
    ItemState,
    RowState,
)
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    ImportKind.REGISTRATIONS: lazy("Registrations of volunteers"),
    ImportKind.HOURS: lazy("Hours of service"),
    ImportState.READING: lazy("Being read"),
    ImportState.READ: lazy("Columns to be named"),
    ImportState.CHECKING: lazy("Being tried"),
    ImportState.CHECKED: lazy("Tried, not handed up"),
    ImportState.SUBMITTED: lazy("Waits for the level above"),
    ImportState.APPLYING: lazy("Being entered"),
    ImportState.APPLIED: lazy("Entered"),
    ImportState.UNDOING: lazy("Being taken back"),
    ImportState.UNDONE: lazy("Import taken back"),
    ImportState.DECLINED: lazy("Import declined"),
    ImportState.DISCARDED: lazy("Dropped"),
}
# Apart, because members of two enums with the same value are the same key.
ROW_WORDS: dict[StrEnum, Any] = {
    RowState.RAW: lazy("Not tried yet"),
    RowState.READY: lazy("Ready to be entered"),
    RowState.WRONG: lazy("To mend"),
    RowState.KNOWN: lazy("Here already"),
    RowState.APPLIED: lazy("Row entered"),
    RowState.UNDONE: lazy("Row taken back"),
}
HANDOVER_WORDS: dict[StrEnum, Any] = {
    HandoverKind.VOLUNTEERS: lazy("Volunteers"),
    HandoverKind.ORGANIZATIONS: lazy("Organizations"),
    HandoverKind.PROJECTS: lazy("Projects (posts)"),
    HandoverKind.SERVICE: lazy("Hours of service"),
    HandoverFormat.XLSX: lazy("XLSX"),
    HandoverFormat.CSV: lazy("CSV"),
    HandoverState.MAKING: lazy("Being made"),
    HandoverState.MADE: lazy("Handed over"),
    HandoverState.DROPPED: lazy("Not handed over"),
    ItemState.SENT: lazy("Sent, no answer yet"),
    ItemState.ACCEPTED: lazy("Accepted there"),
    ItemState.REFUSED: lazy("Refused there"),
}
