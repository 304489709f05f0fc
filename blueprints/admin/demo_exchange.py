"""What the demo shows of other platforms: a file that was entered, one with rows to mend, and a hand-over.

Played after the rest is committed, for the tasks commit each of their steps.
"""

import io
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from blueprints.admin import tasks
from blueprints.exchange import actions, entering, sending
from blueprints.exchange import queries as exchange
from blueprints.exchange.models import HandoverFormat, HandoverKind, ImportBatch, ImportKind
from blueprints.identity import actions as people
from blueprints.identity.models import Account, Category, Purpose, Volunteer, VolunteerState
from blueprints.organizations.models import Organization
from core import clock
from core.actor import Actor, Role
from core.db import db

HEADS = "姓名,手机号,活动名称,服务日期,开始时间,结束时间,服务地点,记录编号"
PLATFORM = "志愿浙江"
AGREED = 5  # of the volunteers let their record be handed over


def show(maker_phone: str, decider_phone: str, *, now: datetime) -> None:
    """Let the county's office import two files and hand two over."""
    maker, decider = _acting(maker_phone), _acting(decider_phone)
    county = next(held for held in maker.held if held.role is Role.ADMINISTRATOR)
    whom = _people(county.path)
    day = clock.today(now) - timedelta(days=20)
    good = [
        f"{name},{phone},河道清洁日,{day},06:00,07:30,南湖渡口,ZJ{n:04d}" for n, (_id, name, phone) in enumerate(whom)
    ]
    batch = _tried(county.organization_id, maker, "志愿浙江-五月.csv", good, now)
    actions.submit(batch.id, maker, now=now)
    actions.approve(batch.id, decider, now=now)
    _work()
    name, phone = whom[0][1:]
    bad = [
        f"{name},{phone},敬老院慰问,{day},18:00,19:00,,ZJ1001",
        f"{name},{phone},敬老院慰问,上周,18:00,19:00,,ZJ1002",
        f"{name},{phone},社区巡逻,{day},18:30,20:00,,ZJ1005",
    ]
    bad += [f"王不详,13900000000,敬老院慰问,{day},18:00,19:00,,ZJ1003", f"{name},{phone},,{day},20:00,,,ZJ1004"]
    _tried(county.organization_id, maker, "志愿浙江-六月.csv", bad, now)
    for account_id, _name, _phone in whom[:AGREED]:
        people.agree_to(Purpose.HANDOVER, account_id, now=now)
    for kind in (HandoverKind.ORGANIZATIONS, HandoverKind.SERVICE):
        values = {"with_id_numbers": False, "reason": ""}
        sending.make(kind, HandoverFormat.XLSX, county.organization_id, maker, now=now, **values)  # type: ignore[arg-type]
        _work()


def _acting(phone: str) -> Actor:
    return exchange.actor_by_account(db.session.scalars(select(Account.id).where(Account.phone == phone)).one())


def _people(path: str) -> list[tuple[int, str, str]]:
    """Some volunteers of the county, with the numbers by which the other platform knows them."""
    found = (
        select(Account.id, Account.name, Account.phone)
        .join(Volunteer, Volunteer.account_id == Account.id)
        .join(Organization, Organization.id == Volunteer.registered_with_id)
        .where(Organization.path.startswith(path), Volunteer.state == VolunteerState.ACTIVE)
        .where(Account.claimed_at.is_not(None))
    )
    rows = db.session.execute(found.order_by(Account.id).limit(8))
    return [(id, name, (phone or "").removeprefix("+86")) for id, name, phone in rows]


def _tried(organization_id: int, maker: Actor, name: str, lines: Sequence[str], now: datetime) -> ImportBatch:
    """A file that was handed in and tried."""
    data = "\n".join([HEADS, *lines]).encode()
    values = {"platform": PLATFORM, "file_name": name, "heads": entering.first_line(io.BytesIO(data)), "data": [data]}
    batch = actions.upload(ImportKind.HOURS, organization_id, maker, now=now, **values)  # type: ignore[arg-type]
    _work()
    mapping = list(batch.mapping)
    actions.name_columns(batch.id, maker, mapping=mapping, category=Category.CLEANING.value, now=now)
    _work()
    return batch


def _work() -> None:
    db.session.commit()
    tasks.work_all("demo")
    db.session.expire_all()
