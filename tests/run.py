"""`manage.py test`: the checks, then the whole suite on SQLite and on PostgreSQL, side by side.

Ends with one line, `N passed, N failed`, over both databases. Whatever did not run counts as failed.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests import check, chromium, postgres

ROOT = Path(__file__).resolve().parent.parent
USAGE = """python3 manage.py test [--only sqlite|postgresql] [PYTEST ARGUMENTS]

Without arguments: every check, then every test, on SQLite and on PostgreSQL.
With arguments: pytest with them on both databases (--only: on one), without the checks. For example
  python3 manage.py test tests/claims -k overlap
"""
DATABASES = ["sqlite", "postgresql"]
SECONDS_BETWEEN_SIGNS = 60


@dataclass(frozen=True)
class Leg:
    """One run of the suite on one database, with a folder of its own for all it leaves behind."""

    database: str
    folder: Path
    process: subprocess.Popen[bytes]


def main(arguments: list[str]) -> int:
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    databases, rest = _chosen(arguments)
    failed_checks = [] if arguments else check.failed_steps(list(check.STEPS))
    try:
        counts = run_suite(databases, rest)
    except (postgres.PostgresError, chromium.ChromiumMissingError) as error:
        print(f"The tests did not run. {error}")
        counts = Counter(failed=1)
    return conclude(counts, failed_checks)


def _chosen(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Which databases, and what is for pytest."""
    if arguments[:1] != ["--only"]:
        return DATABASES, arguments
    if len(arguments) < 2 or arguments[1] not in DATABASES:
        sys.exit(USAGE)
    return arguments[1:2], arguments[2:]


def conclude(counts: Counter[str], failed_checks: list[str]) -> int:
    """Say how it went in one line, and as an exit status."""
    if failed_checks:
        print(f"Failed checks, counted below: {', '.join(failed_checks)}")
    failed = counts["failed"] + len(failed_checks)
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {failed} failed{skipped}", flush=True)
    return 1 if failed or not counts["passed"] else 0


def run_suite(databases: list[str], arguments: list[str]) -> Counter[str]:
    """Run pytest on each database at the same time, and count over all."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rengang-test-")))
        environment = os.environ | {"CHROMIUM": _browser(whole=not arguments)}
        environment.pop("DATABASE_URL", None)  # whatever this machine serves, the tests leave it alone
        legs = []
        for database in databases:
            url = stack.enter_context(postgres.running()) if database == "postgresql" else ""
            legs.append(_start(database, folder, environment | {"TEST_DATABASE_URL": url}, arguments))
            stack.callback(legs[-1].process.kill)  # of no effect on one that has ended
        return sum((_outcome(leg) for leg in _as_they_end(legs)), Counter())


def _browser(*, whole: bool) -> str:
    """Part of the suite may do without a browser; the tests that need one say so themselves."""
    try:
        return chromium.ensure()
    except chromium.ChromiumMissingError:
        if whole:
            raise
        return ""


def _start(database: str, parent: Path, environment: dict[str, str], arguments: list[str]) -> Leg:
    folder = parent / database
    folder.mkdir()
    command = [sys.executable, "-m", "pytest", f"--junitxml={folder / 'report.xml'}"]
    command += ["-o", f"cache_dir=.pytest_cache/{database}", *arguments]
    own = {"TMPDIR": str(folder), "INSTANCE_PATH": str(folder / "instance")}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            postgres.dying_with_parent(command, "TERM"),
            cwd=ROOT,
            env=environment | own,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Leg(database, folder, process)


def _as_they_end(legs: list[Leg]) -> Iterator[Leg]:
    """Each leg when it is over; a sign of life every minute until then."""
    began, sign_due, running = time.monotonic(), SECONDS_BETWEEN_SIGNS, list(legs)
    while running:
        for leg in [leg for leg in running if leg.process.poll() is not None]:
            running.remove(leg)
            yield leg
        if time.monotonic() - began > sign_due:
            print(f"{sign_due} s: still testing on {' and '.join(leg.database for leg in running)}", flush=True)
            sign_due += SECONDS_BETWEEN_SIGNS
        time.sleep(0.1)


def _outcome(leg: Leg) -> Counter[str]:
    """Print all that pytest said, and count; a leg that broke off counts as failed."""
    print(f"\n======== {leg.database} ========", flush=True)
    sys.stdout.buffer.write((leg.folder / "output").read_bytes())
    sys.stdout.flush()
    counts = _count(leg.folder / "report.xml")
    if leg.process.returncode and not counts["failed"]:
        print(f"The tests on {leg.database} ended with exit status {leg.process.returncode}.")
        counts["failed"] = 1
    return counts


def _count(report: Path) -> Counter[str]:
    if not report.exists():
        return Counter(failed=1)
    suites = [suite.attrib for suite in ElementTree.parse(report).getroot().iter("testsuite")]
    total = {name: sum(int(s[name]) for s in suites) for name in ("tests", "failures", "errors", "skipped")}
    failed = total["failures"] + total["errors"]
    passed = total["tests"] - failed - total["skipped"]
    return Counter(passed=passed, failed=failed, skipped=total["skipped"])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(sys.argv[1:]))
