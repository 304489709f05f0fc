"""The worker looks at registrations that are new, or whose address changed, and finds those that look alike."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import aliased

from blueprints.identity.models import Account, Slip, Volunteer
from blueprints.inspections import upkeep as inspections
from blueprints.mergers.models import Likeness, LikeSign
from blueprints.mergers.queries import GOES_ON
from core.audit import AuditEntry
from core.db import db

MOST = 500  # rows of a kind in one round
MOST_ALIKE = 2_000  # pairs of one round
CHANGES = ("mail address changed", "phone changed", "slip issued")
KINDS: dict[str, Any] = {"registrations": Volunteer, "changed people": AuditEntry}


def is_due(_now: datetime) -> bool:
    """Whether anything is there that nobody has looked at."""
    return inspections.has_news(KINDS)


def look(now: datetime) -> int:
    """Look at the next batch of each kind; returns how many pairs were found anew."""
    found = 0
    for name, model in KINDS.items():
        some = select(model.id).where(model.id > inspections.after(name)).order_by(model.id).limit(MOST)
        ids = list(db.session.scalars(some))
        found += _keep(_alike(ids if model is Volunteer else _changed(ids)), now) if ids else 0
        inspections.seen_up_to(name, ids)
    return found


def _changed(entry_ids: Sequence[int]) -> list[int]:
    """The registrations of which these traces tell a new address."""
    changed = select(Volunteer.id).join(AuditEntry, AuditEntry.about_id == Volunteer.account_id)
    changed = changed.where(AuditEntry.id.in_(entry_ids), AuditEntry.action.in_(CHANGES))
    return sorted(set(db.session.scalars(changed)))


def _alike(ids: Sequence[int]) -> dict[tuple[int, int], set[str]]:
    """Every pair of which one is among these, with why it looks like one person."""
    pairs: dict[tuple[int, int], set[str]] = {}
    for sign, question in _questions(ids):
        for one, other in db.session.execute(question.limit(MOST_ALIKE)):
            pairs.setdefault((min(one, other), max(one, other)), set()).add(sign.value)
    return pairs


def _questions(ids: Sequence[int]) -> Iterable[tuple[LikeSign, Select[Any]]]:
    """Each by an index: of names, of mail addresses, of phone numbers and of those that were asked for."""
    one, other, mine, its = aliased(Volunteer), aliased(Volunteer), aliased(Account), aliased(Account)
    both: tuple[Any, ...] = (one.id, other.id)
    two = select(*both).select_from(one).join(mine, mine.id == one.account_id)
    two = two.where(one.state.in_(GOES_ON), other.state.in_(GOES_ON), one.id.in_(ids), mine.closed_at.is_(None))

    def pairs(found: Select[Any], alike: Any) -> Select[Any]:
        found = found.join(its, alike & (its.id != mine.id) & its.closed_at.is_(None))
        return found.join(other, other.account_id == its.id)

    named = pairs(two, its.name == mine.name)
    yield LikeSign.NAME_AND_BIRTH, named.where(one.birth_date == other.birth_date)
    yield LikeSign.ID_TAIL, named.where(one.id_last4.is_not(None), one.id_last4 == other.id_last4)
    yield LikeSign.MAIL, pairs(two, its.email == mine.email)
    yield LikeSign.PHONE, pairs(two.join(Slip, Slip.account_id == mine.id), its.phone == Slip.new_phone)
    yield LikeSign.PHONE, pairs(two.join(Slip, Slip.new_phone == mine.phone), its.id == Slip.account_id)


def _keep(pairs: dict[tuple[int, int], set[str]], now: datetime) -> int:
    firsts = {first for first, _second in pairs}
    known = {(each.first_id, each.second_id): each for each in _likenesses(firsts)}
    for (first, second), signs in pairs.items():
        kept = known.get((first, second))
        if kept is None:
            db.session.add(Likeness(first_id=first, second_id=second, signs=sorted(signs), found_at=now, reason=""))
        elif not kept.dismissed_at:
            kept.signs = sorted({*kept.signs, *signs})
    db.session.flush()
    return len(pairs.keys() - known.keys())


def _likenesses(first_ids: Iterable[int]) -> list[Likeness]:
    return list(db.session.scalars(select(Likeness).where(Likeness.first_id.in_(list(first_ids)))))


# As blueprints/claims/upkeep.py: a question that only reads, and the verb that settles what it found.
STEPS: tuple[tuple[Callable[[datetime], bool], Callable[[datetime], int]], ...] = ((is_due, look),)
