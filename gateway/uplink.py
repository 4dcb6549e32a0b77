"""The link's three lanes (skeleton: protocols and signatures are final, the body follows)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.link import Link


class Outbox(Protocol):
    """What the uplink needs of the log; every method may be called from any thread."""

    def origin(self) -> str:
        """The origin of the log that is written now."""

    def head(self) -> int:
        """The highest durable number of that origin; 0: none."""

    def pending(self, after: int, limit: int) -> Sequence[str]:
        """At most `limit` own events after `after`, in order and without gaps: the JSON text of
        `gateway.envelope.to_json`, hash included."""

    def forwarded(self) -> int:
        """The number up to which the server has confirmed."""

    def mark_forwarded(self, seq: int) -> None:
        """The server has everything up to and with `seq`."""

    def down_have(self) -> int:
        """The highest `staff:<home>` number on disk; 0: none."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about the link that a technician must know, told once until it changes.

    `code`: `refused` (the server does not accept this home), `event_refused` (it does not accept the
    event `seq`), `server_behind` (it asks for events that are pruned), `down_refused` (what it sent
    down could not be kept)."""

    code: str
    text: str
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Calls:
    """What the uplink tells the home; called from its threads."""

    on_decided: Callable[[list[dict[str, Any]]], None]
    """Keep these events of `staff:<home>` (in order, right after `down_have`); return when they are
    durable.  Raises any `TryggveError` when they cannot be kept: they come again later."""
    on_turn: Callable[[str], None]
    """A turn order's grant; must not block."""
    on_link: Callable[[bool], None]
    on_server_time: Callable[[float], None]
    """The server's clock minus the system's, seconds."""
    on_server_ahead: Callable[[int], None]
    """The server has more of this origin than the home does: an old disk was restored."""
    on_chain_broken: Callable[[], None]
    """The numbers fit and the hashes do not."""
    on_problem: Callable[[Problem | None], None]
    """None: the last problem is over."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The link now.  `last_ok` is `time.time()` of the last answer, None: never."""

    connected: bool
    streaming: bool
    backlog: int
    last_ok: float | None
    problem: Problem | None


class Uplink:
    """Three daemon threads: up, urgent, stream.  A lane that fails goes on by itself."""

    def __init__(self, link: Link, outbox: Outbox, calls: Calls) -> None:
        raise NotImplementedError

    def start(self) -> None: ...

    def wake(self) -> None:
        """Something was committed.  Any thread; never blocks."""

    def urgent(self, texts: Sequence[str]) -> None:
        """Send these at once (JSON texts, hash included), durable or not.  Never blocks."""

    def metrics(self) -> Metrics:
        raise NotImplementedError

    def stop(self, drain_s: float = 2.0) -> None:
        """Send what waits for at most `drain_s`, then stop; returns within `drain_s` + 2 s."""
