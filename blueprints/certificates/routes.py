"""The holder's side: asking for a certificate, and downloading it; and the page where anybody checks one."""

from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.certificates import actions, queries
from blueprints.certificates.forms import MOST_CODES, CertificateForm, CodeForm, ManyCodesForm
from blueprints.certificates.front import Kept
from blueprints.certificates.models import Certificate, CertificateFile, CertificateState
from blueprints.certificates.queries import Span
from blueprints.claims.models import EvidenceClass
from blueprints.identity.access import actor, public, volunteer_only
from core import clock, vault
from core.brake import Brake
from core.db import db, reading
from core.i18n import _, lazy
from core.web import respond, row_arg, see_other, submitted, text_arg

bp = Blueprint("certificates", __name__)
brake = Brake()
kept = Kept()


# --- the holder -----------------------------------------------------------------------------------------------


@bp.get("/me/certificates")
@volunteer_only
def my_certificates() -> ResponseReturnValue:
    today = clock.today(clock.now())
    form = CertificateForm(formdata=None, from_on=date(today.year, 1, 1), until_on=today)
    return _mine_page(form)


@bp.post("/me/certificates")
@volunteer_only
def create_certificate() -> ResponseReturnValue:
    form = CertificateForm()
    with reading():
        organizations = _organizations()
    form.offer(organizations)
    return submitted(form, lambda: _mine_page(form), lambda: _made(form, dict(organizations)))


def _made(form: CertificateForm, organizations: dict[int, str]) -> ResponseReturnValue:
    chosen = form.organization.data or None
    if chosen and chosen not in organizations:
        abort(404)
    span = Span(form.from_on.data, form.until_on.data, form.chosen, chosen)
    return _requested(span) if chosen else _printed(span)


def _requested(span: Span) -> ResponseReturnValue:
    made = actions.request_stamped(actor().volunteer_id or 0, span, now=clock.now())
    flash(_("The request is sent. You are told as soon as the organization has decided."), "success")
    return see_other(url_for(".my_certificate", certificate_id=made.id))


def _printed(span: Span) -> ResponseReturnValue:
    """The paper is made and signed before anything is locked; then it is written down if it is still true."""
    now = clock.now()
    with reading():
        draft = actions.draft_own(actor().volunteer_id or 0, span, address=base_address(), now=now)
    made = actions.issue_own(draft, now=now)
    flash(_("The certificate is ready."), "success")
    return see_other(url_for(".my_certificate", certificate_id=made.id))


def base_address() -> str:
    return current_app.config["PUBLIC_URL"] or request.host_url.rstrip("/")


def _organizations() -> list[tuple[int, str]]:
    return [(one.id, one.name) for one in queries.recorded_by(actor().volunteer_id or 0)]


def _mine_page(form: CertificateForm) -> Response:
    form.offer(_organizations())
    return respond("certificates/mine.html", form=form, certificates=queries.of_volunteer(actor().volunteer_id or 0))


@bp.get("/me/certificates/<int:certificate_id>")
@volunteer_only
def my_certificate(certificate_id: int) -> ResponseReturnValue:
    mine = _own_or_404(certificate_id)
    told = queries.checked(mine.code) if mine.issued_at else None
    return respond("certificates/my_certificate.html", certificate=mine, told=told, address=base_address())


@bp.get("/me/certificates/<int:certificate_id>/entries")
@volunteer_only
def my_entries(certificate_id: int) -> ResponseReturnValue:
    """Why a number of the paper is what it is: the entries that it adds up, and what they are worth today."""
    mine, letter = _own_or_404(certificate_id), request.args.get("evidence", "")
    told = queries.checked(mine.code) or abort(404)
    evidence = EvidenceClass(letter) if letter in set(EvidenceClass) else None
    found = queries.entries_of(mine.id, evidence, row_arg("after") or 0)
    view: dict[str, Any] = {"entries": found[: queries.PAGE], "more": len(found) > queries.PAGE, "evidence": evidence}
    return respond("certificates/entries.html", certificate=mine, told=told, **view)


@bp.get("/me/certificates/<int:certificate_id>/file")
@volunteer_only
def my_file(certificate_id: int) -> ResponseReturnValue:
    """The signed paper, for its holder alone."""
    mine = _own_or_404(certificate_id)
    kept = db.select(CertificateFile.content).where(CertificateFile.certificate_id == mine.id)
    response = Response(db.session.scalar(kept) or abort(404), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{mine.number}.pdf"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _own_or_404(certificate_id: int) -> Certificate:
    return queries.own(certificate_id, actor().volunteer_id or 0) or abort(404)


# --- anybody --------------------------------------------------------------------------------------------------


@bp.get("/verify")
@public
def verify() -> ResponseReturnValue:
    """Where a code is typed; one in the query leads on to its page."""
    if typed := text_arg("code", 40):
        return see_other(url_for(".verified", code=vault.tidy(typed)[:24] or "-"))
    return respond("certificates/verify.html", form=CodeForm(formdata=None), many=ManyCodesForm(formdata=None))


@bp.get("/verify/<code>")
@public
def verified(code: str) -> ResponseReturnValue:
    """What a certificate is worth today; nothing else about anybody."""
    _slow_down(1)
    typed, now = vault.tidy(code)[:24], clock.now()
    return kept.page(queries.standing(typed), now, lambda: _verified_page(typed, now))


def _verified_page(code: str, now: datetime) -> Response:
    told = queries.checked(code)
    page = respond("certificates/verified.html", told=told, today=now, states=CertificateState)
    page.status_code = 200 if told else 404
    return page


@bp.get("/verifications")
@public
def verify_many() -> ResponseReturnValue:
    """Many codes at once, as a school has them: a table that can be printed."""
    codes = list(dict.fromkeys(vault.tidy(each)[:24] for each in text_arg("codes", 5_000).split()))[:MOST_CODES]
    _slow_down(max(1, len(codes) // 10))
    found = queries.checked_all(codes)
    return respond("certificates/verify_many.html", **_table(codes, found))


def _table(codes: list[str], found: dict[str, Any]) -> dict[str, Any]:
    rows = [(code, found.get(code)) for code in codes]
    return {"rows": rows, "valid": sum(bool(told and told.is_valid) for _code, told in rows), "now": clock.now()}


SLOW = lazy("Too many codes in a short time. Please wait a minute and go on.")


def _slow_down(weight: int) -> None:
    brake.require_calm(request.remote_addr or "", clock.real().timestamp(), SLOW, weight)
