"""What every answer says to the browser about safety, and cookies that are secure wherever TLS is spoken."""

from copy import deepcopy
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from flask import Flask, Request, Response, current_app, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import generate_csrf
from itsdangerous import BadSignature, URLSafeTimedSerializer

POLICY = "; ".join(
    [
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


CSRF = "csrf_token"


class SessionCookie(SecureCookieSessionInterface):
    """Secure whenever the request came over TLS, so that no setting can be forgotten.

    A signature is looked at and made once, not with every request: keys that were derived, what a cookie says and
    the token of a session are remembered for a while, by exactly the text that they belong to.
    """

    def __init__(self, app: Flask) -> None:
        self._signer = super().get_signing_serializer(app)
        self._opened = lru_cache(1000)(self._open)
        forms = URLSafeTimedSerializer(app.secret_key or "", salt="wtf-csrf-token")  # as Flask-WTF does it
        self.token = lru_cache(4000)(forms.dumps)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:  # noqa: ARG002
        return self._signer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        cookie = request.cookies.get(self.get_cookie_name(app))
        try:
            data, signed_at = self._opened(cookie) if cookie else ({}, datetime.now(UTC))
        except BadSignature:
            return self.session_class()
        too_old = datetime.now(UTC) - signed_at > app.permanent_session_lifetime
        return self.session_class() if too_old else self.session_class(deepcopy(data))

    def _open(self, cookie: str) -> tuple[dict[str, Any], datetime]:
        if self._signer is None:
            raise BadSignature("There is no key.")
        data, signed_at = self._signer.loads(cookie, return_timestamp=True)
        return data, signed_at

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure or str(app.config["PUBLIC_URL"]).startswith("https://")


def init_app(app: Flask) -> None:
    app.session_interface = SessionCookie(app)
    app.before_request(csrf_token_of_session)
    app.after_request(_protect)


def csrf_token_of_session() -> None:
    """Sign the token of this session where Flask-WTF looks for it first: it would make a signer for each form."""
    known, signers = session.get(CSRF), current_app.session_interface
    if isinstance(known, str) and isinstance(signers, SessionCookie):
        g.csrf_token = signers.token(known)


def csrf_token() -> str:
    """What a form of this session must bring back."""
    if CSRF not in g:
        csrf_token_of_session()
    return str(generate_csrf())


def _protect(response: Response) -> Response:
    """Add what is not said yet; asking the headers one by one would cost more than many a page."""
    said = {name for name, _value in response.headers}
    for name, value in HEADERS.items():
        if name not in said:
            response.headers.add(name, value)
    if request.is_secure and "Strict-Transport-Security" not in said:
        response.headers.add("Strict-Transport-Security", "max-age=31536000")
    if "Cache-Control" not in said:
        response.headers.add("Cache-Control", "no-store" if "Set-Cookie" in said else "no-cache")
    return response
