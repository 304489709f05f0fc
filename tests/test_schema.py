"""The migrated database is what the models say, down to its CHECKs, partial indexes and guards."""

import re
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint, Enum, inspect, text

from core.db import Base, db

TABLES = Base.metadata.sorted_tables
GUARDS = re.findall(
    r'^    \("(\w+)", "\w+", "',
    "".join(path.read_text() for path in sorted(Path("migrations/versions").glob("*.py"))),
    re.MULTILINE,
)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_check_of_the_model_is_in_the_database(table):
    wanted = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
    found = {c["name"] for c in inspect(db.session.connection()).get_check_constraints(table.name)}
    assert wanted == found


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_index_of_the_model_is_in_the_database_with_its_condition(table):
    found = {index["name"]: index for index in inspect(db.session.connection()).get_indexes(table.name)}
    for index in table.indexes:
        partial = index.dialect_options[db.engine.dialect.name]["where"] is not None
        options = found[index.name].get("dialect_options", {})
        assert found[index.name]["unique"] == index.unique
        assert any(name.endswith("_where") for name in options) == partial


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_column_of_states_holds_every_state_and_nothing_else(table):
    found = {c["name"]: c["sqltext"] for c in inspect(db.session.connection()).get_check_constraints(table.name)}
    for column in table.columns:
        if isinstance(column.type, Enum):
            allowed = re.findall(r"'([^']*)'", found[f"ck_{table.name}_{column.type.name}"])
            assert set(allowed) == set(column.type.enums), column.name


def test_every_guard_is_in_the_database():
    queries = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }
    found = set(db.session.scalars(text(queries[db.engine.dialect.name])))
    assert len(GUARDS) >= 13
    assert set(GUARDS) <= found


def test_foreign_keys_are_watched():
    if db.engine.dialect.name == "sqlite":
        assert db.session.scalar(text("PRAGMA foreign_keys")) == 1
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        db.session.execute(text("UPDATE division SET parent_id = 1 WHERE level = 'city'"))


def test_the_real_tree_of_jiaxing_is_loaded():
    levels = dict(db.session.execute(text("SELECT level, count(*) FROM division GROUP BY level")).all())
    assert levels == {"province": 1, "city": 1, "county": 7, "town": 72, "village": 1202}
