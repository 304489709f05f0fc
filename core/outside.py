"""Talking to other servers: never to our own house by somebody else's address, never for long, never much."""

import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

from flask import current_app

WAIT = 10  # seconds for one step: connecting, sending, each piece of the answer
WHOLE = 20  # seconds for all of it
MOST = 64 * 1024  # bytes of an answer
PORTS = {"http": 80, "https": 443}
GLOBAL_V6 = ipaddress.ip_network("2000::/3")
# Addresses of IPv6 that carry one of IPv4 inside: 6to4 and Teredo.
CARRIERS = (ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32"))


_silent: ContextVar[set[str] | None] = ContextVar("silent", default=None)


class Unsent(Exception):
    """A message was not taken. `code` is kept and shown, so it names neither the receiver nor a secret."""

    def __init__(self, code: str, *, permanent: bool = False, unreachable: bool = False, gone: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.permanent = permanent  # trying again would not help
        self.unreachable = unreachable  # the server itself does not answer, so others for it need not try now
        self.gone = gone  # the receiver exists no more


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    def said(self) -> dict[str, Any]:
        """The object of JSON in the answer; empty if there is none."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def reachable(host: str, port: int) -> bool:
    """Whether whoever runs this installation named the host as safe (setting REACHABLE_HOSTS)."""
    named: list[str] = current_app.config["REACHABLE_HOSTS"]
    return host in named or f"{host}:{port}" in named


def post(url: str, body: bytes, headers: Mapping[str, str], *, trusted: bool = False) -> Answer:
    """Post to another server; raises Unsent if it cannot be reached or must not be.

    An address that a visitor or a clerk gave has to be https and to lead out of the house, to a public address;
    `trusted` ones stand in the settings. Redirects are not followed and no proxy is asked.
    """
    place = urlsplit(url)
    host, port = _where(place)
    trusted = trusted or reachable(host, port)
    if place.scheme not in PORTS or place.username is not None or not (trusted or place.scheme == "https"):
        raise Unsent("address is not https", permanent=True)
    refuse_silent(host)
    try:
        with closing(_open(place.scheme, host, port, trusted=trusted)) as line:
            return _exchange(line, place.netloc, path_of(place), body, headers)
    except (OSError, http.client.HTTPException, ValueError) as error:
        note_silence(host)
        raise Unsent(f"no answer ({type(error).__name__})", unreachable=True) from error


def refuse_silent(name: str) -> None:
    """Raises Unsent for a server that did not answer before, where that is remembered."""
    if name in (_silent.get() or ()):
        raise Unsent("no answer a moment ago", unreachable=True)


def note_silence(name: str) -> None:
    silent = _silent.get()
    if silent is not None:
        silent.add(name)


def path_of(place: SplitResult) -> str:
    return (place.path or "/") + (f"?{place.query}" if place.query else "")


@contextmanager
def remembering_silence() -> Iterator[None]:
    """Within this a server that does not answer is not asked a second time: many messages may wait for it."""
    token = _silent.set(set())
    try:
        yield
    finally:
        _silent.reset(token)


def _where(place: SplitResult) -> tuple[str, int]:
    try:
        host, port = place.hostname or "", place.port or PORTS.get(place.scheme, 0)
    except ValueError:
        host, port = "", 0
    if not host or not port:
        raise Unsent("address has no host", permanent=True)
    return host, port


def _open(scheme: str, host: str, port: int, *, trusted: bool) -> socket.socket:
    """Connect to the very address that was looked at, so that a name cannot lead elsewhere a moment later."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = [address for address in addresses if trusted or is_public(address)]
    if not allowed:
        raise Unsent("address is not public", permanent=True)
    line = _first_that_answers(allowed, port)
    if scheme == "http":
        return line
    try:
        return _tls().wrap_socket(line, server_hostname=host)
    except BaseException:
        line.close()
        raise


def _first_that_answers(addresses: list[str], port: int) -> socket.socket:
    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), WAIT / 2)
        except OSError:
            continue
    line = socket.create_connection((addresses[-1], port), WAIT)
    line.settimeout(WAIT)
    return line


def is_public(address: str) -> bool:
    """Whether an address lies on the Internet, and carries none inside that does not."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if found.version == 6 and (found not in GLOBAL_V6 or any(found in carrier for carrier in CARRIERS)):
        return False
    return found.is_global and not found.is_multicast


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _exchange(line: socket.socket, netloc: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    # Whoever answers drop by drop is hung up on: a time limit for each piece alone would never end.
    alarm = threading.Timer(WHOLE, _hang_up, [line])
    alarm.daemon = True
    alarm.start()
    try:
        talk = http.client.HTTPConnection(netloc)
        talk.sock = line
        talk.request("POST", path, body, {"Host": netloc, "User-Agent": "Rengang", **headers})
        response = talk.getresponse()
        return Answer(response.status, _read(response, time.monotonic() + WHOLE))
    finally:
        alarm.cancel()


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """At most so much of the answer; what we understand is short."""
    pieces, size = [], 0
    while size < MOST and time.monotonic() < deadline and (piece := response.read1(MOST - size)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _hang_up(line: socket.socket) -> None:
    try:
        socket.socket.shutdown(line, socket.SHUT_RDWR)
    except OSError:
        return  # it ended by itself meanwhile
