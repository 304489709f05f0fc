"""Failed tries to get in, counted for a quarter of an hour under keys that name nobody."""

import ipaddress
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select

from blueprints.identity.models import Attempt
from core import clock, vault
from core.db import Question, db
from core.i18n import ngettext
from core.refusal import TooManyTries

WINDOW = timedelta(minutes=15)
PAIR, PHONE, ADDRESS, OWN, MAIL = 5, 20, 100, 5, 3
STEPS = 10  # codes of the second step, of one account; a guess of six digits would take months
CODES = 10  # of one person who types what the station shows
PINS, TABLET, PAIRINGS = 5, 30, 10  # of one person, at one tablet, from one address
REGISTRATIONS, LINKS = 40, 20  # from one address; a class registers in one room
OBJECTIONS = 10  # to public notices, of people without an account, from one address

MOST_KEYS = 3  # of one try

Tries = dict[str, int]  # the keys under which a try is counted, each with the number that is allowed
_attempt = Attempt.__table__.c
RECENT = Question(
    select(_attempt.key, _attempt.at)
    .where(_attempt.key.in_([bindparam(f"key{n}") for n in range(MOST_KEYS)]), _attempt.at > bindparam("since"))
    .order_by(_attempt.at)
)
KEPT = Question(select(_attempt.id).where(_attempt.key == bindparam("key")).limit(1))


def of_phone(scope: str, phone: str, address: str) -> Tries:
    """A try to get in: counted for the phone at this address, for the phone, and for the address."""
    network = _network(address)
    keys = (f"{scope}/{phone}/{network}", f"{scope}/{phone}", f"{scope}//{network}")
    return dict(zip(map(vault.digest, keys), (PAIR, PHONE, ADDRESS), strict=True))


def of_account(account_id: int) -> Tries:
    """Somebody signed in who is asked for the password once more."""
    return {vault.digest(f"own/{account_id}"): OWN}


def of_second_step(account_id: int, address: str) -> Tries:
    """Codes typed by somebody who knows the password: counted at this address, and for the account."""
    keys = (f"second step/{account_id}/{_network(address)}", f"second step/{account_id}")
    return dict(zip(map(vault.digest, keys), (PAIR, STEPS), strict=True))


def of_codes(account_id: int) -> Tries:
    """Codes typed to check in or out; without a limit six digits could be guessed within their window."""
    return {vault.digest(f"code/{account_id}"): CODES}


def of_pin(number: str, tablet_id: int) -> Tries:
    """A PIN typed at a tablet: counted for the volunteer number, whether or not there is one, and for the tablet."""
    return {vault.digest(f"pin/{number}"): PINS, vault.digest(f"pin//{tablet_id}"): TABLET}


def of_exit(tablet_id: int) -> Tries:
    """The PIN that leaves the kiosk."""
    return {vault.digest(f"exit/{tablet_id}"): OWN}


def of_address(scope: str, address: str, most: int) -> Tries:
    """Something that anybody may do, but not by the hundred."""
    return {vault.digest(f"{scope}//{_network(address)}"): most}


def of_mail(phone: str) -> Tries:
    """Links sent to the mail address behind a phone number."""
    return {vault.digest(f"mail/{phone}"): MAIL}


def _network(address: str) -> str:
    """The address, or of IPv6 the /64 that one household holds."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))


def require_calm(allowed: Tries, *, now: datetime) -> None:
    """Refuse while one of the keys has as many tries as it may; that never lasts longer than the window."""
    if wait := waits_until(allowed, now=now):
        raise TooManyTries(_sentence(math.ceil((wait - now) / clock.MINUTE)))


def waits_until(allowed: Tries, *, now: datetime) -> datetime | None:
    """When the next try is allowed; None if it is now."""
    asked = [*allowed, *[next(iter(allowed))] * (MOST_KEYS - len(allowed))]
    rows = RECENT.answer(**{f"key{n}": key for n, key in enumerate(asked)}, since=now - WINDOW)
    ends = [_end([at for key, at in rows if key == name], most) for name, most in allowed.items()]
    return max((end for end in ends if end), default=None)


def _end(moments: Sequence[datetime], most: int) -> datetime | None:
    """When fewer than `most` of the moments lie within the window again; None if that is so now."""
    return moments[-most] + WINDOW if len(moments) >= most else None


def _sentence(minutes: int) -> str:
    sentence: str = ngettext(
        "Too many tries. Please wait %(num)d minute, then try again.",
        "Too many tries. Please wait %(num)d minutes, then try again.",
        max(minutes, 1),
    )
    return sentence


def note(counted: Tries, *, now: datetime) -> None:
    """Count a try under each of its keys, and forget those that no longer count."""
    db.session.execute(delete(Attempt).where(Attempt.at <= now - WINDOW))
    db.session.add_all(Attempt(key=key, at=now) for key in counted)


def forgive(counted: Tries) -> None:
    """Forget the failed tries of this phone at this address, the first key, once it is in."""
    first = next(iter(counted))
    if KEPT.within(key=first):  # nearly always there is none, and to delete nothing would cost four times this look
        db.session.execute(delete(Attempt).where(Attempt.key == first))
