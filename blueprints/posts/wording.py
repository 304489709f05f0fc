"""What a title or a text gives away: phrases of things that are not volunteering, and wording that commands.

The lists follow the publication rules of 志愿汇 (2021) and i志愿 (2019). Clear cases are refused with the phrase
named; doubtful ones only ask the clerk to look again. Look-arounds keep innocent words that contain a phrase:
落实习近平 is no 实习, 社团建设 no 团建, 调研学习 no 研学, 重点赞扬 no 点赞.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.i18n import lazy


@dataclass(frozen=True, slots=True)
class Rule:
    """Phrases that say the same, as one pattern over the squeezed text, and what is wrong with them."""

    phrases: re.Pattern[str]
    reason: Any


@dataclass(frozen=True, slots=True)
class Finding:
    """A phrase that was found, and why it matters."""

    phrase: str
    reason: str


def _rule(phrases: str, reason: Any) -> Rule:
    return Rule(re.compile(phrases), reason)


OWN_JOB = lazy("People's own job, and duty or meetings inside a unit, are not volunteering.")
OUTING = lazy("Study tours, sightseeing and film shows are not volunteering.")
INSIDE = lazy("Team building, meals, rehearsals and chores of the own class or unit are not volunteering.")
ONLINE = lazy("Forwarding, likes, votes and quizzes are not volunteering.")
BOUGHT = lazy("Hours are never given for money or donations, and never made up.")
OWN_INTEREST = lazy("Elections and matters of the owners themselves are not volunteering.")
STUDY = lazy("Internships and practice that a school demands are not volunteering.")
COMMERCE = lazy("Selling, advertising and paid work are not volunteering.")
WORSHIP = lazy("Prayer and worship are not volunteering.")
BACK_ENTRY = lazy("Posts are only for times to come. Hours are not entered afterwards with a post.")
REASONS = (OWN_JOB, OUTING, INSIDE, ONLINE, BOUGHT, OWN_INTEREST, STUDY, COMMERCE, WORSHIP)

NOT_VOLUNTEERING = (
    _rule(r"本职工作|岗位职责内|工作时间内?值班|(行政|单位|内部|机关)值班", OWN_JOB),
    _rule(r"(?<![惯比])例会|参加会议|支部大会|党员大会|组织生活会|主题团日|单位年会|公司年会", OWN_JOB),
    _rule(r"(?<![调科教])研学(?!习|术|校|生)|(?<![旅导])游学|参观学习|观光|春游|秋游|红色旅游", OUTING),
    _rule(r"(组织|集体|集中|包场)(观影|看电影)|(?<!参)观影活动", OUTING),
    _rule(r"(?<![社集共党])团建(?!设|立|制)|团队拓展|拓展训练|teambuilding", INSIDE),
    _rule(r"彩排|(?<!安)排练|会餐|聚餐", INSIDE),
    _rule(r"(班级|教室|宿舍|寝室)(卫生|值日|打扫|大扫除)|值日生|内部(资料|档案|文件)", INSIDE),
    _rule(r"集赞(?!助|扬|美|许)|刷[票赞量]|拉票|网络投票", ONLINE),
    _rule(r"转发.{0,8}(链接|朋友圈|推文|微信|公众号|视频|海报)|(转发|评论|关注).{0,4}点赞", ONLINE),
    _rule(r"点赞.{0,6}(转发|评论|任务|打卡|链接|推文|公众号)|(线上|网上|网络|在线)(答题|知识竞赛|问卷)", ONLINE),
    _rule(r"答题(活动|竞赛|打卡|挑战|闯关)", ONLINE),
    _rule(r"捐.{0,12}(时长|小时|学时|工时)|(时长|学时|工时).{0,8}捐", BOUGHT),
    _rule(r"(刷|代刷|挂|买|卖|换取?)(志愿)?(服务)?(时长|工时|学时)|补(登|记)?(志愿|服务)?时长", BOUGHT),
    _rule(r"业委会(选举|换届|投票|成立)|业主委员会(选举|换届|投票|成立)|业主大会", OWN_INTEREST),
    _rule(r"实习(?!近)|见习生?岗|internship", STUDY),
    _rule(
        r"促销|推销(商品|产品)|(商品|产品)推销|直播带货|地推(人员|团队|活动)|拓客|开业庆典|商业(推广|演出)", COMMERCE
    ),
    _rule(r"日薪|时薪|(招聘?|诚聘)兼职|兼职(招聘|人员)|有偿服务|计酬", COMMERCE),
    _rule(r"祈福|诵经|佛事|弥撒|布道|传教|主日|做礼拜|礼拜活动|教堂礼拜", WORSHIP),
)
# In a title 补录 announces a sham post (i志愿); in a text it may only explain something.
NOT_IN_TITLES = (_rule(r"补录|补登|补记", BACK_ENTRY),)

UNSURE = lazy("Make sure that this is a service for others, and none of the things that are not volunteering.")
COMMANDING = lazy("Nobody may be ordered to volunteer (条例 art. 25). Invite people instead.")
DOUBTFUL = (
    _rule(r"会议|参会|座谈会|(?<!参)观影|看电影|旅游|踏青|社会实践|(?<!解)放生(?!产)", UNSURE),
    _rule(r"转发|点赞(?!扬|助|美|许)|投票|问卷|答题|知识竞赛|捐款|募捐|义卖", UNSURE),
    _rule(r"推销|带货|商家|赞助商|传单|报名费|补录|大扫除", UNSURE),
    _rule(r"(必须|务必|一律|应当|强制|强行)(全员|全部|按时|准时)?(参加|参与|到场|到岗|报名|出席|完成)", COMMANDING),
    _rule(r"(不得|不准|不许|严禁)(缺席|缺勤|请假|推脱|无故)|(全员|人人|每人)(必须|都要|均须|都得)", COMMANDING),
    _rule(
        r"全员参加|摊派|指定参加|硬性(要求|任务|指标)|(缺席|不参加|未参加|不来)(者|的)?.{0,6}(扣|通报|批评|处分)",
        COMMANDING,
    ),
    _rule(r"mustattend|mustparticipate|mandatory|compulsory", COMMANDING),
)


def squeezed(text: str) -> str:
    """Only letters and digits, in one width and case: neither spaces nor dots hide a phrase."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in plain if unicodedata.category(c)[0] in "LN")


def is_repeated(text: str) -> bool:
    """Whether a text says one thing again and again, like 服务服务服务, instead of saying something."""
    plain = squeezed(text)
    return len(set(plain)) < 6 or re.fullmatch(r"(.{1,20}?)\1+.{0,3}", plain) is not None


def clear_cases(title: str, content: str) -> Iterator[tuple[str, Finding]]:
    """What must not be published, each with the field it stands in."""
    for field, text, rules in (
        ("title", title, NOT_IN_TITLES + NOT_VOLUNTEERING),
        ("content", content, NOT_VOLUNTEERING),
    ):
        yield from ((field, finding) for finding in _found(text, rules))


def doubtful_cases(*texts: str) -> list[Finding]:
    """What the clerk should look at again before publishing."""
    return list(dict.fromkeys(finding for text in texts for finding in _found(text, DOUBTFUL)))


def _found(text: str, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    plain = squeezed(text)
    for rule in rules:
        if match := rule.phrases.search(plain):
            yield Finding(match[0], str(rule.reason))
