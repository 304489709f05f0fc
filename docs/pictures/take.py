"""Take the pictures of the README from a running demo: `python docs/pictures/take.py http://127.0.0.1:8000`."""

import re
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests import chromium

PASSWORD = "rengang-demo-1"
FOLDER = Path(__file__).parent
VOLUNTEER, CLERK, CONFIRMER = "19900000101", "19900000004", "19900000003"


def page_of(browser: Browser, phone: str, width: int, height: int) -> Page:
    """Somebody signed in at a screen of this size."""
    page = browser.new_page(viewport={"width": width, "height": height}, locale="zh-CN", base_url=sys.argv[1])
    page.goto("/sign-in")
    page.fill("[name=phone]", phone)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(re.compile(r"^(?!.*sign-in)"))
    return page


def take(page: Page, name: str) -> None:
    page.screenshot(path=FOLDER / f"{name}.png")


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=["--no-sandbox", "--disable-gpu"])
        volunteer = page_of(browser, VOLUNTEER, 390, 844)
        volunteer.goto("/")
        take(volunteer, "list-phone")
        clerk = page_of(browser, CLERK, 1024, 768)
        clerk.goto("/desk")
        clerk.locator("main section:not(#due) a[href$='/roster']").first.click()
        take(clerk, "roll-call-tablet")
        confirmer = page_of(browser, CONFIRMER, 1440, 900)
        confirmer.goto("/desk/records")
        take(confirmer, "confirm-desktop")
        browser.close()


if __name__ == "__main__":
    main()
