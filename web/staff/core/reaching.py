"""One HTTP request to somebody else's server: bounded in time and size whatever it does, and never
to an address inside the own network unless that was configured.

A name is looked up once, every address of it is judged, and the connection goes to the address that
was judged: a name that says something else the second time leads nowhere.  No redirect is followed.
A connection is kept for some seconds: of five hundred messages each would else be greeted anew.

Not for: what is sent, or what an answer means.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from web.staff.core.connections import Answer, Connection, Kept

TIMEOUT_S = 10.0
"""Real seconds for one request, from the look-up of the name to the last byte: a provider answers
within one or two, and `SEND_MAX_S` leaves room for whoever waits for a thread."""

LOOKUPS_MAX = 32
"""Look-ups of names that may hang at once, each in a thread of its own."""

Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")

_CARRIED = (_NAT64, IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"))
"""Where the last 32 bits are an address of IPv4 (RFC 6052, RFC 4291 section 2.5.5.1, RFC 7915)."""

_CLOSED = tuple(
    map(IPv6Network, ("fec0::/10", "64:ff9b:1::/48", "3fff::/20", "5f00::/16", "100:0:0:1::/64"))
)
"""Not of the open internet either, whatever the version of Python knows (IANA's registry of special
addresses): an organisation's own of before, and its own way to IPv4 among them."""

_PROTOCOLS = IPv4Network("192.0.0.0/24")
"""Of protocols, and of the way from IPv6 to a machine's own IPv4."""

_lookups = threading.BoundedSemaphore(LOOKUPS_MAX)


class Unreached(Exception):
    """No answer.  `unusable`: the address itself may not be used; else another try may do."""

    def __init__(self, text: str, *, unusable: bool = False) -> None:
        super().__init__(text)
        self.text, self.unusable = text, unusable


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet: not this machine, not a network of the
    organisation's own, and not one of them written as another."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if any(ip in network for network in _CARRIED):
            inner = IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
        if any(ip in network for network in _CLOSED):
            return False
    elif ip in _PROTOCOLS:
        return False
    return ip.is_global and not ip.is_multicast


@dataclass
class Reach:
    """Sends requests.  `public_only`: the address comes from somebody's browser or page, and must
    be one of the open internet or of `allow`."""

    public_only: bool = False
    allow: Sequence[Network] = ()
    timeout_s: float = TIMEOUT_S
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    _kept: Kept = field(default_factory=Kept, init=False, repr=False, compare=False)

    def close(self) -> None:
        """Let go of the connections that are kept; may be called twice."""
        self._kept.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request.  Raises `Unreached`; nothing else, and within `timeout_s` (and a little)."""
        until_s = time.monotonic() + self.timeout_s
        try:
            parts = urlsplit(url)
            host, port, tls = parts.hostname, parts.port, parts.scheme == "https"
        except ValueError as error:
            raise Unreached("the address is none", unusable=True) from error
        if not host or parts.scheme not in ("http", "https"):
            raise Unreached("the address is none", unusable=True)
        port = port or (443 if tls else 80)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = self._kept.take(host, port, tls=tls)
        try:
            if connection is not None:
                try:
                    return connection.ask(method, path, headers or {}, body, until_s)
                except ConnectionError:  # it was being ended while it was taken: nothing is wrong
                    connection.close()
            connection = Connection(host, port, self._address(host, port, until_s))
            connection.context = self.context if tls else None
            return connection.ask(method, path, headers or {}, body, until_s)
        except (OSError, http.client.HTTPException, ValueError) as error:
            late = time.monotonic() >= until_s
            said = "no answer in time" if late else f"no answer ({_what(error)})"
            raise Unreached(f"{host}: {said}") from error
        finally:
            if connection is not None:
                self._kept.give(connection)

    def _address(self, host: str, port: int, until_s: float) -> str:
        """Where a name leads.  Every address that it has must be allowed."""
        found = looked_up(host, port, until_s)
        for address in found:
            if self.public_only and not (is_public(address) or self._is_allowed(address)):
                raise Unreached(f"{host}: it leads into a private network", unusable=True)
        return found[0]

    def _is_allowed(self, address: str) -> bool:
        ip = ip_address(address.partition("%")[0])
        return any(ip in network for network in self.allow)


def _what(error: Exception) -> str:
    """The kind of an error: its own text may hold an address with a secret."""
    return type(error).__name__


def looked_up(host: str, port: int, until_s: float) -> list[str]:
    """The addresses of a name, until then (monotonic).  The system's look-up has no time-out of its
    own: it is left behind in its thread when it takes too long.  Raises `Unreached`."""
    with contextlib.suppress(ValueError):
        return [str(ip_address(host))]
    if not _lookups.acquire(blocking=False):
        raise Unreached("names are not looked up: too many wait for an answer")
    found: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def look() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.put([str(row[4][0]) for row in rows])
        except (OSError, UnicodeError):
            found.put([])
        finally:
            _lookups.release()

    threading.Thread(target=look, name="tryggve-lookup", daemon=True).start()
    try:
        addresses = found.get(timeout=max(0.0, until_s - time.monotonic()))
    except queue.Empty:
        addresses = []
    if not addresses:
        raise Unreached(f"{host}: the name leads nowhere")
    return addresses
