"""Secret addresses and what they open: the calendar of a person or a station, and the screen on a station's wall."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.claims import feed, linking, links, wall
from blueprints.claims.models import LinkKind
from blueprints.claims.subscribing import as_calendar, base_url
from blueprints.identity.access import actor, organization_or_404, public, staff, volunteer_only
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import OFFERING, Organization
from core import clock
from core.actor import Role
from core.db import db
from core.forms import Form
from core.i18n import DEFAULT_LANGUAGE, _, language, speaking
from core.web import is_swap, respond, see_other, submitted

bp = Blueprint("screens", __name__)
KINDS = (LinkKind.STATION, LinkKind.WALL)
MOST_STATIONS = 200
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


# --- one's own calendar -------------------------------------------------------------------------------------


@bp.get("/calendar/<token>.ics")
@public
def calendar(token: str) -> ResponseReturnValue:
    """The schedule for a calendar program that subscribes: whoever has the address reads it."""
    volunteer, account = links.volunteer(token) or abort(404)
    with speaking(account.lang):
        return as_calendar(feed.own(volunteer.id, clock.now(), base_url()))


@bp.post("/me/calendar/address")
@volunteer_only
def renew_own_address() -> ResponseReturnValue:
    """Make an address, or another one in its place."""
    linking.renew_own(actor(), now=clock.now())
    flash(_("This is the new address. Whatever was made before opens nothing any more."), "success")
    return _to_own()


@bp.post("/me/calendar/removal")
@volunteer_only
def end_own_address() -> ResponseReturnValue:
    linking.end_own(actor())
    flash(_("The address opens nothing any more."), "success")
    return _to_own()


def _to_own() -> ResponseReturnValue:
    return see_other("/me/schedule#calendar")


# --- the addresses of a station -----------------------------------------------------------------------------


@bp.get("/desk/screens")
@staff(Role.CLERK)
def list_stations() -> ResponseReturnValue:
    """The clerk's stations; with one of them there is nothing to choose."""
    mine = organizations.organizations_under(actor().reach(Role.CLERK)).where(Organization.kind.in_(OFFERING))
    found = list(db.session.scalars(mine.limit(MOST_STATIONS)))
    if len(found) == 1:
        return see_other(url_for(".show_screens", organization_id=found[0].id))
    return respond("claims/screen_stations.html", stations=found)


@bp.get("/desk/organizations/<int:organization_id>/screens")
@staff(Role.CLERK)
def show_screens(organization_id: int) -> ResponseReturnValue:
    return _screens_page(_station_or_404(organization_id), Form())


def _screens_page(station: Organization, form: Form) -> Response:
    made = links.of_organization(station.id)
    addresses = {kind: _address(kind, links.token(link)) for kind, link in made.items()}
    pictures = {kind: wall.qr(address) for kind, address in addresses.items() if kind is LinkKind.WALL}
    response = respond(
        "claims/screens.html",
        station=station,
        made=made,
        kinds=KINDS,
        addresses=addresses,
        pictures=pictures,
        form=form,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _address(kind: LinkKind, token: str) -> str:
    name = "screens.show_wall" if kind is LinkKind.WALL else "screens.station_calendar"
    return base_url() + url_for(name, token=token)


@bp.post("/desk/organizations/<int:organization_id>/screens/<kind>/address")
@staff(Role.CLERK)
def renew_address(organization_id: int, kind: str) -> ResponseReturnValue:
    station, which = _station_or_404(organization_id), _kind_or_404(kind)
    form, id = Form(), station.id
    return submitted(form, lambda: _screens_page(_station_or_404(id), form), lambda: _renewed(id, which))


def _renewed(organization_id: int, kind: LinkKind) -> ResponseReturnValue:
    linking.renew(organization_id, kind, actor(), now=clock.now())
    flash(_("This is the new address. Whatever was made before opens nothing any more."), "success")
    return see_other(url_for(".show_screens", organization_id=organization_id, _anchor=kind))


@bp.post("/desk/organizations/<int:organization_id>/screens/<kind>/removal")
@staff(Role.CLERK)
def end_address(organization_id: int, kind: str) -> ResponseReturnValue:
    station, which = _station_or_404(organization_id), _kind_or_404(kind)
    linking.end(station.id, which, actor(), now=clock.now())
    flash(_("The address opens nothing any more."), "success")
    return see_other(url_for(".show_screens", organization_id=organization_id, _anchor=which))


def _station_or_404(organization_id: int) -> Organization:
    return organization_or_404(organization_id, Role.CLERK)


def _kind_or_404(kind: str) -> LinkKind:
    return next((known for known in KINDS if known == kind), None) or abort(404)


# --- what they open -----------------------------------------------------------------------------------------


@bp.get("/calendar/stations/<token>.ics")
@public
def station_calendar(token: str) -> ResponseReturnValue:
    station = links.organization(LinkKind.STATION, token) or abort(404)
    with speaking(DEFAULT_LANGUAGE):
        return as_calendar(feed.station(station, clock.now(), base_url()))


@bp.get("/wall/<token>")
@public
def show_wall(token: str) -> ResponseReturnValue:
    """The screen; it asks for itself every few seconds, and is told in few bytes that nothing is new."""
    station, now = links.organization(LinkKind.WALL, token) or abort(404), clock.now()
    shown = wall.wall(station, now)
    response = _unchanged(shown, now) if is_swap() else None
    response = response or _wall_page(shown, token, now)
    response.set_etag(_tag(shown, now))
    response.headers.update(HEADERS | {"X-Now": str(int(now.timestamp() * 1000))})
    return response


def _wall_page(shown: wall.Wall, token: str, now: datetime) -> Response:
    pages = shown.pages
    number = min(max(request.args.get("page", 1, type=int), 1), len(pages))
    pictures = {gap.id: wall.qr(f"{base_url()}/shifts/{gap.id}") for gap in shown.short}
    context: dict[str, Any] = {"wall": shown, "pages": pages, "number": number, "pictures": pictures}
    context |= {"token": token, "now": now, "zone": clock.zone().key, "most": wall.MOST_NAMES}
    context["tag"] = f'"{_tag(shown, now)}"'
    return respond("claims/wall.html", "claims/_wall.html", **context)


def _unchanged(shown: wall.Wall, now: datetime) -> Response | None:
    """Nothing but the hour, so that the screen knows that it is still heard."""
    known = request.if_none_match.contains(_tag(shown, now))
    return Response(status=304) if known else None


def _tag(shown: wall.Wall, now: datetime) -> str:
    return shown.tag(now, language())
