"""The desk of the level above: what looks odd, with its reason and the entries it rests on."""

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, staff
from blueprints.inspections import actions, queries, words
from blueprints.inspections.forms import FindingForm
from blueprints.inspections.models import FlagState, Rule, Subject
from blueprints.inspections.queries import Line
from core import clock
from core.actor import Role
from core.i18n import _
from core.web import respond, row_arg, see_other, submitted

bp = Blueprint("inspections_desk", __name__)
bp.add_app_template_filter(words.reason, "risk_reason")


def _reach() -> list[str]:
    return actor().reach(*actions.LOOKERS)


@bp.get("/desk/risks")
@staff(Role.CONFIRMER, Role.ADMINISTRATOR)
def risks() -> ResponseReturnValue:
    asked, state = request.args.get("rule", ""), request.args.get("state", "")
    rule = Rule(asked) if asked in set(Rule) else None
    shown = FlagState(state) if state in set(FlagState) else FlagState.OPEN
    found = queries.flags(_reach(), shown, rule, row_arg("before"))
    lines, more = found[: queries.PAGE], len(found) > queries.PAGE
    older = lines[-1].flag.id if more else None
    return respond(
        "inspections/risks.html", lines=lines, rule=rule, state=shown, rules=Rule, states=FlagState, older=older
    )


@bp.get("/desk/risks/<int:risk_id>")
@staff(Role.CONFIRMER, Role.ADMINISTRATOR)
def show_risk(risk_id: int) -> ResponseReturnValue:
    return _risk_page(_risk_or_404(risk_id), FindingForm())


@bp.post("/desk/risks/<int:risk_id>/finding")
@staff(Role.CONFIRMER, Role.ADMINISTRATOR)
def look_at_risk(risk_id: int) -> ResponseReturnValue:
    form, line = FindingForm(), _risk_or_404(risk_id)
    return submitted(form, lambda: _risk_page(_risk_or_404(risk_id), form), lambda: _looked_at(line.flag.id, form))


def _looked_at(flag_id: int, form: FindingForm) -> ResponseReturnValue:
    actions.look_at(flag_id, actor(), finding=form.finding.data, now=clock.now())
    flash(_("What you found is kept. Nothing was changed by it."), "success")
    return see_other(url_for(".risks"))


def _risk_page(line: Line, form: FindingForm) -> Response:
    flag = line.flag
    person = flag.subject_id if flag.subject is Subject.PERSON else 0
    return respond(
        "inspections/risk.html",
        line=line,
        form=form,
        rows=queries.rows_of(flag.id),
        refused=queries.refused_to(person) if flag.rule is Rule.ATTEMPTS else [],
        people=queries.registered_by(person) if flag.rule is Rule.AGES else [],
        barred=actor().account_id in queries.involved(flag),
        now=clock.now(),
    )


def _risk_or_404(risk_id: int) -> Line:
    return queries.flag_within(risk_id, _reach()) or abort(404)
