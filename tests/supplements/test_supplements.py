"""Time outside a shift: stated with proof, vouched for at the station, decided above, class C for ever."""

from dataclasses import replace
from datetime import UTC, date, time, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from blueprints.claims.models import EvidenceClass
from blueprints.identity.models import Account
from blueprints.messages.models import NoticeKind
from blueprints.organizations.models import Limit, Setting
from blueprints.records import actions as records
from blueprints.records import queries as recorded
from blueprints.records.models import LedgerEntry, RecordState, ServiceRecord
from blueprints.supplements import actions, queries
from blueprints.supplements.actions import Stated
from blueprints.supplements.forms import span
from blueprints.supplements.models import SupplementState
from core import clock
from core.actor import Role
from core.db import db
from core.refusal import Barred, Refusal
from tests.claims.test_claiming import actor_of, kinds
from tests.factories import (
    BEFORE,
    HOUR,
    START,
    give,
    make_account,
    make_staff,
    make_volunteer,
    make_world,
    recorders_of,
    saved,
)
from tests.records.test_entering import facts

NOW = START + timedelta(days=5)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def jiang(world):
    """Another clerk of the station."""
    return make_staff(Role.CLERK, world.station, "蒋站务")


def stated(world, picture=b"picture", **values):
    return Stated(facts(world, **values), "台风来得突然", picture)


def ask(world, what=None, now=NOW, **values):
    made = actions.ask(what or stated(world, **values), actor_of(world.lin), now=now)
    db.session.commit()
    return made


def total(volunteer):
    return sum(recorded.totals(volunteer.id).values())


def test_the_whole_way_to_minutes_that_count(world):
    asked = ask(world)
    assert asked.state is SupplementState.REQUESTED
    actions.vouch(asked.id, world.chen, now=NOW)
    record = db.session.get(ServiceRecord, asked.record_id)
    assert (record.state, record.evidence, kinds(world.lin)[-1]) == (
        RecordState.APPROVAL,
        EvidenceClass.C,
        NoticeKind.SUPPLEMENT_VOUCHED,
    )
    records.approve(record.id, world.wu, now=NOW)
    assert (record.state, total(world.lin)) == (RecordState.NOTICE, 0)
    records.end_notices(record.notice_ends_at)
    assert recorded.totals(world.lin.id)[EvidenceClass.C] == total(world.lin) == 90


def test_the_ledger_names_who_vouched_and_who_approved_and_never_the_owner(world):
    record_id = actions.vouch(ask(world).id, world.chen, now=NOW).record_id
    records.approve(record_id, world.wu, now=NOW)
    records.end_notices(db.session.get(ServiceRecord, record_id).notice_ends_at)
    entry = db.session.scalars(select(LedgerEntry)).one()
    assert (entry.author_id, entry.approver_id) == (world.chen.account_id, world.wu.account_id)


def test_a_credit_with_the_owner_behind_it_is_refused_by_the_database(world, monkeypatch):
    record_id = actions.vouch(ask(world).id, world.chen, now=NOW).record_id
    records.approve(record_id, world.wu, now=NOW)
    record = db.session.get(ServiceRecord, record_id)
    record.state, record.effective_at = RecordState.EFFECTIVE, record.notice_ends_at
    db.session.flush()
    told = "volunteer_id, organization_id, kind, minutes, evidence, category, served_on, at"
    with pytest.raises(DBAPIError, match="credit_is_what_was_confirmed"):
        db.session.execute(
            text(
                f"INSERT INTO ledger_entry (record_id, author_id, approver_id, {told}) SELECT id, handed_in_by_id, "
                "approved_by_id, volunteer_id, organization_id, 'credit', minutes, evidence, category, served_on, "
                "handed_in_at FROM service_record"
            )
        )


def test_it_has_to_be_said_why_there_was_no_shift_and_what_is_missing(world):
    for why in ("", " ", "……", "😀"):
        with pytest.raises(Refusal, match="why there was no shift") as refused:
            actions.ask(replace(stated(world), why=why), actor_of(world.lin), now=NOW)
        assert refused.value.field == "why"
        with pytest.raises(Refusal, match="why there was no shift"):
            actions.propose(replace(stated(world), why=why), world.chen, now=NOW)
    with pytest.raises(Refusal, match="what is missing"):
        actions.want_more(ask(world).id, world.chen, question="？", now=NOW)


# --- who may not ------------------------------------------------------------------------------------------------


def test_nobody_vouches_for_their_own_time(world):
    owner = give(db.session.get(Account, world.lin.account_id), Role.CLERK, world.station)
    asked = ask(world)
    with pytest.raises(Barred, match="your own time"):
        actions.vouch(asked.id, owner, now=NOW)
    with pytest.raises(Barred, match="your own time"):
        actions.decline(asked.id, owner, reason="自己不要", now=NOW)


@pytest.mark.parametrize("same", ["name", "mail"])
def test_a_second_account_of_whoever_asks_does_not_vouch(world, same):
    account = db.session.get(Account, world.lin.account_id)
    account.email = "lin@example.org"
    values = {"name": "林小满"} if same == "name" else {"name": "别人", "email": "LIN@example.org"}
    second = give(make_account(values.pop("name"), **values), Role.CLERK, world.station)
    with pytest.raises(Barred, match="look like one person's"):
        actions.vouch(ask(world).id, second, now=NOW)


def test_whoever_vouched_does_not_approve_even_from_above(world):
    above = make_staff(Role.CONFIRMER, world.town, "高确认")
    record_id = actions.vouch(ask(world).id, above, now=NOW).record_id
    with pytest.raises(Refusal, match="You confirmed"):
        records.approve(record_id, above, now=NOW)


def test_the_station_does_not_approve_what_it_vouched_for(world):
    own = make_staff(Role.CONFIRMER, world.station, "徐确认")
    record_id = actions.vouch(ask(world).id, world.chen, now=NOW).record_id
    with pytest.raises(Refusal, match="above the station"):
        records.approve(record_id, own, now=NOW)


@pytest.mark.parametrize("who", ["gu", "pan", "qian", "he"])
def test_who_has_no_role_there_decides_nothing(world, who):
    with pytest.raises(Refusal, match="does not cover"):
        actions.vouch(ask(world).id, getattr(world, who), now=NOW)


def test_the_database_lets_nobody_vouch_for_their_own(world):
    ask(world)
    with pytest.raises(DBAPIError):
        db.session.execute(
            text("UPDATE supplement SET state = 'declined', reason = 'x', decided_at = stated_at, decided_by_id = :me"),
            {"me": world.lin.account_id},
        )


# --- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "allowed"), [(30, True), (31, False)])
def test_it_reaches_back_thirty_days_and_no_further(world, days, allowed):
    now = START + timedelta(days=days, hours=1)
    what = stated(world, starts=START + HOUR)
    if allowed:
        assert ask(world, what, now=now + HOUR * 3)
        return
    with pytest.raises(Refusal, match="within 30 days"):
        ask(world, what, now=now)


def test_the_city_sets_how_far_back(world):
    saved(Setting(name=Limit.SUPPLEMENT_DAYS, value=3, changed_at=BEFORE))
    with pytest.raises(Refusal, match="within 3 days"):
        ask(world)


def test_without_a_picture_nothing_is_asked(world):
    with pytest.raises(Refusal, match="picture"):
        ask(world, stated(world, picture=None))


def test_only_an_organization_that_knows_the_person_can_be_asked(world):
    with pytest.raises(Refusal, match="belong to"):
        ask(world, organization_id=world.other_station.id)


def test_nobody_asks_for_somebody_else(world):
    with pytest.raises(Refusal, match="themself"):
        ask(world, volunteer_id=world.zhou.id)


def test_the_same_time_is_asked_for_once(world):
    ask(world)
    with pytest.raises(Refusal, match="asked for some of this time already"):
        ask(world, starts=START + timedelta(days=1, hours=1))


def test_the_rules_are_judged_again_when_somebody_vouches(world):
    asked = ask(world)
    other = Stated(facts(world), "", b"x")
    records.enter(
        replace(other.facts, title="另一处"),
        records.RecordSource.IMPORT,
        stated_by=world.chen.account_id,
        recorders=[],
        now=NOW,
    )
    with pytest.raises(Refusal, match="另一处"):
        actions.vouch(asked.id, world.chen, now=NOW)


# --- asking back, declining, taking back ------------------------------------------------------------------------


def test_a_question_goes_to_the_person_and_the_answer_comes_back(world):
    asked = ask(world)
    actions.want_more(asked.id, world.chen, question="谁在场？", now=NOW)
    assert kinds(world.lin)[-1] is NoticeKind.SUPPLEMENT_QUESTION
    with pytest.raises(Refusal, match="meanwhile"):
        actions.vouch(asked.id, world.chen, now=NOW)
    actions.answer(asked.id, actor_of(world.lin), words="周晓航也在", picture=b"other", now=NOW)
    assert (asked.state, len(queries.pictures(asked.id))) == (SupplementState.REQUESTED, 2)
    assert actions.vouch(asked.id, world.chen, now=NOW).state is SupplementState.VOUCHED


def test_what_is_declined_says_why_and_is_over(world, jiang):
    asked = ask(world)
    with pytest.raises(Refusal, match="say why"):
        actions.decline(asked.id, world.chen, reason="", now=NOW)
    actions.decline(asked.id, world.chen, reason="当天没有安排人值守", now=NOW)
    assert kinds(world.lin)[-1] is NoticeKind.SUPPLEMENT_DECLINED
    for late in (
        lambda: actions.vouch(asked.id, jiang, now=NOW),
        lambda: actions.withdraw(asked.id, actor_of(world.lin), now=NOW),
    ):
        with pytest.raises(Refusal, match="meanwhile"):
            late()
    assert ask(world).state is SupplementState.REQUESTED


def test_what_the_level_above_declines_counts_nothing_and_may_be_asked_anew(world):
    record_id = actions.vouch(ask(world).id, world.chen, now=NOW).record_id
    records.send_back(record_id, world.wu, reason="照片不是当天", now=NOW)
    assert kinds(world.lin)[-1] is NoticeKind.RECORD_RETURNED
    assert (total(world.lin), ask(world).state) == (0, SupplementState.REQUESTED)


# --- stated by a clerk ------------------------------------------------------------------------------------------


def test_what_a_clerk_states_waits_for_the_person(world, jiang):
    made = actions.propose(stated(world), world.chen, now=NOW)
    assert (made.state, kinds(world.lin)[-1]) == (SupplementState.PROPOSED, NoticeKind.SUPPLEMENT_PROPOSED)
    with pytest.raises(Refusal, match="meanwhile"):
        actions.vouch(made.id, jiang, now=NOW)
    actions.agree(made.id, actor_of(world.lin), now=NOW)
    with pytest.raises(Barred, match="You stated this"):
        actions.vouch(made.id, world.chen, now=NOW)
    record_id = actions.vouch(made.id, jiang, now=NOW).record_id
    assert recorders_of(record_id) == {world.chen.account_id}


def test_it_was_not_me_ends_it_and_the_clerk_hears_of_it(world):
    made = actions.propose(stated(world), world.chen, now=NOW)
    actions.withdraw(made.id, actor_of(world.lin), now=NOW)
    chen = db.session.get(Account, world.chen.account_id)
    found = db.session.scalars(text("SELECT kind FROM notice WHERE account_id = :id").bindparams(id=chen.id)).all()
    assert (made.state, found[-1]) == (SupplementState.WITHDRAWN, "supplement_refused")


def test_a_clerk_states_nothing_for_themself_or_for_others_places(world):
    own = make_volunteer("陈站长", world.station, account=db.session.get(Account, world.chen.account_id))
    with pytest.raises(Refusal, match="your own time"):
        actions.propose(stated(world, volunteer_id=own.id), world.chen, now=NOW)
    with pytest.raises(Refusal, match="does not cover"):
        actions.propose(stated(world), world.gu, now=NOW)


def test_nobody_agrees_for_another(world):
    made = actions.propose(stated(world), world.chen, now=NOW)
    for act in (actions.agree, actions.withdraw):
        with pytest.raises(Refusal, match="themself"):
            act(made.id, actor_of(world.zhou), now=NOW)


# --- times ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "hours", "minutes"),
    [
        (date(2099, 5, 31), (23, 1), 120),  # over the end of a month
        (date(2099, 12, 31), (22, 2), 240),  # over the end of a year
        (date(2100, 2, 28), (23, 0), 60),  # no leap day in 2100
        (date(2099, 5, 4), (9, 9), 1440),  # the same hour is the next day's
    ],
)
def test_what_ends_before_it_began_ends_on_the_next_day(app, day, hours, minutes):
    starts, ends = (time(hour) for hour in hours)
    began, ended = span(day, starts, ends)
    assert (ended - began).total_seconds() == minutes * 60
    assert clock.today(began) == day
    assert began.tzinfo is UTC


def test_every_state_is_left_only_as_the_table_says(world):
    asked = ask(world)
    actions.withdraw(asked.id, actor_of(world.lin), now=NOW)
    with pytest.raises(DBAPIError, match="supplement_"):
        db.session.execute(text("UPDATE supplement SET state = 'declined', reason = 'x'"))
