"""What people choose: the page, its defaults, consent, browsers, and what becomes of it when they leave."""

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from blueprints.identity.actions import Departure
from blueprints.identity.models import Leaving
from blueprints.messages import actions, channels, queries, rules, words
from blueprints.messages.models import Channel, Delivery, DeliveryState, Notice, NoticeKind, Preference, Topic
from blueprints.messages.models import PushSubscription as Subscription
from blueprints.messages.rules import POSSIBLE
from core import sms, vault
from core.db import db
from core.i18n import speaking
from core.push import Browser
from core.refusal import Refusal
from tests.factories import BEFORE, START, actor_for, make_account, sign_in
from tests.servers import PushService

HOUR = timedelta(hours=1)
TOPICS = [topic.value for topic in Topic]


@pytest.fixture
def lin(client):
    account = make_account(email="lin@example.org")
    sign_in(client, account.id)
    return account


@pytest.fixture
def everything_set(app, monkeypatch):
    """An installation that has every channel."""
    for name in ("MAIL_URL", "SMS_URL"):
        monkeypatch.setitem(app.config, name, "smtp://127.0.0.1:1")


def ticked(page: str) -> set[tuple[str, str]]:
    boxes = re.findall(r"<input[^>]*type=\"checkbox\"[^>]*>", page)
    checked = [box for box in boxes if " checked" in box]
    return {
        (re.search(r'name="(\w+)"', box)[1], re.search(r'value="(\w+)"', box)[1])
        for box in checked
        if re.search(r'name="(\w+)"', box)[1] in TOPICS
    }


def browser(service: PushService | None = None, endpoint: str = "https://push.example/send/1") -> dict[str, str]:
    return {**(service or PushService(host="x")).fields, "endpoint": endpoint}


# --- the page -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("lin", "everything_set")
def test_the_page_shows_what_holds_for_somebody_who_never_chose(client):
    page = client.get("/me/channels").text
    assert ticked(page) >= {("reminders", "mail"), ("reminders", "push"), ("changes", "mail"), ("records", "mail")}
    assert not {channel for _topic, channel in ticked(page)} & {"sms"}
    assert "22:00" in page
    assert "07:00" in page


@pytest.mark.usefixtures("everything_set")
def test_a_choice_is_kept_and_shown_again(client, lin):
    said = {"reminders": ["sms"], "changes": ["mail", "sms"], "quiet": "y"}
    assert client.post("/me/channels", data=said).status_code == 303
    page = client.get("/me/channels").text
    assert ticked(page) == {("reminders", "sms"), ("changes", "mail"), ("changes", "sms")}
    kept = queries.preference(lin.id)
    assert kept.sms_agreed_at is not None
    assert (kept.quiet, kept.quiet_mail) == (True, False)


@pytest.mark.usefixtures("everything_set")
def test_unticking_every_text_message_takes_the_consent_back(client, lin):
    client.post("/me/channels", data={"reminders": ["sms"]})
    client.post("/me/channels", data={"reminders": ["mail"]})
    kept = queries.preference(lin.id)
    assert (kept.sms_agreed_at, kept.sms_text_version) == (None, "")


@pytest.mark.usefixtures("lin", "everything_set")
@pytest.mark.parametrize("wrong", [{"reminders": "pigeon"}, {"claims": "sms"}, {"records": "robot"}])
def test_what_cannot_be_chosen_is_refused_and_nothing_is_kept(client, wrong):
    answer = client.post("/me/channels", data=wrong)
    assert answer.status_code == 422
    assert "Please choose from the list." in answer.text
    assert db.session.scalar(select(func.count()).select_from(Preference)) == 0


def test_a_channel_that_cannot_be_had_now_keeps_what_was_chosen_for_it(client, lin, app, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(app.config, "SMS_URL", "http://127.0.0.1:1")
        client.post("/me/channels", data={"reminders": ["sms"], "changes": ["push"]})
    client.post("/me/channels", data={"reminders": ["push"]})
    kept = queries.preference(lin.id).choices
    assert kept["reminders"] == ["mail", "push", "sms"]  # there is no mail server, so nobody unticked it
    assert kept["changes"] == ["mail"]


def test_the_mail_about_the_safety_of_the_account_cannot_be_switched_off(client, lin, everything_set):
    client.post("/me/channels", data={})
    actions.tell(lin.id, NoticeKind.PASSWORD_CHANGED, now=BEFORE)
    assert [d.channel for d in db.session.scalars(select(Delivery))] == [Channel.MAIL]


def test_without_any_channel_the_page_says_where_messages_are(client, app, monkeypatch):
    monkeypatch.setitem(app.config, "WEB_PUSH", False)
    sign_in(client, make_account().id)
    page = client.get("/me/channels").text
    assert "This site sends nothing outside yet" in page
    assert "push.js" not in page


def test_what_is_chosen_decides_where_a_message_goes(lin, everything_set):
    choices = {Topic.REMINDERS: [Channel.SMS], Topic.CHANGES: [], Topic.OFFERS: [Channel.MAIL]}
    actions.choose(lin.id, choices, quiet=True, quiet_mail=False, now=BEFORE)
    when = {"starts": START, "ends": START + HOUR, "title": "岗", "where": "一楼", "place": 1, "reason": "雨"}
    for kind in (NoticeKind.SHIFT_SOON, NoticeKind.SHIFT_CHANGED, NoticeKind.PLACE_MOVED_UP, NoticeKind.CLAIM_HELD):
        actions.tell(lin.id, kind, now=BEFORE, **when)
    rows = select(Notice.kind, Delivery.channel, Delivery.target).join(Notice, Notice.id == Delivery.notice_id)
    assert [tuple(row) for row in db.session.execute(rows.order_by(Delivery.id))] == [
        (NoticeKind.SHIFT_SOON, Channel.SMS, lin.phone),
        (NoticeKind.PLACE_MOVED_UP, Channel.MAIL, "lin@example.org"),
        (NoticeKind.CLAIM_HELD, Channel.MAIL, "lin@example.org"),
    ]


def test_every_kind_of_notice_has_a_topic_of_its_own_sort():
    topics = {kind: rules.topic_of(kind) for kind in NoticeKind}
    assert set(topics.values()) == set(Topic)
    assert topics[NoticeKind.SHIFT_NEAR] is Topic.REMINDERS
    assert topics[NoticeKind.CLAIM_RELEASED] is Topic.CHANGES
    assert topics[NoticeKind.RECORD_RETURNED] is Topic.RECORDS
    assert topics[NoticeKind.PASSWORD_CHANGED] is Topic.ACCOUNT
    for topic in Topic:
        assert set(rules.DEFAULT[topic]) <= set(POSSIBLE[topic])


# --- a test message -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("everything_set")
def test_a_test_message_goes_through_every_channel_in_use_once_a_minute(client, lin):
    client.post("/me/channels", data={"reminders": ["sms"], "offers": ["mail"]})
    assert client.post("/me/channels/trial").status_code == 303
    assert {d.channel for d in db.session.scalars(select(Delivery))} == {Channel.SMS, Channel.MAIL}
    assert not any(d.quiet for d in db.session.scalars(select(Delivery)))
    again = client.post("/me/channels/trial")
    assert again.status_code == 409
    assert "wait a minute" in again.text


# --- browsers -----------------------------------------------------------------------------------------------


def test_a_browser_is_added_and_removed_by_plain_forms(client, lin):
    assert client.post("/me/browsers", data=browser()).status_code == 303
    row = db.session.scalars(select(Subscription)).one()
    assert row.account_id == lin.id
    assert "push.example" not in row.sealed
    assert json.loads(vault.unseal(row.sealed))["endpoint"] == "https://push.example/send/1"
    page = client.get("/me/channels").text
    assert "This device" in page
    assert "push.example" not in page
    assert client.post(f"/me/browsers/{row.id}/removal").status_code == 303
    assert db.session.scalars(select(Subscription)).all() == []


@pytest.mark.usefixtures("lin")
@pytest.mark.parametrize(
    "wrong",
    [
        {"p256dh": "AAAA"}, {"auth": "AAAA"}, {"p256dh": "B" + "A" * 86}, {"endpoint": "javascript:alert(1)"},
        {"endpoint": "https://"}, {"p256dh": "密钥"}, {"auth": "!" * 21 + "A"},
    ],
)  # fmt: skip
def test_what_is_no_browser_is_refused_with_a_sentence(client, wrong):
    answer = client.post("/me/browsers", data={**browser(), **wrong})
    assert answer.status_code == 409
    assert "did not give an address for notifications" in answer.text
    assert db.session.scalars(select(Subscription)).all() == []


@pytest.mark.usefixtures("lin")
@pytest.mark.parametrize("wrong", [{"endpoint": ""}, {"endpoint": "https://push.example/" + "x" * 1000}])
def test_an_empty_or_endless_address_is_refused(client, wrong):
    assert client.post("/me/browsers", data={**browser(), **wrong}).status_code == 422


def test_a_browser_belongs_to_whoever_used_it_last(client):
    first, second = make_account(), make_account()
    told = Browser(**browser())
    old = actions.subscribe(first.id, actor_for(first).session_id, told, device="", now=BEFORE)
    actions.tell(first.id, NoticeKind.PASSWORD_CHANGED, now=BEFORE)
    assert [d.target for d in db.session.scalars(select(Delivery))] == [str(old.id)]
    actions.subscribe(second.id, actor_for(second).session_id, told, device="", now=BEFORE)
    assert [s.account_id for s in db.session.scalars(select(Subscription))] == [second.id]
    assert [d.state for d in db.session.scalars(select(Delivery))] == [DeliveryState.EXPIRED]


def test_only_the_newest_ten_browsers_are_kept():
    account = make_account()
    session = actor_for(account).session_id
    for number in range(12):
        told = Browser(**browser(endpoint=f"https://push.example/{number}"))
        actions.subscribe(account.id, session, told, device=str(number), now=BEFORE)
    rows = db.session.scalars(select(Subscription).order_by(Subscription.id))
    assert [row.device for row in rows] == [str(number) for number in range(2, 12)]


def test_somebody_elses_browser_is_not_there(client, lin):
    other = make_account()
    made = actions.subscribe(other.id, actor_for(other).session_id, Browser(**browser()), device="", now=BEFORE)
    db.session.commit()
    assert client.post(f"/me/browsers/{made.id}/removal").status_code == 404
    assert db.session.scalars(select(Subscription)).all() == [made]


@pytest.mark.parametrize("data", Leaving)
def test_whoever_leaves_takes_every_address_along(lin, everything_set, data):
    session = actor_for(lin).session_id
    actions.subscribe(lin.id, session, Browser(**browser()), device="", now=BEFORE)
    actions.choose(lin.id, {Topic.CHANGES: [Channel.SMS]}, quiet=True, quiet_mail=False, now=BEFORE)
    actions.tell(lin.id, NoticeKind.PASSWORD_CHANGED, now=BEFORE)
    actions.forget(Departure(lin.id, None, data, BEFORE))
    for table in (Subscription, Preference, Delivery):
        assert db.session.scalars(select(table)).all() == []


# --- short words --------------------------------------------------------------------------------------------

LONG = "烟雨社区党群服务中心少儿图书角周末管理与借还志愿服务岗位及亲子阅读陪伴与整理活动"
VALUES = {
    "title": LONG, "where": LONG, "reason": LONG, "organization": LONG, "starts": START.isoformat(), "place": 12,
    "ends": (START + HOUR).isoformat(), "until": START.isoformat(), "minutes": 150, "position": 3, "role": "clerk",
    "skill": "nursing", "phone": "199****0001", "person": LONG, "giver": LONG, "other_title": LONG,
    "other_starts": START.isoformat(), "other_ends": START.isoformat(), "left": 3, "held": 1, "minimum": 2,
    "number": "RG2099050412345678", "count": 12,
}  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in NoticeKind if kind is not NoticeKind.SLIP_BY_MAIL])
@pytest.mark.parametrize("lang", ["zh_Hans", "en"])
def test_a_short_message_is_short_whatever_people_typed(kind, lang):
    with speaking(lang):
        told = words.short(Notice(kind=kind, values=VALUES), sms.LONGEST if lang == "zh_Hans" else sms.LONGEST_LATIN)
    assert 0 < len(told) <= (sms.LONGEST if lang == "zh_Hans" else sms.LONGEST_LATIN)
    assert "%(" not in told


@pytest.mark.parametrize("kind", [kind for kind in NoticeKind if kind is not NoticeKind.SLIP_BY_MAIL])
def test_a_text_message_hands_on_no_name_and_no_reason(kind):
    private = {"person": "林小满", "giver": "周晓航", "reason": "生病", "phone": "199****0001", "organization": "站点"}
    notice = Notice(kind=kind, values={**VALUES, "title": "岗", **private})
    said = channels.text_message(notice) + str(words.parameters(notice))
    assert not [word for word in private.values() if word in said]


def test_a_secret_is_in_no_short_message():
    sealed = Notice(kind=NoticeKind.SLIP_BY_MAIL, values={"until": START.isoformat(), "sealed": vault.seal("SECRET")})
    assert "SECRET" not in words.short(sealed, 999)
    assert "SECRET" not in str(words.parameters(sealed))


def test_a_refusal_comes_from_the_rule_not_only_from_the_form():
    account = make_account()
    with pytest.raises(Refusal):
        actions.subscribe(account.id, 1, Browser("https://x.example/", "", ""), device="", now=BEFORE)
