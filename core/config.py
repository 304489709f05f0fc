"""Where an installation's settings come from: the environment, then files in the instance folder."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MEGABYTE = 1024 * 1024
# What no installation sets: how forms, cookies and compression work here.
FIXED = {
    "MAX_CONTENT_LENGTH": MEGABYTE,
    "MAX_FORM_MEMORY_SIZE": MEGABYTE,
    "MAX_FORM_PARTS": 2000,
    "WTF_CSRF_TIME_LIMIT": None,
    "WTF_CSRF_SSL_STRICT": False,  # the referrer policy is same-origin; the token itself is checked
    "COMPRESS_BR_LEVEL": 3,  # a tenth more bytes than the usual levels, for half of the time
    "COMPRESS_LEVEL": 4,
    "SESSION_COOKIE_NAME": "rengang",
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "SESSION_REFRESH_EACH_REQUEST": False,  # the row of the session says when it ends, not the cookie
    "PERMANENT_SESSION_LIFETIME": 60 * 60 * 24 * 60,
    "BABEL_TRANSLATION_DIRECTORIES": str(ROOT / "translations"),
}


def load() -> dict[str, Any]:
    """Every setting of the process; docs/operations.md explains each."""
    instance = Path(os.environ.get("INSTANCE_PATH", ROOT / "instance")).resolve()
    instance.mkdir(parents=True, exist_ok=True)
    return {
        "INSTANCE": instance,
        "SECRET_KEY": _secret("SECRET_KEY", instance),
        "DATA_KEY": _secret("DATA_KEY", instance),
        "SQLALCHEMY_DATABASE_URI": _database_url(instance),
        "PUBLIC_URL": os.environ.get("PUBLIC_URL", "").rstrip("/"),
        "TRUSTED_PROXIES": int(os.environ.get("TRUSTED_PROXIES", "0")),
        "TIME_ZONE": os.environ.get("TIME_ZONE", "Asia/Shanghai"),
        **_ways_out(),
        "ROOTS_MAIL": os.environ.get("ROOTS_MAIL", ""),
        "PICTURE_BYTES": int(os.environ.get("PICTURE_MEGABYTES", "12")) * MEGABYTE,
        **FIXED,
    }


def _ways_out() -> dict[str, Any]:
    """By what messages leave the house."""
    names = ("MAIL_URL", "MAIL_FROM", "SMS_URL", "SMS_KEY_ID", "SMS_SECRET")
    return {
        **{name: os.environ.get(name, "") for name in names},
        "SMS_TEMPLATES": _pairs("SMS_TEMPLATES"),
        "WEB_PUSH": os.environ.get("WEB_PUSH") != "off",
        "REACHABLE_HOSTS": _words("REACHABLE_HOSTS"),
    }


def _words(name: str) -> list[str]:
    """What stands between commas."""
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


def _pairs(name: str) -> dict[str, str]:
    """Names and values: `shift_soon=SMS_1001,shift_cancelled=SMS_1002`."""
    pairs = (word.partition("=") for word in _words(name))
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def _database_url(instance: Path) -> str:
    url = os.environ.get("DATABASE_URL") or f"sqlite:///{instance / 'rengang.db'}"
    for old in ("postgres://", "postgresql://"):
        if url.startswith(old):
            return "postgresql+psycopg://" + url.removeprefix(old)
    return url


def _secret(name: str, instance: Path) -> str:
    """From the environment, or made once and kept in a file only this user can read."""
    if value := os.environ.get(name):
        return value
    file = instance / name.lower()
    if not file.exists():
        _make_secret(file)
    return file.read_text().strip()


def _make_secret(file: Path) -> None:
    """Write the whole key or nothing: a crash or a second starter must not leave or replace half a key."""
    descriptor, new = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(descriptor, "w") as out:
        out.write(secrets.token_urlsafe(48))
    with suppress(FileExistsError):
        os.link(new, file)
    os.unlink(new)
