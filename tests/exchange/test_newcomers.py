"""Nothing half-imported: whom a file registers is nobody on any path before the whole file is in; then all at once."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from werkzeug.routing import BuildError

from blueprints.admin import queries as desk
from blueprints.admin import tasks
from blueprints.claims import actions as claims
from blueprints.exchange import actions, entering, newcomers, outgoing, queries
from blueprints.exchange.models import HandoverKind, ImportKind, ImportRow, ImportState, Newcomer, RowState
from blueprints.identity import actions as identity
from blueprints.identity import queries as people
from blueprints.identity.models import Account, SlipPurpose, Volunteer, VolunteerState
from blueprints.jobs.models import Job, JobState
from core import clock
from core.audit import AuditEntry
from core.db import Base, db
from core.refusal import Refusal
from tests.exchange.files import PEOPLE_HEADS, book, person
from tests.exchange.test_imports import (
    ID,
    NOW,
    approved,
    chief,  # noqa: F401
    rows,
    today,  # noqa: F401
    tried,
    work,
    world,  # noqa: F401
)
from tests.factories import make_post, make_shift, make_volunteer, sign_in
from tests.identity.people import HASH, details

S, R = ImportState, RowState
NAME, PHONE, OTHER = "方小北", "13900001234", "13900004321"
E164 = f"+86{PHONE}"
# What may change while a file is on its way: the file itself, its task, and who is to come.
OWN = {"import_row", "newcomer", "job", "import_batch"}


@pytest.fixture
def batch(world, chief, monkeypatch):  # noqa: F811
    """Two people, approved; each step takes one of them."""
    monkeypatch.setattr(entering, "PEOPLE_AT_ONCE", 1)
    data = book(PEOPLE_HEADS, person(NAME, PHONE, "Z1"), person("方小南", OTHER, "Z2"))
    return approved(world, data, chief, ImportKind.REGISTRATIONS)


def begin(count, *, hold=False):
    """A worker takes the task up and does so many steps; then another one may go on, unless it holds it."""
    taken = actions.jobs.take("first", now=NOW, real=clock.real())
    db.session.commit()
    steps = actions.jobs.KINDS[taken.kind].handler(taken)
    for _n in range(count):
        assert tasks._step(steps, taken, "en")
    if not hold:
        steps.close()
        actions.jobs.let_go(taken, real=clock.real())
        db.session.commit()
    db.session.expire_all()
    return steps, taken


def crash(steps, monkeypatch):
    """The worker is gone, and its lease is over."""
    steps.close()
    db.session.rollback()
    later = clock.real() + actions.jobs.LONG_LEASE * 2
    monkeypatch.setattr(clock, "real", lambda: later)


def sizes():
    return {
        table.name: db.session.scalar(select(func.count()).select_from(table))
        for table in Base.metadata.sorted_tables
        if table.name not in OWN
    }


def count(model):
    return db.session.scalar(select(func.count()).select_from(model))


def pages(app, client, actor):
    """Every page without a number in its address, as this person sees it."""
    sign_in(client, actor.account_id)
    found = {}
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if "GET" in rule.methods and not rule.arguments and not rule.rule.startswith("/static"):
                try:
                    found[rule.rule] = client.get(rule.rule).text
                except BuildError:
                    continue
    return found


def searched(client, actor, words):
    sign_in(client, actor.account_id)
    return client.post("/desk/people/searches", data={"q": words}, follow_redirects=True).text


# --- on the way -------------------------------------------------------------------------------------------------


def test_while_a_file_is_on_its_way_no_table_but_its_own_grows(batch):
    before = sizes()
    begin(2)
    assert (batch.state, count(Newcomer)) == (S.APPLYING, 2)
    assert sizes() == before


def test_nobody_on_the_way_is_on_any_page_of_anybody(app, client, world, chief, batch):  # noqa: F811
    begin(1)
    for actor in (world.chen, world.wu, world.qian, chief):
        for address, words in pages(app, client, actor).items():
            assert NAME not in words, address
            assert PHONE not in words, address


def test_nobody_on_the_way_is_found_by_name_or_number(client, world, chief, batch):  # noqa: F811
    begin(1)
    for actor in (world.qian, chief):
        for words in (NAME, PHONE, Newcomer.number):
            asked = words if isinstance(words, str) else db.session.scalar(select(words))
            assert not re.search(r"/desk/people/\d", searched(client, actor, asked))
    assert people.account_by_phone(E164) is None
    assert desk.people([world.city.path], NAME) == []
    work()
    assert re.search(r"/desk/people/\d", searched(client, world.qian, NAME))


def test_nobody_on_the_way_signs_in_is_taken_over_or_asked_to(client, world, batch):  # noqa: F811
    strange = client.post("/sign-in", data={"phone": "13911112222", "password": "a-long-password"})
    begin(1)
    known = client.post("/sign-in", data={"phone": PHONE, "password": "a-long-password"})
    assert (known.status_code, known.text.replace(PHONE, "")) == (
        strange.status_code,
        strange.text.replace("13911112222", ""),
    )
    assert people.usable_slip(E164, "ABCD-EFGH", NOW) is None
    work()
    account = people.account_by_phone(E164)
    _slip, code = identity.issue_slip(
        account.id, SlipPurpose.CLAIM, actor=world.qian, organization_id=world.county.id, now=NOW
    )
    assert people.usable_slip(E164, code, NOW).account_id == account.id


def test_nobody_on_the_way_is_counted_or_handed_over(world, batch):  # noqa: F811
    active = select(func.count()).where(Volunteer.state == VolunteerState.ACTIVE)
    before = db.session.scalar(active), outgoing.count(HandoverKind.VOLUNTEERS, world.city.path)
    begin(2)
    assert (db.session.scalar(active), outgoing.count(HandoverKind.VOLUNTEERS, world.city.path)) == before
    work()
    assert db.session.scalar(active) == before[0] + 2


def test_no_hours_are_imported_for_anybody_on_the_way(world, batch):  # noqa: F811
    begin(1)
    assert queries.people_by_phone([E164], world.county) == {}
    work()
    assert E164 in queries.people_by_phone([E164], world.county)


def test_all_come_in_one_step_with_their_traces(world, chief, batch):  # noqa: F811
    steps, taken = begin(3, hold=True)
    assert not tasks._step(steps, taken, "en"), "the fourth is the last one"
    db.session.expire_all()
    assert (batch.state, count(Newcomer), [row.state for row in rows(batch)]) == (S.APPLIED, 0, [R.APPLIED] * 2)
    for row, name in zip(rows(batch), (NAME, "方小南"), strict=True):
        volunteer = db.session.get_one(Volunteer, row.volunteer_id)
        account = db.session.get_one(Account, volunteer.account_id)
        assert (account.name, account.lang, account.claimed_at, row.sealed) == (name, "zh_Hans", None, "")
        assert (volunteer.state, volunteer.categories, volunteer.decided_by_id) == (
            VolunteerState.ACTIVE,
            [],
            chief.account_id,
        )
        trace = db.session.scalars(select(AuditEntry).where(AuditEntry.about_id == account.id)).one()
        assert (trace.action, trace.subject, trace.subject_id) == ("registration imported", "volunteer", volunteer.id)
        assert trace.details == f'{{"approved_by": {chief.account_id}}}'
        assert (trace.actor_id, trace.organization_id) == (world.qian.account_id, world.county.id)


# --- it breaks off ----------------------------------------------------------------------------------------------


def test_a_worker_that_dies_on_the_way_lets_nobody_in_and_the_next_one_lets_in_each_once(batch, monkeypatch):
    steps, _taken = begin(1, hold=True)
    next(steps)  # the second is written, and the process is gone before it is committed
    crash(steps, monkeypatch)
    assert (count(Newcomer), people.account_by_phone(E164)) == (1, None)
    work()
    assert db.session.scalars(select(Account.phone).where(Account.phone.in_([E164, f"+86{OTHER}"]))).all() == [
        E164,
        f"+86{OTHER}",
    ]
    assert (batch.state, db.session.get_one(Job, batch.job_id).done) == (S.APPLIED, 2)


def test_a_worker_that_dies_in_the_last_step_lets_nobody_in(batch, monkeypatch):
    steps, _taken = begin(3, hold=True)
    with pytest.raises(StopIteration):
        next(steps)
    assert people.account_by_phone(E164), "the last step has written"
    crash(steps, monkeypatch)
    assert (people.account_by_phone(E164), count(Newcomer)) == (None, 2)
    work()
    assert (batch.state, count(Newcomer)) == (S.APPLIED, 0)


def failed(batch):
    job = db.session.get_one(Job, batch.job_id)
    job.state, job.ended_at, job.held_until, job.held_by = JobState.FAILED, NOW, None, ""
    db.session.commit()


def test_a_task_that_broke_off_for_good_is_begun_anew_or_taken_back_and_nobody_is_left(world, chief, batch):  # noqa: F811
    before = count(Account), count(Volunteer)
    begin(1)
    with pytest.raises(Refusal, match="entered can be taken back"):
        actions.undo(batch.id, chief, reason="传错文件", now=NOW)
    db.session.rollback()
    failed(batch)
    assert (count(Account), count(Volunteer)) == before
    actions.resume(batch.id, chief, now=NOW)
    db.session.commit()
    begin(1)
    assert count(Newcomer) == 1, "it began anew"
    failed(batch)
    actions.undo(batch.id, chief, reason="传错文件", now=NOW)
    db.session.commit()
    work()
    assert (batch.state, count(Newcomer), (count(Account), count(Volunteer))) == (S.UNDONE, 0, before)


def test_a_batch_that_broke_off_offers_both_ways_on_its_page(client, world, chief, batch):  # noqa: F811
    begin(1)
    failed(batch)
    sign_in(client, world.qian.account_id)
    page = client.get(f"/desk/imports/{batch.id}").text
    assert "Whoever approves lets it go on." in page
    assert f"/desk/imports/{batch.id}/continuation" not in page
    sign_in(client, chief.account_id)
    page = client.get(f"/desk/imports/{batch.id}").text
    assert "The task broke off." in page
    assert f"/desk/imports/{batch.id}/continuation" in page
    answer = client.post(f"/desk/imports/{batch.id}/withdrawal", data={"reason": "传错文件"})
    assert answer.status_code == 303
    work()
    assert (batch.state, count(Newcomer)) == (S.UNDONE, 0)


# --- others come meanwhile --------------------------------------------------------------------------------------


def test_who_registers_by_themself_meanwhile_is_not_hindered_and_stays_who_they_are(world, batch):  # noqa: F811
    begin(2)
    identity.register(details(), phone=E164, password_hash=HASH, lang="en", now=NOW)
    db.session.commit()
    work()
    first, second = rows(batch)
    assert (first.state, second.state, batch.state) == (R.WRONG, R.APPLIED, S.APPLIED)
    assert entering.reasons(first) == "Somebody with this phone number is registered already."
    assert people.account_by_phone(E164).claimed_at == NOW


def test_whose_id_number_came_meanwhile_is_left_out(world, chief, monkeypatch):  # noqa: F811
    monkeypatch.setattr(entering, "PEOPLE_AT_ONCE", 1)
    batch = approved(world, book(PEOPLE_HEADS, person(id=ID)), chief, ImportKind.REGISTRATIONS)
    begin(1)
    hash_ = db.session.scalar(select(Newcomer.id_hash))
    make_volunteer("高云", world.other_station, id_hash=hash_, id_sealed="x", id_last4=ID[-4:])
    work()
    assert "another organization" in entering.reasons(rows(batch)[0])


def test_two_files_with_one_person_that_are_entered_together_let_them_in_once(world, chief, monkeypatch):  # noqa: F811
    data = book(PEOPLE_HEADS, person(NAME, PHONE, "Z1"))
    first, second = (tried(world, data, ImportKind.REGISTRATIONS) for _n in range(2))
    for each in (first, second):
        actions.submit(each.id, world.qian, now=NOW)
        actions.approve(each.id, chief, now=NOW)
        db.session.commit()
    steps, taken = begin(1, hold=True)
    work()  # the second one comes to its end before the first
    while tasks._step(steps, taken, "en"):
        pass
    db.session.expire_all()
    assert ([row.state for row in rows(first)], [row.state for row in rows(second)]) == ([R.KNOWN], [R.APPLIED])
    assert db.session.scalar(select(func.count()).where(Account.phone == E164)) == 1


def test_a_number_that_somebody_got_meanwhile_is_not_given_twice(world, batch):  # noqa: F811
    begin(2)
    taken = db.session.scalar(select(Newcomer.number).order_by(Newcomer.id).limit(1))
    world.lin.number = taken
    db.session.commit()
    work()
    assert batch.state is S.APPLIED
    assert db.session.get_one(Volunteer, rows(batch)[0].volunteer_id).number != taken


def test_two_rows_with_one_phone_number_are_told_with_both_their_numbers(world, chief, batch):  # noqa: F811
    data = book(PEOPLE_HEADS, person(NAME, "13900007777", "Y1"), person("别人", "13900007777", "Y2"))
    other = approved(world, data, chief, ImportKind.REGISTRATIONS)
    work()
    assert [row.state for row in rows(other)] == [R.APPLIED, R.WRONG]
    assert entering.reasons(rows(other)[1]) == "Rows 2 and 3 have the same phone number."


# --- and back ---------------------------------------------------------------------------------------------------


def test_all_are_taken_back_in_one_step_but_who_has_come_or_claimed(world, chief, batch):  # noqa: F811
    work()
    first, second = (db.session.get_one(Volunteer, row.volunteer_id) for row in rows(batch))
    shift = make_shift(make_post(world.station), starts_at=NOW + timedelta(days=2))
    claims.claim_for(shift.id, second.id, world.chen, now=NOW)
    db.session.commit()
    actions.undo(batch.id, chief, reason="传错文件", now=NOW)
    db.session.commit()
    taken = actions.jobs.take("first", now=NOW, real=clock.real())
    db.session.commit()
    assert not tasks._step(actions.jobs.KINDS[taken.kind].handler(taken), taken, "en")
    db.session.expire_all()
    assert (batch.state, [row.state for row in rows(batch)]) == (S.UNDONE, [R.UNDONE, R.APPLIED])
    closed, kept = (db.session.get_one(Account, volunteer.account_id) for volunteer in (first, second))
    assert (closed.name, closed.phone, first.state, first.birth_date) == ("*", None, VolunteerState.RESIGNED, None)
    assert (kept.closed_at, second.state) == (None, VolunteerState.ACTIVE)
    actions_ = select(AuditEntry.action).where(AuditEntry.about_id == closed.id).order_by(AuditEntry.id)
    assert db.session.scalars(actions_).all() == ["registration imported", "imported registration taken back"]


def test_a_batch_that_is_over_leaves_nobody_on_the_way(world, batch):  # noqa: F811
    work()
    assert newcomers.send_back(batch.id, world.qian.account_id) == 2
    assert count(Newcomer) == 0
    assert db.session.scalar(select(func.count()).where(ImportRow.batch_id == batch.id)) == 2
