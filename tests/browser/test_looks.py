"""The same pages, larger, darker and narrower: nothing is cut off, and axe-core has nothing to say."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product

import pytest
from playwright.sync_api import Page, expect

from blueprints.claims import actions as claims
from blueprints.claims import linking, links
from blueprints.claims.models import Act, LinkKind
from blueprints.disputes import actions as disputes
from blueprints.disputes import reporting
from blueprints.disputes.models import DisputeKind
from blueprints.identity.models import Account
from blueprints.posts.models import Post, Shift
from blueprints.records import actions as records
from core.db import db
from tests.browser.person import Person, barriers
from tests.browser.scenes import LIBRARY, claimed, offered, prepared
from tests.browser.test_kiosk import paired
from tests.factories import BEFORE, HOUR, START, World, actor_for
from tests.series import samples

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
Windows = Callable[[str], dict[str, Page]]
Place = tuple[str, str, list[int]]  # who opens it, the path, and the widths at which axe-core judges it
NOW = START + 3 * HOUR
HEIGHTS = {320: 640, 390: 844, 1024: 768, 1440: 900}
ALL = [390, 1024, 1440]
# Who sticks out, so that a failure says where to look.
WIDEST = """() => [...document.querySelectorAll("body *")]
    .filter((it) => it.getBoundingClientRect().right > innerWidth + 1)
    .map((it) => `${it.tagName}.${it.className}`).slice(0, 5).join(" ")"""


@pytest.fixture
def places(world: World, at: Callable[[datetime], None]) -> list[Place]:
    """The pages of the journeys with something on them: one shift is over, one runs, one is to come."""
    over, runs = offered(world, "楼门敲门岗"), offered(world, "护河巡查岗", starts_at=START + 2.5 * HOUR)
    coming = offered(world, LIBRARY, starts_at=START + 120 * HOUR)
    done, _running, held = [claimed(shift, world.lin) for shift in (over, runs, coming)]
    record = _served(world, over, done)
    post, series, wall = _more(world, coming)
    at(NOW)
    return [
        ("visitor", "/", ALL),
        ("visitor", "/sign-in", ALL),
        ("visitor", "/registration", ALL),
        ("visitor", "/registration?division=330402010028", ALL),
        ("lin", f"/shifts/{coming}", ALL),
        ("lin", "/me", ALL),
        ("lin", "/me/schedule", ALL),
        ("lin", "/me/records", ALL),
        ("lin", "/check-in", ALL),
        ("lin", "/me/inbox", ALL),
        ("lin", "/me/channels", ALL),
        ("lin", "/me/consents", ALL),
        ("lin", "/me/certificates", ALL),
        ("lin", "/me/second-step", ALL),
        ("lin", "/me/absences", ALL),
        ("lin", f"/me/records/{record}/dispute?kind=not_me", ALL),
        ("lin", "/me/card", ALL),
        ("lin", "/me/pin", ALL),
        ("lin", f"/claims/{held}/stand-in", ALL),
        ("lin", f"/shifts/{coming}/party", ALL),
        ("lin", f"/series/{series}", ALL),
        ("visitor", "/verify", ALL),
        ("visitor", "/roots", ALL),
        ("visitor", f"/wall/{wall}", [1024, 1440]),
        ("tablet", "/kiosk", [1024]),
        ("tablet", "/kiosk/entry", [1024]),
        ("chen", "/desk", ALL),
        ("chen", "/desk/posts/new", ALL),
        ("chen", f"/desk/shifts/{runs}/roster", ALL),
        ("chen", f"/desk/shifts/{over}/hand-in", ALL),
        ("chen", f"/desk/shifts/{over}/sheet", [1024]),
        ("chen", f"/desk/shifts/{over}/absences", ALL),
        ("chen", f"/desk/posts/{post}/series/new", ALL),
        ("chen", f"/desk/series/{series}", ALL),
        ("chen", "/desk/months", ALL),
        ("chen", "/desk/requests", ALL),
        ("chen", "/desk/tablets", ALL),
        ("chen", f"/desk/organizations/{world.station.id}/screens", ALL),
        ("chen", "/desk/certificates", ALL),
        ("chen", "/desk/offline-acts", ALL),
        ("wu", "/desk/records", ALL),
        ("wu", f"/desk/records/{record}", ALL),
        *_disputed_pages(world),
    ]


def _disputed_pages(world: World) -> list[Place]:
    """An entry of Lin's that she disputes, and a registration that somebody reports."""
    shift = offered(world, "敬老饭桌帮厨岗", starts_at=START - 24 * HOUR)
    claim = claimed(shift, world.lin)
    with prepared():
        for act, hours in ((Act.IN, -24), (Act.OUT, -22)):
            claims.punch(claim, act, world.chen, now=START + hours * HOUR)
        record = records.hand_in(shift, world.chen, now=START - 21 * HOUR)[0].id
        lin = actor_for(db.session.get_one(Account, world.lin.account_id))
        dispute = disputes.file(record, DisputeKind.WRONG, lin, words="我只做了一小时。", minutes=60, now=START).id
        said = {"phone": "+8619912345678", "last_four": "1234", "birthday": "0301", "words": "不是我。", "contact": "-"}
        report, code = reporting.file(**said, now=START)
        report.organization_id, report.volunteer_id = world.station.ancestors[0], world.zhou.id  # the town
        id = report.id
    return [
        ("lin", f"/me/disputes/{dispute}", ALL),
        ("lin", "/me/disputes", ALL),
        ("wu", "/desk/disputes", ALL),
        ("wu", f"/desk/disputes/{dispute}", ALL),
        ("wu", "/desk/identity-reports", ALL),
        ("wu", f"/desk/identity-reports/{id}", ALL),
        ("visitor", "/identity-reports", ALL),
        ("visitor", f"/identity-reports/{code}", ALL),
    ]


def _more(world: World, shift_id: int) -> tuple[int, int, str]:
    """A post that repeats, and the wall of the station: the ids of post and series, and the secret of the wall."""
    with prepared():
        post = db.session.get_one(Shift, shift_id).post_id
        series = samples.made(world, db.session.get_one(Post, post), samples.row(3))
        link = linking.renew(world.station.id, LinkKind.WALL, world.chen, now=BEFORE)
        return post, series.id, links.token(link)


def _served(world: World, shift: int, claim: int) -> int:
    """Lin was there and the times wait for the confirmer; returns the record's id."""
    with prepared():
        claims.punch(claim, Act.IN, world.chen, now=START)
        claims.punch(claim, Act.OUT, world.chen, now=START + 2 * HOUR)
        return records.hand_in(shift, world.chen, now=START + 2 * HOUR + timedelta(minutes=1))[0].id


@pytest.fixture
def windows(world: World, comes: Comes, address: str) -> Windows:
    """Everybody's page in the view they chose, `normal` or `elder`."""
    accounts = {"visitor": None, "lin": world.lin.account_id, "chen": world.chen.account_id, "wu": world.wu.account_id}

    def open_all(mode: str) -> dict[str, Page]:
        pages = {name: comes({}, account, f"{mode}.light").page for name, account in accounts.items()}
        return pages | {"tablet": paired(world, comes, address, {}, BEFORE)[0].page}

    return open_all


@pytest.mark.parametrize("mode", ["normal", "elder"])
def test_every_page_is_whole_and_without_barriers(places: list[Place], windows: Windows, mode: str) -> None:
    found: list[str] = []
    pages = windows(mode)
    for who, path, widths in places:
        opens(pages[who], path)
        for width, theme in product(widths, ("light", "dark")):
            turns(pages[who], width, theme)
            found += [f"{width} {theme}: {barrier}" for barrier in barriers(pages[who])]
        found += overflow(pages[who])
    assert not found, "\n".join(found)


def test_the_view_and_the_colours_are_switched_on_the_page(world: World, comes: Comes) -> None:
    offered(world)
    visitor = comes({})
    visitor.opens("/?free=1")
    foot = visitor.page.get_by_role("contentinfo")
    visitor.follows("Dark", foot)
    expect(visitor.page.locator("html[data-theme=dark]")).to_be_visible()
    visitor.follows("Easy view", foot)
    expect(visitor.page.locator("html[data-mode=elder][data-theme=dark]")).to_be_visible()
    visitor.reads("Find something to do")
    visitor.is_at(r"/\?free=1")
    visitor.finds_no_barrier()


def opens(page: Page, path: str) -> None:
    """Open the page itself: whoever is sent elsewhere would look at something else."""
    page.goto(path)
    assert page.url.endswith(path), page.url


def turns(page: Page, width: int, theme: str = "light") -> None:
    """Turn the page to this width, in these colours; colours are an attribute of the page and nothing else."""
    page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme }", theme)


def overflow(page: Page) -> list[str]:
    """What sticks out of a narrow screen, with text of the usual size and of twice that."""
    turns(page, 320)
    usual = _sticks_out(page)
    page.evaluate("document.documentElement.style.fontSize = '212.5%'")  # usually 106.25 %
    return usual + _sticks_out(page)


def _sticks_out(page: Page) -> list[str]:
    over = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    return [f"{page.url} is {over} px too wide: {page.evaluate(WIDEST)}"] if over > 0 else []
