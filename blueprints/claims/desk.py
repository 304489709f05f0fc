"""The clerk's side of a shift: its roster, and the roll-call on it."""

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.claims import absences, actions, queries
from blueprints.claims import roster as rosters
from blueprints.claims.forms import PunchForm, ReleaseForm, SettlementForm, WalkInForm
from blueprints.claims.models import Act, Claim, EvidenceClass, Punch
from blueprints.claims.roster import Phase, Row, Sheet
from blueprints.identity.access import actor, staff
from blueprints.posts.models import Shift
from core import clock, display, masks, sought
from core.actor import Role
from core.db import db
from core.forms import Form
from core.i18n import _
from core.web import is_poll, respond, row_arg, see_other, submitted

bp = Blueprint("claims_desk", __name__)
SEARCH_FROM = 20  # people; a shorter roster is read faster than searched
SPARE_LINES = 6  # on paper, for people who simply come


# --- the roster -------------------------------------------------------------------------------------------


@bp.get("/desk/shifts/<int:shift_id>/roster")
@staff(Role.CLERK)
def roster(shift_id: int) -> ResponseReturnValue:
    sheet = rosters.sheet(_shift_or_404(shift_id), clock.now())
    if not is_poll():  # a tag would stay on whatever asked, a search or a tap, and silence its next answer
        return _roster_page(sheet, row_arg("claim"))
    if request.headers["HX-PTag"] == _version(sheet):
        return Response(status=304)
    response = _roster_page(sheet)
    response.headers["HX-PTag"] = _version(sheet)
    return response


@bp.post("/desk/shifts/<int:shift_id>/roster/searches")
@staff(Role.CLERK)
def search_roster(shift_id: int) -> ResponseReturnValue:
    """What was typed goes on sealed: it may be the end of a phone number."""
    return see_other(url_for(".roster", shift_id=_shift_or_404(shift_id).id, s=sought.sealed(actor().account_id)))


@bp.get("/desk/shifts/<int:shift_id>/roster/print")
@staff(Role.CLERK)
def roster_print(shift_id: int) -> ResponseReturnValue:
    sheet, codes = rosters.sheet(_shift_or_404(shift_id), clock.now()), queries.row_codes(shift_id)
    return respond(
        "claims/roster_print.html",
        sheet=sheet,
        codes=codes,
        number=queries.sheet_number(shift_id),
        spare=SPARE_LINES,
        now=clock.now(),
        masks=masks,
    )


def _roster_page(sheet: Sheet, claim_id: int | None = None, form: Form | None = None) -> Response:
    """The whole roster, or the row of one claim if only that is swapped."""
    text = sought.words(actor().account_id)
    row = next((row for row in sheet.rows if row.claim.id == claim_id), None)
    return respond(
        "claims/roster.html",
        "claims/_roster_row.html" if row else "claims/_roster.html",
        sheet=sheet,
        row=row,
        form=form,
        text=text,
        rows=[row for row in sheet.rows if not text or row.answers_to(text)],
        searchable=len(sheet.rows) > SEARCH_FROM,
        code=queries.day_code(sheet.shift.id, clock.now()),
        version=_version(sheet),
    )


def _version(sheet: Sheet) -> str:
    return f"{sheet.version}-{queries.day_code(sheet.shift.id, clock.now())}"


# --- the roll-call ----------------------------------------------------------------------------------------


@bp.post("/desk/claims/<int:claim_id>/punches")
@staff(Role.CLERK)
def add_punch(claim_id: int) -> ResponseReturnValue:
    form, claim = PunchForm(), _claim_or_404(claim_id)
    return submitted(form, lambda: _row_again(claim_id, form), lambda: _punched(claim, form))


def _punched(claim: Claim, form: PunchForm) -> ResponseReturnValue:
    name, row = claim.volunteer.account.name, _row_url(claim)
    made = actions.punch(claim.id, Act(form.act.data), actor(), now=clock.now())
    flash(_said(made, name), "success")
    return see_other(row)


def _said(made: Punch, name: str) -> str:
    if made.act is Act.IN:
        return _("%(name)s: checked in at %(time)s.", name=name, time=display.hour(made.at))
    return _("%(name)s: checked out at %(time)s.", name=name, time=display.hour(made.at))


@bp.post("/desk/punches/<int:punch_id>/reversal")
@staff(Role.CLERK)
def reverse_punch(punch_id: int) -> ResponseReturnValue:
    form, claim_id = Form(), db.get_or_404(Punch, punch_id).claim_id
    claim = _claim_or_404(claim_id)
    return submitted(form, lambda: _row_again(claim_id, form), lambda: _reversed(claim, punch_id))


def _reversed(claim: Claim, punch_id: int) -> ResponseReturnValue:
    name, row = claim.volunteer.account.name, _row_url(claim)
    actions.undo(punch_id, actor(), now=clock.now())
    flash(_("%(name)s: the last entry is undone.", name=name), "success")
    return see_other(row)


def _row_again(claim_id: int, form: Form) -> Response:
    claim = _claim_or_404(claim_id)
    return _roster_page(rosters.sheet(claim.shift, clock.now()), claim.id, form)


def _row_url(claim: Claim) -> str:
    return url_for(".roster", shift_id=claim.shift_id, claim=claim.id, _anchor=f"claim-{claim.id}")


# --- people who come without a claim ------------------------------------------------------------------------


@bp.get("/desk/shifts/<int:shift_id>/walk-ins")
@staff(Role.CLERK)
def walk_ins(shift_id: int) -> ResponseReturnValue:
    return _walk_in_page(_shift_or_404(shift_id), WalkInForm())


@bp.post("/desk/shifts/<int:shift_id>/walk-ins/searches")
@staff(Role.CLERK)
def search_walk_ins(shift_id: int) -> ResponseReturnValue:
    return see_other(url_for(".walk_ins", shift_id=_shift_or_404(shift_id).id, s=sought.sealed(actor().account_id)))


@bp.post("/desk/shifts/<int:shift_id>/walk-ins")
@staff(Role.CLERK)
def add_walk_in(shift_id: int) -> ResponseReturnValue:
    form, shift = WalkInForm(), _shift_or_404(shift_id)
    return submitted(form, lambda: _walk_in_page(_shift_or_404(shift_id), form), lambda: _came(shift.id, form))


def _came(shift_id: int, form: WalkInForm) -> ResponseReturnValue:
    """Whoever walks in is there, so the same tap checks them in."""
    claim = actions.walk_in(shift_id, _enrollable_or_404(form), actor(), now=clock.now())
    actions.punch(claim.id, Act.IN, actor(), now=clock.now())
    flash(_("Added with place %(place)d and checked in.", place=claim.place or 0), "success")
    return see_other(_row_url(claim))


@bp.post("/desk/shifts/<int:shift_id>/claims")
@staff(Role.CLERK)
def claim_for(shift_id: int) -> ResponseReturnValue:
    form, shift = WalkInForm(), _shift_or_404(shift_id)
    return submitted(form, lambda: _walk_in_page(_shift_or_404(shift_id), form), lambda: _claimed_for(shift.id, form))


def _claimed_for(shift_id: int, form: WalkInForm) -> ResponseReturnValue:
    claim = actions.claim_for(shift_id, _enrollable_or_404(form), actor(), now=clock.now())
    if claim.place:
        flash(_("Claimed: place %(place)d. The person is told.", place=claim.place), "success")
    else:
        flash(_("The shift is full, so the person waits in line and is told."), "info")
    return see_other(_row_url(claim))


def _enrollable_or_404(form: WalkInForm) -> int:
    """The person on the form; an id alone brings up nobody's name and phone who is not within reach."""
    person = queries.enrollable(form.volunteer.data, actor(), form.phone.data or "") or abort(404)
    return person.id


def _walk_in_page(shift: Shift, form: WalkInForm) -> Response:
    text = sought.words(actor().account_id)
    sheet = rosters.sheet(shift, clock.now())
    found = queries.candidates(text, actor().reach(Role.CLERK)) if text else []
    return respond(
        "claims/roster_walk_ins.html",
        sheet=sheet,
        form=form,
        text=text,
        s=request.args.get(sought.NAME) if text else None,
        found=found,
        near={person.id for person in found if actor().may(Role.CLERK, person.registered_with.path)},
        known={row.claim.volunteer_id: row.claim for row in sheet.rows},
        early=sheet.phase is Phase.BEFORE,
        over=sheet.phase not in (Phase.BEFORE, Phase.OPEN),
        marks=absences.marks((person.id for person in found), actor().reach(Role.CLERK), clock.now()),
        masks=masks,
    )


# --- one person on the roster -------------------------------------------------------------------------------


@bp.get("/desk/claims/<int:claim_id>")
@staff(Role.CLERK)
def show_claim(claim_id: int) -> ResponseReturnValue:
    return _claim_page(_claim_or_404(claim_id), ReleaseForm())


def _claim_page(claim: Claim, form: ReleaseForm) -> Response:
    history, phase = queries.told_history(claim.id), rosters.phase(claim.shift, clock.now())
    row = Row(claim, queries.attendance_told(history))
    return respond("claims/roster_claim.html", row=row, phase=phase, form=form, history=history)


@bp.post("/desk/claims/<int:claim_id>/release")
@staff(Role.CLERK)
def release_claim(claim_id: int) -> ResponseReturnValue:
    form, claim = ReleaseForm(), _claim_or_404(claim_id)
    return submitted(form, lambda: _claim_page(_claim_or_404(claim_id), form), lambda: _released(claim, form))


def _released(claim: Claim, form: ReleaseForm) -> ResponseReturnValue:
    actions.release(claim.id, actor(), reason=form.reason.data, now=clock.now())
    flash(_("The place is free again and the person is told."), "success")
    return see_other(url_for(".roster", shift_id=claim.shift_id))


@bp.get("/desk/claims/<int:claim_id>/settlement")
@staff(Role.CLERK)
def settlement(claim_id: int) -> ResponseReturnValue:
    claim = _claim_or_404(claim_id)
    seen = queries.attendance(claim.id)
    started = clock.local(seen.spans[0].entered.at).time() if seen.spans else None
    return _settlement_page(claim, SettlementForm(started=started))


@bp.post("/desk/claims/<int:claim_id>/settlement")
@staff(Role.CLERK)
def settle(claim_id: int) -> ResponseReturnValue:
    form, claim = SettlementForm(), _claim_or_404(claim_id)
    return submitted(form, lambda: _settlement_page(_claim_or_404(claim_id), form), lambda: _settled(claim, form))


def _settled(claim: Claim, form: SettlementForm) -> ResponseReturnValue:
    opens, _closes, last = queries.window(claim.shift)
    name, row = claim.volunteer.account.name, _row_url(claim)
    started, ended = form.moments(opens, last)
    actions.settle(claim.id, actor(), started_at=started, ended_at=ended, note=form.note.data, now=clock.now())
    flash(_("%(name)s: the times are entered and the person is told.", name=name), "success")
    return see_other(row)


def _settlement_page(claim: Claim, form: SettlementForm) -> Response:
    closes = queries.closes_at(claim.shift)
    return respond(
        "claims/roster_settlement.html",
        sheet=rosters.sheet(claim.shift, clock.now()),
        row=Row(claim, queries.attendance(claim.id)),
        form=form,
        closes=closes,
        evidence=EvidenceClass.B if clock.now() <= closes else EvidenceClass.C,
    )


def _shift_or_404(shift_id: int) -> Shift:
    return queries.shift_within(shift_id, actor().reach(Role.CLERK)) or abort(404)


def _claim_or_404(claim_id: int) -> Claim:
    return queries.claim_within(claim_id, actor().reach(Role.CLERK)) or abort(404)
