"""What tablets saw without a network: entered once, in the order it happened, or shown to a person."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from blueprints.claims import actions as claims
from blueprints.claims.models import Act, EvidenceClass, Punch
from blueprints.identity import actions as identity
from blueprints.identity.models import Leaving
from blueprints.records import actions as records
from blueprints.records import queries as recorded
from blueprints.records.models import Recorder
from blueprints.rollcall import actions, queries
from blueprints.rollcall.forms import MOST_AT_ONCE, Unreadable, read
from blueprints.rollcall.models import OfflineAct, OfflineState
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import claim
from tests.factories import HOUR, START, make_post, make_shift, make_staff
from tests.rollcall.queues import Tablet, ms, seen, states, times

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
END = START + 2 * HOUR
NEXT = END + 5 * MINUTE  # the network is back


def day(tablet, held, came=START + MINUTE, left=END - MINUTE):
    return [tablet.marks(held, "in", came), tablet.marks(held, "out", left)]


def acts(claim=None):
    db.session.expire_all()
    return list(db.session.scalars(select(OfflineAct).order_by(OfflineAct.id)))


def test_what_was_seen_without_a_network_is_class_b_with_both_clocks_kept(tablet, held, world):
    assert states(tablet.sends(day(tablet, held), world.chen, NEXT)) == ["entered", "entered"]
    assert times(held) == [(START + MINUTE, END - MINUTE)]
    assert seen(held).evidence is EvidenceClass.B
    came = acts()[0]
    assert (came.tablet_at, came.tablet_sent_at, came.received_at, came.at) == (START + MINUTE, NEXT, NEXT, came.at)
    assert (came.observed_by_id, came.sent_by_id) == (world.chen.account_id, world.chen.account_id)
    punch = db.session.get(Punch, came.punch_id)
    assert (punch.at, punch.recorded_at, punch.recorded_by_id) == (START + MINUTE, NEXT, world.chen.account_id)


def test_the_same_queue_sent_twice_changes_nothing_and_answers_the_same(tablet, held, world):
    queue = day(tablet, held)
    first = tablet.sends(queue, world.chen, NEXT)
    again = tablet.sends(queue, world.chen, NEXT + 5 * MINUTE)
    assert first == again
    assert (len(acts()), db.session.scalar(select(func.count(Punch.id)))) == (2, 2)


def test_a_queue_that_holds_an_act_twice_enters_it_once(tablet, held, world):
    came, left = day(tablet, held)
    assert states(tablet.sends([came, came, left, came], world.chen, NEXT)) == ["entered"] * 4
    assert len(acts()) == 2


@pytest.mark.slow
def test_a_queue_of_two_thousand_acts_arrives_in_portions_and_each_is_there_once(tablet, shift, world):
    """A tablet that nobody emptied for long: most of it cannot have been so, and all of it can be looked at."""
    people = [claim(shift, person) for person in (world.lin, world.zhou)]
    day_of_two = [act for held in people for act in day(tablet, held)]
    odd = [tablet.marks(people[n % 2], "in", END + 3 * HOUR + n * MINUTE / 2) for n in range(2_000 - len(day_of_two))]
    queue = day_of_two + odd
    portions = [queue[n : n + MOST_AT_ONCE] for n in range(0, len(queue), MOST_AT_ONCE)]
    now = END + 23 * HOUR
    first = [answer.state for portion in portions for answer in tablet.sends(portion, world.chen, now)]
    assert (len(first), first[:4]) == (2_000, [OfflineState.ENTERED] * 4)
    assert set(first[4:]) == {OfflineState.OPEN}
    again = [answer.state for portion in portions[-2:] for answer in tablet.sends(portion, world.chen, now)]
    assert again == first[-2 * MOST_AT_ONCE :]
    assert db.session.scalar(select(func.count()).select_from(OfflineAct)) == 2_000
    assert [times(held) for held in people] == [[(START + MINUTE, END - MINUTE)]] * 2


def test_a_reordered_queue_is_entered_in_the_order_it_happened(tablet, held, world):
    came, left = day(tablet, held)
    again = tablet.marks(held, "in", END - MINUTE / 2)
    assert states(tablet.sends([again, left, came], world.chen, NEXT)) == ["entered"] * 3
    assert times(held) == [(START + MINUTE, END - MINUTE), (END - MINUTE / 2, None)]


def test_a_later_queue_may_bring_what_happened_earlier(tablet, held, world):
    first, last = day(tablet, held)
    pause = [tablet.marks(held, "out", START + 30 * MINUTE), tablet.marks(held, "in", START + 50 * MINUTE)]
    tablet.sends([first, last], world.chen, NEXT)
    assert states(tablet.sends(pause, world.chen, NEXT)) == ["open", "open"]  # between in and out there is no out
    assert times(held) == [(START + MINUTE, END - MINUTE)]


@pytest.mark.parametrize("wrong", [DAY, -DAY, 400 * DAY, -7 * MINUTE])
def test_a_tablet_whose_clock_is_wrong_all_the_time_does_no_harm(shift, held, world, wrong):
    tablet = Tablet(shift, world.chen, wrong=wrong)
    tablet.sends(day(tablet, held), world.chen, NEXT)
    assert times(held) == [(START + MINUTE, END - MINUTE)]
    assert acts()[0].tablet_at == START + MINUTE + wrong


def test_a_clock_that_was_moved_meanwhile_is_shown_to_a_person(shift, held, world):
    tablet = Tablet(shift, world.chen, wrong=-DAY)
    queue = day(tablet, held)
    tablet.wrong = timedelta(0)  # the network came back and set the clock right before sending
    answers = tablet.sends(queue, world.chen, NEXT)
    assert states(answers) == ["open", "open"]
    assert "The clock of the tablet was moved" in answers[0].sentence
    assert times(held) == []


@pytest.mark.parametrize(
    ("at", "now", "said"),
    [
        (NEXT + HOUR, NEXT, "lies in the future"),
        (START - 3 * HOUR, NEXT, "before the roster was opened"),
        (START + MINUTE, END + 30 * DAY, "more than a day after"),
        (END + 2 * MINUTE, NEXT, "That ended at"),
    ],
)
def test_what_cannot_have_been_so_is_kept_and_told_why(tablet, held, world, at, now, said):
    answers = tablet.sends([tablet.marks(held, "in", at)], world.chen, now)
    assert states(answers) == ["open"]
    assert said in answers[0].sentence
    assert times(held) == []
    assert [act.why for act in queries.open_acts(world.chen)] == [answers[0].sentence]


def test_what_was_seen_before_check_in_opened_is_kept_and_told_why(shift, held, world):
    tablet = Tablet(shift, world.chen, got=START - 3 * HOUR)
    answers = tablet.sends([tablet.marks(held, "in", START - 2 * HOUR)], world.chen, START)
    assert (states(answers), "Check-in opens at" in answers[0].sentence) == (["open"], True)


def test_it_stays_class_b_when_the_network_comes_back_the_same_night(tablet, held, world):
    tablet.sends(day(tablet, held), world.chen, END + 10 * HOUR)
    assert seen(held).evidence is EvidenceClass.B


def test_after_the_hand_in_it_is_for_a_person(tablet, held, world):
    claims.settle(held.id, world.chen, started_at=START, ended_at=END, note="纸质名册", now=END)
    records.hand_in(held.shift_id, world.chen, now=END + MINUTE)
    answers = tablet.sends([tablet.marks(held, "out", END - HOUR)], world.chen, NEXT)
    assert (states(answers), "handed in already" in answers[0].sentence) == (["open"], True)


def test_two_people_who_mark_the_same_mean_the_same(tablet, held, world):
    claims.punch(held.id, Act.IN, world.chen, now=START + 3 * MINUTE)
    assert states(tablet.sends([tablet.marks(held, "in", START + MINUTE)], world.chen, NEXT)) == ["known"]
    assert times(held) == [(START + 3 * MINUTE, None)]


def test_somebody_who_is_in_since_another_hour_is_for_a_person(tablet, held, world):
    claims.punch(held.id, Act.IN, world.chen, now=START)
    assert states(tablet.sends([tablet.marks(held, "in", START + HOUR)], world.chen, NEXT)) == ["open"]


def test_a_check_out_without_a_check_in_is_for_a_person(tablet, held, world):
    answers = tablet.sends([tablet.marks(held, "out", START + HOUR)], world.chen, NEXT)
    assert "No check-in before this check-out" in answers[0].sentence


def test_a_slip_of_the_finger_is_undone_in_the_same_queue(tablet, held, world):
    came = tablet.marks(held, "in", START)
    queue = [
        came,
        tablet.marks(held, "undo", START + MINUTE, undoes=came["key"]),
        tablet.marks(held, "in", START + HOUR),
    ]
    assert states(tablet.sends(queue, world.chen, NEXT)) == ["entered"] * 3
    assert times(held) == [(START + HOUR, None)]


def test_undoing_what_could_not_be_entered_settles_it(tablet, held, world):
    wrong = tablet.marks(held, "out", START)
    queue = [wrong, tablet.marks(held, "undo", START + MINUTE, undoes=wrong["key"])]
    tablet.sends(queue, world.chen, NEXT)
    assert [act.state for act in acts()] == [OfflineState.DISMISSED, OfflineState.ENTERED]
    assert queries.open_acts(world.chen) == []


def test_undoing_what_another_person_entered_as_well_is_for_a_person(tablet, held, world):
    claims.punch(held.id, Act.IN, world.chen, now=START)
    came = tablet.marks(held, "in", START + MINUTE)
    queue = [came, tablet.marks(held, "undo", START + 2 * MINUTE, undoes=came["key"])]
    assert states(tablet.sends(queue, world.chen, NEXT)) == ["known", "open"]
    assert times(held) == [(START, None)]


def test_what_the_roster_showed_is_undone_by_its_number(tablet, held, world):
    punch = claims.punch(held.id, Act.IN, world.chen, now=START)
    undo = tablet.marks(held, "undo", START + MINUTE, punch=punch.id)
    assert states(tablet.sends([undo], world.chen, NEXT)) == ["entered"]
    assert times(held) == []


def test_an_undo_of_somebody_elses_entry_is_for_a_person(tablet, held, world, shift):
    other = claims.punch(claim(shift, world.zhou).id, Act.IN, world.chen, now=START)
    for wrong in (other.id, 2**31 - 1):
        assert states(tablet.sends([tablet.marks(held, "undo", START, punch=wrong)], world.chen, NEXT)) == ["open"]


ALTERED = [
    {"pass": "forged"},
    {"pass": None},
    {"act": "dance"},
    {"at": "yesterday"},
    {"at": -1},
    {"at": 10**30},
    {"met_at": None},
    {"claim": "1; DROP TABLE"},
    {"claim": 2**40},
    {"key": "<script>"},
    {"key": None},
    {"number": "first"},
    {"more": "x" * 1000},
    {"more": "\0\ud800"},
]


@pytest.mark.parametrize("change", ALTERED, ids=lambda change: ascii(change)[:40])
def test_an_altered_act_never_crashes_and_is_never_dropped(tablet, held, world, change):
    act = tablet.marks(held, "in", START + MINUTE) | change
    answers = tablet.sends([act, 7, None, []], world.chen, NEXT)
    good = change.keys() <= {"number"} or change == {"more": "\0\ud800"}
    assert states(answers) == ["entered" if good else "open", "open", "open", "open"]
    assert len(acts()) == 4
    assert tablet.sends([act, 7, None, []], world.chen, NEXT) == answers


def test_a_changed_act_under_a_known_number_is_kept_beside_it(tablet, held, world):
    came = tablet.marks(held, "in", START + MINUTE)
    tablet.sends([came], world.chen, NEXT)
    changed = came | {"at": came["at"] + 60_000 * 50}
    assert states(tablet.sends([changed], world.chen, NEXT)) == ["open"]
    assert states(tablet.sends([changed], world.chen, NEXT)) == ["open"]
    assert times(held) == [(START + MINUTE, None)]
    assert len(acts()) == 2


def test_a_pass_of_another_shift_lets_nobody_in(world, held):
    other = make_shift(make_post(world.station), starts_at=START + 5 * HOUR)
    tablet = Tablet(other, world.chen)
    assert states(tablet.sends([tablet.marks(held, "in", START + MINUTE)], world.chen, NEXT)) == ["open"]
    assert times(held) == []


def test_a_clerk_of_elsewhere_enters_nothing_and_learns_nothing(world, held, shift):
    tablet = Tablet(shift, world.gu)  # such a pass is never given out; even so the claim's own office decides
    tablet.sealed = "none"
    answers = tablet.sends([tablet.marks(held, "in", START + MINUTE)], world.gu, NEXT)
    assert [answer.sentence for answer in answers] == ["This entry belongs to no roster within your role."]
    assert acts()[0].claim_id is None
    assert [len(queries.open_acts(who)) for who in (world.gu, world.chen, world.pan)] == [1, 0, 0]


def test_what_a_colleague_of_elsewhere_sends_comes_to_the_station_of_the_roster(tablet, held, world):
    answers = tablet.sends([tablet.marks(held, "in", START + MINUTE)], world.gu, NEXT)
    assert states(answers) == ["open"]
    assert [act.claim_id for act in queries.open_acts(world.chen)] == [held.id]
    assert queries.open_acts(world.gu) == []


def test_who_saw_and_who_sent_are_both_recorders_and_neither_confirms(tablet, held, world):
    deputy = make_staff(Role.CLERK, world.station, "孙副站")
    tablet.sends(day(tablet, held), deputy, NEXT)
    wei = make_staff(Role.CLERK, world.station, "魏干事")
    (record,) = records.hand_in(held.shift_id, wei, now=NEXT)
    barred = set(db.session.scalars(select(Recorder.account_id).where(Recorder.record_id == record.id)))
    assert barred == {world.chen.account_id, deputy.account_id, wei.account_id}
    assert recorded.recorders_of(held.id) == {world.chen.account_id, deputy.account_id}


def test_one_bad_act_does_not_keep_the_others_out(tablet, held, world, shift):
    zhou = claim(shift, world.zhou)
    queue = [
        tablet.marks(held, "out", START),
        tablet.marks(zhou, "in", START),
        tablet.marks(held, "in", START + MINUTE),
    ]
    assert states(tablet.sends(queue, world.chen, NEXT)) == ["open", "entered", "entered"]


def test_more_than_two_hundred_at_once_are_refused_whole(tablet, held, world):
    many = [tablet.marks(held, "in", START) for _ in range(MOST_AT_ONCE + 1)]
    with pytest.raises(Unreadable, match="at most 200"):
        tablet.sends(many, world.chen, NEXT)
    assert acts() == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"sent_at": 1}', '{"sent_at": "now", "acts": []}', "[" * 9999]
)
def test_what_is_no_queue_is_refused_with_a_sentence(text):
    with pytest.raises(Unreadable, match="cannot be read"):
        read(text)


# --- what people decide


@pytest.fixture
def waiting(tablet, held, world):
    """A day that the tablet's clock made uncertain."""
    queue = day(tablet, held)
    tablet.wrong = DAY
    tablet.sends(queue, world.chen, NEXT)
    return acts()


def test_stating_the_times_settles_all_that_waited_for_the_person(waiting, held, world):
    actions.settle(waiting[0].id, world.chen, started_at=START, ended_at=END, note="负责人当场看到", now=END + 5 * HOUR)
    db.session.commit()
    assert [act.state for act in acts()] == [OfflineState.SETTLED, OfflineState.SETTLED]
    assert seen(held).evidence is EvidenceClass.C
    with pytest.raises(Refusal, match="decided this meanwhile"):
        actions.dismiss(waiting[0].id, world.chen, reason="重复", now=END + 5 * HOUR)


def test_dismissing_needs_a_reason_and_stays_to_be_seen(waiting, world):
    with pytest.raises(Refusal, match="say why"):
        actions.dismiss(waiting[0].id, world.chen, reason="", now=NEXT)
    actions.dismiss(waiting[0].id, world.chen, reason="试用时点错", now=NEXT)
    db.session.commit()
    kept = acts()[0]
    assert (kept.state, kept.reason, kept.decided_by_id) == ("dismissed", "试用时点错", world.chen.account_id)
    assert [act.id for act in queries.decided_acts(world.chen)] == [kept.id]


def test_nobody_of_elsewhere_decides(waiting, world):
    for who in (world.gu, world.wu, world.qian):
        with pytest.raises(Refusal, match="Your role does not cover"):
            actions.dismiss(waiting[0].id, who, reason="x", now=NEXT)


def test_who_leaves_and_takes_their_data_leaves_no_words_behind(waiting, held, world):
    actions.dismiss(waiting[0].id, world.chen, reason="林小满说她没来", now=NEXT)
    identity.leave(world.lin.account_id, Leaving.ERASE, now=NEXT)
    db.session.commit()
    assert acts()[0].reason == "-"


def test_nothing_that_arrived_is_ever_deleted(waiting):
    with pytest.raises(Exception, match="offline_act_is_never_deleted"):
        db.session.execute(db.delete(OfflineAct))
    assert ms(START) > 0
