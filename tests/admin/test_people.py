"""People at the counter: found within one's reach only, masked until asked, every look at a number on record."""

from datetime import date

import pytest
from sqlalchemy import select

from blueprints.admin import actions, queries
from blueprints.claims import actions as claims
from blueprints.claims.models import Claim, ClaimState
from blueprints.identity.models import (
    Account,
    GuardianMethod,
    Guardianship,
    Skill,
    Slip,
    SlipPurpose,
    VolunteerSkill,
)
from blueprints.messages.models import Notice, NoticeKind
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.counting import queries_of
from tests.factories import BEFORE, give, make_post, make_shift, make_staff, make_volunteer, saved, sign_in

YOUNG = date(2084, 1, 1)
GUARDIAN = {"name": "徐父", "relation": "父亲", "phone": "+8619900000099", "method": GuardianMethod.IN_PERSON}


def phone_of(volunteer):
    return db.session.get(Account, volunteer.account_id).phone


def told(volunteer):
    return [n.kind for n in db.session.scalars(select(Notice).where(Notice.account_id == volunteer.account_id))]


def traces(action):
    return list(db.session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


# --- looking for somebody -----------------------------------------------------------------------------------


def names(world, q, who="chen"):
    paths = getattr(world, who).reach(Role.CLERK, Role.ADMINISTRATOR)
    return [v.account.name for v in queries.people(paths, q)]


def test_people_are_found_by_the_begin_of_the_name_the_end_of_the_phone_and_their_number(world):
    assert names(world, "林") == ["林小满"]
    assert names(world, phone_of(world.zhou)[-4:]) == ["周晓航"]
    assert names(world, world.shen.number.lower()) == ["沈一诺"]


def test_fewer_than_four_digits_find_nobody_by_phone(world):
    assert names(world, phone_of(world.zhou)[-3:]) == []


@pytest.mark.parametrize("q", ["%", "_", "林%", "' OR 1=1"])
def test_signs_with_a_meaning_in_sql_mean_nothing(world, q):
    assert names(world, q) == []


def test_people_of_other_organizations_are_not_found(world):
    make_volunteer("林外人", world.other_station)
    assert names(world, "林") == ["林小满"]
    assert names(world, "林", "gu") == ["林外人"]


def test_the_page_shows_masked_numbers_only(client, world):
    sign_in(client, world.chen.account_id)
    page = client.post("/desk/people/searches", data={"q": "林"}, follow_redirects=True).text
    assert "林小满" in page
    assert phone_of(world.lin)[-8:] not in page


def test_nobody_is_listed_before_somebody_is_asked_for(client, world):
    sign_in(client, world.chen.account_id)
    assert "林小满" not in client.get("/desk/people").text


# --- the whole phone number ---------------------------------------------------------------------------------


def test_the_whole_number_is_shown_once_after_asking_and_the_look_is_on_record(client, world):
    sign_in(client, world.chen.account_id)
    address = f"/desk/people/{world.lin.id}"
    assert phone_of(world.lin) not in client.get(address).text
    assert traces("phone shown") == []
    asked = client.post(f"{address}/phone-view")
    assert asked.status_code == 303
    assert phone_of(world.lin) in client.get(address).text
    assert phone_of(world.lin) not in client.get(address).text
    assert [(t.actor_id, t.about_id) for t in traces("phone shown")] == [(world.chen.account_id, world.lin.account_id)]


def test_asking_for_one_number_does_not_open_another(client, world):
    sign_in(client, world.chen.account_id)
    client.post(f"/desk/people/{world.lin.id}/phone-view")
    assert phone_of(world.zhou) not in client.get(f"/desk/people/{world.zhou.id}").text


# --- guardians ----------------------------------------------------------------------------------------------


def test_a_guardians_consent_is_recorded_told_and_traced(world):
    young = make_volunteer("徐青", world.station, birth_date=YOUNG)
    given = actions.record_guardian(young.id, world.chen, now=BEFORE, **GUARDIAN)
    assert (given.recorded_by_id, given.revoked_at) == (world.chen.account_id, None)
    assert told(young) == [NoticeKind.GUARDIAN_RECORDED]
    assert [t.about_id for t in traces("guardian recorded")] == [young.account_id]


def test_a_second_consent_waits_until_the_first_is_withdrawn(world):
    young = make_volunteer("徐青", world.station, birth_date=YOUNG)
    given = actions.record_guardian(young.id, world.chen, now=BEFORE, **GUARDIAN)
    with pytest.raises(Refusal, match="on record already"):
        actions.record_guardian(young.id, world.chen, now=BEFORE, **GUARDIAN)
    actions.withdraw_guardian(given.id, world.chen, now=BEFORE)
    with pytest.raises(Refusal, match="withdrawn already"):
        actions.withdraw_guardian(given.id, world.chen, now=BEFORE)
    actions.record_guardian(young.id, world.chen, now=BEFORE, **GUARDIAN)


def claims_of(volunteer):
    return [c.state for c in db.session.scalars(select(Claim).where(Claim.volunteer_id == volunteer.id))]


def guarded_with_claim(world, **values):
    """Somebody with a guardian's consent on record who claims a coming shift."""
    young = make_volunteer("徐青", world.station, **{"birth_date": YOUNG} | values)
    given = Guardianship(volunteer_id=young.id, guardian_name="徐父", relation="父亲", given_at=BEFORE)
    given.guardian_phone, given.method, given.recorded_by_id = "+8619900000099", "in_person", world.chen.account_id
    saved(given)
    claims.claim_for(make_shift(make_post(world.station)).id, young.id, world.chen, now=BEFORE)
    return young, given


def test_a_withdrawn_consent_is_told_and_frees_the_coming_places(world):
    young, given = guarded_with_claim(world)
    with pytest.raises(Refusal, match="does not cover"):
        actions.withdraw_guardian(given.id, world.gu, now=BEFORE)
    assert claims_of(young) == [ClaimState.HELD]
    actions.withdraw_guardian(given.id, world.chen, now=BEFORE)
    assert claims_of(young) == [ClaimState.CANCELLED]
    assert told(young)[-1] is NoticeKind.GUARDIAN_WITHDRAWN


def test_a_withdrawn_consent_frees_nothing_while_another_stands_or_the_person_is_of_age(world):
    young, given = guarded_with_claim(world)
    other = Guardianship(volunteer_id=young.id, guardian_name="徐母", relation="母亲", given_at=BEFORE)
    other.guardian_phone, other.method, other.recorded_by_id = "+8619900000098", "in_person", world.chen.account_id
    saved(other)
    grown, old = guarded_with_claim(world, birth_date=date(2075, 1, 1))
    for consent in (given, old):
        actions.withdraw_guardian(consent.id, world.chen, now=BEFORE)
    assert (claims_of(young), claims_of(grown)) == ([ClaimState.HELD], [ClaimState.HELD])


def test_nobody_records_a_guardian_for_themself(world):
    young = make_volunteer("徐青", world.station, birth_date=YOUNG)
    own = give(db.session.get(Account, young.account_id), Role.CLERK, world.station)
    with pytest.raises(Refusal, match="your own registration"):
        actions.record_guardian(young.id, own, now=BEFORE, **GUARDIAN)
    assert queries.guardians(young.id) == []


def test_grown_people_need_no_guardian(world):
    with pytest.raises(Refusal, match="of age"):
        actions.record_guardian(world.lin.id, world.chen, now=BEFORE, **GUARDIAN)


@pytest.mark.parametrize("who", ["wu", "gu", "pan", "he"])
def test_nobody_else_touches_a_person(world, who):
    young = make_volunteer("徐青", world.station, birth_date=YOUNG)
    skill = saved(VolunteerSkill(volunteer_id=young.id, skill=Skill.LAW))
    actor = getattr(world, who)
    for act in (
        lambda: actions.record_guardian(young.id, actor, now=BEFORE, **GUARDIAN),
        lambda: actions.verify_skill(skill.id, actor, now=BEFORE),
        lambda: actions.show_phone(young.id, actor, now=BEFORE),
    ):
        with pytest.raises(Refusal, match="does not cover"):
            act()
    assert queries.guardians(young.id) == []
    assert skill.verified_at is None


def test_a_guardian_is_recorded_through_the_page(client, world):
    young = make_volunteer("徐青", world.station, birth_date=YOUNG)
    sign_in(client, world.chen.account_id)
    address = f"/desk/people/{young.id}/guardians"
    wrong = client.post(address, data={"name": "徐父", "relation": "父亲", "phone": "12", "method": "in_person"})
    assert wrong.status_code == 422
    assert 'value="徐父"' in wrong.text
    data = {"name": "徐父", "relation": "父亲", "phone": "19900000099", "method": "in_person"}
    assert client.post(address, data=data).status_code == 303
    page = client.get(f"/desk/people/{young.id}").text
    assert "徐父" in page
    assert "19900000099" not in page
    given = db.session.scalars(select(Guardianship)).one()
    assert client.post(f"/desk/guardians/{given.id}/withdrawal").status_code == 303


# --- skills -------------------------------------------------------------------------------------------------


def test_a_proof_that_was_seen_is_kept_told_and_traced_once(world):
    skill = saved(VolunteerSkill(volunteer_id=world.lin.id, skill=Skill.FIRST_AID))
    actions.verify_skill(skill.id, world.chen, now=BEFORE)
    assert (skill.verified_at, skill.verified_by_id) == (BEFORE, world.chen.account_id)
    assert told(world.lin) == [NoticeKind.SKILL_VERIFIED]
    with pytest.raises(Refusal, match="already"):
        actions.verify_skill(skill.id, world.chen, now=BEFORE)


def test_nobody_vouches_for_their_own_skill(world):
    clerk = give(db.session.get(Account, world.lin.account_id), Role.CLERK, world.station)
    skill = saved(VolunteerSkill(volunteer_id=world.lin.id, skill=Skill.LAW))
    with pytest.raises(Refusal, match="your own"):
        actions.verify_skill(skill.id, clerk, now=BEFORE)


# --- slips --------------------------------------------------------------------------------------------------


def test_a_slip_is_shown_once_and_only_its_hash_is_kept(client, world):
    sign_in(client, world.chen.account_id)
    made = client.post(f"/desk/people/{world.lin.id}/slips", data={"purpose": "password"})
    assert made.status_code == 303, made.text
    page = client.get(made.headers["Location"]).text
    code = page.split('class="code">')[1].split("<")[0]
    assert len(code) == 14
    assert code not in client.get(made.headers["Location"]).text
    slip = db.session.scalars(select(Slip)).one()
    assert (slip.purpose, slip.account_id) == (SlipPurpose.PASSWORD, world.lin.account_id)
    assert code not in slip.code_hash


def test_the_slip_page_names_the_person_masked(client, world):
    """A slip lies about on counters."""
    sign_in(client, world.chen.account_id)
    made = client.post(f"/desk/people/{world.lin.id}/slips", data={"purpose": "password"})
    page = client.get(made.headers["Location"]).text.split('<article class="sheet stack">')[1]
    assert "林*" in page
    assert "林小满" not in page


def test_only_purposes_that_fit_the_account_are_offered(client, world):
    unclaimed = make_volunteer("徐奶奶", world.station)
    account = db.session.get(Account, unclaimed.account_id)
    account.created_by_id, account.claimed_at = world.chen.account_id, None
    db.session.commit()
    sign_in(client, world.chen.account_id)
    assert 'value="claim"' in client.get(f"/desk/people/{unclaimed.id}/slips").text
    assert 'value="claim"' not in client.get(f"/desk/people/{world.lin.id}/slips").text


def test_a_slip_for_a_new_number_asks_for_the_number(client, world):
    sign_in(client, world.chen.account_id)
    address = f"/desk/people/{world.lin.id}/slips"
    assert client.post(address, data={"purpose": "phone"}).status_code == 409
    assert client.post(address, data={"purpose": "phone", "new_phone": "1"}).status_code == 422
    assert client.post(address, data={"purpose": "phone", "new_phone": "19900008888"}).status_code == 303


def test_a_clerk_gets_no_slip_for_the_account_of_an_administrator(client, world):
    """A slip opens the account, so it must not open a door above the clerk's own."""
    boss = make_volunteer("钱主任", world.station, account=db.session.get(Account, world.qian.account_id))
    sign_in(client, world.chen.account_id)
    refused = client.post(f"/desk/people/{boss.id}/slips", data={"purpose": "password"})
    assert refused.status_code == 409
    assert db.session.scalar(select(Slip)) is None


def test_staff_who_are_no_volunteers_get_their_slip_from_an_administrator_above(client, world):
    grant = queries.grants_of(world.chen.account_id)[0]
    sign_in(client, world.qian.account_id)
    assert client.post(f"/desk/roles/{grant.id}/slips", data={"purpose": "password"}).status_code == 303
    sign_in(client, world.he.account_id)
    assert client.post(f"/desk/roles/{grant.id}/slips", data={"purpose": "password"}).status_code == 404


def test_an_administrator_gets_no_slip_for_staff_who_also_work_above_them(client, world):
    above = make_staff(Role.CLERK, world.station, "兼任者")
    give(db.session.get(Account, above.account_id), Role.ADMINISTRATOR, world.city)
    grant = next(g for g in queries.grants_of(above.account_id) if g.role is Role.CLERK)
    sign_in(client, world.qian.account_id)
    assert client.post(f"/desk/roles/{grant.id}/slips", data={"purpose": "password"}).status_code == 409


def test_the_person_page_stays_within_eight_queries(client, world):
    for skill in (Skill.LAW, Skill.MUSIC, Skill.WRITING):
        saved(VolunteerSkill(volunteer_id=world.lin.id, skill=skill))
    sign_in(client, world.chen.account_id)
    address = f"/desk/people/{world.lin.id}"
    assert queries_of(lambda: client.get(address)) <= 8
