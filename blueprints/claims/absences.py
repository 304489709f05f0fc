"""Who did not come: what of it still stands, who sees it, and until when."""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import aliased, contains_eager

from blueprints.claims import queries
from blueprints.claims.models import Absence, AbsenceKind, AbsenceOutcome, Act, Claim, ClaimState, Punch
from blueprints.identity.models import Account, Volunteer
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.posts.models import Post, Shift
from core import clock
from core.db import db

SEVERAL = 2  # from so many marks on a clerk is told, so that they call first
MOST_LISTED = 100
NOTED_WITHIN = timedelta(days=30)  # after the end of the shift: later nobody remembers fairly
_claim = contains_eager(Absence.claim)
_person = _claim.joinedload(Claim.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
_shift = _claim.contains_eager(Claim.shift).contains_eager(Shift.post).contains_eager(Post.organization)


def fades_at(now: datetime) -> datetime:
    """When a mark that is made now fades: the same local hour, some months later."""
    return _by_months(now, organizations.limit(Limit.NO_SHOW_MONTHS))


def faded_before(now: datetime) -> datetime:
    """What was cancelled late before then is told to nobody any more."""
    return _by_months(now, -organizations.limit(Limit.NO_SHOW_MONTHS))


def _by_months(moment: datetime, months: int) -> datetime:
    """The same local hour so many months away; on the last day of a month that is too short."""
    there = clock.local(moment)
    year, month = divmod(there.year * 12 + there.month - 1 + months, 12)
    day = min(there.day, monthrange(year, month + 1)[1])
    return clock.at(there.date().replace(year, month + 1, day), there.time())


def noted_until(shift: Shift) -> datetime:
    """Until when it can be noted that somebody did not come."""
    return shift.ends_at + NOTED_WITHIN


def was_seen() -> ColumnElement[bool]:
    """Whether there is an observation of the claim that stands: then nobody was absent, whatever was noted."""
    return observations().exists()


def observations() -> Select[int]:
    """The observations of a claim of a larger question that stand."""
    undo = aliased(Punch)
    undone = select(undo.id).where(undo.undoes_id == Punch.id).exists()
    return select(Punch.id).where(Punch.claim_id == Claim.id, Punch.act != Act.UNDO, ~undone)


def is_shown(now: datetime) -> ColumnElement[bool]:
    """A mark that is neither taken back nor overturned, that has not faded and that no observation contradicts."""
    kept = or_(Absence.outcome.is_(None), Absence.outcome == AbsenceOutcome.UPHELD)
    return and_(Absence.kind == AbsenceKind.NO_SHOW, Absence.undone_at.is_(None), kept, Absence.fades_at > now) & (
        ~was_seen()
    )


def _whole() -> Select[Absence]:
    """Absences with their shift, post and organization, and the person."""
    found = select(Absence).join(Absence.claim).join(Claim.shift).join(Shift.post).join(Post.organization)
    return found.options(_person, _shift)


# --- the shift --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Missing:
    """Somebody who held a place and was not seen, and what was noted of it."""

    claim: Claim
    absence: Absence | None


def missing(shift_id: int, now: datetime) -> list[Missing]:
    """Who held a place to the end and was neither seen nor released, by place; what has faded is not told."""
    held = [claim for claim in queries.roster(shift_id) if claim.state is ClaimState.HELD]
    seen = queries.attendances(claim.id for claim in held)
    unseen = [claim for claim in held if not seen[claim.id].spans and claim.handed_in_at is None]
    noted = _noted([claim.id for claim in unseen])
    return [Missing(claim, _unfaded(noted.get(claim.id), now)) for claim in unseen]


def _noted(claim_ids: list[int]) -> dict[int, Absence]:
    found = select(Absence).where(Absence.claim_id.in_(claim_ids), Absence.undone_at.is_(None))
    return {absence.claim_id: absence for absence in db.session.scalars(found)}


def _unfaded(absence: Absence | None, now: datetime) -> Absence | None:
    gone = absence is not None and absence.fades_at is not None and absence.fades_at <= now
    return None if gone else absence


def standing_note(claim_id: int) -> Absence | None:
    """What is noted of the claim and was not taken back."""
    return db.session.scalar(select(Absence).where(Absence.claim_id == claim_id, Absence.undone_at.is_(None)))


def within(absence_id: int, paths: Iterable[str]) -> Absence | None:
    """The absence with its shift and person, if the shift lies within these subtrees."""
    return db.session.scalar(_whole().where(Absence.id == absence_id, organizations.under(paths)))


# --- disputes ---------------------------------------------------------------------------------------------


def disputes(paths: Iterable[str]) -> list[Absence]:
    """What people objected to and nobody decided yet, the oldest first."""
    waiting = _whole().where(organizations.under(paths), Absence.undone_at.is_(None))
    waiting = waiting.where(Absence.disputed_at.is_not(None), Absence.decided_at.is_(None))
    return list(db.session.scalars(waiting.order_by(Absence.disputed_at, Absence.id).limit(MOST_LISTED)))


def marker(absence: Absence) -> str:
    """What whoever noted it is called."""
    return db.session.scalars(select(Account.name).where(Account.id == absence.marked_by_id)).one()


# --- the person's own -------------------------------------------------------------------------------------


def own(volunteer_id: int, now: datetime) -> list[Absence]:
    """The marks that somebody has and sees, the latest first."""
    mine = _whole().where(Claim.volunteer_id == volunteer_id, is_shown(now))
    return list(db.session.scalars(mine.order_by(Absence.marked_at.desc(), Absence.id.desc())))


def own_or_none(absence_id: int, volunteer_id: int) -> Absence | None:
    """The absence, if it is about this person."""
    mine = select(Absence).join(Absence.claim)
    return db.session.scalar(mine.where(Absence.id == absence_id, Claim.volunteer_id == volunteer_id))


def of_claims(claim_ids: Sequence[int], now: datetime) -> dict[int, Absence]:
    """What the person's schedule says of claims on which nobody saw them."""
    if not claim_ids:
        return {}
    noted = select(Absence).join(Absence.claim).where(Absence.claim_id.in_(claim_ids))
    excused = and_(Absence.kind == AbsenceKind.EXCUSED, Absence.undone_at.is_(None), ~was_seen())
    shown = db.session.scalars(noted.where(or_(is_shown(now), excused)))
    return {absence.claim_id: absence for absence in shown}


# --- before somebody is put on a roster -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Marks:
    """How often somebody did not come or cancelled late, of what still stands."""

    no_shows: int = 0
    late: int = 0

    @property
    def are_several(self) -> bool:
        return self.no_shows + self.late >= SEVERAL


def marks(volunteer_ids: Iterable[int], paths: Iterable[str], now: datetime) -> dict[int, Marks]:
    """The marks of each person on shifts within these subtrees; a mark under dispute counts only once it is upheld."""
    ids, inside = list(volunteer_ids), organizations.under(paths)
    agreed = or_(Absence.disputed_at.is_(None), Absence.outcome == AbsenceOutcome.UPHELD)
    missed = _on_shifts().join(Absence, Absence.claim_id == Claim.id).where(is_shown(now), agreed)
    late = _on_shifts().where(Claim.state == ClaimState.LATE, Claim.ended_at > faded_before(now))
    missed_by, late_by = (_count(found.where(Claim.volunteer_id.in_(ids), inside)) for found in (missed, late))
    return {id: Marks(missed_by[id], late_by[id]) for id in ids}


def _on_shifts() -> Select[int, int]:
    counted = select(Claim.volunteer_id, func.count(Claim.id)).join(Claim.shift).join(Shift.post)
    return counted.join(Organization, Organization.id == Post.organization_id).group_by(Claim.volunteer_id)


def _count(found: Select[int, int]) -> Counter[int]:
    return Counter(dict(db.session.execute(found).all()))
