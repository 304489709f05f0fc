"""Two who decide on one nomination at once, in processes of their own with real transactions."""

from typing import Any

import pytest
from sqlalchemy import func, select

from blueprints.honours import actions
from blueprints.honours.models import Nomination, NominationSheet, NominationState
from core.actor import Role
from core.db import db
from tests.claims.test_claiming import actor_of
from tests.factories import make_staff, make_world
from tests.honours.conftest import NOW, REASON, approve, mark_of, open_honour, open_office, propose
from tests.racing import race_of

pytestmark = pytest.mark.commits
race = race_of(__name__)


VERBS: dict[str, Any] = {
    "approve": lambda ids, actor: actions.approve(ids[0], actor, seen=ids[1], now=NOW),
    "reject": lambda ids, actor: actions.reject(ids[0], actor, answer="不够", now=NOW),
    "decline": lambda ids, actor: actions.decline(ids[0], actor, now=NOW),
    "propose": lambda ids, actor: actions.propose(*ids, actor, reason=REASON, now=NOW),
    "agree": lambda ids, actor: actions.agree_to_revocation(ids[0], actor, now=NOW),
    "refuse": lambda ids, actor: actions.refuse_revocation(ids[0], actor, now=NOW),
    "grant": lambda ids, _actor: actions.end_notices(ids[1]),
    "object": lambda ids, actor: actions.object_to(ids[0], actor, words="不属实", now=NOW),
}


@pytest.fixture
def office(app):
    return open_office(make_world())


def state() -> NominationState:
    return db.session.scalars(select(Nomination.state)).one()


def test_one_of_two_approvers_approves_and_the_other_is_told(race, office):
    one = propose(office, open_honour(office))
    ids = (one.id, mark_of(one))
    jobs = [(verb, ids, who.account_id) for verb in ("approve", "reject") for who in (office.zheng, office.lu)]
    outcomes = race(jobs)
    assert sorted(outcome == "done" for outcome in outcomes) == [False, False, False, True]
    assert all(outcome == "done" or "meanwhile" in outcome for outcome in outcomes)
    sheets = db.session.scalar(select(func.count(NominationSheet.id)))
    assert (state(), sheets) in ((NominationState.NOTICE, 1), (NominationState.REJECTED, 0))


def test_two_who_propose_the_same_person_make_one_nomination(race, office):
    ids = (open_honour(office).id, office.world.lin.id)
    outcomes = race([("propose", ids, who.account_id) for who in (office.qian, office.zheng, office.lu)])
    assert sorted(outcome == "done" for outcome in outcomes) == [False, False, True]
    assert all(outcome == "done" or "already" in outcome for outcome in outcomes)
    assert db.session.scalar(select(func.count(Nomination.id))) == 1


def test_it_is_approved_or_declined_and_the_last_word_is_the_persons(race, office):
    one = propose(office, open_honour(office))
    lin = actor_of(office.world.lin)
    ids = (one.id, mark_of(one))
    declined, approved = race([("decline", ids, lin.account_id), ("approve", ids, office.zheng.account_id)])
    assert (declined, state()) == ("done", NominationState.DECLINED)
    assert approved == "done" or "meanwhile" in approved


def test_an_objection_comes_before_the_grant_or_finds_the_notice_open(race, office):
    """The clock grants at the moment at which somebody objects: never is one granted that somebody objected to."""
    one = approve(office, propose(office, open_honour(office)))
    ids = (one.id, one.notice_ends_at)
    zhou = actor_of(office.world.zhou)
    objected, granted = race([("object", ids, zhou.account_id), ("grant", ids, office.lu.account_id)])
    assert granted == "done"
    if objected == "done":
        assert state() is NominationState.NOTICE
    else:
        assert (state(), "is over" in objected) == (NominationState.GRANTED, True)


def test_one_of_two_decides_on_taking_it_back(race, office):
    one = approve(office, propose(office, open_honour(office)))
    actions.end_notices(one.notice_ends_at)
    asked = actions.ask_revocation(one.id, office.qian, reason="作废", now=NOW)
    db.session.commit()
    third = make_staff(Role.ADMINISTRATOR, office.world.county, "许主任")
    ids = (asked.id,)
    jobs = [
        ("agree", ids, office.zheng.account_id),
        ("refuse", ids, office.lu.account_id),
        ("agree", ids, third.account_id),
    ]
    outcomes = race(jobs)
    assert sorted(outcome == "done" for outcome in outcomes) == [False, False, True]
    assert state() is (NominationState.GRANTED if outcomes[1] == "done" else NominationState.REVOKED)
