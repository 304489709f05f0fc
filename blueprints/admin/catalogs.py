"""The catalogs of translations: collected from the sources, brought up to date, compiled, and what they lack.

English is the language of the sources, so its catalog says what the sources say. The others are written by hand
in translations/<language>/LC_MESSAGES/messages.po.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

from core.config import ROOT
from core.i18n import LANGUAGES

FOLDER = ROOT / "translations"
KEYWORDS = {**DEFAULT_KEYWORDS, "lazy": None, "lazy_gettext": None}
SOURCE = "en"
SKIPPED = {".venv", "instance", "node_modules", "tests", "static", "docs", "migrations", ".git", "__pycache__"}
STEADY = datetime(2026, 1, 1, tzinfo=UTC)  # so that writing a catalog anew changes nothing in it
HEADER = "# Translations for Rengang: {language}. Written by hand; `python3 manage.py messages` keeps it complete."
NOBODY = {"msgid_bugs_address": "see CONTRIBUTING.md", "last_translator": "Rengang", "language_team": "Rengang"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one message, or with a whole catalog."""

    language: str
    words: str
    message: str = ""

    def __str__(self) -> str:
        return f"{self.language}: {self.words}" + (f": {self.message}" if self.message else "")


def extract() -> Catalog:
    """Every message of the sources."""
    with (FOLDER / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file, filename="babel.cfg")  # type: ignore[no-untyped-call]
    found = Catalog(charset="utf-8")
    for name, line, message, comments, context in extract_from_dir(
        ROOT, methods, options, KEYWORDS, directory_filter=lambda folder: Path(folder).name not in SKIPPED
    ):
        found.add(message, None, [(name, line)], auto_comments=comments, context=context)
    return found


def update(sources: Catalog, language: str) -> int:
    """Write the catalog of a language anew: what the sources say, in the words it had; returns how many it lacks."""
    kept = read(language)
    fresh = Catalog(locale=language, project="Rengang", version="1", charset="utf-8", fuzzy=False, **NOBODY)
    fresh.header_comment = HEADER.format(language=LANGUAGES[language])
    fresh.creation_date = fresh.revision_date = STEADY
    for message in sources:
        if message.id:
            fresh.add(message.id, _words(message, kept, language), context=message.context, flags=message.flags)
    with _po(language).open("wb") as file:
        write_po(file, fresh, width=110, sort_output=True)
    return sum(_lacks(message) for message in fresh if message.id)


def _words(message: Message, kept: Catalog, language: str) -> Any:
    if language == SOURCE:
        return message.id
    known = kept.get(message.id, message.context)
    return known.string if known and not known.fuzzy else None


def compile_catalog(language: str) -> None:
    """Write what the program reads."""
    with _mo(language).open("wb") as file:
        write_mo(file, read(language))


def read(language: str) -> Catalog:
    """The catalog as it was written by hand; empty if there is none."""
    if not _po(language).exists():
        _po(language).parent.mkdir(parents=True, exist_ok=True)
        return Catalog(locale=language, charset="utf-8")
    with _po(language).open("rb") as file:
        return read_po(file, locale=language)


def faults(sources: Catalog | None = None) -> Iterator[Fault]:
    """What is missing, fuzzy, wrong or not compiled; without `sources` only what the catalogs say of themselves."""
    for language in LANGUAGES:
        catalog = read(language)
        for message in catalog:
            if message.id:
                yield from _of_message(language, catalog, message)
        for message in sources or ():
            if message.id and catalog.get(message.id, message.context) is None:
                yield Fault(language, "not in the catalog", _first(message))
        if not _is_compiled(language, catalog):
            yield Fault(language, "not compiled since it was last changed")


def _of_message(language: str, catalog: Catalog, message: Message) -> Iterator[Fault]:
    if message.fuzzy:
        yield Fault(language, "fuzzy", _first(message))
    if _lacks(message):
        yield Fault(language, "not translated", _first(message))
    for error in message.check(catalog):
        yield Fault(language, str(error), _first(message))


def _lacks(message: Message) -> bool:
    return not all(_strings(message) or [""])


def _strings(message: Message) -> tuple[str, ...]:
    """The translation in each number the language has."""
    said = message.string
    return (said or "",) if isinstance(said, str | None) else tuple(said)


def _first(message: Message) -> str:
    """The message in the singular."""
    return str(message.id if isinstance(message.id, str) else message.id[0])


def _is_compiled(language: str, catalog: Catalog) -> bool:
    """Whether the program reads the same words; dates of files say nothing after a checkout."""
    if not _mo(language).exists():
        return False
    with _mo(language).open("rb") as file:
        return _said(read_mo(file)) == _said(catalog)


def _said(catalog: Catalog) -> dict[tuple[str, str], tuple[str, ...]]:
    """Every translation by its context and its message in the singular."""
    return {(str(m.context or ""), _first(m)): _strings(m) for m in catalog if m.id and not _lacks(m)}


def _po(language: str) -> Path:
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


def _mo(language: str) -> Path:
    return FOLDER / language / "LC_MESSAGES" / "messages.mo"
