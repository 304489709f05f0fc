"""What the states of an objection are called, and who sees notices."""

from enum import StrEnum
from typing import Any

from blueprints.public_notices.models import ObjectionState, SeenBy
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    ObjectionState.OPEN: lazy("Objection to be decided"),
    ObjectionState.UPHELD: lazy("Objection upheld"),
    ObjectionState.DISMISSED: lazy("Objection dismissed"),
    SeenBy.ORGANIZATION: lazy("Only people of the organization"),
    SeenBy.SIGNED_IN: lazy("Everybody who is signed in"),
    SeenBy.EVERYBODY: lazy("Everybody, without an account, too"),
}
