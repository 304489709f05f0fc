"""Registering: by the rules, and through the page."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from blueprints.identity import actions, queries
from blueprints.identity.models import (
    Account,
    Category,
    Consent,
    Gender,
    Purpose,
    Session,
    Skill,
    Volunteer,
    VolunteerSkill,
    VolunteerState,
)
from blueprints.messages.models import Notice, NoticeKind
from blueprints.organizations.models import OrganizationKind
from core import clock, vault
from core.db import db
from core.refusal import Refusal
from tests.factories import (
    JIAXING,
    NANHU,
    NANHU_TOWN,
    XITANG,
    YANYU,
    make_account,
    make_organization,
    make_volunteer,
    make_world,
    sign_in,
)
from tests.identity.people import E164, HASH, NOW, OLD, PASSWORD, PHONE, details, id_number, registration

KINDS = OrganizationKind


@pytest.fixture
def station():
    return make_organization()


def register(**values):
    phone = values.pop("phone", E164)
    return actions.register(details(**values), phone=phone, password_hash=HASH, lang="zh_Hans", now=NOW)


def purposes(account_id):
    live = select(Consent.purpose).where(Consent.account_id == account_id, Consent.withdrawn_at.is_(None))
    return set(db.session.scalars(live))


# ── rules ──


def test_a_registration_waits_at_the_station_of_the_community(station):
    volunteer = register()
    assert (volunteer.state, volunteer.registered_with_id) == (VolunteerState.SUBMITTED, station.id)
    assert purposes(volunteer.account_id) == {Purpose.PLEDGE, Purpose.REGISTRATION}


def test_the_person_is_told_who_has_the_registration(station):
    volunteer = register()
    notice = db.session.scalars(select(Notice).where(Notice.account_id == volunteer.account_id)).one()
    assert notice.kind is NoticeKind.REGISTRATION_RECEIVED
    assert notice.values == {"organization": station.name}


def test_without_a_station_the_nearest_organization_above_takes_it():
    make_organization("市志愿者协会", KINDS.ASSOCIATION, None, JIAXING)
    assert queries.receiver(YANYU).name == "市志愿者协会"
    make_organization("南湖区中心", KINDS.OFFICE, None, NANHU)
    assert queries.receiver(YANYU).name == "南湖区中心"
    make_organization("南湖街道团工委", KINDS.LEAGUE, None, NANHU_TOWN)
    assert queries.receiver(YANYU).name == "南湖街道团工委"
    make_organization("烟雨社区", KINDS.COMMUNITY, None, YANYU)
    assert queries.receiver(YANYU).name == "烟雨社区"
    make_organization("烟雨社区志愿服务站", KINDS.STATION, None, YANYU)
    assert queries.receiver(YANYU).name == "烟雨社区志愿服务站"


def test_teams_branches_and_closed_stations_take_no_registration():
    make_organization("护水队", KINDS.TEAM)
    make_organization("烟雨团支部", KINDS.BRANCH)
    closed = make_organization()
    closed.closed_at = NOW
    db.session.commit()
    with pytest.raises(Refusal, match="No organization here takes registrations"):
        register()


@pytest.mark.usefixtures("station")
def test_only_a_community_or_village_is_an_area_of_residence():
    for place in (NANHU, NANHU_TOWN, 330402999999, 0):
        with pytest.raises(Refusal, match="community or village"):
            register(division_id=place)
        db.session.rollback()


@pytest.mark.parametrize(("days", "may"), [(0, True), (1, False)])
@pytest.mark.usefixtures("station")
def test_one_may_register_from_the_fourteenth_birthday_on(days, may):
    birthday = date(2012, 11, 23) + timedelta(days=days)
    if may:
        assert register(birth_date=birthday).age(NOW) == 14
    else:
        with pytest.raises(Refusal, match="from 14 years on"):
            register(birth_date=birthday)


@pytest.mark.usefixtures("station")
def test_a_number_with_an_account_is_refused_in_the_same_words_claimed_or_not():
    register()
    maker = make_account("陈站长")
    make_account(phone="+8619900009002", claimed_at=None, created_by_id=maker.id)
    sentences = set()
    for phone in (E164, "+8619900009002"):
        with pytest.raises(Refusal) as refused:
            register(phone=phone)
        sentences.add(str(refused.value))
    assert len(sentences) == 1


@pytest.mark.usefixtures("station")
def test_volunteer_numbers_are_ten_digits_and_differ():
    first, second = register(), register(phone="+8619900009002")
    assert first.number != second.number
    assert all(len(one.number) == 10 and one.number.isdigit() for one in (first, second))


@pytest.mark.usefixtures("station")
def test_an_id_number_is_kept_hashed_and_sealed_with_a_consent_of_its_own():
    number = id_number()
    volunteer = register(birth_date=OLD, id_number=number)
    assert volunteer.id_hash == vault.digest(number)
    assert vault.unseal(volunteer.id_sealed) == number
    assert volunteer.id_last4 == number[-4:]
    assert Purpose.ID_NUMBER in purposes(volunteer.account_id)
    assert number not in str(vars(volunteer))


@pytest.mark.parametrize("values", [{"birth_date": OLD + timedelta(days=1)}, {"gender": Gender.MALE}])
@pytest.mark.usefixtures("station")
def test_an_id_number_must_agree_with_the_birthday_and_the_gender(values):
    with pytest.raises(Refusal, match="does not agree"):
        register(**{"birth_date": OLD, "id_number": id_number(), **values})


@pytest.mark.usefixtures("station")
def test_an_id_number_is_registered_once():
    register(birth_date=OLD, id_number=id_number())
    with pytest.raises(Refusal, match="registered already"):
        register(phone="+8619900009002", birth_date=OLD, id_number=id_number())


@pytest.mark.usefixtures("station")
def test_a_league_branch_needs_its_own_consent():
    branch = make_organization("烟雨团支部", KINDS.BRANCH)
    volunteer = register(branch_id=branch.id)
    assert volunteer.branch_id == branch.id
    assert Purpose.LEAGUE in purposes(volunteer.account_id)


@pytest.mark.usefixtures("station")
def test_a_returned_registration_is_corrected_and_sent_again():
    volunteer = register()
    volunteer.state, volunteer.decision_reason = VolunteerState.RETURNED, "请写全名。"
    other = make_organization("西塘镇志愿服务站", KINDS.STATION, None, XITANG)
    village = queries.place_choice(XITANG // 10**6 * 10**6, XITANG).villages[0]
    again = actions.send_again(
        volunteer.id, details(name="林小满儿", division_id=village.id, skills=[Skill.MUSIC]), now=NOW
    )
    db.session.commit()
    assert (again.state, again.decision_reason) == (VolunteerState.SUBMITTED, "")
    assert again.registered_with_id == other.id
    assert db.session.get_one(Account, again.account_id).name == "林小满儿"
    skills = db.session.scalars(select(VolunteerSkill.skill).where(VolunteerSkill.volunteer_id == again.id))
    assert list(skills) == [Skill.MUSIC]


@pytest.mark.parametrize("state", [VolunteerState.SUBMITTED, VolunteerState.ACTIVE, VolunteerState.RESIGNED])
@pytest.mark.usefixtures("station")
def test_only_what_came_back_can_be_sent_again(state):
    volunteer = register()
    volunteer.state = state
    with pytest.raises(Refusal, match="not waiting for a correction"):
        actions.send_again(volunteer.id, details(), now=NOW)


@pytest.mark.usefixtures("station")
def test_a_kept_id_number_is_checked_again_when_the_birthday_is_corrected():
    volunteer = register(birth_date=OLD, id_number=id_number())
    volunteer.state = VolunteerState.RETURNED
    with pytest.raises(Refusal, match="does not agree"):
        actions.send_again(volunteer.id, details(birth_date=OLD + timedelta(days=1)), now=NOW)


@pytest.mark.usefixtures("station")
def test_staff_who_have_an_account_can_register_too():
    account = make_account("陈站长")
    volunteer = actions.enrol(account.id, details(name="陈站长"), now=NOW)
    assert volunteer.account_id == account.id
    with pytest.raises(Refusal, match="registered already"):
        actions.enrol(account.id, details(), now=NOW)


# ── pages ──


def test_the_place_is_chosen_step_by_step_without_javascript(client, station):
    first = client.get("/registration").text
    assert "南湖区" in first
    assert "烟雨社区" not in first
    towns = client.get(f"/registration?county={NANHU}").text
    assert "建设街道" in towns
    assert "烟雨社区" not in towns
    villages = client.get(f"/registration?county={NANHU}&town={NANHU_TOWN}").text
    assert "烟雨社区" in villages
    form = client.get(f"/registration?county={NANHU}&town={NANHU_TOWN}&division={YANYU}").text
    assert f'value="{YANYU}"' in form
    assert station.name in form


def test_the_lists_fill_themselves_with_htmx(client, station):
    part = client.get(
        f"/registration/residence?county={NANHU}&town={NANHU_TOWN}&division={YANYU}",
        headers={"HX-Request": "true", "HX-Request-Type": "partial"},
    )
    assert part.text.lstrip().startswith("<form") or part.text.lstrip().startswith("{#") is False
    assert "<html" not in part.text
    assert station.name in part.text


@pytest.mark.usefixtures("station")
def test_a_town_of_another_county_is_dropped(client):
    page = client.get(f"/registration?county={NANHU}&town={XITANG}").text
    assert "建设街道" in page
    assert "西塘社区" not in page


@pytest.mark.parametrize("nonsense", ["abc", "9" * 40, "-1", "３３０４０２００００００", ""])
@pytest.mark.usefixtures("station")
def test_a_forged_place_is_no_place(client, nonsense):
    assert client.get("/registration", query_string={"county": nonsense, "division": nonsense}).status_code == 200
    answer = client.post("/registration", data=registration(division_id=nonsense))
    assert answer.status_code == 409
    assert "community or village" in answer.text


def test_registering_signs_in_and_shows_what_comes_next(client, station):
    answer = client.post("/registration", data=registration())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me")
    page = client.get("/me").text
    assert "林小满" in page
    assert "199****9001" in page
    assert "19900009001" not in page
    assert f"{station.name} checks your registration" in page


@pytest.mark.usefixtures("station")
def test_everything_typed_is_kept_as_typed(client):
    client.post("/registration", data=registration(email="lin@example.com"))
    account = db.session.scalars(select(Account).where(Account.phone == E164)).one()
    volunteer = queries.volunteer_of(account.id)
    assert (account.name, account.email, account.lang) == ("林小满", "lin@example.com", "en")
    assert {row.skill for row in volunteer.skills} == {Skill.APPLIANCES, Skill.DRIVING}
    assert volunteer.categories == [Category.ELDERS]
    assert volunteer.availability == ["sat-morning", "sun-evening"]
    assert account.password_hash.startswith("$argon2id$")


@pytest.mark.usefixtures("station")
def test_who_is_too_young_is_told_why_and_what_to_do(client):
    child = clock.today(clock.now()) - timedelta(days=13 * 365)
    answer = client.post("/registration", data=registration(birth_date=child.isoformat()))
    assert answer.status_code == 409
    assert "from 14 years on" in answer.text
    assert "parent or guardian" in answer.text
    assert db.session.scalar(select(func.count(Account.id)).where(Account.phone == E164)) == 0


@pytest.mark.usefixtures("station")
def test_who_is_under_18_is_told_about_the_guardian(client):
    young = clock.today(clock.now()) - timedelta(days=16 * 365)
    client.post("/registration", data=registration(birth_date=young.isoformat()))
    assert "before you can claim, a parent or guardian must give consent" in client.get("/me").text


@pytest.mark.usefixtures("station")
def test_a_known_number_gets_one_sentence_with_ways_out(client):
    client.post("/registration", data=registration())
    client.post("/sign-out")
    answer = client.post("/registration", data=registration(name="王芳"))
    assert answer.status_code == 409
    assert "has an account already" in answer.text
    assert "林小满" not in answer.text
    assert "王芳" in answer.text


@pytest.mark.usefixtures("station")
def test_an_id_number_of_somebody_else_is_refused_on_the_page_and_never_echoed(client):
    number = id_number()
    data = registration(id_number=number, id_consent="y")  # the birthday in the form is another one
    answer = client.post("/registration", data=data)
    assert answer.status_code == 409
    assert "does not agree" in answer.text
    assert number not in answer.text


@pytest.mark.usefixtures("station")
def test_an_id_number_and_a_branch_each_need_their_box(client):
    branch = make_organization("烟雨团支部", KINDS.BRANCH)
    answer = client.post("/registration", data=registration(id_number=id_number(), branch_id=str(branch.id)))
    assert answer.status_code == 422
    assert answer.text.count("Please tick this box too") == 4  # beside each box, and in the summary


@pytest.mark.usefixtures("station")
def test_passwords_are_never_echoed(client):
    answer = client.post("/registration", data=registration(name=""))
    assert answer.status_code == 422
    assert PASSWORD not in answer.text
    assert PHONE in answer.text


WRONG = {
    "name": ["", "x" * 41, "<script>alert(1)</script>", "林😀", "12345", "\x00\x01"],
    "phone": ["", "12345", "abc", "9" * 50, "😀", "<b>", "+1 555"],
    "birth_date": ["", "yesterday", "1990-02-30", "3000-01-01", "1800-01-01", "😀"],
    "gender": ["", "none", "<script>"],
    "email": ["not a mail", "a@b", "x" * 130 + "@example.com", "😀@example.com\x00"],
    "new_password": ["", "short1", "onlyletters", "73829164", "abcd9k2m", "a1111b2c", "x1" * 100],
    "password_again": ["", "southlake8"],
    "skills": ["flying", "<script>"],
    "categories": ["nothing"],
    "availability": ["mon-midnight"],
    "branch_id": ["abc", "999999", "9" * 5000],
    "id_number": ["1", "330402190103040000", "３３０４０２１９０１０３０４９８２X", "😀"],
    "pledge": [""],
    "registration": [""],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
@pytest.mark.usefixtures("station")
def test_each_wrong_field_gets_a_sentence_and_keeps_the_rest(client, field, value):
    answer = client.post("/registration", data=registration(**{"id_consent": "y", "league": "y", field: value}))
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert "<script>alert" not in answer.text
    if field != "name":
        assert 'value="林小满"' in answer.text
    assert db.session.scalar(select(func.count(Volunteer.id))) == 0


@pytest.mark.usefixtures("station")
def test_registrations_from_one_address_are_slowed_down(client, monkeypatch):
    monkeypatch.setattr("blueprints.identity.tries.REGISTRATIONS", 2)
    for number in (1, 2):
        client.post("/registration", data=registration(phone=f"1990000910{number}"))
        client.post("/sign-out")
    answer = client.post("/registration", data=registration(phone="19900009103"))
    assert answer.status_code == 429
    assert "Please wait 15 minutes" in answer.text
    assert 'value="林小满"' in answer.text


def test_a_signed_in_volunteer_is_taken_to_their_page(client):
    volunteer = make_volunteer()
    sign_in(client, volunteer.account_id)
    assert client.get("/registration").headers["Location"] == "/me"
    assert client.post("/registration", data=registration()).headers["Location"] == "/me"


def test_staff_without_a_registration_can_register_on_their_page(client):
    world = make_world()
    sign_in(client, world.chen.account_id)
    assert client.get("/registration").headers["Location"] == "/me/registration"
    assert "You are not registered as a volunteer" in client.get("/me").text
    page = client.get(f"/me/registration?division={YANYU}")
    assert "new_password" not in page.text
    answer = client.post("/me/registration", data=registration(name="陈站长"))
    assert answer.status_code == 303
    assert queries.volunteer_of(world.chen.account_id).state is VolunteerState.SUBMITTED


@pytest.mark.usefixtures("station")
def test_a_returned_registration_is_corrected_on_its_page(client):
    client.post("/registration", data=registration())
    volunteer = db.session.scalars(select(Volunteer)).one()
    volunteer.state, volunteer.decision_reason = VolunteerState.RETURNED, "请写全名。"
    db.session.commit()
    page = client.get("/me/registration")
    assert "请写全名。" in page.text
    assert 'value="林小满"' in page.text
    assert 'value="2000-03-04"' in page.text
    answer = client.post("/me/registration", data=registration(name="林小满儿"))
    assert answer.status_code == 303
    db.session.refresh(volunteer)
    assert volunteer.state is VolunteerState.SUBMITTED


def test_an_approved_registration_has_no_correction_page(client):
    volunteer = make_volunteer()
    sign_in(client, volunteer.account_id)
    assert client.get("/me/registration").headers["Location"] == "/me"
    answer = client.post("/me/registration", data=registration())
    assert answer.status_code == 409


def test_the_texts_can_be_read_before_and_after(client):
    for purpose in Purpose:
        page = client.get(f"/agreements/{purpose}")
        assert page.status_code == 200
        assert "Version 1" in page.text
        assert client.get(f"/agreements/{purpose}?version=1999").status_code == 404
    assert client.get("/agreements/everything").status_code == 404


@pytest.mark.usefixtures("station")
def test_the_session_of_a_registration_is_one_row(client):
    client.post("/registration", data=registration())
    assert db.session.scalar(select(func.count(Session.id))) == 1
