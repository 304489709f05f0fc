"""The way in: signing in and out, registering, forgetting a password, using a slip."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, flash, request, session, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity import actions, factors, queries, tries, words
from blueprints.identity.access import TOKEN, ask_for_code, enter, public, viewer
from blueprints.identity.forms import (
    ForgottenForm,
    LeavingForm,
    NewPasswordForm,
    OwnPasswordForm,
    RegistrationForm,
    SignInForm,
    SlipForm,
    TakeOverForm,
)
from blueprints.identity.models import Purpose, Slip, SlipPurpose
from blueprints.identity.pages import (
    address,
    check_password,
    chosen_place,
    details,
    device,
    division_code,
    farewell,
    let_in,
    offer_branches,
    person_page,
    require_own_password,
    residence_page,
    slip_url,
    texts,
)
from core import clock, drafts, i18n, mail, masks, passwords
from core.db import reading
from core.forms import Form
from core.i18n import _
from core.refusal import Refusal
from core.web import afterwards, respond, see_other, submitted

bp = Blueprint("identity", __name__)
SLIP = "slip"


# ── signing in and out ──


@bp.get("/sign-in")
@public
def sign_in() -> ResponseReturnValue:
    return _sign_in_page(SignInForm(next=request.args.get("next", "")))


def _sign_in_page(form: SignInForm) -> Response:
    return respond("identity/sign_in.html", form=form, kept=drafts.KEY in session and TOKEN in session)


@bp.post("/sign-in")
@public
def enter_with_password() -> ResponseReturnValue:
    form = SignInForm()
    return submitted(form, lambda: _sign_in_page(form), lambda: _signed_in(form))


def _signed_in(form: SignInForm) -> ResponseReturnValue:
    """The password is tried before the writing transaction begins; a failed try is noted after the refusal."""
    allowed = tries.of_phone("sign-in", form.phone.number, address())
    with reading():
        tries.require_calm(allowed, now=clock.now())
        account = queries.account_by_phone(form.phone.number)
        merged = None if account else queries.merged_account(form.phone.number)
        known = account or (merged[0] if merged else None)
        account_id, kept = (known.id, known.password_hash) if known else (0, None)
        proof = factors.proof_of(account) if account and queries.second_factor(account_id) else ""
    wrong = _("Phone number or password is wrong. Please check both; a forgotten password can be set anew.")
    check_password(form.password.data, kept, allowed, Refusal(wrong))
    if merged:
        raise Refusal(_merged_words(merged[1]))
    if proof:
        ask_for_code(account_id, proof, form.next.data or "")
        return see_other(url_for("second_step.ask"))
    token = actions.sign_in(account_id, kept, address=address(), device=device(), now=clock.now())
    return let_in(account_id, token, form.next.data)


def _merged_words(phone: str) -> str:
    """Whoever knows the password of an account that was merged is told which one is theirs now."""
    return _(
        "This registration was merged into your other one. Please sign in with the phone number %(phone)s; all your "
        "hours are there.",
        phone=masks.phone(phone),
    )


@bp.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    if asking := viewer():
        actions.end_session(asking.session_id, actor=asking, now=clock.now())
    session.clear()
    flash(_("You are signed out."), "success")
    return see_other("/")


# ── registration ──


@bp.get("/registration")
@public
def registration() -> ResponseReturnValue:
    asking = viewer()
    if asking:
        return see_other(url_for("me.home" if asking.is_volunteer else "me.registration"))
    place = chosen_place()
    if place.village is None:
        return residence_page(place, url_for(".registration"), url_for(".residence"))
    return _registration_page(RegistrationForm(division_id=str(place.village.id)))


@bp.get("/registration/residence")
@public
def residence() -> ResponseReturnValue:
    return residence_page(chosen_place(), url_for(".registration"), url_for(".residence"))


def _registration_page(form: RegistrationForm) -> Response:
    return person_page("identity/registration.html", form)


@bp.post("/registration")
@public
def register() -> ResponseReturnValue:
    if viewer():
        return see_other(url_for("me.home"))
    form = RegistrationForm()
    offer_branches(form, division_code(form.division_id.data))
    return submitted(form, lambda: _registration_page(form), lambda: _registered(form))


def _registered(form: RegistrationForm) -> ResponseReturnValue:
    counted = tries.of_address("registration", address(), tries.REGISTRATIONS)
    with reading():
        tries.require_calm(counted, now=clock.now())
    now = clock.now()
    afterwards(lambda: tries.note(counted, now=now))
    hashed = passwords.hashed(form.new_password.data)
    values = {"phone": form.phone.number, "password_hash": hashed, "lang": i18n.language()}
    volunteer = actions.register(details(form), **values, now=now)
    enter(actions.open_session(volunteer.account_id, device=device(), now=now))
    flash(_("Your registration is sent. This page shows what comes next."), "success")
    return see_other(url_for("me.home"))


@bp.get("/agreements/<purpose>")
@public
def agreement(purpose: str) -> ResponseReturnValue:
    known = purpose if purpose in set(Purpose) else abort(404)
    version = request.args.get("version") or words.current(Purpose(known)).version
    text = words.agreement(Purpose(known), version) or abort(404)
    return respond("identity/agreement.html", purpose=Purpose(known), text=text)


# ── forgotten passwords and slips ──


@bp.get("/forgotten-password")
@public
def forgotten_password() -> ResponseReturnValue:
    return _forgotten_page(ForgottenForm())


def _forgotten_page(form: ForgottenForm) -> Response:
    return respond("identity/forgotten_password.html", form=form, by_mail=mail.is_set())


@bp.post("/forgotten-password")
@public
def send_link() -> ResponseReturnValue:
    form = ForgottenForm()
    return submitted(form, lambda: _forgotten_page(form), lambda: _link_sent(form.phone.number))


def _link_sent(phone: str) -> ResponseReturnValue:
    """The answer is the same for every number, also for one that was sent too many links already."""
    now, mails = clock.now(), tries.of_mail(phone)
    asked = tries.of_address("link", address(), tries.LINKS)
    with reading():
        tries.require_calm(asked, now=now)
        calm = not tries.waits_until(mails, now=now)
    tries.note(asked | mails, now=now)
    if calm and mail.is_set():
        actions.mail_password_link(phone, slip_url(), now=now)
    flash(_("If this number has an account with a mail address, a link is on its way. It is good for 3 hours."), "info")
    return see_other(url_for(".forgotten_password"))


@bp.get("/slips")
@public
def slip() -> ResponseReturnValue:
    return _slip_page(SlipForm())


@bp.get("/slips/<code>")
@public
def slip_of_mail(code: str) -> ResponseReturnValue:
    return _slip_page(SlipForm(code=code[:40]))


def _slip_page(form: SlipForm, status: int = 200) -> Response:
    return respond("identity/slip.html", status=status, form=form)


@bp.post("/slips")
@public
def show_slip() -> ResponseReturnValue:
    form = SlipForm()
    return submitted(form, lambda: _slip_page(form), lambda: _slip_shown(form))


def _slip_shown(form: SlipForm) -> ResponseReturnValue:
    """The slip is not used up yet: the cookie remembers that its code was shown, the next page uses it."""
    now, counted = clock.now(), tries.of_phone("slip", form.phone.number, address())
    with reading():
        tries.require_calm(counted, now=now)
        found = queries.usable_slip(form.phone.number, form.code.data, now)
        slip_id, purpose = (found.id, found.purpose) if found else (0, SlipPurpose.CLAIM)
    if not slip_id:
        afterwards(lambda: tries.note(counted, now=now))
        raise Refusal(actions.unusable())
    session[SLIP] = slip_id
    return see_other(url_for(f".{REDEMPTIONS[purpose]}"))


REDEMPTIONS: dict[SlipPurpose, str] = {
    SlipPurpose.CLAIM: "take_over",
    SlipPurpose.PASSWORD: "new_password",
    SlipPurpose.PHONE: "new_phone",
    SlipPurpose.LEAVE: "departure_with_slip",
    SlipPurpose.SECOND_STEP: "no_second_step",
}


def _in_hand(purpose: SlipPurpose) -> Slip | None:
    found = queries.slip_in_hand(session.get(SLIP, 0), clock.now())
    return found if found and found.purpose is purpose else None


def _redemption_page(purpose: SlipPurpose, form: Form) -> Response:
    """What the slip in hand is good for; without a good one, the page where its code is typed."""
    slip = _in_hand(purpose)
    if slip is None:
        return _no_slip(200)
    person = queries.volunteer_of(slip.account_id) if purpose is SlipPurpose.CLAIM else None
    shown: dict[str, Any] = {"slip": slip, "person": person, "texts": texts(), "masks": masks}
    return respond(f"identity/slip_{purpose}.html", form=form, **shown)


def _no_slip(status: int) -> Response:
    form = SlipForm(formdata=None)
    form.form_errors.append(actions.unusable())
    return _slip_page(form, status)


def _redeem(purpose: SlipPurpose, form: Form, act: Callable[[], ResponseReturnValue]) -> ResponseReturnValue:
    with reading():
        if _in_hand(purpose) is None:
            return _no_slip(409)
    return submitted(form, lambda: _redemption_page(purpose, form), act)


@bp.get("/slips/redemption/account")
@public
def take_over() -> ResponseReturnValue:
    return _redemption_page(SlipPurpose.CLAIM, TakeOverForm())


@bp.post("/slips/redemption/account")
@public
def take_over_now() -> ResponseReturnValue:
    form = TakeOverForm()
    return _redeem(SlipPurpose.CLAIM, form, lambda: _let_in(form, actions.take_over))


@bp.get("/slips/redemption/password")
@public
def new_password() -> ResponseReturnValue:
    return _redemption_page(SlipPurpose.PASSWORD, NewPasswordForm())


@bp.post("/slips/redemption/password")
@public
def set_new_password() -> ResponseReturnValue:
    form = NewPasswordForm()
    return _redeem(SlipPurpose.PASSWORD, form, lambda: _let_in(form, actions.reset_password))


def _let_in(form: NewPasswordForm, use: Callable[..., str | None]) -> ResponseReturnValue:
    """The new password is hashed before anything is locked; whoever used the slip is signed in, or owes a code."""
    hashed, slip_id = passwords.hashed(form.new_password.data), session.get(SLIP, 0)
    token = use(slip_id, hashed, device=device(), now=clock.now())
    if token is None:
        return _code_still_due(slip_id)
    enter(token)
    flash(_("Your new password is set, and you are signed in."), "success")
    return see_other(url_for("me.home"))


def _code_still_due(slip_id: int) -> ResponseReturnValue:
    account = queries.account(queries.owner_of_slip(slip_id))
    session.pop(SLIP, None)
    ask_for_code(account.id, factors.proof_of(account), "")
    flash(_("Your new password is set. To sign in, one code is still needed."), "success")
    return see_other(url_for("second_step.ask"))


@bp.get("/slips/redemption/phone")
@public
def new_phone() -> ResponseReturnValue:
    return _redemption_page(SlipPurpose.PHONE, Form())


@bp.post("/slips/redemption/phone")
@public
def move_to_new_phone() -> ResponseReturnValue:
    form = Form()
    return _redeem(SlipPurpose.PHONE, form, _moved)


def _moved() -> ResponseReturnValue:
    actions.change_phone(session.get(SLIP, 0), now=clock.now())
    session.pop(SLIP, None)
    flash(_("The account now uses the new phone number. Please sign in with it from now on."), "success")
    return see_other(url_for("me.home") if viewer() else url_for(".sign_in"))


@bp.get("/slips/redemption/second-step")
@public
def no_second_step() -> ResponseReturnValue:
    return _redemption_page(SlipPurpose.SECOND_STEP, OwnPasswordForm())


@bp.post("/slips/redemption/second-step")
@public
def take_second_step_away() -> ResponseReturnValue:
    form = OwnPasswordForm()
    return _redeem(SlipPurpose.SECOND_STEP, form, lambda: _second_step_gone(form))


def _second_step_gone(form: OwnPasswordForm) -> ResponseReturnValue:
    """The slip alone is not enough: whoever handed it over must not get in with it."""
    slip_id = session.get(SLIP, 0)
    with reading():
        account_id = queries.owner_of_slip(slip_id)
    kept = require_own_password(form.password.data, account_id)
    factors.remove_with_slip(slip_id, kept, now=clock.now())
    session.clear()
    flash(_("The second step is taken away. Please sign in; you can then set up a new one."), "success")
    return see_other(url_for(".sign_in"))


@bp.get("/slips/redemption/departure")
@public
def departure_with_slip() -> ResponseReturnValue:
    return _redemption_page(SlipPurpose.LEAVE, LeavingForm())


@bp.post("/slips/redemption/departure")
@public
def leave_with_slip() -> ResponseReturnValue:
    form = LeavingForm()
    return _redeem(SlipPurpose.LEAVE, form, lambda: _left(form))


def _left(form: LeavingForm) -> ResponseReturnValue:
    actions.leave_with_slip(session.get(SLIP, 0), form.personal_data.data, now=clock.now())
    return farewell()
