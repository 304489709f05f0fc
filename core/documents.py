"""What people send as evidence: pictures, made anew, and PDFs, looked through and kept as they came."""

import os
import subprocess
import sys
from threading import Lock

from flask import Response, abort
from werkzeug.datastructures import FileStorage

from core import pictures
from core.config import ROOT
from core.i18n import _
from core.pdf_check import Verdict
from core.refusal import Refusal

MOST_BYTES = 5 * 1024 * 1024
SECONDS = 20  # by the clock, on a busy machine
PATIENCE = 3.0  # seconds to wait for somebody else's: others need the threads of this process
COMMAND = [sys.executable, "-m", "core.pdf_check"]
PASSED_ON = {"PATH", "SYSTEMROOT"} & set(os.environ)  # and no key or password
_one_at_a_time = Lock()


def sent(file: FileStorage | None) -> bytes | None:
    """What came with a form, judged by what it is; None if nothing did. What cannot be kept is a Refusal of `photo`."""
    if not file or not file.filename:
        return None
    raw = file.read()
    return looked_through(raw) if raw.startswith(pictures.PDF_BEGINS) else pictures.cleaned(raw)


def shown(content: bytes | None) -> Response:
    """Evidence for those who may see it: a picture is shown, a PDF is only saved, and nothing in it runs here."""
    if content is None:
        abort(404)
    response = pictures.shown(content)
    response.content_type = pictures.type_of(content)
    if response.content_type == pictures.PDF:
        response.headers["Content-Disposition"] = 'attachment; filename="evidence.pdf"'
    return response


def looked_through(raw: bytes) -> bytes:
    """The PDF as it came, if it is whole, without a password, and holds nothing that a reader would run or unpack."""
    if len(raw) > MOST_BYTES:
        raise Refusal(_("This PDF is larger than 5 MB. Please scan it with a lower resolution."), "photo")
    verdict = _verdict(raw)
    if verdict is not Verdict.FINE:
        raise Refusal(_sentence(verdict), "photo")
    return raw


def _verdict(raw: bytes) -> Verdict:
    """What a process of its own says of it; one that does not come to an end has found too much."""
    told = {"input": raw, "cwd": ROOT, "timeout": SECONDS, "env": {name: os.environ[name] for name in PASSED_ON}}
    if not _one_at_a_time.acquire(timeout=PATIENCE):
        raise Refusal(_("Another PDF is being looked through. Please send yours again in a minute."), "photo")
    try:
        done = subprocess.run(COMMAND, capture_output=True, check=False, **told)  # type: ignore[call-overload]
    except subprocess.TimeoutExpired:
        return Verdict.LARGE
    finally:
        _one_at_a_time.release()
    said = done.stdout.decode("ascii", "replace")
    return Verdict(said) if said in set(Verdict) else Verdict.LARGE


def _sentence(verdict: Verdict) -> str:
    told = {
        Verdict.BROKEN: _("This PDF cannot be read: it is damaged or not whole. Please save or scan it again."),
        Verdict.LOCKED: _("This PDF is protected by a password. Please save it without one and send that."),
        Verdict.ACTIVE: _(
            "This PDF holds a program, an action or other files, so it is not taken. "
            "Please print it to a new PDF, or send a picture."
        ),
        Verdict.LARGE: _("This PDF holds too much to be looked through. Please send the pages that matter."),
    }
    return str(told[verdict])
