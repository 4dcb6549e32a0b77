"""Shots between a camera's own thread and whoever looks: bounded, and never waited for without an
end, whatever the kernel does.

Not for: how a camera is read (`by_av`, `camera_pi`).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from gateway.errors import DeviceUnavailable
from gateway.ports import EYE_SILENT_S, Shot

PACKETS_MAX = 20
"""Packets that may wait, each needing the one before: two seconds.  More means that nobody
reads."""

OPEN_S = 5.0
"""Seconds that a camera may take to open and give its first picture: USB cameras take one or
two."""

GIVE_BACK_S = 0.3
"""Seconds to wait for a camera to be given back: some pictures.  Whoever closes it has the limit to
keep, and a thread that hangs ends with its process."""

T = TypeVar("T")


class Newest:
    """What came of a camera and was not looked at.  `every` False: the newest shot only; True:
    each, in order, and where too many wait all are dropped up to the next key picture."""

    def __init__(self, *, every: bool = False, silent_s: float = EYE_SILENT_S) -> None:
        self._every, self._silent_s = every, silent_s
        self._waiting: deque[Shot] = deque()
        self._skips = False
        self._problem: str | None = None
        self._changed = threading.Condition()

    def read(self) -> Shot:
        """The next one.  Raises `DeviceUnavailable`: none in time, or no more."""
        with self._changed:
            self._changed.wait_for(
                lambda: bool(self._waiting) or self._problem is not None, self._silent_s
            )
            if self._waiting:
                return self._waiting.popleft()
            raise DeviceUnavailable(self._problem or "the camera gives no pictures")

    def put(self, shot: Shot) -> bool:
        """Here is one; False: nobody wants any more.  Any thread; never waits."""
        with self._changed:
            if self._problem is not None:
                return False
            if not self._every:
                self._waiting.clear()
            elif len(self._waiting) >= PACKETS_MAX:
                self._waiting.clear()
                self._skips = True
            self._skips = self._skips and not shot.key
            if not self._skips:
                self._waiting.append(shot)
                self._changed.notify_all()
            return True

    def end(self, problem: str, *, at_once: bool = False) -> None:
        """There are no more; the first reason stands.  `at_once`: also of those that wait."""
        with self._changed:
            self._problem = self._problem or problem
            if at_once:
                self._waiting.clear()
            self._changed.notify_all()


class PumpedEye:
    """An eye whose shots are read off `source` in a thread of its own (`gateway.ports.Eye`); `stop`
    gives the camera back, in that thread too."""

    def __init__(
        self, source: Iterator[Shot], stop: Callable[[], None], newest: Newest | None = None
    ) -> None:
        self._newest = newest or Newest()
        self._source, self._stop = source, stop
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def read(self) -> Shot:
        """See `gateway.ports.Eye`."""
        return self._newest.read()

    def want_key(self) -> None:
        """See `gateway.ports.Eye`: each picture stands for itself."""

    def close(self) -> None:
        """See `gateway.ports.Eye`."""
        self._newest.end("the camera is closed", at_once=True)
        self._thread.join(GIVE_BACK_S)

    def _run(self) -> None:
        problem = "the camera gives no more pictures"
        try:
            for shot in self._source:
                if not self._newest.put(shot):
                    break
        except Exception as error:  # the thread's edge: whoever reads hears of it
            problem = f"the camera failed: {error}"[:300]
        finally:
            self._newest.end(problem)
            self._stop()


def in_time(do: Callable[[], T], give_back: Callable[[T], None], within_s: float = OPEN_S) -> T:
    """What `do` gives, from a thread of its own.  Raises what it raises, and `DeviceUnavailable`
    when it takes too long; what it gives then is given back."""
    one = threading.Lock()
    made: list[T] = []
    failed: list[Exception] = []
    late = False

    def work() -> None:
        try:
            got = do()
        except Exception as error:  # handed to whoever waits
            failed.append(error)
            return
        with one:
            if not late:
                made.append(got)
                return
        give_back(got)

    thread = threading.Thread(target=work, name="camera-opens", daemon=True)
    thread.start()
    thread.join(within_s)
    with one:
        late = not made
    if made:
        return made[0]
    if failed:
        raise failed[0]
    raise DeviceUnavailable(f"the camera did not open within {within_s:g} s")
