"""What merging two registrations would do, what stands in its way, and what speaks against their being one person."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select

from blueprints.certificates.models import WAITS as PAPER_WAITS
from blueprints.certificates.models import Certificate
from blueprints.claims.models import Claim, ClaimState, EvidenceClass, Punch
from blueprints.disputes.models import OPEN as DISPUTE_OPEN
from blueprints.disputes.models import Dispute, IdentityReport, ReportState
from blueprints.honours.models import UNDER_WAY as HONOUR_UNDER_WAY
from blueprints.honours.models import Nomination
from blueprints.identity import queries as people
from blueprints.identity.models import Grant, Volunteer, VolunteerState
from blueprints.mergers.queries import GOES_ON
from blueprints.posts.models import Shift, ShiftState
from blueprints.records import queries as records
from blueprints.records.models import NOT_YET, Correction, CorrectionState, LedgerEntry, Part, ServiceRecord
from blueprints.records.queries import Sum
from blueprints.supplements.models import OPEN as SUPPLEMENT_OPEN
from blueprints.supplements.models import Supplement
from core import display
from core.db import db
from core.i18n import _

COMING = (ClaimState.OFFERED, ClaimState.WAITING, ClaimState.REQUESTED)
REPORTED = (ReportState.FILED, ReportState.FOUND)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two as it stands."""

    volunteer: Volunteer
    totals: Mapping[EvidenceClass, int]  # what counts today
    kept: Mapping[EvidenceClass, int]  # effective, and counted nowhere as long as nobody takes the account over
    waits: int  # minutes that wait for a decision

    @property
    def counts(self) -> int:
        return sum(self.totals.values())

    @property
    def keeps(self) -> int:
        return sum(self.kept.values())


@dataclass(frozen=True, slots=True)
class Preview:
    """What merging would do today."""

    away: Side
    keep: Side
    obstacles: tuple[str, ...]
    twice: tuple[tuple[ServiceRecord, ServiceRecord], ...]  # entries for the same time: one hour counts once
    doubts: tuple[str, ...]
    barred: bool  # whether who asks is one of those behind it, or may be by a second account

    @property
    def after(self) -> dict[EvidenceClass, int]:
        """What the one that goes on counts afterwards, by class."""
        return {each: self.keep.totals[each] + self.away.totals[each] + self.away.kept[each] for each in EvidenceClass}

    @property
    def sentences(self) -> list[str]:
        """Everything that stands in the way, in words."""
        return [*self.obstacles, *(_twice(mine, theirs) for mine, theirs in self.twice)]


def preview(
    away: Volunteer, keep: Volunteer, *, now: datetime, asker: int = 0, involved: Iterable[int] = ()
) -> Preview:
    """What merging the one into the other would do; `asker` wants to decide, `involved` have a part in it."""
    known = _known(away, keep, now, asker, {away.account_id, keep.account_id, *involved})
    twice = tuple(records.standing_in_both(away.id, keep.id))
    told = (*_of_the_two(away, keep), *(sentence for name, sentence in _sentences().items() if known[name]))
    return Preview(_side(away), _side(keep), told, twice, tuple(_doubts(away, keep)), known["barred"])


def _side(volunteer: Volunteer) -> Side:
    sums = records.sums(volunteer.id)
    counting, kept, waiting = (
        [one for one in sums if one.part is part] for part in (Part.COUNTING, Part.UNCLAIMED, Part.WAITING)
    )
    return Side(volunteer, _by_class(counting), _by_class(kept), sum(one.minutes for one in waiting))


def _by_class(sums: list[Sum]) -> dict[EvidenceClass, int]:
    return {each: sum(one.minutes for one in sums if one.evidence is each) for each in EvidenceClass}


# --- what stands in the way -----------------------------------------------------------------------------------


def _of_the_two(away: Volunteer, keep: Volunteer) -> Iterable[str]:
    """What can be said without asking anybody."""
    if away.id == keep.id:
        yield _("This is one and the same registration. Choose the other one.")
    if away.state not in GOES_ON:
        yield _("%(number)s is over already, so there is nothing to merge.", number=away.number)
    if keep.state is not VolunteerState.ACTIVE or keep.account.closed_at:
        yield _(
            "%(number)s has to be an approved registration to go on. Choose the other direction.", number=keep.number
        )
    elif keep.account.claimed_at is None:
        yield _("Nobody has taken over the account of %(number)s yet. Issue a slip for it first.", number=keep.number)
    if away.id_hash and keep.id_hash:
        yield _(
            "Both have an ID number, and not the same: these are two people. If one is wrong, have it mended first."
        )
    if away.account.name != keep.account.name and (not away.birth_date or away.birth_date != keep.birth_date):
        yield _("Neither the name nor the date of birth is the same, so nothing says that these are one person.")


def _sentences() -> dict[str, str]:
    """Why not, and what to do first."""
    return {
        "staff": _("The account to be closed holds a role, and a registration with a role is never merged away."),
        "chain": _("Another registration was merged into this one before. Merge the other way around."),
        "claims": _("The registration to be closed holds places or waits for some. Cancel them first."),
        "untold": _("Times of the registration to be closed are not handed in yet. Hand them in or settle them first."),
        "waiting": _("Entries of the registration to be closed wait for a decision or stand on notice. Decide first."),
        "supplements": _("The registration to be closed asks for time outside a shift. Decide on that first."),
        "disputes": _("An entry of the registration to be closed is in dispute. Decide on the dispute first."),
        "corrections": _("A correction of an entry to be merged waits for a decision. Decide on it first."),
        "papers": _("A certificate is asked for by the registration to be closed. Issue or decline it first."),
        "honours": _("The registration to be closed is proposed for an honour. Decide on that first."),
        "decided": _(
            "Minutes of the one were confirmed, approved or corrected by the account of the other, and nobody decides "
            "on their own. Have these entries corrected to nothing first."
        ),
        "reported": _("Somebody reported one of the two as made without their knowledge. Decide on the report first."),
    }


def _known(away: Volunteer, keep: Volunteer, now: datetime, asker: int, involved: set[int]) -> Mapping[str, bool]:
    """All of it in one question, and whether who asks has a part in it."""
    facts: dict[str, Any] = {name: question.exists() for name, question in _questions(away, keep, now).items()}
    second = people.second_accounts_of(asker).subquery()
    facts["barred"] = select(second.c.id).where(second.c.id.in_(involved)).exists()
    row = db.session.execute(select(*(fact.label(name) for name, fact in facts.items()))).one()
    return {name: bool(value) for name, value in row._mapping.items()} | ({"barred": True} if asker in involved else {})


def _questions(away: Volunteer, keep: Volunteer, now: datetime) -> dict[str, Select[Any]]:
    entries = select(ServiceRecord.id).where(ServiceRecord.volunteer_id == away.id)
    disputed = entries.join(Dispute, Dispute.record_id == ServiceRecord.id).where(Dispute.state.in_(DISPUTE_OPEN))
    corrected = entries.join(Correction, Correction.record_id == ServiceRecord.id)
    reported = select(IdentityReport.id).where(IdentityReport.volunteer_id.in_([away.id, keep.id]))
    return _about_claims(away, now) | {
        "staff": select(Grant.id).where(Grant.account_id == away.account_id, Grant.revoked_at.is_(None)),
        "chain": select(Volunteer.id).where(Volunteer.merged_into_id == away.id),
        "waiting": entries.where(ServiceRecord.state.in_(NOT_YET)),
        "supplements": select(Supplement.id).where(
            Supplement.volunteer_id == away.id, Supplement.state.in_(SUPPLEMENT_OPEN)
        ),
        "disputes": disputed,
        "corrections": corrected.where(Correction.state == CorrectionState.PROPOSED),
        "papers": select(Certificate.id).where(Certificate.volunteer_id == away.id, Certificate.state.in_(PAPER_WAITS)),
        "honours": select(Nomination.id).where(
            Nomination.volunteer_id == away.id, Nomination.state.in_(HONOUR_UNDER_WAY)
        ),
        "decided": _decided_by_the_other(away, keep),
        "reported": reported.where(IdentityReport.state.in_(REPORTED)),
    }


def _decided_by_the_other(away: Volunteer, keep: Volunteer) -> Select[Any]:
    """Entries that count and that the person would have decided on themself, once the two are one."""
    entry = ServiceRecord

    def decided(owner: Volunteer, by: int) -> ColumnElement[bool]:
        theirs = records.of_person(entry, owner.id)
        return theirs & or_(
            *(each == by for each in (entry.confirmed_by_id, entry.approved_by_id, LedgerEntry.approver_id))
        )

    found = select(entry.id).join(LedgerEntry, LedgerEntry.record_id == entry.id)
    either = or_(decided(away, keep.account_id), decided(keep, away.account_id))
    return found.where(either, records.worth_of_record() != 0)


def _about_claims(away: Volunteer, now: datetime) -> dict[str, Select[Any]]:
    claims = select(Claim.id).join(Shift, Shift.id == Claim.shift_id).where(Claim.volunteer_id == away.id)
    open_ = (Claim.state == ClaimState.HELD) & Claim.handed_in_at.is_(None) & (Shift.state == ShiftState.OPEN)
    seen = select(Punch.id).where(Punch.claim_id == Claim.id).correlate(Claim).exists()
    return {
        "claims": claims.where(or_(Claim.state.in_(COMING), open_ & (Shift.ends_at > now))),
        "untold": claims.where(open_, Shift.ends_at <= now, seen),
    }


def _twice(mine: ServiceRecord, theirs: ServiceRecord) -> str:
    return _(
        "One hour counts once: “%(title)s”, %(when)s, and “%(other)s”, %(then)s, stand for some of the same time. Have "
        "one of them corrected first.",
        title=mine.title,
        when=display.span((mine.started_at, mine.ended_at)),
        other=theirs.title,
        then=display.span((theirs.started_at, theirs.ended_at)),
    )


def _doubts(away: Volunteer, keep: Volunteer) -> Iterable[str]:
    """What speaks against their being one person; whoever decides has to look at it."""
    if away.account.name != keep.account.name:
        yield _("The names differ.")
    if away.birth_date != keep.birth_date:
        yield _("The dates of birth differ, or one is missing.")
    if away.gender and keep.gender and away.gender is not keep.gender:
        yield _("The genders differ.")
    if not away.account.claimed_at:
        yield _("Nobody ever signed in to the registration that is closed: its minutes counted nowhere until now.")
