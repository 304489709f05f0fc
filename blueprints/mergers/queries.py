"""Questions about two registrations of one person: what looks alike, what waits, and who decides."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import aliased, contains_eager, joinedload

from blueprints.identity import queries as people
from blueprints.identity.models import Account, Grant, Volunteer, VolunteerState
from blueprints.mergers.models import Likeness, Merger, MergerState
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from core.actor import Actor, Role
from core.db import db

PAGE = 30
V = VolunteerState
GOES_ON = (V.SUBMITTED, V.RETURNED, V.ACTIVE)  # what may still be merged into another one


# --- what looks alike -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """Two registrations that look alike, both within reach."""

    likeness: Likeness
    organizations: tuple[str, str]


def likenesses(paths: Iterable[str], before: int | None = None) -> list[Pair]:
    """A page of the pairs within these subtrees that nobody has looked at, the newest first, and one more."""
    found = _pairs(list(paths)).where(Likeness.dismissed_at.is_(None)).order_by(Likeness.id.desc()).limit(PAGE + 1)
    rows = db.session.execute(found.where(Likeness.id < before) if before else found)
    return [Pair(likeness, (one, other)) for likeness, one, other in rows]


def likeness_within(likeness_id: int, paths: Iterable[str]) -> Likeness | None:
    row = db.session.execute(_pairs(list(paths)).where(Likeness.id == likeness_id)).first()
    return row[0] if row else None


def _pairs(paths: list[str]) -> Select[Any]:
    one, other, mine, its = aliased(Volunteer), aliased(Volunteer), aliased(Account), aliased(Account)
    here, there = aliased(Organization), aliased(Organization)
    inside = select(Organization.id).where(organizations.under(paths))
    told = (
        contains_eager(Likeness.first.of_type(one)).contains_eager(one.account.of_type(mine)),
        contains_eager(Likeness.second.of_type(other)).contains_eager(other.account.of_type(its)),
    )
    told_of: tuple[Any, ...] = (Likeness, here.name, there.name)
    return (
        select(*told_of)
        .join(Likeness.first.of_type(one))
        .join(Likeness.second.of_type(other))
        .join(one.account.of_type(mine))
        .join(other.account.of_type(its))
        .join(here, here.id == one.registered_with_id)
        .join(there, there.id == other.registered_with_id)
        .where(here.id.in_(inside), there.id.in_(inside))
        .where(one.state.in_(GOES_ON), other.state.in_(GOES_ON))
        .options(*told)
    )


# --- proposals ------------------------------------------------------------------------------------------------


def _whole() -> Select[Merger]:
    both = (
        joinedload(side, innerjoin=True).options(
            joinedload(Volunteer.account, innerjoin=True), joinedload(Volunteer.registered_with, innerjoin=True)
        )
        for side in (Merger.away, Merger.keep)
    )
    people_ = (joinedload(Merger.asked_by, innerjoin=True), joinedload(Merger.decided_by))
    return select(Merger).join(Merger.organization).options(contains_eager(Merger.organization), *both, *people_)


def waiting(paths: Iterable[str]) -> Select[Merger]:
    """Proposals that wait for a decision within these subtrees, the oldest first."""
    return _whole().where(organizations.under(paths), Merger.state == MergerState.PROPOSED).order_by(Merger.id)


def first_waiting(paths: Iterable[str]) -> list[Merger]:
    return list(db.session.scalars(waiting(paths).limit(PAGE)))


def to_decide(actor: Actor) -> Select[int]:
    """The ids of proposals that this person may decide on, as far as their role tells."""
    mine = actor.reach(Role.ADMINISTRATOR)
    below = [and_(organizations.under([path]), Organization.path != path) for path in mine]
    top = Organization.parent_id.is_(None) & organizations.under(mine)
    found = select(Merger.id).join(Merger.organization).where(or_(top, *below))
    return found.where(Merger.state == MergerState.PROPOSED, Merger.asked_by_id != actor.account_id)


def within(merger_id: int, paths: Iterable[str]) -> Merger | None:
    return db.session.scalar(_whole().where(Merger.id == merger_id, organizations.under(paths)))


def of_account(account_id: int) -> list[Merger]:
    """What was proposed about somebody's registrations, the newest first."""
    mine = select(Volunteer.id).where(Volunteer.account_id == account_id)
    theirs = or_(Merger.away_id.in_(mine), Merger.keep_id.in_(mine))
    return list(db.session.scalars(_whole().where(theirs).order_by(Merger.id.desc()).limit(PAGE)))


def own(merger_id: int, account_id: int) -> Merger | None:
    """A proposal about this person's registration."""
    return next((each for each in of_account(account_id) if each.id == merger_id), None)


def registration(volunteer_id: int, paths: Iterable[str]) -> Volunteer | None:
    """A registration of these subtrees with its account."""
    return db.session.scalar(_registrations(paths).where(Volunteer.id == volunteer_id))


def both_within(
    keep_id: int, away_id: int, paths: Iterable[str]
) -> tuple[Volunteer, Volunteer, Likeness | None] | None:
    """Two registrations of these subtrees with their accounts, and why they look alike, if nobody said otherwise."""
    alike = (Likeness.first_id == min(keep_id, away_id)) & (Likeness.second_id == max(keep_id, away_id))
    wanted = _registrations(paths).where(Volunteer.id.in_([keep_id, away_id]))
    found = wanted.outerjoin(Likeness, alike & Likeness.dismissed_at.is_(None)).add_columns(Likeness)
    rows = {volunteer.id: (volunteer, pair) for volunteer, pair in db.session.execute(found)}
    if {keep_id, away_id} != set(rows):
        return None
    return rows[keep_id][0], rows[away_id][0], rows[keep_id][1]


def numbered(number: str, paths: Iterable[str]) -> int | None:
    """The registration of this number within these subtrees."""
    found = db.session.scalar(_registrations(paths).where(Volunteer.number == number.strip().upper()))
    return found.id if found else None


def _registrations(paths: Iterable[str]) -> Select[Volunteer]:
    found = select(Volunteer).join(Volunteer.account).join(Volunteer.registered_with)
    told = (contains_eager(Volunteer.account), contains_eager(Volunteer.registered_with))
    return found.where(organizations.under(paths)).options(*told)


def in_common(one: Organization, other: Organization) -> int:
    """The id of the nearest organization at or above both."""
    mine = [one.id, *one.ancestors]
    theirs = {other.id, *other.ancestors}
    return next(id for id in mine if id in theirs)


def may_decide(actor: Actor, organization: Organization) -> bool:
    """Whether they administer an organization above the one that both registered under; of the topmost one, itself."""
    path = organization.path
    above = path.rstrip("/").rpartition("/")[0] + "/" if organization.parent_id else path
    return actor.may(Role.ADMINISTRATOR, above)


def deciders(organization: Organization, barred: set[int]) -> list[int]:
    """The accounts of those who may decide, at the nearest place where there are any."""
    chain = list(organization.ancestors) or [organization.id]
    held = select(Grant.organization_id, Grant.account_id).join(Account, Account.id == Grant.account_id)
    live = held.where(Grant.role == Role.ADMINISTRATOR, Grant.revoked_at.is_(None), Account.closed_at.is_(None))
    found: dict[int, set[int]] = {}
    for id, account_id in db.session.execute(live.where(Grant.organization_id.in_(chain))):
        found.setdefault(id, set()).add(account_id)
    everybody = {account for accounts in found.values() for account in accounts}
    same = people.same_people(barred, everybody)
    out = barred | {second for seconds in same.values() for second in seconds}
    return next((sorted(found[id] - out) for id in chain if found.get(id, set()) - out), [])
