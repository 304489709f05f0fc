"""Disputes as people meet them: the owner's pages, the desk's queue, and who may see what."""

import re
from io import BytesIO

import pytest
from sqlalchemy import select

from blueprints.disputes import actions, queries
from blueprints.disputes.models import Dispute, DisputeKind, DisputeState, Proof
from core import clock
from core.actor import Role
from core.db import db
from tests.claims.test_claiming import actor_of
from tests.core.pdfs import GOOD
from tests.counting import counted
from tests.disputes.conftest import LATER, disputed, recorded
from tests.disputes.test_disputes import DAY, accept, reject
from tests.factories import make_staff, make_volunteer, sign_in
from tests.rollcall.photos import PLACE, jpeg

MOST = 8


@pytest.fixture(autouse=True)
def now(monkeypatch):
    moment = [LATER]
    monkeypatch.setattr(clock, "now", lambda: moment[0])
    return moment


@pytest.fixture
def as_(client):
    def browser(who):
        sign_in(client, who.account_id)
        return client

    return browser


def newest():
    return db.session.scalars(select(Dispute).order_by(Dispute.id.desc()).limit(1)).one()


def file(client, record, **form):
    return client.post(f"/me/records/{record.id}/disputes", data=form, content_type="multipart/form-data")


def test_one_tap_leads_from_the_list_and_the_entry_to_the_form_with_the_kind_chosen(as_, world, record):
    lin = as_(world.lin)
    for path in ("/me/records", f"/me/records/{record.id}"):
        page = lin.get(path).text
        assert f"/me/records/{record.id}/dispute?kind=not_me" in page
        assert f"/me/records/{record.id}/dispute?kind=wrong" in page
    page = lin.get(f"/me/records/{record.id}/dispute?kind=not_me").text
    assert re.search(r'<input checked[^>]*value="not_me"', page)


def test_the_owner_files_with_a_picture_and_follows_the_course(as_, world, deciders, record):
    lin = as_(world.lin)
    answer = file(lin, record, kind="wrong", words="我十点半就走了。", minutes="90", photo=(BytesIO(jpeg()), "p.jpg"))
    made = newest()
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/me/disputes/{made.id}")
    page = lin.get(f"/me/disputes/{made.id}").text
    assert "烟雨社区志愿服务站 decides by" in page
    assert "我十点半就走了。" in page
    assert "Withdraw the dispute" in page
    proof = db.session.scalars(select(Proof)).one()
    shown = lin.get(f"/me/dispute-proofs/{proof.id}")
    assert (shown.mimetype, shown.headers["Cache-Control"]) == ("image/jpeg", "private, no-store")
    assert PLACE.encode() not in shown.data
    assert "In dispute" in lin.get("/me/records").text
    assert "See the dispute" in lin.get(f"/me/records/{record.id}").text
    assert made.record.title in lin.get("/me/disputes").text


def test_a_wrong_form_keeps_what_was_typed(as_, world, record):
    lin = as_(world.lin)
    refused = file(lin, record, kind="", words="我那天在上班。")
    assert (refused.status_code, "我那天在上班。" in refused.text) == (422, True)
    refused = file(lin, record, kind="wrong", words="我那天在上班。", minutes="121")
    assert (refused.status_code, "我那天在上班。" in refused.text) == (409, True)
    refused = file(lin, record, kind="not_me", words="不是我", photo=(BytesIO(b"<svg/>"), "p.jpg"))
    assert (refused.status_code, "no picture that can be read" in refused.text) == (409, True)
    assert db.session.scalar(select(Dispute.id)) is None


def test_a_pdf_is_a_proof_too_and_is_only_saved(as_, world, deciders, record):
    lin = as_(world.lin)
    proof = (BytesIO(GOOD["a page"]), "p.pdf")
    assert file(lin, record, kind="wrong", words="我十点半就走了。", minutes="90", photo=proof).status_code == 303
    made, kept = newest(), db.session.scalars(select(Proof)).one()
    assert "PDF of" in as_(deciders.xu).get(f"/desk/disputes/{made.id}").text
    for who, address in ((world.lin, "/me"), (deciders.xu, "/desk")):
        answer = as_(who).get(f"{address}/dispute-proofs/{kept.id}")
        assert (answer.content_type, answer.data) == ("application/pdf", GOOD["a page"])
        assert answer.headers["Content-Disposition"].startswith("attachment")


def test_the_desk_sees_it_and_decides_and_the_owner_reads_why(as_, world, deciders, record):
    made = disputed(record, world.lin, minutes=90)
    xu = as_(deciders.xu)
    assert "Disputes to decide" in xu.get("/desk").text
    assert "林小满" in xu.get("/desk/disputes").text
    assert 'value="90"' in xu.get(f"/desk/disputes/{made.id}").text
    assert "In dispute" in xu.get(f"/desk/records/{record.id}").text
    assert xu.post(f"/desk/disputes/{made.id}/rejection", data={"reason": ""}).status_code == 422
    assert xu.post(f"/desk/disputes/{made.id}/rejection", data={"reason": "名册可证"}).status_code == 303
    again = xu.post(f"/desk/disputes/{made.id}/rejection", data={"reason": "名册可证"})
    assert (again.status_code, "decided this dispute meanwhile" in again.text) == (409, True)
    lin = as_(world.lin)
    page = lin.get(f"/me/disputes/{made.id}").text
    assert "名册可证" in page
    assert lin.post(f"/me/disputes/{made.id}/appeal", data={"words": ""}).status_code == 422
    assert lin.post(f"/me/disputes/{made.id}/appeal", data={"words": "不服"}).status_code == 303
    feng = as_(deciders.feng)
    assert "Nobody decides after you." in feng.get(f"/desk/disputes/{made.id}").text
    assert feng.post(f"/desk/disputes/{made.id}/acceptance", data={"minutes": "90"}).status_code == 303
    db.session.expire_all()
    assert made.state is DisputeState.ACCEPTED


def test_a_pending_entry_in_dispute_cannot_be_ticked_and_its_page_leads_to_the_dispute(as_, world, deciders, pending):
    made = disputed(pending, world.lin)
    wu = as_(world.wu)
    assert "In dispute: the person says" in wu.get("/desk/records").text
    assert f"/desk/disputes/{made.id}" in wu.get(f"/desk/records/{pending.id}").text
    refused = wu.post("/desk/records/confirmations", data={"record": [pending.id]})
    assert (refused.status_code, "Decide on the dispute first" in refused.text) == (409, True)


def test_who_waits_for_whom_is_what_the_queue_shows(as_, world, deciders, record, now):
    disputed(record, world.lin)
    seen = {name: "林小满" in as_(getattr(deciders, name)).get("/desk/disputes").text for name in vars(deciders)}
    assert seen == {"xu": True, "wu": False, "feng": False, "zhu": False, "jiang": False, "mei": False}
    assert "林小满" in as_(deciders.zhu).get("/desk/disputes?all=1").text
    now[0] = LATER + 15 * DAY
    seen = {name: "overdue since" in as_(getattr(deciders, name)).get("/desk/disputes").text for name in vars(deciders)}
    assert seen == {"xu": True, "wu": False, "feng": True, "zhu": True, "jiang": True, "mei": True}


def test_not_me_waits_at_the_town_whatever_the_station_has(as_, world, deciders, record):
    disputed(record, world.lin, DisputeKind.NOT_ME)
    seen = [name for name in vars(deciders) if "林小满" in as_(getattr(deciders, name)).get("/desk/disputes").text]
    assert seen == ["feng"]


def test_when_everybody_near_has_a_part_in_it_the_next_one_sees_it(as_, world, record):
    zhu = make_staff(Role.CONFIRMER, world.county, "朱确认")
    disputed(record, world.lin, DisputeKind.NOT_ME)
    assert "林小满" not in as_(world.wu).get("/desk/disputes").text
    assert "林小满" in as_(zhu).get("/desk/disputes").text


ROUTES = [
    ("GET", "/me/disputes/{d}"),
    ("POST", "/me/disputes/{d}/appeal"),
    ("POST", "/me/disputes/{d}/withdrawal"),
    ("POST", "/me/disputes/{d}/proofs"),
    ("GET", "/me/dispute-proofs/{p}"),
    ("GET", "/me/records/{r}/dispute"),
    ("POST", "/me/records/{r}/disputes"),
    ("GET", "/desk/disputes/{d}"),
    ("POST", "/desk/disputes/{d}/acceptance"),
    ("POST", "/desk/disputes/{d}/rejection"),
    ("GET", "/desk/dispute-proofs/{p}"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_else_sees_or_does_anything(as_, world, deciders, record, method, path):
    made = disputed(record, world.lin, picture=b"picture")
    ids = {"d": made.id, "p": queries.proofs(made.id)[0].id, "r": record.id}
    for who in (world.zhou, world.gu, world.pan, world.he):
        answer = as_(who).open(path.format(**ids), method=method)
        assert answer.status_code in (403, 404), who
    for who in (world.chen, world.qian):  # a clerk and an administrator decide on no dispute
        assert as_(who).open(path.format(**ids), method=method).status_code in (403, 404)


def test_the_owner_sees_nothing_of_the_desk_and_the_desk_nothing_of_the_owner(as_, world, deciders, record):
    made = disputed(record, world.lin)
    assert as_(world.lin).get(f"/desk/disputes/{made.id}").status_code == 403
    assert as_(deciders.xu).get(f"/me/disputes/{made.id}").status_code == 403


def many(world, deciders, count):
    for number in range(count):
        person = make_volunteer(f"第{number}人", world.station)
        disputed(recorded(world, person), person, DisputeKind.NOT_ME)


def questions(client, path):
    client.get(path)
    with counted() as statements:
        assert client.get(path).status_code == 200
    return statements


def test_the_queue_asks_as_often_for_many_as_for_few(as_, world, deciders):
    many(world, deciders, 2)
    few = questions(as_(deciders.feng), "/desk/disputes")
    many(world, deciders, 10)
    more = questions(as_(deciders.feng), "/desk/disputes")
    assert len(few) == len(more) <= MOST, "\n".join(more)


def test_the_owners_list_asks_as_often_for_many_as_for_few(as_, world, deciders):
    disputed(recorded(world), world.lin)
    few = questions(as_(world.lin), "/me/disputes")
    for made in (newest() for _ in range(1)):
        reject(made, deciders.xu)
    actions.appeal(newest().id, actor_of(world.lin), words="不服", now=LATER)
    db.session.commit()
    more = questions(as_(world.lin), "/me/disputes")
    assert len(few) == len(more) <= MOST, "\n".join(more)


def test_one_dispute_takes_few_questions(as_, world, deciders, record):
    made = disputed(record, world.lin, picture=b"picture")
    assert len(questions(as_(world.lin), f"/me/disputes/{made.id}")) <= MOST
    assert len(questions(as_(deciders.xu), f"/desk/disputes/{made.id}")) <= MOST
    accept(made, deciders.xu, minutes=60)
    assert "second person" in as_(world.lin).get(f"/me/disputes/{made.id}").text


def test_the_station_reads_that_what_was_not_them_is_not_handed_in_once_more(as_, world, deciders, pending):
    accept(disputed(pending, world.lin, DisputeKind.NOT_ME), deciders.feng)
    page = as_(world.chen).get(f"/desk/records/{pending.id}").text
    assert "these times are not handed in once more" in page
    assert "Enter times" not in page
