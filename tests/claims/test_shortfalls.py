"""Too few people at the cut-off: the clerks are asked once, and each answer is a row with who, when and why."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from blueprints.admin import worker
from blueprints.claims import actions, shortfalls, shortness
from blueprints.claims.models import Claim, ClaimState, Remedy, Shortfall, ShortfallAnswer, Source
from blueprints.messages.models import Bulletin, BulletinKind, Notice, NoticeKind, Robot, RobotKind
from blueprints.messages.words import announced
from blueprints.posts.models import Category, ShiftState
from core import vault
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import claim, kinds
from tests.factories import (
    BEFORE,
    HOUR,
    START,
    make_organization,
    make_post,
    make_shift,
    make_volunteer,
    make_world,
    saved,
    sign_in,
)

DAY = timedelta(days=1)
CUT_OFF = START - 24 * HOUR


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def post(world):
    return make_post(world.station)


@pytest.fixture
def shift(post):
    return make_shift(post, places=4, minimum=2, cut_off_hours=24)


@pytest.fixture
def short(world, shift):
    """One of two people came forward, and the clerk was asked."""
    claim(shift, world.lin)
    assert worker.keep_places(now=CUT_OFF) == 1
    return shift


def test_the_group_chat_of_the_station_hears_how_many_are_missing_and_no_name(world, shift):
    robot = Robot(organization_id=world.station.id, kind=RobotKind.WECOM, name="站点群", sealed=vault.seal("{}"))
    robot.created_at, robot.created_by_id = BEFORE, world.qian.account_id
    saved(robot)
    claim(shift, world.lin)
    worker.keep_places(now=CUT_OFF)
    bulletin = db.session.scalars(select(Bulletin)).one()
    assert bulletin.kind is BulletinKind.SHIFT_SHORT
    assert "1 of at least 2" in announced(bulletin)
    assert "林" not in announced(bulletin)


def told(account_id):
    return list(db.session.scalars(select(Notice.kind).where(Notice.account_id == account_id).order_by(Notice.id)))


def answers():
    return list(db.session.scalars(select(ShortfallAnswer).order_by(ShortfallAnswer.id)))


def test_the_clerk_is_asked_once_at_the_cut_off(world, shift):
    claim(shift, world.lin)
    assert worker.keep_places(now=CUT_OFF - HOUR) == 0
    assert worker.keep_places(now=CUT_OFF) == 1
    assert worker.keep_places(now=CUT_OFF + HOUR) == 0
    row = db.session.scalars(select(Shortfall)).one()
    assert (row.held, row.minimum, row.for_start) == (1, 2, START)
    assert told(world.chen.account_id) == [NoticeKind.SHIFT_SHORT]


def test_nobody_is_asked_when_enough_people_hold_a_place(world, shift):
    claim(shift, world.lin), claim(shift, world.zhou)
    assert worker.keep_places(now=CUT_OFF) == 0


def test_somebody_who_gives_up_after_the_cut_off_makes_it_a_question(world, shift):
    held = claim(shift, world.lin)
    claim(shift, world.zhou)
    assert worker.keep_places(now=CUT_OFF) == 0
    actions.release(held.id, world.chen, reason="来电取消", now=CUT_OFF + HOUR)
    db.session.commit()
    assert worker.keep_places(now=CUT_OFF + 2 * HOUR) == 1


def test_a_shift_that_moves_is_counted_again(world, short):
    values = {"starts_at": START + 48 * HOUR, "ends_at": START + 50 * HOUR, "places": 4, "break_minutes": 0}
    actions.change_shift(short.id, values, world.chen, revision=1, reason="推迟", now=CUT_OFF + HOUR)
    db.session.commit()
    assert worker.keep_places(now=START) == 0
    assert worker.keep_places(now=START + 24 * HOUR) == 1


def test_going_on_is_a_decision_with_a_name_and_a_reason(world, short):
    with pytest.raises(Refusal, match="say why"):
        shortfalls.keep(short.id, world.chen, reason="", now=CUT_OFF)
    shortfalls.keep(short.id, world.chen, reason="一个人也能看管图书角", now=CUT_OFF)
    (answer,) = answers()
    assert (answer.remedy, answer.by_id, answer.at) == (Remedy.KEEP, world.chen.account_id, CUT_OFF)
    with pytest.raises(Refusal, match="decided already"):
        shortfalls.cancel(short.id, world.chen, reason="取消", now=CUT_OFF)


def test_only_a_clerk_of_the_organizer_decides(world, short):
    for other in (world.gu, world.wu, world.qian):
        with pytest.raises(Refusal):
            shortfalls.keep(short.id, other, reason="照常", now=CUT_OFF)


def test_cancelling_tells_everybody_the_reason(world, short):
    shortfalls.cancel(short.id, world.chen, reason="人数不足", now=CUT_OFF)
    assert short.state is ShiftState.CANCELLED
    assert kinds(world.lin)[-1] is NoticeKind.SHIFT_CANCELLED


def live(volunteer, shift):
    mine = select(Claim).where(Claim.volunteer_id == volunteer.id, Claim.shift_id == shift.id)
    return db.session.scalars(mine).one()


def test_merging_into_another_hour_keeps_a_place_and_asks(world, short, post):
    target = make_shift(post, places=2, starts_at=START + DAY)
    answer = shortfalls.merge(short.id, target.id, world.chen, reason="人数不足", now=CUT_OFF)
    kept = live(world.lin, target)
    assert (kept.state, kept.place, kept.source) == (ClaimState.OFFERED, 1, Source.MOVED)
    assert (answer.told, answer.target_shift_id, short.state) == (1, target.id, ShiftState.CANCELLED)
    assert kinds(world.lin)[-2:] == [NoticeKind.SHIFT_CANCELLED, NoticeKind.MERGED_KEPT]


def test_merging_at_the_same_time_and_place_gives_the_place_at_once(world, short, post):
    target = make_shift(post, places=2)
    shortfalls.merge(short.id, target.id, world.chen, reason="合并两组", now=CUT_OFF)
    assert live(world.lin, target).state is ClaimState.HELD


def test_whoever_does_not_fit_the_other_shift_is_told(world, short, post):
    target = make_shift(post, places=1, starts_at=START + DAY)
    claim(target, world.zhou)
    answer = shortfalls.merge(short.id, target.id, world.chen, reason="人数不足", now=CUT_OFF)
    assert answer.told == 0
    assert kinds(world.lin)[-1] is NoticeKind.MERGED_ELSEWHERE


def test_a_shift_elsewhere_is_no_target(world, short):
    elsewhere = make_shift(make_post(world.station, place="别处"), starts_at=START + DAY)
    with pytest.raises(Refusal, match="same post or place"):
        shortfalls.merge(short.id, elsewhere.id, world.chen, reason="人数不足", now=CUT_OFF)


def test_borrowing_invites_suitable_people_of_a_neighbour_once_and_leaves_the_question_open(world, short):
    beside = make_organization("紫阳社区志愿服务站", parent=world.town)
    wishes = {"categories": [Category.CONVENIENCE.value]}
    one, two = make_volunteer("徐青", beside, **wishes), make_volunteer("吴昊", beside)
    answer = shortfalls.borrow(short.id, beside.id, world.chen, reason="请邻站支援", now=CUT_OFF)
    assert (answer.told, kinds(one), kinds(two)) == (1, [NoticeKind.HELP_WANTED], [])
    db.session.commit()
    assert [row.shift_id for row in shortness.open_questions([world.station.path], CUT_OFF)] == [short.id]
    with pytest.raises(Refusal, match="Nobody suitable"):
        shortfalls.borrow(short.id, beside.id, world.chen, reason="再请一次", now=CUT_OFF)


def test_the_level_above_can_be_asked(world, short):
    answer = shortfalls.borrow(short.id, None, world.chen, reason="请街道协调", now=CUT_OFF)
    assert answer.told == 1
    assert told(world.qian.account_id) == [NoticeKind.HELP_ASKED]


def test_an_organization_elsewhere_is_no_neighbour(world, short):
    with pytest.raises(Refusal, match="one of the neighbours"):
        shortfalls.borrow(short.id, world.other_station.id, world.chen, reason="支援", now=CUT_OFF)


def test_the_question_goes_when_enough_people_come(world, short):
    claim(short, world.zhou, now=CUT_OFF)
    assert shortness.open_questions([world.station.path], CUT_OFF) == []


# --- the pages ------------------------------------------------------------------------------------------------


def test_the_desk_shows_the_question_and_takes_the_answer(client, at, world, short):
    at(CUT_OFF + HOUR)
    sign_in(client, world.chen.account_id)
    home = client.get("/desk").text
    assert "Shifts short of people" in home
    assert f"/desk/shifts/{short.id}/shortfall" in home
    url = f"/desk/shifts/{short.id}/shortfall-answers"
    assert client.post(url, data={"remedy": "merge", "reason": "合并"}).status_code == 422
    assert client.post(url, data={"reason": "合并"}).status_code == 422
    sent = client.post(url, data={"remedy": "keep", "reason": "两位站务员补上"}, follow_redirects=True)
    assert "it takes place as planned" in sent.text
    assert "两位站务员补上" in sent.text
    assert "Shifts short of people" not in client.get("/desk").text


def test_a_shift_about_which_nothing_is_asked_says_so(client, at, world, shift):
    at(BEFORE)
    sign_in(client, world.chen.account_id)
    page = client.get(f"/desk/shifts/{shift.id}/shortfall").text
    assert "Nothing is asked about this shift" in page
    answer = client.post(f"/desk/shifts/{shift.id}/shortfall-answers", data={"remedy": "keep", "reason": "照常进行"})
    assert answer.status_code == 409
