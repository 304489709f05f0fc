"""Roles: who may offer and take them, what the link gives, and that a role that was taken back is gone at once."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from blueprints.admin import actions, queries
from blueprints.identity import actions as identity
from blueprints.identity.models import Account, Grant, Invitation, Leaving
from blueprints.messages.models import Notice, NoticeKind
from blueprints.messages.words import sentence
from core import passwords
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.refusal import Refusal
from tests.factories import BEFORE, HOUR, actor_for, give_second_step, make_account, make_staff, sign_in

WEEK = timedelta(days=7)


def invite(world, role=Role.CLERK, name="徐站务", by=None, organization=None):
    organization = organization or world.station
    made, code = actions.invite(organization.id, role, name, by or world.qian, now=BEFORE)
    db.session.commit()
    return made, code


def grants(account_id):
    return {(g.role, g.organization_id) for g in queries.grants_of(account_id)}


def grant_of(actor):
    return db.session.scalars(select(Grant).where(Grant.account_id == actor.account_id)).one()


def told(account_id):
    return [n.kind for n in db.session.scalars(select(Notice).where(Notice.account_id == account_id))]


def traces(action):
    return list(db.session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


# --- the rules ----------------------------------------------------------------------------------------------


def test_a_link_gives_the_role_it_offers_and_the_person_is_told(world):
    _made, code = invite(world)
    xu = make_account("徐站务")
    actions.accept(code, xu.id, now=BEFORE)
    assert grants(xu.id) == {(Role.CLERK, world.station.id)}
    assert told(xu.id) == [NoticeKind.GRANT_GIVEN]
    assert [(t.actor_id, t.about_id, t.organization_id) for t in traces("role given")] == [
        (world.qian.account_id, xu.id, world.station.id)
    ]


def test_the_notice_names_the_role_in_the_readers_words(world):
    _made, code = invite(world)
    xu = make_account("徐站务")
    actions.accept(code, xu.id, now=BEFORE)
    notice = db.session.scalars(select(Notice).where(Notice.account_id == xu.id)).one()
    assert sentence(notice) == "You are now Clerk of 烟雨社区志愿服务站."


def test_the_database_never_holds_the_code(world):
    made, code = invite(world)
    kept = db.session.execute(select(Invitation.__table__).where(Invitation.id == made.id)).one()
    assert code not in map(str, kept)


def test_a_link_works_once(world):
    _made, code = invite(world)
    actions.accept(code, make_account("徐站务").id, now=BEFORE)
    with pytest.raises(Refusal, match="accepted already"):
        actions.accept(code, make_account("孙站务").id, now=BEFORE)


def test_a_link_ends_after_seven_days(world):
    _made, code = invite(world)
    xu = make_account("徐站务")
    with pytest.raises(Refusal, match="seven days"):
        actions.accept(code, xu.id, now=BEFORE + WEEK)
    actions.accept(code, xu.id, now=BEFORE + WEEK - HOUR)


def test_a_link_ends_when_the_invitation_is_taken_back(world):
    made, code = invite(world)
    actions.withdraw(made.id, world.qian, now=BEFORE)
    with pytest.raises(Refusal, match="taken back"):
        actions.accept(code, make_account("徐站务").id, now=BEFORE)


def test_a_link_ends_with_the_role_of_whoever_made_it(world):
    _made, code = invite(world)
    boss = make_staff(Role.ADMINISTRATOR, world.city, "市主任")
    actions.take_back(grant_of(world.qian).id, boss, now=BEFORE)
    with pytest.raises(Refusal, match="may no longer give"):
        actions.accept(code, make_account("徐站务").id, now=BEFORE)


def test_a_code_nobody_made_gives_nothing(world):
    with pytest.raises(Refusal, match="not valid"):
        actions.accept("no such code", world.lin.account_id, now=BEFORE)


def test_the_same_role_is_not_given_twice(world):
    _made, code = invite(world)
    with pytest.raises(Refusal, match="already"):
        actions.accept(code, world.chen.account_id, now=BEFORE)


def test_a_double_tap_makes_one_invitation(world):
    invite(world)
    with pytest.raises(Refusal, match="open invitation"):
        invite(world)


@pytest.mark.parametrize("who", ["chen", "wu", "gu", "pan", "he"])
def test_only_an_administrator_of_the_organization_or_above_it_invites(world, who):
    with pytest.raises(Refusal, match="does not cover"):
        invite(world, by=getattr(world, who))


def test_an_administrator_cannot_give_a_role_above_their_own_organization(world):
    with pytest.raises(Refusal, match="does not cover"):
        invite(world, Role.ADMINISTRATOR, organization=world.city)


@pytest.mark.parametrize("who", ["chen", "wu", "gu", "pan", "he"])
def test_only_an_administrator_of_the_organization_or_above_it_takes_a_role_back(world, who):
    with pytest.raises(Refusal, match="does not cover"):
        actions.take_back(grant_of(world.chen).id, getattr(world, who), now=BEFORE)
    assert grant_of(world.chen).revoked_at is None


def test_a_role_is_taken_back_once_told_and_traced(world):
    grant = grant_of(world.chen)
    actions.take_back(grant.id, world.qian, now=BEFORE)
    assert grants(world.chen.account_id) == set()
    assert told(world.chen.account_id) == [NoticeKind.GRANT_TAKEN]
    assert [t.about_id for t in traces("role taken back")] == [world.chen.account_id]
    with pytest.raises(Refusal, match="taken back already"):
        actions.take_back(grant.id, world.qian, now=BEFORE)


@pytest.mark.parametrize("place", ["city", "county", "station"])
def test_nobody_ends_their_own_administration_by_a_slip_of_the_finger(world, place):
    boss = make_staff(Role.ADMINISTRATOR, getattr(world, place), "市主任")
    with pytest.raises(Refusal, match="your own role"):
        actions.take_back(grant_of(boss).id, boss, now=BEFORE)
    deputy = make_staff(Role.ADMINISTRATOR, getattr(world, place), "副主任")
    actions.take_back(grant_of(boss).id, deputy, now=BEFORE)
    assert grant_of(boss).revoked_at == BEFORE


def test_an_administrator_whose_account_is_closed_does_not_count_as_another_one(world):
    boss = make_staff(Role.ADMINISTRATOR, world.city, "市主任")
    gone = make_staff(Role.ADMINISTRATOR, world.city, "离任主任")
    db.session.get(Account, gone.account_id).closed_at = BEFORE
    with pytest.raises(Refusal, match="last administrator"):
        identity.leave(boss.account_id, Leaving.KEEP, now=BEFORE)


def test_the_last_administrator_of_the_top_cannot_leave(world):
    boss = make_staff(Role.ADMINISTRATOR, world.city, "市主任")
    with pytest.raises(Refusal, match="last administrator"):
        identity.leave(boss.account_id, Leaving.KEEP, now=BEFORE)
    make_staff(Role.ADMINISTRATOR, world.city, "副主任")
    identity.leave(boss.account_id, Leaving.KEEP, now=BEFORE)


def test_the_only_clerk_of_a_station_may_be_taken_back(world):
    actions.take_back(grant_of(world.chen).id, world.qian, now=BEFORE)
    assert queries.staff_of(world.station.id) == []


def test_set_up_offers_the_first_administrator_a_link_and_a_new_one_ends_the_old(world):
    old = actions.invite_first_administrator(now=BEFORE)
    new = actions.invite_first_administrator(now=BEFORE)
    first = make_account("市主任")
    with pytest.raises(Refusal, match="taken back"):
        actions.accept(old, first.id, now=BEFORE)
    actions.accept(new, first.id, now=BEFORE)
    assert grants(first.id) == {(Role.ADMINISTRATOR, world.city.id)}


def test_set_up_says_that_an_organization_comes_first():
    with pytest.raises(Refusal, match="no organization"):
        actions.invite_first_administrator(now=BEFORE)


# --- the pages ----------------------------------------------------------------------------------------------


def make_link(client, world, role="clerk", name="徐站务"):
    """Invite through the page; returns the path of the link as it was shown."""
    sign_in(client, world.qian.account_id)
    data = {"name": name, "role": role}
    made = client.post(f"/desk/organizations/{world.station.id}/invitations", data=data)
    assert made.status_code == 303, made.text
    page = client.get(made.headers["Location"]).text
    return made.headers["Location"], "/invitations/" + page.split('class="link">')[1].split("/invitations/")[1].split(
        "<"
    )[0]


def test_the_link_is_shown_once(client, world):
    address, link = make_link(client, world)
    again = client.get(address)
    assert again.status_code == 200
    assert link not in again.text
    assert "shown to whoever made it" in again.text


def test_the_picture_of_the_link_comes_with_the_page(client, world):
    sign_in(client, world.qian.account_id)
    data = {"name": "徐站务", "role": "clerk"}
    made = client.post(f"/desk/organizations/{world.station.id}/invitations", data=data, follow_redirects=True)
    assert 'src="data:image/svg+xml' in made.text


def test_a_visitor_reads_the_offer_makes_an_account_and_stands_at_the_desk(app, client, world):
    _address, link = make_link(client, world)
    newcomer = app.test_client()
    assert "烟雨社区志愿服务站" in newcomer.get(link).text
    data = {
        "name": "徐站务",
        "phone": "199 0000 7777",
        "new_password": "lantern9book",
        "password_again": "lantern9book",
    }
    joined = newcomer.post(f"{link}/account", data=data)
    assert (joined.status_code, joined.headers["Location"]) == (303, "/desk"), joined.text
    assert newcomer.get("/desk").status_code == 200
    account = db.session.scalars(select(Account).where(Account.phone == "+8619900007777")).one()
    assert grants(account.id) == {(Role.CLERK, world.station.id)}


def test_an_account_of_the_same_phone_is_not_made_twice(client, world):
    _address, link = make_link(client, world)
    known = make_account("徐站务", phone="+8619900007777")
    client.delete_cookie("rengang")
    data = {"name": "徐站务", "phone": "19900007777", "new_password": "lantern9book", "password_again": "lantern9book"}
    refused = client.post(f"{link}/account", data=data)
    assert refused.status_code == 409
    assert "has an account already" in refused.text
    assert grants(known.id) == set()


def test_a_newcomer_whose_form_is_wrong_keeps_what_was_typed(client, world):
    _address, link = make_link(client, world)
    client.delete_cookie("rengang")
    wrong = client.post(f"{link}/account", data={"name": "徐站务", "phone": "12", "new_password": "a"})
    assert wrong.status_code == 422
    assert 'value="徐站务"' in wrong.text


def test_somebody_signed_in_accepts_with_one_tap(app, client, world):
    _address, link = make_link(client, world)
    volunteer = app.test_client()
    sign_in(volunteer, world.lin.account_id)
    assert volunteer.get("/desk").status_code == 403
    assert volunteer.post(f"{link}/acceptance").status_code == 303
    assert volunteer.get("/desk").status_code == 200


def test_somebody_with_an_account_signs_in_on_the_way_and_comes_back_to_the_offer(app, client, world):
    _address, link = make_link(client, world)
    account = db.session.get(Account, world.lin.account_id)
    account.password_hash = passwords.hashed("lantern9book")
    db.session.commit()
    visitor = app.test_client()
    page = visitor.get(link).text
    assert f'href="/sign-in?next={link}"' in page
    data = {"phone": account.phone, "password": "lantern9book", "next": link}
    entered = visitor.post("/sign-in", data=data)
    assert (entered.status_code, entered.headers["Location"]) == (303, link)
    assert f'action="{link}/acceptance"' in visitor.get(link).text


def test_opening_the_link_gives_nothing_by_itself(app, client, world):
    _address, link = make_link(client, world)
    volunteer = app.test_client()
    sign_in(volunteer, world.lin.account_id)
    volunteer.get(link)
    assert grants(world.lin.account_id) == set()


def test_a_used_link_says_so_and_offers_no_form(app, client, world):
    _address, link = make_link(client, world)
    actions.accept(link.removeprefix("/invitations/"), make_account("徐站务").id, now=BEFORE)
    db.session.commit()
    page = app.test_client().get(link)
    assert "form class" not in page.text
    refused = client.post(f"{link}/acceptance")
    assert refused.status_code == 409


def test_a_code_nobody_made_is_not_found(client):
    assert client.get("/invitations/none").status_code == 404


def test_a_role_taken_back_is_refused_on_the_very_next_request(app, client, world):
    clerk = app.test_client()
    sign_in(clerk, world.chen.account_id)
    assert clerk.get("/desk").status_code == 200
    sign_in(client, world.qian.account_id)
    assert client.post(f"/desk/roles/{grant_of(world.chen).id}/revocation").status_code == 303
    assert clerk.get("/desk").status_code == 403
    assert clerk.get("/desk/people").status_code == 403


def test_roles_of_other_subtrees_are_neither_listed_nor_found(client, world):
    sign_in(client, world.qian.account_id)
    page = client.get("/desk/roles").text
    assert "陈站长" in page
    assert "顾站长" not in page
    found = client.post("/desk/roles/searches", data={"q": "顾"}, follow_redirects=True).text
    assert "顾" not in found.replace('value="顾"', "")
    for grant in (grant_of(world.gu), grant_of(world.he)):
        assert client.post(f"/desk/roles/{grant.id}/revocation").status_code == 404
    assert grants(world.gu.account_id)


def test_a_second_tap_on_taking_back_is_a_sentence(client, world):
    sign_in(client, world.qian.account_id)
    address = f"/desk/roles/{grant_of(world.chen).id}/revocation"
    assert client.post(address).status_code == 303
    again = client.post(address)
    assert again.status_code == 409
    assert "taken back already" in again.text


def test_more_roles_than_a_page_holds_are_found_by_going_on(client, world):
    for number in range(queries.PAGE):
        make_staff(Role.CLERK, world.station, f"站务{number:02d}")
    sign_in(client, world.qian.account_id)
    first = client.get("/desk/roles").text
    assert "站务29" not in first
    onward = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert "站务29" in client.get(onward).text


def test_a_clerk_is_no_confirmer_and_no_administrator(world):
    for one, others in ((world.chen, ("confirmer", "administrator")), (world.qian, ("clerk", "confirmer"))):
        assert not any(one.may(role, world.station.path) for role in others)


def test_an_account_may_hold_several_roles_each_given_on_its_own(world):
    for role in (Role.CONFIRMER, Role.ADMINISTRATOR):
        _made, code = invite(world, role, name="陈站长")
        actions.accept(code, world.chen.account_id, now=BEFORE)
    account = db.session.get(Account, world.chen.account_id)
    give_second_step(account)  # an administrator needs it
    assert {held.role for held in actor_for(account).held} == set(Role)
