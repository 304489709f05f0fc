"""Signing in and out: sessions, failed tries, and coming back to where one was."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from blueprints.identity import actions, tries
from blueprints.identity.access import TOKEN
from blueprints.identity.models import Account, Attempt, Session
from core import clock, passwords, vault
from core.db import db
from core.refusal import TooManyTries
from tests.factories import make_account, make_organization, make_volunteer, make_world, sign_in
from tests.identity.people import HASH, NOW, OTHER, PASSWORD, PHONE, account_of, registration, with_password

MINUTE = timedelta(minutes=1)


@pytest.fixture
def lin():
    return with_password(make_account(phone="+8619900009001"))


def enter(client, password=PASSWORD, phone=PHONE, **rest):
    return client.post("/sign-in", data={"phone": phone, "password": password, **rest})


def live_sessions(account):
    rows = select(Session).where(Session.account_id == account.id, Session.revoked_at.is_(None))
    return list(db.session.scalars(rows))


def token_of(client):
    with client.session_transaction() as session:
        return session.get(TOKEN)


# ── getting in ──


@pytest.mark.parametrize("phone", ["19900009001", "199 0000 9001", "+86 199-0000-9001", "１９９００００９００１"])
@pytest.mark.usefixtures("lin")
def test_the_phone_number_may_be_written_as_people_write_it(client, phone):
    answer = enter(client, phone=phone)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert client.get("/me").status_code == 200


def test_staff_come_to_their_desk(client):
    world = make_world()
    chen = with_password(db.session.get_one(Account, world.chen.account_id))
    assert enter(client, phone=chen.phone).headers["Location"] == "/desk"


def test_the_cookie_holds_a_token_and_the_database_only_its_hash(client, lin):
    enter(client)
    token = token_of(client)
    assert live_sessions(lin)[0].token_hash == vault.digest(token) != token


@pytest.mark.usefixtures("lin")
def test_the_cookie_outlives_the_browser(client):
    enter(client)
    cookie = client.get_cookie("rengang")
    assert cookie.expires is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"


def test_the_session_is_renewed_at_each_sign_in_and_the_old_one_ends(client, lin):
    enter(client)
    first = token_of(client)
    enter(client)
    assert token_of(client) != first
    assert [row.token_hash for row in live_sessions(lin)] == [vault.digest(token_of(client))]


def test_a_second_browser_does_not_end_the_first(app, client, lin):
    enter(client)
    enter(app.test_client())
    assert len(live_sessions(lin)) == 2


@pytest.mark.usefixtures("lin")
def test_a_cookie_planted_before_is_worth_nothing_afterwards(client):
    with client.session_transaction() as session:
        session["planted"] = "x"
    enter(client)
    with client.session_transaction() as session:
        assert "planted" not in session


def test_signing_out_ends_the_session_in_the_database_too(client, lin):
    enter(client)
    token = token_of(client)
    assert client.post("/sign-out").status_code == 303
    assert live_sessions(lin) == []
    assert token_of(client) is None
    with client.session_transaction() as session:
        session[TOKEN] = token  # a copy of the old cookie
    assert client.get("/me").status_code == 303


def test_signing_out_twice_is_no_error(client):
    assert client.post("/sign-out").status_code == 303


def test_a_session_ends_by_itself_after_sixty_days(client, lin):
    token = actions.open_session(lin.id, device="", now=clock.now() - timedelta(days=61))
    db.session.commit()
    with client.session_transaction() as session:
        session[TOKEN] = token
    assert client.get("/me").status_code == 303


def test_sessions_that_ended_long_ago_are_forgotten(lin):
    actions.open_session(lin.id, device="", now=NOW - timedelta(days=100))
    actions.open_session(lin.id, device="", now=NOW)
    db.session.commit()
    assert db.session.scalar(select(func.count(Session.id))) == 1


def test_the_browser_is_named_as_its_owner_would(client, lin):
    phone = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36 MicroMessenger/8.0"
    client.post("/sign-in", data={"phone": PHONE, "password": PASSWORD}, headers={"User-Agent": phone})
    assert live_sessions(lin)[0].device == "WeChat · Android"


# ── not getting in ──


def refusals(client, maker):
    """Every way not to get in, with what the page says about it."""
    make_account(phone="+8619900009002", claimed_at=None, created_by_id=maker.id)
    closed = make_account(phone=None, closed_at=NOW)
    assert closed.phone is None
    for phone, password in [
        (PHONE, "wrongword9"),
        ("19900009999", PASSWORD),
        ("19900009002", PASSWORD),
        (PHONE, PASSWORD + " "),
        (PHONE, PASSWORD.upper()),
    ]:
        answer = enter(client, password, phone)
        yield answer.status_code, answer.text.count("Phone number or password is wrong"), len(answer.text)


def test_wrong_passwords_and_unknown_numbers_look_alike(client, lin):
    seen = set(refusals(client, lin))
    assert len({(status, count) for status, count, _length in seen}) == 1
    assert next(iter(seen))[:2] == (409, 1)


@pytest.mark.usefixtures("lin")
def test_the_number_is_kept_and_the_password_is_not(client):
    answer = enter(client, "wrongword9")
    assert PHONE in answer.text
    assert "wrongword9" not in answer.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone", ""), ("phone", "abc"), ("phone", "1" * 40), ("phone", "<script>"), ("phone", "😀"), ("phone", "\x00"),
        ("password", ""), ("password", "x" * 200), ("password", "   "),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("lin")
def test_nonsense_gets_a_sentence(client, field, value):
    answer = client.post("/sign-in", data={"phone": PHONE, "password": PASSWORD, field: value})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text


@pytest.mark.usefixtures("lin")
def test_passwords_may_hold_anything(client):
    assert enter(client, "😀\x00\x01<script>").status_code == 409


# ── too many tries ──


@pytest.mark.usefixtures("lin")
def test_the_sixth_try_of_a_number_at_one_address_has_to_wait(client):
    for _ in range(5):
        assert enter(client, "wrongword9").status_code == 409
    answer = enter(client)  # even with the right password
    assert answer.status_code == 429
    assert "Please wait 15 minutes" in answer.text
    assert PHONE in answer.text


@pytest.mark.usefixtures("lin")
def test_nobody_is_locked_out_for_good(client):
    for _ in range(5):
        enter(client, "wrongword9")
    for attempt in db.session.scalars(select(Attempt)):
        attempt.at -= 15 * MINUTE
    db.session.commit()
    assert enter(client).status_code == 303


@pytest.mark.usefixtures("lin")
def test_another_address_is_not_made_to_wait(app, client):
    for _ in range(6):
        enter(client, "wrongword9")
    elsewhere = app.test_client()
    answer = elsewhere.post(
        "/sign-in", data={"phone": PHONE, "password": PASSWORD}, environ_base={"REMOTE_ADDR": "203.0.113.9"}
    )
    assert answer.status_code == 303


@pytest.mark.usefixtures("lin")
def test_getting_in_forgives_the_tries_before_it(client):
    for _ in range(4):
        enter(client, "wrongword9")
    assert enter(client).status_code == 303
    for _ in range(4):
        assert enter(client, "wrongword9").status_code == 409


@pytest.mark.usefixtures("lin")
def test_tries_are_kept_as_hashes_that_name_nobody(client):
    enter(client, "wrongword9")
    keys = list(db.session.scalars(select(Attempt.key)))
    assert len(keys) == 3
    assert all(len(key) == 64 for key in keys)
    assert not any("1990000" in key or "127" in key for key in keys)


def exhausted(allowed, times, now=NOW):
    for _ in range(times):
        tries.note(allowed, now=now)
    db.session.flush()


def test_twenty_tries_make_a_number_wait_everywhere():
    for number in range(20):
        exhausted(tries.of_phone("sign-in", "+8619900009001", f"203.0.113.{number}"), 1)
    with pytest.raises(TooManyTries):
        tries.require_calm(tries.of_phone("sign-in", "+8619900009001", "198.51.100.1"), now=NOW)
    tries.require_calm(tries.of_phone("sign-in", "+8619900009002", "203.0.113.1"), now=NOW)


def test_a_hundred_tries_make_an_address_wait():
    for number in range(100):
        exhausted(tries.of_phone("sign-in", f"+86199000{number:05d}", "203.0.113.1"), 1)
    with pytest.raises(TooManyTries):
        tries.require_calm(tries.of_phone("sign-in", "+8613800000000", "203.0.113.1"), now=NOW)


def test_a_household_with_ipv6_is_one_address():
    exhausted(tries.of_phone("sign-in", "+8619900009001", "2001:db8::1"), 5)
    with pytest.raises(TooManyTries):
        tries.require_calm(tries.of_phone("sign-in", "+8619900009001", "2001:db8::ffff"), now=NOW)
    tries.require_calm(tries.of_phone("sign-in", "+8619900009001", "2001:db8:0:1::1"), now=NOW)


def test_the_wait_is_told_in_minutes_and_gets_shorter():
    allowed = tries.of_phone("sign-in", "+8619900009001", "203.0.113.1")
    exhausted(allowed, 5)
    for passed, words in [(0, "wait 15 minutes"), (5, "wait 10 minutes"), (14, "wait 1 minute,")]:
        with pytest.raises(TooManyTries, match=words):
            tries.require_calm(allowed, now=NOW + passed * MINUTE)
    tries.require_calm(allowed, now=NOW + 15 * MINUTE)


def test_old_tries_are_forgotten():
    exhausted(tries.of_account(1), 3, NOW - timedelta(hours=1))
    exhausted(tries.of_account(1), 1)
    assert db.session.scalar(select(func.count(Attempt.id))) == 1


# ── going on where one was ──


@pytest.mark.usefixtures("lin")
def test_a_page_asked_for_too_early_comes_after_signing_in(client):
    answer = client.get("/me/profile?x=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?next=%2Fme%2Fprofile%3Fx%3D1")
    page = client.get(answer.headers["Location"])
    assert "Please sign in first" in page.text
    assert enter(client, next="/me/profile?x=1").headers["Location"] == "/me/profile?x=1"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil", "x"]
)
@pytest.mark.usefixtures("lin")
def test_only_a_path_of_this_site_is_gone_on_to(client, elsewhere):
    assert enter(client, next=elsewhere).headers["Location"] == "/"


def test_a_form_whose_session_ended_waits_until_its_owner_is_back(client):
    account = account_of(make_volunteer())
    enter(client, phone=account.phone)
    for session in live_sessions(account):
        session.revoked_at = clock.now()
    db.session.commit()
    data = {"email": "lin@example.com", "lang": "zh_Hans", "skills": "driving"}
    answer = client.post("/me/profile", data=data, headers={"Referer": "http://localhost/me/profile"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?next=%2Fme%2Fprofile")
    assert "What you typed is kept" in client.get(answer.headers["Location"]).text
    enter(client, phone=account.phone, next="/me/profile")
    page = client.get("/me/profile").text
    assert "lin@example.com" in page
    assert "checked" in page
    assert "lin@example.com" not in client.get("/me/profile").text  # handed out once


@pytest.mark.usefixtures("lin")
def test_what_one_person_typed_is_never_shown_to_another(client):
    account = account_of(make_volunteer())
    enter(client, phone=account.phone)
    for session in live_sessions(account):
        session.revoked_at = clock.now()
    db.session.commit()
    client.post("/me/profile", data={"email": "secret@example.com"}, headers={"Referer": "http://localhost/me/profile"})
    enter(client)
    assert "secret@example.com" not in client.get("/me/profile").text


def test_secrets_are_not_kept_for_later(client, lin):
    enter(client)
    for session in live_sessions(lin):
        session.revoked_at = clock.now()
    db.session.commit()
    client.post("/me/password", data={"password": PASSWORD, "new_password": "x", "password_again": "y"})
    with client.session_transaction() as session:
        assert "draft" not in session


def test_a_swap_is_told_to_open_the_sign_in_page(client):
    headers = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Current-URL": "http://localhost/shifts/7"}
    answer = client.post("/me/inbox/reading", headers=headers)
    assert answer.headers["HX-Redirect"] == "/sign-in?next=%2Fshifts%2F7"


def test_a_form_whose_cookie_is_gone_leads_to_the_sign_in_page(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    answer = client.post("/me/profile", data={"email": "lin@example.com"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?next=%2Fme%2Fprofile")


def test_a_public_form_without_its_token_is_explained(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    answer = client.post("/sign-in", data={"phone": PHONE, "password": PASSWORD})
    assert answer.status_code == 400
    assert "reload the page" in answer.text


def test_a_form_from_before_the_session_opens_its_page_anew_and_keeps_what_was_typed(app, client, lin, monkeypatch):
    sign_in(client, lin.id)
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    page = "http://localhost/me/profile"
    answer = client.post("/me/profile", data={"email": "kept@example.com"}, headers={"Referer": page})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me/profile")
    shown = client.get("/me/profile").text
    assert "send it again" in shown
    assert "kept@example.com" in shown


def test_another_sites_form_fills_nothing_in(app, client, lin, monkeypatch):
    sign_in(client, lin.id)
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    for headers in ({}, {"Referer": "https://evil.example/"}):
        answer = client.post("/me/profile", data={"email": "evil@example.com"}, headers=headers)
        assert answer.status_code == 400
    assert "evil@example.com" not in client.get("/me/profile").text


def test_a_registration_sent_again_after_it_was_taken_leads_to_ones_own_page(app, client, monkeypatch):
    make_organization()
    assert client.post("/registration", data=registration()).status_code == 303
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    page = "http://localhost/registration?division=330402010028"
    answer = client.post("/registration", data=registration(), headers={"Referer": page})
    assert answer.status_code == 303
    assert client.get(answer.headers["Location"]).headers["Location"] == "/me"
    assert "Your registration is sent" in client.get("/me").text
    assert db.session.scalar(select(func.count(Account.id))) == 1


@pytest.mark.usefixtures("client")
def test_a_changed_password_closes_the_door_between_try_and_entry(lin):
    lin.password_hash = HASH
    db.session.commit()
    with pytest.raises(Exception, match="changed just now"):
        actions.sign_in(lin.id, "another hash", address="203.0.113.1", device="", now=NOW)


def test_the_sign_in_page_says_who_is_signed_in(client):
    volunteer = make_volunteer("沈一诺")
    sign_in(client, volunteer.account_id)
    assert "You are signed in as 沈一诺" in client.get("/sign-in").text


def test_no_transaction_is_open_while_a_password_is_worked_on(app, client, monkeypatch):
    """argon2 takes its time; a lock held meanwhile would make every writer wait."""
    open_ones = []
    fits, hashed = passwords.fits, passwords.hashed

    def watched(work):
        def work_watched(*args):
            open_ones.append(db.session().in_transaction())
            return work(*args)

        return work_watched

    monkeypatch.setattr(passwords, "fits", watched(fits))
    monkeypatch.setattr(passwords, "hashed", watched(hashed))
    make_organization()
    client.post("/registration", data=registration())
    client.post("/sign-out")
    enter(client)
    client.post("/me/password", data={"password": PASSWORD, "new_password": OTHER, "password_again": OTHER})
    assert open_ones == [False] * 4


def test_the_station_can_be_called_from_the_own_page_in_easy_view(client):
    station = make_organization()
    station.phone = "0573-00000001"
    volunteer = make_volunteer(organization=station)
    sign_in(client, volunteer.account_id)
    client.set_cookie("prefs", "en.elder.auto")
    assert 'class="help-line" href="tel:0573-00000001"' in client.get("/me").text
