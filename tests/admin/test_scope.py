"""Every page of the desk × every role × somebody else's organization: what one may not see is 403 or 404."""

import json

import pytest

from blueprints.admin import actions
from blueprints.identity import actions as identity
from blueprints.identity.models import (
    Account,
    Grant,
    GuardianMethod,
    Guardianship,
    Skill,
    SlipPurpose,
    VolunteerSkill,
    VolunteerState,
)
from core import vault
from core.actor import Role
from core.db import db
from tests.factories import BEFORE, JIAXING, give, make_organization, make_volunteer, saved, sign_in

BLUEPRINTS = ("desk.", "people.", "invitations.")
STAFF = ("chen", "wu", "qian", "gu", "pan", "he")
ROLES = {"chen": "clerk", "wu": "confirmer", "qian": "administrator", "gu": "clerk", "pan": "confirmer"} | {
    "he": "administrator"
}


@pytest.fixture
def ids(world):
    """One row of everything, all of it of the station in Nanhu and under its county's administrator."""
    young = make_volunteer("隐名人", world.station, state=VolunteerState.SUBMITTED)
    invitation, _code = actions.invite(world.station.id, Role.CLERK, "隐名客", world.qian, now=BEFORE)
    skill = saved(VolunteerSkill(volunteer_id=young.id, skill=Skill.LAW))
    given = Guardianship(volunteer_id=young.id, guardian_name="隐名父", relation="父亲", given_at=BEFORE)
    given.guardian_phone, given.method = "+8619900000099", GuardianMethod.IN_PERSON
    given.recorded_by_id = world.chen.account_id
    saved(given)
    lin = {"actor": world.chen, "organization_id": world.station.id, "now": BEFORE}
    slip, _code = identity.issue_slip(world.lin.account_id, SlipPurpose.PASSWORD, **lin)
    db.session.commit()
    return {
        "organization_id": world.station.id,
        "grant_id": db.session.scalars(db.select(Grant.id).where(Grant.account_id == world.chen.account_id)).one(),
        "invitation_id": invitation.id,
        "volunteer_id": young.id,
        "guardianship_id": given.id,
        "skill_id": skill.id,
        "slip_id": slip.id,
    }


def routes(app, ids):
    """The desk's routes with ids filled in: endpoint, method, address, roles, and whether an id is part of it."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        access = getattr(app.view_functions[rule.endpoint], "access", "")
        if rule.endpoint.startswith(BLUEPRINTS) and access.startswith("staff:"):
            values = {name: ids.get(name, "cancel_hours") for name in rule.arguments}
            method = "POST" if "POST" in rule.methods else "GET"
            roles = set(access.removeprefix("staff:").split(","))
            yield rule.endpoint, method, adapter.build(rule.endpoint, values), roles, bool(set(ids) & rule.arguments)


def ask(client, method, address):
    return client.open(address, method=method)


def test_there_are_routes_to_try(app, ids):
    assert len(list(routes(app, ids))) > 35


@pytest.mark.parametrize("who", STAFF)
def test_a_page_of_another_role_is_refused(app, client, world, ids, who):
    sign_in(client, getattr(world, who).account_id)
    answers = {
        (endpoint, method): ask(client, method, address).status_code
        for endpoint, method, address, roles, _tied in routes(app, ids)
        if ROLES[who] not in roles
    }
    assert set(answers.values()) == {403}, answers


@pytest.mark.parametrize("who", ["gu", "pan", "he"])
def test_nothing_of_another_county_is_found(app, client, world, ids, who):
    sign_in(client, getattr(world, who).account_id)
    for endpoint, method, address, _roles, tied in routes(app, ids):
        if tied:
            answer = ask(client, method, address)
            assert answer.status_code in (403, 404), endpoint
            assert "隐名" not in answer.text, endpoint


@pytest.mark.parametrize("who", ["gu", "pan", "he", "wu"])
def test_no_list_names_anybody_of_a_foreign_organization(app, client, world, ids, who):
    sign_in(client, getattr(world, who).account_id)
    for endpoint, method, address, roles, tied in routes(app, ids):
        if method == "GET" and not tied and ROLES[who] in roles:
            words = vault.seal(json.dumps([getattr(world, who).account_id, "隐名"]))
            text = client.get(address, query_string={"q": "隐名", "s": words}).text
            text = text.replace('value="隐名"', "").replace("“隐名”", "")
            assert "隐名" not in text, endpoint
            assert "陈站长" not in text or who == "wu", endpoint


@pytest.mark.parametrize("who", STAFF)
def test_ids_nobody_has_are_not_found(app, client, world, ids, who):
    sign_in(client, getattr(world, who).account_id)
    nothing = dict.fromkeys(ids, 2**31 - 1)
    for endpoint, method, address, roles, tied in routes(app, nothing):
        if tied and ROLES[who] in roles:
            assert ask(client, method, address).status_code == 404, endpoint


def test_the_clerk_and_the_administrator_of_the_station_do_find_theirs(app, client, world, ids):
    """Otherwise the refusals above would prove nothing."""
    for who in ("chen", "qian"):
        sign_in(client, getattr(world, who).account_id)
        for endpoint, method, address, roles, tied in routes(app, ids):
            mine = tied and ROLES[who] in roles and method == "GET"
            if mine and not (endpoint == "people.show_slip" and who == "qian"):  # a slip is its issuer's alone
                assert ask(client, method, address).status_code == 200, endpoint


def test_a_forged_post_changes_nothing(app, client, world, ids):
    """With forms filled in as their owner would, not empty."""
    data = {
        "name": "伪造", "kind": "station", "division_id": str(JIAXING), "role": "administrator", "reason": "伪造",
        "seen": BEFORE.isoformat(), "purpose": "password", "relation": "父亲", "phone": "19900001234",
        "method": "in_person", "value": "5", "registration": f"{ids['volunteer_id']}@{BEFORE.isoformat()}",
    }  # fmt: skip
    before = snapshot()
    for who in ("gu", "pan", "he", "wu", "lin"):
        sign_in(client, getattr(world, who).account_id)
        for endpoint, method, address, _roles, tied in routes(app, ids):
            if method == "POST" and (tied or endpoint in ("people.approve_all", "desk.set_limit")):
                assert client.post(address, data=data).status_code in (403, 404), (endpoint, who)
    assert snapshot() == before


def snapshot():
    """Everything a forged request could have changed."""
    db.session.expire_all()
    tables = (
        "organization",
        "role_grant",
        "invitation",
        "volunteer",
        "guardianship",
        "volunteer_skill",
        "slip",
        "setting",
    )
    return {name: db.session.execute(db.text(f"SELECT * FROM {name} ORDER BY id")).all() for name in tables}


def test_a_role_on_a_station_does_not_reach_its_parent_or_its_sister(client, world):
    other = make_volunteer("隔壁人", world.town)
    sign_in(client, world.chen.account_id)
    assert client.get(f"/desk/people/{other.id}").status_code == 404
    assert client.get(f"/desk/people/{world.lin.id}").status_code == 200


def test_a_path_that_begins_alike_is_another_organization(client, world):
    """/1/2/ must not cover /1/20/: ids are compared as steps, not as text."""
    alike = make_organization("外县站", parent=world.city, division_id=world.other_county.division_id)
    alike.path = world.county.path[:-1] + "0/"
    stranger = make_volunteer("隔壁人", alike)
    sign_in(client, world.qian.account_id)
    assert client.get(f"/desk/people/{stranger.id}").status_code == 404
    assert client.get(f"/desk/organizations/{alike.id}").status_code == 404


@pytest.mark.parametrize("noun", ["", "/people", "/registrations", "/roles", "/organizations", "/audit", "/settings"])
def test_a_visitor_signs_in_first_and_a_volunteer_stays_out(client, world, noun):
    visitor = client.get("/desk" + noun)
    assert visitor.status_code == 303
    assert "/sign-in" in visitor.headers["Location"]
    sign_in(client, world.lin.account_id)
    assert client.get("/desk" + noun).status_code == 403


def test_a_clerk_who_becomes_administrator_sees_both_and_only_there(client, world):
    give(db.session.get(Account, world.chen.account_id), Role.ADMINISTRATOR, world.station)
    sign_in(client, world.chen.account_id)
    assert client.get(f"/desk/organizations/{world.station.id}").status_code == 200
    assert client.get(f"/desk/organizations/{world.town.id}").status_code == 404
