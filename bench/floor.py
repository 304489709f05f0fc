"""The floor that every ratio refers to: the same cards from the same database by one raw query and f-strings.

A Flask application under the same server settings as the product: one route, one indexed query with a connection for
each thread, no session, no template.
"""

import sqlite3
import sys
import threading
from datetime import UTC, datetime
from html import escape

from flask import Flask

from core import gunicorn_server

QUERY = """
    SELECT s.id, s.starts_at, s.ends_at, s.places, p.title, p.category, p.place, p.conditions, p.risks, p.safeguards,
        d.name,
        (SELECT count(*) FROM claim c WHERE c.shift_id = s.id AND c.place IS NOT NULL)
    FROM shift s JOIN post p ON p.id = s.post_id JOIN division d ON d.id = p.division_id
    WHERE s.state = 'open' AND s.starts_at > ? ORDER BY s.starts_at, s.id LIMIT 30"""
HEAD = (
    "<!doctype html><html lang=zh-Hans><head><meta charset=utf-8><title>找岗</title><link rel=stylesheet href=/a.css>"
    "<script src=/a.js defer></script></head><body><header><a href=/>认岗</a></header><main><h1>找岗</h1><ul>"
)
app = Flask(__name__)
kept = threading.local()


def connection() -> sqlite3.Connection:
    if not hasattr(kept, "connection"):
        kept.connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        kept.connection.execute("PRAGMA mmap_size = 67108864")
    found: sqlite3.Connection = kept.connection
    return found


@app.get("/")
def floor() -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.000000")
    return HEAD + "".join(card(*row) for row in connection().execute(QUERY, (now,))) + "</ul></main></body></html>"


def card(  # noqa: PLR0913, PLR0917 - one card of the list has this many facts
    id: int, starts: str, ends: str, places: int, title: str, category: str, place: str, asked: str, risks: str,
    safeguards: str, division: str, taken: int,
) -> str:  # fmt: skip
    return (
        f"<li><article class=card id=shift-{id}><p class=card__tags><span class=tag>{category}</span></p>"
        f'<h2><a href="/shifts/{id}">{escape(title)}</a></h2>'
        f"<ul class=card__facts><li><time>{starts[5:16]}</time>–{ends[11:16]}</li>"
        f"<li>{escape(division)} · {escape(place)}</li><li>{escape(asked)}</li>"
        f"<li>{escape(risks)} {escape(safeguards)}</li></ul>"
        f'<div class=card__foot><b>{places - taken}</b>/{places}<form method=post action="/shifts/{id}/claims">'
        f"<button class=button>认领</button></form></div></article></li>\n"
    )


if __name__ == "__main__":
    gunicorn_server.run(app, "127.0.0.1", int(sys.argv[2]), when_ready=lambda: None, embedded=None)
