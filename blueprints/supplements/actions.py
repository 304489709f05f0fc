"""Time outside a shift: somebody states it with proof, the organization vouches, the level above decides (domain b5).

Whoever states it decides nothing, neither does a second account of theirs; whoever vouched does not approve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from blueprints.identity import actions as identity
from blueprints.identity import queries as people
from blueprints.identity.actions import Departure
from blueprints.identity.models import Leaving, Volunteer
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.records import actions as records
from blueprints.records import attempts
from blueprints.records.actions import Facts
from blueprints.records.attempts import About
from blueprints.records.models import Bar, RecordSource, Tried
from blueprints.supplements import queries
from blueprints.supplements.models import NEXT_STATES, OPEN, Supplement, SupplementPicture, SupplementState
from core import audit, clock, display, pictures
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Barred, Refusal, is_said

MOST_PICTURES = 6
MOST_OPEN = 10  # of one person at a time
ERASED = "*"
LOOK = (Role.CLERK, Role.CONFIRMER)


@dataclass(frozen=True, slots=True)
class Stated:
    """What somebody says: the facts, who can vouch, why no shift was there, and a picture that proves it."""

    facts: Facts
    why: str
    picture: bytes | None


def ask(stated: Stated, actor: Actor, *, now: datetime) -> Supplement:
    """The person themself states time outside a shift."""
    person = lock(Volunteer, stated.facts.volunteer_id)
    if person.account_id != actor.account_id:
        raise Refusal(_("Only the person themself can ask for this."))
    if stated.facts.organization_id not in {each.id for each in queries.known_to(person)}:
        raise Refusal(_("Please choose an organization that you belong to or have served with."), "organization")
    return _kept(stated, SupplementState.REQUESTED, actor, now)


def propose(stated: Stated, actor: Actor, *, now: datetime) -> Supplement:
    """A clerk states it for somebody else; nothing goes on before that person has agreed to it."""
    person = lock(Volunteer, stated.facts.volunteer_id)
    organization = db.session.get_one(Organization, stated.facts.organization_id)
    _require(actor, (Role.CLERK,), organization)
    if person.account_id == actor.account_id:
        raise Refusal(_("This is your own time. Ask for it on your own pages; others look at it."))
    made = _kept(stated, SupplementState.PROPOSED, actor, now)
    _tell(made, NoticeKind.SUPPLEMENT_PROPOSED, now, organization=organization.name)
    return made


def _kept(stated: Stated, state: SupplementState, actor: Actor, now: datetime) -> Supplement:
    facts = stated.facts
    _refuse_late(facts, now)
    if not is_said(stated.why):
        raise Refusal(_("Please say why there was no shift."), "why")
    records.judge(facts, RecordSource.SUPPLEMENT, now=now)
    if other := queries.open_meanwhile(facts.volunteer_id, facts.started_at, facts.ended_at):
        raise Refusal(_("You have asked for some of this time already: “%(title)s”.", title=other.title), "starts")
    mine = queries.of_volunteer(facts.volunteer_id).where(Supplement.state.in_(OPEN)).limit(MOST_OPEN)
    if len(db.session.scalars(mine).all()) >= MOST_OPEN:
        raise Refusal(_("Many requests of this person wait already. Please wait until some of them are decided."))
    if not stated.picture:
        raise Refusal(_("Please add a picture or PDF that proves it: of the place, a sheet, a message."), "photo")
    made = Supplement(volunteer_id=facts.volunteer_id, organization_id=facts.organization_id, state=state)
    made.title, made.category, made.content, made.place = facts.title, facts.category, facts.content, facts.place
    made.voucher_name, made.why, made.minutes = facts.responsible_name, stated.why, facts.minutes
    made.started_at, made.ended_at = facts.started_at, facts.ended_at
    made.stated_at, made.stated_by_id = now, actor.account_id
    db.session.add(made)
    db.session.flush()
    _add(made, stated.picture, actor, now)
    _trace("supplement stated", made, actor, now)
    return made


def _refuse_late(facts: Facts, now: datetime) -> None:
    days = organizations.limit(Limit.SUPPLEMENT_DAYS)
    first = clock.today(now) - timedelta(days=days)
    if facts.served_on < first:
        raise Refusal(
            _(
                "Time outside a shift can be asked for within %(days)d days; this reaches back to %(day)s.",
                days=days,
                day=display.day(first),
            ),
            "day",
        )


def _add(supplement: Supplement, picture: bytes, actor: Actor, now: datetime) -> SupplementPicture:
    made, kept = SupplementPicture(supplement_id=supplement.id), queries.pictures(supplement.id)
    return pictures.keep(made, picture, kept, MOST_PICTURES, actor.account_id, now=now)


# --- the person -----------------------------------------------------------------------------------------------


def agree(supplement_id: int, actor: Actor, *, now: datetime) -> Supplement:
    """The person says that what a clerk stated for them is true."""
    supplement = _own(supplement_id, actor)
    if supplement.state is not SupplementState.PROPOSED:
        raise Refusal(_changed())
    _move(supplement, SupplementState.REQUESTED)
    _trace("supplement agreed to", supplement, actor, now)
    return supplement


def answer(supplement_id: int, actor: Actor, *, words: str, picture: bytes | None, now: datetime) -> Supplement:
    """Say or show what the organization wanted to know."""
    supplement = _own(supplement_id, actor)
    if supplement.state is not SupplementState.ASKED:
        raise Refusal(_changed())
    if not is_said(words):
        raise Refusal(_("Please answer the question."), "words")
    _move(supplement, SupplementState.REQUESTED)
    supplement.answer = words
    if picture:
        _add(supplement, picture, actor, now)
    _trace("supplement answered", supplement, actor, now)
    return supplement


def withdraw(supplement_id: int, actor: Actor, *, now: datetime) -> Supplement:
    """The person takes it back, or says that what a clerk stated is not theirs."""
    supplement = _own(supplement_id, actor)
    _decide(supplement, SupplementState.WITHDRAWN, actor, "", now)
    _trace("supplement withdrawn", supplement, actor, now)
    if supplement.stated_by_id != actor.account_id:
        told: dict[str, Any] = {"title": supplement.title, "starts": supplement.started_at, "ends": supplement.ended_at}
        path = f"/desk/supplements/{supplement.id}"
        tell(supplement.stated_by_id, NoticeKind.SUPPLEMENT_REFUSED, now=now, path=path, **told)
    return supplement


def _own(supplement_id: int, actor: Actor) -> Supplement:
    supplement = lock(Supplement, supplement_id)
    if supplement.volunteer_id != actor.volunteer_id:
        raise Refusal(_("Only the person themself can do that."))
    return supplement


# --- the organization ---------------------------------------------------------------------------------------


def vouch(supplement_id: int, actor: Actor, *, now: datetime) -> Supplement:
    """Somebody of the organization stands behind it: an entry of class C is made, which the level above decides on."""
    supplement = _judged(supplement_id, actor, SupplementState.REQUESTED)
    facts = facts_of(supplement)
    stater = supplement.stated_by_id
    record = records.enter(
        facts, RecordSource.SUPPLEMENT, stated_by=stater, recorders=[stater], vouched_by=actor.account_id, now=now
    )
    with db.session.no_autoflush:
        supplement.record_id = record.id
        _decide(supplement, SupplementState.VOUCHED, actor, "", now)
    _trace("supplement vouched for", supplement, actor, now, minutes=supplement.minutes)
    _tell(supplement, NoticeKind.SUPPLEMENT_VOUCHED, now)
    return supplement


def facts_of(supplement: Supplement) -> Facts:
    return Facts(
        volunteer_id=supplement.volunteer_id,
        organization_id=supplement.organization_id,
        title=supplement.title,
        category=supplement.category,
        content=supplement.content,
        place=supplement.place,
        responsible_name=supplement.voucher_name,
        started_at=supplement.started_at,
        ended_at=supplement.ended_at,
        minutes=supplement.minutes,
    )


def want_more(supplement_id: int, actor: Actor, *, question: str, now: datetime) -> Supplement:
    """Ask the person for what is missing."""
    if not is_said(question):
        raise Refusal(_("Please say what is missing."), "words")
    supplement = _judged(supplement_id, actor, SupplementState.REQUESTED)
    _move(supplement, SupplementState.ASKED)
    supplement.question, supplement.asked_by_id = question, actor.account_id
    _trace("supplement questioned", supplement, actor, now)
    _tell(supplement, NoticeKind.SUPPLEMENT_QUESTION, now, reason=question)
    return supplement


def decline(supplement_id: int, actor: Actor, *, reason: str, now: datetime) -> Supplement:
    """The organization does not vouch, and says why."""
    if not is_said(reason):
        raise Refusal(_("Please say why, so that the person can understand it."), "words")
    supplement = _judged(supplement_id, actor, SupplementState.REQUESTED, SupplementState.ASKED)
    _decide(supplement, SupplementState.DECLINED, actor, reason, now)
    _trace("supplement declined", supplement, actor, now)
    _tell(supplement, NoticeKind.SUPPLEMENT_DECLINED, now, reason=reason)
    return supplement


def barred_because(supplement: Supplement, actor: Actor) -> tuple[Bar, str] | None:
    """Why this person may not decide on it, though their role covers it."""
    owner = db.session.get_one(Volunteer, supplement.volunteer_id).account_id
    if actor.account_id == owner:
        return Bar.OWNER, _("This is your own time, so another person decides.")
    if actor.account_id == supplement.stated_by_id:
        return Bar.RECORDER, _("You stated this yourself, so another person decides.")
    staters = {owner, supplement.stated_by_id}
    if any(people.same_people(staters, {actor.account_id}).values()):
        return Bar.INVOLVED, _("Your account and that of who asks look like one person's, so somebody else decides.")
    return None


def _judged(supplement_id: int, actor: Actor, *states: SupplementState) -> Supplement:
    """Locked after its person, as everywhere; undecided, and for this actor to decide."""
    known = db.get_or_404(Supplement, supplement_id)
    lock(Volunteer, known.volunteer_id)
    supplement = lock(Supplement, supplement_id)
    _require(actor, LOOK, db.session.get_one(Organization, supplement.organization_id))
    if supplement.state not in states:
        raise Refusal(_changed())
    if barred := barred_because(supplement, actor):
        raise Barred(barred[1], Tried.SUPPLEMENT, barred[0], supplement)
    return supplement


def _require(actor: Actor, roles: Sequence[Role], organization: Organization) -> None:
    if not any(actor.may(role, organization.path) for role in roles):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))


def _decide(supplement: Supplement, state: SupplementState, actor: Actor, reason: str, now: datetime) -> None:
    _refuse_if_changed(supplement, state)
    supplement.decided_at, supplement.decided_by_id, supplement.reason = now, actor.account_id, reason
    supplement.state = state
    db.session.flush()


def _move(supplement: Supplement, state: SupplementState) -> None:
    _refuse_if_changed(supplement, state)
    supplement.state = state
    db.session.flush()


def _refuse_if_changed(supplement: Supplement, state: SupplementState) -> None:
    if state not in NEXT_STATES[supplement.state]:
        raise Refusal(_changed())


def _changed() -> str:
    return str(_("Somebody decided this meanwhile. Reload the page to see how."))


def _tell(supplement: Supplement, kind: NoticeKind, now: datetime, **values: str) -> None:
    owner = db.session.get_one(Volunteer, supplement.volunteer_id).account_id
    told: dict[str, Any] = {"title": supplement.title, "starts": supplement.started_at, "ends": supplement.ended_at}
    tell(owner, kind, now=now, path=f"/me/supplements/{supplement.id}", minutes=supplement.minutes, **told, **values)


def _trace(what: str, supplement: Supplement, actor: Actor, now: datetime, **details: int) -> None:
    owner = db.session.get_one(Volunteer, supplement.volunteer_id).account_id
    where = {"organization_id": supplement.organization_id, "about_id": owner}
    audit.note(what, supplement, actor_id=actor.account_id, now=now, **where, **details)


def _about(supplement_id: int) -> About | None:
    owner = select(Volunteer.account_id, Supplement.organization_id).join(Supplement.volunteer)
    row = db.session.execute(owner.where(Supplement.id == supplement_id)).first()
    return About(*row) if row else None


def _forget(leaving: Departure) -> None:
    """Words and pictures of somebody who leaves and wants all erased; that there was something stays."""
    if leaving.volunteer_id is None or leaving.data is not Leaving.ERASE:
        return
    theirs = select(Supplement.id).where(Supplement.volunteer_id == leaving.volunteer_id)
    words = {"why": ERASED, "answer": ERASED, "voucher_name": ERASED, "question": ERASED}
    db.session.execute(update(Supplement).where(Supplement.id.in_(theirs)).values(**words))
    shown = update(SupplementPicture).where(SupplementPicture.supplement_id.in_(theirs))
    db.session.execute(shown.where(SupplementPicture.erased_at.is_(None)).values(content=None, erased_at=leaving.now))


attempts.FINDERS[Supplement.__tablename__] = _about
identity.ON_LEAVE.append(_forget)
