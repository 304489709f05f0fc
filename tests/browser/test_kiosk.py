"""The tablet at the station and the phones of those who come: two browsers that meet over a code on a screen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from blueprints.claims import queries as attendance
from blueprints.kiosk import actions as kiosk
from blueprints.kiosk import signs
from blueprints.kiosk.access import COOKIE, FOLDER
from core import clock, passwords
from core.db import db
from core.web import App
from tests.browser.person import Person, zh
from tests.browser.scenes import (
    DESKTOP,
    LIBRARY,
    PASSWORD,
    PHONE,
    TABLET,
    claimed,
    found,
    offered,
    prepared,
    with_password,
)
from tests.factories import HOUR, START, World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
At = Callable[[datetime], None]
PLAIN: dict[str, bool] = {"java_script_enabled": False}
READ = """async (square) => {
    const image = new Image(), canvas = document.createElement("canvas");
    image.src = square;
    await image.decode();
    [canvas.width, canvas.height] = [400, 400];
    const drawing = canvas.getContext("2d");
    drawing.drawImage(image, 0, 0, 400, 400);
    return jsQR(drawing.getImageData(0, 0, 400, 400).data, 400, 400).data;
}"""


def scanned(site: App, tablet: Person) -> str:
    """What a phone's camera makes of the square on the tablet: a path of this site."""
    with site.test_request_context():
        reader = site.jinja_env.globals["asset"]("vendor/jsqr-1.4.0/jsQR.js")  # type: ignore[operator]
    tablet.page.add_script_tag(url=reader)
    text = tablet.page.evaluate(READ, tablet.page.locator(".qr__square").get_attribute("src"))
    assert isinstance(text, str)
    return "/" + text.split("/", 3)[3]


def paired(world: World, comes: Comes, address: str, device: dict[str, object], at: datetime) -> tuple[Person, int]:
    """A tablet that a clerk has paired before, and its id."""
    with prepared():
        tablet, code = kiosk.add_tablet(world.station.id, "前台", passwords.hashed("2468"), world.chen, now=at)
        token, id = kiosk.pair(code, now=at), tablet.id
    person = comes(device)
    cookie = {"name": COOKIE, "value": token, "domain": "127.0.0.1", "path": FOLDER}
    person.page.context.add_cookies([cookie])  # type: ignore[list-item]
    return person, id


def test_a_tablet_is_paired_and_a_phone_that_signs_in_meanwhile_checks_in_and_out(
    world: World, site: App, comes: Comes, at: At
) -> None:
    shift, phone = offered(world), with_password(world.lin.account_id)
    claimed(shift, world.lin)
    at(START)
    clerk, tablet = comes(DESKTOP, world.chen.account_id), comes(TABLET)
    clerk.opens("/desk/tablets")
    clerk.types("What the tablet is called", "前台")
    clerk.types("PIN for leaving the kiosk", "2468")
    clerk.finds_no_barrier()
    clerk.taps("Add and show the code")
    code = clerk.page.locator("p.code").inner_text()
    tablet.opens("/kiosk")
    tablet.finds_no_barrier()
    tablet.types("Code from the desk", code)
    tablet.taps("Pair")
    expect(tablet.main).to_contain_text(LIBRARY)
    square = tablet.page.locator(".qr__square").bounding_box()
    assert square
    assert square["height"] >= 0.4 * TABLET["viewport"]["height"]
    tablet.finds_no_barrier()

    lin = comes(PHONE)
    lin.opens(scanned(site, tablet))
    lin.signs_in(phone, PASSWORD)
    lin.is_at(r"/scans/results/\d+")
    expect(lin.main).to_contain_text(zh("Checked in at %(time)s", time="09:00"))
    expect(lin.main.locator(".outcome--in")).to_be_visible()  # in colour as well
    lin.finds_no_barrier()
    expect(tablet.page.locator(".kiosk__came")).to_contain_text("林*")
    expect(tablet.page.locator("body")).not_to_contain_text("林小满")

    at(START + HOUR)
    expect(tablet.main).to_contain_text(zh("Code of %(time)s", time="10:00"))
    lin.opens(scanned(site, tablet))
    expect(lin.main).to_contain_text(zh("Checked out at %(time)s", time="10:00"))
    expect(lin.main.locator(".outcome--out")).to_be_visible()
    expect(tablet.page.locator(".kiosk__came")).to_contain_text(zh("Out %(time)s", time="10:00"))

    clerk.opens("/desk/tablets")
    clerk.follows("前台")
    clerk.unfolds("Cut off")
    clerk.page.locator(".confirm__box").get_by_role("button", name=zh("Cut off")).click()
    tablet.is_at("/kiosk/pairing")
    expect(tablet.page.locator("body")).not_to_contain_text(LIBRARY)


def test_a_tablet_that_slept_never_shows_a_code_that_has_ended(
    world: World, comes: Comes, address: str, at: At
) -> None:
    offered(world)
    at(START)
    tablet, _id = paired(world, comes, address, TABLET, START)
    tablet.page.clock.install()
    tablet.opens("/kiosk")
    square, sentence = tablet.page.locator(".qr__square"), zh("This code is too old. A new one comes in a moment.")
    expect(square).to_be_visible()
    expect(tablet.page.get_by_text(sentence)).to_be_hidden()
    tablet.hears_nothing()
    tablet.page.clock.fast_forward(75_000)  # the lid was shut; nothing ran meanwhile
    expect(square).to_be_hidden()
    expect(tablet.page.get_by_text(sentence)).to_be_visible()
    at(START + timedelta(minutes=2))
    tablet.page.unroute("**")
    tablet.page.clock.fast_forward(4_000)
    expect(square).to_be_visible()
    expect(tablet.page.get_by_text(sentence)).to_be_hidden()


@pytest.mark.parametrize("wrong", [timedelta(days=1), -timedelta(days=1)], ids=["ahead", "behind"])
def test_a_phone_whose_clock_is_wrong_by_a_day_checks_in_at_the_right_time(
    world: World, site: App, comes: Comes, address: str, at: At, wrong: timedelta
) -> None:
    """The tablet's is right, the phone's is not: neither the code nor the receipt nor the time asks for it."""
    claim = claimed(offered(world), world.lin)
    at(START)
    tablet, _id = paired(world, comes, address, TABLET, START)
    tablet.page.clock.install(time=START)
    tablet.opens("/kiosk")
    lin = comes(PHONE, world.lin.account_id)
    lin.page.clock.install(time=START + wrong)
    lin.opens(scanned(site, tablet))
    lin.is_at(r"/scans/results/\d+")
    expect(lin.main).to_contain_text(zh("Checked in at %(time)s", time="09:00"))
    (punch,) = found(lambda: attendance.history(claim))
    assert abs(punch.at - START) < timedelta(minutes=1)


@contextmanager
def without_a_database(site: App) -> Iterator[None]:
    """Every transaction of the server fails, as while its database is started anew."""

    def away(_connection: object) -> None:
        raise OperationalError("BEGIN", {}, ConnectionError("the server closed the connection"))

    with site.app_context():
        engine = db.engine
    event.listen(engine, "begin", away)
    yield
    event.remove(engine, "begin", away)


def test_the_database_is_away_for_a_minute_and_tablet_and_phone_go_on_by_themselves(
    world: World, site: App, comes: Comes, address: str, at: At
) -> None:
    busy = "Nothing was saved. Please try again in a minute. If it lasts, note the times on paper and tell your "
    busy += "station."
    coming = offered(world, "护河巡查岗", starts_at=START + 24 * HOUR)
    offered(world)
    at(START)
    tablet, _id = paired(world, comes, address, TABLET, START)
    lin = comes(PHONE, world.lin.account_id)
    tablet.opens("/kiosk")
    lin.opens(f"/shifts/{coming}")
    with without_a_database(site):
        lin.taps("Claim")
        lin.is_told(busy)
        tablet.is_told(busy)
        at(START + timedelta(minutes=2))
        tablet.page.wait_for_timeout(4000)  # asks again, and is told the same
    for person in (tablet, lin):
        person.complaints.clear()  # the browser's own, about the answers
    expect(tablet.main).to_contain_text(zh("Code of %(time)s", time="09:02"))
    expect(tablet.page.locator("#flash")).to_be_empty()
    lin.taps("Claim")
    lin.is_told("You hold place %(place)d.", place=1)


def test_number_and_pin_on_the_tablet_and_what_somebody_typed_is_gone_after_a_minute(
    world: World, comes: Comes, address: str, at: At
) -> None:
    claimed(offered(world), world.lin)
    at(START)
    tablet, _id = paired(world, comes, address, TABLET, START)
    with prepared():
        kiosk.set_pin(world.lin.id, passwords.hashed("739251"), now=START)
    tablet.page.clock.install()
    tablet.opens("/kiosk")
    tablet.follows("Without a phone")
    tablet.types("Volunteer number or card", world.lin.number)
    tablet.types("PIN", "111112")
    tablet.taps("Check in or out")
    tablet.is_refused("Please correct what is marked below.")
    tablet.finds_no_barrier()
    tablet.types("PIN", "739251")
    tablet.taps("Check in or out")
    tablet.is_told(
        "%(name)s, place %(place)d: checked in at %(time)s. Please check out when you leave.",
        name="林*",
        place=1,
        time="09:00",
    )
    tablet.opens("/kiosk/entry")
    tablet.types("Volunteer number or card", world.lin.number)
    tablet.page.clock.fast_forward(62_000)
    tablet.is_at("/kiosk")


def test_without_javascript_the_tablet_pairs_shows_the_code_and_takes_the_pin_and_the_phone_has_a_button(
    world: World, site: App, comes: Comes, address: str, at: At
) -> None:
    shift = offered(world)
    claimed(shift, world.lin), claimed(shift, world.zhou)
    at(START)
    tablet, id = paired(world, comes, address, TABLET | PLAIN, START)
    with prepared():
        kiosk.set_pin(world.lin.id, passwords.hashed("739251"), now=START)
    tablet.opens("/kiosk")
    expect(tablet.page.locator(".qr__square")).to_be_visible()
    assert tablet.page.locator('meta[http-equiv="refresh"]').count() == 1
    tablet.follows("Without a phone")
    tablet.types("Volunteer number or card", world.lin.number)
    tablet.types("PIN", "739251")
    tablet.taps("Check in or out")
    expect(tablet.page.locator("#flash")).to_contain_text("林*")
    expect(tablet.page.locator(".kiosk__came")).to_contain_text("林*")
    zhou = comes(PHONE | PLAIN, world.zhou.account_id)
    with site.test_request_context():
        code = signs.code(id, shift, clock.now()).text
    zhou.opens(f"/scans/{code}")
    zhou.taps("Check in")
    zhou.is_at(r"/scans/results/\d+")
    tablet.follows("New code")
    expect(tablet.page.locator(".kiosk__came")).to_contain_text("周*")


def test_the_network_is_cut_cards_are_kept_and_arrive_once_it_is_back(
    world: World, comes: Comes, address: str, at: At
) -> None:
    held = claimed(offered(world), world.lin)
    at(START)
    tablet, _id = paired(world, comes, address, TABLET, START)
    with prepared():
        card = signs.card(world.lin, kiosk.issue_card(world.lin, world.chen, world.station.id, now=START).serial)
    tablet.opens("/kiosk")
    expect(tablet.page.locator("html[data-files] #watch[data-ready]")).to_have_count(1)
    tablet.page.context.set_offline(True)
    tablet.reads("No network: only cards work now")
    expect(tablet.page.locator("html[data-kept]")).to_have_count(1)
    reads_card(tablet, card[:-4] + "AAAA")
    expect(tablet.page.locator("#kept")).to_contain_text(
        zh("This is no card of this city's volunteers. Please try again, or type the number.")
    )
    reads_card(tablet, card)
    expect(tablet.page.locator("#queue")).to_contain_text(zh("{n} to be sent").replace("{n}", "1"))
    expect(tablet.page.locator("#kept")).to_contain_text(world.lin.number[-4:])
    reads_card(tablet, card)  # once more, to be sure
    expect(tablet.page.locator("#kept")).to_contain_text(
        zh("Card …{n} was kept a moment ago.").replace("{n}", world.lin.number[-4:])
    )
    tablet.complaints.clear()  # what a browser says about a network that is away
    tablet.page.context.set_offline(False)
    expect(tablet.page.locator(".kiosk__came")).to_contain_text("林*")
    expect(tablet.page.locator("#queue")).to_be_hidden()
    assert [p.act for p in found(lambda: attendance.history(held))] == ["in"]


def test_what_stays_on_the_tablet_names_nobody_and_holds_no_pin(
    world: World, comes: Comes, address: str, at: At
) -> None:
    shift = offered(world)
    claimed(shift, world.lin), claimed(shift, world.zhou)
    at(START)
    tablet, _id = paired(world, comes, address, TABLET, START)
    with prepared():
        kiosk.set_pin(world.lin.id, passwords.hashed("739251"), now=START)
        card = signs.card(world.zhou, kiosk.issue_card(world.zhou, world.chen, world.station.id, now=START).serial)
    for pin in ("739252", "739251"):
        tablet.opens("/kiosk/entry")
        tablet.types("Volunteer number or card", world.lin.number)
        tablet.types("PIN", pin)
        tablet.taps("Check in or out")
    tablet.is_at("/kiosk")
    expect(tablet.page.locator("html[data-files] #watch[data-ready]")).to_have_count(1)
    tablet.page.context.set_offline(True)
    tablet.reads("No network: only cards work now")
    reads_card(tablet, card)
    expect(tablet.page.locator("#kept")).to_contain_text(world.zhou.number[-4:])
    kept = tablet.keeps()
    assert card in kept, "what was held to the tablet waits there, so this looks into the right place"
    private = ("739251", "739252", world.lin.number, "林小满", "林*", "周晓航", "周*")
    assert [word for word in private if word in kept] == []
    tablet.complaints.clear()  # what a browser says about a network that is away


def reads_card(tablet: Person, text: str) -> None:
    """As a reader on USB does: it types, and presses Enter."""
    field = tablet.page.locator("#who")
    field.focus()
    tablet.page.keyboard.insert_text(text)
    field.press("Enter")
    expect(field).to_have_value("")


def test_a_reader_on_usb_works_while_the_code_is_shown(world: World, comes: Comes, address: str, at: At) -> None:
    claimed(offered(world), world.lin)
    at(START)
    tablet, _id = paired(world, comes, address, TABLET, START)
    with prepared():
        card = signs.card(world.lin, kiosk.issue_card(world.lin, world.chen, world.station.id, now=START).serial)
    tablet.opens("/kiosk")
    tablet.page.keyboard.type(card)
    tablet.page.keyboard.press("Enter")
    expect(tablet.page.locator("#flash")).to_contain_text("林*")
