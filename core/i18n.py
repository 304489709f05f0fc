"""Words in the reader's language: catalogs in translations/, zh_Hans by default, English second."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from babel import Locale
from flask import Flask, g, has_request_context
from flask_babel import Babel, force_locale, get_locale, gettext, lazy_gettext, refresh
from flask_babel import ngettext as _ngettext

LANGUAGES = {"zh_Hans": "简体中文", "en": "English"}
DEFAULT_LANGUAGE = "zh_Hans"
LOCALES = {code: Locale.parse(code) for code in LANGUAGES}  # to parse one costs more than to say a word

_: Callable[..., str] = gettext
ngettext: Callable[..., str] = _ngettext
lazy = lazy_gettext

__all__ = ["DEFAULT_LANGUAGE", "LANGUAGES", "_", "init_app", "language", "lazy", "ngettext", "speaking"]


def init_app(app: Flask) -> None:
    app.config.setdefault("BABEL_DEFAULT_LOCALE", DEFAULT_LANGUAGE)
    app.config.setdefault("BABEL_DEFAULT_TIMEZONE", app.config["TIME_ZONE"])
    Babel(app, locale_selector=_chosen)


def language() -> str:
    """The code of the language that is being spoken now, `zh_Hans` or `en`."""
    return str(get_locale() or DEFAULT_LANGUAGE)


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Speak another language for a while: a mail is written in its receiver's words."""
    with force_locale(code if code in LANGUAGES else DEFAULT_LANGUAGE):
        yield
    if has_request_context():
        refresh()


def _chosen() -> Locale:
    prefs = g.get("prefs")
    return LOCALES[prefs.lang if prefs else DEFAULT_LANGUAGE]
