"""The certificate as a PDF: set by typst with an embedded free font, signed so that common readers check it.

The heavy libraries are loaded when the first paper is made, not when the site starts.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import segno

from blueprints.claims.models import EvidenceClass
from core import display
from core.i18n import _
from core.paper import typeset
from core.words import say

TEMPLATE = Path(__file__).with_name("paper.typ")
QR_SCALE = 3
PAGE, PAGES = "{page}", "{pages}"  # typst knows these numbers


@dataclass(frozen=True, slots=True)
class Served:
    """One entry on the paper."""

    served_on: date
    title: str
    category: str
    evidence: EvidenceClass
    minutes: int


@dataclass(frozen=True, slots=True)
class Block:
    """What one organization recorded."""

    organization: str
    rows: Sequence[Served]

    @property
    def totals(self) -> dict[EvidenceClass, int]:
        return totals(self.rows)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that stands on the paper."""

    number: str
    code: str
    address: str  # where anybody checks it
    issued_at: datetime
    name: str
    volunteer_number: str
    from_on: date
    until_on: date
    category: str | None
    blocks: Sequence[Block] = ()
    stamp: Mapping[str, str] | None = None  # organization, people

    @property
    def totals(self) -> dict[EvidenceClass, int]:
        return totals([row for block in self.blocks for row in block.rows])


def totals(rows: Sequence[Served]) -> dict[EvidenceClass, int]:
    """Minutes by evidence class; classes without any are left out."""
    sums = {each: sum(row.minutes for row in rows if row.evidence is each) for each in EvidenceClass}
    return {evidence: minutes for evidence, minutes in sums.items() if minutes}


def set_(facts: Facts) -> bytes:
    """The paper without a signature, about 40 kB; the page of the check says the same to a screen reader."""
    return typeset(TEMPLATE, _told(facts), tagged=False)


def _told(facts: Facts) -> dict[str, Any]:
    return {
        "words": _words(facts),
        "number": facts.number,
        "code": facts.code,
        "issued": display.full_date(facts.issued_at),
        "facts": _about(facts),
        "statement": _statement(facts),
        "qr": _qr(facts.address),
        "blocks": [_block(block) for block in facts.blocks],
        "total": display.minutes(sum(facts.totals.values())),
        "classes": classes(facts.totals),
        "stamp": dict(facts.stamp) if facts.stamp else None,
    }


def _words(facts: Facts) -> dict[str, Any]:
    return {
        "title": _("Record of volunteer service"),
        "number": _("Certificate number"),
        "issued": _("Issued on"),
        "footer": f"{facts.number} · {facts.address}",
        "page_of": _("Page %(page)s of %(pages)s", page=PAGE, pages=PAGES),
        "scan": _("Scan to check"),
        "columns": [_("Date"), _("Service"), _("Category"), _("Evidence"), _("Time")],
        "total": _("All together"),
        "legend": " · ".join(str(say(evidence)) for evidence in facts.totals),
        "seal": _("(seal)"),
        "check": _("Anybody checks this paper at %(address)s with the code", address=facts.address.rpartition("/")[0]),
        "note": _(
            "Minutes are as recorded in this system and confirmed by a second person; travel is not counted. The "
            "classes of evidence are kept apart on purpose. This paper is free of charge."
        ),
    }


def _about(facts: Facts) -> list[tuple[str, str]]:
    span = f"{display.full_date(facts.from_on)} – {display.full_date(facts.until_on)}"
    told = [(_("Name"), facts.name), (_("Volunteer number"), facts.volunteer_number), (_("Period"), span)]
    return [*told, (_("Category"), facts.category)] if facts.category else told


def _statement(facts: Facts) -> str:
    names = "、".join(block.organization for block in facts.blocks)
    return str(_("Issued by %(names)s from the records in this system.", names=names))


def _qr(address: str) -> str:
    out = io.BytesIO()
    segno.make(address, error="m").save(out, kind="svg", scale=QR_SCALE, border=1, xmldecl=False, svgns=True)
    return out.getvalue().decode()


def _block(block: Block) -> dict[str, Any]:
    rows = [
        [display.full_date(row.served_on), row.title, row.category, row.evidence.value, display.minutes(row.minutes)]
        for row in block.rows
    ]
    return {"organization": block.organization, "rows": rows, "total": classes(block.totals)}


def classes(found: Mapping[EvidenceClass, int]) -> str:
    """Totals by class in words: never one number alone."""
    return " · ".join(f"{evidence.value} {display.minutes(minutes)}" for evidence, minutes in found.items())


# --- signing ------------------------------------------------------------------------------------------------


def sign(pdf: bytes, certificate_pem: str, private_pem: str, *, reason: str) -> bytes:
    """The paper with a signature (PAdES, SHA-256) over all of it."""
    signers, writer = import_module("pyhanko.sign.signers"), import_module("pyhanko.pdf_utils.incremental_writer")
    fields = import_module("pyhanko.sign.fields")
    signer = signers.SimpleSigner(*_loaded(certificate_pem, private_pem))
    told = signers.PdfSignatureMetadata(
        field_name="Signature", reason=reason, md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES
    )
    out = io.BytesIO()
    sign_ = signers.PdfSigner(told, signer=signer).sign_pdf
    with ThreadPoolExecutor(1) as thread:  # the library runs an event loop, and this thread may have one already
        thread.submit(sign_, writer.IncrementalPdfFileWriter(io.BytesIO(pdf)), output=out).result()
    return out.getvalue()


def _loaded(certificate_pem: str, private_pem: str) -> tuple[Any, Any, Any]:
    """Certificate, key and an empty store, as the signing library wants them."""
    keys, x509, pem = (
        import_module("asn1crypto.keys"),
        import_module("asn1crypto.x509"),
        import_module("asn1crypto.pem"),
    )
    store = import_module("pyhanko_certvalidator.registry").SimpleCertificateStore()
    certificate = x509.Certificate.load(pem.unarmor(certificate_pem.encode())[2])
    private = keys.PrivateKeyInfo.load(pem.unarmor(private_pem.encode())[2])
    return certificate, private, store


def digest(pdf: bytes) -> str:
    return hashlib.sha256(pdf).hexdigest()
