"""Making, renewing and ending secret addresses. An old address opens nothing from that moment on."""

from datetime import datetime

from blueprints.claims import links
from blueprints.claims.models import LinkKind, SecretLink
from blueprints.identity import actions as identity
from blueprints.identity.actions import Departure
from blueprints.identity.models import Volunteer
from blueprints.organizations.models import OFFERING, Organization
from core import audit, vault
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Refusal


def renew_own(actor: Actor, *, now: datetime) -> SecretLink:
    """A new address for one's own calendar; the first one, too."""
    volunteer = _volunteer(actor)
    link = links.own(volunteer.id) or SecretLink(kind=LinkKind.SCHEDULE, volunteer_id=volunteer.id)
    return _given(link, vault.token(), actor, now)


def end_own(actor: Actor) -> None:
    """Nobody reads the calendar by an address any more."""
    if link := links.own(_volunteer(actor).id):
        db.session.delete(link)


def renew(organization_id: int, kind: LinkKind, actor: Actor, *, now: datetime) -> SecretLink:
    """A new address for the calendar or the screen of an organization; the first one, too."""
    organization = _organization(organization_id, actor)
    if organization.closed_at or organization.kind not in OFFERING:
        raise Refusal(_("%(name)s offers no posts, so there is nothing to show.", name=organization.name))
    known = links.of_organization(organization.id).get(kind)
    link = known or SecretLink(kind=kind, organization_id=organization.id)
    # An address for a screen is typed with a remote control.
    _given(link, vault.slip_code() if kind is LinkKind.WALL else vault.token(), actor, now)
    db.session.flush()
    _trace("address renewed" if known else "address made", link, organization, actor, now)
    return link


def end(organization_id: int, kind: LinkKind, actor: Actor, *, now: datetime) -> None:
    """The address opens nothing any more."""
    organization = _organization(organization_id, actor)
    if link := links.of_organization(organization.id).get(kind):
        _trace("address ended", link, organization, actor, now)
        db.session.delete(link)


def _given(link: SecretLink, token: str, actor: Actor, now: datetime) -> SecretLink:
    link.token_hash, link.token_sealed = links.fingerprint(link.kind, token), vault.seal(token)
    link.made_at, link.made_by_id = now, actor.account_id
    db.session.add(link)
    return link


def _volunteer(actor: Actor) -> Volunteer:
    if actor.volunteer_id is None:
        raise Refusal(_("Please register as a volunteer first."))
    return lock(Volunteer, actor.volunteer_id)


def _organization(organization_id: int, actor: Actor) -> Organization:
    organization = lock(Organization, organization_id)
    if not actor.may(Role.CLERK, organization.path):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    return organization


def _trace(what: str, link: SecretLink, organization: Organization, actor: Actor, now: datetime) -> None:
    audit.note(what, link, actor_id=actor.account_id, now=now, organization_id=organization.id, kind=link.kind)


def _close(leaving: Departure) -> None:
    if leaving.volunteer_id is not None:
        theirs = db.delete(SecretLink).where(SecretLink.volunteer_id == leaving.volunteer_id)
        db.session.execute(theirs)


identity.ON_LEAVE.append(_close)
