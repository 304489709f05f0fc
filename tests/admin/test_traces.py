"""The trace of changes and the numbers of the rules: in words, within reach, and nobody's phone in it."""

import ast
import re
from pathlib import Path

import pytest
from sqlalchemy import select

from blueprints.admin import actions, queries
from blueprints.admin.words import ACTIONS
from blueprints.claims.models import Act
from blueprints.organizations import queries as places
from blueprints.organizations.models import DEFAULTS, Limit, Setting
from core.actor import Role
from core.audit import AuditEntry
from core.clock import DAY
from core.db import db
from core.refusal import Refusal
from tests.factories import BEFORE, make_staff, sign_in

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def boss(world):
    return make_staff(Role.ADMINISTRATOR, world.city, "市主任")


def noted_actions():
    """Every action that the code notes, read from the code."""
    for path in (ROOT / "blueprints").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("note", "_note", "_trace"):
                for constant in ast.walk(node.args[0]):
                    if isinstance(constant, ast.Constant) and re.fullmatch(r"[a-z][a-z -]{2,}", str(constant.value)):
                        yield constant.value


def test_every_change_that_is_noted_has_its_words():
    found = set(noted_actions())
    assert len(found) > 20
    said = {f"checked {act}" for act in (Act.IN, Act.OUT)}
    begun = {"checked ", "offline act "}  # each goes on with its state
    assert (found - begun | said) - set(ACTIONS) == set()


# --- the trace ----------------------------------------------------------------------------------------------


def test_the_page_opens_without_a_complaint(client, world):
    sign_in(client, world.qian.account_id)
    assert "field--wrong" not in client.get("/desk/audit").text
    assert "field--wrong" in client.get("/desk/audit?first=yesterday").text


def test_the_trace_is_told_in_words_newest_first(client, world):
    actions.invite(world.station.id, Role.CLERK, "徐站务", world.qian, now=BEFORE)
    actions.show_phone(world.lin.id, world.chen, now=BEFORE)
    db.session.commit()
    sign_in(client, world.qian.account_id)
    page = client.get("/desk/audit").text
    body = page[page.index("<tbody") :]
    assert body.index("looked at a whole phone number") < body.index("invited somebody to a role")
    assert "Clerk" in body


def test_the_trace_shows_the_subtree_and_nothing_beside_it(client, world, boss):
    actions.show_phone(world.lin.id, world.chen, now=BEFORE)
    actions.set_limit(Limit.CANCEL_HOURS, 12, boss, now=BEFORE)
    db.session.commit()
    for who, seen in ((world.qian, "林小满"), (world.he, None), (boss, "set a number of the rules")):
        sign_in(client, who.account_id)
        body = client.get("/desk/audit").text.split("<tbody", 1)[-1]
        assert seen is None or seen in body
        assert ("林小满" in body) == (who is not world.he)
        assert ("set a number of the rules" in body) == (who is boss)


def test_the_trace_holds_no_numbers_of_persons(client, world):
    actions.show_phone(world.lin.id, world.chen, now=BEFORE)
    db.session.commit()
    kept = " ".join(db.session.scalars(select(AuditEntry.details)))
    assert not re.search(r"\d{7}", kept)
    sign_in(client, world.qian.account_id)
    assert not re.search(r"199\d{8}", client.get("/desk/audit").text)


def sought(world, **values):
    found = queries.traces([world.county.path], queries.Sought(**values), with_citywide=False)
    return [trace.entry.action for trace in found]


def test_the_trace_is_filtered_by_person_change_and_day(world):
    actions.show_phone(world.lin.id, world.chen, now=BEFORE)
    actions.show_phone(world.zhou.id, world.qian, now=BEFORE + 2 * DAY)
    today = BEFORE.date()
    assert sought(world, person="林小") == ["phone shown"]
    assert sought(world, person="钱主任") == ["phone shown"]
    assert sought(world, person="陌生人") == []
    assert sought(world, action="closed") == []
    assert sought(world, action="phone shown", last=today) == ["phone shown"]
    assert sought(world, action="phone shown", first=today + DAY) == ["phone shown"]
    assert len(sought(world, action="phone shown")) == 2


def test_more_than_a_page_is_read_by_going_on(client, world):
    for _number in range(queries.PAGE + 5):
        actions.show_phone(world.lin.id, world.chen, now=BEFORE)
    db.session.commit()
    sign_in(client, world.qian.account_id)
    first = client.get("/desk/audit?action=phone+shown").text
    assert first.count("<tr>") == queries.PAGE + 1
    onward = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert client.get(onward).text.count("<tr>") == 5 + 1


@pytest.mark.parametrize(
    "query", ["first=yesterday", "action=none", "before=x", "person=" + "长" * 50, "first=0000-00-00"]
)
def test_a_filter_that_makes_no_sense_shows_the_page(client, world, query):
    sign_in(client, world.qian.account_id)
    assert client.get(f"/desk/audit?{query}").status_code == 200


# --- the numbers of the rules -------------------------------------------------------------------------------


def test_only_an_administrator_of_the_top_sees_and_sets_the_numbers(client, world, boss):
    for who in (world.qian, world.he):
        sign_in(client, who.account_id)
        assert client.get("/desk/settings").status_code == 404
        assert client.get("/desk/settings/cancel_hours").status_code == 404
        assert client.post("/desk/settings/cancel_hours", data={"value": "5"}).status_code == 404
        assert "/desk/settings" not in client.get("/desk").text
    sign_in(client, boss.account_id)
    assert "/desk/settings" in client.get("/desk").text
    assert client.post("/desk/settings/cancel_hours", data={"value": "5"}).status_code == 303
    assert places.limit(Limit.CANCEL_HOURS) == 5


def test_the_page_says_who_set_what_when(client, boss):
    for value in (12, 36):
        actions.set_limit(Limit.CANCEL_HOURS, value, boss, now=BEFORE)
    db.session.commit()
    assert [(c.name, c.before, c.after) for c in queries.limit_history(Limit.CANCEL_HOURS)] == [
        ("市主任", 12, 36),
        ("市主任", None, 12),
    ]
    sign_in(client, boss.account_id)
    assert "市主任" in client.get("/desk/settings").text
    assert "12 → 36" in client.get("/desk/settings/cancel_hours").text


@pytest.mark.parametrize("limit", list(Limit))
def test_every_number_keeps_within_its_bounds(client, boss, limit):
    default, lowest, highest = DEFAULTS[limit]
    assert lowest <= default <= highest
    sign_in(client, boss.account_id)
    for value in (lowest - 1, highest + 1, "", "many", "1e3", "9" * 40):
        refused = client.post(f"/desk/settings/{limit}", data={"value": value})
        assert refused.status_code == 422, value
    assert db.session.scalar(select(Setting)) is None


def test_the_rule_itself_refuses_whoever_does_not_run_the_top(world):
    for actor in (world.qian, world.chen, world.wu):
        with pytest.raises(Refusal, match="top organization"):
            actions.set_limit(Limit.CANCEL_HOURS, 5, actor, now=BEFORE)


def test_the_limits_of_a_day_stay_in_order(client, boss):
    sign_in(client, boss.account_id)
    refused = client.post("/desk/settings/daily_hours", data={"value": "13"})
    assert refused.status_code == 409
    assert 'value="13"' in refused.text
    assert client.post("/desk/settings/daily_hours_higher", data={"value": "14"}).status_code == 303
    assert client.post("/desk/settings/daily_hours", data={"value": "13"}).status_code == 303


def test_a_number_that_is_no_rule_is_not_found(client, boss):
    sign_in(client, boss.account_id)
    assert client.get("/desk/settings/none").status_code == 404
