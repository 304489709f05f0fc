"""Secret addresses: a calendar or a screen that opens without signing in, for whoever has the address."""

from sqlalchemy import ColumnElement, select

from blueprints.claims.models import LinkKind, SecretLink
from blueprints.identity.models import Account, Volunteer
from blueprints.organizations.models import Organization
from core import vault
from core.db import db


def own(volunteer_id: int) -> SecretLink | None:
    """The address of a volunteer's calendar, if they made one."""
    mine = select(SecretLink).where(SecretLink.volunteer_id == volunteer_id, SecretLink.kind == LinkKind.SCHEDULE)
    return db.session.scalar(mine)


def of_organization(organization_id: int) -> dict[LinkKind, SecretLink]:
    """The addresses that an organization's clerks made, by what they open."""
    theirs = select(SecretLink).where(SecretLink.organization_id == organization_id)
    return {link.kind: link for link in db.session.scalars(theirs)}


def token(link: SecretLink) -> str:
    """The secret part of the address, to show it to those whose address it is."""
    return vault.unseal(link.token_sealed)


def volunteer(given: str) -> tuple[Volunteer, Account] | None:
    """Whose calendar the address opens; None if nobody's, or the account is closed."""
    opened = select(Volunteer, Account).join(SecretLink, SecretLink.volunteer_id == Volunteer.id)
    opened = opened.join(Account, Account.id == Volunteer.account_id).where(Account.closed_at.is_(None))
    row = db.session.execute(opened.where(_fits(LinkKind.SCHEDULE, given))).one_or_none()
    return (row[0], row[1]) if row else None


def organization(kind: LinkKind, given: str) -> Organization | None:
    """Whose calendar or screen the address opens; None if nobody's, or it was closed."""
    opened = select(Organization).join(SecretLink, SecretLink.organization_id == Organization.id)
    return db.session.scalar(opened.where(_fits(kind, given), Organization.closed_at.is_(None)))


def _fits(kind: LinkKind, given: str) -> ColumnElement[bool]:
    return (SecretLink.token_hash == fingerprint(kind, given)) & (SecretLink.kind == kind)


def fingerprint(kind: LinkKind, given: str) -> str:
    """What the database keeps to find the address again. A screen's is typed by hand: small letters will do."""
    typed = vault.tidy(given) if kind is LinkKind.WALL else given
    return vault.digest(f"link/{kind}/{typed}")
