"""What the states of a merger are called, and why two registrations look like one person's."""

from enum import StrEnum
from typing import Any

from blueprints.mergers.models import LikeSign, MergerState
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    LikeSign.NAME_AND_BIRTH: lazy("Same name and date of birth"),
    LikeSign.MAIL: lazy("Same mail address"),
    LikeSign.PHONE: lazy("One asked for the phone number of the other"),
    LikeSign.ID_TAIL: lazy("Same name, ID numbers end alike"),
}
# Apart, because members of two enums with the same value are the same key.
STATE_WORDS: dict[StrEnum, Any] = {
    MergerState.PROPOSED: lazy("Merger proposed"),
    MergerState.APPROVED: lazy("Merged"),
    MergerState.DECLINED: lazy("Merger declined"),
    MergerState.WITHDRAWN: lazy("Merger withdrawn"),
    MergerState.OBJECTED: lazy("The person objected"),
}
