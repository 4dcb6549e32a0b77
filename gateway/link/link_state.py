"""What the uplink's lanes share: the seams to the home, and how the link is.

`gateway.link.uplink` gives these names to others.  Not for: sending or receiving.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from gateway.link.https import Link
from gateway.wire import CallOrder, LookOrder


class Outbox(Protocol):
    """What the uplink needs of the log; every method may be called from any thread."""

    def origin(self) -> str:
        """The origin of the log that is written now."""

    def head(self) -> int:
        """The highest durable number of that origin; 0: none."""

    def pending(self, after: int, limit: int) -> Sequence[bytes]:
        """At most `limit` own events after `after`, in order and without gaps: the JSON of
        `gateway.envelope.to_json`, hash included."""

    def forwarded(self) -> int:
        """The number up to which the server has confirmed."""

    def place(self) -> tuple[str, int]:
        """`origin` and `forwarded` of one log: another may take its place between two calls."""

    def mark_forwarded(self, origin: str, seq: int) -> None:
        """The server has everything of that log up to and with `seq`; passed over when another log
        has taken its place: what was sent of it is sent again, as a rest."""

    def rest(self, limit: int) -> Rest | None:
        """What an earlier log of the home held and the server may not have; None: nothing."""

    def mark_rest(self, origin: str, seq: int) -> None:
        """The server has, of that log, what it will ever take up to `seq`."""

    def down_have(self) -> int:
        """The highest `staff:<home>` number on disk; 0: none."""

    def alarms(self) -> Sequence[UrgentEvent]:
        """Own events that the server has not confirmed and that tell of somebody who may need help,
        in order: what an urgent lane that begins must send."""


class Rest(Protocol):
    """At most so many events of an earlier log, which ended at `head`, in order: `bodies` as
    `Outbox.pending` gives them."""

    @property
    def origin(self) -> str: ...

    @property
    def head(self) -> int: ...

    @property
    def bodies(self) -> Sequence[bytes]: ...


class UrgentEvent(NamedTuple):
    """An event that is sent at once: what the urgent lane must know of it, and `body`, its JSON as
    `Outbox.pending` gives it."""

    origin: str
    seq: int
    kind: str
    body: bytes


NOT_OURS = frozenset({"replaced", "ended"})
"""Words of the server that mean: this gateway is the home's no more, and nothing here mends it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about the link that a technician must know.

    `code`: `refused` (the server does not accept this home), `replaced` (nor this gateway, for the
    home has another one), `ended` (nor any of it), `event_refused` (nor the event `seq`),
    `server_behind` (it asks for events that are pruned here), `down_refused` (what it sent down
    could not be kept), `internal` (a fault of ours)."""

    code: str
    text: str
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class UplinkCallbacks:
    """What the uplink tells the home; called from its threads."""

    on_decided: Callable[[list[dict[str, Any]]], None]
    """Keep these events of `staff:<home>` (in order, right after `down_have`); return when they are
    durable.  Raises any `TryggveError` when they cannot be kept: they come again later."""
    on_lock_order: Callable[[str], None]
    """A lock order's grant; must not block."""
    on_server_time: Callable[[float], None]
    """The server's clock minus the system's, seconds."""
    on_server_ahead: Callable[[int], None]
    """The server has more of this origin than the home does: an old disk was restored.  Told once
    for an origin."""
    on_chain_broken: Callable[[], None]
    """The numbers fit and the hashes do not.  Told once for an origin."""
    on_call_order: Callable[[CallOrder], None] = lambda _order: None
    """What the staff's page says about a call; must not block."""
    on_look_order: Callable[[LookOrder], None] = lambda _order: None
    """What the staff's page says about a look; must not block."""
    on_unread_order: Callable[[str, dict[str, Any]], None] = lambda _what, _said: None
    """An order (`turn`, `call`, `look`) that this version does not understand, as it came: nobody
    obeys it, and whoever waits for it is told; must not block."""
    on_listen_order: Callable[[str], None] = lambda _token: None
    """An order to a home that is being installed, signed; must not block."""
    on_link: Callable[[bool], None] = lambda _up: None
    """The server answers, or does not any more; told when it changes."""
    on_problem: Callable[[Problem | None], None] = lambda _problem: None
    """Told when it changes; None: the last problem is over."""
    on_confirmed: Callable[[Sequence[tuple[str, int]]], None] = lambda _events: None
    """The server took these urgent events (origin and number); must not block."""
    on_receivers: Callable[[str], None] = lambda _token: None
    """The signed list of those whom the home tells itself; must not block."""
    on_centre: Callable[[str], None] = lambda _token: None
    """An alarm centre may call, signed; must not block."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The link now.  `last_ok` is `time.time()` of the last answer, None: never."""

    connected: bool
    streaming: bool
    backlog: int
    last_ok: float | None
    problem: Problem | None


class SharedLinkState:
    """What the lanes share: whether to stop, how the link is, and whom to tell."""

    def __init__(
        self, link: Link, outbox: Outbox, callbacks: UplinkCallbacks, rand: Callable[[], float]
    ) -> None:
        self.link, self.outbox, self.callbacks, self.rand = link, outbox, callbacks, rand
        link.backlog = self.backlog
        self.stopping = threading.Event()
        self.nudged: list[threading.Event] = []
        """What wakes each lane from its pause: the server answers again, or we stop."""
        self.waited: list[threading.Event] = []
        """What each lane waits for when it has nothing to do."""
        self._lock = threading.Lock()
        self._up: bool | None = None
        self._problems: dict[str, Problem] = {}
        self._told: Problem | None = None
        self.doubt: Callable[[], None] = lambda: None
        """The stream broke: the batch lane asks at once whether the server is there."""
        self.batch_answered: Callable[[], None] = lambda: None
        """The batch lane brought something, or the server is away: the urgent lane looks again."""
        self.streaming = False
        self.told_to_wait = False
        """The server is there, and has asked the batch lane to wait."""
        self.last_ok: float | None = None

    @property
    def up(self) -> bool:
        """Whether the server accepted, or answered, the batch lane's last request."""
        return bool(self._up)

    @property
    def away(self) -> bool:
        """Whether the last request failed; False before the first is through."""
        return self._up is False

    def backlog(self) -> int:
        """Own events that the server has not confirmed."""
        return max(0, self.outbox.head() - self.outbox.forwarded())

    @property
    def problem(self) -> Problem | None:
        """What a technician should know first; None: nothing."""
        with self._lock:
            return next(iter(self._problems.values()), None)

    def heard(self) -> None:
        """The server answered some lane: while it was away, whoever pauses tries at once."""
        self.last_ok = time.time()
        if not self._up:
            for event in self.nudged:
                event.set()

    def set_accepting(self, accepting: bool) -> None:
        """Whether the server accepts what the batch lane sends; it speaks at least every
        `HEARTBEAT_S`, so it is the one that says how the link is."""
        if accepting:
            self.heard()
        with self._lock:
            changed = self._up is not accepting
            self._up = accepting
        if changed:
            self.callbacks.on_link(accepting)

    def set_problem(self, lane: str, problem: Problem | None) -> None:
        """A lane has a problem, or (None) has it no more."""
        with self._lock:
            if problem is None:
                self._problems.pop(lane, None)
            else:
                self._problems[lane] = problem
            first = next(iter(self._problems.values()), None)
            changed = first != self._told
            self._told = first
        if changed:
            self.callbacks.on_problem(first)

    def stop(self) -> None:
        """Every lane ends at its next wait."""
        self.stopping.set()
        for event in (*self.nudged, *self.waited):
            event.set()
