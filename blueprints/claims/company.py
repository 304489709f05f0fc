"""Questions about people who come along: whom somebody means, and how far each of a party is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import aliased, contains_eager

from blueprints.claims import seeking
from blueprints.claims.models import Claim, ClaimState, Member, Party, Source
from blueprints.identity.models import Account, Guardianship, Volunteer, VolunteerState
from blueprints.organizations.models import Organization, OrganizationKind
from core.db import db

TOGETHER = (OrganizationKind.TEAM, OrganizationKind.SCHOOL, OrganizationKind.UNIT)


def meant(line: str, naming: Volunteer) -> Volunteer | None:
    """Whom a line means: a name with phone or number; the name alone for one's own branch, team, or minors in care."""
    words = line.replace("，", " ").replace(",", " ").replace("、", " ").split()
    if not words:
        return None
    if len(words) > 1 and any(c.isdigit() for c in words[-1]):
        return seeking.person(" ".join(words[:-1]), words[-1])
    near = select(Volunteer).join(Volunteer.account).options(contains_eager(Volunteer.account))
    found = near.where(Account.name == " ".join(words), Account.closed_at.is_(None), _close_to(naming))
    people = list(db.session.scalars(found.where(Volunteer.state == VolunteerState.ACTIVE).limit(2)))
    return people[0] if len(people) == 1 else None  # with two of one name the number has to say which


def _close_to(naming: Volunteer) -> ColumnElement[bool]:
    own = db.session.get_one(Account, naming.account_id)
    teams = select(Organization.id).where(Organization.kind.in_(TOGETHER))
    team = and_(Volunteer.registered_with_id == naming.registered_with_id, Volunteer.registered_with_id.in_(teams))
    branch = and_(Volunteer.branch_id.is_not(None), Volunteer.branch_id == naming.branch_id)
    care = select(Guardianship.volunteer_id).where(Guardianship.revoked_at.is_(None))
    minors = Volunteer.id.in_(care.where(Guardianship.guardian_phone == (own.phone or "-")))
    return or_(team, branch, minors)


def asked_before(shift_id: int, naming_id: int, volunteer_ids: Sequence[int]) -> set[int]:
    """Whom this person has named for this shift already; nobody is asked again and again."""
    named = select(Member.volunteer_id).join(Party, Party.id == Member.party_id)
    mine = named.where(Party.shift_id == shift_id, Party.named_by_id == naming_id)
    return set(db.session.scalars(mine.where(Member.volunteer_id.in_(volunteer_ids))))


def unanswered(shift_id: int, naming_id: int) -> int:
    """How many places of the shift are kept for people this person has named."""
    kept = select(Claim.id).join(Member, Member.claim_id == Claim.id).join(Party, Party.id == Member.party_id)
    mine = kept.where(Party.shift_id == shift_id, Party.named_by_id == naming_id, Claim.source == Source.GROUP)
    return len(db.session.scalars(mine.where(Claim.state == ClaimState.OFFERED)).all())


@dataclass(frozen=True, slots=True)
class Companion:
    """One person of a party as the viewer sees them; `leads` is the one who named the viewer."""

    name: str
    state: ClaimState | None  # None: asked, and not on the shift
    until: datetime | None
    leads: bool


def around(shift_id: int, volunteer_id: int | None) -> tuple[Companion, ...]:
    """Whom the volunteer has named for the shift, each with their claim, and who has named the volunteer."""
    if volunteer_id is None:
        return ()
    leader, own = aliased(Volunteer), aliased(Volunteer)
    leading, account = aliased(Account), aliased(Account)
    rows = db.session.execute(
        select(Party.named_by_id, leading.name, account.name, Claim.state, Claim.offered_until)
        .join(Member, Member.party_id == Party.id)
        .join(leader, leader.id == Party.named_by_id)
        .join(leading, leading.id == leader.account_id)
        .join(own, own.id == Member.volunteer_id)
        .join(account, account.id == own.account_id)
        .outerjoin(Claim, Claim.id == Member.claim_id)
        .where(Party.shift_id == shift_id)
        .where(or_(Party.named_by_id == volunteer_id, Member.volunteer_id == volunteer_id))
        .order_by(Member.id)
    )
    return tuple(
        Companion(name if by == volunteer_id else lead, state, until, leads=by != volunteer_id)
        for by, lead, name, state, until in rows
    )
