"""Who did not come: the clerk's list after a shift, the person's own page, and what a second person decides."""

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.claims import absences, marking, queries
from blueprints.claims.absence_forms import AbsenceForm, DecisionForm, DisputeForm
from blueprints.claims.models import Absence, AbsenceKind, AbsenceOutcome, Claim
from blueprints.identity.access import actor, staff, volunteer_only
from blueprints.posts.models import Shift
from core import clock
from core.actor import Role
from core.db import reading
from core.forms import Form
from core.i18n import _
from core.web import respond, see_other, submitted

bp = Blueprint("missed", __name__)
DECIDERS = marking.DECIDERS


# --- after the shift ----------------------------------------------------------------------------------------


@bp.get("/desk/shifts/<int:shift_id>/absences")
@staff(Role.CLERK)
def show_missing(shift_id: int) -> ResponseReturnValue:
    return _missing_page(_shift_or_404(shift_id))


def _missing_page(shift: Shift, form: AbsenceForm | None = None, claim_id: int | None = None) -> Response:
    now = clock.now()
    return respond(
        "claims/absences.html",
        shift=shift,
        missing=absences.missing(shift.id, now),
        is_over=now >= shift.ends_at,
        is_open=shift.ends_at <= now <= absences.noted_until(shift),
        form=form,
        refused=claim_id,
    )


@bp.post("/desk/claims/<int:claim_id>/absence")
@staff(Role.CLERK)
def note_absence(claim_id: int) -> ResponseReturnValue:
    form, claim = AbsenceForm(), _claim_or_404(claim_id)

    def again() -> Response:
        return _missing_page(_claim_or_404(claim_id).shift, form, claim_id)

    return submitted(form, again, lambda: _noted(claim, form))


def _noted(claim: Claim, form: AbsenceForm) -> ResponseReturnValue:
    name, list_url = claim.volunteer.account.name, _list_url(claim)
    kind = AbsenceKind(form.kind.data)
    marking.note(claim.id, kind, actor(), reason=form.reason.data or "", now=clock.now())
    if kind is AbsenceKind.NO_SHOW:
        flash(_("%(name)s: noted as not there. They are told and can object.", name=name), "success")
    else:
        flash(_("%(name)s: noted as excused.", name=name), "success")
    return see_other(list_url)


@bp.post("/desk/absences/<int:absence_id>/withdrawal")
@staff(Role.CLERK)
def withdraw_absence(absence_id: int) -> ResponseReturnValue:
    form, noted = Form(), _absence_or_404(absence_id, Role.CLERK)

    def again() -> Response:
        shift = _shift_or_404(_absence_or_404(absence_id, Role.CLERK).claim.shift_id)
        return _missing_page(shift, form, noted.claim_id)

    return submitted(form, again, lambda: _withdrawn(noted))


def _withdrawn(noted: Absence) -> ResponseReturnValue:
    name, list_url = noted.claim.volunteer.account.name, _list_url(noted.claim)
    marking.take_back(noted.id, actor(), now=clock.now())
    flash(_("%(name)s: the note is taken back.", name=name), "success")
    return see_other(list_url)


def _list_url(claim: Claim) -> str:
    return url_for(".show_missing", shift_id=claim.shift_id, _anchor=f"claim-{claim.id}")


# --- objections ---------------------------------------------------------------------------------------------


@bp.get("/desk/absences")
@staff(*DECIDERS)
def show_disputes() -> ResponseReturnValue:
    found = absences.disputes(actor().reach(*DECIDERS))
    barred = {noted.id: marking.barred_because(noted, noted.claim, actor()) for noted in found}
    return respond("claims/disputes.html", disputes=found, barred=barred)


@bp.get("/desk/absences/<int:absence_id>")
@staff(*DECIDERS)
def show_absence(absence_id: int) -> ResponseReturnValue:
    return _dispute_page(_absence_or_404(absence_id, *DECIDERS), DecisionForm())


@bp.post("/desk/absences/<int:absence_id>/decision")
@staff(*DECIDERS)
def decide_absence(absence_id: int) -> ResponseReturnValue:
    form, noted = DecisionForm(), _absence_or_404(absence_id, *DECIDERS)
    again = lambda: _dispute_page(_absence_or_404(absence_id, *DECIDERS), form)  # noqa: E731
    return submitted(form, again, lambda: _decided(noted.id, form))


def _decided(absence_id: int, form: DecisionForm) -> ResponseReturnValue:
    outcome = AbsenceOutcome(form.outcome.data)
    marking.decide(absence_id, outcome, form.reason.data, actor(), now=clock.now())
    overturned = outcome is AbsenceOutcome.OVERTURNED
    flash(_("The note is taken off. The person is told.") if overturned else _("The note stays. The person is told."))
    return see_other(url_for(".show_disputes"))


def _dispute_page(noted: Absence, form: DecisionForm) -> Response:
    """What was noted and objected to; a note nobody objected to, or that has gone, is nobody's to look up."""
    if noted.disputed_at is None or _is_gone(noted):
        abort(404)
    barred = marking.barred_because(noted, noted.claim, actor())
    return respond("claims/dispute.html", noted=noted, by=absences.marker(noted), barred=barred, form=form)


def _is_gone(noted: Absence) -> bool:
    faded = noted.fades_at is not None and noted.fades_at <= clock.now() and not noted.waits
    return faded or noted.undone_at is not None or noted.outcome is AbsenceOutcome.OVERTURNED


# --- the person's own page ----------------------------------------------------------------------------------


@bp.get("/me/absences")
@volunteer_only
def own_absences() -> ResponseReturnValue:
    """What is noted about me, who sees it, until when, and how I say that it is not right."""
    return _own_page(DisputeForm())


@bp.post("/me/absences/<int:absence_id>/dispute")
@volunteer_only
def dispute_absence(absence_id: int) -> ResponseReturnValue:
    with reading():
        absences.own_or_none(absence_id, actor().volunteer_id or 0) or abort(404)
    form = DisputeForm()
    return submitted(form, lambda: _own_page(form, absence_id), lambda: _disputed(absence_id, form))


def _disputed(absence_id: int, form: DisputeForm) -> ResponseReturnValue:
    marking.dispute(absence_id, form.words.data, actor(), now=clock.now())
    flash(_("Your objection is sent. Another person looks at it; until then the note counts nowhere."), "success")
    return see_other(url_for(".own_absences"))


def _own_page(form: DisputeForm, refused: int | None = None) -> Response:
    now = clock.now()
    found = absences.own(actor().volunteer_id or 0, now)
    forms = {noted.id: _dispute_form(noted.id) for noted in found}
    if refused in forms:
        form.words.id = forms[refused].words.id
        forms[refused] = form
    return respond("claims/own_absences.html", absences=found, forms=forms, refused=refused, form=form)


def _dispute_form(absence_id: int) -> DisputeForm:
    form = DisputeForm(formdata=None)
    form.words.id = f"words-{absence_id}"
    return form


def _shift_or_404(shift_id: int) -> Shift:
    return queries.shift_within(shift_id, actor().reach(Role.CLERK)) or abort(404)


def _claim_or_404(claim_id: int) -> Claim:
    return queries.claim_within(claim_id, actor().reach(Role.CLERK)) or abort(404)


def _absence_or_404(absence_id: int, *roles: Role) -> Absence:
    return absences.within(absence_id, actor().reach(*roles)) or abort(404)
