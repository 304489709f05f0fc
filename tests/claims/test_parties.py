"""Claiming for several people: each is asked, and until they agree a place is only kept."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from blueprints.claims import actions, company, parties
from blueprints.claims.models import Claim, ClaimState, Member, Source
from blueprints.identity.models import Account, GuardianMethod, Guardianship
from blueprints.messages.models import NoticeKind
from blueprints.organizations.models import OrganizationKind
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import actor_of, claim, kinds
from tests.factories import (
    BEFORE,
    HOUR,
    START,
    make_organization,
    make_post,
    make_shift,
    make_volunteer,
    make_world,
    saved,
    sign_in,
)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station), places=3)


def name(shift, leader, *people, comes=True, whole=True, now=BEFORE):
    ids = [person.id for person in people]
    named = parties.name_people(shift.id, ids, actor_of(leader), comes=comes, whole=whole, now=now)
    db.session.commit()
    return named


def claim_of(volunteer):
    return db.session.scalars(select(Claim).where(Claim.volunteer_id == volunteer.id).order_by(Claim.id)).all()[-1]


def test_the_leader_holds_and_each_person_is_asked_with_a_place_of_their_own(world, shift):
    named = name(shift, world.lin, world.zhou, world.shen)
    assert (named.own.state, named.own.place) == (ClaimState.HELD, 1)
    kept = [claim_of(world.zhou), claim_of(world.shen)]
    assert [(each.state, each.place, each.source) for each in kept] == [
        (ClaimState.OFFERED, 2, Source.GROUP),
        (ClaimState.OFFERED, 3, Source.GROUP),
    ]
    assert kinds(world.zhou) == [NoticeKind.GROUP_NAMED]


def test_nobody_is_on_the_shift_without_agreeing(world, shift):
    name(shift, world.lin, world.zhou)
    kept = claim_of(world.zhou)
    assert actions.accept(kept.id, actor_of(world.zhou), now=BEFORE).state is ClaimState.HELD


def test_whoever_declines_frees_the_place_and_who_named_them_is_told(world, shift):
    name(shift, world.lin, world.zhou)
    actions.cancel(claim_of(world.zhou).id, actor_of(world.zhou), now=BEFORE)
    assert claim_of(world.zhou).state is ClaimState.CANCELLED
    assert kinds(world.lin)[-1] is NoticeKind.GROUP_DECLINED


def test_a_place_is_kept_for_a_day_at_most_and_never_longer_than_half_of_the_time_left(world, shift):
    name(shift, world.lin, world.zhou)
    kept = claim_of(world.zhou)
    assert kept.offered_until == BEFORE + timedelta(hours=24)
    late = START - 4 * HOUR
    assert parties.answer_by(shift, late) == START - 2 * HOUR
    actions.settle_offers(kept.offered_until)
    assert kept.state is ClaimState.LAPSED
    assert kinds(world.lin)[-1] is NoticeKind.GROUP_DECLINED


def test_all_or_nobody(world, shift):
    claim(shift, make_volunteer("徐青", world.station))
    with pytest.raises(Refusal, match="Only 2 places are free"):
        name(shift, world.lin, world.zhou, world.shen)
    db.session.rollback()
    assert db.session.query(Claim).count() == 1


def test_as_many_as_fit_in_the_order_they_were_named(world, shift):
    claim(shift, make_volunteer("徐青", world.station))
    named = name(shift, world.lin, world.zhou, world.shen, whole=False)
    assert (named.asked, named.left_out) == (("周晓航",), ("沈一诺",))


def test_why_somebody_does_not_fit_stays_with_them(world, shift):
    other = make_shift(make_post(world.station, title="别的岗位"), starts_at=START + HOUR)
    claim(other, world.zhou)
    with pytest.raises(Refusal, match="周晓航 cannot be named") as refused:
        name(shift, world.lin, world.zhou)
    assert "别的岗位" not in str(refused.value)
    db.session.rollback()
    named = name(shift, world.lin, world.zhou, world.shen, whole=False)
    assert (named.asked, named.left_out) == (("沈一诺",), ("周晓航",))


def test_nobody_is_asked_again_and_again(world, shift):
    name(shift, world.lin, world.zhou)
    actions.cancel(claim_of(world.zhou).id, actor_of(world.zhou), now=BEFORE)
    with pytest.raises(Refusal, match="before"):
        name(shift, world.lin, world.zhou)


def test_a_leader_may_stay_at_home_but_must_be_registered(world, shift):
    assert name(shift, world.lin, world.zhou, comes=False).own is None
    new = make_volunteer("新人", world.station, state="submitted")
    with pytest.raises(Refusal, match="once your own registration is approved"):
        name(shift, new, world.shen)


def test_places_that_are_kept_for_one_party_are_limited(world, monkeypatch):
    monkeypatch.setattr(parties, "MOST_NAMED", 2)
    wide = make_shift(make_post(world.station), places=9)
    name(wide, world.lin, world.zhou, world.shen)
    with pytest.raises(Refusal, match="At most 2 people"):
        name(wide, world.lin, make_volunteer("徐青", world.station))


def test_on_an_approval_post_everyone_asks_for_themselves(world):
    guarded = make_shift(make_post(world.station, approves=True), places=1)
    named = name(guarded, world.lin, world.zhou, world.shen)
    assert named.own.state is ClaimState.REQUESTED
    assert kinds(world.zhou) == [NoticeKind.GROUP_ASKED]
    assert db.session.scalars(select(Member.claim_id)).all() == [None, None]
    assert claim(guarded, world.zhou).state is ClaimState.REQUESTED


def test_a_shift_that_opens_later_opens_later_for_parties_too(world):
    later = make_shift(make_post(world.station), opens_at=START - HOUR)
    with pytest.raises(Refusal, match="Claims open at"):
        name(later, world.lin, world.zhou)


# --- whom a line means ------------------------------------------------------------------------------------------


def phone_of(volunteer):
    return db.session.get(Account, volunteer.account_id).phone.removeprefix("+86")


def test_others_are_meant_by_name_and_number_together(world):
    assert company.meant(f"周晓航 {phone_of(world.zhou)}", world.lin) == world.zhou
    assert company.meant(f"周晓航，{world.zhou.number}", world.lin) == world.zhou
    assert company.meant(f"周晓 {phone_of(world.zhou)}", world.lin) is None
    assert company.meant("周晓航", world.lin) is None


def test_the_name_is_enough_for_ones_own_branch_team_and_minors_in_care(world):
    branch = make_organization("烟雨团支部", OrganizationKind.BRANCH, world.town)
    team = make_organization("南湖志愿队", OrganizationKind.TEAM, world.town)
    mate, other = make_volunteer("徐青", world.station), make_volunteer("吴昊", world.station)
    mate.branch_id = world.lin.branch_id = branch.id
    minor = make_volunteer("小林", world.station)
    own_phone = db.session.get(Account, world.lin.account_id).phone
    care = Guardianship(volunteer_id=minor.id, guardian_name="林小满", relation="母亲", guardian_phone=own_phone)
    care.method, care.given_at, care.recorded_by_id = GuardianMethod.IN_PERSON, BEFORE, world.chen.account_id
    saved(care)
    assert company.meant("徐青", world.lin) == mate
    assert company.meant("小林", world.lin) == minor
    assert company.meant("吴昊", world.lin) is None
    one, two = make_volunteer("甲", team), make_volunteer("乙", team)
    assert company.meant("乙", one) == two
    make_volunteer("乙", team)
    assert company.meant("乙", one) is None  # two of that name
    care.revoked_at = BEFORE
    db.session.commit()
    assert company.meant("小林", world.lin) is None
    assert other.branch_id is None


# --- the pages ------------------------------------------------------------------------------------------------


def test_from_the_shift_page_to_the_answers(client, at, world, shift):
    at(BEFORE)
    sign_in(client, world.lin.account_id)
    assert "Claim together with others" in client.get(f"/shifts/{shift.id}").text
    assert "I come, too" in client.get(f"/shifts/{shift.id}/party").text
    lines = f"周晓航 {phone_of(world.zhou)}\n沈一诺 {world.shen.number}"
    sent = {"people": lines, "comes": "y", "whole": "whole"}
    page = client.post(f"/shifts/{shift.id}/parties", data=sent, follow_redirects=True).text
    assert "2 people are asked" in page
    assert "Who comes along with you" in page
    assert "Asked until" in page
    sign_in(client, world.zhou.account_id)
    own = client.get(f"/shifts/{shift.id}").text
    assert "林小满 would like you to come along" in own
    assert "Accept the place" in own


def test_a_name_that_nobody_registered_has_is_named_and_what_was_typed_stays(client, at, world, shift):
    at(BEFORE)
    sign_in(client, world.lin.account_id)
    answer = client.post(f"/shifts/{shift.id}/parties", data={"people": "王大锤 19911112222", "whole": "whole"})
    assert answer.status_code == 409
    assert "Nobody registered fits: 王大锤 19911112222" in answer.text
    assert ">王大锤 19911112222</textarea>" in answer.text.replace("\r\n", "")
    empty = client.post(f"/shifts/{shift.id}/parties", data={"people": " ", "whole": "whole"})
    assert empty.status_code == 422


def test_a_closed_shift_says_so_instead_of_a_form(client, at, world, shift):
    at(START)
    sign_in(client, world.lin.account_id)
    page = client.get(f"/shifts/{shift.id}/party").text
    assert "Not possible now" in page
    assert "<textarea" not in page
