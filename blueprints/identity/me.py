"""One's own pages: who I am, what becomes of my registration, and everything I may change about myself."""

from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity import actions, queries
from blueprints.identity.access import actor, enter, seen, signed_in, volunteer_only
from blueprints.identity.forms import (
    DepartureForm,
    EnrolmentForm,
    IdNumberForm,
    PasswordForm,
    Person,
    PhoneForm,
    ProfileForm,
    ResidenceForm,
    VolunteerProfileForm,
)
from blueprints.identity.models import ADULT, NEXT_STATES, OFFERED, Volunteer, VolunteerState
from blueprints.identity.pages import (
    chosen_place,
    details,
    device,
    division_code,
    farewell,
    offer_branches,
    person_page,
    require_own_password,
    residence_page,
    slip_url,
    texts,
    week_and_kinds,
)
from blueprints.identity.words import GIVEN, taken_back
from blueprints.organizations import queries as organizations
from core import clock, i18n, mail, masks, passwords
from core.db import reading
from core.forms import Form
from core.i18n import _
from core.refusal import Refusal
from core.web import respond, see_other, submitted

bp = Blueprint("me", __name__)


def _me() -> int:
    return actor().account_id


def _mine() -> Volunteer:
    """The viewer's registration; the page exists only for those who have one."""
    return queries.volunteer_of(_me()) or abort(404)


# ── home and registration ──


@bp.get("/me")
@signed_in
def home() -> ResponseReturnValue:
    volunteer = queries.volunteer_of(_me())
    account = volunteer.account if volunteer else queries.account(_me())
    place = organizations.place_name(volunteer.division_id) if volunteer and volunteer.division_id else ""
    minor = volunteer is not None and volunteer.age(clock.now()) < ADULT
    needs_guardian = minor and not queries.has_guardian(actor().volunteer_id or 0)
    person: dict[str, Any] = {"account": account, "volunteer": volunteer, "place": place, "masks": masks}
    return respond("identity/me.html", states=VolunteerState, needs_guardian=needs_guardian, **person)


@bp.get("/me/registration")
@signed_in
def registration() -> ResponseReturnValue:
    volunteer = queries.volunteer_of(_me())
    if not _may_send(volunteer):
        return see_other(url_for(".home"))
    place = chosen_place() if request.args else queries.place_choice(village_id=_division_of(volunteer))
    if place.village is None:
        return residence_page(place, url_for(".registration"), url_for(".registration_residence"))
    return _registration_page(_form_for(volunteer, place.village.id), volunteer)


def _may_send(volunteer: Volunteer | None) -> bool:
    return volunteer is None or VolunteerState.SUBMITTED in NEXT_STATES[volunteer.state]


def _division_of(volunteer: Volunteer | None) -> int:
    return (volunteer.division_id if volunteer else None) or 0


def _form_for(volunteer: Volunteer | None, division_id: int) -> Person:
    """Empty for somebody new; what stands in the registration for somebody who corrects it."""
    if volunteer is None:
        account = queries.account(_me())
        return EnrolmentForm(data={"division_id": str(division_id), "name": account.name, "email": account.email})
    return Person(data=_said(volunteer) | _offer(volunteer) | {"division_id": str(division_id)})


def _said(volunteer: Volunteer) -> dict[str, Any]:
    return {
        "name": volunteer.account.name,
        "email": volunteer.account.email,
        "gender": volunteer.gender,
        "birth_date": volunteer.birth_date,
    }


def _offer(volunteer: Volunteer) -> dict[str, Any]:
    return {
        "skills": [row.skill for row in volunteer.skills],
        "categories": volunteer.categories,
        "availability": volunteer.availability,
        "branch_id": volunteer.branch_id,
        "league": volunteer.branch_id is not None,
    }


def _registration_page(form: Person, volunteer: Volunteer | None) -> Response:
    return person_page("identity/my_registration.html", form, volunteer=volunteer)


@bp.get("/me/registration/residence")
@signed_in
def registration_residence() -> ResponseReturnValue:
    return residence_page(chosen_place(), url_for(".registration"), url_for(".registration_residence"))


@bp.post("/me/registration")
@signed_in
def send_registration() -> ResponseReturnValue:
    with reading():
        is_new = queries.volunteer_of(_me()) is None
    form = EnrolmentForm() if is_new else Person()
    offer_branches(form, division_code(form.division_id.data))
    return submitted(form, lambda: _registration_page(form, queries.volunteer_of(_me())), lambda: _sent(form))


def _sent(form: Person) -> ResponseReturnValue:
    now = clock.now()
    if _email_changes(form):
        raise Refusal(_("Please change the mail address in your profile, where your password is asked for."), "email")
    if actor().volunteer_id:
        actions.send_again(actor().volunteer_id or 0, details(form), now=now)
    else:
        actions.enrol(_me(), details(form), now=now)
    flash(_("Your registration is sent. This page shows what comes next."), "success")
    return see_other(url_for(".home"))


# ── profile and residence ──


@bp.get("/me/profile")
@signed_in
def profile() -> ResponseReturnValue:
    volunteer = queries.volunteer_of(_me())
    account = volunteer.account if volunteer else queries.account(_me())
    contact = {"email": account.email, "lang": account.lang}
    if volunteer is None:
        return _profile_page(ProfileForm(data=contact), None)
    return _profile_page(VolunteerProfileForm(data=contact | _offer(volunteer)), volunteer)


def _profile_page(form: ProfileForm, volunteer: Volunteer | None) -> Response:
    """With the places and times of a volunteer, or only with the contact of staff."""
    division_id = _division_of(volunteer)
    if volunteer:
        form.offer_branches(queries.branches_near(division_id))
    place = organizations.place_name(division_id) if division_id else ""
    context: dict[str, Any] = {"volunteer": volunteer, "place": place, "texts": texts(), **week_and_kinds()}
    return respond("identity/profile.html", form=form, **context)


@bp.post("/me/profile")
@signed_in
def change_profile() -> ResponseReturnValue:
    with reading():
        division_id = _division_of(queries.volunteer_of(_me()))
    form = VolunteerProfileForm() if actor().is_volunteer else ProfileForm()
    if actor().is_volunteer:
        offer_branches(form, division_id)
    return submitted(form, lambda: _profile_page(form, queries.volunteer_of(_me())), lambda: _profile_changed(form))


def _profile_changed(form: ProfileForm) -> ResponseReturnValue:
    _prove_for_email(form)
    if volunteer_id := actor().volunteer_id:
        fields = ("skills", "categories", "availability", "branch_id")
        offer = {name: form[name].data for name in fields}
        actions.change_offer(volunteer_id, **offer, now=clock.now())
    actions.change_contact(_me(), email=form.email.data or None, lang=form.lang.data, now=clock.now())
    flash(_("Your profile is saved."), "success")
    spoken = {} if form.lang.data == i18n.language() else {"lang": form.lang.data}
    return see_other(url_for(".home", **spoken))


@bp.get("/me/residence")
@volunteer_only
def residence() -> ResponseReturnValue:
    place = chosen_place() if request.args else queries.place_choice(village_id=_division_of(_mine()))
    if request.args.get("division") and place.village:
        return _move_page(ResidenceForm(data={"division_id": str(place.village.id)}))
    return residence_page(place, url_for(".residence"), url_for(".residence_choice"))


@bp.get("/me/residence/choice")
@volunteer_only
def residence_choice() -> ResponseReturnValue:
    return residence_page(chosen_place(), url_for(".residence"), url_for(".residence_choice"))


def _move_page(form: ResidenceForm) -> Response:
    place = queries.place_choice(village_id=division_code(form.division_id.data))
    return respond("identity/move.html", form=form, place=place, volunteer=_mine())


@bp.post("/me/residence")
@volunteer_only
def move() -> ResponseReturnValue:
    form = ResidenceForm()
    return submitted(form, lambda: _move_page(form), lambda: _moved(form))


def _moved(form: ResidenceForm) -> ResponseReturnValue:
    actions.move(actor().volunteer_id or 0, division_code(form.division_id.data))
    flash(_("Your area of residence is saved."), "success")
    return see_other(url_for(".home"))


# ── password, phone, sessions ──


def _prove(form: Form) -> str | None:
    """Refuse unless the password in the form is the viewer's; returns its hash. Holds no lock."""
    return require_own_password(form["password"].data, _me())


def _prove_for_email(form: ProfileForm) -> None:
    """A link for a new password goes to the mail address, so that changing it takes the password."""
    if not _email_changes(form):
        return
    if not form.password.data:
        raise Refusal(_("Please enter your password to change the mail address."), "password")
    _prove(form)


def _email_changes(form: Form) -> bool:
    with reading():
        return ((form["email"].data or "").lower() or None) != queries.account(_me()).email


@bp.get("/me/password")
@signed_in
def password() -> ResponseReturnValue:
    return _password_page(PasswordForm())


def _password_page(form: PasswordForm) -> Response:
    return respond("identity/password.html", form=form)


@bp.post("/me/password")
@signed_in
def change_password() -> ResponseReturnValue:
    form = PasswordForm()
    return submitted(form, lambda: _password_page(form), lambda: _password_changed(form))


def _password_changed(form: PasswordForm) -> ResponseReturnValue:
    kept = _prove(form)
    hashed = passwords.hashed(form.new_password.data)
    enter(actions.change_password(_me(), kept, hashed, device=device(), now=clock.now()))
    flash(_("Your new password is set. Every other device was signed out."), "success")
    return see_other(url_for(".home"))


@bp.get("/me/phone")
@signed_in
def phone() -> ResponseReturnValue:
    return _phone_page(PhoneForm())


def _phone_page(form: PhoneForm) -> Response:
    account = queries.account(_me())
    volunteer = queries.volunteer_of(_me())
    context: dict[str, Any] = {"account": account, "volunteer": volunteer, "masks": masks}
    by_mail = mail.is_set() and account.email is not None
    return respond("identity/phone.html", form=form, by_mail=by_mail, **context)


@bp.post("/me/phone")
@signed_in
def change_phone() -> ResponseReturnValue:
    form = PhoneForm()
    return submitted(form, lambda: _phone_page(form), lambda: _phone_link_sent(form))


def _phone_link_sent(form: PhoneForm) -> ResponseReturnValue:
    _prove(form)
    actions.mail_phone_link(_me(), form.phone.number, slip_url(), now=clock.now())
    flash(_("A link was sent to your mail address. Open it within 3 hours to change the number."), "success")
    return see_other(url_for(".home"))


@bp.get("/me/sessions")
@signed_in
def sessions() -> ResponseReturnValue:
    live = queries.live_sessions(_me(), clock.now())
    moments = {row.id: seen().last(row.id) or row.last_seen_at for row in live}
    return respond("identity/sessions.html", sessions=live, seen=moments, current=actor().session_id)


@bp.post("/me/sessions/<int:session_id>/revocation")
@signed_in
def end_session(session_id: int) -> ResponseReturnValue:
    if session_id not in {row.id for row in queries.live_sessions(_me(), clock.now())}:
        abort(404)
    actions.end_session(session_id, actor=actor(), now=clock.now())
    flash(_("That device is signed out."), "success")
    return see_other(url_for(".sessions"))


@bp.post("/me/sessions/revocation")
@signed_in
def end_other_sessions() -> ResponseReturnValue:
    actions.end_sessions(_me(), now=clock.now(), but=actor().session_id)
    flash(_("All other devices are signed out now."), "success")
    return see_other(url_for(".sessions"))


# ── consents and leaving ──


@bp.get("/me/consents")
@signed_in
def consents() -> ResponseReturnValue:
    volunteer = queries.volunteer_of(_me())
    given = queries.consents(_me())
    return respond(
        "identity/consents.html",
        consents=given,
        volunteer=volunteer,
        own=set(actions.WITHDRAWN),
        offered=queries.offered(volunteer, given, clock.now()) if volunteer else [],
        taken_back=taken_back,
        texts=texts(),
    )


@bp.post("/me/consents/<purpose>")
@volunteer_only
def agree_to(purpose: str) -> ResponseReturnValue:
    wanted = next((each for each in OFFERED if each == purpose), None) or abort(404)
    actions.agree_to(wanted, _me(), now=clock.now())
    flash(str(GIVEN[wanted]), "success")
    return see_other(url_for(".consents"))


@bp.post("/me/consents/<int:consent_id>/withdrawal")
@volunteer_only
def withdraw(consent_id: int) -> ResponseReturnValue:
    purpose = next((row.purpose for row in queries.consents(_me()) if row.id == consent_id), None) or abort(404)
    actions.withdraw(consent_id, actor=actor(), now=clock.now())
    flash(_("Your consent is withdrawn. %(consequence)s", consequence=taken_back(purpose)), "success")
    return see_other(url_for(".consents"))


@bp.get("/me/id-number")
@volunteer_only
def id_number() -> ResponseReturnValue:
    return _id_number_page(IdNumberForm())


def _id_number_page(form: IdNumberForm) -> Response:
    return respond("identity/id_number.html", form=form, volunteer=_mine(), texts=texts())


@bp.post("/me/id-number")
@volunteer_only
def give_id_number() -> ResponseReturnValue:
    form = IdNumberForm()
    return submitted(form, lambda: _id_number_page(form), lambda: _id_number_given(form))


def _id_number_given(form: IdNumberForm) -> ResponseReturnValue:
    actions.give_id_number(actor().volunteer_id or 0, form.id_number.data, now=clock.now())
    flash(_("Your ID number is kept, encrypted. You can withdraw it here at any time."), "success")
    return see_other(url_for(".consents"))


@bp.get("/me/departure")
@signed_in
def departure() -> ResponseReturnValue:
    return _departure_page(DepartureForm())


def _departure_page(form: DepartureForm) -> Response:
    return respond("identity/departure.html", form=form, volunteer=queries.volunteer_of(_me()))


@bp.post("/me/departure")
@signed_in
def leave() -> ResponseReturnValue:
    form = DepartureForm()
    return submitted(form, lambda: _departure_page(form), lambda: _left(form))


def _left(form: DepartureForm) -> ResponseReturnValue:
    _prove(form)
    actions.leave(_me(), form.personal_data.data, now=clock.now())
    return farewell()
