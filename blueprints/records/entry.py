"""One entry opened down to the punches: how its minutes come about, and who did what."""

from dataclasses import dataclass
from datetime import datetime

from blueprints.claims import queries as attendance
from blueprints.claims.queries import Attendance, Told
from blueprints.kiosk import queries as kiosk
from blueprints.kiosk.models import Flag, Origin
from blueprints.organizations.models import Organization
from blueprints.posts.models import Shift
from blueprints.records import queries
from blueprints.records.models import WAITS, Correction, CorrectionState, Deed, RecordState, ServiceRecord
from blueprints.records.queries import Line, Proposed, Reckoning, Refused
from blueprints.rollcall.models import Evidence


@dataclass(frozen=True, slots=True)
class Step:
    deed: Deed
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Whole:
    record: ServiceRecord
    shift: Shift | None  # none behind a supplement or an import
    seen: Attendance  # as it stood when it was handed in
    reckoning: Reckoning | None
    told: list[Told]
    origins: dict[int, Origin]  # how they were made, by observation
    flags: list[Flag]  # what is odd about the attendance
    pictures: list[Evidence]  # of the paper sheet
    history: tuple[Step, ...]
    decider: Organization | None  # who has to act, if it waits
    followed_by: int | None  # the entry that came after this one was returned
    worth: int  # what it counts today, corrections included
    lines: list[Line]  # what the ledger says of it
    corrections: list[Proposed]
    attempts: list[Refused]  # what was refused about it

    @property
    def undecided(self) -> Correction | None:
        """The correction that waits for a decision; the database lets there be one."""
        waits = (each.correction for each in self.corrections if each.correction.state is CorrectionState.PROPOSED)
        return next(waits, None)


def whole(record: ServiceRecord, *, was_tried: bool = True) -> Whole:
    """Read everything there is about one entry; attempts only if something `was_tried`."""
    observed = kiosk.observed(record.claim)
    lines, corrected = queries.ledger_of(record)
    seen = attendance.attendance_then(observed.told, record.handed_in_at)
    shift = record.claim.shift if record.claim else None
    return Whole(
        record,
        shift,
        seen,
        queries.reckoning(seen, shift) if shift else None,
        observed.told,
        observed.origins,
        observed.flags,
        observed.pictures,
        _history(record),
        queries.confirming_organization(record) if record.state in WAITS else None,
        queries.follower(record) if record.state is RecordState.RETURNED else None,
        sum(line.entry.minutes for line in lines) if lines else record.minutes,
        lines,
        corrected,
        queries.refused_on(record) if was_tried else [],
    )


def _history(record: ServiceRecord) -> tuple[Step, ...]:
    steps = [
        (Deed.HANDED_IN, record.handed_in_at, record.handed_in_by),
        (Deed.CONFIRMED, record.confirmed_at, record.confirmed_by),
        (Deed.APPROVED, record.approved_at, record.approved_by),
        (Deed.SENT_BACK, record.returned_at, record.returned_by),
    ]
    return tuple(Step(deed, at, by.name) for deed, at, by in steps if at and by)
