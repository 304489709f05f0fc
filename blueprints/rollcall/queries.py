"""Questions about what tablets sent later, and about the evidence of paper sheets. Nothing here writes."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, ScalarSelect, Select, false, func, or_, select
from sqlalchemy.orm import aliased, joinedload

from blueprints.claims import queries as claims
from blueprints.claims.models import Act, Claim, Punch
from blueprints.identity.models import Account
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from blueprints.posts.models import Post, Shift
from blueprints.rollcall.models import Evidence, OfflineAct, OfflineState
from blueprints.rollcall.rules import KEPT, SAME
from core.actor import Actor, Role
from core.db import db

MOST_LISTED = 200
PERSON = joinedload(OfflineAct.claim).options(claims.NAMED, joinedload(Claim.shift).options(claims.WHOLE_SHIFT))


def acts_by_key(keys: Iterable[str]) -> dict[str, OfflineAct]:
    """What was sent before under these keys."""
    found = db.session.scalars(select(OfflineAct).where(OfflineAct.key.in_([*keys])))
    return {act.key: act for act in found}


def paths_of(claim_ids: Iterable[int]) -> dict[int, tuple[int, str]]:
    """For each of these claims the shift, and the path of who offers it."""
    offered = select(Claim.id, Claim.shift_id, Organization.path).join(Claim.shift).join(Shift.post)
    found = offered.join(Post.organization).where(Claim.id.in_([*claim_ids]))
    return {id: (shift_id, path) for id, shift_id, path in db.session.execute(found)}


def says_the_same(claim_id: int, act: Act, at: datetime) -> bool:
    """Whether somebody marked the same at about that moment, with nothing else between."""
    seen = db.session.scalars(claims.standing_punches().where(Punch.claim_id == claim_id)).all()
    before, after = [p for p in seen if p.at <= at][-1:], [p for p in seen if p.at > at][:1]
    return any(p.act is act and abs(p.at - at) <= SAME for p in before + after)


def open_acts(actor: Actor) -> list[OfflineAct]:
    """What waits for this person: of the rosters within reach, and what belongs to nobody's and they sent."""
    found = _acts(actor).where(OfflineAct.state == OfflineState.OPEN)
    return list(db.session.scalars(found.order_by(OfflineAct.id).limit(MOST_LISTED)))


def open_ids(actor: Actor) -> Select[int]:
    """The ids of these as a question; nobody but a clerk has any."""
    mine = _within(select(OfflineAct.id), actor).where(OfflineAct.state == OfflineState.OPEN)
    return mine if actor.can(Role.CLERK) else mine.where(false())


def count_open(actor: Actor) -> int:
    """How many of these there are."""
    found = _within(select(func.count(OfflineAct.id)), actor).where(OfflineAct.state == OfflineState.OPEN)
    return db.session.scalar(found) or 0


def open_on(shift_id: int) -> ScalarSelect[int]:
    """How many acts of a shift could not be entered and wait for a person, as a column of a larger question."""
    theirs = aliased(Claim)
    waiting = select(func.count(OfflineAct.id)).join(theirs, theirs.id == OfflineAct.claim_id)
    return waiting.where(theirs.shift_id == shift_id, OfflineAct.state == OfflineState.OPEN).scalar_subquery()


def open_acts_of(claim_id: int) -> list[OfflineAct]:
    """What waits about one person on one shift, in the order it was seen."""
    waiting = select(OfflineAct).where(OfflineAct.claim_id == claim_id, OfflineAct.state == OfflineState.OPEN)
    return list(db.session.scalars(waiting.order_by(OfflineAct.tablet_at, OfflineAct.id)))


def act_within(act_id: int, actor: Actor) -> OfflineAct | None:
    """The act with its person and shift, if it is this person's to decide."""
    return db.session.scalar(_acts(actor).where(OfflineAct.id == act_id))


def decided_acts(actor: Actor, size: int = 20) -> list[OfflineAct]:
    """What people decided lately, the newest first."""
    found = _acts(actor).where(OfflineAct.decided_at.is_not(None)).order_by(OfflineAct.decided_at.desc())
    return list(db.session.scalars(found.limit(size)))


def _acts(actor: Actor) -> Select[OfflineAct]:
    return _within(select(OfflineAct), actor).options(PERSON)


def _within(acts: Select, actor: Actor) -> Select:  # type: ignore[type-arg]
    whole = acts.outerjoin(OfflineAct.claim).outerjoin(Claim.shift).outerjoin(Shift.post).outerjoin(Post.organization)
    return whole.where(or_(organizations.under(actor.reach(Role.CLERK)), _of_nobody(actor)))


def _of_nobody(actor: Actor) -> ColumnElement[bool]:
    """Sent by this person, and of a roster that does not exist for them."""
    mine = or_(OfflineAct.sent_by_id == actor.account_id, OfflineAct.observed_by_id == actor.account_id)
    return OfflineAct.claim_id.is_(None) & mine


def observers_of(claim_id: int) -> set[int]:
    """Who saw what was entered of this claim from a tablet's queue, besides whoever sent it."""
    entered = OfflineAct.punch_id.is_not(None)
    seen = select(OfflineAct.observed_by_id).where(OfflineAct.claim_id == claim_id, entered)
    return {account_id for account_id in db.session.scalars(seen) if account_id}


def names(acts: Sequence[OfflineAct]) -> dict[int, str]:
    """What everybody is called who saw, sent or decided these."""
    ids = {id for act in acts for id in (act.observed_by_id, act.sent_by_id, act.decided_by_id) if id}
    return dict(db.session.execute(select(Account.id, Account.name).where(Account.id.in_(ids))).all())


# --- the paper sheet ----------------------------------------------------------------------------------------


def evidence_on(shift_ids: Iterable[int]) -> dict[int, list[Evidence]]:
    """The pictures of each of these shifts, without their content, oldest first."""
    found: dict[int, list[Evidence]] = {}
    for each in db.session.scalars(select(Evidence).where(Evidence.shift_id.in_([*shift_ids])).order_by(Evidence.id)):
        found.setdefault(each.shift_id, []).append(each)
    return found


def old_pictures(now: datetime) -> Select[int]:
    """The ids of the pictures whose shift is over for longer than they are kept."""
    over = select(Evidence.id).join(Shift, Shift.id == Evidence.shift_id)
    return over.where(Evidence.erased_at.is_(None), Shift.ends_at < now - KEPT)


def picture_within(evidence_id: int, paths: Iterable[str]) -> bytes | None:
    """A picture, if its shift lies within these subtrees and nobody on it asked to be forgotten."""
    found = select(Evidence.content).join(Evidence.shift).join(Shift.post).join(Post.organization)
    return db.session.scalar(found.where(Evidence.id == evidence_id, organizations.under(paths)))
