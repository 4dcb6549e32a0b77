"""The open camera in the child of a look: read in a thread, and never more than a moment behind.

A picture that nobody took in time is dropped: late is worse than none.  Not for: what becomes of it
(`gateway.media.sight`), or the camera itself (its driver's module).
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gateway.errors import DeviceError, DeviceRefused, DeviceUnavailable
from gateway.events import LookEnd
from gateway.ports import Eye, Form, Shot

PACKETS_MAX = 10
"""Packets that may wait: a second.  More, and all wait for the next key picture instead."""


class SightFailed(Exception):
    """There are no (more) pictures; `why` is how the look ends."""

    def __init__(self, why: LookEnd) -> None:
        super().__init__(why.value)
        self.why = why


class OpenEye:
    """A camera from `open` to `close`."""

    def __init__(self, module: str, settings: Mapping[str, Any], form: Form) -> None:
        self._module, self._settings, self._form = module, settings, form
        self._loop = asyncio.get_running_loop()
        self._shots: deque[Shot] = deque()
        self._came = asyncio.Event()
        self._failed: LookEnd | None = None
        self._eye: Eye | None = None
        self._closed = False
        self._one = threading.Lock()

    def open(self) -> None:
        """Begin to open it; what goes wrong is told by `next`."""
        threading.Thread(target=self._read, name="eye", daemon=True).start()

    async def next(self) -> Shot:
        """The newest picture that nobody had yet, or the next.  Raises `SightFailed`."""
        while not self._shots:
            if self._failed is not None:
                raise SightFailed(self._failed)
            self._came.clear()
            await self._came.wait()
        return self._shots.popleft()

    def want_key(self) -> None:
        """The next packet is to be a key picture."""
        if self._eye is not None:
            self._eye.want_key()

    async def close(self) -> None:
        """Give the camera back, in a thread: a driver may take its time.  May be called twice."""
        with self._one:
            self._closed = True
            eye, self._eye = self._eye, None
        self._shots.clear()
        self._fail(LookEnd.CAMERA_FAILED)
        if eye is not None:
            with suppress(Exception):  # the end of this process closes it, too
                await asyncio.to_thread(eye.close)

    # --- in the thread

    def _read(self) -> None:
        try:
            eye = importlib.import_module(self._module).open_eye(self._settings, self._form)
        except DeviceRefused as error:
            busy = error.why == "busy"
            return self._tell(LookEnd.CAMERA_BUSY if busy else LookEnd.CAMERA_FAILED)
        except DeviceUnavailable:
            return self._tell(LookEnd.CAMERA_MISSING)
        except Exception:
            return self._tell(LookEnd.CAMERA_FAILED)
        with self._one:
            closed = self._closed
            if not closed:
                self._eye = eye
        if closed:  # it was opened too late
            eye.close()
            return None
        try:
            while not self._closed:
                self._in_loop(self._add, eye.read())
        except DeviceError:
            self._tell(LookEnd.CAMERA_FAILED)
        except Exception:
            self._tell(LookEnd.CAMERA_FAILED)
        return None

    def _tell(self, why: LookEnd) -> None:
        self._in_loop(self._fail, why)

    def _in_loop(self, call: Any, given: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, given)

    # --- in the loop

    def _add(self, shot: Shot) -> None:
        if self._closed:
            return
        if shot.form is not Form.PACKETS:
            self._shots.clear()
        elif len(self._shots) >= PACKETS_MAX:
            self._shots.clear()
            self.want_key()
        elif not shot.key and not self._shots and self._lacks_key:
            return
        self._lacks_key = shot.form is Form.PACKETS and not shot.key and self._lacks_key
        self._shots.append(shot)
        self._came.set()

    _lacks_key = True

    def _fail(self, why: LookEnd) -> None:
        if self._failed is None:
            self._failed = why
        self._came.set()
