"""What can be answered before a session, a route or a table is looked at: an open list asks every few seconds."""

from collections.abc import Iterable
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, g, make_response, request, session
from flask import Response as Answer
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from blueprints.claims import board, cards
from blueprints.claims.board import TAG, Asking
from blueprints.identity import access
from core import clock, prefs
from core.db import reading
from core.security import CSRF

PTAG = "HX-PTag"
ASKED = "rengang.asked"  # what the front learned before the request went the usual way
# What the list for a visitor depends on, besides the version.
VARIES = (
    *("QUERY_STRING", "HTTP_COOKIE", "HTTP_ACCEPT_ENCODING", "HTTP_HX_REQUEST_TYPE"),
    *("HTTP_HOST", "wsgi.url_scheme"),
)
LONGEST_KEY = 1_000


class Front:
    """Stands before the application.

    A poll that brings the newest version gets 304. The version is read at most twice a second in each process and
    changes with everything that any open shift shows, the viewer's own claims included; a 304 has no body, so
    nobody learns anything from it. The list for visitors, who have no session, is kept as it went out for as
    long as the version stands, and so is the answer to a poll: both are the same for everyone with the same address,
    preferences and list on the screen.
    For people who are signed in, everything but who they are and what they hold is kept in pieces; if all of them
    are there they are joined right here. Whatever is special (a message to show, a piece that is missing) goes the
    usual way. None of this is logged.
    """

    def __init__(self, app: Flask) -> None:
        self.app, self.inner = app, app.wsgi_app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET":
            return self.inner(environ, start_response)
        known = environ.get("HTTP_HX_PTAG", "")
        if known.startswith(TAG) and known.partition(".")[0] == self._version():
            start_response("304 NOT MODIFIED", [(PTAG, known)])
            return []
        if environ.get("PATH_INFO") == "/" and _is_visitor(environ):
            return self._page(environ, start_response)
        if environ.get("PATH_INFO") == "/" and (joined := self._joined(environ)):
            return joined(environ, start_response)
        return self.inner(environ, start_response)

    def _version(self) -> str | None:
        """None if the database is away; the usual way knows how to say that."""
        version = board.memory(self.app).version
        if known := version.fresh:
            return known
        try:
            with self.app.app_context(), reading():
                return version.answer()
        except SQLAlchemyError:
            return None

    def _page(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        key = (self._version(), _shown_already(environ), *map(environ.get, VARIES))
        pages = board.memory(self.app).pages
        status, headers, body = page = pages.get(key) or self._made(environ)
        if status.startswith(("200", "304")) and "Set-Cookie" not in dict(headers):
            pages.keep(key, page)
        start_response(status, headers)
        return [body]

    def _made(self, environ: WSGIEnvironment) -> tuple[str, list[tuple[str, str]], bytes]:
        made = Response.from_app(self.inner, environ, buffered=True)
        return made.status, made.headers.to_wsgi_list(), made.get_data()

    def _joined(self, environ: WSGIEnvironment) -> Answer | None:
        """The list as `routes.live_list` gives it, if it only has to be joined."""
        with self.app.request_context(environ):
            try:
                answer = _own_list() if _is_plain() else None
            except SQLAlchemyError:
                return None
            return self.app.process_response(answer) if answer else None


def _is_plain() -> bool:
    """Whether there is nothing to tell, and nothing else to do than to show the list."""
    return (
        (CSRF in session or not session)
        and "_flashes" not in session
        and prefs.STATION not in request.cookies
        and not prefs.CHOICES.keys() & request.args.keys()
        and ("HX-Request-Type" not in request.headers or PTAG in request.headers)
    )


def _own_list() -> Answer | None:
    """The list for whoever asks, or that there is no news; None if something has to be made first."""
    g.prefs, now = prefs.kept(request.cookies), clock.now()
    with reading():
        seen = cards.view(request.args, now)
    token = session.get(access.TOKEN)
    asking = board.asking_by(token, seen.found, now) if token else Asking(None)
    if bool(token) != bool(asking.viewer) or (asking.viewer and g.prefs.mode == "elder"):
        return None
    if asking.viewer:
        access.remember(asking.viewer.session_id, now)
    known, shown = request.headers.get(PTAG, ""), seen.shown(asking.viewer)
    tag = f"{seen.version}.{shown}"
    if known.partition(".")[2] == shown:
        return Answer(status=HTTPStatus.NOT_MODIFIED, headers={PTAG: tag})
    if not cards.is_kept(seen, asking, whole=not known):
        request.environ[ASKED] = seen.found, asking
        return None
    return listed(cards.board_of(seen, asking, tag) if known else cards.page_of(seen, asking, tag))


def listed(html: bytes) -> Answer:
    """The answer to whoever asked for the list or for its news."""
    response = make_response(html)
    response.headers["Vary"] = "HX-Request-Type"
    return response


def _shown_already(environ: WSGIEnvironment) -> str | None:
    """What an open list shows, by its own words; None if a whole page is asked for, which an empty tag does not do."""
    known: str | None = environ.get("HTTP_HX_PTAG")
    return None if known is None else known.partition(".")[2]


def _is_visitor(environ: WSGIEnvironment) -> bool:
    """Whether the browser sends no cookie but that of its preferences, so that nothing of the page is anybody's own."""
    cookies = environ.get("HTTP_COOKIE", "")
    bare = not cookies or (cookies.startswith(f"{prefs.COOKIE}=") and ";" not in cookies)
    return bare and sum(len(environ.get(name, "")) for name in (*VARIES, "HTTP_HX_PTAG")) < LONGEST_KEY
