"""What the demo has to show of time that no shift stands behind: one in each state that somebody looks at."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache, partial
from io import BytesIO

from blueprints.admin.demo_disputes import CLERK, DAY, HOUR, Stage
from blueprints.posts.models import Category
from blueprints.records import actions as records
from blueprints.records.actions import Facts
from blueprints.supplements import actions as supplements
from blueprints.supplements.actions import Stated
from blueprints.supplements.models import Supplement
from core import clock, pictures
from core.actor import Actor
from core.db import db
from core.refusal import Refusal

CONFIRMER = "0003"  # the last digits of the phone of whoever decides a level above
VOUCHER = "陈海燕"
EARLY = time(6)  # before any shift begins
SIZE, INK, PAPER = (900, 640), (70, 78, 90), (244, 241, 232)


@dataclass(frozen=True, slots=True)
class Told:
    """What one of the people says: who, how many days ago, how long, and what it was."""

    number: int
    days: int
    minutes: int
    title: str
    content: str
    why: str


STORM = "凌晨大风吹倒广告牌，没有来得及排班。"
TOLD = {
    "requested": Told(0, 1, 60, "雨夜巡查积水点", "沿南门一带巡查积水点，劝导行人绕行。", STORM),
    "asked": Told(0, 6, 90, "寻找走失老人", "与民警一起沿河寻找走失老人。", "接到电话就去了，当时没有班次。"),
    "vouched": Told(8, 4, 90, "清理倒伏树枝", "清理小区道路上倒伏的树枝。", STORM),
    "notice": Told(9, 8, 120, "停水应急送水", "给独居老人送水上楼。", "临时停水，没有来得及排班。"),
    "declined": Told(10, 9, 120, "分发防汛物资", "在社区分发沙袋和雨衣。", STORM),
    "withdrawn": Told(5, 7, 60, "值守社区大门", "清晨值守大门。", "临时替人。"),
    "proposed": Told(6, 3, 60, "扶助雨天过街", "在路口扶助老人过街。", STORM),
}


def play(stage: Stage) -> None:
    """Each is stated some hours after it happened, and goes as far as its name says."""
    for story, told in TOLD.items():
        stage.at(_of(stage, told)[1] + 4 * HOUR, partial(_begin, stage, story, told))


def _of(stage: Stage, told: Told) -> tuple[datetime, datetime]:
    starts = clock.at(clock.today(stage.now) - told.days * DAY, EARLY)
    return starts, starts + timedelta(minutes=told.minutes)


def _begin(stage: Stage, story: str, told: Told, now: datetime) -> None:
    person, clerk = stage.volunteers[told.number], stage.actors[CLERK]
    starts, ends = _of(stage, told)
    facts = Facts(person.volunteer_id or 0, stage.organization_id, told.title, Category.EMERGENCY, told.content,
                  "烟雨社区", VOUCHER, starts, ends, told.minutes)  # fmt: skip
    stated = Stated(facts, told.why, _picture())
    begin, actor = (supplements.propose, clerk) if story == "proposed" else (supplements.ask, person)
    with suppress(Refusal):  # somebody is busy: so it goes
        made = begin(stated, actor, now=now)
        stage.at(now + 20 * HOUR, partial(_go_on, stage, story, made, person))


def _go_on(stage: Stage, story: str, made: Supplement, person: Actor, now: datetime) -> None:
    """What somebody of the station, or the person, does on the next day."""
    clerk = stage.actors[CLERK]
    if story == "asked":
        supplements.want_more(made.id, clerk, question="请说明是哪位民警带队，或者补一张现场照片。", now=now)
    if story == "declined":
        supplements.decline(made.id, clerk, reason="当天的物资由另一个小组分发，名单上没有您。", now=now)
    if story == "withdrawn":
        supplements.withdraw(made.id, person, now=now)
    if story in ("vouched", "notice"):
        supplements.vouch(made.id, clerk, now=now)
    if story == "notice":
        stage.at(stage.now - 5 * HOUR, partial(_approve, stage, made))


def _approve(stage: Stage, made: Supplement, now: datetime) -> None:
    db.session.refresh(made)
    records.approve(made.record_id or 0, stage.actors[CONFIRMER], now=now)


@cache
def _picture() -> bytes:
    """A sheet of paper with some lines of writing, as a phone would send it."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 (only a demo that is loaded needs it)

    sheet = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(sheet)
    for row in range(9):
        height, width = 70 + 60 * row, SIZE[0] - 120 - (row * 173) % 260
        pen.line((60, height, width, height - 6), fill=INK, width=4)
    written = BytesIO()
    sheet.save(written, "JPEG", quality=70)
    return pictures.cleaned(written.getvalue())
