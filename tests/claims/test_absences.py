"""Who did not come: noted by a person, told, disputable, decided by another, and faded by itself."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from blueprints.claims import absences, actions, marking, roster
from blueprints.claims.models import Absence, AbsenceKind, AbsenceOutcome, Act, Claim, ClaimState
from blueprints.identity import actions as identity
from blueprints.identity.models import Leaving
from blueprints.messages.models import NoticeKind
from blueprints.organizations.models import Limit, Setting
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from tests.claims.test_attendance import END, MINUTE, mark, settle
from tests.claims.test_claiming import actor_of, claim, kinds
from tests.factories import BEFORE, HOUR, START, give, make_post, make_shift, make_world, saved

NO_SHOW, EXCUSED = AbsenceKind.NO_SHOW, AbsenceKind.EXCUSED
UPHELD, OVERTURNED = AbsenceOutcome.UPHELD, AbsenceOutcome.OVERTURNED
DAY = timedelta(days=1)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station), places=3)


@pytest.fixture
def held(shift, world):
    return claim(shift, world.lin)


def note(held, actor, kind=NO_SHOW, now=END, reason=""):
    made = marking.note(held.id, kind, actor, reason=reason, now=now)
    db.session.commit()
    return made


def dispute(noted, volunteer, now=END + HOUR, words="我九点就到了。"):
    done = marking.dispute(noted.id, words, actor_of(volunteer), now=now)
    db.session.commit()
    return done


def decide(noted, actor, outcome, now=END + DAY, reason="查了监控。"):
    done = marking.decide(noted.id, outcome, reason, actor, now=now)
    db.session.commit()
    return done


def marks(world, volunteer, now=END + 2 * DAY, actor=None):
    return absences.marks([volunteer.id], (actor or world.chen).reach(Role.CLERK), now)[volunteer.id]


def own(volunteer, now=END + 2 * DAY):
    return [noted.id for noted in absences.own(volunteer.id, now)]


# --- noting ------------------------------------------------------------------------------------------------------


def test_the_list_names_who_was_neither_seen_nor_released(world, shift, held):
    came, freed = claim(shift, world.zhou), claim(shift, world.shen)
    mark(came, Act.IN, world.chen, START)
    actions.release(freed.id, world.chen, reason="打电话来了", now=START - HOUR)
    assert [each.claim.id for each in absences.missing(shift.id, END)] == [held.id]


def test_nothing_is_noted_by_itself(world, shift, held):
    assert [each.absence for each in absences.missing(shift.id, END + 9 * DAY)] == [None]
    assert kinds(world.lin) == [NoticeKind.CLAIM_HELD]


def test_a_mark_is_told_with_the_day_on_which_it_fades(world, held):
    noted = note(held, world.chen)
    assert noted.fades_at == END.replace(month=11)
    assert kinds(world.lin)[-1] is NoticeKind.NO_SHOW_NOTED
    assert held.state is ClaimState.HELD


def test_being_excused_leaves_no_mark(world, held):
    note(held, world.chen, EXCUSED, reason="发烧")
    assert (marks(world, world.lin).no_shows, own(world.lin)) == (0, [])
    assert kinds(world.lin)[-1] is NoticeKind.ABSENCE_EXCUSED
    assert absences.of_claims([held.id], END)[held.id].kind is EXCUSED


@pytest.mark.parametrize(
    ("now", "sentence"),
    [(END - MINUTE, "ends at"), (END + 31 * DAY, "too long ago")],
)
def test_it_is_noted_after_the_end_and_not_much_later(world, held, now, sentence):
    with pytest.raises(Refusal, match=sentence):
        note(held, world.chen, now=now)


def test_who_was_seen_or_holds_nothing_is_not_noted(world, shift, held):
    mark(held, Act.IN, world.chen, START)
    with pytest.raises(Refusal, match="was seen"):
        note(held, world.chen)
    waiting = claim(make_shift(make_post(world.station), places=1), world.zhou)
    actions.cancel(waiting.id, actor_of(world.zhou), now=BEFORE)
    with pytest.raises(Refusal, match="holds no place"):
        note(waiting, world.chen)


def test_one_note_at_a_time_and_only_by_a_clerk_of_the_place_about_others(world, shift, held):
    for actor in (world.gu, world.wu, world.qian):
        with pytest.raises(Refusal, match="does not cover"):
            note(held, actor)
    note(held, world.chen)
    with pytest.raises(Refusal, match="already"):
        note(held, world.chen, EXCUSED)
    own_clerk = give(db.session.get(identity.Account, world.zhou.account_id), Role.CLERK, world.station)
    with pytest.raises(Refusal, match="your own claim"):
        note(claim(shift, world.zhou), own_clerk)


def test_a_slip_of_the_finger_is_taken_back_and_another_note_can_follow(world, held):
    noted = note(held, world.chen)
    marking.take_back(noted.id, world.chen, now=END + MINUTE)
    assert (own(world.lin), marks(world, world.lin).no_shows) == ([], 0)
    assert kinds(world.lin)[-1] is NoticeKind.NO_SHOW_UNDONE
    assert note(held, world.chen, EXCUSED).kind is EXCUSED
    with pytest.raises(Refusal, match="taken back already"):
        marking.take_back(noted.id, world.chen, now=END + HOUR)


def test_times_that_are_stated_later_silence_the_mark(world, held):
    note(held, world.chen)
    settle(held, world.chen, START, END, END + HOUR)
    assert (own(world.lin), marks(world, world.lin).no_shows, absences.of_claims([held.id], END + HOUR)) == ([], 0, {})


# --- disputing -----------------------------------------------------------------------------------------------------


def test_a_disputed_mark_counts_nowhere_until_another_person_upholds_it(world, held):
    noted = note(held, world.chen)
    assert marks(world, world.lin).no_shows == 1
    dispute(noted, world.lin)
    assert marks(world, world.lin).no_shows == 0
    decide(noted, world.wu, UPHELD)
    assert (marks(world, world.lin).no_shows, own(world.lin)) == (1, [noted.id])
    assert kinds(world.lin)[-1] is NoticeKind.NO_SHOW_UPHELD


def test_an_overturned_mark_is_shown_to_nobody(world, held):
    noted = dispute(note(held, world.chen), world.lin)
    decide(noted, world.wu, OVERTURNED)
    assert (marks(world, world.lin).no_shows, own(world.lin)) == (0, [])
    with pytest.raises(Refusal, match="already"):
        note(held, world.chen)


def test_neither_the_marker_nor_the_person_nor_a_stranger_decides(world, held):
    noted = dispute(note(held, world.chen), world.lin)
    with pytest.raises(Refusal, match="another person decides"):
        decide(noted, world.chen, UPHELD)
    lin_confirms = give(db.session.get(identity.Account, world.lin.account_id), Role.CONFIRMER, world.station)
    with pytest.raises(Refusal, match="about you"):
        decide(noted, lin_confirms, OVERTURNED)
    for actor in (world.pan, world.gu, world.qian):
        with pytest.raises(Refusal, match="does not cover"):
            decide(noted, actor, UPHELD)


def test_only_the_person_objects_once_with_words_while_it_stands(world, held):
    noted = note(held, world.chen)
    with pytest.raises(Refusal, match="somebody else"):
        dispute(noted, world.zhou)
    with pytest.raises(Refusal, match="say what"):
        dispute(noted, world.lin, words="")
    with pytest.raises(Refusal, match="does not stand"):
        dispute(noted, world.lin, now=noted.fades_at)
    dispute(noted, world.lin)
    with pytest.raises(Refusal, match="already"):
        dispute(noted, world.lin)


def test_a_decision_needs_an_objection_and_a_reason_and_is_final(world, held):
    noted = note(held, world.chen)
    with pytest.raises(Refusal, match="no objection"):
        decide(noted, world.wu, UPHELD)
    dispute(noted, world.lin)
    with pytest.raises(Refusal, match="give a reason"):
        decide(noted, world.wu, UPHELD, reason="")
    decide(noted, world.wu, UPHELD)
    with pytest.raises(Refusal, match="no objection"):
        decide(noted, world.wu, OVERTURNED)
    with pytest.raises(Refusal, match="second person"):
        marking.take_back(noted.id, world.chen, now=END + 2 * DAY)


# --- fading ---------------------------------------------------------------------------------------------------------


def test_a_mark_fades_on_its_day_for_everybody(world, shift, held):
    noted = note(held, world.chen)
    last = noted.fades_at - MINUTE
    assert (own(world.lin, last), marks(world, world.lin, last).no_shows) == ([noted.id], 1)
    faded = noted.fades_at
    assert (own(world.lin, faded), marks(world, world.lin, faded).no_shows) == ([], 0)
    assert absences.missing(shift.id, faded)[0].absence is None


def test_the_city_sets_how_long_and_earlier_marks_keep_their_day(world, shift, held):
    first = note(held, world.chen)
    saved(Setting(name=Limit.NO_SHOW_MONTHS, value=1, changed_at=BEFORE))
    second = note(claim(shift, world.zhou), world.chen)
    assert (first.fades_at, second.fades_at) == (END.replace(month=11), END.replace(month=6))


def test_a_month_that_is_too_short_fades_on_its_last_day(world, app):
    with app.test_request_context():
        assert absences.fades_at(datetime(2099, 8, 31, 1, tzinfo=UTC)) == datetime(2100, 2, 28, 1, tzinfo=UTC)


def test_late_cancellations_fade_in_the_same_way(world, shift, held):
    actions.cancel(held.id, actor_of(world.lin), reason="临时有事", now=START - HOUR)
    db.session.commit()
    assert marks(world, world.lin).late == 1
    assert [late.id for late in roster.sheet(shift, END).late] == [held.id]
    faded = (START - HOUR).replace(month=11) + MINUTE
    assert (marks(world, world.lin, faded).late, roster.sheet(shift, faded).late) == (0, ())


def test_marks_of_elsewhere_are_not_told(world, held):
    note(held, world.chen)
    assert marks(world, world.lin, actor=world.gu).no_shows == 0


def test_erasing_somebody_takes_the_words_along(world, held):
    noted = decide(dispute(note(held, world.chen, reason="没接电话"), world.lin), world.wu, UPHELD)
    identity.leave(world.lin.account_id, Leaving.ERASE, now=END + 3 * DAY)
    db.session.commit()
    db.session.expire_all()
    row = db.session.get(Absence, noted.id)
    assert (row.reason, row.dispute, row.decision) == ("", "-", "-")
    assert db.session.scalar(select(Claim.reason).where(Claim.id == held.id)) in ("", "-")
