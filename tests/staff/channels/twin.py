"""What a channel's test brings: settings, secrets, an address, and the other side, which can be
told to misbehave.

Each channel `<name>` has a file `twin_<name>.py` here, with `running(folder)` (a `Twin` as a
context manager) and `FAULTS`: what the other side does, and what `send` must make of it.

Not for: what only one channel has (`test_<name>.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from web.staff.channels.contract import Address, Why
from web.staff.core.context import Staff

Fault = Mapping[str, Why | None]
"""Behaviour of the other side to the `Why` of `send`; None: it is sent all the same."""

HTTP_FAULTS: dict[str, Why | None] = {
    "late": None,
    "twice": None,
    "never": Why.UNREACHABLE,
    "drip": Why.UNREACHABLE,
    "close": Why.UNREACHABLE,
    "garbage": Why.UNREACHABLE,
    "400": Why.BAD,
    "302 Location: http://127.0.0.1:9/": Why.BAD,
    "401": Why.REFUSED,
    "402": Why.REFUSED,
    "403": Why.REFUSED,
    "429 Retry-After: 7": Why.BUSY,
    "500": Why.BUSY,
    "503 Retry-After: Wed, 21 Oct 2015 07:28:00 GMT": Why.BUSY,
}
"""What every provider over HTTP may do."""


@dataclass
class Twin:
    """One channel's other side.  `behave` tells it what to do from now on, `sent` is everything
    that reached it, readable (what was encrypted for the receiver is opened)."""

    settings: dict[str, Any]
    secrets: dict[str, str]
    address: Address
    behave: Callable[[str], None]
    sent: Callable[[], bytes]
    meet: Callable[[Staff], None] = lambda _staff: None
    """Given the server's parts before the channel is opened."""
    may_say: frozenset[str] = field(default_factory=frozenset)
    """What of `home` and `type` this channel is there to say: an alarm centre must know."""
