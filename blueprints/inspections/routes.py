"""What everybody of the area may read: the results of spot checks, in numbers only."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, signed_in
from blueprints.inspections import queries
from core.web import respond

bp = Blueprint("inspections", __name__)


@bp.get("/checks")
@signed_in
def results() -> ResponseReturnValue:
    home = queries.home_of(actor().volunteer_id)
    return respond("inspections/results.html", tallies=queries.published(actor(), home))
