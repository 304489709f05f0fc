"""What happens without a visitor: offers, reminders and mail, each once, whoever works and however often."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from blueprints.admin import sending, worker
from blueprints.admin.models import Lease
from blueprints.claims.models import Claim, ClaimState
from blueprints.identity.models import Volunteer
from blueprints.messages.actions import tell
from blueprints.messages.models import Delivery, DeliveryState, Notice, NoticeKind
from blueprints.posts.models import Shift, ShiftState
from core import clock
from core.db import db
from tests.admin.smtp import Mailbox, mail_server
from tests.factories import BEFORE, HOUR, START, make_account, make_post, make_shift, saved

DAY = timedelta(days=1)


def hold_place(shift: Shift, volunteer: Volunteer, place: int = 1, at: datetime = BEFORE, **values) -> Claim:
    values = {"state": ClaimState.HELD, "place": place, **values}
    claim = Claim(shift_id=shift.id, volunteer_id=volunteer.id, places=shift.places, claimed_at=at, **values)
    return saved(claim)


def reminders() -> list[Notice]:
    kinds = (NoticeKind.SHIFT_SOON, NoticeKind.SHIFT_NEAR)
    soon = select(Notice).where(Notice.kind.in_(kinds)).order_by(Notice.id)
    return list(db.session.scalars(soon))


@pytest.fixture
def shift(world) -> Shift:
    return make_shift(make_post(world.station))


# --- reminders --------------------------------------------------------------------------------------------


def test_who_holds_a_place_is_reminded_the_day_before(world, shift):
    hold_place(shift, world.lin, 2)
    assert worker.remind(now=START - 25 * HOUR) == 0
    assert worker.remind(now=START - 24 * HOUR) == 1
    told = reminders()[0]
    assert (told.account_id, told.path) == (world.lin.account_id, f"/shifts/{shift.id}")
    assert told.values["place"] == 2


def test_nobody_is_reminded_twice(world, shift):
    hold_place(shift, world.lin)
    worker.remind(now=START - 20 * HOUR)
    assert worker.remind(now=START - 19 * HOUR) == 0
    assert len(reminders()) == 1


def test_days_without_a_worker_lose_no_reminder_that_still_helps(world, shift):
    later = make_shift(make_post(world.station), starts_at=START + 3 * DAY)
    hold_place(shift, world.lin)
    hold_place(later, world.zhou)
    worker.remind(now=later.starts_at - 1 * HOUR)  # the first shift is over
    assert [told.account_id for told in reminders()] == [world.zhou.account_id]


def test_only_who_holds_a_place_is_reminded(world, shift):
    hold_place(shift, world.lin, state=ClaimState.WAITING, place=None)
    hold_place(shift, world.zhou, state=ClaimState.CANCELLED, place=None)
    offered = {"state": ClaimState.OFFERED, "offered_until": START - HOUR}
    hold_place(shift, world.shen, **offered)
    assert worker.remind(now=START - 20 * HOUR) == 0


def test_nobody_is_reminded_of_a_cancelled_shift(world, shift):
    hold_place(shift, world.lin)
    shift.state, shift.cancelled_at = ShiftState.CANCELLED, BEFORE
    db.session.commit()
    assert worker.remind(now=START - 20 * HOUR) == 0


def test_who_claimed_within_the_last_day_was_told_the_time_just_then(world, shift):
    hold_place(shift, world.lin, at=START - 23 * HOUR)
    assert worker.remind(now=START - 22 * HOUR) == 0


def test_a_shift_that_moved_to_another_day_is_reminded_of_again(world, shift):
    hold_place(shift, world.lin)
    worker.remind(now=START - 20 * HOUR)
    shift.starts_at, shift.ends_at = shift.starts_at + DAY, shift.ends_at + DAY
    db.session.commit()
    assert worker.remind(now=START + 5 * HOUR) == 1


@pytest.mark.commits
def test_two_workers_at_once_remind_everybody_once(app, world):
    shift = make_shift(make_post(world.station), places=500)
    people = [world.lin, world.zhou, world.shen]
    for place, person in enumerate(people, 1):
        hold_place(shift, person, place)
    together(app, 3, lambda: worker.remind(now=START - 20 * HOUR))
    assert sorted(told.account_id for told in reminders()) == sorted(person.account_id for person in people)


def together(app, count, act) -> None:
    """The same act by several workers that begin at the same moment."""
    start, errors = threading.Barrier(count), []

    def run() -> None:
        with app.app_context():
            start.wait(20)
            try:
                act()
            except Exception as error:
                errors.append(error)

    with app.app_context():
        worker.hold("anybody", now=clock.real())
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


# --- offers -----------------------------------------------------------------------------------------------


def test_an_offer_that_ended_goes_to_the_next_in_line(world):
    shift = make_shift(make_post(world.station), places=1)
    until = START - 2 * HOUR
    late = hold_place(shift, world.lin, state=ClaimState.OFFERED, offered_until=until)
    waiting = hold_place(shift, world.zhou, state=ClaimState.WAITING, place=None)
    assert worker.settle(now=until - timedelta(minutes=1)) == 0
    assert worker.settle(now=until) == 1
    assert (late.state, waiting.state) == (ClaimState.LAPSED, ClaimState.OFFERED)


def test_a_step_that_breaks_keeps_no_other_from_its_work(app, world, shift, monkeypatch, clock_at, mailbox):
    hold_place(shift, world.lin)
    clock_at(START - 20 * HOUR)
    tell_somebody()
    monkeypatch.delitem(app.config, "TIME_ZONE")
    done = worker.work()
    assert done.crashes >= 2
    assert (done.reminders, done.messages.total) == (0, (1, 0))


# --- mail -------------------------------------------------------------------------------------------------


@pytest.fixture
def clock_at(app, monkeypatch):
    """Set the time that the product tells."""
    return lambda moment: monkeypatch.setitem(app.extensions, "clock_ahead", moment - clock.real())


@pytest.fixture
def mailbox(app, monkeypatch) -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        settings = {"MAIL_URL": mailbox.url, "MAIL_FROM": "rengang@example.org", "PUBLIC_URL": "https://gang.example"}
        for name, value in settings.items():
            monkeypatch.setitem(app.config, name, value)
        yield mailbox


def tell_somebody(**values) -> Delivery:
    account = make_account(email="lin@example.org", **values)
    tell(account.id, NoticeKind.ACCOUNT_CLAIMED, now=BEFORE, path="/me")
    db.session.commit()
    return db.session.scalars(select(Delivery).order_by(Delivery.id.desc())).first()


def test_a_notice_goes_out_by_mail_in_the_language_of_its_receiver(mailbox):
    deliveries = [tell_somebody(lang="en"), tell_somebody(lang="zh_Hans")]
    assert worker.deliver().total == (2, 0)
    english, chinese = (mail.get_content() for mail in mailbox.mails)
    assert "Your account is now yours alone." in english
    assert "https://gang.example/me" in english
    assert "本人认领" in chinese
    assert [delivery.state for delivery in deliveries] == [DeliveryState.SENT] * 2
    assert all(delivery.sent_at and delivery.taken_until is None for delivery in deliveries)
    assert worker.deliver().total == (0, 0)


def test_a_mail_that_is_refused_is_tried_again_after_growing_pauses_and_given_up_in_the_end(mailbox, clock_at):
    delivery = tell_somebody()
    mailbox.refuse, moment, pauses = 99, BEFORE, []
    for _ in range(sending.MOST_TRIES):
        clock_at(moment)
        assert worker.deliver().total == (0, 1)
        pauses.append(delivery.due_at - moment)
        moment = delivery.due_at + timedelta(seconds=30)
    assert pauses[:-1] == pytest.approx(list(sending.PAUSES), abs=timedelta(seconds=5))
    assert (delivery.state, delivery.tries) == (DeliveryState.FAILED, 8)
    assert delivery.error == "SMTPRecipientsRefused"
    clock_at(moment + 30 * DAY)
    assert worker.deliver().total == (0, 0)


def test_a_mail_that_was_refused_once_arrives_later(mailbox, clock_at):
    delivery = tell_somebody()
    mailbox.refuse = 1
    worker.deliver()
    assert worker.deliver().total == (0, 0)
    clock_at(BEFORE + timedelta(minutes=2))
    assert worker.deliver().total == (1, 0)
    assert (delivery.state, delivery.tries, delivery.error) == (DeliveryState.SENT, 2, "")


def test_an_error_in_the_outbox_names_nobody(mailbox):
    delivery = tell_somebody()
    mailbox.refuse = 1
    worker.deliver()
    assert "lin@" not in delivery.error


def test_a_mail_taken_by_a_worker_that_died_is_sent_after_its_lease(mailbox, clock_at):
    delivery = tell_somebody()
    assert sending.take(clock.now()) is not None
    assert worker.deliver().total == (0, 0)
    clock_at(BEFORE + sending.TAKEN_FOR + timedelta(minutes=1))
    assert worker.deliver().total == (1, 0)
    assert delivery.state is DeliveryState.SENT


def test_without_a_mail_server_nothing_is_taken(mailbox, app, monkeypatch):
    delivery = tell_somebody()
    monkeypatch.setitem(app.config, "MAIL_URL", "")
    assert worker.deliver().total == (0, 0)
    assert (delivery.state, delivery.tries) == (DeliveryState.DUE, 0)


@pytest.mark.commits
def test_two_workers_at_once_send_each_mail_once(app, mailbox):
    for number in range(24):
        account = make_account(email=f"{number}@example.org")
        tell(account.id, NoticeKind.ACCOUNT_CLAIMED, now=BEFORE)
    db.session.commit()
    together(app, 3, worker.deliver)
    assert sorted(mailbox.to()) == sorted(f"{number}@example.org" for number in range(24))
    assert db.session.scalar(select(func.count()).where(Delivery.state == DeliveryState.SENT)) == 24


# --- who works --------------------------------------------------------------------------------------------


def test_one_process_works_and_another_takes_over_when_it_is_gone():
    assert worker.hold("a", now=BEFORE)
    assert not worker.hold("b", now=BEFORE + timedelta(seconds=80))
    assert worker.hold("a", now=BEFORE + timedelta(seconds=80))
    assert not worker.hold("b", now=BEFORE + timedelta(seconds=160))
    assert worker.hold("b", now=BEFORE + timedelta(seconds=180))
    assert not worker.hold("a", now=BEFORE + timedelta(seconds=181))


@pytest.mark.commits
def test_of_many_processes_that_begin_at_once_one_works(app):
    taken = []

    def take() -> None:
        if worker.hold(threading.current_thread().name, now=BEFORE):
            taken.append(threading.current_thread().name)

    db.session.execute(db.delete(Lease))
    db.session.commit()
    start = threading.Barrier(4)

    def run() -> None:
        with app.app_context():
            start.wait(20)
            take()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(taken) == 1


def test_the_command_works_once_and_says_what_it_did(app, world, shift, clock_at):
    hold_place(shift, world.lin)
    clock_at(START - 20 * HOUR)
    result = app.test_cli_runner().invoke(args=["worker", "--once"])
    assert result.exit_code == 0
    assert "reminders 1" in result.output
    assert db.session.scalar(select(func.count()).select_from(Lease)) == 1
