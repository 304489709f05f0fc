"""The code of the moment has six digits, so that it can be typed; whoever guesses is stopped."""

from datetime import timedelta

import pytest

from blueprints.claims import queries
from blueprints.identity.models import Attempt
from blueprints.identity.tries import CODES, WINDOW
from core.db import db
from tests.claims.test_claiming import claim
from tests.factories import START, make_post, make_shift, make_world, sign_in

SECOND = timedelta(seconds=1)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def held(world):
    return claim(make_shift(make_post(world.station)), world.lin)


@pytest.fixture
def lin(client, world, at):
    at(START)
    sign_in(client, world.lin.account_id)
    return client


def send(client, held, code, act="arrival"):
    return client.post(f"/claims/{held.id}/{act}", data={"code": code})


def wrong_code(held, now):
    return next(
        code for code in ("111111", "222222", "333333", "444444") if not queries.code_fits(held.shift_id, code, now)
    )


def tries_kept():
    return db.session.scalar(db.select(db.func.count()).select_from(Attempt))


def test_after_ten_wrong_codes_even_the_right_one_has_to_wait(lin, held, at):
    wrong = wrong_code(held, START)
    assert [send(lin, held, wrong).status_code for _ in range(CODES)] == [409] * CODES
    answer = send(lin, held, queries.day_code(held.shift_id, START))
    assert (answer.status_code, "Too many tries. Please wait 15 minutes" in answer.text) == (429, True)
    assert not queries.attendance(held.id).is_present
    later = START + WINDOW + SECOND
    at(later)
    assert send(lin, held, queries.day_code(held.shift_id, later)).status_code == 303
    assert queries.attendance(held.id).is_present


def test_the_right_code_clears_what_was_mistyped_before(lin, held):
    wrong, right = wrong_code(held, START), queries.day_code(held.shift_id, START)
    for _ in range(CODES - 1):
        send(lin, held, wrong)
    assert tries_kept() == CODES - 1
    assert send(lin, held, right).status_code == 303
    assert tries_kept() == 0


def test_only_a_wrong_code_counts(lin, held):
    right = queries.day_code(held.shift_id, START)
    send(lin, held, right)
    again = send(lin, held, right)
    assert (again.status_code, "Already checked in" in again.text) == (409, True)
    assert tries_kept() == 0


def test_checking_in_and_out_count_together_and_per_person(app, lin, held, world):
    wrong = wrong_code(held, START)
    answers = [send(lin, held, wrong, act).status_code for act in ("arrival", "departure") * (CODES // 2)]
    assert answers == [409] * CODES
    assert send(lin, held, wrong, "departure").status_code == 429
    zhou, theirs = app.test_client(), claim(make_shift(make_post(world.station)), world.zhou)
    sign_in(zhou, world.zhou.account_id)
    assert send(zhou, theirs, queries.day_code(theirs.shift_id, START)).status_code == 303
