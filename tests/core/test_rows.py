"""Rows written and read without a flush are the same rows, and the same objects, as those of the session."""

from datetime import timedelta

import pytest
from sqlalchemy import inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import NotFound

from blueprints.claims.models import Claim, ClaimState, Source
from blueprints.messages.models import Notice, NoticeKind
from blueprints.posts.models import Shift, ShiftState
from core.db import amend, db, lock, put
from tests.factories import BEFORE, make_account, make_organization, make_post, make_shift, make_volunteer


@pytest.fixture
def shift(app):
    return make_shift(make_post(make_organization()))


def held(shift, volunteer, place=1):
    row = Claim(shift_id=shift.id, volunteer_id=volunteer.id, state=ClaimState.HELD, place=place, places=shift.places)
    row.claimed_at = BEFORE
    return row


def stored(model, id):
    db.session.expire_all()
    return db.session.scalars(select(model).where(model.id == id)).one()


def test_a_row_that_was_put_is_there_with_its_defaults_and_is_an_object_of_the_session(app, shift):
    made = held(shift, make_volunteer())
    put(made)
    assert inspect(made).persistent
    assert (made.source, made.reason, made.ended_at) == (Source.OWN, "", None)
    again = stored(Claim, made.id)
    assert again is made
    assert (again.state, again.place, again.claimed_at) == (ClaimState.HELD, 1, BEFORE)


def test_what_is_set_afterwards_is_written_by_the_session(app, shift):
    made = held(shift, make_volunteer())
    put(made)
    made.state, made.place, made.ended_at = ClaimState.CANCELLED, None, BEFORE
    db.session.flush()
    assert stored(Claim, made.id).state is ClaimState.CANCELLED


def test_a_json_value_comes_back_as_it_went(app):
    told = Notice(account_id=make_account().id, kind=NoticeKind.TRIAL, values={"title": "图书", "place": 3}, at=BEFORE)
    put(told)
    assert stored(Notice, told.id).values == {"title": "图书", "place": 3}


def test_what_a_function_would_make_must_be_said(app):
    with pytest.raises(KeyError, match="values"):
        put(Notice(account_id=make_account().id, kind=NoticeKind.TRIAL, at=BEFORE))


def test_rows_that_wait_in_the_session_are_written_first(app, shift):
    waits = Shift(post_id=shift.post_id, starts_at=BEFORE, ends_at=BEFORE + timedelta(hours=1), places=1)
    waits.state = ShiftState.DRAFT
    db.session.add(waits)
    put(Notice(account_id=make_account().id, kind=NoticeKind.TRIAL, values={}, at=BEFORE))
    assert inspect(waits).persistent


def test_what_the_database_refuses_is_the_error_it_is_everywhere(app, shift):
    put(held(shift, make_volunteer()))
    with pytest.raises(IntegrityError):
        put(held(shift, make_volunteer("周大海")))  # the same place
    db.session.rollback()


def test_an_amendment_is_written_at_once_after_what_was_changed_before(app, shift):
    shift.places = 7
    amend(shift, revision=shift.revision + 1)
    assert not inspect(shift).modified
    again = stored(Shift, shift.id)
    assert (again.places, again.revision) == (7, 2)


def test_a_row_that_is_gone_cannot_be_amended(app, shift):
    db.session.delete(shift)
    db.session.flush()
    with pytest.raises(StaleDataError):
        amend(shift, revision=2)


def test_a_lock_says_what_the_row_is_now_to_the_object_that_is_known(app, shift):
    changed = db.update(Shift).where(Shift.id == shift.id).values(break_minutes=30)
    db.session.execute(changed, execution_options={"synchronize_session": False})
    assert lock(Shift, shift.id) is shift
    assert shift.break_minutes == 30


def test_a_lock_forgets_what_the_object_led_to(app, shift):
    whole = db.session.scalars(select(Shift).options(db.joinedload(Shift.post))).one()
    assert "post" in whole.__dict__
    lock(Shift, shift.id)
    assert "post" not in whole.__dict__


def test_a_change_that_waits_is_not_lost_by_a_lock(app, shift):
    shift.break_minutes = 15
    assert lock(Shift, shift.id).break_minutes == 15
    assert stored(Shift, shift.id).break_minutes == 15


def test_a_row_that_is_not_there_is_not_found(app):
    with pytest.raises(NotFound):
        lock(Shift, 4711)
