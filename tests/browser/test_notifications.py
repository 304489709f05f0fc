"""The page of one's channels in a real browser, and what the service worker shows when something is pushed."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import CDPSession, expect

from blueprints.messages import channels
from blueprints.messages.actions import tell
from blueprints.messages.channels import Letter
from blueprints.messages.models import Channel, NoticeKind
from core.i18n import speaking
from tests.browser.person import Person, zh
from tests.browser.scenes import PHONE, TABLET, prepared
from tests.factories import BEFORE, HOUR, START, World

pytestmark = [pytest.mark.browser, pytest.mark.commits]
Comes = Callable[..., Person]
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
    .map(({ title, body, tag, lang, data }) => ({ title, body, tag, lang, path: data.path }))"""
# What is shown, once it stands still: while a browser replaces one by another there is a moment with none.
SETTLED = f"""async () => {{
    const shown = {SHOWN};
    let before = [], unchanged = 0;
    while (unchanged < 5) {{
        await new Promise((done) => setTimeout(done, 100));
        const now = await shown();
        const same = now.length === 2 && JSON.stringify(now) === JSON.stringify(before);
        unchanged = same ? unchanged + 1 : 0;
        before = now;
    }}
    return before;
}}"""


@pytest.mark.parametrize("device", [PHONE, TABLET], ids=["phone", "tablet"])
def test_somebody_chooses_by_keyboard_or_finger_and_the_browser_says_what_it_can(
    comes: Comes, world: World, device: dict[str, Any]
) -> None:
    lin = comes(device, world.lin.account_id)
    lin.page.context.grant_permissions(["notifications"])
    lin.opens("/me/channels")
    part = lin.page.locator("#browsers")
    expect(part).to_contain_text(zh("Show notifications in this browser"))
    expect(part.get_by_role("status")).to_contain_text(
        zh("This browser can show notifications, also while the page is closed. It will ask whether you allow it.")
    )
    box = lin.page.locator("[name=changes][value=push]")
    expect(box).to_be_checked()
    lin.finds_no_barrier()
    box.uncheck()
    lin.taps("Save")
    expect(box).not_to_be_checked()


def payload(world: World) -> bytes:
    """What the product itself pushes."""
    with prepared(), speaking("zh_Hans"):
        values = {"title": "社区图书角管理岗", "where": "一楼", "place": 2, "starts": START, "ends": START + HOUR}
        notice = tell(world.lin.account_id, NoticeKind.SHIFT_NEAR, now=BEFORE, path="/shifts/7", **values)
        return channels._note(Letter(7, BEFORE, BEFORE, 1, Channel.PUSH, "1", "zh_Hans", notice, None, None))


def pushed_to(person: Person, data: bytes) -> None:
    """As if it had come from the push service of the browser's maker."""
    devtools: CDPSession = person.page.context.new_cdp_session(person.page)
    known: list[str] = []
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: known.extend(each["registrationId"] for each in told["registrations"]),
    )
    devtools.send("ServiceWorker.enable")
    person.page.wait_for_function("navigator.serviceWorker.ready.then((it) => it.active?.state === 'activated')")
    origin = person.page.evaluate("location.origin")
    message = {"origin": origin, "registrationId": known[-1], "data": data.decode()}
    devtools.send("ServiceWorker.deliverPushMessage", message)


def test_what_is_pushed_is_shown_in_the_language_of_its_receiver_once(comes: Comes, world: World) -> None:
    lin = comes(PHONE, world.lin.account_id)
    lin.page.context.grant_permissions(["notifications"])
    lin.opens("/me/channels")
    lin.page.evaluate("navigator.serviceWorker.register('/service-worker.js').then(() => true)")
    data = payload(world)
    for _ in range(2):  # a service may deliver twice; two with one tag are one
        pushed_to(lin, data)
    pushed_to(lin, json.dumps({"title": "", "tag": "last"}).encode())
    (shown,) = (each for each in lin.page.wait_for_function(SETTLED).json_value() if each["tag"] != "last")
    assert shown == {
        "title": "认岗", "body": json.loads(data)["body"], "lang": "zh-Hans", "tag": json.loads(data)["tag"],
        "path": "/shifts/7",
    }  # fmt: skip
    assert "社区图书角管理岗" in shown["body"]
