"""The paper sheet: its photo as evidence, and its rows typed in on one screen."""

from datetime import datetime

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.claims import queries as claims
from blueprints.claims import roster as rosters
from blueprints.claims.forms import moment_of
from blueprints.claims.roster import Sheet
from blueprints.identity.access import actor, staff
from blueprints.posts.models import Shift
from blueprints.rollcall import actions, queries
from blueprints.rollcall.actions import Line, RowsRefused
from blueprints.rollcall.forms import PhotoForm, RowForm, SheetForm, hour
from blueprints.rollcall.models import Evidence
from core import checked, clock, pictures
from core.actor import Role
from core.db import reading
from core.forms import Form
from core.i18n import _, ngettext
from core.refusal import Refusal
from core.uploads import takes_pictures
from core.web import respond, see_other, submitted, text_arg

bp = Blueprint("rollcall_sheets", __name__)
SPARE_ROWS, LEAST_ROWS = 2, 8


@bp.app_template_global()
def evidence_on(*shifts: Shift) -> dict[int, list[Evidence]]:
    """The pictures of these shifts, for the pages on which somebody decides."""
    return queries.evidence_on(shift.id for shift in shifts)


@bp.get("/desk/sheets")
@staff(Role.CLERK)
def find_sheet() -> ResponseReturnValue:
    number = text_arg("number", 20)
    shift_id = claims.shift_of_sheet(number) if number else None
    if shift_id and shift_id < 2**31 and claims.shift_within(shift_id, actor().reach(Role.CLERK)):
        return see_other(url_for(".show_sheet", shift_id=shift_id))
    return respond("rollcall/sheets.html", number=number)


@bp.get("/desk/shifts/<int:shift_id>/sheet")
@staff(Role.CLERK)
def show_sheet(shift_id: int) -> ResponseReturnValue:
    return _sheet_page(shift_id, SheetForm())


def _sheet_page(shift_id: int, form: Form) -> Response:
    sheet = rosters.sheet(_shift_or_404(shift_id), clock.now())
    typed = form if isinstance(form, SheetForm) else SheetForm(formdata=None)
    typed.add_rows(max(LEAST_ROWS, sheet.held + SPARE_ROWS))
    codes = claims.row_codes(shift_id)
    return respond(
        "rollcall/sheet.html",
        sheet=sheet,
        number=claims.sheet_number(shift_id),
        codes=codes,
        names={codes[row.claim.id]: row.name for row in sheet.rows if row.is_held},
        plain=checked.plain,
        evidence=queries.evidence_on([shift_id]).get(shift_id, []),
        form=form,
        typed=typed,
        photo_form=form if isinstance(form, PhotoForm) else PhotoForm(formdata=None),
        closes=claims.closes_at(sheet.shift),
        now=clock.now(),
    )


# --- the photo ----------------------------------------------------------------------------------------------


@bp.post("/desk/shifts/<int:shift_id>/sheet/photos")
@staff(Role.CLERK)
@takes_pictures
def add_photo(shift_id: int) -> ResponseReturnValue:
    with reading():  # nothing is locked while the picture is made anew
        _shift_or_404(shift_id)
    form = PhotoForm()
    return submitted(form, lambda: _sheet_page(shift_id, form), lambda: _photo_kept(shift_id, form))


def _photo_kept(shift_id: int, form: PhotoForm) -> ResponseReturnValue:
    picture = pictures.cleaned(form.photo.data.read())
    actions.keep_picture(shift_id, picture, actor(), now=clock.now())
    flash(_("The photo is kept. Now type in the rows."), "success")
    return see_other(url_for(".show_sheet", shift_id=shift_id))


@bp.get("/desk/evidence/<int:evidence_id>")
@staff(Role.CLERK, Role.CONFIRMER)
def show_picture(evidence_id: int) -> ResponseReturnValue:
    paths = actor().reach(Role.CLERK, Role.CONFIRMER)
    return pictures.shown(queries.picture_within(evidence_id, paths))


# --- its rows -----------------------------------------------------------------------------------------------


@bp.post("/desk/shifts/<int:shift_id>/sheet")
@staff(Role.CLERK)
def enter_sheet(shift_id: int) -> ResponseReturnValue:
    sheet, form = rosters.sheet(_shift_or_404(shift_id), clock.now()), SheetForm()
    return submitted(form, lambda: _sheet_page(shift_id, form), lambda: _entered(sheet, form))


def _entered(sheet: Sheet, form: SheetForm) -> ResponseReturnValue:
    rows, shift_id = [entry.form for entry in form.rows if not entry.form.is_empty], sheet.shift.id
    lines = _lines(sheet, rows)
    try:
        actions.enter_sheet(shift_id, lines, actor(), now=clock.now())
    except RowsRefused as refused:
        for number, sentence in refused.rows.items():
            rows[number].code.errors = [sentence]
        raise
    flash(ngettext("One person is entered and told.", "%(num)d people are entered and told.", len(lines)), "success")
    return see_other(url_for(".show_sheet", shift_id=shift_id))


def _lines(sheet: Sheet, rows: list[RowForm]) -> list[Line]:
    """What the rows say; codes that are not on the sheet, or typed twice, are marked all at once."""
    claim_ids = {code: claim_id for claim_id, code in claims.row_codes(sheet.shift.id).items()}
    typed = [checked.plain(row.code.data or "") for row in rows]
    for row, code in zip(rows, typed, strict=True):
        if code not in claim_ids:
            row.code.errors = [_("This code is not on the sheet of this shift. Please look again.")]
        elif typed.count(code) > 1:
            row.code.errors = [_("This code is typed twice.")]
    if any(row.code.errors for row in rows):
        raise Refusal(_("Nothing was entered yet. Please look at the marked rows."))
    return [_line(code, claim_ids[code], sheet, row) for row, code in zip(rows, typed, strict=True)]


def _line(code: str, claim_id: int, sheet: Sheet, row: RowForm) -> Line:
    """Both times as moments; over midnight the day is the one on which the shift can have been attended."""
    came, left = hour(row.came.data or ""), hour(row.left.data or "")
    if came is None or left is None:  # the form has refused that
        abort(422)
    started: datetime = moment_of(came, sheet.opens - clock.MINUTE, sheet.last)
    return Line(code, claim_id, started, moment_of(left, started, sheet.last))


def _shift_or_404(shift_id: int) -> Shift:
    return claims.shift_within(shift_id, actor().reach(Role.CLERK)) or abort(404)
