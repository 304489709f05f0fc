"""Registrations that their person knows nothing of: reported without an account, decided by two people above."""

from datetime import date

import pytest
from flask import g
from sqlalchemy import func, select, text

from blueprints.admin import sending
from blueprints.claims.models import Act, Claim
from blueprints.disputes import queries, reported, reporting
from blueprints.disputes.models import DisputeKind, DisputeState, IdentityReport, ReportState
from blueprints.disputes.upkeep import STEPS
from blueprints.identity.models import Account, Volunteer, VolunteerState
from blueprints.messages.models import Delivery, Notice, NoticeKind
from blueprints.messages.words import sentence
from blueprints.records import actions as records
from blueprints.records import corrections
from blueprints.records import queries as recorded_queries
from blueprints.records.models import LedgerEntry, RecordState, ServiceRecord
from core import clock, vault
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.claims.test_attendance import mark
from tests.claims.test_claiming import claim
from tests.counting import counted
from tests.disputes.conftest import LATER, disputed, recorded
from tests.disputes.test_disputes import DAY
from tests.factories import (
    BEFORE,
    START,
    give,
    make_account,
    make_organization,
    make_post,
    make_shift,
    make_staff,
    make_volunteer,
    sign_in,
)
from tests.records.test_ledger import DONE, hand_in, total

PHONE, OTHER = "+8619912345678", "+8619912345679"
FORM = {
    "phone": "19912345678",
    "last_four": "123X",
    "birthday": "0301",
    "words": "我从来没有登记过。",
    "contact": "13800000000",
}


@pytest.fixture(autouse=True)
def now(monkeypatch):
    moment = [LATER]
    monkeypatch.setattr(clock, "now", lambda: moment[0])
    return moment


@pytest.fixture
def victim(world):
    """Registered at the station's counter by Chen and approved by Qian of the county, for a phone that exists."""
    account = make_account("王奶奶", phone=PHONE, claimed_at=None, created_by_id=world.chen.account_id)
    made = make_volunteer(account=account, organization=world.station, id_last4="123X", id_hash="h" * 64, id_sealed="s")
    made.decided_at, made.decided_by_id = BEFORE, world.qian.account_id
    db.session.commit()
    return made


@pytest.fixture
def lu(world):
    return make_staff(Role.ADMINISTRATOR, world.city, "陆主任")


@pytest.fixture
def jiang(world):
    return make_staff(Role.CONFIRMER, world.city, "蒋确认")


def report(phone=PHONE, last_four="123X", birthday="0101", now=LATER):
    said = {"words": "我从来没有登记过。", "contact": "13800000000"}
    made, code = reporting.file(phone=phone, last_four=last_four, birthday=birthday, **said, now=now)
    db.session.commit()
    return made, code


def found(made, actor):
    done = reporting.find(made.id, actor, answer="本人从未登记，属实。", now=LATER)
    db.session.commit()
    return done


def voided(made, first, second):
    found(made, first)
    done = reporting.confirm(made.id, second, now=LATER)
    db.session.commit()
    return done


# --- what fits, and where it goes -----------------------------------------------------------------------------


def test_phone_and_last_four_together_find_the_registration(world, victim, lu):
    assert report()[0].volunteer_id == victim.id
    assert report(last_four="123x")[0].volunteer_id == victim.id
    assert report(last_four="1234")[0].volunteer_id is None
    assert report(phone=OTHER)[0].volunteer_id is None


def test_without_an_id_number_month_and_day_of_birth_are_looked_at(world, victim, lu):
    victim.id_last4 = victim.id_hash = victim.id_sealed = None
    victim.birth_date = date(1950, 3, 1)
    db.session.commit()
    assert report(birthday="0301")[0].volunteer_id == victim.id
    assert report(last_four="0301", birthday="0302")[0].volunteer_id is None


def test_it_goes_above_everybody_who_made_or_approved_it(world, victim, lu):
    assert report()[0].organization_id == world.city.id  # Qian of the county approved it
    victim.decided_by_id = None
    db.session.commit()
    make_staff(Role.ADMINISTRATOR, world.town, "街道主任")
    assert report()[0].organization_id == world.town.id  # Chen of the station made it


def test_what_fits_nothing_goes_to_the_top(world, lu):
    assert report(phone=OTHER)[0].organization_id == world.city.id


def test_those_who_handle_it_are_told_and_those_who_made_it_are_not(world, victim, lu):
    report()
    told = set(db.session.scalars(select(Notice.account_id).where(Notice.kind == NoticeKind.IDENTITY_REPORTED)))
    assert told == {lu.account_id}


def test_what_was_typed_is_sealed(world, victim, lu):
    made, code = report()
    row = db.session.execute(text("SELECT * FROM identity_report")).one()
    for secret in (PHONE, "19912345678", "123X", "13800000000", "从来没有", code):
        assert secret not in str(row)
    assert vault.unseal(made.words_sealed) == "我从来没有登记过。"


# --- deciding -------------------------------------------------------------------------------------------------


def test_two_people_void_it_and_nothing_counts_any_more(world, victim, lu, jiang):
    counts, waits = recorded(world, victim), recorded_later(world, victim)
    victim_account = db.session.get(Account, victim.account_id)
    made = voided(report()[0], lu, jiang)
    assert (made.state, victim.state) == (ReportState.CONFIRMED, VolunteerState.RESIGNED)
    assert (victim_account.phone, victim_account.closed_at) == (None, LATER)
    assert (recorded_queries.worth([counts.id])[counts.id], total(victim)) == (0, 0)
    reversal = db.session.scalars(select(LedgerEntry).order_by(LedgerEntry.id.desc()).limit(1)).one()
    assert (reversal.minutes, reversal.author_id, reversal.approver_id) == (-120, lu.account_id, jiang.account_id)
    assert waits.state is RecordState.RETURNED
    told = set(db.session.scalars(select(Notice.account_id).where(Notice.kind == NoticeKind.REGISTRATION_VOIDED)))
    assert told == {world.chen.account_id, world.wu.account_id, world.qian.account_id}


def claimed(victim, email="wang@example.org"):
    """Somebody took the account over and uses it."""
    account = db.session.get(Account, victim.account_id)
    account.claimed_at, account.email = BEFORE, email
    db.session.commit()
    return account


def sent_to(account):
    """What the owner finds, and what goes to which address."""
    mine = select(Notice).where(Notice.account_id == account.id, Notice.kind.in_(KINDS)).order_by(Notice.id)
    notices = db.session.scalars(mine).all()
    out = select(Notice.kind, Delivery.target).join(Delivery, Delivery.notice_id == Notice.id).order_by(Delivery.id)
    mails = db.session.execute(out.where(Notice.id.in_([each.id for each in notices]))).all()
    return [each.kind for each in notices], [tuple(mail) for mail in mails]


OWNERS = (NoticeKind.REGISTRATION_DOUBTED, NoticeKind.REGISTRATION_CLOSED)
KINDS = (*OWNERS, NoticeKind.REGISTRATION_KEPT)


def test_whoever_uses_the_account_is_told_while_they_can_object_and_when_it_is_closed(
    app, world, victim, lu, jiang, monkeypatch
):
    monkeypatch.setitem(app.config, "MAIL_URL", "smtp://mail.example")
    account = claimed(victim)
    made = found(report()[0], lu)
    doubted, closed = OWNERS
    assert sent_to(account) == ([doubted], [(doubted, "wang@example.org")])
    [notice] = db.session.scalars(select(Notice).where(Notice.kind == doubted)).all()
    assert world.city.name in sentence(notice)
    reporting.confirm(made.id, jiang, now=LATER)
    db.session.commit()
    assert account.email is None
    assert sent_to(account) == ([doubted, closed], [(closed, "wang@example.org")])
    [last] = db.session.scalars(select(Notice).where(Notice.kind == closed)).all()
    assert made.number in sentence(last)
    letter = sending.take(clock.now())
    assert (letter.target, letter.notice.kind) == ("wang@example.org", closed)
    STEPS[-1][1](LATER + 181 * DAY)
    assert sent_to(account) == ([], [])


def test_whoever_was_warned_is_told_when_the_report_is_dismissed_after_all(world, victim, lu, jiang):
    account = claimed(victim)
    other, dismissed = report()[0], report()[0]
    found(dismissed, lu)
    reporting.reopen(dismissed.id, jiang, now=LATER)
    reporting.dismiss(other.id, lu, answer="说不清楚。", now=LATER)
    assert sent_to(account)[0] == [NoticeKind.REGISTRATION_DOUBTED], "that report warned nobody"
    reporting.dismiss(dismissed.id, jiang, answer="本人登记过。", now=LATER)
    db.session.commit()
    assert sent_to(account)[0] == [NoticeKind.REGISTRATION_DOUBTED, NoticeKind.REGISTRATION_KEPT]
    [notice] = db.session.scalars(select(Notice).where(Notice.kind == NoticeKind.REGISTRATION_KEPT)).all()
    assert "your account and your hours stay as they are" in sentence(notice)


def test_whoever_was_never_warned_is_told_nothing_of_a_report_that_is_unfounded(world, victim, lu):
    account = claimed(victim)
    reporting.dismiss(report()[0].id, lu, answer="说不清楚。", now=LATER)
    assert sent_to(account)[0] == []


def test_an_account_that_nobody_uses_is_told_nothing(app, world, victim, lu, jiang, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_URL", "smtp://mail.example")
    account = db.session.get(Account, victim.account_id)
    voided(report()[0], lu, jiang)
    assert sent_to(account) == ([], [])


def test_a_second_account_of_whoever_found_it_agrees_to_nothing(world, victim, lu, jiang):
    again = make_staff(Role.CONFIRMER, world.city, "陆主任")
    made = found(report()[0], lu)
    told = set(db.session.scalars(select(Notice.account_id).where(Notice.kind == NoticeKind.IDENTITY_FOUND)))
    assert (jiang.account_id in told, again.account_id in told) == (True, False)
    with pytest.raises(Refusal, match="of your name or mail address found it"):
        reporting.confirm(made.id, again, now=LATER)
    with pytest.raises(Refusal, match="of your name or mail address found it"):
        reporting.reopen(made.id, again, now=LATER)
    assert reporting.confirm(made.id, jiang, now=LATER).state is ReportState.CONFIRMED


def recorded_later(world, volunteer):
    """Another entry, of the day after, that nobody confirmed."""
    shift = make_shift(make_post(world.station), starts_at=START + DAY)
    held = claim(shift, volunteer)
    mark(held, Act.IN, world.chen, shift.starts_at)
    mark(held, Act.OUT, world.chen, shift.ends_at)
    return hand_in(shift, world.chen, now=DONE + DAY)[0]


def test_what_went_back_is_not_handed_in_once_more(world, victim, lu, jiang):
    waits = recorded_later(world, victim)
    voided(report()[0], lu, jiang)
    held = db.session.get(Claim, waits.claim_id)
    assert held.handed_in_at is not None
    with pytest.raises(Refusal, match="no times to hand in"):
        records.hand_in(held.shift_id, world.chen, now=LATER + 2 * DAY)


def test_one_person_alone_voids_nothing(world, victim, lu, jiang):
    made = found(report()[0], lu)
    with pytest.raises(Refusal, match="second person has to agree"):
        reporting.confirm(made.id, lu, now=LATER)
    made.state, made.decided_at, made.decided_by_id = ReportState.CONFIRMED, LATER, lu.account_id
    with pytest.raises(Exception, match="two_people_confirm"):
        db.session.flush()


def test_nobody_who_had_a_hand_in_it_decides(world, victim, lu, jiang):
    recorded(world, victim)
    made = report()[0]
    for account_id in (world.chen.account_id, world.qian.account_id, world.wu.account_id):
        involved = give(db.session.get(Account, account_id), Role.ADMINISTRATOR, world.city)
        with pytest.raises(Refusal, match="had a hand"):
            found(made, involved)
        with pytest.raises(Refusal, match="had a hand"):
            reporting.dismiss(made.id, involved, answer="x", now=LATER)
    change = "UPDATE identity_report SET state = 'unfounded', decided_at = :at, decided_by_id = :by"
    values = {"at": "2099-05-04 05:00:00+00:00", "by": world.chen.account_id}
    with pytest.raises(Exception, match="identity_report_is_decided_by_others"), db.session.begin_nested():
        db.session.execute(text(change), values)


def test_those_below_and_beside_have_no_say(world, victim, lu, jiang):
    made = report()[0]
    for actor in (world.qian, world.he, world.wu, world.pan, world.chen):
        with pytest.raises(Refusal, match="does not cover"):
            found(made, actor)


def test_without_a_registration_there_is_nothing_to_void(world, lu):
    made = report(phone=OTHER)[0]
    with pytest.raises(Refusal, match="nothing to void"):
        found(made, lu)
    assert reporting.dismiss(made.id, lu, answer="没有这样的登记。", now=LATER).state is ReportState.UNFOUNDED


def test_the_second_person_may_disagree_and_the_first_take_it_back(world, victim, lu, jiang):
    made = found(report()[0], lu)
    reporting.reopen(made.id, jiang, now=LATER)
    assert (made.state, made.found_by_id, made.answer_sealed) == (ReportState.FILED, None, None)
    found(made, lu)
    assert reporting.reopen(made.id, lu, now=LATER).state is ReportState.FILED
    reporting.dismiss(made.id, lu, answer="本人登记过。", now=LATER)
    with pytest.raises(Refusal, match="meanwhile"):
        found(made, jiang)


def test_open_corrections_and_disputes_of_its_entries_end_with_it(world, victim, lu, jiang):
    db.session.get(Account, victim.account_id).claimed_at = BEFORE
    first = recorded(world, victim)
    made = disputed(first, victim, DisputeKind.NOT_ME)
    corrections.propose(first.id, 60, world.wu, reason="多记", now=LATER)
    voided(report()[0], lu, jiang)
    assert (made.state, queries.open_on([first.id])) == (DisputeState.ACCEPTED, {})
    assert recorded_queries.proposal(first.id) is None
    assert total(victim) == 0


def test_every_step_leaves_a_trace(world, victim, lu, jiang):
    voided(report()[0], lu, jiang)
    found_ = select(AuditEntry.action, AuditEntry.actor_id).order_by(AuditEntry.id)
    traces = [(what, who) for what, who in db.session.execute(found_) if "identity" in what or "voided" in what]
    assert traces == [
        ("identity reported", None),
        ("identity report found", lu.account_id),
        ("account voided", jiang.account_id),
        ("identity report confirmed", jiang.account_id),
    ]


def test_what_was_typed_is_erased_some_time_after_the_end_and_the_person_with_it(world, victim, lu, jiang):
    made = voided(report()[0], lu, jiang)
    open_one, _code = report(phone=OTHER)
    has_old, erase = STEPS[-1]
    assert not has_old(LATER + 180 * DAY)
    late = LATER + 181 * DAY
    assert (has_old(late), erase(late), has_old(late)) == (True, 1, False)
    assert (made.phone_sealed, made.words_sealed, made.contact_sealed, made.answer_sealed) == (None,) * 4
    assert open_one.phone_sealed is not None
    person = db.session.get(Account, victim.account_id)
    assert (person.name, victim.birth_date, person.closed_at) == ("已注销", None, LATER)


# --- the public pages -----------------------------------------------------------------------------------------


def send(client, **changes):
    return client.post("/identity-reports", data=FORM | changes)


def body(client, answer):
    """What the page says, without what is different for each report anyway."""
    code = answer.headers["Location"].rpartition("/")[2]
    page = client.get(answer.headers["Location"])
    newest = db.session.scalars(select(IdentityReport).order_by(IdentityReport.id.desc()).limit(1)).one()
    return page.status_code, page.text.replace(code, "CODE").replace(newest.number, "NUMBER")


def test_the_answer_is_the_same_whether_or_not_the_phone_is_known(app, world, victim, lu):
    seen = []
    for number, four in (("19912345678", "123X"), ("19912345678", "9999"), ("19912345679", "123X")):
        client = app.test_client()
        client.set_cookie("prefs", "en.normal.auto")
        g.pop("unread", None)
        with counted() as statements:
            answer = send(client, phone=number, last_four=four)
        kinds = [statement.split()[0] for statement in statements if "INSERT INTO notice" not in statement]
        seen.append((answer.status_code, body(client, answer), kinds))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0] == 303
    assert "Being looked into" in seen[0][1][1]
    assert [one.volunteer_id for one in db.session.scalars(select(IdentityReport))] == [victim.id, None, None]


def test_reports_are_slowed_down_like_signing_in(client, world, victim, lu):
    answers = [send(client).status_code for _ in range(6)]
    assert answers == [303] * 5 + [429]
    unknown = [send(client, phone="19912345679").status_code for _ in range(6)]
    assert unknown == [303] * 5 + [429]
    refused = send(client)
    assert FORM["words"] in refused.text
    assert db.session.scalar(select(func.count(IdentityReport.id))) == 10


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("phone", "123"),
        ("last_four", "12"),
        ("last_four", "12a4"),
        ("birthday", "1301"),
        ("words", ""),
        ("contact", ""),
    ],
)
def test_a_wrong_form_keeps_what_was_typed_and_says_nothing_of_a_registration(client, world, victim, lu, field, typed):
    refused = send(client, **{field: typed})
    assert refused.status_code == 422
    assert all(value in refused.text for name, value in FORM.items() if name != field)
    assert db.session.scalar(select(IdentityReport.id)) is None


def test_the_course_is_followed_by_the_code_alone_and_shows_no_registration(client, world, victim, lu, jiang):
    made, code = report()
    page = client.get(f"/identity-reports/{code}")
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "private, no-store")
    found(made, lu)
    waits = client.get(f"/identity-reports/{code}").text
    assert "Being looked into" in waits
    assert "从未登记" not in waits
    reporting.confirm(made.id, jiang, now=LATER)
    db.session.commit()
    after = client.get(f"/identity-reports/{code}").text
    assert "Confirmed" in after
    assert "从未登记" in after
    for secret in ("王奶奶", victim.number, world.station.name, "陆主任", "19912345678"):
        assert secret not in page.text + waits + after
    assert client.get("/identity-reports/AAAA-AAAA-AAAA-AAAA").status_code == 404
    led = client.post("/identity-reports/lookups", data={"code": code.lower().replace("-", " ")})
    assert led.headers["Location"] == f"/identity-reports/{code}"
    assert client.post("/identity-reports/lookups", data={"code": ""}).status_code == 422


# --- the desk -------------------------------------------------------------------------------------------------


def test_handlers_see_how_it_came_about_and_decide(client, world, victim, lu, jiang):
    recorded(world, victim)
    made = report()[0]
    sign_in(client, lu.account_id)
    assert "Reported registrations" in client.get("/desk").text
    assert made.number in client.get("/desk/identity-reports").text
    page = client.get(f"/desk/identity-reports/{made.id}").text
    for told in (
        "王奶奶",
        "陈站长 at the counter",
        "钱主任",
        "吴确认",
        "never: nobody has signed in",
        "我从来没有登记过。",
    ):
        assert told in page
    path = f"/desk/identity-reports/{made.id}"
    assert client.post(f"{path}/finding", data={"answer": ""}).status_code == 422
    assert client.post(f"{path}/finding", data={"answer": "属实"}).status_code == 303
    assert client.post(f"{path}/agreement").status_code == 409
    sign_in(client, jiang.account_id)
    assert client.post(f"{path}/agreement").status_code == 303
    assert "Confirmed, registration void" in client.get(path).text
    assert db.session.get(Volunteer, victim.id).state is VolunteerState.RESIGNED
    assert client.post(f"{path}/agreement").status_code == 409


def test_without_a_fit_nothing_of_anybody_is_shown(client, world, victim, lu):
    made = report(last_four="0000")[0]
    sign_in(client, lu.account_id)
    page = client.get(f"/desk/identity-reports/{made.id}").text
    assert "No registration fits" in page
    assert "王奶奶" not in page


@pytest.mark.parametrize(
    "method_path", ["GET ", "POST /finding", "POST /dismissal", "POST /agreement", "POST /reopening"]
)
def test_nobody_below_or_beside_sees_or_does_anything(client, world, victim, lu, method_path):
    made, (method, path) = report()[0], method_path.split(" ")
    for who in (world.lin, world.chen, world.wu, world.qian, world.gu, world.pan, world.he):
        sign_in(client, who.account_id)
        answer = client.open(f"/desk/identity-reports/{made.id}{path}", method=method)
        assert answer.status_code in (403, 404), who


def test_the_list_and_a_report_ask_a_bounded_number_of_questions(client, world, victim, lu):
    recorded(world, victim)
    made = report()[0]
    sign_in(client, lu.account_id)
    client.get("/desk/identity-reports")
    few = asked(client, "/desk/identity-reports")
    for number in range(10):
        report(phone=f"+86199111111{number:02d}")
    assert few == asked(client, "/desk/identity-reports") <= 8
    assert asked(client, f"/desk/identity-reports/{made.id}") <= 8


def asked(client, path):
    with counted() as statements:
        assert client.get(path).status_code == 200
    return len(statements)


def test_an_installation_of_one_organization_handles_its_own(world):
    """Nobody stands above the top, so another person of it decides."""
    alone = make_organization("独立志愿服务站", parent=None)
    db.session.execute(text("UPDATE organization SET closed_at = created_at WHERE id <> :id"), {"id": alone.id})
    first = make_staff(Role.ADMINISTRATOR, alone, "甲主任")
    second = make_staff(Role.ADMINISTRATOR, alone, "乙主任")
    account = make_account("王奶奶", phone=PHONE, claimed_at=None, created_by_id=first.account_id)
    make_volunteer(account=account, organization=alone, id_last4="123X", id_hash="h" * 64, id_sealed="s")
    made = report()[0]
    assert made.organization_id == alone.id
    assert reported.barred_because(made, first) is not None
    assert reported.barred_because(made, second) is None
    assert db.session.scalar(select(func.count(ServiceRecord.id))) == 0
