"""Which message goes where by default, and when nobody is to be disturbed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from blueprints.messages.models import Channel, NoticeKind, Topic
from core import clock

K = NoticeKind
HOUR = timedelta(hours=1)
ROOM = HOUR  # a reminder that quiet hours would leave less than this before the start comes the evening before

# Kinds by the beginning of their names, and those that belong elsewhere than their name says.
_EXACT = {
    K.SHIFT_SOON: Topic.REMINDERS,
    K.SHIFT_NEAR: Topic.REMINDERS,
    K.CLAIM_HELD: Topic.CLAIMS,
    K.CLAIM_WAITING: Topic.CLAIMS,
    K.CLAIM_CANCELLED: Topic.CLAIMS,
    K.REQUEST_RECEIVED: Topic.CLAIMS,
    K.CLAIMS_OPEN: Topic.OFFERS,
    K.PLACE_TAKEN: Topic.CHANGES,
    K.PLACE_PASSED_ON: Topic.CHANGES,
    K.CLAIM_OFFERED: Topic.OFFERS,
}
_FIRST_WORDS = {
    "claim": Topic.CHANGES,
    "shift": Topic.CHANGES,
    "request": Topic.CHANGES,
    "offer": Topic.OFFERS,
    "place": Topic.OFFERS,
    "stand": Topic.OFFERS,
    "swap": Topic.OFFERS,
    "handover": Topic.CHANGES,
    "places": Topic.CHANGES,
    "record": Topic.RECORDS,
    "supplement": Topic.RECORDS,
    "objection": Topic.RECORDS,
    "honour": Topic.RECORDS,
    "attendance": Topic.RECORDS,
    "job": Topic.RECORDS,
    "dispute": Topic.RECORDS,
    "import": Topic.RECORDS,
    **dict.fromkeys(
        (
            *(
                "identity",
                "registration",
                "grant",
                "slip",
                "password",
                "phone",
                "email",
                "account",
                "guardian",
                "skill",
                "merger",
            ),
            *("pin", "card", "second", "recovery"),
        ),
        Topic.ACCOUNT,
    ),
}

# What can be chosen at all. A text message costs money, so it tells only what cannot wait.
POSSIBLE: dict[Topic, tuple[Channel, ...]] = {
    Topic.REMINDERS: (Channel.MAIL, Channel.PUSH, Channel.SMS),
    Topic.CHANGES: (Channel.MAIL, Channel.PUSH, Channel.SMS),
    Topic.OFFERS: (Channel.MAIL, Channel.PUSH, Channel.SMS),
    Topic.CLAIMS: (Channel.MAIL,),
    Topic.RECORDS: (Channel.MAIL, Channel.PUSH),
    Topic.ACCOUNT: (Channel.MAIL, Channel.PUSH),
}
# Nobody's phone number is handed on before they said so, so a text message is never a default.
DEFAULT: dict[Topic, tuple[Channel, ...]] = {
    Topic.REMINDERS: (Channel.MAIL, Channel.PUSH),
    Topic.CHANGES: (Channel.MAIL, Channel.PUSH),
    Topic.OFFERS: (Channel.MAIL, Channel.PUSH),
    Topic.CLAIMS: (Channel.MAIL,),
    Topic.RECORDS: (Channel.MAIL,),
    Topic.ACCOUNT: (Channel.MAIL, Channel.PUSH),
}
# Whoever takes over an account must not be able to switch off the warning.
ALWAYS: dict[Topic, tuple[Channel, ...]] = {Topic.ACCOUNT: (Channel.MAIL,)}
# They carry a secret, so they go where they were asked for and nowhere else.
ONLY_BY_MAIL = (K.SLIP_BY_MAIL,)


def topic_of(kind: NoticeKind) -> Topic:
    """What the notice is about, as people choose it."""
    return _EXACT.get(kind) or _FIRST_WORDS.get(kind.partition("_")[0], Topic.CHANGES)


def channels_for(kind: NoticeKind, choices: Mapping[str, list[str]]) -> frozenset[Channel]:
    """The channels that a person wants for a notice, as far as they can be wanted."""
    if kind is K.TRIAL:  # it tries every channel that is in use
        return frozenset().union(*(chosen(topic, choices) for topic in Topic))
    if kind in ONLY_BY_MAIL:
        return frozenset({Channel.MAIL})
    return chosen(topic_of(kind), choices)


def chosen(topic: Topic, choices: Mapping[str, list[str]]) -> frozenset[Channel]:
    own = choices.get(topic.value)
    wanted = DEFAULT[topic] if own is None else tuple(map(Channel, own))
    return frozenset(wanted).intersection(POSSIBLE[topic]).union(ALWAYS.get(topic, ()))


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one full hour of the local clock to another; two equal ones mean that there are none."""

    begins: int
    ends: int

    def end_after(self, moment: datetime) -> datetime | None:
        """When the quiet hours that the moment lies in are over; None if it lies in none."""
        local, first, last = clock.local(moment), time(self.begins), time(self.ends)
        wall, day = local.timetz().replace(tzinfo=None, fold=0), local.date()
        if first < last:
            inside = first <= wall < last
        else:
            inside = first > last and (wall >= first or wall < last)
            day += clock.DAY if inside and wall >= first else timedelta(0)
        return clock.at(day, last) if inside else None

    def begin_before(self, end: datetime) -> datetime:
        """When the quiet hours began that end at that moment."""
        day = clock.today(end)
        return clock.at(day if self.begins < self.ends else day - clock.DAY, time(self.begins))


def presses(values: Mapping[str, str | int], end: datetime) -> bool:
    """Whether something happens, or would have happened, before quiet hours are over: then nothing may wait."""
    moments = (values[name] for name in ("starts", "was", "until") if name in values)
    return any(when.tzinfo is not None and when <= end for when in map(_moment, moments))


def _moment(value: str | int) -> datetime:
    return datetime.fromisoformat(str(value))


def useful_until(kind: NoticeKind, values: Mapping[str, str | int]) -> datetime | None:
    """When it would no longer help to be told outside of the inbox."""
    if topic_of(kind) is Topic.REMINDERS:
        return _moment(values["starts"])
    return _moment(values["until"]) if kind in (K.CLAIM_OFFERED, K.SLIP_BY_MAIL) else None


def near_reminder_at(starts_at: datetime, ahead: timedelta, quiet: QuietHours) -> datetime:
    """When the second reminder falls due: that long before the start, or the evening before an early shift.

    One that quiet hours would push close to the start, or past it, comes an hour before they begin.
    """
    due = starts_at - ahead
    end = quiet.end_after(due)
    if end is None or starts_at - end >= ROOM:
        return due
    return quiet.begin_before(end) - HOUR
