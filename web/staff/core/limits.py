"""How often something may be tried: counted in memory, a window at a time.

Not for: anything that must survive a restart.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import deque

KEYS_MAX = 10_000
"""Addresses remembered; beyond that the oldest are forgotten first."""


IPV6_SITE_BITS = 64
"""Bits of an IPv6 address that say whose it is (RFC 6177): the rest its owner chooses freely."""


def network_of(address: str) -> str:
    """Whose address this is, to count tries by: an IPv4 address itself, of an IPv6 address the
    network of the site.  What is no address is its own."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((ip, IPV6_SITE_BITS), strict=False))


class Limiter:
    """At most `times` tries in `window_s` for each key (an address, an account)."""

    def __init__(self, times: int, window_s: float) -> None:
        self.times = times
        self.window_s = window_s
        self._lock = threading.Lock()
        self._tries: dict[str, deque[float]] = {}

    def allow(self, key: str, now_s: float | None = None) -> bool:
        """Count one try.  False: too many; the try is not counted.  `now_s` None: now,
        monotonic."""
        now = time.monotonic() if now_s is None else now_s
        with self._lock:
            tries = self._tries.pop(key, None) or deque()
            while tries and tries[0] <= now - self.window_s:
                tries.popleft()
            allowed = len(tries) < self.times
            if allowed:
                tries.append(now)
            self._tries[key] = tries
            while len(self._tries) > KEYS_MAX:
                del self._tries[next(iter(self._tries))]
            return allowed

    def take_back(self, key: str) -> None:
        """The last try was not made after all."""
        with self._lock:
            tries = self._tries.get(key)
            if tries:
                tries.pop()

    def forget(self, key: str) -> None:
        """It succeeded: begin counting anew."""
        with self._lock:
            self._tries.pop(key, None)

    def clear(self) -> None:
        """Forget every try."""
        with self._lock:
            self._tries.clear()
