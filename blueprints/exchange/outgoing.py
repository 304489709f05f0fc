"""Questions about hand-over: what there is to send of a subtree, and how what was sent has fared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.orm import aliased, joinedload

from blueprints.exchange.columns import DEFAULTS, Column, read, ref
from blueprints.exchange.models import (
    HandoverBatch,
    HandoverItem,
    HandoverKind,
    HandoverMapping,
    HandoverState,
    ItemState,
)
from blueprints.identity import queries as people
from blueprints.identity.models import Account, Consent, Purpose, Volunteer, VolunteerState
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from blueprints.posts.models import Post, PostState
from blueprints.records.models import LedgerEntry, RecordState, ServiceRecord
from core import clock, vault
from core.actor import Actor, Role
from core.db import db

PAGE = 20
K = HandoverKind
RECORDED_AS = "recorded_as"  # the number and name of a registration that was merged since; written nowhere
HOUR = 60


# --- what there is --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subject:
    """A row as it would be sent, and what the national system last heard of it."""

    id: int
    values: dict[str, Any]
    item_id: int | None
    fingerprint: str
    state: ItemState | None
    stands: bool  # that was in a file which was handed over, and not in one that is being made or was dropped
    was_changed: bool


def last(kind: HandoverKind) -> int:
    """The newest id there is of that kind, anywhere."""
    _query, key, _tell = _QUERIES[kind]("/")
    return db.session.scalar(select(func.max(key))) or 0


def subjects(kind: HandoverKind, path: str, after: int, until: int, *, with_id_numbers: bool = False) -> list[Subject]:
    """The rows of a subtree with ids behind the one, up to the other, in their order.

    By spans of ids and not by a limit: the database would sort everything below the subtree for each few rows.
    """
    query, key, tell = _QUERIES[kind](path)
    batch = HandoverBatch.state == HandoverState.MADE
    item = HandoverItem
    told = (item.id, item.fingerprint, item.state, batch, item.was_changed)
    found = query.add_columns(*told).outerjoin(item, and_(item.kind == kind, item.subject_id == key))
    found = found.outerjoin(HandoverBatch, HandoverBatch.id == item.batch_id)
    rows = db.session.execute(found.where(key > after, key <= until).order_by(key)).all()
    return [_subject(kind, tell(row), row, with_id_numbers) for row in rows]


def _subject(kind: HandoverKind, values: dict[str, Any], row: Any, with_id_numbers: bool) -> Subject:
    values["ref"] = ref(kind, row[0])
    sealed = values.pop("id_sealed", None)
    if with_id_numbers and sealed:
        values["id_number"] = vault.unseal(sealed)
    item_id, fingerprint, state, stands, was_changed = row[-5:]
    return Subject(row[0], values, item_id, fingerprint or "", state, bool(stands), bool(was_changed))


def count(kind: HandoverKind, path: str) -> int:
    query, _key, _tell = _QUERIES[kind](path)
    return db.session.scalar(select(func.count()).select_from(query.subquery())) or 0


def fingerprint(values: dict[str, Any]) -> str:
    """What tells whether a row says something else than what was sent; ID numbers and the mark of change apart, and
    as whose it stands: two registrations that were merged change nothing about an entry."""
    said = values | values.get(RECORDED_AS, {})
    told = [f"{name}={said[name]}" for name in sorted(said) if name not in ("id_number", "change", RECORDED_AS)]
    return vault.digest("\x1f".join(told))


def _agreed(account_id: Any) -> ColumnElement[bool]:
    """The person agreed that their record is handed over, and has not taken that back."""
    given = select(Consent.id).where(Consent.account_id == account_id, Consent.purpose == Purpose.HANDOVER)
    return exists(given.where(Consent.withdrawn_at.is_(None)))


OF_A_VOLUNTEER: tuple[str, ...] = ("name", "gender", "birth_date", "phone", "number", "registered_on")
OF_A_VOLUNTEER += ("organization", "division", "id_sealed")


def _volunteers(path: str) -> tuple[Any, Any, Any]:
    query = (
        select(
            Volunteer.id,
            Account.name,
            Volunteer.gender,
            Volunteer.birth_date,
            Account.phone,
            Volunteer.number,
            func.coalesce(Volunteer.decided_at, Volunteer.submitted_at),
            Organization.name,
            Volunteer.division_id,
            Volunteer.id_sealed,
        )
        .join(Account, Account.id == Volunteer.account_id)
        .join(Organization, Organization.id == Volunteer.registered_with_id)
        .where(organizations.under([path]), Volunteer.state == VolunteerState.ACTIVE)
        .where(Account.claimed_at.is_not(None), _agreed(Account.id))
    )
    return query, Volunteer.id, lambda row: _plain(dict(zip(OF_A_VOLUNTEER, row[1:], strict=False)))


def _organizations(path: str) -> tuple[Any, Any, Any]:
    above = aliased(Organization)
    told = (Organization.name, Organization.kind, Organization.division_id, above.name, Organization.phone)
    query = (
        select(Organization.id, *told, Organization.address, Organization.created_at, Organization.closed_at)
        .outerjoin(above, above.id == Organization.parent_id)
        .where(organizations.under([path]))
    )
    names = ("name", "kind", "division", "parent", "phone", "address", "founded_on", "closed_on")
    return query, Organization.id, lambda row: _plain(dict(zip(names, row[1:], strict=False)))


def _projects(path: str) -> tuple[Any, Any, Any]:
    told = (Post.title, Post.category, Post.content, Post.place, Organization.name, Post.responsible_name)
    query = (
        select(Post.id, *told, Post.published_at, Post.state)
        .join(Organization, Organization.id == Post.organization_id)
        .where(organizations.under([path]), Post.state != PostState.DRAFT)
    )
    names = ("title", "category", "content", "place", "organization", "responsible", "published_on", "state")
    return query, Post.id, lambda row: _plain(dict(zip(names, row[1:], strict=False)))


def _service(path: str) -> tuple[Any, Any, Any]:
    """Entries that count, as they count today: the sum of what the ledger says of each (only effective minutes).

    Those of a registration that was merged go out as the person's; that they do is no change that is sent for itself.
    """
    counts = select(func.coalesce(func.sum(LedgerEntry.minutes), 0)).where(LedgerEntry.record_id == ServiceRecord.id)
    r = ServiceRecord
    told = (Volunteer.number, Account.name, r.title, r.category, r.started_at, r.ended_at, counts.scalar_subquery())
    then, named = aliased(Volunteer), aliased(Account)  # as whom it was recorded
    more = (r.content, r.place, Organization.name, r.responsible_name, r.evidence, Volunteer.id_sealed)
    query = (
        select(r.id, *told, *more, then.merged_into_id, then.number, named.name)
        .join(then, then.id == r.volunteer_id)
        .join(named, named.id == then.account_id)
        .join(Volunteer, Volunteer.id == people.person_of(then))
        .join(Account, Account.id == Volunteer.account_id)
        .join(Organization, Organization.id == r.organization_id)
        .where(organizations.under([path]), r.state == RecordState.EFFECTIVE)
        .where(Account.claimed_at.is_not(None), _agreed(Account.id))
    )
    return query, ServiceRecord.id, _told_service


def _told_service(row: Any) -> dict[str, Any]:
    number, name, title, category, starts, ends, minutes, content, place, organization, responsible, evidence = row[
        1:13
    ]
    from_, until = clock.local(starts), clock.local(ends)
    return {
        "number": number,
        "name": name,
        "title": title,
        "category": str(category),
        "day": from_.date().isoformat(),
        "start": f"{from_:%H:%M}",
        "end": f"{until:%H:%M}",
        "minutes": int(minutes),
        "hours": str((Decimal(int(minutes)) / HOUR).quantize(Decimal("0.01"))),
        "content": content,
        "place": place,
        "organization": organization,
        "responsible": responsible,
        "evidence": str(evidence),
        "id_sealed": row[13],
    } | ({RECORDED_AS: {"number": row[15], "name": row[16]}} if row[14] else {})


_QUERIES = {K.VOLUNTEERS: _volunteers, K.ORGANIZATIONS: _organizations, K.PROJECTS: _projects, K.SERVICE: _service}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Texts as they are written into a cell: days in the local zone, codes by their values."""
    return {name: _cell(value) for name, value in values.items()}


def _cell(value: Any) -> str | None:
    if isinstance(value, datetime):
        return clock.today(value).isoformat()
    return value.isoformat() if isinstance(value, date) else None if value is None else str(value)


def given_away(batch: HandoverBatch) -> Select[Any]:
    """Whose ID number stands in the file of a batch: its id, and the account of each, once."""
    found: Any = select(HandoverItem.batch_id, Volunteer.account_id).select_from(HandoverItem)
    if batch.kind is K.SERVICE:
        then = aliased(Volunteer)  # as whom it was recorded
        found = found.join(ServiceRecord, ServiceRecord.id == HandoverItem.subject_id)
        found = found.join(then, then.id == ServiceRecord.volunteer_id)
        found = found.join(Volunteer, Volunteer.id == people.person_of(then))
    else:
        found = found.join(Volunteer, Volunteer.id == HandoverItem.subject_id)
    found = found.where(HandoverItem.batch_id == batch.id, HandoverItem.with_id_number)
    whom: Select[Any] = found.distinct()
    return whom


# --- columns --------------------------------------------------------------------------------------------------


def mapping(organization: Organization, kind: HandoverKind) -> list[Column]:
    """How this organization writes such a file: as it or the nearest one above has set it, else the defaults."""
    chain = [organization.id, *organization.ancestors]
    found = select(HandoverMapping).where(HandoverMapping.organization_id.in_(chain), HandoverMapping.kind == kind)
    kept = {each.organization_id: each for each in db.session.scalars(found)}
    nearest = next((kept[id] for id in chain if id in kept), None)
    return read(nearest.columns) if nearest else list(DEFAULTS[kind])


def own_mapping(organization_id: int, kind: HandoverKind) -> HandoverMapping | None:
    kept = select(HandoverMapping).where(HandoverMapping.organization_id == organization_id)
    return db.session.scalar(kept.where(HandoverMapping.kind == kind))


# --- how it fared ---------------------------------------------------------------------------------------------


def within(batch_id: int, actor: Actor) -> HandoverBatch | None:
    return db.session.scalar(_reached(actor).where(HandoverBatch.id == batch_id))


def batches(actor: Actor, before: int | None = None) -> list[HandoverBatch]:
    """A page of the batches within reach, the newest first, and one more if there are more."""
    found = _reached(actor).order_by(HandoverBatch.id.desc()).limit(PAGE + 1)
    return list(db.session.scalars(found.where(HandoverBatch.id < before) if before else found))


def _reached(actor: Actor) -> Select[HandoverBatch]:
    whole = (joinedload(HandoverBatch.organization), joinedload(HandoverBatch.made_by), joinedload(HandoverBatch.job))
    reach = organizations.under(actor.reach(Role.ADMINISTRATOR))
    return select(HandoverBatch).join(HandoverBatch.organization).options(*whole).where(reach)


def making(organization_id: int, kind: HandoverKind) -> bool:
    """Whether a file of this kind is being made there."""
    now = select(HandoverBatch.id).where(HandoverBatch.kind == kind, HandoverBatch.state == HandoverState.MAKING)
    return db.session.scalar(now.where(HandoverBatch.organization_id == organization_id).limit(1)) is not None


def counts(batch_id: int) -> dict[ItemState, int]:
    found = select(HandoverItem.state, func.count()).where(HandoverItem.batch_id == batch_id)
    return dict(db.session.execute(found.group_by(HandoverItem.state)).all())


def items(batch_id: int, state: ItemState | None, after: int) -> list[HandoverItem]:
    """A page of a batch's rows, and one more if there are more."""
    found = select(HandoverItem).where(HandoverItem.batch_id == batch_id, HandoverItem.id > after)
    found = found.where(HandoverItem.state == state) if state else found
    return list(db.session.scalars(found.order_by(HandoverItem.id).limit(PAGE + 1)))


def items_of(kind: HandoverKind, batch_id: int, subject_ids: Sequence[int]) -> dict[int, HandoverItem]:
    """The rows of a batch that an answer names, by what they are of."""
    found = select(HandoverItem).where(HandoverItem.kind == kind, HandoverItem.batch_id == batch_id)
    return {item.subject_id: item for item in db.session.scalars(found.where(HandoverItem.subject_id.in_(subject_ids)))}
