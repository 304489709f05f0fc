"""How attendance becomes minutes that count: handed in by one, confirmed by another, approved above on long days.

办法 (民政部令67) art. 3, 7, 11: true, complete, within ten working days.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from blueprints.claims import actions as claims
from blueprints.claims import queries as attendance
from blueprints.claims.models import Claim, EvidenceClass
from blueprints.claims.queries import Attendance
from blueprints.identity import queries as identity
from blueprints.identity.models import Volunteer, VolunteerState
from blueprints.kiosk import actions as kiosk
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.posts.models import Category, Post, Shift, ShiftState
from blueprints.records import ledger, queries
from blueprints.records.models import (
    NEXT_STATES,
    ON_NOTICE,
    Bar,
    HeadCount,
    Recorder,
    RecordSource,
    RecordState,
    ServiceRecord,
    Tried,
)
from core import audit, clock, display, workdays
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Barred, Refusal, is_said

HOUR = 60
DAY = 24 * HOUR
COUNTED_FROM = 2  # people
# Why an entry cannot be decided yet although it waits; areas to the right add their questions.
HELD_BACK: list[Callable[[ServiceRecord], str | None]] = []
EVIDENCE = {RecordSource.SUPPLEMENT: EvidenceClass.C, RecordSource.IMPORT: EvidenceClass.D}


def hand_in(
    shift_id: int, actor: Actor, *, now: datetime, counted: int | None = None, sure: bool = False
) -> list[ServiceRecord]:
    """Turn every complete attendance of a shift that is over into an entry for a second person to confirm.

    Whoever has no check-out stays out: no minute is invented. Settle them and hand in again. `counted` is how many
    people the leader counted on the spot; one that differs is taken only from somebody who is sure of it.
    """
    shift = lock(Shift, shift_id)
    organization = attendance.organization_of(shift)
    if not actor.may(Role.CLERK, organization.path):
        raise Barred(_not_covered(organization), Tried.HAND_IN, Bar.NO_ROLE, shift)
    _refuse_early(shift, now)
    claimed = _locked_roster(shift.id)
    seen = attendance.attendances(claim.id for claim in claimed)
    complete = _once(shift, [claim for claim in claimed if seen[claim.id].is_complete], seen)
    if not complete:
        raise Refusal(_nothing_because(claimed, seen))
    kiosk.look_for_two_places(complete, now=now)
    _hold_against(shift, sum(bool(each.spans) for each in seen.values()), counted, sure, actor, now)
    return [_entered(claim, seen[claim.id], shift, organization, actor, now) for claim in complete]


def _once(shift: Shift, complete: Sequence[Claim], seen: dict[int, Attendance]) -> list[Claim]:
    """Without those whose time stands in another entry already: no hour counts twice, and nobody else waits for it."""
    twice = queries.standing_twice(shift, {claim: seen[claim.id] for claim in complete})
    left = [claim for claim in complete if claim.id not in twice]
    if twice and not left:
        claim = next(claim for claim in complete if claim.id in twice)
        raise Refusal(stands_already(claim.volunteer.account.name, twice[claim.id]))
    return left


def stands_already(name: str, other: ServiceRecord) -> str:
    """Why somebody's times of a shift are not handed in."""
    return _(
        "%(name)s: this time is recorded already: “%(title)s”, %(when)s. It counts once: leave it at that, or have the "
        "other entry returned or corrected first.",
        name=name,
        title=other.title,
        when=display.span((other.started_at, other.ended_at)),
    )


def _hold_against(shift: Shift, seen: int, counted: int | None, sure: bool, actor: Actor, now: datetime) -> None:
    """Hold what was counted on the spot against the system, and keep both; one person alone needs no counting."""
    in_system = seen + queries.handed_in_before(shift.id)
    if counted is None and in_system >= COUNTED_FROM:
        raise Refusal(_("Please enter how many people you counted on the spot."), "counted")
    if counted is None:
        return
    if counted != in_system and not sure:
        raise Refusal(
            _(
                "You counted %(counted)d, the system has %(system)d. Look at the names below and correct the roster, "
                "or tick that the count is right: the second person is told of the difference.",
                counted=counted,
                system=in_system,
            ),
            "counted",
        )
    count = HeadCount(shift_id=shift.id, counted=counted, in_system=in_system, at=now, by_id=actor.account_id)
    db.session.add(count)


def _refuse_early(shift: Shift, now: datetime) -> None:
    if shift.state is not ShiftState.OPEN:
        raise Refusal(_("This shift was cancelled, so there are no times to hand in."))
    if now < shift.ends_at:
        raise Refusal(
            _(
                "The shift ends at %(moment)s. Hand in the times after that.",
                moment=display.moment(shift.ends_at),
            )
        )


def _locked_roster(shift_id: int) -> list[Claim]:
    """Who may be handed in, locked: two stations that hand in one person's day are served one after the other,
    and nobody is marked in or out between the reading and the writing."""
    claimed = queries.to_hand_in(shift_id)
    ids = sorted(claim.volunteer_id for claim in claimed)
    people = select(Volunteer.id).where(Volunteer.id.in_(ids)).order_by(Volunteer.id).with_for_update()
    db.session.scalars(people).all()
    claims_ = select(Claim.id).where(Claim.id.in_([claim.id for claim in claimed])).order_by(Claim.id)
    db.session.scalars(claims_.with_for_update()).all()
    return queries.to_hand_in(shift_id)


def _nothing_because(claimed: Sequence[Claim], seen: dict[int, Attendance]) -> str:
    unsettled = [claim.volunteer.account.name for claim in claimed if seen[claim.id].is_present]
    if unsettled:
        return _("Nobody was checked out yet: %(names)s. Enter their times first.", names="、".join(unsettled))
    return _("There are no times to hand in: nobody was checked in, or all was handed in already.")


def _entered(
    claim: Claim, seen: Attendance, shift: Shift, organization: Organization, actor: Actor, now: datetime
) -> ServiceRecord:
    minutes = queries.minutes_of(seen, shift)
    record = ServiceRecord(volunteer_id=claim.volunteer_id, claim_id=claim.id, organization_id=organization.id)
    _describe(record, db.session.get_one(Post, shift.post_id), shift)
    record.started_at, record.ended_at = seen.spans[0].entered.at, _left_last(seen)
    record.minutes, record.planned_minutes = minutes, max(0, shift.planned_minutes)
    record.evidence = seen.evidence or EvidenceClass.C
    percent = organizations.limit(Limit.MINIMUM_PRESENCE_PERCENT)
    record.below_presence = queries.is_below_presence(minutes, shift, percent)
    record.levels_up = _levels_up(claim.volunteer_id, minutes, record, organization)
    record.handed_in_at, record.handed_in_by_id = now, actor.account_id
    record.due_on = queries.due_on(shift, organizations.limits())
    _keep(record, queries.recorders_of(claim.id) | {actor.account_id})
    claims.close_attendance(claim, now=now)
    _trace("handed in", record, actor.account_id, now, minutes=minutes)
    _told(record, NoticeKind.RECORD_HANDED_IN, now, organization=organization.name, until=record.due_on)
    return record


def _describe(record: ServiceRecord, post: Post, shift: Shift) -> None:
    """What 办法 art. 7 wants written down, as it stands today: a later change of the post does not touch it."""
    record.title, record.category, record.content = post.title, post.category, post.content[:400]
    record.place, record.responsible_name = post.place, post.responsible_name
    record.served_on = clock.today(shift.starts_at)


def _left_last(seen: Attendance) -> datetime:
    return max(span.left.at for span in seen.spans if span.left)


def _levels_up(volunteer_id: int, minutes: int, record: ServiceRecord, organization: Organization) -> int:
    day = queries.minutes_on(volunteer_id, record.served_on) + minutes
    return queries.levels_up(day, organization, organizations.limits())


@dataclass(frozen=True, slots=True)
class Facts:
    """A service outside a shift, as somebody states it: what 办法 art. 7 wants recorded."""

    volunteer_id: int
    organization_id: int
    title: str
    category: Category
    content: str
    place: str
    responsible_name: str
    started_at: datetime
    ended_at: datetime
    minutes: int

    @property
    def served_on(self) -> date:
        return clock.today(self.started_at)

    @property
    def length(self) -> int:
        """Whole minutes from the beginning to the end."""
        return int((self.ended_at - self.started_at).total_seconds()) // queries.SECONDS


def enter(
    facts: Facts,
    source: RecordSource,
    *,
    stated_by: int,
    recorders: Iterable[int],
    vouched_by: int | None = None,
    now: datetime,
) -> ServiceRecord:
    """Make an entry that no shift stands behind. It waits for a confirmer, or, when somebody of the organization has
    vouched for it, for the level above.

    `stated_by`, `recorders` and `vouched_by` are accounts; whoever calls has checked that they may. A rule that is
    broken is a Refusal, in the order: times, minutes, person, day, overlaps.
    """
    person = judge(facts, source, now=now)
    organization = db.session.get_one(Organization, facts.organization_id)
    record = _stated(facts, source, organization)
    record.handed_in_at, record.handed_in_by_id = now, stated_by
    record.due_on = workdays.after(clock.today(now), organizations.limit(Limit.CONFIRM_WORKING_DAYS))
    touched = {stated_by, *recorders}
    _keep(record, touched)
    _note_entered(record, organization, person, stated_by, now)
    if vouched_by is not None:
        _vouch(record, vouched_by, person, touched, now)
    return record


def _keep(record: ServiceRecord, recorders: Iterable[int]) -> None:
    db.session.add(record)
    db.session.flush()
    for account_id in sorted(recorders):
        db.session.add(Recorder(record_id=record.id, account_id=account_id))


def judge(facts: Facts, source: RecordSource, *, now: datetime) -> Volunteer:
    """Refuse what cannot be true or stands already; returns the person, locked."""
    person = lock(Volunteer, facts.volunteer_id)
    _refuse_times(facts, now)
    _refuse_person(person, facts, source)
    _refuse_day(facts)
    return person


def _refuse_times(facts: Facts, now: datetime) -> None:
    if facts.ended_at <= facts.started_at:
        raise Refusal(_("The end must be after the beginning."), "ends")
    if facts.ended_at > now:
        raise Refusal(_("That time is not over yet. Only what was served can be recorded."), "ends")
    if not 0 < facts.minutes <= facts.length:
        raise Refusal(
            _("Between 1 minute and %(length)s, which is how long it lasted.", length=display.minutes(facts.length)),
            "minutes",
        )


def _refuse_person(person: Volunteer, facts: Facts, source: RecordSource) -> None:
    """条例 art. 7, 办法 art. 3: what is recorded is the service of registered volunteers; those of an import were
    registered on the other platform."""
    if person.state is not VolunteerState.ACTIVE:
        raise Refusal(_("This person is not registered as a volunteer at present."), "volunteer")
    since = clock.today(person.decided_at or person.submitted_at)
    if facts.served_on < since and source is not RecordSource.IMPORT:
        raise Refusal(
            _("The registration dates from %(day)s; time before that is not recorded.", day=display.day(since)), "day"
        )
    least = organizations.limit(Limit.MINIMUM_AGE_YEARS)
    if person.birth_date and clock.age_on(person.birth_date, facts.served_on) < least:
        raise Refusal(_("On that day the person was younger than %(age)d years.", age=least), "day")


def _refuse_day(facts: Facts) -> None:
    if queries.minutes_on(facts.volunteer_id, facts.served_on) + facts.minutes > DAY:
        raise Refusal(_("With what is recorded already, the day would have more than 24 hours."), "minutes")
    if other := queries.overlapping(facts.volunteer_id, facts.started_at, facts.ended_at):
        raise Refusal(_overlaps(other.title, other.started_at, other.ended_at), "starts")
    if shift := queries.attended_meanwhile(facts.volunteer_id, facts.started_at, facts.ended_at):
        raise Refusal(_overlaps(shift.post.title, shift.starts_at, shift.ends_at), "starts")


def _overlaps(title: str, starts: datetime, ends: datetime) -> str:
    return _(
        "Some of this time is recorded already: “%(title)s”, %(when)s.", title=title, when=display.span((starts, ends))
    )


def _stated(facts: Facts, source: RecordSource, organization: Organization) -> ServiceRecord:
    record = ServiceRecord(volunteer_id=facts.volunteer_id, organization_id=organization.id, source=source)
    record.title, record.category, record.content = facts.title, facts.category, facts.content
    record.place, record.responsible_name = facts.place, facts.responsible_name
    record.served_on, record.started_at, record.ended_at = facts.served_on, facts.started_at, facts.ended_at
    record.minutes, record.planned_minutes = facts.minutes, facts.length
    record.evidence = EVIDENCE[source]
    long = _levels_up(facts.volunteer_id, facts.minutes, record, organization)
    least = 1 if source is RecordSource.SUPPLEMENT else 0
    record.levels_up = min(max(long, least), len(organization.ancestors))
    return record


def _note_entered(record: ServiceRecord, organization: Organization, person: Volunteer, by: int, now: datetime) -> None:
    told = {"organization_id": organization.id, "about_id": person.account_id, "minutes": record.minutes}
    audit.note("entered", record, actor_id=by, now=now, **told)
    if by != person.account_id:
        _told(record, NoticeKind.RECORD_ENTERED, now, organization=organization.name)


def _vouch(record: ServiceRecord, account_id: int, person: Volunteer, recorded_by: set[int], now: datetime) -> None:
    """Somebody of the organization confirms it as it is entered; the level above decides."""
    if account_id in recorded_by:
        raise Refusal(_("You stated part of this yourself, so another person vouches for it."))
    if account_id == person.account_id:
        raise Refusal(_("These are your own minutes, so another person vouches for them."))
    record.confirmed_at, record.confirmed_by_id = now, account_id
    _move(record, RecordState.APPROVAL, now)


def confirm(record_ids: Sequence[int], actor: Actor, *, now: datetime) -> list[ServiceRecord]:
    """Confirm entries that others recorded; marked ones are confirmed one by one with a reason."""
    if not record_ids:
        raise Refusal(_("Nothing is chosen. Tick the entries you want to confirm."))
    return [_confirmed(record_id, actor, "", now) for record_id in sorted(set(record_ids))]


def confirm_marked(record_id: int, actor: Actor, *, reason: str, now: datetime) -> ServiceRecord:
    """Confirm an entry in spite of its mark, and say why."""
    if not is_said(reason):
        raise Refusal(_("Please say why these minutes are right in spite of the mark."), "reason")
    return _confirmed(record_id, actor, reason, now)


def _confirmed(record_id: int, actor: Actor, reason: str, now: datetime) -> ServiceRecord:
    record = _judged(record_id, actor, Tried.CONFIRM, RecordState.PENDING)
    if queries.marks_of(record) and not reason:
        raise Refusal(
            _(
                "“%(title)s”: this entry is marked. Open it, look at the mark and give a reason.",
                title=record.title,
            )
        )
    refuse_twice(record)
    if reason and record.claim_id:
        kiosk.decided(record.claim_id, actor, now=now)
    record.confirmed_at, record.confirmed_by_id, record.reason = now, actor.account_id, reason
    _trace("confirmed", record, actor.account_id, now, minutes=record.minutes)
    if record.levels_up or record.source is RecordSource.SUPPLEMENT:
        _move(record, RecordState.APPROVAL, now)
        _told(record, NoticeKind.RECORD_AWAITS_APPROVAL, now)
    else:
        _agreed(record, now)
    return record


def refuse_twice(record: ServiceRecord) -> None:
    """No hour counts twice, however the second entry came about."""
    if other := queries.counting_twice(record):
        raise Refusal(
            _(
                "“%(title)s”: another entry stands for some of this time: “%(other)s”, %(when)s. Return one of them "
                "first, or have the other corrected.",
                title=record.title,
                other=other.title,
                when=display.span((other.started_at, other.ended_at)),
            )
        )


def approve(record_id: int, actor: Actor, *, now: datetime) -> ServiceRecord:
    """The level above approves the minutes of a long day."""
    record = _judged(record_id, actor, Tried.APPROVE, RecordState.APPROVAL)
    refuse_twice(record)
    record.approved_at, record.approved_by_id = now, actor.account_id
    _trace("approved", record, actor.account_id, now, minutes=record.minutes)
    _agreed(record, now)
    return record


def _agreed(record: ServiceRecord, now: datetime) -> None:
    """After the last decision: what was seen counts at once, the rest stands on public notice first."""
    if record.evidence in ON_NOTICE:
        record.noticed_at, record.notice_days = now, organizations.limit(Limit.NOTICE_WORKING_DAYS)
        last = queries.last_day_of_notice(now, record.notice_days)
        record.notice_ends_at = clock.day_span(last)[1]
        _move(record, RecordState.NOTICE, now)
        _told(record, NoticeKind.RECORD_ON_NOTICE, now, until=last)
        return
    _let_count(record, now)


def _let_count(record: ServiceRecord, now: datetime) -> None:
    record.effective_at = now
    _move(record, RecordState.EFFECTIVE, now)
    _told(record, NoticeKind.RECORD_EFFECTIVE, now)


# --- public notice --------------------------------------------------------------------------------------------


def end_notices(now: datetime) -> int:
    """Let count whatever stood on public notice for its time with nothing undecided against it; returns how many."""
    due = queries.notices_over(now)
    return sum(_end_notice(record_id, now) for record_id in due)


def _end_notice(record_id: int, now: datetime) -> bool:
    record = lock(ServiceRecord, record_id)
    ends = record.notice_ends_at
    if record.state is not RecordState.NOTICE or ends is None or ends > now or queries.held_among([record_id]):
        return False
    if _lengthened(record, now):
        return False
    _let_count(record, now)
    _trace("notice ended", record, None, now, minutes=record.minutes)
    return True


def lengthen_notices(now: datetime) -> int:
    """Give notices that run the working days which the calendar has taken from them since they began; none ever ends
    earlier than it said (a guard refuses that, too). Returns how many were moved."""
    return sum(_lengthened(lock(ServiceRecord, record_id), now) for record_id in queries.notices_cut_short(now))


def _lengthened(record: ServiceRecord, now: datetime) -> bool:
    """Whether its end had to be moved later."""
    if record.state is not RecordState.NOTICE or record.noticed_at is None or record.notice_ends_at is None:
        return False
    last = queries.last_day_of_notice(record.noticed_at, record.notice_days)
    before, ends = record.notice_ends_at, clock.day_span(last)[1]
    if ends <= max(before, now):
        return False
    record.notice_ends_at = ends
    _trace("notice lengthened", record, None, now, before=before, after=ends)
    _told(record, NoticeKind.RECORD_ON_NOTICE, now, until=last)
    return True


def overturn(record_id: int, by_id: int, *, reason: str, now: datetime) -> ServiceRecord:
    """What was raised against an entry on public notice is right: it goes back and counts nothing.

    Whoever calls has checked that this account may decide. Anything else raised against it is thereby settled.
    """
    record = lock(ServiceRecord, record_id)
    if record.state is not RecordState.NOTICE:
        raise Refusal(_("The public notice of this entry is over."))
    _give_back(record, by_id, reason, now)
    return record


def send_back(record_id: int, actor: Actor, *, reason: str, now: datetime) -> ServiceRecord:
    """Return an entry to the station with a reason; its attendance is open again, and a new entry follows."""
    if not is_said(reason):
        raise Refusal(_("Please say what is wrong, so that the station can mend it."), "reason")
    record = _judged(record_id, actor, Tried.SEND_BACK, RecordState.PENDING, RecordState.APPROVAL)
    _give_back(record, actor.account_id, reason, now)
    return record


def give_back(record_id: int, actor: Actor, *, reason: str, now: datetime) -> ServiceRecord:
    """Return an entry that is not effective yet because its owner was right; whoever calls this has judged who may."""
    record = lock(ServiceRecord, record_id)
    _give_back(record, actor.account_id, reason, now)
    return record


def _give_back(record: ServiceRecord, by_id: int, reason: str, now: datetime) -> None:
    record.returned_at, record.returned_by_id, record.reason = now, by_id, reason
    _move(record, RecordState.RETURNED, now)
    if record.claim_id:
        claims.reopen_attendance(record.claim_id)
    _trace("returned", record, by_id, now)
    _told(record, NoticeKind.RECORD_RETURNED, now, reason=reason)
    _tell_whoever_handed_in(record, reason, now)


def take_back(record_id: int, by_id: int, *, reason: str, now: datetime) -> ServiceRecord:
    """Return an entry that no shift stands behind and that does not count; whoever calls has checked that they may."""
    record = lock(ServiceRecord, record_id)
    if record.source is RecordSource.SHIFT:
        raise Refusal(_("“%(title)s” belongs to a shift, so a confirmer returns it.", title=record.title))
    record.returned_at, record.returned_by_id, record.reason = now, by_id, reason
    _move(record, RecordState.RETURNED, now)
    person = identity.account_of(record.volunteer_id)
    told = {"organization_id": record.organization_id, "about_id": person}
    audit.note("taken back", record, actor_id=by_id, now=now, **told)
    _told(record, NoticeKind.RECORD_RETURNED, now, reason=reason)
    return record


def _tell_whoever_handed_in(record: ServiceRecord, reason: str, now: datetime) -> None:
    if record.handed_in_by_id == identity.account_of(record.volunteer_id):
        return  # who asked for it is told as its owner
    path = f"/desk/records/{record.id}"
    tell(record.handed_in_by_id, NoticeKind.RECORD_RETURNED, now=now, path=path, **_values(record), reason=reason)


def _judged(record_id: int, actor: Actor, tried: Tried, *states: RecordState) -> ServiceRecord:
    """An entry that waits in one of the states, locked, and that this person may decide on."""
    record = lock(ServiceRecord, record_id)
    organization = db.session.get_one(Organization, record.organization_id)
    if not actor.may(Role.CONFIRMER, organization.path):
        raise Barred(_not_covered(organization), tried, Bar.NO_ROLE, record)
    if record.state not in states:
        raise Refusal(
            _("“%(title)s”: somebody decided this meanwhile. Reload the page to see how.", title=record.title)
        )
    for held_back in HELD_BACK:
        if sentence := held_back(record):
            raise Refusal(sentence)
    known = queries.known_of(record, actor.account_id)
    if bar := queries.bar_to_judging(record, actor, known):
        raise Barred(queries.judged_by_nobody_because(record, actor, known) or "", tried, bar, record)
    if known.is_disputed:
        raise Refusal(queries.disputed_words())
    return record


def _not_covered(organization: Organization) -> str:
    return str(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))


def _move(record: ServiceRecord, state: RecordState, now: datetime) -> None:
    """Into the next state; what becomes effective is written into the ledger, which alone counts."""
    if state not in NEXT_STATES[record.state]:
        raise Refusal(
            _("“%(title)s”: somebody decided this meanwhile. Reload the page to see how.", title=record.title)
        )
    record.state = state
    db.session.flush()
    if state is RecordState.EFFECTIVE:
        ledger.credit(record, now=now)


def _told(record: ServiceRecord, kind: NoticeKind, now: datetime, **values: Any) -> None:
    account_id = identity.account_of(record.volunteer_id)
    tell(account_id, kind, now=now, path=f"/me/records/{record.id}", **_values(record), **values)


def _values(record: ServiceRecord) -> dict[str, Any]:
    return {
        "title": record.title,
        "minutes": record.minutes,
        "starts": record.started_at,
        "ends": record.ended_at,
    }


def _trace(what: str, record: ServiceRecord, by_id: int | None, now: datetime, **details: Any) -> None:
    person = identity.account_of(record.volunteer_id)
    audit.note(
        what,
        record,
        actor_id=by_id,
        now=now,
        organization_id=record.organization_id,
        about_id=person,
        **details,
    )
