"""What the demo has to show of disputes and of a registration that its person knows nothing of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from blueprints.admin import actions as office
from blueprints.disputes import actions as disputes
from blueprints.disputes import queries, reporting
from blueprints.disputes.models import Dispute, DisputeKind
from blueprints.identity import actions as people
from blueprints.identity.models import Gender
from blueprints.records import queries as recorded
from blueprints.records.models import RecordState, ServiceRecord
from core.actor import Actor
from core.db import db

CLERK = "0004"  # the last digits of their phone
VICTIM = "+8619900000189"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OVERDUE = 17 * DAY  # longer than ten working days, but around the longest holidays
Happening = Callable[[datetime], object]


@dataclass(frozen=True, slots=True)
class Stage:
    """Whom the demo has, when things happen in it, and its shown station with where it lies."""

    at: Callable[[datetime, Happening], None]
    now: datetime
    volunteers: Sequence[Actor]
    actors: Mapping[str, Actor]  # staff, by the last four digits of the phone
    division_id: int
    organization_id: int


def play(stage: Stage) -> None:
    """One dispute in each state that somebody has something to do with, and a report that waits."""
    stage.at(stage.now - OVERDUE, lambda now: _left_lying(stage, now))
    stage.at(stage.now - 6 * DAY, lambda now: _accepted(stage, 3, now))
    stage.at(stage.now - 5 * DAY, lambda now: _appealed(stage, 4, now))
    stage.at(stage.now - 4 * DAY, lambda now: _rejected(stage, 0, "实际做到十二点，少记了。", now))
    stage.at(stage.now - 2 * DAY, lambda now: _file(stage, 5, DisputeKind.NOT_ME, "我没有参加过这次活动。", now))
    stage.at(stage.now - DAY, lambda now: _file(stage, 6, DisputeKind.WRONG, "我提前半小时走了。", now, less=30))
    stage.at(stage.now - 5 * HOUR, lambda now: _file_pending(stage, 2, "我是十点走的，不是九点五十。", now))
    stage.at(stage.now - 9 * DAY, lambda now: _register_unasked(stage, now))
    stage.at(stage.now - 2 * DAY, _report)


def _entry(actor: Actor, *states: RecordState) -> ServiceRecord | None:
    """The latest entry of somebody that counts or waits, and that nobody disputed before."""
    told = select(Dispute.id).where(Dispute.record_id == ServiceRecord.id)
    mine = select(ServiceRecord).where(ServiceRecord.volunteer_id == actor.volunteer_id, ~told.exists())
    latest = mine.where(ServiceRecord.state.in_(states), ServiceRecord.minutes > 0).order_by(ServiceRecord.id.desc())
    return db.session.scalar(latest.limit(1))


def _file(
    stage: Stage, number: int, kind: DisputeKind, words: str, now: datetime, less: int | None = None
) -> Dispute | None:
    """Somebody disputes an entry that counts; `less` is how many minutes too many they say it has."""
    actor = stage.volunteers[number]
    entry = _entry(actor, RecordState.EFFECTIVE)
    if entry is None:
        return None
    right = max(0, recorded.worth([entry.id])[entry.id] - less) if less else None
    return disputes.file(entry.id, kind, actor, words=words, minutes=right, now=now)


def _left_lying(stage: Stage, now: datetime) -> None:
    """The first who has an entry by then disputes it, and nobody decides."""
    numbers = range(7, len(stage.volunteers))
    found = (number for number in numbers if _entry(stage.volunteers[number], RecordState.EFFECTIVE))
    if (number := next(found, None)) is not None:
        _file(stage, number, DisputeKind.WRONG, "那天活动提前结束了，时间记多了。", now, less=60)


def _file_pending(stage: Stage, number: int, words: str, now: datetime) -> None:
    actor = stage.volunteers[number]
    if entry := _entry(actor, RecordState.PENDING):
        disputes.file(entry.id, DisputeKind.WRONG, actor, words=words, now=now)


def _judge(stage: Stage, dispute: Dispute) -> Actor:
    """Whoever decides on it."""
    seat = queries.seats([queries.whole(dispute.id)])[dispute.id]
    return next(actor for actor in stage.actors.values() if actor.account_id in seat.accounts)


def _rejected(stage: Stage, number: int, words: str, now: datetime) -> Dispute | None:
    """Filed now and rejected the day after."""
    made = _file(stage, number, DisputeKind.WRONG, words, now)
    if made:
        reason, judge = "名册和签退时间一致，没有其他依据。", _judge(stage, made)
        stage.at(now + 20 * HOUR, lambda then: disputes.reject(made.id, judge, reason=reason, now=then))
    return made


def _appealed(stage: Stage, number: int, now: datetime) -> None:
    made = _rejected(stage, number, "当天我一直帮到收摊，少记了一小时。", now)
    if made:
        actor, words = stage.volunteers[number], "同组的人可以作证，请再核实。"
        stage.at(now + 50 * HOUR, lambda then: disputes.appeal(made.id, actor, words=words, now=then))


def _accepted(stage: Stage, number: int, now: datetime) -> None:
    made = _file(stage, number, DisputeKind.WRONG, "中间我离开了半小时。", now, less=30)
    if made:
        judge, right = _judge(stage, made), made.minutes
        stage.at(now + 20 * HOUR, lambda then: disputes.accept(made.id, judge, minutes=right, now=then))


def _register_unasked(stage: Stage, now: datetime) -> None:
    """A clerk registers somebody at the counter who was never there."""
    details = people.Details(
        name="顾秀珍", gender=Gender.FEMALE, birth_date=date(1951, 3, 1), division_id=stage.division_id
    )
    office.register_for(details, stage.actors[CLERK], phone=VICTIM, now=now)


def _report(now: datetime) -> None:
    """Her daughter reports it without an account; and somebody reports what nobody can find."""
    words = "邻居说在站点名单上看到我母亲的名字，她从来没有登记过，也不会用手机。"
    said = {"words": words, "contact": "女儿 199 0000 0190"}
    reporting.file(phone=VICTIM, last_four="1220", birthday="0301", **said, now=now)
    said = {"words": "听说有人用我的号码登记，请帮我查一下。", "contact": "199 0000 0191"}
    reporting.file(phone="+8619900000191", last_four="0000", birthday="0101", **said, now=now)
