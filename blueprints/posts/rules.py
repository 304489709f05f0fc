"""What a post must say, and what its shifts must be, before people are asked to come (条例 art. 12, GB/T 40143 6.1)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from blueprints.identity.models import ADULT
from blueprints.organizations.models import Division
from blueprints.posts import wording
from blueprints.posts.models import LONGEST, MOST_PLACES, Hazard, Post, RiskLevel, Shift
from core.i18n import _, lazy
from core.refusal import Refusal

OLDEST = 120
MOST_SHIFTS = 60  # of one form
MOST_STANDING = 800  # of one post: two a day for a year, and some to spare
LONGEST_TERM = timedelta(days=366)  # i志愿: no longer than a year
SHORTEST_PLACE, SHORTEST_CONTENT, SHORTEST_SENTENCE = 4, 10, 4
PHONE = re.compile(r"[+0-9][0-9 ()（）\-－—转,/]*")
# Words that stand where a place should be: found anywhere, or left over alone beside the names of divisions.
UNDECIDED = re.compile(r"待定|待通知|另行通知|另行告知|不详|未定|tba|tbd")
NOWHERE = re.compile(r"(线下|现场|附近|周边|辖区|本地|各地|各社区|各小区|社区|小区|全市|全区|全县|全镇|全村|内|里)*")


@dataclass(frozen=True, slots=True)
class Fault:
    """What keeps a post from being published: the form field and the sentence that says what to do."""

    field: str
    sentence: str

    def refusal(self) -> Refusal:
        return Refusal(self.sentence, self.field)


REQUIRED = {
    "title": lazy("Please give the post a title."),
    "place": lazy("Please say where exactly people meet."),
    "content": lazy("Please say what people will do."),
    "conditions": lazy("Please say what is asked of people; if nothing special, say so."),
    "sign_up": lazy("Please say how people sign up."),
    "risks": lazy("Please say what can happen; if hardly anything, say that in a sentence."),
    "safeguards": lazy("Please say what is provided: insurance, water, gloves and so on."),
    "responsible_name": lazy("Please name the person in charge."),
    "responsible_phone": lazy("Please give the phone number of the person in charge."),
}
DOUBTED = ("title", "content", "conditions", "sign_up")
IN_ORDER = ["title", "content", "place", "shifts", "min_age", *list(REQUIRED)[3:]]
SENTENCES = ("conditions", "sign_up", "risks", "safeguards")


def is_dangerous(risk_level: RiskLevel, hazards: Iterable[str]) -> bool:
    """Whether minors are barred: a high risk, or any of the named dangers (浙江省志愿服务条例)."""
    return risk_level == RiskLevel.HIGH or bool(set(hazards) & set(Hazard))


def refuse_unsound(post: Post) -> None:
    """Refuse what not even a draft may say: ages out of order, or minors in danger."""
    if post.min_age > post.max_age:
        raise Refusal(_("The lowest age must not be above the highest."), "min_age")
    if post.dangerous and post.min_age < ADULT:
        raise Refusal(
            _("With a high risk or one of these dangers the lowest age is 18. Raise it, or remove the danger."),
            "min_age",
        )


def refuse_unsound_shift(values: dict[str, Any]) -> None:
    """Refuse a shift that could not take place: its end, its length, its break or its places."""
    length = values["ends_at"] - values["starts_at"]
    if length <= timedelta(0):
        raise Refusal(_("A shift must end after it starts."), "ends")
    if length > LONGEST:
        raise Refusal(_("A shift lasts at most 24 hours. Divide it into several."), "ends")
    if not 0 <= values.get("break_minutes", 0) * 60 < length.total_seconds():
        raise Refusal(_("The break must be shorter than the shift."), "break_minutes")
    if not 1 <= values["places"] <= MOST_PLACES:
        raise Refusal(_("Please offer 1 to %(most)d places.", most=MOST_PLACES), "places")
    _refuse_unsound_options(values)


def _refuse_unsound_options(values: dict[str, Any]) -> None:
    """When claiming opens, and the people needed at the least."""
    opens_at, minimum, hours = (values.get(name) for name in ("opens_at", "minimum", "cut_off_hours"))
    if opens_at and opens_at >= values["starts_at"]:
        raise Refusal(_("Claims must open before the shift starts. Choose an earlier moment."), "opens_day")
    if minimum is not None and not 1 <= minimum <= values["places"]:
        raise Refusal(_("The people needed at the least cannot be more than the places."), "minimum")
    if (minimum is None) != (hours is None):
        raise Refusal(
            _("A minimum of people needs the hours at which they are counted, and the other way round."),
            "cut_off_hours" if hours is None else "minimum",
        )


def faults(
    post: Post, lineage: Sequence[Division], shifts: Sequence[Shift], minimum_age: int, now: datetime
) -> list[Fault]:
    """Everything that keeps the post from being published now, in the order of the form."""
    found = [*text_faults(post, lineage, minimum_age), *term_faults(shifts, now)]
    return sorted(found, key=lambda fault: IN_ORDER.index(fault.field))


def text_faults(post: Post, lineage: Sequence[Division], minimum_age: int) -> Iterator[Fault]:
    """What is missing, empty of meaning or not volunteering in what the post says."""
    yield from _missing(post)
    yield from _vague(post, lineage)
    yield from _not_volunteering(post)
    if post.min_age < minimum_age:
        yield Fault("min_age", _("People here volunteer from the age of %(age)d. Raise it.", age=minimum_age))
    if post.responsible_phone and not _is_phone(post.responsible_phone):
        yield Fault("responsible_phone", _("Please give a phone number that can be called."))


def _missing(post: Post) -> Iterator[Fault]:
    yield from (Fault(name, str(words)) for name, words in REQUIRED.items() if not getattr(post, name))


def _vague(post: Post, lineage: Sequence[Division]) -> Iterator[Fault]:
    if post.title and len(wording.squeezed(post.title)) < 2:
        yield Fault("title", _("Please use words for the title."))
    if post.place and not _is_exact(post.place, lineage):
        yield Fault("place", _("Please give the exact place, such as a building, a gate or a crossing."))
    if post.content and len(wording.squeezed(post.content)) < SHORTEST_CONTENT:
        yield Fault("content", _("Please say in at least 10 characters what people will do."))
    elif post.content and wording.is_repeated(post.content):
        yield Fault("content", _("The text repeats one phrase. Please say what people will really do."))
    for name in SENTENCES:
        if getattr(post, name) and len(wording.squeezed(getattr(post, name))) < SHORTEST_SENTENCE:
            yield Fault(name, str(REQUIRED[name]))


def _is_exact(place: str, lineage: Sequence[Division]) -> bool:
    """Whether it says more than the names of the divisions it lies in."""
    plain = wording.squeezed(place)
    if len(plain) < SHORTEST_PLACE or UNDECIDED.search(plain):
        return False
    names = [name for d in lineage for name in (d.official_name, d.name)] + ["浙江省", "嘉兴市", "嘉兴"]
    for name in sorted(names, key=len, reverse=True):
        plain = plain.replace(wording.squeezed(name), "")
    return len(plain) >= 2 and not NOWHERE.fullmatch(plain)


def _not_volunteering(post: Post) -> Iterator[Fault]:
    for field, found in wording.clear_cases(post.title, post.content):
        sentence = _("This says “%(phrase)s”. %(reason)s", phrase=found.phrase, reason=found.reason)
        yield Fault(field, sentence)


def _is_phone(number: str) -> bool:
    digits = sum(c.isdigit() for c in number)
    return PHONE.fullmatch(number) is not None and 5 <= digits <= 20


def term_faults(shifts: Sequence[Shift], now: datetime) -> Iterator[Fault]:
    """What is wrong with the shifts as a whole: none, too many, past, or spread over more than a year."""
    if not shifts:
        yield Fault("shifts", _("Please give at least one shift."))
        return
    if len(shifts) > MOST_SHIFTS:
        yield Fault("shifts", too_many())
    if any(shift.starts_at <= now for shift in shifts):
        yield Fault("shifts", past())
    if max(s.ends_at for s in shifts) - min(s.starts_at for s in shifts) > LONGEST_TERM:
        yield Fault("shifts", too_long())


def past() -> str:
    return _("A post is only for times to come, and one of its shifts has already begun. Change its date.")


def too_many() -> str:
    return _("A post has at most %(most)d shifts. Make a second post for the rest.", most=MOST_SHIFTS)


def too_many_in_all() -> str:
    return _("A post has at most %(most)d shifts in its year. Make a second post for the rest.", most=MOST_STANDING)


def too_long() -> str:
    return _("A post lasts at most one year. Make another post for what comes later.")


def doubts(post: Post) -> list[wording.Finding]:
    """Wording that is allowed, but that the clerk must have looked at again."""
    return wording.doubtful_cases(*(getattr(post, name) for name in DOUBTED))
