"""The desk's side: pairs that look alike, a proposal with everything it would do, and the decision."""

from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, staff
from blueprints.identity.models import Volunteer
from blueprints.mergers import actions, queries
from blueprints.mergers.forms import AnswerForm, DismissalForm, NumberForm, ProposalForm
from blueprints.mergers.models import Likeness, Merger, MergerState
from blueprints.mergers.preview import preview
from blueprints.records import witness
from blueprints.records.models import Tried
from core import clock, masks
from core.actor import Role
from core.db import reading
from core.forms import Form
from core.i18n import _
from core.refusal import Refusal
from core.web import carried_out, respond, row_arg, see_other, submitted

bp = Blueprint("mergers_desk", __name__)
witness.WATCHED |= dict.fromkeys(["mergers_desk.propose", "mergers_desk.approve"], Tried.MERGE)
witness.NAMED["merger_id"] = Merger.__tablename__


def _reach() -> list[str]:
    return actor().reach(Role.ADMINISTRATOR)


@bp.get("/desk/duplicates")
@staff(Role.ADMINISTRATOR)
def show_duplicates() -> ResponseReturnValue:
    found = queries.likenesses(_reach(), row_arg("before"))
    more = found[queries.PAGE - 1].likeness.id if len(found) > queries.PAGE else None
    waits = queries.first_waiting(_reach())
    return respond("mergers/duplicates.html", pairs=found[: queries.PAGE], more=more, waiting=waits)


@bp.post("/desk/duplicates/<int:likeness_id>/dismissal")
@staff(Role.ADMINISTRATOR)
def dismiss(likeness_id: int) -> ResponseReturnValue:
    form = DismissalForm()
    with reading():
        pair = _pair_or_404(likeness_id)
        two = pair.first_id, pair.second_id

    def act() -> None:
        actions.dismiss(likeness_id, actor(), reason=form.why.data or "", now=clock.now())

    words = _("Noted: these are two people.")
    find = partial(_pair_or_404, likeness_id)
    return carried_out(form, find, lambda: _new_page(*two, form), act, url_for(".show_duplicates"), words)


def _pair_or_404(likeness_id: int) -> Likeness:
    return queries.likeness_within(likeness_id, _reach()) or abort(404)


# --- proposing ------------------------------------------------------------------------------------------------


@bp.get("/desk/people/<int:volunteer_id>/merger")
@staff(Role.ADMINISTRATOR)
def new_merger(volunteer_id: int) -> ResponseReturnValue:
    away_id = row_arg("away")
    return (
        _new_page(volunteer_id, away_id, ProposalForm(formdata=None))
        if away_id
        else _which_page(volunteer_id, NumberForm(formdata=None))
    )


def _which_page(volunteer_id: int, form: NumberForm) -> Response:
    return respond("mergers/which.html", keep=_registration_or_404(volunteer_id), form=form)


@bp.post("/desk/people/<int:volunteer_id>/merger-lookup")
@staff(Role.ADMINISTRATOR)
def look_up(volunteer_id: int) -> ResponseReturnValue:
    form = NumberForm()
    with reading():
        _registration_or_404(volunteer_id)
    return submitted(form, lambda: _which_page(volunteer_id, form), lambda: _looked_up(volunteer_id, form))


def _looked_up(volunteer_id: int, form: NumberForm) -> ResponseReturnValue:
    with reading():
        away_id = queries.numbered(form.number.data or "", _reach())
    if away_id is None or away_id == volunteer_id:
        raise Refusal(_("No other registration within your reach has this number. Please check it."), "number")
    return see_other(url_for(".new_merger", volunteer_id=volunteer_id, away=away_id))


def _new_page(volunteer_id: int, away_id: int, form: Form) -> Response:
    keep, away, pair = queries.both_within(volunteer_id, away_id, _reach()) or abort(404)
    return respond(
        "mergers/new.html",
        pair=pair,
        view=preview(away, keep, now=clock.now()),
        masks=masks,
        form=form,
        proposal=form if isinstance(form, ProposalForm) else ProposalForm(formdata=None),
        dismissal=form if isinstance(form, DismissalForm) else DismissalForm(formdata=None),
    )


@bp.post("/desk/people/<int:volunteer_id>/mergers/<int:away_id>")
@staff(Role.ADMINISTRATOR)
def propose(volunteer_id: int, away_id: int) -> ResponseReturnValue:
    form = ProposalForm()
    with reading():
        _registration_or_404(volunteer_id), _registration_or_404(away_id)
    again = partial(_new_page, volunteer_id, away_id, form)
    return submitted(form, again, lambda: _proposed(volunteer_id, away_id, form))


def _proposed(volunteer_id: int, away_id: int, form: ProposalForm) -> ResponseReturnValue:
    made = actions.propose(away_id, volunteer_id, actor(), reason=form.reason.data or "", now=clock.now())
    flash(_("Proposed. Both are told, and an administrator above decides; until then nothing changes."), "success")
    return see_other(url_for(".show_merger", merger_id=made.id))


def _registration_or_404(volunteer_id: int) -> Volunteer:
    return queries.registration(volunteer_id, _reach()) or abort(404)


# --- deciding -------------------------------------------------------------------------------------------------


@bp.get("/desk/mergers/<int:merger_id>")
@staff(Role.ADMINISTRATOR)
def show_merger(merger_id: int) -> ResponseReturnValue:
    return _page(merger_id, AnswerForm(formdata=None))


def _page(merger_id: int, form: Form) -> Response:
    merger = _merger_or_404(merger_id)
    waits = merger.state is MergerState.PROPOSED
    by = [merger.asked_by_id]
    view = waits and preview(merger.away, merger.keep, now=clock.now(), asker=actor().account_id, involved=by)
    return respond(
        "mergers/merger.html",
        merger=merger,
        view=view,
        masks=masks,
        form=form,
        may_decide=queries.may_decide(actor(), merger.organization),
        is_mine=merger.asked_by_id == actor().account_id,
    )


@bp.post("/desk/mergers/<int:merger_id>/approval")
@staff(Role.ADMINISTRATOR)
def approve(merger_id: int) -> ResponseReturnValue:
    words = _("Merged. Everything that is recorded of either counts as one person's; both are told.")
    return _done(merger_id, AnswerForm(), words, actions.approve)


@bp.post("/desk/mergers/<int:merger_id>/refusal")
@staff(Role.ADMINISTRATOR)
def decline(merger_id: int) -> ResponseReturnValue:
    return _done(merger_id, AnswerForm(), _("Declined. Both go on as before."), actions.decline)


def _done(merger_id: int, form: AnswerForm, words: str, act: Callable[..., object]) -> ResponseReturnValue:
    find, again = partial(_merger_or_404, merger_id), partial(_page, merger_id, form)
    do = lambda: act(merger_id, actor(), answer=form.answer.data or "", now=clock.now())  # noqa: E731
    return carried_out(form, find, again, do, url_for(".show_merger", merger_id=merger_id), words)


@bp.post("/desk/mergers/<int:merger_id>/withdrawal")
@staff(Role.ADMINISTRATOR)
def withdraw(merger_id: int) -> ResponseReturnValue:
    form = Form()
    find, again = partial(_merger_or_404, merger_id), partial(_page, merger_id, form)
    act = lambda: actions.refuse(merger_id, actor(), now=clock.now())  # noqa: E731
    return carried_out(form, find, again, act, url_for(".show_duplicates"), _("Taken back. Both go on as before."))


def _merger_or_404(merger_id: int) -> Merger:
    return queries.within(merger_id, _reach()) or abort(404)
