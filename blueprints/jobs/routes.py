"""Where somebody finds their tasks again: how far each is, stopping it, and fetching what came out."""

from typing import Any

from flask import Blueprint, Response, abort, flash, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, signed_in
from blueprints.jobs import actions, queries
from blueprints.jobs.models import LIVE, ChunkSide, Job, JobState
from core import clock
from core.brake import Brake
from core.db import reading
from core.i18n import _
from core.web import is_poll, respond, row_arg, see_other

bp = Blueprint("jobs", __name__)
brake = Brake(20)


@bp.get("/jobs")
@signed_in
def mine() -> ResponseReturnValue:
    found = queries.listed(actor(), actions.shared(), row_arg("before"))
    more = found[queries.PAGE - 1].id if len(found) > queries.PAGE else None
    return respond("jobs/list.html", jobs=found[: queries.PAGE], more=more, title_of=actions.title_of)


@bp.get("/jobs/<int:job_id>")
@signed_in
def show(job_id: int) -> ResponseReturnValue:
    """How far a task is; the page asks again by itself while it is at work."""
    job = _job_or_404(job_id)
    if is_poll() and request.headers["HX-PTag"] == _version(job):
        return Response(status=304)
    response = respond("jobs/job.html", "jobs/_job.html", **_told(job))
    if is_poll():
        response.headers["HX-PTag"] = _version(job)
    return response


def _version(job: Job) -> str:
    return f"{job.state}-{job.done}-{job.total}"


def _told(job: Job) -> dict[str, Any]:
    kind = actions.KINDS.get(job.kind)
    return {
        "job": job,
        "title": actions.title_of(job),
        "tag": _version(job),
        "is_live": job.state in LIVE,
        "percent": min(100, 100 * job.done // job.total) if job.total else 0,
        "can_be_cancelled": kind is not None and kind.can_be_cancelled,
        "onward": kind.path.format(**job.given) if kind and kind.path and job.given else "",
        "size": queries.size(job.id, ChunkSide.RESULT) if job.file_name else 0,
        "kept_until": job.ended_at + queries.KEPT_FOR if job.ended_at else None,
    }


@bp.post("/jobs/<int:job_id>/cancellation")
@signed_in
def cancel(job_id: int) -> ResponseReturnValue:
    with reading():
        _job_or_404(job_id)
    actions.cancel(job_id, actor(), now=clock.now())
    flash(_("The task is stopped."), "success")
    return see_other(url_for(".show", job_id=job_id))


@bp.get("/jobs/<int:job_id>/file")
@signed_in
def download(job_id: int) -> ResponseReturnValue:
    """What came out, streamed from the database piece by piece."""
    job = _job_or_404(job_id)
    size = queries.size(job.id, ChunkSide.RESULT)
    if job.state is not JobState.DONE or not job.file_name or not size:
        abort(404)
    words = str(_("Too many downloads in a short time. Please wait a minute and try again."))
    brake.require_calm(str(actor().account_id), clock.real().timestamp(), words)
    response = Response(stream_with_context(queries.pieces(job.id, ChunkSide.RESULT)), mimetype=job.file_type)
    response.headers.set("Content-Disposition", "attachment", filename=job.file_name)
    response.headers["Content-Length"] = str(size)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _job_or_404(job_id: int) -> Job:
    return queries.visible(job_id, actor(), actions.shared()) or abort(404)
