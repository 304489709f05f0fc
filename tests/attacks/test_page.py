"""docs/attacks.md names every test of the suite, and every test that it names is there."""

import ast
import re
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent.parent / "docs" / "attacks.md"
NOT_ATTACKS = {"test_page.py", "test_traces.py"}  # the page itself, and how a trace is kept


def attacks_of_the_suite():
    for path in sorted(FOLDER.glob("test_*.py")):
        if path.name not in NOT_ATTACKS:
            tree = ast.parse(path.read_text())
            yield from (node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _is_test(node))


def _is_test(node):
    return node.name.startswith("test_")


def named_on_the_page():
    return re.findall(r"`(test_\w+)`", PAGE.read_text())


def test_the_page_names_every_attack_and_nothing_else():
    named = [name for name in named_on_the_page() if name != "test_page"]
    assert sorted(named) == sorted(attacks_of_the_suite())
    assert len(named) > 40


def test_each_line_of_the_table_says_what_stops_it_and_what_is_left_behind():
    rows = [line for line in PAGE.read_text().splitlines() if "`test_" in line and line.startswith("|")]
    assert len(rows) > 40
    for row in rows:
        assert all(cell.strip() for cell in row.strip("|").split("|")), row


def test_the_way_to_the_page_is_shown():
    root = PAGE.parent.parent
    for page in ("README.md", "README.zh-CN.md", "docs/architecture.md"):
        assert "attacks.md" in (root / page).read_text(), page
