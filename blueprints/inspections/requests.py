"""The side of an organization that is checked: what it is asked, and what it answers."""

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, staff
from blueprints.inspections import actions, queries
from blueprints.inspections.forms import AnswerForm
from blueprints.inspections.models import CheckRequest
from core import clock, documents
from core.actor import Role
from core.db import reading
from core.i18n import _
from core.uploads import takes_pictures
from core.web import respond, see_other, submitted

bp = Blueprint("check_requests", __name__)


def _reach() -> list[str]:
    return actor().reach(*actions.ANSWERERS)


@bp.get("/desk/check-requests")
@staff(Role.CLERK, Role.CONFIRMER)
def requests() -> ResponseReturnValue:
    found = queries.requests_to(_reach())
    return respond("inspections/requests.html", requests=found, today=clock.today(clock.now()))


@bp.get("/desk/check-requests/<int:request_id>")
@staff(Role.CLERK, Role.CONFIRMER)
def show_request(request_id: int) -> ResponseReturnValue:
    return _request_page(request_id, AnswerForm())


@bp.post("/desk/check-requests/<int:request_id>/answers")
@staff(Role.CLERK, Role.CONFIRMER)
@takes_pictures
def answer_request(request_id: int) -> ResponseReturnValue:
    with reading():  # nothing is locked while the picture is made anew
        _request_or_404(request_id)
    form = AnswerForm()
    return submitted(form, lambda: _request_page(request_id, form), lambda: _answered(request_id, form))


def _answered(request_id: int, form: AnswerForm) -> ResponseReturnValue:
    actions.answer(request_id, form.words.data or "", documents.sent(form.photo.data), actor(), now=clock.now())
    flash(_("Your answer is sent to those who check."), "success")
    return see_other(url_for(".show_request", request_id=request_id))


@bp.get("/desk/check-pictures/<int:answer_id>")
@staff()
def show_picture(answer_id: int) -> ResponseReturnValue:
    return documents.shown(queries.picture_within(answer_id, _reach(), actor().reach(*actions.LOOKERS)))


def _request_page(request_id: int, form: AnswerForm) -> Response:
    asked = _request_or_404(request_id)
    items = queries.items_of(asked.check_id, asked.organization_id)
    today = clock.today(clock.now())
    return respond("inspections/request.html", asked=asked, items=items, form=form, today=today)


def _request_or_404(request_id: int) -> CheckRequest:
    return queries.request_within(request_id, _reach()) or abort(404)
