"""The printed card's QR held to the tablet's camera: Chromium's own stand-in for one, fed with a film of the card."""

import io
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
import segno
from PIL import Image
from playwright.sync_api import Browser, Playwright, expect
from sqlalchemy import select

from blueprints.claims import queries as attendance
from blueprints.claims.models import Act, EvidenceClass
from blueprints.identity.models import Volunteer
from blueprints.kiosk import actions as kiosk
from blueprints.kiosk import queries as kiosks
from blueprints.kiosk import signs
from blueprints.kiosk.models import Method, Origin
from core.db import db
from tests import chromium as installed
from tests.browser import camera
from tests.browser.person import Person, zh
from tests.browser.scenes import DESKTOP, TABLET, claimed, found, offered, prepared
from tests.browser.test_kiosk import paired
from tests.factories import START, World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
At = Callable[[datetime], None]
NOT_OURS = "This is no card of this city's volunteers. Please try again, or type the number."
NO_CAMERA = "This tablet's camera cannot be used. Please type the number."
FAKE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
# A reader that a tablet offers and that does not work, as on Android without Google's services.
BROKEN = """window.BarcodeDetector = class {
    static async getSupportedFormats() { return ["qr_code"]; }
    async detect() { throw new DOMException("no service", "NotSupportedError"); }
}"""

# What a tablet does that takes the camera from its pages while it sleeps; true once the page has another film.
SLEEPS = """async () => {
    const picture = document.querySelector("#camera-picture"), until = Date.now() + 15000;
    const once = async (is) => { while (!is() && Date.now() < until) await new Promise((on) => setTimeout(on, 50)); };
    await once(() => picture.srcObject?.active);
    const before = picture.srcObject, [track] = before.getVideoTracks();
    track.stop();
    track.dispatchEvent(new Event("ended"));
    await once(() => picture.srcObject !== before && picture.srcObject.active);
    return picture.srcObject !== before && picture.srcObject.active;
}"""


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """What the camera of every browser of this test sees; it is made before anybody looks."""
    path = tmp_path / "camera.y4m"
    camera.film(path, [camera.nothing()])
    return path


@pytest.fixture
def chromium(playwright: Playwright, film: Path) -> Iterator[Browser]:
    """In the place of the browser of the other tests: it has a camera."""
    args = ["--no-sandbox", *FAKE, f"--use-file-for-fake-video-capture={film}"]
    browser = playwright.chromium.launch(executable_path=installed.ensure(), args=args)
    yield browser
    browser.close()


@pytest.fixture
def held(world: World, at: At) -> int:
    """Lin's claim on a shift that begins now."""
    claim = claimed(offered(world), world.lin)
    at(START)
    return claim


def printed(world: World, comes: Comes, volunteer: Volunteer) -> Image.Image:
    """The card as the desk's printer puts it on paper."""
    with prepared():
        kiosk.issue_card(volunteer, world.chen, world.station.id, now=START)
    chen = comes(DESKTOP | {"device_scale_factor": 2}, world.chen.account_id)
    chen.opens(f"/desk/people/{volunteer.id}/card")
    chen.page.emulate_media(media="print")
    return Image.open(io.BytesIO(chen.page.locator(".member-card").screenshot()))


def forged(world: World, volunteer: Volunteer, as_if: Volunteer) -> Image.Image:
    """A real card's signature under the number of somebody else."""
    with prepared():
        card = signs.card(volunteer, kiosk.issue_card(volunteer, world.chen, world.station.id, now=START).serial)
    file = io.BytesIO()
    segno.make(card.replace(volunteer.number, as_if.number), error="m", micro=False).save(file, "png", scale=8)
    return Image.open(file)


def at_the_camera(world: World, comes: Comes, address: str) -> Person:
    """A tablet whose page looks for cards."""
    tablet, _id = paired(world, comes, address, TABLET, START)
    tablet.opens("/kiosk/entry")
    expect(tablet.page.locator("#camera")).to_be_visible()
    return tablet


def acts(claim: int) -> list[tuple[Act, EvidenceClass]]:
    return found(lambda: [(punch.act, punch.evidence) for punch in attendance.history(claim)])


def test_a_printed_card_held_to_the_camera_checks_its_bearer_in(
    world: World, comes: Comes, address: str, held: int, film: Path
) -> None:
    camera.film(film, camera.waved(printed(world, comes, world.lin), seconds=2))
    tablet = at_the_camera(world, comes, address)
    tablet.is_at("/kiosk")
    sentence = "%(name)s, place %(place)d: checked in at %(time)s. Please check out when you leave."
    tablet.is_told(sentence, name="林*", place=1, time="09:00")
    expect(tablet.page.locator(".kiosk__came")).to_contain_text("林*")
    assert acts(held) == [(Act.IN, EvidenceClass.B)]
    assert found(lambda: list(db.session.scalars(select(Origin.method)))) == [Method.CARD]


def test_a_poor_camera_reads_a_card_that_is_held_near(
    world: World, comes: Comes, address: str, held: int, film: Path
) -> None:
    card = printed(world, comes, world.lin)
    near = card.crop((0, 0, card.height, card.height))  # the code and a little of what is written
    camera.film(film, camera.waved(near, seconds=3, grain=camera.POOR))
    at_the_camera(world, comes, address).is_at("/kiosk")
    assert acts(held) == [(Act.IN, EvidenceClass.B)]


def test_a_forged_card_is_refused_in_words_and_the_real_one_after_it_works(
    world: World, comes: Comes, address: str, held: int, film: Path
) -> None:
    forgery, card = forged(world, world.zhou, world.lin), printed(world, comes, world.lin)
    seen = camera.waved(forgery, seconds=4) + [camera.nothing()] * camera.FRAMES + camera.waved(card, seconds=5)
    camera.film(film, seen)
    tablet = at_the_camera(world, comes, address)
    expect(tablet.page.locator("#camera-words")).to_have_text(zh(NOT_OURS))
    tablet.finds_no_barrier()
    assert acts(held) == []
    tablet.is_at("/kiosk")
    assert acts(held) == [(Act.IN, EvidenceClass.B)]


def test_what_is_no_card_at_all_is_told_so_and_the_number_can_still_be_typed(
    world: World, comes: Comes, address: str, held: int, film: Path
) -> None:
    file = io.BytesIO()
    segno.make("https://example.org/promotion?id=7", error="m").save(file, "png", scale=8)
    camera.film(film, camera.waved(Image.open(file), seconds=2))
    tablet = at_the_camera(world, comes, address)
    expect(tablet.page.locator("#camera-words")).to_have_text(zh(NOT_OURS))
    tablet.types("Volunteer number or card", world.lin.number)
    tablet.taps("Check in or out")
    tablet.is_refused("Please correct what is marked below.")
    assert acts(held) == []


def test_a_card_that_the_station_took_back_is_told_so_once_and_not_tried_again_and_again(
    world: World, comes: Comes, address: str, held: int, film: Path
) -> None:
    card = printed(world, comes, world.lin)
    with prepared():
        kiosk.issue_card(world.lin, world.chen, world.station.id, now=START)  # another one; the printed one is void
    camera.film(film, camera.waved(card, seconds=2))
    tablet, _id = paired(world, comes, address, TABLET, START)
    sent: list[str] = []
    tablet.page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    tablet.opens("/kiosk/entry")
    expect(tablet.page.locator(".form-errors")).to_be_visible()
    tablet.page.wait_for_timeout(5000)  # the card is still before the camera
    expect(tablet.page.locator(".form-errors")).to_be_visible()
    assert len(sent) == 1
    assert acts(held) == []


def test_a_tablet_whose_own_reader_does_not_work_reads_with_ours(
    world: World, comes: Comes, address: str, held: int, film: Path
) -> None:
    camera.film(film, camera.waved(printed(world, comes, world.lin), seconds=2))
    tablet, _id = paired(world, comes, address, TABLET, START)
    tablet.page.add_init_script(BROKEN)
    tablet.opens("/kiosk/entry")
    tablet.is_at("/kiosk")
    assert acts(held) == [(Act.IN, EvidenceClass.B)]


def test_after_a_sleep_that_took_the_camera_away_it_is_opened_again(
    world: World, comes: Comes, address: str, film: Path
) -> None:
    tablet = at_the_camera(world, comes, address)
    assert tablet.page.evaluate(SLEEPS) is True


def test_without_a_network_the_camera_keeps_cards_and_they_arrive_later(
    world: World, comes: Comes, address: str, held: int, film: Path
) -> None:
    camera.film(film, camera.waved(printed(world, comes, world.lin), seconds=2))
    tablet, _id = paired(world, comes, address, TABLET, START)
    tablet.opens("/kiosk")
    expect(tablet.page.locator("html[data-files] #watch[data-ready]")).to_have_count(1)
    tablet.page.context.set_offline(True)
    tablet.reads("No network: only cards work now")
    expect(tablet.page.locator("#kept")).to_contain_text(world.lin.number[-4:])
    expect(tablet.page.locator("#queue")).to_contain_text(zh("{n} to be sent").replace("{n}", "1"))
    assert acts(held) == []
    tablet.complaints.clear()  # what a browser says about a network that is away
    tablet.page.context.set_offline(False)
    expect(tablet.page.locator(".kiosk__came")).to_contain_text("林*")
    assert acts(held) == [(Act.IN, EvidenceClass.B)]


def test_the_reader_is_fetched_when_the_camera_is_on_and_no_sooner(
    world: World, comes: Comes, address: str, film: Path
) -> None:
    tablet, _id = paired(world, comes, address, TABLET, START)
    fetched: list[str] = []
    tablet.page.on("request", lambda request: fetched.append(request.url))
    nobody_answers = "navigator.mediaDevices.getUserMedia = () => new Promise(() => {})"
    tablet.page.add_init_script(nobody_answers)
    tablet.opens("/kiosk/entry")
    tablet.page.wait_for_timeout(500)
    assert [url for url in fetched if "jsQR" in url] == []


class TestWithoutACamera:
    """The same pages in a browser to which nothing is connected, or that may not use it."""

    @pytest.fixture
    def chromium(self, playwright: Playwright) -> Iterator[Browser]:
        browser = playwright.chromium.launch(executable_path=installed.ensure(), args=["--no-sandbox"])
        yield browser
        browser.close()

    @pytest.mark.parametrize("allowed", [["camera"], []], ids=["none is there", "it is forbidden"])
    def test_the_page_says_so_and_takes_the_number(
        self, world: World, comes: Comes, address: str, held: int, allowed: list[str]
    ) -> None:
        tablet, _id = paired(world, comes, address, TABLET, START)
        tablet.page.context.grant_permissions(allowed)
        self.says_so_and_takes_the_number(tablet, world, held)

    def test_so_it_does_where_the_browser_knows_no_cameras(
        self, world: World, comes: Comes, address: str, held: int
    ) -> None:
        """As browsers do on a page without HTTPS."""
        tablet, _id = paired(world, comes, address, TABLET, START)
        tablet.page.add_init_script("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
        self.says_so_and_takes_the_number(tablet, world, held)

    def says_so_and_takes_the_number(self, tablet: Person, world: World, held: int) -> None:
        with prepared():
            card = signs.card(world.lin, kiosk.issue_card(world.lin, world.chen, world.station.id, now=START).serial)
        tablet.opens("/kiosk/entry")
        expect(tablet.page.locator("#camera-words")).to_have_text(zh(NO_CAMERA))
        expect(tablet.page.locator("#camera-picture")).to_be_hidden()
        tablet.finds_no_barrier()
        tablet.types("Volunteer number or card", card)
        tablet.taps("Check in or out")
        tablet.is_at("/kiosk")
        assert acts(held) == [(Act.IN, EvidenceClass.B)]
        assert found(lambda: kiosks.card_of(world.lin.id)) is not None
