"""Registrations: who decides them, what may not be decided, and what a stale page may no longer do."""

from datetime import date

import pytest
from sqlalchemy import select

from blueprints.admin import actions, queries
from blueprints.identity import actions as identity
from blueprints.identity.models import (
    Account,
    Gender,
    GuardianMethod,
    Guardianship,
    Skill,
    Volunteer,
    VolunteerSkill,
    VolunteerState,
)
from blueprints.messages.models import Notice, NoticeKind
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.counting import queries_of
from tests.factories import (
    BEFORE,
    HOUR,
    YANYU,
    actor_for,
    give,
    make_account,
    make_staff,
    make_volunteer,
    saved,
    sign_in,
)

GROWN, YOUNG = date(2070, 1, 1), date(2084, 1, 1)
S = VolunteerState


def applicant(world, name="徐青", organization=None, **values):
    values = {"state": S.SUBMITTED, "birth_date": GROWN, **values}
    return make_volunteer(name, organization or world.station, **values)


def with_guardian(volunteer, world):
    given = Guardianship(volunteer_id=volunteer.id, guardian_name="徐父", relation="父亲", given_at=BEFORE)
    given.guardian_phone, given.method = "+8619900000099", GuardianMethod.IN_PERSON
    given.recorded_by_id = world.chen.account_id
    saved(given)
    return volunteer


def approve(volunteer, by, seen=BEFORE):
    return actions.approve(volunteer.id, by, seen=seen, now=BEFORE + HOUR)


def told(volunteer):
    return [n.kind for n in db.session.scalars(select(Notice).where(Notice.account_id == volunteer.account_id))]


# --- the rules ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "state", "notice"),
    [
        (actions.approve, S.ACTIVE, NoticeKind.REGISTRATION_APPROVED),
        (lambda *a, **k: actions.send_back(*a, reason="请补全。", **k), S.RETURNED, NoticeKind.REGISTRATION_RETURNED),
        (lambda *a, **k: actions.reject(*a, reason="不符合。", **k), S.REJECTED, NoticeKind.REGISTRATION_REJECTED),
    ],
)
def test_a_decision_is_kept_told_and_traced(world, act, state, notice):
    volunteer = applicant(world)
    act(volunteer.id, world.qian, seen=BEFORE, now=BEFORE + HOUR)
    assert (volunteer.state, volunteer.decided_by_id) == (state, world.qian.account_id)
    assert told(volunteer) == [notice]
    trace = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (trace.about_id, trace.organization_id) == (volunteer.account_id, world.station.id)


@pytest.mark.parametrize("state", [S.ACTIVE, S.RETURNED, S.REJECTED, S.RESIGNED])
def test_what_is_decided_already_is_not_decided_again(world, state):
    volunteer = applicant(world, state=state)
    for decide in (approve, lambda v, by: actions.reject(v.id, by, seen=BEFORE, reason="晚了。", now=BEFORE)):
        with pytest.raises(Refusal, match="meanwhile"):
            decide(volunteer, world.qian)
    assert volunteer.state is state


def test_a_registration_that_was_sent_again_must_be_read_again(world):
    volunteer = applicant(world, submitted_at=BEFORE + HOUR)
    with pytest.raises(Refusal, match="sent the registration again"):
        approve(volunteer, world.qian, seen=BEFORE)


@pytest.mark.parametrize("who", ["chen", "wu", "gu", "pan", "he"])
def test_only_an_administrator_of_the_registering_organization_or_above_it_decides(world, who):
    volunteer = applicant(world)
    with pytest.raises(Refusal, match="does not cover"):
        approve(volunteer, getattr(world, who))
    assert volunteer.state is S.SUBMITTED


def test_nobody_decides_their_own_registration(world):
    volunteer = applicant(world, account=db.session.get(Account, world.qian.account_id))
    with pytest.raises(Refusal, match="your own"):
        approve(volunteer, world.qian)


def test_whoever_registered_somebody_at_the_counter_does_not_approve_them(world):
    both = make_account("兼任者")
    give(both, Role.CLERK, world.station)
    actor = give(both, Role.ADMINISTRATOR, world.station)
    volunteer, _slip, _code = actions.register_for(about("徐奶奶"), actor, phone="+8619900007771", now=BEFORE)
    with pytest.raises(Refusal, match="registered this person yourself"):
        approve(volunteer, actor)
    assert approve(volunteer, world.qian).state is S.ACTIVE


def test_a_minor_is_approved_only_with_a_guardians_consent(world):
    volunteer = applicant(world, birth_date=YOUNG)
    with pytest.raises(Refusal, match="guardian"):
        approve(volunteer, world.qian)
    assert approve(with_guardian(volunteer, world), world.qian).state is S.ACTIVE


def test_unremarkable_ones_are_approved_together_and_what_changed_meanwhile_is_left(world):
    rows = [applicant(world, f"徐{n}") for n in "一二三"]
    seen = {row.id: row.submitted_at for row in rows}
    rows[1].submitted_at = BEFORE + HOUR
    rows[2].state = S.REJECTED
    db.session.commit()
    assert actions.approve_all(seen, world.qian, now=BEFORE) == (1, 2)
    assert [row.state for row in rows] == [S.ACTIVE, S.SUBMITTED, S.REJECTED]


def remark_double(volunteer, _world):
    make_volunteer(volunteer.account.name, birth_date=volunteer.birth_date)


def remark_minor(volunteer, world):
    volunteer.birth_date = YOUNG
    with_guardian(volunteer, world)


def remark_skill(volunteer, _world):
    saved(VolunteerSkill(volunteer_id=volunteer.id, skill=Skill.LAW))


def remark_proxy(volunteer, world):
    volunteer.account.created_by_id = world.chen.account_id
    db.session.commit()


@pytest.mark.parametrize("remark", [remark_double, remark_minor, remark_skill, remark_proxy])
def test_remarkable_ones_must_be_opened(world, remark):
    volunteer = applicant(world)
    db.session.refresh(volunteer, ["account"])
    remark(volunteer, world)
    with pytest.raises(Refusal, match="needs a look"):
        actions.approve_all({volunteer.id: BEFORE}, world.qian, now=BEFORE)
    assert volunteer.state is S.SUBMITTED


def test_a_namesake_born_on_another_day_is_no_double(world):
    volunteer = applicant(world)
    make_volunteer("徐青", birth_date=date(1980, 5, 5))
    db.session.refresh(volunteer, ["account"])
    assert queries.doubles([volunteer]) == set()


# --- registering at the counter -----------------------------------------------------------------------------


def about(name="徐奶奶", **values):
    values = {"gender": Gender.FEMALE, "birth_date": date(2030, 1, 1), "division_id": YANYU, **values}
    return identity.Details(name=name, **values)


def test_somebody_registered_at_the_counter_owns_nothing_until_they_take_the_account_over(world):
    volunteer, slip, code = actions.register_for(about(), world.chen, phone="+8619900007771", now=BEFORE)
    account = db.session.get(Account, volunteer.account_id)
    assert (account.claimed_at, account.password_hash, account.created_by_id) == (None, None, world.chen.account_id)
    assert (volunteer.state, volunteer.registered_with_id) == (S.SUBMITTED, world.station.id)
    assert {c.recorded_by_id for c in queries.consents(account.id)} == {world.chen.account_id}
    assert code not in (slip.code_hash, account.password_hash)
    identity.take_over(slip.id, "hash", device="", now=BEFORE + HOUR)
    assert account.claimed_at == BEFORE + HOUR


def test_only_a_clerk_registers_somebody_at_the_counter(world):
    with pytest.raises(Refusal, match="does not cover"):
        actions.register_for(about(), world.wu, phone="+8619900007771", now=BEFORE)


def test_one_phone_number_serves_one_account(world):
    phone = db.session.get(Account, world.lin.account_id).phone
    with pytest.raises(Refusal, match="has an account already"):
        actions.register_for(about(), world.chen, phone=phone, now=BEFORE)


# --- the pages ----------------------------------------------------------------------------------------------


def post(client, volunteer, noun, seen=BEFORE, **data):
    return client.post(f"/desk/registrations/{volunteer.id}/{noun}", data={"seen": seen.isoformat(), **data})


def test_the_queue_shows_the_subtree_and_nothing_beside_it(client, world):
    applicant(world)
    applicant(world, "外县人", world.other_station)
    sign_in(client, world.qian.account_id)
    page = client.get("/desk/registrations").text
    assert "徐青" in page
    assert "外县人" not in page


def test_a_registration_shows_no_whole_phone_and_no_id_number(client, world):
    volunteer = applicant(world, id_hash="a" * 64, id_sealed="sealed", id_last4="4321")
    account = db.session.get(Account, volunteer.account_id)
    sign_in(client, world.qian.account_id)
    page = client.get(f"/desk/registrations/{volunteer.id}").text
    assert account.phone[-8:] not in page
    assert "4321" not in page
    assert "given, kept encrypted" in page


@pytest.mark.parametrize(("noun", "state"), [("return", S.RETURNED), ("rejection", S.REJECTED)])
def test_a_decision_against_somebody_needs_a_reason_and_keeps_it(client, world, noun, state):
    volunteer = applicant(world)
    sign_in(client, world.qian.account_id)
    assert post(client, volunteer, noun, reason=" ").status_code == 422
    assert post(client, volunteer, noun, reason="请补全居住地。").status_code == 303
    db.session.refresh(volunteer)
    assert (volunteer.state, volunteer.decision_reason) == (state, "请补全居住地。")


def test_a_stale_page_gets_a_sentence_and_changes_nothing(client, world):
    volunteer = applicant(world)
    approve(volunteer, world.qian)
    db.session.commit()
    sign_in(client, world.qian.account_id)
    late = post(client, volunteer, "rejection", reason="晚了。")
    assert late.status_code == 409
    assert "meanwhile" in late.text
    db.session.refresh(volunteer)
    assert volunteer.state is S.ACTIVE


@pytest.mark.parametrize("seen", ["", "yesterday", "2099-05-02T01:00:00"])
def test_a_forged_moment_is_asked_for_again(client, world, seen):
    volunteer = applicant(world)
    sign_in(client, world.qian.account_id)
    answer = client.post(f"/desk/registrations/{volunteer.id}/approval", data={"seen": seen})
    assert answer.status_code == 422
    assert "out of date" in answer.text


def test_the_ticked_ones_are_approved(client, world):
    rows = [applicant(world, f"徐{n}") for n in "一二"]
    sign_in(client, world.qian.account_id)
    page = client.get("/desk/registrations").text
    ticks = [f"{row.id}@{row.submitted_at.isoformat()}" for row in rows]
    assert all(tick in page for tick in ticks)
    done = client.post("/desk/registrations/approvals", data={"registration": ticks}, follow_redirects=True)
    assert "2 registrations are approved." in done.text
    assert set(db.session.scalars(select(Volunteer.state).where(Volunteer.id.in_([r.id for r in rows])))) == {S.ACTIVE}


@pytest.mark.parametrize("ticks", [[], ["nonsense"], ["1@nonsense"], ["@"]])
def test_nothing_or_nonsense_ticked_is_a_sentence(client, world, ticks):
    sign_in(client, world.qian.account_id)
    assert client.post("/desk/registrations/approvals", data={"registration": ticks}).status_code == 422


def test_a_forged_tick_of_another_county_is_not_found(client, world):
    mine, foreign = applicant(world), applicant(world, "外县人", world.other_station)
    sign_in(client, world.qian.account_id)
    ticks = [f"{row.id}@{row.submitted_at.isoformat()}" for row in (mine, foreign)]
    assert client.post("/desk/registrations/approvals", data={"registration": ticks}).status_code == 404
    db.session.refresh(mine)
    assert mine.state is S.SUBMITTED


def test_the_queue_takes_as_many_queries_for_ten_rows_as_for_one(client, world):
    sign_in(client, world.qian.account_id)
    applicant(world)
    few = queries_of(lambda: client.get("/desk/registrations"))
    for number in range(10):
        volunteer = applicant(world, f"徐{number}", birth_date=YOUNG if number % 2 else GROWN)
        saved(VolunteerSkill(volunteer_id=volunteer.id, skill=Skill.LAW))
    many = queries_of(lambda: client.get("/desk/registrations"))
    assert many <= 8
    assert many - few <= 1  # the guardians of minors are asked for once


def test_a_clerk_registers_somebody_and_prints_the_slip(client, world):
    sign_in(client, world.chen.account_id)
    start = client.get("/desk/people/new")
    assert "Where does the person live?" in start.text
    form = client.get(f"/desk/people/new?division={YANYU}")
    assert "Register and print the slip" in form.text
    data = {
        "division_id": str(YANYU),
        "name": "徐奶奶",
        "gender": "female",
        "birth_date": "1950-05-20",
        "phone": "19900007771",
        "pledge": "y",
        "registration": "y",
    }
    unspoken = client.post("/desk/people/new", data={**data, "pledge": ""})
    assert unspoken.status_code == 422
    made = client.post("/desk/people/new", data=data)
    assert made.status_code == 303, made.text
    slip = client.get(made.headers["Location"])
    assert 'class="code"' in slip.text
    assert 'class="code"' not in client.get(made.headers["Location"]).text
    account = db.session.scalars(select(Account).where(Account.phone == "+8619900007771")).one()
    assert account.claimed_at is None


def test_a_forged_slip_page_of_another_clerk_is_not_found(app, client, world):
    _v, slip, _code = actions.register_for(about(), world.chen, phone="+8619900007771", now=BEFORE)
    db.session.commit()
    sign_in(client, world.gu.account_id)
    assert client.get(f"/desk/slips/{slip.id}").status_code == 404
    own = app.test_client()
    sign_in(own, world.chen.account_id)
    assert own.get(f"/desk/slips/{slip.id}").status_code == 200


def test_a_role_above_reaches_down_to_the_station(world):
    boss = make_staff(Role.ADMINISTRATOR, world.city, "市主任")
    assert approve(applicant(world), boss).state is S.ACTIVE
    assert actor_for(db.session.get(Account, boss.account_id)).may(Role.ADMINISTRATOR, world.other_station.path)
