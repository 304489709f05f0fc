"""Text messages through any gateway that takes one signed POST; docs/operations.md describes it for the other side."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import current_app

from core import clock, outside
from core.outside import Unsent

LONGEST = 70  # characters of one Chinese text message
LONGEST_LATIN = 160
# What will not be better tomorrow: the request itself is refused. A wrong key (401, 403) or address (404) is the
# installation's mistake, and its messages wait until that is put right.
HOPELESS = {400, 410, 413, 422}


def is_set() -> bool:
    """Whether this installation has a gateway."""
    return bool(current_app.config["SMS_URL"])


def send(id: str, phone: str, template: str, parameters: Mapping[str, str], text: str) -> None:
    """Hand one text to the gateway; raises Unsent. `id` is the same whenever the same text is tried again."""
    names: dict[str, str] = current_app.config["SMS_TEMPLATES"]
    content = {"id": id, "to": phone, "template": names.get(template, template)}
    body = json.dumps({**content, "parameters": parameters, "text": text}, ensure_ascii=False).encode()
    answer = outside.post(current_app.config["SMS_URL"], body, _signed(body), trusted=True)
    said = answer.said()
    if not answer.is_good:
        raise Unsent(f"gateway said {answer.status}", permanent=answer.status in HOPELESS)
    if said.get("accepted") is False:
        raise Unsent("gateway did not accept it", permanent=said.get("retry") is False)


def _signed(body: bytes) -> dict[str, str]:
    timestamp = str(int(clock.real().timestamp()))
    return {
        "Content-Type": "application/json",
        "X-Key-Id": current_app.config["SMS_KEY_ID"],
        "X-Timestamp": timestamp,
        "X-Signature": signature(current_app.config["SMS_SECRET"], current_app.config["SMS_URL"], timestamp, body),
    }


def signature(secret: str, url: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256, in hex, over four lines: POST, the path with its query, the seconds since 1970, the body."""
    path = outside.path_of(urlsplit(url))
    said = b"\n".join([b"POST", path.encode(), timestamp.encode(), body])
    return hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()
