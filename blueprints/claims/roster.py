"""The roster of a shift at one moment, as its clerk sees it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select

from blueprints.claims import absences, queries
from blueprints.claims.models import LIVE_STATES, Claim, ClaimState
from blueprints.claims.queries import Attendance
from blueprints.posts.models import Shift, ShiftState
from core.db import db

UNSEEN = Attendance((), None)
SHORTEST_TAIL = 3  # digits; fewer are the number of a place


class Phase(StrEnum):
    """How far a shift is: what the roll-call can do depends on it."""

    BEFORE = "before"  # check-in has not opened
    OPEN = "open"  # in and out
    LEAVING = "leaving"  # it is over, people are still checked out
    OVER = "over"  # times are only stated now
    CALLED_OFF = "called_off"


@dataclass(frozen=True, slots=True)
class Row:
    """One person on the roster, and what was observed of them."""

    claim: Claim
    seen: Attendance

    @property
    def name(self) -> str:
        return self.claim.volunteer.account.name

    @property
    def phone(self) -> str:
        """The number as people say it: 199 0000 0001."""
        digits = (self.claim.volunteer.account.phone or "").removeprefix("+86")
        return " ".join([digits[:3], digits[3:7], digits[7:]]).strip()

    @property
    def is_held(self) -> bool:
        return self.claim.state is ClaimState.HELD

    @property
    def minutes_present(self) -> int:
        """Whole minutes between in and out, before they are clipped to the plan."""
        stays = [span.left.at - span.entered.at for span in self.seen.spans if span.left]
        return int(sum(stays, timedelta()).total_seconds()) // 60

    def answers_to(self, text: str) -> bool:
        """Whether somebody calling out a name, the end of a phone number or a place number means this row."""
        digits = text.replace(" ", "")
        if digits.isdigit() and len(digits) >= SHORTEST_TAIL:
            return self.phone.replace(" ", "").endswith(digits)
        return text == str(self.claim.place) or text.lower() in self.name.lower()


@dataclass(frozen=True, slots=True)
class Sheet:
    """The roster of a shift at one moment."""

    shift: Shift
    phase: Phase
    opens: datetime
    last: datetime
    rows: tuple[Row, ...]
    line: tuple[Row, ...]
    asking: tuple[Row, ...]
    late: tuple[Claim, ...]

    @property
    def held(self) -> int:
        return sum(row.is_held for row in self.rows)

    @property
    def came(self) -> int:
        return sum(bool(row.seen.spans) for row in self.rows)

    @property
    def version(self) -> str:
        """Changes with everything that the sheet shows."""
        last = max((row.seen.last.id for row in self.rows if row.seen.last), default=0)
        closed = sum(row.claim.handed_in_at is not None for row in self.rows)
        return f"roster-{self.shift.revision}-{self.phase}-{last}-{self.came}-{closed}"


def sheet(shift: Shift, now: datetime) -> Sheet:
    """Who holds which place and was seen when, who waits, and who gave up late."""
    claims = _on_sheet(shift.id)
    placed = sorted((c for c in claims if c.place), key=lambda claim: claim.place or 0)
    seen = queries.attendances(claim.id for claim in placed)
    opens, _closes, last = queries.window(shift)
    return Sheet(
        shift,
        _phase(shift, opens, last, now),
        opens,
        last,
        tuple(Row(claim, seen[claim.id]) for claim in placed),
        tuple(Row(claim, UNSEEN) for claim in claims if claim.state is ClaimState.WAITING),
        tuple(Row(claim, UNSEEN) for claim in claims if claim.state is ClaimState.REQUESTED),
        _unfaded([claim for claim in claims if claim.state is ClaimState.LATE], now),
    )


def _unfaded(late: list[Claim], now: datetime) -> tuple[Claim, ...]:
    """Late cancellations fade as no-shows do."""
    since = absences.faded_before(now) if late else now
    return tuple(claim for claim in late if claim.ended_at and claim.ended_at > since)


def _on_sheet(shift_id: int) -> list[Claim]:
    wanted = select(Claim).where(Claim.shift_id == shift_id, Claim.state.in_([*LIVE_STATES, ClaimState.LATE]))
    return list(db.session.scalars(wanted.order_by(Claim.id).options(queries.NAMED)))


def phase(shift: Shift, now: datetime) -> Phase:
    """How far a shift is."""
    opens, _closes, last = queries.window(shift)
    return _phase(shift, opens, last, now)


def _phase(shift: Shift, opens: datetime, last: datetime, now: datetime) -> Phase:
    if shift.state is not ShiftState.OPEN:
        return Phase.CALLED_OFF
    if now < opens:
        return Phase.BEFORE
    if now <= shift.ends_at:
        return Phase.OPEN
    return Phase.LEAVING if now <= last else Phase.OVER
