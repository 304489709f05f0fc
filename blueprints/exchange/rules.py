"""What a row of a file must say: its fields, how their columns are called in China, and how each is read."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from blueprints.exchange.models import ImportKind
from blueprints.identity.forms import e164, is_id_number
from blueprints.identity.models import Category, Gender
from core import clock, vault
from core.i18n import _, lazy
from core.words import say

EPOCH = date(1899, 12, 30)  # day 0 of spreadsheets
SERIALS = range(1, 73_051)  # up to the year 2099
DATE = re.compile(r"(\d{4})\D{1,2}(\d{1,2})\D{1,2}(\d{1,2})日?")
BARE_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
TIME = re.compile(r"(\d{1,2})[:：时](\d{1,2})(?:[:：分](\d{1,2}))?[分秒]?")
NUMBER = re.compile(r"[0-9]{1,5}(\.[0-9]{1,20})?([eE]-[0-9]{1,2})?")  # 1e1600000 keeps a machine busy for days
YEARS = range(1900, 2101)
SPARE = re.compile(r"[\s*＊:：()（）【】\[\]_-]+")
NAME, TITLE, TEXT, PLACE, EXTERNAL = 40, 40, 400, 120, 60


class WrongCell(Exception):
    """What a cell says cannot be used; the message tells the person who mends the file."""


@dataclass(frozen=True, slots=True)
class ImportField:
    """Something a column may hold; `heads` are the words by which files name it."""

    name: str
    label: Any
    heads: tuple[str, ...]
    read: Callable[[str], Any]
    is_required: bool = False


# --- cells ----------------------------------------------------------------------------------------------------


def _text(longest: int) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if len(cell) > longest:
            raise WrongCell(_("Please use at most %(count)d characters.", count=longest))
        return cell

    return read


def _phone(cell: str) -> str:
    if number := e164(cell):
        return number
    raise WrongCell(_("This is not a telephone number. Please check its digits."))


def _id_number(cell: str) -> str:
    """Only its keyed hash: it serves to recognise a person, and nobody agreed that it is kept."""
    if not is_id_number(cell):
        raise WrongCell(_("This is not a valid ID number. Please check all 18 places."))
    return vault.digest(cell.strip().upper())


def _gender(cell: str) -> str:
    for gender, words in ((Gender.FEMALE, ("女", "female", "f", "2")), (Gender.MALE, ("男", "male", "m", "1"))):
        if cell.lower().removesuffix("性") in words:
            return gender.value
    raise WrongCell(_("Please write 男 or 女."))


def _number(cell: str) -> Decimal:
    """A number that is not absurd; ValueError for all else, before it is worked with."""
    if not NUMBER.fullmatch(cell):
        raise ValueError(cell)
    return Decimal(cell)


def _day(cell: str) -> str:
    return _date(cell).isoformat()


def _date(cell: str) -> date:
    found = DATE.match(cell) or BARE_DATE.fullmatch(cell)
    try:
        day = date(*map(int, found.groups())) if found else EPOCH + timedelta(days=int(_number(cell)))
        if day.year in YEARS and (found or int(_number(cell)) in SERIALS):
            return day
    except ValueError:
        pass
    raise WrongCell(_("This is not a date. Please write it like 2026-03-05."))


def _clock(cell: str) -> str:
    """The time of day of a cell, whether or not a date stands before it."""
    found = TIME.search(cell)
    try:
        if found:
            return time(int(found[1]), int(found[2])).isoformat()
        share = _number(cell) % 1
        minutes = int((share * 24 * 60).to_integral_value())
        return time(minutes // 60 % 24, minutes % 60).isoformat()
    except ValueError:
        raise WrongCell(_("This is not a time. Please write it like 09:30.")) from None


def _minutes_of(unit: int) -> Callable[[str], int]:
    def read(cell: str) -> int:
        try:
            minutes = _number(cell.rstrip("小时分钟hHmin ")) * unit
        except ValueError:
            raise WrongCell(_("This is not a number.")) from None
        if minutes != int(minutes) or not 0 < minutes <= 24 * 60:
            raise WrongCell(_("Between 1 minute and 24 hours, in whole minutes."))
        return int(minutes)

    return read


def _category(cell: str) -> str:
    for category in Category:
        if cell in (category.value, say(category)):
            return category.value
    raise WrongCell(_("This is no category of Rengang. Leave it empty to take the one chosen for the file."))


# --- fields ---------------------------------------------------------------------------------------------------

_NAME = ImportField(
    "name", lazy("Name"), ("姓名", "志愿者姓名", "真实姓名", "服务者姓名", "名字"), _text(NAME), is_required=True
)
_PHONE_HEADS = ("手机", "手机号", "手机号码", "联系电话", "联系方式", "电话", "移动电话")
_ID = ImportField(
    "id_number",
    lazy("ID number"),
    ("身份证", "身份证号", "身份证号码", "证件号", "证件号码", "公民身份号码"),
    _id_number,
)
_EXTERNAL = ImportField(
    "external_id",
    lazy("Number on the other platform"),
    ("编号", "志愿者编号", "志愿者编码", "记录编号", "流水号", "注册号", "平台编号", "服务记录编号", "唯一标识", "id"),
    _text(EXTERNAL),
)

FIELDS: dict[ImportKind, tuple[ImportField, ...]] = {
    ImportKind.REGISTRATIONS: (
        _NAME,
        ImportField("phone", lazy("Phone number"), _PHONE_HEADS, _phone, is_required=True),
        _ID,
        ImportField("gender", lazy("Gender"), ("性别",), _gender),
        ImportField("birth_date", lazy("Date of birth"), ("出生日期", "生日", "出生年月日", "出生年月"), _day),
        _EXTERNAL,
    ),
    ImportKind.HOURS: (
        _NAME,
        ImportField("phone", lazy("Phone number"), _PHONE_HEADS, _phone),
        _ID,
        _EXTERNAL,
        ImportField(
            "title",
            lazy("Name of the activity"),
            ("活动名称", "项目名称", "服务项目", "服务名称", "志愿活动", "岗位名称", "名称", "活动", "项目"),
            _text(TITLE),
            is_required=True,
        ),
        ImportField("category", lazy("Category"), ("服务类别", "服务类型", "活动类型", "类别", "服务领域"), _category),
        ImportField("content", lazy("What was done"), ("服务内容", "活动内容", "内容"), _text(TEXT)),
        ImportField("place", lazy("Place"), ("服务地点", "活动地点", "地点", "活动地址", "地址"), _text(PLACE)),
        ImportField("responsible", lazy("Person in charge"), ("活动负责人", "负责人", "联系人"), _text(NAME)),
        ImportField(
            "day", lazy("Day"), ("服务日期", "活动日期", "日期", "开始日期", "服务时间日期"), _day, is_required=True
        ),
        ImportField(
            "start", lazy("Start"), ("开始时间", "起始时间", "签到时间", "服务开始时间"), _clock, is_required=True
        ),
        ImportField("end", lazy("End"), ("结束时间", "终止时间", "签退时间", "服务结束时间"), _clock),
        ImportField(
            "hours", lazy("Hours"), ("服务时长", "时长", "志愿时长", "小时", "服务小时数", "服务时数"), _minutes_of(60)
        ),
        ImportField("minutes", lazy("Minutes"), ("分钟", "服务分钟", "时长分钟", "服务时长分钟"), _minutes_of(1)),
    ),
}


def field_of(kind: ImportKind, name: str) -> ImportField | None:
    return next((field for field in FIELDS[kind] if field.name == name), None)


def guessed(kind: ImportKind, heads: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Which field each column holds: as the organization named it last, else by the usual words; each field once."""
    taken: set[str] = set()
    found = []
    for head in heads:
        usual = next((each.name for each in FIELDS[kind] if SPARE.sub("", head).lower() in each.heads), "")
        field = known.get(head, usual)
        if "分钟" in head and field == "hours":
            field = "minutes"
        found.append(field if field and field not in taken else "")
        taken.add(field)
    return found


def missing(kind: ImportKind, mapping: Sequence[str]) -> list[Any]:
    """What no column holds although every row needs it."""
    wanted = [field.label for field in FIELDS[kind] if field.is_required and field.name not in mapping]
    if "start" in mapping:  # its cells may hold the day as well
        wanted = [label for label in wanted if label != field_label(kind, "day")]
    if kind is ImportKind.HOURS and not {"phone", "id_number"} & set(mapping):
        wanted.append(lazy("Phone number or ID number"))
    if kind is ImportKind.HOURS and not {"end", "hours", "minutes"} & set(mapping):
        wanted.append(lazy("End or hours"))
    return wanted


def field_label(kind: ImportKind, name: str) -> Any:
    field = field_of(kind, name)
    return field.label if field else ""


# --- rows -----------------------------------------------------------------------------------------------------

Problems = list[tuple[str, str]]


def read_row(
    kind: ImportKind, heads: Sequence[str], mapping: Sequence[str], cells: Sequence[str]
) -> tuple[dict[str, Any], Problems]:
    """The values of a row, and what is wrong with it in words for each column."""
    values: dict[str, Any] = {}
    problems: Problems = []
    for head, name, cell in zip(heads, mapping, [*cells, *[""] * len(heads)], strict=False):
        field = field_of(kind, name)
        if field is None:
            continue
        if name == "start" and "day" not in mapping and cell:
            _read_into(values, problems, head, field_of(kind, "day"), cell)
        if cell:
            _read_into(values, problems, head, field, cell)
        elif field.is_required:
            problems.append((head, _("Please fill this in.")))
    if not problems and kind is ImportKind.HOURS:
        _complete_hours(values, problems)
    return values, problems


def _read_into(values: dict[str, Any], problems: Problems, head: str, field: ImportField | None, cell: str) -> None:
    if field is None:
        return
    try:
        values[field.name] = field.read(cell)
    except WrongCell as wrong:
        problems.append((head, str(wrong)))
    except (ValueError, ArithmeticError):  # one cell never stops a file
        problems.append((head, _("This cell cannot be read. Please check what it says.")))


def _complete_hours(values: dict[str, Any], problems: Problems) -> None:
    """From when until when, and how many minutes of that count; none is made up."""
    if not {"phone", "id_number"} & set(values):
        problems.append(("", _("A phone number or an ID number is needed, to know whose time it is.")))
        return
    starts = clock.at(date.fromisoformat(values["day"]), time.fromisoformat(values["start"]))
    minutes = values.get("minutes") or values.get("hours")
    if "end" in values:
        ends = clock.at(date.fromisoformat(values["day"]), time.fromisoformat(values["end"]))
        ends += timedelta(days=1) if ends <= starts else timedelta(0)
    elif minutes:
        ends = starts + timedelta(minutes=minutes)
    else:
        problems.append(("", _("The end or the hours are missing.")))
        return
    length = int((ends - starts).total_seconds()) // 60
    if minutes and minutes > length:
        problems.append(("", _("There are more minutes than the time lasted.")))
    values |= {"starts": starts.isoformat(), "ends": ends.isoformat(), "credited": minutes or length}


def key_of(kind: ImportKind, platform: str, values: Mapping[str, Any]) -> str:
    """By what a row is known again: its number on the platform, else what it says. Nobody reads it back."""
    if number := values.get("external_id"):
        told = [number]
    elif kind is ImportKind.REGISTRATIONS:
        told = [values.get("phone", "")]
    else:
        told = [values.get(name, "") for name in ("phone", "id_number", "title", "starts", "ends", "credited")]
    said = "\x1f".join([kind, platform, "number" if number else "content", *map(str, told)])
    return vault.digest(hashlib.sha256(said.encode()).hexdigest())


def starts_of(values: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(values["starts"])
