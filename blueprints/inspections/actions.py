"""What the level above decides: on a flag, and later on what a spot check finds."""

import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from blueprints.identity import queries as people
from blueprints.inspections import queries
from blueprints.inspections.models import (
    NEXT_CHECK_STATES,
    NEXT_FLAG_STATES,
    CheckAnswer,
    CheckItem,
    CheckRequest,
    CheckState,
    Drawn,
    Finding,
    FlagState,
    RiskFlag,
    SpotCheck,
)
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.records import attempts, corrections
from blueprints.records.attempts import About
from blueprints.records.models import Bar, ServiceRecord, Tried
from core import audit, clock, pictures, workdays
from core.actor import Actor, Role
from core.db import Base, db, lock
from core.i18n import _
from core.refusal import Barred, Refusal, is_said

LOOKERS = queries.LOOK
ANSWERERS = (Role.CLERK, Role.CONFIRMER)
MOST_ITEMS = 300  # of one check


def look_at(flag_id: int, actor: Actor, *, finding: str, now: datetime) -> RiskFlag:
    """Write down what was found; the flag stays to be seen. Nobody decides on what they took part in."""
    flag = lock(RiskFlag, flag_id)
    organization = db.session.get_one(Organization, flag.organization_id)
    require_above(actor, organization)
    if FlagState.LOOKED_AT not in NEXT_FLAG_STATES[flag.state]:
        raise Refusal(_("Somebody looked at this meanwhile. Reload the page to see what they found."))
    if people.is_one_of(actor.account_id, queries.involved(flag)):
        sentence = _("You took part in what this is about, so another person looks at it.")
        raise Barred(sentence, Tried.DISMISS, Bar.INVOLVED, flag)
    if not is_said(finding):
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


# --- spot checks ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """What shall be drawn: the share of services in a period, and whether flagged entries come in as well."""

    organization_id: int
    first: date
    last: date
    permille: int
    with_risks: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """A check that is drawn and not written down yet: the entries that the seed chose, and flags with theirs."""

    check: SpotCheck
    chosen: list[int]
    flags: list[tuple[int, int]]

    @property
    def risky(self) -> list[int]:
        return sorted({record_id for _flag, record_id in self.flags} - set(self.chosen))


def sample(plan: Plan, actor: Actor, *, now: datetime) -> Sample:
    """Draw by a seed that is made now. It ranks all there is and only reads, so that nobody waits for it to write."""
    organization = _drawable(plan.organization_id, actor)
    if plan.last < plan.first:
        raise Refusal(_("The last day lies before the first."), "last")
    check = SpotCheck(organization_id=organization.id, including=is_above(actor, organization))
    check.first, check.last, check.permille, check.with_risks = plan.first, plan.last, plan.permille, plan.with_risks
    check.seed, check.last_entry_id = secrets.token_hex(16), queries.last_entry_id()
    check.drawn_at, check.drawn_by_id, check.state = now, actor.account_id, CheckState.OPEN
    check.due_on = workdays.after(clock.today(now), organizations.limit(Limit.EVIDENCE_WORKING_DAYS))
    check.population = queries.size(check, organization)
    if not check.population:
        raise Refusal(_("Nothing counts there in these days, so there is nothing to draw from."), "first")
    _refuse_many(queries.share(check))
    chosen = queries.draw(check, organization)
    return Sample(check, chosen, queries.flagged(check, organization) if check.with_risks else [])


def _drawable(organization_id: int, actor: Actor) -> Organization:
    organization = db.get_or_404(Organization, organization_id)
    if not any(actor.may(role, organization.path) for role in LOOKERS):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    return organization


def _refuse_many(count: int) -> None:
    if count > MOST_ITEMS:
        raise Refusal(
            _("That would be %(count)d entries, more than anybody looks at. Take a smaller share.", count=count),
            "permille",
        )


def draw(sampled: Sample, actor: Actor, *, now: datetime) -> SpotCheck:
    """Write down what was drawn, and ask every organization in it for evidence."""
    check, organization = sampled.check, _drawable(sampled.check.organization_id, actor)
    _fill(sampled)
    _note("check drawn", check, actor, organization, now, population=check.population)
    _ask(check, now)
    return check


def _fill(sampled: Sample) -> None:
    """Put the entries in that the seed chose, and those that flags rest on."""
    check, chosen, risky = sampled.check, sampled.chosen, sampled.risky
    _refuse_many(len(chosen) + len(risky))
    db.session.add(check)
    db.session.flush()
    drawn = [*((id, Drawn.CHANCE) for id in chosen), *((id, Drawn.RISK) for id in risky)]
    db.session.add_all(CheckItem(check_id=check.id, record_id=id, drawn=how) for id, how in drawn)
    for flag_id in sorted({flag_id for flag_id, _record in sampled.flags}):
        _move_flag(lock(RiskFlag, flag_id), FlagState.DRAWN)
    db.session.flush()


def _move_flag(flag: RiskFlag, state: FlagState) -> None:
    if state in NEXT_FLAG_STATES[flag.state]:
        flag.state = state


def _ask(check: SpotCheck, now: datetime) -> None:
    """One request to each organization, and a message to those who answer for it."""
    items = queries.items_of(check.id)
    counts = Counter(item.record.organization_id for item in items)
    for organization_id, count in counts.items():
        asked = CheckRequest(check_id=check.id, organization_id=organization_id)
        db.session.add(asked)
        db.session.flush()
        path, until = f"/desk/check-requests/{asked.id}", check.due_on
        for account_id in queries.staff_of(organization_id):
            tell(account_id, NoticeKind.RECORD_CHECK_ASKED, now=now, path=path, count=count, until=until)


def answer(request_id: int, words: str, picture: bytes | None, actor: Actor, *, now: datetime) -> CheckAnswer:
    """The organization says what proves its entries, with a picture or PDF if it has one; more can follow."""
    asked = lock(CheckRequest, request_id)
    organization = db.session.get_one(Organization, asked.organization_id)
    if not any(actor.may(role, organization.path) for role in ANSWERERS):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    if db.session.get_one(SpotCheck, asked.check_id).state is not CheckState.OPEN:
        raise Refusal(_("This spot check is closed, so nothing more can be sent."))
    if not is_said(words) and not picture:
        raise Refusal(_("Please write something, or choose a picture or PDF."), "words")
    made = CheckAnswer(request_id=asked.id, words=words, size=len(picture or b""), picture=picture, at=now)
    made.by_id, made.content_type = actor.account_id, pictures.type_of(picture or b"")
    asked.answered_at = asked.answered_at or now
    db.session.add(made)
    _note("check answered", made, actor, organization, now)
    return made


def find(
    item_id: int, finding: Finding, note: str, actor: Actor, *, minutes: int | None = None, now: datetime
) -> CheckItem:
    """Write down what was found of one entry; a fault with its right minutes is proposed as a correction at once."""
    item = lock(CheckItem, item_id)
    check, record = lock(SpotCheck, item.check_id), db.session.get_one(ServiceRecord, item.record_id)
    organization = db.session.get_one(Organization, record.organization_id)
    require_above(actor, organization)
    if check.state is not CheckState.OPEN:
        raise Refusal(_("This spot check is closed; its findings stay as they are."))
    if people.is_one_of(actor.account_id, queries.taking_part([record.id])):
        sentence = _("You took part in this entry, so another person looks at it.")
        raise Barred(sentence, Tried.DISMISS, Bar.INVOLVED, record)
    if finding is not Finding.OK and not is_said(note):
        raise Refusal(_("Please say what is wrong, or what is missing."), "note")
    item.finding, item.note, item.found_at, item.found_by_id = finding, note, now, actor.account_id
    if finding is Finding.FAULT and minutes is not None:
        corrections.propose(record.id, minutes, actor, reason=note[:200], now=now)
    _note("check finding", item, actor, organization, now, finding=finding)
    return item


def close(check_id: int, actor: Actor, *, now: datetime) -> SpotCheck:
    """End the check once every entry has its finding; the flags that came into it are looked at."""
    check, organization = _mine(check_id, actor)
    if CheckState.CLOSED not in NEXT_CHECK_STATES[check.state]:
        raise Refusal(_("This spot check is closed already."))
    items = queries.items_of(check.id)
    left = sum(item.finding is None for item in items)
    if left:
        raise Refusal(_("%(count)d entries have no finding yet. Write down what was found of each.", count=left))
    check.state, check.closed_at, check.closed_by_id = CheckState.CLOSED, now, actor.account_id
    sentence = _("Looked at in spot check %(number)d.", number=check.id)
    for flag in queries.drawn_flags([item.record_id for item in items]):
        if people.is_one_of(actor.account_id, queries.involved(flag)):
            sentence = _("You took part in what a flag here is about, so another person closes the check.")
            raise Barred(sentence, Tried.DISMISS, Bar.INVOLVED, flag)
        flag.state, flag.finding = FlagState.LOOKED_AT, sentence
        flag.looked_at, flag.looked_by_id = now, actor.account_id
    _note("check closed", check, actor, organization, now)
    return check


def publish(check_id: int, actor: Actor, *, now: datetime) -> SpotCheck:
    """Show the result, in numbers only, to the organizations that were checked and to the people of the area."""
    check, organization = _mine(check_id, actor)
    if CheckState.PUBLISHED not in NEXT_CHECK_STATES[check.state]:
        raise Refusal(_("Only a closed spot check is published, and only once."))
    check.state, check.published_at = CheckState.PUBLISHED, now
    _note("check published", check, actor, organization, now)
    return check


def _mine(check_id: int, actor: Actor) -> tuple[SpotCheck, Organization]:
    check = lock(SpotCheck, check_id)
    organization = db.session.get_one(Organization, check.organization_id)
    if check.including:
        require_above(actor, organization)
    elif not any(actor.may(role, organization.path) for role in LOOKERS):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))
    return check, organization


def _note(what: str, row: Base, actor: Actor, organization: Organization, now: datetime, **details: Any) -> None:
    audit.note(what, row, actor_id=actor.account_id, now=now, organization_id=organization.id, **details)


def _about_flag(flag_id: int) -> About | None:
    flag = db.session.get(RiskFlag, flag_id)
    return About(None, flag.organization_id) if flag else None


attempts.FINDERS[RiskFlag.__tablename__] = _about_flag
