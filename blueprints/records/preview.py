"""What the clerk of a shift would hand in now, and what was handed in before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from blueprints.claims import queries as attendance
from blueprints.claims.models import Claim, EvidenceClass
from blueprints.claims.queries import Attendance
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.posts.models import Shift
from blueprints.records import queries
from blueprints.records.models import HeadCount, Mark, ServiceRecord
from blueprints.records.queries import Held, Reckoning
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
    twice: tuple[tuple[Claim, ServiceRecord], ...]  # whose time another entry stands for already
    unsettled: tuple[Claim, ...]  # in and not out: nothing is recorded until somebody states the times
    absent: tuple[Claim, ...]
    records: tuple[tuple[Claim, ServiceRecord], ...]  # the latest entry of each person who has one
    here: tuple[Claim, ...]  # whom the system has seen, to hold a head count against
    count: HeadCount | None  # what was counted before
    from_tablets: int  # acts that tablets sent and that wait for a person
    due_on: date
    confirmer: Organization | None
    is_over: bool


def preview(shift: Shift, actor: Actor, now: datetime) -> Preview:
    """Read everything that the hand-in page shows."""
    roll = queries.with_records(shift)
    waiting = [held for held in roll if held.claim.handed_in_at is None]
    seen, limits = attendance.attendances(held.claim.id for held in waiting), organizations.limits()
    complete = [held for held in waiting if seen[held.claim.id].is_complete]
    twice = {held.claim.id: held.twice(queries.reckoning(seen[held.claim.id], shift)) for held in complete}
    return Preview(
        shift,
        tuple(_line(held, seen[held.claim.id], shift, limits) for held in complete if not twice[held.claim.id]),
        tuple((held.claim, other) for held in complete if (other := twice[held.claim.id])),
        tuple(held.claim for held in waiting if seen[held.claim.id].is_present),
        tuple(held.claim for held in waiting if not seen[held.claim.id].spans),
        tuple((held.claim, held.record) for held in roll if held.record),
        tuple(held.claim for held in roll if held.claim.handed_in_at or seen[held.claim.id].spans),
        roll[0].count if any(held.record for held in roll) else None,
        roll[0].from_tablets if roll else 0,
        queries.due_on(shift, limits),
        _confirmer(shift.post.organization, seen.values(), actor),
        now >= shift.ends_at,
    )


def _line(held: Held, seen: Attendance, shift: Shift, limits: Mapping[Limit, int]) -> Line:
    reckoning = queries.reckoning(seen, shift)
    below = queries.is_below_presence(reckoning.minutes, shift, limits[Limit.MINIMUM_PRESENCE_PERCENT])
    levels = queries.levels_up(held.day + reckoning.minutes, shift.post.organization, limits)
    return Line(held.claim, seen, reckoning, queries.marks(below, seen.evidence, levels, held.is_flagged))


def _confirmer(organization: Organization, seen: Iterable[Attendance], actor: Actor) -> Organization | None:
    """Who can confirm all of it: somebody who recorded nothing of it and does not hand it in."""
    punches = [p for each in seen for span in each.spans for p in (span.entered, span.left) if p]
    barred = {punch.recorded_by_id for punch in punches} | {actor.account_id}
    return queries.nearest(organization, 0, barred, queries.confirmers_of(organization))
