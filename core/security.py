"""What every answer says to the browser about safety, and cookies that are secure wherever TLS is spoken."""

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface

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


class SessionCookie(SecureCookieSessionInterface):
    """Secure whenever the request came over TLS, so that no setting can be forgotten."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure or str(app.config["PUBLIC_URL"]).startswith("https://")


def init_app(app: Flask) -> None:
    app.session_interface = SessionCookie()
    app.after_request(_protect)


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
