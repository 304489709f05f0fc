"""What organizations, the numbers of the rules and the traces of changes are called."""

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from blueprints.identity.words import WORDS as ROLES
from blueprints.organizations.models import SWITCHES, Limit, OrganizationKind
from blueprints.records.models import Bar, Tried
from blueprints.records.words import ATTEMPT_WORDS as ATTEMPTS
from core.actor import Role
from core.audit import AuditEntry
from core.i18n import _, lazy

WORDS: dict[StrEnum, Any] = {
    OrganizationKind.OFFICE: lazy("District office"),
    OrganizationKind.LEAGUE: lazy("League committee"),
    OrganizationKind.BRANCH: lazy("League branch"),
    OrganizationKind.ASSOCIATION: lazy("Volunteers' association"),
    OrganizationKind.COMMUNITY: lazy("Community or village committee"),
    OrganizationKind.STATION: lazy("Volunteer station"),
    OrganizationKind.TEAM: lazy("Volunteer team"),
    OrganizationKind.SCHOOL: lazy("School"),
    OrganizationKind.UNIT: lazy("Public body or company"),
    Limit.CANCEL_HOURS: lazy("Free cancelling ends before the start (hours)"),
    Limit.OFFER_MINUTES: lazy("An offered place is kept (minutes)"),
    Limit.CHECK_IN_BEFORE_MINUTES: lazy("Check-in opens before the start (minutes)"),
    Limit.CHECK_OUT_AFTER_MINUTES: lazy("Check-out stays open after the end (minutes)"),
    Limit.CLOSE_AFTER_MINUTES: lazy("A shift counts as closed after its end (minutes)"),
    Limit.MINIMUM_PRESENCE_PERCENT: lazy("Minimum presence (percent of the planned time)"),
    Limit.MINIMUM_AGE_YEARS: lazy("Minimum age to register (years)"),
    Limit.DAILY_HOURS: lazy("A day needs higher approval above (hours)"),
    Limit.DAILY_HOURS_HIGHER: lazy("A day needs approval two levels up above (hours)"),
    Limit.CONFIRM_WORKING_DAYS: lazy("Entries are confirmed within (working days)"),
    Limit.LOCATION_DAYS: lazy("Coordinates of a check-in are kept (days)"),
    Limit.SERIES_WEEKS: lazy("Shifts of a series are offered ahead (weeks)"),
    Limit.SECOND_STEP_CLERK: lazy("Second step at sign-in for clerks"),
    Limit.SECOND_STEP_CONFIRMER: lazy("Second step at sign-in for confirmers"),
    Limit.SECOND_STEP_ADMINISTRATOR: lazy("Second step at sign-in for administrators"),
    Limit.REMIND_HOURS: lazy("First reminder before the start (hours)"),
    Limit.REMIND_NEAR_HOURS: lazy("Second reminder before the start (hours)"),
    Limit.QUIET_FROM_HOUR: lazy("Quiet hours begin (full hour)"),
    Limit.QUIET_UNTIL_HOUR: lazy("Quiet hours end (full hour)"),
    Limit.NO_SHOW_MONTHS: lazy("That somebody did not come fades after (months)"),
    Limit.DISPUTE_WORKING_DAYS: lazy("A dispute is decided by the organization within (working days)"),
    Limit.DISPUTE_WORKING_DAYS_HIGHER: lazy("A dispute is decided by the level above within (working days)"),
    Limit.APPEAL_WORKING_DAYS: lazy("A rejected dispute can be appealed within (working days)"),
    Limit.RISK_FRESH_MINUTES: lazy("Risk: an account or a post made so shortly before (minutes)"),
    Limit.RISK_AFTERWARDS_PERCENT: lazy("Risk: share entered afterwards of one recorder (percent)"),
    Limit.RISK_DEVICE_PEOPLE: lazy("Risk: one phone checks in more than (people)"),
    Limit.RISK_CROWD: lazy("Risk: how many are a crowd (people or entries)"),
    Limit.RISK_LATE_HOURS: lazy("Risk: attendance is marked so long after the shift (hours)"),
    Limit.RISK_TYPED_MINUTES: lazy("Risk: hours typed in within (minutes)"),
    Limit.RISK_TYPED_HOURS: lazy("Risk: so many hours typed in at once (hours)"),
    Limit.RISK_PAIR_PERCENT: lazy("Risk: share of one person among a pair's entries (percent)"),
    Limit.RISK_OLD_YEARS: lazy("Risk: very old from (years)"),
    Limit.RISK_AGE_CROWD: lazy("Risk: how many very young or very old people are a crowd"),
    Limit.RISK_ATTEMPTS: lazy("Risk: refused so often (times)"),
    Limit.EVIDENCE_WORKING_DAYS: lazy("Evidence for a spot check is due within (working days)"),
    Limit.RISK_DAYS: lazy("Risk: how far back people's entries are held against each other (days)"),
    Limit.SUPPLEMENT_DAYS: lazy("Time outside a shift can be asked for within (days)"),
    Limit.NOTICE_WORKING_DAYS: lazy("A public notice lasts (working days)"),
    Limit.REPORT_DAYS: lazy("Reports of registrations are kept after their end (days)"),
    Limit.OBJECTION_DAYS: lazy("Names and phones of outsiders who objected are kept after the decision (days)"),
}

MEANINGS: dict[Role, Any] = {
    Role.CLERK: lazy("publishes posts, keeps rosters, hands in times and helps people at the counter"),
    Role.CONFIRMER: lazy("confirms or returns the times that others handed in"),
    Role.ADMINISTRATOR: lazy("founds organizations, gives roles and approves registrations"),
}

CONSEQUENCES: dict[Limit, Any] = {
    Limit.CANCEL_HOURS: lazy("Until then a place can be given up without a mark; later with a reason, marked late."),
    Limit.OFFER_MINUTES: lazy("A place freed shortly before the start is offered to the first in line for so long."),
    Limit.CHECK_IN_BEFORE_MINUTES: lazy("Nobody can check in earlier; minutes count from the start of the shift."),
    Limit.CHECK_OUT_AFTER_MINUTES: lazy("Whoever has not checked out by then has an open punch that a clerk settles."),
    Limit.CLOSE_AFTER_MINUTES: lazy("Times entered after that are evidence of class C."),
    Limit.MINIMUM_PRESENCE_PERCENT: lazy("Below it the minutes wait for a confirmer with the reason; never zero."),
    Limit.MINIMUM_AGE_YEARS: lazy("Nobody younger can register."),
    Limit.DAILY_HOURS: lazy("Above it the minutes of the day need the level above as well."),
    Limit.DAILY_HOURS_HIGHER: lazy("Above it the minutes of the day need two levels up."),
    Limit.CONFIRM_WORKING_DAYS: lazy("After that an entry is overdue (at most ten by 办法 art. 11)."),
    Limit.LOCATION_DAYS: lazy("After that only the distance to the station stays, and whether it was near."),
    Limit.SERIES_WEEKS: lazy("So far ahead people can claim; further dates follow day by day."),
    **dict.fromkeys(SWITCHES, lazy("Whoever has the role but no second step sets it up before the desk opens again.")),
    Limit.REMIND_HOURS: lazy("Whoever holds a place is reminded once, so long before."),
    Limit.REMIND_NEAR_HOURS: lazy("And once more; before an early shift on the evening before. 0: no second reminder."),
    Limit.QUIET_FROM_HOUR: lazy("From then on notifications and text messages wait, but for what is pressing."),
    Limit.QUIET_UNTIL_HOUR: lazy("What waited is sent then. The same as the beginning: there are no quiet hours."),
    Limit.NO_SHOW_MONTHS: lazy("After that nobody sees it any more; late cancellations fade likewise."),
    Limit.DISPUTE_WORKING_DAYS: lazy("After that the level above sees it and can take it over."),
    Limit.DISPUTE_WORKING_DAYS_HIGHER: lazy("For “not me” and for appeals; after that the next level can take over."),
    Limit.APPEAL_WORKING_DAYS: lazy("After that the rejection stands."),
    Limit.RISK_FRESH_MINUTES: lazy("Entries so soon after account or post were made are shown to the level above."),
    Limit.RISK_AFTERWARDS_PERCENT: lazy("Above it the recorder is shown to the level above."),
    Limit.RISK_DEVICE_PEOPLE: lazy("More people than a family has are shown to the level above."),
    Limit.RISK_CROWD: lazy("From so many on, identical minutes, full shifts and shares are looked at."),
    Limit.RISK_LATE_HOURS: lazy("Later marks without a photo of the sheet are shown to the level above."),
    Limit.RISK_TYPED_MINUTES: lazy("Times of several people stated within it are added up."),
    Limit.RISK_TYPED_HOURS: lazy("From so many on, they are shown to the level above."),
    Limit.RISK_PAIR_PERCENT: lazy("Above it the recorder and the confirmer are shown to the level above."),
    Limit.RISK_OLD_YEARS: lazy("Crowds of people so old, or under 16, registered by one person are shown above."),
    Limit.RISK_AGE_CROWD: lazy("From so many on, registered by one person, they are shown to the level above."),
    Limit.RISK_ATTEMPTS: lazy("Whoever is refused so often is shown to the level above."),
    Limit.EVIDENCE_WORKING_DAYS: lazy("After that the organization is shown as overdue."),
    Limit.RISK_DAYS: lazy("Shares and counts of one person are taken over so many days."),
    Limit.SUPPLEMENT_DAYS: lazy("Nobody can vouch well for what is further back."),
    Limit.NOTICE_WORKING_DAYS: lazy(
        "So long entries that nobody saw and imports are open to objections before they count."
    ),
    Limit.OBJECTION_DAYS: lazy(
        "After that their words are erased, too; the decision stays, and they can still look it up."
    ),
    Limit.REPORT_DAYS: lazy("Then what was typed is erased, and with it the data of a registration that is void."),
}

# What the audit page says of each `action` of core.audit; a test finds an action that has no words.
ACTIONS: dict[str, Any] = {
    "founded": lazy("created an organization"),
    "organization changed": lazy("changed an organization"),
    "closed": lazy("closed an organization"),
    "limit set": lazy("set a number of the rules"),
    "invited": lazy("invited somebody to a role"),
    "invitation taken back": lazy("took back an invitation"),
    "role given": lazy("gave a role"),
    "role taken back": lazy("took back a role"),
    "registration approved": lazy("approved a registration"),
    "registration returned": lazy("returned a registration"),
    "registration rejected": lazy("rejected a registration"),
    "registered somebody": lazy("registered somebody at the counter"),
    "phone shown": lazy("looked at a whole phone number"),
    "guardian recorded": lazy("recorded a guardian's consent"),
    "guardian withdrawn": lazy("withdrew a guardian's consent"),
    "skill verified": lazy("saw the proof of a skill"),
    "slip issued": lazy("issued a one-time slip"),
    "second step set up": lazy("set up the second step at sign-in"),
    "second step removed": lazy("took the second step at sign-in away"),
    "recovery codes made": lazy("made new recovery codes"),
    "recovery code used": lazy("signed in with a recovery code"),
    "account claimed": lazy("took over an account that a clerk had made"),
    "password changed": lazy("set a new password"),
    "mail address changed": lazy("changed the mail address of an account"),
    "phone changed": lazy("moved an account to another phone number"),
    "left": lazy("left for good"),
    "post drafted": lazy("drafted a post"),
    "draft revised": lazy("revised a draft"),
    "draft discarded": lazy("discarded a draft"),
    "post published": lazy("published a post"),
    "post changed": lazy("changed a post"),
    "post cancelled": lazy("cancelled a post"),
    "shift added": lazy("added a shift"),
    "shift changed": lazy("changed a shift"),
    "shift cancelled": lazy("cancelled a shift"),
    "series made": lazy("let a post repeat"),
    "series changed": lazy("changed a series"),
    "series ended": lazy("ended a series"),
    "date skipped": lazy("left a date out of a series"),
    "date added": lazy("added a date to a series"),
    "month copied": lazy("copied a month's shifts"),
    "template kept": lazy("kept a post as a template"),
    "template thrown away": lazy("threw a template away"),
    "calendar day set": lazy("set a day of the calendar"),
    "calendar day removed": lazy("removed a day from the calendar"),
    "calendar filled": lazy("filled the calendar with announced days"),
    "claimed for": lazy("claimed a shift for somebody"),
    "released": lazy("freed somebody's place"),
    "walk-in added": lazy("added a walk-in"),
    "checked in": lazy("checked somebody in"),
    "checked out": lazy("checked somebody out"),
    "undone": lazy("undid an entry of the roll-call"),
    "times stated": lazy("entered somebody's times"),
    "request approved": lazy("approved a request for a place"),
    "request declined": lazy("declined a request for a place"),
    "correction proposed": lazy("proposed a correction of an entry"),
    "corrected": lazy("corrected an entry"),
    "correction declined": lazy("declined a correction of an entry"),
    "card taken back": lazy("took back the card of somebody"),
    "taken back": lazy("took an entry back, with the import it came from"),
    "import uploaded": lazy("uploaded a file of another platform"),
    "import submitted": lazy("submitted an import for approval"),
    "import approved": lazy("approved an import"),
    "import declined": lazy("declined an import"),
    "import resumed": lazy("went on with an import that had stopped"),
    "import discarded": lazy("discarded an import"),
    "import taken back": lazy("took an import back as a whole"),
    "registration imported": lazy("registered somebody by an import"),
    "imported registration taken back": lazy("took back a registration that came with an import"),
    "task asked": lazy("started a task in the background"),
    "task cancelled": lazy("stopped a task in the background"),
    "dispute filed": lazy("disputed an entry"),
    "dispute withdrawn": lazy("withdrew a dispute"),
    "dispute appealed": lazy("appealed against a rejected dispute"),
    "dispute accepted": lazy("accepted a dispute"),
    "dispute rejected": lazy("rejected a dispute"),
    "dispute dismissed": lazy("rejected a dispute for good"),
    "dispute followed": lazy("decided on the correction of a disputed entry"),
    "identity reported": lazy("received a report of a registration in somebody's name"),
    "identity report found": lazy("found a reported registration to be made without the person's knowledge"),
    "identity report reopened": lazy("did not agree that a reported registration is void"),
    "identity report unfounded": lazy("found the report of a registration to be unfounded"),
    "identity report confirmed": lazy("voided a registration that its person knew nothing of"),
    "account voided": lazy("closed an account whose person knew nothing of it"),
    "account erased": lazy("erased the data of a voided account"),
    "certificates prepared": lazy("put a list for certificates together"),
    "certificates issued": lazy("issued the certificates of a list"),
    "certificates declined": lazy("declined a list for certificates"),
    "hand-over asked": lazy("asked for a file for the national system"),
    "ID number handed over": lazy("had the ID number written into a file for the national system"),
    "hand-over dropped": lazy("dropped a file for the national system"),
    "hand-over answered": lazy("took in the answer of the national system"),
    "hand-over row decided": lazy("decided about a row of that answer"),
    "hand-over columns set": lazy("set the columns of the file for the national system"),
    "certificate requested": lazy("asked for a stamped certificate"),
    "certificate checked": lazy("checked a request for a certificate"),
    "certificate issued": lazy("issued a certificate"),
    "certificate declined": lazy("declined a request for a certificate"),
    "certificate revoked": lazy("took a certificate back"),
    "signing key made": lazy("made a key that signs certificates"),
    "offline act settled": lazy("entered times for what a tablet sent"),
    "offline act dismissed": lazy("dismissed what a tablet sent"),
    "picture kept": lazy("added a photo of a paper sheet"),
    "address made": lazy("made an address for a screen or a calendar"),
    "address renewed": lazy("renewed the address of a screen or a calendar"),
    "address ended": lazy("switched off the address of a screen or a calendar"),
    "absence noted": lazy("noted that somebody did not come"),
    "absence undone": lazy("took back a note that somebody did not come"),
    "absence decided": lazy("decided about a disputed note"),
    "attempt refused": lazy("tried something that was refused"),
    "handed in": lazy("handed in times"),
    "confirmed": lazy("confirmed an entry"),
    "approved": lazy("approved an entry of a long day"),
    "returned": lazy("returned an entry"),
    "entered": lazy("made an entry that belongs to no shift"),
    "notice ended": lazy("a public notice ended, and the entry counts"),
    "notice lengthened": lazy("a public notice ends later, by the calendar"),
    "notice audience set": lazy("set who sees public notices"),
    "objection raised": lazy("objected to an entry on public notice"),
    "objection raised from outside": lazy("somebody without an account objected to an entry on public notice"),
    "objection contact shown": lazy("looked at who objected without an account"),
    "objection contact erased": lazy("erased who objected without an account"),
    "objection upheld": lazy("upheld an objection to a public notice"),
    "objection dismissed": lazy("dismissed an objection to a public notice"),
    "supplement stated": lazy("stated time outside a shift"),
    "supplement agreed to": lazy("agreed to what a clerk stated for them"),
    "supplement answered": lazy("answered a question about time outside a shift"),
    "supplement withdrawn": lazy("took back a request for time outside a shift"),
    "supplement vouched for": lazy("vouched for time outside a shift"),
    "supplement questioned": lazy("asked for more about time outside a shift"),
    "supplement declined": lazy("declined time outside a shift"),
    "tablet added": lazy("added a tablet"),
    "tablet code made": lazy("made a new code for a tablet"),
    "tablet paired": lazy("a tablet was paired"),
    "tablet cut off": lazy("cut off a tablet"),
    "station placed": lazy("noted where a station is"),
    "PIN reset": lazy("gave somebody a new PIN"),
    "card issued": lazy("issued a card"),
    "flag looked at": lazy("looked at an oddity of an attendance"),
    "check drawn": lazy("drew a spot check"),
    "check answered": lazy("sent evidence for a spot check"),
    "check finding": lazy("wrote down a finding of a spot check"),
    "check closed": lazy("closed a spot check"),
    "check published": lazy("published the result of a spot check"),
    "risk looked at": lazy("looked at a risk flag"),
    "robot added": lazy("connected a group robot"),
    "robot removed": lazy("removed a group robot"),
}


def switched(value: int) -> str:
    """A setting that is a yes or a no."""
    return str(_("required") if value else _("up to each person"))


def told(entry: AuditEntry) -> str:
    """The change in words, with what it was about as far as that is no personal text."""
    details = json.loads(entry.details)
    parts = [str(say(details[key])) for key, say in DETAILS.items() if details.get(key) not in (None, "")]
    return " · ".join([str(ACTIONS.get(entry.action, entry.action)), *parts])


def _limit_word(name: str) -> Any:
    return WORDS[Limit(name)]


def _role_word(role: str) -> Any:
    return ROLES[Role(role)]


def _tried_word(tried: str) -> Any:
    return ATTEMPTS[Tried(tried)]


def _bar_word(bar: str) -> Any:
    return ATTEMPTS[Bar(bar)]


DETAILS: dict[str, Callable[[Any], Any]] = {
    "tried": _tried_word,
    "bar": _bar_word,
    "role": _role_word,
    "limit": _limit_word,
    "before": lambda value: _("before %(value)s", value=value),
    "after": lambda value: _("now %(value)s", value=value),
    "reason": lambda value: _("reason: %(value)s", value=value),
}
