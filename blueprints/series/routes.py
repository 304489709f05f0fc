"""The volunteer's side of what repeats: the dates to come, and claiming or giving up several of them at once."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint, Response, abort, flash
from flask.typing import ResponseReturnValue

from blueprints.claims.models import ClaimState
from blueprints.identity.access import actor, public, signed_in, viewer
from blueprints.posts.models import Shift
from blueprints.series import actions, queries, words
from blueprints.series.actions import Answer
from blueprints.series.forms import GiveUpForm, TicksForm
from core import clock, display
from core.db import db, reading
from core.forms import Form
from core.i18n import _, ngettext
from core.web import respond, see_other, submitted

bp = Blueprint("series", __name__)
MOST_SENTENCES, MOST_DAYS = 3, 6  # of refusals in one message: it travels in a cookie, and each date says why, too


@bp.app_template_global()
def series_of_shift(shift_id: int) -> tuple[int, int] | None:
    """The series that a shift belongs to and how many dates of it are to come, if there are others."""
    found = queries.siblings(shift_id, clock.now())
    return found if found and found[1] > 1 else None


@bp.get("/series/<int:series_id>")
@public
def show_dates(series_id: int) -> ResponseReturnValue:
    """Every date to come, each with its places, and what the viewer can do with several of them."""
    return _page(series_id)


def _page(series_id: int, form: Form | None = None) -> Response:
    series = queries.shown(series_id) or abort(404)
    dates = queries.offered(series, viewer(), clock.now())
    ticked = set(form.ids()) if isinstance(form, TicksForm | GiveUpForm) else set()
    barred = {one.why_not for one in dates if not one.mine}
    common = barred.pop() if len(barred) == 1 else None
    said = [words.hours(series, slot) for slot in queries.standing_slots(series)]
    context: dict[str, Any] = {
        "said": words.rhythm(series) + " · " + _(", ").join(said),
        "ticked": ticked,
        "common": common,
    }
    context |= {"mine": [one for one in dates if one.mine], "open": [one for one in dates if not one.mine]}
    giving_up = form if isinstance(form, GiveUpForm) else GiveUpForm(formdata=None)
    claiming = form if form and form is not giving_up else TicksForm(formdata=None)
    return respond(
        "series/dates.html", series=series, post=series.post, claiming=claiming, giving_up=giving_up, **context
    )


@bp.post("/series/<int:series_id>/claims")
@signed_in
def create_claims(series_id: int) -> ResponseReturnValue:
    """One tap for all that is ticked; what cannot be had does not spoil the rest."""
    form = TicksForm()
    return submitted(form, lambda: _page(series_id, form), lambda: _claim(series_id, form))


def _claim(series_id: int, form: TicksForm) -> ResponseReturnValue:
    _shown_or_404(series_id)
    answers = actions.claim_several(series_id, form.ids(), actor(), now=clock.now())
    held = [answer for answer in answers if answer.claim and answer.claim.place]
    lines = [(answer, answer.position) for answer in answers if answer.position]
    if held:
        flash(ngettext("You hold a place on %(num)d date.", "You hold places on %(num)d dates.", len(held)), "success")
    if asked := len(answers) - len(held) - len(lines) - sum(bool(answer.refusal) for answer in answers):
        flash(ngettext("%(num)d date is asked for.", "%(num)d dates are asked for.", asked), "success")
    for answer, position in lines[:MOST_DAYS]:
        flash(_("%(day)s is full: you are number %(position)d in line.", day=_day(answer), position=position))
    _say_refusals(answers)
    return see_other(f"/series/{series_id}#flash")  # the answer stands at the top


@bp.post("/series/<int:series_id>/cancellations")
@signed_in
def create_cancellations(series_id: int) -> ResponseReturnValue:
    """Give up all that is ticked; whoever is late says why."""
    form = GiveUpForm()
    return submitted(form, lambda: _page(series_id, form), lambda: _give_up(series_id, form))


def _give_up(series_id: int, form: GiveUpForm) -> ResponseReturnValue:
    _shown_or_404(series_id)
    reason = form.reason.data or ""
    answers = actions.give_up_several(series_id, form.ids(), actor(), reason=reason, now=clock.now())
    ended = [answer.claim for answer in answers if answer.claim]
    late = sum(claim.state is ClaimState.LATE for claim in ended)
    if ended:
        said = ngettext("%(num)d date is given up.", "%(num)d dates are given up.", len(ended))
        flash(said + (" " + _("Marked as late: %(count)d.", count=late) if late else ""), "success")
    _say_refusals(answers)
    return see_other(f"/series/{series_id}#flash")  # the answer stands at the top


def _shown_or_404(series_id: int) -> None:
    """Before anything is locked."""
    with reading():
        queries.shown(series_id) or abort(404)


def _say_refusals(answers: Sequence[Answer]) -> None:
    """Each reason once, with its days."""
    days: dict[str, list[str]] = {}
    for answer in answers:
        if answer.refusal:
            days.setdefault(answer.refusal, []).append(_day(answer))
    for sentence, refused in list(days.items())[:MOST_SENTENCES]:
        flash(f"{_some(refused)}: {sentence}", "error")
    if len(days) > MOST_SENTENCES:
        flash(_("Others could not be had either: each date below says why."), "error")


def _some(days: Iterable[str]) -> str:
    listed = list(days)
    return _(", ").join(listed[:MOST_DAYS]) + (" …" if len(listed) > MOST_DAYS else "")


def _day(answer: Answer) -> str:
    return display.day(db.session.get_one(Shift, answer.shift_id).starts_at)
