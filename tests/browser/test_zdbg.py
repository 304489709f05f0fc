import pytest
from tests.browser.test_volunteer import *
pytestmark = [pytest.mark.browser, pytest.mark.commits]
def test_dbg(world, comes):
    offered(world)
    lin = comes(PHONE, world.lin.account_id)
    lin.page.on("request", lambda r: print(">", r.method, r.url, r.headers.get("hx-ptag")))
    lin.page.on("response", lambda r: print("<", r.status, r.url))
    lin.page.on("console", lambda m: print("console", m.text[:300]))
    lin.opens("/")
    lin.taps("Claim: %(title)s", title=LIBRARY)
    lin.is_told("You hold place %(place)d.", place=1)
    looks_at_the_schedule(lin)
    lin.follows(LIBRARY)
    lin.unfolds("Cancel my place")
    lin.taps("Yes, cancel")
    lin.is_told("Cancelled.")
    print(lin.page.locator("#shift form").evaluate_all("fs=>fs.map(f=>f.outerHTML.slice(0,500))"))
    lin.taps("Claim")
    lin.page.wait_for_timeout(1500)
    print(lin.page.locator("#shift form").evaluate_all("fs=>fs.map(f=>f.outerHTML.slice(0,500))"))
    assert 0
