"""What became of notices, who sees them, and the objections on which the level above decides."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, abort, request, session, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, organization_or_404, staff
from blueprints.public_notices import actions, queries
from blueprints.public_notices.forms import DecisionForm, SeenByForm
from blueprints.public_notices.models import Objection
from blueprints.records import witness
from blueprints.records.models import Tried
from core import clock, vault
from core.actor import Role
from core.forms import Form
from core.i18n import _
from core.web import carried_out, respond, row_arg

bp = Blueprint("notices_desk", __name__)
ADMINISTRATOR, CONFIRMER = Role.ADMINISTRATOR, Role.CONFIRMER
SHOWN_CONTACT = "objection_of"  # in the session: whose name the next page shows, once
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
    organization = organization_or_404(organization_id, ADMINISTRATOR)
    own, above = queries.set_for(organization)
    holds = own.value if own else "above" if organization.parent_id else above.value
    return _audience_page(organization_id, SeenByForm(formdata=None, seen_by=holds))


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
    number, today = min(row_arg("page") or 1, 10_000), clock.today(clock.now())
    found, more = queries.listed(actor().reach(CONFIRMER), number)
    return respond("public_notices/objections.html", found=found, number=number, more=more, today=today)


@bp.get("/desk/objections/<int:objection_id>")
@staff(CONFIRMER)
def show_objection(objection_id: int) -> ResponseReturnValue:
    return _page(objection_id, DecisionForm(formdata=None))


def _page(objection_id: int, form: DecisionForm) -> Response:
    found = _objection_or_404(objection_id)
    known = session.pop(SHOWN_CONTACT, None) == objection_id and found.name_sealed
    view: dict[str, Any] = {
        "barred": actions.barred_because(found, found.record, actor()),
        "contact": (vault.unseal(found.name_sealed or ""), vault.unseal(found.phone_sealed or "")) if known else None,
        "others": len(queries.others_outside(found)),
    }
    return respond("public_notices/objection.html", objection=found, form=form, **view)


@bp.post("/desk/objections/<int:objection_id>/contact")
@staff(CONFIRMER)
def show_contact(objection_id: int) -> ResponseReturnValue:
    """Who objected without an account stands on the next page, once."""
    find, again = partial(_objection_or_404, objection_id), partial(_page, objection_id, DecisionForm(formdata=None))

    def act() -> None:
        actions.show_contact(objection_id, actor(), now=clock.now())
        session[SHOWN_CONTACT] = objection_id

    words, address = (
        _("Name and number stand below. That you looked is noted."),
        url_for(".show_objection", objection_id=objection_id),
    )
    return carried_out(Form(), find, again, act, address, words)


@bp.post("/desk/objections/<int:objection_id>/acceptance")
@staff(CONFIRMER)
def uphold_objection(objection_id: int) -> ResponseReturnValue:
    form, words = DecisionForm(), _("Upheld: the entry goes back and counts nothing.")
    return _done(objection_id, form, words, lambda given: actions.uphold(objection_id, actor(), **given))


@bp.post("/desk/objections/<int:objection_id>/dismissal")
@staff(CONFIRMER)
def dismiss_objection(objection_id: int) -> ResponseReturnValue:
    form, words = DecisionForm(), _("Dismissed: the entry goes on when nothing else is raised.")
    together = form.together.data
    return _done(
        objection_id, form, words, lambda given: actions.dismiss(objection_id, actor(), together=together, **given)
    )


def _done(
    objection_id: int, form: DecisionForm, words: str, act: Callable[[dict[str, Any]], object]
) -> ResponseReturnValue:
    def decide() -> object:
        return act({"answer": form.answer.data or "", "now": clock.now()})

    find, again = partial(_objection_or_404, objection_id), partial(_page, objection_id, form)
    return carried_out(form, find, again, decide, url_for(".show_objections"), words)


def _objection_or_404(objection_id: int) -> Objection:
    return queries.objection_within(objection_id, actor().reach(CONFIRMER)) or abort(404)
