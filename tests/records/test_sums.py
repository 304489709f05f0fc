"""Why a number is what it is: every figure that is shown is the sum of the rows that it opens."""

import re
from datetime import timedelta
from functools import partial
from itertools import product
from random import Random

import pytest
from flask import g
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from blueprints.claims.models import Claim, ClaimState, EvidenceClass, Source
from blueprints.identity.models import Account
from blueprints.posts.models import Category
from blueprints.records import corrections, ledger, queries, sums
from blueprints.records.models import ON_NOTICE, LedgerEntry, Part, RecordSource, RecordState, ServiceRecord
from blueprints.records.sums import Asked, opened
from core import clock
from core.actor import Role
from core.db import db
from tests.counting import counted
from tests.factories import (
    START,
    browser_of,
    make_organization,
    make_post,
    make_shift,
    make_staff,
    make_volunteer,
    make_world,
)
from tests.records.test_pages import DONE, text

DAY = timedelta(days=1)
CATEGORIES = [Category.ELDERS, Category.CONVENIENCE, Category.WATER]


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def as_(app, monkeypatch):
    """A browser in which somebody is signed in, after the shift."""

    monkeypatch.setattr(clock, "now", lambda: DONE)
    return partial(browser_of, app)


def entry(world, volunteer, organization, state=RecordState.EFFECTIVE, days=0, minutes=60, **values):
    """An entry as the actions leave it, without the way there: a claim, its minutes, two people, and the ledger."""
    starts = START + days * DAY
    shift = make_shift(make_post(organization), starts_at=starts)
    if values.get("evidence") is EvidenceClass.D:
        values["source"] = RecordSource.IMPORT
    held = Claim(shift_id=shift.id, volunteer_id=volunteer.id, places=shift.places, place=1)
    held.state, held.source, held.claimed_at = ClaimState.HELD, Source.OWN, starts
    db.session.add(held)
    db.session.flush()
    values = {"category": Category.CONVENIENCE, "evidence": EvidenceClass.B} | values
    made = ServiceRecord(
        volunteer_id=volunteer.id,
        claim_id=None if "source" in values else held.id,
        organization_id=organization.id,
        title=f"第{days}天",
        content="整理图书",
        place="一楼",
        responsible_name="陈站长",
        served_on=clock.today(starts),
        started_at=starts,
        ended_at=shift.ends_at,
        planned_minutes=120,
        minutes=minutes,
        state=RecordState.PENDING,
        handed_in_at=DONE,
        handed_in_by_id=world.chen.account_id,
        due_on=clock.today(starts),
        **values,
    )
    db.session.add(made)
    db.session.flush()
    settle(made, state, world)
    return made


def settle(made, state, world):
    if state in (RecordState.APPROVAL, RecordState.NOTICE, RecordState.EFFECTIVE):
        made.confirmed_by_id, made.confirmed_at = world.wu.account_id, DONE
    if state is RecordState.RETURNED:
        made.returned_by_id, made.returned_at, made.reason = world.wu.account_id, DONE, "时间有误"
    if state is RecordState.NOTICE or (state is RecordState.EFFECTIVE and made.evidence in ON_NOTICE):
        made.noticed_at, made.notice_ends_at, made.state = DONE - DAY, DONE, RecordState.NOTICE
        db.session.flush()
    made.state, made.effective_at = state, DONE if state is RecordState.EFFECTIVE else None
    db.session.flush()
    if state is RecordState.EFFECTIVE:
        ledger.credit(made, now=DONE)


def correct(made, minutes, world, decider):
    corrections.approve(corrections.propose(made.id, minutes, world.wu, reason="核对", now=DONE).id, decider, now=DONE)


def all_rows(volunteer_id, asked):
    """The rows of a sum, page after page."""
    pages = [opened(volunteer_id, asked)]
    while pages[-1].more:
        pages.append(opened(volunteer_id, sums.replace(asked, before=pages[-1].more)))
    rows = [(row.entry.id, row.entry.minutes) for page in pages for row in page.counted]
    rows += [(made.id, made.minutes) for page in pages for made in page.waiting]
    assert len(rows) == len(set(rows)), "a row is shown twice"
    return pages[0], sum(minutes for _id, minutes in rows)


@given(st.integers(0, 2**32))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_sum_is_the_sum_of_the_rows_that_it_opens(world, monkeypatch, seed):
    monkeypatch.setattr(sums, "PAGE", 3)
    random = Random(seed)
    volunteer = make_volunteer("林小满", world.station)
    places = [world.station, make_organization("月河社区志愿服务站", parent=world.town)]
    decider = make_staff(Role.CONFIRMER, world.city, "朱确认")
    for n in range(9):
        values = {"category": random.choice(CATEGORIES), "evidence": random.choice(list(EvidenceClass))}
        state = random.choice([*RecordState][:4] + [RecordState.EFFECTIVE] * 4)
        days = random.choice([0, 230, 260, 600]) + n
        made = entry(world, volunteer, random.choice(places), state, days, random.randrange(121), **values)
        if state is RecordState.EFFECTIVE and random.random() < 0.5:
            correct(made, random.choice([m for m in (0, 30, 120) if m != made.minutes]), world, decider)
    years, organizations = [None, 2099, 2100], [None, *(place.id for place in places)]
    for part, year, category, evidence, place in product(
        Part, years, [None, *CATEGORIES], [None, EvidenceClass.A, EvidenceClass.C], organizations
    ):
        page, total = all_rows(volunteer.id, Asked(part, year, category, evidence, place))
        assert page.total == total
        for values in page.facets.values():
            assert sum(minutes for _value, minutes in values) == total
        if part is Part.COUNTING and place is None and evidence is None:
            assert total == sum(queries.totals(volunteer.id, year, category).values())


# --- pages ------------------------------------------------------------------------------------------------------


def test_every_number_of_my_record_opens_and_says_who_stands_behind_it(as_, world):
    made = entry(world, world.lin, world.station, days=1)
    entry(world, world.lin, world.station, RecordState.PENDING, days=2, minutes=45)
    zhu = make_staff(Role.CONFIRMER, world.county, "朱确认")
    correct(made, 40, world, zhu)
    lin = as_(world.lin)
    addresses = set(re.findall(r'href="(/me/records/minutes[^"]*)"', lin.get("/me/records").text))
    assert {"/me/records/minutes", "/me/records/minutes?evidence=B", "/me/records/minutes?part=waiting"} <= addresses
    page = text(lin.get("/me/records/minutes").text)
    for words in (
        "40 min Counts",
        "−1 h",
        "Recorded by 陈站长",
        "Confirmed by 吴确认",
        "Correction proposed by 吴确认, approved by 朱确认",
        "“核对”",
        "Does not count yet 45 min",
    ):
        assert words in page, words
    waiting = text(lin.get("/me/records/minutes?part=waiting").text)
    assert "45 min Does not count yet" in waiting
    assert "第2天" in waiting


def test_a_long_sum_goes_on_and_says_how_much_of_it_is_shown(as_, world, monkeypatch):
    monkeypatch.setattr(sums, "PAGE", 2)
    for day in range(3):
        entry(world, world.lin, world.station, days=day)
    lin = as_(world.lin)
    first = lin.get("/me/records/minutes?year=2099").text
    assert "On this page 2 h of 3 h" in text(first)
    onward = re.search(r'href="([^"]*before=[^"]*)"', first)[1].replace("&amp;", "&")
    assert "year=2099" in onward
    assert "On this page 1 h of 3 h" in text(lin.get(onward).text)


@pytest.mark.parametrize(
    "query", ["part=x", "year=1", "organization=x", "organization=" + "9" * 30, "before=999999", "category=<b>"]
)
def test_an_address_that_makes_no_sense_is_no_crash(as_, world, query):
    entry(world, world.lin, world.station)
    assert as_(world.lin).get(f"/me/records/minutes?{query}").status_code == 200


def test_the_sum_of_an_account_that_nobody_took_over_is_nothing_and_says_why(as_, world):
    entry(world, world.lin, world.station)
    account = db.session.get(Account, world.lin.account_id)
    account.claimed_at, account.created_by_id = None, world.chen.account_id
    db.session.commit()
    page = text(as_(world.wu).get(f"/desk/people/{world.lin.id}/minutes").text)
    assert "0 min Counts" in page
    assert "Kept until the account is claimed 1 h" in page


def test_staff_open_the_sums_of_their_people_and_elsewhere_only_what_they_recorded(as_, world):
    entry(world, world.lin, world.station)
    entry(world, world.lin, world.other_station, days=1, minutes=30)
    address = f"/desk/people/{world.lin.id}/minutes"
    for who in (world.chen, world.wu, world.qian):
        page = as_(who).get(address).text
        assert "林小满 · 1 h 30 min" in page
        assert "registered elsewhere" not in page
        assert len(re.findall(r'href="/desk/records/\d+"', page)) == 1, "what lies outside of the reach is no link"
    for who in (world.gu, world.pan):
        page = as_(who).get(address).text
        assert "林小满 · 30 min" in page
        assert "registered elsewhere" in page
        assert world.station.name not in page
    assert as_(world.gu).get(f"/desk/people/{world.zhou.id}/minutes").status_code == 404
    assert as_(world.lin).get(address).status_code in (403, 404)


def test_the_page_asks_as_often_for_two_rows_as_for_forty(as_, world):
    lin, wu = as_(world.lin), as_(world.wu)

    def asked(client, address):
        g.pop("unread", None)
        with counted() as statements:
            assert client.get(address).status_code == 200
        return len(statements)

    pages = [
        (lin, "/me/records/minutes"),
        (lin, "/me/records/minutes?part=waiting"),
        (wu, f"/desk/people/{world.lin.id}/minutes"),
    ]
    found: dict[int, list[int]] = {}
    for count in (2, 38):
        for day in range(count):
            entry(world, world.lin, world.station, days=count + day)
            entry(world, world.lin, world.station, RecordState.PENDING, days=100 + count + day)
        found[count] = [asked(*page) for page in pages]
    assert found[2] == found[38]
    assert max(found[2]) <= 8
    assert db.session.scalar(select(LedgerEntry.id).limit(1))
