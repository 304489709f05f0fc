"""The organization's side: looking at requests for a stamped certificate, issuing, declining, taking back."""

from collections.abc import Callable

from flask import Blueprint, Response, abort, url_for
from flask.typing import ResponseReturnValue

from blueprints.certificates import actions, queries
from blueprints.certificates.forms import ReasonForm
from blueprints.certificates.models import Certificate
from blueprints.certificates.queries import Span
from blueprints.certificates.routes import base_address
from blueprints.identity.access import actor, staff
from core import clock
from core.actor import Role
from core.db import reading
from core.forms import Form
from core.i18n import _
from core.web import carried_out, respond

bp = Blueprint("certificates_desk", __name__)
BOTH = (Role.CLERK, Role.CONFIRMER)


@bp.get("/desk/certificates")
@staff(*BOTH)
def requests() -> ResponseReturnValue:
    return respond("certificates/requests.html", requests=queries.waiting(actor().reach(*BOTH)))


@bp.get("/desk/certificates/<int:certificate_id>")
@staff(*BOTH)
def show_request(certificate_id: int) -> ResponseReturnValue:
    return _page(_asked_or_404(certificate_id, *BOTH), Form())


def _page(asked: Certificate, form: Form) -> Response:
    span = Span(asked.from_on, asked.until_on, asked.category, asked.organization_id)
    return respond(
        "certificates/request.html",
        asked=asked,
        lines=queries.lines(asked.volunteer_id, span),
        told=queries.checked(asked.code) if asked.issued_at else None,
        form=form,
        reason_form=form if isinstance(form, ReasonForm) else ReasonForm(formdata=None),
        may_check=actor().may(Role.CLERK, asked.organization.path) if asked.organization else False,
        may_issue=actor().may(Role.CONFIRMER, asked.organization.path) if asked.organization else False,
    )


@bp.post("/desk/certificates/<int:certificate_id>/check")
@staff(Role.CLERK)
def check_request(certificate_id: int) -> ResponseReturnValue:
    return _decide(certificate_id, Form(), (Role.CLERK,), lambda _form: _checked(certificate_id))


def _checked(certificate_id: int) -> str:
    actions.check(certificate_id, actor(), now=clock.now())
    return str(_("Checked. A confirmer issues it."))


@bp.post("/desk/certificates/<int:certificate_id>/issue")
@staff(Role.CONFIRMER)
def issue_certificate(certificate_id: int) -> ResponseReturnValue:
    return _decide(certificate_id, Form(), (Role.CONFIRMER,), lambda _form: _issued(certificate_id))


def _issued(certificate_id: int) -> str:
    now = clock.now()
    with reading():
        draft = actions.draft_stamped(certificate_id, actor(), address=base_address(), now=now)
    actions.issue_stamped(draft, actor(), now=now)
    return str(_("Issued. The person can download and print it; the seal goes on the paper."))


@bp.post("/desk/certificates/<int:certificate_id>/refusal")
@staff(*BOTH)
def decline_request(certificate_id: int) -> ResponseReturnValue:
    return _decide(certificate_id, ReasonForm(), BOTH, lambda form: _declined(certificate_id, form))


def _declined(certificate_id: int, form: ReasonForm) -> str:
    actions.decline(certificate_id, actor(), reason=form.reason.data or "", now=clock.now())
    return str(_("Declined, and the person is told why."))


@bp.post("/desk/certificates/<int:certificate_id>/revocation")
@staff(Role.CONFIRMER)
def revoke_certificate(certificate_id: int) -> ResponseReturnValue:
    return _decide(certificate_id, ReasonForm(), (Role.CONFIRMER,), lambda form: _revoked(certificate_id, form))


def _revoked(certificate_id: int, form: ReasonForm) -> str:
    actions.revoke(certificate_id, actor(), reason=form.reason.data or "", now=clock.now())
    return str(_("Taken back. Whoever checks it is told so from now on."))


def _decide(certificate_id: int, form: Form, roles: tuple[Role, ...], act: Callable[..., str]) -> ResponseReturnValue:
    def find() -> Certificate:
        return _asked_or_404(certificate_id, *roles)

    address = url_for(".show_request", certificate_id=certificate_id)
    return carried_out(form, find, lambda: _page(find(), form), lambda: act(form), address)


def _asked_or_404(certificate_id: int, *roles: Role) -> Certificate:
    return queries.within(certificate_id, actor().reach(*roles)) or abort(404)
