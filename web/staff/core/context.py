"""What every part of the staff server is given: made once by `web.staff.runtime.app.create_app`.

Not for: logic.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import current_app

from gateway.clock import Clock
from web.staff.core.admission import ALARMS_TOGETHER, HISTORY_MAX, POSTGRES, SQLITE, Lane, Turns
from web.staff.core.pace import Pace
from web.staff.core.together import Together
from web.staff.core.waits import Waits
from web.staff.realtime.broker import Broker
from web.staff.realtime.pictures import Pictures
from web.staff.realtime.siblings import Siblings
from web.staff.realtime.unsaved import UnsavedAlarms
from web.staff.storage import escalations
from web.staff.storage.afterwards import Afterwards
from web.staff.storage.database import Database, Tx
from web.staff.storage.deadlines import Moment, boot_id
from web.staff.storage.outage import FAULTS, is_away

if TYPE_CHECKING:
    from web.staff.core.config import StaffConfig
    from web.staff.core.keys import Keys
    from web.staff.realtime.relay import Relay

EXTENSION = "tryggve"

UNKEPT_MAX = 20_000
"""Readings kept in memory while nothing can be saved: some hours of a municipality, 10 MB.  Each
stands in the diagnostic log too."""


@dataclass
class Admission:
    """Who is let in when, at this worker.  The counts are since its start, and may miss one."""

    turns: Turns
    waits: Waits
    pace: Pace
    gone: int = 0
    """Batches that were not worked on: their home had hung up."""
    turned_away: int = 0
    """Pages and small batches for which there was no room."""

    @classmethod
    def made(cls, key: bytes, *, postgres: bool) -> Admission:
        """For a kind of database.  `key` seals tickets, the same at every worker."""
        limits = POSTGRES if postgres else SQLITE
        at_once = limits.at_once[Lane.HISTORY]
        pace = Pace(at_once, HISTORY_MAX if postgres else at_once)
        return cls(Turns(limits), Waits(key), pace)


def _for_no_requests() -> Admission:
    """For a command line, which nobody asks anything."""
    return Admission.made(secrets.token_bytes(16), postgres=False)


@dataclass
class Staff:
    """The server's parts.  `clock` is domain time (the demo may run it faster)."""

    config: StaffConfig
    db: Database
    clock: Clock
    broker: Broker
    keys: Keys
    relay: Relay
    admission: Admission = field(default_factory=_for_no_requests)
    afterwards: Afterwards | None = None
    """What is written after the answer; None: everything is written before it."""
    pictures: Pictures = field(default_factory=Pictures)
    """Sealed pictures of looks that find no other way; the same memory at all workers."""
    unsaved: UnsavedAlarms = field(default_factory=UnsavedAlarms)
    """Alarms that came while nothing can be saved."""
    siblings: Siblings = field(default_factory=Siblings)
    """The other workers of this server, to be told what no database takes."""
    boot: str = field(default_factory=boot_id)
    """Which boot of the machine counts the deadlines that are set now."""
    urgent: Together[Any] = field(default_factory=lambda: Together(ALARMS_TOGETHER, is_away))
    """What homes send ahead of their batches, stored together when many do; of no more homes than
    are each told for themselves."""
    ladders_due: threading.Event = field(default_factory=threading.Event)
    """Set when an alarm came or was taken: the dispatcher of this worker looks at once."""
    ladders_stand: bool = False
    """Alarms are not passed on by this worker, as `web.staff.runtime.ladder_watch` found."""
    unkept: deque[str] = field(default_factory=lambda: deque(maxlen=UNKEPT_MAX))
    """Readings (`web.staff.care.reads`) that not even the spool took, for the same reason."""

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """One transaction.  What was added to `tx.changes` is told to everybody after the commit,
        `tx.orders` are given to their homes, and the pages of `tx.look_again` look; nothing of it
        when it fails."""
        woken = done = False
        try:
            with self.db.write(self._committed) as tx:
                yield tx
                if tx.changes:
                    woken = escalations.before_commit(tx.conn, tx.changes, self.moment())
                self.relay.before_commit(tx)
                done = True
        except FAULTS:
            if done:
                self.relay.in_doubt()
            raise
        if woken:
            self.ladders_due.set()

    def moment(self) -> Moment:
        """Now in domain time, as deadlines are written."""
        return Moment(self.clock.now(), self.clock.mono_s(), self.boot)

    def saving_event(self) -> bytes:
        """As a server-sent event: whether the server saves, how many alarms ring unsaved, and
        whether alarms stay here."""
        said = {
            "refused": self.db.saving.now is not None,
            "unsaved": len(self.unsaved),
            "stands": self.ladders_stand,
        }
        return f"event: saving\ndata: {json.dumps(said)}\n\n".encode()

    def tell_saving(self) -> None:
        """Have every screen look anew whether the server saves."""
        self.broker.announce(self.saving_event())

    def _committed(self, tx: Tx) -> None:
        self.broker.publish(tx.told())
        if tx.look_again:
            self.broker.look_again(tx.look_again)
        self.relay.after_commit(tx)


def staff() -> Staff:
    """The parts of the running application (needs an application context)."""
    parts: Staff = current_app.extensions[EXTENSION]
    return parts
