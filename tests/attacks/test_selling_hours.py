"""A station's clerk is told to sell hours. Every way that this role has is tried through the pages, by one person
alone: no minute becomes effective, and what was tried is seen by the owner of the entry and by the level above.

docs/attacks.md names each of these tests; tests/attacks/test_page.py holds both against each other.
"""

from datetime import date
from io import BytesIO

import pytest
from sqlalchemy import func, select

from blueprints.certificates import keys
from blueprints.certificates.models import CertificateRow
from blueprints.claims import actions as claims
from blueprints.claims import queries as attendance
from blueprints.claims.models import Act, EvidenceClass, Punch
from blueprints.disputes.models import Dispute
from blueprints.exchange import actions as imports
from blueprints.identity.models import Account, Invitation, Slip, Volunteer, VolunteerState
from blueprints.kiosk.access import COOKIE, FOLDER
from blueprints.mergers import actions as mergers
from blueprints.mergers.models import Merger
from blueprints.messages.models import NoticeKind
from blueprints.posts.models import Post, Shift
from blueprints.records import actions as records
from blueprints.records import corrections, queries
from blueprints.records.models import LedgerEntry, RecordState
from core import clock
from core.actor import Role
from core.db import db
from tests.attacks.conftest import DONE, attempts, counting, entries, words
from tests.claims.test_attendance import END, MINUTE, mark
from tests.claims.test_claiming import claim, kinds
from tests.exchange.test_imports import NOW, hours_of, tried
from tests.factories import BEFORE, HOUR, START, actor_for, give, make_account, make_post, make_shift, make_volunteer
from tests.identity.people import registration
from tests.kiosk.conftest import add_tablet, as_tablet
from tests.records.test_entering import enter, facts
from tests.records.test_ledger import hand_in, served
from tests.rollcall.photos import jpeg
from tests.rollcall.queues import Tablet
from tests.supplements.test_supplements import NOW as BY_THEN
from tests.supplements.test_supplements import ask as supplement

TIMES = {"started": "09:00", "ended": "11:00", "note": "本人来电"}
ALONE = "recorded part of it themselves"


def account(who) -> Account:
    return db.session.get(Account, who.account_id)


def confirm(browser, record):
    return browser.post(f"/desk/records/{record.id}/confirmation", data={"reason": "情况属实"})


def hand(browser, shift, counted=None):
    data = {"counted": str(counted), "sure": "1"} if counted else {}
    return browser.post(f"/desk/shifts/{shift.id}/hand-in", data=data)


@pytest.fixture
def chen(world, as_):
    """The clerk's browser."""
    return as_(world.chen)


@pytest.fixture
def record(world, shift, at):
    """What a clerk can make alone: an entry that waits."""
    served(world, shift, world.lin)
    return hand_in(shift, world.chen)[0]


# --- recording and confirming alone ---------------------------------------------------------------------------


def test_a_clerk_adds_a_buyer_as_a_walk_in_marks_them_and_confirms(world, shift, at, as_, chen, seen):
    at(START)
    assert chen.post(f"/desk/shifts/{shift.id}/walk-ins", data={"volunteer": world.lin.id}).status_code == 303
    held = attendance.roster(shift.id)[0]
    chen.post(f"/desk/claims/{held.id}/punches", data={"act": "in"})
    at(END)
    chen.post(f"/desk/claims/{held.id}/punches", data={"act": "out"})
    at(DONE)
    assert hand(chen, shift).status_code == 303
    [made] = entries()
    assert (made.state, confirm(chen, made).status_code) == (RecordState.PENDING, 403)
    assert counting(world.lin) == 0
    assert attempts() == [("confirm", "no_role", world.chen.account_id)]
    assert all("wanted to confirm this entry" in page for page in seen.of(made))
    assert NoticeKind.RECORD_HANDED_IN in kinds(world.lin)


def test_a_clerk_who_may_also_confirm_confirms_what_they_recorded(world, as_, record, seen):
    both = give(account(world.chen), Role.CONFIRMER, world.station)
    assert confirm(as_(both), record).status_code == 409
    assert as_(both).post("/desk/records/confirmations", data={"record": [record.id]}).status_code == 409
    assert counting(world.lin) == 0
    assert all(ALONE in page for page in seen.of(record))


def test_a_clerk_lets_a_colleague_hand_in_what_they_marked_and_confirms(world, shift, as_, seen):
    """Whoever touched one observation is barred, not only who handed in."""
    served(world, shift, world.lin)
    colleague = give(make_account("徐站务"), Role.CLERK, world.station)
    both = give(account(world.chen), Role.CONFIRMER, world.county)
    made = hand_in(shift, colleague)[0]
    assert confirm(as_(both), made).status_code == 409
    assert counting(world.lin) == 0
    assert all(ALONE in page for page in seen.of(made))


def test_a_clerk_confirms_minutes_of_their_own(world, shift, as_, zhu):
    own = make_volunteer("陈站长", world.station, account=account(world.chen))
    colleague = give(make_account("徐站务"), Role.CLERK, world.station)
    served_by(colleague, claim(shift, own))
    both = give(account(world.chen), Role.CONFIRMER, world.station)
    made = hand_in(shift, colleague)[0]
    assert confirm(as_(both), made).status_code == 409
    assert counting(own) == 0
    assert "these are their own minutes" in words(as_(zhu).get(f"/desk/records/{made.id}").text)
    assert "these are their own minutes" in words(as_(both).get(f"/me/records/{made.id}").text)


def served_by(clerk, held):
    """The whole shift, marked in the roll-call."""
    mark(held, Act.IN, clerk, START)
    mark(held, Act.OUT, clerk, END)


def test_a_confirmer_of_a_long_day_approves_it_too(world, at, as_, seen):
    long = make_shift(make_post(world.station), hours=10)
    served(world, long, world.lin, end=600)
    made = hand_in(long, world.chen, now=START + 11 * HOUR)[0]
    at(START + 11 * HOUR)
    both = give(account(world.wu), Role.CONFIRMER, world.county)
    assert confirm(as_(both), made).status_code == 303
    assert as_(both).post(f"/desk/records/{made.id}/approval").status_code == 409
    assert counting(world.lin) == 0
    assert all("another person approves" in page for page in seen.of(made))


def test_a_confirmer_of_the_station_approves_a_long_day_that_is_for_the_level_above(world, at, as_, seen):
    long = make_shift(make_post(world.station), hours=10)
    served(world, long, world.lin, end=600)
    made = hand_in(long, world.chen, now=START + 11 * HOUR)[0]
    at(START + 11 * HOUR)
    confirm(as_(world.wu), made)
    near = give(make_account("近确认"), Role.CONFIRMER, world.station)
    assert as_(near).post(f"/desk/records/{made.id}/approval").status_code == 409
    assert counting(world.lin) == 0
    assert all("the level above decides" in page for page in seen.of(made))


# --- more than was served -------------------------------------------------------------------------------------


def test_a_clerk_states_times_that_nobody_saw(world, shift, at, chen, seen):
    held = claim(shift, world.lin)
    at(START + 30 * HOUR)
    assert chen.post(f"/desk/claims/{held.id}/settlement", data=TIMES).status_code == 303
    assert hand(chen, shift).status_code == 303
    [made] = entries()
    assert (made.evidence, confirm(chen, made).status_code) == (EvidenceClass.C, 403)
    assert counting(world.lin) == 0
    assert all("wanted to confirm this entry" in page and "本人来电" in page for page in seen.of(made))
    assert NoticeKind.ATTENDANCE_SETTLED in kinds(world.lin)


def test_a_clerk_states_more_than_was_planned(world, shift, at, chen):
    held = claim(shift, world.lin)
    at(START + 30 * HOUR)
    assert chen.post(f"/desk/claims/{held.id}/settlement", data=TIMES | {"ended": "19:00"}).status_code == 409
    chen.post(f"/desk/claims/{held.id}/settlement", data=TIMES | {"started": "08:30", "ended": "11:30"})
    hand(chen, shift)
    [made] = entries()
    assert (made.minutes, counting(world.lin)) == (120, 0)


def test_a_clerk_changes_times_after_they_were_handed_in(world, record, chen, seen):
    answer = chen.post(f"/desk/claims/{record.claim_id}/settlement", data=TIMES)
    assert answer.status_code == 409
    assert ("record", "handed_in", world.chen.account_id) in attempts()
    assert all("the times were handed in already" in page for page in seen.of(record))
    assert counting(world.lin) == 0


def test_a_clerk_lengthens_the_shift_after_it_was_served(world, shift, at, chen, record):
    form = {"day": "2099-05-04", "starts": "09:00", "ends": "21:00", "places": "9", "break_minutes": "0"}
    form |= {"revision": str(revision(shift)), "reason": "改长"}
    at(DONE)
    assert chen.post(f"/desk/shifts/{shift.id}/change", data=form).status_code == 409
    db.session.expire_all()
    assert attempts() == [("reshape", "over", world.chen.account_id)]
    assert db.session.get(Shift, shift.id).ends_at == END
    assert (entries()[0].minutes, entries()[0].planned_minutes, counting(world.lin)) == (120, 120, 0)


def test_a_clerk_takes_the_break_away_after_it_was_served(world, at, chen):
    rested = make_shift(make_post(world.station), break_minutes=30)
    served(world, rested, world.lin)
    at(DONE)
    form = {"day": "2099-05-04", "starts": "09:00", "ends": "11:00", "places": "2", "break_minutes": "0"}
    form |= {"revision": str(revision(rested)), "reason": "无休息"}
    assert chen.post(f"/desk/shifts/{rested.id}/change", data=form).status_code == 409
    assert attempts() == [("reshape", "over", world.chen.account_id)]
    hand(chen, rested)
    assert (entries()[0].minutes, counting(world.lin)) == (90, 0)


def revision(shift) -> int:
    """What a form that was opened just now carries."""
    db.session.expire_all()
    return db.session.get(Post, db.session.get(Shift, shift.id).post_id).revision


def test_a_clerk_makes_up_a_shift_in_the_past(world, at, as_, chen):
    """Shifts begin in the future; what was served outside one is asked for by its owner and approved above."""
    at(DONE)
    post = make_post(world.station)
    form = {"day": "2099-05-01", "starts": "09:00", "ends": "17:00", "places": "50", "break_minutes": "0"}
    form |= {"revision": str(post.revision), "reason": ""}
    address = f"/desk/posts/{post.id}/shifts/new"
    assert chen.post(address, data=form).status_code == 409
    assert db.session.scalar(select(func.count(Shift.id))) == 0
    assert "wanted to add a shift afterwards" in words(as_(world.qian).get("/desk/audit").text)
    assert chen.post(address, data=form | {"day": "2099-05-06"}).status_code == 303
    assert db.session.scalar(select(func.count(Shift.id))) == 1


def test_a_clerk_puts_in_minutes_by_correcting_an_entry(world, as_, record, seen):
    """More minutes than before are proposed by one and decided by another, a level above."""
    confirm(as_(world.wu), record)
    voided = corrections.propose(record.id, 0, world.wu, reason="未到", now=DONE)
    zhu = seen.above
    corrections.approve(voided.id, zhu, now=DONE)
    db.session.commit()
    both = give(account(world.chen), Role.CONFIRMER, world.county)
    browser = as_(both)
    told = {"minutes": "120", "reason": "来了"}
    assert browser.post(f"/desk/records/{record.id}/corrections", data=told).status_code == 303
    made = queries.proposal(record.id)
    assert browser.post(f"/desk/corrections/{made.id}/approval").status_code == 409
    assert (counting(world.lin), attempts()[-1]) == (0, ("correct", "proposer", world.chen.account_id))
    assert all("they proposed it themselves" in page for page in seen.of(record))


def test_a_clerk_decides_on_a_colleagues_correction_of_what_they_recorded(world, as_, record, seen):
    confirm(as_(world.wu), record)
    made = corrections.propose(record.id, 60, world.wu, reason="早退", now=DONE)
    db.session.commit()
    both = give(account(world.chen), Role.CONFIRMER, world.county)
    assert as_(both).post(f"/desk/corrections/{made.id}/approval").status_code == 409
    assert all(ALONE in page for page in seen.of(record))
    assert counting(world.lin) == 2 * 120, "what two people let count stands as it was, on the page and in the ledger"


# --- somebody else's hands --------------------------------------------------------------------------------------


def test_a_clerk_uses_a_second_account_of_their_own(world, as_, record, seen):
    alias = make_account("陈站长")
    assert confirm(as_(actor_for(alias)), record).status_code == 403
    assert counting(world.lin) == 0
    assert attempts() == [("confirm", "no_role", alias.id)]
    assert all("陈站长 wanted to confirm this entry" in page for page in seen.of(record))


def test_a_second_account_that_somebody_was_talked_into_inviting_confirms(world, as_, record, seen):
    """The same name or the same mail address is taken for the same person: another one confirms."""
    named = give(make_account("陈站长"), Role.CONFIRMER, world.town)
    account(world.chen).email = "chen@example.org"
    mailed = give(make_account("陈小姐", email="Chen@example.org"), Role.CONFIRMER, world.town)
    for alias in (named, mailed):
        assert confirm(as_(alias), record).status_code == 409
    assert counting(world.lin) == 0
    assert [each[:2] for each in attempts()] == [("confirm", "recorder")] * 2
    assert all(ALONE in page for page in seen.of(record))
    assert confirm(as_(world.wu), record).status_code == 303


LOOKS_LIKE = "they took part in what is decided"


def seconds_of(who, *places):
    """Confirmers that nobody but their own person knows to be somebody's second account: of one name, of one mail."""
    named, mailed = places
    account(who).email = f"person{who.account_id}@example.org"
    other = make_account("某某", email=f"Person{who.account_id}@example.org")
    return give(make_account(account(who).name), Role.CONFIRMER, named), give(other, Role.CONFIRMER, mailed)


def test_the_owners_second_account_confirms_the_owners_minutes(world, as_, record, seen):
    for alias in seconds_of(world.lin, world.station, world.town):
        page = as_(alias).get(f"/desk/records/{record.id}").text
        assert "name or mail address of the owner" in page
        assert "/confirmation" not in page
        assert confirm(as_(alias), record).status_code == 409
        assert as_(alias).post("/desk/records/confirmations", data={"record": [record.id]}).status_code == 409
    assert counting(world.lin) == 0
    assert {each[:2] for each in attempts()} == {("confirm", "involved")}
    assert all(LOOKS_LIKE in page for page in seen.of(record))
    assert confirm(as_(world.wu), record).status_code == 303


def test_the_owners_second_account_approves_a_supplement_of_theirs(world, as_, zhu, seen):
    told = {"stated_by": world.lin.account_id, "vouched_by": world.wu.account_id}
    made = enter(world, facts(world, START), now=DONE, **told)
    for alias in seconds_of(world.lin, world.town, world.county):
        assert as_(alias).post(f"/desk/records/{made.id}/approval").status_code == 409
    assert (entries()[0].state, counting(world.lin)) == (RecordState.APPROVAL, 0)
    assert {each[:2] for each in attempts()} == {("approve", "recorder")}, "who states their own time records it, too"
    assert all(ALONE in page for page in seen.of(made))
    assert as_(zhu).post(f"/desk/records/{made.id}/approval").status_code == 303


def test_a_second_account_of_the_confirmer_approves_a_long_day(world, at, as_, seen):
    long = make_shift(make_post(world.station), hours=10)
    served(world, long, world.lin, end=600)
    made = hand_in(long, world.chen, now=START + 11 * HOUR)[0]
    at(START + 11 * HOUR)
    assert confirm(as_(world.wu), made).status_code == 303
    assert entries()[0].state is RecordState.APPROVAL
    for alias in seconds_of(world.wu, world.county, world.county):
        assert as_(alias).post(f"/desk/records/{made.id}/approval").status_code == 409
    assert counting(world.lin) == 0
    assert {each[:2] for each in attempts()} == {("approve", "twice")}
    assert all("another person approves" in page for page in seen.of(made))
    assert as_(seen.above).post(f"/desk/records/{made.id}/approval").status_code == 303


def test_a_second_account_decides_on_a_correction_of_ones_own(world, as_, record, seen):
    """Neither of who proposed it, nor of who recorded the attendance, nor of the owner."""
    confirm(as_(world.wu), record)
    made = corrections.propose(record.id, 60, world.wu, reason="早退", now=DONE)
    db.session.commit()
    for who in (world.wu, world.chen, world.lin):
        for alias in seconds_of(who, world.town, world.county):
            address = f"/desk/corrections/{made.id}/approval"
            assert address not in as_(alias).get(f"/desk/records/{record.id}").text
            assert as_(alias).post(address).status_code == 409
    assert counting(world.lin) == 2 * 120, "what two people let count stands as it was, on the page and in the ledger"
    assert [bar for _tried, bar, _by in attempts()] == ["involved"] * 2 + ["recorder"] * 2 + ["involved"] * 2
    assert all(ALONE in page and LOOKS_LIKE in page for page in seen.of(record))
    assert as_(seen.above).post(f"/desk/corrections/{made.id}/approval").status_code == 303


def test_a_clerk_invites_a_second_account_to_confirm(world, as_, chen, record):
    before = db.session.scalar(select(func.count(Invitation.id)))
    told = {"role": "confirmer", "name": "陈站长"}
    assert chen.post(f"/desk/organizations/{world.station.id}/invitations", data=told).status_code == 403
    assert db.session.scalar(select(func.count(Invitation.id))) == before
    assert "wanted to give somebody a role" in words(as_(world.qian).get("/desk/audit").text)
    assert counting(world.lin) == 0


def test_a_clerk_prints_a_slip_that_opens_the_confirmers_account(world, as_, chen, record, zhu):
    wu = make_volunteer("吴确认", world.station, account=account(world.wu))
    answer = chen.post(f"/desk/people/{wu.id}/slips", data={"purpose": "password"})
    assert answer.status_code == 409
    assert db.session.scalar(select(func.count(Slip.id)).where(Slip.account_id == wu.account_id)) == 0
    assert attempts() == [("take_over", "staff", world.chen.account_id)]
    assert "wanted a slip that opens this account" in words(as_(world.wu).get("/me/refusals").text)
    assert "wanted a slip that opens this account" in words(as_(world.qian).get("/desk/audit").text)


def test_a_clerk_resets_a_pin_and_checks_in_for_somebody(app, world, shift, at, chen, seen):
    """The reset is told to the owner, and for a day it proves no more than the clerk's word: class B, and it waits."""
    held = claim(shift, world.lin)
    at(START)
    page = chen.get(chen.post(f"/desk/people/{world.lin.id}/pin").headers["Location"]).text
    pin = page.partition('<p class="code">')[2].partition("</p>")[0].replace(" ", "")
    kiosk = as_tablet(app, add_tablet(world)[1])
    kiosk.post("/kiosk/entry", data={"who": world.lin.number, "pin": pin})
    kiosk.post("/kiosk/entry/pin", data={"pin": "739251", "again": "739251"})
    at(END)
    kiosk.post("/kiosk/entry", data={"who": world.lin.number, "pin": "739251"})
    at(DONE)
    hand(chen, shift)
    assert {punch.evidence for punch in db.session.scalars(select(Punch))} <= {EvidenceClass.B}
    for made in entries():
        assert (made.claim_id, confirm(chen, made).status_code) == (held.id, 403)
        assert all("wanted to confirm this entry" in page for page in seen.of(made))
    assert (len(entries()), counting(world.lin)) == (1, 0)
    assert NoticeKind.PIN_RESET in kinds(world.lin)


def test_a_clerk_forges_what_a_tablet_saw(world, shift, chen):
    held = claim(shift, world.lin)
    tablet = Tablet(shift, world.chen)
    acts = [tablet.marks(held, act, when, **{"pass": "forged"}) for act, when in (("in", START), ("out", END))]
    assert chen.post("/desk/offline-acts", data=tablet.queue(acts, DONE), content_type="application/json").json
    assert db.session.scalar(select(func.count(Punch.id))) == 0
    assert "it was altered on the tablet" in words(chen.get("/desk/offline-acts").text)
    assert counting(world.lin) == 0


def test_a_clerk_sends_real_acts_of_a_tablet_and_confirms(world, shift, chen, seen):
    held = claim(shift, world.lin)
    tablet = Tablet(shift, world.chen)
    tablet.sends([tablet.marks(held, "in", START), tablet.marks(held, "out", END)], world.chen, DONE)
    hand(chen, shift)
    [made] = entries()
    assert (made.evidence, confirm(chen, made).status_code) == (EvidenceClass.B, 403)
    assert counting(world.lin) == 0
    assert all("wanted to confirm this entry" in page for page in seen.of(made))


def test_a_tablet_decides_nothing(app, world, record):
    kiosk = as_tablet(app, add_tablet(world)[1])
    kiosk.set_cookie(COOKIE, "x", path="/")
    assert FOLDER == "/kiosk"
    assert kiosk.post(f"/desk/records/{record.id}/confirmation").status_code == 303, "it is asked who it is"
    assert counting(world.lin) == 0


# --- paper, crowds, and people who know nothing of it ----------------------------------------------------------


def sheet_of(shift, held):
    code = attendance.row_codes(shift.id)[held.id]
    return {"rows-0-code": code, "rows-0-came": "09:00", "rows-0-left": "11:00"}


def test_a_clerk_types_in_a_paper_sheet_that_nobody_signed(world, shift, chen, seen):
    held = claim(shift, world.lin)
    assert chen.post(f"/desk/shifts/{shift.id}/sheet", data=sheet_of(shift, held)).status_code == 409
    photo = {"photo": (BytesIO(jpeg()), "a.jpg")}
    assert chen.post(f"/desk/shifts/{shift.id}/sheet/photos", data=photo).status_code == 303
    assert chen.post(f"/desk/shifts/{shift.id}/sheet", data=sheet_of(shift, held)).status_code == 303
    hand(chen, shift)
    [made] = entries()
    assert confirm(chen, made).status_code == 403
    assert (made.state, counting(world.lin)) == (RecordState.PENDING, 0)
    assert all("wanted to confirm this entry" in page for page in seen.of(made))


def test_a_clerk_registers_a_seven_year_old(world, at, as_, chen):
    told = registration(name="小宝", birth_date="2092-01-01", phone="19912345678")
    answer = chen.post("/desk/people/new", data=told)
    assert (answer.status_code, "One can register from 14 years on" in answer.text) == (409, True)
    assert db.session.scalar(select(Account.id).where(Account.name == "小宝")) is None
    assert "wanted to register a child" in words(as_(world.qian).get("/desk/audit").text)
    assert chen.post("/desk/people/new", data=told | {"birth_date": "2080-01-01"}).status_code == 303


def test_a_clerk_registers_an_old_neighbour_who_knows_nothing_of_it(world, shift, at, as_, zhu):
    """Even with a confirmer's help: what stands on an account that nobody took over counts nowhere."""
    unknowing = make_account("王奶奶", claimed_at=None, created_by_id=world.chen.account_id)
    old = make_volunteer("王奶奶", world.station, account=unknowing, birth_date=date(2019, 1, 1))
    claims.claim_for(shift.id, old.id, world.chen, now=BEFORE)
    served_by(world.chen, attendance.roster(shift.id)[0])
    made = hand_in(shift, world.chen)[0]
    assert confirm(as_(world.wu), made).status_code == 303
    assert sum(queries.totals(old.id).values()) == 0
    page = words(as_(zhu).get(f"/desk/records/{made.id}").text)
    assert "is not claimed yet" in page


def test_a_clerk_approves_a_registration_they_made(world, chen):
    made = make_volunteer("新来", world.station, state=VolunteerState.SUBMITTED)
    answer = chen.post(f"/desk/registrations/{made.id}/approval", data={"seen": made.submitted_at.isoformat()})
    assert (answer.status_code, attempts()) == (403, [("admit", "no_role", world.chen.account_id)])
    db.session.expire_all()
    assert db.session.get(Volunteer, made.id).state is VolunteerState.SUBMITTED


def test_a_clerk_credits_a_crowd_with_the_same_minutes_within_two_minutes(world, at, as_, chen, seen):
    """Five hours for five people, typed in one after the other; all of it waits, and each entry shows who tried."""
    long = make_shift(make_post(world.station), places=6, hours=5)
    people = [
        world.lin,
        world.zhou,
        world.shen,
        make_volunteer("甲", world.station),
        make_volunteer("乙", world.station),
    ]
    held = [claim(long, each) for each in people]
    at(START + 30 * HOUR)
    for each in held:
        told = TIMES | {"ended": "14:00"}
        assert chen.post(f"/desk/claims/{each.id}/settlement", data=told).status_code == 303
    assert hand(chen, long, counted=5).status_code == 303
    ids = [made.id for made in entries()]
    assert len(ids) == 5
    assert chen.post("/desk/records/confirmations", data={"these": ",".join(map(str, ids))}).status_code == 403
    assert counting(*people) == 0
    assert attempts() == [("confirm", "no_role", world.chen.account_id)] * 5
    assert all("wanted to confirm this entry" in page for page in seen.of(entries()[0]))


def test_a_clerk_hands_in_twice_and_confirms_twice_over(world, shift, as_, chen, record):
    """Sent again, a form does nothing more: one entry, one credit."""
    assert hand(chen, shift).status_code == 409
    wu = as_(world.wu)
    assert [confirm(wu, record).status_code for _again in range(3)] == [303, 409, 409]
    rows = db.session.scalars(select(LedgerEntry.minutes).where(LedgerEntry.record_id == record.id)).all()
    assert (len(entries()), rows) == (1, [120])


def test_a_clerk_asks_for_a_certificate_of_entries_that_wait(world, as_, record):
    keys.make("嘉兴市志愿服务指导中心", now=DONE)
    db.session.commit()
    told = {"from_on": "2099-01-01", "until_on": "2099-12-31", "category": "", "organization": "0"}
    assert as_(world.lin).post("/me/certificates", data=told).status_code == 409
    assert db.session.scalar(select(func.count(CertificateRow.id))) == 0
    confirm(as_(world.wu), record)
    assert as_(world.lin).post("/me/certificates", data=told).status_code == 303
    assert db.session.scalar(select(func.count(CertificateRow.id))) == 1


def test_a_clerk_decides_what_the_owner_disputes(world, as_, record, seen):
    """The owner says “not me”; whoever recorded it takes no part in the answer."""
    told = {"kind": "not_me", "words": "我没有去"}
    assert as_(world.lin).post(f"/me/records/{record.id}/disputes", data=told).status_code == 303
    dispute = db.session.scalar(select(Dispute.id))
    both = give(account(world.chen), Role.CONFIRMER, world.county)
    for what, data in (("rejection", {"reason": "来了"}), ("acceptance", {"minutes": "120"})):
        assert as_(both).post(f"/desk/disputes/{dispute}/{what}", data=data).status_code == 409
    assert counting(world.lin) == 0
    assert all("wanted to decide on a dispute" in page for page in seen.of(record))


def test_a_disputed_entry_is_confirmed_quickly(world, as_, record):
    told = {"kind": "not_me", "words": "我没有去"}
    as_(world.lin).post(f"/me/records/{record.id}/disputes", data=told)
    assert confirm(as_(world.wu), record).status_code == 409
    assert counting(world.lin) == 0


def test_hours_are_brought_in_from_elsewhere_and_let_in_alone(world, as_, monkeypatch):
    """The level above decides on a file of another platform, never who handed it in nor their second account."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    batch = tried(world, hours_of(world))
    imports.submit(batch.id, world.qian, now=NOW)
    db.session.commit()
    both = give(account(world.qian), Role.CONFIRMER, world.city)
    twin = give(make_account("钱主任"), Role.CONFIRMER, world.city)
    for who in (both, twin):
        assert as_(who).post(f"/desk/imports/{batch.id}/approval").status_code == 409
    assert as_(world.pan).post(f"/desk/imports/{batch.id}/approval").status_code in (403, 404)
    assert counting(world.lin, world.zhou) == 0
    assert {each[:2] for each in attempts()} == {("import", "recorder"), ("import", "out_of_reach")}
    assert "wanted to bring in hours from elsewhere" in words(as_(world.qian).get("/desk/audit").text)


def test_hours_are_brought_in_and_let_in_with_another_name_on_the_file(world, as_, monkeypatch):
    """Whoever decides has no part in the file: only who handed it in names its columns and hands it up."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    batch = tried(world, hours_of(world))
    other = give(make_account("许代劳"), Role.CLERK, world.county)
    both = give(db.session.get(Account, other.account_id), Role.CONFIRMER, world.city)
    assert "names its columns and hands it up" in as_(both).get(f"/desk/imports/{batch.id}").text
    assert as_(both).post(f"/desk/imports/{batch.id}/mapping", data=columns_of(batch)).status_code == 409
    assert as_(both).post(f"/desk/imports/{batch.id}/submission").status_code == 409
    below = give(make_account("区确认"), Role.CONFIRMER, world.county)
    imports.submit(batch.id, world.qian, now=NOW)
    db.session.commit()
    assert as_(below).post(f"/desk/imports/{batch.id}/approval").status_code == 409
    assert as_(world.qian).post(f"/desk/imports/{batch.id}/approval").status_code == 409
    assert counting(world.lin, world.zhou) == 0
    assert {each[:2] for each in attempts()} == {("import", "too_low")}


def columns_of(batch):
    return {**{f"columns-{number}": name for number, name in enumerate(batch.mapping)}, "category": "water"}


def test_a_clerk_vouches_for_a_supplement_and_approves_it_too(world, as_, monkeypatch):
    """One person with both roles, and a second account of theirs, stands on one side of a supplement only."""
    monkeypatch.setattr(clock, "now", lambda: BY_THEN)
    asked = supplement(world)
    both = give(account(world.chen), Role.CONFIRMER, world.town)
    twin = give(make_account("陈站长"), Role.CONFIRMER, world.town)
    assert as_(both).post(f"/desk/supplements/{asked.id}/voucher").status_code == 303
    (record,) = entries()
    for who in (both, twin):
        assert as_(who).post(f"/desk/records/{record.id}/approval").status_code == 409
    assert counting(world.lin) == 0
    assert {each[0] for each in attempts()} == {"approve"}
    assert {each[2] for each in attempts()} == {both.account_id, twin.account_id}


def test_a_second_account_vouches_for_a_supplement(world, as_, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: BY_THEN)
    asked = supplement(world)
    twin = give(make_account("林小满"), Role.CLERK, world.station)
    for who, status in ((twin, 409), (world.gu, 404), (world.lin, 403)):
        assert as_(who).post(f"/desk/supplements/{asked.id}/voucher").status_code == status
    assert (entries(), counting(world.lin)) == ([], 0)
    assert {each[:2] for each in attempts()} == {
        ("supplement", "involved"), ("supplement", "out_of_reach"), ("supplement", "no_role"),
    }  # fmt: skip
    assert "wanted to" in words(as_(world.qian).get("/desk/audit").text)


# --- from above and from elsewhere -----------------------------------------------------------------------------


def test_an_administrator_makes_hours(world, shift, at, as_, record, seen):
    """Whoever runs the system has no right to record, to confirm or to correct."""
    boss = give(make_account("系统管理员"), Role.ADMINISTRATOR, world.city)
    browser = as_(boss)
    assert hand(browser, shift).status_code == 403
    for what in ("confirmation", "approval", "corrections"):
        assert browser.post(f"/desk/records/{record.id}/{what}", data={"minutes": "9"}).status_code == 403
    assert browser.post(f"/desk/claims/{record.claim_id}/settlement", data=TIMES).status_code == 403
    assert {each[:2] for each in attempts()} == {
        ("hand_in", "no_role"), ("confirm", "no_role"), ("approve", "no_role"), ("propose", "no_role"),
        ("record", "no_role"),
    }  # fmt: skip
    assert counting(world.lin) == 0
    assert all("系统管理员 wanted to approve this entry" in page for page in seen.of(record))


def test_a_confirmer_of_another_county_does_a_friend_a_favour(world, as_, record, seen):
    assert confirm(as_(world.pan), record).status_code == 404
    assert as_(world.pan).post("/desk/records/confirmations", data={"these": str(record.id)}).status_code == 404
    assert (counting(world.lin), attempts()[0]) == (0, ("confirm", "out_of_reach", world.pan.account_id))
    assert all("it lies outside their organizations" in page for page in seen.of(record))


def test_a_buyer_marks_themself_in_at_the_desk(world, shift, at, as_, zhu):
    held = claim(shift, world.lin)
    at(START)
    assert as_(world.lin).post(f"/desk/claims/{held.id}/punches", data={"act": "in"}).status_code == 403
    assert db.session.scalar(select(func.count(Punch.id))) == 0
    assert (counting(world.lin), attempts()) == (0, [("record", "no_role", world.lin.account_id)])
    assert "wanted to enter or change times" in words(as_(world.qian).get("/desk/audit").text)


def test_a_buyer_uses_the_code_of_another_moment(world, shift, at, as_):
    held = claim(shift, world.lin)
    old = attendance.day_code(shift.id, START - HOUR)
    at(START)
    assert as_(world.lin).post(f"/claims/{held.id}/arrival", data={"code": old}).status_code == 409
    assert db.session.scalar(select(func.count(Punch.id))) == 0


def test_a_clerk_tells_a_buyer_at_home_the_code(world, shift, at, as_, chen, seen):
    """It looks like the person's own act, and it is; without a second person at the station it counts for nothing."""
    held = claim(shift, world.lin)
    for moment, what in ((START, "arrival"), (END, "departure")):
        at(moment)
        code = attendance.day_code(shift.id, moment)
        assert as_(world.lin).post(f"/claims/{held.id}/{what}", data={"code": code}).status_code == 303
    at(DONE)
    hand(chen, shift)
    [made] = entries()
    assert (made.evidence, confirm(chen, made).status_code) == (EvidenceClass.A, 403)
    assert counting(world.lin) == 0
    assert all("wanted to confirm this entry" in page for page in seen.of(made))


def test_many_attempts_are_kept_without_slowing_anybody(world, as_, record):
    browser = as_(world.chen)
    for _again in range(20):
        assert confirm(browser, record).status_code == 403
    assert len(attempts()) == 1
    records.confirm([record.id], world.wu, now=DONE + MINUTE)


def test_a_clerk_merges_a_rich_registration_into_a_buyers(world, as_, at, chen, record):
    """By the desk, by a slip that the buyer holds, and as an administrator of the station: nothing moves."""
    records.confirm([record.id], world.wu, now=DONE)
    buyer = make_volunteer("林小满", world.station)
    db.session.commit()
    address = f"/desk/people/{buyer.id}/mergers/{world.lin.id}"
    assert chen.post(address, data={"reason": "同一个人"}).status_code == 403
    assert chen.post(f"/desk/people/{world.lin.id}/slips", data={"purpose": "password"}).status_code == 303
    slip = db.session.scalars(select(Slip).where(Slip.account_id == world.lin.account_id)).one()
    mergers.ask_with_slip(slip.id, actor_for(account(buyer)), reason="我的另一个账号", now=DONE)
    give(account(world.chen), Role.ADMINISTRATOR, world.station)
    db.session.commit()
    merger = db.session.scalars(select(Merger)).one()
    assert chen.post(f"/desk/mergers/{merger.id}/approval", data={"answer": "看过了"}).status_code == 409
    assert (counting(buyer), counting(world.lin)) == (0, 240)
    chen_ = world.chen.account_id
    assert attempts() == [("merge", "no_role", chen_), ("merge", "too_low", chen_)]
    lin = as_(world.lin)
    assert NoticeKind.REGISTRATION_MERGING in kinds(world.lin)
    assert lin.post(f"/me/mergers/{merger.id}/objection").status_code == 303
    assert as_(world.qian).post(f"/desk/mergers/{merger.id}/approval", data={"answer": "看过了"}).status_code == 409
    assert (counting(buyer), counting(world.lin)) == (0, 240)
