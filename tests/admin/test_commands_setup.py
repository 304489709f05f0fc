"""The beginning of a real installation, and the catalogs of its languages."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po, write_po
from sqlalchemy import select

from blueprints.admin import actions, catalogs
from blueprints.identity.models import Account, Invitation
from blueprints.organizations.models import Division, Organization, OrganizationKind
from core.db import db
from tests.factories import BEFORE, make_organization


@pytest.fixture
def run(app):
    def run(*arguments: str):
        return app.test_cli_runner().invoke(args=list(arguments))

    return run


def link_of(output: str) -> str:
    return re.search(r"http://127\.0\.0\.1:8000(/invitations/\S+)", output)[1]


# --- set-up -----------------------------------------------------------------------------------------------


def test_set_up_founds_the_top_and_prints_a_link_that_makes_an_administrator(run, client, app, monkeypatch):
    monkeypatch.setitem(app.extensions, "clock_ahead", BEFORE - BEFORE)
    result = run("setup")
    assert result.exit_code == 0, result.output
    top = db.session.scalars(select(Organization)).one()
    assert (top.name, top.kind, top.division_id) == ("嘉兴市志愿服务指导中心", OrganizationKind.OFFICE, 330400000000)
    assert client.get(link_of(result.output)).status_code == 200
    assert db.session.scalar(select(Account.id)) is None  # nobody has an account, let alone a password


def test_name_and_place_of_the_top_can_be_chosen(run):
    assert run("setup", "--name", "南湖区志愿服务中心", "--division", "330402000000").exit_code == 0
    top = db.session.scalars(select(Organization)).one()
    assert (top.name, top.division_id) == ("南湖区志愿服务中心", 330402000000)


def test_a_place_that_is_not_in_the_tree_is_refused(run):
    result = run("setup", "--division", "110000000000")
    assert result.exit_code == 1
    assert "no place with the code" in result.output
    assert db.session.scalar(select(Organization.id)) is None


def test_a_tree_of_another_city_can_be_loaded(run, tmp_path: Path):
    file = tmp_path / "places.csv"
    file.write_text(
        "code12,parent12,level,kind,official_name,display_name\n"
        "330100000000,330000000000,city,city,杭州市,杭州市\n"
        "330102000000,330100000000,county,district,上城区,上城区\n"
    )
    result = run("setup", "--divisions", str(file), "--division", "330100000000")
    assert result.exit_code == 0, result.output
    assert db.session.get(Division, 330102000000).name == "上城区"


def test_run_again_it_replaces_a_link_that_nobody_opened(run, client, app, monkeypatch):
    monkeypatch.setitem(app.extensions, "clock_ahead", BEFORE - BEFORE)
    first, second = link_of(run("setup").output), link_of(run("setup").output)
    assert len(db.session.scalars(select(Invitation)).all()) == 2
    assert "taken back" in client.get(first).text
    assert "taken back" not in client.get(second).text


def test_once_there_is_an_administrator_set_up_is_over(run):
    make_organization("嘉兴市志愿服务指导中心", OrganizationKind.OFFICE, None, 330400000000)
    code = actions.invite_first_administrator(now=BEFORE)
    who = {"name": "陆建国", "phone": "+8619900000001", "password_hash": "x", "lang": "zh_Hans", "device": ""}
    actions.join(code, **who, now=BEFORE)
    db.session.commit()
    result = run("setup")
    assert result.exit_code == 1
    assert "has an administrator already" in result.output


def test_every_command_explains_itself(run, app):
    for name in ("seed", "backup", "restore", "worker", "demo", "doctor", "setup", "messages"):
        result = run(name, "--help")
        assert result.exit_code == 0
        assert len(result.output.splitlines()) > 6, name


# --- catalogs ---------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """Catalogs of our own, in which a test may break something."""
    (tmp_path / "babel.cfg").write_bytes((catalogs.FOLDER / "babel.cfg").read_bytes())
    monkeypatch.setattr(catalogs, "FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def complete(folder: Path) -> Path:
    """Complete catalogs: every message stands for itself in every language."""
    sources = catalogs.extract()
    for language in catalogs.LANGUAGES:
        catalogs.update(sources, language)
        change(folder, language, lambda message: setattr(message, "string", message.string or in_its_form(message)))
        catalogs.compile_catalog(language)
    return folder


def in_its_form(message):
    return message.id if isinstance(message.id, str) else message.id[:1]


def change(folder: Path, language: str, act) -> None:
    file = folder / language / "LC_MESSAGES" / "messages.po"
    with file.open("rb") as source:
        catalog = read_po(source, locale=language)
    for message in list(catalog):
        if message.id:
            if isinstance(message.string, tuple) and not any(message.string):
                message.string = ""
            act(message)
    with file.open("wb") as target:
        write_po(target, catalog)


def faults() -> list[str]:
    return [str(fault) for fault in catalogs.faults(catalogs.extract())]


def test_new_catalogs_hold_every_message_of_the_sources_and_english_speaks_for_itself(folder, run):
    result = run("messages")
    assert result.exit_code == 0
    assert "en: 0 messages to translate" in result.output
    assert catalogs.read("en").get("Claim").string == "Claim"
    assert catalogs.read("zh_Hans").get("Claim").string == ""
    assert run("messages", "--check").exit_code == 1


def test_complete_catalogs_pass_the_check(complete, run):
    result = run("messages", "--check")
    assert (result.exit_code, result.output) == (0, "")


def test_bringing_catalogs_up_to_date_again_changes_nothing(complete):
    before = {path: path.read_bytes() for path in complete.rglob("*.po")}
    catalogs.update(catalogs.extract(), "zh_Hans")
    first = {path: path.read_bytes() for path in complete.rglob("*.po")}
    catalogs.update(catalogs.extract(), "zh_Hans")
    assert {path: path.read_bytes() for path in complete.rglob("*.po")} == first
    assert before.keys() == first.keys()


def test_a_missing_message_a_fuzzy_one_and_a_stale_file_are_found(complete):
    def spoil(message) -> None:
        if message.id == "Claim":
            message.string = ""
        if message.id == "Sign in":
            message.flags.add("fuzzy")

    change(complete, "zh_Hans", spoil)
    assert sorted(faults()) == [
        "zh_Hans: fuzzy: Sign in",
        "zh_Hans: not compiled since it was last changed",
        "zh_Hans: not translated: Claim",
    ]


def test_a_placeholder_that_was_lost_is_found(complete):
    wanted = "%(count)d in line"

    def spoil(message) -> None:
        if message.id == wanted:
            message.string = "%(number)d 人候补"

    change(complete, "zh_Hans", spoil)
    catalogs.compile_catalog("zh_Hans")
    assert [fault for fault in faults() if wanted in fault]
