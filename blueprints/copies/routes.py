"""The page where somebody asks for a copy of everything about them."""

from typing import Any

from flask import Blueprint, Response, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.copies import actions, queries
from blueprints.copies.forms import CopyForm
from blueprints.copies.sections import LEFT_OUT, SECTIONS, Person
from blueprints.identity.access import actor, signed_in
from blueprints.identity.pages import require_own_password
from blueprints.jobs import queries as jobs
from core import clock
from core.i18n import _
from core.web import respond, see_other, submitted

bp = Blueprint("copies", __name__)


@bp.get("/me/copies")
@signed_in
def mine() -> ResponseReturnValue:
    """What a copy holds, what it does not, and the copies there are."""
    return _page(CopyForm(formdata=None))


@bp.post("/me/copies")
@signed_in
def ask() -> ResponseReturnValue:
    form = CopyForm()
    return submitted(form, lambda: _page(form), lambda: _asked(form))


def _asked(form: CopyForm) -> ResponseReturnValue:
    require_own_password(form.password.data, actor().account_id)
    job = actions.ask(actor(), now=clock.now())
    flash(_("Your copy is being made. You are told as soon as it is ready."), "success")
    return see_other(url_for("jobs.show", job_id=job.id))


def _page(form: CopyForm) -> Response:
    made = jobs.of_kind(actions.COPY.name, actor().account_id)
    told: dict[str, Any] = {"sections": [section.title for section in SECTIONS]}
    told["reasons"] = sorted({str(why) for why in LEFT_OUT.values()})
    told["given_away"] = queries.given_away(Person(actor().account_id, actor().volunteer_id or 0))
    return respond("copies/mine.html", form=form, made=made, kept_for=jobs.KEPT_FOR.days, **told)
