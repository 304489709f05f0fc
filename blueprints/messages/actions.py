"""Telling people: an inbox row at once, and a delivery for each channel they want; and telling group chats."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta

from sqlalchemy import Select

from blueprints.identity import actions as identity
from blueprints.identity.models import Account, Leaving
from blueprints.messages import queries, rules
from blueprints.messages.models import (
    Bulletin,
    BulletinKind,
    Channel,
    Delivery,
    DeliveryState,
    Notice,
    NoticeKind,
    Preference,
    PushSubscription,
    Robot,
    RobotKind,
    Topic,
)
from blueprints.organizations.models import Organization
from core import audit, mail, push, sms, vault
from core.actor import Actor, Role
from core.db import db, lock, put
from core.i18n import _
from core.push import Browser
from core.refusal import Refusal

Value = str | int | date
SMS_TEXT = "2026-11"  # the version of the words by which somebody agrees to text messages
MOST_BROWSERS = 10
TRIAL_EVERY = timedelta(minutes=1)


def tell(
    account_id: int,
    kind: NoticeKind,
    *,
    now: datetime,
    path: str = "",
    key: str | None = None,
    **values: Value,
) -> Notice:
    """Write to a person's inbox, and put it into the outbox for every channel they want and can be reached by."""
    notice = Notice(account_id=account_id, kind=kind, values=_plain(values), path=path, at=now, key=key)
    put(notice)
    usable = _in_use().intersection(rules.POSSIBLE[rules.topic_of(kind)])
    reader = queries.reader(account_id, now) if usable else None
    if reader:
        wanted = rules.channels_for(kind, reader.preference.choices) & usable
        _hand_over(notice, reader, sorted(wanted), now)
    return notice


def tell_departed(account_id: int, email: str | None, kind: NoticeKind, *, now: datetime, **values: Value) -> Notice:
    """The last word to somebody whose account was just closed, to the mail address it had: nothing else reaches them.

    It is written after everything else of theirs was let go of, and erased with the account.
    """
    notice = Notice(account_id=account_id, kind=kind, values=_plain(values), path="", at=now)
    put(notice)
    if email and Channel.MAIL in _in_use():
        db.session.add(Delivery(notice_id=notice.id, channel=Channel.MAIL, target=email, due_at=now))
    return notice


def _plain(values: Mapping[str, Value]) -> dict[str, str | int]:
    return {name: v.isoformat() if isinstance(v, date) else v for name, v in values.items()}


def _in_use() -> frozenset[Channel]:
    """The channels by which this installation can reach a person."""
    ready = {Channel.MAIL: mail.is_set(), Channel.PUSH: push.is_set(), Channel.SMS: sms.is_set()}
    return frozenset(channel for channel, is_set in ready.items() if is_set)


def _hand_over(notice: Notice, reader: queries.Reader, channels: list[Channel], now: datetime) -> None:
    ways = [(channel, target) for channel in channels for target in reader.targets(channel)]
    if not ways:
        return
    useful = rules.useful_until(notice.kind, notice.values)
    for channel, target in ways:
        delivery = Delivery(notice_id=notice.id, channel=channel, target=target, due_at=now, useful_until=useful)
        delivery.quiet = reader.preference.quiet and (channel is not Channel.MAIL or reader.preference.quiet_mail)
        delivery.quiet = delivery.quiet and notice.kind is not NoticeKind.TRIAL
        db.session.add(delivery)


def announce(
    organization_id: int,
    kind: BulletinKind,
    *,
    now: datetime,
    path: str = "",
    key: str | None = None,
    **values: Value,
) -> Bulletin | None:
    """Tell the group chats of an organization, if it has any; nothing about a person may be among the values."""
    robots = queries.live_robots(organization_id)
    if not robots:
        return None
    return _say(robots, organization_id, kind, now, path=path, key=key, values=_plain(values))


def _say(
    robots: Sequence[Robot],
    organization_id: int,
    kind: BulletinKind,
    now: datetime,
    *,
    path: str = "",
    key: str | None = None,
    values: dict[str, str | int],
) -> Bulletin:
    bulletin = Bulletin(organization_id=organization_id, kind=kind, values=values, path=path, at=now, key=key)
    db.session.add(bulletin)
    db.session.flush()
    for robot in robots:
        delivery = Delivery(bulletin_id=bulletin.id, channel=Channel.ROBOT, target=str(robot.id), due_at=now)
        delivery.quiet = kind is not BulletinKind.TRIAL
        db.session.add(delivery)
    return bulletin


def read_all(account_id: int, *, now: datetime) -> None:
    """Mark everything in the inbox as read."""
    unread = db.update(Notice).where(Notice.account_id == account_id, Notice.read_at.is_(None))
    db.session.execute(unread.values(read_at=now))


# --- what people choose -------------------------------------------------------------------------------------


def choose(
    account_id: int, choices: Mapping[Topic, list[Channel]], *, quiet: bool, quiet_mail: bool, now: datetime
) -> Preference:
    """Keep which channels somebody wants for what; the first wish for text messages is the consent to them.

    Channels that are not offered now (no address, no gateway) must be among the choices if they are to stay.
    """
    lock(Account, account_id)
    kept = queries.preference(account_id) or queries.unchosen(account_id)
    db.session.add(kept)
    kept.choices = {topic.value: sorted(c.value for c in channels) for topic, channels in choices.items()}
    kept.quiet, kept.quiet_mail = quiet, quiet and quiet_mail
    _agree_to_sms(kept, any(Channel.SMS in channels for channels in choices.values()), now)
    db.session.flush()
    return kept


def _agree_to_sms(kept: Preference, wanted: bool, now: datetime) -> None:
    if wanted and kept.sms_agreed_at is None:
        kept.sms_agreed_at, kept.sms_text_version = now, SMS_TEXT
    if not wanted:
        kept.sms_agreed_at, kept.sms_text_version = None, ""


def subscribe(account_id: int, session_id: int, browser: Browser, *, device: str, now: datetime) -> PushSubscription:
    """Let a browser show notifications, to whoever is signed in there now."""
    if not browser.is_sound:
        raise Refusal(_("This browser did not give an address for notifications. Please try again, or another one."))
    lock(Account, account_id)
    known = vault.digest(browser.endpoint)
    _forget_browser(db.select(PushSubscription).where(PushSubscription.endpoint_hash == known))
    mine = db.select(PushSubscription).where(PushSubscription.account_id == account_id)
    _forget_browser(mine.order_by(PushSubscription.id.desc()).offset(MOST_BROWSERS - 1))
    made = PushSubscription(account_id=account_id, session_id=session_id, endpoint_hash=known, created_at=now)
    made.sealed, made.device = vault.seal(json.dumps(asdict(browser))), device
    db.session.add(made)
    db.session.flush()
    return made


def unsubscribe(subscription_id: int, account_id: int) -> None:
    """Let a browser show nothing any more; one that is forgotten already is fine."""
    mine = db.select(PushSubscription).where(PushSubscription.account_id == account_id)
    _forget_browser(mine.where(PushSubscription.id == subscription_id))


def forget_browser(subscription_id: int) -> None:
    """Its push service says that this browser exists no more."""
    _forget_browser(db.select(PushSubscription).where(PushSubscription.id == subscription_id))


def _forget_browser(which: Select[PushSubscription]) -> None:
    """The subscriptions, and what is still on its way to them."""
    for subscription in db.session.scalars(which).all():
        there = (Delivery.channel == Channel.PUSH) & (Delivery.target == str(subscription.id))
        waits = db.update(Delivery).where(there, Delivery.state == DeliveryState.DUE)
        db.session.execute(waits.values(state=DeliveryState.EXPIRED, error="browser is gone", taken_until=None))
        db.session.delete(subscription)
    db.session.flush()


def try_out(account_id: int, *, now: datetime) -> Notice:
    """Send somebody a test message through every channel they use, once a minute."""
    lock(Account, account_id)
    mine = db.select(Notice.id).where(Notice.account_id == account_id, Notice.kind == NoticeKind.TRIAL)
    if db.session.scalar(mine.where(Notice.at > now - TRIAL_EVERY).limit(1)):
        raise Refusal(_("A test message is on its way already. Please wait a minute before the next one."))
    return tell(account_id, NoticeKind.TRIAL, now=now, path="/me/channels")


# --- group robots -------------------------------------------------------------------------------------------


def add_robot(
    organization_id: int, kind: RobotKind, actor: Actor, *, name: str, url: str, secret: str, lang: str, now: datetime
) -> Robot:
    """Connect the robot of a group chat with an organization; its address is a secret and is never shown again."""
    organization = lock(Organization, organization_id)
    _require(actor, organization)
    if organization.closed_at:
        raise Refusal(_("%(name)s was closed. Choose another organization.", name=organization.name))
    if len(queries.live_robots(organization.id)) >= MOST_ROBOTS:
        raise Refusal(_("There are %(count)d robots already. Remove one first.", count=MOST_ROBOTS))
    made = Robot(organization_id=organization.id, kind=kind, name=name, lang=lang, created_at=now)
    made.sealed, made.created_by_id = vault.seal(json.dumps({"url": url, "secret": secret})), actor.account_id
    db.session.add(made)
    _trace("robot added", made, actor, now)
    return made


def remove_robot(robot_id: int, actor: Actor, *, now: datetime) -> Robot:
    """Let a robot say nothing any more, not even what it still had to say."""
    robot = lock(Robot, robot_id)
    _require(actor, db.session.get_one(Organization, robot.organization_id))
    if robot.removed_at is None:
        robot.removed_at, robot.sealed = now, ""
        there = (Delivery.channel == Channel.ROBOT) & (Delivery.target == str(robot.id))
        waits = db.update(Delivery).where(there, Delivery.state == DeliveryState.DUE)
        db.session.execute(waits.values(state=DeliveryState.EXPIRED, error="robot is removed", taken_until=None))
        _trace("robot removed", robot, actor, now)
    return robot


def try_robot(robot_id: int, actor: Actor, *, now: datetime) -> Bulletin:
    """Let a robot say a test message, once a minute: more would only use up what its service allows."""
    robot = lock(Robot, robot_id)
    organization = db.session.get_one(Organization, robot.organization_id)
    _require(actor, organization)
    tried = db.select(Bulletin.id).join(Delivery, Delivery.bulletin_id == Bulletin.id)
    tried = tried.where(Bulletin.kind == BulletinKind.TRIAL, Bulletin.at > now - TRIAL_EVERY)
    if db.session.scalar(tried.where(Delivery.target == str(robot.id)).limit(1)):
        raise Refusal(_("A test message is on its way already. Please wait a minute before the next one."))
    values: dict[str, str | int] = {"organization": organization.name}
    return _say([robot], organization.id, BulletinKind.TRIAL, now, values=values)


MOST_ROBOTS = 5


def _require(actor: Actor, organization: Organization) -> None:
    if not actor.may(Role.ADMINISTRATOR, organization.path):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))


def _trace(what: str, robot: Robot, actor: Actor, now: datetime) -> None:
    audit.note(what, robot, actor_id=actor.account_id, now=now, organization_id=robot.organization_id)


# --- for identity -------------------------------------------------------------------------------------------


def _tell_of_identity(account_id: int, kind: str, *, now: datetime, path: str = "", **values: str | int | date) -> None:
    tell(account_id, NoticeKind(kind), now=now, path=path, key=None, **values)


def forget(departure: identity.Departure) -> None:
    """Let go of every address of somebody who leaves; empty the inbox if all is to be erased."""
    for kept in (PushSubscription, Preference):
        db.session.execute(db.delete(kept).where(kept.account_id == departure.account_id))
    theirs = db.select(Notice.id).where(Notice.account_id == departure.account_id)
    db.session.execute(db.delete(Delivery).where(Delivery.notice_id.in_(theirs)))
    if departure.data is Leaving.ERASE:
        db.session.execute(db.delete(Notice).where(Notice.account_id == departure.account_id))


identity.TELL.append(_tell_of_identity)
identity.ON_LEAVE.append(forget)
