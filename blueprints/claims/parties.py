"""Claiming for several people at once. Whoever is named is asked: until they agree a place is only kept for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from blueprints.claims import actions, company, queries
from blueprints.claims.models import Claim, ClaimState, Member, Party, Source
from blueprints.identity.models import Volunteer, VolunteerState
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.posts.models import Post, Shift
from core import masks
from core.actor import Actor
from core.db import db
from core.i18n import _
from core.refusal import Refusal

ANSWER_WITHIN = timedelta(hours=24)
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Named:
    """What came of it: who is asked, whether the one who named them comes, and who found no place or does not fit."""

    party: Party
    asked: tuple[str, ...]
    own: Claim | None
    left_out: tuple[str, ...]


def name_people(
    shift_id: int, volunteer_ids: Sequence[int], actor: Actor, *, comes: bool, whole: bool, now: datetime
) -> Named:
    """Keep a numbered place for each person and ask them; `comes`: the actor takes one, too.

    `whole`: all of them or nobody; else as many as fit, in the order they were named.
    """
    shift, post = actions._locked(shift_id)
    if actor.volunteer_id is None:
        raise Refusal(_("Please register as a volunteer first."))
    people = _locked_people([*volunteer_ids, actor.volunteer_id])
    leader = people.pop(actor.volunteer_id)
    if sentence := queries.closed_because(shift, post, now) or _not_active(leader):
        raise Refusal(sentence)
    ids = [id for id in dict.fromkeys(volunteer_ids) if id in people]
    _refuse_too_many(shift, leader, ids)
    party = Party(shift_id=shift.id, named_by_id=leader.id, created_at=now)
    db.session.add(party)
    actions._lapse(shift, now)
    comes = comes and not queries.live_claim(shift.id, leader.id)
    fit, unfit = _sorted_out(shift, post, [people[id] for id in ids])
    if unfit and whole:
        raise Refusal(_unfit_sentence(unfit), "people")
    room = len(fit) if post.approves else len(queries.free_places(shift)) - comes
    _refuse_no_room(room, len(fit), comes, whole)
    own = _claim_own(shift, post, leader, now) if comes else None
    for person in fit[:room]:
        _ask(party, shift, post, person, leader, now)
    db.session.flush()
    return Named(party, _names(fit[:room]), own, _names([*unfit, *fit[room:]]))


def _locked_people(ids: Sequence[int]) -> dict[int, Volunteer]:
    rows = select(Volunteer).where(Volunteer.id.in_(set(ids))).order_by(Volunteer.id)
    whole = rows.options(joinedload(Volunteer.account, innerjoin=True)).with_for_update(of=Volunteer)
    return {one.id: one for one in db.session.scalars(whole.execution_options(populate_existing=True))}


def _not_active(leader: Volunteer) -> str | None:
    if leader.state is VolunteerState.ACTIVE:
        return None
    return _("You can name people once your own registration is approved.")


def _refuse_too_many(shift: Shift, leader: Volunteer, ids: Sequence[int]) -> None:
    if not ids:
        raise Refusal(_("Please name at least one other person, each on a line."), "people")
    if company.unanswered(shift.id, leader.id) + len(ids) > MOST_NAMED:
        raise Refusal(_("At most %(most)d people can be asked at a time.", most=MOST_NAMED), "people")
    if company.asked_before(shift.id, leader.id, ids):
        raise Refusal(
            _("You have named one of these people for this shift before. If they want to come, they claim themselves."),
            "people",
        )


def _sorted_out(shift: Shift, post: Post, people: Sequence[Volunteer]) -> tuple[list[Volunteer], list[Volunteer]]:
    """Who could serve, and who could not or is on the shift already; why is nobody else's business."""
    fit: list[Volunteer] = []
    unfit: list[Volunteer] = []
    for person in people:
        barred = queries.live_claim(shift.id, person.id) or queries.unfit_because(shift, post, person)
        (unfit if barred else fit).append(person)
    return fit, unfit


def _unfit_sentence(unfit: Sequence[Volunteer]) -> str:
    return _(
        "%(names)s cannot be named: on the shift already, busy then, or not within its conditions. "
        "Leave them out, or let as many come as fit.",
        names="、".join(_names(unfit)),
    )


def _refuse_no_room(room: int, wanted: int, comes: bool, whole: bool) -> None:
    if wanted == 0:
        raise Refusal(_("None of these people can be named for this shift."), "people")
    if room <= 0 or (whole and room < wanted):
        raise Refusal(
            _(
                "Only %(free)d places are free. Name fewer people, or let as many come as fit.",
                free=max(0, room + comes),
            ),
            "people",
        )


def _claim_own(shift: Shift, post: Post, leader: Volunteer, now: datetime) -> Claim:
    """The one who names claims like everybody else: a place, or a request on an approval post."""
    return actions._enter(shift, post, leader, source=Source.OWN, now=now)


def _ask(party: Party, shift: Shift, post: Post, person: Volunteer, leader: Volunteer, now: datetime) -> None:
    """Keep the lowest free place until the person answers; on an approval post they ask for one themselves."""
    values: dict[str, Any] = {"person": masks.name(leader.account.name), "title": post.title}
    values |= {"starts": shift.starts_at, "ends": shift.ends_at}
    member = Member(party_id=party.id, volunteer_id=person.id)
    db.session.add(member)
    path = f"/shifts/{shift.id}"
    if post.approves:
        tell(person.account_id, NoticeKind.GROUP_ASKED, now=now, path=path, **values)
        return
    place, until = queries.free_places(shift)[0], answer_by(shift, now)
    kept = actions._new_claim(shift, person, ClaimState.OFFERED, place, Source.GROUP, now, until=until)
    db.session.flush()
    member.claim_id = kept.id
    values |= {"place": place, "until": until}
    tell(person.account_id, NoticeKind.GROUP_NAMED, now=now, path=path, **values)


def answer_by(shift: Shift, now: datetime) -> datetime:
    """Until when a place is kept: a day, but never more than half of the time that is left for others to take it."""
    return now + min(ANSWER_WITHIN, (shift.starts_at - now) / 2)


def _names(people: Sequence[Volunteer]) -> tuple[str, ...]:
    return tuple(person.account.name for person in people)
