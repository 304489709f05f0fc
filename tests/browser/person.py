"""Somebody in front of a browser: what they open, tap, type and read.

Words are given as they stand in the code, in English, and are looked for in Chinese: so the tests drive the
pages that people see, and a better translation breaks none of them.
"""

import gettext
import re
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import ConsoleMessage, Locator, Page, Response, Route, expect

from core.config import ROOT

CHINESE = gettext.translation("messages", ROOT / "translations", ["zh_Hans"])
# A refusal is shown as a page or a part with such a status; browsers note it in the console.
NOTED = re.compile(
    r"the server responded with a status of 4\d\d|net::ERR_INTERNET_DISCONNECTED"
)  # or the network was cut

# Only the violations leave the page: the whole report takes longer to hand over than to write.
JUDGE = """async () => (await axe.run({ resultTypes: ["violations"] })).violations.flatMap(
    ({ id, nodes }) => nodes.map(({ html, any }) => `${id}: ${html.slice(0, 200)} ${any[0]?.message ?? ""}`))"""


# All that a browser keeps of a site and that its scripts can read, as one text.
KEPT = """async () => {
    const found = [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie];
    for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys()) found.push(request.url, await (await cache.match(request)).text());
    }
    const promised = (request) => new Promise((done, failed) => {
        request.onsuccess = () => done(request.result);
        request.onerror = () => failed(request.error);
    });
    for (const { name } of await indexedDB.databases()) {
        const base = await promised(indexedDB.open(name));
        for (const store of base.objectStoreNames)
            found.push(JSON.stringify(await promised(base.transaction(store).objectStore(store).getAll())));
        base.close();
    }
    return found.join("\\n");
}"""


def zh(words: str, plural: str = "", **values: Any) -> str:
    """The Chinese for words of the code."""
    said = CHINESE.ngettext(words, plural, values["num"]) if plural else CHINESE.gettext(words)
    return said % values if values else said


def _is_poll(route: Route) -> bool:
    return "hx-ptag" in route.request.headers


@dataclass
class Person:
    """One browser window of somebody."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))
        self.page.on("response", self._note_crash)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not NOTED.search(message.text):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _note_crash(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.url}: {response.status}")

    # --- doing

    def opens(self, path: str) -> None:
        self.page.goto(path)

    def taps(self, words: str, within: Locator | None = None, exact: bool = True, **values: Any) -> None:
        """Tap a button, once it is there."""
        self.button(words, within, exact, **values).click()

    def follows(self, words: str, within: Locator | None = None, exact: bool = True, **values: Any) -> None:
        """Follow a link, once it is there."""
        (within or self.main).get_by_role("link", name=zh(words, **values), exact=exact).first.click()

    def goes_to(self, words: str) -> None:
        """Use the bar that stands on every page."""
        bar = self.page.get_by_role("navigation", name=zh("Main"))
        bar.get_by_role("link", name=zh(words), exact=True).click()

    def reads_messages(self) -> None:
        """Go to the inbox by the bell at the top."""
        self.page.get_by_role("banner").get_by_role("link", name=zh("Messages")).click()

    def unfolds(self, words: str) -> None:
        """Open what is folded behind a summary."""
        self.main.locator("summary", has_text=zh(words)).click()

    def types(self, label: str, text: str, within: Locator | None = None) -> None:
        self.field(label, within).fill(text)

    def chooses(self, label: str, option: str) -> None:
        self.field(label).select_option(label=option)

    def ticks(self, label: str) -> None:
        self.field(label).check()

    def signs_in(self, phone: str, password: str) -> None:
        """Fill in the page that asks who one is."""
        self.types("Phone number", phone)
        self.types("Password", password)
        self.taps("Sign in")

    def pauses(self) -> None:
        """Long enough for the next tap to be meant: sooner it counts as the second one of a double tap."""
        self.page.wait_for_timeout(600)

    def hears_nothing(self) -> None:
        """From now on no news reaches the page: it grows stale, as in a tunnel."""
        self.page.route("**", lambda route: route.fulfill(status=304) if _is_poll(route) else route.continue_())

    # --- seeing

    @property
    def main(self) -> Locator:
        return self.page.locator("#main")

    def button(self, words: str, within: Locator | None = None, exact: bool = True, **values: Any) -> Locator:
        return (within or self.main).get_by_role("button", name=zh(words, **values), exact=exact)

    def field(self, label: str, within: Locator | None = None) -> Locator:
        """A field by the beginning of its label: “optional” may follow."""
        return (within or self.main).get_by_label(re.compile(f"^{re.escape(zh(label))}(\\s|（|$)"))

    def reads(self, words: str, plural: str = "", within: Locator | None = None, **values: Any) -> None:
        """The sentence stands on the page, or appears there soon."""
        place = within or self.page.locator("body")
        expect(place.get_by_text(zh(words, plural, **values)).first).to_be_visible()

    def is_told(self, words: str, plural: str = "", **values: Any) -> None:
        """The sentence is what the page answers to the last act."""
        expect(self.page.locator("#flash")).to_contain_text(zh(words, plural, **values))

    def is_refused(self, words: str, **values: Any) -> None:
        """The sentence stands over the form that was sent."""
        expect(self.page.locator(".form-errors")).to_contain_text(zh(words, **values))

    def is_at(self, path: str) -> None:
        """The page has this address, or one that the pattern fits."""
        expect(self.page).to_have_url(re.compile(f"^[^/]+//[^/]+{path}$"))

    def keeps(self) -> str:
        """Everything that stays in this browser."""
        kept: str = self.page.evaluate(KEPT)
        return kept

    # --- judging

    def finds_no_barrier(self) -> None:
        """axe-core has nothing to say about the page as it stands, once no button is dimmed for being sent."""
        expect(self.page.locator("[aria-busy], [data-sent]")).to_have_count(0)
        found = barriers(self.page)
        assert not found, "\n".join(found)


def barriers(page: Page) -> list[str]:
    """Every violation that axe-core finds, with the place."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT + "\n;0")
    return [f"{page.url} {violation}" for violation in page.evaluate(JUDGE)]
