"""The demo of Jiaxing: a made-up month around today, played through the real rules in the order of time.

Places are real, organizations follow their structure, people and phone numbers are made up. The texts are data
of the city (demo.json); what happens when stands here. The same moment gives the same story.
"""

import heapq
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from blueprints.admin import actions as office
from blueprints.admin import (
    demo_disputes,
    demo_exchange,
    demo_honours,
    demo_mergers,
    demo_notices,
    demo_supplements,
)
from blueprints.certificates import batches, keys
from blueprints.certificates.queries import Span
from blueprints.claims import actions as claims
from blueprints.claims import handovers, linking, marking, parties, shortfalls
from blueprints.claims import queries as claimed
from blueprints.claims.models import Absence, AbsenceKind, Act, Audience, Claim, ClaimState, LinkKind
from blueprints.honours import actions as honours
from blueprints.identity import actions as people
from blueprints.identity.models import SLOTS, Account, Gender, Grant, GuardianMethod, Purpose, Skill, Volunteer
from blueprints.inspections import actions as spot_checks
from blueprints.inspections import queries as checked
from blueprints.inspections import upkeep as inspections
from blueprints.inspections.models import Finding
from blueprints.mergers import upkeep as mergers
from blueprints.messages import actions as messages
from blueprints.organizations import actions as organizations
from blueprints.organizations import queries as places
from blueprints.organizations.models import Limit, Organization, OrganizationKind, Setting
from blueprints.posts import actions as posts
from blueprints.posts.models import Category, Post, RiskLevel, Shift, ShiftState
from blueprints.posts.starters import starters
from blueprints.records import actions as records
from blueprints.records import attempts
from blueprints.records import queries as recorded
from blueprints.records.models import ENTRY, Bar, Mark, RecordState, ServiceRecord, Tried
from blueprints.rollcall import actions as rollcall
from blueprints.rollcall import forms as tablets
from blueprints.rollcall.rules import Watch
from blueprints.series import actions as series
from blueprints.series.models import MAKE_UP, HolidayRule, Rhythm
from core import clock, passwords, workdays
from core.actor import Actor, Held, Role
from core.db import Base, db
from core.i18n import _
from core.refusal import Refusal

FILE = Path(__file__).with_name("demo.json")
PASSWORD = "rengang-demo-1"  # printed for everybody: it opens only the made-up accounts of a demo database
MARK = "demo"  # the setting that tells such a database from a real one
CLOCK = "demo_clock_minutes"  # the setting that says how far its clock runs ahead
PHONE, FIRST_VOLUNTEER = "+861990000{}", 101
CITY, COUNTY, CLERK = "0001", "0002", "0004"  # the last digits of some phones
RESERVED = 14  # people whom only told stories use in these days
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SKILLS = (Skill.TUTORING, Skill.APPLIANCES, Skill.HAIRCUT, Skill.SEWING, Skill.DIGITAL, Skill.FIRST_AID, Skill.DIALECT)
TEXT = ("title", "content", "conditions", "place", "risks", "safeguards", "min_age", "max_age", "hazards", "approves")
Happening = Callable[[datetime], object]


@dataclass(frozen=True, slots=True)
class Shown:
    """Somebody whom the demo lets everybody be."""

    role: str
    phone: str


ROLES = (
    Shown("volunteer", PHONE.format(f"{FIRST_VOLUNTEER:04d}")),
    Shown("clerk", PHONE.format(CLERK)),
    Shown("confirmer", PHONE.format("0003")),
    Shown("administrator", PHONE.format(COUNTY)),
)


def is_demo() -> bool:
    """Whether this database holds the demo: made-up people, whose password everybody knows."""
    return bool(db.session.scalar(select(Setting.value).where(Setting.name == MARK)))


def load() -> None:
    """Put the demo into an empty database, for good."""
    fill(password_hash=passwords.hashed(PASSWORD), now=clock.real())
    db.session.commit()
    demo_exchange.show(PHONE.format(COUNTY), PHONE.format("0006"), now=clock.real())
    demo_notices.show(PHONE.format(COUNTY), PHONE.format(f"{FIRST_VOLUNTEER:04d}"), now=clock.real())
    db.session.commit()


def fill(*, password_hash: str, now: datetime) -> None:
    """Play the whole story into an empty database, and mark it as a demo."""
    if db.session.scalar(select(Account.id).limit(1)) or db.session.scalar(select(Organization.id).limit(1)):
        raise Refusal(
            "The demo goes only into an empty database, and this one is not. Set INSTANCE_PATH to a new folder, "
            "or DATABASE_URL to an empty database."
        )
    organizations.load_divisions()
    for year in {clock.today(now).year, clock.today(now).year + 1} & {*workdays.package_years()}:
        organizations.fill_calendar(year, actor=None, now=now)
    db.session.add(Setting(name=MARK, value=1, changed_at=now))
    db.session.add(Setting(name=Limit.SECOND_STEP_ADMINISTRATOR, value=0, changed_at=now))  # a stranger gets in, too
    story = json.loads(FILE.read_text(encoding="utf-8"))
    play = Play(now, password_hash)
    _set_up(play, story)
    _gather(play, story)
    for told in story["posts"]:
        _offer(play, told)
    keys.make(story["organizations"][0][1], now=now)
    _add_loose_ends(play, story)
    play.go_on()
    _try_alone(now)
    inspections.look(now)
    mergers.look(now)
    _check_some(now)


def _check_some(now: datetime) -> None:
    """A district's office published what it found in one small sample, and waits for the evidence of the next."""
    held = select(Grant.account_id, Organization).join(Organization, Organization.id == Grant.organization_id)
    offices = held.where(Grant.role == Role.ADMINISTRATOR, Organization.parent_id.is_not(None)).order_by(Grant.id)
    found = db.session.execute(offices.limit(1)).first()
    if found is None:
        return
    account_id, office = found
    today, chief = clock.today(now), Actor(account_id, "", held=(Held(Role.ADMINISTRATOR, office.id, office.path),))
    plan = spot_checks.Plan(office.id, today - timedelta(days=90), today, 100, False)
    earlier = now - timedelta(days=20)
    done = spot_checks.draw(spot_checks.sample(plan, chief, now=earlier), chief, now=earlier)
    for item in checked.items_of(done.id):
        spot_checks.find(item.id, Finding.OK, "", chief, now=now - timedelta(days=12))
    spot_checks.close(done.id, chief, now=now - timedelta(days=11))
    spot_checks.publish(done.id, chief, now=now - timedelta(days=10))
    spot_checks.draw(spot_checks.sample(plan, chief, now=now), chief, now=now)


def _try_alone(now: datetime) -> None:
    """Somebody wanted to confirm what they had recorded, again and again: the owner and the level above see it."""
    waits = select(ServiceRecord).where(ServiceRecord.state == RecordState.PENDING).order_by(ServiceRecord.id).limit(1)
    record = db.session.scalar(waits)
    if record is None:
        return
    clerk = Actor(record.handed_in_by_id, "")
    for hours in (5, 3, 1):
        attempts.keep(Tried.CONFIRM, Bar.NO_ROLE, (ENTRY, record.id), clerk, now=now - timedelta(hours=hours))
    db.session.flush()


# --- the clock of the demo ----------------------------------------------------------------------------------


class Step(StrEnum):
    """Where the clock of a demo can be moved, so that a whole shift can be walked through in minutes."""

    START = "start"  # five minutes before the next shift of mine starts
    END = "end"  # after the one that runs or comes next has ended
    HALF_HOUR = "half-hour"
    TWO_HOURS = "two-hours"
    REAL = "real"


EARLY = 5 * MINUTE
AHEAD = {Step.HALF_HOUR: 30 * MINUTE, Step.TWO_HOURS: 2 * HOUR}


def ahead() -> timedelta:
    """How far the clock of this demo runs ahead of the real one."""
    minutes = db.session.scalar(select(Setting.value).where(Setting.name == CLOCK))
    return (minutes or 0) * MINUTE


def own_shift(actor: Actor, now: datetime, *, by: Any = Shift.ends_at) -> Shift | None:
    """The next open shift that concerns somebody: they hold a place of it, or work in its organization."""
    held = select(Claim.shift_id).where(Claim.volunteer_id == actor.volunteer_id, Claim.state == ClaimState.HELD)
    mine = select(Shift).join(Shift.post).join(Post.organization).where(Shift.state == ShiftState.OPEN, by > now)
    concerns = or_(Shift.id.in_(held), places.under(actor.reach(*Role)))
    return db.session.scalar(mine.where(concerns).order_by(by, Shift.id).options(joinedload(Shift.post)).limit(1))


def move_clock(step: Step, *, actor: Actor, now: datetime) -> timedelta:
    """Move the clock of the demo, and return by how much it is ahead of the real one."""
    moment = clock.real() if step is Step.REAL else _moment_of(step, actor, now)
    minutes = max(0, -((clock.real() - moment) // MINUTE))
    setting = db.session.scalar(select(Setting).where(Setting.name == CLOCK).with_for_update()) or Setting(name=CLOCK)
    setting.value, setting.changed_at, setting.changed_by_id = minutes, clock.real(), actor.account_id
    db.session.add(setting)
    return minutes * MINUTE


def _moment_of(step: Step, actor: Actor, now: datetime) -> datetime:
    if step in AHEAD:
        return now + AHEAD[step]
    start = step is Step.START
    shift = own_shift(actor, now, by=Shift.starts_at) if start else own_shift(actor, now)
    if shift is None:
        raise Refusal(_("No shift of yours is to come. Claim one first, or publish one."))
    return max(now, shift.starts_at - EARLY) if start else shift.ends_at + MINUTE


# --- the course of time -----------------------------------------------------------------------------------


@dataclass
class Play:
    """What is going to happen, in the order of time, and who can act in it."""

    now: datetime
    password_hash: str
    chance: random.Random = field(default_factory=lambda: random.Random("Jiaxing"))
    homes: dict[str, Organization] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)  # by the last four digits of the phone
    clerks: dict[str, Actor] = field(default_factory=dict)  # by the key of their organization
    confirmers: dict[int, Actor] = field(default_factory=dict)  # by the id of their organization
    volunteers: list[Actor] = field(default_factory=list)
    unclaimed: list[Actor] = field(default_factory=list)  # whom a clerk registered, and who claim through a clerk
    lives: dict[int, int] = field(default_factory=dict)  # where, by the account
    kept: list[Base] = field(default_factory=list)  # rows that are needed again and again
    queue: list[tuple[datetime, int, Happening]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def at(self, moment: datetime, happening: Happening) -> None:
        """Let something happen then; what would happen after now never does."""
        if moment <= self.now:
            heapq.heappush(self.queue, (moment, next(self.numbers), happening))

    def go_on(self) -> None:
        while self.queue:
            moment, _number, happening = heapq.heappop(self.queue)
            happening(moment)

    def each_night(self, days: int, happening: Happening) -> None:
        """Let something happen after each midnight of the last days, as the worker would."""
        for back in range(days):
            self.at(self.day(-back, time(0, 5)), happening)

    def day(self, ahead: int, hour: time) -> datetime:
        """An hour of the local day that many days from today."""
        return clock.at(clock.today(self.now) + ahead * DAY, hour)

    def between(self, start: datetime, end: datetime) -> datetime:
        """Some moment of the span, on a whole minute."""
        return start + self.chance.randrange(max(1, (end - start) // MINUTE)) * MINUTE


def acting(account_id: int) -> Actor:
    """The account as somebody who acts."""
    account = db.session.get_one(Account, account_id)
    volunteer = db.session.scalar(select(Volunteer).where(Volunteer.account_id == account_id))
    held = (
        select(Grant.role, Organization.id, Organization.path).join(Organization).where(Grant.account_id == account_id)
    )
    roles = tuple(Held(*row) for row in db.session.execute(held))
    return Actor(account_id, account.name, 0, volunteer.id if volunteer else None, "active", roles)


# --- organizations and staff --------------------------------------------------------------------------------


def _set_up(play: Play, story: dict[str, Any]) -> None:
    """Found the organizations and invite everybody who works there, a year ago."""
    then = play.day(-400, time(9))
    for key, name, kind, parent, division_id in story["organizations"]:
        play.homes[key] = organizations.found(
            name,
            OrganizationKind(kind),
            division_id=division_id,
            parent=play.homes.get(parent),
            now=then,
            phone=f"0573-0000 {len(play.homes) + 1:04d}",
        )
    for phone, name, role, home in story["staff"]:
        _join(play, phone, name, role, home, then)


def _join(play: Play, phone: str, name: str, role: str, home: str, then: datetime) -> None:
    """The first one comes by the link of the set-up, the others are invited."""
    organization = play.homes[home]
    if CITY in play.actors:
        _invitation, code = office.invite(organization.id, Role(role), name, play.actors[CITY], now=then)
    else:
        code = office.invite_first_administrator(now=then)
    whole = PHONE.format(phone)
    office.join(code, name=name, phone=whole, password_hash=play.password_hash, lang="zh_Hans", device="", now=then)
    account_id = db.session.scalars(select(Account.id).where(Account.phone == whole)).one()
    play.actors[phone] = actor = acting(account_id)
    if role == Role.CLERK:
        play.clerks[home] = actor
    if role == Role.CONFIRMER:
        play.confirmers[organization.id] = actor


def _confirmer(play: Play, organization: Organization) -> Actor:
    """Whoever confirms for an organization: the nearest one above it."""
    near = [organization.id, *organization.ancestors]
    return next(play.confirmers[id] for id in near if id in play.confirmers)


# --- volunteers -------------------------------------------------------------------------------------------


def _gather(play: Play, story: dict[str, Any]) -> None:
    """Everybody who registers, each in their own way."""
    homes = [home for home, size in story["homes"].items() for _ in range(size)]
    for number, (home, name) in enumerate(zip(homes, _names(play, story["names"]), strict=False)):
        joins = play.day(-300 + 4 * number, time(19, number % 60))
        person = {"phone": f"{FIRST_VOLUNTEER + number:04d}", "name": name, "age": _age(play, number), "home": home}
        play.at(joins, _registering(play, person, SKILLS[number % 7 : number % 7 + 1 + number % 2]))
    for person in story["minors"]:
        play.at(play.day(-40 if person["guardian"] else -2, time(17)), _registering(play, person))
    for person in story["unclaimed"]:
        play.at(play.day(-45, time(10)), _registering_at_the_desk(play, person))
    for number, person in enumerate(story["waiting"]):
        play.at(play.day(-1 - number % 3, time(20)), _registering(play, person, decided=False))


def _names(play: Play, names: dict[str, Any]) -> Iterator[str]:
    yield from names["first"]
    given = play.chance.sample(names["given"], len(names["given"]))
    for number in count():
        yield names["surnames"][number % len(names["surnames"])] + given[number % len(given)]


def _age(play: Play, number: int) -> int:
    """The first ones are grown up and young; of the others every third is old enough to have time."""
    return play.chance.randint(19, 40) if number < RESERVED or number % 3 else play.chance.randint(58, 74)


def _details(play: Play, person: dict[str, Any], skills: Sequence[Skill]) -> people.Details:
    home = play.homes[person["home"]]
    branch = play.homes.get(f"branch-{person['home']}") if person["age"] < 28 and play.chance.random() < 0.6 else None
    return people.Details(
        name=person["name"],
        gender=play.chance.choice(list(Gender)),
        birth_date=_born(play, person["age"]),
        division_id=home.division_id,
        skills=skills,
        categories=play.chance.sample(list(Category), 2),
        availability=play.chance.sample(SLOTS, 3),
        branch_id=branch.id if branch else None,
    )


def _born(play: Play, age: int) -> date:
    """A birthday at which somebody is that old today."""
    today = clock.today(play.now)
    return date(today.year - age, today.month, min(today.day, 28)) - play.chance.randrange(300) * DAY


def _registering(
    play: Play, person: dict[str, Any], skills: Sequence[Skill] = (), *, decided: bool = True
) -> Happening:
    def happen(now: datetime) -> None:
        registered = people.register(
            _details(play, person, skills),
            phone=PHONE.format(person["phone"]),
            password_hash=play.password_hash,
            lang="zh_Hans",
            now=now,
        )
        if person.get("guardian"):
            play.at(now + DAY, lambda then: _bring_guardian(play, registered, person["guardian"], then))
        if person.get("guardian", True) and decided:
            play.at(now + 2 * DAY, lambda then: _approve(play, registered, then))
        elif reason := person.get("returned"):
            play.at(now + 3 * HOUR, lambda then: _return(play, registered, reason, then))

    return happen


def _registering_at_the_desk(play: Play, person: dict[str, Any]) -> Happening:
    """A clerk registers somebody who has no phone to do it with; nobody has taken the account over yet."""

    def happen(now: datetime) -> None:
        details = _details(play, person, ())
        phone = PHONE.format(person["phone"])
        registered, _slip, _code = office.register_for(details, play.clerks[person["home"]], phone=phone, now=now)
        play.at(now + DAY, lambda then: _approve(play, registered, then))

    return happen


def _bring_guardian(play: Play, minor: Volunteer, guardian: Sequence[str], now: datetime) -> None:
    name, relation, phone = guardian
    clerk, method = play.actors[CLERK], GuardianMethod.IN_PERSON
    office.record_guardian(minor.id, clerk, name=name, relation=relation, phone=phone, method=method, now=now)


def _approve(play: Play, registered: Volunteer, now: datetime) -> None:
    office.approve(registered.id, play.actors[CITY], seen=registered.submitted_at, now=now)
    actor, account = acting(registered.account_id), db.session.get_one(Account, registered.account_id)
    (play.volunteers if account.claimed_at else play.unclaimed).append(actor)
    play.lives[account.id] = registered.division_id or 0
    play.kept += [registered, account]


def _return(play: Play, registered: Volunteer, reason: str, now: datetime) -> None:
    administrator = play.actors[COUNTY]
    office.send_back(registered.id, administrator, seen=registered.submitted_at, reason=reason, now=now)


# --- posts ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slot:
    """A shift that is going to be offered, and what is told of it."""

    starts_at: datetime
    ends_at: datetime
    story: str = ""


def _offer(play: Play, told: dict[str, Any]) -> None:
    """Let a clerk draft and publish a post some days before its first shift."""
    slots = sorted(_slots(play, told), key=lambda slot: slot.starts_at)
    early = min(slots[0].starts_at - 12 * DAY, play.now - play.chance.randint(30, 90) * HOUR)
    play.at(early, lambda now: _publish(play, told, slots, now))


def _slots(play: Play, told: dict[str, Any]) -> Iterator[Slot]:
    if story := told.get("story"):
        yield from STAGED[story](play)
        return
    starter = starters().get(told.get("starter", ""))
    starts = starter.starts if starter else time.fromisoformat(told["starts"])
    ends = starter.ends if starter else time.fromisoformat(told["ends"])
    weekdays = told.get("weekdays") or (starter.weekdays if starter else ())
    days = told.get("days") or [day for day in range(*told["weekly"]) if play.day(day, starts).isoweekday() in weekdays]
    for day in days:
        slot = Slot(play.day(day, starts), play.day(day, ends), told.get("stories", {}).get(str(day), ""))
        if slot.starts_at > play.now or slot.ends_at < play.now:  # only the staged one runs at this moment
            yield slot


def _staged(play: Play, ahead: timedelta, minutes: int, story: str) -> Iterator[Slot]:
    """A shift that begins so long from now, on a quarter of an hour."""
    starts_at = datetime.fromtimestamp((play.now + ahead).timestamp() // 900 * 900, play.now.tzinfo)
    yield Slot(starts_at, starts_at + minutes * MINUTE, story)


STAGED: dict[str, Callable[[Play], Iterator[Slot]]] = {
    "running": lambda play: _staged(play, -45 * MINUTE, 120, "running"),
    "soon": lambda play: _staged(play, 90 * MINUTE, 120, "soon"),
    "offer": lambda play: _staged(play, 20 * HOUR, 150, "offer"),
}


def _publish(play: Play, told: dict[str, Any], slots: Sequence[Slot], now: datetime) -> None:
    clerk, organization = play.clerks[told["org"]], play.homes[told["org"]]
    planned = [_planned(told, slot) for slot in slots]
    post = posts.draft(organization.id, _values(told, organization, clerk), planned, clerk, now)
    then = now + 5 * MINUTE
    posts.publish(post.id, actor=clerk, now=then, declared=True, acknowledged=True)
    shifts = db.session.scalars(select(Shift).where(Shift.post_id == post.id).order_by(Shift.starts_at))
    for shift, slot in zip(shifts.all(), slots, strict=True):
        STORIES.get(slot.story, _usual)(Scene(play, shift, post, organization, clerk, then))
    if "series" in told:
        play.at(play.now - 3 * HOUR, lambda now: _repeat(told, post, clerk, now))


def _repeat(told: dict[str, Any], post: Post, clerk: Actor, now: datetime) -> None:
    """Let a post take place week by week, or on one Sunday a month, for half a year."""
    how, starter, today = told["series"], starters()[told["starter"]], clock.today(now)
    ordinal = how.get("ordinal")
    values = {"rhythm": Rhythm.MONTHLY if ordinal else Rhythm.WEEKLY, "every": 1, "ordinal": ordinal}
    values |= {"from_day": today, "until_day": today + 180 * DAY, "holidays": HolidayRule.SKIP}
    hours = [hour.hour * 60 + hour.minute for hour in (starter.starts, starter.ends)]
    weekdays = [*starter.weekdays, *([MAKE_UP] if how.get("make_up") else [])]
    row = {"weekdays": weekdays, "starts": hours[0], "ends": hours[1], "places": told["places"], "break_minutes": 0}
    series.create(post.id, values, [row], clerk, now)
    if name := how.get("template"):
        posts.keep_template(post.id, name, clerk, now)


def _planned(told: dict[str, Any], slot: Slot) -> dict[str, Any]:
    places, pause = told["places"], told.get("break_minutes", 0)
    options: dict[str, Any] = {name: told[name] for name in ("minimum", "cut_off_hours") if name in told}
    if days := told.get("opens_days_before"):
        options["opens_at"] = slot.starts_at - days * DAY
    return {"starts_at": slot.starts_at, "ends_at": slot.ends_at, "places": places, "break_minutes": pause, **options}


def _values(told: dict[str, Any], organization: Organization, clerk: Actor) -> dict[str, Any]:
    starter = starters().get(told.get("starter", ""))
    text = {**(starter.values if starter else {}), **told}
    values = {name: text[name] for name in TEXT if name in text}
    values |= {"category": Category(text["category"]), "risk_level": RiskLevel(text.get("risk_level", "low"))}
    values["skill"] = Skill(text["skill"]) if text.get("skill") else None
    values["division_id"] = told.get("division", organization.division_id)
    values |= {"sign_up": "在本页认领，也可以到站点或打电话登记。", "responsible_name": clerk.name}
    return values | {"responsible_phone": organization.phone}


# --- what becomes of a shift ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """A published shift with everybody who acts on it."""

    play: Play
    shift: Shift
    post: Post
    organization: Organization
    clerk: Actor
    published_at: datetime

    def claiming(self, who: Iterable[Actor], *, at: datetime | None = None) -> None:
        """Let each of them claim at `at`, or at some moment before the start, if the rules allow it then."""
        last = min(self.shift.starts_at - 2 * HOUR, self.play.now - 3 * HOUR)
        for actor in who:
            moment = at or self.play.between(self.published_at + MINUTE, last)
            self.play.at(moment, lambda now, actor=actor: self._claim(actor, now))  # type: ignore[misc]

    def _claim(self, actor: Actor, now: datetime) -> None:
        with suppress(Refusal):  # somebody is busy, too old or lacks the skill: so it goes
            if actor in self.play.unclaimed:
                claims.claim_for(self.shift.id, actor.volunteer_id or 0, self.clerk, now=now)
            else:
                claims.claim(self.shift.id, actor, now=now)

    def crowd(self) -> list[Actor]:
        """People who may come: those of the place first, then others of the county; the reserved ones only long ago."""
        play, home = self.play, self.organization
        recent = self.shift.starts_at > play.now - 2 * DAY
        known = play.volunteers[RESERVED:] if recent else play.volunteers
        wide = home.division_id % 10**6 == 0
        county = home.division_id // 10**6
        near = [actor for actor in known if wide or play.lives[actor.account_id] // 10**6 == county]
        return play.chance.sample(near, min(len(near), self.shift.places + 1))

    def attended(
        self, *, gone: Sequence[int] = (), early: Sequence[int] = (), missing: float = 0, last: int | None = None
    ) -> None:
        """Let the holders come and go, but a share of them not come. Those numbered in `gone` are not seen to leave,
        those in `early` leave early; whoever is numbered from `last` on does not come."""
        self.play.at(self.shift.starts_at - 12 * MINUTE, lambda _now: self._come(gone, early, missing, last))

    def _come(self, gone: Sequence[int], early: Sequence[int], missing: float, last: int | None) -> None:
        chance = self.play.chance
        for number, claim in enumerate(claimed.roster(self.shift.id)[:last]):
            told = number in gone or number in early
            if chance.random() < missing:
                continue
            came = self.shift.starts_at + chance.randint(-9, 5) * MINUTE
            left = self.shift.ends_at + chance.randint(-5, 12) * MINUTE
            by_code = not told and chance.random() < 0.4
            self._punching(claim, Act.IN, came, by_code=by_code)
            if number not in gone:
                left = came + 50 * MINUTE if number in early else left
                self._punching(claim, Act.OUT, left, by_code=by_code)

    def _punching(self, claim: Claim, act: Act, moment: datetime, *, by_code: bool) -> None:
        owner = claim.volunteer.account
        if not by_code or owner.claimed_at is None:
            self.play.at(moment, lambda now: claims.punch(claim.id, act, self.clerk, now=now))
            return
        own, actor = (claims.check_in if act is Act.IN else claims.check_out), acting(owner.id)
        self.play.at(moment, lambda now: own(claim.id, claimed.day_code(self.shift.id, now), actor, now=now))

    def handing_in(self, after: timedelta = 45 * MINUTE, *, unseen: int = 0) -> None:
        """Hand in with the head count of the leader, who may have seen some people that the system has not."""
        self.play.at(self.shift.ends_at + after, lambda now: self._hand_in(now, unseen))

    def _hand_in(self, now: datetime, unseen: int) -> None:
        roster = claimed.roster(self.shift.id)
        seen = claimed.attendances(claim.id for claim in roster)
        if any(attendance.is_complete for attendance in seen.values()):
            came = sum(bool(attendance.spans) for attendance in seen.values())
            records.hand_in(self.shift.id, self.clerk, now=now, counted=came + unseen, sure=True)

    def confirming(self, after: timedelta = 26 * HOUR) -> None:
        """Let the second person confirm, the day after; what lies below the minimum presence waits for a decision."""
        self.play.at(self.shift.ends_at + after, self._confirm)

    def _confirm(self, now: datetime) -> None:
        confirmer, waiting = _confirmer(self.play, self.organization), self.pending()
        marks = {record.id: recorded.marks_of(record) for record in waiting}
        if unmarked := [id for id, found in marks.items() if not found]:
            records.confirm(unmarked, confirmer, now=now)
        for id, found in marks.items():
            if found and Mark.BELOW_PRESENCE not in found:
                records.confirm_marked(id, confirmer, reason="已向本人和同组志愿者核实。", now=now)

    def pending(self) -> list[ServiceRecord]:
        mine = select(ServiceRecord).join(Claim).where(Claim.shift_id == self.shift.id)
        return list(
            db.session.scalars(mine.where(ServiceRecord.state == RecordState.PENDING).order_by(ServiceRecord.id))
        )


def _usual(scene: Scene) -> None:
    """People claim, come, go; the clerk hands in, a second person confirms."""
    scene.play.at(scene.published_at, lambda _now: scene.claiming(scene.crowd()))
    scene.attended(missing=0.08)
    scene.handing_in()
    scene.confirming()


def _first(scene: Scene, *numbers: int) -> list[Actor]:
    """Some of the people that stories are told of; number 0 is the volunteer whom the demo shows."""
    return [scene.play.volunteers[number] for number in numbers]


def _stated_late(scene: Scene) -> None:
    """One was not seen to leave; hours later the clerk states when that was: class C, on public notice now."""

    def state(now: datetime) -> None:
        claim = claimed.roster(scene.shift.id)[0]
        came = claimed.attendance(claim.id).spans[0].entered.at
        note = "本人电话说明十二点半离开，同组志愿者证实。"
        ended = scene.shift.ends_at
        claims.settle(claim.id, scene.clerk, started_at=came, ended_at=ended, note=note, now=now)

    scene.claiming([*_first(scene, 2, 0, 3), scene.play.unclaimed[0]], at=scene.published_at + HOUR)
    scene.attended(gone=[0])
    scene.play.at(scene.shift.ends_at + 5 * HOUR, state)
    scene.handing_in(6 * HOUR)
    scene.confirming(scene.play.now - DAY - scene.shift.ends_at)  # so that its public notice runs, whatever day it is


def _not_handed_in(scene: Scene) -> None:
    """Nothing is handed in yet; somebody who did not come was noted, and says that it is not right."""

    def note(now: datetime) -> None:
        claim = claimed.live_claim(scene.shift.id, _first(scene, 12)[0].volunteer_id or 0)
        if claim:
            marking.note(claim.id, AbsenceKind.NO_SHOW, scene.clerk, reason="电话没有人接。", now=now)

    def object_to(now: datetime) -> None:
        actor = _first(scene, 12)[0]
        mine = select(Absence.id).join(Absence.claim).where(Claim.volunteer_id == actor.volunteer_id)
        for absence_id in db.session.scalars(mine):
            marking.dispute(absence_id, "我那天发烧，前一天晚上给站点打过电话。", actor, now=now)

    scene.claiming(_first(scene, 0, 1, 4), at=scene.published_at + HOUR)
    scene.claiming(_first(scene, 12), at=scene.published_at + 2 * HOUR)
    scene.attended(last=3)
    scene.play.at(scene.shift.ends_at + 20 * MINUTE, note)
    scene.play.at(scene.shift.ends_at + 3 * HOUR, object_to)


def _forgotten(scene: Scene) -> None:
    """Weeks ago people served and nobody handed it in: the level above sees that it is overdue."""
    scene.claiming(_first(scene, 5, 6, 12), at=scene.published_at + HOUR)
    scene.attended()


def _returned(scene: Scene) -> None:
    """The confirmer sends one entry back and confirms the others."""

    def judge(now: datetime) -> None:
        reason, confirmer = "签退时间与当天值班记录不符，请核对后重新提交。", _confirmer(scene.play, scene.organization)
        records.send_back(scene.pending()[0].id, confirmer, reason=reason, now=now)

    scene.claiming([*_first(scene, 0, 2, 5), scene.play.unclaimed[-1]], at=scene.published_at + HOUR)
    scene.attended()
    scene.handing_in()
    scene.play.at(scene.shift.ends_at + 20 * HOUR, judge)
    scene.confirming()


def _no_check_out(scene: Scene) -> None:
    """The check-out was marked on a tablet without a network, whose clock was moved before it could be sent."""

    def send(now: datetime) -> None:
        claim, slow = claimed.roster(scene.shift.id)[0], 8 * HOUR
        watch = Watch(scene.clerk.account_id, scene.shift.id, scene.shift.starts_at)
        left, met = scene.shift.ends_at - 4 * MINUTE - slow, scene.shift.starts_at - slow
        key = f"tablet-{scene.shift.id:06d}"
        mark = tablets.Mark(key, "{}", claim.id, Act.OUT, at=left, met_at=met, watch=watch)
        rollcall.receive([mark], scene.clerk, sent_at=now, now=now)

    scene.claiming(_first(scene, 1, 0, 6), at=scene.published_at + HOUR)
    scene.attended(gone=[0])
    scene.play.at(scene.shift.ends_at + 20 * MINUTE, send)
    scene.handing_in()


def _left_early(scene: Scene) -> None:
    """Less than the minimum presence: pending with its reason, and nobody has decided yet."""
    scene.claiming(_first(scene, 2, 0, 7), at=scene.published_at + HOUR)
    scene.attended(early=[0])
    scene.handing_in(unseen=1)


def _long_day(scene: Scene) -> None:
    """Nine hours: confirmed, and now the level above has to approve."""
    scene.claiming(_first(scene, 8, 9, 10), at=scene.published_at + HOUR)
    scene.attended()
    scene.handing_in()
    scene.confirming()


def _running(scene: Scene) -> None:
    """Two are checked in, one simply came, one is awaited, one place is free."""
    play, start = scene.play, scene.shift.starts_at

    def mark(number: int) -> Happening:
        return lambda now: claims.punch(claimed.roster(scene.shift.id)[number].id, Act.IN, scene.clerk, now=now)

    def walk_in(now: datetime) -> None:
        came = claims.walk_in(scene.shift.id, _first(scene, 11)[0].volunteer_id or 0, scene.clerk, now=now)
        claims.punch(came.id, Act.IN, scene.clerk, now=now)

    scene.claiming(_first(scene, 3, 4, 5), at=scene.published_at + HOUR)
    play.at(start - 4 * MINUTE, mark(0))
    play.at(start + 2 * MINUTE, mark(1))
    play.at(start + 14 * MINUTE, walk_in)


def _soon(scene: Scene) -> None:
    scene.claiming(_first(scene, 0, 6), at=scene.published_at + HOUR)


def _offered(scene: Scene) -> None:
    """Somebody gives a place back too late for the line to move up by itself: it is offered to the first in line."""

    def give_back(now: datetime) -> None:
        holder = _first(scene, 8)[0]
        claim = claimed.live_claim(scene.shift.id, holder.volunteer_id or 0)
        if claim:
            claims.cancel(claim.id, holder, reason="家里老人临时要去医院。", now=now)

    for number, actor in enumerate(_first(scene, 7, 8, 0, 9)):
        scene.claiming([actor], at=scene.published_at + (1 + number) * HOUR)
    scene.play.at(scene.play.now - 2 * MINUTE, give_back)


def _full(scene: Scene) -> None:
    for number, actor in enumerate(_first(scene, 1, 2, 3, 4, 0)):
        scene.claiming([actor], at=scene.published_at + (1 + number) * HOUR)


def _cancelled(scene: Scene) -> None:
    reason = "天气预报当天有大风大雨，为了安全取消，另行安排。"
    scene.claiming(_first(scene, 0, 5, 6), at=scene.published_at + HOUR)
    off = scene.play.now - 20 * HOUR
    scene.play.at(off, lambda now: claims.cancel_shift(scene.shift.id, scene.clerk, reason=reason, now=now))


def _changed(scene: Scene) -> None:
    """It begins an hour later than it was published; everybody on it is told."""

    def change(now: datetime) -> None:
        shift = scene.shift
        values = {"starts_at": shift.starts_at + HOUR, "ends_at": shift.ends_at + HOUR, "places": shift.places}
        values["break_minutes"] = shift.break_minutes
        reason, revision = "居民上午要用楼道搬家具，推迟一小时开始。", scene.post.revision
        claims.change_shift(shift.id, values, scene.clerk, revision=revision, reason=reason, now=now)

    scene.claiming(_first(scene, 0, 7, 8), at=scene.published_at + HOUR)
    scene.play.at(scene.play.now - 26 * HOUR, change)


def _asked(scene: Scene) -> None:
    """Four ask for a place; the clerk has said yes to the first and not yet answered the others."""

    def approve(now: datetime) -> None:
        for claim in claimed.requests(scene.shift.id)[:1]:
            claims.approve(claim.id, scene.clerk, now=now)

    for number, actor in enumerate(_first(scene, 2, 0, 8, 10)):
        scene.claiming([actor], at=scene.published_at + (1 + number) * HOUR)
    scene.play.at(scene.published_at + 2 * HOUR - MINUTE, approve)


def _passing_on(scene: Scene) -> None:
    """All places are held; one holder looks openly for a stand-in, another has asked the demo's volunteer by name."""

    def seek(now: datetime, number: int, audience: Audience) -> None:
        holder, volunteer = _first(scene, number, 0)
        held = claimed.live_claim(scene.shift.id, holder.volunteer_id or 0)
        asked = db.session.get(Volunteer, volunteer.volunteer_id) if audience is Audience.PERSON else None
        if held:
            handovers.seek(held.id, holder, audience=audience, asked=asked, now=now)

    scene.claiming(_first(scene, 5, 6, 7), at=scene.published_at + HOUR)
    scene.play.at(scene.play.now - 6 * HOUR, lambda now: seek(now, 6, Audience.ANYBODY))
    scene.play.at(scene.play.now - 2 * HOUR, lambda now: seek(now, 7, Audience.PERSON))


def _together(scene: Scene) -> None:
    """The demo's volunteer was named by a friend, who comes along with two people; one of them has agreed."""

    def name(now: datetime) -> None:
        leader, *others = _first(scene, 4, 0, 9)
        ids = [actor.volunteer_id or 0 for actor in others]
        with suppress(Refusal):
            parties.name_people(scene.shift.id, ids, leader, comes=True, whole=True, now=now)

    def agree(now: datetime) -> None:
        friend = _first(scene, 9)[0]
        kept = claimed.live_claim(scene.shift.id, friend.volunteer_id or 0)
        if kept and kept.state is ClaimState.OFFERED:
            claims.accept(kept.id, friend, now=now)

    scene.play.at(scene.play.now - 3 * HOUR, name)
    scene.play.at(scene.play.now - 2 * HOUR, agree)


def _short(scene: Scene) -> None:
    """Fewer came forward than it needs, and the clerk is asked what to do."""
    scene.claiming(_first(scene, 11), at=scene.published_at + HOUR)
    scene.play.at(scene.play.now - HOUR, shortfalls.ask_due)


STORIES: dict[str, Callable[[Scene], None]] = {
    "stated late": _stated_late,
    "not handed in": _not_handed_in,
    "forgotten": _forgotten,
    "returned": _returned,
    "no check-out": _no_check_out,
    "left early": _left_early,
    "long day": _long_day,
    "running": _running,
    "soon": _soon,
    "offer": _offered,
    "full": _full,
    "cancelled": _cancelled,
    "changed": _changed,
    "asked": _asked,
    "passing on": _passing_on,
    "together": _together,
    "short": _short,
}


def _add_loose_ends(play: Play, story: dict[str, Any]) -> None:
    """A draft, an invitation nobody has taken up, and inboxes that were looked into."""
    play.each_night(120, lambda now: records.end_notices(now) + honours.end_notices(now))
    told, home = story["draft"], play.homes[story["draft"]["org"]]
    draft = {name: told[name] for name in ("title", "place", "content")} | {"category": Category(told["category"])}
    clerk, office_ = play.clerks[told["org"]], play.actors[COUNTY]
    starts_at = play.day(6, time(14))
    planned = {"starts_at": starts_at, "ends_at": starts_at + 2 * HOUR, "places": 6}
    play.at(play.now - 5 * HOUR, lambda now: posts.draft(home.id, draft, [planned], clerk, now))
    play.at(play.now - DAY, lambda now: office.invite(home.id, Role.CLERK, "林站员", office_, now=now))
    play.at(play.now - 3 * DAY, lambda now: _read(play, now))
    shown = demo_disputes.Stage(
        play.at, play.now, play.volunteers, play.actors, play.homes["yanyu"].division_id, play.homes["yanyu"].id
    )
    demo_disputes.play(shown)
    demo_supplements.play(shown)
    demo_honours.play(shown, play.homes["nanhu"].id)
    demo_mergers.play(play.at, play.now, play.volunteers, play.actors)
    whole = Span(play.now.date().replace(month=1, day=1), play.now.date(), None, home.id)
    play.at(play.now - 3 * HOUR, lambda now: batches.prepare(whole, [], clerk, now=now))
    for kind in (LinkKind.STATION, LinkKind.WALL):
        play.at(play.now - 2 * DAY, lambda now, kind=kind: linking.renew(home.id, kind, clerk, now=now))  # type: ignore[misc]
    play.at(play.now - 2 * DAY, lambda now: _agree_to_be_named(play, now))


def _agree_to_be_named(play: Play, now: datetime) -> None:
    """Some let the screen on the wall show their full names; the others stay 林 3J7K."""
    for actor in play.volunteers[1:RESERVED:2]:
        with suppress(Refusal):  # nobody under age
            people.agree_to(Purpose.WALL, actor.account_id, now=now)


def _read(play: Play, now: datetime) -> None:
    for actor in [*play.actors.values(), *play.volunteers]:
        messages.read_all(actor.account_id, now=now)
