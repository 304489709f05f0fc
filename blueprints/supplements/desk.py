"""The organization's side of a supplement: vouching, asking for more, declining, and stating one for somebody else."""

from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, staff
from blueprints.identity.models import Volunteer
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit
from blueprints.records import witness
from blueprints.records.models import Tried
from blueprints.supplements import actions, queries
from blueprints.supplements.actions import LOOK, Stated
from blueprints.supplements.forms import DeclineForm, QuestionForm, SupplementForm
from blueprints.supplements.models import Supplement
from core import clock, documents
from core.actor import Role
from core.db import reading
from core.forms import Form
from core.i18n import _
from core.uploads import takes_pictures
from core.web import carried_out, respond, row_arg, see_other, submitted

bp = Blueprint("supplements_desk", __name__)
LETTING_IN = ["supplements_desk.vouch_for_supplement", "supplements_desk.propose_supplement"]
witness.WATCHED |= dict.fromkeys(LETTING_IN, Tried.SUPPLEMENT)
witness.NAMED["supplement_id"] = Supplement.__tablename__


@bp.get("/desk/supplements")
@staff(*LOOK)
def show_supplements() -> ResponseReturnValue:
    number = min(row_arg("page") or 1, 10_000)
    found, more = queries.page_of(queries.within(actor().reach(*LOOK)), number)
    return respond("supplements/supplements.html", supplements=found, number=number, more=more)


@bp.get("/desk/supplements/<int:supplement_id>")
@staff(*LOOK)
def show_supplement(supplement_id: int) -> ResponseReturnValue:
    return _page(supplement_id, Form(formdata=None))


def _page(supplement_id: int, form: Form) -> Response:
    supplement = _one_or_404(supplement_id)
    barred = actions.barred_because(supplement, actor())
    return respond(
        "supplements/supplement.html",
        supplement=supplement,
        pictures=queries.pictures(supplement.id),
        barred=barred[1] if barred else None,
        form=form,
        question_form=form if isinstance(form, QuestionForm) else QuestionForm(formdata=None),
        decline_form=form if isinstance(form, DeclineForm) else DeclineForm(formdata=None),
    )


@bp.post("/desk/supplements/<int:supplement_id>/voucher")
@staff(*LOOK)
def vouch_for_supplement(supplement_id: int) -> ResponseReturnValue:
    words = _("Vouched for. The level above decides, then it stands on public notice.")
    return _done(supplement_id, Form(), words, lambda _form: actions.vouch(supplement_id, actor(), now=clock.now()))


@bp.post("/desk/supplements/<int:supplement_id>/question")
@staff(*LOOK)
def question_supplement(supplement_id: int) -> ResponseReturnValue:
    def act(form: QuestionForm) -> object:
        return actions.want_more(supplement_id, actor(), question=form.words.data or "", now=clock.now())

    return _done(supplement_id, QuestionForm(), _("The person is asked."), act)


@bp.post("/desk/supplements/<int:supplement_id>/refusal")
@staff(*LOOK)
def decline_supplement(supplement_id: int) -> ResponseReturnValue:
    def act(form: DeclineForm) -> object:
        return actions.decline(supplement_id, actor(), reason=form.words.data or "", now=clock.now())

    return _done(supplement_id, DeclineForm(), _("Declined, and the person is told why."), act)


def _done(supplement_id: int, form: Form, words: str, act: Callable[..., object]) -> ResponseReturnValue:
    find, again = partial(_one_or_404, supplement_id), partial(_page, supplement_id, form)
    return carried_out(form, find, again, lambda: act(form), url_for(".show_supplements"), words)


@bp.get("/desk/supplement-pictures/<int:picture_id>")
@staff(*LOOK)
def show_picture(picture_id: int) -> ResponseReturnValue:
    return documents.shown(queries.picture_of(picture_id, queries.within(actor().reach(*LOOK))))


# --- for somebody else ----------------------------------------------------------------------------------------


@bp.get("/desk/volunteers/<int:volunteer_id>/supplement")
@staff(Role.CLERK)
def new_supplement(volunteer_id: int) -> ResponseReturnValue:
    person = _person_or_404(volunteer_id)
    return _new_page(person, SupplementForm(formdata=None))


@bp.post("/desk/volunteers/<int:volunteer_id>/supplements")
@staff(Role.CLERK)
@takes_pictures
def propose_supplement(volunteer_id: int) -> ResponseReturnValue:
    with reading():  # nothing is locked while the picture is made anew
        form = _offered(_person_or_404(volunteer_id), SupplementForm())
    return submitted(form, lambda: _new_page(_person_or_404(volunteer_id), form), lambda: _proposed(volunteer_id, form))


def _proposed(volunteer_id: int, form: SupplementForm) -> ResponseReturnValue:
    stated = Stated(form.facts(volunteer_id), form.why.data or "", documents.sent(form.photo.data))
    made = actions.propose(stated, actor(), now=clock.now())
    flash(_("Stated. The person has to agree before anybody looks at it."), "success")
    return see_other(url_for(".show_supplement", supplement_id=made.id))


def _offered(person: Volunteer, form: SupplementForm) -> SupplementForm:
    mine = actor().reach(Role.CLERK)
    return form.offer([each for each in queries.known_to(person) if any(each.path.startswith(path) for path in mine)])


def _new_page(person: Volunteer, form: SupplementForm) -> Response:
    days = organizations.limit(Limit.SUPPLEMENT_DAYS)
    return respond("supplements/new.html", form=_offered(person, form), person=person, days=days)


def _person_or_404(volunteer_id: int) -> Volunteer:
    return queries.person_within(volunteer_id, actor().reach(Role.CLERK)) or abort(404)


def _one_or_404(supplement_id: int) -> Supplement:
    return queries.one_of(supplement_id, queries.within(actor().reach(*LOOK))) or abort(404)
