"""What is overdue is shown to the level above, in words, with its last day by the calendar, and told once a day."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import g
from sqlalchemy import select, text
from sqlalchemy.dialects import postgresql, sqlite

from blueprints.admin import queries as desk
from blueprints.claims import actions as claims
from blueprints.claims import marking
from blueprints.claims.models import AbsenceKind, Act
from blueprints.disputes import actions as disputes
from blueprints.disputes import reporting
from blueprints.disputes.models import Dispute, DisputeKind
from blueprints.identity.models import Account
from blueprints.inspections import actions, overdue, queries, upkeep
from blueprints.inspections.actions import Plan
from blueprints.inspections.models import Late
from blueprints.messages.models import Notice, NoticeKind
from blueprints.organizations.models import Limit, Setting
from blueprints.posts.models import Shift
from blueprints.public_notices import actions as public_notices
from blueprints.records import actions as records
from blueprints.records import queries as recorded
from blueprints.records import waiting
from blueprints.records.models import RecordSource
from core import clock, workdays
from core.actor import Role
from core.db import db
from core.workdays import CalendarDay, DayKind
from tests.attacks.conftest import words
from tests.claims.test_attendance import mark
from tests.claims.test_claiming import actor_of, claim
from tests.counting import counted
from tests.factories import (
    BEFORE,
    HOUR,
    START,
    give,
    make_organization,
    make_post,
    make_shift,
    make_staff,
    make_volunteer,
    saved,
)
from tests.records.test_entering import enter
from tests.records.test_ledger import DONE, hand_in, served

DAY = timedelta(days=1)
DUE = date(2099, 5, 18)  # ten working days after Monday, 4 May
LATE = START + 15 * DAY  # Tuesday, 19 May, in the morning
ADDRESS = "/desk/overdue"


def below(actor, now=LATE, only=None):
    """What somebody sees of the organizations below theirs."""
    return overdue.lines(actor.reach(*actions.LOOKERS), overdue.at(now), only=only)[0]


def told(actor, now=LATE):
    return [(line.kind, line.title, line.people, line.due_on, line.days) for line in below(actor, now)]


@pytest.fixture
def forgotten(world, shift):
    """Two people served, and nobody handed their times in."""
    served(world, shift, world.lin), served(world, shift, world.zhou)
    return shift


# --- the term ---------------------------------------------------------------------------------------------------


@pytest.fixture
def spring():
    """Spring Festival 2026 as it was announced: nine days off, two Saturdays of work."""
    for day in range(15, 24):
        saved(CalendarDay(day=date(2026, 2, day), kind=DayKind.HOLIDAY, name="春节", changed_at=BEFORE))
    for day in (14, 28):
        saved(CalendarDay(day=date(2026, 2, day), kind=DayKind.WORKDAY, name="春节调休", changed_at=BEFORE))


@pytest.fixture
def festive(world):
    """A shift on Friday, 6 February 2026, on which somebody served."""
    starts = datetime(2026, 2, 6, 1, tzinfo=UTC)
    shift = make_shift(make_post(world.station), starts_at=starts)
    person = make_volunteer("许知远", world.station, birth_date=date(1990, 1, 1))
    held = claim(shift, person, now=starts - 5 * DAY)
    for act, moment in ((Act.IN, starts), (Act.OUT, shift.ends_at)):
        mark(held, act, world.chen, moment)
    return shift


# The last day is Friday, 27 February: 9–13, Saturday 14, then 24–27. Saturday 28 is worked, Sunday is not.
COLOURS = [
    (date(2026, 2, 12), "info", None),
    (date(2026, 2, 13), "pending", None),  # five working days before
    (date(2026, 2, 20), "pending", None),  # in the middle of the festival nothing moves
    (date(2026, 2, 26), "pending", None),
    (date(2026, 2, 27), "danger", None),
    (date(2026, 2, 28), "danger", 1),
    (date(2026, 3, 1), "danger", 1),
    (date(2026, 3, 2), "danger", 2),
]


@pytest.mark.parametrize(("day", "tone", "late"), COLOURS)
def test_the_clock_of_ten_working_days_runs_by_the_calendar_for_times(world, spring, festive, day, tone, late):
    now = clock.at(day, clock.local(START).time())
    (due,) = waiting.dues([world.station.path], now)
    assert (due.due_on, due.tone) == (date(2026, 2, 27), tone)
    expected = [(Late.NOT_HANDED_IN, "社区图书角管理岗", 1, due.due_on, late)] if late else []
    assert told(world.wu, now) == expected


@pytest.mark.parametrize(("day", "tone", "late"), COLOURS)
def test_the_same_clock_runs_for_whoever_confirms(world, spring, festive, day, tone, late):
    hand_in(festive, world.chen, now=festive.ends_at + HOUR)
    now = clock.at(day, clock.local(START).time())
    ((group,), _more) = waiting.groups(world.wu, [world.town.path], day)
    assert (group.due_on, group.due_tone) == (date(2026, 2, 27), tone)
    expected = [(Late.NOT_CONFIRMED, "社区图书角管理岗", 1, group.due_on, late)] if late else []
    assert told(world.wu, now) == expected


def test_the_day_after_a_last_day_on_friday_is_overdue_though_nobody_works(world):
    saved(Setting(name=Limit.CONFIRM_WORKING_DAYS, value=4, changed_at=BEFORE))
    shift = make_shift(make_post(world.station))
    served(world, shift, world.lin)
    saturday = START + 5 * DAY
    assert told(world.wu, saturday - DAY) == []
    assert told(world.wu, saturday) == [(Late.NOT_HANDED_IN, "社区图书角管理岗", 1, date(2099, 5, 8), 0)]


def test_the_term_turned_round_is_the_term(spring):
    for count in (1, 3, 10):
        for step in range(60):
            day = date(2026, 1, 20) + step * DAY
            last = workdays.over_before(day, count)
            assert workdays.after(last, count) < day <= workdays.after(last + DAY, count)
    assert workdays.between(date(2026, 2, 13), date(2026, 2, 28)) == 6
    assert workdays.between(date(2026, 2, 28), date(2026, 2, 28)) == 0


# --- who sees it ------------------------------------------------------------------------------------------------


def test_the_level_above_sees_it_and_nobody_beside_or_below(world, forgotten, as_, at):
    at(LATE)
    near = make_staff(Role.CONFIRMER, world.station, "站确认")
    give(db.session.get(Account, near.account_id), Role.ADMINISTRATOR, world.station)
    chief = make_staff(Role.ADMINISTRATOR, world.city, "市主任")
    for who in (world.wu, world.qian, chief):
        page = words(as_(who).get(ADDRESS).text)
        assert "Times not handed in · 社区图书角管理岗" in page, who
        assert f"{world.station.name} waits since Mon 4 May · 2 people Overdue since yesterday" in page
        assert "one working day late" in page
    for who in (near, world.pan, world.he):
        assert "Nothing is overdue" in as_(who).get(ADDRESS).text
    for who in (world.chen, world.gu, world.lin):
        assert as_(who).get(ADDRESS).status_code == 403


def test_the_organization_itself_has_it_in_its_own_queue_as_before(world, forgotten, as_, at):
    at(LATE)
    assert "due yesterday" in words(as_(world.chen).get("/desk/hand-ins").text)


def test_one_organization_is_looked_at_alone_and_a_strange_one_does_not_exist(world, forgotten, as_, at):
    at(LATE)
    second = make_organization("菱塘社区志愿服务站", parent=world.town)
    other = make_shift(make_post(second, title="护河巡查岗"))
    held = claim(other, world.shen)
    mark(held, Act.IN, make_staff(Role.CLERK, second), START), db.session.commit()
    page = words(as_(world.wu).get(f"{ADDRESS}?organization={second.id}").text)
    assert ("护河巡查岗" in page, "社区图书角管理岗" in page) == (True, False)
    assert "All organizations" in page
    for strange in (world.other_station.id, world.town.id, world.city.id, 99_999):
        assert as_(world.wu).get(f"{ADDRESS}?organization={strange}").status_code == 404


def test_the_top_has_nobody_above_it_and_looks_at_itself(world):
    chief = make_staff(Role.ADMINISTRATOR, world.city, "市主任")
    clerk = make_staff(Role.CLERK, world.city, "市站务")
    shift = make_shift(make_post(world.city, title="市级活动"))
    mark(claim(shift, world.lin), Act.IN, clerk, START)
    assert [line.title for line in below(chief)] == ["市级活动"]
    assert below(world.qian) == []


def test_each_row_leads_where_whoever_looks_may_go(world, forgotten, as_, at):
    at(LATE)
    clerk = make_staff(Role.CLERK, world.county, "县站务")
    give(db.session.get(Account, clerk.account_id), Role.ADMINISTRATOR, world.county)
    for who, way in ((world.qian, f"/shifts/{forgotten.id}"), (clerk, f"/desk/shifts/{forgotten.id}/roster")):
        page = as_(who).get(ADDRESS).text
        assert f'href="{way}"' in page
        assert as_(who).get(way).status_code == 200


# --- what is overdue --------------------------------------------------------------------------------------------


def test_times_are_late_until_all_of_them_are_handed_in(world, forgotten):
    assert told(world.wu) == [(Late.NOT_HANDED_IN, "社区图书角管理岗", 2, DUE, 1)]
    hand_in(forgotten, world.chen, now=LATE)
    assert [kind for kind, *_ in told(world.wu)] == [Late.NOT_CONFIRMED]


def test_somebody_who_did_not_check_out_is_late_too_and_who_did_not_come_is_not(world, shift):
    claim(shift, world.zhou)
    served(world, shift, world.lin)
    mark(claim(shift, world.shen), Act.IN, world.chen, START)
    hand_in(shift, world.chen, counted=2)
    kinds = {line.kind: line.people for line in below(world.wu)}
    assert kinds == {Late.NOT_HANDED_IN: 1, Late.NOT_CONFIRMED: 1}


def test_what_was_undone_is_no_attendance(world, shift):
    held = claim(shift, world.lin)
    punch = mark(held, Act.IN, world.chen, START)
    claims.undo(punch.id, world.chen, now=START + HOUR)
    db.session.commit()
    assert [line.kind for line in below(world.wu)] == [Late.NOT_MARKED]


def test_a_shift_of_which_nobody_said_anything_is_late_while_something_can_be_said(world, shift):
    held = claim(shift, world.lin)
    claim(shift, world.zhou)
    make_shift(make_post(world.station))  # nobody held a place
    assert told(world.wu) == [(Late.NOT_MARKED, "社区图书角管理岗", 2, DUE, 1)]
    assert below(world.wu, START + 31 * DAY) == []
    marking.note(held.id, AbsenceKind.NO_SHOW, world.chen, now=LATE)
    assert below(world.wu) == []


def test_a_cancelled_shift_is_never_late(world, forgotten):
    shift = db.session.get_one(Shift, forgotten.id)
    shift.state, shift.cancelled_at = "cancelled", START
    db.session.commit()
    assert below(world.wu) == []


def test_entries_of_a_shift_stand_together_and_what_waits_higher_is_named_so(world, forgotten, as_, at):
    at(LATE)
    made = hand_in(forgotten, world.chen)
    made[0].levels_up = 1
    db.session.commit()
    assert told(world.wu) == [(Late.NOT_CONFIRMED, "社区图书角管理岗", 2, DUE, 1)]
    records.confirm_marked(made[0].id, world.wu, reason="核实", now=DONE)
    db.session.commit()
    assert sorted(line.kind for line in below(world.qian)) == [Late.NOT_APPROVED, Late.NOT_CONFIRMED]
    page = as_(world.qian).get(ADDRESS).text
    assert f'href="/desk/shifts/{forgotten.id}/record-sheet"' in page
    assert as_(world.qian).get(f"/desk/shifts/{forgotten.id}/record-sheet").status_code == 200


def test_an_entry_without_a_shift_waits_from_its_entering(world, as_, at):
    record = enter(world, source=RecordSource.IMPORT)
    late = clock.day_span(record.due_on + DAY)[0] + HOUR
    at(late)
    (line,) = below(world.wu, late)
    assert (line.kind, line.id, line.since) == (Late.NOT_CONFIRMED, -record.id, record.handed_in_at)
    assert f'href="/desk/records/{record.id}"' in as_(world.wu).get(ADDRESS).text


def test_a_disputed_entry_waits_for_the_dispute_which_has_its_own_term(world, forgotten, zhu, as_, at):
    record = hand_in(forgotten, world.chen)[0]
    records.confirm([hand_in_of(record, forgotten)], world.wu, now=DONE)
    made = disputes.file(record.id, DisputeKind.NOT_ME, actor_of(world.lin), now=LATE)
    db.session.commit()
    assert below(world.wu) == []
    late = clock.day_span(made.due_on + DAY)[0] + 2 * HOUR
    assert below(world.wu, late - DAY) == []
    (line,) = below(world.wu, late)
    assert (line.kind, line.id, line.due_on, line.since) == (Late.DISPUTE, made.id, made.due_on, made.filed_at)
    at(late)
    link = f'href="/desk/disputes/{made.id}"'
    assert link in as_(world.wu).get(ADDRESS).text
    assert as_(world.wu).get(f"/desk/disputes/{made.id}").status_code == 200
    page = as_(world.qian).get(ADDRESS).text
    assert "Dispute not decided" in page
    assert link not in page, "an administrator opens no dispute"


def hand_in_of(record, shift):
    """The other entry of the shift."""
    ids = [each.id for each in db.session.scalars(recorded.standing_of_shift(shift.id))]
    return next(id for id in ids if id != record.id)


def test_objections_and_reports_are_late_after_their_last_day(world, zhu, as_, at):
    record = enter(world, source=RecordSource.IMPORT)
    records.confirm([record.id], world.wu, now=record.handed_in_at)
    said = public_notices.object_to(record.id, actor_of(world.zhou), words="没有这回事", now=record.handed_in_at)
    person = {"phone": "+8613900000000", "last_four": "1234", "birthday": "0301"}
    report, _code = reporting.file(**person, words="不是我登记的。", contact="-", now=record.handed_in_at)
    report.organization_id = world.town.id
    db.session.commit()
    late = clock.day_span(max(said.due_on, report.due_on) + DAY)[0] + HOUR
    assert [(line.kind, line.id) for line in below(zhu, late)] == [
        (Late.OBJECTION, said.id),
        (Late.REPORT, report.id),
    ]
    assert [line.kind for line in below(world.wu, late)] == [Late.OBJECTION], "the report is the town's own"
    at(late)
    page = as_(zhu).get(ADDRESS).text
    for way in (f"/desk/objections/{said.id}", f"/desk/identity-reports/{report.id}"):
        assert f'href="{way}"' in page
        assert as_(zhu).get(way).status_code == 200


def test_evidence_is_late_and_only_those_who_check_open_the_check(world, forgotten, zhu, as_, at):
    records.confirm([made.id for made in hand_in(forgotten, world.chen)], world.wu, now=DONE)
    chief = make_staff(Role.CONFIRMER, world.city, "市督导")
    plan = Plan(world.county.id, date(2099, 1, 1), date(2099, 12, 31), 1000, False)
    check = actions.draw(actions.sample(plan, chief, now=DONE), chief, now=DONE)
    db.session.commit()
    late = clock.day_span(check.due_on + DAY)[0] + HOUR
    assert below(zhu, late - DAY) == []
    assert [(line.kind, line.id, line.opens) for line in below(chief, late)] == [(Late.EVIDENCE, check.id, True)]
    assert [(line.kind, line.opens) for line in below(world.wu, late)] == [(Late.EVIDENCE, False)]
    at(late)
    assert f'href="/desk/checks/{check.id}"' in as_(chief).get(ADDRESS).text
    assert f'href="/desk/checks/{check.id}"' not in as_(world.wu).get(ADDRESS).text
    actions.answer(queries.requests_of(check.id)[0].id, "见名册", None, world.chen, now=late)
    db.session.commit()
    assert below(chief, late) == []


def test_the_oldest_comes_first_whatever_it_is(world, forgotten):
    earlier = make_shift(make_post(world.station, title="早岗"), starts_at=START - DAY)
    later = make_shift(make_post(world.station, title="晚岗"), starts_at=START + 3 * HOUR)
    for shift in (earlier, later):
        mark(claim(shift, world.lin), Act.IN, world.chen, shift.starts_at)
    hand_in(forgotten, world.chen)
    assert [line.title for line in below(world.wu)] == ["早岗", "社区图书角管理岗", "晚岗"]


# --- the pages --------------------------------------------------------------------------------------------------


def many(world, first, last):
    post = make_post(world.station, title="很多岗")
    for number in range(first, last):
        shift = make_shift(post, starts_at=START - (number + 1) * 3 * HOUR)
        mark(claim(shift, world.lin, now=BEFORE - 20 * DAY), Act.IN, world.chen, shift.starts_at)


def test_the_page_asks_as_often_for_many_rows_as_for_one_and_turns(world, forgotten, as_, at):
    at(LATE)
    browser = as_(world.wu)

    def asked(address=ADDRESS):
        g.pop("unread", None), g.pop("waiting", None)
        with counted() as statements:
            page = browser.get(address)
        assert page.status_code == 200
        return len(statements), page.text.count('class="row__title"')

    one = asked()
    many(world, 0, 9)
    ten = asked()
    many(world, 9, 99)
    hundred = asked()
    assert (one[1], ten[1], hundred[1]) == (1, 10, overdue.PAGE)
    assert one[0] == ten[0] == hundred[0] <= 8
    assert asked(f"{ADDRESS}?page=4")[1] == 10
    first = browser.get(ADDRESS).text
    assert f'href="{ADDRESS}?page=2"' in first


def test_the_page_is_chinese_too_and_says_what_an_empty_one_is_for(world, forgotten, as_, at):
    at(LATE)
    browser = as_(world.wu)
    browser.set_cookie("prefs", "zh_Hans.normal.auto")
    page = words(browser.get(ADDRESS).text)
    assert "逾期" in page
    assert "时间未提交 · 社区图书角管理岗" in page
    assert "逾期 1 个工作日" in page
    browser = as_(world.pan)
    browser.set_cookie("prefs", "zh_Hans.normal.auto")
    assert "没有逾期事项" in words(browser.get(ADDRESS).text)


def test_the_desk_says_how_much_is_overdue_to_those_above_only(world, forgotten, as_, at):
    at(LATE)
    assert "Overdue below" in as_(world.wu).get("/desk").text
    assert "Overdue below" in as_(world.qian).get("/desk").text
    assert "Overdue below" not in as_(world.chen).get("/desk").text
    page = as_(world.pan).get("/desk").text
    assert "Overdue below" not in page
    assert f'href="{ADDRESS}"' in page, "the way there stands in the menu"


def test_counting_stops_where_a_number_says_nothing_more(world, forgotten, monkeypatch):
    many(world, 0, 4)
    assert desk.waiting(world.wu, overdue.at(LATE)).overdue == 5
    monkeypatch.setattr(desk, "MOST_COUNTED", 3)
    assert desk.waiting(world.wu, overdue.at(LATE)).overdue == 3
    assert desk.waiting(world.chen).overdue == 0


def test_places_to_hand_in_are_found_by_their_index_and_not_among_all_that_ever_were(app, world):
    """Neither database may walk over a million claims for it."""
    paths, engine = [world.town.path], db.engine.dialect.name
    late = overdue._shifts(queries.above(paths), overdue.at(LATE))
    dialect = {"sqlite": sqlite, "postgresql": postgresql}[engine].dialect()
    statement = late.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    if engine == "postgresql":
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
    explain = "EXPLAIN QUERY PLAN " if engine == "sqlite" else "EXPLAIN "
    plan = "\n".join(str(row) for row in db.session.execute(text(explain + str(statement).replace(":", "\\:"))))
    assert "ix_claim_to_hand_in" in plan, plan


# --- telling ----------------------------------------------------------------------------------------------------


def messages():
    db.session.expire_all()
    found = select(Notice).where(Notice.kind == NoticeKind.RECORD_OVERDUE).order_by(Notice.id)
    return [(notice.account_id, notice.values["count"]) for notice in db.session.scalars(found)]


def work(now):
    """What the worker does at a moment."""
    is_due, act = upkeep.STEPS[1]
    done = act(now) if is_due(now) else None
    db.session.commit()
    return done


def test_the_nearest_level_above_is_told_once_when_something_becomes_overdue(world, forgotten, zhu, as_):
    many(world, 0, 1)
    tuesday = LATE
    assert work(tuesday - DAY) == 0, "nothing is overdue on its last day"
    assert (work(tuesday), messages()) == (1, [(world.wu.account_id, 2)])
    assert (work(tuesday + HOUR), len(messages())) == (None, 1)
    assert (work(tuesday + DAY), len(messages())) == (0, 1)
    assert "2 things of organizations below yours became overdue" in as_(world.wu).get("/me/inbox").text


def test_a_message_tells_only_what_became_overdue_since_the_last_one(world, forgotten):
    work(LATE)
    next_day = make_shift(make_post(world.station, title="次日岗"), starts_at=START + DAY)
    mark(claim(next_day, world.lin), Act.IN, world.chen, next_day.starts_at)
    assert work(LATE + DAY) == 1
    assert messages() == [(world.wu.account_id, 1), (world.wu.account_id, 1)]


def test_nobody_is_told_at_night_or_on_a_free_day_and_what_was_left_out_comes_on_the_next(world, shift):
    friday = START + 4 * DAY
    later = make_shift(make_post(world.station), starts_at=friday)
    mark(claim(later, world.lin), Act.IN, world.chen, friday)
    over = date(2099, 5, 22)  # a Friday
    assert workdays.after(clock.today(friday), 10) == over
    morning = clock.day_span(over)[0] + 9 * HOUR
    assert work(morning) == 0
    assert work(morning + DAY) is None, "it is Saturday"
    assert work(morning + 3 * DAY - 2 * HOUR) is None, "it is seven o'clock"
    assert work(morning + 3 * DAY) == 1
    assert messages() == [(world.wu.account_id, 1)]


def test_where_nobody_looks_the_next_level_is_told(world):
    chen = world.gu
    shift = make_shift(make_post(world.other_station))
    mark(claim(shift, make_volunteer("外人", world.other_station)), Act.IN, chen, START)
    assert work(LATE) == 2
    assert {account for account, _count in messages()} == {world.pan.account_id, world.he.account_id}
    found = queries.lookers_over([world.other_county.id, world.city.id])
    assert found == {world.other_county.id: [], world.city.id: []}
    chief = make_staff(Role.ADMINISTRATOR, world.city, "市主任")
    assert queries.lookers_over([world.city.id]) == {world.city.id: [chief.account_id]}


def test_a_dispute_that_became_overdue_is_told_by_its_last_day(world, forgotten):
    record = hand_in(forgotten, world.chen)[0]
    made = disputes.file(record.id, DisputeKind.WRONG, actor_of(world.lin), words="早退", now=DONE)
    db.session.commit()
    assert db.session.scalars(select(Dispute.due_on)).one() == made.due_on
    late = clock.day_span(made.due_on + DAY)[0] + 9 * HOUR
    span = overdue.at(late, first=made.due_on)
    assert overdue.by_organization(span) == {world.station.id: 2}, "the other entry, and the dispute"
    assert overdue.by_organization(overdue.at(late, first=made.due_on + DAY)) == {}
