"""The clerk's side of what repeats: the form with its preview, the page of a series, and changes of its dates."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.claims import board
from blueprints.claims.affected import Affected, affected
from blueprints.identity.access import actor, staff
from blueprints.posts.access import post_or_404
from blueprints.posts.models import Post, PostState, ShiftState
from blueprints.series import actions, queries, words
from blueprints.series.access import day_or_404, entry_or_404, series_or_404
from blueprints.series.actions import Key, Outcome, Scope
from blueprints.series.forms import (
    DateChangeForm,
    DateForm,
    DateOffForm,
    RevisionForm,
    RhythmForm,
    SeriesForm,
    rhythm_data,
)
from blueprints.series.models import Series
from blueprints.series.queries import Entry
from core import clock
from core.actor import Role
from core.i18n import _, ngettext
from core.refusal import Refusal
from core.web import respond, see_other, submitted

bp = Blueprint("series_desk", __name__)
READERS = (Role.CLERK, Role.ADMINISTRATOR)
USUAL_LENGTH = timedelta(days=91)
MOST_PAST = 20


@bp.app_template_global()
def series_of_post(post_id: int) -> list[tuple[Series, str]]:
    """What repeats of a post, each with its rhythm in words."""
    return [(series, _said(series)) for series in queries.of_post(post_id)]


def _said(series: Series) -> str:
    hours = [words.hours(series, slot) for slot in queries.standing_slots(series)]
    return words.rhythm(series) + " · " + _(", ").join(hours)


# --- a new series -------------------------------------------------------------------------------------------


@bp.get("/desk/posts/<int:post_id>/series/new")
@staff(Role.CLERK)
def new_series(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id, Role.CLERK)
    if post.state is not PostState.PUBLISHED:
        return see_other(url_for("changes.show_post", post_id=post.id))
    return _new_page(post, SeriesForm(data=_usual(post)))


def _usual(post: Post) -> dict[str, Any]:
    """What the shifts of the post suggest: their weekdays under the same hours, from tomorrow on for three months."""
    rows = queries.rows_of(post.shifts)
    tomorrow = clock.today(clock.now()) + clock.DAY
    return {"from_day": tomorrow, "until_day": tomorrow + USUAL_LENGTH, "rows": rows or [{"places": 2}]}


@bp.get("/desk/posts/<int:post_id>/series/preview")
@staff(Role.CLERK)
def preview_series(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id, Role.CLERK)
    form = SeriesForm(formdata=request.args, meta={"csrf": False})
    return _new_page(post, form)


@bp.post("/desk/posts/<int:post_id>/series/new")
@staff(Role.CLERK)
def create_series(post_id: int) -> ResponseReturnValue:
    post, form = post_or_404(post_id, Role.CLERK), SeriesForm()
    if form.only_shows:
        form.rearrange()
        return _new_page(post, form)
    return submitted(form, lambda: _new_page(post_or_404(post_id, Role.CLERK), form), lambda: _create(post_id, form))


def _create(post_id: int, form: SeriesForm) -> ResponseReturnValue:
    values, rows = form.values(), form.rows_as_sent()
    series, outcome = actions.create(post_id, values, rows, actor(), clock.now(), form.skips())
    flash(_("The post repeats from now on. %(made)s", made=_made(outcome)), "success")
    return see_other(url_for(".show_series", series_id=series.id))


def _made(outcome: Outcome) -> str:
    return ngettext("%(num)d shift is offered.", "%(num)d shifts are offered.", outcome.made)


def _new_page(post: Post, form: SeriesForm) -> Response:
    preview = _preview(form, lambda: queries.preview(form.values(), form.rows_as_sent(), form.skips(), clock.now()))
    context = {"preview_url": url_for(".preview_series", post_id=post.id), **preview}
    return respond("series/new.html", "series/_preview.html", post=post, form=form, **context)


def _preview(form: RhythmForm, dates: Callable[[], Sequence[Entry]]) -> dict[str, Any]:
    """The dates that would be made, or why they cannot be shown yet; a form that was refused keeps its errors."""
    if form.errors:
        return {"dates": (), "trouble": None, "years": ()}
    try:
        found = dates() if _is_complete(form) else ()
    except Refusal as refusal:
        return {"dates": (), "trouble": str(refusal), "years": ()}
    years = queries.unknown_years(found[0].day, found[-1].day) if found else ()
    return {"dates": found, "trouble": None, "years": years}


def _is_complete(form: RhythmForm) -> bool:
    """Whether enough was filled in to say the dates; what is missing is no error yet."""
    form.validate()
    complete = not set(form.errors) - {"csrf_token"}  # nothing is saved here, so nobody needs to prove anything
    for field in form:
        _forgive(field)
    form.form_errors = []
    return complete


def _forgive(field: Any) -> None:
    if hasattr(field, "entries"):
        for entry in field.entries:
            for inner in entry.form:
                inner.errors = ()
    elif not hasattr(field, "form"):
        field.errors = ()


# --- one series ---------------------------------------------------------------------------------------------


@bp.get("/desk/series/<int:series_id>")
@staff(*READERS)
def show_series(series_id: int) -> ResponseReturnValue:
    return _series_page(series_or_404(series_id, *READERS))


def _series_page(series: Series) -> Response:
    now = clock.now()
    entries = queries.entries(series, now)
    coming = [entry for entry in entries if entry.ends_at > now]
    past = [entry for entry in entries if entry.ends_at <= now][-MOST_PAST:]
    numbers = board.seen(entry.shift.id for entry in (*coming, *past) if entry.shift)
    offered = [entry for entry in coming if entry.shift or entry.day <= (series.made_until or entry.day)]
    later = [entry for entry in coming if entry not in offered]
    context: dict[str, Any] = {"offered": offered, "later": later, "past": past[::-1], "numbers": numbers, "now": now}
    context |= {"halted": queries.halted_because(series, now), "ends_soon": queries.ends_soon(series, now)}
    context["first"] = next(filter(_is_coming, coming), None)
    context["years"] = queries.unknown_years(max(series.from_day, clock.today(now)), series.until_day)
    return respond("series/series.html", series=series, post=series.post, said=_said(series), **context)


@bp.get("/desk/series/<int:series_id>/change")
@staff(Role.CLERK)
def edit_series(series_id: int) -> ResponseReturnValue:
    series = series_or_404(series_id, Role.CLERK)
    start = max(series.from_day, clock.today(clock.now()))
    data = rhythm_data(series, queries.standing_slots(series)) | {"start": start}
    return _revision_page(series, RevisionForm(data=data))


@bp.get("/desk/series/<int:series_id>/preview")
@staff(Role.CLERK)
def preview_revision(series_id: int) -> ResponseReturnValue:
    series = series_or_404(series_id, Role.CLERK)
    return _revision_page(series, RevisionForm(formdata=request.args, meta={"csrf": False}))


@bp.post("/desk/series/<int:series_id>/change")
@staff(Role.CLERK)
def revise_series(series_id: int) -> ResponseReturnValue:
    series, form = series_or_404(series_id, Role.CLERK), RevisionForm()
    if form.only_shows:
        form.rearrange()
        return _revision_page(series, form)
    again = lambda: _revision_page(series_or_404(series_id, Role.CLERK), form)  # noqa: E731
    return submitted(form, again, lambda: _revise(series_id, form))


def _revise(series_id: int, form: RevisionForm) -> ResponseReturnValue:
    values, rows = form.values(), form.rows_as_sent()
    outcome = actions.revise(series_id, values, rows, actor(), **_revised(form), now=clock.now())
    return _done(series_id, outcome)


def _revision_page(series: Series, form: RevisionForm) -> Response:
    form.show_newest(series.revision)
    change = _preview(form, lambda: queries.preview_revision(series, form.values(), form.rows_as_sent(), clock.now()))
    gone = [entry for entry in change["dates"] if entry.mark in ("cancelled", "changed")]
    people = _affected(entry.shift for entry in gone if entry.shift)
    context: dict[str, Any] = {"series": series, "post": series.post, "form": form, "people": people}
    context["preview_url"] = url_for(".preview_revision", series_id=series.id)
    return respond("series/revision.html", "series/_preview.html", **context, **change)


def _affected(shifts: Any) -> Affected:
    return affected(shift.id for shift in shifts)


def _revised(form: Any) -> dict[str, Any]:
    return {"revision": form.revision.data or 0, "reason": form.reason.data or ""}


def _done(series_id: int, outcome: Outcome) -> ResponseReturnValue:
    """Say what became of the dates, and of how many people were told."""
    parts = [
        ngettext("%(num)d date changed.", "%(num)d dates changed.", outcome.changed) if outcome.changed else "",
        ngettext("%(num)d date cancelled.", "%(num)d dates cancelled.", outcome.cancelled) if outcome.cancelled else "",
        _made(outcome) if outcome.made else "",
        ngettext(
            "%(num)d date was moved by hand before and stays.",
            "%(num)d dates were moved by hand before and stay.",
            outcome.kept,
        )
        if outcome.kept
        else "",
        ngettext("%(num)d claim is told.", "%(num)d claims are told.", outcome.told) if outcome.told else "",
    ]
    flash(" ".join(filter(None, parts)) or _("Nothing had to change."), "success")
    return see_other(url_for(".show_series", series_id=series_id))


# --- one date -----------------------------------------------------------------------------------------------


@bp.get("/desk/series/<int:series_id>/dates/new")
@staff(Role.CLERK)
def new_date(series_id: int) -> ResponseReturnValue:
    series = series_or_404(series_id, Role.CLERK)
    slots = queries.standing_slots(series) or series.slots
    hours = {"starts": slots[0].start_hour, "ends": slots[0].end_hour, "places": slots[0].places}
    return _new_date_page(series, DateForm(data=hours | {"revision": series.revision}))


@bp.post("/desk/series/<int:series_id>/dates/new")
@staff(Role.CLERK)
def add_date(series_id: int) -> ResponseReturnValue:
    series_or_404(series_id, Role.CLERK)
    form = DateForm()
    again = lambda: _new_date_page(series_or_404(series_id, Role.CLERK), form)  # noqa: E731
    return submitted(form, again, lambda: _add_date(series_id, form))


def _add_date(series_id: int, form: DateForm) -> ResponseReturnValue:
    revision = form.revision.data or 0
    outcome = actions.add_date(series_id, form.values(), actor(), revision=revision, now=clock.now())
    flash(_("The date is added.") + " " + (_made(outcome) if outcome.made else _("It is offered in time.")), "success")
    return see_other(url_for(".show_series", series_id=series_id))


def _new_date_page(series: Series, form: DateForm) -> Response:
    form.show_newest(series.revision)
    return respond("series/date_new.html", series=series, post=series.post, form=form)


@bp.get("/desk/series/<int:series_id>/dates/<int:slot_id>/<day>/change")
@staff(Role.CLERK)
def edit_date(series_id: int, slot_id: int, day: str) -> ResponseReturnValue:
    series = series_or_404(series_id, Role.CLERK)
    entry = entry_or_404(series, slot_id, day_or_404(day))
    if not _is_coming(entry):
        return see_other(url_for(".show_series", series_id=series.id))
    form = DateChangeForm(data=_hours_of(entry) | {"revision": series.revision})
    return _date_page(series, entry, form)


def _hours_of(entry: Entry) -> dict[str, Any]:
    start, end, row = clock.local(entry.starts_at), clock.local(entry.ends_at), entry.shift or entry.slot
    numbers = {"places": row.places, "break_minutes": row.break_minutes}
    return {"day": start.date(), "starts": start.time(), "ends": end.time(), **numbers}


def _is_coming(entry: Entry) -> bool:
    """Whether the date can still be changed or called off."""
    is_open = entry.shift is None or entry.shift.state is ShiftState.OPEN
    return is_open and entry.left_out is None and entry.starts_at > clock.now()


@bp.post("/desk/series/<int:series_id>/dates/<int:slot_id>/<day>/change")
@staff(Role.CLERK)
def change_date(series_id: int, slot_id: int, day: str) -> ResponseReturnValue:
    series_or_404(series_id, Role.CLERK)
    key, form = (slot_id, day_or_404(day)), DateChangeForm()
    return submitted(form, lambda: _date_again(series_id, key, form), lambda: _change(series_id, key, form))


def _change(series_id: int, key: Key, form: DateChangeForm) -> ResponseReturnValue:
    scope = Scope(form.scope.data)
    outcome = actions.change_date(series_id, key, scope, form.values(), actor(), **_revised(form), now=clock.now())
    return _done(series_id, outcome)


def _date_again(series_id: int, key: Key, form: DateChangeForm) -> Response:
    """The form as it was typed, beside the date as it is now, whatever became of its hours meanwhile."""
    series = series_or_404(series_id, Role.CLERK)
    return _date_page(series, queries.nearest(series, *key, clock.now()) or abort(404), form)


def _date_page(series: Series, entry: Entry, form: DateChangeForm) -> Response:
    form.show_newest(series.revision)
    return respond("series/date_change.html", form=form, **_about(series, entry))


def _about(series: Series, entry: Entry) -> dict[str, Any]:
    """A date with everybody whom a change of it, of what follows, and of all would touch."""
    coming = queries.coming(series, clock.now())
    following = [made.shift for made in coming if made.day >= entry.day]
    reach = {"this": [entry.shift] if entry.shift else [], "following": following, "all": [m.shift for m in coming]}
    people = {scope: len(_affected(shifts)) for scope, shifts in reach.items()}
    counts = {scope: len(shifts) for scope, shifts in reach.items()}
    return {"series": series, "post": series.post, "entry": entry, "people": people, "counts": counts}


@bp.get("/desk/series/<int:series_id>/dates/<int:slot_id>/<day>/cancellation")
@staff(Role.CLERK)
def ask_date_cancellation(series_id: int, slot_id: int, day: str) -> ResponseReturnValue:
    series = series_or_404(series_id, Role.CLERK)
    entry = entry_or_404(series, slot_id, day_or_404(day))
    if not _is_coming(entry):
        return see_other(url_for(".show_series", series_id=series.id))
    scope = request.args.get("scope", Scope.THIS, type=Scope)
    return _off_page(series, entry, DateOffForm(data={"scope": scope.value, "revision": series.revision}))


@bp.post("/desk/series/<int:series_id>/dates/<int:slot_id>/<day>/cancellation")
@staff(Role.CLERK)
def cancel_date(series_id: int, slot_id: int, day: str) -> ResponseReturnValue:
    series_or_404(series_id, Role.CLERK)
    key, form = (slot_id, day_or_404(day)), DateOffForm()
    return submitted(form, lambda: _off_again(series_id, key, form), lambda: _cancel(series_id, key, form))


def _cancel(series_id: int, key: Key, form: DateOffForm) -> ResponseReturnValue:
    scope = Scope(form.scope.data)
    outcome = actions.cancel_date(series_id, key, scope, actor(), **_revised(form), now=clock.now())
    return _done(series_id, outcome)


def _off_again(series_id: int, key: Key, form: DateOffForm) -> Response:
    series = series_or_404(series_id, Role.CLERK)
    return _off_page(series, queries.nearest(series, *key, clock.now()) or abort(404), form)


def _off_page(series: Series, entry: Entry, form: DateOffForm) -> Response:
    form.show_newest(series.revision)
    return respond("series/date_off.html", form=form, **_about(series, entry))
