"""The shape of the code, checked by reading the code. The reasons stand in CONTRIBUTING.md."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

import blueprints.messages.words
from blueprints.messages.models import BulletinKind, NoticeKind
from core.db import Base
from core.i18n import speaking

ROOT = Path(__file__).parent.parent
AREAS = [
    "organizations",
    "identity",
    "messages",
    "jobs",
    "posts",
    "claims",
    "series",
    "rollcall",
    "kiosk",
    "records",
    "supplements",
    "disputes",
    "public_notices",
    "certificates",
    "inspections",
    "honours",
    "exchange",
    "mergers",
    "copies",
    "admin",
]
# What areas to the right may import; forms and words to build on, pages for the desk that does the same for others,
# tries to count what somebody could guess, the roster for whoever shows it elsewhere,
# whom a change touches, how a card is counted, what a shift must be, when something is due, and channels for who sends.
SHARED = {"models", "queries", "actions", "access", "forms", "words", "pages", "starters", "tries", "upkeep", "roster"}
SHARED |= {"affected", "board", "rules", "channels", "seals", "proof"}
SHARED |= {
    "handovers",
    "parties",
    "shortfalls",
    "shortness",
    "marking",
    "linking",
}  # verbs of claims that the demo plays
SHARED |= {"batches"}  # verbs of certificates that the demo plays
SHARED |= {"corrections", "keys"}  # what certificates hear of, and what the demo signs with
SHARED |= {"attempts", "witness"}  # the trace of what was refused, for areas whose refusals leave one, too
SHARED |= {"reported", "reporting"}  # what the desk counts, and verbs that the demo plays
SHARED |= {"absences", "overdue"}  # who was seen or noted as absent; what the desk counts of the level below
SHARED |= {"entering", "sending"}  # imports and hand-over, as the demo plays them
SHARED |= {"absences"}  # which marks stand, as evidence beside what was served
MODULES = sorted(path for path in (ROOT / "blueprints").rglob("*.py") if path.name != "__init__.py")
CODE = [*MODULES, *sorted((ROOT / "core").glob("*.py")), ROOT / "app.py"]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("blueprints."):
            dotted = (node.module or "").split(".")[1:]
            if len(dotted) == 2:
                yield dotted[0], dotted[1]
            else:
                yield from ((dotted[0], alias.name) for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_to_the_left(path):
    area = path.relative_to(ROOT / "blueprints").parts[0]
    for other, module in imports(path):
        if other != area:
            assert AREAS.index(other) < AREAS.index(area), f"{area} imports {other}"
            assert module in SHARED, f"{area} imports {other}.{module}"


QUESTIONS = ["queries", "tries", "starters", "affected", "board", "schedule", "feed", "roster", "cards", "links"]
QUESTIONS += ["entry", "mine", "preview", "waiting", "bulk", "signs", "seeking", "company", "shortness"]
QUESTIONS += ["outgoing", "overdue"]
VERBS = ["actions", "upkeep", "backup", "seed", "worker", "demo", "catalogs", "doctor", "seen", "factors", "tasks"]
VERBS += ["unsent", "ledger", "corrections", "seals", "proof", "attempts", "keys", "channels", "reminders", "sending"]
VERBS += ["handovers", "parties", "shortfalls", "entering"]
VIEWS = ["exchanges", "together", "shortage", "handing"]
# A module beside the usual ones belongs to one of the layers; within a layer there is no circle.
LAYERS = {
    name: number
    for number, names in enumerate(
        [
            ["models"],
            ["words", "wording", "rules", "pattern", "paper", "columns"],
            ["search", "forms", "change_forms"],
            # questions: what a page or a rule wants to know
            QUESTIONS,
            VERBS,
            ["access"],
            ["witness", "pages", "front"],
            ["cli"],
            [
                "routes",
                "desk",
                "me",
                "people",
                "changes",
                "demo_routes",
                "days",
                "months",
                "templates",
                "requests",
                "scans",
                "own",
                "second_step",
                *VIEWS,
                "sheets",
            ],
        ]
    )
    for name in names
}
# Who did not come: its questions, its verbs and its pages.
LAYERS |= {"absences": LAYERS["queries"], "marking": LAYERS["actions"], "missed": LAYERS["routes"]}
LAYERS |= {"absence_forms": LAYERS["forms"]}
LAYERS |= {"batches": LAYERS["actions"], "batch_desk": LAYERS["routes"]}  # certificates for many at once
LAYERS |= {"newcomers": LAYERS["actions"]}  # whom a file registers
LAYERS |= {"sums": LAYERS["queries"], "sections": LAYERS["queries"]}  # sums, opened; what a copy of oneself holds
# Registrations that their person knows nothing of: questions, verbs, pages for everybody and for the desk.
LAYERS |= {"reported": LAYERS["queries"], "reporting": LAYERS["actions"]}
LAYERS |= {
    "demo_disputes": LAYERS["demo"],
    "demo_exchange": LAYERS["demo"],
    "demo_supplements": LAYERS["demo"],
    "demo_notices": LAYERS["demo"],
}
LAYERS |= {"demo_honours": LAYERS["demo"]}
LAYERS |= {"demo_mergers": LAYERS["demo"]}
LAYERS |= {"reports": LAYERS["routes"], "reports_desk": LAYERS["routes"]}
# Secret addresses, and the calendars and the screen that they open.
LAYERS |= {
    "wall": LAYERS["queries"],
    "linking": LAYERS["actions"],
    "subscribing": LAYERS["front"],
    "screens": LAYERS["routes"],
}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_layer_imports_only_lower_layers_of_its_area(path):
    area = path.relative_to(ROOT / "blueprints").parts[0]
    for other, module in imports(path):
        if other == area:
            assert LAYERS[module] <= LAYERS[path.stem], f"{area}.{path.stem} imports {module}"


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_functions_are_short(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 30, f"{node.name} is too long"


@pytest.mark.parametrize("path", [p for p in MODULES if LAYERS[p.stem] == LAYERS["routes"]], ids=name_of)
def test_routes_are_very_short(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            assert (node.end_lineno or 0) - node.body[0].lineno < 12, f"{node.name} is too long"


@pytest.mark.parametrize("path", [p for p in MODULES if p.stem in ("models", "queries", "actions")], ids=name_of)
def test_rules_know_no_web(path):
    source = path.read_text()
    for word in ("import flask", "from flask", ".commit(", "datetime.now", "date.today", "utcnow"):
        assert word not in source, f"{name_of(path)} says {word}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_clock_tells_the_time(path):
    assert not re.search(r"datetime\.now|date\.today|utcnow|time\.time\(", path.read_text())


def test_core_knows_no_area():
    for path in (ROOT / "core").glob("*.py"):
        assert not re.search(r"^(from|import) blueprints", path.read_text(), re.MULTILINE), f"{path.name} reaches up"


PUBLIC_WITHOUT_DECORATOR = {"assets", "manifest", "static", "health.healthz"}


def test_every_route_says_who_may_call_it(app):
    silent = {name for name, view in app.view_functions.items() if not hasattr(view, "access")}
    assert silent <= PUBLIC_WITHOUT_DECORATOR


def test_urls_are_nouns_and_only_get_and_post_are_spoken(app):
    for rule in app.url_map.iter_rules():
        assert not rule.methods - {"GET", "HEAD", "OPTIONS", "POST"}, rule.rule
        assert rule.rule == rule.rule.lower() or "<" in rule.rule, rule.rule
        assert "_" not in re.sub(r"<[^>]+>", "", rule.rule), rule.rule


def test_an_address_reads_or_writes_but_one_view_never_does_both(app):
    for rule in app.url_map.iter_rules():
        assert not {"GET", "POST"} <= rule.methods, f"{rule.endpoint} takes GET and POST"


FORBIDDEN = {
    r"<script(?![^>]*\bsrc=)": "inline script",
    r"<style": "inline style",
    r"\sstyle=": "inline style",
    r"\son[a-z]+=": "inline handler",
    r"hx-on": "hx-on needs eval",
    r"js:|javascript:": "script in an attribute",
    r'hx-trigger="[^"]*\[': "trigger filters need eval",
    r"\|\s*safe": "unescaped text",
}


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_templates_hold_no_code_and_no_style(path):
    source = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    if path.name == "icons.html":  # its shapes are constants of its own
        source = source.replace("|safe", "")
    for pattern, what in FORBIDDEN.items():
        assert not re.search(pattern, source), f"{name_of(path)}: {what}"


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_every_form_that_posts_carries_the_token(path):
    source = path.read_text()
    for form in re.findall(r"<form\b.*?</form>", source, re.DOTALL):
        if re.search(r'method="post"', form):
            assert re.search(r"csrf|hidden_tag|token", form, re.IGNORECASE), f"{name_of(path)}: {form[:80]}"


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_templates_speak_through_the_catalogs(path):
    source = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(r"[\u4e00-\u9fff]", source.replace("认岗", "").replace("长辈版", "").replace("中文", "")), (
        f"{name_of(path)} has Chinese outside the catalogs"
    )


def shown_enums() -> Iterator[Any]:
    """The enums that columns hold, and so pages show."""
    for mapper in Base.registry.mappers:
        for column in mapper.columns:
            kind = getattr(column.type, "enum_class", None)
            if kind and issubclass(kind, StrEnum):
                yield kind


def test_every_state_and_kind_has_its_word(app):
    words = app.extensions["words"]
    unseen = {"Level", "GuardianMethod", "DeliveryState", "BulletinKind", "Purpose", "SlipPurpose", "ChunkSide"}
    missing = [
        f"{kind.__name__}.{member.name}"
        for kind in set(shown_enums())
        if kind is not NoticeKind and kind.__name__ not in unseen
        for member in kind
        if (kind, member.value) not in words
    ]
    assert missing == []


IN_THE_GLOSSARY = {"ClaimState", "RecordState", "VolunteerState", "PostState", "ShiftState", "Source", "Role", "Act"}


def test_the_glossary_says_what_the_screens_say(app):
    glossary = (ROOT / "docs/glossary.md").read_text()
    with app.test_request_context(), speaking("zh_Hans"):
        words = [str(w) for (kind, _v), w in app.extensions["words"].items() if kind.__name__ in IN_THE_GLOSSARY]
    assert [word for word in words if word not in glossary] == []


def test_every_notice_has_its_sentence():
    assert set(blueprints.messages.words.SENTENCES) == set(NoticeKind)
    assert set(blueprints.messages.words.BULLETINS) == set(BulletinKind)


def test_no_test_is_skipped():
    for path in (ROOT / "tests").rglob("*.py"):
        if path != Path(__file__):
            assert not re.search(r"pytest\.(mark\.)?(skip|xfail)", path.read_text()), f"{path.name} skips a test"


# --- the glossary -------------------------------------------------------------------------------------------


def glossary() -> list[list[str]]:
    """The rows of the glossary, without the heads of its tables."""
    text = (ROOT / "docs" / "glossary.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return [row for row in rows if row[0] != "identifier" and set(row[0]) != {"-"}]


def test_every_row_of_the_glossary_is_whole_and_stands_there_once():
    rows = glossary()
    assert [row for row in rows if len(row) != 4 or not all(row)] == []
    names = [row[0] for row in rows]
    assert [name for name in names if names.count(name) > 1] == []


def test_every_model_stands_in_the_glossary():
    known = {name.strip() for row in glossary() for name in row[0].split(",")}
    missing = {mapper.class_.__name__ for mapper in Base.registry.mappers} - known
    assert missing == set()


# --- words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_no_words_hide_inside_an_f_string(path):
    """What is translated there is found by no catalog, and stays English."""
    for joined in ast.walk(ast.parse(path.read_text())):
        if isinstance(joined, ast.JoinedStr):
            calls = [node for node in ast.walk(joined) if isinstance(node, ast.Call)]
            names = [getattr(call.func, "id", "") for call in calls]
            assert not {"_", "ngettext", "lazy"} & set(names), f"{path.name}:{joined.lineno}"
