"""The entrance: what each command becomes, and that nothing is installed twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import manage

RECORDER = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/../../calls"
"""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(manage.ROOT / "manage.py"), *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"RENGANG_NO_VENV": "1"} | environment,
    )


@pytest.mark.parametrize(
    ("arguments", "command", "rest"),
    [
        ([], "serve", ["--demo-if-new"]),
        (["--port", "9000"], "serve", ["--demo-if-new", "--port", "9000"]),
        (["serve", "--port", "9000"], "serve", ["--port", "9000"]),
        (["help"], "help", []),
        (["--help"], "help", []),
        (["help", "seed"], "seed", ["--help"]),
        (["backup", "a b.db"], "backup", ["a b.db"]),
    ],
)
def test_arguments_become_a_command(arguments: list[str], command: str, rest: list[str]) -> None:
    assert manage.parse(arguments) == (command, rest)


def test_help_names_every_command_in_one_line_each() -> None:
    lines = run("help").stdout.splitlines()
    for command in manage.COMMANDS:
        assert sum(line.split()[:1] == [command] for line in lines) == 1


def test_an_older_python_gets_one_clear_sentence() -> None:
    pretend = "import sys, runpy; sys.version_info = (3, 10, 4); runpy.run_path(sys.argv[1])"
    command = [sys.executable, "-c", pretend, str(manage.ROOT / "manage.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "Rengang needs Python 3.11 or newer; this is Python 3.10.\n"


@pytest.mark.parametrize("command", ["serve", "test", "check"])
def test_a_command_of_a_module_explains_itself(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert f"manage.py {command}" in done.stdout


def test_the_exit_status_of_a_command_is_passed_on() -> None:
    done = run("no-such-command")
    assert done.returncode == 2
    assert "No such command 'no-such-command'" in done.stderr


def test_help_and_the_application_know_the_same_commands() -> None:
    listed = "import json; from app import create_app; print(json.dumps(sorted(create_app().cli.commands)))"
    done = subprocess.run([sys.executable, "-c", listed], cwd=manage.ROOT, capture_output=True, text=True, check=True)
    ours = set(json.loads(done.stdout)) - {"db"}
    assert ours == set(manage.COMMANDS) - set(manage.MODULES) - {"install", "migrate"}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose environment has a Python that only writes down what it was asked."""
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(RECORDER)
    python.chmod(0o755)
    for lock in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / lock).write_text("first\n")
    monkeypatch.setattr(manage, "ROOT", tmp_path)
    monkeypatch.setattr(manage, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(manage, "PYTHON", python)
    monkeypatch.delenv("RENGANG_NO_VENV", raising=False)
    return tmp_path


def calls(checkout: Path) -> list[str]:
    file = checkout / "calls"
    return [line.rpartition("/")[2] for line in file.read_text().splitlines()] if file.exists() else []


def test_a_second_start_installs_nothing(checkout: Path) -> None:
    for _ in range(2):
        manage.find_python(development=False)
    assert calls(checkout) == ["requirements.txt"]


def test_a_changed_lock_is_installed_again(checkout: Path) -> None:
    manage.find_python(development=False)
    (checkout / "requirements.txt").write_text("second\n")
    manage.find_python(development=False)
    assert calls(checkout) == ["requirements.txt", "requirements.txt"]


def test_only_tests_and_checks_install_the_tools(checkout: Path) -> None:
    manage.find_python(development=True)
    assert calls(checkout) == ["requirements.txt", "requirements-dev.txt"]


def test_a_failed_installation_is_tried_again(checkout: Path) -> None:
    manage.PYTHON.write_text(f"{RECORDER}exit 1\n")
    for _ in range(2):
        with pytest.raises(SystemExit, match=r"requirements\.txt could not be installed"):
            manage.find_python(development=False)
    assert len(calls(checkout)) == 2


def test_asking_what_install_does_installs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert manage.main(["install", "--help"]) == 0
    assert "virtual environment" in capsys.readouterr().out
