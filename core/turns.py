"""Writers of SQLite wait in line, across threads and processes, instead of knocking again and again.

SQLite itself sleeps and tries again, up to a tenth of a second each time: whoever knocks at the right moment goes
first, and somebody may wait for seconds while the database stands idle in between. The kernel wakes those who wait
for a lock on a file in their order. Only requests stand in this line, because they are short: a command that writes
for a minute would keep everybody waiting, so it still knocks, and is waited for no longer than before.
"""

import sys
import time
from contextlib import suppress
from typing import IO, Any

from sqlalchemy import Connection, Pool, event
from sqlalchemy.exc import OperationalError

if sys.platform != "win32":
    import fcntl

LINE = "line"
PATIENCE = 10.0  # seconds; whoever waited so long does not begin to knock as well


def wait(connection: Connection) -> None:
    """Wait until it is this connection's turn to write; the turn ends when the connection goes back to the pool."""
    database = connection.engine.url.database
    if sys.platform == "win32" or not database or database == ":memory:":
        return
    began = time.monotonic()
    with suppress(OSError):  # a folder that cannot be written: SQLite has the better words for it
        fcntl.flock(_line(connection, f"{database}-line"), fcntl.LOCK_EX)
    if time.monotonic() - began > PATIENCE:
        raise OperationalError("BEGIN IMMEDIATE", None, TimeoutError("it was not this writer's turn in time"))


def _line(connection: Connection, path: str) -> IO[str]:
    """The file to wait at, opened once for each connection: two of one process wait for each other, too."""
    kept = connection.info
    if LINE not in kept:
        kept[LINE] = open(path, "a")  # noqa: SIM115 - it lives as long as the connection
    file: IO[str] = kept[LINE]
    return file


@event.listens_for(Pool, "checkin")
def _go_on(_connection: Any, record: Any) -> None:
    """Let the next one write."""
    if file := record.info.get(LINE):
        fcntl.flock(file, fcntl.LOCK_UN)


@event.listens_for(Pool, "close")
def _leave(_connection: Any, record: Any) -> None:
    """The file goes with its connection, and with it the place in the line."""
    if file := record.info.pop(LINE, None):
        file.close()
