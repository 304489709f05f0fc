"""What the web layer notices when a rule, a role or the database refuses what would have made minutes count."""

import re
from datetime import datetime
from functools import partial

from flask import current_app, request
from sqlalchemy.exc import IntegrityError, OperationalError
from werkzeug.exceptions import Forbidden, NotFound

from blueprints.identity.access import viewer
from blueprints.records import attempts
from blueprints.records.attempts import ORGANIZATION, SHIFT, VOLUNTEER, Subject
from blueprints.records.models import ATTENDANCE, ENTRY, Bar, Tried
from core import clock
from core.actor import Actor
from core.db import db
from core.refusal import Barred
from core.web import afterwards

# What each of these forms wants to do; areas to the right add theirs. To be sent away from one leaves a trace, too.
WATCHED: dict[str, Tried] = {
    "records_desk.confirm_record": Tried.CONFIRM,
    "records_desk.confirm_records": Tried.CONFIRM,
    "records_desk.approve_record": Tried.APPROVE,
    "records_desk.return_record": Tried.SEND_BACK,
    "records_desk.hand_in_times": Tried.HAND_IN,
    "records_desk.propose_correction": Tried.PROPOSE,
    "records_desk.approve_correction": Tried.CORRECT,
    "claims_desk.add_punch": Tried.RECORD,
    "claims_desk.settle": Tried.RECORD,
    "rollcall_sheets.enter_sheet": Tried.RECORD,
}
# What the number in an address stands for; areas to the right add theirs.
MOST_AT_ONCE = 50
NAMED: dict[str, str] = {"record_id": ENTRY, "claim_id": ATTENDANCE, "shift_id": SHIFT, "correction_id": "correction"}
NAMED |= {"volunteer_id": VOLUNTEER, "organization_id": ORGANIZATION}
# The guards and constraints of the database that keep minutes honest.
GUARDS = re.compile(
    r"effective_record_never_changes|service_record_is_never_deleted|confirmed_by_another|recorder_has_not_confirmed"
    r"|recorder_is_|ledger_entry_is|credit_is_what_was_confirmed|corrected_entry_was_approved|one_credit_stands"
    r"|reversal_takes_back|approves_their_own_credit|correction_never_changes|correction_is|punch_is"
    r"|two_people_confirm|another_one_approves|counts_only_when_confirmed|long_days_are_approved|two_people_stand"
    r"|another_person_approves"
)


def notice(error: BaseException) -> None:
    """Called when a request was refused and rolled back: leave a trace if it would have made minutes count."""
    asking = viewer()
    if asking is None or request.method != "POST":
        return
    now = clock.now()
    for tried, bar, subject in _seen_in(error):
        afterwards(partial(_keep, tried, bar, subject, asking, now))


def _seen_in(error: BaseException) -> list[tuple[Tried, Bar, Subject]]:
    if isinstance(error, Barred):
        return [(Tried(error.tried), Bar(error.bar), error.subject)]
    tried = WATCHED.get(request.endpoint or "")
    bar = _bar_of(error)
    return [(tried, bar, subject) for subject in _subjects()] if tried and bar else []


def _bar_of(error: BaseException) -> Bar | None:
    if isinstance(error, Forbidden):
        return Bar.NO_ROLE
    if isinstance(error, NotFound):
        return Bar.OUT_OF_REACH
    return Bar.GUARD if isinstance(error, IntegrityError) and GUARDS.search(str(error.orig)) else None


def _subjects() -> list[Subject]:
    """The rows that the address or the form names."""
    named = [(NAMED[name], id) for name, id in (request.view_args or {}).items() if name in NAMED]
    typed = request.form.getlist("record") + request.form.get("these", "").split(",")
    ticked = {int(id) for id in typed if id.isascii() and id.isdecimal() and len(id) < 10}
    return named or [(ENTRY, id) for id in sorted(ticked)[:MOST_AT_ONCE]]


def _keep(tried: Tried, bar: Bar, subject: Subject, actor: Actor, now: datetime) -> None:
    """What cannot be written at the moment is told in the log: nobody's own request may fail for it."""
    try:
        attempts.keep(tried, bar, subject, actor, now=now)
    except OperationalError:
        db.session.rollback()
        current_app.logger.error("a refused attempt was not kept: %s %s", tried, bar)
