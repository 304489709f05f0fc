"""How much a view may be sent: 1 MB, unless it says that it takes more."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, request

from core import spreadsheets

AROUND = 64 * 1024  # bytes of a form beside its file
V = TypeVar("V", bound=Callable[..., Any])


def takes_pictures(view: V) -> V:
    """A view that may be sent as much as a picture takes (setting PICTURE_MEGABYTES)."""
    view.takes_pictures = True  # type: ignore[attr-defined]
    return view


def takes_tables(view: V) -> V:
    """A view that may be sent as much as a table takes."""
    view.takes_tables = True  # type: ignore[attr-defined]
    return view


def init_app(app: Flask) -> None:
    app.before_request(_widen)


def _widen() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "takes_pictures", False):
        request.max_content_length = current_app.config["PICTURE_BYTES"]
    if getattr(view, "takes_tables", False):
        request.max_content_length = spreadsheets.MOST_BYTES + AROUND
