"""Who sees a notice is set by an organization or one above it; a full name is shown by its person's consent alone."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from blueprints.identity import actions as people
from blueprints.identity import queries as identity
from blueprints.identity.models import Account, Consent, Leaving, Purpose
from blueprints.public_notices import actions, queries, routes
from blueprints.public_notices.models import SeenBy
from core.actor import Role
from core.audit import AuditEntry
from core.brake import Brake
from core.db import db
from core.refusal import Refusal
from tests.counting import counted
from tests.factories import HOUR, START, make_staff, make_volunteer
from tests.public_notices.conftest import NOW
from tests.records.test_entering import facts, vouched

TITLE = "台风夜安置点值守"


@pytest.fixture
def top(world):
    return make_staff(Role.ADMINISTRATOR, world.city, "市主任")


def show(organization, seen_by, who):
    actions.show_to(organization.id, seen_by, who, now=NOW)
    db.session.commit()


# --- who sees them ----------------------------------------------------------------------------------------------


def test_as_long_as_nobody_sets_anything_only_the_organization_sees_it(as_, visitor, world, noticed):
    assert TITLE in as_(world.zhou).get("/notices").text
    assert "Only people of the organization" in as_(world.zhou).get(f"/notices/{noticed.id}").text
    assert TITLE not in as_(world.gu).get("/notices").text
    assert TITLE not in visitor.get("/public-notices").text
    assert visitor.get(f"/public-notices/{noticed.id}").status_code == 404


def test_everybody_signed_in_sees_it_when_that_is_set(as_, visitor, world, noticed):
    show(world.station, SeenBy.SIGNED_IN, world.qian)
    page = as_(world.gu).get("/notices").text
    assert (TITLE in page, "Everybody who is signed in" in page, "林小满" in page) == (True, True, False)
    assert visitor.get(f"/public-notices/{noticed.id}").status_code == 404


def test_everybody_sees_it_without_an_account_and_no_search_engine_keeps_it(visitor, world, noticed):
    show(world.county, SeenBy.EVERYBODY, world.qian)
    for address in ("/public-notices", f"/public-notices/{noticed.id}"):
        page = visitor.get(address)
        assert TITLE in page.text
        assert "林*" in page.text
        assert "林小满" not in page.text
        assert page.headers["X-Robots-Tag"] == "noindex, noarchive"
        assert page.headers["Cache-Control"] == "private, no-store"
        assert 'name="robots" content="noindex' in page.text
    assert "Everybody, without an account, too" in visitor.get("/public-notices").text


def test_the_nearest_that_says_anything_decides(world, noticed, top):
    def holds():
        return queries.one_of(noticed.id, queries.running(world.qian, NOW)).seen_by

    show(world.city, SeenBy.EVERYBODY, top)
    assert holds() is SeenBy.EVERYBODY
    show(world.town, SeenBy.SIGNED_IN, world.qian)
    assert holds() is SeenBy.SIGNED_IN
    show(world.station, SeenBy.ORGANIZATION, world.qian)
    assert holds() is SeenBy.ORGANIZATION
    show(world.station, None, world.qian)
    show(world.other_county, SeenBy.EVERYBODY, top)
    assert holds() is SeenBy.SIGNED_IN
    assert queries.set_for(world.station) == (None, SeenBy.SIGNED_IN)
    assert queries.set_for(world.other_station) == (None, SeenBy.EVERYBODY)
    assert queries.set_for(world.city) == (SeenBy.EVERYBODY, SeenBy.ORGANIZATION)


def test_an_organization_whose_number_begins_alike_is_not_above(world, noticed, top):
    """/1/2/ stands above /1/2/9/, and not above /1/20/."""
    world.other_county.path = world.town.path[:-1] + "0/"
    show(world.town, SeenBy.EVERYBODY, world.qian)
    assert queries.set_for(world.other_county)[1] is SeenBy.ORGANIZATION
    assert queries.one_of(noticed.id, queries.public(NOW)) is not None
    world.station.path = world.other_county.path + "9/"
    db.session.flush()
    assert queries.one_of(noticed.id, queries.public(NOW)) is None


def test_only_an_administrator_of_it_sets_it_and_that_is_traced(as_, world, noticed):
    address = f"/desk/organizations/{world.station.id}/notices"
    for who, status in ((world.chen, 403), (world.wu, 403), (world.he, 404)):
        assert as_(who).get(address).status_code == status
        assert as_(who).post(address, data={"seen_by": "everybody"}).status_code == status
    with pytest.raises(Refusal, match="administrator"):
        actions.show_to(world.station.id, SeenBy.EVERYBODY, world.he, now=NOW)
    qian = as_(world.qian)
    assert qian.post(address, data={}).status_code == 422
    assert qian.post(address, data={"seen_by": "everybody"}).status_code == 303
    assert qian.post(address, data={"seen_by": "above"}).status_code == 303
    assert "has it so: Only people of the organization" in qian.get(address).text
    traces = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "notice audience set")).all()
    assert [(each.actor_id, each.organization_id) for each in traces] == [(world.qian.account_id, world.station.id)] * 2
    assert '"after": "everybody"' in traces[0].details
    assert '"before": "everybody"' in traces[1].details


def test_above_the_top_there_is_nothing(world, top):
    with pytest.raises(Refusal, match="Nothing stands above"):
        actions.show_to(world.city.id, None, top, now=NOW)


def test_whoever_looks_too_often_waits(visitor, world, noticed, monkeypatch):
    show(world.station, SeenBy.EVERYBODY, world.qian)
    monkeypatch.setattr(routes, "brake", Brake(3))
    answers = [visitor.get(f"/public-notices/{noticed.id}").status_code for _n in range(4)]
    assert answers == [200, 200, 200, 429]
    assert visitor.get("/public-notices").status_code == 429


def test_a_long_public_list_asks_the_database_no_more_often(visitor, world, zhu, noticed):
    show(world.station, SeenBy.EVERYBODY, world.qian)
    with counted() as few:
        visitor.get("/public-notices")
    for number in range(1, 8):
        later = START + timedelta(days=1) + number * 2 * HOUR
        record = vouched(world, facts(world, starts=later, minutes=10, length=HOUR))
        actions.records.approve(record.id, zhu, now=NOW)
        db.session.commit()
    with counted() as many:
        page = visitor.get("/public-notices")
    assert page.text.count(TITLE) == 8
    assert len(many) == len(few) <= 8


# --- by which name ----------------------------------------------------------------------------------------------


def test_a_full_name_is_shown_by_ones_own_consent_and_masked_at_once_without_it(as_, visitor, world, noticed):
    show(world.station, SeenBy.EVERYBODY, world.qian)
    lin, zhou = as_(world.lin), as_(world.zhou)
    addresses = [(zhou, "/notices"), (zhou, f"/notices/{noticed.id}")]
    addresses += [(visitor, "/public-notices"), (visitor, f"/public-notices/{noticed.id}")]

    def named():
        return {"林小满" in client.get(address).text for client, address in addresses}

    assert named() == {False}
    assert "Showing my full name on public notices" in lin.get("/me/consents").text
    assert lin.post("/me/consents/notice_name").status_code == 303
    assert named() == {True}
    given = identity.live_consent(world.lin.account_id, Purpose.NOTICE_NAME)
    assert (given.text_version, given.recorded_by_id) == ("1", None)
    assert lin.post("/me/consents/notice_name").status_code == 303  # a second tap is no second consent
    assert len([each for each in identity.consents(world.lin.account_id) if each.purpose is given.purpose]) == 1
    assert lin.post(f"/me/consents/{given.id}/withdrawal").status_code == 303
    assert named() == {False}
    assert "masked on public notices" in lin.get("/me/consents").text


def test_nobody_else_can_consent_for_somebody(as_, world, noticed):
    people.agree_to(Purpose.NOTICE_NAME, world.lin.account_id, now=NOW)
    db.session.commit()
    given = db.session.scalars(select(Consent).where(Consent.purpose == Purpose.NOTICE_NAME)).one()
    assert as_(world.zhou).post(f"/me/consents/{given.id}/withdrawal").status_code == 404
    assert as_(world.chen).post("/me/consents/notice_name").status_code == 403  # no registration
    assert identity.named_in_full([world.lin.account_id, world.zhou.account_id], Purpose.NOTICE_NAME, NOW) == {
        world.lin.account_id
    }


@pytest.mark.parametrize(("born", "may"), [(date(2081, 5, 9), True), (date(2081, 5, 10), False)])
def test_under_eighteen_a_name_stays_masked(world, born, may):
    world.lin.birth_date = born
    if not may:
        with pytest.raises(Refusal, match="Under 18"):
            people.agree_to(Purpose.NOTICE_NAME, world.lin.account_id, now=NOW)
    else:
        people.agree_to(Purpose.NOTICE_NAME, world.lin.account_id, now=NOW)
    assert bool(identity.named_in_full([world.lin.account_id], Purpose.NOTICE_NAME, NOW)) is may


@pytest.mark.parametrize("born", [date(2081, 5, 10), None], ids=["a minor", "nobody knows"])
def test_a_minor_is_masked_whoever_agreed(as_, world, noticed, born):
    people.agree_to(Purpose.NOTICE_NAME, world.lin.account_id, now=NOW)
    db.session.commit()
    zhou = as_(world.zhou)
    assert "林小满" in zhou.get("/notices").text
    world.lin.birth_date = born  # a clerk corrected it afterwards
    db.session.commit()
    assert "林小满" not in zhou.get("/notices").text


def test_whoever_has_left_is_masked_again(world, noticed):
    people.agree_to(Purpose.NOTICE_NAME, world.lin.account_id, now=NOW)
    people.leave(world.lin.account_id, Leaving.KEEP, now=NOW)
    db.session.flush()
    assert identity.named_in_full([world.lin.account_id], Purpose.NOTICE_NAME, NOW) == set()
    named = identity.public_names([db.session.get(Account, world.lin.account_id)])
    assert named == {world.lin.account_id: "林*"}


def test_the_consent_of_one_names_nobody_else(as_, world, zhu, noticed):
    twin = make_volunteer("林小雨", world.station)
    later = facts(world, starts=START + timedelta(days=2), volunteer_id=twin.id)
    record = vouched(world, later)
    actions.records.approve(record.id, zhu, now=NOW)
    people.agree_to(Purpose.NOTICE_NAME, twin.account_id, now=NOW)
    db.session.commit()
    page = as_(world.zhou).get("/notices").text
    assert ("林小雨" in page, "林小满" in page) == (True, False)
