"""Pictures that people send: judged by what they are, not by their name, and made anew without what a camera adds."""

from collections.abc import Callable
from io import BytesIO
from threading import Lock
from typing import Any, TypeVar

from flask import Flask, current_app, request

from core import spreadsheets
from core.i18n import _
from core.refusal import Refusal

FORMATS = ("JPEG", "PNG", "WEBP")
LONGEST_SIDE = 2000
MOST_PIXELS = {"JPEG": 50_000_000}  # a phone's largest; it is shrunk while it is read
MOST_PIXELS_OTHERWISE = 16_000_000
QUALITY = 80
AROUND = 64 * 1024  # bytes of a form beside its file
CONTENT_TYPE = "image/jpeg"
_one_at_a_time = Lock()  # an open picture takes much memory
V = TypeVar("V", bound=Callable[..., Any])


def takes_pictures(view: V) -> V:
    """A view that may be sent as much as a picture takes (setting PICTURE_MEGABYTES); all others stay at 1 MB."""
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


def cleaned(raw: bytes) -> bytes:
    """The picture as a JPEG of its own: upright, not too large, without place, time or name of the camera."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 (it takes much memory, and few requests need it)

    broken = (UnidentifiedImageError, OSError, SyntaxError, ValueError, MemoryError, Image.DecompressionBombError)
    with _one_at_a_time:
        try:
            return _jpeg(raw)
        except broken as error:
            raise Refusal(
                _("This file is no picture that can be read. Please take the photo again, as JPEG, PNG or WebP."),
                "photo",
            ) from error


def _jpeg(raw: bytes) -> bytes:
    from PIL import Image, ImageOps  # noqa: PLC0415

    with Image.open(BytesIO(raw), formats=FORMATS) as opened:
        if opened.width * opened.height > MOST_PIXELS.get(opened.format or "", MOST_PIXELS_OTHERWISE):
            raise Refusal(_("This picture has too many pixels. Please take it with a lower resolution."), "photo")
        opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    bare = Image.new("RGB", upright.size)
    bare.paste(upright)
    written = BytesIO()
    bare.save(written, "JPEG", quality=QUALITY)
    return written.getvalue()
