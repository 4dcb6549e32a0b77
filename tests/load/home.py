"""One home of the simulator: a log in memory, the product's link, a door that turns at once.

Not for: rules, sensors, or how events are made (`life`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.clock import Clock
from gateway.envelope import Draft, verify_next
from gateway.events import LockOperationEnded, LockOperationOutcome, LockOperationRequested
from gateway.link.lane import seq_of
from gateway.link.uplink import Uplink, UplinkCallbacks, UrgentEvent
from tests.load import life
from tests.load.ledger import Ledger
from tests.load.life import Log
from tests.load.wire import NotedLink


class LoadHome:
    """A home that is on the line between `start` and `stop`; the log stays."""

    def __init__(self, home: str, key: Ed25519PrivateKey, clock: Clock, seed: int) -> None:
        self.home = home
        self.key = key
        self.clock = clock
        self.rng = Random(f"{seed}/{home}")
        self.log = Log(home)
        self.slow_bytes_s: float | None = None
        self.alarms: list[int] = []
        """Numbers of the alarms that it ever raised."""
        self.given: dict[int, float] = {}
        """When each of these was there to be sent (`time.perf_counter`), by its number."""
        self._waiting: dict[int, UrgentEvent] = {}
        self._stored_urgent: set[int] = set()
        self._stored_to = 0
        self._uplink: Uplink | None = None
        self._ledger = Ledger()

    def describe(self) -> UrgentEvent:
        """The first event of its log: what it has."""
        return self.log.write(Draft(life.described(self.home)), self.clock.now())[1]

    # --- on the line and off

    def start(self, url: str, ledger: Ledger) -> None:
        """Come on the line: what waits goes first of all, alarms over their own lane."""
        self._ledger = ledger
        link = NotedLink(url, self.home, self.key, ledger, slow_bytes_s=self.slow_bytes_s)
        link.on_stored = self._stored
        callbacks = UplinkCallbacks(
            on_decided=self._decided,
            on_lock_order=self._turn,
            on_server_time=lambda _offset_s: None,
            on_server_ahead=lambda _have: ledger.count("server_ahead"),
            on_chain_broken=lambda: ledger.count("chain_broken"),
            on_problem=lambda problem: ledger.count("problems", problem is not None),
        )
        self._uplink = Uplink(link, self.log, callbacks, rand=self.rng.random)
        self._uplink.start()
        self._uplink.urgent(list(self._waiting.values()))

    def urgent(self, events: Sequence[UrgentEvent]) -> None:
        """Send these at once."""
        for event in events:
            self.given[event.seq] = time.perf_counter()
            self._waiting[event.seq] = event
        if self._uplink is not None:
            self._uplink.urgent(events)

    def stop(self, drain_s: float = 0.0) -> None:
        """Go off the line."""
        if self._uplink is not None:
            self._uplink.stop(drain_s)
            self._uplink = None

    def told(self) -> bool:
        """Whether the server has said that it has everything."""
        return self.log.forwarded() >= self.log.head() and not self._waiting

    # --- events

    def write(self, draft: Draft, *, urgent: bool = False) -> int:
        """Write one event now, and have it sent."""
        seq, event = self.log.write(draft, self.clock.now())
        if urgent:
            self.urgent([event])
        if self._uplink is not None:
            self._uplink.wake()
        return seq

    def raise_alarm(self, at: datetime | None = None) -> UrgentEvent:
        """An alarm in the log, not yet sent: give it to `urgent`."""
        seq, event = life.alarm(self.log, at or self.clock.now())
        self.alarms.append(seq)
        return event

    def _stored(self, lane: str, bodies: Sequence[bytes], have: int) -> None:
        now_s = time.perf_counter()
        if not bodies:
            return
        if lane == "urgent":
            sent = {seq_of(body) for body in bodies}
            again = sent <= self._stored_urgent
            self._stored_urgent |= sent
            stored = [seq for seq in sent if seq in self._waiting]
        else:
            again = seq_of(bodies[-1]) <= self._stored_to
            self._stored_to = max(self._stored_to, have)
            stored = [seq for seq in list(self._waiting) if seq <= have]
        self._ledger.count("sent_again", again)
        for seq in stored:
            if self._waiting.pop(seq, None) is not None and seq in self.alarms:
                self._ledger.waited("alarm_stored", now_s - self.given[seq])

    def _decided(self, objs: list[dict[str, Any]]) -> None:
        log = self.log
        for obj in objs:
            seq = obj["seq"]
            log.down_digest = verify_next(
                obj, origin=f"staff:{self.home}", seq=log.down + 1, previous=log.down_digest
            )
            log.down = seq

    def _turn(self, grant: str) -> None:
        """The door of a home that trusts its server: the bolt is there at once."""
        claims = jwt.decode(grant, options={"verify_signature": False})
        person, device = claims["sub"], claims["dev"]
        asked = LockOperationRequested(
            grant=claims["jti"], action=claims["act"], reason=claims["rsn"]
        )
        done = LockOperationEnded(grant=claims["jti"], outcome=LockOperationOutcome.DONE)
        events = [
            self.log.write(Draft(data, person=person, device=device), self.clock.now())[1]
            for data in (asked, done)
        ]
        self.urgent(events)
        if self._uplink is not None:
            self._uplink.wake()
