"""Alarms that came while the server could save nothing: they ring from memory.

The home keeps each one and sends it again until the server has taken it, so nothing here need
outlive the process.  Whoever shows them leaves out those that are stored by now.

Not for: judging what a home may say (`web.staff.homelink.ingest`), or what a screen shows.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gateway.envelope import Event
from gateway.events import AlarmCancelled, AlarmRaised, CheckAsked
from gateway.wire import BATCH_MAX

KEPT_MAX = 2 * BATCH_MAX
"""Alarms kept: more than anybody can go to; the oldest are the ones that somebody has seen."""

HOME_MAX = 50
"""Of them those of one home: a home that rings without end takes no other home's place."""

Key = tuple[str, int, bytes]
"""Origin, number and hash of an event."""


@dataclass(frozen=True, slots=True)
class Unsaved:
    """An alarm, or a check that is asked for, of a home, as it counts; `digest` is the hash of what
    came."""

    home: str
    event: Event
    digest: bytes

    @property
    def key(self) -> Key:
        """What it is known by when it is stored."""
        return self.event.origin, self.event.seq, self.digest


class UnsavedAlarms:
    """Those of one worker, oldest first.  Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Unsaved] = OrderedDict()
        self._over: OrderedDict[str, None] = OrderedDict()

    def put(self, came: Collection[Unsaved]) -> bool:
        """Keep what must ring, and let go of what was taken back; whether anything is new."""
        with self._lock:
            before = list(self._kept)
            for one in came:
                data = one.event.data
                if isinstance(data, AlarmCancelled):
                    self._over[data.alarm] = None
                elif isinstance(data, AlarmRaised | CheckAsked):
                    self._kept.setdefault(one.key, one)
            while len(self._over) > KEPT_MAX:
                self._over.popitem(last=False)
            for key in [key for key, one in self._kept.items() if one.event.ref in self._over]:
                del self._kept[key]
            for home in {one.home for one in came}:
                own = [key for key, one in self._kept.items() if one.home == home]
                for key in own[:-HOME_MAX]:
                    del self._kept[key]
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
            return list(self._kept) != before

    def drop(self, stored: Iterable[Key]) -> bool:
        """These are stored; whether any of them was here."""
        if not self._kept:
            return False
        with self._lock:
            gone = [key for key in stored if self._kept.pop(key, None) is not None]
        return bool(gone)

    def __len__(self) -> int:
        return len(self._kept)

    def all(self) -> list[Unsaved]:
        """Those of every home."""
        with self._lock:
            return list(self._kept.values())

    def of(self, homes: Collection[str]) -> list[Unsaved]:
        """Those of these homes."""
        if not self._kept:
            return []
        with self._lock:
            return [one for one in self._kept.values() if one.home in homes]
