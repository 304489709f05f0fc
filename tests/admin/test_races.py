"""Two administrators at the same moment, each in a transaction of its own, on both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from blueprints.admin import actions, queries
from blueprints.identity.models import Account, Grant, VolunteerState
from blueprints.posts import actions as posts
from core.actor import Actor, Role
from core.db import db
from core.refusal import Refusal
from core.web import App
from tests.factories import (
    BEFORE,
    HOUR,
    START,
    make_account,
    make_organization,
    make_post,
    make_staff,
    make_volunteer,
    make_world,
)

pytestmark = pytest.mark.commits
Act = Callable[[], object]


def at_once(app: App, *acts: Act) -> list[str]:
    """Do everything at the same moment; says of each whether it was done or refused."""
    start = Barrier(len(acts))

    def attempt(act: Act) -> str:
        start.wait()
        with app.app_context():
            try:
                act()
                db.session.commit()
            except Refusal:
                db.session.rollback()
                return "refused"
            return "done"

    with ThreadPoolExecutor(len(acts)) as crowd:
        return sorted(crowd.map(attempt, acts))


def grant_id(actor: Actor) -> int:
    return db.session.scalars(select(Grant.id).where(Grant.account_id == actor.account_id)).one()


def test_two_administrators_who_dismiss_each_other_leave_one(app):
    top = make_organization()
    one, two = (make_staff(Role.ADMINISTRATOR, top, name) for name in ("沈主任", "陆主任"))
    first, second = grant_id(one), grant_id(two)
    db.session.rollback()
    outcome = at_once(
        app,
        lambda: actions.take_back(second, one, now=BEFORE),
        lambda: actions.take_back(first, two, now=BEFORE),
    )
    assert outcome == ["done", "refused"]
    assert len(queries.live_administrators(top.id)) == 1


def test_an_organization_closes_before_or_after_a_shift_is_added_never_between(app):
    world = make_world()
    post = make_post(world.station)
    id, station, revision = post.id, world.station.id, post.revision
    slot = {"starts_at": START, "ends_at": START + HOUR, "places": 2}
    db.session.commit()
    outcome = at_once(
        app,
        lambda: actions.close(station, world.qian, now=BEFORE),
        lambda: posts.add_shift(id, slot, world.chen, revision=revision, now=BEFORE),
    )
    assert outcome == ["done", "refused"]


def test_one_link_gives_one_role_however_many_open_it(app):
    top = make_organization()
    boss = make_staff(Role.ADMINISTRATOR, top, "沈主任")
    _made, code = actions.invite(top.id, Role.CLERK, "徐站务", boss, now=BEFORE)
    people = [make_account(f"徐{n}").id for n in range(4)]
    db.session.commit()
    outcome = at_once(app, *(lambda id=id: actions.accept(code, id, now=BEFORE) for id in people))
    assert outcome == ["done", "refused", "refused", "refused"]
    assert db.session.scalar(select(func.count(Grant.id)).where(Grant.role == Role.CLERK)) == 1


def test_one_link_makes_one_account_from_a_double_tap(app):
    top = make_organization()
    boss = make_staff(Role.ADMINISTRATOR, top, "沈主任")
    _made, code = actions.invite(top.id, Role.CLERK, "徐站务", boss, now=BEFORE)
    db.session.commit()
    values = {"name": "徐站务", "phone": "+8619900007777", "password_hash": "x", "lang": "en", "device": ""}
    outcome = at_once(app, *(lambda: actions.join(code, now=BEFORE, **values) for _tap in range(2)))
    assert outcome == ["done", "refused"]
    assert db.session.scalar(select(func.count(Account.id)).where(Account.phone == "+8619900007777")) == 1


def test_a_registration_is_decided_once(app):
    world = make_world()
    other = make_staff(Role.ADMINISTRATOR, world.town, "徐主任")
    volunteer = make_volunteer("徐青", world.station, state=VolunteerState.SUBMITTED)
    id = volunteer.id
    db.session.rollback()
    outcome = at_once(
        app,
        lambda: actions.approve(id, world.qian, seen=BEFORE, now=BEFORE),
        lambda: actions.reject(id, other, seen=BEFORE, reason="不符合。", now=BEFORE),
    )
    assert outcome == ["done", "refused"]


def test_one_name_is_founded_once_by_a_double_tap(app):
    world = make_world()
    parent_id, kind = world.county.id, world.station.kind
    values = {"division_id": world.station.division_id, "phone": "", "address": "", "now": BEFORE}
    db.session.rollback()
    outcome = at_once(app, *(lambda: actions.found("新站", kind, parent_id, world.qian, **values) for _tap in range(2)))
    assert outcome == ["done", "refused"]
