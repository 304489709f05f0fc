"""One-time slips: who may issue them, and what each lets its bearer do."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from blueprints.identity import actions, queries
from blueprints.identity.models import (
    Account,
    Consent,
    Leaving,
    Purpose,
    Session,
    Slip,
    SlipPurpose,
    Volunteer,
    VolunteerState,
)
from blueprints.messages.models import Delivery, Notice, NoticeKind
from blueprints.messages.words import sentence, shown
from core import clock, passwords, vault
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.factories import give, make_account, make_staff, make_volunteer, make_world, sign_in
from tests.identity.people import OTHER, PASSWORD, with_password

CLAIM, PASSWORD_SLIP, PHONE, LEAVE = SlipPurpose.CLAIM, SlipPurpose.PASSWORD, SlipPurpose.PHONE, SlipPurpose.LEAVE
NEW_PHONE = "+8619900008888"


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def lin(world):
    return with_password(db.session.get_one(Account, world.lin.account_id))


@pytest.fixture
def unclaimed(world):
    account = make_account("王奶奶", claimed_at=None, created_by_id=world.chen.account_id)
    make_volunteer(account=account, organization=world.station)
    return account


def issue(account, purpose, world, actor=None, **values):
    values.setdefault("now", clock.now())
    slip, code = actions.issue_slip(
        account.id, purpose, actor=actor or world.chen, organization_id=world.station.id, **values
    )
    db.session.commit()
    return slip, code


def show(client, account, code, phone=None):
    return client.post("/slips", data={"phone": phone or account.phone, "code": code})


def kinds(account):
    return set(db.session.scalars(select(Notice.kind).where(Notice.account_id == account.id)))


# ── issuing ──


def test_only_a_hash_of_the_code_is_kept(world, lin):
    slip, code = issue(lin, PASSWORD_SLIP, world)
    assert code not in str(vars(slip))
    assert slip.code_hash != code
    assert queries.usable_slip(lin.phone, code, clock.now()).id == slip.id


def test_the_owner_is_told_and_a_trace_is_left(world, lin):
    slip, _code = issue(lin, PASSWORD_SLIP, world)
    assert NoticeKind.SLIP_ISSUED in kinds(lin)
    trace = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "slip issued")).one()
    assert (trace.actor_id, trace.about_id, trace.subject_id) == (world.chen.account_id, lin.id, slip.id)


def test_a_new_slip_voids_the_one_before(world, lin):
    first, code = issue(lin, PASSWORD_SLIP, world)
    issue(lin, LEAVE, world)
    assert queries.usable_slip(lin.phone, code, clock.now()) is None
    with pytest.raises(Refusal, match="used or is too old"):
        actions.reset_password(first.id, "hash", device="", now=clock.now())


def test_a_slip_is_good_for_three_days(world, lin):
    now = clock.now()
    slip, code = issue(lin, PASSWORD_SLIP, world, now=now)
    assert queries.usable_slip(lin.phone, code, now + timedelta(hours=71)) is not None
    late = now + timedelta(hours=72)
    assert queries.usable_slip(lin.phone, code, late) is None
    with pytest.raises(Refusal, match="too old"):
        actions.reset_password(slip.id, "hash", device="", now=late)


def test_a_slip_is_issued_only_by_the_clerk_or_administrator_of_the_place(world, lin):
    for stranger in (world.gu, world.he, world.wu, world.pan):
        with pytest.raises(Refusal, match="may not issue slips here"):
            issue(lin, PASSWORD_SLIP, world, stranger)
    issue(lin, PASSWORD_SLIP, world, world.qian)


def test_nobody_issues_a_slip_for_themself(world):
    chen = db.session.get_one(Account, world.chen.account_id)
    with pytest.raises(Refusal, match="cannot issue a slip for yourself"):
        issue(chen, PASSWORD_SLIP, world)


@pytest.mark.usefixtures("lin")
def test_a_clerk_cannot_get_at_the_account_of_staff(world):
    for role, organization in [(Role.CLERK, world.station), (Role.ADMINISTRATOR, world.county)]:
        person = make_account("赵同事")
        give(person, role, organization)
        with pytest.raises(Refusal, match="Only an administrator above them"):
            issue(person, PASSWORD_SLIP, world)


def test_an_administrator_can_help_staff_below_but_not_beside(world):
    chen = db.session.get_one(Account, world.chen.account_id)
    issue(chen, PASSWORD_SLIP, world, world.qian)
    give(chen, Role.CLERK, world.other_station)
    with pytest.raises(Refusal, match="Only an administrator above them"):
        issue(chen, PASSWORD_SLIP, world, world.qian)


@pytest.mark.parametrize(
    ("purpose", "claimed", "sentence"),
    [(CLAIM, True, "has its owner already"), (PASSWORD_SLIP, False, "Nobody has taken this account over yet")],
)
def test_a_slip_that_makes_no_sense_is_refused(world, lin, unclaimed, purpose, claimed, sentence):
    with pytest.raises(Refusal, match=sentence):
        issue(lin if claimed else unclaimed, purpose, world)


def test_a_closed_account_gets_no_slip(world, lin):
    actions.leave(lin.id, Leaving.KEEP, now=clock.now())
    with pytest.raises(Refusal, match="is closed"):
        issue(lin, LEAVE, world)


def test_a_new_number_must_be_new_and_free(world, lin):
    zhou = db.session.get_one(Account, world.zhou.account_id)
    for number, words in [(None, "enter the new"), (lin.phone, "has now"), (zhou.phone, "account of its own")]:
        with pytest.raises(Refusal, match=words):
            issue(lin, PHONE, world, new_phone=number)


# ── showing the code ──


def refused(client, world, lin):
    """Codes that are wrong, of somebody else, used, void and too old, with what each answer says."""
    zhou = db.session.get_one(Account, world.zhou.account_id)
    _, void = issue(lin, PASSWORD_SLIP, world)
    slip, used = issue(lin, PASSWORD_SLIP, world)
    actions.reset_password(slip.id, "hash", device="", now=clock.now())
    _, old = issue(lin, PASSWORD_SLIP, world, now=clock.now() - timedelta(days=4))
    _, others = issue(zhou, PASSWORD_SLIP, world)
    db.session.commit()
    for code, phone in [
        ("AAAA-AAAA-AAAA", lin.phone),
        (void, lin.phone),
        (used, lin.phone),
        (old, lin.phone),
        (others, lin.phone),
        (others, "+8619900009999"),
    ]:
        answer = client.post("/slips", data={"phone": phone, "code": code}, environ_base={"REMOTE_ADDR": phone})
        yield answer.status_code, "This code and phone number do not fit" in answer.text


def test_every_code_that_is_no_good_gets_the_same_sentence(client, world, lin, monkeypatch):
    monkeypatch.setattr("blueprints.identity.tries.PAIR", 99)
    assert set(refused(client, world, lin)) == {(409, True)}


def test_guessing_codes_is_slowed_down(client, world, lin):
    _, code = issue(lin, PASSWORD_SLIP, world)
    for _ in range(5):
        assert show(client, lin, "AAAA-AAAA-AAAA").status_code == 409
    assert show(client, lin, code).status_code == 429


@pytest.mark.parametrize("style", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code} "])
def test_a_code_may_be_typed_as_one_likes(client, world, lin, style):
    _, code = issue(lin, PASSWORD_SLIP, world)
    assert show(client, lin, style(code)).headers["Location"] == "/slips/redemption/password"


@pytest.mark.parametrize("data", [{}, {"phone": "19900009001"}, {"code": "AAAA"}, {"phone": "x", "code": "y" * 99}])
def test_an_incomplete_slip_form_gets_a_sentence(client, data):
    assert client.post("/slips", data=data).status_code == 422


@pytest.mark.parametrize("page", ["account", "password", "phone", "departure"])
def test_without_a_slip_the_page_asks_for_one(client, page):
    answer = client.get(f"/slips/redemption/{page}")
    assert answer.status_code == 200
    assert 'name="code"' in answer.text
    data = {"new_password": OTHER, "password_again": OTHER, "pledge": "y", "registration": "y"}
    answer = client.post(f"/slips/redemption/{page}", data=data | {"personal_data": "keep"})
    assert answer.status_code == 409
    assert "This code and phone number do not fit" in answer.text


def test_a_slip_does_only_what_it_was_issued_for(client, world, lin):
    _, code = issue(lin, LEAVE, world)
    show(client, lin, code)
    data = {"new_password": OTHER, "password_again": OTHER}
    answer = client.post("/slips/redemption/password", data=data)
    assert answer.status_code == 409
    assert "This code and phone number do not fit" in answer.text
    db.session.refresh(lin)
    assert passwords.fits(PASSWORD, lin.password_hash)


# ── what slips do ──


def test_an_account_that_a_clerk_made_is_taken_over(client, world, unclaimed):
    actions.agree(unclaimed.id, (Purpose.REGISTRATION,), now=clock.now(), clerk_id=world.chen.account_id)
    slip, code = issue(unclaimed, CLAIM, world)
    assert show(client, unclaimed, code).headers["Location"] == "/slips/redemption/account"
    assert "王奶奶" in client.get("/slips/redemption/account").text
    data = {"new_password": OTHER, "password_again": OTHER, "pledge": "y", "registration": "y"}
    assert client.post("/slips/redemption/account", data=data).status_code == 303
    db.session.expire_all()
    assert unclaimed.claimed_at is not None
    assert passwords.fits(OTHER, unclaimed.password_hash)
    assert slip.used_at is not None
    assert NoticeKind.ACCOUNT_CLAIMED in kinds(unclaimed)
    live = select(Consent).where(Consent.account_id == unclaimed.id, Consent.withdrawn_at.is_(None))
    assert {(row.purpose, row.recorded_by_id) for row in db.session.scalars(live)} == {
        (Purpose.PLEDGE, None),
        (Purpose.REGISTRATION, None),
    }
    assert "王奶奶" in client.get("/me").text  # and is signed in


def test_taking_over_needs_the_pledge_and_the_consent(client, world, unclaimed):
    _, code = issue(unclaimed, CLAIM, world)
    show(client, unclaimed, code)
    answer = client.post("/slips/redemption/account", data={"new_password": OTHER, "password_again": OTHER})
    assert answer.status_code == 422
    assert OTHER not in answer.text
    db.session.refresh(unclaimed)
    assert unclaimed.claimed_at is None


def test_a_new_password_signs_every_other_device_out(app, client, world, lin):
    elsewhere = app.test_client()
    sign_in(elsewhere, lin.id)
    slip, code = issue(lin, PASSWORD_SLIP, world)
    show(client, lin, code)
    answer = client.post("/slips/redemption/password", data={"new_password": OTHER, "password_again": OTHER})
    assert answer.status_code == 303
    assert elsewhere.get("/me").status_code == 303
    assert client.get("/me").status_code == 200
    db.session.expire_all()
    assert passwords.fits(OTHER, lin.password_hash)
    assert not passwords.fits(PASSWORD, lin.password_hash)
    assert slip.used_at is not None
    assert NoticeKind.PASSWORD_CHANGED in kinds(lin)
    again = client.post("/slips/redemption/password", data={"new_password": OTHER, "password_again": OTHER})
    assert again.status_code == 409


def test_an_account_moves_to_the_number_on_the_slip(client, world, lin):
    old = lin.phone
    _, code = issue(lin, PHONE, world, new_phone=NEW_PHONE)
    show(client, lin, code)
    page = client.get("/slips/redemption/phone").text
    assert "199****8888" in page
    assert "19900008888" not in page
    assert client.post("/slips/redemption/phone").headers["Location"] == "/sign-in"
    db.session.refresh(lin)
    assert lin.phone == NEW_PHONE
    assert NoticeKind.PHONE_CHANGED in kinds(lin)
    assert client.post("/sign-in", data={"phone": NEW_PHONE, "password": PASSWORD}).status_code == 303
    client.post("/sign-out")
    assert client.post("/sign-in", data={"phone": old, "password": PASSWORD}).status_code == 409


def test_a_slip_for_a_new_number_may_be_shown_with_either_number(client, world, lin):
    _, code = issue(lin, PHONE, world, new_phone=NEW_PHONE)
    assert show(client, lin, code, NEW_PHONE).headers["Location"] == "/slips/redemption/phone"


def test_a_number_that_was_taken_meanwhile_is_refused(client, world, lin):
    _, code = issue(lin, PHONE, world, new_phone=NEW_PHONE)
    show(client, lin, code)
    make_account(phone=NEW_PHONE)
    answer = client.post("/slips/redemption/phone")
    assert answer.status_code == 409
    assert "account of its own" in answer.text


def test_leaving_with_a_slip_closes_the_account(client, world, lin):
    _, code = issue(lin, LEAVE, world)
    show(client, lin, code)
    assert "This cannot be undone" in client.get("/slips/redemption/departure").text
    assert client.post("/slips/redemption/departure", data={}).status_code == 422
    assert client.post("/slips/redemption/departure", data={"personal_data": "erase"}).status_code == 303
    db.session.expire_all()
    assert lin.closed_at is not None
    assert lin.name == actions.ERASED
    assert db.session.get_one(Volunteer, world.lin.id).state is VolunteerState.RESIGNED


def test_somebody_registered_without_knowing_can_leave_too(client, world, unclaimed):
    _, code = issue(unclaimed, LEAVE, world)
    show(client, unclaimed, code)
    assert client.post("/slips/redemption/departure", data={"personal_data": "erase"}).status_code == 303
    db.session.refresh(unclaimed)
    assert unclaimed.closed_at is not None


# ── links by mail ──


@pytest.fixture
def with_mail(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_URL", "smtp://mail.example")
    monkeypatch.setitem(app.config, "PUBLIC_URL", "https://rengang.example")


def test_without_mail_the_page_explains_the_station(client):
    page = client.get("/forgotten-password").text
    assert "volunteer station with your ID card" in page
    assert 'name="phone"' not in page


@pytest.mark.usefixtures("with_mail")
def test_the_answer_tells_nothing_about_the_number(client, lin):
    lin.email = "lin@example.com"
    db.session.commit()
    answers = [client.post("/forgotten-password", data={"phone": phone}) for phone in (lin.phone, "19900009999")]
    assert {answer.status_code for answer in answers} == {303}
    pages = [client.get("/forgotten-password").text for _ in answers]
    assert "a link is on its way" in pages[0]


def mailed(account):
    """The link in the outbox, as the receiver reads it."""
    due = select(Notice).join(Delivery).where(Notice.account_id == account.id)
    notice = db.session.scalars(due.order_by(Notice.id.desc())).first()
    link = vault.unseal(notice.values["sealed"])
    assert link in sentence(notice)
    return notice, link


@pytest.mark.usefixtures("with_mail")
def test_a_link_by_mail_sets_a_new_password(client, lin):
    lin.email = "lin@example.com"
    db.session.commit()
    client.post("/forgotten-password", data={"phone": lin.phone})
    _notice, link = mailed(lin)
    assert link.startswith("https://rengang.example/slips/")
    page = client.get(link.removeprefix("https://rengang.example"))
    code = link.rpartition("/")[2]
    assert f'value="{code}"' in page.text
    assert show(client, lin, code).headers["Location"] == "/slips/redemption/password"
    slip = db.session.scalars(select(Slip)).one()
    assert slip.expires_at - slip.issued_at == timedelta(hours=3)
    assert slip.issued_by_id is None


@pytest.mark.usefixtures("with_mail")
def test_the_link_stands_neither_in_the_database_nor_in_the_inbox(client, lin):
    lin.email = "lin@example.com"
    db.session.commit()
    client.post("/forgotten-password", data={"phone": lin.phone})
    notice, link = mailed(lin)
    code = link.rpartition("/")[2]
    assert code not in str(notice.values)
    assert code not in shown(notice)
    sign_in(client, lin.id)
    assert code not in client.get("/me/inbox").text


@pytest.mark.usefixtures("with_mail")
def test_a_host_that_the_browser_names_does_not_get_into_the_mail(app, client, lin, monkeypatch):
    monkeypatch.setitem(app.config, "PUBLIC_URL", "")
    lin.email = "lin@example.com"
    db.session.commit()
    client.post("/forgotten-password", data={"phone": lin.phone}, headers={"Host": "evil.example"})
    _notice, link = mailed(lin)
    assert "evil" not in link
    assert len(link) == len("AAAA-AAAA-AAAA")


@pytest.mark.usefixtures("with_mail")
def test_a_link_by_mail_voids_no_paper(client, world, lin):
    lin.email = "lin@example.com"
    _, code = issue(lin, PASSWORD_SLIP, world)
    client.post("/forgotten-password", data={"phone": lin.phone})
    assert show(client, lin, code).status_code == 303


@pytest.mark.usefixtures("with_mail")
def test_nobody_is_flooded_with_mails(client, lin):
    lin.email = "lin@example.com"
    db.session.commit()
    for _ in range(6):
        assert client.post("/forgotten-password", data={"phone": lin.phone}).status_code == 303
    assert len(list(db.session.scalars(select(Slip)))) == 3


@pytest.mark.usefixtures("with_mail")
def test_asking_for_links_is_slowed_down_for_an_address(client, monkeypatch):
    monkeypatch.setattr("blueprints.identity.tries.LINKS", 2)
    for number in (1, 2):
        client.post("/forgotten-password", data={"phone": f"1990000777{number}"})
    assert client.post("/forgotten-password", data={"phone": "19900007773"}).status_code == 429


@pytest.mark.usefixtures("with_mail")
def test_an_unclaimed_account_gets_no_link(client, unclaimed):
    unclaimed.email = "clerk-typed@example.com"
    db.session.commit()
    client.post("/forgotten-password", data={"phone": unclaimed.phone})
    assert db.session.scalars(select(Slip)).first() is None


def test_sessions_stay_when_only_the_number_changes(world, lin):
    make_staff(Role.CLERK, world.station)
    token = actions.open_session(lin.id, device="", now=clock.now())
    slip, _code = issue(lin, PHONE, world, new_phone=NEW_PHONE)
    actions.change_phone(slip.id, now=clock.now())
    assert queries.actor_of(token, clock.now()) is not None
    assert db.session.scalars(select(Session).where(Session.revoked_at.is_not(None))).first() is None
