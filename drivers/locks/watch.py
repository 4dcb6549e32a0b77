"""What the watch over a lock has told, and what it should ask and tell next.

Between operations the lock is only listened to: its advertisements say that it is awake, and by one
bit that its state changed since somebody asked.  Not for: talking to the lock.
"""

from __future__ import annotations

import time

from gateway.events import (
    BatteryLow,
    BatteryOk,
    BatteryTold,
    Data,
    LockAsleep,
    LockAwake,
    LockJammed,
    LockLocked,
    LockOperationOutcome,
    LockUnknown,
    LockUnlocked,
)
from gateway.ports import Bolt, LockResult, LockStatus

RECHECK_S = 300.0
"""Seconds until a lock is asked again that did not answer twice: each question costs battery."""

STILL_S = 2.0
"""Seconds until a lock is asked again that still says "changed" after its answer: either it was
turned once more just then, or it does not clear its bit.  Doubled each time up to `STILL_MAX_S`,
and begun anew when something was found changed or was turned."""

STILL_MAX_S = 60.0
"""The longest pause while the bit stays set: it then says nothing, and a jam that nobody here
caused would wait for the next question.  A minute is what `device_health` gives a fault that may
mend; it costs 1,440 connections a day (docs/locks.md)."""

AGAIN_S = 15.0
"""Seconds until a lock is asked again that did not answer once: weak radios lose a connection now
and then, and unknown is urgent news."""

STANDS_S = 2.0
"""Seconds until a moving bolt is asked for again: somebody turns it by hand just now."""

DOUBT_S = 5.0
"""Seconds after a turn that left the bolt unknown until the lock is asked, once it is awake."""

LEVEL_EVERY_S = 24 * 3600.0
"""Seconds between two words about a battery that is neither low nor changed."""

_BOLTS: dict[Bolt, type[Data]] = {
    Bolt.LOCKED: LockLocked,
    Bolt.UNLOCKED: LockUnlocked,
    Bolt.JAMMED: LockJammed,
}
"""What is told of a bolt that is known; nothing while it moves."""


class Watch:
    """`sleep_after_s`: seconds without a sign until the lock is called asleep; `ask_every_s`:
    seconds between questions when nothing gives cause to ask; `stale_s`: seconds after a turn in
    which the lock would still tell what was before, so that it is not asked."""

    def __init__(self, sleep_after_s: float, ask_every_s: float, *, stale_s: float = 0.0) -> None:
        self._sleep_after_s = sleep_after_s
        self._ask_every_s = ask_every_s
        self._stale_s = stale_s
        self._stale_until_s = float("-inf")
        self.begin()

    def begin(self) -> None:
        """The watch starts (again): everything is to be told once."""
        self._since_s = time.monotonic()
        self._awake: bool | None = None
        self._changed = False
        self._due = True  # ask once at the start
        self._asked_s = float("-inf")
        self._pause_s: float | None = None
        self._still_s = STILL_S
        self._failures = 0
        self._bolt: Bolt | None = None
        self._told_bolt: Bolt | None = None
        self._unanswered = self._told_unanswered = False
        self._status: LockStatus | None = None
        self._told_low: bool | None = None
        self._told_level: tuple[int, float] | None = None

    def heard(self, changed: bool | None) -> bool:
        """The lock advertised; `changed`: it says that its state changed since it was asked, None
        when it does not tell.  True when the watch should look at once."""
        rose = changed is True and not self._changed
        self._changed = changed is True
        if not self._changed:
            self._still_s = STILL_S
        self._due = self._due or rose
        return rose or self._awake is not True

    def hearing(self, silent_s: float) -> list[Data]:
        """Asleep or awake, when that changed.  At the start it is given time to be heard."""
        awake = silent_s <= self._sleep_after_s
        if not awake and self._bolt is Bolt.MOVING:
            self._bolt, self._unanswered = Bolt.UNKNOWN, False  # gone, or asleep, in mid-turn
        fresh = time.monotonic() - self._since_s <= self._sleep_after_s
        if awake is self._awake or (not awake and self._awake is None and fresh):
            return []
        self._awake = awake
        return [LockAwake() if awake else LockAsleep()]

    def ask_is_due(self) -> bool:
        """Whether to ask the lock now; never while it sleeps."""
        return self.due_in_s() <= 0

    def due_in_s(self) -> float:
        """Seconds until the next question; for ever while the lock sleeps."""
        if self._awake is not True:
            return float("inf")
        stale_s = max(0.0, self._stale_until_s - time.monotonic())
        if self._due:
            return stale_s
        pause_s = self._pause_s
        if pause_s is None:
            pause_s = self._still_s if self._changed else self._ask_every_s
        return max(stale_s, self._asked_s + pause_s - time.monotonic())

    def answered(self, status: LockStatus) -> None:
        """The watch asked, and this is the answer."""
        moved = status.bolt is not self._bolt
        self._bolt, self._status = status.bolt, status
        self._failures = 0
        if moved:
            self._still_s = STILL_S
        elif self._changed and self._pause_s is None and not self._due:
            self._still_s = min(self._still_s * 2, STILL_MAX_S)
        self._asked(STANDS_S if status.bolt is Bolt.MOVING else None)

    def no_answer(self) -> None:
        """The watch asked in vain; after the second time nobody knows where the bolt is."""
        self._failures += 1
        if self._failures > 1:
            changed = self._changed and self._still_s < STILL_MAX_S  # else the bit says nothing
            turned = changed or self._bolt is Bolt.MOVING
            known = self._bolt is not Bolt.UNKNOWN
            self._unanswered = not turned and (known or self._unanswered)
            self._bolt = Bolt.UNKNOWN
        self._asked(AGAIN_S if self._failures == 1 else RECHECK_S)

    def asked_elsewhere(self, status: LockStatus) -> None:
        """Somebody else asked: the bolt is theirs to tell, the battery is ours."""
        self.answered(status)
        self._told_bolt, self._told_unanswered = status.bolt, False

    def operated(self, result: LockResult, status: LockStatus | None) -> None:
        """An operation ended: its bolt is the caller's to tell."""
        self._stale_until_s = time.monotonic() + self._stale_s
        self._bolt = self._told_bolt = result.bolt
        self._unanswered = self._told_unanswered = result.not_reached
        self._still_s = STILL_S
        if result.outcome is LockOperationOutcome.UNKNOWN or result.bolt is Bolt.UNKNOWN:
            self._asked(DOUBT_S)
        elif status is not None:
            self._status = status
            self._asked(STANDS_S if result.bolt is Bolt.MOVING else None)

    def news(self) -> list[Data]:
        """What changed since it was last told."""
        changes: list[Data] = []
        worse = self._told_unanswered and not self._unanswered
        if self._bolt is Bolt.UNKNOWN and (self._told_bolt is not self._bolt or worse):
            self._told_bolt, self._told_unanswered = self._bolt, self._unanswered
            changes.append(LockUnknown(unanswered=self._unanswered))
        elif self._bolt in _BOLTS and self._bolt is not self._told_bolt:
            self._told_bolt, self._told_unanswered = self._bolt, False
            changes.append(_BOLTS[self._bolt]())
        status = self._status
        if status is not None and status.battery_low not in (None, self._told_low):
            self._told_low = status.battery_low
            pct = status.battery_pct
            kind = BatteryLow if self._told_low else BatteryOk
            changes.append(kind(level_pct=pct))
            self._told_level = None if pct is None else (pct, time.monotonic())
        elif status is not None and status.battery_pct is not None:
            changes += self._level(status.battery_pct)
        return changes

    def _level(self, pct: int) -> list[Data]:
        """The battery's level, when it is another one than a day ago."""
        now_s = time.monotonic()
        before, at_s = self._told_level = self._told_level or (pct, now_s)
        if pct == before or now_s - at_s < LEVEL_EVERY_S:
            return []
        self._told_level = pct, now_s
        return [BatteryTold(level_pct=pct)]

    def _asked(self, pause_s: float | None) -> None:
        self._due = False
        self._asked_s = time.monotonic()
        self._pause_s = pause_s
