"""When each session was used last, kept in the memory of this process until somebody writes anyway.

A GET never writes, so it only remembers; every five minutes the next POST of the process writes all of it down.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock

EVERY = timedelta(minutes=5)


class Seen:
    def __init__(self) -> None:
        self._lock = Lock()
        self._moments: dict[int, datetime] = {}
        self._since: datetime | None = None

    def remember(self, session_id: int, now: datetime) -> None:
        with self._lock:
            self._moments[session_id] = now
            self._since = self._since or now

    def last(self, session_id: int) -> datetime | None:
        """When this process saw the session, if that is not written down yet."""
        return self._moments.get(session_id)

    def take(self, now: datetime) -> Mapping[int, datetime]:
        """What should be written down now; empty while that can wait."""
        with self._lock:
            if self._since is None or now - self._since < EVERY:
                return {}
            taken, self._moments, self._since = self._moments, {}, None
            return taken
