"""Files that people send: honest ones are read cell by cell, and all others are refused in one sentence."""

import io
import zipfile

import pytest
import xlsxwriter

from core import spreadsheets
from core.refusal import Refusal
from core.spreadsheets import rows
from core.tables import Csv, Xlsx, harmless

SHEET = "xl/worksheets/sheet1.xml"
HEAD = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'


def book(*lines, **options):
    """A real workbook, as bytes."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"strings_to_formulas": False, **options}) as workbook:
        sheet = workbook.add_worksheet()
        for number, line in enumerate(lines):
            sheet.write_row(number, 0, line)
    return made.getvalue()


def changed(data, **entries):
    """The workbook with other bytes in some of its entries; None takes one out."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in entries:
                new.writestr(name, old.read(name))
        for name, content in entries.items():
            new.writestr(name, content)
    return made.getvalue()


def read(data):
    return [row.cells for row in rows(io.BytesIO(data))]


def refused(data):
    with pytest.raises(Refusal) as caught:
        read(data)
    assert caught.value.field == "file"
    return str(caught.value)


# --- honest ones ------------------------------------------------------------------------------------------------


def test_text_numbers_and_empty_cells_are_read_as_they_were_meant():
    data = book(["姓名", "手机", "时长"], ["林小满", 13800000001, 1.5], ["", "", ""], ["周", "", 2.0])
    assert read(data) == [["姓名", "手机", "时长"], ["林小满", "13800000001", "1.5"], ["周", "", "2"]]


def test_row_numbers_are_those_of_the_sheet():
    data = book(["a"], [], ["b"])
    assert [row.number for row in rows(io.BytesIO(data))] == [1, 3]


def test_texts_within_the_cell_are_read_too():
    data = book(["姓名"], ["林"], in_memory=True, constant_memory=True)
    assert read(data) == [["姓名"], ["林"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv_is_read_in_what_chinese_offices_write(encoding, mark):
    text = f'姓名{mark}手机\n"林{mark}小满"{mark}138\n\n'
    assert read(text.encode(encoding)) == [["姓名", "手机"], [f"林{mark}小满", "138"]]


def test_the_apostrophe_of_our_own_files_is_taken_off_again():
    assert read("姓名\n'=1+1\n'plain".encode()) == [["姓名"], ["=1+1"], ["'plain"]]


# --- all others -------------------------------------------------------------------------------------------------


def test_a_renamed_program_is_no_table():
    assert "no XLSX or CSV" in refused(b"MZ\x90\x00\x03" + bytes(range(256)) * 40)


def test_a_picture_and_another_zip_are_no_table():
    assert "no XLSX or CSV" in refused(b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d" + bytes(400))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "no XLSX or CSV" in refused(made.getvalue())


def test_an_empty_file_is_told():
    assert "is empty" in refused(b"")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_no_table(share):
    data = book(*[["林小满", str(number)] for number in range(400)])
    assert "no XLSX or CSV" in refused(data[: int(len(data) * share)])


def test_a_broken_sheet_inside_a_whole_zip_is_no_table():
    assert "no XLSX or CSV" in refused(changed(book(["a"], ["b"]), **{SHEET: HEAD + '<row r="1"><c r="A1"'}))
    for bad in ('<row r="1"><c r="?1"><v>1</v></c></row>', '<row r="1"><c r="A1"><v>9e999</v></c></row>'):
        assert "no XLSX or CSV" in refused(changed(book(["a"]), **{SHEET: HEAD + bad + "</sheetData></worksheet>"}))
    assert "no XLSX or CSV" in refused(changed(book(["a"]), **{SHEET: HEAD + '<row r="x"/></sheetData></worksheet>'}))


def test_a_file_with_a_password_is_told():
    assert "password" in refused(spreadsheets.OLE + bytes(4096))
    data = bytearray(book(["a"]))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        starts = [entry.header_offset for entry in archive.infolist()]
    for start in starts:
        data[start + 6] |= 1
    position = 0
    while (position := data.find(b"PK\x01\x02", position)) >= 0:
        data[position + 8] |= 1
        position += 4
    assert "password" in refused(bytes(data))


def test_macros_are_told():
    assert "macros" in refused(changed(book(["a"]), **{"xl/vbaProject.bin": b"\x00" * 100}))


def test_a_formula_is_told_with_its_cell():
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["a", "b", "c"])
        sheet.write_formula(4, 2, '=HYPERLINK("http://example.org","x")')
    assert "C5 holds a formula" in refused(made.getvalue())


def test_entities_inside_and_outside_are_never_opened():
    laughs = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
        f"<!ENTITY {chr(98 + n)} '{('&' + chr(97 + n) + ';') * 10}'>" for n in range(9)
    )
    inside = (
        laughs
        + "]>"
        + HEAD
        + '<row r="1"><c r="A1" t="inlineStr"><is><t>&j;</t></is></c></row></sheetData></worksheet>'
    )
    assert "no XLSX or CSV" in refused(changed(book(["a"]), **{SHEET: inside}))
    outside = (
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        + HEAD
        + '<row r="1"><c r="A1" t="str"><v>&e;</v></c></row></sheetData></worksheet>'
    )
    assert "no XLSX or CSV" in refused(changed(book(["a"]), **{SHEET: outside}))
    assert "no XLSX or CSV" in refused(changed(book(["a"]), **{"xl/sharedStrings.xml": outside}))


def test_a_zip_bomb_is_noticed_by_what_it_says_and_by_what_it_does(monkeypatch):
    monkeypatch.setattr(spreadsheets, "MOST_UNPACKED", 40 * spreadsheets.MEGABYTE)
    bomb = changed(book(["a"]), **{SHEET: HEAD + " " * (spreadsheets.MOST_UNPACKED + 1)})
    assert len(bomb) < spreadsheets.MEGABYTE
    assert "far too large" in refused(bomb)
    monkeypatch.setattr(spreadsheets, "_refuse_hostile", lambda _archive: None)  # as if it lied about its size
    assert "far too large" in refused(bomb)


def test_fifty_megabytes_are_told():
    assert "larger than 20 MB" in refused(b"x" * (50 * spreadsheets.MEGABYTE))


def test_a_million_columns_are_told_and_two_far_cells_cost_nothing():
    cells = "".join(f'<c r="{spreadsheets._letters(n)}1"/>' for n in range(1_000_000))
    empty = HEAD + f'<row r="1">{cells}<c r="ZZZ1" t="str"><v>x</v></c></row></sheetData></worksheet>'
    assert "more than 100 columns" in refused(changed(book(["a"]), **{SHEET: empty}))
    harmless_ = (
        HEAD
        + f'<row r="1">{cells}</row><row r="1048576"><c r="B1048576" t="str"><v>x</v></c></row></sheetData></worksheet>'
    )
    assert read(changed(book(["a"]), **{SHEET: harmless_})) == [["", "x"]]
    assert "more than 100 columns" in refused((",".join("x" * 101) + "\n").encode())


def test_too_many_rows_are_told(monkeypatch):
    monkeypatch.setattr(spreadsheets, "MOST_ROWS", 3)
    assert "more than 3 rows" in refused(b"head\n1\n2\n3\n4\n")
    assert len(read(b"head\n1\n2\n3\n")) == 4


def test_a_long_cell_is_cut_and_a_wrong_reference_is_empty():
    assert len(read(book(["x" * 30_000]))[0][0]) == spreadsheets.LONGEST_CELL
    wrong = (
        HEAD + '<row r="1"><c r="A1" t="s"><v>99</v></c><c r="B1" t="str"><v>x</v></c></row></sheetData></worksheet>'
    )
    assert read(changed(book(["a"]), **{SHEET: wrong})) == [["", "x"]]


# --- what we write ----------------------------------------------------------------------------------------------

ATTACKS = [
    "=1+1",
    "+86 138",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =cmd|' /C calc'!A0",
    '=HYPERLINK("http://x")',
    "http://x.cn",
]


def test_no_cell_of_ours_is_a_formula_or_a_link(tmp_path):
    made = Xlsx(tmp_path / "t.xlsx", ["=head", "n"])
    for attack in ATTACKS:
        made.write([attack, 7])
    made.close()
    with zipfile.ZipFile(tmp_path / "t.xlsx") as archive:
        sheet = archive.read(SHEET).decode()
        assert "<f>" not in sheet
        assert "<hyperlink" not in sheet.lower()
    cells = read((tmp_path / "t.xlsx").read_bytes())
    assert [line[0] for line in cells[1:]] == [attack.strip() for attack in ATTACKS]
    assert {line[1] for line in cells[1:]} == {"7"}


def test_no_line_of_csv_begins_a_formula():
    out = io.StringIO()
    table = Csv(out, ["=head"])
    for attack in ATTACKS:
        table.write([attack, -3])
    text = out.getvalue().removeprefix("\ufeff")
    assert text.startswith("'=head")
    assert all(harmless(attack).startswith("'") for attack in ATTACKS[:-1])
    assert harmless("林小满") == "林小满"
    assert text.count("-3") == len(ATTACKS)


def test_a_sheet_that_is_full_goes_on_on_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr("core.tables.MOST_ROWS_OF_A_SHEET", 2)
    made = Xlsx(tmp_path / "t.xlsx", ["n"])
    for number in range(3):
        made.write([number])
    made.close()
    with zipfile.ZipFile(tmp_path / "t.xlsx") as archive:
        assert "xl/worksheets/sheet2.xml" in archive.namelist()


@pytest.mark.parametrize("inside", ["<si/>", "<si><t/></si>", "<x/>"])
def test_texts_that_hold_nothing_are_counted(monkeypatch, inside):
    monkeypatch.setattr(spreadsheets, "MOST_ELEMENTS", 1000)
    bomb = f"<sst>{inside * 1001}</sst>"
    assert "far too large" in refused(changed(book(["姓名", "手机"]), **{"xl/sharedStrings.xml": bomb}))


@pytest.mark.parametrize("inside", ["<row/>", "<row><c/></row>", "<x/>"])
def test_rows_that_hold_nothing_are_counted(monkeypatch, inside):
    monkeypatch.setattr(spreadsheets, "MOST_ELEMENTS", 1000)
    sheet = f"{HEAD}{inside * 1001}</sheetData></worksheet>"
    assert "far too large" in refused(changed(book(["姓名"]), **{SHEET: sheet}))


def test_many_rows_that_hold_something_are_no_bomb(monkeypatch):
    monkeypatch.setattr(spreadsheets, "MOST_ELEMENTS", 1000)
    assert len(read(book(*[[number, number] for number in range(2000)]))) == 2000
