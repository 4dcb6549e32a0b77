"""A thread that does the same again and again, until it is told to stop.

Whatever happens in one round does not end the others.  Not for: who leads among workers
(`runtime.watch`), or rounds that something wakes (`ladders.dispatcher`, `runtime.writer`).
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod


class Repeating(ABC):
    """`look` does one round; `start` repeats it in a thread of this name, `every_s` after each, the
    first at once or after such a pause.  `failed` says in the diagnostic log that one could not be
    done: once, for a database that is away would fill it."""

    def __init__(
        self, name: str, failed: str, *, every_s: float, stop_within_s: float, at_once: bool = False
    ) -> None:
        self._name, self._failed = name, failed
        self._every_s, self._stop_within_s = every_s, stop_within_s
        self._at_once = at_once
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @abstractmethod
    def look(self) -> None:
        """One round."""

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; a round that hangs is left behind.  May be called twice."""
        self._stopping.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(self._stop_within_s)

    def _run(self) -> None:
        is_failing = False
        while not self._stopping.wait(0.0 if self._at_once else self._every_s):
            self._at_once = False
            try:
                self.look()
                is_failing = False
            except Exception:  # the edge: one bad round must not end the others
                if not is_failing:
                    logging.getLogger(type(self).__module__).exception(self._failed)
                is_failing = True
