"""A small named world: Lin, Zhou and Shen volunteer; Chen is the station's clerk, Wu confirms, Qian runs the
county; Gu and Pan are a clerk and a confirmer in another county."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from flask import Flask
from flask.testing import FlaskClient

from blueprints.identity import queries as identity
from blueprints.identity.access import TOKEN
from blueprints.identity.models import Account, Gender, Grant, SecondFactor, Session, Volunteer, VolunteerState
from blueprints.organizations import actions as organizations
from blueprints.organizations.models import Organization, OrganizationKind
from blueprints.posts.models import Category, Post, PostState, RiskLevel, Shift, ShiftState
from blueprints.records.models import Recorder
from core import vault
from core.actor import Actor, Role
from core.db import Base, db

START = datetime(2099, 5, 4, 1, 0, tzinfo=UTC)  # Monday 09:00 in Jiaxing
BEFORE = START - timedelta(days=2)
HOUR = timedelta(hours=1)
JIAXING, NANHU, NANHU_TOWN, YANYU = 330400000000, 330402000000, 330402010000, 330402010028
JIASHAN, XITANG = 330421000000, 330421103000
FOREVER = datetime(2999, 1, 1, tzinfo=UTC)
_numbers = count(1)
R = TypeVar("R", bound=Base)


def saved(row: R) -> R:
    db.session.add(row)
    db.session.commit()
    return row


def recorders_of(record_id: int) -> set[int]:
    """The accounts that recorded part of an entry."""
    return set(db.session.scalars(db.select(Recorder.account_id).where(Recorder.record_id == record_id)))


def make_organization(
    name: str = "烟雨社区志愿服务站",
    kind: OrganizationKind = OrganizationKind.STATION,
    parent: Organization | None = None,
    division_id: int = YANYU,
) -> Organization:
    made = organizations.found(name, kind, division_id=division_id, parent=parent, now=BEFORE)
    db.session.commit()
    return made


def make_account(name: str = "林小满", **values: Any) -> Account:
    number = next(_numbers)
    values.setdefault("phone", f"+86199{number:08d}")
    values.setdefault("claimed_at", BEFORE)
    return saved(Account(name=name, created_at=BEFORE, **values))


def make_volunteer(name: str = "林小满", organization: Organization | None = None, **values: Any) -> Volunteer:
    account = values.pop("account", None) or make_account(name)
    organization = organization or make_organization()
    values = {
        "gender": Gender.FEMALE,
        "birth_date": date(2075, 3, 1),
        "division_id": YANYU,
        "state": VolunteerState.ACTIVE,
        "submitted_at": BEFORE,
        **values,
    }
    number = f"T{next(_numbers):09d}"
    return saved(Volunteer(account_id=account.id, number=number, registered_with_id=organization.id, **values))


def give(account: Account, role: Role, organization: Organization) -> Actor:
    saved(Grant(account_id=account.id, role=role, organization_id=organization.id, granted_at=BEFORE))
    if role is Role.ADMINISTRATOR and not identity.second_factor(
        account.id
    ):  # who needs the second step at sign-in has set it up
        give_second_step(account)
    return actor_for(account)


def give_second_step(account: Account, secret: str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP") -> SecondFactor:
    """A phone that makes codes for the account."""
    return saved(SecondFactor(account_id=account.id, sealed=vault.seal(secret), last_step=0, set_up_at=BEFORE))


def make_staff(role: Role, organization: Organization, name: str = "陈站长") -> Actor:
    return give(make_account(name), role, organization)


def actor_for(account: Account) -> Actor:
    """The account as a request would see it."""
    token = open_session(account.id)
    actor = identity.actor_of(token, BEFORE)
    assert actor is not None
    return actor


def open_session(account_id: int) -> str:
    token = vault.token()
    saved(Session(account_id=account_id, token_hash=vault.digest(token), created_at=BEFORE, expires_at=FOREVER))
    return token


def sign_in(client: FlaskClient, account_id: int) -> None:
    token = open_session(account_id)
    with client.session_transaction() as session:
        session[TOKEN] = token


def browser_of(app: Flask, who: Actor | Volunteer) -> FlaskClient:
    """A browser in which somebody is signed in; it reads English."""
    client = app.test_client()
    client.set_cookie("prefs", "en.normal.auto")
    sign_in(client, who.account_id)
    return client


def make_post(organization: Organization, author: Account | None = None, **values: Any) -> Post:
    author = author or make_account("陈站长")
    values = {
        "title": "社区图书角管理岗",
        "category": Category.CONVENIENCE,
        "division_id": organization.division_id,
        "place": "烟雨社区党群服务中心一楼",
        "content": "整理图书，办理借还，陪孩子阅读。",
        "conditions": "有耐心，爱看书。",
        "sign_up": "在本页认领，或到站点登记。",
        "risk_level": RiskLevel.LOW,
        "hazards": [],
        "risks": "久坐，无明显风险。",
        "safeguards": "意外险、饮水。",
        "responsible_name": "陈站长",
        "responsible_phone": "0573-00000000",
        "min_age": 14,
        "max_age": 90,
        "state": PostState.PUBLISHED,
        "published_at": BEFORE,
        "published_by_id": author.id,
        "search_text": "社区图书角管理岗 烟雨社区",
        **values,
    }
    return saved(Post(organization_id=organization.id, created_at=BEFORE, created_by_id=author.id, **values))


def make_shift(
    post: Post | None = None, places: int = 2, starts_at: datetime = START, hours: float = 2, **values: Any
) -> Shift:
    post = post or make_post(make_organization())
    values.setdefault("state", ShiftState.OPEN)
    ends_at = starts_at + timedelta(hours=hours)
    return saved(Shift(post_id=post.id, starts_at=starts_at, ends_at=ends_at, places=places, **values))


@dataclass
class World:
    """Everybody at once, for tests that ask who may do what."""

    city: Organization
    county: Organization
    town: Organization
    station: Organization
    other_county: Organization
    other_station: Organization
    lin: Volunteer
    zhou: Volunteer
    shen: Volunteer
    chen: Actor  # clerk of the station
    wu: Actor  # confirmer of the town
    qian: Actor  # administrator of the county
    gu: Actor  # clerk of the other station
    pan: Actor  # confirmer of the other county
    he: Actor  # administrator of the other county


def make_world() -> World:
    kinds = OrganizationKind
    city = make_organization("嘉兴市志愿服务指导中心", kinds.OFFICE, None, JIAXING)
    county = make_organization("南湖区志愿服务指导中心", kinds.OFFICE, city, NANHU)
    town = make_organization("南湖街道团工委", kinds.LEAGUE, county, NANHU_TOWN)
    station = make_organization("烟雨社区志愿服务站", kinds.STATION, town, YANYU)
    other_county = make_organization("嘉善县志愿服务指导中心", kinds.OFFICE, city, JIASHAN)
    other_station = make_organization("西塘镇志愿服务站", kinds.STATION, other_county, XITANG)
    lin, zhou, shen = (make_volunteer(name, station) for name in ("林小满", "周晓航", "沈一诺"))
    roles = [
        (Role.CLERK, station, "陈站长"),
        (Role.CONFIRMER, town, "吴确认"),
        (Role.ADMINISTRATOR, county, "钱主任"),
        (Role.CLERK, other_station, "顾站长"),
        (Role.CONFIRMER, other_county, "潘确认"),
        (Role.ADMINISTRATOR, other_county, "何主任"),
    ]
    staff = [make_staff(role, organization, name) for role, organization, name in roles]
    return World(city, county, town, station, other_county, other_station, lin, zhou, shen, *staff)
