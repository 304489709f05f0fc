"""Thousands of open lists in one small client: each asks every three seconds as the page does, on one connection.

Run alone it prints one line of JSON: how many polls were answered and how, and after how many seconds each change of
the list was seen by the first, by half and by the last of those who look at it.
"""

import argparse
import asyncio
import json
import random
import re
import time
from collections import Counter
from functools import partial
from pathlib import Path

EVERY = 3.0
TAG_IN_BODY = re.compile(rb'hx-ptag="([^"]+)"')
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
NEW_TAG = re.compile(rb"\r\nhx-ptag: ([^\r]+)", re.IGNORECASE)


class List(asyncio.Protocol):
    """One open list."""

    def __init__(self, crowd: "Crowd", cookie: bytes) -> None:
        self.crowd, self.cookie, self.tag, self.heard = crowd, cookie, b"", b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.wire = transport
        self.ask()

    def ask(self) -> None:
        if not self.wire.is_closing():
            poll = b"HX-Request: true\r\nHX-Request-Type: partial\r\nHX-PTag: %s\r\n" % self.tag
            cookie = b"Cookie: %s\r\n" % self.cookie if self.cookie else b""
            self.wire.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%s\r\n" % (poll, cookie))

    def data_received(self, data: bytes) -> None:
        self.heard += data
        head, blank, body = self.heard.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if blank and len(body) >= (int(length[1]) if length else 0):
            self.heard = b""
            self.answered(head, body)

    def answered(self, head: bytes, body: bytes) -> None:
        status = head[9:12].decode()
        found = TAG_IN_BODY.search(body) if status == "200" else NEW_TAG.search(head)
        self.tag = found[1] if found else b""
        self.crowd.note(status)
        asyncio.get_running_loop().call_later(EVERY, self.ask)

    def connection_lost(self, _error: Exception | None) -> None:
        self.crowd.note("lost")


class Crowd:
    """What all of them heard; a change is told to it by a file whose time changes."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.seen: dict[float, list[float]] = {}
        self.changed_at = 0.0

    def note(self, status: str) -> None:
        self.answers[status] += 1
        if status == "200" and self.changed_at:
            self.seen.setdefault(self.changed_at, []).append(time.time() - self.changed_at)

    async def watch(self, marker: Path) -> None:
        while True:
            if marker.exists():
                self.changed_at = marker.stat().st_mtime
            await asyncio.sleep(0.05)


async def main() -> None:
    asked = _arguments()
    cookies = [line.encode() for line in Path(asked.cookies).read_text().split("\n")]
    crowd, loop = Crowd(), asyncio.get_running_loop()
    watching = loop.create_task(crowd.watch(Path(asked.marker)))
    for number in range(asked.count):
        cookie = cookies[number % len(cookies)] if number % 2 else b""  # half of them are signed in
        await loop.create_connection(partial(List, crowd, cookie), "127.0.0.1", asked.port)
        await asyncio.sleep(random.random() * 2 * EVERY / asked.count)
    print("OPEN", flush=True)
    await asyncio.sleep(asked.seconds)
    watching.cancel()
    told = [sorted(seen) for seen in crowd.seen.values()]
    ends = [[round(seen[i], 1) for i in (0, len(seen) // 2, -1)] for seen in told]
    print(json.dumps({"answers": crowd.answers, "seen_after": ends, "seen_by": list(map(len, told))}), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench.open_lists", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("cookies", help="a file with one Cookie header a line")
    parser.add_argument("marker", help="a file that is touched when the list has changed")
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=30)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
