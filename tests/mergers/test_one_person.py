"""After two registrations became one, what happens to a row of either is the person's."""

from datetime import date

import pytest
from sqlalchemy import select

from blueprints.admin import doctor, worker
from blueprints.copies import queries as copies
from blueprints.copies.sections import Person
from blueprints.exchange import outgoing, queries, sending
from blueprints.exchange.columns import Column
from blueprints.exchange.models import HandoverKind, ImportBatch, ImportKind, ImportRow, ImportState, RowState
from blueprints.honours import actions as honours
from blueprints.honours import queries as honoured
from blueprints.honours import upkeep as of_honours
from blueprints.messages.models import Notice, NoticeKind
from blueprints.records import upkeep as of_records
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from tests.admin.test_commands_doctor import run
from tests.exchange.test_hand_over import WITH_NUMBERS, agree, make, with_number
from tests.factories import HOUR, make_staff, saved
from tests.mergers.conftest import DAY, LATER, merged


def told(account_id: int) -> list[NoticeKind]:
    mine = select(Notice.kind).where(Notice.account_id == account_id).order_by(Notice.id)
    return list(db.session.scalars(mine))


def test_the_trace_of_an_id_number_is_the_persons_whichever_registration_served(world, twins, monkeypatch):
    monkeypatch.setattr(outgoing, "DEFAULTS", {HandoverKind.SERVICE: [Column("证件", "id_number")]})
    agree(twins.lin, twins.twin)
    with_number(twins.lin)
    merged(twins)
    batch = make(world, HandoverKind.SERVICE, **WITH_NUMBERS)
    traces = select(AuditEntry.about_id).where(AuditEntry.action == sending.ID_NUMBER_WENT)
    assert batch.count == 2
    assert db.session.scalars(traces).all() == [twins.lin.account_id]
    assert [each.state for each in copies.given_away(Person(twins.lin.account_id, twins.lin.id))] == [batch.state]


def test_what_went_before_the_merger_is_read_by_the_person_as_well(world, twins, monkeypatch):
    monkeypatch.setattr(outgoing, "DEFAULTS", {HandoverKind.SERVICE: [Column("证件", "id_number")]})
    agree(twins.twin)
    with_number(twins.twin)
    make(world, HandoverKind.SERVICE, **WITH_NUMBERS)
    assert copies.given_away(Person(twins.lin.account_id, twins.lin.id)) == []
    merged(twins)
    assert len(copies.given_away(Person(twins.lin.account_id, twins.lin.id))) == 1


def test_a_row_of_a_file_for_the_time_of_a_merged_entry_is_seen_when_it_is_tried(world, twins):
    merged(twins)
    batch = saved(
        ImportBatch(
            kind=ImportKind.HOURS, state=ImportState.CHECKING, organization_id=world.county.id, platform="p",
            file_name="h.xlsx", uploaded_at=LATER, uploaded_by_id=world.qian.account_id,
        )
    )  # fmt: skip
    starts = twins.of_twin.started_at + HOUR
    row = ImportRow(batch_id=batch.id, number=2, state=RowState.READY, sealed="", volunteer_id=twins.lin.id)
    row.starts_at, row.ends_at, row.problems = starts, starts + HOUR, []
    row = saved(row)
    assert queries.recorded_already(batch.id, [row]) == {row.id}
    row.starts_at, row.ends_at = starts + DAY, starts + DAY + HOUR
    db.session.flush()
    assert queries.recorded_already(batch.id, [row]) == set()


def test_an_honour_of_the_merged_registration_is_taken_back_before_the_eyes_of_the_person(world, twins):
    plan = honours.Plan(world.county.id, "五月之星", "服务稳定。", date(2099, 5, 1), date(2099, 5, 12))
    other = make_staff(Role.ADMINISTRATOR, world.city, "郑主任")
    honour = honours.open_honour(plan, twins.qian, now=LATER)
    one = honours.propose(honour.id, twins.twin.id, twins.qian, reason="从不迟到。", now=LATER)
    db.session.commit()
    seen = honoured.sheet_of(honoured.whole(one.id), LATER).mark
    honours.approve(one.id, other, seen=seen, now=LATER)
    assert honours.end_notices(one.notice_ends_at) == 1
    db.session.commit()
    merged(twins)
    nomination = honoured.whole(one.id)
    assert not honoured.has_shrunk(honoured.kept_sheets([one.id])[one.id], honoured.sheet_of(nomination, LATER))
    asked = honours.ask_revocation(one.id, twins.qian, reason="查实有误。", now=LATER)
    db.session.flush()
    honours.agree_to_revocation(asked.id, other, now=LATER)
    assert told(twins.lin.account_id)[-1] is NoticeKind.HONOUR_REVOKED
    assert NoticeKind.HONOUR_REVOKED not in told(twins.twin.account_id)


def test_the_doctor_finds_minutes_on_which_their_person_decided_under_the_other_account(twins):
    merged(twins)
    check = doctor.RULES["rule: two people"]
    installation = doctor.Installation({}, LATER)
    assert doctor._tried(check, installation).verdict is doctor.Verdict.OK
    run(
        "UPDATE service_record SET confirmed_by_id = :other WHERE id = :record",
        other=twins.lin.account_id,
        record=twins.of_twin.id,
    )
    assert doctor._tried(check, installation).verdict is doctor.Verdict.PROBLEM


def test_what_fails_in_one_area_keeps_no_other_from_its_turn(monkeypatch):
    turns = []

    def fails(_now):
        raise ZeroDivisionError

    monkeypatch.setattr(of_records, "STEPS", ((fails, fails),))
    monkeypatch.setattr(of_honours, "STEPS", ((lambda now: turns.append(now) or False, fails),))
    with pytest.raises(ZeroDivisionError):
        worker.keep_places(now=LATER)
    assert turns == [LATER]
