"""The public side: somebody without an account reports a registration in their name, and follows what becomes of it.

Nothing here tells whether a phone number is known: the same words, the same status, the same questions either way.
"""

from flask import Blueprint, Response, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.disputes import reported, reporting
from blueprints.disputes.forms import FollowForm, ReportForm
from blueprints.identity import tries
from blueprints.identity.access import public
from blueprints.identity.pages import address
from core import clock, vault
from core.db import reading
from core.i18n import _
from core.web import afterwards, respond, see_other, submitted

bp = Blueprint("reports", __name__)
CODE_SHOWN = 24  # characters of a code in its groups, and some


@bp.get("/identity-reports")
@public
def new_report() -> ResponseReturnValue:
    return _page(ReportForm(formdata=None))


def _page(form: ReportForm | FollowForm) -> Response:
    return respond(
        "disputes/report_new.html",
        form=form,
        report_form=form if isinstance(form, ReportForm) else ReportForm(formdata=None),
        follow_form=form if isinstance(form, FollowForm) else FollowForm(formdata=None),
    )


@bp.post("/identity-reports")
@public
def file_report() -> ResponseReturnValue:
    form = ReportForm()
    return submitted(form, lambda: _page(form), lambda: _filed(form))


def _filed(form: ReportForm) -> ResponseReturnValue:
    """Every report counts as a try, whether or not anything fits: so nobody finds out who is registered by guessing."""
    now, counted = clock.now(), tries.of_phone("identity report", form.phone.number, address())
    with reading():
        tries.require_calm(counted, now=now)
    afterwards(lambda: tries.note(counted, now=now))
    said = {name: form[name].data for name in ("last_four", "birthday", "words", "contact")}
    _report, code = reporting.file(phone=form.phone.number, **said, now=now)
    flash(_("Your report has arrived. Please keep the code: with it you can follow the report here."), "success")
    return see_other(url_for(".follow", code=code))


@bp.post("/identity-reports/lookups")
@public
def look_up() -> ResponseReturnValue:
    """A code is typed into a form, so that it stands in no history but its own page's."""
    form = FollowForm()
    return submitted(form, lambda: _page(form), lambda: _led_on(form))


def _led_on(form: FollowForm) -> ResponseReturnValue:
    return see_other(url_for(".follow", code=vault.tidy(form.code.data or "")[:CODE_SHOWN] or "-"))


@bp.get("/identity-reports/<code>")
@public
def follow(code: str) -> ResponseReturnValue:
    """How far a report is, for whoever has its code; nothing about any registration."""
    tidied = vault.tidy(code)[:CODE_SHOWN]
    report = reported.by_code(tidied)
    answer = vault.unseal(report.answer_sealed) if report and report.decided_at and report.answer_sealed else ""
    page = respond("disputes/report_follow.html", report=report, code=tidied, answer=answer)
    page.status_code = 200 if report else 404
    page.headers["Cache-Control"] = "private, no-store"
    page.headers["Referrer-Policy"] = "no-referrer"
    return page
