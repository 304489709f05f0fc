"""Sealing: every committed row of the ledger and of the audit gets its place in the chain of its organization.

The worker seals within a minute. A seal covers the row and the seal before it; once a day a root covers all chains.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, func, insert, select

from blueprints.records.models import LedgerEntry, Root, RootHead, Seal, Sealed
from core import clock, vault
from core.audit import AuditEntry
from core.db import db

FIRST = ""  # what stands before the first seal of a chain, and before the first root
NO_CHAIN = 0  # what concerns no organization
IN_FLIGHT = 10_000  # a lower number than the newest may still be committed; further back nothing comes any more
SETTLED = timedelta(minutes=10)  # after midnight, so that the last transactions of the day are over
LEDGER: Table = LedgerEntry.__table__  # type: ignore[assignment]
AUDIT: Table = AuditEntry.__table__  # type: ignore[assignment]
SEALS: Table = Seal.__table__  # type: ignore[assignment]
TABLES = {Sealed.LEDGER: LEDGER, Sealed.AUDIT: AUDIT}
COLUMNS = {
    Sealed.LEDGER: (
        *("id", "volunteer_id", "record_id", "organization_id", "kind", "minutes", "evidence", "category", "served_on"),
        *("reverses_id", "correction_id", "at", "author_id", "approver_id", "text_hash"),
    ),
    Sealed.AUDIT: ("id", "at", "actor_id", "action", "subject", "subject_id", "organization_id", "about_id", "details"),
}
Told = Row[Any]


def digest(*parts: object) -> str:
    """One hash over parts that cannot run into each other."""
    return hashlib.sha256("\x1f".join(map(_written, parts)).encode()).hexdigest()


def _written(part: object) -> str:
    if isinstance(part, datetime):
        return part.astimezone(UTC).isoformat(timespec="microseconds")
    return "" if part is None else str(part)


def seal_hash(chain: int, position: int, before: str, kind: Sealed, row: Told) -> str:
    """What seals a row at its place: any other row, place or past gives another hash."""
    return digest(chain, position, before, kind.value, *row)


def chosen(kind: Sealed) -> list[Any]:
    """The columns that are sealed, in the order in which they are written."""
    return [TABLES[kind].c[name] for name in COLUMNS[kind]]


# --- sealing ------------------------------------------------------------------------------------------------


def seal(*, now: datetime, most: int = 5_000) -> int:
    """Seal what is committed and not sealed yet, in the order it was written; returns how many rows that were."""
    rows = [(kind, row) for kind in Sealed for row in _unsealed(kind, most)]
    heads = _heads({_chain(kind, row) for kind, row in rows})
    made = [_sealed(kind, row, heads, now) for kind, row in rows]
    if made:
        db.session.execute(insert(SEALS), made)
    return len(made)


def _unsealed(kind: Sealed, most: int) -> list[Told]:
    table = TABLES[kind]
    newest = db.session.scalar(select(func.max(SEALS.c.row_id)).where(SEALS.c.kind == kind)) or 0
    there = select(SEALS.c.id).where(SEALS.c.kind == kind, SEALS.c.row_id == table.c.id)
    fresh = select(*chosen(kind)).where(table.c.id > newest - IN_FLIGHT, ~there.exists())
    return list(db.session.execute(fresh.order_by(table.c.id).limit(most)).all())


def _chain(kind: Sealed, row: Told) -> int:
    return row[COLUMNS[kind].index("organization_id")] or NO_CHAIN


def _heads(chains: Iterable[int]) -> dict[int, tuple[int, str]]:
    """The last position and hash of each of these chains."""
    wanted = list(chains)
    last = (
        select(SEALS.c.chain, func.max(SEALS.c.position).label("position"))
        .where(SEALS.c.chain.in_(wanted))
        .group_by(SEALS.c.chain)
        .subquery()
    )
    here = (SEALS.c.chain == last.c.chain) & (SEALS.c.position == last.c.position)
    found = db.session.execute(select(SEALS.c.chain, SEALS.c.position, SEALS.c.hash).join(last, here)).all()
    return dict.fromkeys(wanted, (0, FIRST)) | {chain: (position, hash) for chain, position, hash in found}


def _sealed(kind: Sealed, row: Told, heads: dict[int, tuple[int, str]], now: datetime) -> dict[str, Any]:
    chain = _chain(kind, row)
    position, before = heads[chain][0] + 1, heads[chain][1]
    hash = seal_hash(chain, position, before, kind, row)
    heads[chain] = (position, hash)
    return {
        "chain": chain,
        "position": position,
        "kind": kind,
        "row_id": row[0],
        "hash": hash,
        "sealed_at": now,
    }


# --- roots --------------------------------------------------------------------------------------------------


def make_root(*, now: datetime) -> Root | None:
    """The root of yesterday, once that day is settled and all of it is sealed; None if there is nothing to do."""
    day = clock.today(now - SETTLED) - timedelta(days=1)
    newest = db.session.scalar(select(Root).order_by(Root.id.desc()).limit(1))
    last_seal = db.session.scalar(select(func.max(SEALS.c.id))) or 0
    if (newest and (newest.day >= day or newest.last_seal_id == last_seal)) or not last_seal or _behind(day):
        return None
    grown = _grown(newest.last_seal_id if newest else 0, last_seal)
    hash = root_hash(newest.hash if newest else FIRST, day, last_seal, grown)
    root = Root(day=day, made_at=now, last_seal_id=last_seal, hash=hash, mark=mark_of(hash))
    db.session.add(root)
    db.session.flush()
    heads = [{"root_id": root.id, "chain": chain, "position": at, "hash": hash} for chain, at, hash in grown]
    db.session.execute(insert(RootHead), heads)
    return root


def _behind(day: date) -> bool:
    """Whether something of that day is not sealed yet."""
    end = clock.day_span(day)[1]
    return any(row[COLUMNS[kind].index("at")] < end for kind in Sealed for row in _unsealed(kind, 1))


def _grown(after: int, until: int) -> list[tuple[int, int, str]]:
    """The heads of the chains that grew, by chain."""
    last = (
        select(SEALS.c.chain, func.max(SEALS.c.position).label("position"))
        .where(SEALS.c.id > after, SEALS.c.id <= until)
        .group_by(SEALS.c.chain)
        .subquery()
    )
    here = (SEALS.c.chain == last.c.chain) & (SEALS.c.position == last.c.position)
    heads = select(SEALS.c.chain, SEALS.c.position, SEALS.c.hash).join(last, here).order_by(SEALS.c.chain)
    return [(chain, position, hash) for chain, position, hash in db.session.execute(heads)]


def root_hash(before: str, day: date, last_seal: int, heads: Iterable[tuple[int, int, str]]) -> str:
    return digest(before, day.isoformat(), last_seal, *(part for head in heads for part in head))


def mark_of(hash: str) -> str:
    """The hash under the key of the installation."""
    return vault.digest(f"root/{hash}")


# --- outside the database -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Published:
    """A root as somebody keeps it outside the database: on paper, in a mail, in the instance folder."""

    day: date
    hash: str
    last_seal_id: int


Write = Callable[[str], None]


def line_of(root: Root) -> str:
    """A root in one line, to be printed, mailed or published."""
    return f"{root.day.isoformat()} {root.last_seal_id} {root.hash}"


def published(line: str) -> Published | None:
    """What such a line says; None for a line that is none."""
    parts = line.split()
    try:
        day, last_seal, hash = parts
        return Published(date.fromisoformat(day), hash, int(last_seal))
    except ValueError:
        return None
