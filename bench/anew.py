"""The list when nothing of it is kept: found in the database, every card read and rendered. One line of JSON.

`python -m bench.anew` on the database of the environment; the median of some runs in CPU time, without a server.
"""

import json
import time
from statistics import median

from flask import g

from bench.people import application
from blueprints.claims import board, cards
from core import clock, prefs
from core.web import App

RUNS = 40
SEARCHES = {"list": "/", "search": "/?q=图书&free=1"}


def main() -> None:
    app = application()
    print(
        json.dumps(
            {name: round(median(made_anew(app, path) for _ in range(RUNS)), 3) for name, path in SEARCHES.items()}
        )
    )


def made_anew(app: App, path: str) -> float:
    """Milliseconds for one page."""
    app.extensions["board"] = board.Memory()
    with app.test_request_context(path) as context:
        g.prefs = prefs.kept({})
        board.memory().tree.answer()
        began = time.thread_time()
        seen = cards.view(context.request.args, clock.now())
        cards.page_of(seen, board.Asking(None), "")
        return (time.thread_time() - began) * 1000


if __name__ == "__main__":
    main()
