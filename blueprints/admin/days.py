"""The calendar of public holidays and make-up days, kept by administrators of the top organization."""

from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.admin import queries
from blueprints.admin.forms import CalendarDayForm, YearForm
from blueprints.identity.access import actor, staff
from blueprints.organizations import actions
from core import clock, workdays
from core.actor import Role
from core.db import db
from core.forms import Form
from core.i18n import _, ngettext
from core.web import respond, see_other, submitted
from core.workdays import CalendarDay, DayKind

bp = Blueprint("calendar", __name__)
YEARS = range(2000, 3000)


@bp.get("/desk/calendar")
@staff(Role.ADMINISTRATOR)
def show_calendar() -> ResponseReturnValue:
    return _page(_year(), CalendarDayForm())


def _year() -> int:
    asked = request.args.get("year", 0, type=int)
    return asked if asked in YEARS else clock.today(clock.now()).year


def _page(year: int, form: Form) -> Response:
    if not queries.runs_the_top(actor()):
        abort(404)
    days, asked = queries.calendar_days(year), form if isinstance(form, CalendarDayForm) else CalendarDayForm(None)
    context: dict[str, Any] = {"days": days, "year": year, "form": asked, "other": form}
    known = list(workdays.year_of_package(year)) if year in workdays.package_years() else []
    missing = len(known) - len({day for day, _kind, _name in known} & {row.day for row in days})
    return respond("admin/calendar.html", missing=missing, known=known, **context)


@bp.post("/desk/calendar")
@staff(Role.ADMINISTRATOR)
def set_day() -> ResponseReturnValue:
    form = CalendarDayForm()
    return submitted(form, lambda: _page(form.year or _year(), form), lambda: _set(form))


def _set(form: CalendarDayForm) -> ResponseReturnValue:
    actions.set_day(form.day.data, DayKind(form.kind.data), form.name.data, actor=actor(), now=clock.now())
    flash(_("The day is entered. Working days and series follow it from now on."), "success")
    return _back(form.day.data.year)


@bp.post("/desk/calendar/filling")
@staff(Role.ADMINISTRATOR)
def fill_calendar() -> ResponseReturnValue:
    form = YearForm()
    return submitted(form, lambda: _page(_year(), form), lambda: _fill(form.year.data))


def _fill(year: int) -> ResponseReturnValue:
    made = actions.fill_calendar(year, actor=actor(), now=clock.now())
    flash(ngettext("%(num)d day is entered.", "%(num)d days are entered.", made), "success")
    return _back(year)


@bp.post("/desk/calendar/<int:calendar_day_id>/removal")
@staff(Role.ADMINISTRATOR)
def remove_day(calendar_day_id: int) -> ResponseReturnValue:
    if not queries.runs_the_top(actor()):
        abort(404)
    row, form = db.get_or_404(CalendarDay, calendar_day_id), Form()
    year = row.day.year
    return submitted(form, lambda: _page(year, form), lambda: _remove(calendar_day_id, year))


def _remove(calendar_day_id: int, year: int) -> ResponseReturnValue:
    actions.remove_day(calendar_day_id, actor=actor(), now=clock.now())
    flash(_("The day is removed and is now what its weekday says."), "success")
    return _back(year)


def _back(year: int) -> ResponseReturnValue:
    return see_other(url_for(".show_calendar", year=year))
