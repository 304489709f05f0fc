"""Leaving: what ends, what stays, and what is known of the person afterwards."""

import pytest
from sqlalchemy import select

from blueprints.identity import actions, queries
from blueprints.identity.models import (
    Account,
    Consent,
    Grant,
    GuardianMethod,
    Guardianship,
    Leaving,
    Purpose,
    Skill,
    Slip,
    SlipPurpose,
    Volunteer,
    VolunteerSkill,
    VolunteerState,
)
from blueprints.messages.actions import tell
from blueprints.messages.models import Delivery, Notice, NoticeKind
from core import clock, vault
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from tests.factories import BEFORE, give, make_world, saved, sign_in
from tests.identity.people import E164, HASH, NOW, PASSWORD, account_of, details, id_number


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def lin(world):
    """A volunteer about whom everything is known that can be known."""
    lin, number = world.lin, id_number()
    lin.id_hash, lin.id_sealed, lin.id_last4 = vault.digest(number), vault.seal(number), number[-4:]
    account = account_of(lin)
    account.email = "lin@example.com"
    saved(VolunteerSkill(volunteer_id=lin.id, skill=Skill.MUSIC))
    given = {"guardian_name": "林父", "relation": "父亲", "guardian_phone": "+8619900000099", "given_at": BEFORE}
    saved(
        Guardianship(
            volunteer_id=lin.id, method=GuardianMethod.IN_PERSON, recorded_by_id=world.chen.account_id, **given
        )
    )
    actions.agree(account.id, (Purpose.PLEDGE, Purpose.LEAGUE), now=NOW)
    db.session.commit()
    return lin


def leave(volunteer, data):
    actions.leave(volunteer.account_id, data, now=clock.now())
    db.session.commit()
    db.session.expire_all()
    return db.session.get_one(Account, volunteer.account_id)


@pytest.mark.parametrize("data", Leaving)
@pytest.mark.usefixtures("world")
def test_nobody_gets_in_any_more_and_the_number_is_free(lin, data):
    phone = account_of(lin).phone
    token = actions.open_session(lin.account_id, device="", now=clock.now())
    account = leave(lin, data)
    assert account.closed_at is not None
    assert (account.phone, account.email, account.password_hash) == (None, None, None)
    assert queries.actor_of(token, clock.now()) is None
    again = actions.register(details(), phone=phone, password_hash=HASH, lang="en", now=NOW)
    assert again.id != lin.id


@pytest.mark.parametrize("data", Leaving)
def test_the_id_number_goes_in_any_case(lin, data):
    leave(lin, data)
    assert (lin.id_hash, lin.id_sealed, lin.id_last4, lin.branch_id) == (None, None, None, None)


def test_what_is_to_be_kept_stays_with_the_records(lin):
    account = leave(lin, Leaving.KEEP)
    assert account.name == "林小满"
    assert lin.birth_date is not None
    assert lin.division_id is not None
    assert lin.state is VolunteerState.RESIGNED


def test_what_is_to_be_erased_is_gone(lin):
    account = leave(lin, Leaving.ERASE)
    assert account.name == actions.ERASED
    assert (lin.gender, lin.birth_date, lin.division_id) == (None, None, None)
    assert (lin.categories, lin.availability) == ([], [])
    assert db.session.scalars(select(VolunteerSkill)).first() is None
    guardian = db.session.scalars(select(Guardianship)).one()
    assert (guardian.guardian_name, guardian.guardian_phone, guardian.relation) == ("", "", "")


def test_no_phone_number_stays_on_a_slip(world, lin):
    issued = {"actor": world.chen, "organization_id": world.station.id, "now": clock.now()}
    actions.issue_slip(lin.account_id, SlipPurpose.PHONE, new_phone="+8619900008888", **issued)
    leave(lin, Leaving.KEEP)
    assert db.session.scalars(select(Slip)).one().new_phone is None


def test_consents_and_roles_end(world, lin):
    give(db.session.get_one(Account, lin.account_id), Role.CLERK, world.station)
    leave(lin, Leaving.KEEP)
    open_grants = select(Grant).where(Grant.account_id == lin.account_id, Grant.revoked_at.is_(None))
    open_consents = select(Consent).where(Consent.account_id == lin.account_id, Consent.withdrawn_at.is_(None))
    assert db.session.scalars(open_grants).first() is None
    assert db.session.scalars(open_consents).first() is None


def test_areas_to_the_right_are_asked_first_and_may_refuse(lin, monkeypatch):
    seen = []

    def look(departure):
        account = db.session.get_one(Account, departure.account_id)
        seen.append((departure.volunteer_id, departure.data, account.closed_at))

    monkeypatch.setattr(actions, "ON_LEAVE", [look])
    leave(lin, Leaving.ERASE)
    assert seen == [(lin.id, Leaving.ERASE, None)]


def test_who_stands_on_others_lets_go_first(lin, monkeypatch):
    seen = []
    monkeypatch.setattr(actions, "ON_LEAVE", [lambda _: seen.append("messages"), lambda _: seen.append("claims")])
    leave(lin, Leaving.KEEP)
    assert seen == ["claims", "messages"]


def test_a_refusal_from_the_right_stops_everything(lin, monkeypatch):
    def refuse(_departure):
        raise Refusal("not now")

    monkeypatch.setattr(actions, "ON_LEAVE", [refuse])
    with pytest.raises(Refusal):
        actions.leave(lin.account_id, Leaving.KEEP, now=NOW)
    db.session.rollback()
    assert db.session.get_one(Account, lin.account_id).closed_at is None


@pytest.mark.parametrize(("data", "left"), [(Leaving.KEEP, 1), (Leaving.ERASE, 0)])
def test_the_outbox_forgets_the_mail_address_and_the_inbox_all(app, lin, monkeypatch, data, left):
    monkeypatch.setitem(app.config, "MAIL_URL", "smtp://mail.example")
    tell(lin.account_id, NoticeKind.PASSWORD_CHANGED, now=NOW)
    db.session.commit()
    leave(lin, data)
    assert db.session.scalars(select(Delivery)).first() is None
    assert len(list(db.session.scalars(select(Notice).where(Notice.account_id == lin.account_id)))) == left


def test_the_page_tells_the_consequences_and_asks_for_the_password(client, lin):
    sign_in(client, lin.account_id)
    page = client.get("/me/departure").text
    assert "cannot be undone" in page
    assert lin.number in page
    wrong = client.post("/me/departure", data={"personal_data": "erase", "password": "wrongword9"})
    assert wrong.status_code == 409
    assert "wrongword9" not in wrong.text
    assert client.post("/me/departure", data={"password": PASSWORD}).status_code == 422
    answer = client.post("/me/departure", data={"personal_data": "erase", "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    db.session.expire_all()
    assert db.session.get_one(Volunteer, lin.id).state is VolunteerState.RESIGNED
    assert client.get("/me").status_code == 303


def test_signing_in_after_leaving_looks_like_an_unknown_number(client, lin):
    phone = account_of(lin).phone
    leave(lin, Leaving.KEEP)
    answers = [client.post("/sign-in", data={"phone": number, "password": PASSWORD}) for number in (phone, E164)]
    assert {answer.status_code for answer in answers} == {409}
    assert all("Phone number or password is wrong" in answer.text for answer in answers)
