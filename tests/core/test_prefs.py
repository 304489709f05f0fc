"""A link that chooses a language leads back to the very page, never to another site."""

import pytest


def test_a_choice_is_kept_and_leads_back_to_the_page(client):
    answer = client.get("/?lang=en&q=%E5%9B%BE%E4%B9%A6")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?q=%E5%9B%BE%E4%B9%A6")
    assert "prefs=en." in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("path", ["/%09/evil.com", "/%0d%0aX", "/%5Cevil.com", "/nowhere"])
def test_a_choice_on_a_page_that_does_not_exist_is_not_found(client, path):
    answer = client.get(f"{path}?lang=en")
    assert (answer.status_code, answer.headers.get("Location")) == (404, None)
    assert 'href="/\t' not in answer.text
    assert 'href="//' not in answer.text
    assert 'href="/\\' not in answer.text


def test_a_page_with_two_slashes_leads_to_this_site(client):
    answer = client.get("//evil.com?lang=en", base_url="http://localhost")
    assert not answer.headers.get("Location", "/").startswith("//")


@pytest.mark.parametrize("text", ["%0D%0AX", "%09", "a%2Fb", "%E5%B2%97"])
def test_a_path_is_led_back_to_as_an_address_has_it(client, text):
    answer = client.get(f"/calendar/{text}.ics?lang=en")
    assert answer.status_code in (303, 404)
    assert answer.headers.get("Location", f"/calendar/{text}.ics") == f"/calendar/{text}.ics"
