"""The volunteer's pages for finding a stand-in and for swapping places."""

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from blueprints.claims import handovers, queries, schedule, seeking
from blueprints.claims.forms import SearchPersonForm, StandInForm, SwapForm
from blueprints.claims.models import Audience, Claim, ClaimState, Handover, HandoverState
from blueprints.identity import tries
from blueprints.identity.access import actor, volunteer_only
from blueprints.identity.models import Volunteer
from blueprints.posts.models import Shift
from core import clock, display
from core.db import db, reading
from core.forms import Form
from core.i18n import _
from core.refusal import Refusal
from core.web import afterwards, respond, see_other, submitted

bp = Blueprint("exchanges", __name__)


# --- looking for somebody -------------------------------------------------------------------------------------


@bp.get("/claims/<int:claim_id>/stand-in")
@volunteer_only
def new_stand_in(claim_id: int) -> ResponseReturnValue:
    """Whom to ask: somebody one knows, anybody, or whoever gets the link."""
    return _stand_in_page(claim_id, StandInForm())


@bp.post("/claims/<int:claim_id>/stand-ins")
@volunteer_only
def create_stand_in(claim_id: int) -> ResponseReturnValue:
    form, shift_id = StandInForm(), _own_shift_id(claim_id)
    return submitted(form, lambda: _stand_in_page(claim_id, form), lambda: _seek(claim_id, shift_id, form))


def _stand_in_page(claim_id: int, form: StandInForm) -> Response:
    return respond("claims/stand_in.html", form=form, shift=_shift(_own_shift_id(claim_id)), claim_id=claim_id)


@bp.get("/claims/<int:claim_id>/swap")
@volunteer_only
def new_swap(claim_id: int) -> ResponseReturnValue:
    """For which shift, and with whom."""
    return _swap_page(claim_id, _swap_form(claim_id))


@bp.post("/claims/<int:claim_id>/swaps")
@volunteer_only
def create_swap(claim_id: int) -> ResponseReturnValue:
    with reading():
        form, shift_id = _swap_form(claim_id), _own_shift_id(claim_id)
    return submitted(form, lambda: _swap_page(claim_id, form), lambda: _seek(claim_id, shift_id, form))


def _swap_form(claim_id: int) -> SwapForm:
    shift = _shift(_own_shift_id(claim_id))
    claim, form = Claim(shift_id=shift.id), SwapForm()
    shifts = seeking.swappable(claim, shift.post.organization_id, clock.now())
    form.wanted.choices = [SelectChoice("", _("Please choose")), *(_choice(each) for each in shifts)]
    return form


def _choice(shift: Shift) -> SelectChoice:
    return SelectChoice(str(shift.id), f"{display.span((shift.starts_at, shift.ends_at))} · {shift.post.title}")


def _swap_page(claim_id: int, form: SwapForm) -> Response:
    return respond("claims/swap.html", form=form, shift=_shift(_own_shift_id(claim_id)), claim_id=claim_id)


def _seek(claim_id: int, shift_id: int, form: SearchPersonForm) -> ResponseReturnValue:
    audience, wanted = Audience(form.audience.data), form.wanted_id()
    asked = _person(form) if audience is Audience.PERSON else None
    handovers.seek(claim_id, actor(), audience=audience, asked=asked, wanted_shift_id=wanted, now=clock.now())
    flash(_said(audience, wanted), "success")
    return see_other(url_for("claims.shift", shift_id=shift_id))


def _said(audience: Audience, wanted: int | None) -> str:
    if audience is Audience.PERSON:
        return _("Asked. Until they agree the place is yours; you are told of the answer.")
    if audience is Audience.LINK:
        return _("The link stands below. Until somebody agrees the place is yours.")
    if wanted:
        return _("Everyone on that shift is asked. Until somebody agrees the place is yours.")
    return _("It is shown on the list now. Until somebody agrees the place is yours.")


def _person(form: SearchPersonForm) -> Volunteer:
    """Whoever has this name and this number; nobody finds out by trying who is registered."""
    now, counted = clock.now(), tries.of_codes(actor().account_id)
    with reading():
        tries.require_calm(counted, now=now)
        found = seeking.person(form.name.data or "", form.contact.data or "")
    if found is None:
        afterwards(lambda: tries.note(counted, now=now))
        raise Refusal(
            _("Nobody registered has this name and number. Check both, or choose the link: they can register first."),
            "contact",
        )
    return db.session.get_one(Volunteer, found.id)


def _own_shift_id(claim_id: int) -> int:
    with reading():
        return schedule.own_shift_id(claim_id, actor()) or abort(404)


def _shift(shift_id: int) -> Shift:
    return queries.shift_with_post(shift_id) or abort(404)


# --- answering ------------------------------------------------------------------------------------------------


@bp.get("/handovers/<handover>")
@volunteer_only
def show_handover(handover: str) -> ResponseReturnValue:
    """What is asked of the viewer: a place to take over, or a swap."""
    return _page(handover)


def _page(given: str, form: Form | None = None) -> Response:
    found, now = _found(given), clock.now()
    viewer = db.session.get(Volunteer, actor().volunteer_id)
    wanted, shift = found.wanted_shift, found.claim.shift
    mine = queries.live_claim(wanted.id, actor().volunteer_id or 0) if wanted else None
    own = found.claim.volunteer_id == actor().volunteer_id
    return respond(
        "claims/handover.html",
        handover=found,
        address=given,
        shift=shift,
        form=form,
        own=own,
        holds=bool(mine and mine.state is ClaimState.HELD),
        over=found.state is not HandoverState.OPEN or shift.starts_at <= now,
        why_not=None if own or wanted else queries.unfit_because(shift, shift.post, viewer),
    )


def _found(given: str) -> Handover:
    return seeking.by_token(given, actor().volunteer_id) or abort(404)


@bp.post("/handovers/<handover>/acceptance")
@volunteer_only
def accept_handover(handover: str) -> ResponseReturnValue:
    form, id = Form(), _id_of(handover)
    return submitted(form, lambda: _page(handover, form), lambda: _accept(id))


def _accept(handover_id: int) -> ResponseReturnValue:
    taken = handovers.agree(handover_id, actor(), now=clock.now())
    if taken.place:
        flash(_("You hold place %(place)d.", place=taken.place), "success")
    else:
        flash(_("Thank you. The organizer of this post approves each person; you are told of the answer."), "success")
    return see_other(url_for("claims.shift", shift_id=taken.shift_id))


@bp.post("/handovers/<handover>/refusal")
@volunteer_only
def refuse_handover(handover: str) -> ResponseReturnValue:
    form, id = Form(), _id_of(handover)
    return submitted(form, lambda: _page(handover, form), lambda: _refuse(id))


def _refuse(handover_id: int) -> ResponseReturnValue:
    handovers.refuse(handover_id, actor(), now=clock.now())
    flash(_("Answered. Thank you for saying so."), "success")
    return see_other(url_for("claims.own_schedule"))


@bp.post("/handovers/<handover>/withdrawal")
@volunteer_only
def withdraw_handover(handover: str) -> ResponseReturnValue:
    form, id = Form(), _id_of(handover)
    return submitted(form, lambda: _page(handover, form), lambda: _withdraw(id))


def _withdraw(handover_id: int) -> ResponseReturnValue:
    ended = handovers.withdraw(handover_id, actor(), now=clock.now())
    shift_id = db.session.get_one(Claim, ended.claim_id).shift_id
    flash(_("Taken back. The place is still yours."), "success")
    return see_other(url_for("claims.shift", shift_id=shift_id))


def _id_of(given: str) -> int:
    """Read before anything is locked."""
    with reading():
        return _found(given).id
