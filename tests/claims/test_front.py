"""What stands before the application: what one visitor asks must not decide what the next one sees."""

import pytest

from tests.claims.conftest import SWAP
from tests.factories import BEFORE, make_organization, make_post, make_shift


@pytest.fixture(autouse=True)
def open_shift(at):
    at(BEFORE)
    return make_shift(make_post(make_organization()))


def test_a_poll_with_an_empty_tag_is_not_kept_as_the_page_of_everybody(client):
    client.get("/", headers={"HX-PTag": ""})
    assert "<html" in client.get("/").text
    client.get("/?q=x", headers={**SWAP, "HX-PTag": ""})
    assert 'id="flash"' in client.get("/?q=x", headers=SWAP).text


def test_a_page_is_kept_for_the_host_it_was_made_for(app):
    visitor = app.test_client()
    asked = []
    inner = app.wsgi_app.inner
    app.wsgi_app.inner = lambda environ, start: (asked.append(environ["HTTP_HOST"]), inner(environ, start))[1]
    try:
        for host in ("one.example", "two.example", "one.example"):
            visitor.get("/", base_url=f"http://{host}")
    finally:
        app.wsgi_app.inner = inner
    assert asked == ["one.example", "two.example"]
