"""A Saturday at a station with one tablet and a bad network, and the Monday after it.

Sixty people serve on two shifts, ten of them without a phone. Some scan the code on the tablet, some type a PIN, some
hold a card to it; the network fails in the middle of the afternoon's roll-call; three sign a paper sheet; one forgets
to check out. On Monday the clerk types in the sheet and settles what is open, another person confirms, and every minute
of every person is there, explained and right.

With SATURDAY_PICTURES=<folder> the journey takes the pictures of the README.
"""

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import expect
from sqlalchemy import select

from blueprints.admin import doctor, worker
from blueprints.claims import queries as attendance
from blueprints.claims.models import Act, Claim, ClaimState, EvidenceClass
from blueprints.identity.models import Account, Gender, Volunteer, VolunteerState
from blueprints.kiosk import actions as kiosk
from blueprints.kiosk import signs
from blueprints.kiosk.models import Tablet
from blueprints.posts.models import Shift
from blueprints.records import proof, queries, seals
from blueprints.records.models import RecordState, ServiceRecord
from core import clock, passwords
from core.db import db
from core.web import App
from tests.browser.person import Person
from tests.browser.scenes import DESKTOP, PHONE, TABLET, found, offered, prepared
from tests.browser.test_kiosk import paired, scanned
from tests.browser.test_offline import is_live_again, marks, network, opens_the_roster, waits
from tests.factories import BEFORE, HOUR, YANYU, World, recorders_of, sign_in
from tests.rollcall.photos import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.commits, pytest.mark.slow]
Comes = Callable[..., Person]
At = Callable[[datetime], None]
MINUTE = timedelta(minutes=1)
SATURDAY = datetime.fromisoformat("2099-05-09T09:00+08:00")
MORNING, AFTERNOON = SATURDAY, SATURDAY + 5 * HOUR
MONDAY = SATURDAY + 48 * HOUR
PIN = "739251"
EVERYBODY, A_SHIFT = 60, 30


@dataclass
class Served:
    """Somebody who comes on this day, how, and what must stand in their record on Monday."""

    volunteer_id: int
    account_id: int
    number: str
    name: str
    claim_id: int
    how: str
    minutes: int = 120
    evidence: EvidenceClass = EvidenceClass.A
    phone: FlaskClient | None = field(default=None, repr=False)


@dataclass
class Day:
    """The station's Saturday."""

    world: World
    site: App
    at: At
    shifts: dict[str, int]
    people: list[Served]
    tablet_id: int = 0

    def of(self, *how: str) -> list[Served]:
        return [person for person in self.people if person.how in how]


HOWS = {  # how many come how: first the morning's thirty, then the afternoon's
    "morning": [("phone", 23), ("forgets", 1), ("pin", 4), ("card", 2)],
    "afternoon": [("late phone", 20), ("offline", 6), ("late card", 1), ("paper", 3)],
}
NAMES = "沈陆徐钱朱吴周张王陈李孙姚金俞顾马曹蒋褚"


def crowd(world: World, shifts: dict[str, int]) -> list[Served]:
    """Sixty people who claimed in time."""
    made: list[Served] = []
    for part, hows in HOWS.items():
        place = 0
        for how, count in hows:
            for _n in range(count):
                place += 1
                made.append(_person(world, len(made), shifts[part], place, how))
    db.session.commit()
    return made


def _person(world: World, number: int, shift_id: int, place: int, how: str) -> Served:
    name = f"{NAMES[number % len(NAMES)]}小{'一二三'[number // len(NAMES)]}"
    account = Account(name=name, phone=f"+86199880{number:05d}", created_at=BEFORE, claimed_at=BEFORE)
    db.session.add(account)
    db.session.flush()
    values = {"gender": Gender.FEMALE, "birth_date": date(2060, 3, 1), "division_id": YANYU, "submitted_at": BEFORE}
    volunteer = Volunteer(account_id=account.id, number=f"S{number:09d}", state=VolunteerState.ACTIVE, **values)
    volunteer.registered_with_id = world.station.id
    db.session.add(volunteer)
    db.session.flush()
    claim = Claim(shift_id=shift_id, volunteer_id=volunteer.id, place=place, places=A_SHIFT, claimed_at=BEFORE)
    claim.state = ClaimState.HELD
    db.session.add(claim)
    db.session.flush()
    return Served(volunteer.id, account.id, volunteer.number, name, claim.id, how)


@pytest.fixture
def day(world: World, site: App, at: At) -> Day:
    shifts = {
        "morning": offered(world, "社区图书角管理岗", places=A_SHIFT, starts_at=MORNING),
        "afternoon": offered(world, "便民服务点值守岗", places=A_SHIFT, starts_at=AFTERNOON),
    }
    with prepared():
        people = crowd(world, shifts)
    return Day(world, site, at, shifts, people)


def picture(person: Person, name: str) -> None:
    if folder := os.environ.get("SATURDAY_PICTURES"):
        person.page.screenshot(path=Path(folder) / f"saturday-{name}.png")


# --- what people do ------------------------------------------------------------------------------------------


def scans(day: Day, person: Served, part: str) -> None:
    """A phone without a browser to look at: it opens the code of the moment, and sends the receipt."""
    person.phone = person.phone or day.site.test_client()
    if not person.phone.get_cookie(day.site.config["SESSION_COOKIE_NAME"]):
        with day.site.app_context():
            sign_in(person.phone, person.account_id)
    with day.site.test_request_context():
        code = signs.code(day.tablet_id, day.shifts[part], clock.now()).text
    page = person.phone.get(f"/scans/{code}", follow_redirects=True)
    assert page.status_code == 200, page.text
    form = {name: _hidden(page.text, name) for name in ("csrf_token", "receipt", "act")}
    assert person.phone.post("/scans/attendance", data=form).status_code == 303


def _hidden(page: str, name: str) -> str:
    """What stands in a hidden field of the form on the page."""
    form = page.split('action="/scans/attendance"')[1].split("</form>", maxsplit=1)[0]
    found_ = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', form)
    assert found_, f"{name} is not in {form}"
    return found_[1]


def types_pin(tablet: Person, person: Served) -> None:
    tablet.opens("/kiosk/entry")
    tablet.types("Volunteer number or card", person.number)
    tablet.types("PIN", PIN)
    tablet.taps("Check in or out")
    tablet.is_at("/kiosk")


def holds_card(day: Day, tablet: Person, person: Served) -> None:
    """As a hand-held scanner types it."""
    with day.site.app_context():
        card = signs.card(db.session.get_one(Volunteer, person.volunteer_id), _serial(person))
        db.session.remove()
    tablet.opens("/kiosk/entry")
    tablet.types("Volunteer number or card", card)
    tablet.taps("Check in or out")
    tablet.is_at("/kiosk")


def _serial(person: Served) -> int:
    from blueprints.kiosk.models import Card  # noqa: PLC0415 - only here

    serial = db.session.scalar(select(Card.serial).where(Card.volunteer_id == person.volunteer_id))
    assert serial is not None
    return serial


def equipped(day: Day) -> None:
    """Those without a phone got a PIN or a card at the station before."""
    with prepared():
        for person in day.of("pin"):
            kiosk.set_pin(person.volunteer_id, passwords.hashed(PIN), now=BEFORE)
        for person in day.of("card", "late card"):
            volunteer = db.session.get_one(Volunteer, person.volunteer_id)
            kiosk.issue_card(volunteer, day.world.chen, day.world.station.id, now=BEFORE)
            person.evidence = EvidenceClass.B


# --- the day -------------------------------------------------------------------------------------------------


def morning(day: Day, tablet: Person, comes: Comes) -> None:
    day.at(MORNING - 10 * MINUTE)
    tablet.opens("/kiosk")
    first, *others = day.of("phone")
    lin = comes(PHONE, first.account_id)
    lin.opens(scanned(day.site, tablet))
    lin.is_at(r"/scans/results/\d+")
    picture(lin, "phone")
    for person in [*others, *day.of("forgets")]:
        scans(day, person, "morning")
    for person in day.of("pin"):
        types_pin(tablet, person)
    for person in day.of("card"):
        holds_card(day, tablet, person)
    tablet.opens("/kiosk")
    expect(tablet.page.locator(".kiosk__came")).to_contain_text("*")
    picture(tablet, "kiosk")
    day.at(MORNING + 2 * HOUR)
    tablet.opens("/kiosk")
    lin.opens(scanned(day.site, tablet))
    lin.is_at(r"/scans/results/\d+")
    for person in others:
        scans(day, person, "morning")
    for person in day.of("pin"):
        types_pin(tablet, person)
    for person in day.of("card"):
        holds_card(day, tablet, person)


def afternoon(day: Day, tablet: Person, comes: Comes) -> None:
    day.at(AFTERNOON - 10 * MINUTE)
    for person in day.of("late phone"):
        scans(day, person, "afternoon")
    for person in day.of("late card"):
        holds_card(day, tablet, person)
    chen = comes(TABLET, day.world.chen.account_id)
    without_a_network(day, chen)
    day.at(AFTERNOON + 2 * HOUR)
    for person in day.of("late phone"):
        scans(day, person, "afternoon")
    for person in day.of("late card"):
        holds_card(day, tablet, person)
    opens_the_roster(chen, day.shifts["afternoon"])
    for person in day.of("offline"):
        chen.pauses()
        chen.taps("Check out", chen.page.locator(f"#claim-{person.claim_id}"), exact=False)
        expect(chen.page.locator(f"#claim-{person.claim_id}")).to_contain_text("16:0")


def without_a_network(day: Day, chen: Person) -> None:
    """Six people arrive while the street has no network: marked on the tablet, sent when it returns."""
    opens_the_roster(chen, day.shifts["afternoon"])
    network(chen, on=False)
    for person in day.of("offline"):
        marks(chen, "Check in", person.name)
        person.evidence = EvidenceClass.B
    waits(chen, len(day.of("offline")))
    picture(chen, "offline")
    chen.page.reload()
    waits(chen, len(day.of("offline")))
    network(chen, on=True)
    is_live_again(chen)


# --- the Monday ----------------------------------------------------------------------------------------------


def types_the_sheet(day: Day, chen: Person) -> None:
    shift = day.shifts["afternoon"]
    codes = found(lambda: attendance.row_codes(shift))
    chen.opens(f"/desk/shifts/{shift}/sheet")
    chen.field("Photo of the sheet").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg()})
    chen.taps("Add the photo")
    chen.page.locator("#rows-0-code").focus()
    for person in day.of("paper"):
        for word in (codes[person.claim_id], "1400", "1600"):
            chen.page.keyboard.type(word)
            chen.page.keyboard.press("Enter")
        person.evidence = EvidenceClass.C
    picture(chen, "sheet")
    chen.taps("Enter the rows")
    chen.is_told("One person is entered and told.", "%(num)d people are entered and told.", num=3)


def settles_who_forgot(day: Day, chen: Person) -> None:
    """Nobody invents when they left: the clerk asks, and writes down who said what."""
    (person,) = day.of("forgets")
    chen.opens("/desk")
    chen.reads("Open punches")
    chen.opens(f"/desk/claims/{person.claim_id}/settlement")
    chen.types("Came at", "08:50")
    chen.types("Left at", "11:00")
    chen.types("How do you know these times?", "本人说 11 点离开，陈站长在场")
    chen.taps("Enter times")
    person.evidence = EvidenceClass.C
    expect(chen.page.locator("#flash")).to_contain_text(person.name)


def hands_in(day: Day, chen: Person) -> None:
    for shift in day.shifts.values():
        chen.opens(f"/desk/shifts/{shift}/hand-in")
        counted = chen.field("How many people did you count on the spot?")
        counted.fill(str(A_SHIFT))
        chen.taps("Hand in")
        chen.reads("A second person confirms them.")


def confirms(day: Day, wu: Person) -> None:
    """The plain ones together; those entered afterwards one by one, with a reason."""
    wu.opens("/desk/records")
    picture(wu, "confirm")
    wu.page.locator("[data-check-all]").first.check()
    wu.taps("Confirm the ticked ones")
    for person in day.of("paper", "forgets"):
        record = found(lambda person=person: _record(person).id)  # type: ignore[misc]
        wu.opens(f"/desk/records/{record}")
        wu.types("Why are these minutes right?", "名册照片与站长说明一致")
        wu.taps("Confirm")
        wu.is_at("/desk/records")


def _record(person: Served) -> ServiceRecord:
    return db.session.scalars(select(ServiceRecord).where(ServiceRecord.claim_id == person.claim_id)).one()


def the_notice_ends(day: Day, at: At) -> None:
    """What was entered afterwards counts for nobody until its working days are over without an objection."""
    unseen = day.of("paper", "forgets")
    with day.site.app_context():
        states = {_record(person).state for person in unseen}
        assert states == {RecordState.NOTICE}
        assert not any(sum(queries.totals(person.volunteer_id).values()) for person in unseen)
        ends = max(_record(person).notice_ends_at for person in unseen)
        db.session.remove()
        at(ends)
        assert worker.keep_places(now=ends) >= len(unseen)
        db.session.remove()


# --- and what stands there in the end --------------------------------------------------------------------------


def every_minute_is_right(day: Day) -> None:
    with day.site.app_context():
        for person in day.people:
            record = _record(person)
            wanted = (RecordState.EFFECTIVE, person.minutes, person.evidence)
            assert (record.state, record.minutes, record.evidence) == wanted, person
            totals = queries.totals(person.volunteer_id)
            assert (totals[person.evidence], sum(totals.values())) == (person.minutes, person.minutes), person
            seen, shift = attendance.attendance(person.claim_id), db.session.get_one(Shift, _shift_of(record))
            assert queries.minutes_of(seen, shift) == person.minutes
            assert record.confirmed_by_id == day.world.wu.account_id
            assert record.confirmed_by_id not in recorders_of(record.id)
        _nothing_is_double_and_every_rule_holds()
        db.session.remove()


def _shift_of(record: ServiceRecord) -> int:
    return db.session.scalars(select(Claim.shift_id).where(Claim.id == record.claim_id)).one()


def _nothing_is_double_and_every_rule_holds() -> None:
    acts = Counter((punch.claim_id, punch.act) for punch in db.session.scalars(attendance.standing_punches()))
    assert set(acts.values()) == {1}
    assert Counter(act for _claim, act in acts) == {Act.IN: EVERYBODY, Act.OUT: EVERYBODY}
    look = doctor.Installation({}, clock.now())
    broken = {name: check(look).words for name, check in doctor.RULES.items() if check(look).verdict != "ok"}
    assert broken == {}
    while seals.seal(now=clock.now()):
        db.session.commit()
    assert list(proof.prove()) == []


def the_person_reads_why(day: Day, comes: Comes) -> None:
    """Whoever forgot to check out sees what was said, by whom, and who confirmed it."""
    (person,) = day.of("forgets")
    owner = comes(PHONE, person.account_id)
    owner.opens("/me/records")
    owner.main.get_by_role("link", name="社区图书角管理岗").first.click()
    owner.reads("What counts")
    expect(owner.main).to_contain_text("本人说 11 点离开")
    expect(owner.main).to_contain_text("吴确认")
    owner.finds_no_barrier()
    picture(owner, "record")


def test_sixty_people_on_a_saturday_and_every_minute_is_right_on_monday(
    day: Day, comes: Comes, address: str, at: At
) -> None:
    tablet, day.tablet_id = paired(day.world, comes, address, TABLET, BEFORE)
    assert found(lambda: db.session.get(Tablet, day.tablet_id)) is not None
    equipped(day)
    morning(day, tablet, comes)
    afternoon(day, tablet, comes)
    at(MONDAY)
    chen, wu = comes(TABLET, day.world.chen.account_id), comes(DESKTOP, day.world.wu.account_id)
    types_the_sheet(day, chen)
    settles_who_forgot(day, chen)
    hands_in(day, chen)
    confirms(day, wu)
    the_notice_ends(day, at)
    every_minute_is_right(day)
    the_person_reads_why(day, comes)
