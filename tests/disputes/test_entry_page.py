"""The page of an entry about which everything is known still asks the database eight times at most."""

import pytest
from flask import g
from flask.testing import FlaskClient

from blueprints.disputes import actions as disputes
from blueprints.disputes.models import DisputeState
from blueprints.kiosk.models import Flag, FlagKind
from blueprints.posts.models import Shift
from blueprints.records import actions, corrections
from blueprints.records.models import ENTRY, Bar, HeadCount, RefusedAttempt, ServiceRecord, Tried
from blueprints.rollcall.models import Evidence
from core import clock
from core.db import db
from tests.counting import queries_of
from tests.disputes.conftest import LATER, Deciders, disputed
from tests.factories import START, World, make_post, make_shift, saved, sign_in
from tests.records.test_ledger import DONE, hand_in, served

MOST = 8


@pytest.fixture
def shift(world: World) -> Shift:
    return make_shift(make_post(world.station), places=4)


@pytest.fixture
def rich(world: World, shift: Shift) -> ServiceRecord:
    """Minutes of Lin with a photo of the sheet, a flag, a head count that differs and a refused attempt."""
    held = [served(world, shift, who, end=100) for who in (world.lin, world.zhou, world.shen)]
    made = {"made_at": DONE, "made_by_id": world.chen.account_id}
    saved(Evidence(shift_id=shift.id, content_type="image/jpeg", size=3, sha256="0" * 64, content=b"abc", **made))
    record = next(each for each in hand_in(shift, world.chen, counted=3) if each.volunteer_id == world.lin.id)
    saved(HeadCount(shift_id=shift.id, counted=5, in_system=3, at=DONE, by_id=world.chen.account_id))
    for kind in (FlagKind.SHARED_DEVICE, FlagKind.TWO_PLACES):
        details = {"others": 2, "title": "岗位", "claim": held[1].id}
        saved(Flag(claim_id=held[0].id, kind=kind, details=details, raised_at=START))
    return record


def tried(record: ServiceRecord, world: World) -> None:
    """Somebody was refused to confirm it."""
    who = {"actor_id": world.chen.account_id, "about_id": world.lin.account_id}
    what = {"subject": ENTRY, "subject_id": record.id, "tried": Tried.CONFIRM, "bar": Bar.RECORDER}
    saved(RefusedAttempt(at=DONE, organization_id=record.organization_id, **who, **what))


def asked(client: FlaskClient, account_id: int, record: ServiceRecord) -> int:
    sign_in(client, account_id)
    address = f"/desk/records/{record.id}"
    g.pop("unread", None)
    return queries_of(lambda: client.get(address))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: LATER)


@pytest.mark.usefixtures("later")
def test_one_that_waits(client: FlaskClient, world: World, rich: ServiceRecord) -> None:
    tried(rich, world)
    assert asked(client, world.wu.account_id, rich) <= MOST
    disputed(rich, world.lin)
    assert asked(client, world.wu.account_id, rich) <= MOST


@pytest.mark.usefixtures("later")
def test_one_that_counts_and_is_to_be_corrected(
    client: FlaskClient, world: World, deciders: Deciders, rich: ServiceRecord
) -> None:
    actions.confirm_marked(rich.id, world.wu, reason="都对，问过在场的人。", now=DONE)
    corrections.propose(rich.id, 110, world.chen, reason="走得更晚，问过他。", now=DONE)
    assert asked(client, deciders.zhu.account_id, rich) <= MOST
    tried(rich, world)
    disputed(rich, world.lin)
    assert asked(client, deciders.zhu.account_id, rich) <= MOST


@pytest.mark.usefixtures("later")
def test_one_whose_dispute_led_to_a_correction(
    client: FlaskClient, world: World, deciders: Deciders, rich: ServiceRecord
) -> None:
    actions.confirm_marked(rich.id, world.wu, reason="都对，问过在场的人。", now=DONE)
    made = disputed(rich, world.lin, minutes=60)
    tried(rich, world)
    assert disputes.accept(made.id, deciders.xu, minutes=90, words="监控里看到十点半走。", now=LATER).state is (
        DisputeState.CORRECTING
    )
    db.session.commit()
    assert asked(client, deciders.zhu.account_id, rich) <= MOST
