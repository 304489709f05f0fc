"""The desk of an office: what waits, its organizations, who works there, what was done, and the rules' numbers."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, flash, g, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from blueprints.admin import actions, queries
from blueprints.admin.forms import (
    InvitationForm,
    LimitForm,
    NewOrganizationForm,
    OrganizationForm,
    TraceForm,
    limit_form,
)
from blueprints.admin.links import invitation_link, qr
from blueprints.admin.words import CONSEQUENCES, MEANINGS, switched, told
from blueprints.claims import queries as claims
from blueprints.claims import shortness
from blueprints.disputes import reported
from blueprints.identity.access import actor, staff, viewer
from blueprints.identity.models import Grant, Invitation
from blueprints.inspections import overdue
from blueprints.inspections.actions import LOOKERS
from blueprints.organizations import queries as places
from blueprints.organizations.models import DEFAULTS, SWITCHES, Division, Limit, Organization
from blueprints.records import queries as records
from blueprints.records import witness
from blueprints.records.models import Tried
from blueprints.series import queries as series
from core import clock, sought
from core.actor import Role
from core.db import db
from core.forms import Form, tidy
from core.i18n import _
from core.web import respond, row_arg, see_other, submitted, text_arg

bp = Blueprint("desk", __name__)
Item = tuple[str, str, str, int | str | None, bool]
witness.WATCHED |= {"desk.invite": Tried.GIVE_ROLE, "people.approve": Tried.ADMIT}
TOP_ONLY = ("/desk/settings", "/desk/calendar")
CLERK, CONFIRMER, ADMINISTRATOR = Role.CLERK, Role.CONFIRMER, Role.ADMINISTRATOR


# --- the way around -----------------------------------------------------------------------------------------


@bp.app_template_global()
def desk_nav() -> list[Item]:
    """The entries of the desk's navigation that the viewer's roles open."""
    asking = viewer()
    if asking is None:
        return []
    return [
        (label, url, picture, _shown(count), request.path == url or (url != "/desk" and _inside(url)))
        for label, url, picture, count, roles in _entries()
        if any(asking.can(role) for role in roles) and (url not in TOP_ONLY or queries.runs_the_top(asking))
    ]


def _entries() -> list[tuple[str, str, str, int, tuple[Role, ...]]]:
    waiting = _waiting()
    return [
        (_("Desk"), "/desk", "desk", 0, tuple(Role)),
        (_("Posts"), "/desk/posts", "flag", 0, (CLERK,)),
        (_("Requests"), "/desk/requests", "bell", waiting.requests, (CLERK,)),
        (_("Times to hand in"), "/desk/hand-ins", "clock", 0, (CLERK,)),
        (_("Tablets"), "/desk/tablets", "checkin", 0, (CLERK,)),
        (_("To confirm"), "/desk/records", "check", waiting.records + waiting.corrections, (CONFIRMER,)),
        (_("Disputes"), "/desk/disputes", "edit", waiting.disputes, (CONFIRMER,)),
        (_("Public notices"), "/desk/notices", "flag", waiting.notice_objections, tuple(Role)),
        (_("Supplements"), "/desk/supplements", "record", waiting.supplements, (CLERK, CONFIRMER)),
        *_objections(waiting.objections),
        *_below(waiting.risks),
        *_reports(waiting.reports),
        (_("Spot checks"), "/desk/checks", "search", 0, (CONFIRMER, ADMINISTRATOR)),
        (_("Honours"), "/desk/honours", "honour", waiting.honours, (ADMINISTRATOR,)),
        (_("Evidence asked for"), "/desk/check-requests", "info", waiting.evidence, (CLERK,)),
        (_("Certificates"), "/desk/certificates", "printer", waiting.certificates, (CLERK, CONFIRMER)),
        (_("Imports"), "/desk/imports", "plus", 0, tuple(Role)),
        (_("Hand-over"), "/desk/hand-overs", "arrow", 0, (ADMINISTRATOR,)),
        *_registrations(waiting),
        (_("Screen and calendar"), "/desk/screens", "calendar", 0, (CLERK,)),
        (_("People"), "/desk/people", "people", 0, (CLERK, ADMINISTRATOR)),
        (_("Organizations"), "/desk/organizations", "home", 0, (ADMINISTRATOR,)),
        (_("Roles"), "/desk/roles", "shield", 0, (ADMINISTRATOR,)),
        (_("Trace of changes"), "/desk/audit", "list", 0, (ADMINISTRATOR,)),
        (_("Rules"), "/desk/settings", "filter", 0, (ADMINISTRATOR,)),
        (_("Calendar"), "/desk/calendar", "calendar", 0, (ADMINISTRATOR,)),
    ]


def _below(risks: int) -> list[tuple[str, str, str, int, tuple[Role, ...]]]:
    """What the level above looks at: what is late, and what looks odd."""
    return [
        (_("Overdue"), "/desk/overdue", "clock", 0, LOOKERS),
        (_("Risk queue"), "/desk/risks", "warning", risks, LOOKERS),
    ]


def _registrations(waiting: queries.Waiting) -> list[tuple[str, str, str, int, tuple[Role, ...]]]:
    """What an administrator decides about registrations."""
    return [
        (_("Registrations"), "/desk/registrations", "record", waiting.registrations, (ADMINISTRATOR,)),
        (_("Registered twice"), "/desk/duplicates", "people", waiting.mergers, (ADMINISTRATOR,)),
    ]


def _objections(count: int) -> list[tuple[str, str, str, int, tuple[Role, ...]]]:
    """An entry that is there only while something waits: on most days nobody has objected to anything."""
    return [(_("Absence objections"), "/desk/absences", "info", count, (CLERK, CONFIRMER))] if count else []


def _reports(count: int) -> list[tuple[str, str, str, int, tuple[Role, ...]]]:
    """The same for registrations that somebody reported."""
    return (
        [(_("Reported registrations"), "/desk/identity-reports", "shield", count, reported.HANDLERS)] if count else []
    )


def _waiting(span: overdue.Span | None = None) -> queries.Waiting:
    """What waits for the viewer, asked once a request; what is overdue below only if the page wants to know it."""
    asking = actor()
    if g.get("waiting", (None,))[0] is not asking:
        g.waiting = asking, queries.waiting(asking, span)
    waiting: queries.Waiting = g.waiting[1]
    return waiting


def _shown(count: int) -> int | str | None:
    return f"{queries.MOST_COUNTED - 1}+" if count >= queries.MOST_COUNTED else count or None


def _inside(url: str) -> bool:
    return request.path.startswith(url + "/")


@bp.get("/desk")
@staff()
def home() -> ResponseReturnValue:
    now, mine = clock.now(), actor().reach(CLERK)
    shown: dict[str, Any] = {name: _shown(count) for name, count in _counts(now).items()}
    return respond("admin/home.html", **_shifts_at_hand(mine, now), **shown, now=now)


def _counts(now: datetime) -> dict[str, int]:
    """How much of everything waits, by the names of the page."""
    waiting = _waiting(overdue.at(now) if actor().reach(*LOOKERS) else None)
    return {
        "to_decide": waiting.disputes,
        "to_vouch": waiting.supplements,
        "to_confirm": waiting.records,
        "to_approve": waiting.registrations,
        "to_answer": waiting.requests,
        "from_tablets": waiting.tablet_acts,
        "late": waiting.overdue,
    }


def _shifts_at_hand(mine: Sequence[str], now: datetime) -> dict[str, Any]:
    """What a clerk has to do with shifts; others are not asked about it."""
    asked: dict[str, Callable[[Sequence[str], datetime], Sequence[Any]]] = {
        "coming": queries.coming_shifts,
        "due": records.shifts_to_hand_in,
        "punches": claims.open_punches,
        "repeats": series.concerning,
        "short": shortness.open_questions,
    }
    return {name: ask(mine, now) if mine else [] for name, ask in asked.items()}


# --- organizations ------------------------------------------------------------------------------------------


@bp.get("/desk/organizations")
@staff(ADMINISTRATOR)
def show_organizations() -> ResponseReturnValue:
    q, paths = text_arg("q", 60), actor().reach(ADMINISTRATOR)
    found = queries.named(paths, q) if q else None
    tree = {} if q else queries.tree(paths)
    below = queries.counts_below([one.id for level in tree.values() for one in level])
    return respond("admin/organizations.html", tree=tree, below=below, found=found, q=q)


@bp.get("/desk/organizations/<int:organization_id>")
@staff(ADMINISTRATOR)
def show_organization(organization_id: int) -> ResponseReturnValue:
    return _organization_page(organization_id, Form())


def _organization_page(organization_id: int, form: Form) -> Response:
    organization = _organization_or_404(organization_id)
    return respond(
        "admin/organization.html",
        organization=organization,
        form=form,
        staff=queries.staff_of(organization.id),
        posts=queries.open_posts(organization.id),
        children=queries.children(organization),
        has_parent_in_reach=bool(organization.parent and actor().may(ADMINISTRATOR, organization.parent.path)),
    )


@bp.get("/desk/organizations/<int:organization_id>/children")
@staff(ADMINISTRATOR)
def new_organization(organization_id: int) -> ResponseReturnValue:
    return _new_organization_page(organization_id, NewOrganizationForm())


@bp.post("/desk/organizations/<int:organization_id>/children")
@staff(ADMINISTRATOR)
def found_organization(organization_id: int) -> ResponseReturnValue:
    parent_id, form = _open_organization_or_404(organization_id).id, NewOrganizationForm()
    return submitted(form, lambda: _new_organization_page(parent_id, form), lambda: _founded(parent_id, form))


def _founded(parent_id: int, form: NewOrganizationForm) -> ResponseReturnValue:
    values = {"phone": form.phone.data, "address": form.address.data, "division_id": form.division_id.number}
    made = actions.found(form.name.data, form.kind.data, parent_id, actor(), now=clock.now(), **values)
    flash(_("%(name)s is created. Now invite its staff.", name=made.name), "success")
    return see_other(url_for(".show_organization", organization_id=made.id))


def _new_organization_page(parent_id: int, form: NewOrganizationForm) -> Response:
    parent = _open_organization_or_404(parent_id)
    place = _place_within(parent.division, request.args.get("place", type=int) or form.division_id.number)
    return respond(
        "admin/organization_new.html",
        "admin/_place.html",
        parent=parent,
        form=form,
        place=place,
        steps=_steps_to(place, parent.division),
    )


def _place_within(top: Division, wanted: int | None) -> Division:
    """The wanted place if it lies in the top one, else the top one itself."""
    return (db.session.get(Division, wanted) if wanted in top.codes else None) or top


def _steps_to(place: Division, top: Division) -> list[tuple[Division, Sequence[Division]]]:
    """From the top place down to the chosen one: each with the places below it that one may choose."""
    way = [top, *(division for division in places.lineage(place.id) if division.id in top.codes and division != top)]
    return [(division, below) for division in way if (below := places.divisions_under(division.id))]


@bp.get("/desk/organizations/<int:organization_id>/details")
@staff(ADMINISTRATOR)
def edit_organization(organization_id: int) -> ResponseReturnValue:
    organization = _open_organization_or_404(organization_id)
    return _details_page(organization_id, OrganizationForm(obj=organization))


@bp.post("/desk/organizations/<int:organization_id>/details")
@staff(ADMINISTRATOR)
def change_organization(organization_id: int) -> ResponseReturnValue:
    id, form = _open_organization_or_404(organization_id).id, OrganizationForm()
    return submitted(form, lambda: _details_page(id, form), lambda: _changed(id, form))


def _changed(organization_id: int, form: OrganizationForm) -> ResponseReturnValue:
    values = {"name": form.name.data, "phone": form.phone.data, "address": form.address.data}
    actions.edit(organization_id, actor(), now=clock.now(), **values)
    flash(_("The changes are saved."), "success")
    return see_other(url_for(".show_organization", organization_id=organization_id))


def _details_page(organization_id: int, form: OrganizationForm) -> Response:
    return respond("admin/organization_edit.html", organization=_organization_or_404(organization_id), form=form)


@bp.post("/desk/organizations/<int:organization_id>/closure")
@staff(ADMINISTRATOR)
def close_organization(organization_id: int) -> ResponseReturnValue:
    id, form = _organization_or_404(organization_id).id, Form()
    return submitted(form, lambda: _organization_page(id, form), lambda: _closed(id))


def _closed(organization_id: int) -> ResponseReturnValue:
    closed = actions.close(organization_id, actor(), now=clock.now())
    flash(_("%(name)s is closed. Its records stay.", name=closed.name), "success")
    return see_other(url_for(".show_organizations"))


def _organization_or_404(organization_id: int) -> Organization:
    return queries.organization(organization_id, actor().reach(ADMINISTRATOR)) or abort(404)


def _open_organization_or_404(organization_id: int) -> Organization:
    found = _organization_or_404(organization_id)
    return found if found.closed_at is None else abort(404)


# --- who works there ----------------------------------------------------------------------------------------


@bp.get("/desk/roles")
@staff(ADMINISTRATOR)
def show_roles() -> ResponseReturnValue:
    return _roles_page(Form())


def _roles_page(form: Form) -> Response:
    q, paths = sought.words(actor().account_id), actor().reach(ADMINISTRATOR)
    grants = queries.live_grants(paths, q, row_arg("after") or 0)
    return respond(
        "admin/roles.html",
        form=form,
        grants=grants[: queries.PAGE],
        more=len(grants) > queries.PAGE,
        invitations=queries.open_invitations(paths, clock.now()),
        q=q,
        s=request.args.get(sought.NAME) if q else None,
    )


@bp.post("/desk/roles/searches")
@staff(ADMINISTRATOR)
def search_roles() -> ResponseReturnValue:
    return see_other(url_for(".show_roles", s=sought.sealed(actor().account_id)))


@bp.post("/desk/roles/<int:grant_id>/revocation")
@staff(ADMINISTRATOR)
def take_role_back(grant_id: int) -> ResponseReturnValue:
    id, form = _grant_or_404(grant_id).id, Form()
    return submitted(form, lambda: _roles_page(form), lambda: _taken_back(id))


def _taken_back(grant_id: int) -> ResponseReturnValue:
    name = _grant_or_404(grant_id).account.name
    actions.take_back(grant_id, actor(), now=clock.now())
    flash(_("The role is taken back. %(name)s is told, and cannot use it from now on.", name=name), "success")
    return see_other(url_for(".show_roles"))


def _grant_or_404(grant_id: int) -> Grant:
    return queries.grant_under(grant_id, actor().reach(ADMINISTRATOR)) or abort(404)


@bp.get("/desk/organizations/<int:organization_id>/invitations")
@staff(ADMINISTRATOR)
def new_invitation(organization_id: int) -> ResponseReturnValue:
    return _new_invitation_page(organization_id, InvitationForm())


@bp.post("/desk/organizations/<int:organization_id>/invitations")
@staff(ADMINISTRATOR)
def invite(organization_id: int) -> ResponseReturnValue:
    id, form = _open_organization_or_404(organization_id).id, InvitationForm()
    return submitted(form, lambda: _new_invitation_page(id, form), lambda: _invited(id, form))


def _invited(organization_id: int, form: InvitationForm) -> ResponseReturnValue:
    made, code = actions.invite(organization_id, form.role.data, form.name.data, actor(), now=clock.now())
    session[SHOW_ONCE] = [made.id, code]
    return see_other(url_for(".show_invitation", invitation_id=made.id))


SHOW_ONCE = "invitation"


def _new_invitation_page(organization_id: int, form: InvitationForm) -> Response:
    organization = _open_organization_or_404(organization_id)
    return respond("admin/invitation_new.html", organization=organization, form=form, meanings=MEANINGS)


@bp.get("/desk/invitations/<int:invitation_id>")
@staff(ADMINISTRATOR)
def show_invitation(invitation_id: int) -> ResponseReturnValue:
    """The link is shown to whoever made it, once; afterwards nobody can find it again."""
    kept_id, code = session.pop(SHOW_ONCE, None) or (0, "")
    return _invitation_page(invitation_id, Form(), code if kept_id == invitation_id else "")


def _invitation_page(invitation_id: int, form: Form, code: str = "") -> Response:
    invitation = _invitation_or_404(invitation_id)
    link = invitation_link(code) if code else None
    return respond(
        "admin/invitation.html",
        invitation=invitation,
        form=form,
        ended=actions.ended_because(invitation, invitation.organization, clock.now()),
        link=link,
        picture=qr(link) if link else None,
    )


@bp.post("/desk/invitations/<int:invitation_id>/withdrawal")
@staff(ADMINISTRATOR)
def withdraw_invitation(invitation_id: int) -> ResponseReturnValue:
    id, form = _invitation_or_404(invitation_id).id, Form()
    return submitted(form, lambda: _invitation_page(id, form), lambda: _withdrawn(id))


def _withdrawn(invitation_id: int) -> ResponseReturnValue:
    actions.withdraw(invitation_id, actor(), now=clock.now())
    flash(_("The invitation is taken back; its link opens nothing any more."), "success")
    return see_other(url_for(".show_roles"))


def _invitation_or_404(invitation_id: int) -> Invitation:
    return queries.invitation_under(invitation_id, actor().reach(ADMINISTRATOR)) or abort(404)


# --- what was done ------------------------------------------------------------------------------------------


@bp.get("/desk/audit")
@staff(ADMINISTRATOR)
def show_traces() -> ResponseReturnValue:
    person = sought.words(actor().account_id)
    form = TraceForm(MultiDict({**request.args, "person": person}))
    wanted = queries.Sought(**form.understood(), before=row_arg("before") or 0)
    paths, everywhere = actor().reach(ADMINISTRATOR), queries.runs_the_top(actor())
    found = queries.traces(paths, wanted, with_citywide=everywhere)
    traces, more = found[: queries.PAGE], len(found) > queries.PAGE
    older = {**request.args, "before": traces[-1].entry.id} if more else None
    return respond("admin/traces.html", form=form, traces=traces, told=told, older=older)


@bp.post("/desk/audit/searches")
@staff(ADMINISTRATOR)
def search_traces() -> ResponseReturnValue:
    """Everything that was chosen goes on in the address, but the name of a person sealed."""
    chosen: dict[str, Any] = {name: tidy(request.form.get(name)) or None for name in ("action", "first", "last")}
    return see_other(url_for(".show_traces", s=sought.sealed(actor().account_id, "person"), **chosen))


# --- the numbers of the rules -------------------------------------------------------------------------------


@bp.get("/desk/settings")
@staff(ADMINISTRATOR)
def show_limits() -> ResponseReturnValue:
    _top_or_404()
    own = queries.settings()
    shown: dict[str, Any] = {
        "limits": DEFAULTS,
        "switches": SWITCHES,
        "switched": switched,
        "consequences": CONSEQUENCES,
    }
    return respond("admin/limits.html", own=own, **shown)


@bp.get("/desk/settings/<limit>")
@staff(ADMINISTRATOR)
def edit_limit(limit: str) -> ResponseReturnValue:
    which = _limit_or_404(limit)
    return _limit_page(which, limit_form(which, value=places.limit(which)))


@bp.post("/desk/settings/<limit>")
@staff(ADMINISTRATOR)
def set_limit(limit: str) -> ResponseReturnValue:
    which = _limit_or_404(limit)
    form = limit_form(which)
    return submitted(form, lambda: _limit_page(which, form), lambda: _limit_set(which, form))


def _limit_set(limit: Limit, form: LimitForm) -> ResponseReturnValue:
    actions.set_limit(limit, form.number, actor(), now=clock.now())
    flash(_("The number is set. It holds from now on."), "success")
    return see_other(url_for(".show_limits"))


def _limit_page(limit: Limit, form: LimitForm) -> Response:
    shown: dict[str, Any] = {
        "consequence": CONSEQUENCES[limit],
        "default": DEFAULTS[limit][0],
        "history": queries.limit_history(limit),
    }
    switch: dict[str, Any] = {"is_switch": limit in SWITCHES, "switched": switched}
    return respond("admin/limit.html", limit=limit, form=form, **shown, **switch)


def _limit_or_404(name: str) -> Limit:
    _top_or_404()
    return Limit(name) if name in set(Limit) else abort(404)


def _top_or_404() -> None:
    if not queries.runs_the_top(actor()):
        abort(404)
