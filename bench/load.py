"""Requests in great number: pages by wrk, forms by wrk, and a crowd that claims one shift at the same moment."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from urllib.parse import urlencode

from bench.people import Browser
from bench.servers import ROOT, cpu_seconds

CONNECTIONS = 32
Figures = dict[str, float]


def page(port: int, pid: int, seconds: int, *options: str, cookies: str = os.devnull) -> Figures:
    """So many seconds of one page, over and over: requests a second, latency, and CPU time of the server for each."""
    before = cpu_seconds(pid)
    found = _wrk("rotate.lua", [f"-d{seconds}s", *options], port, COOKIES=cookies)
    return found | {"cpu_ms": (cpu_seconds(pid) - before) * 1000 / max(1, found["count"])}


def forms(port: int, pid: int, sent: list[tuple[str, Browser, dict[str, str]]], folder: Path) -> Figures:
    """Each form once, as fast as the server takes them."""
    lines = [f"{path}\t{by.cookie}\t{urlencode({'csrf_token': by.token} | fields)}" for path, by, fields in sent]
    (folder / "forms").write_text("\n".join(lines))
    command, environment = _command("post.lua", ["-d120s"], port), os.environ | {"FORMS": str(folder / "forms")}
    before, began = cpu_seconds(pid), time.perf_counter()
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    while (said := running.stdout.readline()) != "ALL\n":  # it says first what it is going to do
        if not said or said.startswith("JSON"):
            raise SystemExit(f"Not every form was answered: {said}")
    took, cost = time.perf_counter() - began, cpu_seconds(pid) - before
    running.send_signal(signal.SIGINT)
    found = _figures(running.communicate()[0])
    return found | {"rps": found["count"] / took, "cpu_ms": cost * 1000 / max(1, found["count"])}


def _wrk(script: str, options: list[str], port: int, **environment: str) -> Figures:
    command = _command(script, options, port)
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return _figures(done.stdout)


def _command(script: str, options: list[str], port: int) -> list[str]:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", "--timeout", "60s", "-s", str(ROOT / "bench" / script), *options]
    return [*command, f"http://127.0.0.1:{port}/"]


def _figures(printed: str) -> Figures:
    line = next(line for line in printed.splitlines() if line.startswith("JSON "))
    figures: Figures = json.loads(line[5:])
    return figures


# --- everybody at once ----------------------------------------------------------------------------------------


def rush(port: int, shift: int, crowd: list[Browser]) -> tuple[Counter[str], float, float]:
    """All of them claim one shift from four processes: the answers, the slowest of them, and the time in all."""
    parts = [crowd[n::4] for n in range(4)]
    began = time.perf_counter()
    with ProcessPoolExecutor(4) as processes:
        answers = [answer for part in processes.map(_part, cycle([port]), cycle([shift]), parts) for answer in part]
    return (
        Counter(status for status, _took in answers),
        max(took for _status, took in answers),
        time.perf_counter() - began,
    )


def _part(port: int, shift: int, crowd: list[Browser]) -> list[tuple[str, float]]:
    with ThreadPoolExecutor(len(crowd)) as threads:
        return list(threads.map(lambda browser: _claim(port, shift, browser), crowd))


def _claim(port: int, shift: int, browser: Browser) -> tuple[str, float]:
    began = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Cookie": browser.cookie, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", f"/shifts/{shift}/claims", urlencode({"csrf_token": browser.token}), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return str(answer.status), time.perf_counter() - began


def in_turns(rounds: int, names: list[str]) -> Iterator[str]:
    """Each name once a round, so that a drift of the machine's speed meets all of them."""
    for _ in range(rounds):
        yield from names
