"""The newest sealed picture of each look that goes by the server, for seconds, in memory.

Only where home and page find no way to each other do pictures come here: sealed by the home for the
page, whose keys this server has not.  At most the newest of a look is held.  The memory is a file
that is on no disk (`memfd_create(2)`), made before gunicorn forks, so that a picture which the home
gave to one worker is there for the page that asks another; who writes or reads holds a lock of the
kernel's (`fcntl`), which is free again when a worker is killed.  Never in a table, never told over
the database, never written to a disk.

Not for: whose look it is (`web.staff.homelink.look_signals`, `web.staff.looks`), or what is seen.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.wire import PICTURE_MAX_BYTES

PLACES = 32
"""Looks that may go by the server at once: each is a minute at the most, and most find a direct
way.  Of more, the home is told to try its next picture later."""

KEPT_S = 10.0
"""Seconds after which a place that nobody used is free, and its picture gone: the page asks each
second, and the home ends a look for which nobody has asked for five."""

LOCK_WITHIN_S = 0.2
"""Seconds to wait for another worker, which holds the lock for the copying of one picture."""

LOOK_EVERY_S = 0.02
"""Seconds between two looks for a newer picture: half of it is what the waiting costs."""

_HEAD = struct.Struct("=16sddQI")
"""Whose (a hash of the look), when used last, when the page asked last (both seconds since the
machine's boot, the same for all workers), the picture's number, its length."""

_PLACE = (_HEAD.size + PICTURE_MAX_BYTES + mmap.PAGESIZE - 1) // mmap.PAGESIZE * mmap.PAGESIZE


class NoPlace(Exception):
    """So many looks go by the server that there is no place for this one."""


@dataclass(slots=True)
class _Place:
    at: int
    whose: bytes = b""
    used_s: float = 0.0
    asked_s: float = 0.0
    number: int = 0
    length: int = 0


class Pictures:
    """The places of all looks, shared by this process and those forked from it.  Every method may
    be called from any thread, and raises `NoPlace` where it needs one and there is none."""

    def __init__(self, places: int = PLACES) -> None:
        self._file = os.memfd_create("tryggve-pictures", os.MFD_CLOEXEC)
        os.ftruncate(self._file, places * _PLACE)
        weakref.finalize(self, os.close, self._file)
        self._memory = mmap.mmap(self._file, places * _PLACE)
        self._places = places
        self._lock = threading.Lock()

    def put(self, look: str, number: int, sealed: bytes) -> bool:
        """Hold this one instead of the one before; False: it is no newer, and nothing was done."""
        with self._held():
            place = self._claim(look)
            if number <= place.number:
                return False
            start = place.at + _HEAD.size
            self._memory[start : start + len(sealed)] = sealed
            place.number, place.length = number, len(sealed)
            self._note(place)
            return True

    def newest(self, look: str, after: int, within_s: float = 0.0) -> tuple[int, bytes] | None:
        """The page asks: the picture held, with its number, if that is above `after`; waits for one
        for `within_s` seconds."""
        until_s = time.monotonic() + within_s
        while True:
            with self._held():
                place = self._claim(look)
                place.asked_s = time.monotonic()
                self._note(place)
                if place.number > after:
                    start = place.at + _HEAD.size
                    return place.number, self._memory[start : start + place.length]
            if time.monotonic() >= until_s:
                return None
            time.sleep(LOOK_EVERY_S)

    def unasked_s(self, look: str) -> float:
        """Seconds since the page asked last; since it might have, where it never did."""
        with self._held():
            return time.monotonic() - self._claim(look).asked_s

    def drop(self, look: str) -> None:
        """The look is over: nothing of it is held any more."""
        with self._held():
            place = self._find(look)
            if place is not None:
                self._clear(place.at)

    def sweep(self) -> None:
        """Have nothing left of looks that nobody uses any more."""
        with self._held():
            for place in self._all():
                if place.used_s and not self._is_used(place):
                    self._clear(place.at)

    def held(self) -> int:
        """Bytes of pictures held now."""
        with self._held():
            return sum(place.length for place in self._all())

    # --- places, under the lock

    @contextmanager
    def _held(self) -> Iterator[None]:
        """The lock among threads and workers."""
        until_s = time.monotonic() + LOCK_WITHIN_S
        if not self._lock.acquire(timeout=LOCK_WITHIN_S):
            raise NoPlace
        try:
            while True:
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > until_s:  # a worker that is stopped holds it
                        raise NoPlace from None
                    time.sleep(0.001)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)
        finally:
            self._lock.release()

    def _all(self) -> Iterator[_Place]:
        for at in range(0, self._places * _PLACE, _PLACE):
            yield _Place(at, *_HEAD.unpack_from(self._memory, at))

    def _is_used(self, place: _Place) -> bool:
        return place.used_s > 0 and time.monotonic() - place.used_s < KEPT_S

    def _find(self, look: str) -> _Place | None:
        whose = _name(look)
        return next((p for p in self._all() if p.whose == whose and self._is_used(p)), None)

    def _claim(self, look: str) -> _Place:
        """This look's place, or one that is free."""
        mine = self._find(look)
        if mine is not None:
            return mine
        free = next((place for place in self._all() if not self._is_used(place)), None)
        if free is None:
            raise NoPlace
        self._clear(free.at)
        made = _Place(free.at, _name(look), asked_s=time.monotonic())
        self._note(made)
        return made

    def _note(self, place: _Place) -> None:
        place.used_s = time.monotonic()
        head = (place.whose, place.used_s, place.asked_s, place.number, place.length)
        _HEAD.pack_into(self._memory, place.at, *head)

    def _clear(self, at: int) -> None:
        """Nothing of it is left, and the memory goes back to the system."""
        self._memory.madvise(mmap.MADV_REMOVE, at, _PLACE)


def _name(look: str) -> bytes:
    return hashlib.blake2b(look.encode(), digest_size=16).digest()
