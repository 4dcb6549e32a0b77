"""When what a child carries ends, and what sees to it that it does: on a clock that nobody sets.

A timer of the kernel's ends the process past its limit: it needs no turn of a loop, no thread that
gets its share of a busy machine, and works on one that is stopped.  Where there is no such timer a
thread does it.

Not for: the parent's own layer (`gateway.media.sessions`).
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import threading
import time

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
"""Seconds between two looks of the thread, while nothing is near its end."""

_MONOTONIC, _ABSOLUTE = 1, 1
"""`CLOCK_MONOTONIC`, which `time.monotonic` reads as well, and `TIMER_ABSTIME`."""


class Limit:
    """`ends_s` is `time.monotonic()`; it is the same clock in parent and child."""

    def __init__(self, within_s: float) -> None:
        self._killer: KernelTimer | None = None
        self._past_s = 0.0
        self._ends_s = time.monotonic() + within_s
        self.limit_s = 0.0

    def begin(self, limit_s: float, ends_s: float | None = None) -> None:
        """From now on, for so long; or to a moment that the parent named."""
        self.limit_s = limit_s
        self._end_at(time.monotonic() + limit_s if ends_s is None else ends_s)

    def wait(self, within_s: float) -> None:
        """So long for something else, before it begins."""
        self._end_at(time.monotonic() + within_s)

    def extend(self, by_s: float) -> None:
        """Once longer."""
        self.limit_s += by_s
        self._end_at(self._ends_s + by_s)

    def end(self) -> None:
        """Now: from here on only the process's own end is waited for."""
        self._end_at(min(self._ends_s, time.monotonic()))

    @property
    def left_s(self) -> float:
        return self._ends_s - time.monotonic()

    def kill_past(self, past_s: float) -> None:
        """From now on the kernel ends this process so long past its limit."""
        self._past_s, self._killer = past_s, kernel_timer()
        self._end_at(self._ends_s)

    def _end_at(self, ends_s: float) -> None:
        self._ends_s = ends_s
        if self._killer is not None:
            self._killer.set(ends_s + self._past_s)


class KernelTimer:
    """Kills this process at a moment that may be changed.  Raises `OSError` where there is none."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer = ctypes.c_void_p()
        event = _Event(None, signal.SIGKILL, 0, b"")
        made = self._libc.timer_create(_MONOTONIC, ctypes.byref(event), ctypes.byref(self._timer))
        if made != 0:
            raise OSError(ctypes.get_errno(), "timer_create")

    def set(self, at_s: float) -> None:
        """At this `time.monotonic()`; one that is past: now."""
        whole_s, rest_s = divmod(max(at_s, 1e-9), 1)  # all zero would stop it
        when = _Times(0, 0, int(whole_s), int(rest_s * 1e9) or 1)
        self._libc.timer_settime(self._timer, _ABSOLUTE, ctypes.byref(when), None)


class _Event(ctypes.Structure):
    """`struct sigevent`: its value, the signal, how it is told (0: by that signal), and room."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("how", ctypes.c_int),
        ("room", ctypes.c_char * 64),
    )


class _Times(ctypes.Structure):
    """`struct itimerspec` of a 64-bit system: how often again, and when; seconds, nanoseconds."""

    _fields_ = (
        ("again_s", ctypes.c_long),
        ("again_ns", ctypes.c_long),
        ("at_s", ctypes.c_long),
        ("at_ns", ctypes.c_long),
    )


def kernel_timer() -> KernelTimer | None:
    """None where the system has no such timer, or does not give it."""
    try:
        return KernelTimer() if ctypes.sizeof(ctypes.c_void_p) == 8 else None
    except (OSError, AttributeError) as error:
        log.warning("no timer of the kernel's", extra={"error": repr(error)})
        return None


def end_hard(limit: Limit, past_s: float) -> None:
    """End this process `past_s` after its limit, should its loop hang, and with a parent that is
    gone: by the kernel, and by a thread."""
    limit.kill_past(past_s)
    threading.Thread(target=_end_hard, args=(limit, past_s, os.getppid()), daemon=True).start()


def _end_hard(limit: Limit, past_s: float, parent: int) -> None:
    while True:
        left_s = limit.left_s + past_s
        if left_s <= 0 or os.getppid() != parent:
            os._exit(3)
        time.sleep(min(left_s, LOOK_EVERY_S))
