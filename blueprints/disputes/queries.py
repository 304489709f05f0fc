"""Questions about disputes: what waits, who decides on it and who may not, and how it has gone so far."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, false, func, literal, or_, select, union_all
from sqlalchemy.orm import aliased, contains_eager

from blueprints.disputes.models import OPEN, WAITS, Dispute, DisputeKind, DisputeState, Proof, Step
from blueprints.identity import queries as identity
from blueprints.identity.models import Account, Grant, Volunteer
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from blueprints.records import queries as records
from blueprints.records.models import Correction, CorrectionState, Recorder, ServiceRecord
from core.actor import Actor, Role
from core.db import db
from core.i18n import _

PAGE = 30
MOST_PROOFS = 5
KEPT = timedelta(days=365)  # pictures, from the end of the dispute
_record = contains_eager(Dispute.record)
WHOLE = (
    _record.contains_eager(ServiceRecord.volunteer).contains_eager(Volunteer.account),
    _record.contains_eager(ServiceRecord.organization),
)


def _whole() -> Select[Dispute]:
    """Disputes with their entry, its owner and the organization that recorded it."""
    found = select(Dispute).join(Dispute.record).join(ServiceRecord.organization).join(ServiceRecord.volunteer)
    return found.join(Volunteer.account).options(*WHOLE)


# --- who decides --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a dispute is decided: the nearest organization with somebody who may, and who may not anywhere."""

    organization: Organization | None
    accounts: frozenset[int]  # who may decide there
    barred: Mapping[int, str]  # whom something bars, and why


def seats(disputes: Sequence[Dispute]) -> dict[int, Seat]:
    """The seat of each of these disputes; as many questions for a hundred as for one."""
    if not disputes:
        return {}
    able = records.confirmers(dispute.record.organization for dispute in disputes)
    barred = barred_from(disputes, {account for _one, accounts in able.values() for account in accounts})
    return {dispute.id: _seat(dispute, able, barred[dispute.id]) for dispute in disputes}


def _seat(dispute: Dispute, able: records.Confirmers, barred: Mapping[int, str]) -> Seat:
    home = dispute.record.organization
    seat = records.nearest(home, dispute.levels, set(barred), able)
    accounts = able[seat.id][1] - set(barred) if seat else set()
    return Seat(seat, frozenset(accounts), barred)


def barred_from(disputes: Sequence[Dispute], among: Collection[int]) -> dict[int, dict[int, str]]:
    """For each dispute who may not decide on it and why: its owner, whoever stands behind the entry, a second account
    of the owner (looked for `among` these), and whoever rejected it before."""
    behind, same = stands_behind([dispute.record for dispute in disputes]), _second_accounts(disputes, among)
    return {dispute.id: _barred(dispute, behind[dispute.record_id], same) for dispute in disputes}


def _second_accounts(disputes: Sequence[Dispute], among: Collection[int]) -> dict[int, set[int]]:
    return identity.same_people({dispute.filed_by_id for dispute in disputes}, among)


def _barred(dispute: Dispute, behind: Collection[int], same: Mapping[int, set[int]]) -> dict[int, str]:
    second = _("This account has your name or mail address in common with the owner of the entry: another decides.")
    barred = dict.fromkeys(same.get(dispute.filed_by_id, ()), second)
    barred |= dict.fromkeys(behind, _("You recorded, confirmed or corrected this entry, so another person decides."))
    if dispute.rejected_by_id:
        barred[dispute.rejected_by_id] = _("You rejected this dispute, so another person decides on the appeal.")
    return barred | {dispute.filed_by_id: _("This is your own entry, so another person decides.")}


def stands_behind(entries: Iterable[ServiceRecord]) -> dict[int, set[int]]:
    """For each entry everybody who recorded, confirmed, approved or corrected it."""
    found = {record.id: {record.handed_in_by_id, record.confirmed_by_id, record.approved_by_id} for record in entries}
    recorded = select(Recorder.record_id, Recorder.account_id, literal(None, Integer)).where(
        Recorder.record_id.in_(found)
    )
    corrected = select(Correction.record_id, Correction.author_id, Correction.approver_id)
    corrected = corrected.where(Correction.record_id.in_(found), Correction.state == CorrectionState.APPROVED)
    hands: Sequence[Any] = db.session.execute(union_all(recorded, corrected)).all()
    for id, author, approver in hands:
        found[id] |= {author, approver}
    return {id: {account for account in accounts if account} for id, accounts in found.items()}


@dataclass(frozen=True, slots=True)
class Case:
    """A dispute as one member of staff sees it."""

    dispute: Dispute
    seat: Organization | None  # who has to act
    barred: str | None  # why this person may not decide on it
    is_overdue: bool
    is_involved: bool = False  # they stand behind the entry, or are its owner
    distance: int | None = None  # how many levels above the recording organization this person decides
    takes_over: bool = False  # it was another organization's to decide, and that did not do it in time

    @property
    def is_final(self) -> bool:
        """Whether a rejection by this person is the last word."""
        return self.takes_over or self.dispute.kind is DisputeKind.NOT_ME or self.dispute.appealed_at is not None


def case(dispute: Dispute, seat: Seat, actor: Actor, today: date) -> Case:
    """Whether this person may decide: at the seat at any time, and above it once it is overdue."""
    home, overdue = dispute.record.organization, is_overdue(dispute, today)
    places = _places_of(actor, home)
    fit = {id: levels for id, levels in places.items() if levels >= dispute.levels}
    why = seat.barred.get(actor.account_id) or (None if fit else _unfit(bool(places)))
    if why or seat.organization is None:
        involved = actor.account_id in seat.barred
        return Case(dispute, seat.organization, why or _unfit(bool(places)), overdue, involved)
    if seat.organization.id in fit:
        return Case(dispute, seat.organization, None, overdue, distance=fit[seat.organization.id])
    late = None if overdue else _in_time(seat.organization)
    return Case(dispute, seat.organization, late, overdue, distance=min(fit.values()), takes_over=overdue)


def _unfit(is_confirmer: bool) -> str:
    return _("The level above decides on this.") if is_confirmer else _("A confirmer decides on this.")


def _in_time(seat: Organization) -> str:
    return _("%(name)s decides. Once it is overdue, you can take it over.", name=seat.name)


def _places_of(actor: Actor, home: Organization) -> dict[int, int]:
    """Where this person is a confirmer for the organization, with how many levels above it that is."""
    depth = home.path.count("/")
    held = [one for one in actor.held if one.role is Role.CONFIRMER and home.path.startswith(one.path)]
    return {one.organization_id: depth - one.path.count("/") for one in held}


def is_overdue(dispute: Dispute, today: date) -> bool:
    return dispute.waits and today > dispute.due_on


# --- what waits ---------------------------------------------------------------------------------------------


def to_decide(actor: Actor, today: date) -> Select[int]:
    """The ids of disputes that this person has to look at: those decided where they are, and overdue ones below."""
    home = select(Dispute.id).join(Dispute.record).join(ServiceRecord.organization)
    mine = [_falls_to(one.path, today) for one in actor.held if one.role is Role.CONFIRMER]
    free = _has_no_part(literal(actor.account_id))
    return home.where(Dispute.state.in_(WAITS), free, or_(false(), *mine))


def _falls_to(path: str, today: date) -> ColumnElement[bool]:
    """A dispute of this subtree for which nobody stands nearer, or which those who stand nearer left lying."""
    nearer = aliased(Organization)
    seat = (
        select(Grant.id)
        .join(nearer, nearer.id == Grant.organization_id)
        .join(Account, Account.id == Grant.account_id)
        .where(Grant.role == Role.CONFIRMER, Grant.revoked_at.is_(None), nearer.closed_at.is_(None))
        .where(Account.closed_at.is_(None), _has_no_part(Grant.account_id))
        .where(Organization.path.startswith(nearer.path), func.length(nearer.path) > len(path))
        .where(_depth(Organization.path) - _depth(nearer.path) >= Dispute.levels)
    )
    high_enough = _depth(Organization.path) - path.count("/") >= Dispute.levels
    return and_(organizations.under([path]), high_enough, or_(Dispute.due_on < today, ~seat.exists()))


def _has_no_part(account: Any) -> ColumnElement[bool]:
    """The same as `barred_from` within a larger question, but for second accounts, which only names tell."""
    recorded = select(Recorder.id).where(Recorder.record_id == Dispute.record_id, Recorder.account_id == account)
    corrected = select(Correction.id).where(
        Correction.record_id == Dispute.record_id,
        Correction.state == CorrectionState.APPROVED,
        or_(Correction.author_id == account, Correction.approver_id == account),
    )
    named = (ServiceRecord.confirmed_by_id, ServiceRecord.approved_by_id, Dispute.rejected_by_id, Dispute.filed_by_id)
    return and_(*(one.is_distinct_from(account) for one in named), ~recorded.exists(), ~corrected.exists())


def _depth(path: Any) -> ColumnElement[int]:
    return func.length(path) - func.length(func.replace(path, "/", ""))


def within(paths: Iterable[str]) -> Select[Dispute]:
    """Every dispute of these subtrees, those that wait first, the most urgent of them first."""
    found = _whole().where(organizations.under(paths))
    return found.order_by(Dispute.state.in_(OPEN).desc(), Dispute.due_on, Dispute.id)


def page_of(found: Select[Dispute], number: int) -> tuple[list[Dispute], bool]:
    """A page of disputes, and whether another one follows."""
    rows = list(db.session.scalars(found.offset((number - 1) * PAGE).limit(PAGE + 1)))
    return rows[:PAGE], len(rows) > PAGE


def queue(actor: Actor, today: date) -> Select[Dispute]:
    """The same as `to_decide` with everything that the list shows."""
    return _whole().where(Dispute.id.in_(to_decide(actor, today))).order_by(Dispute.due_on, Dispute.id)


def dispute_within(dispute_id: int, paths: Iterable[str]) -> tuple[Dispute, int] | None:
    """The dispute with what its entry counts today, if whoever recorded that lies within these subtrees."""
    mine = _whole().where(Dispute.id == dispute_id, organizations.under(paths))
    found = db.session.execute(mine.add_columns(records.worth_of_record())).first()
    return (found[0], found[1]) if found else None


def whole(dispute_id: int) -> Dispute:
    return db.session.scalars(_whole().where(Dispute.id == dispute_id)).one()


# --- the owner's --------------------------------------------------------------------------------------------


def of_owner(account_id: int) -> Select[Dispute]:
    """What somebody said against entries of theirs, the newest first."""
    return _whole().where(Dispute.filed_by_id == account_id).order_by(Dispute.id.desc())


def own_dispute(dispute_id: int, account_id: int) -> Dispute | None:
    return db.session.scalar(of_owner(account_id).where(Dispute.id == dispute_id))


def may_appeal(dispute: Dispute, today: date) -> bool:
    return dispute.state is DisputeState.REJECTED and today <= (dispute.appeal_until or today)


def open_on(record_ids: Collection[int]) -> dict[int, Dispute]:
    """For each of these entries the dispute that stands on it."""
    if not record_ids:
        return {}
    standing = select(Dispute).where(Dispute.record_id.in_(record_ids), Dispute.state.in_(OPEN))
    return {dispute.record_id: dispute for dispute in db.session.scalars(standing)}


def stands_on(record_id: Any) -> ColumnElement[bool]:
    """Whether a dispute stands on the entry, within a larger question."""
    return select(Dispute.id).where(Dispute.record_id == record_id, Dispute.state.in_(OPEN)).exists()


def latest_on(record_id: int) -> Dispute | None:
    """The last dispute of an entry, however it ended, but for those that were withdrawn."""
    last = select(Dispute).where(Dispute.record_id == record_id, Dispute.state != DisputeState.WITHDRAWN)
    return db.session.scalar(last.order_by(Dispute.id.desc()).limit(1))


def was_corrected_after(record_id: int, moment: datetime) -> bool:
    """Whether a correction of the entry was approved after that."""
    later = select(Correction.id).where(Correction.record_id == record_id, Correction.decided_at > moment)
    return db.session.scalar(later.where(Correction.state == CorrectionState.APPROVED).limit(1)) is not None


def correcting(correction_id: int) -> Dispute | None:
    """The dispute that waits for the decision on this correction."""
    mine = select(Dispute).where(Dispute.correction_id == correction_id, Dispute.state == DisputeState.CORRECTING)
    return db.session.scalar(mine)


def is_barred_from_correcting(correction_id: int, account_id: int) -> ColumnElement[bool]:
    """Whether a dispute waits for this correction on which this account may not decide (`barred_from`): whoever may not
    decide on the one does not decide on the other, either. A column of a larger question."""
    hands = (ServiceRecord.handed_in_by_id, ServiceRecord.confirmed_by_id, ServiceRecord.approved_by_id)
    recorded = select(Recorder.id).where(Recorder.record_id == Dispute.record_id, Recorder.account_id == account_id)
    by_them = or_(Correction.author_id == account_id, Correction.approver_id == account_id)
    corrected = select(Correction.id).where(Correction.record_id == Dispute.record_id, by_them)
    corrected = corrected.where(Correction.state == CorrectionState.APPROVED)
    theirs = (Dispute.filed_by_id == account_id) | Dispute.filed_by_id.in_(identity.second_accounts_of(account_id))
    behind = or_(*(hand == account_id for hand in hands), recorded.exists(), corrected.exists())
    waits = select(Dispute.id).join(ServiceRecord, ServiceRecord.id == Dispute.record_id)
    waits = waits.where(Dispute.correction_id == correction_id, Dispute.state == DisputeState.CORRECTING)
    return waits.where(or_(theirs, Dispute.rejected_by_id == account_id, behind)).correlate(None).exists()


# --- its course ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """One step with whoever took it."""

    step: Step
    by: str


def course(dispute_id: int) -> list[Taken]:
    """Everything that happened to a dispute, in its order."""
    steps = select(Step, Account.name).join(Account, Account.id == Step.by_id).where(Step.dispute_id == dispute_id)
    return [Taken(step, name) for step, name in db.session.execute(steps.order_by(Step.id))]


def first_words(dispute_id: int) -> str:
    """What the owner said when they filed it."""
    return db.session.scalar(select(Step.words).where(Step.dispute_id == dispute_id).order_by(Step.id).limit(1)) or ""


def proofs(dispute_id: int) -> list[Proof]:
    """The pictures of a dispute without their content, oldest first."""
    return list(db.session.scalars(select(Proof).where(Proof.dispute_id == dispute_id).order_by(Proof.id)))


def proof_of(proof_id: int, disputes: Select[Dispute]) -> bytes | None:
    """A picture, if it belongs to one of these disputes and is still there."""
    ids = disputes.with_only_columns(Dispute.id).order_by(None)
    return db.session.scalar(select(Proof.content).where(Proof.id == proof_id, Proof.dispute_id.in_(ids)))


def old_proofs(now: datetime) -> Select[int]:
    """The ids of pictures whose dispute ended longer ago than they are kept."""
    ended = func.coalesce(Dispute.decided_at, Dispute.rejected_at)
    over = select(Proof.id).join(Dispute, Dispute.id == Proof.dispute_id).where(Proof.erased_at.is_(None))
    return over.where(Dispute.state.not_in(OPEN), ended < now - KEPT)


records.HOLDS.append(stands_on)
