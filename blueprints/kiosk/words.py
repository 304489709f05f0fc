"""What the ways of checking in and the oddities of an attendance are called."""

from enum import StrEnum
from typing import Any

from blueprints.kiosk.models import Flag, FlagKind, Method
from core.i18n import _, lazy, ngettext

WORDS: dict[StrEnum, Any] = {
    Method.SCAN: lazy("scanned the tablet's code"),
    Method.PIN: lazy("number and PIN on the tablet"),
    Method.CARD: lazy("card held to the tablet"),
    FlagKind.SHARED_DEVICE: lazy("One phone for several people"),
    FlagKind.TWO_PLACES: lazy("At two places at once"),
    FlagKind.FAR_AWAY: lazy("Far from the station"),
}


def told(flag: Flag) -> str:
    """The oddity in a sentence that says what to look at."""
    if flag.kind is FlagKind.SHARED_DEVICE:
        return str(
            ngettext(
                "The same phone checked in %(num)d more person. Ask whether both were there.",
                "The same phone checked in %(num)d more people. Ask whether all were there.",
                flag.details.get("others", 1),
            )
        )
    if flag.kind is FlagKind.TWO_PLACES:
        return _("At the same time this person was checked in on another shift. Only one of the two can be right.")
    return _(
        "The phone was about %(metres)d m from the station. That alone proves nothing: ask.",
        metres=flag.details.get("metres", 0),
    )
