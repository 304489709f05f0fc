"""The clerk's answers on posts where the organizer approves each claim."""

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.claims import actions, board, queries
from blueprints.claims.forms import DeclineForm
from blueprints.claims.models import Claim
from blueprints.identity.access import actor, staff
from core import clock
from core.actor import Role
from core.forms import Form
from core.i18n import _
from core.web import respond, see_other, submitted

bp = Blueprint("requests", __name__)


@bp.get("/desk/requests")
@staff(Role.CLERK)
def show_requests() -> ResponseReturnValue:
    """Who asks for a place within the viewer's reach, the shift that starts first on top."""
    return _page()


def _page(form: Form | None = None, refused: int | None = None) -> Response:
    """The list; `form` is one that was refused, under the request it was sent for."""
    asked = queries.requests_within(actor().reach(Role.CLERK), clock.now())
    forms = {claim.id: _decline_form(claim.id) for claim in asked}
    if isinstance(form, DeclineForm) and refused in forms:
        form.reason.id = forms[refused].reason.id
        forms[refused] = form
    numbers = board.seen({claim.shift_id for claim in asked})
    return respond("claims/requests.html", asked=asked, forms=forms, form=form, numbers=numbers, now=clock.now())


def _decline_form(claim_id: int) -> DeclineForm:
    form = DeclineForm(formdata=None)
    form.reason.id = f"reason-{claim_id}"
    return form


@bp.post("/desk/claims/<int:claim_id>/approval")
@staff(Role.CLERK)
def approve_request(claim_id: int) -> ResponseReturnValue:
    form, claim = Form(), _claim_or_404(claim_id)
    return submitted(form, lambda: _page(form), lambda: _approve(claim))


def _approve(claim: Claim) -> ResponseReturnValue:
    name = claim.volunteer.account.name
    approved = actions.approve(claim.id, actor(), now=clock.now())
    if approved.place:
        flash(_("%(name)s has place %(place)d and is told.", name=name, place=approved.place), "success")
    else:
        flash(_("All places are held, so %(name)s waits in line and is told.", name=name), "info")
    return see_other(url_for(".show_requests"))


@bp.post("/desk/claims/<int:claim_id>/decline")
@staff(Role.CLERK)
def decline_request(claim_id: int) -> ResponseReturnValue:
    form, claim = DeclineForm(), _claim_or_404(claim_id)
    return submitted(form, lambda: _page(form, claim_id), lambda: _decline(claim, form))


def _decline(claim: Claim, form: DeclineForm) -> ResponseReturnValue:
    name = claim.volunteer.account.name
    actions.decline(claim.id, actor(), reason=form.reason.data, now=clock.now())
    flash(_("%(name)s is told, with your reason.", name=name), "success")
    return see_other(url_for(".show_requests"))


def _claim_or_404(claim_id: int) -> Claim:
    return queries.claim_within(claim_id, actor().reach(Role.CLERK)) or abort(404)
