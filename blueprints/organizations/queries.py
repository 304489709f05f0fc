"""Questions about places, organizations and the numbers of the rules."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, false, func, or_, select
from sqlalchemy.orm import joinedload

from blueprints.organizations.models import DEFAULTS, Division, Level, Limit, Organization, Setting
from core.db import Question, db, once


def limit(name: Limit) -> int:
    """The number that holds in this city: its own setting, or the default."""
    return limits()[name]


def limits() -> dict[Limit, int]:
    """Every number of the rules as it holds in this city, in one query; a page asks it once."""
    return once("rengang.limits", _limits)


def limit_beside(name: Limit) -> ColumnElement[int]:
    """The same number as a column of a larger question."""
    own = select(Setting.value).where(Setting.name == name.value).scalar_subquery()
    return func.coalesce(own, DEFAULTS[name][0])


_setting = Setting.__table__.c
SETTINGS = Question(select(_setting.name, _setting.value))


def _limits() -> dict[Limit, int]:
    own = dict(SETTINGS.within())
    return {name: own.get(name, DEFAULTS[name][0]) for name in Limit}


def divisions_under(parent_id: int) -> list[Division]:
    """The divisions directly below, in the order of their codes."""
    return list(db.session.scalars(select(Division).where(Division.parent_id == parent_id).order_by(Division.id)))


def top_division() -> Division | None:
    """The city this installation serves."""
    return db.session.scalar(select(Division).where(Division.level == Level.CITY).order_by(Division.id).limit(1))


def top_name() -> str:
    """What the organization is called that runs this installation."""
    top = select(Organization.name).where(Organization.parent_id.is_(None)).order_by(Organization.id)
    return db.session.scalar(top.limit(1)) or ""


def lineage(division_id: int) -> list[Division]:
    """The division and what it lies in, county first, without the province and the city."""
    ids = [division_id // 10**6 * 10**6, division_id // 10**3 * 10**3, division_id]
    wanted = select(Division).where(Division.id.in_(ids), Division.level.not_in([Level.PROVINCE, Level.CITY]))
    return list(db.session.scalars(wanted.order_by(Division.id)))


def place_name(division_id: int) -> str:
    """南湖区 · 建设街道 · 烟雨社区: names repeat between towns, so the town is always said."""
    return " · ".join(division.name for division in lineage(division_id))


def under(paths: Iterable[str]) -> ColumnElement[bool]:
    """The condition that an organization is one of these, or lies below one: index ranges on `path`."""
    # "0" follows "/" in ASCII, so [/1/4/, /1/40) holds exactly the paths that begin with /1/4/.
    spans = [(Organization.path >= path) & (Organization.path < path[:-1] + "0") for path in paths]
    return or_(false(), *spans)


def organizations_under(paths: Iterable[str]) -> Select[Organization]:
    """The open organizations of these subtrees, parents before their children."""
    wanted = select(Organization).where(under(paths), Organization.closed_at.is_(None))
    return wanted.order_by(Organization.path).options(joinedload(Organization.division))
