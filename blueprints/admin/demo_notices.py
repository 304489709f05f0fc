"""What the demo shows of public notices: who sees them, who is named in full, objections from inside and outside."""

from datetime import datetime

from sqlalchemy import select

from blueprints.exchange import queries as exchange
from blueprints.identity import actions as people
from blueprints.identity.models import Account, Purpose, Volunteer
from blueprints.organizations.models import Organization
from blueprints.public_notices import actions
from blueprints.public_notices.models import SeenBy
from blueprints.records.models import RecordState, ServiceRecord
from core.actor import Actor, Role
from core.db import db

OUTSIDERS = (
    ("赵桂兰", "+8619900000197", "那天中午我就在旁边，没有看到这位志愿者。"),
    ("钱国平", "+8619900000196", "名单上的人那个月在外地，我们是邻居。"),
)


def show(administrator_phone: str, objector_phone: str, *, now: datetime) -> None:
    """The county shows its notices to everybody; some of its people are named in full, and objections wait."""
    administrator, objector = _acting(administrator_phone), _acting(objector_phone)
    county = next(held for held in administrator.held if held.role is Role.ADMINISTRATOR)
    actions.show_to(county.organization_id, SeenBy.EVERYBODY, administrator, now=now)
    found = _on_notice(county.path, now)
    for account_id in _owners(found[1:4]):
        people.agree_to(Purpose.NOTICE_NAME, account_id, now=now)
    for (name, phone, words), record in zip(OUTSIDERS, found, strict=False):
        actions.object_from_outside(record.id, name=name, phone=phone, words=words, now=now)
    others = [record for record in found[2:] if record.volunteer_id != objector.volunteer_id]
    for record in others[:1]:
        actions.object_to(record.id, objector, words="当天我也在，活动提前结束了。", now=now)


def _acting(phone: str) -> Actor:
    return exchange.actor_by_account(db.session.scalars(select(Account.id).where(Account.phone == phone)).one())


def _on_notice(path: str, now: datetime) -> list[ServiceRecord]:
    """What stands on notice there, the oldest first."""
    found = select(ServiceRecord).join(Organization, Organization.id == ServiceRecord.organization_id)
    runs = found.where(Organization.path.startswith(path), ServiceRecord.state == RecordState.NOTICE)
    return list(db.session.scalars(runs.where(ServiceRecord.notice_ends_at > now).order_by(ServiceRecord.id)))


def _owners(records: list[ServiceRecord]) -> list[int]:
    """The accounts that their person uses."""
    ids = [record.volunteer_id for record in records]
    mine = select(Account.id).join(Volunteer, Volunteer.account_id == Account.id).where(Volunteer.id.in_(ids))
    return list(db.session.scalars(mine.where(Account.claimed_at.is_not(None))))
