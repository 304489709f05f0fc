"""What a copy of everything about oneself holds (个人信息保护法 art. 45), and what it leaves out, each with its reason.

A table that refers to a person stands in one of the two lists; a test looks at every table there is. Whoever adds one
adds it here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select

from blueprints.certificates.models import BatchMember, Certificate, CertificateFile, CertificateRow
from blueprints.claims.models import (
    Absence,
    Claim,
    Handover,
    Member,
    Party,
    Punch,
    PunchNote,
    SecretLink,
    Watch,
)
from blueprints.disputes.models import Dispute, Proof, Step
from blueprints.exchange.models import HandoverItem, HandoverKind, ImportRow
from blueprints.honours.models import Doubt, Honour, Nomination, NominationSheet, Revocation
from blueprints.identity import queries as people
from blueprints.identity.models import (
    Account,
    Consent,
    Grant,
    Guardianship,
    Invitation,
    RecoveryCode,
    SecondFactor,
    Session,
    Slip,
    Volunteer,
    VolunteerSkill,
)
from blueprints.jobs.models import Job
from blueprints.kiosk.models import Card, Flag, Origin, Pin, Sighting
from blueprints.mergers.models import Merger
from blueprints.messages.models import Delivery, Notice, Preference, PushSubscription
from blueprints.posts.models import Post, Shift
from blueprints.public_notices.models import Objection
from blueprints.records.models import (
    Correction,
    CorrectionText,
    LedgerEntry,
    Recorder,
    RefusedAttempt,
    ServiceRecord,
)
from blueprints.rollcall.models import OfflineAct
from blueprints.supplements.models import Supplement, SupplementPicture
from core import masks
from core.audit import AuditEntry
from core.db import Base
from core.i18n import lazy


@dataclass(frozen=True, slots=True)
class Person:
    """Whose copy it is."""

    account_id: int
    volunteer_id: int  # 0 for somebody who is none

    @property
    def registrations(self) -> Select[int]:
        """Their registration, and those that were merged into it."""
        return people.one_person(self.volunteer_id)

    @property
    def accounts(self) -> Select[int]:
        """Their account, and those of the registrations that were merged."""
        merged = select(Volunteer.account_id).where(Volunteer.id.in_(self.registrations))
        return select(Account.id).where(or_(Account.id == self.account_id, Account.id.in_(merged)))

    @property
    def claims(self) -> Select[int]:
        return select(Claim.id).where(Claim.volunteer_id.in_(self.registrations))

    @property
    def punches(self) -> Select[int]:
        return select(Punch.id).where(Punch.claim_id.in_(self.claims))

    @property
    def records(self) -> Select[int]:
        return select(ServiceRecord.id).where(ServiceRecord.volunteer_id.in_(self.registrations))

    @property
    def corrections(self) -> Select[int]:
        return select(Correction.id).where(Correction.record_id.in_(self.records))

    @property
    def disputes(self) -> Select[int]:
        return select(Dispute.id).where(Dispute.record_id.in_(self.records))

    @property
    def supplements(self) -> Select[int]:
        return select(Supplement.id).where(Supplement.volunteer_id.in_(self.registrations))

    @property
    def certificates(self) -> Select[int]:
        return select(Certificate.id).where(Certificate.volunteer_id.in_(self.registrations))

    @property
    def nominations(self) -> Select[int]:
        return select(Nomination.id).where(Nomination.volunteer_id.in_(self.registrations))


Whose = Callable[[Person], ColumnElement[bool]]
More = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the copy: whose rows, which columns are secrets, and which few are printed."""

    title: Any
    model: type[Base]
    whose: Whose
    hidden: Iterable[str] = ()  # secrets, and what only machines need
    printed: Iterable[str] = ()  # columns of the paper; none: the paper counts the rows
    more: More = field(default_factory=dict)  # what else is told of each row
    joins: Callable[[Select[Any]], Select[Any]] = lambda found: found
    masked: dict[str, Callable[[str], str]] = field(default_factory=dict)  # what is somebody else's

    @property
    def name(self) -> str:
        return str(self.model.__tablename__)


def _account(column: Any) -> Whose:
    return lambda person: column.in_(person.accounts)


def _volunteer(column: Any) -> Whose:
    return lambda person: column.in_(person.registrations)


def _on_shift(found: Select[Any]) -> Select[Any]:
    return found.join(Shift, Shift.id == Claim.shift_id).join(Post, Post.id == Shift.post_id)


def _for_honour(found: Select[Any]) -> Select[Any]:
    return found.join(Honour, Honour.id == Nomination.honour_id)


SECTIONS: tuple[Section, ...] = (
    # who somebody is
    Section(
        lazy("Account"),
        Account,
        _account(Account.id),
        hidden=("password_hash",),
        printed=("name", "phone", "email", "created_at"),
    ),
    Section(
        lazy("Registration"),
        Volunteer,
        _volunteer(Volunteer.id),
        hidden=("id_hash", "id_sealed"),
        printed=("number", "gender", "birth_date", "registered_with_id", "state"),
    ),
    Section(lazy("Skills"), VolunteerSkill, _volunteer(VolunteerSkill.volunteer_id), printed=("skill", "verified_at")),
    Section(
        lazy("What I agreed to"),
        Consent,
        _account(Consent.account_id),
        printed=("purpose", "text_version", "given_at", "withdrawn_at"),
    ),
    Section(
        lazy("Guardian's consent"),
        Guardianship,
        _volunteer(Guardianship.volunteer_id),
        printed=("relation", "method", "given_at", "revoked_at"),
        masked={"guardian_name": masks.name, "guardian_phone": masks.phone},
    ),
    Section(
        lazy("Roles"),
        Grant,
        _account(Grant.account_id),
        printed=("role", "organization_id", "granted_at", "revoked_at"),
    ),
    Section(lazy("Invitations"), Invitation, _account(Invitation.accepted_by_id), hidden=("code_hash",)),
    # how they sign in
    Section(
        lazy("Where I was signed in"),
        Session,
        _account(Session.account_id),
        hidden=("token_hash",),
        printed=("device", "created_at", "last_seen_at", "revoked_at"),
    ),
    Section(
        lazy("Second step at sign-in"),
        SecondFactor,
        _account(SecondFactor.account_id),
        hidden=("sealed", "last_step"),
        printed=("set_up_at",),
    ),
    Section(lazy("Recovery codes"), RecoveryCode, _account(RecoveryCode.account_id), hidden=("code_hash",)),
    Section(
        lazy("Slips"),
        Slip,
        _account(Slip.account_id),
        hidden=("code_hash",),
        printed=("purpose", "issued_at", "issued_by_id", "used_at"),
    ),
    Section(lazy("PIN for the tablet"), Pin, _volunteer(Pin.volunteer_id), hidden=("pin_hash",), printed=("set_at",)),
    Section(
        lazy("Volunteer cards"), Card, _volunteer(Card.volunteer_id), printed=("serial", "issued_at", "revoked_at")
    ),
    Section(
        lazy("Secret addresses"),
        SecretLink,
        _volunteer(SecretLink.volunteer_id),
        hidden=("token_hash", "token_sealed"),
    ),
    # what they claimed and did
    Section(
        lazy("Claims"),
        Claim,
        _volunteer(Claim.volunteer_id),
        printed=("title", "starts_at", "state", "claimed_at"),
        more={"title": Post.title, "starts_at": Shift.starts_at, "ends_at": Shift.ends_at, "where": Post.place},
        joins=_on_shift,
    ),
    Section(lazy("Reminders of openings"), Watch, _volunteer(Watch.volunteer_id)),
    Section(
        lazy("Stand-ins and swaps"),
        Handover,
        lambda person: or_(
            Handover.claim_id.in_(person.claims),
            Handover.taken_id.in_(person.claims),
            Handover.asked_id.in_(person.registrations),
        ),
        printed=("state", "audience", "created_at", "ended_at"),
    ),
    Section(lazy("Groups I named"), Party, _volunteer(Party.named_by_id)),
    Section(lazy("Groups I was named for"), Member, _volunteer(Member.volunteer_id)),
    Section(
        lazy("Notes that I did not come"),
        Absence,
        lambda person: Absence.claim_id.in_(person.claims),
        printed=("kind", "marked_at", "reason", "outcome"),
    ),
    Section(
        lazy("Check-ins and check-outs"),
        Punch,
        lambda person: Punch.id.in_(person.punches),
        printed=("act", "at", "evidence", "recorded_by_id"),
    ),
    Section(lazy("Notes beside check-ins"), PunchNote, lambda person: PunchNote.punch_id.in_(person.punches)),
    Section(
        lazy("Ways of checking in"),
        Origin,
        lambda person: Origin.punch_id.in_(person.punches),
        hidden=("receipt_hash", "device_hash"),
    ),
    Section(lazy("Places of my phone"), Sighting, lambda person: Sighting.punch_id.in_(person.punches)),
    Section(
        lazy("What looked odd"),
        Flag,
        lambda person: Flag.claim_id.in_(person.claims),
        hidden=("details",),  # may name the claims of others
        printed=("kind", "raised_at", "looked_at"),
    ),
    Section(
        lazy("Entries from a tablet"),
        OfflineAct,
        lambda person: OfflineAct.claim_id.in_(person.claims),
        hidden=("key", "sent"),
    ),
    # what counts
    Section(
        lazy("Service records"),
        ServiceRecord,
        _volunteer(ServiceRecord.volunteer_id),
        printed=("served_on", "title", "organization_id", "minutes", "evidence", "state"),
    ),
    Section(lazy("Who recorded"), Recorder, lambda person: Recorder.record_id.in_(person.records)),
    Section(
        lazy("Ledger"),
        LedgerEntry,
        _volunteer(LedgerEntry.volunteer_id),
        printed=("served_on", "kind", "minutes", "evidence", "author_id", "approver_id"),
    ),
    Section(
        lazy("Corrections"),
        Correction,
        lambda person: Correction.id.in_(person.corrections),
        printed=("proposed_at", "minutes", "state", "author_id", "approver_id"),
    ),
    Section(
        lazy("Words of corrections"),
        CorrectionText,
        lambda person: CorrectionText.correction_id.in_(person.corrections),
        hidden=("salt",),
        printed=("reason", "answer"),
    ),
    Section(
        lazy("Rows of imports"),
        ImportRow,
        _volunteer(ImportRow.volunteer_id),
        hidden=(
            "sealed",
            "key",
        ),  # as the file had it; what was taken over stands in the records
        printed=("batch_id", "number", "state"),
    ),
    Section(
        lazy("Objections to public notices"),
        Objection,
        lambda person: Objection.by_id.in_(person.accounts),  # what others say of one's entries is between them
        hidden=("code_hash", "name_sealed", "phone_sealed", "phone_of_id"),  # of people without an account
        printed=("at", "words", "state", "answer"),
    ),
    Section(
        lazy("Time outside a shift"),
        Supplement,
        _volunteer(Supplement.volunteer_id),
        printed=("stated_at", "title", "started_at", "minutes", "state"),
    ),
    Section(
        lazy("Pictures for time outside a shift"),
        SupplementPicture,
        lambda person: SupplementPicture.supplement_id.in_(person.supplements),
        hidden=("content",),  # each lies beside as a picture
    ),
    Section(
        lazy("Disputes"),
        Dispute,
        lambda person: Dispute.id.in_(person.disputes),
        printed=("filed_at", "kind", "state", "due_on", "decided_at"),
    ),
    Section(
        lazy("Course of disputes"),
        Step,
        lambda person: Step.dispute_id.in_(person.disputes),
        printed=("at", "step", "by_id", "words"),
    ),
    Section(
        lazy("Pictures for disputes"),
        Proof,
        lambda person: Proof.dispute_id.in_(person.disputes),
        hidden=("content",),  # each lies beside as a picture
    ),
    Section(
        lazy("Certificates"),
        Certificate,
        _volunteer(Certificate.volunteer_id),
        printed=("number", "code", "from_on", "until_on", "state"),
    ),
    Section(
        lazy("Entries of certificates"),
        CertificateRow,
        lambda person: CertificateRow.certificate_id.in_(person.certificates),
    ),
    Section(
        lazy("Files of certificates"),
        CertificateFile,
        lambda person: CertificateFile.certificate_id.in_(person.certificates),
        hidden=("content",),  # each lies beside as a PDF
    ),
    Section(
        lazy("Registrations that became one"),
        Merger,
        lambda person: or_(Merger.away_id.in_(person.registrations), Merger.keep_id.in_(person.registrations)),
        printed=("away_id", "keep_id", "state", "asked_at", "decided_at"),
    ),
    Section(lazy("Lists for certificates"), BatchMember, _volunteer(BatchMember.volunteer_id)),
    Section(
        lazy("Honours I was proposed for"),
        Nomination,
        _volunteer(Nomination.volunteer_id),
        printed=("title", "proposed_at", "reason", "state", "granted_at"),
        more={"title": Honour.title, "criteria": Honour.criteria, "organization_id": Honour.organization_id},
        joins=_for_honour,
    ),
    Section(
        lazy("What honours were decided by"),
        NominationSheet,
        lambda person: NominationSheet.nomination_id.in_(person.nominations),
        printed=("at", "minutes_a", "minutes_b", "minutes_c", "minutes_d"),
    ),
    Section(
        lazy("What I said against nominations"),
        Doubt,
        lambda person: Doubt.by_id.in_(person.accounts),  # what others say of one is between them
        printed=("at", "words", "state", "answer"),
    ),
    Section(
        lazy("Taking back of honours"),
        Revocation,
        lambda person: Revocation.nomination_id.in_(person.nominations),
        printed=("asked_at", "reason", "state", "decided_at"),
    ),
    Section(
        lazy("What was handed over to the national system"),
        HandoverItem,
        lambda person: or_(
            (HandoverItem.kind == HandoverKind.VOLUNTEERS) & HandoverItem.subject_id.in_(person.registrations),
            (HandoverItem.kind == HandoverKind.SERVICE) & HandoverItem.subject_id.in_(person.records),
        ),
        hidden=("fingerprint",),
        printed=("at", "kind", "state", "reason"),
    ),
    # what they were told
    Section(lazy("Messages"), Notice, _account(Notice.account_id), hidden=("values", "key"), printed=("at", "said")),
    Section(
        lazy("Messages on their way"),
        Delivery,
        lambda person: Delivery.notice_id.in_(select(Notice.id).where(Notice.account_id.in_(person.accounts))),
        hidden=("error", "taken_until", "bulletin_id"),
    ),
    Section(lazy("How I am told"), Preference, _account(Preference.account_id)),
    Section(
        lazy("Browsers that show notifications"),
        PushSubscription,
        _account(PushSubscription.account_id),
        hidden=("endpoint_hash", "sealed"),
    ),
    # what happened with it
    Section(
        lazy("Tasks in the background"),
        Job,
        _account(Job.owner_id),
        hidden=("given", "kept", "held_by", "held_until", "tries"),
        printed=("kind", "created_at", "state"),
    ),
    Section(
        lazy("What was done about me"),
        AuditEntry,
        _account(AuditEntry.about_id),
        printed=("at", "action", "actor_id"),
    ),
    Section(
        lazy("Refused attempts"),
        RefusedAttempt,
        lambda person: or_(RefusedAttempt.about_id.in_(person.accounts), RefusedAttempt.actor_id.in_(person.accounts)),
    ),
)

OTHERS_WORK = lazy("What staff did in their office names them only as whoever did it; it belongs to the organization.")
CHECKS = lazy("What checks look into is about the offices that record; you are told what comes of them.")
# Tables that refer to a person, or to something of theirs, and are not in the copy: why.
LEFT_OUT: dict[str, Any] = dict.fromkeys(
    [
        *(
            "calendar_day",
            "setting",
            "notice_setting",
            "robot",
            "spot",
            "tablet",
            "post",
            "post_template",
            "series",
            "shortfall_answer",
        ),
        *("head_count", "import_batch", "import_template", "certificate_batch", "handover_batch", "handover_mapping"),
        "honour",
    ],
    OTHERS_WORK,
) | {
    "identity_report": lazy("Reports of registrations belong to whoever made them, and are followed by their code."),
    "likeness": lazy("That two registrations look alike is a reason to look; you are told before anything is done."),
    **dict.fromkeys(("risk_flag", "risk_row", "spot_check", "check_item", "check_answer"), CHECKS),
    "newcomer": lazy("Whom a file registers is nobody here before the whole file is in."),
    "evidence": lazy("Photos of sheets show other people, too; the station shows you yours."),
    "job_chunk": lazy("Files that tasks made, this copy among them; each is downloaded at its task."),
}
