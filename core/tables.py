"""Tables that are handed out: written row by row, in memory that does not grow, and never with a formula in them."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
MOST_ROWS_OF_A_SHEET = 1_048_575  # below its head
BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
WIDTH = 18  # characters of a column


class Xlsx:
    """A workbook whose cells are all text or whole numbers; what does not fit on one sheet goes on on the next."""

    def __init__(self, path: Path, head: Sequence[str]) -> None:
        import xlsxwriter  # noqa: PLC0415 (only tasks need it)

        options: dict[str, Any] = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(str(path), options | {"strings_to_numbers": False})
        self._bold = self._book.add_format({"bold": True})
        self._head = head
        self._begin_sheet()

    def _begin_sheet(self) -> None:
        self._sheet = self._book.add_worksheet()
        self._sheet.set_column(0, max(0, len(self._head) - 1), WIDTH)
        self._sheet.freeze_panes(1, 0)
        for column, words in enumerate(self._head):
            self._sheet.write_string(0, column, words, self._bold)
        self._row = 0

    def write(self, cells: Sequence[str | int | None]) -> None:
        if self._row == MOST_ROWS_OF_A_SHEET:
            self._begin_sheet()
        self._row += 1
        for column, cell in enumerate(cells):
            if isinstance(cell, int):
                self._sheet.write_number(self._row, column, cell)
            elif cell:
                self._sheet.write_string(self._row, column, cell)

    def close(self) -> None:
        self._book.close()


class Csv:
    """UTF-8 with the mark by which table programs know it; cells that would become formulas get an apostrophe."""

    def __init__(self, file: TextIO, head: Sequence[str] | None) -> None:
        self._writer = csv.writer(file)
        if head is not None:
            file.write("\ufeff")
            self.write(head)

    def write(self, cells: Iterable[str | int | None]) -> None:
        self._writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])


def harmless(cell: str) -> str:
    """The text so that no table program takes it for a formula."""
    return "'" + cell if cell.lstrip(" \u3000")[:1] in BEGINS_A_FORMULA and cell.strip(" ") else cell
