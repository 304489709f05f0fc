"""kill -9 in the middle of claims and check-ins; `python -m tests.reliability.crashes` strikes ten times each."""

import os

import pytest

from tests.reliability.crashes import at_postgresql, at_the_server
from tests.reliability.house import database

pytestmark = [pytest.mark.commits, pytest.mark.slow]
ROUNDS = 2


def sound(outcomes):
    assert [fault for outcome in outcomes for fault in outcome.faults] == []
    assert sum(outcome.done for outcome in outcomes) > 100


def test_a_killed_server_loses_nothing_and_doubles_nothing(tmp_path):
    with database("crash") as url:
        sound(at_the_server(tmp_path, url, ROUNDS))


def test_a_killed_database_loses_nothing_and_the_site_finds_it_again(tmp_path):
    """On SQLite the database dies with the server, which the test above does; here it is struck at another moment."""
    if os.environ.get("TEST_DATABASE_URL"):
        sound(at_postgresql(tmp_path, ROUNDS))
    else:
        sound(at_the_server(tmp_path, "", 1))
