"""What the kiosk signs: the code on the screen, the receipt of a scan, and the printed card.

A code and a receipt are good for a short time and carry a keyed hash that only the server can make. A card is good
until it is revoked and carries a signature that a tablet can check without the server.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import segno

from blueprints.identity.models import Volunteer
from core import vault

STEP = timedelta(seconds=30)
RECEIPT_LIFE = timedelta(minutes=10)
DIGITS = 24  # hex digits of a keyed hash: 96 bits
CARD = "RG1"  # what every card's code begins with


# --- the code on the screen ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Code:
    """What the square on the screen says, and how long it stays good."""

    text: str
    step: int
    shown_at: datetime
    good_for: int  # seconds


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scanned code said; it was made by this installation."""

    tablet_id: int
    shift_id: int
    is_fresh: bool


def code(tablet_id: int, shift_id: int, now: datetime) -> Code:
    """The code of this moment, bound to the tablet, the shift and a step of 30 seconds."""
    step = _step(now)
    body = f"{tablet_id}.{shift_id}.{step}"
    ends = datetime.fromtimestamp((step + 2) * STEP.total_seconds(), UTC)
    return Code(f"{body}.{_mac('code', body)}", step, now, int((ends - now).total_seconds()))


def scanned(text: str, now: datetime) -> Scan | None:
    """What the code says, if this installation made it; it is fresh in its step and in the one after."""
    numbers = _opened("code", text, 3)
    if numbers is None:
        return None
    tablet_id, shift_id, step = numbers
    return Scan(tablet_id, shift_id, step in (_step(now), _step(now) - 1))


def _step(now: datetime) -> int:
    return int(now.timestamp() // STEP.total_seconds())


# --- the receipt of a scan ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a browser scanned a fresh code of a tablet."""

    tablet_id: int
    shift_id: int
    at: datetime
    key: str  # of this very scan: it is used once


def receipt(scan: Scan, device: str, now: datetime) -> str:
    """The receipt for the browser with this secret; in any other one it is worth nothing."""
    body = f"{scan.tablet_id}.{scan.shift_id}.{int(now.timestamp() * 1000)}.{secrets.randbelow(10**9)}"
    return f"{body}.{_mac('receipt', body, device)}"


def receipt_of(text: str, device: str, now: datetime) -> Receipt | None:
    """The receipt, if it was made for this browser within the last ten minutes."""
    numbers = _opened("receipt", text, 4, device)
    if numbers is None or not device:
        return None
    tablet_id, shift_id, milliseconds, _chance = numbers
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    if not -STEP <= now - at <= RECEIPT_LIFE:  # a clock that was set back a little does no harm
        return None
    return Receipt(tablet_id, shift_id, at, vault.digest(f"used/{text}"))


def _opened(kind: str, text: str, count: int, secret: str = "") -> list[int] | None:
    """The numbers in front of the keyed hash, if it fits."""
    body, _dot, mac = text.rpartition(".")
    parts = body.split(".")
    plain = len(parts) == count and all(p.isascii() and p.isdecimal() and len(p) < 16 for p in parts)
    if not plain or not hmac.compare_digest(mac.encode(), _mac(kind, body, secret).encode()):
        return None
    return [int(part) for part in parts]


def _mac(kind: str, body: str, secret: str = "") -> str:
    return vault.digest(f"kiosk/{kind}/{body}/{secret}")[:DIGITS]


# --- the printed card ---------------------------------------------------------------------------------------


def card(volunteer: Volunteer, serial: int) -> str:
    """The code of a card: number and serial number, signed."""
    body = f"{CARD}.{volunteer.number}.{serial}"
    return f"{body}.{vault.sign(body)}"


def card_of(text: str) -> tuple[str, int] | None:
    """The volunteer number and the serial number of a card that this installation printed."""
    body, _dot, signature = text.strip().rpartition(".")
    parts = body.split(".")
    if len(parts) != 3 or parts[0] != CARD or not (parts[2].isascii() and parts[2].isdecimal()):
        return None
    return (parts[1], int(parts[2])) if len(parts[2]) < 9 and vault.is_signed(body, signature) else None


# --- squares ------------------------------------------------------------------------------------------------


def square(text: str) -> str:
    """The text as a picture to scan, for the address of an image."""
    return str(segno.make(text, error="m", micro=False).svg_data_uri(scale=4, border=2, dark="#000", light="#fff"))
