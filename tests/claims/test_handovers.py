"""Stand-ins and swaps: the holder holds until somebody agrees, then the very place goes over at once."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from blueprints.admin import worker
from blueprints.claims import actions, handovers, seeking
from blueprints.claims.models import Act, Audience, Claim, ClaimState, Handover, HandoverState, Source
from blueprints.identity import actions as identity
from blueprints.identity.models import Account, Leaving
from blueprints.messages.models import Notice, NoticeKind
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import actor_of, claim, kinds
from tests.factories import BEFORE, HOUR, START, make_post, make_shift, make_volunteer, make_world, sign_in

DAY = timedelta(days=1)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def post(world):
    return make_post(world.station)


@pytest.fixture
def shift(post):
    return make_shift(post, places=1)


def seek(held, who, audience=Audience.ANYBODY, now=BEFORE, **values):
    made = handovers.seek(held.id, actor_of(who), audience=audience, now=now, **values)
    db.session.commit()
    return made


def agree(handover, who, now=BEFORE):
    taken = handovers.agree(handover.id, actor_of(who), now=now)
    db.session.commit()
    return taken


def told(account_id):
    return list(db.session.scalars(select(Notice.kind).where(Notice.account_id == account_id).order_by(Notice.id)))


# --- stand-ins ------------------------------------------------------------------------------------------------


def test_the_stand_in_gets_the_very_place_and_the_holder_no_mark(world, shift):
    held = claim(shift, world.lin)
    handover = seek(held, world.lin)
    assert held.state is ClaimState.HELD
    late = START - HOUR
    taken = agree(handover, world.zhou, now=late)
    assert (taken.state, taken.place, taken.source) == (ClaimState.HELD, 1, Source.STAND_IN)
    assert (held.state, held.place, held.reason) == (ClaimState.PASSED_ON, None, "")
    assert (handover.state, handover.taken_id) == (HandoverState.DONE, taken.id)


def test_everyone_concerned_is_told(world, shift):
    held = claim(shift, world.lin)
    agree(seek(held, world.lin, Audience.PERSON, asked=world.zhou), world.zhou)
    assert kinds(world.lin)[-1] is NoticeKind.PLACE_TAKEN
    assert kinds(world.zhou) == [NoticeKind.STAND_IN_ASKED, NoticeKind.CLAIM_HELD]
    assert told(world.chen.account_id) == [NoticeKind.PLACE_PASSED_ON]


def test_the_stand_in_must_fulfil_all_rules(world, post, shift):
    handover = seek(claim(shift, world.lin), world.lin)
    claim(make_shift(post, starts_at=START + HOUR), world.zhou)
    with pytest.raises(Refusal, match="At that time you already claim"):
        agree(handover, world.zhou)
    child = make_volunteer("小林", world.station, birth_date=date(2086, 1, 1))
    with pytest.raises(Refusal, match="asks for people of 14"):
        agree(handover, child)
    assert handover.state is HandoverState.OPEN


def test_only_the_person_who_was_named_takes_over(world, shift):
    handover = seek(claim(shift, world.lin), world.lin, Audience.PERSON, asked=world.zhou)
    with pytest.raises(Refusal, match="asked by name"):
        agree(handover, world.shen)


def test_somebody_in_line_may_stand_in_and_leaves_the_line_by_it(world, shift):
    held = claim(shift, world.lin)
    waiting = claim(shift, world.zhou)
    taken = agree(seek(held, world.lin), world.zhou)
    assert (taken.id, taken.state, taken.place) == (waiting.id, ClaimState.HELD, 1)


def test_a_place_that_is_taken_over_is_not_taken_twice(world, shift):
    handover = seek(claim(shift, world.lin), world.lin)
    agree(handover, world.zhou)
    with pytest.raises(Refusal, match="Somebody else has taken this place over"):
        agree(handover, world.shen)


def test_one_looks_for_one_thing_at_a_time_and_may_stop(world, shift):
    held = claim(shift, world.lin)
    handover = seek(held, world.lin)
    with pytest.raises(Refusal, match="looking for somebody already"):
        seek(held, world.lin)
    handovers.withdraw(handover.id, actor_of(world.lin), now=BEFORE)
    assert (handover.state, held.state) == (HandoverState.WITHDRAWN, ClaimState.HELD)
    with pytest.raises(Refusal, match="search has ended"):
        agree(handover, world.zhou)
    seek(held, world.lin)


def test_whoever_was_asked_may_decline_and_the_holder_is_told(world, shift):
    handover = seek(claim(shift, world.lin), world.lin, Audience.PERSON, asked=world.zhou)
    with pytest.raises(Refusal, match="Nobody asked you"):
        handovers.refuse(handover.id, actor_of(world.shen), now=BEFORE)
    handovers.refuse(handover.id, actor_of(world.zhou), now=BEFORE)
    assert handover.state is HandoverState.REFUSED
    assert kinds(world.lin)[-1] is NoticeKind.HANDOVER_REFUSED


def test_nobody_passes_on_what_is_not_theirs_or_not_held(world, shift):
    held = claim(shift, world.lin)
    waiting = claim(shift, world.zhou)
    with pytest.raises(Refusal, match="somebody else's claim"):
        seek(held, world.zhou)
    with pytest.raises(Refusal, match="not held"):
        seek(waiting, world.zhou)


def test_whoever_is_checked_in_passes_nothing_on(world, shift):
    held = claim(shift, world.lin)
    handover = seek(held, world.lin)
    actions.punch(held.id, Act.IN, world.chen, now=START - HOUR / 4)
    with pytest.raises(Refusal, match="checked in already"):
        agree(handover, world.zhou, now=START - HOUR / 5)


def test_a_search_ends_with_the_start_and_the_holder_is_told(world, shift):
    handover = seek(claim(shift, world.lin), world.lin)
    assert worker.keep_places(now=START) == 1
    assert handover.state is HandoverState.ENDED
    assert kinds(world.lin)[-1] is NoticeKind.HANDOVER_ENDED
    with pytest.raises(Refusal):
        agree(handover, world.zhou, now=START)


def test_a_search_ends_when_the_shift_changes_or_is_cancelled(world, post, shift):
    first = seek(claim(shift, world.lin), world.lin)
    values = {"starts_at": START + HOUR, "ends_at": START + 3 * HOUR, "places": 1, "break_minutes": 0}
    actions.change_shift(shift.id, values, world.chen, revision=1, reason="推迟", now=BEFORE)
    assert first.state is HandoverState.ENDED
    other = make_shift(post, starts_at=START + DAY)
    second = seek(claim(other, world.lin), world.lin)
    actions.cancel_shift(other.id, world.chen, reason="下雨", now=BEFORE)
    assert second.state is HandoverState.ENDED


def test_giving_up_the_place_ends_the_search(world, shift):
    held = claim(shift, world.lin)
    handover = seek(held, world.lin)
    actions.cancel(held.id, actor_of(world.lin), now=BEFORE)
    assert handover.state is HandoverState.ENDED


def test_whoever_leaves_stands_in_for_nobody(world, shift):
    handover = seek(claim(shift, world.lin), world.lin, Audience.PERSON, asked=world.zhou)
    identity.leave(world.zhou.account_id, Leaving.ERASE, now=BEFORE)
    assert handover.state is HandoverState.REFUSED


def test_names_in_messages_are_masked_so_that_nothing_stays_of_who_leaves(world, shift):
    agree(seek(claim(shift, world.lin), world.lin, Audience.PERSON, asked=world.zhou), world.zhou)
    stored = [str(values) for values in db.session.scalars(select(Notice.values))]
    assert not [values for values in stored if "林小满" in values or "周晓航" in values]


# --- on posts where the organizer approves ---------------------------------------------------------------------


@pytest.fixture
def guarded(world):
    return make_shift(make_post(world.station, approves=True), places=1)


def test_a_stand_in_on_an_approval_post_waits_for_the_organizer_and_then_gets_the_place(world, guarded):
    held = actions.approve(claim(guarded, world.lin).id, world.chen, now=BEFORE)
    request = agree(seek(held, world.lin), world.zhou)
    assert (request.state, held.state) == (ClaimState.REQUESTED, ClaimState.HELD)
    assert kinds(world.lin)[-1] is NoticeKind.STAND_IN_WAITS
    taken = actions.approve(request.id, world.chen, now=BEFORE)
    assert (taken.state, taken.place, held.state) == (ClaimState.HELD, 1, ClaimState.PASSED_ON)


def test_if_the_organizer_says_no_the_search_goes_on(world, guarded):
    held = actions.approve(claim(guarded, world.lin).id, world.chen, now=BEFORE)
    handover = seek(held, world.lin)
    request = agree(handover, world.zhou)
    actions.decline(request.id, world.chen, reason="需要经验", now=BEFORE)
    assert (handover.state, handover.taken_id, held.state) == (HandoverState.OPEN, None, ClaimState.HELD)


def test_places_of_approval_posts_are_not_swapped(world, post, guarded):
    held = actions.approve(claim(guarded, world.lin).id, world.chen, now=BEFORE)
    with pytest.raises(Refusal, match="not swapped"):
        seek(held, world.lin, wanted_shift_id=make_shift(post, starts_at=START + DAY).id)


# --- swaps ----------------------------------------------------------------------------------------------------


@pytest.fixture
def other(post):
    return make_shift(post, places=3, starts_at=START + HOUR)  # overlaps with the first


def test_two_people_swap_their_places_even_where_the_shifts_overlap(world, shift, other):
    claim(other, world.shen)
    mine, theirs = claim(shift, world.lin), claim(other, world.zhou)
    got = agree(seek(mine, world.lin, wanted_shift_id=other.id), world.zhou)
    assert (got.shift_id, got.place, got.source) == (shift.id, 1, Source.SWAP)
    assert {mine.state, theirs.state} == {ClaimState.PASSED_ON}
    held = db.session.scalars(select(Claim).where(Claim.shift_id == other.id, Claim.place == 2)).one()
    assert held.volunteer_id == world.lin.id
    assert kinds(world.lin)[-1] is kinds(world.zhou)[-1] is NoticeKind.SWAP_DONE
    assert told(world.chen.account_id) == [NoticeKind.PLACES_SWAPPED] * 2


def test_only_a_holder_of_the_wanted_shift_can_swap(world, shift, other):
    handover = seek(claim(shift, world.lin), world.lin, wanted_shift_id=other.id)
    with pytest.raises(Refusal, match="You hold no place on the shift that is wanted"):
        agree(handover, world.zhou)


def test_the_rules_hold_for_both_and_nobody_learns_why_the_other_does_not_fit(world, shift, post):
    elder = make_post(world.station, title="夜巡岗", min_age=40)
    night = make_shift(elder, starts_at=START + DAY)
    senior = make_volunteer("沈秀兰", world.station, birth_date=date(2040, 1, 1))
    claim(night, senior)
    handover = seek(claim(shift, world.lin), world.lin, wanted_shift_id=night.id)
    with pytest.raises(Refusal, match="The other person can no longer serve") as refused:
        agree(handover, senior)
    assert "40" not in str(refused.value)
    db.session.rollback()
    held = db.session.scalars(select(Claim.volunteer_id).where(Claim.state == ClaimState.HELD))
    assert set(held) == {world.lin.id, senior.id}


def test_everyone_on_the_wanted_shift_is_asked_unless_one_is_named(world, shift, other):
    claim(other, world.zhou), claim(other, world.shen)
    held = claim(shift, world.lin)
    named = seek(held, world.lin, Audience.PERSON, asked=world.shen, wanted_shift_id=other.id)
    assert (kinds(world.zhou)[-1], kinds(world.shen)[-1]) == (NoticeKind.CLAIM_HELD, NoticeKind.SWAP_ASKED)
    handovers.withdraw(named.id, actor_of(world.lin), now=BEFORE)
    seek(held, world.lin, wanted_shift_id=other.id)
    assert kinds(world.zhou)[-1] is NoticeKind.SWAP_ASKED


def test_a_swap_ends_when_the_wanted_shift_is_cancelled(world, shift, other):
    held = claim(shift, world.lin)
    handover = seek(held, world.lin, wanted_shift_id=other.id)
    actions.cancel_shift(other.id, world.chen, reason="下雨", now=BEFORE)
    assert (handover.state, held.state) == (HandoverState.ENDED, ClaimState.HELD)


def test_the_clerks_of_the_nearest_organization_are_told(world):
    assert seeking.staff_of(world.station, Role.CLERK) == [world.chen.account_id]
    assert seeking.staff_of(world.town, Role.CLERK) == []


# --- the pages ------------------------------------------------------------------------------------------------


def phone_of(volunteer):
    return db.session.get(Account, volunteer.account_id).phone.removeprefix("+86")


def test_the_list_says_without_blame_that_a_stand_in_is_wanted(client, at, world, shift):
    at(BEFORE)
    seek(claim(shift, world.lin), world.lin)
    sign_in(client, world.zhou.account_id)
    page = client.get("/").text
    assert "1 stand-in wanted" in page
    assert "林小满" not in page
    assert "1 place here looks for a stand-in" in client.get(f"/shifts/{shift.id}").text


def test_naming_somebody_needs_name_and_number_together(client, at, world, shift):
    at(BEFORE)
    held = claim(shift, world.lin)
    sign_in(client, world.lin.account_id)
    url = f"/claims/{held.id}/stand-ins"
    assert "Find a stand-in" in client.get(f"/claims/{held.id}/stand-in").text
    empty = client.post(url, data={"audience": "person"})
    assert empty.status_code == 422
    wrong = client.post(url, data={"audience": "person", "name": "周晓", "contact": phone_of(world.zhou)})
    assert wrong.status_code == 409
    assert "Nobody registered has this name and number" in wrong.text
    right = client.post(url, data={"audience": "person", "name": "周晓航", "contact": phone_of(world.zhou)})
    assert right.status_code == 303
    assert db.session.scalars(select(Handover.asked_id)).one() == world.zhou.id


def test_guessing_numbers_is_stopped(client, at, world, shift):
    at(BEFORE)
    held = claim(shift, world.lin)
    sign_in(client, world.lin.account_id)
    data = {"audience": "person", "name": "周晓航", "contact": "19912345678"}
    answers = [client.post(f"/claims/{held.id}/stand-ins", data=data).status_code for _ in range(12)]
    assert answers[0] == 409
    assert answers[-1] == 429


def test_a_link_leads_whoever_has_it_to_the_place(client, at, world, shift):
    at(BEFORE)
    held = claim(shift, world.lin)
    sign_in(client, world.lin.account_id)
    page = client.post(f"/claims/{held.id}/stand-ins", data={"audience": "link"}, follow_redirects=True).text
    address = page.split("/handovers/")[1].split("<")[0].split("/")[0]
    sign_in(client, world.zhou.account_id)
    assert "looks for a stand-in" not in client.get(f"/shifts/{shift.id}").text
    assert "Can you stand in for 林小满?" in client.get(f"/handovers/{address}").text
    done = client.post(f"/handovers/{address}/acceptance", follow_redirects=True).text
    assert "Place 1 is yours" in done


def test_an_address_for_a_named_person_does_not_exist_for_others(client, at, world, shift):
    at(BEFORE)
    handover = seek(claim(shift, world.lin), world.lin, Audience.PERSON, asked=world.zhou)
    address = seeking.token(handover)
    sign_in(client, world.shen.account_id)
    assert client.get(f"/handovers/{address}").status_code == 404
    sign_in(client, world.zhou.account_id)
    assert client.get(f"/handovers/{address[:-1]}x").status_code == 404
    assert "I cannot" in client.get(f"/handovers/{address}").text
    assert client.post(f"/handovers/{address}/refusal").status_code == 303


def test_a_swap_from_page_to_page(client, at, world, shift, other):
    at(BEFORE)
    held = claim(shift, world.lin)
    claim(other, world.zhou)
    sign_in(client, world.lin.account_id)
    assert "社区图书角管理岗" in client.get(f"/claims/{held.id}/swap").text
    wrong = client.post(f"/claims/{held.id}/swaps", data={"audience": "anybody", "wanted": ""})
    assert wrong.status_code == 422
    page = client.post(
        f"/claims/{held.id}/swaps", data={"audience": "anybody", "wanted": other.id}, follow_redirects=True
    )
    assert "You offer a swap for" in page.text
    sign_in(client, world.zhou.account_id)
    page = client.get(f"/shifts/{other.id}").text
    assert "林小满 would like to swap" in page
    address = page.split('href="/handovers/')[1].split('"')[0]
    assert "Swap" in client.get(f"/handovers/{address}").text
    assert client.post(f"/handovers/{address}/acceptance").status_code == 303
    assert "Place 1 is yours" in client.get(f"/shifts/{shift.id}").text


def test_stopping_the_search_takes_it_off_the_list(client, at, world, shift):
    at(BEFORE)
    handover = seek(claim(shift, world.lin), world.lin)
    sign_in(client, world.lin.account_id)
    assert "Looking for somebody" in client.get("/me/schedule").text
    page = client.post(f"/handovers/{seeking.token(handover)}/withdrawal", follow_redirects=True).text
    assert "The place is still yours" in page
    assert "stand-in wanted" not in client.get("/").text
