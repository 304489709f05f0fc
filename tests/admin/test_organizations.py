"""Organizations: founded inside their parent's area, changed, and closed only when nobody is left waiting."""

import pytest
from sqlalchemy import select

from blueprints.admin import actions, queries
from blueprints.claims import actions as claims
from blueprints.claims.models import Act
from blueprints.identity.models import Account, VolunteerState
from blueprints.organizations.models import Organization, OrganizationKind
from blueprints.posts import actions as posts
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from tests.counting import queries_of
from tests.factories import (
    BEFORE,
    HOUR,
    NANHU,
    START,
    XITANG,
    YANYU,
    actor_for,
    give,
    make_organization,
    make_post,
    make_shift,
    make_staff,
    make_volunteer,
    sign_in,
)

NEXT_DOOR = 330402010029  # another community of the same town


def found(world, by=None, parent=None, division_id=YANYU, name="新站"):
    parent, by = parent or world.county, by or world.qian
    values = {"division_id": division_id, "phone": "", "address": "", "now": BEFORE}
    return actions.found(name, OrganizationKind.STATION, parent.id, by, **values)


def test_a_new_organization_stands_below_its_parent_and_inside_its_area(world):
    made = found(world)
    assert made.path.startswith(world.county.path)
    assert made.parent_id == world.county.id
    with pytest.raises(Refusal, match="outside"):
        found(world, division_id=XITANG, name="县外站")


def test_a_second_tap_meets_the_name_of_the_first(world):
    found(world)
    with pytest.raises(Refusal, match="stands there already"):
        found(world)


@pytest.mark.parametrize("who", ["chen", "wu", "gu", "pan", "he"])
def test_only_an_administrator_of_the_parent_or_above_it_founds_changes_and_closes(world, who):
    actor = getattr(world, who)
    values = {"name": "改名", "phone": "", "address": "", "now": BEFORE}
    for act in (
        lambda: found(world, by=actor),
        lambda: actions.edit(world.station.id, actor, **values),
        lambda: actions.close(world.station.id, actor, now=BEFORE),
    ):
        with pytest.raises(Refusal, match="does not cover"):
            act()


def test_an_organization_closes_once_nothing_is_open_in_it(world):
    closed = actions.close(world.station.id, world.qian, now=BEFORE)
    assert closed.closed_at == BEFORE
    with pytest.raises(Refusal, match="closed already"):
        actions.close(world.station.id, world.qian, now=BEFORE)
    with pytest.raises(Refusal, match="was closed"):
        actions.invite(world.station.id, Role.CLERK, "徐", world.qian, now=BEFORE)


def test_roles_on_a_closed_organization_open_nothing(world):
    actions.close(world.station.id, world.qian, now=BEFORE)
    account = queries.staff_of(world.station.id)[0].account
    assert actor_for(account).held == ()


def test_the_top_is_never_closed(world):
    boss = make_staff(Role.ADMINISTRATOR, world.city, "市主任")
    with pytest.raises(Refusal, match="stays open"):
        actions.close(world.city.id, boss, now=BEFORE)


def test_an_organization_with_others_below_stays_open(world):
    with pytest.raises(Refusal, match="Close them first"):
        actions.close(world.town.id, world.qian, now=BEFORE)


def test_an_organization_with_a_coming_shift_stays_open(world):
    make_shift(make_post(world.station))
    with pytest.raises(Refusal, match="still open"):
        actions.close(world.station.id, world.qian, now=BEFORE)


def test_an_organization_with_times_that_nobody_handed_in_stays_open(world):
    shift = make_shift(make_post(world.station))
    held = claims.walk_in(shift.id, world.lin.id, world.chen, now=START)
    claims.punch(held.id, Act.IN, world.chen, now=START)
    with pytest.raises(Refusal, match="handed in"):
        actions.close(world.station.id, world.qian, now=START + 3 * HOUR)


def test_an_organization_with_an_undecided_registration_stays_open(world):
    make_volunteer("徐青", world.station, state=VolunteerState.SUBMITTED)
    with pytest.raises(Refusal, match="wait for a decision"):
        actions.close(world.station.id, world.qian, now=BEFORE)


def test_a_draft_does_not_keep_an_organization_open(world):
    make_post(world.station, state=posts.PostState.DRAFT, published_at=None, published_by_id=None)
    assert actions.close(world.station.id, world.qian, now=BEFORE).closed_at


# --- the pages ----------------------------------------------------------------------------------------------


def test_the_tree_shows_the_subtree_and_nothing_beside_it(client, world):
    sign_in(client, world.qian.account_id)
    page = client.get("/desk/organizations").text
    assert "烟雨社区志愿服务站" in page
    assert "西塘镇志愿服务站" not in page
    assert "嘉兴市志愿服务指导中心" not in page


def test_an_organization_within_another_of_mine_is_drawn_once(client, world):
    give(db.session.get(Account, world.qian.account_id), Role.ADMINISTRATOR, world.town)
    sign_in(client, world.qian.account_id)
    page = client.get("/desk/organizations").text
    assert page.count(f'href="/desk/organizations/{world.town.id}"') == 1


def test_posts_are_found_by_the_new_name_of_their_organization_at_once(client, world):
    shift = make_shift(make_post(world.station, title="护河"), starts_at=START)
    revision = shift.revision
    actions.edit(world.station.id, world.qian, name="南溪社区志愿服务站", phone="", address="", now=BEFORE)
    db.session.commit()
    assert "护河" in client.get("/", query_string={"q": "南溪"}).text
    assert "护河" not in client.get("/", query_string={"q": "烟雨社区志愿服务站"}).text
    db.session.refresh(shift)
    assert shift.revision > revision


def test_a_search_finds_by_any_part_of_the_name_within_the_subtree(client, world):
    sign_in(client, world.qian.account_id)
    page = client.get("/desk/organizations?q=志愿服务站").text
    assert "烟雨社区志愿服务站" in page
    assert "西塘镇志愿服务站" not in page


def test_the_page_of_an_organization_names_its_staff_posts_and_children(client, world):
    make_post(world.station)
    sign_in(client, world.qian.account_id)
    page = client.get(f"/desk/organizations/{world.station.id}").text
    for text in ("陈站长", "社区图书角管理岗", "南湖街道团工委"):
        assert text in page


def test_the_parent_is_a_link_only_within_reach(client, world):
    sign_in(client, world.qian.account_id)
    page = client.get(f"/desk/organizations/{world.county.id}").text
    assert "嘉兴市志愿服务指导中心" in page
    assert f'href="/desk/organizations/{world.city.id}"' not in page
    assert client.get(f"/desk/organizations/{world.city.id}").status_code == 404


def test_the_place_is_chosen_step_by_step_without_javascript(client, world):
    sign_in(client, world.qian.account_id)
    start = f"/desk/organizations/{world.county.id}/children"
    assert 'id="place-village"' not in client.get(start).text
    page = client.get(f"{start}?place={YANYU // 1000 * 1000}").text
    assert f'<option value="{YANYU}">' in page
    assert f'name="division_id" value="{YANYU}"' in client.get(f"{start}?place={YANYU}").text


def test_only_the_place_is_swapped(client, world):
    sign_in(client, world.qian.account_id)
    headers = {"HX-Request-Type": "partial"}
    part = client.get(f"/desk/organizations/{world.county.id}/children?place={YANYU}", headers=headers).text
    assert "<html" not in part
    assert part.count('id="place"') == 1


def test_a_place_outside_the_parents_area_is_not_offered_and_not_taken(client, world):
    sign_in(client, world.qian.account_id)
    address = f"/desk/organizations/{world.county.id}/children"
    assert f'name="division_id" value="{NANHU}"' in client.get(f"{address}?place={XITANG}").text
    data = {"name": "县外站", "kind": "station", "division_id": str(XITANG)}
    forged = client.post(address, data=data)
    assert forged.status_code == 409
    assert 'value="县外站"' in forged.text


def test_an_organization_is_founded_through_the_page(client, world):
    sign_in(client, world.qian.account_id)
    address = f"/desk/organizations/{world.county.id}/children"
    data = {"name": "月河社区志愿服务站", "kind": "station", "division_id": str(NEXT_DOOR), "phone": "0573-82000000"}
    made = client.post(address, data=data)
    assert made.status_code == 303, made.text
    again = client.post(address, data=data)
    assert again.status_code == 409
    one = db.session.scalars(select(Organization).where(Organization.name == "月河社区志愿服务站")).one()
    assert (one.parent_id, one.division_id, one.phone) == (world.county.id, NEXT_DOOR, "0573-82000000")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "长" * 61},
        {"kind": "palace"},
        {"phone": "call me"},
        {"address": "长" * 121},
        {"division_id": "one"},
        {"division_id": "9" * 30},
    ],
)
def test_what_makes_no_sense_is_refused_and_what_was_typed_is_kept(client, world, wrong):
    sign_in(client, world.qian.account_id)
    data = {
        "name": "月河站",
        "kind": "station",
        "division_id": str(NEXT_DOOR),
        "phone": "",
        "address": "禾兴路",
        **wrong,
    }
    answer = client.post(f"/desk/organizations/{world.county.id}/children", data=data)
    assert answer.status_code in (409, 422)
    assert wrong.get("address", "禾兴路") in answer.text


def test_name_phone_and_address_are_changed_through_the_page(client, world):
    sign_in(client, world.qian.account_id)
    address = f"/desk/organizations/{world.station.id}/details"
    assert 'value="烟雨社区志愿服务站"' in client.get(address).text
    assert client.post(address, data={"name": "", "phone": "", "address": ""}).status_code == 422
    assert (
        client.post(address, data={"name": "烟雨志愿驿站", "phone": "12345", "address": "禾兴路1号"}).status_code == 303
    )
    db.session.refresh(world.station)
    assert (world.station.name, world.station.phone, world.station.address) == ("烟雨志愿驿站", "12345", "禾兴路1号")


def test_a_closed_organization_is_read_but_not_changed(client, world):
    actions.close(world.station.id, world.qian, now=BEFORE)
    db.session.commit()
    sign_in(client, world.qian.account_id)
    page = client.get(f"/desk/organizations/{world.station.id}")
    assert "Closed on" in page.text
    assert "Invite staff" not in page.text
    for noun in ("details", "children", "invitations"):
        assert client.get(f"/desk/organizations/{world.station.id}/{noun}").status_code == 404


def test_closing_through_the_page_says_what_is_in_the_way(client, world):
    sign_in(client, world.qian.account_id)
    refused = client.post(f"/desk/organizations/{world.town.id}/closure")
    assert refused.status_code == 409
    assert "Close them first" in refused.text
    assert client.post(f"/desk/organizations/{world.station.id}/closure").status_code == 303


@pytest.mark.parametrize("noun", ["", "/{county}", "/{county}/children"])
def test_the_pages_take_as_many_queries_for_many_organizations_as_for_few(client, world, noun):
    sign_in(client, world.qian.account_id)
    address = "/desk/organizations" + noun.format(county=world.county.id)
    few = queries_of(lambda: client.get(address))
    for number in range(10):
        below = make_organization(f"站{number}", parent=world.county)
        make_organization(f"队{number}", OrganizationKind.TEAM, below)
    assert queries_of(lambda: client.get(address)) == few
    assert few <= 8
