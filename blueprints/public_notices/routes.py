"""What stands on public notice, for those who may see it, with an account and without; and objecting to it."""

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, public, signed_in
from blueprints.public_notices import actions, queries
from blueprints.public_notices.forms import ObjectionForm
from blueprints.public_notices.queries import Shown
from core import clock
from core.brake import Brake
from core.db import reading
from core.i18n import _, lazy
from core.web import respond, row_arg, see_other, submitted

bp = Blueprint("public_notices", __name__)
brake = Brake()
SLOW = lazy("Too many pages in a short time. Please wait a minute and go on.")
HEADERS = {"X-Robots-Tag": "noindex, noarchive", "Cache-Control": "private, no-store", "Referrer-Policy": "same-origin"}


# --- with an account ------------------------------------------------------------------------------------------


@bp.get("/notices")
@signed_in
def show_notices() -> ResponseReturnValue:
    number = min(row_arg("page") or 1, 10_000)
    found, more = queries.page_of(queries.running(actor(), clock.now()), number)
    objected = queries.objected_by(actor().account_id, [each.record.id for each in found])
    return respond("public_notices/notices.html", notices=found, objected=objected, number=number, more=more)


@bp.get("/notices/<int:record_id>")
@signed_in
def show_notice(record_id: int) -> ResponseReturnValue:
    return _page(record_id, ObjectionForm(formdata=None))


def _page(record_id: int, form: ObjectionForm) -> Response:
    shown = _notice_or_404(record_id)
    objected = bool(queries.objected_by(actor().account_id, [record_id]))
    return respond("public_notices/notice.html", shown=shown, objected=objected, form=form)


@bp.post("/notices/<int:record_id>/objections")
@signed_in
def object_to_notice(record_id: int) -> ResponseReturnValue:
    with reading():
        _notice_or_404(record_id)
    form = ObjectionForm()
    return submitted(form, lambda: _page(record_id, form), lambda: _objected(record_id, form))


def _objected(record_id: int, form: ObjectionForm) -> ResponseReturnValue:
    actions.object_to(record_id, actor(), words=form.words.data or "", now=clock.now())
    flash(_("Your objection is kept. The level above decides, and you are told how."), "success")
    return see_other(url_for(".show_notices"))


def _notice_or_404(record_id: int) -> Shown:
    return queries.one_of(record_id, queries.running(actor(), clock.now())) or abort(404)


# --- without an account ---------------------------------------------------------------------------------------


@bp.get("/public-notices")
@public
def show_public_notices() -> ResponseReturnValue:
    _slow_down()
    number = min(row_arg("page") or 1, 10_000)
    found, more = queries.page_of(queries.public(clock.now()), number)
    return _hidden(respond("public_notices/public_notices.html", notices=found, number=number, more=more))


@bp.get("/public-notices/<int:record_id>")
@public
def show_public_notice(record_id: int) -> ResponseReturnValue:
    _slow_down()
    return _hidden(respond("public_notices/public_notice.html", shown=_public_or_404(record_id)))


def _public_or_404(record_id: int) -> Shown:
    return queries.one_of(record_id, queries.public(clock.now())) or abort(404)


def _hidden(page: Response) -> Response:
    """No search engine keeps it, and no browser shows it again: a name may be masked the next moment."""
    page.headers.update(HEADERS)
    return page


def _slow_down() -> None:
    brake.require_calm(request.remote_addr or "", clock.real().timestamp(), SLOW)
