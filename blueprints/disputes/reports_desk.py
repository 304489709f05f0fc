"""The desk's side of reported registrations: what was reported, how the registration came about, and what follows."""

from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response, abort, url_for
from flask.typing import ResponseReturnValue

from blueprints.disputes import reported, reporting
from blueprints.disputes.forms import FindingForm
from blueprints.disputes.models import IdentityReport
from blueprints.disputes.reported import HANDLERS
from blueprints.identity.access import actor, staff
from core import clock, vault
from core.forms import Form
from core.i18n import _
from core.web import carried_out, respond, row_arg

bp = Blueprint("reports_desk", __name__)


@bp.get("/desk/identity-reports")
@staff(*HANDLERS)
def show_reports() -> ResponseReturnValue:
    number = min(row_arg("page") or 1, 10_000)
    found, more = reported.within(actor().reach(*HANDLERS), number)
    today = clock.today(clock.now())
    return respond("disputes/reports.html", reports=found, number=number, more=more, today=today)


@bp.get("/desk/identity-reports/<int:report_id>")
@staff(*HANDLERS)
def show_report(report_id: int) -> ResponseReturnValue:
    return _page(report_id, Form(formdata=None))


def _page(report_id: int, form: Form) -> Response:
    report = _report_or_404(report_id)
    origin = reported.origin(report.volunteer_id) if report.volunteer_id else None
    return respond(
        "disputes/report.html",
        report=report,
        said={name: _opened(getattr(report, f"{name}_sealed")) for name in ("words", "contact", "answer")},
        typed=_opened(report.phone_sealed).split(),
        origin=origin,
        barred=reported.barred_because(report, actor(), origin) if report.waits else None,
        today=clock.today(clock.now()),
        form=form,
        finding_form=form if isinstance(form, FindingForm) else FindingForm(formdata=None),
    )


def _opened(sealed: str | None) -> str:
    return vault.unseal(sealed) if sealed else ""


@bp.post("/desk/identity-reports/<int:report_id>/finding")
@staff(*HANDLERS)
def find(report_id: int) -> ResponseReturnValue:
    form, words = FindingForm(), _("Noted. A second person who had no hand in it has to agree.")
    return _decide(
        report_id, form, words, lambda now: reporting.find(report_id, actor(), answer=form.answer.data, now=now)
    )


@bp.post("/desk/identity-reports/<int:report_id>/dismissal")
@staff(*HANDLERS)
def dismiss(report_id: int) -> ResponseReturnValue:
    form, words = FindingForm(), _("Unfounded. Whoever reported it can read your answer.")
    return _decide(
        report_id, form, words, lambda now: reporting.dismiss(report_id, actor(), answer=form.answer.data, now=now)
    )


@bp.post("/desk/identity-reports/<int:report_id>/agreement")
@staff(*HANDLERS)
def agree(report_id: int) -> ResponseReturnValue:
    words = _("The registration is void: the account is closed, and its minutes count nowhere any more.")
    return _decide(report_id, Form(), words, lambda now: reporting.confirm(report_id, actor(), now=now))


@bp.post("/desk/identity-reports/<int:report_id>/reopening")
@staff(*HANDLERS)
def reopen(report_id: int) -> ResponseReturnValue:
    words = _("The report is open again.")
    return _decide(report_id, Form(), words, lambda now: reporting.reopen(report_id, actor(), now=now))


def _decide(report_id: int, form: Form, words: str, act: Callable[..., object]) -> ResponseReturnValue:
    find, again = partial(_report_or_404, report_id), partial(_page, report_id, form)
    address = url_for(".show_report", report_id=report_id)
    return carried_out(form, find, again, lambda: act(clock.now()), address, words)


def _report_or_404(report_id: int) -> IdentityReport:
    return reported.report_within(report_id, actor().reach(*HANDLERS)) or abort(404)
