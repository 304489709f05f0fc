"""What the rules, their reasons and the states of flags are called."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from blueprints.inspections.models import CheckState, Drawn, Finding, FlagState, Late, RiskFlag, Rule, Subject
from core import display
from core.i18n import _, lazy

WORDS: dict[StrEnum, Any] = {
    Rule.FRESH_ACCOUNT: lazy("Account made minutes before"),
    Rule.FRESH_POST: lazy("Post made minutes before"),
    Rule.AFTERWARDS: lazy("Much entered afterwards"),
    Rule.SHARED_DEVICE: lazy("One phone for many"),
    Rule.IDENTICAL: lazy("Identical minutes"),
    Rule.TWO_PLACES: lazy("Two places at once"),
    Rule.AT_NIGHT: lazy("At somebody's door at night"),
    Rule.MUTUAL: lazy("Confirm each other"),
    Rule.FRIENDS: lazy("Always the same person"),
    Rule.AGES: lazy("Crowd of very young or very old people"),
    Rule.ABSENT: lazy("Noted as absent that day"),
    Rule.LATE_MARKS: lazy("Marked long after the shift"),
    Rule.ALL_AT_DESK: lazy("Everybody exactly as planned"),
    Rule.TYPED_FAST: lazy("Hours typed in within minutes"),
    Rule.ATTEMPTS: lazy("Refused again and again"),
    Subject.RECORD: lazy("Entry"),
    Subject.SHIFT: lazy("Shift"),
    Subject.PERSON: lazy("Staff"),
    FlagState.OPEN: lazy("To be looked at"),
    FlagState.DRAWN: lazy("In a spot check"),
    FlagState.LOOKED_AT: lazy("Looked at"),
}
# Apart, because members of two enums with the same value are the same key.
CHECK_WORDS: dict[StrEnum, Any] = {
    CheckState.OPEN: lazy("Evidence asked for"),
    CheckState.CLOSED: lazy("Closed"),
    CheckState.PUBLISHED: lazy("Published"),
    Finding.OK: lazy("In order"),
    Finding.FAULT: lazy("Fault"),
    Finding.NOT_PROVEN: lazy("Not proven"),
    Drawn.CHANCE: lazy("by chance"),
    Drawn.RISK: lazy("because of a risk flag"),
}

LATE_WORDS: dict[StrEnum, Any] = {
    Late.NOT_HANDED_IN: lazy("Times not handed in"),
    Late.NOT_MARKED: lazy("Nobody marked"),
    Late.NOT_CONFIRMED: lazy("Entries not confirmed"),
    Late.NOT_APPROVED: lazy("Entries not approved"),
    Late.DISPUTE: lazy("Dispute not decided"),
    Late.OBJECTION: lazy("Objection to a public notice not decided"),
    Late.REPORT: lazy("Reported registration not decided"),
    Late.EVIDENCE: lazy("Evidence not sent"),
}


def reason(flag: RiskFlag) -> str:
    """Why the flag was raised, in a sentence with its numbers."""
    return str(_REASONS[flag.rule](flag.details))


def _minutes(details: dict[str, int]) -> str:
    return display.minutes(details.get("minutes", 0))


_REASONS: dict[Rule, Callable[[dict[str, int]], str]] = {
    Rule.FRESH_ACCOUNT: lambda told: _(
        "The times were handed in %(minutes)s after the person's account was made.", minutes=_minutes(told)
    ),
    Rule.FRESH_POST: lambda told: _(
        "The post was published %(minutes)s before the service began.", minutes=_minutes(told)
    ),
    Rule.AFTERWARDS: lambda told: _(
        "Of %(entries)d entries that this person handed in lately, %(percent)d %% were entered afterwards (class C).",
        **told,
    ),
    Rule.SHARED_DEVICE: lambda told: _("One phone checked in %(people)d people.", **told),
    Rule.IDENTICAL: lambda told: _(
        "%(people)d people were handed in on one day with exactly %(minutes)s each, which is not a shift's plan.",
        people=told.get("people", 0),
        minutes=_minutes(told),
    ),
    Rule.TWO_PLACES: lambda told: _(
        "By two entries the person was at two places at once, for %(minutes)s.", minutes=_minutes(told)
    ),
    Rule.AT_NIGHT: lambda _told: _("Service at somebody's door in the hours in which people sleep."),
    Rule.MUTUAL: lambda told: _(
        "Two people confirm each other: %(there)d entries one way and %(back)d the other lately.", **told
    ),
    Rule.FRIENDS: lambda told: _(
        "Of %(entries)d entries of the same recorder and confirmer, %(percent)d %% are of one person.", **told
    ),
    Rule.AGES: lambda told: _(
        "This person lately registered %(people)d people who are very young or very old.", **told
    ),
    Rule.ABSENT: lambda _told: _("That day the person was noted as absent or excused from another shift."),
    Rule.LATE_MARKS: lambda told: _(
        "The attendance was marked %(hours)d hours after the shift, without a photo of a sheet.", **told
    ),
    Rule.ALL_AT_DESK: lambda told: _(
        "All %(people)d people have exactly the planned time, and none checked in themselves.", **told
    ),
    Rule.TYPED_FAST: lambda told: _(
        "%(minutes)s of %(people)d people were typed in within minutes, without a photo of a sheet.",
        people=told.get("people", 0),
        minutes=_minutes(told),
    ),
    Rule.ATTEMPTS: lambda told: _("This person was refused %(count)d times lately.", **told),
}
