"""Dates, spans and minutes as people say them. The one place that rounds for display."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from flask import Flask, g
from flask_babel import format_date

from core import clock
from core.i18n import _, language

HOUR = 60


def init_app(app: Flask) -> None:
    filters: dict[str, Callable[[Any], Any]] = {
        "day": day,
        "span": span,
        "clock": hour,
        "date": full_date,
        "moment": moment,
        "tile": tile,
        "month": month,
        "weekday": weekday,
        "minutes": minutes,
    }
    for name, say in filters.items():
        app.add_template_filter(say, name)


def day(when: datetime | date, *, near: bool = True) -> str:
    """今天, 明天, or 周六 11月28日; the year only when it is another one.

    Not `near` is for what is read at another time than it is written: a mail from yesterday says no "tomorrow".
    """
    that = clock.today(when) if isinstance(when, datetime) else when
    today = _today()
    word = {0: _("today"), 1: _("tomorrow"), -1: _("yesterday")}.get((that - today).days)
    if word and near:
        return word
    pattern = {"zh_Hans": "EEE M月d日", "en": "EEE d MMM"}[language()]
    if that.year != today.year:
        pattern = {"zh_Hans": "y年M月d日 EEE", "en": "EEE d MMM y"}[language()]
    return str(format_date(that, pattern))


def hour(when: datetime) -> str:
    """09:00 on the clock on the wall."""
    return clock.local(when).strftime("%H:%M")


def span(pair: tuple[datetime, datetime], *, near: bool = True) -> str:
    """今天 09:00–11:00; over midnight both days are named."""
    start, end = pair
    first, last = day(start, near=near), day(end, near=near)
    if clock.today(start) == clock.today(end):
        return f"{first} {hour(start)}–{hour(end)}"
    return f"{first} {hour(start)} – {last} {hour(end)}"


def full_date(when: datetime | date) -> str:
    """2026年11月28日, for print and for records."""
    that = clock.today(when) if isinstance(when, datetime) else when
    return str(format_date(that, {"zh_Hans": "y年M月d日", "en": "d MMM y"}[language()]))


def tile(when: datetime) -> tuple[str, str, str]:
    """A day as a leaf of a calendar: its ISO form, its number, and its month and weekday."""
    that = clock.today(when)
    words = format_date(that, {"zh_Hans": "M月 EEE", "en": "EEE, MMM"}[language()])
    return that.isoformat(), str(that.day), str(words)


def month(day: date) -> str:
    """2026年12月, for a heading over its days."""
    return str(format_date(day, {"zh_Hans": "y年M月", "en": "MMMM y"}[language()]))


def weekday(day: date) -> str:
    """5日 周六, under the heading of a month."""
    return str(format_date(day, {"zh_Hans": "d日 EEE", "en": "EEE d"}[language()]))


def moment(when: datetime, *, near: bool = True) -> str:
    return f"{day(when, near=near)} {hour(when)}"


def minutes(count: int) -> str:
    """2 小时 30 分; nothing is rounded away."""
    hours, rest = divmod(abs(count), HOUR)
    sign = "−" if count < 0 else ""
    if hours and rest:
        return sign + _("%(hours)d h %(minutes)d min", hours=hours, minutes=rest)
    if hours:
        return sign + _("%(hours)d h", hours=hours)
    return sign + _("%(minutes)d min", minutes=rest)


def _today() -> date:
    """The local date, asked once a request so that one page never straddles midnight."""
    if "today" not in g:
        g.today = clock.today(clock.now())
    shown: date = g.today
    return shown
