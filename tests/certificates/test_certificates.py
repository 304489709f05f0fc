"""Certificates: only what is effective, by two people where a seal is wanted, and checked by anybody."""

import re
from datetime import date

import pytest
from sqlalchemy import select

from blueprints.certificates import actions, keys, queries
from blueprints.certificates.front import Kept
from blueprints.certificates.models import Certificate, CertificateFile, CertificateKind, CertificateState
from blueprints.certificates.queries import Span
from blueprints.claims import actions as claims
from blueprints.claims.models import Act, EvidenceClass
from blueprints.identity import actions as identity
from blueprints.identity.models import Account, Leaving
from blueprints.messages.models import NoticeKind
from blueprints.posts.models import Category
from blueprints.records import actions as records
from blueprints.records import corrections
from core.actor import Role
from core.brake import Brake
from core.db import db
from core.i18n import speaking
from core.refusal import Refusal, TooManyTries
from tests.claims.test_claiming import actor_of, kinds
from tests.counting import counted
from tests.factories import BEFORE, HOUR, START, give, make_post, make_shift, make_staff, make_world, sign_in
from tests.records.test_ledger import DONE, hand_in, served

LATER = DONE + HOUR
YEAR = Span(date(2099, 1, 1), date(2099, 12, 31))
SITE = "https://gang.example.org"


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def zhu(world):
    return make_staff(Role.CONFIRMER, world.county, "朱确认")


@pytest.fixture
def record(world):
    keys.make("嘉兴市志愿服务指导中心", now=DONE)
    shift = make_shift(make_post(world.station))
    served(world, shift, world.lin)
    made = hand_in(shift, world.chen)[0]
    records.confirm([made.id], world.wu, now=DONE)
    db.session.commit()
    return made


def print_own(volunteer, span=YEAR, now=LATER):
    made = actions.issue_own(actions.draft_own(volunteer.id, span, address=SITE, now=now), now=now)
    db.session.commit()
    return made


def of_station(world):
    return Span(YEAR.from_on, YEAR.until_on, None, world.station.id)


def stamp(world, issuer=None):
    made = actions.request_stamped(world.lin.id, of_station(world), now=LATER)
    db.session.commit()
    actions.check(made.id, world.chen, now=LATER)
    db.session.commit()
    draft = actions.draft_stamped(made.id, issuer or world.wu, address=SITE, now=LATER)
    return actions.issue_stamped(draft, issuer or world.wu, now=LATER)


def test_it_holds_what_is_effective_by_organization_and_class(world, record):
    made = print_own(world.lin)
    told = queries.checked(made.code)
    assert told.totals == {EvidenceClass.B: 120}
    assert told.organizations == (world.station.name,)
    assert (told.is_valid, made.holder) == (True, "林*")


def test_what_waits_for_confirmation_is_not_in_it(world, record):
    shift = make_shift(make_post(world.station))
    served(world, shift, world.zhou)
    hand_in(shift, world.chen)
    with pytest.raises(Refusal, match="nothing is effective"):
        print_own(world.zhou)


def test_another_period_or_category_holds_nothing(world, record):
    with pytest.raises(Refusal, match="nothing is effective"):
        print_own(world.lin, Span(date(2098, 1, 1), date(2098, 12, 31)))
    with pytest.raises(Refusal, match="nothing is effective"):
        print_own(world.lin, Span(YEAR.from_on, YEAR.until_on, Category.WATER))
    assert print_own(world.lin, Span(YEAR.from_on, YEAR.until_on, Category.CONVENIENCE))


def test_a_corrected_entry_turns_it_at_once_and_the_holder_is_told(world, zhu, record):
    made = print_own(world.lin)
    proposed = corrections.propose(record.id, 60, world.wu, reason="多记了", now=LATER)
    assert queries.checked(made.code).is_valid
    corrections.approve(proposed.id, zhu, now=LATER)
    told = queries.checked(made.code)
    assert (told.is_valid, told.is_changed) == (False, True)
    assert NoticeKind.CERTIFICATE_CHANGED in kinds(world.lin)
    again = print_own(world.lin, now=LATER + HOUR)
    assert queries.checked(again.code).totals == {EvidenceClass.B: 60}
    assert (made.state, made.superseded_by_id) == (CertificateState.SUPERSEDED, again.id)


def test_a_voided_entry_is_in_no_certificate(world, zhu, record):
    corrections.approve(corrections.propose(record.id, 0, world.wu, reason="人没有来", now=LATER).id, zhu, now=LATER)
    with pytest.raises(Refusal, match="nothing is effective"):
        print_own(world.lin)


def test_minutes_of_an_unclaimed_account_are_certified_to_nobody(world, record):
    account = db.session.get(Account, world.lin.account_id)
    account.claimed_at, account.created_by_id = None, world.chen.account_id
    db.session.flush()
    with pytest.raises(Refusal, match="not claimed yet"):
        print_own(world.lin)


def test_what_changed_between_making_and_writing_is_refused(world, zhu, record):
    draft = actions.draft_own(world.lin.id, YEAR, address=SITE, now=LATER)
    corrections.approve(corrections.propose(record.id, 60, world.wu, reason="多记", now=LATER).id, zhu, now=LATER)
    with pytest.raises(Refusal, match="changed at this moment"):
        actions.issue_own(draft, now=LATER)


def test_without_a_key_nothing_is_signed(world):
    with pytest.raises(Refusal, match="nothing is effective"):
        actions.draft_own(world.lin.id, YEAR, address=SITE, now=LATER)
    with pytest.raises(Refusal, match="cannot be signed"):
        actions._key()


# --- with a seal ----------------------------------------------------------------------------------------------


def test_one_checks_and_another_issues(world, record):
    made = stamp(world)
    assert (made.state, made.kind) == (CertificateState.ISSUED, CertificateKind.STAMPED)
    assert (made.checked_by_id, made.issued_by_id) == (world.chen.account_id, world.wu.account_id)
    assert NoticeKind.CERTIFICATE_ISSUED in kinds(world.lin)


@pytest.mark.parametrize("by", ["the same account", "a second one"])
def test_nobody_does_both(world, record, by):
    if by == "a second one":
        both = make_staff(Role.CONFIRMER, world.town, world.chen.name)
    else:
        both = give(db.session.get(Account, world.chen.account_id), Role.CONFIRMER, world.station)
    with pytest.raises(Refusal, match="You checked this one"):
        stamp(world, both)


def test_nobody_decides_on_their_own(world, record):
    own = give(db.session.get(Account, world.lin.account_id), Role.CLERK, world.station)
    made = actions.request_stamped(world.lin.id, of_station(world), now=LATER)
    with pytest.raises(Refusal, match="your own certificate"):
        actions.check(made.id, own, now=LATER)


def test_an_unchecked_request_is_not_issued_and_one_waits_at_a_time(world, record):
    made = actions.request_stamped(world.lin.id, of_station(world), now=LATER)
    with pytest.raises(Refusal, match="asked this organization already"):
        actions.request_stamped(world.lin.id, of_station(world), now=LATER)
    draft = actions.draft_stamped(made.id, world.wu, address=SITE, now=LATER)
    with pytest.raises(Refusal, match="decided this meanwhile"):
        actions.issue_stamped(draft, world.wu, now=LATER)


def test_a_declined_one_gives_its_reason_and_a_revoked_one_is_told_to_everybody(world, record):
    made = actions.request_stamped(world.lin.id, of_station(world), now=LATER)
    actions.decline(made.id, world.chen, reason="请补全日期", now=LATER)
    assert NoticeKind.CERTIFICATE_DECLINED in kinds(world.lin)
    issued = stamp(world)
    actions.revoke(issued.id, world.wu, reason="误发", now=LATER)
    assert not queries.checked(issued.code).is_valid
    with pytest.raises(Refusal, match="decided this meanwhile"):
        actions.revoke(issued.id, world.wu, reason="误发", now=LATER)


def test_other_offices_decide_nothing(world, record):
    made = actions.request_stamped(world.lin.id, of_station(world), now=LATER)
    for actor in (world.gu, world.pan, world.qian):
        with pytest.raises(Refusal, match="does not cover"):
            actions.check(made.id, actor, now=LATER)
        with pytest.raises(Refusal, match="does not cover"):
            actions.draft_stamped(made.id, actor, address=SITE, now=LATER)


# --- keys, and leaving ------------------------------------------------------------------------------------------


def test_a_new_key_signs_and_the_old_one_stays(world, record):
    first = print_own(world.lin)
    second_key = keys.make("嘉兴市志愿服务指导中心", now=LATER)
    second = print_own(world.lin, now=LATER + HOUR)
    assert first.key_id != second.key_id == second_key.id
    assert [key.retired_at is None for key in keys.every()] == [False, True]


def test_the_private_key_is_never_stored_open(world, record):
    key = keys.current()
    assert "PRIVATE" not in key.private_key
    assert "PRIVATE" in keys.opened(key)[1]


def test_who_leaves_and_erases_takes_the_papers_along(world, record):
    made = print_own(world.lin)
    departure = identity.Departure(world.lin.account_id, world.lin.id, Leaving.ERASE, LATER)
    for forget in identity.ON_LEAVE:
        forget(departure)
    db.session.refresh(made)
    assert db.session.scalar(select(CertificateFile)) is None
    assert made.holder == "*"


def test_the_brake_lets_a_school_work_and_stops_a_guesser():
    brake = Brake(60)
    for _n in range(60):
        brake.require_calm("10.0.0.1", 120, "slow")
    with pytest.raises(TooManyTries):
        brake.require_calm("10.0.0.1", 130, "slow")
    brake.require_calm("10.0.0.2", 130, "slow")
    brake.require_calm("10.0.0.1", 180, "slow")


def test_codes_are_long_and_never_alike():
    made = {actions.code() for _n in range(500)}
    assert len(made) == 500
    assert all(len(code) == 19 for code in made)


# --- pages ------------------------------------------------------------------------------------------------------


@pytest.fixture
def today(monkeypatch):
    from core import clock  # noqa: PLC0415 - only here

    monkeypatch.setattr(clock, "now", lambda: LATER)


def test_the_holder_prints_one_and_a_stranger_checks_it(client, world, record, today):
    sign_in(client, world.lin.account_id)
    assert "My certificates" in client.get("/me/certificates").text
    form = {"from_on": "2099-01-01", "until_on": "2099-12-31", "category": "", "organization": "0"}
    answer = client.post("/me/certificates", data=form)
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"])
    made = db.session.scalar(select(Certificate))
    assert made.code in page.text
    pdf = client.get(f"/me/certificates/{made.id}/file")
    assert (pdf.mimetype, pdf.data[:5]) == ("application/pdf", b"%PDF-")
    client.post("/sign-out")
    page = client.get(f"/verify/{made.code}").text
    assert "This certificate is valid" in page
    assert "林*" in page
    assert "林小满" not in page
    assert client.get(f"/verify?code={made.code.lower()}").headers["Location"] == f"/verify/{made.code}"


def test_wrong_codes_and_odd_ones_are_told_and_tell_nothing(client, record):
    for code in ("AAAA-BBBB-CCCC-DDDD", "x", "%00", "林" * 30):
        assert client.get(f"/verify/{code}").status_code == 404
    assert client.get("/verifications").status_code == 200


def test_a_school_checks_many_at_once(client, world, record, today):
    made = print_own(world.lin)
    page = client.get(f"/verifications?codes={made.code}%0AAAAA-BBBB-CCCC-DDDD").text
    assert "1 of 2 are valid" in page
    assert "林小满" not in page


def test_forms_with_mistakes_keep_what_was_typed(client, world, record, today):
    sign_in(client, world.lin.account_id)
    answer = client.post("/me/certificates", data={"from_on": "2099-12-31", "until_on": "2099-01-01"})
    assert (answer.status_code, "before the first" in answer.text, "2099-12-31" in answer.text) == (422, True, True)
    answer = client.post("/me/certificates", data={"from_on": "2098-01-01", "until_on": "2098-02-01"})
    assert (answer.status_code, "nothing is effective" in answer.text) == (409, True)
    wrong = {"from_on": "2099-01-01", "until_on": "2099-12-31", "organization": str(world.other_station.id)}
    assert client.post("/me/certificates", data=wrong).status_code == 404


def test_nobody_else_opens_or_downloads_it(client, world, record):
    made = print_own(world.lin)
    sign_in(client, world.zhou.account_id)
    assert client.get(f"/me/certificates/{made.id}").status_code == 404
    assert client.get(f"/me/certificates/{made.id}/file").status_code == 404


def test_the_desk_checks_and_issues_on_its_pages(client, world, record, today):
    sign_in(client, world.lin.account_id)
    form = {"from_on": "2099-01-01", "until_on": "2099-12-31", "category": "", "organization": str(world.station.id)}
    assert client.post("/me/certificates", data=form).status_code == 303
    made = db.session.scalar(select(Certificate))
    sign_in(client, world.chen.account_id)
    assert made.number in client.get("/desk/certificates").text
    assert client.post(f"/desk/certificates/{made.id}/check").status_code == 303
    sign_in(client, world.wu.account_id)
    assert client.post(f"/desk/certificates/{made.id}/refusal", data={"reason": ""}).status_code == 422
    assert client.post(f"/desk/certificates/{made.id}/issue").status_code == 303
    assert queries.checked(made.code).is_valid
    answer = client.post(f"/desk/certificates/{made.id}/revocation", data={"reason": "误发"})
    assert answer.status_code == 303
    assert "was taken back" in client.get(f"/verify/{made.code}").text
    sign_in(client, world.pan.account_id)
    assert client.get(f"/desk/certificates/{made.id}").status_code == 404


def test_too_many_looks_are_slowed_down(client, record, app, monkeypatch):
    from blueprints.certificates import routes  # noqa: PLC0415 - only here

    monkeypatch.setattr(routes, "brake", Brake(3))
    statuses = [client.get("/verify/AAAA-BBBB-CCCC-DDDD").status_code for _n in range(5)]
    assert statuses == [404, 404, 404, 429, 429]


def test_the_commands_make_and_show_keys(app, record):
    made = app.test_cli_runner().invoke(args=["keys", "make"])
    assert made.exit_code == 0, made.output
    shown = app.test_cli_runner().invoke(args=["keys", "show"])
    assert shown.output.count("BEGIN CERTIFICATE") == 2
    assert "PRIVATE" not in shown.output


def test_the_numbers_of_a_certificate_open_down_to_the_entries_that_they_add_up(
    client, world, zhu, record, today, monkeypatch
):
    monkeypatch.setattr(queries, "PAGE", 1)
    shift = make_shift(make_post(world.station), starts_at=START + 48 * HOUR)
    held = claims.claim(shift.id, actor_of(world.lin), now=BEFORE)
    for act, hours in ((Act.IN, 48), (Act.OUT, 49.5)):
        claims.punch(held.id, act, world.chen, now=START + hours * HOUR)
    second = hand_in(shift, world.chen, START + 51 * HOUR)[0]
    records.confirm([second.id], world.wu, now=START + 51 * HOUR)
    made = print_own(world.lin, now=START + 52 * HOUR)
    corrections.approve(corrections.propose(record.id, 60, world.wu, reason="多记", now=LATER).id, zhu, now=LATER)
    db.session.commit()
    first = queries.entries_of(made.id)[0]
    assert (first.row.minutes, first.worth) == (120, 60)
    sign_in(client, world.lin.account_id)
    opens = f"/me/certificates/{made.id}/entries"
    assert f'href="{opens}?evidence=B"' in client.get(f"/me/certificates/{made.id}").text
    page = client.get(opens).text
    assert "today it counts 1 h" in page
    assert "3 h 30 min" in page
    onward = re.search(r'href="([^"]*after=\d+)"', page)[1].replace("&amp;", "&")
    assert f'href="/me/records/{second.id}"' in client.get(onward).text
    assert client.get(f"{opens}?evidence=A&after=x").status_code == 200
    sign_in(client, world.zhou.account_id)
    assert client.get(opens).status_code == 404


def test_a_paper_and_its_draft_say_which_entry_its_own_holder_disputes(client, world, record):
    from blueprints.disputes import actions as disputes  # noqa: PLC0415 - only here
    from blueprints.disputes.models import DisputeKind  # noqa: PLC0415

    draft = actions.draft_own(world.lin.id, YEAR, address=SITE, now=LATER)
    assert [row.title for block in actions._blocks(draft.lines) for row in block.rows] == [record.title]
    asked = actions.request_stamped(world.lin.id, of_station(world), now=LATER)
    disputes.file(record.id, DisputeKind.NOT_ME, actor_of(world.lin), now=LATER)
    db.session.commit()
    with pytest.raises(Refusal, match="changed at this moment"):
        actions.issue_own(draft, now=LATER)
    lines = queries.lines(world.lin.id, YEAR)
    with speaking("zh_Hans"):
        titles = [row.title for block in actions._blocks(lines) for row in block.rows]
    assert titles == [f"{record.title}（有异议）"]
    sign_in(client, world.chen.account_id)
    assert "In dispute" in client.get(f"/desk/certificates/{asked.id}").text


def test_a_page_that_was_drawn_before_turns_at_once_all_the_same(client, world, zhu, record, today, monkeypatch):
    """The page of a check is kept for a minute, and what it says is asked anew each time."""
    from blueprints.certificates import routes  # noqa: PLC0415 - only here

    monkeypatch.setattr(routes, "kept", Kept())
    made = print_own(world.lin)
    drawn = [client.get(f"/verify/{made.code}").text for _n in range(2)]
    assert drawn[0] == drawn[1]
    assert "This certificate is valid" in drawn[1]
    assert "csrf" not in drawn[1]
    with counted() as statements:
        client.get(f"/verify/{made.code}")
    assert len(statements) <= 2
    proposed = corrections.propose(record.id, 60, world.wu, reason="多记了", now=LATER)
    corrections.approve(proposed.id, zhu, now=LATER)
    db.session.commit()
    assert "The content was corrected" in client.get(f"/verify/{made.code}").text
    sign_in(client, world.lin.account_id)
    assert "csrf" in client.get(f"/verify/{made.code}").text


def test_pages_that_are_kept_do_not_fill_the_memory(app):
    pages = Kept(most=2)
    with app.test_request_context("/verify/X"):
        from flask import g, make_response  # noqa: PLC0415 - only here

        g.prefs = None
        for n in range(5):
            assert pages.page((n,), LATER, lambda: make_response("x")).status_code == 200
    assert len(pages._pages) == 2
