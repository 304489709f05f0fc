"""The visitor's and the volunteer's side of claims: the live list, a shift, the schedule, and the own check-in."""

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, abort, flash, g, request, session
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from blueprints.claims import absences, actions, board, cards, feed, links, queries, schedule, search, seeking
from blueprints.claims.board import Asking, fingerprint
from blueprints.claims.cards import View
from blueprints.claims.forms import CancellationForm, CodeForm
from blueprints.claims.front import ASKED, PTAG, Front, listed
from blueprints.claims.models import ClaimState, Punch
from blueprints.claims.schedule import Standing
from blueprints.claims.subscribing import as_calendar, base_url
from blueprints.identity import tries
from blueprints.identity.access import actor, public, signed_in, viewer, volunteer_only
from blueprints.identity.models import Volunteer
from blueprints.posts.models import Hazard
from core import clock
from core.db import db, reading
from core.forms import Form
from core.i18n import _, language
from core.refusal import Refusal
from core.security import csrf_token
from core.web import afterwards, is_poll, is_swap, respond, see_other, submitted

bp = Blueprint("claims", __name__)


@bp.record_once
def stand_before(state: BlueprintSetupState) -> None:
    """Polls and visitors are answered before all else where that is possible."""
    app: Any = state.app
    app.wsgi_app = Front(app)


@bp.after_app_request
def look_again(response: Response) -> Response:
    """What this very process has just changed is seen at once."""
    if request.method == "POST" and response.status_code < HTTPStatus.BAD_REQUEST:
        board.memory().version.forget()
    return response


def _tag(*shown: Any) -> str:
    """The version of all open shifts, read before what is shown; then what this very part shows, to whom."""
    asking = viewer()
    return fingerprint(asking.account_id if asking else 0, language(), *shown)


def _unless_known(version: str, shown: str, answer: Callable[[str], Response]) -> Response:
    """304 if the part shows what the page has already, though something changed elsewhere."""
    tag = f"{version}.{shown}"
    if request.headers.get(PTAG, "").partition(".")[2] == shown:
        return Response(status=HTTPStatus.NOT_MODIFIED, headers={PTAG: tag})
    return answer(tag)


# --- the live list ----------------------------------------------------------------------------------------------


@bp.get("/")
@public
def live_list() -> ResponseReturnValue:
    """What can be done near here, now and soon."""
    seen = cards.view(request.args, clock.now())
    return _unless_known(seen.version, seen.shown(viewer()), lambda tag: _list(seen, tag))


def _list(seen: View, tag: str) -> Response:
    """A poll gets the board alone, so that nobody's typing is touched; a new search gets its filters, too."""
    asking, phone = _asking(seen), _help_phone()
    if is_poll():
        return listed(cards.board_of(seen, asking, tag))
    if is_swap() or phone or "_flashes" in session:
        html = Markup(cards.board_of(seen, asking, tag).decode())
        parts = {"filters": cards.filters(seen.search), "board": html, "help_phone": phone}
        return respond("claims/list.html", "claims/_list.html", status=HTTPStatus.OK, **parts)
    return listed(cards.page_of(seen, asking, tag))


def _asking(seen: View) -> Asking:
    """Whose list it is; asked only once if the front has just done so about the same shifts."""
    found, asking = request.environ.get(ASKED, (None, None))
    fits = asking and found == seen.found and asking.viewer == viewer()
    return asking if fits else board.asking(viewer(), seen.found)


def _help_phone() -> dict[str, str] | None:
    """In easy view every page says whom to call."""
    asking = viewer()
    if g.prefs.mode != "elder" or not asking or not asking.volunteer_id:
        return None
    station = board.help_phone(asking.volunteer_id)
    return {"name": station.name, "number": station.phone} if station else None


# --- one shift --------------------------------------------------------------------------------------------------


@bp.get("/shifts/<int:shift_id>")
@public
def shift(shift_id: int) -> ResponseReturnValue:
    """Everything about a shift, and the one thing the viewer can do with it now."""
    version, standing = board.memory().version.answer(), _standing_or_404(shift_id)
    state = (standing.stage, standing.late, standing.why_not, standing.opens_at, standing.is_watched)
    shown = _tag(shift_id, standing.seen.shift.revision, *state, standing.sought.version, standing.party)
    return _unless_known(version, shown, lambda tag: _shift_page(standing, tag))


@bp.get("/shifts/<int:shift_id>/card")
@public
def card(shift_id: int) -> ResponseReturnValue:
    """The card of a shift, as it stands in the list; alone it is the page of the shift."""
    return _card(_standing_or_404(shift_id))


def _standing_or_404(shift_id: int) -> Standing:
    return schedule.standing(shift_id, viewer(), clock.now()) or abort(404)


def _shift_page(standing: Standing, tag: str = "", form: Form | None = None) -> Response:
    return respond("claims/shift.html", "claims/_shift.html", **_about(standing, tag, form))


def _card(standing: Standing, refused: Sequence[str] = ()) -> Response:
    """The sentences of a refusal stand on the card itself: in a long list nobody sees the top of the page."""
    seen, asking = standing.seen, viewer()
    own = board.mine(asking.volunteer_id if asking else None, [seen.shift.id]).get(seen.shift.id)
    face = cards.face(seen, own, cards.viewing(asking)) | {"token": csrf_token() if asking else ""}
    return respond("claims/shift.html", "claims/_card.html", refused=refused, **(_about(standing) | face))


def _about(standing: Standing, tag: str = "", form: Form | None = None) -> dict[str, Any]:
    """What the page of a shift says; `form` is one that was sent and refused."""
    seen, organization = standing.seen, standing.seen.post.organization
    phone = organization.phone or seen.post.responsible_phone
    return {
        "standing": standing,
        "seen": seen,
        "shift": seen.shift,
        "post": seen.post,
        "claim": standing.claim,
        "tag": tag,
        "form": form,
        "cancellation": form if isinstance(form, CancellationForm) else CancellationForm(formdata=None),
        "help_phone": {"name": organization.name, "number": phone},
        "date": cards.heading(seen.shift.starts_at)[1],
        "hazards": [Hazard(name) for name in seen.post.hazards],
        "now": clock.now(),
        "address_of": seeking.token,
        "base_url": base_url(),
    }


# --- claiming, and giving up ------------------------------------------------------------------------------------


@bp.post("/shifts/<int:shift_id>/claims")
@signed_in
def create_claim(shift_id: int) -> ResponseReturnValue:
    """One tap: a place, or a place in line. The tap agrees to the risks that are shown."""
    form = Form()
    return submitted(form, lambda: _again(shift_id, form), lambda: _claim(shift_id))


def _claim(shift_id: int) -> ResponseReturnValue:
    queries.is_shown(shift_id) or abort(404)
    made = actions.claim(shift_id, actor(), now=clock.now())
    if made.place:
        flash(_("You hold place %(place)d.", place=made.place), "success")
    elif made.state is ClaimState.REQUESTED:
        flash(_("You asked for a place. The organizer answers before the start."), "success")
    else:
        flash(_("All places are held. You are number %(position)d in line.", position=queries.position(made)))
    return _back(shift_id)


@bp.post("/shifts/<int:shift_id>/watches")
@signed_in
def create_watch(shift_id: int) -> ResponseReturnValue:
    """Be told when claiming opens."""
    form = Form()
    return submitted(form, lambda: _again(shift_id, form), lambda: _watch(shift_id))


def _watch(shift_id: int) -> ResponseReturnValue:
    queries.is_shown(shift_id) or abort(404)
    actions.watch(shift_id, actor(), now=clock.now())
    flash(_("You will find a message here when it opens."), "success")
    return _back(shift_id)


@bp.post("/claims/<int:claim_id>/acceptance")
@signed_in
def create_acceptance(claim_id: int) -> ResponseReturnValue:
    """Take up the place that was offered."""
    shift_id, form = _own_shift_id(claim_id), Form()
    return submitted(form, lambda: _again(shift_id, form), lambda: _accept(claim_id, shift_id))


def _accept(claim_id: int, shift_id: int) -> ResponseReturnValue:
    accepted = actions.accept(claim_id, actor(), now=clock.now())
    flash(_("You hold place %(place)d.", place=accepted.place), "success")
    return _back(shift_id)


@bp.post("/claims/<int:claim_id>/cancellation")
@signed_in
def create_cancellation(claim_id: int) -> ResponseReturnValue:
    """Give up a place, or leave the line."""
    shift_id, form = _own_shift_id(claim_id), CancellationForm()
    return submitted(form, lambda: _again(shift_id, form), lambda: _cancel(claim_id, shift_id, form))


def _cancel(claim_id: int, shift_id: int, form: CancellationForm) -> ResponseReturnValue:
    ended = actions.cancel(claim_id, actor(), reason=form.reason.data or "", now=clock.now())
    late = ended.state is ClaimState.LATE
    flash(_("Cancelled, and marked as late.") if late else _("Cancelled."), "success")
    return _back(shift_id)


def _own_shift_id(claim_id: int) -> int:
    """The shift of the viewer's own claim; read before anything is locked."""
    with reading():
        return schedule.own_shift_id(claim_id, actor()) or abort(404)


def _again(shift_id: int, form: Form) -> Response:
    """What was tapped, as it is now, with the sentence that says why not."""
    standing = _standing_or_404(shift_id)
    if not _on_card():
        return _shift_page(standing, form=form)
    return _card(standing, form.form_errors)


def _on_card() -> bool:
    """Whether the button stood on a card of the list, so that the card alone is shown again."""
    return "card" in request.args


def _back(shift_id: int) -> ResponseReturnValue:
    return see_other(f"/shifts/{shift_id}/card" if _on_card() else f"/shifts/{shift_id}")


# --- the schedule -----------------------------------------------------------------------------------------------


@bp.get("/me/schedule")
@volunteer_only
def own_schedule() -> ResponseReturnValue:
    """Where I must be, and where I was."""
    volunteer_id, before = actor().volunteer_id or 0, request.args.get("before", "")
    link = links.own(volunteer_id)
    feed_url = f"{base_url()}/calendar/{links.token(link)}.ics" if link else None
    days = _days(volunteer_id, search.cursor(before), clock.now())
    return respond("claims/schedule.html", link=link, feed_url=feed_url, **days)


def _days(volunteer_id: int, before: tuple[datetime, int] | None, now: datetime) -> dict[str, Any]:
    """What comes, on the first page only, and a page of what is past."""
    past = schedule.past(volunteer_id, now, before)
    coming = {} if before else schedule.coming(volunteer_id, now)
    shown = past[: schedule.PAGE]
    seen = queries.attendances(claim.id for claim in shown)
    return {
        "days": schedule.by_day(coming),
        "positions": coming,
        "sought": seeking.running_of(claim.id for claim in coming),
        "cancel_hours": schedule.cancel_hours(),
        "past": shown,
        "seen": seen,
        "absences": absences.of_claims([id for id, each in seen.items() if not each.spans], now),
        "older": f"/me/schedule?before={schedule.mark(shown[-1])}" if len(past) > len(shown) else None,
        "newer": "/me/schedule" if before else None,
        "now": now,
    }


def _volunteer() -> Volunteer:
    return db.session.get_one(Volunteer, actor().volunteer_id)


@bp.get("/me/schedule.ics")
@volunteer_only
def own_calendar() -> ResponseReturnValue:
    """The schedule as a file."""
    return as_calendar(feed.own(_volunteer().id, clock.now(), base_url()))


# --- the own check-in -------------------------------------------------------------------------------------------


@bp.get("/check-in")
@volunteer_only
def check_in() -> ResponseReturnValue:
    """Am I in? The shifts of this hour, each with one field for the code of the moment."""
    return _check_in_page()


@bp.post("/claims/<int:claim_id>/arrival")
@volunteer_only
def create_arrival(claim_id: int) -> ResponseReturnValue:
    return _punch(claim_id, actions.check_in, _("Checked in at %(time)s. Please check out when you leave."))


@bp.post("/claims/<int:claim_id>/departure")
@volunteer_only
def create_departure(claim_id: int) -> ResponseReturnValue:
    return _punch(claim_id, actions.check_out, _("Checked out at %(time)s. Thank you for your time."))


def _punch(claim_id: int, act: Callable[..., Punch], sentence: str) -> ResponseReturnValue:
    _own_shift_id(claim_id)
    form = CodeForm()

    def observe() -> ResponseReturnValue:
        made = _tried(lambda now: act(claim_id, form.code.data, actor(), now=now))
        flash(sentence % {"time": queries.local_time(made.at)}, "success")
        return see_other("/check-in")

    return submitted(form, lambda: _check_in_page(claim_id, form), observe)


def _tried(observe: Callable[[datetime], Punch]) -> Punch:
    """Refuse after too many wrong codes; a wrong one is counted even though the request is undone."""
    now, counted = clock.now(), tries.of_codes(actor().account_id)
    with reading():
        tries.require_calm(counted, now=now)
    try:
        made = observe(now)
    except Refusal as refusal:
        if refusal.field == "code":
            afterwards(lambda: tries.note(counted, now=now))
        raise
    tries.forgive(counted)
    return made


def _check_in_page(claim_id: int | None = None, form: CodeForm | None = None) -> Response:
    """The page, with the form that was refused in its place."""
    volunteer_id, now = actor().volunteer_id or 0, clock.now()
    due = schedule.due(volunteer_id, now)
    forms = {entry.claim.id: _code_form(entry.claim.id) for entry in due}
    if form and claim_id in forms:
        form.code.id = forms[claim_id].code.id
        forms[claim_id] = form
    upcoming = schedule.next_due(volunteer_id, now)
    return respond("claims/check_in.html", due=due, forms=forms, refused=form, upcoming=upcoming, now=now)


def _code_form(claim_id: int) -> CodeForm:
    form = CodeForm(formdata=None)
    form.code.id = f"code-{claim_id}"
    return form
