"""The demo: a month of made-up service in which no screen is empty, and a clock that anybody may move."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from blueprints.admin import demo, doctor
from blueprints.admin.cli import keep_time, welcome
from blueprints.claims.models import (
    Act,
    Claim,
    ClaimState,
    EvidenceClass,
    Handover,
    HandoverState,
    Punch,
    Shortfall,
    Source,
)
from blueprints.identity.models import Account, Guardianship, Volunteer, VolunteerState
from blueprints.inspections import overdue
from blueprints.inspections.models import Late
from blueprints.organizations.models import Organization, OrganizationKind, Setting
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from blueprints.records import queries as records
from blueprints.records.models import RecordSource, RecordState, ServiceRecord
from blueprints.supplements.models import Supplement, SupplementPicture, SupplementState
from core import clock
from core.db import db
from tests.factories import BEFORE, HOUR, START, make_account, make_post, make_shift, saved, sign_in

MINUTE = timedelta(minutes=1)


def count(*which) -> int:
    return db.session.scalar(select(func.count()).where(*which)) or 0


def attended(shift: Shift, act: Act) -> int:
    mine = select(Punch.claim_id).join(Claim).where(Claim.shift_id == shift.id, Punch.act == act)
    return len(set(db.session.scalars(mine)))


# --- the story --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_demo_leaves_no_screen_empty_and_breaks_no_rule(app, client):
    """One loading, many questions: it takes some seconds."""
    demo.load()
    now = clock.real()
    people_are_there()
    shifts_are_there(now)
    records_are_there()
    supplements_are_there()
    kinds = {line.kind for line in overdue.lines(["/"], overdue.at(now))[0]}
    assert {Late.NOT_HANDED_IN, Late.DISPUTE} <= kinds
    look = doctor.Installation({}, now)
    wrong = {name: check(look).words for name, check in doctor.RULES.items() if check(look).verdict != "ok"}
    assert wrong == {}
    for who in demo.ROLES:
        answer = client.post("/sign-in", data={"phone": who.phone, "password": demo.PASSWORD})
        assert answer.status_code == 303, who.role
    assert [line.split()[0] for line in welcome()[1:]] == [who.role for who in demo.ROLES]
    refused = app.test_cli_runner().invoke(args=["demo"])
    assert (refused.exit_code, "empty database" in refused.output) == (1, True)


def people_are_there() -> None:
    phones = set(db.session.scalars(select(Account.phone)))
    assert all(phone.startswith("+861990000") for phone in phones)
    assert count(Volunteer.id_hash.is_not(None)) == 0
    assert count(Volunteer.state == VolunteerState.ACTIVE) >= 50
    assert count(Volunteer.state == VolunteerState.SUBMITTED) >= 4
    assert count(Volunteer.state == VolunteerState.RETURNED) == 1
    assert count(Account.claimed_at.is_(None)) == 4 + 2  # two of them are taken for somebody who is there twice
    assert count(Guardianship.id.is_not(None)) == 1
    kinds = dict(db.session.execute(select(Organization.kind, func.count()).group_by(Organization.kind)).all())
    assert kinds[OrganizationKind.OFFICE] == 8  # the city and its seven counties
    assert kinds[OrganizationKind.STATION] + kinds[OrganizationKind.TEAM] >= 12
    assert kinds[OrganizationKind.BRANCH] >= 3


def supplements_are_there() -> None:
    """One in each state that somebody has something to do with, and entries that wait above and on notice."""
    assert set(db.session.scalars(select(Supplement.state))) == set(SupplementState)
    made = select(ServiceRecord.state).where(ServiceRecord.source == RecordSource.SUPPLEMENT)
    assert sorted(db.session.scalars(made)) == [RecordState.APPROVAL, RecordState.NOTICE]
    kept = db.session.scalars(select(SupplementPicture.content)).all()
    assert len(kept) == len(SupplementState) + 1
    assert all(picture.startswith(b"\xff\xd8") for picture in kept)


def shifts_are_there(now) -> None:
    # At some hours of the day a date of a series runs beside the one that people came to.
    came = select(Claim.id).where(Claim.shift_id == Shift.id, Claim.source == Source.WALK_IN).exists()
    running = db.session.scalars(select(Shift).where(Shift.starts_at <= now, Shift.ends_at > now, came)).one()
    assert (attended(running, Act.IN), attended(running, Act.OUT)) == (3, 0)
    assert count(Claim.shift_id == running.id, Claim.source == Source.WALK_IN) == 1
    assert count(Shift.starts_at > now, Shift.starts_at < now + 2 * HOUR) >= 1
    assert count(Shift.starts_at > now, Shift.state == ShiftState.OPEN) >= 30
    assert count(Shift.state == ShiftState.CANCELLED) == 1
    assert count(Shift.moved_at.is_not(None)) == 1
    assert count(Claim.state == ClaimState.OFFERED, Claim.source == Source.OWN) == 1
    assert count(Claim.state == ClaimState.OFFERED, Claim.source == Source.GROUP) == 1
    assert count(Claim.state == ClaimState.REQUESTED) >= 1
    assert count(Handover.state == HandoverState.OPEN) == 2
    assert count(Shortfall.held < Shortfall.minimum) == 1
    assert count(Shift.opens_at > now) == 1
    assert count(Claim.state == ClaimState.WAITING) >= 3
    assert count(Claim.state == ClaimState.LATE) == 1
    assert count(Post.state == PostState.DRAFT) == 1


def records_are_there() -> None:
    pairs = select(ServiceRecord.state, func.count()).group_by(ServiceRecord.state)
    states = dict(db.session.execute(pairs).all())
    assert set(states) == set(RecordState)
    assert count(ServiceRecord.below_presence.is_(True), ServiceRecord.state == RecordState.PENDING) == 1
    evidence = set(db.session.scalars(select(ServiceRecord.evidence)))
    assert evidence == set(EvidenceClass)
    unclaimed = select(Volunteer.id).join(Volunteer.account).where(Account.claimed_at.is_(None))
    theirs = list(
        db.session.scalars(select(ServiceRecord.volunteer_id).where(ServiceRecord.volunteer_id.in_(unclaimed)))
    )
    assert theirs
    assert sum(sum(records.totals(id).values()) for id in theirs) == 0
    shown = db.session.scalar(select(Volunteer.id).join(Volunteer.account).where(Account.phone == demo.ROLES[0].phone))
    assert sum(records.totals(shown).values()) > 0


def test_a_database_that_is_not_empty_is_left_alone(app):
    make_account()
    result = app.test_cli_runner().invoke(args=["demo"])
    assert result.exit_code == 1
    assert "INSTANCE_PATH" in result.output
    assert count(Account.id.is_not(None)) == 1
    assert not demo.is_demo()


def test_a_real_installation_says_nothing_about_signing_in():
    make_account()
    assert welcome() == []


# --- its clock --------------------------------------------------------------------------------------------


@pytest.fixture
def in_a_demo(app, monkeypatch) -> None:
    """The small world, as if it were a demo whose clock says two days before the shift."""
    minutes = (BEFORE - clock.real()) // MINUTE
    saved(Setting(name="demo", value=1, changed_at=BEFORE))
    saved(Setting(name="demo_clock_minutes", value=minutes, changed_at=BEFORE))
    monkeypatch.setitem(app.extensions, "demo", True)


@pytest.fixture
def shift(world) -> Shift:
    shift = make_shift(make_post(world.station))
    claim = Claim(shift_id=shift.id, volunteer_id=world.lin.id, place=1, places=2, claimed_at=BEFORE)
    claim.state = ClaimState.HELD
    saved(claim)
    return shift


def step(client, name: str):
    return client.post(f"/demo/clock/steps/{name}")


def close_to(moment) -> object:
    return pytest.approx(moment.timestamp(), abs=90)


@pytest.mark.parametrize("path", ["/demo/clock", "/demo/clock/steps/real"])
def test_in_a_real_installation_there_is_no_clock_to_move(client, world, path):
    sign_in(client, world.lin.account_id)
    answer = client.get(path) if path == "/demo/clock" else client.post(path)
    assert answer.status_code == 404
    assert "/demo/clock" not in client.get("/").text


@pytest.mark.usefixtures("in_a_demo")
def test_who_is_not_signed_in_cannot_move_it(client):
    assert client.get("/demo/clock").status_code in (303, 401)
    assert step(client, "two-hours").status_code in (303, 401)


@pytest.mark.usefixtures("in_a_demo")
def test_every_page_of_a_demo_leads_to_its_clock(client, world, shift):
    sign_in(client, world.lin.account_id)
    assert "/demo/clock" in client.get("/").text
    page = client.get("/demo/clock")
    assert page.status_code == 200
    assert "社区图书角管理岗" in page.text


@pytest.mark.usefixtures("in_a_demo", "shift")
@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("start", START - 5 * MINUTE),
        ("end", START + 2 * HOUR + MINUTE),
        ("half-hour", BEFORE + 30 * MINUTE),
        ("two-hours", BEFORE + 2 * HOUR),
    ],
)
def test_the_clock_moves_ahead_to_where_the_next_step_is(client, world, name, moment):
    sign_in(client, world.lin.account_id)
    assert step(client, name).status_code == 303
    assert clock.now().timestamp() == close_to(moment)


@pytest.mark.usefixtures("in_a_demo", "shift")
def test_a_second_tap_does_not_skip_the_shift_that_is_about_to_start(client, world):
    sign_in(client, world.lin.account_id)
    step(client, "start")
    assert "steps/start" not in client.get("/demo/clock").text
    step(client, "start")
    assert clock.now().timestamp() == close_to(START - 5 * MINUTE)


@pytest.mark.usefixtures("in_a_demo", "shift")
def test_the_clerk_of_the_station_sees_the_same_next_shift(client, world):
    sign_in(client, world.chen.account_id)
    step(client, "start")
    assert clock.now().timestamp() == close_to(START - 5 * MINUTE)


@pytest.mark.usefixtures("in_a_demo")
def test_without_a_shift_to_come_it_says_what_to_do(client, world):
    make_shift(make_post(world.other_station))
    sign_in(client, world.lin.account_id)
    assert step(client, "start").status_code == 409
    assert "Claim one" in step(client, "end").text


@pytest.mark.usefixtures("in_a_demo", "shift")
def test_back_in_real_time_the_site_still_works(client, world):
    sign_in(client, world.lin.account_id)
    assert step(client, "real").status_code == 303
    assert abs(clock.now() - clock.real()) < MINUTE
    for path in ("/", "/me/schedule", "/demo/clock"):
        assert client.get(path).status_code == 200


@pytest.mark.usefixtures("in_a_demo")
def test_a_step_that_does_not_exist_is_not_found(client, world):
    sign_in(client, world.lin.account_id)
    assert step(client, "yesterday").status_code == 404


@pytest.mark.usefixtures("in_a_demo", "shift")
def test_another_process_learns_the_time_with_its_next_request(app, client, world):
    sign_in(client, world.lin.account_id)
    step(client, "start")
    app.extensions["clock_ahead"] = timedelta(0)  # as in a process that served nothing since
    client.get("/")
    assert clock.now().timestamp() == close_to(START - 5 * MINUTE)


@pytest.mark.usefixtures("in_a_demo")
def test_the_worker_tells_the_same_time(app):
    app.extensions["clock_ahead"] = timedelta(0)
    keep_time()
    assert clock.now().timestamp() == close_to(BEFORE)
