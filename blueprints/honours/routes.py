"""One's own nominations, with everything that is shown to those who decide; and the notices that others see."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from flask import Blueprint, Response, abort, url_for
from flask.typing import ResponseReturnValue

from blueprints.honours import actions, queries
from blueprints.honours.forms import WordsForm
from blueprints.honours.models import UNDER_WAY, Nomination
from blueprints.honours.queries import Shown
from blueprints.identity.access import actor, signed_in, volunteer_only
from blueprints.public_notices import queries as notices
from blueprints.public_notices.queries import Beside
from core import clock
from core.actor import Actor
from core.forms import Form
from core.i18n import _
from core.web import carried_out, respond, row_arg

bp = Blueprint("honours", __name__)


# --- one's own ------------------------------------------------------------------------------------------------


@bp.get("/me/honours")
@volunteer_only
def mine() -> ResponseReturnValue:
    number = min(row_arg("page") or 1, 10_000)
    found, more = queries.of_volunteer(actor().volunteer_id or 0, number)
    return respond("honours/mine.html", nominations=found, number=number, more=more)


@bp.get("/me/honours/<int:nomination_id>")
@volunteer_only
def show_own(nomination_id: int) -> ResponseReturnValue:
    return _own_page(nomination_id, WordsForm(formdata=None))


def _own_page(nomination_id: int, form: Form) -> Response:
    nomination = _own_or_404(nomination_id)
    return respond(
        "honours/own.html",
        nomination=nomination,
        form=form if isinstance(form, WordsForm) else WordsForm(formdata=None),
        trouble=form,
        sheet=queries.sheet_of(nomination, clock.now()),
        kept=queries.kept_sheets([nomination_id]).get(nomination_id),
        said=[one.doubt for one in queries.said_against(nomination_id) if one.doubt.by_id == actor().account_id],
        objected=bool(queries.objected_by(actor().account_id, [nomination_id])),
        is_under_way=nomination.state in UNDER_WAY,
    )


def _own_or_404(nomination_id: int) -> Nomination:
    return queries.own(nomination_id, actor().volunteer_id or 0) or abort(404)


@bp.post("/me/honours/<int:nomination_id>/refusal")
@volunteer_only
def decline(nomination_id: int) -> ResponseReturnValue:
    act = partial(actions.decline, nomination_id, actor(), now=clock.now())
    return _own_done(nomination_id, Form(), act, _("You declined. Nobody sees this nomination on notice any more."))


@bp.post("/me/honours/<int:nomination_id>/objections")
@volunteer_only
def contest(nomination_id: int) -> ResponseReturnValue:
    form = WordsForm()
    act = partial(actions.object_to, nomination_id, actor(), words=form.words.data or "", now=clock.now())
    return _own_done(nomination_id, form, act, _("Kept. It goes no further before the level above has decided."))


def _own_done(nomination_id: int, form: Form, act: Callable[[], object], words: str) -> ResponseReturnValue:
    find, again = partial(_own_or_404, nomination_id), partial(_own_page, nomination_id, form)
    return carried_out(form, find, again, act, url_for(".show_own", nomination_id=nomination_id), words)


# --- on public notice -----------------------------------------------------------------------------------------


@bp.get("/notices/honours/<int:nomination_id>")
@signed_in
def show_notice(nomination_id: int) -> ResponseReturnValue:
    return _notice_page(nomination_id, WordsForm(formdata=None))


def _notice_page(nomination_id: int, form: WordsForm) -> Response:
    shown = _notice_or_404(nomination_id)
    objected = bool(queries.objected_by(actor().account_id, [nomination_id]))
    return respond("honours/notice.html", nomination=shown.nomination, shown=shown, objected=objected, form=form)


def _notice_or_404(nomination_id: int) -> Shown:
    wanted = queries.running(actor(), clock.now()).where(Nomination.id == nomination_id)
    return next(iter(queries.shown(wanted)), None) or abort(404)


@bp.post("/notices/honours/<int:nomination_id>/objections")
@signed_in
def object_to_notice(nomination_id: int) -> ResponseReturnValue:
    form = WordsForm()
    find, again = partial(_notice_or_404, nomination_id), partial(_notice_page, nomination_id, form)
    act = partial(actions.object_to, nomination_id, actor(), words=form.words.data or "", now=clock.now())
    words = _("Your objection is kept. The level above decides, and you are told how.")
    return carried_out(form, find, again, act, url_for("public_notices.show_notices"), words)


def _beside(who: Actor | None, now: datetime) -> list[Beside]:
    """What stands among the public notices."""
    found = queries.shown(queries.running(who, now))
    ids = [each.nomination.id for each in found]
    objected = queries.objected_by(who.account_id, ids) if who and found else set()
    return [_as_beside(each, each.nomination.id in objected, now) for each in found]


def _as_beside(each: Shown, objected: bool, now: datetime) -> Beside:
    one = each.nomination
    address, ends_at = url_for("honours.show_notice", nomination_id=one.id), one.notice_ends_at or now
    where = one.honour.organization.name
    return Beside(each.name, one.honour.title, where, each.seen_by, ends_at, address, objected)


notices.BESIDE.append(_beside)
