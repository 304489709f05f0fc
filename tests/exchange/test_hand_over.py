"""Hand-over to the national system: only what counts, only of who agreed, changes again, and no cell is a formula."""

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import select

from blueprints.admin import tasks
from blueprints.claims.models import Act
from blueprints.exchange import columns, outgoing, sending
from blueprints.exchange.columns import Column
from blueprints.exchange.models import (
    NEXT_HANDOVER_STATES,
    HandoverBatch,
    HandoverFormat,
    HandoverItem,
    HandoverKind,
    HandoverState,
    ItemState,
)
from blueprints.identity import actions as identity
from blueprints.identity.models import Account, Consent, Purpose, Volunteer
from blueprints.jobs import queries as jobs
from blueprints.jobs.models import ChunkSide, Job, JobState
from blueprints.records import actions as records
from blueprints.records import corrections, proof, seals
from blueprints.records.models import Seal, Sealed
from core import clock, spreadsheets, vault
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.claims.test_attendance import mark
from tests.claims.test_claiming import claim
from tests.counting import counted
from tests.exchange.files import book
from tests.factories import START, make_post, make_shift, make_staff, make_world, saved, sign_in
from tests.records.test_ledger import DONE, hand_in, served

K, S, I = HandoverKind, HandoverState, ItemState  # noqa: E741
NOW = START + timedelta(days=30)


@pytest.fixture
def world():
    made = make_world()
    db.session.execute(db.update(Account).values(lang="en"))
    db.session.commit()
    return made


@pytest.fixture(autouse=True)
def today(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(tasks, "LONGEST_PAUSE", 0)


@pytest.fixture
def record(world):
    """Two hours of Lin that count; Zhou served, too, and nobody has confirmed it."""
    shift = make_shift(make_post(world.station, title="=1+1 河道巡查"))
    served(world, shift, world.lin)
    made = hand_in(shift, world.chen)[0]
    records.confirm([made.id], world.wu, now=DONE)
    other = make_shift(make_post(world.station))
    served(world, other, world.zhou)
    hand_in(other, world.chen)
    agree(world.lin, world.zhou)
    return made


def agree(*people):
    for person in people:
        identity.agree_to(Purpose.HANDOVER, person.account_id, now=NOW)
    db.session.commit()


def make(world, kind=K.SERVICE, file_format=HandoverFormat.CSV, actor=None, **values):
    values = {"with_id_numbers": False, "reason": "", **values}
    batch = sending.make(kind, file_format, world.county.id, actor or world.qian, now=NOW, **values)
    db.session.commit()
    tasks.work_all("here")
    db.session.expire_all()
    return batch


def content(batch):
    return b"".join(jobs.pieces(batch.job_id, ChunkSide.RESULT))


def lines(batch):
    return list(csv.reader(io.StringIO(content(batch).decode("utf-8-sig"))))


def column(batch, name):
    found = lines(batch)
    return [line[found[0].index(name)] for line in found[1:]]


def answered(batch, actor, *rows, heads=("数据编号", "结果", "原因")):
    data = book(heads, *rows)
    sending.answer(batch.id, actor, heads=list(heads), data=[data], now=NOW)
    db.session.commit()
    tasks.work_all("here")
    db.session.expire_all()


# --- what goes --------------------------------------------------------------------------------------------------


def test_only_effective_minutes_go(world, record):
    batch = make(world)
    assert (batch.state, batch.count) == (S.MADE, 1)
    assert column(batch, "数据编号") == [f"S{record.id}"]
    assert column(batch, "服务时长（分钟）") == ["120"]
    assert column(batch, "服务时长（小时）") == ["2.00"]
    assert column(batch, "证据类别") == ["组织确认"]
    assert column(batch, "变更标记") == ["新增"]


def test_only_people_who_agreed_go(world, record):
    consent = db.session.scalar(select(Consent).where(Consent.account_id == world.lin.account_id))
    db.session.execute(db.update(Consent).values(withdrawn_at=NOW))
    db.session.commit()
    assert (make(world).count, make(world, K.VOLUNTEERS).count) == (0, 0)
    assert consent.purpose is Purpose.HANDOVER
    agree(world.lin)
    assert (make(world).count, make(world, K.VOLUNTEERS).count) == (1, 1)


def test_nothing_of_an_account_that_nobody_took_over_goes(world, record):
    account = db.session.get_one(Account, world.lin.account_id)
    account.created_by_id, account.claimed_at = world.chen.account_id, None
    db.session.commit()
    assert (make(world).count, make(world, K.VOLUNTEERS).count) == (0, 1)


def test_what_was_sent_does_not_go_again_but_a_correction_does(world, record):
    make(world)
    assert make(world).count == 0
    made = corrections.propose(record.id, 60, world.wu, reason="多记", now=NOW)
    corrections.approve(made.id, make_staff(Role.CONFIRMER, world.county, "朱确认"), now=NOW)
    db.session.commit()
    changed = make(world)
    assert (column(changed, "服务时长（分钟）"), column(changed, "变更标记")) == (["60"], ["变更"])
    item = db.session.scalar(select(HandoverItem))
    assert (item.was_changed, item.batch_id, item.state) == (True, changed.id, I.SENT)


def test_an_entry_that_was_voided_goes_as_a_change_to_nothing(world, record):
    make(world)
    made = corrections.propose(record.id, 0, world.wu, reason="误记", now=NOW)
    corrections.approve(made.id, make_staff(Role.CONFIRMER, world.county, "朱确认"), now=NOW)
    db.session.commit()
    assert column(make(world), "服务时长（分钟）") == ["0"]


def test_a_file_that_was_not_handed_over_counts_as_not_sent(world, record):
    first = make(world)
    sending.drop(first.id, world.qian, now=NOW)
    db.session.commit()
    again = make(world)
    assert (again.count, column(again, "变更标记")) == (1, ["新增"])


def test_a_crash_in_the_middle_loses_no_row(world, record, monkeypatch):
    monkeypatch.setattr(sending, "AT_ONCE", 1)
    batch = sending.make(
        K.ORGANIZATIONS, HandoverFormat.CSV, world.city.id, give_city(world), with_id_numbers=False, reason="", now=NOW
    )
    db.session.commit()
    dead = sending.jobs.take("dead", now=NOW, real=clock.real())
    db.session.commit()
    steps = sending.MAKE.handler(dead)
    for _n in range(3):
        assert tasks._step(steps, dead, "en")
    steps.close()
    later = clock.real() + sending.jobs.LEASE * 2
    monkeypatch.setattr(clock, "real", lambda: later)
    tasks.work_all("here")
    db.session.expire_all()
    assert batch.count == len(lines(batch)) - 1 == 6
    assert len(set(column(batch, "数据编号"))) == 6


def give_city(world):
    return make_staff(Role.ADMINISTRATOR, world.city, "市主任")


@pytest.mark.parametrize("kind", list(K))
@pytest.mark.parametrize("file_format", list(HandoverFormat))
def test_every_kind_is_written_in_every_format(world, record, kind, file_format):
    batch = make(world, kind, file_format)
    assert batch.count
    found = [row.cells for row in spreadsheets.rows(io.BytesIO(content(batch)))]
    assert found[0] == [column.name for column in columns.DEFAULTS[kind]]
    assert len(found) == batch.count + 1


def test_only_the_subtree_goes(world, record):
    names = column(make(world, K.ORGANIZATIONS), "组织名称")
    assert world.station.name in names
    assert world.other_station.name not in names


def test_no_cell_is_a_formula(world, record):
    assert column(make(world), "项目名称") == ["'=1+1 河道巡查"]
    agree(world.lin)
    again = sending.drop(db.session.scalar(select(HandoverBatch)).id, world.qian, now=NOW)
    db.session.commit()
    assert again.state is S.DROPPED
    sheet = list(
        spreadsheets.rows(io.BytesIO(content(make(world, file_format=HandoverFormat.XLSX))))
    )  # refuses formulas
    assert "=1+1 河道巡查" in sheet[1].cells


# --- ID numbers -------------------------------------------------------------------------------------------------


def test_id_numbers_go_only_with_a_reason_that_is_written_down(world, record):
    lin = db.session.get_one(Volunteer, world.lin.id)
    lin.id_hash, lin.id_sealed, lin.id_last4 = "x" * 64, vault.seal("330402207003051225"), "1225"
    db.session.commit()
    with pytest.raises(Refusal, match="why the ID numbers"):
        make(world, K.VOLUNTEERS, with_id_numbers=True)
    db.session.rollback()
    without = make(world, K.VOLUNTEERS)
    assert "330402207003051225" not in content(without).decode()
    sending.drop(without.id, world.qian, now=NOW)
    db.session.commit()
    batch = make(world, K.VOLUNTEERS, with_id_numbers=True, reason="国家系统实名核验")
    assert "330402207003051225" in column(batch, "证件号码")
    trace = db.session.scalars(select(AuditEntry.details).where(AuditEntry.action == "hand-over asked")).all()
    assert "国家系统实名核验" in trace[-1]
    assert make(world, K.VOLUNTEERS).count == 0  # whether it went along is no change of the row


def with_number(person, number="330402207003051225"):
    volunteer = db.session.get_one(Volunteer, person.id)
    volunteer.id_hash, volunteer.id_sealed, volunteer.id_last4 = vault.digest(number), vault.seal(number), number[-4:]
    db.session.commit()


def told_of_numbers(batch):
    """Of whom the audit says that their ID number went along, one row each."""
    traces = select(AuditEntry).where(AuditEntry.action == sending.ID_NUMBER_WENT, AuditEntry.subject_id == batch.id)
    return list(db.session.scalars(traces.order_by(AuditEntry.about_id)))


WITH_NUMBERS = {"with_id_numbers": True, "reason": "国家系统实名核验"}


@pytest.mark.parametrize("kind", [K.VOLUNTEERS, K.SERVICE])
def test_each_person_whose_id_number_went_has_a_trace_of_it_and_nobody_else(world, record, kind, monkeypatch):
    """Two hours of Lin go; Zhou agreed to the hand-over, and gave no ID number."""
    monkeypatch.setattr(outgoing, "DEFAULTS", {kind: [Column("号", "ref"), Column("证件", "id_number")]})
    monkeypatch.setattr(sending, "AT_ONCE", 1)
    with_number(world.lin)
    batch = make(world, kind, **WITH_NUMBERS)
    trace = told_of_numbers(batch)[0]
    assert [each.about_id for each in told_of_numbers(batch)] == [world.lin.account_id]
    assert (trace.subject, trace.organization_id, trace.actor_id) == (
        "handover_batch",
        world.county.id,
        world.qian.account_id,
    )
    assert "330402207003051225" not in trace.details


def test_a_person_with_many_rows_in_one_file_has_one_trace(world, record):
    with_number(world.lin)
    columns_ = [Column("号", "ref"), Column("证件", "id_number")]
    sending.set_columns(world.county.id, K.SERVICE, world.qian, columns=columns_, now=NOW)
    day = timedelta(days=1)
    second = make_shift(make_post(world.station), starts_at=START + day)
    held = claim(second, world.lin)
    for act, moment in ((Act.IN, second.starts_at), (Act.OUT, second.ends_at)):
        mark(held, act, world.chen, moment)
    records.confirm([hand_in(second, world.chen, now=DONE + day)[0].id], world.wu, now=DONE + day)
    batch = make(world, **WITH_NUMBERS)
    assert (batch.count, len(told_of_numbers(batch))) == (2, 1)


def test_no_trace_is_made_where_no_number_went(world, record):
    with_number(world.lin)
    without = make(world, K.VOLUNTEERS)
    assert told_of_numbers(without) == []
    columns_ = [Column("号", "ref"), Column("姓名", "name")]  # asked for, and no column holds it
    sending.set_columns(world.county.id, K.VOLUNTEERS, world.qian, columns=columns_, now=NOW)
    sending.drop(without.id, world.qian, now=NOW)
    db.session.commit()
    assert told_of_numbers(make(world, K.VOLUNTEERS, **WITH_NUMBERS)) == []


def test_a_task_that_was_stopped_gave_nothing_away_and_a_crash_tells_each_once(world, record, monkeypatch):
    monkeypatch.setattr(sending, "AT_ONCE", 1)
    with_number(world.lin)
    with_number(world.zhou, "33040220700305125X")
    values = {**WITH_NUMBERS, "now": NOW}
    stopped = sending.make(K.VOLUNTEERS, HandoverFormat.CSV, world.county.id, world.qian, **values)
    db.session.commit()
    begin(1)
    sending.jobs.cancel(stopped.job_id, world.qian, now=NOW)
    db.session.commit()
    assert told_of_numbers(stopped) == []
    batch = sending.make(K.VOLUNTEERS, HandoverFormat.CSV, world.county.id, world.qian, **values)
    db.session.commit()
    begin(2)
    later = clock.real() + sending.jobs.LEASE * 2
    monkeypatch.setattr(clock, "real", lambda: later)
    tasks.work_all("here")
    db.session.expire_all()
    assert batch.state is S.MADE
    assert [each.about_id for each in told_of_numbers(batch)] == sorted([world.lin.account_id, world.zhou.account_id])


def begin(count):
    """A worker does so many steps and is gone."""
    dead = sending.jobs.take("dead", now=NOW, real=clock.real())
    db.session.commit()
    steps = sending.MAKE.handler(dead)
    for _n in range(count):
        assert tasks._step(steps, dead, "en")
    steps.close()


def test_the_person_reads_when_by_whom_and_why_and_nobody_else_does(client, world, record):
    with_number(world.lin)
    sign_in(client, world.lin.account_id)
    assert "It was handed to nobody." in client.get("/me/copies").text
    batch = make(world, K.VOLUNTEERS, **WITH_NUMBERS)
    page = client.get("/me/copies").text
    assert all(words in page for words in (world.county.name, "国家系统实名核验", "Into a file for the national"))
    sign_in(client, world.zhou.account_id)
    assert "It was handed to nobody." in client.get("/me/copies").text
    sending.drop(batch.id, world.qian, now=NOW)
    db.session.commit()
    sign_in(client, world.lin.account_id)
    assert "not handed over after all" in client.get("/me/copies").text


def test_the_traces_are_sealed_with_the_rest(world, record):
    with_number(world.lin)
    batch = make(world, K.VOLUNTEERS, **WITH_NUMBERS)
    while seals.seal(now=clock.now()):
        db.session.commit()
    kept = select(Seal.row_id).where(Seal.kind == Sealed.AUDIT)
    assert told_of_numbers(batch)[0].id in set(db.session.scalars(kept))
    assert proof.counted()["unsealed"] == 0
    assert list(proof.prove()) == []


# --- answers ----------------------------------------------------------------------------------------------------


def test_an_answer_is_read_row_by_row(world, record):
    batch = make(world, K.VOLUNTEERS)
    lin, zhou = f"V{world.lin.id}", f"V{world.zhou.id}"
    answered(
        batch, world.qian, [lin, "成功", ""], [zhou, "失败", "姓名与证件不符"], ["V999999", "成功", ""], ["x", "?", ""]
    )
    found = {item.subject_id: item for item in db.session.scalars(select(HandoverItem))}
    assert (found[world.lin.id].state, found[world.lin.id].reason) == (I.ACCEPTED, "")
    assert (found[world.zhou.id].state, found[world.zhou.id].reason) == (I.REFUSED, "姓名与证件不符")
    assert batch.unknown == 2
    assert make(world, K.VOLUNTEERS).count == 0
    again = make(world, K.VOLUNTEERS, refused_again=True)
    assert (column(again, "数据编号"), column(again, "变更标记")) == ([zhou], ["重报"])


def test_an_answer_without_the_needed_columns_is_told(world, record):
    batch = make(world)
    with pytest.raises(Refusal, match="数据编号"):
        sending.answer(batch.id, world.qian, heads=["a", "b"], data=[b"a,b\n"], now=NOW)


def test_a_row_is_decided_by_hand(world, record):
    batch = make(world)
    item = db.session.scalar(select(HandoverItem))
    with pytest.raises(Refusal, match="say why"):
        sending.decide(item.id, batch.id, world.qian, state=I.REFUSED, reason="", now=NOW)
    sending.decide(item.id, batch.id, world.qian, state=I.REFUSED, reason="重复", now=NOW)
    sending.decide(item.id, batch.id, world.qian, state=I.ACCEPTED, reason="", now=NOW)
    assert (item.state, item.reason) == (I.ACCEPTED, "")
    with pytest.raises(Refusal, match="accepted or refused"):
        sending.decide(item.id, batch.id, world.qian, state=I.SENT, reason="", now=NOW)


# --- columns ----------------------------------------------------------------------------------------------------


def test_an_administrator_sets_columns_order_fixed_values_and_codes(world, record):
    wanted = [
        Column("GENDER_CODE", "gender", "", {"female": "2", "male": "1"}),
        Column("SOURCE", "", "嘉兴"),
        Column("ID", "ref"),
    ]
    sending.set_columns(world.county.id, K.VOLUNTEERS, world.qian, columns=wanted, now=NOW)
    db.session.commit()
    batch = make(world, K.VOLUNTEERS)
    assert lines(batch)[:2] == [["GENDER_CODE", "SOURCE", "ID"], ["2", "嘉兴", f"V{world.lin.id}"]]
    assert outgoing.mapping(world.station, K.VOLUNTEERS)[0].name == "GENDER_CODE"  # what lies under it, too
    assert outgoing.mapping(world.other_station, K.VOLUNTEERS)[0].name == "数据编号"
    answered(batch, world.qian, [f"V{world.lin.id}", "通过"], heads=("ID", "结果"))
    assert outgoing.counts(batch.id)[I.ACCEPTED] == 1


def test_columns_that_cannot_work_are_refused(world):
    for wanted, sentence in (
        ([Column("a", "name")], "number of the row"),
        ([Column("a", "ref"), Column("a", "name")], "same name"),
        ([Column("a", "ref"), Column("b", "password_hash")], "no such field"),
    ):
        with pytest.raises(Refusal, match=sentence):
            sending.set_columns(world.county.id, K.VOLUNTEERS, world.qian, columns=wanted, now=NOW)


# --- states, rights, pages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(S))
def test_every_state_goes_on_only_as_the_table_says(world, state):
    for target in S:
        batch = HandoverBatch(state=state)
        if target in NEXT_HANDOVER_STATES[state]:
            sending._move(batch, target)
        else:
            with pytest.raises(Refusal, match="meanwhile"):
                sending._move(batch, target)


def test_only_administrators_of_the_subtree_hand_over(world, record):
    for actor in (world.he, world.chen, world.wu, world.gu):
        with pytest.raises(Refusal, match="does not cover"):
            make(world, actor=actor)
        db.session.rollback()


def test_one_file_of_a_kind_at_a_time(world, record):
    values = {"with_id_numbers": False, "reason": "", "now": NOW}
    batch = sending.make(K.SERVICE, HandoverFormat.CSV, world.county.id, world.qian, **values)
    with pytest.raises(Refusal, match="made already"):
        sending.make(K.SERVICE, HandoverFormat.XLSX, world.county.id, world.qian, **values)
    with pytest.raises(Refusal, match="Stop its task"):
        sending.drop(batch.id, world.qian, now=NOW)


def test_a_task_that_fails_leaves_nothing_as_sent(world, record):
    values = {"with_id_numbers": False, "reason": "", "now": NOW}
    batch = sending.make(K.SERVICE, HandoverFormat.CSV, world.county.id, world.qian, **values)
    sending.jobs.cancel(batch.job_id, world.qian, now=NOW)
    db.session.commit()
    assert (batch.state, db.session.get_one(Job, batch.job_id).state) == (S.DROPPED, JobState.CANCELLED)
    assert make(world).count == 1


def test_the_whole_way_on_its_pages(client, world, record):
    sign_in(client, world.qian.account_id)
    form = {"kind": "service", "format": "xlsx", "organization": str(world.county.id)}
    assert client.post("/desk/hand-overs", data={**form, "with_id_numbers": "y"}).status_code == 409
    place = client.post("/desk/hand-overs", data=form).headers["Location"]
    assert "Being made" in client.get(place).text
    tasks.work_all("here")
    page = client.get(place).text
    assert f"S{record.id}" in page
    job_id = db.session.scalar(select(HandoverBatch.job_id))
    assert client.get(f"/jobs/{job_id}/file").status_code == 200
    file = (io.BytesIO(book(["数据编号", "结果", "原因"], [f"S{record.id}", "失败", "重复"])), "回执.xlsx")
    assert client.post(f"{place}/answer", data={"file": file}).status_code == 303
    tasks.work_all("here")
    assert "重复" in client.get(f"{place}?state=refused").text
    assert client.post(f"{place}/answer", data={}).status_code == 422
    item = db.session.scalar(select(HandoverItem))
    assert client.post(f"{place}/items/{item.id}", data={"state": "accepted"}).status_code == 303
    assert client.post(f"{place}/items/{item.id}", data={"state": "refused"}).status_code == 409
    assert client.post(f"{place}/disposal").status_code == 303


def test_the_columns_are_edited_on_their_page(client, world):
    sign_in(client, world.qian.account_id)
    place = f"/desk/organizations/{world.county.id}/hand-over-columns/volunteers"
    assert "数据编号" in client.get(place).text
    form = {"columns-0-name": "ID", "columns-0-field": "ref", "columns-1-name": "G", "columns-1-field": "gender"}
    assert client.post(place, data={**form, "columns-1-codes": "female"}).status_code == 422
    assert client.post(place, data={**form, "columns-1-codes": "female=2，male=1"}).status_code == 303
    assert outgoing.mapping(world.county, K.VOLUNTEERS)[1].codes == {"female": "2", "male": "1"}
    assert client.post(place, data={**form, "columns-0-order": "2", "columns-1-order": "1"}).status_code == 303
    assert [column.name for column in outgoing.mapping(world.county, K.VOLUNTEERS)] == ["G", "ID"]
    assert client.post(place, data={"columns-0-name": "X"}).status_code == 409
    assert client.get(place.replace("volunteers", "secrets")).status_code == 404


def test_a_hand_over_of_another_county_does_not_exist(client, world, record):
    batch = make(world)
    sign_in(client, world.he.account_id)
    assert client.get(f"/desk/hand-overs/{batch.id}").status_code == 404
    assert client.get(f"/jobs/{batch.job_id}/file").status_code == 404
    for noun in ("disposal", "answer", "items/1"):
        assert client.post(f"/desk/hand-overs/{batch.id}/{noun}", data={}).status_code == 404
    assert client.get(f"/desk/organizations/{world.county.id}/hand-over-columns/volunteers").status_code == 404
    form = {"kind": "service", "format": "csv", "organization": str(world.county.id)}
    assert client.post("/desk/hand-overs", data=form).status_code == 404
    sign_in(client, world.chen.account_id)
    assert client.get("/desk/hand-overs").status_code == 403


def test_one_agrees_and_withdraws_on_ones_own_page(client, world, record):
    sign_in(client, world.shen.account_id)
    assert "national" in client.get("/me/consents").text
    assert client.post("/me/consents/handover").status_code == 303
    assert client.post("/me/consents/handover").status_code == 303
    given = db.session.scalars(select(Consent).where(Consent.account_id == world.shen.account_id)).all()
    assert [each.purpose for each in given] == [Purpose.HANDOVER]
    assert client.post(f"/me/consents/{given[0].id}/withdrawal").status_code == 303
    assert given[0].withdrawn_at


def test_the_page_asks_as_often_for_ten_rows_as_for_a_hundred(client, world, record):
    sign_in(client, world.qian.account_id)
    found = []
    batch = make(world)
    for size in (10, 90):
        for n in range(size):
            saved(HandoverItem(kind=K.SERVICE, subject_id=10**6 * size + n, batch_id=batch.id, fingerprint="x", at=NOW))
        db.session.expire_all()
        with counted() as statements:
            client.get(f"/desk/hand-overs/{batch.id}")
        found.append(len(statements))
    assert found[0] == found[1] <= 9
