"""Bulk data: much of it, always the same, and within every rule."""

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from blueprints.admin import bulk, doctor, seed
from blueprints.claims.models import Claim, ClaimState, Punch
from blueprints.identity.models import Account, Volunteer
from blueprints.organizations.models import Organization, OrganizationKind
from blueprints.posts.models import Shift
from blueprints.records import queries as records
from blueprints.records.models import Recorder, ServiceRecord
from core import clock, passwords
from core.db import db
from core.refusal import Refusal
from tests.factories import BEFORE, make_account

SMALL = (90, 40, 200, 7)  # volunteers, shifts, records, seed
PASSWORD = "load-test-1"


def fill(*figures: int, add: bool = False, password: str | None = None) -> dict[str, int]:
    hashed = passwords.hashed(password) if password else None
    counts = seed.fill(seed.Plan(*(figures or SMALL), hashed, clock.now()), add=add, say=lambda _line: None)
    db.session.commit()
    return counts


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def broken_rules() -> dict[str, str]:
    checks = doctor.RULES.items()
    findings = {name: doctor._tried(check, doctor.Installation({}, clock.now())) for name, check in checks}
    return {name: found.words for name, found in findings.items() if found.verdict is not doctor.Verdict.OK}


def test_it_writes_what_was_asked_for():
    fill()
    assert (count(Volunteer), count(ServiceRecord), count(Punch)) == (90, 200, 400)
    coming = select(func.count()).where(Shift.starts_at > clock.now())
    assert db.session.scalar(coming) == 40
    stations = select(func.count()).where(Organization.kind == OrganizationKind.STATION)
    assert db.session.scalar(stations) == 50
    assert count(Recorder) == 200 + 67  # the clerk always, the person for every third


def test_every_rule_holds_for_it():
    fill()
    assert broken_rules() == {}


PARTS = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2",
    "postgresql": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated::text FROM pg_constraint
        UNION ALL SELECT tablename, indexname, indexdef, '' FROM pg_indexes WHERE schemaname = current_schema()
        UNION ALL SELECT tgrelid::regclass::text, tgname, tgenabled::text, '' FROM pg_trigger WHERE NOT tgisinternal
        ORDER BY 1, 2, 3""",
}


def test_what_is_set_aside_for_very_many_rows_stands_again(monkeypatch):
    parts = text(PARTS[db.engine.dialect.name])
    before = [tuple(row) for row in db.session.execute(parts)]
    db.session.commit()
    monkeypatch.setattr(bulk, "VERY_MANY", 200)
    fill()
    assert [tuple(row) for row in db.session.execute(parts)] == before
    assert broken_rules() == {}


def test_people_hold_places_and_stand_in_line_for_coming_shifts():
    fill(400, 60, 0, 7)
    states = dict(db.session.execute(select(Claim.state, func.count()).group_by(Claim.state)).all())
    assert states[ClaimState.HELD] > 50
    assert states[ClaimState.WAITING] > 0


def test_the_first_half_of_the_volunteers_is_free_for_load_tests():
    fill(400, 60, 0, 7)
    first, _last = db.session.execute(select(func.min(Volunteer.id), func.max(Volunteer.id))).one()
    busy = select(func.min(Claim.volunteer_id))
    assert db.session.scalar(busy) >= first + 200


def rows(number: int) -> list:
    """Everything that a seed of this number would write."""
    stations = [seed.Station(id, f"站{id}", 330402010028, id, id) for id in range(1, 6)]
    first = dict.fromkeys(("account", "volunteer", "post", "shift", "claim", "service_record"), 1)
    plan = seed.Plan(90, 40, 200, number, None, BEFORE, stations, first)
    tables = [list(made) for _columns, made in seed._tables(plan).values()]
    return [*tables, list(seed._services(plan)), list(seed._coming_claims(plan))]


def test_the_same_number_gives_the_same_data_and_another_one_other_data():
    assert rows(7) == rows(7)
    assert rows(7) != rows(8)


def test_the_guards_stand_again_afterwards():
    fill()
    with pytest.raises(DBAPIError, match="effective_record_never_changes"):
        db.session.execute(text("UPDATE service_record SET minutes = 1"))


def test_totals_count_what_was_written():
    fill()
    total = sum(sum(records.totals(id).values()) for id in db.session.scalars(select(Volunteer.id)))
    assert total == db.session.scalar(select(func.sum(ServiceRecord.minutes)))
    assert total > 200 * 40


def test_what_comes_after_it_gets_fresh_numbers():
    fill()
    highest = db.session.scalar(select(func.max(Account.id)))
    assert make_account().id == highest + 1


def test_volunteers_and_staff_sign_in_with_the_shared_password(client):
    fill(3, 0, 0, 1, password=PASSWORD)
    for phone in ("+8615000000001", "15000000003", "15100000050", "15200000007", "15300000001"):
        answer = client.post("/sign-in", data={"phone": phone, "password": PASSWORD})
        assert answer.status_code == 303, phone


def test_without_a_password_nobody_can_sign_in(client):
    fill(3, 0, 0, 1)
    answer = client.post("/sign-in", data={"phone": "15000000001", "password": ""})
    assert answer.status_code == 422


def test_it_refuses_a_database_with_volunteers_unless_told_to_add(app):
    fill(5, 0, 0, 1)
    result = app.test_cli_runner().invoke(args=["seed", "--volunteers", "5", "--records", "0"])
    assert result.exit_code == 1
    assert "--add" in result.output


def test_adding_goes_on_where_the_first_ended():
    fill(30, 4, 30, 1)
    fill(30, 4, 30, 2, add=True)
    phones = db.session.scalars(select(Account.phone).where(Account.phone.startswith("+86150")))
    assert sorted(phones) == [f"+86150{n:08d}" for n in range(1, 61)]
    assert broken_rules() == {}


def test_records_need_volunteers():
    with pytest.raises(Refusal, match="--volunteers"):
        fill(0, 0, 10, 1)


@pytest.mark.parametrize("figures", [(0, 0, 0, 1), (1, 1, 3, 1), (21, 0, 45, 1), (20, 3, 20, 1)])
def test_odd_figures_are_filled_exactly(figures):
    fill(*figures)
    assert (count(Volunteer), count(ServiceRecord)) == (figures[0], figures[2])
    assert broken_rules() == {}


def test_the_command_tells_its_progress_and_its_figures(app):
    result = app.test_cli_runner().invoke(args=["seed", "--volunteers", "40", "--shifts", "3", "--records", "80"])
    assert result.exit_code == 0, result.output
    assert "service_record" in result.output
    assert "Done in" in result.output
