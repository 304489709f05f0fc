"""Whom a change touches: everyone who holds a place or waits for one on the shifts that are to change."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from blueprints.claims.models import LIVE_STATES, Claim, ClaimState
from blueprints.identity.models import Account, Volunteer
from core.db import db


@dataclass(frozen=True, slots=True)
class Affected:
    """People by name, each once, those with a place before those in line."""

    holders: tuple[str, ...]
    waiting: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.holders) + len(self.waiting)


def affected(shift_ids: Iterable[int]) -> Affected:
    """Who is told when these shifts change or are called off, in one query."""
    live = (
        select(Volunteer.id, Account.name, Claim.state)
        .join(Volunteer, Volunteer.id == Claim.volunteer_id)
        .join(Account, Account.id == Volunteer.account_id)
        .where(Claim.shift_id.in_(list(shift_ids)), Claim.state.in_(LIVE_STATES))
        .order_by(Claim.id)
    )
    holders: dict[int, str] = {}
    waiting: dict[int, str] = {}
    for id, name, state in db.session.execute(live):
        (waiting if state in (ClaimState.WAITING, ClaimState.REQUESTED) else holders)[id] = name
    return Affected(tuple(holders.values()), tuple(name for id, name in waiting.items() if id not in holders))
