"""A post that may be published as it stands, and the parts that tests change."""

from datetime import datetime, timedelta
from typing import Any

from blueprints.posts import actions
from blueprints.posts.models import Category, Post, RiskLevel
from core.actor import Actor
from core.db import db
from tests.factories import BEFORE, HOUR, START, YANYU, World

DAY = timedelta(days=1)


def good(**changed: Any) -> dict[str, Any]:
    values = {
        "title": "社区图书角管理岗",
        "category": Category.CONVENIENCE,
        "division_id": YANYU,
        "place": "烟雨社区党群服务中心一楼",
        "content": "整理图书，办理借还，陪孩子安静阅读。",
        "conditions": "有耐心，爱看书。",
        "sign_up": "在本页认领，或到站点登记。",
        "risk_level": RiskLevel.LOW,
        "hazards": [],
        "risks": "久坐，无明显风险。",
        "safeguards": "意外险、饮用水。",
        "responsible_name": "陈站长",
        "responsible_phone": "0573-00000000",
        "min_age": 16,
        "max_age": 75,
        "skill": None,
    }
    return values | changed


def slot(starts_at: datetime = START, hours: float = 2, places: int = 2, rest: int = 0) -> dict[str, Any]:
    ends_at = starts_at + timedelta(hours=hours)
    return {"starts_at": starts_at, "ends_at": ends_at, "places": places, "break_minutes": rest}


def drafted(world: World, *shifts: dict[str, Any], actor: Actor | None = None, **changed: Any) -> Post:
    made = actions.draft(world.station.id, good(**changed), shifts or [slot()], actor or world.chen, BEFORE)
    db.session.commit()
    return made


def published(world: World, *shifts: dict[str, Any], acknowledged: bool = True, **changed: Any) -> Post:
    made = drafted(world, *shifts, **changed)
    actions.publish(made.id, actor=world.chen, now=BEFORE, declared=True, acknowledged=acknowledged)
    db.session.commit()
    return made


__all__ = ["BEFORE", "DAY", "HOUR", "START", "drafted", "good", "published", "slot"]
