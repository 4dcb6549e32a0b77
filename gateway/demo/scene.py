"""Tells the virtual camera where the virtual resident is: a small file that it reads for each
picture.

Not for: what the camera makes of it (`drivers.camera_virtual`).
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.clock import Clock
from gateway.demo.resident import Resident

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of a local clock, as the wall has it

CLOCK_OFF_S = 30.0
"""Seconds that the drawn clock may be wrong: half of what one can read off it."""


class Scene:
    """Writes `file` whenever it says something else.  In the event loop."""

    def __init__(self, file: Path, resident: Resident, clock: Clock, timezone: str) -> None:
        self._file, self._resident, self._clock = file, resident, clock
        self._zone = ZoneInfo(timezone)
        self._told: tuple[str, float] | None = None

    def tell(self) -> None:
        """Write it, if anything has changed.  A fast night moves the clock all the time; at a
        person's pace nothing is written while nothing happens."""
        shows = "bed" if self._resident.in_bed else "floor" if self._resident.lies else "away"
        local = self._clock.now().astimezone(self._zone).replace(tzinfo=None)
        ahead_s = (local - _EPOCH).total_seconds() - time.time()
        told = self._told
        if told is not None and told[0] == shows and abs(told[1] - ahead_s) < CLOCK_OFF_S:
            return
        self._told = shows, ahead_s
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps({"shows": shows, "ahead_s": round(ahead_s, 3)}))
        fresh.replace(self._file)
