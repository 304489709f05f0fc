"""Questions about public notices: who sees which, what became of them, and which objections wait for whom."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, or_, select
from sqlalchemy.orm import aliased, contains_eager, joinedload

from blueprints.claims.models import Claim
from blueprints.identity import queries as people
from blueprints.identity.models import Account, Volunteer
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.posts.models import Post, Shift
from blueprints.public_notices.models import NoticeSetting, Objection, ObjectionState, SeenBy
from blueprints.records import queries as records
from blueprints.records.models import RecordState, ServiceRecord
from core import vault
from core.actor import Actor, Role
from core.db import db

PAGE = 50
KEPT = timedelta(days=30)  # after its end a notice is still listed for staff, then for nobody
WHOLE = (records.PERSON, joinedload(ServiceRecord.organization, innerjoin=True))


@dataclass(frozen=True, slots=True)
class Shown:
    """A notice as people see it: with the name that its person lets be seen."""

    record: ServiceRecord
    name: str
    seen_by: SeenBy


def running(actor: Actor, now: datetime) -> Select[ServiceRecord]:
    """The notices that this person may see: of organizations they belong to, serve with or hold a role in, and of
    those that show theirs to more people. They are gone for everybody here at the moment they end.
    """
    inside = or_(ServiceRecord.organization_id.in_(_own(actor)), organizations.under(actor.reach(*Role)))
    return _running(now).where(or_(inside, seen_by() != SeenBy.ORGANIZATION))


def public(now: datetime) -> Select[ServiceRecord]:
    """The notices that somebody without an account may see."""
    return _running(now).where(seen_by() == SeenBy.EVERYBODY)


def _running(now: datetime) -> Select[ServiceRecord]:
    found = select(ServiceRecord).join(Organization, Organization.id == ServiceRecord.organization_id)
    runs = found.where(ServiceRecord.state == RecordState.NOTICE, ServiceRecord.notice_ends_at > now)
    return runs.order_by(ServiceRecord.notice_ends_at, ServiceRecord.id)


def seen_by() -> ColumnElement[SeenBy]:
    """Who sees the notices of the organization in hand, as it or the nearest above it has set; a column of a larger
    question."""
    above = aliased(Organization)
    said = select(NoticeSetting.seen_by).join(above, above.id == NoticeSetting.organization_id)
    holds = said.where(
        NoticeSetting.seen_by.is_not(None), func.substr(Organization.path, 1, func.length(above.path)) == above.path
    )
    nearest = holds.order_by(func.length(above.path).desc()).limit(1).correlate(Organization).scalar_subquery()
    return func.coalesce(nearest, literal(SeenBy.ORGANIZATION, NoticeSetting.seen_by.type))


def set_for(organization: Organization) -> tuple[SeenBy | None, SeenBy]:
    """What an organization has set itself, and what holds where it has set nothing."""
    own = select(NoticeSetting.seen_by).where(NoticeSetting.organization_id == organization.id).scalar_subquery()
    above = select(seen_by()).where(Organization.id == organization.parent_id).scalar_subquery()
    mine, others = db.session.execute(select(own, above)).one()
    return mine, others or SeenBy.ORGANIZATION


def _own(actor: Actor) -> Select[int]:
    """The organizations somebody is registered with, is a member of or has claimed shifts of."""
    me = Volunteer.id == (actor.volunteer_id or 0)
    claimed = select(Post.organization_id).join(Shift, Shift.post_id == Post.id).join(Claim, Claim.shift_id == Shift.id)
    every = select(Volunteer.registered_with_id).where(me).union(
        select(Volunteer.branch_id).where(me, Volunteer.branch_id.is_not(None)),
        claimed.where(Claim.volunteer_id == (actor.volunteer_id or 0)),
    )  # fmt: skip
    return select(every.subquery().c[0])


def belongs_below(actor: Actor) -> ColumnElement[bool]:
    """Whether somebody belongs to, serves with or holds a role in the organization in hand, or one below it; within a
    larger question."""
    home, roles = aliased(Organization), {int(id) for path in actor.reach(*Role) for id in path.strip("/").split("/")}
    lies_below = func.substr(home.path, 1, func.length(Organization.path)) == Organization.path
    mine = select(home.id).where(home.id.in_(_own(actor)), lies_below).correlate(Organization)
    return or_(mine.exists(), Organization.id.in_(roles), organizations.under(actor.reach(*Role)))


@dataclass(frozen=True, slots=True)
class Beside:
    """Something of another area that stands on public notice, too."""

    name: str  # as far as its person lets it be seen
    title: str
    text: str
    seen_by: SeenBy
    ends_at: datetime
    address: str
    objected: bool


# Areas to the right add what they have on notice for somebody, or for everybody; it is listed before the entries.
BESIDE: list[Callable[[Actor | None, datetime], list[Beside]]] = []


def beside(actor: Actor | None, now: datetime) -> list[Beside]:
    """What other areas have on public notice that this person may see; without an account, what everybody may."""
    return [each for shown in BESIDE for each in shown(actor, now)]


def page_of(wanted: Select[ServiceRecord], number: int) -> tuple[list[Shown], bool]:
    """The notices of a page, and whether there are more."""
    some = wanted.add_columns(seen_by()).options(*WHOLE).offset((number - 1) * PAGE).limit(PAGE + 1)
    rows = db.session.execute(some).all()
    return _shown(rows[:PAGE]), len(rows) > PAGE


def one_of(record_id: int, wanted: Select[ServiceRecord]) -> Shown | None:
    """The notice, if it is one of these."""
    one = wanted.where(ServiceRecord.id == record_id).add_columns(seen_by()).options(*WHOLE)
    return next(iter(_shown(db.session.execute(one).all())), None)


def _shown(rows: Sequence[Any]) -> list[Shown]:
    names = people.public_names(record.volunteer.account for record, _seen_by in rows)
    return [Shown(record, names[record.volunteer.account_id], seen) for record, seen in rows]


# --- staff ----------------------------------------------------------------------------------------------------


def of_staff(paths: Iterable[str], now: datetime, *, ended: bool) -> Select[ServiceRecord]:
    """The notices of these subtrees: those that run or wait for a decision, or those that ended lately."""
    found = select(ServiceRecord).join(ServiceRecord.organization).where(organizations.under(paths))
    if ended:
        over = found.where(ServiceRecord.state != RecordState.NOTICE, ServiceRecord.notice_ends_at > now - KEPT)
        return over.order_by(ServiceRecord.notice_ends_at.desc(), ServiceRecord.id.desc())
    runs = found.where(ServiceRecord.state == RecordState.NOTICE)
    return runs.order_by(ServiceRecord.notice_ends_at, ServiceRecord.id)


@dataclass(frozen=True, slots=True)
class Held:
    """A notice as staff see it: with what was raised against it and how that was decided."""

    record: ServiceRecord
    objections: list[Objection]


def held_page(wanted: Select[ServiceRecord], number: int) -> tuple[list[Held], bool]:
    """A page of them, and whether there are more."""
    whole = (records.PERSON, contains_eager(ServiceRecord.organization))
    rows = list(db.session.scalars(wanted.options(*whole).offset((number - 1) * PAGE).limit(PAGE + 1)))
    raised = select(Objection).where(Objection.record_id.in_([each.id for each in rows])).order_by(Objection.id)
    against: dict[int, list[Objection]] = {}
    for objection in db.session.scalars(raised):
        against.setdefault(objection.record_id, []).append(objection)
    return [Held(record, against.get(record.id, [])) for record in rows[:PAGE]], len(rows) > PAGE


# --- objections -----------------------------------------------------------------------------------------------


def objected_by(account_id: int, record_ids: Iterable[int]) -> set[int]:
    """The entries of these that this person objects to."""
    mine = select(Objection.record_id).where(Objection.by_id == account_id, Objection.record_id.in_(list(record_ids)))
    return set(db.session.scalars(mine))


def by_code(code: str) -> Objection | None:
    """The objection that somebody without an account follows by its code."""
    return db.session.scalar(select(Objection).where(Objection.code_hash == vault.digest(code)))


def owner_of_phone(phone: str) -> int | None:
    """Whose account has this phone number now."""
    return db.session.scalar(select(Account.id).where(Account.phone == phone))


def who_objected(record_id: int) -> set[int]:
    """The accounts of everybody who objected to the entry; of people without one, whose phone number it was or is."""
    said = select(Objection.by_id, Objection.phone_of_id, Objection.phone_sealed)
    rows = db.session.execute(said.where(Objection.record_id == record_id)).all()
    phones = {vault.unseal(sealed) for _by, _of, sealed in rows if sealed}
    now_of = db.session.scalars(select(Account.id).where(Account.phone.in_(phones))) if phones else ()
    return {id for by, of, _sealed in rows for id in (by, of) if id} | set(now_of)


def others_outside(objection: Objection) -> list[int]:
    """The ids of the other open objections to the same entry of people without an account."""
    others = select(Objection.id).where(Objection.record_id == objection.record_id, Objection.id != objection.id)
    open_ = others.where(Objection.state == ObjectionState.OPEN, Objection.by_id.is_(None))
    return list(db.session.scalars(open_.order_by(Objection.id)))


def to_erase(now: datetime) -> Select[int]:
    """The ids of decided objections whose outsiders are known longer than they may be."""
    kept = timedelta(days=organizations.limit(Limit.OBJECTION_DAYS))
    old = select(Objection.id).where(Objection.code_hash.is_not(None), Objection.erased_at.is_(None))
    return old.where(Objection.decided_at < now - kept)


def waiting(paths: Iterable[str]) -> Select[Objection]:
    """Objections in these subtrees that nobody has decided, the most urgent first."""
    found = select(Objection).join(Objection.record).join(ServiceRecord.organization)
    waits = found.where(organizations.under(paths), Objection.state == ObjectionState.OPEN)
    return waits.order_by(Objection.due_on, Objection.id)


def listed(paths: Iterable[str], number: int) -> tuple[list[Objection], bool]:
    """A page of them with their entries, and whether there are more."""
    whole = contains_eager(Objection.record).options(records.PERSON, contains_eager(ServiceRecord.organization))
    some = waiting(paths).options(whole).offset((number - 1) * PAGE).limit(PAGE + 1)
    rows = list(db.session.scalars(some))
    return rows[:PAGE], len(rows) > PAGE


def objection_within(objection_id: int, paths: Iterable[str]) -> Objection | None:
    """The objection, if its entry lies within these subtrees."""
    found = select(Objection).join(Objection.record).join(ServiceRecord.organization)
    whole = contains_eager(Objection.record).options(records.PERSON, contains_eager(ServiceRecord.organization))
    return db.session.scalar(found.where(Objection.id == objection_id, organizations.under(paths)).options(whole))
