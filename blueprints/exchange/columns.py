"""The columns of a file for the national system: which fields there are, and what is written by default.

The field codes of MZ/T 061 are not public; the defaults are the words of 办法 art. 5 and 7 and of GB/T 40143, and each
installation sets what the system that takes its files asks for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as kept
from typing import Any

from blueprints.exchange.models import HandoverKind
from core.i18n import lazy

K = HandoverKind
MOST_COLUMNS = 40
LETTERS = {K.VOLUNTEERS: "V", K.ORGANIZATIONS: "O", K.PROJECTS: "P", K.SERVICE: "S"}

# What a column can hold, by the name of the value; `ref` and `change` are in every file.
COMMON = {"ref": lazy("Number of the row here"), "change": lazy("New, changed or sent again")}
FIELDS: dict[HandoverKind, dict[str, Any]] = {
    K.VOLUNTEERS: COMMON
    | {
        "name": lazy("Name"),
        "gender": lazy("Gender"),
        "birth_date": lazy("Date of birth"),
        "phone": lazy("Phone number"),
        "number": lazy("Volunteer number"),
        "registered_on": lazy("Registered on"),
        "organization": lazy("Registered with"),
        "division": lazy("Area of residence"),
        "id_number": lazy("ID number"),
    },
    K.ORGANIZATIONS: COMMON
    | {
        "name": lazy("Name"),
        "kind": lazy("Kind"),
        "division": lazy("Place"),
        "parent": lazy("Organization above"),
        "phone": lazy("Phone number"),
        "address": lazy("Address"),
        "founded_on": lazy("Founded on"),
        "closed_on": lazy("Closed on"),
    },
    K.PROJECTS: COMMON
    | {
        "title": lazy("Name of the activity"),
        "category": lazy("Category"),
        "content": lazy("What was done"),
        "place": lazy("Place"),
        "organization": lazy("Organization"),
        "responsible": lazy("Person in charge"),
        "published_on": lazy("Published on"),
        "state": lazy("State"),
    },
    K.SERVICE: COMMON
    | {
        "number": lazy("Volunteer number"),
        "name": lazy("Name"),
        "title": lazy("Name of the activity"),
        "category": lazy("Category"),
        "day": lazy("Day"),
        "start": lazy("Start"),
        "end": lazy("End"),
        "minutes": lazy("Minutes"),
        "hours": lazy("Hours"),
        "content": lazy("What was done"),
        "place": lazy("Place"),
        "organization": lazy("Organization"),
        "responsible": lazy("Person in charge"),
        "evidence": lazy("Evidence class"),
        "id_number": lazy("ID number"),
    },
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head, and what its cells hold: a field or always the same; `codes` replace values."""

    name: str
    field: str = ""
    fixed: str = ""
    codes: Mapping[str, str] = kept(default_factory=dict)

    def cell(self, values: Mapping[str, Any]) -> str | int | None:
        if not self.field:
            return self.fixed
        value = values.get(self.field)
        return self.codes.get(str(value), value) if value is not None else self.fixed or None


_CHANGES = {"new": "新增", "changed": "变更", "again": "重报"}
_GENDERS = {"female": "女", "male": "男"}
_CLASSES = {"A": "系统计时", "B": "组织确认", "C": "补录", "D": "外部导入"}
_KINDS = {
    "office": "区域指导中心",
    "league": "团委",
    "branch": "团支部",
    "association": "志愿者协会",
    "community": "社区（村）委员会",
    "station": "志愿服务站",
    "team": "志愿服务队",
    "school": "学校",
    "unit": "机关、企事业单位",
}
_CATEGORIES = {
    "elders": "为老服务",
    "disabled": "助残",
    "hardship": "扶贫帮困",
    "convenience": "便民服务",
    "children": "关爱儿童",
    "new_residents": "关爱新居民",
    "neighbours": "邻里守望",
    "civility": "文明创建",
    "traffic": "文明交通",
    "online": "网络文明",
    "window": "窗口服务",
    "governance": "社区治理",
    "events": "大型活动",
    "emergency": "应急救援",
    "water": "五水共治",
    "greening": "植绿护绿",
    "cleaning": "环境清洁",
    "cycling": "低碳骑行",
    "sorting": "垃圾分类",
}
_REF, _CHANGE = Column("数据编号", "ref"), Column("变更标记", "change", codes=_CHANGES)

DEFAULTS: dict[HandoverKind, tuple[Column, ...]] = {
    K.VOLUNTEERS: (
        _REF,
        Column("姓名", "name"),
        Column("性别", "gender", codes=_GENDERS),
        Column("出生日期", "birth_date"),
        Column("证件类型", fixed="居民身份证"),
        Column("证件号码", "id_number"),
        Column("联系电话", "phone"),
        Column("志愿者编号", "number"),
        Column("注册日期", "registered_on"),
        Column("注册组织", "organization"),
        Column("居住区域代码", "division"),
        _CHANGE,
    ),
    K.ORGANIZATIONS: (
        _REF,
        Column("组织名称", "name"),
        Column("组织类型", "kind", codes=_KINDS),
        Column("行政区划代码", "division"),
        Column("上级组织", "parent"),
        Column("联系电话", "phone"),
        Column("地址", "address"),
        Column("成立日期", "founded_on"),
        Column("注销日期", "closed_on"),
        _CHANGE,
    ),
    K.PROJECTS: (
        _REF,
        Column("项目名称", "title"),
        Column("服务类别", "category", codes=_CATEGORIES),
        Column("服务内容", "content"),
        Column("服务地点", "place"),
        Column("组织单位", "organization"),
        Column("负责人", "responsible"),
        Column("发布日期", "published_on"),
        Column("项目状态", "state", codes={"published": "招募中", "closed": "已结束"}),
        _CHANGE,
    ),
    K.SERVICE: (
        _REF,
        Column("志愿者编号", "number"),
        Column("姓名", "name"),
        Column("项目名称", "title"),
        Column("服务类别", "category", codes=_CATEGORIES),
        Column("服务日期", "day"),
        Column("开始时间", "start"),
        Column("结束时间", "end"),
        Column("服务时长（分钟）", "minutes"),
        Column("服务时长（小时）", "hours"),
        Column("服务内容", "content"),
        Column("服务地点", "place"),
        Column("组织单位", "organization"),
        Column("活动负责人", "responsible"),
        Column("证据类别", "evidence", codes=_CLASSES),
        _CHANGE,
    ),
}


def written(columns: Sequence[Column]) -> list[dict[str, Any]]:
    return [{"name": c.name, "field": c.field, "fixed": c.fixed, "codes": dict(c.codes)} for c in columns]


def read(told: Sequence[Mapping[str, Any]]) -> list[Column]:
    return [Column(each["name"], each["field"], each["fixed"], each["codes"]) for each in told]


def ref(kind: HandoverKind, subject_id: int) -> str:
    """By what a row is recognised when an answer comes back."""
    return f"{LETTERS[kind]}{subject_id}"


def subject_of(kind: HandoverKind, text: str) -> int | None:
    """The number of what a reference means; None for anything else."""
    letter, digits = text[:1].upper(), text[1:]
    good = letter == LETTERS[kind] and digits.isascii() and digits.isdecimal() and len(digits) < 11
    return int(digits) if good else None
