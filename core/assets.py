"""Style sheets, scripts and pictures as they travel: joined, squeezed at start-up, named by their content."""

import gzip
import hashlib
import importlib.util
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, abort, request

# The order is the cascade: each file is one @layer of this name.
LAYERS = [
    *["tokens", "base", "layout", "nav", "flash", "button", "form", "badge", "card", "chips", "rows", "dates"],
    *[
        "table",
        "post",
        "roster",
        "unsent",
        "typing",
        "record",
        "outcome",
        "confirm",
        "desk",
        "empty",
        "pager",
        "progress",
    ],
    *["elder", "utilities", "print"],
]
SCRIPTS = ("vendor/htmx-4.0.1/htmx.min.js", "vendor/htmx-4.0.1/hx-ptag.min.js", "js/app.js")
MANIFEST = "manifest.webmanifest"
WORKER = "service-worker.js"
KEPT = ("app.css", "app.js", "js/queue.js", "icons/icon.svg")  # what the worker keeps for when there is no network
WORKER_PARTS = (f"js/{WORKER}", "js/push-worker.js")  # each does one thing in the background, joined to one
# And what it keeps besides once a kiosk has put it there: no phone fetches it for nothing.
KIOSK = ("kiosk/kiosk.css", "kiosk/kiosk.js", "vendor/jsqr-1.4.0/jsQR.js")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
FOREVER = "public, max-age=31536000, immutable"
A_DAY = "public, max-age=86400"

_LAYER = re.compile(r"@layer ([\w-]+) \{\n(.*)\}\n", re.DOTALL)
_SPARE = re.compile(r"""("[^"]*"|'[^']*')|/\*.*?\*/|\s*([{};,])\s*|(:)\s+|\s+""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, ready to send: as it is, and in each encoding that makes it smaller."""

    digest: str
    content_type: str
    cache: str
    encodings: dict[str, bytes]


class Assets:
    """All files under the static folder, read once; a name that does not exist is an error at once."""

    def __init__(self, root: Path) -> None:
        self._urls: dict[str, str] = {}
        self._served: dict[str, Asset] = {}
        self._add("app.css", stylesheet(root))
        self._add("app.js", script(root))
        for path in sorted(root.rglob("*")):
            if _travels_alone(name := path.relative_to(root).as_posix()):
                self._add(name, path.read_bytes())
        self._add_manifest(root)
        self._add_worker(root)

    def url(self, name: str) -> str:
        return self._urls[name]

    def init_app(self, app: Flask) -> None:
        app.add_url_rule("/assets/<path:name>", "assets", self.serve)
        app.add_url_rule(f"/{MANIFEST}", "assets", self.serve, defaults={"name": MANIFEST})
        app.add_url_rule(f"/{WORKER}", "assets", self.serve, defaults={"name": WORKER})
        app.jinja_env.globals["asset"] = self.url

    def serve(self, name: str) -> Response:
        """The file in the smallest encoding that the browser takes."""
        asset = self._served.get(name) or abort(404)
        encoding = request.accept_encodings.best_match([*asset.encodings], default="identity")
        response = Response(asset.encodings[encoding], content_type=asset.content_type)
        response.headers["Cache-Control"] = asset.cache
        response.set_etag(f"{asset.digest}-{encoding}")
        if encoding != "identity":
            response.content_encoding = encoding
        response.vary.add("Accept-Encoding")
        response.make_conditional(request)
        return response

    def _add(self, name: str, body: bytes) -> None:
        digest = hashlib.sha256(body).hexdigest()[:12]
        stem, dot, suffix = name.rpartition(".")
        hashed = f"{stem}.{digest}{dot}{suffix}"
        self._urls[name] = f"/assets/{hashed}"
        self._served[hashed] = Asset(digest, TYPES[dot + suffix], FOREVER, _encoded(body))

    def _add_manifest(self, root: Path) -> None:
        """The manifest keeps one address, since phones remember it; its icons have hashed ones."""
        manifest = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
        for icon in manifest["icons"]:
            icon["src"] = self.url(icon["src"])
        body = json.dumps(manifest, ensure_ascii=False).encode()
        digest = hashlib.sha256(body).hexdigest()[:12]
        self._urls[MANIFEST] = f"/{MANIFEST}"
        self._served[MANIFEST] = Asset(digest, TYPES[".webmanifest"], A_DAY, _encoded(body))

    def _add_worker(self, root: Path) -> None:
        """The service worker stands at the top, since it works for the pages under its address, and is asked for anew
        each time; it knows the files of its own version."""
        lists = {"ASSETS": KEPT, "KIOSK": KIOSK}
        known = [f"const {name} = {json.dumps([*map(self.url, files)])};" for name, files in lists.items()]
        parts = [(root / name).read_bytes() for name in WORKER_PARTS]
        body = b"\n".join([*(line.encode() for line in known), *parts])
        digest = hashlib.sha256(body).hexdigest()[:12]
        self._urls[WORKER] = f"/{WORKER}"
        self._served[WORKER] = Asset(digest, TYPES[".js"], "no-cache", _encoded(body))


def stylesheet(root: Path) -> bytes:
    """All layers in order, laid flat: browsers from before 2022 would drop every rule inside a @layer."""
    return "".join(_flat(root / "css" / f"{layer}.css") for layer in LAYERS).encode()


def script(root: Path) -> bytes:
    return b";\n".join((root / name).read_bytes().strip() for name in SCRIPTS)


def _flat(path: Path) -> str:
    layer = _LAYER.search(path.read_text(encoding="utf-8"))
    if layer is None or layer[1] != path.stem:
        raise ValueError(f"{path.name} must be one @layer {path.stem}")
    return squeeze(layer[2])


def squeeze(css: str) -> str:
    """Without comments and spare white space; strings stay as they are."""
    return _SPARE.sub(lambda m: m[1] or m[2] or m[3] or (" " if m[0].isspace() else ""), css).strip()


def _travels_alone(name: str) -> bool:
    """Whether a file is fetched by itself, and is not a piece of the style sheet or of the script."""
    known = Path(name).suffix in TYPES
    return known and not name.startswith("css/") and name not in (*SCRIPTS, *WORKER_PARTS, MANIFEST)


def _encoded(body: bytes) -> dict[str, bytes]:
    """The body by the name of its encoding, best first; one that does not help is left out."""
    tried = {name: encode(body) for name, encode in _encoders().items()}
    return {name: small for name, small in tried.items() if len(small) < 0.9 * len(body)} | {"identity": body}


def _encoders() -> dict[str, Callable[[bytes], bytes]]:
    encoders: dict[str, Callable[[bytes], bytes]] = {"gzip": lambda body: gzip.compress(body, 9, mtime=0)}
    if importlib.util.find_spec("brotli"):
        return {"br": importlib.import_module("brotli").compress, **encoders}
    return encoders
