"""Whatever is done to the record in whatever order: totals are the sum of the rows, and no row ever vanishes."""

import io
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import permutations
from typing import Any

import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from blueprints.admin import tasks
from blueprints.certificates import actions as certificates
from blueprints.certificates import keys
from blueprints.certificates import queries as certified
from blueprints.certificates.queries import Span
from blueprints.claims import actions as claims
from blueprints.claims.models import Act
from blueprints.disputes import actions as disputes
from blueprints.disputes.models import Dispute, DisputeKind, DisputeState
from blueprints.exchange import actions as exchange
from blueprints.exchange import entering
from blueprints.exchange.models import ImportBatch, ImportKind, ImportState
from blueprints.identity import queries as identity
from blueprints.identity.models import Account, Volunteer, VolunteerState
from blueprints.mergers import actions as mergers
from blueprints.messages.models import Notice
from blueprints.posts.models import Category, Post
from blueprints.records import actions, corrections, proof, queries, seals, sums
from blueprints.records.models import (
    Correction,
    CorrectionState,
    LedgerEntry,
    Part,
    RecordSource,
    RecordState,
    ServiceRecord,
)
from blueprints.records.sums import Asked, opened
from core import clock, display
from core.actor import Role
from core.db import db
from core.i18n import speaking
from core.refusal import Refusal
from tests.claims.test_claiming import actor_of
from tests.exchange.files import HOURS_HEADS, book, hours
from tests.factories import (
    HOUR,
    START,
    make_organization,
    make_post,
    make_shift,
    make_staff,
    make_volunteer,
    make_world,
)

WHOLE = Span(date(2099, 1, 1), date(2101, 12, 31))
LEDGER = LedgerEntry.__table__
DAY = timedelta(days=1)


class Record:
    """Two people who serve, the one of them registered twice, the staff of two stations and of the levels above, and
    everything that can be done."""

    def __init__(self) -> None:
        world = make_world()
        second = make_organization("月河社区志愿服务站", parent=world.town)
        self.now, self.days = START, 0
        self.places = [(world.station, world.chen), (second, make_staff(Role.CLERK, second, "徐站员"))]
        self.posts = [make_post(place, category=c).id for (place, _c), c in zip(self.places, Category, strict=False)]
        above = [make_staff(Role.CONFIRMER, place, "朱确认") for place in (world.county, world.city)]
        self.deciders = [world.wu, *above]
        people = [make_volunteer(name, world.station) for name in ("林小满", "周晓航")]
        people.append(make_volunteer("林小满", world.station))  # the first of them once more
        self.office, self.above = make_staff(Role.ADMINISTRATOR, world.town, "孙主任"), world.qian
        self.people = [(one.id, one.account_id, actor_of(one)) for one in people]

    @property
    def ours(self) -> Any:
        """Entries of these people: an example before this one has left others."""
        return ServiceRecord.volunteer_id.in_([volunteer_id for volunteer_id, _account, _actor in self.people])

    def do(self, what: str, which: int, minutes: int) -> None:
        """Do it if the rules allow; whoever is touched is told in the same transaction."""
        self.now += HOUR
        told, before = self.told(), self.traces()
        try:
            getattr(self, what)(which, minutes)
            db.session.commit()
        except Refusal:
            db.session.rollback()
        for volunteer_id, _account, _actor in self.people:
            if self.traces()[volunteer_id] != before[volunteer_id]:
                owner = identity.account_of(volunteer_id)
                assert self.told()[owner] > told[owner], f"{what} told the owner nothing"

    def traces(self) -> dict[int, tuple[Any, ...]]:
        """What stands about each person: states of entries and corrections, and rows of the ledger."""
        found = {}
        for volunteer_id, _account, _actor in self.people:
            mine = ServiceRecord.volunteer_id == volunteer_id
            entries = select(ServiceRecord.id, ServiceRecord.state).where(mine)
            proposed = select(Correction.id, Correction.state).join(Correction.record).where(mine)
            rows = select(LEDGER.c.id).where(LEDGER.c.volunteer_id == volunteer_id)
            asked = (statement.order_by(statement.selected_columns[0]) for statement in (entries, proposed, rows))
            found[volunteer_id] = tuple(tuple(map(tuple, db.session.execute(one).all())) for one in asked)
        return found

    def told(self) -> dict[int, int]:
        counts = select(Notice.account_id, func.count()).group_by(Notice.account_id)
        return dict.fromkeys((account for _v, account, _a in self.people), 0) | dict(db.session.execute(counts).all())

    # --- what can be done -------------------------------------------------------------------------------------

    def serve(self, which: int, minutes: int) -> None:
        """Somebody serves on a day of their own, and the station hands it in."""
        starts = self.next_day()
        (_place, clerk), post = self.places[which % 2], self.posts[which % 2]
        volunteer_id, _account, actor = self.people[which // 2 % 3]
        shift = make_shift(db.session.get(Post, post), starts_at=starts, hours=[2, 2, 9, 13][which % 4])
        held = claims.claim(shift.id, actor, now=starts - DAY)
        claims.punch(held.id, Act.IN, clerk, now=starts)
        claims.punch(held.id, Act.OUT, clerk, now=starts + (shift.ends_at - starts) * min(minutes, 120) / 120)
        self.now = max(self.now, shift.ends_at + HOUR)
        assert actions.hand_in(shift.id, clerk, now=self.now)[0].volunteer_id == volunteer_id

    def next_day(self) -> datetime:
        """The morning of a day that is nobody's yet, and not over long before now."""
        self.days = max(self.days, (self.now - START) // (2 * DAY)) + 1
        return START + self.days * 2 * DAY

    def bring(self, which: int, minutes: int) -> None:
        """A file of another platform: handed in by one, tried, approved by another above, entered and confirmed. At
        times it tells of a day that stands in the record already."""
        starts = START + self.days * 2 * DAY if which > 5 else self.next_day()
        ends = starts + max(minutes, 1) * DAY / (24 * 60)
        self.now = max(self.now, ends + HOUR)
        account = db.session.get_one(Account, self.people[which % 3][1])
        times = {name: clock.local(at).strftime("%H:%M") for name, at in (("starts", starts), ("ends", ends))}
        line = hours(
            account.name, account.phone or "", f"{self.now:%j%H%M}", day=f"{starts:%Y-%m-%d}", **times, length=""
        )
        file = io.BytesIO(book(HOURS_HEADS, line))
        told = {"platform": "志愿汇", "file_name": "往年.xlsx", "heads": entering.first_line(file)}
        place, clerk = self.places[0]
        batch = exchange.upload(ImportKind.HOURS, place.id, clerk, **told, data=[file.read()], now=self.now)
        self.work()
        exchange.name_columns(batch.id, clerk, mapping=batch.mapping, category="water", now=self.now)
        self.work()
        exchange.submit(batch.id, clerk, now=self.now)
        db.session.commit()
        exchange.approve(batch.id, self.deciders[1], now=self.now)
        self.work()

    def work(self) -> None:
        """Let the worker do what was asked of it."""
        db.session.commit()
        tasks.work_all("here")

    def take_back(self, which: int, _minutes: int) -> None:
        """An import is taken back while none of its hours counts."""
        place, clerk = self.places[0]
        mine = select(ImportBatch.id).where(ImportBatch.organization_id == place.id).order_by(ImportBatch.id)
        ids = db.session.scalars(mine.where(ImportBatch.state == ImportState.APPLIED)).all()
        if not ids:
            raise Refusal("nothing was imported")
        exchange.undo(ids[which % len(ids)], clerk, reason="对方平台有误", now=self.now)
        self.work()

    def wait(self, _which: int, _minutes: int) -> None:
        """Public notices come to their end."""
        self.now += 14 * DAY
        actions.end_notices(self.now)

    def merge(self, which: int, _minutes: int) -> None:
        """One registration goes on as another: proposed by one, decided by another above."""
        away, keep = list(permutations(volunteer_id for volunteer_id, _account, _actor in self.people))[which % 6][:2]
        made = mergers.propose(away, keep, self.office, reason="同一个人", now=self.now)
        mergers.approve(made.id, self.above, answer="看过身份证", now=self.now)

    def confirm(self, which: int, minutes: int) -> None:
        record_id = self.entry(which)
        if queries.marks_of(db.session.get(ServiceRecord, record_id)):
            actions.confirm_marked(record_id, self.decider(minutes), reason="与名册一致", now=self.now)
        else:
            actions.confirm([record_id], self.decider(minutes), now=self.now)

    def approve(self, which: int, minutes: int) -> None:
        actions.approve(self.entry(which), self.decider(minutes), now=self.now)

    def send_back(self, which: int, minutes: int) -> None:
        actions.send_back(self.entry(which), self.decider(minutes), reason="时间有误", now=self.now)

    def propose(self, which: int, minutes: int) -> None:
        corrections.propose(self.entry(which), minutes, self.deciders[0], reason="核对后更正", now=self.now)

    def correct(self, which: int, minutes: int) -> None:
        """Propose, and let somebody above approve it."""
        made = corrections.propose(self.entry(which), minutes, self.deciders[0], reason="核对后更正", now=self.now)
        corrections.approve(made.id, self.deciders[2], now=self.now)

    def decide(self, which: int, minutes: int) -> None:
        proposed = select(Correction.id).join(Correction.record).where(self.ours)
        waits = db.session.scalars(proposed.where(Correction.state == CorrectionState.PROPOSED)).all()
        if not waits:
            raise Refusal("nothing waits")
        if which % 3:
            corrections.approve(waits[which % len(waits)], self.decider(minutes), now=self.now)
        else:
            corrections.decline(waits[0], self.decider(minutes), reason="维持原记录", now=self.now)

    def dispute(self, which: int, minutes: int) -> None:
        """The owner says that an entry is not theirs, or not right."""
        record_id = self.entry(which)
        owner = identity.person(db.session.get_one(ServiceRecord, record_id).volunteer_id)
        actor = next(actor for volunteer_id, _account, actor in self.people if volunteer_id == owner)
        said = {"words": "时间不对", "minutes": minutes if which % 2 else None}
        disputes.file(record_id, [DisputeKind.NOT_ME, DisputeKind.WRONG][which % 2], actor, **said, now=self.now)

    def accept(self, which: int, minutes: int) -> None:
        disputes.accept(self.disputed(which), self.decider(minutes), minutes=minutes % 121, now=self.now)

    def reject(self, which: int, minutes: int) -> None:
        disputes.reject(self.disputed(which), self.decider(minutes), reason="与名册一致", now=self.now)

    def appeal(self, which: int, _minutes: int) -> None:
        disputes.appeal(self.disputed(which), self.owner(which), words="名册有误", now=self.now)

    def withdraw(self, which: int, _minutes: int) -> None:
        disputes.withdraw(self.disputed(which), self.owner(which), now=self.now)

    def disputed(self, which: int) -> int:
        ids = db.session.scalars(select(Dispute.id).join(Dispute.record).where(self.ours).order_by(Dispute.id)).all()
        if not ids:
            raise Refusal("there is no dispute")
        return ids[which % len(ids)]

    def owner(self, which: int) -> Any:
        filed_by = db.session.get_one(Dispute, self.disputed(which)).filed_by_id
        return next(actor for _volunteer, account_id, actor in self.people if account_id == filed_by)

    def entry(self, which: int) -> int:
        ids = db.session.scalars(select(ServiceRecord.id).where(self.ours).order_by(ServiceRecord.id)).all()
        if not ids:
            raise Refusal("there is no entry")
        return ids[which % len(ids)]

    def decider(self, minutes: int) -> Any:
        return self.deciders[minutes % len(self.deciders)]

    # --- what must hold ---------------------------------------------------------------------------------------

    def rows(self) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in db.session.execute(select(LEDGER).order_by(LEDGER.c.id))]

    def balanced(self) -> None:
        """The sum of entries is the total shown, is what a certificate would say, is what is opened."""
        everything = LEDGER.c.volunteer_id.in_([volunteer_id for volunteer_id, _account, _actor in self.people])
        shown = sum(sum(queries.totals(volunteer_id).values()) for volunteer_id, _account, _actor in self.people)
        summed = db.session.scalar(select(func.coalesce(func.sum(LEDGER.c.minutes), 0)).where(everything))
        assert summed == shown, "a minute counts twice, or for nobody"
        for volunteer_id, _account, _actor in self.people:
            theirs = [each for each, _a, _b in self.people if identity.person(each) == volunteer_id]
            mine = LEDGER.c.volunteer_id.in_(theirs)
            summed = db.session.scalar(select(func.coalesce(func.sum(LEDGER.c.minutes), 0)).where(mine))
            shown = queries.totals(volunteer_id)
            lines = certified.lines(volunteer_id, WHOLE)
            assert summed == sum(shown.values()) == sum(line.minutes for line in lines)
            for evidence, minutes in shown.items():
                assert minutes == sum(line.minutes for line in lines if line.evidence is evidence)
            for part in Part:
                page = opened(volunteer_id, Asked(part))
                assert page.more is None
                assert page.total == page.shown, part
            assert opened(volunteer_id, Asked()).total == summed


def certify(record: Record) -> None:
    """The paper says in words what the ledger says in rows, and so does the page where anybody checks it."""
    for volunteer_id, _account, _actor in record.people:
        total = sum(queries.totals(volunteer_id).values())
        if not total:
            with pytest.raises(Refusal, match="nothing is effective"):
                certificates.draft_own(volunteer_id, WHOLE, address="https://x.example", now=record.now)
            continue
        draft = certificates.draft_own(volunteer_id, WHOLE, address="https://x.example", now=record.now)
        made = certificates.issue_own(draft, now=record.now)
        db.session.commit()
        with speaking("zh_Hans"):
            assert f"合计{display.minutes(total)}".replace(" ", "") in said(draft.pdf)
        told = certified.checked(made.code)
        assert (sum(told.totals.values()), told.is_valid) == (total, True)


def said(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    words = "".join("".join(page.get_textpage().get_text_range().split()) for page in document)
    document.close()
    return words


DEEDS: list[Callable[..., None]] = [Record.serve, Record.confirm, Record.approve, Record.send_back]
DEEDS += [Record.propose, Record.correct, Record.decide]
DEEDS += [Record.bring, Record.take_back, Record.wait, Record.merge]
DEEDS += [Record.dispute, Record.accept, Record.reject, Record.appeal, Record.withdraw]
deeds = st.tuples(st.sampled_from([deed.__name__ for deed in DEEDS]), st.integers(0, 7), st.integers(0, 150))
began = st.sampled_from(["serve", "serve", "bring"])
begun = st.lists(st.tuples(began, st.integers(0, 7), st.integers(30, 150)), min_size=1, max_size=4)


def begin(monkeypatch: pytest.MonkeyPatch) -> Record:
    """A record to do things with; the worker sees the time that its deeds have come to."""
    record = Record()
    monkeypatch.setattr(clock, "now", lambda: record.now)
    monkeypatch.setattr(tasks, "LONGEST_PAUSE", 0)
    return record


@given(begun, st.lists(deeds, max_size=14))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_order_of_deeds_unbalances_the_ledger_or_loses_a_row(app, monkeypatch, first, then):
    monkeypatch.setattr(sums, "PAGE", 100)
    record = begin(monkeypatch)
    if keys.current() is None:
        keys.make("嘉兴市志愿服务指导中心", now=START)
    kept: list[tuple[Any, ...]] = []
    entries = 0
    for what, which, minutes in [*first, *then]:
        record.do(what, which, minutes)
        rows, count = record.rows(), db.session.scalar(select(func.count(ServiceRecord.id)))
        assert rows[: len(kept)] == kept, "a row of the ledger vanished or changed"
        assert count >= entries, "an entry vanished"
        kept, entries = rows, count
        record.balanced()
    certify(record)
    seals.seal(now=record.now)
    db.session.commit()
    assert [str(fault) for fault in proof.prove()] == []


def test_the_deeds_do_change_the_ledger(app, monkeypatch):
    """The property above is worth nothing if every deed is refused."""
    record = begin(monkeypatch)
    for what, which, minutes in [("serve", 0, 120), ("confirm", 0, 0), ("correct", 0, 60), ("serve", 2, 150)]:
        record.do(what, which, minutes)
    for what, which, minutes in [("confirm", 1, 0), ("approve", 1, 1), ("propose", 0, 30), ("decide", 1, 1)]:
        record.do(what, which, minutes)
    record.do("serve", 0, 120), record.do("send_back", 2, 0)
    assert db.session.scalars(select(LEDGER.c.minutes).order_by(LEDGER.c.id)).all() == [120, -120, 60, 540, -60, 30]
    states = db.session.scalars(select(ServiceRecord.state).order_by(ServiceRecord.id)).all()
    assert [state.value for state in states] == ["effective", "effective", "returned"]
    assert db.session.scalar(select(func.count(Correction.id)).where(Correction.state == CorrectionState.APPROVED)) == 2
    for what, which, minutes in [("dispute", 1, 20), ("accept", 0, 2), ("serve", 0, 120), ("confirm", 3, 0)]:
        record.do(what, which, minutes)
    for what, which, minutes in [("dispute", 3, 20), ("reject", 1, 1), ("appeal", 1, 0), ("accept", 1, 20)]:
        record.do(what, which, minutes)
    assert set(db.session.scalars(select(Dispute.state))) == {DisputeState.ACCEPTED, DisputeState.CORRECTING}
    record.balanced()
    assert db.session.get(Volunteer, record.people[0][0])


def test_an_import_is_among_the_deeds_and_counts_when_its_notice_is_over(app, monkeypatch):
    record = begin(monkeypatch)
    record.do("serve", 0, 120), record.do("confirm", 0, 0)
    record.do("bring", 6, 90)  # on the day that stands already
    assert db.session.scalars(select(ServiceRecord.source)).all() == [RecordSource.SHIFT]
    record.do("bring", 0, 90), record.do("bring", 1, 45)
    states = db.session.scalars(select(ServiceRecord.state).order_by(ServiceRecord.id)).all()
    assert states == [RecordState.EFFECTIVE, RecordState.NOTICE, RecordState.NOTICE]
    record.do("take_back", 1, 0), record.do("wait", 0, 0)
    assert db.session.scalars(select(LEDGER.c.minutes).order_by(LEDGER.c.id)).all() == [120, 90]
    record.do("correct", 1, 30), record.do("take_back", 0, 0)
    assert db.session.scalars(select(LEDGER.c.minutes).order_by(LEDGER.c.id)).all() == [120, 90, -90, 30]
    record.balanced()


def test_a_merger_is_among_the_deeds_and_what_follows_counts_once(app, monkeypatch):
    record = begin(monkeypatch)
    for which in (0, 4):  # the same person on either registration
        record.do("serve", which, 120), record.do("confirm", which // 4, 0)
    record.do("bring", 2, 60)
    record.do("merge", 5, 0)  # an import of it stands on notice
    states = select(Volunteer.state).where(Volunteer.id.in_([one for one, _a, _b in record.people]))
    assert VolunteerState.MERGED not in db.session.scalars(states).all()
    record.do("wait", 0, 0), record.do("merge", 4, 0)
    ids = [one for one, _a, _b in record.people]
    assert [db.session.get(Volunteer, one).merged_into_id for one in ids] == [None, None, ids[0]]
    assert [sum(queries.totals(one).values()) for one in ids] == [300, 0, 0]
    record.do("correct", 1, 30), record.do("dispute", 0, 20), record.do("serve", 4, 120)
    assert [sum(queries.totals(one).values()) for one in ids] == [210, 0, 0]
    record.balanced()
