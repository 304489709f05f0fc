"""One style sheet, one script, named by what is in them."""

import gzip
import importlib.util
import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from core.assets import LAYERS, Assets, squeeze
from core.config import ROOT

STATIC = ROOT / "static"


@pytest.fixture(scope="module")
def assets() -> Assets:
    return Assets(STATIC)


@pytest.fixture
def browser(assets: Assets) -> FlaskClient:
    app = Flask(__name__, static_folder=None)
    assets.init_app(app)
    return app.test_client()


def test_an_asset_may_be_kept_for_ever_because_its_name_changes_with_its_content(
    assets: Assets, browser: FlaskClient
) -> None:
    answer = browser.get(assets.url("app.css"))
    assert re.fullmatch(r"/assets/app\.[0-9a-f]{12}\.css", assets.url("app.css"))
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.content_type == "text/css; charset=utf-8"


def test_a_changed_file_gets_another_name(tmp_path: Path) -> None:
    before = _copy(tmp_path / "before")
    after = _copy(tmp_path / "after")
    (after / "js" / "app.js").write_text("0")
    assert Assets(before).url("app.js") != Assets(after).url("app.js")
    assert Assets(before).url("app.css") == Assets(after).url("app.css")


def test_a_browser_that_has_the_file_is_told_so(assets: Assets, browser: FlaskClient) -> None:
    tag = browser.get(assets.url("app.js")).headers["ETag"]
    assert browser.get(assets.url("app.js"), headers={"If-None-Match": tag}).status_code == 304


def test_the_smallest_encoding_that_the_browser_takes_is_sent(assets: Assets, browser: FlaskClient) -> None:
    plain = browser.get(assets.url("app.css"))
    small = browser.get(assets.url("app.css"), headers={"Accept-Encoding": "gzip"})
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.data) == plain.data
    assert "Content-Encoding" not in plain.headers
    assert {plain.headers["Vary"], small.headers["Vary"]} == {"Accept-Encoding"}
    assert plain.headers["ETag"] != small.headers["ETag"]
    if importlib.util.find_spec("brotli"):
        best = browser.get(assets.url("app.css"), headers={"Accept-Encoding": "gzip, deflate, br"})
        assert best.headers["Content-Encoding"] == "br"


def test_an_unknown_name_is_an_error_in_a_template_and_404_on_the_wire(assets: Assets, browser: FlaskClient) -> None:
    with pytest.raises(KeyError):
        assets.url("nothing.css")
    for path in ("app.css", "app.000000000000.css", "../app.py", "css/base.css"):
        assert browser.get(f"/assets/{path}").status_code == 404


def test_the_manifest_keeps_its_address_and_all_its_icons_exist(browser: FlaskClient) -> None:
    answer = browser.get("/manifest.webmanifest")
    manifest = json.loads(answer.data)
    assert answer.content_type == "application/manifest+json"
    assert "immutable" not in answer.headers["Cache-Control"]
    assert {"any", "maskable"} == {icon["purpose"] for icon in manifest["icons"]}
    for icon in manifest["icons"]:
        assert browser.get(icon["src"]).content_type == icon["type"]


# What the authors published (npm), by SHA-256: a changed byte is a change that somebody must explain.
VENDORED = {
    "htmx-4.0.1/htmx.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    "htmx-4.0.1/hx-ptag.min.js": "1993b23e86553100e4f45eed1b756eb8cf53c5b2244caf98e58662dfde9ca069",
    "jsqr-1.4.0/jsQR.js": "bc40c8a15196236b2314db0856f72ca0b49980cd5413b8c852a7349f5fee0859",
}


def test_every_script_of_others_is_as_it_was_published_with_its_licence() -> None:
    vendored = STATIC / "vendor"
    files = {path for path in vendored.rglob("*") if path.is_file() and path.name != "LICENSE"}
    found = {str(path.relative_to(vendored)): sha256(path.read_bytes()).hexdigest() for path in files}
    assert found == VENDORED
    assert all((path.parent / "LICENSE").read_text() for path in files)


def test_every_style_file_is_in_the_cascade() -> None:
    assert {path.stem for path in (STATIC / "css").iterdir()} == set(LAYERS)
    assert len(set(LAYERS)) == len(LAYERS)


def test_a_style_file_that_is_not_its_own_layer_is_refused(tmp_path: Path) -> None:
    root = _copy(tmp_path / "static")
    (root / "css" / "card.css").write_text("@layer chips {\n.card { top: 0 }\n}\n")
    with pytest.raises(ValueError, match=r"card\.css must be one @layer card"):
        Assets(root)


def test_old_phones_can_read_the_style_sheet(assets: Assets, browser: FlaskClient) -> None:
    css = browser.get(assets.url("app.css")).get_data(as_text=True)
    for newer in ("@layer", ":has(", ":is(", ":where(", "color-mix(", "inset:", "&"):
        assert newer not in css
    assert css.count("{") == css.count("}")


@pytest.mark.parametrize(
    ("css", "small"),
    [
        (".a  >  .b {\n  color: red;\n}\n", ".a > .b{color:red;}"),
        ("/* why */ a { margin: 0 /* not */ 1px }", "a{margin:0  1px}"),
        ('a::before { content: " ; /* kept */  " }', 'a::before{content:" ; /* kept */  "}'),
        ("a:hover, a b { width: calc(1px + 2px) }", "a:hover,a b{width:calc(1px + 2px)}"),
        ("@media (min-width: 1px) and (color) { a { top: 0 } }", "@media (min-width:1px) and (color){a{top:0}}"),
    ],
)
def test_squeezing_takes_away_only_what_means_nothing(css: str, small: str) -> None:
    assert squeeze(css) == small


def test_style_and_script_leave_room_for_the_page_in_a_first_visit(assets: Assets, browser: FlaskClient) -> None:
    names = ("app.css", "app.js", "icons/icon.svg", "manifest.webmanifest")
    sent = [browser.get(assets.url(name), headers={"Accept-Encoding": "gzip"}).data for name in names]
    assert sum(map(len, sent)) < 30_000


def _copy(root: Path) -> Path:
    for path in STATIC.rglob("*"):
        if path.is_file():
            target = root / path.relative_to(STATIC)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return root
