"""The only place that asks what time it is, and the only one that knows the local zone."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import current_app

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def now() -> datetime:
    """This moment, aware, in UTC; a demonstration database may run ahead of the wall clock."""
    ahead: timedelta = current_app.extensions.get("clock_ahead", timedelta(0))
    return real() + ahead


def real() -> datetime:
    """This moment by the machine's own clock, which no demonstration moves: for leases between processes."""
    return datetime.now(UTC)


def run_ahead(by: timedelta) -> None:
    """Let this process tell a later time than the machine does; only a demonstration does that."""
    current_app.extensions["clock_ahead"] = by


def zone() -> ZoneInfo:
    """The zone in which this city tells the time (setting TIME_ZONE)."""
    return ZoneInfo(current_app.config["TIME_ZONE"])


def local(moment: datetime) -> datetime:
    """The same moment as the clock on the wall shows it."""
    return moment.astimezone(zone())


def today(moment: datetime) -> date:
    """The local date at the moment."""
    return local(moment).date()


def at(day: date, hour: time) -> datetime:
    """The UTC moment when the clock on the wall shows that day and hour."""
    return datetime.combine(day, hour, zone()).astimezone(UTC)


def day_span(day: date) -> tuple[datetime, datetime]:
    """The first moment of a local day, and the first moment after it."""
    return at(day, time.min), at(day + DAY, time.min)


def age_on(birth: date, day: date) -> int:
    """Full years of life; someone born on 29 February turns a year older on 1 March."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
