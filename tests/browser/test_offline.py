"""The network is cut in the middle of a roll-call and comes back: everything arrives, once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from blueprints.claims import queries as attendance
from blueprints.claims.models import EvidenceClass, Punch
from blueprints.identity.models import Session
from blueprints.rollcall.models import OfflineAct
from core.db import db
from tests.browser.person import Person, zh
from tests.browser.scenes import LIBRARY, PASSWORD, TABLET, claimed, found, offered, prepared, with_password
from tests.browser.test_station import row
from tests.factories import HOUR, START, World
from tests.rollcall.photos import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
At = Callable[[datetime], None]
MINUTE = timedelta(minutes=1)

# As many taps on one person as somebody can make in a long afternoon.
MARKS = """async ([claim, number]) => {
    for (let n = 0; n < number; n++) await rengangQueue.add({ claim, act: n % 2 ? "out" : "in" });
}"""


@pytest.fixture
def shift(world: World, at: At) -> int:
    shift = offered(world)
    claimed(shift, world.lin), claimed(shift, world.zhou)
    at(START - 5 * MINUTE)
    return shift


def opens_the_roster(clerk: Person, shift: int) -> None:
    """And waits until the tablet has its copy."""
    clerk.opens(f"/desk/shifts/{shift}/roster")
    expect(clerk.page.locator("#watch[data-ready]")).to_have_count(1)


def network(clerk: Person, on: bool) -> None:
    clerk.page.context.set_offline(not on)


def waits(clerk: Person, count: int) -> None:
    expect(clerk.page.locator("#queue")).to_contain_text(zh("{n} to be sent").replace("{n}", str(count)))


def marks(clerk: Person, words: str, name: str) -> None:
    clerk.pauses()
    clerk.taps(words, row(clerk, name), exact=False)
    expect(row(clerk, name)).to_contain_text(zh("to be sent"))


def is_live_again(clerk: Person) -> None:
    """The page is the server's own again, and nothing waits."""
    expect(clerk.page.locator("html:not([data-kept]) #day-code")).to_be_visible()
    expect(clerk.page.locator("#queue")).to_be_hidden()


def sent() -> list[OfflineAct]:
    return found(lambda: list(db.session.scalars(select(OfflineAct).order_by(OfflineAct.id))))


def present(world: World) -> dict[str, int]:
    """How often each was seen to come, in class B."""

    def ask() -> dict[str, int]:
        names = {world.lin.id: "林小满", world.zhou.id: "周晓航"}
        punches = db.session.scalars(attendance.standing_punches()).all()
        assert {punch.evidence for punch in punches} <= {EvidenceClass.B}
        people = [db.session.get_one(Punch, punch.id).claim_id for punch in punches]
        owners = dict(db.session.execute(select(attendance.Claim.id, attendance.Claim.volunteer_id)).all())
        return {name: sum(owners[id] == person for id in people) for person, name in names.items()}

    return found(ask)


def test_the_network_is_cut_in_the_middle_of_a_roll_call(world: World, comes: Comes, shift: int) -> None:
    chen = comes(TABLET, world.chen.account_id)
    opens_the_roster(chen, shift)
    network(chen, on=False)
    marks(chen, "Check in", "林小满")
    waits(chen, 1)
    chen.page.reload()
    chen.reads(LIBRARY)
    expect(chen.page.locator("html[data-kept]")).to_have_count(1)
    waits(chen, 1)
    expect(row(chen, "林小满")).to_contain_text(zh("to be sent"))
    marks(chen, "Check in", "周晓航")
    chen.pauses()
    chen.taps("Undo", row(chen, "周晓航"), exact=False)
    waits(chen, 3)
    marks(chen, "Check in", "周晓航")
    chen.finds_no_barrier()
    queue: list[dict[str, Any]] = chen.page.evaluate("rengangQueue.all()")
    assert len(queue) == 4
    network(chen, on=True)
    is_live_again(chen)
    expect(row(chen, "林小满")).to_contain_text(zh("In %(time)s", time="08:5"))
    assert present(world) == {"林小满": 1, "周晓航": 1}
    sends_the_same_again(chen, queue, world)


def sends_the_same_again(clerk: Person, queue: list[dict[str, Any]], world: World) -> None:
    """As if the answer had been lost on its way."""
    with clerk.page.expect_response("**/desk/offline-acts") as answer:
        clerk.page.evaluate("(queue) => queue.forEach((act) => rengangQueue.add(act))", queue)
    assert answer.value.ok
    is_live_again(clerk)
    assert (len(sent()), present(world)) == (4, {"林小满": 1, "周晓航": 1})


def test_what_waits_and_the_search_do_not_lie_on_each_other(
    world: World, comes: Comes, shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blueprints.claims.desk.SEARCH_FROM", 1)
    chen = comes(TABLET, world.chen.account_id)
    opens_the_roster(chen, shift)
    search = chen.page.locator(".roster-search")
    expect(search).to_have_css("position", "sticky")
    network(chen, on=False)
    marks(chen, "Check in", "林小满")
    waits(chen, 1)
    expect(search).to_have_css("position", "static")
    expect(chen.page.locator("#queue")).to_have_css("position", "sticky")


def test_after_a_sign_in_in_between_the_queue_is_sent(world: World, comes: Comes, shift: int) -> None:
    phone, chen = with_password(world.chen.account_id), comes(TABLET, world.chen.account_id)
    opens_the_roster(chen, shift)
    network(chen, on=False)
    marks(chen, "Check in", "林小满")
    chen.page.reload()  # the live page would go to the sign-in by itself
    waits(chen, 1)
    with prepared():
        db.session.execute(update(Session).values(revoked_at=START))
    network(chen, on=True)
    chen.page.locator("#queue").get_by_role("link", name=zh("Sign in")).click()
    assert sent() == []
    chen.signs_in(phone, PASSWORD)
    is_live_again(chen)
    assert [act.observed_by_id for act in sent()] == [world.chen.account_id]
    assert present(world) == {"林小满": 1, "周晓航": 0}


def test_what_was_kept_of_one_person_is_not_shown_to_the_next(world: World, comes: Comes, shift: int) -> None:
    phone, chen = with_password(world.lin.account_id), comes(TABLET, world.chen.account_id)
    opens_the_roster(chen, shift)
    chen.page.get_by_role("button", name=zh("Sign out")).click()
    chen.opens("/sign-in")
    chen.signs_in(phone, PASSWORD)
    network(chen, on=False)
    chen.opens(f"/desk/shifts/{shift}/roster")
    chen.reads("There is no network")
    expect(chen.page.locator("body")).not_to_contain_text("周晓航")


def test_a_long_queue_is_sent_in_portions_and_all_of_it_arrives_in_order(
    world: World, comes: Comes, shift: int
) -> None:
    chen, number = comes(TABLET, world.chen.account_id), 250
    opens_the_roster(chen, shift)
    claim = found(lambda: attendance.roster(shift)[0].id)
    network(chen, on=False)
    chen.page.evaluate(MARKS, [claim, number])
    waits(chen, number)
    portions: list[int] = []
    acts = lambda request: len(request.post_data_json["acts"])  # noqa: E731
    chen.page.on("request", lambda request: request.method == "POST" and portions.append(acts(request)))
    network(chen, on=True)
    is_live_again(chen)
    chen.complaints.clear()  # what a browser says about a network that is away
    assert portions == [100, 100, 50]
    rows = sent()
    assert [act.tablet_at for act in rows] == sorted(act.tablet_at for act in rows)
    assert len({act.key for act in rows}) == len(rows) == number


def test_a_tablet_keeps_the_roster_of_today_and_of_no_other_day(world: World, comes: Comes, shift: int) -> None:
    tomorrow = offered(world, "护河巡查岗", starts_at=START + 24 * HOUR)
    claimed(tomorrow, world.shen)
    chen = comes(TABLET, world.chen.account_id)
    chen.opens(f"/desk/shifts/{tomorrow}/roster")
    chen.reads("沈一诺")
    opens_the_roster(chen, shift)
    kept = chen.keeps()
    assert [name for name in ("林小满", "周晓航", "沈一诺") if name in kept] == ["林小满", "周晓航"]


def test_a_paper_sheet_is_typed_in_by_keyboard_and_confirmed_with_its_photo(
    world: World, comes: Comes, at: At, shift: int
) -> None:
    at(START + 150 * MINUTE)
    chen = comes(TABLET, world.chen.account_id)
    chen.opens(f"/desk/shifts/{shift}/sheet")
    chen.field("Photo of the sheet").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg()})
    chen.taps("Add the photo")
    chen.is_told("The photo is kept. Now type in the rows.")
    chen.finds_no_barrier()
    codes = found(lambda: list(attendance.row_codes(shift).values()))
    chen.page.locator("#rows-0-code").focus()
    for word in (codes[0], "0905", "1055", codes[1].lower(), "0900", "9999"):
        chen.page.keyboard.type(word)
        chen.page.keyboard.press("Enter")
    expect(chen.page.locator("output").nth(1)).to_have_text("周晓航")
    chen.page.keyboard.press("Enter")  # an empty code ends the list
    chen.page.keyboard.press("Enter")
    chen.reads("Please type a time like 0905. Whoever has no time here is left out for now.")
    chen.finds_no_barrier()
    expect(chen.page.locator("#rows-1-left")).to_be_focused()
    chen.page.keyboard.type("1100")
    chen.taps("Enter the rows")
    chen.is_told("One person is entered and told.", "%(num)d people are entered and told.", num=2)
    chen.opens(f"/desk/shifts/{shift}/hand-in")
    chen.types("How many people did you count on the spot?", "2")
    chen.taps("Hand in")
    wu = comes(TABLET, world.wu.account_id)
    wu.opens("/desk/records")
    wu.follows("林小满")
    expect(wu.main.locator(".evidence img")).to_be_visible()
    wu.finds_no_barrier()
