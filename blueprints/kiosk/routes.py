"""The tablet's own pages: what is on today, the code to scan, and the way in without a phone."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, current_app, flash, jsonify, make_response, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from blueprints.claims.models import Act, EvidenceClass
from blueprints.identity import actions as identity
from blueprints.identity import tries
from blueprints.identity.access import public, viewer
from blueprints.identity.pages import address, check_password
from blueprints.kiosk import access, actions, queries, signs, unsent
from blueprints.kiosk.access import tablet, tablet_any, tablet_only
from blueprints.kiosk.actions import Done
from blueprints.kiosk.forms import EntryForm, ExitForm, NewPinForm, PairingForm, digits_of
from blueprints.kiosk.models import Method, Tablet
from blueprints.kiosk.queries import Showing
from blueprints.rollcall import rules
from blueprints.rollcall.forms import Unreadable, read
from blueprints.rollcall.models import OfflineState
from core import clock, display, masks, passwords, vault
from core.db import db, reading
from core.forms import Form
from core.i18n import _
from core.refusal import Refusal
from core.web import afterwards, is_poll, respond, row_arg, see_other, submitted

bp = Blueprint("kiosk", __name__)
FIRST_PIN = "first_pin"  # in the cookie: who just typed the PIN that a clerk gave them
FIRST_PIN_LIFE = 3 * clock.MINUTE
COPY_LASTS = 7 * clock.DAY
OUTCOMES = {OfflineState.ENTERED: "done", OfflineState.OPEN: "conflict"}
CAMERA = "camera=(self), microphone=(), geolocation=()"
bp.before_app_request(access.stays_at_work)


# --- pairing ------------------------------------------------------------------------------------------------


@bp.get("/kiosk/pairing")
@public
def pairing() -> ResponseReturnValue:
    return see_other("/kiosk") if access.find() else _pairing_page(PairingForm())


def _pairing_page(form: PairingForm) -> Response:
    return respond("kiosk/pairing.html", form=form)


@bp.post("/kiosk/pairing")
@public
def pair() -> ResponseReturnValue:
    form = PairingForm()
    return submitted(form, lambda: _pairing_page(form), lambda: _paired(form))


def _paired(form: PairingForm) -> ResponseReturnValue:
    now, counted = clock.now(), tries.of_address("pairing", address(), tries.PAIRINGS)
    with reading():
        tries.require_calm(counted, now=now)
        known = queries.pairing(form.code.data, now) is not None
    if not known:
        afterwards(lambda: tries.note(counted, now=now))
    token = actions.pair(form.code.data, now=now)
    return access.remember(make_response(see_other("/kiosk")), token)


# --- what the tablet shows ------------------------------------------------------------------------------------


@bp.get("/kiosk")
@tablet_only
def show() -> ResponseReturnValue:
    """The code of the shift that is on, or today's shifts to choose from; a poll gets what changed."""
    now = clock.now()
    shown = queries.todays(tablet().path, now)
    chosen = _chosen(shown, now)
    tag = _tag(shown, chosen, now)
    if is_poll() and request.headers["HX-PTag"] == tag:
        return Response(status=304)
    return _kiosk_page(shown, chosen, tag, now)


def _chosen(shown: list[Showing], now: datetime) -> Showing | None:
    """The shift somebody tapped; else the only one at which people arrive or leave now."""
    wanted = row_arg("shift")
    tapped = [each for each in shown if each.shift.id == wanted and each.is_due(now)]
    due = [each for each in shown if each.is_due(now)]
    return next(iter(tapped or (due if len(due) == 1 and "all" not in request.args else [])), None)


def _tag(shown: list[Showing], chosen: Showing | None, now: datetime) -> str:
    """Changes with the code and with whatever stands beside it."""
    parts = [(each.version, each.is_due(now)) for each in shown]
    step = signs.code(0, 0, now).step if chosen else display.hour(now)
    return vault.digest(f"{parts} {chosen.shift.id if chosen else 0} {step}")[:16]


def _kiosk_page(shown: list[Showing], chosen: Showing | None, tag: str, now: datetime) -> Response:
    code = signs.code(tablet().id, chosen.shift.id, now) if chosen and chosen.shift.state == "open" else None
    address = f"{_base_url()}{url_for('scans.scan', code=code.text)}" if code else ""
    response = respond(
        "kiosk/kiosk.html",
        "kiosk/_kiosk.html",
        **_about(shown=shown, chosen=chosen, code=code, tag=tag, now=now, watch=_watch()),
        square=signs.square(address) if code else "",
        address=address,
    )
    if tag:
        response.headers["HX-PTag"] = tag
    return response


def _about(**values: Any) -> dict[str, Any]:
    return {"tablet": tablet(), "masks": masks, **values}


def _base_url() -> str:
    return current_app.config["PUBLIC_URL"] or request.host_url.rstrip("/")


@bp.post("/kiosk/presence")
@tablet_only
def tell_presence() -> ResponseReturnValue:
    """The tablet is on: the desk shows when it was last seen. Nothing on the page changes."""
    actions.see(tablet().id, now=clock.now())
    return "", 204


# --- without a phone ------------------------------------------------------------------------------------------


@bp.get("/kiosk/entry")
@tablet_only
def entry() -> ResponseReturnValue:
    return _entry_page(EntryForm())


def _entry_page(form: EntryForm) -> Response:
    response = respond("kiosk/entry.html", **_about(form=form, public_key=vault.public_key()))
    response.headers["Permissions-Policy"] = CAMERA
    return response


@bp.post("/kiosk/entry")
@tablet_only
def enter() -> ResponseReturnValue:
    form = EntryForm()
    return submitted(form, lambda: _entry_page(form), lambda: _entered(form))


def _entered(form: EntryForm) -> ResponseReturnValue:
    """A card alone shows that somebody has the card: class B. With the PIN it is the person's own act: class A."""
    card = signs.card_of(form.who.data)
    if form.pin.data or not card:
        return _entered_with_pin(card[0] if card else digits_of(form.who.data), form.pin.data or "")
    with reading():
        volunteer_id = actions.holder(*card).id
    return _checked(volunteer_id, Method.CARD, EvidenceClass.B)


def _entered_with_pin(number: str, typed: str) -> ResponseReturnValue:
    """The PIN is tried before the writing transaction begins; a wrong one counts for the number and the tablet."""
    if not typed:
        raise Refusal(_("Please type your PIN as well, or hold your card to the camera."), "pin")
    counted = tries.of_pin(number, tablet().id)
    with reading():
        tries.require_calm(counted, now=clock.now())
        volunteer = queries.volunteer_numbered(number)
        pin = queries.pin_of(volunteer.id) if volunteer else None
        kept = (pin.volunteer_id, pin.pin_hash, pin.is_first, actions.evidence_of(pin, clock.now())) if pin else None
    wrong = _("Number or PIN is wrong. Please try again, or ask the clerk to give you a new PIN.")
    check_password(typed, kept[1] if kept else None, counted, Refusal(wrong, "pin"))
    volunteer_id, _hash, is_first, evidence = kept or (0, "", False, EvidenceClass.B)
    tries.forgive(counted)
    return _ask_for_own_pin(volunteer_id) if is_first else _checked(volunteer_id, Method.PIN, evidence)


def _checked(volunteer_id: int, method: Method, evidence: EvidenceClass) -> ResponseReturnValue:
    done = actions.check_at_tablet(volunteer_id, tablet(), method, evidence, now=clock.now())
    flash(_said(done), "success" if done.is_new else "info")
    return see_other(url_for(".show"))


def _said(done: Done) -> str:
    """In words that everybody at the tablet may read."""
    name = masks.name(queries.person(done.claim.volunteer_id).account.name)
    words = {"name": name, "time": display.hour(done.punch.at), "place": done.claim.place}
    if done.punch.act is Act.IN:
        return _("%(name)s, place %(place)d: checked in at %(time)s. Please check out when you leave.", **words)
    return _("%(name)s, place %(place)d: checked out at %(time)s. Thank you for your time.", **words)


def _ask_for_own_pin(volunteer_id: int) -> ResponseReturnValue:
    session[FIRST_PIN] = [volunteer_id, int((clock.now() + FIRST_PIN_LIFE).timestamp())]
    return see_other(url_for(".first_pin"))


@bp.get("/kiosk/entry/pin")
@tablet_only
def first_pin() -> ResponseReturnValue:
    """Whoever has typed the PIN from the desk chooses one that nobody else knows."""
    return _first_pin_page(NewPinForm()) if _first_pin_owner() else see_other(url_for(".entry"))


def _first_pin_owner() -> int:
    volunteer_id, ends = session.get(FIRST_PIN) or (0, 0)
    return volunteer_id if clock.now().timestamp() < ends else 0


def _first_pin_page(form: NewPinForm) -> Response:
    name = masks.name(queries.person(_first_pin_owner()).account.name)
    return respond("kiosk/first_pin.html", **_about(form=form, name=name))


@bp.post("/kiosk/entry/pin")
@tablet_only
def choose_first_pin() -> ResponseReturnValue:
    form = NewPinForm()
    if not _first_pin_owner():
        return see_other(url_for(".entry"))
    return submitted(form, lambda: _first_pin_page(form), lambda: _own_pin_chosen(form))


def _own_pin_chosen(form: NewPinForm) -> ResponseReturnValue:
    volunteer_id = _first_pin_owner()
    with reading():
        actions.refuse_simple(form.pin.data, queries.person(volunteer_id).number)
        pin = queries.pin_of(volunteer_id)
        if pin is None or not pin.is_first or passwords.fits(form.pin.data, pin.pin_hash):
            raise Refusal(_("Please choose another PIN than the one from the desk."), "pin")
    hashed = passwords.hashed(form.pin.data)
    pin = actions.set_pin(volunteer_id, hashed, now=clock.now())
    evidence = actions.evidence_of(pin, clock.now())
    session.pop(FIRST_PIN)
    try:
        return _checked(volunteer_id, Method.PIN, evidence)
    except Refusal as refusal:  # the PIN is chosen all the same
        flash(_("Your new PIN is set."), "success")
        flash(str(refusal), "error")
        return see_other(url_for(".show"))


# --- without a network ----------------------------------------------------------------------------------------


@bp.get("/kiosk/offline")
@tablet_only
def offline() -> ResponseReturnValue:
    """What the tablet keeps for when there is no network: no names, no numbers, only the key to check cards with."""
    response = respond("kiosk/offline.html", **_about(watch=_watch(), public_key=vault.public_key()))
    response.headers["Permissions-Policy"] = CAMERA
    response.headers["Cache-Control"] = "no-store"
    return response


def _watch() -> dict[str, Any]:
    """What the copy must know so that its entries can prove later after when they were made."""
    now = clock.now()
    return {
        "sealed": rules.pass_for(tablet().made_by_id, unsent.NO_SHIFT, now=now),
        "issued": int(now.timestamp() * 1000),
        "lasts": int(COPY_LASTS.total_seconds() * 1000),
        "owner": vault.digest(f"owner of a copy/tablet/{tablet().id}")[:16],
        "zone": str(clock.zone()),
        "copy_url": url_for(".offline"),
    }


@bp.get("/kiosk/offline/token")
@tablet_only
def offline_token() -> ResponseReturnValue:
    """A token for this moment: the one on a kept page fits no more."""
    response = jsonify(token=generate_csrf())
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/kiosk/offline/cards")
@tablet_only
def receive_cards() -> ResponseReturnValue:
    text = request.get_data(as_text=True)
    try:
        answers = unsent.receive(read(text), tablet(), now=clock.now())
    except Unreadable as refusal:
        return jsonify(sentence=str(refusal)), refusal.status
    return jsonify(answers=[{"key": each.key, "outcome": OUTCOMES.get(each.state, "already")} for each in answers])


# --- the way out ------------------------------------------------------------------------------------------------


@bp.get("/kiosk/exit")
@tablet_only
def way_out() -> ResponseReturnValue:
    return _exit_page(ExitForm())


def _exit_page(form: ExitForm) -> Response:
    return respond("kiosk/exit.html", **_about(form=form))


@bp.post("/kiosk/exit")
@tablet_only
def leave() -> ResponseReturnValue:
    form = ExitForm()
    return submitted(form, lambda: _exit_page(form), lambda: _left(form))


def _left(form: ExitForm) -> ResponseReturnValue:
    counted = tries.of_exit(tablet().id)
    with reading():
        tries.require_calm(counted, now=clock.now())
        kept = db.session.get_one(Tablet, tablet().id).exit_pin_hash
    wrong = _("This is not the PIN of this tablet. It was chosen at the desk when the tablet was added.")
    check_password(form.pin.data, kept, counted, Refusal(wrong, "pin"))
    tries.forgive(counted)
    return see_other(url_for("identity.sign_in", next="/desk/tablets"))


@bp.get("/kiosk/guard")
@tablet_any
def guard() -> ResponseReturnValue:
    """While somebody is signed in on the tablet, the kiosk stays shut."""
    asking = viewer()
    return respond("kiosk/guard.html", **_about(name=asking.name)) if asking else see_other(url_for(".show"))


@bp.post("/kiosk/guard")
@tablet_any
def sign_out() -> ResponseReturnValue:
    form = Form()
    return submitted(form, lambda: make_response(see_other(url_for(".guard"))), _signed_out)


def _signed_out() -> ResponseReturnValue:
    if asking := viewer():
        identity.end_session(asking.session_id, actor=asking, now=clock.now())
    session.clear()
    return see_other(url_for(".show"))
