"""The level above decides on objections to what stands on public notice."""

from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response, abort, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, staff
from blueprints.public_notices import actions, queries
from blueprints.public_notices.forms import DecisionForm
from blueprints.public_notices.models import Objection
from blueprints.records import witness
from blueprints.records.models import Tried
from core import clock
from core.actor import Role
from core.i18n import _
from core.web import carried_out, respond

bp = Blueprint("notices_desk", __name__)
CONFIRMER = Role.CONFIRMER
witness.WATCHED["notices_desk.dismiss_objection"] = Tried.SETTLE
witness.NAMED["objection_id"] = Objection.__tablename__


@bp.get("/desk/objections")
@staff(CONFIRMER)
def show_objections() -> ResponseReturnValue:
    today = clock.today(clock.now())
    return respond("public_notices/objections.html", found=queries.listed(actor().reach(CONFIRMER)), today=today)


@bp.get("/desk/objections/<int:objection_id>")
@staff(CONFIRMER)
def show_objection(objection_id: int) -> ResponseReturnValue:
    return _page(objection_id, DecisionForm(formdata=None))


def _page(objection_id: int, form: DecisionForm) -> Response:
    found = _objection_or_404(objection_id)
    barred = actions.barred_because(found, found.record, actor())
    return respond("public_notices/objection.html", objection=found, barred=barred, form=form)


@bp.post("/desk/objections/<int:objection_id>/acceptance")
@staff(CONFIRMER)
def uphold_objection(objection_id: int) -> ResponseReturnValue:
    return _done(objection_id, actions.uphold, _("Upheld: the entry goes back and counts nothing."))


@bp.post("/desk/objections/<int:objection_id>/dismissal")
@staff(CONFIRMER)
def dismiss_objection(objection_id: int) -> ResponseReturnValue:
    return _done(objection_id, actions.dismiss, _("Dismissed: the entry goes on when nothing else is raised."))


def _done(objection_id: int, act: Callable[..., object], words: str) -> ResponseReturnValue:
    form = DecisionForm()

    def decide() -> object:
        return act(objection_id, actor(), answer=form.answer.data or "", now=clock.now())

    find, again = partial(_objection_or_404, objection_id), partial(_page, objection_id, form)
    return carried_out(form, find, again, decide, url_for(".show_objections"), words)


def _objection_or_404(objection_id: int) -> Objection:
    return queries.objection_within(objection_id, actor().reach(CONFIRMER)) or abort(404)
