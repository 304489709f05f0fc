"""The pages of honours: who sees what, what is masked, what leads where, and how often they ask the database."""

import pytest

from blueprints.honours import actions, queries
from blueprints.honours.models import Doubt, Honour, Nomination, NominationState, Revocation
from blueprints.identity.models import Consent, Purpose
from blueprints.inspections.models import RiskFlag, RiskRow, Rule, Subject
from blueprints.public_notices import actions as notices
from blueprints.public_notices.models import SeenBy
from core.actor import Role
from core.db import db
from tests.claims.test_claiming import actor_of
from tests.counting import counted
from tests.factories import START, make_staff, make_volunteer, saved
from tests.honours.conftest import FIRST, NOW, REASON, approve, grant, mark_of, open_honour, propose

TITLE = "年度优秀志愿者"


def test_from_the_form_to_the_honour_that_stands_on_ones_page(as_, at, office):
    qian, zheng, lin = as_(office.qian), as_(office.zheng), as_(office.world.lin)
    typed = {"organization": office.world.station.id, "title": TITLE, "criteria": "全年服务稳定、认真。"}
    typed |= {"first": "2099-01-01", "last": "2099-05-04"}
    assert qian.post("/desk/honours", data={**typed, "criteria": ""}).status_code == 422
    assert qian.post("/desk/honours", data=typed).status_code == 303
    honour = db.session.scalars(db.select(Honour)).one()
    assert "林小满" in qian.get(f"/desk/honours/{honour.id}/candidates").text
    address = f"/desk/honours/{honour.id}/candidates/{office.world.lin.id}"
    assert "2 h" in qian.get(address).text
    assert qian.post(address, data={"reason": ""}).status_code == 422
    assert qian.post(address, data={"reason": REASON}).status_code == 303
    one = db.session.scalars(db.select(Nomination)).one()
    desk = f"/desk/nominations/{one.id}"
    assert "Approve, and put it" not in qian.get(desk).text
    assert "Nominations with something to decide" in zheng.get("/desk/honours").text
    assert "Nominations with something to decide" not in qian.get("/desk/honours").text
    assert zheng.post(f"{desk}/approval", data={"seen": "another sheet"}).status_code == 409
    assert zheng.post(f"{desk}/approval", data={"seen": mark_of(one)}).status_code == 303
    assert TITLE in lin.get("/me/honours").text
    assert REASON in lin.get(f"/me/honours/{one.id}").text
    db.session.refresh(one)
    grant(one)
    at(one.notice_ends_at)
    assert "Honour granted" in lin.get("/me/honours").text


def test_what_was_typed_is_kept(as_, office):
    qian, long = as_(office.qian), "特" * 400
    page = qian.post("/desk/honours", data={"organization": office.world.station.id, "title": "", "criteria": long})
    assert (page.status_code, long in page.text) == (422, True)


def test_the_reason_does_not_tell_the_name_that_the_notice_masks(as_, office, honour):
    qian, lin = as_(office.qian), office.world.lin
    page = qian.post(f"/desk/honours/{honour.id}/candidates/{lin.id}", data={"reason": "林小满每周来整理图书。"})
    assert (page.status_code, "leave the name out" in page.text, "每周来整理图书" in page.text) == (409, True, True)
    assert qian.post(f"/desk/honours/{honour.id}/candidates/{lin.id}", data={"reason": REASON}).status_code == 303


def test_only_the_organizations_one_administers_are_offered_and_taken(as_, office):
    he = as_(office.world.he)
    assert office.world.station.name not in he.get("/desk/honours/new").text
    typed = {"organization": office.world.station.id, "title": TITLE, "criteria": "好", "first": FIRST, "last": FIRST}
    assert he.post("/desk/honours", data=typed).status_code == 404


def test_a_person_is_found_by_name_or_number_and_neither_stands_in_an_address(as_, office, honour):
    qian, lin = as_(office.qian), office.world.lin
    for words in ("林小", lin.number.lower()):
        answer = qian.post(f"/desk/honours/{honour.id}/searches", data={"q": words})
        assert words not in answer.headers["Location"]
        page = qian.get(answer.headers["Location"]).text
        assert ("林小满" in page, "周晓航" in page) == (True, False)


ROLES = ["lin", "zhou", "chen", "wu", "he"]


@pytest.mark.parametrize("who", ROLES)
def test_nobody_else_sees_the_desk_of_honours(as_, office, noticed, who):
    client = as_(getattr(office.world, who))
    pages = [f"/desk/honours/{noticed.honour_id}", f"/desk/nominations/{noticed.id}"]
    pages += [f"/desk/honours/{noticed.honour_id}/candidates", f"{pages[0]}/candidates/{office.world.lin.id}"]
    for page in pages:
        assert client.get(page).status_code in (403, 404)


def test_the_notice_is_masked_seen_inside_and_gone_when_it_is_over(as_, at, office, noticed):
    address = f"/notices/honours/{noticed.id}"
    stranger = make_volunteer("外人", office.world.other_station)
    for inside in (office.world.zhou, office.world.chen, office.world.wu, office.qian):
        client = as_(inside)
        page = client.get("/notices").text + client.get(address).text
        assert (TITLE in page, "林小满" in page, "林*" in page) == (True, False, True)
    for outside in (stranger, office.world.gu, office.world.pan, office.world.he):
        client = as_(outside)
        assert TITLE not in client.get("/notices").text
        assert client.get(address).status_code == 404
        assert client.post(f"{address}/objections", data={"words": "x"}).status_code == 404
    at(noticed.notice_ends_at)
    client = as_(office.world.zhou)
    assert TITLE not in client.get("/notices").text
    assert client.get(address).status_code == 404


def test_an_honour_of_the_county_is_seen_by_those_below_it(as_, office):
    honour = open_honour(office, organization_id=office.world.county.id)
    approve(office, propose(office, honour))
    assert TITLE in as_(office.world.zhou).get("/notices").text
    assert TITLE in as_(office.world.wu).get("/notices").text
    assert TITLE not in as_(office.world.gu).get("/notices").text


def test_from_the_objection_to_the_answer(as_, office, noticed):
    zhou, lu = as_(office.world.zhou), as_(office.lu)
    address = f"/notices/honours/{noticed.id}"
    assert zhou.post(f"{address}/objections", data={"words": ""}).status_code == 422
    assert zhou.post(f"{address}/objections", data={"words": "她没有来过"}).status_code == 303
    assert "You objected" in zhou.get("/notices").text
    said = db.session.scalars(db.select(Doubt)).one()
    desk = f"/desk/honour-objections/{said.id}"
    assert "她没有来过" in lu.get(f"/desk/nominations/{noticed.id}").text
    assert "Objection to be decided" in lu.get("/desk/honours").text
    assert "她没有来过" not in as_(office.world.lin).get(f"/me/honours/{noticed.id}").text
    assert lu.post(f"{desk}/acceptance", data={"answer": ""}).status_code == 422
    assert as_(office.world.he).post(f"{desk}/acceptance", data={"answer": "属实"}).status_code == 404
    assert as_(office.qian).post(f"{desk}/dismissal", data={"answer": "不属实"}).status_code == 409
    assert lu.post(f"{desk}/acceptance", data={"answer": "属实"}).status_code == 303
    db.session.expire_all()
    assert noticed.state is NominationState.WITHDRAWN


def test_the_person_contests_and_declines_on_their_own_page(as_, office, nomination):
    lin, address = as_(office.world.lin), f"/me/honours/{nomination.id}"
    assert lin.post(f"{address}/objections", data={"words": ""}).status_code == 422
    assert lin.post(f"{address}/objections", data={"words": "我没有带过新人"}).status_code == 303
    assert "我没有带过新人" in lin.get(address).text
    assert "by the person proposed" in as_(office.lu).get(f"/desk/nominations/{nomination.id}").text
    assert lin.post(f"{address}/refusal").status_code == 303
    db.session.expire_all()
    assert nomination.state is NominationState.DECLINED
    assert lin.post(f"{address}/refusal").status_code == 409
    zhou = as_(office.world.zhou)
    assert zhou.get(address).status_code == zhou.post(f"{address}/refusal").status_code == 404


def test_a_refused_reason_stands_in_its_own_form_again(as_, office, nomination):
    qian = as_(office.qian)
    page = qian.post(f"/desk/nominations/{nomination.id}/withdrawal", data={"answer": "…"})
    assert (page.status_code, 'id="answer-end"' in page.text, 'value="…"' in page.text) == (422, True, True)
    assert qian.post(f"/desk/nominations/{nomination.id}/withdrawal", data={"answer": "写错了"}).status_code == 303
    rejected = as_(office.zheng).post(f"/desk/nominations/{nomination.id}/rejection", data={"answer": "不够"})
    assert (rejected.status_code, "meanwhile" in rejected.text) == (409, True)


def test_two_people_revoke_on_the_pages(as_, office, granted):
    qian, zheng, desk = as_(office.qian), as_(office.zheng), f"/desk/nominations/{granted.id}"
    assert qian.post(f"{desk}/revocations", data={"answer": "时长已作废"}).status_code == 303
    asked = db.session.scalars(db.select(Revocation)).one()
    address = f"/desk/honour-revocations/{asked.id}"
    assert qian.post(f"{address}/approval").status_code == 409
    assert as_(office.world.he).post(f"{address}/approval").status_code == 404
    assert "时长已作废" in zheng.get(desk).text
    assert zheng.post(f"{address}/approval").status_code == 303
    db.session.expire_all()
    assert granted.state is NominationState.REVOKED
    assert "时长已作废" in as_(office.world.lin).get(f"/me/honours/{granted.id}").text
    assert zheng.post(f"{address}/refusal").status_code == 409


def test_changed_evidence_is_shown_on_every_page_that_shows_it(as_, office, granted):
    from tests.honours.test_honours import correct  # noqa: PLC0415

    correct(office, 0)
    qian = as_(office.qian)
    assert "Evidence changed" in qian.get(f"/desk/honours/{granted.honour_id}").text
    page = qian.get(f"/desk/nominations/{granted.id}").text
    assert ("do not count any more" in page, "changed" in page) == (True, True)
    assert "When decided" in as_(office.world.lin).get(f"/me/honours/{granted.id}").text


def test_flags_are_seen_by_who_looks_at_them_and_never_by_the_person(as_, office, nomination):
    flag = RiskFlag(rule=Rule.ABSENT, subject=Subject.RECORD, subject_id=office.record.id, month=FIRST, details={})
    flag.organization_id, flag.raised_at = office.world.station.id, START
    saved(RiskRow(flag_id=saved(flag).id, record_id=office.record.id))
    assert "one risk flag rests" in as_(office.zheng).get(f"/desk/nominations/{nomination.id}").text
    assert "risk" not in as_(office.world.lin).get(f"/me/honours/{nomination.id}").text
    inside = make_staff(Role.ADMINISTRATOR, office.world.station, "徐站长")
    assert "one risk flag rests" not in as_(inside).get(f"/desk/nominations/{nomination.id}").text


def test_long_lists_ask_the_database_no_more_often(as_, office, noticed):
    honour = queries.whole(noticed.id).honour
    pages = {
        office.qian: ["/desk/honours", f"/desk/honours/{honour.id}", f"/desk/honours/{honour.id}/candidates"],
        office.world.zhou: ["/notices"],
        office.world.lin: ["/me/honours"],
        office.lu: [f"/desk/nominations/{noticed.id}"],
    }
    few = asked(as_, pages)
    for number in range(12):
        one = make_volunteer(f"甲{number}", office.world.station)
        approve(office, propose(office, honour, one))
        other = open_honour(office, title=f"第{number}期")
        approve(office, propose(office, other))
        actions.object_to(noticed.id, actor_of(one), words="不属实", now=NOW)
        db.session.commit()
    many = asked(as_, pages)
    assert many == few
    assert max(many.values()) <= 8, many


def asked(as_, pages):
    found = {}
    for who, addresses in pages.items():
        client = as_(who)
        for address in addresses:
            db.session.expire_all()
            with client.application.app_context(), counted() as questions:
                assert client.get(address).status_code == 200
            found[address] = len(questions)
    return found


def test_a_full_name_is_shown_by_its_persons_consent_and_no_longer(as_, office, noticed):
    given = saved(
        Consent(account_id=office.world.lin.account_id, purpose=Purpose.NOTICE_NAME, text_version="1", given_at=NOW)
    )
    zhou = as_(office.world.zhou)
    assert "林小满" in zhou.get("/notices").text
    given.withdrawn_at = NOW
    db.session.commit()
    assert "林小满" not in zhou.get("/notices").text + zhou.get(f"/notices/honours/{noticed.id}").text


def test_an_organization_that_shows_its_notices_to_more_people_shows_honours_to_them_too(as_, client, office, noticed):
    address = f"/notices/honours/{noticed.id}"
    for seen_by, by_gu, by_nobody in (
        (None, False, False), (SeenBy.SIGNED_IN, True, False), (SeenBy.EVERYBODY, True, True),
    ):  # fmt: skip
        if seen_by:
            notices.show_to(office.world.town.id, seen_by, office.qian, now=NOW)
            db.session.commit()
        gu = as_(office.world.gu)
        assert (TITLE in gu.get("/notices").text, gu.get(address).status_code == 200) == (by_gu, by_gu)
        assert (TITLE in client.get("/public-notices").text) == by_nobody
        assert "林小满" not in client.get("/public-notices").text
        assert "/sign-in" in client.get(address).headers["Location"]
