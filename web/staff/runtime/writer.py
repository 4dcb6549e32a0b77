"""The thread that writes what requests did not wait for (`web.staff.storage.afterwards`).

Not for: what is written there.
"""

from __future__ import annotations

import logging
import threading

from web.staff.care import reads
from web.staff.core.context import Staff
from web.staff.storage.afterwards import Afterwards

log = logging.getLogger(__name__)

GATHER_S = 0.25
"""Seconds in which what comes is gathered: one transaction for all of it, and nobody looks into the
access log sooner."""

AGAIN_S = 1.0
"""Seconds between looks, also when nothing says that there is anything: what failed is tried
again."""

STOP_TIMEOUT_S = 5
"""Seconds to wait for the last look; what is not written by then stays in its file."""


class Writer:
    """Writes until it is stopped; what waits then is written last, or found at the next start."""

    def __init__(self, staff: Staff, afterwards: Afterwards) -> None:
        self._staff = staff
        self._afterwards = afterwards
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tryggve-writer", daemon=True)
        self.failing = False
        """Whether the last look failed."""

    def start(self) -> None:
        """Begin: from here on requests do not wait."""
        self._staff.afterwards = self._afterwards
        self._thread.start()

    def stop(self) -> None:
        """Requests that come later write for themselves; may be called twice."""
        if self._stopping.is_set():
            return
        self._staff.afterwards = None
        self._stopping.set()
        self._afterwards.spool.wake.set()
        self._thread.join(STOP_TIMEOUT_S)
        self._afterwards.spool.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._afterwards.spool.wake.wait(AGAIN_S)
            self._stopping.wait(GATHER_S)
            self._afterwards.spool.wake.clear()
            self._look()
        self._look()

    def _look(self) -> None:
        try:
            look(self._staff, self._afterwards)
            self.failing = False
        except Exception as error:  # the edge: what waits stays in its file, and is tried again
            if not self.failing:
                log.exception(
                    "what was read could not be noted", extra={"why": type(error).__name__}
                )
            self.failing = True


def look(staff: Staff, afterwards: Afterwards) -> None:
    """Write what waits now."""
    reads.write_waiting(staff, afterwards.spool)
    later = afterwards.take_later()
    if later:
        with staff.write() as tx:
            for write in later:
                write(tx)
