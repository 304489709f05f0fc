"""What somebody chooses about messages, and what an office enters about a group robot."""

from enum import StrEnum
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, HiddenField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from blueprints.identity.forms import DropField, OneField, SecretField, SeveralField
from blueprints.messages import rules
from blueprints.messages.models import Channel, Preference, RobotKind, Topic
from blueprints.messages.words import WORDS
from core import push, robots
from core.forms import AtMost, Filled, Form
from core.i18n import DEFAULT_LANGUAGE, LANGUAGES, _, lazy
from core.push import Browser

SERVICES = {RobotKind.WECOM: robots.WECOM, RobotKind.DINGTALK: robots.DINGTALK}


def _choice(member: StrEnum) -> SelectChoice:
    return SelectChoice(member.value, WORDS[member])


def _boxes(topic: Topic) -> SeveralField:
    return SeveralField(WORDS[topic], choices=[_choice(c) for c in rules.POSSIBLE[topic]])


def held(kept: Preference) -> dict[str, Any]:
    """What a form shows of the choices that hold."""
    ticked = {t.value: sorted(c.value for c in rules.chosen(t, kept.choices)) for t in Topic}
    return {**ticked, "quiet": kept.quiet, "quiet_mail": kept.quiet_mail}


class ChoiceForm(Form):
    """For each topic its channels; one that cannot be had is not shown and stays as it was."""

    reminders = _boxes(Topic.REMINDERS)
    changes = _boxes(Topic.CHANGES)
    offers = _boxes(Topic.OFFERS)
    claims = _boxes(Topic.CLAIMS)
    records = _boxes(Topic.RECORDS)
    account = _boxes(Topic.ACCOUNT)
    quiet = BooleanField(lazy("Let notifications and text messages wait for the end of quiet hours"))
    quiet_mail = BooleanField(lazy("Let mail wait as well"))

    def offer(self, offered: set[Channel]) -> None:
        """Leave only the boxes of channels that can be had."""
        for topic in Topic:
            possible = [c for c in rules.POSSIBLE[topic] if c in offered - {*rules.ALWAYS.get(topic, ())}]
            self[topic.value].choices = [_choice(c) for c in possible]

    def chosen(self, offered: set[Channel], kept: Preference) -> dict[Topic, list[Channel]]:
        """What is ticked, and of the channels that could not be ticked what held before."""
        found = {}
        for topic in Topic:
            ticked = {Channel(value) for value in self[topic.value].data or ()} & offered
            found[topic] = sorted(ticked | (rules.chosen(topic, kept.choices) - offered))
        return found


class BrowserForm(Form):
    """What the script of the page learned from the browser; nobody types this."""

    endpoint = HiddenField(validators=[Filled(), AtMost(push.LONGEST_ENDPOINT)])
    p256dh = HiddenField(validators=[Filled(), AtMost(200)])
    auth = HiddenField(validators=[Filled(), AtMost(100)])

    @property
    def browser(self) -> Browser:
        return Browser(self.endpoint.data or "", self.p256dh.data or "", self.auth.data or "")


class Webhook:
    """The address of a robot of the service that is chosen; no other address is ever called."""

    field_flags = {"required": True, "maxlength": 400}

    def __call__(self, form: FlaskForm, field: Field) -> None:
        service = SERVICES.get(_kind_of(form))
        if not field.data or len(field.data) > 400 or service is None or not robots.may_call(service, field.data):
            example = f"https://{service.host}{service.path}?{service.key}=…" if service else "https://…"
            raise ValidationError(_("Please copy the whole address from the group: %(example)s", example=example))


def _kind_of(form: FlaskForm) -> Any:
    try:
        return RobotKind(form["kind"].data)
    except ValueError:
        return None


class RobotForm(Form):
    """A robot of a group chat."""

    kind = OneField(
        lazy("Which group"),
        choices=[_choice(kind) for kind in RobotKind],
        default=RobotKind.WECOM.value,
    )
    name = StringField(
        lazy("Name of the group"),
        [Filled(lazy("Please give the group a name, so that you find it again.")), AtMost(40)],
    )
    url = SecretField(
        lazy("Address (webhook) of the robot"),
        [Webhook()],
        description=lazy("The group shows it when you add a robot. Whoever knows it can speak in the group."),
    )
    secret = SecretField(
        lazy("Secret for signing"), [AtMost(200)], description=lazy("Only DingTalk, if signing is switched on there.")
    )
    lang = DropField(
        lazy("Language"), choices=[SelectChoice(*item) for item in LANGUAGES.items()], default=DEFAULT_LANGUAGE
    )
