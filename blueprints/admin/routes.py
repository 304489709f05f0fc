"""The link of an invitation: what it offers, to whoever opens it, and how one takes it up."""

from flask import Blueprint, Response, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.admin import actions, queries
from blueprints.admin.forms import NewcomerForm
from blueprints.admin.words import MEANINGS
from blueprints.identity.access import actor, enter, public, signed_in
from blueprints.identity.models import Invitation
from blueprints.identity.pages import device
from core import clock, passwords, vault
from core.db import reading
from core.forms import Form
from core.i18n import _, language
from core.web import respond, see_other, submitted

bp = Blueprint("invitations", __name__)


@bp.get("/invitations/<code>")
@public
def show_offer(code: str) -> ResponseReturnValue:
    return _offer_page(code, NewcomerForm())


def _offer_page(code: str, form: Form) -> Response:
    """A wrong code looks the same whatever is wrong with it."""
    offer = queries.invitation_by(vault.digest(code))
    return respond(
        "admin/offer.html",
        status=200 if offer else 404,
        code=code,
        offer=offer,
        ended=_ended(offer),
        form=form,
        meanings=MEANINGS,
    )


def _ended(offer: Invitation | None) -> str | None:
    return actions.ended_because(offer, offer.organization, clock.now()) if offer else actions.unknown()


@bp.post("/invitations/<code>/acceptance")
@signed_in
def accept(code: str) -> ResponseReturnValue:
    form = Form()
    return submitted(form, lambda: _offer_page(code, form), lambda: _accepted(code))


def _accepted(code: str) -> ResponseReturnValue:
    actions.accept(code, actor().account_id, now=clock.now())
    flash(_("The role is yours. This is your desk."), "success")
    return see_other(url_for("desk.home"))


@bp.post("/invitations/<code>/account")
@public
def join(code: str) -> ResponseReturnValue:
    form = NewcomerForm()
    return submitted(form, lambda: _offer_page(code, form), lambda: _joined(code, form))


def _joined(code: str, form: NewcomerForm) -> ResponseReturnValue:
    """The password is hashed before anything is locked, and only for a link that is still good."""
    with reading():
        actions.require_open(code, now=clock.now())
        hashed = passwords.hashed(form.new_password.data)
    values = {"name": form.name.data, "phone": form.phone.number, "password_hash": hashed, "lang": language()}
    token = actions.join(code, device=device(), now=clock.now(), **values)
    enter(token)
    flash(_("Your account is made and the role is yours. This is your desk."), "success")
    return see_other(url_for("desk.home"))
