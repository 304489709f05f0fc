"""The second step at sign-in: typing its code, and setting it up, renewing it or taking it away on one's own pages."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, Response, flash, request, session, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity import factors, queries, tries
from blueprints.identity.access import actor, half_signed, has_proved_lately, prove, public, signed_in
from blueprints.identity.forms import CodeForm, ProofForm, SecondStepForm, code_digits
from blueprints.identity.pages import address, device, let_in, local_path, require_own_password
from core import clock, masks, vault
from core.db import reading
from core.i18n import _
from core.qr import picture
from core.refusal import Refusal
from core.web import afterwards, respond, see_other, submitted

bp = Blueprint("second_step", __name__)
SECRET, SHOWN_CODES = "second_step", "recovery_codes"  # in the session, sealed: what the next page shows


def _me() -> int:
    return actor().account_id


@contextmanager
def _counted(account_id: int) -> Iterator[None]:
    """Refuse while too many codes were tried, and count a wrong one even though the request is undone."""
    counted = tries.of_second_step(account_id, address())
    with reading():
        tries.require_calm(counted, now=clock.now())
    try:
        yield
    except factors.WrongCode:
        afterwards(lambda: tries.note(counted, now=clock.now()))
        raise


def _unkept(response: Response) -> Response:
    """No browser keeps a page with a secret on it."""
    response.headers["Cache-Control"] = "no-store"
    return response


# ── signing in ──


@bp.get("/sign-in/code")
@public
def ask() -> ResponseReturnValue:
    return _code_page(CodeForm()) if half_signed() else _begin_again()


def _code_page(form: CodeForm) -> Response:
    half = half_signed()
    name = masks.name(queries.account(half.account_id).name) if half else ""
    return _unkept(respond("identity/code.html", form=form, name=name))


def _begin_again() -> ResponseReturnValue:
    flash(_("The first step was more than ten minutes ago. Please begin again."), "info")
    return see_other(url_for("identity.sign_in"))


@bp.post("/sign-in/code")
@public
def enter_with_code() -> ResponseReturnValue:
    if half_signed() is None:
        return _begin_again()
    form = CodeForm()
    return submitted(form, lambda: _code_page(form), lambda: _signed_in(form))


def _signed_in(form: CodeForm) -> ResponseReturnValue:
    half = half_signed()
    if half is None:
        return _begin_again()
    times: dict[str, Any] = {"now": clock.now(), "at": clock.real()}
    who: dict[str, Any] = {"address": address(), "device": device()}
    with _counted(half.account_id):
        token = factors.sign_in(half.account_id, half.proof, form.code.data or "", **who, **times)
    return let_in(half.account_id, token, half.onward)


# ── one's own page of it ──


@bp.get("/me/second-step")
@signed_in
def show() -> ResponseReturnValue:
    return respond(
        "identity/second_step.html",
        factor=queries.second_factor(_me()),
        left=queries.recovery_codes_left(_me()),
        asked=queries.roles_that_ask(_me()),
    )


def _prove(form: ProofForm) -> None:
    """Refuse unless the form shows who is at the keyboard: by password, or by a code. Asked again after ten minutes."""
    if form.password is None:
        return
    typed = form.password.data or ""
    if code_digits(typed) and not any(c.isalpha() for c in typed):  # no password is without letters
        with _counted(_me()):
            factors.use(_me(), typed, now=clock.now(), at=clock.real())
    else:
        require_own_password(typed, _me())
    prove()


@bp.get("/me/second-step/new")
@signed_in
def new() -> ResponseReturnValue:
    return _new_page(SecondStepForm(next=request.args.get("next", "")))


def _new_page(form: SecondStepForm) -> Response:
    form.trust(has_proved_lately())
    secret = _pending() or _begun()
    address = factors.address_for_phone(secret, queries.account(_me()).phone)
    key = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
    page = "identity/second_step_new.html"
    asked = queries.roles_that_ask(_me()) if actor().owes_second_step else []
    return _unkept(respond(page, form=form, address=address, key=key, picture=picture(address, scale=5), asked=asked))


def _pending() -> str | None:
    """The secret that this person was shown and has not confirmed yet."""
    account_id, secret = _unsealed(SECRET) or (0, "")
    return secret if account_id == _me() else None


def _begun() -> str:
    secret = factors.new_secret()
    _seal(SECRET, [_me(), secret])
    return secret


def _seal(name: str, values: Sequence[object]) -> None:
    """Into the cookie, which its owner could read: sealed, so that nobody reads it there later."""
    session[name] = vault.seal(json.dumps(values))


def _unsealed(name: str) -> list[Any] | None:
    found: list[Any] | None = json.loads(vault.unseal(session[name])) if name in session else None
    return found


@bp.post("/me/second-step")
@signed_in
def create() -> ResponseReturnValue:
    form = SecondStepForm().trust(has_proved_lately())
    return submitted(form, lambda: _new_page(form), lambda: _created(form))


def _created(form: SecondStepForm) -> ResponseReturnValue:
    secret = _pending()
    if secret is None:
        raise Refusal(_("This page was too old. Please scan the new picture below and type the code it gives."))
    _prove(form)
    values: dict[str, Any] = {"session_id": actor().session_id, "now": clock.now(), "at": clock.real()}
    codes = factors.set_up(_me(), secret, form.code.data or "", **values)
    session.pop(SECRET)
    flash(_("The second step is set up. Now keep your recovery codes."), "success")
    return _codes_made(codes, form.next.data)


# ── recovery codes ──


def _codes_made(codes: Sequence[str], onward: str | None = None) -> ResponseReturnValue:
    _seal(SHOWN_CODES, [_me(), *codes])
    return see_other(url_for(".show_codes", next=local_path(onward)))


@bp.get("/me/second-step/codes")
@signed_in
def show_codes() -> ResponseReturnValue:
    """New codes are shown once; afterwards nobody can find them again."""
    account_id, *codes = _unsealed(SHOWN_CODES) or (0,)
    session.pop(SHOWN_CODES, None)
    return _codes_page(ProofForm(), codes if account_id == _me() else [])


def _codes_page(form: ProofForm, codes: Sequence[str] = ()) -> Response:
    form.trust(has_proved_lately())
    onward = local_path(request.args.get("next")) or url_for(".show")
    shown = [f"{code[:5]} {code[5:]}" for code in codes]
    factor, left = queries.second_factor(_me()), queries.recovery_codes_left(_me())
    person = masks.phone(queries.account(_me()).phone)
    context: dict[str, Any] = {"factor": factor, "left": left, "person": person, "onward": onward}
    return _unkept(respond("identity/recovery_codes.html", form=form, codes=shown, now=clock.now(), **context))


@bp.post("/me/second-step/codes")
@signed_in
def renew_codes() -> ResponseReturnValue:
    form = ProofForm().trust(has_proved_lately())
    return submitted(form, lambda: _codes_page(form), lambda: _renewed(form))


def _renewed(form: ProofForm) -> ResponseReturnValue:
    _prove(form)
    return _codes_made(factors.renew_codes(_me(), now=clock.now()))


# ── the end of it ──


@bp.get("/me/second-step/removal")
@signed_in
def ask_removal() -> ResponseReturnValue:
    return _removal_page(ProofForm())


def _removal_page(form: ProofForm) -> Response:
    form.trust(has_proved_lately())
    asked, factor = queries.roles_that_ask(_me()), queries.second_factor(_me())
    return respond("identity/second_step_removal.html", form=form, asked=asked, factor=factor)


@bp.post("/me/second-step/removal")
@signed_in
def remove() -> ResponseReturnValue:
    form = ProofForm().trust(has_proved_lately())
    return submitted(form, lambda: _removal_page(form), lambda: _removed(form))


def _removed(form: ProofForm) -> ResponseReturnValue:
    _prove(form)
    factors.remove(_me(), now=clock.now())
    flash(_("The second step is taken away. Your password alone opens your account again."), "success")
    return see_other(url_for(".show"))
