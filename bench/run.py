"""All figures of bench/README.md in one run: `python -m bench.run [--volunteers N …]` with `wrk` on the path.

Everything happens on a database of its own in a temporary folder and on 127.0.0.1. Product and floor are measured in
turns, so that a drift of the machine's speed meets both.
"""

import argparse
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "bench-4711-rengang"
PRODUCT, FLOOR = 8710, 8711
TOKEN = re.compile(rb'name="csrf_token"[^>]*value="([^"]+)"')


def main() -> None:
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="rengang-bench-") as folder:
        environment = os.environ | {"INSTANCE_PATH": folder, "WORKER": "off", "LOG": os.devnull}
        environment.pop("DATABASE_URL", None)
        seed(asked, environment)
        database = str(Path(folder) / "rengang.db")
        with serving(["core.serve", "--port", str(PRODUCT)], environment, PRODUCT) as server:
            with serving(["bench.floor", database, str(FLOOR)], environment, FLOOR):
                cookies = signed_in(asked.users)
                pages(asked, cookies, folder)
            memory(server)
            race(cookies, asked.claimants, database)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench.run", description=__doc__)
    parser.add_argument("--volunteers", type=int, default=20_000)
    parser.add_argument("--shifts", type=int, default=2_000)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=200, help="how many sign in (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=6, help="of each measurement (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each page (default: %(default)s)")
    parser.add_argument("--claimants", type=int, default=200, help="people in the race (default: %(default)s)")
    return parser.parse_args()


def seed(asked: argparse.Namespace, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "flask", "--app", "app"]
    subprocess.run([*command, "db", "upgrade"], cwd=ROOT, env=environment, check=True, capture_output=True)
    started = time.perf_counter()
    figures = [f"--{name}={getattr(asked, name)}" for name in ("volunteers", "shifts", "records")]
    seeding = [*command, "seed", *figures, "--password", PASSWORD]
    subprocess.run(seeding, cwd=ROOT, env=environment, check=True, capture_output=True)
    told("seed", rows=asked.records, seconds=round(time.perf_counter() - started, 1))


@contextmanager
def serving(module: list[str], environment: dict[str, str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server and stop it at the end."""
    process = subprocess.Popen([sys.executable, "-m", *module], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    for _ in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.1)
    raise SystemExit(f"Nothing answers at port {port}.")


def signed_in(count: int) -> list[str]:
    """Sign volunteers in through the ordinary form; one Cookie header each. Those of the first half hold nothing."""
    with ThreadPoolExecutor(4) as crowd:
        return list(crowd.map(sign_in, range(1, count + 1)))


def sign_in(number: int) -> str:
    browser = HTTPConnection("127.0.0.1", PRODUCT, timeout=60)
    browser.request("GET", "/sign-in")
    page = browser.getresponse()
    body, jar = page.read(), _cookies(page, {})
    form = {"phone": f"+86{15000000000 + number}", "password": PASSWORD, "csrf_token": token_in(body)}
    browser.request("POST", "/sign-in", urlencode(form), _headers(jar))
    answer = browser.getresponse()
    answer.read()
    if answer.status != 303:
        raise SystemExit(f"Signing in number {number} answered {answer.status}.")
    return "; ".join(f"{name}={value}" for name, value in _cookies(answer, jar).items())


def token_in(body: bytes) -> str:
    found = TOKEN.search(body)
    return found.group(1).decode() if found else ""


def _cookies(answer: Any, jar: dict[str, str]) -> dict[str, str]:
    pairs = (value.split(";")[0].split("=", 1) for name, value in answer.getheaders() if name.lower() == "set-cookie")
    return jar | dict(pairs)


def _headers(jar: dict[str, str]) -> dict[str, str]:
    cookie = "; ".join(f"{name}={value}" for name, value in jar.items())
    return {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}


def pages(asked: argparse.Namespace, cookies: list[str], folder: str) -> None:
    """The list for a visitor and for people signed in, the poll that finds nothing new, and the floor, in turns."""
    kept = Path(folder) / "cookies"
    kept.write_text("\n".join(cookies))
    tag = _tag()
    runs: dict[str, Callable[[], dict[str, float]]] = {
        "floor": lambda: wrk(FLOOR, asked.seconds),
        "visitor": lambda: wrk(PRODUCT, asked.seconds),
        "signed in": lambda: wrk(PRODUCT, asked.seconds, cookies=str(kept)),
        "nothing new": lambda: wrk(PRODUCT, asked.seconds, "-H", f"HX-PTag: {tag}", "-H", "HX-Request-Type: partial"),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in runs}
    for _ in range(asked.rounds):
        for name, measure in runs.items():
            found[name].append(measure())
    floor = median(run["rps"] for run in found["floor"])
    for name, measured in found.items():
        rps = median(run["rps"] for run in measured)
        p95 = median(run["p95"] for run in measured)
        told(name, rps=round(rps), ratio=round(rps / floor, 2), p95_ms=p95, bytes=measured[0]["bytes"])


def _tag() -> str:
    browser = HTTPConnection("127.0.0.1", PRODUCT, timeout=30)
    browser.request("GET", "/")
    found = re.search(rb'hx-ptag="([^"]+)"', browser.getresponse().read())
    return found.group(1).decode() if found else ""


def wrk(port: int, seconds: int, *options: str, cookies: str = os.devnull) -> dict[str, float]:
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "-s", str(ROOT / "bench/rotate.lua"), *options]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/"],
        env=os.environ | {"COOKIES": cookies},
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("JSON "))
    figures: dict[str, float] = json.loads(line[5:])
    return figures


def memory(server: subprocess.Popen[bytes]) -> None:
    """Proportional memory of the server with its processes, after the load."""
    told("memory", mib=round(sum(map(_pss, _family(server.pid))) / 1024))


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


def _pss(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.split("Pss:")[1].split()[0])


def race(cookies: list[str], count: int, database: str) -> None:
    """So many people claim one shift of ten places at once, from four processes, CSRF and all."""
    shift = _shift_with_ten_places(database)
    parts = [cookies[:count][n::4] for n in range(4)]
    started = time.perf_counter()
    with ProcessPoolExecutor(4) as processes:
        outcomes = sum(processes.map(rush, parts, [shift] * 4), Counter[str]())
    seconds = round(time.perf_counter() - started, 1)
    told("race", people=count, seconds=seconds, answers=dict(outcomes), claims=_standing(database, shift))


def _shift_with_ten_places(database: str) -> int:
    """A coming shift that nobody holds yet, cut to ten places; the product is not asked, so that nothing is warm."""
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        free = "SELECT min(id) FROM shift WHERE state = 'open' AND starts_at > datetime('now', '+3 days') "
        shift: int = connection.execute(free + "AND id NOT IN (SELECT shift_id FROM claim)").fetchone()[0]
        connection.execute("UPDATE shift SET places = 10, revision = revision + 1 WHERE id = ?", (shift,))
    return shift


def _standing(database: str, shift: int) -> dict[str, int]:
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        states = connection.execute("SELECT state, count(*) FROM claim WHERE shift_id = ? GROUP BY state", (shift,))
        return dict(states.fetchall())


def rush(cookies: list[str], shift: int) -> Counter[str]:
    with ThreadPoolExecutor(len(cookies)) as crowd:
        return Counter(crowd.map(lambda cookie: claim(cookie, shift), cookies))


def claim(cookie: str, shift: int) -> str:
    browser = HTTPConnection("127.0.0.1", PRODUCT, timeout=60)
    jar = dict(pair.split("=", 1) for pair in cookie.split("; "))
    browser.request("GET", f"/shifts/{shift}", headers=_headers(jar))
    page = browser.getresponse()
    form = {"csrf_token": token_in(page.read())}
    browser.request("POST", f"/shifts/{shift}/claims", urlencode(form), _headers(_cookies(page, jar)))
    answer = browser.getresponse()
    answer.read()
    return str(answer.status)


def told(what: str, **figures: Any) -> None:
    print(json.dumps({"what": what} | figures, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
