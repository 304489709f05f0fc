"""Working days: the table of holidays and make-up days that an office keeps, and what a package knows beside it.

A year that has a row in the table is decided by the table alone; other years by the package as far as it goes
(its data end with the year it was released for), and beyond that people work from Monday to Friday.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum

import chinese_calendar
from flask import has_request_context, request
from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, db

DAY = timedelta(days=1)
FRIDAY = 5
KEPT = "rengang.calendar"


class DayKind(StrEnum):
    """What makes a day otherwise than its weekday says."""

    HOLIDAY = "holiday"
    WORKDAY = "workday"  # a Saturday or Sunday on which people work, to make up for a holiday


class CalendarDay(Base):
    """One day that the state announced as a holiday, or as a working day in exchange."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(unique=True)
    kind: Mapped[DayKind]
    name: Mapped[str] = mapped_column(String(40))
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))


class Calendar:
    """The days of the table, with the package for years that the table does not know."""

    def __init__(self, days: Mapping[date, tuple[DayKind, str]]) -> None:
        self._days = days
        self._years = {day.year for day in days}

    def special(self, day: date) -> tuple[DayKind, str] | None:
        """Whether the day is a holiday or a make-up day, and what it is called; None for an ordinary day."""
        return self._days.get(day) if day.year in self._years else of_package(day)

    def knows(self, year: int) -> bool:
        """Whether the holidays of this year were announced, as far as anybody here knows."""
        return year in self._years or year in package_years()

    def is_workday(self, day: date) -> bool:
        special = self.special(day)
        return special[0] is DayKind.WORKDAY if special else day.isoweekday() <= FRIDAY


def calendar() -> Calendar:
    """The table as it is now, read once a request."""
    if not has_request_context():
        return _read()
    if KEPT not in request.environ:
        request.environ[KEPT] = _read()
    kept: Calendar = request.environ[KEPT]
    return kept


def forget() -> None:
    """The table was changed: read it again."""
    if has_request_context():
        request.environ.pop(KEPT, None)


def _read() -> Calendar:
    rows = db.session.execute(select(CalendarDay.day, CalendarDay.kind, CalendarDay.name))
    return Calendar({day: (kind, name) for day, kind, name in rows})


def package_years() -> range:
    """The years that the package was released for."""
    return range(min(chinese_calendar.holidays).year, max(chinese_calendar.holidays).year + 1)


def of_package(day: date) -> tuple[DayKind, str] | None:
    """What the package says of a day; it names days by their English word, of which it knows the Chinese one."""
    if day in chinese_calendar.holidays:
        return DayKind.HOLIDAY, _chinese(chinese_calendar.holidays[day])
    if day in chinese_calendar.workdays:
        return DayKind.WORKDAY, _chinese(chinese_calendar.workdays[day])
    return None


def _chinese(name: str) -> str:
    return str(chinese_calendar.Holiday(name).chinese)


def year_of_package(year: int) -> Iterator[tuple[date, DayKind, str]]:
    """Every day of a year that the package knows as a holiday or a make-up day."""
    day = date(year, 1, 1)
    while day.year == year:
        if special := of_package(day):
            yield day, *special
        day += DAY


def is_workday(day: date) -> bool:
    """Whether people work on the day."""
    return calendar().is_workday(day)


def between(day: date, last: date) -> int:
    """How many working days lie after the day, up to and with the last one."""
    known = calendar()
    return sum(known.is_workday(day + DAY * step) for step in range(1, (last - day).days + 1))


def over_before(day: date, count: int) -> date:
    """The last day from which a term of so many working days is over before this day: `after` turned round."""
    known = calendar()
    day -= DAY
    while count > 0:
        count -= known.is_workday(day)
        day -= DAY
    return day


def after(day: date, count: int, known: Calendar | None = None) -> date:
    """The last day of a term of so many working days; the day it starts from does not count."""
    known = known or calendar()
    while count > 0:
        day += DAY
        count -= known.is_workday(day)
    return day
