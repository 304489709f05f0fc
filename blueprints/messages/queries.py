"""Questions about the inbox, and about the ways a message can reach somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select
from sqlalchemy.orm import joinedload

from blueprints.identity import queries as identity
from blueprints.identity.models import Account, Session
from blueprints.messages.models import (
    Channel,
    Delivery,
    DeliveryState,
    Notice,
    Preference,
    PushSubscription,
    Robot,
)
from blueprints.messages.rules import QuietHours
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from core.db import db

KNOWN = "rengang.unread"  # where the number waits in the environment of a request, once it was asked for

_notice = Notice.__table__


def unread_of(account_id: ColumnElement[int]) -> Select[int]:
    """The question how many notices somebody has not opened yet, to be asked alone or with another."""
    mine = select(func.count()).select_from(_notice)
    return mine.where(_notice.c.account_id == account_id, _notice.c.read_at.is_(None))


UNREAD = unread_of(bindparam("account"))
identity.ALONG[KNOWN] = unread_of  # every page shows it, so it is asked with who is asking


def unread(account_id: int) -> int:
    """How many notices the person has not opened yet."""
    return db.session.scalar(UNREAD, {"account": account_id}) or 0


def inbox(account_id: int, before: int | None = None, size: int = 30) -> list[Notice]:
    """The newest notices, or those older than the one with the id `before`."""
    mine = select(Notice).where(Notice.account_id == account_id)
    if before:
        mine = mine.where(Notice.id < before)
    return list(db.session.scalars(mine.order_by(Notice.id.desc()).limit(size)))


# --- how somebody is reached --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody to tell, with what they chose and the browsers that would show it."""

    account: Account
    preference: Preference
    browsers: tuple[int, ...]

    def targets(self, channel: Channel) -> tuple[str, ...]:
        """Where a message for this person goes through the channel; nowhere if they gave no address for it."""
        if channel is Channel.MAIL:
            return (self.account.email,) if self.account.email else ()
        if channel is Channel.SMS:
            agreed = self.preference.sms_agreed_at is not None and self.account.phone
            return (self.account.phone,) if agreed and self.account.phone else ()
        return tuple(map(str, self.browsers))


def reader(account_id: int, now: datetime) -> Reader | None:
    """In one query, since it is asked for every message. A browser counts while the person is signed in there."""
    awake = and_(Session.id == PushSubscription.session_id, Session.revoked_at.is_(None), Session.expires_at > now)
    subscribed = select(PushSubscription.id, PushSubscription.account_id).join(Session, awake).subquery()
    found = (
        select(Account, Preference, subscribed.c.id)
        .outerjoin(Preference, Preference.account_id == Account.id)
        .outerjoin(subscribed, subscribed.c.account_id == Account.id)
        .where(Account.id == account_id, Account.closed_at.is_(None))
    )
    with db.session.no_autoflush:  # a changed mail address that is not written yet must not be asked for here
        rows = db.session.execute(found).all()
    if not rows:
        return None
    browsers = sorted({id for _account, _preference, id in rows if id is not None})
    return Reader(rows[0][0], rows[0][1] or unchosen(account_id), tuple(browsers))


def unchosen(account_id: int) -> Preference:
    """What holds for somebody who never chose; it is no row of the database."""
    return Preference(account_id=account_id, choices={}, quiet=True, quiet_mail=False, sms_text_version="")


def preference(account_id: int) -> Preference | None:
    """What somebody chose; None as long as they chose nothing."""
    return db.session.scalar(select(Preference).where(Preference.account_id == account_id))


def browsers(account_id: int, now: datetime) -> Sequence[PushSubscription]:
    """The browsers that show notifications to somebody."""
    live = select(PushSubscription).join(Session, Session.id == PushSubscription.session_id)
    live = live.where(PushSubscription.account_id == account_id)
    awake = live.where(Session.revoked_at.is_(None), Session.expires_at > now)
    return db.session.scalars(awake.order_by(PushSubscription.id.desc())).all()


def awake_browser(subscription_id: int, now: datetime) -> PushSubscription | None:
    """One browser, as long as its person is signed in there."""
    live = select(PushSubscription).join(Session, Session.id == PushSubscription.session_id)
    live = live.where(PushSubscription.id == subscription_id, Session.revoked_at.is_(None), Session.expires_at > now)
    return db.session.scalar(live)


def quiet_hours() -> QuietHours:
    """The quiet hours of this city."""
    numbers = organizations.limits()
    return QuietHours(numbers[Limit.QUIET_FROM_HOUR], numbers[Limit.QUIET_UNTIL_HOUR])


# --- group chats --------------------------------------------------------------------------------------------


def live_robots(organization_id: int) -> Sequence[Robot]:
    """The robots that say what happens at an organization."""
    live = select(Robot).where(Robot.organization_id == organization_id, Robot.removed_at.is_(None))
    return db.session.scalars(live.order_by(Robot.id)).all()


def robot_under(robot_id: int, paths: Sequence[str]) -> Robot | None:
    """A robot in use at an organization of these subtrees."""
    wanted = select(Robot).join(Organization, Organization.id == Robot.organization_id)
    wanted = wanted.where(Robot.id == robot_id, Robot.removed_at.is_(None), organizations.under(paths))
    return db.session.scalar(wanted.options(joinedload(Robot.organization)))


def organizations_with_robots() -> list[int]:
    """Which organizations have a group chat to speak in."""
    live = select(Robot.organization_id).where(Robot.removed_at.is_(None)).distinct()
    return list(db.session.scalars(live.order_by(Robot.organization_id)))


def last_said(robot_ids: Sequence[int]) -> dict[int, Delivery]:
    """The newest thing each robot said or tried to say."""
    targets = [str(id) for id in robot_ids]
    tried = Delivery.state != DeliveryState.DUE
    newest = select(func.max(Delivery.id)).where(Delivery.channel == Channel.ROBOT, Delivery.target.in_(targets))
    newest = newest.where(tried | (Delivery.tries > 0)).group_by(Delivery.target)
    found = db.session.scalars(select(Delivery).where(Delivery.id.in_(newest)))
    return {int(delivery.target): delivery for delivery in found}
