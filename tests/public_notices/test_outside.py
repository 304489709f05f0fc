"""Objections of people without an account: as good as any other, sealed, looked up by a code, and erased in time."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from blueprints.identity import tries
from blueprints.identity.models import Account
from blueprints.messages.models import Notice
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit
from blueprints.public_notices import actions, queries
from blueprints.public_notices.models import Objection, ObjectionState, SeenBy
from blueprints.public_notices.upkeep import STEPS
from blueprints.records import actions as records
from blueprints.records.models import Bar, RecordState, RefusedAttempt
from core import vault
from core.actor import Role
from core.audit import AuditEntry
from core.db import db
from core.refusal import Barred, Refusal
from tests.claims.test_claiming import actor_of
from tests.counting import counted
from tests.factories import make_staff
from tests.public_notices.conftest import NOW, object_to
from tests.records.test_ledger import total

PHONE = "+8619912345678"
SAID = {"words": "那晚我就在隔壁，站点没有开门。", "name": "隔壁老王", "phone": "19912345678"}
CODE = re.compile(r"/notice-objections/((?:[2-9A-Z]{4}-){3}[2-9A-Z]{4})$")


@pytest.fixture
def shown(world, noticed):
    """The same entry, on a notice that everybody sees."""
    actions.show_to(world.station.id, SeenBy.EVERYBODY, world.qian, now=NOW)
    db.session.commit()
    return noticed


def outside(record, phone=PHONE, name="隔壁老王", now=NOW, words="那晚站点没有开门"):
    made, code = actions.object_from_outside(record.id, name=name, phone=phone, words=words, now=now)
    db.session.commit()
    return made, code


def post(client, record, **changed):
    return client.post(f"/public-notices/{record.id}/objections", data={**SAID, **changed})


# --- objecting --------------------------------------------------------------------------------------------------


def test_from_the_objection_to_the_decision_without_an_account(visitor, as_, world, shown):
    answer = post(visitor, shown)
    assert answer.status_code == 303
    code = CODE.search(answer.headers["Location"])[1]
    page = visitor.get(f"/notice-objections/{code}").text
    assert "Objection to be decided" in page
    assert code in page
    assert ("林" in page, "台风夜" in page, "隔壁老王" in page) == (False, False, False)
    said = db.session.scalars(select(Objection)).one()
    assert records.end_notices(shown.notice_ends_at) == 0
    wu = as_(world.wu)
    assert "without an account" in wu.get("/desk/objections").text
    assert wu.post(f"/desk/objections/{said.id}/acceptance", data={"answer": "核实属实"}).status_code == 303
    db.session.expire_all()
    assert (shown.state, total(world.lin)) == (RecordState.RETURNED, 0)
    page = visitor.get(f"/notice-objections/{code}").text
    assert "Objection upheld" in page
    assert "核实属实" in page
    found = visitor.post("/notice-objections", data={"code": code.lower().replace("-", " ")})
    assert found.headers["Location"].endswith(code)


def test_a_dismissed_one_lets_the_entry_go_on(world, shown):
    said, code = outside(shown)
    told = db.session.query(Notice).count()
    actions.dismiss(said.id, world.wu, answer="值守记录在案", now=NOW)
    assert db.session.query(Notice).count() == told  # nobody is there to be told
    assert queries.by_code(code).state is ObjectionState.DISMISSED
    assert (records.end_notices(shown.notice_ends_at), total(world.lin)) == (1, 90)


@pytest.mark.parametrize("field", ["words", "name", "phone"])
def test_who_and_what_has_to_be_said_and_what_was_typed_is_kept(visitor, shown, field):
    answer = post(visitor, shown, **{field: ""})
    assert answer.status_code == 422
    assert all(SAID[other] in answer.text for other in SAID if other != field)
    assert answer.headers["X-Robots-Tag"] == "noindex, noarchive"


def test_nobody_objects_from_outside_to_what_is_not_shown_outside(visitor, world, shown):
    actions.show_to(world.station.id, SeenBy.SIGNED_IN, world.qian, now=NOW)
    db.session.commit()
    assert post(visitor, shown).status_code == 404
    with pytest.raises(Refusal, match="do not see this notice"):
        outside(shown)
    actions.show_to(world.station.id, SeenBy.EVERYBODY, world.qian, now=NOW)
    with pytest.raises(Refusal, match="is over"):
        outside(shown, now=shown.notice_ends_at)
    assert db.session.scalars(select(Objection)).all() == []


def test_whoever_is_signed_in_objects_with_their_account(as_, world, shown):
    answer = post(as_(world.gu), shown)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/notices/{shown.id}")
    assert db.session.scalars(select(Objection)).all() == []


def test_a_phone_that_is_known_here_is_answered_like_any_other(visitor, world, shown):
    """Not a word, not a status, not a question more tells whether a number has an account."""
    known = db.session.get(Account, world.zhou.account_id).phone.removeprefix("+86")
    answers = []
    for phone in (known, "19912345678"):
        with counted() as asked:
            answer = post(visitor, shown, phone=phone)
        page = visitor.get(answer.headers["Location"])
        answers.append((answer.status_code, len(asked), re.sub(r"[2-9A-Z]{4}(-[2-9A-Z]{4}){3}", "…", page.text)))
    assert answers[0] == answers[1]
    assert (
        post(visitor, shown, phone=known).status_code == 303
    )  # a second time, too: nothing tells that there was a first


def test_an_unknown_code_is_always_answered_in_the_same_words(visitor, shown):
    _said, code = outside(shown)
    wrong = [code[:-1] + ("A" if code[-1] != "A" else "B"), "AAAA-BBBB-CCCC-DDDD", "x", "' OR 1=1 --"]
    pages = [visitor.get(f"/notice-objections/{typed}") for typed in wrong]
    assert {page.status_code for page in pages} == {404}
    assert len({page.text.split("<main")[1].split("</main>")[0] for page in pages}) == 1
    assert "There is no objection with this code" in pages[0].text
    assert visitor.post("/notice-objections", data={"code": ""}).status_code == 422


def test_one_address_cannot_object_by_the_hundred(visitor, shown):
    answers = [post(visitor, shown, phone=f"1991234{n:04d}").status_code for n in range(tries.OBJECTIONS + 2)]
    assert answers == [303] * tries.OBJECTIONS + [429, 429]
    assert len(db.session.scalars(select(Objection)).all()) == tries.OBJECTIONS


def test_a_crowd_of_objections_is_settled_with_one_answer(as_, world, shown):
    """A clerk who floods an entry with made-up objections holds it up for one decision, not for a hundred."""
    made = [outside(shown, phone=f"+861991234{n:04d}")[0] for n in range(12)]
    inside = object_to(shown, actor_of(world.zhou))
    page = as_(world.wu).get(f"/desk/objections/{made[0].id}").text
    assert "11 more people" in page
    data = {"answer": "值守记录在案", "together": "y"}
    assert as_(world.wu).post(f"/desk/objections/{made[0].id}/dismissal", data=data).status_code == 303
    db.session.expire_all()
    assert {each.state for each in made} == {ObjectionState.DISMISSED}
    assert inside.state is ObjectionState.OPEN  # whoever gave their name is answered on their own
    assert len(db.session.scalars(select(AuditEntry).where(AuditEntry.action == "objection dismissed")).all()) == 12


def test_a_crowd_is_turned_page_by_page(as_, world, shown, monkeypatch):
    monkeypatch.setattr(queries, "PAGE", 5)
    made = [outside(shown, phone=f"+861991234{n:04d}")[0] for n in range(12)]
    wu, seen = as_(world.wu), []
    for number in (1, 2, 3):
        page = wu.get(f"/desk/objections?page={number}").text
        seen += [int(id) for id in re.findall(r'href="/desk/objections/(\d+)"', page)]
        assert ("Next page" in page, "Earlier page" in page) == (number < 3, number > 1)
    assert seen == [each.id for each in made]


# --- who decides ------------------------------------------------------------------------------------------------


def phone_of(actor):
    return db.session.get(Account, actor.account_id).phone


def test_whose_phone_it_is_does_not_decide(world, shown):
    said, _code = outside(shown, phone=phone_of(world.wu))
    with pytest.raises(Barred, match="have a part") as barred:
        actions.uphold(said.id, world.wu, answer="属实", now=NOW)
    assert barred.value.bar == Bar.INVOLVED
    above = make_staff(Role.CONFIRMER, world.county, "许确认")
    assert actions.uphold(said.id, above, answer="属实", now=NOW).state is ObjectionState.UPHELD


def test_neither_does_a_second_account_of_theirs(world, shown):
    said, _code = outside(shown, phone=phone_of(world.wu))
    second = make_staff(Role.CONFIRMER, world.county, world.wu.name)
    with pytest.raises(Refusal, match="have a part"):
        actions.dismiss(said.id, second, answer="x", now=NOW)


def test_nor_whoever_took_the_number_over_or_gave_it_up_since(world, shown):
    """The number is held against the accounts of that day and against those of the day of the decision."""
    wu = db.session.get(Account, world.wu.account_id)
    said, _code = outside(shown, phone=wu.phone)
    other, _code = outside(shown, phone="+8619900001111")
    wu.phone = "+8619900002222"
    fang = make_staff(Role.CONFIRMER, world.county, "方确认")
    db.session.get(Account, fang.account_id).phone = "+8619900001111"
    db.session.flush()
    for objection, who in ((said, world.wu), (other, fang), (said, fang), (other, world.wu)):
        with pytest.raises(Refusal, match="have a part"):
            actions.dismiss(objection.id, who, answer="x", now=NOW)


def test_whoever_objected_decides_on_no_objection_to_the_same_entry(world, shown):
    object_to(shown, world.wu)
    said, _code = outside(shown)
    with pytest.raises(Refusal, match="have a part"):
        actions.uphold(said.id, world.wu, answer="x", now=NOW)


def test_the_attempt_leaves_a_trace(as_, world, shown):
    said, _code = outside(shown, phone=phone_of(world.wu))
    assert as_(world.wu).post(f"/desk/objections/{said.id}/acceptance", data={"answer": "属实"}).status_code == 409
    kept = db.session.scalars(select(RefusedAttempt)).one()
    assert (kept.bar, kept.actor_id, kept.subject_id) == (Bar.INVOLVED, world.wu.account_id, shown.id)


# --- who reads what was typed -----------------------------------------------------------------------------------


def test_name_and_phone_are_sealed_and_opened_by_who_decides_with_a_trace_each_time(as_, world, shown):
    said, code = outside(shown)
    row = db.session.execute(text("SELECT * FROM objection")).mappings().one()
    assert not any(
        "隔壁老王" in str(value) or "19912345678" in str(value) or code in str(value) for value in row.values()
    )
    wu, address = as_(world.wu), f"/desk/objections/{said.id}"
    assert "隔壁老王" not in wu.get(address).text
    for _n in range(2):
        assert wu.post(f"{address}/contact").status_code == 303
        page = wu.get(address).text
        assert "隔壁老王" in page
        assert "19912345678" in page
        assert "隔壁老王" not in wu.get(address).text  # once
    looks = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "objection contact shown")).all()
    assert [(each.actor_id, each.subject_id) for each in looks] == [(world.wu.account_id, said.id)] * 2
    assert not any("隔壁" in each.details for each in db.session.scalars(select(AuditEntry)))


def test_nobody_else_opens_them(as_, world, zhu, shown):
    said, _code = outside(shown)
    station = make_staff(Role.CONFIRMER, world.station, "徐确认")
    for who, status in ((zhu, 409), (station, 409), (world.chen, 403), (world.qian, 403), (world.pan, 404)):
        answer = as_(who).post(f"/desk/objections/{said.id}/contact")
        assert answer.status_code == status, who.name
        assert "隔壁老王" not in answer.text
    assert db.session.scalars(select(AuditEntry).where(AuditEntry.action == "objection contact shown")).all() == []


def test_an_objection_with_an_account_has_nothing_to_open(world, shown):
    said = object_to(shown, actor_of(world.zhou))
    with pytest.raises(Refusal, match="no name"):
        actions.show_contact(said.id, world.wu, now=NOW)


def test_what_was_typed_is_erased_some_time_after_the_decision(as_, world, shown):
    said, code = outside(shown, phone=phone_of(world.zhou))
    waits, _code = outside(shown, phone="+8619912340000")
    actions.dismiss(said.id, world.wu, answer="值守记录在案", now=NOW)
    db.session.commit()
    end = NOW + timedelta(days=organizations.limit(Limit.OBJECTION_DAYS))
    [(is_due, act)] = STEPS
    assert not is_due(end)
    later = end + timedelta(seconds=1)
    assert is_due(later)
    assert act(later) == 1
    db.session.commit()
    assert not is_due(later)
    assert (said.name_sealed, said.phone_sealed, said.phone_of_id, said.words) == (None, None, None, "*")
    assert (said.answer, queries.by_code(code).state) == ("值守记录在案", ObjectionState.DISMISSED)
    assert vault.unseal(waits.name_sealed) == "隔壁老王"  # nothing is erased before it is decided
    page = as_(world.wu).get(f"/desk/objections/{said.id}").text
    assert "What was typed was erased" in page
    with pytest.raises(Refusal, match="erased"):
        actions.show_contact(said.id, world.wu, now=later)


# --- what the database refuses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "by_id = (SELECT min(id) FROM account)",
        "code_hash = NULL",
        "name_sealed = NULL",
        "phone_sealed = NULL",
        "erased_at = at, name_sealed = NULL, phone_sealed = NULL, words = '*', phone_of_id = NULL",
        "record_id = record_id + 1",
        "state = 'upheld', answer = 'x', decided_at = at, decided_by_id = phone_of_id",
    ],
)
def test_the_database_keeps_whose_an_objection_is(world, shown, change):
    outside(shown, phone=phone_of(world.wu))
    with pytest.raises(DBAPIError):
        db.session.execute(text(f"UPDATE objection SET {change}"))


@pytest.mark.parametrize(
    "change",
    [
        "state = 'upheld', words = '*'",
        "answer = 'y', words = '*'",
        "erased_at = at",
        "erased_at = at, name_sealed = NULL, phone_sealed = NULL, words = '*'",
    ],
)
def test_the_database_keeps_a_decision_and_erases_wholly(world, shown, change):
    said, _code = outside(shown, phone=phone_of(world.zhou))
    actions.dismiss(said.id, world.wu, answer="x", now=NOW)
    db.session.commit()
    with pytest.raises(DBAPIError):
        db.session.execute(text(f"UPDATE objection SET {change}"))


def test_the_database_takes_no_objection_to_what_is_not_on_notice(world, shown):
    said = object_to(shown, actor_of(world.zhou))
    actions.uphold(said.id, world.wu, answer="x", now=NOW)
    db.session.commit()
    late = Objection(record_id=shown.id, by_id=world.shen.account_id, at=NOW, words="x", due_on=NOW.date())
    db.session.add(late)
    with pytest.raises(DBAPIError):
        db.session.flush()


@pytest.mark.parametrize("crowd", [1, 30])
def test_the_desks_pages_ask_no_more_often_for_a_crowd(as_, world, shown, crowd):
    made = [outside(shown, phone=f"+861991234{n:04d}")[0] for n in range(crowd)]
    wu = as_(world.wu)
    for address in ("/desk/objections", f"/desk/objections/{made[0].id}"):
        with counted() as asked:
            assert wu.get(address).status_code == 200
        assert len(asked) <= 8
