"""Files as people send them: good pictures, and everything that only pretends to be one."""

import struct
import zlib
from io import BytesIO

from PIL import Image

PLACE = "30.746 N 120.755 E"


def jpeg(size=(600, 400), colour="white", turned=False):
    """A photo with the place and the camera written into it."""
    exif = Image.Exif()
    exif[0x010F], exif[0x010E] = "Pinecone", PLACE
    if turned:
        exif[0x0112] = 6  # to be turned by 90 degrees
    exif.get_ifd(0x8825).update({1: "N", 2: (30.0, 44.0, 45.0), 3: "E", 4: (120.0, 45.0, 18.0)})
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG", exif=exif, comment=PLACE.encode())
    return out.getvalue()


def picture(kind, mode="RGB", size=(300, 200)):
    out = BytesIO()
    Image.new(mode, size).save(out, kind)
    return out.getvalue()


def bomb(side=30_000):
    """A PNG of a few kilobytes that says it has 900 million pixels."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
