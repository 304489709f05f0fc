"""Pages of checks as they went out: the same facts in the same minute look the same to every visitor.

What a certificate is worth is asked anew each time, by one question; only drawing the page is spared.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime

from flask import Response, g, make_response, request, session

from blueprints.identity.access import viewer

MOST = 500  # pages of some 8 KB


class Kept:
    """So many pages by what stands on them; the one that was not asked for longest goes first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._pages: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, facts: Hashable, now: datetime, draw: Callable[[], Response]) -> Response:
        """The page of these facts; drawn anew for people who are signed in, and if there is a message to show."""
        if viewer() is not None or "_flashes" in session or request.query_string:
            return draw()
        key = (facts, f"{now:%Y%m%d%H%M}", g.prefs, request.path)
        with self._lock:
            known = self._pages.pop(key, None)
        page = make_response(known) if known else draw()
        if page.status_code == 200:
            self._keep(key, known or page.get_data())
        return page

    def _keep(self, key: Hashable, page: bytes) -> None:
        with self._lock:
            self._pages[key] = page
            while len(self._pages) > self._most:
                self._pages.popitem(last=False)
