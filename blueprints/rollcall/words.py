"""What became of something that was marked without a network, in words."""

from enum import StrEnum
from typing import Any

from blueprints.rollcall.models import OfflineState
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    OfflineState.ENTERED: lazy("Entered"),
    OfflineState.KNOWN: lazy("Entered by somebody else"),
    OfflineState.OPEN: lazy("To be settled"),
    OfflineState.SETTLED: lazy("Times entered"),
    OfflineState.DISMISSED: lazy("Dismissed"),
}
