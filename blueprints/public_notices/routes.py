"""What stands on public notice, for those who may see it, with an account and without; and objecting to it."""

from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity import tries
from blueprints.identity.access import actor, public, signed_in, viewer
from blueprints.identity.pages import address
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit
from blueprints.public_notices import actions, queries
from blueprints.public_notices.forms import CodeForm, ObjectionForm, OutsideObjectionForm
from blueprints.public_notices.queries import Shown
from core import clock, vault
from core.brake import Brake
from core.db import reading
from core.i18n import _, lazy
from core.web import afterwards, respond, row_arg, see_other, submitted

bp = Blueprint("public_notices", __name__)
brake = Brake()
CODE_SHOWN = 24  # characters of a code in its groups, and some
SLOW = lazy("Too many pages in a short time. Please wait a minute and go on.")
HEADERS = {"X-Robots-Tag": "noindex, noarchive", "Cache-Control": "private, no-store", "Referrer-Policy": "same-origin"}


# --- with an account ------------------------------------------------------------------------------------------


@bp.get("/notices")
@signed_in
def show_notices() -> ResponseReturnValue:
    number = min(row_arg("page") or 1, 10_000)
    found, more = queries.page_of(queries.running(actor(), clock.now()), number)
    objected = queries.objected_by(actor().account_id, [each.record.id for each in found])
    beside = queries.beside(actor(), clock.now()) if number == 1 else []
    view: dict[str, Any] = {"notices": found, "objected": objected, "number": number, "more": more}
    return respond("public_notices/notices.html", beside=beside, **view)


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
    beside = queries.beside(None, clock.now()) if number == 1 else []
    page = respond("public_notices/public_notices.html", notices=found, beside=beside, number=number, more=more)
    return _hidden(page)


@bp.get("/public-notices/<int:record_id>")
@public
def show_public_notice(record_id: int) -> ResponseReturnValue:
    _slow_down()
    return _public_page(record_id, OutsideObjectionForm(formdata=None))


def _public_page(record_id: int, form: OutsideObjectionForm) -> Response:
    kept_days = organizations.limit(Limit.OBJECTION_DAYS)
    shown = _public_or_404(record_id)
    return _hidden(respond("public_notices/public_notice.html", shown=shown, form=form, kept_days=kept_days))


@bp.post("/public-notices/<int:record_id>/objections")
@public
def object_from_outside(record_id: int) -> ResponseReturnValue:
    """Whoever is signed in objects with their account, and is told of the decision."""
    with reading():
        _public_or_404(record_id)
    if viewer():
        return see_other(url_for(".show_notice", record_id=record_id))
    form = OutsideObjectionForm()
    return submitted(form, lambda: _public_page(record_id, form), lambda: _objected_outside(record_id, form))


def _objected_outside(record_id: int, form: OutsideObjectionForm) -> ResponseReturnValue:
    """Each counts as a try: one address cannot hold up entries by the hundred."""
    now, counted = clock.now(), tries.of_address("objection", address(), tries.OBJECTIONS)
    with reading():
        tries.require_calm(counted, now=now)
    afterwards(lambda: tries.note(counted, now=now))
    said = {"name": form.name.data or "", "words": form.words.data or "", "phone": form.phone.number}
    _made, code = actions.object_from_outside(record_id, **said, now=now)
    flash(_("Your objection is kept. Please keep the code: with it you can look up the decision here."), "success")
    return see_other(url_for(".follow", code=code))


@bp.get("/notice-objections")
@public
def ask_for_code() -> ResponseReturnValue:
    return _code_page(CodeForm(formdata=None))


def _code_page(form: CodeForm) -> Response:
    return respond("public_notices/lookup.html", form=form)


@bp.post("/notice-objections")
@public
def look_up() -> ResponseReturnValue:
    """A code is typed into a form, so that it stands in no history but its own page's."""
    form = CodeForm()
    return submitted(form, lambda: _code_page(form), lambda: _led_on(form))


def _led_on(form: CodeForm) -> ResponseReturnValue:
    return see_other(url_for(".follow", code=vault.tidy(form.code.data or "")[:CODE_SHOWN] or "-"))


@bp.get("/notice-objections/<code>")
@public
def follow(code: str) -> ResponseReturnValue:
    """How an objection was decided, for whoever has its code; nothing about the entry or its person."""
    _slow_down()
    tidied = vault.tidy(code)[:CODE_SHOWN]
    found = queries.by_code(tidied)
    page = respond("public_notices/followed.html", objection=found, code=tidied)
    page.status_code = 200 if found else 404
    page.headers.update(HEADERS | {"Referrer-Policy": "no-referrer"})
    return page


def _public_or_404(record_id: int) -> Shown:
    return queries.one_of(record_id, queries.public(clock.now())) or abort(404)


def _hidden(page: Response) -> Response:
    """No search engine keeps it, and no browser shows it again: a name may be masked the next moment."""
    page.headers.update(HEADERS)
    return page


def _slow_down() -> None:
    brake.require_calm(request.remote_addr or "", clock.real().timestamp(), SLOW)
