"""What staff type to find a person stands in no address."""

import base64
import json
import re
import time

import pytest
from cryptography.fernet import Fernet

from blueprints.identity.models import Account
from core import vault
from core.db import db
from tests.factories import START, make_post, make_shift, make_world, sign_in

FIND_PERSON = ["/desk/people", "/desk/roles", "/desk/shifts/{shift}/walk-ins", "/desk/shifts/{shift}/roster"]


@pytest.fixture
def world():
    return make_world()


def who(page, world):
    return world.qian if "roles" in page else world.chen


@pytest.mark.parametrize("page", FIND_PERSON)
def test_a_typed_phone_number_is_sealed_in_the_address(client, world, page):
    page = page.format(shift=make_shift(make_post(world.station), starts_at=START).id)
    sign_in(client, who(page, world).account_id)
    answer = client.post(f"{page}/searches", data={"q": " 19900000101 "})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"{page}?s=")
    assert "19900000101" not in answer.headers["Location"]
    assert client.get(answer.headers["Location"]).status_code == 200
    assert client.post(f"{page}/searches", data={"q": "  "}).headers["Location"] == page


def test_the_name_in_the_trace_of_changes_is_sealed_too(client, world):
    sign_in(client, world.qian.account_id)
    answer = client.post("/desk/audit/searches", data={"person": "林小满", "action": "closed", "first": "2026-11-01"})
    assert answer.headers["Location"].startswith("/desk/audit?s=")
    assert "action=closed&first=2026-11-01" in answer.headers["Location"]
    assert 'value="林小满"' in client.get(answer.headers["Location"]).text


def test_every_search_for_a_person_is_sent_in_the_body(client, world):
    shift = make_shift(make_post(world.station), starts_at=START)
    for page in (address.format(shift=shift.id) for address in [*FIND_PERSON[:3], "/desk/audit"]):
        sign_in(client, (world.qian if "audit" in page else who(page, world)).account_id)
        form = re.search(r'<form[^>]*role="search"[^>]*>', client.get(page).text)[0]
        assert 'method="post"' in form, page


def test_what_was_typed_is_found(client, world):
    sign_in(client, world.chen.account_id)
    phone = db.session.get_one(Account, world.zhou.account_id).phone[-4:]
    assert "周晓航" in client.post("/desk/people/searches", data={"q": phone}, follow_redirects=True).text


def test_an_address_of_somebody_else_forged_or_too_old_searches_nothing(client, world):
    sign_in(client, world.chen.account_id)
    words = json.dumps([world.chen.account_id, "周晓航"])
    good = vault.seal(words)
    assert "周晓航" in client.get("/desk/people", query_string={"s": good}).text
    other = vault.seal(json.dumps([world.gu.account_id, "周晓航"]))
    key = Fernet(base64.urlsafe_b64encode(vault._key(b"seal")))
    old = key.encrypt_at_time(words.encode(), int(time.time()) - 3700).decode()
    for token in (other, old, good[:-4] + "AAAA", "x", "林", "%00", "s" * 5000):
        answer = client.get("/desk/people", query_string={"s": token})
        assert answer.status_code == 200
        assert "周晓航" not in answer.text


@pytest.mark.parametrize("typed", ["\x00", "林\x00", "<script>", "😀" * 100, "长" * 5000])
def test_whatever_is_typed_gives_a_page(client, world, typed):
    sign_in(client, world.chen.account_id)
    assert client.post("/desk/people/searches", data={"q": typed}, follow_redirects=True).status_code == 200
