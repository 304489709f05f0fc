"""Pictures that people send: judged by what they are, not by their name, and made anew without what a camera adds."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from threading import Lock
from typing import Any, TypeVar

from flask import Response, abort
from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from werkzeug.datastructures import FileStorage

from core.db import Blob, db
from core.i18n import _
from core.refusal import Refusal

FORMATS = ("JPEG", "PNG", "WEBP")
LONGEST_SIDE = 2000
MOST_PIXELS = {"JPEG": 50_000_000}  # a phone's largest; it is shrunk while it is read
MOST_PIXELS_OTHERWISE = 16_000_000
QUALITY = 80
CONTENT_TYPE, PDF = "image/jpeg", "application/pdf"
PDF_BEGINS = b"%PDF-"
_one_at_a_time = Lock()  # an open picture takes much memory


class Picture:
    """The columns of a model that keeps pictures, and PDFs as `core.documents` lets them in: the content can be erased,
    that it was there stays."""

    @declared_attr.directive
    def __table_args__(self) -> Any:  # each table has checks of its own
        return (
            CheckConstraint("(content IS NULL) = (erased_at IS NOT NULL)", name="is_there_until_it_is_erased"),
            CheckConstraint("size > 0", name="is_not_empty"),
        )

    content_type: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]  # bytes
    sha256: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes | None] = mapped_column(Blob, deferred=True, deferred_raiseload=True)
    made_at: Mapped[datetime]
    made_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    erased_at: Mapped[datetime | None]


P = TypeVar("P", bound=Picture)


def keep(made: P, picture: bytes, kept: Sequence[P], most: int, by_id: int, *, now: datetime) -> P:
    """Keep a picture in this new row, beside those `kept` already: the same one sent twice is kept once."""
    digest = hashlib.sha256(picture).hexdigest()
    if same := next((each for each in kept if each.sha256 == digest and not each.erased_at), None):
        return same
    if len(kept) >= most:
        raise Refusal(_("There are %(count)d pictures already, that is enough.", count=len(kept)), "photo")
    made.content_type, made.size, made.sha256, made.content = type_of(picture), len(picture), digest, picture
    made.made_at, made.made_by_id = now, by_id
    db.session.add(made)
    db.session.flush()
    return made


def type_of(content: bytes) -> str:
    """By what it begins with; nobody's word is taken for it."""
    return PDF if content.startswith(PDF_BEGINS) else CONTENT_TYPE


def sent(photo: FileStorage | None) -> bytes | None:
    """The picture that came with a form, made anew; None if there is none. Wrong ones are a Refusal of `photo`."""
    return cleaned(photo.read()) if photo and photo.filename else None


def shown(content: bytes | None) -> Response:
    """A picture for those who may see it, kept by no browser and run by none; without one, as if it were not there."""
    if content is None:
        abort(404)
    response = Response(content, content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


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
