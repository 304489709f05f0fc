"""What was typed into a form while the session ran out: kept in the cookie until the page is opened again."""

import base64
import json
import zlib

from flask import has_request_context, request, session
from werkzeug.datastructures import MultiDict

KEY = "draft"
LONGEST = 2400  # a cookie holds 4 KB, and the session needs some of it
SECRETS = ("password", "id_number", "code", "csrf_token")


def keep(page: str) -> bool:
    """Keep the words of this POST for the form on `page`, without its secrets; False if they are too many."""
    typed = [[name, value] for name, value in request.form.items(multi=True) if not _secret(name)]
    packed = _packed([page, typed])
    if not typed or len(packed) > LONGEST:
        return False
    session[KEY] = packed
    return True


def kept() -> MultiDict[str, str] | None:
    """What waits for the page that is being opened, or None; it is handed out once."""
    packed = session.get(KEY) if has_request_context() and request.method == "GET" else None
    page, typed = _unpacked(packed) if packed else ("", [])
    if page != request.path:
        return None
    session.pop(KEY)
    return MultiDict((name, value) for name, value in typed)


def _secret(name: str) -> bool:
    return any(word in name for word in SECRETS)


def _packed(draft: list[object]) -> str:
    plain = json.dumps(draft, ensure_ascii=False).encode()
    return base64.b85encode(zlib.compress(plain, 9)).decode()


def _unpacked(packed: str) -> tuple[str, list[tuple[str, str]]]:
    """The page and its fields; the cookie is signed, so that nobody but us wrote it."""
    page, typed = json.loads(zlib.decompress(base64.b85decode(packed)))
    return page, typed
