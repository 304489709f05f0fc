"""The phone's side of a scan: the code becomes a receipt for this browser, the receipt a check-in or check-out."""

from typing import Any

from flask import Blueprint, Response, abort, flash, make_response, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.claims import queries as claims
from blueprints.claims.models import Act, ClaimState, Punch
from blueprints.identity.access import actor, public, volunteer_only
from blueprints.kiosk import access, actions, queries, signs
from blueprints.kiosk.forms import LocationForm, ReceiptForm
from blueprints.kiosk.signs import Receipt, Scan
from core import clock, vault
from core.db import reading
from core.i18n import _
from core.web import respond, see_other, submitted

bp = Blueprint("scans", __name__)
DEVICE, FOLDER = "device", "/scans"
LONGEST = 120
HERE = "camera=(), microphone=(), geolocation=(self)"


# --- the code -------------------------------------------------------------------------------------------------


@bp.get("/scans/<code>")
@public
def scan(code: str) -> ResponseReturnValue:
    """Writes nothing: the answer is a receipt that only this browser can use, also after signing in."""
    now = clock.now()
    found = signs.scanned(code[:LONGEST], now)
    if found is None:
        return _nothing(_("This is no code of a station. Please scan the one that the tablet shows now."), 404)
    if not found.is_fresh or not _is_shown(found):
        return _nothing(_("This code is too old. Please go to the tablet and scan the one that it shows now."), 410)
    device = _device() or vault.token()
    response = see_other(url_for(".show_receipt", receipt=signs.receipt(found, device, now)))
    return access.keep(make_response(response), DEVICE, device, FOLDER, "Lax")


def _is_shown(found: Scan) -> bool:
    """Whether the tablet is still in use at the station that offers the shift."""
    path = queries.path_of(found.tablet_id)
    return path is not None and queries.shift_here(found.shift_id, path) is not None


def _device() -> str:
    return request.cookies.get(DEVICE, "")[:LONGEST]


def _nothing(sentence: str, status: int) -> Response:
    return respond("kiosk/scan_refused.html", status=status, sentence=sentence)


# --- the receipt ----------------------------------------------------------------------------------------------


@bp.get("/scans/receipts/<receipt>")
@volunteer_only
def show_receipt(receipt: str) -> ResponseReturnValue:
    return _receipt_page(receipt[: 2 * LONGEST], ReceiptForm(formdata=None))


def _receipt_page(text: str, form: ReceiptForm) -> Response:
    """What the scan will do, and one button for it; a script presses it where nothing needs to be asked."""
    found = signs.receipt_of(text, _device(), clock.now())
    if found is None:
        return _nothing(_ended(), 410)
    claim = queries.claim_on(found.shift_id, actor().volunteer_id)
    if claim is None or claim.state is not ClaimState.HELD:
        return _nothing(actions.no_place(found.shift_id, claim), 409)
    due, used = queries.due(claim, clock.now()), queries.used(found.key)
    form.receipt.data, form.act.data = text, due.act or Act.IN
    shown: dict[str, Any] = {"due": due, "claim": claim, "shift": claims.shift_with_post(found.shift_id)}
    goes_by_itself = not form.errors and not due.is_again and due.act is not None and used is None
    return respond("kiosk/receipt.html", form=form, goes_by_itself=goes_by_itself, **shown)


def _ended() -> str:
    return _("This scan has ended, or it was made with another browser. Please scan the code on the tablet again.")


@bp.post("/scans/attendance")
@volunteer_only
def use_receipt() -> ResponseReturnValue:
    form = ReceiptForm()
    return submitted(form, lambda: _receipt_page(form.receipt.data or "", form), lambda: _used(form))


def _used(form: ReceiptForm) -> ResponseReturnValue:
    device, now = _device(), clock.now()
    found: Receipt | None = signs.receipt_of(form.receipt.data, device, now)
    if found is None:
        with reading():
            return _nothing(_ended(), 410)
    done = actions.use_receipt(found, Act(form.act.data), actor(), device=device, now=now)
    if not done.is_new:
        flash(_("This was recorded already, so nothing has changed."), "info")
    return see_other(url_for(".result", punch_id=done.punch.id))


# --- the result -----------------------------------------------------------------------------------------------


@bp.get("/scans/results/<int:punch_id>")
@volunteer_only
def result(punch_id: int) -> ResponseReturnValue:
    """Am I in? In words and colour; whoever agreed to it is asked where the phone is meanwhile."""
    punch = _punch_or_404(punch_id)
    agreed, spot = queries.agreed_to_location(actor().account_id), queries.spot_of(punch.claim.shift_id)
    asks = bool(agreed and spot and clock.now() - punch.recorded_at < actions.LOCATE_WITHIN)
    seen = queries.sighting_of(punch.id)
    response = respond("kiosk/result.html", punch=punch, asks=asks and not seen, seen=seen, spot=spot, agreed=agreed)
    if asks:
        response.headers["Permissions-Policy"] = HERE
    return response


@bp.post("/scans/results/<int:punch_id>/location")
@volunteer_only
def locate(punch_id: int) -> ResponseReturnValue:
    """Noted beside the check-in for those who agreed; it changes nothing about the check-in itself."""
    form, here = LocationForm(), url_for(".result", punch_id=punch_id)
    with reading():
        _punch_or_404(punch_id)
    return submitted(form, lambda: make_response(see_other(here)), lambda: _located(punch_id, form))


def _located(punch_id: int, form: LocationForm) -> ResponseReturnValue:
    place = (form.latitude.data, form.longitude.data, int(form.accuracy.data or 0))
    actions.locate(_punch_or_404(punch_id), *place, actor(), now=clock.now())
    return see_other(url_for(".result", punch_id=punch_id))


def _punch_or_404(punch_id: int) -> Punch:
    found = queries.own_punch(punch_id, actor().volunteer_id)
    return found or abort(404)
