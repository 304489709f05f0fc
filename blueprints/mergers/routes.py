"""The volunteer's side: two registrations of one's own, and saying no when one of them is not."""

from functools import partial

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity import actions as identity
from blueprints.identity import queries as people
from blueprints.identity import tries
from blueprints.identity.access import actor, volunteer_only
from blueprints.identity.pages import address, check_password
from blueprints.mergers import actions, queries
from blueprints.mergers.forms import OwnForm
from blueprints.mergers.models import Merger
from core import clock
from core.db import reading
from core.forms import Form
from core.i18n import _
from core.refusal import Refusal
from core.web import afterwards, carried_out, respond, see_other, submitted

bp = Blueprint("mergers", __name__)


@bp.get("/me/mergers")
@volunteer_only
def mine() -> ResponseReturnValue:
    return _page(OwnForm(formdata=None))


def _page(form: Form) -> Response:
    found = queries.of_account(actor().account_id)
    own = form if isinstance(form, OwnForm) else OwnForm(formdata=None)
    return respond("mergers/mine.html", mergers=found, form=form, own=own, me=actor().account_id)


@bp.post("/me/mergers")
@volunteer_only
def ask() -> ResponseReturnValue:
    form = OwnForm()
    return submitted(form, lambda: _page(form), lambda: _asked(form))


def _asked(form: OwnForm) -> ResponseReturnValue:
    """That the other one is theirs is seen before anything is locked; a failed try is noted after the refusal."""
    reason, now = form.reason.data or "", clock.now()
    if form.code.data:
        actions.ask_with_slip(_slip_of(form), actor(), reason=reason, now=now)
    else:
        actions.ask(_known_by_password(form), actor(), reason=reason, now=now)
    flash(_("Asked for. An administrator looks at both; you are told of the decision."), "success")
    return see_other(url_for(".mine"))


def _known_by_password(form: OwnForm) -> int:
    """The registration whose phone and password these are."""
    allowed = tries.of_phone("merger", form.phone.number, address())
    with reading():
        tries.require_calm(allowed, now=clock.now())
        account = people.account_by_phone(form.phone.number)
        account_id, kept = (account.id, account.password_hash) if account else (0, None)
        has_second_step = bool(account and people.second_factor(account_id))
        other = people.volunteer_of(account_id) if account else None
        other_id = other.id if other else 0
    wrong = _("Phone number or password is wrong. Please check both, or ask your station for a slip.")
    check_password(form.password.data or "", kept, allowed, Refusal(wrong, "password"))
    if has_second_step or not other_id:
        raise Refusal(_("The other account cannot be proven by its password. Please ask your station for a slip."))
    return other_id


def _slip_of(form: OwnForm) -> int:
    """The slip of this phone and code, if it is good."""
    allowed = tries.of_phone("slip", form.phone.number, address())
    with reading():
        tries.require_calm(allowed, now=clock.now())
        slip = people.usable_slip(form.phone.number, form.code.data or "", clock.now())
        slip_id = slip.id if slip else 0
    if not slip_id:
        now = clock.now()
        afterwards(lambda: tries.note(allowed, now=now))
        raise Refusal(identity.unusable(), "code")
    return slip_id


@bp.post("/me/mergers/<int:merger_id>/objection")
@volunteer_only
def object_to(merger_id: int) -> ResponseReturnValue:
    form = Form()
    find, again = partial(_merger_or_404, merger_id), partial(_page, form)
    act = lambda: actions.refuse(merger_id, actor(), now=clock.now())  # noqa: E731
    return carried_out(form, find, again, act, url_for(".mine"), _("Done. Both registrations go on as before."))


def _merger_or_404(merger_id: int) -> Merger:
    return queries.own(merger_id, actor().account_id) or abort(404)
