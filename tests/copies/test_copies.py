"""A copy of everything about oneself: all of it, nothing of others, no secret, and no table forgotten."""

import csv
import io
import json
import re
from zipfile import ZipFile

import pypdfium2
import pytest
from sqlalchemy import select

from blueprints.admin import tasks
from blueprints.certificates import actions as certificates
from blueprints.certificates import keys
from blueprints.certificates.queries import Span
from blueprints.copies import actions, queries
from blueprints.copies.sections import LEFT_OUT, SECTIONS
from blueprints.copies.words import label
from blueprints.disputes import actions as disputes
from blueprints.disputes.models import DisputeKind
from blueprints.identity.models import (
    Account,
    Consent,
    GuardianMethod,
    Guardianship,
    Purpose,
    RecoveryCode,
    Slip,
    SlipPurpose,
)
from blueprints.jobs import queries as jobs
from blueprints.jobs.models import ChunkSide, Job, JobState
from blueprints.kiosk.models import Pin
from blueprints.messages.models import Notice, NoticeKind
from blueprints.records import actions as records
from blueprints.records import corrections
from blueprints.records import queries as ledger
from core import audit, clock, passwords
from core.actor import Role
from core.db import Base, db
from core.i18n import speaking
from tests.claims.test_claiming import actor_of
from tests.factories import (
    BEFORE,
    FOREVER,
    HOUR,
    give_second_step,
    make_post,
    make_shift,
    make_staff,
    make_world,
    saved,
    sign_in,
)
from tests.records.test_ledger import DONE, hand_in, served
from tests.rollcall.photos import jpeg

LATER = DONE + HOUR
SECRET = "never-to-be-seen"
TABLES = {table.name: table for table in Base.metadata.sorted_tables}


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def lived(world, app):
    """Lin has served, was corrected, holds a certificate, and has every kind of secret."""
    keys.make("嘉兴市志愿服务指导中心", now=BEFORE)
    shift = make_shift(make_post(world.station, responsible_name="在场的负责人", title="=图书角"))
    for volunteer in (world.lin, world.zhou):
        served(world, shift, volunteer)
    made = hand_in(shift, world.chen)
    records.confirm([record.id for record in made], world.wu, now=DONE)
    mine = next(record for record in made if record.volunteer_id == world.lin.id)
    zhu = make_staff(Role.CONFIRMER, world.county, "朱确认")
    corrections.approve(corrections.propose(mine.id, 60, world.wu, reason="多记了", now=DONE).id, zhu, now=DONE)
    span = Span(mine.served_on, mine.served_on)
    certificates.issue_own(
        certificates.draft_own(world.lin.id, span, address="https://x.example", now=LATER), now=LATER
    )
    said = {"words": "只服务了半小时", "minutes": 30, "picture": jpeg()}
    disputes.file(mine.id, DisputeKind.WRONG, actor_of(world.lin), **said, now=LATER)
    account = db.session.get(Account, world.lin.account_id)
    account.password_hash = SECRET
    kept = {"account_id": account.id}
    give_second_step(account, SECRET)
    saved(RecoveryCode(**kept, code_hash=SECRET, made_at=BEFORE))
    issued = {"issued_by_id": world.chen.account_id, "issued_at": BEFORE, "expires_at": FOREVER}
    saved(Slip(**kept, purpose=SlipPurpose.PASSWORD, code_hash=SECRET, **issued))
    saved(Consent(**kept, purpose=Purpose.PLEDGE, text_version="2026-01", given_at=BEFORE))
    saved(Pin(volunteer_id=world.lin.id, pin_hash=SECRET, is_first=True, set_at=BEFORE))
    guardian = {"guardian_name": "林大为", "relation": "父亲", "guardian_phone": "+8613912345678"}
    guardian |= {"method": GuardianMethod.IN_PERSON, "given_at": BEFORE, "recorded_by_id": world.chen.account_id}
    saved(Guardianship(volunteer_id=world.lin.id, **guardian))
    world.lin.id_hash, world.lin.id_sealed, world.lin.id_last4 = SECRET, SECRET, "123X"
    db.session.commit()
    return world


def copy_of(account_id, language="zh_Hans") -> ZipFile:
    db.session.get(Account, account_id).lang = language
    job = actions.jobs.enqueue(actions.COPY, account_id, now=LATER)
    db.session.commit()
    assert tasks.work_all("here") == 1
    db.session.refresh(job)
    assert job.state is JobState.DONE, job.failure
    return ZipFile(io.BytesIO(b"".join(jobs.pieces(job.id, ChunkSide.RESULT))))


def told(box: ZipFile) -> dict:
    return json.loads(box.read("data.json"))["sections"]


def everything(box: ZipFile) -> str:
    """All the words of a copy, those of its PDFs too."""
    words = [box.read(name).decode() for name in box.namelist() if not name.endswith((".pdf", ".jpeg"))]
    return "\n".join([*words, *(said(box.read(name)) for name in box.namelist() if name.endswith(".pdf"))])


def said(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    words = "".join("".join(page.get_textpage().get_text_range().split()) for page in document)
    document.close()
    return words


# --- nothing is forgotten -----------------------------------------------------------------------------------------


def test_every_table_that_refers_to_a_person_is_in_the_copy_or_left_out_with_a_reason():
    known = {section.name for section in SECTIONS}
    personal = known | {"account", "volunteer"}
    referring = {
        name
        for name, table in TABLES.items()
        if {key.column.table.name for column in table.columns for key in column.foreign_keys} & personal
    }
    forgotten = referring - known - set(LEFT_OUT)
    assert not forgotten, f"add them to blueprints/copies/sections.py: {sorted(forgotten)}"
    assert not known & set(LEFT_OUT)
    assert set(LEFT_OUT) <= set(TABLES), "a table that is left out exists no more"


LOOKS_SECRET = re.compile(r"hash|sealed|salt|token|secret|password|private|(^|_)key$|^sent$")
HARMLESS = {"text_hash", "sha256", "is_first"}


def test_no_column_that_sounds_like_a_secret_is_handed_out():
    for section in SECTIONS:
        shown = [name for name in queries.columns(section) if LOOKS_SECRET.search(name) and name not in HARMLESS]
        assert shown == [], f"{section.name} shows {shown}"


def test_every_column_has_a_name_that_people_read(app):
    with app.test_request_context(), speaking("zh_Hans"):
        for section in SECTIONS:
            for name in queries.columns(section):
                assert re.search(r"[\u4e00-\u9fff]|SHA", label(name)), f"{section.name}.{name} has no label"
            assert set(section.printed) <= set(queries.columns(section))


# --- what is in it ------------------------------------------------------------------------------------------------


def test_it_holds_what_was_claimed_seen_recorded_corrected_certified_and_told(lived):
    found = told(copy_of(lived.lin.account_id))
    assert [row["title"] for row in found["claim"]] == ["=图书角"]
    assert [row["act"] for row in found["punch"]] == ["in", "out"]
    assert [(row["minutes"], row["state"]) for row in found["service_record"]] == [(120, "effective")]
    assert [row["minutes"] for row in found["ledger_entry"]] == [120, -120, 60]
    assert [row["reason"] for row in found["correction_text"]] == ["多记了"]
    assert [row["words"] for row in found["dispute_step"]] == ["只服务了半小时"]
    assert len(found["certificate"]) == len(found["certificate_file"]) == 1
    assert {"handed in", "confirmed", "corrected"} <= {row["action"] for row in found["audit_entry"]}
    assert any("=图书角" in row["said"] for row in found["notice"])
    assert found["volunteer"][0]["id_last4"] == "123X"
    assert found["account"][0]["phone"].startswith("+86199")
    assert [row["purpose"] for row in found["consent"]] == ["pledge"]
    assert found["second_factor"] != []


def test_its_minutes_are_those_that_are_shown(lived):
    whole = json.loads(copy_of(lived.lin.account_id).read("data.json"))
    shown = {str(evidence): minutes for evidence, minutes in ledger.totals(lived.lin.id).items()}
    assert whole["minutes"] == shown
    assert sum(row["minutes"] for row in whole["sections"]["ledger_entry"]) == sum(shown.values()) == 60


def test_no_secret_and_nothing_about_others_is_in_it(lived):
    words = everything(copy_of(lived.lin.account_id))
    for hidden in (SECRET, "JBSWY3DP", "陈站长", "吴确认", "朱确认", "周晓航", "林大为", "13912345678"):
        assert hidden not in words, hidden
    zhou = db.session.get(Account, lived.zhou.account_id)
    assert zhou.phone not in words
    assert "陈*" in words
    assert "林小满" in words
    found = told(copy_of(lived.zhou.account_id))
    assert len(found["service_record"]) == 1
    assert found["correction"] == found["certificate"] == []


def test_somebody_who_is_no_volunteer_gets_what_there_is(world):
    clerk = world.chen.account_id
    found = told(copy_of(clerk, "en"))
    assert [row["role"] for row in found["role_grant"]] == ["clerk"]
    assert found["volunteer"] == found["claim"] == found["secret_link"] == []


# --- its forms ----------------------------------------------------------------------------------------------------


def test_the_schema_describes_every_row(lived):
    box = copy_of(lived.lin.account_id)
    whole, schema = json.loads(box.read("data.json")), json.loads(box.read("schema.json"))
    assert set(schema["required"]) <= set(whole)
    parts = schema["properties"]["sections"]["properties"]
    assert set(parts) == set(whole["sections"])
    for name, rows in whole["sections"].items():
        known = parts[name]["items"]["properties"]
        for row in rows:
            assert set(row) == set(known), name
            for column, value in row.items():
                assert fits(value, known[column]), f"{name}.{column} is {value!r}, not {known[column]}"


def fits(value, kind) -> bool:
    python = {"string": str, "integer": int, "boolean": bool, "number": (int, float), "object": dict, "array": list}
    right = any(value is None if name == "null" else isinstance(value, python[name]) for name in kind["type"])
    return right and ("enum" not in kind or value in kind["enum"])


def test_tables_hold_as_many_rows_and_no_formula(lived):
    box = copy_of(lived.lin.account_id)
    for name, rows in told(box).items():
        table = list(csv.reader(io.StringIO(box.read(f"csv/{name}.csv").decode("utf-8-sig"))))
        assert len(table) == len(rows) + 1, name
        assert not any(cell.startswith(("=", "+", "@")) for row in table for cell in row), name
    claims = box.read("csv/claim.csv").decode("utf-8-sig")
    assert "'=图书角" in claims
    assert "认领时间" in claims


@pytest.mark.parametrize(("language", "words"), [("zh_Hans", "本人的全部信息"), ("en", "Everythingaboutme")])
def test_the_paper_is_read_in_ones_language_and_the_certificate_is_the_signed_one(lived, language, words):
    box = copy_of(lived.lin.account_id, language)
    assert words in said(box.read("me.pdf"))
    [paper] = [name for name in box.namelist() if name.startswith("certificates/")]
    assert b"/ByteRange" in box.read(paper)
    [picture] = [name for name in box.namelist() if name.startswith("disputes/")]
    assert box.read(picture) == jpeg()


def test_many_rows_are_all_in_the_tables_and_the_paper_says_how_many_it_shows(world):
    notice = {"account_id": world.lin.account_id, "kind": NoticeKind.CERTIFICATE_ISSUED, "path": "/me"}
    db.session.add_all(Notice(**notice, at=BEFORE, values={"number": "RG1"}) for _n in range(1_200))
    db.session.commit()
    box = copy_of(world.lin.account_id)
    assert len(told(box)["notice"]) == 1_200
    assert "仅列前1000条" in said(box.read("me.pdf"))


# --- asking -------------------------------------------------------------------------------------------------------


def test_it_asks_for_the_password_again_is_made_once_and_told_of(client, lived):
    account = db.session.get(Account, lived.lin.account_id)
    account.password_hash = passwords.hashed("right-4711-word")
    db.session.commit()
    sign_in(client, account.id)
    assert "/me/copies" in client.get("/me").text
    page = client.get("/me/copies").text
    assert "Ledger" in page
    assert client.post("/me/copies", data={"password": ""}).status_code == 422
    assert client.post("/me/copies", data={"password": "wrong"}).status_code == 409
    assert db.session.scalar(select(Job)) is None
    answers = [client.post("/me/copies", data={"password": "right-4711-word"}) for _n in range(2)]
    assert {answer.headers["Location"] for answer in answers} == {f"/jobs/{db.session.scalar(select(Job.id))}"}
    assert tasks.work_all("here") == 1
    assert NoticeKind.JOB_DONE in db.session.scalars(select(Notice.kind).where(Notice.account_id == account.id)).all()
    job = db.session.scalar(select(Job))
    assert ZipFile(io.BytesIO(client.get(f"/jobs/{job.id}/file").data)).testzip() is None
    sign_in(client, lived.zhou.account_id)
    assert client.get(f"/jobs/{job.id}/file").status_code == 404
    assert f"/jobs/{job.id}" not in client.get("/me/copies").text


def test_a_worker_that_died_half_way_leaves_no_half_of_it(lived):
    job = actions.ask(actor_of(lived.lin), now=LATER)
    db.session.commit()
    work = actions.jobs.take("first", now=LATER, real=BEFORE)
    db.session.commit()
    steps = actions.COPY.handler(work)
    for _n in range(5):
        assert tasks._step(steps, work, "zh_Hans")
    steps.close()
    job.held_until = clock.real()  # its minute is over
    db.session.commit()
    assert tasks.work_all("second") == 1
    db.session.refresh(job)
    assert job.done == job.total == len(SECTIONS) + 1
    assert ZipFile(io.BytesIO(b"".join(jobs.pieces(job.id, ChunkSide.RESULT)))).testzip() is None


def test_the_file_is_gone_after_its_time(lived):
    copy_of(lived.lin.account_id)
    job = db.session.scalar(select(Job))
    assert actions.jobs.erase_old(job.ended_at + jobs.KEPT_FOR) == 1
    assert jobs.size(job.id, ChunkSide.RESULT) == 0
    assert db.session.scalar(select(audit.AuditEntry.id).where(audit.AuditEntry.action == "task asked"))
