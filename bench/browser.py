"""The list on a weak phone: Chromium with a CPU four times slower and slow 4G, nothing in its cache.

Prints one line of JSON for a visitor and one for somebody signed in: largest contentful paint, when the first claim
button can be used (drawn, and the script that makes it quick has run), bytes and requests.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests import chromium

# "Slow 4G" of Lighthouse: 150 ms there and back, 1.6 Mbit/s down, 750 kbit/s up; DevTools slow each request 3.75-fold.
SLOW_4G = {
    "offline": False,
    "latency": 562.5,
    "downloadThroughput": 1.6e6 / 8 * 0.9,
    "uploadThroughput": 750e3 / 8 * 0.9,
}
PHONE: ViewportSize = {"width": 390, "height": 844}
WATCH = """new PerformanceObserver((list) => { for (const it of list.getEntries()) window.painted = it.startTime })
    .observe({ type: "largest-contentful-paint", buffered: true })"""
USABLE = """() => document.readyState === "complete" && window.htmx && document.querySelector(".card .button")
    ? performance.now() : 0"""


def visit(browser: Browser, address: str, cookie: str) -> dict[str, float]:
    context = browser.new_context(viewport=PHONE)
    if cookie:
        name, _, value = cookie.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": address}])
    page = context.new_page()
    page.add_init_script(WATCH)
    wire, sizes = context.new_cdp_session(page), list[int]()
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    wire.send("Network.enable")
    wire.send("Network.emulateNetworkConditions", SLOW_4G)
    wire.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.goto(address, wait_until="commit", timeout=60_000)
    usable = page.wait_for_function(USABLE, polling=20, timeout=60_000).json_value()
    page.wait_for_timeout(1_000)
    found = {"lcp": page.evaluate("window.painted"), "usable": usable, "kb": sum(sizes) / 1000, "requests": len(sizes)}
    context.close()
    return found


def main() -> None:
    asked = _arguments()
    cookies = {"visitor": "", "signed in": Path(asked.cookies).read_text().split("\n")[0]}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium.ensure()), args=["--no-sandbox"])
        visit(browser, f"http://127.0.0.1:{asked.port}/", "")  # does not count: the browser finds its own fonts first
        for who, cookie in cookies.items():
            visits = [visit(browser, f"http://127.0.0.1:{asked.port}/", cookie) for _ in range(asked.visits)]
            figures = {name: round(median(found[name] for found in visits), 1) for name in visits[0]}
            print(json.dumps({"who": who} | figures), flush=True)
            time.sleep(0.1)
        browser.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench.browser", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("cookies", help="a file with one Cookie header a line")
    parser.add_argument("--visits", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
