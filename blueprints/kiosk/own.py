"""One's own PIN, card and consent to location."""

from flask import Blueprint, Response, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, volunteer_only
from blueprints.identity.models import Purpose
from blueprints.identity.words import current
from blueprints.kiosk import actions, queries, signs
from blueprints.kiosk.forms import NewPinForm
from core import clock, passwords
from core.db import reading
from core.forms import Form
from core.i18n import _
from core.web import respond, see_other, submitted

bp = Blueprint("own", __name__)


def _me() -> int:
    return actor().volunteer_id or 0


@bp.get("/me/pin")
@volunteer_only
def pin() -> ResponseReturnValue:
    return _pin_page(NewPinForm())


def _pin_page(form: NewPinForm) -> Response:
    return respond("kiosk/own_pin.html", form=form, pin=queries.pin_of(_me()), volunteer=queries.person(_me()))


@bp.post("/me/pin")
@volunteer_only
def set_pin() -> ResponseReturnValue:
    form = NewPinForm()
    return submitted(form, lambda: _pin_page(form), lambda: _pin_set(form))


def _pin_set(form: NewPinForm) -> ResponseReturnValue:
    with reading():
        actions.refuse_simple(form.pin.data, queries.person(_me()).number)
    hashed = passwords.hashed(form.pin.data)
    actions.set_pin(_me(), hashed, now=clock.now())
    flash(_("Your PIN is set. At the station's tablet you type your volunteer number and this PIN."), "success")
    return see_other(url_for(".pin"))


@bp.get("/me/card")
@volunteer_only
def card() -> ResponseReturnValue:
    person, live = queries.person(_me()), queries.card_of(_me())
    square = signs.square(signs.card(person, live.serial)) if live else ""
    return respond("kiosk/own_card.html", person=person, card=live, square=square)


@bp.post("/me/card")
@volunteer_only
def make_card() -> ResponseReturnValue:
    form = Form()
    return submitted(form, lambda: respond("kiosk/own_card.html", person=queries.person(_me()), card=None), _made)


def _made() -> ResponseReturnValue:
    actions.issue_card(queries.person(_me()), actor(), None, now=clock.now())
    flash(_("Your card is ready to print. An earlier card is no longer good."), "success")
    return see_other(url_for(".card"))


@bp.get("/me/location")
@volunteer_only
def location() -> ResponseReturnValue:
    return _location_page(Form())


def _location_page(form: Form) -> Response:
    agreed = queries.agreed_to_location(actor().account_id)
    return respond("kiosk/own_location.html", form=form, agreed=agreed, text=current(Purpose.LOCATION))


@bp.post("/me/location")
@volunteer_only
def agree_to_location() -> ResponseReturnValue:
    form = Form()
    return submitted(form, lambda: _location_page(form), _agreed)


def _agreed() -> ResponseReturnValue:
    actions.agree_to_location(actor().account_id, now=clock.now())
    flash(_("Noted. You can withdraw it under “What I agreed to” at any time."), "success")
    return see_other(url_for(".location"))
