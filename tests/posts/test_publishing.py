"""What the rules demand before people are asked to come, and what they never let through."""

from datetime import timedelta

import pytest

from blueprints.organizations import actions as organizations
from blueprints.organizations.models import Limit
from blueprints.posts import actions, queries, wording
from blueprints.posts.models import PostState, ShiftState
from blueprints.posts.starters import starters
from core import clock
from core.db import db
from core.refusal import Refusal
from tests.factories import make_world
from tests.posts.samples import BEFORE, DAY, HOUR, START, drafted, good, published, slot

CLEAN = "整理图书，办理借还，陪孩子安静阅读。"


@pytest.fixture
def world():
    return make_world()


def publish(world, post, now=BEFORE, **values):
    values = {"declared": True, "actor": world.chen} | values
    return actions.publish(post.id, now=now, **values)


def refused(world, field, *shifts, **changed):
    """The sentence with which publishing is refused, which must belong to the field."""
    with pytest.raises(Refusal) as refusal:
        publish(world, drafted(world, *shifts, **changed))
    assert refusal.value.field == field
    return str(refusal.value)


def test_publishing_opens_the_shifts_and_says_who_and_when(world):
    post = published(world, slot(), slot(START + DAY))
    assert (post.state, post.published_at, post.published_by_id) == (
        PostState.PUBLISHED,
        BEFORE,
        world.chen.account_id,
    )
    assert {shift.state for shift in queries.standing_shifts(post.id)} == {ShiftState.OPEN}


def test_publishing_twice_is_publishing_once(world):
    post = published(world)
    revision = post.revision
    publish(world, post)
    assert post.revision == revision


@pytest.mark.parametrize(
    "field",
    ["place", "content", "conditions", "sign_up", "risks", "safeguards", "responsible_name", "responsible_phone"],
)
def test_every_item_the_law_demands_must_be_there(world, field):
    assert "Please" in refused(world, field, **{field: ""})


@pytest.mark.parametrize("field", ["conditions", "sign_up", "risks", "safeguards"])
def test_a_single_word_is_no_answer(world, field):
    assert "Please" in refused(world, field, **{field: "无。"})


def test_there_must_be_a_shift_and_none_may_have_begun(world):
    post = actions.draft(world.station.id, good(), [], world.chen, BEFORE)
    with pytest.raises(Refusal, match="at least one shift"):
        publish(world, post)
    late = drafted(world, slot(), slot(START + DAY))
    with pytest.raises(Refusal, match="already begun"):
        publish(world, late, now=START)
    publish(world, late, now=START - timedelta(seconds=1))


def test_a_post_lasts_a_year_and_no_longer(world):
    refused(world, "shifts", slot(), slot(START + 366 * DAY))
    published(world, slot(), slot(START + 365 * DAY))


@pytest.mark.parametrize(
    "place",
    [
        "门口",
        "烟雨社区",
        "南湖街道烟雨社区",
        "嘉兴市南湖区南湖街道",
        "烟雨社区居委会",
        "待定",
        "社区 待定",
        "现场",
        "！！！！！",
    ],
)
def test_the_place_must_be_exact(world, place):
    assert "exact place" in refused(world, "place", place=place)


@pytest.mark.parametrize("place", ["烟雨社区东门", "中山路口西北角", "党群服务中心", "Nanhu Road 1"])
def test_a_place_that_can_be_found_is_enough(world, place):
    published(world, place=place)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("做志愿", "at least 10"),
        ("，。！？、；：“”‘’（）整理", "at least 10"),
        ("服务服务服务服务服务服务", "repeats"),
        ("志愿服务，志愿服务，志愿服务！", "repeats"),
        ("aaaaaaaaaaaaaaaa", "repeats"),
        ("打扫社区花园；打扫社区花园；打扫社区花园", "repeats"),
    ],
)
def test_the_content_must_be_real(world, content, sentence):
    assert sentence in refused(world, "content", content=content)


def test_the_lowest_age_follows_the_setting_of_the_city(world):
    refused(world, "min_age", min_age=13)
    organizations.set_limit(Limit.MINIMUM_AGE_YEARS, 16, actor=world.qian, now=BEFORE)
    assert "from the age of 16" in refused(world, "min_age", min_age=15)


@pytest.mark.parametrize("number", ["找陈站长", "1234", "电话 0573", "9" * 21])
def test_the_phone_must_be_one_that_can_be_called(world, number):
    refused(world, "responsible_phone", responsible_phone=number)


@pytest.mark.parametrize("number", ["96345", "0573-82000000", "+86 199 0000 0001", "0573-82000000转8001"])
def test_numbers_of_all_kinds_can_be_called(world, number):
    published(world, responsible_phone=number)


# --- what is not volunteering (domain c4) -------------------------------------------------------------------

NOT_VOLUNTEERING = [
    "单位值班",
    "支部大会",
    "秋季团建",
    "拓 展 训 练",
    "红色研学一日行",
    "西塘古镇观光",
    "集体观影",
    "转发朋友圈点赞",
    "为推文集赞",
    "网上答题打卡",
    "捐 50 元得 2 小时",
    "凭时长换取捐款",
    "代刷志愿时长",
    "业委会选举计票",
    "暑期实习",
    "新店开业庆典",
    "直播带货",
    "寺院祈福法会",
    "班级值日",
    "文艺汇演彩排",
    "年末聚餐",
    "招聘兼职",
]


@pytest.mark.parametrize("title", NOT_VOLUNTEERING)
def test_what_is_not_volunteering_is_refused_with_the_phrase_in_the_title(world, title):
    sentence = refused(world, "title", title=title)
    phrase = sentence.split("“")[1].split("”")[0]
    assert phrase in wording.squeezed(title)
    assert "not" in sentence or "never" in sentence


def test_what_is_not_volunteering_is_refused_in_the_text_too(world):
    assert "“研学”" in refused(world, "content", content="带队到南湖研学，参观纪念馆，写心得体会。")


@pytest.mark.parametrize("title", ["补录十月时长", "十一月补登", "補 录（补录）"])
def test_hours_are_not_entered_afterwards_with_a_post(world, title):
    assert "times to come" in refused(world, "title", title=title)


def test_spaces_dots_and_wide_letters_hide_no_phrase(world):
    assert "“团建”" in refused(world, "title", title="秋 季·团。建")
    assert "“teambuilding”" in refused(world, "title", title="Ｔｅａｍ　Ｂｕｉｌｄｉｎｇ")


@pytest.mark.parametrize(
    "text",
    [
        "宣讲贯彻落实习近平总书记重要讲话精神",
        "社团建设与共青团建设宣传栏更新",
        "调研学习小区停车难，走访居民",
        "重点赞扬好人好事，布置宣传栏",
        "安排练习本发放，陪孩子写字",
        "清理楼道小广告和堆放的杂物",
        "提供无偿理发，按号等候",
        "向老人宣传防范电信诈骗知识",
        "收集赞助单位捐来的旧书并上架",
        "陪伴参观影视城的视障朋友过马路",
        "导游学院学生讲解南湖红船故事",
        "解放生产力主题展览引导",
    ],
)
def test_innocent_words_that_hold_a_phrase_pass(text):
    assert list(wording.clear_cases(text[:40], text + CLEAN)) == []


def test_the_starters_can_be_published_as_they_are(world):
    today = clock.today(BEFORE)
    for starter in starters().values():
        values = good(**starter.values)
        assert (
            list(wording.clear_cases(values["title"], values["content"])),
            wording.doubtful_cases(*(values[name] for name in ("title", "content", "conditions"))),
        ) == ([], []), starter.key
        rows = starter.rows(today)
        assert len(rows) == len(starter.weekdays)
        shifts = [slot(clock.at(row["day"], row["starts"]), places=row["places"]) for row in rows]
        published(world, *shifts, acknowledged=False, **starter.values)


# --- declarations and doubtful wording ------------------------------------------------------------------------


def test_the_clerk_must_declare_that_it_is_volunteering(world):
    with pytest.raises(Refusal, match="state that this is volunteering") as refusal:
        publish(world, drafted(world), declared=False)
    assert refusal.value.field == "declared"


@pytest.mark.parametrize(
    "conditions",
    ["全体团员必须参加。", "务必按时到岗，不得请假。", "每人都要报名，不来者通报。", "Members must attend."],
)
def test_wording_that_commands_must_be_looked_at_again(world, conditions):
    post = drafted(world, conditions=conditions)
    with pytest.raises(Refusal, match="look at") as refusal:
        publish(world, post)
    assert refusal.value.field == "acknowledged"
    publish(world, post, acknowledged=True)
    assert post.state is PostState.PUBLISHED


def test_doubtful_words_only_warn(world):
    post = drafted(world, content="在社区座谈会上引导老人就座，递送茶水，会后整理座椅。")
    with pytest.raises(Refusal, match="座谈会"):
        publish(world, post)
    publish(world, post, acknowledged=True)


def test_asking_people_to_wear_something_is_no_command(world):
    published(world, conditions="必须穿反光背心和防滑的鞋。", acknowledged=False)


# --- who and what is stale ----------------------------------------------------------------------------------


def test_only_a_clerk_in_reach_publishes(world):
    post = drafted(world)
    for actor in (world.gu, world.wu, world.qian):
        with pytest.raises(Refusal, match="not yours"):
            publish(world, post, actor=actor)


def test_what_changed_since_it_was_looked_at_is_not_published(world):
    post = drafted(world)
    actions.revise_draft(post.id, good(title="护河巡查岗"), [slot()], revision=1, actor=world.chen, now=BEFORE)
    with pytest.raises(Refusal, match="meanwhile"):
        publish(world, post, revision=1)
    publish(world, post, revision=2)


def test_a_station_that_has_closed_offers_nothing_more(world):
    post = drafted(world)
    organizations.close(world.station, actor=world.qian, now=BEFORE)
    with pytest.raises(Refusal, match="does not offer posts"):
        publish(world, post)


def test_a_cancelled_post_is_not_published_again(world):
    post = published(world)
    actions.mark_cancelled(post, "场地停用", BEFORE + HOUR)
    db.session.commit()
    with pytest.raises(Refusal, match="was cancelled"):
        publish(world, post)
