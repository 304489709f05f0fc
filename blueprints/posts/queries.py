"""Questions about posts and shifts. Nothing here writes."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select, true
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from blueprints.organizations import queries as organizations
from blueprints.organizations.models import OFFERING, Division, Level, Organization
from blueprints.posts.models import LONGEST, Post, PostState, Shift, ShiftState, Template
from core import clock
from core.db import db

PAGE = 20
MOST_WORDS = 8
MOST_OFFERING = 30


class Tab(StrEnum):
    """How the desk sorts its posts."""

    PUBLISHED = "published"
    DRAFTS = "drafts"
    PAST = "past"
    CANCELLED = "cancelled"


def folded(text: str) -> str:
    """One width and one case, so that searching and searched text meet on both databases."""
    return unicodedata.normalize("NFKC", text).casefold()


def matching(words: str) -> ColumnElement[bool]:
    """The condition that a post has every one of these words, parted by white space, somewhere in what it says.

    `search_text` is folded like the words, so LIKE finds the same on both databases, a single Chinese character too.
    """
    wanted = folded(words).split()[:MOST_WORDS]
    return and_(true(), *(Post.search_text.contains(word, autoescape=True) for word in wanted))


def post_within(post_id: int, paths: Iterable[str]) -> Post | None:
    """The post with its organization, division and shifts, if it belongs to one of these subtrees."""
    options = (contains_eager(Post.organization), joinedload(Post.division), selectinload(Post.shifts))
    mine = select(Post).join(Post.organization).where(Post.id == post_id, organizations.under(paths))
    return db.session.scalar(mine.options(*options))


def shift_within(shift_id: int, paths: Iterable[str]) -> Shift | None:
    """The shift with its post, and of that the organization and all shifts, if it belongs to one of these subtrees."""
    post = contains_eager(Shift.post)
    options = (post.contains_eager(Post.organization), post.selectinload(Post.shifts))
    mine = select(Shift).join(Shift.post).join(Post.organization)
    return db.session.scalar(mine.where(Shift.id == shift_id, organizations.under(paths)).options(*options))


def by_form_key(key: str) -> Post | None:
    """The post that this very form has made already."""
    return db.session.scalar(select(Post).where(Post.form_key == key))


def standing_shifts(post_id: int) -> list[Shift]:
    """The shifts of a post that are not cancelled, in time order."""
    standing = select(Shift).where(Shift.post_id == post_id, Shift.state != ShiftState.CANCELLED)
    return list(db.session.scalars(standing.order_by(Shift.starts_at, Shift.id)))


def _ahead(now: datetime) -> ColumnElement[bool]:
    """The condition that a shift is open and not over; the first bound lets the index on `starts_at` help."""
    return and_(Shift.state == ShiftState.OPEN, Shift.starts_at > now - LONGEST, Shift.ends_at > now)


def listed(paths: Iterable[str], tab: Tab, words: str, now: datetime, page: int) -> list[Post]:
    """One page of the posts of these subtrees, and one more row if there is a next page."""
    wanted = (
        select(Post)
        .join(Post.organization)
        .where(organizations.under(paths), matching(words))
        .options(contains_eager(Post.organization))
    )
    wanted = _on_tab(wanted, tab, now).offset((page - 1) * PAGE).limit(PAGE + 1)
    return list(db.session.scalars(wanted))


def _on_tab(posts: Select[Post], tab: Tab, now: datetime) -> Select[Post]:
    if tab is Tab.PUBLISHED:
        return _with_time_ahead(posts, now)
    coming = select(Shift.id).where(Shift.post_id == Post.id, _ahead(now)).exists()
    conditions = {
        Tab.DRAFTS: Post.state == PostState.DRAFT,
        Tab.PAST: and_(Post.state == PostState.PUBLISHED, ~coming),
        Tab.CANCELLED: Post.state == PostState.CANCELLED,
    }
    return posts.where(conditions[tab]).order_by(Post.id.desc())


def _with_time_ahead(posts: Select[Post], now: datetime) -> Select[Post]:
    """Those with a shift to come, the one that comes first on top."""
    first = func.min(Shift.starts_at).label("first")
    coming = select(Shift.post_id, first).where(_ahead(now)).group_by(Shift.post_id).subquery()
    published = posts.join(coming, coming.c.post_id == Post.id).where(Post.state == PostState.PUBLISHED)
    return published.order_by(coming.c.first, Post.id)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a list says of the shifts of a post; cancelled ones are left out."""

    shifts: int = 0
    places: int = 0
    next_start: datetime | None = None
    last_end: datetime | None = None


def figures(posts: Sequence[Post], now: datetime) -> dict[int, Figures]:
    """The figures of each post, read in one query."""
    standing = (
        select(
            Shift.post_id,
            func.count(),
            func.sum(Shift.places),
            func.min(case((Shift.ends_at > now, Shift.starts_at))),
            func.max(Shift.ends_at),
        )
        .where(Shift.post_id.in_([post.id for post in posts]), Shift.state != ShiftState.CANCELLED)
        .group_by(Shift.post_id)
    )
    found = {post_id: Figures(*numbers) for post_id, *numbers in db.session.execute(standing)}
    return {post.id: found.get(post.id, Figures()) for post in posts}


def offering(paths: Iterable[str], words: str = "") -> list[Organization]:
    """The organizations of these subtrees that may offer posts, the first few whose name has the words."""
    wanted = organizations.organizations_under(paths).where(Organization.kind.in_(OFFERING))
    for word in words.split()[:MOST_WORDS]:
        wanted = wanted.where(Organization.name.contains(word, autoescape=True))
    return list(db.session.scalars(wanted.limit(MOST_OFFERING)))


def scope(organization: Organization) -> range:
    """The codes of the divisions where an organization may offer posts: its county's, or for a city's all of it."""
    code = organization.division_id
    width = 10**6 if code % 10**8 else 10**8
    return range(code // width * width, code // width * width + width)


def places_for(organization: Organization) -> list[Division]:
    """The divisions to choose from in its scope, by code; a whole city is offered down to its towns only."""
    codes = scope(organization)
    levels = [Level.COUNTY, Level.TOWN, *([Level.VILLAGE] if len(codes) == 10**6 else [])]
    inside = select(Division).where(Division.id >= codes.start, Division.id < codes.stop)
    return list(db.session.scalars(inside.where(Division.level.in_(levels)).order_by(Division.id)))


def templates_of(organization_id: int) -> list[Template]:
    """What an organization keeps to start posts from, by name."""
    mine = select(Template).where(Template.organization_id == organization_id)
    return list(db.session.scalars(mine.order_by(Template.name)))


def template_within(template_id: int, paths: Iterable[str]) -> Template | None:
    """A template, if it belongs to an organization of one of these subtrees."""
    mine = select(Template).join(Organization, Organization.id == Template.organization_id)
    return db.session.scalar(mine.where(Template.id == template_id, organizations.under(paths)))


def usual_hours(shifts: Sequence[Shift]) -> dict[str, Any]:
    """The hours and places that most of these shifts have, and the weekdays on which they do; else 9 to 11."""
    spans = [(clock.local(s.starts_at), clock.local(s.ends_at), s.places) for s in shifts]
    found = Counter((_minute(start), _minute(end), places) for start, end, places in spans)
    starts, ends, places = found.most_common(1)[0][0] if found else (9 * 60, 11 * 60, 2)
    days = {start.isoweekday() for start, end, _places in spans if (_minute(start), _minute(end)) == (starts, ends)}
    return {"starts": starts, "ends": ends, "places": places, "weekdays": sorted(days)}


def _minute(local: datetime) -> int:
    """Minutes after midnight."""
    return local.hour * 60 + local.minute
