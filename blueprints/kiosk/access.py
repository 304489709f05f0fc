"""Who may call the kiosk's pages: the tablet of a station, by a cookie of its own that no person's session touches."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import ParamSpec

from flask import Response, abort, current_app, g, make_response, request, session
from flask.typing import ResponseReturnValue

from blueprints.identity.access import TOKEN, viewer
from blueprints.kiosk import queries
from blueprints.kiosk.queries import Paired
from core.db import only_reads, reading
from core.prefs import STATION
from core.web import is_swap, see_other

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]
COOKIE, FOLDER = "tablet", "/kiosk"
PAIRING, GUARD = "/kiosk/pairing", "/kiosk/guard"
TWO_YEARS = 60 * 60 * 24 * 730


def tablet_only(view: View[P]) -> View[P]:
    """A paired tablet on which nobody is signed in: whoever stands before it must not become somebody else."""
    return _guarded(view, alone=True)


def tablet_any(view: View[P]) -> View[P]:
    """A paired tablet, also while somebody of the staff is signed in on it."""
    return _guarded(view, alone=False)


def _guarded(view: View[P], *, alone: bool) -> View[P]:
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        g.tablet = find()
        if g.tablet is None:
            return _forgotten(_sent_to(PAIRING))
        return _sent_to(GUARD) if alone and viewer() else view(*args, **kwargs)

    guarded.access = "tablet"  # type: ignore[attr-defined]
    return guarded


def find() -> Paired | None:
    """The tablet that asks, read before anything is locked."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    with nullcontext() if only_reads() else reading():
        return queries.paired(token)


def tablet() -> Paired:
    """The tablet, where the decorator has made sure that there is one."""
    asking: Paired | None = g.get("tablet")
    return asking or abort(404)


def remember(response: Response, token: str) -> Response:
    """Put the token into this browser, for the kiosk's own pages alone; all others learn only what it is."""
    keep(response, STATION, "tablet", "/", "Lax")
    return keep(response, COOKIE, token, FOLDER, "Strict")


def stays_at_work() -> ResponseReturnValue | None:
    """Before the list of a paired tablet: it goes on to the kiosk, unless somebody is signed in."""
    idle = request.path == "/" and request.method == "GET" and STATION in request.cookies and TOKEN not in session
    return _sent_to(FOLDER) if idle else None


def keep(response: Response, name: str, value: str, path: str, same_site: str) -> Response:
    """A cookie of two years that scripts cannot read, and that is secure wherever TLS is spoken."""
    secure = request.is_secure or str(current_app.config["PUBLIC_URL"]).startswith("https://")
    response.set_cookie(name, value, TWO_YEARS, path=path, secure=secure, httponly=True, samesite=same_site)
    return response


def _forgotten(answer: ResponseReturnValue) -> Response:
    """A tablet that was cut off is a browser like any other: its list is the list again."""
    response = make_response(answer)
    if STATION in request.cookies:
        response.delete_cookie(STATION)
    return response


def _sent_to(address: str) -> ResponseReturnValue:
    if is_swap():
        return make_response("", 200, {"HX-Redirect": address})
    return see_other(address)
