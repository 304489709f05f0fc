"""The desk of the level above: what looks odd, with its reason and the entries it rests on."""

from collections import Counter

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity import queries as people
from blueprints.identity.access import actor, staff
from blueprints.inspections import actions, overdue, queries, words
from blueprints.inspections.actions import Plan
from blueprints.inspections.forms import DrawForm, FindingForm, ItemForm
from blueprints.inspections.models import Finding, FlagState, Late, Rule, SpotCheck, Subject
from blueprints.inspections.overdue import Overdue
from blueprints.inspections.queries import Line
from core import clock
from core.actor import Role
from core.db import reading
from core.forms import Form
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
        barred=people.is_one_of(actor().account_id, queries.involved(flag)),
        now=clock.now(),
    )


def _risk_or_404(risk_id: int) -> Line:
    return queries.flag_within(risk_id, _reach()) or abort(404)


# --- what is overdue --------------------------------------------------------------------------------------------


@bp.get("/desk/overdue")
@staff(Role.CONFIRMER, Role.ADMINISTRATOR)
def show_overdue() -> ResponseReturnValue:
    chosen, number, paths = row_arg("organization"), min(row_arg("page") or 1, 10_000), _reach()
    only = (overdue.organization_below(chosen, paths) or abort(404)) if chosen else None
    span = overdue.at(clock.now())
    lines, more = overdue.lines(paths, span, number, chosen)
    shown, tallies = [(line, _way_to(line)) for line in lines], overdue.tallies(paths, span)
    return respond("inspections/overdue.html", lines=shown, tallies=tallies, number=number, more=more, only=only)


def _way_to(line: Overdue) -> str | None:
    """Where whoever looks can open it; None where only others may."""
    path, may = line.organization.path, actor().may
    match line.kind:
        case Late.NOT_HANDED_IN | Late.NOT_MARKED:
            page = "claims_desk.roster" if may(Role.CLERK, path) else "claims.shift"
            return url_for(page, shift_id=line.id)
        case Late.NOT_CONFIRMED | Late.NOT_APPROVED if line.id > 0:
            return url_for("records_desk.record_sheet", shift_id=line.id)
        case Late.NOT_CONFIRMED | Late.NOT_APPROVED:
            return url_for("records_desk.show_record", record_id=-line.id)
        case Late.REPORT:
            return url_for("reports_desk.show_report", report_id=line.id)
        case Late.EVIDENCE:
            return url_for(".show_check", check_id=line.id) if line.opens else None
    return _way_to_decide(line) if may(Role.CONFIRMER, path) else None


def _way_to_decide(line: Overdue) -> str:
    if line.kind is Late.DISPUTE:
        return url_for("disputes_desk.show_dispute", dispute_id=line.id)
    return url_for("notices_desk.show_objection", objection_id=line.id)


# --- spot checks ------------------------------------------------------------------------------------------------


@bp.get("/desk/checks")
@staff(Role.CONFIRMER, Role.ADMINISTRATOR)
def checks() -> ResponseReturnValue:
    return respond("inspections/checks.html", tallies=queries.tallies(_reach()), today=clock.today(clock.now()))


@bp.get("/desk/checks/new")
@staff(Role.CONFIRMER, Role.ADMINISTRATOR)
def new_check() -> ResponseReturnValue:
    return _draw_page(_draw_form())


@bp.post("/desk/checks")
@staff(Role.CONFIRMER, Role.ADMINISTRATOR)
def draw_check() -> ResponseReturnValue:
    with reading():
        form = _draw_form()
    if form.organization.data not in dict(form.organization.choices):
        abort(404)
    return submitted(form, lambda: _draw_page(form), lambda: _drawn(form))


def _draw_form() -> DrawForm:
    return DrawForm().offer([(each.id, each.name) for each in queries.checkable(_reach())])


def _draw_page(form: DrawForm) -> Response:
    return respond("inspections/check_new.html", form=form)


def _drawn(form: DrawForm) -> ResponseReturnValue:
    told = (form.organization.data, form.first.data, form.last.data, form.permille.data, form.risks.data)
    with reading():
        sampled = actions.sample(Plan(*told), actor(), now=clock.now())
    check = actions.draw(sampled, actor(), now=clock.now())
    flash(_("The sample is drawn, and the organizations in it are asked for evidence."), "success")
    return see_other(url_for(".show_check", check_id=check.id))


@bp.get("/desk/checks/<int:check_id>")
@staff(Role.CONFIRMER, Role.ADMINISTRATOR)
def show_check(check_id: int) -> ResponseReturnValue:
    return _check_page(_check_or_404(check_id), Form())


def _check_page(check: SpotCheck, form: Form, item_id: int = 0) -> Response:
    items = queries.items_of(check.id)
    return respond(
        "inspections/check.html",
        check=check,
        items=items,
        requests=queries.requests_of(check.id),
        form=form,
        wrong=item_id,
        item_form=form if isinstance(form, ItemForm) else ItemForm(formdata=None).offer(),
        left=sum(item.finding is None for item in items),
        counts=Counter(item.finding for item in items if item.finding),
        today=clock.today(clock.now()),
    )


@bp.post("/desk/check-items/<int:item_id>/finding")
@staff(Role.CONFIRMER, Role.ADMINISTRATOR)
def find_item(item_id: int) -> ResponseReturnValue:
    item = queries.item_within(item_id, _reach()) or abort(404)
    form, check_id = ItemForm().offer(), item.check_id
    again = lambda: _check_page(_check_or_404(check_id), form, item_id)  # noqa: E731
    return submitted(form, again, lambda: _item_found(item_id, form))


def _item_found(item_id: int, form: ItemForm) -> ResponseReturnValue:
    finding, now = Finding(form.result.data), clock.now()
    item = actions.find(item_id, finding, form.note.data or "", actor(), minutes=form.minutes.data, now=now)
    flash(_("The finding is kept."), "success")
    return see_other(url_for(".show_check", check_id=item.check_id))


@bp.post("/desk/checks/<int:check_id>/closure")
@staff(Role.CONFIRMER, Role.ADMINISTRATOR)
def close_check(check_id: int) -> ResponseReturnValue:
    form, check = Form(), _check_or_404(check_id)
    return submitted(form, lambda: _check_page(_check_or_404(check_id), form), lambda: _closed(check.id))


def _closed(check_id: int) -> ResponseReturnValue:
    actions.close(check_id, actor(), now=clock.now())
    flash(_("The spot check is closed. You can publish its result."), "success")
    return see_other(url_for(".show_check", check_id=check_id))


@bp.post("/desk/checks/<int:check_id>/publication")
@staff(Role.CONFIRMER, Role.ADMINISTRATOR)
def publish_check(check_id: int) -> ResponseReturnValue:
    form, check = Form(), _check_or_404(check_id)
    return submitted(form, lambda: _check_page(_check_or_404(check_id), form), lambda: _published(check.id))


def _published(check_id: int) -> ResponseReturnValue:
    actions.publish(check_id, actor(), now=clock.now())
    flash(_("The result is published."), "success")
    return see_other(url_for(".show_check", check_id=check_id))


def _check_or_404(check_id: int) -> SpotCheck:
    return queries.check_within(check_id, _reach()) or abort(404)
