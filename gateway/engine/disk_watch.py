"""While the log is in memory: tries the disk again, and brings the log back to it.

One thread of its own, for a disk that hangs must hold up nothing else.  The engine changes logs in
its loop, between two turns (`Engine.go_on_in`); what is copied before that is copied here.

Not for: when the disk is left (`gateway.engine.engine`), or what is copied (`log_return`).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Thread

from gateway.engine.engine import Engine
from gateway.engine.event_log import EventLog
from gateway.engine.log_folder import LogFolder
from gateway.engine.sequencer import Sealed
from gateway.errors import BadEvent, LogError
from gateway.events import Data
from gateway.origin import is_in_memory

log = logging.getLogger(__name__)

FIRST_S, MOST_S = 1.0, 60.0
"""Seconds between two tries: a file that somebody moves away is noticed at once, a dead card is
asked once a minute."""

LOOK_S = 0.5
"""Seconds between looks whether the home ends, while a change is under way."""

JOIN_S = 2.0
"""Seconds that a stop waits for the thread; a disk that hangs holds it longer, and is left."""


class DiskWatch:
    """Made beside the engine, in its loop.  `first_s` is the first pause."""

    def __init__(self, folder: LogFolder, engine: Engine, *, first_s: float = FIRST_S) -> None:
        self._folder, self._engine = folder, engine
        self._loop = asyncio.get_running_loop()
        self._first_s = first_s
        self._again_s = min(MOST_S, 60.0 * first_s)
        self._stopping = Event()
        self._tasks: SimpleQueue[tuple[EventLog, EventLog | None] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def watch(self, memory: EventLog, left: EventLog | None = None) -> None:
        """The log is in memory, in place of the open one that was `left`; in the loop."""
        self._tasks.put((memory, left))
        if self._thread is None:
            self._thread = Thread(target=self._work, name="disk-watch", daemon=True)
            self._thread.start()

    def leave(self, why: str) -> None:
        """The disk refuses for too long, or hangs: go on in memory.  In the loop."""
        left = self._engine.log
        if is_in_memory(left.origin) or self._stopping.is_set():
            return
        try:
            memory, told = self._folder.leave(left.origin, self._engine.last_seq, why)
        except (LogError, OSError) as error:
            log.error("the log cannot go on in memory", extra={"why": str(error)})
            return
        memory.hold_back(left.origin, left.durable)
        self._engine.go_on_in(memory, [told])
        self.watch(memory, left)

    def stop(self) -> None:
        """No log is changed any more; from a thread that is not the loop's."""
        self._stopping.set()
        self._tasks.put(None)
        if self._thread is not None:
            self._thread.join(JOIN_S)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None and not self._stopping.is_set():
            memory, left = task
            while not self._stopping.is_set():
                try:
                    self._bring_back(memory, left)
                    break
                except Exception:  # the edge: a thread that gives up would leave the home in memory
                    log.exception("the log could not be brought back to the disk")
                    left = None
                    self._stopping.wait(self._again_s)

    def _bring_back(self, memory: EventLog, left: EventLog | None) -> None:
        if left is not None:
            self._folder.settle(memory, left)
        pause_s = self._first_s
        while self._engine.log is memory and not self._stopping.wait(pause_s):
            pause_s = min(2 * pause_s, MOST_S)
            try:
                opened, recovered, returned = self._folder.back()
            except LogError as error:
                log.info("the disk still refuses", extra={"why": error.text})
                continue
            changed: Future[bool] = Future()
            told: list[Data] = [] if recovered is None else [recovered]
            told += [] if returned is None else [returned.told]
            row = 0 if returned is None else returned.row
            self._loop.call_soon_threadsafe(self._change, memory, opened, row, told, changed)
            try:
                there = self._wait(changed)
            except Exception:
                if self._engine.log is not opened:
                    self._folder.put_back(opened)
                raise
            if not there:
                self._folder.put_back(opened)
            elif self._engine.log is opened:
                memory.close()
                if changed.done():  # else the home ends: the next start copies what the disk lacks
                    self._folder.let_go()

    def _change(
        self,
        memory: EventLog,
        opened: EventLog,
        row: int,
        told: Sequence[Data],
        changed: Future[bool],
    ) -> None:
        """In the loop: from the next number on the log is `opened`, which has what `memory` held up
        to `row`.  `changed` is true when all of it is on the disk; false: not now."""
        try:
            self._change_now(memory, opened, memory.rows_after(row), told, changed)
        except (LogError, BadEvent, sqlite3.Error) as error:
            log.error("what memory holds cannot be read", extra={"why": str(error)})
            changed.set_result(False)
        except Exception as error:  # raised in the thread, which would wait for ever
            changed.set_exception(error)

    def _change_now(
        self,
        memory: EventLog,
        opened: EventLog,
        rows: Sequence[Sealed],
        told: Sequence[Data],
        changed: Future[bool],
    ) -> None:
        waiting = (*rows, *self._engine.rows_waiting())
        stuck = any(row.event.origin == opened.origin for row in waiting)
        if stuck or self._stopping.is_set() or self._engine.log is not memory:
            changed.set_result(False)
            return
        opened.rests.mark(memory.origin, memory.forwarded())
        durable = self._engine.go_on_in(opened, told, rows)
        durable.add_done_callback(lambda _event: changed.set_result(True))

    def _wait(self, changed: Future[bool]) -> bool:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                return changed.result(timeout=LOOK_S)
        return True  # whatever came of it: the home ends, and its log is closed in order
