"""Hand-over to the national system: making a file, its columns, and how each of its rows was taken."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.exchange import entering, outgoing, sending
from blueprints.exchange.columns import ref
from blueprints.exchange.forms import AnswerForm, ColumnsForm, HandoverForm, ItemForm, columns_form
from blueprints.exchange.models import HandoverBatch, HandoverFormat, HandoverKind, ItemState
from blueprints.identity.access import actor, organization_or_404, staff
from blueprints.jobs.models import LIVE
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from core import clock
from core.actor import Role
from core.db import db, reading
from core.forms import Form
from core.i18n import _
from core.uploads import takes_tables
from core.web import carried_out, is_poll, respond, row_arg, see_other, submitted, text_arg

bp = Blueprint("hand_overs", __name__)
PIECE = 1024 * 1024


@bp.get("/desk/hand-overs")
@staff(Role.ADMINISTRATOR)
def show_hand_overs() -> ResponseReturnValue:
    return _list_page(HandoverForm(formdata=None))


def _list_page(form: HandoverForm) -> Response:
    found = outgoing.batches(actor(), row_arg("before"))
    more = found[outgoing.PAGE - 1].id if len(found) > outgoing.PAGE else None
    mine = organizations.organizations_under(actor().reach(Role.ADMINISTRATOR)).limit(500)
    form.offer([(each.id, each.name) for each in db.session.scalars(mine)])
    return respond(
        "exchange/hand_overs.html", batches=found[: outgoing.PAGE], more=more, form=form, kinds=list(HandoverKind)
    )


@bp.post("/desk/hand-overs")
@staff(Role.ADMINISTRATOR)
def make() -> ResponseReturnValue:
    form = HandoverForm().offer([])
    return submitted(form, lambda: _list_page(form), lambda: _made(form))


def _made(form: HandoverForm) -> ResponseReturnValue:
    with reading():
        organization_id = organization_or_404(form.organization.data, Role.ADMINISTRATOR).id
    made = sending.make(
        HandoverKind(form.kind.data),
        HandoverFormat(form.format.data),
        organization_id,
        actor(),
        with_id_numbers=form.with_id_numbers.data,
        reason=form.reason.data or "",
        refused_again=form.refused_again.data,
        now=clock.now(),
    )
    flash(_("The file is being made."), "success")
    return see_other(url_for(".show_hand_over", hand_over_id=made.id))


@bp.get("/desk/hand-overs/<int:hand_over_id>")
@staff(Role.ADMINISTRATOR)
def show_hand_over(hand_over_id: int) -> ResponseReturnValue:
    batch = _batch_or_404(hand_over_id)
    if is_poll() and request.headers["HX-PTag"] == _version(batch):
        return Response(status=304)
    response = _page(batch, Form(formdata=None))
    if is_poll():
        response.headers["HX-PTag"] = _version(batch)
    return response


def _version(batch: HandoverBatch) -> str:
    return f"{batch.state}-{batch.job.state}-{batch.job.done}" if batch.job else str(batch.state)


def _page(batch: HandoverBatch, form: Form) -> Response:
    word = text_arg("state", 20)
    chosen = ItemState(word) if word in set(ItemState) else None
    found = outgoing.items(batch.id, chosen, row_arg("after") or 0)
    shown = found[: outgoing.PAGE]
    return respond(
        "exchange/hand_over.html",
        "exchange/_hand_over.html",
        batch=batch,
        tag=_version(batch),
        is_live=batch.job is not None and batch.job.state in LIVE,
        counts=outgoing.counts(batch.id),
        states=list(ItemState),
        chosen=chosen,
        items=[(item, ref(item.kind, item.subject_id)) for item in shown],
        more=shown[-1].id if len(found) > outgoing.PAGE else None,
        form=form,
        answer_form=form if isinstance(form, AnswerForm) else AnswerForm(formdata=None),
        item_form=ItemForm(formdata=None),
    )


@bp.post("/desk/hand-overs/<int:hand_over_id>/disposal")
@staff(Role.ADMINISTRATOR)
def drop(hand_over_id: int) -> ResponseReturnValue:
    def act() -> str:
        sending.drop(hand_over_id, actor(), now=clock.now())
        return str(_("Its rows count as not sent."))

    return _do(hand_over_id, Form(), act)


@bp.post("/desk/hand-overs/<int:hand_over_id>/answer")
@staff(Role.ADMINISTRATOR)
@takes_tables
def answer(hand_over_id: int) -> ResponseReturnValue:
    form = AnswerForm()

    def act() -> str:
        stream = form.file.data.stream
        with reading():
            heads = entering.first_line(stream)
        pieces = iter(lambda: stream.read(PIECE), b"")
        sending.answer(hand_over_id, actor(), heads=heads, data=pieces, now=clock.now())
        return str(_("The answer is being read."))

    return _do(hand_over_id, form, act)


@bp.post("/desk/hand-overs/<int:hand_over_id>/items/<int:sent_id>")
@staff(Role.ADMINISTRATOR)
def decide(hand_over_id: int, sent_id: int) -> ResponseReturnValue:
    form = ItemForm()

    def act() -> str:
        state, reason = ItemState(form.state.data), form.reason.data or ""
        sending.decide(sent_id, hand_over_id, actor(), state=state, reason=reason, now=clock.now())
        return str(_("Noted."))

    return _do(hand_over_id, form, act)


def _do(hand_over_id: int, form: Form, act: Callable[[], str]) -> ResponseReturnValue:
    find, address = partial(_batch_or_404, hand_over_id), url_for(".show_hand_over", hand_over_id=hand_over_id)
    return carried_out(form, find, lambda: _page(find(), form), act, address)


def _batch_or_404(hand_over_id: int) -> HandoverBatch:
    return outgoing.within(hand_over_id, actor()) or abort(404)


# --- the columns ----------------------------------------------------------------------------------------------


@bp.get("/desk/organizations/<int:organization_id>/hand-over-columns/<kind>")
@staff(Role.ADMINISTRATOR)
def show_columns(organization_id: int, kind: str) -> ResponseReturnValue:
    organization, wanted = _organization_and_kind(organization_id, kind)
    return _columns_page(organization, wanted, columns_form(outgoing.mapping(organization, wanted), wanted))


def _columns_page(organization: Organization, kind: HandoverKind, form: ColumnsForm) -> Response:
    return respond("exchange/columns.html", organization=organization, kind=kind, form=form, kinds=list(HandoverKind))


@bp.post("/desk/organizations/<int:organization_id>/hand-over-columns/<kind>")
@staff(Role.ADMINISTRATOR)
def set_columns(organization_id: int, kind: str) -> ResponseReturnValue:
    with reading():
        _organization, wanted = _organization_and_kind(organization_id, kind)
    form = ColumnsForm().offer(wanted)
    again = lambda: _columns_page(*_organization_and_kind(organization_id, kind), form)  # noqa: E731
    return submitted(form, again, lambda: _columns_set(organization_id, wanted, form))


def _columns_set(organization_id: int, kind: HandoverKind, form: ColumnsForm) -> ResponseReturnValue:
    sending.set_columns(organization_id, kind, actor(), columns=form.chosen, now=clock.now())
    flash(_("The columns are kept. They hold from the next file on."), "success")
    return see_other(url_for(".show_columns", organization_id=organization_id, kind=kind.value))


def _organization_and_kind(organization_id: int, kind: str) -> tuple[Any, HandoverKind]:
    if kind not in set(HandoverKind):
        abort(404)
    return organization_or_404(organization_id, Role.ADMINISTRATOR), HandoverKind(kind)
