"""The owner's side of a dispute: saying that an entry is not right, following it, appealing."""

from collections.abc import Callable, Iterable
from functools import partial

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.disputes import actions, queries
from blueprints.disputes.forms import AppealForm, DisputeForm, ProofForm
from blueprints.disputes.models import Dispute, DisputeKind
from blueprints.identity.access import actor, volunteer_only
from blueprints.records import queries as records
from blueprints.records.models import ServiceRecord
from core import clock, documents
from core.db import reading
from core.forms import Form
from core.i18n import _
from core.uploads import takes_pictures
from core.web import carried_out, respond, row_arg, see_other, submitted

bp = Blueprint("disputes", __name__)


@bp.app_template_global()
def disputes_on(entries: Iterable[ServiceRecord]) -> dict[int, Dispute]:
    """The disputes that stand on these entries, for every page that shows one."""
    return queries.open_on([record.id for record in entries])


# --- saying so ----------------------------------------------------------------------------------------------


@bp.get("/me/records/<int:record_id>/dispute")
@volunteer_only
def new_dispute(record_id: int) -> ResponseReturnValue:
    """The form for an entry; one that is disputed already leads to its dispute."""
    if standing := queries.open_on([_record_or_404(record_id).id]).get(record_id):
        return see_other(url_for(".my_dispute", dispute_id=standing.id))
    kind = request.args.get("kind")
    return _new_page(record_id, DisputeForm(formdata=None, kind=kind if kind in set(DisputeKind) else None))


def _new_page(record_id: int, form: DisputeForm) -> Response:
    record = _record_or_404(record_id)
    worth = records.worth([record.id])[record.id]
    return respond("disputes/new.html", record=record, worth=worth, form=form)


@bp.post("/me/records/<int:record_id>/disputes")
@volunteer_only
@takes_pictures
def file_dispute(record_id: int) -> ResponseReturnValue:
    with reading():  # nothing is locked while the picture is made anew
        _record_or_404(record_id)
    form = DisputeForm()
    return submitted(form, lambda: _new_page(record_id, form), lambda: _filed(record_id, form))


def _filed(record_id: int, form: DisputeForm) -> ResponseReturnValue:
    said = {"words": form.words.data or "", "minutes": form.minutes.data, "picture": documents.sent(form.photo.data)}
    made = actions.file(record_id, DisputeKind(form.kind.data), actor(), **said, now=clock.now())
    flash(_("Your dispute is filed. This page shows who decides and by when."), "success")
    return see_other(url_for(".my_dispute", dispute_id=made.id))


# --- following it -------------------------------------------------------------------------------------------


@bp.get("/me/disputes")
@volunteer_only
def my_disputes() -> ResponseReturnValue:
    number = row_arg("page") or 1
    found, more = queries.page_of(queries.of_owner(actor().account_id), min(number, 10_000))
    return respond("disputes/mine.html", disputes=found, seats=queries.seats(found), number=number, more=more)


@bp.get("/me/disputes/<int:dispute_id>")
@volunteer_only
def my_dispute(dispute_id: int) -> ResponseReturnValue:
    return _page(dispute_id, Form(formdata=None))


def _page(dispute_id: int, form: Form) -> Response:
    dispute, today = _dispute_or_404(dispute_id), clock.today(clock.now())
    return respond(
        "disputes/my_dispute.html",
        dispute=dispute,
        seat=queries.seats([dispute])[dispute.id].organization,
        course=queries.course(dispute.id),
        proofs=queries.proofs(dispute.id),
        overdue=queries.is_overdue(dispute, today),
        may_appeal=queries.may_appeal(dispute, today),
        form=form,
        appeal_form=form if isinstance(form, AppealForm) else AppealForm(formdata=None),
        proof_form=form if isinstance(form, ProofForm) else ProofForm(formdata=None),
    )


@bp.post("/me/disputes/<int:dispute_id>/appeal")
@volunteer_only
def appeal_dispute(dispute_id: int) -> ResponseReturnValue:
    form, words = AppealForm(), _("Your appeal is filed. The level above decides.")
    return _done(
        dispute_id, form, words, lambda: actions.appeal(dispute_id, actor(), words=form.words.data, now=clock.now())
    )


@bp.post("/me/disputes/<int:dispute_id>/withdrawal")
@volunteer_only
def withdraw_dispute(dispute_id: int) -> ResponseReturnValue:
    words = _("The dispute is withdrawn; the entry goes its way again.")
    return _done(dispute_id, Form(), words, lambda: actions.withdraw(dispute_id, actor(), now=clock.now()))


@bp.post("/me/disputes/<int:dispute_id>/proofs")
@volunteer_only
@takes_pictures
def add_proof(dispute_id: int) -> ResponseReturnValue:
    form = ProofForm()

    def act() -> object:
        return actions.add_proof(dispute_id, documents.sent(form.photo.data) or b"", actor(), now=clock.now())

    return _done(dispute_id, form, _("The picture is added."), act)


def _done(dispute_id: int, form: Form, words: str, act: Callable[[], object]) -> ResponseReturnValue:
    find, again = partial(_dispute_or_404, dispute_id), partial(_page, dispute_id, form)
    return carried_out(form, find, again, act, url_for(".my_dispute", dispute_id=dispute_id), words)


@bp.get("/me/dispute-proofs/<int:proof_id>")
@volunteer_only
def my_proof(proof_id: int) -> ResponseReturnValue:
    return documents.shown(queries.proof_of(proof_id, queries.of_owner(actor().account_id)))


def _record_or_404(record_id: int) -> ServiceRecord:
    return records.own_record(record_id, actor().volunteer_id or 0) or abort(404)


def _dispute_or_404(dispute_id: int) -> Dispute:
    return queries.own_dispute(dispute_id, actor().account_id) or abort(404)
