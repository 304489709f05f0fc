"""Questions about people, their sessions and their roles."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, String, bindparam, case, func, literal, or_, select, type_coerce
from sqlalchemy.orm import aliased, contains_eager, joinedload, selectinload

from blueprints.identity.models import (
    ADULT,
    NAMING,
    OFFERED,
    Account,
    Consent,
    Grant,
    Guardianship,
    Purpose,
    RecoveryCode,
    SecondFactor,
    Session,
    Slip,
    SlipPurpose,
    Volunteer,
)
from blueprints.organizations.models import DEFAULTS, Division, Level, Limit, Organization, OrganizationKind, Setting
from core import clock, masks, vault
from core.actor import Actor, Held, Role
from core.db import Question, UtcDateTime, db

# Who takes registrations, the most suitable kind first.
RECEIVING = (
    OrganizationKind.STATION,
    OrganizationKind.COMMUNITY,
    OrganizationKind.OFFICE,
    OrganizationKind.LEAGUE,
    OrganizationKind.ASSOCIATION,
)
# Every page asks this first: built once, and on the tables, it costs a tenth of what it did on the classes.
_session, _account, _volunteer, _grant, _organization, _factor, _setting = (
    model.__table__ for model in (Session, Account, Volunteer, Grant, Organization, SecondFactor, Setting)
)
# Whether a role asks for a second step at sign-in: what the city has set, else the default.
_ASKED_OF = literal("second_step_") + type_coerce(_grant.c.role, String)
ASKED_BY_DEFAULT = {role: bool(DEFAULTS[Limit(f"second_step_{role}")][0]) for role in Role}
SIGNED_IN = (
    select(
        _session.c.id.label("session_id"),
        _account.c.id.label("account_id"),
        _account.c.name,
        _volunteer.c.id.label("volunteer_id"),
        _volunteer.c.state,
        _factor.c.id.label("factor_id"),
        _setting.c.value.label("asked"),
        _grant.c.role,
        _organization.c.id.label("organization_id"),
        _organization.c.path,
    )
    .join_from(_session, _account, _account.c.id == _session.c.account_id)
    .outerjoin(_volunteer, _volunteer.c.account_id == _account.c.id)
    .outerjoin(_grant, (_grant.c.account_id == _account.c.id) & _grant.c.revoked_at.is_(None))
    .outerjoin(_factor, _factor.c.account_id == _account.c.id)
    .outerjoin(_setting, _setting.c.name == _ASKED_OF)
    .outerjoin(
        _organization,
        (_organization.c.id == _grant.c.organization_id) & _organization.c.closed_at.is_(None),
    )
    .where(
        _session.c.token_hash == bindparam("token_hash"),
        _session.c.revoked_at.is_(None),
        _session.c.expires_at > bindparam("now", type_=UtcDateTime()),
        _account.c.closed_at.is_(None),
    )
)


def actor_of(token: str, now: datetime) -> Actor | None:
    """Who is signed in with this token, with every role that is live at this moment: one query."""
    return actor_in(db.session.execute(SIGNED_IN, signed_in_with(token, now)).all())


# What areas to the right want to know of whoever asks, in the same question: by a name, as a count about an account.
ALONG: dict[str, Callable[[ColumnElement[int]], Select[int]]] = {}


@cache
def _who() -> Question:
    """Written out once, when all areas have said what they want to know along."""
    who = SIGNED_IN.subquery()
    return Question(select(*who.c, *(about(who.c.account_id).scalar_subquery() for about in ALONG.values())))


def asker(token: str, now: datetime) -> tuple[Actor | None, dict[str, int]]:
    """The same for a request that begins, with what is known along: nothing of it is written yet, so no session is
    needed."""
    rows = list(_who().answer(**signed_in_with(token, now)))
    along = rows[0][len(SIGNED_IN.selected_columns) :] if rows else ()
    return actor_in(rows), dict(zip(ALONG, along, strict=False))


def signed_in_with(token: str, now: datetime) -> dict[str, Any]:
    """What SIGNED_IN wants to know."""
    return {"token_hash": vault.digest(token), "now": now}


def actor_in(rows: Iterable[Sequence[Any]]) -> Actor | None:
    """Whom these rows tell of; each begins with the columns of SIGNED_IN, and each role comes once or more."""
    people = list(dict.fromkeys(tuple(row[: len(SIGNED_IN.selected_columns)]) for row in rows))
    if not people:
        return None
    session_id, account_id, name, volunteer_id, state, factor_id = people[0][:6]
    held = tuple(Held(role, organization_id, path) for *_, role, organization_id, path in people if path)
    owes = factor_id is None and any(_asks(role, own) for *_, own, role, _id, path in people if path)
    return Actor(account_id, name, session_id, volunteer_id, state or "", () if owes else held, owes)


def _asks(role: Role, own: int | None) -> bool:
    return ASKED_BY_DEFAULT[role] if own is None else bool(own)


def account_by_phone(phone: str) -> Account | None:
    """The open account of a phone number in E.164 form."""
    return db.session.scalar(select(Account).where(Account.phone == phone, Account.closed_at.is_(None)))


def account(account_id: int) -> Account:
    return db.session.get_one(Account, account_id)


def is_staff(account_id: int) -> bool:
    """Whether the account holds any role today."""
    held = select(Grant.id).where(Grant.account_id == account_id, Grant.revoked_at.is_(None))
    return db.session.scalar(held.limit(1)) is not None


def roles_that_ask(account_id: int) -> list[Role]:
    """The live roles of the account that ask for a second step at sign-in."""
    mine = select(_grant.c.role, _setting.c.value).outerjoin(_setting, _setting.c.name == _ASKED_OF)
    live = mine.join(_organization, _organization.c.id == _grant.c.organization_id).where(
        _grant.c.account_id == account_id, _grant.c.revoked_at.is_(None), _organization.c.closed_at.is_(None)
    )
    return sorted({role for role, own in db.session.execute(live) if _asks(role, own)})


# --- several registrations of one person ----------------------------------------------------------------------
# What is recorded of a registration that was merged counts as the person's into whose it was merged, and there alone.


def belongs(registration: Any, volunteer_id: Any) -> ColumnElement[bool]:
    """Whether this registration is that person's: their own, or one that was merged into it. One that was merged
    itself is nobody's own any more, so that nothing counts twice. Within a larger question."""
    own = (registration.id == volunteer_id) & registration.merged_into_id.is_(None)
    return or_(own, registration.merged_into_id == volunteer_id)


def one_person(volunteer_id: int) -> Select[int]:
    """The ids of that person's registrations."""
    each = aliased(Volunteer)
    return select(each.id).where(belongs(each, volunteer_id))


def person_of(registration: Any) -> ColumnElement[int]:
    """The id of the registration that goes on, within a larger question."""
    return func.coalesce(registration.merged_into_id, registration.id)


def person(volunteer_id: int) -> int:
    """The id of the registration as which this one goes on: its own, or the one that it was merged into."""
    return db.session.get_one(Volunteer, volunteer_id).goes_on_as


def account_of(volunteer_id: int) -> int:
    """The account of the person whose registration this is or was."""
    return db.session.get_one(Volunteer, person(volunteer_id)).account_id


def is_theirs(registration_id: int, volunteer_id: int | None) -> bool:
    """Whether a registration is this person's, or was merged into theirs."""
    return volunteer_id is not None and person(registration_id) == volunteer_id


def merged_into(volunteer_id: int) -> list[Volunteer]:
    """The registrations that were merged into this one."""
    return list(db.session.scalars(select(Volunteer).where(Volunteer.merged_into_id == volunteer_id)))


def merged_account(phone: str) -> tuple[Account, str] | None:
    """An account that nobody uses any more because its registration was merged, and the phone of the one to use."""
    old, kept, goes_on = aliased(Volunteer), aliased(Volunteer), aliased(Account)
    found = (
        select(Account, goes_on.phone)
        .join(old, old.account_id == Account.id)
        .join(kept, kept.id == old.merged_into_id)
        .join(goes_on, goes_on.id == kept.account_id)
        .where(Account.phone == phone, goes_on.closed_at.is_(None))
    )
    row = db.session.execute(found).first()
    return (row[0], row[1] or "") if row else None


def was_merged_into(account_id: int, other_id: int) -> bool:
    """Whether the registration of the one account was merged into that of the other."""
    kept = aliased(Volunteer)
    found = select(Volunteer.id).join(kept, kept.id == Volunteer.merged_into_id)
    return db.session.scalar(found.where(Volunteer.account_id == account_id, kept.account_id == other_id)) is not None


def same_people(account_ids: Iterable[int], among: Collection[int]) -> dict[int, set[int]]:
    """For each of these accounts which `among` the others may be the same person's second one: the same mail address,
    or the same name and no other date of birth. Who is barred by mistake only leaves a decision to a colleague."""
    me, other, alike = _look_alikes()
    same: dict[int, set[int]] = {}
    found = alike.with_only_columns(me.c.id, other.c.id).where(other.c.id.in_(among), me.c.id.in_(list(account_ids)))
    for owner, second in db.session.execute(found):
        same.setdefault(owner, set()).add(second)
    return same


def is_one_of(account_id: int, people: Collection[int]) -> bool:
    """Whether this is one of these accounts, or may be a second one of theirs."""
    return account_id in people or bool(same_people(people, [account_id]))


def second_accounts_of(account_id: int) -> Select[int]:
    """The accounts that may be the same person's as this one, by the same rule, for a larger question."""
    me, other, alike = _look_alikes()
    return alike.with_only_columns(other.c.id).where(me.c.id == account_id)


def _look_alikes() -> tuple[Any, Any, Select[Any]]:
    """Every two accounts that may be one person's."""
    me, mine, other, its = _account.alias(), _volunteer.alias(), _account.alias(), _volunteer.alias()
    same_birth = or_(mine.c.birth_date.is_(None), its.c.birth_date.is_(None), mine.c.birth_date == its.c.birth_date)
    same_address = me.c.email == other.c.email  # kept in small letters
    alike = (
        select(me.c.id)
        .join_from(me, other, me.c.id != other.c.id)
        .outerjoin(mine, mine.c.account_id == me.c.id)
        .outerjoin(its, its.c.account_id == other.c.id)
        .where(or_((me.c.name == other.c.name) & same_birth, same_address))
    )
    return me, other, alike


def second_factor(account_id: int) -> SecondFactor | None:
    """The phone that is the second step of the account; None if it has none."""
    return db.session.scalar(select(SecondFactor).where(SecondFactor.account_id == account_id))


def recovery_code(account_id: int, code_hash: str) -> RecoveryCode | None:
    """The recovery code of this hash, if it was not used."""
    mine = select(RecoveryCode).where(RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None))
    return db.session.scalar(mine.where(RecoveryCode.code_hash == code_hash))


def recovery_codes_left(account_id: int) -> int:
    mine = select(func.count()).where(RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None))
    return db.session.scalar(mine) or 0


def owner_of(token: str) -> int | None:
    """Whose session this was, even if it has ended."""
    return db.session.scalar(select(Session.account_id).where(Session.token_hash == vault.digest(token)))


def live_sessions(account_id: int, now: datetime) -> list[Session]:
    """Where the account is signed in, newest first."""
    live = select(Session).where(
        Session.account_id == account_id, Session.revoked_at.is_(None), Session.expires_at > now
    )
    return list(db.session.scalars(live.order_by(Session.id.desc())))


def volunteer_of(account_id: int) -> Volunteer | None:
    """The person's registration with all that their own pages show of it."""
    whole = select(Volunteer).where(Volunteer.account_id == account_id)
    return db.session.scalar(
        whole.options(
            joinedload(Volunteer.account, innerjoin=True),
            joinedload(Volunteer.registered_with, innerjoin=True),
            joinedload(Volunteer.branch),
            selectinload(Volunteer.skills),
        )
    )


def has_guardian(volunteer_id: int) -> bool:
    """Whether a guardian's consent is on record and not taken back."""
    given = select(Guardianship.id).where(Guardianship.volunteer_id == volunteer_id, Guardianship.revoked_at.is_(None))
    return db.session.scalar(given.limit(1)) is not None


def consents(account_id: int) -> list[Consent]:
    """Everything the person ever agreed to, newest first."""
    given = select(Consent).where(Consent.account_id == account_id)
    return list(db.session.scalars(given.order_by(Consent.id.desc())))


def live_consent(account_id: int, purpose: Purpose) -> Consent | None:
    """The consent that holds today."""
    given = select(Consent).where(Consent.account_id == account_id, Consent.purpose == purpose)
    return db.session.scalar(given.where(Consent.withdrawn_at.is_(None)).limit(1))


def may_be_named(volunteer: Volunteer, now: datetime) -> bool:
    """Whether the person is old enough to be shown by full name; their consent comes on top of it."""
    return volunteer.age(now) >= ADULT


def offered(volunteer: Volunteer, given: Iterable[Consent], now: datetime) -> list[Purpose]:
    """What the person may agree to besides; `given` is everything they ever agreed to."""
    live = {consent.purpose for consent in given if not consent.withdrawn_at}
    barred = () if may_be_named(volunteer, now) else NAMING
    return [purpose for purpose in OFFERED if purpose not in live and purpose not in barred]


def named_in_full(account_ids: Iterable[int], where: Purpose, now: datetime) -> set[int]:
    """Which of these people agreed to be named in full there, have not left since and are old enough as far as anybody
    knows today."""
    given = select(Volunteer).join(Account, Account.id == Volunteer.account_id)
    given = given.join(Consent, Consent.account_id == Account.id)
    holds = given.where(Consent.purpose == where, Consent.withdrawn_at.is_(None))
    theirs = db.session.scalars(holds.where(Account.id.in_(list(account_ids)), Account.closed_at.is_(None)))
    return {volunteer.account_id for volunteer in theirs if may_be_named(volunteer, now)}


def public_names(people: Iterable[Account]) -> dict[int, str]:
    """How a public notice calls each of them, by the id of the account: masked, unless they agreed to more."""
    called = {account.id: account.name for account in people}
    in_full = named_in_full(called, Purpose.NOTICE_NAME, clock.now())
    return {id: name if id in in_full else masks.name(name) for id, name in called.items()}


def bearer_of(id_number: str) -> int | None:
    """The volunteer whose ID number this is."""
    return db.session.scalar(select(Volunteer.id).where(Volunteer.id_hash == vault.digest(id_number)))


def receiver(division_id: int) -> Organization | None:
    """Who takes the registrations of a place: its own station, or else what stands nearest above it."""
    lineage = [division_id // unit * unit for unit in (1, 10**3, 10**6, 10**8)]
    nearest = Organization.division_id.desc()  # a code ends with more zeros the wider its division is
    rank = case({kind: number for number, kind in enumerate(RECEIVING)}, value=Organization.kind)
    wanted = select(Organization).where(
        Organization.division_id.in_(lineage),
        Organization.kind.in_(RECEIVING),
        Organization.closed_at.is_(None),
    )
    return db.session.scalar(wanted.order_by(nearest, rank, Organization.id).limit(1))


def branches_near(division_id: int) -> list[tuple[int, str]]:
    """The League branches of the county: their ids and names."""
    county = division_id // 10**6 * 10**6
    branches = select(Organization.id, Organization.name).where(
        Organization.kind == OrganizationKind.BRANCH,
        Organization.division_id.between(county, county + 10**6 - 1),
        Organization.closed_at.is_(None),
    )
    return [(id, name) for id, name in db.session.execute(branches.order_by(Organization.name))]


def usable_slip(phone: str, code: str, now: datetime) -> Slip | None:
    """The slip of this code, if it is good and belongs to the account of this phone number, old or new."""
    theirs = or_(Account.phone == phone, Slip.new_phone == phone)
    found = select(Slip).join(Account, Account.id == Slip.account_id)
    return db.session.scalar(found.where(Slip.code_hash == vault.digest(vault.tidy(code)), theirs, *_usable(now)))


def owner_of_slip(slip_id: int) -> int:
    """Whose account the slip is for, used or not; 0 if there is no such slip."""
    return db.session.scalar(select(Slip.account_id).where(Slip.id == slip_id)) or 0


def slip_in_hand(slip_id: int, now: datetime) -> Slip | None:
    """A slip whose code was shown before, with its account, if it is still good."""
    found = select(Slip).join(Slip.account).options(contains_eager(Slip.account))
    return db.session.scalar(found.where(Slip.id == slip_id, *_usable(now)))


def _usable(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Slip.used_at.is_(None), Slip.expires_at > now, Account.closed_at.is_(None)


def issued_lately(account_id: int, purpose: SlipPurpose, issuer_id: int, since: datetime) -> bool:
    """Whether this person handed out such a slip for the account since then."""
    theirs = select(Slip.id).where(Slip.account_id == account_id, Slip.issued_by_id == issuer_id)
    return db.session.scalar(theirs.where(Slip.purpose == purpose, Slip.issued_at > since).limit(1)) is not None


def colleague(organization: Organization, roles: Sequence[Role], *, but: Sequence[int]) -> int | None:
    """Somebody else who holds one of the roles on the organization or above it."""
    above = [organization.id, *organization.ancestors]
    held = select(Grant.account_id).where(Grant.organization_id.in_(above), Grant.role.in_(roles))
    return db.session.scalar(held.where(Grant.revoked_at.is_(None), Grant.account_id.not_in(but)).limit(1))


@dataclass(frozen=True, slots=True)
class PlaceChoice:
    """How far somebody has come in naming the place where they live, and what can be chosen next."""

    counties: list[Division]
    towns: list[Division]
    villages: list[Division]
    county: Division | None = None
    town: Division | None = None
    village: Division | None = None


def place_choice(county_id: int = 0, town_id: int = 0, village_id: int = 0) -> PlaceChoice:
    """What was chosen, as far as one lies in the other; a village alone says where it lies."""
    if village_id and not county_id:
        county_id, town_id = village_id // 10**6 * 10**6, village_id // 10**3 * 10**3
    wanted = or_(Division.level == Level.COUNTY, Division.parent_id.in_([county_id, town_id]))
    divisions = list(db.session.scalars(select(Division).where(wanted).order_by(Division.id)))
    counties = [division for division in divisions if division.level is Level.COUNTY]
    county = _chosen(counties, county_id)
    towns = [division for division in divisions if county and division.parent_id == county.id]
    town = _chosen(towns, town_id)
    villages = [division for division in divisions if town and division.parent_id == town.id]
    return PlaceChoice(counties, towns, villages, county, town, _chosen(villages, village_id))


def _chosen(divisions: list[Division], wanted: int) -> Division | None:
    return next((division for division in divisions if division.id == wanted), None)
