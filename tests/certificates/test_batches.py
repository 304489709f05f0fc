"""Certificates for many at once: two people, one step a person, nothing doubled after a kill, nobody held up."""

import csv
import io
from datetime import date
from zipfile import ZipFile

import pytest
from sqlalchemy import func, select

from blueprints.admin import tasks
from blueprints.certificates import actions, batches, keys, queries
from blueprints.certificates.models import (
    NEXT_BATCH_STATES,
    BatchMember,
    BatchState,
    Certificate,
    CertificateBatch,
    CertificateState,
    Outcome,
)
from blueprints.certificates.queries import Span
from blueprints.identity.models import Account, Volunteer
from blueprints.jobs import actions as jobs
from blueprints.jobs import queries as tasked
from blueprints.jobs.models import ChunkSide, Job, JobState
from blueprints.messages.models import NoticeKind
from blueprints.records import actions as records
from core import clock
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from tests.certificates.test_paper import proven
from tests.claims.test_claiming import kinds
from tests.counting import counted
from tests.factories import give, make_post, make_shift, make_staff, make_volunteer, make_world, sign_in
from tests.records.test_ledger import DONE, hand_in, served

SITE = "https://gang.example.org"


@pytest.fixture
def world():
    keys.make("嘉兴市志愿服务指导中心", now=DONE)
    return make_world()


@pytest.fixture
def effective(world):
    """Lin and Zhou served; Shen did not."""
    shift = make_shift(make_post(world.station))
    for volunteer in (world.lin, world.zhou):
        served(world, shift, volunteer)
    records.confirm([record.id for record in hand_in(shift, world.chen)], world.wu, now=DONE)
    db.session.commit()
    return world


def span(world, category=None):
    return Span(date(2099, 1, 1), date(2099, 12, 31), category, world.station.id)


def prepared(world, numbers=(), by=None):
    made = batches.prepare(span(world), numbers, by or world.chen, now=DONE)
    db.session.commit()
    return made


def issued(world, numbers=()):
    made = prepared(world, numbers)
    batches.issue(made.id, world.wu, address=SITE, now=DONE)
    db.session.commit()
    return made


def outcomes(batch):
    found = select(BatchMember.volunteer_id, BatchMember.outcome).where(BatchMember.batch_id == batch.id)
    db.session.expire_all()
    return dict(db.session.execute(found).all())


def box_of(batch) -> ZipFile:
    db.session.refresh(batch)
    return ZipFile(io.BytesIO(b"".join(tasked.pieces(batch.job_id, ChunkSide.RESULT))))


def test_everybody_who_served_gets_one_and_is_told(effective):
    batch = issued(effective)
    assert tasks.work_all("here") == 1
    assert outcomes(batch) == {effective.lin.id: Outcome.ISSUED, effective.zhou.id: Outcome.ISSUED}
    assert (batch.state, db.session.get(Job, batch.job_id).state) == (BatchState.ISSUED, JobState.DONE)
    for certificate in db.session.scalars(select(Certificate)).all():
        assert (certificate.checked_by_id, certificate.issued_by_id) == (
            effective.chen.account_id,
            effective.wu.account_id,
        )
        assert queries.checked(certificate.code).is_valid
        assert sum(queries.checked(certificate.code).totals.values()) == 120
    assert NoticeKind.CERTIFICATE_ISSUED in kinds(effective.lin)


def test_the_file_holds_signed_papers_and_a_list(effective):
    batch = issued(effective, [effective.lin.number, effective.shen.number])
    tasks.work_all("here")
    box = box_of(batch)
    [paper] = [name for name in box.namelist() if name.endswith(".pdf")]
    assert paper.startswith(effective.lin.number)
    assert proven(box.read(paper))
    rows = list(csv.reader(io.StringIO(box.read("list.csv").decode("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == ["林小满", "沈一诺"]
    assert rows[2][4] == "该时段没有已生效的记录"


def test_people_without_rows_are_named_and_hold_nobody_up(effective):
    account = db.session.get(Account, effective.zhou.account_id)
    account.claimed_at, account.created_by_id = None, effective.chen.account_id
    both = make_volunteer("吴确认", effective.station, account=db.session.get(Account, effective.wu.account_id))
    numbers = [one.number for one in (effective.shen, effective.zhou, both, effective.lin)]
    batch = issued(effective, numbers)
    tasks.work_all("here")
    assert outcomes(batch) == {
        effective.shen.id: Outcome.EMPTY,
        effective.zhou.id: Outcome.UNCLAIMED,
        both.id: Outcome.OWN,
        effective.lin.id: Outcome.ISSUED,
    }


def test_a_worker_that_died_doubles_nothing(effective, monkeypatch):
    batch = issued(effective)
    work = jobs.take("first", now=DONE, real=clock.real())
    db.session.commit()
    steps = batches.BATCH.handler(work)
    assert tasks._step(steps, work, "zh_Hans")
    assert tasks._step(steps, work, "zh_Hans")
    steps.close()  # one is issued, and the worker is gone
    assert sorted(outcomes(batch).values()) == [Outcome.ISSUED, Outcome.WAITING]
    job = db.session.get(Job, batch.job_id)
    job.held_until = clock.real()
    db.session.commit()
    assert tasks.work_all("second") == 1
    assert db.session.scalar(select(func.count(Certificate.id))) == 2
    assert set(db.session.scalars(select(Certificate.state))) == {CertificateState.ISSUED}
    assert len([name for name in box_of(batch).namelist() if name.endswith(".pdf")]) == 2
    db.session.refresh(job)
    assert (job.done, job.total) == (2, 2)


def test_a_stopped_batch_goes_on_where_it_stopped(effective):
    batch = issued(effective)
    work = jobs.take("first", now=DONE, real=clock.real())
    db.session.commit()
    steps = batches.BATCH.handler(work)
    assert tasks._step(steps, work, "zh_Hans")
    assert tasks._step(steps, work, "zh_Hans")
    jobs.cancel(batch.job_id, effective.wu, now=DONE)
    db.session.commit()
    assert not tasks._step(steps, work, "zh_Hans")
    batches.go_on(batch.id, effective.wu, address=SITE, now=DONE)
    db.session.commit()
    assert tasks.work_all("second") == 1
    assert db.session.scalar(select(func.count(Certificate.id))) == 2
    assert batch.state is BatchState.ISSUED
    with pytest.raises(Refusal, match="meanwhile"):
        batches.go_on(batch.id, effective.wu, address=SITE, now=DONE)


def test_a_batch_at_work_is_not_taken_up_twice(effective):
    batch = issued(effective)
    colleague = make_staff(Role.CONFIRMER, effective.station, "方确认")
    for actor in (colleague, effective.wu):
        with pytest.raises(Refusal, match="at this moment"):
            batches.go_on(batch.id, actor, address=SITE, now=DONE)
    assert db.session.scalar(select(func.count(Job.id))) == 1


def test_two_tasks_of_one_batch_give_nobody_two(effective, monkeypatch):
    batch = issued(effective)
    colleague = make_staff(Role.CONFIRMER, effective.station, "方确认")
    batches._task(batch, colleague, SITE, DONE)
    db.session.commit()
    first, second = (jobs.take(holder, now=DONE, real=clock.real()) for holder in ("first", "second"))
    db.session.commit()
    assert first.job_id != second.job_id
    drafted = batches._draft

    def overtaken(member, *rest):
        """While one task makes the paper, the other one issues it."""
        made = drafted(member, *rest)
        monkeypatch.setattr(batches, "_draft", drafted)
        member_id = member.id
        db.session.rollback()
        assert batches._one(member_id, SITE) == 1
        db.session.commit()
        return made

    steps, others = batches.BATCH.handler(first), batches.BATCH.handler(second)
    assert [tasks._step(steps, first, "zh_Hans"), tasks._step(others, second, "zh_Hans")] == [True, True]
    monkeypatch.setattr(batches, "_draft", overtaken)
    while tasks._step(steps, first, "zh_Hans"):
        pass
    while tasks._step(others, second, "zh_Hans"):
        pass
    assert set(outcomes(batch).values()) == {Outcome.ISSUED}
    assert db.session.scalar(select(func.count(Certificate.id))) == 2
    assert batch.state is BatchState.ISSUED


def test_what_changes_between_making_and_writing_is_made_anew(effective, monkeypatch):
    batch = issued(effective, [effective.lin.number])
    tried = []
    whole = actions.issue_in_batch

    def changing(draft, actor, *, now):
        tried.append(1)
        if len(tried) == 1:
            raise Refusal("The record changed at this moment.")
        return whole(draft, actor, now=now)

    monkeypatch.setattr(actions, "issue_in_batch", changing)
    tasks.work_all("here")
    assert (outcomes(batch), len(tried)) == ({effective.lin.id: Outcome.ISSUED}, 2)


# --- who may what -------------------------------------------------------------------------------------------------


def test_whoever_prepared_it_does_not_issue_it(effective):
    both = give(db.session.get(Account, effective.chen.account_id), Role.CONFIRMER, effective.station)
    batch = prepared(effective, by=both)
    for actor in (both, make_staff(Role.CONFIRMER, effective.town, effective.chen.name)):
        with pytest.raises(Refusal, match="another person issues"):
            batches.issue(batch.id, actor, address=SITE, now=DONE)
        db.session.rollback()
    values = {"state": "issuing", "decided_by_id": both.account_id, "decided_at": DONE}
    with pytest.raises(Exception, match="two_people_stamp"):
        db.session.execute(db.update(CertificateBatch).where(CertificateBatch.id == batch.id).values(**values))
    db.session.rollback()


def test_roles_end_at_the_border(effective):
    batch = prepared(effective)
    for actor in (effective.gu, effective.pan, effective.chen, effective.qian):
        with pytest.raises(Refusal, match="does not cover"):
            batches.issue(batch.id, actor, address=SITE, now=DONE)
    with pytest.raises(Refusal, match="does not cover"):
        batches.prepare(span(effective), [], effective.wu, now=DONE)


def test_strangers_are_named_and_nothing_else_is_told_of_them(effective):
    stranger = make_volunteer("外区的人", effective.other_station)
    with pytest.raises(Refusal, match=stranger.number) as refused:
        batches.prepare(span(effective), [effective.lin.number, stranger.number], effective.chen, now=DONE)
    assert "外区的人" not in str(refused.value)
    with pytest.raises(Refusal, match="1000 people at most"):
        batches.prepare(span(effective), [str(n) for n in range(1_001)], effective.chen, now=DONE)


def test_a_declined_one_issues_nothing_and_who_decides_second_is_told(effective):
    batch = prepared(effective)
    with pytest.raises(Refusal, match="say why"):
        batches.decline(batch.id, effective.wu, reason="", now=DONE)
    batches.decline(batch.id, effective.wu, reason="名单有误", now=DONE)
    with pytest.raises(Refusal, match="meanwhile"):
        batches.issue(batch.id, effective.wu, address=SITE, now=DONE)
    assert db.session.scalar(select(Job)) is None


@pytest.mark.parametrize("state", list(BatchState))
def test_every_state_goes_on_only_as_the_table_says(app, state):
    for target in BatchState:
        batch = CertificateBatch(state=state)
        if target in NEXT_BATCH_STATES[state]:
            batches._move(batch, target)
        else:
            with pytest.raises(Refusal):
                batches._move(batch, target)


# --- pages --------------------------------------------------------------------------------------------------------


def test_from_the_list_to_the_file_on_the_pages(client, effective, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: DONE)
    sign_in(client, effective.chen.account_id)
    assert "/desk/certificate-batches" in client.get("/desk/certificates").text
    form = {
        "from_on": "2099-01-01",
        "until_on": "2099-12-31",
        "category": "",
        "organization": str(effective.station.id),
    }
    wrong = client.post("/desk/certificate-batches", data=form | {"numbers": "X1"})
    assert (wrong.status_code, "knows nobody with the number X1" in wrong.text) == (409, True)
    assert client.post("/desk/certificate-batches", data=form | {"until_on": "2098-01-01"}).status_code == 422
    assert client.post("/desk/certificate-batches", data=form | {"organization": "99999"}).status_code == 404
    made = client.post("/desk/certificate-batches", data=form | {"numbers": f"{effective.lin.number}\n"})
    page = made.headers["Location"]
    assert "林小满" in client.get(page).text
    assert client.post(f"{page}/issue").status_code == 403
    sign_in(client, effective.wu.account_id)
    assert client.post(f"{page}/issue").status_code == 303
    assert "How far it is" in client.get(page).text
    tasks.work_all("here")
    assert "All issued" in client.get(page).text
    job = db.session.scalar(select(Job))
    assert client.get(f"/jobs/{job.id}/file").mimetype == "application/zip"
    sign_in(client, effective.pan.account_id)
    assert client.get(page).status_code == 404
    assert client.get(f"/jobs/{job.id}/file").status_code == 404


def test_the_page_asks_as_often_for_two_people_as_for_forty(client, effective):
    sign_in(client, effective.wu.account_id)
    few = prepared(effective, [effective.lin.number, effective.zhou.number])
    many = prepared(effective, [make_volunteer(f"第{n}人", effective.station).number for n in range(40)])

    def asked(batch):
        from flask import g  # noqa: PLC0415 - requests of one test share their context

        g.pop("unread", None)
        with counted() as statements:
            assert client.get(f"/desk/certificate-batches/{batch.id}").status_code == 200
        return len(statements)

    assert asked(few) == asked(many) <= 8
    assert db.session.scalar(select(func.count(Volunteer.id))) > 40
