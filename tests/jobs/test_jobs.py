"""Tasks in the background: each step once, whoever is killed; seen and fetched by those whose they are."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from blueprints.admin import tasks
from blueprints.identity import actions as identity
from blueprints.identity.models import Leaving
from blueprints.jobs import actions, queries, upkeep
from blueprints.jobs.actions import PIECE, Kind
from blueprints.jobs.models import LIVE, NEXT_STATES, ChunkSide, Job, JobChunk, JobState
from blueprints.messages.models import Notice, NoticeKind
from core import clock
from core.brake import Brake
from core.db import db
from core.refusal import Refusal
from tests.counting import counted
from tests.factories import make_account, make_world, saved, sign_in
from tests.jobs.kinds import ADMINISTRATORS, COUNTING, FRAGILE, GREETING, LARGE, REFUSING, Seen

MINUTE = timedelta(minutes=1)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture(autouse=True)
def kinds(monkeypatch):
    for kind in (COUNTING, GREETING, LARGE, REFUSING, FRAGILE, ADMINISTRATORS):
        monkeypatch.setitem(actions.KINDS, kind.name, kind)
    Seen.clear()
    monkeypatch.setattr(tasks, "LONGEST_PAUSE", 0)


def ask(kind: Kind, world, **values) -> Job:
    job = actions.enqueue(kind, values.pop("owner", world.chen.account_id), now=clock.now(), **values)
    db.session.commit()
    return job


def work() -> int:
    return tasks.work_all("here")


def told(account_id: int) -> list[Notice]:
    kinds = (NoticeKind.JOB_DONE, NoticeKind.JOB_FAILED)
    return list(db.session.scalars(select(Notice).where(Notice.account_id == account_id, Notice.kind.in_(kinds))))


def result(job: Job) -> bytes:
    return b"".join(queries.pieces(job.id, ChunkSide.RESULT))


def chunks() -> int:
    return db.session.scalar(select(func.count()).select_from(JobChunk))


# --- working ----------------------------------------------------------------------------------------------------


def test_a_task_is_done_and_its_owner_is_told_in_their_language(world):
    job = ask(COUNTING, world, given={"rows": 5})
    assert (work(), work()) == (1, 0)
    db.session.refresh(job)
    assert (job.state, job.done, job.total) == (JobState.DONE, 5, 5)
    assert result(job) == b"0\n1\n2\n3\n4\n"
    note = told(world.chen.account_id)[0]
    assert (note.path, note.values["title"]) == (f"/jobs/{job.id}", "开始")


def test_what_goes_in_and_comes_out_is_kept_in_small_pieces(world):
    given = bytes(range(256)) * 4096 * 3  # 3 MB
    job = ask(LARGE, world, data=[given[: PIECE + 5], given[PIECE + 5 :]])
    assert queries.size(job.id, ChunkSide.INPUT) == len(given)
    work()
    assert result(job) == given[::-1]
    assert db.session.scalar(select(func.max(JobChunk.size))) <= PIECE


def test_a_task_asked_twice_is_one_and_nobody_fills_the_queue(world):
    first = ask(COUNTING, world, given={"rows": 1})
    assert ask(COUNTING, world, given={"rows": 1}).id == first.id
    for rows in range(2, actions.MOST_LIVE + 1):
        ask(COUNTING, world, given={"rows": rows})
    with pytest.raises(Refusal, match="still at work"):
        ask(COUNTING, world, given={"rows": 99})
    assert ask(COUNTING, world, given={"rows": 99}, owner=world.wu.account_id)


def test_a_worker_that_died_leaves_its_last_step_and_the_next_one_goes_on_behind_it(world, monkeypatch):
    job = ask(COUNTING, world, given={"rows": 6})
    work_ = actions.take("dead", now=clock.now(), real=clock.real())
    db.session.commit()
    steps = COUNTING.handler(work_)
    for _n in range(3):
        assert tasks._step(steps, work_, "en")
    next(steps)  # a fourth one that is never committed
    db.session.rollback()
    assert work() == 0  # the dead one still holds it
    later = clock.real() + actions.LEASE + MINUTE
    monkeypatch.setattr(clock, "real", lambda: later)
    assert work() == 1
    assert result(job) == b"0\n1\n2\n3\n4\n5\n"
    assert tasks._step(steps, work_, "en") is False  # the dead one wakes up: what it does counts no more
    assert result(job) == b"0\n1\n2\n3\n4\n5\n"


def test_a_step_that_was_announced_as_long_is_left_to_its_worker(world):
    ask(COUNTING, world, given={"rows": 3})
    work_ = actions.take("slow", now=clock.now(), real=clock.real())
    work_.needs_long()
    assert actions.note_step(work_, real=clock.real())
    db.session.commit()
    after = clock.real() + actions.LEASE + MINUTE
    assert actions.take("next", now=clock.now(), real=after) is None
    assert actions.take("next", now=clock.now(), real=clock.real() + actions.LONG_LEASE + MINUTE)


def test_a_step_that_breaks_rests_and_is_tried_again_but_not_for_ever(world, monkeypatch):
    job = ask(FRAGILE, world)
    moments = [clock.real() + n * (tasks.REST + MINUTE) for n in range(actions.MOST_TRIES + 3)]
    for moment in moments:
        monkeypatch.setattr(clock, "real", lambda moment=moment: moment)
        work()
    db.session.refresh(job)
    assert (job.state, job.failure, len(Seen)) == (JobState.FAILED, "", actions.MOST_TRIES)
    assert [note.kind for note in told(world.chen.account_id)] == [NoticeKind.JOB_FAILED]


def test_a_rule_that_says_no_ends_it_with_its_sentence_in_the_owners_language(world):
    job = ask(REFUSING, world)
    work()
    db.session.refresh(job)
    assert (job.state, job.failure) == (JobState.FAILED, "开始")
    assert chunks() == 0


def test_a_process_that_ends_hands_the_task_on_at_once(world):
    job = ask(COUNTING, world, given={"rows": 3})
    stop = threading.Event()
    stop.set()
    tasks.work_on_next("first", stop)
    db.session.refresh(job)
    assert (job.state, job.done, job.tries) == (JobState.RUNNING, 1, 0)
    assert work() == 1
    assert result(job) == b"0\n1\n2\n"


def test_a_cancelled_task_writes_nothing_more(world):
    job = ask(COUNTING, world, given={"rows": 9})
    work_ = actions.take("here", now=clock.now(), real=clock.real())
    db.session.commit()
    steps = COUNTING.handler(work_)
    assert tasks._step(steps, work_, "en")
    actions.cancel(job.id, world.chen, now=clock.now())
    db.session.commit()
    assert tasks._step(steps, work_, "en") is False
    assert (chunks(), job.state) == (0, JobState.CANCELLED)
    with pytest.raises(Refusal, match="over already"):
        actions.cancel(job.id, world.chen, now=clock.now())


def test_some_tasks_cannot_be_stopped(world):
    job = ask(GREETING, world)
    with pytest.raises(Refusal, match="cannot be stopped"):
        actions.cancel(job.id, world.chen, now=clock.now())


@pytest.mark.parametrize("state", list(JobState))
def test_every_state_goes_on_only_as_the_table_says(world, state):
    for target in JobState:
        job = Job(kind="x", owner_id=world.chen.account_id, state=state, created_at=clock.now())
        if target in NEXT_STATES[state]:
            actions._move(job, target)
            assert job.state is target
        else:
            with pytest.raises(Refusal):
                actions._move(job, target)
    assert all(NEXT_STATES[one] for one in LIVE)


def test_two_workers_never_take_the_same_task(world):
    ask(COUNTING, world, given={"rows": 1})
    assert actions.take("one", now=clock.now(), real=clock.real())
    assert actions.take("two", now=clock.now(), real=clock.real()) is None


# --- letting go -------------------------------------------------------------------------------------------------


def test_what_came_out_is_erased_after_a_week(world):
    job = ask(COUNTING, world, given={"rows": 2})
    work()
    db.session.refresh(job)
    late = job.ended_at + queries.KEPT_FOR
    assert not upkeep.has_old(late - MINUTE)
    assert upkeep.has_old(late)
    assert actions.erase_old(late) == 1
    assert (chunks(), job.given, job.file_name, job.erased_at) == (0, {}, "", late)
    assert actions.erase_old(late) == 0


def test_who_leaves_takes_their_tasks_along(world):
    done = ask(COUNTING, world, given={"rows": 2})
    work()
    waits = ask(COUNTING, world, given={"rows": 3})
    leaving = identity.Departure(world.chen.account_id, None, Leaving.KEEP, clock.now())
    for forget in identity.ON_LEAVE:
        forget(leaving)
    db.session.refresh(done), db.session.refresh(waits)
    assert (done.state, waits.state, chunks()) == (JobState.DONE, JobState.CANCELLED, 0)


# --- pages ------------------------------------------------------------------------------------------------------


def test_the_page_shows_how_far_it_is_and_is_found_again(client, world):
    job = ask(COUNTING, world, given={"rows": 4})
    sign_in(client, world.chen.account_id)
    assert "My tasks" in client.get("/me").text
    assert f"/jobs/{job.id}" in client.get("/jobs").text
    page = client.get(f"/jobs/{job.id}").text
    assert ("Waits its turn" in page, 'hx-trigger="every 2s"' in page) == (True, True)
    work()
    page = client.get(f"/jobs/{job.id}").text
    assert ("Task done" in page, "hx-trigger" in page, "Download" in page) == (True, False, True)


def test_a_poll_is_answered_only_when_something_changed(client, world):
    job = ask(COUNTING, world, given={"rows": 4})
    sign_in(client, world.chen.account_id)
    headers = {"HX-Request-Type": "partial", "HX-PTag": "queued-0-None"}
    assert client.get(f"/jobs/{job.id}", headers=headers).status_code == 304
    work()
    answer = client.get(f"/jobs/{job.id}", headers=headers)
    assert (answer.status_code, answer.headers["HX-PTag"], "<html" in answer.text) == (200, "done-4-4", False)


def test_the_result_is_downloaded_whole_and_kept_by_no_cache(client, world):
    job = ask(COUNTING, world, given={"rows": 4})
    work()
    sign_in(client, world.chen.account_id)
    answer = client.get(f"/jobs/{job.id}/file")
    assert answer.data == b"0\n1\n2\n3\n"
    assert answer.headers["Content-Length"] == "8"
    assert answer.headers["Content-Disposition"] == "attachment; filename=count.csv"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.mimetype == "text/csv"


def test_downloads_are_throttled(client, world, monkeypatch):
    from blueprints.jobs import routes  # noqa: PLC0415 - only here

    monkeypatch.setattr(routes, "brake", Brake(2))
    job = ask(COUNTING, world, given={"rows": 4})
    work()
    sign_in(client, world.chen.account_id)
    assert [client.get(f"/jobs/{job.id}/file").status_code for _n in range(3)] == [200, 200, 429]


def test_a_task_of_somebody_else_does_not_exist(client, world):
    job = ask(COUNTING, world, given={"rows": 4}, organization_id=world.station.id)
    work()
    for other in (world.qian, world.wu, world.gu, world.he):
        sign_in(client, other.account_id)
        assert client.get(f"/jobs/{job.id}").status_code == 404
        assert client.get(f"/jobs/{job.id}/file").status_code == 404
        assert client.post(f"/jobs/{job.id}/cancellation").status_code == 404
        assert f"/jobs/{job.id}" not in client.get("/jobs").text


def test_a_shared_one_is_seen_by_the_role_in_its_reach_and_by_nobody_who_lost_it(client, world):
    owner = make_account("离任者")
    job = ask(ADMINISTRATORS, world, owner=owner.id, organization_id=world.station.id)
    work()
    seen = {}
    for who in (world.qian.account_id, world.he.account_id, world.chen.account_id, owner.id):
        sign_in(client, who)
        seen[who] = client.get(f"/jobs/{job.id}").status_code
    assert list(seen.values()) == [200, 404, 404, 404]


def test_the_owner_stops_a_task_on_its_page(client, world):
    job = ask(COUNTING, world, given={"rows": 4})
    sign_in(client, world.chen.account_id)
    assert client.post(f"/jobs/{job.id}/cancellation").status_code == 303
    assert "was stopped" in client.get(f"/jobs/{job.id}").text
    assert client.get(f"/jobs/{job.id}/file").status_code == 404
    assert client.post(f"/jobs/{job.id}/cancellation").status_code == 409


def test_the_list_asks_as_often_for_ten_as_for_forty(client, world):
    sign_in(client, world.chen.account_id)
    counts = []
    for _round in range(2):
        for _n in range(10 if not counts else 30):
            saved(Job(kind="count", owner_id=world.chen.account_id, created_at=clock.now()))
        db.session.expire_all()
        with counted() as statements:
            page = client.get("/jobs").text
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 8
    assert "before=" in page


def test_the_command_works_on_tasks_too(app, world):
    job = ask(COUNTING, world, given={"rows": 2})
    ran = app.test_cli_runner().invoke(args=["worker", "--once"])
    assert "tasks 1" in ran.output
    db.session.refresh(job)
    assert job.state is JobState.DONE
