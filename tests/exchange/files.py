"""Real files as other platforms write them."""

import io

import xlsxwriter

PEOPLE_HEADS = ["姓名", "手机号码", "身份证号", "性别", "出生日期", "志愿者编号"]
HOURS_HEADS = ["姓名", "手机号", "活动名称", "服务日期", "开始时间", "结束时间", "服务时长", "记录编号"]


def book(*lines):
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"strings_to_formulas": False}) as workbook:
        sheet = workbook.add_worksheet()
        for number, line in enumerate(lines):
            sheet.write_row(number, 0, line)
    return made.getvalue()


def person(name="方小北", phone="13900001234", number="ZJ001", **values):
    return [name, phone, values.get("id", ""), values.get("gender", "女"), values.get("birth", "2070-03-05"), number]


def hours(name, phone, number="R1", *, day="2099-03-05", starts="09:00", ends="11:00", length="2"):
    return [name, phone.removeprefix("+86"), "河道巡查", day, starts, ends, length, number]
