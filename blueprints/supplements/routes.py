"""The volunteer's side of a supplement: asking for time outside a shift, following it, agreeing to a clerk's words."""

from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, volunteer_only
from blueprints.identity.models import Volunteer
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit
from blueprints.records.models import ServiceRecord
from blueprints.supplements import actions, queries
from blueprints.supplements.actions import Stated
from blueprints.supplements.forms import AnswerForm, SupplementForm
from blueprints.supplements.models import Supplement, SupplementPicture
from core import clock, documents
from core.db import db, reading
from core.forms import Form
from core.i18n import _
from core.uploads import takes_pictures
from core.web import carried_out, respond, row_arg, see_other, submitted

bp = Blueprint("supplements", __name__)


@bp.app_template_global()
def supplement_behind(record: ServiceRecord) -> tuple[Supplement, list[SupplementPicture]] | None:
    """What was stated, and what proves it, for whoever decides on the entry that was made of it."""
    made_of = queries.of_record(record.id) if record.source == "supplement" else None
    return (made_of, queries.pictures(made_of.id)) if made_of else None


@bp.get("/me/supplements")
@volunteer_only
def my_supplements() -> ResponseReturnValue:
    number = min(row_arg("page") or 1, 10_000)
    found, more = queries.page_of(queries.of_volunteer(_me()), number)
    return respond("supplements/mine.html", supplements=found, number=number, more=more)


@bp.get("/me/supplements/new")
@volunteer_only
def new_supplement() -> ResponseReturnValue:
    return _new_page(_form(formdata=None))


@bp.post("/me/supplements")
@volunteer_only
@takes_pictures
def ask_supplement() -> ResponseReturnValue:
    with reading():  # nothing is locked while the picture is made anew
        form = _form()
    return submitted(form, lambda: _new_page(form), lambda: _asked(form))


def _form(**values: object) -> SupplementForm:
    me = db.session.get_one(Volunteer, _me())
    return SupplementForm(**values).offer(queries.known_to(me))


def _new_page(form: SupplementForm) -> Response:
    days = organizations.limit(Limit.SUPPLEMENT_DAYS)
    return respond("supplements/new.html", form=form, person=None, days=days)


def _asked(form: SupplementForm) -> ResponseReturnValue:
    stated = Stated(form.facts(_me()), form.why.data or "", documents.sent(form.photo.data))
    made = actions.ask(stated, actor(), now=clock.now())
    flash(_("Your request is sent. This page shows how far it is."), "success")
    return see_other(url_for(".my_supplement", supplement_id=made.id))


@bp.get("/me/supplements/<int:supplement_id>")
@volunteer_only
def my_supplement(supplement_id: int) -> ResponseReturnValue:
    return _page(supplement_id, Form(formdata=None))


def _page(supplement_id: int, form: Form) -> Response:
    supplement = _mine_or_404(supplement_id)
    return respond(
        "supplements/my_supplement.html",
        supplement=supplement,
        pictures=queries.pictures(supplement.id),
        form=form,
        answer_form=form if isinstance(form, AnswerForm) else AnswerForm(formdata=None),
    )


@bp.post("/me/supplements/<int:supplement_id>/agreement")
@volunteer_only
def agree_to_supplement(supplement_id: int) -> ResponseReturnValue:
    words = _("Thank you. The organization looks at it now.")
    return _done(supplement_id, Form(), words, lambda: actions.agree(supplement_id, actor(), now=clock.now()))


@bp.post("/me/supplements/<int:supplement_id>/withdrawal")
@volunteer_only
def withdraw_supplement(supplement_id: int) -> ResponseReturnValue:
    words = _("It is taken back, and nothing of it counts.")
    return _done(supplement_id, Form(), words, lambda: actions.withdraw(supplement_id, actor(), now=clock.now()))


@bp.post("/me/supplements/<int:supplement_id>/answer")
@volunteer_only
@takes_pictures
def answer_supplement(supplement_id: int) -> ResponseReturnValue:
    form = AnswerForm()

    def act() -> object:
        words, picture = form.words.data or "", documents.sent(form.photo.data)
        return actions.answer(supplement_id, actor(), words=words, picture=picture, now=clock.now())

    return _done(supplement_id, form, _("Your answer is sent."), act)


def _done(supplement_id: int, form: Form, words: str, act: Callable[[], object]) -> ResponseReturnValue:
    find, again = partial(_mine_or_404, supplement_id), partial(_page, supplement_id, form)
    return carried_out(form, find, again, act, url_for(".my_supplement", supplement_id=supplement_id), words)


@bp.get("/me/supplement-pictures/<int:picture_id>")
@volunteer_only
def my_picture(picture_id: int) -> ResponseReturnValue:
    return documents.shown(queries.picture_of(picture_id, queries.of_volunteer(_me())))


def _me() -> int:
    return actor().volunteer_id or 0


def _mine_or_404(supplement_id: int) -> Supplement:
    return queries.one_of(supplement_id, queries.of_volunteer(_me())) or abort(404)
