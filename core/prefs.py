"""How a person wants to see the pages: language, elder mode, theme. Kept in a cookie, changed by a link."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from urllib.parse import quote, urlencode

from flask import Flask, Response, g, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from core.i18n import DEFAULT_LANGUAGE, LANGUAGES

CHOICES: dict[str, tuple[str, ...]] = {
    "lang": (DEFAULT_LANGUAGE, *(code for code in LANGUAGES if code != DEFAULT_LANGUAGE)),
    "mode": ("normal", "elder"),
    "theme": ("auto", "light", "dark"),
}
COOKIE = "prefs"
STATION = "station"  # says only that this browser is a station's tablet; it opens nothing
YEAR = 60 * 60 * 24 * 365


@dataclass(frozen=True, slots=True)
class Prefs:
    lang: str
    mode: str
    theme: str


def init_app(app: Flask) -> None:
    app.before_request(_read)
    app.jinja_env.globals["prefs_url"] = prefs_url
    app.context_processor(lambda: {"prefs": g.prefs})


def prefs_url(**choice: str) -> str:
    """A link to this very page that switches the preference."""
    args = MultiDict((k, v) for k, v in request.args.items(multi=True) if k not in CHOICES)
    args.update(choice)
    path = _path() if request.method == "GET" else "/"
    return f"{path}?{_query(args)}"


def _path() -> str:
    """The path of this page as an address has it; a browser never reads it as another site."""
    return "/" + quote(request.path, safe="/:@!$&'()*+,;=").lstrip("/")


def _read() -> ResponseReturnValue | None:
    asked = {name: request.args[name] for name in CHOICES if name in request.args}
    g.prefs = kept(request.cookies)
    if asked:
        g.prefs = replace(g.prefs, **{name: _valid(name, value) for name, value in asked.items()})
    return _remember() if asked and request.method == "GET" and request.url_rule else None


def kept(cookies: Mapping[str, str]) -> Prefs:
    """What the browser remembers, as far as it can be chosen."""
    values = cookies.get(COOKIE, "").split(".")
    return Prefs(*(_valid(name, value) for name, value in zip_longest(CHOICES, values[: len(CHOICES)], fillvalue="")))


def _valid(name: str, value: str) -> str:
    return value if value in CHOICES[name] else CHOICES[name][0]


def _remember() -> Response:
    args = MultiDict((k, v) for k, v in request.args.items(multi=True) if k not in CHOICES)
    query = _query(args)
    response = redirect(f"{_path()}?{query}" if query else _path(), 303)
    cookie = f"{g.prefs.lang}.{g.prefs.mode}.{g.prefs.theme}"
    response.set_cookie(COOKIE, cookie, max_age=YEAR, samesite="Lax", secure=request.is_secure, httponly=True)
    return response  # type: ignore[return-value]


def _query(args: MultiDict[str, str]) -> str:
    return urlencode(list(args.items(multi=True)))
