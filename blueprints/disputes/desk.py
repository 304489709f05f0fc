"""Deciding on what people say against entries: the queue, and one dispute with everything that belongs to it."""

from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response, abort, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.disputes import actions, queries
from blueprints.disputes.forms import AcceptanceForm, RejectionForm
from blueprints.disputes.models import Dispute, DisputeState
from blueprints.identity.access import actor, staff
from blueprints.records import witness
from blueprints.records.models import Tried
from core import clock, documents
from core.actor import Role
from core.forms import Form
from core.i18n import _
from core.web import carried_out, respond, row_arg

bp = Blueprint("disputes_desk", __name__)
CONFIRMER = Role.CONFIRMER
witness.WATCHED |= dict.fromkeys(["disputes_desk.accept_dispute", "disputes_desk.reject_dispute"], Tried.SETTLE)
witness.NAMED["dispute_id"] = Dispute.__tablename__


@bp.get("/desk/disputes")
@staff(CONFIRMER)
def show_disputes() -> ResponseReturnValue:
    everything, number, today = "all" in request.args, row_arg("page") or 1, clock.today(clock.now())
    wanted = queries.within(actor().reach(CONFIRMER)) if everything else queries.queue(actor(), today)
    found, more = queries.page_of(wanted, min(number, 10_000))
    seats = queries.seats(found)
    cases = [queries.case(dispute, seats[dispute.id], actor(), today) for dispute in found]
    return respond("disputes/disputes.html", cases=cases, everything=everything, number=number, more=more)


@bp.get("/desk/disputes/<int:dispute_id>")
@staff(CONFIRMER)
def show_dispute(dispute_id: int) -> ResponseReturnValue:
    return _page(dispute_id, Form(formdata=None))


def _page(dispute_id: int, form: Form) -> Response:
    (dispute, worth), today = _dispute_or_404(dispute_id), clock.today(clock.now())
    return respond(
        "disputes/dispute.html",
        case=queries.case(dispute, queries.seats([dispute])[dispute.id], actor(), today),
        worth=worth,
        course=queries.course(dispute.id),
        proofs=queries.proofs(dispute.id),
        form=form,
        acceptance_form=form if isinstance(form, AcceptanceForm) else _offered(dispute),
        rejection_form=form if isinstance(form, RejectionForm) else RejectionForm(formdata=None),
    )


def _offered(dispute: Dispute) -> AcceptanceForm:
    """What the owner says is right stands there already."""
    return AcceptanceForm(formdata=None, minutes=dispute.minutes)


@bp.post("/desk/disputes/<int:dispute_id>/acceptance")
@staff(CONFIRMER)
def accept_dispute(dispute_id: int) -> ResponseReturnValue:
    form = AcceptanceForm()
    return _decide(dispute_id, form, lambda: _accepted(dispute_id, form))


def _accepted(dispute_id: int, form: AcceptanceForm) -> str:
    said = {"minutes": form.minutes.data, "words": form.words.data or ""}
    done = actions.accept(dispute_id, actor(), **said, now=clock.now())
    if done.state is DisputeState.CORRECTING:
        return _("Accepted. A second person has to agree to the number; until then the entry counts as before.")
    return _("Accepted. The person is told, and so is everybody who recorded or confirmed the entry.")


@bp.post("/desk/disputes/<int:dispute_id>/rejection")
@staff(CONFIRMER)
def reject_dispute(dispute_id: int) -> ResponseReturnValue:
    form = RejectionForm()
    return _decide(dispute_id, form, lambda: _rejected(dispute_id, form))


def _rejected(dispute_id: int, form: RejectionForm) -> str:
    done = actions.reject(dispute_id, actor(), reason=form.reason.data, now=clock.now())
    if done.state is DisputeState.REJECTED:
        return _("Rejected. The person is told why and can appeal to the level above.")
    return _("Rejected for good. The person is told why.")


def _decide(dispute_id: int, form: Form, act: Callable[[], str]) -> ResponseReturnValue:
    again = partial(_page, dispute_id, form)
    return carried_out(form, partial(_dispute_or_404, dispute_id), again, act, url_for(".show_disputes"))


@bp.get("/desk/dispute-proofs/<int:proof_id>")
@staff(CONFIRMER)
def show_proof(proof_id: int) -> ResponseReturnValue:
    return documents.shown(queries.proof_of(proof_id, queries.within(actor().reach(CONFIRMER))))


def _dispute_or_404(dispute_id: int) -> tuple[Dispute, int]:
    return queries.dispute_within(dispute_id, actor().reach(CONFIRMER)) or abort(404)
