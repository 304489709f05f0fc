"""Why a number is what it is: any sum of somebody's minutes, opened down to the rows that it adds up."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import aliased, joinedload

from blueprints.claims.models import EvidenceClass
from blueprints.identity import queries as identity
from blueprints.identity.models import Volunteer
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from blueprints.posts.models import Category
from blueprints.records import queries
from blueprints.records.models import WAITS, CorrectionText, LedgerEntry, Part, RecordState, ServiceRecord
from blueprints.records.queries import Sum
from core.db import db

PAGE = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """Which sum: what becomes of the minutes, and what they are of; None means all."""

    part: Part = Part.COUNTING
    year: int | None = None
    category: Category | None = None
    evidence: EvidenceClass | None = None
    organization: int | None = None
    before: int | None = None  # continue after this row

    def holds(self, one: Sum) -> bool:
        return self.part is one.part and self.would_hold(one)

    def would_hold(self, one: Sum) -> bool:
        """The same, whatever becomes of the minutes."""
        mine = (self.year, self.category, self.evidence, self.organization)
        its = (one.year, one.category, one.evidence, one.organization_id)
        return all(wanted in (None, has) for wanted, has in zip(mine, its, strict=True))

    def link(self, **changes: Any) -> dict[str, Any]:
        """What an address says of the sum that is this one but for the changes; it begins at its first row."""
        return {name: value for name, value in asdict(replace(self, before=None, **changes)).items() if value}

    @property
    def narrowed(self) -> list[str]:
        return [name for name in ("year", "category", "evidence", "organization") if getattr(self, name)]


@dataclass(frozen=True, slots=True)
class Counted:
    """A row of the ledger with what stands behind it."""

    entry: LedgerEntry
    record: ServiceRecord
    reason: str  # why it was corrected, if it was


@dataclass(frozen=True, slots=True)
class Opened:
    """A sum and the page of its rows that is shown."""

    asked: Asked
    total: int
    parts: Mapping[Part, int]
    facets: Mapping[str, list[tuple[Any, int]]]  # by year, class, category and organization
    organizations: Mapping[int, Organization]
    counted: list[Counted]
    waiting: list[ServiceRecord]  # or returned
    deciders: Mapping[int, Organization | None]
    names: Mapping[int, str]
    reachable: Collection[int]  # organizations whose entries the reader may open
    more: int | None

    @property
    def shown(self) -> int:
        """Minutes of the rows on this page."""
        return sum(row.entry.minutes for row in self.counted) + sum(record.minutes for record in self.waiting)

    @property
    def is_partial(self) -> bool:
        return bool(self.more or self.asked.before)


def opened(
    volunteer_id: int, asked: Asked, within: Iterable[str] | None = None, reach: Iterable[str] = ("/",)
) -> Opened:
    """Open one sum of a person; `within` leaves what was recorded in these subtrees, `reach` can be opened."""
    sums = queries.sums(volunteer_id)
    known = _organizations(one.organization_id for one in sums)
    kept = {id for id, one in known.items() if within is None or _lies(one, within)}
    sums = [one for one in sums if one.organization_id in kept]
    mine = [one for one in sums if asked.holds(one)]
    found = _rows(volunteer_id, asked, kept) if mine else []
    counted = [row for row in found[:PAGE] if isinstance(row, Counted)]
    waiting = [row for row in found[:PAGE] if isinstance(row, ServiceRecord)]
    last = found[PAGE - 1] if len(found) > PAGE else None
    return Opened(
        asked,
        sum(one.minutes for one in mine),
        {part: sum(one.minutes for one in sums if asked.would_hold(one) and one.part is part) for part in Part},
        _facets(mine),
        known,
        counted,
        waiting,
        queries.deciding_organizations(record for record in waiting if record.state in WAITS),
        queries.names(_people(counted)),
        {id for id in kept if _lies(known[id], reach)},
        None if last is None else last.entry.id if isinstance(last, Counted) else last.id,
    )


def _organizations(ids: Iterable[int]) -> dict[int, Organization]:
    wanted = set(ids)
    if not wanted:
        return {}
    return {one.id: one for one in db.session.scalars(select(Organization).where(Organization.id.in_(wanted)))}


def _lies(organization: Organization, paths: Iterable[str]) -> bool:
    return any(organization.path.startswith(path) for path in paths)


def _facets(sums: list[Sum]) -> dict[str, list[tuple[Any, int]]]:
    """What the sum is made of, seen from each side; the sides of it that are empty are left out."""
    sides: dict[str, list[tuple[Any, list[Sum]]]] = {
        "evidence": [(each, [s for s in sums if s.evidence is each]) for each in EvidenceClass],
        "year": [(each, [s for s in sums if s.year == each]) for each in sorted({s.year for s in sums}, reverse=True)],
        "category": [(each, [s for s in sums if s.category is each]) for each in Category],
        "organization": [
            (each, [s for s in sums if s.organization_id == each]) for each in sorted({s.organization_id for s in sums})
        ],
    }
    return {
        name: [(value, sum(one.minutes for one in some)) for value, some in values if some]
        for name, values in sides.items()
    }


def _rows(volunteer_id: int, asked: Asked, kept: Collection[int]) -> list[Any]:
    """The rows of the sum from where the page begins, the last day first, and one more."""
    is_ledger = asked.part in (Part.COUNTING, Part.UNCLAIMED)
    table: Any = LedgerEntry if is_ledger else ServiceRecord
    wanted = _ledger_rows() if is_ledger else _entries(asked.part)
    wanted = _narrowed(wanted, table, asked).where(queries.of_person(table, volunteer_id))
    if asked.organization is None:
        wanted = wanted.where(table.organization_id.in_(kept))
    ordered = wanted.order_by(table.served_on.desc(), table.id.desc()).limit(PAGE + 1)
    found = db.session.execute(ordered).all()
    return [Counted(*row) if is_ledger else row[0] for row in found]


def _ledger_rows() -> Any:
    return (
        select(LedgerEntry, ServiceRecord, func.coalesce(CorrectionText.reason, ""))
        .join(ServiceRecord, ServiceRecord.id == LedgerEntry.record_id)
        .outerjoin(CorrectionText, CorrectionText.correction_id == LedgerEntry.correction_id)
    )


def _entries(part: Part) -> Select[Any]:
    returned = ServiceRecord.state == RecordState.RETURNED
    wanted = returned if part is Part.RETURNED else ~returned & (ServiceRecord.state != RecordState.EFFECTIVE)
    return select(ServiceRecord).where(wanted).options(joinedload(ServiceRecord.organization, innerjoin=True))


def _narrowed(wanted: Select[Any], table: Any, asked: Asked) -> Select[Any]:
    if asked.year:
        wanted = wanted.where(table.served_on.between(date(asked.year, 1, 1), date(asked.year, 12, 31)))
    if asked.category:
        wanted = wanted.where(table.category == asked.category)
    if asked.evidence:
        wanted = wanted.where(table.evidence == asked.evidence)
    if asked.organization:
        wanted = wanted.where(table.organization_id == asked.organization)
    if asked.before:
        last = select(table.served_on).where(table.id == asked.before).scalar_subquery()
        wanted = wanted.where(tuple_(table.served_on, table.id) < tuple_(last, asked.before))
    return wanted


def _people(rows: Iterable[Counted]) -> set[int | None]:
    told = ((row.entry.author_id, row.entry.approver_id, row.record.confirmed_by_id) for row in rows)
    return {id for ids in told for id in ids}


# --- whose ----------------------------------------------------------------------------------------------------


def person_within(volunteer_id: int, paths: list[str]) -> tuple[Volunteer, bool] | None:
    """The person, and whether they are registered within these subtrees: if not, only what was recorded there is shown.

    None if they are not, and nothing of them was recorded there.
    """
    whose = aliased(Volunteer)
    recorded = select(ServiceRecord.id).join(ServiceRecord.organization)
    recorded = recorded.join(whose, whose.id == ServiceRecord.volunteer_id)
    recorded = recorded.where((whose.id == Volunteer.id) | identity.belongs(whose, Volunteer.id))
    recorded = recorded.where(organizations.under(paths)).correlate(Volunteer)
    home = select(Organization.id).where(Organization.id == Volunteer.registered_with_id, organizations.under(paths))
    wanted = select(Volunteer, home.exists()).where(Volunteer.id == volunteer_id, recorded.exists() | home.exists())
    found = db.session.execute(wanted.options(joinedload(Volunteer.account, innerjoin=True))).first()
    return (found[0], bool(found[1])) if found else None
