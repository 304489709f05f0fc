"""The desk's side of people: who wants to be registered, who is, and what a clerk does for them at the counter."""

from flask import Blueprint, Response, abort, flash, session, url_for
from flask.typing import ResponseReturnValue

from blueprints.admin import actions, queries
from blueprints.admin.forms import ApprovalsForm, GuardianForm, ProxyForm, ReasonForm, SeenForm, SlipForm
from blueprints.admin.links import public, qr
from blueprints.identity import actions as identity
from blueprints.identity import queries as identity_queries
from blueprints.identity.access import actor, staff
from blueprints.identity.models import (
    ADULT,
    PROVEN_SKILLS,
    Account,
    Grant,
    Guardianship,
    Slip,
    Volunteer,
    VolunteerSkill,
)
from blueprints.identity.pages import chosen_place, details, division_code, offer_branches, person_page
from blueprints.organizations.models import Organization
from core import clock, masks, sought
from core.actor import Role
from core.db import db
from core.forms import Form
from core.i18n import _, ngettext
from core.web import respond, row_arg, see_other, submitted

bp = Blueprint("people", __name__)
CLERK, ADMINISTRATOR = Role.CLERK, Role.ADMINISTRATOR
SHOWN_PHONE, SHOWN_CODE = "phone_of", "issued_slip"  # in the session: what the next page shows, once


# --- registrations ------------------------------------------------------------------------------------------


@bp.get("/desk/registrations")
@staff(ADMINISTRATOR)
def show_registrations() -> ResponseReturnValue:
    return _queue_page(ApprovalsForm())


def _queue_page(form: ApprovalsForm) -> Response:
    after = row_arg("after") or 0
    found = queries.registrations(actor().reach(ADMINISTRATOR), after)
    rows = found[: queries.PAGE]
    marks = queries.marks(rows, clock.now())
    return respond(
        "admin/registrations.html",
        form=form,
        rows=rows,
        marks=marks,
        plain_ids={id for id, mark in marks.items() if mark.is_unremarkable},
        more=len(found) > queries.PAGE,
        after=after,
        now=clock.now(),
        masks=masks,
    )


@bp.post("/desk/registrations/approvals")
@staff(ADMINISTRATOR)
def approve_all() -> ResponseReturnValue:
    form = ApprovalsForm()
    return submitted(form, lambda: _queue_page(form), lambda: _all_approved(form))


def _all_approved(form: ApprovalsForm) -> ResponseReturnValue:
    seen = form.registration.seen
    if len(queries.registrations_among(list(seen), actor().reach(ADMINISTRATOR))) < len(seen):
        abort(404)
    done, changed = actions.approve_all(seen, actor(), now=clock.now())
    flash(ngettext("%(num)d registration is approved.", "%(num)d registrations are approved.", done), "success")
    if changed:
        flash(ngettext("%(num)d had changed meanwhile.", "%(num)d had changed meanwhile.", changed), "info")
    return see_other(url_for(".show_registrations"))


@bp.get("/desk/registrations/<int:volunteer_id>")
@staff(ADMINISTRATOR)
def show_registration(volunteer_id: int) -> ResponseReturnValue:
    volunteer = _registration_or_404(volunteer_id)
    return _registration_page(volunteer, ReasonForm(seen=volunteer.submitted_at))


def _registration_again(volunteer_id: int, form: SeenForm) -> Response:
    return _registration_page(_registration_or_404(volunteer_id), form)


def _registration_page(volunteer: Volunteer, form: SeenForm) -> Response:
    return respond(
        "admin/registration.html",
        volunteer=volunteer,
        form=form,
        marks=queries.marks([volunteer], clock.now())[volunteer.id],
        consents=queries.consents(volunteer.account_id),
        now=clock.now(),
        masks=masks,
        PROVEN_SKILLS=PROVEN_SKILLS,
    )


@bp.post("/desk/registrations/<int:volunteer_id>/approval")
@staff(ADMINISTRATOR)
def approve(volunteer_id: int) -> ResponseReturnValue:
    id, form = _registration_or_404(volunteer_id).id, SeenForm()
    return submitted(form, lambda: _registration_again(id, form), lambda: _approved(id, form))


def _approved(volunteer_id: int, form: SeenForm) -> ResponseReturnValue:
    actions.approve(volunteer_id, actor(), seen=form.seen.moment, now=clock.now())
    flash(_("The registration is approved and the person is told."), "success")
    return see_other(url_for(".show_registrations"))


@bp.post("/desk/registrations/<int:volunteer_id>/return")
@staff(ADMINISTRATOR)
def send_back(volunteer_id: int) -> ResponseReturnValue:
    id, form = _registration_or_404(volunteer_id).id, ReasonForm()
    return submitted(form, lambda: _registration_again(id, form), lambda: _sent_back(id, form))


def _sent_back(volunteer_id: int, form: ReasonForm) -> ResponseReturnValue:
    values = {"seen": form.seen.moment, "reason": form.reason.data}
    actions.send_back(volunteer_id, actor(), now=clock.now(), **values)
    flash(_("The registration is returned; the person is told what to correct."), "success")
    return see_other(url_for(".show_registrations"))


@bp.post("/desk/registrations/<int:volunteer_id>/rejection")
@staff(ADMINISTRATOR)
def reject(volunteer_id: int) -> ResponseReturnValue:
    id, form = _registration_or_404(volunteer_id).id, ReasonForm()
    return submitted(form, lambda: _registration_again(id, form), lambda: _rejected(id, form))


def _rejected(volunteer_id: int, form: ReasonForm) -> ResponseReturnValue:
    values = {"seen": form.seen.moment, "reason": form.reason.data}
    actions.reject(volunteer_id, actor(), now=clock.now(), **values)
    flash(_("The registration is rejected; the person is told why."), "success")
    return see_other(url_for(".show_registrations"))


def _registration_or_404(volunteer_id: int) -> Volunteer:
    return queries.registration(volunteer_id, actor().reach(ADMINISTRATOR)) or abort(404)


# --- people -------------------------------------------------------------------------------------------------


@bp.get("/desk/people")
@staff(CLERK, ADMINISTRATOR)
def show_people() -> ResponseReturnValue:
    q = sought.words(actor().account_id)
    found = queries.people(_reach(), q) if q else []
    rows, more = found[: queries.PAGE], len(found) > queries.PAGE
    return respond("admin/people.html", q=q, rows=rows, more=more, now=clock.now(), masks=masks)


@bp.post("/desk/people/searches")
@staff(CLERK, ADMINISTRATOR)
def search() -> ResponseReturnValue:
    """What was typed goes on sealed: a phone number belongs neither in an address nor in the browser's history."""
    return see_other(url_for(".show_people", s=sought.sealed(actor().account_id)))


@bp.get("/desk/people/<int:volunteer_id>")
@staff(CLERK, ADMINISTRATOR)
def show_person(volunteer_id: int) -> ResponseReturnValue:
    shown = session.pop(SHOWN_PHONE, None) == volunteer_id
    return _person_page(volunteer_id, Form(), with_phone=shown)


def _person_page(volunteer_id: int, form: Form, *, with_phone: bool = False) -> Response:
    volunteer = _person_or_404(volunteer_id)
    return respond(
        "admin/person.html",
        volunteer=volunteer,
        form=form,
        with_phone=with_phone,
        guardians=queries.guardians(volunteer.id),
        consents=queries.consents(volunteer.account_id),
        slips=queries.open_slips(volunteer.account_id, clock.now()),
        is_minor=volunteer.age(clock.now()) < ADULT,
        now=clock.now(),
        masks=masks,
        PROVEN_SKILLS=PROVEN_SKILLS,
    )


@bp.post("/desk/people/<int:volunteer_id>/phone-view")
@staff(CLERK, ADMINISTRATOR)
def show_phone(volunteer_id: int) -> ResponseReturnValue:
    id, form = _person_or_404(volunteer_id).id, Form()
    return submitted(form, lambda: _person_page(id, form), lambda: _phone_shown(id))


def _phone_shown(volunteer_id: int) -> ResponseReturnValue:
    actions.show_phone(volunteer_id, actor(), now=clock.now())
    session[SHOWN_PHONE] = volunteer_id
    return see_other(url_for(".show_person", volunteer_id=volunteer_id))


def _reach() -> list[str]:
    return actor().reach(CLERK, ADMINISTRATOR)


def _person_or_404(volunteer_id: int) -> Volunteer:
    return queries.registration(volunteer_id, _reach()) or abort(404)


# --- registering somebody at the counter ----------------------------------------------------------------------


@bp.get("/desk/people/new")
@staff(CLERK)
def new_person() -> ResponseReturnValue:
    place = chosen_place()
    if place.village is None:
        return _residence_page()
    return _proxy_page(ProxyForm(division_id=str(place.village.id)))


@bp.get("/desk/people/new/residence")
@staff(CLERK)
def choose_residence() -> ResponseReturnValue:
    return _residence_page()


def _residence_page() -> Response:
    place = chosen_place()
    receiver = identity_queries.receiver(place.village.id) if place.village else None
    return respond(
        "admin/person_place.html",
        "identity/_residence.html",
        place=place,
        receiver=receiver,
        onward=url_for(".new_person"),
        here=url_for(".choose_residence"),
    )


@bp.post("/desk/people/new")
@staff(CLERK)
def register_person() -> ResponseReturnValue:
    form = ProxyForm()
    offer_branches(form, division_code(form.division_id.data))
    return submitted(form, lambda: _proxy_page(form), lambda: _registered(form))


def _registered(form: ProxyForm) -> ResponseReturnValue:
    volunteer, slip, code = actions.register_for(details(form), actor(), phone=form.phone.number, now=clock.now())
    session[SHOWN_CODE] = [slip.id, code]
    name = db.session.get_one(Organization, volunteer.registered_with_id).name
    flash(_("The registration is sent to %(name)s. Hand over this slip now.", name=name), "success")
    return see_other(url_for(".show_slip", slip_id=slip.id))


def _proxy_page(form: ProxyForm) -> Response:
    return person_page("admin/person_new.html", form)


# --- guardians and skills -----------------------------------------------------------------------------------


@bp.get("/desk/people/<int:volunteer_id>/guardians")
@staff(CLERK, ADMINISTRATOR)
def new_guardian(volunteer_id: int) -> ResponseReturnValue:
    return _guardian_page(volunteer_id, GuardianForm())


@bp.post("/desk/people/<int:volunteer_id>/guardians")
@staff(CLERK, ADMINISTRATOR)
def record_guardian(volunteer_id: int) -> ResponseReturnValue:
    id, form = _person_or_404(volunteer_id).id, GuardianForm()
    return submitted(form, lambda: _guardian_page(id, form), lambda: _guardian_recorded(id, form))


def _guardian_recorded(volunteer_id: int, form: GuardianForm) -> ResponseReturnValue:
    values = {"name": form.name.data, "relation": form.relation.data, "method": form.method.data}
    actions.record_guardian(volunteer_id, actor(), phone=form.phone.number, now=clock.now(), **values)
    flash(_("The guardian's consent is recorded and the volunteer is told."), "success")
    return see_other(url_for(".show_person", volunteer_id=volunteer_id))


def _guardian_page(volunteer_id: int, form: GuardianForm) -> Response:
    return respond("admin/guardian_new.html", volunteer=_person_or_404(volunteer_id), form=form)


@bp.post("/desk/guardians/<int:guardianship_id>/withdrawal")
@staff(CLERK, ADMINISTRATOR)
def withdraw_guardian(guardianship_id: int) -> ResponseReturnValue:
    volunteer_id, form = _ward_of(guardianship_id), Form()
    act = lambda: _guardian_withdrawn(guardianship_id, volunteer_id)  # noqa: E731
    return submitted(form, lambda: _person_page(volunteer_id, form), act)


def _guardian_withdrawn(guardianship_id: int, volunteer_id: int) -> ResponseReturnValue:
    actions.withdraw_guardian(guardianship_id, actor(), now=clock.now())
    flash(_("The guardian's consent is withdrawn."), "success")
    return see_other(url_for(".show_person", volunteer_id=volunteer_id))


def _ward_of(guardianship_id: int) -> int:
    return _person_or_404(db.get_or_404(Guardianship, guardianship_id).volunteer_id).id


@bp.post("/desk/skills/<int:skill_id>/verification")
@staff(CLERK, ADMINISTRATOR)
def verify_skill(skill_id: int) -> ResponseReturnValue:
    volunteer_id, form = _person_or_404(db.get_or_404(VolunteerSkill, skill_id).volunteer_id).id, Form()
    return submitted(form, lambda: _person_page(volunteer_id, form), lambda: _verified(skill_id, volunteer_id))


def _verified(skill_id: int, volunteer_id: int) -> ResponseReturnValue:
    actions.verify_skill(skill_id, actor(), now=clock.now())
    flash(_("The proof is noted and the person is told."), "success")
    return see_other(url_for(".show_person", volunteer_id=volunteer_id))


# --- slips --------------------------------------------------------------------------------------------------


@bp.get("/desk/people/<int:volunteer_id>/slips")
@staff(CLERK, ADMINISTRATOR)
def new_slip(volunteer_id: int) -> ResponseReturnValue:
    return _slip_form_page(volunteer_id, SlipForm())


@bp.post("/desk/people/<int:volunteer_id>/slips")
@staff(CLERK, ADMINISTRATOR)
def issue_slip(volunteer_id: int) -> ResponseReturnValue:
    volunteer, form = _person_or_404(volunteer_id), SlipForm()
    account_id, organization_id = volunteer.account_id, volunteer.registered_with_id
    return submitted(
        form,
        lambda: _slip_form_page(volunteer_id, form),
        lambda: _issued(account_id, organization_id, form),
    )


def _issued(account_id: int, organization_id: int, form: SlipForm) -> ResponseReturnValue:
    slip, code = identity.issue_slip(
        account_id,
        form.purpose.data,
        actor=actor(),
        organization_id=organization_id,
        new_phone=form.wanted_phone,
        now=clock.now(),
    )
    session[SHOWN_CODE] = [slip.id, code]
    return see_other(url_for(".show_slip", slip_id=slip.id))


def _slip_form_page(volunteer_id: int, form: SlipForm) -> Response:
    volunteer = _person_or_404(volunteer_id)
    back = url_for(".show_person", volunteer_id=volunteer.id)
    return _slip_page(volunteer.account, form, back)


def _slip_page(account: Account, form: SlipForm, back: str) -> Response:
    with_second_step = identity_queries.second_factor(account.id) is not None
    form.offer(claimed=account.claimed_at is not None, second_step=with_second_step)
    return respond("admin/slip_new.html", account=account, form=form, back=back)


@bp.get("/desk/roles/<int:grant_id>/slips")
@staff(ADMINISTRATOR)
def new_staff_slip(grant_id: int) -> ResponseReturnValue:
    return _staff_slip_page(grant_id, SlipForm())


@bp.post("/desk/roles/<int:grant_id>/slips")
@staff(ADMINISTRATOR)
def issue_staff_slip(grant_id: int) -> ResponseReturnValue:
    """Staff who are no volunteers forget passwords, too."""
    grant, form = _live_grant_or_404(grant_id), SlipForm()
    account_id, organization_id = grant.account_id, grant.organization_id
    return submitted(form, lambda: _staff_slip_page(grant_id, form), lambda: _issued(account_id, organization_id, form))


def _staff_slip_page(grant_id: int, form: SlipForm) -> Response:
    return _slip_page(_live_grant_or_404(grant_id).account, form, url_for("desk.show_roles"))


def _live_grant_or_404(grant_id: int) -> Grant:
    found = queries.grant_under(grant_id, actor().reach(ADMINISTRATOR))
    return found if found and found.revoked_at is None else abort(404)


@bp.get("/desk/slips/<int:slip_id>")
@staff(CLERK, ADMINISTRATOR)
def show_slip(slip_id: int) -> ResponseReturnValue:
    """The code is shown to whoever issued it, once; only its hash is kept."""
    slip: Slip = queries.slip_issued_by(slip_id, actor().account_id) or abort(404)
    kept_id, code = session.pop(SHOWN_CODE, None) or (0, "")
    link = public("/slips")
    shown = code if kept_id == slip_id else ""
    return respond(
        "admin/slip.html", slip=slip, code=shown, link=link, picture=qr(link) if shown else None, masks=masks
    )
