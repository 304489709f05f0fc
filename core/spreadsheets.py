"""Spreadsheets that people send: read row by row, in memory that does not grow with the file, and nothing of it run.

An XLSX file is a zip of XML. Its entries are unpacked in pieces and counted while they are, its XML is parsed as it
comes, and what no honest table holds (entities, macros, formulas, passwords) is refused in one sentence. A library
would build the whole grid in memory: two cells at opposite corners make it larger than any machine.
"""

import csv
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import TextIOWrapper
from typing import IO, Any
from xml.parsers import expat

from core.i18n import _
from core.refusal import Refusal

MEGABYTE = 1024 * 1024
MOST_BYTES = 20 * MEGABYTE  # as it is sent
MOST_UNPACKED = 400 * MEGABYTE
MOST_ENTRIES = 500
MOST_SHARED = 64 * MEGABYTE  # of text that cells share
MOST_ELEMENTS = 4_000_000  # of texts that cells share, and between two rows that hold something
MOST_COLUMNS = 100
MOST_ROWS = 100_000
LONGEST_CELL = 2_000
PIECE = 64 * 1024
SAMPLE = 64 * 1024
FIELD = "file"  # of the form that the sentence belongs to
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
BROKEN: tuple[type[Exception], ...] = (zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, OSError)
BROKEN += (NotImplementedError, RuntimeError, ValueError, ArithmeticError, LookupError)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its number as the sheet shows it, and the text of its cells."""

    number: int
    cells: list[str]


def rows(file: IO[bytes]) -> Iterator[Row]:
    """The rows of the first sheet that hold anything; raises Refusal, with the sentence to show, for any bad file."""
    _refuse_large(file)
    start = file.read(8)
    file.seek(0)
    if start.startswith(b"PK\x03\x04"):
        yield from _limited(_of_xlsx(file))
    elif start == OLE:
        raise Refusal(
            _("This file is protected by a password, or an old .xls. Please save it as .xlsx without a password."),
            FIELD,
        )
    else:
        yield from _limited(_of_csv(file))


def _refuse_large(file: IO[bytes]) -> None:
    size = file.seek(0, 2)
    file.seek(0)
    if size > MOST_BYTES:
        raise Refusal(_("The file is larger than %(size)d MB. Please split it.", size=MOST_BYTES // MEGABYTE), FIELD)
    if not size:
        raise Refusal(_("The file is empty. Please choose another one."), FIELD)


def _limited(found: Iterator[Row]) -> Iterator[Row]:
    for count, row in enumerate(found):
        if count > MOST_ROWS:
            raise Refusal(_("The table has more than %(count)s rows. Please split it.", count=f"{MOST_ROWS:,}"), FIELD)
        yield row


def _no_table() -> Refusal:
    return Refusal(
        _("This is no XLSX or CSV file that can be read. Please open it in your table program and save it anew."), FIELD
    )


def _too_large() -> Refusal:
    return Refusal(_("Unpacked, this file is far too large. Please save only the table that is needed."), FIELD)


def _too_wide() -> Refusal:
    return Refusal(
        _("The table has more than %(count)d columns. Please delete the ones not needed.", count=MOST_COLUMNS), FIELD
    )


# --- CSV ------------------------------------------------------------------------------------------------------


def _of_csv(file: IO[bytes]) -> Iterator[Row]:
    start = file.read(SAMPLE)
    file.seek(0)
    if b"\x00" in start:
        raise _no_table()
    text = TextIOWrapper(file, encoding=_encoding(file), newline="")
    try:
        yield from _lines(text, _delimiter(start))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _no_table() from error
    finally:
        with suppress(ValueError):  # whoever asked has closed the file already
            text.detach()


def _encoding(file: IO[bytes]) -> str:
    """UTF-8 if the whole file is, else what Chinese table programs write."""
    try:
        text = TextIOWrapper(file, encoding="utf-8")
        while text.read(PIECE):
            pass
    except UnicodeDecodeError:
        return "gb18030"
    finally:
        text.detach()
        file.seek(0)
    return "utf-8-sig"


def _delimiter(start: bytes) -> str:
    line = start.partition(b"\n")[0]
    return max(",;\t", key=lambda mark: line.count(mark.encode()))


def _lines(text: TextIOWrapper, delimiter: str) -> Iterator[Row]:
    for number, cells in enumerate(csv.reader(text, delimiter=delimiter), start=1):
        if any(not character.isprintable() and character not in "\n\r\t\u3000" for cell in cells for character in cell):
            raise _no_table()
        while cells and not cells[-1].strip():
            cells.pop()
        if len(cells) > MOST_COLUMNS:
            raise _too_wide()
        if cells:
            yield Row(number, [_unguarded(cell.strip())[:LONGEST_CELL] for cell in cells])


def _unguarded(cell: str) -> str:
    """Without the mark that keeps a cell of ours from becoming a formula; see core.tables."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@", "\t", "\r") else cell


# --- XLSX -----------------------------------------------------------------------------------------------------


def _of_xlsx(file: IO[bytes]) -> Iterator[Row]:
    with _readable(), zipfile.ZipFile(file) as archive:
        _refuse_hostile(archive)
        budget = _Budget()
        name = _first_sheet(archive, budget)
        shared = _shared(archive, budget)
        yield from _Sheet(shared).rows(_unpacked(archive, name, budget))


@contextmanager
def _readable() -> Iterator[None]:
    """Whatever a broken file does to the parser is told in the same sentence."""
    try:
        yield
    except BROKEN as error:
        raise _no_table() from error


def _refuse_hostile(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if any(name.lower().endswith(("vbaproject.bin", ".xlm")) or "macrosheets" in name.lower() for name in names):
        raise Refusal(_("This file holds macros. Please save it as .xlsx, which holds none."), FIELD)
    if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        raise _too_large()
    if any(entry.flag_bits & 1 for entry in entries):
        raise Refusal(_("This file is protected by a password. Please save it without one."), FIELD)


class _Budget:
    """How much may still be unpacked: what an entry says of its own size may be a lie."""

    def __init__(self) -> None:
        self.left = MOST_UNPACKED

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise _too_large()


def _unpacked(archive: zipfile.ZipFile, name: str, budget: _Budget) -> Iterator[bytes]:
    try:
        entry = archive.open(name)
    except KeyError as error:
        raise _no_table() from error
    with entry:
        while piece := entry.read(PIECE):
            budget.spend(len(piece))
            yield piece


class _Elements:
    """How many more may come before there must be something in them: empty ones cost no byte of a zip, but time."""

    def __init__(self) -> None:
        self.refill()

    def refill(self) -> None:
        self.left = MOST_ELEMENTS

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise _too_large()


def _parser(
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    elements: _Elements | None = None,
) -> Any:
    """A parser that knows no entities, inside or outside the file, and hands on names without their prefixes."""
    parser, counted = expat.ParserCreate(), elements or _Elements()

    def begin(name: str, given: dict[str, str]) -> None:
        counted.spend()
        start(name.rpartition(":")[2], given)

    parser.StartElementHandler = begin
    if end:
        parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.buffer_text = True
    return parser


def _refuse_doctype(*_declared: Any) -> None:
    raise _no_table()


def _first_sheet(archive: zipfile.ZipFile, budget: _Budget) -> str:
    """The file of the first sheet, as the workbook names it."""
    ids: list[str] = []
    targets: dict[str, str] = {}

    def sheet(name: str, given: dict[str, str]) -> None:
        if name == "sheet":
            ids.extend(value for key, value in given.items() if key.rpartition(":")[2] == "id" and ":" in key)

    def relation(name: str, given: dict[str, str]) -> None:
        if name == "Relationship":
            targets[given.get("Id", "")] = given.get("Target", "")

    for name, handler in (("xl/workbook.xml", sheet), ("xl/_rels/workbook.xml.rels", relation)):
        _parse_whole(_parser(handler), _unpacked(archive, name, budget))
    target = targets.get(ids[0] if ids else "", "")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _parse_whole(parser: Any, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        parser.Parse(piece, False)
    parser.Parse(b"", True)


def _shared(archive: zipfile.ZipFile, budget: _Budget) -> list[str]:
    """The texts that cells refer to by number."""
    name = "xl/sharedStrings.xml"
    if name not in archive.namelist():
        return []
    texts = _Texts()
    parser = _parser(texts.start, texts.end)
    parser.CharacterDataHandler = texts.add
    _parse_whole(parser, _unpacked(archive, name, budget))
    return texts.found


class _Texts:
    def __init__(self) -> None:
        self.found: list[str] = []
        self._parts: list[str] = []
        self._inside = self._sounds = False
        self._size = 0

    def start(self, name: str, _given: dict[str, str]) -> None:
        if name == "si":
            self._parts = []
        self._sounds = self._sounds or name == "rPh"  # how it is pronounced is no part of the text
        self._inside = name == "t" and not self._sounds

    def end(self, name: str) -> None:
        self._inside = False
        self._sounds = self._sounds and name != "rPh"
        if name == "si":
            self.found.append("".join(self._parts)[:LONGEST_CELL].strip())

    def add(self, text: str) -> None:
        if self._inside:
            self._parts.append(text)
            self._size += len(text)
            if self._size > MOST_SHARED:
                raise _too_large()


class _Sheet:
    """One sheet as its XML comes in: rows are handed on as soon as they are whole."""

    def __init__(self, shared: list[str]) -> None:
        self._shared, self._elements = shared, _Elements()
        self._ready: list[Row] = []
        self._number, self._cells = 0, {}  # type: ignore[var-annotated]
        self._column, self._kind, self._text = -1, "", []  # type: ignore[var-annotated]
        self._inside = False

    def rows(self, pieces: Iterator[bytes]) -> Iterator[Row]:
        parser = _parser(self._start, self._end, self._elements)
        parser.CharacterDataHandler = self._add
        for piece in pieces:
            parser.Parse(piece, False)
            yield from self._ready
            self._ready.clear()
        parser.Parse(b"", True)
        yield from self._ready

    def _start(self, name: str, given: dict[str, str]) -> None:
        if name == "row":
            number = int(given.get("r", self._number + 1))
            if number <= self._number:
                raise _no_table()
            self._number, self._column, self._cells = number, -1, {}
        elif name == "c":
            self._column = _column(given["r"]) if "r" in given else self._column + 1
            self._kind, self._text = given.get("t", "n"), []
        elif name == "f":
            where = f"{_letters(self._column)}{self._number}"
            raise Refusal(
                _("Cell %(cell)s holds a formula. Please paste the values only, and save it anew.", cell=where), FIELD
            )
        self._inside = name in ("v", "t")

    def _end(self, name: str) -> None:
        self._inside = False
        if name == "c":
            self._keep("".join(self._text).strip())
        elif name == "row" and self._cells:
            last = max(self._cells)
            self._ready.append(Row(self._number, [self._cells.get(each, "") for each in range(last + 1)]))
            self._elements.refill()

    def _add(self, text: str) -> None:
        if self._inside:
            self._text.append(text)

    def _keep(self, text: str) -> None:
        if not text:
            return
        if self._column >= MOST_COLUMNS:
            raise _too_wide()
        self._cells[self._column] = ESCAPED.sub(_unescaped, self._meant(text))[:LONGEST_CELL].strip()

    def _meant(self, text: str) -> str:
        """The text of a cell: a number without a trailing .0, so that a phone number stays one."""
        if self._kind == "s":
            return self._shared[int(text)] if int(text) < len(self._shared) else ""
        if self._kind == "n" and NUMBER.fullmatch(text):
            number = float(text)
            return str(int(number)) if number == int(number) and abs(number) < 10**15 else text
        return text


def _unescaped(found: re.Match[str]) -> str:
    """What XML cannot hold is written as _x000D_; of such characters only those that people see are kept."""
    character = chr(int(found[1], 16))
    return character if character.isprintable() else ""


def _column(reference: str) -> int:
    """B7 stands in the column 1."""
    number = 0
    for letter in reference.rstrip("0123456789"):
        number = number * 26 + LETTERS.index(letter) + 1
    return number - 1


def _letters(column: int) -> str:
    letters = ""
    while column >= 0:
        column, letters = column // 26 - 1, chr(65 + column % 26) + letters
    return letters
