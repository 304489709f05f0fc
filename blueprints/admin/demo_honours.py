"""What the demo has to show of honours: granted, on notice, objected to, contested, declined, and to be decided."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from blueprints.admin.demo_disputes import Stage
from blueprints.honours import actions, queries
from blueprints.honours.models import Honour, Nomination
from core import clock
from core.actor import Actor
from core.db import db

CITY, COUNTY = "0001", "0002"  # the last digits of the phones of two administrators
DAY = timedelta(days=1)
STAR = "季度志愿服务之星"
STAR_FOR = "评选期内持续参加服务，按时到岗，服务对象和站点评价好。时长只作参考，不设最低线。"
NEIGHBOUR = "身边好志愿者"
NEIGHBOUR_FOR = "主动帮助邻里和新志愿者，事迹具体，经得起核实。"
VAGUE = "事迹写得太笼统，请补充后再提名。"
REASONS = (
    "每个周末都来，主动带新志愿者熟悉岗位。",
    "雨天也准时到岗，图书角在她手里井井有条。",
    "耐心教老人用手机，社区里很多人认得他。",
    "多次顶替临时请假的同伴，从不迟到。",
    "垃圾分类时讲解清楚，居民愿意听。",
    "活动结束后总是最后一个走，收拾好场地。",
)


def play(stage: Stage, office_id: int) -> None:
    """One round that is over, and one that is under way."""
    stage.at(stage.now - 16 * DAY, lambda now: _last_round(stage, office_id, now))
    stage.at(stage.now - 9 * DAY, lambda now: _this_round(stage, office_id, now))


def _open(stage: Stage, office_id: int, title: str, criteria: str, days: int, now: datetime) -> Honour:
    today = clock.today(now)
    plan = actions.Plan(office_id, title, criteria, today - days * DAY, today - DAY)
    return actions.open_honour(plan, stage.actors[COUNTY], now=now)


def _people(stage: Stage, honour: Honour) -> Iterator[Actor]:
    """Volunteers of the district who have served in the period, those first whom everybody may be."""
    for actor in stage.volunteers:
        id = actor.volunteer_id or 0
        if queries.person(honour, id) and queries.sheets([id], honour, honour.opened_at)[id].entries:
            yield actor


def _propose(stage: Stage, honour: Honour, actor: Actor, number: int, by: str, now: datetime) -> Nomination:
    reason = REASONS[number % len(REASONS)]
    return actions.propose(honour.id, actor.volunteer_id or 0, stage.actors[by], reason=reason, now=now)


def _approve(stage: Stage, nomination_id: int, by: str, now: datetime) -> None:
    seen = queries.sheet_of(queries.whole(nomination_id), now).mark
    actions.approve(nomination_id, stage.actors[by], seen=seen, now=now)


def _last_round(stage: Stage, office_id: int, now: datetime) -> None:
    """Two are granted by the clock, one person did not want it, one was not approved."""
    honour = _open(stage, office_id, STAR, STAR_FOR, 90, now)
    made = [_propose(stage, honour, actor, n, COUNTY, now) for n, actor in enumerate(islice(_people(stage, honour), 4))]
    for one in made[:2]:
        stage.at(now + DAY, lambda then, id=one.id: _approve(stage, id, CITY, then))  # type: ignore[misc]
    for one in made[2:3]:
        stage.at(now + DAY, lambda then, one=one: _decline(stage, one, then))  # type: ignore[misc]
    for one in made[3:]:
        stage.at(now + DAY, lambda then, id=one.id: actions.reject(id, stage.actors[CITY], answer=VAGUE, now=then))  # type: ignore[misc]


def _decline(stage: Stage, one: Nomination, now: datetime) -> None:
    person = next(actor for actor in stage.volunteers if actor.volunteer_id == one.volunteer_id)
    actions.decline(one.id, person, now=now)


def _this_round(stage: Stage, office_id: int, now: datetime) -> None:
    """Some stand on notice, one of them objected to; one is contested; others wait for who did not propose them."""
    honour = _open(stage, office_id, NEIGHBOUR, NEIGHBOUR_FOR, 60, now)
    people = list(islice(_people(stage, honour), 6))
    for number, person in enumerate(people):
        by = COUNTY if number in (1, 2, 3) else CITY
        then = stage.now - 4 * DAY + number * timedelta(hours=5)
        stage.at(then, lambda at, p=person, n=number, by=by: _go(stage, honour.id, p, n, by, at))  # type: ignore[misc]


def _go(stage: Stage, honour_id: int, person: Actor, number: int, by: str, now: datetime) -> None:
    honour = db.session.get_one(Honour, honour_id)
    made = _propose(stage, honour, person, number, by, now)
    if number in (1, 2):
        stage.at(now + DAY, lambda then: _approve(stage, made.id, CITY, then))
    if number == 2:
        objector, words = stage.volunteers[0], "当天是我顶替的，请核实。"
        stage.at(now + 2 * DAY, lambda then: actions.object_to(made.id, objector, words=words, now=then))
    if number == 3:
        words = "理由里说的活动我没有参加。"
        stage.at(now + DAY, lambda then: actions.object_to(made.id, person, words=words, now=then))
