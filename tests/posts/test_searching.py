"""Finding posts by words of any length, the same on both databases."""

import pytest
from sqlalchemy import select

from blueprints.posts import actions, queries
from blueprints.posts.models import Category, Post
from blueprints.posts.queries import Tab
from core.db import db
from tests.factories import make_world
from tests.posts.samples import BEFORE, DAY, HOUR, START, drafted, published, slot


@pytest.fixture
def world():
    return make_world()


def found(words):
    return list(db.session.scalars(select(Post.title).where(queries.matching(words)).order_by(Post.id)))


@pytest.mark.parametrize(
    "words",
    [
        "图书角",
        "书",
        "图书",
        "党群",
        "烟雨",
        "南湖街道",
        "南湖区",
        "烟雨社区志愿服务站",
        "便民",
        "handy services",
        "HANDY",
        "陪孩子 书",
    ],
)
def test_a_post_is_found_by_every_word_it_says_and_by_where_it_is(world, words):
    published(world)
    published(
        world,
        title="护河巡查岗",
        category=Category.WATER,
        content="沿河岸步道巡查，捡拾岸边垃圾。",
        place="梅湾桥头东侧",
    )
    assert "社区图书角管理岗" in found(words)


def test_every_word_must_occur(world):
    published(world)
    assert found("图书 书架子") == []
    assert found("") == found("   ") == ["社区图书角管理岗"]


def test_wide_and_capital_letters_are_the_same_letters(world):
    published(world, title="ＡＢＣ英语角", content="陪孩子读 Big Book，做游戏，讲故事。")
    assert found("abc") == found("ｂｉｇ") == found("BOOK") == ["ＡＢＣ英语角"]


@pytest.mark.parametrize("words", ["%", "_", "/", "\\", "图%角", "图_角", "'; --"])
def test_signs_of_patterns_are_only_signs(world, words):
    published(world)
    assert found(words) == []


def test_a_percent_sign_finds_itself(world):
    published(world, content="整理图书，把 100% 的书上架，陪孩子阅读。")
    assert found("100%") == ["社区图书角管理岗"]


def test_an_endless_question_is_cut(world):
    published(world)
    assert found("书 " * 5000) == ["社区图书角管理岗"]


def listed(actor, tab, now=BEFORE, words="", page=1):
    return [post.title for post in queries.listed(actor.reach("clerk"), tab, words, now, page)]


def test_the_desk_sorts_posts_by_what_is_still_to_come(world):
    drafted(world, title="草稿岗位")
    published(world, slot(START + DAY), title="后天的岗位")
    published(world, slot(START), title="明天的岗位")
    assert listed(world.chen, Tab.DRAFTS) == ["草稿岗位"]
    assert listed(world.chen, Tab.PUBLISHED) == ["明天的岗位", "后天的岗位"]
    assert listed(world.chen, Tab.PUBLISHED, START + 3 * HOUR) == ["后天的岗位"]
    assert listed(world.chen, Tab.PAST, START + 3 * HOUR) == ["明天的岗位"]
    assert listed(world.chen, Tab.PUBLISHED, words="后天") == ["后天的岗位"]
    assert listed(world.gu, Tab.PUBLISHED) == []


def test_a_running_shift_of_a_whole_day_is_still_to_come(world):
    published(world, slot(hours=24))
    assert listed(world.chen, Tab.PUBLISHED, START + 23 * HOUR) == ["社区图书角管理岗"]


def test_pages_hold_twenty_and_tell_of_one_more(world):
    for number in range(queries.PAGE + 1):
        drafted(world, title=f"草稿 {number}")
    assert len(listed(world.chen, Tab.DRAFTS)) == queries.PAGE + 1
    assert listed(world.chen, Tab.DRAFTS, page=2) == ["草稿 0"]


def test_the_figures_leave_out_what_is_cancelled(world):
    post = published(world, slot(places=3), slot(START + DAY, places=4))
    actions.mark_cancelled(queries.standing_shifts(post.id)[0], "下雨", BEFORE)
    db.session.commit()
    figures = queries.figures([post], BEFORE)[post.id]
    assert (figures.shifts, figures.places, figures.next_start) == (1, 4, START + DAY)
    assert figures.last_end == START + DAY + 2 * HOUR
