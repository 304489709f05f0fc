"""The test command itself: whatever did not run counts as failed."""

from collections import Counter
from pathlib import Path

import pytest

from tests import run

CASES = {
    "good": ("def test_one():\n    pass\n", Counter(passed=1), 0),
    "bad": (
        "def test_one():\n    assert False\n\n\ndef test_two():\n    pass\n",
        Counter(passed=1, failed=1),
        1,
    ),
    "empty": ("", Counter(failed=1), 1),
    "broken": ("import nothing_like_it\n", Counter(failed=1), 1),
}


@pytest.mark.parametrize("case", CASES)
def test_a_leg_is_counted(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, expected, status = CASES[case]
    (tmp_path / "test_it.py").write_text(source)
    arguments = [str(tmp_path / "test_it.py"), "-c", str(tmp_path / "pytest.ini"), "-p", "no:cacheprovider"]
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    counts = run.run_suite(["sqlite"], arguments)
    assert +counts == expected
    assert run.conclude(counts, []) == status
    assert f"{expected['passed']} passed, {expected['failed']} failed" in capsys.readouterr().out.splitlines()


def test_a_pytest_that_does_not_start_counts_as_failed() -> None:
    assert run.run_suite(["sqlite"], ["--no-such-option"])["failed"] == 1


def test_a_failed_check_fails_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.conclude(Counter(passed=9), ["types"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "9 passed, 1 failed"


def test_a_run_without_tests_fails() -> None:
    assert run.conclude(Counter(), []) == 1
