"""The first visit over a weak connection: few requests, few bytes, and nothing jumps about."""

from collections.abc import Callable

import pytest

from tests.browser.person import Person
from tests.browser.scenes import PHONE, offered
from tests.factories import HOUR, START, World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
CARDS = 30
SHIFTS = """() => new Promise((done) => {
    const sum = (list) => done(list.getEntries().reduce((sum, it) => sum + it.value, 0))
    new PerformanceObserver(sum).observe({ type: "layout-shift", buffered: true })
    setTimeout(done, 500, 0)
})"""


def test_the_first_visit_is_light_and_still(world: World, comes: Comes) -> None:
    for number in range(CARDS):
        offered(world, f"第 {number} 岗", starts_at=START + number * HOUR)
    visitor = comes(PHONE)
    sent = listens(visitor)
    visitor.opens("/")
    visitor.page.wait_for_timeout(500)
    assert visitor.main.get_by_role("article").count() == CARDS
    assert len(sent) <= 6, sent
    assert 10 * 1024 < sum(sent.values()) <= 60 * 1024, sent
    assert visitor.page.evaluate(SHIFTS) < 0.02


def listens(person: Person) -> dict[str, int]:
    """How many bytes each request brings, as they come over the wire."""
    wire = person.page.context.new_cdp_session(person.page)
    wire.send("Network.enable")
    names: dict[str, str] = {}
    sent: dict[str, int] = {}
    wire.on("Network.requestWillBeSent", lambda event: names.update({event["requestId"]: event["request"]["url"]}))
    wire.on(
        "Network.loadingFinished",
        lambda event: sent.update({names[event["requestId"]]: event["encodedDataLength"]}),
    )
    return sent
