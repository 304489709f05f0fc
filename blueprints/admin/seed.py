"""Bulk data for load tests: the same figures and the same seed always give the same people, posts and records.

Everything obeys the rules that `doctor` proves, and nothing goes through them one by one: a million records
through the actions would take hours.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, count
from time import perf_counter
from typing import NamedTuple

from sqlalchemy import Connection, func, select, text

from blueprints.admin.bulk import Row, in_bulk, look_at, next_id, pour, settle, stored
from blueprints.claims.models import ClaimState, Source
from blueprints.identity.models import Account, Gender, Grant, Purpose, Volunteer, VolunteerState
from blueprints.organizations import actions as organizations
from blueprints.organizations import queries as places
from blueprints.organizations.models import Division, Level, Organization, OrganizationKind
from blueprints.posts.models import Category, PostState, RiskLevel, ShiftState
from blueprints.posts.queries import folded
from core import clock
from core.actor import Role
from core.db import db
from core.refusal import Refusal

# Nobody has these numbers: the first volunteer is +86 150 0000 0001.
VOLUNTEER_PHONE, CLERK_PHONE, CONFIRMER_PHONE = "+86150{:08d}", "+86151{:08d}", "+86152{:08d}"
ADMINISTRATOR_PHONE = "+86153{:08d}"
STATIONS, POSTS_EACH, PEOPLE_A_SHIFT = 50, 8, 20
DAYS_BETWEEN = 3  # between two services of one person, so that nothing overlaps
FIRST_HOUR, STARTS = 9, 5  # past shifts start at 9, 11, 13, 15 and 17 o'clock
DAYS_AHEAD = 30
MOVE_UP = 7_919  # seats from one round to the next, so that people meet others
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OWN_ACT = 3  # every third attendance is the person's own act (class A), the others a clerk's roll-call (class B)
COMING = "id shift_id volunteer_id state place places source claimed_at reason handed_in_at"
SURNAMES = "沈陆徐钱朱吴周张王陈李孙姚金俞顾马曹蒋褚"
GIVEN = "安宁嘉禾思源子涵雨欣浩然晓航一诺文博静怡立新秀英建华国平春燕明月海清"
TITLES = [
    ("社区图书角管理岗", Category.CONVENIENCE, "整理图书，办理借还，陪孩子阅读。"),
    ("斑马线文明引导岗", Category.TRAFFIC, "在路口引导行人和非机动车文明通行。"),
    ("四点半课堂辅导岗", Category.CHILDREN, "放学后陪孩子写作业、做游戏。"),
    ("便民服务点维修岗", Category.CONVENIENCE, "为居民检修小家电。"),
    ("老年人手机课堂", Category.ELDERS, "手把手教老年人用手机挂号、付款、视频通话。"),
    ("护河巡查岗", Category.WATER, "沿河步道巡查，记录并上报垃圾点。"),
    ("政务大厅窗口导引岗", Category.WINDOW, "引导取号，帮助填表。"),
    ("楼道焕新岗", Category.CLEANING, "清理楼道杂物，粉刷小广告。"),
]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Station:
    """Where seeded people serve, and who records and confirms there."""

    organization_id: int
    name: str
    division_id: int
    clerk_id: int
    confirmer_id: int


@dataclass(frozen=True)
class Plan:
    """What was asked for, and the first id of everything that is going to be written."""

    volunteers: int
    shifts: int
    records: int
    seed: int
    password_hash: str | None
    now: datetime
    stations: list[Station] = field(default_factory=list)
    first: dict[str, int] = field(default_factory=dict)
    first_phone: int = 1

    def random(self, what: str) -> random.Random:
        """Chance that falls the same way each time, for each kind of thing on its own."""
        return random.Random(f"{self.seed}/{what}")

    @property
    def posts(self) -> int:
        return len(self.stations) * POSTS_EACH

    @property
    def groups(self) -> int:
        """Into how many shifts all volunteers are dealt each time they serve."""
        return -(-self.volunteers // PEOPLE_A_SHIFT)

    @property
    def past_shifts(self) -> int:
        rounds, rest = divmod(self.records, self.volunteers) if self.volunteers else (0, 0)
        return rounds * self.groups + -(-rest // PEOPLE_A_SHIFT)


@dataclass(frozen=True, slots=True)
class Slot:
    """A shift to be written, with what the rows of everybody on it have in common. Moments are MOMENTS' minutes."""

    number: int
    post: int
    station: Station
    starts_at: int
    minutes: int
    places: int
    told: tuple[str, ...] = ()  # title, category, content, place, day, due on, claimed, handed in and confirmed at

    @property
    def ends_at(self) -> int:
        return self.starts_at + self.minutes


class Service(NamedTuple):
    """One person's attendance on one past shift; its number is that of its claim and its record, too."""

    number: int
    slot: Slot
    volunteer: int
    place: int
    came: int
    gone: int


class Moments(dict[int, str]):
    """Minutes since 1970 as the database stores them; each is written out once, for there are millions."""

    def __missing__(self, minute: int) -> str:
        self[minute] = written = stored(EPOCH + minute * MINUTE)
        return written

    @staticmethod
    def minute(moment: datetime) -> int:
        return (moment - EPOCH) // MINUTE


MOMENTS = Moments()


def fill(plan: Plan, *, add: bool, say: Say) -> dict[str, int]:
    """Write the plan and return how many rows each table got; refuses a database with volunteers unless `add`."""
    _refuse_filled(add)
    if plan.records and not plan.volunteers:
        raise Refusal("Records need volunteers: give --volunteers as well.")
    organizations.load_divisions()
    stations = _found_stations(plan)
    connection = db.session.connection()
    plan = _numbered(plan, stations, connection)
    with in_bulk(connection, dict.fromkeys(DERIVED_TABLES, plan.records)):
        counts = {table: _write(connection, table, *work, say) for table, work in _tables(plan).items()}
        counts |= _derive(connection, plan, say)
    settle(connection, counts)
    return counts


def _refuse_filled(add: bool) -> None:
    if not add and db.session.scalar(select(Volunteer.id).limit(1)):
        raise Refusal("There are volunteers already. Use an empty database, or --add to write beside them.")


def _write(connection: Connection, table: str, columns: str, rows: Iterable[Row], say: Say) -> int:
    with _timed(table, say) as told:
        told.append(pour(connection, table, columns.split(), rows))
    return told[0]


@contextmanager
def _timed(table: str, say: Say) -> Iterator[list[int]]:
    """Say how many rows a table got, and how long that took."""
    began, told = perf_counter(), []  # type: tuple[float, list[int]]
    yield told
    say(f"{table:<16}{told[0]:>10,}  {perf_counter() - began:6.1f} s")


# --- the stations -----------------------------------------------------------------------------------------


def _found_stations(plan: Plan) -> list[Station]:
    """A city centre, an office in each county, and the stations spread over the communities of the tree."""
    founded = plan.now - timedelta(days=3650)
    city = places.top_division()
    if city is None:
        raise Refusal("The tree of divisions holds no city. Load one with `setup --divisions FILE`.")
    kinds = OrganizationKind
    centre = organizations.found("压测数据指导中心", kinds.OFFICE, division_id=city.id, parent=None, now=founded)
    _staff(plan, ADMINISTRATOR_PHONE, "管理员", Role.ADMINISTRATOR, centre)
    offices = [
        organizations.found(
            f"{county.name}压测指导中心", kinds.OFFICE, division_id=county.id, parent=centre, now=founded
        )
        for county in places.divisions_under(city.id)
    ]
    confirmers = [_staff(plan, CONFIRMER_PHONE, "确认人", Role.CONFIRMER, office) for office in offices]
    return [
        _found_station(plan, division, *list(zip(offices, confirmers, strict=True))[_county(division, offices)])
        for division in _communities(plan)
    ]


def _communities(plan: Plan) -> list[Division]:
    """The places of the stations, the same for the same seed."""
    villages = select(Division).where(Division.level == Level.VILLAGE).order_by(Division.id)
    every = list(db.session.scalars(villages))
    return plan.random("stations").sample(every, min(STATIONS, len(every)))


def _county(division: Division, offices: list[Organization]) -> int:
    codes = [office.division_id for office in offices]
    return codes.index(division.id // 10**6 * 10**6)


def _found_station(plan: Plan, division: Division, office: Organization, confirmer: Account) -> Station:
    station = organizations.found(
        f"{division.name}压测服务站",
        OrganizationKind.STATION,
        division_id=division.id,
        parent=office,
        now=office.created_at,
    )
    clerk = _staff(plan, CLERK_PHONE, "站务员", Role.CLERK, station)
    return Station(station.id, station.name, division.id, clerk.id, confirmer.id)


def _staff(plan: Plan, phones: str, name: str, role: Role, organization: Organization) -> Account:
    prefix = phones.partition("{")[0]
    number = _used(prefix) + 1
    account = Account(name=f"{name}{number}", phone=phones.format(number), password_hash=plan.password_hash)
    account.created_at = account.claimed_at = organization.created_at
    db.session.add(account)
    db.session.flush()
    grant = Grant(account_id=account.id, role=role, organization_id=organization.id)
    grant.granted_at = organization.created_at
    db.session.add(grant)
    return account


def _used(prefix: str) -> int:
    """How many numbers with this beginning are taken."""
    return db.session.scalar(select(func.count()).where(Account.phone.startswith(prefix))) or 0


def _numbered(plan: Plan, stations: list[Station], connection: Connection) -> Plan:
    """The plan with its stations and with the ids its rows will have."""
    db.session.flush()
    tables = ("account", "volunteer", "post", "shift", "claim", "service_record")
    first = {table: next_id(connection, table) for table in tables}
    asked = (plan.volunteers, plan.shifts, plan.records, plan.seed, plan.password_hash, plan.now)
    return Plan(*asked, stations, first, _used(VOLUNTEER_PHONE.partition("{")[0]) + 1)


# --- the tables -------------------------------------------------------------------------------------------


def _tables(plan: Plan) -> dict[str, tuple[str, Iterable[Row]]]:
    """Every table with its columns and the rows it gets, parents before what refers to them."""
    return {
        "account": ("id name phone password_hash lang created_at claimed_at", _accounts(plan)),
        "volunteer": (
            "id account_id number gender birth_date division_id registered_with_id categories availability state "
            "submitted_at decided_at decided_by_id decision_reason",
            _volunteers(plan),
        ),
        "consent": ("account_id purpose text_version given_at", _consents(plan)),
        "post": (
            "id organization_id title category division_id place content conditions sign_up risk_level hazards "
            "dangerous risks safeguards responsible_name responsible_phone min_age max_age state created_at "
            "created_by_id published_at published_by_id cancel_reason revision search_text",
            _posts(plan),
        ),
        "shift": (
            "id post_id starts_at ends_at places break_minutes state cancel_reason revision",
            _shifts(plan),
        ),
    }


def _accounts(plan: Plan) -> Iterator[Row]:
    chance, joined = plan.random("names"), _joined(plan)
    for n in range(plan.volunteers):
        name = chance.choice(SURNAMES) + chance.choice(GIVEN) + chance.choice(GIVEN)
        phone = VOLUNTEER_PHONE.format(plan.first_phone + n)
        yield (plan.first["account"] + n, name, phone, plan.password_hash, "zh_Hans", joined, joined)


def _joined(plan: Plan) -> str:
    """A moment before the first service of anybody."""
    rounds = -(-plan.records // max(1, plan.volunteers))
    return stored(plan.now - (rounds * DAYS_BETWEEN + 60) * DAY)


def _volunteers(plan: Plan) -> Iterator[Row]:
    chance, joined, year = plan.random("volunteers"), _joined(plan), clock.today(plan.now).year
    for n in range(plan.volunteers):
        station = plan.stations[n % len(plan.stations)]
        born = date(year - chance.randint(25, 75), chance.randint(1, 12), chance.randint(1, 28)).isoformat()
        number = f"{chance.randrange(10**4):04d}{plan.first['volunteer'] + n:08d}"
        gender = chance.choice([Gender.FEMALE.value, Gender.MALE.value])
        yield (
            plan.first["volunteer"] + n, plan.first["account"] + n, number, gender, born, station.division_id,
            station.organization_id, "[]", "[]", VolunteerState.ACTIVE.value, joined, joined, station.clerk_id, "",
        )  # fmt: skip


def _consents(plan: Plan) -> Iterator[Row]:
    joined = _joined(plan)
    for n in range(plan.volunteers):
        for purpose in (Purpose.PLEDGE, Purpose.REGISTRATION):
            yield (plan.first["account"] + n, purpose.value, "1", joined)


def _posts(plan: Plan) -> Iterator[Row]:
    made = _joined(plan)
    for n in range(plan.posts):
        station, (title, category, content) = _post(plan, n)
        place = f"{station.name}一楼"
        yield (
            plan.first["post"] + n, station.organization_id, title, category.value, station.division_id, place,
            content, "身体健康，守时守信。", "在本页认领，或到站点登记。", RiskLevel.LOW.value, "[]", 0, "无明显风险。",
            "意外险、饮水。", "站务员", "0573-00000000", 18, 90, PostState.PUBLISHED.value, made, station.clerk_id,
            made, station.clerk_id, "", 1, folded(f"{title} {place} {content}"),
        )  # fmt: skip


def _post(plan: Plan, n: int) -> tuple[Station, tuple[str, Category, str]]:
    return plan.stations[n % len(plan.stations)], TITLES[n // len(plan.stations) % len(TITLES)]


def _shifts(plan: Plan) -> Iterator[Row]:
    for slot in chain(_past_slots(plan), _open_slots(plan)):
        yield (
            plan.first["shift"] + slot.number, plan.first["post"] + slot.post, MOMENTS[slot.starts_at],
            MOMENTS[slot.ends_at], slot.places, 0, ShiftState.OPEN.value, "", 1,
        )  # fmt: skip


def _past_slots(plan: Plan) -> Iterator[Slot]:
    """The shifts of the past, the newest round first; in a round every volunteer serves at most once."""
    chance, today = plan.random("past"), clock.today(plan.now)
    for number in range(plan.past_shifts):
        back, group = divmod(number, plan.groups)
        day = today - (2 + back * DAYS_BETWEEN) * DAY
        starts_at = MOMENTS.minute(clock.at(day, time(FIRST_HOUR + 2 * (group % STARTS))))
        yield _past_slot(plan, number, day, starts_at, chance)


def _past_slot(plan: Plan, number: int, day: date, starts_at: int, chance: random.Random) -> Slot:
    post, minutes = chance.randrange(plan.posts), chance.choice([60, 90, 120])
    station, (title, category, content) = _post(plan, post)
    end, days = starts_at + minutes, (day.isoformat(), (day + 14 * DAY).isoformat())
    moments = (MOMENTS[starts_at - 7200], MOMENTS[end + 60], MOMENTS[end + 1200])
    told = (title, category.value, content, f"{station.name}一楼", *days, *moments)
    return Slot(number, post, station, starts_at, minutes, PEOPLE_A_SHIFT, told)


def _open_slots(plan: Plan) -> Iterator[Slot]:
    """The shifts to come, from tomorrow on, between 8 and 18 o'clock."""
    chance, today = plan.random("open"), clock.today(plan.now)
    for n in range(plan.shifts):
        day = today + (1 + n * DAYS_AHEAD // plan.shifts) * DAY
        starts_at = MOMENTS.minute(clock.at(day, time(chance.randint(8, 18), chance.choice([0, 30]))))
        post, minutes = chance.randrange(plan.posts), chance.choice([60, 90, 120, 150, 180])
        number, places_ = plan.past_shifts + n, chance.choice([2, 3, 5, 8, 10, 15, 20])
        yield Slot(number, post, _post(plan, post)[0], starts_at, minutes, places_)


def _services(plan: Plan) -> Iterator[Service]:
    """Every attendance of the past. In each round the volunteers are dealt anew, as if they moved up by some seats."""
    chance, numbers = plan.random("services"), count()
    for slot in _past_slots(plan):
        back, group = divmod(slot.number, plan.groups)
        seats = range(group * PEOPLE_A_SHIFT, min((group + 1) * PEOPLE_A_SHIFT, plan.volunteers))
        for place, seat in enumerate(seats[: plan.records - back * plan.volunteers - seats.start], 1):
            early, late = divmod(chance.getrandbits(8), 16)
            volunteer = (seat + back * MOVE_UP) % plan.volunteers
            yield Service(next(numbers), slot, volunteer, place, slot.starts_at + early - 8, slot.ends_at + late - 8)


def _coming_claims(plan: Plan) -> Iterator[Row]:
    """Holders and lines of every second shift to come. Only the second half of the volunteers claims, each once;
    the first half is free for load tests."""
    chance, people = plan.random("coming"), iter(range(plan.volunteers // 2, plan.volunteers))
    numbers, shift, volunteer = count(plan.first["claim"] + plan.records), plan.first["shift"], plan.first["volunteer"]
    claimed, own = stored(plan.now - DAY), Source.OWN.value
    for slot in _open_slots(plan):
        wanted = chance.choice([1, 2, slot.places // 2, slot.places, slot.places + 2]) if slot.number % 2 else 0
        for seat, person in zip(range(1, wanted + 1), people, strict=False):
            place = seat if seat <= slot.places else None
            state = (ClaimState.HELD if place else ClaimState.WAITING).value
            row = (next(numbers), shift + slot.number, volunteer + person, state, place, slot.places)
            yield (*row, own, claimed, "", None)


# --- the services of the past -----------------------------------------------------------------------------

# Written once into two tables of this connection, and from there by the database itself into the tables of
# the product: five times as fast as row by row, and every constraint is checked on the way.
SCRATCH = {
    "seed_slot": """number INTEGER PRIMARY KEY, places INTEGER, planned INTEGER, organization INTEGER, clerk INTEGER,
        confirmer INTEGER, title VARCHAR(40), category VARCHAR(24), content VARCHAR(400), place VARCHAR(120),
        served_on DATE, due_on DATE, claimed_at TIMESTAMP WITH TIME ZONE, handed_in_at TIMESTAMP WITH TIME ZONE,
        confirmed_at TIMESTAMP WITH TIME ZONE""",
    "seed_service": """number INTEGER PRIMARY KEY, slot INTEGER, volunteer INTEGER, place INTEGER,
        came TIMESTAMP WITH TIME ZONE, gone TIMESTAMP WITH TIME ZONE, minutes INTEGER, own INTEGER""",
}
SERVICES = "FROM seed_service v JOIN seed_slot s ON s.number = v.slot"
PUNCH = f"""
    SELECT :claim + v.number, '%s', v.%s, v.%s, CASE WHEN v.own = 1 THEN :account + v.volunteer ELSE s.clerk END,
        CASE WHEN v.own = 1 THEN 'A' ELSE 'B' END {SERVICES} ORDER BY v.number"""
DERIVED = [
    (
        "claim",
        "id, shift_id, volunteer_id, state, place, places, source, claimed_at, reason, handed_in_at",
        f"""SELECT :claim + v.number, :shift + s.number, :volunteer + v.volunteer, 'held', v.place, s.places, 'own',
        s.claimed_at, '', s.handed_in_at {SERVICES} ORDER BY v.number""",
    ),
    ("punch", "claim_id, act, at, recorded_at, recorded_by_id, evidence", PUNCH % ("in", "came", "came")),
    ("punch", "claim_id, act, at, recorded_at, recorded_by_id, evidence", PUNCH % ("out", "gone", "gone")),
    (
        "service_record",
        """id, volunteer_id, claim_id, organization_id, title, category, content, place, responsible_name, served_on,
        started_at, ended_at, planned_minutes, minutes, evidence, below_presence, levels_up, state, handed_in_at,
        handed_in_by_id, due_on, confirmed_at, confirmed_by_id, reason""",
        f"""SELECT :record + v.number, :volunteer + v.volunteer, :claim + v.number, s.organization, s.title, s.category,
        s.content, s.place, '站务员', s.served_on, v.came, v.gone, s.planned, v.minutes,
        CASE WHEN v.own = 1 THEN 'A' ELSE 'B' END, FALSE, 0, 'effective', s.handed_in_at, s.clerk, s.due_on,
        s.confirmed_at, s.confirmer, '' {SERVICES} ORDER BY v.number""",
    ),
    (
        "ledger_entry",
        """volunteer_id, record_id, organization_id, kind, minutes, evidence, category, served_on, at, author_id,
        approver_id""",
        f"""SELECT :volunteer + v.volunteer, :record + v.number, s.organization, 'credit', v.minutes,
        CASE WHEN v.own = 1 THEN 'A' ELSE 'B' END, s.category, s.served_on, s.confirmed_at, s.clerk, s.confirmer
        {SERVICES} ORDER BY v.number""",
    ),
    ("recorder", "record_id, account_id", f"SELECT :record + v.number, s.clerk {SERVICES} ORDER BY v.number"),
    (
        "recorder",
        "record_id, account_id",
        "SELECT :record + number, :account + volunteer FROM seed_service WHERE own = 1 ORDER BY number",
    ),
]
DERIVED_TABLES = sorted({table for table, _columns, _query in DERIVED})


def _derive(connection: Connection, plan: Plan, say: Say) -> dict[str, int]:
    """Write the services of the past into every table that tells of them."""
    for name, columns in SCRATCH.items():
        connection.execute(text(f"CREATE TEMPORARY TABLE {name} ({columns})"))
    pour(connection, "seed_slot", _columns("seed_slot"), map(_slot_row, _past_slots(plan)))
    pour(connection, "seed_service", _columns("seed_service"), map(_service_row, _services(plan)))
    look_at(connection, SCRATCH)
    counts: Counter[str] = Counter()
    for table, columns, query in DERIVED:
        counts[table] += _insert(connection, plan, table, f"INSERT INTO {table} ({columns}) {query}", say)
    for name in SCRATCH:
        connection.execute(text(f"DROP TABLE {name}"))
    counts["claim"] += _write(connection, "claim", COMING, _coming_claims(plan), say)
    return counts


def _columns(scratch: str) -> list[str]:
    return [column.split()[0] for column in SCRATCH[scratch].split(",")]


def _insert(connection: Connection, plan: Plan, table: str, statement: str, say: Say) -> int:
    first = {**plan.first, "record": plan.first["service_record"]}
    query = text(statement)
    with _timed(table, say) as told:
        told.append(connection.execute(query, {name: first[name] for name in query.compile().params}).rowcount)
    return told[0]


def _slot_row(slot: Slot) -> Row:
    title, category, content, place, day, due, claimed, handed_in, confirmed = slot.told
    station = slot.station
    return (
        slot.number, slot.places, slot.minutes, station.organization_id, station.clerk_id, station.confirmer_id, title,
        category, content, place, day, due, claimed, handed_in, confirmed,
    )  # fmt: skip


def _service_row(service: Service) -> Row:
    number, slot, volunteer, place, came, gone = service
    minutes = min(gone, slot.ends_at) - max(came, slot.starts_at)
    return (number, slot.number, volunteer, place, MOMENTS[came], MOMENTS[gone], minutes, int(number % OWN_ACT == 0))
