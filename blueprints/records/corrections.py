"""Correcting an effective entry: one person proposes, another decides, and the ledger keeps both (办法 art. 13)."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, false, literal, or_, select

from blueprints.identity import actions as identity
from blueprints.identity import queries as identities
from blueprints.identity.actions import Departure
from blueprints.identity.models import Leaving
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.records import actions as records
from blueprints.records import ledger, queries
from blueprints.records.models import (
    NEXT_CORRECTION_STATES,
    Bar,
    Correction,
    CorrectionState,
    CorrectionText,
    RecordState,
    ServiceRecord,
    Tried,
)
from core import audit, display
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Barred, Refusal, is_said

ON_CORRECTED: list[Callable[[int, datetime], None]] = []  # areas to the right that must know: the entry, and when
ON_DECIDED: list[Callable[[Correction, Actor, datetime], None]] = []  # the same for each decision on a proposal
BARS: list[Callable[[int, int], ColumnElement[bool]]] = []
# Whether an account has a part in a correction that only who is asked knows of, as a column of a larger question.


def propose(
    record_id: int, minutes: int, actor: Actor, *, reason: str, standing: int | None = None, now: datetime
) -> Correction:
    """Propose what an effective entry shall be worth; 0 voids it. `standing` is what the form showed it to be worth."""
    record = _correctable(record_id, actor, Tried.PROPOSE)
    worth = queries.worth([record_id])[record_id]
    if standing is not None and standing != worth:
        raise Refusal(_("Somebody corrected this entry meanwhile. Look at it again before you go on."))
    if queries.proposal(record_id):
        raise Refusal(_("A correction of this entry waits for a decision already. Decide on that one first."))
    _refuse_minutes(minutes, worth, record)
    if not is_said(reason):
        raise Refusal(_("Please say why, so that the person and whoever decides can understand it."), "reason")
    made = _proposed(record, minutes, reason, actor.account_id, now)
    _trace("correction proposed", made, record, actor, now, minutes=minutes, before=worth)
    _tell_owner(record, NoticeKind.CORRECTION_PROPOSED, now, minutes=minutes, reason=reason)
    return made


def _refuse_minutes(minutes: int, worth: int, record: ServiceRecord) -> None:
    if minutes == worth:
        raise Refusal(_("The entry is worth exactly that already."), "minutes")
    if not 0 <= minutes <= record.planned_minutes:
        raise Refusal(
            _(
                "Between 0 and %(planned)s, which is what was planned. More cannot be recorded for this shift.",
                planned=display.minutes(record.planned_minutes),
            ),
            "minutes",
        )


def _proposed(record: ServiceRecord, minutes: int, reason: str, author_id: int, now: datetime) -> Correction:
    salt = secrets.token_hex(16)
    made = Correction(record_id=record.id, minutes=minutes, author_id=author_id, proposed_at=now)
    made.state, made.text_hash = CorrectionState.PROPOSED, ledger.words_hash(salt, reason)
    db.session.add(made)
    db.session.flush()
    db.session.add(CorrectionText(correction_id=made.id, salt=salt, reason=reason))
    return made


def approve(correction_id: int, actor: Actor, *, now: datetime) -> Correction:
    """Let a proposed correction count: the old credit is taken back, and a new one written."""
    correction, record = _undecided(correction_id, actor)
    if bar := bar_to_deciding(correction, record, actor):
        raise Barred(_barred_words(bar, correction, record, actor), Tried.CORRECT, bar, record)
    _count(correction, record, actor, now)
    for know in ON_DECIDED:
        know(correction, actor, now)
    return correction


def _count(correction: Correction, record: ServiceRecord, actor: Actor, now: datetime) -> None:
    before = queries.worth([record.id])[record.id]
    if not before:
        records.refuse_twice(record)  # it stood for no time, so something else may stand for it now
    _decide(correction, CorrectionState.APPROVED, actor, now)
    ledger.correct(record, correction, now=now)
    _trace("corrected", correction, record, actor, now, minutes=correction.minutes, before=before)
    _tell_owner(record, NoticeKind.RECORD_CORRECTED, now, minutes=correction.minutes, reason=_reason(correction))
    for know in ON_CORRECTED:
        know(record.id, now)


def lower(record_id: int, minutes: int, author_id: int, actor: Actor, *, reason: str, now: datetime) -> Correction:
    """Let an effective entry count less, or nothing: what `author_id`, its owner or a colleague, has asked for and
    the actor agrees to. Whoever calls this has judged who may; more minutes are never made here."""
    record = lock(ServiceRecord, record_id)
    if record.state is not RecordState.EFFECTIVE:
        raise Refusal(_("Only an effective entry is corrected; this one can still be returned."))
    if minutes >= queries.worth([record_id])[record_id]:
        raise Refusal(_("The entry counts no more than that already. Look at it again before you go on."))
    if queries.proposal(record_id):
        raise Refusal(_("A correction of this entry waits for a decision already. Decide on that one first."))
    made = _proposed(record, minutes, reason, author_id, now)
    _count(made, record, actor, now)
    return made


def set_aside(record_id: int, actor: Actor, *, reason: str, now: datetime) -> None:
    """Decline the proposal that waits, if there is one, because what it was about is being taken back."""
    lock(ServiceRecord, record_id)
    waits = queries.proposal(record_id)
    if waits:
        _declined(waits, db.session.get_one(ServiceRecord, record_id), actor, reason, now)


def decline(correction_id: int, actor: Actor, *, reason: str, now: datetime) -> Correction:
    """Leave the entry as it is, and say why; whoever proposed it may take the proposal back like this, too."""
    correction, record = _undecided(correction_id, actor)
    barred = undecidable_because(correction, record, actor)
    if barred and correction.author_id != actor.account_id:
        raise Refusal(barred)
    if not is_said(reason):
        raise Refusal(_("Please say why the entry stays as it is."), "answer")
    return _declined(correction, record, actor, reason, now)


def _declined(correction: Correction, record: ServiceRecord, actor: Actor, reason: str, now: datetime) -> Correction:
    _decide(correction, CorrectionState.DECLINED, actor, now)
    text = _text(correction)
    if text:
        text.answer = reason
    _trace("correction declined", correction, record, actor, now)
    _tell_author(correction, record, reason, now)
    _tell_owner(record, NoticeKind.CORRECTION_DECLINED, now, reason=reason)
    for know in ON_DECIDED:
        know(correction, actor, now)
    return correction


def undecidable_because(correction: Correction, record: ServiceRecord, actor: Actor) -> str | None:
    """Why this person may not decide on the correction; None if they may."""
    bar = bar_to_deciding(correction, record, actor)
    return _barred_words(bar, correction, record, actor) if bar else None


def bar_to_deciding(correction: Correction, record: ServiceRecord, actor: Actor) -> Bar | None:
    """The rule that keeps this person from deciding on the correction."""
    organization = db.session.get_one(Organization, record.organization_id)
    if not actor.may(Role.CONFIRMER, organization.path):
        return Bar.NO_ROLE
    if correction.author_id == actor.account_id:
        return Bar.PROPOSER
    if identities.is_theirs(record.volunteer_id, actor.volunteer_id):
        return Bar.OWNER
    seen = _seen(correction, record, actor)
    if seen.is_recorder:
        return Bar.RECORDER
    if seen.is_second or seen.has_part:
        return Bar.INVOLVED
    high = queries.reaches_down(actor, organization, _levels_up(correction, seen, organization))
    return None if high else Bar.TOO_LOW


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a decision about a correction looks at beside the entry."""

    is_recorder: bool
    is_second: bool  # whether who decides may be its owner or who proposed this, by a second account
    worth: int
    day: int  # minutes that stand for the person on that day
    daily: int  # hours of a day that the level above approves
    daily_higher: int  # and the level above that
    has_part: bool  # that somebody else of BARS knows of


def _seen(correction: Correction, record: ServiceRecord, actor: Actor) -> _Seen:
    """All of it in one question."""
    me = actor.account_id
    proposed = literal(correction.author_id).in_(identities.second_accounts_of(me))
    second = or_(queries.is_owners(me), proposed)
    waits, counts = queries.standing_on(identities.person(record.volunteer_id), record.served_on)
    part = or_(false(), *(has_part(correction.id, me) for has_part in BARS))
    long, longer = map(organizations.limit_beside, (Limit.DAILY_HOURS, Limit.DAILY_HOURS_HIGHER))
    facts = select(queries.by_them(me), second, queries.worth_of_record(), waits + counts, long, longer, part)
    facts = facts.select_from(ServiceRecord)
    return _Seen(*db.session.execute(facts.where(ServiceRecord.id == record.id)).one())


def _barred_words(bar: Bar, correction: Correction, record: ServiceRecord, actor: Actor) -> str:
    if bar is Bar.TOO_LOW:
        organization = db.session.get_one(Organization, record.organization_id)
        levels = _levels_up(correction, _seen(correction, record, actor), organization)
        return str(
            _("More minutes than before: a confirmer %(count)d level(s) above the station decides.", count=levels)
        )
    return {
        Bar.NO_ROLE: _("A confirmer decides on this."),
        Bar.PROPOSER: _("You proposed this correction, so another person decides on it."),
        Bar.OWNER: _("These are your own minutes, so another person decides on them."),
        Bar.RECORDER: _(
            "You recorded part of this attendance, or somebody of your name or mail address did, so another person "
            "decides on it."
        ),
        Bar.INVOLVED: _(
            "You have a part in this entry, or your account has the name or mail address of somebody who has, so "
            "another person decides on it."
        ),
    }[bar]


def _levels_up(correction: Correction, seen: _Seen, organization: Organization) -> int:
    """How far above the station somebody has to decide: nobody adds minutes afterwards without the level above."""
    if correction.minutes <= seen.worth:
        return 0
    day = seen.day - seen.worth + correction.minutes
    limits = {Limit.DAILY_HOURS: seen.daily, Limit.DAILY_HOURS_HIGHER: seen.daily_higher}
    long = queries.levels_up(day, organization, limits)
    return min(max(1, long), len(organization.ancestors))


def _correctable(record_id: int, actor: Actor, tried: Tried) -> ServiceRecord:
    record = lock(ServiceRecord, record_id)
    organization = db.session.get_one(Organization, record.organization_id)
    if not any(actor.may(role, organization.path) for role in (Role.CLERK, Role.CONFIRMER)):
        sentence = _("Your role does not cover %(name)s. Ask your office.", name=organization.name)
        raise Barred(sentence, tried, Bar.NO_ROLE, record)
    if record.state is not RecordState.EFFECTIVE:
        raise Refusal(_("Only an effective entry is corrected; this one can still be returned."))
    if identities.is_theirs(record.volunteer_id, actor.volunteer_id):
        sentence = _("These are your own minutes. Say what is wrong on your own record; others correct it.")
        raise Barred(sentence, tried, Bar.OWNER, record)
    return record


def _undecided(correction_id: int, actor: Actor) -> tuple[Correction, ServiceRecord]:
    """Both locked, the record first: two people who decide are served one after the other."""
    found = db.get_or_404(Correction, correction_id)
    record = _correctable(found.record_id, actor, Tried.CORRECT)
    return lock(Correction, correction_id), record


def _decide(correction: Correction, state: CorrectionState, actor: Actor, now: datetime) -> None:
    if state not in NEXT_CORRECTION_STATES[correction.state]:
        raise Refusal(_("Somebody decided this correction meanwhile. Reload the page to see how."))
    correction.state, correction.approver_id, correction.decided_at = state, actor.account_id, now
    db.session.flush()


def _text(correction: Correction) -> CorrectionText | None:
    mine = select(CorrectionText).where(CorrectionText.correction_id == correction.id)
    return db.session.scalar(mine)


def _reason(correction: Correction) -> str:
    text = _text(correction)
    return text.reason if text else ""


def _tell_owner(record: ServiceRecord, kind: NoticeKind, now: datetime, **values: str | int) -> None:
    owner = identities.account_of(record.volunteer_id)
    told = {"title": record.title, "starts": record.started_at, "ends": record.ended_at} | values
    tell(owner, kind, now=now, path=f"/me/records/{record.id}", **told)  # type: ignore[arg-type]


def _tell_author(correction: Correction, record: ServiceRecord, reason: str, now: datetime) -> None:
    told = {"title": record.title, "starts": record.started_at, "ends": record.ended_at, "reason": reason}
    path = f"/desk/records/{record.id}"
    tell(correction.author_id, NoticeKind.CORRECTION_DECLINED, now=now, path=path, **told)  # type: ignore[arg-type]


def _trace(
    what: str, correction: Correction, record: ServiceRecord, actor: Actor, now: datetime, **details: int
) -> None:
    owner = identities.account_of(record.volunteer_id)
    audit.note(
        what,
        correction,
        actor_id=actor.account_id,
        now=now,
        organization_id=record.organization_id,
        about_id=owner,
        **details,
    )


def _forget_words(leaving: Departure) -> None:
    """The words about somebody who leaves and wants all erased; the hashes in the ledger stay, and prove no words."""
    if leaving.volunteer_id is None or leaving.data is not Leaving.ERASE:
        return
    theirs = db.select(Correction.id).join(Correction.record).where(ServiceRecord.volunteer_id == leaving.volunteer_id)
    db.session.execute(db.delete(CorrectionText).where(CorrectionText.correction_id.in_(theirs)))


identity.ON_LEAVE.append(_forget_words)
