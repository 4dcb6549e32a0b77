"""Small files that a driver keeps in its state folder, on disk when the call returns.

A driver that runs writes them through a `Keeper`: a card that refuses or hangs costs what was to be
kept, never a reading.

Not for: secrets (`gateway.ports.Secrets`) or events.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

SETTLE_S = 1.0
"""Seconds that a driver which ends waits for its last file: a card that is well takes some 10 ms,
and the home's loop stands still meanwhile."""


def save(path: Path, fields: dict[str, Any]) -> None:
    """Write `fields` as JSON: the old file or the whole new one is there, whenever the power goes.
    Raises `OSError`."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(fields, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load(path: Path) -> dict[str, Any] | None:
    """What was kept; None when nothing was, or what is there cannot be read."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return fields if isinstance(fields, dict) else None


class Keeper:
    """Runs writes one after the other in a thread, the newest only: whoever reads a sensor waits
    for no disk.  A disk that refuses is one line in the diagnostic log until it takes again."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._lock = threading.Lock()
        self._next: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None
        self._refused = False

    def put(self, write: Callable[[], None]) -> None:
        """Run `write` soon, in place of one that has not begun.  Never blocks, never raises."""
        with self._lock:
            self._next = write
            if self._thread is None:
                name = f"keeper-{self._device}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()

    def settle(self, timeout_s: float = SETTLE_S) -> bool:
        """Wait until nothing is left to write, at most `timeout_s`; whether that is so."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        return thread is None or not thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._lock:
                write, self._next = self._next, None
                if write is None:
                    self._thread = None
                    return
            try:
                write()
            except OSError as error:
                if not self._refused:
                    why = {"device": self._device, "why": str(error)}
                    log.warning("a device's file is not kept", extra=why)
                self._refused = True
            else:
                self._refused = False
