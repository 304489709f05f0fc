"""Giving a place up, and who gets it next."""

from datetime import timedelta

import pytest

from blueprints.claims import actions, queries
from blueprints.claims.models import ClaimState
from blueprints.identity.models import Account
from blueprints.messages.models import NoticeKind
from core import passwords
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import actor_of, claim, kinds
from tests.factories import BEFORE, HOUR, START, make_post, make_shift, make_volunteer, make_world, sign_in

DEADLINE = START - 24 * HOUR
LATE = DEADLINE + timedelta(minutes=1)


def cancel(made, volunteer, now=BEFORE, reason=""):
    return actions.cancel(made.id, actor_of(volunteer), reason=reason, now=now)


@pytest.mark.parametrize("now", [BEFORE, DEADLINE])
def test_until_the_deadline_a_claim_is_cancelled_freely(now):
    lin = make_volunteer()
    made = cancel(claim(make_shift(), lin), lin, now)
    assert (made.state, made.place) == (ClaimState.CANCELLED, None)


def test_later_a_reason_is_asked_for_and_the_claim_is_marked_late():
    lin = make_volunteer()
    made = claim(make_shift(), lin)
    with pytest.raises(Refusal, match="give a reason") as refusal:
        cancel(made, lin, LATE)
    assert refusal.value.field == "reason"
    assert cancel(made, lin, LATE, "发烧了").state is ClaimState.LATE


def test_after_the_start_nobody_cancels_by_themself():
    lin = make_volunteer()
    with pytest.raises(Refusal, match="has started"):
        cancel(claim(make_shift(), lin), lin, START, "睡过头")


def test_whoever_only_waits_leaves_the_line_without_a_mark():
    shift, lin, zhou = make_shift(places=1), make_volunteer(), make_volunteer("周晓航")
    claim(shift, lin)
    assert cancel(claim(shift, zhou), zhou, LATE).state is ClaimState.CANCELLED


def test_a_claim_is_cancelled_once():
    lin = make_volunteer()
    made = cancel(claim(make_shift(), lin), lin)
    with pytest.raises(Refusal, match="already ended"):
        cancel(made, lin)


def test_nobody_cancels_for_somebody_else():
    lin, zhou = make_volunteer(), make_volunteer("周晓航")
    with pytest.raises(Refusal, match="somebody else"):
        cancel(claim(make_shift(), lin), zhou)


def full_shift():
    shift, people = make_shift(places=1), [make_volunteer(name) for name in ("林小满", "周晓航", "沈一诺")]
    return shift, people, [claim(shift, person) for person in people]


def test_more_than_a_day_before_the_first_in_line_moves_up_by_itself():
    _shift, (lin, zhou, _), (first, second, third) = full_shift()
    cancel(first, lin)
    assert (second.state, second.place, third.state) == (ClaimState.HELD, 1, ClaimState.WAITING)
    assert kinds(zhou)[-1] is NoticeKind.PLACE_MOVED_UP
    assert queries.position(third) == 1


def test_later_the_place_is_offered_and_kept_for_half_an_hour():
    _shift, (lin, zhou, _), (first, second, _third) = full_shift()
    cancel(first, lin, LATE, "发烧了")
    assert (second.state, second.place) == (ClaimState.OFFERED, 1)
    assert second.offered_until == LATE + timedelta(minutes=30)
    assert kinds(zhou)[-1] is NoticeKind.CLAIM_OFFERED


def test_an_offer_is_accepted_in_time():
    _shift, (lin, zhou, _), (first, second, _third) = full_shift()
    cancel(first, lin, LATE, "发烧了")
    actions.accept(second.id, actor_of(zhou), now=LATE + timedelta(minutes=29))
    assert (second.state, second.place, second.offered_until) == (ClaimState.HELD, 1, None)


def test_an_offer_that_nobody_takes_goes_to_the_next_and_each_is_told():
    _shift, (lin, zhou, shen), (first, second, third) = full_shift()
    cancel(first, lin, LATE, "发烧了")
    end = LATE + timedelta(minutes=30)
    with pytest.raises(Refusal, match="offer has ended"):
        actions.accept(second.id, actor_of(zhou), now=end)
    assert actions.settle_offers(end) == 1
    assert (second.state, third.state, third.place) == (ClaimState.LAPSED, ClaimState.OFFERED, 1)
    assert kinds(zhou)[-1] is NoticeKind.OFFER_LAPSED
    assert kinds(shen)[-1] is NoticeKind.CLAIM_OFFERED
    assert actions.settle_offers(end) == 0


def test_an_offered_place_is_nobody_elses():
    shift, (lin, _zhou, _), (first, _second, _third) = full_shift()
    cancel(first, lin, LATE, "发烧了")
    assert claim(shift, make_volunteer("钱多"), LATE).state is ClaimState.WAITING


def test_an_offer_never_outlives_the_start():
    _shift, (lin, _zhou, _), (first, second, _third) = full_shift()
    cancel(first, lin, START - timedelta(minutes=10), "发烧了")
    assert second.offered_until == START


def test_declining_an_offer_leaves_no_mark_and_passes_it_on():
    _shift, (lin, zhou, _), (first, second, third) = full_shift()
    cancel(first, lin, LATE, "发烧了")
    assert cancel(second, zhou, LATE).state is ClaimState.CANCELLED
    assert third.state is ClaimState.OFFERED


def test_leaving_gives_up_everything_to_come():
    _shift, (lin, _zhou, _), (first, second, _third) = full_shift()
    actions.release_all(lin.id, now=LATE)
    assert (first.state, second.state) == (ClaimState.CANCELLED, ClaimState.OFFERED)


def test_a_clerk_frees_a_place_with_a_reason_and_the_person_is_told():
    world = make_world()
    made = claim(make_shift(make_post(world.station)), world.lin)
    with pytest.raises(Refusal, match="does not cover"):
        actions.release(made.id, world.gu, reason="没来", now=BEFORE)
    actions.release(made.id, world.chen, reason="来电说不来", now=BEFORE)
    assert made.state is ClaimState.CALLED_OFF
    assert kinds(world.lin)[-1] is NoticeKind.CLAIM_RELEASED


def test_the_line_skips_somebody_who_is_busy_by_now():
    shift, (lin, zhou, _shen), (first, second, third) = full_shift()
    # A change of time can put two claims of one person side by side; the line must not make it worse.
    other = make_shift(starts_at=START + 4 * HOUR)
    claim(other, zhou)
    other.starts_at, other.ends_at = START, START + HOUR
    db.session.commit()
    cancel(first, lin)
    assert (second.state, third.state) == (ClaimState.WAITING, ClaimState.HELD)
    assert shift.places == 1


def test_closing_the_account_passes_the_places_on(client):
    _shift, (lin, zhou, _), (first, second, _third) = full_shift()
    account = db.session.get_one(Account, lin.account_id)
    account.password_hash = passwords.hashed("river-2026-west")
    db.session.commit()
    sign_in(client, lin.account_id)
    gone = client.post("/me/departure", data={"password": "river-2026-west", "personal_data": "keep"})
    assert gone.status_code == 303, gone.text
    db.session.expire_all()
    assert (first.state, second.place) == (ClaimState.CANCELLED, 1)
    assert kinds(zhou)[-1] is NoticeKind.PLACE_MOVED_UP
