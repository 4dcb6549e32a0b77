"""What every part of the staff server is given: made once by `web.staff.runtime.app.create_app`.

Not for: logic.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from flask import current_app

from gateway.clock import Clock
from web.staff.realtime.broker import Broker
from web.staff.realtime.unsaved import UnsavedAlarms
from web.staff.storage.database import Database, Tx

if TYPE_CHECKING:
    from web.staff.core.config import StaffConfig
    from web.staff.core.keys import Keys
    from web.staff.realtime.relay import Relay

EXTENSION = "tryggve"

UNKEPT_MAX = 20_000
"""Readings kept in memory while nothing can be saved: some hours of a municipality, 10 MB.  Each
stands in the diagnostic log too."""


@dataclass(frozen=True, slots=True)
class Unkept:
    """Somebody read of these homes, at that time, and the access log could not be written."""

    homes: tuple[str, ...]
    person: str
    what: str
    at: datetime


@dataclass
class Staff:
    """The server's parts.  `clock` is domain time (the demo may run it faster)."""

    config: StaffConfig
    db: Database
    clock: Clock
    broker: Broker
    keys: Keys
    relay: Relay
    unsaved: UnsavedAlarms = field(default_factory=UnsavedAlarms)
    """Alarms that came while nothing can be saved."""
    unkept: deque[Unkept] = field(default_factory=lambda: deque(maxlen=UNKEPT_MAX))
    """Readings that are not in the access log yet, for the same reason."""

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """One transaction.  What was added to `tx.changes` is told to everybody after the commit,
        `tx.orders` are given to their homes, and the pages of `tx.look_again` look; nothing of it
        when it fails."""
        with self.db.write(self._committed) as tx:
            yield tx
            self.relay.before_commit(tx)

    def saving_event(self) -> bytes:
        """As a server-sent event: whether the server saves, and how many alarms ring unsaved."""
        said = {"refused": self.db.saving.now is not None, "unsaved": len(self.unsaved)}
        return f"event: saving\ndata: {json.dumps(said)}\n\n".encode()

    def tell_saving(self) -> None:
        """Have every screen look anew whether the server saves."""
        self.broker.announce(self.saving_event())

    def _committed(self, tx: Tx) -> None:
        self.broker.publish(tx.changes)
        if tx.look_again:
            self.broker.look_again(tx.look_again)
        self.relay.after_commit(tx)


def staff() -> Staff:
    """The parts of the running application (needs an application context)."""
    parts: Staff = current_app.extensions[EXTENSION]
    return parts
