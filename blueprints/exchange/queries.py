"""Questions about batches: what came in, how its rows fare, and who may decide."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import aliased, joinedload

from blueprints.claims.models import Claim
from blueprints.exchange.models import (
    ImportBatch,
    ImportKind,
    ImportRow,
    ImportState,
    ImportTemplate,
    Newcomer,
    RowState,
)
from blueprints.identity import queries as identity
from blueprints.identity.models import Account, Grant, Volunteer
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from blueprints.posts.models import Post, Shift
from blueprints.records.models import RecordState, ServiceRecord
from core import vault
from core.actor import Actor, Held, Role
from core.db import db

PAGE = 20
PROBLEMS = 20  # that the page of a batch shows; all of them stand in the error file
MOST_NAMED = 500  # ids in one question
LONGEST = timedelta(hours=24)  # of a row of hours
MAKERS = (Role.CLERK, Role.ADMINISTRATOR)
DECIDERS = {ImportKind.REGISTRATIONS: Role.ADMINISTRATOR, ImportKind.HOURS: Role.CONFIRMER}
WHOLE = (
    joinedload(ImportBatch.organization),
    joinedload(ImportBatch.uploaded_by),
    joinedload(ImportBatch.decided_by),
    joinedload(ImportBatch.job),
)


def within(batch_id: int, actor: Actor) -> ImportBatch | None:
    """The batch, if this person may make one there or decide on it."""
    found = select(ImportBatch).join(ImportBatch.organization).options(*WHOLE).where(ImportBatch.id == batch_id)
    return db.session.scalar(found.where(organizations.under(_reach(actor))))


def batches(actor: Actor, before: int | None = None) -> list[ImportBatch]:
    """A page of the batches within reach, the newest first, and one more if there are more."""
    found = select(ImportBatch).join(ImportBatch.organization).options(*WHOLE)
    found = found.where(organizations.under(_reach(actor))).order_by(ImportBatch.id.desc()).limit(PAGE + 1)
    return list(db.session.scalars(found.where(ImportBatch.id < before) if before else found))


def _reach(actor: Actor) -> list[str]:
    return actor.reach(*MAKERS, Role.CONFIRMER)


def may_make(actor: Actor, organization: Organization) -> bool:
    return any(actor.may(role, organization.path) for role in MAKERS)


def may_decide(actor: Actor, batch: ImportBatch, organization: Organization) -> bool:
    """Whether they hold the deciding role above the organization; of the topmost one, on it."""
    above = organization.path.rstrip("/").rpartition("/")[0] + "/" if organization.parent_id else organization.path
    return actor.may(DECIDERS[batch.kind], above)


def counts(batch_id: int) -> dict[RowState, int]:
    """How many rows are in each state."""
    found = select(ImportRow.state, func.count()).where(ImportRow.batch_id == batch_id).group_by(ImportRow.state)
    return dict(db.session.execute(found).all())


def first_problems(batch_id: int) -> list[ImportRow]:
    wrong = select(ImportRow).where(ImportRow.batch_id == batch_id, ImportRow.state == RowState.WRONG)
    return list(db.session.scalars(wrong.order_by(ImportRow.id).limit(PROBLEMS)))


def rows(batch_id: int, states: Sequence[RowState], after: int, most: int) -> list[ImportRow]:
    """The next rows behind the one with that id."""
    found = select(ImportRow).where(ImportRow.batch_id == batch_id, ImportRow.state.in_(states), ImportRow.id > after)
    return list(db.session.scalars(found.order_by(ImportRow.id).limit(most)))


def count(batch_id: int, *states: RowState) -> int:
    found = select(func.count()).select_from(ImportRow).where(ImportRow.batch_id == batch_id)
    return db.session.scalar(found.where(ImportRow.state.in_(states)) if states else found) or 0


def ready_behind(batch_id: int, after: int) -> int:
    """How many rows behind that id wait to be entered."""
    found = select(func.count()).select_from(ImportRow).where(ImportRow.batch_id == batch_id, ImportRow.id > after)
    return db.session.scalar(found.where(ImportRow.state == RowState.READY)) or 0


def template(organization_id: int, kind: ImportKind, platform: str) -> ImportTemplate | None:
    kept = select(ImportTemplate).where(ImportTemplate.organization_id == organization_id)
    return db.session.scalar(kept.where(ImportTemplate.kind == kind, ImportTemplate.platform == platform))


def platforms(paths: Iterable[str]) -> list[str]:
    """The platforms that files came from before, to choose one again."""
    found = select(ImportBatch.platform).join(ImportBatch.organization).where(organizations.under(paths)).distinct()
    return sorted(db.session.scalars(found.limit(50)))


def content(row: ImportRow) -> dict[str, Any]:
    """What a row says: its `cells` as they came, and its `values` as they were read."""
    told: dict[str, Any] = json.loads(vault.unseal(row.sealed)) if row.sealed else {"cells": [], "values": {}}
    return told


def sealed(cells: Sequence[str], values: dict[str, Any] | None = None) -> str:
    return vault.seal(json.dumps({"cells": list(cells), "values": values or {}}, ensure_ascii=False))


# --- who a row speaks of --------------------------------------------------------------------------------------


def known_keys(keys: Iterable[str], batch_id: int) -> dict[str, tuple[int, int]]:
    """Of these keys those that were entered before, or stand in the same file: their batch and row."""
    wanted = [key for key in keys if key]
    here = (ImportRow.batch_id == batch_id) & ImportRow.state.in_([RowState.READY, RowState.KNOWN])
    found = select(ImportRow.key, ImportRow.batch_id, ImportRow.number)
    found = found.outerjoin(ServiceRecord, ServiceRecord.id == ImportRow.record_id).where(ImportRow.key.in_(wanted))
    returned = func.coalesce(ServiceRecord.state, "") == RecordState.RETURNED  # such a row may come again, mended
    found = found.where(here | ((ImportRow.state == RowState.APPLIED) & ~returned))
    return {str(key): (batch, number) for key, batch, number in db.session.execute(found.order_by(ImportRow.id.desc()))}


def returned_rows(key: str) -> list[ImportRow]:
    """The rows with this key that were entered, and whose entry was returned since."""
    entered = select(ImportRow).where(ImportRow.key == key, ImportRow.state == RowState.APPLIED)
    found = entered.join(ServiceRecord, ServiceRecord.id == ImportRow.record_id)
    return list(db.session.scalars(found.where(ServiceRecord.state == RecordState.RETURNED)))


def newcomers_by_phone(batch_id: int, phones: Iterable[str]) -> dict[str, int]:
    """The rows with these phone numbers whose people are on their way in with the batch."""
    found = select(Newcomer.phone, ImportRow.number).join(ImportRow, ImportRow.id == Newcomer.row_id)
    found = found.where(Newcomer.batch_id == batch_id, Newcomer.phone.in_(list(phones)))
    rows = db.session.execute(found)
    return {phone: number for phone, number in rows}  # noqa: C416 - rows are no pairs for mypy


def _known_to(organization: Organization) -> ColumnElement[bool]:
    """People whom the organization knows: registered, enrolled or recorded there or below. Of others a file that is
    only tried tells nothing, or whoever hands one in could ask for whole lists of numbers."""
    below = select(Organization.id).where(organizations.under([organization.path]))
    recorded = select(ServiceRecord.id).where(
        ServiceRecord.volunteer_id == Volunteer.id, ServiceRecord.organization_id.in_(below)
    )
    claimed = select(Claim.id).join(Shift, Shift.id == Claim.shift_id).join(Post, Post.id == Shift.post_id)
    claimed = claimed.where(Claim.volunteer_id == Volunteer.id, Post.organization_id.in_(below))
    theirs = or_(Volunteer.registered_with_id.in_(below), Volunteer.branch_id.in_(below))
    return or_(theirs, recorded.exists(), claimed.exists())


def people_by_phone(phones: Iterable[str], organization: Organization) -> dict[str, tuple[int, int | None, str, bool]]:
    """Account, volunteer, name, and whether it is open, for each of these phone numbers that the organization knows."""
    told = select(Account.phone, Account.id, Volunteer.id, Account.name, Account.closed_at.is_(None))
    found = told.join(Volunteer, Volunteer.account_id == Account.id)
    found = found.where(Account.phone.in_(list(phones)), _known_to(organization))
    return {
        str(phone): (account, who, name, is_open) for phone, account, who, name, is_open in db.session.execute(found)
    }


def people_by_id(hashes: Iterable[str], organization: Organization) -> dict[str, tuple[int, int, str, bool]]:
    """The same for hashes of ID numbers."""
    told = select(Volunteer.id_hash, Account.id, Volunteer.id, Account.name, Account.closed_at.is_(None))
    found = told.join(Account, Account.id == Volunteer.account_id)
    found = found.where(Volunteer.id_hash.in_(list(hashes)), _known_to(organization))
    return {
        str(hash_): (account, who, name, is_open) for hash_, account, who, name, is_open in db.session.execute(found)
    }


def actor_by_account(account_id: int) -> Actor:
    """Somebody with the roles they hold now, for a task that goes on in their name."""
    who = db.session.execute(
        select(Account.name, Volunteer.id, Volunteer.state)
        .outerjoin(Volunteer, Volunteer.account_id == Account.id)
        .where(Account.id == account_id, Account.closed_at.is_(None))
    ).first()
    if who is None:
        return Actor(account_id, "")
    live = (
        select(Grant.role, Grant.organization_id, Organization.path)
        .join(Organization, Organization.id == Grant.organization_id)
        .where(Grant.account_id == account_id, Grant.revoked_at.is_(None), Organization.closed_at.is_(None))
    )
    held = tuple(Held(role, organization, path) for role, organization, path in db.session.execute(live))
    return Actor(account_id, who[0], volunteer_id=who[1], volunteer_state=who[2] or "", held=held)


# --- time that is told twice ----------------------------------------------------------------------------------


def overlaps_inside(batch_id: int, some: Sequence[ImportRow]) -> list[tuple[int, int, int]]:
    """Of these rows those whose person and time an earlier row of the file tells, too: their id, and the id and number
    of that other one, in their order."""
    times = [(row.starts_at, row.ends_at) for row in some if row.starts_at and row.ends_at]
    later, earlier = aliased(ImportRow), aliased(ImportRow)
    both = (earlier.batch_id == later.batch_id) & (earlier.volunteer_id == later.volunteer_id)
    meets = (earlier.starts_at < later.ends_at) & (earlier.ends_at > later.starts_at)
    ready = (earlier.state == RowState.READY) & (later.state == RowState.READY)
    found = select(later.id, earlier.id, earlier.number).join(earlier, both & meets & ready & (earlier.id < later.id))
    found = found.where(later.batch_id == batch_id, later.id.between(some[0].id, some[-1].id))
    if not times:
        return []
    near = earlier.starts_at > min(starts for starts, _ends in times) - LONGEST  # so that an index finds the few
    rows = db.session.execute(found.where(near).order_by(later.id, earlier.id))
    return [(id, other, number) for id, other, number in rows]


def recorded_already(batch_id: int, some: Sequence[ImportRow]) -> set[int]:
    """Of these rows those some of whose time an entry of the person that stands covers."""
    whose = aliased(Volunteer)  # one of their registrations
    meets = (ServiceRecord.started_at < ImportRow.ends_at) & (ServiceRecord.ended_at > ImportRow.starts_at)
    stands = (ServiceRecord.volunteer_id == whose.id) & (ServiceRecord.state != RecordState.RETURNED)
    found = select(ImportRow.id).join(whose, identity.belongs(whose, ImportRow.volunteer_id))
    found = found.join(ServiceRecord, stands & meets)
    found = found.where(ImportRow.batch_id == batch_id, ImportRow.id.between(some[0].id, some[-1].id))
    return set(db.session.scalars(found.where(ImportRow.state == RowState.READY)))


# --- what became of it ----------------------------------------------------------------------------------------


def batch_state_of(record_id: int) -> ImportState | None:
    """How far the batch is that this entry came with."""
    found = select(ImportBatch.state).join(ImportRow, ImportRow.batch_id == ImportBatch.id)
    return db.session.scalar(found.where(ImportRow.record_id == record_id).limit(1))


def effective_count(batch_id: int) -> int:
    """How many entries of the batch count already."""
    found = select(func.count()).select_from(ImportRow).join(ServiceRecord, ServiceRecord.id == ImportRow.record_id)
    return (
        db.session.scalar(found.where(ImportRow.batch_id == batch_id, ServiceRecord.state == RecordState.EFFECTIVE))
        or 0
    )


def unconfirmed(batch_id: int, after: int, most: int) -> list[tuple[int, int]]:
    """The next entries of the batch that nobody has confirmed: their row and record."""
    found = select(ImportRow.id, ServiceRecord.id).join(ServiceRecord, ServiceRecord.id == ImportRow.record_id)
    found = found.where(ImportRow.batch_id == batch_id, ImportRow.id > after)
    waits = found.where(ServiceRecord.state == RecordState.PENDING).order_by(ImportRow.id).limit(most)
    return [(row, record) for row, record in db.session.execute(waits)]


def old(before: Any) -> Select[ImportBatch]:
    """Batches that are over and whose rows still say what the file said."""
    over = (ImportState.APPLIED, ImportState.UNDONE, ImportState.DECLINED, ImportState.DISCARDED)
    left = (ImportState.READ, ImportState.CHECKED)
    stale = ImportBatch.state.in_([*over, *left]) & (ImportBatch.uploaded_at <= before)
    return select(ImportBatch).where(stale, ImportBatch.erased_at.is_(None)).order_by(ImportBatch.id)
