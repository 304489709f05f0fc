"""Group robots: an administrator connects the group chat of an organization, so that it hears of its shifts."""

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, organization_or_404, staff
from blueprints.messages import actions, queries
from blueprints.messages.forms import RobotForm
from blueprints.messages.models import DeliveryState, Robot, RobotKind
from core import clock
from core.actor import Role
from core.forms import Form
from core.i18n import _
from core.web import respond, see_other, submitted

bp = Blueprint("robots", __name__)
ADMINISTRATOR = Role.ADMINISTRATOR


@bp.get("/desk/organizations/<int:organization_id>/robots")
@staff(ADMINISTRATOR)
def show_robots(organization_id: int) -> ResponseReturnValue:
    return _robots_page(organization_id, RobotForm())


def _robots_page(organization_id: int, form: Form) -> Response:
    organization = organization_or_404(organization_id, ADMINISTRATOR)
    robots = queries.live_robots(organization.id)
    return respond(
        "messages/robots.html",
        organization=organization,
        robots=robots,
        last=queries.last_said([robot.id for robot in robots]),
        states=DeliveryState,
        form=form,
        new=form if isinstance(form, RobotForm) else RobotForm(formdata=None),
    )


@bp.post("/desk/organizations/<int:organization_id>/robots")
@staff(ADMINISTRATOR)
def add_robot(organization_id: int) -> ResponseReturnValue:
    id, form = organization_or_404(organization_id, ADMINISTRATOR).id, RobotForm()
    return submitted(form, lambda: _robots_page(id, form), lambda: _added(id, form))


def _added(organization_id: int, form: RobotForm) -> ResponseReturnValue:
    values = {"name": form.name.data, "url": form.url.data, "secret": form.secret.data or "", "lang": form.lang.data}
    made = actions.add_robot(organization_id, RobotKind(form.kind.data), actor(), **values, now=clock.now())
    flash(_("%(name)s is connected. Send a test message to see that it speaks.", name=made.name), "success")
    return see_other(url_for(".show_robots", organization_id=organization_id))


@bp.post("/desk/robots/<int:robot_id>/removal")
@staff(ADMINISTRATOR)
def remove_robot(robot_id: int) -> ResponseReturnValue:
    robot, form = _robot_or_404(robot_id), Form()
    id, place = robot.id, robot.organization_id
    return submitted(form, lambda: _robots_page(place, form), lambda: _removed(id, place))


def _removed(robot_id: int, organization_id: int) -> ResponseReturnValue:
    gone = actions.remove_robot(robot_id, actor(), now=clock.now())
    flash(_("%(name)s says nothing any more. Remove the robot in the group, too.", name=gone.name), "success")
    return see_other(url_for(".show_robots", organization_id=organization_id))


@bp.post("/desk/robots/<int:robot_id>/trial")
@staff(ADMINISTRATOR)
def try_robot(robot_id: int) -> ResponseReturnValue:
    robot, form = _robot_or_404(robot_id), Form()
    id, place = robot.id, robot.organization_id
    return submitted(form, lambda: _robots_page(place, form), lambda: _tried(id, place))


def _tried(robot_id: int, organization_id: int) -> ResponseReturnValue:
    actions.try_robot(robot_id, actor(), now=clock.now())
    flash(_("A test message is on its way. Reload this page in a minute to see whether it was taken."), "success")
    return see_other(url_for(".show_robots", organization_id=organization_id))


def _robot_or_404(robot_id: int) -> Robot:
    return queries.robot_under(robot_id, actor().reach(ADMINISTRATOR)) or abort(404)
