"""Time outside a shift as the volunteer, the station and the level above meet it on their pages."""

from datetime import timedelta
from functools import partial
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import select

from blueprints.identity.models import Account
from blueprints.records.models import RecordState, ServiceRecord
from blueprints.supplements.models import Supplement, SupplementPicture, SupplementState
from core import clock
from core.actor import Role
from core.db import db
from tests.core.pdfs import GOOD, HOSTILE
from tests.counting import counted
from tests.factories import HOUR, START, browser_of, give, make_world
from tests.site.pages import Page
from tests.supplements.test_supplements import ask, stated

NOW = START + timedelta(days=5)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def as_(app, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)

    return partial(browser_of, app)


def photo():
    made = BytesIO()
    Image.new("RGB", (40, 30), "green").save(made, "JPEG")
    return BytesIO(made.getvalue()), "a.jpg"


def typed(world, **values):
    return {
        "organization": world.station.id,
        "title": "台风夜安置点值守",
        "category": "emergency",
        "content": "登记入住",
        "place": "体育馆",
        "day": "2099-05-05",
        "starts": "22:00",
        "ends": "01:00",
        "voucher": "陈站长",
        "why": "台风来得突然",
        "photo": photo(),
        **values,
    }


def pdf():
    return BytesIO(GOOD["a page"]), "签到表.pdf"


def only():
    db.session.expire_all()
    return db.session.scalars(select(Supplement)).one()


def test_a_pdf_proves_as_well_as_a_picture_and_is_only_saved(as_, world):
    lin, chen = as_(world.lin), as_(world.chen)
    assert lin.post("/me/supplements", data=typed(world, photo=pdf())).status_code == 303
    asked = only()
    page = chen.get(f"/desk/supplements/{asked.id}").text
    assert "PDF of" in page
    assert "<img src=" not in page
    for browser, address in ((lin, "/me"), (chen, "/desk")):
        answer = browser.get(f"{address}/supplement-pictures/{picture_id(asked)}")
        assert (answer.content_type, answer.data) == ("application/pdf", GOOD["a page"])
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert as_(world.gu).get(f"/desk/supplement-pictures/{picture_id(asked)}").status_code == 404


def test_a_pdf_with_a_script_is_refused_and_what_was_typed_is_kept(as_, world):
    data, sentence = HOSTILE["a script"]
    answer = as_(world.lin).post("/me/supplements", data=typed(world, photo=(BytesIO(data), "a.pdf")))
    assert (answer.status_code, sentence in answer.text, "台风夜安置点值守" in answer.text) == (409, True, True)
    assert db.session.scalar(select(Supplement.id)) is None


def test_from_the_form_to_an_entry_on_notice(as_, world):
    lin, chen, wu = as_(world.lin), as_(world.chen), as_(world.wu)
    assert "Ask for time outside a shift" in lin.get("/me/supplements/new").text
    answer = lin.post("/me/supplements", data=typed(world))
    asked = only()
    assert (answer.status_code, asked.minutes, asked.state) == (303, 180, SupplementState.REQUESTED)
    assert "台风夜安置点值守" in lin.get("/me/supplements").text
    assert "Supplements to look at" in chen.get("/desk").text
    page = chen.get(f"/desk/supplements/{asked.id}").text
    assert "I vouch for it" in page
    picture = chen.get(f"/desk/supplement-pictures/{picture_id(asked)}")
    assert (picture.status_code, picture.content_type) == (200, "image/jpeg")
    assert chen.post(f"/desk/supplements/{asked.id}/voucher").status_code == 303
    record_id = only().record_id
    shown = wu.get(f"/desk/records/{record_id}").text
    assert "台风来得突然" in shown
    assert f"/desk/supplement-pictures/{picture_id(asked)}" in shown
    assert wu.post(f"/desk/records/{record_id}/approval").status_code == 303
    assert db.session.get(ServiceRecord, record_id).state is RecordState.NOTICE
    assert "On public notice until" in lin.get(f"/me/records/{record_id}").text


def picture_id(supplement):
    return db.session.scalar(
        select(SupplementPicture.id).where(SupplementPicture.supplement_id == supplement.id).limit(1)
    )


@pytest.mark.parametrize(
    ("values", "status", "words"),
    [
        ({"photo": (BytesIO(b""), "")}, 422, "picture or PDF that proves it"),
        ({"photo": (BytesIO(b"<svg>"), "a.jpg")}, 409, "no picture that can be read"),
        ({"title": ""}, 422, "few words"),
        ({"day": "2099-06-05"}, 409, "not over yet"),
        ({"minutes": "181"}, 409, "Between 1 minute and 3 h"),
        ({"minutes": "0"}, 422, "between 1 and 1440"),
        ({"organization": "999999"}, 422, ""),
        ({"day": "9999-12-31", "starts": "23:00", "ends": "08:00"}, 422, "check the year"),
        ({"day": "0001-01-01", "starts": "00:01"}, 422, "check the year"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(as_, world, values, status, words):
    answer = as_(world.lin).post("/me/supplements", data=typed(world, **values))
    assert (answer.status_code, words in answer.text, "体育馆" in answer.text) == (status, True, True)
    assert db.session.scalar(select(Supplement)) is None


def test_the_clerk_asks_back_and_the_person_answers(as_, world):
    asked, chen, lin = ask(world), as_(world.chen), as_(world.lin)
    assert chen.post(f"/desk/supplements/{asked.id}/question", data={"words": ""}).status_code == 422
    assert chen.post(f"/desk/supplements/{asked.id}/question", data={"words": "谁在场？"}).status_code == 303
    assert "谁在场？" in lin.get(f"/me/supplements/{asked.id}").text
    lin.post(f"/me/supplements/{asked.id}/answer", data={"words": "周晓航", "photo": photo()})
    assert (only().state, "周晓航" in chen.get(f"/desk/supplements/{asked.id}").text) == (
        SupplementState.REQUESTED,
        True,
    )
    assert chen.post(f"/desk/supplements/{asked.id}/refusal", data={"words": "不属实"}).status_code == 303
    late = lin.post(f"/me/supplements/{asked.id}/withdrawal")
    assert (late.status_code, "meanwhile" in late.text) == (409, True)


def test_the_two_forms_of_the_desk_do_not_share_their_ids(as_, world):
    page = Page(as_(world.chen).get(f"/desk/supplements/{ask(world).id}").text)
    assert page.flaws() == []


def test_a_clerk_states_one_and_the_person_says_yes_or_not_me(as_, world):
    chen, lin = as_(world.chen), as_(world.lin)
    assert "has to agree" in chen.get(f"/desk/volunteers/{world.lin.id}/supplement").text
    assert chen.post(f"/desk/volunteers/{world.lin.id}/supplements", data=typed(world)).status_code == 303
    made = only()
    assert "No, this was not me" in lin.get(f"/me/supplements/{made.id}").text
    assert lin.post(f"/me/supplements/{made.id}/agreement").status_code == 303
    assert only().state is SupplementState.REQUESTED
    assert as_(world.gu).get(f"/desk/volunteers/{world.lin.id}/supplement").status_code == 404


def test_a_refused_try_to_vouch_for_oneself_leaves_a_trace(as_, world):
    asked = ask(world)
    give(db.session.get(Account, world.lin.account_id), Role.CLERK, world.station)
    answer = as_(world.lin).post(f"/desk/supplements/{asked.id}/voucher")
    assert (answer.status_code, "your own time" in answer.text) == (409, True)
    assert db.session.scalar(db.text("SELECT count(*) FROM refused_attempt WHERE tried = 'supplement'")) == 1


@pytest.mark.parametrize("path", ["/me/supplements", "/desk/supplements"])
def test_a_long_list_asks_the_database_no_more_often(as_, world, path):
    client = as_(world.lin if path.startswith("/me") else world.chen)
    ask(world)
    with counted() as few:
        client.get(path)
    for number in range(1, 8):
        ask(world, stated(world, starts=START + timedelta(days=1) + number * 2 * HOUR, minutes=60, length=HOUR))
    with counted() as many:
        client.get(path)
    assert len(many) == len(few) <= 8
