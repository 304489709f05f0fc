"""Every figure of bench/README.md in one run: `python -m bench.run`, with `wrk` on the path; `--quick` takes a quarter.

A measurement that breaks is told as a line like the others, and the rest goes on; with `--into FILE` each line is kept
in a table as soon as it is found. Everything happens on databases of its own in a temporary folder and on 127.0.0.1,
first with SQLite, then with PostgreSQL (tests/postgres.py starts one). Product and floor are measured in turns, so that
a drift of the machine's speed meets both: read the ratios, and `cpu` before `rps` when the machine has other work.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import load, people
from bench.load import Figures
from bench.servers import ROOT, cpu_seconds, memory_mib, serving
from core.web import App
from tests import postgres

PRODUCT, FLOOR = 8710, 8711
PASSWORD = "bench-4711-rengang"
VOLUNTEERS, SHIFTS, RECORDS = 20_000, 2_000, 1_000_000
# Volunteers of the seed who hold nothing: from which one on they are used for what.
READERS, CLAIMANTS, ARRIVALS, CROWD = 0, 300, 4_000, 8_000


@dataclass(slots=True)
class Scale:
    """How much is done."""

    records: int = RECORDS
    seconds: int = 5
    rounds: int = 4
    claims: int = 1_500
    crowd: int = 300
    lists: int = 5_000
    watched: int = 30
    visits: int = 5


QUICK = Scale(records=100_000, seconds=2, rounds=3, claims=400, lists=1_000, watched=15, visits=2)


@dataclass(slots=True)
class Run:
    """One database with the servers on it, and every line that was found."""

    name: str
    environment: dict[str, str]
    folder: Path
    scale: Scale
    app: App
    floor: int = 0
    server: int = 0
    into: Path | None = None

    def told(self, what: str, found: str, goal: str) -> None:
        print(f"{self.name:<11} {what:<52} {found}   (goal: {goal})", flush=True)
        if self.into:
            with self.into.open("a", encoding="utf-8") as table:
                table.write(f"| {self.name} | {what} | {found} | {goal} |\n")

    def tries(self, *measurements: Callable[["Run"], None]) -> None:
        """Each of them, with the seconds it took; what one of them breaks is told, and the next one is tried."""
        for measure in measurements:
            began, load_then = time.perf_counter(), os.getloadavg()[0]
            try:
                measure(self)
            except (Exception, SystemExit) as error:  # a run of many minutes does not end for one figure
                self.told(f"{measure.__name__} BROKE", f"{type(error).__name__}: {str(error)[:200]}", "-")
            took = time.perf_counter() - began
            print(f"{'':<11} {measure.__name__}: {took:.0f} s, load {load_then:.1f} before", flush=True)


def main() -> None:
    asked = _arguments()
    scale, began = QUICK if asked.quick else Scale(), time.perf_counter()
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed: apt-get install wrk, or your system's way.")
    head = f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} at the start, {scale.records:,} records"
    print(head, flush=True)
    if asked.into:
        asked.into.write_text(f"{head}\n\n| database | what | found | goal |\n|---|---|---|---|\n", encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="rengang-bench-") as folder, ExitStack() as stack:
        reference = Path(folder) / "sqlite"
        for name in [asked.only] if asked.only else ["sqlite", "postgresql"]:
            url = stack.enter_context(postgres.running(durable=True)) if name == "postgresql" else ""
            run = prepared(name, url, Path(folder) / name, scale)
            run.into = asked.into
            everything(run, reference)
    print(f"load {os.getloadavg()[0]:.1f} at the end, {(time.perf_counter() - began) / 60:.0f} minutes in all")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the records, and shorter rounds")
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="leave the other database out")
    parser.add_argument("--into", type=Path, metavar="FILE", help="keep every line in a table, in Markdown")
    return parser.parse_args()


def prepared(name: str, url: str, folder: Path, scale: Scale) -> Run:
    """A database of this kind with everything in it."""
    folder.mkdir()
    environment = os.environ | {"INSTANCE_PATH": str(folder), "WORKER": "off", "LOG": os.devnull, "DATABASE_URL": url}
    return Run(name, environment, folder, scale, people.application(environment))


def everything(run: Run, reference: Path) -> None:
    run.tries(seed)
    if run.name == "sqlite":
        run.tries(growth)
    with serving(["bench.floor", str(floor_database(reference)), str(FLOOR)], run.environment, FLOOR) as run.floor:
        with product(run):
            run.tries(pages, claims, arrivals, race, memory)
        with product(run):
            run.tries(open_lists, browser)


def floor_database(folder: Path) -> Path:
    """The database of the product on SQLite, or one as good if only PostgreSQL is measured."""
    database = folder / "rengang.db"
    if not database.exists():
        folder.mkdir()
        seeded(os.environ | {"INSTANCE_PATH": str(folder), "DATABASE_URL": ""}, VOLUNTEERS, SHIFTS, QUICK.records)
    return database


@contextmanager
def product(run: Run) -> Iterator[None]:
    with serving(["core.serve", "--port", str(PRODUCT)], run.environment, PRODUCT) as run.server:
        yield


# --- the data -------------------------------------------------------------------------------------------------


def seed(run: Run) -> None:
    seconds = seeded(run.environment, VOLUNTEERS, SHIFTS, run.scale.records)
    run.told(f"seed of {run.scale.records:,} records", f"{seconds:.0f} s", "60 s for 1,000,000")


def seeded(environment: dict[str, str], volunteers: int, shifts: int, records: int) -> float:
    """Fill an empty database; seconds for the seed alone."""
    command = [sys.executable, "-m", "flask", "--app", "app"]
    subprocess.run([*command, "db", "upgrade"], cwd=ROOT, env=environment, check=True, capture_output=True)
    figures = [f"--volunteers={volunteers}", f"--shifts={shifts}", f"--records={records}", f"--password={PASSWORD}"]
    began = time.perf_counter()
    subprocess.run([*command, "seed", *figures], cwd=ROOT, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def growth(run: Run) -> None:
    """The list made anew on this database and on one of a tenth, in turns."""
    small = run.environment | {"INSTANCE_PATH": str(run.folder / "tenth")}
    seeded(small, VOLUNTEERS // 10, SHIFTS // 10, run.scale.records // 10)
    found: dict[str, list[Figures]] = {"tenth": [], "whole": []}
    for size in load.in_turns(3, list(found)):
        environment = small if size == "tenth" else run.environment
        done = subprocess.run(
            [sys.executable, "-m", "bench.anew"], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        )
        found[size].append(json.loads(done.stdout.splitlines()[-1]))
    for what in ("list", "search"):
        tenth, whole = (median(figures[what] for figures in found[size]) for size in found)
        run.told(f"{what} made anew at 10 × the data", f"{whole / tenth:.2f} × the time", "1.3 ×")


# --- what is measured -----------------------------------------------------------------------------------------


def pages(run: Run) -> None:
    """The list for a visitor and for people signed in, the poll that finds nothing new, and the floor, in turns."""
    cookies = run.folder / "cookies"
    cookies.write_text("\n".join(browser.cookie for browser in people.browsers(run.app, 200, READERS)))
    tag, poll = people.tag_of_list(PRODUCT), ("-H", "HX-Request-Type: partial")
    seconds = run.scale.seconds
    ways: dict[str, Callable[[], Figures]] = {
        "floor": lambda: load.page(FLOOR, run.floor, seconds),
        "list, visitor": lambda: load.page(PRODUCT, run.server, seconds),
        "list, signed in": lambda: load.page(PRODUCT, run.server, seconds, cookies=str(cookies)),
        "poll that finds nothing new": lambda: load.page(
            PRODUCT, run.server, seconds, "-H", f"HX-PTag: {tag}", *poll, cookies=str(cookies)
        ),
    }
    found: dict[str, list[Figures]] = {name: [] for name in ways}
    for name in load.in_turns(run.scale.rounds, list(ways)):
        found[name].append(ways[name]())
    middle = {name: _median(figures) for name, figures in found.items()}
    goals = {
        "list, visitor": "0.8, p95 3 ×",
        "list, signed in": "0.4, p95 3 ×",
        "poll that finds nothing new": "above 1",
    }
    for name, goal in goals.items():
        run.told(name, _against(middle["floor"], middle[name]), goal)


def _median(figures: list[Figures]) -> Figures:
    return {name: median(each[name] for each in figures) for name in figures[0]}


def _against(floor: Figures, found: Figures) -> str:
    rps, cpu, late = found["rps"] / floor["rps"], floor["cpu_ms"] / found["cpu_ms"], found["p95"] / floor["p95"]
    return f"rps {rps:.2f} × floor, cpu {cpu:.2f} × floor, p95 {late:.1f} × floor" + _failures(found)


def _failures(found: Figures) -> str:
    return f", {found['failed']:.0f} FAILED" if found["failed"] else ""


def claims(run: Run) -> None:
    """Different people claim different shifts, each once."""
    crowd = people.browsers(run.app, run.scale.claims, CLAIMANTS)
    sent = people.claims(run.app, crowd)
    _forms(run, "claims, CSRF and all", [(path, browser, {}) for path, browser in sent])


def arrivals(run: Run) -> None:
    """Different people check in with the code of their shift, each once."""
    crowd = people.browsers(run.app, run.scale.claims, ARRIVALS)
    sent = people.arrivals(run.app, crowd)
    _forms(run, "check-ins, CSRF and all", [(path, browser, {"code": code}) for path, browser, code in sent])


def _forms(run: Run, what: str, sent: list[tuple[str, people.Browser, dict[str, str]]]) -> None:
    found = load.forms(PRODUCT, run.server, sent, run.folder)
    floor = load.page(FLOOR, run.floor, 2)
    cost = f"{found['rps']:.0f}/s, p99 {found['p99']:.0f} ms, cpu {found['cpu_ms'] / floor['cpu_ms']:.0f} floors each"
    run.told(what, f"{cost}, {found['refused']:.0f} refused" + _failures(found), "300/s, p99 500 ms")


def race(run: Run) -> None:
    """So many people claim one shift of ten places at once, from four processes, CSRF and all."""
    shift = people.shift_of_ten(run.app)
    crowd = people.browsers(run.app, run.scale.crowd, CROWD)
    answers, slowest, total = load.rush(PRODUCT, shift, crowd)
    standing = people.standing(run.app, shift)
    found = f"answers {dict(answers)}, {standing}, slowest {slowest:.1f} s, all in {total:.1f} s"
    run.told(f"{run.scale.crowd} people claim 10 places at once", found, "10 hold, every answer 303, 5 s")


def memory(run: Run) -> None:
    run.told("memory after all this (PSS)", f"{memory_mib(run.server)} MiB", "250 MB")


def open_lists(run: Run) -> None:
    """Thousands of open lists, half of them signed in; every ten seconds somebody claims what all of them see."""
    marker, count, seconds = run.folder / "changed", run.scale.lists, run.scale.watched
    command = [sys.executable, "-m", "bench.open_lists", str(PRODUCT), str(run.folder / "cookies"), str(marker)]
    client = subprocess.Popen(
        [*command, f"--count={count}", f"--seconds={seconds}"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None
    client.stdout.readline()  # all are open
    began, before = time.perf_counter(), cpu_seconds(run.server)
    while time.perf_counter() - began < seconds - 6:
        people.change_first(run.app)
        marker.touch()
        time.sleep(10)
    share = (cpu_seconds(run.server) - before) / (time.perf_counter() - began)
    heard: dict[str, Any] = json.loads(client.communicate()[0].splitlines()[-1])
    last = max((seen[2] for seen in heard["seen_after"]), default=0.0)
    found = f"{share:.0%} of a core, a change seen by all after {last:.1f} s, answers {heard['answers']}"
    run.told(f"{count:,} open lists", found, "60 %, 5 s")


def browser(run: Run) -> None:
    """The first visit on a weak phone."""
    command = [sys.executable, "-m", "bench.browser", str(PRODUCT), str(run.folder / "cookies")]
    done = subprocess.run(
        [*command, f"--visits={run.scale.visits}"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for line in done.stdout.splitlines():
        seen = json.loads(line)
        found = f"LCP {seen['lcp'] / 1000:.2f} s, claim usable {seen['usable'] / 1000:.2f} s, "
        found += f"{seen['kb']:.0f} KB in {seen['requests']:.0f} requests"
        run.told(f"first visit, {seen['who']}, slow 4G, CPU / 4", found, "1.5 s, 2 s, 60 KB in 6")


if __name__ == "__main__":
    main()
