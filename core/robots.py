"""Robots of group chats: WeCom (企业微信) and DingTalk (钉钉), each by its webhook."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

from core import clock, outside
from core.outside import Unsent


@dataclass(frozen=True, slots=True)
class Service:
    """How the robots of one product are called, and which of its answers mean: later."""

    host: str
    path: str
    key: str  # the name of the secret in the address
    longest: int  # bytes of a text
    later: frozenset[int]


# 45009 and 130101: more than 20 a minute. -1: busy. Everything else will not be better tomorrow.
WECOM = Service("qyapi.weixin.qq.com", "/cgi-bin/webhook/send", "key", 2048, frozenset({-1, 45009, 45033}))
DINGTALK = Service("oapi.dingtalk.com", "/robot/send", "access_token", 18_000, frozenset({-1, 130101, 130102}))


def may_call(service: Service, url: str) -> bool:
    """Whether this is a webhook of the service: at its own host, or at one named in REACHABLE_HOSTS."""
    try:
        place = urlsplit(url)
        host, port = place.hostname or "", place.port or outside.PORTS.get(place.scheme, 0)
    except ValueError:
        return False
    at_home = place.scheme == "https" and host == service.host and port == 443
    known = at_home or (place.scheme in outside.PORTS and outside.reachable(host, port))
    has_key = bool(parse_qs(place.query).get(service.key))
    return known and place.path == service.path and has_key and place.username is None and not place.fragment


def send_to_wecom(url: str, text: str) -> None:
    """Say a text in a WeCom group; raises Unsent."""
    _send(WECOM, url, text)


def send_to_dingtalk(url: str, secret: str, text: str) -> None:
    """Say a text in a DingTalk group, signed if the robot has a secret (加签); raises Unsent."""
    _send(DINGTALK, url + (_signature(secret) if secret else ""), text)


def _signature(secret: str) -> str:
    moment = str(int(clock.real().timestamp() * 1000))
    signed = hmac.new(secret.encode(), f"{moment}\n{secret}".encode(), hashlib.sha256).digest()
    return f"&timestamp={moment}&sign={quote(base64.b64encode(signed), safe='')}"


def _send(service: Service, url: str, text: str) -> None:
    if not may_call(service, url):  # the settings may have changed since it was typed
        raise Unsent("address is not the service's", permanent=True)
    said = {"msgtype": "text", "text": {"content": cut(text, service.longest)}}
    body = json.dumps(said, ensure_ascii=False).encode()
    answer = outside.post(url, body, {"Content-Type": "application/json"})
    if not answer.is_good:
        raise Unsent(f"service said {answer.status}")
    code = answer.said().get("errcode")
    if code != 0:
        number = code if isinstance(code, int) else "nothing"
        raise Unsent(f"errcode {number}", permanent=isinstance(code, int) and code not in service.later)


def cut(text: str, longest: int) -> str:
    """At most so many bytes of UTF-8, no character cut in half."""
    raw = text.encode()
    if len(raw) <= longest:
        return text
    return raw[: longest - 3].decode(errors="ignore") + "…"
