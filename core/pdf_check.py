"""Looking through a PDF that somebody sent, in a process of its own: `python -m core.pdf_check` reads, and says a word.

Whatever a file does to whoever reads it, it does here, with little memory and time. Nothing of the application is
imported, so that the process starts at once.
"""

import sys
from contextlib import suppress
from enum import StrEnum
from io import BytesIO
from typing import Any

HEAD, END = b"%PDF-", b"%%EOF"
TAIL = 1024  # bytes at whose end the file must say that it is whole
MOST_PAGES, MOST_OBJECTS = 300, 50_000
MOST_UNPACKED = 32 * 1024 * 1024  # bytes of all packed objects together
MEMORY = 768 * 1024 * 1024
SECONDS = 10  # of the processor
# What a reader would run, open, send or unpack: as the name of an entry, and as what an entry says.
ENTRIES = {"/JS", "/JavaScript", "/AA", "/EF", "/EmbeddedFiles", "/XFA", "/RichMediaContent"}
NAMES = {"/JavaScript", "/Launch", "/EmbeddedFile", "/RichMedia", "/RichMediaExecute", "/SubmitForm", "/ImportData"}
NAMES |= {"/GoToE", "/GoToR", "/Rendition", "/Movie", "/Sound", "/FileAttachment"}
OPENS_WITH = {"/GoTo", "/Named"}  # what may happen when it is opened: another page of the same file, or a print
ANYWHERE = (b"/JavaScript", b"/EmbeddedFile", b"/Launch", b"/RichMedia")  # also where no index points


class Verdict(StrEnum):
    """What was found of a file."""

    FINE = "fine"
    BROKEN = "broken"
    LOCKED = "locked"
    ACTIVE = "active"
    LARGE = "large"


def judge(raw: bytes) -> Verdict:
    """Every object that the file's index knows is looked at, and the whole file for names that an index could hide."""
    from pypdf import PdfReader  # noqa: PLC0415 - only the process that looks needs it

    if not raw.startswith(HEAD) or END not in raw[-TAIL:]:
        return Verdict.BROKEN
    reader = PdfReader(BytesIO(raw), strict=True)
    if reader.is_encrypted:
        return Verdict.LOCKED
    if any(name in raw for name in ANYWHERE):
        return Verdict.ACTIVE
    ids = {(id, generation) for generation, known in reader.xref.items() for id in known}
    ids |= {(id, 0) for id in reader.xref_objStm}
    if len(ids) > MOST_OBJECTS or _unpacked(reader) > MOST_UNPACKED or len(reader.pages) > MOST_PAGES:
        return Verdict.LARGE
    if not reader.pages:
        return Verdict.BROKEN
    found = (reader.get_object(_reference(id, generation, reader)) for id, generation in sorted(ids) if id)
    return Verdict.ACTIVE if is_active(reader.trailer) or any(map(is_active, found)) else Verdict.FINE


def _reference(id: int, generation: int, reader: Any) -> Any:
    from pypdf.generic import IndirectObject  # noqa: PLC0415

    return IndirectObject(id, generation, reader)


def _unpacked(reader: Any) -> int:
    """Bytes of the streams that hold other objects; no further than what is allowed."""
    size = 0
    for stream in sorted({stream for stream, _place in reader.xref_objStm.values()}):
        size += len(reader.get_object(_reference(stream, 0, reader)).get_data())
        if size > MOST_UNPACKED:
            break
    return size


def is_active(thing: Any) -> bool:
    """Whether an object, or what stands in it, holds one of these names; what it refers to is looked at by itself."""
    from pypdf.generic import NameObject  # noqa: PLC0415

    todo = [thing]
    while todo:
        each = todo.pop()
        if isinstance(each, NameObject) and each in NAMES:
            return True
        if isinstance(each, dict):
            if not ENTRIES.isdisjoint(each) or _reaches_out(each):
                return True
            todo += each.values()
        elif isinstance(each, list):
            todo += each
    return False


def _reaches_out(entry: Any) -> bool:
    """Whether more than a page is turned to when the file is opened, or another file is named to be read."""
    begins = entry["/OpenAction"] if "/OpenAction" in entry else None  # noqa: SIM401 - only this follows a reference
    if isinstance(begins, dict) and ("/Next" in begins or ("/S" in begins and begins["/S"] not in OPENS_WITH)):
        return True
    return "/F" in entry and ("/Length" in entry or ("/S" in entry and entry["/S"] == "/Thread"))


def _tie_hands() -> None:
    """Little memory and time, where the system can be told so."""
    with suppress(ImportError):
        import resource  # noqa: PLC0415 - not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def main() -> None:
    import logging  # noqa: PLC0415

    _tie_hands()
    logging.disable()
    from pypdf import errors, overwrite_configuration  # noqa: PLC0415

    most = MOST_UNPACKED // 4
    overwrite_configuration(zlib_maximum_output_length=most, lzw_maximum_output_length=most, jbig2dec_binary=None)
    try:
        verdict = judge(sys.stdin.buffer.read())
    except (MemoryError, errors.LimitReachedError):
        verdict = Verdict.LARGE
    except Exception:  # whatever is wrong with it, it cannot be read
        verdict = Verdict.BROKEN
    sys.stdout.write(verdict)


if __name__ == "__main__":
    main()
