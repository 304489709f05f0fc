"""Proving that nothing sealed was changed, removed, inserted or put into another order: in bounded memory.

What is found is told by the first broken row of a chain. Rows are read in batches by the order of the chains, so ten
million of them need no more memory than ten thousand.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, tuple_

from blueprints.records import ledger, seals
from blueprints.records.models import Correction, CorrectionText, Root, RootHead, Sealed, ServiceRecord
from blueprints.records.seals import AUDIT, COLUMNS, FIRST, IN_FLIGHT, LEDGER, SEALS, TABLES, Published, Told
from core.db import db

AT_ONCE = 2_000
LATE = timedelta(minutes=10)  # a row that says it is older than this before a root stood in it, or was put in later
Say = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was sealed, and where."""

    where: str
    words: str

    def __str__(self) -> str:
        return f"{self.where}: {self.words}"


@dataclass(frozen=True, slots=True)
class Known:
    """What the roots say: when each was made, up to which seal, and the heads it names."""

    ends: list[int]
    made: list[datetime]
    days: list[date]


def prove(outside: Iterable[Published] = (), say: Say = lambda _count: None) -> Iterator[Fault]:
    """Everything that is wrong, the roots first; nothing if nothing is."""
    roots = list(db.session.scalars(select(Root).order_by(Root.id)))
    yield from _roots(roots)
    yield from _outside(roots, outside)
    known = Known([r.last_seal_id for r in roots], [r.made_at for r in roots], [r.day for r in roots])
    yield from _chains(known, say)
    yield from _without_seal()
    yield from _words()


# --- the roots ----------------------------------------------------------------------------------------------


def _roots(roots: Sequence[Root]) -> Iterator[Fault]:
    before = FIRST
    for root in roots:
        heads = db.session.execute(
            select(RootHead.chain, RootHead.position, RootHead.hash)
            .where(RootHead.root_id == root.id)
            .order_by(RootHead.chain)
        ).all()
        if (
            seals.root_hash(before, root.day, root.last_seal_id, [(h.chain, h.position, h.hash) for h in heads])
            != root.hash
        ):
            yield Fault(f"root of {root.day}", "its hash does not fit the chains it names and the root before it")
            return
        if root.mark != seals.mark_of(root.hash):
            yield Fault(f"root of {root.day}", "it was not made with the key of this installation (DATA_KEY)")
            return
        before = root.hash


def _outside(roots: Sequence[Root], outside: Iterable[Published]) -> Iterator[Fault]:
    """Roots that somebody kept elsewhere must stand here as they were."""
    here = {root.day: root.hash for root in roots}
    last = max(here, default=None)
    for kept in outside:
        if kept.day in here and here[kept.day] != kept.hash:
            yield Fault(f"root of {kept.day}", "it is not the one that was published")
        elif kept.day not in here and last and kept.day > last:
            words = "it is known outside and not here: this database is older, such as a restored backup"
            yield Fault(f"root of {kept.day}", words)
        elif kept.day not in here:
            yield Fault(f"root of {kept.day}", "it was published and is missing")


# --- the chains ---------------------------------------------------------------------------------------------


def _chains(known: Known, say: Say) -> Iterator[Fault]:
    """Every chain from its beginning; after its first fault the rest of a chain proves nothing, so the next follows."""
    walk = _Walk(known)
    count = 0
    for batch in _batches():
        rows = {kind: _rows(kind, [s.row_id for s in batch if s.kind is kind]) for kind in Sealed}
        for sealed in batch:
            if fault := walk.step(sealed, rows[sealed.kind].get(sealed.row_id)):
                yield fault
        count += len(batch)
        say(count)
    yield from walk.end()


def _batches() -> Iterator[list[Any]]:
    """All seals in the order of the chains, a batch at a time."""
    columns = (SEALS.c.chain, SEALS.c.position, SEALS.c.id, SEALS.c.kind, SEALS.c.row_id, SEALS.c.hash)
    ordered = select(*columns).order_by(SEALS.c.chain, SEALS.c.position).limit(AT_ONCE)
    place = tuple_(SEALS.c.chain, SEALS.c.position)
    batch = db.session.execute(ordered).all()
    while batch:
        yield list(batch)
        last = batch[-1]
        batch = db.session.execute(ordered.where(place > tuple_(last.chain, last.position))).all()


def _rows(kind: Sealed, ids: Sequence[int]) -> dict[int, Told]:
    table = TABLES[kind]
    return {row[0]: row for row in db.session.execute(select(*seals.chosen(kind)).where(table.c.id.in_(ids)))}


class _Walk:
    """One step after the other along the chains."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.chain, self.position, self.before, self.last_id = -1, 0, FIRST, 0
        self.broken = False
        self.heads: dict[int, tuple[date, str]] = {}

    def step(self, sealed: Any, row: Told | None) -> Fault | None:
        """What is wrong with this seal, if it is the first fault of its chain."""
        if sealed.chain != self.chain:
            if fault := self._left():
                self._enter(sealed.chain)
                return fault
            self._enter(sealed.chain)
        if self.broken:
            return None
        fault = self._fault(sealed, row)
        self.broken = fault is not None
        self.position, self.before, self.last_id = sealed.position, sealed.hash, sealed.id
        self.heads.pop(sealed.position, None)
        return fault

    def end(self) -> Iterator[Fault]:
        if fault := self._left():
            yield fault

    def _enter(self, chain: int) -> None:
        self.chain, self.position, self.before, self.last_id, self.broken = chain, 0, FIRST, 0, False
        heads = (
            select(RootHead.position, Root.day, RootHead.hash)
            .join(Root, Root.id == RootHead.root_id)
            .where(RootHead.chain == chain)
        )
        self.heads = {position: (day, hash) for position, day, hash in db.session.execute(heads)}

    def _left(self) -> Fault | None:
        """At the end of a chain: everything that a root names was there."""
        if self.broken or not self.heads:
            return None
        position = min(self.heads)
        return Fault(
            f"chain {self.chain}, place {position}", f"the root of {self.heads[position][0]} names a seal that is gone"
        )

    def _fault(self, sealed: Any, row: Told | None) -> Fault | None:
        where = f"{sealed.kind.value} row {sealed.row_id} (chain {sealed.chain}, place {sealed.position})"
        if sealed.position != self.position + 1:
            return Fault(where, f"the seal at place {self.position + 1} is gone")
        if row is None:
            return Fault(where, "the row was removed")
        if seals.seal_hash(sealed.chain, sealed.position, self.before, sealed.kind, row) != sealed.hash:
            return Fault(where, "the row or its place was changed after it was sealed")
        if sealed.id < self.last_id:
            return Fault(where, "it was sealed before what stands in front of it")
        if sealed.position in self.heads and self.heads[sealed.position][1] != sealed.hash:
            return Fault(where, f"the root of {self.heads[sealed.position][0]} names another seal")
        return self._late(where, sealed, row)

    def _late(self, where: str, sealed: Any, row: Told) -> Fault | None:
        number = bisect_right(self.known.ends, sealed.id - 1) - 1
        at = row[COLUMNS[sealed.kind].index("at")]
        if number >= 0 and at < self.known.made[number] - LATE:
            day = self.known.days[number]
            return Fault(
                where,
                f"it says {at:%Y-%m-%d %H:%M} but came after the root of {day}: put in later, or a clock set back",
            )
        return None


# --- beside the chains --------------------------------------------------------------------------------------


def _without_seal() -> Iterator[Fault]:
    """Rows too far back to be still on their way: nobody but a stranger puts them there."""
    for kind, table in TABLES.items():
        newest = db.session.scalar(select(func.max(SEALS.c.row_id)).where(SEALS.c.kind == kind)) or 0
        there = select(SEALS.c.id).where(SEALS.c.kind == kind, SEALS.c.row_id == table.c.id)
        first = select(func.min(table.c.id)).where(table.c.id <= newest - IN_FLIGHT, ~there.exists())
        if found := db.session.scalar(first):
            yield Fault(f"{kind.value} row {found}", "it was never sealed, though later ones were: put in later")


def _words() -> Iterator[Fault]:
    """The documents and words that the ledger binds are those of then; erased words prove nothing any more."""
    last = 0
    columns = (LEDGER.c.id, LEDGER.c.record_id, LEDGER.c.text_hash)
    bound = select(*columns).where(LEDGER.c.text_hash.is_not(None), LEDGER.c.correction_id.is_(None))
    while rows := db.session.execute(bound.where(LEDGER.c.id > last).order_by(LEDGER.c.id).limit(AT_ONCE)).all():
        records = select(ServiceRecord).where(ServiceRecord.id.in_([row.record_id for row in rows]))
        found = {record.id: record for record in db.session.scalars(records)}
        for row in rows:
            if row.record_id not in found or ledger.document_hash(found[row.record_id]) != row.text_hash:
                yield Fault(f"service record {row.record_id}", "what it says is not what was confirmed")
                return
        last = rows[-1].id
        db.session.expunge_all()
    spoken = select(Correction.id, Correction.text_hash, CorrectionText.salt, CorrectionText.reason).join(
        CorrectionText, CorrectionText.correction_id == Correction.id
    )
    for id, hash, salt, reason in db.session.execute(spoken.execution_options(yield_per=AT_ONCE)):
        if ledger.words_hash(salt, reason) != hash:
            yield Fault(f"correction {id}", "its words are not those that were decided on")
            return


def counted() -> dict[str, int]:
    """How much is sealed, for whoever reads the outcome."""
    sealed = db.session.scalar(select(func.count()).select_from(SEALS)) or 0
    waits = {
        kind.value: (db.session.scalar(select(func.count()).select_from(table)) or 0) for kind, table in TABLES.items()
    }
    return {"sealed": sealed, "unsealed": sum(waits.values()) - sealed}


__all__ = ["AUDIT", "Fault", "counted", "prove"]
