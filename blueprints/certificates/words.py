"""What the kinds and states of a certificate are called."""

from enum import StrEnum
from typing import Any

from blueprints.certificates.models import BatchState, CertificateKind, CertificateState, Outcome
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    CertificateKind.OWN: lazy("Printed by the holder"),
    CertificateKind.STAMPED: lazy("Stamped by the organization"),
    CertificateState.REQUESTED: lazy("Certificate requested"),
    CertificateState.CHECKED: lazy("Checked, to be issued"),
    CertificateState.ISSUED: lazy("Certificate issued"),
    CertificateState.DECLINED: lazy("Request declined"),
    CertificateState.SUPERSEDED: lazy("Replaced by a newer one"),
    CertificateState.REVOKED: lazy("Taken back by the issuer"),
}
# Apart, because members of two enums with the same value are the same key.
BATCH_WORDS: dict[StrEnum, Any] = {
    BatchState.PREPARED: lazy("Prepared, to be issued"),
    BatchState.ISSUING: lazy("Being issued"),
    BatchState.ISSUED: lazy("All issued"),
    BatchState.DECLINED: lazy("Batch declined"),
}
OUTCOME_WORDS: dict[StrEnum, Any] = {
    Outcome.WAITING: lazy("Waits its turn"),
    Outcome.ISSUED: lazy("Certificate issued"),
    Outcome.EMPTY: lazy("No effective entry in this period"),
    Outcome.UNCLAIMED: lazy("Account not claimed yet"),
    Outcome.OWN: lazy("Prepared or issued this batch, so others decide on theirs"),
    Outcome.TOO_MANY: lazy("More entries than one paper holds; choose a shorter period"),
}
