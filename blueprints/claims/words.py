"""What the states of a claim, an act and the classes of evidence are called."""

from enum import StrEnum
from typing import Any

from blueprints.claims.models import (
    AbsenceKind,
    AbsenceOutcome,
    Act,
    Audience,
    ClaimState,
    EvidenceClass,
    HandoverState,
    Source,
)
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    ClaimState.HELD: lazy("Place held"),
    ClaimState.OFFERED: lazy("Place offered"),
    ClaimState.WAITING: lazy("In line"),
    ClaimState.REQUESTED: lazy("Waits for the organizer"),
    ClaimState.CANCELLED: lazy("Cancelled"),
    ClaimState.LATE: lazy("Cancelled late"),
    ClaimState.LAPSED: lazy("Offer lapsed"),
    ClaimState.CALLED_OFF: lazy("Called off"),
    ClaimState.DECLINED: lazy("Declined by the organizer"),
    ClaimState.PASSED_ON: lazy("Passed on to a stand-in"),
    ClaimState.UNANSWERED: lazy("Not answered in time"),
    Source.OWN: lazy("Claimed by the person"),
    Source.DESK: lazy("Claimed by the station for the person"),
    Source.WALK_IN: lazy("Walk-in"),
    Source.STAND_IN: lazy("Stand-in"),
    Source.SWAP: lazy("Swapped"),
    Source.GROUP: lazy("Named by somebody, and agreed"),
    HandoverState.OPEN: lazy("Looking for somebody"),
    HandoverState.AGREED: lazy("Agreed, the organizer decides"),
    HandoverState.DONE: lazy("Taken over"),
    HandoverState.WITHDRAWN: lazy("Withdrawn"),
    HandoverState.REFUSED: lazy("Could not"),
    HandoverState.ENDED: lazy("Search ended"),
    Audience.PERSON: lazy("Somebody I know"),
    Audience.LINK: lazy("A link that I pass on myself"),
    Audience.ANYBODY: lazy("Anybody: show it on the list"),
    AbsenceKind.NO_SHOW: lazy("Did not come"),
    AbsenceKind.EXCUSED: lazy("Excused"),
    AbsenceOutcome.UPHELD: lazy("The note stays"),
    AbsenceOutcome.OVERTURNED: lazy("The note is taken off"),
    Act.IN: lazy("Check-in"),
    Act.OUT: lazy("Check-out"),
    Act.UNDO: lazy("Undone"),
    EvidenceClass.A: lazy("A · own check-in and check-out, timed by the system"),
    EvidenceClass.B: lazy("B · roll-call on the spot"),
    EvidenceClass.C: lazy("C · entered afterwards"),
    EvidenceClass.D: lazy("D · imported"),
}
