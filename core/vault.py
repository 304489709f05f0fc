"""Secrets at rest: keyed hashes to compare by, and sealed values that only this installation opens."""

import base64
import hashlib
import hmac
import secrets
from functools import cache

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

# No 0/O, 1/I/L, U/V: a slip is read aloud and typed by tired eyes.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTWXYZ"


def token() -> str:
    """A secret nobody guesses, for a cookie or a link (256 bits)."""
    return secrets.token_urlsafe(32)


def slip_code() -> str:
    """A secret that can be read from paper: three groups of four (58 bits)."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3))


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


def _key(purpose: bytes) -> bytes:
    return _derived(current_app.config["DATA_KEY"], purpose)


@cache
def _derived(secret: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"rengang/" + purpose).derive(secret.encode())
