"""What the states of a supplement are called."""

from enum import StrEnum
from typing import Any

from blueprints.supplements.models import SupplementState
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    SupplementState.PROPOSED: lazy("Waits for your consent"),
    SupplementState.REQUESTED: lazy("The organization looks at it"),
    SupplementState.ASKED: lazy("The organization asks for more"),
    SupplementState.VOUCHED: lazy("The organization vouched for it"),
    SupplementState.DECLINED: lazy("Supplement declined"),
    SupplementState.WITHDRAWN: lazy("Supplement withdrawn"),
}
