"""What can happen to a series. Locks are taken in one order: the series, its organization, its shifts by id with
everybody on them, the post; so two clerks, two workers and a crowd that claims never wait in a circle.

Shifts are made, changed and cancelled only by the verbs of posts and claims, with all their rules.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from blueprints.claims import actions as claims
from blueprints.claims import queries as claimed
from blueprints.claims.models import LIVE_STATES, Claim, ClaimState
from blueprints.organizations.models import Organization
from blueprints.posts import actions as posts
from blueprints.posts import rules
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from blueprints.series import pattern, queries
from blueprints.series import rules as plans
from blueprints.series.models import Occurrence, Series, SeriesState, Skip, Slot
from blueprints.series.pattern import Planned
from blueprints.series.queries import Entry
from core import audit, clock, display
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Refusal, is_said

Values = dict[str, Any]
Key = tuple[int, date]  # the id of the hours, and the day: what a date of a series is known by


class Scope(StrEnum):
    """How far a change of one date reaches; what is past never changes."""

    THIS = "this"
    FOLLOWING = "following"
    ALL = "all"


@dataclass(slots=True)
class Outcome:
    """What became of a change: shifts made, changed and cancelled, dates that a clerk had moved by hand and that
    stay, and how many claims were touched."""

    made: int = 0
    changed: int = 0
    cancelled: int = 0
    kept: int = 0
    told: int = 0


@dataclass(frozen=True, slots=True)
class By:
    """Who changes something, why, and when."""

    actor: Actor
    reason: str
    now: datetime


# --- a new series -------------------------------------------------------------------------------------------


def create(
    post_id: int, values: Values, rows: Sequence[Values], actor: Actor, now: datetime, skips: Iterable[Values] = ()
) -> tuple[Series, Outcome]:
    """Let a published post repeat, and make the shifts of the next weeks.

    `values`: rhythm, every, ordinal, from_day, until_day, holidays, form_key. `rows`: weekdays, starts and ends in
    minutes after midnight, places, break_minutes. `skips`: row and day to leave out. A form sent twice makes one.
    """
    post = db.get_or_404(Post, post_id)
    organization = lock(Organization, post.organization_id)  # so that a form sent twice is served one after the other
    _require_clerk(actor, organization)
    key = values.get("form_key")
    if made := queries.by_form_key(key) if key else None:
        return made, Outcome()
    if post.state is not PostState.PUBLISHED:
        raise Refusal(_("Only a published post can repeat. Publish it first."))
    series, slots = plans.sketch(values, rows)
    plans.refuse_unsound(series, slots, now)
    series.post_id, series.created_at, series.created_by_id, series.form_key = post.id, now, actor.account_id, key
    series.state, series.revision = SeriesState.RUNNING, 1
    db.session.add(series)
    db.session.flush()
    db.session.add_all(
        Skip(series_id=series.id, slot_id=slots[skip["row"]].id, day=skip["day"]) for skip in skips if skip
    )
    _refuse_empty(series, now)
    outcome = Outcome(made=_make(series, now))
    _trace("series made", series, actor, organization, now)
    return series, outcome


def _refuse_empty(series: Series, now: datetime) -> None:
    """Refuse a rhythm that never hits a day; what holidays leave out counts as none."""
    queries.refresh(series)
    ahead = queries.planned(series, clock.today(now), series.until_day)
    if not any(hit.left_out is None and hit.starts_at > now for hit in ahead):
        raise Refusal(_("No date falls between these days. Choose more weekdays or a later end."), "until_day")
    if len(ahead) > rules.MOST_STANDING:
        raise Refusal(rules.too_many_in_all(), "rows")


# --- making the shifts --------------------------------------------------------------------------------------


def generate(series_id: int, *, now: datetime) -> int:
    """Make the shifts of the next weeks that are not there yet; returns how many. Doing it twice is doing it once."""
    series = lock(Series, series_id)
    return _make(series, now) if series.state is SeriesState.RUNNING else 0


def note_failure(series_id: int, *, now: datetime) -> None:
    """Making the shifts of a series went wrong; its page and the doctor say so until it works again."""
    lock(Series, series_id).failed_at = now


def _make(series: Series, now: datetime) -> int:
    """Whatever the rhythm hits up to the horizon and was never made. A shift of the post that stands at just these
    hours, even a cancelled one, is taken for the date's: it was made by hand before."""
    post = db.session.get_one(Post, series.post_id)
    lock(Organization, post.organization_id)  # whoever adds shifts to the post comes before or after
    queries.refresh(series)
    last = queries.horizon(series, clock.today(now))
    missing = _missing(series, last, now)
    there = queries.shifts_at(series.post_id, [hit.starts_at for hit in missing])
    fresh = [hit for hit in missing if (hit.starts_at, hit.ends_at) not in there]
    made = posts.add_shifts(series.post_id, [_planned(hit) for hit in fresh], now=now) if fresh else []
    taken = queries.in_series(there.values())
    adopted = [(hit, there.get((hit.starts_at, hit.ends_at))) for hit in missing]
    pairs = [(hit, id) for hit, id in adopted if id and id not in taken]
    pairs += [(hit, shift.id) for hit, shift in zip(fresh, made, strict=True)]
    _remember(series, pairs)
    series.made_until, series.failed_at = last, None
    db.session.flush()
    return len(made)


def _missing(series: Series, last: date, now: datetime) -> list[Planned]:
    made = db.session.execute(db.select(Occurrence.day, Occurrence.slot_id).where(Occurrence.series_id == series.id))
    known = set(map(tuple, made))
    ahead = queries.planned(series, clock.today(now), last)
    return [hit for hit in ahead if not hit.left_out and hit.starts_at > now and (hit.day, hit.slot.id) not in known]


def _planned(hit: Planned) -> Values:
    return {"starts_at": hit.starts_at, "ends_at": hit.ends_at, **plans.numbers_of(hit.slot)}


def _remember(series: Series, pairs: Iterable[tuple[Planned, int]]) -> None:
    """Write down which shift is whose; two hits at the same hours share none."""
    used: set[int] = set()
    for hit, shift_id in pairs:
        if shift_id not in used:
            db.session.add(Occurrence(series_id=series.id, slot_id=hit.slot.id, day=hit.day, shift_id=shift_id))
        used.add(shift_id)
    db.session.flush()


# --- changing what is to come -------------------------------------------------------------------------------


def change_date(
    series_id: int, key: Key, scope: Scope, values: Values, actor: Actor, *, revision: int, reason: str, now: datetime
) -> Outcome:
    """Give other hours, places or another break to one date, to it and all that follow, or to all still to come.

    `values` holds starts, ends, places, break_minutes as a row does; for one date also its `day`.
    """
    series, post = _locked(series_id, actor, revision)
    entry, by = _entry(series, key, now), By(actor, reason, now)
    if scope is Scope.THIS:
        outcome = _change_one(series, post, entry, values, by)
    else:
        times = {name: values[name] for name in plans.TIMES}
        rows = [row | (times if row["slot_id"] == entry.slot.id else {}) for row in _rows(series)]
        _require_rhythm(entry)
        start = entry.day if scope is Scope.FOLLOWING else clock.today(now)
        outcome = _replan(series, rows, start, by)
    return _changed(series, outcome, by)


def _change_one(series: Series, post: Post, entry: Entry, values: Values, by: By) -> Outcome:
    if entry.shift:
        single = plans.slot_of(values | {"weekdays": []}, values["day"], values["day"])
        starts_at, ends_at = pattern.moments(single, values["day"])
        planned = {"starts_at": starts_at, "ends_at": ends_at, **plans.numbers_of(single)}
        claims.lock_shifts([entry.shift.id])
        told = _live_count([entry.shift.id])
        claims.change_shift(entry.shift.id, planned, by.actor, revision=post.revision, reason=by.reason, now=by.now)
        return Outcome(changed=1, told=told)
    _skip(series, entry)
    return Outcome(made=_add_single(series, values, by.now), changed=1)


def add_date(series_id: int, values: Values, actor: Actor, *, revision: int, now: datetime) -> Outcome:
    """Let the series take place on one more day; `values` holds day, starts, ends, places, break_minutes."""
    series, post = _locked(series_id, actor, revision)
    outcome = Outcome(made=_add_single(series, values, now))
    _trace("date added", series, actor, post.organization_id, now, after=str(values["day"]))
    series.revision += 1
    return outcome


def _add_single(series: Series, values: Values, now: datetime) -> int:
    day = values["day"]
    single = plans.slot_of(values | {"weekdays": []}, day, day)
    single.single, single.series_id = True, series.id
    starts_at, ends_at = pattern.moments(single, day)
    if starts_at <= now:
        raise Refusal(_("Please choose a time to come."), "day")
    if not series.from_day <= day <= series.until_day:
        first, last = display.full_date(series.from_day), display.full_date(series.until_day)
        raise Refusal(
            _("Please choose a day of the series, from %(first)s to %(last)s.", first=first, last=last), "day"
        )
    rules.refuse_unsound_shift({**plans.numbers_of(single), "starts_at": starts_at, "ends_at": ends_at})
    _refuse_taken(series, starts_at, ends_at, now)
    db.session.add(single)
    db.session.flush()
    return _make(series, now)


def _refuse_taken(series: Series, starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    queries.refresh(series)
    if any((e.starts_at, e.ends_at) == (starts_at, ends_at) and not e.left_out for e in queries.entries(series, now)):
        raise Refusal(_("The series takes place at that time already. Offer more places there instead."), "day")


def cancel_date(
    series_id: int, key: Key, scope: Scope, actor: Actor, *, revision: int, reason: str, now: datetime
) -> Outcome:
    """Call off one date, it and all that follow, or all still to come; everybody who claimed is told why."""
    series, post = _locked(series_id, actor, revision)
    entry, by = _entry(series, key, now), By(actor, reason, now)
    if not is_said(reason):
        raise Refusal(_("Please say why: everyone who claimed is told."), "reason")
    if scope is Scope.THIS:
        return _changed(series, _cancel_one(series, entry, by), by)
    start = entry.day if scope is Scope.FOLLOWING else clock.today(now)
    outcome = _call_off(_coming(series, start, now), by)
    _end(series, start, reason, now)
    series.revision += 1
    _trace("series ended", series, actor, post.organization_id, now, reason=reason)
    return outcome


def _cancel_one(series: Series, entry: Entry, by: By) -> Outcome:
    if entry.shift:
        told = _live_count([entry.shift.id])
        claims.cancel_shift(entry.shift.id, by.actor, reason=by.reason, now=by.now)
        return Outcome(cancelled=1, told=told)
    _skip(series, entry)
    return Outcome(cancelled=1)


def _skip(series: Series, entry: Entry) -> None:
    """Leave a date out before its shift is made."""
    if entry.slot.single:
        _silence(db.session.get_one(Slot, entry.slot.id), entry.day)
    else:
        db.session.add(Skip(series_id=series.id, slot_id=entry.slot.id, day=entry.day))
    db.session.flush()


def _end(series: Series, start: date, reason: str, now: datetime) -> None:
    """Let nothing follow from a day on."""
    for slot in db.session.scalars(db.select(Slot).where(Slot.series_id == series.id, Slot.until_day >= start)).all():
        _silence(slot, start)
    if start > clock.today(now) and start > series.from_day:
        series.until_day = start - clock.DAY
        series.made_until = min(series.made_until or series.until_day, series.until_day)
    else:
        series.state, series.ended_at, series.end_reason = SeriesState.ENDED, now, reason


def _silence(slot: Slot, start: date) -> None:
    """Let the slot hold no more from a day on; its row stays for the shifts that were made."""
    if slot.from_day < start:
        slot.until_day = start - clock.DAY
    else:
        slot.weekdays, slot.single = [], False


def revise(
    series_id: int, values: Values, rows: Sequence[Values], actor: Actor, *, revision: int, reason: str, now: datetime
) -> Outcome:
    """Change the rhythm itself from the day `values["start"]` on, and with it every shift to come that it made.

    A date that the new rhythm hits keeps its shift and its people, with its new hours; one that it does not hit any
    more is cancelled with the reason. Rows carry the `slot_id` of the row they were.
    """
    series, _post = _locked(series_id, actor, revision)
    by = By(actor, reason, now)
    values = values | {"from_day": series.from_day, "start": max(values["start"], series.from_day)}
    wanted, slots = plans.sketch(values, rows)
    plans.refuse_unsound_rhythm(wanted, slots)
    for name in ("rhythm", "every", "ordinal", "until_day", "holidays"):
        setattr(series, name, getattr(wanted, name))
    outcome = _replan(series, rows, values["start"], by)
    _refuse_empty(series, now)
    return _changed(series, outcome, by)


def _rows(series: Series) -> list[Values]:
    """The hours that hold to the end, as a form sends them."""
    return [
        {"slot_id": slot.id, "weekdays": slot.weekdays, **{name: getattr(slot, name) for name in plans.TIMES}}
        for slot in queries.standing_slots(series)
    ]


def _replan(series: Series, rows: Sequence[Values], start: date, by: By) -> Outcome:
    """Put new hours in the place of the old ones from a day on, and bring the shifts that were made in line."""
    now = by.now
    start = max(start, clock.today(now))
    queries.refresh(series)
    old = {slot.id: slot for slot in series.slots if not slot.single and slot.weekdays and slot.until_day >= start}
    coming = [made for made in _coming(series, start, now) if made.slot_id in old]
    before = {(made.slot_id, made.day): pattern.moments(old[made.slot_id], made.day) for made in coming}
    heirs = _heirs(series, old, rows, start, now)
    hits = _hits(series, start)
    stays = [made for made in coming if (heirs[made.slot_id], made.day) in hits]
    plan = [(made, *before[made.slot_id, made.day], _planned(hits[heirs[made.slot_id], made.day])) for made in stays]
    gone = [made for made in coming if made not in stays]
    outcome = _call_off(gone, by)
    for made, *times, wanted in plan:
        _bring_in_line(made, tuple(times), wanted, by, outcome)
    _hand_on(series, heirs)
    outcome.made = _make(series, now)
    return outcome


def _heirs(
    series: Series, old: dict[int, Slot], rows: Sequence[Values], start: date, now: datetime
) -> dict[int, int | None]:
    """End the old hours and begin the new ones; returns which new row follows which old one, if any."""
    heirs: dict[int, int | None] = dict.fromkeys(old)
    for row in rows:
        before = old.get(row.get("slot_id") or 0)
        if before is None:
            _add_slot(series, row, start)
        elif _says(before, row):
            before.until_day, heirs[before.id] = series.until_day, before.id
        else:
            heirs[before.id] = _add_slot(series, row, max(start, _after_begun(before, now))).id
    for id, heir in heirs.items():
        if heir != id:
            begin = db.session.get_one(Slot, heir).from_day if heir else max(start, _after_begun(old[id], now))
            _silence(old[id], begin)
    db.session.flush()
    return heirs


def _says(slot: Slot, row: Values) -> bool:
    same = all(getattr(slot, name) == row[name] for name in plans.TIMES)
    return same and slot.weekdays == sorted(set(row["weekdays"]))


def _add_slot(series: Series, row: Values, start: date) -> Slot:
    slot = plans.slot_of(row, min(start, series.until_day), series.until_day)
    slot.series_id = series.id
    db.session.add(slot)
    db.session.flush()
    return slot


def _after_begun(slot: Slot, now: datetime) -> date:
    """The first day for which no shift of these hours has begun."""
    begun = db.select(db.func.max(Occurrence.day)).join(Shift, Shift.id == Occurrence.shift_id)
    last: date | None = db.session.scalar(begun.where(Occurrence.slot_id == slot.id, Shift.starts_at <= now))
    return last + clock.DAY if last else slot.from_day


def _hits(series: Series, start: date) -> dict[tuple[int | None, date], Planned]:
    """What the rhythm hits from a day on, by hours and day."""
    queries.refresh(series)
    ahead = queries.planned(series, start, series.until_day)
    return {(hit.slot.id, hit.day): hit for hit in ahead if hit.left_out is None}


def _coming(series: Series, start: date, now: datetime) -> list[Occurrence]:
    """The dates from a day on whose shifts are open and have not begun, all locked with everybody on them."""
    ids = [shift.id for shift in queries.coming_shifts(series.id, now)]
    open_ids = {s.id for s in claims.lock_shifts(ids) if s.state is ShiftState.OPEN and s.starts_at > now}
    made = db.select(Occurrence).where(Occurrence.series_id == series.id, Occurrence.day >= start)
    return [one for one in db.session.scalars(made.order_by(Occurrence.shift_id)) if one.shift_id in open_ids]


def _call_off(dates: Iterable[Occurrence], by: By) -> Outcome:
    outcome = Outcome()
    for made in dates:
        outcome.told += _live_count([made.shift_id])
        _naming(made, lambda id=made.shift_id: claims.cancel_shift(id, by.actor, reason=by.reason, now=by.now))  # type: ignore[misc]
        outcome.cancelled += 1
    return outcome


def _bring_in_line(made: Occurrence, before: tuple[Any, ...], wanted: Values, by: By, outcome: Outcome) -> None:
    """Give a shift the hours that its date has now; one that a clerk gave other times before keeps them."""
    shift = db.session.get_one(Shift, made.shift_id)
    if (shift.starts_at, shift.ends_at) != before:
        outcome.kept += 1
        return
    if all(getattr(shift, name) == value for name, value in wanted.items()):
        return
    told = ("starts_at", "ends_at", "break_minutes")
    outcome.told += _live_count([shift.id]) if any(getattr(shift, name) != wanted[name] for name in told) else 0
    revision = db.session.get_one(Post, shift.post_id).revision
    _naming(
        made, lambda: claims.change_shift(shift.id, wanted, by.actor, revision=revision, reason=by.reason, now=by.now)
    )
    outcome.changed += 1


def _naming(made: Occurrence, act: Callable[[], object]) -> None:
    """Say on which of many dates a rule said no."""
    day = made.day
    try:
        act()
    except Refusal as refusal:
        raise Refusal(f"{display.day(day)}: {refusal}", refusal.field) from refusal


def _hand_on(series: Series, heirs: dict[int, int | None]) -> None:
    """Let the new hours know what was made or left out under the old ones, so that it is not made again."""
    for old, heir in heirs.items():
        if heir and heir != old:
            begin = db.session.get_one(Slot, heir).from_day
            for kind in (Occurrence, Skip):
                rows = db.update(kind).where(kind.series_id == series.id, kind.slot_id == old, kind.day >= begin)
                db.session.execute(rows.values(slot_id=heir))
    db.session.expire_all()


def _live_count(shift_ids: Sequence[int]) -> int:
    """How many people claim these shifts."""
    live = db.select(db.func.count()).where(Claim.shift_id.in_(shift_ids), Claim.state.in_(LIVE_STATES))
    return db.session.scalar(live) or 0


def _changed(series: Series, outcome: Outcome, by: By) -> Outcome:
    series.revision += 1
    post = db.session.get_one(Post, series.post_id)
    _trace("series changed", series, by.actor, post.organization_id, by.now, reason=by.reason)
    return outcome


# --- a month after another ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Copied:
    """How many shifts were made, how many were there already, and which posts a rule kept from it, and why."""

    made: int = 0
    known: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


def copy_month(organization_id: int, rows: Sequence[Values], actor: Actor, *, now: datetime) -> Copied:
    """Offer shifts as those of another month were: `rows` hold source (the shift that was), day and hours.

    Whatever its post offers at just these hours already is not made again, so sending a form twice does it once.
    """
    organization = lock(Organization, organization_id)
    _require_clerk(actor, organization)
    if not rows:
        raise Refusal(_("Please tick at least one shift."))
    sources, copied = queries.month_sources(organization, [row["source"] for row in rows]), Copied()
    by_post: dict[int, list[Values]] = {}
    for row in rows:
        if source := sources.get(row["source"]):
            by_post.setdefault(source.post_id, []).append(_as_before(source, row))
    for post_id, plan in sorted(by_post.items()):
        _copy(post_id, plan, copied, now)
    if copied.refused and not copied.made and not copied.known:
        raise Refusal(copied.refused[0][1])
    audit.note("month copied", organization, actor_id=actor.account_id, now=now, organization_id=organization.id)
    return copied


def _as_before(source: Shift, row: Values) -> Values:
    """The hours of the row, and whatever else was said of the shift before, as long before its start."""
    slot = plans.slot_of(row | {"weekdays": []}, row["day"], row["day"])
    starts_at, ends_at = pattern.moments(slot, row["day"])
    opens_at = starts_at - (source.starts_at - source.opens_at) if source.opens_at else None
    least = {"minimum": source.minimum, "cut_off_hours": source.cut_off_hours, "opens_at": opens_at}
    return {"starts_at": starts_at, "ends_at": ends_at, **plans.numbers_of(slot), **least}


def _copy(post_id: int, plan: Sequence[Values], copied: Copied, now: datetime) -> None:
    """The shifts of one post in a savepoint of its own: what a rule refuses does not spoil the others."""
    there = set(queries.shifts_at(post_id, [values["starts_at"] for values in plan]))
    fresh = {(v["starts_at"], v["ends_at"]): v for v in plan if (v["starts_at"], v["ends_at"]) not in there}
    copied.known += len(plan) - len(fresh)
    title = db.session.get_one(Post, post_id).title
    try:
        with db.session.begin_nested():
            copied.made += len(posts.add_shifts(post_id, list(fresh.values()), now=now)) if fresh else 0
    except Refusal as refusal:
        copied.refused.append((title, str(refusal)))


# --- claiming several at once -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one date: the claim, or the sentence that says why not."""

    shift_id: int
    claim: Claim | None = None
    position: int = 0
    refusal: str = ""


def claim_several(series_id: int, shift_ids: Iterable[int], actor: Actor, *, now: datetime) -> list[Answer]:
    """Claim several dates of a series in one go: what cannot be had does not spoil the rest."""
    wanted = _of_series(series_id, shift_ids)
    if actor.volunteer_id is None:
        raise Refusal(_("Please register as a volunteer first."))
    _lock_in_order(wanted, actor)
    return [_tried(shift_id, lambda id=shift_id: claims.claim(id, actor, now=now)) for shift_id in wanted]  # type: ignore[misc]


def give_up_several(
    series_id: int, shift_ids: Iterable[int], actor: Actor, *, reason: str, now: datetime
) -> list[Answer]:
    """Give up one's own claims on several dates of a series; those past the deadline need a reason."""
    wanted = _of_series(series_id, shift_ids)
    _lock_in_order(wanted, actor)
    return [_tried(shift_id, lambda id=shift_id: _give_up(id, actor, reason, now)) for shift_id in wanted]  # type: ignore[misc]


def _of_series(series_id: int, shift_ids: Iterable[int]) -> list[int]:
    """Those of the shifts that belong to the series, soonest first; at least one must."""
    made = db.select(Shift.id).join(Occurrence, Occurrence.shift_id == Shift.id)
    mine = made.where(Occurrence.series_id == series_id, Shift.id.in_(set(shift_ids)))
    wanted = list(db.session.scalars(mine.order_by(Shift.starts_at, Shift.id)))
    if not wanted:
        raise Refusal(_("Please tick at least one date."))
    return wanted


def _lock_in_order(shift_ids: Sequence[int], actor: Actor) -> None:
    claims.lock_shifts(shift_ids, *([actor.volunteer_id] if actor.volunteer_id else []))


def _tried(shift_id: int, act: Callable[[], Claim]) -> Answer:
    """Do it in a savepoint of its own, so that a refusal undoes nothing else."""
    try:
        with db.session.begin_nested():
            made = act()
    except Refusal as refusal:
        return Answer(shift_id, refusal=str(refusal))
    waits = made.state is ClaimState.WAITING
    return Answer(shift_id, made, claimed.position(made) if waits else 0)


def _give_up(shift_id: int, actor: Actor, reason: str, now: datetime) -> Claim:
    own = claimed.live_claim(shift_id, actor.volunteer_id or 0)
    if own is None:
        raise Refusal(_("This claim has already ended. Your schedule shows what you hold."))
    return claims.cancel(own.id, actor, reason=reason, now=now)


# --- what the verbs share -----------------------------------------------------------------------------------


def _locked(series_id: int, actor: Actor, revision: int) -> tuple[Series, Post]:
    """A running series that nobody changed since the form was opened, locked with its organization."""
    series = lock(Series, series_id)
    post = db.session.get_one(Post, series.post_id)
    _require_clerk(actor, lock(Organization, post.organization_id))
    if series.state is not SeriesState.RUNNING:
        raise Refusal(_("This series was ended and stays as it is. Its page shows what is left of it."))
    if series.revision != revision:
        raise Refusal(
            _(
                "Somebody changed this series meanwhile. What you typed is still here: compare it with the dates as "
                "they are now, then send it again."
            ),
            "revision",
        )
    return series, post


def _entry(series: Series, key: Key, now: datetime) -> Entry:
    """The date that is meant, as it is now."""
    queries.refresh(series)
    entry = queries.entry(series, *key, now)
    if (
        entry is None
        or entry.left_out
        or (entry.shift and (entry.shift.state is not ShiftState.OPEN or entry.shift.starts_at <= now))
    ):
        raise Refusal(_("This date is past, cancelled or left out, so it stays as it is. Choose another one."))
    return entry


def _require_rhythm(entry: Entry) -> None:
    if entry.slot.single:
        raise Refusal(_("This date was added by itself, so nothing follows it. Choose “only this date”."), "scope")


def _require_clerk(actor: Actor, organization: Organization) -> None:
    if not actor.may(Role.CLERK, organization.path):
        raise Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))


def _trace(
    what: str, series: Series, actor: Actor, organization: Organization | int, now: datetime, **details: Any
) -> None:
    id = organization if isinstance(organization, int) else organization.id
    audit.note(what, series, actor_id=actor.account_id, now=now, organization_id=id, **details)
