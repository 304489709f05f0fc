"""What can happen to places, organizations and the numbers of the rules."""

import csv
from datetime import date, datetime
from pathlib import Path

from blueprints.organizations.models import (
    DEFAULTS,
    Division,
    Level,
    Limit,
    Organization,
    OrganizationKind,
    Setting,
)
from core import audit, workdays
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Refusal
from core.workdays import CalendarDay, DayKind

JIAXING = Path(__file__).with_name("jiaxing_divisions.csv")


def load_divisions(file: Path = JIAXING) -> int:
    """Load the official tree from a CSV file; what is there already stays. Returns how many were new."""
    known = set(db.session.scalars(db.select(Division.id)))
    with file.open(encoding="utf-8", newline="") as source:
        rows = [_division(row) for row in csv.DictReader(source)]
    new = [row for row in rows if row.id not in known]
    for level in Level:  # parents before their children
        db.session.add_all([row for row in new if row.level is level])
        db.session.flush()
    return len(new)


def _division(row: dict[str, str]) -> Division:
    parent = int(row["parent12"]) if row["parent12"] else None
    level, name = Level(row["level"]), row["display_name"]
    return Division(
        id=int(row["code12"]),
        parent_id=parent,
        level=level,
        kind=row["kind"],
        official_name=row["official_name"],
        name=name,
    )


def found(
    name: str,
    kind: OrganizationKind,
    *,
    division_id: int,
    parent: Organization | None,
    now: datetime,
    phone: str = "",
    address: str = "",
    actor: Actor | None = None,
) -> Organization:
    """Create an organization below `parent`; its place must lie within the parent's."""
    if parent and division_id not in _codes(parent.division_id):
        raise Refusal(_("This place lies outside %(name)s. Choose a place inside it.", name=parent.name), "division_id")
    organization = Organization(name=name, kind=kind, division_id=division_id, phone=phone, address=address)
    organization.parent_id, organization.created_at = parent.id if parent else None, now
    organization.path = f"new:{name[:40]}:{now.timestamp()}"  # replaced as soon as the id is known
    db.session.add(organization)
    db.session.flush()
    organization.path = f"{parent.path if parent else '/'}{organization.id}/"
    actor_id = actor.account_id if actor else None
    audit.note("founded", organization, actor_id=actor_id, now=now, organization_id=organization.id)
    return organization


def _codes(division_id: int) -> range:
    division = db.session.get(Division, division_id)
    return division.codes if division else range(0)


def close(organization: Organization, *, actor: Actor, now: datetime) -> None:
    """Close an organization that has nothing open under it; its past stays."""
    organization = lock(Organization, organization.id)
    below = db.select(Organization.id).where(
        Organization.parent_id == organization.id, Organization.closed_at.is_(None)
    )
    if db.session.scalar(below.limit(1)):
        raise Refusal(_("Other organizations still stand under this one. Close them first."))
    organization.closed_at = now
    audit.note("closed", organization, actor_id=actor.account_id, now=now, organization_id=organization.id)


def set_limit(name: Limit, value: int, *, actor: Actor, now: datetime) -> None:
    """Set one number of the rules for the whole city."""
    _default, lowest, highest = DEFAULTS[name]
    if not lowest <= value <= highest:
        raise Refusal(_("Please choose a number from %(low)d to %(high)d.", low=lowest, high=highest), name)
    setting = db.session.scalar(db.select(Setting).where(Setting.name == name)) or Setting(name=name)
    before, setting.value = setting.value, value
    setting.changed_at, setting.changed_by_id = now, actor.account_id
    db.session.add(setting)
    audit.note("limit set", setting, actor_id=actor.account_id, now=now, limit=name, before=before, after=value)


# --- the calendar of holidays and make-up days --------------------------------------------------------------


def set_day(day: date, kind: DayKind, name: str, *, actor: Actor, now: datetime) -> CalendarDay:
    """Say that a day is a holiday, or a working day in exchange; what stood there before is replaced."""
    _require_top(actor)
    if not name:
        raise Refusal(_("Please say what the day is called."), "name")
    row = db.session.scalar(db.select(CalendarDay).where(CalendarDay.day == day).with_for_update())
    row = row or CalendarDay(day=day)
    row.kind, row.name, row.changed_at, row.changed_by_id = kind, name, now, actor.account_id
    db.session.add(row)
    _calendar_changed("calendar day set", row, actor, now)
    return row


def remove_day(row_id: int, *, actor: Actor, now: datetime) -> None:
    """Let a day be what its weekday says."""
    _require_top(actor)
    row = lock(CalendarDay, row_id)
    _calendar_changed("calendar day removed", row, actor, now)
    db.session.delete(row)


def fill_calendar(year: int, *, actor: Actor | None, now: datetime) -> int:
    """Write the announced days of a year into the table; what stands there already stays. Returns how many were new."""
    if actor:
        _require_top(actor)
    announced = list(workdays.year_of_package(year)) if year in workdays.package_years() else []
    if not announced:
        raise Refusal(_("The days of %(year)d are not known to this version yet. Please enter them.", year=year))
    known = set(db.session.scalars(db.select(CalendarDay.day)))
    made = [
        CalendarDay(day=day, kind=kind, name=name, changed_at=now, changed_by_id=actor.account_id if actor else None)
        for day, kind, name in announced
        if day not in known
    ]
    db.session.add_all(made)
    if made:
        _calendar_changed("calendar filled", made[0], actor, now)
    return len(made)


def _calendar_changed(what: str, row: CalendarDay, actor: Actor | None, now: datetime) -> None:
    db.session.flush()
    workdays.forget()
    audit.note(what, row, actor_id=actor.account_id if actor else None, now=now, after=str(row.day))


def _require_top(actor: Actor) -> None:
    if not any(path.count("/") == 2 for path in actor.reach(Role.ADMINISTRATOR)):
        raise Refusal(_("Only an administrator of the top organization sets the rules."))
