"""The ways out of the house: each is a gateway that takes a letter, or says by Unsent why not."""

import json
import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cryptography.fernet import InvalidToken
from flask import current_app

from blueprints.messages import actions, queries, words
from blueprints.messages.models import Bulletin, Channel, Notice, Robot, RobotKind
from core import mail, outside, push, robots, sms, vault
from core.db import db, reading
from core.i18n import DEFAULT_LANGUAGE, _, language, speaking
from core.outside import Unsent
from core.push import Browser

A_DAY = timedelta(days=1)  # for which a push service keeps what has no end of its own
LONGEST_NOTE = 120  # characters of a notification
PLAIN = str.maketrans({"–": "-", "—": "-", "“": '"', "”": '"', "’": "'", "…": ".."})


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery that this process took, with all that is needed to send it."""

    id: int
    taken_at: datetime
    taken_until: datetime
    tries: int
    channel: Channel
    target: str
    lang: str
    notice: Notice | None
    bulletin: Bulletin | None
    useful_until: datetime | None

    @property
    def name(self) -> str:
        """The same whenever this letter is tried again, so that the other side can tell it was here before."""
        told = self.notice or self.bulletin
        return f"{self.id}-{int(told.at.timestamp()) if told else 0}"

    def told(self) -> Notice:
        if self.notice is None:
            raise Unsent("carries nothing for a person", permanent=True)
        return self.notice


class Gateway(Protocol):
    """One way out."""

    def is_set(self) -> bool:
        """Whether this installation has it."""

    def send(self, letter: Letter) -> None:
        """Hand the letter over in the language being spoken; raises Unsent. Holds no transaction while it talks."""


class Mail:
    def is_set(self) -> bool:
        return mail.is_set()

    def send(self, letter: Letter) -> None:
        subject, body = compose(letter.told())
        outside.refuse_silent("mail")
        try:
            mail.send(letter.target, subject, body, id=letter.name)
        except (smtplib.SMTPException, OSError) as error:
            if not isinstance(error, smtplib.SMTPException):  # nobody is there at all
                outside.note_silence("mail")
            code = f"{type(error).__name__} {getattr(error, 'smtp_code', '')}".strip()
            raise Unsent(code, permanent=mail.refuses_the_address(error)) from error


class Push:
    def is_set(self) -> bool:
        return push.is_set()

    def send(self, letter: Letter) -> None:
        with reading():
            found = queries.awake_browser(int(letter.target), letter.taken_at)
            sealed = found.sealed if found else ""
        if not sealed:
            raise Unsent("nobody is signed in there", permanent=True)
        useful = letter.useful_until - letter.taken_at if letter.useful_until else A_DAY
        browser = Browser(**json.loads(vault.unseal(sealed)))
        push.send(browser, _note(letter), seconds=int(useful.total_seconds()), topic=letter.name)


def _note(letter: Letter) -> bytes:
    """What the service worker of the browser shows; two with the same tag are one."""
    notice = letter.told()
    said = {"title": _("Rengang"), "body": words.short(notice, LONGEST_NOTE), "lang": language().replace("_", "-")}
    address: Callable[[str], str] = current_app.jinja_env.globals["asset"]  # type: ignore[assignment]
    icon = address("icons/icon-192.png")
    where = {"path": notice.path or "/me/inbox", "tag": letter.name, "icon": icon}
    return json.dumps(said | where, ensure_ascii=False).encode()


class Sms:
    def is_set(self) -> bool:
        return sms.is_set()

    def send(self, letter: Letter) -> None:
        notice = letter.told()
        template = f"{notice.kind}.{language()}"
        sms.send(letter.name, letter.target, template, words.parameters(notice), text_message(notice))


def text_message(notice: Notice) -> str:
    """At most 70 characters; 160 if all of them are Latin, which is what one text message holds."""
    wide = words.short(notice, sms.LONGEST_LATIN, bare=True).translate(PLAIN)
    return wide if wide.isascii() else words.short(notice, sms.LONGEST, bare=True)


class GroupRobot:
    """WeCom and DingTalk; which of them, the robot says."""

    def is_set(self) -> bool:
        return True

    def send(self, letter: Letter) -> None:
        with reading():
            robot = db.session.get(Robot, int(letter.target))
            kind, sealed = (robot.kind, robot.sealed) if robot else (None, "")
        if kind is None or not sealed or letter.bulletin is None:
            raise Unsent("robot is removed", permanent=True)
        place, link = json.loads(vault.unseal(sealed)), mail.link(letter.bulletin.path)
        text = "\n".join(filter(None, [words.announced(letter.bulletin), link if letter.bulletin.path else ""]))
        if kind is RobotKind.WECOM:
            robots.send_to_wecom(place["url"], text)
        else:
            robots.send_to_dingtalk(place["url"], place["secret"], text)


GATEWAYS: dict[Channel, Gateway] = {
    Channel.MAIL: Mail(),
    Channel.PUSH: Push(),
    Channel.SMS: Sms(),
    Channel.ROBOT: GroupRobot(),
}


def ready() -> list[Channel]:
    """The channels that this installation has; what waits for another one goes on waiting."""
    return [channel for channel, gateway in GATEWAYS.items() if gateway.is_set()]


def send(letter: Letter) -> None:
    """Send a letter in its receiver's language; raises Unsent. A receiver who exists no more is forgotten."""
    try:
        with speaking(letter.lang or DEFAULT_LANGUAGE):
            GATEWAYS[letter.channel].send(letter)
    except InvalidToken as error:  # restored from a backup without its key: nobody can read this any more
        raise Unsent("sealed with another DATA_KEY", permanent=True) from error
    except Unsent as unsent:
        if unsent.gone and letter.channel is Channel.PUSH:
            actions.forget_browser(int(letter.target))
        raise


def compose(notice: Notice) -> tuple[str, str]:
    """Subject and body of the mail, in the language that is being spoken."""
    link = mail.link(notice.path) if notice.path else ""
    closing = _("You receive this because you gave this address in Rengang. You can take it back on your page.")
    return _("A message for you from Rengang"), "\n\n".join(filter(None, [words.written(notice), link, closing]))
