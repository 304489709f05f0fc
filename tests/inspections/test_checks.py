"""Spot checks: a sample that can be drawn again, evidence with a deadline, a finding for each, a result in numbers."""

from datetime import date
from io import BytesIO

import pytest
from flask import g
from sqlalchemy import event, select, text

from blueprints.claims.models import Act
from blueprints.identity.models import Account
from blueprints.inspections import actions, queries, upkeep
from blueprints.inspections.actions import Plan
from blueprints.inspections.models import CheckAnswer, CheckItem, Finding, FlagState, RiskFlag, Rule, SpotCheck
from blueprints.messages.models import Notice, NoticeKind
from blueprints.records import actions as records
from blueprints.records import corrections
from blueprints.records import queries as recorded
from blueprints.records.models import CorrectionState, ServiceRecord
from core import clock, workdays
from core.actor import Role
from core.db import db, only_reads
from core.refusal import Barred, Refusal
from tests.attacks.conftest import words
from tests.claims.test_attendance import mark
from tests.claims.test_claiming import claim
from tests.core.pdfs import GOOD, HOSTILE
from tests.counting import counted
from tests.factories import HOUR, START, give, make_organization, make_post, make_shift, make_staff, make_volunteer
from tests.records.test_ledger import DONE, hand_in, served
from tests.rollcall.photos import jpeg

YEAR = (date(2099, 1, 1), date(2099, 12, 31))
LATER = DONE + HOUR


@pytest.fixture
def station(world, shift):
    """Twelve people's minutes that count: recorded by Chen, confirmed by Wu."""
    for number in range(12):
        served(world, shift, make_volunteer(f"众{number}", world.station))
    ids = [made.id for made in hand_in(shift, world.chen)]
    records.confirm(ids, world.wu, now=DONE)
    db.session.commit()
    return world.station


@pytest.fixture
def boss(world):
    """Draws and looks, and took part in nothing."""
    return make_staff(Role.CONFIRMER, world.county, "县督导")


def draw(world, actor, permille=500, risks=False, organization=None, now=LATER):
    plan = Plan((organization or world.county).id, *YEAR, permille, risks)
    check = actions.draw(actions.sample(plan, actor, now=now), actor, now=now)
    db.session.commit()
    return check


def find_all(check, actor, finding=Finding.OK, note=""):
    for item in queries.items_of(check.id):
        actions.find(item.id, finding, note, actor, now=LATER)
    db.session.commit()


# --- the draw ---------------------------------------------------------------------------------------------------


def test_a_share_is_drawn_by_a_seed_and_can_be_drawn_again(world, station, boss):
    check = draw(world, boss)
    assert (check.population, len(queries.items_of(check.id)), len(check.seed)) == (12, 6, 32)
    assert queries.drawn_again(check)
    mine = {item.record_id for item in queries.items_of(check.id)}
    everything = sorted(db.session.scalars(select(ServiceRecord.id)), key=lambda id: queries.rank(check.seed, id))
    assert mine == set(everything[:6])


def test_the_draw_is_proven_even_after_more_is_served_and_entries_are_corrected(world, station, boss, zhu):
    check = draw(world, boss)
    later = make_shift(make_post(world.station), starts_at=START + 24 * HOUR)
    held = claim(later, make_volunteer("后来", world.station))
    for act, moment in ((Act.IN, later.starts_at), (Act.OUT, later.ends_at)):
        mark(held, act, world.chen, moment)
    records.confirm([hand_in(later, world.chen, now=later.ends_at)[0].id], world.wu, now=later.ends_at)
    record = queries.items_of(check.id)[0].record
    made = corrections.propose(record.id, 0, world.wu, reason="未到", now=LATER)
    corrections.approve(made.id, zhu, now=LATER)
    db.session.commit()
    assert queries.drawn_again(check)


def test_a_draw_that_was_tampered_with_is_not_proven(world, station, boss):
    check = draw(world, boss)
    drawn = {item.record_id for item in queries.items_of(check.id)}
    other = db.session.scalar(select(ServiceRecord.id).where(ServiceRecord.id.not_in(drawn)).limit(1))
    db.session.execute(
        text("UPDATE check_item SET record_id = :other WHERE id = (SELECT min(id) FROM check_item)"), {"other": other}
    )
    assert not queries.drawn_again(check)


def test_anybody_with_the_database_draws_all_of_them_again(app, world, station, boss):
    checks = [draw(world, boss), draw(world, boss)]
    result = app.test_cli_runner().invoke(args=["audit", "draws"])
    assert (result.exit_code, result.output) == (0, "2 spot checks drawn again; others than kept: 0\n")
    drawn = {item.record_id for item in queries.items_of(checks[1].id)}
    other = db.session.scalar(select(ServiceRecord.id).where(ServiceRecord.id.not_in(drawn)).limit(1))
    swapped = "UPDATE check_item SET record_id = :other WHERE id = (SELECT max(id) FROM check_item)"
    db.session.execute(text(swapped), {"other": other})
    result = app.test_cli_runner().invoke(args=["audit", "draws"])
    assert result.exit_code == 1
    assert f"Spot check {checks[1].id} does not hold what its seed draws." in result.output


def test_what_was_drawn_never_changes(world, station, boss):
    draw(world, boss)
    for statement in (
        "UPDATE spot_check SET seed = 'abc'",
        "UPDATE spot_check SET permille = 1",
        "DELETE FROM spot_check",
        "DELETE FROM check_item",
    ):
        with pytest.raises(Exception, match=r"never_changes|never_deleted|FOREIGN|foreign"):
            db.session.execute(text(statement))
        db.session.rollback()


def test_at_least_one_is_drawn_and_never_more_than_anybody_looks_at(world, station, boss, monkeypatch):
    assert len(queries.items_of(draw(world, boss, permille=1).id)) == 1
    monkeypatch.setattr(actions, "MOST_ITEMS", 3)
    monkeypatch.setattr(queries, "rank", None)  # nothing is ranked for a share that nobody looks at
    with pytest.raises(Refusal, match=r"would be 6 entries.*smaller share"):
        draw(world, boss)


def test_what_flags_rest_on_counts_towards_what_anybody_looks_at(world, station, boss, monkeypatch):
    upkeep.look(LATER)
    many = actions.sample(Plan(world.county.id, *YEAR, 1, True), boss, now=LATER)
    assert many.risky
    monkeypatch.setattr(actions, "MOST_ITEMS", 1)
    with pytest.raises(Refusal, match="smaller share"):
        actions.draw(many, boss, now=LATER)


def test_nobody_waits_to_write_while_a_sample_is_drawn(world, station, boss, as_, monkeypatch):
    """The transaction in which everything is ranked began as one that only reads."""
    begun, ranked, rank = [], [], queries.rank
    monkeypatch.setattr(queries, "rank", lambda *told: ranked.append(begun[-1]) or rank(*told))

    def note(_session, _transaction, _connection):
        begun.append(only_reads())

    event.listen(db.session, "after_begin", note)
    try:
        told = {"organization": world.county.id, "first": "2099-01-01", "last": "2099-12-31", "permille": "500"}
        made = as_(boss).post("/desk/checks", data=told)
    finally:
        event.remove(db.session, "after_begin", note)
    assert made.status_code == 303
    assert ranked == [True] * 12
    assert queries.drawn_again(db.session.scalars(select(SpotCheck)).one())


def test_flagged_entries_come_in_and_their_flags_are_looked_at_with_the_check(world, station, boss):
    upkeep.look(LATER)
    flag = db.session.scalars(select(RiskFlag).where(RiskFlag.rule == Rule.ALL_AT_DESK)).one()
    check = draw(world, boss, permille=1, risks=True)
    assert len(queries.items_of(check.id)) == 12
    db.session.refresh(flag)
    assert flag.state is FlagState.DRAWN
    find_all(check, boss)
    actions.close(check.id, boss, now=LATER)
    db.session.commit()
    db.session.refresh(flag)
    assert (flag.state, flag.finding) == (FlagState.LOOKED_AT, f"Looked at in spot check {check.id}.")


def test_only_what_lies_below_is_drawn(world, station, boss):
    own = make_staff(Role.ADMINISTRATOR, world.station, "站管理员")
    with pytest.raises(Refusal, match="Nothing counts there"):
        draw(world, own, organization=world.station)
    with pytest.raises(Refusal, match="does not cover"):
        draw(world, world.pan, organization=world.county)
    assert draw(world, boss, organization=world.station).population == 12
    empty = make_organization("空站", parent=world.town)
    with pytest.raises(Refusal, match="Nothing counts there"):
        draw(world, boss, organization=empty)


# --- the evidence -----------------------------------------------------------------------------------------------


def test_the_organization_is_told_and_answers_with_words_and_a_picture(world, station, boss, as_, at):
    check = draw(world, boss)
    told = db.session.scalars(select(Notice).where(Notice.kind == NoticeKind.RECORD_CHECK_ASKED)).all()
    assert [notice.account_id for notice in told] == [world.chen.account_id]
    assert check.due_on == workdays.after(clock.today(LATER), 5)
    asked = queries.requests_of(check.id)[0]
    chen, address = as_(world.chen), f"/desk/check-requests/{queries.requests_of(check.id)[0].id}"
    assert "spot check looks at 6" in chen.get("/me/inbox").text
    assert chen.get("/desk/check-requests").status_code == chen.get(address).status_code == 200
    assert chen.post(f"{address}/answers", data={"words": ""}).status_code == 409
    bad = {"words": "见名册", "photo": (BytesIO(b"%PDF-1.4 no picture"), "a.jpg")}
    refused = chen.post(f"{address}/answers", data=bad)
    assert (refused.status_code, "见名册" in refused.text) == (409, True)
    good = {"words": "见名册", "photo": (BytesIO(jpeg()), "a.jpg")}
    assert chen.post(f"{address}/answers", data=good).status_code == 303
    answer = db.session.scalars(select(CheckAnswer)).one()
    assert (answer.words, answer.size > 0) == ("见名册", True)
    shown = as_(boss).get(f"/desk/check-pictures/{answer.id}")
    assert (shown.status_code, shown.content_type, shown.data[:2]) == (200, "image/jpeg", b"\xff\xd8")
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    for who in (world.gu, world.pan, world.he):
        assert as_(who).get(f"/desk/check-pictures/{answer.id}").status_code == 404
    assert as_(world.gu).get(address).status_code == 404
    assert "Answered" in as_(boss).get(f"/desk/checks/{check.id}").text
    assert asked.check_id == check.id


def test_the_organization_answers_with_a_pdf_that_is_only_saved_by_those_who_may_see_it(world, station, boss, as_, at):
    check = draw(world, boss)
    asked = queries.requests_of(check.id)[0]
    chen, address = as_(world.chen), f"/desk/check-requests/{asked.id}"
    sent = {"words": "见名册", "photo": (BytesIO(GOOD["many pages"]), "名册.jpg")}
    assert chen.post(f"{address}/answers", data=sent).status_code == 303
    answer = db.session.scalars(select(CheckAnswer)).one()
    assert (answer.content_type, answer.size) == ("application/pdf", len(GOOD["many pages"]))
    for browser, page in ((chen, address), (as_(boss), f"/desk/checks/{check.id}")):
        assert "PDF, " in browser.get(page).text
        saved = browser.get(f"/desk/check-pictures/{answer.id}")
        assert (saved.content_type, saved.data) == ("application/pdf", GOOD["many pages"])
        assert saved.headers["Content-Disposition"].startswith("attachment")
        assert saved.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in saved.headers["Content-Security-Policy"]
    for who in (world.gu, world.pan, world.he):
        assert as_(who).get(f"/desk/check-pictures/{answer.id}").status_code == 404


@pytest.mark.parametrize("what", ["a script in a packed stream", "one with a password", "a truncated one", "a bomb"])
def test_a_hostile_pdf_changes_nothing_and_the_words_are_kept(world, station, boss, as_, at, what):
    data, sentence = HOSTILE[what]
    asked = queries.requests_of(draw(world, boss).id)[0]
    sent = {"words": "见名册", "photo": (BytesIO(data), "a.pdf")}
    answer = as_(world.chen).post(f"/desk/check-requests/{asked.id}/answers", data=sent)
    assert (answer.status_code, sentence in answer.text, "见名册" in answer.text) == (409, True, True)
    assert db.session.scalar(select(CheckAnswer.id)) is None


def test_an_answer_of_another_type_is_refused_by_the_database(world, station, boss):
    asked = queries.requests_of(draw(world, boss).id)[0]
    told = {"words": "见名册", "at": LATER, "by_id": world.chen.account_id}
    db.session.add(CheckAnswer(request_id=asked.id, content_type="text/html", **told))
    with pytest.raises(Exception, match="known_type"):
        db.session.flush()
    db.session.rollback()


def test_an_overdue_answer_is_shown_to_both_sides(world, station, boss, as_, at):
    check = draw(world, boss)
    request_id = queries.requests_of(check.id)[0].id
    at(LATER + 24 * HOUR * 20)
    assert "Overdue since" in words(as_(boss).get(f"/desk/checks/{check.id}").text)
    assert "Overdue since" in words(as_(world.chen).get(f"/desk/check-requests/{request_id}").text)


# --- the findings -----------------------------------------------------------------------------------------------


def test_who_took_part_finds_nothing_and_that_leaves_a_trace(world, station, as_):
    boss = make_staff(Role.CONFIRMER, world.county, "县督导")
    check = draw(world, boss)
    item = queries.items_of(check.id)[0]
    raised = give(db.session.get(Account, world.wu.account_id), Role.CONFIRMER, world.county)
    with pytest.raises(Barred, match="took part"):
        actions.find(item.id, Finding.OK, "", raised, now=LATER)
    with pytest.raises(Barred, match="took part"):
        actions.find(item.id, Finding.OK, "", make_staff(Role.CONFIRMER, world.county, world.wu.name), now=LATER)
    db.session.rollback()
    assert as_(raised).post(f"/desk/check-items/{item.id}/finding", data={"result": "ok"}).status_code == 409
    assert "wanted to decide on a risk flag" in as_(boss).get(f"/desk/records/{item.record_id}").text
    near = make_staff(Role.CONFIRMER, world.station, "近确认")
    with pytest.raises(Refusal, match="level above"):
        actions.find(item.id, Finding.OK, "", near, now=LATER)
    statement = "UPDATE check_item SET finding = 'ok', found_at = :at, found_by_id = :by"
    with pytest.raises(Exception, match="took_part"):
        db.session.execute(text(statement), {"at": "2099-05-05 00:00:00", "by": world.wu.account_id})
    db.session.rollback()


def test_who_corrected_an_entry_does_not_inspect_it(world, station, boss, zhu):
    item = queries.items_of(draw(world, boss).id)[0]
    proposed = corrections.propose(item.record_id, 60, boss, reason="早退", now=LATER)
    assert not {boss.account_id, zhu.account_id} & queries.taking_part([item.record_id]), "it is undecided"
    corrections.approve(proposed.id, zhu, now=LATER)
    db.session.commit()
    for hand in (boss, zhu):
        with pytest.raises(Barred, match="took part"):
            actions.find(item.id, Finding.OK, "", hand, now=LATER)
        db.session.rollback()
    other = make_staff(Role.CONFIRMER, world.county, "另一督导")
    assert actions.find(item.id, Finding.OK, "", other, now=LATER).found_by_id == other.account_id


def test_a_fault_is_proposed_as_a_correction_and_another_decides(world, station, boss, zhu, as_):
    check = draw(world, boss)
    item = queries.items_of(check.id)[0]
    browser, address = as_(boss), f"/desk/check-items/{item.id}/finding"
    assert browser.post(address, data={"result": "fault", "note": "", "minutes": "60"}).status_code == 409
    kept = browser.post(address, data={"result": "fault", "note": "名册写 10 点离开", "minutes": "abc"})
    assert (kept.status_code, "名册写 10 点离开" in kept.text) == (422, True)
    told = {"result": "fault", "note": "名册写 10 点离开", "minutes": "60"}
    assert browser.post(address, data=told).status_code == 303
    made = recorded.proposal(item.record_id)
    assert (made.minutes, made.state, made.author_id) == (60, CorrectionState.PROPOSED, boss.account_id)
    with pytest.raises(Barred, match="You proposed"):
        corrections.approve(made.id, boss, now=LATER)
    corrections.approve(made.id, zhu, now=LATER)
    assert recorded.worth([item.record_id])[item.record_id] == 60


def test_it_is_closed_when_everything_has_a_finding_and_then_stays(world, station, boss, as_):
    check = draw(world, boss)
    with pytest.raises(Refusal, match="6 entries have no finding"):
        actions.close(check.id, boss, now=LATER)
    with pytest.raises(Refusal, match="Only a closed"):
        actions.publish(check.id, boss, now=LATER)
    find_all(check, boss)
    assert as_(boss).post(f"/desk/checks/{check.id}/closure").status_code == 303
    item, asked = queries.items_of(check.id)[0], queries.requests_of(check.id)[0]
    with pytest.raises(Refusal, match="closed"):
        actions.find(item.id, Finding.FAULT, "改", boss, now=LATER)
    with pytest.raises(Refusal, match="closed"):
        actions.answer(asked.id, "晚了", None, world.chen, now=LATER)
    with pytest.raises(Exception, match="closed_check_stay"):
        db.session.execute(text("UPDATE check_item SET note = 'x'"))
    db.session.rollback()


def test_the_result_is_published_in_numbers_to_the_area_and_nowhere_else(world, station, boss, as_):
    check = draw(world, boss)
    items = queries.items_of(check.id)
    actions.find(items[0].id, Finding.NOT_PROVEN, "没有名册", boss, now=LATER)
    for item in items[1:]:
        actions.find(item.id, Finding.OK, "", boss, now=LATER)
    actions.close(check.id, boss, now=LATER)
    db.session.commit()
    assert "Nothing is published yet" in as_(world.lin).get("/checks").text
    assert as_(boss).post(f"/desk/checks/{check.id}/publication").status_code == 303
    for who in (world.lin, world.chen, world.qian):
        page = words(as_(who).get("/checks").text)
        assert "6 entries were looked at. In order: 5. Faults: 0. Not proven: 1." in page, who
        assert check.seed in page
        assert "众" not in page
        assert "没有名册" not in page
    outsider = make_volunteer("外人", world.other_station)
    assert "Nothing is published yet" in as_(outsider).get("/checks").text
    assert "Nothing is published yet" in as_(world.gu).get("/checks").text


def test_other_offices_see_nothing_of_it(world, station, boss, as_):
    check = draw(world, boss)
    item = queries.items_of(check.id)[0]
    for who in (world.pan, world.he):
        assert as_(who).get(f"/desk/checks/{check.id}").status_code == 404
        assert as_(who).post(f"/desk/check-items/{item.id}/finding", data={"result": "ok"}).status_code == 404
        assert as_(who).post(f"/desk/checks/{check.id}/closure").status_code == 404
    told = {"organization": world.station.id, "first": "2099-01-01", "last": "2099-12-31", "permille": "10"}
    assert as_(world.pan).post("/desk/checks", data=told).status_code == 404


def test_the_checked_organization_does_not_inspect_itself(world, station, boss, as_):
    check = draw(world, boss, organization=world.station)
    near = make_staff(Role.ADMINISTRATOR, world.station, "站管理员")
    assert as_(near).get(f"/desk/checks/{check.id}").status_code == 404
    assert "station" not in words(as_(near).get("/desk/checks").text)
    find_all(check, boss)
    with pytest.raises(Refusal, match="level above"):
        actions.close(check.id, near, now=LATER)


def test_a_check_is_drawn_on_the_page(world, station, boss, as_):
    told = {"organization": world.county.id, "first": "2099-01-01", "last": "2099-12-31", "permille": "0"}
    page = as_(boss).get("/desk/checks/new").text
    assert (world.station.name in page, world.other_station.name in page) == (True, False)
    assert as_(boss).post("/desk/checks", data=told).status_code == 422
    made = as_(boss).post("/desk/checks", data=told | {"permille": "100"})
    assert made.status_code == 303
    shown = words(as_(boss).get(made.headers["Location"]).text)
    assert "12 entries that count" in shown
    assert len(db.session.scalars(select(CheckItem)).all()) == 2
    assert "2 entries were looked at" in words(as_(boss).get("/desk/checks").text)


def test_the_pages_ask_as_often_for_many_entries_as_for_few(world, station, boss, as_):
    def asked(permille):
        check = draw(world, boss, permille=permille)
        browser = as_(boss)
        g.pop("unread", None)
        with counted() as statements:
            assert browser.get(f"/desk/checks/{check.id}").status_code == 200
        return len(statements)

    assert asked(1) == asked(1000) <= 8
    browser = as_(boss)
    g.pop("unread", None)
    with counted() as statements:
        browser.get("/desk/checks")
    assert len(statements) <= 8
