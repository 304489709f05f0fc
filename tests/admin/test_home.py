"""The desk's first page: what waits for whom, and the entries that each role opens."""

import pytest
from flask import g

from blueprints.admin import queries
from blueprints.claims import actions as claims
from blueprints.claims.models import Act
from blueprints.identity.models import Account, VolunteerState
from blueprints.records import actions as records
from core.actor import Role
from core.db import db
from tests.counting import counted
from tests.factories import BEFORE, HOUR, START, give, make_post, make_shift, make_staff, make_volunteer, sign_in


def at(app, monkeypatch, moment):
    """Let the pages read another time."""
    ahead = app.extensions["clock_ahead"] + (moment - BEFORE)
    monkeypatch.setitem(app.extensions, "clock_ahead", ahead)


def served(world, volunteer, out=True):
    """A shift on which somebody came, and went or was not seen to go."""
    shift = make_shift(make_post(world.station))
    held = claims.walk_in(shift.id, volunteer.id, world.chen, now=START)
    claims.punch(held.id, Act.IN, world.chen, now=START)
    if out:
        claims.punch(held.id, Act.OUT, world.chen, now=START + 2 * HOUR)
    db.session.commit()
    return shift, held


def entries(client):
    page = client.get("/desk").text
    nav = page.split('class="desk-nav"')[1].split("</nav>")[0]
    return {part.split('"')[0] for part in nav.split('href="')[1:]}


CLERK = {"/desk/posts", "/desk/requests", "/desk/hand-ins", "/desk/people", "/desk/tablets", "/desk/certificates"}
CLERK |= {"/desk/screens", "/desk/imports", "/desk/check-requests", "/desk/supplements", "/desk/notices"}
ADMINISTRATOR = {"/desk/registrations", "/desk/people", "/desk/organizations", "/desk/roles", "/desk/audit"}
ADMINISTRATOR |= {"/desk/imports", "/desk/risks", "/desk/checks", "/desk/hand-overs", "/desk/notices", "/desk/honours"}
CONFIRMER = {"/desk/records", "/desk/disputes", "/desk/certificates", "/desk/imports", "/desk/risks", "/desk/checks"}
CONFIRMER |= {"/desk/supplements", "/desk/notices", "/desk/overdue"}
ADMINISTRATOR |= {"/desk/overdue", "/desk/duplicates"}


@pytest.mark.parametrize(
    ("who", "wanted"),
    [
        ("chen", CLERK),
        ("wu", CONFIRMER),
        ("qian", ADMINISTRATOR),
        ("gu", CLERK),
    ],
)
def test_each_role_sees_its_own_entries(client, world, who, wanted):
    sign_in(client, getattr(world, who).account_id)
    assert entries(client) == {"/desk", *wanted}


def test_an_administrator_of_the_top_also_sets_the_rules(client, world):
    sign_in(client, make_staff(Role.ADMINISTRATOR, world.city, "市主任").account_id)
    assert entries(client) == {"/desk", "/desk/settings", "/desk/calendar", *ADMINISTRATOR}


def test_a_clerk_sees_the_coming_shifts_of_their_own_station_only(client, world):
    mine = make_shift(make_post(world.station, title="本站岗"))
    make_shift(make_post(world.other_station, title="外县岗"))
    make_shift(make_post(world.station, title="取消岗"), state="cancelled", cancelled_at=BEFORE)
    claims.walk_in(mine.id, world.lin.id, world.chen, now=START)
    db.session.commit()
    sign_in(client, world.chen.account_id)
    page = client.get("/desk").text
    assert "本站岗" in page
    assert "1 of 2 places" in page
    assert f"/desk/shifts/{mine.id}/roster" in page
    assert "外县岗" not in page
    assert "取消岗" not in page


def test_times_that_nobody_handed_in_are_named_until_they_are(app, client, world, monkeypatch):
    shift, _held = served(world, world.lin)
    at(app, monkeypatch, START + 3 * HOUR)
    sign_in(client, world.chen.account_id)
    assert "not handed in" in client.get("/desk").text
    records.hand_in(shift.id, world.chen, now=START + 3 * HOUR)
    db.session.commit()
    assert "not handed in" not in client.get("/desk").text


def test_an_open_punch_is_named_with_the_way_to_settle_it(app, client, world, monkeypatch):
    _shift, held = served(world, world.lin, out=False)
    at(app, monkeypatch, START + 4 * HOUR)
    sign_in(client, world.chen.account_id)
    assert f"/desk/claims/{held.id}/settlement" in client.get("/desk").text


def test_a_confirmer_sees_how_many_entries_wait(client, world):
    shift, _held = served(world, world.lin)
    records.hand_in(shift.id, world.chen, now=START + 3 * HOUR)
    db.session.commit()
    assert queries.waiting(world.wu).records == 1
    assert queries.waiting(world.pan).records == 0
    assert queries.waiting(world.chen).records == 0
    sign_in(client, world.wu.account_id)
    assert '<span class="count">1</span>' in client.get("/desk").text


def test_an_administrator_sees_how_many_registrations_wait(client, world):
    make_volunteer("徐青", world.station, state=VolunteerState.SUBMITTED)
    assert queries.waiting(world.qian).registrations == 1
    assert queries.waiting(world.he).registrations == 0
    sign_in(client, world.qian.account_id)
    assert "Registrations to approve" in client.get("/desk").text


def test_counting_stops_at_a_hundred(world, monkeypatch):
    monkeypatch.setattr(queries, "MOST_COUNTED", 2)
    for number in range(4):
        make_volunteer(f"徐{number}", world.station, state=VolunteerState.SUBMITTED)
    assert queries.waiting(world.qian).registrations == 2


def test_nothing_to_do_says_so_and_offers_the_next_step(client, world):
    sign_in(client, world.chen.account_id)
    page = client.get("/desk").text
    assert "No shift ahead" in page
    assert 'href="/desk/posts/new"' in page
    sign_in(client, world.wu.account_id)
    assert "Nothing waits for you" in client.get("/desk").text


def test_a_volunteer_without_a_role_has_no_desk(client, world):
    sign_in(client, world.lin.account_id)
    assert client.get("/desk").status_code == 403


def test_the_first_page_asks_at_most_nine_times_for_ten_shifts_and_for_one(app, client, world, monkeypatch):
    account = db.session.get(Account, world.chen.account_id)
    for role, where in ((Role.CONFIRMER, world.town), (Role.ADMINISTRATOR, world.county)):
        give(account, role, where)
    served(world, world.lin, out=False)
    at(app, monkeypatch, START + 4 * HOUR)
    sign_in(client, world.chen.account_id)

    def asked():
        g.pop("unread", None), g.pop("waiting", None)  # the requests of one test share their context
        with counted() as statements:
            assert client.get("/desk").status_code == 200
        return len(statements)

    few = asked()
    for number in range(10):
        make_shift(make_post(world.station, title=f"岗{number}"), starts_at=START + (24 + number) * HOUR)
        served(world, make_volunteer(f"徐{number}", world.station), out=bool(number % 2))
    assert asked() == few <= 9
