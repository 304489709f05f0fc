"""What the tests of this area type into forms, and people to be it."""

from datetime import UTC, date, datetime
from typing import Any

from stdnum.cn import ric

from blueprints.identity.actions import Details
from blueprints.identity.models import Account, Category, Gender, Skill, Volunteer
from core import passwords
from core.db import db
from tests.factories import YANYU

PASSWORD = "southlake7"
OTHER = "northlake8"
HASH = passwords.HASHER.hash(PASSWORD)
PHONE, E164 = "199 0000 9001", "+8619900009001"
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 10:00 in Jiaxing
OLD = date(1901, 3, 4)  # nobody alive was born then, so that no ID number of a test is a person's


def id_number(birth: date = OLD, *, man: bool = False, place: str = "330402", order: int = 98) -> str:
    """A number that passes every check; county codes as in stdnum exist since 1983 only, people since longer."""
    body = f"{place}{birth:%Y%m%d}{order:02d}{1 if man else 2}"
    return body + ric.calc_check_digit(body + "0")


def details(**values: Any) -> Details:
    """A woman of 26 from the Yanyu community who repairs things."""
    plain: dict[str, Any] = {
        "name": "林小满",
        "gender": Gender.FEMALE,
        "birth_date": date(2000, 3, 4),
        "division_id": YANYU,
        "skills": [Skill.APPLIANCES],
        "categories": [Category.ELDERS],
        "availability": ["sat-morning"],
    }
    return Details(**{**plain, **values})


def registration(**values: Any) -> dict[str, Any]:
    """The registration form, filled in as it should be."""
    return {
        "division_id": str(YANYU),
        "name": "林小满",
        "gender": "female",
        "birth_date": "2000-03-04",
        "phone": PHONE,
        "new_password": PASSWORD,
        "password_again": PASSWORD,
        "skills": ["appliances", "driving"],
        "categories": ["elders"],
        "availability": ["sat-morning", "sun-evening"],
        "pledge": "y",
        "registration": "y",
        **values,
    }


def with_password(account: Account) -> Account:
    account.password_hash = HASH
    db.session.commit()
    return account


def account_of(volunteer: Volunteer) -> Account:
    return with_password(db.session.get_one(Account, volunteer.account_id))
