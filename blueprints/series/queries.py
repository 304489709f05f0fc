"""Questions about what repeats. Nothing here writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from blueprints.claims import board
from blueprints.claims import queries as claims
from blueprints.claims.board import Mine, Seen
from blueprints.claims.queries import Papers
from blueprints.identity.models import Volunteer
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import OFFERING, Limit, Organization
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from blueprints.series import pattern, rules
from blueprints.series.models import Occurrence, Series, SeriesState, Slot
from blueprints.series.pattern import LeftOut, Planned
from core import clock, display, workdays
from core.actor import Actor
from core.db import db
from core.i18n import _

MOST_OFFERED = 120
RECENT, SOON = timedelta(days=14), timedelta(weeks=4)
MOST_CONCERNING = 10
PAUSE = timedelta(minutes=10)  # before what failed is tried again
GRACE = timedelta(days=2)  # how long a series may stand still before the doctor says so


def series_within(series_id: int, paths: Iterable[str]) -> Series | None:
    """The series with its post, organization, hours and days off, if it belongs to one of these subtrees."""
    whole = (contains_eager(Series.post).contains_eager(Post.organization), *_PARTS)
    mine = select(Series).join(Series.post).join(Post.organization)
    return _one(mine.where(Series.id == series_id, organizations.under(paths)).options(*whole))


def _one(wanted: Select[Series]) -> Series | None:
    return db.session.scalars(wanted).unique().one_or_none()


def refresh(series: Series) -> None:
    """Read the hours and the days off anew, after they were changed."""
    mine = select(Series).where(Series.id == series.id).options(*_PARTS)
    db.session.scalars(mine.execution_options(populate_existing=True)).unique().one()


def shown(series_id: int) -> Series | None:
    """The series as everybody may see it: that of a post that was published."""
    post = joinedload(Series.post, innerjoin=True)
    whole = (post.joinedload(Post.organization, innerjoin=True), post.joinedload(Post.division), *_PARTS)
    found = _one(select(Series).where(Series.id == series_id).options(*whole))
    return found if found and found.post.state is not PostState.DRAFT else None


_PARTS = (joinedload(Series.slots), selectinload(Series.skips))


def of_post(post_id: int) -> list[Series]:
    """Every series of a post, the running ones first."""
    mine = select(Series).where(Series.post_id == post_id).options(*_PARTS)
    return sorted(db.session.scalars(mine).unique(), key=lambda one: (one.state is SeriesState.ENDED, -one.id))


def siblings(shift_id: int, now: datetime) -> tuple[int, int] | None:
    """The series that the shift belongs to, and how many of its open shifts have not begun."""
    own = select(Occurrence.series_id).where(Occurrence.shift_id == shift_id).scalar_subquery()
    made = select(Occurrence.series_id, func.count()).join(Occurrence.shift).where(Occurrence.series_id == own)
    coming = made.where(Shift.state == ShiftState.OPEN, Shift.starts_at > now).group_by(Occurrence.series_id)
    return next(((series_id, count) for series_id, count in db.session.execute(coming)), None)


def by_form_key(key: str) -> Series | None:
    """The series that this very form has made already."""
    return db.session.scalar(select(Series).where(Series.form_key == key))


def occurrences(series_id: int) -> list[Occurrence]:
    """Every shift that was made for the series, with its hours, in the order of time."""
    made = select(Occurrence).join(Occurrence.shift).where(Occurrence.series_id == series_id)
    parts = (contains_eager(Occurrence.shift), joinedload(Occurrence.slot, innerjoin=True))
    return list(db.session.scalars(made.order_by(Shift.starts_at, Shift.id).options(*parts)))


def coming_shifts(series_id: int, now: datetime) -> list[Shift]:
    """The open shifts of the series that have not begun, soonest first."""
    made = select(Shift).join(Occurrence, Occurrence.shift_id == Shift.id).where(Occurrence.series_id == series_id)
    coming = made.where(Shift.state == ShiftState.OPEN, Shift.starts_at > now)
    return list(db.session.scalars(coming.order_by(Shift.starts_at, Shift.id)))


def shifts_at(post_id: int, moments: Iterable[datetime]) -> dict[tuple[datetime, datetime], int]:
    """The shifts that the post has at these starts, whatever became of them, by start and end."""
    rows = select(Shift.id, Shift.starts_at, Shift.ends_at).where(Shift.post_id == post_id)
    found = db.session.execute(rows.where(Shift.starts_at.in_(list(moments))).order_by(Shift.id.desc()))
    return {(starts_at, ends_at): id for id, starts_at, ends_at in found}


def in_series(shift_ids: Iterable[int]) -> set[int]:
    """Which of these shifts were made for a series, whichever."""
    return set(db.session.scalars(select(Occurrence.shift_id).where(Occurrence.shift_id.in_(list(shift_ids)))))


# --- what is planned ----------------------------------------------------------------------------------------


def horizon(series: Series, today: date) -> date:
    """The last day for which shifts are made now: so many weeks ahead as the city has set."""
    return min(series.until_day, today + timedelta(weeks=organizations.limit(Limit.SERIES_WEEKS)))


def planned(series: Series, first: date, last: date) -> list[Planned]:
    """What the series hits between these days, with what the calendar says of each."""
    slots = {slot.id: slot for slot in series.slots}
    skips = [(slots[skip.slot_id], skip.day) for skip in series.skips]
    return pattern.plan(series, series.slots, skips, workdays.calendar(), first, last)


class Mark(StrEnum):
    """What a change of the rhythm would do to a date."""

    NEW = "new"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class Entry:
    """One date of a series as its page shows it: a shift that was made, or one that is to come."""

    slot: Slot
    day: date
    starts_at: datetime
    ends_at: datetime
    shift: Shift | None = None
    special: str = ""
    left_out: LeftOut | None = None
    mark: Mark | None = None
    row: int = 0  # which hours of a form it comes from

    @property
    def month(self) -> date:
        """The first day of its month, to sort by."""
        return self.day.replace(day=1)

    @property
    def is_moved(self) -> bool:
        """Whether a clerk gave the shift other times than the rhythm says."""
        return self.shift is not None and (self.starts_at, self.ends_at) != pattern.moments(self.slot, self.day)


def entries(series: Series, now: datetime) -> list[Entry]:
    """Every shift that was made, and every date to come, in the order of time."""
    made = occurrences(series.id)
    known = {(one.day, one.slot_id) for one in made}
    days = workdays.calendar()
    found = [_made(one, (days.special(one.day) or (None, ""))[1]) for one in made]
    ahead = planned(series, clock.today(now), series.until_day) if series.state is SeriesState.RUNNING else []
    found += [_to_come(hit) for hit in ahead if (hit.day, hit.slot.id) not in known and hit.starts_at > now]
    return sorted(found, key=lambda entry: (entry.starts_at, entry.slot.id))


def _made(one: Occurrence, special: str) -> Entry:
    return Entry(one.slot, one.day, one.shift.starts_at, one.shift.ends_at, one.shift, special)


def _to_come(hit: Planned) -> Entry:
    return Entry(hit.slot, hit.day, hit.starts_at, hit.ends_at, None, hit.special, hit.left_out)


def unknown_years(first: date, last: date) -> list[int]:
    """The years between whose holidays nobody has entered, so that a preview cannot mark them."""
    days = workdays.calendar()
    return [year for year in range(first.year, last.year + 1) if not days.knows(year)]


# --- what stands still --------------------------------------------------------------------------------------


def due_ids(now: datetime, *, most: int = 100) -> list[int]:
    """The series for which shifts can be made now, those that were never made first."""
    today = clock.today(now)
    rested = or_(Series.failed_at.is_(None), Series.failed_at <= now - PAUSE)
    due = _due(today, today).where(rested).order_by(Series.made_until, Series.id)
    return list(db.session.scalars(due.limit(most)))


def _due(today: date, reached: date) -> Select[int]:
    """Running series of published posts whose shifts are not made up to so many weeks after a day."""
    last = reached + timedelta(weeks=organizations.limit(Limit.SERIES_WEEKS))
    behind = or_(
        Series.made_until.is_(None),
        and_(Series.made_until < Series.until_day, Series.made_until < last),
    )
    running = select(Series.id).join(Post, Post.id == Series.post_id)
    running = running.join(Organization, Organization.id == Post.organization_id)
    running = running.where(Series.state == SeriesState.RUNNING, Series.until_day >= today, behind)
    return running.where(Post.state == PostState.PUBLISHED, Organization.closed_at.is_(None))


def stalled_ids(now: datetime) -> list[int]:
    """Series that should have shifts by now and have not: something went wrong, or nobody works."""
    today = clock.today(now)
    return list(db.session.scalars(_due(today, today - GRACE).order_by(Series.id)))


def halted_because(series: Series, now: datetime) -> str | None:
    """Why no shifts are made of the series any more, as a sentence that says what to do; None while all is well."""
    post, organization = series.post, series.post.organization
    if series.state is SeriesState.ENDED:
        return _("A clerk ended this series, so no further dates follow.")
    if post.state is not PostState.PUBLISHED:
        return _("The post was cancelled, so no further dates follow. Copy it to offer it again.")
    if organization.closed_at or organization.kind not in OFFERING:
        return _("%(name)s is closed, so no further dates follow.", name=organization.name)
    if series.until_day < clock.today(now):
        return _("The series is over. Copy the post to let it go on for another year.")
    if series.failed_at:
        return _("Making the next dates failed. The server tries again by itself; tell your office if this stays.")
    return None


def concerning(paths: Iterable[str], now: datetime) -> list[tuple[Series, str]]:
    """What the clerks of these subtrees should look at, each with its sentence: series that stand still, and those
    whose last date is near or has just passed. Nothing that repeats falls silent without a word."""
    today, soon = clock.today(now), Series.until_day.between(clock.today(now) - RECENT, clock.today(now) + SOON)
    reached = today - GRACE + timedelta(weeks=organizations.limit(Limit.SERIES_WEEKS))
    still = and_(Series.until_day >= today, Series.made_until < Series.until_day, Series.made_until < reached)
    mine = select(Series).join(Series.post).join(Post.organization).where(organizations.under(paths))
    mine = mine.where(Series.state == SeriesState.RUNNING, Post.state == PostState.PUBLISHED)
    mine = mine.where(or_(Series.failed_at.is_not(None), soon, still)).order_by(Series.until_day, Series.id)
    whole = contains_eager(Series.post).contains_eager(Post.organization)
    found = db.session.scalars(mine.options(whole).limit(MOST_CONCERNING))
    return [(series, halted_because(series, now) or _worry(series, today)) for series in found]


def _worry(series: Series, today: date) -> str:
    if series.until_day <= today + SOON:
        return _("The last date is %(day)s. Think of what comes after it.", day=display.full_date(series.until_day))
    return _("No new dates were made for some days. Tell your office: the worker may be standing still.")


def ends_soon(series: Series, now: datetime) -> bool:
    """Whether the last dates are offered already, so that somebody should think of what comes after."""
    running = series.state is SeriesState.RUNNING and series.until_day >= clock.today(now)
    return running and series.until_day <= clock.today(now) + SOON


def standing_slots(series: Series) -> list[Slot]:
    """The hours of the rhythm that hold up to the end of the series."""
    last = max((slot.until_day for slot in series.slots if not slot.single and slot.weekdays), default=None)
    return [slot for slot in series.slots if not slot.single and slot.weekdays and slot.until_day == last]


def entry(series: Series, slot_id: int, day: date, now: datetime) -> Entry | None:
    """One date of the series by its hours and its day, if it is one."""
    return next((one for one in entries(series, now) if (one.slot.id, one.day) == (slot_id, day)), None)


def nearest(series: Series, slot_id: int, day: date, now: datetime) -> Entry | None:
    """That date, or what stands closest to it after somebody changed the rhythm."""
    found = entries(series, now)
    return min(found, key=lambda one: (abs(one.day - day), one.slot.id != slot_id), default=None)


def coming(series: Series, now: datetime) -> list[Occurrence]:
    """The dates whose shifts are open and have not begun."""
    made = occurrences(series.id)
    return [one for one in made if one.shift.state is ShiftState.OPEN and one.shift.starts_at > now]


# --- before it is saved -------------------------------------------------------------------------------------


def rows_of(shifts: Sequence[Shift]) -> list[dict[str, Any]]:
    """The weekdays that shifts of a post fall on, under the same hours: what a new series begins with."""
    found: dict[tuple[Any, ...], set[int]] = {}
    for shift in shifts:
        start, end = clock.local(shift.starts_at), clock.local(shift.ends_at)
        if shift.state is ShiftState.OPEN:
            key = (start.time(), end.time(), shift.places, shift.break_minutes)
            found.setdefault(key, set()).add(start.isoweekday())
    names = ("starts", "ends", "places", "break_minutes")
    rows = [dict(zip(names, key, strict=True)) | {"weekdays": sorted(days)} for key, days in found.items()]
    return rows[: rules.MOST_ROWS]


def preview(values: dict[str, Any], rows: Sequence[dict[str, Any]], skips: Iterable[Any], now: datetime) -> list[Entry]:
    """The dates that a new series would have; refuses what cannot be."""
    series, slots = rules.sketch(values, rows)
    rules.refuse_unsound(series, slots, now)
    left_out = [(slots[skip["row"]], skip["day"]) for skip in skips]
    hits = pattern.plan(series, slots, left_out, workdays.calendar(), series.from_day, series.until_day)
    numbers = {id(slot): number for number, slot in enumerate(slots)}
    return [replace(_to_come(hit), row=numbers[id(hit.slot)]) for hit in hits if hit.starts_at > now]


def preview_revision(
    series: Series, values: dict[str, Any], rows: Sequence[dict[str, Any]], now: datetime
) -> list[Entry]:
    """What another rhythm would do to each date to come; refuses what cannot be."""
    start = max(values["start"], series.from_day, clock.today(now))
    wanted, slots = rules.sketch(values | {"from_day": series.from_day, "start": start}, rows)
    rules.refuse_unsound_rhythm(wanted, slots)
    heirs = {row["slot_id"]: slot for row, slot in zip(rows, slots, strict=True) if row.get("slot_id")}
    skips = [(heirs[skip.slot_id], skip.day) for skip in series.skips if skip.slot_id in heirs]
    plan = pattern.plan(wanted, slots, skips, workdays.calendar(), start, wanted.until_day)
    hits = {(id(hit.slot), hit.day): hit for hit in plan if hit.starts_at > now}
    made = [one for one in occurrences(series.id) if one.day >= start and not one.slot.single]
    kept = [_what_becomes(one, hits.pop((id(heirs.get(one.slot_id)), one.day), None), now) for one in made]
    known = {(hit.starts_at, hit.ends_at) for hit in planned(series, start, series.until_day) if not hit.left_out}
    found = [entry for entry in kept if entry] + [_to_be(hit, known) for hit in hits.values()]
    return sorted(found, key=lambda entry: entry.starts_at)


def _what_becomes(one: Occurrence, hit: Planned | None, now: datetime) -> Entry | None:
    shift = one.shift
    if shift.state is not ShiftState.OPEN or shift.starts_at <= now:
        return None
    if hit is None or hit.left_out:
        return Entry(one.slot, one.day, shift.starts_at, shift.ends_at, shift, mark=Mark.CANCELLED)
    by_hand = (shift.starts_at, shift.ends_at) != pattern.moments(one.slot, one.day)
    wanted = (hit.starts_at, hit.ends_at, hit.slot.places, hit.slot.break_minutes)
    if by_hand or wanted == (shift.starts_at, shift.ends_at, shift.places, shift.break_minutes):
        return Entry(one.slot, one.day, shift.starts_at, shift.ends_at, shift, hit.special, mark=Mark.STAYS)
    return Entry(one.slot, one.day, hit.starts_at, hit.ends_at, shift, hit.special, mark=Mark.CHANGED)


def _to_be(hit: Planned, known: set[tuple[datetime, datetime]]) -> Entry:
    """A date without a shift: it was planned already, or it is new."""
    mark = Mark.STAYS if (hit.starts_at, hit.ends_at) in known else Mark.NEW
    return replace(_to_come(hit), mark=None if hit.left_out else mark)


# --- for volunteers -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offered:
    """One date that can be claimed, or is claimed by the viewer, or cannot be and why not."""

    seen: Seen
    mine: Mine | None
    why_not: str | None

    @property
    def shift(self) -> Shift:
        return self.seen.shift


def offered(series: Series, viewer: Actor | None, now: datetime) -> list[Offered]:
    """The dates to come as the viewer may claim them, soonest first."""
    shifts = coming_shifts(series.id, now)[:MOST_OFFERED]
    ids = [shift.id for shift in shifts]
    seen, volunteer_id = board.seen(ids), viewer.volunteer_id if viewer else None
    mine = board.mine(volunteer_id, ids)
    others = [shift for shift in shifts if shift.id not in mine]
    why_not = _why_not(others, series.post, volunteer_id, now) if viewer else {}
    return [Offered(seen[id], mine.get(id), why_not.get(id)) for id in ids]


def _why_not(shifts: Sequence[Shift], post: Post, volunteer_id: int | None, now: datetime) -> dict[int, str]:
    """Why each date cannot be claimed. Nothing but the age and other shifts makes a difference between dates."""
    me = claims.with_papers(select(Volunteer).where(Volunteer.id == volunteer_id), post)
    volunteer, *papers = db.session.execute(me).first() or (None,)
    if volunteer is None:
        return {shift.id: _("Please register as a volunteer first.") for shift in shifts}
    by_age: dict[int, str | None] = {}
    found = claims.busy_because(shifts, volunteer.id)
    for shift in shifts:
        age = volunteer.age(shift.starts_at)
        if age not in by_age:
            by_age[age] = claims.unfit_at_any_time(shift, post, volunteer, Papers(*papers))
        if sentence := claims.closed_because(shift, post, now) or by_age[age]:
            found[shift.id] = sentence
    return found


# --- a month after another ----------------------------------------------------------------------------------

MOST_COPIED = 150


def month_after(first: date) -> date:
    """The first day of the next month."""
    return (first.replace(day=28) + 4 * clock.DAY).replace(day=1)


def months_before(today: date, count: int) -> list[date]:
    """The first days of this month and of those before it, the newest first."""
    months = [today.replace(day=1)]
    while len(months) < count:
        months.append((months[-1] - clock.DAY).replace(day=1))
    return months


@dataclass(frozen=True, slots=True)
class Proposal:
    """A shift of the month to come: the same weekday, counted from the beginning of the month, and the same hours."""

    shift: Shift
    day: date
    take: bool

    def data(self) -> dict[str, Any]:
        """The row of the form."""
        start, end = clock.local(self.shift.starts_at), clock.local(self.shift.ends_at)
        numbers = {"places": self.shift.places, "break_minutes": self.shift.break_minutes, "source": self.shift.id}
        return {"take": self.take, "day": self.day, "starts": start.time(), "ends": end.time(), **numbers}


Offers = set[tuple[int, datetime]]  # posts, each with a start


def copied_month(
    organization: Organization, post: Post | None, month: date, now: datetime, there: Offers | None = None
) -> list[Proposal]:
    """The month after, as this one was. What is a holiday, is past or is `there` already is proposed unticked.

    A fifth weekday that the month does not have is left out, and so is what a series goes on to make by itself.
    """
    target, days = month_after(month), workdays.calendar()
    shifts = _shifts_of_month(organization, post, month)
    dated = [(shift, _same_weekday(clock.today(shift.starts_at), target)) for shift in shifts]
    there = offered_in(organization, target) if there is None else there
    found = []
    for shift, day in ((shift, day) for shift, day in dated if day):
        starts_at = clock.at(day, clock.local(shift.starts_at).time())
        special = days.special(day)
        holiday = special is not None and special[0] is workdays.DayKind.HOLIDAY
        known = (shift.post_id, starts_at) in there
        found.append(Proposal(shift, day, not holiday and not known and starts_at > now))
    return sorted(found, key=lambda one: (one.day, one.shift.starts_at.time(), one.shift.id))


def _shifts_of_month(organization: Organization, post: Post | None, month: date) -> list[Shift]:
    first, last = clock.day_span(month)[0], clock.day_span(month_after(month))[0]
    mine = select(Shift).join(Shift.post).where(Post.organization_id == organization.id)
    mine = mine.where(Shift.state == ShiftState.OPEN, Post.state == PostState.PUBLISHED)
    mine = mine.where(Shift.starts_at >= first, Shift.starts_at < last)
    last_day = month_after(month_after(month)) - clock.DAY
    goes_on = select(Occurrence.id).join(Series, Series.id == Occurrence.series_id)
    goes_on = goes_on.where(Series.state == SeriesState.RUNNING, Series.until_day >= last_day)
    mine = mine.where(~goes_on.where(Occurrence.shift_id == Shift.id).exists())
    if post:
        mine = mine.where(Shift.post_id == post.id)
    return list(db.session.scalars(mine.order_by(Shift.starts_at, Shift.id).options(contains_eager(Shift.post))))


def offered_in(organization: Organization, target: date) -> Offers:
    """What the organization offers in a month already, whatever became of it."""
    first, last = clock.day_span(target)[0], clock.day_span(month_after(target))[0]
    mine = select(Shift.post_id, Shift.starts_at).join(Post).where(Post.organization_id == organization.id)
    rows = db.session.execute(mine.where(Shift.starts_at >= first, Shift.starts_at < last))
    return {(post_id, starts_at) for post_id, starts_at in rows}


def by_the_wall(there: Offers) -> Offers:
    """The same, as a form says it: by the clock on the wall, without a zone."""
    return {(id, clock.local(moment).replace(tzinfo=None)) for id, moment in there}


def _same_weekday(day: date, target: date) -> date | None:
    """The n-th such weekday of the target month, if it has that many."""
    first = target + (day.weekday() - target.weekday()) % 7 * clock.DAY
    found = first + timedelta(weeks=(day.day - 1) // 7)
    return found if found.month == target.month else None


def month_sources(organization: Organization, shift_ids: Iterable[int | None]) -> dict[int, Shift]:
    """The shifts that rows of the form were proposed after, with their posts, as far as they are the organization's."""
    ids = [id for id in shift_ids if id]
    mine = select(Shift).join(Shift.post).where(Shift.id.in_(ids), Post.organization_id == organization.id)
    found = db.session.scalars(mine.options(contains_eager(Shift.post)))
    return {shift.id: shift for shift in found}


def day_notes(days: Iterable[date]) -> dict[date, str]:
    """What the calendar says of each day that is special."""
    known = workdays.calendar()
    return {day: special[1] for day in days if (special := known.special(day))}
