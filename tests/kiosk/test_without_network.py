"""Cards the tablet kept without a network: each once, in order, with both clocks; what does not fit a person sees."""

import json
import re
from datetime import timedelta

import pytest

from blueprints.claims import queries as attendance
from blueprints.claims.models import Act, EvidenceClass
from blueprints.kiosk import actions, signs
from blueprints.kiosk.models import Origin
from blueprints.rollcall import rules
from blueprints.rollcall.models import OfflineAct, OfflineState
from core.db import db
from tests.claims.test_claiming import claim
from tests.factories import BEFORE, HOUR, START, make_post, make_shift, sign_in

MINUTE = timedelta(minutes=1)
WRONG = timedelta(days=1)  # by which a tablet's clock may be wrong, as long as it goes


@pytest.fixture
def held(shift, world):
    return claim(shift, world.lin)


@pytest.fixture
def card(world):
    return card_of(world.lin, world)


def card_of(volunteer, world):
    made = actions.issue_card(volunteer, world.chen, world.station.id, now=BEFORE)
    db.session.commit()
    return signs.card(volunteer, made.serial)


class Queue:
    """The tablet's copy of the offline page and what it keeps; all moments are the server's, told by another clock."""

    def __init__(self, kiosk, at, ahead=timedelta()):
        self.kiosk, self.at, self.ahead, self.number = kiosk, at, ahead, 0
        at(START - HOUR)
        page = kiosk.get("/kiosk/offline").text
        self.met, self.sealed = START - HOUR, re.search(r'data-pass="([^"]+)"', page)[1]

    def _ms(self, moment):
        return int((moment + self.ahead).timestamp() * 1000)

    def shows(self, card, moment):
        self.number += 1
        act = {"key": f"key-{self.number:06d}", "number": self.number, "lane": "kiosk", "card": card}
        return act | {"at": self._ms(moment), "met_at": self._ms(self.met), "pass": self.sealed}

    def sends(self, acts, moment=START + 4 * HOUR):
        self.at(moment)
        body = json.dumps({"sent_at": self._ms(moment), "acts": acts})
        answer = self.kiosk.post("/kiosk/offline/cards", data=body, content_type="application/json")
        return [each["outcome"] for each in answer.json["answers"]]


@pytest.fixture
def queue(kiosk, at):
    return Queue(kiosk, at)


def punches(held):
    return [(p.act, p.at, p.evidence) for p in attendance.history(held.id)]


def waiting():
    return db.session.scalars(db.select(OfflineAct.why).where(OfflineAct.state == OfflineState.OPEN)).all()


def test_in_and_out_arrive_in_order_as_class_b_with_the_moment_of_the_card(world, held, card, queue):
    acts = [queue.shows(card, START), queue.shows(card, START + 2 * HOUR)]
    assert queue.sends(acts[::-1]) == ["done", "done"]
    assert punches(held) == [(Act.IN, START, EvidenceClass.B), (Act.OUT, START + 2 * HOUR, EvidenceClass.B)]
    assert {origin.method for origin in db.session.scalars(db.select(Origin))} == {"card"}
    assert {p.recorded_by_id for p in attendance.history(held.id)} == {world.lin.account_id}


def test_the_same_queue_sent_twice_changes_nothing(held, card, queue):
    acts = [queue.shows(card, START), queue.shows(card, START + 2 * HOUR)]
    queue.sends(acts)
    before = punches(held)
    assert queue.sends(acts) == ["done", "done"]
    assert punches(held) == before
    assert db.session.scalar(db.select(db.func.count()).select_from(OfflineAct)) == 2


def test_a_tablet_whose_clock_is_wrong_by_a_day_tells_the_right_times(kiosk, at, held, card):
    queue = Queue(kiosk, at, WRONG)
    assert queue.sends([queue.shows(card, START)]) == ["done"]
    (act,) = db.session.scalars(db.select(OfflineAct)).all()
    assert (act.at, act.tablet_at) == (START, START + WRONG)


def test_a_card_shown_twice_in_a_row_counts_once(held, card, queue):
    assert queue.sends([queue.shows(card, START), queue.shows(card, START + MINUTE)]) == ["done", "already"]
    assert len(punches(held)) == 1


def test_a_third_card_is_asked_about_and_not_dropped(held, card, queue):
    acts = [queue.shows(card, START + n * HOUR / 2) for n in range(3)]
    assert queue.sends(acts) == ["done", "done", "conflict"]
    assert len(waiting()) == 1


def test_a_card_that_was_revoked_waits_for_the_clerk_who_added_the_tablet(client, world, held, card, queue):
    actions.revoke_card(world.lin.id, world.chen, world.station.id, now=START)
    db.session.commit()
    assert queue.sends([queue.shows(card, START)]) == ["conflict"]
    assert punches(held) == []
    sign_in(client, world.chen.account_id)
    assert "This card is no longer good" in client.get("/desk/offline-acts").text


def test_somebody_without_a_place_waits_for_a_person_with_the_name(world, queue):
    assert queue.sends([queue.shows(card_of(world.zhou, world), START)]) == ["conflict"]
    assert "周晓航 showed a card at the tablet" in waiting()[0]


@pytest.mark.parametrize(
    "change",
    [{"card": "RG1.T000000001.1.AAAA"}, {"card": 7}, {"pass": "x"}, {"at": "soon"}, {"at": -1}, {"card": None}],
)
def test_what_was_altered_enters_nothing_and_is_kept(held, card, queue, change):
    assert queue.sends([queue.shows(card, START) | change]) == ["conflict"]
    assert punches(held) == []
    assert len(waiting()) == 1


def test_a_rosters_pass_is_no_pass_of_a_tablet(world, held, card, queue):
    foreign = rules.pass_for(world.chen.account_id, held.shift_id, now=START - HOUR)
    assert queue.sends([queue.shows(card, START) | {"pass": foreign}]) == ["conflict"]


def test_what_is_a_month_old_waits_for_a_person(held, card, queue):
    act = queue.shows(card, START)
    assert queue.sends([act], START + timedelta(days=31)) == ["conflict"]
    assert punches(held) == []


def test_before_the_window_a_card_is_a_conflict_with_the_sentence(held, card, queue):
    assert queue.sends([queue.shows(card, START - 50 * MINUTE)]) == ["conflict"]
    assert "Check-in opens" in waiting()[0]


def test_the_card_of_another_stations_shift_enters_nothing_there(world, card, queue):
    there = claim(make_shift(make_post(world.other_station)), world.lin)
    assert queue.sends([queue.shows(card, START)]) == ["conflict"]
    assert punches(there) == []


def test_ten_thousand_cards_at_once_are_refused_whole(held, card, queue, kiosk):
    acts = [queue.shows(card, START) for _ in range(10_000)]
    body = json.dumps({"sent_at": 0, "acts": acts[:3000]})
    answer = kiosk.post("/kiosk/offline/cards", data=body, content_type="application/json")
    assert answer.status_code in (413, 422)
    assert punches(held) == []
    assert kiosk.post("/kiosk/offline/cards", data="no queue", content_type="application/json").status_code == 422


def test_a_tablet_that_was_cut_off_sends_nothing_any_more(world, tablet, held, card, queue):
    act = queue.shows(card, START)
    actions.cut_off(tablet[0].id, world.chen, now=START)
    db.session.commit()
    body = json.dumps({"sent_at": 0, "acts": [act]})
    assert queue.kiosk.post("/kiosk/offline/cards", data=body).headers["Location"] == "/kiosk/pairing"
    assert punches(held) == []


def test_the_kept_page_holds_no_names_and_no_numbers(world, held, kiosk, at):
    at(START)
    page = kiosk.get("/kiosk/offline")
    assert page.headers["Cache-Control"] == "no-store"
    for secret in ("林", world.lin.number, "社区图书角管理岗"):
        assert secret not in page.text
