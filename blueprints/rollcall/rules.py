"""When an act was seen, as two clocks tell it; and the pass by which a tablet proves whose roster it held."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.fernet import InvalidToken

from core import vault
from core.i18n import _
from core.refusal import Refusal

MOST_AT_ONCE = 200  # acts in one sending, and so in one transaction
TOLERANCE = timedelta(minutes=2)  # by which two clocks may drift, and a slow network may mislead
SAME = timedelta(minutes=15)  # two people who mark the same within it mean the same
LATEST = timedelta(hours=24)  # after the shift's closing; what comes later is entered by a person, as class C
KEPT = timedelta(days=365)  # pictures of paper sheets, from the end of the shift
PASS = "roster"


@dataclass(frozen=True, slots=True)
class Watch:
    """Who held which roster from when on, as the server wrote it down when it gave the roster out."""

    account_id: int
    shift_id: int
    issued_at: datetime


def pass_for(account_id: int, shift_id: int, *, now: datetime) -> str:
    """What a roster carries, so that its acts can prove later by whom and after when they were made."""
    return vault.seal(json.dumps([PASS, account_id, shift_id, now.isoformat()]))


def opened(sealed: str) -> Watch | None:
    """What a pass says; None for one that this server did not write."""
    try:
        kind, account_id, shift_id, issued_at = json.loads(vault.unseal(sealed))
    except (InvalidToken, ValueError, TypeError):
        return None
    return Watch(account_id, shift_id, datetime.fromisoformat(issued_at)) if kind == PASS else None


def moment(at: datetime, met_at: datetime, watch: Watch, *, sent_at: datetime, now: datetime) -> datetime:
    """When the server's clock showed what the tablet's clock called `at`; a clock that was moved refuses.

    `met_at` and `sent_at` are the tablet's clock when it got the roster and when it sends: both times the
    server's clock is known, so a clock that is wrong, but goes evenly, does no harm.
    """
    ahead = now - sent_at
    if abs(ahead - (watch.issued_at - met_at)) > TOLERANCE:
        raise Refusal(_("The clock of the tablet was moved meanwhile, so the time is uncertain."))
    seen = at + ahead
    if seen > now + TOLERANCE:
        raise Refusal(_("By the clock of the tablet this lies in the future."))
    if seen < watch.issued_at - TOLERANCE:
        raise Refusal(_("By the clock of the tablet this was before the roster was opened."))
    return min(seen, now)
