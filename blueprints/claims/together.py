"""The page on which somebody claims for several people at once."""

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.claims import company, parties, queries
from blueprints.claims.forms import PartyForm
from blueprints.claims.parties import Named
from blueprints.identity import tries
from blueprints.identity.access import actor, volunteer_only
from blueprints.identity.models import Volunteer
from core import clock
from core.db import db, reading
from core.i18n import _, ngettext
from core.refusal import Refusal
from core.web import afterwards, respond, see_other, submitted

bp = Blueprint("together", __name__)


@bp.get("/shifts/<int:shift_id>/party")
@volunteer_only
def new_party(shift_id: int) -> ResponseReturnValue:
    """Who comes along."""
    return _page(shift_id, PartyForm())


@bp.post("/shifts/<int:shift_id>/parties")
@volunteer_only
def create_party(shift_id: int) -> ResponseReturnValue:
    form = PartyForm()
    with reading():
        queries.is_shown(shift_id) or abort(404)
    return submitted(form, lambda: _page(shift_id, form), lambda: _name(shift_id, form))


def _page(shift_id: int, form: PartyForm) -> Response:
    shift = queries.shift_with_post(shift_id) if queries.is_shown(shift_id) else None
    shift = shift or abort(404)
    closed = queries.closed_because(shift, shift.post, clock.now())
    comes = not queries.live_claim(shift.id, actor().volunteer_id or 0)
    return respond("claims/party.html", form=form, shift=shift, closed=closed, comes=comes, most=parties.MOST_NAMED)


def _name(shift_id: int, form: PartyForm) -> ResponseReturnValue:
    ids = _people(form.lines())
    named = parties.name_people(
        shift_id, ids, actor(), comes=bool(form.comes.data), whole=form.is_whole, now=clock.now()
    )
    flash(_said(named), "success")
    if named.left_out:
        flash(_("Not asked: %(names)s.", names="、".join(named.left_out)), "info")
    return see_other(url_for("claims.shift", shift_id=shift_id))


def _said(named: Named) -> str:
    return ngettext("%(num)d person is asked.", "%(num)d people are asked.", len(named.asked))


def _people(lines: list[str]) -> list[int]:
    """Who is meant by each line; a line that means nobody is named, and such tries are counted."""
    now, counted = clock.now(), tries.of_codes(actor().account_id)
    with reading():
        tries.require_calm(counted, now=now)
        own = db.session.get_one(Volunteer, actor().volunteer_id)
        found = {line: company.meant(line, own) for line in lines}
        ids = [person.id for person in found.values() if person]
    if unknown := [line for line, person in found.items() if person is None]:
        afterwards(lambda: tries.note(counted, now=now))
        raise Refusal(
            _(
                "Nobody registered fits: %(lines)s. Without being registered nobody can hold a place: check name and "
                "number, or let them register first.",
                lines="；".join(unknown),
            ),
            "people",
        )
    return ids
