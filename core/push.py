"""Web push: RFC 8030, encrypted for the browser (RFC 8291), signed with this installation's own key (RFC 8292).

The key is derived from DATA_KEY, so that there is nothing more to keep, and several hosts share it.
pywebpush would do the same, but loads aiohttp and requests: 39 MB instead of 13.
"""

import base64
import binascii
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import current_app

from core import outside, vault
from core.outside import Unsent

LONGEST_ENDPOINT = 1000
MOST_SECONDS = 28 * 24 * 3600
_BASE64 = re.compile(r"[A-Za-z0-9_-]+=*")


@dataclass(frozen=True, slots=True)
class Browser:
    """Where one browser gets its notifications, and the keys only it can open them with."""

    endpoint: str
    p256dh: str
    auth: str

    @property
    def is_sound(self) -> bool:
        """Whether this can be an address and keys at all; somebody may have typed anything."""
        place = urlsplit(self.endpoint)
        good_keys = (
            len(_plain(self.p256dh)) == 65 and _plain(self.p256dh)[:1] == b"\x04" and len(_plain(self.auth)) == 16
        )
        return place.scheme in outside.PORTS and bool(place.netloc) and good_keys and _lies_on_the_curve(self.p256dh)


def is_set() -> bool:
    """Whether this installation reaches out to the push services of browsers (setting WEB_PUSH)."""
    return bool(current_app.config["WEB_PUSH"])


def public_key() -> str:
    """What a browser has to know to subscribe: the point of our key, in base64url."""
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    private = ec.derive_private_key(_number(), ec.SECP256R1())
    return _base64url(private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def send(browser: Browser, payload: bytes, *, seconds: int, topic: str) -> None:
    """Hand a payload to the push service of a browser; raises Unsent.

    The service keeps it for so many seconds; of two with one topic (at most 32 characters) it keeps the later.
    """
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(max(0, min(seconds, MOST_SECONDS))),
        "Urgency": "high",
        "Topic": topic,
        **_vapid(browser.endpoint),
    }
    answer = outside.post(browser.endpoint, _sealed(browser, payload), headers)
    if answer.is_good:
        return
    gone = answer.status in (404, 410)
    waits = answer.status in (408, 425, 429) or answer.status >= 500
    raise Unsent(f"push service said {answer.status}", permanent=not waits, gone=gone)


def _sealed(browser: Browser, payload: bytes) -> bytes:
    import http_ece  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    try:
        sealed: bytes = http_ece.encrypt(
            payload,
            salt=os.urandom(16),
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=_plain(browser.p256dh),
            auth_secret=_plain(browser.auth),
            version="aes128gcm",
        )
    except (ValueError, http_ece.ECEException) as error:
        raise Unsent("keys of the browser are not sound", permanent=True, gone=True) from error
    return sealed


def _vapid(endpoint: str) -> dict[str, str]:
    from py_vapid import Vapid02  # noqa: PLC0415

    place = urlsplit(endpoint)
    claims = {"aud": f"{place.scheme}://{place.netloc}", "sub": _contact()}
    signed: dict[str, str] = Vapid02.from_raw(_base64url(_number().to_bytes(32, "big")).encode()).sign(claims)
    return {"Authorization": signed["Authorization"]}


def _contact() -> str:
    """Whom a push service can turn to, as it asks for."""
    sender, public = current_app.config["MAIL_FROM"], current_app.config["PUBLIC_URL"]
    if sender:
        return f"mailto:{sender}"
    return str(public) if public.startswith("https://") else "mailto:nobody@example.org"


def _number() -> int:
    return int.from_bytes(vault.derived(b"web push"), "big") % (vault.ORDER - 1) + 1


def _lies_on_the_curve(p256dh: str) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _plain(p256dh))
    except ValueError:
        return False
    return True


def _plain(text: str) -> bytes:
    if not _BASE64.fullmatch(text):
        return b""
    try:
        return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except (binascii.Error, ValueError):
        return b""


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
