"""Passwords: argon2id by argon2-cffi, with the cost that stack measurements chose (30 ms, 19 MiB)."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
SHORTEST, LONGEST = 8, 128
_nobody = HASHER.hash("nobody has this password")


def hashed(password: str) -> str:
    """The hash to keep; takes about 30 ms, so never call it inside a writing transaction."""
    return HASHER.hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Whether it is the password; takes as long for an unknown account, so that the time tells nothing."""
    try:
        return HASHER.verify(kept or _nobody, password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False
