"""Working days by the Chinese calendar, with its holidays and make-up days."""

from datetime import date, timedelta

import chinese_calendar

DAY = timedelta(days=1)


def is_workday(day: date) -> bool:
    """Whether people work on the day; beyond the years the calendar was announced for, Monday to Friday."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def after(day: date, count: int) -> date:
    """The last day of a term of so many working days; the day it starts from does not count."""
    while count > 0:
        day += DAY
        count -= is_workday(day)
    return day
