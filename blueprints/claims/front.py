"""What can be answered before a session, a route or a table is looked at: an open list asks every few seconds."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from blueprints.claims import board
from blueprints.claims.board import TAG
from core import prefs
from core.db import reading

PTAG = "HX-PTag"
# What the list for a visitor depends on, besides the version.
VARIES = (
    *("QUERY_STRING", "HTTP_COOKIE", "HTTP_ACCEPT_ENCODING", "HTTP_HX_REQUEST_TYPE"),
    *("HTTP_HOST", "wsgi.url_scheme"),
)
LONGEST_KEY = 1_000


class Front:
    """Stands before the application.

    A poll that brings the newest version gets 304. The version is read at most once a second in each process and
    changes with everything that any open shift shows, the viewer's own claims included; a 304 has no body, so
    nobody learns anything from it. The list for visitors, who have no session, is kept as it went out for as
    long as the version stands: it is the same for everyone with the same address and preferences.
    Neither is logged.
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
        is_poll = "HTTP_HX_PTAG" in environ  # with an empty tag too: its answer lacks what a whole page has
        if not is_poll and environ.get("PATH_INFO") == "/" and _is_visitor(environ):
            return self._page(environ, start_response)
        return self.inner(environ, start_response)

    def _version(self) -> str | None:
        """None if the database is away; the usual way knows how to say that."""
        version = board.memory(self.app).version
        if not version.is_due:
            return version.answer()
        try:
            with self.app.app_context(), reading():
                return version.answer()
        except SQLAlchemyError:
            return None

    def _page(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        pages, key = board.memory(self.app).pages, (self._version(), *map(environ.get, VARIES))
        status, headers, body = page = pages.get(key) or self._made(environ)
        if status.startswith("200") and "Set-Cookie" not in dict(headers):
            pages.keep(key, page)
        start_response(status, headers)
        return [body]

    def _made(self, environ: WSGIEnvironment) -> tuple[str, list[tuple[str, str]], bytes]:
        made = Response.from_app(self.inner, environ, buffered=True)
        return made.status, made.headers.to_wsgi_list(), made.get_data()


def _is_visitor(environ: WSGIEnvironment) -> bool:
    """Whether the browser sends no cookie but that of its preferences, so that nothing of the page is anybody's own."""
    cookies = environ.get("HTTP_COOKIE", "")
    bare = not cookies or (cookies.startswith(f"{prefs.COOKIE}=") and ";" not in cookies)
    return bare and sum(len(environ.get(name, "")) for name in VARIES) < LONGEST_KEY
