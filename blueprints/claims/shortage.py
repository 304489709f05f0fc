"""The clerk's page for a shift that is short of people: cancel, merge, borrow, or go on."""

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from blueprints.claims import queries, shortfalls, shortness
from blueprints.claims.forms import ShortfallForm
from blueprints.claims.models import Remedy, ShortfallAnswer
from blueprints.identity.access import actor, staff
from blueprints.posts.models import Shift
from core import clock, display
from core.actor import Role
from core.db import reading
from core.i18n import _, ngettext
from core.web import respond, see_other, submitted

bp = Blueprint("shortage", __name__)


@bp.get("/desk/shifts/<int:shift_id>/shortfall")
@staff(Role.CLERK)
def show_shortfall(shift_id: int) -> ResponseReturnValue:
    """What is missing, what was answered so far, and the choice."""
    shift = _shift_or_404(shift_id)
    return _page(shift, _form(shift))


@bp.post("/desk/shifts/<int:shift_id>/shortfall-answers")
@staff(Role.CLERK)
def answer_shortfall(shift_id: int) -> ResponseReturnValue:
    with reading():
        form = _form(_shift_or_404(shift_id))
    return submitted(form, lambda: _page(_shift_or_404(shift_id), form), lambda: _answer(shift_id, form))


def _form(shift: Shift) -> ShortfallForm:
    form = ShortfallForm()
    targets = shortness.targets(shift, shift.post, clock.now())
    form.target.choices = [SelectChoice("", _("Please choose")), *(_target(each) for each in targets)]
    above = [SelectChoice("above", _("Ask the level above"))] if shift.post.organization.parent_id else []
    beside = [SelectChoice(str(each.id), each.name) for each in shortness.neighbours(shift.post.organization)]
    form.organization.choices = [SelectChoice("", _("Please choose")), *above, *beside]
    return form


def _target(shift: Shift) -> SelectChoice:
    return SelectChoice(str(shift.id), f"{display.span((shift.starts_at, shift.ends_at))} · {shift.post.title}")


def _page(shift: Shift, form: ShortfallForm) -> Response:
    asked = shortness.question(shift)
    decided = asked is None or not shortness.is_open(asked) or shift.starts_at <= clock.now()
    held = shortness.held(shift.id)
    return respond("claims/shortfall.html", shift=shift, asked=asked, decided=decided, form=form, held=held)


def _answer(shift_id: int, form: ShortfallForm) -> ResponseReturnValue:
    answer = _decide(shift_id, form)
    flash(_said(answer), "success")
    return see_other(url_for(".show_shortfall", shift_id=shift_id))


def _decide(shift_id: int, form: ShortfallForm) -> ShortfallAnswer:
    who, why, now = actor(), form.reason.data or "", clock.now()
    match Remedy(form.remedy.data):
        case Remedy.KEEP:
            return shortfalls.keep(shift_id, who, reason=why, now=now)
        case Remedy.CANCEL:
            return shortfalls.cancel(shift_id, who, reason=why, now=now)
        case Remedy.MERGE:
            return shortfalls.merge(shift_id, int(form.target.data), who, reason=why, now=now)
        case Remedy.BORROW:
            chosen = form.organization.data
            return shortfalls.borrow(shift_id, None if chosen == "above" else int(chosen), who, reason=why, now=now)


def _said(answer: ShortfallAnswer) -> str:
    sentences = {
        Remedy.KEEP: _("Noted: it takes place as planned."),
        Remedy.CANCEL: _("The shift is cancelled, and everybody on it is told why."),
        Remedy.MERGE: ngettext(
            "Merged: a place on the other shift is kept for %(num)d person. Everybody is told.",
            "Merged: places on the other shift are kept for %(num)d people. Everybody is told.",
            answer.told,
        ),
        Remedy.BORROW: ngettext("%(num)d person is asked.", "%(num)d people are asked.", answer.told),
    }
    return str(sentences[answer.remedy])


def _shift_or_404(shift_id: int) -> Shift:
    return queries.shift_within(shift_id, actor().reach(Role.CLERK)) or abort(404)
