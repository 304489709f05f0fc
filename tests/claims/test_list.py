"""The live list: what it shows, what it can be asked, and how it keeps up."""

from tests.factories import make_shift


def test_a_visitor_sees_what_is_open(client):
    make_shift()
    page = client.get("/")
    assert page.status_code == 200
    assert "社区图书角管理岗" in page.text
