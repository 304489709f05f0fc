"""What can happen to a post and its shifts. Whoever calls these for a published post has locked what claims it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from blueprints.organizations import queries as organizations
from blueprints.organizations.models import OFFERING, Division, Limit, Organization
from blueprints.posts import queries, rules
from blueprints.posts.models import Post, PostState, RiskLevel, Shift, ShiftState, Template
from blueprints.posts.words import CATEGORIES
from core import audit
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import LANGUAGES, _, speaking
from core.refusal import Barred, Refusal

TEXTS = ("place", "content", "conditions", "sign_up", "risks", "safeguards", "responsible_name", "responsible_phone")
AGES = ("min_age", "max_age")
FIELDS = ("title", "category", "division_id", *TEXTS, "risk_level", "hazards", *AGES, "skill", "approves")
SHIFT_FIELDS = ("starts_at", "ends_at", "places", "break_minutes", "opens_at", "minimum", "cut_off_hours")
UNPLANNED = {"break_minutes": 0, "opens_at": None, "minimum": None, "cut_off_hours": None}
Values = dict[str, Any]

# --- drafts -----------------------------------------------------------------------------------------------


def draft(organization_id: int, values: Values, shifts: Sequence[Values], actor: Actor, now: datetime) -> Post:
    """Begin a post that nobody else sees yet; it may still lack almost everything but a title and a category.

    `values` may hold any of FIELDS and a `form_key`: the same form sent again changes the draft it has made.
    """
    organization = lock(Organization, organization_id)  # so that a form sent twice is served one after the other
    _require_clerk(actor, organization)
    _require_offering(organization)
    if made := _made_already(values, actor):
        return revise_draft(made.id, values, shifts, revision=made.revision, actor=actor, now=now)
    post = Post(organization_id=organization_id, created_at=now, created_by_id=actor.account_id)
    post.state, post.revision, post.form_key = PostState.DRAFT, 1, values.get("form_key")
    post.organization = organization
    _write(post, _blank(organization) | values)
    db.session.add(post)
    db.session.flush()
    _replace_shifts(post, [], shifts)
    _trace("post drafted", post, actor, now)
    return post


def _blank(organization: Organization) -> Values:
    """What a draft says of itself before anything is typed."""
    minimum = organizations.limit(Limit.MINIMUM_AGE_YEARS)
    blank: Values = dict.fromkeys(TEXTS, "")
    blank |= {"division_id": organization.division_id, "hazards": [], "skill": None}
    return blank | {"risk_level": RiskLevel.LOW, "min_age": minimum, "max_age": rules.OLDEST}


def _made_already(values: Values, actor: Actor) -> Post | None:
    key = values.get("form_key")
    made = queries.by_form_key(key) if key else None
    if made and (made.created_by_id != actor.account_id or made.state is not PostState.DRAFT):
        raise Refusal(_("This form was sent already, and its post is published. Open it from the list."))
    return made


def revise_draft(
    post_id: int, values: Values, shifts: Sequence[Values], *, revision: int, actor: Actor, now: datetime
) -> Post:
    """Write a draft anew, unless somebody changed it since the form was opened; the same text twice is one change."""
    post, before = _locked_draft(post_id, actor)
    stale = post.revision != revision
    if stale and _says(post, before, values, shifts):
        return post
    refuse_stale(post, revision)
    _write(post, values)
    _replace_shifts(post, before, shifts)
    post.revision += 1
    _trace("draft revised", post, actor, now)
    return post


def _says(post: Post, before: Sequence[Shift], values: Values, shifts: Sequence[Values]) -> bool:
    """Whether the draft says exactly this already."""
    texts = all(getattr(post, name) == values[name] for name in FIELDS if name in values)
    plan = [{name: getattr(shift, name) for name in SHIFT_FIELDS} for shift in before]
    return texts and plan == sorted(map(_planned, shifts), key=lambda planned: planned["starts_at"])


def _replace_shifts(post: Post, before: Sequence[Shift], shifts: Sequence[Values]) -> None:
    """Give the draft these shifts; rows are used again in time order, and surplus ones go, for nobody claims them."""
    if len(shifts) > rules.MOST_SHIFTS:
        raise Refusal(rules.too_many(), "shifts")
    planned = sorted(map(_planned, shifts), key=lambda values: values["starts_at"])
    for number, values in enumerate(planned):
        shift = before[number] if number < len(before) else Shift(post_id=post.id, state=ShiftState.DRAFT)
        _plan(shift, values)
        db.session.add(shift)
    for shift in before[len(planned) :]:
        db.session.delete(shift)
    db.session.flush()
    db.session.expire(post, ["shifts"])


def _planned(values: Values) -> Values:
    return UNPLANNED | {name: values[name] for name in SHIFT_FIELDS if name in values}


def _plan(shift: Shift, values: Values) -> None:
    rules.refuse_unsound_shift(values)
    for name in SHIFT_FIELDS:
        setattr(shift, name, values[name])


def discard(post_id: int, *, actor: Actor, now: datetime) -> None:
    """Throw a draft away; nobody but the clerks has ever seen it."""
    post, shifts = _locked_draft(post_id, actor)
    _trace("draft discarded", post, actor, now, title=post.title)
    for row in (*shifts, post):
        db.session.delete(row)
        db.session.flush()


def copy(post_id: int) -> Values:
    """What a new draft takes over from a post: everything but its times, which have to be chosen anew."""
    post = db.session.get_one(Post, post_id)
    return {name: getattr(post, name) for name in FIELDS}


# --- templates of an organization ---------------------------------------------------------------------------

MOST_TEMPLATES = 40
KEPT = tuple(name for name in FIELDS if name not in ("responsible_name", "responsible_phone"))  # people change


def keep_template(post_id: int, name: str, actor: Actor, now: datetime) -> Template:
    """Keep what a post says, and its usual hours, to start from it again; one of the same name is replaced."""
    organization = _locked_organization(post_id)
    _require_clerk(actor, organization)
    if not name:
        raise Refusal(_("Please give the template a name."), "name")
    mine = queries.templates_of(organization.id)
    kept = next((one for one in mine if one.name == name), None)
    if kept is None and len(mine) >= MOST_TEMPLATES:
        raise Refusal(_("An organization keeps at most %(most)d templates. Throw one away first.", most=MOST_TEMPLATES))
    kept = kept or Template(organization_id=organization.id, name=name)
    post = db.session.get_one(Post, post_id)
    kept.text = {field: getattr(post, field) for field in KEPT}
    for field, value in queries.usual_hours(queries.standing_shifts(post_id)).items():
        setattr(kept, field, value)
    kept.kept_at, kept.kept_by_id = now, actor.account_id
    db.session.add(kept)
    _trace("template kept", post, actor, now)
    return kept


def drop_template(template_id: int, actor: Actor, now: datetime) -> None:
    """Throw a template away; posts that began with it stay as they are."""
    kept = lock(Template, template_id)
    organization = db.session.get_one(Organization, kept.organization_id)
    _require_clerk(actor, organization)
    audit.note("template thrown away", kept, actor_id=actor.account_id, now=now, organization_id=organization.id)
    db.session.delete(kept)


# --- publishing -------------------------------------------------------------------------------------------


def publish(
    post_id: int,
    *,
    actor: Actor,
    now: datetime,
    declared: bool = False,
    acknowledged: bool = False,
    revision: int | None = None,
) -> Post:
    """Show a draft to everyone and open its shifts.

    `declared`: the clerk states that it is none of the things that are not volunteering. `acknowledged`: doubtful
    wording was looked at. `revision`: what the clerk had in view. Publishing twice is publishing once.
    """
    organization = _locked_organization(post_id)
    post, shifts = _locked(post_id, actor)
    if post.state is PostState.PUBLISHED:
        return post
    _require_state(post, PostState.DRAFT)
    _require_offering(organization)
    refuse_stale(post, post.revision if revision is None else revision)
    if faults := faults_of(post, shifts, now):
        raise faults[0].refusal()
    if not declared:
        raise Refusal(_("Please state that this is volunteering and none of the things in the list."), "declared")
    _require_acknowledged(rules.doubts(post), acknowledged)
    _open(post, shifts, actor, now)
    _trace("post published", post, actor, now, declared=declared, acknowledged=acknowledged)
    return post


def faults_of(post: Post, shifts: Sequence[Shift], now: datetime) -> list[rules.Fault]:
    """Everything that keeps the post from being published now."""
    lineage, minimum = organizations.lineage(post.division_id), organizations.limit(Limit.MINIMUM_AGE_YEARS)
    return rules.faults(post, lineage, shifts, minimum, now)


def _open(post: Post, shifts: Sequence[Shift], actor: Actor, now: datetime) -> None:
    post.state, post.published_at, post.published_by_id = PostState.PUBLISHED, now, actor.account_id
    post.revision += 1
    _index(post)
    for shift in shifts:
        shift.state = ShiftState.OPEN
        shift.revision += 1


def _require_acknowledged(doubts: Sequence[Any], acknowledged: bool) -> None:
    if doubts and not acknowledged:
        raise Refusal(
            _("Please look at “%(phrase)s” again: change it, or tick that it is meant so.", phrase=doubts[0].phrase),
            "acknowledged",
        )


# --- changes of a published post: the rows themselves -----------------------------------------------------


def refuse_stale(post: Post, revision: int) -> None:
    """Refuse to overwrite what somebody else wrote since the form was opened; the post stays locked from here on."""
    db.session.refresh(post, with_for_update={"of": Post})
    if post.revision != revision:
        raise Refusal(
            _(
                "Somebody changed this meanwhile. What you typed is still here: compare it with the post as it is now, "
                "then send it again."
            ),
            "revision",
        )


def apply_change(post: Post, values: Values, now: datetime) -> None:
    """Write what a published post says from now on; `values` may hold `acknowledged` for doubtful wording."""
    _require_state(post, PostState.PUBLISHED)
    shifts = queries.standing_shifts(post.id)
    _refuse_when_over(shifts, now)
    place, known = (post.division_id, post.place), rules.doubts(post)
    _write(post, values)
    _refuse_faulty_text(post)
    _require_acknowledged([d for d in rules.doubts(post) if d not in known], values.get("acknowledged", False))
    post.revision += 1
    for shift in shifts:
        shift.revision += 1  # lists show what the post says on every shift of it
        if place != (post.division_id, post.place) and shift.starts_at > now:
            shift.moved_at = now


def _refuse_when_over(shifts: Sequence[Shift], now: datetime) -> None:
    if shifts and all(shift.ends_at <= now for shift in shifts):
        raise Refusal(_("This post is over, and what it said stays as it was. Copy it to offer it again."))


def _refuse_faulty_text(post: Post) -> None:
    lineage, minimum = organizations.lineage(post.division_id), organizations.limit(Limit.MINIMUM_AGE_YEARS)
    for fault in rules.text_faults(post, lineage, minimum):
        raise fault.refusal()


def apply_shift_change(shift: Shift, values: Values, now: datetime) -> None:
    """Write the times, places and break of an open shift; a running one keeps its start, a past one everything."""
    post = db.session.get_one(Post, shift.post_id)
    _require_open(post, shift)
    planned = {name: getattr(shift, name) for name in SHIFT_FIELDS} | values
    moved = (shift.starts_at, shift.ends_at) != (planned["starts_at"], planned["ends_at"])
    _refuse_past_times(shift, planned, now)
    _plan(shift, planned)
    shift.moved_at = now if moved else shift.moved_at
    shift.revision += 1
    post.revision += 1
    db.session.flush()
    _refuse_long_term(post.id)


def _require_open(post: Post, shift: Shift) -> None:
    _require_state(post, PostState.PUBLISHED)
    if shift.state is not ShiftState.OPEN:
        raise Refusal(_("This shift was cancelled and stays as it is. Add a new shift instead."))


def _refuse_past_times(shift: Shift, planned: Values, now: datetime) -> None:
    if shift.ends_at <= now:
        raise Barred(_("This shift is over. What happened is settled on its roster."), "reshape", "over", shift)
    begun = shift.starts_at <= now
    if begun and planned["starts_at"] != shift.starts_at:
        raise Refusal(_("This shift has begun, so its start stays. You can still change its end and places."), "day")
    if (planned["ends_at"] if begun else planned["starts_at"]) <= now:
        raise Refusal(_("Please choose a time to come."), "ends" if begun else "day")


def _refuse_long_term(post_id: int) -> None:
    shifts = queries.standing_shifts(post_id)
    if len(shifts) > rules.MOST_STANDING:
        raise Refusal(rules.too_many_in_all(), "day")
    if shifts and max(s.ends_at for s in shifts) - min(s.starts_at for s in shifts) > rules.LONGEST_TERM:
        raise Refusal(rules.too_long(), "day")


def add_shift(post_id: int, values: Values, actor: Actor, *, revision: int, now: datetime) -> Shift:
    """Offer one more shift of a published post; it may run beside the others."""
    organization = _locked_organization(post_id)
    post, _shifts = _locked(post_id, actor)
    _require_state(post, PostState.PUBLISHED)
    _require_offering(organization)
    refuse_stale(post, revision)
    if values["starts_at"] <= now:
        raise Barred(_("Please choose a time to come."), "make_up", "past", organization, "day")
    shift = Shift(post_id=post.id, state=ShiftState.OPEN, revision=1)
    _plan(shift, _planned(values))
    db.session.add(shift)
    post.revision += 1
    db.session.flush()
    _refuse_long_term(post.id)
    _trace("shift added", post, actor, now, shift_id=shift.id)
    return shift


def add_shifts(post_id: int, plan: Sequence[Values], *, now: datetime) -> list[Shift]:
    """Offer more shifts of a published post as somebody planned them; whoever calls this has asked who may plan.

    The post keeps its revision, so that no form that is open meanwhile becomes stale. The shifts come in the order
    of the plan; times that have begun are refused.
    """
    organization = _locked_organization(post_id)
    post = lock(Post, post_id)
    _require_state(post, PostState.PUBLISHED)
    _require_offering(organization)
    made = []
    for values in map(_planned, plan):
        if values["starts_at"] <= now:
            raise Refusal(_("Please choose a time to come."), "day")
        shift = Shift(post_id=post.id, state=ShiftState.OPEN, revision=1)
        _plan(shift, values)
        made.append(shift)
    db.session.add_all(made)
    db.session.flush()
    _refuse_long_term(post.id)
    return made


def mark_cancelled(row: Post | Shift, reason: str, now: datetime) -> None:
    """Write down that a post or a shift will not take place, and why."""
    if isinstance(row, Post):
        _require_state(row, PostState.PUBLISHED)
        row.state = PostState.CANCELLED
    else:
        row.state = ShiftState.CANCELLED
    row.cancelled_at, row.cancel_reason = now, reason
    row.revision += 1


# --- what the verbs above share -----------------------------------------------------------------------------


def _write(post: Post, values: Values) -> None:
    """Set the fields that were given, and what follows from them."""
    with db.session.no_autoflush:  # the rules speak before the constraints do
        for name in FIELDS:
            if name in values:
                setattr(post, name, values[name])
        _refuse_foreign_place(post)
        post.dangerous = rules.is_dangerous(post.risk_level, post.hazards)
        rules.refuse_unsound(post)
        _index(post)


def _refuse_foreign_place(post: Post) -> None:
    organization = db.session.get_one(Organization, post.organization_id)
    known = db.session.get(Division, post.division_id)
    if known is None or known.id not in queries.scope(organization):
        raise Refusal(_("Please choose a place in the area of %(name)s.", name=organization.name), "division_id")


def _index(post: Post) -> None:
    """Write down everything a search may find the post by, in one width and case."""
    organization = db.session.get_one(Organization, post.organization_id)
    around = [division.name for division in organizations.lineage(post.division_id)]
    words = [post.title, *_in_every_language(post), post.place, post.content, organization.name, *around]
    post.search_text = queries.folded(" ".join(words))


def index_again(organization_id: int, *, now: datetime) -> None:
    """The organization has another name: let its posts be found by that, on open lists at once."""
    coming = db.select(Shift).join(Shift.post).where(Post.organization_id == organization_id, Shift.starts_at > now)
    locked = coming.where(Shift.state == ShiftState.OPEN).order_by(Shift.id).with_for_update(of=Shift)
    for shift in db.session.scalars(locked):
        shift.revision += 1
    for post in db.session.scalars(db.select(Post).where(Post.organization_id == organization_id)):
        _index(post)


def _in_every_language(post: Post) -> list[str]:
    words = []
    for language in LANGUAGES:
        with speaking(language):
            words.append(str(CATEGORIES[post.category]))
    return words


def _locked_organization(post_id: int) -> Organization:
    """Who offers the post, locked before its shifts: whoever closes it comes before or after, never between."""
    return lock(Organization, db.get_or_404(Post, post_id).organization_id)


def _locked(post_id: int, actor: Actor) -> tuple[Post, list[Shift]]:
    """The post and its standing shifts in time order, all locked: shifts first, like everyone who locks both."""
    standing = db.select(Shift).where(Shift.post_id == post_id, Shift.state != ShiftState.CANCELLED)
    locked = standing.order_by(Shift.id).with_for_update(of=Shift).execution_options(populate_existing=True)
    shifts = sorted(db.session.scalars(locked), key=lambda shift: (shift.starts_at, shift.id))
    post = lock(Post, post_id)
    _require_clerk(actor, db.session.get_one(Organization, post.organization_id))
    return post, shifts


def _locked_draft(post_id: int, actor: Actor) -> tuple[Post, list[Shift]]:
    post, shifts = _locked(post_id, actor)
    _require_state(post, PostState.DRAFT)
    return post, shifts


def _require_clerk(actor: Actor, organization: Organization) -> None:
    if not actor.may(Role.CLERK, organization.path):
        raise Refusal(_("This does not exist, or it is not yours to change. Go back to your list."))


def _require_offering(organization: Organization) -> None:
    if organization.closed_at or organization.kind not in OFFERING:
        raise Refusal(_("%(name)s does not offer posts. Choose a station or a team.", name=organization.name))


def _require_state(post: Post, state: PostState) -> None:
    if post.state is state:
        return
    sentences = {
        PostState.DRAFT: _("This post is not published yet. Open it from your drafts."),
        PostState.PUBLISHED: _("This post is published already. Open it from the list to change it."),
        PostState.CANCELLED: _("This post was cancelled and stays as it is. Copy it to offer it again."),
    }
    raise Refusal(sentences[post.state])


def _trace(what: str, post: Post, actor: Actor, now: datetime, **details: Any) -> None:
    audit.note(what, post, actor_id=actor.account_id, now=now, organization_id=post.organization_id, **details)
