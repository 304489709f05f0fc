"""PDFs as evidence: judged by what they are, kept as they came, refused in one sentence if something in them acts."""

import io
import subprocess
import time

import pytest
from werkzeug.datastructures import FileStorage

from core import documents, pdf_check, pictures
from core.refusal import Refusal
from tests.core.pdfs import GOOD, HOSTILE
from tests.rollcall.photos import jpeg


def sent(data, name="a.pdf"):
    return documents.sent(FileStorage(io.BytesIO(data), name))


@pytest.mark.parametrize("what", GOOD)
def test_a_good_pdf_is_kept_as_it_came(app, what):
    assert sent(GOOD[what], "photo.jpg") == GOOD[what], "whatever it is called"


@pytest.mark.parametrize("what", HOSTILE)
def test_what_would_act_or_cannot_be_read_is_refused_in_one_sentence(app, what):
    data, sentence = HOSTILE[what]
    with pytest.raises(Refusal) as refused:
        sent(data)
    assert sentence in str(refused.value)
    assert refused.value.field == "photo"


def test_a_picture_is_made_anew_whatever_it_is_called(app):
    made = sent(jpeg(), "list.pdf")
    assert pictures.type_of(made) == "image/jpeg"
    assert b"Pinecone" not in made
    with pytest.raises(Refusal, match="no picture"):
        sent(b"<html>", "list.pdf")
    assert documents.sent(None) is None
    assert documents.sent(FileStorage(io.BytesIO(b""), "")) is None


def test_a_file_that_takes_too_long_is_refused(app, monkeypatch):
    monkeypatch.setattr(documents, "COMMAND", [documents.sys.executable, "-c", "import time; time.sleep(60)"])
    monkeypatch.setattr(documents, "SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(Refusal, match="too much"):
        sent(GOOD["a page"])
    assert time.monotonic() - began < 10


def test_a_process_that_dies_at_a_file_says_nothing_good_of_it(app, monkeypatch):
    monkeypatch.setattr(documents, "COMMAND", [documents.sys.executable, "-c", "import os; os.abort()"])
    with pytest.raises(Refusal, match="too much"):
        sent(GOOD["a page"])


def test_the_process_that_looks_knows_no_key_and_has_little_memory(app, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "of-the-application")
    told = {}
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *args, **values: told.update(values) or run(*args, **values))
    sent(GOOD["a page"])
    assert set(told["env"]) <= {"PATH", "SYSTEMROOT"}
    assert pdf_check.MEMORY < 1024**3


def test_a_pdf_is_only_saved_and_nothing_in_it_runs_here(app):
    with app.test_request_context():
        answer = documents.shown(GOOD["a page"])
    assert answer.content_type == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_one_that_takes_long_does_not_make_everybody_wait(app, monkeypatch):
    monkeypatch.setattr(documents, "PATIENCE", 0.05)
    with documents._one_at_a_time, pytest.raises(Refusal, match="again in a minute"):
        sent(GOOD["a page"])
    assert sent(GOOD["a page"])
