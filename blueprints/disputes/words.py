"""What the kinds, states and steps of a dispute are called."""

from enum import StrEnum
from typing import Any

from blueprints.disputes.models import DisputeKind, DisputeState, DisputeStep, ReportState
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    DisputeKind.NOT_ME: lazy("Not me"),
    DisputeKind.WRONG: lazy("Wrong"),
    DisputeState.FILED: lazy("Filed, to be decided"),
    DisputeState.APPEALED: lazy("Appealed, to be decided above"),
    DisputeState.CORRECTING: lazy("Accepted, being corrected"),
    DisputeState.REJECTED: lazy("Rejected, can be appealed"),
    DisputeState.ACCEPTED: lazy("Accepted"),
    DisputeState.DISMISSED: lazy("Rejected for good"),
    DisputeState.WITHDRAWN: lazy("Withdrawn"),
}
# Apart, because members of two enums with the same value are the same key.
STEP_WORDS: dict[StrEnum, Any] = {
    DisputeStep.FILED: lazy("Dispute filed"),
    DisputeStep.ACCEPTED: lazy("Dispute accepted"),
    DisputeStep.REJECTED: lazy("Dispute rejected"),
    DisputeStep.APPEALED: lazy("Appealed"),
    DisputeStep.DISMISSED: lazy("Rejected by the level above, for good"),
    DisputeStep.WITHDRAWN: lazy("Dispute withdrawn"),
    DisputeStep.CORRECTED: lazy("A second person agreed to the correction"),
    DisputeStep.REOPENED: lazy("A second person did not agree to the correction; it is decided anew"),
    DisputeStep.OVERDUE: lazy("Overdue, taken over by the level above"),
}
REPORT_WORDS: dict[StrEnum, Any] = {
    ReportState.FILED: lazy("Being looked into"),
    ReportState.FOUND: lazy("Found to be so, a second person has to agree"),
    ReportState.CONFIRMED: lazy("Confirmed, registration void"),
    ReportState.UNFOUNDED: lazy("Unfounded"),
}
