"""What stands on public notice, with masked names, for those who belong to the organization; and objecting to it."""

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, signed_in
from blueprints.public_notices import actions, queries
from blueprints.public_notices.forms import ObjectionForm
from blueprints.records.models import ServiceRecord
from core import clock, masks
from core.db import reading
from core.i18n import _
from core.web import respond, row_arg, see_other, submitted

bp = Blueprint("public_notices", __name__)


@bp.get("/notices")
@signed_in
def show_notices() -> ResponseReturnValue:
    number = min(row_arg("page") or 1, 10_000)
    found, more = queries.page_of(queries.running(actor(), clock.now()), number)
    objected = queries.objected_by(actor().account_id, [each.id for each in found])
    return respond(
        "public_notices/notices.html", masks=masks, notices=found, objected=objected, number=number, more=more
    )


@bp.get("/notices/<int:record_id>")
@signed_in
def show_notice(record_id: int) -> ResponseReturnValue:
    return _page(record_id, ObjectionForm(formdata=None))


def _page(record_id: int, form: ObjectionForm) -> Response:
    record = _notice_or_404(record_id)
    objected = bool(queries.objected_by(actor().account_id, [record.id]))
    return respond("public_notices/notice.html", masks=masks, record=record, objected=objected, form=form)


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


def _notice_or_404(record_id: int) -> ServiceRecord:
    return queries.one_of(record_id, queries.running(actor(), clock.now())) or abort(404)
