"""How a request becomes a response: one transaction, and a page or only a part of it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import (
    Flask,
    Response,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
)
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, IntegrityError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, ServiceUnavailable, Unauthorized
from werkzeug.routing import IntegerConverter, Map

from core import drafts
from core.db import db, reading
from core.forms import tidy
from core.i18n import _
from core.refusal import Refusal

MOST_READ_AWAY = 64 * 1024 * 1024  # bytes; whoever sends more is cut off


class RowNumber(IntegerConverter):
    """A number in an address that a row can have; a larger one is not found instead of failing in the database."""

    def __init__(self, map: Map) -> None:
        super().__init__(map, max=2**31 - 1)


class App(Flask):
    """The application; areas set `load_viewer`, who knows who people are, and `witness`, who keeps what was refused."""

    load_viewer: Callable[[], None]
    witness: Callable[[BaseException], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.url_map.converters["int"] = RowNumber

    def dispatch_request(self) -> Response:
        """One request is one transaction: an answer below 400 commits, all others roll back."""
        g.afterwards = []
        self.load_viewer()
        try:
            response = self.make_response(super().dispatch_request())
            _end(response.status_code < 400)
            return response
        except BaseException as error:
            _end(False)
            self.witness(error)
            raise
        finally:
            _run_afterwards()


def _end(well: bool) -> None:
    db.session.commit() if well else db.session.rollback()


def afterwards(act: Callable[[], None]) -> None:
    """Do something in a transaction of its own once this request has ended, even if it was refused."""
    g.afterwards.append(act)


def _run_afterwards() -> None:
    for act in g.afterwards:
        act()
        db.session.commit()


def is_swap() -> bool:
    """Whether htmx will put the answer into a page it already has."""
    return request.headers.get("HX-Request-Type") == "partial"


def is_poll() -> bool:
    """Whether the page only asks if something is new; such an answer must not use up a message."""
    return "HX-PTag" in request.headers


def row_arg(name: str) -> int | None:
    """A number in the query that a row can have; None for anything else, a larger one included."""
    typed = request.args.get(name, "")
    plain = typed.isascii() and typed.isdecimal() and len(typed) < 11
    return int(typed) if plain and 0 < int(typed) < 2**31 else None


def text_arg(name: str, longest: int) -> str:
    """Words in the query, tidied as in a form: no database is asked for a NUL."""
    return (tidy(request.args.get(name)) or "")[:longest]


def respond(page: str, part: str | None = None, *, status: int = 200, **context: Any) -> Response:
    """Answer a swap with `part`, and everyone else with the whole `page` around it."""
    if part and is_swap():
        html = render_template(part, **context)
        html += "" if is_poll() else render_template("layout/_flash.html", oob=True)
    else:
        html = render_template(page, **context)
    response = make_response(html, status)
    if part:
        response.vary.add("HX-Request-Type")
    return response


def submitted(
    form: FlaskForm, again: Callable[[], Response], act: Callable[[], ResponseReturnValue]
) -> ResponseReturnValue:
    """Act on a valid form; else show it `again` with what was typed: 422 if a field is wrong, 409 if a rule said no."""
    if not form.validate():
        with reading():
            return _with_status(again(), 422)
    try:
        return act()
    except Refusal as refusal:
        db.session.rollback()
        current_app.witness(refusal)  # type: ignore[attr-defined]
        _put_on_form(form, refusal)
        with reading():
            return _with_status(again(), refusal.status)


def carried_out(
    form: FlaskForm,
    find: Callable[[], object],
    again: Callable[[], Response],
    act: Callable[[], object],
    address: str,
    words: str = "",
) -> ResponseReturnValue:
    """Act on a row that `find` gives to whoever may, before anything is locked; say the words, or those that the act
    returns, and go on at an address."""
    with reading():
        find()

    def done() -> ResponseReturnValue:
        said = act()
        flash(words or str(said), "success")
        return see_other(address)

    return submitted(form, again, done)


def _put_on_form(form: FlaskForm, refusal: Refusal) -> None:
    if refusal.field and refusal.field in form:
        form[refusal.field].errors = [*form[refusal.field].errors, str(refusal)]
    else:
        form.form_errors.append(str(refusal))


def _with_status(response: Response, status: int) -> Response:
    response.status_code = status
    return response


def refuse(refusal: Refusal) -> Response:
    """Tell the person which rule stopped them. The transaction is already rolled back."""
    if is_swap():
        flash(str(refusal), "error")
        return _only_the_flash(refusal.status)
    with reading():
        return _error_page(_("That did not work"), str(refusal), refusal.status)


def collide(error: IntegrityError) -> Response:
    """A constraint or guard of the database refused what a rule let through: somebody else was faster."""
    current_app.logger.warning("constraint: %s", type(error.orig).__name__)
    return refuse(Refusal(_("Somebody else changed this at the same moment. Nothing was saved; reload and try again.")))


def stay_calm(error: DBAPIError) -> Response:
    """The database is locked, full, read-only or away for a moment; nothing was saved, and the page asks it nothing."""
    current_app.logger.error("database: %s", type(error.orig).__name__)
    g.viewer = None
    response = explain(ServiceUnavailable())
    response.headers["Retry-After"] = "30"
    return response


def explain(error: HTTPException) -> Response:
    """Show an HTTP error as a page, or beside the page when htmx asked for a part."""
    if error.response is not None:
        return make_response(error.response)
    if isinstance(error, Unauthorized) or _lost_the_cookie(error):
        return _to_sign_in()
    if isinstance(error, CSRFError) and (request.referrer or "").startswith(request.host_url):
        return _open_again()
    if (
        isinstance(error, RequestEntityTooLarge)
        or (request.content_length or 0) > current_app.config["MAX_CONTENT_LENGTH"]
    ):
        _read_away()
    title, sentence = _words(error)
    if is_swap():
        flash(sentence, "error")
        return _only_the_flash(error.code or 500)
    with reading():
        return _error_page(title, sentence, error.code or 500)


def _read_away() -> None:
    """Take in what was too much: a browser that is still sending when the answer comes shows none at all."""
    left = request.content_length or MOST_READ_AWAY
    stream, left = request.environ["wsgi.input"], min(left, MOST_READ_AWAY)
    while left > 0 and (chunk := stream.read(min(left, 65_536))):
        left -= len(chunk)


def _lost_the_cookie(error: HTTPException) -> bool:
    """Whether a form failed only because its session is gone, on a page that asks who one is."""
    view = current_app.view_functions.get(request.endpoint or "")
    return isinstance(error, CSRFError) and not session and getattr(view, "access", "public") != "public"


def _open_again() -> Response:
    """A form of ours that is older than the session, sent after signing in or out: open its page anew.

    What was typed waits there. Another site's form ends as an error instead: it must not fill in ours.
    """
    page = _page_in_hand()
    drafts.keep(urlsplit(page).path)
    flash(
        _("This page was from before you signed in or out, so nothing was saved. Please look at it and send it again."),
        "info",
    )
    return make_response("", 200, {"HX-Redirect": page}) if is_swap() else make_response(redirect(page, 303))


def _to_sign_in() -> Response:
    """Ask who it is, then go on with the page in hand."""
    return lead_to("/sign-in")


def lead_to(stop: str) -> Response:
    """Stop at another page first, which then goes on to the page in hand; what was typed waits meanwhile."""
    page = _page_in_hand()
    if request.method == "POST":
        drafts.keep(urlsplit(page).path)
    target = f"{stop}?{urlencode({'next': page})}"
    if is_swap():
        return make_response("", 200, {"HX-Redirect": target})
    return make_response(redirect(target, 303))


def _page_in_hand() -> str:
    """The address of the page the person sees: for a form or a part, not where it was sent but where it stands."""
    if request.method == "GET" and not is_swap():
        return request.full_path.rstrip("?")
    shown = request.headers.get("HX-Current-URL") or request.referrer or ""
    if shown.startswith(request.host_url):
        return "/" + shown.removeprefix(request.host_url)
    can_be_opened = request_ctx.url_adapter and request_ctx.url_adapter.test(request.path, "GET")
    return request.path if can_be_opened else "/"


def _error_page(title: str, sentence: str, status: int) -> Response:
    if "viewer" not in g:  # refused before anybody was looked up, such as a body that is too large
        current_app.load_viewer()  # type: ignore[attr-defined]
    back = request.referrer if request.referrer and request.referrer.startswith(request.host_url) else "/"
    return make_response(render_template("layout/error.html", title=title, sentence=sentence, back=back), status)


def _words(error: HTTPException) -> tuple[str, str]:
    """What a person can make of an HTTP error: a title, and what to do next."""
    known = {
        400: (_("The request could not be read"), _("Go back, reload the page and try again.")),
        403: (_("Not yours to do"), _("Your role does not cover this. Ask your office for the right role.")),
        404: (
            _("Not found"),
            _("This page does not exist, or it is not yours to see. Go back or start from the list."),
        ),
        405: (_("Not possible here"), _("This address cannot be opened this way. Start from the list.")),
        413: (
            _("Too much at once"),
            _("What you sent is larger than %(size)d MB. Shorten it and send it again.", size=_megabytes()),
        ),
        429: (_("Too many tries"), _("Please wait a few minutes and try again.")),
        500: (
            _("Something broke on our side"),
            _("Nothing was saved. Please try again; if it happens twice, tell your station."),
        ),
        503: (
            _("Busy at the moment"),
            _(
                "Nothing was saved. Please try again in a minute. If it lasts, note the times on paper and tell your "
                "station."
            ),
        ),
    }
    return known.get(error.code or 500, (error.name, known[400][1]))


def _megabytes() -> int:
    return (request.max_content_length or 0) // 2**20


def _only_the_flash(status: int) -> Response:
    response = make_response(render_template("layout/_flash.html", oob=True), status)
    response.headers["HX-Reswap"] = "none"
    return response


def see_other(location: str) -> ResponseReturnValue:
    """The one answer to a POST that worked."""
    return redirect(location, 303)
