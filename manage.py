#!/usr/bin/env python3
"""The one entrance: makes the virtual environment once, then hands the command on. Standard library only."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python reads this line too
    sys.exit(f"Rengang needs Python 3.11 or newer; this is Python {sys.version_info[0]}.{sys.version_info[1]}.")

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
WINDOWS = os.name == "nt"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if WINDOWS else "bin/python")

# What `help` says of each command. Those that are not in MODULES are commands of the app (Flask).
COMMANDS = {
    "serve": "Serve the site. (Without any command: the same, with a demo loaded if the database is new.)",
    "test": "Run every check and the whole test suite, on SQLite and on PostgreSQL.",
    "check": "Check format, style, types, that migrations match the models, and the translations.",
    "install": "Make the virtual environment and install what the site needs, and nothing else.",
    "migrate": "Bring the database up to the newest schema.",
    "setup": "Create the first administrator of a real installation, by a one-time link.",
    "demo": "Load the demo of Jiaxing into an empty database.",
    "seed": "Fill the database with many made-up volunteers, shifts and records, for load tests.",
    "slip": "Print a one-time link for somebody whom no administrator can let in again.",
    "worker": "Send reminders and messages that are due, until stopped.",
    "backup": "Write a backup of the database to a file, while the site is running.",
    "restore": "Fill a new, empty database with a backup.",
    "doctor": "Say what is wrong with this installation and how to mend it.",
    "audit": "Prove that nothing in the ledger or the audit was changed, removed or put in later; draw checks again.",
    "keys": "The key that signs certificates: make a new one, or show the certificates.",
    "messages": "Collect and compile the translations.",
}
MODULES = {"serve": "core.serve", "test": "tests.run", "check": "tests.check"}
DEVELOPMENT = {"test", "check"}


def main(arguments: list[str]) -> int:
    """Run one command and pass on its exit status."""
    command, rest = parse(arguments)
    if command == "help":
        return show_help()
    if command == "install" and {"--help", "-h"} & set(rest):
        print(f"usage: manage.py install\n\n{COMMANDS['install']}")
        return 0
    python = find_python(development=command in DEVELOPMENT)
    if command == "install":
        return 0
    return run([python, *command_line(command, rest)])


def parse(arguments: list[str]) -> tuple[str, list[str]]:
    """The command and what follows it; nothing, or only options, means: serve, with a demo at first."""
    if arguments[:1] in (["help"], ["-h"], ["--help"]):
        return (arguments[1], ["--help"]) if len(arguments) > 1 else ("help", [])
    if not arguments or arguments[0].startswith("-"):
        return "serve", ["--demo-if-new", *arguments]
    return arguments[0], arguments[1:]


def show_help() -> int:
    print("python3 manage.py [COMMAND] [OPTIONS]\n")
    for name, words in COMMANDS.items():
        print(f"  {name:<10}{words}")
    print("\nOptions of a command: python3 manage.py COMMAND --help")
    return 0


def command_line(command: str, rest: list[str]) -> list[str]:
    """What the Python of the environment is asked to do."""
    if command in MODULES:
        return ["-m", MODULES[command], *rest]
    flask = ["-m", "flask", "--app", str(ROOT / "app.py")]
    if command == "migrate":
        return [*flask, "db", "upgrade", "--directory", str(ROOT / "migrations"), *rest]
    return [*flask, command, *rest]


def run(line: list[str]) -> int:
    """Become the command, so that signals and the exit status are its own."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    sys.stdout.flush()
    if not WINDOWS:
        os.execv(line[0], line)
    try:
        return subprocess.call(line)
    except KeyboardInterrupt:
        return 130


def find_python(*, development: bool) -> str:
    """The Python to run with, with everything installed that the locks ask for."""
    if os.environ.get("RENGANG_NO_VENV") == "1":
        return sys.executable
    if not PYTHON.exists():
        create_environment()
    install("requirements.txt")
    if development:
        install("requirements-dev.txt")
    return str(PYTHON)


def create_environment() -> None:
    say("Creating the virtual environment .venv")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=False)
    if made.returncode:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        sys.exit("The virtual environment could not be made. On Debian and Ubuntu: apt install python3-venv")


def install(lock: str) -> None:
    """Install what a lock file names, unless exactly that was installed before."""
    stamp = ENVIRONMENT / f"{lock}.sha256"
    wanted = hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say(f"Installing {lock} into .venv; this happens once")
    pip = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--require-hashes"]
    if subprocess.run([*pip, "-r", str(ROOT / lock)], check=False).returncode:
        sys.exit(f"{lock} could not be installed. Read the lines above; pip needs to reach a package index.")
    stamp.write_text(wanted)


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
