"""What an office decides: organizations, who works there, who is registered, and what a clerk records of a person.

Locks are taken in one order: organizations by id, then the row that changes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from blueprints.admin import queries
from blueprints.claims import actions as claims
from blueprints.identity import actions as people
from blueprints.identity.models import (
    ADULT,
    NEXT_STATES,
    Account,
    Grant,
    GuardianMethod,
    Guardianship,
    Invitation,
    Slip,
    SlipPurpose,
    Volunteer,
    VolunteerSkill,
    VolunteerState,
)
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.organizations import actions as organizations
from blueprints.organizations import queries as places
from blueprints.organizations.models import Limit, Organization, OrganizationKind
from blueprints.posts import actions as posts
from blueprints.records import queries as records
from blueprints.records.models import Bar, Tried
from core import audit, display, vault
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Barred, Refusal

INVITATION_LASTS = timedelta(days=7)


def _require(actor: Actor, organization: Organization, *roles: Role) -> None:
    if not any(actor.may(role, organization.path) for role in roles):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))


# --- organizations ----------------------------------------------------------------------------------------


def found(
    name: str,
    kind: OrganizationKind,
    parent_id: int,
    actor: Actor,
    *,
    division_id: int,
    phone: str,
    address: str,
    now: datetime,
) -> Organization:
    """Create an organization below another; a second tap on the button meets the first one's name."""
    parent = lock(Organization, parent_id)
    _require(actor, parent, Role.ADMINISTRATOR)
    _refuse_closed(parent)
    _refuse_same_name(name, parent.id)
    return organizations.found(
        name,
        kind,
        division_id=division_id,
        parent=parent,
        phone=phone,
        address=address,
        actor=actor,
        now=now,
    )


def _refuse_closed(organization: Organization) -> None:
    if organization.closed_at:
        raise Refusal(_("%(name)s was closed. Choose another organization.", name=organization.name))


def _refuse_same_name(name: str, parent_id: int, but: int = 0) -> None:
    same = queries.same_name(name, parent_id)
    if same and same.id != but:
        raise Refusal(_("An organization of this name stands there already. Open it, or choose another name."), "name")


def edit(organization_id: int, actor: Actor, *, name: str, phone: str, address: str, now: datetime) -> Organization:
    """Correct the name, phone or address of an organization."""
    organization = lock(Organization, organization_id)
    _require(actor, organization, Role.ADMINISTRATOR)
    _refuse_closed(organization)
    if organization.parent_id:
        _refuse_same_name(name, organization.parent_id, but=organization.id)
    renamed = organization.name != name
    organization.name, organization.phone, organization.address = name, phone, address
    if renamed:
        posts.index_again(organization.id, now=now)
    _note("organization changed", organization, actor, organization, now)
    return organization


def close(organization_id: int, actor: Actor, *, now: datetime) -> Organization:
    """Close an organization with nothing open in it; its past, its people and their records stay."""
    organization = lock(Organization, organization_id)
    _require(actor, organization, Role.ADMINISTRATOR)
    if organization.closed_at:
        raise Refusal(_("%(name)s is closed already.", name=organization.name))
    if organization.parent_id is None:
        raise Refusal(_("Everything stands under this organization, so it stays open."))
    _refuse_unfinished(organization, now)
    organizations.close(organization, actor=actor, now=now)
    return organization


def _refuse_unfinished(organization: Organization, now: datetime) -> None:
    """Nobody may be left waiting: neither holders of places nor people whose times or papers are undecided."""
    if shift := queries.coming_shift_of(organization.id, now):
        raise Refusal(
            _(
                "“%(title)s”, %(when)s, is still open. Cancel it or let it pass first.",
                title=shift.post.title,
                when=display.span((shift.starts_at, shift.ends_at)),
            )
        )
    if records.shifts_to_hand_in([organization.path], now):
        raise Refusal(_("There are times that nobody has handed in. Hand them in first."))
    if queries.waits_for_a_decision(organization.id):
        raise Refusal(_("Registrations or entries still wait for a decision here. Decide them first."))


# --- staff ------------------------------------------------------------------------------------------------


def invite(organization_id: int, role: Role, name: str, actor: Actor, *, now: datetime) -> tuple[Invitation, str]:
    """Offer a role to whoever brings the code; returns the code, which is kept nowhere."""
    organization = lock(Organization, organization_id)
    _require(actor, organization, Role.ADMINISTRATOR)
    _refuse_closed(organization)
    if queries.same_invitation(organization.id, role, name, now):
        raise Refusal(
            _("%(name)s has an open invitation to this role already. Take that one back first.", name=name),
            "name",
        )
    invitation, code = _invitation(organization, role, name, actor.account_id, now)
    _note("invited", invitation, actor, organization, now, role=role)
    return invitation, code


def invite_first_administrator(*, now: datetime) -> str:
    """Offer the administrator's role of the top organization; for whoever runs this installation's commands.

    An earlier link from the same command ends. Raises Refusal while there is no organization at all.
    """
    top = queries.top_organization()
    if top is None:
        raise Refusal(_("There is no organization yet. Create the top organization first."))
    lock(Organization, top.id)
    for earlier in queries.open_invitations([top.path], now):
        if earlier.invited_by_id is None:
            earlier.revoked_at = now
    invitation, code = _invitation(top, Role.ADMINISTRATOR, "", None, now)
    audit.note("invited", invitation, actor_id=None, now=now, organization_id=top.id, role=invitation.role)
    return code


def _invitation(
    organization: Organization, role: Role, name: str, inviter: int | None, now: datetime
) -> tuple[Invitation, str]:
    code = vault.token()
    made = Invitation(code_hash=vault.digest(code), name=name, role=role, organization_id=organization.id)
    made.invited_by_id, made.created_at, made.expires_at = inviter, now, now + INVITATION_LASTS
    db.session.add(made)
    db.session.flush()
    return made, code


def withdraw(invitation_id: int, actor: Actor, *, now: datetime) -> Invitation:
    """Take an invitation back before anybody accepted it."""
    invitation = lock(Invitation, invitation_id)
    organization = db.session.get_one(Organization, invitation.organization_id)
    _require(actor, organization, Role.ADMINISTRATOR)
    if invitation.accepted_at:
        raise Refusal(_("This invitation was accepted already. Take the role back instead."))
    if invitation.revoked_at:
        raise Refusal(_("This invitation was taken back already."))
    invitation.revoked_at = now
    _note("invitation taken back", invitation, actor, organization, now, role=invitation.role)
    return invitation


def accept(code: str, account_id: int, *, now: datetime) -> Grant:
    """Take up the role that the link offers; it is live from the next request on."""
    invitation = lock(Invitation, require_open(code, now=now).id)
    organization = db.session.get_one(Organization, invitation.organization_id)
    if sentence := ended_because(invitation, organization, now):  # another one may have been faster
        raise Refusal(sentence)
    _refuse_second(account_id, invitation, organization)
    invitation.accepted_at, invitation.accepted_by_id = now, account_id
    return _grant(invitation, organization, account_id, now)


def require_open(code: str, *, now: datetime) -> Invitation:
    """The invitation of a link that is still good."""
    found = queries.invitation_by(vault.digest(code))
    if found is None:
        raise Refusal(unknown())
    if sentence := ended_because(found, found.organization, now):
        raise Refusal(sentence)
    return found


def join(code: str, *, name: str, phone: str, password_hash: str, lang: str, device: str, now: datetime) -> str:
    """Make an account for somebody who was invited, give it the role, and sign it in: returns the session's token."""
    lock(Invitation, require_open(code, now=now).id)
    people.require_free(phone)
    account = Account(name=name, phone=phone, password_hash=password_hash, lang=lang)
    account.created_at = account.claimed_at = now
    db.session.add(account)
    db.session.flush()
    accept(code, account.id, now=now)
    return people.open_session(account.id, device=device, now=now)


def unknown() -> str:
    """The sentence for a code that no invitation has."""
    return str(_("This link is not valid. Check that you have all of it, or ask your office for a new one."))


def ended_because(invitation: Invitation, organization: Organization, now: datetime) -> str | None:
    """Why the link gives nothing any more, and what to do; None while it is good."""
    if sentence := _over(invitation, organization, now):
        return " ".join([sentence, _("Ask your office for a new one.")])
    return None


def _over(invitation: Invitation, organization: Organization, now: datetime) -> str:
    if invitation.accepted_at:
        return str(_("This invitation was accepted already."))
    if invitation.revoked_at or organization.closed_at:
        return str(_("This invitation was taken back."))
    if now >= invitation.expires_at:
        return str(_("This invitation was good for seven days and has ended."))
    if invitation.invited_by_id and not queries.administers(invitation.invited_by_id, organization):
        return str(_("Whoever invited you may no longer give this role."))
    return ""


def _refuse_second(account_id: int, invitation: Invitation, organization: Organization) -> None:
    for held in queries.grants_of(account_id):
        if held.role is invitation.role and held.organization_id == organization.id:
            raise Refusal(_("You hold this role already. The invitation is still good for somebody else."))


def _grant(invitation: Invitation, organization: Organization, account_id: int, now: datetime) -> Grant:
    granted = Grant(account_id=account_id, role=invitation.role, organization_id=organization.id)
    granted.granted_at, granted.granted_by_id = now, invitation.invited_by_id
    db.session.add(granted)
    audit.note(
        "role given",
        granted,
        actor_id=invitation.invited_by_id,
        now=now,
        organization_id=organization.id,
        about_id=account_id,
        role=granted.role,
    )
    _tell_role(NoticeKind.GRANT_GIVEN, granted, organization, now)
    return granted


def _tell_role(kind: NoticeKind, grant: Grant, organization: Organization, now: datetime) -> None:
    words = {"role": grant.role.value, "organization": organization.name}
    tell(grant.account_id, kind, now=now, path="/desk", **words)


def take_back(grant_id: int, actor: Actor, *, now: datetime) -> Grant:
    """End a role at once: the person's very next request is judged without it."""
    organization = _organization_of(grant_id)
    _require(actor, organization, Role.ADMINISTRATOR)
    grant = lock(Grant, grant_id)
    if grant.revoked_at:
        raise Refusal(_("This role was taken back already."))
    _refuse_own_end(grant, actor)
    _refuse_lock_out(grant, organization)  # two who dismiss each other at once: one stays
    grant.revoked_at, grant.revoked_by_id = now, actor.account_id
    _note("role taken back", grant, actor, organization, now, about_id=grant.account_id, role=grant.role)
    _tell_role(NoticeKind.GRANT_TAKEN, grant, organization, now)
    return grant


def _organization_of(grant_id: int) -> Organization:
    """The organization of a role, locked: two administrators who dismiss each other come one after the other."""
    return lock(Organization, db.get_or_404(Grant, grant_id).organization_id)


def _refuse_own_end(grant: Grant, actor: Actor) -> None:
    """A slip of the finger must not end one's own day; leaving (`/me/departure`) asks for the password."""
    if grant.account_id == actor.account_id and grant.role is Role.ADMINISTRATOR:
        raise Refusal(_("This is your own role. Ask another administrator to take it back."))


def _refuse_lock_out(grant: Grant, organization: Organization) -> None:
    if grant.role is not Role.ADMINISTRATOR or organization.parent_id is not None:
        return
    if queries.live_administrators(organization.id) == [grant.account_id]:
        raise Refusal(_("This is the last administrator of the top. Invite another one first, or nobody could go on."))


def keep_an_administrator(departure: people.Departure) -> None:
    """Whoever leaves must not be the only one who could let others in."""
    for grant in queries.grants_of(departure.account_id):
        if grant.organization.parent_id is None:
            _refuse_lock_out(grant, lock(Organization, grant.organization_id))


people.ON_LEAVE.append(keep_an_administrator)


# --- registrations ----------------------------------------------------------------------------------------


def approve(volunteer_id: int, actor: Actor, *, seen: datetime, now: datetime) -> Volunteer:
    """Accept a registration as it was `seen` (its submitted_at): from now on the person may claim."""
    volunteer, organization = _to_decide(volunteer_id, actor, seen)
    account = db.session.get_one(Account, volunteer.account_id)
    if account.created_by_id == actor.account_id:
        raise Refusal(_("You registered this person yourself, so another administrator approves it."))
    if volunteer.age(now) < ADULT and not queries.guarded([volunteer.id]):
        raise Refusal(_("Under 18 a guardian's consent is needed. Record it on the person's page first."))
    _decide(volunteer, VolunteerState.ACTIVE, "", organization, actor, now)
    return volunteer


def approve_all(seen: Mapping[int, datetime], actor: Actor, *, now: datetime) -> tuple[int, int]:
    """Approve unremarkable registrations as they were `seen`; returns how many, and how many had changed meanwhile."""
    for id in sorted(seen):
        lock(Volunteer, id)
    known = queries.registrations_among(list(seen), actor.reach(Role.ADMINISTRATOR))
    unchanged = [v for v in known if v.state is VolunteerState.SUBMITTED and v.submitted_at == seen[v.id]]
    _refuse_remarkable(unchanged, now)
    for volunteer in unchanged:
        approve(volunteer.id, actor, seen=seen[volunteer.id], now=now)
    return len(unchanged), len(known) - len(unchanged)


def _refuse_remarkable(waiting: Sequence[Volunteer], now: datetime) -> None:
    marked = queries.marks(waiting, now)
    for volunteer in waiting:
        if not marked[volunteer.id].is_unremarkable:
            name = volunteer.account.name
            raise Refusal(_("The registration of %(name)s needs a look. Open it and decide it there.", name=name))


def send_back(volunteer_id: int, actor: Actor, *, seen: datetime, reason: str, now: datetime) -> Volunteer:
    """Return a registration with what has to be corrected; the person may send it again."""
    volunteer, organization = _to_decide(volunteer_id, actor, seen)
    _decide(volunteer, VolunteerState.RETURNED, reason, organization, actor, now)
    return volunteer


def reject(volunteer_id: int, actor: Actor, *, seen: datetime, reason: str, now: datetime) -> Volunteer:
    """Turn a registration down, with the reason."""
    volunteer, organization = _to_decide(volunteer_id, actor, seen)
    _decide(volunteer, VolunteerState.REJECTED, reason, organization, actor, now)
    return volunteer


def _to_decide(volunteer_id: int, actor: Actor, seen: datetime) -> tuple[Volunteer, Organization]:
    volunteer = lock(Volunteer, volunteer_id)
    organization = db.session.get_one(Organization, volunteer.registered_with_id)
    _require(actor, organization, Role.ADMINISTRATOR)
    if volunteer.account_id == actor.account_id:
        raise Refusal(_("This is your own registration, so another administrator decides it."))
    if volunteer.state is not VolunteerState.SUBMITTED:
        raise Refusal(_("Somebody has decided this registration meanwhile. Go back to the list."))
    if volunteer.submitted_at != seen:
        raise Refusal(_("The person has sent the registration again meanwhile. Read it anew and decide."))
    return volunteer, organization


TOLD = {
    VolunteerState.ACTIVE: (NoticeKind.REGISTRATION_APPROVED, "registration approved", "/"),
    VolunteerState.RETURNED: (NoticeKind.REGISTRATION_RETURNED, "registration returned", "/registration"),
    VolunteerState.REJECTED: (NoticeKind.REGISTRATION_REJECTED, "registration rejected", "/me"),
}


def _decide(
    volunteer: Volunteer,
    state: VolunteerState,
    reason: str,
    organization: Organization,
    actor: Actor,
    now: datetime,
) -> None:
    if state not in NEXT_STATES[volunteer.state]:
        raise Refusal(_("Somebody has decided this registration meanwhile. Go back to the list."))
    volunteer.state, volunteer.decision_reason = state, reason
    volunteer.decided_at, volunteer.decided_by_id = now, actor.account_id
    kind, action, path = TOLD[state]
    _note(action, volunteer, actor, organization, now, about_id=volunteer.account_id)
    tell(volunteer.account_id, kind, now=now, path=path, organization=organization.name, reason=reason)


# --- the numbers of the rules -----------------------------------------------------------------------------


def set_limit(limit: Limit, value: int, actor: Actor, *, now: datetime) -> None:
    """Set one number of the rules for the whole city; only an administrator of the top may."""
    if not queries.runs_the_top(actor):
        raise Refusal(_("Only an administrator of the top organization sets the rules."))
    if top := queries.top_organization():
        lock(Organization, top.id)
    _refuse_contradiction(limit, value)
    organizations.set_limit(limit, value, actor=actor, now=now)


def _refuse_contradiction(limit: Limit, value: int) -> None:
    """A day that needs two levels up cannot be shorter than one that needs one level."""
    days = {name: places.limit(name) for name in (Limit.DAILY_HOURS, Limit.DAILY_HOURS_HIGHER)} | {limit: value}
    if days[Limit.DAILY_HOURS] > days[Limit.DAILY_HOURS_HIGHER]:
        raise Refusal(
            _("The limit for one level up may not lie above the one for two levels up. Change that one first."), "value"
        )


# --- people -----------------------------------------------------------------------------------------------


def _person(volunteer_id: int, actor: Actor) -> tuple[Volunteer, Organization]:
    volunteer = lock(Volunteer, volunteer_id)
    organization = db.session.get_one(Organization, volunteer.registered_with_id)
    _require(actor, organization, Role.CLERK, Role.ADMINISTRATOR)
    return volunteer, organization


def register_for(details: people.Details, actor: Actor, *, phone: str, now: datetime) -> tuple[Volunteer, Slip, str]:
    """Register somebody who stands at the counter; nobody owns the account until the slip's code is used.

    Returns the registration and the slip to hand over. Another person approves it.
    """
    _require_age(details, actor, now)
    people.require_free(phone)
    account = Account(name=details.name, phone=phone, created_at=now, created_by_id=actor.account_id)
    db.session.add(account)
    db.session.flush()
    volunteer = people.enrol(account.id, details, now=now)
    for consent in queries.consents(account.id):
        consent.recorded_by_id = actor.account_id  # spoken, and written down by the clerk
    organization = db.session.get_one(Organization, volunteer.registered_with_id)
    _note("registered somebody", volunteer, actor, organization, now, about_id=account.id)
    counter = _counter(actor, organization)
    slip, code = people.issue_slip(account.id, SlipPurpose.CLAIM, actor=actor, organization_id=counter, now=now)
    return volunteer, slip, code


def _require_age(details: people.Details, actor: Actor, now: datetime) -> None:
    """Children were registered in crowds without knowing it; who tries leaves a trace at their station."""
    try:
        people.require_age(details.birth_date, now=now)
    except Refusal as refusal:
        held = next((held.organization_id for held in actor.held if held.role is Role.CLERK), 0)
        station = db.get_or_404(Organization, held)
        raise Barred(str(refusal), Tried.REGISTER, Bar.TOO_YOUNG, station, refusal.field) from None


def _counter(actor: Actor, organization: Organization) -> int:
    """Where the clerk does this: at the person's organization or above it, or else at their own station."""
    mine = [held for held in actor.held if held.role is Role.CLERK]
    near = [held for held in mine if organization.path.startswith(held.path)]
    if not mine:
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    return (near or mine)[-1].organization_id


def show_phone(volunteer_id: int, actor: Actor, *, now: datetime) -> Volunteer:
    """Leave a trace that somebody looked at a person's whole phone number."""
    volunteer, organization = _person(volunteer_id, actor)
    _note("phone shown", volunteer, actor, organization, now, about_id=volunteer.account_id)
    return volunteer


def record_guardian(
    volunteer_id: int,
    actor: Actor,
    *,
    name: str,
    relation: str,
    phone: str,
    method: GuardianMethod,
    now: datetime,
) -> Guardianship:
    """Record that a guardian agreed, in person or on paper; the volunteer is told."""
    volunteer, organization = _person(volunteer_id, actor)
    if volunteer.account_id == actor.account_id:
        raise Refusal(_("This is your own registration, so another person records the consent."))
    if volunteer.age(now) >= ADULT:
        raise Refusal(_("This person is of age and needs no guardian's consent."))
    if queries.guarded([volunteer.id]):
        raise Refusal(_("A guardian's consent is on record already. Withdraw that one first if it is wrong."))
    given = Guardianship(volunteer_id=volunteer.id, guardian_name=name, relation=relation, method=method)
    given.guardian_phone, given.given_at, given.recorded_by_id = phone, now, actor.account_id
    db.session.add(given)
    about = volunteer.account_id
    _note("guardian recorded", given, actor, organization, now, about_id=about, method=method)
    tell(about, NoticeKind.GUARDIAN_RECORDED, now=now, path="/me", organization=organization.name)
    return given


def withdraw_guardian(guardianship_id: int, actor: Actor, *, now: datetime) -> Guardianship:
    """End a guardian's consent, because the guardian took it back or it was recorded wrongly.

    The volunteer is told. A minor whom no other consent covers gives up every claim to come.
    """
    volunteer_id = db.get_or_404(Guardianship, guardianship_id).volunteer_id
    _release_minor(volunteer_id, guardianship_id, actor, now)
    volunteer, organization = _person(volunteer_id, actor)
    given = lock(Guardianship, guardianship_id)
    if given.revoked_at:
        raise Refusal(_("This consent was withdrawn already."))
    given.revoked_at = now
    about = volunteer.account_id
    _note("guardian withdrawn", given, actor, organization, now, about_id=about)
    tell(about, NoticeKind.GUARDIAN_WITHDRAWN, now=now, path="/me", organization=organization.name)
    return given


def _release_minor(volunteer_id: int, guardianship_id: int, actor: Actor, now: datetime) -> None:
    """Free the coming places before the person is locked: shifts are always locked first."""
    volunteer = db.session.get_one(Volunteer, volunteer_id)
    _require(actor, db.session.get_one(Organization, volunteer.registered_with_id), Role.CLERK, Role.ADMINISTRATOR)
    standing = {given.id for given in queries.guardians(volunteer_id) if given.revoked_at is None}
    if volunteer.age(now) < ADULT and standing == {guardianship_id}:
        claims.release_all(volunteer_id, now=now)


def verify_skill(skill_id: int, actor: Actor, *, now: datetime) -> VolunteerSkill:
    """Record that the proof of a skill was seen (条例 art. 16); nobody vouches for their own."""
    volunteer_id = db.get_or_404(VolunteerSkill, skill_id).volunteer_id
    volunteer, organization = _person(volunteer_id, actor)
    skill = lock(VolunteerSkill, skill_id)
    if volunteer.account_id == actor.account_id:
        raise Refusal(_("These are your own skills, so another person looks at the proof."))
    if skill.verified_at:
        raise Refusal(_("The proof of this skill was seen already."))
    skill.verified_at, skill.verified_by_id = now, actor.account_id
    _note("skill verified", skill, actor, organization, now, about_id=volunteer.account_id, skill=skill.skill)
    tell(
        volunteer.account_id,
        NoticeKind.SKILL_VERIFIED,
        now=now,
        path="/me",
        organization=organization.name,
        skill=skill.skill.value,
    )
    return skill


def _note(
    action: str,
    subject: Organization | Invitation | Grant | Volunteer | Guardianship | VolunteerSkill,
    actor: Actor,
    organization: Organization,
    now: datetime,
    about_id: int | None = None,
    **details: str,
) -> None:
    audit.note(
        action,
        subject,
        actor_id=actor.account_id,
        now=now,
        organization_id=organization.id,
        about_id=about_id,
        **details,
    )
