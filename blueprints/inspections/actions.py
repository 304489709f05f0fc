"""What the level above decides: on a flag, and later on what a spot check finds."""

from datetime import datetime

from blueprints.inspections import queries
from blueprints.inspections.models import NEXT_FLAG_STATES, FlagState, RiskFlag
from blueprints.organizations.models import Organization
from blueprints.records import attempts
from blueprints.records.attempts import About
from blueprints.records.models import Bar, Tried
from core import audit
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Barred, Refusal

LOOKERS = (Role.CONFIRMER, Role.ADMINISTRATOR)


def look_at(flag_id: int, actor: Actor, *, finding: str, now: datetime) -> RiskFlag:
    """Write down what was found; the flag stays to be seen. Nobody decides on what they took part in."""
    flag = lock(RiskFlag, flag_id)
    organization = db.session.get_one(Organization, flag.organization_id)
    require_above(actor, organization)
    if FlagState.LOOKED_AT not in NEXT_FLAG_STATES[flag.state]:
        raise Refusal(_("Somebody looked at this meanwhile. Reload the page to see what they found."))
    if actor.account_id in queries.involved(flag):
        sentence = _("You took part in what this is about, so another person looks at it.")
        raise Barred(sentence, Tried.DISMISS, Bar.INVOLVED, flag)
    if not finding:
        raise Refusal(_("Please write what you looked at and what you found."), "finding")
    flag.state, flag.looked_at, flag.looked_by_id, flag.finding = FlagState.LOOKED_AT, now, actor.account_id, finding
    audit.note(
        "risk looked at", flag, actor_id=actor.account_id, now=now, organization_id=organization.id, rule=flag.rule
    )
    return flag


def require_above(actor: Actor, organization: Organization) -> None:
    """Refuse whoever stands only in the organization itself: the level above looks."""
    if not is_above(actor, organization):
        raise Refusal(_("The level above %(name)s looks at this.", name=organization.name))


def is_above(actor: Actor, organization: Organization) -> bool:
    """Whether the actor holds a looking role above the organization; the top has nobody above it."""
    above = [held.path for held in actor.held if held.role in LOOKERS and organization.path.startswith(held.path)]
    return any(path != organization.path or organization.parent_id is None for path in above)


def _about_flag(flag_id: int) -> About | None:
    flag = db.session.get(RiskFlag, flag_id)
    return About(None, flag.organization_id) if flag else None


attempts.FINDERS[RiskFlag.__tablename__] = _about_flag
