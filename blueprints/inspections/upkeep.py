"""The worker looks at what is new since it last looked, a batch at a time, and raises what the rules find."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select

from blueprints.identity.models import Account
from blueprints.inspections import overdue, queries, signs
from blueprints.inspections.models import FlagState, Lookout, RiskFlag, RiskRow
from blueprints.inspections.signs import Sign
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.organizations import queries as organizations
from blueprints.records.models import RefusedAttempt, ServiceRecord
from core import clock, workdays
from core.db import db

MOST = 1_000  # rows of a kind in one round
AGAIN = 100  # rows before the last one are looked at once more: a lower number may have been committed later
OVERDUE, MORNING = "overdue", 8  # up to which day the level above was told, and the hour from which it is
MOST_ROWS = 50  # entries kept with a flag; its numbers count them all
KINDS: dict[str, Any] = {"records": ServiceRecord, "accounts": Account, "attempts": RefusedAttempt}


def is_due(_now: datetime) -> bool:
    """Whether anything is there that nobody has looked at."""
    return has_news(KINDS)


def has_news(kinds: Mapping[str, Any]) -> bool:
    """Whether there are rows of one of these kinds behind the last one that was looked at."""
    seen = dict(db.session.execute(select(Lookout.name, Lookout.last_id)).all())
    newest = select(*(select(func.max(model.id)).scalar_subquery() for model in kinds.values()))
    last = db.session.execute(newest).one()
    return any((id or 0) > seen.get(name, 0) for name, id in zip(kinds, last, strict=True))


def look(now: datetime) -> int:
    """Look at the next batch of each kind; returns how many flags were raised."""
    limits = organizations.limits()
    entries = signs.batch(after("records"), MOST, limits, now)
    raised = _raise_all(signs.of_records(entries), now)
    seen_up_to("records", [row.id for row in entries.rows])
    asked: dict[str, Callable[[Sequence[int]], Iterable[Sign]]] = {
        "accounts": lambda ids: signs.of_accounts(ids, limits, now),
        "attempts": lambda ids: signs.of_attempts(ids, limits, now),
    }
    for name, ask in asked.items():
        ids = _next_ids(name)
        raised += _raise_all(ask(ids), now) if ids else 0
        seen_up_to(name, ids)
    return raised


def after(name: str) -> int:
    """The id behind which rows of a kind are looked at next."""
    mark = db.session.scalar(select(Lookout.last_id).where(Lookout.name == name)) or 0
    return max(0, mark - AGAIN)


def _next_ids(name: str) -> list[int]:
    model = KINDS[name]
    following = select(model.id).where(model.id > after(name)).order_by(model.id).limit(MOST)
    return list(db.session.scalars(following))


def seen_up_to(name: str, ids: Sequence[int]) -> None:
    """Remember the last of these as looked at."""
    if not ids:
        return
    mark = db.session.scalar(select(Lookout).where(Lookout.name == name))
    if mark is None:
        mark = Lookout(name=name, last_id=0)
        db.session.add(mark)
    mark.last_id = max(mark.last_id, ids[-1])
    db.session.flush()


def _raise_all(found: Iterable[Sign], now: datetime) -> int:
    """Each rule raises one flag for a subject and a month; what was looked at already stays as it was found."""
    told = {(sign.rule, sign.subject, sign.subject_id, sign.month): sign for sign in found}
    known = _known(told)
    for key, sign in told.items():
        flag = known.get(key)
        if flag is None:
            flag = RiskFlag(rule=sign.rule, subject=sign.subject, subject_id=sign.subject_id, month=sign.month)
            flag.organization_id, flag.raised_at, flag.state = sign.organization_id, now, FlagState.OPEN
            db.session.add(flag)
        if flag.state is FlagState.OPEN:
            flag.details = dict(sign.details)
            db.session.flush()
            _rest_on(flag, sign.record_ids)
    return len(told.keys() - known.keys())


def _known(told: dict[Any, Sign]) -> dict[Any, RiskFlag]:
    kinds, ids = {key[1] for key in told}, {key[2] for key in told}
    flags = db.session.scalars(select(RiskFlag).where(RiskFlag.subject.in_(kinds), RiskFlag.subject_id.in_(ids)))
    return {(flag.rule, flag.subject, flag.subject_id, flag.month): flag for flag in flags}


def _rest_on(flag: RiskFlag, record_ids: Sequence[int]) -> None:
    kept = set(db.session.scalars(select(RiskRow.record_id).where(RiskRow.flag_id == flag.id)))
    for record_id in sorted(set(record_ids) - kept)[: max(0, MOST_ROWS - len(kept))]:
        db.session.add(RiskRow(flag_id=flag.id, record_id=record_id))


# --- what became overdue ----------------------------------------------------------------------------------------


def is_morning_of_a_working_day(now: datetime) -> bool:
    """Whether it is time to tell the level above what became overdue, and nobody has done it today."""
    today = clock.today(now)
    if clock.local(now).hour < MORNING or _last_told() >= today.toordinal():
        return False
    return workdays.is_workday(today)


def _last_told() -> int:
    return db.session.scalar(select(Lookout.last_id).where(Lookout.name == OVERDUE)) or 0


def tell_of_overdue(now: datetime) -> int:
    """Tell those who look what became overdue below them since they were told last: one message a person and day."""
    last, today = _last_told(), clock.today(now)
    late = overdue.by_organization(overdue.at(now, date.fromordinal(last) if last else None))
    told: Counter[int] = Counter()
    for organization_id, accounts in queries.lookers_over(late).items():
        told.update(dict.fromkeys(accounts, late[organization_id]))
    for account_id, count in sorted(told.items()):
        key = f"overdue:{account_id}:{today}"
        tell(account_id, NoticeKind.RECORD_OVERDUE, now=now, path="/desk/overdue", key=key, count=count)
    seen_up_to(OVERDUE, [today.toordinal()])
    return len(told)


# As blueprints/claims/upkeep.py: a question that only reads, and the verb that settles what it found.
STEPS: tuple[tuple[Callable[[datetime], bool], Callable[[datetime], int]], ...] = (
    (is_due, look),
    (is_morning_of_a_working_day, tell_of_overdue),
)
