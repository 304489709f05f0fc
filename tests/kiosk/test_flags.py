"""What is odd is shown to people and blocks nothing; location only with its own consent."""

from datetime import timedelta

import pytest

from blueprints.admin import worker
from blueprints.claims import actions as claims
from blueprints.claims.models import Act, Claim, ClaimState
from blueprints.identity import actions as identity
from blueprints.identity import queries as people
from blueprints.identity.models import Leaving, Purpose
from blueprints.kiosk import actions, queries
from blueprints.kiosk.models import Flag, FlagKind, Origin, Sighting
from blueprints.records import actions as records
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import claim
from tests.factories import HOUR, START, make_post, make_shift, saved, sign_in

MINUTE = timedelta(minutes=1)
PARK = (30.7462, 120.7555)


@pytest.fixture
def morning(at):
    at(START)


def flags_of(held):
    return {flag.kind: flag for flag in queries.flags([held.id]).get(held.id, [])}


@pytest.fixture
def held(world, shift):
    return claim(shift, world.lin)


def both(world, shift):
    return claim(shift, world.lin), claim(shift, world.zhou)


# --- one phone for several people --------------------------------------------------------------------------------


@pytest.mark.usefixtures("morning")
def test_one_phone_for_two_people_is_flagged_for_both_and_refused_for_neither(world, shift, shown, phone):
    lins, zhous = both(world, shift)
    one = phone(world.lin)
    one.checks(shown())
    assert flags_of(lins) == {}
    sign_in(one.client, world.zhou.account_id)
    assert one.checks(shown()).status_code == 303
    for each in (lins, zhous):
        assert flags_of(each)[FlagKind.SHARED_DEVICE].details == {"others": 1}


@pytest.mark.usefixtures("morning")
def test_two_phones_of_two_people_are_not_odd(world, shift, shown, phone):
    lins, zhous = both(world, shift)
    phone(world.lin).checks(shown())
    phone(world.zhou).checks(shown())
    assert flags_of(lins) == flags_of(zhous) == {}


def test_a_phone_lent_another_day_is_not_odd(world, shift, shown, phone, at):
    _lins, zhous = both(world, shift)
    at(START)
    one = phone(world.lin)
    one.checks(shown())
    at(START + HOUR)
    origin = db.session.scalars(db.select(Origin)).one()
    assert queries.shares(origin.device_hash, world.zhou.id, START + timedelta(hours=13)) == {}
    assert queries.shares(origin.device_hash, world.zhou.id, START + HOUR) != {}
    assert flags_of(zhous) == {}


# --- two places at once -------------------------------------------------------------------------------------------


def elsewhere(world, held):
    """The same person on the roster of another station at the same time, as only a mistake or a fraud brings about."""
    shift = db.session.get(queries.Shift, held.shift_id)
    later = make_shift(make_post(world.other_station), starts_at=shift.ends_at)
    other = claim(later, world.lin)
    claims.change_shift(
        later.id,
        {"starts_at": later.starts_at, "ends_at": later.ends_at, "places": 2, "break_minutes": 0},
        world.gu,
        revision=later.post_id and db.session.get(queries.Post, later.post_id).revision,
        reason="",
        now=START - HOUR,
    )
    return other


def test_stays_at_two_places_are_flagged_when_the_times_are_handed_in(world, held, at):
    other = elsewhere(world, held)
    claims.punch(held.id, Act.IN, world.chen, now=START)
    claims.punch(other.id, Act.IN, world.gu, now=START + 100 * MINUTE)  # before the other shift begins
    claims.punch(held.id, Act.OUT, world.chen, now=START + 2 * HOUR)
    records.hand_in(held.shift_id, world.chen, now=START + 3 * HOUR)
    assert set(flags_of(held)) == set(flags_of(other)) == {FlagKind.TWO_PLACES}


def test_a_scan_here_while_one_is_in_there_is_flagged_at_once(world, held, shown, phone, at):
    other = elsewhere(world, held)
    claims.punch(other.id, Act.IN, world.gu, now=START + 95 * MINUTE)
    at(START + 90 * MINUTE)
    lin = phone(world.lin)
    lin.checks(shown())
    at(START + 110 * MINUTE)
    assert lin.checks(shown(), "out").status_code == 303
    assert FlagKind.TWO_PLACES in flags_of(held)


def test_one_after_the_other_is_not_odd(world, held):
    other = elsewhere(world, held)
    claims.punch(held.id, Act.IN, world.chen, now=START)
    claims.punch(held.id, Act.OUT, world.chen, now=START + 2 * HOUR)
    claims.punch(other.id, Act.IN, world.gu, now=START + 2 * HOUR)
    records.hand_in(held.shift_id, world.chen, now=START + 3 * HOUR)
    assert flags_of(held) == {}


# --- who looks at it ----------------------------------------------------------------------------------------------


@pytest.fixture
def flagged(world, held):
    """An attendance that was handed in with a flag."""
    claims.punch(held.id, Act.IN, world.chen, now=START)
    claims.punch(held.id, Act.OUT, world.chen, now=START + 2 * HOUR)
    flag = saved(Flag(claim_id=held.id, kind=FlagKind.SHARED_DEVICE, details={"others": 2}, raised_at=START))
    return flag, records.hand_in(held.shift_id, world.chen, now=START + 3 * HOUR)[0]


def test_clerk_and_confirmer_read_it_in_words(client, world, held, flagged, at):
    at(START + 4 * HOUR)
    _flag, record = flagged
    db.session.commit()
    sign_in(client, world.chen.account_id)
    assert "One phone for several people" in client.get(f"/desk/shifts/{held.shift_id}/roster").text
    assert "The same phone checked in 2 more people" in client.get(f"/desk/claims/{held.id}").text
    sign_in(client, world.wu.account_id)
    assert "Something looks odd" in client.get("/desk/records").text
    page = client.get(f"/desk/records/{record.id}").text
    assert "The same phone checked in 2 more people" in page
    assert "I have looked into it" not in page  # that is the clerk's button


def test_a_flagged_entry_is_confirmed_alone_with_a_reason_and_that_counts_as_looking(world, flagged):
    flag, record = flagged
    with pytest.raises(Refusal, match="this entry is marked"):
        records.confirm([record.id], world.wu, now=START + 4 * HOUR)
    records.confirm_marked(record.id, world.wu, reason="两人都在场，借用手机", now=START + 4 * HOUR)
    db.session.refresh(flag)
    assert (flag.looked_by_id, flag.looked_at) == (world.wu.account_id, START + 4 * HOUR)


def test_a_clerk_notes_having_looked_and_the_flag_stays(client, world, held, flagged, at):
    at(START + 4 * HOUR)
    flag, _record = flagged
    db.session.commit()
    sign_in(client, world.chen.account_id)
    assert client.post(f"/desk/flags/{flag.id}/review").status_code == 303
    assert "陈站长 looked into it" in client.get(f"/desk/claims/{held.id}").text
    sign_in(client, world.gu.account_id)
    assert client.post(f"/desk/flags/{flag.id}/review").status_code == 404


def test_the_hand_in_shows_it_before_anybody_confirms(client, world, held, at):
    at(START + 3 * HOUR)
    claims.punch(held.id, Act.IN, world.chen, now=START)
    claims.punch(held.id, Act.OUT, world.chen, now=START + 2 * HOUR)
    saved(Flag(claim_id=held.id, kind=FlagKind.FAR_AWAY, details={"metres": 4200}, raised_at=START))
    sign_in(client, world.chen.account_id)
    assert "Something looks odd" in client.get(f"/desk/shifts/{held.shift_id}/hand-in").text


# --- where the phone was ------------------------------------------------------------------------------------------


@pytest.fixture
def came(world, held, shown, phone, at):
    """Lin has scanned at a station that is known to stand in the park; returns phone and punch."""
    at(START)
    actions.place_station(world.station.id, *PARK, 500, world.chen, now=START)
    db.session.commit()
    lin = phone(world.lin)
    lin.checks(shown())
    return lin, db.session.scalars(db.select(queries.Punch)).one()


def send_place(lin, punch, latitude=PARK[0], longitude=PARK[1], accuracy=20):
    place = {"latitude": latitude, "longitude": longitude, "accuracy": accuracy}
    return lin.client.post(f"/scans/results/{punch.id}/location", data=place)


def sightings():
    return list(db.session.scalars(db.select(Sighting)))


def test_without_consent_nobody_is_asked_and_nothing_is_kept(came):
    lin, punch = came
    page = lin.client.get(f"/scans/results/{punch.id}")
    assert "data-asks-where" not in page.text
    assert "geolocation=()" in page.headers["Permissions-Policy"]
    send_place(lin, punch)
    assert sightings() == []


def test_with_consent_the_distance_is_noted_on_that_one_page(came, held):
    lin, punch = came
    assert "I agree" in lin.client.get("/me/location").text
    lin.client.post("/me/location")
    page = lin.client.get(f"/scans/results/{punch.id}")
    assert "data-asks-where" in page.text
    assert "geolocation=(self)" in page.headers["Permissions-Policy"]
    assert send_place(lin, punch, PARK[0] + 0.001).status_code == 303
    (seen,) = sightings()
    assert (seen.distance_m, seen.is_near) == (111, True)
    assert flags_of(held) == {}
    assert "data-asks-where" not in lin.client.get(f"/scans/results/{punch.id}").text


def test_far_away_is_a_flag_and_the_check_in_holds(came, held):
    lin, punch = came
    lin.client.post("/me/location")
    send_place(lin, punch, PARK[0] + 0.05)
    assert flags_of(held)[FlagKind.FAR_AWAY].details == {"metres": 5600}
    assert db.session.get(Claim, held.id).state is ClaimState.HELD
    send_place(lin, punch)  # a second answer changes nothing
    assert [seen.distance_m for seen in sightings()] == [5560]


def test_a_phone_that_hardly_knows_where_it_is_gets_the_benefit_of_the_doubt_up_to_a_kilometre(came, held):
    lin, punch = came
    lin.client.post("/me/location")
    send_place(lin, punch, PARK[0] + 0.012, accuracy=900)
    assert sightings()[0].is_near
    assert flags_of(held) == {}


@pytest.mark.parametrize("place", [{"latitude": "91"}, {"latitude": "nan"}, {"longitude": "x"}, {"accuracy": "-1"}])
def test_places_that_cannot_be_are_ignored(came, place):
    lin, punch = came
    lin.client.post("/me/location")
    assert send_place(lin, punch, **place).status_code < 500
    assert sightings() == []


def test_a_place_comes_with_the_check_in_or_not_at_all(came, at):
    lin, punch = came
    lin.client.post("/me/location")
    at(START + 11 * MINUTE)
    send_place(lin, punch)
    assert sightings() == []


def test_nobody_says_where_somebody_else_was(world, came, phone):
    _lin, punch = came
    assert send_place(phone(world.zhou), punch).status_code == 404


def test_withdrawing_the_consent_erases_distances_and_coordinates(world, came):
    lin, punch = came
    lin.client.post("/me/location")
    send_place(lin, punch)
    consent = people.live_consent(world.lin.account_id, Purpose.LOCATION)
    assert lin.client.post(f"/me/consents/{consent.id}/withdrawal").status_code == 303
    assert sightings() == []
    assert "I agree" in lin.client.get("/me/location").text


def test_the_worker_drops_coordinates_after_the_set_days_and_keeps_the_distance(came):
    lin, punch = came
    lin.client.post("/me/location")
    send_place(lin, punch, PARK[0] + 0.001)
    assert worker.forget(now=START + timedelta(days=30)) == 0
    assert worker.forget(now=START + timedelta(days=30, minutes=1)) == 1
    assert worker.forget(now=START + timedelta(days=31)) == 0
    (seen,) = sightings()
    db.session.refresh(seen)
    assert (seen.latitude, seen.longitude, seen.distance_m) == (None, None, 111)


def test_whoever_leaves_takes_the_phone_and_every_place_along(world, came):
    lin, punch = came
    lin.client.post("/me/location")
    send_place(lin, punch)
    identity.leave(world.lin.account_id, Leaving.KEEP, now=START + HOUR)
    db.session.commit()
    assert sightings() == []
    assert db.session.scalars(db.select(Origin.device_hash)).all() == [None]


def test_a_clerk_says_where_the_station_is_and_only_of_the_own(client, world):
    sign_in(client, world.chen.account_id)
    form = {"latitude": "30.7462", "longitude": "120.7555", "radius": "800"}
    assert client.post(f"/desk/stations/{world.station.id}/place", data=form).status_code == 303
    assert "30.7462, 120.7555" in client.get("/desk/tablets").text
    assert client.post(f"/desk/stations/{world.other_station.id}/place", data=form).status_code == 404
    wrong = client.post(f"/desk/stations/{world.station.id}/place", data=form | {"latitude": "nan", "radius": "1"})
    assert wrong.status_code == 422
