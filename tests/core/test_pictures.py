"""Pictures that people send."""

from io import BytesIO

import pytest
from PIL import Image

from core.pictures import LONGEST_SIDE, cleaned
from core.refusal import Refusal
from tests.rollcall.photos import PLACE, bomb, jpeg, picture


def opened(raw):
    return Image.open(BytesIO(raw))


def test_neither_place_nor_camera_is_kept():
    raw = jpeg()
    assert PLACE.encode() in raw
    kept = cleaned(raw)
    assert PLACE.encode() not in kept
    assert b"Pinecone" not in kept
    assert not opened(kept).getexif()


def test_a_photo_held_sideways_is_kept_upright():
    assert opened(cleaned(jpeg((600, 400), turned=True))).size == (400, 600)


def test_a_large_photo_is_made_smaller():
    assert max(opened(cleaned(jpeg((5000, 3000)))).size) == LONGEST_SIDE


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGB"), ("JPEG", "CMYK")])
def test_every_kind_becomes_a_jpeg(kind, mode):
    assert opened(cleaned(picture(kind, mode))).format == "JPEG"


NO_PICTURES = {
    "empty": b"",
    "text": b"hello",
    "page": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "half": jpeg()[:500],
    "head only": b"\xff\xd8\xff\xe0",
    "gif": picture("GIF", "P"),
    "tiff": picture("TIFF"),
    "bomb": bomb(),
    "wide": bomb(9_000),
}


@pytest.mark.parametrize("raw", NO_PICTURES.values(), ids=NO_PICTURES.keys())
def test_what_is_no_picture_or_far_too_large_is_refused_with_a_sentence(raw):
    with pytest.raises(Refusal, match="picture"):
        cleaned(raw)
