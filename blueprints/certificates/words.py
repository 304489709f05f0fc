"""What the kinds and states of a certificate are called."""

from enum import StrEnum
from typing import Any

from blueprints.certificates.models import CertificateKind, CertificateState
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
