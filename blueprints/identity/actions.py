"""What can happen to accounts and registrations: getting in, changing things, handing over, leaving."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import ColumnElement, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError
from stdnum.cn import ric

from blueprints.identity import queries, tries
from blueprints.identity.models import (
    NAMING,
    NEXT_STATES,
    Account,
    Category,
    Consent,
    Gender,
    Grant,
    Guardianship,
    Leaving,
    Purpose,
    RecoveryCode,
    SecondFactor,
    Session,
    Skill,
    Slip,
    SlipPurpose,
    Volunteer,
    VolunteerSkill,
    VolunteerState,
)
from blueprints.identity.words import current
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Division, Level, Limit, Organization
from core import audit, clock, masks, vault
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Barred, Refusal

SESSION_LIFE = timedelta(days=60)
FORGOTTEN_AFTER = timedelta(days=30)  # how long an ended session still tells whose it was
SLIP_LIFE, MAIL_LIFE = timedelta(hours=72), timedelta(hours=3)
TWO_HANDS_APART = timedelta(days=7)
ERASED = "已注销"
ISSUERS = (Role.CLERK, Role.ADMINISTRATOR)


# ── what areas further to the right take part in ──


class Tell(Protocol):
    """Puts one notice into somebody's inbox; `kind` is the value of a NoticeKind."""

    def __call__(
        self, account_id: int, kind: str, *, now: datetime, path: str = "", **values: str | int | date
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class Departure:
    """Somebody leaves: what other areas must know to let go of them."""

    account_id: int
    volunteer_id: int | None
    data: Leaving
    now: datetime


# Areas to the right add themselves here when they are imported; this area cannot import them.
TELL: list[Tell] = []
ON_LEAVE: list[Callable[[Departure], None]] = []


def tell(account_id: int, kind: str, *, now: datetime, path: str = "", **values: str | int | date) -> None:
    """Tell the owner of the account, through whatever area knows how."""
    for told in TELL:
        told(account_id, kind, now=now, path=path, **values)


# ── signing in ──


def sign_in(account_id: int, kept: str | None, *, address: str, device: str, now: datetime) -> str:
    """Open a session for somebody whose password fitted the hash `kept`; returns the token of the cookie."""
    account = lock(Account, account_id)
    if account.closed_at or account.password_hash != kept:
        raise Refusal(_("Your password was changed just now. Please sign in with the new one."))
    if queries.second_factor(account_id):
        raise Refusal(_("This account asks for a second step since a moment ago. Please sign in again."))
    tries.forgive(tries.of_phone("sign-in", account.phone or "", address))
    return open_session(account_id, device=device, now=now)


def open_session(account_id: int, *, device: str, now: datetime) -> str:
    """A new session of the account; only its keyed hash stays here."""
    stale = Session.expires_at < now - FORGOTTEN_AFTER
    db.session.execute(delete(Session).where(Session.account_id == account_id, stale))
    token = vault.token()
    session = Session(account_id=account_id, token_hash=vault.digest(token), device=device, created_at=now)
    session.expires_at = now + SESSION_LIFE
    db.session.add(session)
    return token


def end_session(session_id: int, *, actor: Actor, now: datetime) -> None:
    """Sign one browser of the actor out."""
    mine = (Session.id == session_id, Session.account_id == actor.account_id, Session.revoked_at.is_(None))
    db.session.execute(update(Session).where(*mine).values(revoked_at=now))


def end_sessions(account_id: int, *, now: datetime, but: int = 0) -> None:
    """Sign every browser of the account out, except the session `but`."""
    live = (Session.account_id == account_id, Session.id != but, Session.revoked_at.is_(None))
    db.session.execute(update(Session).where(*live).values(revoked_at=now))


def note_seen(moments: Mapping[int, datetime]) -> None:
    """Write down when these sessions were used last, in the order of their ids like everybody who does so."""
    seen = update(Session.__table__).where(Session.id == bindparam("session")).values(last_seen_at=bindparam("at"))  # type: ignore[arg-type]
    db.session.execute(seen, [{"session": id, "at": moments[id]} for id in sorted(moments)])


def change_password(account_id: int, kept: str | None, new: str, *, device: str, now: datetime) -> str:
    """Put the hash `new` in the place of `kept`, sign every browser out, and this one in again."""
    account = lock(Account, account_id)
    if account.password_hash != kept:
        raise Refusal(_("Your password was changed just now. Please sign in with the new one."))
    return _with_new_password(account, new, device=device, now=now)


def _with_new_password(account: Account, new: str, *, device: str, now: datetime) -> str:
    _set_password(account, new, now)
    return open_session(account.id, device=device, now=now)


def _set_password(account: Account, new: str, now: datetime) -> None:
    account.password_hash = new
    end_sessions(account.id, now=now)
    audit.note("password changed", account, actor_id=account.id, now=now, about_id=account.id)
    tell(account.id, "password_changed", now=now, path="/me/sessions")


# ── registration ──


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What a person tells about themself when they register."""

    name: str
    gender: Gender
    birth_date: date
    division_id: int
    skills: Sequence[Skill] = ()
    categories: Sequence[Category] = ()
    availability: Sequence[str] = ()
    email: str | None = None
    branch_id: int | None = None
    id_number: str | None = None


def register(details: Details, *, phone: str, password_hash: str, lang: str, now: datetime) -> Volunteer:
    """Make an account and a registration for somebody who does it alone; the station then approves it."""
    require_free(phone)
    account = Account(name=details.name, phone=phone, password_hash=password_hash, lang=lang)
    account.created_at = account.claimed_at = now
    db.session.add(account)
    _flush_or(_taken())
    return _enrolled(account, details, now)


def enrol(account_id: int, details: Details, *, now: datetime) -> Volunteer:
    """Register somebody who has an account already, such as staff."""
    account = lock(Account, account_id)
    if queries.volunteer_of(account_id):
        raise Refusal(_("You are registered already. Your page shows what comes next."))
    return _enrolled(account, details, now)


def _enrolled(account: Account, details: Details, now: datetime) -> Volunteer:
    volunteer = Volunteer(account_id=account.id, number=new_number(), submitted_at=now)
    volunteer.skills = [VolunteerSkill(skill=skill) for skill in details.skills]
    _describe(account, volunteer, details, now)
    db.session.add(volunteer)
    _flush_or(_number_taken())
    agree(account.id, (Purpose.PLEDGE, Purpose.REGISTRATION), now=now)
    _agree_to_extras(account.id, details, now)
    _tell_received(volunteer, now)
    return volunteer


def send_again(volunteer_id: int, details: Details, *, now: datetime) -> Volunteer:
    """Hand in a corrected registration after it came back."""
    volunteer = lock(Volunteer, volunteer_id)
    account = lock(Account, volunteer.account_id)
    if VolunteerState.SUBMITTED not in NEXT_STATES[volunteer.state]:
        raise Refusal(_("This registration is not waiting for a correction. Your page shows what comes next."))
    _describe(account, volunteer, details, now)
    _set_skills(volunteer, details.skills)
    volunteer.state, volunteer.submitted_at = VolunteerState.SUBMITTED, now
    volunteer.decided_at = volunteer.decided_by_id = None
    volunteer.decision_reason = ""
    _flush_or(_number_taken())
    _agree_to_extras(account.id, details, now)
    _tell_received(volunteer, now)
    return volunteer


def _describe(account: Account, volunteer: Volunteer, details: Details, now: datetime) -> None:
    """Check what the person said and write it down."""
    require_age(details.birth_date, now=now)
    volunteer.registered_with_id = _receiver(details.division_id).id
    _keep_id_number(volunteer, details)
    account.name, account.email = details.name, details.email
    volunteer.gender, volunteer.birth_date = details.gender, details.birth_date
    volunteer.division_id, volunteer.branch_id = details.division_id, details.branch_id
    volunteer.categories = [str(category) for category in details.categories]
    volunteer.availability = list(details.availability)


def new_number() -> str:
    """A volunteer number that nobody has: ten random digits, which say nothing about the person."""
    while True:
        number = str(10**9 + secrets.randbelow(9 * 10**9))
        if not db.session.scalar(select(Volunteer.id).where(Volunteer.number == number)):
            return number


def require_free(phone: str) -> None:
    """Refuse a phone number that has an account, in the same words whatever kind of account it is."""
    if db.session.scalar(select(Account.id).where(Account.phone == phone)):
        raise _taken()


def _taken() -> Refusal:
    sentence = _(
        "This phone number has an account already. Please sign in, set a new password if you forgot yours, "
        "or take the account over with a slip from the station if the station made it for you."
    )
    return Refusal(sentence, "phone")


def _number_taken() -> Refusal:
    sentence = _(
        "This ID number is registered already. If it is yours, please take your ID card to your station; "
        "it gives you a slip to get in."
    )
    return Refusal(sentence, "id_number")


def _flush_or(refusal: Refusal) -> None:
    """Write now; if someone else was faster with the same number, say so."""
    try:
        db.session.flush()
    except IntegrityError:
        raise refusal from None


def require_age(birth_date: date, *, now: datetime) -> None:
    """Refuse who is too young to be a registered volunteer (中国注册志愿者管理办法)."""
    least = organizations.limit(Limit.MINIMUM_AGE_YEARS)
    if clock.age_on(birth_date, clock.today(now)) < least:
        sentence = _(
            "One can register from %(age)d years on. Until then please come along with a parent or guardian "
            "who is registered; your station knows which activities welcome families.",
            age=least,
        )
        raise Refusal(sentence, "birth_date")


def _require_village(division_id: int) -> None:
    place = db.session.get(Division, division_id)
    if place is None or place.level is not Level.VILLAGE:
        raise Refusal(_("Please choose the community or village where you live."), "division_id")


def _receiver(division_id: int) -> Organization:
    _require_village(division_id)
    if organization := queries.receiver(division_id):
        return organization
    raise Refusal(_("No organization here takes registrations yet. Please ask your community office."), "division_id")


def _keep_id_number(volunteer: Volunteer, details: Details) -> None:
    """Keep the ID number hashed and sealed, if it is this person's and nobody else gave it.

    One that is kept already is checked again, because the date of birth may have been corrected.
    """
    typed = details.id_number or (volunteer.id_sealed and vault.unseal(volunteer.id_sealed))
    if not typed:
        return
    number = ric.compact(typed)
    odd = int(number[16]) % 2 == 1  # the 17th digit is odd for men (GB 11643)
    if ric.get_birth_date(number) != details.birth_date or odd != (details.gender is Gender.MALE):
        sentence = _("The ID number does not agree with the date of birth or the gender. Please check them.")
        raise Refusal(sentence, "id_number")
    if queries.bearer_of(number) not in (None, volunteer.id):
        raise _number_taken()
    volunteer.id_hash, volunteer.id_sealed = vault.digest(number), vault.seal(number)
    volunteer.id_last4 = number[-4:]


def _tell_received(volunteer: Volunteer, now: datetime) -> None:
    organization = db.session.get_one(Organization, volunteer.registered_with_id)
    tell(volunteer.account_id, "registration_received", now=now, path="/me", organization=organization.name)


# ── consents ──


def agree(account_id: int, purposes: Sequence[Purpose], *, now: datetime, clerk_id: int | None = None) -> None:
    """Record that somebody agreed to today's texts; `clerk_id` if a clerk heard it and wrote it down."""
    for purpose in purposes:
        consent = Consent(account_id=account_id, purpose=purpose, text_version=current(purpose).version)
        consent.given_at, consent.recorded_by_id = now, clerk_id
        db.session.add(consent)


def _agree_to_extras(account_id: int, details: Details, now: datetime) -> None:
    """The separate consents that go with a League branch and with an ID number."""
    _agree_or_withdraw(account_id, Purpose.LEAGUE, bool(details.branch_id), now)
    if details.id_number and not queries.live_consent(account_id, Purpose.ID_NUMBER):
        agree(account_id, (Purpose.ID_NUMBER,), now=now)


def _agree_or_withdraw(account_id: int, purpose: Purpose, agreed: bool, now: datetime) -> None:
    """Let what is on record follow what the person wants now."""
    consent = queries.live_consent(account_id, purpose)
    if consent and not agreed:
        consent.withdrawn_at = now
    if agreed and not consent:
        agree(account_id, (purpose,), now=now)


def withdraw(consent_id: int, *, actor: Actor, now: datetime) -> None:
    """Take one's own consent back, and with it the data that it covered."""
    consent = lock(Consent, consent_id)
    if consent.purpose not in WITHDRAWN:
        raise Refusal(_("Without this agreement you cannot stay registered. To withdraw it, please leave."))
    if consent.account_id != actor.account_id or not actor.volunteer_id:
        raise Refusal(_("Only the person who gave this consent can withdraw it."))
    consent.withdrawn_at = consent.withdrawn_at or now
    WITHDRAWN[consent.purpose](lock(Volunteer, actor.volunteer_id))


def _drop_branch(volunteer: Volunteer) -> None:
    volunteer.branch_id = None


def _drop_id_number(volunteer: Volunteer) -> None:
    volunteer.id_hash = volunteer.id_sealed = volunteer.id_last4 = None


WITHDRAWN: dict[Purpose, Callable[[Volunteer], None]] = {
    Purpose.LEAGUE: _drop_branch,
    Purpose.ID_NUMBER: _drop_id_number,
    Purpose.HANDOVER: lambda _volunteer: None,  # nothing of it is kept here; it only goes no more
    Purpose.NOTICE_NAME: lambda _volunteer: None,  # a notice asks anew each time it is looked at
    Purpose.WALL: lambda _volunteer: None,  # and so does a screen
}


def agree_to(purpose: Purpose, account_id: int, *, now: datetime) -> None:
    """Agree, from now on, to one of the OFFERED things that nobody has to agree to; a name is published only so
    (PIPL 25), and nobody under 18 is named in full."""
    lock(Account, account_id)
    volunteer = queries.volunteer_of(account_id)
    if purpose in NAMING and (volunteer is None or not queries.may_be_named(volunteer, now)):
        raise Refusal(_("Under 18 nobody is shown by full name. You can agree to this when you are 18."))
    _agree_or_withdraw(account_id, purpose, True, now)


def give_id_number(volunteer_id: int, id_number: str, *, now: datetime) -> None:
    """Add the ID number to a registration, with the consent that it needs."""
    volunteer = lock(Volunteer, volunteer_id)
    account = lock(Account, volunteer.account_id)
    if not volunteer.gender or not volunteer.birth_date or not volunteer.division_id:
        raise Refusal(_("Your registration is not complete. Please ask your station to complete it first."))
    details = Details(
        name=account.name,
        gender=volunteer.gender,
        birth_date=volunteer.birth_date,
        division_id=volunteer.division_id,
        id_number=id_number,
    )
    _keep_id_number(volunteer, details)
    _flush_or(_number_taken())
    _agree_or_withdraw(account.id, Purpose.ID_NUMBER, True, now)


# ── one's own profile ──


def change_contact(account_id: int, *, email: str | None, lang: str, now: datetime) -> None:
    """Where mails go, and in which language."""
    account = lock(Account, account_id)
    _tell_new_email(account, email, now)
    account.email, account.lang = email, lang


def _tell_new_email(account: Account, email: str | None, now: datetime) -> None:
    """Told before it is written, so that the mail goes to the address that its owner still reads."""
    if (email and email.lower()) != account.email:
        audit.note("mail address changed", account, actor_id=account.id, now=now, about_id=account.id)
        tell(account.id, "email_changed", now=now, path="/me/profile")


def change_offer(
    volunteer_id: int,
    *,
    skills: Sequence[Skill],
    categories: Sequence[Category],
    availability: Sequence[str],
    branch_id: int | None,
    now: datetime,
) -> None:
    """What the person can do, likes to do and when, and their League branch."""
    volunteer = lock(Volunteer, volunteer_id)
    _set_skills(volunteer, skills)
    volunteer.categories, volunteer.availability = [str(c) for c in categories], list(availability)
    volunteer.branch_id = branch_id
    _agree_or_withdraw(volunteer.account_id, Purpose.LEAGUE, branch_id is not None, now)


def _set_skills(volunteer: Volunteer, wanted: Sequence[Skill]) -> None:
    """Add and remove; a skill that stays keeps the proof a clerk has seen."""
    mine = select(VolunteerSkill).where(VolunteerSkill.volunteer_id == volunteer.id)
    declared = {row.skill: row for row in db.session.scalars(mine)}
    for skill in declared.keys() - set(wanted):
        db.session.delete(declared[skill])
    for skill in set(wanted) - declared.keys():
        db.session.add(VolunteerSkill(volunteer_id=volunteer.id, skill=skill))


def move(volunteer_id: int, division_id: int) -> None:
    """Change the area of residence; who is not approved yet is then with the station of the new one."""
    volunteer = lock(Volunteer, volunteer_id)
    _require_village(division_id)
    volunteer.division_id = division_id
    if volunteer.state is not VolunteerState.ACTIVE:
        volunteer.registered_with_id = _receiver(division_id).id


# ── slips ──


def issue_slip(
    account_id: int,
    purpose: SlipPurpose,
    *,
    actor: Actor,
    organization_id: int,
    now: datetime,
    new_phone: str | None = None,
) -> tuple[Slip, str]:
    """A one-time code to hand over in person; who stands before the clerk has shown an ID card."""
    account = lock(Account, account_id)
    organization = db.get_or_404(Organization, organization_id)
    _require_issuer(account, organization, actor)
    _require_sense(account, purpose, new_phone)
    _require_other_hand(account, purpose, organization, actor, now)
    _void(now, Slip.account_id == account_id)
    slip, code = _new_slip(account, purpose, now + SLIP_LIFE, now)
    slip.issued_by_id, slip.new_phone = actor.account_id, new_phone
    audit.note(
        "slip issued",
        slip,
        actor_id=actor.account_id,
        now=now,
        organization_id=organization_id,
        about_id=account_id,
        purpose=purpose,
    )
    tell(account_id, "slip_issued", now=now, organization=organization.name)
    return slip, code


def _require_issuer(account: Account, organization: Organization, actor: Actor) -> None:
    """A slip opens an account: nobody gets at their own this way, and nobody at that of those above them."""
    if account.id == actor.account_id:
        sentence = _("You cannot issue a slip for yourself. Please ask a colleague.")
        raise Barred(sentence, "take_over", "own_account", account)
    if not any(actor.may(role, organization.path) for role in ISSUERS):
        raise Refusal(_("You may not issue slips here. Please ask the station's clerk."))
    held = select(Organization.path).join(Grant, Grant.organization_id == Organization.id)
    paths = db.session.scalars(held.where(Grant.account_id == account.id, Grant.revoked_at.is_(None)))
    if not all(actor.may(Role.ADMINISTRATOR, path) for path in paths):
        sentence = _("This person is staff. Only an administrator above them can issue a slip for them.")
        raise Barred(sentence, "take_over", "staff", account)


def _require_sense(account: Account, purpose: SlipPurpose, new_phone: str | None) -> None:
    if account.closed_at:
        raise Refusal(_("This account is closed. Please register the person again."))
    if purpose is SlipPurpose.CLAIM and account.claimed_at:
        raise Refusal(_("This account has its owner already. Please issue a slip for a new password instead."))
    if purpose is SlipPurpose.PASSWORD and not account.claimed_at:
        raise Refusal(_("Nobody has taken this account over yet. Please issue a slip for that instead."))
    if purpose is SlipPurpose.PHONE:
        _require_new_phone(account, new_phone)
    if purpose is SlipPurpose.SECOND_STEP and not queries.second_factor(account.id):
        raise Refusal(_("This account has no second step, so there is nothing to take away."))


# With both of these slips one could take an account over, so they come from two hands.
TWO_HANDS = {SlipPurpose.PASSWORD: SlipPurpose.SECOND_STEP, SlipPurpose.SECOND_STEP: SlipPurpose.PASSWORD}


def _require_other_hand(
    account: Account, purpose: SlipPurpose, organization: Organization, actor: Actor, now: datetime
) -> None:
    """Whoever let somebody set a new password does not take the second step away as well, while a colleague can."""
    other = TWO_HANDS.get(purpose)
    if other is None or not queries.issued_lately(account.id, other, actor.account_id, now - TWO_HANDS_APART):
        return
    roles = (Role.ADMINISTRATOR,) if queries.is_staff(account.id) else ISSUERS
    if queries.colleague(organization, roles, but=(actor.account_id, account.id)):
        raise Refusal(
            _(
                "You issued a slip for the password of this person, or for their second step, a few days ago. "
                "Somebody else who may do it issues this one."
            )
        )


def _require_new_phone(account: Account, new_phone: str | None) -> None:
    if not new_phone:
        raise Refusal(_("Please enter the new phone number."), "new_phone")
    if new_phone == account.phone:
        raise Refusal(_("This is the number the account has now. Please enter the new one."), "new_phone")
    holder = db.session.scalar(select(Account.id).where(Account.phone == new_phone))
    if holder and not queries.was_merged_into(holder, account.id):
        raise Refusal(_("The new number has an account of its own. That one must be closed first."), "new_phone")


def _void(now: datetime, *which: ColumnElement[bool]) -> None:
    """Only the newest slip is good; a link by mail voids no paper, since anybody can ask for one."""
    unused = update(Slip).where(*which, Slip.used_at.is_(None), Slip.expires_at > now)
    db.session.execute(unused.values(expires_at=now))


def _new_slip(account: Account, purpose: SlipPurpose, until: datetime, now: datetime) -> tuple[Slip, str]:
    code = vault.slip_code()
    slip = Slip(account_id=account.id, purpose=purpose, code_hash=vault.digest(code), issued_at=now)
    slip.expires_at = until
    db.session.add(slip)
    db.session.flush()
    return slip, code


def mail_password_link(phone: str, url: str, *, now: datetime) -> None:
    """Send a link for a new password if the account of the phone has a mail address; `url` ends before the code."""
    account = queries.account_by_phone(phone)
    if account and account.email and account.claimed_at:
        _mail_slip(account, SlipPurpose.PASSWORD, url, now)


def mail_phone_link(account_id: int, new_phone: str, url: str, *, now: datetime) -> None:
    """Send a link that moves the account to another phone number."""
    account = lock(Account, account_id)
    _require_new_phone(account, new_phone)
    _mail_slip(account, SlipPurpose.PHONE, url, now).new_phone = new_phone


def _mail_slip(account: Account, purpose: SlipPurpose, url: str, now: datetime) -> Slip:
    until = now + MAIL_LIFE
    _void(now, Slip.account_id == account.id, Slip.issued_by_id.is_(None))
    slip, code = _new_slip(account, purpose, until, now)
    sealed = vault.seal(f"{url}{code}")  # the outbox must not be a list of open doors
    tell(account.id, "slip_by_mail", now=now, until=until.isoformat(), sealed=sealed)
    return slip


def use_slip(slip_id: int, purpose: SlipPurpose, now: datetime) -> tuple[Slip, Account]:
    """Use the slip up, with its account locked first, as whoever issues the next one does."""
    account = lock(Account, queries.owner_of_slip(slip_id))
    if account.closed_at:
        raise Refusal(unusable())
    return _use_up(slip_id, purpose, now), account


def _use_up(slip_id: int, purpose: SlipPurpose, now: datetime) -> Slip:
    slip = lock(Slip, slip_id)
    if slip.purpose is not purpose or slip.used_at or slip.expires_at <= now:
        raise Refusal(unusable())
    slip.used_at = now
    return slip


def unusable() -> str:
    """The one sentence for a code that is wrong, used, void or too old."""
    return str(
        _(
            "This code and phone number do not fit, or the slip was used or is too old. "
            "Please check both, or ask your station for a new slip."
        )
    )


def rescue_slip(phone: str, purpose: SlipPurpose, *, now: datetime) -> str:
    """A code for somebody whom nobody above can help; for whoever runs this installation's commands."""
    account = queries.account_by_phone(phone)
    if account is None:
        raise Refusal(_("No account has this phone number."))
    account = lock(Account, account.id)
    _require_sense(account, purpose, None)
    _void(now, Slip.account_id == account.id)
    slip, code = _new_slip(account, purpose, now + MAIL_LIFE, now)
    audit.note("slip issued", slip, actor_id=None, now=now, about_id=account.id, purpose=purpose)
    tell(account.id, "slip_issued", now=now, organization=organizations.top_name())
    return code


def take_over(slip_id: int, password_hash: str, *, device: str, now: datetime) -> str:
    """Make an account that a clerk made the person's own; returns the token of their session."""
    _slip, account = use_slip(slip_id, SlipPurpose.CLAIM, now)
    account.claimed_at, account.password_hash = now, password_hash
    for purpose in (Purpose.PLEDGE, Purpose.REGISTRATION):
        _agree_or_withdraw(account.id, purpose, False, now)  # what a clerk wrote down gives way to the own word
        agree(account.id, (purpose,), now=now)
    audit.note("account claimed", account, actor_id=account.id, now=now, about_id=account.id)
    tell(account.id, "account_claimed", now=now, path="/me")
    return open_session(account.id, device=device, now=now)


def reset_password(slip_id: int, password_hash: str, *, device: str, now: datetime) -> str | None:
    """Set a new password with a slip; every browser is signed out, and this one in, unless a second step is due."""
    _slip, account = use_slip(slip_id, SlipPurpose.PASSWORD, now)
    if queries.second_factor(account.id):
        _set_password(account, password_hash, now)
        return None
    return _with_new_password(account, password_hash, device=device, now=now)


def change_phone(slip_id: int, *, now: datetime) -> Account:
    """Move the account to the phone number on the slip."""
    slip, account = use_slip(slip_id, SlipPurpose.PHONE, now)
    _require_new_phone(account, slip.new_phone)
    db.session.execute(
        update(Account).where(Account.phone == slip.new_phone).values(phone=None)
    )  # a merged one of theirs
    account.phone = slip.new_phone
    _flush_or(_taken())
    audit.note("phone changed", account, actor_id=account.id, now=now, about_id=account.id)
    tell(account.id, "phone_changed", now=now, path="/me", phone=masks.phone(account.phone))
    return account


def leave_with_slip(slip_id: int, data: Leaving, *, now: datetime) -> None:
    """Close the account of somebody who asked for it at the station; a slip that is no good undoes all of it."""
    leave(queries.owner_of_slip(slip_id), data, now=now)
    _use_up(slip_id, SlipPurpose.LEAVE, now)


# ── leaving ──


def leave(account_id: int, data: Leaving, *, now: datetime) -> None:
    """Close the account for good. What was served stays; what it says about the person, they decide."""
    account = _released(account_id, data, now)
    audit.note("left", account, actor_id=account_id, now=now, about_id=account_id, data=data)


def void(account_id: int, actor: Actor, *, now: datetime) -> None:
    """Close an account whose person knew nothing of it; what it says stays for a while, to tell who made it.

    Whoever calls this has judged who may, and takes the minutes back.
    """
    account = _released(account_id, Leaving.KEEP, now)
    audit.note("account voided", account, actor_id=actor.account_id, now=now, about_id=account_id)


def merge(away_id: int, keep_id: int, actor: Actor, *, now: datetime) -> None:
    """Let one registration of a person go on as the other, and close its account: whoever signs in there with its
    phone and password is told which one to use. Nothing that was recorded is touched.

    Whoever calls this has judged who may, has both locked, and has written down that two people agreed.
    """
    away = db.session.get_one(Volunteer, away_id)
    if VolunteerState.MERGED not in NEXT_STATES[away.state]:
        raise Refusal(_("This registration is over, so there is nothing to merge."))
    account = db.session.get_one(Account, away.account_id)
    known = account.phone, account.password_hash
    for release in reversed(ON_LEAVE):
        release(Departure(account.id, away_id, Leaving.KEEP, now))
    away.state, away.merged_into_id, away.branch_id = VolunteerState.MERGED, keep_id, None
    _drop_id_number(away)
    _close(account, Leaving.KEEP, now)
    account.phone, account.password_hash = known
    db.session.flush()
    audit.note("registration merged", away, actor_id=actor.account_id, now=now, about_id=account.id, into=keep_id)


def erase_voided(account_id: int, *, now: datetime) -> None:
    """Let go of what a voided account says about its person."""
    account = _released(account_id, Leaving.ERASE, now)
    audit.note("account erased", account, actor_id=None, now=now, about_id=account_id)


def _released(account_id: int, data: Leaving, now: datetime) -> Account:
    """The account, closed, once all areas have let go of it."""
    volunteer_id = db.session.scalar(select(Volunteer.id).where(Volunteer.account_id == account_id))
    for other in queries.merged_into(volunteer_id) if volunteer_id else ():
        _released(other.account_id, data, now)  # it was theirs, too
    departure = Departure(account_id, volunteer_id, data, now)
    for release in reversed(ON_LEAVE):  # from right to left, and before anything is locked: shifts come first
        release(departure)
    if volunteer_id:
        _resign(lock(Volunteer, volunteer_id), data)
    account = lock(Account, account_id)
    _close(account, data, now)
    return account


def _close(account: Account, data: Leaving, now: datetime) -> None:
    """Nobody gets in any more; the phone number is free for a new start."""
    account.closed_at = account.closed_at or now
    account.phone = account.email = account.password_hash = None
    if data is Leaving.ERASE:
        account.name = ERASED
    end_sessions(account.id, now=now)
    forget_second_step(account.id)
    db.session.execute(update(Slip).where(Slip.account_id == account.id).values(new_phone=None))
    rows: list[tuple[Any, Any]] = [(Grant, Grant.revoked_at), (Consent, Consent.withdrawn_at)]
    for model, ended in rows:
        live = update(model).where(model.account_id == account.id, ended.is_(None))
        db.session.execute(live.values({ended: now}))


def forget_second_step(account_id: int) -> None:
    """Keep nothing of an account's second step."""
    for model in (SecondFactor, RecoveryCode):
        db.session.execute(delete(model).where(model.account_id == account_id))


def _resign(volunteer: Volunteer, data: Leaving) -> None:
    if volunteer.merged_into_id is None:
        volunteer.state = VolunteerState.RESIGNED
    volunteer.branch_id = None
    _drop_id_number(volunteer)
    if data is Leaving.ERASE:
        _erase(volunteer)


def _erase(volunteer: Volunteer) -> None:
    volunteer.gender = volunteer.birth_date = volunteer.division_id = None
    volunteer.categories, volunteer.availability, volunteer.decision_reason = [], [], ""
    db.session.execute(delete(VolunteerSkill).where(VolunteerSkill.volunteer_id == volunteer.id))
    guardians = update(Guardianship).where(Guardianship.volunteer_id == volunteer.id)
    db.session.execute(guardians.values(guardian_name="", guardian_phone="", relation=""))
