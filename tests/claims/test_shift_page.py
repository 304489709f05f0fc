"""The page of a shift: what it tells, the one thing it lets one do, and what it answers when that is not possible."""

import re
from datetime import date, timedelta

import pytest

from blueprints.claims import actions
from blueprints.claims.models import Act, Claim, ClaimState
from blueprints.identity.models import Skill, VolunteerState
from blueprints.posts.models import Category, PostState, RiskLevel, ShiftState
from core.db import db
from core.prefs import COOKIE
from tests.claims.conftest import SWAP
from tests.claims.test_attendance import mark
from tests.claims.test_claiming import actor_of, claim
from tests.counting import counted
from tests.factories import BEFORE, HOUR, START, make_post, make_shift, make_volunteer, make_world, sign_in

SCRIPT = "<script>alert(1)</script>"
DEADLINE = START - 24 * HOUR
CARD = {"card": ""}


@pytest.fixture(autouse=True)
def saturday(at):
    at(BEFORE)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station, category=Category.ELDERS), places=2)


@pytest.fixture
def lin(client, world):
    sign_in(client, world.lin.account_id)
    return world.lin


def page_of(client, shift):
    answer = client.get(f"/shifts/{shift.id}")
    assert answer.status_code == 200
    return answer.text


def tap(client, path, follow=True, **data):
    return client.post(path, data=data, follow_redirects=follow)


def state_of(made):
    db.session.expire_all()
    return db.session.get(Claim, made.id).state


# --- what it tells --------------------------------------------------------------------------------------------


def test_a_visitor_reads_everything_that_the_law_wants_told(client, world):
    post = make_post(world.station, skill=Skill.FIRST_AID, min_age=18, max_age=70, hazards=["water", "night"])
    post.risk_level, post.dangerous = RiskLevel.HIGH, True
    world.station.phone, world.station.address = "0573-8888 0000", "烟雨社区 1 号"
    page = page_of(client, make_shift(post, places=3, hours=3, break_minutes=15))
    for words in (
        *("Mon 4 May 09:00–12:00", "2 h 45 min", "and a break of 15 min", "南湖区 · 南湖街道 · 烟雨社区"),
        *("烟雨社区党群服务中心一楼", "整理图书，办理借还，陪孩子阅读。", "有耐心，爱看书。", "Age 18 to 70"),
        *("Skill: First aid", "3 places", "在本页认领，或到站点登记。", "High risk", "At or on the water, At night"),
        *("久坐，无明显风险。", "Not open to people under 18.", "意外险、饮水。", "陈站长", "0573-00000000"),
        *("烟雨社区志愿服务站", "烟雨社区 1 号", 'href="tel:0573-88880000"', "Handy services"),
    ):
        assert words in page, words


def test_a_visitor_is_told_how_to_claim(client, shift):
    page = page_of(client, shift)
    assert f'href="/sign-in?next=/shifts/{shift.id}"' in page
    assert 'href="/registration"' in page
    assert "csrf_token" not in page


def test_words_of_a_post_never_become_markup(client, world):
    words = ("title", "place", "content", "conditions", "sign_up", "risks", "safeguards", "responsible_name")
    page = page_of(client, make_shift(make_post(world.station, **dict.fromkeys(words, SCRIPT))))
    assert SCRIPT not in page
    assert page.count("&lt;script&gt;") >= len(words)


@pytest.mark.parametrize("who", [None, "lin", "chen"])
def test_a_draft_and_what_does_not_exist_are_404_for_everybody(client, world, who):
    if who:
        sign_in(client, getattr(world, who).account_id)
    draft = make_shift(make_post(world.station, state=PostState.DRAFT, published_at=None), state=ShiftState.DRAFT)
    for id in (draft.id, 999_999, 10**30):
        assert client.get(f"/shifts/{id}").status_code == 404
        assert client.get(f"/shifts/{id}/card").status_code == 404


def test_a_draft_cannot_be_claimed_and_is_not_admitted_to_exist(client, world, lin):
    draft = make_shift(make_post(world.station, state=PostState.DRAFT, published_at=None), state=ShiftState.DRAFT)
    assert tap(client, f"/shifts/{draft.id}/claims").status_code == 404
    assert tap(client, "/shifts/999999/claims").status_code == 404


def test_a_cancelled_shift_says_so_with_the_reason_and_a_way_on(client, shift, lin):
    shift.state, shift.cancelled_at, shift.cancel_reason = ShiftState.CANCELLED, BEFORE, "台风"
    db.session.commit()
    page = page_of(client, shift)
    assert "This shift will not take place. Reason: 台风" in page
    assert "/claims" not in page
    assert 'href="/">Find another one' in page


@pytest.mark.parametrize(
    ("moment", "words"), [(START, "This shift is on now"), (START + 2 * HOUR, "This shift has ended")]
)
def test_a_shift_that_has_begun_says_so_and_cannot_be_claimed(client, shift, lin, at, moment, words):
    at(moment)
    page = page_of(client, shift)
    assert words in page
    assert f"/shifts/{shift.id}/claims" not in page


def test_in_easy_view_the_phone_of_the_shift_is_on_the_page(client, shift, world):
    client.set_cookie(COOKIE, "en.elder.auto")
    assert page_of(client, shift).count('href="tel:0573-00000000"') == 2
    world.station.phone = "0573-99990000"
    db.session.commit()
    assert 'class="foot__help"><a class="help-line" href="tel:0573-99990000"' in page_of(client, shift)


# --- claiming in one tap ----------------------------------------------------------------------------------------


def test_one_tap_gives_the_place_and_says_which(client, shift, lin):
    page = page_of(client, shift)
    assert "By tapping you agree to the risks and safeguards above." in page
    answer = tap(client, f"/shifts/{shift.id}/claims", follow=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/shifts/{shift.id}")
    page = page_of(client, shift)
    assert "You hold place 1." in page
    assert "Place 1 is yours" in page
    assert "You can cancel freely until tomorrow 09:00." in page
    assert f"/shifts/{shift.id}/claims" not in page


def test_when_it_is_full_one_tap_gives_a_place_in_line(client, shift, world, lin):
    claim(shift, world.zhou)
    claim(shift, world.shen)
    assert "Wait in line" in page_of(client, shift)
    page = tap(client, f"/shifts/{shift.id}/claims").text
    assert "All places are held. You are number 1 in line." in page
    assert "by itself until 24 hours before the start" in page


def test_with_htmx_the_part_is_swapped_in_place(client, shift, lin):
    answer = client.post(f"/shifts/{shift.id}/claims", headers=SWAP, follow_redirects=True)
    assert "<html" not in answer.text
    assert 'id="shift"' in answer.text
    assert "You hold place 1." in answer.text


def test_from_a_card_of_the_list_the_card_alone_comes_back(client, shift, lin):
    answer = client.post(f"/shifts/{shift.id}/claims?card", headers=SWAP, follow_redirects=True)
    assert answer.request.path == f"/shifts/{shift.id}/card"
    assert answer.text.count("<article") == 1
    assert f'id="shift-{shift.id}"' in answer.text
    assert "Place 1 is yours" in answer.text
    assert "You hold place 1." in answer.text


def test_a_card_alone_without_htmx_is_the_page_of_the_shift(client, shift, lin):
    answer = client.get(f"/shifts/{shift.id}/card")
    assert "<html" in answer.text
    assert 'id="about"' in answer.text


@pytest.mark.parametrize("card", [{}, CARD])
def test_a_double_tap_is_told_so_once_and_changes_nothing(client, shift, lin, card):
    tap(client, f"/shifts/{shift.id}/claims")
    answer = client.post(f"/shifts/{shift.id}/claims", query_string=card, headers=SWAP if card else {})
    assert answer.status_code == 409
    assert answer.text.count("You have already claimed this shift. You find it in your schedule.") == 1
    assert "Place 1 is yours" in answer.text
    assert db.session.query(Claim).count() == 1


@pytest.mark.parametrize("card", [{}, CARD])
@pytest.mark.parametrize("sentence", ["This shift was cancelled", "This shift has already started"])
def test_a_stale_page_gets_the_sentence_and_the_shift_as_it_is_now(client, shift, lin, at, card, sentence):
    if sentence.endswith("cancelled"):
        shift.state, shift.cancelled_at = ShiftState.CANCELLED, BEFORE
        db.session.commit()
    else:
        at(START)
    answer = client.post(f"/shifts/{shift.id}/claims", query_string=card, headers=SWAP if card else {})
    assert answer.status_code == 409
    assert sentence in answer.text
    assert db.session.query(Claim).count() == 0


def test_a_shift_that_filled_meanwhile_gives_a_place_in_line_and_says_so(client, shift, world, lin):
    page_of(client, shift)
    claim(shift, world.zhou)
    claim(shift, world.shen)
    assert "You are number 1 in line" in tap(client, f"/shifts/{shift.id}/claims").text


def test_who_is_not_signed_in_goes_to_sign_in_and_comes_back_to_the_shift(client, shift):
    answer = client.post(f"/shifts/{shift.id}/claims", headers={"Referer": f"http://localhost/shifts/{shift.id}"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/sign-in?next=%2Fshifts%2F{shift.id}"


# --- why not, before the tap ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "post", "sentence"),
    [
        ({"state": VolunteerState.SUBMITTED}, {}, "Your registration waits for approval."),
        ({"state": VolunteerState.RETURNED}, {}, "Your registration was returned."),
        ({"birth_date": date(2082, 1, 1)}, {"min_age": 18}, "This post asks for people of 18 or older."),
        ({"birth_date": date(2082, 1, 1)}, {}, "Under 18 you need a guardian"),
        ({"birth_date": date(2020, 1, 1)}, {"max_age": 60}, "This post asks for people up to 60."),
        ({}, {"skill": Skill.TUTORING}, "This post asks for a skill you have not named."),
    ],
)
def test_who_cannot_claim_reads_why_before_tapping(client, world, values, post, sentence):
    shift = make_shift(make_post(world.station, **post))
    sign_in(client, make_volunteer("许小禾", world.station, **values).account_id)
    page = page_of(client, shift)
    assert sentence in page
    assert f'action="/shifts/{shift.id}/claims"' not in page
    answer = tap(client, f"/shifts/{shift.id}/claims")
    assert answer.status_code == 409
    assert sentence in answer.text


def test_the_other_shift_at_that_time_is_named(client, world, shift, lin):
    other = make_shift(make_post(world.station, title="护河巡查岗"), starts_at=START + HOUR)
    claim(other, lin)
    page = page_of(client, shift)
    assert "At that time you already claim “护河巡查岗”, Mon 4 May 10:00–12:00." in page
    assert f'action="/shifts/{shift.id}/claims"' not in page


def test_staff_without_a_registration_are_led_to_it(client, world, shift):
    sign_in(client, world.chen.account_id)
    page = page_of(client, shift)
    assert "Please register as a volunteer first." in page
    assert 'href="/registration"' in page
    assert tap(client, f"/shifts/{shift.id}/claims").status_code == 409


# --- giving up ----------------------------------------------------------------------------------------------------


def test_until_the_deadline_one_cancels_freely(client, shift, lin, at):
    made = claim(shift, lin)
    at(DEADLINE)
    assert 'name="reason"' not in page_of(client, shift)
    answer = tap(client, f"/claims/{made.id}/cancellation", follow=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/shifts/{shift.id}")
    assert state_of(made) is ClaimState.CANCELLED
    page = page_of(client, shift)
    assert "Cancelled." in page
    assert "Your earlier claim: Cancelled" in page
    assert f'action="/shifts/{shift.id}/claims"' in page


def test_later_the_page_says_what_it_means_and_asks_for_a_reason(client, shift, lin, at):
    made = claim(shift, lin)
    at(DEADLINE + timedelta(minutes=1))
    page = page_of(client, shift)
    assert "the claim is then marked as cancelled late" in page
    assert 'name="reason"' in page
    answer = tap(client, f"/claims/{made.id}/cancellation", reason="  ")
    assert answer.status_code == 409
    assert "It is less than 24 hours to the start. Please give a reason." in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "Cancelled, and marked as late." in tap(client, f"/claims/{made.id}/cancellation", reason="发烧了").text
    assert state_of(made) is ClaimState.LATE


def test_after_a_change_of_time_one_leaves_without_a_mark_and_reads_so(client, shift, lin, at):
    made = claim(shift, lin)
    shift.moved_at = BEFORE + HOUR
    db.session.commit()
    at(DEADLINE + HOUR)
    page = page_of(client, shift)
    assert "you may cancel without a mark" in page
    assert 'name="reason"' not in page
    tap(client, f"/claims/{made.id}/cancellation")
    assert state_of(made) is ClaimState.CANCELLED


def test_a_page_from_before_the_deadline_is_asked_for_the_reason_now(client, shift, lin, at):
    made = claim(shift, lin)
    assert 'name="reason"' not in page_of(client, shift)
    at(DEADLINE + HOUR)
    answer = client.post(f"/claims/{made.id}/cancellation", headers=SWAP)
    assert answer.status_code == 409
    assert "Please give a reason" in answer.text
    assert 'name="reason"' in answer.text
    assert state_of(made) is ClaimState.HELD


@pytest.mark.parametrize(("reason", "status"), [("长" * 201, 422), (SCRIPT, 200), ("a\0b\x07", 200), ("😀", 200)])
def test_any_reason_is_taken_as_text(client, shift, lin, at, reason, status):
    made = claim(shift, lin)
    at(DEADLINE + HOUR)
    answer = tap(client, f"/claims/{made.id}/cancellation", reason=reason)
    assert answer.status_code == status
    assert SCRIPT not in answer.text
    if status == 422:
        assert "Please use at most 200 characters." in answer.text
        assert reason in answer.text


def test_a_place_in_line_is_left_without_a_reason(client, shift, world, lin, at):
    claim(shift, world.zhou)
    claim(shift, world.shen)
    made = claim(shift, lin)
    at(DEADLINE + HOUR)
    assert "You lose your position." in page_of(client, shift)
    tap(client, f"/claims/{made.id}/cancellation")
    assert state_of(made) is ClaimState.CANCELLED


def test_cancelling_twice_says_that_it_has_ended(client, shift, lin):
    made = claim(shift, lin)
    tap(client, f"/claims/{made.id}/cancellation")
    answer = tap(client, f"/claims/{made.id}/cancellation")
    assert answer.status_code == 409
    assert "This claim has already ended." in answer.text


def test_after_the_start_nobody_cancels_from_an_old_page(client, shift, lin, at):
    made = claim(shift, lin)
    at(START)
    answer = tap(client, f"/claims/{made.id}/cancellation", reason="睡过头")
    assert answer.status_code == 409
    assert "The shift has started." in answer.text


# --- an offer -----------------------------------------------------------------------------------------------------


@pytest.fixture
def offered(shift, world, lin, at):
    """Zhou and Shen hold the places, Lin waits; Zhou gives up an hour after the deadline."""
    first = claim(shift, world.zhou)
    claim(shift, world.shen)
    made = claim(shift, lin)
    at(DEADLINE + HOUR)
    actions.cancel(first.id, actor_of(world.zhou), reason="发烧了", now=DEADLINE + HOUR)
    db.session.commit()
    return made


def test_an_offer_says_until_when_and_is_taken_up_in_one_tap(client, shift, offered):
    page = page_of(client, shift)
    assert "A place is kept for you" in page
    assert "Place 1 is kept for you until today 10:30. Then it goes to the next in line." in page
    answer = tap(client, f"/claims/{offered.id}/acceptance")
    assert "You hold place 1." in answer.text
    assert state_of(offered) is ClaimState.HELD


def test_an_offer_is_taken_up_from_the_list_too(client, offered, shift):
    answer = client.post(f"/claims/{offered.id}/acceptance?card", headers=SWAP, follow_redirects=True)
    assert f'id="shift-{shift.id}"' in answer.text
    assert "Place 1 is yours" in answer.text


def test_an_offer_that_has_ended_is_refused_with_what_to_do(client, offered, at):
    at(DEADLINE + 2 * HOUR)
    answer = tap(client, f"/claims/{offered.id}/acceptance")
    assert answer.status_code == 409
    assert "The offer has ended and the place went on." in answer.text


def test_an_offer_can_be_given_up(client, shift, offered):
    assert "Give up the offer" in page_of(client, shift)
    tap(client, f"/claims/{offered.id}/cancellation")
    assert state_of(offered) is ClaimState.CANCELLED


# --- whose claim ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["cancellation", "acceptance", "arrival", "departure"])
def test_the_claim_of_somebody_else_does_not_exist(client, shift, world, lin, act):
    theirs = claim(shift, world.zhou)
    for id in (theirs.id, 999_999, 10**30):
        assert tap(client, f"/claims/{id}/{act}", code="123456", reason="x").status_code == 404
    assert state_of(theirs) is ClaimState.HELD


def test_staff_without_a_registration_own_no_claim(client, shift, world):
    theirs = claim(shift, world.zhou)
    sign_in(client, world.chen.account_id)
    assert tap(client, f"/claims/{theirs.id}/cancellation").status_code == 404


def test_others_see_no_name_and_no_state_of_a_claim(client, shift, world, lin):
    claim(shift, world.zhou)
    page = page_of(client, shift)
    assert "周晓航" not in page
    assert "is yours" not in page


# --- once it has begun ------------------------------------------------------------------------------------------------


def test_a_holder_reads_what_was_seen_of_the_attendance(client, shift, world, lin, at):
    made = claim(shift, lin)
    at(START)
    page = page_of(client, shift)
    assert "You have not checked in yet." in page
    assert 'href="/check-in"' in page
    mark(made, Act.IN, world.chen, START + timedelta(minutes=2))
    at(START + HOUR)
    assert "checked in 09:02, not checked out yet" in page_of(client, shift)
    at(START + 4 * HOUR)
    page = page_of(client, shift)
    assert "checked in 09:02, not checked out: the station settles the time with you" in page
    assert 'href="/me/records"' in page


# --- cost ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("situation", ["visitor", "free", "minor with a skill", "held", "waiting", "running"])
def test_the_page_asks_at_most_eight_questions(client, world, at, situation):
    shift = make_shift(make_post(world.station, skill=Skill.TUTORING if "skill" in situation else None), places=1)
    if situation == "waiting":
        claim(shift, world.zhou)
    if situation in ("held", "waiting", "running"):
        claim(shift, world.lin)
    young = make_volunteer("许小禾", world.station, birth_date=date(2083, 1, 1))
    if situation != "visitor":
        sign_in(client, (young if "minor" in situation else world.lin).account_id)
    if situation == "running":
        at(START)
    db.session.refresh(shift)  # what the test itself asks does not count
    with counted() as asked:
        page_of(client, shift)
    assert len(asked) <= 8 + 2  # the version and the tree of places, which this test never keeps


def test_no_page_of_a_shift_has_two_primary_actions(client, shift, lin, world):
    def primary(page):
        return len(re.findall(r'class="button(?: button--wide)?"', page))

    assert primary(page_of(client, shift)) == 1
    claim(shift, lin)
    assert primary(page_of(client, shift)) == 0
