"""A station whose entries somebody looks at from above."""

import pytest

from core.actor import Role
from tests.attacks.conftest import as_, at  # noqa: F401 - the same browsers and the same clock
from tests.factories import make_post, make_shift, make_staff, make_world


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def zhu(world):
    """The level above: a confirmer of the county."""
    return make_staff(Role.CONFIRMER, world.county, "朱确认")


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station), places=30)
