"""The organization's side of certificates for many at once: putting a list together, issuing it, following the task."""

from collections.abc import Callable

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.certificates import batches
from blueprints.certificates.forms import BatchForm, ReasonForm
from blueprints.certificates.models import CertificateBatch
from blueprints.certificates.queries import Span
from blueprints.certificates.routes import base_address
from blueprints.identity.access import actor, staff
from blueprints.jobs.models import LIVE
from core import clock
from core.actor import Role
from core.db import reading
from core.forms import Form
from core.i18n import _
from core.web import carried_out, respond, row_arg, see_other, submitted

bp = Blueprint("certificate_batches", __name__)
BOTH = (Role.CLERK, Role.CONFIRMER)


@bp.get("/desk/certificate-batches")
@staff(*BOTH)
def every() -> ResponseReturnValue:
    today = clock.today(clock.now())
    return _list(BatchForm(formdata=None, from_on=today.replace(month=1, day=1), until_on=today))


def _list(form: BatchForm) -> Response:
    form.offer([(one.id, one.name) for one in batches.recording(actor().reach(Role.CLERK))])
    return respond("certificates/batches.html", form=form, batches=batches.within(actor().reach(*BOTH)))


@bp.post("/desk/certificate-batches")
@staff(Role.CLERK)
def prepare() -> ResponseReturnValue:
    form = BatchForm()
    with reading():
        organizations = [(one.id, one.name) for one in batches.recording(actor().reach(Role.CLERK))]
    form.offer(organizations)
    return submitted(form, lambda: _list(form), lambda: _prepared(form, dict(organizations)))


def _prepared(form: BatchForm, organizations: dict[int, str]) -> ResponseReturnValue:
    if form.organization.data not in organizations:
        abort(404)
    span = Span(form.from_on.data, form.until_on.data, form.chosen, form.organization.data)
    made = batches.prepare(span, form.typed, actor(), now=clock.now())
    flash(_("The list is ready. A confirmer, another person, issues the certificates."), "success")
    return see_other(url_for(".show", list_id=made.id))


@bp.get("/desk/certificate-batches/<int:list_id>")
@staff(*BOTH)
def show(list_id: int) -> ResponseReturnValue:
    return _page(_batch_or_404(list_id), Form())


def _page(batch: CertificateBatch, form: Form) -> Response:
    found = batches.members(batch.id, row_arg("after") or 0)
    return respond(
        "certificates/batch.html",
        batch=batch,
        members=found[: batches.PAGE],
        more=found[batches.PAGE - 1].id if len(found) > batches.PAGE else None,
        counts=batches.counts(batch.id),
        form=form,
        reason_form=form if isinstance(form, ReasonForm) else ReasonForm(formdata=None),
        may_issue=actor().may(Role.CONFIRMER, batch.organization.path),
        is_at_work=batch.job is not None and batch.job.state in LIVE,
    )


@bp.post("/desk/certificate-batches/<int:list_id>/issue")
@staff(Role.CONFIRMER)
def issue(list_id: int) -> ResponseReturnValue:
    return _decide(list_id, Form(), (Role.CONFIRMER,), lambda _form: _issued(list_id))


def _issued(list_id: int) -> str:
    batches.issue(list_id, actor(), address=base_address(), now=clock.now())
    return str(_("The certificates are being issued one after the other. You may leave this page."))


@bp.post("/desk/certificate-batches/<int:list_id>/continuation")
@staff(Role.CONFIRMER)
def go_on(list_id: int) -> ResponseReturnValue:
    return _decide(list_id, Form(), (Role.CONFIRMER,), lambda _form: _gone_on(list_id))


def _gone_on(list_id: int) -> str:
    batches.go_on(list_id, actor(), address=base_address(), now=clock.now())
    return str(_("It goes on where it stopped."))


@bp.post("/desk/certificate-batches/<int:list_id>/refusal")
@staff(*BOTH)
def decline(list_id: int) -> ResponseReturnValue:
    return _decide(list_id, ReasonForm(), BOTH, lambda form: _declined(list_id, form))


def _declined(list_id: int, form: ReasonForm) -> str:
    batches.decline(list_id, actor(), reason=form.reason.data or "", now=clock.now())
    return str(_("Declined. No certificate is issued."))


def _decide(list_id: int, form: Form, roles: tuple[Role, ...], act: Callable[..., str]) -> ResponseReturnValue:
    def find() -> CertificateBatch:
        return _batch_or_404(list_id, *roles)

    return carried_out(form, find, lambda: _page(find(), form), lambda: act(form), url_for(".show", list_id=list_id))


def _batch_or_404(list_id: int, *roles: Role) -> CertificateBatch:
    return batches.batch_within(list_id, actor().reach(*(roles or BOTH))) or abort(404)
