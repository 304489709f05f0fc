"""Questions about claims and attendance. Nothing here writes."""

import hmac
import string
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, String, bindparam, case, cast, false, func, or_, select
from sqlalchemy.orm import aliased, contains_eager, joinedload

from blueprints.claims.models import (
    IN_LINE,
    LIVE_STATES,
    LIVE_WORDS,
    Act,
    Claim,
    ClaimState,
    EvidenceClass,
    Punch,
    Watch,
)
from blueprints.identity import queries as identity
from blueprints.identity.models import (
    ADULT,
    PROVEN_SKILLS,
    Account,
    Guardianship,
    Skill,
    Volunteer,
    VolunteerSkill,
    VolunteerState,
)
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from core import checked, clock, display, vault
from core.actor import Actor, Role
from core.db import Question, Rows, db, only_reads
from core.i18n import _

CODE_STEP = timedelta(minutes=5)
FOREVER = datetime.max.replace(tzinfo=UTC)
MOST_ASKING = 200
SHEET = 11  # tells the number of a sheet from the code of a row
PHONE, TAIL = 11, 4  # digits of a mobile number, and how many of its last ones people say


def shift_with_post(shift_id: int) -> Shift | None:
    """The shift with its post, the post's organization and division: what a page shows of it."""
    return db.session.scalar(_whole_shift().where(Shift.id == shift_id))


def _whole_shift() -> Select[Shift]:
    whole = joinedload(Shift.post, innerjoin=True)
    return select(Shift).options(
        whole.joinedload(Post.organization, innerjoin=True), whole.joinedload(Post.division, innerjoin=True)
    )


def organization_of(shift: Shift) -> Organization:
    """Who offers the shift."""
    return db.session.scalars(
        select(Organization).join(Post, Post.organization_id == Organization.id).where(Post.id == shift.post_id)
    ).one()


# Every claim asks these while it keeps all other writers waiting: on the tables and built once they cost a third.
_claim, _other, _punch = Claim.__table__.c, Shift.__table__.c, Punch.__table__.c
_undo = Punch.__table__.alias()
SHOWN = Question(select(_other.id).where(_other.id == bindparam("shift"), _other.state != ShiftState.DRAFT))
# A whole shift is counted at once: whether this person is on it, who waits, what lapsed, and which places are held.
_counted: Any = select(
    func.count(case((_claim.volunteer_id == bindparam("volunteer", required=False), 1))),
    func.count(case((_claim.state.in_(IN_LINE), 1))),
    func.count(case((_claim.offered_until <= bindparam("now", required=False), 1))),
    func.aggregate_strings(cast(_claim.place, String), ","),
)
OCCUPIED = Question(_counted.where(_claim.shift_id == bindparam("shift", required=False), _claim.state.in_(LIVE_WORDS)))
AHEAD = Question(
    select(func.count()).where(
        _claim.shift_id == bindparam("shift"), _claim.state.in_(IN_LINE), _claim.id <= bindparam("claim")
    )
)
HELD_PLACES = Question(select(_claim.place).where(_claim.shift_id == bindparam("shift"), _claim.place.is_not(None)))
LAPSED = Question(
    select(_claim.id).where(
        _claim.shift_id == bindparam("shift"),
        _claim.state == ClaimState.OFFERED,
        _claim.offered_until <= bindparam("now"),
    )
)
OVERLAPPING = Question(
    select(_other.id)
    .join_from(Claim.__table__, Shift.__table__, _claim.shift_id == _other.id)
    .where(
        _claim.volunteer_id == bindparam("volunteer"),
        _claim.state.in_(LIVE_WORDS),
        _other.id != bindparam("shift"),
        _other.starts_at < bindparam("ends"),
        _other.ends_at > bindparam("starts"),
    )
    .order_by(_other.id)
)


PUNCHES = Rows(
    [Punch],
    select(Punch.__table__)
    .outerjoin(_undo, _undo.c.undoes_id == _punch.id)
    .where(_punch.claim_id == bindparam("claim"), _punch.act != Act.UNDO, _undo.c.id.is_(None))
    .order_by(_punch.at, _punch.id),
)


def is_shown(shift_id: int) -> bool:
    """Whether there is such a shift for people outside the desk: a draft is nobody else's business."""
    return bool(SHOWN.answer(shift=shift_id))


@dataclass(frozen=True, slots=True)
class Occupied:
    """How full a shift is, for somebody who wants to be on it."""

    by_this_person: bool
    waiting: int  # in line
    lapsed: int  # offers that nobody took up in time, and that still keep their places
    free: int | None  # the lowest place that nobody holds


def occupied(shift: Shift, volunteer_id: int, now: datetime) -> Occupied:
    """Every live claim on the shift, counted in one question."""
    [(own, waiting, late, held)] = OCCUPIED.within(shift=shift.id, volunteer=volunteer_id, now=now)
    places = set(map(int, held.split(","))) if held else set()
    free = next((place for place in range(1, shift.places + 1) if place not in places), None)
    return Occupied(bool(own), waiting, late, free)


def lapsed(shift_id: int, now: datetime) -> list[int]:
    """The offers of the shift that were not accepted in time, by their ids."""
    return [id for (id,) in LAPSED.within(shift=shift_id, now=now)]


def live_claim(shift_id: int, volunteer_id: int) -> Claim | None:
    """The volunteer's claim on the shift, unless it has ended."""
    mine = select(Claim).where(Claim.shift_id == shift_id, Claim.volunteer_id == volunteer_id)
    return db.session.scalar(mine.where(Claim.state.in_(LIVE_STATES)))


def free_places(shift: Shift) -> list[int]:
    """The numbers of the places nobody holds, lowest first."""
    held = [place for (place,) in HELD_PLACES.within(shift=shift.id)]
    return sorted(set(range(1, shift.places + 1)).difference(held))


def line(shift_id: int) -> list[Claim]:
    """Who waits for a place, longest first."""
    waiting = select(Claim).where(Claim.shift_id == shift_id, Claim.state == ClaimState.WAITING)
    return list(db.session.scalars(waiting.order_by(Claim.id).options(joinedload(Claim.volunteer))))


def position(claim: Claim) -> int:
    """The claim's place in line, 1 for the first."""
    [(ahead,)] = AHEAD.within(shift=claim.shift_id, claim=claim.id)
    return int(ahead)


def roster(shift_id: int) -> list[Claim]:
    """Who holds a place, by number, with the account behind each."""
    held = select(Claim).where(Claim.shift_id == shift_id, Claim.place.is_not(None)).order_by(Claim.place)
    person = joinedload(Claim.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
    return list(db.session.scalars(held.options(person)))


def overlapping(shift: Shift, volunteer_id: int) -> Shift | None:
    """Another shift the volunteer claims at the same time; touching ones do not overlap."""
    at = {"volunteer": volunteer_id, "shift": shift.id, "starts": shift.starts_at, "ends": shift.ends_at}
    if only_reads():  # a page names the other one; a claim mostly finds none, and asks the cheaper way first
        return db.session.scalars(_whole_shift().where(Shift.id.in_(OVERLAPPING.query)).limit(1), at).first()
    others = OVERLAPPING.within(**at)
    return shift_with_post(others[0][0]) if others else None


@dataclass(frozen=True, slots=True)
class Papers:
    """What a post may ask of a person beside the registration."""

    has_guardian: bool
    skill: VolunteerSkill | None  # the one that the post asks for, if the person has named it


def with_papers(people: Select[Any], post: Post) -> Select[Any]:
    """The same people, each with what belongs to Papers, in one question."""
    consent = select(Guardianship.id).where(
        Guardianship.volunteer_id == Volunteer.id, Guardianship.revoked_at.is_(None)
    )
    asked = (VolunteerSkill.volunteer_id == Volunteer.id) & (VolunteerSkill.skill == post.skill)
    return people.outerjoin(VolunteerSkill, asked).add_columns(consent.exists(), VolunteerSkill)


def obstacle(
    shift: Shift, post: Post, volunteer: Volunteer | None, now: datetime, papers: Papers | None = None
) -> str | None:
    """Why this person cannot claim this shift now, as a sentence that says what to do; None if they can."""
    return closed_because(shift, post, now) or unfit_because(shift, post, volunteer, papers)


def closed_because(shift: Shift, post: Post, now: datetime) -> str | None:
    """Why nobody can claim the shift."""
    if post.state == PostState.CANCELLED or shift.state is ShiftState.CANCELLED:
        return _("This shift was cancelled. Please choose another one from the list.")
    if shift.state is not ShiftState.OPEN or post.state is not PostState.PUBLISHED:
        return _("This shift is not open. Please choose another one from the list.")
    if now >= shift.starts_at:
        return _("This shift has already started. Please choose a later one, or ask at the station.")
    return too_early_because(shift, now)


def opens_later(shift: Shift, now: datetime) -> datetime | None:
    """When claiming opens, if that is still to come."""
    return shift.opens_at if shift.opens_at and now < shift.opens_at else None


def too_early_because(shift: Shift, now: datetime) -> str | None:
    """Why nobody gets a place yet: it is shown already, and claiming opens later."""
    if opens_at := opens_later(shift, now):
        return _("Claims open at %(moment)s. Please come back then.", moment=display.moment(opens_at))
    return None


def unfit_because(shift: Shift, post: Post, volunteer: Volunteer | None, papers: Papers | None = None) -> str | None:
    """Why this person cannot serve on the shift: registration, age, guardian, skill, another shift.

    `papers` were read already with the person; without them only what the post asks for is read.
    """
    if volunteer is None:
        return _("Please register as a volunteer first.")
    return unfit_at_any_time(shift, post, volunteer, papers) or _busy(shift, volunteer)


def unfit_at_any_time(shift: Shift, post: Post, volunteer: Volunteer, papers: Papers | None = None) -> str | None:
    """The same without regard to other shifts: the answer is one for all shifts at which the person is of one age."""
    return (
        _not_active(volunteer) or _wrong_age(shift, post, volunteer, papers) or _skill_missing(post, volunteer, papers)
    )


def busy_because(shifts: Sequence[Shift], volunteer_id: int) -> dict[int, str]:
    """The shifts during which the volunteer claims another one, each with its sentence, in one query."""
    if not shifts:
        return {}
    first, last = min(s.starts_at for s in shifts), max(s.ends_at for s in shifts)
    mine = (
        select(Shift)
        .join(Claim, Claim.shift_id == Shift.id)
        .where(Claim.volunteer_id == volunteer_id, Claim.state.in_(LIVE_STATES))
        .where(Shift.starts_at < last, Shift.ends_at > first)
        .options(joinedload(Shift.post, innerjoin=True))
    )
    claimed = list(db.session.scalars(mine))
    pairs = [(s.id, o) for s in shifts for o in claimed if o.id != s.id and _meet(s, o)]
    return {id: _busy_with(other) for id, other in pairs}


def _meet(one: Shift, other: Shift) -> bool:
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at


def _not_active(volunteer: Volunteer) -> str | None:
    if volunteer.state is VolunteerState.ACTIVE:
        return None  # nearly always: no sentence has to be looked up
    sentences = {
        VolunteerState.SUBMITTED: _("Your registration waits for approval. You can claim as soon as it is approved."),
        VolunteerState.RETURNED: _("Your registration was returned. Please correct it on your page and send it again."),
        VolunteerState.REJECTED: _("Your registration was not approved. The reason stands on your page."),
        VolunteerState.RESIGNED: _("You have left. To serve again, please register again."),
        VolunteerState.MERGED: _("This registration was merged into another one of yours. Please sign in with that."),
    }
    return sentences.get(volunteer.state)


def _wrong_age(shift: Shift, post: Post, volunteer: Volunteer, papers: Papers | None) -> str | None:
    age = volunteer.age(shift.starts_at)
    if age < ADULT and post.dangerous:
        return _("This post is not open to minors because of its risks. Please choose another one.")
    if age < post.min_age:
        return _("This post asks for people of %(age)d or older. Please choose another one.", age=post.min_age)
    if age > post.max_age:
        return _("This post asks for people up to %(age)d. Please choose another one.", age=post.max_age)
    if age < ADULT and not (papers.has_guardian if papers else identity.has_guardian(volunteer.id)):
        return _("Under 18 you need a guardian's consent. Please have it recorded at your station.")
    return None


def _skill_missing(post: Post, volunteer: Volunteer, papers: Papers | None) -> str | None:
    if post.skill is None:
        return None
    mine = select(VolunteerSkill).where(VolunteerSkill.volunteer_id == volunteer.id, VolunteerSkill.skill == post.skill)
    skill = papers.skill if papers else db.session.scalar(mine)
    if skill is None:
        return _("This post asks for a skill you have not named. Add it to your profile if you have it.")
    if Skill(post.skill) in PROVEN_SKILLS and skill.verified_at is None:
        return _("This post asks for a proven skill. Please show the certificate at your station.")
    return None


def _busy(shift: Shift, volunteer: Volunteer) -> str | None:
    other = overlapping(shift, volunteer.id)
    return None if other is None else _busy_with(other)


def _busy_with(other: Shift) -> str:
    return _(
        "At that time you already claim “%(title)s”, %(when)s. Cancel that one first, or choose another shift.",
        title=other.post.title,
        when=display.span((other.starts_at, other.ends_at)),
    )


def cancel_deadline(shift: Shift) -> datetime:
    """Until then a place can be given up without a mark."""
    return shift.starts_at - timedelta(hours=organizations.limit(Limit.CANCEL_HOURS))


def leaves_unmarked(claim: Claim, shift: Shift, now: datetime) -> bool:
    """Whether cancelling now leaves no mark: in time, only in line, or after the shift was changed under the person."""
    moved = shift.moved_at is not None and claim.claimed_at < shift.moved_at
    return claim.state is not ClaimState.HELD or now <= cancel_deadline(shift) or moved


def coming_shift_ids(post_id: int, now: datetime) -> list[int]:
    """The open shifts of a post that are still to come."""
    coming = select(Shift.id).where(Shift.post_id == post_id, Shift.state == ShiftState.OPEN, Shift.starts_at > now)
    return list(db.session.scalars(coming))


def requests(shift_id: int) -> list[Claim]:
    """Who asks for a place and waits for the organizer, longest first, with the account behind each."""
    asked = select(Claim).where(Claim.shift_id == shift_id, Claim.state == ClaimState.REQUESTED)
    person = joinedload(Claim.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
    return list(db.session.scalars(asked.order_by(Claim.id).options(person)))


def unanswered_shift_ids(now: datetime) -> list[int]:
    """Shifts that have begun while somebody still waited for the organizer."""
    asked = select(Claim.shift_id).join(Shift, Shift.id == Claim.shift_id)
    return sorted(set(db.session.scalars(asked.where(Claim.state == ClaimState.REQUESTED, Shift.starts_at <= now))))


def watching(shift_id: int, volunteer_id: int | None) -> bool:
    """Whether the volunteer wants to be told when claiming opens."""
    mine = select(Watch.id).where(Watch.shift_id == shift_id, Watch.volunteer_id == volunteer_id)
    return db.session.scalar(mine) is not None


def untold_watches(now: datetime) -> Select[Watch]:
    """Asks who waits to be told that claiming has opened, with the shift and its post."""
    due = select(Watch).join(Watch.shift).join(Shift.post)
    opened = due.where(Watch.told_at.is_(None), Shift.opens_at <= now, Shift.starts_at > now)
    whole = (contains_eager(Watch.shift).contains_eager(Shift.post), joinedload(Watch.volunteer, innerjoin=True))
    standing = opened.where(Shift.state == ShiftState.OPEN, Post.state == PostState.PUBLISHED)
    return standing.order_by(Watch.id).options(*whole)


def has_untold_watches(now: datetime) -> bool:
    return db.session.scalar(untold_watches(now).limit(1)) is not None


def lapsed_shift_ids(now: datetime) -> list[int]:
    """Shifts with an offer that nobody accepted in time."""
    late = select(Claim.shift_id).where(Claim.state == ClaimState.OFFERED, Claim.offered_until <= now)
    return sorted(set(db.session.scalars(late)))


def future_live_claims(volunteer_id: int, now: datetime) -> list[Claim]:
    """What the volunteer still holds or waits for, in the order of the shifts' ids."""
    mine = (
        select(Claim)
        .join(Shift, Shift.id == Claim.shift_id)
        .where(Claim.volunteer_id == volunteer_id, Claim.state.in_(LIVE_STATES), Shift.starts_at > now)
    )
    return list(db.session.scalars(mine.order_by(Claim.shift_id)))


def day_code(shift_id: int, now: datetime) -> str:
    """The six digits shown on the roll-call page, new every five minutes; they prove that somebody is there."""
    return _code(shift_id, int(now.timestamp() // CODE_STEP.total_seconds()))


def code_fits(shift_id: int, code: str, now: datetime) -> bool:
    """Whether it is the code of this step or of the one before."""
    step = int(now.timestamp() // CODE_STEP.total_seconds())
    plain = unicodedata.normalize("NFKC", code)  # a Chinese keyboard types full-width digits
    typed = "".join(c for c in plain if c in string.digits).encode()
    return any(hmac.compare_digest(_code(shift_id, s).encode(), typed) for s in (step, step - 1))


def _code(shift_id: int, step: int) -> str:
    return f"{int(vault.digest(f'code/{shift_id}/{step}')[:12], 16) % 10**6:06d}"


@dataclass(frozen=True, slots=True)
class Span:
    """One stay: in, and out if it was observed."""

    entered: Punch
    left: Punch | None


@dataclass(frozen=True, slots=True)
class Attendance:
    """What was observed of one person on one shift, without what was undone."""

    spans: tuple[Span, ...]
    last: Punch | None

    @property
    def is_present(self) -> bool:
        """Whether the person is in and was not seen to leave: an open punch once the shift is over."""
        return bool(self.spans) and self.spans[-1].left is None

    @property
    def is_complete(self) -> bool:
        return bool(self.spans) and not self.is_present

    @property
    def evidence(self) -> EvidenceClass | None:
        """The weakest class of all observations: one stated time makes the whole a stated time."""
        punches = [p for span in self.spans for p in (span.entered, span.left) if p]
        return max((p.evidence for p in punches), default=None)


def attendance(claim_id: int) -> Attendance:
    """The attendance of one claim."""
    return _paired([punch for (punch,) in PUNCHES.objects(claim=claim_id)])


def attendances(claim_ids: Iterable[int]) -> dict[int, Attendance]:
    """The attendance of each claim, read in one query; claims without a punch are there, too."""
    ids = list(claim_ids)
    found = _by_claim(db.session.scalars(standing_punches().where(Punch.claim_id.in_(ids))))
    return {id: _paired(found.get(id, ())) for id in ids}


@cache
def standing_punches() -> Select[Punch]:
    """What was observed and not undone, claim by claim in the order of time."""
    undo = aliased(Punch)
    observed = select(Punch).outerjoin(undo, undo.undoes_id == Punch.id)
    standing = observed.where(Punch.act != Act.UNDO, undo.id.is_(None))
    return standing.order_by(Punch.claim_id, Punch.at, Punch.id)


def paired(punches: Iterable[Punch]) -> dict[int, Attendance]:
    """The attendance of each claim that these observations belong to, as `standing_punches` orders them."""
    return {id: _paired(found) for id, found in _by_claim(punches).items()}


def _by_claim(punches: Iterable[Punch]) -> dict[int, list[Punch]]:
    found: dict[int, list[Punch]] = {}
    for punch in punches:
        found.setdefault(punch.claim_id, []).append(punch)
    return found


def _paired(punches: Sequence[Punch]) -> Attendance:
    spans: list[Span] = []
    for punch in punches:
        if punch.act is Act.IN:
            spans.append(Span(punch, None))
        elif spans and spans[-1].left is None:
            spans[-1] = Span(spans[-1].entered, punch)
    last = max(punches, key=lambda punch: punch.id, default=None)
    return Attendance(tuple(spans), last)


def history(claim_id: int) -> list[Punch]:
    """Every observation of a claim as it was recorded, the undone ones too."""
    return list(db.session.scalars(select(Punch).where(Punch.claim_id == claim_id).order_by(Punch.id)))


def open_punches(paths: Iterable[str], now: datetime) -> list[Claim]:
    """Held claims on shifts that are over where somebody came and was not seen to leave, within these subtrees."""
    after, undo = timedelta(minutes=organizations.limit(Limit.CHECK_OUT_AFTER_MINUTES)), aliased(Punch)
    over = (
        select(Claim, Punch)
        .select_from(Claim)
        .join(Shift, Shift.id == Claim.shift_id)
        .join(Post, Post.id == Shift.post_id)
        .join(Organization, Organization.id == Post.organization_id)
        .join(Punch, Punch.claim_id == Claim.id)
        .outerjoin(undo, undo.undoes_id == Punch.id)
        .where(organizations.under(paths), Claim.state == ClaimState.HELD, Claim.handed_in_at.is_(None))
        .where(Shift.ends_at < now - after, Shift.state == ShiftState.OPEN, Punch.act != Act.UNDO, undo.id.is_(None))
        .options(joinedload(Claim.shift).joinedload(Shift.post), joinedload(Claim.volunteer))
    )
    rows = db.session.execute(over.order_by(Shift.ends_at, Claim.id, Punch.at, Punch.id)).all()
    seen = paired(punch for _claim, punch in rows)
    return [claim for claim in dict.fromkeys(claim for claim, _punch in rows) if seen[claim.id].is_present]


def window(shift: Shift) -> tuple[datetime, datetime, datetime]:
    """When check-in opens and closes, and until when people can be checked out."""
    limits = organizations.limits()
    before = timedelta(minutes=limits[Limit.CHECK_IN_BEFORE_MINUTES])
    after = timedelta(minutes=limits[Limit.CHECK_OUT_AFTER_MINUTES])
    return shift.starts_at - before, shift.ends_at, shift.ends_at + after


def closes_at(shift: Shift) -> datetime:
    """From then on whatever is entered is class C."""
    return shift.ends_at + timedelta(minutes=organizations.limit(Limit.CLOSE_AFTER_MINUTES))


def local_time(moment: datetime) -> str:
    return clock.local(moment).strftime("%H:%M")


def requests_within(paths: Iterable[str], now: datetime) -> list[Claim]:
    """Who asks for a place on a coming shift of these subtrees, soonest first, with person, shift and organization."""
    asked = select(Claim).join(Claim.shift).join(Shift.post).join(Post.organization).options(NAMED)
    whole = joinedload(Claim.shift, innerjoin=True).options(WHOLE_SHIFT)
    mine = asked.where(organizations.under(paths), Claim.state == ClaimState.REQUESTED, Shift.starts_at > now)
    return list(db.session.scalars(mine.order_by(Shift.starts_at, Claim.id).limit(MOST_ASKING).options(whole)))


def row_codes(shift_id: int) -> dict[int, str]:
    """The short code of each claim on the printed roster; it stays the same whatever happens to the others."""
    ever = db.session.scalars(select(Claim.id).where(Claim.shift_id == shift_id).order_by(Claim.id))
    return {id: checked.written(number, salt=shift_id) for number, id in enumerate(ever, 1)}


def sheet_number(shift_id: int) -> str:
    """What is printed at the top of every sheet of a shift."""
    return checked.written(shift_id, salt=SHEET, width=4)


def shift_of_sheet(number: str) -> int | None:
    """The shift whose sheet bears this number, if it was copied rightly."""
    return checked.read(number, salt=SHEET)


# --- what staff see -----------------------------------------------------------------------------------------

NAMED = joinedload(Claim.volunteer, innerjoin=True).joinedload(Volunteer.account, innerjoin=True)
WHOLE_SHIFT = joinedload(Shift.post, innerjoin=True).joinedload(Post.organization, innerjoin=True)


def shift_within(shift_id: int, paths: Iterable[str]) -> Shift | None:
    """The shift with its post and organization, if it lies within these subtrees."""
    found = select(Shift).join(Shift.post).join(Post.organization).options(WHOLE_SHIFT)
    return db.session.scalar(found.where(Shift.id == shift_id, organizations.under(paths)))


def claim_within(claim_id: int, paths: Iterable[str]) -> Claim | None:
    """The claim with its shift and person, if the shift lies within these subtrees."""
    found = select(Claim).join(Claim.shift).join(Shift.post).join(Post.organization)
    whole = joinedload(Claim.shift, innerjoin=True).options(WHOLE_SHIFT)
    return db.session.scalar(found.where(Claim.id == claim_id, organizations.under(paths)).options(NAMED, whole))


def candidates(text: str, paths: Iterable[str], size: int = 20) -> list[Volunteer]:
    """Whom a clerk can mean: by name, number or end of the phone within reach, anywhere by the exact phone."""
    digits = "".join(c for c in text if c.isdigit())
    near = [Account.name.contains(text, autoescape=True), Volunteer.number == text.upper()]
    if len(digits) >= TAIL and digits == text.replace(" ", ""):
        near.append(Account.phone.endswith(digits))
    found = _people().where(or_(_has_phone(text), or_(*near) & organizations.under(paths)))
    return list(db.session.scalars(found.order_by(Account.name, Volunteer.id).limit(size)))


def enrollable(volunteer_id: int, actor: Actor, phone: str) -> Volunteer | None:
    """The person a clerk may put on a roster: one of the clerk's own, or whoever has exactly this phone number."""
    known = or_(organizations.under(actor.reach(Role.CLERK)), _has_phone(phone))
    return db.session.scalar(_people().where(Volunteer.id == volunteer_id, known))


def _people() -> Select[Volunteer]:
    whole = (contains_eager(Volunteer.account), contains_eager(Volunteer.registered_with))
    people = select(Volunteer).join(Volunteer.account).join(Volunteer.registered_with)
    return people.where(Account.closed_at.is_(None)).options(*whole)


def _has_phone(text: str) -> ColumnElement[bool]:
    digits = "".join(c for c in text if c.isdigit())
    return Account.phone == f"+86{digits[-PHONE:]}" if len(digits) >= PHONE else false()


@dataclass(frozen=True, slots=True)
class Told:
    """One observation as the history tells it: who recorded it, and whether it was taken back later."""

    punch: Punch
    by: str
    undone_at: datetime | None


def told_history(claim_id: int) -> list[Told]:
    """Every observation of a claim in the order it was recorded; what only takes back is told by what it undid."""
    return told((punch, name) for punch, name in db.session.execute(recorded(claim_id)))


def recorded(claim_id: int) -> Select[Punch, str]:
    """The same as a question that can be added to: each observation with who recorded it."""
    named = select(Punch, Account.name).join(Account, Account.id == Punch.recorded_by_id)
    return named.where(Punch.claim_id == claim_id).order_by(Punch.id).options(joinedload(Punch.remark))


def told(observed: Iterable[tuple[Punch, str]]) -> list[Told]:
    """A history of its observations, each with the name of who recorded it."""
    found = list(observed)
    undone = {punch.undoes_id: punch.recorded_at for punch, _name in found}
    return [Told(punch, name, undone.get(punch.id)) for punch, name in found if punch.act is not Act.UNDO]


def attendance_then(told: Sequence[Told], moment: datetime) -> Attendance:
    """The attendance as it stood at an earlier moment: what was recorded or undone later does not matter."""
    standing = [each.punch for each in told if each.punch.recorded_at <= moment < (each.undone_at or FOREVER)]
    return _paired(sorted(standing, key=lambda punch: (punch.at, punch.id)))


def attendance_told(told: Sequence[Told]) -> Attendance:
    """The attendance as a whole history leaves it."""
    standing = [each.punch for each in told if not each.undone_at]
    return _paired(sorted(standing, key=lambda punch: (punch.at, punch.id)))
