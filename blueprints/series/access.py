"""Which series and which of their dates exist for the viewer: those of organizations where they hold a role."""

from datetime import date

from flask import abort

from blueprints.identity.access import actor
from blueprints.series import queries
from blueprints.series.models import Series
from blueprints.series.queries import Entry
from core import clock
from core.actor import Role


def series_or_404(series_id: int, *roles: Role) -> Series:
    """The series with its post, hours and days off, if the viewer holds one of the roles there."""
    return queries.series_within(series_id, actor().reach(*roles)) or abort(404)


def day_or_404(day: str) -> date:
    """A day of an address in ISO form."""
    try:
        return date.fromisoformat(day)
    except ValueError:
        abort(404)


def entry_or_404(series: Series, slot_id: int, day: date) -> Entry:
    """One date of the series by its hours and its day."""
    return queries.entry(series, slot_id, day, clock.now()) or abort(404)
