"""The desk of those who give honours: what waits, whom to propose, the sheet of each, and every decision."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.honours import actions, queries
from blueprints.honours.actions import Plan
from blueprints.honours.forms import AnswerForm, ApprovalForm, HonourForm, ReasonForm
from blueprints.honours.models import Doubt, Honour, Nomination, NominationState, Revocation
from blueprints.identity.access import actor, staff
from blueprints.identity.models import Volunteer
from blueprints.records import witness
from blueprints.records.models import Tried
from core import clock, sought
from core.actor import Role
from core.db import reading
from core.forms import Form
from core.i18n import _
from core.web import carried_out, respond, row_arg, see_other, submitted

bp = Blueprint("honours_desk", __name__)
ADMINISTRATOR = Role.ADMINISTRATOR
witness.NAMED |= {
    "honour_id": Honour.__tablename__,
    "nomination_id": Nomination.__tablename__,
    "doubt_id": Doubt.__tablename__,
    "revocation_id": Revocation.__tablename__,
}
VERBS = ("propose", "approve", "affirm", "reject", "withdraw", "uphold", "dismiss", "ask_revocation", "agree", "refuse")
witness.WATCHED |= {f"honours_desk.{verb}": Tried.HONOUR for verb in VERBS}


def _reach() -> list[str]:
    return actor().reach(ADMINISTRATOR)


# --- honours --------------------------------------------------------------------------------------------------


@bp.get("/desk/honours")
@staff(ADMINISTRATOR)
def show_honours() -> ResponseReturnValue:
    found = queries.tallies(_reach(), row_arg("before"))
    shown, more = found[: queries.PAGE], len(found) > queries.PAGE
    waiting = queries.listed(queries.waiting(actor(), clock.now()))
    older = shown[-1].honour.id if more else None
    return respond("honours/honours.html", tallies=shown, older=older, waiting=waiting, now=clock.now())


@bp.get("/desk/honours/new")
@staff(ADMINISTRATOR)
def new_honour() -> ResponseReturnValue:
    return _honour_form_page(_honour_form())


def _honour_form() -> HonourForm:
    return HonourForm().offer(queries.organizations_of(_reach()))


def _honour_form_page(form: HonourForm) -> Response:
    return respond("honours/new.html", form=form)


@bp.post("/desk/honours")
@staff(ADMINISTRATOR)
def open_honour() -> ResponseReturnValue:
    with reading():
        form = _honour_form()
    if form.organization.data not in dict(form.organization.choices):
        abort(404)
    return submitted(form, lambda: _honour_form_page(form), lambda: _opened(form))


def _opened(form: HonourForm) -> ResponseReturnValue:
    words, days = (form.title.data, form.criteria.data), (form.first.data, form.last.data)
    made = actions.open_honour(Plan(form.organization.data, *words, *days), actor(), now=clock.now())
    flash(_("The honour is opened. Now propose people for it."), "success")
    return see_other(url_for(".show_honour", honour_id=made.id))


@bp.get("/desk/honours/<int:honour_id>")
@staff(ADMINISTRATOR)
def show_honour(honour_id: int) -> ResponseReturnValue:
    honour, number = _honour_or_404(honour_id), min(row_arg("page") or 1, 10_000)
    found, more = queries.nominations_of(honour_id, number)
    sheets = queries.sheets([one.volunteer.goes_on_as for one in found], honour, clock.now())
    kept = queries.kept_sheets([one.id for one in found])
    view: dict[str, Any] = {"nominations": found, "number": number, "more": more, "sheets": sheets, "kept": kept}
    return respond("honours/honour.html", honour=honour, has_shrunk=queries.has_shrunk, now=clock.now(), **view)


def _honour_or_404(honour_id: int) -> Honour:
    return queries.honour_within(honour_id, _reach()) or abort(404)


# --- whom to propose ------------------------------------------------------------------------------------------


@bp.get("/desk/honours/<int:honour_id>/candidates")
@staff(ADMINISTRATOR)
def show_candidates(honour_id: int) -> ResponseReturnValue:
    honour, q = _honour_or_404(honour_id), sought.words(actor().account_id)
    found, more = queries.people(honour, q, row_arg("after") or 0)
    ids = [one.id for one in found]
    sheets, standing = queries.sheets(ids, honour, clock.now()), queries.standing(honour_id, ids)
    view: dict[str, Any] = {"people": found, "more": more, "q": q, "s": request.args.get(sought.NAME) if q else None}
    return respond("honours/candidates.html", honour=honour, sheets=sheets, standing=standing, **view)


@bp.post("/desk/honours/<int:honour_id>/searches")
@staff(ADMINISTRATOR)
def search_candidates(honour_id: int) -> ResponseReturnValue:
    with reading():
        _honour_or_404(honour_id)
    s = sought.sealed(actor().account_id)
    return see_other(url_for(".show_candidates", honour_id=honour_id, s=s))


@bp.get("/desk/honours/<int:honour_id>/candidates/<int:volunteer_id>")
@staff(ADMINISTRATOR)
def show_candidate(honour_id: int, volunteer_id: int) -> ResponseReturnValue:
    return _candidate_page(honour_id, volunteer_id, ReasonForm(formdata=None))


def _candidate_page(honour_id: int, volunteer_id: int, form: ReasonForm) -> Response:
    honour, person = _candidate_or_404(honour_id, volunteer_id)
    sheet = queries.sheets([person.id], honour, clock.now())[person.id]
    standing = queries.standing(honour_id, [person.id]).get(person.id)
    return respond("honours/candidate.html", honour=honour, person=person, sheet=sheet, standing=standing, form=form)


def _candidate_or_404(honour_id: int, volunteer_id: int) -> tuple[Honour, Volunteer]:
    honour = _honour_or_404(honour_id)
    return honour, queries.person(honour, volunteer_id) or abort(404)


@bp.post("/desk/honours/<int:honour_id>/candidates/<int:volunteer_id>")
@staff(ADMINISTRATOR)
def propose(honour_id: int, volunteer_id: int) -> ResponseReturnValue:
    form = ReasonForm()

    def act() -> object:
        return actions.propose(honour_id, volunteer_id, actor(), reason=form.reason.data or "", now=clock.now())

    find, again = (
        partial(_candidate_or_404, honour_id, volunteer_id),
        partial(_candidate_page, honour_id, volunteer_id, form),
    )
    onward = url_for(".show_honour", honour_id=honour_id)
    return carried_out(form, find, again, act, onward, _("Proposed. The person is told, and another person decides."))


# --- one nomination -------------------------------------------------------------------------------------------


@bp.get("/desk/nominations/<int:nomination_id>")
@staff(ADMINISTRATOR)
def show_nomination(nomination_id: int) -> ResponseReturnValue:
    return _page(nomination_id, AnswerForm(formdata=None))


def _page(nomination_id: int, form: Form, where: str = "") -> Response:
    """The page; `where` names the part of it whose form was sent and stands there again as it was typed."""
    seen = queries.seen_within(nomination_id, _reach()) or abort(404)
    nomination, sheet = seen.nomination, queries.sheet_of(seen.nomination, clock.now())
    ends = nomination.notice_ends_at
    return respond(
        "honours/nomination.html",
        nomination=nomination,
        form=form,
        where=where,
        blank=AnswerForm(formdata=None),
        sheet=sheet,
        kept=seen.kept,
        flags=seen.flags,
        shrunk=queries.has_shrunk(seen.kept, sheet),
        over=nomination.state is NominationState.NOTICE and ends is not None and ends <= clock.now(),
        refused=queries.refused_on(nomination_id),
        **_judged(nomination),
    )


def _judged(nomination: Nomination) -> dict[str, Any]:
    """What was said against it and asked about it, and why this viewer may not decide on each."""
    said = queries.said_against(nomination.id)
    asked = queries.revocations_of(nomination.id) if nomination.granted_at else []
    others = [*(one.doubt.by_id for one in said), *(one.revocation.asked_by_id for one in asked)]
    mine = actions.case(nomination, actor(), *others)
    return {
        "barred": actions.approving(mine.bar_to_approving()),
        "said": [(one, actions.weighing(mine.bar_to_weighing())) for one in said],
        "asked": [(one, actions.revoking(mine.bar_to_revoking(one.revocation))) for one in asked],
    }


def _nomination_or_404(nomination_id: int) -> Nomination:
    return queries.nomination_within(nomination_id, _reach()) or abort(404)


def _done(nomination_id: int, form: Form, where: str, act: Callable[[], object], words: str) -> ResponseReturnValue:
    find, again = partial(_nomination_or_404, nomination_id), partial(_page, nomination_id, form, where)
    return carried_out(form, find, again, act, url_for(".show_nomination", nomination_id=nomination_id), words)


@bp.post("/desk/nominations/<int:nomination_id>/approval")
@staff(ADMINISTRATOR)
def approve(nomination_id: int) -> ResponseReturnValue:
    return _agreed(nomination_id, actions.approve, _("Approved. It stands on public notice now."))


@bp.post("/desk/nominations/<int:nomination_id>/affirmation")
@staff(ADMINISTRATOR)
def affirm(nomination_id: int) -> ResponseReturnValue:
    return _agreed(nomination_id, actions.affirm, _("It stands. It is granted when the notice is over."))


def _agreed(nomination_id: int, verb: Callable[..., object], words: str) -> ResponseReturnValue:
    form = ApprovalForm()
    act = partial(verb, nomination_id, actor(), seen=form.seen.data or "", now=clock.now())
    return _done(nomination_id, form, "approval", act, words)


@bp.post("/desk/nominations/<int:nomination_id>/rejection")
@staff(ADMINISTRATOR)
def reject(nomination_id: int) -> ResponseReturnValue:
    return _ended(nomination_id, actions.reject, _("Not approved. The person reads why."))


@bp.post("/desk/nominations/<int:nomination_id>/withdrawal")
@staff(ADMINISTRATOR)
def withdraw(nomination_id: int) -> ResponseReturnValue:
    return _ended(nomination_id, actions.withdraw, _("Withdrawn. The person reads why."))


def _ended(nomination_id: int, verb: Callable[..., object], words: str) -> ResponseReturnValue:
    form = AnswerForm()
    act = partial(verb, nomination_id, actor(), answer=form.answer.data or "", now=clock.now())
    return _done(nomination_id, form, "end", act, words)


# --- what is said against it, and taking it back ----------------------------------------------------------------


@bp.post("/desk/honour-objections/<int:doubt_id>/acceptance")
@staff(ADMINISTRATOR)
def uphold(doubt_id: int) -> ResponseReturnValue:
    return _weighed(doubt_id, actions.uphold, _("Upheld: the nomination is taken back."))


@bp.post("/desk/honour-objections/<int:doubt_id>/dismissal")
@staff(ADMINISTRATOR)
def dismiss(doubt_id: int) -> ResponseReturnValue:
    return _weighed(doubt_id, actions.dismiss, _("Dismissed: the nomination goes on."))


def _weighed(doubt_id: int, verb: Callable[..., object], words: str) -> ResponseReturnValue:
    with reading():
        nomination_id = (queries.doubt_within(doubt_id, _reach()) or abort(404)).nomination_id
    form = AnswerForm()
    act = partial(verb, doubt_id, actor(), answer=form.answer.data or "", now=clock.now())
    return _done(nomination_id, form, f"doubt-{doubt_id}", act, words)


@bp.post("/desk/nominations/<int:nomination_id>/revocations")
@staff(ADMINISTRATOR)
def ask_revocation(nomination_id: int) -> ResponseReturnValue:
    form = AnswerForm()
    act = partial(actions.ask_revocation, nomination_id, actor(), reason=form.answer.data or "", now=clock.now())
    return _done(nomination_id, form, "end", act, _("Asked for. Another person decides."))


@bp.post("/desk/honour-revocations/<int:revocation_id>/approval")
@staff(ADMINISTRATOR)
def agree(revocation_id: int) -> ResponseReturnValue:
    return _settled(revocation_id, actions.agree_to_revocation, _("The honour is taken back, and the person is told."))


@bp.post("/desk/honour-revocations/<int:revocation_id>/refusal")
@staff(ADMINISTRATOR)
def refuse(revocation_id: int) -> ResponseReturnValue:
    return _settled(revocation_id, actions.refuse_revocation, _("The honour stays."))


def _settled(revocation_id: int, verb: Callable[..., object], words: str) -> ResponseReturnValue:
    with reading():
        nomination_id = (queries.revocation_within(revocation_id, _reach()) or abort(404)).nomination_id
    act = partial(verb, revocation_id, actor(), now=clock.now())
    return _done(nomination_id, Form(), "revocation", act, words)
