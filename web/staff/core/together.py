"""What several threads want done at once, one of them does for all: one transaction in place of
ten.

Nobody waits for others to come: who finds nobody at work begins at once, with what is there; what
comes meanwhile is done together when that is over.  What cannot be done with the others is done by
its own thread, by itself, and they wait no longer for it.  Not for: what is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

Work = Callable[[Sequence[T]], Sequence[T]]
"""Does it; returns those of several that it left out, for they would have kept the others
waiting."""

WITHIN_S = 30.0
"""Seconds that anybody waits for who is at work, at the most: what a turn to write is waited for
(`web.staff.storage.shares.WRITE_WITHIN_S`)."""


class NotDone(Exception):
    """It was not done in time."""


@dataclass(eq=False)
class _Waiter(Generic[T]):
    what: T
    called: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    """Called to do what waits; else its own is done."""
    taken: bool = False
    alone: bool = False
    """To be done by itself."""
    error: Exception | None = field(default_factory=NotDone)
    """None: it is done."""


class Together(Generic[T]):
    """At most `most` are done in one go.  `is_everybodys` tells whether an error would meet each of
    them: then none is tried again alone.  Thread-safe; not re-entrant."""

    def __init__(self, most: int, is_everybodys: Callable[[Exception], bool]) -> None:
        self._most = most
        self._is_everybodys = is_everybodys
        self._lock = threading.Lock()
        self._waiting: list[_Waiter[T]] = []
        self._at_work = False

    def do(self, what: T, work: Work[T]) -> None:
        """Have `what` done, alone or with others of the same work.  Raises what the work raised,
        `NotDone` after `WITHIN_S`."""
        me = _Waiter(what)
        with self._lock:
            self._waiting.append(me)
            if not self._at_work:
                self._at_work = me.leads = True
        if not me.leads:
            self._wait(me)
        if me.leads:
            self._lead(work)
        if me.alone:
            work([me.what])
        elif me.error is not None:
            raise me.error

    def _wait(self, me: _Waiter[T]) -> None:
        if me.called.wait(WITHIN_S):
            return
        with self._lock:
            if me.called.is_set():
                return
            if not me.taken:
                self._waiting.remove(me)
        raise NotDone

    def _lead(self, work: Work[T]) -> None:
        """Do what waits, the own first, and let the next one go on."""
        with self._lock:
            group = self._waiting[: self._most]
            del self._waiting[: self._most]
            for one in group:
                one.taken = True
        try:
            self._work(group, work)
        finally:
            with self._lock:
                following = self._waiting[0] if self._waiting else None
                self._at_work = following is not None
                if following is not None:
                    following.leads = True
                    following.called.set()
            for one in group:
                one.called.set()

    def _work(self, group: Sequence[_Waiter[T]], work: Work[T]) -> None:
        """All at once; where that fails each alone, so that nobody fails for another's sake."""
        try:
            left = work([one.what for one in group])
        except Exception as error:
            for one in group:
                one.alone = len(group) > 1 and not self._is_everybodys(error)
                one.error = error
        else:
            for one in group:
                one.alone = any(one.what is other for other in left)
                one.error = None
