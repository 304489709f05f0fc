"""The clock of a demo, which anybody in it may move. In a real installation there is nothing here: 404."""

from flask import Blueprint, abort, current_app, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.admin import demo
from blueprints.admin.cli import keep_time
from blueprints.admin.demo import Step
from blueprints.identity.access import actor, signed_in
from blueprints.posts.models import Shift
from core import clock, display
from core.i18n import _
from core.web import respond, see_other

bp = Blueprint("demo", __name__)
TIMELESS = {"assets", "manifest", "health.healthz"}


@bp.app_template_global()
def is_demo() -> bool:
    """Whether the pages should say that everything here is made up; asked of the database once a process."""
    return bool(current_app.extensions.get("demo"))


@bp.before_app_request
def set_clock() -> None:
    """Tell the time of the demo, which somebody may have moved in another process."""
    if request.endpoint not in TIMELESS:
        keep_time()


@bp.get("/demo/clock")
@signed_in
def show_clock() -> ResponseReturnValue:
    _only_in_a_demo()
    now = clock.now()
    coming, ending = demo.own_shift(actor(), now, by=Shift.starts_at), demo.own_shift(actor(), now)
    far = coming is not None and coming.starts_at - demo.EARLY > now
    return respond("admin/demo_clock.html", now=now, ahead=demo.ahead(), coming=coming, far=far, ending=ending)


@bp.post("/demo/clock/steps/<step>")
@signed_in
def create_step(step: str) -> ResponseReturnValue:
    _only_in_a_demo()
    if step not in list(Step):
        abort(404)
    clock.run_ahead(demo.move_clock(Step(step), actor=actor(), now=clock.now()))
    flash(_("The clock of the demo says %(moment)s now.", moment=display.moment(clock.now())), "success")
    return see_other(url_for("demo.show_clock"))


def _only_in_a_demo() -> None:
    if not is_demo():
        abort(404)
