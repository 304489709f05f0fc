"""What looks odd is shown to the level above with its reason, once, and blocks nobody; and what is ordinary is not."""

from datetime import date, timedelta

import pytest
from flask import g
from sqlalchemy import event, select, text

from blueprints.admin import worker
from blueprints.claims import actions as claims
from blueprints.claims import marking
from blueprints.claims.models import AbsenceKind, Act
from blueprints.identity.models import Account, Volunteer
from blueprints.inspections import actions, queries, upkeep, words
from blueprints.inspections.models import FlagState, RiskFlag, RiskRow, Rule, Subject
from blueprints.kiosk.models import Flag, FlagKind
from blueprints.organizations.models import Limit, Setting
from blueprints.posts.models import Category
from blueprints.records import actions as records
from blueprints.records import attempts
from blueprints.records.models import ENTRY, Bar, RecordState, RefusedAttempt, ServiceRecord, Tried
from blueprints.rollcall import actions as rollcall
from core.actor import Role
from core.db import db
from core.refusal import Barred, Refusal
from tests.claims.test_attendance import END, MINUTE, mark, settle
from tests.claims.test_claiming import claim
from tests.counting import counted
from tests.factories import (
    BEFORE,
    HOUR,
    START,
    give,
    make_account,
    make_post,
    make_shift,
    make_staff,
    make_volunteer,
    saved,
)
from tests.records.test_ledger import DONE, hand_in, served

LATER = START + 30 * HOUR
PATHS = ["/"]


def people(world, count):
    return [make_volunteer(f"众{number}", world.station) for number in range(count)]


def look(now=DONE):
    raised = upkeep.look(now)
    db.session.commit()
    return raised


def found(rule=None):
    db.session.expire_all()
    flags = db.session.scalars(select(RiskFlag).order_by(RiskFlag.id))
    return [flag for flag in flags if rule is None or flag.rule is rule]


def set_limit(name, value):
    saved(Setting(name=name, value=value, changed_at=BEFORE))


def sentence(flag):
    return words.reason(flag)


@pytest.fixture
def record(world, shift):
    """An ordinary entry, to which nothing is odd."""
    served(world, shift, world.lin)
    return hand_in(shift, world.chen)[0]


# --- each rule, and what it leaves alone ------------------------------------------------------------------------


def test_an_ordinary_entry_raises_nothing_and_is_not_looked_at_twice(record):
    assert upkeep.is_due(DONE)
    assert (look(), found(), upkeep.is_due(DONE)) == (0, [], False)


def test_an_entry_minutes_after_the_account_was_made(world, shift):
    fresh = make_volunteer("新来", world.station, account=saved(account("新来", DONE - 6 * MINUTE)))
    served(world, shift, fresh), served(world, shift, world.lin)
    hand_in(shift, world.chen)
    look()
    [flag] = found()
    assert (flag.rule, flag.subject, flag.organization_id) == (Rule.FRESH_ACCOUNT, Subject.RECORD, world.station.id)
    assert sentence(flag) == "The times were handed in 6 min after the person's account was made."


def account(name, created_at):
    made = Account(name=name, phone=f"+86188{abs(hash(name)) % 10**8:08d}", created_at=created_at)
    made.claimed_at = created_at
    return made


def test_a_post_that_was_made_minutes_before(world):
    post = make_post(world.station, published_at=START - 5 * MINUTE)
    shift = make_shift(post)
    served(world, shift, world.lin)
    hand_in(shift, world.chen)
    look()
    assert [flag.rule for flag in found()] == [Rule.FRESH_POST]


def test_service_at_a_door_at_night_and_none_in_the_morning_or_in_the_street(world):
    doors, street = (make_post(world.station, category=c) for c in (Category.ELDERS, Category.TRAFFIC))
    for post, hours, who in ((doors, 13, world.lin), (doors, 24, world.zhou), (street, 13, world.shen)):
        shift = make_shift(post, starts_at=START + hours * HOUR)
        held = claim(shift, who)
        mark(held, Act.IN, world.chen, shift.starts_at)
        mark(held, Act.OUT, world.chen, shift.ends_at)
        hand_in(shift, world.chen, now=shift.ends_at + MINUTE)
    look(START + 50 * HOUR)
    [flag] = found(Rule.AT_NIGHT)
    row = db.session.get(ServiceRecord, flag.subject_id)
    assert (row.category, row.started_at) == (Category.ELDERS, START + 13 * HOUR)


@pytest.mark.parametrize(("others", "raised"), [(2, 0), (3, 1)])
def test_one_phone_for_more_than_three_people(record, others, raised):
    saved(Flag(claim_id=record.claim_id, kind=FlagKind.SHARED_DEVICE, details={"others": others}, raised_at=START))
    look()
    assert len(found(Rule.SHARED_DEVICE)) == raised


def test_two_places_at_once_by_two_entries(world, record):
    """The claims cannot overlap, but entries of other sources and altered times can."""
    copy = {column.name: getattr(record, column.name) for column in ServiceRecord.__table__.columns}
    copy |= {"id": None, "claim_id": None, "source": "import", "evidence": "D", "organization_id": world.town.id}
    del copy["id"]
    other = ServiceRecord(**copy)
    other.started_at, other.ended_at = START + HOUR, END + HOUR
    saved(other)
    look()
    flags = found(Rule.TWO_PLACES)
    assert {flag.subject_id for flag in flags} == {record.id, other.id}
    assert "for 1 h" in sentence(flags[0])
    assert len(db.session.scalars(select(RiskRow.record_id).where(RiskRow.flag_id == flags[0].id)).all()) == 2


def test_shifts_that_follow_each_other_are_no_two_places(world):
    for number in range(2):
        shift = make_shift(make_post(world.station), starts_at=START + 2 * number * HOUR)
        held = claim(shift, world.lin)
        mark(held, Act.IN, world.chen, shift.starts_at - 10 * MINUTE)
        mark(held, Act.OUT, world.chen, shift.ends_at + 10 * MINUTE)
        hand_in(shift, world.chen, now=shift.ends_at + 11 * MINUTE)
    look(START + 5 * HOUR)
    assert found(Rule.TWO_PLACES) == []


def test_hours_on_a_day_on_which_the_person_was_absent_elsewhere(world, record):
    late = make_shift(make_post(world.station), starts_at=START + 5 * HOUR)
    missed = claim(late, world.lin)
    marking.note(missed.id, AbsenceKind.EXCUSED, world.chen, now=START + 8 * HOUR)
    db.session.commit()
    look(START + 9 * HOUR)
    assert [flag.subject_id for flag in found(Rule.ABSENT)] == [record.id]


def test_marks_long_after_the_shift_unless_a_photo_of_the_sheet_is_there(world):
    first, second = (
        make_shift(make_post(world.station)),
        make_shift(make_post(world.station), starts_at=START + HOUR * 3),
    )
    for each in (first, second):
        settle(claim(each, world.lin), world.chen, each.starts_at, each.ends_at, now=LATER + 10 * HOUR)
    rollcall.keep_picture(second.id, b"picture", world.chen, now=LATER)
    db.session.commit()
    for each in (first, second):
        hand_in(each, world.chen, now=LATER + 10 * HOUR)
    look(LATER + 11 * HOUR)
    [flag] = found(Rule.LATE_MARKS)
    assert sentence(flag) == "The attendance was marked 38 hours after the shift, without a photo of a sheet."


def test_identical_minutes_of_many_that_are_no_plan(world, shift):
    crowd = people(world, 12)
    for each in crowd:
        served(world, shift, each, end=97)
    hand_in(shift, world.chen)
    look()
    [flag] = found(Rule.IDENTICAL)
    assert (flag.subject, flag.subject_id, flag.details) == (
        Subject.PERSON,
        world.chen.account_id,
        {"people": 12, "minutes": 97},
    )


def test_a_shift_that_everybody_served_to_the_end_is_no_identical_crowd(world, shift):
    for each in people(world, 12):
        served(world, shift, each)
    hand_in(shift, world.chen)
    look()
    assert found(Rule.IDENTICAL) == []
    [flag] = found(Rule.ALL_AT_DESK)
    assert (flag.subject, flag.subject_id) == (Subject.SHIFT, shift.id)


def test_one_who_left_early_or_checked_in_alone_makes_the_plan_ordinary(world, shift):
    crowd = people(world, 12)
    for number, each in enumerate(crowd):
        served(world, shift, each, end=120 if number else 100)
    hand_in(shift, world.chen)
    look()
    assert found(Rule.ALL_AT_DESK) == []


def test_hours_typed_in_within_two_minutes(world):
    long = make_shift(make_post(world.station), places=9, hours=5)
    for number, each in enumerate([world.lin, world.zhou, world.shen]):
        settle(claim(long, each), world.chen, START, START + 5 * HOUR, now=START + 6 * HOUR + number * MINUTE)
    hand_in(long, world.chen, now=START + 7 * HOUR)
    look(START + 7 * HOUR)
    [flag] = found(Rule.TYPED_FAST)
    assert (flag.subject_id, flag.details) == (world.chen.account_id, {"minutes": 900, "people": 3})


def test_hours_typed_in_over_an_afternoon_are_ordinary(world):
    long = make_shift(make_post(world.station), places=9, hours=4)
    for number, each in enumerate([world.lin, world.zhou, world.shen]):
        settle(claim(long, each), world.chen, START, START + 4 * HOUR, now=START + 5 * HOUR + number * 5 * MINUTE)
    hand_in(long, world.chen, now=START + 7 * HOUR)
    look(START + 7 * HOUR)
    assert found(Rule.TYPED_FAST) == []


@pytest.mark.parametrize(("late", "raised"), [(3, 0), (4, 1)])
def test_a_recorder_with_more_than_a_share_entered_afterwards(world, late, raised):
    crowd = people(world, 10)
    shift = make_shift(make_post(world.station), places=10)
    for number, each in enumerate(crowd):
        if number < late:
            settle(claim(shift, each), world.chen, START, END - number * MINUTE, now=LATER + number * 9 * MINUTE)
        else:
            served(world, shift, each, end=100 + number)
    hand_in(shift, world.chen, now=LATER + 2 * HOUR)
    look(LATER + 2 * HOUR)
    flags = found(Rule.AFTERWARDS)
    assert [flag.details for flag in flags] == [{"percent": 40, "entries": 10}] * raised


def entries_of(world, volunteer, count, clerk, confirmer, first=0):
    """Ordinary services, one a day, recorded by one and confirmed by the other."""
    for number in range(first, first + count):
        shift = make_shift(make_post(world.station), starts_at=START + number * 24 * HOUR)
        held = claim(shift, volunteer, now=BEFORE)
        claims.punch(held.id, Act.IN, clerk, now=shift.starts_at)
        claims.punch(held.id, Act.OUT, clerk, now=shift.ends_at)
        done = shift.ends_at + MINUTE
        records.confirm([records.hand_in(shift.id, clerk, now=done)[0].id], confirmer, now=done)
    db.session.commit()


def test_two_who_confirm_each_other(world):
    chen = give(db.session.get(Account, world.chen.account_id), Role.CONFIRMER, world.station)
    colleague = make_account("徐站务")
    give(colleague, Role.CLERK, world.station)
    xu = give(colleague, Role.CONFIRMER, world.station)
    entries_of(world, world.lin, 5, chen, xu)
    entries_of(world, world.zhou, 5, xu, chen, first=5)
    look(START + 11 * 24 * HOUR)
    flags = found(Rule.MUTUAL)
    assert {flag.subject_id for flag in flags} == {chen.account_id, xu.account_id}
    assert sentence(flags[0]) == "Two people confirm each other: 5 entries one way and 5 the other lately."


def test_a_pair_whose_entries_go_to_one_person(world):
    entries_of(world, world.lin, 6, world.chen, world.wu)
    entries_of(world, world.zhou, 4, world.chen, world.wu, first=6)
    look(START + 11 * 24 * HOUR)
    [flag] = found(Rule.FRIENDS)
    assert (flag.subject_id, flag.details) == (world.chen.account_id, {"percent": 60, "entries": 10})


def test_a_pair_that_serves_everybody_is_ordinary(world):
    for number, each in enumerate([world.lin, world.zhou, world.shen, *people(world, 2)]):
        entries_of(world, each, 2, world.chen, world.wu, first=2 * number)
    look(START + 11 * 24 * HOUR)
    assert found(Rule.FRIENDS) == found(Rule.MUTUAL) == []


@pytest.mark.parametrize(("count", "raised"), [(4, 0), (5, 1)])
def test_a_crowd_of_very_old_people_registered_by_one(world, count, raised):
    for number in range(count):
        made = make_account(f"老人{number}", claimed_at=None, created_by_id=world.chen.account_id)
        make_volunteer("老人", world.station, account=made, birth_date=date(2015, 1, 1))
    look(BEFORE + HOUR)
    flags = found(Rule.AGES)
    assert [(flag.subject_id, flag.details) for flag in flags] == [(world.chen.account_id, {"people": 5})] * raised


def test_people_of_every_age_are_no_crowd(world):
    for number in range(8):
        made = make_account(f"居民{number}", claimed_at=None, created_by_id=world.chen.account_id)
        make_volunteer("居民", world.station, account=made, birth_date=date(2060, 1, 1))
    look(BEFORE + HOUR)
    assert found(Rule.AGES) == []


def test_who_is_refused_again_and_again(world, record):
    for number in range(3):
        attempts.keep(Tried.CONFIRM, Bar.NO_ROLE, (ENTRY, record.id), world.chen, now=DONE + number * HOUR)
    db.session.commit()
    look(DONE + 4 * HOUR)
    [flag] = found(Rule.ATTEMPTS)
    assert (flag.subject_id, sentence(flag)) == (world.chen.account_id, "This person was refused 3 times lately.")


def test_a_number_of_the_rules_moves_a_rule(world, shift):
    set_limit(Limit.RISK_CROWD, 4)
    for each in people(world, 4):
        served(world, shift, each, end=97)
    hand_in(shift, world.chen)
    look()
    assert len(found(Rule.IDENTICAL)) == 1


# --- once, in order, and without a scan -------------------------------------------------------------------------


def test_a_flag_is_raised_once_and_grows_while_it_is_open(world, shift):
    for each in people(world, 12):
        served(world, shift, each, end=97)
    hand_in(shift, world.chen)
    assert (look() > 0, look()) == (True, 0)
    [flag] = found(Rule.IDENTICAL)
    assert len(db.session.scalars(select(RiskRow).where(RiskRow.flag_id == flag.id)).all()) == 12


def test_the_worker_looks(world, shift, monkeypatch, at):
    served(world, shift, make_volunteer("新来", world.station, account=saved(account("新来", DONE - MINUTE))))
    hand_in(shift, world.chen)
    at(DONE)
    assert worker.look_for_risks(now=DONE) == 1
    assert worker.look_for_risks(now=DONE) == 0


def test_no_rule_reads_a_whole_table(world, record):
    """Every question about entries goes by an index; the newest by their number."""
    statements = []

    def note(_connection, _cursor, statement, parameters, *_rest):
        if statement.lstrip().upper().startswith("SELECT") and "service_record" in statement:
            statements.append((statement, parameters))

    engine = db.session.connection().engine
    event.listen(engine, "before_cursor_execute", note)
    look()
    event.remove(engine, "before_cursor_execute", note)
    assert len(statements) > 5
    if db.engine.dialect.name == "sqlite":
        for statement, parameters in statements:
            plan = [
                row[3] for row in db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]
            assert not [step for step in plan if step.startswith("SCAN service_record") and "INDEX" not in step], plan


# --- who sees and who decides -----------------------------------------------------------------------------------


@pytest.fixture
def flag(world, shift):
    served(world, shift, make_volunteer("新来", world.station, account=saved(account("新来", DONE - 6 * MINUTE))))
    hand_in(shift, world.chen)
    look()
    return found()[0]


def test_only_the_level_above_sees_it(world, as_, zhu, flag):
    near = make_staff(Role.CONFIRMER, world.station, "近确认")
    for who, status in (
        (zhu, 200),
        (world.wu, 200),
        (world.qian, 200),
        (near, 404),
        (world.pan, 404),
        (world.chen, 403),
    ):
        assert as_(who).get(f"/desk/risks/{flag.id}").status_code == status, who.name
        page = as_(who).get("/desk/risks")
        assert (page.status_code == 200 and "minutes before" in page.text.partition('<ul class="rows">')[2]) == (
            status == 200
        )


def test_the_owner_sees_nothing_of_it_and_nothing_waits_for_it(world, as_, flag):
    entry = db.session.get(ServiceRecord, flag.subject_id)
    assert records.confirm([entry.id], world.wu, now=DONE)[0].state is RecordState.EFFECTIVE
    page = as_(db.session.get(Volunteer, entry.volunteer_id)).get(f"/me/records/{entry.id}")
    assert page.status_code == 200
    assert "minutes before" not in page.text
    assert "risk" not in page.text.lower()


def test_what_was_found_is_kept_and_never_changes(world, as_, zhu, flag):
    browser = as_(zhu)
    assert browser.post(f"/desk/risks/{flag.id}/finding", data={"finding": ""}).status_code == 422
    told = {"finding": "已核对现场照片，无误"}
    assert browser.post(f"/desk/risks/{flag.id}/finding", data=told).status_code == 303
    assert "已核对现场照片" in browser.get(f"/desk/risks/{flag.id}").text
    assert browser.post(f"/desk/risks/{flag.id}/finding", data=told).status_code == 409
    assert "Nothing looks odd" in browser.get("/desk/risks").text
    assert "Account made minutes before" in browser.get("/desk/risks?state=looked_at").text
    for statement in ("UPDATE risk_flag SET finding = 'x'", "DELETE FROM risk_flag"):
        with pytest.raises(Exception, match=r"never_changes|never_deleted|FOREIGN|foreign"):
            db.session.execute(text(statement))
        db.session.rollback()


def test_who_took_part_does_not_decide_and_that_leaves_a_trace(world, as_, flag):
    records.confirm([flag.subject_id], world.wu, now=DONE)
    db.session.commit()
    answer = as_(world.wu).post(f"/desk/risks/{flag.id}/finding", data={"finding": "没问题"})
    assert (answer.status_code, "You took part" in answer.text) == (409, True)
    assert db.session.scalar(select(RefusedAttempt.tried)) is Tried.DISMISS
    assert found()[0].state is FlagState.OPEN


def test_a_clerk_raised_to_the_level_above_does_not_decide_on_their_own_flag(world, shift):
    for each in people(world, 12):
        served(world, shift, each, end=97)
    hand_in(shift, world.chen)
    look()
    raised = give(db.session.get(Account, world.chen.account_id), Role.ADMINISTRATOR, world.county)
    with pytest.raises(Barred, match="You took part"):
        actions.look_at(found(Rule.IDENTICAL)[0].id, raised, finding="无误", now=DONE)


def test_the_station_itself_does_not_decide(world, flag):
    near = make_staff(Role.ADMINISTRATOR, world.station, "站管理员")
    with pytest.raises(Refusal, match="level above"):
        actions.look_at(flag.id, near, finding="无误", now=DONE)


def test_nobody_stands_above_the_top(world):
    boss = make_staff(Role.ADMINISTRATOR, world.city, "市主任")
    assert actions.is_above(boss, world.city)
    assert not actions.is_above(world.qian, world.county)
    assert actions.is_above(world.qian, world.station)


def test_the_list_asks_as_often_for_a_hundred_flags_as_for_ten(world, as_, record):
    def asked(count):
        for number in range(count):
            flag = RiskFlag(rule=Rule.ABSENT, subject=Subject.RECORD, subject_id=record.id, details={})
            flag.month, flag.organization_id, flag.raised_at = (
                date(2000 + count, 1, 1) + timedelta(number),
                world.station.id,
                DONE,
            )
            db.session.add(flag)
        db.session.commit()
        browser = as_(world.wu)
        g.pop("unread", None)
        with counted() as statements:
            assert browser.get("/desk/risks").status_code == 200
        return len(statements)

    few, many = asked(10), asked(100)
    assert few == many <= 8
    assert "Next page" in as_(world.wu).get("/desk/risks").text
    assert len(queries.flags(world.wu.reach(Role.CONFIRMER), FlagState.OPEN, Rule.AT_NIGHT)) == 0
