"""What stands in the database before people come, and what they come with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from blueprints.claims import actions as claims
from blueprints.identity.models import Account, Volunteer
from core import passwords
from core.db import db, reading
from tests.factories import BEFORE, START, World, actor_for, make_post, make_shift

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TABLET: dict[str, Any] = {"viewport": {"width": 1024, "height": 768}, "has_touch": True}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
LIBRARY = "社区图书角管理岗"
PASSWORD = "Haiyan2099"
R = TypeVar("R")


@contextmanager
def prepared() -> Iterator[None]:
    """Write rows, and leave nothing locked for the server."""
    yield
    db.session.commit()
    db.session.remove()


def found(ask: Callable[[], R]) -> R:
    """What the database says now."""
    with reading():
        return ask()


def offered(
    world: World, title: str = LIBRARY, *, places: int = 2, starts_at: datetime = START, hours: float = 2, **post: Any
) -> int:
    """A published post of the station with one shift; returns the shift's id."""
    with prepared():
        written = make_post(world.station, title=title, search_text=f"{title} 烟雨社区", **post)
        return make_shift(written, places, starts_at, hours).id


def with_password(account_id: int) -> str:
    """Give the account a password that the person knows; returns the phone number to sign in with."""
    with prepared():
        account = db.session.get_one(Account, account_id)
        account.password_hash = passwords.hashed(PASSWORD)
        return str(account.phone)


def claimed(shift_id: int, volunteer: Volunteer) -> int:
    """The volunteer claims in time, on a day before the tests begin; returns the claim's id."""
    with prepared():
        return claims.claim(shift_id, actor_for(db.session.get_one(Account, volunteer.account_id)), now=BEFORE).id
