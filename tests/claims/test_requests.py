"""Posts where the organizer approves each claim: asking, answering, and what the clock ends."""

import re

import pytest
from sqlalchemy import select

from blueprints.admin import worker
from blueprints.claims import actions
from blueprints.claims.models import Claim, ClaimState, Source
from blueprints.messages.models import NoticeKind
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import actor_of, claim, kinds
from tests.factories import BEFORE, HOUR, START, make_post, make_shift, make_world, sign_in


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station, approves=True), places=1)


def test_a_claim_on_such_a_post_is_a_request_that_holds_no_place(world, shift):
    asked = claim(shift, world.lin)
    assert (asked.state, asked.place) == (ClaimState.REQUESTED, None)
    assert kinds(world.lin) == [NoticeKind.REQUEST_RECEIVED]


def test_requests_keep_nobody_out(world, shift):
    claim(shift, world.lin)
    assert claim(shift, world.zhou).state is ClaimState.REQUESTED
    actions.approve(claim(shift, world.shen).id, world.chen, now=BEFORE)
    held = db.session.scalars(select(Claim).where(Claim.place.is_not(None))).one()
    assert held.volunteer_id == world.shen.id


def test_the_clerk_gives_the_lowest_place_and_then_the_line(world, shift):
    first, second = claim(shift, world.lin), claim(shift, world.zhou)
    assert actions.approve(first.id, world.chen, now=BEFORE).place == 1
    assert actions.approve(second.id, world.chen, now=BEFORE).state is ClaimState.WAITING
    assert kinds(world.lin)[-1] is NoticeKind.CLAIM_HELD
    assert kinds(world.zhou)[-1] is NoticeKind.CLAIM_WAITING


def test_whoever_was_approved_into_the_line_moves_up_without_asking_again(world, shift):
    first, second = claim(shift, world.lin), claim(shift, world.zhou)
    for asked in (first, second):
        actions.approve(asked.id, world.chen, now=BEFORE)
    actions.cancel(first.id, actor_of(world.lin), now=BEFORE)
    assert second.state is ClaimState.HELD


def test_a_decline_needs_a_reason_and_the_person_reads_it(world, shift):
    asked = claim(shift, world.lin)
    with pytest.raises(Refusal, match="reason"):
        actions.decline(asked.id, world.chen, reason="", now=BEFORE)
    declined = actions.decline(asked.id, world.chen, reason="需要有护理经验", now=BEFORE)
    assert (declined.state, declined.reason) == (ClaimState.DECLINED, "需要有护理经验")
    assert kinds(world.lin)[-1] is NoticeKind.REQUEST_DECLINED
    assert claim(shift, world.lin).state is ClaimState.REQUESTED


def test_a_request_is_answered_once(world, shift):
    asked = claim(shift, world.lin)
    actions.approve(asked.id, world.chen, now=BEFORE)
    with pytest.raises(Refusal, match="answered or taken back"):
        actions.decline(asked.id, world.chen, reason="晚了", now=BEFORE)


def test_only_a_clerk_of_the_organizer_answers(world, shift):
    asked = claim(shift, world.lin)
    for other in (world.gu, world.wu, world.qian, actor_of(world.lin)):
        with pytest.raises(Refusal):
            actions.approve(asked.id, other, now=BEFORE)


def test_a_request_counts_as_a_claim_for_overlaps(world, shift):
    claim(shift, world.lin)
    beside = make_shift(make_post(world.station), starts_at=START + HOUR)
    with pytest.raises(Refusal, match="At that time you already claim"):
        claim(beside, world.lin)


def test_the_rules_are_checked_again_when_the_clerk_approves(world, shift):
    asked = claim(shift, world.lin)
    world.lin.state = "resigned"
    db.session.commit()
    with pytest.raises(Refusal, match="You have left"):
        actions.approve(asked.id, world.chen, now=BEFORE)


def test_taking_a_request_back_leaves_no_mark(world, shift):
    asked = claim(shift, world.lin)
    assert actions.cancel(asked.id, actor_of(world.lin), now=START - HOUR).state is ClaimState.CANCELLED


def test_whoever_the_clerk_puts_on_the_shift_is_approved_by_that(world, shift):
    held = actions.claim_for(shift.id, world.lin.id, world.chen, now=BEFORE)
    assert (held.state, held.source) == (ClaimState.HELD, Source.DESK)


def test_a_walk_in_who_had_asked_gets_the_free_place(world, shift):
    asked = claim(shift, world.lin)
    came = actions.walk_in(shift.id, world.lin.id, world.chen, now=START)
    assert (came.id, came.state, came.place) == (asked.id, ClaimState.HELD, 1)


def test_unanswered_requests_end_with_the_start_and_the_person_is_told(world, shift):
    asked = claim(shift, world.lin)
    assert worker.keep_places(now=START - HOUR) == 0
    assert worker.keep_places(now=START) == 1
    assert asked.state is ClaimState.UNANSWERED
    assert kinds(world.lin)[-1] is NoticeKind.REQUEST_UNANSWERED
    assert worker.keep_places(now=START) == 0


def test_cancelling_the_shift_ends_requests_with_the_reason(world, shift):
    asked = claim(shift, world.lin)
    actions.cancel_shift(shift.id, world.chen, reason="下雨", now=BEFORE)
    assert asked.state is ClaimState.CALLED_OFF
    assert kinds(world.lin)[-1] is NoticeKind.SHIFT_CANCELLED


# --- the pages ------------------------------------------------------------------------------------------------


def test_the_shift_page_asks_instead_of_claiming(client, at, world, shift):
    at(BEFORE)
    sign_in(client, world.lin.account_id)
    assert "The organizer approves each claim" in client.get(f"/shifts/{shift.id}").text
    page = client.post(f"/shifts/{shift.id}/claims", follow_redirects=True).text
    assert "You asked for a place" in page
    assert "Take back my request" in page
    assert "Waits for the organizer" in client.get("/").text
    assert "Waits for the organizer" in client.get("/me/schedule").text


def test_the_clerk_sees_who_asks_and_answers_on_one_page(client, at, world, shift):
    at(BEFORE)
    lin, zhou = claim(shift, world.lin), claim(shift, world.zhou)
    sign_in(client, world.chen.account_id)
    assert "Requests to answer" in client.get("/desk").text
    assert "周晓航" in client.get("/desk/requests").text
    assert "Asks for a place" in client.get(f"/desk/shifts/{shift.id}/roster").text
    assert "has place 1" in client.post(f"/desk/claims/{lin.id}/approval", follow_redirects=True).text
    wrong = client.post(f"/desk/claims/{zhou.id}/decline", data={"reason": ""})
    assert wrong.status_code == 422
    assert "Please give a reason" in wrong.text
    client.post(f"/desk/claims/{zhou.id}/decline", data={"reason": "已经够了"})
    assert db.session.get(Claim, zhou.id).state is ClaimState.DECLINED
    assert "No request waits" in client.get("/desk/requests").text


def test_the_form_of_a_post_keeps_the_choice(client, world):
    post = make_post(world.station, approves=True)
    make_shift(post)
    sign_in(client, world.chen.account_id)
    page = client.get(f"/desk/posts/{post.id}/change").text
    box = re.search(r'<input[^>]*name="approves"[^>]*>', page)
    assert box
    assert "checked" in box[0]
