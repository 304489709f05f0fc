"""Writing the ledger: a credit when an entry becomes effective, a reversal and a new credit when one is corrected.

Nothing else writes minutes that count, and nothing ever changes what was written.
"""

import hashlib
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import aliased

from blueprints.claims.models import EvidenceClass
from blueprints.records.models import Correction, EntryKind, LedgerEntry, RecordSource, ServiceRecord
from core.db import db


def credit(record: ServiceRecord, *, now: datetime) -> LedgerEntry:
    """Let an entry count that has just become effective."""
    db.session.flush()  # the guard looks at the state of the record
    entry = _entry(record, EntryKind.CREDIT, record.minutes, now)
    vouched = record.source is RecordSource.SUPPLEMENT  # its owner may have stated it, and stands behind no credit
    entry.author_id = (record.confirmed_by_id or 0) if vouched else record.handed_in_by_id
    entry.approver_id = record.approved_by_id or record.confirmed_by_id or 0
    entry.text_hash = document_hash(record)
    return _added(entry)


def correct(record: ServiceRecord, correction: Correction, *, now: datetime) -> LedgerEntry | None:
    """Take the standing credit back and write what the entry is worth now; returns the new credit, if there is one.

    Fewer minutes keep their evidence class: they were observed. More minutes are class C: somebody states them now.
    """
    standing = standing_credit(record.id)
    evidence = record.evidence
    if standing is not None:
        evidence = standing.evidence if correction.minutes <= standing.minutes else EvidenceClass.C
        reversal = _entry(record, EntryKind.REVERSAL, -standing.minutes, now)
        reversal.reverses_id, reversal.evidence = standing.id, standing.evidence
        _added(_behind(reversal, correction))
    if not correction.minutes:
        return None
    fresh = _entry(record, EntryKind.CREDIT, correction.minutes, now)
    fresh.evidence = evidence
    return _added(_behind(fresh, correction))


def _behind(entry: LedgerEntry, correction: Correction) -> LedgerEntry:
    """Who stands behind an entry that corrects, and the words that it binds."""
    entry.correction_id, entry.text_hash = correction.id, correction.text_hash
    entry.author_id, entry.approver_id = correction.author_id, correction.approver_id or 0
    return entry


def _entry(record: ServiceRecord, kind: EntryKind, minutes: int, now: datetime) -> LedgerEntry:
    entry = LedgerEntry(record_id=record.id, volunteer_id=record.volunteer_id, organization_id=record.organization_id)
    entry.kind, entry.minutes, entry.evidence, entry.at = kind, minutes, record.evidence, now
    entry.category, entry.served_on = record.category, record.served_on
    return entry


def _added(entry: LedgerEntry) -> LedgerEntry:
    db.session.add(entry)
    db.session.flush()
    return entry


def standing_credit(record_id: int) -> LedgerEntry | None:
    """The credit of an entry that was not taken back."""
    reversal = aliased(LedgerEntry)
    credits_ = select(LedgerEntry).outerjoin(reversal, reversal.reverses_id == LedgerEntry.id)
    standing = credits_.where(LedgerEntry.kind == EntryKind.CREDIT, reversal.id.is_(None))
    return db.session.scalar(standing.where(LedgerEntry.record_id == record_id))


def document_hash(record: ServiceRecord) -> str:
    """A hash of what 办法 art. 7 wants written down of a service, without anybody's name."""
    told = (record.title, record.category, record.content, record.place, record.served_on.isoformat())
    times = (record.started_at.isoformat(), record.ended_at.isoformat(), str(record.planned_minutes))
    came = () if record.source is RecordSource.SHIFT else (record.source,)
    return hashlib.sha256("\x1f".join(map(str, told + times + came)).encode()).hexdigest()


def words_hash(salt: str, reason: str) -> str:
    """A hash of the words of a correction that nobody can guess back once the salt is erased."""
    return hashlib.sha256(f"{salt}\x1f{reason}".encode()).hexdigest()
