"""What the states of an objection are called."""

from enum import StrEnum
from typing import Any

from blueprints.public_notices.models import ObjectionState
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    ObjectionState.OPEN: lazy("Objection to be decided"),
    ObjectionState.UPHELD: lazy("Objection upheld"),
    ObjectionState.DISMISSED: lazy("Objection dismissed"),
}
