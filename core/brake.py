"""A brake on checking: so many a minute from one address, remembered by this process alone and for a minute."""

import threading
from collections import OrderedDict

from core.refusal import TooManyTries

A_MINUTE = 60
MOST_ADDRESSES = 10_000


class Brake:
    """Counts in a bounded table; the oldest address is forgotten first."""

    def __init__(self, most: int = A_MINUTE) -> None:
        self._most = most
        self._counts: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._lock = threading.Lock()

    def require_calm(self, address: str, seconds: float, words: str, weight: int = 1) -> None:
        """Count a look; raises TooManyTries when there were too many within this minute."""
        minute = int(seconds // 60)
        with self._lock:
            then, count = self._counts.pop(address, (minute, 0))
            count = (count if then == minute else 0) + weight
            self._counts[address] = (minute, count)
            while len(self._counts) > MOST_ADDRESSES:
                self._counts.popitem(last=False)
        if count > self._most:
            raise TooManyTries(words)
