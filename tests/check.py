"""`manage.py check`: everything that can be said about the code without running the tests."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLASK = ["flask", "--app", "app"]
STEPS = {
    "format": [["ruff", "format", "--check", "."]],
    "lint": [["ruff", "check", "."]],
    "types": [["mypy", "."]],
    # On a new database made by the migrations, the models must find nothing to add.
    "migrations": [[*FLASK, "db", "upgrade"], [*FLASK, "db", "check"]],
    "translations": [[*FLASK, "messages", "--check"]],
}


def main() -> None:
    parser = argparse.ArgumentParser("manage.py check", description="Check the code without running the tests.")
    parser.add_argument("step", nargs="*", metavar="STEP", help=f"only these: {', '.join(STEPS)}")
    asked = parser.parse_args().step or list(STEPS)
    if unknown := [name for name in asked if name not in STEPS]:
        parser.error(f"no such step: {', '.join(unknown)}")
    sys.exit(1 if failed_steps(asked) else 0)


def failed_steps(names: list[str]) -> list[str]:
    """Take every step, print what the failing ones have to say, and name them."""
    return [name for name in names if not _passes(name)]


def _passes(name: str) -> bool:
    with tempfile.TemporaryDirectory(prefix="rengang-check-") as instance:
        outcomes = [_run(module, instance) for module in STEPS[name]]
    failures = [outcome.stdout for outcome in outcomes if outcome.returncode]
    print(f"check {name}: {'failed' if failures else 'passed'}", flush=True)
    print("".join(failures), end="", flush=True)
    return not failures


def _run(module: list[str], instance: str) -> subprocess.CompletedProcess[str]:
    """Run a module against an installation of its own, whatever this machine is set to serve."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run(
        [sys.executable, "-m", *module],
        cwd=ROOT,
        env=environment | {"INSTANCE_PATH": instance},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    main()
