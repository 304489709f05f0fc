"""The doctor finds what is broken, and says nothing against what is not."""

import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from blueprints.admin import doctor, worker
from blueprints.admin.bulk import in_bulk
from blueprints.admin.doctor import Installation, Verdict
from blueprints.claims.models import Act, Claim, ClaimState, EvidenceClass, Punch
from blueprints.messages.models import Channel, Delivery, DeliveryState, Notice, NoticeKind
from blueprints.posts.models import Shift
from blueprints.records import actions as records
from blueprints.records import ledger
from blueprints.records.models import Recorder, RecordState, ServiceRecord
from core import audit, clock
from core.actor import Role
from core.db import db
from tests.admin.smtp import mail_server
from tests.claims.test_claiming import actor_of
from tests.factories import BEFORE, HOUR, START, World, make_post, make_shift, make_staff, saved
from tests.public_notices.conftest import NOW, object_to
from tests.records.test_entering import vouched

LATER = START + 30 * HOUR


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    long = "x" * 40
    settings = {"INSTANCE": tmp_path, "SECRET_KEY": long, "DATA_KEY": long, "PUBLIC_URL": "", "MAIL_FROM": ""}
    return Installation(settings | {"TIME_ZONE": "Asia/Shanghai"}, clock.now())


def with_settings(installation: Installation, **settings: str) -> Installation:
    return Installation({**installation.config, **settings}, installation.now)


def attend(world: World, shift: Shift, place: int = 1, volunteer=None, **values) -> ServiceRecord:
    """A whole attendance with its effective record, as the rules would have made it."""
    volunteer = volunteer or world.lin
    claim = Claim(shift_id=shift.id, volunteer_id=volunteer.id, place=place, places=shift.places, claimed_at=BEFORE)
    claim.state, claim.handed_in_at = ClaimState.HELD, shift.ends_at
    saved(claim)
    for act, at in ((Act.IN, shift.starts_at), (Act.OUT, shift.ends_at)):
        punch = Punch(claim_id=claim.id, act=act, at=at, recorded_at=at, recorded_by_id=world.chen.account_id)
        punch.evidence = EvidenceClass.B
        saved(punch)
    record = saved(record_of(world, shift, claim, **values))
    saved(Recorder(record_id=record.id, account_id=world.chen.account_id))
    if record.state is RecordState.EFFECTIVE:
        ledger.credit(record, now=LATER)
        db.session.commit()
    return record


def record_of(world: World, shift: Shift, claim: Claim, **values) -> ServiceRecord:
    values = {
        "minutes": 120,
        "state": RecordState.EFFECTIVE,
        "confirmed_at": LATER,
        "confirmed_by_id": world.wu.account_id,
        **values,
    }
    return ServiceRecord(
        volunteer_id=claim.volunteer_id,
        claim_id=claim.id,
        organization_id=world.station.id,
        title="社区图书角管理岗",
        category="convenience",
        content="整理图书",
        place="一楼",
        responsible_name="陈站长",
        served_on=clock.today(shift.starts_at),
        started_at=shift.starts_at,
        ended_at=shift.ends_at,
        planned_minutes=120,
        evidence=EvidenceClass.B,
        handed_in_at=shift.ends_at,
        handed_in_by_id=world.chen.account_id,
        due_on=clock.today(LATER),
        **values,
    )


def verdict(name: str, installation: Installation) -> Verdict:
    return doctor._tried({**doctor.RULES, **doctor.AROUND}[name], installation).verdict


def run(statement: str, **values: object) -> None:
    """Break something that the database itself would refuse: without guards, checks and unique indexes."""
    connection = db.session.connection()
    with in_bulk(connection, {}):
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        else:
            checks = "SELECT conrelid::regclass, conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0"
            for table, name in connection.execute(text(checks)).all():
                if table in ("claim", "service_record", "punch", "shift"):
                    connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))
        for index in ("uq_claim_live", "uq_service_record_standing"):
            connection.execute(text(f"DROP INDEX {index}"))
        connection.execute(text(statement), values)
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")


# --- the rules on the data --------------------------------------------------------------------------------


def test_every_rule_holds_for_an_ordinary_attendance(world, installation):
    attend(world, make_shift(make_post(world.station)))
    found = {name: doctor._tried(check, installation) for name, check in doctor.RULES.items()}
    assert {name: finding.words for name, finding in found.items() if finding.verdict is not Verdict.OK} == {}


BREAKS = {
    "rule: places": "UPDATE claim SET place = 9 WHERE id = :claim",
    "rule: minutes": "UPDATE service_record SET minutes = 121 WHERE id = :record",
    "rule: two people": "INSERT INTO recorder (record_id, account_id) VALUES (:record, :confirmer)",
    "rule: recorders": "DELETE FROM recorder WHERE record_id = :record",
    "rule: confirmations": "UPDATE service_record SET confirmed_by_id = NULL WHERE id = :record",
    "rule: observations": "DELETE FROM punch WHERE claim_id = :claim AND act = 'out'",
    "rule: one record": "UPDATE service_record SET volunteer_id = :other WHERE id = :record",
    "rule: ledger": "UPDATE ledger_entry SET minutes = 119 WHERE record_id = :record",
    "rule: states": "UPDATE shift SET state = 'draft' WHERE id = :shift",
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_rule_is_found_with_its_row(world, installation, name):
    shift = make_shift(make_post(world.station))
    record = attend(world, shift)
    db.session.commit()
    assert verdict(name, installation) is Verdict.OK
    known = {"record": record.id, "claim": record.claim_id, "shift": shift.id}
    known |= {"confirmer": world.wu.account_id, "other": world.zhou.id}
    run(BREAKS[name], **{word: value for word, value in known.items() if f":{word}" in BREAKS[name]})
    finding = doctor._tried(doctor.RULES[name], installation)
    assert finding.verdict is Verdict.PROBLEM
    assert finding.remedy


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE objection SET state = 'dismissed', answer = 'x', decided_at = at, decided_by_id = :clerk",
        "UPDATE service_record SET state = 'effective', effective_at = notice_ends_at WHERE state = 'notice'",
    ],
)
def test_an_objection_that_was_passed_over_is_found(world, installation, change):
    record = vouched(world)
    records.approve(record.id, make_staff(Role.CONFIRMER, world.town, "朱确认"), now=NOW)
    object_to(record, actor_of(world.zhou))
    assert verdict("rule: objections", installation) is Verdict.OK
    run(change, **({"clerk": world.chen.account_id} if ":clerk" in change else {}))
    assert verdict("rule: objections", installation) is Verdict.PROBLEM


def second_claim(world: World, first: Shift, other: Shift) -> None:
    """Lin holds a place of `first` and gets another claim on `other`, past every guard."""
    claim = Claim(shift_id=first.id, volunteer_id=world.lin.id, state=ClaimState.HELD, place=1, places=first.places)
    claim.claimed_at = BEFORE
    saved(claim)
    run(
        "INSERT INTO claim (shift_id, volunteer_id, state, place, places, source, claimed_at, reason) "
        "SELECT :shift, volunteer_id, 'held', 2, :places, 'own', claimed_at, '' FROM claim WHERE id = :id",
        shift=other.id,
        places=other.places,
        id=claim.id,
    )


def test_two_live_claims_on_one_shift_are_found(world, installation):
    shift = make_shift(make_post(world.station))
    second_claim(world, shift, shift)
    assert verdict("rule: one claim", installation) is Verdict.PROBLEM


def test_overlapping_claims_are_found(world, installation):
    post = make_post(world.station)
    second_claim(world, make_shift(post), make_shift(post, starts_at=START + HOUR))
    assert verdict("rule: overlaps", installation) is Verdict.PROBLEM


def test_claims_that_only_touch_are_no_overlap(world, installation):
    post = make_post(world.station)
    second_claim(world, make_shift(post), make_shift(post, starts_at=START + 2 * HOUR))
    assert verdict("rule: overlaps", installation) is Verdict.OK


def test_claims_that_overlap_because_a_shift_was_moved_are_allowed(world, installation):
    post = make_post(world.station)
    second_claim(world, make_shift(post), make_shift(post, starts_at=START + HOUR, moved_at=BEFORE))
    assert verdict("rule: overlaps", installation) is Verdict.OK


def test_a_claim_within_a_longer_one_is_found_even_with_another_between(world, installation):
    post = make_post(world.station)
    long, short = make_shift(post, hours=8), make_shift(post, starts_at=START + 5 * HOUR)
    saved(short)
    second_claim(world, long, short)
    assert verdict("rule: overlaps", installation) is Verdict.PROBLEM


def test_minutes_of_accounts_that_nobody_took_over_count_nowhere(world, installation):
    attend(world, make_shift(make_post(world.station)))
    run(
        "UPDATE account SET claimed_at = NULL, password_hash = NULL, created_by_id = :by WHERE id = :id",
        by=world.chen.account_id,
        id=world.lin.account_id,
    )
    assert verdict("totals", installation) is Verdict.OK


# --- the database -----------------------------------------------------------------------------------------


def test_a_guard_that_is_gone_is_named(installation):
    on = " ON punch" if db.engine.dialect.name == "postgresql" else ""
    db.session.execute(text(f"DROP TRIGGER punch_is_append_only{on}"))
    finding = doctor.guards(installation)
    assert finding.verdict is Verdict.PROBLEM
    assert "punch_is_append_only" in finding.words


def test_a_database_of_another_revision_ends_the_examination(installation):
    db.session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    found = dict(doctor.examine(installation))
    assert found["migration"].verdict is Verdict.PROBLEM
    assert "migrate" in found["migration"].remedy
    assert list(found) == ["database", "migration"]


def test_a_check_that_breaks_is_a_problem_and_the_others_go_on(installation):
    broken = Installation({}, installation.now)  # no settings at all
    found = dict(doctor.examine(broken))
    assert found["disk"].verdict is Verdict.PROBLEM
    assert found["guards"].verdict is Verdict.OK


# --- around it --------------------------------------------------------------------------------------------


def test_without_a_worker_nothing_is_wrong_until_something_waits(world, installation):
    assert verdict("worker", installation) is Verdict.NOTE
    shift = make_shift(make_post(world.station))
    claim = Claim(shift_id=shift.id, volunteer_id=world.lin.id, state=ClaimState.OFFERED, place=1, places=2)
    claim.claimed_at, claim.offered_until = BEFORE - 3 * HOUR, BEFORE - HOUR
    saved(claim)
    assert verdict("worker", installation) is Verdict.PROBLEM


def test_a_worker_that_gave_a_sign_lately_is_alive(installation):
    worker.hold("somebody", now=clock.real())
    assert verdict("worker", installation) is Verdict.OK


def test_a_worker_that_is_gone_for_long_is_not(installation):
    worker.hold("somebody", now=clock.real() - timedelta(hours=1))
    assert verdict("worker", installation) is Verdict.NOTE


def test_mail_that_waits_needs_a_worker_only_where_mail_is_set_up(app, world, installation, monkeypatch):
    notice = saved(Notice(account_id=world.lin.account_id, kind=NoticeKind.GRANT_GIVEN, at=BEFORE))
    saved(Delivery(notice_id=notice.id, channel=Channel.MAIL, target="a@example.org", due_at=BEFORE - HOUR))
    assert verdict("worker", installation) is Verdict.NOTE
    monkeypatch.setitem(app.config, "MAIL_URL", "smtp://127.0.0.1:1")
    assert verdict("worker", installation) is Verdict.PROBLEM


def said(name, installation) -> str:
    return dict(doctor.examine(installation))[name].words


def test_the_channels_are_named_with_what_waits_and_what_was_given_up_and_since_when(
    app, world, installation, monkeypatch
):
    assert said("messages", installation) == "inbox, push, 0 group robots"
    monkeypatch.setitem(app.config, "SMS_URL", "http://127.0.0.1:1")
    assert verdict("messages", with_settings(installation, SMS_URL="http://127.0.0.1:1")) is Verdict.PROBLEM
    complete = with_settings(installation, SMS_URL="http://127.0.0.1:1", SMS_SECRET="s")
    for number, state in enumerate([DeliveryState.DUE, DeliveryState.FAILED, DeliveryState.FAILED]):
        notice = saved(Notice(account_id=world.lin.account_id, kind=NoticeKind.GRANT_GIVEN, at=BEFORE))
        sms = Delivery(notice_id=notice.id, channel=Channel.SMS, target="+8619900000001", state=state)
        sms.due_at, sms.error = BEFORE - (number + 1) * HOUR, "gateway said 422"
        saved(sms)
    words = said("messages", complete)
    assert words.startswith("inbox, push, sms, 0 group robots; waiting: 1 sms since 2099-05-02 08:00")
    assert "given up: 2 sms since 2099-05-02 06:00 (gateway said 422)" in words
    assert "+86" not in words
    assert verdict("messages", complete) is Verdict.NOTE


def test_a_mail_server_is_tried(app, installation, monkeypatch):
    with mail_server() as mailbox:
        monkeypatch.setitem(app.config, "MAIL_URL", mailbox.url)
        assert verdict("mail", installation) is Verdict.PROBLEM  # no sender
        complete = with_settings(installation, MAIL_FROM="a@example.org")
        assert verdict("mail", complete) is Verdict.OK
    assert verdict("mail", complete) is Verdict.PROBLEM  # the server is gone


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://gang.example.org", Verdict.OK),
        ("http://gang.example.org", Verdict.PROBLEM),
        ("http://127.0.0.1:8000", Verdict.NOTE),
        ("", Verdict.NOTE),
    ],
)
def test_an_address_without_tls_is_a_problem(installation, url, expected):
    assert verdict("address", with_settings(installation, PUBLIC_URL=url)) is expected


def test_short_keys_are_a_problem(installation):
    assert verdict("secrets", installation) is Verdict.OK
    assert verdict("secrets", with_settings(installation, SECRET_KEY="short")) is Verdict.PROBLEM


def test_keys_that_others_can_read_are_a_problem(installation):
    file = installation.folder / "data_key"
    file.write_text("k")
    file.chmod(0o644)
    finding = doctor.secrets(installation)
    assert sys.platform == "win32" or (finding.verdict is Verdict.PROBLEM and "chmod 600" in finding.remedy)


def test_a_clock_that_was_put_back_is_a_problem(world, installation):
    audit.note("something", db.session.get_one(Shift, make_shift().id), actor_id=None, now=installation.now + HOUR)
    db.session.commit()
    assert verdict("clock", installation) is Verdict.PROBLEM


def test_a_log_that_cannot_be_written_is_a_problem(installation, monkeypatch):
    assert verdict("log", installation) is Verdict.OK
    if os.geteuid() != 0:  # root may write everywhere
        monkeypatch.setenv("LOG", "/proc/log/rengang.jsonl")
        assert verdict("log", installation) is Verdict.PROBLEM


def test_the_command_tells_each_check_in_a_line_and_fails_if_something_is_wrong(app, monkeypatch):
    monkeypatch.setitem(app.config, "SECRET_KEY", "s" * 40)
    monkeypatch.setitem(app.config, "DATA_KEY", "d" * 40)
    well = app.test_cli_runner().invoke(args=["doctor"])
    assert "ok       guards" in well.output
    assert well.exit_code == ("problem " in well.output)
    monkeypatch.setitem(app.config, "SECRET_KEY", "short")
    ill = app.test_cli_runner().invoke(args=["doctor"])
    assert ill.exit_code == 1
    assert "problem  secrets" in ill.output
