"""How a calendar travels: with a tag, so that only what is new is sent again, and with whole addresses in it."""

from flask import Response, current_app, request


def base_url() -> str:
    return current_app.config["PUBLIC_URL"] or request.host_url.rstrip("/")


def as_calendar(body: bytes) -> Response:
    """Only what is new is sent again."""
    response = Response(body, mimetype="text/calendar")
    response.headers["Content-Disposition"] = 'inline; filename="rengang.ics"'
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response
