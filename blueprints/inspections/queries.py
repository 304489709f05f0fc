"""Questions about flags: only for those above the organization that recorded, and never for its own staff."""

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select, union_all
from sqlalchemy.orm import aliased, contains_eager, joinedload, selectinload

from blueprints.identity import queries as identity
from blueprints.identity.models import Account, Grant, Volunteer
from blueprints.inspections.models import (
    CheckAnswer,
    CheckItem,
    CheckRequest,
    CheckState,
    Drawn,
    Finding,
    FlagState,
    RiskFlag,
    RiskRow,
    Rule,
    SpotCheck,
    Subject,
)
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from blueprints.posts.models import Post, Shift
from blueprints.records import queries as records
from blueprints.records.models import (
    Correction,
    CorrectionState,
    EntryKind,
    LedgerEntry,
    Recorder,
    RefusedAttempt,
    ServiceRecord,
)
from blueprints.records.queries import Refused
from core.actor import Actor, Role
from core.db import db

LOOK = (Role.CONFIRMER, Role.ADMINISTRATOR)
PAGE = 30
SHOWN = 50
MOST_CHOICES = 500
THOUSAND = 1_000
TOP = 2  # slashes in the path of an organization that stands under nothing


def above(paths: Iterable[str]) -> ColumnElement[bool]:
    """The condition that an organization lies below one of these, or is the top, which nothing stands above."""
    spans = [
        and_(
            Organization.path < path[:-1] + "0",
            Organization.path >= path if path.count("/") == TOP else Organization.path > path,
        )
        for path in paths
    ]
    return or_(false(), *spans)


@dataclass(frozen=True, slots=True)
class Line:
    """A flag with what it is about in words."""

    flag: RiskFlag
    person: str  # whose entry, or which member of staff
    title: str  # of the entry or the shift


def flags(paths: Sequence[str], state: FlagState, rule: Rule | None = None, before: int | None = None) -> list[Line]:
    """The flags of a state below these organizations, the newest first, and one more than a page holds."""
    wanted = _lines().where(above(paths), RiskFlag.state == state)
    if rule:
        wanted = wanted.where(RiskFlag.rule == rule)
    if before:
        wanted = wanted.where(RiskFlag.id < before)
    return [_line(row) for row in db.session.execute(wanted.order_by(RiskFlag.id.desc()).limit(PAGE + 1))]


def flag_within(flag_id: int, paths: Sequence[str]) -> Line | None:
    """The flag, if it lies below one of these organizations."""
    row = db.session.execute(_lines().where(RiskFlag.id == flag_id, above(paths))).first()
    return _line(row) if row else None


def _lines() -> Any:
    """Flags with their organization and with what their subject is called."""
    staff, owner = aliased(Account), aliased(Account)
    about = RiskFlag.subject
    return (
        select(RiskFlag, staff.name, owner.name, ServiceRecord.title, Post.title)
        .join(RiskFlag.organization)
        .outerjoin(staff, and_(about == Subject.PERSON, staff.id == RiskFlag.subject_id))
        .outerjoin(ServiceRecord, and_(about == Subject.RECORD, ServiceRecord.id == RiskFlag.subject_id))
        .outerjoin(Volunteer, Volunteer.id == ServiceRecord.volunteer_id)
        .outerjoin(owner, owner.id == Volunteer.account_id)
        .outerjoin(Shift, and_(about == Subject.SHIFT, Shift.id == RiskFlag.subject_id))
        .outerjoin(Post, Post.id == Shift.post_id)
        .options(contains_eager(RiskFlag.organization))
    )


def _line(row: Any) -> Line:
    flag, staff, owner, entry, shift = row
    return Line(flag, staff or owner or "", entry or shift or "")


def rows_of(flag_id: int) -> list[ServiceRecord]:
    """The entries that a flag rests on, the newest first."""
    its = select(ServiceRecord).join(RiskRow, RiskRow.record_id == ServiceRecord.id).where(RiskRow.flag_id == flag_id)
    whole = its.options(records.PERSON, joinedload(ServiceRecord.organization, innerjoin=True))
    return list(db.session.scalars(whole.order_by(ServiceRecord.id.desc()).limit(SHOWN)))


def refused_to(account_id: int) -> list[Refused]:
    """What somebody tried and might not, the latest first."""
    told = select(RefusedAttempt, Account.name).join(Account, Account.id == RefusedAttempt.actor_id)
    theirs = told.where(RefusedAttempt.actor_id == account_id).order_by(RefusedAttempt.at.desc()).limit(SHOWN)
    return [Refused(*row) for row in db.session.execute(theirs)]


def registered_by(account_id: int) -> list[Volunteer]:
    """Whom somebody registered, the latest first."""
    made = select(Volunteer).join(Account, Account.id == Volunteer.account_id)
    theirs = made.where(Account.created_by_id == account_id).order_by(Account.created_at.desc()).limit(SHOWN)
    return list(db.session.scalars(theirs.options(contains_eager(Volunteer.account))))


def involved(flag: RiskFlag) -> set[int]:
    """The accounts that took part in what the flag is about: none of them decides on it."""
    rests_on = select(RiskRow.record_id).where(RiskRow.flag_id == flag.id)
    return taking_part(rests_on) | ({flag.subject_id} if flag.subject is Subject.PERSON else set())


def taking_part(record_ids: Sequence[int] | Select[int]) -> set[int]:
    """Owners, recorders and judges of these entries, and whoever proposed or decided a correction that counts."""
    record = ServiceRecord
    parts = select(Volunteer.account_id, record.handed_in_by_id, record.confirmed_by_id, record.approved_by_id)
    named = aliased(Volunteer)
    people = parts.join(named, named.id == record.volunteer_id).join(
        Volunteer, Volunteer.id == identity.person_of(named)
    )
    people = people.where(record.id.in_(record_ids))
    touched = select(Recorder.account_id).where(Recorder.record_id.in_(record_ids))
    counts = (Correction.record_id.in_(record_ids), Correction.state == CorrectionState.APPROVED)
    corrected = (select(hand).where(*counts) for hand in (Correction.author_id, Correction.approver_id))
    found = {id for row in db.session.execute(people) for id in row if id}
    return found | set(db.session.scalars(union_all(touched, *corrected)))


# --- spot checks ------------------------------------------------------------------------------------------------


def population(check: SpotCheck, organization: Organization) -> Select[Any]:
    """The numbers of the entries that a check draws from: rows of the ledger, which never change."""
    path = organization.path
    below = Organization.path >= path if check.including else Organization.path > path
    return (
        select(LedgerEntry.record_id)
        .join(Organization, Organization.id == LedgerEntry.organization_id)
        .where(below, Organization.path < path[:-1] + "0")
        .where(LedgerEntry.served_on.between(check.first, check.last), LedgerEntry.id <= check.last_entry_id)
        .where(LedgerEntry.kind == EntryKind.CREDIT, LedgerEntry.correction_id.is_(None))
    )


def size(check: SpotCheck, organization: Organization) -> int:
    """How many there are to draw from."""
    return db.session.scalar(select(func.count()).select_from(population(check, organization).subquery())) or 0


def share(check: SpotCheck) -> int:
    """How many of its population a check draws; at least one."""
    return -(-check.population * check.permille // THOUSAND)


def draw(check: SpotCheck, organization: Organization) -> list[int]:
    """The share that the seed chooses; the same seed always chooses the same. Every entry is ranked, few are kept."""
    rows = db.session.scalars(population(check, organization).execution_options(yield_per=10_000))
    return sorted(heapq.nsmallest(share(check), rows, key=lambda id: rank(check.seed, id)))


def rank(seed: str, record_id: int) -> str:
    """The place of an entry in the draw: nobody can know it before the seed is made, and anybody can check it after."""
    return hashlib.sha256(f"{seed}:{record_id}".encode()).hexdigest()


def drawn_again(check: SpotCheck) -> bool:
    """Whether drawing once more, from what the ledger holds today, chooses the very same entries."""
    organization = db.session.get_one(Organization, check.organization_id)
    if size(check, organization) != check.population:
        return False
    kept = select(CheckItem.record_id).where(CheckItem.check_id == check.id, CheckItem.drawn == Drawn.CHANCE)
    return set(draw(check, organization)) == set(db.session.scalars(kept))


def all_checks() -> list[SpotCheck]:
    return list(db.session.scalars(select(SpotCheck).order_by(SpotCheck.id)))


def flagged(check: SpotCheck, organization: Organization) -> list[tuple[int, int]]:
    """Open flags of the population, each with an entry that it rests on."""
    inside = population(check, organization).subquery()
    rests = (
        select(RiskRow.flag_id, RiskRow.record_id)
        .join(RiskFlag, RiskFlag.id == RiskRow.flag_id)
        .join(inside, inside.c.record_id == RiskRow.record_id)
        .where(RiskFlag.state == FlagState.OPEN)
        .order_by(RiskRow.record_id)
    )
    return [(flag_id, record_id) for flag_id, record_id in db.session.execute(rests)]


def checkable(paths: Sequence[str]) -> list[Organization]:
    """Where these people may draw: at and below the organizations they hold a role on."""
    below = select(Organization).where(organizations.under(paths), Organization.closed_at.is_(None))
    return list(db.session.scalars(below.order_by(Organization.path).limit(MOST_CHOICES)))


@dataclass(frozen=True, slots=True)
class Tally:
    """A check with its numbers."""

    check: SpotCheck
    items: int
    ok: int
    faults: int
    unproven: int

    @property
    def left(self) -> int:
        return self.items - self.ok - self.faults - self.unproven


def inspecting(paths: Sequence[str]) -> ColumnElement[bool]:
    """The condition that a check is one of theirs: nobody inspects entries of an organization that they belong to."""
    of_others = and_(SpotCheck.including, above(paths))
    return or_(of_others, and_(~SpotCheck.including, organizations.under(paths)))


def tallies(paths: Sequence[str]) -> list[Tally]:
    """The checks of those who look from here, the newest first."""
    return _tallied(select(SpotCheck.id).join(SpotCheck.organization).where(inspecting(paths)))


def published(actor: Actor, home: str | None) -> list[Tally]:
    """What was published of the area somebody belongs to: over their own organization, or within what they run."""
    mine = [*actor.reach(*Role), *([home] if home else [])]
    over = [Organization.path.in_([path[: end + 1] for end in _slashes(path)]) for path in mine]
    theirs = select(SpotCheck.id).join(SpotCheck.organization)
    area = or_(false(), organizations.under(actor.reach(*Role)), *over)
    return _tallied(theirs.where(SpotCheck.state == CheckState.PUBLISHED, area))


def _slashes(path: str) -> list[int]:
    return [at for at, sign in enumerate(path) if sign == "/" and at]


def home_of(volunteer_id: int | None) -> str | None:
    """The path of the organization somebody is registered with."""
    at = select(Organization.path).join(Volunteer, Volunteer.registered_with_id == Organization.id)
    return db.session.scalar(at.where(Volunteer.id == volunteer_id))


def _tallied(ids: Select[int]) -> list[Tally]:
    def of(finding: Finding) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((CheckItem.finding == finding, 1), else_=0)), 0)

    counts: Any = [func.count(CheckItem.id), *(of(finding) for finding in Finding)]
    found: Any = (
        select(SpotCheck, *counts)
        .join(SpotCheck.organization)
        .outerjoin(CheckItem, CheckItem.check_id == SpotCheck.id)
        .where(SpotCheck.id.in_(ids))
        .group_by(SpotCheck.id, Organization.id)
        .order_by(SpotCheck.id.desc())
        .limit(SHOWN)
        .options(contains_eager(SpotCheck.organization))
    )
    return [Tally(*row) for row in db.session.execute(found)]


def check_within(check_id: int, paths: Sequence[str]) -> SpotCheck | None:
    """The check, if it is one of those who look from these organizations."""
    within = select(SpotCheck).join(SpotCheck.organization).where(SpotCheck.id == check_id, inspecting(paths))
    return db.session.scalar(within.options(contains_eager(SpotCheck.organization)))


def items_of(check_id: int, organization_id: int | None = None) -> list[CheckItem]:
    """The entries of a check, or those of one organization in it."""
    mine = select(CheckItem).join(CheckItem.record).where(CheckItem.check_id == check_id)
    if organization_id:
        mine = mine.where(ServiceRecord.organization_id == organization_id)
    named = contains_eager(CheckItem.record).options(records.PERSON, joinedload(ServiceRecord.organization))
    return list(db.session.scalars(mine.order_by(ServiceRecord.organization_id, CheckItem.id).options(named)))


def item_within(item_id: int, paths: Sequence[str]) -> CheckItem | None:
    """One entry of a check within these organizations."""
    item = db.session.get(CheckItem, item_id)
    return item if item and check_within(item.check_id, paths) else None


def requests_of(check_id: int) -> list[CheckRequest]:
    """Whom a check asked, with what they answered."""
    asked = select(CheckRequest).where(CheckRequest.check_id == check_id).order_by(CheckRequest.id)
    with_answers = (joinedload(CheckRequest.organization, innerjoin=True), selectinload(CheckRequest.answers))
    return list(db.session.scalars(asked.options(*with_answers)))


def requests_to(paths: Sequence[str]) -> list[CheckRequest]:
    """What is asked of these organizations, the newest first."""
    asked = (
        select(CheckRequest).join(CheckRequest.organization).join(CheckRequest.check).where(organizations.under(paths))
    )
    newest = asked.order_by(CheckRequest.id.desc()).limit(SHOWN)
    loaded = (contains_eager(CheckRequest.organization), contains_eager(CheckRequest.check))
    return list(db.session.scalars(newest.options(*loaded)))


def request_within(request_id: int, paths: Sequence[str]) -> CheckRequest | None:
    """One request to these organizations, with its check and answers."""
    asked = select(CheckRequest).join(CheckRequest.organization).where(organizations.under(paths))
    whole = (
        contains_eager(CheckRequest.organization),
        joinedload(CheckRequest.check, innerjoin=True).joinedload(SpotCheck.organization, innerjoin=True),
        selectinload(CheckRequest.answers),
    )
    return db.session.scalar(asked.where(CheckRequest.id == request_id).options(*whole))


def picture_within(answer_id: int, paths: Sequence[str], above_paths: Sequence[str]) -> bytes | None:
    """A picture, for the organization that sent it and for those who check it."""
    kept = select(CheckAnswer.picture).join(CheckRequest, CheckRequest.id == CheckAnswer.request_id)
    there = kept.join(CheckRequest.organization).where(CheckAnswer.id == answer_id)
    return db.session.scalar(there.where(or_(organizations.under(paths), above(above_paths))))


def staff_of(organization_id: int) -> list[int]:
    """The accounts that answer for an organization."""
    live = select(Grant.account_id).where(Grant.organization_id == organization_id, Grant.revoked_at.is_(None))
    return sorted(set(db.session.scalars(live.where(Grant.role.in_([Role.CLERK, Role.CONFIRMER])))))


def lookers_over(organization_ids: Iterable[int]) -> dict[int, list[int]]:
    """For each organization the accounts that look at it from the nearest level above that has any."""
    below = list(db.session.scalars(select(Organization).where(Organization.id.in_(list(organization_ids)))))
    places = {one.id: one.ancestors or [one.id] for one in below}  # nothing stands above the top
    held = select(Grant.organization_id, Grant.account_id).join(Account, Account.id == Grant.account_id)
    live = held.where(Grant.role.in_(LOOK), Grant.revoked_at.is_(None), Account.closed_at.is_(None))
    found: dict[int, set[int]] = {}
    for place, account in db.session.execute(live.where(Grant.organization_id.in_({*chain(*places.values())}))):
        found.setdefault(place, set()).add(account)
    nearest = {id: next((place for place in above if place in found), 0) for id, above in places.items()}
    return {id: sorted(found.get(place, ())) for id, place in nearest.items()}


def last_entry_id() -> int:
    """The number of the newest row of the ledger."""
    return db.session.scalar(select(func.max(LedgerEntry.id))) or 0


def drawn_flags(record_ids: Sequence[int]) -> list[RiskFlag]:
    """The flags that came into a check with these entries."""
    resting = select(RiskRow.flag_id).where(RiskRow.record_id.in_(record_ids))
    drawn = select(RiskFlag).where(RiskFlag.id.in_(resting), RiskFlag.state == FlagState.DRAWN)
    return list(db.session.scalars(drawn.order_by(RiskFlag.id).with_for_update()))
