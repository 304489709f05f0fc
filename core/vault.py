"""Secrets at rest: keyed hashes to compare by, and sealed values that only this installation opens."""

import base64
import hashlib
import hmac
import secrets
from functools import cache

from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import current_app

# No 0/O, 1/I/L, U/V: a slip is read aloud and typed by tired eyes.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTWXYZ"


def token() -> str:
    """A secret nobody guesses, for a cookie or a link (256 bits)."""
    return secrets.token_urlsafe(32)


def slip_code() -> str:
    """A secret that can be read from paper: three groups of four (58 bits)."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3))


def reference() -> str:
    """A code by which somebody without an account follows what they sent: four groups of four (77 bits)."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


def tidy(code: str) -> str:
    """A typed code as it was printed: upper case, in groups of four."""
    plain = "".join(c for c in code.upper() if c.isalnum())
    return "-".join(plain[i : i + 4] for i in range(0, len(plain), 4))


def digest(value: str) -> str:
    """A keyed hash of 64 hex digits: equal values are equal, and nobody without the key can try them all."""
    return hmac.new(_key(b"digest"), value.encode(), hashlib.sha256).hexdigest()


def seal(value: str) -> str:
    """The value encrypted; only `unseal` with the same key opens it."""
    return Fernet(base64.urlsafe_b64encode(_key(b"seal"))).encrypt(value.encode()).decode()


def unseal(sealed: str) -> str:
    return Fernet(base64.urlsafe_b64encode(_key(b"seal"))).decrypt(sealed.encode()).decode()


def unsealed(text: str, *, within: int) -> str | None:
    """The value that was sealed at most so many seconds ago; None for anything else."""
    try:
        return Fernet(base64.urlsafe_b64encode(_key(b"seal"))).decrypt(text.encode(), ttl=within).decode()
    except InvalidToken:
        return None


def derived(purpose: bytes) -> bytes:
    """32 bytes for one purpose that only this installation knows, the same on every host with its DATA_KEY."""
    return _key(purpose)


# --- signatures that a device without the key can check ---------------------------------------------------

HALF = 32  # bytes of each of the two numbers of a signature on P-256
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def sign(value: str) -> str:
    """An ECDSA signature on P-256 as browsers check it (IEEE P1363), in 86 characters of base64url."""
    r, s = decode_dss_signature(_signer(current_app.config["DATA_KEY"]).sign(value.encode(), ec.ECDSA(SHA256())))
    return _b64(r.to_bytes(HALF, "big") + s.to_bytes(HALF, "big"))


def is_signed(value: str, signature: str) -> bool:
    """Whether this installation signed the value."""
    try:
        raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        numbers = int.from_bytes(raw[:HALF], "big"), int.from_bytes(raw[HALF:], "big")
        public = _signer(current_app.config["DATA_KEY"]).public_key()
        public.verify(encode_dss_signature(*numbers), value.encode(), ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return len(raw) == 2 * HALF


def public_key() -> str:
    """What checks those signatures, as SubjectPublicKeyInfo in base64; it may be known to everybody."""
    public = _signer(current_app.config["DATA_KEY"]).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@cache
def _signer(secret: str) -> ec.EllipticCurvePrivateKey:
    """The key follows from DATA_KEY, so that a restored installation reads the cards it printed."""
    seed = HKDF(SHA256(), 48, salt=None, info=b"rengang/sign").derive(secret.encode())
    return ec.derive_private_key(int.from_bytes(seed, "big") % (ORDER - 1) + 1, ec.SECP256R1())


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _key(purpose: bytes) -> bytes:
    return _derived(current_app.config["DATA_KEY"], purpose)


@cache
def _derived(secret: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"rengang/" + purpose).derive(secret.encode())
