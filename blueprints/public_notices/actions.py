"""Who sees notices; objecting to an entry on notice, and deciding on it: a level above, by who has no part in it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update

from blueprints.identity import actions as identity
from blueprints.identity import queries as people
from blueprints.identity.actions import Departure
from blueprints.identity.models import Leaving
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.public_notices import queries
from blueprints.public_notices.models import NEXT_STATES, NoticeSetting, Objection, ObjectionState, SeenBy
from blueprints.records import actions as records
from blueprints.records import attempts
from blueprints.records import queries as recorded
from blueprints.records.models import Bar, RecordState, ServiceRecord, Tried
from core import audit, clock, vault, workdays
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Barred, Refusal, is_said

ERASED = "*"


def show_to(organization_id: int, seen_by: SeenBy | None, actor: Actor, *, now: datetime) -> NoticeSetting:
    """Set who sees the notices of an organization and of those below it; None lets hold what holds above."""
    organization = lock(Organization, organization_id)
    if not actor.may(Role.ADMINISTRATOR, organization.path):
        raise Refusal(_("An administrator of the organization sets who sees its notices."))
    if seen_by is None and organization.parent_id is None:
        raise Refusal(_("Nothing stands above this organization. Please choose who sees its notices."), "seen_by")
    known = select(NoticeSetting).where(NoticeSetting.organization_id == organization_id)
    setting = db.session.scalar(known) or NoticeSetting(organization_id=organization_id)
    before, setting.seen_by = setting.seen_by, seen_by
    setting.changed_at, setting.changed_by_id = now, actor.account_id
    db.session.add(setting)
    told: dict[str, Any] = {"organization_id": organization_id, "before": before, "after": seen_by}
    audit.note("notice audience set", setting, actor_id=actor.account_id, now=now, **told)
    return setting


def object_to(record_id: int, actor: Actor, *, words: str, now: datetime) -> Objection:
    """Say that an entry on public notice is not true; it waits until the level above has decided."""
    record = _on_notice(record_id, words, now)
    if people.is_theirs(record.volunteer_id, actor.volunteer_id):
        raise Refusal(_("This is your own entry. Say on your record what is wrong with it."))
    if queries.objected_by(actor.account_id, [record_id]):
        raise Refusal(_("You have objected to this already, and you are told how it is decided."))
    made = _raised(Objection(record_id=record.id, by_id=actor.account_id), words, now)
    _trace("objection raised", made, record, actor.account_id, now)
    return made


def object_from_outside(record_id: int, *, name: str, phone: str, words: str, now: datetime) -> tuple[Objection, str]:
    """The same of somebody without an account, where everybody sees the notice; returns it with the code by which they
    look the decision up, which is kept nowhere. Nothing tells them whether the number is known here."""
    record = _on_notice(record_id, words, now)
    if queries.one_of(record_id, queries.public(now)) is None:
        raise Refusal(_("People without an account do not see this notice any more."))
    if not is_said(name):
        raise Refusal(_("Please type your name."), "name")
    code = vault.reference()
    made = Objection(record_id=record.id, code_hash=vault.digest(code), phone_of_id=queries.owner_of_phone(phone))
    made.name_sealed, made.phone_sealed = vault.seal(name), vault.seal(phone)
    _raised(made, words, now)
    _trace("objection raised from outside", made, record, None, now)
    return made, code


def _on_notice(record_id: int, words: str, now: datetime) -> ServiceRecord:
    """The entry, locked, while one can object to it."""
    record = lock(ServiceRecord, record_id)
    if record.state is not RecordState.NOTICE or record.notice_ends_at is None or record.notice_ends_at <= now:
        raise Refusal(_("The public notice of this entry is over."))
    if not is_said(words):
        raise Refusal(_("Please say what is not true and how you know it."), "words")
    return record


def _raised(made: Objection, words: str, now: datetime) -> Objection:
    made.at, made.words, made.state = now, words, ObjectionState.OPEN
    made.due_on = workdays.after(clock.today(now), organizations.limit(Limit.DISPUTE_WORKING_DAYS_HIGHER))
    db.session.add(made)
    db.session.flush()
    return made


def uphold(objection_id: int, actor: Actor, *, answer: str, now: datetime) -> Objection:
    """The objection is right: the entry goes back, if it has not by another way, and everything else raised against it
    is settled with it."""
    objection, record = _judged(objection_id, actor, answer)
    others = select(Objection).where(Objection.record_id == record.id, Objection.state == ObjectionState.OPEN)
    for each in db.session.scalars(others.order_by(Objection.id)).all():
        _decide(each, ObjectionState.UPHELD, actor, answer, record, now)
    if record.state is not RecordState.RETURNED:
        records.overturn(record.id, actor.account_id, reason=answer, now=now)
    return objection


def dismiss(objection_id: int, actor: Actor, *, answer: str, now: datetime, together: bool = False) -> Objection:
    """The objection is not right: the entry goes on, and counts when its time is over. `together` settles the open ones
    of people without an account with it, so that nobody is kept waiting by a crowd that one person made up."""
    objection, record = _judged(objection_id, actor, answer)
    _decide(objection, ObjectionState.DISMISSED, actor, answer, record, now)
    for other in queries.others_outside(objection) if together else ():
        _decide(lock(Objection, other), ObjectionState.DISMISSED, actor, answer, record, now)
    return objection


def show_contact(objection_id: int, actor: Actor, *, now: datetime) -> Objection:
    """Leave a trace that whoever decides looked at who objected without an account."""
    objection = lock(Objection, objection_id)
    record = db.session.get_one(ServiceRecord, objection.record_id)
    if objection.name_sealed is None:
        raise Refusal(_("There is no name and no phone number here, or they were erased."))
    if barred := _barred(objection, record, actor):
        raise Refusal(barred[1])
    _trace("objection contact shown", objection, record, actor.account_id, now)
    return objection


def barred_because(objection: Objection, record: ServiceRecord, actor: Actor) -> str | None:
    """Why this person may not decide; None if they may."""
    barred = _barred(objection, record, actor)
    return barred[1] if barred else None


def _barred(objection: Objection, record: ServiceRecord, actor: Actor) -> tuple[Bar, str] | None:
    organization = db.session.get_one(Organization, record.organization_id)
    if not actor.may(Role.CONFIRMER, organization.path):
        return Bar.NO_ROLE, _("A confirmer decides on this.")
    if objection.by_id == actor.account_id:
        return Bar.INVOLVED, _("You objected yourself, so another person decides.")
    if people.is_theirs(record.volunteer_id, actor.volunteer_id):
        return Bar.OWNER, _("These are your own minutes, so another person decides on them.")
    if _has_part(record, actor):
        return Bar.INVOLVED, _(
            "You have a part in this entry, or your account has the name or mail address of somebody who has, so "
            "another person decides on it."
        )
    if not recorded.reaches_down(actor, organization, min(1, len(organization.ancestors))):
        return Bar.TOO_LOW, _("A confirmer of the level above decides on this.")
    return None


def _has_part(record: ServiceRecord, actor: Actor) -> bool:
    """Whether this person, also by a second account, recorded, owns or decided on the entry, or objected to it, be it
    with nothing but their phone number."""
    known = recorded.known_of(record, actor.account_id)
    others = queries.who_objected(record.id) | {id for id in (record.confirmed_by_id, record.approved_by_id) if id}
    return known.is_recorder or known.is_second or people.is_one_of(actor.account_id, others)


def _judged(objection_id: int, actor: Actor, answer: str) -> tuple[Objection, ServiceRecord]:
    """Both locked, the entry first: two people who decide are served one after the other."""
    known = db.get_or_404(Objection, objection_id)
    record = lock(ServiceRecord, known.record_id)
    objection = lock(Objection, objection_id)
    if objection.state is not ObjectionState.OPEN:
        raise Refusal(_("Somebody decided this meanwhile. Reload the page to see how."))
    if barred := _barred(objection, record, actor):
        raise Barred(barred[1], Tried.SETTLE, barred[0], record)
    if not is_said(answer):
        raise Refusal(_("Please give a reason: whoever objected reads it."), "answer")
    return objection, record


def _decide(
    objection: Objection, state: ObjectionState, actor: Actor, answer: str, record: ServiceRecord, now: datetime
) -> None:
    if state not in NEXT_STATES[objection.state]:
        raise Refusal(_("Somebody decided this meanwhile. Reload the page to see how."))
    objection.state, objection.answer = state, answer
    objection.decided_at, objection.decided_by_id = now, actor.account_id
    db.session.flush()
    upheld = state is ObjectionState.UPHELD
    _trace("objection upheld" if upheld else "objection dismissed", objection, record, actor.account_id, now)
    if objection.by_id is None:
        return  # they look it up by their code
    told: dict[str, Any] = {"title": record.title, "starts": record.started_at, "ends": record.ended_at}
    kind = NoticeKind.OBJECTION_UPHELD if upheld else NoticeKind.OBJECTION_DISMISSED
    tell(objection.by_id, kind, now=now, path="/notices", reason=answer, **told)


def erase_outsiders(now: datetime) -> int:
    """Erase who objected without an account, and their words, some time after the decision, which stays."""
    old = db.session.scalars(queries.to_erase(now)).all()
    for objection_id in sorted(old):
        objection = lock(Objection, objection_id)
        objection.name_sealed = objection.phone_sealed = objection.phone_of_id = None
        objection.words, objection.erased_at = ERASED, now
        db.session.flush()
        record = db.session.get_one(ServiceRecord, objection.record_id)
        _trace("objection contact erased", objection, record, None, now)
    return len(old)


def _trace(what: str, objection: Objection, record: ServiceRecord, by_id: int | None, now: datetime) -> None:
    owner = people.account_of(record.volunteer_id)
    audit.note(what, objection, actor_id=by_id, now=now, organization_id=record.organization_id, about_id=owner)


def _stands(record_id: Any) -> ColumnElement[bool]:
    open_ = select(Objection.id).where(Objection.record_id == record_id, Objection.state == ObjectionState.OPEN)
    return open_.exists()


def _forget(leaving: Departure) -> None:
    """What somebody who leaves and wants all erased has said against others; that they objected stays."""
    if leaving.data is Leaving.ERASE:
        theirs = update(Objection).where(Objection.by_id == leaving.account_id)
        db.session.execute(theirs.values(words=ERASED))


attempts.ABOUT_ENTRIES[Objection.__tablename__] = Objection
recorded.OBJECTIONS.append(_stands)
identity.ON_LEAVE.append(_forget)
