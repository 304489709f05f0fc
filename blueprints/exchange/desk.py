"""Files of other platforms: handing one in, naming its columns, trying it, and the level above that decides."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.exchange import actions, entering, queries
from blueprints.exchange.forms import ImportForm, MappingForm, ReasonForm, mapping_form
from blueprints.exchange.models import ImportBatch, ImportKind, ImportState, RowState
from blueprints.identity.access import actor, organization_or_404, staff
from blueprints.jobs.models import LIVE
from blueprints.organizations import queries as organizations
from blueprints.records import witness
from blueprints.records.models import Tried
from core import clock
from core.actor import Role
from core.db import db, reading
from core.forms import Form
from core.i18n import _
from core.uploads import takes_tables
from core.web import carried_out, is_poll, respond, row_arg, see_other, submitted

bp = Blueprint("imports", __name__)
witness.WATCHED |= dict.fromkeys(["imports.approve", "imports.resume"], Tried.IMPORT)
witness.NAMED["batch_id"] = ImportBatch.__tablename__
MAKERS = queries.MAKERS
ALL = (*MAKERS, Role.CONFIRMER)
PIECE = 1024 * 1024


@bp.get("/desk/imports")
@staff(*ALL)
def show_imports() -> ResponseReturnValue:
    return _list_page(ImportForm(formdata=None))


def _list_page(form: ImportForm) -> Response:
    found = queries.batches(actor(), row_arg("before"))
    more = found[queries.PAGE - 1].id if len(found) > queries.PAGE else None
    offered = _organizations()
    return respond(
        "exchange/imports.html",
        batches=found[: queries.PAGE],
        more=more,
        form=form.offer(offered),
        may_make=bool(offered),
        platforms=queries.platforms(actor().reach(*ALL)),
    )


def _organizations() -> list[tuple[int, str]]:
    mine = organizations.organizations_under(actor().reach(*MAKERS)).limit(500)
    return [(each.id, each.name) for each in db.session.scalars(mine)]


@bp.post("/desk/imports")
@staff(*MAKERS)
@takes_tables
def upload() -> ResponseReturnValue:
    form = ImportForm()
    with reading():
        form.offer(_organizations())
    return submitted(form, lambda: _list_page(form), lambda: _uploaded(form))


def _uploaded(form: ImportForm) -> ResponseReturnValue:
    """The file is looked at before anything is locked; its rows are read by a task."""
    with reading():
        organization = organization_or_404(form.organization.data, *MAKERS)
        organization_id, stream = organization.id, form.file.data.stream
        heads = entering.first_line(stream)
    made = actions.upload(
        ImportKind(form.kind.data),
        organization_id,
        actor(),
        platform=form.platform.data,
        file_name=form.file_name,
        heads=heads,
        data=iter(lambda: stream.read(PIECE), b""),
        now=clock.now(),
    )
    flash(_("The file is taken in. Please look whether each column is named rightly."), "success")
    return see_other(url_for(".show_import", batch_id=made.id))


@bp.get("/desk/imports/<int:batch_id>")
@staff(*ALL)
def show_import(batch_id: int) -> ResponseReturnValue:
    batch = _batch_or_404(batch_id)
    if is_poll() and request.headers["HX-PTag"] == _version(batch):
        return Response(status=304)
    response = _page(batch, Form(formdata=None))
    if is_poll():
        response.headers["HX-PTag"] = _version(batch)
    return response


def _version(batch: ImportBatch) -> str:
    return f"{batch.state}-{batch.job.state}-{batch.job.done}" if batch.job else str(batch.state)


def _page(batch: ImportBatch, form: Form) -> Response:
    return respond("exchange/import.html", "exchange/_import.html", **_told(batch), **_forms(batch, form))


def _told(batch: ImportBatch) -> dict[str, Any]:
    may_make = queries.may_make(actor(), batch.organization)
    may_decide = queries.may_decide(actor(), batch, batch.organization)
    is_stuck = batch.state in (ImportState.APPLYING, ImportState.UNDOING) and actions.broke_off(batch)
    is_left = batch.state is ImportState.APPLIED or (is_stuck and batch.state is ImportState.APPLYING)
    return {
        "batch": batch,
        "tag": _version(batch),
        "is_live": batch.job is not None and batch.job.state in LIVE,
        "is_stuck": is_stuck,
        "counts": queries.counts(batch.id),
        "row_states": list(RowState),
        "problems": queries.first_problems(batch.id),
        "may_make": may_make,
        "is_mine": may_make and batch.uploaded_by_id == actor().account_id,
        "may_decide": may_decide,
        "barred": actions.barred_because(batch, actor()) if may_decide else None,
        "can_be_undone": is_left and not queries.effective_count(batch.id),
    }


def _forms(batch: ImportBatch, form: Form) -> dict[str, Any]:
    return {
        "form": form,
        "mapping": form if isinstance(form, MappingForm) else mapping_form(batch, formdata=None),
        "reason_form": form if isinstance(form, ReasonForm) else ReasonForm(formdata=None),
    }


@bp.post("/desk/imports/<int:batch_id>/mapping")
@staff(*MAKERS)
def name_columns(batch_id: int) -> ResponseReturnValue:
    with reading():
        form = mapping_form(_batch_or_404(batch_id))

    def act() -> str:
        category = form.category.data or ""
        actions.name_columns(batch_id, actor(), mapping=form.mapping, category=category, now=clock.now())
        return str(_("Every row is tried now. Nothing is entered by that."))

    return _do(batch_id, form, act)


@bp.post("/desk/imports/<int:batch_id>/submission")
@staff(*MAKERS)
def submit(batch_id: int) -> ResponseReturnValue:
    return _act(batch_id, actions.submit, _("Handed up. The level above decides."))


@bp.post("/desk/imports/<int:batch_id>/disposal")
@staff(*MAKERS)
def discard(batch_id: int) -> ResponseReturnValue:
    return _act(batch_id, actions.discard, _("The file is dropped."))


@bp.post("/desk/imports/<int:batch_id>/approval")
@staff(*ALL)
def approve(batch_id: int) -> ResponseReturnValue:
    return _act(batch_id, actions.approve, _("Approved. The rows are entered now."))


@bp.post("/desk/imports/<int:batch_id>/continuation")
@staff(*ALL)
def resume(batch_id: int) -> ResponseReturnValue:
    return _act(batch_id, actions.resume, _("It goes on where it broke off."))


@bp.post("/desk/imports/<int:batch_id>/refusal")
@staff(*ALL)
def decline(batch_id: int) -> ResponseReturnValue:
    return _reasoned(batch_id, actions.decline, _("Declined, and whoever handed it in is told why."))


@bp.post("/desk/imports/<int:batch_id>/withdrawal")
@staff(*ALL)
def undo(batch_id: int) -> ResponseReturnValue:
    return _reasoned(batch_id, actions.undo, _("Everything that this file entered is taken back now."))


@bp.post("/desk/imports/<int:batch_id>/errors")
@staff(*ALL)
def ask_for_errors(batch_id: int) -> ResponseReturnValue:
    with reading():
        _batch_or_404(batch_id)
    return see_other(url_for("jobs.show", job_id=actions.ask_for_errors(batch_id, actor(), now=clock.now())))


def _act(batch_id: int, verb: Callable[..., Any], words: str) -> ResponseReturnValue:
    def act() -> str:
        verb(batch_id, actor(), now=clock.now())
        return words

    return _do(batch_id, Form(), act)


def _reasoned(batch_id: int, verb: Callable[..., Any], words: str) -> ResponseReturnValue:
    form = ReasonForm()

    def act() -> str:
        verb(batch_id, actor(), reason=form.reason.data or "", now=clock.now())
        return words

    return _do(batch_id, form, act)


def _do(batch_id: int, form: Form, act: Callable[[], str]) -> ResponseReturnValue:
    find = partial(_batch_or_404, batch_id)
    return carried_out(form, find, lambda: _page(find(), form), act, url_for(".show_import", batch_id=batch_id))


def _batch_or_404(batch_id: int) -> ImportBatch:
    return queries.within(batch_id, actor()) or abort(404)
