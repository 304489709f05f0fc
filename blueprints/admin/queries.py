"""Questions of the desk: what waits for whom, who stands where, and who did what."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, aliased, contains_eager, joinedload, selectinload

from blueprints.certificates.models import Certificate, CertificateState
from blueprints.claims.models import Absence, Claim, ClaimState
from blueprints.disputes import queries as disputes
from blueprints.disputes import reported
from blueprints.honours import queries as honours
from blueprints.honours.models import Nomination
from blueprints.identity.models import (
    ADULT,
    PROVEN_SKILLS,
    Account,
    Consent,
    Grant,
    Guardianship,
    Invitation,
    Slip,
    Volunteer,
    VolunteerState,
)
from blueprints.inspections import overdue
from blueprints.inspections import queries as inspections
from blueprints.inspections.actions import LOOKERS
from blueprints.inspections.models import CheckRequest, CheckState, FlagState, RiskFlag, SpotCheck
from blueprints.mergers import queries as mergers
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Division, Limit, Organization, Setting
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from blueprints.public_notices import queries as noticed
from blueprints.public_notices.models import Objection
from blueprints.records.models import NOT_YET, Correction, CorrectionState, RecordState, ServiceRecord
from blueprints.rollcall import queries as rollcall
from blueprints.supplements import queries as supplements
from blueprints.supplements.actions import LOOK
from blueprints.supplements.models import Supplement, SupplementState
from core import clock
from core.actor import Actor, Role
from core.audit import AuditEntry
from core.db import db
from core.workdays import CalendarDay

OVER = (VolunteerState.RESIGNED, VolunteerState.MERGED)
MOST_COUNTED = 100  # a tab says "99+" from there on, so that counting stays cheap
PAGE = 30

# --- the top ----------------------------------------------------------------------------------------------


def top_organization() -> Organization | None:
    """The organization that everything else stands under."""
    top = select(Organization).where(Organization.parent_id.is_(None), Organization.closed_at.is_(None))
    return db.session.scalar(top.order_by(Organization.id).limit(1))


def runs_the_top(actor: Actor) -> bool:
    """Whether the actor is an administrator of an organization that stands under nothing."""
    return any(path.count("/") == 2 for path in actor.reach(Role.ADMINISTRATOR))


def calendar_days(year: int) -> list[CalendarDay]:
    """The holidays and make-up days of a year as they were entered, in their order."""
    inside = CalendarDay.day.between(date(year, 1, 1), date(year, 12, 31))
    return list(db.session.scalars(select(CalendarDay).where(inside).order_by(CalendarDay.day)))


# --- what waits -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many entries, registrations and requests wait for the viewer; never more than MOST_COUNTED of each."""

    records: int = 0
    registrations: int = 0
    requests: int = 0
    objections: int = 0
    certificates: int = 0
    corrections: int = 0
    disputes: int = 0
    risks: int = 0
    tablet_acts: int = 0
    reports: int = 0
    evidence: int = 0
    supplements: int = 0
    notice_objections: int = 0
    honours: int = 0
    mergers: int = 0
    overdue: int = 0  # below; only where the page asks for it


def waiting(actor: Actor, span: overdue.Span | None = None) -> Waiting:
    """What waits for a decision of this person, and what is overdue below them: one query, however much there is."""
    entries = (
        select(ServiceRecord.id)
        .join(Organization, Organization.id == ServiceRecord.organization_id)
        .where(organizations.under(actor.reach(Role.CONFIRMER)))
        .where(ServiceRecord.state.in_([RecordState.PENDING, RecordState.APPROVAL]))
    )
    others = (
        _requests(actor),
        _objections(actor),
        _papers(actor),
        _corrections(actor),
        disputes.to_decide(actor, _today()),
        _risks(actor),
        rollcall.open_ids(actor),
        reported.waiting(actor),
        _evidence(actor),
        _supplements(actor),
        noticed.waiting(actor.reach(Role.CONFIRMER)).order_by(None).with_only_columns(Objection.id),
        honours.waiting(actor, clock.now()).order_by(None).with_only_columns(Nomination.id),
        mergers.to_decide(actor),
    )
    below = (overdue.ids(actor.reach(*LOOKERS), span),) if span else ()
    counts = [_capped(rows) for rows in (entries, _people(actor), *others, *below)]
    return Waiting(*map(int, db.session.execute(select(*counts)).one()))


def _people(actor: Actor) -> Select[int]:
    """Registrations that somebody sent."""
    return (
        select(Volunteer.id)
        .join(Organization, Organization.id == Volunteer.registered_with_id)
        .where(organizations.under(actor.reach(Role.ADMINISTRATOR)))
        .where(Volunteer.state == VolunteerState.SUBMITTED)
    )


def _requests(actor: Actor) -> Select[int]:
    """Requests for a place of a post that needs the organizer's yes."""
    return (
        select(Claim.id)
        .join(Shift, Shift.id == Claim.shift_id)
        .join(Post, Post.id == Shift.post_id)
        .join(Organization, Organization.id == Post.organization_id)
        .where(organizations.under(actor.reach(Role.CLERK)))
        .where(Claim.state == ClaimState.REQUESTED)
    )


def _today() -> date:
    return clock.today(clock.now())


def _papers(actor: Actor) -> CompoundSelect[int]:
    """Requests for stamped certificates: to be checked by a clerk, then to be issued by a confirmer."""
    asked = select(Certificate.id).join(Organization, Organization.id == Certificate.organization_id)
    clerk, confirmer = actor.reach(Role.CLERK), actor.reach(Role.CONFIRMER)
    to_check = asked.where(organizations.under(clerk), Certificate.state == CertificateState.REQUESTED)
    return to_check.union_all(
        asked.where(organizations.under(confirmer), Certificate.state == CertificateState.CHECKED)
    )


def _supplements(actor: Actor) -> Select[int]:
    """Time outside a shift that somebody of the organization has to look at."""
    waits = supplements.within(actor.reach(*LOOK)).order_by(None).with_only_columns(Supplement.id)
    return waits.where(Supplement.state == SupplementState.REQUESTED, Supplement.stated_by_id != actor.account_id)


def _corrections(actor: Actor) -> Select[int]:
    """Corrections that somebody proposed."""
    return (
        select(Correction.id)
        .join(ServiceRecord, ServiceRecord.id == Correction.record_id)
        .join(Organization, Organization.id == ServiceRecord.organization_id)
        .where(organizations.under(actor.reach(Role.CONFIRMER)), Correction.state == CorrectionState.PROPOSED)
    )


def _evidence(actor: Actor) -> Select[int]:
    """Requests of open spot checks that this person's organizations have not answered."""
    asked = (
        select(CheckRequest.id).join(SpotCheck, SpotCheck.id == CheckRequest.check_id).join(CheckRequest.organization)
    )
    mine = asked.where(organizations.under(actor.reach(Role.CLERK)), CheckRequest.answered_at.is_(None))
    return mine.where(SpotCheck.state == CheckState.OPEN)


def _risks(actor: Actor) -> Select[int]:
    """Flags below the organizations where this person looks."""
    below = select(RiskFlag.id).join(Organization, Organization.id == RiskFlag.organization_id)
    return below.where(inspections.above(actor.reach(*LOOKERS)), RiskFlag.state == FlagState.OPEN)


def _objections(actor: Actor) -> Select[int]:
    """Objections to a note about somebody who did not come, as far as this person did not make the note."""
    return (
        select(Absence.id)
        .join(Absence.claim)
        .join(Claim.shift)
        .join(Shift.post)
        .join(Post.organization)
        .where(organizations.under(actor.reach(Role.CLERK, Role.CONFIRMER)))
        .where(Absence.disputed_at.is_not(None), Absence.decided_at.is_(None), Absence.undone_at.is_(None))
        .where(Absence.marked_by_id != actor.account_id)
    )


def _capped(rows: Select[int] | CompoundSelect[int]) -> ColumnElement[int]:
    few = rows.limit(MOST_COUNTED).subquery()
    return select(func.count()).select_from(few).scalar_subquery()


@dataclass(frozen=True, slots=True)
class ComingShift:
    shift: Shift
    held: int
    line: int


def coming_shifts(paths: Sequence[str], now: datetime, size: int = 8) -> list[ComingShift]:
    """The open shifts that run now or come next, with how many hold a place and how many wait."""
    held = _claims_in(ClaimState.HELD, ClaimState.OFFERED)
    line = _claims_in(ClaimState.WAITING)
    open_ones = (
        select(Shift, held, line)
        .join(Shift.post)
        .join(Post.organization)
        .where(organizations.under(paths), Shift.state == ShiftState.OPEN, Shift.ends_at > now)
        .order_by(Shift.starts_at, Shift.id)
        .limit(size)
        .options(contains_eager(Shift.post).contains_eager(Post.organization))
    )
    return [ComingShift(*row) for row in db.session.execute(open_ones)]


def _claims_in(*states: ClaimState) -> ColumnElement[int]:
    counted = select(func.count(Claim.id)).where(Claim.shift_id == Shift.id, Claim.state.in_(states))
    return counted.correlate(Shift).scalar_subquery()


# --- organizations ----------------------------------------------------------------------------------------


def _above() -> Any:
    """The division of an organization with what it lies in, as far as one page says it."""
    return joinedload(Organization.division).joinedload(Division.parent).joinedload(Division.parent)


def organization(organization_id: int, paths: Sequence[str]) -> Organization | None:
    """The organization with its parent and its place, if it lies in one of these subtrees."""
    one = select(Organization).where(Organization.id == organization_id, organizations.under(paths))
    return db.session.scalar(one.options(joinedload(Organization.parent), _above()))


def roots(paths: Sequence[str]) -> list[str]:
    """The subtrees without those that lie in another of them."""
    return [path for path in paths if not any(path != other and path.startswith(other) for other in paths)]


def tree(paths: Sequence[str]) -> dict[int | None, list[Organization]]:
    """The open organizations at the top of these subtrees and two levels below, by the id of their parent.

    The tops themselves stand under None.
    """
    tops, parent = roots(paths), aliased(Organization)
    near = or_(Organization.path.in_(tops), parent.path.in_(tops), parent.parent_id.in_(_ids_of(tops)))
    shown = (
        select(Organization)
        .outerjoin(parent, parent.id == Organization.parent_id)
        .where(near, Organization.closed_at.is_(None))
        .order_by(Organization.division_id, Organization.id)
    )
    found: dict[int | None, list[Organization]] = {}
    for one in db.session.scalars(shown):
        found.setdefault(None if one.path in tops else one.parent_id, []).append(one)
    return found


def _ids_of(paths: Sequence[str]) -> Select[int]:
    return select(Organization.id).where(Organization.path.in_(paths))


def counts_below(parent_ids: Sequence[int]) -> dict[int, int]:
    """How many open organizations stand directly below each of these."""
    below = select(Organization.parent_id, func.count()).where(Organization.parent_id.in_(parent_ids))
    rows = below.where(Organization.closed_at.is_(None)).group_by(Organization.parent_id)
    return {parent_id: count for parent_id, count in db.session.execute(rows) if parent_id}


def named(paths: Sequence[str], q: str, size: int = PAGE) -> list[Organization]:
    """Open organizations of these subtrees whose name contains the text."""
    found = organizations.organizations_under(paths).where(Organization.name.contains(q, autoescape=True))
    return list(db.session.scalars(found.limit(size)))


def children(organization: Organization) -> list[Organization]:
    """The open organizations directly below."""
    below = select(Organization).where(Organization.parent_id == organization.id, Organization.closed_at.is_(None))
    return list(db.session.scalars(below.order_by(Organization.division_id, Organization.id)))


def open_posts(organization_id: int, size: int = 10) -> list[Post]:
    """The newest posts of the organization that are published."""
    own = select(Post).where(Post.organization_id == organization_id, Post.state == PostState.PUBLISHED)
    return list(db.session.scalars(own.order_by(Post.id.desc()).limit(size)))


def same_name(name: str, parent_id: int) -> Organization | None:
    """An open organization of that name directly below the parent."""
    same = select(Organization).where(
        Organization.name == name, Organization.parent_id == parent_id, Organization.closed_at.is_(None)
    )
    return db.session.scalar(same.limit(1))


def coming_shift_of(organization_id: int, now: datetime) -> Shift | None:
    """The next open shift of the organization that is not over."""
    own = select(Shift).join(Shift.post).where(Post.organization_id == organization_id)
    still = own.where(Shift.state == ShiftState.OPEN, Shift.ends_at > now).order_by(Shift.starts_at)
    return db.session.scalar(still.limit(1).options(contains_eager(Shift.post)))


def waits_for_a_decision(organization_id: int) -> bool:
    """Whether a registration with the organization or an entry of it is still undecided."""
    people = select(Volunteer.id).where(
        Volunteer.registered_with_id == organization_id, Volunteer.state == VolunteerState.SUBMITTED
    )
    entries = select(ServiceRecord.id).where(
        ServiceRecord.organization_id == organization_id,
        ServiceRecord.state.in_(NOT_YET),
    )
    return bool(db.session.scalar(select(or_(people.exists(), entries.exists()))))


# --- staff ------------------------------------------------------------------------------------------------


def live_grants(paths: Sequence[str], q: str = "", after: int = 0) -> list[Grant]:
    """The roles held in these subtrees from the top down, one more than a page; `after` is the last one's id."""
    held = (
        select(Grant)
        .join(Grant.organization)
        .join(Grant.account)
        .where(organizations.under(paths), Grant.revoked_at.is_(None), Account.closed_at.is_(None))
        .where(Organization.closed_at.is_(None), Account.name.startswith(q, autoescape=True))
        .options(contains_eager(Grant.organization), contains_eager(Grant.account))
    )
    if after:
        last = select(Organization.path).join(Grant, Grant.organization_id == Organization.id)
        held = held.where(tuple_(Organization.path, Grant.id) > tuple_(_one(last.where(Grant.id == after)), after))
    return list(db.session.scalars(held.order_by(Organization.path, Grant.id).limit(PAGE + 1)))


def _one(path: Select[str]) -> ColumnElement[str]:
    return path.scalar_subquery()


def staff_of(organization_id: int) -> list[Grant]:
    """Who holds a role on this very organization."""
    held = select(Grant).join(Grant.account).where(Grant.organization_id == organization_id)
    live = held.where(Grant.revoked_at.is_(None), Account.closed_at.is_(None))
    by_role = live.options(contains_eager(Grant.account)).order_by(Grant.role, Account.name, Grant.id)
    return list(db.session.scalars(by_role))


def grants_of(account_id: int) -> list[Grant]:
    """Every live role of one account, with where it is held."""
    mine = select(Grant).where(Grant.account_id == account_id, Grant.revoked_at.is_(None))
    return list(db.session.scalars(mine.options(joinedload(Grant.organization, innerjoin=True))))


def grant_under(grant_id: int, paths: Sequence[str]) -> Grant | None:
    """The role, if it was given in one of these subtrees, live or not."""
    one = select(Grant).join(Grant.organization).where(Grant.id == grant_id, organizations.under(paths))
    return db.session.scalar(one.options(contains_eager(Grant.organization), joinedload(Grant.account)))


def live_administrators(organization_id: int) -> list[int]:
    """The accounts that administer this very organization."""
    held = select(Grant.account_id).join(Grant.account).where(Grant.organization_id == organization_id)
    live = held.where(Grant.role == Role.ADMINISTRATOR, Grant.revoked_at.is_(None))
    return list(db.session.scalars(live.where(Account.closed_at.is_(None)).distinct()))


def administers(account_id: int, organization: Organization) -> bool:
    """Whether the account holds the administrator's role on the organization or above it right now."""
    ids = [organization.id, *organization.ancestors]
    held = select(Grant.id).join(Grant.account).join(Grant.organization).where(Grant.account_id == account_id)
    live = held.where(Grant.role == Role.ADMINISTRATOR, Grant.revoked_at.is_(None))
    here = live.where(Grant.organization_id.in_(ids), Organization.closed_at.is_(None))
    return db.session.scalar(here.where(Account.closed_at.is_(None)).limit(1)) is not None


def _open_invitations(now: datetime) -> ColumnElement[bool]:
    return and_(Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None), Invitation.expires_at > now)


def open_invitations(paths: Sequence[str], now: datetime) -> list[Invitation]:
    """The invitations in these subtrees that can still be accepted, the newest first."""
    mine = select(Invitation).join(Invitation.organization).where(organizations.under(paths))
    still = mine.where(_open_invitations(now)).options(contains_eager(Invitation.organization))
    return list(db.session.scalars(still.order_by(Invitation.id.desc())))


def same_invitation(organization_id: int, role: Role, name: str, now: datetime) -> Invitation | None:
    """An open invitation of that name to that role."""
    same = select(Invitation).where(
        Invitation.organization_id == organization_id, Invitation.role == role, Invitation.name == name
    )
    return db.session.scalar(same.where(_open_invitations(now)).limit(1))


def invitation_under(invitation_id: int, paths: Sequence[str]) -> Invitation | None:
    """The invitation, if its organization lies in one of these subtrees."""
    one = select(Invitation).join(Invitation.organization).where(Invitation.id == invitation_id)
    mine = one.where(organizations.under(paths)).options(contains_eager(Invitation.organization))
    return db.session.scalar(mine)


def invitation_by(code_hash: str) -> Invitation | None:
    """The invitation whose link carries the code of this hash."""
    one = select(Invitation).where(Invitation.code_hash == code_hash)
    return db.session.scalar(one.options(joinedload(Invitation.organization, innerjoin=True)))


# --- registrations ----------------------------------------------------------------------------------------


def _people_under(paths: Sequence[str]) -> Select[Volunteer]:
    """The volunteers registered in these subtrees, with their account and where they registered."""
    return (
        select(Volunteer)
        .join(Volunteer.account)
        .join(Volunteer.registered_with)
        .where(organizations.under(paths))
        .options(contains_eager(Volunteer.account), contains_eager(Volunteer.registered_with))
    )


def registrations(paths: Sequence[str], after: int = 0) -> list[Volunteer]:
    """The registrations that wait for a decision, the oldest first; `after` is the last id of the page before."""
    queue = _people_under(paths).where(Volunteer.state == VolunteerState.SUBMITTED, Volunteer.id > after)
    whole = queue.options(joinedload(Volunteer.division), selectinload(Volunteer.skills))
    return list(db.session.scalars(whole.order_by(Volunteer.id).limit(PAGE + 1)))


def registration(volunteer_id: int, paths: Sequence[str]) -> Volunteer | None:
    """One volunteer of these subtrees with everything that was sent; None if it is not the viewer's to see."""
    one = _people_under(paths).where(Volunteer.id == volunteer_id)
    return db.session.scalar(
        one.options(joinedload(Volunteer.division), joinedload(Volunteer.branch), selectinload(Volunteer.skills))
    )


def registrations_among(volunteer_ids: Sequence[int], paths: Sequence[str]) -> list[Volunteer]:
    """Which of these volunteers are the viewer's to decide on, whatever their state."""
    some = _people_under(paths).where(Volunteer.id.in_(volunteer_ids)).options(selectinload(Volunteer.skills))
    return list(db.session.scalars(some.order_by(Volunteer.id)))


def guarded(volunteer_ids: Sequence[int]) -> set[int]:
    """Which of these volunteers have a guardian's consent that stands."""
    if not volunteer_ids:
        return set()
    given = select(Guardianship.volunteer_id).where(
        Guardianship.volunteer_id.in_(volunteer_ids), Guardianship.revoked_at.is_(None)
    )
    return set(db.session.scalars(given))


def doubles(volunteers: Sequence[Volunteer]) -> set[int]:
    """Which of these share name and date of birth with somebody else who is registered."""
    other, name = aliased(Volunteer), aliased(Account)
    pairs = [(v.account.name, v.birth_date) for v in volunteers]
    alike = (
        select(Volunteer.id)
        .join(Volunteer.account)
        .join(other, (other.birth_date == Volunteer.birth_date) & (other.id != Volunteer.id))
        .join(name, (name.id == other.account_id) & (name.name == Account.name))
        .where(Volunteer.id.in_([v.id for v in volunteers]), other.state.not_in(OVER))
        .where(tuple_(name.name, other.birth_date).in_(pairs))
    )
    return set(db.session.scalars(alike.distinct()))


@dataclass(frozen=True, slots=True)
class Marks:
    """What an administrator should look at before approving; nothing set means unremarkable."""

    is_minor: bool = False
    lacks_guardian: bool = False
    is_double: bool = False
    is_proxy: bool = False
    has_proven_skill: bool = False

    @property
    def is_unremarkable(self) -> bool:
        return self == Marks()


def marks(volunteers: Sequence[Volunteer], now: datetime) -> dict[int, Marks]:
    """What is remarkable about each registration, in two queries for any number of them."""
    minors = [v.id for v in volunteers if v.age(now) < ADULT]
    with_guardian, twice = guarded(minors), doubles(volunteers)
    return {
        v.id: Marks(
            is_minor=v.id in minors,
            lacks_guardian=v.id in minors and v.id not in with_guardian,
            is_double=v.id in twice,
            is_proxy=v.account.created_by_id is not None,
            has_proven_skill=any(s.skill in PROVEN_SKILLS and not s.verified_at for s in v.skills),
        )
        for v in volunteers
    }


# --- people -----------------------------------------------------------------------------------------------


def people(paths: Sequence[str], q: str, size: int = PAGE) -> list[Volunteer]:
    """Volunteers of these subtrees by the begin of their name, the end of their phone number, or their number."""
    found = _people_under(paths).where(Account.closed_at.is_(None), _matches(q))
    return list(db.session.scalars(found.order_by(Account.name, Volunteer.id).limit(size + 1)))


def _matches(q: str) -> ColumnElement[bool]:
    """A whole volunteer number, at least four last digits of a phone, or the begin of a name."""
    word = q.strip()
    digits = word.replace(" ", "").replace("-", "")
    by_name_or_number = Account.name.startswith(word, autoescape=True) | (Volunteer.number == word.upper())
    if len(digits) >= 4 and digits.isascii() and digits.isdigit():
        return by_name_or_number | Account.phone.endswith(digits, autoescape=True)
    return by_name_or_number


def guardians(volunteer_id: int) -> list[Guardianship]:
    """Every guardian's consent ever recorded for the volunteer, the newest first."""
    given = select(Guardianship).where(Guardianship.volunteer_id == volunteer_id)
    return list(db.session.scalars(given.order_by(Guardianship.id.desc())))


def consents(account_id: int) -> list[Consent]:
    """Everything the person agreed to, in the order it was given."""
    given = select(Consent).where(Consent.account_id == account_id)
    return list(db.session.scalars(given.order_by(Consent.id)))


def open_slips(account_id: int, now: datetime) -> list[Slip]:
    """The one-time slips of an account that can still be used."""
    mine = select(Slip).where(Slip.account_id == account_id, Slip.used_at.is_(None), Slip.expires_at > now)
    return list(db.session.scalars(mine.order_by(Slip.id)))


# --- what was done ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trace:
    """One audit entry with the names that belong to it."""

    entry: AuditEntry
    actor: str | None
    about: str | None
    organization: str | None


@dataclass(frozen=True, slots=True)
class Sought:
    """Which audit entries are wanted; empty means all."""

    person: str = ""
    action: str = ""
    first: date | None = None
    last: date | None = None
    before: int = 0


def traces(paths: Sequence[str], sought: Sought, *, with_citywide: bool) -> list[Trace]:
    """What was done in these subtrees, newest first, one more than a page so that one knows if there is more."""
    actor, about = aliased(Account), aliased(Account)
    where = organizations.under(paths)
    if with_citywide:  # the numbers of the rules belong to no organization
        where = or_(where, AuditEntry.organization_id.is_(None))
    rows = (
        select(AuditEntry, actor.name, about.name, Organization.name)
        .outerjoin(Organization, Organization.id == AuditEntry.organization_id)
        .outerjoin(actor, actor.id == AuditEntry.actor_id)
        .outerjoin(about, about.id == AuditEntry.about_id)
        .where(where, *_sought(sought, actor.name, about.name))
        .order_by(AuditEntry.id.desc())
        .limit(PAGE + 1)
    )
    return [Trace(*row) for row in db.session.execute(rows)]


def _sought(
    sought: Sought, actor: InstrumentedAttribute[str], about: InstrumentedAttribute[str]
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if sought.person:
        names = (actor, about)
        conditions.append(or_(*(name.startswith(sought.person, autoescape=True) for name in names)))
    if sought.action:
        conditions.append(AuditEntry.action == sought.action)
    if sought.first:
        conditions.append(AuditEntry.at >= clock.day_span(sought.first)[0])
    if sought.last:
        conditions.append(AuditEntry.at < clock.day_span(sought.last)[1])
    if sought.before:
        conditions.append(AuditEntry.id < sought.before)
    return conditions


# --- the numbers of the rules -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetBy:
    """A number that was set otherwise than the default, when and by whom."""

    value: int
    changed_at: datetime
    name: str | None


def settings() -> dict[Limit, SetBy]:
    """The numbers this city has set itself."""
    rows = select(Setting.name, Setting.value, Setting.changed_at, Account.name).outerjoin(
        Account, Account.id == Setting.changed_by_id
    )
    own = rows.where(Setting.name.in_(list(Limit)))  # other settings stand in the same table
    return {Limit(name): SetBy(value, at, by) for name, value, at, by in db.session.execute(own)}


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One time that somebody set a number of the rules."""

    at: datetime
    name: str | None
    before: int | None
    after: int


def limit_history(limit: Limit, size: int = PAGE) -> list[LimitChange]:
    """Who set this number when, the newest first."""
    rows = (
        select(AuditEntry.at, Account.name, AuditEntry.details)
        .join(Setting, (Setting.id == AuditEntry.subject_id) & (Setting.name == limit))
        .outerjoin(Account, Account.id == AuditEntry.actor_id)
        .where(AuditEntry.subject == Setting.__tablename__, AuditEntry.action == "limit set")
    )
    found = db.session.execute(rows.order_by(AuditEntry.id.desc()).limit(size))
    return [LimitChange(at, name, **_numbers(details)) for at, name, details in found]


def _numbers(details: str) -> dict[str, Any]:
    known = json.loads(details)
    return {"before": known["before"], "after": known["after"]}


def slip_issued_by(slip_id: int, account_id: int) -> Slip | None:
    """A slip that this person handed out, with whose account it opens."""
    own = select(Slip).where(Slip.id == slip_id, Slip.issued_by_id == account_id)
    return db.session.scalar(own.options(joinedload(Slip.account, innerjoin=True)))
