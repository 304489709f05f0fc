"""The outbox by every channel, against servers that speak the real protocols: each once, each in its language."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from blueprints.admin import sending, worker
from blueprints.claims import actions as claims
from blueprints.identity.models import Account, Session
from blueprints.messages import actions as messages
from blueprints.messages.actions import announce, tell
from blueprints.messages.models import (
    BulletinKind,
    Channel,
    Delivery,
    DeliveryState,
    NoticeKind,
    PushSubscription,
    Robot,
    RobotKind,
    Topic,
)
from blueprints.organizations.models import Limit, Setting
from core import clock, outside, push, vault
from core.db import db
from core.push import Browser
from tests.admin.smtp import Mailbox, mail_server
from tests.admin.test_commands_worker import together
from tests.claims.test_claiming import actor_of
from tests.factories import BEFORE, HOUR, START, actor_for, make_account, make_post, make_shift, open_session, saved
from tests.servers import Group, PushService, SmsGateway, as_json, http_server

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
NOON = datetime(2099, 5, 2, 4, 0, tzinfo=START.tzinfo)  # 12:00 in Jiaxing
NIGHT = datetime(2099, 5, 2, 15, 30, tzinfo=START.tzinfo)  # 23:30
MORNING = datetime(2099, 5, 2, 23, 0, tzinfo=START.tzinfo)  # 07:00 of the next day
S = DeliveryState


@pytest.fixture
def clock_at(app, monkeypatch):
    """Set the time that the product tells."""
    return lambda moment: monkeypatch.setitem(app.extensions, "clock_ahead", moment - clock.real())


@pytest.fixture(autouse=True)
def noon(clock_at) -> None:
    clock_at(NOON)


@pytest.fixture
def settings(app, monkeypatch):
    def put(**values) -> None:
        for name, value in values.items():
            monkeypatch.setitem(app.config, name, value)

    return put


@pytest.fixture
def gateway(settings) -> Iterator[SmsGateway]:
    gateway = SmsGateway()
    with http_server(gateway) as gateway.host:
        settings(SMS_URL=gateway.url, SMS_KEY_ID=gateway.key_id, SMS_SECRET=gateway.secret)
        yield gateway


@pytest.fixture
def service(settings) -> Iterator[PushService]:
    service = PushService()
    with http_server(service) as service.host:
        settings(REACHABLE_HOSTS=[service.host])
        service.server_key = push.public_key()
        yield service


@pytest.fixture
def group(settings) -> Iterator[Group]:
    group = Group()
    with http_server(group) as group.host:
        settings(REACHABLE_HOSTS=[group.host], PUBLIC_URL="https://gang.example")
        yield group


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        settings(MAIL_URL=mailbox.url, MAIL_FROM="rengang@example.org")
        yield mailbox


def everything() -> list[Delivery]:
    db.session.expire_all()
    return list(db.session.scalars(select(Delivery).order_by(Delivery.id)))


def states() -> list[tuple[str, str]]:
    return [(delivery.channel.value, delivery.state.value) for delivery in everything()]


def choose(account, *channels: Channel, **quiet) -> None:
    quiet = {"quiet": True, "quiet_mail": False, **quiet}
    topics = [Topic.REMINDERS, Topic.CHANGES, Topic.OFFERS]
    messages.choose(account.id, {topic: list(channels) for topic in topics}, **quiet, now=BEFORE)
    db.session.commit()


def subscribe(account, fields: dict[str, str]) -> PushSubscription:
    open_session(account.id)
    session = actor_for(account).session_id
    made = messages.subscribe(account.id, session, Browser(**fields), device="Firefox", now=BEFORE)
    db.session.commit()
    return made


def tell_changed(account, starts_at: datetime = START, now: datetime = NOON, **values):
    values = {"title": "社区图书角管理岗", "where": "一楼", "reason": "教室占用", **values}
    when = {"starts": starts_at, "ends": starts_at + 2 * HOUR}
    notice = tell(account.id, NoticeKind.SHIFT_CHANGED, now=now, path="/shifts/7", **when, **values)
    db.session.commit()
    return notice


# --- text messages ------------------------------------------------------------------------------------------


def test_a_text_message_is_signed_and_says_what_matters_in_70_characters(gateway):
    account = make_account(lang="zh_Hans")
    choose(account, Channel.SMS)
    tell_changed(account, title="烟雨社区党群服务中心少儿图书角周末管理与借还志愿服务岗位及亲子阅读陪伴与整理活动")
    assert worker.deliver().total == (1, 0)
    text = gateway.texts[0]
    assert text["to"] == account.phone
    assert text["template"] == "shift_changed.zh_Hans"
    assert len(text["text"]) <= 70
    assert text["text"].startswith("变更：烟雨社区")
    assert "5月4日" in text["text"]
    assert "09:00" in text["text"]
    assert set(text["parameters"]) == {"title", "when"}  # no reason and no name, which may be about somebody
    assert len(text["parameters"]["title"]) == 20


def test_it_is_written_in_the_language_of_its_receiver_and_by_the_name_of_an_approved_template(gateway, settings):
    settings(SMS_TEMPLATES={"shift_changed.en": "SMS_1001"})
    account = make_account(lang="en")
    choose(account, Channel.SMS)
    tell_changed(account, title="Books")
    worker.deliver()
    assert gateway.texts[0]["template"] == "SMS_1001"
    assert gateway.texts[0]["text"].startswith("Changed: Books is now Mon 4 May 09:00-11:00.")


def test_nobody_gets_a_text_message_before_agreeing_to_it(gateway):
    account = make_account()
    tell_changed(account)
    assert Channel.SMS not in {delivery.channel for delivery in everything()}
    choose(account, Channel.SMS)
    choose(account)
    tell_changed(account)
    assert everything() == []


def test_a_busy_gateway_is_asked_again_and_one_that_refuses_is_not(gateway, clock_at):
    account = make_account()
    choose(account, Channel.SMS)
    gateway.answers = [(503, {}, b"busy"), as_json(422, {"error": "not a phone number"})]
    tell_changed(account), tell_changed(account)
    assert worker.deliver().total == (0, 2)
    first, second = everything()
    assert (first.state, first.due_at - clock.now() < MINUTE + timedelta(seconds=5)) == (S.DUE, True)
    assert (second.state, second.error) == (S.FAILED, "gateway said 422")
    clock_at(NOON + 2 * MINUTE)
    assert worker.deliver().total == (1, 0)
    assert len(gateway.texts) == 1


def test_a_wrong_secret_loses_nothing_it_waits_until_that_is_mended(gateway, settings, clock_at):
    account = make_account()
    choose(account, Channel.SMS)
    settings(SMS_SECRET="of another installation")
    tell_changed(account)
    worker.deliver()
    assert (everything()[0].state, everything()[0].error) == (S.DUE, "gateway said 401")
    settings(SMS_SECRET=gateway.secret)
    clock_at(NOON + 2 * MINUTE)
    assert worker.deliver().total == (1, 0)


def test_what_was_sent_and_never_marked_comes_again_under_the_same_name(gateway, clock_at):
    account = make_account()
    choose(account, Channel.SMS)
    tell_changed(account)
    letter = sending.take(clock.now())
    assert sending._try(letter) is None  # and here the worker dies
    clock_at(NOON + sending.TAKEN_FOR + MINUTE)
    assert worker.deliver().total == (1, 0)
    assert len(gateway.asked) == 2
    assert len(gateway.texts) == 1


def test_a_gateway_that_does_not_answer_costs_one_wait_a_round(settings):
    with http_server(lambda _asked: as_json(200, {})) as host:
        pass  # nobody listens there any more
    settings(SMS_URL=f"http://{host}/", SMS_SECRET="s")
    account = make_account()
    choose(account, Channel.SMS)
    tell_changed(account), tell_changed(account)
    assert worker.deliver().total == (0, 2)
    assert [delivery.error for delivery in everything()] == [
        "no answer (ConnectionRefusedError)",
        "no answer a moment ago",
    ]


# --- web push -----------------------------------------------------------------------------------------------


def test_a_notification_reaches_the_browser_sealed_for_it_and_signed_by_us(service):
    account = make_account(lang="zh_Hans")
    subscribe(account, service.fields)
    tell_changed(account)
    assert worker.deliver().total == (1, 0)
    note = service.notes[0]
    assert note["path"] == "/shifts/7"
    assert note["lang"] == "zh-Hans"
    assert "社区图书角管理岗" in note["body"]
    assert "社区图书角".encode() not in service.asked[0].body
    assert 0 < int(service.asked[0].headers["ttl"]) <= 28 * 24 * 3600


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_forgotten(service, status):
    account = make_account()
    subscribe(account, service.fields)
    service.statuses = [status]
    tell_changed(account), tell_changed(account)
    assert worker.deliver().total == (0, 1)
    assert db.session.scalar(select(func.count()).select_from(PushSubscription)) == 0
    assert states() == [("push", "expired"), ("push", "expired")]


def test_a_push_service_that_is_busy_is_asked_again(service, clock_at):
    account = make_account()
    subscribe(account, service.fields)
    service.statuses = [429, 503]
    tell_changed(account)
    for moment in (NOON, NOON + 2 * MINUTE, NOON + 10 * MINUTE):
        clock_at(moment)
        worker.deliver()
    assert states() == [("push", "sent")]
    assert len(service.notes) == 1


def test_signing_out_ends_the_notifications_of_that_browser(service):
    account = make_account()
    subscription = subscribe(account, service.fields)
    tell_changed(account)
    db.session.get_one(Session, subscription.session_id).revoked_at = NOON
    db.session.commit()
    assert worker.deliver().total == (0, 1)
    tell_changed(account)
    assert states() == [("push", "failed")]
    assert service.notes == []


def test_a_browser_on_a_private_address_is_never_called(service, settings):
    settings(REACHABLE_HOSTS=[])
    account = make_account()
    https = {**service.fields, "endpoint": service.fields["endpoint"].replace("http:", "https:")}
    subscribe(account, https)
    tell_changed(account)
    assert worker.deliver().total == (0, 1)
    assert everything()[0].error == "address is not public"
    assert service.asked == []


def test_a_secret_link_goes_by_mail_and_by_nothing_else(service, gateway, mailbox):
    account = make_account(email="lin@example.org")
    choose(account, Channel.SMS, Channel.PUSH)
    subscribe(account, service.fields)
    sealed = vault.seal("https://gang.example/slips/SECRET")
    tell(account.id, NoticeKind.SLIP_BY_MAIL, now=NOON, until=(NOON + HOUR).isoformat(), sealed=sealed)
    db.session.commit()
    worker.deliver()
    assert states() == [("mail", "sent")]
    assert "SECRET" in mailbox.mails[0].get_content()


# --- group robots -------------------------------------------------------------------------------------------


def connect(world, group: Group, kind: RobotKind = RobotKind.WECOM, **values) -> Robot:
    url = group.wecom if kind is RobotKind.WECOM else group.dingtalk
    values = {"name": "工作群", "url": url, "secret": group.secret, "lang": "zh_Hans", **values}
    made = messages.add_robot(world.station.id, kind, world.qian, **values, now=BEFORE)
    db.session.commit()
    return made


@pytest.mark.parametrize("kind", RobotKind)
def test_a_group_hears_of_a_cancelled_shift_and_of_no_person(world, group, kind):
    connect(world, group, kind)
    shift = make_shift(make_post(world.station))
    claims.claim(shift.id, actor_of(world.lin), now=BEFORE)
    claims.cancel_shift(shift.id, world.chen, reason="林小满请假", now=BEFORE)
    db.session.commit()
    assert worker.deliver().sent[Channel.ROBOT] == 1
    assert "社区图书角管理岗" in group.texts[0]
    assert "取消" in group.texts[0]
    assert f"https://gang.example/shifts/{shift.id}" in group.texts[0]
    assert "林小满" not in group.texts[0]


def test_a_group_hears_of_a_moved_shift_in_its_language(world, group):
    connect(world, group, lang="en")
    shift = make_shift(make_post(world.station, title="Books"))
    later = {"starts_at": START + HOUR, "ends_at": START + 3 * HOUR, "places": 2, "break_minutes": 0}
    claims.change_shift(shift.id, later, world.chen, revision=1, reason="", now=BEFORE)
    db.session.commit()
    worker.deliver()
    assert group.texts[0].startswith("“Books” has changed: now Mon 4 May 10:00–12:00")


def test_a_group_hears_in_the_morning_what_is_on_today_once(world, group, clock_at):
    connect(world, group, RobotKind.DINGTALK)
    shift = make_shift(make_post(world.station))
    claims.claim(shift.id, actor_of(world.lin), now=BEFORE)
    db.session.commit()
    for hours in (-3, -1.5, -1, -0.5):  # 06:00 is in the quiet hours, 07:30 is not
        clock_at(START + hours * HOUR)
        worker.work()
    assert len(group.texts) == 1
    assert "09:00–11:00 社区图书角管理岗 1/2" in group.texts[0]


def test_a_service_that_wants_fewer_messages_is_asked_later_and_a_removed_robot_is_not(world, group, clock_at):
    connect(world, group)
    group.codes = [45009, 93000]
    for _ in range(2):
        announce(world.station.id, BulletinKind.TRIAL, now=NOON, organization="烟雨")
    db.session.commit()
    worker.deliver()
    assert [(d.state, d.error) for d in everything()] == [(S.DUE, "errcode 45009"), (S.FAILED, "errcode 93000")]
    clock_at(NOON + 2 * MINUTE)
    worker.deliver()
    assert [d.state for d in everything()] == [S.SENT, S.FAILED]


def test_dingtalk_refuses_a_wrong_signature_and_we_say_so(world, group):
    connect(world, group, RobotKind.DINGTALK, secret="of another group")
    announce(world.station.id, BulletinKind.TRIAL, now=NOON, organization="烟雨")
    db.session.commit()
    worker.deliver()
    assert [(d.state, d.error) for d in everything()] == [(S.FAILED, "errcode 310000")]


def test_what_another_key_sealed_is_given_up_at_once_and_said(world, group, settings):
    connect(world, group)
    announce(world.station.id, BulletinKind.TRIAL, now=NOON, organization="烟雨")
    db.session.commit()
    settings(DATA_KEY="of the new machine")
    worker.deliver()
    assert [(d.state, d.error) for d in everything()] == [(S.FAILED, "sealed with another DATA_KEY")]


def test_a_robot_that_was_removed_says_nothing_more(world, group):
    robot = connect(world, group)
    announce(world.station.id, BulletinKind.TRIAL, now=NOON, organization="烟雨")
    messages.remove_robot(robot.id, world.qian, now=NOON)
    db.session.commit()
    assert worker.deliver().total == (0, 0)
    assert (states(), robot.sealed, group.texts) == ([("robot", "expired")], "", [])


def test_a_long_bulletin_fits_into_what_wecom_takes(world, group):
    connect(world, group)
    announce(world.station.id, BulletinKind.TODAY, now=NOON, count=99, lines="很长的岗位名称" * 400)
    db.session.commit()
    assert worker.deliver().total == (1, 0)
    assert group.texts[0].endswith("…")


def test_another_stations_group_hears_nothing(world, group):
    messages.add_robot(
        world.other_station.id, RobotKind.WECOM, world.he, name="g", url=group.wecom, secret="", lang="en", now=BEFORE
    )
    shift = make_shift(make_post(world.station))
    claims.cancel_shift(shift.id, world.chen, reason="雨", now=BEFORE)
    assert everything() == []


# --- quiet hours --------------------------------------------------------------------------------------------


def test_quiet_hours_move_a_message_and_lose_none(gateway, service, mailbox, clock_at):
    account = make_account(email="lin@example.org")
    choose(account, Channel.SMS, Channel.PUSH, Channel.MAIL)
    subscribe(account, service.fields)
    clock_at(NIGHT)
    tell_changed(account, now=NIGHT)
    assert worker.deliver().total == (1, 0)  # mail disturbs nobody
    assert states() == [("mail", "sent"), ("push", "due"), ("sms", "due")]
    assert {d.due_at for d in everything() if d.state is S.DUE} == {MORNING}
    assert {d.tries for d in everything() if d.state is S.DUE} == {0}
    clock_at(MORNING - MINUTE)
    assert worker.deliver().total == (0, 0)
    clock_at(MORNING + MINUTE)
    assert worker.deliver().total == (2, 0)
    assert (len(service.notes), len(gateway.texts)) == (1, 1)


def test_mail_waits_too_for_those_who_want_that(mailbox, clock_at):
    account = make_account(email="lin@example.org")
    choose(account, Channel.MAIL, quiet_mail=True)
    clock_at(NIGHT)
    tell_changed(account, now=NIGHT)
    assert (worker.deliver().total, states()) == ((0, 0), [("mail", "due")])


def test_nothing_waits_for_those_who_want_no_quiet(gateway, clock_at):
    account = make_account()
    choose(account, Channel.SMS, quiet=False)
    clock_at(NIGHT)
    tell_changed(account, now=NIGHT)
    assert worker.deliver().total == (1, 0)


@pytest.mark.parametrize(
    ("starts_at", "was"),
    [(MORNING - HOUR, MORNING - HOUR), (MORNING + 30 * HOUR, MORNING - HOUR), (MORNING, MORNING + 3 * HOUR)],
    ids=["begins before the morning", "would have begun before it", "now begins before it"],
)
def test_what_changes_a_shift_before_the_morning_is_told_in_the_night(gateway, clock_at, starts_at, was):
    account = make_account()
    choose(account, Channel.SMS)
    clock_at(NIGHT)
    tell_changed(account, starts_at, NIGHT, was=was)
    assert worker.deliver().total == (1, 0)


def test_an_offer_that_ends_in_the_night_is_told_in_the_night(gateway, clock_at):
    account = make_account()
    choose(account, Channel.SMS)
    clock_at(NIGHT)
    when = {"starts": START + DAY, "ends": START + DAY + HOUR, "title": "岗", "until": (NIGHT + HOUR).isoformat()}
    tell(account.id, NoticeKind.CLAIM_OFFERED, now=NIGHT, **when)
    db.session.commit()
    assert worker.deliver().total == (1, 0)


def test_a_message_that_was_delayed_into_the_night_waits_for_the_morning_as_well(gateway, clock_at):
    account = make_account()
    choose(account, Channel.SMS)
    tell_changed(account)
    clock_at(NIGHT)  # no worker was there before
    assert worker.deliver().total == (0, 0)
    assert everything()[0].due_at == MORNING


def test_a_city_sets_its_own_quiet_hours_or_none(gateway, clock_at):
    for limit in (Limit.QUIET_FROM_HOUR, Limit.QUIET_UNTIL_HOUR):
        saved(Setting(name=limit, value=13, changed_at=BEFORE))
    account = make_account()
    choose(account, Channel.SMS)
    clock_at(NIGHT)
    tell_changed(account, now=NIGHT)
    assert worker.deliver().total == (1, 0)


# --- too late, or no longer true ----------------------------------------------------------------------------


def test_an_offer_that_has_ended_is_not_sent_any_more(gateway, clock_at):
    account = make_account()
    choose(account, Channel.SMS)
    when = {"starts": START, "ends": START + HOUR, "title": "岗", "until": (NOON + HOUR).isoformat()}
    tell(account.id, NoticeKind.CLAIM_OFFERED, now=NOON, **when)
    db.session.commit()
    clock_at(NOON + 2 * HOUR)
    assert (worker.deliver().total, states()) == ((0, 0), [("sms", "expired")])


def test_a_reminder_of_a_place_that_was_given_up_meanwhile_is_not_sent(world, gateway, clock_at):
    choose(db.session.get_one(Account, world.lin.account_id), Channel.SMS)
    shift = make_shift(make_post(world.station), starts_at=NIGHT + 24 * HOUR)
    own = claims.claim(shift.id, actor_of(world.lin), now=BEFORE)
    db.session.commit()
    worker.remind(now=NIGHT)
    clock_at(NIGHT)
    worker.deliver()
    assert states() == [("sms", "due")]  # it waits for the morning
    claims.cancel(own.id, actor_of(world.lin), reason="生病", now=NIGHT)
    db.session.commit()
    clock_at(MORNING + MINUTE)
    worker.deliver()
    assert states()[0] == ("sms", "expired")
    assert gateway.texts == []


def test_a_message_nobody_can_read_does_not_keep_the_others_waiting(gateway):
    account = make_account()
    choose(account, Channel.SMS)
    when = {"starts": START, "ends": START + HOUR, "title": "岗", "where": "一楼", "place": 1}
    tell(account.id, NoticeKind.SHIFT_SOON, now=NOON, key="soon:not a number", **when)
    db.session.commit()
    tell_changed(account)
    assert worker.deliver().total == (1, 0)
    assert states() == [("sms", "failed"), ("sms", "sent")]


# --- mail ---------------------------------------------------------------------------------------------------


def test_a_mailbox_that_does_not_exist_is_not_tried_again(mailbox, clock_at):
    account = make_account(email="nobody@example.org")
    mailbox.refuse, mailbox.words = 99, "550 no such mailbox"
    tell_changed(account)
    assert worker.deliver().total == (0, 1)
    assert [(d.state, d.tries, d.error) for d in everything()] == [(S.FAILED, 1, "SMTPRecipientsRefused")]


def test_a_mail_that_is_sent_twice_after_a_crash_has_one_name_and_says_the_date(mailbox, clock_at):
    account = make_account(email="lin@example.org", lang="en")
    tell_changed(account)
    letter = sending.take(clock.now())
    assert sending._try(letter) is None  # and here the worker dies
    clock_at(NOON + sending.TAKEN_FOR + MINUTE)
    assert worker.deliver().total == (1, 0)
    first, second = mailbox.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert "Mon 4 May 09:00–11:00" in first.get_content()  # no "tomorrow", since it is read some other day


# --- three days without a worker ----------------------------------------------------------------------------


@pytest.mark.commits
def test_three_days_without_a_worker_lose_nothing_and_double_nothing(app, world, gateway, clock_at):
    choose(db.session.get_one(Account, world.lin.account_id), Channel.SMS)
    post = make_post(world.station)
    over, moved, soon = (make_shift(post, starts_at=START + days * DAY) for days in (-1, 1, 0.2))
    for shift in (over, moved, soon):
        claims.claim(shift.id, actor_of(world.lin), now=BEFORE)
    db.session.commit()
    later = {"starts_at": START + 5 * DAY, "ends_at": START + 5 * DAY + HOUR, "places": 2, "break_minutes": 0}
    claims.change_shift(moved.id, later, world.chen, revision=1, reason="雨", now=BEFORE + HOUR)
    db.session.commit()
    clock_at(START + 0.2 * DAY - HOUR)  # nobody has worked since
    together(app, 3, worker.work)
    together(app, 2, worker.work)
    told = sorted(text["template"] for text in gateway.texts)
    assert told == ["shift_changed.zh_Hans", "shift_near.zh_Hans"]
    assert len(gateway.asked) == 2


# --- once ---------------------------------------------------------------------------------------------------


@pytest.mark.commits
def test_two_workers_send_each_message_by_each_channel_once(app, world, gateway, service, group):
    app.config["REACHABLE_HOSTS"] = [service.host, group.host]
    connect(world, group)
    for number in range(8):
        account = make_account(f"志愿者{number}")
        choose(account, Channel.SMS, Channel.PUSH)
        fields = {**service.fields, "endpoint": f"http://{service.host}/send/{number}"}
        subscribe(account, fields)
        tell_changed(account)
    announce(world.station.id, BulletinKind.TRIAL, now=NOON, organization="烟雨")
    db.session.commit()
    together(app, 3, worker.deliver)
    assert len(gateway.asked) == len(gateway.texts) == 8
    assert len({asked.path for asked in service.asked}) == len(service.asked) == 8
    assert len(group.texts) == 1


def test_a_notice_to_one_place_is_in_the_outbox_once(gateway):
    account = make_account()
    choose(account, Channel.SMS)
    notice = tell_changed(account)
    twice = Delivery(notice_id=notice.id, channel=Channel.SMS, target=account.phone, due_at=NOON)
    with pytest.raises(Exception, match=r"(?i)unique"):
        saved(twice)


def test_what_waits_for_a_channel_that_was_switched_off_goes_on_when_it_is_back(gateway, settings):
    account = make_account()
    choose(account, Channel.SMS)
    tell_changed(account)
    settings(SMS_URL="")
    assert worker.deliver().total == (0, 0)
    settings(SMS_URL=gateway.url)
    assert worker.deliver().total == (1, 0)


# --- the line outside ---------------------------------------------------------------------------------------


@contextmanager
def waits(seconds: float, monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(outside, "WHOLE", seconds)
    yield


def test_whoever_answers_drop_by_drop_is_hung_up_on(settings, monkeypatch):
    go_on = threading.Event()

    def dripping(_asked):
        go_on.wait(20)
        return as_json(200, {})

    with http_server(dripping) as host, waits(0.3, monkeypatch):
        settings(REACHABLE_HOSTS=[host])
        with pytest.raises(outside.Unsent) as caught:
            outside.post(f"http://{host}/", b"{}", {})
        go_on.set()
    assert caught.value.unreachable


def test_a_long_answer_is_not_read_to_its_end(settings):
    with http_server(lambda _asked: (200, {}, b"x" * 1_000_000)) as host:
        settings(REACHABLE_HOSTS=[host])
        assert len(outside.post(f"http://{host}/", b"", {}).body) <= outside.MOST


def test_a_redirect_is_not_followed(settings):
    asked = []

    def elsewhere(one):
        asked.append(one.path)
        return 302, {"Location": "/secret"}, b""

    with http_server(elsewhere) as host:
        settings(REACHABLE_HOSTS=[host])
        assert outside.post(f"http://{host}/a", b"", {}).status == 302
    assert asked == ["/a"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/", "https://127.0.0.1:1/", "https://localhost:1/", "https://[::1]:1/",
        "https://10.0.0.7/", "https://169.254.169.254/latest", "https://[::ffff:127.0.0.1]:1/",
        "https://0x7f000001:1/", "https://user@127.0.0.1:1/", "ftp://127.0.0.1/", "https:///", "https://127.0.0.1:99999/",
    ],
)  # fmt: skip
def test_our_own_house_is_never_called_by_somebody_elses_address(url):
    with pytest.raises(outside.Unsent) as caught:
        outside.post(url, b"", {})
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("127.0.0.1", False), ("10.1.2.3", False), ("192.168.1.1", False), ("172.16.0.1", False), ("0.0.0.0", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.1", False), ("255.255.255.255", False),
        ("::1", False), ("fe80::1%eth0", False), ("fd00::1", False), ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False), ("2002:a00:1::", False), ("2001:0:a00:1::", False),
        ("1.1.1.1", True), ("240e::1", True), ("2606:4700:4700::1111", True),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address, is_public):
    assert outside.is_public(address) is is_public
