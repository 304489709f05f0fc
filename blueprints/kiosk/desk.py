"""The clerk's side of the kiosk: tablets, where the station is, PINs and cards of people, and what looks odd."""

from typing import Any

from flask import Blueprint, Response, abort, flash, session, url_for
from flask.typing import ResponseReturnValue

from blueprints.claims.models import Claim
from blueprints.identity.access import actor, organization_or_404, staff
from blueprints.identity.models import Volunteer
from blueprints.kiosk import actions, queries, signs, words
from blueprints.kiosk.forms import SpotForm, TabletForm
from blueprints.kiosk.models import Flag, Tablet
from core import clock, passwords
from core.actor import Role
from core.db import reading
from core.forms import Form
from core.i18n import _
from core.web import respond, see_other, submitted

bp = Blueprint("kiosk_desk", __name__)
SHOWN_CODE, SHOWN_PIN = "tablet_code", "first_pin_of"  # in the session: what the next page shows, once


@bp.app_template_global()
def attendance_flags(claims: list[Claim]) -> dict[int, list[Flag]]:
    """What is odd about these attendances; asked once for a whole roster."""
    return queries.flags(claim.id for claim in claims)


@bp.app_template_global()
def attendance_origins(claim_id: int) -> dict[int, Any]:
    """How the observations of a claim were made, for its history."""
    return queries.origins(claim_id)


bp.add_app_template_filter(words.told, "flag_words")


# --- tablets ------------------------------------------------------------------------------------------------


@bp.get("/desk/tablets")
@staff(Role.CLERK)
def tablets() -> ResponseReturnValue:
    return _tablets_page(_offered(TabletForm()))


def _offered(form: TabletForm) -> TabletForm:
    form.offer(queries.stations(actor().reach(Role.CLERK)))
    return form


def _tablets_page(form: TabletForm) -> Response:
    paths = actor().reach(Role.CLERK)
    stations = queries.stations(paths)
    spots = queries.spots(station.id for station in stations)
    found = queries.tablets(paths)
    return respond("kiosk/tablets.html", form=form, tablets=found, stations=stations, spots=spots, now=clock.now())


@bp.post("/desk/tablets")
@staff(Role.CLERK)
def add_tablet() -> ResponseReturnValue:
    with reading():
        form = _offered(TabletForm())
    return submitted(form, lambda: _tablets_page(form), lambda: _added(form))


def _added(form: TabletForm) -> ResponseReturnValue:
    hashed = passwords.hashed(form.exit_pin.data)
    added = actions.add_tablet(form.organization_id.data, form.name.data, hashed, actor(), now=clock.now())
    return _shown_once(*added)


def _shown_once(tablet: Tablet, code: str) -> ResponseReturnValue:
    session[SHOWN_CODE] = [tablet.id, code]
    return see_other(url_for(".show_tablet", tablet_id=tablet.id))


@bp.get("/desk/tablets/<int:tablet_id>")
@staff(Role.CLERK)
def show_tablet(tablet_id: int) -> ResponseReturnValue:
    """The code is shown once, to whoever made it."""
    tablet = _tablet_or_404(tablet_id)
    kept_id, code = session.pop(SHOWN_CODE, None) or (0, "")
    return _tablet_page(tablet, Form(), code if kept_id == tablet.id else "")


def _tablet_page(tablet: Tablet, form: Form, code: str = "") -> Response:
    return respond("kiosk/tablet.html", tablet=tablet, form=form, code=code, now=clock.now())


@bp.post("/desk/tablets/<int:tablet_id>/codes")
@staff(Role.CLERK)
def renew_code(tablet_id: int) -> ResponseReturnValue:
    form, _tablet = Form(), _tablet_or_404(tablet_id)
    again = lambda: _tablet_page(_tablet_or_404(tablet_id), form)  # noqa: E731
    return submitted(form, again, lambda: _shown_once(*actions.renew_code(tablet_id, actor(), now=clock.now())))


@bp.post("/desk/tablets/<int:tablet_id>/cut-off")
@staff(Role.CLERK)
def cut_off(tablet_id: int) -> ResponseReturnValue:
    form, _tablet = Form(), _tablet_or_404(tablet_id)
    return submitted(form, lambda: _tablet_page(_tablet_or_404(tablet_id), form), lambda: _cut_off(tablet_id))


def _cut_off(tablet_id: int) -> ResponseReturnValue:
    tablet = actions.cut_off(tablet_id, actor(), now=clock.now())
    flash(_("“%(name)s” is cut off: from now on it shows nothing of the station.", name=tablet.name), "success")
    return see_other(url_for(".tablets"))


def _tablet_or_404(tablet_id: int) -> Tablet:
    return queries.tablet_within(tablet_id, actor().reach(Role.CLERK)) or abort(404)


# --- where the station is -----------------------------------------------------------------------------------


@bp.get("/desk/stations/<int:organization_id>/place")
@staff(Role.CLERK)
def spot(organization_id: int) -> ResponseReturnValue:
    station = organization_or_404(organization_id, Role.CLERK)
    known = queries.spots([station.id]).get(station.id)
    start = {"latitude": known.latitude, "longitude": known.longitude, "radius": known.radius_m} if known else {}
    return _spot_page(organization_id, SpotForm(data=start) if known else SpotForm())


def _spot_page(organization_id: int, form: SpotForm) -> Response:
    return respond("kiosk/spot.html", station=organization_or_404(organization_id, Role.CLERK), form=form)


@bp.post("/desk/stations/<int:organization_id>/place")
@staff(Role.CLERK)
def place_station(organization_id: int) -> ResponseReturnValue:
    form, station = SpotForm(), organization_or_404(organization_id, Role.CLERK)
    return submitted(form, lambda: _spot_page(organization_id, form), lambda: _placed(station.id, form))


def _placed(organization_id: int, form: SpotForm) -> ResponseReturnValue:
    values = (form.latitude.data, form.longitude.data, form.radius.data)
    actions.place_station(organization_id, *values, actor(), now=clock.now())
    flash(_("It is noted where the station is."), "success")
    return see_other(url_for(".tablets"))


# --- PIN and card of somebody at the desk -----------------------------------------------------------------------


@bp.get("/desk/people/<int:volunteer_id>/kiosk")
@staff(Role.CLERK)
def person(volunteer_id: int) -> ResponseReturnValue:
    """The PIN is shown once, for the person to read from the screen."""
    kept_id, pin = session.pop(SHOWN_PIN, None) or (0, "")
    return _person_page(volunteer_id, Form(), pin if kept_id == volunteer_id else "")


def _person_page(volunteer_id: int, form: Form, shown: str = "") -> Response:
    one = _person_or_404(volunteer_id)
    kept: dict[str, Any] = {"pin": queries.pin_of(one.id), "card": queries.card_of(one.id)}
    return respond("kiosk/person.html", person=one, form=form, shown=shown, **kept)


@bp.post("/desk/people/<int:volunteer_id>/pin")
@staff(Role.CLERK)
def reset_pin(volunteer_id: int) -> ResponseReturnValue:
    form = Form()
    with reading():  # the PIN is hashed before anything is locked
        _person_or_404(volunteer_id)
    return submitted(form, lambda: _person_page(volunteer_id, form), lambda: _reset(volunteer_id))


def _reset(volunteer_id: int) -> ResponseReturnValue:
    pin = actions.first_pin()
    hashed = passwords.hashed(pin)
    actions.reset_pin(_person_or_404(volunteer_id), hashed, _station(volunteer_id), actor(), now=clock.now())
    session[SHOWN_PIN] = [volunteer_id, pin]
    return see_other(url_for(".person", volunteer_id=volunteer_id))


def _station(volunteer_id: int) -> int:
    """For which station the clerk acts: the person's own if it is the clerk's, too."""
    own = queries.station_of(volunteer_id)
    mine = [held.organization_id for held in actor().held if held.role is Role.CLERK]
    return own.id if actor().may(Role.CLERK, own.path) else mine[0]


@bp.get("/desk/people/<int:volunteer_id>/card")
@staff(Role.CLERK)
def card(volunteer_id: int) -> ResponseReturnValue:
    one = _person_or_404(volunteer_id)
    live = queries.card_of(one.id) or abort(404)
    return respond("kiosk/card.html", person=one, card=live, square=signs.square(signs.card(one, live.serial)))


@bp.post("/desk/people/<int:volunteer_id>/card")
@staff(Role.CLERK)
def issue_card(volunteer_id: int) -> ResponseReturnValue:
    form, _one = Form(), _person_or_404(volunteer_id)
    return submitted(form, lambda: _person_page(volunteer_id, form), lambda: _issued(volunteer_id))


def _issued(volunteer_id: int) -> ResponseReturnValue:
    actions.issue_card(_person_or_404(volunteer_id), actor(), _station(volunteer_id), now=clock.now())
    flash(_("The new card is ready to print. An earlier one is no longer good."), "success")
    return see_other(url_for(".card", volunteer_id=volunteer_id))


@bp.post("/desk/people/<int:volunteer_id>/card/revocation")
@staff(Role.CLERK)
def revoke_card(volunteer_id: int) -> ResponseReturnValue:
    form, _one = Form(), _person_or_404(volunteer_id)
    return submitted(form, lambda: _person_page(volunteer_id, form), lambda: _revoked(volunteer_id))


def _revoked(volunteer_id: int) -> ResponseReturnValue:
    actions.revoke_card(volunteer_id, actor(), _station(volunteer_id), now=clock.now())
    flash(_("The card is no longer good."), "success")
    return see_other(url_for(".person", volunteer_id=volunteer_id))


def _person_or_404(volunteer_id: int) -> Volunteer:
    return queries.person_at_desk(volunteer_id, actor(), clock.now()) or abort(404)


# --- what looks odd -----------------------------------------------------------------------------------------------


@bp.post("/desk/flags/<int:flag_id>/review")
@staff(Role.CLERK)
def look_at_flag(flag_id: int) -> ResponseReturnValue:
    form = Form()
    flag = queries.flag_within(flag_id, actor().reach(Role.CLERK)) or abort(404)
    back = url_for("claims_desk.show_claim", claim_id=flag.claim_id)
    return submitted(form, lambda: _back(back), lambda: _looked(flag_id, back))


def _back(address: str) -> Response:
    return Response(status=303, headers={"Location": address})


def _looked(flag_id: int, back: str) -> ResponseReturnValue:
    actions.look_at(flag_id, actor(), now=clock.now())
    flash(_("Noted that you looked into it."), "success")
    return see_other(back)
