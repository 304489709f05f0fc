"""Giving honours: one person proposes, another approves, everybody of the organization may object, the clock grants.

The system shows what it knows; whether that is worth an honour, people decide, and the person concerned sees all of it
and may contest it or say no (PIPL art. 24).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update

from blueprints.honours import queries
from blueprints.honours.models import (
    NEXT_DOUBT_STATES,
    NEXT_REVOCATION_STATES,
    NEXT_STATES,
    UNDER_WAY,
    Doubt,
    DoubtState,
    Honour,
    Nomination,
    NominationSheet,
    NominationState,
    Revocation,
    RevocationState,
)
from blueprints.honours.queries import Sheet
from blueprints.identity import actions as identity
from blueprints.identity import queries as people
from blueprints.identity.actions import Departure
from blueprints.identity.models import Leaving, Volunteer
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.records import attempts, corrections
from blueprints.records.attempts import About
from blueprints.records.models import Bar, ServiceRecord, Tried
from core import audit, clock, workdays
from core.actor import Actor, Role
from core.db import Base, db, lock
from core.i18n import _
from core.refusal import Barred, Refusal, is_said

NOTICE_WORKING_DAYS = 5  # at least; a city that sets public notices to more has more here, too
ERASED = "*"
YEARS = range(2000, 2101)  # the days of others would not fit the clock of a time zone
# What the trace says of each way in which something ends.
ENDED = {NominationState.REJECTED: "honour rejected", NominationState.WITHDRAWN: "honour withdrawn"}
DECIDED = {DoubtState.UPHELD: "honour objection upheld", DoubtState.DISMISSED: "honour objection dismissed"}
SETTLED = {RevocationState.AGREED: "honour revocation agreed", RevocationState.REFUSED: "honour revocation refused"}


# --- who may decide -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """A nomination before the eyes of somebody: what they may decide about it, or the rule that keeps them from it."""

    nomination: Nomination
    actor: Actor
    mine: Collection[int]  # of everybody with a part in it: who is this person, or may be by a second account
    others: Collection[int] = ()  # the accounts of who objected, or asked to take it back

    def _bar(self) -> Bar | None:
        if not self.actor.may(Role.ADMINISTRATOR, self._organization.path):
            return Bar.NO_ROLE
        return Bar.OWNER if people.is_theirs(self.nomination.volunteer_id, self.actor.volunteer_id) else None

    @property
    def _organization(self) -> Organization:
        return self.nomination.honour.organization

    def bar_to_approving(self) -> Bar | None:
        if bar := self._bar():
            return bar
        if self.nomination.proposed_by_id in self.mine:
            return Bar.PROPOSER
        return Bar.INVOLVED if _account_of(self.nomination) in self.mine else None

    def bar_to_weighing(self) -> Bar | None:
        """Who has a part in it, be it an objection of their own, decides nothing that is said against it, and the level
        above decides."""
        if bar := self._bar():
            return bar
        behind = (self.nomination.proposed_by_id, self.nomination.approved_by_id, _account_of(self.nomination))
        if any(id in self.mine for id in (*behind, *self.others)):
            return Bar.INVOLVED
        return None if _is_above(self.actor, self._organization) else Bar.TOO_LOW

    def bar_to_revoking(self, asked: Revocation) -> Bar | None:
        if bar := self._bar():
            return bar
        if asked.asked_by_id in self.mine:
            return Bar.PROPOSER
        return Bar.INVOLVED if _account_of(self.nomination) in self.mine else None


def case(nomination: Nomination, actor: Actor, *others: int) -> Case:
    """The nomination before this person; `others` are the accounts of who objected, or asked to take it back."""
    ids = {nomination.proposed_by_id, nomination.approved_by_id or 0, _account_of(nomination), *others}
    mine = {*people.same_people(ids, [actor.account_id]), *(ids & {actor.account_id})}
    return Case(nomination, actor, mine, others)


def _is_above(actor: Actor, organization: Organization) -> bool:
    """Whether the actor administers something above the organization; the top has nobody above it."""
    held = [each.path for each in actor.held if each.role is Role.ADMINISTRATOR]
    above = [path for path in held if organization.path.startswith(path)]
    return any(path != organization.path or organization.parent_id is None for path in above)


def approving(bar: Bar | None) -> str | None:
    """Why somebody may not approve, in words; None if nothing keeps them."""
    return _sentences()[bar] if bar else None


def weighing(bar: Bar | None) -> str | None:
    """The same for what is said against it."""
    if bar is Bar.INVOLVED:
        return _(
            "You have a part in this, or your account has the name or mail address of somebody who has, so another "
            "person decides on it."
        )
    return approving(bar)


def revoking(bar: Bar | None) -> str | None:
    """The same for taking it back."""
    if bar is Bar.PROPOSER:
        return _("You asked for it, or somebody of your name or mail address did, so another person decides.")
    return approving(bar)


def _sentences() -> dict[Bar, str]:
    return {
        Bar.NO_ROLE: _("An administrator decides on this."),
        Bar.OWNER: _("This is your own nomination, so others decide on it."),
        Bar.PROPOSER: _(
            "You proposed this, or somebody of your name or mail address did, so another administrator decides, of "
            "the same office or of the level above."
        ),
        Bar.INVOLVED: _("Your account has the name or mail address of the person proposed, so another person decides."),
        Bar.TOO_LOW: _("An administrator of the level above decides on this."),
    }


def _refuse_barred(bar: Bar | None, sentence: str | None, nomination: Nomination) -> None:
    if bar and sentence:
        raise Barred(sentence, Tried.HONOUR, bar, nomination)


# --- proposing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """What an honour is for, and in which days."""

    organization_id: int
    title: str
    criteria: str
    first: date
    last: date


def open_honour(plan: Plan, actor: Actor, *, now: datetime) -> Honour:
    """Say what people are to be honoured for; the words stand from then on, so that nobody fits them to somebody."""
    organization = _administered(plan.organization_id, actor)
    if not is_said(plan.title) or not is_said(plan.criteria):
        raise Refusal(_("Please say what it is called, and what it is given for."), "criteria")
    for field, day in (("first", plan.first), ("last", plan.last)):
        if day.year not in YEARS:
            raise Refusal(_("Please check the year."), field)
    if plan.last < plan.first:
        raise Refusal(_("The last day lies before the first."), "last")
    if plan.first > clock.today(now):
        raise Refusal(_("The period has not begun, so nobody has served in it."), "first")
    made = Honour(organization_id=organization.id, title=plan.title, criteria=plan.criteria, opened_at=now)
    made.first, made.last, made.opened_by_id = plan.first, plan.last, actor.account_id
    db.session.add(made)
    _note("honour opened", made, actor, organization, now)
    return made


def _administered(organization_id: int, actor: Actor) -> Organization:
    organization = db.get_or_404(Organization, organization_id)
    if not actor.may(Role.ADMINISTRATOR, organization.path):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    return organization


def propose(honour_id: int, volunteer_id: int, actor: Actor, *, reason: str, now: datetime) -> Nomination:
    """Propose somebody, with the reason; they are told at once, and another person decides."""
    honour = db.get_or_404(Honour, honour_id)
    organization = _administered(honour.organization_id, actor)
    volunteer = lock(Volunteer, volunteer_id)
    if people.is_one_of(actor.account_id, {volunteer.account_id}):
        sentence = _("This is you, or an account of your name or mail address: others propose you.")
        raise Barred(sentence, Tried.HONOUR, Bar.OWNER, honour)
    person = queries.person(honour, volunteer_id)
    if person is None:
        raise Refusal(_("Only somebody registered here, on an account of their own, can be proposed."))
    if not is_said(reason):
        raise Refusal(_("Please say why: the person reads it, and so does everybody who sees the notice."), "reason")
    if person.account.name in reason:  # a notice names nobody in full who has not agreed to that
        raise Refusal(_("Please leave the name out of the reason: on the notice it is masked."), "reason")
    _refuse_again(queries.standing(honour.id, [volunteer_id]).get(volunteer_id))
    made = Nomination(honour_id=honour.id, volunteer_id=volunteer_id, reason=reason, proposed_at=now)
    made.state, made.proposed_by_id = NominationState.PROPOSED, actor.account_id
    db.session.add(made)
    _trace("honour proposed", made, organization, volunteer, actor, now)
    _tell(made, honour, volunteer, NoticeKind.HONOUR_PROPOSED, now, organization=organization.name)
    return made


def _refuse_again(standing: Nomination | None) -> None:
    if standing is None:
        return
    if standing.state is NominationState.DECLINED:
        raise Refusal(_("They said that they do not want this honour."))
    raise Refusal(_("They are proposed for this honour already."))


# --- deciding -------------------------------------------------------------------------------------------------


def approve(nomination_id: int, actor: Actor, *, seen: str, now: datetime) -> Nomination:
    """A second person agrees, by the sheet they have `seen`; it stands on public notice from now on."""
    nomination = _judged(nomination_id, actor, NominationState.NOTICE)
    _keep_sheet(nomination, actor, seen, now)
    days = max(NOTICE_WORKING_DAYS, organizations.limit(Limit.NOTICE_WORKING_DAYS))
    last = workdays.after(clock.today(now), days)
    nomination.approved_at, nomination.approved_by_id = now, actor.account_id
    nomination.notice_ends_at = clock.day_span(last)[1]
    _move(nomination, NominationState.NOTICE, "honour approved", NoticeKind.HONOUR_ON_NOTICE, actor, now, until=last)
    return nomination


def affirm(nomination_id: int, actor: Actor, *, seen: str, now: datetime) -> Nomination:
    """Minutes that the approval rested on do not count any more, and a second person holds that it stands still."""
    nomination = _judged(nomination_id, actor, NominationState.GRANTED)
    if not queries.has_shrunk(_kept(nomination), queries.sheet_of(nomination, now)):
        raise Refusal(_("What the approval rests on has not shrunk, so there is nothing to decide anew."))
    _keep_sheet(nomination, actor, seen, now)
    _note("honour affirmed", nomination, actor, nomination.honour.organization, now, about=_account_of(nomination))
    return nomination


def _judged(nomination_id: int, actor: Actor, goal: NominationState) -> Nomination:
    """The nomination, locked and whole, if this person may let it go on to that state."""
    nomination = _locked(nomination_id)
    if goal not in NEXT_STATES[nomination.state]:
        raise Refusal(_("Somebody decided this meanwhile. Reload the page to see how."))
    bar = case(nomination, actor).bar_to_approving()
    _refuse_barred(bar, approving(bar), nomination)
    if queries.objected_to(nomination.id):
        raise Refusal(_("Something is said against it. That is decided first."))
    return nomination


def _locked(nomination_id: int) -> Nomination:
    lock(Nomination, nomination_id)
    return queries.whole(nomination_id)


def _keep_sheet(nomination: Nomination, actor: Actor, seen: str, now: datetime) -> None:
    """Write down what the system knows at this moment, if that is what the decider has read."""
    sheet = queries.sheet_of(nomination, now)
    if sheet.mark != seen:
        raise Refusal(_("The evidence changed after you opened this page. Please look at it again."))
    a, b, c, d = sheet.minutes
    kept = NominationSheet(nomination_id=nomination.id, at=now, by_id=actor.account_id)
    kept.minutes_a, kept.minutes_b, kept.minutes_c, kept.minutes_d = a, b, c, d
    kept.entries, kept.no_shows, kept.disputed = sheet.entries, sheet.no_shows, sheet.disputed
    db.session.add(kept)


def _kept(nomination: Nomination) -> Sheet | None:
    return queries.kept_sheets([nomination.id]).get(nomination.id)


def reject(nomination_id: int, actor: Actor, *, answer: str, now: datetime) -> Nomination:
    """The second person says no, and why."""
    nomination = _judged_to_end(nomination_id, actor, NominationState.REJECTED, answer)
    bar = case(nomination, actor).bar_to_approving()
    _refuse_barred(bar, approving(bar), nomination)
    return _end(nomination, NominationState.REJECTED, actor, answer, now)


def withdraw(nomination_id: int, actor: Actor, *, answer: str, now: datetime) -> Nomination:
    """Take a nomination back before it is granted, also one's own, and say why."""
    nomination = _judged_to_end(nomination_id, actor, NominationState.WITHDRAWN, answer)
    return _end(nomination, NominationState.WITHDRAWN, actor, answer, now)


def _judged_to_end(nomination_id: int, actor: Actor, goal: NominationState, answer: str) -> Nomination:
    nomination = _locked(nomination_id)
    if not actor.may(Role.ADMINISTRATOR, nomination.honour.organization.path):
        _refuse_barred(Bar.NO_ROLE, approving(Bar.NO_ROLE), nomination)
    if goal not in NEXT_STATES[nomination.state]:
        raise Refusal(_("Somebody decided this meanwhile. Reload the page to see how."))
    if not is_said(answer):
        raise Refusal(_("Please say why: the person reads it."), "answer")
    return nomination


def _end(nomination: Nomination, state: NominationState, actor: Actor, answer: str, now: datetime) -> Nomination:
    _lapse(nomination, now)
    nomination.ended_at, nomination.ended_by_id, nomination.answer = now, actor.account_id, answer
    _move(nomination, state, ENDED[state], NoticeKind.HONOUR_WITHDRAWN, actor, now, reason=answer)
    return nomination


def decline(nomination_id: int, actor: Actor, *, now: datetime) -> Nomination:
    """The person does not want it; nobody asks why, and nobody proposes them for it again."""
    nomination = _locked(nomination_id)
    if nomination.volunteer_id != actor.volunteer_id:
        raise Refusal(_("Only whoever is proposed can decline."))
    if NominationState.DECLINED not in NEXT_STATES[nomination.state]:
        raise Refusal(_("This nomination is over already. Reload the page to see how it ended."))
    _lapse(nomination, now)
    nomination.ended_at, nomination.ended_by_id = now, actor.account_id
    _move(nomination, NominationState.DECLINED, "honour declined", None, actor, now)
    return nomination


def _lapse(nomination: Nomination, now: datetime) -> None:
    """What is said against a nomination that ends needs no decision any more. Who said it is told, for whoever is
    proposed anew stands on notice without it."""
    open_ = select(Doubt).where(Doubt.nomination_id == nomination.id, Doubt.state == DoubtState.OPEN)
    for doubt in db.session.scalars(open_.order_by(Doubt.id)).all():
        _move_doubt(doubt, DoubtState.LAPSED)
        doubt.decided_at = now
        if doubt.by_id != _account_of(nomination):
            kind = NoticeKind.HONOUR_DOUBT_LAPSED
            tell(doubt.by_id, kind, now=now, path="/notices", title=nomination.honour.title)


def _move(
    nomination: Nomination,
    state: NominationState,
    what: str,
    kind: NoticeKind | None,
    actor: Actor | None,
    now: datetime,
    **told: Any,
) -> None:
    if state not in NEXT_STATES[nomination.state]:
        raise Refusal(_("Somebody decided this meanwhile. Reload the page to see how."))
    nomination.state = state
    db.session.flush()
    honour, volunteer = nomination.honour, nomination.volunteer
    _trace(what, nomination, honour.organization, volunteer, actor, now)
    if kind:
        _tell(nomination, honour, volunteer, kind, now, **told)


# --- what is said against it ----------------------------------------------------------------------------------


def object_to(nomination_id: int, actor: Actor, *, words: str, now: datetime) -> Doubt:
    """Say that a nomination on public notice is not right, or contest one's own; it waits until that is decided."""
    nomination = _locked(nomination_id)
    _refuse_late(nomination, actor, now)
    if not is_said(words):
        raise Refusal(_("Please say what is not right and how you know it."), "words")
    if queries.objected_by(actor.account_id, [nomination.id]):
        raise Refusal(_("You have objected to this already, and you are told how it is decided."))
    made = Doubt(nomination_id=nomination.id, by_id=actor.account_id, at=now, words=words, state=DoubtState.OPEN)
    made.due_on = workdays.after(clock.today(now), organizations.limit(Limit.DISPUTE_WORKING_DAYS_HIGHER))
    db.session.add(made)
    about = _account_of(nomination)
    _note("honour objected to", made, actor, nomination.honour.organization, now, about=about)
    return made


def _refuse_late(nomination: Nomination, actor: Actor, now: datetime) -> None:
    """The person may contest it as long as it is under way, others while it stands on public notice."""
    if actor.volunteer_id == nomination.volunteer_id:
        if nomination.state not in UNDER_WAY:
            raise Refusal(_("This nomination is over already. Reload the page to see how it ended."))
        return
    ends = nomination.notice_ends_at
    if nomination.state is not NominationState.NOTICE or ends is None or ends <= now:
        raise Refusal(_("The public notice of this nomination is over."))


def uphold(doubt_id: int, actor: Actor, *, answer: str, now: datetime) -> Doubt:
    """What is said is right: the nomination is taken back. It may be made anew, with other words or numbers."""
    doubt, nomination = _weighed(doubt_id, actor, answer)
    _decide(doubt, nomination, DoubtState.UPHELD, actor, answer, now)
    _end(nomination, NominationState.WITHDRAWN, actor, answer, now)
    return doubt


def dismiss(doubt_id: int, actor: Actor, *, answer: str, now: datetime) -> Doubt:
    """What is said is not right: the nomination goes on."""
    doubt, nomination = _weighed(doubt_id, actor, answer)
    _decide(doubt, nomination, DoubtState.DISMISSED, actor, answer, now)
    return doubt


def _weighed(doubt_id: int, actor: Actor, answer: str) -> tuple[Doubt, Nomination]:
    """Both locked, the nomination first: two people who decide are served one after the other."""
    nomination = _locked(db.get_or_404(Doubt, doubt_id).nomination_id)
    doubt = lock(Doubt, doubt_id)
    if doubt.state is not DoubtState.OPEN:
        raise Refusal(_("Somebody decided this meanwhile. Reload the page to see how."))
    bar = case(nomination, actor, *queries.objectors(nomination.id)).bar_to_weighing()
    _refuse_barred(bar, weighing(bar), nomination)
    if not is_said(answer):
        raise Refusal(_("Please give a reason: whoever objected reads it."), "answer")
    return doubt, nomination


def _decide(doubt: Doubt, nomination: Nomination, state: DoubtState, actor: Actor, answer: str, now: datetime) -> None:
    _move_doubt(doubt, state)
    doubt.answer, doubt.decided_at, doubt.decided_by_id = answer, now, actor.account_id
    db.session.flush()
    about, honour = _account_of(nomination), nomination.honour
    _note(DECIDED[state], doubt, actor, honour.organization, now, about=about)
    path = f"/me/honours/{nomination.id}" if doubt.by_id == about else "/notices"
    upheld = state is DoubtState.UPHELD
    kind = NoticeKind.HONOUR_DOUBT_UPHELD if upheld else NoticeKind.HONOUR_DOUBT_DISMISSED
    tell(doubt.by_id, kind, now=now, path=path, title=honour.title, reason=answer)


def _move_doubt(doubt: Doubt, state: DoubtState) -> None:
    if state not in NEXT_DOUBT_STATES[doubt.state]:
        raise Refusal(_("Somebody decided this meanwhile. Reload the page to see how."))
    doubt.state = state


# --- granting, and taking back --------------------------------------------------------------------------------


def is_cut_short(now: datetime) -> bool:
    """Whether a running notice has fewer than five working days, because a day became a holiday meanwhile."""
    return bool(queries.cut_short(now, NOTICE_WORKING_DAYS))


def lengthen_notices(now: datetime) -> int:
    """Give those their days back; no notice ever ends earlier than was said. Returns how many."""
    found = queries.cut_short(now, NOTICE_WORKING_DAYS)
    return sum(_lengthen(id, ends, now) for id, ends in found.items())


def _lengthen(nomination_id: int, ends: datetime, now: datetime) -> bool:
    nomination = _locked(nomination_id)
    if nomination.state is not NominationState.NOTICE or not nomination.notice_ends_at:
        return False
    nomination.notice_ends_at = max(ends, nomination.notice_ends_at)
    honour, volunteer = nomination.honour, nomination.volunteer
    _trace("honour notice lengthened", nomination, honour.organization, volunteer, None, now)
    last = clock.today(nomination.notice_ends_at) - clock.DAY
    _tell(nomination, honour, volunteer, NoticeKind.HONOUR_ON_NOTICE, now, until=last)
    return True


def end_notices(now: datetime) -> int:
    """Grant whatever stood on public notice for its time with nothing undecided against it; returns how many.

    If minutes that the approval rested on do not count any more, it waits for people.
    """
    return sum(_end_notice(nomination_id, now) for nomination_id in queries.due(now))


def _end_notice(nomination_id: int, now: datetime) -> bool:
    nomination = _locked(nomination_id)
    ends = nomination.notice_ends_at
    if nomination.state is not NominationState.NOTICE or ends is None or ends > now:
        return False
    if queries.objected_to(nomination_id):
        return False
    if queries.has_shrunk(_kept(nomination), queries.sheet_of(nomination, now)):
        return False
    nomination.granted_at = now
    told = {"organization": nomination.honour.organization.name}
    _move(nomination, NominationState.GRANTED, "honour granted", NoticeKind.HONOUR_GRANTED, None, now, **told)
    return True


def ask_revocation(nomination_id: int, actor: Actor, *, reason: str, now: datetime) -> Revocation:
    """Ask to take back what was granted, with the reason; another person decides."""
    nomination = _locked(nomination_id)
    if not actor.may(Role.ADMINISTRATOR, nomination.honour.organization.path):
        _refuse_barred(Bar.NO_ROLE, approving(Bar.NO_ROLE), nomination)
    if NominationState.REVOKED not in NEXT_STATES[nomination.state]:
        raise Refusal(_("Only a granted honour is revoked."))
    if not is_said(reason):
        raise Refusal(_("Please say why: the person reads it."), "answer")
    if any(asked.revocation.state is RevocationState.ASKED for asked in queries.revocations_of(nomination.id)):
        raise Refusal(_("Somebody asked for that already, and another person decides."))
    made = Revocation(nomination_id=nomination.id, reason=reason, asked_at=now, asked_by_id=actor.account_id)
    made.state = RevocationState.ASKED
    db.session.add(made)
    about = _account_of(nomination)
    _note("honour revocation asked", made, actor, nomination.honour.organization, now, about=about)
    return made


def agree_to_revocation(revocation_id: int, actor: Actor, *, now: datetime) -> Revocation:
    """A second person agrees: the honour is taken back."""
    asked, nomination = _undecided(revocation_id, actor, RevocationState.AGREED)
    _settle(asked, nomination, RevocationState.AGREED, actor, now)
    nomination.ended_at, nomination.ended_by_id, nomination.answer = now, actor.account_id, asked.reason
    told = {"reason": asked.reason}
    _move(nomination, NominationState.REVOKED, "honour revoked", NoticeKind.HONOUR_REVOKED, actor, now, **told)
    return asked


def refuse_revocation(revocation_id: int, actor: Actor, *, now: datetime) -> Revocation:
    """The honour stays; whoever asked may take the question back like this, too."""
    asked, nomination = _undecided(revocation_id, actor, RevocationState.REFUSED)
    _settle(asked, nomination, RevocationState.REFUSED, actor, now)
    return asked


def _undecided(revocation_id: int, actor: Actor, goal: RevocationState) -> tuple[Revocation, Nomination]:
    nomination = _locked(db.get_or_404(Revocation, revocation_id).nomination_id)
    asked = lock(Revocation, revocation_id)
    if goal not in NEXT_REVOCATION_STATES[asked.state]:
        raise Refusal(_("Somebody decided this meanwhile. Reload the page to see how."))
    bar = case(nomination, actor, asked.asked_by_id).bar_to_revoking(asked)
    is_their_own = goal is RevocationState.REFUSED and asked.asked_by_id == actor.account_id
    if not is_their_own:  # whoever asked may take it back
        _refuse_barred(bar, revoking(bar), nomination)
    return asked, nomination


def _settle(asked: Revocation, nomination: Nomination, state: RevocationState, actor: Actor, now: datetime) -> None:
    asked.state, asked.decided_at, asked.decided_by_id = state, now, actor.account_id
    db.session.flush()
    about = _account_of(nomination)
    _note(SETTLED[state], asked, actor, nomination.honour.organization, now, about=about)


# --- traces, and what happens elsewhere -----------------------------------------------------------------------


def _account_of(nomination: Nomination) -> int:
    return people.account_of(nomination.volunteer_id)


def _note(
    what: str, row: Base, actor: Actor, organization: Organization, now: datetime, about: int | None = None
) -> None:
    audit.note(what, row, actor_id=actor.account_id, now=now, organization_id=organization.id, about_id=about)


def _trace(
    what: str, made: Nomination, organization: Organization, volunteer: Volunteer, actor: Actor | None, now: datetime
) -> None:
    where = {"organization_id": organization.id, "about_id": people.account_of(volunteer.id)}
    audit.note(what, made, actor_id=actor.account_id if actor else None, now=now, **where)


def _tell(made: Nomination, honour: Honour, volunteer: Volunteer, kind: NoticeKind, now: datetime, **told: Any) -> None:
    tell(people.account_of(volunteer.id), kind, now=now, path=f"/me/honours/{made.id}", title=honour.title, **told)


def _tell_changed(record_id: int, now: datetime) -> None:
    """An entry was corrected: who approved an honour by it is told to look whether it still stands."""
    for nomination in queries.resting_on(db.session.get_one(ServiceRecord, record_id)):
        path = f"/desk/nominations/{nomination.id}"
        if nomination.approved_by_id:
            tell(
                nomination.approved_by_id, NoticeKind.HONOUR_CHANGED, now=now, path=path, title=nomination.honour.title
            )


def _release(leaving: Departure) -> None:
    """Somebody leaves: what is under way for them ends, and if they want all erased, no word about them stays."""
    if leaving.volunteer_id:
        mine = select(Nomination.id).where(Nomination.volunteer_id == leaving.volunteer_id)
        ids = list(db.session.scalars(mine.where(Nomination.state.in_(UNDER_WAY)).order_by(Nomination.id)))
        for nomination in [_locked(id) for id in ids]:
            if nomination.state in UNDER_WAY:
                nomination.state, nomination.ended_at = NominationState.DECLINED, leaving.now
                _lapse(nomination, leaving.now)
        db.session.flush()
    if leaving.data is Leaving.ERASE:
        _erase(leaving)


def _erase(leaving: Departure) -> None:
    said = update(Doubt).where(Doubt.by_id == leaving.account_id)
    db.session.execute(said.values(words=ERASED))
    if leaving.volunteer_id is None:
        return
    mine = select(Nomination.id).where(Nomination.volunteer_id == leaving.volunteer_id)
    about = update(Doubt).where(Doubt.nomination_id.in_(mine))
    db.session.execute(about.values(words=ERASED, answer=ERASED))
    db.session.execute(update(Revocation).where(Revocation.nomination_id.in_(mine)).values(reason=ERASED))
    own = update(Nomination).where(Nomination.volunteer_id == leaving.volunteer_id)
    db.session.execute(own.values(reason=ERASED, answer=ERASED))


def _about_honour(honour_id: int) -> About | None:
    honour = db.session.get(Honour, honour_id)
    return About(None, honour.organization_id) if honour else None


def _about_nomination(nomination_id: int) -> About | None:
    whose = select(Volunteer.account_id, Honour.organization_id).select_from(Nomination)
    found = whose.join(Volunteer, Volunteer.id == Nomination.volunteer_id).join(
        Honour, Honour.id == Nomination.honour_id
    )
    row = db.session.execute(found.where(Nomination.id == nomination_id)).first()
    return About(*row) if row else None


def _of_doubt(doubt_id: int) -> About | None:
    doubt = db.session.get(Doubt, doubt_id)
    return _about_nomination(doubt.nomination_id) if doubt else None


def _of_revocation(revocation_id: int) -> About | None:
    asked = db.session.get(Revocation, revocation_id)
    return _about_nomination(asked.nomination_id) if asked else None


attempts.FINDERS |= {
    Honour.__tablename__: _about_honour,
    Nomination.__tablename__: _about_nomination,
    Doubt.__tablename__: _of_doubt,
    Revocation.__tablename__: _of_revocation,
}
corrections.ON_CORRECTED.append(_tell_changed)
identity.ON_LEAVE.append(_release)
