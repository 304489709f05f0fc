"""What the states of a nomination, and of what is said against it, are called."""

from enum import StrEnum
from typing import Any

from blueprints.honours.models import DoubtState, NominationState, RevocationState
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    NominationState.PROPOSED: lazy("Proposed, a second person decides"),
    NominationState.NOTICE: lazy("Approved, on public notice"),
    NominationState.GRANTED: lazy("Honour granted"),
    NominationState.REJECTED: lazy("Not approved"),
    NominationState.WITHDRAWN: lazy("Nomination withdrawn"),
    NominationState.DECLINED: lazy("Declined by the person"),
    NominationState.REVOKED: lazy("Honour revoked"),
    DoubtState.OPEN: lazy("Objection to be decided"),
    DoubtState.UPHELD: lazy("Objection upheld"),
    DoubtState.DISMISSED: lazy("Objection dismissed"),
    DoubtState.LAPSED: lazy("The nomination ended before that"),
    RevocationState.ASKED: lazy("Revocation asked for"),
    RevocationState.AGREED: lazy("Revocation agreed to"),
    RevocationState.REFUSED: lazy("Revocation refused"),
}
