"""What the demo has to show of people who are registered twice: a pair that looks alike, and one that asked for it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from blueprints.admin import actions as office
from blueprints.identity import actions as people
from blueprints.identity.models import Account, Gender, Volunteer
from blueprints.mergers import actions as mergers
from core.actor import Actor
from core.db import db

CLERK = "0004"  # the last digits of their phone
PHONES = ("+8619900000194", "+8619900000195")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
Happening = Callable[[datetime], object]


def play(
    at: Callable[[datetime, Happening], None],
    now: datetime,
    volunteers: Sequence[Actor],
    actors: Mapping[str, Actor],
) -> None:
    """A clerk registers two people anew who have an account; the one of them asks that both become one."""
    at(now - 4 * DAY, lambda then: _once_more(volunteers[8], actors[CLERK], PHONES[0], then))
    at(now - 3 * DAY, lambda then: _once_more(volunteers[9], actors[CLERK], PHONES[1], then))
    at(now - 20 * HOUR, lambda then: _ask(volunteers[9], then))


def _once_more(actor: Actor, clerk: Actor, phone: str, now: datetime) -> None:
    mine = db.session.get_one(Volunteer, actor.volunteer_id)
    if not mine.birth_date or not mine.division_id:
        return
    details = people.Details(
        name=actor.name,
        gender=mine.gender or Gender.FEMALE,
        birth_date=mine.birth_date,
        division_id=mine.division_id,
    )
    office.register_for(details, clerk, phone=phone, now=now)


def _ask(actor: Actor, now: datetime) -> None:
    again = db.select(Volunteer.id).join(Account, Account.id == Volunteer.account_id)
    other = db.session.scalar(again.where(Account.phone == PHONES[1]))
    if other:
        mergers.ask(other, actor, reason="换了手机号，站点又替我登记了一次。", now=now)
