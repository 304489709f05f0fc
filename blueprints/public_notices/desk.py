"""What became of notices, who sees them, and the objections on which the level above decides."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, abort, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, organization_or_404, staff
from blueprints.public_notices import actions, queries
from blueprints.public_notices.forms import DecisionForm, SeenByForm
from blueprints.public_notices.models import Objection
from blueprints.records import witness
from blueprints.records.models import Tried
from core import clock
from core.actor import Role
from core.i18n import _
from core.web import carried_out, respond, row_arg

bp = Blueprint("notices_desk", __name__)
ADMINISTRATOR, CONFIRMER = Role.ADMINISTRATOR, Role.CONFIRMER
witness.WATCHED["notices_desk.dismiss_objection"] = Tried.SETTLE
witness.NAMED["objection_id"] = Objection.__tablename__


@bp.get("/desk/notices")
@staff()
def show_notices() -> ResponseReturnValue:
    """What runs, or with `ended` what is over: for thirty days, and then for nobody."""
    ended, number, now = "ended" in request.args, min(row_arg("page") or 1, 10_000), clock.now()
    found, more = queries.held_page(queries.of_staff(actor().reach(*Role), now, ended=ended), number)
    view: dict[str, Any] = {"found": found, "number": number, "more": more, "ended": ended, "now": now}
    return respond("public_notices/kept.html", decides=actor().can(CONFIRMER), **view)


# --- who sees them ----------------------------------------------------------------------------------------------


@bp.get("/desk/organizations/<int:organization_id>/notices")
@staff(ADMINISTRATOR)
def edit_audience(organization_id: int) -> ResponseReturnValue:
    own = queries.set_for(organization_or_404(organization_id, ADMINISTRATOR))[0]
    return _audience_page(organization_id, SeenByForm(formdata=None, seen_by=own.value if own else "above"))


def _audience_page(organization_id: int, form: SeenByForm) -> Response:
    organization = organization_or_404(organization_id, ADMINISTRATOR)
    above = queries.set_for(organization)[1]
    return respond("public_notices/audience.html", organization=organization, above=above, form=form)


@bp.post("/desk/organizations/<int:organization_id>/notices")
@staff(ADMINISTRATOR)
def set_audience(organization_id: int) -> ResponseReturnValue:
    form, address = SeenByForm(), url_for(".edit_audience", organization_id=organization_id)
    find = partial(organization_or_404, organization_id, ADMINISTRATOR)
    again = partial(_audience_page, organization_id, form)

    def act() -> object:
        return actions.show_to(organization_id, form.chosen, actor(), now=clock.now())

    return carried_out(form, find, again, act, address, _("Set. It holds from now on."))


# --- objections -------------------------------------------------------------------------------------------------


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
