"""One's own pages: what they show and change, and that nobody else's things come near them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event, select

from blueprints.identity import actions, queries
from blueprints.identity.access import TOKEN
from blueprints.identity.models import (
    NAMING,
    OFFERED,
    Account,
    Consent,
    Gender,
    GuardianMethod,
    Guardianship,
    Purpose,
    Skill,
    Slip,
    SlipPurpose,
    Volunteer,
    VolunteerSkill,
    VolunteerState,
)
from blueprints.identity.words import GIVEN, current, taken_back
from blueprints.messages.models import Notice, NoticeKind
from blueprints.organizations.models import OrganizationKind
from core import clock, passwords, vault
from core.db import db
from core.i18n import speaking
from core.refusal import Refusal
from tests.factories import BEFORE, YANYU, make_organization, make_volunteer, make_world, saved, sign_in
from tests.identity.people import HASH, NOW, OLD, OTHER, PASSWORD, account_of, id_number

ADULT = date(1990, 5, 20)


@pytest.fixture
def lin(client):
    volunteer = make_volunteer(birth_date=ADULT)
    account_of(volunteer)
    sign_in(client, volunteer.account_id)
    return volunteer


@pytest.fixture
def account(lin):
    return db.session.get_one(Account, lin.account_id)


def reread(row):
    db.session.refresh(row)
    return row


def skills_of(volunteer):
    mine = select(VolunteerSkill.skill).where(VolunteerSkill.volunteer_id == volunteer.id)
    return set(db.session.scalars(mine))


PAGES = [
    "/me", "/me/profile", "/me/residence", "/me/residence/choice", f"/me/residence?division={YANYU}", "/me/password",
    "/me/phone", "/me/sessions", "/me/consents", "/me/id-number", "/me/departure", "/me/inbox",
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("lin")
def test_own_pages_open_for_the_volunteer_and_ask_strangers_to_sign_in(app, client, page):
    assert client.get(page).status_code == 200
    answer = app.test_client().get(page)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("page", PAGES)
def test_no_page_shows_the_whole_id_number_or_phone_number(client, lin, account, page):
    number = id_number()
    lin.id_hash, lin.id_sealed, lin.id_last4 = vault.digest(number), vault.seal(number), number[-4:]
    db.session.commit()
    text = client.get(page).text
    assert number not in text
    assert account.phone.removeprefix("+86") not in text
    assert lin.id_sealed not in text


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("lin")
def test_an_own_page_takes_at_most_eight_queries(client, page):
    from sqlalchemy import Engine  # noqa: PLC0415 - only this test listens

    statements = []

    def count(_conn, _cursor, statement, *_rest):
        if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        client.get(page)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert len(statements) <= 8, statements


@pytest.mark.parametrize("page", ["/me", "/me/profile", "/me/password", "/me/phone", "/me/sessions", "/me/departure"])
def test_staff_without_a_registration_have_a_home_too(client, page):
    world = make_world()
    sign_in(client, world.chen.account_id)
    assert client.get(page).status_code == 200


@pytest.mark.parametrize("page", ["/me/residence", "/me/id-number"])
def test_pages_of_volunteers_are_not_for_others(client, page):
    world = make_world()
    sign_in(client, world.chen.account_id)
    assert client.get(page).status_code == 403


# ── home ──


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (VolunteerState.SUBMITTED, "checks your registration"),
        (VolunteerState.RETURNED, "Correct it and send it again"),
        (VolunteerState.REJECTED, "Not approved"),
        (VolunteerState.ACTIVE, "You can claim whatever suits you"),
    ],
)
def test_the_home_says_where_the_registration_stands(client, lin, state, words):
    lin.state, lin.decision_reason = state, "请补充出生日期。"
    db.session.commit()
    assert words in client.get("/me").text


def test_the_reason_of_a_return_is_shown(client, lin):
    lin.state, lin.decision_reason = VolunteerState.RETURNED, "请补充出生日期。"
    db.session.commit()
    assert "请补充出生日期。" in client.get("/me").text


def test_a_guardian_on_record_quiets_the_reminder(client, lin):
    lin.birth_date = clock.today(clock.now()) - timedelta(days=16 * 365)
    db.session.commit()
    assert "parent or guardian must give consent" in client.get("/me").text
    given = {"guardian_name": "林父", "relation": "父亲", "guardian_phone": "+8619900000099", "given_at": BEFORE}
    saved(Guardianship(volunteer_id=lin.id, method=GuardianMethod.IN_PERSON, recorded_by_id=lin.account_id, **given))
    assert "parent or guardian must give consent" not in client.get("/me").text


# ── profile and residence ──


def profile(**values):
    said = {"email": "lin@example.com", "lang": "en", "skills": ["driving"], "availability": ["sun-evening"]}
    return {**said, "password": PASSWORD, **values}


def test_the_profile_is_saved(client, lin, account):
    assert client.post("/me/profile", data=profile(categories=["water"])).headers["Location"] == "/me"
    assert reread(account).email == "lin@example.com"
    assert (reread(lin).categories, lin.availability) == (["water"], ["sun-evening"])
    assert skills_of(lin) == {Skill.DRIVING}
    page = client.get("/me/profile").text
    assert "lin@example.com" in page


def test_a_skill_that_stays_keeps_its_proof(client, lin):
    saved(VolunteerSkill(volunteer_id=lin.id, skill=Skill.NURSING, verified_at=BEFORE, verified_by_id=lin.account_id))
    client.post("/me/profile", data=profile(skills=["nursing", "music"]))
    kept = select(VolunteerSkill).where(VolunteerSkill.skill == Skill.NURSING)
    assert db.session.scalars(kept).one().verified_at == BEFORE
    assert skills_of(lin) == {Skill.NURSING, Skill.MUSIC}


@pytest.mark.usefixtures("lin")
def test_another_language_is_spoken_at_once(client, account):
    answer = client.post("/me/profile", data=profile(lang="zh_Hans"))
    assert answer.headers["Location"] == "/me?lang=zh_Hans"
    assert reread(account).lang == "zh_Hans"


@pytest.mark.parametrize(
    "wrong", [{"email": "no mail"}, {"email": "x" * 200}, {"lang": "fr"}, {"skills": ["flying"]}, {"branch_id": "7"}]
)
@pytest.mark.usefixtures("lin")
def test_a_wrong_profile_is_kept_as_typed_and_not_saved(client, account, wrong):
    answer = client.post("/me/profile", data=profile(**wrong))
    assert answer.status_code == 422
    assert next(iter(wrong)) + "-error" in answer.text
    assert reread(account).email is None


def test_a_branch_needs_its_consent_and_loses_it_with_the_branch(client, lin):
    branch = make_organization("烟雨团支部", OrganizationKind.BRANCH)
    assert client.post("/me/profile", data=profile(branch_id=str(branch.id))).status_code == 422
    assert client.post("/me/profile", data=profile(branch_id=str(branch.id), league="y")).status_code == 303
    assert reread(lin).branch_id == branch.id
    assert queries.live_consent(lin.account_id, Purpose.LEAGUE) is not None
    client.post("/me/profile", data=profile())
    assert reread(lin).branch_id is None
    assert queries.live_consent(lin.account_id, Purpose.LEAGUE) is None


def test_staff_change_their_contact_only(client):
    world = make_world()
    sign_in(client, world.chen.account_id)
    db.session.get_one(Account, world.chen.account_id).password_hash = HASH
    db.session.commit()
    data = {"email": "chen@example.com", "lang": "en", "password": PASSWORD}
    assert client.post("/me/profile", data=data).status_code == 303
    assert db.session.get_one(Account, world.chen.account_id).email == "chen@example.com"


def told_of_email(account):
    kinds = select(Notice).where(Notice.account_id == account.id, Notice.kind == NoticeKind.EMAIL_CHANGED)
    return len(db.session.scalars(kinds).all())


@pytest.mark.usefixtures("lin")
def test_another_mail_address_takes_the_password_and_is_told(client, account):
    for password, words in (("", "Please enter your password to change"), ("wrongword9", "The password is wrong")):
        answer = client.post("/me/profile", data=profile(password=password))
        assert (answer.status_code, words in answer.text) == (409, True)
        assert 'id="password-error"' in answer.text
    assert (reread(account).email, told_of_email(account)) == (None, 0)
    assert client.post("/me/profile", data=profile()).status_code == 303
    assert (reread(account).email, told_of_email(account)) == ("lin@example.com", 1)
    assert client.post("/me/profile", data=profile(password="", lang="zh_Hans")).status_code == 303
    assert told_of_email(account) == 1


def test_a_corrected_registration_is_no_way_around_that_password(client, lin, account):
    lin.state = VolunteerState.RETURNED
    db.session.commit()
    data = {"division_id": str(YANYU), "name": "林小满", "gender": "female", "birth_date": "1990-05-20"}
    answer = client.post("/me/registration", data=data | {"email": "else@example.com"})
    assert (answer.status_code, "change the mail address in your profile" in answer.text) == (409, True)
    assert (reread(account).email, reread(lin).state) == (None, VolunteerState.RETURNED)
    assert client.post("/me/registration", data=data).status_code == 303


@pytest.mark.usefixtures("lin")
def test_the_password_for_another_mail_address_is_not_guessed(client, account):
    for _ in range(5):
        client.post("/me/profile", data=profile(password="wrongword9"))
    assert client.post("/me/profile", data=profile()).status_code == 429
    assert reread(account).email is None


def test_who_moves_says_so_in_two_steps(client, lin):
    village = queries.place_choice(village_id=YANYU).villages[0]
    page = client.get(f"/me/residence?division={village.id}")
    assert village.name in page.text
    assert f'value="{village.id}"' in page.text
    before = lin.registered_with_id
    assert client.post("/me/residence", data={"division_id": str(village.id)}).status_code == 303
    assert (reread(lin).division_id, lin.registered_with_id) == (village.id, before)


def test_who_is_not_approved_yet_moves_to_the_station_of_the_new_place(lin):
    village = queries.place_choice(village_id=YANYU).villages[0]
    other = make_organization("另一个站", OrganizationKind.STATION, None, village.id)
    lin.state = VolunteerState.SUBMITTED
    actions.move(lin.id, village.id)
    assert lin.registered_with_id == other.id


@pytest.mark.parametrize("forged", ["", "1", "330402000000", "x", "9" * 30])
@pytest.mark.usefixtures("lin")
def test_a_forged_place_is_refused(client, forged):
    answer = client.post("/me/residence", data={"division_id": forged})
    assert answer.status_code == 409
    assert "community or village" in answer.text


# ── password, phone, sessions ──


@pytest.mark.usefixtures("lin")
def test_a_new_password_renews_this_session_and_ends_the_others(app, client, account):
    elsewhere = app.test_client()
    sign_in(elsewhere, account.id)
    with client.session_transaction() as session:
        before = session[TOKEN]
    data = {"password": PASSWORD, "new_password": OTHER, "password_again": OTHER}
    assert client.post("/me/password", data=data).status_code == 303
    with client.session_transaction() as session:
        assert session[TOKEN] != before
    assert client.get("/me").status_code == 200
    assert elsewhere.get("/me").status_code == 303
    assert passwords.fits(OTHER, reread(account).password_hash)
    told = select(Notice.kind).where(Notice.account_id == account.id)
    assert list(db.session.scalars(told)) == [NoticeKind.PASSWORD_CHANGED]


@pytest.mark.usefixtures("lin")
def test_the_old_password_is_asked_for_and_not_guessed(client):
    data = {"password": "wrongword9", "new_password": OTHER, "password_again": OTHER}
    for _ in range(5):
        answer = client.post("/me/password", data=data)
        assert answer.status_code == 409
        assert "The password is wrong" in answer.text
        assert "wrongword9" not in answer.text
        assert OTHER not in answer.text
    assert client.post("/me/password", data=data | {"password": PASSWORD}).status_code == 429


@pytest.mark.usefixtures("lin")
def test_without_mail_the_phone_page_explains_the_slip(client):
    page = client.get("/me/phone").text
    assert "tell the clerk the new number" in page
    assert "new_password" not in page
    assert 'name="phone"' not in page


@pytest.fixture
def with_mail(app, account, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_URL", "smtp://mail.example")
    account.email = "lin@example.com"
    db.session.commit()


@pytest.mark.usefixtures("with_mail")
def test_with_mail_a_link_is_sent_for_the_new_number(client, lin):
    answer = client.post("/me/phone", data={"phone": "19900008888", "password": PASSWORD})
    assert answer.status_code == 303
    slip = db.session.scalars(select(Slip)).one()
    assert (slip.purpose, slip.new_phone, slip.account_id) == (SlipPurpose.PHONE, "+8619900008888", lin.account_id)


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        ({"phone": "19900008888", "password": "wrongword9"}, 409, "The password is wrong"),
        ({"phone": "abc", "password": PASSWORD}, 422, "not a telephone number"),
        ({}, 422, "Please enter the phone number"),
    ],
)
@pytest.mark.usefixtures("with_mail", "lin")
def test_a_new_number_is_checked(client, data, status, words):
    answer = client.post("/me/phone", data=data)
    assert answer.status_code == status
    assert words in answer.text
    assert "wrongword9" not in answer.text


@pytest.mark.usefixtures("with_mail", "lin")
def test_a_number_of_somebody_else_is_refused(client):
    other = make_volunteer("周晓航")
    phone = db.session.get_one(Account, other.account_id).phone
    answer = client.post("/me/phone", data={"phone": phone, "password": PASSWORD})
    assert answer.status_code == 409
    assert "account of its own" in answer.text


@pytest.mark.usefixtures("lin")
def test_one_device_is_signed_out_from_another(app, client, account):
    elsewhere = app.test_client()
    sign_in(elsewhere, account.id)
    newest = queries.live_sessions(account.id, clock.now())[0]
    assert client.post(f"/me/sessions/{newest.id}/revocation").status_code == 303
    assert elsewhere.get("/me").status_code == 303
    assert client.get("/me").status_code == 200


@pytest.mark.usefixtures("lin")
def test_all_other_devices_are_signed_out_at_once(app, client, account):
    others = [app.test_client() for _ in range(2)]
    for browser in others:
        sign_in(browser, account.id)
    assert client.get("/me/sessions").text.count("Sign out") >= 3
    client.post("/me/sessions/revocation")
    assert [browser.get("/me").status_code for browser in (client, *others)] == [200, 303, 303]


@pytest.mark.parametrize("forged", [0, 2**31 - 1, 2**70])
@pytest.mark.usefixtures("lin")
def test_sessions_of_others_do_not_exist(client, forged):
    stranger = make_volunteer("周晓航")
    token = actions.open_session(stranger.account_id, device="", now=clock.now())
    db.session.commit()
    theirs = queries.live_sessions(stranger.account_id, clock.now())[0].id
    for session_id in (forged, theirs):
        assert client.post(f"/me/sessions/{session_id}/revocation").status_code == 404
    assert queries.actor_of(token, clock.now()) is not None


# ── consents ──


def agreed(account_id, *purposes):
    actions.agree(account_id, purposes, now=NOW)
    db.session.commit()
    return {row.purpose: row for row in queries.consents(account_id)}


def test_consents_are_listed_with_version_and_date(client, lin):
    agreed(lin.account_id, Purpose.PLEDGE, Purpose.REGISTRATION)
    page = client.get("/me/consents").text
    assert page.count("Version 1, agreed on 23 Nov 2026") == 2
    assert "Withdraw" not in page.replace("To withdraw", "")


def test_withdrawing_the_id_number_erases_it_whole(client, lin):
    number = id_number()
    lin.id_hash, lin.id_sealed, lin.id_last4 = vault.digest(number), vault.seal(number), number[-4:]
    consent = agreed(lin.account_id, Purpose.ID_NUMBER)[Purpose.ID_NUMBER]
    assert f"ends with {number[-4:]}" in client.get("/me/consents").text
    assert client.post(f"/me/consents/{consent.id}/withdrawal").status_code == 303
    reread(lin)
    assert (lin.id_hash, lin.id_sealed, lin.id_last4) == (None, None, None)
    assert reread(consent).withdrawn_at is not None
    assert number[-4:] not in client.get("/me/consents").text


def test_withdrawing_the_league_removes_the_branch(client, lin):
    lin.branch_id = make_organization("烟雨团支部", OrganizationKind.BRANCH).id
    consent = agreed(lin.account_id, Purpose.LEAGUE)[Purpose.LEAGUE]
    client.post(f"/me/consents/{consent.id}/withdrawal")
    assert reread(lin).branch_id is None


def test_the_pledge_cannot_be_withdrawn_without_leaving(client, lin):
    consent = agreed(lin.account_id, Purpose.PLEDGE)[Purpose.PLEDGE]
    answer = client.post(f"/me/consents/{consent.id}/withdrawal")
    assert answer.status_code == 409
    assert "please leave" in answer.text


@pytest.mark.parametrize("purpose", OFFERED)
def test_what_nobody_has_to_agree_to_is_agreed_to_once_and_taken_back_on_the_same_page(client, lin, purpose):
    assert f'action="/me/consents/{purpose}"' in client.get("/me/consents").text
    for _twice in range(2):
        assert client.post(f"/me/consents/{purpose}").status_code == 303
    (given,) = queries.consents(lin.account_id)
    assert (given.purpose, given.text_version, given.recorded_by_id) == (purpose, current(purpose).version, None)
    page = client.get("/me/consents").text
    assert f'action="/me/consents/{purpose}"' not in page
    with speaking("en"):
        thanks, consequence = str(GIVEN[purpose]), taken_back(purpose)
    assert (thanks in page, consequence in page) == (True, True)
    assert client.post(f"/me/consents/{given.id}/withdrawal").status_code == 303
    assert f"Your consent is withdrawn. {consequence}" in client.get("/me/consents").text
    assert reread(given).withdrawn_at is not None
    client.post(f"/me/consents/{purpose}")
    assert [bool(each.withdrawn_at) for each in queries.consents(lin.account_id)] == [False, True]


@pytest.mark.parametrize("purpose", [each for each in Purpose if each not in OFFERED])
def test_what_is_asked_for_elsewhere_is_not_agreed_to_on_that_page(client, lin, purpose):
    assert client.post(f"/me/consents/{purpose}").status_code == 404
    assert queries.consents(lin.account_id) == []


@pytest.mark.parametrize("naming", NAMING)
def test_a_minor_is_not_asked_for_the_full_name_and_refused_whichever_way_is_taken(client, lin, naming):
    lin.birth_date = clock.today(clock.now()).replace(day=1) - 17 * 365 * clock.DAY
    db.session.commit()
    page = client.get("/me/consents").text
    assert [purpose for purpose in OFFERED if f"/me/consents/{purpose}" in page] == [Purpose.HANDOVER]
    answer = client.post(f"/me/consents/{naming}")
    assert (answer.status_code, "Under 18" in answer.text) == (409, True)
    assert queries.consents(lin.account_id) == []


def test_consents_of_others_do_not_exist(client, lin):
    stranger = make_volunteer("周晓航")
    consent = agreed(stranger.account_id, Purpose.LEAGUE)[Purpose.LEAGUE]
    assert client.post(f"/me/consents/{consent.id}/withdrawal").status_code == 404
    assert db.session.get_one(Consent, consent.id).withdrawn_at is None
    with pytest.raises(Refusal, match="Only the person"):
        actions.withdraw(consent.id, actor=queries.actor_of(_token(lin.account_id), clock.now()), now=NOW)


def _token(account_id):
    return actions.open_session(account_id, device="", now=clock.now())


def test_an_id_number_can_be_given_later(client, lin):
    lin.birth_date, lin.gender = OLD, Gender.FEMALE
    db.session.commit()
    number = id_number()
    answer = client.post("/me/id-number", data={"id_number": number.lower(), "id_consent": "y"})
    assert answer.status_code == 303
    assert reread(lin).id_hash == vault.digest(number)
    assert queries.live_consent(lin.account_id, Purpose.ID_NUMBER) is not None


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        ({}, 422, "Please enter the ID number"),
        ({"id_number": "330402190103049820", "id_consent": "y"}, 422, "not a valid ID number"),
        ({"id_number": id_number()}, 422, "Please tick this box too"),
        ({"id_number": id_number(), "id_consent": "y"}, 409, "does not agree"),
    ],
)
def test_a_later_id_number_is_checked_and_never_echoed(client, lin, data, status, words):
    answer = client.post("/me/id-number", data=data)
    assert answer.status_code == status
    assert words in answer.text
    assert not data or data["id_number"] not in answer.text
    assert reread(lin).id_hash is None


def test_a_registration_with_gaps_takes_no_id_number(lin):
    lin.gender = None
    with pytest.raises(Refusal, match="not complete"):
        actions.give_id_number(lin.id, id_number(), now=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.usefixtures("lin")
def test_the_volunteer_is_only_the_own_one(client):
    other = make_volunteer("周晓航")
    client.post("/me/profile", data=profile(skills=["law"]))
    assert skills_of(db.session.get_one(Volunteer, other.id)) == set()
