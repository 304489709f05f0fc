"""Small servers that speak what others speak: an SMS gateway, WeCom, DingTalk, a push service. Each judges by itself.

Nothing of the product is used here: what they verify is written down anew from the published protocols.
"""

import base64
import hashlib
import hmac
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


@dataclass
class Asked:
    """One request as it came over the wire."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}


Answer = tuple[int, dict[str, str], bytes]
Answering = Callable[[Asked], Answer]


def as_json(status: int, said: Any) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(said).encode()


@contextmanager
def http_server(answer: Answering) -> Iterator[str]:
    """Serve at a free port of this machine; yields `127.0.0.1:port`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            status, headers, said = answer(asked)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


# --- text messages ------------------------------------------------------------------------------------------


@dataclass
class SmsGateway:
    """Takes what is signed with its secret, and each id once; `answers` come first."""

    key_id: str = "rengang-test"
    secret: str = "an SMS secret"
    texts: list[dict[str, Any]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    host: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.host}/v1/texts?tenant=7"

    def __call__(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if self.answers:
            return self.answers.pop(0)
        if not self._is_signed(asked):
            return as_json(401, {"accepted": False, "error": "bad signature"})
        text = json.loads(asked.body)
        if text["id"] not in {known["id"] for known in self.texts}:
            self.texts.append(text)
        return as_json(200, {"accepted": True})

    def _is_signed(self, asked: Asked) -> bool:
        moment = asked.headers["x-timestamp"]
        said = b"\n".join([b"POST", asked.path.encode(), moment.encode(), asked.body])
        wanted = hmac.new(self.secret.encode(), said, hashlib.sha256).hexdigest()
        fresh = abs(int(moment) - time.time()) < 300
        return fresh and asked.headers["x-key-id"] == self.key_id and asked.headers["x-signature"] == wanted


# --- group robots -------------------------------------------------------------------------------------------


@dataclass
class Group:
    """A group chat with a WeCom and a DingTalk robot. WeCom: a key. DingTalk: a token and a signature (加签)."""

    key: str = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
    token: str = "566cc69da782ec"
    secret: str = "SEC-of-the-group"
    texts: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)  # error codes to answer first
    host: str = ""

    @property
    def wecom(self) -> str:
        return f"http://{self.host}/cgi-bin/webhook/send?key={self.key}"

    @property
    def dingtalk(self) -> str:
        return f"http://{self.host}/robot/send?access_token={self.token}"

    def __call__(self, asked: Asked) -> Answer:
        if self.codes:
            return as_json(200, {"errcode": self.codes.pop(0), "errmsg": "as the test wants it"})
        judge = {"/cgi-bin/webhook/send": self._judge_wecom, "/robot/send": self._judge_dingtalk}
        code = judge[urlsplit(asked.path).path](asked)
        if code == 0:
            self.texts.append(json.loads(asked.body)["text"]["content"])
        return as_json(200, {"errcode": code, "errmsg": "ok" if code == 0 else "refused"})

    def _judge_wecom(self, asked: Asked) -> int:
        if asked.query.get("key") != self.key:
            return 93000
        content = self._content(asked)
        return 40058 if content is None or len(content.encode()) > 2048 else 0

    def _judge_dingtalk(self, asked: Asked) -> int:
        if asked.query.get("access_token") != self.token:
            return 300001
        moment = asked.query.get("timestamp", "0")
        signed = hmac.new(self.secret.encode(), f"{moment}\n{self.secret}".encode(), hashlib.sha256).digest()
        if asked.query.get("sign") != base64.b64encode(signed).decode():
            return 310000
        if abs(int(moment) - time.time() * 1000) > 3600_000:
            return 310000
        return 400301 if self._content(asked) is None else 0

    @staticmethod
    def _content(asked: Asked) -> str | None:
        said = json.loads(asked.body)
        if said.get("msgtype") != "text" or asked.headers.get("content-type") != "application/json":
            return None
        content: str | None = said.get("text", {}).get("content")
        return content


# --- web push -----------------------------------------------------------------------------------------------


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class PushService:
    """The push service of a browser maker, and the browser behind it: verifies RFC 8292, opens RFC 8291."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = b"sixteen bytes :)"
    notes: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    server_key: str = ""  # what the browser was given when it subscribed
    host: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """What the browser tells the page."""
        return {"endpoint": f"http://{self.host}/send/abc", "p256dh": _b64(self.point), "auth": _b64(self.secret)}

    @property
    def point(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def __call__(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if self.statuses:
            return self.statuses.pop(0), {}, b"as the test wants it"
        if not self._is_authorized(asked.headers["authorization"]):
            return 403, {}, b"not the key of the subscription"
        if asked.headers["content-encoding"] != "aes128gcm" or not asked.headers["ttl"].isdigit():
            return 400, {}, b"headers"
        if len(asked.headers["topic"]) > 32 or len(asked.body) > 4096:
            return 413, {}, b"too much"
        self.notes.append(json.loads(self._open(asked.body)))
        return 201, {}, b""

    def _is_authorized(self, header: str) -> bool:
        scheme, _, rest = header.partition(" ")
        parts = dict(part.split("=", 1) for part in rest.replace(" ", "").split(","))
        head, claims, signature = parts["t"].split(".")
        said, raw = json.loads(_unb64(claims)), _unb64(signature)
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _unb64(parts["k"]))
        numbers = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key.verify(numbers, f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
        in_time = time.time() < said["exp"] <= time.time() + 24 * 3600
        ours = said["aud"] == f"http://{self.host}" and said["sub"].startswith(("mailto:", "https:"))
        return scheme == "vapid" and in_time and ours and parts["k"] == self.server_key

    def _open(self, body: bytes) -> bytes:
        """RFC 8188 and 8291, for one record."""
        salt, (size,), length = body[:16], struct.unpack("!L", body[16:20]), body[20]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(sealed) <= size
        shared = self.private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        info = b"WebPush: info\0" + self.point + sender
        material = HKDF(SHA256(), 32, salt=self.secret, info=info).derive(shared)
        key = HKDF(SHA256(), 16, salt=salt, info=b"Content-Encoding: aes128gcm\0").derive(material)
        nonce = HKDF(SHA256(), 12, salt=salt, info=b"Content-Encoding: nonce\0").derive(material)
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert plain.endswith(b"\x02")
        return plain[:-1]
