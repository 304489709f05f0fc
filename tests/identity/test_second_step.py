"""The second step at sign-in: codes of a phone, recovery codes, who must have it, and what if both are lost."""

from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import func, select

from blueprints.identity import actions, factors, queries
from blueprints.identity.access import TOKEN
from blueprints.identity.models import Account, RecoveryCode, SecondFactor, Session, SlipPurpose
from blueprints.messages.models import Notice
from blueprints.organizations.models import Limit, Setting
from core import clock, display, vault
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.factories import actor_for, give, give_second_step, make_account, make_volunteer, make_world, saved
from tests.factories import sign_in as signed_in_as
from tests.identity.people import OTHER, PASSWORD, with_password

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def lin():
    return with_password(make_account(phone="+8619900009001"))


@pytest.fixture
def guarded(lin):
    give_second_step(lin, SECRET)
    return lin


def code_at(at, steps=0):
    return pyotp.TOTP(SECRET).at(at + steps * timedelta(seconds=30))


def first_step(client, **rest):
    return client.post("/sign-in", data={"phone": "199 0000 9001", "password": PASSWORD, **rest})


def second_step(client, code=None):
    return client.post("/sign-in/code", data={"code": code_at(clock.real()) if code is None else code})


def told(account):
    return [kind.value for kind in db.session.scalars(select(Notice.kind).where(Notice.account_id == account.id))]


def traces(account):
    return list(db.session.scalars(select(AuditEntry.action).where(AuditEntry.about_id == account.id)))


def required(role, yes):
    saved(Setting(name=f"second_step_{role}", value=int(yes), changed_at=clock.now()))


# ── two steps ──


@pytest.mark.usefixtures("guarded")
def test_after_the_password_one_is_not_signed_in_anywhere_until_the_code(client):
    answer = first_step(client)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in/code")
    assert db.session.scalar(select(func.count()).select_from(Session)) == 0
    for path in ("/me", "/me/second-step", "/me/sessions", "/desk"):
        assert "/sign-in" in client.get(path).headers["Location"]
    assert "/sign-in" in client.post("/me/second-step/codes").headers["Location"]
    assert second_step(client).headers["Location"] == "/"
    assert client.get("/me").status_code == 200


@pytest.mark.usefixtures("guarded")
def test_the_second_step_gives_a_new_session_and_nothing_of_the_half_stays(client):
    first_step(client)
    with client.session_transaction() as session:
        session["planted"] = "x"
    second_step(client)
    with client.session_transaction() as session:
        assert TOKEN in session
        assert not {"planted", "half"} & set(session)


@pytest.mark.usefixtures("guarded")
def test_where_one_wanted_to_go_survives_both_steps(client):
    first_step(client, next="/me/profile?x=1")
    assert second_step(client).headers["Location"] == "/me/profile?x=1"


@pytest.mark.usefixtures("guarded")
def test_another_site_is_no_place_to_go(client):
    first_step(client, next="//evil.example/")
    assert second_step(client).headers["Location"] == "/"


def test_what_was_typed_when_the_session_ran_out_survives_both_steps(client, guarded):
    signed_in_as(client, guarded.id)
    actions.end_sessions(guarded.id, now=clock.now())
    db.session.commit()
    client.post("/me/profile", data={"email": "kept@example.org"}, headers={"Referer": "http://localhost/me/profile"})
    first_step(client, next="/me/profile")
    second_step(client)
    assert "kept@example.org" in client.get("/me/profile").text


@pytest.mark.usefixtures("guarded")
def test_the_first_step_is_good_for_ten_minutes(client):
    first_step(client)
    with client.session_transaction() as session:
        session["half"] = [*session["half"][:3], clock.now().timestamp() - 1]
    answer = second_step(client)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert client.get("/me").status_code == 303
    assert client.get("/sign-in/code").headers["Location"] == "/sign-in"


def test_the_first_step_is_void_once_the_password_changes(client, guarded):
    first_step(client)
    guarded.password_hash = "another"
    db.session.commit()
    answer = second_step(client)
    assert answer.status_code == 409
    assert "password was changed" in answer.text


def test_a_forged_first_step_opens_nothing(client, guarded):
    with client.session_transaction() as session:
        session["half"] = [guarded.id, "0" * 64, "", clock.now().timestamp() + 60]
    assert second_step(client).status_code == 409
    assert client.get("/me").status_code == 303


def test_without_a_second_step_nothing_changes(client, lin):
    assert first_step(client).headers["Location"] == "/"
    assert client.get("/me").status_code == 200


def test_whoever_sets_it_up_between_reading_and_signing_in_is_still_asked(guarded):
    with pytest.raises(Refusal, match="second step"):
        actions.sign_in(guarded.id, guarded.password_hash, address="", device="", now=clock.now())


# ── codes ──


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_clock_may_be_wrong_by_half_a_minute(guarded, steps):
    at = clock.real()
    factors.use(guarded.id, code_at(at, steps), now=at, at=at)


@pytest.mark.parametrize("steps", [-2, 2, -100])
def test_but_not_by_more(guarded, steps):
    at = clock.real()
    with pytest.raises(factors.WrongCode):
        factors.use(guarded.id, code_at(at, steps), now=at, at=at)


def test_a_code_is_good_once_and_so_is_every_earlier_one(guarded):
    at = clock.real()
    factors.use(guarded.id, code_at(at), now=at, at=at)
    for steps in (0, -1):
        with pytest.raises(factors.WrongCode):
            factors.use(guarded.id, code_at(at, steps), now=at, at=at)
    later = at + timedelta(seconds=30)
    factors.use(guarded.id, code_at(later), now=later, at=later)


def test_a_clock_that_is_put_back_locks_nobody_out(guarded):
    at = clock.real()
    factors.use(guarded.id, code_at(at), now=at, at=at)
    back = at - timedelta(hours=1)
    factors.use(guarded.id, code_at(back), now=back, at=back)


@pytest.mark.usefixtures("guarded")
def test_full_width_digits_and_spaces_are_read(client):
    first_step(client)
    plain = code_at(clock.real())
    wide = "".join(chr(ord(c) + 0xFEE0) for c in plain)
    assert second_step(client, f" {wide[:3]} {wide[3:]} ").status_code == 303


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize(
    "typed", ["", "12345", "abcdef", "😀" * 6, "1" * 500, "<script>", "\x00\x01", "123456a", "²²²²²²"]
)
def test_what_is_no_code_gets_a_sentence(client, typed):
    first_step(client)
    answer = second_step(client, typed)
    assert answer.status_code == 422
    assert "Please" in answer.text
    assert client.get("/me").status_code == 303


@pytest.mark.usefixtures("guarded")
def test_guessing_is_slowed_down_but_nobody_is_locked_out_for_good(client, monkeypatch):
    first_step(client)
    wrong = "000000" if code_at(clock.real()) != "000000" else "000001"
    assert [second_step(client, wrong).status_code for _try in range(6)] == [409] * 5 + [429]
    assert second_step(client).status_code == 429  # even the right one, for a while
    later = clock.now() + 16 * MINUTE
    monkeypatch.setattr(clock, "now", lambda: later)
    first_step(client)
    assert second_step(client).status_code == 303


@pytest.mark.usefixtures("guarded")
def test_the_field_is_one_that_phones_fill_in(client):
    first_step(client)
    page = client.get("/sign-in/code")
    assert 'autocomplete="one-time-code"' in page.text
    assert 'inputmode="numeric"' in page.text
    assert page.headers["Cache-Control"] == "no-store"


# ── setting it up ──


def secret_of(client):
    page = client.get("/me/second-step/new").text
    return page.split('class="key">')[1].split("<")[0].replace(" ", "")


def set_up(client, **rest):
    secret = secret_of(client)
    return client.post("/me/second-step", data={"code": pyotp.TOTP(secret).at(clock.real()), **rest})


def shown_codes(client):
    page = client.get("/me/second-step/codes").text
    return [part.split("<")[0] for part in page.split('<span class="num">')[1:]]


def test_it_is_set_up_by_a_first_code_and_gives_ten_recovery_codes_once(client, lin):
    first_step(client)
    elsewhere = actions.open_session(lin.id, device="", now=clock.now())
    db.session.commit()
    answer = set_up(client)
    assert answer.headers["Location"] == "/me/second-step/codes"
    codes = shown_codes(client)
    assert len(set(codes)) == 10
    assert shown_codes(client) == []
    kept = db.session.scalars(select(SecondFactor)).one()
    assert secret_of(client) not in kept.sealed
    assert told(lin) == ["second_step_set_up"]
    assert traces(lin) == ["second step set up"]
    assert queries.actor_of(elsewhere, clock.now()) is None
    assert codes[0].replace(" ", "") not in [row.code_hash for row in db.session.scalars(select(RecoveryCode))]


def test_the_secret_stays_the_same_until_it_is_confirmed(client, lin):
    first_step(client)
    assert secret_of(client) == secret_of(client)
    answer = client.post("/me/second-step", data={"code": "12345"})
    assert answer.status_code == 422
    assert secret_of(client) in answer.text.replace(" ", "")
    assert queries.second_factor(lin.id) is None


def test_a_wrong_first_code_sets_nothing_up(client, lin):
    first_step(client)
    secret = secret_of(client)
    stale = pyotp.TOTP(secret).at(clock.real() - 5 * MINUTE)
    answer = client.post("/me/second-step", data={"code": stale})
    assert answer.status_code == 409
    assert "wait for the next one" in answer.text
    assert queries.second_factor(lin.id) is None


def test_a_secret_of_somebody_else_in_the_same_browser_is_not_taken_over(client, lin):
    first_step(client)
    secret = secret_of(client)
    other = make_account("周晓航")
    with client.session_transaction() as session:
        kept = session["second_step"]
    signed_in_as(client, other.id)
    with client.session_transaction() as session:
        session["second_step"] = kept
    assert secret_of(client) != secret


def test_the_session_of_long_ago_is_asked_for_the_password(client, lin):
    signed_in_as(client, lin.id)
    assert set_up(client).status_code == 422
    assert set_up(client, password=OTHER).status_code == 409
    assert queries.second_factor(lin.id) is None
    assert set_up(client, password=PASSWORD).status_code == 303


def test_a_code_of_the_old_phone_is_as_good_as_the_password(client, guarded):
    signed_in_as(client, guarded.id)
    assert set_up(client, password=code_at(clock.real())).status_code == 303
    assert vault.unseal(db.session.scalars(select(SecondFactor.sealed)).one()) != SECRET


# ── recovery codes ──


@pytest.fixture
def printed(guarded):
    codes = factors.renew_codes(guarded.id, now=clock.now())
    db.session.commit()
    return codes


def test_a_recovery_code_signs_in_once(app, client, guarded, printed):
    first_step(client)
    assert second_step(client, f"{printed[0][:5]} {printed[0][5:]}").status_code == 303
    assert queries.recovery_codes_left(guarded.id) == 9
    assert "recovery_code_used" in told(guarded)
    another = app.test_client()
    first_step(another)
    assert second_step(another, printed[0]).status_code == 409


def test_new_codes_void_the_old_ones(client, guarded, printed):
    signed_in_as(client, guarded.id)
    assert client.post("/me/second-step/codes", data={"password": PASSWORD}).status_code == 303
    fresh = [code.replace(" ", "") for code in shown_codes(client)]
    assert len(fresh) == 10
    assert not set(fresh) & set(printed)
    with pytest.raises(factors.WrongCode):
        factors.use(guarded.id, printed[0], now=clock.now(), at=clock.real())


def test_a_recovery_code_of_somebody_else_is_wrong(guarded, printed):
    other = make_account("周晓航")
    give_second_step(other)
    with pytest.raises(factors.WrongCode):
        factors.use(other.id, printed[0], now=clock.now(), at=clock.real())


def test_codes_without_a_second_step_are_refused_with_a_sentence(client, lin):
    first_step(client)
    answer = client.post("/me/second-step/codes")
    assert answer.status_code == 409
    assert "set it up first" in answer.text


# ── taking it away ──


def test_it_can_be_taken_away_with_the_password(client, guarded, printed):
    signed_in_as(client, guarded.id)
    assert client.post("/me/second-step/removal").status_code == 422
    assert client.post("/me/second-step/removal", data={"password": "wrongword9"}).status_code == 409
    assert client.post("/me/second-step/removal", data={"password": PASSWORD}).status_code == 303
    assert queries.second_factor(guarded.id) is None
    assert queries.recovery_codes_left(guarded.id) == 0
    assert "second_step_removed" in told(guarded)


def test_wrong_codes_in_the_place_of_the_password_are_counted_too(client, guarded):
    signed_in_as(client, guarded.id)
    wrong = "000000" if code_at(clock.real()) != "000000" else "000001"
    answers = [client.post("/me/second-step/removal", data={"password": wrong}).status_code for _try in range(6)]
    assert answers == [409] * 5 + [429]


def test_it_is_erased_with_the_account(guarded, printed):
    actions.leave(guarded.id, actions.Leaving.KEEP, now=clock.now())
    assert queries.second_factor(guarded.id) is None
    assert db.session.scalar(select(func.count()).select_from(RecoveryCode)) == 0


# ── who must have it ──


@pytest.fixture
def world():
    return make_world()


def without(actor):
    account = db.session.get_one(Account, actor.account_id)
    db.session.delete(queries.second_factor(account.id))
    db.session.commit()
    return with_password(account)


def test_an_administrator_without_it_holds_no_role_and_is_led_to_set_it_up(client, world):
    qian = without(world.qian)
    assert actor_for(qian).held == ()
    signed_in_as(client, qian.id)
    answer = client.get("/desk/roles?q=x")
    assert answer.headers["Location"] == "/me/second-step/new?next=%2Fdesk%2Froles%3Fq%3Dx"
    assert "Your role asks for the second step: Administrator" in client.get(answer.headers["Location"]).text
    assert client.get("/me").status_code == 200


def test_once_it_is_set_up_the_desk_opens_where_one_wanted_to_go(client, world):
    qian = without(world.qian)
    signed_in_as(client, qian.id)
    answer = set_up(client, password=PASSWORD, next="/desk/roles?q=x")
    assert answer.headers["Location"] == "/me/second-step/codes?next=/desk/roles?q%3Dx"
    assert 'href="/desk/roles?q=x"' in client.get(answer.headers["Location"]).text
    assert client.get("/desk/roles?q=x").status_code == 200


def test_a_form_of_the_desk_waits_meanwhile(client, world):
    qian = without(world.qian)
    signed_in_as(client, qian.id)
    page = f"/desk/organizations/{world.station.id}/invitations"
    answer = client.post(page, data={"name": "徐站长"}, headers={"Referer": f"http://localhost{page}"})
    assert answer.headers["Location"].startswith("/me/second-step/new")
    set_up(client, password=PASSWORD)
    assert "徐站长" in client.get(page).text


def test_clerks_and_confirmers_are_free_to_do_it_until_the_city_asks_for_it(client, world):
    signed_in_as(client, world.chen.account_id)
    assert client.get("/desk").status_code == 200
    required("clerk", True)
    assert client.get("/desk").headers["Location"].startswith("/me/second-step/new")


def test_the_city_may_leave_it_to_its_administrators(client, world):
    required("administrator", False)
    signed_in_as(client, without(world.qian).id)
    assert client.get("/desk").status_code == 200


def test_the_rule_is_a_choice_that_only_the_top_makes(client, world):
    top = give(make_account("孙主任"), Role.ADMINISTRATOR, world.city)
    signed_in_as(client, top.account_id)
    assert "Second step at sign-in for clerks" in client.get("/desk/settings").text
    page = f"/desk/settings/{Limit.SECOND_STEP_CLERK}"
    assert 'type="radio"' in client.get(page).text
    assert client.post(page, data={"value": "2"}).status_code == 422
    assert client.post(page, data={}).status_code == 422
    assert client.post(page, data={"value": "1"}).status_code == 303
    assert actor_for(db.session.get_one(Account, world.chen.account_id)).owes_second_step
    assert "required" in client.get("/desk/settings").text
    assert client.get(page).status_code == 200


def test_it_stays_while_a_role_asks_for_it(client, world):
    signed_in_as(client, with_password(db.session.get_one(Account, world.qian.account_id)).id)
    answer = client.post("/me/second-step/removal", data={"password": PASSWORD})
    assert answer.status_code == 409
    assert "another phone" in answer.text
    assert queries.second_factor(world.qian.account_id)


# ── phone and codes are lost ──


def test_an_administrator_above_hands_over_a_slip_and_the_owner_needs_the_password_too(client, world):
    boss = give(make_account("孙主任"), Role.ADMINISTRATOR, world.city)
    qian = with_password(db.session.get_one(Account, world.qian.account_id))
    token = actions.open_session(qian.id, device="lost phone", now=clock.now())
    _slip, code = actions.issue_slip(
        qian.id, SlipPurpose.SECOND_STEP, actor=boss, organization_id=world.county.id, now=clock.now()
    )
    db.session.commit()
    shown = client.post("/slips", data={"phone": qian.phone, "code": code})
    assert shown.headers["Location"] == "/slips/redemption/second-step"
    assert client.get("/slips/redemption/second-step").status_code == 200
    assert client.post("/slips/redemption/second-step", data={"password": OTHER}).status_code == 409
    assert queries.second_factor(qian.id)
    assert client.post("/slips/redemption/second-step", data={"password": PASSWORD}).status_code == 303
    assert queries.second_factor(qian.id) is None
    assert queries.actor_of(token, clock.now()) is None
    assert {"slip_issued", "second_step_removed"} <= set(told(qian))
    assert {"slip issued", "second step removed"} <= set(traces(qian))


def test_nobody_below_or_beside_hands_it_over(world):
    for actor in (world.chen, world.he, world.qian):
        with pytest.raises(Refusal):
            actions.issue_slip(
                world.qian.account_id,
                SlipPurpose.SECOND_STEP,
                actor=actor,
                organization_id=world.county.id,
                now=clock.now(),
            )


def test_password_and_second_step_come_from_two_hands_where_there_are_two(world):
    first = give(make_account("孙主任"), Role.ADMINISTRATOR, world.city)
    values = {"actor": first, "organization_id": world.county.id, "now": clock.now()}
    actions.issue_slip(world.qian.account_id, SlipPurpose.PASSWORD, **values)
    actions.issue_slip(world.qian.account_id, SlipPurpose.SECOND_STEP, **values)  # there is only one above
    second = give(make_account("李主任"), Role.ADMINISTRATOR, world.city)
    with pytest.raises(Refusal, match="Somebody else"):
        actions.issue_slip(world.qian.account_id, SlipPurpose.PASSWORD, **values)
    actions.issue_slip(world.qian.account_id, SlipPurpose.PASSWORD, **{**values, "actor": second})


def test_a_volunteer_gets_the_slip_at_the_station(client, world):
    account = db.session.get_one(Account, world.lin.account_id)
    signed_in_as(client, world.chen.account_id)
    page = f"/desk/people/{world.lin.id}/slips"
    assert "second_step" not in client.get(page).text
    assert client.post(page, data={"purpose": "second_step"}).status_code == 409
    give_second_step(account)
    assert "second_step" in client.get(page).text
    assert client.post(page, data={"purpose": "second_step"}).status_code == 303


def test_a_new_password_by_slip_does_not_go_round_the_second_step(client, guarded):
    _slip, code = actions._new_slip(guarded, SlipPurpose.PASSWORD, clock.now() + MINUTE, clock.now())
    db.session.commit()
    client.post("/slips", data={"phone": guarded.phone, "code": code})
    answer = client.post("/slips/redemption/password", data={"new_password": OTHER, "password_again": OTHER})
    assert answer.headers["Location"] == "/sign-in/code"
    assert client.get("/me").status_code == 303
    assert second_step(client).status_code == 303
    assert client.get("/me").status_code == 200


def test_the_very_last_administrator_is_helped_by_a_command(app, client, world):
    qian = with_password(db.session.get_one(Account, world.qian.account_id))
    result = app.test_cli_runner().invoke(args=["slip", qian.phone])
    assert result.exit_code == 0, result.output
    path = result.output.split("127.0.0.1:8000")[1].strip()
    assert client.get(path).status_code == 200
    assert client.post("/slips", data={"phone": qian.phone, "code": path.split("/")[-1]}).status_code == 303
    assert client.post("/slips/redemption/second-step", data={"password": PASSWORD}).status_code == 303
    assert queries.second_factor(qian.id) is None
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "slip issued")).one()
    assert (entry.actor_id, entry.about_id) == (None, qian.id)
    assert "slip_issued" in told(qian)


@pytest.mark.parametrize("phone", ["19900000000", "nonsense"])
def test_the_command_says_what_is_wrong(app, world, phone):
    result = app.test_cli_runner().invoke(args=["slip", phone])
    assert result.exit_code == 1
    assert "手机号" in result.output or "phone number" in result.output


# ── a list of one's sessions ──


def test_the_list_says_device_when_and_last_use_and_marks_this_one(client, lin):
    token = actions.open_session(lin.id, device="Chrome · Android", now=clock.now() - timedelta(days=3))
    db.session.flush()
    other = queries.actor_of(token, clock.now())
    actions.note_seen({other.session_id: clock.now() - timedelta(days=1)})
    db.session.commit()
    first_step(client)
    page = client.get("/me/sessions").text
    assert "Chrome · Android" in page
    assert f"last used {display.moment(clock.now() - timedelta(days=1))}" in page
    assert page.count("This device, now") == 1
    assert f"/me/sessions/{other.session_id}/revocation" in page
    assert "/me/sessions/revocation" in page


def test_a_get_only_remembers_and_the_next_post_writes_it_down(client, lin, monkeypatch):
    app = client.application
    app.extensions.pop("seen", None)
    first_step(client)
    client.get("/me")
    mine = db.session.scalars(select(Session)).one()
    assert mine.last_seen_at is None
    later = clock.now() + 6 * MINUTE
    monkeypatch.setattr(clock, "now", lambda: later)
    client.get("/me")
    db.session.expire_all()
    assert mine.last_seen_at is None
    client.post("/me/sessions/revocation")
    db.session.expire_all()
    assert mine.last_seen_at == later


def test_a_volunteer_may_have_it_too():
    account = with_password(db.session.get_one(Account, make_volunteer().account_id))
    secret = factors.new_secret()
    at = clock.real()
    code = pyotp.TOTP(secret).at(at)
    assert len(factors.set_up(account.id, secret, code, session_id=0, now=at, at=at)) == 10
