"""The volunteer's side of the record: totals, and every entry opened down to the punches."""

from enum import StrEnum
from typing import TypeVar

from flask import Blueprint, Response, abort, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.claims.models import EvidenceClass
from blueprints.identity.access import actor, public, signed_in, volunteer_only
from blueprints.posts.models import Category
from blueprints.records import entry, queries
from blueprints.records.mine import Choice, mine
from blueprints.records.models import Part, ServiceRecord
from blueprints.records.queries import Filled
from blueprints.records.sums import Asked, opened
from core import clock
from core.web import respond, row_arg

bp = Blueprint("records", __name__)
E = TypeVar("E", bound=StrEnum)
YEARS = range(1949, 2200)
ROOTS_SHOWN = 30


@bp.get("/me/records")
@volunteer_only
def my_records() -> ResponseReturnValue:
    choice = _choice()
    return respond("records/mine.html", view=mine(actor(), choice, clock.now()), choice=choice)


@bp.get("/me/records/<int:record_id>")
@volunteer_only
def my_record(record_id: int) -> ResponseReturnValue:
    record = queries.own_record(record_id, actor().volunteer_id or 0) or abort(404)
    return respond("records/my_record.html", whole=entry.whole(record))


@bp.get("/me/records/<int:record_id>/form")
@volunteer_only
def my_record_form(record_id: int) -> ResponseReturnValue:
    """One's own entry on the unified record form, to be printed."""
    mine = queries.filled(queries.own(actor().volunteer_id or 0).where(ServiceRecord.id == record_id)) or abort(404)
    return form_page(mine, url_for(".my_record", record_id=record_id))


@bp.get("/me/records/minutes")
@volunteer_only
def my_minutes() -> ResponseReturnValue:
    """Any sum of one's own minutes, opened down to its rows."""
    return respond("records/my_minutes.html", view=opened(actor().volunteer_id or 0, asked()))


@bp.get("/me/refusals")
@signed_in
def my_refusals() -> ResponseReturnValue:
    """What somebody tried with one's minutes or account and may not; for staff without a record, too."""
    return respond("records/my_refusals.html", refused=queries.refused_about(actor().account_id))


@bp.get("/roots")
@public
def roots() -> ResponseReturnValue:
    """The roots of the last days, for whoever keeps them: nobody can rewrite the past without changing one."""
    return respond("records/roots.html", roots=queries.newest_roots(ROOTS_SHOWN)[::-1])


def form_page(rows: list[Filled], back: str) -> Response:
    """The record form: a sheet for all entries that say the same of what was done, where and for whom."""
    sheets: dict[tuple[str, ...], list[Filled]] = {}
    for row in rows:
        sheets.setdefault(row.head, []).append(row)
    return respond("records/form.html", sheets=list(sheets.values()), back=back, now=clock.now())


def _choice() -> Choice:
    """What the address asks for; what it asks wrongly is as if it had not asked."""
    year = request.args.get("year", type=int)
    return Choice(
        year if year in YEARS else None,
        _member(Category, request.args.get("category", "")),
        _member(EvidenceClass, request.args.get("evidence", "")),
        row_arg("before"),
    )


def asked() -> Asked:
    """Which sum the address asks to open."""
    chosen = _choice()
    part = _member(Part, request.args.get("part", "")) or Part.COUNTING
    narrowed = (chosen.year, chosen.category, chosen.evidence, row_arg("organization"), chosen.before)
    return Asked(part, *narrowed)


def _member(kind: type[E], value: str) -> E | None:
    return kind(value) if value in set(kind) else None
