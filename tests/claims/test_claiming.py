"""Claiming a shift: who gets a place, who waits, who is refused and why."""

from datetime import date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from blueprints.claims import actions, queries
from blueprints.claims.models import Claim, ClaimState
from blueprints.identity.models import Account, GuardianMethod, Guardianship, Skill, VolunteerSkill, VolunteerState
from blueprints.messages.models import Notice, NoticeKind
from blueprints.posts.models import Hazard, Post, PostState, ShiftState
from core import clock
from core.db import db
from core.refusal import Refusal
from tests.factories import (
    BEFORE,
    HOUR,
    START,
    actor_for,
    make_account,
    make_organization,
    make_post,
    make_shift,
    make_volunteer,
    make_world,
    saved,
)


def claim(shift, volunteer, now=BEFORE):
    made = actions.claim(shift.id, actor_of(volunteer), now=now)
    db.session.commit()
    return made


def actor_of(volunteer):
    return actor_for(db.session.get(Account, volunteer.account_id))


def post_of(shift):
    return db.session.get(Post, shift.post_id)


def kinds(volunteer):
    told = select(Notice.kind).where(Notice.account_id == volunteer.account_id).order_by(Notice.id)
    return list(db.session.scalars(told))


def test_the_lowest_free_place_is_given_and_the_next_person_waits():
    shift = make_shift(places=1)
    assert claim(shift, make_volunteer()).place == 1
    waiting = claim(shift, make_volunteer("周晓航"))
    assert (waiting.state, waiting.place, queries.position(waiting)) == (ClaimState.WAITING, None, 1)


def test_claiming_is_told_with_the_place_or_the_position():
    shift, lin, zhou = make_shift(places=1), make_volunteer(), make_volunteer("周晓航")
    claim(shift, lin), claim(shift, zhou)
    assert kinds(lin) == [NoticeKind.CLAIM_HELD]
    assert kinds(zhou) == [NoticeKind.CLAIM_WAITING]


def test_nobody_claims_a_shift_twice():
    shift, lin = make_shift(), make_volunteer()
    claim(shift, lin)
    with pytest.raises(Refusal, match="already claimed"):
        claim(shift, lin)


def test_who_cancelled_can_claim_again():
    shift, lin = make_shift(), make_volunteer()
    actions.cancel(claim(shift, lin).id, actor_of(lin), now=BEFORE)
    assert claim(shift, lin).place == 1


@pytest.mark.parametrize("now", [START, START + HOUR])
def test_a_shift_that_has_started_is_closed(now):
    with pytest.raises(Refusal, match="already started"):
        claim(make_shift(), make_volunteer(), now)


def test_a_cancelled_shift_is_closed():
    shift = make_shift(state=ShiftState.CANCELLED, cancelled_at=BEFORE)
    with pytest.raises(Refusal, match="was cancelled"):
        claim(shift, make_volunteer())


def test_a_draft_is_closed():
    post = make_post(make_organization(), state=PostState.DRAFT, published_at=None)
    with pytest.raises(Refusal, match="not open"):
        claim(make_shift(post, state=ShiftState.DRAFT), make_volunteer())


@pytest.mark.parametrize("state", sorted({*VolunteerState} - {VolunteerState.ACTIVE, VolunteerState.MERGED}))
def test_only_the_registered_claim(state):
    with pytest.raises(Refusal, match=r"registration|register again"):
        claim(make_shift(), make_volunteer(state=state))


def test_staff_without_a_registration_are_asked_to_register():
    with pytest.raises(Refusal, match="register as a volunteer"):
        actions.claim(make_shift().id, actor_for(make_account()), now=BEFORE)


def aged(years, **values):
    return make_volunteer(birth_date=date(START.year - years, START.month, START.day), **values)


@pytest.mark.parametrize(("age", "fits"), [(17, False), (18, True), (60, True), (61, False)])
def test_age_limits_hold_on_the_day_of_the_shift(age, fits):
    shift = make_shift(make_post(make_organization(), min_age=18, max_age=60))
    volunteer = aged(age)
    if fits:
        assert claim(shift, volunteer).place == 1
    else:
        with pytest.raises(Refusal, match=r"asks for people"):
            claim(shift, volunteer)


@pytest.mark.parametrize(("day", "fits"), [(date(2100, 2, 28), False), (date(2100, 3, 1), True)])
def test_who_was_born_on_29_february_is_a_year_older_on_1_march(day, fits):
    starts = datetime.combine(day, time(9), clock.zone())
    shift = make_shift(make_post(make_organization(), min_age=16), starts_at=starts)
    volunteer = with_guardian(make_volunteer(birth_date=date(2084, 2, 29)))
    if fits:
        assert claim(shift, volunteer, starts - HOUR).place == 1
    else:
        with pytest.raises(Refusal, match=r"asks for people"):
            claim(shift, volunteer, starts - HOUR)


def test_minors_are_barred_from_dangerous_posts():
    post = make_post(make_organization(), dangerous=True, hazards=[Hazard.WATER], min_age=18)
    with pytest.raises(Refusal, match="not open to minors"):
        claim(make_shift(post), with_guardian(aged(17)))


def with_guardian(volunteer, **values):
    clerk = make_account("陈站长")
    given = {"guardian_name": "林父", "relation": "父亲", "guardian_phone": "+8619900009999", "given_at": BEFORE}
    given |= {"method": GuardianMethod.IN_PERSON, "recorded_by_id": clerk.id}
    saved(Guardianship(volunteer_id=volunteer.id, **given, **values))
    return volunteer


def test_a_minor_needs_a_guardian_whose_consent_stands():
    shift = make_shift()
    with pytest.raises(Refusal, match="guardian"):
        claim(shift, aged(15))
    with pytest.raises(Refusal, match="guardian"):
        claim(shift, with_guardian(aged(15), revoked_at=BEFORE))
    assert claim(shift, with_guardian(aged(15))).place == 1


def test_a_required_skill_must_be_named_and_a_regulated_one_proven():
    nursing, lin = make_shift(make_post(make_organization(), skill=Skill.NURSING)), make_volunteer()
    with pytest.raises(Refusal, match="not named"):
        claim(nursing, lin)
    skill = saved(VolunteerSkill(volunteer_id=lin.id, skill=Skill.NURSING))
    with pytest.raises(Refusal, match="proven"):
        claim(nursing, lin)
    skill.verified_at, skill.verified_by_id = BEFORE, make_account().id
    assert claim(nursing, lin).place == 1


def test_an_overlapping_shift_is_refused_by_its_name():
    lin = make_volunteer()
    claim(make_shift(make_post(make_organization(), title="护河巡查岗")), lin)
    with pytest.raises(Refusal, match="护河巡查岗"):
        claim(make_shift(starts_at=START + HOUR), lin)


def test_waiting_in_line_blocks_an_overlapping_shift_too():
    full, lin = make_shift(places=1), make_volunteer()
    claim(full, make_volunteer("周晓航")), claim(full, lin)
    with pytest.raises(Refusal, match="already claim"):
        claim(make_shift(starts_at=START + HOUR), lin)


@pytest.mark.parametrize("offset", [-2, 2])
def test_touching_shifts_do_not_overlap(offset):
    lin = make_volunteer()
    claim(make_shift(), lin)
    assert claim(make_shift(starts_at=START + offset * HOUR), lin).place == 1


def test_a_cancelled_claim_blocks_nothing():
    lin = make_volunteer()
    actions.cancel(claim(make_shift(), lin).id, actor_of(lin), now=BEFORE)
    assert claim(make_shift(starts_at=START + HOUR), lin).place == 1


def test_every_claim_makes_the_shift_newer_for_the_list():
    shift = make_shift()
    before = shift.revision
    claim(shift, make_volunteer())
    assert shift.revision > before


def test_a_clerk_claims_for_somebody_who_called_and_the_person_is_told():
    world = make_world()
    shift = make_shift(make_post(world.station))
    made = actions.claim_for(shift.id, world.lin.id, world.chen, now=BEFORE)
    assert made.place == 1
    assert kinds(world.lin) == [NoticeKind.CLAIM_HELD]
    with pytest.raises(Refusal, match="does not cover"):
        actions.claim_for(shift.id, world.zhou.id, world.gu, now=BEFORE)


def test_the_database_refuses_a_place_that_does_not_exist_and_one_that_is_taken():
    shift, lin, zhou = make_shift(places=1), make_volunteer(), make_volunteer("周晓航")
    claim(shift, lin)
    for place in (1, 2):
        wrong = Claim(shift_id=shift.id, volunteer_id=zhou.id, state=ClaimState.HELD, place=place, places=1)
        wrong.claimed_at = BEFORE
        db.session.add(wrong)
        with pytest.raises(Exception, match=r"(?i)unique|check|constraint"):
            db.session.flush()
        db.session.rollback()


def test_the_database_refuses_overlapping_claims_that_go_round_the_rule():
    lin = make_volunteer()
    claim(make_shift(), lin)
    other = make_shift(starts_at=START + HOUR)
    wrong = Claim(shift_id=other.id, volunteer_id=lin.id, state=ClaimState.HELD, place=1, places=2)
    wrong.claimed_at = BEFORE
    db.session.add(wrong)
    with pytest.raises(Exception, match="overlaps"):
        db.session.flush()


def test_a_shift_of_tomorrow_is_still_open_a_minute_before():
    assert claim(make_shift(), make_volunteer(), START - timedelta(minutes=1)).place == 1
