"""What the clerk of a shift would hand in now, and what was handed in before."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from blueprints.claims import queries as attendance
from blueprints.claims.models import Claim, EvidenceClass
from blueprints.claims.queries import Attendance
from blueprints.kiosk import queries as kiosk
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.posts.models import Shift
from blueprints.records import queries
from blueprints.records.models import HeadCount, Mark, ServiceRecord
from blueprints.records.queries import Reckoning
from core.actor import Actor


@dataclass(frozen=True, slots=True)
class Line:
    """One complete attendance, reckoned as it would be recorded."""

    claim: Claim
    seen: Attendance
    reckoning: Reckoning
    marks: tuple[Mark, ...]

    @property
    def evidence(self) -> EvidenceClass | None:
        return self.seen.evidence


@dataclass(frozen=True, slots=True)
class Preview:
    shift: Shift
    lines: tuple[Line, ...]
    unsettled: tuple[Claim, ...]  # in and not out: nothing is recorded until somebody states the times
    absent: tuple[Claim, ...]
    records: tuple[tuple[Claim, ServiceRecord], ...]  # the latest entry of each person who has one
    here: tuple[Claim, ...]  # whom the system has seen, to hold a head count against
    count: HeadCount | None  # what was counted before
    due_on: date
    confirmer: Organization | None
    is_over: bool


def preview(shift: Shift, actor: Actor, now: datetime) -> Preview:
    """Read everything that the hand-in page shows."""
    found = queries.with_records(shift)
    waiting = [(claim, day) for claim, _record, day in found if claim.handed_in_at is None]
    seen, limits = attendance.attendances(claim.id for claim, _day in waiting), organizations.limits()
    odd = kiosk.flagged(claim.id for claim, _day in waiting)
    return Preview(
        shift,
        tuple(
            _line(claim, seen[claim.id], shift, day, limits, odd)
            for claim, day in waiting
            if seen[claim.id].is_complete
        ),
        tuple(claim for claim, _day in waiting if seen[claim.id].is_present),
        tuple(claim for claim, _day in waiting if not seen[claim.id].spans),
        tuple((claim, record) for claim, record, _day in found if record),
        tuple(claim for claim, _record, _day in found if claim.handed_in_at or seen[claim.id].spans),
        queries.latest_count(shift.id) if any(record for _claim, record, _day in found) else None,
        queries.due_on(shift, limits),
        _confirmer(shift.post.organization, seen.values(), actor),
        now >= shift.ends_at,
    )


def _line(
    claim: Claim, seen: Attendance, shift: Shift, day: int, limits: Mapping[Limit, int], odd: Collection[int]
) -> Line:
    reckoning = queries.reckoning(seen, shift)
    below = queries.is_below_presence(reckoning.minutes, shift, limits[Limit.MINIMUM_PRESENCE_PERCENT])
    levels = queries.levels_up(day + reckoning.minutes, shift.post.organization, limits)
    return Line(claim, seen, reckoning, queries.marks(below, seen.evidence, levels, claim.id in odd))


def _confirmer(organization: Organization, seen: Iterable[Attendance], actor: Actor) -> Organization | None:
    """Who can confirm all of it: somebody who recorded nothing of it and does not hand it in."""
    punches = [p for each in seen for span in each.spans for p in (span.entered, span.left) if p]
    barred = {punch.recorded_by_id for punch in punches} | {actor.account_id}
    return queries.nearest(organization, 0, barred, queries.confirmers_of(organization))
