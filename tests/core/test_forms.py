"""A form takes the fields that a page sent, and nothing else."""

import pytest


@pytest.mark.parametrize("body", ["null", "[]", "[[[", '"x"', "[1, null, {}]", '{"phone": 5, "password": ["x"]}'])
def test_json_is_never_taken_for_a_form(client, body):
    answer = client.post("/sign-in", data=body, content_type="application/json")
    assert answer.status_code == 422
    assert 'name="phone"' in answer.text
